//! The directories of a TIFF or BigTIFF file. Every page is a frame.
//!
//! Every value and every strip or tile must lie inside the file, so no count can ask for more memory than the file
//! has bytes. The decoder behind this room is pointed at one directory at a time. Palettes, samples of 1, 2 or 4 bits
//! and grey with alpha are kinds it does not know: for those the directory is rewritten so that it reads packed bytes,
//! which are unpacked here.

use std::collections::HashSet;

use super::error::DecodeError;
use super::options::Limits;
use super::sniff::ImageFormat;
use super::tiff_directory::{Entry, TRUNCATED, Words, directory, width_of};
use super::{jpeg, unpack};

/// What directory entries are read for.
mod tag {
    pub(super) const WIDTH: u16 = 256;
    pub(super) const HEIGHT: u16 = 257;
    pub(super) const BITS: u16 = 258;
    pub(super) const COMPRESSION: u16 = 259;
    pub(super) const PHOTOMETRIC: u16 = 262;
    pub(super) const STRIP_OFFSETS: u16 = 273;
    pub(super) const ORIENTATION: u16 = 274;
    pub(super) const SAMPLES: u16 = 277;
    pub(super) const ROWS: u16 = 278;
    pub(super) const STRIP_BYTES: u16 = 279;
    pub(super) const PLANAR: u16 = 284;
    pub(super) const PREDICTOR: u16 = 317;
    pub(super) const COLOURS: u16 = 320;
    pub(super) const TILE_WIDTH: u16 = 322;
    pub(super) const TILE_HEIGHT: u16 = 323;
    pub(super) const TILE_OFFSETS: u16 = 324;
    pub(super) const TILE_BYTES: u16 = 325;
    pub(super) const EXTRA: u16 = 338;
    pub(super) const SAMPLE_FORMAT: u16 = 339;
    /// A private number that decoders pass over.
    pub(super) const NOTHING: u16 = 65_000;
}

/// One page.
#[derive(Debug)]
pub(super) struct Page {
    pub(super) width: u32,
    pub(super) height: u32,
    /// Bytes of one pixel as the decoder gives it, at most.
    pub(super) pixel_bytes: u64,
    /// Memory of the largest tile.
    pub(super) tile_bytes: u64,
    /// The orientation tag, 1 if there is none.
    pub(super) orientation: u8,
    directory: usize,
    /// How to unpack what the decoder does not know.
    pub(super) packed: Option<unpack::Packed>,
    patches: Vec<(usize, Patch)>,
}

#[derive(Clone, Copy, Debug)]
enum Patch {
    Value(u32),
    Tag(u16),
}

/// What the directories say.
#[derive(Debug)]
pub(super) struct Layout<'a> {
    bytes: &'a [u8],
    words: Words,
    /// The first pages, at most as many as asked for.
    pub(super) pages: Vec<Page>,
    /// How many whole pages there are.
    pub(super) count: u32,
    /// What is wrong behind the last whole page, if anything.
    pub(super) ending: Result<(), DecodeError>,
}

/// Reads all directories and holds every shape against the limits; keeps the first `keep` pages. Linear in the size
/// of the directories, never panics.
pub(super) fn scan<'a>(
    bytes: &'a [u8],
    limits: &Limits,
    keep: usize,
) -> Result<Layout<'a>, DecodeError> {
    let big_endian = bytes.starts_with(b"MM");
    let mut words = Words {
        big_endian,
        wide: false,
    };
    words.wide = words.u16(bytes, 2) == Some(43);
    let mut layout = Layout {
        bytes,
        words,
        pages: Vec::new(),
        count: 0,
        ending: Ok(()),
    };
    let mut work = Work::new(bytes);
    let mut seen = HashSet::new();
    let mut next = words
        .offset(bytes, words.first_directory_at())
        .ok_or(TRUNCATED)?;
    while next != 0 {
        // A directory that comes twice would make the file endless.
        if !seen.insert(next) {
            layout.ending = Err(malformed("its directories form a circle"));
            break;
        }
        let (entries, after) = match directory(bytes, words, next) {
            Ok(read) => read,
            Err(error) => {
                layout.ending = Err(error);
                break;
            }
        };
        let size = entries.iter().map(|e| 20 + e.values.len() as u64).sum();
        if let Err(error) = work.spend(size) {
            layout.ending = Err(error);
            break;
        }
        match page(bytes, words, next, &entries, limits, &mut work) {
            Ok(page) => {
                layout.count = layout.count.saturating_add(1);
                if layout.pages.len() < keep {
                    layout.pages.push(page);
                }
            }
            Err(error) => {
                layout.ending = Err(error);
                break;
            }
        }
        next = after;
    }
    if layout.pages.is_empty() {
        layout.ending.clone()?;
        return Err(malformed("it has no page"));
    }
    Ok(layout)
}

