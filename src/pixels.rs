//! Decoded pixels in memory: a borrowed view, proved in bounds when it is made, and an owned buffer.
//!
//! This room knows nothing of decoders or hashes. A platform that decodes pictures itself (HEIC, AVIF, video
//! frames) hands them over as [`Pixels`].

use std::fmt;

/// How the bytes of one pixel are laid out. All samples are 8 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PixelFormat {
    /// One byte: luma.
    Luma8,
    /// Two bytes: luma, alpha.
    LumaAlpha8,
    /// Three bytes: red, green, blue.
    Rgb8,
    /// Four bytes: red, green, blue, alpha (not premultiplied).
    Rgba8,
}

impl PixelFormat {
    /// Returns the number of bytes of one pixel.
    pub const fn bytes_per_pixel(self) -> usize {
        match self {
            Self::Luma8 => 1,
            Self::LumaAlpha8 => 2,
            Self::Rgb8 => 3,
            Self::Rgba8 => 4,
        }
    }

    /// Returns the stable lower-case name used in reports: `luma8`, `luma_alpha8`, `rgb8`, `rgba8`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Luma8 => "luma8",
            Self::LumaAlpha8 => "luma_alpha8",
            Self::Rgb8 => "rgb8",
            Self::Rgba8 => "rgba8",
        }
    }
}

/// Why a buffer is not the picture it is said to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PixelsError {
    /// Width or height is zero.
    Empty {
        /// The width given, in pixels.
        width: u32,
        /// The height given, in pixels.
        height: u32,
    },
    /// The stride is smaller than one row of pixels.
    StrideTooSmall {
        /// The stride given, in bytes.
        stride: usize,
        /// The bytes one row needs.
        needed: usize,
    },
    /// The buffer ends before the last row does.
    BufferTooShort {
        /// The length of the buffer, in bytes.
        length: usize,
        /// The bytes the shape needs.
        needed: usize,
    },
    /// Width, height and stride together exceed what this machine can address.
    TooLarge {
        /// The width given, in pixels.
        width: u32,
        /// The height given, in pixels.
        height: u32,
    },
}

impl fmt::Display for PixelsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty { width, height } => {
                write!(f, "a picture of {width}x{height} pixels has no pixels")
            }
            Self::StrideTooSmall { stride, needed } => {
                write!(f, "stride is {stride} bytes but a row needs {needed}")
            }
            Self::BufferTooShort { length, needed } => write!(
                f,
                "pixel buffer has {length} bytes but its shape needs {needed}"
            ),
            Self::TooLarge { width, height } => write!(
                f,
                "a picture of {width}x{height} pixels is larger than this machine can address"
            ),
        }
    }
}

impl std::error::Error for PixelsError {}

/// A borrowed view of a decoded picture: rows from top to bottom, `stride` bytes apart.
///
/// Every row of a value of this type lies inside its buffer; this is checked once, in [`Pixels::new`].
///
/// # Example
/// ```
/// use hashsieve::{PixelFormat, Pixels};
/// let grey = vec![128_u8; 6 * 4];
/// let pixels = Pixels::new(PixelFormat::Luma8, 6, 4, 6, &grey)?;
/// assert_eq!(pixels.row(3).len(), 6);
/// # Ok::<(), hashsieve::PixelsError>(())
/// ```
#[derive(Clone, Copy)]
pub struct Pixels<'a> {
    data: &'a [u8],
    format: PixelFormat,
    width: u32,
    height: u32,
    stride: usize,
    row_bytes: usize,
}

impl<'a> Pixels<'a> {
    /// Returns a view of `data` as `height` rows of `width` pixels, `stride` bytes from row to row.
    ///
    /// The last row needs no padding: the buffer may end with its last pixel. O(1).
    ///
    /// # Errors
    /// [`PixelsError`] when a side is zero, the stride is smaller than a row, or the buffer is too short.
    /// Never panics.
    pub fn new(
        format: PixelFormat,
        width: u32,
        height: u32,
        stride: usize,
        data: &'a [u8],
    ) -> Result<Self, PixelsError> {
        if width == 0 || height == 0 {
            return Err(PixelsError::Empty { width, height });
        }
        let too_large = PixelsError::TooLarge { width, height };
        let columns = usize::try_from(width).map_err(|_| too_large)?;
        let rows = usize::try_from(height).map_err(|_| too_large)?;
        let row_bytes = columns
            .checked_mul(format.bytes_per_pixel())
            .ok_or(too_large)?;
        if stride < row_bytes {
            return Err(PixelsError::StrideTooSmall {
                stride,
                needed: row_bytes,
            });
        }
        let needed = (rows - 1)
            .checked_mul(stride)
            .and_then(|bytes| bytes.checked_add(row_bytes))
            .ok_or(too_large)?;
        if data.len() < needed {
            return Err(PixelsError::BufferTooShort {
                length: data.len(),
                needed,
            });
        }
        Ok(Self {
            data,
            format,
            width,
            height,
            stride,
            row_bytes,
        })
    }

