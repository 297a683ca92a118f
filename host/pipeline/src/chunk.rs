//! Cuts a text into chunks that fit the embedding model: whole sentences, with some overlap.
//!
//! A sentence that is too long is cut between words, a word that is too long between graphemes. Deterministic: the same
//! text, counter and bounds give the same chunks, so that their embeddings are found in the cache again.

use std::ops::Range;

use unicode_segmentation::UnicodeSegmentation as _;

use crate::sentence::sentences;

/// Characters a token stands for at most. A tokenizer gives one "unknown" token to a word of any length; this bounds it.
const TOKEN_CHARS_MAX: usize = 8;

/// Bounds of chunking.
#[derive(Debug, Clone, Copy)]
pub struct ChunkBounds {
    /// Tokens of one chunk, the model's own marks not counted.
    pub tokens_max: usize,
    /// Tokens that a chunk repeats from the one before, in whole sentences; fewer if no sentence is that short.
    pub overlap_tokens: usize,
    /// Chunks of one text.
    pub chunks_max: usize,
}

/// A text cut into chunks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chunked {
    /// Byte ranges of the text, in order; none for a blank text.
    pub ranges: Vec<Range<usize>>,
    /// Bytes of the text up to the end of the last chunk: less than its length if `chunks_max` cut it off.
    pub covered_bytes: usize,
}

/// A sentence or a part of one, and its cost in tokens.
struct Unit {
    range: Range<usize>,
    tokens: usize,
}

/// Cuts `text`; `count` answers how many tokens a stretch has.
pub fn chunk(text: &str, bounds: ChunkBounds, count: impl Fn(&str) -> usize) -> Chunked {
    let tokens_max = bounds.tokens_max.max(1);
    let cost = |part: &str| count(part).max(part.chars().count().div_ceil(TOKEN_CHARS_MAX));
    let mut packer =
        Packer { bounds: ChunkBounds { tokens_max, ..bounds }, open: Vec::new(), fresh: 0, ranges: Vec::new() };
    for sentence in sentences(text) {
        if packer.full() {
            break;
        }
        let tokens = cost(text.get(sentence.clone()).unwrap_or_default());
        if tokens <= tokens_max {
            packer.push(Unit { range: sentence, tokens });
        } else {
            split_long(text, sentence, tokens_max, &cost, &mut |unit| packer.push(unit));
        }
    }
    packer.close();
    packer.ranges.truncate(bounds.chunks_max);
    let covered_bytes = packer.ranges.last().map_or(0, |range| range.end);
    Chunked { ranges: packer.ranges, covered_bytes }
}

/// Fills chunks with units, in order.
struct Packer {
    bounds: ChunkBounds,
    open: Vec<Unit>,
    /// Units of `open` that no chunk holds yet; the rest is overlap.
    fresh: usize,
    ranges: Vec<Range<usize>>,
}

impl Packer {
    fn full(&self) -> bool {
        self.ranges.len() >= self.bounds.chunks_max
    }

    fn tokens(&self) -> usize {
        self.open.iter().map(|unit| unit.tokens).sum()
    }

    fn push(&mut self, unit: Unit) {
        if self.tokens() + unit.tokens > self.bounds.tokens_max {
            self.close();
            self.keep_overlap(unit.tokens);
        }
        self.open.push(unit);
        self.fresh += 1;
    }

    fn close(&mut self) {
        if self.fresh == 0 {
            return;
        }
        if let (Some(first), Some(last)) = (self.open.first(), self.open.last()) {
            self.ranges.push(first.range.start..last.range.end);
        }
        self.fresh = 0;
    }

    /// Leaves the last units that fit the overlap and still leave room for `next` tokens.
    fn keep_overlap(&mut self, next: usize) {
        let room = self.bounds.overlap_tokens.min(self.bounds.tokens_max.saturating_sub(next));
        let mut kept = 0;
        let mut tokens = 0;
        for unit in self.open.iter().rev() {
            tokens += unit.tokens;
            if tokens > room {
                break;
            }
            kept += 1;
        }
        // A chunk must never lie within the one before it.
        let drop = self.open.len().saturating_sub(kept).max(1).min(self.open.len());
        self.open.drain(..drop);
    }
}

/// Cuts a stretch that is too long between words, and its too long words between graphemes.
fn split_long(
    text: &str,
    range: Range<usize>,
    tokens_max: usize,
    cost: &impl Fn(&str) -> usize,
    push: &mut impl FnMut(Unit),
) {
    let slice = text.get(range.clone()).unwrap_or_default();
    // Parts small enough that the overlap can take some of them along.
    let part_max = (tokens_max / 4).max(1);
    let mut open: Option<Unit> = None;
    for word in slice.split_whitespace() {
        let start = range.start + (word.as_ptr() as usize - slice.as_ptr() as usize);
        let tokens = cost(word);
        if let Some(unit) = open.as_mut()
            && unit.tokens + tokens <= part_max
        {
            unit.range.end = start + word.len();
            unit.tokens += tokens;
            continue;
        }
        open.take().into_iter().for_each(&mut *push);
        if tokens <= tokens_max {
            open = Some(Unit { range: start..start + word.len(), tokens });
        } else {
            split_word(word, start, tokens_max, cost, push);
        }
    }
    open.into_iter().for_each(push);
}

