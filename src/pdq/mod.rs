//! PDQ: pixels to a 256-bit hash, a quality, and the hashes of the eight rotations and reflections.
//!
//! The algorithm is Meta's; its reference source is `facebook/ThreatExchange`, `pdq/cpp/hashing/pdqhashing.cpp` and
//! `pdq/cpp/downscaling/downscaling.cpp`. This is an
//! implementation of its arithmetic, bit for bit, as the reference does it when built without contraction of
//! multiplications and additions: every value is `f32`, every sum runs in index order, and nothing is fused.
//!
//! ```text
//! pixels -> luma -> two passes of (box along rows, box along columns) -> 64x64 samples --+--> quality
//!                     (`downsample`)                                                      |
//!                                                       16x16 DCT -> median -> 256 bits <-+
//!                     (`transform`)                        +--> seven more by sign and transposition
//! ```
//!
//! The arithmetic is in `simd`, at several levels; `definition` tells all of it in plain code, and every level must give
//! its bits.
//!
//! This room sees pixels, hashes and kernels; never decoders, files, lists or the index.

#[cfg(all(test, feature = "synthetic"))]
mod definition;
mod downsample;
#[cfg(test)]
mod tests;
mod transform;

use std::fmt;

use crate::hash::{Dihedral, Pdq};
use crate::pixels::Pixels;
use crate::simd::{Plane, SimdLevel};
use downsample::Downsampler;
use transform::Block;

/// The name and version of the way from a file to its PDQ hash, recorded beside every hash this library emits.
///
/// `pdq-fullres-1`: decoded at full size, no resizing before the filter, in stored orientation (EXIF is not applied),
/// palette and CMYK turned into RGB, 16-bit samples cut to their high byte, alpha ignored.
///
/// The hash is exact for the decoded pixels. Decoders of JPEG need not agree on these: they differ in rounding and in how
/// they enlarge the colour planes. Of 41 smooth colour pictures of 400x300 pixels, hashed as JPEG by this library and as
/// the PNG that Pillow (libjpeg-turbo) decodes from it, 33 had hashes that differ, by 2 to 8 bits.
pub const PDQ_PROFILE: &str = "pdq-fullres-1";

/// The name and version of the opt-in way from a colour JPEG to its PDQ hash that leaves its colours out; see
/// [`DecodeOptions::jpeg_luma_only`](crate::DecodeOptions::jpeg_luma_only).
///
/// `pdq-jpeg-luma-1`: as [`PDQ_PROFILE`], but of the luma that the file stores instead of the luma of the decoded colours.
/// The two differ where decoding rounds colours or cuts them to their range. What [`PDQ_PROFILE`] says of decoders comes on
/// top of that, but for the enlarging of colour planes, which are left out.
///
/// How far the hashes are apart depends on the picture. With detail, as most have it, hardly ever more than 4 bits; where
/// there are smooth ramps only (`gradient`), whose hash hangs on small differences, up to 32, which is more than the
/// recommended threshold. Size, quality and sampling of the JPEG matter little. Of 600 synthetic pictures, each written as
/// 12 files, all of quality 50 or more:
///
/// ```text
/// files           pairs  distance 0      2      4      6      8    more    mean  largest
/// all              7200       67.0%  16.5%   4.7%   4.7%   2.6%    4.4%    1.58       32
/// dead_leaves      1440       86.7%  13.1%   0.1%   0.0%   0.0%    0.0%    0.27        4
/// gradient         1440        3.3%  16.1%  21.9%  23.5%  13.2%   22.0%    6.52       32
/// line_art         1440       84.9%  14.8%   0.3%   0.0%   0.0%    0.0%    0.31        4
/// one_over_f       1440       80.0%  19.4%   0.6%   0.0%   0.0%    0.0%    0.41        4
/// text_blocks      1440       80.1%  19.2%   0.6%   0.1%   0.0%    0.0%    0.41        6
///   64x48          1200       61.8%  22.9%   5.8%   3.8%   3.4%    2.2%    1.44       16
///  128x128         1200       58.4%  25.4%   5.6%   4.6%   3.0%    3.0%    1.61       20
///  320x240         1200       66.0%  16.1%   4.6%   5.8%   2.7%    4.9%    1.70       18
///  512x512         1200       69.6%  14.6%   4.8%   4.2%   2.2%    4.6%    1.51       20
/// 1023x767         1200       71.8%  10.7%   4.8%   4.8%   2.1%    5.9%    1.63       20
/// 2000x1500        1200       74.3%   9.5%   2.9%   5.1%   2.4%    5.8%    1.62       32
/// quality 50       1800       62.1%  23.2%   4.6%   4.2%   1.8%    4.2%    1.61       32
/// quality 75       1800       63.9%  18.5%   4.8%   5.4%   2.8%    4.5%    1.68       18
/// quality 88       1800       69.3%  13.6%   4.1%   5.4%   2.8%    4.8%    1.63       24
/// quality 95       1800       72.6%  10.8%   5.4%   3.8%   3.2%    4.2%    1.42       20
/// 4:2:0            2400       67.1%  16.6%   4.4%   5.2%   2.5%    4.3%    1.58       28
/// 4:2:2            2400       66.4%  17.0%   4.8%   4.2%   3.1%    4.5%    1.61       28
/// 4:4:4            2400       67.5%  16.0%   5.0%   4.8%   2.3%    4.5%    1.57       32
/// ```
///
/// The qualities of the pictures differ by at most 4. `cargo run --release --example luma_drift` makes the table, the same
/// on every machine. So: where the exact hash matches at a distance near the threshold, this one may not. Take it to look
/// uploads up when decoding is what holds you up, never to make a list that others use.
pub const PDQ_PROFILE_JPEG_LUMA: &str = "pdq-jpeg-luma-1";

