//! Pictures into files: the counterpart, for demos and tests, of the library's decoding.
//!
//! Beside decoding, this is the only room that sees the `image` crate, and none of its types leaves it.

use std::borrow::Cow;
use std::fmt;
use std::io::Cursor;

use image::codecs::bmp::BmpEncoder;
use image::codecs::gif::{GifEncoder, Repeat};
use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::PngEncoder;
use image::codecs::tiff::TiffEncoder;
use image::codecs::webp::WebPEncoder;
use image::{Delay, DynamicImage, ExtendedColorType, Frame, ImageEncoder, ImageResult, RgbaImage};

use super::assembled;
use crate::pixels::{PixelBuffer, PixelFormat};

/// The GIF quantiser looks at one pixel in this many: ten times as fast as all of them, and hardly worse.
const GIF_SPEED: i32 = 10;

/// How long each frame of an animation is shown.
const FRAME_MILLISECONDS: u32 = 100;

/// A file format that pictures are written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FileFormat {
    /// Baseline JPEG. Alpha is dropped.
    Jpeg {
        /// 1 (small) to 100 (fine); values outside are taken as the nearest.
        quality: u8,
    },
    /// PNG: lossless.
    Png,
    /// GIF: 256 colours chosen for the picture.
    Gif,
    /// WebP in its lossless form.
    WebP,
    /// BMP: lossless.
    Bmp,
    /// TIFF, uncompressed: lossless. Luma with alpha is written as colour with alpha.
    Tiff,
}

impl FileFormat {
    /// One of each format, in the order used by files and reports.
    pub const ALL: [Self; 6] = [
        Self::Jpeg { quality: 85 },
        Self::Png,
        Self::Gif,
        Self::WebP,
        Self::Bmp,
        Self::Tiff,
    ];

    /// Returns the stable lower-case name, for example `jpeg`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Jpeg { .. } => "jpeg",
            Self::Png => "png",
            Self::Gif => "gif",
            Self::WebP => "webp",
            Self::Bmp => "bmp",
            Self::Tiff => "tiff",
        }
    }

    /// Returns the usual ending of file names, without the dot.
    pub const fn extension(self) -> &'static str {
        match self {
            Self::Jpeg { .. } => "jpg",
            Self::Tiff => "tif",
            _ => self.name(),
        }
    }

    /// Returns whether decoding gives back the pixels that were encoded (without alpha, for some formats).
    pub const fn is_lossless(self) -> bool {
        !matches!(self, Self::Jpeg { .. } | Self::Gif)
    }

    /// The longest side that the format's own fields can state, where that is less than PNG's.
    const fn longest_side(self) -> u32 {
        match self {
            Self::Jpeg { .. } | Self::Gif => 65_535,
            Self::WebP => 16_384,
            Self::Png | Self::Bmp | Self::Tiff => i32::MAX.unsigned_abs(),
        }
    }
}

/// A file format that holds several pictures to be shown one after another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AnimationFormat {
    /// GIF, repeated for ever, ten frames a second.
    Gif,
}

/// Why a picture could not be written in a format.
#[derive(Debug)]
#[non_exhaustive]
pub enum EncodeError {
    /// A side is longer than the format allows.
    SideTooLong {
        /// The format asked for.
        format: FileFormat,
        /// The picture's width, in pixels.
        width: u32,
        /// The picture's height, in pixels.
        height: u32,
        /// The longest side that the format allows.
        limit: u32,
    },
    /// An animation without frames was asked for.
    NoFrames,
    /// A frame differs in size from the first.
    FrameSize {
        /// The number of the frame, counted from 0.
        frame: usize,
        /// The first frame's width and height.
        expected: (u32, u32),
        /// This frame's width and height.
        found: (u32, u32),
    },
    /// The codec refused a picture that this module took to be within its bounds.
    Codec {
        /// The format asked for.
        format: FileFormat,
        /// What the codec said.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl fmt::Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SideTooLong {
                format,
                width,
                height,
                limit,
            } => write!(
                f,
                "a picture of {width}x{height} pixels cannot be written as {}: its longest side is {limit}",
                format.name()
            ),
            Self::NoFrames => write!(f, "an animation needs at least one frame"),
            Self::FrameSize {
                frame,
                expected,
                found,
            } => write!(
                f,
                "frame {frame} is {}x{} pixels but the first frame is {}x{}",
                found.0, found.1, expected.0, expected.1
            ),
            Self::Codec { format, .. } => write!(f, "the {} encoder failed", format.name()),
        }
    }
}

impl std::error::Error for EncodeError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Codec { source, .. } => Some(&**source),
            _ => None,
        }
    }
}

