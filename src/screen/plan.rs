//! What is searched under a policy: the indexes and segments of one moment, with what the policy says of their lists.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use serde::Serialize;

use super::decide::Rules;
use super::policy::{ListPolicy, Policy, PolicyError};
use super::{Against, ScreenerError};
use crate::entry::Entry;
use crate::hash::{ClassicKind, HashKind};
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
    pub(super) policy: ListPolicy,
    /// The entries that do not count, each with the reason.
    disabled: BTreeMap<String, String>,
    /// Seconds since 1970 past which the list is out of date.
    pub(super) expires: Option<i64>,
}

impl PlannedList {
    fn new(policy: &Policy, name: String, version: String) -> Self {
        let disabled = policy.disabled.iter().filter(|one| one.list == name);
        Self {
            disabled: disabled
                .map(|one| (one.entry.clone(), one.reason.clone()))
                .collect(),
            policy: policy.for_list(&name).clone(),
            expires: None,
            name: name.into(),
            version: version.into(),
        }
    }

    /// Sets the time past which the list is too old for the policy.
    fn with_time(mut self, time: Option<i64>) -> Self {
        let max_age = self.policy.max_age_days.map(days);
        // A list without a date cannot show that it is young enough.
        self.expires = max_age.map(|age| time.map_or(i64::MIN, |time| time.saturating_add(age)));
        self
    }

    /// Returns what is known of a list of a store, for which its staleness limit counts as well.
    fn of_store(policy: &Policy, list: &StoredList) -> Self {
        let descriptor = &list.descriptor;
        let mut planned = Self::new(policy, descriptor.name.clone(), descriptor.version.clone())
            .with_time(descriptor.time);
        let stale_after = list.stale_after_days.map(days);
        let stale = stale_after.map(|limit| list.checked_at.saturating_add(limit));
        planned.expires = planned.expires.into_iter().chain(stale).min();
        planned
    }

    /// Returns the reason for which an entry does not count, if the policy disables it.
    pub(super) fn disabled(&self, entry: &Entry) -> Option<&str> {
        self.disabled.get(&entry.entry_id).map(String::as_str)
    }

    pub(super) fn rules_for(&self, entry: &Entry) -> Rules<'_> {
        self.policy.rules_for(entry)
    }

    fn is_known(&self) -> bool {
        self.policy.known.is_some()
    }
}

fn days(days: u32) -> i64 {
    i64::from(days) * 86_400
}

impl Plan {
    /// Returns the plan for indexes and for stores as they are now.
    pub(super) fn new(against: &[Against], policy: &Policy) -> Result<Self, ScreenerError> {
        let mut plan = Self {
            searched: Vec::new(),
            lists: Vec::new(),
            dihedral: policy.dihedral,
            by_pdq: false,
            digest_kinds: Vec::new(),
            classic_kinds: Vec::new(),
            searched_in: Arc::default(),
        };
        let mut searched_in = SearchedIn::default();
        for against in against {
            match against {
                Against::Index(index) => {
                    let identity = index.identity();
                    if !searched_in.indexes.contains(&identity) {
                        searched_in.indexes.push(identity);
                        plan.add_index(index, policy)?;
                    }
                }
                Against::Store(store) => {
                    let is_same = |one: &SearchedStore| one.directory == store.directory();
                    if !searched_in.stores.iter().any(is_same) {
                        let snapshot = store.snapshot();
                        searched_in.stores.push(SearchedStore {
                            directory: store.directory().to_path_buf(),
                            generation: snapshot.generation(),
                        });
                        plan.add_snapshot(&snapshot, policy)?;
                    }
                }
            }
        }
        let segments = plan
            .searched
            .iter()
            .filter_map(|searched| match &searched.part {
                Part::Index(_) => None,
                Part::Segment(segment) => Some(segment.index().identity()),
            });
        searched_in.indexes.extend(segments);
        plan.searched_in = Arc::new(searched_in);
        plan.choose_kinds();
        Ok(plan)
    }

    /// Checks that lists which the policy names are there.
    pub(super) fn check_names(&self, policy: &Policy) -> Result<(), PolicyError> {
        // Without any list there is nothing to compare names with, and every verdict says so.
        if self.lists.is_empty() {
            return Ok(());
        }
        let is_known = |name: &str| self.lists.iter().any(|list| *list.name == *name);
        match policy.names().find(|name| !is_known(name)) {
            Some(name) => Err(PolicyError::UnknownList {
                name: name.to_owned(),
            }),
            None => Ok(()),
        }
    }

    fn add_index(&mut self, index: &Arc<Index>, policy: &Policy) -> Result<(), CorruptIndex> {
        let mut lists = Vec::new();
        for list in index.lists()? {
            let list = list.descriptor;
            let planned = PlannedList::new(policy, list.name, list.version).with_time(list.time);
            lists.push(Some(self.add_list(planned)));
        }
        self.add(Part::Index(Arc::clone(index)), lists);
        Ok(())
    }

    fn add_snapshot(&mut self, snapshot: &Snapshot, policy: &Policy) -> Result<(), CorruptIndex> {
        let lists = snapshot.lists().iter();
        let positions: Vec<u32> = lists
            .map(|list| self.add_list(PlannedList::of_store(policy, list)))
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
            self.add(Part::Segment(segment.clone()), lists);
        }
        Ok(())
    }

    fn add_list(&mut self, list: PlannedList) -> u32 {
        self.lists.push(list);
        u32::try_from(self.lists.len() - 1).unwrap_or(u32::MAX)
    }

    fn add(&mut self, part: Part, lists: Vec<Option<u32>>) {
        let is_particular =
            |list: &PlannedList| list.is_known() || !list.policy.classifications.is_empty();
        let mut planned = lists
            .iter()
            .flatten()
            .map(|&list| &self.lists[list as usize]);
        let is_particular = planned.any(is_particular);
        self.searched.push(Searched {
            part,
            lists,
            kinds: Vec::new(),
            is_particular,
        });
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
        let list = searched.index().list_of(entry)?;
        let list = searched.lists.get(list as usize).copied().flatten();
        let list = list.and_then(|list| self.lists.get(list as usize));
        list.ok_or_else(|| {
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
