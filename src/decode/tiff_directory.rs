//! Directories of a TIFF or BigTIFF file: byte order, word size, entries and where their values lie.
//!
//! Every value must lie inside the file, so no count can ask for more memory than the file has bytes.

use std::ops::Range;

use super::bytes::array;
use super::error::DecodeError;
use super::sniff::ImageFormat;

pub(super) const TRUNCATED: DecodeError = DecodeError::Truncated {
    format: ImageFormat::Tiff,
};

/// One entry of a directory: where it stands and where its values lie.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) tag: u16,
    pub(super) kind: u16,
    pub(super) place: usize,
    pub(super) values: Range<usize>,
}

/// Byte order and word size.
#[derive(Clone, Copy, Debug)]
pub(super) struct Words {
    pub(super) big_endian: bool,
    pub(super) wide: bool,
}

impl Words {
    pub(super) fn u16(self, bytes: &[u8], at: usize) -> Option<u16> {
        let value = array(bytes, at)?;
        Some(if self.big_endian {
            u16::from_be_bytes(value)
        } else {
            u16::from_le_bytes(value)
        })
    }

    pub(super) fn u32(self, bytes: &[u8], at: usize) -> Option<u32> {
        let value = array(bytes, at)?;
        Some(if self.big_endian {
            u32::from_be_bytes(value)
        } else {
            u32::from_le_bytes(value)
        })
    }

    pub(super) fn u64(self, bytes: &[u8], at: usize) -> Option<u64> {
        let value = array(bytes, at)?;
        Some(if self.big_endian {
            u64::from_be_bytes(value)
        } else {
            u64::from_le_bytes(value)
        })
    }

    /// Reads a word of the file's size as a place in the file.
    pub(super) fn offset(self, bytes: &[u8], at: usize) -> Option<usize> {
        let value = if self.wide {
            self.u64(bytes, at)?
        } else {
            self.u32(bytes, at)?.into()
        };
        // A place beyond this machine's reach is beyond the end of the file.
        Some(usize::try_from(value).unwrap_or(usize::MAX))
    }

    pub(super) const fn first_directory_at(self) -> usize {
        if self.wide { 8 } else { 4 }
    }

    pub(super) const fn size(self) -> usize {
        if self.wide { 8 } else { 4 }
    }

    /// Reads one value of the types that count or place things.
    pub(super) fn value(self, bytes: &[u8], kind: u16, at: usize) -> Option<u64> {
        match kind {
            1 => bytes.get(at).map(|&b| b.into()),
            3 => self.u16(bytes, at).map(u64::from),
            4 | 13 => self.u32(bytes, at).map(u64::from),
            16 | 18 => self.u64(bytes, at),
            _ => None,
        }
    }
}

/// The bytes of one value of a type.
pub(super) const fn width_of(kind: u16) -> usize {
    match kind {
        1 | 2 | 6 | 7 => 1,
        3 | 8 => 2,
        5 | 10 | 12 | 16 | 17 | 18 => 8,
        _ => 4,
    }
}

/// Reads a directory's entries and the place of the next directory.
pub(super) fn directory(
    bytes: &[u8],
    words: Words,
    at: usize,
) -> Result<(Vec<Entry>, usize), DecodeError> {
    let (count, head) = if words.wide {
        let count = words.u64(bytes, at).ok_or(TRUNCATED)?;
        (usize::try_from(count).unwrap_or(usize::MAX), 8)
    } else {
        (words.u16(bytes, at).ok_or(TRUNCATED)?.into(), 2)
    };
    let size = 4 + 2 * words.size();
    let start = at + head;
    let end = count
        .checked_mul(size)
        .and_then(|n| n.checked_add(start))
        .ok_or(TRUNCATED)?;
    if end > bytes.len() {
        return Err(TRUNCATED);
    }
    let mut entries = Vec::with_capacity(count.min(64));
    for place in (start..end).step_by(size) {
        let tag = words.u16(bytes, place).ok_or(TRUNCATED)?;
        let kind = words.u16(bytes, place + 2).ok_or(TRUNCATED)?;
        let count = words.offset(bytes, place + 4).ok_or(TRUNCATED)?;
        let length = count.checked_mul(width_of(kind)).ok_or(TRUNCATED)?;
        let at = if length <= words.size() {
            place + 4 + words.size()
        } else {
            words
                .offset(bytes, place + 4 + words.size())
                .ok_or(TRUNCATED)?
        };
        let last = at.checked_add(length).ok_or(TRUNCATED)?;
        if last > bytes.len() {
            return Err(TRUNCATED);
        }
        entries.push(Entry {
            tag,
            kind,
            place,
            values: at..last,
        });
    }
    let next = words.offset(bytes, end).ok_or(TRUNCATED)?;
    Ok((entries, next))
}
