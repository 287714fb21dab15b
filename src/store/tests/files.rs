//! The directory: who may write, damage of its files, and readers beside a writer.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::*;

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

/// Copies all files of a store.
fn copy(from: &Path, to: &Path) {
    for file in fs::read_dir(from).unwrap() {
        let file = file.unwrap();
        fs::copy(file.path(), to.join(file.file_name())).unwrap();
    }
}

#[test]
fn a_reader_takes_a_store_that_was_restored_from_a_copy_for_another() {
    let (directory, mut writer) = new_store();
    let entries = [entry("a", &[pdq(1)]), entry("b", &[pdq(2)])];
    change(&mut writer, "x", whole(), &entries).unwrap();
    let backup = tempfile::tempdir().unwrap();
    copy(directory.path(), backup.path());
    writer.withdraw("x", ["a"]).unwrap();
    let store = Store::open(directory.path()).unwrap();
    assert!(ids(&store.snapshot(), &pdq(1)).is_empty());
    drop(writer);
    // Restored; and another change is made, of the same number.
    for file in fs::read_dir(directory.path()).unwrap() {
        fs::remove_file(file.unwrap().path()).unwrap();
    }
    copy(backup.path(), directory.path());
    let mut writer = StoreWriter::open(directory.path()).unwrap();
    writer.withdraw("x", ["b"]).unwrap();
    assert_eq!(
        writer.snapshot().generation(),
        store.snapshot().generation()
    );
    assert!(store.reload().unwrap());
    assert_eq!(ids(&store.snapshot(), &pdq(1)), ["a"]);
    assert!(ids(&store.snapshot(), &pdq(2)).is_empty());
    assert!(!store.reload().unwrap());
}

#[test]
fn whoever_goes_on_after_a_failure_never_removes_what_the_store_names() {
    for step in 0.. {
        let (directory, mut writer) = new_store();
        let entries = [entry("a", &[pdq(1)]), entry("b", &[pdq(2)])];
        change(&mut writer, "x", whole(), &entries).unwrap();
        writer.fails_after.set(Some(step));
        let is_done = writer.withdraw("x", ["a"]).is_ok();
        let is_over = writer.fails_after.get() > Some(0);
        writer.fails_after.set(None);
        let _ = writer.remove_unnamed();
        let store = Store::open(directory.path()).unwrap();
        store.verify(&mut |_, _| {}).unwrap();
        assert_eq!(store.snapshot().identity(), writer.snapshot().identity());
        writer.withdraw("x", ["b"]).unwrap();
        verify(directory.path());
        if is_done && is_over {
            assert!(step > 3);
            break;
        }
    }
}

#[test]
fn whoever_changes_a_store_whose_lock_was_taken_away_undoes_nothing_of_others() {
    let (directory, mut writer) = new_store();
    change(&mut writer, "x", whole(), &[entry("a", &[pdq(1)])]).unwrap();
    fs::remove_file(directory.path().join("lock")).unwrap();
    let mut other = StoreWriter::open(directory.path()).unwrap();
    other.withdraw("x", ["a"]).unwrap();
    let lost = change(&mut writer, "x", whole(), &[entry("b", &[pdq(2)])]);
    assert!(matches!(lost, Err(StoreError::Locked { .. })));
    drop(writer);
    verify(directory.path());
    let store = Store::open(directory.path()).unwrap();
    assert!(ids(&store.snapshot(), &pdq(1)).is_empty());
}

#[test]
fn damage_is_neither_copied_nor_taken_by_a_reader() {
    let (directory, mut writer) = new_store();
    let entries: Vec<_> = (0..20).map(|i| entry(&format!("{i}"), &[md5(i)])).collect();
    change(&mut writer, "x", whole(), &entries).unwrap();
    writer.withdraw("x", ["3"]).unwrap();
    drop(writer);
    let segment = "segment-00000001.hsv";
    let mut bytes = fs::read(directory.path().join(segment)).unwrap();
    let at = memchr::memmem::find(&bytes, md5(7).as_bytes()).unwrap();
    bytes[at] ^= 1;
    fs::write(directory.path().join(segment), &bytes).unwrap();
    let mut writer = StoreWriter::open(directory.path()).unwrap();
    let before = writer.snapshot().generation();
    for done in [writer.compact(&mut |_| {}), writer.purge(&mut |_| {})] {
        assert!(matches!(done, Err(StoreError::Corrupt { .. })));
    }
    assert_eq!(writer.snapshot().generation(), before);
    // A reader that does not have it yet.
    let (other, mut writer) = new_store();
    let store = Store::open(other.path()).unwrap();
    change(&mut writer, "x", whole(), &entries).unwrap();
    fs::write(other.path().join(segment), &bytes).unwrap();
    assert!(store.reload().is_err());
    assert_eq!(store.snapshot().generation(), 0);
}

#[test]
fn what_is_no_file_of_a_store_is_left_alone_and_keeps_nobody_from_changing_it() {
    let (directory, mut writer) = new_store();
    change(&mut writer, "x", whole(), &[entry("a", &[pdq(1)])]).unwrap();
    drop(writer);
    for name in ["segment-00000099.hsv", ".hashsieve-x.unpublished"] {
        fs::create_dir(directory.path().join(name)).unwrap();
    }
    let mut writer = StoreWriter::open(directory.path()).unwrap();
    writer.withdraw("x", ["a"]).unwrap();
    writer.purge(&mut |_| {}).unwrap();
    assert!(directory.path().join("segment-00000099.hsv").is_dir());
}

#[cfg(unix)]
#[test]
fn nobody_else_can_open_any_file_of_a_store() {
    use std::os::unix::fs::PermissionsExt;
    let (directory, mut writer) = new_store();
    let entries = [entry("a", &[pdq(1)]), entry("b", &[pdq(2)])];
    change(&mut writer, "x", whole(), &entries).unwrap();
    writer.withdraw("x", ["a"]).unwrap();
    for file in fs::read_dir(directory.path()).unwrap() {
        let file = file.unwrap();
        let mode = file.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{}", file.path().display());
    }
}

#[test]
fn a_manifest_that_counts_too_far_is_damage_and_no_overflow() {
    let (directory, writer) = new_store();
    let mut manifest = writer.manifest.clone();
    drop(writer);
    manifest.generation = u64::MAX;
    manifest.publish(directory.path()).unwrap();
    let opened = StoreWriter::open(directory.path());
    assert!(matches!(opened, Err(StoreError::Damaged { .. })));
}
