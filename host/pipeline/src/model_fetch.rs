//! The embedding model's files: what they are called and which digests they must have.

/// The weights.
pub const WEIGHTS_FILE: &str = "model.safetensors";
/// The tokenizer.
pub const TOKENIZER_FILE: &str = "tokenizer.json";
