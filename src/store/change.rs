//! One change of one list, from its first record to its publication.

use std::collections::BTreeMap;
use std::fmt;

use sha2::{Digest, Sha256};

use super::bits::Bits;
use super::difference::{Difference, DifferenceKind, compare};
use super::error::StoreError;
use super::manifest::{DAY, ListSettings, StoredList, segment_file};
use super::now;
use super::writer::{Planned, StoreWriter};
use crate::entry::{Entry, EntryStatus, ListDescriptor};
use crate::hash::HashKind;
use crate::index::{
    BuildProgress, CorruptIndex, DEFAULT_MEMORY_BUDGET, IndexBuilder, WITHDRAWN_CODE,
};
use crate::list::{FeedPosition, ImportReport};

/// How long the part of a made-up id is that comes of the hashes, in bytes before they are spelled.
const VALUE_ID_LEN: usize = 15;

/// What a change does to the entries that a list has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ChangeKind {
    /// Entries are added, or changed where the list has them; all others stay.
    Add,
    /// The same with a page of a feed, which has a place in time.
    Apply,
    /// The list is what the change says, and nothing else.
    Replace,
    /// Entries are withdrawn.
    Withdraw,
}

/// How to change a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ChangeOptions {
    /// What to do.
    pub kind: ChangeKind,
    /// Whether a record is all of its entry, so that it takes the place of what there is of it. Otherwise records add to what
    /// there is: a table may hold one hash of an entry a row. [`ListFormat`](crate::list::ListFormat) knows which
    /// ([`has_whole_records`](crate::list::ListFormat::has_whole_records)).
    pub whole_records: bool,
    /// The largest part of its entries that a list may lose when it is replaced, in percent.
    pub shrink_limit_percent: u8,
    /// Whether a page may be older than what the store has of the feed.
    pub allows_older: bool,
    /// Whether a record that is of no later time than a withdrawal, or of no time, brings its entry back.
    pub reinstates: bool,
    /// The memory for sorting, in bytes ([`IndexBuilder::with_memory_budget`]).
    pub memory_budget: usize,
}

impl ChangeOptions {
    /// Of a list that loses more than this when it is replaced it is likelier that the file is not whole.
    pub const DEFAULT_SHRINK_LIMIT_PERCENT: u8 = 10;

    const fn of(kind: ChangeKind, whole_records: bool) -> Self {
        Self {
            kind,
            whole_records,
            shrink_limit_percent: Self::DEFAULT_SHRINK_LIMIT_PERCENT,
            allows_older: false,
            reinstates: false,
            memory_budget: DEFAULT_MEMORY_BUDGET,
        }
    }

    /// Returns what adds entries to a list, or hashes to its entries.
    pub const fn add() -> Self {
        Self::of(ChangeKind::Add, false)
    }

    /// Returns what applies a page of a feed, whose records are whole.
    pub const fn apply() -> Self {
        Self::of(ChangeKind::Apply, true)
    }

    /// Returns what replaces a list.
    pub const fn replace() -> Self {
        Self::of(ChangeKind::Replace, false)
    }

    /// Returns what withdraws entries.
    pub(super) const fn withdraw() -> Self {
        Self::of(ChangeKind::Withdraw, true)
    }
}

/// What a change came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ChangeSummary {
    /// Entries that are new, or stand again.
    pub added: u64,
    /// Entries of which something else is said, or that have other hashes.
    pub changed: u64,
    /// Entries that their source withdrew and that stood.
    pub withdrawn: u64,
    /// Entries that are withdrawn and were not there. They are remembered.
    pub unseen: u64,
    /// Entries that a file no longer has which took the place of the list.
    pub removed: u64,
    /// Entries that are as they were.
    pub unchanged: u64,
    /// Records that were passed over, since the store has a later one of their entry.
    pub outdated: u64,
    /// Entries of the list that stand now.
    pub entries: u64,
    /// The generation of the store that has the change.
    pub generation: u64,
}

impl ChangeSummary {
    /// Returns whether nothing is different.
    pub const fn is_empty(&self) -> bool {
        self.added + self.changed + self.withdrawn + self.unseen + self.removed == 0
    }
}

