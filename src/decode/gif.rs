//! The block structure of a GIF file.
//!
//! The decoder behind this room is given a new file for each frame, with that frame alone; frames are put together by
//! [`canvas`](super::canvas).

use std::ops::Range;

use super::bytes::u16_le;
use super::canvas::Region;
use super::error::DecodeError;
use super::options::Limits;
use super::sniff::ImageFormat;

const TRUNCATED: DecodeError = DecodeError::Truncated {
    format: ImageFormat::Gif,
};

/// Where a frame goes and where its parts lie.
#[derive(Clone, Debug)]
pub(super) struct Frame {
    pub(super) region: Region,
    pub(super) disposal: u8,
    pub(super) transparent: Option<u8>,
    /// The frame's own colours, if it has them.
    palette: Option<Range<usize>>,
    descriptor_flags: u8,
    /// From the code size to the end of the last block.
    data: Range<usize>,
}

/// What the blocks say.
#[derive(Debug)]
pub(super) struct Layout<'a> {
    bytes: &'a [u8],
    /// The canvas: the screen, or the first frame where that reaches further.
    pub(super) width: u32,
    pub(super) height: u32,
    background: u8,
    palette: Option<Range<usize>>,
    /// The first frames that are whole, at most as many as asked for.
    pub(super) frames: Vec<Frame>,
    /// How many whole frames there are.
    pub(super) count: u32,
    /// What is wrong behind the last whole frame, if anything.
    pub(super) ending: Result<(), DecodeError>,
}

/// Reads all blocks and holds the canvas against the limits; keeps the first `keep` frames. Linear in the number of
/// blocks, never panics.
pub(super) fn scan<'a>(
    bytes: &'a [u8],
    limits: &Limits,
    keep: usize,
) -> Result<Layout<'a>, DecodeError> {
    let &[flags, background, _] = bytes.get(10..13).ok_or(TRUNCATED)? else {
        return Err(TRUNCATED);
    };
    let mut layout = Layout {
        bytes,
        width: u16_le(bytes, 6).ok_or(TRUNCATED)?.into(),
        height: u16_le(bytes, 8).ok_or(TRUNCATED)?.into(),
        background,
        palette: None,
        frames: Vec::new(),
        count: 0,
        ending: Ok(()),
    };
    limits.check_shape(layout.width, layout.height)?;
    let mut at = 13;
    layout.palette = palette(flags, &mut at);
    layout.ending = blocks(&mut layout, at, limits, keep);
    if layout.frames.is_empty() {
        layout.ending.clone()?;
        return Err(malformed("it has no frame"));
    }
    Ok(layout)
}

/// Reads blocks up to the trailer.
fn blocks(
    layout: &mut Layout<'_>,
    mut at: usize,
    limits: &Limits,
    keep: usize,
) -> Result<(), DecodeError> {
    let bytes = layout.bytes;
    let (mut disposal, mut transparent) = (0, None);
    loop {
        match bytes.get(at).ok_or(TRUNCATED)? {
            0x3B => return Ok(()),
            // Stray zeros between blocks are a known habit of old encoders.
            0x00 => at += 1,
            0x21 => {
                if let Some(&[0xF9, 4, flags, _, _, index]) = bytes.get(at + 1..at + 7) {
                    disposal = (flags >> 2) & 7;
                    transparent = (flags & 1 == 1).then_some(index);
                }
                at = skip_blocks(bytes, at + 2)?;
            }
            0x2C => {
                let side = |offset| u16_le(bytes, at + offset).map(u32::from).ok_or(TRUNCATED);
                let (left, top, width, height) = (side(1)?, side(3)?, side(5)?, side(7)?);
                let flags = *bytes.get(at + 9).ok_or(TRUNCATED)?;
                at += 10;
                let palette = palette(flags, &mut at);
                let start = at;
                at = skip_blocks(bytes, at + 1)?;
                if width == 0 || height == 0 {
                    return Err(malformed("a frame has no pixels"));
                }
                if layout.count == 0 {
                    layout.width = layout.width.max(left + width);
                    layout.height = layout.height.max(top + height);
                    limits.check_shape(layout.width, layout.height)?;
                }
                layout.count = layout.count.saturating_add(1);
                if layout.frames.len() < keep {
                    layout.frames.push(Frame {
                        region: Region {
                            left,
                            top,
                            width,
                            height,
                        },
                        disposal,
                        transparent,
                        palette,
                        descriptor_flags: flags,
                        data: start..at,
                    });
                }
                (disposal, transparent) = (0, None);
            }
            _ => return Err(malformed("it has an unknown block")),
        }
    }
}

