//! What is said of entries, in the order of lists and ids, being turned into entries and what they assert.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::path::{Path, PathBuf};

use super::error::BuildError;
use super::layout::{LIST_HAS_TIME, LIST_RECORD_LEN, MAX_ATTRIBUTES_LEN, QUALITY_UNKNOWN, Role};
use super::record::{WITHDRAWN_CODE, other_len, time_of, write_other, write_time};
use super::sorter::Sorter;
use super::statement::{
    BARE, CODES_LEN, FIRST_SEQUENCE, KIND_CODE_LEN, LIST_LEN, OTHER_LEN_BYTES, REPLACES,
    SEQUENCE_LEN, Statement, WITHDRAWS, is_other, kind_of, stated_len,
};
use super::writer::Spool;
use crate::entry::ListDescriptor;
use crate::hash::HashKind;

/// Like attributes are stored once as long as this many different ones are remembered; then remembering starts anew.
const MAX_REMEMBERED_ATTRIBUTES: usize = 1 << 14;
/// Attributes longer than this are not remembered, which bounds the memory of those that are (8 MiB).
const MAX_REMEMBERED_LEN: usize = 512;
/// The memory for the hashes of one entry, in bytes; what does not fit is sorted on disk.
const ENTRY_BUDGET: usize = 4 << 20;

// What a statement says of one hash, sorted among all that is said of the entry: kind code and bytes, sequence, whether it
// withdraws.
const AFTER_HASH_LEN: usize = SEQUENCE_LEN + 1;

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
    /// What the latest statement that says more than hashes said: its codes, and attributes. None after a withdrawal.
    codes: Option<[u8; CODES_LEN]>,
    attributes: Vec<u8>,
    /// Whether a statement withdraws, and the latest time that is known of it: of what is withdrawn nothing else is kept.
    withdrawal: Option<Option<i64>>,
    /// Hashes stated up to this one are taken back.
    withdrawn_through: Option<u64>,
    /// The same of those that a record of no later time took the place of.
    superseded_through: Option<u64>,
    times: Times,
    /// The last statement of this build that asserts something.
    stated: Option<u64>,
    /// The last statement that did not count.
    outdated: Option<u64>,
    /// What is said of hashes.
    hashes: Sorter,
    /// The last of it, when it is read in order.
    last: Vec<u8>,
    /// Hashes that stand and cannot be matched, as fields of attributes.
    others: Vec<u8>,
}

/// The times of what was said of an entry so far, as far as it is of one.
#[derive(Default)]
struct Times {
    /// The latest of statements that assert something.
    said: Option<i64>,
    /// The latest of those that withdraw the entry.
    withdrawn: Option<i64>,
    /// The latest that was asserted when a statement of no time withdrew the entry.
    gone: Option<i64>,
}

impl Times {
    /// Returns whether a statement does not count beside what is later in time. At one time a withdrawal counts, and beside one
    /// of a time nothing does that is of none.
    fn are_later_than(&self, statement: &Statement<'_>) -> bool {
        let withdraws = statement.flags & WITHDRAWS != 0;
        let is_whole = statement.is_whole();
        let time = statement.time;
        let is_before =
            |other: Option<i64>| time.zip(other).is_some_and(|(time, other)| time < other);
        if !withdraws && statement.sequence >= FIRST_SEQUENCE {
            let is_withdrawn = |at| time.is_none_or(|time| time <= at);
            let is_gone = |at| time.is_some_and(|time| time <= at);
            if self.withdrawn.is_some_and(is_withdrawn) || self.gone.is_some_and(is_gone) {
                return true;
            }
        }
        is_whole && (is_before(self.said) || (withdraws && is_before(self.withdrawn)))
    }

    /// Returns whether a statement is of a later time than all that asserted something.
    fn are_earlier_than(&self, statement: &Statement<'_>) -> bool {
        let times = statement.time.zip(self.said);
        times.is_some_and(|(time, said)| said < time)
    }

    /// Returns whether what is known of the entry beside its hashes is of a later time than a statement.
    fn say_more_than(&self, statement: &Statement<'_>) -> bool {
        let times = statement.time.zip(self.said);
        times.is_some_and(|(time, said)| time < said)
    }

