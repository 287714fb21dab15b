//! The index: hashes of any number of lists in one immutable, memory-mapped file, and the entries that assert them.
//!
//! This room sees hashes, entries and files; never pixels, decoders or the wire formats of lists. What the file looks
//! like is told in `FORMAT.md` beside this module, and nowhere else.

mod builder;
mod entries;
mod error;
mod layout;
mod mapped;
mod query;
mod record;
mod sorter;
mod statement;
mod tables;
mod verify;
mod writer;

#[cfg(test)]
mod tests;

use std::fmt;
use std::path::Path;

pub use builder::{BuildSummary, DEFAULT_MEMORY_BUDGET, IndexBuilder};
pub use error::{BuildError, CorruptIndex, OpenError};
pub(crate) use record::WITHDRAWN_CODE;
pub use writer::BuildProgress;

use crate::entry::{Entry, ListDescriptor};
use crate::hash::{HashError, HashKind, HashValue};
use crate::search::SearchMethod;
use crate::simd::SimdLevel;
use layout::{KindSections, Layout, POSITION_LEN, Section, bytes_at, u32_at, u64_at};
use mapped::{HugeCopy, MappedFile};

/// An open index.
///
/// Opening maps the file and reads its header: O(1), whatever the size. Searches read the map in place. All methods
/// take `&self`, and one value may be shared by any number of threads.
///
/// No file, however damaged or hostile, makes a method panic or read out of bounds: what does not fit is a
/// [`CorruptIndex`]. Checksums of sections are compared by [`verify`](Self::verify) only.
///
/// # Example
/// See [`IndexBuilder`], and [`within`](Self::within).
pub struct Index {
    bytes: Bytes,
    layout: Layout,
    level: SimdLevel,
    method: Option<SearchMethod>,
}

/// Where an open index lies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Residency {
    /// In the page cache, mapped: opens at once, and all processes that have it open share its memory.
    #[default]
    Mapped,
    /// In memory of its own, copied when it is opened, in huge pages where the system gives them: a search of millions of
    /// hashes meets fewer misses of address translation.
    Huge,
}

impl Residency {
    /// Returns the stable name: `mapped` or `huge`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Mapped => "mapped",
            Self::Huge => "huge",
        }
    }
}

/// How to open an index.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct IndexOptions {
    /// Where it lies; mapped if not said.
    pub residency: Residency,
    /// The vector instructions that searches use; the best of this machine if not said.
    pub level: SimdLevel,
    /// The method that searches use where there is a choice; if none, the one that is expected to be faster.
    pub method: Option<SearchMethod>,
}

/// Where the bytes of an index are.
enum Bytes {
    Mapped(MappedFile),
    Huge(HugeCopy),
    Owned(Vec<u8>),
}

impl Bytes {
    fn as_slice(&self) -> &[u8] {
        match self {
            Self::Mapped(file) => file.as_bytes(),
            Self::Huge(copy) => copy.as_bytes(),
            Self::Owned(bytes) => bytes,
        }
    }
}

/// One list of an index: its description and how many entries it has.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct IndexedList {
    /// What its supplier says of it.
    pub descriptor: ListDescriptor,
    /// Its entries in this index; withdrawn ones are not among them.
    pub entries: u32,
}

/// One entry of an index.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct IndexedEntry {
    /// The position of its list in [`Index::lists`].
    pub list: u32,
    /// What the list says of it; without the hashes that can be matched, which are found by search only.
    pub entry: Entry,
}

/// An entry as it stands in the file.
pub(crate) struct RawEntry<'a> {
    pub(crate) list: u32,
    pub(crate) id: &'a [u8],
    /// Status, media type, quality.
    pub(crate) codes: [u8; 3],
    pub(crate) attributes: &'a [u8],
}

/// Why a search failed. This is never "no match".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SearchError {
    /// The query is of a kind that cannot be searched this way.
    Kind(HashError),
    /// The index is damaged.
    Corrupt(CorruptIndex),
}

