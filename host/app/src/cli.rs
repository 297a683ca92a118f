//! The command line: clap structs and their help texts, nothing else.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// A host for sandboxed business-data connectors: webhooks, feeds and files in, searchable documents out.
#[derive(Debug, Parser)]
#[command(name = "apex", version, propagate_version = true, disable_help_subcommand = true)]
#[command(
    after_help = "Start with `apex demo`. Exit codes: 0 done · 1 failed · 2 usage or configuration · 3 not found · 4 denied."
)]
pub struct Cli {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Command,
}

/// Flags every command takes.
#[derive(Debug, Clone, Args)]
pub struct Global {
    /// Configuration file [default: ./apex.toml if there is one]
    #[arg(long, global = true, env = "APEX_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Where everything durable is kept
    #[arg(long, global = true, env = "APEX_DATA", value_name = "DIR", default_value = "apex-data")]
    pub data: PathBuf,
    /// Where components (.wasm) are dropped
    #[arg(long, global = true, env = "APEX_PLUGINS", value_name = "DIR", default_value = "plugins")]
    pub plugins: PathBuf,
    /// Print one JSON value instead of text for people
    #[arg(long, global = true)]
    pub json: bool,
    /// How log lines look [default: log.format of the configuration]
    #[arg(long, global = true, value_name = "FORMAT")]
    pub log_format: Option<LogFormatArg>,
    /// Log more; twice for everything
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormatArg {
    Text,
    Json,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the whole main job on sample input with nothing configured
    Demo(DemoArgs),
    /// Run the host until SIGTERM or Ctrl-C (a second one stops at once)
    Serve,
    /// Validate configuration, grants, secrets and plugins; changes nothing
    Check,
    /// Give files to a batch source, recorded requests (.http) to a webhook source, documents (.json) to any
    Ingest(IngestArgs),
    /// Search documents by meaning
    Search(SearchArgs),
    /// Show what surrounds an entity (by key like `shipment:4455667`, or by name)
    Graph(GraphArgs),
    /// Look at documents as readers see them
    #[command(subcommand)]
    Document(DocumentCommand),
    /// Look at deliveries, pages and files in the journal
    #[command(subcommand)]
    Event(EventCommand),
    /// Look at and replay what could not be worked off
    #[command(subcommand, name = "dead-letter")]
    DeadLetter(DeadLetterCommand),
    /// Look at and steer sources
    #[command(subcommand)]
    Source(SourceCommand),
    /// Look at and build connectors
    #[command(subcommand)]
    Plugin(PluginCommand),
    /// Manage the embedding model
    #[command(subcommand)]
    Model(ModelCommand),
    /// Check stored documents against their parts; reports only
    Doctor(DoctorArgs),
    /// Measure on this machine
    #[command(subcommand)]
    Bench(BenchCommand),
    /// Print a completion script
    Completions {
        /// For which shell
        shell: clap_complete::Shell,
    },
}

#[derive(Debug, Args)]
pub struct DemoArgs {
    /// Keep the host running afterwards
    #[arg(long)]
    pub serve: bool,
}

#[derive(Debug, Args)]
pub struct IngestArgs {
    /// The source
    pub source: String,
    /// Files, or `-` for standard input
    #[arg(required = true)]
    pub paths: Vec<PathBuf>,
    /// Wait until everything is worked off
    #[arg(long)]
    pub wait: bool,
}

#[derive(Debug, Args)]
pub struct SearchArgs {
    /// What to look for
    pub text: String,
    /// Only documents of this source
    #[arg(long)]
    pub source: Option<String>,
    /// Only documents of this kind
    #[arg(long)]
    pub kind: Option<String>,
    /// How many
    #[arg(long, default_value_t = 5)]
    pub limit: u32,
}

#[derive(Debug, Args)]
pub struct GraphArgs {
    /// Key or name
    pub entity: String,
    /// How many hops
    #[arg(long, default_value_t = 1)]
    pub depth: u32,
}

#[derive(Debug, Subcommand)]
pub enum DocumentCommand {
    /// List documents
    List {
        /// Only documents of this source
        #[arg(long)]
        source: Option<String>,
        /// Only documents of this kind
        #[arg(long)]
        kind: Option<String>,
        /// How many
        #[arg(long, default_value_t = 50)]
        limit: u32,
    },
    /// Show one document
    Show {
        /// Its id
        id: String,
    },
    /// List a document's versions and who wrote them
    History {
        /// Its id
        id: String,
    },
    /// Delete a document
    Delete {
        /// Its id
        id: String,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
}

#[derive(Debug, Subcommand)]
pub enum EventCommand {
    /// List events, newest first
    List {
        /// Only events of this source
        #[arg(long)]
        source: Option<String>,
        /// accepted, processing, done, unchanged, superseded or dead
        #[arg(long)]
        state: Option<String>,
        /// How many
        #[arg(long, default_value_t = 50)]
        limit: u32,
    },
    /// Show one event and its way so far
    Show {
        /// Its id (ev_…)
        id: String,
    },
}

#[derive(Debug, Subcommand)]
pub enum DeadLetterCommand {
    /// List dead letters, newest first
    List {
        /// Only letters of this source
        #[arg(long)]
        source: Option<String>,
        /// How many
        #[arg(long, default_value_t = 50)]
        limit: u32,
    },
    /// Show one dead letter with its body
    Show {
        /// The event's id (ev_…)
        id: String,
    },
    /// Work dead letters off again; twice changes nothing
    Replay {
        /// The events' ids
        #[arg(required_unless_present = "all")]
        ids: Vec<String>,
        /// All letters of --source
        #[arg(long, requires = "source", conflicts_with = "ids")]
        all: bool,
        /// Which source, with --all
        #[arg(long)]
        source: Option<String>,
        /// Only say what would be replayed
        #[arg(long)]
        dry_run: bool,
    },
}

#[derive(Debug, Subcommand)]
pub enum SourceCommand {
    /// List sources
    List,
    /// Show one source with its counts and cursors
    Show {
        /// Its name
        name: String,
    },
    /// Stop polling a source and working its events off
    Pause {
        /// Its name
        name: String,
    },
    /// Undo `pause`
    Resume {
        /// Its name
        name: String,
    },
    /// Poll now instead of at the next interval
    Poll {
        /// Its name
        name: String,
        /// The default; accepted for scripts
        #[arg(long)]
        now: bool,
    },
    /// Look at or set where a poll goes on
    #[command(subcommand)]
    Cursor(CursorCommand),
}

#[derive(Debug, Subcommand)]
pub enum CursorCommand {
    /// Show a source's cursors
    Show {
        /// The source
        name: String,
    },
    /// Set one by hand
    Set {
        /// The source
        name: String,
        /// The cursor; empty forgets it, so that the next poll starts anew
        cursor: String,
        /// The independent part
        #[arg(long, default_value = "default")]
        slice: String,
    },
}

#[derive(Debug, Subcommand)]
pub enum PluginCommand {
    /// List components and whether they answer
    List,
    /// Show what a component is, offers and asks for, without running it
    Inspect {
        /// A .wasm file
        file: PathBuf,
    },
    /// Compile a connector to a component
    Build {
        /// The connector's folder, or a folder of connectors
        #[arg(default_value = ".")]
        dir: PathBuf,
        /// Where the .wasm goes [default: the --plugins directory]
        #[arg(long)]
        out: Option<PathBuf>,
    },
}

#[derive(Debug, Subcommand)]
pub enum ModelCommand {
    /// Fetch the embedding weights by their pinned SHA-256
    Fetch,
}

#[derive(Debug, Subcommand)]
pub enum DoctorCommand {
    /// Check one document
    Document {
        /// Its id
        id: String,
    },
}

#[derive(Debug, Args)]
pub struct DoctorArgs {
    #[command(subcommand)]
    pub command: Option<DoctorCommand>,
}

#[derive(Debug, Subcommand)]
pub enum BenchCommand {
    /// Signed, deduplicated, fsynced accepts per second beside a bare server
    Intake(BenchIntakeArgs),
    /// What one plugin call costs beside the same Rust code run natively
    Plugin(BenchPluginArgs),
}

#[derive(Debug, Args)]
pub struct BenchIntakeArgs {
    /// Seconds of each measurement
    #[arg(long, default_value_t = 5)]
    pub seconds: u64,
    /// Interleaved rounds
    #[arg(long, default_value_t = 3)]
    pub rounds: u32,
    /// Connections
    #[arg(long, default_value_t = 64)]
    pub connections: usize,
    /// Bytes of a body
    #[arg(long, default_value_t = 2048)]
    pub body_bytes: usize,
    /// Requests per second in the open loop
    #[arg(long, default_value_t = 13_000)]
    pub rate: u64,
}

#[derive(Debug, Args)]
pub struct BenchPluginArgs {
    /// Interleaved rounds
    #[arg(long, default_value_t = 7)]
    pub rounds: u32,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_consistent() {
        super::Cli::command().debug_assert();
    }
}
