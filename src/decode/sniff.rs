//! What a file is, from its first bytes. Names and extensions play no part.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::bytes::{array, u32_le};

/// A picture format that this library decodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum ImageFormat {
    /// JPEG, baseline and progressive, 8 bits.
    Jpeg,
    /// PNG and APNG.
    Png,
    /// GIF.
    Gif,
    /// WebP, lossy and lossless, animated too.
    WebP,
    /// Windows bitmap.
    Bmp,
    /// TIFF and BigTIFF.
    Tiff,
}

impl ImageFormat {
    /// Every format, in the order used by reports.
    pub const ALL: [Self; 6] = [
        Self::Jpeg,
        Self::Png,
        Self::Gif,
        Self::WebP,
        Self::Bmp,
        Self::Tiff,
    ];

    /// Returns the stable lower-case name, for example `jpeg`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Jpeg => "jpeg",
            Self::Png => "png",
            Self::Gif => "gif",
            Self::WebP => "webp",
            Self::Bmp => "bmp",
            Self::Tiff => "tiff",
        }
    }
}

impl fmt::Display for ImageFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// The largest header of a BMP file known; text that begins with "BM" has far more in that place.
const MAX_BMP_HEADER: u32 = 256;

/// Returns the format that the first bytes of a file show, or `None` if they show none that is decoded here.
///
/// O(1). It promises nothing of the rest of the file.
///
/// # Example
/// ```
/// use hashsieve::{ImageFormat, sniff};
/// assert_eq!(sniff(b"GIF89a..."), Some(ImageFormat::Gif));
/// assert_eq!(sniff(b"some text"), None);
/// ```
pub fn sniff(bytes: &[u8]) -> Option<ImageFormat> {
    if bytes.starts_with(&[0xFF, 0xD8, 0xFF]) {
        Some(ImageFormat::Jpeg)
    } else if bytes.starts_with(b"\x89PNG\r\n\x1a\n") {
        Some(ImageFormat::Png)
    } else if bytes.starts_with(b"GIF87a") || bytes.starts_with(b"GIF89a") {
        Some(ImageFormat::Gif)
    } else if bytes.starts_with(b"RIFF") && array(bytes, 8) == Some(*b"WEBP") {
        Some(ImageFormat::WebP)
    } else if bytes.starts_with(b"BM") && u32_le(bytes, 14).is_none_or(|n| n <= MAX_BMP_HEADER) {
        Some(ImageFormat::Bmp)
    } else if [b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"]
        .iter()
        .any(|magic| bytes.starts_with(*magic))
    {
        Some(ImageFormat::Tiff)
    } else {
        None
    }
}

/// Returns a name for what is not decoded here.
pub(super) fn describe_unknown(bytes: &[u8]) -> &'static str {
    const KNOWN: [(&[u8], &str); 12] = [
        (b"\xFF\x0A", "jpeg xl"),
        (b"\0\0\0\x0CJXL \r\n\x87\n", "jpeg xl"),
        (b"\0\0\0\x0CjP  ", "jpeg 2000"),
        (b"\xFF\x4F\xFF\x51", "jpeg 2000"),
        (b"%PDF", "pdf"),
        (b"8BPS", "photoshop"),
        (b"\0\0\x01\0", "icon"),
        (b"\0\0\x02\0", "icon"),
        (b"PK\x03\x04", "zip archive"),
        (b"\x1A\x45\xDF\xA3", "matroska or webm video"),
        (b"FLV\x01", "flash video"),
        (b"RIFF", "riff other than webp"),
    ];
    if bytes.is_empty() {
        return "an empty file";
    }
    if array(bytes, 4) == Some(*b"ftyp") {
        return match array(bytes, 8).as_ref() {
            Some(
                b"heic" | b"heix" | b"hevc" | b"hevx" | b"heim" | b"heis" | b"mif1" | b"msf1"
                | b"avif" | b"avis",
            ) => "heif or avif",
            _ => "mp4 or quicktime video",
        };
    }
    KNOWN
        .iter()
        .find(|(magic, _)| bytes.starts_with(magic))
        .map_or("an unknown format", |(_, name)| name)
}
