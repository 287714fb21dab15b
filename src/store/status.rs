//! What is in a store, counted; and the check that all of it is as it should be.

use std::collections::BTreeMap;

use serde::Serialize;

use super::Store;
use super::error::StoreError;
use super::snapshot::{Segment, Snapshot};
use crate::entry::{Entry, EntryStatus};
use crate::hash::HashKind;
use crate::index::CorruptIndex;

/// How many different categories of a list are counted one by one; all others are counted together. A list has a few, unless a
/// column was taken for one that is not. So it is with kinds that cannot be matched here.
const MAX_NAMES: usize = 1000;
/// Under what the others are counted.
const OTHERS: &str = "(others)";

/// What stands in a list, counted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ListCounts {
    /// Entries that stand.
    pub entries: u64,
    /// Entries that are remembered as withdrawn.
    pub withdrawn: u64,
    /// How often entries that stand assert a hash, by kind.
    pub hashes: BTreeMap<HashKind, u64>,
    /// Their hashes that cannot be matched here, by kind.
    pub other_hashes: BTreeMap<String, u64>,
    /// Entries by what their list says they are: the value, after the scheme and region if there are any.
    pub categories: BTreeMap<String, u64>,
    /// Entries by opinion.
    pub opinions: BTreeMap<&'static str, u64>,
    /// Entries whose status is a word that is not known here.
    pub unknown_status: u64,
}

/// What is in a store.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct StoreStatus {
    /// How many changes there have been.
    pub generation: u64,
    /// The segments.
    pub segments: u64,
    /// The bytes of the segments.
    pub bytes: u64,
    /// Entries that no longer stand and are still in the files: until the store is compacted or purged.
    pub entries_to_purge: u64,
    /// The counts of each list, in the order of [`Snapshot::lists`].
    pub lists: Vec<ListCounts>,
}

impl Snapshot {
    /// Counts what is in the store. O(entries + assertions): seconds for tens of millions; tells now and then how many of
    /// how many entries are counted.
    ///
    /// # Errors
    /// [`CorruptIndex`](crate::CorruptIndex) when a segment is damaged.
    pub fn status(&self, progress: &mut dyn FnMut(u64, u64)) -> Result<StoreStatus, CorruptIndex> {
        let mut status = StoreStatus {
            generation: self.generation(),
            lists: vec![ListCounts::default(); self.lists().len()],
            ..StoreStatus::default()
        };
        let entries = self
            .segments()
            .iter()
            .map(|one| u64::from(one.index().entries()));
        let (total, mut done) = (entries.sum(), 0);
        for segment in self.segments() {
            status.segments += 1;
            status.bytes += segment.index().file_bytes();
            for entry in 0..segment.index().entries() {
                done += 1;
                if done % (1 << 16) == 0 {
                    progress(done, total);
                }
                if segment.stands(entry) {
                    count_entry(segment, entry, &mut status.lists)?;
                } else {
                    status.entries_to_purge += 1;
                }
            }
            for kind in segment.index().kinds() {
                let stands = |entry| segment.stands(entry);
                segment
                    .index()
                    .for_each_assertion(kind, stands, |_, entry| {
                        let list = segment.list_of(entry)?;
                        if let Some(counts) = status.lists.get_mut(list as usize) {
                            *counts.hashes.entry(kind).or_default() += 1;
                        }
                        Ok::<(), CorruptIndex>(())
                    })?;
            }
        }
        Ok(status)
    }
}

fn count_entry(
    segment: &Segment,
    position: u32,
    lists: &mut [ListCounts],
) -> Result<(), CorruptIndex> {
    let list = segment.list_of(position)?;
    // Its hashes that can be matched are counted from their side.
    let entry = segment.index().entry(position)?.entry;
    if let Some(counts) = lists.get_mut(list as usize) {
        counts.add(&entry);
    }
    Ok(())
}