/// How many bytes may be looked at, so that parts of a file that overlap without end do not cost time without end.
///
/// Parts of a real file hardly overlap: twice its length and a megabyte for small files is plenty.
struct Work {
    left: u64,
}

impl Work {
    fn new(bytes: &[u8]) -> Self {
        Self {
            left: 2 * bytes.len() as u64 + (1 << 20),
        }
    }

    fn spend(&mut self, bytes: u64) -> Result<(), DecodeError> {
        let left = self.left.checked_sub(bytes);
        self.left =
            left.ok_or_else(|| malformed("its parts overlap more than parts of a picture do"))?;
        Ok(())
    }
}

/// The most strips or tiles of a page: more than a row each of the largest picture in as many planes as there can be.
const MAX_PARTS: usize = 1 << 20;

/// Reads one page.
fn page(
    bytes: &[u8],
    words: Words,
    directory: usize,
    entries: &[Entry],
    limits: &Limits,
    work: &mut Work,
) -> Result<Page, DecodeError> {
    let find = |tag| entries.iter().find(|e| e.tag == tag);
    let list = |tag| {
        find(tag).map_or_else(Vec::new, |e| {
            e.values
                .clone()
                .step_by(width_of(e.kind))
                .map_while(|at| words.value(bytes, e.kind, at))
                .collect()
        })
    };
    let number = |tag, default| {
        find(tag)
            .and_then(|e| words.value(bytes, e.kind, e.values.start))
            .unwrap_or(default)
    };
    let side = |tag| u32::try_from(number(tag, 0)).unwrap_or(u32::MAX);
    let (width, height) = (side(tag::WIDTH), side(tag::HEIGHT));
    if width == 0 || height == 0 {
        return Err(malformed("a side is zero"));
    }
    limits.check_shape(width, height)?;
    let tile = (side(tag::TILE_WIDTH), side(tag::TILE_HEIGHT));
    limits.check_shape(tile.0, tile.1)?;

    for tag in [
        tag::TILE_OFFSETS,
        tag::TILE_BYTES,
        tag::STRIP_OFFSETS,
        tag::STRIP_BYTES,
    ] {
        if find(tag).is_some_and(|e| e.values.len() / width_of(e.kind) > MAX_PARTS) {
            return Err(malformed("it has more strips or tiles than a picture does"));
        }
    }
    let tiled = find(tag::TILE_OFFSETS).is_some();
    let (offsets, lengths) = if tiled {
        (list(tag::TILE_OFFSETS), list(tag::TILE_BYTES))
    } else {
        (list(tag::STRIP_OFFSETS), list(tag::STRIP_BYTES))
    };
    let compression = number(tag::COMPRESSION, 1);
    let samples = number(tag::SAMPLES, 1).max(1);
    let bits = list(tag::BITS).first().copied().unwrap_or(1);
    if samples > 16 || bits > 64 {
        return Err(DecodeError::unsupported(
            "tiff with samples of its own kind",
        ));
    }
    let parts = Parts {
        height: u64::from(height),
        rows: if tiled {
            u64::from(tile.1)
        } else {
            number(tag::ROWS, u64::MAX).clamp(1, u64::from(height))
        },
        row_bytes: {
            let in_plane = if number(tag::PLANAR, 1) == 2 {
                1
            } else {
                samples
            };
            let columns = if tiled { tile.0 } else { width };
            (u64::from(columns) * in_plane * bits).div_ceil(8)
        },
        tiled,
        compression,
    };
    for (index, (&offset, &length)) in (0_u64..).zip(offsets.iter().zip(&lengths)) {
        if compression == 7 {
            work.spend(length)?;
        }
        parts.check(bytes, index, offset, length, limits)?;
    }
    let pixel_bytes = samples * bits.div_ceil(8);
    let mut page = Page {
        width,
        height,
        pixel_bytes,
        tile_bytes: u64::from(tile.0) * u64::from(tile.1) * pixel_bytes,
        orientation: u8::try_from(number(tag::ORIENTATION, 1)).unwrap_or(1),
        directory,
        packed: None,
        patches: Vec::new(),
    };

    // What the decoder does not know, where the bytes are plain rows.
    let photometric = number(tag::PHOTOMETRIC, 1);
    let alpha = samples == 2 && bits == 8;
    let plain = !tiled
        && matches!(photometric, 0 | 1 | 3)
        && (samples == 1 || alpha)
        && matches!(bits, 1 | 2 | 4 | 8)
        && !matches!(compression, 2..=4 | 6 | 7)
        && (number(tag::PREDICTOR, 1) == 1 || (bits == 8 && !alpha))
        && number(tag::PLANAR, 1) == 1
        && number(tag::SAMPLE_FORMAT, 1) == 1;
    let wanted = photometric == 3 || alpha || matches!(bits, 2 | 4);
    if !(plain && wanted) {
        return Ok(page);
    }
    let (Some(entry_width), Some(entry_bits), Some(entry_photometric)) =
        (find(tag::WIDTH), find(tag::BITS), find(tag::PHOTOMETRIC))
    else {
        return Ok(page);
    };
    let palette = if photometric == 3 {
        let values = list(tag::COLOURS);
        Some(unpack::palette(&values, bits).ok_or_else(|| malformed("its palette is too short"))?)
    } else {
        None
    };
    let packed = unpack::Packed {
        // At most 8 bits, checked above.
        bits: bits.to_le_bytes()[0],
        alpha,
        inverted: photometric == 0,
        palette,
    };
    page.patches = vec![
        (entry_width.place, Patch::Value(packed.row_bytes(width))),
        (entry_bits.place, Patch::Value(8)),
        (entry_photometric.place, Patch::Value(1)),
    ];
    for tag in [tag::SAMPLES, tag::SAMPLE_FORMAT] {
        page.patches
            .extend(find(tag).map(|e| (e.place, Patch::Value(1))));
    }
    page.patches
        .extend(find(tag::EXTRA).map(|e| (e.place, Patch::Tag(tag::NOTHING))));
    page.pixel_bytes = 4;
    page.packed = Some(packed);
    Ok(page)
}

