//! Finished frames on their way to the caller.

use std::collections::HashSet;
use std::ops::ControlFlow;

use sha2::{Digest, Sha256};

use super::canvas::{flatten, turn};
use super::error::DecodeError;
use super::options::DecodeOptions;
use super::sniff::ImageFormat;
use crate::pixels::{PixelBuffer, PixelFormat, Pixels};

/// One decoded frame, lent to the caller.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Frame<'a> {
    /// Which frame or page of the file it is, from 0; repeated frames are counted.
    pub number: u32,
    /// Its pixels.
    pub pixels: Pixels<'a>,
    /// Whether the pixels are the luma that a colour JPEG stores, decoded without its colours because
    /// [`DecodeOptions::jpeg_luma_only`] asked for it. A hash of them is one of the profile
    /// [`PDQ_PROFILE_JPEG_LUMA`](crate::PDQ_PROFILE_JPEG_LUMA), every other hash one of [`PDQ_PROFILE`](crate::PDQ_PROFILE).
    pub luma_only: bool,
}

/// What was in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DecodeSummary {
    /// The format, by content.
    pub format: ImageFormat,
    /// The width of the first frame as handed out, in pixels.
    pub width: u32,
    /// The height of the first frame as handed out, in pixels.
    pub height: u32,
    /// Frames handed out.
    pub frames: u32,
    /// Frames passed over because an equal one had been handed out.
    pub repeated: u32,
    /// Whether the caller broke off, so that there may be more frames.
    pub stopped: bool,
}

/// The buffer that frames are handed out of, and what has been handed out of it.
#[derive(Debug)]
pub(super) struct Output {
    options: DecodeOptions,
    format: ImageFormat,
    /// The orientation of the frames to come, 1 to 8.
    pub(super) orientation: u8,
    /// Whether more than one frame may come, so that they must be told apart.
    pub(super) several: bool,
    /// Whether the frames to come are the stored luma of a colour picture.
    pub(super) luma_only: bool,
    buffer: Vec<u8>,
    turned: Vec<u8>,
    seen: HashSet<[u8; 32]>,
    number: u32,
    frames: u32,
    first: (u32, u32),
    last: (u32, u32),
    last_format: Option<PixelFormat>,
}

impl Default for Output {
    fn default() -> Self {
        Self {
            options: DecodeOptions::default(),
            format: ImageFormat::Jpeg,
            orientation: 1,
            several: false,
            luma_only: false,
            buffer: Vec::new(),
            turned: Vec::new(),
            seen: HashSet::new(),
            number: 0,
            frames: 0,
            first: (0, 0),
            last: (0, 0),
            last_format: None,
        }
    }
}

impl Output {
    /// Forgets the file before, keeping the memory.
    pub(super) fn begin(&mut self, options: DecodeOptions, format: ImageFormat) {
        self.options = options;
        self.format = format;
        self.orientation = 1;
        self.several = false;
        self.luma_only = false;
        self.seen.clear();
        (self.number, self.frames) = (0, 0);
        (self.first, self.last, self.last_format) = ((0, 0), (0, 0), None);
    }

    /// Returns the buffer, to be filled with the next frame.
    pub(super) fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.buffer
    }

    /// Finishes the frame in the buffer and hands it out, unless an equal one was.
    pub(super) fn hand_out<F>(
        &mut self,
        format: PixelFormat,
        shape: (u32, u32),
        take: &mut F,
    ) -> Result<ControlFlow<()>, DecodeError>
    where
        F: FnMut(Frame<'_>) -> ControlFlow<()>,
    {
        let format = flatten(&mut self.buffer, format, self.options.alpha);
        let mut shape = shape;
        if self.options.apply_exif_orientation {
            let size = format.bytes_per_pixel();
            shape = turn(
                &self.buffer,
                size,
                shape,
                self.orientation,
                &mut self.turned,
            );
            if !self.turned.is_empty() {
                std::mem::swap(&mut self.buffer, &mut self.turned);
            }
        }
        if self.number == 0 {
            self.first = shape;
        }
        let number = self.number;
        self.number += 1;
        if self.several && !self.seen.insert(self.digest(format, shape)) {
            return Ok(ControlFlow::Continue(()));
        }
        self.frames += 1;
        (self.last, self.last_format) = (shape, Some(format));
        let stride = shape.0 as usize * format.bytes_per_pixel();
        let pixels = Pixels::new(format, shape.0, shape.1, stride, &self.buffer)
            .map_err(|error| self.impossible(&error.to_string()))?;
        Ok(take(Frame {
            number,
            pixels,
            luma_only: self.luma_only,
        }))
    }

    /// A strong digest: passing over a frame that is not equal would be a missed match.
    fn digest(&self, format: PixelFormat, (width, height): (u32, u32)) -> [u8; 32] {
        let mut digest = Sha256::new();
        digest.update(format.name());
        digest.update(width.to_le_bytes());
        digest.update(height.to_le_bytes());
        digest.update(&self.buffer);
        digest.finalize().into()
    }

    pub(super) fn summary(&self, stopped: bool) -> DecodeSummary {
        DecodeSummary {
            format: self.format,
            width: self.first.0,
            height: self.first.1,
            frames: self.frames,
            repeated: self.number - self.frames,
            stopped,
        }
    }

    /// Gives up the frame handed out last.
    pub(super) fn into_buffer(self) -> Result<PixelBuffer, DecodeError> {
        let format = self.last_format.unwrap_or(PixelFormat::Luma8);
        let fault = |error: crate::pixels::PixelsError| {
            DecodeError::malformed(self.format, error.to_string())
        };
        PixelBuffer::new(format, self.last.0, self.last.1, self.buffer).map_err(fault)
    }

    fn impossible(&self, reason: &str) -> DecodeError {
        DecodeError::malformed(self.format, reason)
    }
}
