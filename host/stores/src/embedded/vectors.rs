//! Every live vector in memory, row after row, and the exact search over them. Knows no database.
//!
//! A scan of 100,000 rows of 384 floats reads 154 MB once, about as long as an index would need to be worth its errors.

use std::collections::HashMap;

/// What one commit changes: the document's rows are replaced by these.
pub(super) struct Change {
    /// The document's number in the file.
    pub document: i64,
    /// Its source.
    pub source: String,
    /// Its kind.
    pub kind: String,
    /// Which model made the vectors.
    pub model: String,
    /// Place and vector of each chunk; none for a deletion.
    pub chunks: Vec<(u32, Vec<f32>)>,
}

/// The best chunk of a document.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Found {
    /// The document's number in the file.
    pub document: i64,
    /// Place of the chunk.
    pub place: u32,
    /// Cosine of the angle, as vectors have unit length.
    pub score: f32,
}

/// What a search is limited to.
#[derive(Debug, Default)]
pub(super) struct Only<'a> {
    /// This source.
    pub source: Option<&'a str>,
    /// This kind.
    pub kind: Option<&'a str>,
}

/// The vectors of every model in use; empty and deaf to changes until loaded.
#[derive(Debug, Default)]
pub(super) struct Vectors {
    loaded: bool,
    models: HashMap<String, Table>,
    /// Which model a document's rows are in.
    model_of: HashMap<i64, String>,
}

#[derive(Debug, Default)]
struct Table {
    dimensions: usize,
    data: Vec<f32>,
    rows: Vec<RowTag>,
    rows_of: HashMap<i64, Vec<usize>>,
    words: HashMap<String, u32>,
}

#[derive(Debug, Clone, Copy)]
struct RowTag {
    document: i64,
    place: u32,
    source: u32,
    kind: u32,
}

impl Vectors {
    /// An empty table that follows changes from now on.
    pub(super) fn following() -> Self {
        Self { loaded: true, ..Self::default() }
    }

    /// Whether it follows the file.
    pub(super) fn is_loaded(&self) -> bool {
        self.loaded
    }

    /// How many rows a document has.
    pub(super) fn rows_of(&self, document: i64) -> usize {
        let table = self.model_of.get(&document).and_then(|model| self.models.get(model));
        table.and_then(|table| table.rows_of.get(&document)).map_or(0, Vec::len)
    }

    /// Replaces a document's rows.
    pub(super) fn apply(&mut self, change: Change) {
        if !self.loaded {
            return;
        }
        let Change { document, source, kind, model, chunks } = change;
        if let Some(table) = self.model_of.remove(&document).and_then(|model| self.models.get_mut(&model)) {
            table.remove(document);
        }
        if chunks.is_empty() {
            return;
        }
        let table = self.models.entry(model.clone()).or_default();
        for (place, vector) in chunks {
            table.push(document, place, &source, &kind, &vector);
        }
        self.model_of.insert(document, model);
    }

    /// The documents nearest to `question`, best first, each with its best chunk.
    pub(super) fn nearest(&self, model: &str, question: &[f32], only: &Only<'_>, limit: usize) -> Vec<Found> {
        self.models.get(model).map(|table| table.nearest(question, only, limit)).unwrap_or_default()
    }
}

impl Table {
    fn word(&mut self, text: &str) -> u32 {
        if let Some(&word) = self.words.get(text) {
            return word;
        }
        let word = u32::try_from(self.words.len()).unwrap_or(u32::MAX);
        self.words.insert(text.to_owned(), word);
        word
    }

    fn push(&mut self, document: i64, place: u32, source: &str, kind: &str, vector: &[f32]) {
        if self.rows.is_empty() {
            self.dimensions = vector.len();
        }
        if vector.len() != self.dimensions || vector.is_empty() {
            tracing::warn!(document, place, length = vector.len(), "a vector of the wrong length is not searched");
            return;
        }
        let (source, kind) = (self.word(source), self.word(kind));
        self.rows_of.entry(document).or_default().push(self.rows.len());
        self.rows.push(RowTag { document, place, source, kind });
        self.data.extend_from_slice(vector);
    }

