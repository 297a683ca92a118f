//! A sealed window of event keys: sorted into buckets by the first bits of the key, one row a bucket, so that it is written in order and
//! searched by one look-up. Knows the form, not when to write it.

use std::collections::HashMap;

use apex_model::ids::EventId;

use crate::bloom::Bloom;

/// Keys of one bucket, on average: a row of 5 KB, one page.
const BUCKET_KEYS: usize = 256;
/// Bits of a slot's number that name the bucket within its window.
const SLOT_BUCKET_BITS: u32 = 20;
const ID_BYTES: usize = 16;
const ENTRY_BYTES: usize = ID_BYTES + 4;

/// A sealed window as far as it is kept in memory.
#[derive(Debug)]
pub(crate) struct SealedWindow {
    pub(crate) number: i64,
    pub(crate) first_position: i64,
    pub(crate) end_position: i64,
    pub(crate) sealed_ms: i64,
    pub(crate) bucket_bits: u32,
    pub(crate) bloom: Bloom,
}

impl SealedWindow {
    /// The row to look for the key in, unless it is certainly not in this window.
    pub(crate) fn suspect(&self, id: EventId) -> Option<i64> {
        self.bloom.may_contain(id).then(|| slot(self.number, bucket(id, self.bucket_bits)))
    }

    /// Which slots are this window's: from, to (exclusive).
    pub(crate) fn slots(&self) -> (i64, i64) {
        (slot(self.number, 0), slot(self.number + 1, 0))
    }
}

/// A window's rows, made off the writer's thread.
#[derive(Debug)]
pub(crate) struct Rows {
    /// Number of the bucket and its entries.
    pub(crate) buckets: Vec<(i64, Vec<u8>)>,
    pub(crate) bucket_bits: u32,
    pub(crate) bloom: Bloom,
}

/// The row of a window's bucket.
pub(crate) fn slot(window: i64, bucket: i64) -> i64 {
    (window << SLOT_BUCKET_BITS) | bucket
}

/// The window of a slot.
pub(crate) fn window_of(slot: i64) -> i64 {
    slot >> SLOT_BUCKET_BITS
}

fn bucket(id: EventId, bits: u32) -> i64 {
    let [a, b, c, d, ..] = id.0;
    i64::from(u32::from_be_bytes([a, b, c, d])) >> (32 - bits)
}

/// Sorts a window's keys into rows.
pub(crate) fn rows(keys: &HashMap<EventId, i64>, first_position: i64) -> Rows {
    let bucket_bits = (keys.len() / BUCKET_KEYS).checked_ilog2().unwrap_or(0).min(SLOT_BUCKET_BITS);
    let mut bloom = Bloom::for_keys(keys.len());
    let mut sorted: Vec<(EventId, i64)> = keys.iter().map(|(id, position)| (*id, *position)).collect();
    sorted.sort_unstable();
    let mut buckets: Vec<(i64, Vec<u8>)> = Vec::new();
    for (id, position) in sorted {
        bloom.insert(id);
        let number = bucket(id, bucket_bits);
        if buckets.last().is_none_or(|(last, _)| *last != number) {
            buckets.push((number, Vec::with_capacity(BUCKET_KEYS * ENTRY_BYTES)));
        }
        if let Some((_, entries)) = buckets.last_mut() {
            entries.extend_from_slice(&id.0);
            entries.extend_from_slice(&u32::try_from(position - first_position).unwrap_or(u32::MAX).to_le_bytes());
        }
    }
    Rows { buckets, bucket_bits, bloom }
}

/// Finds a key in a bucket's entries; answers its distance from the window's first position.
pub(crate) fn find(entries: &[u8], id: EventId) -> Option<i64> {
    let (entries, _) = entries.as_chunks::<ENTRY_BYTES>();
    entries.iter().find_map(|entry| {
        let (key, offset) = entry.split_first_chunk::<ID_BYTES>()?;
        (*key == id.0).then_some(())?;
        Some(i64::from(u32::from_le_bytes(offset.try_into().ok()?)))
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use apex_model::ids::SourceName;

    use super::*;

    #[test]
    fn every_key_is_found_in_the_bucket_it_is_suspected_in() {
        let source = SourceName::parse("a").unwrap();
        let keys: HashMap<EventId, i64> =
            (0..5_000_i64).map(|n| (EventId::of(&source, &n.to_string()), 1_000 + n)).collect();
        let rows = rows(&keys, 1_000);
        assert!(rows.buckets.len() > 8, "about 20 expected: {}", rows.buckets.len());
        let window = SealedWindow {
            number: 3,
            first_position: 1_000,
            end_position: 6_000,
            sealed_ms: 0,
            bucket_bits: rows.bucket_bits,
            bloom: rows.bloom,
        };
        for (id, position) in keys {
            let slot = window.suspect(id).unwrap();
            assert_eq!(window_of(slot), 3);
            let (_, entries) = rows.buckets.iter().find(|(number, _)| super::slot(3, *number) == slot).unwrap();
            assert_eq!(find(entries, id), Some(position - 1_000));
        }
    }

    #[test]
    fn a_bucket_does_not_find_what_was_never_there() {
        assert_eq!(find(&[], EventId([7; 16])), None);
        assert_eq!(find(&[0; 40], EventId([7; 16])), None);
    }
}
