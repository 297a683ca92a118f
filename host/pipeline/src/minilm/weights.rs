//! Reads `model.safetensors`: tensor by tensor, so that the file and the tensors are never in memory together, and with
//! its digest taken on the way.
//!
//! The format (safetensors specification): length of the header in 8 little-endian bytes, a JSON header, then the
//! tensors' bytes without gaps.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use sha2::{Digest as _, Sha256};

use super::ModelError;

/// Bytes of header that are still believable.
const HEADER_BYTES_MAX: u64 = 1 << 20;

/// The values of one tensor, row by row.
pub struct Values {
    /// Lengths of its dimensions.
    pub shape: Vec<usize>,
    /// As many as the shape says.
    pub values: Vec<f32>,
}

/// Every f32 tensor of the file by name; others (position numbers) are passed over.
pub fn read(path: &Path, digest: &str) -> Result<HashMap<String, Values>, ModelError> {
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

fn tensors(reader: &mut impl Read) -> Result<HashMap<String, Values>, String> {
    let mut found = HashMap::new();
    let mut place = 0;
    for entry in header(reader)? {
        if entry.start != place {
            return Err(format!("tensor `{}` does not follow the one before it", entry.name));
        }
        place += entry.bytes;
        let wrong = |why: String| format!("tensor `{}`: {why}", entry.name);
        if entry.is_f32 {
            let values = floats(reader, entry.bytes).map_err(|error| wrong(error.to_string()))?;
            if entry.shape.iter().product::<usize>() != values.len() {
                return Err(wrong("its shape and its bytes differ".to_owned()));
            }
            found.insert(entry.name, Values { shape: entry.shape, values });
        } else {
            let skipped = std::io::copy(&mut reader.take(entry.bytes as u64), &mut std::io::sink());
            skipped.map_err(|error| wrong(error.to_string()))?;
        }
    }
    Ok(found)
}

/// Reads numbers piece by piece, so that their bytes are never in memory a second time.
fn floats(reader: &mut impl Read, bytes: usize) -> std::io::Result<Vec<f32>> {
    let mut values = Vec::with_capacity(bytes / 4);
    let mut piece = [0; 16 << 10];
    let mut left = bytes;
    while left > 0 {
        let length = left.min(piece.len());
        let part = piece.get_mut(..length).unwrap_or_default();
        reader.read_exact(part)?;
        values.extend(part.as_chunks::<4>().0.iter().map(|number| f32::from_le_bytes(*number)));
        left -= length;
    }
    Ok(values)
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// A file as the specification lays it out, written by hand.
    fn file(header: &str, data: &[u8]) -> Vec<u8> {
        [&(header.len() as u64).to_le_bytes(), header.as_bytes(), data].concat()
    }

    fn read_bytes(bytes: &[u8]) -> Result<HashMap<String, Values>, String> {
        tensors(&mut &*bytes)
    }

    #[test]
    fn tensors_are_read_in_the_order_of_their_bytes() {
        let header = r#"{"b":{"dtype":"F32","shape":[2,1],"data_offsets":[8,16]},"__metadata__":{"x":"y"},
            "a":{"dtype":"I64","shape":[1],"data_offsets":[0,8]}}"#;
        let data = [&7_i64.to_le_bytes()[..], &1.5_f32.to_le_bytes(), &(-2.0_f32).to_le_bytes()].concat();
        let found = read_bytes(&file(header, &data)).unwrap();
        assert_eq!(found.keys().collect::<Vec<_>>(), ["b"]);
        assert_eq!(
            found.values().map(|b| (b.shape.clone(), b.values.clone())).next(),
            Some((vec![2, 1], vec![1.5, -2.0]))
        );
    }

    #[test]
    fn what_the_header_promises_must_be_there() {
        let one = |shape: &str, offsets: &str| {
            format!(r#"{{"a":{{"dtype":"F32","shape":{shape},"data_offsets":{offsets}}}}}"#)
        };
        assert!(read_bytes(&file(&one("[1]", "[0,4]"), &[0; 4])).is_ok());
        for (header, data) in [
            (one("[2]", "[0,8]"), 4),
            (one("[2]", "[0,4]"), 4),
            (one("[1]", "[4,8]"), 8),
            (one("[1]", "[4,0]"), 4),
            (one("[-1]", "[0,4]"), 4),
            ("{}x".to_owned(), 0),
        ] {
            assert!(read_bytes(&file(&header, &vec![0; data])).is_err(), "{header}");
        }
        assert!(read_bytes(&[255; 16]).is_err());
        assert!(read_bytes(&[1]).is_err());
    }
}
