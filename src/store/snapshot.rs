//! A store as it is at one moment: segments to search, and which of their entries stand.

use std::fmt;
use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::bits::Bits;
use super::error::StoreError;
use super::manifest::{Manifest, SegmentRecord, StoredList};
use crate::entry::Entry;
use crate::hash::{HashKind, HashValue};
use crate::index::{CorruptIndex, Index, IndexOptions, SearchError};
use crate::search::SearchBuffer;

/// One segment of a snapshot: an index, and which of its entries still stand.
#[derive(Clone)]
pub struct Segment {
    index: Arc<Index>,
    identity: [u8; 32],
    /// Entries that a later change withdrew or replaced.
    withdrawn: Option<Arc<Bits>>,
    /// The position in the snapshot of each list of the index.
    lists: Vec<Option<u32>>,
    path: PathBuf,
    pub(super) record: SegmentRecord,
}

impl Segment {
    /// Opens a segment of a store, or takes what an earlier snapshot has open of it.
    pub(super) fn open(
        directory: &Path,
        record: &SegmentRecord,
        lists: &[StoredList],
        options: IndexOptions,
        earlier: Option<&Self>,
    ) -> Result<Self, StoreError> {
        let path = record.file(directory);
        let earlier = earlier.filter(|earlier| earlier.record.identity == record.identity);
        let index = match earlier {
            Some(earlier) => Arc::clone(&earlier.index),
            None => {
                let opened = Index::open_with(&path, options);
                Arc::new(opened.map_err(|source| StoreError::Segment {
                    path: path.clone(),
                    source,
                })?)
            }
        };
        let damaged = |what| StoreError::Damaged {
            path: path.clone(),
            what,
        };
        if index.identity() != record.identity {
            return Err(damaged("it is not the segment that the manifest names"));
        }
        let identity = data_encoding::HEXLOWER.decode(record.identity.as_bytes());
        let identity = identity.ok().and_then(|bytes| bytes.try_into().ok());
        let identity = identity.ok_or_else(|| damaged("its identity is no SHA-256"))?;
        let withdrawn = match (record.withdrawn_file(directory), earlier) {
            (None, _) => None,
            (Some(_), Some(earlier)) if earlier.record.withdrawn == record.withdrawn => {
                earlier.withdrawn.clone()
            }
            (Some(path), _) => {
                let bytes = fs::read(&path).map_err(StoreError::io(&path))?;
                let bits = Bits::from_bytes(&bytes, &identity, index.entries());
                let bits = bits.map_err(|damage| StoreError::Damaged {
                    path,
                    what: damage.what,
                })?;
                Some(Arc::new(bits))
            }
        };
        let indexed = index.lists().map_err(StoreError::corrupt(&path))?;
        let position = |name: &str| {
            let mut lists = (0..).zip(lists);
            lists.find_map(|(position, list)| (list.descriptor.name == name).then_some(position))
        };
        let lists = indexed.iter().map(|list| position(&list.descriptor.name));
        let lists = lists.collect();
        Ok(Self {
            lists,
            index,
            identity,
            withdrawn,
            path,
            record: record.clone(),
        })
    }

    /// Returns the index. What it finds may be withdrawn: ask [`stands`](Self::stands).
    pub fn index(&self) -> &Index {
        &self.index
    }

    /// Returns whether an entry of the index stands: no later change withdrew or replaced it. O(1).
    #[inline]
    pub fn stands(&self, entry: u32) -> bool {
        self.withdrawn
            .as_ref()
            .is_none_or(|bits| !bits.contains(entry))
    }

    /// Returns the position in [`Snapshot::lists`] of an entry's list. O(1).
    ///
    /// # Errors
    /// [`CorruptIndex`] when there is no such entry, or it is of a list that the store does not have.
    pub fn list_of(&self, entry: u32) -> Result<u32, CorruptIndex> {
        let list = self.index.list_of(entry)?;
        let position = self.lists.get(list as usize).copied().flatten();
        position.ok_or_else(|| {
            let what = "the entry is of a list that the store does not have";
            CorruptIndex::new("entries", u64::from(entry), what)
        })
    }

