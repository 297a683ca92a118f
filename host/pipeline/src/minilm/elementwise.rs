//! The arithmetic between the matrix products, in place, row by row, in loops that a compiler vectorises.
//!
//! Rows are shared out over the rayon pool that the caller is in; nothing here uses candle's own threads, which spin at
//! normal priority.

#![allow(clippy::inline_always, reason = "what is not inlined into the dispatched function is not vectorised")]

use candle_core::{CpuStorage, Error, InplaceOp1, InplaceOp2, Layout, Result};
use pulp::Arch;
use rayon::prelude::*;

/// Rows that are worth handing to another thread.
const ROWS_MIN: usize = 32;

/// Applies GELU (Hendrycks and Gimpel 2016, the exact form with erf, as BERT uses it).
pub struct Gelu;

impl InplaceOp1 for Gelu {
    fn name(&self) -> &'static str {
        "gelu"
    }

    fn cpu_fwd(&self, storage: &mut CpuStorage, layout: &Layout) -> Result<()> {
        let width = layout.shape().dims2()?.1;
        each_row(storage, layout, width, |row| row.iter_mut().for_each(|value| *value = gelu(*value)))
    }
}

/// Turns each row of scores into shares that sum to one.
pub struct Softmax {
    /// Scores of a row.
    pub width: usize,
}

impl InplaceOp1 for Softmax {
    fn name(&self) -> &'static str {
        "softmax"
    }

    fn cpu_fwd(&self, storage: &mut CpuStorage, layout: &Layout) -> Result<()> {
        each_row(storage, layout, self.width, softmax)
    }
}

/// Adds a bias and the rows of another matrix to each row, then normalises it (layer normalisation, Ba et al. 2016).
pub struct AddNorm<'a> {
    /// Added to each row first; empty for none.
    pub bias: &'a [f32],
    /// Scale of the normalised row.
    pub weight: &'a [f32],
    /// Offset of the normalised row.
    pub offset: &'a [f32],
    /// Added to the variance.
    pub epsilon: f32,
}

impl InplaceOp2 for AddNorm<'_> {
    fn name(&self) -> &'static str {
        "add-norm"
    }

    fn cpu_fwd(&self, to: &mut CpuStorage, layout: &Layout, other: &CpuStorage, other_layout: &Layout) -> Result<()> {
        let (start, end) = bounds(other_layout)?;
        let CpuStorage::F32(other) = other else {
            return Err(wrong("the other matrix is not made of f32"));
        };
        let other = other.get(start..end).ok_or_else(|| wrong("the other matrix is shorter than its layout"))?;
        let width = self.weight.len().max(1);
        let rows = matrix(to, layout)?.par_chunks_exact_mut(width).zip(other.par_chunks_exact(width));
        let arch = Arch::new();
        rows.with_min_len(ROWS_MIN).for_each(|(row, other)| arch.dispatch(|| self.row(row, other)));
        Ok(())
    }
}

impl AddNorm<'_> {
    #[inline(always)]
    fn row(&self, row: &mut [f32], other: &[f32]) {
        row.iter_mut().zip(other).for_each(|(value, other)| *value += other);
        row.iter_mut().zip(self.bias).for_each(|(value, bias)| *value += bias);
        // A row has a few hundred values: exact in f32.
        #[allow(clippy::cast_precision_loss)]
        let count = row.len() as f32;
        let mean = sum(row, |value| value) / count;
        let variance = sum(row, |value| (value - mean) * (value - mean)) / count;
        let scale = 1.0 / (variance + self.epsilon).sqrt();
        for ((value, weight), offset) in row.iter_mut().zip(self.weight).zip(self.offset) {
            *value = (*value - mean) * scale * weight + offset;
        }
    }
}

fn wrong(what: &str) -> Error {
    Error::Msg(what.to_owned())
}

fn bounds(layout: &Layout) -> Result<(usize, usize)> {
    layout.contiguous_offsets().ok_or_else(|| wrong("the matrix is not contiguous"))
}

/// The values of a contiguous matrix.
fn matrix<'a>(storage: &'a mut CpuStorage, layout: &Layout) -> Result<&'a mut [f32]> {
    let (start, end) = bounds(layout)?;
    match storage {
        CpuStorage::F32(values) => {
            values.get_mut(start..end).ok_or_else(|| wrong("the matrix is shorter than its layout"))
        }
        _ => Err(wrong("the matrix is not made of f32")),
    }
}

fn each_row(
    storage: &mut CpuStorage,
    layout: &Layout,
    width: usize,
    change: impl Fn(&mut [f32]) + Sync + Send,
) -> Result<()> {
    let arch = Arch::new();
    let rows = matrix(storage, layout)?.par_chunks_exact_mut(width.max(1)).with_min_len(ROWS_MIN);
    rows.for_each(|row| arch.dispatch(|| change(row)));
    Ok(())
}

/// Sums in eight lanes: a compiler may not reorder a plain sum of floats, and so cannot vectorise it.
#[inline(always)]
fn sum(row: &[f32], of: impl Fn(f32) -> f32) -> f32 {
    let mut lanes = [0.0_f32; 8];
    let (blocks, rest) = row.as_chunks::<8>();
    for block in blocks {
        lanes.iter_mut().zip(block).for_each(|(lane, value)| *lane += of(*value));
    }
    lanes.iter().sum::<f32>() + rest.iter().map(|value| of(*value)).sum::<f32>()
}

