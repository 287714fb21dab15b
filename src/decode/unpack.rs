//! Packed samples to one byte each: palettes, grey of 1, 2 or 4 bits, and 16 bits to 8.

use crate::pixels::PixelFormat;

/// How rows of packed bytes become pixels.
#[derive(Clone, Debug)]
pub(super) struct Packed {
    /// Bits of one sample: 1, 2, 4 or 8.
    pub(super) bits: u8,
    /// Whether every grey byte is followed by one of alpha.
    pub(super) alpha: bool,
    /// Whether zero is white.
    pub(super) inverted: bool,
    /// The colours that samples are indices of.
    pub(super) palette: Option<Vec<[u8; 3]>>,
}

/// Returns the colours of a TIFF colour map: all reds, all greens, all blues, 16 bits each, of which the high byte
/// counts.
pub(super) fn palette(values: &[u64], bits: u64) -> Option<Vec<[u8; 3]>> {
    let count = 1_usize << bits.min(8);
    let plane = |n: usize| values.get(n * count..(n + 1) * count);
    let (red, green, blue) = (plane(0)?, plane(1)?, plane(2)?);
    let high = |value: u64| (value >> 8).to_le_bytes()[0];
    Some(
        (0..count)
            .map(|i| [high(red[i]), high(green[i]), high(blue[i])])
            .collect(),
    )
}

impl Packed {
    /// Returns the bytes of one packed row.
    pub(super) fn row_bytes(&self, width: u32) -> u32 {
        let samples = if self.alpha { 2 } else { 1 };
        (u64::from(width) * samples * u64::from(self.bits))
            .div_ceil(8)
            .try_into()
            .unwrap_or(u32::MAX)
    }

    /// Appends the pixels of packed rows to `out` and returns their format.
    pub(super) fn unpack(&self, packed: &[u8], width: u32, out: &mut Vec<u8>) -> PixelFormat {
        let columns = width as usize;
        let rows = packed.chunks_exact((self.row_bytes(width) as usize).max(1));
        if self.alpha {
            for row in rows {
                for pixel in row.chunks_exact(2) {
                    let grey = if self.inverted { !pixel[0] } else { pixel[0] };
                    out.extend_from_slice(&[grey, pixel[1]]);
                }
            }
            return PixelFormat::LumaAlpha8;
        }
        let per_byte = usize::from(8 / self.bits.clamp(1, 8));
        let mask = u8::MAX >> (8 - self.bits.clamp(1, 8));
        // 255 is a multiple of 1, 3, 15 and 255, so widening is exact.
        let scale = 255 / mask;
        for row in rows {
            let samples = (0..columns).map(|x| {
                let place = x % per_byte + 1;
                let shift = 8 - place * usize::from(self.bits);
                (row[x / per_byte] >> shift) & mask
            });
            match &self.palette {
                Some(palette) => {
                    for index in samples {
                        let colour = palette.get(usize::from(index));
                        out.extend_from_slice(colour.unwrap_or(&[0; 3]));
                    }
                }
                None if self.inverted => out.extend(samples.map(|v| !(v * scale))),
                None => out.extend(samples.map(|v| v * scale)),
            }
        }
        if self.palette.is_some() {
            PixelFormat::Rgb8
        } else {
            PixelFormat::Luma8
        }
    }
}

/// Keeps the high byte of each sample of 16 bits in the machine's byte order.
pub(super) fn drop_low_bytes(samples: &mut Vec<u8>) {
    let high = if cfg!(target_endian = "little") { 1 } else { 0 };
    let half = samples.len() / 2;
    for index in 0..half {
        samples[index] = samples[2 * index + high];
    }
    samples.truncate(half);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sixteen_bits_lose_their_low_byte_without_rounding() {
        let mut samples = [0x12FF_u16, 0x00FF, 0xFFFF]
            .iter()
            .flat_map(|v| v.to_ne_bytes())
            .collect();
        drop_low_bytes(&mut samples);
        assert_eq!(samples, [0x12, 0x00, 0xFF]);
    }

    #[test]
    fn rows_of_few_bits_end_at_a_byte() {
        let packed = Packed {
            bits: 4,
            alpha: false,
            inverted: false,
            palette: None,
        };
        let mut out = Vec::new();
        packed.unpack(&[0x0F, 0x10, 0x23, 0x40], 3, &mut out);
        assert_eq!(out, [0, 255, 17, 34, 51, 68]);
    }
}
