//! A connector's log lines: counted, cut, escaped, and written under the source's name and the delivery's trace.

use apex_config::limits::PluginLimits;
use apex_model::ids::{SourceName, TraceId};

use crate::fault::push_safe;

/// How urgent a line is.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Level {
    Trace,
    Debug,
    Info,
    Warn,
    Error,
}

/// What one call wrote so far.
#[derive(Debug, Default)]
pub(crate) struct LogMeter {
    lines: u32,
    dropped: u32,
}

impl LogMeter {
    /// Takes one line; answers the text to write, or none if the call has written enough.
    pub(crate) fn take(&mut self, limits: &PluginLimits, message: &str) -> Option<String> {
        if self.lines >= limits.log_lines_max {
            self.dropped = self.dropped.saturating_add(1);
            return None;
        }
        self.lines += 1;
        let mut line = String::with_capacity(message.len().min(limits.log_line_bytes_max));
        for character in message.chars() {
            if line.len() + character.len_utf8() > limits.log_line_bytes_max {
                line.push('…');
                break;
            }
            push_safe(&mut line, character);
        }
        Some(line)
    }

    /// Lines that were not written.
    pub(crate) fn dropped(&self) -> u32 {
        self.dropped
    }
}

/// Writes one line.
pub(crate) fn write(source: &SourceName, trace: Option<TraceId>, level: Level, line: &str) {
    let source = source.as_str();
    let trace = trace.map(|trace| trace.to_string()).unwrap_or_default();
    match level {
        Level::Trace => tracing::trace!(target: "connector", source, trace, "{line}"),
        Level::Debug => tracing::debug!(target: "connector", source, trace, "{line}"),
        Level::Info => tracing::info!(target: "connector", source, trace, "{line}"),
        Level::Warn => tracing::warn!(target: "connector", source, trace, "{line}"),
        Level::Error => tracing::error!(target: "connector", source, trace, "{line}"),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]
    use super::*;

    #[test]
    fn lines_are_counted_cut_and_escaped() {
        let limits = PluginLimits { log_lines_max: 2, log_line_bytes_max: 4, ..PluginLimits::default() };
        let mut meter = LogMeter::default();
        assert_eq!(meter.take(&limits, "abcd").as_deref(), Some("abcd"));
        assert_eq!(meter.take(&limits, "abcde").as_deref(), Some("abcd…"));
        assert_eq!(meter.take(&limits, "x"), None);
        assert_eq!(meter.dropped(), 1);
        let line = LogMeter::default().take(&PluginLimits::default(), "a\nlevel=error b").unwrap();
        assert_eq!(line, "a\\nlevel=error b");
    }
}
