//! Watches `apex.toml`: a change is taken whole or not at all; on an error the old settings stay.

use std::path::{Path, PathBuf};
use std::time::Duration;

use apex_model::Failure;
use tokio::task::JoinHandle;
use tracing::{info, warn};

use crate::cli::Global;
use crate::host::Host;
use crate::settings::config_file;
use crate::wire::Reconfigurer;

/// How often the file's time and size are looked at. A look costs one system call, works on every file system, and a
/// change takes effect soon enough.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Ends the watching when dropped.
pub struct Watch(JoinHandle<()>);

impl Drop for Watch {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// A configuration file as it was when it was read.
#[derive(Debug)]
pub struct Seen {
    file: PathBuf,
    stamp: Option<Stamp>,
}

impl Seen {
    /// Looks at the file; none if there is none. Call it before the file is read, so that no change falls in between.
    pub fn now(global: &Global) -> Option<Self> {
        let file = config_file(global)?;
        let stamp = stamp(&file);
        Some(Self { file, stamp })
    }

    /// Starts watching for changes since.
    pub fn watch(self, host: &Host) -> Watch {
        Watch(tokio::spawn(look(self, host.reconfigurer())))
    }
}

async fn look(Seen { file, stamp: mut seen }: Seen, target: Reconfigurer) {
    let mut ticks = tokio::time::interval(LOOK_EVERY);
    loop {
        ticks.tick().await;
        let now = stamp(&file);
        if now == seen || now.is_none() {
            continue;
        }
        seen = now;
        let (file_now, target) = (file.clone(), target.clone());
        // Every connector is asked to check its settings: not on the threads that answer requests.
        let taken = tokio::task::spawn_blocking(move || {
            apex_config::load(Some(&file_now)).map_err(Failure::from).and_then(|settings| target.apply(&settings))
        });
        match taken.await.unwrap_or_else(|failed| Err(Failure::never(apex_model::Code::INTERNAL, failed.to_string()))) {
            Ok(sources) => {
                info!(file = %file.display(), sources, "configuration taken; listeners and limits change at the next start");
            }
            Err(failure) => {
                warn!(file = %file.display(), code = %failure.code, "configuration refused, the old one stays: {failure}");
            }
        }
    }
}

type Stamp = (std::time::SystemTime, u64);

/// Time and size: what tells a change.
fn stamp(file: &Path) -> Option<Stamp> {
    let metadata = std::fs::metadata(file).ok()?;
    Some((metadata.modified().ok()?, metadata.len()))
}
