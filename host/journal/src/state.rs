//! The small store each source has for itself. Writes go through the writer and share its group commits; bounds are per source.

use apex_model::failure::PortResult;
use apex_model::ids::SourceName;
use apex_model::ports::ConnectorState;
use apex_model::{Code, Failure};
use sqlx::Row;

use crate::Journal;
use crate::block::block_on;
use crate::command::{Op, Outcome};
use crate::error;
use crate::sql::{Statement, count, int};
use crate::writer::Writer;

/// What a source has stored.
struct Usage {
    keys: i64,
    bytes: i64,
}

impl Writer {
    /// Writes a value, if the source's quota has room for it.
    pub(crate) async fn state_set(
        &mut self,
        source: &SourceName,
        key: &str,
        value: &[u8],
    ) -> sqlx::Result<PortResult<Outcome>> {
        let value_bytes_max = self.quota.state_value_bytes_max;
        if value.len() > value_bytes_max {
            let what =
                format!("a state value of source {source} has {} bytes, {value_bytes_max} are allowed", value.len());
            return Ok(Err(over(what, "state_value_bytes_max")));
        }
        let old = self.state_value(source, key).await?;
        let usage = self.usage(source).await?;
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
        self.begin().await?;
        let mut statement =
            Statement::new("INSERT OR REPLACE INTO connector_state (source, key, value) VALUES (?,?,?)");
        statement.bind(source.as_str())?.bind(key)?.bind(value)?;
        statement.run(&mut self.conn).await?;
        self.set_usage(source, &next).await?;
        Ok(Ok(Outcome::Done))
    }

    /// Counts a decimal counter up; it starts at 1.
    pub(crate) async fn state_increment(
        &mut self,
        source: &SourceName,
        key: &str,
    ) -> sqlx::Result<PortResult<Outcome>> {
        let next = match self.state_value(source, key).await? {
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
        Ok(self.state_set(source, key, next.to_string().as_bytes()).await?.map(|_| Outcome::Counted(next)))
    }

    /// Forgets a value.
    pub(crate) async fn state_delete(&mut self, source: &SourceName, key: &str) -> sqlx::Result<PortResult<Outcome>> {
        let Some(old) = self.state_value(source, key).await? else { return Ok(Ok(Outcome::Done)) };
        let usage = self.usage(source).await?;
        self.begin().await?;
        let mut statement = Statement::new("DELETE FROM connector_state WHERE source = ? AND key = ?");
        statement.bind(source.as_str())?.bind(key)?;
        statement.run(&mut self.conn).await?;
        let next = Usage { keys: usage.keys - 1, bytes: usage.bytes - count(key.len() + old.len()) };
        self.set_usage(source, &next).await?;
        Ok(Ok(Outcome::Done))
    }

    async fn state_value(&mut self, source: &SourceName, key: &str) -> sqlx::Result<Option<Vec<u8>>> {
        let statement = value_of(source, key)?;
        statement.first(&mut self.conn).await?.map(|row| row.try_get(0)).transpose()
    }

    async fn usage(&mut self, source: &SourceName) -> sqlx::Result<Usage> {
        let mut statement = Statement::new("SELECT keys, bytes FROM connector_usage WHERE source = ?");
        statement.bind(source.as_str())?;
        match statement.first(&mut self.conn).await? {
            Some(row) => Ok(Usage { keys: int(&row, 0)?, bytes: int(&row, 1)? }),
            None => Ok(Usage { keys: 0, bytes: 0 }),
        }
    }

    async fn set_usage(&mut self, source: &SourceName, usage: &Usage) -> sqlx::Result<()> {
        let mut statement =
            Statement::new("INSERT OR REPLACE INTO connector_usage (source, keys, bytes) VALUES (?,?,?)");
        statement.bind(source.as_str())?.bind(usage.keys)?.bind(usage.bytes)?;
        statement.run(&mut self.conn).await.map(drop)
    }
}

fn value_of(source: &SourceName, key: &str) -> sqlx::Result<Statement> {
    let mut statement = Statement::new("SELECT value FROM connector_state WHERE source = ? AND key = ?");
    statement.bind(source.as_str())?.bind(key)?;
    Ok(statement)
}

fn over(what: String, limit: &str) -> Failure {
    Failure::never(Code::FAULT_DENIED, what).next(format!("store less, or raise `limits.plugin.{limit}`"))
}

impl Journal {
    async fn read_state(&self, source: &SourceName, key: &str) -> sqlx::Result<Option<Vec<u8>>> {
        let statement = value_of(source, key)?;
        let mut reader = self.readers.get().await?;
        statement.first(reader.conn()?).await?.map(|row| row.try_get(0)).transpose()
    }
}

impl ConnectorState for Journal {
    fn get(&self, source: &SourceName, key: &str) -> PortResult<Option<Vec<u8>>> {
        block_on(self.read_state(source, key)).map_err(|cause| error::read_failed(&cause))
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
