//! Building an index from entries, in bounded memory.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::error::BuildError;
use super::layout::{
    LIST_HAS_TIME, LIST_RECORD_LEN, MAX_ATTRIBUTES_LEN, MAX_ENTRY_ID_LEN, MAX_LIST_TEXTS_LEN,
    MAX_LISTS, QUALITY_UNKNOWN, Role, kind_code,
};
use super::record::{media_type_code, status_code, write_attributes};
use super::sorter::Sorter;
use super::tables::write_tables;
use super::writer::{
    BuildProgress, Spool, TEMPORARY_PREFIX, TEMPORARY_SUFFIX, remove_abandoned, report,
    sync_directory, write_file, write_kind,
};
use crate::entry::{Entry, EntryStatus, ListDescriptor};
use crate::hash::HashKind;

/// Like attributes are stored once as long as this many different ones are remembered; then remembering starts anew.
const MAX_REMEMBERED_ATTRIBUTES: usize = 1 << 14;
/// Attributes longer than this are not remembered, which bounds the memory of those that are (8 MiB).
const MAX_REMEMBERED_LEN: usize = 512;

/// What a build wrote.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct BuildSummary {
    /// The lists.
    pub lists: u64,
    /// The entries that assert at least one hash.
    pub entries: u64,
    /// The entries all of whose hashes are withdrawn; they are not in the index.
    pub withdrawn_entries: u64,
    /// How often one entry stated one hash again; the last statement counts.
    pub repeated: u64,
    /// The distinct hashes of each kind.
    pub hashes: BTreeMap<HashKind, u64>,
    /// How many (entry, hash) pairs there are of each kind.
    pub assertions: BTreeMap<HashKind, u64>,
    /// The length of the file, in bytes.
    pub file_bytes: u64,
    /// The index identity, as lower-case hexadecimal.
    pub identity: String,
}

/// Builds an index file from entries.
///
/// 1. Add a list, then its entries, in any order; entries of several lists may be mixed.
/// 2. [`finish`](Self::finish) sorts, writes and publishes the file.
///
/// A build that is killed while it writes leaves a file `.hashsieve-*.unpublished`, readable by its owner only; the next build in
/// that directory removes it when it is a minute old.
///
/// Entries of one list with one id speak for one entry, so that a table may hold one hash a row: their hashes are put
/// together, and for everything else the last one counts. For each hash of an entry the last statement counts: a
/// withdrawn record takes back the hashes it names, or, when it names none, all that were stated before it; a later
/// record may state them again.
///
/// Memory: about the budget given, plus at most 96 MiB for buffers, whatever the number of entries; what does not fit
/// goes to unnamed temporary files in the destination's directory, about twice the size of the index at most. Time:
/// O(n log n) unless the budget is less than a hundredth of the entries; each part of a table that fits in half the budget
/// takes a pass over the hashes. The same calls give the same bytes, whatever the budget and the number of threads. Sorting uses the
/// current `rayon` pool.
///
/// # Example
/// ```
/// use hashsieve::{Entry, HashKind, HashValue, Index, IndexBuilder, ListDescriptor};
/// let directory = tempfile::tempdir()?;
/// let path = directory.path().join("example.hsv");
/// let mut builder = IndexBuilder::new(&path);
/// let list = builder.add_list(ListDescriptor { name: "example".into(), ..Default::default() })?;
/// let mut entry = Entry::new("entry-1");
/// entry.add_hash(HashValue::parse(HashKind::Md5, "0123456789abcdef0123456789abcdef")?);
/// builder.add(list, &entry)?;
/// let summary = builder.finish()?;
/// assert_eq!(summary.entries, 1);
/// assert_eq!(Index::open(&path)?.len(HashKind::Md5), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct IndexBuilder {
    destination: PathBuf,
    directory: PathBuf,
    budget: usize,
    lists: Vec<ListDescriptor>,
    list_texts_len: usize,
    statements: Sorter,
    /// The kinds of the hashes stated, which share the memory budget when they are sorted.
    kinds: BTreeSet<HashKind>,
    /// Numbers the records, so that "last" has a meaning after sorting.
    sequence: u64,
    scratch: Vec<u8>,
}

