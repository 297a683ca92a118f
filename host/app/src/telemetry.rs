//! Log lines: text or JSON, to stderr, each with the trace id of the delivery it is about.

use std::io::IsTerminal as _;

use apex_config::{LogFormat, LogSettings};
use apex_model::{Code, Failure};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::cli::{Global, LogFormatArg};

/// Starts logging; a filter that cannot be read is an error. `quiet` is for client commands: warnings only, unless -v.
pub fn init(settings: &LogSettings, global: &Global, quiet: bool) -> Result<(), Failure> {
    let format = match global.log_format {
        Some(LogFormatArg::Text) => LogFormat::Text,
        Some(LogFormatArg::Json) => LogFormat::Json,
        None => settings.format,
    };
    let level = match global.verbose {
        0 if quiet => "error",
        0 => settings.level.as_str(),
        1 => "info,apex=debug,apex_plugin=debug,apex_direct=debug,apex_intake=debug,apex_journal=debug",
        _ => "debug,sqlx=info,hyper=info",
    };
    let filter = EnvFilter::try_new(level).map_err(|cause| {
        Failure::never(Code::CONFIG_INVALID, format!("log.level: `{level}` is no filter: {cause}"))
            .next("write error, warn, info, debug or trace, or a filter like `info,apex_plugin=debug`")
    })?;
    // Dependencies that log what they are asked to do at info drown what the host has to say.
    let filter = ["cranelift_codegen=warn", "wasmtime=warn", "regalloc2=warn"]
        .into_iter()
        .filter_map(|directive| directive.parse().ok())
        .fold(filter, EnvFilter::add_directive);
    let colour = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let builder = fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(colour);
    // Refused only if a test has installed one already.
    let _installed_once = match format {
        LogFormat::Text => builder.with_target(true).finish().try_init(),
        LogFormat::Json => builder.json().flatten_event(true).finish().try_init(),
    };
    Ok(())
}
