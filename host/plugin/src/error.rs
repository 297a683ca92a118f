//! Why a file in `plugins/` was refused.

use apex_model::{Code, Failure};

/// Why a component does not load. The text is a sentence that begins after "`<file>`: ".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LoadError {
    /// The file cannot be read.
    #[error("it cannot be read: {0}")]
    Unreadable(String),
    /// A symbolic link that leads out of the directory.
    #[error("it is a symbolic link to {0}, outside the plugin directory; copy the file instead")]
    Outside(String),
    /// Too many bytes.
    #[error("it has {size} bytes, at most {max} are allowed (limits.plugin.file_bytes_max)")]
    TooLarge {
        /// Its size.
        size: u64,
        /// The limit.
        max: u64,
    },
    /// Not the bytes of a component.
    #[error("it is not a WebAssembly component: {0}")]
    NotComponent(String),
    /// A core module.
    #[error("it is a core WebAssembly module, not a component; build it with `apex plugin build`")]
    CoreModule,
    /// The manifest is missing, broken or not true.
    #[error("{0}")]
    Manifest(String),
    /// It imports what this host does not give.
    #[error(
        "it imports {0}, which this host does not give: there are no files, sockets or environment; build for \
         wasm32-unknown-unknown with the SDK, and use the contract's imports"
    )]
    Imports(String),
    /// It exports what is not in the contract, or not enough.
    #[error("it does not fit the contract: {0}")]
    Exports(String),
    /// It does not validate, compile or link.
    #[error("it does not compile: {0}")]
    Compile(String),
    /// Its smoke call failed.
    #[error("its first call failed: {0}")]
    Smoke(String),
    /// Another file has the same manifest id.
    #[error("`{0}` has the same manifest id and comes first; remove one of the two")]
    Twin(String),
    /// New content with another manifest id than the connector that this file has been.
    #[error(
        "it is `{found}` now, and `{was}` answers from this file; copy it to {found}.wasm, or delete the file first"
    )]
    Foreign {
        /// The manifest id of the new content.
        found: String,
        /// The manifest id of the content that answers.
        was: String,
    },
    /// The host could not set up what is needed.
    #[error("the sandbox could not be set up: {0}")]
    Host(String),
}

/// What a parser or compiler says, in one line: theirs may print tables.
pub(crate) fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

impl From<LoadError> for Failure {
    fn from(error: LoadError) -> Self {
        Self::never(Code::PLUGIN_REFUSED, error.to_string())
            .next("mend the file and copy it again; `apex plugin inspect <file>` says the same without the host")
    }
}
