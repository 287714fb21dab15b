//! The chunk structure of a PNG or APNG file.
//!
//! The decoder behind this room is given a new file for each frame, made of the critical chunks and `tRNS` only. So no
//! text, profile or unknown chunk is ever unpacked, animation frames of 16 bits decode like any other, and a file
//! counts as whole only if its `IEND` chunk is there.

use std::ops::Range;

use super::bytes::{array, u16_be, u32_be};
use super::canvas::Region;
use super::error::DecodeError;
use super::options::Limits;
use super::sniff::ImageFormat;

const TRUNCATED: DecodeError = DecodeError::Truncated {
    format: ImageFormat::Png,
};

const SIGNATURE: &[u8; 8] = b"\x89PNG\r\n\x1a\n";
/// Length, type and checksum around a chunk's data.
const CHUNK_FRAME: usize = 12;

/// Where a frame of the animation goes, and where its data chunks lie.
#[derive(Clone, Debug)]
pub(super) struct Frame {
    pub(super) region: Region,
    pub(super) dispose: u8,
    pub(super) blend: u8,
    /// The chunks from the frame's control chunk to the next one. Empty if the frame is the still picture.
    span: Range<usize>,
}

impl Frame {
    /// Returns whether the frame is the still picture.
    pub(super) fn is_still(&self) -> bool {
        self.span.is_empty()
    }
}

/// What the chunks say.
#[derive(Debug)]
pub(super) struct Layout<'a> {
    bytes: &'a [u8],
    pub(super) width: u32,
    pub(super) height: u32,
    /// Bytes a pixel takes once palettes and small samples are widened.
    pub(super) pixel_bytes: u64,
    header: [u8; 13],
    palette: Option<Range<usize>>,
    transparency: Option<Range<usize>>,
    image: Range<usize>,
    pub(super) exif: Option<Range<usize>>,
    pub(super) animated: bool,
    /// The first frames that are whole, at most as many as asked for.
    pub(super) frames: Vec<Frame>,
    /// How many whole frames there are.
    pub(super) count: u32,
    /// What is wrong behind the last whole frame, if anything.
    pub(super) ending: Result<(), DecodeError>,
}

/// Reads all chunks and holds the shape against the limits; keeps the first `keep` frames. Linear in the number of
/// chunks, never panics.
pub(super) fn scan<'a>(
    bytes: &'a [u8],
    limits: &Limits,
    keep: usize,
) -> Result<Layout<'a>, DecodeError> {
    let (mut layout, mut at) = header(bytes)?;
    limits.check_shape(layout.width, layout.height)?;
    let mut claimed = 0;
    let mut open: Option<Frame> = None;
    let mut image: Option<Range<usize>> = None;
    let mut frame_is_image = false;
    let mut image_ended = false;
    loop {
        let Some((kind, data)) = chunk(bytes, at) else {
            layout.ending = Err(TRUNCATED);
            break;
        };
        let end = data.end + 4;
        image_ended |= image.is_some() && kind != *b"IDAT";
        match &kind {
            b"IDAT" => {
                image = Some(image.map_or(at, |r| r.start)..end);
                frame_is_image |= open.is_some();
            }
            b"fcTL" | b"IEND" => {
                if let Some(mut frame) = open.take() {
                    frame.span.end = at;
                    if frame_is_image {
                        frame.span = 0..0;
                    }
                    frame_is_image = false;
                    layout.count = layout.count.saturating_add(1);
                    if layout.frames.len() < keep {
                        layout.frames.push(frame);
                    }
                }
                if kind == *b"IEND" {
                    break;
                }
                match control(&bytes[data], end) {
                    Some(frame) => open = Some(frame),
                    None => {
                        layout.ending = Err(malformed("a frame control chunk is too short"));
                        break;
                    }
                }
            }
            b"acTL" if image.is_none() => {
                claimed = u32_be(bytes, data.start).unwrap_or(0);
                layout.animated = true;
            }
            b"PLTE" if image.is_none() => layout.palette = Some(at..end),
            b"tRNS" if image.is_none() => layout.transparency = Some(at..end),
            b"eXIf" if layout.exif.is_none() => layout.exif = Some(data),
            b"CgBI" => return Err(DecodeError::unsupported("png of Apple's own kind")),
            b"IHDR" | b"PLTE" => {
                layout.ending = Err(malformed("a chunk comes twice or out of place"));
                break;
            }
            // A set bit of 32 in the first letter marks chunks that a decoder may pass over.
            _ if kind[0] & 0x20 == 0 => {
                layout.ending = Err(malformed("it has an unknown critical chunk"));
                break;
            }
            _ => {}
        }
        at = end;
    }
    layout.image = image.unwrap_or(0..0);
    if !layout.animated || !image_ended {
        // A still picture, or an animation cut before its first picture ended.
        layout.ending.clone()?;
    }
    if layout.image.is_empty() {
        return Err(malformed("it has no picture data"));
    }
    if layout.ending.is_ok() && layout.animated && claimed > layout.count {
        layout.ending = Err(malformed("it has fewer frames than it claims"));
    }
    Ok(layout)
}

