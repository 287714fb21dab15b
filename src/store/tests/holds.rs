//! What holds of an entry when records, rows and withdrawals meet.

use super::*;

#[test]
fn a_list_that_loses_a_kind_of_hash_is_refused_though_it_keeps_its_entries() {
    let (_directory, mut writer) = new_store();
    let of = |hashes: fn(u64) -> Vec<HashValue>| -> Vec<Entry> {
        (0..20)
            .map(|i| entry(&format!("{i:03}"), &hashes(i)))
            .collect()
    };
    let (both, one) = (of(|i| vec![pdq(i), md5(i)]), of(|i| vec![md5(i)]));
    change(&mut writer, "x", ChangeOptions::replace(), &both).unwrap();
    let refused = change(&mut writer, "x", ChangeOptions::replace(), &one);
    assert!(matches!(
        refused,
        Err(StoreError::LosesHashes {
            kind: HashKind::Pdq,
            removed: 20,
            hashes: 20,
            limit_percent: 10
        })
    ));
    assert_eq!(ids(writer.snapshot(), &pdq(3)), ["003"]);
    assert_eq!(
        change(&mut writer, "x", replace_any(), &one)
            .unwrap()
            .changed,
        20
    );
}

#[test]
fn the_record_that_is_later_in_time_counts_and_at_one_time_the_withdrawal() {
    let here = |time| at(entry("a", &[pdq(1)]), time);
    let gone = |time| at(withdrawn("a"), time);
    for (records, stands) in [
        ([gone(2), here(1)], false),
        ([here(1), gone(2)], false),
        ([gone(1), here(2)], true),
        ([here(2), gone(1)], true),
        ([gone(1), here(1)], false),
        ([here(1), gone(1)], false),
    ] {
        let found = |writer: &StoreWriter| ids(writer.snapshot(), &pdq(1)).len();
        let (_directory, mut writer) = new_store();
        change(&mut writer, "x", ChangeOptions::apply(), &records).unwrap();
        assert_eq!(found(&writer), usize::from(stands), "in one change");
        let (_directory, mut writer) = new_store();
        for record in records {
            change(&mut writer, "x", ChangeOptions::apply(), &[record]).unwrap();
        }
        assert_eq!(found(&writer), usize::from(stands), "in two changes");
    }
}

#[test]
fn a_time_far_in_the_future_holds_no_withdrawal_up() {
    let (_directory, mut writer) = new_store();
    let future = [at(entry("a", &[pdq(1)]), now() + 100 * 365 * 86_400)];
    change(&mut writer, "x", ChangeOptions::apply(), &future).unwrap();
    let gone = [at(withdrawn("a"), now())];
    let summary = change(&mut writer, "x", ChangeOptions::apply(), &gone).unwrap();
    assert_eq!(summary.withdrawn, 1);
    assert!(ids(writer.snapshot(), &pdq(1)).is_empty());
}

#[test]
fn what_was_withdrawn_is_not_added_again_by_an_old_row_unless_it_is_to_be() {
    let (_directory, mut writer) = new_store();
    let rows = [entry("a", &[pdq(1)]), at(entry("b", &[pdq(2)]), 1_000)];
    change(&mut writer, "x", ChangeOptions::add(), &rows).unwrap();
    writer.withdraw("x", ["a", "b"]).unwrap();
    let again = change(&mut writer, "x", ChangeOptions::add(), &rows).unwrap();
    assert_eq!((again.added, again.outdated), (0, 2));
    assert!(ids(writer.snapshot(), &pdq(1)).is_empty());
    let options = ChangeOptions {
        reinstates: true,
        ..ChangeOptions::add()
    };
    assert_eq!(change(&mut writer, "x", options, &rows).unwrap().added, 2);
    assert_eq!(ids(writer.snapshot(), &pdq(1)), ["a"]);
}

