//! `hashsieve store` and `hashsieve list check`, as people meet them: the real binary in temporary folders.
//!
//! All hashes, ids and lists are made up.
#![cfg(unix)]

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use assert_cmd::cargo::cargo_bin;
use hashsieve::{HashKind, HashValue, Snapshot, Store, StoreWriter, digest};
use serde_json::{Value, json};

#[path = "support/program.rs"]
pub mod support;
use support::{Place, Ran, keys, made_up, names};

/// Returns a made-up PDQ hash: a SHA-256 has as many digits. Of no small number, since an index has the SHA-256 of its sections,
/// and one may be nothing but a small number.
fn pdq(number: u64) -> String {
    made_up(HashKind::Sha256, number + 0x1234_5678_9abc_def0)
}

fn md5(number: u64) -> String {
    made_up(HashKind::Md5, number)
}

/// Returns a place with an empty store `s`.
fn with_store() -> Place {
    let place = Place::new();
    place.run(&["store", "init", "s"]).exits(0);
    place
}

/// Returns a table with entries `e0`, `e1` and so on, each with a pdq and an md5 of its number.
fn table(entries: impl IntoIterator<Item = u64>) -> String {
    let rows = entries
        .into_iter()
        .map(|n| format!("e{n},{},{}\n", pdq(n), md5(n)));
    format!("id,pdq,md5\n{}", rows.collect::<String>())
}

/// Returns a place with a store `s` that has a list `x` of the entries `e0` up to `e{count}`.
fn with_list(count: u64) -> Place {
    let place = with_store();
    place.write("x.csv", table(0..count));
    let replace = ["store", "replace", "s", "x.csv", "--name", "x"];
    place.run(&replace).exits(0);
    place
}

fn snapshot(place: &Place) -> std::sync::Arc<Snapshot> {
    Store::open(place.at("s")).unwrap().snapshot()
}

/// Returns the ids of the entries that a hash finds, in order.
fn found(place: &Place, kind: HashKind, hex: &str) -> Vec<String> {
    let hash = HashValue::parse(kind, hex).unwrap();
    let snapshot = snapshot(place);
    let found = if kind.is_perceptual() {
        snapshot.within(&hash, 0)
    } else {
        snapshot.find(&hash)
    };
    let ids = found.unwrap();
    let ids = ids
        .iter()
        .map(|one| snapshot.entry(one).unwrap().1.entry_id);
    let mut ids: Vec<_> = ids.collect();
    ids.sort();
    ids
}

fn found_pdq(place: &Place, number: u64) -> Vec<String> {
    found(place, HashKind::Pdq, &pdq(number))
}

/// Returns the rows of a summary: each name with its number.
fn summary(ran: &Ran) -> BTreeMap<&str, u64> {
    let rows = ran.stdout.lines().filter_map(|line| {
        let (name, count) = line.split_once(' ')?;
        Some((name, count.trim().parse().ok()?))
    });
    rows.collect()
}

/// Asserts some of the counts of a change, and that all others are zero.
#[track_caller]
fn counts(ran: &Ran, expected: &[(&str, u64)]) {
    let summary = summary(ran);
    for name in [
        "added",
        "changed",
        "withdrawn",
        "unseen",
        "removed",
        "unchanged",
        "outdated",
    ] {
        let mut expected = expected.iter();
        let count = expected.find(|(of, _)| *of == name).map_or(0, |(_, n)| *n);
        assert_eq!(summary.get(name), Some(&count), "{name}: {}", ran.stdout);
    }
}

fn status(place: &Place) -> Value {
    let ran = place.run(&["store", "status", "s", "--json"]);
    assert!([0, 2].contains(&ran.code), "{}", ran.stderr);
    ran.json().remove(0)
}

/// Returns a record of a page of Tech Against Terrorism, whose entries have ids.
fn record(id: u64, hash: u64, updated: i64, is_deleted: bool) -> Value {
    json!({"id": id, "hash_digest": pdq(hash), "algorithm": "PDQ", "ideology": "example", "file_type": "jpg",
        "deleted": is_deleted, "created_on": 1_700_000_000, "updated_on": updated})
}

/// Returns a page that ends at a time.
fn page(time: i64, has_more: bool, records: &[Value]) -> String {
    let next = has_more.then_some("https://example.org/next");
    let checkpoint = format!("{time}.5,1");
    json!({"count": records.len(), "next": next, "previous": null, "checkpoint": checkpoint, "results": records})
        .to_string()
}

/// Returns a page of StopNCII, whose entries are known by their hashes.
fn by_value_page(time: i64, records: &[(&str, &str)]) -> String {
    let records: Vec<_> = records
        .iter()
        .map(|(hash, status)| {
            json!({"lastModtimestamp": time, "signalType": "ImagePDQ", "hashValue": hash, "hashStatus": status})
        })
        .collect();
    json!({"count": records.len(), "nextSetTimestamp": time, "hasMoreRecords": false, "hashRecords": records})
        .to_string()
}

/// Changes the manifest of a store, with its checksum.
fn edit_manifest(place: &Place, edit: impl FnOnce(&mut Value)) {
    let text = place.text("s/manifest");
    let mut manifest = serde_json::from_str(text.lines().next().unwrap()).unwrap();
    edit(&mut manifest);
    let json = manifest.to_string();
    let checksum = digest::of(json.as_bytes(), &[HashKind::Sha256])[0].to_hex();
    place.write("s/manifest", format!("{json}\n{checksum}\n"));
}

/// Asserts that a store has nothing but what its manifest names, and that all of it is sound.
#[track_caller]
fn is_sound(place: &Place) {
    place.run(&["store", "verify", "s"]).exits(0);
    for name in names(&place.at("s")) {
        let is_usual = name == "manifest" || name == "lock" || name.starts_with("segment-");
        assert!(is_usual || name.starts_with("withdrawn-"), "{name}");
    }
}

// the life of a store

#[test]
fn a_list_is_put_in_place_changed_withdrawn_from_purged_and_gone() {
    let place = with_store();
    assert_eq!(names(&place.at("s")), ["lock", "manifest"]);
    let mode = |name: &str| fs::metadata(place.at(name)).unwrap().mode() & 0o777;
    assert_eq!((mode("s"), mode("s/manifest")), (0o700, 0o600));
    place.write("x.csv", table(0..20));
    let replace = [
        "store",
        "replace",
        "s",
        "x.csv",
        "--name",
        "x",
        "--source",
        "Example",
        "--terms",
        "ours\nonly",
        "--list-version",
        "7",
        "--list-date",
        "2026-01-02",
    ];
    let ran = place.run(&replace).exits(0);
    counts(&ran, &[("added", 20)]);
    assert_eq!(
        (summary(&ran)["entries"], summary(&ran)["generation"]),
        (20, 1)
    );
    assert!(
        ran.stdout
            .contains("records    20 read, 0 left out, 0 withdrawn\n")
    );
    assert!(
        ran.stderr
            .contains("columns: pdq from 2, md5 from 3, id from 1"),
        "{}",
        ran.stderr
    );
    assert_eq!(found_pdq(&place, 3), ["e3"]);

    // The next issue of the list; -v shows how it differs.
    let mut next = table((0..20).filter(|n| *n != 5));
    next = next.replace(&md5(7), &md5(1007));
    next += &format!("\"new\n\x1b[1m\",{},{}\n", pdq(77), md5(77));
    place.write("x.csv", next);
    let ran = place
        .run(&["store", "replace", "s", "x.csv", "--name", "x", "-v"])
        .exits(0);
    counts(
        &ran,
        &[
            ("added", 1),
            ("changed", 1),
            ("removed", 1),
            ("unchanged", 18),
        ],
    );
    let mut shown: Vec<_> = ran.stdout.lines().take(3).collect();
    shown.sort_unstable();
    assert_eq!(
        shown,
        ["added new\\n\\u{1b}[1m", "changed e7", "removed e5"]
    );
    assert_eq!(found_pdq(&place, 5), [""; 0]);
    assert_eq!(found(&place, HashKind::Md5, &md5(7)), [""; 0]);

    let ran = place
        .run(&["store", "withdraw", "s", "--list", "x", "e1", "e2", "-v"])
        .exits(0);
    counts(&ran, &[("withdrawn", 2)]);
    assert!(
        ran.stdout.starts_with("withdrawn e1\nwithdrawn e2\n"),
        "{}",
        ran.stdout
    );
    assert_eq!(found_pdq(&place, 1), [""; 0]);
    let before = status(&place);
    assert_eq!(before["entries_to_purge"], 4);
    assert_eq!(before["lists"][0]["withdrawn"], 2);

    // It no longer matches, and is in the files until they are purged.
    place.write(
        "gone.txt",
        format!("# erased\npdq {}\nmd5:{}\n", pdq(1), md5(7)),
    );
    let verify = ["store", "verify-removed", "s", "gone.txt"];
    let ran = place.run(&verify).exits(1);
    assert!(
        ran.stdout
            .contains("found      that of line 2 in segment-0"),
        "{}",
        ran.stdout
    );
    assert!(
        ran.stdout
            .contains("found      that of line 3 in segment-0"),
        "{}",
        ran.stdout
    );
    assert!(!(ran.stdout + &ran.stderr).contains(&pdq(1)[..16]));
    let ran = place.run(&["store", "purge", "s"]).exits(0);
    assert!(
        ran.stdout.contains("erased     4 entries\n"),
        "{}",
        ran.stdout
    );
    let ran = place.run(&verify).exits(0);
    assert!(
        ran.stdout.contains("looked for 2 hashes\n"),
        "{}",
        ran.stdout
    );
    assert!(ran.stdout.ends_with("found      none\n"), "{}", ran.stdout);
    let ran = place.run(&["store", "compact", "s"]).exits(0);
    assert!(ran.stdout.contains("segments   1, "), "{}", ran.stdout);
    assert_eq!(status(&place)["entries_to_purge"], 0);
    assert_eq!(found_pdq(&place, 77), ["new\n\u{1b}[1m"]);
    is_sound(&place);

    let ran = place
        .run(&["store", "remove-list", "s", "--list", "x"])
        .exits(0);
    assert_eq!(ran.stdout, "x: removed, with 18 entries\n");
    assert_eq!(status(&place)["lists"], json!([]));
    is_sound(&place);
}

