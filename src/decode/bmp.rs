//! The header of a BMP file: its shape, and whether its rows are all there.

use super::bytes::{array, u16_le, u32_le};
use super::error::DecodeError;
use super::options::Limits;
use super::sniff::ImageFormat;

const TRUNCATED: DecodeError = DecodeError::Truncated {
    format: ImageFormat::Bmp,
};

/// Width and height.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Layout {
    pub(super) width: u32,
    pub(super) height: u32,
}

/// Reads the header and holds it against the limits. O(1), never panics.
pub(super) fn scan(bytes: &[u8], limits: &Limits) -> Result<Layout, DecodeError> {
    let data = u64::from(u32_le(bytes, 10).ok_or(TRUNCATED)?);
    let header = u32_le(bytes, 14).ok_or(TRUNCATED)?;
    let (width, height, depth, compression) = if header == 12 {
        let width = u32::from(u16_le(bytes, 18).ok_or(TRUNCATED)?);
        let height = u32::from(u16_le(bytes, 20).ok_or(TRUNCATED)?);
        (width, height, u16_le(bytes, 24).ok_or(TRUNCATED)?, 0)
    } else if header >= 40 {
        let width = array(bytes, 18).map(i32::from_le_bytes).ok_or(TRUNCATED)?;
        let height = array(bytes, 22).map(i32::from_le_bytes).ok_or(TRUNCATED)?;
        let depth = u16_le(bytes, 28).ok_or(TRUNCATED)?;
        let width = u32::try_from(width)
            .map_err(|_| DecodeError::malformed(ImageFormat::Bmp, "the width is negative"))?;
        // A negative height means rows from the top.
        (
            width,
            height.unsigned_abs(),
            depth,
            u32_le(bytes, 30).ok_or(TRUNCATED)?,
        )
    } else {
        return Err(DecodeError::unsupported("bmp with an unknown header"));
    };
    limits.check_shape(width, height)?;
    // Run-length coded rows (1 and 2) have no length to check here; their decoder stops at the end of the file.
    if matches!(compression, 0 | 3 | 6) {
        let row = (u64::from(width) * u64::from(depth)).div_ceil(32) * 4;
        let end = row
            .checked_mul(u64::from(height))
            .and_then(|n| n.checked_add(data));
        if end.is_none_or(|end| end > bytes.len() as u64) {
            return Err(TRUNCATED);
        }
    }
    Ok(Layout { width, height })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bitmap_one_byte_short_is_truncated() {
        let mut file = b"BM\0\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0".to_vec();
        file.extend([2, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF, 1, 0, 24, 0]);
        file.resize(54 + 8, 0);
        let limits = Limits::default();
        let (width, height) = (2, 1);
        assert_eq!(scan(&file, &limits), Ok(Layout { width, height }));
        assert_eq!(scan(&file[..61], &limits), Err(TRUNCATED));
    }
}