    fn remove(&mut self, document: i64) {
        let mut gone = self.rows_of.remove(&document).unwrap_or_default();
        // From the back, so that the row moved into a gap is never one that goes too.
        gone.sort_unstable();
        for row in gone.into_iter().rev() {
            self.swap_remove(row);
        }
    }

    fn swap_remove(&mut self, row: usize) {
        let last = self.rows.len() - 1;
        self.rows.swap_remove(row);
        self.data.copy_within(last * self.dimensions.., row * self.dimensions);
        self.data.truncate(last * self.dimensions);
        let Some(moved) = self.rows.get(row).filter(|_| row != last) else { return };
        let rows = self.rows_of.get_mut(&moved.document);
        if let Some(place) = rows.and_then(|rows| rows.iter_mut().find(|place| **place == last)) {
            *place = row;
        }
    }

    fn nearest(&self, question: &[f32], only: &Only<'_>, limit: usize) -> Vec<Found> {
        if question.len() != self.dimensions || limit == 0 || self.dimensions == 0 {
            return Vec::new();
        }
        let wanted = |word: Option<&str>| word.map(|word| self.words.get(word).copied().unwrap_or(u32::MAX));
        let (source, kind) = (wanted(only.source), wanted(only.kind));
        let mut best = Best { found: Vec::with_capacity(limit + 1), limit };
        for (tag, vector) in self.rows.iter().zip(self.data.chunks_exact(self.dimensions)) {
            if source.is_none_or(|word| word == tag.source) && kind.is_none_or(|word| word == tag.kind) {
                best.offer(Found { document: tag.document, place: tag.place, score: dot(question, vector) });
            }
        }
        best.found
    }
}

/// The best documents so far, best first; few, so that a sorted list beats a heap.
struct Best {
    found: Vec<Found>,
    limit: usize,
}

impl Best {
    fn offer(&mut self, new: Found) {
        // A vector that is not a number must neither win nor disturb the order.
        if new.score.is_nan() {
            return;
        }
        if self.found.len() >= self.limit && self.found.last().is_some_and(|last| !before(&new, last)) {
            return;
        }
        if let Some(seen) = self.found.iter().position(|found| found.document == new.document) {
            if self.found.get(seen).is_some_and(|seen| !before(&new, seen)) {
                return;
            }
            self.found.remove(seen);
        }
        let place = self.found.partition_point(|found| before(found, &new));
        self.found.insert(place, new);
        self.found.truncate(self.limit);
    }
}

/// Whether `a` comes before `b`: by score, and among equals by document and place, so that the order never changes by chance.
fn before(a: &Found, b: &Found) -> bool {
    match a.score.total_cmp(&b.score) {
        std::cmp::Ordering::Equal => (a.document, a.place) < (b.document, b.place),
        order => order.is_gt(),
    }
}

/// The dot product. Thirty-two sums side by side are enough vector registers to hide the latency of adding; sixteen take twice as long.
pub(super) fn dot(a: &[f32], b: &[f32]) -> f32 {
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<32>(), b.as_chunks::<32>());
    let mut sums = [0.0_f32; 32];
    for (a, b) in a.iter().zip(b) {
        for ((sum, a), b) in sums.iter_mut().zip(a).zip(b) {
            *sum += a * b;
        }
    }
    sums.iter().sum::<f32>() + a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum::<f32>()
}

/// A vector as the file keeps it.
pub(super) fn to_bytes(vector: &[f32]) -> Vec<u8> {
    vector.iter().flat_map(|value| value.to_le_bytes()).collect()
}

