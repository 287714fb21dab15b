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
