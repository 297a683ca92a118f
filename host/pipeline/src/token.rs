//! Counts tokens: with the embedding model's tokenizer once its file is there, by a rule of thumb until then.
//!
//! The tokenizer is read on first use and shared with the embedder, so that an idle host does not hold it.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use tokenizers::Tokenizer;

/// Tokens that all-MiniLM-L6-v2 reads at most, its two marks included (its card: `max_seq_length` 256).
pub const MODEL_TOKENS_MAX: usize = 256;

/// Counts the tokens of a text. Cheap to clone; clones share the tokenizer.
#[derive(Debug, Clone)]
pub struct TokenCounter {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    file: Option<PathBuf>,
    tokenizer: OnceLock<Tokenizer>,
}

impl TokenCounter {
    /// Counts words and takes 1.3 tokens a word: for the hashing embedder and for tests.
    pub fn words() -> Self {
        Self { shared: Arc::new(Shared { file: None, tokenizer: OnceLock::new() }) }
    }

    /// Counts with the `tokenizer.json` in `dir`; like [`TokenCounter::words`] as long as that file is missing.
    pub fn from_model_dir(dir: &Path) -> Self {
        let file = Some(dir.join(crate::model_fetch::TOKENIZER_FILE));
        Self { shared: Arc::new(Shared { file, tokenizer: OnceLock::new() }) }
    }

    /// Tokens of `text`, the model's own marks not counted.
    pub fn count(&self, text: &str) -> usize {
        self.tokenizer()
            .and_then(|tokenizer| tokenizer.encode_fast(text, false).ok())
            .map_or_else(|| estimate(text), |encoding| encoding.len())
    }

    /// The tokenizer, read now if it was not yet; none if its file is missing or unreadable.
    pub(crate) fn tokenizer(&self) -> Option<&Tokenizer> {
        if let Some(tokenizer) = self.shared.tokenizer.get() {
            return Some(tokenizer);
        }
        let file = self.shared.file.as_deref().filter(|file| file.is_file())?;
        let mut tokenizer = Tokenizer::from_file(file).ok()?;
        // The shipped file pads every text to 128 tokens and would cut what is only to be counted.
        tokenizer.with_padding(None);
        tokenizer.with_truncation(None).ok()?;
        Some(self.shared.tokenizer.get_or_init(|| tokenizer))
    }
}

/// 1.3 tokens a word, and one for each character of scripts that do without blanks.
fn estimate(text: &str) -> usize {
    let words = text.split_whitespace().count();
    let ideographs =
        text.chars().filter(|c| matches!(u32::from(*c), 0x2E80..=0x9FFF | 0xAC00..=0xD7AF | 0xF900..=0xFAFF)).count();
    (words * 13).div_ceil(10) + ideographs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_model_words_are_counted() {
        let counter = TokenCounter::words();
        assert_eq!(counter.count(""), 0);
        assert_eq!(counter.count("the driver is late for pickup today and sends regrets"), 13);
        assert_eq!(counter.count("货物"), 4);
        let missing = TokenCounter::from_model_dir(Path::new("no-such-directory"));
        assert_eq!(missing.count("one two"), 3);
    }
}
