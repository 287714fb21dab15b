//! Putting segments together, and leaving out what no longer stands.

use std::collections::BTreeSet;

use super::error::StoreError;
use super::manifest::{StoredList, segment_file};
use super::writer::{Planned, StoreWriter};
use crate::index::BuildProgress;
use crate::search::FEWEST_HASHES;

/// How many hashes may stand in segments that searches scan. A PDQ search passes over so many in about 2 microseconds.
const MAX_SCANNED: u64 = 8192;
/// How many segments without tables there may be. Each costs a search, and an update, some tenths of a microsecond.
const MAX_SMALL: usize = 16;
/// The most entries of a segment that a change puts together with others. More would make the change take seconds.
const MAX_FRESH: u32 = 1 << 18;

impl StoreWriter {
    /// Puts all segments together, without what no longer stands: searches are then as fast as in a single index.
    ///
    /// O(n log n) as for a new index ([`IndexBuilder`](crate::IndexBuilder)); the store can be read meanwhile, and takes twice the disk until it is done.
    /// Does nothing if there is one segment of which all stands.
    ///
    /// Changes put small segments together themselves. A segment without tables is scanned, so there are at most 16 of them,
    /// with 8,192 hashes in all; past that they are put together with each other and, if that is not enough, with
    /// the segments of up to 262,144 entries. So a store has, besides what was put together last, one segment for each 262,144
    /// entries changed since, each of which costs a search a few microseconds; that is when compacting pays.
    ///
    /// # Errors
    /// [`StoreError`]; the store is then as it was.
    pub fn compact(&mut self, progress: &mut dyn FnMut(BuildProgress)) -> Result<(), StoreError> {
        let planned = self.planned();
        if planned.len() < 2 && planned.iter().all(|one| one.withdrawn.count() == 0) {
            return Ok(());
        }
        let lists = self.manifest.lists.clone();
        let together = self.together(&lists, &planned, progress)?;
        self.publish(lists, together.into_iter().collect())?;
        self.remove_unnamed()
    }

    /// Makes all that was withdrawn physically gone from the files of the store: segments with entries that no longer stand are
    /// written anew without them, and the old files are removed.
    ///
    /// What remains of a withdrawn entry is its id, by which an older record of it is known to be out of date.
    /// [`verify_removed`](crate::Store::verify_removed) shows that a hash is gone. Removing a file does not overwrite its blocks: that
    /// is for an encrypted disk. A reader that has the old files open has them until it reloads.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] for a segment that is damaged, which is left as it is while the others are purged; any other
    /// [`StoreError`], and the store is then as it was.
    pub fn purge(&mut self, progress: &mut dyn FnMut(BuildProgress)) -> Result<(), StoreError> {
        let planned = self.planned();
        if planned.iter().all(|one| one.withdrawn.count() == 0) {
            return self.remove_unnamed();
        }
        let lists = self.manifest.lists.clone();
        let mut damaged = None;
        let before: Vec<u64> = numbers(&planned).collect();
        let planned = self.rewritten(&lists, planned, &mut damaged, progress)?;
        if !numbers(&planned).eq(before) {
            self.publish(lists, planned)?;
            self.remove_unnamed()?;
        }
        damaged.map_or(Ok(()), Err)
    }

    /// Writes segments anew of which not all entries stand, but for those that are damaged.
    pub(super) fn rewritten(
        &mut self,
        lists: &[StoredList],
        planned: Vec<Planned>,
        damaged: &mut Option<StoreError>,
        progress: &mut dyn FnMut(BuildProgress),
    ) -> Result<Vec<Planned>, StoreError> {
        let mut rewritten = Vec::with_capacity(planned.len());
        for one in planned {
            if one.withdrawn.count() == 0 {
                rewritten.push(one);
                continue;
            }
            match self.together(lists, std::slice::from_ref(&one), progress) {
                Ok(anew) => rewritten.extend(anew),
                Err(error @ StoreError::Corrupt { .. }) => {
                    damaged.get_or_insert(error);
                    rewritten.push(one);
                }
                Err(error) => return Err(error),
            }
        }
        Ok(rewritten)
    }

