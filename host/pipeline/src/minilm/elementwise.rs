//! The arithmetic on single values that is worth doing by hand: bias and GELU in place, in loops a compiler vectorises.

use candle_core::{CpuStorage, Error, InplaceOp1, Layout, Result};

/// Adds a bias to each row.
pub struct AddBias<'a>(pub &'a [f32]);

impl InplaceOp1 for AddBias<'_> {
    fn name(&self) -> &'static str {
        "add-bias"
    }

    fn cpu_fwd(&self, storage: &mut CpuStorage, layout: &Layout) -> Result<()> {
        for row in rows(storage, layout, self.0.len())? {
            row.iter_mut().zip(self.0).for_each(|(value, bias)| *value += bias);
        }
        Ok(())
    }
}

/// Adds a bias to each row, then applies GELU (Hendrycks and Gimpel 2016, the exact form with erf, as BERT uses it).
pub struct AddBiasGelu<'a>(pub &'a [f32]);

impl InplaceOp1 for AddBiasGelu<'_> {
    fn name(&self) -> &'static str {
        "add-bias-gelu"
    }

    fn cpu_fwd(&self, storage: &mut CpuStorage, layout: &Layout) -> Result<()> {
        for row in rows(storage, layout, self.0.len())? {
            row.iter_mut().zip(self.0).for_each(|(value, bias)| *value = gelu(*value + bias));
        }
        Ok(())
    }
}

/// The rows of a contiguous matrix of numbers.
fn rows<'a>(storage: &'a mut CpuStorage, layout: &Layout, width: usize) -> Result<std::slice::ChunksExactMut<'a, f32>> {
    let (start, end) = layout.contiguous_offsets().ok_or_else(|| Error::Msg("the matrix is not contiguous".into()))?;
    match storage {
        CpuStorage::F32(values) => values
            .get_mut(start..end)
            .map(|values| values.chunks_exact_mut(width.max(1)))
            .ok_or_else(|| Error::Msg("the matrix is shorter than its layout".into())),
        _ => Err(Error::Msg("the matrix is not made of f32".into())),
    }
}

fn gelu(x: f32) -> f32 {
    0.5 * x * (1.0 + erf(x * std::f32::consts::FRAC_1_SQRT_2))
}

/// The error function as a quotient of two polynomials, accurate to a few units in the last place
/// (the coefficients that Eigen's `generic_fast_erf` and XLA use, for |x| ≤ 4; beyond, it is ±1 in f32).
fn erf(x: f32) -> f32 {
    let x = x.clamp(-4.0, 4.0);
    let square = x * x;
    let mut above = -2.726_142_3e-10_f32;
    for coefficient in
        [2.770_681_4e-8, -2.101_024e-6, -5.692_506_4e-5, -7.349_906_3e-4, -2.954_599_8e-3, -1.609_603_3e-2]
    {
        above = above * square + coefficient;
    }
    let mut below = -1.456_607_2e-5_f32;
    for coefficient in [-2.133_740_6e-4, -1.682_827e-3, -7.373_329e-3, -1.426_473_9e-2] {
        below = below * square + coefficient;
    }
    x * above / below
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gelu_is_accurate_enough() {
        // 0.5 * x * (1 + math.erf(x / math.sqrt(2))) of Python 3.11.
        for (x, expected) in [
            (-6.0_f32, -5.919_525_5e-9_f32),
            (-3.0, -0.004_049_694),
            (-1.0, -0.158_655_26),
            (-0.1, -0.046_017_22),
            (0.0, 0.0),
            (0.5, 0.345_731_23),
            (1.0, 0.841_344_77),
            (2.5, 2.484_475_8),
            (10.0, 10.0),
        ] {
            assert!((gelu(x) - expected).abs() < 1e-6, "gelu({x}) is {}, expected {expected}", gelu(x));
        }
    }
}
