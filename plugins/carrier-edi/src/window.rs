//! A moving view of a file: loads what is asked for in chunks and forgets what lies behind, so that a page costs what
//! it reads and not what the file weighs. It knows nothing of X12.

use apex_sdk::prelude::*;

/// Bytes per read from the host.
const CHUNK_BYTES: u32 = 1 << 18;
/// Bytes behind the asked position that are kept before they are dropped.
const BEHIND_BYTES_MAX: usize = 1 << 20;

/// Buffered, forward reading access to a file.
pub struct Window<'a> {
    file: &'a dyn FileReader,
    size: u32,
    base: u32,
    bytes: Vec<u8>,
}

impl<'a> Window<'a> {
    /// A view of `file` that has read nothing yet.
    pub fn new(file: &'a dyn FileReader) -> Self {
        Self { file, size: file.size(), base: 0, bytes: Vec::new() }
    }

    /// Size of the file in bytes: what the host said, less if reading found an earlier end.
    pub fn size(&self) -> u32 {
        self.size
    }

    /// All loaded bytes from `from` on: at least `want` of them unless the file ends first.
    ///
    /// # Errors
    /// The host could not read the file.
    pub fn view(&mut self, from: u32, want: u32) -> Result<&[u8], Fault> {
        let from = from.min(self.size);
        let start = from.checked_sub(self.base).map(|gap| gap as usize);
        let start = match start {
            Some(start) if start <= self.bytes.len() => start,
            _ => {
                self.bytes.clear();
                self.base = from;
                0
            }
        };
        if start > BEHIND_BYTES_MAX {
            self.bytes.drain(..start);
            self.base = from;
        }
        let end = from.saturating_add(want).min(self.size);
        while self.loaded_to() < end {
            let at = self.loaded_to();
            let part = self.file.read(at, CHUNK_BYTES)?;
            if part.is_empty() {
                self.size = at;
                break;
            }
            self.bytes.extend_from_slice(&part);
        }
        let start = from.saturating_sub(self.base) as usize;
        Ok(self.bytes.get(start..).unwrap_or_default())
    }

    /// Where the first match of `find` begins and ends, counted from `from`. `find` gets a slice and answers a match in
    /// it; a match must be at most four bytes long.
    ///
    /// # Errors
    /// The host could not read the file.
    pub fn search(
        &mut self,
        from: u32,
        find: impl Fn(&[u8]) -> Option<(usize, usize)>,
    ) -> Result<Option<(u32, u32)>, Fault> {
        let mut want = 512_u32;
        let mut done = 0_usize;
        loop {
            let size = self.size;
            let view = self.view(from, want)?;
            if let Some((start, end)) = find(view.get(done..).unwrap_or_default()) {
                return Ok(Some((to_u32(done + start), to_u32(done + end))));
            }
            let seen = to_u32(view.len());
            if from.saturating_add(seen) >= size.min(self.size) {
                return Ok(None);
            }
            // A multi-byte match may straddle the edge.
            done = (seen as usize).saturating_sub(3);
            want = seen.saturating_mul(2);
        }
    }

    fn loaded_to(&self) -> u32 {
        self.base.saturating_add(to_u32(self.bytes.len()))
    }
}

/// A length as the contract's `u32`; files are never larger.
pub fn to_u32(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}
