//! What a build makes of what is stated, and what it leaves on the disk.

use super::*;

#[test]
fn all_entries_of_one_hash_come_back() {
    let entries: Vec<_> = (0..500)
        .map(|i| entry(&format!("{i:03}"), &[pdq(7)]))
        .collect();
    let index = open(&build(&entries)).unwrap();
    index.verify().unwrap();
    assert_eq!(index.len(HashKind::Pdq), 1);
    let asserting = index.asserting(HashKind::Pdq, 0).unwrap();
    let ids: Vec<_> = asserting
        .map(|e| index.entry(e.unwrap()).unwrap().entry.entry_id)
        .collect();
    assert_eq!(ids, (0..500).map(|i| format!("{i:03}")).collect::<Vec<_>>());
}

#[test]
fn a_withdrawn_record_takes_back_what_was_stated_before_it() {
    let withdrawn = |id: &str, hashes: &[HashValue]| {
        let mut record = entry(id, hashes);
        record.status = EntryStatus::Withdrawn;
        record
    };
    let index = open(&build(&[
        entry("whole", &[md5(1), md5(2)]),
        withdrawn("whole", &[]),
        entry("one hash", &[md5(3), md5(4)]),
        withdrawn("one hash", &[md5(3)]),
        entry("stated again", &[md5(5)]),
        withdrawn("stated again", &[]),
        entry("stated again", &[md5(5)]),
        withdrawn("never stated", &[md5(6)]),
        entry("shared a", &[md5(7)]),
        entry("shared b", &[md5(7)]),
        withdrawn("shared a", &[]),
    ]))
    .unwrap();
    index.verify().unwrap();
    let alive: Vec<bool> = (1..=7)
        .map(|i| index.find(&md5(i)).unwrap().is_some())
        .collect();
    assert_eq!(alive, [false, false, false, true, true, false, true]);
    let id = index.find(&md5(7)).unwrap().unwrap();
    let entries: Vec<_> = index.asserting(HashKind::Md5, id).unwrap().collect();
    assert_eq!(entries.len(), 1);
    let read = index.entry(entries[0].unwrap()).unwrap();
    assert_eq!(read.entry.entry_id, "shared b");
}

#[test]
fn rows_of_one_entry_are_put_together_and_the_last_word_counts() {
    let mut last = entry("a", &[md5(2)]);
    last.status = EntryStatus::Disputed;
    last.tags = vec!["late".to_owned()];
    let index = open(&build(&[
        entry("a", &[md5(1)]),
        last.clone(),
        entry("b", &[md5(1)]),
    ]))
    .unwrap();
    assert_eq!(index.entries(), 2);
    let read = index.entry(0).unwrap();
    last.hashes.clear();
    assert_eq!(read.entry, last);
    assert_eq!(index.assertions(HashKind::Md5), 3);
}

#[test]
fn the_same_input_gives_the_same_bytes_whatever_the_memory() {
    let entries: Vec<_> = (0..40_000_u64)
        .map(|i| entry(&format!("entry-{i}"), &[pdq(i), md5((i % 251) as u8)]))
        .collect();
    let directory = tempfile::tempdir().unwrap();
    let built = |name: &str, budget: usize| {
        let path = directory.path().join(name);
        let mut builder = IndexBuilder::with_memory_budget(&path, budget);
        let list = builder.add_list(list("list")).unwrap();
        for entry in &entries {
            builder.add(list, entry).unwrap();
        }
        builder.finish().unwrap();
        std::fs::read(path).unwrap()
    };
    let (large, small) = (built("large", 1 << 30), built("small", 0));
    assert!(large == small, "the bytes differ");
    open(&large).unwrap().verify().unwrap();
    let names: Vec<_> = std::fs::read_dir(directory.path()).unwrap().collect();
    assert_eq!(names.len(), 2, "temporary files are left");
}

#[test]
fn a_build_that_fails_or_is_given_up_leaves_the_old_file() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("index.hsv");
    std::fs::write(&path, b"old").unwrap();
    let mut builder = IndexBuilder::new(&path);
    let list = builder.add_list(list("list")).unwrap();
    assert!(matches!(
        builder.add(list, &Entry::new("")),
        Err(BuildError::InvalidEntry { .. })
    ));
    assert!(matches!(
        builder.add(list, &Entry::new("a\0b")),
        Err(BuildError::InvalidEntry { .. })
    ));
    assert!(matches!(
        builder.add(9, &Entry::new("a")),
        Err(BuildError::UnknownList { list: 9 })
    ));
    let mut large = entry("a", &[md5(1)]);
    large.tags = vec!["t".repeat(MAX_ATTRIBUTES_LEN)];
    assert!(matches!(
        builder.add(list, &large),
        Err(BuildError::InvalidEntry { .. })
    ));
    builder.add(list, &entry("a", &[md5(1)])).unwrap();
    drop(builder);
    assert_eq!(std::fs::read(&path).unwrap(), b"old");
    let into_nowhere = IndexBuilder::new(directory.path().join("missing/index.hsv"));
    assert!(matches!(into_nowhere.finish(), Err(BuildError::Io { .. })));
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1);
}

