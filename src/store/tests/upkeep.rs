//! Putting together, purging and removing.

use super::*;

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
fn a_withdrawal_does_not_fail_for_damage_of_what_was_to_be_put_together() {
    let (directory, mut writer) = new_store();
    for i in 0..16 {
        let two = [
            entry(&format!("{i}"), &[md5(i)]),
            entry(&format!("{}", 100 + i), &[md5(100 + i)]),
        ];
        change(&mut writer, "x", whole(), &two).unwrap();
    }
    assert_eq!(writer.snapshot().segments().len(), 16);
    drop(writer);
    let segment = directory.path().join("segment-00000001.hsv");
    let mut bytes = fs::read(&segment).unwrap();
    let at = memchr::memmem::find(&bytes, md5(0).as_bytes()).unwrap();
    bytes[at] ^= 1;
    fs::write(&segment, &bytes).unwrap();
    let mut writer = StoreWriter::open(directory.path()).unwrap();
    // Each is one small segment more, which remembers what is withdrawn.
    for i in [5, 6] {
        let summary = writer.withdraw("x", [&*i.to_string()]).unwrap();
        assert_eq!(summary.withdrawn, 1);
        assert_eq!(ids(writer.snapshot(), &md5(i)), Vec::<String>::new());
    }
    assert_eq!(writer.snapshot().segments().len(), 18);
    assert_eq!(ids(writer.snapshot(), &md5(7)), ["7"]);
    assert!(matches!(
        writer.compact(&mut |_| {}),
        Err(StoreError::Corrupt { .. })
    ));
}

#[test]
fn damage_of_one_segment_keeps_nothing_of_the_others_from_being_purged() {
    let (directory, mut writer) = new_store();
    for name in ["x", "y"] {
        let two = [entry("a", &[md5(1)]), entry("b", &[md5(2)])];
        change(&mut writer, name, whole(), &two).unwrap();
        writer.withdraw(name, ["a"]).unwrap();
    }
    drop(writer);
    let names = || {
        let names = fs::read_dir(directory.path()).unwrap();
        let names = names.map(|name| name.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<_> = names.filter(|name| name.starts_with("segment")).collect();
        names.sort();
        names
    };
    let holds = |name: &String| {
        let bytes = fs::read(directory.path().join(name)).unwrap();
        memchr::memmem::find(&bytes, md5(1).as_bytes())
    };
    let damaged = names()
        .into_iter()
        .rfind(|name| holds(name).is_some())
        .unwrap();
    let path = directory.path().join(&damaged);
    let mut bytes = fs::read(&path).unwrap();
    let at = memchr::memmem::find(&bytes, md5(2).as_bytes()).unwrap();
    bytes[at] ^= 1;
    fs::write(&path, &bytes).unwrap();
    let mut writer = StoreWriter::open(directory.path()).unwrap();
    let purged = writer.purge(&mut |_| {});
    assert!(matches!(purged, Err(StoreError::Corrupt { .. })));
    let left: Vec<_> = names().into_iter().filter(|n| holds(n).is_some()).collect();
    assert_eq!(left, [damaged]);
    assert_eq!(ids(writer.snapshot(), &md5(1)), Vec::<String>::new());
}

#[test]
fn what_is_said_of_a_list_that_is_removed_is_in_no_segment_of_others() {
    let (directory, mut writer) = new_store();
    let mut described = list("secret name");
    described.terms = "secret terms".to_owned();
    let mut one = writer.change(described, whole()).unwrap();
    one.add(&entry("a", &[md5(1)]), false).unwrap();
    one.commit().unwrap();
    let two = [entry("b", &[md5(2)]), entry("c", &[md5(3)])];
    change(&mut writer, "x", whole(), &two).unwrap();
    writer.withdraw("x", ["b"]).unwrap();
    writer.purge(&mut |_| {}).unwrap();
    writer.remove_list("secret name", &mut |_| {}).unwrap();
    drop(writer);
    for file in fs::read_dir(directory.path()).unwrap() {
        let bytes = fs::read(file.unwrap().path()).unwrap();
        assert!(memchr::memmem::find(&bytes, b"secret").is_none());
    }
    verify(directory.path());
}

#[test]
fn a_store_that_was_not_made_to_its_end_can_be_made() {
    let directory = tempfile::tempdir().unwrap();
    for name in ["lock", ".hashsieve-abc.unpublished"] {
        fs::write(directory.path().join(name), b"").unwrap();
    }
    let mut writer = StoreWriter::create(directory.path()).unwrap();
    change(&mut writer, "x", whole(), &[entry("a", &[md5(1)])]).unwrap();
    drop(writer);
    verify(directory.path());
}

#[test]
fn a_list_is_removed_though_a_segment_of_another_is_damaged() {
    let (directory, mut writer) = new_store();
    change(&mut writer, "x", whole(), &[entry("a", &[md5(1)])]).unwrap();
    let two = [entry("b", &[md5(2)]), entry("c", &[md5(3)])];
    change(&mut writer, "y", whole(), &two).unwrap();
    writer.withdraw("y", ["b"]).unwrap();
    drop(writer);
    let path = directory.path().join("segment-00000002.hsv");
    let mut bytes = fs::read(&path).unwrap();
    let at = memchr::memmem::find(&bytes, md5(3).as_bytes()).unwrap();
    bytes[at] ^= 1;
    fs::write(&path, &bytes).unwrap();
    let mut writer = StoreWriter::open(directory.path()).unwrap();
    writer.remove_list("x", &mut |_| {}).unwrap();
    assert_eq!(writer.snapshot().lists().len(), 1);
    assert_eq!(ids(writer.snapshot(), &md5(1)), Vec::<String>::new());
    let removed = Store::open(directory.path()).unwrap();
    let removed = removed.verify_removed(&[md5(1)], &mut |_, _| {}).unwrap();
    assert!(removed.found_in.is_empty());
    // Of the damaged one nothing is read where nothing of it is left.
    writer.remove_list("y", &mut |_| {}).unwrap();
    assert!(writer.snapshot().segments().is_empty());
}
