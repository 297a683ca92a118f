//! The embedding model against figures made elsewhere (`fixtures/minilm.json` says how).
//!
//! Needs the weights: they are looked for where `apex model fetch` puts them, and fetched if they are not there.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use apex_model::ports::Embedder;
use apex_model::{Code, Pressure};
use apex_pipeline::{MiniLm, MiniLmOptions, model_fetch};

/// The model's directory below the cache root.
fn model_dir() -> PathBuf {
    static DIR: OnceLock<PathBuf> = OnceLock::new();
    DIR.get_or_init(|| {
        let variable = |name: &str| std::env::var_os(name).map(PathBuf::from);
        let root = variable("APEX_CACHE")
            .or_else(|| variable("XDG_CACHE_HOME").map(|cache| cache.join("apex-host")))
            .or_else(|| variable("HOME").map(|home| home.join(".cache/apex-host")))
            .expect("set APEX_CACHE or HOME");
        let dir = root.join("model");
        let local = variable("APEX_MODEL_DIR");
        model_fetch::fetch(&dir, local.as_deref(), |_| {}).expect("run `apex model fetch`");
        dir
    })
    .clone()
}

fn embedder() -> MiniLm {
    MiniLm::new(MiniLmOptions::new(&model_dir(), 16, Pressure::default())).unwrap()
}

fn cosine(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}

fn fixture() -> serde_json::Value {
    serde_json::from_str(include_str!("fixtures/minilm.json")).unwrap()
}

#[tokio::test]
async fn vectors_equal_those_of_another_implementation() {
    let fixture = fixture();
    let texts: Vec<String> =
        fixture["texts"].as_array().unwrap().iter().map(|text| text["text"].as_str().unwrap().to_owned()).collect();
    let vectors = embedder().embed(texts).await.unwrap();
    for (vector, expected) in vectors.iter().zip(fixture["texts"].as_array().unwrap()) {
        for (value, expected) in vector.iter().zip(expected["first"].as_array().unwrap()) {
            assert!((f64::from(*value) - expected.as_f64().unwrap()).abs() < 2e-5, "{value} is not {expected}");
        }
    }
    for (a, row) in vectors.iter().zip(fixture["cosines"].as_array().unwrap()) {
        for (b, expected) in vectors.iter().zip(row.as_array().unwrap()) {
            assert!((f64::from(cosine(a, b)) - expected.as_f64().unwrap()).abs() < 5e-5);
        }
    }
}

#[tokio::test]
async fn tokens_are_counted_as_the_model_counts_them() {
    let counter = embedder().counter();
    for text in fixture()["texts"].as_array().unwrap() {
        let tokens = usize::try_from(text["tokens"].as_u64().unwrap()).unwrap();
        // The fixture counts the two marks, and cuts at 256.
        if tokens < 256 {
            assert_eq!(counter.count(text["text"].as_str().unwrap()) + 2, tokens);
        }
    }
}

#[tokio::test]
async fn a_vector_does_not_depend_on_the_batch_it_was_made_in() {
    let embedder = Arc::new(embedder());
    let texts: Vec<String> = (0..50).map(|n| format!("Truck {n} waits. {}", "It is late. ".repeat(n))).collect();
    let together = embedder.embed(texts.clone()).await.unwrap();
    let calls: Vec<_> = texts
        .into_iter()
        .map(|text| {
            let embedder = Arc::clone(&embedder);
            tokio::spawn(async move { embedder.embed(vec![text]).await.unwrap() })
        })
        .collect();
    for (call, expected) in calls.into_iter().zip(together) {
        assert!(cosine(&call.await.unwrap()[0], &expected) > 0.999_999);
    }
}

