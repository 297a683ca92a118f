//! Leaves reply files for partners. Blocking.
//!
//! A file is written under a hidden name, synced, renamed and its folder synced: whoever collects replies finds whole files only.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

use apex_model::ports::ReplyFile;
use apex_model::{Code, Failure};

/// Bytes of a file's name, as most file systems have it.
const NAME_BYTES_MAX: usize = 200;

/// Writes every file into `folder`. The same file again is written over with the same bytes.
pub(crate) fn write(folder: &Path, files: &[ReplyFile]) -> Result<(), Failure> {
    // All names first: a bad one must not leave half of an answer behind.
    if let Some(bad) = files.iter().find(|file| !is_plain(&file.name)) {
        let what =
            format!("the connector named a reply file `{}`, which is no plain file name", bad.name.escape_default());
        return Err(
            Failure::never(Code::PLUGIN_ANSWER, what).next("correct the connector, then replay the dead letter")
        );
    }
    store(folder, files).map_err(|error| {
        Failure::backoff(
            Code::STORE_WRITE,
            format!("reply files could not be written to {}: {error}", folder.display()),
        )
        .next("check that the data directory is writable and has room")
    })
}

fn store(folder: &Path, files: &[ReplyFile]) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    for file in files {
        let unfinished = folder.join(format!(".{}.{}", uuid::Uuid::new_v4(), file.name));
        let written =
            write_synced(&unfinished, &file.content).and_then(|()| fs::rename(&unfinished, folder.join(&file.name)));
        if let Err(error) = written {
            let _leftover = fs::remove_file(&unfinished);
            return Err(error);
        }
    }
    File::open(folder)?.sync_all()
}

fn write_synced(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::create_new(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Whether a guest's name for a file stays in its folder on every system, visible.
fn is_plain(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= NAME_BYTES_MAX
        && !name.starts_with('.')
        && !name.chars().any(|c| c.is_control() || matches!(c, '/' | '\\' | ':' | '*' | '?' | '"' | '<' | '>' | '|'))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn reply(name: &str, content: &'static [u8]) -> ReplyFile {
        ReplyFile { name: name.to_owned(), media_type: String::new(), content: content.into() }
    }

    #[test]
    fn files_are_whole_and_written_over() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("replies/edi");
        write(&folder, &[reply("a.997", b"old"), reply("b.997", b"b")]).unwrap();
        write(&folder, &[reply("a.997", b"new")]).unwrap();
        assert_eq!(fs::read(folder.join("a.997")).unwrap(), b"new");
        let mut names: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        assert_eq!(fs::metadata(&folder).unwrap().permissions().mode() & 0o777, 0o700);
        assert_eq!(names, ["a.997", "b.997"]);
    }

    #[test]
    fn names_that_leave_the_folder_are_refused_and_nothing_is_written() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("edi");
        for bad in ["", ".", "..", "../x", "a/b", "/etc/x", "a\\b", ".hidden", "a\nb", "c:x", &"n".repeat(201)] {
            let failure = write(&folder, &[reply("good", b"1"), reply(bad, b"2")]).unwrap_err();
            assert_eq!(failure.code, Code::PLUGIN_ANSWER, "{bad:?}");
        }
        assert!(!folder.exists());
    }
}
