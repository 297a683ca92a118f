//! The stable codes of every error a user can meet. One page each in `docs/errors/`; a test holds the two together.

use serde::{Serialize, Serializer};

/// A stable error code, printed as `APEX0007`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Code(u16);

impl Code {
    /// The number behind `APEX`.
    pub const fn number(self) -> u16 {
        self.0
    }

    /// Reads `APEX0007`; only codes that exist.
    pub fn parse(text: &str) -> Option<Self> {
        let number = text.strip_prefix("APEX")?.parse::<u16>().ok()?;
        Self::ALL.iter().copied().find(|code| code.0 == number)
    }
}

impl std::fmt::Display for Code {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "APEX{:04}", self.0)
    }
}

impl Serialize for Code {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $number:literal;)*) => {
        impl Code {
            $($(#[$doc])* pub const $name: Self = Self($number);)*
            /// Every code, in order.
            pub const ALL: &'static [Self] = &[$(Self($number)),*];
        }
    };
}

codes! {
    /// A defect in the host itself.
    INTERNAL = 1;
    /// The configuration file or an override is wrong.
    CONFIG_INVALID = 2;
    /// The command line is wrong.
    USAGE = 3;
    /// Something asked for by name does not exist.
    NOT_FOUND = 4;
    /// The token is missing or does not carry the scope.
    UNAUTHORIZED = 5;
    /// Another process holds the data directory.
    DATA_DIR_BUSY = 6;
    /// The data directory cannot be created, read or written.
    DATA_DIR_UNUSABLE = 7;
    /// A listener's address cannot be bound.
    LISTEN_FAILED = 8;
    /// The journal could not make a row durable.
    JOURNAL_WRITE = 10;
    /// The journal could not be read.
    JOURNAL_READ = 11;
    /// The journal's queue is full.
    JOURNAL_FULL = 12;
    /// A lease ran out before its holder was done.
    LEASE_LOST = 13;
    /// No component of this name is loaded.
    PLUGIN_MISSING = 20;
    /// A `.wasm` file was refused at load.
    PLUGIN_REFUSED = 21;
    /// The connector trapped.
    PLUGIN_TRAP = 22;
    /// The connector used more time than allowed.
    PLUGIN_TIMEOUT = 23;
    /// The connector needed more memory, table or stack than allowed.
    PLUGIN_MEMORY = 24;
    /// What the connector answered breaks the contract or a limit.
    PLUGIN_ANSWER = 25;
    /// Every guest thread is busy and the queue is full.
    PLUGIN_BUSY = 26;
    /// The component does not export what was asked of it.
    PLUGIN_EXPORT_MISSING = 27;
    /// The source waits for a secret or a grant.
    SOURCE_WAITING = 28;
    /// The source is paused or draining.
    SOURCE_PAUSED = 29;
    /// The connector answered a fault that trying again cannot mend.
    FAULT_PERMANENT = 30;
    /// The connector answered a fault that may pass.
    FAULT_RETRYABLE = 31;
    /// The source asked to slow down.
    FAULT_RATE_LIMITED = 32;
    /// The source refused the credential.
    FAULT_UNAUTHORIZED = 33;
    /// The connector refuses its configuration.
    FAULT_BAD_CONFIG = 34;
    /// The source no longer knows the cursor.
    FAULT_CURSOR_LOST = 35;
    /// A capability was refused: a grant is missing.
    FAULT_DENIED = 36;
    /// The document a connector or client sent breaks a rule.
    DOCUMENT_INVALID = 40;
    /// Embedding weights are missing.
    MODEL_MISSING = 41;
    /// Embedding weights do not have the pinned digest.
    MODEL_CORRUPT = 42;
    /// The embedding model failed.
    MODEL_FAILED = 43;
    /// A store could not be written.
    STORE_WRITE = 50;
    /// A store could not be read.
    STORE_READ = 51;
    /// A newer fence was there: this writer lost its claim.
    FENCED = 52;
    /// The saga was asked for a transition that does not exist.
    SAGA_ILLEGAL = 53;
    /// All attempts are used up.
    ATTEMPTS_EXHAUSTED = 54;
    /// No way to compile to WebAssembly was found.
    TOOLCHAIN_MISSING = 60;
    /// A connector did not compile.
    BUILD_FAILED = 61;
    /// A request body is too large.
    BODY_TOO_LARGE = 70;
    /// A request took too long to arrive.
    REQUEST_TIMEOUT = 71;
    /// Too many requests.
    TOO_MANY_REQUESTS = 72;
    /// The host is shutting down.
    DRAINING = 73;
    /// The request is not what the API expects.
    BAD_REQUEST = 74;
    /// The media type is not accepted here.
    MEDIA_TYPE = 75;
    /// The server could not be reached.
    SERVER_UNREACHABLE = 76;
}
