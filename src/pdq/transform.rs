//! 64x64 samples to quality and bits: the image-domain quality, the DCT, the median, the eight symmetries.
//!
//! Reference: `pdq/cpp/hashing/pdqhashing.cpp`. The arithmetic is in `simd`; its plain telling in `definition.rs`.

use std::f64::consts::PI;
use std::sync::LazyLock;

use crate::hash::Dihedral;
use crate::hash::Pdq;
use crate::simd::{self, BLOCK_SIDE, PLANE_SIDE, Plane, SimdLevel};

/// The DCT-II rows of frequencies 1 to 16 over 64 samples, scaled by `sqrt(2 / 64)`; computed in `f64` and rounded once.
#[allow(
    clippy::cast_possible_truncation,
    reason = "rounding to f32 is where the reference rounds"
)]
pub(super) static WEIGHTS: LazyLock<simd::Weights> = LazyLock::new(|| {
    let scale = f64::from((2.0_f64 / 64.0).sqrt() as f32);
    let mut rows = [[0.0; PLANE_SIDE]; BLOCK_SIDE];
    let mut columns = [[0.0; BLOCK_SIDE]; PLANE_SIDE];
    for (i, (number, row)) in (1_u32..).zip(rows.iter_mut()).enumerate() {
        for (j, value) in (0_u32..).zip(row.iter_mut()) {
            let angle = (PI / 2.0 / 64.0) * f64::from(number) * f64::from(2 * j + 1);
            *value = (scale * angle.cos()) as f32;
            columns[j as usize][i] = *value;
        }
    }
    simd::Weights { rows, columns }
});

/// Returns how much structure the samples hold, 0 to 100: the sum of their significant gradients, scaled.
pub(super) fn quality(level: SimdLevel, plane: &Plane) -> u8 {
    let scaled = level.gradient_sum(plane) / 90;
    u8::try_from(scaled).unwrap_or(100).min(100)
}

/// The 16x16 block of low frequencies of a plane.
pub(super) struct Block {
    level: SimdLevel,
    values: simd::Block,
}

impl Block {
    /// Returns the block of a plane.
    pub(super) fn of(level: SimdLevel, plane: &Plane) -> Self {
        let values = level.transform(plane, &WEIGHTS);
        Self { level, values }
    }

    /// Returns the floats, row by row.
    #[cfg(all(test, feature = "synthetic"))]
    pub(super) fn values(&self) -> &[f32] {
        self.values.0.as_flattened()
    }

    /// Returns the hash of the picture as it is.
    pub(super) fn hash(&self) -> Pdq {
        Pdq::from_words(self.level.bits_above_median(&self.values))
    }

    /// Returns the hash of the picture under each symmetry, in the order of [`Dihedral::ALL`]: negating frequencies
    /// reflects, transposing exchanges the axes. Transposing only moves bits, so four medians are enough for all.
    pub(super) fn dihedral(&self) -> [Pdq; 8] {
        let hashes = [(false, false), (false, true), (true, false), (true, true)]
            .map(|(even_rows, even_columns)| self.negated(even_rows, even_columns));
        let [plain, columns, rows, both] = hashes;
        Dihedral::ALL.map(|dihedral| match dihedral {
            Dihedral::Original => plain,
            Dihedral::Rotate90 => transposed(columns),
            Dihedral::Rotate180 => both,
            Dihedral::Rotate270 => transposed(rows),
            Dihedral::FlipX => rows,
            Dihedral::FlipY => columns,
            Dihedral::FlipPlus1 => transposed(plain),
            Dihedral::FlipMinus1 => transposed(both),
        })
    }

    /// Returns the hash with even rows or columns negated, or both; "even" counts from 0, where frequency 1 stands.
    fn negated(&self, even_rows: bool, even_columns: bool) -> Pdq {
        let mut block = self.values;
        for (i, row) in block.0.iter_mut().enumerate() {
            let signs = [even_columns, false].map(|negate| {
                let negate = negate != (even_rows && i % 2 == 0);
                if negate { -1.0 } else { 1.0 }
            });
            for pair in row.as_chunks_mut::<2>().0 {
                *pair = [pair[0] * signs[0], pair[1] * signs[1]];
            }
        }
        Pdq::from_words(self.level.bits_above_median(&block))
    }
}

/// Exchanges the rows and columns of a hash's 16x16 bits: bit `16 i + j` goes to `16 j + i`.
fn transposed(hash: Pdq) -> Pdq {
    let mut words = hash.words();
    // Exchange blocks of 8x8 bits with their mirror image, then of 4x4 in each, of 2x2, of 1x1.
    let mut rows: [u16; 16] = std::array::from_fn(|i| row_of(&words, i));
    for (width, mask) in [(8, 0x00ff_u16), (4, 0x0f0f), (2, 0x3333), (1, 0x5555)] {
        for i in (0..16).filter(|i| i & width == 0) {
            let moved = (rows[i] >> width ^ rows[i + width]) & mask;
            rows[i + width] ^= moved;
            rows[i] ^= moved << width;
        }
    }
    for (word, rows) in words.iter_mut().zip(rows.as_chunks::<4>().0) {
        *word = (0..4).map(|i| u64::from(rows[i]) << (16 * i)).sum();
    }
    Pdq::from_words(words)
}

#[allow(
    clippy::cast_possible_truncation,
    reason = "the lowest 16 bits are the row"
)]
fn row_of(words: &[u64; 4], row: usize) -> u16 {
    (words[row / 4] >> (row % 4 * 16)) as u16
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
        let weights = WEIGHTS.rows.as_flattened();
        let bytes: Vec<u8> = weights.iter().flat_map(|v| v.to_le_bytes()).collect();
        assert_eq!(digest::of(&bytes, &[HashKind::Sha256])[0].to_hex(), SHA256);
    }

    #[test]
    fn transposing_a_hash_exchanges_rows_and_columns() {
        let bits = |hash: Pdq| (0..256).map(move |k| hash.words()[k / 64] >> (k % 64) & 1);
        for seed in 0..50_u64 {
            let word = |k: u64| {
                (seed * 4 + k + 1)
                    .wrapping_mul(0x9e37_79b9_7f4a_7c15)
                    .rotate_left(29)
            };
            let hash = Pdq::from_words([word(0), word(1), word(2), word(3)]);
            let (before, after): (Vec<u64>, Vec<u64>) =
                (bits(hash).collect(), bits(transposed(hash)).collect());
            for (i, j) in (0..16).flat_map(|i| (0..16).map(move |j| (i, j))) {
                assert_eq!(after[16 * j + i], before[16 * i + j], "{i}, {j}");
            }
        }
    }
}