#[test]
fn a_build_removes_what_killed_builds_left_and_nothing_else() {
    let directory = tempfile::tempdir().unwrap();
    let make = |name: &str, minutes: u64| {
        let file = std::fs::File::create(directory.path().join(name)).unwrap();
        let age = std::time::Duration::from_secs(60 * minutes);
        file.set_modified(std::time::SystemTime::now() - age)
            .unwrap();
        file
    };
    make(".hashsieve-abandoned.unpublished", 2);
    make(".hashsieve-young.unpublished", 0);
    make("other", 2);
    make(".hashsieve-policy.toml", 2);
    let owned = make(".hashsieve-owned.unpublished", 2);
    owned.lock().unwrap();
    IndexBuilder::new(directory.path().join("index.hsv"))
        .finish()
        .unwrap();
    let names = std::fs::read_dir(directory.path()).unwrap();
    let mut names: Vec<_> = names.map(|name| name.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(
        names,
        [
            ".hashsieve-owned.unpublished",
            ".hashsieve-policy.toml",
            ".hashsieve-young.unpublished",
            "index.hsv",
            "other"
        ]
    );
}

#[cfg(unix)]
#[test]
fn an_index_is_readable_by_its_owner_only() {
    use std::os::unix::fs::PermissionsExt;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("index.hsv");
    IndexBuilder::new(&path).finish().unwrap();
    let mode = std::fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn an_entry_may_state_more_hashes_than_are_sorted_in_memory() {
    // In each of three statements, of more than one record each, some hashes that the others state too.
    let hash = |number: u32| {
        let mut bytes = [0; 16];
        bytes[..4].copy_from_slice(&number.wrapping_mul(2_654_435_761).to_le_bytes());
        HashValue::from_bytes(HashKind::Md5, &bytes).unwrap()
    };
    let stated = |numbers: std::ops::Range<u32>, status: EntryStatus| {
        let mut stated = entry("one", &numbers.map(hash).collect::<Vec<_>>());
        stated.status = status;
        stated
    };
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("index");
    let mut builder = IndexBuilder::new(&path);
    let list = builder.add_list(list("list")).unwrap();
    for (numbers, status) in [
        (0..60_000, EntryStatus::Active),
        (20_000..30_000, EntryStatus::Withdrawn),
        (25_000..70_000, EntryStatus::Active),
    ] {
        builder.add(list, &stated(numbers, status)).unwrap();
    }
    let summary = builder.finish().unwrap();
    let index = Index::open(&path).unwrap();
    index.verify().unwrap();
    assert_eq!((summary.entries, summary.repeated), (1, 45_000));
    assert_eq!(index.len(HashKind::Md5), 65_000);
    for number in 0..71_000 {
        let found = index.find(&hash(number)).unwrap().is_some();
        let alive = number < 70_000 && !(20_000..25_000).contains(&number);
        assert_eq!(found, alive, "number {number}");
    }
}

#[test]
fn an_entry_of_too_many_hashes_that_cannot_be_matched_keeps_all_that_can_and_stops_no_build() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("index");
    let mut builder = IndexBuilder::new(&path);
    let list = builder.add_list(list("list")).unwrap();
    // Frames of a video, say, each in a row of its own.
    let text = "p".repeat(288);
    let pdq_of = |number: u32| Pdq::from_words([1, 2, 3, number.into()]).into();
    for number in 0..1200 {
        let mut frame = entry("video", &[pdq_of(number)]);
        frame.add_other_hash("photodna", format!("{text}{number:04}"));
        builder.add(list, &frame).unwrap();
    }
    builder.add(list, &entry("w", &[md5(0)])).unwrap();
    let summary = builder.finish().unwrap();
    let index = Index::open(&path).unwrap();
    index.verify().unwrap();
    let video = index.position_of(0, "video").unwrap().unwrap();
    let kept = index.entry(video).unwrap().entry.other_hashes.len() as u64;
    let each = 1 + 4 + "photodna".len() as u64 + 1 + 292;
    let fit = MAX_ATTRIBUTES_LEN as u64 / each;
    assert_eq!(summary.other_hashes_left_out, 1200 - fit);
    assert_eq!(kept, fit);
    assert_eq!(index.len(HashKind::Pdq), 1200);
}

#[test]
fn two_lists_of_one_name_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    let mut builder = IndexBuilder::new(directory.path().join("index"));
    builder.add_list(list("list")).unwrap();
    let refused = builder.add_list(list("list")).unwrap_err();
    assert!(matches!(refused, BuildError::NameTaken { list: 0 }));
    builder.add_list(list("other")).unwrap();
}

#[test]
fn a_record_that_replaces_takes_back_what_it_leaves_out() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("index.hsv");
    let mut builder = IndexBuilder::new(&path);
    let number = builder.add_list(list("a")).unwrap();
    let (one, two) = (pdq(1), pdq(2));
    let mut entry = Entry::new("e");
    entry.add_hash(one);
    entry.add_other_hash("photodna", "first");
    builder.replace(number, &entry).unwrap();
    let mut later = Entry::new("e");
    later.add_hash(two);
    later.add_other_hash("photodna", "second");
    builder.replace(number, &later).unwrap();
    builder.finish().unwrap();
    let index = Index::open(&path).unwrap();
    index.verify().unwrap();
    assert_eq!(index.find(&one).unwrap(), None);
    assert_eq!(index.find(&two).unwrap(), Some(0));
    let kept = index.entry(0).unwrap().entry.other_hashes;
    assert_eq!(kept.len(), 1);
    assert_eq!(kept[0].value, "second");
}

