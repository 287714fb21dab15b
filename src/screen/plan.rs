//! What is searched under a policy: the indexes and segments of one moment, with what the policy says of their lists.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::sync::Arc;

use serde::Serialize;

use super::Against;
use super::check::PolicyError;
use super::decide::Rules;
use super::known::KnownDigests;
use super::policy::{ListPolicy, Policy};
use crate::digest;
use crate::entry::Entry;
use crate::hash::{ClassicKind, HashKind, HashValue};
use crate::index::{CorruptIndex, Index};
use crate::store::{Segment, Snapshot, StoredList};

/// What was searched, for the record.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct SearchedIn {
    /// The identities of the indexes and of the segments of stores.
    pub indexes: Vec<String>,
    /// The stores, each as it was.
    pub stores: Vec<SearchedStore>,
}

/// A store as it was when it was searched.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct SearchedStore {
    /// Its directory.
    pub directory: PathBuf,
    /// How many changes it had had.
    pub generation: u64,
}

/// A policy as plans use it: put in order once, and shared by them.
pub(super) struct Followed {
    pub(super) dihedral: bool,
    /// The SHA-256 of the policy as JSON.
    pub(super) sha256: String,
    default: Arc<ListPolicy>,
    lists: BTreeMap<String, Arc<ListPolicy>>,
    /// The entries that do not count, each with the reason, by list.
    disabled: BTreeMap<String, Arc<Disabled>>,
}

type Disabled = BTreeMap<String, String>;

impl Followed {
    pub(super) fn new(policy: Policy) -> Self {
        // A policy is numbers and texts under names that are texts: nothing of it cannot be written as JSON.
        let json = serde_json::to_vec(&policy).unwrap_or_default();
        let sha256 = digest::of(&json, &[HashKind::Sha256]);
        let mut disabled = BTreeMap::<String, Disabled>::new();
        for one in policy.disabled {
            let of_list = disabled.entry(one.list).or_default();
            of_list.entry(one.entry).or_insert(one.reason);
        }
        let lists = policy.lists.into_iter();
        let disabled = disabled.into_iter();
        Self {
            dihedral: policy.dihedral,
            sha256: sha256.iter().map(HashValue::to_hex).collect(),
            default: Arc::new(policy.default),
            lists: lists.map(|(name, list)| (name, Arc::new(list))).collect(),
            disabled: disabled
                .map(|(list, entries)| (list, Arc::new(entries)))
                .collect(),
        }
    }

    /// Returns the names of lists that the policy uses, wherever they stand in it.
    fn names(&self) -> impl Iterator<Item = &String> {
        let known = self.lists.values().filter_map(|list| list.known.as_ref());
        let suppressed = known.filter_map(|known| known.lists.as_ref()).flatten();
        let names = self.lists.keys().chain(suppressed);
        names.chain(self.disabled.keys())
    }
}

/// A store that was given, and what of it is searched.
pub(super) struct PlannedStore {
    /// Where it really is.
    path: PathBuf,
    directory: PathBuf,
    pub(super) snapshot: Arc<Snapshot>,
    /// Whether one before it is the same.
    is_again: bool,
}

impl PlannedStore {
    /// Returns the stores that were given as they are now. Paths that cannot be looked up are as they were earlier.
    pub(super) fn all(against: &[Against], earlier: &[Self]) -> Vec<Self> {
        let mut stores = Vec::<Self>::new();
        for against in against {
            let Against::Store(store) = against else {
                continue;
            };
            let directory = store.directory().to_path_buf();
            let before = earlier.get(stores.len());
            let path = std::fs::canonicalize(&directory);
            let path = path.unwrap_or_else(|_| {
                let before = before.map(|before| before.path.clone());
                before.unwrap_or_else(|| directory.clone())
            });
            stores.push(Self {
                is_again: stores.iter().any(|other| other.path == path),
                path,
                directory,
                snapshot: store.snapshot(),
            });
        }
        stores
    }