/// A change that is being put together. Nothing of it is in the store before [`commit`](Self::commit); dropping it drops all of
/// it.
pub struct Change<'s> {
    store: &'s mut StoreWriter,
    builder: IndexBuilder,
    /// The segment that is being built.
    number: u64,
    /// The position of the list in the builder.
    list: u32,
    descriptor: ListDescriptor,
    options: ChangeOptions,
    /// The position of the list in the store, if it has it.
    stored: Option<u32>,
    /// The entries of each segment that records were added for.
    touched: Vec<Bits>,
    records: u64,
    outdated: u64,
    /// Where the pages so far end in their feed: the latest place of all.
    position: Option<FeedPosition>,
    /// Up to where in time the feed is complete by the pages so far.
    complete_through: Option<i64>,
    /// The end of a page, and of what came before it and was complete, if that is later.
    backwards: Option<(i64, i64)>,
    /// Whether a file had records of which none could be read.
    is_unreadable: bool,
    /// The time at which the change began.
    now: i64,
    report: Option<ImportReport>,
    settings: ListSettings,
}

impl<'s> Change<'s> {
    pub(super) fn new(
        store: &'s mut StoreWriter,
        descriptor: ListDescriptor,
        options: ChangeOptions,
    ) -> Result<Self, StoreError> {
        let number = store.next_segment();
        let path = segment_file(&store.directory, number);
        let mut builder = IndexBuilder::with_memory_budget(&path, options.memory_budget);
        if options.kind != ChangeKind::Replace {
            builder.keep_withdrawn();
        }
        let list = builder.add_list(descriptor.clone())?;
        let now = now();
        let stored = store.manifest.list(&descriptor.name);
        let segments = store.snapshot.segments().iter();
        let touched = segments.map(|segment| Bits::new(segment.index().entries()));
        Ok(Self {
            touched: touched.collect(),
            store,
            builder,
            number,
            list,
            descriptor,
            options,
            stored: stored.and_then(|stored| u32::try_from(stored).ok()),
            records: 0,
            outdated: 0,
            position: None,
            complete_through: None,
            backwards: None,
            is_unreadable: false,
            now,
            report: None,
            settings: ListSettings::default(),
        })
    }

    /// Adds what one record of the list says. `by_value` says that the source knows the entry by its hashes alone: it then gets
    /// an id that is made of them, which is the same every time and from which they cannot be found.
    ///
    /// A withdrawn entry that names hashes, in records that are not whole, takes back these hashes; else it withdraws the entry, as
    /// one that is known by its hashes alone does. Of two records that are of a time the later counts, in whichever order they
    /// come; of the same time, one that withdraws. What was withdrawn at a time is not brought back by a record of no time, unless
    /// [`reinstates`](ChangeOptions::reinstates) says so. A time more than a day in the future says nothing.
    ///
    /// A record that is not whole and says nothing but hashes leaves what the store has of its entry; another takes its place, but
    /// for texts, quality and the first time, which stay where it has none.
    ///
    /// # Errors
    /// [`StoreError::Build`] with [`BuildError::InvalidEntry`](crate::BuildError::InvalidEntry), after which the change goes on
    /// without this entry, or when a temporary file cannot be written; [`StoreError::Corrupt`] when a segment is damaged.
    pub fn add(&mut self, entry: &Entry, by_value: bool) -> Result<(), StoreError> {
        let mut own;
        let mut entry = entry;
        if by_value {
            own = entry.clone();
            own.entry_id = value_id(self.store.manifest.key(), entry);
            if own.status == EntryStatus::Withdrawn {
                // The id says which; and what is withdrawn must not be kept.
                own.hashes.clear();
                own.other_hashes.clear();
            }
            entry = &own;
        }
        let found = match self.options.kind {
            ChangeKind::Replace => None,
            _ => self.find(&entry.entry_id)?,
        };
        let stored = found.as_ref().map(|(.., stored)| stored);
        let stored_time = stored.and_then(|stored| self.told(stored.source_updated));
        if self.options.kind == ChangeKind::Withdraw {
            own = entry.clone();
            // A source whose clock is ahead of this one's must not undo it.
            own.source_updated = Some(self.now).max(stored_time);
            entry = &own;
        } else if self.is_outdated(entry, stored) {
            self.outdated += 1;
            return Ok(());
        } else if !entry.status.matches() && entry.source_updated.is_none() && stored_time.is_some()
        {
            own = entry.clone();
            // It is at least as late as what it withdraws.
            own.source_updated = stored_time;
            entry = &own;
        }
        if !self.options.whole_records && entry.status.matches() && !entry.has_hash() {
            // It adds nothing to its entry.
            self.records += 1;
            return Ok(());
        }
        if let Some((segment, position, stored)) = found {
            self.touched[segment].insert(position);
            if !self.options.whole_records && !by_value && entry.status.matches() {
                let mut whole = entry.clone();
                complete(&mut whole, stored);
                own = whole;
                entry = &own;
            }
        }
        if self.options.whole_records || by_value {
            let time = self.told(entry.source_updated);
            self.builder.replace_at(self.list, entry, time)?;
        } else {
            self.builder.add(self.list, entry)?;
        }
        // What does not fit is no record: a list of nothing else must not look like an empty one.
        self.records += 1;
        Ok(())
    }

