//! The printer: stdout is data, everything else goes to stderr. Nothing else in the host prints.

use std::io::{IsTerminal as _, Write as _};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;
use serde_json::Value;

/// Writes one line to stderr; a closed pipe is no error.
pub fn to_stderr(line: &str) {
    let _closed_pipe_is_fine = writeln!(std::io::stderr().lock(), "{line}");
}

/// Prints answers and progress for one command.
#[derive(Debug, Clone, Copy)]
pub struct Printer {
    /// One JSON value instead of text.
    pub json: bool,
    colour: bool,
}

impl Printer {
    /// Colours only on a terminal, and never when `NO_COLOR` says so.
    pub fn new(json: bool) -> Self {
        let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Self { json, colour: !json && !plain && std::io::stdout().is_terminal() }
    }

    /// Writes text to stdout, without what could command a terminal: titles and bodies are written by senders.
    #[allow(clippy::unused_self, reason = "whoever prints has a printer")]
    pub fn line(self, text: &str) {
        write_out(&format!("{}\n", harmless(text)));
    }

    /// Prints the JSON value, or else what `human` writes.
    pub fn answer<T: Serialize + ?Sized>(self, value: &T, human: impl FnOnce(Self)) -> anyhow::Result<()> {
        if self.json {
            self.line(&serde_json::to_string_pretty(value)?);
        } else {
            human(self);
        }
        Ok(())
    }

    /// Bold on a terminal.
    pub fn bold(self, text: &str) -> String {
        if self.colour { format!("\u{1b}[1m{text}\u{1b}[0m") } else { text.to_owned() }
    }

    /// Dim on a terminal.
    pub fn dim(self, text: &str) -> String {
        if self.colour { format!("\u{1b}[2m{text}\u{1b}[0m") } else { text.to_owned() }
    }

    /// A table with aligned columns; numbers to the right.
    pub fn table(self, head: &[&str], rows: &[Vec<String>]) {
        let mut widths: Vec<usize> = head.iter().map(|cell| cell.chars().count()).collect();
        for row in rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(cell.chars().count());
            }
        }
        let numeric = |column: usize| {
            !rows.is_empty() && rows.iter().all(|row| row.get(column).is_some_and(|cell| is_number(cell)))
        };
        let draw = |cells: &[String]| {
            let last = cells.len().saturating_sub(1);
            let padded = cells.iter().zip(&widths).enumerate().map(|(column, (cell, &width))| {
                if numeric(column) {
                    format!("{cell:>width$}")
                } else if column == last {
                    cell.clone()
                } else {
                    format!("{cell:<width$}")
                }
            });
            padded.collect::<Vec<_>>().join("  ")
        };
        let head: Vec<String> = head.iter().map(|cell| (*cell).to_owned()).collect();
        self.line(&self.bold(&draw(&head)));
        for row in rows {
            self.line(&draw(row));
        }
    }

    /// A progress bar over a known number of steps; hidden when stderr is no terminal.
    pub fn bar(self, message: &str, total: u64) -> ProgressBar {
        let bar = ProgressBar::with_draw_target(Some(total), Self::target(self.json));
        if let Ok(style) = ProgressStyle::with_template("  {msg:<44} [{bar:24}] {pos}/{len}") {
            bar.set_style(style.progress_chars("=> "));
        }
        bar.set_message(message.to_owned());
        bar
    }

    /// A spinner for work of unknown length.
    pub fn spinner(self, message: &str) -> ProgressBar {
        let spinner = ProgressBar::with_draw_target(None, Self::target(self.json));
        if let Ok(style) = ProgressStyle::with_template("  {spinner} {msg} {elapsed:.dim}") {
            spinner.set_style(style);
        }
        spinner.set_message(message.to_owned());
        spinner.enable_steady_tick(Duration::from_millis(120));
        spinner
    }

    fn target(json: bool) -> ProgressDrawTarget {
        if json { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() }
    }
}

/// Writes to stdout. A reader that went away has read enough; anything else is a failure that a script must see.
pub fn write_out(text: &str) {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            to_stderr(&format!("error[{}]: cannot write the answer: {error}", apex_model::Code::INTERNAL));
            std::process::exit(1);
        }
        _ => {}
    }
}

/// The text without control characters, but for line breaks, tabs and this printer's own colours.
fn harmless(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        if let Some(own) = OWN_COLOURS.iter().find(|own| rest.starts_with(**own)) {
            out.push_str(own);
            rest = rest.get(own.len()..).unwrap_or_default();
            continue;
        }
        out.push(if c.is_control() && !matches!(c, '\n' | '\t') { '\u{fffd}' } else { c });
        rest = rest.get(c.len_utf8()..).unwrap_or_default();
    }
    out
}

/// Bold, dim, and back.
const OWN_COLOURS: [&str; 3] = ["\u{1b}[1m", "\u{1b}[2m", "\u{1b}[0m"];

fn is_number(cell: &str) -> bool {
    !cell.is_empty() && cell.chars().all(|c| c.is_ascii_digit() || matches!(c, '.' | ',' | '-' | '%'))
}

/// The words of a list under `key`, joined by commas.
pub fn words(value: &Value, key: &str) -> String {
    let listed = value.get(key).and_then(Value::as_array).into_iter().flatten();
    listed.filter_map(Value::as_str).collect::<Vec<_>>().join(",")
}

/// Cuts text to `chars` characters on one line.
pub fn clip(text: &str, chars: usize) -> String {
    let one_line: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if one_line.chars().count() <= chars {
        return one_line;
    }
    let mut cut: String = one_line.chars().take(chars.saturating_sub(1)).collect();
    cut.push('…');
    cut
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_senders_escape_sequences_do_not_reach_the_terminal() {
        assert_eq!(
            harmless("\u{1b}[31mRED\u{1b}]0;pwn\u{7}\u{9b}5m"),
            "\u{fffd}[31mRED\u{fffd}]0;pwn\u{fffd}\u{fffd}5m"
        );
        assert_eq!(harmless("\u{1b}[1mtitle\u{1b}[0m\n\ttext ä"), "\u{1b}[1mtitle\u{1b}[0m\n\ttext ä");
    }
}
