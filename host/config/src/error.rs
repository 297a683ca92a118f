//! What can be wrong with a configuration.

use std::path::PathBuf;

use apex_model::{Code, Failure};

/// Why the settings cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file named on the command line cannot be read.
    #[error("cannot read the configuration file {path}: {cause}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        cause: std::io::Error,
    },
    /// A key is unknown or a value does not fit.
    #[error("{0}")]
    Invalid(String),
    /// A secret's environment variable or file is missing.
    #[error("secret `{name}` of source `{source_name}`: {cause}")]
    Secret {
        /// The source.
        source_name: String,
        /// The secret.
        name: String,
        /// Why.
        cause: String,
    },
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        let step = match &error {
            ConfigError::Unreadable { .. } => "check the path given with --config",
            ConfigError::Invalid(_) => "correct the key; every key is explained in host/config/src/default.toml",
            ConfigError::Secret { .. } => "set the variable or create the file, then run `apex check`",
        };
        Self::never(Code::CONFIG_INVALID, error.to_string()).next(step)
    }
}
