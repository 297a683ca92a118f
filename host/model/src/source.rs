//! What the host knows of a configured connector while it runs.

use serde::{Deserialize, Serialize};

use crate::Timestamp;
use crate::ids::SourceName;

/// How urgent a source's events are when there is more than can be worked off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub enum Priority {
    /// Critical.
    P0,
    /// High.
    P1,
    /// Standard.
    #[default]
    P2,
}

/// Whether a source can work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SourceState {
    /// Takes and works off events.
    Active,
    /// Lacks a plugin, a secret or a grant; the reason says which.
    Waiting,
    /// An operator paused it: nothing is polled or worked off; signed webhooks are still accepted.
    Paused,
    /// Its component was removed: calls in flight finish, nothing new is taken.
    Draining,
    /// An operator switched it off: it takes nothing and lacks nothing.
    Disabled,
}

/// One line of `apex source list`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SourceStatus {
    /// Name.
    pub name: SourceName,
    /// The connector's name.
    pub plugin: String,
    /// Whether it can work.
    pub state: SourceState,
    /// What is missing and the lines to add, if it waits or polling does; how to undo it, if it is switched off.
    pub reason: Option<String>,
    /// Urgency.
    pub priority: Priority,
    /// What it can do: `webhook`, `poll`, `stream`, `batch`.
    pub exports: Vec<String>,
    /// Milliseconds between polls, if it polls.
    pub poll_every_ms: Option<u64>,
    /// Share on Temporal, percent.
    pub rollout_percent: u8,
    /// Since when it is in this state.
    pub since: Timestamp,
}
