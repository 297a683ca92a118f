//! A Bloom filter over event ids: tells in one memory access that a key is certainly not in a sealed window.
//!
//! Blocked: all bits of a key lie in one block of 64 bytes (Putze, Sanders, Singler, "Cache-, Hash- and Space-Efficient Bloom Filters", 2007).
//! Ids are hashes already, so their bytes are used as they are.

use apex_model::ids::EventId;

/// Bits for each key: about 0.6 % of unknown keys are taken for known, so 40 windows cost a quarter of a look-up for each new event.
const BITS_PER_KEY: usize = 12;
const BLOCK_WORDS: usize = 8;
const PROBES: u32 = 7;

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Bloom {
    blocks: Vec<[u64; BLOCK_WORDS]>,
}

impl Bloom {
    /// An empty filter for this many keys.
    pub(crate) fn for_keys(keys: usize) -> Self {
        let blocks = (keys * BITS_PER_KEY).div_ceil(64 * BLOCK_WORDS).max(1);
        Self { blocks: vec![[0; BLOCK_WORDS]; blocks] }
    }

    fn halves(id: EventId) -> (u64, u64) {
        let whole = u128::from_be_bytes(id.0);
        let low = u64::try_from(whole & u128::from(u64::MAX)).unwrap_or(0);
        let high = u64::try_from(whole >> 64).unwrap_or(0);
        (high, low)
    }

    fn block(&self, high: u64) -> usize {
        let scaled = (u128::from(high) * self.blocks.len() as u128) >> 64;
        usize::try_from(scaled).unwrap_or(0)
    }

    /// The bits of a key: for each probe nine bits of its lower half name a bit of the block.
    fn probes(low: u64) -> impl Iterator<Item = (usize, u64)> {
        (0..PROBES).map(move |probe| {
            let bit = (low >> (probe * 9)) & 511;
            (usize::try_from(bit >> 6).unwrap_or(0), 1 << (bit & 63))
        })
    }

    /// Adds the key.
    pub(crate) fn insert(&mut self, id: EventId) {
        let (high, low) = Self::halves(id);
        let block = self.block(high);
        if let Some(block) = self.blocks.get_mut(block) {
            for (word, bit) in Self::probes(low) {
                if let Some(word) = block.get_mut(word) {
                    *word |= bit;
                }
            }
        }
    }

    /// False: certainly not there. True: probably there.
    pub(crate) fn may_contain(&self, id: EventId) -> bool {
        let (high, low) = Self::halves(id);
        self.blocks.get(self.block(high)).is_some_and(|block| {
            Self::probes(low).all(|(word, bit)| block.get(word).is_some_and(|word| word & bit != 0))
        })
    }

    /// As it stands in its row.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        self.blocks.iter().flatten().flat_map(|word| word.to_le_bytes()).collect()
    }

    /// From its row.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (words, rest) = bytes.as_chunks::<8>();
        let words: Vec<u64> = words.iter().map(|word| u64::from_le_bytes(*word)).collect();
        let (blocks, odd) = words.as_chunks::<BLOCK_WORDS>();
        (rest.is_empty() && odd.is_empty() && !blocks.is_empty()).then(|| Self { blocks: blocks.to_vec() })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use apex_model::ids::SourceName;

    use super::*;

    fn id(n: u32) -> EventId {
        EventId::of(&SourceName::parse("a").unwrap(), &n.to_string())
    }

    #[test]
    fn every_inserted_key_is_found_and_few_others() {
        let mut bloom = Bloom::for_keys(10_000);
        (0..10_000).for_each(|n| bloom.insert(id(n)));
        let bloom = Bloom::from_bytes(&bloom.to_bytes()).unwrap();
        assert!((0..10_000).all(|n| bloom.may_contain(id(n))));
        let mistaken = (10_000..110_000).filter(|n| bloom.may_contain(id(*n))).count();
        assert!(mistaken < 1_000, "more than 1 % of 100,000 unknown keys: {mistaken}");
    }

    #[test]
    fn a_damaged_row_is_no_filter() {
        assert_eq!(Bloom::from_bytes(&[]), None);
        assert_eq!(Bloom::from_bytes(&[0; 63]), None);
    }
}
