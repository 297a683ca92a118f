//! Reads a request's body: capped and timed, without copying the usual one-piece body.

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt as _;
use hyper::body::Body;
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
