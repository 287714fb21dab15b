//! Changes against a plain model, crashes at every step, readers beside a writer, and everything that can be wrong with what a
//! store is given.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use super::*;
use crate::entry::{Entry, EntryStatus, ListDescriptor, Opinion};
use crate::hash::{HashKind, HashValue, Pdq};
use crate::list::{FeedPosition, ImportReport};

fn list(name: &str) -> ListDescriptor {
    ListDescriptor {
        name: name.to_owned(),
        ..ListDescriptor::default()
    }
}

fn pdq(seed: u64) -> HashValue {
    let word = |i: u64| {
        (seed + 1)
            .wrapping_mul(0x9e37_79b9_7f4a_7c15)
            .rotate_left(u32::try_from(i).unwrap() * 17)
            ^ i
    };
    Pdq::from_words([word(1), word(2), word(3), word(4)]).into()
}

fn md5(seed: u64) -> HashValue {
    let bytes: Vec<u8> = [seed + 1, seed ^ 0x5555]
        .iter()
        .flat_map(|n| n.to_le_bytes())
        .collect();
    HashValue::from_bytes(HashKind::Md5, &bytes).unwrap()
}

fn entry(id: &str, hashes: &[HashValue]) -> Entry {
    let mut entry = Entry::new(id);
    entry.hashes = hashes.to_vec();
    entry
}

fn withdrawn(id: &str) -> Entry {
    let mut entry = Entry::new(id);
    entry.status = EntryStatus::Withdrawn;
    entry
}

fn at(mut entry: Entry, time: i64) -> Entry {
    entry.source_updated = Some(time);
    entry
}

fn new_store() -> (tempfile::TempDir, StoreWriter) {
    let directory = tempfile::tempdir().unwrap();
    let writer = StoreWriter::create(directory.path()).unwrap();
    (directory, writer)
}

fn change(
    writer: &mut StoreWriter,
    name: &str,
    options: ChangeOptions,
    entries: &[Entry],
) -> Result<ChangeSummary, StoreError> {
    let mut change = writer.change(list(name), options)?;
    for entry in entries {
        change.add(entry, false)?;
    }
    change.commit()
}

fn whole() -> ChangeOptions {
    ChangeOptions {
        whole_records: true,
        ..ChangeOptions::add()
    }
}

fn replace_any() -> ChangeOptions {
    ChangeOptions {
        shrink_limit_percent: 100,
        ..ChangeOptions::replace()
    }
}

/// The ids of the entries that a hash finds.
fn ids(snapshot: &Snapshot, hash: &HashValue) -> Vec<String> {
    let found = if hash.kind().is_perceptual() {
        snapshot.within(hash, 0)
    } else {
        snapshot.find(hash)
    };
    let mut ids: Vec<_> = found
        .unwrap()
        .iter()
        .map(|found| snapshot.entry(found).unwrap().1.entry_id)
        .collect();
    ids.sort();
    ids
}

fn verify(path: &Path) {
    Store::open(path).unwrap().verify(&mut |_, _| {}).unwrap();
}

#[test]
fn a_withdrawal_that_names_no_hash_takes_back_all_hashes_of_its_entry_and_of_no_other() {
    let (directory, mut writer) = new_store();
    let entries = [entry("a", &[pdq(1), md5(1)]), entry("b", &[pdq(1)])];
    change(&mut writer, "x", whole(), &entries).unwrap();
    change(&mut writer, "y", whole(), &[entry("a", &[pdq(1)])]).unwrap();
    assert_eq!(ids(writer.snapshot(), &pdq(1)), ["a", "a", "b"]);
    let summary = writer.withdraw("x", ["a"]).unwrap();
    assert_eq!((summary.withdrawn, summary.entries), (1, 1));
    // The other member's assertion, and the other list's, stand.
    assert_eq!(ids(writer.snapshot(), &pdq(1)), ["a", "b"]);
    assert_eq!(ids(writer.snapshot(), &md5(1)), Vec::<String>::new());
    verify(directory.path());
}