    /// Returns whether this is what was planned before.
    pub(super) fn is_same(&self, before: &Self) -> bool {
        self.path == before.path && Arc::ptr_eq(&self.snapshot, &before.snapshot)
    }

    /// Returns whether an index is a segment of the store.
    pub(super) fn has_segment(&self, identity: &str) -> bool {
        let mut segments = self.snapshot.segments().iter();
        segments.any(|segment| segment.index().identity() == identity)
    }
}

/// Why there is no plan: an index is damaged.
pub(super) struct Damaged {
    /// The store that it is of, by its place among those given.
    pub(super) store: Option<usize>,
    pub(super) corrupt: CorruptIndex,
}

/// All that is searched. Never changes: when a store does, another takes its place.
pub(super) struct Plan {
    pub(super) searched: Vec<Searched>,
    pub(super) lists: Vec<PlannedList>,
    pub(super) dihedral: bool,
    pub(super) by_pdq: bool,
    /// The digests that are looked up; no other is computed.
    pub(super) digest_kinds: Vec<HashKind>,
    /// The same of classic hashes.
    pub(super) classic_kinds: Vec<ClassicKind>,
    pub(super) searched_in: Arc<SearchedIn>,
    /// The stores that were given, as they were then.
    pub(super) stores: Vec<PlannedStore>,
}

/// An index with the lists of its entries.
pub(super) struct Searched {
    part: Part,
    /// The position in the plan of each list of the index.
    pub(super) lists: Vec<Option<u32>>,
    /// The kinds that are looked up here and of which there are hashes.
    pub(super) kinds: Vec<HashKind>,
    /// Whether what some list finds must be looked at before it is taken for a match: it has rules for classifications, or is a
    /// known list.
    pub(super) is_particular: bool,
    /// Which digests the entries of known lists have.
    pub(super) known_digests: Arc<KnownDigests>,
}

enum Part {
    Index(Arc<Index>),
    Segment(Segment),
}

impl Searched {
    pub(super) fn index(&self) -> &Index {
        match &self.part {
            Part::Index(index) => index,
            Part::Segment(segment) => segment.index(),
        }
    }

    /// Returns whether an entry stands.
    #[inline]
    pub(super) fn stands(&self, entry: u32) -> bool {
        match &self.part {
            Part::Index(_) => true,
            Part::Segment(segment) => segment.stands(entry),
        }
    }
}

/// A list with what the policy says of it.
pub(super) struct PlannedList {
    pub(super) name: Arc<str>,
    pub(super) version: Arc<str>,
    pub(super) policy: Arc<ListPolicy>,
    /// The entries that do not count, each with the reason.
    disabled: Option<Arc<Disabled>>,
    /// When the list is not out of date, in seconds since 1970, if it ever is.
    pub(super) fresh: Option<RangeInclusive<i64>>,
}

impl PlannedList {
    fn new(followed: &Followed, name: String, version: String) -> Self {
        let policy = followed.lists.get(&name).unwrap_or(&followed.default);
        Self {
            disabled: followed.disabled.get(&name).cloned(),
            policy: Arc::clone(policy),
            fresh: None,
            name: name.into(),
            version: version.into(),
        }
    }

    /// Sets when the list is young enough for the policy.
    fn with_time(mut self, time: Option<i64>) -> Self {
        self.fresh = self.policy.max_age_days.map(|age| match time {
            Some(time) => fresh(time, age),
            // A list without a date cannot show that it is young enough.
            None => NEVER,
        });
        self
    }

    /// Returns what is known of a list of a store, for which its staleness limit counts as well.
    fn of_store(followed: &Followed, list: &StoredList) -> Self {
        let descriptor = &list.descriptor;
        let mut planned = Self::new(
            followed,
            descriptor.name.clone(),
            descriptor.version.clone(),
        )
        .with_time(descriptor.time);
        let by_store = list.stale_after_days.map(|age| fresh(list.checked_at, age));
        let both = planned.fresh.into_iter().chain(by_store);
        planned.fresh = both.reduce(|a, b| *a.start().max(b.start())..=*a.end().min(b.end()));
        planned
    }

