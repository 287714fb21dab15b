//! The decoding of one file, format by format: structure first, then limits, then one picture at a time.

use std::ops::{ControlFlow, Range};

use super::canvas::{Canvas, Dispose, Region};
use super::error::{DecodeError, LimitKind};
use super::options::{Alpha, DecodeOptions, Frames, check};
use super::output::{Frame, Output};
use super::sniff::ImageFormat;
use super::{bmp, gif, jpeg, png, still, tiff, webp};
use crate::pixels::PixelFormat;

/// What one file needs while it is decoded.
pub(super) struct Run<'a, F> {
    pub(super) format: ImageFormat,
    pub(super) options: DecodeOptions,
    pub(super) canvas: &'a mut Canvas,
    pub(super) decoded: &'a mut Vec<u8>,
    pub(super) output: &'a mut Output,
    pub(super) pixels_so_far: u64,
    pub(super) take: F,
}

/// Whether the caller wants more frames.
type Flow = Result<ControlFlow<()>, DecodeError>;

/// The number of pixels of a picture.
fn area(shape: (u32, u32)) -> u64 {
    u64::from(shape.0) * u64::from(shape.1)
}

/// The orientation in an EXIF block of the file.
fn orientation(bytes: &[u8], exif: Option<Range<usize>>) -> u8 {
    exif.and_then(|range| bytes.get(range))
        .map_or(1, still::orientation)
}