    /// Returns the layout of one pixel.
    pub fn format(&self) -> PixelFormat {
        self.format
    }

    /// Returns the width in pixels, at least 1.
    pub fn width(&self) -> u32 {
        self.width
    }

    /// Returns the height in pixels, at least 1.
    pub fn height(&self) -> u32 {
        self.height
    }

    /// Returns the bytes of row `y`, without padding.
    ///
    /// # Panics
    /// If `y` is not below [`height`](Self::height).
    pub fn row(&self, y: usize) -> &'a [u8] {
        assert!(y < self.height as usize, "there are not as many rows");
        let start = y * self.stride;
        &self.data[start..start + self.row_bytes]
    }

    /// Returns the rows from top to bottom, without padding.
    pub fn rows(&self) -> impl ExactSizeIterator<Item = &'a [u8]> + use<'a> {
        let view = *self;
        // `new` proved that a height fits in `usize`.
        (0..view.height as usize).map(move |y| view.row(y))
    }
}

impl fmt::Debug for Pixels<'_> {
    /// Prints the shape, never a pixel.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pixels")
            .field("format", &self.format)
            .field("width", &self.width)
            .field("height", &self.height)
            .field("stride", &self.stride)
            .finish_non_exhaustive()
    }
}

/// An owned picture with rows packed one after another.
///
/// Its buffer is kept when a new picture is put in, so one value can take many frames without new memory.
#[derive(Clone, PartialEq, Eq)]
pub struct PixelBuffer {
    data: Vec<u8>,
    format: PixelFormat,
    width: u32,
    height: u32,
}

impl PixelBuffer {
    /// Returns a picture over packed rows.
    ///
    /// # Errors
    /// [`PixelsError`] as for [`Pixels::new`] with a stride of exactly one row.
    pub fn new(
        format: PixelFormat,
        width: u32,
        height: u32,
        data: Vec<u8>,
    ) -> Result<Self, PixelsError> {
        let stride = (width as usize).saturating_mul(format.bytes_per_pixel());
        Pixels::new(format, width, height, stride, &data)?;
        Ok(Self {
            data,
            format,
            width,
            height,
        })
    }

    /// Returns a borrowed view of the picture.
    pub fn as_pixels(&self) -> Pixels<'_> {
        let row_bytes = self.width as usize * self.format.bytes_per_pixel();
        Pixels {
            data: &self.data,
            format: self.format,
            width: self.width,
            height: self.height,
            stride: row_bytes,
            row_bytes,
        }
    }

    /// Returns the layout of one pixel.
    pub fn format(&self) -> PixelFormat {
        self.format
    }

    /// Returns the width in pixels.
    pub fn width(&self) -> u32 {
        self.width
    }

    /// Returns the height in pixels.
    pub fn height(&self) -> u32 {
        self.height
    }

    /// Returns the packed bytes, row after row.
    pub fn as_bytes(&self) -> &[u8] {
        &self.data
    }

    /// Returns the packed bytes, giving up the picture.
    pub fn into_bytes(self) -> Vec<u8> {
        self.data
    }
}

impl fmt::Debug for PixelBuffer {
    /// Prints the shape, never a pixel.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PixelBuffer")
            .field("format", &self.format)
            .field("width", &self.width)
            .field("height", &self.height)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_wrong_shape_is_refused_with_its_numbers() {
        let data = [0_u8; 12];
        let make = |w, h, stride| Pixels::new(PixelFormat::Rgb8, w, h, stride, &data);
        assert_eq!(
            make(0, 2, 6).unwrap_err(),
            PixelsError::Empty {
                width: 0,
                height: 2
            }
        );
        assert_eq!(
            make(2, 2, 5).unwrap_err(),
            PixelsError::StrideTooSmall {
                stride: 5,
                needed: 6
            }
        );
        assert_eq!(
            make(2, 2, 7).unwrap_err(),
            PixelsError::BufferTooShort {
                length: 12,
                needed: 13
            }
        );
        assert!(matches!(
            make(2, 3, usize::MAX / 2 + 1).unwrap_err(),
            PixelsError::TooLarge { .. }
        ));
        assert!(make(u32::MAX, u32::MAX, usize::MAX).is_err());
    }

    #[test]
    fn padding_is_never_part_of_a_row() {
        let data = [1, 2, 9, 3, 4];
        let pixels = Pixels::new(PixelFormat::Luma8, 2, 2, 3, &data).unwrap();
        assert_eq!(pixels.rows().collect::<Vec<_>>(), [[1, 2], [3, 4]]);
    }

    #[test]
    fn debug_output_shows_no_pixel() {
        let buffer = PixelBuffer::new(PixelFormat::Luma8, 2, 1, vec![201, 202]).unwrap();
        let text = format!("{buffer:?} {:?}", buffer.as_pixels());
        assert!(!text.contains("201") && !text.contains("202"));
    }
}