impl ListCounts {
    /// Counts one entry more, with the hashes that it has.
    pub fn add(&mut self, entry: &Entry) {
        if entry.status == EntryStatus::Withdrawn {
            self.withdrawn += 1;
            return;
        }
        self.entries += 1;
        if matches!(entry.status, EntryStatus::Other(_)) {
            self.unknown_status += 1;
        }
        *self.opinions.entry(entry.opinion().name()).or_default() += 1;
        for hash in &entry.hashes {
            *self.hashes.entry(hash.kind()).or_default() += 1;
        }
        for hash in &entry.other_hashes {
            // Names that lists make up are counted together past the first: there is no end to them.
            add_one(&mut self.other_hashes, &hash.kind);
        }
        if let Some(classification) = &entry.classification {
            let parts = [&classification.scheme, &classification.region];
            let mut name: String = parts
                .into_iter()
                .flatten()
                .map(|part| format!("{part} "))
                .collect();
            name.push_str(&classification.value);
            add_one(&mut self.categories, &name);
        }
    }
}

/// Counts one more under a name, or, of names past the first, under one for all others.
fn add_one(counts: &mut BTreeMap<String, u64>, name: &str) {
    if let Some(count) = counts.get_mut(name) {
        *count += 1;
        return;
    }
    let is_one_more = counts.len() >= MAX_NAMES;
    let name = if is_one_more { OTHERS } else { name };
    *counts.entry(name.to_owned()).or_default() += 1;
}

impl Store {
    /// Reads all of a store and checks it: every segment ([`Index::verify`](crate::Index::verify)), that no entry of a list stands
    /// twice, and that lists have as many entries as is noted of them. Tells now and then how many of how many bytes are
    /// checked.
    ///
    /// # Errors
    /// [`StoreError`] for the first thing that is wrong.
    pub fn verify(&self, progress: &mut dyn FnMut(u64, u64)) -> Result<(), StoreError> {
        let snapshot = self.snapshot();
        let lengths = snapshot
            .segments()
            .iter()
            .map(|one| one.index().file_bytes());
        let (total, mut before) = (lengths.sum(), 0);
        for segment in snapshot.segments() {
            let verified = segment
                .index()
                .verify_with(&mut |done, _| progress(before + done, total));
            verified.map_err(segment.corrupt())?;
            before += segment.index().file_bytes();
        }
        for (number, segment) in snapshot.segments().iter().enumerate() {
            for other in &snapshot.segments()[number + 1..] {
                stands_once(segment, other)?;
            }
        }
        let counted = snapshot
            .status(&mut |_, _| {})
            .map_err(StoreError::corrupt(self.directory()))?;
        for (list, counts) in snapshot.lists().iter().zip(&counted.lists) {
            if list.entries != counts.entries {
                return Err(StoreError::Damaged {
                    path: self.directory().to_path_buf(),
                    what: "a list does not have as many entries as its manifest notes",
                });
            }
        }
        Ok(())
    }
}

/// Checks that no entry stands in two segments. O(n log m) in the entries of the smaller and the larger.
fn stands_once(one: &Segment, other: &Segment) -> Result<(), StoreError> {
    let (small, large) = if one.index().entries() <= other.index().entries() {
        (one, other)
    } else {
        (other, one)
    };
    let corrupt = small.corrupt();
    for position in 0..small.index().entries() {
        if !small.stands(position) {
            continue;
        }
        let list = small.list_of(position).map_err(&corrupt)?;
        let Some(list) = large.index_list(list) else {
            continue;
        };
        let raw = small.index().raw_entry(position).map_err(&corrupt)?;
        let id = std::str::from_utf8(raw.id).unwrap_or_default();
        let twin = large.index().position_of(list, id).map_err(&corrupt)?;
        if twin.is_some_and(|twin| large.stands(twin)) {
            return Err(StoreError::Damaged {
                path: small.path().to_path_buf(),
                what: "an entry stands that stands in another segment too",
            });
        }
    }
    Ok(())
}
