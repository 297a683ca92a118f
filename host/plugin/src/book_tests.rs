//! What a generation takes over from the one before.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use std::path::Path;

use apex_config::limits::PluginLimits;
use apex_model::failure::PortResult;
use apex_model::ids::Digest;
use apex_model::ports::{Blobs, ConnectorState};
use bytes::Bytes;
use secrecy::SecretString;

use super::*;
use crate::capability::http::Carrier;
use crate::catalog;

#[allow(dead_code)] // The guests of the tests from outside; one of them is used here.
#[path = "../tests/it/guest.rs"]
mod guest;

/// Keeps nothing.
struct Nowhere;

impl ConnectorState for Nowhere {
    fn get(&self, _: &SourceName, _: &str) -> PortResult<Option<Vec<u8>>> {
        Ok(None)
    }

    fn set(&self, _: &SourceName, _: &str, _: &[u8]) -> PortResult<()> {
        Ok(())
    }

    fn increment(&self, _: &SourceName, _: &str) -> PortResult<u32> {
        Ok(1)
    }

    fn delete(&self, _: &SourceName, _: &str) -> PortResult<()> {
        Ok(())
    }
}

impl Blobs for Nowhere {
    fn put(&self, bytes: &[u8]) -> PortResult<Digest> {
        Ok(Digest::of(bytes))
    }

    fn get(&self, _: Digest) -> PortResult<Option<Bytes>> {
        Ok(None)
    }
}

fn loader(cache: &Path, memory_mib_max: u32) -> Loader {
    // Another test of this process may have installed it; then it is there.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let limits = PluginLimits { memory_mib_max, ..PluginLimits::default() };
    let carrier = Carrier::Script(Arc::new(|_| Err("no request is sent".to_owned())));
    let clock = Arc::new(|| Timestamp::from_unix_ms(0));
    catalog::loader(&limits, cache, Arc::new(Nowhere), Arc::new(Nowhere), clock, carrier).unwrap()
}

/// A connector whose `check` needs more than two MiB of memory.
fn hungry(id: &str) -> Vec<u8> {
    let grow = "(if (i32.eq (memory.grow (i32.const 40)) (i32.const -1)) (then unreachable)) (i32.const 0)";
    guest::accepting(id, "k").check(grow).build()
}

fn put(book: &mut Book, loader: &Loader, file: &str, bytes: &[u8]) {
    let content = Arc::new(loader.load(bytes, stem(file)).unwrap());
    book.files.insert(file.to_owned(), Entry { loaded: Some(content), error: None });
}

fn state(snapshot: &Snapshot, name: &str) -> SourceState {
    snapshot.sources.iter().find(|source| source.name.as_str() == name).unwrap().state
}

#[test]
fn a_source_is_not_asked_again_when_another_component_is_swapped() {
    let dir = tempfile::tempdir().unwrap();
    let (roomy, tight) = (loader(dir.path(), 64), loader(dir.path(), 2));
    let mut book = Book::default();
    put(&mut book, &roomy, "front.wasm", &hungry("front"));
    let mut settings = SourceSettings::bare(SourceName::parse("front").unwrap(), "front");
    settings.secrets.insert("spare".to_owned(), vec![SecretString::from("one")]);
    book.settings = vec![settings];
    let first = book.generation(&roomy, &Snapshot::default());
    assert_eq!(state(&first, "front"), SourceState::Active);

    // From here on its `check` would fail.
    put(&mut book, &tight, "other.wasm", &guest::accepting("other", "k").build());
    let second = book.generation(&tight, &first);
    assert_eq!((state(&second, "front"), state(&second, "other")), (SourceState::Active, SourceState::Active));
    assert!(matches!(second.slots.values().next(), Some(Slot::Ready(_))));

    // Another secret, another configuration or other content is a new binding, which is checked.
    let mut changed = book.settings.clone();
    changed[0].secrets.insert("spare".to_owned(), vec![SecretString::from("two")]);
    let unchanged = std::mem::replace(&mut book.settings, changed);
    assert_eq!(state(&book.generation(&tight, &second), "front"), SourceState::Waiting);
    book.settings = unchanged;
    book.settings[0].config_json = r#"{"a":1}"#.to_owned();
    assert_eq!(state(&book.generation(&tight, &second), "front"), SourceState::Waiting);
    book.settings[0].config_json = "{}".to_owned();
    assert_eq!(state(&book.generation(&tight, &second), "front"), SourceState::Active);
    let mut newer = hungry("front");
    guest::append_section(&mut newer, "note", b"newer");
    put(&mut book, &tight, "front.wasm", &newer);
    assert_eq!(state(&book.generation(&tight, &second), "front"), SourceState::Waiting);
}
