//! Reads `model.safetensors`: tensor by tensor, so that the file and the tensors are never in memory together, and with
//! its digest taken on the way.
//!
//! The format (safetensors specification): length of the header in 8 little-endian bytes, a JSON header, then the
//! tensors' bytes without gaps.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use candle_core::{Device, Tensor};
use sha2::{Digest as _, Sha256};

use super::ModelError;

/// Bytes of header that are still believable.
const HEADER_BYTES_MAX: u64 = 1 << 20;

/// Every f32 tensor of the file by name; others (position numbers) are passed over.
pub fn read(path: &Path, digest: &str) -> Result<HashMap<String, Tensor>, ModelError> {
    let file = File::open(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => ModelError::Missing(path.to_owned()),
        _ => ModelError::Unreadable { file: path.to_owned(), why: error.to_string() },
    })?;
    let corrupt = |why: String| ModelError::Corrupt { file: path.to_owned(), why };
    let mut reader = Hashing { inner: BufReader::with_capacity(1 << 20, file), hash: Sha256::new() };
    let read = tensors(&mut reader);
    // A damaged file can fail anywhere; that its digest is wrong says it best.
    std::io::copy(&mut reader, &mut std::io::sink()).map_err(|error| corrupt(error.to_string()))?;
    let found = hex::encode(reader.hash.finalize());
    if found != digest {
        return Err(corrupt(format!("its SHA-256 is {found}, expected {digest}")));
    }
    read.map_err(corrupt)
}

struct Hashing<R> {
    inner: R,
    hash: Sha256,
}

impl<R: Read> Read for Hashing<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let length = self.inner.read(buffer)?;
        self.hash.update(buffer.get(..length).unwrap_or_default());
        Ok(length)
    }
}

/// What the header says of one tensor.
struct Entry {
    name: String,
    shape: Vec<usize>,
    is_f32: bool,
    bytes: usize,
    start: usize,
}

fn tensors(reader: &mut impl Read) -> Result<HashMap<String, Tensor>, String> {
    let mut found = HashMap::new();
    let mut place = 0;
    for entry in header(reader)? {
        if entry.start != place {
            return Err(format!("tensor `{}` does not follow the one before it", entry.name));
        }
        place += entry.bytes;
        let mut bytes = vec![0; entry.bytes];
        reader.read_exact(&mut bytes).map_err(|error| format!("tensor `{}`: {error}", entry.name))?;
        if entry.is_f32 {
            let values: Vec<f32> = bytes.as_chunks::<4>().0.iter().map(|number| f32::from_le_bytes(*number)).collect();
            let tensor = Tensor::from_vec(values, entry.shape, &Device::Cpu).map_err(|error| error.to_string())?;
            found.insert(entry.name, tensor);
        }
    }
    Ok(found)
}

/// The tensors in the order of their bytes.
fn header(reader: &mut impl Read) -> Result<Vec<Entry>, String> {
    let mut length = [0; 8];
    reader.read_exact(&mut length).map_err(|error| error.to_string())?;
    let length = u64::from_le_bytes(length);
    if length > HEADER_BYTES_MAX {
        return Err(format!("its header claims {length} bytes"));
    }
    let mut text = Vec::new();
    reader.take(length).read_to_end(&mut text).map_err(|error| error.to_string())?;
    let header: HashMap<String, serde_json::Value> =
        serde_json::from_slice(&text).map_err(|error| error.to_string())?;
    let mut entries = Vec::new();
    for (name, value) in header {
        if name != "__metadata__" {
            entries.push(entry(&name, &value).ok_or_else(|| format!("tensor `{name}` is described wrongly"))?);
        }
    }
    entries.sort_by_key(|entry| entry.start);
    Ok(entries)
}

fn entry(name: &str, value: &serde_json::Value) -> Option<Entry> {
    let number = |value: &serde_json::Value| value.as_u64().and_then(|number| usize::try_from(number).ok());
    let shape: Vec<usize> = value.get("shape")?.as_array()?.iter().map(number).collect::<Option<_>>()?;
    let offsets = value.get("data_offsets")?;
    let (start, end) = (number(offsets.get(0)?)?, number(offsets.get(1)?)?);
    let is_f32 = value.get("dtype")?.as_str()? == "F32";
    Some(Entry { name: name.to_owned(), shape, is_f32, bytes: end.checked_sub(start)?, start })
}
