//! The canvas that animation frames are laid on, and what is done to a finished frame: a background under it, and
//! its orientation.

use super::options::Alpha;
use crate::pixels::PixelFormat;

/// A frame's place on the canvas. It may reach beyond; what does is cut off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Region {
    pub(super) left: u32,
    pub(super) top: u32,
    pub(super) width: u32,
    pub(super) height: u32,
}

impl Region {
    /// Returns the region of a whole picture.
    pub(super) const fn whole((width, height): (u32, u32)) -> Self {
        Self {
            left: 0,
            top: 0,
            width,
            height,
        }
    }

    /// Returns whether the region has pixels and all of them lie on a canvas of this shape.
    pub(super) fn is_inside(self, (width, height): (u32, u32)) -> bool {
        let fits = |start: u32, length: u32, end: u32| {
            length > 0 && start.checked_add(length).is_some_and(|last| last <= end)
        };
        fits(self.left, self.width, width) && fits(self.top, self.height, height)
    }
}

/// What happens to a frame's region before the next frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dispose {
    /// It stays.
    Keep,
    /// It becomes this transparent colour.
    Clear([u8; 3]),
    /// It becomes what it was before the frame.
    Restore,
}

/// Pixels of red, green, blue and alpha that frames are laid on one after another.
#[derive(Debug, Default)]
pub(super) struct Canvas {
    pixels: Vec<u8>,
    saved: Vec<u8>,
    width: u32,
    height: u32,
    pending: Option<(Region, Dispose)>,
}

impl Canvas {
    /// Makes the canvas new: all transparent, of one colour.
    pub(super) fn reset(&mut self, width: u32, height: u32, colour: [u8; 3]) {
        let [red, green, blue] = colour;
        self.pixels.clear();
        let area = width as usize * height as usize;
        if colour == [0; 3] {
            self.pixels.resize(area * 4, 0);
        } else {
            self.pixels.reserve_exact(area * 4);
            self.pixels
                .extend([red, green, blue, 0].into_iter().cycle().take(area * 4));
        }
        (self.width, self.height) = (width, height);
        self.pending = None;
    }

    /// Returns width and height.
    pub(super) fn shape(&self) -> (u32, u32) {
        (self.width, self.height)
    }

    /// Returns the pixels, row after row.
    pub(super) fn pixels(&self) -> &[u8] {
        &self.pixels
    }

    /// Lays a frame on the canvas: over it as its alpha says, or in its place.
    pub(super) fn lay(
        &mut self,
        region: Region,
        format: PixelFormat,
        frame: &[u8],
        over: bool,
        dispose: Dispose,
    ) {
        self.clear_up();
        if dispose == Dispose::Restore {
            self.saved.clear();
            self.saved.extend_from_slice(&self.pixels);
        }
        self.pending = Some((region, dispose));
        let size = format.bytes_per_pixel();
        let rows = frame.chunks_exact((region.width as usize * size).max(1));
        for (row, y) in rows.zip(region.top..) {
            let Some(target) = span(self.width, self.height, region, y) else {
                break;
            };
            let target = self.pixels[target].chunks_exact_mut(4);
            for (to, from) in target.zip(row.chunks_exact(size)) {
                let from = widen(format, from);
                if !over || from[3] == 255 {
                    to.copy_from_slice(&from);
                } else if from[3] > 0 {
                    blend(to, from);
                }
            }
        }
    }

    /// Does what the last frame asked for.
    fn clear_up(&mut self) {
        match self.pending.take() {
            None | Some((_, Dispose::Keep)) => {}
            Some((_, Dispose::Restore)) => std::mem::swap(&mut self.pixels, &mut self.saved),
            Some((region, Dispose::Clear([red, green, blue]))) => {
                for y in region.top..region.top.saturating_add(region.height) {
                    let Some(target) = span(self.width, self.height, region, y) else {
                        break;
                    };
                    for pixel in self.pixels[target].chunks_exact_mut(4) {
                        pixel.copy_from_slice(&[red, green, blue, 0]);
                    }
                }
            }
        }
    }
}