    /// Returns whether the list is out of date at a time in seconds since 1970; where the time is not known, whether it ever is.
    pub(super) fn is_out_of_date(&self, now: Option<i64>) -> bool {
        let fresh = self.fresh.as_ref();
        fresh.is_some_and(|fresh| now.is_none_or(|now| !fresh.contains(&now)))
    }

    /// Returns the reason for which an entry does not count, if the policy disables it.
    pub(super) fn disabled(&self, entry: &Entry) -> Option<&str> {
        let reason = self.disabled.as_ref()?.get(&entry.entry_id);
        reason.map(String::as_str)
    }

    pub(super) fn rules_for(&self, entry: &Entry) -> Rules<'_> {
        self.policy.rules_for(entry)
    }

    pub(super) fn is_known(&self) -> bool {
        self.policy.known.is_some()
    }

    /// Returns whether what it finds must be looked at before it is taken for a match.
    pub(super) fn is_particular(&self) -> bool {
        self.is_known() || !self.policy.classifications.is_empty()
    }
}

const DAY: i64 = 86_400;

/// No time at all.
const NEVER: RangeInclusive<i64> = RangeInclusive::new(i64::MAX, i64::MIN);

/// Returns when what is of this time is not out of date, if it may be so many days old. A time that is more than a day in the future
/// shows nothing: by which clock it was, nobody knows. The store says so too ([`StoredList::is_stale`]).
fn fresh(time: i64, age: u32) -> RangeInclusive<i64> {
    time.saturating_sub(DAY)..=time.saturating_add(i64::from(age) * DAY)
}

impl Plan {
    /// Returns the plan for the indexes given, and for stores as they are. What was found out of an index for an earlier plan is
    /// taken from there.
    pub(super) fn new(
        against: &[Against],
        stores: Vec<PlannedStore>,
        followed: &Followed,
        earlier: Option<&Self>,
    ) -> Result<Self, Damaged> {
        let mut plan = Self {
            searched: Vec::new(),
            lists: Vec::new(),
            dihedral: followed.dihedral,
            by_pdq: false,
            digest_kinds: Vec::new(),
            classic_kinds: Vec::new(),
            searched_in: Arc::default(),
            stores: Vec::new(),
        };
        let mut searched_in = SearchedIn::default();
        for against in against {
            let Against::Index(index) = against else {
                continue;
            };
            let identity = index.identity();
            if searched_in.indexes.contains(&identity) {
                continue;
            }
            let added = plan.add_index(index, followed, earlier);
            added.map_err(|corrupt| Damaged {
                store: None,
                corrupt,
            })?;
            searched_in.indexes.push(identity);
        }
        for (number, store) in stores.iter().enumerate() {
            if store.is_again {
                continue;
            }
            let added = plan.add_snapshot(&store.snapshot, followed, earlier);
            added.map_err(|corrupt| Damaged {
                store: Some(number),
                corrupt,
            })?;
            searched_in.stores.push(SearchedStore {
                directory: store.directory.clone(),
                generation: store.snapshot.generation(),
            });
            let segments = store.snapshot.segments().iter();
            let segments = segments.map(|segment| segment.index().identity());
            searched_in.indexes.extend(segments);
        }
        plan.stores = stores;
        plan.searched_in = Arc::new(searched_in);
        plan.choose_kinds();
        Ok(plan)
    }

    /// Checks that lists which the policy names are there.
    pub(super) fn check_names(&self, followed: &Followed) -> Result<(), PolicyError> {
        // Without any list there is nothing to compare names with, and every verdict says so.
        if self.lists.is_empty() {
            return Ok(());
        }
        match self.missing_names(followed).next() {
            Some(name) => Err(PolicyError::UnknownList { name: name.clone() }),
            None => Ok(()),
        }
    }

