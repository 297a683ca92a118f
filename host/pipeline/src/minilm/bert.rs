//! The forward pass of all-MiniLM-L6-v2: a BERT encoder of 6 layers and 12 heads, mean pooling, unit length
//! (Devlin et al. 2018; the model's card on pooling and normalisation).
//!
//! The texts of a batch stand one below the other in one matrix, without padding: a row is a token. Only attention looks
//! at one text at a time. So a vector does not depend on the batch it was made in, and no work is done for padding.

use std::collections::HashMap;
use std::path::Path;

use candle_core::{Device, Result, Tensor};

use super::elementwise::{AddNorm, Gelu, Softmax};
use super::product::Linear;
use super::weights::{self, Values};
use super::{DIMENSIONS, ModelError};
use crate::model_fetch;

const LAYERS: usize = 6;
const HEADS: usize = 12;
const HEAD_WIDTH: usize = DIMENSIONS / HEADS;
/// 1 / √32, the width of a head.
const QUERY_SCALE: f32 = 0.176_776_7;
/// `layer_norm_eps` of the model's `config.json`.
const EPSILON: f32 = 1e-12;

/// The weights, ready to compute with.
pub struct Bert {
    words: Tensor,
    positions: Tensor,
    token_type: Vec<f32>,
    norm: Norm,
    layers: Vec<Layer>,
}

struct Layer {
    /// Query, key and value side by side: one product instead of three. Queries are already divided by √head width.
    attention: Linear,
    attention_out: Linear,
    attention_norm: Norm,
    widen: Linear,
    narrow: Linear,
    norm: Norm,
}

struct Norm {
    weight: Vec<f32>,
    offset: Vec<f32>,
}

impl Bert {
    /// Reads the weights from `dir` and checks their digest.
    pub fn load(dir: &Path) -> std::result::Result<Self, ModelError> {
        let file = dir.join(model_fetch::WEIGHTS_FILE);
        let tensors = weights::read(&file, model_fetch::WEIGHTS_SHA256)?;
        Self::build(&mut Named { tensors }).map_err(|error| ModelError::Corrupt { file, why: error.to_string() })
    }

    fn build(named: &mut Named) -> Result<Self> {
        let layers =
            (0..LAYERS).map(|layer| Layer::build(named, &format!("encoder.layer.{layer}"))).collect::<Result<_>>()?;
        let mut token_type = named.take("embeddings.token_type_embeddings.weight")?.values;
        // Every text is of the first of the two types.
        token_type.truncate(DIMENSIONS);
        Ok(Self {
            words: named.matrix("embeddings.word_embeddings.weight")?,
            positions: named.matrix("embeddings.position_embeddings.weight")?,
            token_type,
            norm: named.norm("embeddings.LayerNorm")?,
            layers,
        })
    }

    /// One unit-length vector a text; each text is its token ids, the model's marks included.
    pub fn embed(&self, texts: &[&[u32]]) -> Result<Vec<Vec<f32>>> {
        let ids: Vec<u32> = texts.iter().flat_map(|ids| ids.iter().copied()).collect();
        let positions: Vec<u32> = texts.iter().flat_map(|ids| (0..).zip(*ids).map(|(place, _)| place)).collect();
        let rows = ids.len();
        let mut hidden = self.words.index_select(&Tensor::from_vec(ids, rows, &Device::Cpu)?, 0)?;
        let places = self.positions.index_select(&Tensor::from_vec(positions, rows, &Device::Cpu)?, 0)?;
        self.norm.add_and_apply(&hidden, &places, &self.token_type)?;
        let lengths: Vec<usize> = texts.iter().map(|ids| ids.len()).collect();
        for layer in &self.layers {
            hidden = layer.apply(&hidden, &lengths)?;
        }
        let mut start = 0;
        lengths
            .iter()
            .map(|&length| {
                let mean = hidden.narrow(0, start, length)?.mean(0)?.to_vec1::<f32>()?;
                start += length;
                Ok(unit(mean))
            })
            .collect()
    }
}

