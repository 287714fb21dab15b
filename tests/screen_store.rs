//! Screening against stores that change. All pictures are synthetic, all entries made up.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};

use hashsieve::synthetic::{Scene, picture};
use hashsieve::{
    Against, ChangeOptions, Entry, HashKind, Index, ListDescriptor, ListSettings, PixelBuffer,
    PixelFormat, Policy, Screener, ScreenerError, Status, Store, StoreWriter, digest,
};

#[path = "support/screening.rs"]
mod screening;

use screening::{OLD, entry, found, index_file, pdq, turned};

/// How often the store changes and is loaded anew under full load.
const RELOADS: u64 = 1000;

fn small(seed: u64) -> PixelBuffer {
    picture(Scene::DeadLeaves, seed, 64, 64, PixelFormat::Luma8)
}

fn listed(name: &str) -> ListDescriptor {
    ListDescriptor {
        name: name.to_owned(),
        ..ListDescriptor::default()
    }
}

fn add(writer: &mut StoreWriter, list: &str, entries: &[Entry]) {
    let mut change = writer.change(listed(list), ChangeOptions::add()).unwrap();
    for entry in entries {
        change.add(entry, false).unwrap();
    }
    change.commit().unwrap();
}

/// Makes a store with one list, `a`, of one entry, `one`, of the first small picture.
fn store(path: &Path) -> StoreWriter {
    let mut writer = StoreWriter::create(path).unwrap();
    add(&mut writer, "a", &[entry("one", &[pdq(&small(1))])]);
    writer
}

#[test]
fn what_is_new_in_a_store_counts_from_the_reload_on() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = store(folder.path());
    let policy = Policy::default();
    let screener = Screener::new([Store::open(folder.path()).unwrap()], policy).unwrap();
    let screen = |seed| screener.screen_pixels(&small(seed).as_pixels());
    assert_eq!(found(&screen(1)), [("a", "one", 0)]);
    assert!(!screener.reload().unwrap());

    add(&mut writer, "a", &[entry("two", &[pdq(&small(2))])]);
    writer.withdraw("a", ["one"]).unwrap();
    add(
        &mut writer,
        "b",
        &[entry("three", &[turned(&pdq(&small(2)), 9)])],
    );
    // Not before.
    assert_eq!(found(&screen(1)), [("a", "one", 0)]);
    assert_eq!(screen(2).status, Status::NoMatch);
    assert!(screener.reload().unwrap());
    assert_eq!(screen(1).status, Status::NoMatch);
    assert_eq!(found(&screen(2)), [("a", "two", 0), ("b", "three", 9)]);

    // What was withdrawn stays so when the store is put together and purged.
    writer.compact(&mut |_| {}).unwrap();
    writer.purge(&mut |_| {}).unwrap();
    assert!(screener.reload().unwrap());
    assert_eq!(screen(1).status, Status::NoMatch);
    assert_eq!(found(&screen(2)), [("a", "two", 0), ("b", "three", 9)]);
}

#[test]
fn an_entry_that_changes_matches_once_and_by_what_it_is_now() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = store(folder.path());
    let options = ChangeOptions::apply();
    let mut change = writer.change(listed("a"), options).unwrap();
    change.add(&entry("one", &[pdq(&small(2))]), false).unwrap();
    change.commit().unwrap();
    let screener = Screener::new([Store::open(folder.path()).unwrap()], Policy::default()).unwrap();
    assert_eq!(
        screener.screen_pixels(&small(1).as_pixels()).status,
        Status::NoMatch
    );
    assert_eq!(
        found(&screener.screen_pixels(&small(2).as_pixels())),
        [("a", "one", 0)]
    );
}