/// A vector from the file; none if the bytes are no whole number of floats.
pub(super) fn from_bytes(bytes: &[u8]) -> Option<Vec<f32>> {
    let (floats, rest) = bytes.as_chunks::<4>();
    rest.is_empty().then(|| floats.iter().map(|float| f32::from_le_bytes(*float)).collect())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use super::*;

    fn change(document: i64, source: &str, chunks: &[[f32; 2]]) -> Change {
        let chunks = chunks.iter().enumerate().map(|(place, v)| (u32::try_from(place).unwrap(), v.to_vec())).collect();
        Change { document, source: source.to_owned(), kind: "note".to_owned(), model: "m".to_owned(), chunks }
    }

    fn found(vectors: &Vectors, question: [f32; 2], only: &Only<'_>) -> Vec<(i64, u32)> {
        vectors.nearest("m", &question, only, 10).iter().map(|found| (found.document, found.place)).collect()
    }

    #[test]
    fn each_document_is_found_once_by_its_best_chunk() {
        let mut vectors = Vectors::following();
        vectors.apply(change(1, "a", &[[1.0, 0.0], [0.0, 1.0]]));
        vectors.apply(change(2, "b", &[[0.6, 0.8]]));
        assert_eq!(found(&vectors, [0.0, 1.0], &Only::default()), [(1, 1), (2, 0)]);
        assert_eq!(found(&vectors, [1.0, 0.0], &Only::default()), [(1, 0), (2, 0)]);
        assert_eq!(found(&vectors, [1.0, 0.0], &Only { source: Some("b"), kind: None }), [(2, 0)]);
        assert_eq!(found(&vectors, [1.0, 0.0], &Only { source: Some("c"), kind: None }), []);
        assert_eq!(vectors.nearest("other", &[1.0, 0.0], &Only::default(), 10), []);
    }

    #[test]
    fn replaced_and_removed_rows_leave_no_trace_in_any_order() {
        // Every subset of four documents is removed after all were written and one replaced: what is left must be found, and nothing else.
        for subset in 0..16_u32 {
            let mut vectors = Vectors::following();
            for document in 0..4_i64 {
                vectors.apply(change(document, "a", &[[1.0, 0.0], [0.8, 0.6], [0.6, 0.8]]));
            }
            vectors.apply(change(1, "a", &[[0.0, 1.0]]));
            let gone = |document: i64| subset >> document & 1 == 1;
            (0..4).filter(|&document| gone(document)).for_each(|document| vectors.apply(change(document, "a", &[])));
            let mut left: Vec<_> = found(&vectors, [1.0, 0.0], &Only::default());
            left.sort_unstable();
            let expected: Vec<_> = (0..4).filter(|&document| !gone(document)).map(|document| (document, 0)).collect();
            assert_eq!(left, expected, "{subset:04b}");
            let rows: usize = (0..4).map(|document| vectors.rows_of(document)).sum();
            assert_eq!(vectors.models["m"].data.len(), rows * 2);
        }
    }

    #[test]
    fn the_limit_keeps_the_best_and_equal_scores_keep_their_order() {
        let mut vectors = Vectors::following();
        for document in [5, 3, 9, 1] {
            vectors.apply(change(document, "a", &[[1.0, 0.0]]));
        }
        vectors.apply(change(7, "a", &[[0.0, 1.0], [f32::NAN, 0.0]]));
        let best = vectors.nearest("m", &[1.0, 0.0], &Only::default(), 3);
        assert_eq!(best.iter().map(|found| found.document).collect::<Vec<_>>(), [1, 3, 5]);
    }

    #[test]
    fn the_dot_product_counts_every_dimension() {
        for length in [1, 31, 32, 33, 384] {
            let ones = vec![1.0_f32; length];
            let steps: Vec<f32> = (1..=u16::try_from(length).unwrap()).map(f32::from).collect();
            // Sum of 1 to n; exact in 32-bit floats at these sizes.
            let expected =
                f32::from(u16::try_from(length).unwrap()) * f32::from(u16::try_from(length + 1).unwrap()) / 2.0;
            assert!((dot(&ones, &steps) - expected).abs() < f32::EPSILON, "{length}");
        }
    }

    #[test]
    fn vectors_survive_the_way_to_the_file() {
        // IEEE 754: 1.0 is 3f800000, -2.0 is c0000000.
        assert_eq!(to_bytes(&[1.0, -2.0]), [0, 0, 0x80, 0x3f, 0, 0, 0, 0xc0]);
        assert_eq!(from_bytes(&[0, 0, 0x80, 0x3f]), Some(vec![1.0]));
        assert_eq!(from_bytes(&[0, 0, 0x80]), None);
    }
}