    /// Returns a time, unless it is too far in the future to say anything.
    fn told(&self, time: Option<i64>) -> Option<i64> {
        time.filter(|&time| time <= self.now.saturating_add(DAY))
    }

    /// Returns whether the store has something later of an entry than a record says.
    fn is_outdated(&self, new: &Entry, stored: Option<&Entry>) -> bool {
        let Some(stored) = stored else {
            return false;
        };
        let (new_time, stored_time) = (
            self.told(new.source_updated),
            self.told(stored.source_updated),
        );
        let brings_back = stored.status == EntryStatus::Withdrawn && new.status.matches();
        if brings_back && !self.options.reinstates {
            return stored_time.is_some_and(|stored| new_time.is_none_or(|new| new <= stored));
        }
        self.options.whole_records && is_before(new_time, stored_time)
    }

    /// Withdraws an entry by its id. For [`StoreWriter::withdrawal`].
    ///
    /// # Errors
    /// As for [`add`](Self::add).
    pub fn withdraw(&mut self, entry_id: &str) -> Result<(), StoreError> {
        let mut entry = Entry::new(entry_id);
        entry.status = EntryStatus::Withdrawn;
        self.add(&entry, false)
    }

    /// Says something of the list as a whole, in the same change: [`StoreWriter::describe`] says it without one.
    pub fn describe(&mut self, settings: &ListSettings) {
        self.settings = settings.clone();
    }

    /// Says what was read of one file or page, and where the page stands in its feed. The store keeps with the list what was
    /// read in all, and the checkpoint of the page that is latest in time, once a page says that it is the last of its request:
    /// pages of one request may be in any order of time.
    pub fn imported(&mut self, report: &ImportReport, position: Option<&FeedPosition>) {
        // A page of which nothing can be read is no empty page.
        self.is_unreadable |= report.records > 0 && report.entries == 0;
        match &mut self.report {
            Some(sum) => sum.merge(report),
            None => self.report = Some(report.clone()),
        }
        let Some(page) = position else {
            return;
        };
        if let Some((complete, time)) = self.complete_through.zip(page.checkpoint_time)
            && time < complete
        {
            self.backwards.get_or_insert((complete, time));
        }
        match &mut self.position {
            Some(latest)
                if page.checkpoint.is_none()
                    || is_before(page.checkpoint_time, latest.checkpoint_time) =>
            {
                latest.has_more = page.has_more;
            }
            latest => *latest = Some(page.clone()),
        }
        if !page.has_more {
            let latest = self.position.as_ref();
            self.complete_through = latest.and_then(|latest| latest.checkpoint_time);
        }
    }

    /// Returns the entry of this list that stands and has an id: its segment, its position and what is said of it.
    fn find(&self, id: &str) -> Result<Option<(usize, u32, Entry)>, StoreError> {
        let Some(list) = self.stored else {
            return Ok(None);
        };
        for (number, segment) in self.store.snapshot.segments().iter().enumerate().rev() {
            let corrupt = segment.corrupt();
            let Some(list) = segment.index_list(list) else {
                continue;
            };
            let position = segment.index().position_of(list, id).map_err(&corrupt)?;
            if let Some(position) = position.filter(|&position| segment.stands(position)) {
                let entry = segment.index().entry(position).map_err(&corrupt)?;
                return Ok(Some((number, position, entry.entry)));
            }
        }
        Ok(None)
    }

