//! The marker structure of a JPEG file.
//!
//! The decoder behind this room fills what is missing from a cut scan with grey and says nothing. So the markers are
//! walked here first: a file counts as whole only if every component has a scan and an end-of-image marker follows.
//! Bytes after that marker are common and harmless. A scan that was cut and had an end-of-image marker put behind it
//! cannot be told from a damaged one without decoding it; it decodes to what the decoder makes of it.

use std::ops::Range;

use memchr::memchr;

use super::bytes::{array, u16_be};
use super::error::DecodeError;
use super::options::Limits;
use super::sniff::ImageFormat;

const TRUNCATED: DecodeError = DecodeError::Truncated {
    format: ImageFormat::Jpeg,
};

/// What the markers say of a whole file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Layout {
    pub(super) width: u32,
    pub(super) height: u32,
    /// Memory for decoding besides the output: coefficients that must be kept until the last scan.
    pub(super) working_bytes: u64,
    /// Whether luma is stored as a component of its own that can be decoded alone, if the colours are YCbCr.
    pub(super) luma: bool,
    /// The EXIF block, without its `Exif` prefix.
    pub(super) exif: Option<Range<usize>>,
}

/// The frame header: shape and components.
struct FrameHeader {
    width: u32,
    height: u32,
    progressive: bool,
    /// Identifier, horizontal and vertical sampling.
    components: Vec<(u8, u64, u64)>,
}

impl FrameHeader {
    /// Whether the first of three components is stored at full size and the others as 4:4:4, 4:2:2 or 4:2:0 have it.
    /// Of other samplings, which are rare, the decoder does not always hand out the right rows alone: of 4:4:0 it does not.
    fn is_luma_first(&self) -> bool {
        let sampling: Vec<_> = self.components.iter().map(|c| (c.1, c.2)).collect();
        matches!(sampling[..], [(1, 1) | (2, 1 | 2), (1, 1), (1, 1)])
    }
}

/// Reads the markers up to the end of the image and holds the shape against the limits. Linear, no allocation to speak of, never panics.
pub(super) fn scan(bytes: &[u8], limits: &Limits) -> Result<Layout, DecodeError> {
    let mut at = 2;
    let mut frame: Option<FrameHeader> = None;
    let mut exif = None;
    let mut scanned = Vec::new();
    let mut interleaved = true;
    let mut colours_late = false;
    loop {
        // To the next marker. Decoders skip what lies between segments, and entropy-coded data.
        let rest = bytes.get(at..).unwrap_or_default();
        at += memchr(0xFF, rest).ok_or(TRUNCATED)? + 1;
        let marker = *bytes.get(at).ok_or(TRUNCATED)?;
        match marker {
            0xFF => continue,
            0x00 | 0x01 | 0xD0..=0xD8 => {
                at += 1;
                continue;
            }
            0xD9 => break,
            _ => at += 1,
        }
        let length = usize::from(u16_be(bytes, at).ok_or(TRUNCATED)?);
        if length < 2 {
            return Err(malformed("a segment is shorter than its own length field"));
        }
        let segment = bytes.get(at + 2..at + length).ok_or(TRUNCATED)?;
        match marker {
            0xC4 | 0xC8 | 0xCC => {}
            0xC0..=0xCF => {
                if frame.is_some() {
                    return Err(malformed("it has a second frame header"));
                }
                let header = frame_header(marker, segment)?;
                limits.check_shape(header.width, header.height)?;
                frame = Some(header);
            }
            0xE1 if segment.starts_with(b"Exif\0\0") && exif.is_none() => {
                exif = Some(at + 8..at + length);
            }
            0xDA => {
                let header = frame
                    .as_ref()
                    .ok_or_else(|| malformed("a scan comes before the frame header"))?;
                let count = usize::from(*segment.first().unwrap_or(&0));
                interleaved &= count == header.components.len();
                for selector in segment.get(1..).unwrap_or_default().chunks(2).take(count) {
                    if !scanned.contains(&selector[0]) {
                        scanned.push(selector[0]);
                    }
                }
            }
            // The decoder heeds what follows a scan, too: it may say that three components are not YCbCr.
            0xEE if !scanned.is_empty() => colours_late = true,
            _ => {}
        }
        at += length;
    }
    let frame = frame.ok_or_else(|| malformed("it has no frame header"))?;
    if frame
        .components
        .iter()
        .any(|(id, _, _)| !scanned.contains(id))
    {
        return Err(TRUNCATED);
    }
    Ok(Layout {
        luma: frame.is_luma_first() && (frame.progressive || interleaved) && !colours_late,
        width: frame.width,
        height: frame.height,
        working_bytes: coefficients(&frame, frame.progressive || !interleaved),
        exif,
    })
}

fn malformed(reason: &str) -> DecodeError {
    DecodeError::malformed(ImageFormat::Jpeg, reason)
}

