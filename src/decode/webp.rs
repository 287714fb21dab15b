//! The chunk structure of a WebP file.
//!
//! The decoder behind this room is given a new file for each picture, with the coded picture alone, so no profile or
//! metadata is ever copied; frames are put together by [`canvas`](super::canvas), because the decoder's own animation
//! leaves cleared frames standing.

use std::ops::Range;

use super::bytes::{array, u16_le, u24_le, u32_le};
use super::error::DecodeError;
use super::options::Limits;
use super::sniff::ImageFormat;

const TRUNCATED: DecodeError = DecodeError::Truncated {
    format: ImageFormat::WebP,
};

/// A coded picture.
#[derive(Clone, Debug)]
pub(super) struct Picture {
    pub(super) width: u32,
    pub(super) height: u32,
    lossless: bool,
    data: Range<usize>,
    alpha: Option<Range<usize>>,
}

/// Where a frame goes.
#[derive(Clone, Debug)]
pub(super) struct Frame {
    pub(super) left: u32,
    pub(super) top: u32,
    /// Whether the frame is cleared away before the next.
    pub(super) clear: bool,
    /// Whether the frame is laid over the canvas rather than put in its place.
    pub(super) over: bool,
    pub(super) picture: Picture,
}

/// What the chunks say.
#[derive(Debug)]
pub(super) struct Layout<'a> {
    bytes: &'a [u8],
    pub(super) width: u32,
    pub(super) height: u32,
    /// The picture of a file that is not animated.
    pub(super) still: Option<Picture>,
    pub(super) exif: Option<Range<usize>>,
    /// The first frames that are whole, at most as many as asked for.
    pub(super) frames: Vec<Frame>,
    /// How many whole frames there are.
    pub(super) count: u32,
    /// What is wrong behind the last whole frame, if anything.
    pub(super) ending: Result<(), DecodeError>,
}

/// Reads all chunks and holds every shape against the limits; keeps the first `keep` frames. Linear in the number of
/// chunks, never panics.
pub(super) fn scan<'a>(
    bytes: &'a [u8],
    limits: &Limits,
    keep: usize,
) -> Result<Layout<'a>, DecodeError> {
    let length = u32_le(bytes, 4).ok_or(TRUNCATED)?;
    let stated = usize::try_from(length).map_or(usize::MAX, |n| n.saturating_add(8));
    let body = &bytes[..stated.min(bytes.len())];
    let mut layout = Layout {
        bytes,
        width: 0,
        height: 0,
        still: None,
        exif: None,
        frames: Vec::new(),
        count: 0,
        ending: Ok(()),
    };
    let (kind, data, end) = chunk(body, 12).ok_or(TRUNCATED)?;
    match &kind {
        b"VP8X" => {
            let flags = *body.get(data.start).ok_or(TRUNCATED)?;
            layout.width = 1 + u24_le(&body[data.clone()], 4).ok_or(TRUNCATED)?;
            layout.height = 1 + u24_le(&body[data], 7).ok_or(TRUNCATED)?;
            limits.check_shape(layout.width, layout.height)?;
            layout.ending = extended(&mut layout, body, end, flags & 2 != 0, limits, keep);
        }
        b"VP8 " | b"VP8L" => {
            let picture = picture(body, kind, data, None, limits)?;
            (layout.width, layout.height) = (picture.width, picture.height);
            layout.still = Some(picture);
        }
        _ => return Err(malformed("its first chunk is none of WebP's")),
    }
    // The last chunk's padding byte carries nothing, and some writers leave it out.
    if layout.ending.is_ok() && stated > bytes.len() + (stated & 1 ^ 1) {
        layout.ending = Err(TRUNCATED);
    }
    if layout.frames.is_empty() {
        layout.ending.clone()?;
        if layout.still.is_none() {
            return Err(malformed("it has no picture"));
        }
    }
    Ok(layout)
}

/// Reads the chunks behind an extended header.
fn extended(
    layout: &mut Layout<'_>,
    body: &[u8],
    mut at: usize,
    animated: bool,
    limits: &Limits,
    keep: usize,
) -> Result<(), DecodeError> {
    let mut alpha = None;
    while at < body.len() {
        let (kind, data, end) = chunk(body, at).ok_or(TRUNCATED)?;
        at = end;
        match &kind {
            b"ANMF" if animated => {
                let frame = frame(body, data, layout.width, layout.height, limits)?;
                layout.count = layout.count.saturating_add(1);
                if layout.frames.len() < keep {
                    layout.frames.push(frame);
                }
            }
            b"EXIF" if layout.exif.is_none() => layout.exif = Some(data),
            b"ALPH" if alpha.is_none() => alpha = Some(data),
            b"VP8 " | b"VP8L" if !animated && layout.still.is_none() => {
                let picture = picture(body, kind, data, alpha.take(), limits)?;
                if (picture.width, picture.height) != (layout.width, layout.height) {
                    return Err(malformed("the picture is not of the canvas's size"));
                }
                layout.still = Some(picture);
            }
            _ => {}
        }
    }
    Ok(())
}

