//! Bytes to pixels, within limits. This room never sees hashes or lists.
//!
//! What a file is comes from its content, never from its name. Its structure is read first by code of this room, which
//! refuses what is truncated or over a limit before memory is taken; then third parties' decoders get one picture at a
//! time. A file that is cut, damaged, unknown or too large is an error of its own kind, never an empty result.

mod bmp;
mod bytes;
mod canvas;
mod error;
mod gif;
mod jpeg;
mod jpeg_pixels;
mod options;
mod output;
mod png;
mod run;
mod sniff;
mod still;
mod tiff;
mod tiff_directory;
mod unpack;
mod webp;

use std::ops::ControlFlow;

pub use error::{DecodeError, LimitKind};
pub use options::{Alpha, DecodeOptions, Frames, Limits};
pub use output::{DecodeSummary, Frame};
pub use sniff::{ImageFormat, sniff};

use crate::pixels::PixelBuffer;
use canvas::Canvas;
use options::check;
use output::Output;
use run::Run;

/// Decodes files one after another and keeps its buffers between them.
///
/// # What is decoded
///
/// | format | kinds | frames |
/// |---|---|---|
/// | JPEG | baseline, extended and progressive of 8 bits; grey, YCbCr, RGB, CMYK, YCCK | the one picture |
/// | PNG | every colour type and depth, palettes, `tRNS`, interlaced | APNG, 16 bits too |
/// | GIF | every kind that has a palette | all |
/// | WebP | lossy, lossless, with alpha | all |
/// | BMP | 1 to 32 bits, palettes, bit fields, run lengths | the one picture |
/// | TIFF, BigTIFF | grey of 1 to 16 bits, with alpha of 8; palettes; RGB, RGBA and CMYK of 8 and 16 bits; strips and tiles | all pages |
///
/// Not decoded, and reported as [`DecodeError::Unsupported`]: HEIF, AVIF, JPEG XL, JPEG 2000; JPEG with arithmetic
/// coding, 12 bits or no losses; TIFF with YCbCr, Lab or floating-point samples.
///
/// # Frames
///
/// Frame 0 is what decoding the file as a still picture gives: stored colours, even of transparent pixels. Later frames
/// are the canvas after each is laid on it. Blending of half-transparent pixels is exact and rounded to nearest; other
/// programs may differ by a level or two. An APNG whose still picture stands outside its animation has that picture as
/// frame 0. Frames of animated formats are always [`PixelFormat::Rgba8`](crate::PixelFormat::Rgba8) before [`Alpha::Over`] is applied. A GIF frame
/// that is cleared away leaves its transparent (else the background) colour with alpha 0, and a first frame that does
/// not fill the canvas has its transparent (else first) colour around it: what Pillow shows.
///
/// # Memory
///
/// Frames are handed out one at a time. Besides the file itself, a [`Decoder`] holds at most the frame just decoded
/// with its decoder's working memory, a copy of that frame's compressed bytes, the frame handed out, and for animations
/// a canvas and its saved copy; with 32 bytes for each distinct frame. [`Limits::decoder_bytes`] bounds the estimate of
/// this sum. It is an estimate: tables of the decoders, some hundred kilobytes as a rule, come on top.
///
/// # Panics
///
/// Decoders are other people's code that reads hostile bytes. A panic inside one is caught and reported as
/// [`DecodeError::Malformed`]; the program's panic hook runs before, so the default hook still writes its message to
/// standard error. In a program built with `panic = "abort"` such a panic ends the program.
///
/// # Example
/// ```
/// use hashsieve::{DecodeError, DecodeOptions, Decoder};
/// use std::ops::ControlFlow;
/// let mut decoder = Decoder::new(DecodeOptions::default());
/// let result = decoder.for_each_frame(b"not a picture", |frame| {
///     println!("frame {}: {} pixels wide", frame.number, frame.pixels.width());
///     ControlFlow::Continue(())
/// });
/// assert!(matches!(result, Err(DecodeError::Unsupported { .. })));
/// ```
#[derive(Default)]
pub struct Decoder {
    options: DecodeOptions,
    canvas: Canvas,
    /// One picture as a file of its own.
    file: Vec<u8>,
    /// That picture's pixels.
    decoded: Vec<u8>,
    output: Output,
}