#[test]
fn an_entry_with_nothing_but_unmatchable_hashes_is_kept() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("index.hsv");
    let mut builder = IndexBuilder::new(&path);
    let number = builder.add_list(list("a")).unwrap();
    for value in ["x", "y", "x"] {
        let mut entry = Entry::new("e");
        entry.add_other_hash("photodna", value);
        builder.add(number, &entry).unwrap();
    }
    // One of them is taken back by name.
    let mut entry = Entry::new("e");
    entry.status = EntryStatus::Withdrawn;
    entry.add_other_hash("photodna", "y");
    builder.add(number, &entry).unwrap();
    assert_eq!(builder.finish().unwrap().entries, 1);
    let index = Index::open(&path).unwrap();
    index.verify().unwrap();
    assert_eq!(index.entry(0).unwrap().entry.other_hashes.len(), 1);
    assert_eq!(index.position_of(0, "e").unwrap(), Some(0));
    assert_eq!(index.position_of(0, "f").unwrap(), None);
}

#[test]
fn withdrawn_entries_are_kept_where_that_is_asked_for() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("index.hsv");
    let mut builder = IndexBuilder::new(&path);
    builder.keep_withdrawn();
    let number = builder.add_list(list("a")).unwrap();
    let mut entry = Entry::new("e");
    entry.add_hash(pdq(1));
    builder.add(number, &entry).unwrap();
    let mut gone = Entry::new("e");
    gone.status = EntryStatus::Withdrawn;
    gone.source_updated = Some(77);
    builder.replace(number, &gone).unwrap();
    builder.finish().unwrap();
    let index = Index::open(&path).unwrap();
    index.verify().unwrap();
    assert!(index.is_empty());
    let kept = index.entry(0).unwrap().entry;
    assert_eq!(kept.status, EntryStatus::Withdrawn);
    assert_eq!(kept.source_updated, Some(77));
}

#[test]
fn an_index_is_put_into_another_as_if_it_had_been_there_first() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("index.hsv");
    let mut builder = IndexBuilder::new(&path);
    builder.keep_withdrawn();
    let other = builder.add_list(list("other")).unwrap();
    let number = builder.add_list(list("a")).unwrap();
    for (of, id, bits) in [
        (number, "e", 1),
        (number, "f", 2),
        (other, "e", 3),
        (number, "g", 1),
    ] {
        let mut entry = Entry::new(id);
        entry.add_hash(pdq(bits));
        entry.add_other_hash("photodna", id);
        entry.tags = vec![id.to_owned()];
        builder.add(of, &entry).unwrap();
    }
    let mut gone = Entry::new("gone");
    gone.status = EntryStatus::Withdrawn;
    builder.add(number, &gone).unwrap();
    builder.finish().unwrap();
    let first = Index::open(&path).unwrap();

    let second = directory.path().join("second");
    let mut builder = IndexBuilder::new(&second);
    builder.keep_withdrawn();
    let number = builder.add_list(list("a")).unwrap();
    // Said before the index is added, and yet later than what it holds.
    let mut entry = Entry::new("e");
    entry.add_hash(pdq(9));
    builder.add(number, &entry).unwrap();
    let mut entry = Entry::new("f");
    entry.status = EntryStatus::Withdrawn;
    builder.add(number, &entry).unwrap();
    let g = first.position_of(1, "g").unwrap();
    let of_list = |found: u32| (found == 1).then_some(number);
    builder
        .add_index(&first, of_list, |position| Some(position) != g)
        .unwrap();
    builder.finish().unwrap();
    let index = Index::open(&second).unwrap();
    index.verify().unwrap();
    let ids: Vec<_> = (0..index.entries())
        .map(|position| index.entry(position).unwrap().entry)
        .map(|entry| (entry.entry_id, entry.status, entry.other_hashes.len()))
        .collect();
    assert_eq!(
        ids,
        [
            ("e".to_owned(), EntryStatus::Active, 1),
            ("f".to_owned(), EntryStatus::Withdrawn, 0),
            ("gone".to_owned(), EntryStatus::Withdrawn, 0),
        ]
    );
    let mut asserted = Vec::new();
    index
        .for_each_assertion(
            HashKind::Pdq,
            |_| true,
            |hash, entry| {
                asserted.push((*hash, entry));
                Ok::<(), CorruptIndex>(())
            },
        )
        .unwrap();
    asserted.sort_unstable();
    let mut expected = [(pdq(1), 0), (pdq(9), 0)];
    expected.sort_unstable();
    assert_eq!(asserted, expected);
    assert_eq!(first.entries_of(1).unwrap().len(), 4);
    assert_eq!(first.entries_of(7).unwrap().len(), 0);
}