#[test]
fn an_update_that_leaves_a_hash_out_takes_it_back() {
    let (_directory, mut writer) = new_store();
    change(&mut writer, "x", whole(), &[entry("a", &[pdq(1), md5(1)])]).unwrap();
    let summary = change(&mut writer, "x", whole(), &[entry("a", &[pdq(1)])]).unwrap();
    assert_eq!((summary.changed, summary.entries), (1, 1));
    assert_eq!(ids(writer.snapshot(), &md5(1)), Vec::<String>::new());
    // Where a record may hold one hash of many, it adds to its entry.
    change(
        &mut writer,
        "x",
        ChangeOptions::add(),
        &[entry("a", &[md5(2)])],
    )
    .unwrap();
    assert_eq!(ids(writer.snapshot(), &md5(2)), ["a"]);
    assert_eq!(ids(writer.snapshot(), &pdq(1)), ["a"]);
    // And takes back what it names.
    let mut back = withdrawn("a");
    back.hashes = vec![md5(2)];
    change(&mut writer, "x", ChangeOptions::add(), &[back]).unwrap();
    assert_eq!(ids(writer.snapshot(), &md5(2)), Vec::<String>::new());
    assert_eq!(ids(writer.snapshot(), &pdq(1)), ["a"]);
}

#[test]
fn an_older_record_neither_overwrites_nor_brings_back() {
    let (_directory, mut writer) = new_store();
    let options = ChangeOptions::apply();
    change(&mut writer, "x", options, &[at(entry("a", &[pdq(1)]), 10)]).unwrap();
    change(
        &mut writer,
        "x",
        options,
        &[at(withdrawn("a"), 20), at(withdrawn("never"), 20)],
    )
    .unwrap();
    let late = [
        at(entry("a", &[pdq(1)]), 15),
        at(entry("never", &[pdq(2)]), 19),
    ];
    let summary = change(&mut writer, "x", options, &late).unwrap();
    assert_eq!(summary.outdated, 2);
    assert!(summary.is_empty());
    assert_eq!(ids(writer.snapshot(), &pdq(1)), Vec::<String>::new());
    assert_eq!(ids(writer.snapshot(), &pdq(2)), Vec::<String>::new());
    // The memory of withdrawals outlasts compaction and purge.
    writer.compact(&mut |_| {}).unwrap();
    writer.purge(&mut |_| {}).unwrap();
    assert_eq!(
        change(&mut writer, "x", options, &late).unwrap().outdated,
        2
    );
    let summary = change(&mut writer, "x", options, &[at(entry("a", &[pdq(1)]), 21)]).unwrap();
    assert_eq!(summary.added, 1);
    assert_eq!(ids(writer.snapshot(), &pdq(1)), ["a"]);
}

#[test]
fn an_operators_withdrawal_holds_until_the_source_says_something_later() {
    let (_directory, mut writer) = new_store();
    // The source's clock is ahead.
    let future = now() + 1_000_000;
    change(
        &mut writer,
        "x",
        whole(),
        &[at(entry("a", &[pdq(1)]), future)],
    )
    .unwrap();
    assert_eq!(writer.withdraw("x", ["a"]).unwrap().withdrawn, 1);
    let again = [at(entry("a", &[pdq(1)]), future - 1)];
    assert_eq!(
        change(&mut writer, "x", whole(), &again).unwrap().outdated,
        1
    );
    assert_eq!(ids(writer.snapshot(), &pdq(1)), Vec::<String>::new());
    assert!(matches!(
        writer.withdraw("y", ["a"]),
        Err(StoreError::UnknownList { .. })
    ));
}

