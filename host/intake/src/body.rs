//! Reads a request's body: capped and timed, without copying the usual one-piece body.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt as _;
use hyper::body::Body;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout_at};

/// Bytes of an unwanted body that are read and thrown away, so that the sender gets to read the answer instead of a
/// reset connection (RFC 9112, section 9.6).
const LINGER_BYTES_MAX: usize = 16 << 20;

/// Why there is no body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BodyError {
    /// More than allowed.
    TooLarge,
    /// Too slow.
    Timeout,
    /// The sender broke off or sent it wrongly framed.
    Broken,
}

/// The bytes that all webhook bodies in memory may have together.
#[derive(Debug, Clone)]
pub(crate) struct Room {
    free: Arc<Semaphore>,
    bytes_max: usize,
}

/// A body's share of the room, given back on drop.
pub(crate) type Share = OwnedSemaphorePermit;

impl Room {
    /// Room for so many bytes.
    pub(crate) fn new(bytes_max: usize) -> Self {
        let bytes_max = bytes_max.min(Semaphore::MAX_PERMITS);
        Self { free: Arc::new(Semaphore::new(bytes_max)), bytes_max }
    }

    /// A share for a body yet to be read: as many bytes as it announces, `body_bytes_max` if it announces nothing. None if
    /// less is free. A body that announces too much needs none: it is refused unread.
    pub(crate) fn share<B: Body>(&self, body: &B, body_bytes_max: usize) -> Option<Share> {
        let announced = body.size_hint().exact().map(|bytes| usize::try_from(bytes).unwrap_or(usize::MAX));
        let bytes = match announced {
            Some(bytes) if bytes > body_bytes_max => 0,
            Some(bytes) => bytes,
            None => body_bytes_max,
        };
        // A body larger than the whole room gets all of it, or it would never be taken.
        let bytes = u32::try_from(bytes.min(self.bytes_max)).unwrap_or(u32::MAX);
        Arc::clone(&self.free).try_acquire_many_owned(bytes).ok()
    }
}

/// The whole body, if it has at most `bytes_max` and is there by `deadline`.
pub(crate) async fn read<B>(mut body: B, bytes_max: usize, deadline: Instant) -> Result<Bytes, BodyError>
where
    B: Body<Data = Bytes> + Unpin + Send + 'static,
{
    let announced = body.size_hint().lower();
    let outcome = if announced > u64::try_from(bytes_max).unwrap_or(u64::MAX) {
        Err(BodyError::TooLarge)
    } else {
        timeout_at(deadline, collect(&mut body, bytes_max)).await.unwrap_or(Err(BodyError::Timeout))
    };
    if outcome == Err(BodyError::TooLarge) {
        linger(body, deadline);
    }
    outcome
}

/// Reads on beside the answer, so that a sender who reads only after it has sent everything gets it.
pub(crate) fn linger<B>(body: B, deadline: Instant)
where
    B: Body<Data = Bytes> + Unpin + Send + 'static,
{
    if !body.is_end_stream() {
        tokio::spawn(async move { timeout_at(deadline, discard(body)).await });
    }
}

async fn collect<B>(body: &mut B, bytes_max: usize) -> Result<Bytes, BodyError>
where
    B: Body<Data = Bytes> + Unpin,
{
    let mut first = Bytes::new();
    let mut all = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let Ok(piece) = frame.map_err(|_| BodyError::Broken)?.into_data() else { continue };
        if first.len() + all.len() + piece.len() > bytes_max {
            return Err(BodyError::TooLarge);
        }
        if first.is_empty() && all.is_empty() {
            first = piece;
            continue;
        }
        if all.is_empty() {
            let expected = usize::try_from(body.size_hint().lower()).unwrap_or(0);
            all.reserve(first.len() + piece.len() + expected.min(bytes_max));
            all.extend_from_slice(&first);
            first = Bytes::new();
        }
        all.extend_from_slice(&piece);
    }
    Ok(if all.is_empty() { first } else { all.freeze() })
}

async fn discard<B>(mut body: B)
where
    B: Body<Data = Bytes> + Unpin,
{
    let mut left = LINGER_BYTES_MAX;
    while let Some(Ok(frame)) = body.frame().await {
        let length = frame.data_ref().map_or(0, Bytes::len);
        let Some(rest) = left.checked_sub(length) else { return };
        left = rest;
    }
}
