//! One picture from one file, through the `image` crate, which no other module names; JPEG through [`jpeg_pixels`].
//!
//! The decoders are third parties' code that reads hostile bytes. A panic of theirs is caught and reported as
//! [`DecodeError::Malformed`]. This works where panics unwind; a program built with `panic = "abort"` ends instead. The
//! program's panic hook runs before, so the default hook still writes its message to standard error.

use std::io::{Cursor, ErrorKind};
use std::panic::{AssertUnwindSafe, catch_unwind};

use image::codecs::bmp::BmpDecoder;
use image::codecs::gif::GifDecoder;
use image::codecs::png::PngDecoder;
use image::codecs::tiff::TiffDecoder;
use image::codecs::webp::WebPDecoder;
use image::error::{ImageError, ImageResult};
use image::metadata::Orientation;
use image::{ColorType, ImageDecoder};

use super::error::{DecodeError, without_file_bytes};
use super::jpeg_pixels;
use super::options::Limits;
use super::sniff::ImageFormat;
use super::unpack::drop_low_bytes;
use crate::pixels::PixelFormat;

/// What became of a picture.
pub(super) struct Decoded {
    pub(super) format: PixelFormat,
    /// What is wrong with the file although there are pixels, some of which the decoder made up.
    pub(super) damage: Option<DecodeError>,
}

/// Returns the orientation, 1 to 8, that an EXIF block names; 1 if it names none.
pub(super) fn orientation(exif: &[u8]) -> u8 {
    catch_unwind(|| Orientation::from_exif_chunk(exif).map_or(1, Orientation::to_exif)).unwrap_or(1)
}

/// Decodes the one picture of `file` into `out`, whose memory is used again. `luma` is for
/// JPEG only, and as [`jpeg_pixels::decode`] says.
///
/// # Errors
/// [`DecodeError`] when the decoder refuses the file or the picture is not of the shape its head was read to have.
pub(super) fn decode(
    format: ImageFormat,
    file: &[u8],
    shape: (u32, u32),
    luma: bool,
    limits: &Limits,
    out: &mut Vec<u8>,
) -> Result<Decoded, DecodeError> {
    // `out` holds plain bytes and is overwritten before its next use, so a panic leaves nothing broken behind.
    guarded(format, || dispatch(format, file, shape, luma, limits, out))
}

/// Runs a decoder and turns a panic of its into an error.
fn guarded<T>(
    format: ImageFormat,
    work: impl FnOnce() -> Result<T, DecodeError>,
) -> Result<T, DecodeError> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| {
        let reason = format!("the {format} decoder panicked");
        Err(DecodeError::malformed(format, reason))
    })
}

fn dispatch(
    format: ImageFormat,
    file: &[u8],
    shape: (u32, u32),
    luma: bool,
    limits: &Limits,
    out: &mut Vec<u8>,
) -> Result<Decoded, DecodeError> {
    let reader = Cursor::new(file);
    let bounds = bounds(shape, limits);
    let format = match format {
        ImageFormat::Jpeg => return jpeg_pixels::decode(file, shape, luma, limits, out),
        ImageFormat::Png => {
            let decoder = PngDecoder::with_limits(reader, bounds.clone());
            read(decoder, format, shape, &bounds, limits, out)
        }
        ImageFormat::Gif => read(GifDecoder::new(reader), format, shape, &bounds, limits, out),
        ImageFormat::WebP => read(
            WebPDecoder::new(reader),
            format,
            shape,
            &bounds,
            limits,
            out,
        ),
        ImageFormat::Bmp => read(BmpDecoder::new(reader), format, shape, &bounds, limits, out),
        ImageFormat::Tiff => read(
            TiffDecoder::new(reader),
            format,
            shape,
            &bounds,
            limits,
            out,
        ),
    }?;
    Ok(Decoded {
        format,
        damage: None,
    })
}

/// The decoder's own limits: the shape already read, and our memory.
fn bounds(shape: (u32, u32), limits: &Limits) -> image::Limits {
    let mut bounds = image::Limits::no_limits();
    bounds.max_image_width = Some(shape.0);
    bounds.max_image_height = Some(shape.1);
    bounds.max_alloc = Some(limits.decoder_bytes);
    bounds
}

fn read<D: ImageDecoder>(
    decoder: ImageResult<D>,
    format: ImageFormat,
    shape: (u32, u32),
    bounds: &image::Limits,
    limits: &Limits,
    out: &mut Vec<u8>,
) -> Result<PixelFormat, DecodeError> {
    let refuse = |error| refusal(format, error);
    let mut decoder = decoder.map_err(refuse)?;
    if decoder.dimensions() != shape {
        let reason = "the decoder and the header disagree on its shape";
        return Err(DecodeError::malformed(format, reason));
    }
    decoder.set_limits(bounds.clone()).map_err(refuse)?;
    let (pixel, deep) = match decoder.color_type() {
        ColorType::L8 => (PixelFormat::Luma8, false),
        ColorType::La8 => (PixelFormat::LumaAlpha8, false),
        ColorType::Rgb8 => (PixelFormat::Rgb8, false),
        ColorType::Rgba8 => (PixelFormat::Rgba8, false),
        ColorType::L16 => (PixelFormat::Luma8, true),
        ColorType::La16 => (PixelFormat::LumaAlpha8, true),
        ColorType::Rgb16 => (PixelFormat::Rgb8, true),
        ColorType::Rgba16 => (PixelFormat::Rgba8, true),
        _ => {
            let what = format!("{format} with floating-point samples");
            return Err(DecodeError::unsupported(what));
        }
    };
    make_room(out, decoder.total_bytes(), limits)?;
    decoder.read_image(out).map_err(refuse)?;
    if deep {
        drop_low_bytes(out);
    }
    Ok(pixel)
}

/// Makes `out` hold `total` zeros, in the memory it has if that is enough.
pub(super) fn make_room(out: &mut Vec<u8>, total: u64, limits: &Limits) -> Result<(), DecodeError> {
    limits.check_memory(total)?;
    let total = usize::try_from(total).unwrap_or(usize::MAX);
    out.clear();
    if out.try_reserve_exact(total).is_err() {
        limits.check_memory(u64::MAX)?;
    }
    out.resize(total, 0);
    Ok(())
}

/// Translates the decoder's error. The file is known to be whole, so an early end is that of its coded data.
fn refusal(format: ImageFormat, error: ImageError) -> DecodeError {
    match error {
        ImageError::IoError(error) if error.kind() == ErrorKind::UnexpectedEof => {
            DecodeError::Truncated { format }
        }
        ImageError::Unsupported(error) => {
            let detail = without_file_bytes(&error.to_string());
            DecodeError::unsupported(format!("{format}: {detail}"))
        }
        error => DecodeError::malformed(format, without_file_bytes(&error.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_inside_a_decoder_is_an_error() {
        let result: Result<(), _> = guarded(ImageFormat::Bmp, || panic!("as a decoder might"));
        assert_eq!(
            result.unwrap_err().to_string(),
            "the bmp file is malformed: the bmp decoder panicked"
        );
    }
}
