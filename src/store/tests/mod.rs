//! One test for each promise of a store, and for what can be wrong with what it is given.

use std::fs;
use std::path::Path;

use super::*;
use crate::entry::{Entry, EntryStatus, ListDescriptor, Opinion};
use crate::hash::{HashKind, HashValue, Pdq};
use crate::list::{FeedPosition, ImportReport};

mod feeds;
mod files;
mod holds;
mod model;
mod upkeep;

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
fn a_list_of_nothing_that_fits_is_refused_like_an_empty_one() {
    let (_directory, mut writer) = new_store();
    change(&mut writer, "x", whole(), &[entry("a", &[pdq(1)])]).unwrap();
    let mut change = writer.change(list("x"), replace_any()).unwrap();
    let too_long = entry(&"x".repeat(5000), &[pdq(2)]);
    assert!(matches!(
        change.add(&too_long, false),
        Err(StoreError::Build(
            crate::index::BuildError::InvalidEntry { .. }
        ))
    ));
    assert!(matches!(change.commit(), Err(StoreError::NoEntries)));
    assert_eq!(ids(writer.snapshot(), &pdq(1)), ["a"]);
}

#[test]
fn texts_of_a_list_that_no_segment_could_hold_are_refused() {
    let (directory, mut writer) = new_store();
    change(&mut writer, "x", whole(), &[entry("a", &[pdq(1)])]).unwrap();
    let mut settings = ListSettings {
        terms: Some("x".repeat(17 << 20)),
        ..ListSettings::default()
    };
    assert!(matches!(
        writer.describe("x", &settings),
        Err(StoreError::Build(_))
    ));
    // Nor are those that are too long only with those of others.
    for (name, is_fine) in [("y", true), ("z", false)] {
        let mut descriptor = list(name);
        descriptor.terms = "x".repeat(9 << 20);
        let mut change = writer.change(descriptor, whole()).unwrap();
        change.add(&entry("a", &[pdq(1)]), false).unwrap();
        assert_eq!(change.commit().is_ok(), is_fine);
    }
    writer.withdraw("y", ["a"]).unwrap();
    writer.remove_list("y", &mut |_| {}).unwrap();
    settings.terms = Some("t".to_owned());
    settings.source = Some("s".to_owned());
    assert!(writer.describe("x", &settings).unwrap());
    // What is not said stays, also when a change says nothing of it.
    settings.source = Some(String::new());
    settings.terms = None;
    assert!(writer.describe("x", &settings).unwrap());
    change(&mut writer, "x", whole(), &[entry("b", &[pdq(2)])]).unwrap();
    let described = &writer.snapshot().lists()[0].descriptor;
    assert_eq!((&*described.terms, &*described.source), ("t", ""));
    assert!(matches!(
        writer.describe("y", &settings),
        Err(StoreError::UnknownList { .. })
    ));
    drop(writer);
    verify(directory.path());
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
    let gone = store.verify_removed(&[pdq(1)], &mut |_, _| {});
    assert_eq!(gone.unwrap().found_in, []);
    // Active, withdrawn, active: of what is added by hand nobody knows which is the older.
    let mut writer = StoreWriter::open(directory.path()).unwrap();
    let again = [entry("line-5", &[pdq(1)])];
    let summary = by_value(&mut writer, &again);
    assert_eq!((summary.added, summary.outdated), (0, 1));
    let options = ChangeOptions {
        reinstates: true,
        ..whole()
    };
    let mut change = writer.change(list("x"), options).unwrap();
    change.add(&again[0], true).unwrap();
    let summary = change.commit().unwrap();
    assert_eq!((summary.added, summary.reinstated), (1, 1));
    assert_eq!(ids(writer.snapshot(), &pdq(1)), [id]);
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
