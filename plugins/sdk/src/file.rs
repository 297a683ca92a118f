//! One way to read a file, whether the host holds it or a test does. It must not keep more of a file than was asked for.

use crate::bindings::batch::apex::connector::reader::File;
use crate::types::Fault;

/// Bytes per call of [`FileReader::read_all`]: well below what the host lets cross at once.
const READ_BYTES_MAX: u32 = 1 << 18;

/// A file that is read in parts.
pub trait FileReader {
    /// The file's name without its folders.
    fn name(&self) -> String;
    /// Size in bytes.
    fn size(&self) -> u32;
    /// SHA-256 of the whole file in lower-case hex.
    fn sha256(&self) -> String;
    /// Up to `length` bytes from `offset`; fewer at the end, none past it.
    ///
    /// # Errors
    /// The host could not read the file.
    fn read(&self, offset: u32, length: u32) -> Result<Vec<u8>, Fault>;

    /// The whole file. Only for files that are known to be small.
    ///
    /// # Errors
    /// The host could not read the file.
    fn read_all(&self) -> Result<Vec<u8>, Fault> {
        let mut bytes = Vec::with_capacity(self.size() as usize);
        let mut offset = 0;
        loop {
            let part = self.read(offset, READ_BYTES_MAX)?;
            if part.is_empty() {
                return Ok(bytes);
            }
            // A part is never longer than what was asked for; a count that does not fit ends the file.
            offset = offset.saturating_add(u32::try_from(part.len()).unwrap_or(u32::MAX));
            bytes.extend_from_slice(&part);
        }
    }
}

impl FileReader for File {
    fn name(&self) -> String {
        Self::name(self)
    }

    fn size(&self) -> u32 {
        Self::size(self)
    }

    fn sha256(&self) -> String {
        Self::sha256(self)
    }

    fn read(&self, offset: u32, length: u32) -> Result<Vec<u8>, Fault> {
        Self::read(self, offset, length)
    }
}

/// A file in memory, for native tests. Its hash is whatever the test says: hashing is the host's.
#[derive(Debug, Clone)]
pub struct MemoryFile {
    name: String,
    bytes: Vec<u8>,
    sha256: String,
}

impl MemoryFile {
    /// A file of this name and content, its hash 64 zeros.
    pub fn new(name: &str, bytes: impl Into<Vec<u8>>) -> Self {
        Self { name: name.to_owned(), bytes: bytes.into(), sha256: "0".repeat(64) }
    }

    /// The same file with this hash, lower-case hex.
    #[must_use]
    pub fn with_sha256(mut self, sha256: &str) -> Self {
        sha256.clone_into(&mut self.sha256);
        self
    }
}

impl FileReader for MemoryFile {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn size(&self) -> u32 {
        u32::try_from(self.bytes.len()).unwrap_or(u32::MAX)
    }

    fn sha256(&self) -> String {
        self.sha256.clone()
    }

    fn read(&self, offset: u32, length: u32) -> Result<Vec<u8>, Fault> {
        let start = (offset as usize).min(self.bytes.len());
        let end = start.saturating_add(length as usize).min(self.bytes.len());
        Ok(self.bytes.get(start..end).unwrap_or_default().to_vec())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]
    use super::*;

    #[test]
    fn reading_stops_at_the_end() {
        let file = MemoryFile::new("a.edi", *b"0123456789");
        assert_eq!(file.read(8, 5).unwrap(), b"89");
        assert_eq!(file.read(10, 1).unwrap(), b"");
        assert_eq!(file.read(u32::MAX, u32::MAX).unwrap(), b"");
    }

    #[test]
    fn the_whole_of_a_file_of_several_parts_is_read() {
        let length = READ_BYTES_MAX as usize * 2 + 1;
        let bytes: Vec<u8> = (0..=250).cycle().take(length).collect();
        assert!(MemoryFile::new("a", bytes.clone()).read_all().unwrap() == bytes);
        assert_eq!(MemoryFile::new("a", Vec::new()).read_all().unwrap(), b"");
    }
}