impl Layout<'_> {
    /// Returns whether the still picture is also the first frame of the animation.
    pub(super) fn still_is_first_frame(&self) -> bool {
        self.frames.first().is_some_and(Frame::is_still)
    }

    /// Writes the still picture as a file of its own.
    pub(super) fn write_still(&self, file: &mut Vec<u8>) {
        self.write_head(file, self.width, self.height);
        let mut at = self.image.start;
        while let Some((kind, data)) = chunk(&self.bytes[..self.image.end], at) {
            if kind == *b"IDAT" {
                file.extend_from_slice(&self.bytes[at..data.end + 4]);
            }
            at = data.end + 4;
        }
        write_chunk(file, *b"IEND", &[]);
    }

    /// Writes one frame of the animation as a file of its own.
    pub(super) fn write_frame(&self, file: &mut Vec<u8>, frame: &Frame) -> Result<(), DecodeError> {
        if frame.is_still() {
            self.write_still(file);
            return Ok(());
        }
        self.write_head(file, frame.region.width, frame.region.height);
        let mut at = frame.span.start;
        while let Some((kind, data)) = chunk(&self.bytes[..frame.span.end], at) {
            at = data.end + 4;
            if kind != *b"fdAT" {
                continue;
            }
            let payload = &self.bytes[data.clone()];
            if u32_be(self.bytes, data.end) != Some(crc(*b"fdAT", payload)) {
                return Err(malformed("the checksum of a frame's data is wrong"));
            }
            // Four bytes of sequence number come before the data.
            let payload = payload
                .get(4..)
                .ok_or_else(|| malformed("a frame data chunk is too short"))?;
            write_chunk(file, *b"IDAT", payload);
        }
        write_chunk(file, *b"IEND", &[]);
        Ok(())
    }

    fn write_head(&self, file: &mut Vec<u8>, width: u32, height: u32) {
        file.clear();
        file.extend_from_slice(SIGNATURE);
        let mut header = self.header;
        header[..4].copy_from_slice(&width.to_be_bytes());
        header[4..8].copy_from_slice(&height.to_be_bytes());
        write_chunk(file, *b"IHDR", &header);
        for part in [&self.palette, &self.transparency].into_iter().flatten() {
            file.extend_from_slice(&self.bytes[part.clone()]);
        }
    }
}

fn malformed(reason: &str) -> DecodeError {
    DecodeError::malformed(ImageFormat::Png, reason)
}