#[test]
fn replacing_a_list_tells_what_differs_and_writes_nothing_else() {
    let (_directory, mut writer) = new_store();
    let old: Vec<_> = (0..100)
        .map(|i| entry(&format!("{i:03}"), &[pdq(i)]))
        .collect();
    change(&mut writer, "x", whole(), &old).unwrap();
    change(&mut writer, "other", whole(), &[entry("000", &[pdq(0)])]).unwrap();
    let mut new = old.clone();
    new.remove(7);
    new[20].hashes = vec![pdq(1020)];
    new[30].tags = vec!["t".to_owned()];
    new.push(entry("100", &[pdq(100)]));
    let mut differences = Vec::new();
    let mut change = writer.change(list("x"), ChangeOptions::replace()).unwrap();
    for entry in &new {
        change.add(entry, false).unwrap();
    }
    let summary = change
        .commit_with(
            &mut |difference| {
                differences.push((difference.entry_id.to_owned(), difference.kind.name()));
            },
            &mut |_| {},
        )
        .unwrap();
    let counts = (
        summary.added,
        summary.changed,
        summary.removed,
        summary.unchanged,
    );
    assert_eq!(counts, (1, 2, 1, 97));
    assert_eq!(summary.entries, 100);
    differences.sort();
    let expected = [
        ("007", "removed"),
        ("021", "changed"),
        ("031", "changed"),
        ("100", "added"),
    ];
    assert_eq!(
        differences,
        expected.map(|(id, kind)| (id.to_owned(), kind))
    );
    // Only what differs is in the new segment.
    let newest = writer.snapshot().segments().last().unwrap();
    assert_eq!(newest.index().entries(), 3);
    assert_eq!(ids(writer.snapshot(), &pdq(7)), Vec::<String>::new());
    assert_eq!(ids(writer.snapshot(), &pdq(20)), ["020"]);
    assert_eq!(ids(writer.snapshot(), &pdq(21)), Vec::<String>::new());
    assert_eq!(ids(writer.snapshot(), &pdq(1020)), ["021"]);
    // The other list's entry of that id is untouched.
    assert_eq!(ids(writer.snapshot(), &pdq(0)), ["000", "000"]);
    let segments = writer.snapshot().segments().len();
    let mut change = writer.change(list("x"), ChangeOptions::replace()).unwrap();
    for entry in &new {
        change.add(entry, false).unwrap();
    }
    assert!(change.commit().unwrap().is_empty());
    assert_eq!(writer.snapshot().segments().len(), segments);
}

#[test]
fn a_list_that_shrinks_suspiciously_is_refused_unless_allowed() {
    let (_directory, mut writer) = new_store();
    let old: Vec<_> = (0..100)
        .map(|i| entry(&format!("{i:03}"), &[pdq(i)]))
        .collect();
    change(&mut writer, "x", whole(), &old).unwrap();
    let before = writer.snapshot().generation();
    let refused = change(&mut writer, "x", ChangeOptions::replace(), &old[..50]);
    assert!(matches!(
        refused,
        Err(StoreError::Shrinks {
            removed: 50,
            entries: 100,
            limit_percent: 10
        })
    ));
    assert!(matches!(
        change(&mut writer, "x", ChangeOptions::replace(), &[]),
        Err(StoreError::NoEntries)
    ));
    assert_eq!(writer.snapshot().generation(), before);
    assert_eq!(ids(writer.snapshot(), &pdq(99)), ["099"]);
    change(&mut writer, "x", ChangeOptions::replace(), &old[..90]).unwrap();
    let summary = change(&mut writer, "x", replace_any(), &old[..1]).unwrap();
    assert_eq!((summary.removed, summary.entries), (89, 1));
}