/// Reads one frame of an animation.
fn frame(
    body: &[u8],
    data: Range<usize>,
    width: u32,
    height: u32,
    limits: &Limits,
) -> Result<Frame, DecodeError> {
    let part = &body[data.clone()];
    let short = || malformed("a frame is too short");
    let left = 2 * u24_le(part, 0).ok_or_else(short)?;
    let top = 2 * u24_le(part, 3).ok_or_else(short)?;
    let shape = (
        1 + u24_le(part, 6).ok_or_else(short)?,
        1 + u24_le(part, 9).ok_or_else(short)?,
    );
    let flags = *part.get(15).ok_or_else(short)?;
    if left + shape.0 > width || top + shape.1 > height {
        return Err(malformed("a frame reaches beyond the canvas"));
    }
    let inside = &body[..data.end];
    let mut at = data.start + 16;
    let mut alpha = None;
    while at < inside.len() {
        let (kind, data, end) = chunk(inside, at).ok_or_else(short)?;
        at = end;
        match &kind {
            b"ALPH" => alpha = Some(data),
            b"VP8 " | b"VP8L" => {
                let picture = picture(body, kind, data, alpha, limits)?;
                if (picture.width, picture.height) != shape {
                    return Err(malformed("a frame's picture is not of the frame's size"));
                }
                return Ok(Frame {
                    left,
                    top,
                    clear: flags & 1 != 0,
                    over: flags & 2 == 0,
                    picture,
                });
            }
            _ => {}
        }
    }
    Err(malformed("a frame has no picture"))
}

/// Reads the head of a coded picture.
fn picture(
    body: &[u8],
    kind: [u8; 4],
    data: Range<usize>,
    alpha: Option<Range<usize>>,
    limits: &Limits,
) -> Result<Picture, DecodeError> {
    let part = &body[data.clone()];
    let short = || malformed("a picture is too short");
    let lossless = kind == *b"VP8L";
    let (width, height) = if lossless {
        let bits = u32_le(part, 1).ok_or_else(short)?;
        ((bits & 0x3FFF) + 1, ((bits >> 14) & 0x3FFF) + 1)
    } else {
        let side = |at| u16_le(part, at).map(|n| u32::from(n & 0x3FFF));
        (side(6).ok_or_else(short)?, side(8).ok_or_else(short)?)
    };
    if width == 0 || height == 0 {
        return Err(malformed("a picture has no pixels"));
    }
    limits.check_shape(width, height)?;
    Ok(Picture {
        width,
        height,
        lossless,
        data,
        alpha: alpha.filter(|_| !lossless),
    })
}

impl Layout<'_> {
    /// Writes a picture as a file of its own.
    pub(super) fn write_picture(&self, file: &mut Vec<u8>, picture: &Picture) {
        file.clear();
        file.extend_from_slice(b"RIFF\0\0\0\0WEBP");
        let kind = if picture.lossless { *b"VP8L" } else { *b"VP8 " };
        if let Some(alpha) = &picture.alpha {
            let [w0, w1, w2, _] = (picture.width - 1).to_le_bytes();
            let [h0, h1, h2, _] = (picture.height - 1).to_le_bytes();
            write_chunk(file, *b"VP8X", &[0x10, 0, 0, 0, w0, w1, w2, h0, h1, h2]);
            write_chunk(file, *b"ALPH", &self.bytes[alpha.clone()]);
        }
        write_chunk(file, kind, &self.bytes[picture.data.clone()]);
        let length = u32::try_from(file.len() - 8).unwrap_or(u32::MAX);
        file[4..8].copy_from_slice(&length.to_le_bytes());
    }
}

impl Picture {
    /// Memory for decoding besides the output: planes, or pixels of four bytes and the alpha plane.
    pub(super) fn working_bytes(&self) -> u64 {
        let area = u64::from(self.width + 32) * u64::from(self.height + 32);
        let alpha = if self.alpha.is_some() { 5 } else { 0 };
        area * if self.lossless { 5 } else { 2 + alpha }
    }
}

fn malformed(reason: &str) -> DecodeError {
    DecodeError::malformed(ImageFormat::WebP, reason)
}

/// Returns type, data and the end (with padding) of the chunk at `at`, if its data is all there.
fn chunk(bytes: &[u8], at: usize) -> Option<([u8; 4], Range<usize>, usize)> {
    let length = usize::try_from(u32_le(bytes, at.checked_add(4)?)?).ok()?;
    let start = at.checked_add(8)?;
    let end = start.checked_add(length)?;
    (end <= bytes.len()).then_some((array(bytes, at)?, start..end, end + (length & 1)))
}

fn write_chunk(file: &mut Vec<u8>, kind: [u8; 4], data: &[u8]) {
    // A chunk's data came from a chunk, so its length fits.
    let length = u32::try_from(data.len()).unwrap_or(u32::MAX);
    file.extend_from_slice(&kind);
    file.extend_from_slice(&length.to_le_bytes());
    file.extend_from_slice(data);
    if data.len() & 1 == 1 {
        file.push(0);
    }
}
