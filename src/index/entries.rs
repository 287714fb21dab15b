//! What is said of entries, in the order of lists and ids, being turned into entries and what they assert.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::path::{Path, PathBuf};

use super::error::BuildError;
use super::layout::{
    LIST_HAS_TIME, LIST_RECORD_LEN, MAX_ATTRIBUTES_LEN, MAX_ENTRY_ID_LEN, QUALITY_UNKNOWN, Role,
    kind_code, kind_of_code,
};
use super::record::{
    WITHDRAWN_CODE, keep_time, media_type_code, split_others, status_code, write_attributes,
    write_other,
};
use super::sorter::Sorter;
use super::writer::Spool;
use crate::entry::{Entry, EntryStatus, ListDescriptor};
use crate::hash::{HashKind, HashValue};

/// Like attributes are stored once as long as this many different ones are remembered; then remembering starts anew.
const MAX_REMEMBERED_ATTRIBUTES: usize = 1 << 14;
/// Attributes longer than this are not remembered, which bounds the memory of those that are (8 MiB).
const MAX_REMEMBERED_LEN: usize = 512;
/// The memory for the hashes of one entry, in bytes; what does not fit is sorted on disk.
const ENTRY_BUDGET: usize = 4 << 20;
/// The most hashes that stand in one statement, which bounds its length.
const MAX_STATED_TOGETHER: usize = 1024;

// A statement, ordered by its bytes: list (4, big-endian), entry id, 0, sequence (8, big-endian), flags (1), with TIMED the time
// (8, little-endian), status, media type, quality (3), the length of the attributes (4, big-endian), attributes; and for each hash its kind code (2, big-endian) and its
// bytes. A hash that cannot be matched has the code 0, and its length (4, big-endian) before its bytes: the name of its kind, a
// zero and its text. An entry with very many hashes makes several, of one sequence.
const LIST_LEN: usize = 4;
const SEQUENCE_LEN: usize = 8;
const CODES_LEN: usize = 3;
const KIND_CODE_LEN: usize = 2;
/// The statement takes back the hashes it names, or, when it names none, all that were stated before it.
const WITHDRAWS: u8 = 1;
/// The statement takes the place of all that were made before it.
const REPLACES: u8 = 2;
/// The statement says nothing but its hashes.
const BARE: u8 = 4;
/// The statement, which replaces, is of a time, and counts only if none of a later time does.
const TIMED: u8 = 8;
/// In place of a kind code: a hash that cannot be matched.
const OTHER: u16 = 0;
const OTHER_LEN_BYTES: usize = 4;
// What a statement says of one hash, sorted among all that is said of the entry: kind code and bytes, sequence, whether it
// withdraws.
const AFTER_HASH_LEN: usize = SEQUENCE_LEN + 1;

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
        Order::Adds => (0, None),
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
    let others_len = others.fold(0, |len, hash| len + hash.kind.len() + hash.value.len() + 1);
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

/// What becomes of what was said of an entry before.
#[derive(Clone, Copy)]
pub(super) enum Order {
    /// It stays, but for what is said anew.
    Adds,
    /// It no longer counts, unless it is of a later time, or of the same and a withdrawal.
    Replaces(Option<i64>),
}

/// A statement, taken apart.
struct Statement<'a> {
    /// List, id and the zero after it.
    key: &'a [u8],
    sequence: u64,
    flags: u8,
    /// The time that it is of, of which only those are that replace.
    time: Option<i64>,
    /// Status, media type, quality.
    codes: [u8; CODES_LEN],
    attributes: &'a [u8],
    hashes: &'a [u8],
}

