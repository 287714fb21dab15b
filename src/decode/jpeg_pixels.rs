//! One JPEG picture to pixels, through `zune-jpeg`. No other module names that crate.
//!
//! It is the decoder that `image` wraps, called as `image` calls it, so every bit is the same; a test compares the two.
//! The wrapper copies the file and reads its head twice, and cannot hand out luma alone; that is why it is left out.

use zune_core::bytestream::ZCursor;
use zune_core::colorspace::ColorSpace;
use zune_core::options::DecoderOptions;
use zune_jpeg::JpegDecoder;
use zune_jpeg::errors::DecodeErrors;

use super::error::{DecodeError, without_file_bytes};
use super::options::Limits;
use super::sniff::ImageFormat;
use super::still::{Decoded, make_room};
use crate::pixels::PixelFormat;

/// Decodes the picture of `file` into `out`, whose memory is used again.
///
/// A file in whose scan stands what cannot stand there is decoded as far as the decoder can make something of it, as
/// viewers do, and is said to be damaged. A scan that ends before its picture with an end marker is not noticed: the decoder
/// takes what is missing for zeros, strict or not.
///
/// With `luma`, which the markers must allow, a YCbCr picture gives its stored luma as [`PixelFormat::Luma8`]. All other
/// colours, and all colours without `luma`, give what `image` gives: grey as luma, everything else as RGB.
///
/// The caller guards against panics.
///
/// # Errors
/// [`DecodeError`] when the decoder refuses the file or the picture is not of the shape its head was read to have.
pub(super) fn decode(
    file: &[u8],
    shape: (u32, u32),
    luma: bool,
    limits: &Limits,
    out: &mut Vec<u8>,
) -> Result<Decoded, DecodeError> {
    let refused = match attempt(file, shape, luma, limits, true, out) {
        Ok(format) => {
            return Ok(Decoded {
                format,
                damage: None,
            });
        }
        Err(refused) => refused,
    };
    let format = attempt(file, shape, luma, limits, false, out).map_err(Refused::into_error)?;
    let damage = match refused {
        Refused::StrayBytes => None,
        Refused::Otherwise(damage) => Some(damage),
    };
    Ok(Decoded { format, damage })
}

/// Why a file was refused.
enum Refused {
    /// For bytes between the segments of its head, which belong to nothing and harm nothing, if that was asked.
    StrayBytes,
    Otherwise(DecodeError),
}

impl Refused {
    fn of(error: DecodeErrors) -> Self {
        match error {
            // The only refusal that the decoder words so; a test sees to it that it still does.
            DecodeErrors::FormatStatic(text) if text.starts_with("[strict-mode]") => {
                Self::StrayBytes
            }
            error => Self::Otherwise(refusal(error)),
        }
    }

    fn into_error(self) -> DecodeError {
        match self {
            Self::StrayBytes => {
                DecodeError::malformed(ImageFormat::Jpeg, "bytes between its segments")
            }
            Self::Otherwise(error) => error,
        }
    }
}

impl From<DecodeError> for Refused {
    fn from(error: DecodeError) -> Self {
        Self::Otherwise(error)
    }
}