#[test]
fn status_tells_all_that_is_known_of_a_list_and_its_json_has_stable_keys() {
    let place = with_store();
    let list = format!(
        "id,kind,hash,category,scheme,status,opinion,quality\n\
         a,pdq,{},A1,example,active,positive,90\n\
         a,md5,{},A1,example,active,positive,90\n\
         b,photodna,made-up,B2,example,brand new,investigation,90\n\
         c,pdq,{},A1,example,active,perhaps,90\n\
         d,,,,,withdrawn,,\n\
         e,md5,123,A1,example,active,positive,90\n",
        pdq(1),
        md5(1),
        pdq(3),
    );
    place.write("x.csv", list);
    let add = [
        "store",
        "add",
        "s",
        "x.csv",
        "--name",
        "x",
        "--source",
        "Example",
        "--terms",
        "members only",
        "--list-version",
        "7",
        "--list-date",
        "2026-01-02",
        "--stale-after",
        "30",
    ];
    let ran = place.run(&add).exits(2);
    assert!(
        ran.stderr.contains("x.csv:7: column hash: a md5 has 32"),
        "{}",
        ran.stderr
    );
    counts(&ran, &[("added", 3), ("unseen", 1)]);
    let status = status(&place);
    assert_eq!(
        keys(&status),
        [
            "bytes",
            "entries_to_purge",
            "generation",
            "lists",
            "segments"
        ]
    );
    let list = &status["lists"][0];
    assert_eq!(
        keys(list),
        [
            "age_seconds",
            "categories",
            "checked_at",
            "checkpoint",
            "checkpoint_time",
            "entries",
            "hashes",
            "last_import",
            "name",
            "opinions",
            "other_hashes",
            "source",
            "stale",
            "stale_after_days",
            "terms",
            "time",
            "unknown_status",
            "version",
            "withdrawn",
        ]
    );
    let some = json!({"entries": list["entries"], "withdrawn": list["withdrawn"], "hashes": list["hashes"],
        "other_hashes": list["other_hashes"], "categories": list["categories"], "opinions": list["opinions"],
        "unknown_status": list["unknown_status"], "name": list["name"], "source": list["source"],
        "version": list["version"], "time": list["time"], "terms": list["terms"],
        "stale_after_days": list["stale_after_days"], "stale": list["stale"], "checkpoint": list["checkpoint"]});
    assert_eq!(
        some,
        json!({"entries": 3, "withdrawn": 1, "hashes": {"pdq": 2, "md5": 1}, "other_hashes": {"photodna": 1},
            "categories": {"example A1": 2, "example B2": 1}, "opinions": {"positive": 2, "investigation": 1},
            "unknown_status": 1, "name": "x", "source": "Example", "version": "7", "time": 1_767_312_000,
            "terms": "members only", "stale_after_days": 30, "stale": false, "checkpoint": null})
    );
    let import = &list["last_import"];
    assert_eq!(
        (
            &import["records"],
            &import["quarantined"],
            &import["by_reason"],
            &import["unknown_values"]
        ),
        (
            &json!(6),
            &json!(1),
            &json!({"bad_hash": 1}),
            &json!({"opinion": 1})
        )
    );
    let text = place.run(&["store", "status", "s"]).exits(0).stdout;
    for line in [
        "generation 1",
        "  entries     3",
        "  withdrawn   1, remembered",
        "  photodna    1 hash, not matchable here",
        "  category    example A1: 2",
        "  opinion     investigation: 1",
        "  status      1 entry of a word not known here, matched all the same",
        "  last import 6 records, 1 left out, 1 value or record quarantined: bad_hash 1",
        "  out of date after 30 days without news",
        "  terms       members only",
        "  time        2026-01-02",
    ] {
        assert!(text.lines().any(|own| own == line), "{line}\n{text}");
    }
    // The help says what there is.
    let help = place.run(&["store", "status", "--help"]).exits(0).stdout;
    for key in keys(list).into_iter().chain(keys(&status)) {
        assert!(help.contains(&format!("\"{key}\"")), "{key}");
    }
}

#[test]
fn what_is_known_of_a_list_is_set_without_changing_it() {
    let place = with_list(3);
    let set = |more: &[&str]| place.run(&[&["store", "set", "s", "--list", "x"], more].concat());
    set(&[]).exits(2);
    assert_eq!(
        set(&["--terms", "t", "--source", "s"]).exits(0).stdout,
        "x: set\n"
    );
    assert_eq!(
        set(&["--terms", "t"]).exits(0).stdout,
        "x: set so already\n"
    );
    set(&["--stale-after", "9"]).exits(0);
    let list = |key: &str| status(&place)["lists"][0][key].clone();
    assert_eq!((list("terms"), list("source")), (json!("t"), json!("s")));
    assert_eq!(list("stale_after_days"), 9);
    set(&["--stale-after", "never", "--source", ""]).exits(0);
    assert_eq!(
        (list("stale_after_days"), list("source")),
        (json!(null), json!(""))
    );
    assert_eq!((list("terms"), list("entries")), (json!("t"), json!(3)));
    for wrong in ["0", "-1", "x", "36501"] {
        set(&[&format!("--stale-after={wrong}")]).exits(2);
    }
    // A change leaves it, unless it says something else.
    place
        .run(&["store", "replace", "s", "x.csv", "--name", "x"])
        .exits(0);
    assert_eq!(list("terms"), "t");
    let unknown = ["store", "set", "s", "--list", "y", "--terms", "t"];
    let ran = place.run(&unknown).exits(2);
    assert!(ran.stderr.contains("no list `y`"), "{}", ran.stderr);
    is_sound(&place);
}