#[inline(always)]
fn softmax(row: &mut [f32]) {
    let largest = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    for value in row.iter_mut() {
        *value = exp_of_negative(*value - largest);
    }
    let scale = 1.0 / sum(row, |value| value);
    for value in row {
        *value *= scale;
    }
}

#[inline(always)]
fn gelu(x: f32) -> f32 {
    0.5 * x * (1.0 + erf(x * std::f32::consts::FRAC_1_SQRT_2))
}

/// The error function as a quotient of two polynomials, accurate to a few units in the last place
/// (the coefficients that Eigen's `generic_fast_erf` and XLA use, for |x| ≤ 4; beyond, it is ±1 in f32).
#[inline(always)]
fn erf(x: f32) -> f32 {
    let x = x.clamp(-4.0, 4.0);
    let square = x * x;
    let mut above = -2.726_142_3e-10_f32;
    for coefficient in [2.770_681_4e-8, -2.101_024e-6, -5.692_506_4e-5, -7.349_906_3e-4, -2.954_6e-3, -1.609_603_3e-2] {
        above = above * square + coefficient;
    }
    let mut below = -1.456_607_2e-5_f32;
    for coefficient in [-2.133_740_6e-4, -1.682_827e-3, -7.373_329e-3, -1.426_473_9e-2] {
        below = below * square + coefficient;
    }
    x * above / below
}

/// e^x for x ≤ 0: 2^n · e^r with |r| ≤ ln 2 / 2, e^r as its Taylor polynomial of degree 6 (error below 2e-7).
#[inline(always)]
fn exp_of_negative(x: f32) -> f32 {
    /// Adding 1.5 · 2^23 leaves the nearest integer in the lowest bits of an f32.
    const ROUND: f32 = 12_582_912.0;
    let x = x.max(-87.0);
    let shifted = x * std::f32::consts::LOG2_E + ROUND;
    let n = shifted - ROUND;
    // ln 2 in two parts, the first exact in few bits, so that r keeps its precision.
    let r = (x - n * 0.693_359_4) - n * -2.121_944_4e-4;
    let mut power = 1.0 / 720.0_f32;
    for coefficient in [1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5, 1.0, 1.0] {
        power = power * r + coefficient;
    }
    let exponent = shifted.to_bits().wrapping_sub(ROUND.to_bits()).wrapping_add(127) << 23;
    power * f32::from_bits(exponent)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::cast_precision_loss)]
    use candle_core::{Device, Tensor};

    use super::*;

    #[test]
    fn gelu_is_accurate_enough() {
        // 0.5 * x * (1 + math.erf(x / math.sqrt(2))) of Python 3.11.
        for (x, expected) in [
            (-6.0_f32, -5.919_525_9e-9_f32),
            (-3.0, -0.004_049_694),
            (-1.0, -0.158_655_25),
            (-0.1, -0.046_017_216),
            (0.0, 0.0),
            (0.5, 0.345_731_23),
            (1.0, 0.841_344_8),
            (2.5, 2.484_475_8),
            (10.0, 10.0),
        ] {
            assert!((gelu(x) - expected).abs() < 1e-6, "gelu({x}) is {}, expected {expected}", gelu(x));
        }
    }

    #[test]
    fn the_exponential_is_accurate_enough() {
        for step in 0..8_700 {
            let x = -step as f32 / 100.0;
            let expected = f64::from(x).exp();
            let error = (f64::from(exp_of_negative(x)) - expected).abs() / expected;
            assert!(error < 5e-7, "exp({x}) is off by {error}");
        }
        assert!(exp_of_negative(f32::NEG_INFINITY) < 1e-37);
    }

    #[test]
    fn shares_sum_to_one() {
        // exp(0), exp(1), exp(2), exp(3) over their sum, worked by hand.
        let mut row = [0.0, 1.0, 2.0, 3.0];
        softmax(&mut row);
        for (value, expected) in row.iter().zip([0.032_058_6, 0.087_144_3, 0.236_882_8, 0.643_914_3]) {
            assert!((value - expected).abs() < 1e-6);
        }
    }

    #[test]
    fn a_normalised_row_has_mean_zero_and_variance_one_before_scaling() {
        let to = Tensor::new(&[[1.0_f32, 2.0, 3.0, 4.0]], &Device::Cpu).unwrap();
        let other = Tensor::new(&[[0.0_f32, 1.0, 2.0, 3.0]], &Device::Cpu).unwrap();
        let weight = [2.0; 4];
        let norm = AddNorm { bias: &[1.0; 4], weight: &weight, offset: &[10.0; 4], epsilon: 0.0 };
        to.inplace_op2(&other, &norm).unwrap();
        // 2, 4, 6, 8: mean 5, variance 5; doubled and moved by ten.
        let root = 5.0_f32.sqrt();
        let expected = [-3.0, -1.0, 1.0, 3.0].map(|value| value / root * 2.0 + 10.0);
        for (value, expected) in to.to_vec2::<f32>().unwrap().iter().flatten().zip(expected) {
            assert!((value - expected).abs() < 1e-5);
        }
    }

    #[test]
    fn a_matrix_that_is_not_contiguous_is_refused() {
        let matrix = Tensor::new(&[[1.0_f32, 2.0], [3.0, 4.0]], &Device::Cpu).unwrap().t().unwrap();
        assert!(matrix.inplace_op1(&Gelu).is_err());
    }
}
