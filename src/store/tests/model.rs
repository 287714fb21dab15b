//! Any changes, and crashes at every step of them, against a plain map.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use super::*;

/// The hashes that stand, or that it is withdrawn; and when that is of.
type ModelEntry = (Option<BTreeSet<HashValue>>, Option<i64>);

/// What a store should hold, for each list and entry.
#[derive(Clone, Default)]
struct Model {
    entries: BTreeMap<(String, String), ModelEntry>,
}

impl Model {
    fn finds(&self, hash: &HashValue) -> Vec<(String, String)> {
        let entries = self.entries.iter();
        let found =
            entries.filter(|(_, (hashes, _))| hashes.as_ref().is_some_and(|h| h.contains(hash)));
        found.map(|(key, _)| key.clone()).collect()
    }

    fn assertions(&self) -> u64 {
        let hashes = self
            .entries
            .values()
            .filter_map(|(hashes, _)| hashes.as_ref());
        hashes.map(|hashes| hashes.len() as u64).sum()
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum What {
    Withdrawn,
    Whole,
    Incomplete,
}

/// What a change said of an entry so far.
#[derive(Clone, Copy, Default)]
struct Said {
    /// The latest time of what asserts something, and of what withdraws the entry.
    asserted: Option<i64>,
    withdrawn: Option<i64>,
    /// The latest that was asserted when something of no time withdrew it.
    gone_by: Option<i64>,
    /// The time to remember if nothing is left, once something was withdrawn.
    gone: Option<Option<i64>>,
    /// Whether anything is known of the entry beside its hashes.
    is_described: bool,
    /// When that is of.
    described_at: Option<i64>,
}

impl Said {
    /// Takes note of a withdrawal of the entry, or of hashes of it, beside what the store has.
    fn withdraw(&mut self, time: Option<i64>, was_time: Option<i64>) {
        let before = self.gone.flatten().max(self.asserted);
        self.gone = Some(before.max(time).max(was_time));
    }

    /// Returns whether what is of a time, or of none, comes too late.
    fn is_later(&self, time: Option<i64>, is_withdrawal: bool, is_whole: bool) -> bool {
        match (self.withdrawn, time) {
            (Some(_), None) if !is_withdrawal => return true,
            (Some(withdrawn), Some(time)) if !is_withdrawal && time <= withdrawn => return true,
            (Some(withdrawn), Some(time)) if is_withdrawal && is_whole && time < withdrawn => {
                return true;
            }
            _ => {}
        }
        if !is_withdrawal
            && self.gone_by.is_some()
            && time.is_some_and(|time| Some(time) <= self.gone_by)
        {
            return true;
        }
        is_whole && is_older(time, self.asserted)
    }
}

#[derive(Clone, Debug)]
enum Operation {
    /// Whole records, some of which lack hashes that could not be read: list, (entry, hashes, what, time).
    Apply(u8, Vec<(u8, Vec<u8>, What, Option<u8>)>),
    /// Records that add: list, (entry, hashes, withdrawn, time).
    Add(u8, Vec<(u8, Vec<u8>, bool, Option<u8>)>),
    /// Records that add, and the entries whose records could not be read.
    Replace(u8, Vec<(u8, Vec<u8>)>, Vec<u8>),
    Withdraw(u8, Vec<u8>),
    Compact,
    Purge,
    Reopen,
}

fn operations() -> impl Strategy<Value = Operation> {
    let hashes = || prop::collection::vec(0..24_u8, 1..4);
    let entry = || 0..12_u8;
    let time = || prop::option::of(0..9_u8);
    let what = prop_oneof![
        3 => Just(What::Withdrawn),
        5 => Just(What::Whole),
        2 => Just(What::Incomplete),
    ];
    prop_oneof![
        4 => (0..3_u8, prop::collection::vec((entry(), hashes(), what, time()), 1..6))
            .prop_map(|(list, records)| Operation::Apply(list, records)),
        4 => (0..3_u8, prop::collection::vec((entry(), prop::collection::vec(0..24_u8, 0..4), prop::bool::weighted(0.3), time()), 1..6))
            .prop_map(|(list, records)| Operation::Add(list, records)),
        1 => (0..3_u8, prop::collection::vec((entry(), hashes()), 1..12), prop::collection::vec(entry(), 0..4))
            .prop_map(|(list, records, left_out)| Operation::Replace(list, records, left_out)),
        2 => (0..3_u8, prop::collection::vec(entry(), 1..4)).prop_map(|(list, ids)| Operation::Withdraw(list, ids)),
        1 => Just(Operation::Compact),
        1 => Just(Operation::Purge),
        1 => Just(Operation::Reopen),
    ]
}

fn some_hash(number: u8) -> HashValue {
    if number.is_multiple_of(3) {
        md5(number.into())
    } else {
        pdq(number.into())
    }
}

/// Does an operation to a store and to the model.
fn operate(writer: &mut StoreWriter, model: &mut Model, operation: &Operation) {
    let name = |list: u8| format!("list {list}");
    let id = |entry: u8| format!("entry {entry}");
    let set = |hashes: &[u8]| {
        hashes
            .iter()
            .map(|h| some_hash(*h))
            .collect::<BTreeSet<_>>()
    };
    let record = |entry: u8, hashes: &[u8], is_withdrawn: bool| {
        let mut record = Entry::new(id(entry));
        for hash in hashes {
            record.add_hash(some_hash(*hash));
        }
        if is_withdrawn {
            record.status = EntryStatus::Withdrawn;
        }
        record
    };
    match operation {
        Operation::Apply(list, records) => {
            let mut change = writer
                .change(super::list(&name(*list)), ChangeOptions::apply())
                .unwrap();
            let before = model.clone();
            let mut said = BTreeMap::<_, Said>::new();
            for (number, hashes, what, time) in records {
                let is_withdrawn = *what == What::Withdrawn;
                let mut one = record(
                    *number,
                    if is_withdrawn { &[] } else { hashes },
                    is_withdrawn,
                );
                let time = time.map(i64::from);
                one.source_updated = time;
                match what {
                    What::Incomplete => change.add_incomplete(&one).unwrap(),
                    _ => change.add(&one, false).unwrap(),
                }
                let key = (name(*list), id(*number));
                let stored = before.entries.get(&key);
                let stored_time = stored.and_then(|(_, time)| *time);
                let is_outdated = if !is_withdrawn && is_gone(stored) {
                    stored_time.is_some_and(|stored| time.is_none_or(|time| time <= stored))
                } else {
                    is_older(time, stored_time)
                };
                if is_outdated {
                    continue;
                }
                let said = said.entry(key.clone()).or_default();
                let is_later = said.is_later(time, is_withdrawn, true);
                if is_withdrawn {
                    said.withdrawn = said.withdrawn.max(time);
                    if time.is_none() {
                        said.gone_by = said.gone_by.max(said.asserted);
                    }
                }
                if is_later {
                    continue;
                }
                if is_withdrawn {
                    said.withdraw(time, stored_time);
                    model.entries.insert(key, (None, said.gone.unwrap()));
                    continue;
                }
                said.asserted = said.asserted.max(time);
                let mut hashes = set(hashes);
                if *what == What::Incomplete
                    && let Some((Some(known), _)) = model.entries.get(&key)
                {
                    hashes.extend(known.iter().copied());
                }
                model.entries.insert(key, (Some(hashes), time));
            }
            change.commit().unwrap();
        }
        Operation::Add(list, records) => {
            let mut change = writer
                .change(super::list(&name(*list)), ChangeOptions::add())
                .unwrap();
            let before = model.clone();
            let mut said = BTreeMap::<_, Said>::new();
            for (number, hashes, is_withdrawn, time) in records {
                let time = time.map(i64::from);
                let mut one = record(*number, hashes, *is_withdrawn);
                one.source_updated = time;
                change.add(&one, false).unwrap();
                if hashes.is_empty() && !is_withdrawn {
                    continue;
                }
                let key = (name(*list), id(*number));
                let was = before.entries.get(&key);
                let was_time = was.and_then(|(_, time)| *time);
                let is_withdrawal = *is_withdrawn && hashes.is_empty();
                // What was withdrawn is brought back by what is known to be later, and by nothing else.
                let is_outdated = if !is_withdrawn && is_gone(was) {
                    !matches!((was_time, time), (Some(was), Some(time)) if time > was)
                } else {
                    is_withdrawal && is_older(time, was_time)
                };
                if is_outdated {
                    continue;
                }
                let is_known = was.is_some() && !is_gone(was);
                let said = said.entry(key.clone()).or_insert_with(|| Said {
                    gone: is_gone(was).then_some(was_time),
                    is_described: is_known,
                    described_at: was_time.filter(|_| is_known),
                    ..Said::default()
                });
                let own_time = if is_withdrawal {
                    time.or(was_time)
                } else {
                    time
                };
                let is_later = said.is_later(own_time, *is_withdrawn, is_withdrawal);
                if is_withdrawal {
                    said.withdrawn = said.withdrawn.max(own_time);
                    if own_time.is_none() {
                        said.gone_by = said.gone_by.max(said.asserted);
                    }
                }
                if is_later {
                    continue;
                }
                let (stored, stored_time) = model.entries.entry(key).or_default();
                let mut now = stored.take().unwrap_or_default();
                if *is_withdrawn {
                    now.retain(|hash| !hashes.is_empty() && !set(hashes).contains(hash));
                    said.withdraw(time, was_time);
                    said.is_described &= !is_withdrawal;
                } else {
                    now.extend(set(hashes));
                    // Of an older row nothing counts but its hashes, nor of one that says nothing else.
                    let is_bare = time.is_none() || (is_known && is_older(time, was_time));
                    let counts = !said.is_described || (!is_bare && !is_older(time, said.asserted));
                    if counts {
                        said.described_at = time;
                    }
                    // Not what would be remembered if nothing were left.
                    *stored_time = said.described_at;
                    said.is_described = true;
                    said.asserted = said.asserted.max(time);
                }
                if now.is_empty() {
                    *stored_time = said.gone.unwrap();
                }
                *stored = (!now.is_empty()).then_some(now);
            }
            change.commit().unwrap();
        }
        Operation::Replace(list, records, left_out) => {
            let mut change = writer
                .change(super::list(&name(*list)), replace_any())
                .unwrap();
            let kept: BTreeSet<_> = left_out.iter().map(|entry| id(*entry)).collect();
            model
                .entries
                .retain(|key, _| key.0 != name(*list) || kept.contains(&key.1));
            for id in &kept {
                change.left_out(id).unwrap();
            }
            for (number, hashes) in records {
                change.add(&record(*number, hashes, false), false).unwrap();
                let (stored, time) = model.entries.entry((name(*list), id(*number))).or_default();
                if stored.is_none() {
                    *time = None;
                }
                stored.get_or_insert_default().extend(set(hashes));
            }
            change.commit().unwrap();
        }
        Operation::Withdraw(list, entries) => {
            let ids: Vec<_> = entries.iter().map(|entry| id(*entry)).collect();
            let done = writer.withdraw(&name(*list), ids.iter().map(String::as_str));
            if writer.manifest.list(&name(*list)).is_some() {
                done.unwrap();
                for id in ids {
                    model.entries.insert((name(*list), id), (None, Some(now())));
                }
            } else {
                assert!(matches!(done, Err(StoreError::UnknownList { .. })));
            }
        }
        Operation::Compact => {
            writer.compact(&mut |_| {}).unwrap();
        }
        Operation::Purge => {
            writer.purge(&mut |_| {}).unwrap();
        }
        Operation::Reopen => {
            let directory = writer.directory.clone();
            let other = tempfile::tempdir().unwrap();
            let placeholder = StoreWriter::create(other.path()).unwrap();
            drop(std::mem::replace(writer, placeholder));
            *writer = StoreWriter::open(directory).unwrap();
        }
    }
}

/// Returns whether an entry is remembered as withdrawn.
fn is_gone(entry: Option<&ModelEntry>) -> bool {
    entry.is_some_and(|(hashes, _)| hashes.is_none())
}

fn is_older(new: Option<i64>, stored: Option<i64>) -> bool {
    matches!((new, stored), (Some(new), Some(stored)) if new < stored)
}

/// Returns whether an entry is withdrawn, and when its record is of.
fn remembered(snapshot: &Snapshot, list: &str, id: &str) -> Option<(bool, Option<i64>)> {
    let mut found = snapshot.segments().iter().filter_map(|segment| {
        let index = segment.index();
        let lists = index.lists().unwrap();
        let list = lists.iter().position(|one| one.descriptor.name == list)?;
        let position = index.position_of(u32::try_from(list).unwrap(), id).unwrap();
        let position = position.filter(|&position| segment.stands(position))?;
        let entry = index.entry(position).unwrap().entry;
        Some((entry.status == EntryStatus::Withdrawn, entry.source_updated))
    });
    let one = found.next();
    assert!(found.next().is_none());
    one
}

fn compare_with(model: &Model, writer: &StoreWriter) {
    let snapshot = writer.snapshot();
    for ((list, id), (hashes, time)) in &model.entries {
        let (is_withdrawn, stored_time) = remembered(snapshot, list, id).unwrap();
        assert_eq!(is_withdrawn, hashes.is_none(), "{list}, {id}");
        // Withdrawals by hand are of now, which goes on.
        if !time.is_some_and(|time| time > 1_000_000) {
            assert_eq!(stored_time, *time, "{list}, {id}");
        }
    }
    for number in 0..24 {
        let hash = some_hash(number);
        let found = if hash.kind().is_perceptual() {
            snapshot.within(&hash, 0).unwrap()
        } else {
            snapshot.find(&hash).unwrap()
        };
        let mut found: Vec<_> = found
            .iter()
            .map(|found| {
                let (list, entry) = snapshot.entry(found).unwrap();
                (
                    snapshot.lists()[list as usize].descriptor.name.clone(),
                    entry.entry_id,
                )
            })
            .collect();
        found.sort();
        assert_eq!(found, model.finds(&hash));
    }
    let status = snapshot.status(&mut |_, _| {}).unwrap();
    let assertions: u64 = status
        .lists
        .iter()
        .flat_map(|list| list.hashes.values())
        .sum();
    assert_eq!(assertions, model.assertions());
    for (list, counts) in snapshot.lists().iter().zip(&status.lists) {
        assert_eq!(list.entries, counts.entries);
    }
}

/// `PROPTEST_CASES=50000` makes it 6,250 runs, of over 100,000 operations.
#[test]
fn a_store_holds_what_a_plain_map_holds_after_any_operations() {
    let mut runner = TestRunner::new(ProptestConfig {
        cases: ProptestConfig::default().cases / 8,
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    let runs = prop::collection::vec(operations(), 1..40);
    runner
        .run(&runs, |operations| {
            let (_directory, mut writer) = new_store();
            let mut model = Model::default();
            for operation in &operations {
                operate(&mut writer, &mut model, operation);
                compare_with(&model, &writer);
            }
            Store::open(&writer.directory)
                .unwrap()
                .verify(&mut |_, _| {})
                .unwrap();
            Ok(())
        })
        .unwrap();
}

#[test]
fn a_crash_at_any_step_leaves_the_old_state_or_the_new() {
    let operations = [
        Operation::Apply(
            0,
            vec![
                (1, vec![1, 2], What::Whole, None),
                (2, vec![2], What::Whole, None),
            ],
        ),
        Operation::Add(
            0,
            vec![(1, vec![3], false, None), (3, vec![1], false, None)],
        ),
        Operation::Replace(1, vec![(1, vec![4]), (2, vec![5])], vec![1]),
        Operation::Withdraw(0, vec![2]),
        Operation::Purge,
        Operation::Apply(0, vec![(1, vec![7], What::Whole, None)]),
        Operation::Compact,
    ];
    for broken in 0..operations.len() {
        for step in 0.. {
            let (directory, mut writer) = new_store();
            let mut model = Model::default();
            for operation in &operations[..broken] {
                operate(&mut writer, &mut model, operation);
            }
            let old = model.clone();
            let generation = writer.snapshot().generation();
            writer.fails_after.set(Some(step));
            // The operation fails somewhere, which the model does not know: it says what the new state is.
            let failed = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                operate(&mut writer, &mut model, &operations[broken]);
            }));
            let is_over = failed.is_ok() && writer.fails_after.get() > Some(0);
            let mut new = old.clone();
            {
                let (_other, mut other) = new_store();
                let mut replayed = Model::default();
                for operation in &operations[..=broken] {
                    operate(&mut other, &mut replayed, operation);
                }
                new.clone_from(&replayed);
            }
            drop(writer);
            // As a reader finds it, and as the next writer does.
            let seen = Store::open(directory.path())
                .unwrap()
                .snapshot()
                .generation();
            let writer = StoreWriter::open(directory.path()).unwrap();
            assert_eq!(writer.snapshot().generation(), seen);
            let expected = if seen == generation { &old } else { &new };
            compare_with(expected, &writer);
            assert!(
                failed.is_err()
                    || seen == generation + 1
                    || matches!(operations[broken], Operation::Purge)
            );
            // Nothing is left over.
            let named = 2
                + writer.manifest.segments.len()
                + writer
                    .manifest
                    .segments
                    .iter()
                    .filter(|s| s.withdrawn.is_some())
                    .count();
            assert_eq!(fs::read_dir(directory.path()).unwrap().count(), named);
            if is_over {
                break;
            }
        }
    }
}