    /// Puts small segments together if there are too many, and if that can be done: it is no reason for a change to fail.
    pub(super) fn settled(
        &mut self,
        lists: &[StoredList],
        planned: Vec<Planned>,
        progress: &mut dyn FnMut(BuildProgress),
    ) -> Result<Vec<Planned>, StoreError> {
        let small = planned.iter().filter(|one| is_small(one));
        let count = small.clone().count();
        let scanned: u64 = small.map(|one| perceptual(one).sum::<u64>()).sum();
        if count <= MAX_SMALL && scanned <= MAX_SCANNED {
            return Ok(planned);
        }
        let is_taken = |one: &Planned| {
            let is_fresh = scanned > MAX_SCANNED && one.segment.index().entries() <= MAX_FRESH;
            is_small(one) || is_fresh
        };
        let (taken, mut kept): (Vec<_>, Vec<_>) = planned.into_iter().partition(is_taken);
        if taken.len() < 2 {
            kept.extend(taken);
        } else {
            match self.together(lists, &taken, progress) {
                Ok(one) => kept.extend(one),
                // A withdrawal must not wait for a sound disk with room on it: searches are as right without this, and slower.
                Err(
                    StoreError::Corrupt { .. } | StoreError::Segment { .. } | StoreError::Build(_),
                ) => kept.extend(taken),
                Err(error) => return Err(error),
            }
        }
        kept.sort_by_key(|one| one.segment.record.number);
        Ok(kept)
    }

    /// Builds one segment of what stands of several; none if nothing does.
    fn together(
        &mut self,
        lists: &[StoredList],
        planned: &[Planned],
        progress: &mut dyn FnMut(BuildProgress),
    ) -> Result<Option<Planned>, StoreError> {
        let stands = planned.iter().map(|one| {
            let entries = u64::from(one.segment.index().entries());
            entries - one.withdrawn.count()
        });
        if stands.sum::<u64>() == 0 {
            return Ok(None);
        }
        let number = self.next_segment();
        let path = segment_file(&self.directory, number);
        // Only what lists are here: a list that is removed must be gone from segments that have nothing of it.
        let mut names = BTreeSet::new();
        for one in planned {
            let index = one.segment.index();
            let found = index.lists().map_err(one.segment.corrupt())?;
            for (list, found) in (0..).zip(found) {
                let entries = index.entries_of(list).map_err(one.segment.corrupt())?;
                if { entries }.any(|entry| !one.withdrawn.contains(entry)) {
                    names.insert(found.descriptor.name);
                }
            }
        }
        let lists_here = lists.iter();
        let lists_here = lists_here.filter(|list| names.contains(&list.descriptor.name));
        let lists_here: Vec<StoredList> = lists_here.cloned().collect();
        let mut builder = self.builder(number, &lists_here)?;
        builder.keep_withdrawn();
        let of_name = |name: &str| {
            let mut positions = (0..).zip(&lists_here);
            positions
                .find_map(|(position, list)| (list.descriptor.name == name).then_some(position))
        };
        for one in planned {
            let index = one.segment.index();
            // What is copied gets a checksum of its own: damage would pass for what a list says, and the sound file, if somebody has
            // a copy, would not be missed.
            index.verify().map_err(one.segment.corrupt())?;
            // By name: a list that is being removed moves the positions of those after it.
            let names = index.lists().map_err(one.segment.corrupt())?;
            let to: Vec<_> = names
                .iter()
                .map(|list| of_name(&list.descriptor.name))
                .collect();
            let of_list = |list: u32| to.get(list as usize).copied().flatten();
            builder.add_index(index, of_list, |entry| !one.withdrawn.contains(entry))?;
        }
        self.step(&path)?;
        let built = builder.finish_with(progress)?;
        self.opened(number, &built.identity, lists).map(Some)
    }
}

/// Returns the numbers of segments.
fn numbers(planned: &[Planned]) -> impl Iterator<Item = u64> + '_ {
    planned.iter().map(|one| one.segment.record.number)
}

/// Returns how many hashes of each perceptual kind there are.
fn perceptual(one: &Planned) -> impl Iterator<Item = u64> + '_ {
    let index = one.segment.index();
    let kinds = index.kinds().filter(|kind| kind.is_perceptual());
    kinds.map(|kind| u64::from(index.len(kind)))
}

/// Returns whether a segment has no tables, nor would be better for having been put together with others.
fn is_small(one: &Planned) -> bool {
    one.segment.index().entries() <= MAX_FRESH
        && perceptual(one).all(|hashes| hashes < FEWEST_HASHES)
}