#[tokio::test]
async fn more_calls_than_places_wait_their_turn() {
    let options = MiniLmOptions { queue_calls_max: 2, ..MiniLmOptions::new(&model_dir(), 4, Pressure::default()) };
    let embedder = Arc::new(MiniLm::new(options).unwrap());
    let calls: Vec<_> = (0..20)
        .map(|n| {
            let embedder = Arc::clone(&embedder);
            tokio::spawn(async move { embedder.embed(vec![format!("call {n}"), "x".into()]).await.unwrap().len() })
        })
        .collect();
    for call in calls {
        assert_eq!(call.await.unwrap(), 2);
    }
}

#[tokio::test]
async fn weights_come_back_after_they_were_let_go() {
    let options =
        MiniLmOptions { unload_after: Duration::ZERO, ..MiniLmOptions::new(&model_dir(), 4, Pressure::default()) };
    let embedder = MiniLm::new(options).unwrap();
    let first = embedder.embed(vec!["a pallet".into()]).await.unwrap();
    assert_eq!(embedder.embed(vec!["a pallet".into()]).await.unwrap(), first);
}

#[tokio::test]
async fn missing_and_damaged_files_wait_for_a_person() {
    let dir = tempfile::tempdir().unwrap();
    let embedder = MiniLm::new(MiniLmOptions::new(dir.path(), 4, Pressure::default())).unwrap();
    let missing = embedder.embed(vec!["x".into()]).await.unwrap_err();
    assert_eq!((missing.code, missing.next_step.as_str()), (Code::MODEL_MISSING, "run `apex model fetch`"));

    let weights = dir.path().join(model_fetch::WEIGHTS_FILE);
    std::fs::write(&weights, b"\xff\xff\xff\xff\xff\xff\xff\xffgarbage").unwrap();
    let damaged = embedder.embed(vec!["x".into()]).await.unwrap_err();
    assert_eq!(damaged.code, Code::MODEL_CORRUPT);
    assert!(damaged.what.contains("SHA-256"), "{}", damaged.what);

    // As soon as the right files are there, the same embedder works.
    for name in [model_fetch::WEIGHTS_FILE, model_fetch::TOKENIZER_FILE] {
        std::fs::copy(model_dir().join(name), dir.path().join(name)).unwrap();
    }
    assert_eq!(embedder.embed(vec!["x".into()]).await.unwrap()[0].len(), 384);
}

#[test]
fn a_damaged_file_is_replaced_and_two_fetches_do_not_disturb_each_other() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join(model_fetch::WEIGHTS_FILE), "damaged").unwrap();
    let source = model_dir();
    let origins: Vec<model_fetch::Origin> = std::thread::scope(|scope| {
        let fetches: Vec<_> =
            (0..3).map(|_| scope.spawn(|| model_fetch::fetch(dir.path(), Some(&source), |_| {}).unwrap())).collect();
        fetches.into_iter().map(|fetch| fetch.join().unwrap()).collect()
    });
    let copied = origins.iter().filter(|origin| **origin == model_fetch::Origin::Directory(source.clone())).count();
    let present = origins.iter().filter(|origin| **origin == model_fetch::Origin::Present).count();
    assert_eq!((copied, present), (1, 2));
    let states = model_fetch::check(dir.path()).unwrap();
    assert!(states.iter().all(|(_, state)| *state == model_fetch::FileState::Right));
}

#[tokio::test]
async fn calls_that_nobody_waits_for_hold_up_nobody() {
    let options = MiniLmOptions { queue_calls_max: 4, ..MiniLmOptions::new(&model_dir(), 4, Pressure::default()) };
    let embedder = Arc::new(MiniLm::new(options).unwrap());
    for n in 0..40 {
        let long = vec![format!("cancelled {n} {}", "and again the truck is late ".repeat(40)); 50];
        let call = embedder.embed(long);
        // Long enough to enter the queue, too short for 2,000 texts: the call is dropped on the way.
        let _ = tokio::time::timeout(Duration::from_millis(1), call).await;
    }
    let answered = tokio::time::timeout(Duration::from_mins(1), embedder.embed(vec!["a question".into()])).await;
    assert_eq!(answered.expect("cancelled calls must not be worked off first").unwrap().len(), 1);
}