/// Decodes the picture, or refuses whatever is not as it should be if that is asked.
fn attempt(
    file: &[u8],
    shape: (u32, u32),
    luma: bool,
    limits: &Limits,
    strict: bool,
    out: &mut Vec<u8>,
) -> Result<PixelFormat, Refused> {
    let (width, height) = (shape.0 as usize, shape.1 as usize);
    let options = DecoderOptions::default()
        .set_strict_mode(strict)
        .set_max_width(width)
        .set_max_height(height);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(file), options);
    decoder.decode_headers().map_err(Refused::of)?;
    if decoder.dimensions() != Some((width, height)) {
        let reason = "the decoder and the header disagree on its shape";
        return Err(DecodeError::malformed(ImageFormat::Jpeg, reason).into());
    }
    let (target, format) = match decoder.input_colorspace() {
        Some(ColorSpace::Luma) => (ColorSpace::Luma, PixelFormat::Luma8),
        Some(ColorSpace::YCbCr) if luma => (ColorSpace::Luma, PixelFormat::Luma8),
        _ => (ColorSpace::RGB, PixelFormat::Rgb8),
    };
    decoder.set_options(options.jpeg_set_out_colorspace(target));
    let total = u64::from(shape.0) * u64::from(shape.1) * format.bytes_per_pixel() as u64;
    // The decoder leaves out rows of some damaged files. They are black, never rows of the picture before; clearing
    // takes under a fiftieth of the time of decoding.
    make_room(out, total, limits)?;
    decoder.decode_into(out).map_err(Refused::of)?;
    Ok(format)
}

