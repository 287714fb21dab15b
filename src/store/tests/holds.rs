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

#[test]
fn nothing_that_is_not_known_to_be_later_brings_back_what_was_withdrawn() {
    let table = ChangeOptions::add();
    let feed = ChangeOptions::apply();
    let old = || at(entry("a", &[md5(1)]), 1000);
    let undated = || entry("a", &[md5(1)]);
    // Whether in one change or in two; whether the withdrawal is of a time, of none, or of one that has not come.
    let cases: [(ChangeOptions, Entry, Entry); 7] = [
        (table, withdrawn("a"), undated()),
        (table, withdrawn("a"), old()),
        (table, at(withdrawn("a"), 2000), old()),
        (table, at(withdrawn("a"), 2000), undated()),
        (feed, at(withdrawn("a"), 2000), old()),
        (feed, at(withdrawn("a"), 2000), undated()),
        (feed, at(withdrawn("a"), now() + 3 * 86_400), old()),
    ];
    for (number, (options, gone, again)) in cases.into_iter().enumerate() {
        for is_stored in [false, true] {
            let (_directory, mut writer) = new_store();
            if is_stored {
                change(&mut writer, "x", options, &[old()]).unwrap();
            }
            change(&mut writer, "x", options, std::slice::from_ref(&gone)).unwrap();
            let summary = change(&mut writer, "x", options, std::slice::from_ref(&again)).unwrap();
            assert_eq!((summary.added, summary.outdated), (0, 1), "case {number}");
            assert_eq!(ids(writer.snapshot(), &md5(1)), Vec::<String>::new());
        }
        // In one file without times the last row counts: it is in the order of its maker.
        if gone.source_updated.is_some() {
            let (_directory, mut writer) = new_store();
            let both = [gone.clone(), again.clone()];
            let summary = change(&mut writer, "x", options, &both).unwrap();
            assert_eq!((summary.added, summary.outdated), (0, 1), "case {number}");
        }
    }
}

#[test]
fn an_older_row_adds_its_hashes_and_says_and_withdraws_nothing_else() {
    let (_directory, mut writer) = new_store();
    let table = ChangeOptions::add();
    let mut first = at(entry("a", &[md5(1)]), 2000);
    first.opinion = Opinion::Negative;
    change(&mut writer, "x", table, &[first]).unwrap();
    let older = at(entry("a", &[md5(2)]), 1000);
    let summary = change(&mut writer, "x", table, std::slice::from_ref(&older)).unwrap();
    assert_eq!((summary.changed, summary.outdated), (1, 0));
    let gone = at(withdrawn("a"), 1500);
    let summary = change(&mut writer, "x", table, &[gone]).unwrap();
    assert_eq!((summary.withdrawn, summary.outdated), (0, 1));
    let said = |writer: &StoreWriter, hash: &HashValue| {
        let found = writer.snapshot().find(hash).unwrap();
        let (_, entry) = writer.snapshot().entry(&found[0]).unwrap();
        (entry.opinion, entry.source_updated)
    };
    for hash in [md5(1), md5(2)] {
        assert_eq!(said(&writer, &hash), (Opinion::Negative, Some(2000)));
    }
    // Also in one file, whatever the order of its rows.
    let mut first = at(entry("b", &[md5(3)]), 2000);
    first.opinion = Opinion::Negative;
    let older = at(entry("b", &[md5(4)]), 1000);
    change(&mut writer, "x", table, &[first, older]).unwrap();
    assert_eq!(said(&writer, &md5(4)), (Opinion::Negative, Some(2000)));
}

#[test]
fn a_record_that_lacks_hashes_takes_none_of_its_entry_and_an_older_one_says_nothing() {
    for options in [ChangeOptions::apply(), whole(), ChangeOptions::add()] {
        let (_directory, mut writer) = new_store();
        let both = at(entry("a", &[md5(1), pdq(1)]), 1000);
        change(&mut writer, "x", options, &[both]).unwrap();
        let mut incomplete = at(entry("a", &[md5(2)]), 2000);
        incomplete.opinion = Opinion::Disputed;
        let mut one = writer.change(list("x"), options).unwrap();
        one.add_incomplete(&incomplete).unwrap();
        assert_eq!(one.commit().unwrap().changed, 1);
        for hash in [md5(1), md5(2), pdq(1)] {
            assert_eq!(ids(writer.snapshot(), &hash), ["a"]);
        }
        let found = writer.snapshot().find(&md5(1)).unwrap();
        let (_, entry) = writer.snapshot().entry(&found[0]).unwrap();
        assert_eq!(entry.opinion, Opinion::Disputed);
        let mut late = writer.change(list("x"), options).unwrap();
        late.add(&at(withdrawn("a"), 4000), false).unwrap();
        late.add_incomplete(&at(super::entry("a", &[md5(9)]), 3000))
            .unwrap();
        let summary = late.commit().unwrap();
        assert_eq!((summary.withdrawn, summary.outdated), (1, 1));
    }
}

