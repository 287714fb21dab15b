//! Scenes that are a function of place: clouds, gradients, one colour.
//!
//! The statistics of natural pictures that [`one_over_f`] follows are those of D. J. Field, "Relations between the
//! statistics of natural images and the response properties of cortical cells" (1987): amplitude falls with frequency
//! with an exponent of about 1 (0.8 to 1.5 from picture to picture).

use super::canvas::Canvas;
use super::random::Random;

/// The largest value of the coarsest octave. The octaves' sum stays below 8 times it, and so within 16 bits.
const COARSEST_AMPLITUDE: i32 = 3500;

/// Octaves of value noise over the whole canvas.
///
/// Octaves of equal strength give an exponent of 1, because each has four times the components of the one before. Each
/// is 7/8 of the one before here: an exponent of 1.2, that of a sharp photograph.
///
/// Each octave is drawn on its own lattice and doubled by linear interpolation on the way down, so all of them cost
/// only a third more than the finest. The `smooth` finest octaves are doubled without noise of their own.
fn octaves(canvas: &Canvas, random: &mut Random, smooth: usize) -> Vec<i16> {
    // A lattice of half the size, with one node beyond each far edge to interpolate towards.
    let coarser = |size: usize| size / 2 + 2;
    let mut sizes = vec![(canvas.width as usize, canvas.height as usize)];
    while let Some(&(width, height)) = sizes.last()
        && width.max(height) > 8
    {
        sizes.push((coarser(width), coarser(height)));
    }
    let mut amplitude = COARSEST_AMPLITUDE;
    let mut noise = Vec::new();
    let mut field: Vec<i16> = Vec::new();
    let mut previous_width = 0;
    for (level, &(width, height)) in sizes.iter().enumerate().rev() {
        let mut finer = vec![0_i16; width * height];
        let mut between = vec![0_i16; previous_width];
        for (y, row) in finer.chunks_exact_mut(width).enumerate() {
            if !field.is_empty() {
                let start = y / 2 * previous_width;
                let upper = &field[start..start + previous_width];
                let nodes = if y % 2 == 0 {
                    upper
                } else {
                    let lower = &field[start + previous_width..start + 2 * previous_width];
                    for ((node, &a), &b) in between.iter_mut().zip(upper).zip(lower) {
                        *node = middle(a, b);
                    }
                    &between
                };
                for (pair, ends) in row.chunks_mut(2).zip(nodes.windows(2)) {
                    pair[0] = ends[0];
                    if let Some(second) = pair.get_mut(1) {
                        *second = middle(ends[0], ends[1]);
                    }
                }
            }
            if level >= smooth {
                random.fill(&mut noise, width);
                for (value, &byte) in row.iter_mut().zip(&noise) {
                    let step = ((i32::from(byte) * 2 - 255) * amplitude) >> 8;
                    *value = value.saturating_add(i16::try_from(step).unwrap_or(0));
                }
            }
        }
        field = finer;
        previous_width = width;
        amplitude = amplitude * 7 / 8;
    }
    field
}

/// The mean of two nodes, rounded down.
fn middle(a: i16, b: i16) -> i16 {
    // Equals (a + b) >> 1 without a wider type, and so without a cast.
    (a & b) + ((a ^ b) >> 1)
}

/// The mean of a field, and the factor in 1/65536 that gives it this standard deviation.
fn levels(field: &[i16], deviation: i64) -> (i64, i64) {
    let count = field.len().max(1) as i64;
    let sum: i64 = field.iter().map(|&value| i64::from(value)).sum();
    let squares: i64 = field
        .iter()
        .map(|&value| i64::from(value) * i64::from(value))
        .sum();
    let mean = sum / count;
    let variance = (squares / count - mean * mean).max(1);
    (mean, (deviation << 16) / variance.isqrt())
}

/// Clouds with the spectrum of photographs, stretched to use the whole range.
pub(super) fn one_over_f(canvas: &mut Canvas, random: &mut Random) {
    let luma = octaves(canvas, random, 0);
    let (luma_mean, luma_factor) = levels(&luma, 52);
    let to_luma = |value: i16| 128 + (((i64::from(value) - luma_mean) * luma_factor) >> 16);
    let to_byte = |value: i64| value.clamp(0, 255) as u8;
    if !canvas.colour {
        for (sample, &value) in canvas.bytes.iter_mut().zip(&luma) {
            *sample = to_byte(to_luma(value));
        }
        return;
    }
    // Colour changes more slowly over a photograph than light does.
    let warm = octaves(canvas, random, 2);
    let cold = octaves(canvas, random, 2);
    let (warm_mean, warm_factor) = levels(&warm, 20);
    let (cold_mean, cold_factor) = levels(&cold, 20);
    let pixels = canvas.bytes.as_chunks_mut::<3>().0.iter_mut();
    for (((pixel, &luma), &warm), &cold) in pixels.zip(&luma).zip(&warm).zip(&cold) {
        let luma = to_luma(luma);
        let warm = ((i64::from(warm) - warm_mean) * warm_factor) >> 16;
        let cold = ((i64::from(cold) - cold_mean) * cold_factor) >> 16;
        *pixel = [
            to_byte(luma + warm),
            to_byte(luma - (warm + cold) / 4),
            to_byte(luma + cold),
        ];
    }
}