#[test]
fn a_hash_that_two_entries_assert_matches_until_both_are_withdrawn() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = store(folder.path());
    let again = entry("again", &[pdq(&small(1))]);
    add(
        &mut writer,
        "a",
        &[again, entry("other", &[pdq(&small(2))])],
    );
    let screener = Screener::new([Store::open(folder.path()).unwrap()], Policy::default()).unwrap();
    let screen = || screener.screen_pixels(&small(1).as_pixels());
    assert_eq!(screen().matches.len(), 2);
    writer.withdraw("a", ["one"]).unwrap();
    screener.reload().unwrap();
    assert_eq!(found(&screen()), [("a", "again", 0)]);
    writer.withdraw("a", ["again"]).unwrap();
    screener.reload().unwrap();
    assert_eq!(screen().status, Status::NoMatch);
}

#[test]
fn evidence_names_the_state_of_the_store_that_the_verdict_is_of() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = store(folder.path());
    let store = Arc::new(Store::open(folder.path()).unwrap());
    let screener = Screener::new([Arc::clone(&store)], Policy::default()).unwrap();
    let before = screener.screen(b"x");
    let generation = writer.snapshot().generation();
    add(&mut writer, "a", &[entry("two", &[pdq(&small(2))])]);
    // Somebody else loads the store; the screener takes it all the same.
    assert!(store.reload().unwrap());
    assert!(screener.reload().unwrap());
    let after = screener.screen(b"x");
    let evidence = screener.evidence(b"x", before).searched_in;
    assert_eq!(evidence.stores[0].generation, generation);
    assert_eq!(evidence.stores[0].directory, folder.path());
    assert_eq!(evidence.indexes.len(), 1);
    let evidence = screener.evidence(b"x", after).searched_in;
    assert_eq!(evidence.stores[0].generation, generation + 1);
    assert_eq!(evidence.indexes.len(), 2);
}

#[test]
fn indexes_and_stores_are_searched_together_and_none_twice() {
    let folder = tempfile::tempdir().unwrap();
    store(folder.path());
    let listed = [entry("two", &[pdq(&small(1))])];
    let index = || Index::from_bytes(index_file(&[("b", &listed)])).unwrap();
    let store = || Store::open(folder.path()).unwrap();
    let against: Vec<Against> = vec![
        index().into(),
        store().into(),
        store().into(),
        index().into(),
    ];
    let screener = Screener::new(against, Policy::default()).unwrap();
    let verdict = screener.screen_pixels(&small(1).as_pixels());
    assert_eq!(found(&verdict), [("a", "one", 0), ("b", "two", 0)]);
}

#[test]
fn a_policy_may_outlive_a_list_and_a_new_list_follows_the_default() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = store(folder.path());
    add(&mut writer, "b", &[entry("two", &[pdq(&small(2))])]);
    let policy: Policy = toml::from_str("[lists.a]\nkinds = { pdq = {} }\n").unwrap();
    let screener = Screener::new([Store::open(folder.path()).unwrap()], policy.clone()).unwrap();
    writer.remove_list("a", &mut |_| {}).unwrap();
    add(&mut writer, "c", &[entry("three", &[pdq(&small(1))])]);
    assert!(screener.reload().unwrap());
    assert_eq!(
        found(&screener.screen_pixels(&small(1).as_pixels())),
        [("c", "three", 0)]
    );
    assert_eq!(
        found(&screener.screen_pixels(&small(2).as_pixels())),
        [("b", "two", 0)]
    );
    // Who starts anew with it hears of it.
    let error = Screener::new([Store::open(folder.path()).unwrap()], policy).unwrap_err();
    assert!(matches!(error, ScreenerError::Policy(_)));
}

