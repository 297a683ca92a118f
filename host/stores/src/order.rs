//! Which of two states of a document is the newer one. Pure: every relational store decides by this.

use apex_model::document::Sequence;

/// Where a state of a document stands: the source's own order if it has one, and arrival order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Order {
    /// The source's order.
    pub sequence: Option<Sequence>,
    /// Place in the journal.
    pub position: i64,
}

impl Order {
    /// Whether this state must not replace `live`. The source's order decides if both carry one; else, and between equals, arrival does.
    pub(crate) fn is_older_than(self, live: Self) -> bool {
        match (self.sequence, live.sequence) {
            (Some(mine), Some(other)) if mine != other => mine < other,
            _ => self.position < live.position,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(sequence: Option<u128>, position: i64) -> Order {
        Order { sequence: sequence.map(Sequence), position }
    }

    #[test]
    fn the_sources_order_decides_before_arrival() {
        assert!(order(Some(4), 9).is_older_than(order(Some(5), 1)));
        assert!(!order(Some(6), 1).is_older_than(order(Some(5), 9)));
    }

    #[test]
    fn arrival_decides_without_a_sequence_and_between_equals() {
        assert!(order(None, 1).is_older_than(order(None, 2)));
        assert!(!order(None, 2).is_older_than(order(None, 2)));
        assert!(order(Some(5), 1).is_older_than(order(Some(5), 2)));
        assert!(order(Some(5), 1).is_older_than(order(None, 2)));
        assert!(!order(None, 3).is_older_than(order(Some(5), 2)));
    }
}
