//! How to change a list, and what a change came to.

use crate::index::DEFAULT_MEMORY_BUDGET;

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
    /// The memory for sorting, in bytes ([`IndexBuilder::with_memory_budget`](crate::IndexBuilder::with_memory_budget)).
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
    /// Those of them that were withdrawn and stand again.
    pub reinstated: u64,
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
    /// Hashes of records that are not in the store, since another record of the same entry, and of no later time, took its place
    /// in the same change.
    pub superseded: u64,
    /// Hashes that cannot be matched and were left out ([`BuildSummary::other_hashes_left_out`](crate::BuildSummary::other_hashes_left_out)).
    pub other_hashes_left_out: u64,
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