/// The fewest rows and columns a picture must have; the reference gives no hash below.
pub const PDQ_MIN_SIDE: u32 = 5;

/// The quality below which PDQ's authors advise to discard a hash: such pictures hold too little structure.
pub const PDQ_RECOMMENDED_MIN_QUALITY: u8 = 50;

/// The distance up to which PDQ's authors take two hashes for the same picture.
pub const PDQ_RECOMMENDED_THRESHOLD: u32 = 31;

/// A PDQ hash with the quality of the picture it was made from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PdqHash {
    /// The hash.
    pub hash: Pdq,
    /// How much structure the picture holds, 0 (none) to 100.
    pub quality: u8,
}

/// The PDQ hashes of the eight rotations and reflections of one picture, from one transform; estimates of what the
/// picture so turned would have ([`PdqHasher::dihedral`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PdqDihedral {
    /// The hashes, in the order of [`Dihedral::ALL`].
    pub hashes: [Pdq; 8],
    /// How much structure the picture holds, 0 (none) to 100; the same for all eight.
    pub quality: u8,
}

impl PdqDihedral {
    /// Returns each transform with its hash, in the order of [`Dihedral::ALL`].
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (Dihedral, Pdq)> + '_ {
        Dihedral::ALL.into_iter().zip(self.hashes)
    }
}

/// Why a picture has no PDQ hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PdqError {
    /// A side is shorter than [`PDQ_MIN_SIDE`].
    TooSmall {
        /// The width, in pixels.
        width: u32,
        /// The height, in pixels.
        height: u32,
    },
}

impl fmt::Display for PdqError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::TooSmall { width, height } = self;
        write!(
            f,
            "a picture of {width}x{height} pixels is too small for PDQ, which needs at least \
             {PDQ_MIN_SIDE} rows and columns"
        )
    }
}

impl std::error::Error for PdqError {}

