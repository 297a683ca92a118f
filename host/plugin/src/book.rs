//! The catalogue's book: what is in the plugin directory, what is configured, and the generation that follows from both.
//!
//! Pure but for binding (one `check` call a source). Files are read and compiled elsewhere (`catalog.rs`).

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use apex_model::ids::SourceName;
use apex_model::plugin::{PluginState, PluginStatus};
use apex_model::source::{SourceState, SourceStatus};
use apex_model::{Code, Failure, Timestamp};

use crate::bound::Bound;
use crate::error::LoadError;
use crate::grant;
use crate::load::{Loaded, Loader};
use crate::settings::SourceSettings;
use crate::snapshot::{Slot, Snapshot};

/// A file in the plugin directory.
#[derive(Default)]
pub(crate) struct Entry {
    /// What answers: the last good content.
    pub(crate) loaded: Option<Arc<Loaded>>,
    /// Why the present content does not.
    pub(crate) error: Option<LoadError>,
}

/// Files by name, and the configured sources.
#[derive(Default)]
pub(crate) struct Book {
    /// `front.wasm` → what it holds.
    pub(crate) files: BTreeMap<String, Entry>,
    /// As configured.
    pub(crate) settings: Vec<SourceSettings>,
}

/// A connector of the generation: the file it is from, and its code.
struct Winner<'a> {
    file: &'a str,
    loaded: &'a Arc<Loaded>,
}

impl Book {
    /// The next generation.
    pub(crate) fn generation(&self, loader: &Loader, before: &Snapshot) -> Snapshot {
        let now = Timestamp::now();
        let winners = self.winners();
        let mut next = Snapshot::default();
        for settings in self.effective_settings(&winners, before) {
            let status = source(loader, &winners, &settings, before, now, &mut next.slots);
            next.sources.push(status);
        }
        next.sources.sort_by(|a, b| a.name.cmp(&b.name));
        next.plugins = self.plugin_statuses(&winners, &next.sources, before, now);
        next
    }

    /// Sources that would use this connector, as they are configured or implied.
    pub(crate) fn settings_of(&self, plugin: &str) -> Vec<SourceSettings> {
        let configured: Vec<_> = self.settings.iter().filter(|settings| settings.plugin == plugin).cloned().collect();
        if configured.is_empty() { implied(plugin).into_iter().collect() } else { configured }
    }

    /// Refuses content for a file from which another connector answers: it would silence that one. A file that does not
    /// answer may become anything.
    pub(crate) fn stays_itself(&self, file: &str, found: &str) -> Result<(), LoadError> {
        let winner = self.winners().into_values().find(|winner| winner.file == file);
        match winner.map(|winner| winner.loaded.connector.id()) {
            Some(was) if was != found => Err(LoadError::Foreign { found: found.to_owned(), was: was.to_owned() }),
            _ => Ok(()),
        }
    }

    /// One file an id: of several, the one that is called like the id, else the first by name.
    fn winners(&self) -> BTreeMap<&str, Winner<'_>> {
        let mut winners: BTreeMap<&str, Winner<'_>> = BTreeMap::new();
        for (file, entry) in &self.files {
            let Some(loaded) = &entry.loaded else { continue };
            let id = loaded.connector.id();
            let named_alike = stem(file) == id;
            if named_alike || !winners.contains_key(id) {
                winners.insert(id, Winner { file, loaded });
            }
        }
        winners
    }

    /// Configured sources, those implied by connectors that no configured source uses, and those whose connector is gone.
    fn effective_settings(&self, winners: &BTreeMap<&str, Winner<'_>>, before: &Snapshot) -> Vec<SourceSettings> {
        let mut all = self.settings.clone();
        let used: BTreeSet<&str> = self.settings.iter().map(|settings| settings.plugin.as_str()).collect();
        let mut taken: BTreeSet<SourceName> = self.settings.iter().map(|settings| settings.name.clone()).collect();
        for id in winners.keys().filter(|id| !used.contains(*id)) {
            all.extend(implied(id).filter(|settings| taken.insert(settings.name.clone())));
        }
        for gone in before.sources.iter().filter(|status| !winners.contains_key(status.plugin.as_str())) {
            let implied = gone.name.as_str() == gone.plugin && !used.contains(gone.plugin.as_str());
            if implied && taken.insert(gone.name.clone()) {
                all.push(SourceSettings::bare(gone.name.clone(), gone.plugin.clone()));
            }
        }
        all
    }

    fn plugin_statuses(
        &self,
        winners: &BTreeMap<&str, Winner<'_>>,
        sources: &[SourceStatus],
        before: &Snapshot,
        now: Timestamp,
    ) -> Vec<PluginStatus> {
        let mut statuses = Vec::new();
        for (file, entry) in &self.files {
            let mut status = match &entry.loaded {
                Some(loaded) => loaded_status(file, loaded, winners, sources, now),
                None => PluginStatus {
                    name: stem(file).to_owned(),
                    version: String::new(),
                    digest: None,
                    state: PluginState::Failed,
                    exports: Vec::new(),
                    imports: Vec::new(),
                    error: None,
                    since: now,
                },
            };
            if let Some(error) = &entry.error {
                status.state = PluginState::Failed;
                status.error = Some(format!("{file}: {error}"));
            }
            let same = before.plugins.iter().find(|old| {
                (&old.name, old.state, old.digest, &old.error)
                    == (&status.name, status.state, status.digest, &status.error)
            });
            status.since = same.map_or(now, |old| old.since);
            statuses.push(status);
        }
        statuses
    }
}

