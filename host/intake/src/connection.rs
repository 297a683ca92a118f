//! The clock of one connection: how long it may take for its headers, and how long it may do nothing.
//!
//! ```text
//!   open --> Head --request read--> Busy --answered--> Idle --first byte--> Head
//!            header_ms_max           (the handler's)    idle_ms_max
//! ```
//!
//! Nothing is armed per request: one timer a connection looks at the phase when it fires, at most once every
//! `header_ms_max`. Must not know what is served.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::Instant;

/// How long each phase may last.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patience {
    /// From the first byte of a request (or from opening) to its last header.
    pub header: Duration,
    /// Between requests.
    pub idle: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Head,
    Busy,
    Idle,
}

const HEAD: u64 = 0;
const BUSY: u64 = 1;
const IDLE: u64 = 2;

/// What the timer finds.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Look {
    /// Look again then.
    Again(Instant),
    /// The phase lasted too long.
    Expired,
}

/// The phase of one connection and since when. Written by the connection's own task alone; atomic only to be `Sync`.
#[derive(Debug)]
pub(crate) struct Watch {
    opened: Instant,
    /// Milliseconds since `opened`, times four, plus the phase.
    word: AtomicU64,
}

impl Watch {
    pub(crate) fn new() -> Self {
        Self { opened: Instant::now(), word: AtomicU64::new(HEAD) }
    }

    /// The request's headers are read.
    pub(crate) fn busy(&self) {
        self.set(Phase::Busy);
    }

    /// The answer is made.
    pub(crate) fn idle(&self) {
        self.set(Phase::Idle);
    }

    fn bytes_arrived(&self) {
        if self.get().0 == Phase::Idle {
            self.set(Phase::Head);
        }
    }

    fn set(&self, phase: Phase) {
        let since = || u64::try_from(self.opened.elapsed().as_millis()).unwrap_or(u64::MAX >> 2);
        let (code, ms) = match phase {
            Phase::Head => (HEAD, since()),
            // Nothing ends this phase by time: the clock need not be read.
            Phase::Busy => (BUSY, 0),
            Phase::Idle => (IDLE, since()),
        };
        self.word.store((ms << 2) | code, Ordering::Relaxed);
    }

    fn get(&self) -> (Phase, Instant) {
        let word = self.word.load(Ordering::Relaxed);
        let phase = match word & 3 {
            HEAD => Phase::Head,
            BUSY => Phase::Busy,
            _ => Phase::Idle,
        };
        (phase, self.opened + Duration::from_millis(word >> 2))
    }

    /// When to look first.
    pub(crate) fn first_look(&self, patience: Patience) -> Instant {
        self.opened + patience.header
    }

    /// Whether the phase has lasted too long at `now`, else when to look again: never later than a phase that
    /// starts after this look can expire.
    pub(crate) fn look(&self, now: Instant, patience: Patience) -> Look {
        let (phase, since) = self.get();
        let soonest = now + patience.header.min(patience.idle);
        let until = match phase {
            Phase::Head => since + patience.header,
            Phase::Idle => since + patience.idle,
            Phase::Busy => return Look::Again(soonest),
        };
        if until <= now { Look::Expired } else { Look::Again(until.min(soonest)) }
    }
}

/// A socket that tells its [`Watch`] when bytes arrive.
#[derive(Debug)]
pub(crate) struct WatchedStream {
    stream: TcpStream,
    watch: Arc<Watch>,
}

impl WatchedStream {
    pub(crate) fn new(stream: TcpStream, watch: Arc<Watch>) -> Self {
        Self { stream, watch }
    }
}

impl AsyncRead for WatchedStream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<std::io::Result<()>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buf))?;
        if buf.filled().len() > before {
            self.watch.bytes_arrived();
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for WatchedStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[std::io::IoSlice<'_>],
    ) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Patience = Patience { header: Duration::from_secs(10), idle: Duration::from_secs(75) };

    #[test]
    fn headers_and_idleness_have_their_own_time_and_a_handler_has_none() {
        let watch = Watch::new();
        let at = |seconds: u64| watch.opened + Duration::from_secs(seconds);
        assert_eq!(watch.look(at(9), PATIENCE), Look::Again(at(10)));
        assert_eq!(watch.look(at(10), PATIENCE), Look::Expired);
        watch.busy();
        assert_eq!(watch.look(at(100), PATIENCE), Look::Again(at(110)));
        watch.idle();
        assert!(matches!(watch.look(at(10), PATIENCE), Look::Again(_)));
        assert_eq!(watch.look(at(76), PATIENCE), Look::Expired);
    }

    #[test]
    fn the_first_byte_of_a_request_starts_the_header_timer() {
        let watch = Watch::new();
        watch.idle();
        watch.bytes_arrived();
        assert_eq!(watch.get().0, Phase::Head);
        watch.busy();
        watch.bytes_arrived();
        assert_eq!(watch.get().0, Phase::Busy, "a body's bytes are the handler's business");
    }
}