impl Layout<'_> {
    /// Writes one frame as a file of its own, with a screen of the frame's size.
    pub(super) fn write_frame(&self, file: &mut Vec<u8>, frame: &Frame) -> Result<(), DecodeError> {
        let side = |n: u32| u16::try_from(n).map_or([0xFF; 2], u16::to_le_bytes);
        let (width, height) = (side(frame.region.width), side(frame.region.height));
        let colours = self
            .colours(frame)
            .ok_or_else(|| malformed("a frame has no palette"))?;
        file.clear();
        file.extend_from_slice(b"GIF89a");
        file.extend_from_slice(&width);
        file.extend_from_slice(&height);
        file.extend_from_slice(&[0, 0, 0]);
        if let Some(index) = frame.transparent {
            file.extend_from_slice(&[0x21, 0xF9, 4, 1, 0, 0, index, 0]);
        }
        file.extend_from_slice(&[0x2C, 0, 0, 0, 0]);
        file.extend_from_slice(&width);
        file.extend_from_slice(&height);
        // The palette, wherever it came from, becomes the frame's own. Bit 64 keeps the row order.
        let size = match colours.len() / 3 {
            0..=2 => 0,
            n => n.ilog2().to_le_bytes()[0] - 1,
        };
        file.push(0x80 | (frame.descriptor_flags & 0x40) | size);
        file.extend_from_slice(colours);
        file.extend_from_slice(&self.bytes[frame.data.clone()]);
        file.push(0x3B);
        Ok(())
    }

    fn colours(&self, frame: &Frame) -> Option<&[u8]> {
        let range = frame.palette.clone().or_else(|| self.palette.clone())?;
        self.bytes.get(range)
    }

    fn colour(&self, frame: &Frame, index: u8) -> [u8; 3] {
        let at = usize::from(index) * 3;
        self.colours(frame)
            .and_then(|c| c.get(at..at + 3).or(c.get(..3)))
            .and_then(|c| c.try_into().ok())
            .unwrap_or_default()
    }

    /// The colour around a first frame that does not fill the canvas: the transparent one, else the first.
    pub(super) fn surround(&self, frame: &Frame) -> [u8; 3] {
        self.colour(frame, frame.transparent.unwrap_or(0))
    }

    /// The colour left where a frame is cleared away: the transparent one, else the background.
    pub(super) fn cleared(&self, frame: &Frame) -> [u8; 3] {
        self.colour(frame, frame.transparent.unwrap_or(self.background))
    }
}

fn malformed(reason: &str) -> DecodeError {
    DecodeError::malformed(ImageFormat::Gif, reason)
}

/// Steps over the palette that `flags` announce; it may lie beyond the end of the file.
fn palette(flags: u8, at: &mut usize) -> Option<Range<usize>> {
    (flags & 0x80 != 0).then(|| {
        let start = *at;
        *at += 3 << ((flags & 7) + 1);
        start..*at
    })
}

/// Steps over data blocks and their terminator.
fn skip_blocks(bytes: &[u8], mut at: usize) -> Result<usize, DecodeError> {
    loop {
        let length = usize::from(*bytes.get(at).ok_or(TRUNCATED)?);
        at += 1 + length;
        if length == 0 {
            return Ok(at);
        }
    }
}
