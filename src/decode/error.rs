//! Why a file gave no picture, or not all of them.

use std::fmt;

use serde::Serialize;

use super::sniff::ImageFormat;

/// What a limit is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum LimitKind {
    /// Length of the file, in bytes.
    FileBytes,
    /// Width of a frame, in pixels.
    Width,
    /// Height of a frame, in pixels.
    Height,
    /// Width times height of a frame.
    Pixels,
    /// Estimated memory of decoding, in bytes.
    DecoderBytes,
    /// Number of frames.
    Frames,
    /// Pixels of all frames together.
    TotalPixels,
}

impl LimitKind {
    /// Returns the stable name, that of the field of [`Limits`](super::Limits): for example `total_pixels`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::FileBytes => "file_bytes",
            Self::Width => "width",
            Self::Height => "height",
            Self::Pixels => "pixels",
            Self::DecoderBytes => "decoder_bytes",
            Self::Frames => "frames",
            Self::TotalPixels => "total_pixels",
        }
    }
}

impl fmt::Display for LimitKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Why a file gave no picture, or not all of its pictures. None of these ever means "no match".
///
/// No text in it holds a byte of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DecodeError {
    /// The format, or a feature of it, is one that this library does not decode. Decode it elsewhere and hand the
    /// pixels over as [`Pixels`](crate::Pixels).
    Unsupported {
        /// What was recognised, for example `heif or avif`.
        what: String,
    },
    /// The file ends before its pictures do.
    Truncated {
        /// The format of the file.
        format: ImageFormat,
    },
    /// The file breaks the rules of its format.
    Malformed {
        /// The format of the file.
        format: ImageFormat,
        /// What is wrong with it, as far as the decoder tells.
        reason: String,
    },
    /// The file asks for more than a limit allows; raise that limit to decode it.
    OverLimit {
        /// Which limit.
        limit: LimitKind,
        /// The most it allows.
        allowed: u64,
        /// What the file asks for.
        asked: u64,
    },
}

impl DecodeError {
    pub(super) fn unsupported(what: impl Into<String>) -> Self {
        Self::Unsupported { what: what.into() }
    }

    pub(super) fn malformed(format: ImageFormat, reason: impl Into<String>) -> Self {
        Self::Malformed {
            format,
            reason: reason.into(),
        }
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unsupported { what } => write!(f, "cannot decode {what}"),
            Self::Truncated { format } => {
                write!(
                    f,
                    "the {format} file is truncated: it ends before its pictures do"
                )
            }
            Self::Malformed { format, reason } => {
                write!(f, "the {format} file is malformed: {reason}")
            }
            Self::OverLimit {
                limit,
                allowed,
                asked,
            } => write!(
                f,
                "over the limit {limit}: the file asks for {asked}, allowed are {allowed}"
            ),
        }
    }
}

impl std::error::Error for DecodeError {}

/// Cuts a decoder's message before its first number, quotation or bracket: what follows may be bytes of the file.
pub(super) fn without_file_bytes(message: &str) -> String {
    let mut end = 0;
    let mut in_word = false;
    for (at, character) in message.char_indices() {
        let digit = character.is_ascii_digit() && !in_word;
        let plain = character.is_ascii_alphanumeric() || " ,.:;-_/".contains(character);
        if digit || !plain || at >= 160 {
            break;
        }
        in_word = character.is_ascii_alphanumeric();
        end = at + 1;
    }
    let text = message[..end].trim_end_matches([' ', ':', ',', ';', '.', '-']);
    if text.is_empty() {
        "the decoder refused it".to_owned()
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_stops_before_anything_that_could_come_from_the_file() {
        assert_eq!(
            without_file_bytes("Invalid Chunk header: [82, 73, 70]"),
            "Invalid Chunk header"
        );
        assert_eq!(
            without_file_bytes("CRC error: expected 0x12ab"),
            "CRC error: expected"
        );
        assert_eq!(without_file_bytes("bad VP8 magic \"x\""), "bad VP8 magic");
        assert_eq!(without_file_bytes("7 is wrong"), "the decoder refused it");
        assert_eq!(
            without_file_bytes("\u{e4}bc \u{1f980}"),
            "the decoder refused it"
        );
    }
}