    /// Returns the names of lists that the policy uses and that are nowhere, some of them several times.
    pub(super) fn missing_names<'f>(
        &self,
        followed: &'f Followed,
    ) -> impl Iterator<Item = &'f String> {
        let is_there = |name: &str| self.lists.iter().any(|list| *list.name == *name);
        followed.names().filter(move |name| !is_there(name))
    }

    fn add_index(
        &mut self,
        index: &Arc<Index>,
        followed: &Followed,
        earlier: Option<&Self>,
    ) -> Result<(), CorruptIndex> {
        let mut lists = Vec::new();
        for list in index.lists()? {
            let list = list.descriptor;
            let planned = PlannedList::new(followed, list.name, list.version).with_time(list.time);
            lists.push(Some(self.add_list(planned)));
        }
        self.add(Part::Index(Arc::clone(index)), lists, earlier)
    }

    fn add_snapshot(
        &mut self,
        snapshot: &Snapshot,
        followed: &Followed,
        earlier: Option<&Self>,
    ) -> Result<(), CorruptIndex> {
        let lists = snapshot.lists().iter();
        let positions: Vec<u32> = lists
            .map(|list| self.add_list(PlannedList::of_store(followed, list)))
            .collect();
        for segment in snapshot.segments() {
            let count = segment.index().lists()?.len();
            let mut lists = Vec::with_capacity(count);
            for list in (0..).take(count) {
                let position = segment.snapshot_list(list);
                let position = position.and_then(|list| positions.get(list as usize).copied());
                if position.is_none() {
                    check_none_stands(segment, list)?;
                }
                lists.push(position);
            }
            self.add(Part::Segment(segment.clone()), lists, earlier)?;
        }
        Ok(())
    }

    fn add_list(&mut self, list: PlannedList) -> u32 {
        self.lists.push(list);
        u32::try_from(self.lists.len() - 1).unwrap_or(u32::MAX)
    }

    fn add(
        &mut self,
        part: Part,
        lists: Vec<Option<u32>>,
        earlier: Option<&Self>,
    ) -> Result<(), CorruptIndex> {
        let is = |list: Option<u32>, what: fn(&PlannedList) -> bool| {
            list.is_some_and(|list| what(&self.lists[list as usize]))
        };
        let is_particular = lists
            .iter()
            .any(|&list| is(list, PlannedList::is_particular));
        let mut searched = Searched {
            part,
            is_particular,
            kinds: Vec::new(),
            known_digests: Arc::default(),
            lists,
        };
        let positions = (0..).zip(&searched.lists);
        let known = positions.filter(|(_, list)| is(**list, PlannedList::is_known));
        let known: Vec<u32> = known.map(|(list, _)| list).collect();
        if !known.is_empty() {
            let mut before = earlier.iter().flat_map(|plan| &plan.searched);
            let before = before.find(|before| {
                let is_same = std::ptr::eq(before.index(), searched.index());
                is_same && before.known_digests.covers(&known)
            });
            searched.known_digests = match before {
                Some(before) => Arc::clone(&before.known_digests),
                None => Arc::new(KnownDigests::of(searched.index(), known)?),
            };
        }
        self.searched.push(searched);
        Ok(())
    }

    /// Says which kinds are looked up where: those of lists that ask for something, and of known lists those that can suppress it.
    fn choose_kinds(&mut self) {
        let lists = &self.lists;
        let asks = |searched: &Searched, kind: HashKind, of_known: bool| {
            let mut lists = searched
                .lists
                .iter()
                .flatten()
                .map(|&list| &lists[list as usize]);
            searched.index().kinds().any(|held| held == kind)
                && lists.any(|list| list.is_known() == of_known && list.policy.has_kind(kind))
        };
        let wanted: Vec<HashKind> = HashKind::ALL
            .into_iter()
            .filter(|&kind| self.searched.iter().any(|one| asks(one, kind, false)))
            .collect();
        let is_looked_up = |searched: &Searched, kind: HashKind| {
            let suppresses =
                wanted.contains(&kind) || (!wanted.is_empty() && !kind.is_perceptual());
            asks(searched, kind, false) || (suppresses && asks(searched, kind, true))
        };
        let kinds: Vec<Vec<HashKind>> = self
            .searched
            .iter()
            .map(|one| {
                let kinds = HashKind::ALL.into_iter();
                kinds.filter(|&kind| is_looked_up(one, kind)).collect()
            })
            .collect();
        for (searched, kinds) in self.searched.iter_mut().zip(kinds) {
            searched.kinds = kinds;
        }
        let looked_up = |kind: &HashKind| self.searched.iter().any(|one| one.kinds.contains(kind));
        let all = || HashKind::ALL.into_iter().filter(looked_up);
        let digests: Vec<_> = all().filter(|kind| !kind.is_perceptual()).collect();
        let classic: Vec<_> = all().filter_map(|kind| kind.classic()).collect();
        self.by_pdq = looked_up(&HashKind::Pdq);
        self.digest_kinds = digests;
        self.classic_kinds = classic;
    }

    /// Returns whether any list is matched by what a picture looks like.
    pub(super) fn is_by_picture(&self) -> bool {
        self.by_pdq || !self.classic_kinds.is_empty()
    }

    /// Returns the list of an entry of what is searched.
    pub(super) fn list_of(
        &self,
        searched: &Searched,
        entry: u32,
    ) -> Result<&PlannedList, CorruptIndex> {
        let position = self.position_of_list(searched, entry)?;
        Ok(&self.lists[position])
    }

    /// Returns where the list of an entry stands in the plan.
    pub(super) fn position_of_list(
        &self,
        searched: &Searched,
        entry: u32,
    ) -> Result<usize, CorruptIndex> {
        let list = searched.index().list_of(entry)?;
        let list = searched.lists.get(list as usize).copied().flatten();
        let list = list.map(|list| list as usize);
        list.filter(|&list| list < self.lists.len()).ok_or_else(|| {
            let what = "the entry is of a list that the store does not have";
            CorruptIndex::new("entries", u64::from(entry), what)
        })
    }
}

