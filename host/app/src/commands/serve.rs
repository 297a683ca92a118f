//! `apex serve`: the host, until asked to stop.

use apex_config::Settings;
use tokio::signal::unix::{SignalKind, signal};
use tracing::{info, warn};

use crate::cli::Global;
use crate::exit::Exit;
use crate::host::{Host, HostOptions, Work};
use crate::reload::Seen;
use crate::settings::cache_dir;

/// Runs until SIGTERM or Ctrl-C, then drains; a second signal stops at once. `seen` is the configuration file as it was
/// before the settings were read from it.
pub async fn run(global: &Global, settings: Settings, seen: Option<Seen>) -> anyhow::Result<Exit> {
    let options = HostOptions {
        data: global.data.clone(),
        plugins: global.plugins.clone(),
        cache: cache_dir()?,
        settings,
        listen: true,
        work: Work::Run,
    };
    let host = Host::start(options).await?;
    if let Some(at) = host.addresses() {
        info!(webhooks = %at.intake, api = %at.api, metrics = %at.metrics, "serving");
    }
    let watch = seen.map(|seen| seen.watch(&host));
    until_asked_to_stop().await?;
    drop(watch);
    info!("draining; a second signal stops at once");
    tokio::select! {
        drained = host.drain() => drained?,
        asked = until_asked_to_stop() => {
            asked?;
            warn!("stopped before everything in flight was done; it is in the journal and goes on at the next start");
            return Ok(Exit::Failed);
        }
    }
    info!("stopped");
    Ok(Exit::Done)
}

/// Waits for SIGTERM or SIGINT.
pub async fn until_asked_to_stop() -> std::io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}