/// The strips or tiles of a page.
struct Parts {
    height: u64,
    rows: u64,
    row_bytes: u64,
    tiled: bool,
    compression: u64,
}

impl Parts {
    /// Refuses a strip or tile that is not all there. The decoder would read on into whatever follows.
    fn check(
        &self,
        bytes: &[u8],
        index: u64,
        offset: u64,
        length: u64,
        limits: &Limits,
    ) -> Result<(), DecodeError> {
        let range = usize::try_from(offset)
            .ok()
            .zip(usize::try_from(length).ok());
        let part = range
            .and_then(|(at, n)| bytes.get(at..at.checked_add(n)?))
            .ok_or(TRUNCATED)?;
        match self.compression {
            1 => {
                let strips = self.height.div_ceil(self.rows.max(1)).max(1);
                let above = (index % strips).saturating_mul(self.rows);
                let rows = if self.tiled {
                    self.rows
                } else {
                    self.rows.min(self.height.saturating_sub(above))
                };
                if length < rows.saturating_mul(self.row_bytes) {
                    return Err(TRUNCATED);
                }
            }
            // The JPEG decoder inside is as lenient as it is outside.
            7 => {
                jpeg::scan(part, limits).map_err(|error| match error {
                    DecodeError::Truncated { .. } => TRUNCATED,
                    other => other,
                })?;
            }
            _ => {}
        }
        Ok(())
    }
}

impl Layout<'_> {
    /// Writes the file anew so that `page` is its first, in a form that the decoder knows.
    pub(super) fn write_page(&self, file: &mut Vec<u8>, page: &Page) {
        file.clear();
        file.extend_from_slice(self.bytes);
        let size = self.words.size();
        let first = self.words.first_directory_at();
        self.put(file, first, size, page.directory as u64);
        for &(place, patch) in &page.patches {
            match patch {
                Patch::Tag(tag) => self.put(file, place, 2, tag.into()),
                Patch::Value(value) => {
                    // One value of four bytes, which stands first in the entry's own field.
                    self.put(file, place + 2, 2, 4);
                    self.put(file, place + 4, size, 1);
                    self.put(file, place + 4 + size, 4, value.into());
                }
            }
        }
    }

    fn put(&self, file: &mut [u8], at: usize, size: usize, value: u64) {
        let Some(place) = file.get_mut(at..at + size) else {
            return;
        };
        let (big, little) = (value.to_be_bytes(), value.to_le_bytes());
        if self.words.big_endian {
            place.copy_from_slice(&big[8 - size..]);
        } else {
            place.copy_from_slice(&little[..size]);
        }
    }
}

fn malformed(reason: &str) -> DecodeError {
    DecodeError::malformed(ImageFormat::Tiff, reason)
}
