//! Building an index from entries, in bounded memory.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::entries::Entries;
use super::error::BuildError;
use super::layout::{MAX_LIST_TEXTS_LEN, MAX_LISTS};
use super::sorter::Sorter;
use super::statement::{FIRST_SEQUENCE, Order, state, state_again, state_hash_again};
use super::writer::{
    BuildProgress, Spool, TEMPORARY_PREFIX, TEMPORARY_SUFFIX, remove_abandoned, report,
    sync_directory, write_file, write_kind,
};
use super::{Index, RawEntry};
use crate::entry::{Entry, ListDescriptor};
use crate::hash::{HashKind, HashValue};

/// What a build wrote.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct BuildSummary {
    /// The lists.
    pub lists: u64,
    /// The entries that assert at least one hash.
    pub entries: u64,
    /// The entries that assert no hash, because all are withdrawn or none was stated; they are not in the index.
    pub withdrawn_entries: u64,
    /// How often one entry stated one hash again; the last statement counts.
    pub repeated: u64,
    /// How many records do not count, since another of their entry is of a later time ([`IndexBuilder::replace`]).
    pub outdated: u64,
    /// How many hashes that cannot be matched were left out, since all of their entry, which many records may name, take more
    /// than 256 KiB with its texts. Those that can be matched are kept however many they are.
    pub other_hashes_left_out: u64,
    /// How many hashes of records were left out, since another record of the same entry and of no later time took its place
    /// ([`IndexBuilder::replace`]) and does not have them.
    pub superseded: u64,
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
/// goes to temporary files in the destination's directory, of which all but the index to be have no name, about twice the size
/// of the index at most. Time: O(n log n) unless the budget is less than a hundredth of the entries; each part of a table that
/// fits in half the budget takes a pass over the hashes. The same calls give the same bytes, whatever the budget and the number
/// of threads. Tables are made, and checksums computed, in the current `rayon` pool; sorting, reading ahead and flushing have a
/// thread beside it, one at a time.
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
    /// The positions of lists by their names.
    names: BTreeMap<String, u32>,
    list_texts_len: usize,
    statements: Sorter,
    /// The kinds of the hashes stated, which share the memory budget when they are sorted.
    kinds: BTreeSet<HashKind>,
    /// Numbers the records, so that "last" has a meaning after sorting.
    sequence: u64,
    /// The same for what comes from indexes, which counts as said before.
    earlier: u64,
    keeps_withdrawn: bool,
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
            names: BTreeMap::new(),
            list_texts_len: 0,
            kinds: BTreeSet::new(),
            sequence: FIRST_SEQUENCE,
            earlier: 0,
            keeps_withdrawn: false,
            scratch: Vec::new(),
        }
    }

    /// Adds a list and returns its position, under which its entries are added.
    ///
    /// # Errors
    /// [`BuildError::NameTaken`], or [`BuildError::TooMany`] past 2^16 lists or 16 MiB of texts in their descriptions.
    pub fn add_list(&mut self, list: ListDescriptor) -> Result<u32, BuildError> {
        let position = u32::try_from(self.lists.len())
            .ok()
            .filter(|&position| position < MAX_LISTS)
            .ok_or(BuildError::TooMany {
                what: "lists",
                limit: u64::from(MAX_LISTS),
            })?;
        if let Some(&taken) = self.names.get(&list.name) {
            return Err(BuildError::NameTaken { list: taken });
        }
        let texts = [&list.name, &list.source, &list.version, &list.terms];
        self.list_texts_len += texts.iter().map(|text| text.len()).sum::<usize>();
        if self.list_texts_len > MAX_LIST_TEXTS_LEN {
            return Err(BuildError::TooMany {
                what: "bytes of list descriptions",
                limit: MAX_LIST_TEXTS_LEN as u64,
            });
        }
        self.names.insert(list.name.clone(), position);
        self.lists.push(list);
        Ok(position)
    }

    /// Adds what one record of a list says.
    ///
    /// Of records that say when their source changed the entry ([`Entry::source_updated`]), one that is not of a later time than a
    /// withdrawal of its entry does not count, nor does one of no time beside a withdrawal of a time.
    ///
    /// # Errors
    /// [`BuildError::UnknownList`], [`BuildError::InvalidEntry`] (the builder goes on without this entry), or
    /// [`BuildError::Io`] when a temporary file cannot be written.
    pub fn add(&mut self, list: u32, entry: &Entry) -> Result<(), BuildError> {
        self.state(list, entry, Order::Adds(entry.source_updated))
    }

    /// Adds what one record of a list says, in place of all that was said of its entry before.
    ///
    /// For formats in which a record is all of an entry, so that a hash that a later record leaves out is taken back. Of records
    /// that say when their source changed the entry ([`Entry::source_updated`]) the latest counts, whatever their order, and of two
    /// of the same time one that withdraws: pages of feeds come in any order. Beside a withdrawal of a time no record of no time
    /// counts.
    ///
    /// # Errors
    /// As for [`add`](Self::add).
    pub fn replace(&mut self, list: u32, entry: &Entry) -> Result<(), BuildError> {
        self.state(list, entry, Order::Replaces(entry.source_updated))
    }

    /// The same as [`add`](Self::add) for a record of a time, beside which no withdrawal of that time or a later one stands. What
    /// it says beside its hashes counts if no later record says anything.
    pub(crate) fn add_at(
        &mut self,
        list: u32,
        entry: &Entry,
        time: Option<i64>,
    ) -> Result<(), BuildError> {
        self.state(list, entry, Order::Adds(time))
    }

    /// The same for a record of which nothing counts but its hashes, where anything else is known of the entry.
    pub(crate) fn add_bare_at(
        &mut self,
        list: u32,
        entry: &Entry,
        time: Option<i64>,
    ) -> Result<(), BuildError> {
        self.state(list, entry, Order::Bare(time))
    }

    /// The same for a record that is all of its entry but for hashes that could not be read, and so leaves those there were. It
    /// does not count beside one of a later time.
    pub(crate) fn join_at(
        &mut self,
        list: u32,
        entry: &Entry,
        time: Option<i64>,
    ) -> Result<(), BuildError> {
        self.state(list, entry, Order::Joins(time))
    }

    /// The same as [`replace`](Self::replace) for a record whose time says nothing, or says something else.
    pub(crate) fn replace_at(
        &mut self,
        list: u32,
        entry: &Entry,
        time: Option<i64>,
    ) -> Result<(), BuildError> {
        self.state(list, entry, Order::Replaces(time))
    }

    /// Returns whether an entry fits the format, so that [`add`](Self::add) does not fail with [`BuildError::InvalidEntry`].
    pub fn fits(entry: &Entry) -> bool {
        state(0, 0, entry, Order::Adds(None), &mut Vec::new(), |_| Ok(())).is_some()
    }

    fn state(&mut self, list: u32, entry: &Entry, order: Order) -> Result<(), BuildError> {
        if list as usize >= self.lists.len() {
            return Err(BuildError::UnknownList { list });
        }
        let (directory, statements) = (&self.directory, &mut self.statements);
        let scratch = &mut self.scratch;
        let stated = state(list, self.sequence, entry, order, scratch, |statement| {
            statements.push(statement)
        });
        let stated = stated.ok_or(BuildError::InvalidEntry {
            list,
            entry: self.sequence - FIRST_SEQUENCE,
        })?;
        stated.map_err(|source| in_directory(directory, source))?;
        self.kinds.extend(entry.hashes.iter().map(HashValue::kind));
        self.sequence += 1;
        Ok(())
    }

    /// Keeps records of entries of which no hash stands, which say that the entry is withdrawn.
    ///
    /// So that an older record of the entry, met later, is known to be out of date.
    pub fn keep_withdrawn(&mut self) {
        self.keeps_withdrawn = true;
    }

    /// Adds entries of an index, with the hashes they assert, as if that had been done before anything else.
    ///
    /// `list_of` says under which list of this builder an entry of the index is to be, from the position of its list there;
    /// `None` leaves it out. `keep` says which entries, by position. O(entries + assertions of the index), and sorting what is
    /// kept.
    ///
    /// # Errors
    /// [`BuildError::Corrupt`] when the index is damaged, [`BuildError::UnknownList`], or [`BuildError::Io`].
    pub fn add_index(
        &mut self,
        index: &Index,
        list_of: impl Fn(u32) -> Option<u32>,
        keep: impl Fn(u32) -> bool,
    ) -> Result<(), BuildError> {
        let lists = self.lists.len();
        let (directory, statements) = (&self.directory, &mut self.statements);
        let scratch = &mut self.scratch;
        let invalid = |list, position| BuildError::InvalidEntry {
            list,
            entry: u64::from(position),
        };
        let kept = |position: u32| -> Result<Option<(u32, RawEntry<'_>)>, BuildError> {
            if !keep(position) {
                return Ok(None);
            }
            let entry = index.raw_entry(position)?;
            match list_of(entry.list) {
                Some(list) if list as usize >= lists => Err(BuildError::UnknownList { list }),
                Some(list) => Ok(Some((list, entry))),
                None => Ok(None),
            }
        };
        let mut sequence = self.earlier;
        for position in 0..index.entries() {
            let Some((list, entry)) = kept(position)? else {
                continue;
            };
            let RawEntry {
                id,
                codes,
                attributes,
                ..
            } = entry;
            state_again(list, sequence, id, codes, attributes, scratch)
                .ok_or_else(|| invalid(list, position))?;
            let pushed = statements.push(scratch);
            pushed.map_err(|source| in_directory(directory, source))?;
            sequence += 1;
        }
        for kind in index.kinds() {
            self.kinds.insert(kind);
            index.for_each_assertion(kind, &keep, |hash, position| {
                let Some((list, entry)) = kept(position)? else {
                    return Ok(());
                };
                state_hash_again(list, sequence, entry.id, hash, scratch)
                    .ok_or_else(|| invalid(list, position))?;
                let pushed = statements.push(scratch);
                pushed.map_err(|source| in_directory(directory, source))?;
                sequence += 1;
                Ok::<(), BuildError>(())
            })?;
        }
        self.earlier = sequence;
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
        let (destination, directory) = (self.destination.clone(), self.directory.clone());
        let (budget, io) = (self.budget, |source| in_directory(&directory, source));
        let (sections, mut summary) = self.sort(progress)?;
        remove_abandoned(&directory);
        let file = tempfile::Builder::new()
            .prefix(TEMPORARY_PREFIX)
            .suffix(TEMPORARY_SUFFIX)
            .tempfile_in(&directory)
            .map_err(io)?;
        // Tells other builds that this file has an owner who lives. Without locks they wait for its age only.
        let _ = file.as_file().lock();
        summary.identity = write_file(&file, sections, budget / 2, progress).map_err(io)?;
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
        mut self,
        progress: &mut dyn FnMut(BuildProgress),
    ) -> Result<(Vec<Spool>, BuildSummary), BuildError> {
        let io = |source| in_directory(&self.directory, source);
        let total = self.statements.records();
        let kind_budget = self.budget / 2 / self.kinds.len().max(1);
        let entries = Entries::new(
            &self.directory,
            kind_budget,
            self.lists.len(),
            self.keeps_withdrawn,
        );
        let mut entries = entries.map_err(io)?;
        let statements = self.statements.sorted().map_err(io)?;
        let mut done = 0_u64;
        let taken = statements.for_each(|statement| {
            report(progress, "sorting entries", &mut done, total);
            entries.take(statement)
        });
        taken.map_err(|error| error.or_io(io))?;
        self.statements = Sorter::new(&self.directory, 0);
        let mut output = entries.end().map_err(|error| error.or_io(io))?;
        let mut summary = BuildSummary {
            lists: self.lists.len() as u64,
            entries: u64::from(output.entries()),
            withdrawn_entries: output.withdrawn,
            repeated: output.repeated,
            outdated: output.outdated,
            superseded: output.superseded,
            other_hashes_left_out: output.other_hashes_left_out,
            ..BuildSummary::default()
        };
        let lists = output.write_lists(&self.lists).map_err(io)?;
        let mut sections = vec![lists, output.records, output.strings];
        for (kind, mut sorter) in output.by_kind {
            let assertions = sorter.records();
            if assertions > u64::from(u32::MAX) {
                return Err(BuildError::TooMany {
                    what: "assertions of one kind",
                    limit: u64::from(u32::MAX),
                });
            }
            let records = sorter.sorted().map_err(io)?;
            let hashes = write_kind(&self.directory, kind, records, assertions, progress);
            let hashes = hashes.map_err(io)?;
            summary.hashes.insert(kind, hashes[0].count);
            summary.assertions.insert(kind, assertions);
            sections.extend(hashes);
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
