//! Statements: what a record says of its entry, as bytes that sort by list, id and order of saying.

use std::io;

use super::layout::{
    MAX_ATTRIBUTES_LEN, MAX_ENTRY_ID_LEN, QUALITY_UNKNOWN, kind_code, kind_of_code,
};
use super::record::{
    WITHDRAWN_CODE, media_type_code, other_len, split_others, status_code, write_attributes,
};
use crate::entry::{Entry, EntryStatus};
use crate::hash::{HashKind, HashValue};

/// Where the statements of a build begin to be counted: those before are of indexes that it takes entries from.
pub(super) const FIRST_SEQUENCE: u64 = 1 << 62;
/// The most hashes that stand in one statement, which bounds its length.
const MAX_STATED_TOGETHER: usize = 1024;

// A statement, ordered by its bytes: list (4, big-endian), entry id, 0, sequence (8, big-endian), flags (1), with TIMED the time
// (8, little-endian), status, media type, quality (3), the length of the attributes (4, big-endian), attributes; and for each
// hash its kind code (2, big-endian) and its bytes. A hash that cannot be matched has the code 0, and its length (4, big-endian) before its bytes: the name of its kind, a
// zero and its text. An entry with very many hashes makes several, of one sequence.
pub(super) const LIST_LEN: usize = 4;
pub(super) const SEQUENCE_LEN: usize = 8;
pub(super) const CODES_LEN: usize = 3;
pub(super) const KIND_CODE_LEN: usize = 2;
/// The statement takes back the hashes it names, or, when it names none, all that were stated before it.
pub(super) const WITHDRAWS: u8 = 1;
/// The statement takes the place of all that were made before it.
pub(super) const REPLACES: u8 = 2;
/// Of the statement nothing counts but its hashes, where anything else is known of the entry.
pub(super) const BARE: u8 = 4;
/// The statement is of all of its entry, though it may not have all of its hashes.
const JOINS: u8 = 16;
/// The statement is of a time, and counts only if none of a later time does.
const TIMED: u8 = 8;
/// In place of a kind code: a hash that cannot be matched.
const OTHER: u16 = 0;
pub(super) const OTHER_LEN_BYTES: usize = 4;

/// Writes what an entry of a list says, as one or several statements that are given to `push`. `None` if it does not fit.
///
/// What is said before of the entry counts as `order` says.
pub(super) fn state(
    list: u32,
    sequence: u64,
    entry: &Entry,
    order: Order,
    scratch: &mut Vec<u8>,
    mut push: impl FnMut(&[u8]) -> io::Result<()>,
) -> Option<io::Result<()>> {
    let withdraws = entry.status == EntryStatus::Withdrawn;
    let (replaces, time) = match order {
        Order::Adds(time) => (0, time),
        Order::Bare(time) => (BARE, time),
        Order::Joins(time) => (JOINS, time),
        Order::Replaces(time) => (REPLACES, time),
    };
    let flags = u8::from(withdraws) * WITHDRAWS + replaces;
    let quality = entry.quality.map(|quality| quality.min(100));
    let codes = [
        status_code(&entry.status),
        media_type_code(entry.media_type),
        quality.unwrap_or(QUALITY_UNKNOWN),
    ];
    let others = entry.other_hashes.iter();
    let others_len = others.fold(0, |len, hash| {
        len + other_len(hash.kind.len() + 1 + hash.value.len())
    });
    begin(
        list,
        sequence,
        entry.entry_id.as_bytes(),
        flags,
        time,
        codes,
        scratch,
    )?;
    let attributes_at = scratch.len();
    write_attributes(entry, scratch);
    let attributes_len = scratch.len() - attributes_at;
    if attributes_len + others_len > MAX_ATTRIBUTES_LEN {
        return None;
    }
    end_attributes(attributes_len, attributes_at, scratch)?;
    let before_hashes = scratch.len();
    for hash in &entry.other_hashes {
        if hash.kind.contains('\0') || hash.kind.is_empty() {
            return None;
        }
        let len = u32::try_from(hash.kind.len() + 1 + hash.value.len()).ok()?;
        scratch.extend(OTHER.to_be_bytes());
        scratch.extend(len.to_be_bytes());
        scratch.extend(hash.kind.as_bytes());
        scratch.push(0);
        scratch.extend(hash.value.as_bytes());
    }
    let (first, more) = entry
        .hashes
        .split_at(entry.hashes.len().min(MAX_STATED_TOGETHER));
    for hashes in std::iter::once(first).chain(more.chunks(MAX_STATED_TOGETHER)) {
        for hash in hashes {
            scratch.extend(kind_code(hash.kind()).to_be_bytes());
            scratch.extend(hash.as_bytes());
        }
        if let Err(error) = push(scratch) {
            return Some(Err(error));
        }
        scratch.truncate(before_hashes);
    }
    Some(Ok(()))
}

/// Writes what an index holds of an entry, but its hashes, as one statement. `None` if it does not fit.
pub(super) fn state_again(
    list: u32,
    sequence: u64,
    id: &[u8],
    codes: [u8; CODES_LEN],
    attributes: &[u8],
    scratch: &mut Vec<u8>,
) -> Option<()> {
    let withdraws = codes[0] == WITHDRAWN_CODE;
    begin(
        list,
        sequence,
        id,
        u8::from(withdraws) * WITHDRAWS,
        None,
        codes,
        scratch,
    )?;
    let attributes_at = scratch.len();
    let mut others = Vec::new();
    split_others(attributes, scratch, &mut others).ok()?;
    end_attributes(scratch.len() - attributes_at, attributes_at, scratch)?;
    for other in others {
        scratch.extend(OTHER.to_be_bytes());
        scratch.extend(u32::try_from(other.len()).ok()?.to_be_bytes());
        scratch.extend(other);
    }
    Some(())
}