impl std::fmt::Debug for IndexBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("IndexBuilder")
            .field("destination", &self.destination)
            .field("lists", &self.lists.len())
            .finish_non_exhaustive()
    }
}

/// The memory that a builder uses before it sorts on disk, in bytes.
pub const DEFAULT_MEMORY_BUDGET: usize = 512 << 20;

// A statement record, ordered by its bytes: list (4, big-endian), entry id, 0, then
//   0: about the entry:  0, sequence (8), withdraws everything (1), status/media/quality (3), attributes
//   1: about a hash:     1, kind code (2), hash bytes, sequence (8), withdrawn (1)
const ABOUT_ENTRY: u8 = 0;
const ABOUT_HASH: u8 = 1;
const STATUS_WITHDRAWN: u8 = u8::MAX;

impl IndexBuilder {
    /// Returns a builder for an index at `destination`, with [`DEFAULT_MEMORY_BUDGET`].
    pub fn new(destination: impl Into<PathBuf>) -> Self {
        Self::with_memory_budget(destination, DEFAULT_MEMORY_BUDGET)
    }

    /// Returns a builder that holds about `budget` bytes of entries in memory (at least 1 MiB, at most 2 GiB).
    pub fn with_memory_budget(destination: impl Into<PathBuf>, budget: usize) -> Self {
        let destination = destination.into();
        let directory = match destination.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent.to_path_buf(),
            _ => PathBuf::from("."),
        };
        let budget = budget.clamp(1 << 20, 1 << 31);
        Self {
            statements: Sorter::new(&directory, budget / 2),
            destination,
            directory,
            budget,
            lists: Vec::new(),
            list_texts_len: 0,
            kinds: BTreeSet::new(),
            sequence: 0,
            scratch: Vec::new(),
        }
    }

    /// Adds a list and returns its position, under which its entries are added.
    ///
    /// # Errors
    /// [`BuildError::TooMany`] past 2^16 lists, or 16 MiB of texts in their descriptions.
    pub fn add_list(&mut self, list: ListDescriptor) -> Result<u32, BuildError> {
        let position = u32::try_from(self.lists.len())
            .ok()
            .filter(|&position| position < MAX_LISTS)
            .ok_or(BuildError::TooMany {
                what: "lists",
                limit: u64::from(MAX_LISTS),
            })?;
        let texts = [&list.name, &list.source, &list.version, &list.terms];
        self.list_texts_len += texts.iter().map(|text| text.len()).sum::<usize>();
        if self.list_texts_len > MAX_LIST_TEXTS_LEN {
            return Err(BuildError::TooMany {
                what: "bytes of list descriptions",
                limit: MAX_LIST_TEXTS_LEN as u64,
            });
        }
        self.lists.push(list);
        Ok(position)
    }

    /// Adds what one record of a list says.
    ///
    /// # Errors
    /// [`BuildError::UnknownList`], [`BuildError::InvalidEntry`] (the builder goes on without this entry), or
    /// [`BuildError::Io`] when a temporary file cannot be written.
    pub fn add(&mut self, list: u32, entry: &Entry) -> Result<(), BuildError> {
        if list as usize >= self.lists.len() {
            return Err(BuildError::UnknownList { list });
        }
        let invalid = BuildError::InvalidEntry {
            list,
            entry: self.sequence,
        };
        let id = entry.entry_id.as_bytes();
        if id.is_empty() || id.len() > MAX_ENTRY_ID_LEN || id.contains(&0) {
            return Err(invalid);
        }
        let sequence = self.sequence.to_be_bytes();
        self.sequence += 1;
        let withdrawn = entry.status == EntryStatus::Withdrawn;
        let record = &mut self.scratch;
        record.clear();
        record.extend(list.to_be_bytes());
        record.extend(id);
        record.push(0);
        let key_len = record.len();

        record.push(ABOUT_ENTRY);
        record.extend(sequence);
        record.push(u8::from(withdrawn && entry.hashes.is_empty()));
        record.push(status_code(&entry.status).unwrap_or(STATUS_WITHDRAWN));
        record.push(media_type_code(entry.media_type));
        record.push(
            entry
                .quality
                .map_or(QUALITY_UNKNOWN, |quality| quality.min(100)),
        );
        write_attributes(entry, record);
        // What precedes the attributes of the entry, after the key: what this is about, sequence, and four codes.
        if record.len() - key_len - 13 > MAX_ATTRIBUTES_LEN {
            return Err(invalid);
        }
        let mut push = |record: &[u8]| {
            self.statements
                .push(record)
                .map_err(|source| in_directory(&self.directory, source))
        };
        push(record)?;
        for hash in &entry.hashes {
            self.kinds.insert(hash.kind());
            record.truncate(key_len);
            record.push(ABOUT_HASH);
            record.extend(kind_code(hash.kind()).to_be_bytes());
            record.extend(hash.as_bytes());
            record.extend(sequence);
            record.push(u8::from(withdrawn));
            push(record)?;
        }
        Ok(())
    }

    /// Writes the index and puts it in place of whatever is at the destination.
    ///
    /// The file is readable by its owner only. Readers that have the old file open keep it.
    ///
    /// # Errors
    /// [`BuildError::Io`] or [`BuildError::TooMany`]; the destination is then untouched, unless all that failed is the
    /// last step, flushing the directory: then the new index is in place but may not outlast a crash.
    pub fn finish(self) -> Result<BuildSummary, BuildError> {
        self.finish_with(&mut |_| {})
    }

    /// The same, telling now and then how far it has come.
    ///
    /// # Errors
    /// As for [`finish`](Self::finish).
    pub fn finish_with(
        self,
        progress: &mut dyn FnMut(BuildProgress),
    ) -> Result<BuildSummary, BuildError> {
        let destination = self.destination.clone();
        let directory = self.directory.clone();
        let (sections, mut summary) = self.sort(progress)?;
        let io = |source| in_directory(&directory, source);
        remove_abandoned(&directory);
        let mut file = tempfile::Builder::new()
            .prefix(TEMPORARY_PREFIX)
            .suffix(TEMPORARY_SUFFIX)
            .tempfile_in(&directory)
            .map_err(io)?;
        // Tells other builds that this file has an owner who lives. Without locks they wait for its age only.
        let _ = file.as_file().lock();
        summary.identity = write_file(file.as_file_mut(), sections, progress).map_err(io)?;
        file.as_file().sync_all().map_err(io)?;
        summary.file_bytes = file.as_file().metadata().map_err(io)?.len();
        file.persist(&destination).map_err(|error| BuildError::Io {
            path: destination,
            source: error.error,
        })?;
        sync_directory(&directory).map_err(io)?;
        Ok(summary)
    }

    /// Turns statements into sections, each in a temporary file.
    fn sort(
        self,
        progress: &mut dyn FnMut(BuildProgress),
    ) -> Result<(Vec<Spool>, BuildSummary), BuildError> {
        let io = |source| in_directory(&self.directory, source);
        let total = self.statements.records();
        let kind_budget = self.budget / 2 / self.kinds.len().max(1);
        let mut entries =
            Entries::new(&self.directory, kind_budget, self.lists.len()).map_err(io)?;
        let mut records = self.statements.finish().map_err(io)?;
        let mut done = 0_u64;
        while let Some(record) = records.next().map_err(io)? {
            entries.take(record).map_err(|error| error.or_io(io))?;
            report(progress, "sorting entries", &mut done, total);
        }
        drop(records);
        entries.end_hash().map_err(|error| error.or_io(io))?;
        entries.end_entry();
        let mut summary = BuildSummary {
            lists: self.lists.len() as u64,
            entries: u64::from(entries.written),
            withdrawn_entries: entries.withdrawn,
            repeated: entries.repeated,
            ..BuildSummary::default()
        };
        let lists = write_lists(&self.directory, &self.lists, &mut entries).map_err(io)?;
        let mut sections = vec![lists, entries.records, entries.strings];
        for (kind, sorter) in entries.by_kind {
            let assertions = sorter.records();
            if assertions > u64::from(u32::MAX) {
                return Err(BuildError::TooMany {
                    what: "assertions of one kind",
                    limit: u64::from(u32::MAX),
                });
            }
            let records = sorter.finish().map_err(io)?;
            let mut hashes =
                write_kind(&self.directory, kind, records, assertions, progress).map_err(io)?;
            summary.hashes.insert(kind, hashes[0].count);
            summary.assertions.insert(kind, assertions);
            let tables = if kind.is_perceptual() {
                let (directory, hashes) = (&self.directory, &mut hashes[0]);
                write_tables(directory, kind, hashes, self.budget / 2, progress).map_err(io)?
            } else {
                None
            };
            sections.extend(hashes);
            sections.extend(tables.into_iter().flatten());
        }
        Ok((sections, summary))
    }
}

