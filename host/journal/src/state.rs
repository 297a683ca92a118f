//! The small store each source has for itself. Writes go through the writer and share its group commits; bounds are per source.

use apex_model::failure::PortResult;
use apex_model::ids::SourceName;
use apex_model::ports::ConnectorState;
use apex_model::{Code, Failure};
use rusqlite::{Connection, Row, params};

use crate::Journal;
use crate::block::block_on;
use crate::command::{Op, Outcome};
use crate::error;
use crate::sql::{count, first, run};
use crate::writer::Writer;

/// What a source has stored.
struct Usage {
    keys: i64,
    bytes: i64,
}

impl Writer {
    /// Writes a value, if the source's quota has room for it.
    pub(crate) fn state_set(
        &mut self,
        source: &SourceName,
        key: &str,
        value: &[u8],
    ) -> rusqlite::Result<PortResult<Outcome>> {
        let value_bytes_max = self.quota.state_value_bytes_max;
        if value.len() > value_bytes_max {
            let what =
                format!("a state value of source {source} has {} bytes, {value_bytes_max} are allowed", value.len());
            return Ok(Err(over(what, "state_value_bytes_max")));
        }
        let old = self.state_value(source, key)?;
        let usage = self.usage(source)?;
        let old_bytes = old.as_ref().map_or(0, |old| count(key.len() + old.len()));
        let next = Usage {
            keys: usage.keys + i64::from(old.is_none()),
            bytes: usage.bytes - old_bytes + count(key.len() + value.len()),
        };
        if old.is_none() && next.keys > i64::from(self.quota.state_keys_max) {
            let what = format!("source {source} has {} state keys, more are not allowed", usage.keys);
            return Ok(Err(over(what, "state_keys_max")));
        }
        // A value that makes room is let through even over the bound, which an operator may have lowered.
        let bytes_max = i64::try_from(self.quota.state_bytes_max).unwrap_or(i64::MAX);
        if next.bytes > bytes_max && next.bytes > usage.bytes {
            let what = format!("the state of source {source} would have {} bytes, {bytes_max} are allowed", next.bytes);
            return Ok(Err(over(what, "state_bytes_max")));
        }
        self.begin()?;
        let text = "INSERT OR REPLACE INTO connector_state (source, key, value) VALUES (?,?,?)";
        run(&self.conn, text, params![source.as_str(), key, value])?;
        self.set_usage(source, &next)?;
        Ok(Ok(Outcome::Done))
    }

    /// Counts a decimal counter up; it starts at 1.
    pub(crate) fn state_increment(&mut self, source: &SourceName, key: &str) -> rusqlite::Result<PortResult<Outcome>> {
        let next = match self.state_value(source, key)? {
            None => Some(1),
            Some(old) => std::str::from_utf8(&old).ok().and_then(|text| text.parse::<u32>().ok()?.checked_add(1)),
        };
        let Some(next) = next else {
            let what = format!(
                "the state value that source {source} wants to count up is not a whole number below 4294967295"
            );
            return Ok(
                Err(Failure::never(Code::FAULT_DENIED, what).next("delete the key, or count under another one")),
            );
        };
        Ok(self.state_set(source, key, next.to_string().as_bytes())?.map(|_| Outcome::Counted(next)))
    }

    /// Forgets a value.
    pub(crate) fn state_delete(&mut self, source: &SourceName, key: &str) -> rusqlite::Result<PortResult<Outcome>> {
        let Some(old) = self.state_value(source, key)? else { return Ok(Ok(Outcome::Done)) };
        let usage = self.usage(source)?;
        self.begin()?;
        run(&self.conn, "DELETE FROM connector_state WHERE source = ? AND key = ?", [source.as_str(), key])?;
        let next = Usage { keys: usage.keys - 1, bytes: usage.bytes - count(key.len() + old.len()) };
        self.set_usage(source, &next)?;
        Ok(Ok(Outcome::Done))
    }

    fn state_value(&self, source: &SourceName, key: &str) -> rusqlite::Result<Option<Vec<u8>>> {
        value_of(&self.conn, source, key)
    }

    fn usage(&self, source: &SourceName) -> rusqlite::Result<Usage> {
        let text = "SELECT keys, bytes FROM connector_usage WHERE source = ?";
        let read = |row: &Row<'_>| Ok(Usage { keys: row.get(0)?, bytes: row.get(1)? });
        Ok(first(&self.conn, text, [source.as_str()], read)?.unwrap_or(Usage { keys: 0, bytes: 0 }))
    }

    fn set_usage(&self, source: &SourceName, usage: &Usage) -> rusqlite::Result<()> {
        let text = "INSERT OR REPLACE INTO connector_usage (source, keys, bytes) VALUES (?,?,?)";
        run(&self.conn, text, params![source.as_str(), usage.keys, usage.bytes]).map(drop)
    }
}

fn value_of(conn: &Connection, source: &SourceName, key: &str) -> rusqlite::Result<Option<Vec<u8>>> {
    let text = "SELECT value FROM connector_state WHERE source = ? AND key = ?";
    first(conn, text, [source.as_str(), key], |row| row.get(0))
}

fn over(what: String, limit: &str) -> Failure {
    Failure::never(Code::FAULT_DENIED, what).next(format!("store less, or raise `limits.plugin.{limit}`"))
}

impl ConnectorState for Journal {
    fn get(&self, source: &SourceName, key: &str) -> PortResult<Option<Vec<u8>>> {
        let (source, key) = (source.clone(), key.to_owned());
        block_on(self.readers.read(move |conn| value_of(conn, &source, &key)))
    }

    fn set(&self, source: &SourceName, key: &str, value: &[u8]) -> PortResult<()> {
        let op = Op::StateSet { source: source.clone(), key: key.to_owned(), value: value.to_vec() };
        block_on(self.ask(op)).map(drop)
    }

    fn increment(&self, source: &SourceName, key: &str) -> PortResult<u32> {
        match block_on(self.ask(Op::StateIncrement { source: source.clone(), key: key.to_owned() }))? {
            Outcome::Counted(value) => Ok(value),
            _ => Err(error::defect("an increment was answered with something else")),
        }
    }

    fn delete(&self, source: &SourceName, key: &str) -> PortResult<()> {
        block_on(self.ask(Op::StateDelete { source: source.clone(), key: key.to_owned() })).map(drop)
    }
}