impl<F: FnMut(Frame<'_>) -> ControlFlow<()>> Run<'_, F> {
    /// Decodes `bytes`; `file` takes single pictures as files of their own.
    pub(super) fn file(&mut self, bytes: &[u8], file: &mut Vec<u8>) -> Flow {
        let keep = match self.options.frames {
            Frames::First => 1,
            Frames::AllDistinct => self.options.limits.frames as usize,
        };
        match self.format {
            ImageFormat::Jpeg => self.jpeg(bytes),
            ImageFormat::Bmp => self.bmp(bytes),
            ImageFormat::Png => self.png(bytes, keep, file),
            ImageFormat::Gif => self.gif(bytes, keep, file),
            ImageFormat::WebP => self.webp(bytes, keep, file),
            ImageFormat::Tiff => self.tiff(bytes, keep, file),
        }
    }

    fn jpeg(&mut self, bytes: &[u8]) -> Flow {
        let layout = jpeg::scan(bytes, &self.options.limits)?;
        let shape = (layout.width, layout.height);
        let pixels = area(shape) * 3;
        self.output.orientation = orientation(bytes, layout.exif);
        // The decoder copies the segments that are not pixels: in the worst case, the file.
        let memory = pixels + layout.working_bytes + bytes.len() as u64;
        self.output.luma_only = self.options.jpeg_luma_only && layout.luma;
        self.still(bytes, shape, memory, pixels)
    }

    fn bmp(&mut self, bytes: &[u8]) -> Flow {
        let layout = bmp::scan(bytes, &self.options.limits)?;
        let shape = (layout.width, layout.height);
        self.still(bytes, shape, area(shape) * 4, area(shape) * 4)
    }

    fn png(&mut self, bytes: &[u8], keep: usize, file: &mut Vec<u8>) -> Flow {
        let layout = png::scan(bytes, &self.options.limits, keep)?;
        let shape = (layout.width, layout.height);
        let pixels = area(shape) * layout.pixel_bytes;
        let memory = pixels + bytes.len() as u64;
        self.output.orientation = orientation(bytes, layout.exif.clone());
        if !layout.animated || layout.count == 0 {
            self.check_memory(memory, pixels)?;
            layout.write_still(file);
            if self.still(file, shape, memory, pixels)?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
            return self.finish(1, layout.ending);
        }
        self.begin_animation(shape, [0; 3], memory)?;
        let whole = Region::whole(shape);
        let mut left = keep;
        let mut count = layout.count;
        if !layout.still_is_first_frame() {
            count = count.saturating_add(1);
            left = left.saturating_sub(1);
            layout.write_still(file);
            if self
                .lay(file, whole, false, Dispose::Clear([0; 3]))?
                .is_break()
            {
                return Ok(ControlFlow::Break(()));
            }
        }
        for (index, frame) in layout.frames.iter().take(left).enumerate() {
            let region = frame.region;
            if !region.is_inside(shape) || (frame.is_still() && region != whole) {
                let reason = "a frame is empty or not within the canvas";
                return Err(DecodeError::malformed(self.format, reason));
            }
            let dispose = match frame.dispose {
                // Before the first frame there was nothing.
                2 if index > 0 => Dispose::Restore,
                1 | 2 => Dispose::Clear([0; 3]),
                _ => Dispose::Keep,
            };
            layout.write_frame(file, frame)?;
            let over = index > 0 && frame.blend == 1;
            if self.lay(file, region, over, dispose)?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        self.finish(count, layout.ending)
    }

    fn gif(&mut self, bytes: &[u8], keep: usize, file: &mut Vec<u8>) -> Flow {
        let layout = gif::scan(bytes, &self.options.limits, keep)?;
        let shape = (layout.width, layout.height);
        let around = layout.frames.first().map(|f| layout.surround(f));
        let copy = bytes.len() as u64;
        self.begin_animation(shape, around.unwrap_or_default(), copy)?;
        for (index, frame) in layout.frames.iter().enumerate() {
            let dispose = match frame.disposal {
                2 => Dispose::Clear(layout.cleared(frame)),
                3 => Dispose::Restore,
                _ => Dispose::Keep,
            };
            // A frame may be larger than the canvas. It is held as indices and as colours.
            let (width, height) = (frame.region.width, frame.region.height);
            self.options.limits.check_shape(width, height)?;
            self.check_animation(shape, area((width, height)) * 5 + copy)?;
            layout.write_frame(file, frame)?;
            if self.lay(file, frame.region, index > 0, dispose)?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        self.finish(layout.count, layout.ending)
    }

    fn webp(&mut self, bytes: &[u8], keep: usize, file: &mut Vec<u8>) -> Flow {
        let layout = webp::scan(bytes, &self.options.limits, keep)?;
        let shape = (layout.width, layout.height);
        let copy = bytes.len() as u64;
        self.output.orientation = orientation(bytes, layout.exif.clone());
        if let Some(picture) = &layout.still {
            layout.ending.clone()?;
            let pixels = area(shape) * 4;
            let memory = pixels + picture.working_bytes() + copy;
            self.check_memory(memory, pixels)?;
            layout.write_picture(file, picture);
            return self.still(file, shape, memory, pixels);
        }
        self.begin_animation(shape, [0; 3], copy)?;
        for (index, frame) in layout.frames.iter().enumerate() {
            let region = Region {
                left: frame.left,
                top: frame.top,
                width: frame.picture.width,
                height: frame.picture.height,
            };
            let dispose = if frame.clear {
                Dispose::Clear([0; 3])
            } else {
                Dispose::Keep
            };
            let work = area((region.width, region.height)) * 4 + frame.picture.working_bytes();
            self.check_animation(shape, work + copy)?;
            layout.write_picture(file, &frame.picture);
            let over = index > 0 && frame.over;
            if self.lay(file, region, over, dispose)?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        self.finish(layout.count, layout.ending)
    }

    fn tiff(&mut self, bytes: &[u8], keep: usize, file: &mut Vec<u8>) -> Flow {
        let layout = tiff::scan(bytes, &self.options.limits, keep)?;
        self.output.several = layout.count > 1;
        for page in &layout.pages {
            let shape = (page.width, page.height);
            let pixels = area(shape) * page.pixel_bytes;
            // The decoder keeps a picture of its own, and a tile.
            let memory = 2 * pixels + page.tile_bytes + bytes.len() as u64;
            self.check_memory(memory, pixels)?;
            layout.write_page(file, page);
            self.output.orientation = page.orientation;
            let flow = if let Some(packed) = &page.packed {
                self.count_pixels(shape)?;
                let rows = (packed.row_bytes(page.width), page.height);
                still::decode(
                    self.format,
                    file,
                    rows,
                    false,
                    &self.options.limits,
                    self.decoded,
                )?;
                self.output.buffer().clear();
                let format = packed.unpack(self.decoded, page.width, self.output.buffer());
                self.output.hand_out(format, shape, &mut self.take)?
            } else {
                self.still(file, shape, memory, pixels)?
            };
            if flow.is_break() {
                return Ok(flow);
            }
        }
        self.finish(layout.count, layout.ending)
    }

    /// Decodes the one picture of `file` and hands it out.
    fn still(&mut self, file: &[u8], shape: (u32, u32), memory: u64, pixels: u64) -> Flow {
        self.check_memory(memory, pixels)?;
        self.count_pixels(shape)?;
        let limits = &self.options.limits;
        let luma = self.output.luma_only;
        let decoded = still::decode(self.format, file, shape, luma, limits, self.output.buffer())?;
        let format = decoded.format;
        // Not every picture of three components is YCbCr.
        self.output.luma_only = luma && format == PixelFormat::Luma8;
        let flow = self.output.hand_out(format, shape, &mut self.take)?;
        match decoded.damage {
            Some(damage) if flow.is_continue() => Err(damage),
            _ => Ok(flow),
        }
    }

    /// Makes the canvas ready for frames that take `work` bytes each.
    fn begin_animation(
        &mut self,
        shape: (u32, u32),
        colour: [u8; 3],
        work: u64,
    ) -> Result<(), DecodeError> {
        self.check_animation(shape, work)?;
        self.output.several = true;
        self.canvas.reset(shape.0, shape.1, colour);
        Ok(())
    }

    /// Decodes a frame of an animation, lays it on the canvas and hands the canvas out.
    fn lay(&mut self, file: &[u8], region: Region, over: bool, dispose: Dispose) -> Flow {
        let shape = self.canvas.shape();
        let of_frame = (region.width, region.height);
        self.count_pixels(if area(of_frame) > area(shape) {
            of_frame
        } else {
            shape
        })?;
        let limits = &self.options.limits;
        let decoded = still::decode(self.format, file, of_frame, false, limits, self.decoded)?;
        self.canvas
            .lay(region, decoded.format, self.decoded, over, dispose);
        let buffer = self.output.buffer();
        buffer.clear();
        buffer.extend_from_slice(self.canvas.pixels());
        self.output
            .hand_out(PixelFormat::Rgba8, shape, &mut self.take)
    }

    /// Refuses what is over the limit of pixels of all frames together.
    fn count_pixels(&mut self, shape: (u32, u32)) -> Result<(), DecodeError> {
        self.pixels_so_far = self.pixels_so_far.saturating_add(area(shape));
        let allowed = self.options.limits.total_pixels;
        check(LimitKind::TotalPixels, allowed, self.pixels_so_far)
    }

    /// Refuses an animation whose frames take `work` bytes each besides the canvas, its saved copy and the frame
    /// handed out.
    fn check_animation(&self, shape: (u32, u32), work: u64) -> Result<(), DecodeError> {
        self.check_memory(work.saturating_add(area(shape) * 12), area(shape) * 4)
    }

    /// Refuses work that takes `work` bytes, with `pixels` bytes of output that may have to be turned or flattened.
    fn check_memory(&self, work: u64, pixels: u64) -> Result<(), DecodeError> {
        let copies = u64::from(self.options.apply_exif_orientation)
            + 2 * u64::from(self.options.alpha != Alpha::Ignore);
        let asked = work.saturating_add(pixels.saturating_mul(copies));
        self.options.limits.check_memory(asked)
    }

    /// Says what came behind the last frame handed out: more frames than allowed, a fault, or nothing.
    fn finish(&self, count: u32, ending: Result<(), DecodeError>) -> Flow {
        if self.options.frames == Frames::AllDistinct {
            let allowed = self.options.limits.frames;
            check(LimitKind::Frames, allowed.into(), count.into())?;
        }
        ending?;
        Ok(ControlFlow::Continue(()))
    }
}
