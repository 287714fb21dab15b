//! One test for each promise of a store, and for what can be wrong with what it is given.

use std::fs;
use std::path::Path;

use super::*;
use crate::entry::{Entry, EntryStatus, ListDescriptor, Opinion};
use crate::hash::{HashKind, HashValue, Pdq};
use crate::list::{FeedPosition, ImportReport};

mod files;
mod holds;
mod model;

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
            ..FeedPosition::default()
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
    let settings = ListSettings {
        stale_after_days: Some(Some(3)),
        ..ListSettings::default()
    };
    assert!(writer.describe("x", &settings).unwrap());
    assert!(!writer.describe("x", &settings).unwrap());
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
        ..FeedPosition::default()
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
fn pages_of_one_request_may_be_in_any_order_of_time_and_the_last_moves_the_checkpoint() {
    let (_directory, mut writer) = new_store();
    let apply = |writer: &mut StoreWriter, pages: &[(i64, bool)], allows_older| {
        let mut options = ChangeOptions::apply();
        options.allows_older = allows_older;
        let mut change = writer.change(list("x"), options)?;
        change.add(&entry("a", &[pdq(1)]), false)?;
        for &(time, has_more) in pages {
            let position = FeedPosition {
                checkpoint: (time != 0).then(|| time.to_string()),
                checkpoint_time: (time != 0).then_some(time),
                has_more,
                ..FeedPosition::default()
            };
            change.imported(&ImportReport::default(), Some(&position));
        }
        change.commit()?;
        Ok::<_, StoreError>(writer.snapshot().lists()[0].checkpoint_time)
    };
    // Later pages of the request are missing.
    assert_eq!(apply(&mut writer, &[(50, true)], false).unwrap(), None);
    let request = [(50, true), (70, true), (60, false)];
    assert_eq!(apply(&mut writer, &request, false).unwrap(), Some(70));
    // A page that does not say where it ends says nothing of it.
    assert_eq!(apply(&mut writer, &[(0, false)], false).unwrap(), Some(70));
    for backwards in [&[(60, false)][..], &[(90, false), (80, false)]] {
        let refused = apply(&mut writer, backwards, false);
        assert!(matches!(refused, Err(StoreError::Backwards { .. })));
        assert_eq!(writer.snapshot().lists()[0].checkpoint_time, Some(70));
    }
    assert_eq!(apply(&mut writer, &[(60, false)], true).unwrap(), Some(60));
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
        store.verify_removed(&[hash], &mut |_, _| {}).unwrap()
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
        assert_eq!(removed.found_in, []);
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
    // And which of several it is.
    let mut last = (0, 0);
    let found = store
        .verify_removed(&[pdq(3), md5(1), pdq(1), pdq(12)], &mut |done, total| {
            last = (done, total);
        })
        .unwrap();
    let hashes: Vec<_> = found
        .found_in
        .iter()
        .map(|found| &found.hashes[..])
        .collect();
    assert_eq!(hashes, [&[1][..], &[3]]);
    assert_eq!(last, (found.bytes, found.bytes));
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
    let gone = store.verify_removed(&[pdq(99)], &mut |_, _| {});
    assert_eq!(gone.unwrap().found_in, []);
    store.verify(&mut |_, _| {}).unwrap();
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
