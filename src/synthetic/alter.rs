//! The ordinary life of a picture: saved again, resized, turned, a little brighter, with a mark in the corner.
//!
//! They are here to show that a picture is still found after them and to choose thresholds by. Alpha is never changed.

use image::imageops::{self, FilterType};
use image::{ImageBuffer, Luma, LumaA, Pixel, Rgb, Rgba};

use super::assembled;
use super::canvas::Canvas;
use super::encode::{EncodeError, FileFormat, encode, round_trip};
use super::random::Random;
use super::shapes::text_line;
use crate::pixels::{PixelBuffer, PixelFormat};

/// The streams of draws of the alterations that need them, apart from those of the scenes.
const NOISE_PURPOSE: u8 = 101;
const WATERMARK_PURPOSE: u8 = 102;

/// An ordinary alteration of a picture. Directions are those of PDQ's dihedral names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Alteration {
    /// Saved as JPEG.
    Jpeg {
        /// 1 (small) to 100 (fine).
        quality: u8,
    },
    /// Saved as PNG: no pixel changes.
    Png,
    /// Saved as GIF: 256 colours.
    Gif,
    /// Saved as lossless WebP: no pixel changes.
    WebP,
    /// Saved as BMP: no pixel changes.
    Bmp,
    /// Saved as TIFF: no pixel changes.
    Tiff,
    /// Both sides resized, with a triangle filter, to at least one pixel.
    Resize {
        /// The new length of a side in percent of the old.
        percent: u16,
    },
    /// Softened: a 3x3 binomial filter, twice.
    Blur,
    /// Sharpened: half the difference from the 3x3 binomial filter added.
    Sharpen,
    /// Made brighter or darker.
    Brightness {
        /// What is added, in percent of the full range.
        percent: i8,
    },
    /// Given more or less contrast about the middle of the range.
    Contrast {
        /// What is added, in percent of the present contrast.
        percent: i8,
    },
    /// Given even noise.
    Noise {
        /// The most that a sample changes by.
        amplitude: u8,
    },
    /// Given a line of half-transparent glyphs in the lower right corner.
    Watermark,
    /// Turned by 90 degrees, counter-clockwise.
    Rotate90,
    /// Turned by 180 degrees.
    Rotate180,
    /// Turned by 270 degrees counter-clockwise, which is 90 clockwise.
    Rotate270,
    /// Top and bottom change places; left stays left.
    FlipX,
    /// Left and right change places, as in a mirror; top stays top.
    FlipY,
}

impl Alteration {
    /// One of each kind, and several of those that have degrees, in the order used by reports.
    pub const STANDARD: [Self; 24] = [
        Self::Jpeg { quality: 90 },
        Self::Jpeg { quality: 70 },
        Self::Jpeg { quality: 50 },
        Self::Png,
        Self::Gif,
        Self::WebP,
        Self::Bmp,
        Self::Tiff,
        Self::Resize { percent: 150 },
        Self::Resize { percent: 75 },
        Self::Resize { percent: 50 },
        Self::Blur,
        Self::Sharpen,
        Self::Brightness { percent: 8 },
        Self::Brightness { percent: -8 },
        Self::Contrast { percent: 15 },
        Self::Contrast { percent: -15 },
        Self::Noise { amplitude: 6 },
        Self::Watermark,
        Self::Rotate90,
        Self::Rotate180,
        Self::Rotate270,
        Self::FlipX,
        Self::FlipY,
    ];

