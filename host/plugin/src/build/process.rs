//! Runs another program with a deadline, its output captured: nothing of it reaches the terminal.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::{Duration, Instant};

use super::BuildError;

/// Lines kept for the error message, enough for one compiler error with its context.
const TAIL_LINES: usize = 40;
/// Characters kept of one line.
const LINE_CHARS: usize = 400;
/// Bytes read of one line before it is broken in two.
const LINE_BYTES_MAX: u64 = 64 * 1024;
/// Lines read but not looked at yet.
const LINES_WAITING_MAX: usize = 64;

/// How a program ended.
#[derive(Debug)]
pub(super) struct Finished {
    /// Whether it ended with status 0.
    pub(super) success: bool,
    /// The last lines of what it wrote to stderr.
    pub(super) tail: String,
}

/// Runs it to its end or the deadline; `line` sees every line it writes to stderr.
///
/// # Errors
/// It could not be started, or it was stopped at the deadline.
pub(super) fn run(command: &mut Command, within: Duration, line: &mut dyn FnMut(&str)) -> Result<Finished, RunError> {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(RunError::NotStarted)?;
    let lines = child.stderr.take().map(read_lines);
    let deadline = Instant::now() + within;
    let mut tail = Tail::default();
    let timed_out = lines.is_some_and(|lines| {
        loop {
            match lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(text) => {
                    line(&text);
                    tail.push(&text);
                }
                Err(RecvTimeoutError::Disconnected) => return false,
                Err(RecvTimeoutError::Timeout) => return true,
            }
        }
    });
    if timed_out {
        // It may have ended in this very moment; the wait below settles it either way.
        let _ = child.kill();
    }
    let status = child.wait().map_err(RunError::NotStarted)?;
    if timed_out {
        return Err(RunError::TimedOut { program: name(command), seconds: within.as_secs(), tail: tail.text() });
    }
    Ok(Finished { success: status.success(), tail: tail.text() })
}

/// Why a program did not come to its end.
#[derive(Debug)]
pub(super) enum RunError {
    /// It could not be started: most often it is not installed.
    NotStarted(std::io::Error),
    /// It was stopped at the deadline.
    TimedOut {
        /// The program.
        program: String,
        /// How long it ran.
        seconds: u64,
        /// What it said last.
        tail: String,
    },
}

impl RunError {
    /// In one line, for the list of what was tried.
    pub(super) fn line(&self) -> String {
        match self {
            Self::NotStarted(error) => error.to_string(),
            Self::TimedOut { seconds, .. } => format!("stopped after {seconds} s"),
        }
    }

    /// As a build's error, for cargo.
    pub(super) fn of_cargo(self) -> BuildError {
        match self {
            Self::NotStarted(error) => BuildError::NoCargo { reason: error.to_string() },
            Self::TimedOut { program, seconds, tail } => BuildError::TimedOut { program, seconds, tail },
        }
    }
}

/// The first line that says something: for the list of what was tried.
pub(super) fn first_line(tail: &str) -> &str {
    tail.lines().find(|line| !line.trim().is_empty()).unwrap_or("it said nothing")
}

fn name(command: &Command) -> String {
    command.get_program().to_string_lossy().into_owned()
}

/// Reads lines on a thread of its own, so that the deadline holds while the program is silent. The thread ends with the
/// program, or when nobody listens any more.
fn read_lines(stderr: impl Read + Send + 'static) -> Receiver<String> {
    let (send, receive) = sync_channel(LINES_WAITING_MAX);
    std::thread::spawn(move || {
        let mut reader = BufReader::new(stderr);
        let mut line = Vec::new();
        while matches!(reader.by_ref().take(LINE_BYTES_MAX).read_until(b'\n', &mut line), Ok(1..)) {
            let text = String::from_utf8_lossy(&line).trim_end().to_owned();
            line.clear();
            if send.send(text).is_err() {
                return;
            }
        }
    });
    receive
}

#[derive(Default)]
struct Tail(VecDeque<String>);

impl Tail {
    fn push(&mut self, line: &str) {
        if self.0.len() == TAIL_LINES {
            self.0.pop_front();
        }
        self.0.push_back(line.chars().take(LINE_CHARS).collect());
    }

    fn text(self) -> String {
        Vec::from(self.0).join("\n")
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn every_line_is_seen_and_the_last_ones_are_kept() {
        let mut seen = 0;
        let mut count = |_: &str| seen += 1;
        let finished = run(&mut shell("seq 1 100 >&2; exit 3"), Duration::from_secs(20), &mut count).unwrap();
        assert!(!finished.success);
        assert_eq!(seen, 100);
        assert_eq!(finished.tail.lines().count(), TAIL_LINES);
        assert_eq!(finished.tail.lines().last(), Some("100"));
    }

    #[test]
    fn a_silent_program_is_stopped_at_the_deadline() {
        let begun = Instant::now();
        let stopped = run(&mut shell("exec sleep 60"), Duration::from_millis(50), &mut |_| ());
        assert!(matches!(stopped, Err(RunError::TimedOut { .. })), "{stopped:?}");
        assert!(begun.elapsed() < Duration::from_secs(20));
    }

    #[test]
    fn a_missing_program_is_not_started() {
        let missing = run(&mut Command::new("apex-no-such-program"), Duration::from_secs(1), &mut |_| ());
        assert!(matches!(missing, Err(RunError::NotStarted(_))), "{missing:?}");
    }
}