/// Returns a file of this format that shows the picture.
///
/// The bytes depend on the version of the encoder, so they are not for pinning; those of lossless formats decode to the
/// same pixels always. GIF is slow: its palette is chosen anew for every picture.
///
/// # Errors
/// [`EncodeError::SideTooLong`] when the format cannot state the picture's size.
pub fn encode(picture: &PixelBuffer, format: FileFormat) -> Result<Vec<u8>, EncodeError> {
    check_sides(picture, format)?;
    let (bytes, colour) = samples_for(picture, format);
    let (width, height) = (picture.width(), picture.height());
    let mut file = Vec::new();
    let written = match format {
        FileFormat::Jpeg { quality } => {
            JpegEncoder::new_with_quality(&mut file, quality.clamp(1, 100))
                .write_image(&bytes, width, height, colour)
        }
        FileFormat::Png => PngEncoder::new(&mut file).write_image(&bytes, width, height, colour),
        FileFormat::Gif => {
            GifEncoder::new_with_speed(&mut file, GIF_SPEED).encode(&bytes, width, height, colour)
        }
        FileFormat::WebP => {
            WebPEncoder::new_lossless(&mut file).write_image(&bytes, width, height, colour)
        }
        FileFormat::Bmp => BmpEncoder::new(&mut file).write_image(&bytes, width, height, colour),
        FileFormat::Tiff => {
            TiffEncoder::new(Cursor::new(&mut file)).write_image(&bytes, width, height, colour)
        }
    };
    checked(written, format)?;
    Ok(file)
}

/// Returns an animation of these frames, in order.
///
/// # Errors
/// [`EncodeError::NoFrames`], [`EncodeError::FrameSize`] when they are not of one size, and
/// [`EncodeError::SideTooLong`].
pub fn encode_animation(
    frames: &[PixelBuffer],
    format: AnimationFormat,
) -> Result<Vec<u8>, EncodeError> {
    let AnimationFormat::Gif = format;
    let format = FileFormat::Gif;
    let size = |frame: &PixelBuffer| (frame.width(), frame.height());
    let first = frames.first().ok_or(EncodeError::NoFrames)?;
    check_sides(first, format)?;
    let mut file = Vec::new();
    let mut encoder = GifEncoder::new_with_speed(&mut file, GIF_SPEED);
    checked(encoder.set_repeat(Repeat::Infinite), format)?;
    for (number, frame) in frames.iter().enumerate() {
        if size(frame) != size(first) {
            return Err(EncodeError::FrameSize {
                frame: number,
                expected: size(first),
                found: size(frame),
            });
        }
        let bytes = relaid(frame, PixelFormat::Rgba8).into_owned();
        let pixels = RgbaImage::from_raw(frame.width(), frame.height(), bytes)
            .expect("four bytes a pixel were laid out");
        let delay = Delay::from_numer_denom_ms(FRAME_MILLISECONDS, 1);
        let frame = Frame::from_parts(pixels, 0, 0, delay);
        checked(encoder.encode_frame(frame), format)?;
    }
    drop(encoder);
    Ok(file)
}

/// Returns what is left of a picture after it was written in a format and read again, in its own layout.
pub(super) fn round_trip(
    picture: &PixelBuffer,
    format: FileFormat,
) -> Result<PixelBuffer, EncodeError> {
    if format.is_lossless() {
        return Ok(picture.clone());
    }
    let file = encode(picture, format)?;
    let decoded = checked(image::load_from_memory(&file), format)?;
    let read = from_decoded(decoded, picture.format());
    Ok(assembled(
        picture.format(),
        picture.width(),
        picture.height(),
        read,
    ))
}

/// The samples of a decoded picture in the layout asked for.
fn from_decoded(decoded: DynamicImage, format: PixelFormat) -> Vec<u8> {
    match format {
        PixelFormat::Luma8 => decoded.into_luma8().into_raw(),
        PixelFormat::LumaAlpha8 => decoded.into_luma_alpha8().into_raw(),
        PixelFormat::Rgb8 => decoded.into_rgb8().into_raw(),
        PixelFormat::Rgba8 => decoded.into_rgba8().into_raw(),
    }
}

fn check_sides(picture: &PixelBuffer, format: FileFormat) -> Result<(), EncodeError> {
    let (width, height, limit) = (picture.width(), picture.height(), format.longest_side());
    if width.max(height) > limit {
        return Err(EncodeError::SideTooLong {
            format,
            width,
            height,
            limit,
        });
    }
    Ok(())
}

fn checked<T>(result: ImageResult<T>, format: FileFormat) -> Result<T, EncodeError> {
    result.map_err(|error| EncodeError::Codec {
        format,
        source: Box::new(error),
    })
}

/// The samples in the layout that the format's encoder takes, and that layout's name there.
fn samples_for(picture: &PixelBuffer, format: FileFormat) -> (Cow<'_, [u8]>, ExtendedColorType) {
    let own = picture.format();
    let taken = match (format, own) {
        (FileFormat::Jpeg { .. }, PixelFormat::LumaAlpha8) => PixelFormat::Luma8,
        (FileFormat::Jpeg { .. }, PixelFormat::Rgba8) => PixelFormat::Rgb8,
        (FileFormat::Gif, PixelFormat::Luma8) => PixelFormat::Rgb8,
        (FileFormat::Gif | FileFormat::Tiff, PixelFormat::LumaAlpha8) => PixelFormat::Rgba8,
        _ => own,
    };
    let colour = match taken {
        PixelFormat::Luma8 => ExtendedColorType::L8,
        PixelFormat::LumaAlpha8 => ExtendedColorType::La8,
        PixelFormat::Rgb8 => ExtendedColorType::Rgb8,
        PixelFormat::Rgba8 => ExtendedColorType::Rgba8,
    };
    (relaid(picture, taken), colour)
}