/// Computes PDQ hashes, keeping its working memory from picture to picture.
///
/// One pass over the pixels, with the fastest instructions this machine has ([`SimdLevel`]). Colour becomes luma as
/// `0.299 R + 0.587 G + 0.114 B`; alpha is ignored.
///
/// The hashes are bit for bit those of the reference, Meta's C++ code, given the same pixels: it computes luma in `f32`,
/// and so does this. The PyPI package `pdqhash` computes the luma of colour, and of grey given as three equal channels, in
/// double and then rounds it. In most pictures that changes nothing. In those whose coefficients are zero in theory, which
/// are mirror-symmetric, periodic (checkerboards) or 8 or 16 pixels wide, rounding decides bits, and the package's hash can
/// be further off than a threshold: up to 116 bits were seen on checkerboards. As [`Luma8`](crate::PixelFormat::Luma8) all
/// agree. For the same reason such a grey picture can have one hash as `Luma8` and another as `Rgb8`, whose sum of three
/// products is not always the grey value.
///
/// Memory: the rows that a filter window still needs, as `f32`: about `4 * width * (height / 128 + 34) + 3 * width` bytes
/// and 0.1 MB, so 1 MB for 4000x3000 pixels. Nothing is allocated for a picture that needs no more than an earlier one did.
///
/// # Example
/// ```
/// use hashsieve::{PdqHasher, PixelFormat, Pixels};
/// let bytes: Vec<u8> = (0..100 * 80).map(|i: u32| (i * i / 977) as u8).collect();
/// let pixels = Pixels::new(PixelFormat::Luma8, 100, 80, 100, &bytes)?;
/// let pdq = PdqHasher::new().hash(&pixels)?;
/// assert_eq!(pdq.hash.to_hex().len(), 64);
/// assert!(pdq.quality <= 100);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Default)]
pub struct PdqHasher {
    downsampler: Downsampler,
}

impl PdqHasher {
    /// Returns a hasher for the best level of this machine, without working memory yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns a hasher that uses the instructions given. The hashes are the same; this is for measuring and testing.
    pub fn with_level(level: SimdLevel) -> Self {
        Self {
            downsampler: Downsampler::new(level),
        }
    }

    /// Returns the instructions this hasher uses.
    pub fn level(&self) -> SimdLevel {
        self.downsampler.level()
    }

    /// Returns the hash and quality of a picture.
    ///
    /// # Errors
    /// [`PdqError::TooSmall`] below 5 rows or columns. Never panics.
    pub fn hash(&mut self, pixels: &Pixels<'_>) -> Result<PdqHash, PdqError> {
        let level = self.level();
        let plane = self.plane(pixels)?;
        Ok(PdqHash {
            hash: Block::of(level, plane).hash(),
            quality: transform::quality(level, plane),
        })
    }

    /// Returns the hashes of all eight rotations and reflections of a picture, and its quality.
    ///
    /// They are derived from the one picture, as the reference derives them. Hashing the picture that was really turned or
    /// mirrored can give another hash, because the samples are taken half a pixel off its centre: up to 24 bits were seen on
    /// a smooth picture of 300x200 pixels, which uses up much of the recommended threshold of 31.
    ///
    /// Costs a microsecond or two more than one hash. The hash of [`Dihedral::Original`] equals that of
    /// [`hash`](Self::hash), also for colour pictures of exactly 64x64 pixels, where the reference's own dihedral
    /// function, unlike its plain one, does not skip the filter and may differ in the last bit of a sample.
    ///
    /// # Errors
    /// [`PdqError::TooSmall`] below 5 rows or columns. Never panics.
    pub fn dihedral(&mut self, pixels: &Pixels<'_>) -> Result<PdqDihedral, PdqError> {
        let level = self.level();
        let plane = self.plane(pixels)?;
        Ok(PdqDihedral {
            hashes: Block::of(level, plane).dihedral(),
            quality: transform::quality(level, plane),
        })
    }

    /// Returns the 64x64 samples that quality and transform are computed from.
    fn plane(&mut self, pixels: &Pixels<'_>) -> Result<&Plane, PdqError> {
        let (width, height) = (pixels.width(), pixels.height());
        if width < PDQ_MIN_SIDE || height < PDQ_MIN_SIDE {
            return Err(PdqError::TooSmall { width, height });
        }
        Ok(self.downsampler.plane(pixels))
    }
}

impl fmt::Debug for PdqHasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PdqHasher").finish_non_exhaustive()
    }
}