#[test]
fn a_feed_that_goes_backwards_or_was_left_too_long_is_refused() {
    let (_directory, mut writer) = new_store();
    let page = |writer: &mut StoreWriter, time: i64, options: ChangeOptions| {
        let mut change = writer.change(list("x"), options)?;
        change.add(&entry("a", &[pdq(1)]), false)?;
        let position = FeedPosition {
            checkpoint: Some(format!("at {time}")),
            checkpoint_time: Some(time),
            has_more: false,
        };
        change.imported(&ImportReport::default(), Some(&position));
        change.commit()
    };
    page(&mut writer, 100, ChangeOptions::apply()).unwrap();
    let refused = page(&mut writer, 99, ChangeOptions::apply());
    assert!(matches!(
        refused,
        Err(StoreError::Backwards {
            stored: 100,
            page: 99
        })
    ));
    assert_eq!(
        writer.snapshot().lists()[0].checkpoint.as_deref(),
        Some("at 100")
    );
    let mut older = ChangeOptions::apply();
    older.allows_older = true;
    page(&mut writer, 99, older).unwrap();
    assert_eq!(
        writer.snapshot().lists()[0].checkpoint.as_deref(),
        Some("at 99")
    );
    writer.set_stale_after("x", Some(3)).unwrap();
    page(&mut writer, 100, ChangeOptions::apply()).unwrap();
    let mut lists = writer.manifest.lists.clone();
    lists[0].checked_at -= 5 * 86_400;
    let planned = writer.planned();
    writer.publish(lists, planned).unwrap();
    assert!(writer.snapshot().lists()[0].is_stale(now()));
    let refused = page(&mut writer, 101, ChangeOptions::apply());
    assert!(matches!(
        refused,
        Err(StoreError::Stale { days: 5, limit: 3 })
    ));
    // A page without news still moves the checkpoint.
    change(&mut writer, "x", replace_any(), &[entry("a", &[pdq(1)])]).unwrap();
    let mut empty = writer.change(list("x"), ChangeOptions::apply()).unwrap();
    let position = FeedPosition {
        checkpoint: Some("next".to_owned()),
        checkpoint_time: Some(200),
        has_more: false,
    };
    empty.imported(&ImportReport::default(), Some(&position));
    empty.commit().unwrap();
    assert_eq!(
        writer.snapshot().lists()[0].checkpoint.as_deref(),
        Some("next")
    );
    assert_eq!(ids(writer.snapshot(), &pdq(1)), ["a"]);
}

#[test]
fn entries_known_by_their_hashes_are_the_same_from_file_to_file() {
    let (directory, mut writer) = new_store();
    let by_value = |writer: &mut StoreWriter, entries: &[Entry]| {
        let mut change = writer.change(list("x"), ChangeOptions::add()).unwrap();
        for entry in entries {
            change.add(entry, true).unwrap();
        }
        change.commit().unwrap()
    };
    // Lines of different files that have one number.
    assert_eq!(
        by_value(&mut writer, &[entry("line-1", &[pdq(1)])]).added,
        1
    );
    assert_eq!(
        by_value(&mut writer, &[entry("line-1", &[pdq(2)])]).added,
        1
    );
    let summary = by_value(&mut writer, &[entry("line-9", &[pdq(1)])]);
    assert_eq!((summary.added, summary.unchanged), (0, 1));
    let id = ids(writer.snapshot(), &pdq(1)).remove(0);
    assert!(id.starts_with("value-") && id.len() == 30, "{id}");
    // A withdrawal by value leaves nothing of the value.
    let mut gone = withdrawn("line-1");
    gone.hashes = vec![pdq(1)];
    assert_eq!(by_value(&mut writer, &[gone]).withdrawn, 1);
    assert_eq!(ids(writer.snapshot(), &pdq(1)), Vec::<String>::new());
    assert_eq!(ids(writer.snapshot(), &pdq(2)).len(), 1);
    writer.purge(&mut |_| {}).unwrap();
    drop(writer);
    let store = Store::open(directory.path()).unwrap();
    assert_eq!(store.verify_removed(&[pdq(1)]).unwrap().found_in.len(), 0);
    // Active, withdrawn, active.
    let mut writer = StoreWriter::open(directory.path()).unwrap();
    assert_eq!(
        by_value(&mut writer, &[entry("line-5", &[pdq(1)])]).added,
        1
    );
    assert_eq!(ids(writer.snapshot(), &pdq(1)), [id]);
}

