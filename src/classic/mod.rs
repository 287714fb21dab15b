//! Classic hashes: mean, gradient, vertical gradient, double gradient and blockhash, as the crate `img_hash` makes them.
//!
//! Every value is that which `img_hash` 3.2 gives for an 8-bit `DynamicImage` of the same pixels with its default
//! filter (Lanczos3) and this algorithm, size and DCT setting, of which
//! [`ClassicKind`] lists all. What is done here besides is to keep from it the pictures on which it gives a hash of
//! nothing or panics, and to tell which hashes say nothing of the picture.
//!
//! - Colour becomes grey as `0.2126 R + 0.7152 G + 0.0722 B` in `f32`, cut to a whole number. Blockhash adds the three
//!   channels instead. Alpha is ignored, but for blockhash a pixel of alpha 0 is white.
//! - Resizing turns samples into whole numbers, so kinds without DCT are the same wherever sines differ in their last
//!   bit only. With DCT a bit may differ between machines where two coefficients are nearly equal.
//! - `gradient_dct` and `vertical_gradient_dct` are of `img_hash`'s own making: it transposes the coefficients of a grid
//!   that is not square as if it were square turned. They are kept so, since lists made with it have them so.
//!
//! The bits go from the least significant of each byte up, and the first byte is printed first. They stand row by row;
//! those of `vertical_gradient` column by column; `double_gradient` has its rows first and then its columns.
//!
//! Python's `imagehash` prints hashes of as many digits, which must not be mixed with these: it goes from the most
//! significant bit down. `mean_8x8` is nearly its `average_hash` with the bits of each byte reversed, and `gradient_8x8`
//! nearly its `dhash` so; nearly, since grey and resizing are computed otherwise, and `imagehash` sets bits for samples
//! above the mean, not also for those at it. The other kinds do not correspond: its `dhash_vertical` goes row by row, and
//! its `phash` is another algorithm than the kinds with DCT.
//!
//! This room sees pixels and hashes; never decoders, files, lists or the index. No type of `img_hash` leaves it.

mod content;
#[cfg(test)]
mod tests;
mod threshold;

use std::fmt;

use img_hash::image::{DynamicImage, GrayAlphaImage, GrayImage, Pixel, Rgb, RgbImage, RgbaImage};
use img_hash::{HashAlg, Hasher, HasherConfig};

use crate::hash::{ClassicAlgorithm, ClassicKind, HashKind, HashValue};
use crate::pixels::{PixelFormat, Pixels};

/// The name and version of the way from a file to its classic hashes, recorded beside every one this library emits.
///
/// `img_hash-3-fullres-1`: decoded at full size, in stored orientation (EXIF is not applied), palette and CMYK turned
/// into RGB, 16-bit samples cut to their high byte, then `img_hash` 3 with its default filter.
pub const CLASSIC_PROFILE: &str = "img_hash-3-fullres-1";

/// The same where a JPEG was decoded to its stored luma
/// ([`DecodeOptions::jpeg_luma_only`](crate::DecodeOptions::jpeg_luma_only)).
pub const CLASSIC_PROFILE_JPEG_LUMA: &str = "img_hash-3-jpeg-luma-1";

/// The most pixels a picture may have: past these the sums of blockhash would overflow.
const MAX_PIXELS: u64 = 1 << 28;

/// The longest side a picture may have: past it positions are no longer exact in the `f32` that `img_hash` computes
/// them in, and blockhash would write past its blocks.
const MAX_SIDE: u32 = 1 << 24;

/// A classic hash and whether it says anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClassicHash {
    /// The hash, of a [`HashKind::Classic`].
    pub value: HashValue,
    /// Whether the picture holds too little for this kind: the hash is that of many pictures and must not be matched.
    ///
    /// So it is when all bits but a sixteenth are alike ([`HashValue::is_nearly_constant`]), or when, of the means of the
    /// cells of a grid with the kind's side, fewer than a quarter of those side by side, or fewer than a quarter of those
    /// one above the other, differ by two grey levels or more: flat pictures, plain ramps and stripes, and pages that are
    /// empty but for a corner.
    pub degenerate: bool,
}

