//! A file that the host holds and a connector reads from.

use apex_model::ids::Digest;
use apex_model::ports::FileBody;
use bytes::Bytes;

use crate::fault::Fault;

/// A file handed to a call.
#[derive(Debug)]
pub struct OpenFile {
    name: String,
    bytes: Bytes,
    sha256: Option<String>,
}

impl OpenFile {
    /// Opens the file; refuses one whose size the contract cannot say.
    pub(crate) fn new(file: FileBody) -> Result<Self, Fault> {
        if u32::try_from(file.bytes.len()).is_err() {
            return Err(Fault::denied("file-too-large", "the file has more than 4 GiB"));
        }
        let name = file.name.rsplit(['/', '\\']).next().unwrap_or_default().to_owned();
        Ok(Self { name, bytes: file.bytes, sha256: None })
    }

    /// Its name without folders.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Size in bytes.
    pub(crate) fn size(&self) -> u32 {
        u32::try_from(self.bytes.len()).unwrap_or(u32::MAX)
    }

    /// SHA-256 of the whole file, computed when first asked for.
    pub(crate) fn sha256(&mut self) -> String {
        self.sha256.get_or_insert_with(|| Digest::of(&self.bytes).to_string()).clone()
    }

    /// Up to `length` bytes from `offset`; fewer at the end, none past it.
    pub(crate) fn read(&self, offset: u32, length: u32) -> &[u8] {
        let start = usize::try_from(offset).unwrap_or(usize::MAX).min(self.bytes.len());
        let end = start.saturating_add(usize::try_from(length).unwrap_or(usize::MAX)).min(self.bytes.len());
        self.bytes.get(start..end).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]
    use super::*;

    #[test]
    fn reading_stops_at_the_end() {
        let file = OpenFile::new(FileBody { name: "in/../a.edi".into(), bytes: Bytes::from_static(b"abcde") }).unwrap();
        assert_eq!(file.name(), "a.edi");
        assert_eq!(file.read(0, 2), b"ab");
        assert_eq!(file.read(3, 10), b"de");
        assert_eq!(file.read(5, 1), b"");
        assert_eq!(file.read(u32::MAX, u32::MAX), b"");
    }
}