/// The samples in another layout: alpha dropped or made opaque, luma repeated. Colour is never asked to become luma.
fn relaid(picture: &PixelBuffer, format: PixelFormat) -> Cow<'_, [u8]> {
    if picture.format() == format {
        return Cow::Borrowed(picture.as_bytes());
    }
    let wide = picture
        .as_bytes()
        .chunks_exact(picture.format().bytes_per_pixel())
        .map(|pixel| match *pixel {
            [luma] => [luma, luma, luma, 255],
            [luma, alpha] => [luma, luma, luma, alpha],
            [red, green, blue] => [red, green, blue, 255],
            [red, green, blue, alpha, ..] => [red, green, blue, alpha],
            [] => [0, 0, 0, 255],
        });
    Cow::Owned(match format {
        PixelFormat::Luma8 => wide.map(|[luma, ..]| luma).collect(),
        PixelFormat::LumaAlpha8 => wide.flat_map(|[luma, .., alpha]| [luma, alpha]).collect(),
        PixelFormat::Rgb8 => wide.flat_map(|[r, g, b, _]| [r, g, b]).collect(),
        PixelFormat::Rgba8 => wide.flatten().collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::synthetic::{Scene, picture};

    const LAYOUTS: [PixelFormat; 4] = [
        PixelFormat::Luma8,
        PixelFormat::LumaAlpha8,
        PixelFormat::Rgb8,
        PixelFormat::Rgba8,
    ];

    #[test]
    fn lossless_files_decode_to_the_very_pixels() {
        for layout in LAYOUTS {
            let original = picture(Scene::DeadLeaves, 5, 31, 17, layout);
            for format in FileFormat::ALL.into_iter().filter(|f| f.is_lossless()) {
                let file = encode(&original, format).unwrap();
                let decoded = image::load_from_memory(&file).unwrap();
                assert_eq!(
                    from_decoded(decoded, layout),
                    original.as_bytes(),
                    "{format:?} {layout:?}"
                );
            }
        }
    }

    #[test]
    fn lossy_files_keep_the_size_and_come_close() {
        for layout in LAYOUTS {
            let original = picture(Scene::OneOverF, 5, 65, 47, layout);
            for format in [FileFormat::Jpeg { quality: 95 }, FileFormat::Gif] {
                let again = round_trip(&original, format).unwrap();
                let total: u64 = again
                    .as_bytes()
                    .iter()
                    .zip(original.as_bytes())
                    .map(|(&a, &b)| u64::from(a.abs_diff(b)))
                    .sum();
                let mean = total / original.as_bytes().len() as u64;
                assert!(mean < 12, "{format:?} {layout:?}: {mean}");
            }
        }
    }

    #[test]
    fn a_side_that_the_format_cannot_state_is_refused_with_its_limit() {
        let long = picture(Scene::Flat, 1, 16_385, 1, PixelFormat::Luma8);
        assert!(matches!(
            encode(&long, FileFormat::WebP).unwrap_err(),
            EncodeError::SideTooLong {
                limit: 16_384,
                width: 16_385,
                ..
            }
        ));
        let longer = picture(Scene::Flat, 1, 1, 65_536, PixelFormat::Luma8);
        for format in [FileFormat::Gif, FileFormat::Jpeg { quality: 50 }] {
            assert!(matches!(
                encode(&longer, format).unwrap_err(),
                EncodeError::SideTooLong { limit: 65_535, .. }
            ));
        }
        assert!(encode(&longer, FileFormat::Png).is_ok());
    }

    #[test]
    fn an_animation_holds_every_frame() {
        use image::AnimationDecoder;
        let frames =
            [1, 2, 3].map(|seed| picture(Scene::DeadLeaves, seed, 40, 30, PixelFormat::Rgb8));
        let file = encode_animation(&frames, AnimationFormat::Gif).unwrap();
        let decoder = image::codecs::gif::GifDecoder::new(Cursor::new(&file)).unwrap();
        assert_eq!(decoder.into_frames().count(), 3);
    }

    #[test]
    fn frames_of_two_sizes_are_refused() {
        let frames = [30, 31].map(|height| picture(Scene::Flat, 1, 40, height, PixelFormat::Luma8));
        assert!(matches!(
            encode_animation(&frames, AnimationFormat::Gif).unwrap_err(),
            EncodeError::FrameSize {
                frame: 1,
                expected: (40, 30),
                found: (40, 31)
            }
        ));
        assert!(matches!(
            encode_animation(&[], AnimationFormat::Gif).unwrap_err(),
            EncodeError::NoFrames
        ));
    }
}
