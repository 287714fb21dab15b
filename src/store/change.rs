//! One change of one list, from its first record to its publication.

use std::fmt;

use sha2::{Digest, Sha256};

use super::bits::Bits;
use super::error::StoreError;
use super::manifest::{DAY, ListSettings, segment_file};
use super::now;
use super::options::{ChangeKind, ChangeOptions};
use super::writer::StoreWriter;
use crate::entry::{Entry, EntryStatus, ListDescriptor};
use crate::index::IndexBuilder;
use crate::list::{FeedPosition, ImportReport};

/// How long the part of a made-up id is that comes of the hashes, in bytes before they are spelled.
const VALUE_ID_LEN: usize = 15;

/// A change that is being put together. Nothing of it is in the store before [`commit`](Self::commit); dropping it drops all of
/// it.
pub struct Change<'s> {
    pub(super) store: &'s mut StoreWriter,
    pub(super) builder: IndexBuilder,
    /// The segment that is being built.
    pub(super) number: u64,
    /// The position of the list in the builder.
    pub(super) list: u32,
    pub(super) descriptor: ListDescriptor,
    pub(super) options: ChangeOptions,
    /// The position of the list in the store, if it has it.
    pub(super) stored: Option<u32>,
    /// The entries of each segment that records add to, or of which records could not be read.
    pub(super) joined: Vec<Bits>,
    pub(super) records: u64,
    pub(super) outdated: u64,
    /// Where the pages so far end in their feed: the latest place of all.
    pub(super) position: Option<FeedPosition>,
    /// Up to where in time the feed is complete by the pages so far.
    complete_through: Option<i64>,
    /// The end of a page, and of what came before it and was complete, if that is later.
    pub(super) backwards: Option<(i64, i64)>,
    /// Whether a file had records of which none could be read.
    pub(super) is_unreadable: bool,
    /// The time at which the change began.
    pub(super) now: i64,
    pub(super) report: Option<ImportReport>,
    pub(super) settings: ListSettings,
}