/// Reads signature and header chunk; returns the place of the next chunk too.
fn header(bytes: &[u8]) -> Result<(Layout<'_>, usize), DecodeError> {
    let (kind, data) = chunk(bytes, SIGNATURE.len()).ok_or(TRUNCATED)?;
    let header: [u8; 13] = bytes[data.clone()]
        .try_into()
        .ok()
        .filter(|_| kind == *b"IHDR")
        .ok_or_else(|| malformed("it does not begin with its header chunk"))?;
    if u32_be(bytes, data.end) != Some(crc(kind, &header)) {
        return Err(malformed("the checksum of the header chunk is wrong"));
    }
    let side = |at| u32_be(&header, at).unwrap_or(0);
    let channels = match header[9] {
        0 => 2,
        // With a transparent colour, or from a palette that has one.
        2 | 3 | 6 => 4,
        _ => 2,
    };
    let layout = Layout {
        bytes,
        width: side(0),
        height: side(4),
        pixel_bytes: channels * if header[8] == 16 { 2 } else { 1 },
        header,
        palette: None,
        transparency: None,
        image: 0..0,
        exif: None,
        animated: false,
        frames: Vec::new(),
        count: 0,
        ending: Ok(()),
    };
    if layout.width == 0 || layout.height == 0 {
        return Err(malformed("a side is zero"));
    }
    Ok((layout, data.end + 4))
}

/// Returns the type and the data range of the chunk at `at`, if it is all there with its checksum.
fn chunk(bytes: &[u8], at: usize) -> Option<([u8; 4], Range<usize>)> {
    let length = usize::try_from(u32_be(bytes, at)?).ok()?;
    let end = at.checked_add(CHUNK_FRAME)?.checked_add(length)?;
    (end <= bytes.len()).then_some((array(bytes, at + 4)?, at + 8..end - 4))
}

/// Reads a frame control chunk; the frame's data begins at `start`.
fn control(data: &[u8], start: usize) -> Option<Frame> {
    Some(Frame {
        region: Region {
            width: u32_be(data, 4)?,
            height: u32_be(data, 8)?,
            left: u32_be(data, 12)?,
            top: u32_be(data, 16)?,
        },
        dispose: u16_be(data, 24)?.to_be_bytes()[0],
        blend: u16_be(data, 24)?.to_be_bytes()[1],
        span: start..start,
    })
}

fn write_chunk(file: &mut Vec<u8>, kind: [u8; 4], data: &[u8]) {
    // A chunk's data came from a chunk, so its length fits.
    let length = u32::try_from(data.len()).unwrap_or(u32::MAX);
    file.extend_from_slice(&length.to_be_bytes());
    file.extend_from_slice(&kind);
    file.extend_from_slice(data);
    file.extend_from_slice(&crc(kind, data).to_be_bytes());
}

/// The CRC-32 of a chunk (PNG specification, annex D).
fn crc(kind: [u8; 4], data: &[u8]) -> u32 {
    const TABLE: [u32; 256] = {
        let mut table = [0_u32; 256];
        let mut seed = 0_u32;
        let mut index = 0;
        while index < 256 {
            let mut value = seed;
            let mut bit = 0;
            while bit < 8 {
                value = (value >> 1) ^ (0xEDB8_8320 & (value & 1).wrapping_neg());
                bit += 1;
            }
            table[index] = value;
            seed += 1;
            index += 1;
        }
        table
    };
    let step = |crc: u32, &byte: &u8| TABLE[usize::from(crc.to_le_bytes()[0] ^ byte)] ^ (crc >> 8);
    !data.iter().fold(kind.iter().fold(!0, step), step)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_that_of_the_specification() {
        // The end chunk is the same in every PNG file.
        assert_eq!(crc(*b"IEND", &[]), 0xAE42_6082);
    }

    #[test]
    fn a_picture_without_its_end_chunk_is_truncated() {
        let mut file = SIGNATURE.to_vec();
        write_chunk(
            &mut file,
            *b"IHDR",
            &[0, 0, 0, 1, 0, 0, 0, 1, 8, 0, 0, 0, 0],
        );
        write_chunk(&mut file, *b"IDAT", &[1, 2, 3]);
        let limits = Limits::default();
        assert_eq!(scan(&file, &limits, 1).unwrap_err(), TRUNCATED);
        write_chunk(&mut file, *b"IEND", &[]);
        assert!(scan(&file, &limits, 1).is_ok());
        for end in 0..file.len() {
            assert!(scan(&file[..end], &limits, 1).is_err());
        }
    }
}
