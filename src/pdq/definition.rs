//! The definition: PDQ step by step over whole planes, in plain code close to the reference's, for tests to compare with.
//!
//! Reference: `pdq/cpp/downscaling/downscaling.cpp` and `pdq/cpp/hashing/pdqhashing.cpp`. Three departures, none of which
//! changes a bit: the box along columns runs over all columns of a row at once, keeping one running sum a column, so
//! that memory is read in order; the sampled position is computed in integers, `(2 i + 1) n / 128`, which is what the
//! reference's `((i + 0.5) n) / 64` in `f64`, truncated, gives exactly; and the median is found by selection, not by the
//! reference's bisection: both give the 128th smallest of the 256 values.

use super::transform::WEIGHTS;
use crate::pixels::{PixelFormat, Pixels};
use crate::simd::{BLOCK_SIDE, PLANE_SIDE};

/// The samples a picture is reduced to, row by row.
pub(super) type Plane = [[f32; PLANE_SIDE]; PLANE_SIDE];

/// The low frequencies, row by row.
pub(super) type Block = [[f32; BLOCK_SIDE]; BLOCK_SIDE];

/// Working memory for [`Definition::plane`]: two full-size planes of `f32`, one running sum a column, the samples.
pub(super) struct Definition {
    luma: Vec<f32>,
    filtered: Vec<f32>,
    sums: Vec<f32>,
    plane: Plane,
}

impl Default for Definition {
    fn default() -> Self {
        Self {
            luma: Vec::new(),
            filtered: Vec::new(),
            sums: Vec::new(),
            plane: [[0.0; PLANE_SIDE]; PLANE_SIDE],
        }
    }
}

impl Definition {
    /// Returns the picture's 64x64 samples.
    pub(super) fn plane(&mut self, pixels: &Pixels<'_>) -> &Plane {
        let (width, height) = (pixels.width() as usize, pixels.height() as usize);
        self.luma.clear();
        self.luma.reserve(width * height);
        for row in pixels.rows() {
            push_luma(pixels.format(), row, &mut self.luma);
        }
        // A picture of the plane's own size is taken as it is.
        if (width, height) != (PLANE_SIDE, PLANE_SIDE) {
            self.filtered.clear();
            self.filtered.resize(width * height, 0.0);
            self.sums.resize(width, 0.0);
            for _pass in 0..2 {
                box_along_rows(&self.luma, &mut self.filtered, width, window(width));
                box_along_columns(
                    &self.filtered,
                    &mut self.luma,
                    &mut self.sums[..width],
                    window(height),
                );
            }
        }
        for (i, samples) in self.plane.iter_mut().enumerate() {
            let row = &self.luma[sampled(i, height) * width..][..width];
            for (j, sample) in samples.iter_mut().enumerate() {
                *sample = row[sampled(j, width)];
            }
        }
        &self.plane
    }
}

/// Appends the luma of one row.
fn push_luma(format: PixelFormat, row: &[u8], luma: &mut Vec<f32>) {
    fn of_rgb(red: u8, green: u8, blue: u8) -> f32 {
        0.299 * f32::from(red) + 0.587 * f32::from(green) + 0.114 * f32::from(blue)
    }
    match format {
        PixelFormat::Luma8 => luma.extend(row.iter().map(|&v| f32::from(v))),
        PixelFormat::LumaAlpha8 => {
            luma.extend(row.as_chunks().0.iter().map(|&[v, _]| f32::from(v)));
        }
        PixelFormat::Rgb8 => {
            luma.extend(row.as_chunks().0.iter().map(|&[r, g, b]| of_rgb(r, g, b)));
        }
        PixelFormat::Rgba8 => {
            luma.extend(
                row.as_chunks()
                    .0
                    .iter()
                    .map(|&[r, g, b, _]| of_rgb(r, g, b)),
            );
        }
    }
}

/// Returns the length of the box for a side of `length`: half a block of the plane, rounded up, since there are two
/// passes. It is never longer than the side.
fn window(length: usize) -> usize {
    length.div_ceil(2 * PLANE_SIDE)
}

/// Returns the position in a side of `length` that sample `i` is taken from: the middle of its block.
fn sampled(i: usize, length: usize) -> usize {
    let doubled = (2 * i as u64 + 1) * length as u64;
    usize::try_from(doubled / (2 * PLANE_SIDE as u64)).unwrap()
}

/// How many outputs each phase of a box filter gives: the window grows without output, grows with output, slides, and
/// shrinks.
struct Phases {
    grow_silently: usize,
    grow: usize,
    slide: usize,
    shrink: usize,
}

impl Phases {
    fn new(length: usize, window: usize) -> Self {
        let half = (window + 2) / 2;
        Self {
            grow_silently: half - 1,
            grow: window - half + 1,
            slide: length - window,
            shrink: half - 1,
        }
    }
}

/// A window's count of values as the divisor; windows stay far below 2^24, where `f32` counts exactly.
#[allow(
    clippy::cast_precision_loss,
    reason = "a window is at most 2^32 / 128 long and is the reference's own int-to-float conversion"
)]
fn divisor(count: usize) -> f32 {
    count as f32
}

