//! Going through what a list has, entry by entry with its hashes.
//!
//! An index holds hashes in their own order and not in that of entries, so the hashes of as many entries as fit are gathered in a
//! pass over all, and then those of the next.

use std::ops::Range;

use super::snapshot::{Segment, Snapshot};
use crate::entry::Entry;
use crate::hash::HashValue;
use crate::index::CorruptIndex;

/// How many hashes are held at a time, unless a single entry has more (about 80 MiB).
const MAX_HELD: usize = 1 << 20;

impl Snapshot {
    /// Calls a function for every entry of a list that is in the store, with all its hashes, until it fails. Entries that are
    /// remembered as withdrawn are among them, without hashes. In no stated order.
    ///
    /// `list` is a position in [`lists`](Self::lists); nothing is called for one that there is not. Time: in each segment that
    /// has entries of the list, a pass over its assertions for each half a million to a million assertions of the list. Memory:
    /// about 100 MiB, or what the hashes of the largest entry take, whichever is more.
    ///
    /// # Errors
    /// What the function returns, or [`CorruptIndex`] when a segment is damaged.
    pub fn for_each_entry<E: From<CorruptIndex>>(
        &self,
        list: u32,
        mut each: impl FnMut(&Entry) -> Result<(), E>,
    ) -> Result<(), E> {
        for segment in self.segments() {
            let Some(list) = segment.index_list(list) else {
                continue;
            };
            let mut left = segment.index().entries_of(list)?;
            while !left.is_empty() {
                let gathered = gather(segment, left.clone(), MAX_HELD)?;
                let mut hashes = &gathered.hashes[..];
                for position in left.start..gathered.end {
                    let own = hashes.partition_point(|(entry, _)| *entry <= position);
                    let (own, others) = hashes.split_at(own);
                    hashes = others;
                    if segment.stands(position) {
                        let mut entry = segment.index().entry(position)?.entry;
                        entry.hashes.extend(own.iter().map(|(_, hash)| *hash));
                        each(&entry)?;
                    }
                }
                left.start = gathered.end;
            }
        }
        Ok(())
    }
}

/// The hashes of some entries that stand together.
struct Gathered {
    /// Each hash after the position of its entry, in ascending order.
    hashes: Vec<(u32, HashValue)>,
    /// Where the first entry stands whose hashes are not among them.
    end: u32,
}

/// Gathers the hashes of the first entries of a range: of all, or of as many as have at most `most` hashes together, but of one
/// at least.
fn gather(segment: &Segment, entries: Range<u32>, most: usize) -> Result<Gathered, CorruptIndex> {
    let mut hashes: Vec<(u32, HashValue)> = Vec::new();
    let end = std::cell::Cell::new(entries.end);
    let is_wanted = |entry| (entries.start..end.get()).contains(&entry) && segment.stands(entry);
    for kind in segment.index().kinds() {
        segment
            .index()
            .for_each_assertion(kind, is_wanted, |hash, entry| {
                hashes.push((entry, *hash));
                if hashes.len() > most && end.get() - entries.start > 1 {
                    end.set(without_upper_half(&mut hashes, entries.start));
                }
                Ok::<(), CorruptIndex>(())
            })?;
    }
    let end = end.get();
    hashes.sort_unstable();
    Ok(Gathered { hashes, end })
}

/// Drops the hashes of the later entries, about half of all, and returns the position of the first entry whose hashes are dropped.
/// The first entry at `start` keeps its own.
fn without_upper_half(hashes: &mut Vec<(u32, HashValue)>, start: u32) -> u32 {
    let middle = hashes.len() / 2;
    let (_, &mut (middle, _), _) = hashes.select_nth_unstable_by_key(middle, |(entry, _)| *entry);
    let end = middle.max(start + 1);
    hashes.retain(|(entry, _)| *entry < end);
    end
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entry::ListDescriptor;
    use crate::hash::HashKind;
    use crate::store::{ChangeOptions, StoreWriter};

    fn hash(kind: HashKind, seed: u32) -> HashValue {
        let byte = |at: u32| {
            let mixed = (seed + 1).wrapping_mul(0x9e37_79b9).rotate_left(at * 5) ^ at;
            mixed.to_le_bytes()[0]
        };
        let bytes: Vec<u8> = (0..).map(byte).take(kind.byte_len() - 4).collect();
        HashValue::from_bytes(kind, &[&seed.to_be_bytes()[..], &bytes].concat()).unwrap()
    }

    /// Entry `n` has `n % 7` md5s and, if `n` is even, a pdq.
    fn entry(n: u32) -> Entry {
        let mut entry = Entry::new(format!("{n:04}"));
        entry.add_other_hash("photodna", format!("{n}"));
        for md5 in 0..n % 7 {
            entry.add_hash(hash(HashKind::Md5, n * 10 + md5));
        }
        if n.is_multiple_of(2) {
            entry.add_hash(hash(HashKind::Pdq, n));
        }
        entry.hashes.sort_unstable();
        entry
    }

    #[test]
    fn entries_come_with_all_their_hashes_however_few_are_held_at_a_time() {
        let directory = tempfile::tempdir().unwrap();
        let mut writer = StoreWriter::create(directory.path()).unwrap();
        for name in ["x", "y"] {
            let list = ListDescriptor {
                name: name.to_owned(),
                ..ListDescriptor::default()
            };
            let mut change = writer.change(list, ChangeOptions::add()).unwrap();
            for n in 0..200 {
                change.add(&entry(n), false).unwrap();
            }
            change.commit().unwrap();
        }
        writer.withdraw("y", ["0013", "0100"]).unwrap();
        writer.compact(&mut |_| {}).unwrap();
        let snapshot = writer.snapshot();
        let mut seen = Vec::new();
        let all = snapshot.for_each_entry(1, |entry| {
            seen.push(entry.clone());
            Ok::<(), CorruptIndex>(())
        });
        all.unwrap();
        seen.sort_by(|a, b| a.entry_id.cmp(&b.entry_id));
        assert_eq!(seen.len(), 200);
        for (n, seen) in (0..).zip(&mut seen) {
            if [13, 100].contains(&n) {
                assert!(!seen.status.matches() && !seen.has_hash());
                continue;
            }
            seen.hashes.sort_unstable();
            assert_eq!(*seen, entry(n));
        }
        // The same, with windows of every size down to one entry that has more than fits.
        let segment = &snapshot.segments()[0];
        let list = segment.index_list(1).unwrap();
        let entries = segment.index().entries_of(list).unwrap();
        for most in [1, 2, 5, 64, 1000] {
            let mut left = entries.clone();
            let mut hashes = Vec::new();
            while !left.is_empty() {
                let gathered = gather(segment, left.clone(), most).unwrap();
                assert!(gathered.end > left.start && gathered.end <= left.end);
                let is_one = gathered.end - left.start == 1;
                assert!(is_one || gathered.hashes.len() <= most);
                let own = left.start..gathered.end;
                assert!(gathered.hashes.iter().all(|(entry, _)| own.contains(entry)));
                hashes.extend(gathered.hashes);
                left.start = gathered.end;
            }
            let expected: usize = seen.iter().map(|entry| entry.hashes.len()).sum();
            assert_eq!(hashes.len(), expected, "{most}");
        }
        let none = snapshot.for_each_entry(2, |_| panic!("there is no such list"));
        none.map_err(|error: CorruptIndex| error).unwrap();
    }
}
