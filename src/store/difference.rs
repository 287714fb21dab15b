//! What a change changes: its entries beside those that the store has.
//!
//! Entries of a segment stand in the order of their ids, so both sides are walked once. Records are compared as they are stored,
//! and sets of hashes by their sums: each hash becomes 128 bits under keys that are drawn anew in every process, so nobody can
//! make two sets that have the same sum, and by chance it does not happen.

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::ops::Range;

use super::bits::{Bits, Ranked};
use super::error::StoreError;
use super::snapshot::Segment;
use super::writer::Planned;
use crate::hash::HashValue;
use crate::index::{CorruptIndex, Index, WITHDRAWN_CODE};

/// How many entries are compared at a time, which bounds the memory for it (about 100 MiB).
const WINDOW: u32 = 1 << 21;

/// How an entry differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DifferenceKind {
    /// It is new, or was withdrawn before.
    Added,
    /// Something that is said of it, or its hashes.
    Changed,
    /// It is withdrawn by its source.
    Withdrawn,
    /// It is withdrawn and was not there.
    Unseen,
    /// It is not in the file that takes the place of the list.
    Removed,
}

impl DifferenceKind {
    /// Returns the stable lower-case name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Changed => "changed",
            Self::Withdrawn => "withdrawn",
            Self::Unseen => "unseen",
            Self::Removed => "removed",
        }
    }
}

/// One entry that a change changes.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct Difference<'a> {
    /// The entry's id.
    pub entry_id: &'a str,
    /// How it differs.
    pub kind: DifferenceKind,
}

impl fmt::Debug for Difference<'_> {
    /// Prints no text of the list.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Difference")
            .field("kind", &self.kind)
            .finish_non_exhaustive()
    }
}

/// What is to become of the entries of a new segment, and of those that the store has of its list.
pub(super) struct Outcome {
    /// The entries of the new segment that are not in the store as they are.
    pub(super) kept: Bits,
    pub(super) counts: Counts,
}

/// How many entries differ how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) added: u64,
    /// Those of them that were withdrawn.
    pub(super) reinstated: u64,
    pub(super) changed: u64,
    pub(super) withdrawn: u64,
    pub(super) unseen: u64,
    pub(super) unchanged: u64,
}

/// An entry of the store: the number of its segment, and its position there.
#[derive(Clone, Copy)]
struct Place {
    segment: usize,
    entry: u32,
}

/// Goes through the entries of a list in one segment, in the order of their ids.
struct Cursor<'a> {
    segment: &'a Segment,
    left: Range<u32>,
}