    /// Returns the stable name, for example `rotate90`, `jpeg-70`, `brightness+8` or `contrast-15`.
    pub fn name(self) -> String {
        match self {
            Self::Jpeg { quality } => format!("jpeg-{quality}"),
            Self::Png => "png".to_owned(),
            Self::Gif => "gif".to_owned(),
            Self::WebP => "webp".to_owned(),
            Self::Bmp => "bmp".to_owned(),
            Self::Tiff => "tiff".to_owned(),
            Self::Resize { percent } => format!("resize-{percent}"),
            Self::Blur => "blur".to_owned(),
            Self::Sharpen => "sharpen".to_owned(),
            Self::Brightness { percent } => format!("brightness{percent:+}"),
            Self::Contrast { percent } => format!("contrast{percent:+}"),
            Self::Noise { amplitude } => format!("noise-{amplitude}"),
            Self::Watermark => "watermark".to_owned(),
            Self::Rotate90 => "rotate90".to_owned(),
            Self::Rotate180 => "rotate180".to_owned(),
            Self::Rotate270 => "rotate270".to_owned(),
            Self::FlipX => "flip_x".to_owned(),
            Self::FlipY => "flip_y".to_owned(),
        }
    }

    /// Returns the format of the file that [`altered_file`] makes: the one named, or PNG.
    pub const fn file_format(self) -> FileFormat {
        match self {
            Self::Jpeg { quality } => FileFormat::Jpeg { quality },
            Self::Gif => FileFormat::Gif,
            Self::WebP => FileFormat::WebP,
            Self::Bmp => FileFormat::Bmp,
            Self::Tiff => FileFormat::Tiff,
            _ => FileFormat::Png,
        }
    }

    /// Returns whether the alteration is that of being saved in a format.
    pub const fn is_format_change(self) -> bool {
        matches!(
            self,
            Self::Jpeg { .. } | Self::Png | Self::Gif | Self::WebP | Self::Bmp | Self::Tiff
        )
    }
}

/// Returns the altered picture, in the layout of the original.
///
/// A change of format gives the pixels that are read back from such a file. The seed counts for
/// [`Alteration::Noise`] and [`Alteration::Watermark`] only. Same picture and seed, same pixels, except that those of
/// JPEG and GIF are their codecs' own and may change with a version of these. O(width * height).
///
/// # Errors
/// [`EncodeError::SideTooLong`] when a format cannot state the picture's size.
///
/// # Panics
/// When a resized picture would be larger than memory.
pub fn alter(
    picture: &PixelBuffer,
    alteration: Alteration,
    seed: u64,
) -> Result<PixelBuffer, EncodeError> {
    let altered = match alteration {
        Alteration::Jpeg { .. }
        | Alteration::Png
        | Alteration::Gif
        | Alteration::WebP
        | Alteration::Bmp
        | Alteration::Tiff => return round_trip(picture, alteration.file_format()),
        Alteration::Resize { percent } => resized(picture, percent),
        Alteration::Blur => softened(&softened(picture)),
        Alteration::Sharpen => sharpened(picture),
        Alteration::Brightness { percent } => {
            let step = i32::from(percent) * 255 / 100;
            mapped(picture, |sample| i32::from(sample) + step)
        }
        Alteration::Contrast { percent } => {
            let factor = (100 + i32::from(percent)).max(0);
            mapped(picture, |sample| {
                (i32::from(sample) - 128) * factor / 100 + 128
            })
        }
        Alteration::Noise { amplitude } => noisy(picture, amplitude, seed),
        Alteration::Watermark => watermarked(picture, seed),
        Alteration::Rotate90 => turned(picture, true, |x, y, width, _| (width - 1 - y, x)),
        Alteration::Rotate180 => turned(picture, false, |x, y, width, height| {
            (width - 1 - x, height - 1 - y)
        }),
        Alteration::Rotate270 => turned(picture, true, |x, y, _, height| (y, height - 1 - x)),
        Alteration::FlipX => turned(picture, false, |x, y, _, height| (x, height - 1 - y)),
        Alteration::FlipY => turned(picture, false, |x, y, width, _| (width - 1 - x, y)),
    };
    Ok(altered)
}