#[test]
fn lists_that_the_policy_names_and_that_are_gone_are_told_in_order_wherever_they_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = store(folder.path());
    for list in ["known", "suppressed", "disabled"] {
        add(&mut writer, list, &[entry("e", &[pdq(&small(2))])]);
    }
    let policy = "
        [lists.a]
        [lists.known]
        known = { reason = 'x', lists = ['suppressed', 'a'] }
        [[disabled]]
        list = 'disabled'
        entry = 'e'
        reason = 'x'
    ";
    let policy = toml::from_str(policy).unwrap();
    let screener = Screener::new([Store::open(folder.path()).unwrap()], policy).unwrap();
    assert_eq!(screener.missing_lists(), [""; 0]);
    for (removed, missing) in [
        ("suppressed", &["suppressed"][..]),
        ("a", &["a", "suppressed"]),
        ("known", &["a", "known", "suppressed"]),
        ("disabled", &["a", "disabled", "known", "suppressed"]),
    ] {
        let before = screener.missing_lists();
        writer.remove_list(removed, &mut |_| {}).unwrap();
        // Until it is loaded again, the list is searched still.
        assert_eq!(screener.missing_lists(), before);
        assert!(screener.reload().unwrap());
        assert_eq!(screener.missing_lists(), missing);
    }
    add(&mut writer, "a", &[entry("one", &[pdq(&small(1))])]);
    assert!(screener.reload().unwrap());
    assert_eq!(
        screener.missing_lists(),
        ["disabled", "known", "suppressed"]
    );
}

#[test]
fn an_empty_store_decides_nothing_until_it_has_a_list() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = StoreWriter::create(folder.path()).unwrap();
    let policy: Policy = toml::from_str("[lists.a]\naction = 'block'\n").unwrap();
    let screener = Screener::new([Store::open(folder.path()).unwrap()], policy).unwrap();
    let screen = || screener.screen_pixels(&small(1).as_pixels());
    assert_eq!(screen().status, Status::IndexNotLoaded);
    add(&mut writer, "a", &[entry("one", &[pdq(&small(1))])]);
    assert!(screener.reload().unwrap());
    assert_eq!(screen().status, Status::Match);
}

#[test]
fn an_old_list_of_a_store_is_out_of_date_for_the_policy() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = store(folder.path());
    let mut old = listed("old");
    old.time = Some(OLD);
    let mut change = writer.change(old, ChangeOptions::add()).unwrap();
    change.add(&entry("e", &[pdq(&small(3))]), false).unwrap();
    change.commit().unwrap();
    let policy: Policy = toml::from_str("[default]\nmax_age_days = 30\n").unwrap();
    let screener = Screener::new([Store::open(folder.path()).unwrap()], policy).unwrap();
    let verdict = screener.screen_pixels(&small(2).as_pixels());
    assert_eq!(verdict.status, Status::ListOutOfDate);
    assert_eq!(verdict.lists_out_of_date, ["old"]);
}

#[test]
fn a_store_that_cannot_be_read_leaves_what_is_searched_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = store(folder.path());
    let screener = Screener::new([Store::open(folder.path()).unwrap()], Policy::default()).unwrap();
    add(&mut writer, "a", &[entry("two", &[pdq(&small(2))])]);
    std::fs::write(folder.path().join("manifest"), "damaged").unwrap();
    assert!(matches!(screener.reload(), Err(ScreenerError::Store(_))));
    assert_eq!(
        screener.screen_pixels(&small(1).as_pixels()).status,
        Status::Match
    );
}

#[test]
fn a_store_that_takes_the_place_of_another_is_searched_though_it_had_as_many_changes() {
    let folder = tempfile::tempdir().unwrap();
    let (live, next) = (folder.path().join("live"), folder.path().join("next"));
    drop(store(&live));
    let screener = Screener::new([Store::open(&live).unwrap()], Policy::default()).unwrap();
    let mut writer = StoreWriter::create(&next).unwrap();
    add(&mut writer, "a", &[entry("two", &[pdq(&small(2))])]);
    drop(writer);
    std::fs::rename(&live, folder.path().join("old")).unwrap();
    std::fs::rename(&next, &live).unwrap();
    assert!(screener.reload().unwrap());
    let screen = |seed| screener.screen_pixels(&small(seed).as_pixels());
    assert_eq!(found(&screen(1)), []);
    assert_eq!(found(&screen(2)), [("a", "two", 0)]);
    assert!(!screener.reload().unwrap());
}