/// Cuts one word between graphemes.
fn split_word(word: &str, start: usize, tokens_max: usize, cost: &impl Fn(&str) -> usize, push: &mut impl FnMut(Unit)) {
    let borders: Vec<usize> = word.grapheme_indices(true).map(|(at, _)| at).chain([word.len()]).collect();
    let mut from = 0;
    while from + 1 < borders.len() {
        let mut take = (borders.len() - 1 - from).min(tokens_max * TOKEN_CHARS_MAX);
        loop {
            let (Some(&first), Some(&last)) = (borders.get(from), borders.get(from + take)) else {
                return;
            };
            let tokens = cost(word.get(first..last).unwrap_or_default());
            if tokens <= tokens_max || take == 1 {
                push(Unit { range: start + first..start + last, tokens: tokens.min(tokens_max) });
                break;
            }
            take = (take * tokens_max / tokens).clamp(1, take - 1);
        }
        from += take;
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use super::*;

    fn words(text: &str) -> usize {
        text.split_whitespace().count()
    }

    fn bounds(tokens_max: usize, overlap_tokens: usize) -> ChunkBounds {
        ChunkBounds { tokens_max, overlap_tokens, chunks_max: 100 }
    }

    fn cut(text: &str, bounds: ChunkBounds) -> Vec<&str> {
        chunk(text, bounds, words).ranges.into_iter().map(|range| &text[range]).collect()
    }

    #[test]
    fn a_short_text_is_one_chunk_and_a_blank_one_is_none() {
        assert_eq!(cut("One two. Three.", bounds(10, 2)), ["One two. Three."]);
        assert!(cut(" \n ", bounds(10, 2)).is_empty());
    }

    #[test]
    fn chunks_hold_whole_sentences_and_repeat_the_last_short_ones() {
        let text = "Aa bb cc. Dd ee. Ff gg hh ii. Jj.";
        assert_eq!(cut(text, bounds(6, 0)), ["Aa bb cc. Dd ee.", "Ff gg hh ii. Jj."]);
        assert_eq!(cut(text, bounds(6, 2)), ["Aa bb cc. Dd ee.", "Dd ee. Ff gg hh ii.", "Jj."]);
    }

    #[test]
    fn a_long_sentence_is_cut_between_words() {
        let text = "a b c d e f g h i j k l m n o p";
        let parts = cut(text, bounds(8, 2));
        assert_eq!(parts, ["a b c d e f g h", "g h i j k l m n", "m n o p"]);
    }

    #[test]
    fn a_long_word_is_cut_between_graphemes() {
        // A family emoji is one grapheme of five characters; é here is two.
        let text = "👨‍👩‍👧".repeat(3) + &"e\u{301}".repeat(3);
        let graphemes = |part: &str| part.graphemes(true).count();
        let cut = chunk(&text, bounds(2, 0), |part| graphemes(part));
        let parts: Vec<&str> = cut.ranges.iter().map(|range| &text[range.clone()]).collect();
        assert_eq!(parts, ["👨‍👩‍👧👨‍👩‍👧", "👨‍👩‍👧e\u{301}", "e\u{301}e\u{301}"]);
    }

    #[test]
    fn a_word_that_counts_as_one_token_is_still_bounded() {
        let text = "x".repeat(1_000);
        let cut = chunk(&text, bounds(10, 0), words);
        assert!(cut.ranges.iter().all(|range| range.len() <= 80));
        assert_eq!(cut.covered_bytes, 1_000);
    }

    #[test]
    fn chinese_without_blanks_is_bounded_too() {
        let text = "货物已到港口等待清关".repeat(20);
        let cut = chunk(&text, bounds(50, 0), |part| part.chars().count());
        assert_eq!(cut.ranges.len(), 4);
        assert_eq!(cut.ranges.iter().map(ExactSizeIterator::len).sum::<usize>(), text.len());
    }

    #[test]
    fn the_chunk_limit_is_obeyed_and_told() {
        let text = "Aa bb. Cc dd. Ee ff. Gg hh.";
        let cut = chunk(text, ChunkBounds { tokens_max: 2, overlap_tokens: 0, chunks_max: 2 }, words);
        assert_eq!(cut.ranges.len(), 2);
        assert_eq!(cut.covered_bytes, "Aa bb. Cc dd.".len());
        let all = chunk(text, ChunkBounds { tokens_max: 2, overlap_tokens: 0, chunks_max: 4 }, words);
        assert_eq!(all.covered_bytes, text.len());
    }

    #[test]
    fn every_chunk_fits_and_nothing_is_lost() {
        let mut text = String::new();
        // A small linear congruence instead of a random crate: the same text every run.
        let mut state = 7_u32;
        for _ in 0..2_000 {
            state = state.wrapping_mul(1_103_515_245).wrapping_add(12_345);
            text.push_str(&"w".repeat(1 + (state >> 16) as usize % 12));
            text.push_str(if (state >> 20).is_multiple_of(9) { ". A" } else { " " });
        }
        let chunks = chunk(&text, ChunkBounds { tokens_max: 30, overlap_tokens: 8, chunks_max: 10_000 }, words);
        let mut end = 0;
        for range in &chunks.ranges {
            assert!(words(&text[range.clone()]) <= 30);
            assert!(text[end.min(range.start)..range.start].trim().is_empty() && range.end > end);
            end = range.end;
        }
        assert!(text[end..].trim().is_empty());
    }
}