#[test]
fn what_is_purged_is_in_no_file_and_what_is_not_is_found() {
    let (directory, mut writer) = new_store();
    let mean: HashKind = "mean_8x8".parse().unwrap();
    let mean = HashValue::from_bytes(mean, &[1, 2, 3, 4, 5, 6, 7, 8]).unwrap();
    let mut secret = entry("a", &[pdq(1), md5(1), mean]);
    secret.tags = vec![pdq(3).to_hex()];
    // Enough for tables.
    let many: Vec<_> = (10..20_010)
        .map(|i| entry(&format!("{i}"), &[pdq(i), md5(i)]))
        .collect();
    change(&mut writer, "x", whole(), &many).unwrap();
    change(&mut writer, "x", whole(), &[secret, entry("b", &[pdq(4)])]).unwrap();
    let store = Store::open(directory.path()).unwrap();
    let look = |hash: HashValue| {
        store.reload().unwrap();
        store.verify_removed(&[hash]).unwrap()
    };
    for hash in [pdq(1), md5(1), mean, pdq(3), pdq(20_009), md5(11)] {
        assert_eq!(look(hash).found_in.len(), 1);
    }
    writer.withdraw("x", ["a", "11", "20009"]).unwrap();
    // Withdrawn, and there still.
    assert_eq!(look(pdq(1)).found_in.len(), 1);
    let before = writer.snapshot().segments().len();
    writer.purge(&mut |_| {}).unwrap();
    assert!(writer.snapshot().segments().len() <= before);
    for hash in [pdq(1), md5(1), mean, pdq(3), pdq(20_009), md5(11), pdq(11)] {
        let removed = look(hash);
        assert_eq!(removed.found_in, Vec::<PathBuf>::new());
        assert!(removed.files >= 3);
    }
    assert_eq!(look(pdq(12)).found_in.len(), 1);
    // Whatever is in the directory is looked at.
    fs::write(
        directory.path().join("copy.txt"),
        format!("x{}", md5(1).to_hex()),
    )
    .unwrap();
    assert_eq!(look(md5(1)).found_in.len(), 1);
    drop(writer);
    verify(directory.path());
}

#[test]
fn a_list_that_is_removed_is_gone_and_no_other() {
    let (directory, mut writer) = new_store();
    for name in ["x", "y", "z"] {
        change(
            &mut writer,
            name,
            whole(),
            &[entry("a", &[pdq(1), pdq(name.len() as u64 + 5)])],
        )
        .unwrap();
    }
    change(&mut writer, "y", whole(), &[entry("b", &[pdq(99)])]).unwrap();
    writer.compact(&mut |_| {}).unwrap();
    writer.remove_list("y", &mut |_| {}).unwrap();
    let lists: Vec<_> = writer
        .snapshot()
        .lists()
        .iter()
        .map(|l| l.descriptor.name.clone())
        .collect();
    assert_eq!(lists, ["x", "z"]);
    let found = writer.snapshot().within(&pdq(1), 0).unwrap();
    let of: Vec<_> = found
        .iter()
        .map(|f| writer.snapshot().entry(f).unwrap().0)
        .collect();
    assert_eq!(of, [0, 1]);
    drop(writer);
    let store = Store::open(directory.path()).unwrap();
    assert_eq!(
        store.verify_removed(&[pdq(99)]).unwrap().found_in,
        Vec::<PathBuf>::new()
    );
    store.verify(&mut |_, _| {}).unwrap();
}