    /// Returns the position in the index of a list of the snapshot, if the segment has entries of it.
    pub(super) fn index_list(&self, list: u32) -> Option<u32> {
        let mut lists = (0..).zip(&self.lists);
        lists.find_map(|(position, &of)| (of == Some(list)).then_some(position))
    }

    /// Returns the position in the snapshot of a list of the index.
    pub(crate) fn snapshot_list(&self, list: u32) -> Option<u32> {
        self.lists.get(list as usize).copied().flatten()
    }

    /// Returns the entries that do not stand.
    pub(super) fn withdrawn(&self) -> Bits {
        match &self.withdrawn {
            Some(bits) => Bits::clone(bits),
            None => Bits::new(self.index.entries()),
        }
    }

    pub(super) fn identity(&self) -> &[u8; 32] {
        &self.identity
    }

    /// Returns the file.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns what says that the segment is damaged.
    pub(super) fn corrupt(&self) -> impl Fn(CorruptIndex) -> StoreError + '_ {
        StoreError::corrupt(&self.path)
    }
}

impl fmt::Debug for Segment {
    /// Prints sizes only.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Segment")
            .field("index", &self.index)
            .finish_non_exhaustive()
    }
}

/// An entry of a snapshot that a search found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub struct StoredMatch {
    /// How many bits the hash that was found differs in; 0 for digests.
    pub distance: u32,
    /// The position of the entry's segment in [`Snapshot::segments`].
    pub segment: u32,
    /// The position of the entry in that segment.
    pub entry: u32,
}

/// A store as it is at one moment. It does not change; a later moment is another snapshot.
///
/// Memory: the segments are mapped, and shared by snapshots and processes; of each segment from which entries were withdrawn
/// one bit an entry is held.
pub struct Snapshot {
    generation: u64,
    identity: String,
    lists: Vec<StoredList>,
    segments: Vec<Segment>,
}

impl Snapshot {
    /// Opens what a manifest names; what an earlier snapshot has open already is shared with it.
    pub(super) fn open(
        directory: &Path,
        manifest: Manifest,
        options: IndexOptions,
        earlier: Option<&Self>,
    ) -> Result<Self, StoreError> {
        let of_earlier = |record: &SegmentRecord| {
            let mut segments = earlier.iter().flat_map(|earlier| &earlier.segments);
            segments.find(|segment| segment.record.number == record.number)
        };
        let mut segments = Vec::with_capacity(manifest.segments.len());
        for record in &manifest.segments {
            let earlier = of_earlier(record);
            let segment = Segment::open(directory, record, &manifest.lists, options, earlier);
            segments.push(segment?);
        }
        Ok(Self {
            generation: manifest.generation,
            identity: manifest.checksum,
            lists: manifest.lists,
            segments,
        })
    }

    /// Returns the snapshot as that of a manifest with this checksum.
    pub(super) fn with_identity(mut self, checksum: &str) -> Self {
        checksum.clone_into(&mut self.identity);
        self
    }

    /// Returns how many changes there had been. A later snapshot of the store has a larger number.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// Returns what tells this state of the store from every other, of this store or another: the SHA-256 of its manifest, in
    /// lower-case hexadecimal. A store that was restored from a copy may come by a generation again, and not by this.
    pub fn identity(&self) -> &str {
        &self.identity
    }

    /// Returns the lists.
    pub fn lists(&self) -> &[StoredList] {
        &self.lists
    }

    /// Returns the segments, the oldest first.
    pub fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// Returns the kinds of which there are hashes, ascending; some may be asserted by withdrawn entries only.
    pub fn kinds(&self) -> Vec<HashKind> {
        let mut kinds: Vec<_> = self.segments.iter().flat_map(|s| s.index.kinds()).collect();
        kinds.sort_unstable();
        kinds.dedup();
        kinds
    }