#[test]
fn hashes_that_another_record_of_the_entry_takes_the_place_of_are_counted() {
    let (_directory, mut writer) = new_store();
    let twice = |time: Option<i64>| {
        let mut records = [entry("a", &[md5(1), md5(2)]), entry("a", &[md5(2), md5(3)])];
        records[0].source_updated = time;
        records[1].source_updated = time.map(|time| time + 1);
        records
    };
    let summary = change(&mut writer, "x", whole(), &twice(None)).unwrap();
    assert_eq!((summary.added, summary.superseded), (1, 1));
    // The later in time takes the place of the other, as is meant.
    let summary = change(&mut writer, "y", whole(), &twice(Some(1000))).unwrap();
    assert_eq!((summary.added, summary.superseded), (1, 0));
    // What is gone in any case was not lost.
    for last in [withdrawn("a"), at(entry("a", &[md5(9)]), 9000)] {
        let mut records = twice(None).to_vec();
        records[0].source_updated = last.source_updated.map(|_| 1000);
        records[1].source_updated = records[0].source_updated;
        records.push(last);
        let summary = change(&mut writer, "z", whole(), &records).unwrap();
        assert_eq!(summary.superseded, 0);
    }
}

#[test]
fn what_was_withdrawn_is_remembered_where_a_list_is_replaced_and_its_record_cannot_be_read() {
    let (_directory, mut writer) = new_store();
    let both = [entry("a", &[md5(1)]), entry("b", &[md5(2)])];
    change(&mut writer, "x", whole(), &both).unwrap();
    writer.withdraw("x", ["a"]).unwrap();
    let mut replacing = writer.change(list("x"), replace_any()).unwrap();
    replacing.add(&both[1], false).unwrap();
    replacing.left_out("a").unwrap();
    replacing.commit().unwrap();
    let summary = change(&mut writer, "x", ChangeOptions::add(), &both).unwrap();
    assert_eq!((summary.added, summary.outdated), (0, 1));
    // A file that has it brings it back, which is told.
    let summary = change(&mut writer, "x", replace_any(), &both).unwrap();
    assert_eq!((summary.added, summary.reinstated), (1, 1));
}

#[test]
fn no_row_sets_the_time_of_a_withdrawal_back() {
    let table = ChangeOptions::add();
    let again = || at(entry("a", &[md5(1)]), 5000);
    let mut of_hash = at(withdrawn("a"), 3000);
    of_hash.hashes = vec![md5(1)];
    for is_one_change in [false, true] {
        let (_directory, mut writer) = new_store();
        change(&mut writer, "x", table, &[again()]).unwrap();
        let both = [at(withdrawn("a"), 9000), of_hash.clone()];
        if is_one_change {
            change(&mut writer, "x", table, &both).unwrap();
        } else {
            for one in &both {
                change(&mut writer, "x", table, std::slice::from_ref(one)).unwrap();
            }
        }
        let summary = change(&mut writer, "x", table, &[again()]).unwrap();
        assert_eq!((summary.added, summary.outdated), (0, 1));
    }
    // An undated withdrawal is as late as what it withdraws, also of the same change.
    let feed = ChangeOptions::apply();
    let (_directory, mut writer) = new_store();
    change(&mut writer, "x", feed, &[again(), withdrawn("a")]).unwrap();
    let summary = change(&mut writer, "x", feed, &[again()]).unwrap();
    assert_eq!((summary.added, summary.outdated), (0, 1));
    // What is older than what an undated row withdrew is not brought back by a row of the same file.
    let (_directory, mut writer) = new_store();
    change(&mut writer, "x", table, &[again()]).unwrap();
    let older = at(entry("a", &[md5(1)]), 1000);
    let summary = change(&mut writer, "x", table, &[withdrawn("a"), older]).unwrap();
    assert_eq!((summary.withdrawn, summary.outdated), (1, 1));
}

#[test]
fn a_withdrawal_whose_clock_is_ahead_beats_a_record_whose_clock_is_less_so() {
    for options in [ChangeOptions::apply(), ChangeOptions::add(), replace_any()] {
        let ahead = at(entry("a", &[md5(1)]), now() + 20 * 3600);
        let gone = at(withdrawn("a"), now() + 30 * 3600);
        let (_directory, mut writer) = new_store();
        let other = entry("b", &[md5(2)]);
        change(
            &mut writer,
            "x",
            options,
            &[ahead.clone(), gone.clone(), other],
        )
        .unwrap();
        assert_eq!(ids(writer.snapshot(), &md5(1)), Vec::<String>::new());
        if options.kind != ChangeKind::Replace {
            let (_directory, mut writer) = new_store();
            change(&mut writer, "x", options, &[ahead]).unwrap();
            let summary = change(&mut writer, "x", options, &[gone]).unwrap();
            assert_eq!((summary.withdrawn, summary.outdated), (1, 0));
        }
    }
}

