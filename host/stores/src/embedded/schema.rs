//! Opens the file: settings of the connections, migrations, the first fence. Only its owner can read it; what SQLite puts
//! beside it has the file's mode (<https://www.sqlite.org/walformat.html>).

use std::fs::{OpenOptions, Permissions};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection, SqliteConnection, SqlitePool};

/// Every step of the schema, in order; `user_version` counts those done.
const MIGRATIONS: [&str; 1] = [include_str!("../../migrations/embedded/0001_documents.sql")];
/// Connections that read at the same time. More would only compete for two or four cores.
const READERS_MAX: u32 = 4;
/// How long a statement waits for a lock that a backup or a shell may hold.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// The writing connection, the reading ones, and the next fence.
pub(super) async fn open(file: &Path) -> Result<(SqliteConnection, SqlitePool, i64), sqlx::Error> {
    let private = OpenOptions::new().create(true).append(true).mode(0o600).open(file).and_then(|created| {
        // A file of an older version may be readable by others.
        created.set_permissions(Permissions::from_mode(0o600))
    });
    private.map_err(sqlx::Error::Io)?;
    // A log line a statement costs more than most statements do.
    let options = SqliteConnectOptions::new().filename(file).busy_timeout(BUSY_TIMEOUT).disable_statement_logging();
    let mut writer = options
        .clone()
        .create_if_missing(true)
        .page_size(8192)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .pragma("journal_size_limit", "67108864")
        .connect()
        .await?;
    migrate(&mut writer).await?;
    let fence: i64 =
        sqlx::query_scalar("SELECT coalesce(max(fence), 0) + 1 FROM document").fetch_one(&mut writer).await?;
    let reading = options.pragma("query_only", "1");
    let pool = SqlitePoolOptions::new().max_connections(READERS_MAX).connect_with(reading).await?;
    Ok((writer, pool, fence))
}

async fn migrate(connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
    let done: i64 = sqlx::query_scalar("PRAGMA user_version").fetch_one(&mut *connection).await?;
    let known = i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX);
    if done > known {
        return Err(sqlx::Error::Configuration(
            format!(
                "the file has schema {done}, this program knows {known}: use the program that wrote it, or a newer one"
            )
            .into(),
        ));
    }
    for (step, sql) in (1_i64..).zip(MIGRATIONS).skip(usize::try_from(done).unwrap_or_default()) {
        let mut transaction = connection.begin().await?;
        sqlx::raw_sql(sql).execute(&mut *transaction).await?;
        sqlx::raw_sql(sqlx::AssertSqlSafe(format!("PRAGMA user_version = {step}"))).execute(&mut *transaction).await?;
        transaction.commit().await?;
    }
    Ok(())
}