#[test]
fn a_store_that_cannot_be_read_does_not_hold_up_what_others_withdraw() {
    let folders = [(); 3].map(|()| tempfile::tempdir().unwrap());
    let mut writers = folders.each_ref().map(|folder| store(folder.path()));
    let stores = folders
        .each_ref()
        .map(|folder| Store::open(folder.path()).unwrap());
    let screener = Screener::new(stores, Policy::default()).unwrap();
    let screen = || screener.screen_pixels(&small(1).as_pixels()).matches.len();
    assert_eq!(screen(), 3);
    let manifest = folders[1].path().join("manifest");
    let sound = std::fs::read(&manifest).unwrap();
    std::fs::write(&manifest, "damaged").unwrap();
    writers[0].withdraw("a", ["one"]).unwrap();
    writers[2].withdraw("a", ["one"]).unwrap();
    assert!(matches!(screener.reload(), Err(ScreenerError::Store(_))));
    assert_eq!(screen(), 1);
    assert!(matches!(screener.reload(), Err(ScreenerError::Store(_))));
    std::fs::write(&manifest, sound).unwrap();
    assert!(!screener.reload().unwrap());
    assert_eq!(screen(), 1);
}

#[test]
fn a_new_segment_that_is_damaged_does_not_hold_up_what_others_withdraw() {
    let folders = [(); 2].map(|()| tempfile::tempdir().unwrap());
    let mut writers = folders.each_ref().map(|folder| store(folder.path()));
    let stores = folders
        .each_ref()
        .map(|folder| Store::open(folder.path()).unwrap());
    add(&mut writers[0], "known", &[entry("j", &[pdq(&small(2))])]);
    let policy: Policy = toml::from_str("[lists.known]\nknown = { reason = 'x' }\n").unwrap();
    assert!(stores[0].reload().unwrap());
    let screener = Screener::new(stores, policy).unwrap();
    let screen = || screener.screen_pixels(&small(1).as_pixels()).matches.len();
    assert_eq!(screen(), 2);
    // Which digests known entries have is read when the segment is loaded.
    let digests = digest::of(b"x", &[HashKind::Md5, HashKind::Sha256]);
    add(&mut writers[0], "known", &[entry("k", &digests)]);
    let segments = std::fs::read_dir(folders[0].path()).unwrap();
    let segments = segments.map(|file| file.unwrap().path());
    let segments = segments.filter(|path| path.extension().is_some_and(|ending| ending == "hsv"));
    let segment = segments.max().unwrap();
    let mut bytes = std::fs::read(&segment).unwrap();
    // It ends with the positions of entries.
    let end = bytes.len();
    bytes[end - 4..].fill(0xff);
    let damaged = folders[0].path().join("damaged");
    std::fs::write(&damaged, bytes).unwrap();
    std::fs::rename(&damaged, &segment).unwrap();
    writers[1].withdraw("a", ["one"]).unwrap();
    for _ in 0..2 {
        assert!(screener.reload().is_err());
        assert_eq!(screen(), 1);
    }
}

#[cfg(unix)]
#[test]
fn a_store_under_two_names_counts_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    let mut writer = store(&path);
    let (link, around) = (folder.path().join("link"), path.join("../store"));
    std::os::unix::fs::symlink(&path, &link).unwrap();
    let stores = [&path, &link, &around].map(|path| Store::open(path).unwrap());
    let screener = Screener::new(stores, Policy::default()).unwrap();
    let verdict = screener.screen_pixels(&small(1).as_pixels());
    assert_eq!(found(&verdict), [("a", "one", 0)]);
    let evidence = screener.evidence(b"", verdict).searched_in;
    assert_eq!(evidence.stores.len(), 1);
    assert_eq!(evidence.indexes.len(), 1);
    writer.withdraw("a", ["one"]).unwrap();
    assert!(screener.reload().unwrap());
    assert!(!screener.reload().unwrap());
    let verdict = screener.screen_pixels(&small(1).as_pixels());
    assert_eq!(found(&verdict), []);
    // When the link leads elsewhere, both are searched.
    let other = folder.path().join("other");
    store(&other);
    std::fs::remove_file(&link).unwrap();
    std::os::unix::fs::symlink(&other, &link).unwrap();
    assert!(screener.reload().unwrap());
    let verdict = screener.screen_pixels(&small(1).as_pixels());
    assert_eq!(screener.evidence(b"", verdict).searched_in.stores.len(), 2);
}