/// Checks that a list which the store no longer has has no entries either.
fn check_none_stands(segment: &Segment, list: u32) -> Result<(), CorruptIndex> {
    let mut entries = segment.index().entries_of(list)?;
    match entries.find(|&entry| segment.stands(entry)) {
        Some(entry) => segment.list_of(entry).map(drop),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_a_store_is_out_of_date_when_the_store_says_so_also_by_a_time_in_the_future() {
        let followed = Followed::new(Policy::default());
        let now = 1_800_000_000;
        for checked_at in [
            i64::MIN,
            now - 3 * DAY - 1,
            now - 3 * DAY,
            now,
            now + DAY,
            now + DAY + 1,
            i64::MAX,
        ] {
            for stale_after_days in [None, Some(3)] {
                let mut list = StoredList::default();
                (list.checked_at, list.stale_after_days) = (checked_at, stale_after_days);
                let planned = PlannedList::of_store(&followed, &list);
                assert_eq!(planned.is_out_of_date(Some(now)), list.is_stale(now));
                // A clock that shows nothing shows no list to be fresh.
                assert_eq!(planned.is_out_of_date(None), stale_after_days.is_some());
            }
        }
    }

    #[test]
    fn a_list_of_a_store_is_fresh_only_while_both_policy_and_store_say_so() {
        let policy = toml::from_str("[default]\nmax_age_days = 10").unwrap();
        let followed = Followed::new(policy);
        let mut list = StoredList::default();
        list.descriptor.time = Some(100 * DAY);
        list.checked_at = 105 * DAY;
        list.stale_after_days = Some(30);
        let planned = PlannedList::of_store(&followed, &list);
        assert_eq!(planned.fresh, Some(104 * DAY..=110 * DAY));
        list.descriptor.time = None;
        let planned = PlannedList::of_store(&followed, &list);
        for now in [i64::MIN, 105 * DAY, i64::MAX] {
            assert!(planned.is_out_of_date(Some(now)));
        }
    }
}