/// Returns the altered picture as a file: of the alteration's own format, or PNG.
///
/// # Errors
/// [`EncodeError::SideTooLong`] when that format cannot state the picture's size.
///
/// # Panics
/// As [`alter`].
pub fn altered_file(
    picture: &PixelBuffer,
    alteration: Alteration,
    seed: u64,
) -> Result<Vec<u8>, EncodeError> {
    let format = alteration.file_format();
    if alteration.is_format_change() {
        // Not by way of `alter`: that would save it twice.
        encode(picture, format)
    } else {
        encode(&alter(picture, alteration, seed)?, format)
    }
}

/// How many samples of a pixel are light, not alpha.
fn light_samples(format: PixelFormat) -> usize {
    match format {
        PixelFormat::Luma8 | PixelFormat::LumaAlpha8 => 1,
        PixelFormat::Rgb8 | PixelFormat::Rgba8 => 3,
    }
}

/// A copy of the picture with other bytes of the same shape.
fn with_bytes(picture: &PixelBuffer, bytes: Vec<u8>) -> PixelBuffer {
    assembled(picture.format(), picture.width(), picture.height(), bytes)
}

/// Every light sample through a function, clamped.
fn mapped(picture: &PixelBuffer, mut change: impl FnMut(u8) -> i32) -> PixelBuffer {
    let mut bytes = picture.as_bytes().to_vec();
    let light = light_samples(picture.format());
    for pixel in bytes.chunks_exact_mut(picture.format().bytes_per_pixel()) {
        for sample in &mut pixel[..light] {
            *sample = change(*sample).clamp(0, 255) as u8;
        }
    }
    with_bytes(picture, bytes)
}

fn noisy(picture: &PixelBuffer, amplitude: u8, seed: u64) -> PixelBuffer {
    let mut random = Random::new(seed, NOISE_PURPOSE);
    let amplitude = i64::from(amplitude);
    mapped(picture, |sample| {
        let step = random.between(-amplitude, amplitude);
        i32::from(sample) + i32::try_from(step).unwrap_or(0)
    })
}

/// The 3x3 binomial filter (1 2 1 by 1 2 1, by 16, rounded), with the edge repeated.
fn softened(picture: &PixelBuffer) -> PixelBuffer {
    let format = picture.format();
    let (step, light) = (format.bytes_per_pixel(), light_samples(format));
    let pixels = picture.as_pixels();
    let last_row = pixels.rows().len() - 1;
    let mut bytes = picture.as_bytes().to_vec();
    // One pixel is repeated beyond each end of the row of vertical sums.
    let mut sums: Vec<u16> = Vec::new();
    for (y, row) in bytes
        .chunks_exact_mut(picture.width() as usize * step)
        .enumerate()
    {
        let above = pixels.row(y.saturating_sub(1));
        let here = pixels.row(y);
        let below = pixels.row((y + 1).min(last_row));
        let column =
            |at: usize| u16::from(above[at]) + 2 * u16::from(here[at]) + u16::from(below[at]);
        sums.clear();
        sums.extend((0..step).map(column));
        sums.extend((0..here.len()).map(column));
        sums.extend((here.len() - step..here.len()).map(column));
        for (x, pixel) in row.chunks_exact_mut(step).enumerate() {
            for (channel, sample) in pixel[..light].iter_mut().enumerate() {
                let at = x * step + channel;
                let sum = sums[at] + 2 * sums[at + step] + sums[at + 2 * step];
                *sample = ((sum + 8) >> 4).min(255) as u8;
            }
        }
    }
    with_bytes(picture, bytes)
}

fn sharpened(picture: &PixelBuffer) -> PixelBuffer {
    let soft = softened(picture);
    // Alpha is the same in both, and so stays.
    let bytes = picture
        .as_bytes()
        .iter()
        .zip(soft.as_bytes())
        .map(|(&sharp, &soft)| {
            let (sharp, soft) = (i32::from(sharp), i32::from(soft));
            (sharp + (sharp - soft) / 2).clamp(0, 255) as u8
        })
        .collect();
    with_bytes(picture, bytes)
}

