//! 64x64 samples to quality, low frequencies and bits. Generic over the vector.

use super::vector::{Divisor, Vector};

/// The side of the plane that a picture is reduced to.
pub(crate) const PLANE_SIDE: usize = 64;

/// The side of the block of frequencies that are kept.
pub(crate) const BLOCK_SIDE: usize = 16;

/// A row of samples.
#[derive(Clone, Copy, Debug, PartialEq)]
#[repr(C, align(64))]
pub(crate) struct PlaneRow(pub(crate) [f32; PLANE_SIDE]);

impl Default for PlaneRow {
    fn default() -> Self {
        Self([0.0; PLANE_SIDE])
    }
}

/// The samples a picture is reduced to, row by row.
pub(crate) type Plane = [PlaneRow; PLANE_SIDE];

/// Frequencies, row by row.
#[derive(Clone, Copy)]
#[repr(align(64))]
pub(crate) struct Block(pub(crate) [[f32; BLOCK_SIDE]; BLOCK_SIDE]);

/// The weights of the transform, and the same transposed.
#[repr(align(64))]
pub(crate) struct Weights {
    pub(crate) rows: [[f32; PLANE_SIDE]; BLOCK_SIDE],
    pub(crate) columns: [[f32; BLOCK_SIDE]; PLANE_SIDE],
}

/// Takes bytes as samples.
#[inline(always)]
pub(super) fn widen<const N: usize, V: Vector<N>>(
    bytes: &[[u8; PLANE_SIDE]; PLANE_SIDE],
    plane: &mut Plane,
) {
    // Compilers make vectors of this by themselves.
    for (bytes, PlaneRow(samples)) in bytes.iter().zip(plane) {
        for (byte, sample) in bytes.iter().zip(samples) {
            *sample = f32::from(*byte);
        }
    }
}

/// Returns the sum of the significant gradients: differences of neighbours in whole hundredths of the range.
///
/// The sum is kept in `f32`, which holds it exactly in any order: it is a whole number of at most 806,400.
#[inline(always)]
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a whole number below 2^24"
)]
pub(super) fn gradient_sum<const N: usize, V: Vector<N>>(plane: &Plane) -> u32 {
    // Two chains of sums side by side.
    let (mut along_rows, mut along_columns) = (V::splat(0.0), V::splat(0.0));
    for (y, PlaneRow(row)) in plane.iter().enumerate() {
        // The last row has none below, and the last sample none to its right: they are their own neighbours.
        let PlaneRow(below) = &plane[(y + 1).min(PLANE_SIDE - 1)];
        let (right, tail) = row[1..].as_chunks::<N>();
        let mut last = [row[PLANE_SIDE - 1]; N];
        last[..N - 1].copy_from_slice(tail);
        let right = right.iter().chain([&last]);
        let (row, below) = (row.as_chunks::<N>().0, below.as_chunks::<N>().0);
        for ((u, below), right) in row.iter().zip(below).zip(right) {
            along_columns = along_columns.add(gradient::<N, V>(u, below));
            along_rows = along_rows.add(gradient::<N, V>(u, right));
        }
    }
    let total = along_rows.add(along_columns);
    let mut lanes = [0.0; N];
    total.store(&mut lanes);
    lanes.iter().sum::<f32>() as u32
}

/// Returns the differences of neighbours in whole hundredths of the range.
#[inline(always)]
fn gradient<const N: usize, V: Vector<N>>(u: &[f32; N], v: &[f32; N]) -> V {
    const RANGE: Divisor = Divisor::new(255);
    let difference = V::load(u).subtract(V::load(v));
    let hundredths = difference
        .multiply(V::splat(100.0))
        .divide_by(V::reciprocal(&RANGE));
    hundredths.whole_magnitude()
}