fn in_directory(directory: &Path, source: io::Error) -> BuildError {
    BuildError::Io {
        path: directory.to_path_buf(),
        source,
    }
}

/// A failure in the middle of sorting, before it is known where the file was.
enum SortError {
    Io(io::Error),
    Build(BuildError),
}

impl SortError {
    fn or_io(self, io: impl Fn(io::Error) -> BuildError) -> BuildError {
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

/// Statements in order, being turned into entries and sorted assertions.
struct Entries {
    records: Spool,
    strings: Spool,
    by_kind: BTreeMap<HashKind, Sorter>,
    per_list: Vec<u32>,
    written: u32,
    withdrawn: u64,
    repeated: u64,
    directory: PathBuf,
    kind_budget: usize,
    remembered: HashMap<Vec<u8>, u64>,
    current: Option<CurrentEntry>,
    scratch: Vec<u8>,
}

/// The entry whose statements are being read.
struct CurrentEntry {
    /// List, id and the zero after it.
    key: Vec<u8>,
    /// What the last record that does not withdraw said: status, media type, quality, attributes.
    says: Option<Vec<u8>>,
    /// Statements up to this one are taken back.
    withdrawn_through: Option<u64>,
    /// The last statement about one hash: its kind code and bytes, when, and whether it withdraws.
    hash: Option<(Vec<u8>, u64, bool)>,
    /// The position of the entry, once it has an assertion.
    position: Option<u32>,
}

impl Entries {
    fn new(directory: &Path, kind_budget: usize, lists: usize) -> io::Result<Self> {
        Ok(Self {
            records: Spool::new(directory, Role::Entries, None)?,
            strings: Spool::new(directory, Role::Strings, None)?,
            by_kind: BTreeMap::new(),
            per_list: vec![0; lists],
            written: 0,
            withdrawn: 0,
            repeated: 0,
            directory: directory.to_path_buf(),
            kind_budget,
            remembered: HashMap::new(),
            current: None,
            scratch: Vec::new(),
        })
    }

    /// Takes the next statement.
    fn take(&mut self, record: &[u8]) -> Result<(), SortError> {
        // `IndexBuilder::add` wrote the record: 4 bytes of list, an id without a zero, a zero, and what follows.
        let id_len = record[4..].iter().position(|&b| b == 0).unwrap_or(0);
        let (key, rest) = record.split_at(4 + id_len + 1);
        if self
            .current
            .as_ref()
            .is_none_or(|current| current.key != key)
        {
            self.end_hash()?;
            self.end_entry();
            self.current = Some(CurrentEntry {
                key: key.to_vec(),
                says: None,
                withdrawn_through: None,
                hash: None,
                position: None,
            });
        }
        let Some(current) = &mut self.current else {
            return Ok(());
        };
        let sequence_of = |bytes: &[u8]| bytes.try_into().map_or(0, u64::from_be_bytes);
        if rest[0] == ABOUT_ENTRY {
            let sequence = sequence_of(&rest[1..9]);
            if rest[9] == 1 {
                current.withdrawn_through = Some(sequence);
            }
            if rest[10] != STATUS_WITHDRAWN {
                current.says = Some(rest[10..].to_vec());
            }
            return Ok(());
        }
        let (hash, when) = rest[1..].split_at(rest.len() - 1 - 9);
        let statement = (sequence_of(&when[..8]), when[8] == 1);
        if let Some((last, sequence, withdrawn)) = &mut current.hash
            && last == hash
        {
            (*sequence, *withdrawn) = statement;
            self.repeated += 1;
            return Ok(());
        }
        self.end_hash()?;
        if let Some(current) = &mut self.current {
            current.hash = Some((hash.to_vec(), statement.0, statement.1));
        }
        Ok(())
    }

    /// Decides on the hash whose statements are complete.
    fn end_hash(&mut self) -> Result<(), SortError> {
        let Some(current) = &mut self.current else {
            return Ok(());
        };
        let Some((hash, sequence, withdrawn)) = current.hash.take() else {
            return Ok(());
        };
        if withdrawn
            || current
                .withdrawn_through
                .is_some_and(|through| sequence <= through)
        {
            return Ok(());
        }
        let position = match current.position {
            Some(position) => position,
            None => self.write_entry()?,
        };
        let (code, bytes) = hash.split_at(2);
        let kind = HashKind::ALL
            .into_iter()
            .find(|&kind| kind_code(kind).to_be_bytes() == code)
            .ok_or_else(|| io::Error::from(io::ErrorKind::InvalidData))?;
        self.scratch.clear();
        self.scratch.extend(bytes);
        self.scratch.extend(position.to_be_bytes());
        self.by_kind
            .entry(kind)
            .or_insert_with(|| Sorter::new(&self.directory, self.kind_budget))
            .push(&self.scratch)?;
        Ok(())
    }

    /// Counts the entry whose statements are complete. Call after the last [`end_hash`](Self::end_hash).
    fn end_entry(&mut self) {
        if let Some(current) = self.current.take()
            && current.position.is_none()
        {
            self.withdrawn += 1;
        }
    }

    /// Writes the record of the current entry and returns its position.
    fn write_entry(&mut self) -> Result<u32, SortError> {
        let too_many = || {
            SortError::Build(BuildError::TooMany {
                what: "entries",
                limit: u64::from(u32::MAX),
            })
        };
        let position = self.written;
        self.written = position.checked_add(1).ok_or_else(too_many)?;
        let Some(current) = &mut self.current else {
            return Ok(position);
        };
        current.position = Some(position);
        let (list, id) = current.key.split_at(4);
        let id = &id[..id.len() - 1];
        let list = u32::from_be_bytes([list[0], list[1], list[2], list[3]]);
        // A hash is alive only if a record that does not withdraw stated it, so there is something to say.
        let says = current.says.as_deref().unwrap_or(&[0, 0, QUALITY_UNKNOWN]);
        let (codes, attributes) = says.split_at(3);
        let id_offset = self.strings.write_text(id)?;
        let attributes_offset = match self.remembered.get(attributes) {
            Some(&offset) => offset,
            None => {
                let offset = self.strings.write_text(attributes)?;
                if attributes.len() <= MAX_REMEMBERED_LEN {
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
}

fn write_lists(
    directory: &Path,
    lists: &[ListDescriptor],
    entries: &mut Entries,
) -> io::Result<Spool> {
    let mut spool = Spool::new(directory, Role::Lists, None)?;
    for (list, &count) in lists.iter().zip(&entries.per_list) {
        let texts = [&list.name, &list.source, &list.version, &list.terms];
        let mut record = Vec::with_capacity(LIST_RECORD_LEN);
        record.extend(list.time.unwrap_or(0).to_le_bytes());
        record.extend(list.time.map_or(0, |_| LIST_HAS_TIME).to_le_bytes());
        record.extend(count.to_le_bytes());
        for text in texts {
            record.extend(u32::try_from(text.len()).unwrap_or(u32::MAX).to_le_bytes());
        }
        for text in texts {
            let offset = entries.strings.write_text(text.as_bytes())?;
            record.extend(offset.to_le_bytes());
        }
        spool.write_record(&record)?;
    }
    Ok(spool)
}
