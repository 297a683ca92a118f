//! Rows times a fixed weight matrix: nearly all the time of an embedding goes here.
//!
//! The weight is cut once into panels of 16 columns that lie in memory as the inner loop reads them; the rows are cut
//! into blocks of 6 for each product. 6 × 16 sums fit the registers of AVX2. This is about three times as fast as the
//! general product, whose inner loop this compiler does not keep in registers; and the bias comes for free.

#![allow(clippy::inline_always, reason = "what is not inlined into the dispatched function is not vectorised")]

use candle_core::{CpuStorage, CustomOp1, Error, Layout, Result, Shape, Tensor};
use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

/// Columns of a panel.
const COLUMNS: usize = 16;
/// Rows of a block.
const ROWS: usize = 6;
/// Rows that one thread takes at a time: together they stay in its second-level cache while all panels pass.
const ROWS_OF_A_TURN: usize = 16 * ROWS;

/// A weight matrix and a bias.
pub struct Linear {
    inputs: usize,
    outputs: usize,
    /// Panel after panel; within a panel, input after input, 16 columns each.
    panels: Vec<f32>,
    bias: Vec<f32>,
    arch: Arch,
}

impl Linear {
    /// Takes a weight as stored, `[outputs, inputs]` row by row, outputs a multiple of 16, and a bias `[outputs]`.
    pub fn new(inputs: usize, weight: &[f32], bias: Vec<f32>) -> Result<Self> {
        let outputs = bias.len();
        if inputs == 0 || weight.len() != inputs * outputs || !outputs.is_multiple_of(COLUMNS) {
            return Err(Error::Msg(format!("a weight of {} does not fit {outputs} × {inputs}", weight.len())));
        }
        let mut panels = Vec::with_capacity(weight.len());
        for columns in weight.chunks_exact(inputs * COLUMNS) {
            for input in 0..inputs {
                panels.extend(columns.iter().skip(input).step_by(inputs));
            }
        }
        Ok(Self { inputs, outputs, panels, bias, arch: Arch::new() })
    }

    /// `rows` × weight + bias.
    pub fn apply(&self, rows: &Tensor) -> Result<Tensor> {
        rows.apply_op1_no_bwd(self)
    }

    /// Computes the products of some rows into `to`.
    fn turn(&self, rows: &[f32], to: &mut [f32]) {
        let blocks: Vec<Vec<[f32; ROWS]>> =
            rows.chunks(self.inputs * ROWS).map(|block| interleaved(block, self.inputs)).collect();
        let panels = self.panels.chunks_exact(self.inputs * COLUMNS).zip(self.bias.as_chunks::<COLUMNS>().0);
        for (place, (panel, bias)) in panels.enumerate() {
            for (block, to) in blocks.iter().zip(to.chunks_mut(self.outputs * ROWS)) {
                let sums = self.arch.dispatch(Block { rows: block, panel });
                for (row, sums) in to.chunks_exact_mut(self.outputs).zip(&sums) {
                    let part = row.iter_mut().skip(place * COLUMNS);
                    part.zip(sums.iter().zip(bias)).for_each(|(value, (sum, bias))| *value = sum + bias);
                }
            }
        }
    }
}

impl CustomOp1 for Linear {
    fn name(&self) -> &'static str {
        "linear"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let (count, inputs) = layout.shape().dims2()?;
        let (CpuStorage::F32(values), Some((start, end))) = (storage, layout.contiguous_offsets()) else {
            return Err(Error::Msg("the rows are not contiguous f32".into()));
        };
        let rows = values.get(start..end).filter(|_| inputs == self.inputs);
        let rows =
            rows.ok_or_else(|| Error::Msg(format!("rows of {inputs} do not fit a weight of {}", self.inputs)))?;
        let mut to = vec![0.0; count * self.outputs];
        rows.par_chunks(ROWS_OF_A_TURN * self.inputs)
            .zip(to.par_chunks_mut(ROWS_OF_A_TURN * self.outputs))
            .for_each(|(rows, to)| self.turn(rows, to));
        Ok((CpuStorage::F32(to), (count, self.outputs).into()))
    }
}