/// Why a picture has no classic hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ClassicError {
    /// A side is shorter than that of the hash, so that there is less than a pixel for a bit.
    TooSmall {
        /// The kind asked for; its side is the least that a picture must have.
        kind: ClassicKind,
        /// The width, in pixels.
        width: u32,
        /// The height, in pixels.
        height: u32,
    },
    /// The picture has more than 2^28 pixels or a side longer than 2^24.
    TooLarge {
        /// The width, in pixels.
        width: u32,
        /// The height, in pixels.
        height: u32,
    },
}

impl fmt::Display for ClassicError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooSmall {
                kind,
                width,
                height,
            } => write!(
                f,
                "a picture of {width}x{height} pixels is too small for {kind}, which needs at least {} rows and columns",
                kind.side()
            ),
            Self::TooLarge { width, height } => write!(
                f,
                "a picture of {width}x{height} pixels is too large for classic hashes, which take at most {MAX_PIXELS} \
                 pixels and {MAX_SIDE} a side; make it smaller first"
            ),
        }
    }
}

impl std::error::Error for ClassicError {}

/// Computes classic hashes, keeping its working memory from picture to picture.
///
/// The picture is turned to grey once for all kinds asked together; each kind but blockhash then resizes it, O(pixels)
/// at some 15 to 40 ns a pixel, and blockhash adds up its pixels, at some 5 ns each. PDQ costs less than one of them.
///
/// Memory: 1 byte for each pixel for grey, beside it up to 34 bytes for each pixel of width while resizing, and for
/// blockhash a copy of a picture that is not grey, since `img_hash` takes no borrowed pixels.
///
/// # Example
/// ```
/// use hashsieve::{ClassicAlgorithm, ClassicHasher, ClassicKind, PixelFormat, Pixels};
/// let bytes: Vec<u8> = (0..100 * 80).map(|i: u32| (i * i / 977) as u8).collect();
/// let pixels = Pixels::new(PixelFormat::Luma8, 100, 80, 100, &bytes)?;
/// let kind = ClassicKind::new(ClassicAlgorithm::Gradient, false, 8).unwrap();
/// let hash = ClassicHasher::new().hash(&pixels, kind)?;
/// assert_eq!(hash.value.to_hex().len(), 16);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Default)]
pub struct ClassicHasher {
    grey: Vec<u8>,
    colour: Vec<u8>,
}

impl ClassicHasher {
    /// Returns a hasher without working memory yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns the hash of one kind of a picture.
    ///
    /// # Errors
    /// [`ClassicError::TooSmall`] when a side is shorter than the kind's, [`ClassicError::TooLarge`] past 2^28 pixels or
    /// 2^24 a side. Never panics.
    pub fn hash(
        &mut self,
        pixels: &Pixels<'_>,
        kind: ClassicKind,
    ) -> Result<ClassicHash, ClassicError> {
        check(pixels, kind)?;
        let grey = self.grey_of(pixels);
        let hash = self.hash_of(pixels, &grey, kind);
        self.grey = grey.into_luma8().into_raw();
        Ok(hash)
    }

    /// Returns the hashes of several kinds of a picture, in their order, each as from [`hash`](Self::hash).
    pub fn hashes(
        &mut self,
        pixels: &Pixels<'_>,
        kinds: &[ClassicKind],
    ) -> Vec<Result<ClassicHash, ClassicError>> {
        let mut grey = None;
        let mut hashes = Vec::with_capacity(kinds.len());
        for &kind in kinds {
            hashes.push(check(pixels, kind).map(|()| {
                let grey = grey.get_or_insert_with(|| self.grey_of(pixels));
                self.hash_of(pixels, grey, kind)
            }));
        }
        if let Some(grey) = grey {
            self.grey = grey.into_luma8().into_raw();
        }
        hashes
    }

    /// Returns the picture in grey, in the memory kept for it.
    fn grey_of(&mut self, pixels: &Pixels<'_>) -> DynamicImage {
        let mut grey = std::mem::take(&mut self.grey);
        grey.clear();
        grey.reserve_exact(pixels.width() as usize * pixels.height() as usize);
        for row in pixels.rows() {
            match pixels.format() {
                PixelFormat::Luma8 => grey.extend_from_slice(row),
                PixelFormat::LumaAlpha8 => grey.extend(row.iter().step_by(2)),
                format @ (PixelFormat::Rgb8 | PixelFormat::Rgba8) => {
                    let colours = row.chunks_exact(format.bytes_per_pixel());
                    grey.extend(colours.map(|c| Rgb([c[0], c[1], c[2]]).to_luma().0[0]));
                }
            }
        }
        let grey = GrayImage::from_raw(pixels.width(), pixels.height(), grey);
        DynamicImage::ImageLuma8(grey.expect("a byte was written for each pixel"))
    }

