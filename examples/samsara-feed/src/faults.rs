//! Misbehaviour on request: which requests are refused, and how. It counts nothing itself.

use std::time::Duration;

/// What goes wrong. "Every Nth" counts all requests with a good token from 1; 0 is never.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Faults {
    /// Every Nth request gets 429 with a fractional `Retry-After`.
    pub rate_limit_every: u32,
    /// Every Nth request gets 503.
    pub fail_every: u32,
    /// Every Nth request that carries a cursor is told that the cursor is invalid.
    pub lose_cursor_every: u32,
    /// Every request waits this long before it is answered.
    pub slow: Duration,
}

/// What is done to one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// 429.
    RateLimited,
    /// 503.
    Unavailable,
    /// 400 about the cursor.
    CursorLost,
}

impl Faults {
    /// What is done to the request of this number.
    pub(crate) fn of(&self, number: u64, has_cursor: bool) -> Option<Fault> {
        let falls_on = |every: u32| every > 0 && number.is_multiple_of(u64::from(every));
        if falls_on(self.rate_limit_every) {
            Some(Fault::RateLimited)
        } else if falls_on(self.fail_every) {
            Some(Fault::Unavailable)
        } else if has_cursor && falls_on(self.lose_cursor_every) {
            Some(Fault::CursorLost)
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Fault, Faults};

    #[test]
    fn every_nth_request_and_no_other() {
        let faults = Faults { rate_limit_every: 3, fail_every: 4, lose_cursor_every: 5, ..Faults::default() };
        let of = |number| faults.of(number, true);
        assert_eq!([of(1), of(2), of(7)], [None; 3]);
        assert_eq!([of(3), of(12)], [Some(Fault::RateLimited); 2]);
        assert_eq!(of(4), Some(Fault::Unavailable));
        assert_eq!(of(5), Some(Fault::CursorLost));
        assert_eq!(faults.of(5, false), None);
        assert_eq!(Faults::default().of(0, true), None);
    }
}