/// Returns the bytes of a region's row that lie on the canvas.
fn span(width: u32, height: u32, region: Region, y: u32) -> Option<std::ops::Range<usize>> {
    if y >= height || region.left >= width {
        return None;
    }
    let columns = region.width.min(width - region.left) as usize;
    let start = (y as usize * width as usize + region.left as usize) * 4;
    Some(start..start + columns * 4)
}

/// Returns a pixel as red, green, blue and alpha.
fn widen(format: PixelFormat, pixel: &[u8]) -> [u8; 4] {
    match (format, pixel) {
        (PixelFormat::Luma8, &[grey]) => [grey, grey, grey, 255],
        (PixelFormat::LumaAlpha8, &[grey, alpha]) => [grey, grey, grey, alpha],
        (PixelFormat::Rgb8, &[red, green, blue]) => [red, green, blue, 255],
        (PixelFormat::Rgba8, &[red, green, blue, alpha]) => [red, green, blue, alpha],
        _ => [0; 4],
    }
}

/// The usual "over" for colours that are not premultiplied, in integers, rounded to nearest.
fn blend(to: &mut [u8], from: [u8; 4]) {
    let above = u32::from(from[3]) * 255;
    let below = u32::from(to[3]) * (255 - u32::from(from[3]));
    let both = above + below;
    for (to, from) in to.iter_mut().zip(from).take(3) {
        let sum = u32::from(from) * above + u32::from(*to) * below;
        *to = low_byte((sum + both / 2) / both.max(1));
    }
    to[3] = low_byte((both + 127) / 255);
}

/// A mean of bytes is a byte.
fn low_byte(value: u32) -> u8 {
    value.to_le_bytes()[0]
}

/// Lays pixels over the background that `alpha` names, in place; returns their new format.
pub(super) fn flatten(pixels: &mut Vec<u8>, format: PixelFormat, alpha: Alpha) -> PixelFormat {
    let Alpha::Over { red, green, blue } = alpha else {
        return format;
    };
    let mix = |colour: u8, alpha: u8, under: u8| {
        let alpha = u32::from(alpha);
        low_byte((u32::from(colour) * alpha + u32::from(under) * (255 - alpha) + 127) / 255)
    };
    match format {
        PixelFormat::LumaAlpha8 if red == green && green == blue => {
            let count = pixels.len() / 2;
            for at in 0..count {
                pixels[at] = mix(pixels[2 * at], pixels[2 * at + 1], red);
            }
            pixels.truncate(count);
            PixelFormat::Luma8
        }
        PixelFormat::LumaAlpha8 => {
            *pixels = pixels
                .chunks_exact(2)
                .flat_map(|p| [red, green, blue].map(|under| mix(p[0], p[1], under)))
                .collect();
            PixelFormat::Rgb8
        }
        PixelFormat::Rgba8 => {
            let count = pixels.len() / 4;
            for at in 0..count {
                let alpha = pixels[4 * at + 3];
                for (channel, under) in [red, green, blue].into_iter().enumerate() {
                    pixels[3 * at + channel] = mix(pixels[4 * at + channel], alpha, under);
                }
            }
            pixels.truncate(count * 3);
            PixelFormat::Rgb8
        }
        opaque => opaque,
    }
}