fn stem(file: &str) -> &str {
    file.strip_suffix(".wasm").unwrap_or(file)
}

fn implied(plugin: &str) -> Option<SourceSettings> {
    SourceName::parse(plugin).map(|name| SourceSettings::bare(name, plugin))
}

fn loaded_status(
    file: &str,
    loaded: &Loaded,
    winners: &BTreeMap<&str, Winner<'_>>,
    sources: &[SourceStatus],
    now: Timestamp,
) -> PluginStatus {
    let inspection = loaded.connector.inspection();
    let id = loaded.connector.id();
    let mut status = PluginStatus {
        name: id.to_owned(),
        version: inspection.manifest.version.clone(),
        digest: Some(inspection.digest),
        state: PluginState::Active,
        exports: inspection.exports.clone(),
        imports: inspection.imports.clone(),
        error: None,
        since: now,
    };
    let own: Vec<&SourceStatus> = sources.iter().filter(|source| source.plugin == id).collect();
    if let Some(winner) = winners.get(id)
        && winner.file != file
    {
        status.state = PluginState::Failed;
        status.error = Some(format!("{file}: {}", LoadError::Twin(winner.file.to_owned())));
    } else if !own.is_empty()
        && own.iter().all(|source| matches!(source.state, SourceState::Waiting | SourceState::Disabled))
    {
        status.state = PluginState::Waiting;
        status.error = own.iter().find_map(|source| source.reason.clone());
    }
    status
}

/// The binding of the generation before if nothing of it changed, else a new one. What answers is not asked again: under
/// load its `check` might run over its time, and a source would go off because of a file that is not its own.
fn bind(loader: &Loader, content: &Loaded, settings: &SourceSettings, before: &Snapshot) -> Result<Arc<Bound>, String> {
    match before.slots.get(&settings.name) {
        Some(Slot::Ready(bound)) if bound.is_of(&content.connector, settings) => Ok(Arc::clone(bound)),
        _ => loader.bind(content, settings),
    }
}

/// Binds one source, puts it into its slot and says how it is.
fn source(
    loader: &Loader,
    winners: &BTreeMap<&str, Winner<'_>>,
    settings: &SourceSettings,
    before: &Snapshot,
    now: Timestamp,
    slots: &mut HashMap<SourceName, Slot>,
) -> SourceStatus {
    let (name, plugin) = (&settings.name, settings.plugin.as_str());
    let winner = winners.get(plugin);
    let old = before.sources.iter().find(|old| old.name == *name);
    let manifest = winner.map(|winner| winner.loaded.connector.manifest());
    let silent_poll = manifest.and_then(|manifest| grant::poll_waits(manifest, settings));
    let (state, reason, slot) = match winner {
        _ if !settings.enabled => {
            let reason = format!("it is switched off; remove `enabled = false` under [sources.{name}]");
            (SourceState::Disabled, Some(reason), None)
        }
        None => {
            let was_there = old.is_some_and(|old| matches!(old.state, SourceState::Active | SourceState::Draining));
            let state = if was_there { SourceState::Draining } else { SourceState::Waiting };
            let reason = format!("no component `{plugin}` is loaded; copy {plugin}.wasm into the plugin directory");
            let failure = Failure::hold(Code::PLUGIN_MISSING, format!("no component `{plugin}` is loaded"))
                .next(format!("copy {plugin}.wasm into the plugin directory"));
            (state, Some(reason), Some(Slot::Off(failure)))
        }
        Some(winner) => match bind(loader, winner.loaded, settings, before) {
            Ok(bound) => (SourceState::Active, silent_poll.clone(), Some(Slot::Ready(bound))),
            Err(reason) => {
                let failure = Failure::hold(Code::SOURCE_WAITING, format!("source `{name}` waits: {reason}"))
                    .next("`apex source list` says the same; the file is read again when it changes");
                (SourceState::Waiting, Some(reason), Some(Slot::Off(failure)))
            }
        },
    };
    if let Some(slot) = slot {
        slots.insert(name.clone(), slot);
    }
    let every = settings.poll_every.or_else(|| manifest.and_then(crate::manifest::Manifest::poll_every));
    let every = every.filter(|_| silent_poll.is_none());
    let mut exports = manifest.map(|manifest| manifest.exports.clone()).unwrap_or_default();
    exports.retain(|export| silent_poll.is_none() || export != "poll");
    let since = old.filter(|old| old.state == state && old.reason == reason).map_or(now, |old| old.since);
    SourceStatus {
        name: name.clone(),
        plugin: plugin.to_owned(),
        state,
        reason,
        priority: settings.priority.or(manifest.map(|manifest| manifest.priority)).unwrap_or_default(),
        exports,
        poll_every_ms: every.map(|every| u64::try_from(every.as_millis()).unwrap_or(u64::MAX)),
        rollout_percent: settings.rollout_percent,
        since,
    }
}

#[cfg(test)]
#[path = "book_tests.rs"]
mod tests;