/// Up to six rows side by side: for each input the values of all six, zeros for rows that are not there.
fn interleaved(rows: &[f32], inputs: usize) -> Vec<[f32; ROWS]> {
    let mut columns = vec![[0.0; ROWS]; inputs];
    for (place, row) in rows.chunks_exact(inputs).enumerate() {
        for (column, value) in columns.iter_mut().zip(row) {
            if let Some(slot) = column.get_mut(place) {
                *slot = *value;
            }
        }
    }
    columns
}

/// Six rows and one panel.
struct Block<'a> {
    rows: &'a [[f32; ROWS]],
    panel: &'a [f32],
}

impl WithSimd for Block<'_> {
    type Output = [[f32; COLUMNS]; ROWS];

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> Self::Output {
        let (panel, _) = S::as_simd_f32s(self.panel);
        match COLUMNS / S::F32_LANES {
            1 => sums::<S, 1>(simd, self.rows, panel),
            2 => sums::<S, 2>(simd, self.rows, panel),
            4 => sums::<S, 4>(simd, self.rows, panel),
            _ => sums::<S, COLUMNS>(simd, self.rows, panel),
        }
    }
}

/// Adds up row × column over all inputs; `V` vectors make a panel's width.
#[inline(always)]
fn sums<S: Simd, const V: usize>(simd: S, rows: &[[f32; ROWS]], panel: &[S::f32s]) -> [[f32; COLUMNS]; ROWS] {
    let mut sums = [[simd.splat_f32s(0.0); V]; ROWS];
    for (columns, values) in panel.as_chunks::<V>().0.iter().zip(rows) {
        for (sums, value) in sums.iter_mut().zip(values) {
            let value = simd.splat_f32s(*value);
            for (sum, column) in sums.iter_mut().zip(columns) {
                *sum = simd.mul_add_e_f32s(value, *column, *sum);
            }
        }
    }
    let mut out = [[0.0; COLUMNS]; ROWS];
    for (out, sums) in out.iter_mut().zip(&sums) {
        let (vectors, _) = S::as_mut_simd_f32s(out.as_mut_slice());
        vectors.iter_mut().zip(sums).for_each(|(vector, sum)| *vector = *sum);
    }
    out
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::cast_precision_loss)]
    use candle_core::Device;

    use super::*;

    #[test]
    fn equals_the_general_product() {
        for count in [1, 5, 6, 7, 96, 97, 200] {
            let numbers = |from: usize, many: usize| -> Vec<f32> {
                (from..from + many).map(|n| ((n * 7_919) % 1_009) as f32 / 1_009.0 - 0.5).collect()
            };
            let rows = Tensor::from_vec(numbers(1, count * 40), (count, 40), &Device::Cpu).unwrap();
            let linear = Linear::new(40, &numbers(5, 32 * 40), numbers(9, 32)).unwrap();
            let weight = Tensor::from_vec(numbers(5, 32 * 40), (32, 40), &Device::Cpu).unwrap();
            let bias = Tensor::from_vec(numbers(9, 32), 32, &Device::Cpu).unwrap();
            let expected = rows.matmul(&weight.t().unwrap()).unwrap().broadcast_add(&bias).unwrap();
            let found = linear.apply(&rows).unwrap();
            let off = (found - expected).unwrap().abs().unwrap().max_all().unwrap().to_scalar::<f32>().unwrap();
            assert!(off < 1e-5, "{count} rows are off by {off}");
        }
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        assert!(Linear::new(4, &[0.0; 68], vec![0.0; 17]).is_err());
        assert!(Linear::new(4, &[0.0; 64], vec![0.0; 32]).is_err());
        assert!(Linear::new(0, &[], vec![0.0; 16]).is_err());
        let rows = Tensor::zeros((2, 5), candle_core::DType::F32, &Device::Cpu).unwrap();
        assert!(Linear::new(4, &[0.0; 64], vec![0.0; 16]).unwrap().apply(&rows).is_err());
    }
}