/// Turns pixels as an EXIF orientation of 2 to 8 says, into `out`; returns the new width and height. Other values leave
/// the picture as it is, and `out` empty.
pub(super) fn turn(
    pixels: &[u8],
    size: usize,
    (width, height): (u32, u32),
    orientation: u8,
    out: &mut Vec<u8>,
) -> (u32, u32) {
    out.clear();
    if !(2..=8).contains(&orientation) {
        return (width, height);
    }
    let (w, h) = (width as usize, height as usize);
    let swapped = orientation >= 5;
    let (columns, rows) = if swapped { (h, w) } else { (w, h) };
    out.reserve_exact(pixels.len());
    for y in 0..rows {
        for x in 0..columns {
            let (from_x, from_y) = match orientation {
                2 => (w - 1 - x, y),
                3 => (w - 1 - x, h - 1 - y),
                4 => (x, h - 1 - y),
                5 => (y, x),
                6 => (y, h - 1 - x),
                7 => (w - 1 - y, h - 1 - x),
                _ => (w - 1 - y, x),
            };
            let at = (from_y * w + from_x) * size;
            out.extend_from_slice(&pixels[at..at + size]);
        }
    }
    if swapped {
        (height, width)
    } else {
        (width, height)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT_ONE: Region = Region {
        left: 1,
        top: 0,
        width: 2,
        height: 1,
    };

    #[test]
    fn a_frame_beyond_the_canvas_is_cut_off() {
        let mut canvas = Canvas::default();
        canvas.reset(2, 1, [0; 3]);
        canvas.lay(AT_ONE, PixelFormat::Luma8, &[7, 8], false, Dispose::Keep);
        assert_eq!(canvas.pixels(), [0, 0, 0, 0, 7, 7, 7, 255]);
    }

    #[test]
    fn every_disposal_is_honoured() {
        for (dispose, left) in [
            (Dispose::Keep, [7, 7, 7, 255]),
            (Dispose::Clear([1, 2, 3]), [1, 2, 3, 0]),
            (Dispose::Restore, [0; 4]),
        ] {
            let mut canvas = Canvas::default();
            canvas.reset(2, 1, [0; 3]);
            canvas.lay(AT_ONE, PixelFormat::Luma8, &[7, 8], false, dispose);
            let nothing = [9, 9, 9, 0];
            let first = Region {
                left: 0,
                width: 1,
                ..AT_ONE
            };
            canvas.lay(first, PixelFormat::Rgba8, &nothing, true, Dispose::Keep);
            assert_eq!(canvas.pixels()[4..], left, "{dispose:?}");
        }
    }

    #[test]
    fn half_over_opaque_is_rounded_to_nearest() {
        let mut canvas = Canvas::default();
        canvas.reset(1, 1, [0; 3]);
        let one = Region {
            left: 0,
            width: 1,
            ..AT_ONE
        };
        canvas.lay(one, PixelFormat::Luma8, &[100], false, Dispose::Keep);
        canvas.lay(
            one,
            PixelFormat::LumaAlpha8,
            &[201, 128],
            true,
            Dispose::Keep,
        );
        // (201 * 128 + 100 * 127) / 255 = 150.69...
        assert_eq!(canvas.pixels(), [151, 151, 151, 255]);
    }

    #[test]
    fn a_background_takes_alpha_away() {
        let white = Alpha::Over {
            red: 255,
            green: 255,
            blue: 255,
        };
        let mut pixels = vec![10, 0, 10, 255, 10, 128];
        let format = flatten(&mut pixels, PixelFormat::LumaAlpha8, white);
        assert_eq!((format, pixels), (PixelFormat::Luma8, vec![255, 10, 132]));
        let red = Alpha::Over {
            red: 255,
            green: 0,
            blue: 0,
        };
        let mut pixels = vec![10, 0];
        let format = flatten(&mut pixels, PixelFormat::LumaAlpha8, red);
        assert_eq!((format, pixels), (PixelFormat::Rgb8, vec![255, 0, 0]));
        let mut pixels = vec![1, 2, 3, 255, 1, 2, 3, 0];
        let format = flatten(&mut pixels, PixelFormat::Rgba8, red);
        assert_eq!(
            (format, pixels),
            (PixelFormat::Rgb8, vec![1, 2, 3, 255, 0, 0])
        );
    }

    #[test]
    fn the_eight_orientations_are_those_of_exif() {
        // 1 2
        // 3 4
        // 5 6
        let stored = [1, 2, 3, 4, 5, 6];
        let expected: [(u8, &[u8]); 7] = [
            (2, &[2, 1, 4, 3, 6, 5]),
            (3, &[6, 5, 4, 3, 2, 1]),
            (4, &[5, 6, 3, 4, 1, 2]),
            (5, &[1, 3, 5, 2, 4, 6]),
            (6, &[5, 3, 1, 6, 4, 2]),
            (7, &[6, 4, 2, 5, 3, 1]),
            (8, &[2, 4, 6, 1, 3, 5]),
        ];
        for (orientation, turned) in expected {
            let mut out = Vec::new();
            let shape = turn(&stored, 1, (2, 3), orientation, &mut out);
            assert_eq!(out, turned, "{orientation}");
            assert_eq!(shape, if orientation > 4 { (3, 2) } else { (2, 3) });
        }
    }
}