/// Averages each row over a sliding window: a running sum to which the entering value is added before the leaving one
/// is subtracted, divided by the number of values in the window.
fn box_along_rows(input: &[f32], output: &mut [f32], width: usize, window: usize) {
    let phases = Phases::new(width, window);
    for (input, output) in input
        .chunks_exact(width)
        .zip(output.chunks_exact_mut(width))
    {
        let mut entering = input.iter();
        let mut leaving = input.iter();
        let mut output = output.iter_mut();
        let mut sum = 0.0_f32;
        let mut count = 0;
        for value in entering.by_ref().take(phases.grow_silently) {
            sum += value;
            count += 1;
        }
        for (value, out) in entering.by_ref().take(phases.grow).zip(output.by_ref()) {
            sum += value;
            count += 1;
            *out = sum / divisor(count);
        }
        let full = divisor(count);
        for _ in 0..phases.slide {
            let (Some(enter), Some(leave), Some(out)) =
                (entering.next(), leaving.next(), output.next())
            else {
                break;
            };
            sum += enter;
            sum -= leave;
            *out = sum / full;
        }
        for (leave, out) in leaving.by_ref().take(phases.shrink).zip(output) {
            sum -= leave;
            count -= 1;
            *out = sum / divisor(count);
        }
    }
}

/// The same along columns, all columns of a row at a time, with one running sum a column in `sums`.
fn box_along_columns(input: &[f32], output: &mut [f32], sums: &mut [f32], window: usize) {
    let width = sums.len();
    let phases = Phases::new(input.len() / width, window);
    let row = |y: usize| &input[y * width..][..width];
    let (mut entering, mut leaving, mut out, mut count) = (0, 0, 0, 0);
    let mut write = |out: usize, sums: &[f32], count: usize| {
        let divisor = divisor(count);
        for (value, sum) in output[out * width..][..width].iter_mut().zip(sums) {
            *value = sum / divisor;
        }
    };
    sums.fill(0.0);
    for _ in 0..phases.grow_silently {
        add(sums, row(entering));
        entering += 1;
        count += 1;
    }
    for _ in 0..phases.grow {
        add(sums, row(entering));
        entering += 1;
        count += 1;
        write(out, sums, count);
        out += 1;
    }
    for _ in 0..phases.slide {
        add(sums, row(entering));
        subtract(sums, row(leaving));
        entering += 1;
        leaving += 1;
        write(out, sums, count);
        out += 1;
    }
    for _ in 0..phases.shrink {
        subtract(sums, row(leaving));
        leaving += 1;
        count -= 1;
        write(out, sums, count);
        out += 1;
    }
}

fn add(sums: &mut [f32], row: &[f32]) {
    for (sum, value) in sums.iter_mut().zip(row) {
        *sum += value;
    }
}

fn subtract(sums: &mut [f32], row: &[f32]) {
    for (sum, value) in sums.iter_mut().zip(row) {
        *sum -= value;
    }
}

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

/// Returns the block of a plane: `D A Dt`, each sum in index order.
pub(super) fn block(plane: &Plane) -> Block {
    let rows = &WEIGHTS.rows;
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
    block
}

/// Sets bit `k` where value `k` is above the lower median, the 128th smallest of the 256.
pub(super) fn bits_above_median(block: &Block) -> [u64; 4] {
    let values = block.as_flattened();
    let mut ordered = values.to_vec();
    let (_, median, _) = ordered.select_nth_unstable_by(127, f32::total_cmp);
    let mut words = [0_u64; 4];
    for (word, values) in words.iter_mut().zip(values.chunks_exact(64)) {
        for (bit, value) in values.iter().enumerate() {
            *word |= u64::from(*value > *median) << bit;
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The reference's one-dimensional box filter, written down index by index.
    fn box_naive(input: &[f32], window: usize) -> Vec<f32> {
        let half = (window + 2) / 2;
        let (mut sum, mut count, mut li, mut ri) = (0.0_f32, 0.0_f32, 0, 0);
        let mut output = Vec::new();
        for _ in 0..half - 1 {
            sum += input[ri];
            ri += 1;
            count += 1.0;
        }
        for _ in 0..window - half + 1 {
            sum += input[ri];
            ri += 1;
            count += 1.0;
            output.push(sum / count);
        }
        for _ in 0..input.len() - window {
            sum += input[ri];
            sum -= input[li];
            ri += 1;
            li += 1;
            output.push(sum / count);
        }
        for _ in 0..half - 1 {
            sum -= input[li];
            li += 1;
            count -= 1.0;
            output.push(sum / count);
        }
        output
    }

    #[test]
    fn both_boxes_are_the_reference_filter_bit_for_bit() {
        for length in 1..=40 {
            for window in 1..=length.min(17) {
                let line: Vec<f32> = (0..length)
                    .map(|i| ((i * 7919) % 251) as f32 * 0.299 + 0.587)
                    .collect();
                let expected: Vec<u32> = box_naive(&line, window)
                    .iter()
                    .map(|v| v.to_bits())
                    .collect();
                let mut along_row = vec![0.0; length];
                box_along_rows(&line, &mut along_row, length, window);
                assert_eq!(
                    along_row.iter().map(|v| v.to_bits()).collect::<Vec<_>>(),
                    expected
                );
                // Three equal columns: each must come out like the line.
                let columns: Vec<f32> = line.iter().flat_map(|&v| [v; 3]).collect();
                let mut along_columns = vec![0.0; columns.len()];
                box_along_columns(&columns, &mut along_columns, &mut [0.0; 3], window);
                for column in 0..3 {
                    let bits: Vec<u32> = along_columns[column..]
                        .iter()
                        .step_by(3)
                        .map(|v| v.to_bits())
                        .collect();
                    assert_eq!(bits, expected);
                }
            }
        }
    }

    #[test]
    fn sampled_positions_are_those_of_the_reference() {
        for length in (5..3000).chain([65_535, 1_000_003]) {
            for i in 0..PLANE_SIDE {
                let reference = ((i as f64 + 0.5) * length as f64) / 64.0;
                assert_eq!(sampled(i, length) as f64, reference.trunc());
            }
        }
    }

    #[test]
    fn a_window_is_never_longer_than_its_side() {
        assert!((1..100_000).all(|length| (1..=length).contains(&window(length))));
    }
}