    /// Returns the hash of a kind for which the picture has been checked.
    fn hash_of(
        &mut self,
        pixels: &Pixels<'_>,
        grey: &DynamicImage,
        kind: ClassicKind,
    ) -> ClassicHash {
        let colour = (kind.algorithm() == ClassicAlgorithm::Blockhash)
            .then(|| self.colour_of(pixels))
            .flatten();
        // Made anew each time: a hasher of `img_hash` may not go from thread to thread, and costs microseconds.
        let hash = hasher(kind).hash_image(colour.as_ref().unwrap_or(grey));
        let value = HashValue::from_bytes(HashKind::Classic(kind), hash.as_bytes());
        let value = value.expect("the tests have seen every kind's length");
        if let Some(colour) = colour {
            self.colour = colour.into_bytes();
        }
        let has_content = grey
            .as_luma8()
            .is_some_and(|grey| content::has_content(grey, grey.dimensions(), kind.side()));
        ClassicHash {
            value,
            degenerate: value.is_nearly_constant() || !has_content,
        }
    }

    /// Returns a copy of a picture that is not grey, in the memory kept for it.
    fn colour_of(&mut self, pixels: &Pixels<'_>) -> Option<DynamicImage> {
        let (width, height) = (pixels.width(), pixels.height());
        let mut bytes = std::mem::take(&mut self.colour);
        bytes.clear();
        if pixels.format() != PixelFormat::Luma8 {
            let row_bytes = pixels.row(0).len();
            bytes.reserve_exact(row_bytes * height as usize);
            pixels.rows().for_each(|row| bytes.extend_from_slice(row));
        }
        match pixels.format() {
            PixelFormat::Luma8 => None,
            PixelFormat::LumaAlpha8 => {
                GrayAlphaImage::from_raw(width, height, bytes).map(DynamicImage::ImageLumaA8)
            }
            PixelFormat::Rgb8 => {
                RgbImage::from_raw(width, height, bytes).map(DynamicImage::ImageRgb8)
            }
            PixelFormat::Rgba8 => {
                RgbaImage::from_raw(width, height, bytes).map(DynamicImage::ImageRgba8)
            }
        }
    }
}

impl fmt::Debug for ClassicHasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClassicHasher").finish_non_exhaustive()
    }
}

/// Checks that `img_hash` can take the picture. What it would do otherwise, read in its source and in that of `image`:
///
/// - Blockhash leaves blocks without pixels at zero when a side is shorter than the hash's, so that the hash is of the
///   gaps. The others enlarge the picture, and the hash is of the filter.
/// - Blockhash adds up to 765 for each pixel in `u32` when the sides are multiples of the hash's, which overflows past
///   `2^32 / 765` pixels a block, and else divides positions in `f32`, which past 2^24 yields a block after the last.
fn check(pixels: &Pixels<'_>, kind: ClassicKind) -> Result<(), ClassicError> {
    let (width, height) = (pixels.width(), pixels.height());
    if width.min(height) < u32::from(kind.side()) {
        return Err(ClassicError::TooSmall {
            kind,
            width,
            height,
        });
    }
    if width.max(height) > MAX_SIDE || u64::from(width) * u64::from(height) > MAX_PIXELS {
        return Err(ClassicError::TooLarge { width, height });
    }
    Ok(())
}

/// Returns the hasher of `img_hash` that makes a kind.
fn hasher(kind: ClassicKind) -> Hasher {
    let algorithm = match kind.algorithm() {
        ClassicAlgorithm::Mean => HashAlg::Mean,
        ClassicAlgorithm::Gradient => HashAlg::Gradient,
        ClassicAlgorithm::VerticalGradient => HashAlg::VertGradient,
        ClassicAlgorithm::DoubleGradient => HashAlg::DoubleGradient,
        ClassicAlgorithm::Blockhash => HashAlg::Blockhash,
    };
    let side = u32::from(kind.side());
    let config = HasherConfig::new()
        .hash_alg(algorithm)
        .hash_size(side, side);
    if kind.has_dct() {
        config.preproc_dct().to_hasher()
    } else {
        config.to_hasher()
    }
}