impl Cursor<'_> {
    /// Returns the position of an entry that is not before any that was asked for. O(log of how far it is).
    fn seek(&mut self, id: &[u8]) -> Result<Option<u32>, StoreError> {
        let id_at = |entry| {
            let raw = self.segment.index().raw_entry(entry);
            raw.map(|raw| raw.id).map_err(self.segment.corrupt())
        };
        let Range { start, end } = self.left;
        let (mut low, mut step) = (start, 1);
        let mut high = end;
        while let Some(next) = low.checked_add(step).filter(|&next| next < end) {
            if id_at(next)? >= id {
                high = next + 1;
                break;
            }
            low = next;
            step = step.saturating_mul(2);
        }
        while low < high {
            let middle = low + (high - low) / 2;
            if id_at(middle)? < id {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        self.left.start = low;
        Ok((low < end && id_at(low)? == id).then_some(low))
    }
}

/// Compares the entries of a new segment of one list with those of the list that stand, which `planned` says. Those that differ
/// no longer stand.
pub(super) fn compare(
    new: &Segment,
    list: u32,
    planned: &mut [Planned],
    each: &mut dyn FnMut(&Difference<'_>),
) -> Result<Outcome, StoreError> {
    let index = new.index();
    let mut cursors = Vec::with_capacity(planned.len());
    let segments: Vec<Segment> = planned.iter().map(|one| one.segment.clone()).collect();
    for segment in &segments {
        let entries = match segment.index_list(list) {
            Some(list) => segment.index().entries_of(list),
            None => Ok(0..0),
        };
        cursors.push(Cursor {
            segment,
            left: entries.map_err(segment.corrupt())?,
        });
    }
    let keys = [RandomState::new(), RandomState::new()];
    let mut outcome = Outcome {
        kept: Bits::new(index.entries()),
        counts: Counts::default(),
    };
    let corrupt = new.corrupt();
    let mut start = 0;
    while start < index.entries() {
        let window = start..start.saturating_add(WINDOW).min(index.entries());
        start = window.end;
        let mut places = Vec::with_capacity(window.len());
        for entry in window.clone() {
            let id = index.raw_entry(entry).map_err(&corrupt)?.id;
            let mut place = None;
            for (segment, cursor) in cursors.iter_mut().enumerate() {
                let found = cursor.seek(id)?;
                if let Some(entry) =
                    found.filter(|&entry| !planned[segment].withdrawn.contains(entry))
                {
                    place = Some(Place { segment, entry });
                }
            }
            places.push(place);
        }
        // Where the records differ already, no hash needs to be looked at.
        let is_same = |(entry, place): (u32, &Option<Place>)| {
            place.is_some_and(|place| {
                let old = segments[place.segment].index();
                same_record(index, entry, old, place.entry)
            })
        };
        let same: Vec<bool> = window.clone().zip(&places).map(is_same).collect();
        let sums = sums_of(&keys, index, window.clone(), &same).map_err(&corrupt)?;
        let mut stored = vec![0_u128; places.len()];
        for (number, segment) in segments.iter().enumerate() {
            let here = |place: &Option<Place>| {
                place
                    .filter(|place| place.segment == number)
                    .map(|place| place.entry)
            };
            // Both ascend, so the positions do.
            let positions: Vec<(u32, usize)> = places
                .iter()
                .enumerate()
                .filter(|&(number, _)| same[number])
                .filter_map(|(number, place)| here(place).map(|entry| (entry, number)))
                .collect();
            sums_at(&keys, segment.index(), &positions, &mut stored).map_err(segment.corrupt())?;
        }
        for (number, entry) in window.enumerate() {
            let raw = index.raw_entry(entry).map_err(&corrupt)?;
            let is_withdrawn = raw.codes[0] == WITHDRAWN_CODE;
            let counts = &mut outcome.counts;
            let (kind, count) = match places[number] {
                None if is_withdrawn => (DifferenceKind::Unseen, &mut counts.unseen),
                None => (DifferenceKind::Added, &mut counts.added),
                Some(place) => {
                    let old = segments[place.segment].index();
                    let was = old.raw_entry(place.entry);
                    let was = was.map_err(segments[place.segment].corrupt())?;
                    let was_withdrawn = was.codes[0] == WITHDRAWN_CODE;
                    if same[number] && sums[number] == stored[number] {
                        counts.unchanged += 1;
                        continue;
                    }
                    let one = &mut planned[place.segment];
                    one.is_changed |= one.withdrawn.insert(place.entry);
                    match (was_withdrawn, is_withdrawn) {
                        (true, true) => (DifferenceKind::Unseen, &mut counts.unseen),
                        (true, false) => {
                            counts.reinstated += 1;
                            (DifferenceKind::Added, &mut counts.added)
                        }
                        (false, true) => (DifferenceKind::Withdrawn, &mut counts.withdrawn),
                        (false, false) => (DifferenceKind::Changed, &mut counts.changed),
                    }
                }
            };
            *count += 1;
            outcome.kept.insert(entry);
            if let Ok(entry_id) = std::str::from_utf8(raw.id) {
                each(&Difference { entry_id, kind });
            }
        }
    }
    Ok(outcome)
}

/// Returns the sums of the hashes of those new entries of which the store has the same record.
fn sums_of(
    keys: &[RandomState; 2],
    index: &Index,
    window: Range<u32>,
    same: &[bool],
) -> Result<Vec<u128>, CorruptIndex> {
    let positions: Vec<(u32, usize)> = (window.zip(same).enumerate())
        .filter_map(|(number, (entry, same))| same.then_some((entry, number)))
        .collect();
    let mut sums = vec![0; same.len()];
    sums_at(keys, index, &positions, &mut sums)?;
    Ok(sums)
}

/// Adds up the hashes of entries at ascending positions, each into the sum of its number. O(assertions), unless there are none.
fn sums_at(
    keys: &[RandomState; 2],
    index: &Index,
    positions: &[(u32, usize)],
    sums: &mut [u128],
) -> Result<(), CorruptIndex> {
    if positions.is_empty() {
        return Ok(());
    }
    let mut wanted = Bits::new(index.entries());
    for &(entry, _) in positions {
        wanted.insert(entry);
    }
    // Hashes come in an order of their own: a search for each among the positions would take most of the time of a change.
    let wanted = Ranked::new(wanted);
    for kind in index.kinds() {
        let is_wanted = |entry| wanted.contains(entry);
        index.for_each_assertion(kind, is_wanted, |hash, entry| {
            if let Some(&(_, number)) = positions.get(wanted.below(entry) as usize) {
                let sum = &mut sums[number];
                *sum = sum.wrapping_add(fingerprint(keys, hash));
            }
            Ok::<(), CorruptIndex>(())
        })?;
    }
    Ok(())
}

/// Returns 128 bits of a hash that nobody can foretell.
fn fingerprint(keys: &[RandomState; 2], hash: &HashValue) -> u128 {
    let [low, high] = keys.each_ref().map(|key| u128::from(key.hash_one(hash)));
    low | high << 64
}

/// Returns whether two records say the same, but for when they were fetched.
fn same_record(a: &Index, a_entry: u32, b: &Index, b_entry: u32) -> bool {
    if let (Ok(one), Ok(other)) = (a.raw_entry(a_entry), b.raw_entry(b_entry))
        && one.codes == other.codes
        && one.attributes == other.attributes
    {
        return true;
    }
    let (Ok(mut one), Ok(mut other)) = (a.entry(a_entry), b.entry(b_entry)) else {
        return false;
    };
    one.entry.fetched_at = None;
    other.entry.fetched_at = None;
    one.entry == other.entry
}