#[test]
fn an_index_that_is_a_part_of_a_store_is_searched_as_the_store_has_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = StoreWriter::create(folder.path()).unwrap();
    let [one, other] = [1, 3].map(|seed| pdq(&small(seed)));
    add(
        &mut writer,
        "a",
        &[entry("one", &[one]), entry("other", &[other])],
    );
    add(&mut writer, "a", &[entry("two", &[pdq(&small(2))])]);
    let segments = std::fs::read_dir(folder.path()).unwrap();
    let segments = segments.map(|file| file.unwrap().path());
    let mut against: Vec<Against> = segments
        .filter(|path| path.extension().is_some_and(|ending| ending == "hsv"))
        .map(|path| Index::open(path).unwrap().into())
        .collect();
    assert_eq!(against.len(), 2);
    writer.withdraw("a", ["one"]).unwrap();
    against.push(Store::open(folder.path()).unwrap().into());
    let screener = Screener::new(against, Policy::default()).unwrap();
    let screen = |seed| screener.screen_pixels(&small(seed).as_pixels());
    for _ in 0..2 {
        assert_eq!(found(&screen(1)), []);
        assert_eq!(found(&screen(2)), [("a", "two", 0)]);
        // Nor when the store has no such segment any more.
        writer.compact(&mut |_| {}).unwrap();
        screener.reload().unwrap();
    }
}

#[test]
fn a_list_of_a_store_that_is_stale_by_its_own_limit_is_out_of_date() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = store(folder.path());
    let mut settings = ListSettings::default();
    settings.stale_after_days = Some(Some(0));
    assert!(writer.describe("a", &settings).unwrap());
    let screener = Screener::new([Store::open(folder.path()).unwrap()], Policy::default()).unwrap();
    let screen = || screener.screen_pixels(&small(2).as_pixels());
    // The limit is passed with the second in which the list was changed.
    std::thread::sleep(std::time::Duration::from_millis(2100));
    assert_eq!(screen().status, Status::ListOutOfDate);
    assert_eq!(screen().lists_out_of_date, ["a"]);
    settings.stale_after_days = Some(Some(1));
    assert!(writer.describe("a", &settings).unwrap());
    assert!(screener.reload().unwrap());
    assert_eq!(screen().status, Status::NoMatch);
}

/// Says of the lists of a store that they were changed at another time, as by a clock that was wrong.
fn set_checked_at(directory: &Path, time: i64) {
    let path = directory.join("manifest");
    let text = std::fs::read_to_string(&path).unwrap();
    let mut manifest: serde_json::Value =
        serde_json::from_str(text.lines().next().unwrap()).unwrap();
    for list in manifest["lists"].as_array_mut().unwrap() {
        assert!(list["checked_at"].is_i64());
        list["checked_at"] = time.into();
    }
    let line = manifest.to_string();
    let checksum = digest::of(line.as_bytes(), &[HashKind::Sha256])[0].to_hex();
    std::fs::write(path, format!("{line}\n{checksum}\n")).unwrap();
}

#[test]
fn a_list_of_a_store_whose_time_is_days_in_the_future_is_out_of_date() {
    const DAY: i64 = 86_400;
    let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs();
    let now = i64::try_from(now).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut settings = ListSettings::default();
    settings.stale_after_days = Some(Some(7));
    store(folder.path()).describe("a", &settings).unwrap();
    for (checked_at, status) in [
        (now, Status::NoMatch),
        (now + DAY / 2, Status::NoMatch),
        (now + 2 * DAY, Status::ListOutOfDate),
        (i64::MAX, Status::ListOutOfDate),
    ] {
        set_checked_at(folder.path(), checked_at);
        let store = Store::open(folder.path()).unwrap();
        let screener = Screener::new([store], Policy::default()).unwrap();
        let verdict = screener.screen_pixels(&small(2).as_pixels());
        assert_eq!(verdict.status, status);
    }
}