/// Writes one hash that an index holds of an entry as one statement. `None` if it does not fit.
pub(super) fn state_hash_again(
    list: u32,
    sequence: u64,
    id: &[u8],
    hash: &HashValue,
    scratch: &mut Vec<u8>,
) -> Option<()> {
    begin(list, sequence, id, BARE, None, [0; CODES_LEN], scratch)?;
    end_attributes(0, scratch.len(), scratch)?;
    scratch.extend(kind_code(hash.kind()).to_be_bytes());
    scratch.extend(hash.as_bytes());
    Some(())
}

/// Begins a statement, up to its attributes.
fn begin(
    list: u32,
    sequence: u64,
    id: &[u8],
    flags: u8,
    time: Option<i64>,
    codes: [u8; CODES_LEN],
    scratch: &mut Vec<u8>,
) -> Option<()> {
    if id.is_empty() || id.len() > MAX_ENTRY_ID_LEN || id.contains(&0) {
        return None;
    }
    scratch.clear();
    scratch.extend(list.to_be_bytes());
    scratch.extend(id);
    scratch.push(0);
    scratch.extend(sequence.to_be_bytes());
    scratch.push(flags | time.map_or(0, |_| TIMED));
    scratch.extend(time.iter().flat_map(|time| time.to_le_bytes()));
    scratch.extend(codes);
    scratch.extend([0; 4]);
    Some(())
}

/// Writes the length of the attributes, which begin at `attributes_at`, before them.
fn end_attributes(len: usize, attributes_at: usize, scratch: &mut [u8]) -> Option<()> {
    let len = u32::try_from(len).ok()?;
    scratch[attributes_at - 4..attributes_at].copy_from_slice(&len.to_be_bytes());
    Some(())
}

/// What becomes of what was said of an entry before. What is of a time says nothing where there is a statement of a later time, or a
/// withdrawal of the same.
#[derive(Clone, Copy)]
pub(super) enum Order {
    /// It stays, but for what is said anew. Such statements may each have a hash of the entry, so of several that assert one all do,
    /// whatever their times.
    Adds(Option<i64>),
    /// The same of one of which nothing counts but its hashes, where anything else is known of the entry.
    Bare(Option<i64>),
    /// As `Adds`, if it is not of an earlier time.
    Joins(Option<i64>),
    /// It no longer counts.
    Replaces(Option<i64>),
}

/// A statement, taken apart.
pub(super) struct Statement<'a> {
    /// List, id and the zero after it.
    pub(super) key: &'a [u8],
    pub(super) sequence: u64,
    pub(super) flags: u8,
    /// The time that it is of.
    pub(super) time: Option<i64>,
    /// Status, media type, quality.
    pub(super) codes: [u8; CODES_LEN],
    pub(super) attributes: &'a [u8],
    pub(super) hashes: &'a [u8],
}

impl<'a> Statement<'a> {
    /// Returns whether it is about the entry, rather than about hashes of it.
    pub(super) const fn is_whole(&self) -> bool {
        self.flags & (REPLACES | JOINS) != 0
            || (self.flags & WITHDRAWS != 0 && self.hashes.is_empty())
    }

    /// Reads what [`state`] wrote; anything else is `None`.
    pub(super) fn read(record: &'a [u8]) -> Option<Self> {
        let id_len = memchr::memchr(0, record.get(LIST_LEN..)?)?;
        let (key, rest) = record.split_at(LIST_LEN + id_len + 1);
        let (sequence, rest) = rest.split_first_chunk::<SEQUENCE_LEN>()?;
        let (flags, mut rest) = rest.split_first()?;
        let mut time = None;
        if flags & TIMED != 0 {
            let (bytes, after) = rest.split_first_chunk::<8>()?;
            (time, rest) = (Some(i64::from_le_bytes(*bytes)), after);
        }
        let (codes, rest) = rest.split_first_chunk::<CODES_LEN>()?;
        let (len, rest) = rest.split_first_chunk::<4>()?;
        let len = usize::try_from(u32::from_be_bytes(*len)).ok()?;
        let (attributes, hashes) = rest.split_at_checked(len)?;
        Some(Self {
            key,
            sequence: u64::from_be_bytes(*sequence),
            flags: *flags,
            time,
            codes: *codes,
            attributes,
            hashes,
        })
    }
}

/// Returns the kind of the hash that begins with its code.
pub(super) fn kind_of(hash: &[u8]) -> Option<HashKind> {
    kind_of_code(u16::from_be_bytes(*hash.first_chunk()?))
}

/// Returns whether a hash, which begins with its code, is one that cannot be matched.
pub(super) fn is_other(hash: &[u8]) -> bool {
    hash.starts_with(&OTHER.to_be_bytes())
}

/// Returns the length of the first hash of a statement, with its code.
pub(super) fn stated_len(hashes: &[u8]) -> Option<usize> {
    if is_other(hashes) {
        let len: &[u8; OTHER_LEN_BYTES] = hashes[KIND_CODE_LEN..].first_chunk()?;
        let len = usize::try_from(u32::from_be_bytes(*len)).ok()?;
        return len.checked_add(KIND_CODE_LEN + OTHER_LEN_BYTES);
    }
    Some(KIND_CODE_LEN + kind_of(hashes)?.byte_len())
}
