//! SQL with many rows in one statement. sqlx hands every statement to a thread of its own (10 to 20 µs a round trip), so a group of
//! rows must travel in few of them.
//!
//! Texts are built from literals of this crate only; whatever a user wrote travels as an argument.

use sqlx::sqlite::{SqliteArguments, SqliteConnection, SqliteRow};
use sqlx::{Arguments, AssertSqlSafe, Encode, Row, Sqlite, Type};

/// Rows of one statement at most: bounds the arguments and the number of different texts that stay prepared.
pub(crate) const ROWS_MAX: usize = 64;

/// One statement and its arguments.
pub(crate) struct Statement {
    text: String,
    arguments: SqliteArguments,
}

impl Statement {
    /// A statement without repeated parts.
    pub(crate) fn new(text: &str) -> Self {
        Self { text: text.to_owned(), arguments: SqliteArguments::default() }
    }

    /// `head` and then `tuple` as often as `count`, separated by commas, and then `tail`.
    pub(crate) fn repeated(head: &str, tuple: &str, count: usize, tail: &str) -> Self {
        let mut text = String::with_capacity(head.len() + count * (tuple.len() + 1) + tail.len());
        text.push_str(head);
        for n in 0..count {
            if n > 0 {
                text.push(',');
            }
            text.push_str(tuple);
        }
        text.push_str(tail);
        Self { text, arguments: SqliteArguments::default() }
    }

    /// The next argument.
    pub(crate) fn bind<'t, T: Encode<'t, Sqlite> + Type<Sqlite>>(&mut self, value: T) -> sqlx::Result<&mut Self> {
        self.arguments.add(value).map_err(sqlx::Error::Encode)?;
        Ok(self)
    }

    /// Runs it; answers the number of rows changed.
    pub(crate) async fn run(self, conn: &mut SqliteConnection) -> sqlx::Result<u64> {
        let done = sqlx::query_with(AssertSqlSafe(self.text), self.arguments).execute(conn).await?;
        Ok(done.rows_affected())
    }

    /// Runs it; answers its rows.
    pub(crate) async fn fetch(self, conn: &mut SqliteConnection) -> sqlx::Result<Vec<SqliteRow>> {
        sqlx::query_with(AssertSqlSafe(self.text), self.arguments).fetch_all(conn).await
    }

    /// Runs it; answers its first row.
    pub(crate) async fn first(self, conn: &mut SqliteConnection) -> sqlx::Result<Option<SqliteRow>> {
        Ok(self.fetch(conn).await?.into_iter().next())
    }
}

/// The statements of a group, run one by one or, if they always come in the same few forms, as one text in one round trip.
pub(crate) struct Script<'c> {
    conn: &'c mut SqliteConnection,
    is_joined: bool,
    current: Option<Statement>,
}

impl<'c> Script<'c> {
    /// Runs each statement when the next one begins. The caller began the transaction.
    pub(crate) fn in_steps(conn: &'c mut SqliteConnection) -> Self {
        Self { conn, is_joined: false, current: None }
    }

    /// Runs all statements at the end, with a transaction around them. sqlx keeps a text prepared, so there must be few different ones.
    pub(crate) fn joined(conn: &'c mut SqliteConnection) -> Self {
        Self { conn, is_joined: true, current: Some(Statement::new("BEGIN IMMEDIATE")) }
    }

    /// The next statement, see [`Statement::repeated`].
    pub(crate) async fn repeated(&mut self, head: &str, tuple: &str, count: usize, tail: &str) -> sqlx::Result<()> {
        let next = Statement::repeated(head, tuple, count, tail);
        match &mut self.current {
            Some(current) if self.is_joined => {
                current.text.push(';');
                current.text.push_str(&next.text);
            }
            current => {
                if let Some(done) = current.replace(next) {
                    done.run(self.conn).await?;
                }
            }
        }
        Ok(())
    }

    /// The next argument of the statement begun last.
    pub(crate) fn bind<'t, T: Encode<'t, Sqlite> + Type<Sqlite>>(&mut self, value: T) -> sqlx::Result<&mut Self> {
        if let Some(current) = &mut self.current {
            current.bind(value)?;
        }
        Ok(self)
    }

    /// Runs what is left; joined statements are durable then.
    pub(crate) async fn finish(mut self) -> sqlx::Result<()> {
        let Some(mut last) = self.current.take() else { return Ok(()) };
        if self.is_joined {
            last.text.push_str(";COMMIT");
        }
        last.run(self.conn).await.map(drop)
    }
}

/// The whole number in this column of the row; zero if it is null.
pub(crate) fn int(row: &SqliteRow, column: usize) -> sqlx::Result<i64> {
    Ok(row.try_get::<Option<i64>, _>(column)?.unwrap_or(0))
}

/// A count as SQLite keeps it.
pub(crate) fn count(value: usize) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
