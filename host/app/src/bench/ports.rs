//! Ports without a disk, so that a measured call is the sandbox's cost alone.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use apex_model::failure::PortResult;
use apex_model::ids::{Digest, SourceName};
use apex_model::ports::{Blobs, ConnectorState};
use bytes::Bytes;

/// A source's small store and blobs, in memory.
#[derive(Debug, Default)]
pub struct MemoryPorts {
    values: Mutex<HashMap<String, Vec<u8>>>,
    blobs: Mutex<HashMap<Digest, Bytes>>,
}

impl MemoryPorts {
    fn values(&self) -> MutexGuard<'_, HashMap<String, Vec<u8>>> {
        self.values.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ConnectorState for MemoryPorts {
    fn get(&self, _source: &SourceName, key: &str) -> PortResult<Option<Vec<u8>>> {
        Ok(self.values().get(key).cloned())
    }

    fn set(&self, _source: &SourceName, key: &str, value: &[u8]) -> PortResult<()> {
        self.values().insert(key.to_owned(), value.to_vec());
        Ok(())
    }

    fn increment(&self, source: &SourceName, key: &str) -> PortResult<u32> {
        let before = ConnectorState::get(self, source, key)?
            .and_then(|value| String::from_utf8(value).ok()?.parse::<u32>().ok());
        let next = before.unwrap_or_default().saturating_add(1);
        self.set(source, key, next.to_string().as_bytes())?;
        Ok(next)
    }

    fn delete(&self, _source: &SourceName, key: &str) -> PortResult<()> {
        self.values().remove(key);
        Ok(())
    }
}

impl Blobs for MemoryPorts {
    fn put(&self, bytes: &[u8]) -> PortResult<Digest> {
        let digest = Digest::of(bytes);
        self.blobs.lock().unwrap_or_else(PoisonError::into_inner).insert(digest, Bytes::copy_from_slice(bytes));
        Ok(digest)
    }

    fn get(&self, digest: Digest) -> PortResult<Option<Bytes>> {
        Ok(self.blobs.lock().unwrap_or_else(PoisonError::into_inner).get(&digest).cloned())
    }
}
