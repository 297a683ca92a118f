//! The one task that writes. Takes what waits, writes it in one transaction, answers after the commit. Decides nothing about documents.

use std::sync::{Arc, PoisonError, RwLock};

use apex_model::Timestamp;
use apex_model::saga::{StoreFault, Ticket};
use apex_model::write_set::WriteSet;
use sqlx::{Connection, SqliteConnection};
use tokio::sync::{mpsc, oneshot};

use super::rows::{self, Touch};
use super::vectors::{Change, Vectors};
use super::{faults, search};

/// Jobs one transaction takes at most: a crash redoes no more, and nobody waits long.
const GROUP_MAX: usize = 64;
/// Jobs that may wait. More callers wait in line.
const QUEUE_MAX: usize = 256;

pub(super) type Done<T> = oneshot::Sender<Result<T, StoreFault>>;

/// What can be asked of the writer.
pub(super) enum Job {
    /// Write a version and make it live.
    Commit { ticket: Ticket, writes: Box<WriteSet>, done: Done<()> },
    /// Note that an unchanged document was seen at a newer place.
    Touch { touch: Touch, done: Done<()> },
    /// Read every live vector into memory. Done here because no commit can come between.
    LoadVectors { done: Done<()> },
    /// Stop.
    Close { done: oneshot::Sender<()> },
}

/// Starts the writer.
pub(super) fn spawn(connection: SqliteConnection, vectors: Arc<RwLock<Vectors>>) -> mpsc::Sender<Job> {
    let (sender, receiver) = mpsc::channel(QUEUE_MAX);
    tokio::spawn(work(connection, receiver, vectors));
    sender
}

/// Asks the writer and waits for its answer.
pub(super) async fn ask<T>(jobs: &mpsc::Sender<Job>, job: impl FnOnce(Done<T>) -> Job) -> Result<T, StoreFault> {
    let (done, answer) = oneshot::channel();
    jobs.send(job(done)).await.map_err(|_| StoreFault::Unreachable(faults::closed()))?;
    answer.await.unwrap_or_else(|_| Err(StoreFault::Unknown(faults::closed())))
}

/// Lets the writer finish and stop.
pub(super) async fn close(jobs: &mpsc::Sender<Job>) {
    let (done, answer) = oneshot::channel();
    if jobs.send(Job::Close { done }).await.is_ok() {
        let _stopped = answer.await;
    }
}

async fn work(mut connection: SqliteConnection, mut jobs: mpsc::Receiver<Job>, vectors: Arc<RwLock<Vectors>>) {
    let mut stopped = None;
    while let Some(first) = jobs.recv().await {
        let mut group = Vec::new();
        let mut next = Some(first);
        while let Some(job) = next {
            match job {
                Job::Commit { ticket, writes, done } => group.push(Write::Commit { ticket, writes, done }),
                Job::Touch { touch, done } => group.push(Write::Touch { touch, done }),
                Job::LoadVectors { done } => {
                    write(&mut connection, std::mem::take(&mut group), &vectors).await;
                    let _caller_gone = done.send(load(&mut connection, &vectors).await);
                }
                Job::Close { done } => {
                    jobs.close();
                    stopped = Some(done);
                }
            }
            next = if group.len() < GROUP_MAX { jobs.try_recv().ok() } else { None };
        }
        write(&mut connection, group, &vectors).await;
    }
    if let Err(error) = connection.close().await {
        tracing::warn!(%error, "the store was not closed cleanly; it recovers when it is opened");
    }
    if let Some(done) = stopped {
        let _caller_gone = done.send(());
    }
}

enum Write {
    Commit { ticket: Ticket, writes: Box<WriteSet>, done: Done<()> },
    Touch { touch: Touch, done: Done<()> },
}

impl Write {
    fn answer(self, answer: Result<(), StoreFault>) {
        let (Self::Commit { done, .. } | Self::Touch { done, .. }) = self;
        let _caller_gone = done.send(answer);
    }
}

async fn write(connection: &mut SqliteConnection, group: Vec<Write>, vectors: &RwLock<Vectors>) {
    if group.is_empty() {
        return;
    }
    match transact(connection, &group).await {
        Ok(answers) => finish(group, answers, vectors),
        // One bad job must not fail its neighbours.
        Err(fault) if group.len() > 1 && !matches!(fault, StoreFault::Unknown(_)) => {
            for job in group {
                match transact(connection, std::slice::from_ref(&job)).await {
                    Ok(answers) => finish(vec![job], answers, vectors),
                    Err(fault) => job.answer(Err(fault)),
                }
            }
        }
        Err(fault) => group.into_iter().for_each(|job| job.answer(Err(fault.clone()))),
    }
}

type Answer = Result<Option<Change>, StoreFault>;

fn finish(group: Vec<Write>, answers: Vec<Answer>, vectors: &RwLock<Vectors>) {
    let mut answered = Vec::with_capacity(answers.len());
    {
        let mut vectors = vectors.write().unwrap_or_else(PoisonError::into_inner);
        for answer in answers {
            answered.push(answer.map(|change| change.into_iter().for_each(|change| vectors.apply(change))));
        }
    }
    group.into_iter().zip(answered).for_each(|(job, answer)| job.answer(answer));
}

async fn transact(connection: &mut SqliteConnection, group: &[Write]) -> Result<Vec<Answer>, StoreFault> {
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await.map_err(|error| faults::writing(&error))?;
    let now = Timestamp::now();
    let mut answers = Vec::with_capacity(group.len());
    for job in group {
        let answer = match job {
            Write::Commit { ticket, writes, .. } => rows::commit(&mut transaction, ticket, writes, now).await,
            Write::Touch { touch, .. } => rows::touch(&mut transaction, touch).await.map(|()| Ok(None)),
        };
        answers.push(answer.map_err(|error| faults::writing(&error))?);
    }
    transaction.commit().await.map_err(|error| faults::committing(&error))?;
    Ok(answers)
}

async fn load(connection: &mut SqliteConnection, vectors: &RwLock<Vectors>) -> Result<(), StoreFault> {
    if vectors.read().unwrap_or_else(PoisonError::into_inner).is_loaded() {
        return Ok(());
    }
    let loaded = search::load(connection).await.map_err(StoreFault::Unreachable)?;
    *vectors.write().unwrap_or_else(PoisonError::into_inner) = loaded;
    Ok(())
}