impl Layer {
    fn build(named: &mut Named, prefix: &str) -> Result<Self> {
        let mut weight = Vec::new();
        let mut bias = Vec::new();
        for (part, scale) in [("query", QUERY_SCALE), ("key", 1.0), ("value", 1.0)] {
            let prefix = format!("{prefix}.attention.self.{part}");
            weight.extend(named.take(&format!("{prefix}.weight"))?.values.iter().map(|value| value * scale));
            bias.extend(named.take(&format!("{prefix}.bias"))?.values.iter().map(|value| value * scale));
        }
        Ok(Self {
            attention: Linear::new(DIMENSIONS, &weight, bias)?,
            attention_out: named.linear(&format!("{prefix}.attention.output.dense"))?,
            attention_norm: named.norm(&format!("{prefix}.attention.output.LayerNorm"))?,
            widen: named.linear(&format!("{prefix}.intermediate.dense"))?,
            narrow: named.linear(&format!("{prefix}.output.dense"))?,
            norm: named.norm(&format!("{prefix}.output.LayerNorm"))?,
        })
    }

    fn apply(&self, hidden: &Tensor, lengths: &[usize]) -> Result<Tensor> {
        let together = self.attention.apply(hidden)?;
        let mut start = 0;
        let mut contexts = Vec::with_capacity(lengths.len());
        for &length in lengths {
            contexts.push(attend(&together.narrow(0, start, length)?, length)?);
            start += length;
        }
        let attended = self.attention_out.apply(&Tensor::cat(&contexts, 0)?)?;
        self.attention_norm.add_and_apply(&attended, hidden, &[])?;
        let wide = self.widen.apply(&attended)?;
        wide.inplace_op1(&Gelu)?;
        let narrow = self.narrow.apply(&wide)?;
        self.norm.add_and_apply(&narrow, &attended, &[])?;
        Ok(narrow)
    }
}

/// Attention within one text: `[length, 3 × 384]` → `[length, 384]`.
fn attend(together: &Tensor, length: usize) -> Result<Tensor> {
    let heads = together.reshape((length, 3, HEADS, HEAD_WIDTH))?.permute((1, 2, 0, 3))?.contiguous()?;
    let (query, key, value) = (heads.get(0)?, heads.get(1)?, heads.get(2)?);
    let scores = query.matmul(&key.t()?)?;
    scores.inplace_op1(&Softmax { width: length })?;
    scores.matmul(&value)?.transpose(0, 1)?.reshape((length, DIMENSIONS))
}

impl Norm {
    /// `rows` = norm(`rows` + `bias` + `others`), in place.
    fn add_and_apply(&self, rows: &Tensor, others: &Tensor, bias: &[f32]) -> Result<()> {
        rows.inplace_op2(others, &AddNorm { bias, weight: &self.weight, offset: &self.offset, epsilon: EPSILON })
    }
}

/// The file's tensors by name. Each is taken out once, so that its memory is free as soon as it has been rearranged.
struct Named {
    tensors: HashMap<String, Values>,
}

impl Named {
    fn take(&mut self, name: &str) -> Result<Values> {
        self.tensors.remove(name).ok_or_else(|| candle_core::Error::Msg(format!("tensor `{name}` is missing")))
    }

    fn matrix(&mut self, name: &str) -> Result<Tensor> {
        let Values { shape, values } = self.take(name)?;
        Tensor::from_vec(values, shape, &Device::Cpu)
    }

    fn linear(&mut self, prefix: &str) -> Result<Linear> {
        let weight = self.take(&format!("{prefix}.weight"))?;
        let inputs = weight.shape.last().copied().unwrap_or_default();
        Linear::new(inputs, &weight.values, self.take(&format!("{prefix}.bias"))?.values)
    }

    fn norm(&mut self, prefix: &str) -> Result<Norm> {
        let weight = self.take(&format!("{prefix}.weight"))?.values;
        Ok(Norm { weight, offset: self.take(&format!("{prefix}.bias"))?.values })
    }
}

fn unit(mut vector: Vec<f32>) -> Vec<f32> {
    let length = vector.iter().map(|value| value * value).sum::<f32>().sqrt().max(1e-12);
    for value in &mut vector {
        *value /= length;
    }
    vector
}