    /// Takes note of a statement that counts.
    fn note(&mut self, statement: &Statement<'_>) {
        if statement.flags & WITHDRAWS == 0 {
            self.said = self.said.max(statement.time);
        } else if statement.is_whole() {
            self.withdrawn = self.withdrawn.max(statement.time);
            if statement.time.is_none() {
                self.gone = self.gone.max(self.said);
            }
        }
    }
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
    pub(super) other_hashes_left_out: u64,
    pub(super) superseded: u64,
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
                withdrawal: None,
                withdrawn_through: None,
                superseded_through: None,
                times: Times::default(),
                stated: None,
                outdated: None,
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
                other_hashes_left_out: 0,
                superseded: 0,
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
        if current.times.are_later_than(&statement) {
            // What it withdraws of the entry must not come after it.
            if withdraws {
                current.times.note(&statement);
            }
            // An entry with very many hashes makes several statements.
            if current.outdated != Some(statement.sequence) {
                current.outdated = Some(statement.sequence);
                self.output.outdated += 1;
            }
            return Ok(());
        }
        // An entry with very many hashes makes several statements.
        let is_first = current.stated != Some(statement.sequence);
        if statement.flags & REPLACES != 0 && is_first {
            let before = statement.sequence.checked_sub(1);
            // Two records of one entry, neither of which is known to be the later.
            let is_unordered = current.stated.is_some_and(|stated| Some(stated) <= before)
                && !current.times.are_earlier_than(&statement);
            current.superseded_through = before.filter(|_| is_unordered && !withdraws);
            current.withdrawn_through = before;
        }
        if withdraws {
            if statement.hashes.is_empty() {
                current.withdrawn_through = Some(statement.sequence);
                current.superseded_through = None;
                current.stated = None;
                current.codes = None;
                current.attributes.clear();
            }
            // It is at least as late as what it withdraws, and as what withdrew it before.
            let time = time_of(statement.attributes).map_err(|_| unreadable())?;
            let time = time.max(current.times.said);
            current.withdrawal = Some(current.withdrawal.flatten().max(time));
        } else {
            let says_more = match statement.flags & BARE {
                0 => current.codes.is_none() || !current.times.say_more_than(&statement),
                _ => current.codes.is_none(),
            };
            if says_more {
                current.codes = Some(statement.codes);
                current.attributes.clear();
                current.attributes.extend(statement.attributes);
            }
        }
        current.times.note(&statement);
        if !withdraws && statement.sequence >= FIRST_SEQUENCE {
            current.stated = Some(statement.sequence);
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
                let is_superseded = current
                    .superseded_through
                    .is_some_and(|through| sequence >= FIRST_SEQUENCE && sequence <= through);
                output.superseded += u64::from(!withdrawn && taken_back && is_superseded);
                if !withdrawn && !taken_back && is_other(hash) {
                    // They come before all others, so that the entry is written with them.
                    let text = &hash[KIND_CODE_LEN + OTHER_LEN_BYTES..];
                    let len =
                        current.attributes.len() + current.others.len() + other_len(text.len());
                    if len <= MAX_ATTRIBUTES_LEN {
                        write_other(text, &mut current.others);
                    } else {
                        // Each record was short enough, and there were many of one entry.
                        output.other_hashes_left_out += 1;
                    }
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
                let time = match current.withdrawal {
                    Some(time) => time,
                    None => time_of(&current.attributes)
                        .map_err(|_| io::Error::from(io::ErrorKind::InvalidData))?,
                };
                let [_, media_type, quality] = unknown;
                let codes = [WITHDRAWN_CODE, media_type, quality];
                let attributes = &mut current.attributes;
                attributes.clear();
                write_time(time, attributes);
                output.write_entry(&current.key, codes, attributes, &[])?;
            }
        }
        current.key.clear();
        current.codes = None;
        current.attributes.clear();
        current.withdrawal = None;
        current.superseded_through = None;
        current.times = Times::default();
        current.stated = None;
        current.outdated = None;
        current.others.clear();
        current.withdrawn_through = None;
        Ok(())
    }
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