impl fmt::Display for SearchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kind(error) => error.fmt(f),
            Self::Corrupt(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for SearchError {}

impl From<HashError> for SearchError {
    fn from(error: HashError) -> Self {
        Self::Kind(error)
    }
}

impl From<CorruptIndex> for SearchError {
    fn from(error: CorruptIndex) -> Self {
        Self::Corrupt(error)
    }
}

impl Index {
    /// Opens an index file by mapping it. O(1): the header is read, nothing else.
    ///
    /// The file must not be changed in place while it is open; publishing a new one by rename is safe, and the value
    /// goes on reading the old one. No lock is taken.
    ///
    /// # Errors
    /// [`OpenError`]; never panics, whatever the file holds.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, OpenError> {
        Self::open_with(path, IndexOptions::default())
    }

    /// The same, with options. O(1) for [`Residency::Mapped`]; [`Residency::Huge`] reads the whole file once and takes as
    /// much memory as it is long.
    ///
    /// # Errors
    /// As for [`open`](Self::open), and when there is not enough memory for a copy.
    ///
    /// # Example
    /// ```no_run
    /// use hashsieve::{Index, IndexOptions, Residency};
    /// let mut options = IndexOptions::default();
    /// options.residency = Residency::Huge;
    /// let index = Index::open_with("list.hsv", options)?;
    /// # Ok::<(), hashsieve::OpenError>(())
    /// ```
    pub fn open_with(path: impl AsRef<Path>, options: IndexOptions) -> Result<Self, OpenError> {
        let path = path.as_ref();
        let bytes = match options.residency {
            Residency::Mapped => MappedFile::open(path).map(Bytes::Mapped),
            Residency::Huge => HugeCopy::read(path).map(Bytes::Huge),
        };
        Self::new(bytes.map_err(OpenError::Io)?, options)
    }

    /// Opens an index that is in memory already.
    ///
    /// # Errors
    /// As for [`open`](Self::open).
    pub fn from_bytes(bytes: Vec<u8>) -> Result<Self, OpenError> {
        Self::from_bytes_with(bytes, IndexOptions::default())
    }

    /// The same, with options, of which the residency says nothing here.
    ///
    /// # Errors
    /// As for [`open`](Self::open).
    pub fn from_bytes_with(bytes: Vec<u8>, options: IndexOptions) -> Result<Self, OpenError> {
        Self::new(Bytes::Owned(bytes), options)
    }

    fn new(bytes: Bytes, options: IndexOptions) -> Result<Self, OpenError> {
        let layout = Layout::read(bytes.as_slice())?;
        Ok(Self {
            bytes,
            layout,
            level: options.level,
            method: options.method,
        })
    }

    /// Returns the index identity, 64 lower-case hexadecimal digits: two indexes of one identity are equal.
    pub fn identity(&self) -> String {
        data_encoding::HEXLOWER.encode(&self.layout.identity)
    }

    /// Returns the length of the file in bytes.
    pub fn file_bytes(&self) -> u64 {
        self.bytes.as_slice().len() as u64
    }

    /// Returns the kinds of which there are hashes.
    pub fn kinds(&self) -> impl Iterator<Item = HashKind> + '_ {
        self.layout.kinds.iter().map(|kind| kind.kind)
    }

    /// Returns the number of distinct hashes of a kind.
    pub fn len(&self, kind: HashKind) -> u32 {
        // `Layout::read` proved that counts of hashes fit.
        self.kind(kind).map_or(0, |kind| {
            u32::try_from(kind.hashes.count).unwrap_or(u32::MAX)
        })
    }

    /// Returns whether there is no hash of any kind.
    pub fn is_empty(&self) -> bool {
        self.layout.kinds.is_empty()
    }

    /// Returns the number of entries.
    ///
    /// Those that assert no hash are there for their hashes that cannot be matched, or, in the segments of a store, because
    /// they are withdrawn.
    pub fn entries(&self) -> u32 {
        u32::try_from(self.layout.entries.count).unwrap_or(u32::MAX)
    }

    /// Returns how many (entry, hash) pairs there are of a kind.
    pub fn assertions(&self, kind: HashKind) -> u32 {
        self.kind(kind).map_or(0, |kind| {
            u32::try_from(kind.assertions.count).unwrap_or(u32::MAX)
        })
    }

    /// Returns the lists, in the order in which they were added. O(lists).
    ///
    /// # Errors
    /// [`CorruptIndex`] when a description does not lie in the file or is not UTF-8.
    pub fn lists(&self) -> Result<Vec<IndexedList>, CorruptIndex> {
        let records = self.section(&self.layout.lists);
        let records = records.chunks_exact(layout::LIST_RECORD_LEN);
        // Texts may lie over one another, so their lengths are added up before any is copied.
        let lengths = records.clone().flat_map(|record| {
            (0..4).map(|which| u32_at(record, layout::LIST_LENGTHS_OFFSET + which * 4) as usize)
        });
        if lengths.fold(0, usize::saturating_add) > layout::MAX_LIST_TEXTS_LEN {
            let what = "the texts of lists are longer than the format allows";
            return Err(CorruptIndex::new("lists", 0, what));
        }
        (0..)
            .zip(records)
            .map(|(i, r)| self.read_list(i, r))
            .collect()
    }

    fn read_list(&self, number: u64, record: &[u8]) -> Result<IndexedList, CorruptIndex> {
        let text = |which: usize| {
            let len = u32_at(record, layout::LIST_LENGTHS_OFFSET + which * 4);
            let offset = u64_at(record, layout::LIST_STRINGS_OFFSET + which * 8);
            self.text("lists", number, offset, len)
        };
        let flags = u32_at(record, layout::LIST_FLAGS_OFFSET);
        if flags & !layout::LIST_HAS_TIME != 0 {
            return Err(CorruptIndex::new("lists", number, "unknown flags"));
        }
        let time = i64::from_le_bytes(bytes_at(record, 0));
        Ok(IndexedList {
            descriptor: ListDescriptor {
                name: text(0)?,
                source: text(1)?,
                version: text(2)?,
                time: (flags & layout::LIST_HAS_TIME != 0).then_some(time),
                terms: text(3)?,
            },
            entries: u32_at(record, layout::LIST_ENTRY_COUNT_OFFSET),
        })
    }

    /// Returns the position of the list of an entry. O(1), no allocation.
    ///
    /// # Errors
    /// [`CorruptIndex`] when there is no such entry or its record is wrong.
    pub fn list_of(&self, entry: u32) -> Result<u32, CorruptIndex> {
        let list = u32_at(self.entry_record(entry)?, 0);
        if u64::from(list) >= self.layout.lists.count {
            return Err(CorruptIndex::new(
                "entries",
                u64::from(entry),
                "there is no such list",
            ));
        }
        Ok(list)
    }

    /// Returns an entry. O(its size).
    ///
    /// # Errors
    /// [`CorruptIndex`] when there is no such entry or its record is wrong.
    pub fn entry(&self, entry: u32) -> Result<IndexedEntry, CorruptIndex> {
        let wrong = |what| CorruptIndex::new("entries", u64::from(entry), what);
        let raw = self.raw_entry(entry)?;
        let entry_id = std::str::from_utf8(raw.id).map_err(|_| wrong("a text is not UTF-8"))?;
        let entry = record::read_entry(entry_id.to_owned(), raw.codes, raw.attributes);
        Ok(IndexedEntry {
            list: raw.list,
            entry: entry.map_err(wrong)?,
        })
    }

    /// Returns an entry as it stands in the file, with its positions checked. O(1), no allocation.
    pub(crate) fn raw_entry(&self, entry: u32) -> Result<RawEntry<'_>, CorruptIndex> {
        let record = self.entry_record(entry)?;
        let number = u64::from(entry);
        let wrong = |what| CorruptIndex::new("entries", number, what);
        let list = self.list_of(entry)?;
        if record[layout::ENTRY_RESERVED_OFFSET] != 0 {
            return Err(wrong("reserved byte is not zero"));
        }
        let id = self.string(
            "entries",
            number,
            u64_at(record, layout::ENTRY_ID_OFFSET),
            u32_at(record, layout::ENTRY_ID_LEN_OFFSET),
        )?;
        if !(1..=layout::MAX_ENTRY_ID_LEN).contains(&id.len()) || id.contains(&0) {
            return Err(wrong(
                "the entry id is empty, too long or holds a zero byte",
            ));
        }
        if u32_at(record, layout::ENTRY_ATTRIBUTES_LEN_OFFSET) as usize > layout::MAX_ATTRIBUTES_LEN
        {
            return Err(wrong("the attributes are longer than the format allows"));
        }
        let attributes = self.string(
            "entries",
            number,
            u64_at(record, layout::ENTRY_ATTRIBUTES_OFFSET),
            u32_at(record, layout::ENTRY_ATTRIBUTES_LEN_OFFSET),
        )?;
        Ok(RawEntry {
            list,
            id,
            codes: bytes_at(record, layout::ENTRY_STATUS_OFFSET),
            attributes,
        })
    }

    /// Returns the position of an entry of a list, if there is one. O(log n), no allocation.
    ///
    /// # Errors
    /// [`CorruptIndex`] when a record on the way is wrong.
    pub fn position_of(&self, list: u32, entry_id: &str) -> Result<Option<u32>, CorruptIndex> {
        let key = (list, entry_id.as_bytes());
        let (mut low, mut high) = (0, self.entries());
        while low < high {
            let middle = low + (high - low) / 2;
            let entry = self.raw_entry(middle)?;
            match (entry.list, entry.id).cmp(&key) {
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Greater => high = middle,
                std::cmp::Ordering::Equal => return Ok(Some(middle)),
            }
        }
        Ok(None)
    }

    /// Returns the positions of the entries of a list, which stand together. O(log n), no allocation.
    ///
    /// # Errors
    /// [`CorruptIndex`] when a record on the way is wrong.
    pub fn entries_of(&self, list: u32) -> Result<std::ops::Range<u32>, CorruptIndex> {
        let first_from = |list: u32| -> Result<u32, CorruptIndex> {
            let (mut low, mut high) = (0, self.entries());
            while low < high {
                let middle = low + (high - low) / 2;
                if self.list_of(middle)? < list {
                    low = middle + 1;
                } else {
                    high = middle;
                }
            }
            Ok(low)
        };
        let start = first_from(list)?;
        let end = list.checked_add(1).map_or(Ok(self.entries()), first_from)?;
        Ok(start..end.max(start))
    }

    /// Calls a function for every hash of a kind and each entry that asserts it and is wanted, in ascending order of hash and
    /// position, until it fails. O(assertions); hashes that nobody wanted asserts are passed over unread.
    ///
    /// # Errors
    /// What the function returns, or [`CorruptIndex`] when the index is damaged.
    pub fn for_each_assertion<E: From<CorruptIndex>>(
        &self,
        kind: HashKind,
        wanted: impl Fn(u32) -> bool,
        mut each: impl FnMut(&HashValue, u32) -> Result<(), E>,
    ) -> Result<(), E> {
        let Some(sections) = self.kind(kind) else {
            return Ok(());
        };
        for id in 0..self.len(kind) {
            let mut hash = None;
            for entry in self.asserting(kind, id)? {
                let entry = entry?;
                if !wanted(entry) {
                    continue;
                }
                let hash = match hash {
                    Some(hash) => hash,
                    None => *hash.insert(self.hash_at(sections, id)?),
                };
                each(&hash, entry)?;
            }
        }
        Ok(())
    }

    fn entry_record(&self, entry: u32) -> Result<&[u8], CorruptIndex> {
        self.section(&self.layout.entries)
            .chunks_exact(layout::ENTRY_RECORD_LEN)
            .nth(entry as usize)
            .ok_or_else(|| CorruptIndex::new("entries", u64::from(entry), "there is no such entry"))
    }

    /// Returns the id of a hash that equals the query, of any kind, if there is one. O(log n).
    ///
    /// # Errors
    /// None for a sound index; the type leaves room for indexes that can fail here.
    pub fn find(&self, query: &HashValue) -> Result<Option<u32>, SearchError> {
        let Some(kind) = self.kind(query.kind()) else {
            return Ok(None);
        };
        let (mut low, mut high) = (0, self.len(query.kind()));
        while low < high {
            let middle = low + (high - low) / 2;
            match self.hash_at(kind, middle)?.cmp(query) {
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Greater => high = middle,
                std::cmp::Ordering::Equal => return Ok(Some(middle)),
            }
        }
        Ok(None)
    }

    /// Returns the entries that assert a hash, in ascending order of their positions.
    ///
    /// O(1), and O(1) for each entry; no allocation.
    ///
    /// # Errors
    /// [`CorruptIndex`] when there is no such hash or its record is wrong; each entry's position is checked as well.
    pub fn asserting(
        &self,
        kind: HashKind,
        id: u32,
    ) -> Result<impl ExactSizeIterator<Item = Result<u32, CorruptIndex>> + '_, CorruptIndex> {
        let wrong = |what| CorruptIndex::new("assertion starts", u64::from(id), what);
        let kind = self
            .kind(kind)
            .ok_or_else(|| wrong("there is no such kind"))?;
        let (starts, _) = self.section(&kind.starts).as_chunks::<POSITION_LEN>();
        let (assertions, _) = self.section(&kind.assertions).as_chunks::<POSITION_LEN>();
        let bounds = starts
            .get(id as usize..)
            .and_then(|rest| rest.first_chunk::<2>());
        let [start, end] = bounds
            .ok_or_else(|| wrong("there is no such hash"))?
            .map(u32::from_le_bytes);
        let positions = assertions
            .get(start as usize..end as usize)
            .filter(|positions| !positions.is_empty())
            .ok_or_else(|| wrong("the hash has no assertions in the file"))?;
        let entries = self.entries();
        Ok(positions.iter().enumerate().map(move |(offset, position)| {
            let entry = u32::from_le_bytes(*position);
            if entry < entries {
                Ok(entry)
            } else {
                let record = u64::from(start) + offset as u64;
                Err(CorruptIndex::new(
                    "assertions",
                    record,
                    "there is no such entry",
                ))
            }
        }))
    }

    fn kind(&self, kind: HashKind) -> Option<&KindSections> {
        self.layout
            .kinds
            .iter()
            .find(|sections| sections.kind == kind)
    }

    fn section(&self, section: &Section) -> &[u8] {
        // `Layout::read` proved the range; the map keeps its length.
        self.bytes.as_slice().get(section.range()).unwrap_or(&[])
    }

    fn hash_at(&self, kind: &KindSections, id: u32) -> Result<HashValue, CorruptIndex> {
        let wrong = |what| CorruptIndex::new("hashes", u64::from(id), what);
        if kind.kind.is_perceptual() {
            let words = self.words_at(kind, id);
            let words = words.ok_or_else(|| wrong("there is no such hash"))?;
            return HashValue::from_words(kind.kind, words)
                .ok_or_else(|| wrong("the hash has bits past the last of its kind"));
        }
        let bytes = self
            .section(&kind.hashes)
            .chunks_exact(kind.kind.byte_len())
            .nth(id as usize)
            .ok_or_else(|| wrong("there is no such hash"))?;
        HashValue::from_bytes(kind.kind, bytes).map_err(|_| wrong("there is no such hash"))
    }

    fn string(
        &self,
        section: &'static str,
        record: u64,
        offset: u64,
        len: u32,
    ) -> Result<&[u8], CorruptIndex> {
        let strings = self.section(&self.layout.strings);
        let start = usize::try_from(offset).ok();
        let end = start.and_then(|start| start.checked_add(len as usize));
        start
            .zip(end)
            .and_then(|(start, end)| strings.get(start..end))
            .ok_or_else(|| {
                CorruptIndex::new(section, record, "a text is not in the strings section")
            })
    }

    fn text(
        &self,
        section: &'static str,
        record: u64,
        offset: u64,
        len: u32,
    ) -> Result<String, CorruptIndex> {
        let bytes = self.string(section, record, offset, len)?;
        let text = std::str::from_utf8(bytes);
        text.map(str::to_owned)
            .map_err(|_| CorruptIndex::new(section, record, "a text is not UTF-8"))
    }
}

impl fmt::Debug for Index {
    /// Prints sizes only.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Index")
            .field("entries", &self.entries())
            .field("file_bytes", &self.file_bytes())
            .finish_non_exhaustive()
    }
}
