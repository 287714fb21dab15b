//! A surface of one or three bytes a pixel, with clipped spans: all that the scenes draw with.

use std::ops::Range;

use super::assembled;
use super::random::Random;
use crate::pixels::{PixelBuffer, PixelFormat};

/// Red, green and blue; on a grey canvas the first is the value.
pub(super) type Colour = [u8; 3];

/// A grey or colour picture being made.
#[derive(Debug)]
pub(super) struct Canvas {
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) colour: bool,
    pub(super) bytes: Vec<u8>,
}

impl Canvas {
    /// Returns a black canvas.
    pub(super) fn new(width: u32, height: u32, colour: bool) -> Self {
        let channels = if colour { 3 } else { 1 };
        let length = (width as usize)
            .checked_mul(height as usize)
            .and_then(|pixels| pixels.checked_mul(channels))
            .expect("a picture larger than memory was asked for");
        Self {
            width,
            height,
            colour,
            bytes: vec![0; length],
        }
    }

    /// Returns the bytes of one pixel.
    pub(super) fn channels(&self) -> usize {
        if self.colour { 3 } else { 1 }
    }

    /// Returns the shorter side: the measure of what is drawn, so that pictures look alike at every size.
    pub(super) fn side(&self) -> i64 {
        i64::from(self.width.min(self.height))
    }

    /// Returns the part of `start..end` that lies in `0..limit`.
    fn clip(start: i64, end: i64, limit: u32) -> Range<usize> {
        let inside = |at: i64| u32::try_from(at.clamp(0, i64::from(limit))).unwrap_or(0) as usize;
        inside(start)..inside(end).max(inside(start))
    }

    /// Fills the pixels `columns` of every row in `rows`, clipped, and returns how many pixels that were.
    pub(super) fn fill(&mut self, columns: Range<i64>, rows: Range<i64>, colour: Colour) -> u64 {
        let channels = self.channels();
        let columns = Self::clip(columns.start, columns.end, self.width);
        let rows = Self::clip(rows.start, rows.end, self.height);
        let painted = columns.len() as u64 * rows.len() as u64;
        for row in rows {
            let start = (row * self.width as usize + columns.start) * channels;
            let span = &mut self.bytes[start..start + columns.len() * channels];
            if channels == 1 {
                span.fill(colour[0]);
            } else {
                for pixel in span.as_chunks_mut::<3>().0 {
                    *pixel = colour;
                }
            }
        }
        painted
    }

    /// Fills what lies between two circles around a centre, clipped, and returns how many pixels that were.
    ///
    /// An `inner` radius below zero gives a full disc.
    pub(super) fn ring(
        &mut self,
        (x, y): (i64, i64),
        inner: i64,
        outer: i64,
        colour: Colour,
    ) -> u64 {
        let half_chord = |radius: i64, rise: i64| {
            (radius >= 0 && rise.abs() <= radius).then(|| (radius * radius - rise * rise).isqrt())
        };
        let mut painted = 0;
        let top = (y - outer).max(0);
        let bottom = (y + outer).min(i64::from(self.height) - 1);
        for row in top..=bottom {
            let Some(wide) = half_chord(outer, row - y) else {
                continue;
            };
            match half_chord(inner, row - y) {
                None => painted += self.fill(x - wide..x + wide + 1, row..row + 1, colour),
                Some(narrow) => {
                    painted += self.fill(x - wide..x - narrow, row..row + 1, colour);
                    painted += self.fill(x + narrow + 1..x + wide + 1, row..row + 1, colour);
                }
            }
        }
        painted
    }

    /// Draws a straight stroke, `thickness` pixels across its steeper axis.
    pub(super) fn stroke(
        &mut self,
        from: (i64, i64),
        to: (i64, i64),
        thickness: i64,
        colour: Colour,
    ) {
        let (across, down) = (to.0 - from.0, to.1 - from.1);
        let steps = across.abs().max(down.abs()).max(1);
        let half = thickness / 2;
        for step in 0..=steps {
            let x = from.0 + across * step / steps;
            let y = from.1 + down * step / steps;
            if across.abs() >= down.abs() {
                self.fill(x..x + 1, y - half..y - half + thickness, colour);
            } else {
                self.fill(x - half..x - half + thickness, y..y + 1, colour);
            }
        }
    }

    /// Adds even noise of at most `amplitude` steps to every sample.
    pub(super) fn grain(&mut self, random: &mut Random, amplitude: u8) {
        let row_bytes = self.width as usize * self.channels();
        let levels = u16::from(amplitude) * 2 + 1;
        let mut noise = Vec::new();
        for row in self.bytes.chunks_exact_mut(row_bytes) {
            random.fill(&mut noise, row_bytes);
            for (sample, &byte) in row.iter_mut().zip(&noise) {
                let up = ((u16::from(byte) * levels) >> 8) as u8;
                *sample = sample.saturating_add(up).saturating_sub(amplitude);
            }
        }
    }

    /// Returns the picture, with opaque alpha where the layout has alpha.
    pub(super) fn into_picture(self, format: PixelFormat) -> PixelBuffer {
        let bytes = match format {
            PixelFormat::Luma8 | PixelFormat::Rgb8 => self.bytes,
            PixelFormat::LumaAlpha8 => self.bytes.iter().flat_map(|&luma| [luma, 255]).collect(),
            PixelFormat::Rgba8 => self
                .bytes
                .as_chunks::<3>()
                .0
                .iter()
                .flat_map(|&[red, green, blue]| [red, green, blue, 255])
                .collect(),
        };
        assembled(format, self.width, self.height, bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_drawn_off_the_canvas_is_cut_off() {
        let mut canvas = Canvas::new(4, 3, false);
        assert_eq!(canvas.fill(-5..2, -1..2, [9; 3]), 4);
        assert_eq!(canvas.fill(9..12, 0..3, [9; 3]), 0);
        let (start, end) = (3, 1);
        assert_eq!(canvas.fill(start..end, 0..3, [9; 3]), 0);
        assert_eq!(canvas.bytes, [9, 9, 0, 0, 9, 9, 0, 0, 0, 0, 0, 0]);
    }

    #[test]
    fn a_ring_leaves_its_middle_alone() {
        let mut canvas = Canvas::new(5, 5, false);
        canvas.ring((2, 2), 1, 2, [1; 3]);
        #[rustfmt::skip]
        let expected = [
            0, 0, 1, 0, 0,
            0, 1, 0, 1, 0,
            1, 0, 0, 0, 1,
            0, 1, 0, 1, 0,
            0, 0, 1, 0, 0,
        ];
        assert_eq!(canvas.bytes, expected);
    }

    #[test]
    fn grain_stays_within_its_amplitude() {
        let mut canvas = Canvas::new(50, 50, true);
        canvas.fill(0..50, 0..50, [100; 3]);
        canvas.grain(&mut Random::new(3, 0), 2);
        let low = canvas.bytes.iter().min();
        let high = canvas.bytes.iter().max();
        assert_eq!((low, high), (Some(&98), Some(&102)));
    }
}
