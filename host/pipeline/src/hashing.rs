//! The embedder without a model: feature hashing of words. An explicit degraded mode, and what fast tests use.
//!
//! It finds documents that share words with the question, not documents that share its meaning; nothing ever falls
//! back to it silently.

use apex_model::failure::PortResult;
use apex_model::ids::Digest;
use apex_model::ports::{BoxFuture, Embedder};

/// Length of its vectors, the same as MiniLM's so that stores need no second layout.
const DIMENSIONS: usize = 384;

/// Hashes words and pairs of words into a vector (Weinberger et al. 2009, signed hashing).
#[derive(Debug, Clone, Copy, Default)]
pub struct HashEmbedder;

impl Embedder for HashEmbedder {
    fn model(&self) -> &'static str {
        "hashing-v1"
    }

    fn dimensions(&self) -> usize {
        DIMENSIONS
    }

    fn embed(&self, texts: Vec<String>) -> BoxFuture<'_, PortResult<Vec<Vec<f32>>>> {
        Box::pin(async move { Ok(texts.iter().map(|text| vector(text)).collect()) })
    }
}

fn vector(text: &str) -> Vec<f32> {
    let mut sums = vec![0.0_f32; DIMENSIONS];
    let lower = text.to_lowercase();
    let words: Vec<&str> = lower.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
    for word in &words {
        // Short words are mostly grammar.
        add(&mut sums, word, if word.len() <= 3 { 0.3 } else { 1.0 });
    }
    for pair in words.windows(2) {
        add(&mut sums, &pair.join(" "), 0.5);
    }
    let length = sums.iter().map(|value| value * value).sum::<f32>().sqrt();
    if length > 0.0 {
        for value in &mut sums {
            *value /= length;
        }
    } else if let Some(first) = sums.first_mut() {
        *first = 1.0;
    }
    sums
}

fn add(sums: &mut [f32], feature: &str, weight: f32) {
    let Digest([low, high, sign, ..]) = Digest::of(feature.as_bytes());
    let place = usize::from(u16::from_le_bytes([low, high])) % DIMENSIONS;
    if let Some(sum) = sums.get_mut(place) {
        *sum += if sign & 1 == 0 { weight } else { -weight };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cosine(a: &str, b: &str) -> f32 {
        vector(a).iter().zip(vector(b)).map(|(x, y)| x * y).sum()
    }

    #[test]
    fn vectors_have_length_one_even_without_words() {
        for text in ["", "late pickup", "…"] {
            assert!((cosine(text, text) - 1.0).abs() < 1e-5);
        }
    }

    #[test]
    fn shared_words_are_near_and_others_far() {
        assert!(cosine("driver late at pickup", "the driver is late for pickup") > 0.5);
        assert!(cosine("driver late at pickup", "invoice paid yesterday").abs() < 0.3);
    }
}