/// Returns the low frequencies of a plane, `D A Dt`: each sum in the order of its index, products rounded first.
#[inline(always)]
pub(super) fn transform<const N: usize, V: Vector<N>>(plane: &Plane, weights: &Weights) -> Block {
    /// Vectors of columns and rows of output that are summed side by side.
    const WIDE: usize = 4;
    const HIGH: usize = 2;
    let mut half = [[0.0; PLANE_SIDE]; BLOCK_SIDE];
    for first in (0..BLOCK_SIDE).step_by(HIGH) {
        for column in (0..PLANE_SIDE).step_by(WIDE * N) {
            let mut sums = [[V::splat(0.0); WIDE]; HIGH];
            for (k, PlaneRow(samples)) in plane.iter().enumerate() {
                let samples = &samples[column..].as_chunks::<N>().0[..WIDE];
                for (row, sums) in (first..).zip(&mut sums) {
                    let weight = V::splat(weights.rows[row][k]);
                    for (sum, samples) in sums.iter_mut().zip(samples) {
                        *sum = sum.add(weight.multiply(V::load(samples)));
                    }
                }
            }
            for (row, sums) in (first..).zip(&sums) {
                let out = half[row][column..].as_chunks_mut::<N>().0;
                for (sum, out) in sums.iter().zip(out) {
                    sum.store(out);
                }
            }
        }
    }
    const ROWS: usize = 8;
    let mut block = Block([[0.0; BLOCK_SIDE]; BLOCK_SIDE]);
    for (half, block) in half.chunks_exact(ROWS).zip(block.0.chunks_exact_mut(ROWS)) {
        for column in (0..BLOCK_SIDE).step_by(N) {
            let mut sums = [V::splat(0.0); ROWS];
            for (k, weights) in weights.columns.iter().enumerate() {
                let weights = weights[column..].first_chunk::<N>();
                let weights = V::load(weights.expect("vectors are as long as rows or shorter"));
                for (sum, half) in sums.iter_mut().zip(half) {
                    *sum = sum.add(V::splat(half[k]).multiply(weights));
                }
            }
            for (sum, row) in sums.iter().zip(block.iter_mut()) {
                let out = row[column..].first_chunk_mut::<N>();
                sum.store(out.expect("vectors are as long as rows or shorter"));
            }
        }
    }
    block
}

/// Sets bit `k` where value `k` is above the lower median, the 128th smallest of the 256.
///
/// The median is found by halving the interval of all floats, which has 2^32 members: at most 32 counts.
#[inline(always)]
pub(super) fn bits_above_median<const N: usize, V: Vector<N>>(block: &Block) -> [u64; 4] {
    let values = block.0.as_flattened().as_chunks::<N>().0;
    // The smallest float that at most half of the values are above.
    let (mut low, mut high) = (ordinal(f32::NEG_INFINITY), ordinal(f32::INFINITY));
    while low < high {
        let middle = low + (high - low) / 2;
        if above::<N, V>(values, from_ordinal(middle)) > 128 {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    let median = V::splat(from_ordinal(low));
    let mut words = [0; 4];
    for (k, values) in values.iter().enumerate() {
        let mask = u64::from(V::load(values).greater(median));
        words[k * N / 64] |= mask << (k * N % 64);
    }
    words
}

/// Returns how many values are above a limit.
#[inline(always)]
fn above<const N: usize, V: Vector<N>>(values: &[[f32; N]], limit: f32) -> u32 {
    let limit = V::splat(limit);
    let mut count = 0;
    for values in values {
        count += V::load(values).greater(limit).count_ones();
    }
    count
}

/// A whole number for each float, in the same order.
#[inline(always)]
fn ordinal(value: f32) -> u32 {
    let bits = value.to_bits();
    if bits >> 31 == 0 {
        bits | 1 << 31
    } else {
        !bits
    }
}

#[inline(always)]
fn from_ordinal(ordinal: u32) -> f32 {
    f32::from_bits(if ordinal >> 31 == 1 {
        ordinal & !(1 << 31)
    } else {
        !ordinal
    })
}