impl<'s> Change<'s> {
    pub(super) fn new(
        store: &'s mut StoreWriter,
        descriptor: ListDescriptor,
        options: ChangeOptions,
    ) -> Result<Self, StoreError> {
        store.memory_budget = options.memory_budget;
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
        let joined = segments.map(|segment| Bits::new(segment.index().entries()));
        Ok(Self {
            joined: joined.collect(),
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
    /// come; of the same time, one that withdraws. Where records are not whole, an older one adds its hashes and says nothing else,
    /// and what is said of single hashes in one change counts in its order.
    ///
    /// What was withdrawn at a time is not brought back by a record of no time, nor what was withdrawn at none by
    /// [`ChangeOptions::add`], unless [`reinstates`](ChangeOptions::reinstates) says so. A time more than a day in the future says
    /// nothing, and of a withdrawal means now.
    ///
    /// A record that is not whole and says nothing but hashes leaves what the store has of its entry; another takes its place, but
    /// for texts, quality and the first time, which stay where it has none.
    ///
    /// # Errors
    /// [`StoreError::Build`] with [`BuildError::InvalidEntry`](crate::BuildError::InvalidEntry), after which the change goes on
    /// without this entry, or when a temporary file cannot be written; [`StoreError::Corrupt`] when a segment is damaged.
    pub fn add(&mut self, entry: &Entry, by_value: bool) -> Result<(), StoreError> {
        self.put(entry, by_value, false).map(|_| ())
    }

    /// Adds what a record says of an entry of which a hash could not be read
    /// ([`lacks_hashes`](crate::list::ImportItem::Entry::lacks_hashes)). What cannot be read takes nothing away: the entry keeps all
    /// hashes that the list has of it, until there is a record that can be read as a whole.
    ///
    /// # Errors
    /// As for [`add`](Self::add).
    pub fn add_incomplete(&mut self, entry: &Entry) -> Result<(), StoreError> {
        match self.put(entry, false, true)? {
            true => self.keep(&entry.entry_id).map(|_| ()),
            false => Ok(()),
        }
    }

    /// Adds a record, and returns whether it counts beside what the store has.
    fn put(
        &mut self,
        entry: &Entry,
        by_value: bool,
        lacks_hashes: bool,
    ) -> Result<bool, StoreError> {
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
        let withdraws = !entry.status.matches();
        let told = self.told(entry.source_updated);
        // The time by which it counts or does not, of what the change says of the entry.
        let mut time = told;
        if self.options.kind == ChangeKind::Withdraw {
            // A source whose clock is ahead of this one's must not undo it.
            time = Some(self.now).max(stored_time);
        } else if withdraws && told.is_none() && entry.source_updated.is_some() {
            // One that is of the future holds from now on, also beside what is as far ahead as may be.
            time = Some(self.now.saturating_add(DAY));
        }
        if self.options.kind != ChangeKind::Withdraw
            && self.is_outdated(entry, time, by_value, stored)
        {
            self.outdated += 1;
            return Ok(false);
        }
        // At least as late as what it withdraws.
        let own_time = match self.options.kind {
            ChangeKind::Withdraw => time,
            _ => told.or(time.map(|_| self.now)),
        };
        let kept_time = own_time.max(stored_time);
        if self.options.kind == ChangeKind::Add && is_withdrawal(entry) {
            time = time.or(stored_time);
        }
        if withdraws && kept_time != entry.source_updated {
            own = entry.clone();
            own.source_updated = kept_time;
            entry = &own;
        }
        if !self.options.whole_records && entry.status.matches() && !entry.has_hash() {
            // It adds nothing to its entry.
            self.records += 1;
            return Ok(true);
        }
        let is_row = !self.options.whole_records && !by_value;
        let mut is_bare = is_row && !withdraws && says_hashes_alone(entry);
        if let Some((segment, position, stored)) = found
            && !self.options.whole_records
        {
            self.joined[segment].insert(position);
            if is_row && !withdraws && stored.status.matches() {
                is_bare |= is_before(told, stored_time);
                let mut whole = entry.clone();
                complete(&mut whole, stored);
                own = whole;
                entry = &own;
            }
        }
        if is_bare {
            self.builder.add_bare_at(self.list, entry, time)?;
        } else if is_row {
            self.builder.add_at(self.list, entry, time)?;
        } else if lacks_hashes && !withdraws {
            self.builder.join_at(self.list, entry, time)?;
        } else {
            self.builder.replace_at(self.list, entry, time)?;
        }
        // What does not fit is no record: a list of nothing else must not look like an empty one.
        self.records += 1;
        Ok(true)
    }

    /// Returns a time, unless it is too far in the future to say anything.
    pub(super) fn told(&self, time: Option<i64>) -> Option<i64> {
        time.filter(|&time| time <= self.now.saturating_add(DAY))
    }

    /// Returns whether the store has something later of an entry than a record says, which is of a time or of none.
    fn is_outdated(
        &self,
        new: &Entry,
        time: Option<i64>,
        by_value: bool,
        stored: Option<&Entry>,
    ) -> bool {
        let Some(stored) = stored else {
            return false;
        };
        let is_gone = stored.status == EntryStatus::Withdrawn;
        let told = self.told(stored.source_updated);
        // The clock may have been ahead when it was withdrawn: that is no reason to take it for undated.
        let ahead = stored.source_updated.filter(|_| is_gone).map(|_| self.now);
        let stored_time = told.or(ahead);
        let brings_back = is_gone && new.status.matches();
        if brings_back && !self.options.reinstates {
            return match (stored_time, time) {
                (Some(stored), Some(new)) => new <= stored,
                (Some(_), None) => true,
                // The records of a feed come in their order; of files that are added nobody knows which is the older.
                (None, _) => self.options.kind == ChangeKind::Add,
            };
        }
        // A row that is not all of its entry may be older than what the store has of others of its hashes.
        let is_whole = self.options.whole_records || by_value || is_withdrawal(new);
        is_whole && is_before(time, stored_time)
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

    /// Says that a record of an entry could not be read ([`Quarantined::entry_id`](crate::list::Quarantined::entry_id)). What
    /// cannot be read takes nothing away: a change that replaces the list leaves what the store has of the entry, and hashes of
    /// other records of the same entry, if records are not whole, are added to it. In other changes an entry without a record stays in any case.
    ///
    /// Returns whether the list has such an entry. If not, the id may not be one: what cannot be read may have it in another place.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] when a segment is damaged.
    pub fn left_out(&mut self, entry_id: &str) -> Result<bool, StoreError> {
        match self.options.kind {
            ChangeKind::Replace => self.keep(entry_id),
            _ => Ok(self.find(entry_id)?.is_some()),
        }
    }

    /// Lets what the store has of an entry stand beside what records say of it, and returns whether it has it.
    fn keep(&mut self, entry_id: &str) -> Result<bool, StoreError> {
        let found = self.find(entry_id)?;
        if let Some((segment, position, _)) = &found {
            self.joined[*segment].insert(*position);
        }
        Ok(found.is_some())
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

/// Returns whether a record withdraws its entry, rather than hashes of it.
fn is_withdrawal(record: &Entry) -> bool {
    !record.status.matches() && !record.has_hash()
}

/// Returns whether a record says nothing of its entry but hashes.
fn says_hashes_alone(record: &Entry) -> bool {
    let says_nothing = Entry {
        entry_id: record.entry_id.clone(),
        hashes: record.hashes.clone(),
        other_hashes: record.other_hashes.clone(),
        fetched_at: record.fetched_at,
        ..Entry::default()
    };
    *record == says_nothing
}

/// Completes a record that adds to an entry with what the store has of it.
fn complete(record: &mut Entry, stored: Entry) {
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
