//! Bytes by digest in a local directory. Blocking: called from guest threads and blocking tasks only.
//!
//! A file is written under another name, synced, renamed, and its directory synced: it is whole or not there.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use apex_model::failure::PortResult;
use apex_model::ids::Digest;
use apex_model::ports::Blobs;
use apex_model::{Code, Failure};
use bytes::Bytes;

/// Blobs as files: `<root>/<first two hex digits>/<64 hex digits>`.
#[derive(Debug)]
pub struct DirBlobs {
    root: PathBuf,
}

impl DirBlobs {
    /// Uses `root`, creating it if needed.
    pub fn open(root: impl Into<PathBuf>) -> io::Result<Self> {
        let root = root.into();
        private_folder(&root)?;
        Ok(Self { root })
    }

    fn folder(&self, digest: Digest) -> PathBuf {
        let name = digest.to_string();
        self.root.join(name.get(..2).unwrap_or_default())
    }

    fn write(&self, digest: Digest, bytes: &[u8]) -> io::Result<()> {
        let folder = self.folder(digest);
        let target = folder.join(digest.to_string());
        if fs::metadata(&target).is_ok_and(|found| found.len() == bytes.len() as u64) {
            return Ok(());
        }
        if !folder.is_dir() {
            private_folder(&folder)?;
            sync_folder(&self.root)?;
        }
        // Two writers of the same bytes must not share an unfinished file.
        let unfinished = folder.join(format!("{digest}.{}.part", uuid::Uuid::new_v4()));
        let written = write_synced(&unfinished, bytes).and_then(|()| fs::rename(&unfinished, &target));
        if let Err(error) = written {
            let _leftover = fs::remove_file(&unfinished);
            return Err(error);
        }
        sync_folder(&folder)
    }
}

/// Makes a folder that only this user can look into.
fn private_folder(folder: &Path) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

fn write_synced(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::create_new(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

impl Blobs for DirBlobs {
    fn put(&self, bytes: &[u8]) -> PortResult<Digest> {
        let digest = Digest::of(bytes);
        self.write(digest, bytes).map_err(|error| {
            Failure::backoff(Code::STORE_WRITE, format!("blob {digest} could not be written: {error}"))
                .next("check that the data directory is writable and has room")
        })?;
        Ok(digest)
    }

    fn get(&self, digest: Digest) -> PortResult<Option<Bytes>> {
        match fs::read(self.folder(digest).join(digest.to_string())) {
            Ok(bytes) if Digest::of(&bytes) == digest => Ok(Some(bytes.into())),
            Ok(_) => {
                Err(Failure::never(Code::STORE_READ, format!("blob {digest} does not have the bytes it is named for"))
                    .next("restore the file from a backup, or remove it and let the source send it again"))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Failure::backoff(Code::STORE_READ, format!("blob {digest} could not be read: {error}"))
                .next("check the permissions of the data directory")),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn bytes_come_back_by_their_digest_and_are_kept_once() {
        let dir = tempfile::tempdir().unwrap();
        let blobs = DirBlobs::open(dir.path().join("blobs")).unwrap();
        let digest = blobs.put(b"abc").unwrap();
        // FIPS 180-2, appendix B.1.
        let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(digest.to_string(), expected);
        assert_eq!(blobs.put(b"abc").unwrap(), digest);
        assert_eq!(blobs.get(digest).unwrap().unwrap().as_ref(), b"abc");
        assert_eq!(blobs.get(Digest::of(b"abd")).unwrap(), None);
        let names: Vec<_> =
            fs::read_dir(blobs.folder(digest)).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names, [expected]);
    }

    #[test]
    fn only_the_owner_can_look_into_the_folders() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("blobs");
        let blobs = DirBlobs::open(&root).unwrap();
        let digest = blobs.put(b"abc").unwrap();
        for folder in [root, blobs.folder(digest)] {
            assert_eq!(fs::metadata(&folder).unwrap().permissions().mode() & 0o777, 0o700, "{}", folder.display());
        }
    }

    #[test]
    fn a_damaged_blob_is_an_error_and_never_wrong_bytes() {
        let dir = tempfile::tempdir().unwrap();
        let blobs = DirBlobs::open(dir.path()).unwrap();
        let digest = blobs.put(b"whole").unwrap();
        fs::write(blobs.folder(digest).join(digest.to_string()), b"who").unwrap();
        assert_eq!(blobs.get(digest).unwrap_err().code, Code::STORE_READ);
        blobs.put(b"whole").unwrap();
        assert_eq!(blobs.get(digest).unwrap().unwrap().as_ref(), b"whole");
    }
}
