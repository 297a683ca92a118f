//! What the host tells about components.

use serde::{Deserialize, Serialize};

use crate::Timestamp;
use crate::ids::Digest;

/// Which component made something; travels with every document, span and dead letter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PluginRef {
    /// The connector's name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// SHA-256 of the component.
    pub digest: Digest,
}

/// Whether a file in `plugins/` is in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PluginState {
    /// Loaded and answering.
    Active,
    /// Loaded; every source of it lacks a secret or grant.
    Waiting,
    /// The file was refused; an earlier good one, if any, keeps answering.
    Failed,
}

/// One line of `apex plugin list`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PluginStatus {
    /// The connector's name (the file's stem if it could not be read).
    pub name: String,
    /// Version of what answers now; empty if nothing does.
    pub version: String,
    /// Digest of what answers now.
    pub digest: Option<Digest>,
    /// Whether the file in `plugins/` is in use.
    pub state: PluginState,
    /// Interfaces the component exports: `describe`, `webhook`, ….
    pub exports: Vec<String>,
    /// Interfaces it imports: its true capability list.
    pub imports: Vec<String>,
    /// Why it failed or waits, and what to do.
    pub error: Option<String>,
    /// Since when it is in this state.
    pub since: Timestamp,
}