fn frame_header(marker: u8, segment: &[u8]) -> Result<FrameHeader, DecodeError> {
    match marker {
        0xC0..=0xC2 => {}
        0xC3 => return Err(DecodeError::unsupported("lossless jpeg")),
        0xC9..=0xCB => return Err(DecodeError::unsupported("jpeg with arithmetic coding")),
        _ => return Err(DecodeError::unsupported("hierarchical jpeg")),
    }
    let short = || malformed("the frame header is too short");
    let [depth] = array(segment, 0).ok_or_else(short)?;
    let height = u32::from(u16_be(segment, 1).ok_or_else(short)?);
    let width = u32::from(u16_be(segment, 3).ok_or_else(short)?);
    let [count] = array(segment, 5).ok_or_else(short)?;
    if depth != 8 {
        return Err(DecodeError::unsupported("jpeg with samples of 12 bits"));
    }
    if height == 0 {
        return Err(DecodeError::unsupported(
            "jpeg with its height after the scan",
        ));
    }
    if !matches!(count, 1 | 3 | 4) {
        return Err(DecodeError::unsupported(
            "jpeg with components other than grey, three colours or four",
        ));
    }
    let mut components = Vec::new();
    for index in 0..usize::from(count) {
        let [id, sampling, _] = array(segment, 6 + 3 * index).ok_or_else(short)?;
        let (across, down) = (u64::from(sampling >> 4), u64::from(sampling & 15));
        if !(1..=4).contains(&across) || !(1..=4).contains(&down) {
            return Err(malformed("a sampling factor is not from 1 to 4"));
        }
        components.push((id, across, down));
    }
    Ok(FrameHeader {
        width,
        height,
        progressive: marker == 0xC2,
        components,
    })
}

/// Two bytes for each coefficient: of all rows when scans must be kept, else of one row of blocks, twice over for
/// upsampling.
fn coefficients(frame: &FrameHeader, whole: bool) -> u64 {
    let widest = frame.components.iter().map(|c| c.1).max().unwrap_or(1);
    let tallest = frame.components.iter().map(|c| c.2).max().unwrap_or(1);
    let across = u64::from(frame.width).div_ceil(8 * widest);
    let down = u64::from(frame.height).div_ceil(8 * tallest);
    let per_unit: u64 = frame.components.iter().map(|c| c.1 * c.2 * 64 * 2).sum();
    let rows = if whole { down + 4 } else { 4 };
    // Upsampled rows and colour conversion take a few lines at full width besides.
    across * per_unit * rows + u64::from(frame.width) * 512
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scan(bytes: &[u8]) -> Result<Layout, DecodeError> {
        super::scan(bytes, &Limits::default())
    }

    /// A grey picture of 16x8 whose scan data is `scan`.
    fn grey(scan: &[u8]) -> Vec<u8> {
        let mut file = vec![0xFF, 0xD8];
        file.extend([0xFF, 0xC0, 0, 11, 8, 0, 8, 0, 16, 1, 1, 0x11, 0]);
        file.extend([0xFF, 0xDA, 0, 8, 1, 1, 0, 0, 63, 0]);
        file.extend(scan);
        file
    }

    #[test]
    fn a_scan_without_an_end_marker_is_truncated() {
        assert_eq!(scan(&grey(&[1, 2, 3])), Err(TRUNCATED));
        assert_eq!(scan(&grey(&[1, 0xFF, 0x00, 0xFF, 0xD3])), Err(TRUNCATED));
        assert_eq!(scan(&grey(&[1, 0xFF])), Err(TRUNCATED));
        let whole = scan(&grey(&[1, 0xFF, 0, 0xFF, 0xD0, 0xFF, 0xFF, 0xD9, 7])).unwrap();
        assert_eq!((whole.width, whole.height), (16, 8));
    }

    #[test]
    fn an_end_marker_inside_a_thumbnail_ends_nothing() {
        let mut file = vec![0xFF, 0xD8, 0xFF, 0xE1, 0, 6, 0xFF, 0xD9, 0xFF, 0xD9];
        file.extend(&grey(&[1, 2])[2..]);
        assert_eq!(scan(&file), Err(TRUNCATED));
    }

    #[test]
    fn a_component_without_a_scan_is_truncated() {
        let mut file = vec![0xFF, 0xD8, 0xFF, 0xC2, 0, 17, 8, 0, 8, 0, 16, 3];
        file.extend([1, 0x11, 0, 2, 0x11, 0, 3, 0x11, 0]);
        file.extend([0xFF, 0xDA, 0, 8, 1, 1, 0, 0, 0, 0, 5, 0xFF, 0xD9]);
        assert_eq!(scan(&file), Err(TRUNCATED));
    }

    #[test]
    fn an_end_marker_before_any_scan_is_no_picture() {
        assert!(matches!(
            scan(&[0xFF, 0xD8, 0xFF, 0xD9]),
            Err(DecodeError::Malformed { .. })
        ));
    }

    #[test]
    fn a_second_frame_header_cannot_slip_past_the_limits() {
        let mut file = grey(&[1]);
        file.extend([
            0xFF, 0xC0, 0, 11, 8, 0xEA, 0x60, 0xEA, 0x60, 1, 1, 0x11, 0, 0xFF, 0xD9,
        ]);
        assert!(matches!(scan(&file), Err(DecodeError::Malformed { .. })));
    }

    #[test]
    fn progressive_coefficients_are_counted_whole() {
        let frame = |progressive| FrameHeader {
            width: 4000,
            height: 3000,
            progressive,
            components: vec![(1, 2, 2), (2, 1, 1), (3, 1, 1)],
        };
        assert!(coefficients(&frame(true), true) >= 4000 * 3000 * 3);
        assert!(coefficients(&frame(false), false) < 4000 * 3000);
    }
}