impl<'a> Statement<'a> {
    /// Reads what [`state`] wrote; anything else is `None`.
    fn read(record: &'a [u8]) -> Option<Self> {
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

/// A failure in the middle of sorting, before it is known where the file was.
pub(super) enum SortError {
    Io(io::Error),
    Build(BuildError),
}

impl SortError {
    pub(super) fn or_io(self, io: impl Fn(io::Error) -> BuildError) -> BuildError {
        match self {
            Self::Io(error) => io(error),
            Self::Build(error) => error,
        }
    }
}

impl From<io::Error> for SortError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// Statements in order, being turned into entries and assertions.
pub(super) struct Entries {
    current: Current,
    pub(super) output: Output,
}

/// The entry whose statements are being read.
struct Current {
    /// List, id and the zero after it; empty before the first entry.
    key: Vec<u8>,
    /// What the last statement that does not withdraw said: its codes, and attributes.
    codes: Option<[u8; CODES_LEN]>,
    attributes: Vec<u8>,
    /// Whether a statement withdraws, and what the last of them says of its time: of what is withdrawn nothing else is kept.
    is_withdrawal: bool,
    withdrawal_attributes: Vec<u8>,
    /// Hashes stated up to this one are taken back.
    withdrawn_through: Option<u64>,
    /// The time of the statement that last replaced all others, whether it withdraws, and its number.
    replaced: Option<(i64, bool, u64)>,
    /// What is said of hashes.
    hashes: Sorter,
    /// The last of it, when it is read in order.
    last: Vec<u8>,
    /// Hashes that stand and cannot be matched, as fields of attributes.
    others: Vec<u8>,
}

/// What is known of entries whose statements are complete.
pub(super) struct Output {
    pub(super) records: Spool,
    pub(super) strings: Spool,
    /// Of each kind hashes, each followed by the position of an entry that asserts it (4, big-endian).
    pub(super) by_kind: BTreeMap<HashKind, Sorter>,
    /// Whether entries without a hash that stands get a record, which says that they are withdrawn.
    keeps_withdrawn: bool,
    pub(super) withdrawn: u64,
    pub(super) repeated: u64,
    pub(super) outdated: u64,
    per_list: Vec<u32>,
    written: u32,
    directory: PathBuf,
    kind_budget: usize,
    remembered: HashMap<Vec<u8>, u64>,
    scratch: Vec<u8>,
}

impl Entries {
    /// Returns what holds `kind_budget` bytes of the hashes of each kind in memory.
    pub(super) fn new(
        directory: &Path,
        kind_budget: usize,
        lists: usize,
        keeps_withdrawn: bool,
    ) -> io::Result<Self> {
        Ok(Self {
            current: Current {
                key: Vec::new(),
                codes: None,
                attributes: Vec::new(),
                is_withdrawal: false,
                withdrawal_attributes: Vec::new(),
                withdrawn_through: None,
                replaced: None,
                hashes: Sorter::new(directory, ENTRY_BUDGET),
                last: Vec::new(),
                others: Vec::new(),
            },
            output: Output {
                records: Spool::new(directory, Role::Entries, None)?,
                strings: Spool::new(directory, Role::Strings, None)?,
                by_kind: BTreeMap::new(),
                keeps_withdrawn,
                withdrawn: 0,
                repeated: 0,
                outdated: 0,
                per_list: vec![0; lists],
                written: 0,
                directory: directory.to_path_buf(),
                kind_budget,
                remembered: HashMap::new(),
                scratch: Vec::new(),
            },
        })
    }

    /// Takes the next statement.
    pub(super) fn take(&mut self, record: &[u8]) -> Result<(), SortError> {
        let unreadable = || io::Error::from(io::ErrorKind::InvalidData);
        let statement = Statement::read(record).ok_or_else(unreadable)?;
        if self.current.key != statement.key {
            self.end_entry()?;
            self.current.key.extend(statement.key);
        }
        let current = &mut self.current;
        let withdraws = statement.flags & WITHDRAWS != 0;
        if let Some(time) = statement.time {
            if let Some((before, withdrew, sequence)) = current.replaced
                && sequence != statement.sequence
                && (time < before || (time == before && withdrew && !withdraws))
            {
                self.output.outdated += 1;
                return Ok(());
            }
            current.replaced = Some((time, withdraws, statement.sequence));
        }
        if statement.flags & REPLACES != 0 {
            current.withdrawn_through = statement.sequence.checked_sub(1);
        }
        if withdraws {
            if statement.hashes.is_empty() {
                current.withdrawn_through = Some(statement.sequence);
            }
            if self.output.keeps_withdrawn {
                current.is_withdrawal = true;
                current.withdrawal_attributes.clear();
                let kept = keep_time(statement.attributes, &mut current.withdrawal_attributes);
                kept.map_err(|_| unreadable())?;
            }
        } else if statement.flags & BARE == 0 {
            current.codes = Some(statement.codes);
            current.attributes.clear();
            current.attributes.extend(statement.attributes);
        }
        let mut hashes = statement.hashes;
        let said = &mut self.output.scratch;
        while !hashes.is_empty() {
            let len = stated_len(hashes).ok_or_else(unreadable)?;
            let (hash, rest) = hashes.split_at_checked(len).ok_or_else(unreadable)?;
            said.clear();
            said.extend(hash);
            said.extend(statement.sequence.to_be_bytes());
            said.push(u8::from(withdraws));
            current.hashes.push(said)?;
            hashes = rest;
        }
        Ok(())
    }

    /// Takes it that there are no more statements.
    pub(super) fn end(mut self) -> Result<Output, SortError> {
        self.end_entry()?;
        Ok(self.output)
    }

    /// Decides on the entry whose statements are complete, if there is one, and is ready for another.
    fn end_entry(&mut self) -> Result<(), SortError> {
        let (current, output) = (&mut self.current, &mut self.output);
        if current.key.is_empty() {
            return Ok(());
        }
        let mut position = None;
        // The last statement about a hash counts, and is known to be the last when another hash follows.
        let last = &mut current.last;
        last.clear();
        let mut hashes = current.hashes.sorted()?;
        loop {
            let next = hashes.next()?;
            let same = next
                .is_some_and(|next| next.len() == last.len() && hash_of(next).0 == hash_of(last).0);
            if same {
                output.repeated += 1;
            } else if !last.is_empty() {
                let (hash, sequence, withdrawn) = hash_of(last);
                let taken_back = current
                    .withdrawn_through
                    .is_some_and(|through| sequence <= through);
                if !withdrawn && !taken_back && is_other(hash) {
                    // They come before all others, so that the entry is written with them.
                    let text = &hash[KIND_CODE_LEN + OTHER_LEN_BYTES..];
                    write_other(text, &mut current.others);
                } else if !withdrawn && !taken_back {
                    let entry = match position {
                        Some(entry) => entry,
                        // A hash is alive only if a statement that does not withdraw made it, so there is something to say.
                        None => output.write_entry(
                            &current.key,
                            current.codes.unwrap_or([0, 0, QUALITY_UNKNOWN]),
                            &mut current.attributes,
                            &current.others,
                        )?,
                    };
                    position = Some(entry);
                    output.assert(hash, entry)?;
                }
            }
            let Some(next) = next else { break };
            last.clear();
            last.extend(next);
        }
        let unknown = [0, 0, QUALITY_UNKNOWN];
        if position.is_none() && !current.others.is_empty() {
            let codes = current.codes.unwrap_or(unknown);
            let (attributes, others) = (&mut current.attributes, &current.others);
            output.write_entry(&current.key, codes, attributes, others)?;
        } else if position.is_none() {
            output.withdrawn += 1;
            if output.keeps_withdrawn {
                if !current.is_withdrawal {
                    current.withdrawal_attributes.clear();
                    let kept = keep_time(&current.attributes, &mut current.withdrawal_attributes);
                    kept.map_err(|_| io::Error::from(io::ErrorKind::InvalidData))?;
                }
                let [_, media_type, quality] = unknown;
                let codes = [WITHDRAWN_CODE, media_type, quality];
                let attributes = &mut current.withdrawal_attributes;
                output.write_entry(&current.key, codes, attributes, &[])?;
            }
        }
        current.key.clear();
        current.codes = None;
        current.attributes.clear();
        current.is_withdrawal = false;
        current.replaced = None;
        current.others.clear();
        current.withdrawn_through = None;
        Ok(())
    }
}

/// Returns the kind of the hash that begins with its code.
fn kind_of(hash: &[u8]) -> Option<HashKind> {
    kind_of_code(u16::from_be_bytes(*hash.first_chunk()?))
}

/// Returns whether a hash, which begins with its code, is one that cannot be matched.
fn is_other(hash: &[u8]) -> bool {
    hash.starts_with(&OTHER.to_be_bytes())
}

/// Returns the length of the first hash of a statement, with its code.
fn stated_len(hashes: &[u8]) -> Option<usize> {
    if is_other(hashes) {
        let len: &[u8; OTHER_LEN_BYTES] = hashes[KIND_CODE_LEN..].first_chunk()?;
        let len = usize::try_from(u32::from_be_bytes(*len)).ok()?;
        return len.checked_add(KIND_CODE_LEN + OTHER_LEN_BYTES);
    }
    Some(KIND_CODE_LEN + kind_of(hashes)?.byte_len())
}

/// Takes apart what was said of a hash: kind code and bytes, when, and whether it withdraws.
fn hash_of(said: &[u8]) -> (&[u8], u64, bool) {
    let (hash, after) = said.split_at(said.len().saturating_sub(AFTER_HASH_LEN));
    let sequence = after
        .first_chunk()
        .map_or(0, |bytes| u64::from_be_bytes(*bytes));
    (hash, sequence, after.last() == Some(&1))
}

impl Output {
    /// Returns how many entries assert a hash.
    pub(super) fn entries(&self) -> u32 {
        self.written
    }

    /// Notes that an entry asserts a hash, which its kind code precedes.
    fn assert(&mut self, hash: &[u8], position: u32) -> io::Result<()> {
        let kind = kind_of(hash).ok_or(io::ErrorKind::InvalidData)?;
        self.scratch.clear();
        self.scratch.extend(&hash[KIND_CODE_LEN..]);
        self.scratch.extend(position.to_be_bytes());
        self.by_kind
            .entry(kind)
            .or_insert_with(|| Sorter::new(&self.directory, self.kind_budget))
            .push(&self.scratch)
    }

    /// Writes the record of an entry and returns its position.
    fn write_entry(
        &mut self,
        key: &[u8],
        codes: [u8; CODES_LEN],
        attributes: &mut Vec<u8>,
        others: &[u8],
    ) -> Result<u32, SortError> {
        let is_shared = others.is_empty();
        attributes.extend(others);
        if attributes.len() > MAX_ATTRIBUTES_LEN {
            // Each record was short enough, and there were many of one entry.
            return Err(SortError::Build(BuildError::TooMany {
                what: "bytes of texts and unmatchable hashes of one entry",
                limit: MAX_ATTRIBUTES_LEN as u64,
            }));
        }
        let attributes = attributes.as_slice();
        let too_many = || {
            SortError::Build(BuildError::TooMany {
                what: "entries",
                limit: u64::from(u32::MAX),
            })
        };
        let position = self.written;
        self.written = position.checked_add(1).ok_or_else(too_many)?;
        let (list, id) = key.split_at(LIST_LEN);
        let id = &id[..id.len() - 1];
        let list = u32::from_be_bytes([list[0], list[1], list[2], list[3]]);
        let id_offset = self.strings.write_text(id)?;
        let attributes_offset = match self.remembered.get(attributes) {
            Some(&offset) => offset,
            None => {
                let offset = self.strings.write_text(attributes)?;
                if is_shared && attributes.len() <= MAX_REMEMBERED_LEN {
                    if self.remembered.len() == MAX_REMEMBERED_ATTRIBUTES {
                        self.remembered.clear();
                    }
                    self.remembered.insert(attributes.to_vec(), offset);
                }
                offset
            }
        };
        let len_of = |bytes: &[u8]| u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        let record = &mut self.scratch;
        record.clear();
        record.extend(list.to_le_bytes());
        record.extend(codes);
        record.push(0);
        record.extend(id_offset.to_le_bytes());
        record.extend(len_of(id).to_le_bytes());
        record.extend(len_of(attributes).to_le_bytes());
        record.extend(attributes_offset.to_le_bytes());
        self.records.write_record(record)?;
        self.per_list[list as usize] += 1;
        Ok(position)
    }

    /// Writes what the lists say of themselves, with the number of entries of each.
    pub(super) fn write_lists(&mut self, lists: &[ListDescriptor]) -> io::Result<Spool> {
        let mut spool = Spool::new(&self.directory, Role::Lists, None)?;
        for (list, &count) in lists.iter().zip(&self.per_list) {
            let texts = [&list.name, &list.source, &list.version, &list.terms];
            let mut record = Vec::with_capacity(LIST_RECORD_LEN);
            record.extend(list.time.unwrap_or(0).to_le_bytes());
            record.extend(list.time.map_or(0, |_| LIST_HAS_TIME).to_le_bytes());
            record.extend(count.to_le_bytes());
            for text in texts {
                record.extend(u32::try_from(text.len()).unwrap_or(u32::MAX).to_le_bytes());
            }
            for text in texts {
                let offset = self.strings.write_text(text.as_bytes())?;
                record.extend(offset.to_le_bytes());
            }
            spool.write_record(&record)?;
        }
        Ok(spool)
    }
}