/// Every pixel of the result from the place in the original that `source` tells.
///
/// `source(x, y, width, height)` takes a place in the result and the size of the original.
fn turned(
    picture: &PixelBuffer,
    sides_change_places: bool,
    source: impl Fn(usize, usize, usize, usize) -> (usize, usize),
) -> PixelBuffer {
    let step = picture.format().bytes_per_pixel();
    let (old_width, old_height) = (picture.width(), picture.height());
    let (width, height) = if sides_change_places {
        (old_height, old_width)
    } else {
        (old_width, old_height)
    };
    let old = picture.as_bytes();
    let mut bytes = Vec::with_capacity(old.len());
    for y in 0..height as usize {
        for x in 0..width as usize {
            let (from_x, from_y) = source(x, y, old_width as usize, old_height as usize);
            let at = (from_y * old_width as usize + from_x) * step;
            bytes.extend_from_slice(&old[at..at + step]);
        }
    }
    assembled(picture.format(), width, height, bytes)
}

fn resized(picture: &PixelBuffer, percent: u16) -> PixelBuffer {
    let scaled = |side: u32| {
        let length = u64::from(side) * u64::from(percent) / 100;
        u32::try_from(length).unwrap_or(u32::MAX).max(1)
    };
    let (width, height) = (scaled(picture.width()), scaled(picture.height()));
    let bytes = match picture.format() {
        PixelFormat::Luma8 => resampled::<Luma<u8>>(picture, width, height),
        PixelFormat::LumaAlpha8 => resampled::<LumaA<u8>>(picture, width, height),
        PixelFormat::Rgb8 => resampled::<Rgb<u8>>(picture, width, height),
        PixelFormat::Rgba8 => resampled::<Rgba<u8>>(picture, width, height),
    };
    assembled(picture.format(), width, height, bytes)
}

fn resampled<P: Pixel<Subpixel = u8> + 'static>(
    picture: &PixelBuffer,
    width: u32,
    height: u32,
) -> Vec<u8> {
    let view =
        ImageBuffer::<P, &[u8]>::from_raw(picture.width(), picture.height(), picture.as_bytes())
            .expect("the picture has its own shape");
    // The one filter of the crate whose weights are sums and products only, and so the same on every machine.
    imageops::resize(&view, width, height, FilterType::Triangle).into_raw()
}

