//! 64x64 samples to quality and bits: the image-domain quality, the DCT, the median, the eight symmetries.
//!
//! Reference: `pdq/cpp/hashing/pdqhashing.cpp`. One departure that changes no bit: the median is found by selection,
//! not by the reference's bisection; both give the 128th smallest of the 256 values.

use std::f64::consts::PI;
use std::sync::LazyLock;

use super::Dihedral;
use super::downsample::{PLANE_SIDE, Plane};
use crate::hash::Pdq;

/// The side of the block of frequencies that are kept: 1 to 16, without the constant one.
const BLOCK_SIDE: usize = 16;

/// The DCT-II rows of frequencies 1 to 16 over 64 samples, scaled by `sqrt(2 / 64)`; computed in `f64` and rounded once.
#[allow(
    clippy::cast_possible_truncation,
    reason = "rounding to f32 is where the reference rounds"
)]
static DCT_ROWS: LazyLock<[[f32; PLANE_SIDE]; BLOCK_SIDE]> = LazyLock::new(|| {
    let scale = f64::from((2.0_f64 / 64.0).sqrt() as f32);
    let mut rows = [[0.0; PLANE_SIDE]; BLOCK_SIDE];
    for (i, row) in (1_u32..).zip(rows.iter_mut()) {
        for (j, value) in (0_u32..).zip(row.iter_mut()) {
            let angle = (PI / 2.0 / 64.0) * f64::from(i) * f64::from(2 * j + 1);
            *value = (scale * angle.cos()) as f32;
        }
    }
    rows
});

/// Returns how much structure the samples hold, 0 to 100: the sum of their significant gradients, scaled.
pub(super) fn quality(plane: &Plane) -> u8 {
    /// Gradients are cut to whole hundredths of the range, so that only significant ones count.
    #[allow(
        clippy::cast_possible_truncation,
        reason = "truncation toward zero is the rule; the value is within +-100"
    )]
    fn gradient(u: f32, v: f32) -> u32 {
        let hundredths = ((u - v) * 100.0) / 255.0;
        (hundredths as i32).unsigned_abs()
    }
    let vertical: u32 = plane
        .windows(2)
        .flat_map(|rows| rows[0].iter().zip(&rows[1]))
        .map(|(&u, &v)| gradient(u, v))
        .sum();
    let horizontal: u32 = plane
        .iter()
        .flat_map(|row| row.windows(2))
        .map(|pair| gradient(pair[0], pair[1]))
        .sum();
    u8::try_from((vertical + horizontal) / 90)
        .unwrap_or(100)
        .min(100)
}

/// The 16x16 block of low frequencies of a plane.
pub(super) struct Block([[f32; BLOCK_SIDE]; BLOCK_SIDE]);

impl Block {
    /// Returns the block of a plane: `D A Dt`, each sum in index order.
    pub(super) fn of(plane: &Plane) -> Self {
        let rows = &*DCT_ROWS;
        let mut half = [[0.0_f32; PLANE_SIDE]; BLOCK_SIDE];
        for (weights, output) in rows.iter().zip(&mut half) {
            // All 64 sums of a row advance together; each is still one sum in order of k.
            for (weight, samples) in weights.iter().zip(plane) {
                for (sum, sample) in output.iter_mut().zip(samples) {
                    *sum += weight * sample;
                }
            }
        }
        let mut block = [[0.0_f32; BLOCK_SIDE]; BLOCK_SIDE];
        for (values, output) in half.iter().zip(&mut block) {
            for (sum, weights) in output.iter_mut().zip(rows) {
                for (value, weight) in values.iter().zip(weights) {
                    *sum += value * weight;
                }
            }
        }
        Self(block)
    }

    /// Returns the floats, row by row.
    #[cfg(all(test, feature = "synthetic"))]
    pub(super) fn to_le_bytes(&self) -> Vec<u8> {
        let values = self.0.iter().flatten();
        values.flat_map(|value| value.to_le_bytes()).collect()
    }

    /// Returns the hash of the picture under a symmetry: negating odd frequencies reflects, transposing exchanges the
    /// axes.
    pub(super) fn hash(&self, dihedral: Dihedral) -> Pdq {
        // (negate even rows, negate even columns, transpose); "even" counts from 0, where frequency 1 stands.
        let (even_rows, even_columns, transpose) = match dihedral {
            Dihedral::Original => (false, false, false),
            Dihedral::Rotate90 => (false, true, true),
            Dihedral::Rotate180 => (true, true, false),
            Dihedral::Rotate270 => (true, false, true),
            Dihedral::FlipX => (true, false, false),
            Dihedral::FlipY => (false, true, false),
            Dihedral::FlipPlus1 => (false, false, true),
            Dihedral::FlipMinus1 => (true, true, true),
        };
        let mut values = [0.0; BLOCK_SIDE * BLOCK_SIDE];
        for (i, row) in self.0.iter().enumerate() {
            for (j, &value) in row.iter().enumerate() {
                let negate = (even_rows && i % 2 == 0) != (even_columns && j % 2 == 0);
                let (row, column) = if transpose { (j, i) } else { (i, j) };
                values[row * BLOCK_SIDE + column] = if negate { -value } else { value };
            }
        }
        bits_above_median(&values)
    }
}

/// Sets bit `k` where value `k` is above the lower median, the 128th smallest of the 256.
fn bits_above_median(values: &[f32; 256]) -> Pdq {
    let mut ordered = *values;
    let (_, median, _) = ordered.select_nth_unstable_by(127, f32::total_cmp);
    let mut words = [0_u64; 4];
    for (word, values) in words.iter_mut().zip(values.chunks_exact(64)) {
        for (bit, value) in values.iter().enumerate() {
            *word |= u64::from(*value > *median) << bit;
        }
    }
    Pdq::from_words(words)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest;
    use crate::hash::HashKind;

    #[test]
    fn the_dct_matrix_is_the_same_on_every_machine() {
        // Made with the reference's C++ expression, compiled by g++ 12.2 on x86-64 without contraction.
        const SHA256: &str = "db354678fc6c99b7d442c35d8e89b002b71cb35eff6ae436c5f36392277a83c8";
        let bytes: Vec<u8> = DCT_ROWS
            .iter()
            .flatten()
            .flat_map(|v| v.to_le_bytes())
            .collect();
        assert_eq!(digest::of(&bytes, &[HashKind::Sha256])[0].to_hex(), SHA256);
    }

    #[test]
    fn the_median_is_the_lower_one() {
        let values = std::array::from_fn(|i| i as f32);
        let pdq = bits_above_median(&values);
        assert_eq!(pdq.words(), [0, 0, u64::MAX, u64::MAX]);
        assert_eq!(bits_above_median(&[1.0; 256]).count_ones(), 0);
    }
}