impl std::fmt::Debug for Decoder {
    /// Prints the options, never a pixel.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Decoder")
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

impl Decoder {
    /// Returns a decoder that holds no memory yet.
    pub fn new(options: DecodeOptions) -> Self {
        Self {
            options,
            ..Self::default()
        }
    }

    /// Returns the options.
    pub fn options(&self) -> &DecodeOptions {
        &self.options
    }

    /// Decodes `bytes` and hands each frame to `take`, until that breaks off or the frames end.
    ///
    /// O(n) in the file and in the pixels of all frames. Frames equal to one already handed out are counted, not handed
    /// out (compared by SHA-256 of their pixels).
    ///
    /// # Errors
    /// [`DecodeError`] when the file is unknown, truncated, malformed or over a limit. Of an animation, frames before
    /// the fault were handed out by then, and of a damaged JPEG what the decoder made of it: look at them *and* treat the
    /// file as not fully seen. Never panics, if `take` does not.
    pub fn for_each_frame<F>(&mut self, bytes: &[u8], take: F) -> Result<DecodeSummary, DecodeError>
    where
        F: FnMut(Frame<'_>) -> ControlFlow<()>,
    {
        let limits = self.options.limits;
        check(LimitKind::FileBytes, limits.file_bytes, bytes.len() as u64)?;
        let format =
            sniff(bytes).ok_or_else(|| DecodeError::unsupported(sniff::describe_unknown(bytes)))?;
        // Even a still picture is one frame.
        check(LimitKind::Frames, limits.frames.into(), 1)?;
        self.output.begin(self.options, format);
        let mut run = Run {
            format,
            options: self.options,
            canvas: &mut self.canvas,
            decoded: &mut self.decoded,
            output: &mut self.output,
            pixels_so_far: 0,
            take,
        };
        let flow = run.file(bytes, &mut self.file)?;
        Ok(self.output.summary(flow.is_break()))
    }
}

/// Decodes `bytes` and hands each frame to `take`; see [`Decoder::for_each_frame`].
///
/// # Errors
/// As for [`Decoder::for_each_frame`].
pub fn for_each_frame<F>(
    bytes: &[u8],
    options: &DecodeOptions,
    take: F,
) -> Result<DecodeSummary, DecodeError>
where
    F: FnMut(Frame<'_>) -> ControlFlow<()>,
{
    Decoder::new(*options).for_each_frame(bytes, take)
}

/// Returns the first frame of `bytes`, whatever [`DecodeOptions::frames`] says.
///
/// O(n) in the file and the frame's pixels. [`DecodeOptions::jpeg_luma_only`] is not heeded: a buffer does not tell which
/// profile it is of.
///
/// # Errors
/// As for [`Decoder::for_each_frame`]; also when the file is damaged only behind its first frame.
///
/// # Example
/// ```
/// use hashsieve::{DecodeOptions, PixelFormat, decode};
/// // A bitmap of one pixel.
/// let mut file = b"BM\x3a\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0\x01\0\0\0\x01\0\0\0\x01\0\x18\0".to_vec();
/// file.resize(54, 0);
/// file.extend([30, 20, 10, 0]);
/// let pixels = decode(&file, &DecodeOptions::default())?;
/// assert_eq!((pixels.format(), pixels.as_bytes()), (PixelFormat::Rgb8, &[10, 20, 30][..]));
/// # Ok::<(), hashsieve::DecodeError>(())
/// ```
pub fn decode(bytes: &[u8], options: &DecodeOptions) -> Result<PixelBuffer, DecodeError> {
    let mut decoder = Decoder::new(DecodeOptions {
        frames: Frames::First,
        jpeg_luma_only: false,
        ..*options
    });
    decoder.for_each_frame(bytes, |_| ControlFlow::Continue(()))?;
    decoder.output.into_buffer()
}
