//! From an error to a line on stderr and an exit code. The only place that decides either.

use std::process::ExitCode;

use apex_model::{Code, Failure};

/// Exit codes of the command line; outside scripts rely on them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Done.
    Done = 0,
    /// Failed.
    Failed = 1,
    /// Usage or configuration.
    Usage = 2,
    /// Not found.
    NotFound = 3,
    /// Denied.
    Denied = 4,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

fn exit_of(code: Code) -> Exit {
    match code {
        Code::CONFIG_INVALID
        | Code::USAGE
        | Code::DATA_DIR_BUSY
        | Code::DATA_DIR_UNUSABLE
        | Code::LISTEN_FAILED
        | Code::MODEL_MISSING
        | Code::MODEL_CORRUPT
        | Code::TOOLCHAIN_MISSING
        | Code::BAD_REQUEST
        | Code::FAULT_BAD_CONFIG => Exit::Usage,
        Code::NOT_FOUND => Exit::NotFound,
        Code::UNAUTHORIZED | Code::FAULT_DENIED => Exit::Denied,
        _ => Exit::Failed,
    }
}

/// Prints `error[APEX0007]: what · what to do` and answers the exit code.
pub fn report(error: &anyhow::Error, json: bool) -> Exit {
    let (code, what, next_step) = match error.chain().find_map(|cause| cause.downcast_ref::<Failure>()) {
        Some(failure) => (failure.code, format!("{error:#}"), failure.next_step.clone()),
        None => {
            (Code::INTERNAL, format!("{error:#}"), "run the same command with -vv and report what it says".to_owned())
        }
    };
    let line = if json {
        serde_json::json!({"error": {"code": code, "message": what, "next_step": next_step}}).to_string()
    } else if next_step.is_empty() {
        format!("error[{code}]: {what}")
    } else {
        format!("error[{code}]: {what} · {next_step}")
    };
    crate::output::to_stderr(&line);
    exit_of(code)
}