#[test]
fn entries_stay_disabled_when_a_store_changes() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = store(folder.path());
    let mut policy: Policy =
        toml::from_str("[[disabled]]\nlist = 'a'\nentry = 'one'\nreason = 'why'\n").unwrap();
    // Very many others, which a reload does not go through.
    let one = policy.disabled[0].clone();
    policy.disabled.extend((0..100_000).map(|number| {
        let mut other = one.clone();
        other.entry = format!("other {number}");
        other
    }));
    let screener = Screener::new([Store::open(folder.path()).unwrap()], policy).unwrap();
    for list in ["b", "c"] {
        let verdict = screener.screen_pixels(&small(1).as_pixels());
        assert_eq!(verdict.suppressed.len(), 1);
        add(&mut writer, list, &[entry("two", &[pdq(&small(2))])]);
        assert!(screener.reload().unwrap());
    }
}

/// Two threads screen without a pause while the store is changed and loaded anew again and again. What always stands always
/// matches; what comes and goes is there from the reload on and gone from the reload on.
#[test]
fn no_query_fails_or_is_stale_while_a_store_changes_under_full_load() {
    const ABSENT: u8 = 0;
    const CHANGING: u8 = 1;
    const PRESENT: u8 = 2;
    let folder = tempfile::tempdir().unwrap();
    let mut writer = store(folder.path());
    let screener = Screener::new([Store::open(folder.path()).unwrap()], Policy::default()).unwrap();
    let state = AtomicU8::new(ABSENT);
    let (done, settled, checked) = (AtomicU8::new(0), AtomicU64::new(0), AtomicU64::new(0));
    std::thread::scope(|scope| {
        let screening = [(); 2].map(|()| {
            scope.spawn(|| {
                let pictures = [small(1), small(2)];
                while done.load(Ordering::SeqCst) == 0 {
                    let before = (settled.load(Ordering::SeqCst), state.load(Ordering::SeqCst));
                    let always = screener.screen_pixels(&pictures[0].as_pixels());
                    let sometimes = screener.screen_pixels(&pictures[1].as_pixels());
                    // The other way round than before: if this thread were held up between the two while two changes are done, the
                    // state read last would be as it was, and a count read first would not show the changes.
                    let state = state.load(Ordering::SeqCst);
                    let after = (settled.load(Ordering::SeqCst), state);
                    assert_eq!(found(&always), [("a", "one", 0)]);
                    match sometimes.status {
                        Status::Match => assert_eq!(found(&sometimes), [("a", "two", 0)]),
                        status => assert_eq!(status, Status::NoMatch),
                    }
                    if before == after && before.1 != CHANGING {
                        let is_present = before.1 == PRESENT;
                        assert_eq!(sometimes.status == Status::Match, is_present);
                        checked.fetch_add(1, Ordering::SeqCst);
                    }
                }
            })
        });
        for reload in 0..RELOADS {
            state.store(CHANGING, Ordering::SeqCst);
            let is_present = reload % 2 == 0;
            if is_present {
                let mut options = ChangeOptions::add();
                options.reinstates = true;
                let mut change = writer.change(listed("a"), options).unwrap();
                change.add(&entry("two", &[pdq(&small(2))]), false).unwrap();
                assert_eq!(change.commit().unwrap().added, 1);
            } else {
                let summary = writer.withdraw("a", ["two"]).unwrap();
                assert_eq!(summary.withdrawn, 1);
            }
            assert!(screener.reload().unwrap());
            settled.fetch_add(1, Ordering::SeqCst);
            state.store(if is_present { PRESENT } else { ABSENT }, Ordering::SeqCst);
            // Now and then long enough for pictures to be screened between two changes.
            let is_screening = || !screening.iter().any(|thread| thread.is_finished());
            while reload % 50 == 0
                && checked.load(Ordering::SeqCst) <= reload / 50
                && is_screening()
            {
                std::thread::yield_now();
            }
        }
        done.store(1, Ordering::SeqCst);
    });
    assert!(checked.into_inner() >= RELOADS / 50);
}