    /// Publishes the change: it is in the store when this returns, and in every snapshot that is loaded from then on.
    ///
    /// O(what is changed), and a pass over the assertions of segments that have entries of the change. Small segments are put
    /// together while that is at it, so that searches stay fast ([`compact`](StoreWriter::compact) says how).
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
        let may_be_empty = self.options.kind == ChangeKind::Apply && !self.is_unreadable;
        if self.records == 0 && self.outdated == 0 && !may_be_empty {
            return Err(StoreError::NoEntries);
        }
        let mut planned = self.store.planned();
        let mut summary = ChangeSummary {
            outdated: self.outdated,
            ..ChangeSummary::default()
        };
        let list = self.position();
        if self.records > 0 || self.options.kind == ChangeKind::Replace {
            let (new, outdated) = self.build(&lists, progress)?;
            summary.outdated += outdated;
            let outcome = compare(&new.segment, list, &mut planned, each)?;
            summary.added = outcome.counts.added;
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
        *entries = (*entries + summary.added).saturating_sub(summary.withdrawn + summary.removed);
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
        if is_news {
            list.checked_at = self.now;
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
        Ok(lists)
    }

    /// Builds a segment of what was added, and of what the store has of the same entries where records add to it.
    fn build(
        &mut self,
        lists: &[StoredList],
        progress: &mut dyn FnMut(BuildProgress),
    ) -> Result<(Planned, u64), StoreError> {
        let path = segment_file(&self.store.directory, self.number);
        let empty = IndexBuilder::with_memory_budget(&path, 0);
        let mut builder = std::mem::replace(&mut self.builder, empty);
        if !self.options.whole_records {
            for (segment, touched) in self.store.snapshot.segments().iter().zip(&self.touched) {
                if touched.count() == 0 {
                    continue;
                }
                let list = self.list;
                let of_list = |found| (segment.snapshot_list(found) == self.stored).then_some(list);
                builder.add_index(segment.index(), of_list, |entry| touched.contains(entry))?;
            }
        }
        self.store.step(&path)?;
        let built = builder.finish_with(progress)?;
        let new = self.store.opened(self.number, &built.identity, lists)?;
        Ok((new, built.outdated))
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
        for one in planned.iter_mut() {
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
                if one.withdrawn.contains(entry) {
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

impl Drop for Change<'_> {
    fn drop(&mut self) {
        // What cannot be removed now is when the store is next opened for changes.
        let _ = self.store.remove_unnamed();
    }
}

impl fmt::Debug for Change<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Change")
            .field("kind", &self.options.kind)
            .field("records", &self.records)
            .finish_non_exhaustive()
    }
}

/// Returns whether a time is before another, if both are known.
fn is_before(new: Option<i64>, stored: Option<i64>) -> bool {
    new.zip(stored).is_some_and(|(new, stored)| new < stored)
}

/// Completes a record that adds to an entry with what the store has of it.
fn complete(record: &mut Entry, stored: Entry) {
    if stored.status == EntryStatus::Withdrawn {
        return;
    }
    let says_nothing = Entry {
        entry_id: record.entry_id.clone(),
        hashes: record.hashes.clone(),
        other_hashes: record.other_hashes.clone(),
        fetched_at: record.fetched_at,
        ..Entry::default()
    };
    if *record == says_nothing {
        *record = Entry {
            hashes: std::mem::take(&mut record.hashes),
            other_hashes: std::mem::take(&mut record.other_hashes),
            fetched_at: record.fetched_at,
            ..stored
        };
        return;
    }
    record.submitter = record.submitter.take().or(stored.submitter);
    record.classification = record.classification.take().or(stored.classification);
    record.quality = record.quality.or(stored.quality);
    record.first_seen = record.first_seen.or(stored.first_seen);
    if record.tags.is_empty() {
        record.tags = stored.tags;
    }
}

/// Returns an id for an entry that its source knows by its hashes alone.
///
/// Ids are shown, so it must not be possible to find the hashes from it, nor to tell from ids whether a picture at hand is in the
/// store: it is of their SHA-256 under a key that is in no other store.
fn value_id(key: &[u8], entry: &Entry) -> String {
    let mut hashes: Vec<_> = entry.hashes.iter().collect();
    hashes.sort_unstable();
    let mut digest = Sha256::new();
    digest.update(key);
    let mut update = |kind: &str, value: &[u8]| {
        for part in [kind.as_bytes(), value] {
            digest.update((part.len() as u64).to_le_bytes());
            digest.update(part);
        }
    };
    for hash in hashes {
        update(hash.kind().name(), hash.as_bytes());
    }
    let mut others: Vec<_> = entry.other_hashes.iter().collect();
    others.sort_unstable();
    for hash in others {
        update(&hash.kind, hash.value.as_bytes());
    }
    let digest = digest.finalize();
    let text = data_encoding::BASE32_NOPAD.encode(&digest[..VALUE_ID_LEN]);
    format!("value-{}", text.to_ascii_lowercase())
}