#[test]
fn ids_to_withdraw_come_from_arguments_files_and_standard_input() {
    let place = with_list(10);
    let withdraw = |more: &[&'static str]| -> Vec<&'static str> {
        [&["store", "withdraw", "s", "--list", "x"], more].concat()
    };
    place.run(&withdraw(&[])).exits(2);
    place.write("ids", "\u{feff}e1\r\n\ne2\n");
    let ran = place.run(&withdraw(&["e0", "--from", "ids"])).exits(0);
    counts(&ran, &[("withdrawn", 3)]);
    let ran = place
        .run_with(&withdraw(&["--from", "-"]), b"e3\ne4")
        .exits(0);
    counts(&ran, &[("withdrawn", 2)]);
    // What is no id is named by its line and costs the others nothing.
    let long = format!("{}\n", "x".repeat(200_000));
    let bad = [b"e5\n\xff\xff\n", long.as_bytes(), b"a\0b\ne6\n"].concat();
    let ran = place.run_with(&withdraw(&["--from", "-"]), &bad).exits(2);
    counts(&ran, &[("withdrawn", 2)]);
    for line in ["-:2: no id", "-:3: no id", "-:4: no id"] {
        assert!(ran.stderr.contains(line), "{}", ran.stderr);
    }
    // A file that cannot be read changes nothing.
    let before = status(&place);
    let ran = place.run(&withdraw(&["e7", "--from", "."])).exits(2);
    assert!(ran.stderr.contains("nothing was changed"), "{}", ran.stderr);
    place.run(&withdraw(&["e7", "--from", "missing"])).exits(2);
    let unknown = ["store", "withdraw", "s", "--list", "y", "e7"];
    place.run(&unknown).exits(2);
    assert_eq!(status(&place)["generation"], before["generation"]);
    assert_eq!(found_pdq(&place, 7), ["e7"]);
    is_sound(&place);
}

#[test]
fn an_id_of_which_there_is_no_entry_is_left_out_and_told_unless_that_is_meant() {
    let place = with_list(10);
    let withdraw =
        |more: &[&str]| place.run(&[&["store", "withdraw", "s", "--list", "x"], more].concat());
    // The others are withdrawn.
    let ran = withdraw(&["e0", "never", "e1"]).exits(2);
    counts(&ran, &[("withdrawn", 2)]);
    assert!(
        ran.stderr
            .contains("id 2: the list has no entry of this id\n"),
        "{}",
        ran.stderr
    );
    assert!(
        ran.stderr.contains("1 id names no entry of list `x`"),
        "{}",
        ran.stderr
    );
    assert!(!ran.stderr.contains("never"), "{}", ran.stderr);
    assert_eq!(status(&place)["lists"][0]["withdrawn"], 2);
    // Ids are taken as they stand, and shown where that is asked for.
    place.write("ids", "e2 \n\te3\ne4\n");
    let ran = withdraw(&["--from", "ids", "-v"]).exits(2);
    counts(&ran, &[("withdrawn", 1)]);
    for told in [
        "ids:1 `e2 `: the list has no entry of this id; the id has blanks at its ends, which are part of it\n",
        "ids:2 `\\te3`: the list has no entry",
    ] {
        assert!(ran.stderr.contains(told), "{}", ran.stderr);
    }
    // If there is nothing else, nothing is changed; and not all are named.
    let generation = status(&place)["generation"].clone();
    let many: String = (0..15).map(|n| format!("n{n}\n")).collect();
    place.write("ids", many);
    let ran = withdraw(&["--from", "ids"]).exits(2);
    assert!(
        ran.stderr.contains("ids:10: ") && !ran.stderr.contains("ids:11: "),
        "{}",
        ran.stderr
    );
    assert!(
        ran.stderr.contains("and more\n15 ids name no entry"),
        "{}",
        ran.stderr
    );
    assert!(
        ran.stderr.contains("so nothing was changed"),
        "{}",
        ran.stderr
    );
    assert_eq!(status(&place)["generation"], generation);
    // Who means it says so. What is withdrawn already is no failure.
    let ran = withdraw(&["never", "e5", "--allow-unseen"]).exits(0);
    counts(&ran, &[("withdrawn", 1), ("unseen", 1)]);
    let ran = withdraw(&["e5", "never"]).exits(0);
    assert!(
        ran.stderr.contains("2 ids name what is withdrawn already"),
        "{}",
        ran.stderr
    );
    is_sound(&place);
}

#[test]
fn a_table_is_never_taken_for_ids_and_its_hashes_are_not_remembered() {
    let place = with_list(10);
    let withdraw = |more: &[&str]| {
        let withdraw = [
            "store", "withdraw", "s", "--list", "x", "--from", "ids", "-v",
        ];
        place.run(&[&withdraw[..], more].concat())
    };
    let sha1 = made_up(HashKind::Sha1, 1);
    let rows = [
        format!("e1,{}", md5(1)),
        format!("e2;\"{}\"", pdq(2)),
        format!("e3\t{}", sha1.to_ascii_uppercase()),
        format!("md5 {}", md5(4)),
        sha1,
        pdq(5),
        made_up(HashKind::Sha512, 6),
        "e7".to_owned(),
    ];
    place.write("ids", rows.join("\n"));
    let ran = withdraw(&["--allow-unseen"]).exits(2);
    counts(&ran, &[("withdrawn", 1)]);
    for line in 1..=4 {
        let told = format!("ids:{line}: a line of a table with a hash in it");
        assert!(ran.stderr.contains(&told), "{}", ran.stderr);
    }
    for line in 5..=7 {
        let told = format!("ids:{line}: a hash, and no id that the list has");
        assert!(ran.stderr.contains(&told), "{}", ran.stderr);
    }
    let shown = (ran.stdout + &ran.stderr).to_ascii_lowercase();
    for row in &rows[..7] {
        let digits = row.rsplit([',', ';', '\t', ' ']).next().unwrap();
        let digits = digits.trim_matches('"').to_ascii_lowercase();
        assert!(!shown.contains(&digits[..16]));
    }
    assert_eq!(status(&place)["lists"][0]["withdrawn"], 1);
    // Ids that look so are ids if the list has them.
    let odd = [pdq(50), format!("case 7, {}", md5(51))];
    let list = format!(
        "id,md5\n{},{}\n\"{}\",{}\n",
        odd[0],
        md5(60),
        odd[1],
        md5(61)
    );
    place.write("odd.csv", list);
    place
        .run(&["store", "add", "s", "odd.csv", "--name", "x"])
        .exits(0);
    place.write("ids", odd.join("\n"));
    counts(&withdraw(&[]).exits(0), &[("withdrawn", 2)]);
    is_sound(&place);
}

#[test]
fn a_list_is_read_from_standard_input_once_and_nothing_confidential_is_written_there() {
    let place = with_store();
    let text = table(0..5);
    let replace = ["store", "replace", "s", "-", "--name", "x"];
    counts(
        &place.run_with(&replace, text.as_bytes()).exits(0),
        &[("added", 5)],
    );
    let time = 1_700_000_000;
    let page = page(time, false, &[record(1, 1, time, false)]);
    let apply = ["store", "apply", "s", "-", "--name", "feed"];
    counts(
        &place.run_with(&apply, page.as_bytes()).exits(0),
        &[("added", 1)],
    );
    let check = ["list", "check", "-"];
    let ran = place.run_with(&check, text.as_bytes()).exits(0);
    assert!(ran.stdout.contains("entries    5\n"), "{}", ran.stdout);
    let build = ["index", "build", "-", "-o", "x.hsv"];
    let ran = place.run_with(&build, text.as_bytes()).exits(2);
    assert!(ran.stderr.contains("--name"), "{}", ran.stderr);
    let named = [&build[..], &["--name", "x"]].concat();
    place.run_with(&named, text.as_bytes()).exits(0);
    // How it is written is known also where a pipe hands out a byte at a time.
    let mut command = place.command(&["store", "add", "s", "-", "--name", "slow"]);
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    for byte in table(0..2).bytes() {
        input.write_all(&[byte]).unwrap();
        input.flush().unwrap();
    }
    drop(input);
    assert!(child.wait_with_output().unwrap().status.success());
    for twice in [
        &["store", "add", "s", "-", "-", "--name", "x"][..],
        &["index", "build", "-", "-", "-o", "y.hsv", "--name", "x"],
    ] {
        let ran = place.run_with(twice, text.as_bytes()).exits(2);
        assert!(
            ran.stderr.contains("standard input can be read once"),
            "{}",
            ran.stderr
        );
    }
    place.write("x.csv", &text);
    for confidential in [
        &[
            "store", "export", "s", "--list", "x", "--terms", "t", "-o", "-",
        ][..],
        &[
            "store",
            "add",
            "s",
            "x.csv",
            "--name",
            "x",
            "--quarantine",
            "-",
        ],
        &["list", "check", "x.csv", "--quarantine", "-"],
        &[
            "index",
            "build",
            "x.csv",
            "-o",
            "y.hsv",
            "--quarantine",
            "-",
        ],
        &["index", "build", "x.csv", "-o", "-"],
    ] {
        let ran = place.run(confidential).exits(2);
        let why = "name a file: what it holds is confidential";
        assert!(
            ran.stderr.contains(why) && ran.stdout.is_empty(),
            "{}",
            ran.stderr
        );
    }
    assert_eq!(place.names(), ["s", "x.csv", "x.hsv"]);
}

#[test]
fn a_list_that_was_not_there_is_told_to_be_new_and_has_a_name_that_can_be_read() {
    let place = with_store();
    place.write("x.csv", table(0..5));
    let run =
        |command: &str, name: &str| place.run(&["store", command, "s", "x.csv", "--name", name]);
    let new = "list `hotlin` is new in this store\n";
    let ran = run("add", "hotlin").exits(0);
    assert!(ran.stderr.ends_with(new), "{}", ran.stderr);
    let ran = run("replace", "hotlin").exits(0);
    assert!(!ran.stderr.contains("is new"), "{}", ran.stderr);
    for name in ["", " ", " x", "x ", "x\t", "a\nb", "\u{1b}[1m"] {
        run("add", name).exits(2);
        place
            .run(&["index", "build", "x.csv", "-o", "x.hsv", "--name", name])
            .exits(2);
    }
    assert_eq!(status(&place)["lists"].as_array().unwrap().len(), 1);
    // The directory and the list in the wrong order.
    let ran = place
        .run(&["store", "add", "x.csv", "s", "--name", "x"])
        .exits(2);
    assert!(
        ran.stderr
            .contains("x.csv: this is a file, and a store is a directory"),
        "{}",
        ran.stderr
    );
    let ran = place
        .run(&["store", "add", "s", "s", "--name", "x"])
        .exits(2);
    assert!(
        ran.stderr.contains("s: this is a folder, not a list"),
        "{}",
        ran.stderr
    );
}

#[test]
fn what_is_no_list_for_certain_is_refused_with_a_word() {
    let place = with_list(3);
    place
        .run(&["index", "build", "x.csv", "-o", "x.hsv"])
        .exits(0);
    let index = place.read("x.hsv");
    let cases: [(&[u8], &str); 9] = [
        (b"\x89PNG\r\n\x1a\n", "this is a picture (PNG)"),
        (b"\xFF\xD8\xFF\xE0", "this is a picture (JPEG)"),
        (b"GIF89a", "this is a picture (GIF)"),
        (b"RIFF\x10\0\0\0WEBPVP8 ", "this is a picture (WEBP)"),
        (b"PK\x03\x04", "a zip archive"),
        (b"\x1f\x8b\x08", "compressed with gzip"),
        (b"\xFF\xFEi\0d\0", "text in UTF-16"),
        (b"SQLite format 3\0", "an SQLite database"),
        (&index, "an index of hashsieve, not a list"),
    ];
    for (head, told) in cases {
        let bytes = [head, "\nfollowed by\nlines\n".repeat(100).as_bytes()].concat();
        place.write("odd", bytes);
        for command in [
            &["store", "add", "s", "odd", "--name", "x"][..],
            &["index", "build", "odd", "-o", "y.hsv"],
            &["list", "check", "odd"],
        ] {
            let ran = place.run(command).exits(2);
            assert!(ran.stderr.contains(told), "{}", ran.stderr);
            assert_eq!(ran.stderr.lines().count(), 1, "{}", ran.stderr);
        }
    }
}

#[test]
fn lists_without_ids_are_known_by_their_hashes_from_file_to_file() {
    let place = with_store();
    place.write("a.txt", format!("pdq {}\nmd5 {}\n", pdq(1), md5(2)));
    place.write(
        "b.txt",
        format!("md5 {}\n# moved\npdq {}\nmd5 {}\n", md5(3), pdq(1), md5(2)),
    );
    let ran = place
        .run(&["store", "add", "s", "a.txt", "--name", "x"])
        .exits(0);
    counts(&ran, &[("added", 2)]);
    let ran = place
        .run(&["store", "add", "s", "b.txt", "--name", "x"])
        .exits(0);
    counts(&ran, &[("added", 1), ("unchanged", 2)]);
    let ids = found_pdq(&place, 1);
    assert!(ids[0].starts_with("value-"), "{ids:?}");
    let ran = place
        .run(&["store", "replace", "s", "b.txt", "--name", "x"])
        .exits(0);
    counts(&ran, &[("unchanged", 3)]);
    place
        .run(&["store", "withdraw", "s", "--list", "x", &ids[0]])
        .exits(0);
    assert_eq!(found_pdq(&place, 1), [""; 0]);
}

#[test]
fn an_entry_known_by_its_hash_is_withdrawn_and_comes_back() {
    let place = with_store();
    let statuses = ["Active", "Withdrawn", "Active"];
    for (time, status) in (1_700_000_000..).zip(statuses) {
        place.write("1.json", by_value_page(time, &[(&pdq(1), status)]));
        let apply = ["store", "apply", "s", "1.json", "--name", "x"];
        place.run(&apply).exits(0);
        let is_active = status == "Active";
        assert_eq!(found_pdq(&place, 1).len(), usize::from(is_active));
        place.run(&["store", "purge", "s"]).exits(0);
        let input = format!("pdq {}\n", pdq(1));
        let verify = ["store", "verify-removed", "s", "-"];
        let ran = place.run_with(&verify, input.as_bytes());
        ran.exits(i32::from(is_active));
    }
}

// every item of a list has an outcome, and nothing is lost

#[test]
fn a_page_that_is_cut_changes_nothing_and_the_whole_one_then_does() {
    let place = with_store();
    let records: Vec<_> = (0..100)
        .map(|n| record(n, n, 1_700_000_000, false))
        .collect();
    let whole = page(1_700_000_100, false, &records);
    place.write(
        "1.json",
        page(
            1_700_000_050,
            true,
            &[record(500, 500, 1_700_000_000, false)],
        ),
    );
    place.write("2.json", &whole[..whole.len() / 2]);
    let apply = ["store", "apply", "s", "1.json", "2.json", "--name", "x"];
    let ran = place.run(&apply).exits(2);
    assert!(ran.stderr.contains("2.json: "), "{}", ran.stderr);
    assert!(ran.stderr.contains("nothing was changed"), "{}", ran.stderr);
    assert_eq!(ran.stdout, "");
    assert_eq!(status(&place)["lists"], json!([]));
    assert_eq!(names(&place.at("s")), ["lock", "manifest"]);
    place.write("2.json", whole);
    counts(&place.run(&apply).exits(0), &[("added", 101)]);
    assert_eq!(found_pdq(&place, 99), ["99"]);
    let list = &status(&place)["lists"][0];
    assert_eq!(list["checkpoint"], "1700000100.5,1");
    assert_eq!(list["checkpoint_time"], 1_700_000_100);
}

#[test]
fn an_unknown_word_is_kept_counted_and_its_entry_matches() {
    let place = with_store();
    let page = by_value_page(
        1_700_000_000,
        &[(&pdq(1), "UnderReview"), (&pdq(2), "Active")],
    );
    place.write("1.json", page);
    let ran = place
        .run(&["store", "apply", "s", "1.json", "--name", "x"])
        .exits(0);
    counts(&ran, &[("added", 2)]);
    assert!(
        ran.stdout
            .contains("note       1 entry of a status not known here"),
        "{}",
        ran.stdout
    );
    assert_eq!(found_pdq(&place, 1).len(), 1);
    assert_eq!(status(&place)["lists"][0]["unknown_status"], 1);
}

#[test]
fn hashes_that_are_none_are_left_out_and_named_and_cost_the_others_nothing() {
    let place = with_store();
    let zero = "0".repeat(64);
    let list = format!(
        "pdq {}\npdq {}\npdq {zero}\nmd5 {}\n",
        pdq(1),
        &pdq(2)[1..],
        md5(3)
    );
    place.write("x.txt", list);
    let add = ["store", "add", "s", "x.txt", "--name", "x"];
    let ran = place.run(&add).exits(2);
    counts(&ran, &[("added", 2)]);
    assert!(
        ran.stderr
            .contains("x.txt:2: a pdq has 64 hexadecimal digits but there are 63"),
        "{}",
        ran.stderr
    );
    assert!(
        ran.stderr.contains("x.txt:3: the pdq is zero throughout"),
        "{}",
        ran.stderr
    );
    assert!(!ran.stderr.contains(&pdq(2)[1..17]));
    let import = status(&place)["lists"][0]["last_import"]["by_reason"].clone();
    assert_eq!(import, json!({"bad_hash": 1, "degenerate": 1}));
    // In a feed, too, and there in a file.
    place.write(
        "1.json",
        by_value_page(
            1_700_000_000,
            &[(&zero, "Active"), (&pdq(2), "Active"), ("12", "Active")],
        ),
    );
    let apply = [
        "store",
        "apply",
        "s",
        "1.json",
        "--name",
        "y",
        "--quarantine",
        "q.csv",
    ];
    counts(&place.run(&apply).exits(2), &[("added", 1)]);
    assert_eq!(place.text("q.csv").lines().count(), 3);
    assert_eq!(found_pdq(&place, 2).len(), 1);
}

#[test]
fn a_withdrawal_of_an_entry_never_seen_is_remembered() {
    let place = with_store();
    let apply = |name: &str| {
        place
            .run(&["store", "apply", "s", name, "--name", "x", "-v"])
            .exits(0)
    };
    let (early, late) = (1_700_000_000, 1_700_000_500);
    place.write(
        "1.json",
        page(
            late,
            false,
            &[record(1, 1, late, true), record(2, 2, early, false)],
        ),
    );
    let ran = apply("1.json");
    counts(&ran, &[("added", 1), ("unseen", 1)]);
    assert!(
        ran.stdout.starts_with("unseen 1\nadded 2\n"),
        "{}",
        ran.stdout
    );
    // An older record, that comes later.
    place.write("2.json", page(late, false, &[record(1, 1, early, false)]));
    counts(&apply("2.json"), &[("outdated", 1)]);
    assert_eq!(found_pdq(&place, 1), [""; 0]);
    place.write(
        "3.json",
        page(late + 9, false, &[record(1, 1, late + 9, false)]),
    );
    counts(&apply("3.json"), &[("added", 1)]);
    assert_eq!(found_pdq(&place, 1), ["1"]);
}

#[test]
fn a_withdrawal_of_ones_own_holds_against_older_records_of_a_feed_and_not_against_whole_files() {
    let place = with_store();
    let time = 1_700_000_000;
    place.write("1.json", page(time, false, &[record(1, 1, time, false)]));
    let apply = ["store", "apply", "s", "1.json", "--name", "x"];
    place.run(&apply).exits(0);
    let withdraw = ["store", "withdraw", "s", "--list", "x", "1"];
    counts(&place.run(&withdraw).exits(0), &[("withdrawn", 1)]);
    counts(&place.run(&apply).exits(0), &[("outdated", 1)]);
    assert_eq!(found_pdq(&place, 1), [""; 0]);
    let replace = ["store", "replace", "s", "1.json", "--name", "x", "-v"];
    let ran = place.run(&replace).exits(0);
    counts(&ran, &[("added", 1)]);
    assert!(ran.stdout.starts_with("added 1\n"), "{}", ran.stdout);
    assert_eq!(found_pdq(&place, 1), ["1"]);
}

#[test]
fn of_two_entries_with_one_hash_the_other_matches_when_one_is_withdrawn() {
    let place = with_store();
    let time = 1_700_000_000;
    place.write(
        "1.json",
        page(
            time,
            false,
            &[record(1, 7, time, false), record(2, 7, time, false)],
        ),
    );
    place.write(
        "2.json",
        page(time + 1, false, &[record(1, 7, time + 1, true)]),
    );
    let apply = |name: &str| {
        place
            .run(&["store", "apply", "s", name, "--name", "x"])
            .exits(0)
    };
    apply("1.json");
    assert_eq!(found_pdq(&place, 7), ["1", "2"]);
    counts(&apply("2.json"), &[("withdrawn", 1)]);
    assert_eq!(found_pdq(&place, 7), ["2"]);
    // Purging does not take the hash that the other has.
    place.run(&["store", "purge", "s"]).exits(0);
    assert_eq!(found_pdq(&place, 7), ["2"]);
    place.write("gone.txt", format!("pdq {}\n", pdq(7)));
    place
        .run(&["store", "verify-removed", "s", "gone.txt"])
        .exits(1);
}

#[test]
fn a_feed_that_goes_backwards_in_time_is_refused_unless_allowed() {
    let place = with_store();
    let time = 1_700_000_000;
    for n in 1..=3_u64 {
        let at = time + i64::try_from(n).unwrap() * 100;
        place.write(
            &format!("{n}.json"),
            page(at, false, &[record(n, n, at, false)]),
        );
    }
    let apply = |pages: &[&str], more: &[&str]| {
        place.run(&[&["store", "apply", "s"], pages, &["--name", "x"], more].concat())
    };
    // Also within one change.
    let refused = |ran: Ran| {
        assert!(ran.stderr.contains("nothing was changed"), "{}", ran.stderr);
        assert!(ran.stderr.contains("--allow-older"), "{}", ran.stderr);
        assert!(ran.stderr.contains("2023-11-14T22:"), "{}", ran.stderr);
    };
    refused(apply(&["2.json", "1.json"], &[]).exits(2));
    assert_eq!(status(&place)["generation"], 0);
    apply(&["1.json", "3.json"], &[]).exits(0);
    refused(apply(&["2.json"], &[]).exits(2));
    let list = |key: &str| status(&place)["lists"][0][key].clone();
    assert_eq!(
        (list("checkpoint_time"), list("entries")),
        (json!(time + 300), json!(2))
    );
    apply(&["2.json"], &["--allow-older"]).exits(0);
    assert_eq!(
        (list("checkpoint_time"), list("entries")),
        (json!(time + 200), json!(3))
    );
}

#[test]
fn the_place_in_a_feed_moves_on_with_the_last_page_of_a_request() {
    let place = with_store();
    let time = 1_700_000_000;
    // Pages of one request may be in any order of time.
    place.write(
        "1.json",
        page(time + 50, true, &[record(1, 1, time, false)]),
    );
    place.write(
        "2.json",
        page(time + 20, false, &[record(2, 2, time, false)]),
    );
    let apply =
        |pages: &[&str]| place.run(&[&["store", "apply", "s"], pages, &["--name", "x"]].concat());
    let ran = apply(&["1.json"]).exits(0);
    assert!(
        ran.stderr.contains("there are more of its request"),
        "{}",
        ran.stderr
    );
    assert_eq!(status(&place)["lists"][0]["checkpoint"], json!(null));
    assert_eq!(found_pdq(&place, 1), ["1"]);
    let ran = apply(&["1.json", "2.json"]).exits(0);
    assert_eq!(ran.stderr, "");
    counts(&ran, &[("added", 1), ("unchanged", 1)]);
    assert_eq!(status(&place)["lists"][0]["checkpoint_time"], time + 50);
    // And what ends in the middle of a request is not the whole list.
    let replace = ["store", "replace", "s", "1.json", "--name", "x"];
    let limit = ["--shrink-limit", "100"];
    let ran = place.run(&[&replace[..], &limit].concat()).exits(2);
    assert!(ran.stderr.contains("not the whole list"), "{}", ran.stderr);
    assert_eq!(found_pdq(&place, 2), ["2"]);
    // A page without records is news, too.
    place.write("3.json", page(time + 90, false, &[]));
    counts(&apply(&["3.json"]).exits(0), &[]);
    assert_eq!(status(&place)["lists"][0]["checkpoint_time"], time + 90);
}

#[test]
fn a_feed_that_moves_on_past_records_left_out_says_from_where_to_fetch_them_again() {
    let place = with_store();
    let time = 1_700_000_000;
    let apply = |name: &str| place.run(&["store", "apply", "s", name, "--name", "x"]);
    let mut bad = record(2, 2, time + 9, true);
    bad["hash_digest"] = json!("none");
    bad["id"] = json!(null);
    let told = "1 record was left out, and a withdrawal may be among them: the place in the feed is past these now, so fetch \
                again ";
    place.write("1.json", page(time, false, &[record(1, 1, time, false)]));
    apply("1.json").exits(0);
    place.write(
        "2.json",
        page(
            time + 9,
            false,
            &[bad.clone(), record(3, 3, time + 9, false)],
        ),
    );
    let ran = apply("2.json").exits(2);
    let from = "from `1700000000.5,1` (2023-11-14T22:13:20Z) on once they can be read, and apply with --allow-older";
    assert!(
        ran.stderr.contains(&(told.to_owned() + from)),
        "{}",
        ran.stderr
    );
    // Of a feed that is new there is no place before.
    place
        .run(&["store", "remove-list", "s", "--list", "x"])
        .exits(0);
    let ran = apply("2.json").exits(2);
    assert!(
        ran.stderr
            .contains(&(told.to_owned() + "from the beginning")),
        "{}",
        ran.stderr
    );
    let good = record(4, 4, time + 20, false);
    place.write("3.json", page(time + 20, true, &[bad, good]));
    let ran = apply("3.json").exits(2);
    assert!(
        ran.stderr
            .contains("will move on past these, so fetch again from `1700000009.5,1`"),
        "{}",
        ran.stderr
    );
}

#[test]
fn a_time_in_the_future_is_told_as_such() {
    let place = with_list(1);
    edit_manifest(&place, |manifest| {
        let checked = manifest["lists"][0]["checked_at"].as_i64().unwrap();
        manifest["lists"][0]["checked_at"] = json!(checked + 3 * 86_400 + 60);
    });
    let ran = place.run(&["store", "status", "s"]).exits(0);
    let told = ", which is 3 days in the future: see that the clocks are right\n";
    assert!(ran.stdout.contains(told), "{}", ran.stdout);
    assert!(status(&place)["lists"][0]["age_seconds"].as_i64().unwrap() < -3 * 86_400);
}

#[test]
fn a_record_that_cannot_be_read_takes_no_entry_out_of_a_list_that_is_replaced() {
    let place = with_list(40);
    let text = table(0..38) + "e38,nonsense\n";
    place.write("worse.csv", &text);
    let ran = place.run(&["store", "replace", "s", "worse.csv", "--name", "x"]);
    counts(&ran.exits(2), &[("removed", 1), ("unchanged", 39)]);
    assert_eq!(found_pdq(&place, 38), ["e38"]);
    assert_eq!(found_pdq(&place, 39), [""; 0]);
}

#[test]
fn hashes_that_cannot_be_matched_stop_no_change_however_many_one_entry_has() {
    let place = with_store();
    let text: String = (0..2000).map(|i| format!("video,{i:0288}\n")).collect();
    place.write("frames.csv", format!("id,photodna\n{text}"));
    let ran = place
        .run(&["store", "add", "s", "frames.csv", "--name", "x"])
        .exits(2);
    counts(&ran, &[("added", 1)]);
    let told = " hashes left out that cannot be matched here, since their entries have over 256 KiB of such\n";
    assert!(ran.stdout.contains(told), "{}", ran.stdout);
}

#[test]
fn a_list_that_shrinks_by_half_is_refused_unless_allowed() {
    let place = with_list(40);
    place.write("half.csv", table(0..20));
    let replace = ["store", "replace", "s", "half.csv", "--name", "x"];
    let ran = place.run(&replace).exits(2);
    assert!(
        ran.stderr
            .contains("20 of 40 entries would be gone, more than 10 %"),
        "{}",
        ran.stderr
    );
    assert!(ran.stderr.contains("nothing was changed") && ran.stderr.contains("--shrink-limit"));
    assert_eq!(found_pdq(&place, 39), ["e39"]);
    assert_eq!(status(&place)["generation"], 1);
    let allowed = [&replace[..], &["--shrink-limit", "50"]].concat();
    counts(
        &place.run(&allowed).exits(0),
        &[("removed", 20), ("unchanged", 20)],
    );
    assert_eq!(found_pdq(&place, 39), [""; 0]);
    // Nothing is no list.
    for empty in ["", "id,pdq\n", "id,pdq\na,nonsense\n"] {
        place.write("empty.csv", empty);
        let replace = [
            "store",
            "replace",
            "s",
            "empty.csv",
            "--name",
            "x",
            "--shrink-limit",
            "100",
        ];
        place.run(&replace).exits(2);
        assert_eq!(status(&place)["lists"][0]["entries"], 20);
    }
}

#[test]
fn a_list_that_is_out_of_date_is_told_and_takes_no_more_pages() {
    let place = with_store();
    let time = 1_700_000_000;
    place.write("1.json", page(time, false, &[record(1, 1, time, false)]));
    let apply = [
        "store",
        "apply",
        "s",
        "1.json",
        "--name",
        "x",
        "--stale-after",
        "30",
    ];
    place.run(&apply).exits(0);
    place.run(&["store", "status", "s"]).exits(0);
    edit_manifest(&place, |manifest| {
        let checked = manifest["lists"][0]["checked_at"].as_i64().unwrap();
        manifest["lists"][0]["checked_at"] = json!(checked - 31 * 86_400);
    });
    let ran = place.run(&["store", "status", "s"]).exits(2);
    let told = "list `x` is out of date: no news for 31 days, and its limit is 30 days; fetch all of it and put it in place \
                with `hashsieve store replace`";
    assert!(ran.stderr.starts_with(told), "{}", ran.stderr);
    assert_eq!(status(&place)["lists"][0]["stale"], true);
    let ran = place.run(&apply).exits(2);
    assert!(
        ran.stderr.contains("nothing was changed") && ran.stderr.contains("store replace"),
        "{}",
        ran.stderr
    );
    place
        .run(&["store", "replace", "s", "1.json", "--name", "x"])
        .exits(0);
    assert_eq!(status(&place)["lists"][0]["stale"], false);
    place.run(&apply).exits(0);
}

#[test]
fn files_that_do_not_go_together_are_refused() {
    let place = with_store();
    let time = 1_700_000_000;
    place.write("x.csv", table(0..2));
    place.write("tat.json", page(time, false, &[record(1, 1, time, false)]));
    place.write("ncii.json", by_value_page(time, &[(&pdq(1), "Active")]));
    for (command, files) in [
        ("apply", &["x.csv"][..]),
        ("apply", &["tat.json", "x.csv"]),
        ("apply", &["tat.json", "ncii.json"]),
        ("add", &["x.csv", "tat.json"]),
        ("replace", &["tat.json", "x.csv"]),
        ("add", &["x.csv", "missing"]),
        ("add", &["x.csv", "."]),
    ] {
        let ran = place
            .run(&[&["store", command, "s"], files, &["--name", "x"]].concat())
            .exits(2);
        assert!(
            ran.stderr.contains("nothing was changed"),
            "{command} {files:?}: {}",
            ran.stderr
        );
    }
    assert_eq!(status(&place)["lists"], json!([]));
    // Pages may be added and be a list; where they end is known of a list only.
    let ran = place
        .run(&["store", "add", "s", "tat.json", "--name", "x"])
        .exits(0);
    assert!(ran.stderr.contains("store apply"), "{}", ran.stderr);
    assert_eq!(status(&place)["lists"][0]["checkpoint"], json!(null));
    place
        .run(&["store", "replace", "s", "tat.json", "--name", "x"])
        .exits(0);
    assert_eq!(status(&place)["lists"][0]["checkpoint_time"], time);
    place.run(&["store", "add", "s", "x.csv"]).exits(2);
    place
        .run(&["store", "add", "s", "x.csv", "--name", ""])
        .exits(2);
    is_sound(&place);
}

// what can happen to a store

/// Runs the program so that it can write files of so many blocks at most.
fn run_limited(place: &Place, blocks: u32, arguments: &[&str]) -> Ran {
    let script = format!("ulimit -f {blocks}; trap '' XFSZ; exec \"$0\" \"$@\"");
    let mut command = Command::new("sh");
    command.current_dir(place.0.path()).stdin(Stdio::null());
    command
        .arg("-c")
        .arg(script)
        .arg(cargo_bin!("hashsieve"))
        .args(arguments);
    command.output().unwrap().into()
}

#[test]
fn a_full_disk_leaves_the_store_as_it_was_and_a_later_change_works() {
    let place = with_list(20_000);
    place
        .run(&["store", "withdraw", "s", "--list", "x", "e5"])
        .exits(0);
    place.write("y.csv", table(5_000..40_000));
    let changes = [
        &[
            "store",
            "replace",
            "s",
            "y.csv",
            "--name",
            "x",
            "--shrink-limit",
            "50",
        ][..],
        &["store", "add", "s", "y.csv", "--name", "y", "--memory", "1"],
        &["store", "withdraw", "s", "--list", "x", "e6"],
        &["store", "purge", "s"],
        &["store", "compact", "s"],
        &["store", "set", "s", "--list", "x", "--terms", "t"],
        &["store", "remove-list", "s", "--list", "x"],
    ];
    let copy = |from: &str, to: &str| {
        fs::create_dir(place.at(to)).unwrap();
        for name in names(&place.at(from)) {
            fs::copy(place.at(from).join(&name), place.at(to).join(&name)).unwrap();
        }
    };
    copy("s", "saved");
    let ageless = || {
        let mut status = status(&place);
        status["lists"][0]["age_seconds"] = json!(0);
        status
    };
    let before = ageless();
    for arguments in changes {
        let mut failures = 0;
        for blocks in [0, 1, 3, 100, 1000, 3000] {
            let ran = run_limited(&place, blocks, arguments);
            if ran.code == 0 {
                break;
            }
            assert_eq!(ran.code, 2, "{arguments:?} {}", ran.stderr);
            assert!(
                ran.stderr.contains("os error 27"),
                "{arguments:?} {}",
                ran.stderr
            );
            let says_so = ["the store is as it was", "nothing was changed"];
            assert!(
                says_so.iter().any(|words| ran.stderr.contains(words)),
                "{arguments:?} {}",
                ran.stderr
            );
            assert_eq!(ageless(), before, "{arguments:?} {blocks}");
            failures += 1;
        }
        assert!(failures > 0, "{arguments:?}");
        fs::remove_dir_all(place.at("s")).unwrap();
        copy("saved", "s");
    }
    is_sound(&place);
    place.run(changes[0]).exits(0);
    assert_eq!(found_pdq(&place, 39_999), ["e39999"]);
    is_sound(&place);
}

#[test]
fn a_process_that_is_killed_leaves_the_store_before_or_after_its_change() {
    let place = with_list(20_000);
    place.write("y.csv", table(100..20_100));
    let replace = ["store", "replace", "s", "y.csv", "--name", "x"];
    let begun = Instant::now();
    place.run(&replace).exits(0);
    let whole = begun.elapsed();
    place
        .run(&["store", "replace", "s", "x.csv", "--name", "x"])
        .exits(0);
    let mut generation = 3;
    for part in 1..=12 {
        let mut command = place.command(&replace);
        let mut child = command
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(whole * part / 12);
        child.kill().unwrap();
        child.wait().unwrap();
        let after = status(&place);
        let is_old = found_pdq(&place, 0) == ["e0"];
        assert_eq!(found_pdq(&place, 20_099).is_empty(), is_old);
        assert_eq!(after["lists"][0]["entries"], 20_000);
        if after["generation"] != generation {
            generation += 1;
            assert_eq!(after["generation"], generation);
            assert!(!is_old);
            break;
        }
        assert!(is_old);
    }
    // What a killed process left is gone with the next change.
    place.run(&replace).exits(0);
    is_sound(&place);
}

#[test]
fn a_directory_that_cannot_be_written_is_read_and_not_changed() {
    let place = with_list(5);
    // Modes do not count for root, so somebody else runs a copy of the program.
    let program = place.at("hashsieve");
    fs::copy(cargo_bin!("hashsieve"), &program).unwrap();
    let set_mode =
        |path: &Path, mode| fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
    set_mode(&program, 0o755);
    set_mode(place.0.path(), 0o755);
    set_mode(&place.at("x.csv"), 0o644);
    for name in names(&place.at("s")) {
        set_mode(&place.at("s").join(name), 0o444);
    }
    set_mode(&place.at("s"), 0o555);
    let is_root = fs::metadata(&program).unwrap().uid() == 0;
    let run = |arguments: &[&str]| {
        let mut command = Command::new(&program);
        command
            .current_dir(place.0.path())
            .stdin(Stdio::null())
            .args(arguments);
        if is_root {
            command.uid(65_534).gid(65_534);
        }
        Ran::from(command.output().unwrap())
    };
    run(&["store", "status", "s"]).exits(0);
    run(&["store", "verify", "s"]).exits(0);
    for change in [
        &["store", "add", "s", "x.csv", "--name", "y"][..],
        &["store", "withdraw", "s", "--list", "x", "e1"],
        &["store", "purge", "s"],
        &["store", "set", "s", "--list", "x", "--terms", "t"],
        &["store", "init", "s/t"],
    ] {
        let ran = run(change).exits(2);
        assert!(
            ran.stderr.contains("Permission denied"),
            "{change:?} {}",
            ran.stderr
        );
    }
    let ran = run(&["store", "verify-removed", "s", "x.csv"]).exits(1);
    assert!(!ran.stderr.is_empty());
    set_mode(&place.at("s"), 0o755);
    assert_eq!(status(&place)["generation"], 1);
    assert_eq!(found_pdq(&place, 1), ["e1"]);
}

#[test]
fn a_second_writer_is_refused_and_readers_are_not() {
    let place = with_list(5);
    let writer = StoreWriter::open(place.at("s")).unwrap();
    for change in [
        &["store", "add", "s", "x.csv", "--name", "y"][..],
        &["store", "withdraw", "s", "--list", "x", "e1"],
        &["store", "compact", "s"],
        &["store", "purge", "s"],
        &["store", "set", "s", "--list", "x", "--terms", "t"],
        &["store", "remove-list", "s", "--list", "x"],
    ] {
        let ran = place.run(change).exits(2);
        assert!(
            ran.stderr.contains("somebody else is changing this store"),
            "{}",
            ran.stderr
        );
    }
    place.run(&["store", "status", "s"]).exits(0);
    place.run(&["store", "verify", "s"]).exits(0);
    drop(writer);
    place
        .run(&["store", "withdraw", "s", "--list", "x", "e1"])
        .exits(0);
}

#[test]
fn a_store_of_a_newer_version_is_refused_as_such() {
    let place = with_list(5);
    edit_manifest(&place, |manifest| {
        *manifest = json!({"format": 2, "unheard": 1})
    });
    for command in ["status", "verify", "purge"] {
        let ran = place.run(&["store", command, "s"]).exits(2);
        assert!(
            ran.stderr.contains("use a newer hashsieve"),
            "{}",
            ran.stderr
        );
    }
}

#[test]
fn damage_of_any_file_is_told_and_never_passed_over() {
    let place = with_list(300);
    place
        .run(&["store", "withdraw", "s", "--list", "x", "e1"])
        .exits(0);
    place.write("gone.txt", format!("pdq {}\n", pdq(1)));
    let files: Vec<_> = names(&place.at("s"))
        .into_iter()
        .filter(|name| name != "lock")
        .collect();
    assert_eq!(files.len(), 4, "{files:?}");
    for file in files {
        let name = format!("s/{file}");
        let bytes = place.read(&name);
        let mut damaged = bytes.clone();
        damaged[bytes.len() / 2] ^= 1;
        for damaged in [&damaged[..], &bytes[..bytes.len() / 2], b""] {
            place.write(&name, damaged);
            let ran = place.run(&["store", "verify", "s"]).exits(2);
            assert!(
                ran.stderr.contains("s/") && ran.stdout.is_empty(),
                "{file}: {}",
                ran.stderr
            );
        }
        fs::remove_file(place.at(&name)).unwrap();
        place.run(&["store", "verify", "s"]).exits(2);
        place
            .run(&["store", "verify-removed", "s", "gone.txt"])
            .exits(2);
        place.write(&name, &bytes);
    }
    is_sound(&place);
    place.run(&["store", "status", "x.csv"]).exits(2);
    let ran = place.run(&["store", "status", "nowhere"]).exits(2);
    assert!(ran.stderr.contains("no store is here"), "{}", ran.stderr);
    place.run(&["store", "init", "s"]).exits(2);
    place.run(&["store", "init", "."]).exits(2);
}

// showing that a hash is gone

#[test]
fn what_cannot_be_looked_for_is_not_called_gone() {
    let place = with_list(3);
    let verify = ["store", "verify-removed", "s", "-"];
    let run = |input: String| place.run_with(&verify, input.as_bytes());
    let ran = run(format!("pdq {}\nsha256 {}\n", pdq(50), pdq(51))).exits(0);
    assert!(ran.stdout.contains("looked for 2 hashes"), "{}", ran.stdout);
    let ran = run(format!("{}\npdq {}\n", pdq(50), pdq(51))).exits(2);
    assert!(ran.stderr.contains("-:1: 64 digits are"), "{}", ran.stderr);
    assert!(ran.stdout.ends_with("found      none\n"));
    run(format!("nonsense\npdq {}\n", pdq(1))).exits(1);
    run(format!("photodna xyz\npdq {}\n", pdq(50))).exits(2);
    run(format!("pdq {}\n", "0".repeat(64))).exits(2);
    run(String::new()).exits(2);
    place
        .run(&["store", "verify-removed", "s", "missing"])
        .exits(2);
    let with_kind = [&verify[..], &["--kind", "pdq"]].concat();
    let ran = place
        .run_with(&with_kind, (pdq(50) + "\n" + &pdq(2)).as_bytes())
        .exits(1);
    assert!(
        ran.stdout.contains("that of line 2 in segment-"),
        "{}",
        ran.stdout
    );
    // Whatever is there is looked at, and what cannot be read is told.
    place.write("s/copy", format!("x{}", md5(70)));
    let ran = run(format!("md5 {}\n", md5(70))).exits(1);
    assert!(
        ran.stdout.contains("that of line 1 in copy"),
        "{}",
        ran.stdout
    );
    fs::create_dir(place.at("s/folder")).unwrap();
    let ran = run(format!("md5 {}\n", md5(71))).exits(2);
    assert!(
        ran.stderr.contains("not known whether the hashes are gone"),
        "{}",
        ran.stderr
    );
}

#[test]
fn hashes_to_look_for_are_read_as_hash_prints_them() {
    let place = with_list(6);
    let run =
        |input: String| place.run_with(&["store", "verify-removed", "s", "-"], input.as_bytes());
    let gone = |n: u64| n + 100;
    for of in [|n: u64| n, gone] {
        let is_there = i32::from(of(1) == 1);
        for input in [
            format!("{},100,a, b.png\n{},77,c.png\n", pdq(of(1)), pdq(of(2))),
            format!("{}  a b.png\n{} *c.png\n", md5(of(1)), md5(of(2))),
            format!("pdq {}  a b.png\nmd5 {}  a b.png\n", pdq(of(1)), md5(of(1))),
            format!("md5 {}\npdq:{}\n", md5(of(1)), pdq(of(2))),
            format!(
                "path,kind,hash\na.png,pdq,{}\na.png,md5,{}\n",
                pdq(of(1)),
                md5(of(1))
            ),
        ] {
            let ran = run(input).exits(is_there);
            assert!(
                ran.stdout.contains("looked for 2 hashes\n"),
                "{}",
                ran.stdout
            );
            assert_eq!(
                ran.stdout.matches("found      that").count(),
                if is_there == 1 { 2 } else { 0 }
            );
        }
    }
    // What cannot be read is told without an option that there is not.
    let ran = run("nonsense\n".repeat(20) + &format!("md5 {}\n", md5(99))).exits(2);
    assert!(ran.stderr.contains("and more\n"), "{}", ran.stderr);
    assert!(!ran.stderr.contains("--quarantine"), "{}", ran.stderr);
}

#[test]
fn what_would_take_a_hash_away_is_said_of_wherever_it_is() {
    let place = with_list(6);
    let run = |hash: String| {
        let input = format!("md5 {hash}\n");
        place.run_with(&["store", "verify-removed", "s", "-"], input.as_bytes())
    };
    let advice = |ran: &Ran, there: &[&str]| {
        let all = [
            "has to be withdrawn first",
            "is withdrawn is in",
            "another text",
            "manifest is in",
            "remove the file",
        ];
        for what in all {
            assert_eq!(
                ran.stderr.contains(what),
                there.contains(&what),
                "{what}: {}",
                ran.stderr
            );
        }
    };
    advice(&run(md5(1)).exits(1), &["has to be withdrawn first"]);
    place
        .run(&["store", "withdraw", "s", "--list", "x", "e1"])
        .exits(0);
    advice(&run(md5(1)).exits(1), &["is withdrawn is in"]);
    // A file that is none of the store, and a link.
    place.write("s/copy", md5(80));
    place.write("list", md5(81).to_ascii_uppercase());
    std::os::unix::fs::symlink("../list", place.at("s/segment-00000099.hsv")).unwrap();
    advice(&run(md5(80)).exits(1), &["remove the file"]);
    advice(&run(md5(81)).exits(1), &["remove the file"]);
    fs::remove_file(place.at("s/copy")).unwrap();
    fs::remove_file(place.at("s/segment-00000099.hsv")).unwrap();
    let terms = ["store", "set", "s", "--list", "x", "--terms", &md5(82)];
    place.run(&terms).exits(0);
    advice(&run(md5(82)).exits(1), &["manifest is in"]);
    // An id that is a hash is remembered when it is withdrawn; purging does not help, and what is advised does.
    place.write("odd.csv", format!("id,pdq\n{},{}\n", md5(83), pdq(83)));
    place
        .run(&["store", "add", "s", "odd.csv", "--name", "x"])
        .exits(0);
    place
        .run(&["store", "withdraw", "s", "--list", "x", &md5(83)])
        .exits(0);
    place.run(&["store", "purge", "s"]).exits(0);
    advice(&run(md5(83)).exits(1), &["another text"]);
    place
        .run(&["store", "replace", "s", "x.csv", "--name", "x"])
        .exits(0);
    place.run(&["store", "purge", "s"]).exits(0);
    advice(&run(md5(83)).exits(0), &[]);
    // Nobody waits for a pipe.
    let made = Command::new("mkfifo")
        .arg(place.at("s/pipe"))
        .status()
        .unwrap();
    assert!(made.success());
    let ran = run(md5(90)).exits(2);
    assert!(
        ran.stderr.contains("pipe: this is no regular file"),
        "{}",
        ran.stderr
    );
}

// export

/// A list with everything that a table can carry.
fn rich_list() -> String {
    let mut list = "id,kind,hash,media_type,submitter,scheme,region,category,status,opinion,quality,tags,first_seen,updated\n"
        .to_owned();
    let mut row = |id: &str, kind: &str, hash: &str, rest: &str| {
        list += &format!("{id},{kind},{hash},{rest}\n");
    };
    let rest =
        "video,Member,example,XX,A1,active,investigation,77,t1;t2,2020-01-01,2021-02-03T04:05:06Z";
    row("a", "pdq", &pdq(1), rest);
    row("a", "md5", &md5(1), rest);
    row("a", "photodna", "made up; \"quoted\"", rest);
    row(
        "\"b,\"\"\n#x\"",
        "sha1",
        &made_up(HashKind::Sha1, 2),
        ",,,,,disputed,negative,,,,",
    );
    row(
        "c",
        "mean_8x8",
        "0123456789abcdef",
        ",,,,\"of, its\n own\",brand new,,0,,,",
    );
    row("d", "url", "https://example.org/", "unknown,,,,,,,,,,");
    row("e", "", "", ",,,,,withdrawn,,,,,");
    for n in 10..60 {
        row(&format!("n{n}"), "pdq", &pdq(n), ",,,,,,,,,,");
    }
    list
}

#[test]
fn an_exported_list_is_read_back_without_loss() {
    let place = with_store();
    place.write("x.csv", rich_list());
    let terms = "members only; until 2027";
    let add = [
        "store", "add", "s", "x.csv", "--name", "x", "--terms", terms,
    ];
    counts(&place.run(&add).exits(0), &[("added", 54), ("unseen", 1)]);
    place
        .run(&["store", "withdraw", "s", "--list", "x", "n10"])
        .exits(0);
    let export = [
        "store", "export", "s", "--list", "x", "--terms", terms, "-o", "out.csv",
    ];
    let ran = place.run(&export).exits(0);
    let told = summary(&ran);
    assert_eq!(
        (told["entries"], told["withdrawn"], told["rows"]),
        (53, 2, 57),
        "{}",
        ran.stdout
    );
    assert!(!ran.stdout.contains("note"), "{}", ran.stdout);
    assert_eq!(
        fs::metadata(place.at("out.csv")).unwrap().mode() & 0o777,
        0o600
    );
    assert!(place.names().iter().all(|name| !name.starts_with('.')));
    // In its own store all of it is as it was.
    let replace = |store: &str| {
        place
            .run(&["store", "replace", store, "out.csv", "--name", "x"])
            .exits(0)
    };
    counts(&replace("s"), &[("unchanged", 53)]);
    // And in a new one, too.
    place.run(&["store", "init", "t"]).exits(0);
    counts(&replace("t"), &[("added", 53)]);
    counts(&replace("t"), &[("unchanged", 53)]);
    let counted = |store: &str| {
        let status = place
            .run(&["store", "status", store, "--json"])
            .exits(0)
            .json()
            .remove(0);
        [
            "entries",
            "hashes",
            "other_hashes",
            "categories",
            "opinions",
            "unknown_status",
        ]
        .map(|key| status["lists"][0][key].clone())
    };
    assert_eq!(counted("s"), counted("t"));
    // `add` also takes what is remembered as withdrawn.
    place.run(&["store", "init", "u"]).exits(0);
    let ran = place
        .run(&["store", "add", "u", "out.csv", "--name", "x"])
        .exits(0);
    counts(&ran, &[("added", 53), ("unseen", 2)]);
    let ran = place
        .run(&["index", "build", "out.csv", "-o", "out.hsv"])
        .exits(0);
    assert!(ran.stdout.contains("entries   53"), "{}", ran.stdout);
}

#[test]
fn what_a_table_cannot_carry_is_told() {
    let place = with_store();
    let reaction = json!([{"key": "HELPFUL", "value": "1,2"}]);
    let descriptor = json!({"id": "5", "owner": {"id": "3", "name": " Member "}, "status": "MALICIOUS",
        "tags": {"data": [{"text": "a;b"}]}, "added_on": "2020-07-01T18:31:15+0000", "reactions": reaction});
    let indicator = json!({"id": "1001", "indicator": pdq(1), "type": "HASH_PDQ", "last_updated": 1_600_000_000,
        "should_delete": false, "descriptors": {"data": [descriptor]}});
    place.write(
        "1.json",
        json!({"data": [indicator], "paging": {}}).to_string(),
    );
    place
        .run(&[
            "store", "apply", "s", "1.json", "--name", "x", "--terms", "t",
        ])
        .exits(0);
    let export = [
        "store", "export", "s", "--list", "x", "--terms", "t", "-o", "out.csv",
    ];
    let ran = place.run(&export).exits(0);
    assert!(
        ran.stdout
            .contains("note       1 entry of which is known how many members agree"),
        "{}",
        ran.stdout
    );
    assert!(
        ran.stdout
            .contains("note       1 entry with ; or | in a tag"),
        "{}",
        ran.stdout
    );
}

#[test]
fn a_list_is_exported_under_its_own_terms_only() {
    let place = with_list(5);
    let export = |terms: &str, output: &str| {
        place.run(&[
            "store", "export", "s", "--list", "x", "--terms", terms, "-o", output,
        ])
    };
    let ran = export("", "out.csv").exits(2);
    assert!(ran.stderr.contains("store set --terms"), "{}", ran.stderr);
    place
        .run(&[
            "store",
            "set",
            "s",
            "--list",
            "x",
            "--terms",
            "members only",
        ])
        .exits(0);
    for wrong in ["", "Members only", "members only ", "members"] {
        let ran = export(wrong, "out.csv").exits(2);
        assert!(ran.stderr.contains("word for word"), "{}", ran.stderr);
    }
    assert!(!place.at("out.csv").exists());
    let ran = export("members only", "s/out.csv").exits(2);
    assert!(
        ran.stderr.contains("directory of the store"),
        "{}",
        ran.stderr
    );
    export("members only", "s/manifest").exits(2);
    place.write("out.csv", "older");
    export("members only", "missing/out.csv").exits(2);
    let limited = [
        "store",
        "export",
        "s",
        "--list",
        "x",
        "--terms",
        "members only",
        "-o",
        "out.csv",
    ];
    run_limited(&place, 0, &limited).exits(2);
    // What was there is there until the new one is complete.
    assert_eq!(place.text("out.csv"), "older");
    assert!(place.names().iter().all(|name| !name.starts_with('.')));
    export("members only", "out.csv").exits(0);
    assert_eq!(place.text("out.csv").lines().count(), 11);
    export("members only", "/dev/null").exits(0);
    let unknown = [
        "store", "export", "s", "--list", "y", "--terms", "t", "-o", "out.csv",
    ];
    place.run(&unknown).exits(2);
    is_sound(&place);
}

// list check

#[test]
fn a_list_is_checked_without_anything_being_written() {
    let place = Place::new();
    place.write(
        "x.csv",
        rich_list().replace("t1;t2", "t1") + &format!("bad,md5,{},,,,,,,,,,,\n", &md5(1)[1..]),
    );
    let before = place.names();
    let ran = place.run(&["list", "check", "x.csv"]).exits(2);
    for line in [
        "format     csv",
        "entries    56",
        "withdrawn  1",
        "pdq        51 hashes",
        "photodna   1 hash, not matchable here",
        "category   example XX A1: 3",
        "opinion    negative: 1",
        "column     2: kind",
        "unknown    media_type: 1 word not known here",
        "unknown    status: 1 entry of a word not known here, which match",
        "reason     bad_hash: 1",
        "line 61: column hash: a md5 has 32 hexadecimal digits but there are 31 characters",
    ] {
        assert!(
            ran.stdout.lines().any(|own| own == line),
            "{line}\n{}",
            ran.stdout
        );
    }
    assert_eq!(place.names(), before);
    let ran = place.run(&["list", "check", "x.csv", "--json"]).exits(2);
    let checked = ran.json().remove(0);
    assert_eq!(
        keys(&checked),
        [
            "by_reason",
            "categories",
            "columns",
            "entries",
            "error",
            "feed",
            "file",
            "format",
            "hashes",
            "left_out",
            "opinions",
            "other_hashes",
            "quarantined",
            "records",
            "report",
            "unknown_status",
            "unknown_values",
            "withdrawn",
        ]
    );
    assert_eq!(
        (&checked["quarantined"], &checked["error"]),
        (&json!(1), &json!(null))
    );
    assert_eq!(checked["left_out"][0]["line"], 61);
    assert_eq!(checked["columns"]["unused"], json!([]));
    let help = place.run(&["list", "check", "--help"]).exits(0).stdout;
    for key in keys(&checked) {
        assert!(help.contains(&format!("\"{key}\"")), "{key}");
    }
    place.write("good.txt", format!("md5 {}\n", md5(1)));
    let ran = place.run(&["list", "check", "good.txt", "--json"]).exits(0);
    assert_eq!(ran.json()[0]["columns"], json!(null));
    // What would not fit into an index or a store is told as well.
    place.write(
        "long.csv",
        format!("id,md5\n{},{}\n", "x".repeat(5000), md5(1)),
    );
    let ran = place.run(&["list", "check", "long.csv"]).exits(2);
    assert!(
        ran.stdout
            .contains("line 2: the entry's id is empty, too long"),
        "{}",
        ran.stdout
    );
    let refused = ["list", "check", "good.txt", "--quarantine", "good.txt"];
    place.run(&refused).exits(2);
    assert!(place.text("good.txt").starts_with("md5 "));
}

#[test]
fn checking_a_page_tells_where_it_stands_and_where_it_breaks_off() {
    let place = Place::new();
    let time = 1_700_000_000;
    let whole = page(
        time,
        true,
        &[record(1, 1, time, false), record(2, 2, time, true)],
    );
    place.write("1.json", &whole);
    let ran = place.run(&["list", "check", "1.json", "--json"]).exits(0);
    let checked = &ran.json()[0];
    assert_eq!(checked["format"], "tat");
    assert_eq!(
        checked["feed"],
        json!({"checkpoint": "1700000000.5,1", "checkpoint_time": time, "has_more": true})
    );
    assert_eq!(
        (&checked["entries"], &checked["withdrawn"]),
        (&json!(1), &json!(1))
    );
    let text = place.run(&["list", "check", "1.json"]).exits(0).stdout;
    assert!(
        text.contains("feed       up to 2023-11-14T22:13:20Z; there are more pages\n"),
        "{text}"
    );
    place.write("cut.json", &whole[..whole.len() - 30]);
    let ran = place.run(&["list", "check", "cut.json", "--json"]).exits(2);
    assert!(ran.json()[0]["error"].is_string());
    assert!(ran.stderr.contains("cut.json"), "{}", ran.stderr);
}

#[test]
fn more_is_left_out_than_is_told_and_all_of_it_is_written_down() {
    let place = Place::new();
    place.write(
        "x.txt",
        "nonsense\n".repeat(1500) + &format!("md5 {}\n", md5(1)),
    );
    let check = ["list", "check", "x.txt", "--quarantine", "q.csv"];
    let ran = place.run(&check).exits(2);
    assert!(
        ran.stdout
            .ends_with("and 500 more; --quarantine FILE writes all of them down\n")
    );
    assert_eq!(place.text("q.csv").lines().count(), 1501);
}

// the program

#[test]
fn an_output_never_overwrites_what_the_command_reads() {
    let place = with_list(3);
    let before = place.read("x.csv");
    for arguments in [
        &[
            "store",
            "add",
            "s",
            "x.csv",
            "--name",
            "y",
            "--quarantine",
            "x.csv",
        ][..],
        &[
            "store",
            "replace",
            "s",
            "x.csv",
            "--name",
            "y",
            "--quarantine",
            "./x.csv",
        ],
        &[
            "store",
            "add",
            "s",
            "x.csv",
            "--name",
            "y",
            "--quarantine",
            "s/q.csv",
        ],
        &[
            "store",
            "add",
            "s",
            "x.csv",
            "--name",
            "y",
            "--quarantine",
            "s/manifest",
        ],
    ] {
        place.run(arguments).exits(2);
    }
    assert_eq!(place.read("x.csv"), before);
    place.write(
        "map.toml",
        "format = \"csv\"\n[columns]\npdq = \"pdq\"\nid = \"id\"\n",
    );
    let with_map = ["--columns", "map.toml", "--quarantine", "map.toml"];
    for command in [
        &["store", "add", "s", "x.csv", "--name", "y"][..],
        &["list", "check", "x.csv"],
        &["index", "build", "x.csv", "-o", "x.hsv"],
    ] {
        let ran = place.run(&[command, &with_map].concat()).exits(2);
        assert!(ran.stderr.contains("would overwrite"), "{}", ran.stderr);
    }
    // Nor does it lead among the files of a store.
    std::os::unix::fs::symlink("s/manifest", place.at("link")).unwrap();
    place
        .run(&["store", "set", "s", "--list", "x", "--terms", "t"])
        .exits(0);
    let export = [
        "store", "export", "s", "--list", "x", "--terms", "t", "-o", "link",
    ];
    let ran = place.run(&export).exits(2);
    assert!(
        ran.stderr.contains("directory of the store"),
        "{}",
        ran.stderr
    );
    is_sound(&place);
}

#[test]
fn every_command_has_help_and_the_usual_ones_have_examples() {
    let place = Place::new();
    for (command, has_examples) in [
        (&["store"][..], true),
        (&["store", "init"], false),
        (&["store", "add"], true),
        (&["store", "apply"], true),
        (&["store", "replace"], true),
        (&["store", "withdraw"], true),
        (&["store", "set"], true),
        (&["store", "remove-list"], false),
        (&["store", "compact"], false),
        (&["store", "purge"], false),
        (&["store", "status"], true),
        (&["store", "verify"], false),
        (&["store", "verify-removed"], true),
        (&["store", "export"], true),
        (&["list"], false),
        (&["list", "check"], true),
    ] {
        let ran = place.run(&[command, &["--help"]].concat()).exits(0);
        assert_eq!(
            ran.stdout.contains("Examples:\n"),
            has_examples,
            "{command:?}"
        );
    }
}

#[test]
fn a_reader_that_goes_away_does_not_undo_a_change() {
    let place = with_store();
    place.write("x.csv", table(0..20_000));
    let mut command = place.command(&["store", "replace", "s", "x.csv", "--name", "x", "-v"]);
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert_eq!(status(&place)["lists"][0]["entries"], 20_000);
}