#[test]
fn there_is_one_writer_at_a_time_and_any_number_of_readers() {
    let (directory, writer) = new_store();
    assert!(matches!(
        StoreWriter::open(directory.path()),
        Err(StoreError::Locked { .. })
    ));
    let _readers = [(); 3].map(|()| Store::open(directory.path()).unwrap());
    drop(writer);
    drop(StoreWriter::open(directory.path()).unwrap());
    assert!(matches!(
        StoreWriter::create(directory.path()),
        Err(StoreError::NotEmpty { .. })
    ));
    let other = tempfile::tempdir().unwrap();
    fs::write(other.path().join("file"), "x").unwrap();
    assert!(matches!(
        StoreWriter::create(other.path()),
        Err(StoreError::NotEmpty { .. })
    ));
    assert_eq!(fs::read_dir(other.path()).unwrap().count(), 1);
    assert!(matches!(
        StoreWriter::open(other.path()),
        Err(StoreError::NotAStore { .. })
    ));
}

#[test]
fn damage_of_any_file_is_an_error_and_never_no_match() {
    let (directory, mut writer) = new_store();
    let many: Vec<_> = (0..50).map(|i| entry(&format!("{i}"), &[pdq(i)])).collect();
    change(&mut writer, "x", whole(), &many).unwrap();
    change(&mut writer, "x", whole(), &[entry("new", &[pdq(77)])]).unwrap();
    writer.withdraw("x", ["3"]).unwrap();
    drop(writer);
    let store = Store::open(directory.path()).unwrap();
    for file in fs::read_dir(directory.path()).unwrap() {
        let path = file.unwrap().path();
        if path.ends_with("lock") {
            continue;
        }
        let bytes = fs::read(&path).unwrap();
        fs::remove_file(&path).unwrap();
        assert!(Store::open(directory.path()).is_err(), "{}", path.display());
        for cut in [0, 10, bytes.len() / 2] {
            fs::write(&path, &bytes[..cut]).unwrap();
            assert!(Store::open(directory.path()).is_err(), "{}", path.display());
        }
        fs::write(&path, &bytes).unwrap();
    }
    assert!(!store.reload().unwrap());
}

/// What a store should hold: for each list and entry its hashes, or that it is withdrawn, and when its record is of.
/// The hashes that stand, or that it is withdrawn; and when that is of.
type ModelEntry = (Option<BTreeSet<HashValue>>, Option<i64>);

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

#[derive(Clone, Debug)]
enum Operation {
    /// Whole records: list, (entry, hashes, withdrawn, time).
    Apply(u8, Vec<(u8, Vec<u8>, bool, Option<u8>)>),
    /// Records that add: list, (entry, hashes, withdrawn).
    Add(u8, Vec<(u8, Vec<u8>, bool)>),
    Replace(u8, Vec<(u8, Vec<u8>)>),
    Withdraw(u8, Vec<u8>),
    Compact,
    Purge,
    Reopen,
}