/// Translates the decoder's error. The file is known to have its end, so nothing here is a truncation.
fn refusal(error: DecodeErrors) -> DecodeError {
    let reason = without_file_bytes(&error.to_string());
    match error {
        DecodeErrors::Unsupported(_) => DecodeError::unsupported(format!("jpeg: {reason}")),
        _ => DecodeError::malformed(ImageFormat::Jpeg, reason),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use image::ImageDecoder;
    use jpeg_encoder::{ColorType, Encoder, SamplingFactor};

    use super::*;
    use crate::decode::{jpeg, still};

    const SAMPLINGS: [SamplingFactor; 10] = [
        SamplingFactor::F_1_1,
        SamplingFactor::F_2_1,
        SamplingFactor::F_1_2,
        SamplingFactor::F_2_2,
        SamplingFactor::F_4_1,
        SamplingFactor::F_4_2,
        SamplingFactor::F_1_4,
        SamplingFactor::F_2_4,
        SamplingFactor::R_4_2_0,
        SamplingFactor::R_4_2_2,
    ];

    /// Edges, slopes and some noise, in `channels` of their own: all kinds of blocks.
    fn samples(width: u16, height: u16, channels: u32) -> Vec<u8> {
        let mut noise = u32::from(width) * 7919 + u32::from(height);
        let mut samples = Vec::new();
        for y in 0..u32::from(height) {
            for x in 0..u32::from(width) {
                for channel in 0..channels {
                    noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    let edge = u32::from((x / 9 + y / 13 + channel) % 3 == 0) * 150;
                    let slope = (x * (channel + 1) + y * 3) % 97;
                    samples.push((edge + slope + (noise >> 29)).min(255) as u8);
                }
            }
        }
        samples
    }

    fn jpeg(
        shape: (u16, u16),
        colour: ColorType,
        how: impl Fn(&mut Encoder<&mut Vec<u8>>),
    ) -> Vec<u8> {
        let channels = match colour {
            ColorType::Luma => 1,
            ColorType::Rgb | ColorType::Ycbcr => 3,
            _ => 4,
        };
        let mut file = Vec::new();
        let mut encoder = Encoder::new(&mut file, 80);
        how(&mut encoder);
        let samples = samples(shape.0, shape.1, channels);
        encoder.encode(&samples, shape.0, shape.1, colour).unwrap();
        file
    }

    /// What `image` makes of a file, or that it refuses it.
    fn by_image(file: &[u8]) -> Option<Vec<u8>> {
        let decode = || {
            let decoder = image::codecs::jpeg::JpegDecoder::new(Cursor::new(file)).ok()?;
            let mut pixels = vec![0; usize::try_from(decoder.total_bytes()).ok()?];
            decoder.read_image(&mut pixels).ok()?;
            Some(pixels)
        };
        std::panic::catch_unwind(decode).ok()?
    }

    /// What this module makes of it, in a buffer that holds another picture.
    fn by_us(file: &[u8], luma: bool) -> Option<(PixelFormat, Vec<u8>)> {
        let limits = Limits::default();
        let layout = jpeg::scan(file, &limits).ok()?;
        let mut pixels = vec![99; 1 << 16];
        let luma = luma && layout.luma;
        let shape = (layout.width, layout.height);
        let decoded =
            still::decode(ImageFormat::Jpeg, file, shape, luma, &limits, &mut pixels).ok()?;
        Some((decoded.format, pixels))
    }

    /// The first component of a YCbCr file, by another path of the decoder.
    fn first_component(file: &[u8]) -> Vec<u8> {
        let options = DecoderOptions::default().jpeg_set_out_colorspace(ColorSpace::YCbCr);
        let mut decoder = JpegDecoder::new_with_options(ZCursor::new(file), options);
        let pixels = decoder.decode().unwrap();
        pixels.chunks_exact(3).map(|pixel| pixel[0]).collect()
    }

    /// Every kind of file that the encoder writes, at sizes around those of blocks.
    fn for_each_file(mut look: impl FnMut(&str, &[u8])) {
        let sizes = [
            (1, 1),
            (7, 5),
            (8, 8),
            (16, 17),
            (31, 33),
            (64, 48),
            (100, 75),
        ];
        let colours = [
            ColorType::Luma,
            ColorType::Rgb,
            ColorType::Cmyk,
            ColorType::CmykAsYcck,
        ];
        for shape in sizes {
            for colour in colours {
                // Of four components in other samplings the decoder refuses many.
                let four = matches!(colour, ColorType::Cmyk | ColorType::CmykAsYcck);
                for sampling in SAMPLINGS.into_iter().take(if four { 1 } else { 10 }) {
                    for progressive in [false, true] {
                        for interval in [0, 3] {
                            let file = jpeg(shape, colour, |encoder| {
                                encoder.set_sampling_factor(sampling);
                                encoder.set_progressive(progressive);
                                encoder.set_restart_interval(interval);
                            });
                            let name = format!(
                                "{shape:?} {colour:?} {sampling:?} progressive {progressive} restart {interval}"
                            );
                            look(&name, &file);
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn every_bit_is_what_image_gives() {
        let mut decoded = 0;
        for_each_file(|name, file| {
            let (ours, theirs) = (by_us(file, false), by_image(file));
            assert!(
                ours.as_ref().map(|(_, pixels)| pixels) == theirs.as_ref(),
                "{name}"
            );
            decoded += usize::from(ours.is_some());
        });
        assert_eq!(decoded, 7 * (2 * 10 + 2) * 2 * 2);
    }

    #[test]
    fn of_a_damaged_file_too_every_bit_is_what_image_gives() {
        for progressive in [false, true] {
            let sound = jpeg((40, 36), ColorType::Rgb, |encoder| {
                encoder.set_sampling_factor(SamplingFactor::F_2_2);
                encoder.set_progressive(progressive);
            });
            let mut decoded = 0;
            for at in 0..sound.len() {
                let mut file = sound.clone();
                file[at] ^= [0x01, 0x80, 0xFF][at % 3];
                // What the markers already say no to never comes to the decoder.
                if let Some((_, ours)) = by_us(&file, false) {
                    assert!(Some(ours) == by_image(&file), "{progressive} {at}");
                    decoded += 1;
                }
            }
            assert!(decoded > sound.len() / 2);
        }
    }

    #[test]
    fn luma_alone_is_the_first_component_as_stored() {
        let mut alone = 0;
        for_each_file(|name, file| {
            let (exact, luma) = (by_us(file, false).unwrap(), by_us(file, true).unwrap());
            if luma.0 == exact.0 {
                assert!(luma == exact, "{name}");
            } else {
                assert!(name.contains("Rgb"), "{name}");
                assert!(luma.1 == first_component(file), "{name}");
                alone += 1;
            }
        });
        // Three samplings, two of them written in two ways.
        assert_eq!(alone, 7 * 5 * 2 * 2);
    }
}
