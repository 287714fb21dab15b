//! Publishing a change: what it makes of the list and its entries, and what it refuses to lose.

use std::collections::BTreeMap;

use super::bits::Bits;
use super::change::Change;
use super::difference::{Difference, DifferenceKind, compare};
use super::error::StoreError;
use super::manifest::{StoredList, segment_file};
use super::options::{ChangeKind, ChangeSummary};
use super::writer::Planned;
use crate::hash::HashKind;
use crate::index::{BuildProgress, BuildSummary, CorruptIndex, IndexBuilder, WITHDRAWN_CODE};

impl Change<'_> {
    /// Publishes the change: it is in the store when this returns, and in every snapshot that is loaded from then on.
    ///
    /// O(what is changed), and a pass over the assertions of segments that have entries of the change. Small segments are put
    /// together while that is at it, so that searches stay fast ([`compact`](super::StoreWriter::compact) says how).
    ///
    /// # Errors
    /// [`StoreError::NoEntries`] when nothing was added, [`StoreError::Shrinks`], [`StoreError::Backwards`], or
    /// [`StoreError::Io`]; the store is then as it was.
    pub fn commit(self) -> Result<ChangeSummary, StoreError> {
        self.commit_with(&mut |_| {}, &mut |_| {})
    }

    /// The same, telling of each entry that differs, and how far it has come.
    ///
    /// # Errors
    /// As for [`commit`](Self::commit).
    pub fn commit_with(
        mut self,
        each: &mut dyn FnMut(&Difference<'_>),
        progress: &mut dyn FnMut(BuildProgress),
    ) -> Result<ChangeSummary, StoreError> {
        let mut lists = self.lists()?;
        let is_empty = self.records == 0 && self.outdated == 0;
        if self.is_unreadable || (is_empty && self.options.kind != ChangeKind::Apply) {
            return Err(StoreError::NoEntries);
        }
        let mut planned = self.store.planned();
        let mut summary = ChangeSummary {
            outdated: self.outdated,
            ..ChangeSummary::default()
        };
        let list = self.position();
        if self.records > 0 || self.options.kind == ChangeKind::Replace {
            let (new, built) = self.build(&lists, progress)?;
            summary.outdated += built.outdated;
            summary.other_hashes_left_out = built.other_hashes_left_out;
            summary.superseded = built.superseded;
            let outcome = compare(&new.segment, list, &mut planned, each)?;
            summary.added = outcome.counts.added;
            summary.reinstated = outcome.counts.reinstated;
            summary.changed = outcome.counts.changed;
            summary.withdrawn = outcome.counts.withdrawn;
            summary.unseen = outcome.counts.unseen;
            summary.unchanged = outcome.counts.unchanged;
            if self.options.kind == ChangeKind::Replace {
                summary.removed =
                    self.remove_others(list, &new, &mut planned, &outcome.kept, each)?;
                self.check_kinds(list, &new)?;
            }
            let kept = outcome.kept;
            if kept.count() == u64::from(kept.len()) {
                if kept.len() > 0 {
                    planned.push(new);
                }
            } else if kept.count() > 0 {
                let smaller = self.only(&new, &kept, &lists, progress)?;
                planned.push(smaller);
            }
        }
        let planned = self.store.settled(&lists, planned, progress)?;
        let entries = &mut lists[list as usize].entries;
        *entries = (entries.saturating_add(summary.added))
            .saturating_sub(summary.withdrawn + summary.removed);
        summary.entries = *entries;
        self.store.publish(lists, planned)?;
        summary.generation = self.store.manifest.generation;
        Ok(summary)
    }

    /// Returns the lists as they are after the change.
    fn lists(&self) -> Result<Vec<StoredList>, StoreError> {
        let mut lists = self.store.manifest.lists.clone();
        let position = match self.stored {
            Some(position) => position as usize,
            None => {
                lists.push(StoredList::default());
                lists.len() - 1
            }
        };
        let list = &mut lists[position];
        let (old, new) = (&mut list.descriptor, &self.descriptor);
        old.name.clone_from(&new.name);
        for (old, new) in [
            (&mut old.source, &new.source),
            (&mut old.version, &new.version),
            (&mut old.terms, &new.terms),
        ] {
            if !new.is_empty() {
                old.clone_from(new);
            }
        }
        self.settings.apply(list);
        if self.options.kind == ChangeKind::Withdraw {
            return Ok(lists);
        }
        let page = self.position.as_ref();
        // A row that is added to a feed by hand is no news of it, nor is a part of what a request asked for.
        let is_news = match self.options.kind {
            ChangeKind::Add => list.feed.is_none(),
            _ => page.is_none_or(|page| !page.has_more),
        };
        let old = &mut list.descriptor;
        if is_news || self.stored.is_none() {
            list.checked_at = self.now;
        }
        if is_news {
            let feed_time = page.and_then(|feed| feed.checkpoint_time);
            old.time = feed_time.or(Some(self.now));
        }
        old.time = new.time.or(old.time);
        if self.options.kind == ChangeKind::Replace {
            (list.feed, list.checkpoint, list.checkpoint_time) = (None, None, None);
        }
        if let Some(report) = &self.report {
            list.last_import.clone_from(report);
        }
        if let Some(position) = &self.position {
            if let Some(feed) = &list.feed
                && feed != position.feed
            {
                return Err(StoreError::OtherFeed {
                    stored: feed.clone(),
                    page: position.feed,
                });
            }
            list.feed = Some(position.feed.to_owned());
            if self.options.kind == ChangeKind::Apply && !self.options.allows_older {
                let stored = self.told(list.checkpoint_time);
                let times = stored.zip(position.checkpoint_time);
                let backwards = times.filter(|(stored, page)| page < stored);
                if let Some((stored, page)) = backwards.or(self.backwards) {
                    return Err(StoreError::Backwards { stored, page });
                }
            }
            // Of a request of which pages are missing, the next one has to begin where it began.
            let is_complete = !position.has_more || self.options.kind != ChangeKind::Apply;
            if is_complete && position.checkpoint.is_some() {
                list.checkpoint.clone_from(&position.checkpoint);
                list.checkpoint_time = position.checkpoint_time;
            }
        }
        // What no segment could hold would keep the store from being compacted.
        self.store.builder(self.number, &lists)?;
        Ok(lists)
    }

    /// Builds a segment of what was added, and of what the store has of the same entries where records add to it or could not be
    /// read.
    fn build(
        &mut self,
        lists: &[StoredList],
        progress: &mut dyn FnMut(BuildProgress),
    ) -> Result<(Planned, BuildSummary), StoreError> {
        let path = segment_file(&self.store.directory, self.number);
        let empty = IndexBuilder::with_memory_budget(&path, 0);
        let mut builder = std::mem::replace(&mut self.builder, empty);
        for (segment, joined) in self.store.snapshot.segments().iter().zip(&self.joined) {
            if joined.count() == 0 {
                continue;
            }
            let list = self.list;
            let of_list = |found| (segment.snapshot_list(found) == self.stored).then_some(list);
            builder.add_index(segment.index(), of_list, |entry| joined.contains(entry))?;
        }
        self.store.step(&path)?;
        let built = builder.finish_with(progress)?;
        let new = self.store.opened(self.number, &built.identity, lists)?;
        Ok((new, built))
    }

    /// Refuses to lose too many of the hashes of one kind: a column that is no longer read takes no entry away.
    fn check_kinds(&self, list: u32, new: &Planned) -> Result<(), StoreError> {
        let mut stored = BTreeMap::<HashKind, u64>::new();
        for segment in self.store.snapshot.segments() {
            let index = segment.index();
            let corrupt = segment.corrupt();
            let Some(list) = segment.index_list(list) else {
                continue;
            };
            let of_list = index.entries_of(list).map_err(&corrupt)?;
            for kind in index.kinds() {
                let count = stored.entry(kind).or_default();
                let stands = |entry| of_list.contains(&entry) && segment.stands(entry);
                let counted = index.for_each_assertion(kind, stands, |_, _| {
                    *count += 1;
                    Ok::<(), CorruptIndex>(())
                });
                counted.map_err(&corrupt)?;
            }
        }
        let limit_percent = self.options.shrink_limit_percent;
        for (kind, hashes) in stored {
            let left = u64::from(new.segment.index().assertions(kind));
            let removed = hashes.saturating_sub(left);
            if removed * 100 > hashes * u64::from(limit_percent) {
                return Err(StoreError::LosesHashes {
                    kind,
                    removed,
                    hashes,
                    limit_percent,
                });
            }
        }
        Ok(())
    }

    /// Builds a segment of some of the entries of another.
    fn only(
        &mut self,
        new: &Planned,
        kept: &Bits,
        lists: &[StoredList],
        progress: &mut dyn FnMut(BuildProgress),
    ) -> Result<Planned, StoreError> {
        let number = self.store.next_segment();
        let path = segment_file(&self.store.directory, number);
        let mut builder = IndexBuilder::with_memory_budget(&path, self.options.memory_budget);
        builder.keep_withdrawn();
        let list = builder.add_list(self.descriptor.clone())?;
        builder.add_index(
            new.segment.index(),
            |_| Some(list),
            |entry| kept.contains(entry),
        )?;
        self.store.step(&path)?;
        let built = builder.finish_with(progress)?;
        self.store.opened(number, &built.identity, lists)
    }

    /// Takes away what a list has and the change does not, and returns how many entries that are which stood.
    fn remove_others(
        &self,
        list: u32,
        new: &Planned,
        planned: &mut [Planned],
        kept: &Bits,
        each: &mut dyn FnMut(&Difference<'_>),
    ) -> Result<u64, StoreError> {
        let new_index = new.segment.index();
        let (mut removed, mut before) = (0, 0);
        // What is planned begins with the segments that the store has.
        for (number, one) in planned.iter_mut().enumerate() {
            let segment = one.segment.clone();
            let corrupt = segment.corrupt();
            let Some(list) = segment.index_list(list) else {
                continue;
            };
            for entry in segment.index().entries_of(list).map_err(&corrupt)? {
                if !segment.stands(entry) {
                    continue;
                }
                let raw = segment.index().raw_entry(entry).map_err(&corrupt)?;
                let was_withdrawn = raw.codes[0] == WITHDRAWN_CODE;
                before += u64::from(!was_withdrawn);
                let is_kept = was_withdrawn && self.joined[number].contains(entry);
                if is_kept || one.withdrawn.contains(entry) {
                    continue;
                }
                let id = std::str::from_utf8(raw.id).unwrap_or_default();
                let in_new = new_index
                    .position_of(0, id)
                    .map_err(new.segment.corrupt())?;
                if in_new.is_some_and(|position| !kept.contains(position)) {
                    continue;
                }
                one.is_changed |= one.withdrawn.insert(entry);
                if !was_withdrawn {
                    removed += 1;
                    each(&Difference {
                        entry_id: id,
                        kind: DifferenceKind::Removed,
                    });
                }
            }
        }
        let limit_percent = self.options.shrink_limit_percent;
        if removed * 100 > before * u64::from(limit_percent) {
            return Err(StoreError::Shrinks {
                removed,
                entries: before,
                limit_percent,
            });
        }
        Ok(removed)
    }

    /// Returns the position that the list has in the store after the change.
    fn position(&self) -> u32 {
        let next = self.store.manifest.lists.len();
        self.stored
            .unwrap_or(u32::try_from(next).unwrap_or(u32::MAX))
    }
}