fn operations() -> impl Strategy<Value = Operation> {
    let hashes = || prop::collection::vec(0..24_u8, 1..4);
    let entry = || 0..12_u8;
    prop_oneof![
        4 => (0..3_u8, prop::collection::vec((entry(), hashes(), prop::bool::weighted(0.3), prop::option::of(0..9_u8)), 1..6))
            .prop_map(|(list, records)| Operation::Apply(list, records)),
        4 => (0..3_u8, prop::collection::vec((entry(), prop::collection::vec(0..24_u8, 0..4), prop::bool::weighted(0.3)), 1..6))
            .prop_map(|(list, records)| Operation::Add(list, records)),
        1 => (0..3_u8, prop::collection::vec((entry(), hashes()), 1..12))
            .prop_map(|(list, records)| Operation::Replace(list, records)),
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

/// Does an operation to a store and to the model, and returns how many statements about hashes or entries it made.
fn operate(writer: &mut StoreWriter, model: &mut Model, operation: &Operation) -> u64 {
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
                .change(super::tests::list(&name(*list)), ChangeOptions::apply())
                .unwrap();
            let before = model.clone();
            for (number, hashes, is_withdrawn, time) in records {
                let mut one = record(
                    *number,
                    if *is_withdrawn { &[] } else { hashes },
                    *is_withdrawn,
                );
                one.source_updated = time.map(i64::from);
                change.add(&one, false).unwrap();
                let key = (name(*list), id(*number));
                // What the store had before the change decides.
                let stored = before.entries.get(&key).and_then(|(_, time)| *time);
                if is_older(one.source_updated, stored) {
                    continue;
                }
                let hashes = (!is_withdrawn).then(|| set(hashes));
                model.entries.insert(key, (hashes, one.source_updated));
            }
            change.commit().unwrap();
            records.len() as u64
        }
        Operation::Add(list, records) => {
            let mut change = writer
                .change(super::tests::list(&name(*list)), ChangeOptions::add())
                .unwrap();
            for (number, hashes, is_withdrawn) in records {
                change
                    .add(&record(*number, hashes, *is_withdrawn), false)
                    .unwrap();
                if hashes.is_empty() && !is_withdrawn {
                    continue;
                }
                let (stored, time) = model.entries.entry((name(*list), id(*number))).or_default();
                *time = None;
                let mut now = stored.take().unwrap_or_default();
                if !is_withdrawn {
                    now.extend(set(hashes));
                } else if hashes.is_empty() {
                    now.clear();
                } else {
                    now.retain(|hash| !set(hashes).contains(hash));
                }
                *stored = (!now.is_empty()).then_some(now);
            }
            change.commit().unwrap();
            records.len() as u64
        }
        Operation::Replace(list, records) => {
            let mut change = writer
                .change(super::tests::list(&name(*list)), replace_any())
                .unwrap();
            model.entries.retain(|key, _| key.0 != name(*list));
            for (number, hashes) in records {
                change.add(&record(*number, hashes, false), false).unwrap();
                let (stored, _) = model.entries.entry((name(*list), id(*number))).or_default();
                stored.get_or_insert_default().extend(set(hashes));
            }
            change.commit().unwrap();
            records.len() as u64
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
            entries.len() as u64
        }
        Operation::Compact => {
            writer.compact(&mut |_| {}).unwrap();
            1
        }
        Operation::Purge => {
            writer.purge(&mut |_| {}).unwrap();
            1
        }
        Operation::Reopen => {
            let directory = writer.directory.clone();
            let other = tempfile::tempdir().unwrap();
            let placeholder = StoreWriter::create(other.path()).unwrap();
            drop(std::mem::replace(writer, placeholder));
            *writer = StoreWriter::open(directory).unwrap();
            1
        }
    }
}

fn is_older(new: Option<i64>, stored: Option<i64>) -> bool {
    matches!((new, stored), (Some(new), Some(stored)) if new < stored)
}

fn compare_with(model: &Model, writer: &StoreWriter) {
    let snapshot = writer.snapshot();
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
            vec![(1, vec![1, 2], false, None), (2, vec![2], false, None)],
        ),
        Operation::Add(0, vec![(1, vec![3], false), (3, vec![1], false)]),
        Operation::Replace(1, vec![(1, vec![4]), (2, vec![5])]),
        Operation::Withdraw(0, vec![2]),
        Operation::Purge,
        Operation::Apply(0, vec![(1, vec![7], false, None)]),
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

#[test]
fn many_small_changes_stay_few_segments_and_all_are_found() {
    let (_directory, mut writer) = new_store();
    let base: Vec<_> = (0..20_000)
        .map(|i| entry(&format!("{i}"), &[pdq(i)]))
        .collect();
    change(&mut writer, "x", whole(), &base).unwrap();
    for round in 0..60_u64 {
        let some: Vec<_> = (0..300)
            .map(|i| 100_000 + round * 300 + i)
            .map(|i| entry(&format!("{i}"), &[pdq(i)]))
            .collect();
        change(&mut writer, "x", whole(), &some).unwrap();
        assert!(writer.snapshot().segments().len() <= 18);
    }
    for i in (0..60 * 300).step_by(97) {
        assert_eq!(ids(writer.snapshot(), &pdq(100_000 + i)).len(), 1);
    }
    writer.compact(&mut |_| {}).unwrap();
    assert_eq!(writer.snapshot().segments().len(), 1);
    assert_eq!(writer.snapshot().lists()[0].entries, 20_000 + 60 * 300);
}