/// A line of glyphs in the lower right, a quarter of the picture wide, as light as half-transparent white.
fn watermarked(picture: &PixelBuffer, seed: u64) -> PixelBuffer {
    let mut random = Random::new(seed, WATERMARK_PURPOSE);
    let (width, height) = (picture.width(), picture.height());
    let mut mask = Canvas::new(width, height, false);
    let cell = (mask.side() / 160).max(1);
    let right = i64::from(width) - 4 * cell;
    let left = right - i64::from(width) / 4;
    let top = i64::from(height) - 9 * cell;
    text_line(&mut mask, &mut random, (left, right, top), cell, [255; 3]);
    let step = picture.format().bytes_per_pixel();
    let light = light_samples(picture.format());
    let mut bytes = picture.as_bytes().to_vec();
    for (pixel, &marked) in bytes.chunks_exact_mut(step).zip(&mask.bytes) {
        if marked != 0 {
            for sample in &mut pixel[..light] {
                *sample = 128 + *sample / 2;
            }
        }
    }
    with_bytes(picture, bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::synthetic::{Scene, picture};

    fn small(format: PixelFormat) -> PixelBuffer {
        picture(Scene::DeadLeaves, 3, 23, 14, format)
    }

    fn two_by_three() -> PixelBuffer {
        assembled(PixelFormat::Luma8, 2, 3, vec![1, 2, 3, 4, 5, 6])
    }

    #[test]
    fn turns_and_flips_go_the_way_pdq_names_them() {
        let turn = |alteration| {
            let turned = alter(&two_by_three(), alteration, 0).unwrap();
            (turned.width(), turned.into_bytes())
        };
        assert_eq!(turn(Alteration::Rotate90), (3, vec![2, 4, 6, 1, 3, 5]));
        assert_eq!(turn(Alteration::Rotate180), (2, vec![6, 5, 4, 3, 2, 1]));
        assert_eq!(turn(Alteration::Rotate270), (3, vec![5, 3, 1, 6, 4, 2]));
        assert_eq!(turn(Alteration::FlipX), (2, vec![5, 6, 3, 4, 1, 2]));
        assert_eq!(turn(Alteration::FlipY), (2, vec![2, 1, 4, 3, 6, 5]));
    }

    #[test]
    fn four_quarter_turns_are_none() {
        let original = small(PixelFormat::Rgba8);
        let mut turned = original.clone();
        for _ in 0..4 {
            turned = alter(&turned, Alteration::Rotate90, 0).unwrap();
        }
        assert_eq!(turned, original);
    }

    #[test]
    fn alpha_is_left_as_it_was() {
        for format in [PixelFormat::LumaAlpha8, PixelFormat::Rgba8] {
            let step = format.bytes_per_pixel();
            for alteration in Alteration::STANDARD {
                let altered = alter(&small(format), alteration, 9).unwrap();
                let opaque = |pixel: &[u8]| pixel[step - 1] == 255;
                assert!(
                    altered.as_bytes().chunks_exact(step).all(opaque),
                    "{} {format:?}",
                    alteration.name()
                );
            }
        }
    }

    #[test]
    fn a_blur_leaves_one_colour_alone_and_spreads_a_point() {
        let flat = assembled(PixelFormat::Luma8, 3, 3, vec![77; 9]);
        assert_eq!(softened(&flat), flat);
        assert_eq!(sharpened(&flat), flat);
        let mut point = vec![0; 25];
        point[12] = 160;
        let point = assembled(PixelFormat::Luma8, 5, 5, point);
        let soft = softened(&point);
        assert_eq!(soft.as_pixels().row(1), [0, 10, 20, 10, 0]);
        assert_eq!(soft.as_pixels().row(2), [0, 20, 40, 20, 0]);
    }

    #[test]
    fn brightness_and_contrast_stop_at_the_ends_of_the_range() {
        let ends = assembled(PixelFormat::Luma8, 3, 1, vec![0, 128, 255]);
        let bytes = |alteration| alter(&ends, alteration, 0).unwrap().into_bytes();
        assert_eq!(
            bytes(Alteration::Brightness { percent: 20 }),
            [51, 179, 255]
        );
        assert_eq!(bytes(Alteration::Brightness { percent: -128 }), [0, 0, 0]);
        assert_eq!(bytes(Alteration::Contrast { percent: 50 }), [0, 128, 255]);
        assert_eq!(bytes(Alteration::Contrast { percent: -128 }), [128; 3]);
    }

    #[test]
    fn every_alteration_but_a_lossless_one_changes_pixels_and_the_seed_decides_how() {
        let original = picture(Scene::OneOverF, 8, 200, 150, PixelFormat::Rgb8);
        for alteration in Alteration::STANDARD {
            let altered = alter(&original, alteration, 1).unwrap();
            let lossless = alteration.is_format_change() && alteration.file_format().is_lossless();
            assert_eq!(altered == original, lossless, "{}", alteration.name());
            assert_eq!(altered, alter(&original, alteration, 1).unwrap());
            let seeded = matches!(alteration, Alteration::Noise { .. } | Alteration::Watermark);
            let other = alter(&original, alteration, 2).unwrap();
            assert_eq!(altered != other, seeded, "{}", alteration.name());
        }
    }

    #[test]
    fn names_are_unique() {
        let mut names: Vec<_> = Alteration::STANDARD.map(Alteration::name).to_vec();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), Alteration::STANDARD.len());
    }
}
