//! The symmetries of the square, under which PDQ has a hash for each.

use std::fmt;

use serde::{Deserialize, Serialize};

/// One of the eight rotations and reflections of a picture, under the reference's names.
///
/// Rotations turn counter-clockwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Dihedral {
    /// The picture as it is.
    Original,
    /// Turned counter-clockwise by 90 degrees.
    #[serde(rename = "rotate_90")]
    Rotate90,
    /// Turned by 180 degrees.
    #[serde(rename = "rotate_180")]
    Rotate180,
    /// Turned counter-clockwise by 270 degrees.
    #[serde(rename = "rotate_270")]
    Rotate270,
    /// Top and bottom exchanged (reflected about the horizontal axis).
    FlipX,
    /// Left and right exchanged (reflected about the vertical axis).
    FlipY,
    /// Transposed: reflected about the diagonal from top left to bottom right.
    #[serde(rename = "flip_plus_1")]
    FlipPlus1,
    /// Reflected about the diagonal from bottom left to top right.
    #[serde(rename = "flip_minus_1")]
    FlipMinus1,
}

impl Dihedral {
    /// All eight, in the reference's order.
    pub const ALL: [Self; 8] = [
        Self::Original,
        Self::Rotate90,
        Self::Rotate180,
        Self::Rotate270,
        Self::FlipX,
        Self::FlipY,
        Self::FlipPlus1,
        Self::FlipMinus1,
    ];

    /// Returns the stable name used in reports, for example `rotate_90`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Original => "original",
            Self::Rotate90 => "rotate_90",
            Self::Rotate180 => "rotate_180",
            Self::Rotate270 => "rotate_270",
            Self::FlipX => "flip_x",
            Self::FlipY => "flip_y",
            Self::FlipPlus1 => "flip_plus_1",
            Self::FlipMinus1 => "flip_minus_1",
        }
    }
}

impl fmt::Display for Dihedral {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