#[test]
fn readers_miss_nothing_and_see_nothing_stale_while_a_store_changes() {
    const ROUNDS: u64 = 200;
    let (directory, mut writer) = new_store();
    let permanent: Vec<_> = (0..100)
        .map(|i| entry(&format!("p{i}"), &[pdq(i), md5(i)]))
        .collect();
    change(&mut writer, "x", whole(), &permanent).unwrap();
    let store = Arc::new(Store::open(directory.path()).unwrap());
    let is_over = AtomicBool::new(false);
    // What every snapshot must have that is taken from now on.
    let reloaded = AtomicU64::new(0);
    let asked = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for thread in 0..2_u64 {
            let (store, is_over, reloaded, asked) = (&store, &is_over, &reloaded, &asked);
            scope.spawn(move || {
                let mut query = thread;
                while !is_over.load(Ordering::Relaxed) {
                    let least = reloaded.load(Ordering::Acquire);
                    let snapshot = store.snapshot();
                    query = (query + 1) % 100;
                    assert_eq!(ids(&snapshot, &pdq(query)), [format!("p{query}")]);
                    assert_eq!(ids(&snapshot, &md5(query)), [format!("p{query}")]);
                    // Round r adds entry r and withdraws entry r - 1.
                    if least > 1 {
                        assert_eq!(ids(&snapshot, &pdq(1000 + least - 2)), Vec::<String>::new());
                    }
                    asked.fetch_add(3, Ordering::Relaxed);
                }
            });
        }
        for round in 1..=ROUNDS {
            let mut change = writer.change(list("x"), whole()).unwrap();
            change
                .add(&entry(&format!("r{round}"), &[pdq(1000 + round)]), false)
                .unwrap();
            if round > 1 {
                change
                    .add(&withdrawn(&format!("r{}", round - 1)), false)
                    .unwrap();
            }
            change.commit().unwrap();
            if round % 50 == 0 {
                writer.purge(&mut |_| {}).unwrap();
            }
            assert!(store.reload().unwrap());
            let snapshot = store.snapshot();
            assert_eq!(ids(&snapshot, &pdq(1000 + round)).len(), 1);
            assert_eq!(ids(&snapshot, &pdq(1000 + round - 1)).len(), 0);
            reloaded.store(round, Ordering::Release);
        }
        is_over.store(true, Ordering::Relaxed);
    });
    assert!(asked.load(Ordering::Relaxed) > 1000);
}

#[test]
fn counts_are_of_what_stands() {
    let (_directory, mut writer) = new_store();
    let mut one = entry("a", &[pdq(1), md5(1)]);
    one.opinion = Opinion::Investigation;
    one.add_other_hash("photodna", "x");
    one.classification = Some(crate::entry::Classification {
        scheme: Some("s".to_owned()),
        region: None,
        value: "A1".to_owned(),
    });
    change(
        &mut writer,
        "x",
        whole(),
        &[one, entry("b", &[pdq(2)]), withdrawn("c")],
    )
    .unwrap();
    writer.withdraw("x", ["b"]).unwrap();
    let status = writer.snapshot().status(&mut |_, _| {}).unwrap();
    let counts = &status.lists[0];
    assert_eq!((counts.entries, counts.withdrawn), (1, 2));
    assert_eq!(counts.hashes[&HashKind::Pdq], 1);
    assert_eq!(counts.other_hashes["photodna"], 1);
    assert_eq!(counts.categories["s A1"], 1);
    assert_eq!(counts.opinions["investigation"], 1);
    assert_eq!(status.entries_to_purge, 1);
}