#[test]
fn a_hash_that_is_added_leaves_what_is_known_of_its_entry() {
    let (_directory, mut writer) = new_store();
    let mut known = at(entry("a", &[pdq(1)]), 1_000);
    known.opinion = Opinion::Negative;
    known.status = EntryStatus::Disputed;
    known.tags = vec!["tag".to_owned()];
    change(&mut writer, "x", ChangeOptions::add(), &[known]).unwrap();
    let read = |writer: &StoreWriter, hash: &HashValue| {
        let found = writer.snapshot().find(hash).unwrap();
        writer.snapshot().entry(&found[0]).unwrap().1
    };
    change(
        &mut writer,
        "x",
        ChangeOptions::add(),
        &[entry("a", &[md5(1)])],
    )
    .unwrap();
    let now = read(&writer, &md5(1));
    assert_eq!(
        (now.opinion, now.status),
        (Opinion::Negative, EntryStatus::Disputed)
    );
    assert_eq!(
        (now.tags, now.source_updated),
        (vec!["tag".to_owned()], Some(1_000))
    );
    assert_eq!(ids(writer.snapshot(), &pdq(1)), ["a"]);
    // A row that says something takes its place, but for what it does not know.
    let mut row = entry("a", &[md5(2)]);
    row.submitter = Some("somebody".to_owned());
    change(&mut writer, "x", ChangeOptions::add(), &[row]).unwrap();
    let now = read(&writer, &md5(2));
    assert_eq!((now.opinion, now.tags.len()), (Opinion::Positive, 1));
}

#[test]
fn of_what_is_withdrawn_nothing_is_kept_but_its_id_and_time() {
    let (directory, mut writer) = new_store();
    let told = |mut entry: Entry| {
        entry.submitter = Some("secret-submitter".to_owned());
        entry.tags = vec!["secret-tag".to_owned()];
        entry
    };
    let records = [
        told(at(withdrawn("a"), 1_000)),
        told(at(entry("b", &[pdq(1)]), 1_000)),
    ];
    change(&mut writer, "x", ChangeOptions::apply(), &records).unwrap();
    let gone = [told(at(withdrawn("b"), 2_000))];
    change(&mut writer, "x", ChangeOptions::apply(), &gone).unwrap();
    writer.purge(&mut |_| {}).unwrap();
    for file in fs::read_dir(directory.path()).unwrap() {
        let bytes = fs::read(file.unwrap().path()).unwrap();
        assert!(memchr::memmem::find(&bytes, b"secret-").is_none());
    }
}

#[test]
fn what_cannot_be_read_takes_nothing_away_when_a_list_is_replaced() {
    for whole_records in [true, false] {
        let options = ChangeOptions {
            whole_records,
            ..replace_any()
        };
        let (directory, mut writer) = new_store();
        let entries = [
            entry("a", &[pdq(1), md5(1)]),
            entry("b", &[pdq(2)]),
            entry("c", &[pdq(3)]),
            withdrawn("d"),
        ];
        change(&mut writer, "x", whole(), &entries).unwrap();
        change(&mut writer, "y", whole(), &entries[..1]).unwrap();
        let mut change = writer.change(list("x"), options).unwrap();
        change.add(&entry("b", &[pdq(20)]), false).unwrap();
        for id in ["a", "d", "never"] {
            change.left_out(id).unwrap();
        }
        let summary = change.commit().unwrap();
        assert_eq!(
            (summary.changed, summary.removed, summary.unchanged),
            (1, 1, 1)
        );
        assert_eq!(summary.entries, 2);
        for hash in [pdq(1), md5(1)] {
            assert_eq!(ids(writer.snapshot(), &hash), ["a", "a"]);
        }
        assert_eq!(ids(writer.snapshot(), &pdq(20)), ["b"]);
        for hash in [pdq(2), pdq(3)] {
            assert_eq!(ids(writer.snapshot(), &hash), Vec::<String>::new());
        }
        // Of an entry of which one record can be read and another cannot, what was known stays as well, unless a record is all of it.
        let mut change = writer.change(list("x"), options).unwrap();
        change.add(&entry("a", &[pdq(9)]), false).unwrap();
        change.left_out("a").unwrap();
        change.left_out("b").unwrap();
        change.commit().unwrap();
        assert_eq!(ids(writer.snapshot(), &pdq(9)), ["a"]);
        let kept: &[&str] = if whole_records { &["a"] } else { &["a", "a"] };
        assert_eq!(ids(writer.snapshot(), &pdq(1)), kept);
        drop(writer);
        verify(directory.path());
    }
}
