//! What a caller may choose: limits, frames, transparency and orientation.

use serde::{Deserialize, Serialize};

use super::error::{DecodeError, LimitKind};

/// How transparency is treated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Alpha {
    /// Colour samples stay as they are stored; alpha stays beside them in the buffer, where hashing ignores it.
    #[default]
    Ignore,
    /// Pixels are laid over one opaque colour and alpha is gone: `(c * a + b * (255 - a) + 127) / 255` in integers,
    /// for a sample `c`, its alpha `a` and the background `b`. Grey stays grey only over a grey background.
    Over {
        /// Red of the background.
        red: u8,
        /// Green of the background.
        green: u8,
        /// Blue of the background.
        blue: u8,
    },
}

/// Which frames of an animation, or pages of a TIFF file, are handed out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Frames {
    /// Every frame whose pixels differ from all frames handed out before.
    #[default]
    AllDistinct,
    /// The first frame only. The rest of the file is still checked for truncation, but not decoded.
    First,
}

/// The most that one file may ask for. Every limit is inclusive and is checked before the memory is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Length of the file in bytes. Default 64 MiB.
    pub file_bytes: u64,
    /// Width of any frame in pixels. Default 32768.
    pub width: u32,
    /// Height of any frame in pixels. Default 32768.
    pub height: u32,
    /// Pixels of any one frame. Default 100 million.
    pub pixels: u64,
    /// Estimated memory of decoding one frame: output, the decoder's own buffers, and the copy of the compressed
    /// data it reads from. Default 1 GiB.
    pub decoder_bytes: u64,
    /// Frames decoded, repeated ones included. Default 1024.
    pub frames: u32,
    /// Pixels of all frames together, repeated ones included. Default 1000 million.
    pub total_pixels: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            file_bytes: 64 << 20,
            width: 32_768,
            height: 32_768,
            pixels: 100_000_000,
            decoder_bytes: 1 << 30,
            frames: 1024,
            total_pixels: 1_000_000_000,
        }
    }
}

impl Limits {
    /// Refuses a picture whose sides or area are over the limits.
    pub(super) fn check_shape(&self, width: u32, height: u32) -> Result<(), DecodeError> {
        check(LimitKind::Width, self.width.into(), width.into())?;
        check(LimitKind::Height, self.height.into(), height.into())?;
        check(
            LimitKind::Pixels,
            self.pixels,
            u64::from(width) * u64::from(height),
        )
    }

    /// Refuses work that is estimated to take more memory than allowed.
    pub(super) fn check_memory(&self, bytes: u64) -> Result<(), DecodeError> {
        check(LimitKind::DecoderBytes, self.decoder_bytes, bytes)
    }
}

/// Refuses `asked` above `allowed`.
pub(super) fn check(limit: LimitKind, allowed: u64, asked: u64) -> Result<(), DecodeError> {
    if asked > allowed {
        return Err(DecodeError::OverLimit {
            limit,
            allowed,
            asked,
        });
    }
    Ok(())
}

/// How pictures are decoded. The default is what the profile `pdq-fullres-1` asks for.
///
/// # Example
/// ```
/// use hashsieve::{DecodeOptions, Frames};
/// let mut options = DecodeOptions::default();
/// options.frames = Frames::First;
/// options.limits.pixels = 12_000_000;
/// assert!(!options.apply_exif_orientation);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DecodeOptions {
    /// Whether pictures are turned as their EXIF (or TIFF) orientation says. Default `false`: pixels as stored,
    /// because most lists were made so. The eight dihedral queries find turned pictures without it.
    pub apply_exif_orientation: bool,
    /// How transparency is treated. Default [`Alpha::Ignore`].
    pub alpha: Alpha,
    /// Which frames are handed out. Default [`Frames::AllDistinct`].
    pub frames: Frames,
    /// Whether colour JPEGs are decoded to the luma they store, without their colours. Default `false`: exact hashes.
    ///
    /// It saves a fifth to a third of the time of decoding. The stored luma is not exactly the luma of the decoded
    /// colours, from which colours out of range are cut: hashes differ by some bits, and are of the profile
    /// [`PDQ_PROFILE_JPEG_LUMA`](crate::PDQ_PROFILE_JPEG_LUMA), which has the figures. It concerns JPEGs of the colours
    /// YCbCr that store luma at full size, interleaved or progressive; [`Frame::luma_only`](crate::Frame::luma_only)
    /// says whether a frame is of this kind. All others are decoded as without it: other formats, grey (whose luma
    /// is exact anyway), RGB, CMYK and YCCK, luma stored at less than full size, unusual sampling, and baseline pictures with a scan
    /// for each component.
    pub jpeg_luma_only: bool,
    /// The most that one file may ask for.
    pub limits: Limits,
}