#[test]
fn bringing_back_what_was_withdrawn_loses_no_withdrawal_of_the_same_file() {
    let options = ChangeOptions {
        reinstates: true,
        ..ChangeOptions::add()
    };
    let (_directory, mut writer) = new_store();
    let rows = [
        at(entry("a", &[md5(1)]), 1000),
        at(withdrawn("a"), 2000),
        at(entry("b", &[md5(2)]), 1000),
    ];
    change(&mut writer, "x", options, &rows[2..]).unwrap();
    writer.withdraw("x", ["b"]).unwrap();
    let summary = change(&mut writer, "x", options, &rows).unwrap();
    assert_eq!((summary.reinstated, summary.unseen), (1, 1));
    assert_eq!(ids(writer.snapshot(), &md5(1)), Vec::<String>::new());
    assert_eq!(ids(writer.snapshot(), &md5(2)), ["b"]);
}

#[test]
fn a_row_of_nothing_but_hashes_leaves_what_other_rows_say() {
    let (_directory, mut writer) = new_store();
    let table = ChangeOptions::add();
    let mut first = at(entry("a", &[md5(1)]), 1000);
    first.opinion = Opinion::Negative;
    let bare = entry("a", &[md5(2)]);
    let said = |writer: &StoreWriter, hash: &HashValue| {
        let found = writer.snapshot().find(hash).unwrap();
        let (_, entry) = writer.snapshot().entry(&found[0]).unwrap();
        (entry.opinion, entry.source_updated)
    };
    // In one file, in either order; after what the store has; and where a list is replaced and a record could not be read.
    let both = [first.clone(), bare.clone()];
    change(&mut writer, "x", table, &both).unwrap();
    change(&mut writer, "y", table, &[bare.clone(), first.clone()]).unwrap();
    for found in writer.snapshot().find(&md5(2)).unwrap() {
        let (_, entry) = writer.snapshot().entry(&found).unwrap();
        assert_eq!(
            (entry.opinion, entry.source_updated),
            (Opinion::Negative, Some(1000))
        );
    }
    let mut later = at(entry("a", &[md5(3)]), 2000);
    later.opinion = Opinion::Disputed;
    change(&mut writer, "x", table, &[later, entry("a", &[md5(4)])]).unwrap();
    assert_eq!(said(&writer, &md5(4)), (Opinion::Disputed, Some(2000)));
    let mut replacing = writer.change(list("x"), replace_any()).unwrap();
    replacing.left_out("a").unwrap();
    replacing.add(&entry("a", &[md5(5)]), false).unwrap();
    replacing.commit().unwrap();
    assert_eq!(said(&writer, &md5(5)), (Opinion::Disputed, Some(2000)));
}

#[test]
fn a_withdrawal_that_was_made_while_the_clock_was_ahead_holds() {
    let (_directory, mut writer) = new_store();
    let feed = ChangeOptions::apply();
    let old = || at(entry("a", &[md5(1)]), 1000);
    change(&mut writer, "x", feed, &[old()]).unwrap();
    let mut withdrawal = writer.withdrawal("x").unwrap();
    withdrawal.now += 10 * 86_400;
    withdrawal.withdraw("a").unwrap();
    assert_eq!(withdrawal.commit().unwrap().withdrawn, 1);
    let summary = change(&mut writer, "x", feed, &[old()]).unwrap();
    assert_eq!((summary.added, summary.outdated), (0, 1));
}

#[test]
fn an_undated_withdrawal_holds_against_older_rows_of_its_file_and_leaves_nothing_that_was_said() {
    let (_directory, mut writer) = new_store();
    let table = ChangeOptions::add();
    let mut first = at(entry("a", &[md5(1)]), 5000);
    first.tags = vec!["first".to_owned()];
    let older = at(entry("a", &[md5(2)]), 3000);
    let later = at(entry("a", &[md5(3)]), 6000);
    let summary = change(
        &mut writer,
        "x",
        table,
        &[first.clone(), withdrawn("a"), older],
    )
    .unwrap();
    assert_eq!((summary.entries, summary.outdated), (0, 1));
    change(&mut writer, "y", table, &[first, withdrawn("a"), later]).unwrap();
    let found = writer.snapshot().find(&md5(3)).unwrap();
    let (_, entry) = writer.snapshot().entry(&found[0]).unwrap();
    assert_eq!((entry.tags.len(), entry.source_updated), (0, Some(6000)));
}

#[test]
fn hashes_are_counted_as_superseded_by_a_record_of_very_many_as_well() {
    let (_directory, mut writer) = new_store();
    let many: Vec<_> = (10..1510).map(md5).collect();
    let both = [entry("a", &[md5(1)]), entry("a", &many)];
    let summary = change(&mut writer, "x", whole(), &both).unwrap();
    assert_eq!((summary.added, summary.superseded), (1, 1));
    assert_eq!(ids(writer.snapshot(), &md5(1509)), ["a"]);
}