    /// Returns the entries that stand and assert a hash within `threshold` bits of the query, inclusive, nearest first.
    ///
    /// An entry with several such hashes is there for each. Exact, as [`Index::within`] is.
    ///
    /// # Errors
    /// As for [`Index::within`].
    ///
    /// # Example
    /// See [`Store`](crate::Store).
    pub fn within(
        &self,
        query: &HashValue,
        threshold: u32,
    ) -> Result<Vec<StoredMatch>, SearchError> {
        let mut matches = Vec::new();
        let mut buffer = SearchBuffer::new();
        let queries = std::slice::from_ref(query);
        let _ = self.for_each_within(queries, threshold, &mut buffer, |_, found| {
            matches.push(found);
            ControlFlow::<()>::Continue(())
        })?;
        matches.sort_unstable();
        Ok(matches)
    }

    /// Calls a function for every entry that stands and asserts a hash within `threshold` bits of one of the queries, with the
    /// number of the query, until it breaks off. In no stated order. Allocates nothing once the buffer has grown.
    ///
    /// # Errors
    /// As for [`Index::within`].
    pub fn for_each_within<B>(
        &self,
        queries: &[HashValue],
        threshold: u32,
        buffer: &mut SearchBuffer,
        mut found: impl FnMut(usize, StoredMatch) -> ControlFlow<B>,
    ) -> Result<ControlFlow<B>, SearchError> {
        let Some(kind) = queries.first().map(HashValue::kind) else {
            return Ok(ControlFlow::Continue(()));
        };
        for (number, segment) in (0..).zip(&self.segments) {
            let flow =
                segment
                    .index
                    .for_each_within(queries, threshold, buffer, |query, near| {
                        let asserting = match segment.index.asserting(kind, near.id) {
                            Ok(asserting) => asserting,
                            Err(error) => return ControlFlow::Break(Err(error)),
                        };
                        for entry in asserting {
                            match entry {
                                Err(error) => return ControlFlow::Break(Err(error)),
                                Ok(entry) if segment.stands(entry) => {
                                    let found = found(
                                        query,
                                        StoredMatch {
                                            distance: near.distance,
                                            segment: number,
                                            entry,
                                        },
                                    );
                                    if let ControlFlow::Break(broken) = found {
                                        return ControlFlow::Break(Ok(broken));
                                    }
                                }
                                Ok(_) => {}
                            }
                        }
                        ControlFlow::Continue(())
                    })?;
            match flow {
                ControlFlow::Continue(()) => {}
                ControlFlow::Break(Ok(broken)) => return Ok(ControlFlow::Break(broken)),
                ControlFlow::Break(Err(error)) => return Err(SearchError::Corrupt(error)),
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    /// Returns the entries that stand and assert a hash equal to the query, of any kind. O(log n) for each segment.
    ///
    /// # Errors
    /// [`SearchError::Corrupt`] when a segment is damaged.
    pub fn find(&self, query: &HashValue) -> Result<Vec<StoredMatch>, SearchError> {
        let mut matches = Vec::new();
        for (number, segment) in (0..).zip(&self.segments) {
            let Some(id) = segment.index.find(query)? else {
                continue;
            };
            for entry in segment.index.asserting(query.kind(), id)? {
                let entry = entry?;
                if segment.stands(entry) {
                    matches.push(StoredMatch {
                        distance: 0,
                        segment: number,
                        entry,
                    });
                }
            }
        }
        Ok(matches)
    }

    /// Returns what a list says of an entry that was found, and the position of the list in [`lists`](Self::lists).
    ///
    /// # Errors
    /// [`CorruptIndex`] when the segment is damaged, or the match is of another snapshot.
    pub fn entry(&self, found: &StoredMatch) -> Result<(u32, Entry), CorruptIndex> {
        let segment = self.segments.get(found.segment as usize);
        let segment = segment.ok_or_else(|| {
            CorruptIndex::new(
                "entries",
                u64::from(found.entry),
                "there is no such segment",
            )
        })?;
        let list = segment.list_of(found.entry)?;
        Ok((list, segment.index.entry(found.entry)?.entry))
    }
}

impl fmt::Debug for Snapshot {
    /// Prints sizes only.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Snapshot")
            .field("generation", &self.generation)
            .field("lists", &self.lists.len())
            .field("segments", &self.segments)
            .finish()
    }
}