/// A phase, where the full circle is `2^32`, as a fold from 0 to 255 and back.
fn fold(phase: u32) -> u32 {
    let rising = phase << 1;
    (if phase >> 31 == 0 { rising } else { !rising }) >> 24
}

/// Ramps in two directions and a bowl, each folded, mixed and laid between two colours.
pub(super) fn gradient(canvas: &mut Canvas, random: &mut Random) {
    /// A quarter of a fold over the whole picture.
    const QUARTER: i64 = 1 << 30;
    let (width, height) = (i64::from(canvas.width), i64::from(canvas.height));
    let turn = |quarters: i64, length: i64| (quarters * QUARTER / length) as u64;
    // Both ways down and across have at least two folds: a single soft ramp would be too faint for PDQ.
    let sign = |random: &mut Random| if random.one_in(2) { -1 } else { 1 };
    let mut ramp = |along: (i64, i64), across: (i64, i64)| {
        let along = random.between(along.0, along.1) * sign(random);
        let across = random.between(across.0, across.1) * sign(random);
        (along, across, u64::from(random.below(u32::MAX)))
    };
    let first = ramp((7, 11), (-2, 2));
    let second = ramp((-2, 2), (7, 11));
    let (bowl_x, bowl_y) = (random.between(0, width), random.between(0, height));
    let bowl_turn = (random.between(5, 9) * QUARTER).unsigned_abs();
    let reach = (width * width + height * height).unsigned_abs();
    let dark = [0; 3].map(|_| random.byte(0, 60));
    let light = [0; 3].map(|_| random.byte(200, 255));

    let low_word = |phase: u64| (phase & 0xffff_ffff) as u32;
    let channels = canvas.channels();
    let row_bytes = canvas.width as usize * channels;
    for (y, row) in canvas.bytes.chunks_exact_mut(row_bytes).enumerate() {
        let y = y as u64;
        let start = |(_, across, phase): (i64, i64, u64)| {
            phase.wrapping_add(turn(across, height).wrapping_mul(y))
        };
        let (mut a, mut b) = (start(first), start(second));
        let (a_step, b_step) = (turn(first.0, width), turn(second.0, width));
        let rise = (y as i64 - bowl_y).unsigned_abs();
        for (x, pixel) in row.chunks_exact_mut(channels).enumerate() {
            let run = (x as i64 - bowl_x).unsigned_abs();
            // In 1/65536 of the diagonal's square, so that the product fits.
            let depth = ((run * run + rise * rise) << 16) / reach;
            let bowl = low_word((depth * bowl_turn) >> 16);
            let mix = (fold(low_word(a)) + fold(low_word(b)) + fold(bowl)) / 3;
            a = a.wrapping_add(a_step);
            b = b.wrapping_add(b_step);
            for ((sample, &dark), &light) in pixel.iter_mut().zip(&dark).zip(&light) {
                let span = u32::from(light - dark);
                *sample = dark + ((span * mix / 255) & 0xff) as u8;
            }
        }
    }
    canvas.grain(random, 1);
}

/// One colour, and noise of at most one step.
pub(super) fn flat(canvas: &mut Canvas, random: &mut Random) {
    let colour = [0; 3].map(|_| random.byte(1, 254));
    canvas.fill(
        0..i64::from(canvas.width),
        0..i64::from(canvas.height),
        colour,
    );
    canvas.grain(random, 1);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fold_rises_and_falls_over_the_full_circle() {
        assert_eq!(fold(0), 0);
        assert_eq!(fold((1 << 31) - 1), 255);
        assert_eq!(fold(1 << 31), 255);
        assert_eq!(fold(u32::MAX), 0);
    }

    #[test]
    fn the_middle_of_two_nodes_never_overflows() {
        for (a, b) in [(i16::MAX, i16::MAX), (i16::MIN, i16::MIN), (-3, 4), (7, 8)] {
            let wide = (i32::from(a) + i32::from(b)) >> 1;
            assert_eq!(i32::from(middle(a, b)), wide);
        }
    }
}
