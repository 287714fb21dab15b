//! What the tests of stores share: places with stores and lists, made-up tables and pages, and what became of them.

use std::collections::BTreeMap;
use std::process::{Command, Stdio};

use assert_cmd::cargo::cargo_bin;
use hashsieve::{HashKind, HashValue, Snapshot, Store, digest};
use serde_json::{Value, json};

#[path = "../support/program.rs"]
pub mod program;

pub(crate) use program::{Place, Ran, keys, made_up, names};

/// Returns a made-up PDQ hash: a SHA-256 has as many digits. Of no small number, since an index has the SHA-256 of its sections,
/// and one may be nothing but a small number.
pub(crate) fn pdq(number: u64) -> String {
    made_up(HashKind::Sha256, number + 0x1234_5678_9abc_def0)
}

pub(crate) fn md5(number: u64) -> String {
    made_up(HashKind::Md5, number)
}

/// Returns a place with an empty store `s`.
pub(crate) fn with_store() -> Place {
    let place = Place::new();
    place.run(&["store", "init", "s"]).exits(0);
    place
}

/// Returns a table with entries `e0`, `e1` and so on, each with a pdq and an md5 of its number.
pub(crate) fn table(entries: impl IntoIterator<Item = u64>) -> String {
    let rows = entries
        .into_iter()
        .map(|n| format!("e{n},{},{}\n", pdq(n), md5(n)));
    format!("id,pdq,md5\n{}", rows.collect::<String>())
}

/// Returns a place with a store `s` that has a list `x` of the entries `e0` up to `e{count}`.
pub(crate) fn with_list(count: u64) -> Place {
    let place = with_store();
    place.write("x.csv", table(0..count));
    on_list(&place, "replace", &["x.csv"]).exits(0);
    place
}

/// Runs a command of `store` on the list `x` of the store `s`.
pub(crate) fn on_list(place: &Place, command: &str, arguments: &[&str]) -> Ran {
    let (before, after): (&[&str], &[&str]) = match command {
        "add" | "apply" | "replace" => (&[], &["--name", "x"]),
        _ => (&["--list", "x"], &[]),
    };
    place.run(&[&["store", command, "s"], before, arguments, after].concat())
}

pub(crate) fn snapshot(place: &Place) -> std::sync::Arc<Snapshot> {
    Store::open(place.at("s")).unwrap().snapshot()
}

/// Returns the ids of the entries that a hash finds, in order.
pub(crate) fn found(place: &Place, kind: HashKind, hex: &str) -> Vec<String> {
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

pub(crate) fn found_pdq(place: &Place, number: u64) -> Vec<String> {
    found(place, HashKind::Pdq, &pdq(number))
}

/// Returns the rows of a summary: each name with its number.
pub(crate) fn summary(ran: &Ran) -> BTreeMap<&str, u64> {
    let rows = ran.stdout.lines().filter_map(|line| {
        let (name, count) = line.split_once(' ')?;
        Some((name, count.trim().parse().ok()?))
    });
    rows.collect()
}

/// Asserts some of the counts of a change, and that all others are zero.
#[track_caller]
pub(crate) fn counts(ran: &Ran, expected: &[(&str, u64)]) {
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

pub(crate) fn status(place: &Place) -> Value {
    let ran = place.run(&["store", "status", "s", "--json"]);
    assert!([0, 2].contains(&ran.code), "{}", ran.stderr);
    ran.json().remove(0)
}

/// Returns a record of a page of Tech Against Terrorism, whose entries have ids.
pub(crate) fn record(id: u64, hash: u64, updated: i64, is_deleted: bool) -> Value {
    json!({"id": id, "hash_digest": pdq(hash), "algorithm": "PDQ", "ideology": "example", "file_type": "jpg",
        "deleted": is_deleted, "created_on": 1_700_000_000, "updated_on": updated})
}

/// Returns a page that ends at a time.
pub(crate) fn page(time: i64, has_more: bool, records: &[Value]) -> String {
    let next = has_more.then_some("https://example.org/next");
    let checkpoint = format!("{time}.5,1");
    json!({"count": records.len(), "next": next, "previous": null, "checkpoint": checkpoint, "results": records})
        .to_string()
}

/// Returns a page of StopNCII, whose entries are known by their hashes.
pub(crate) fn by_value_page(time: i64, records: &[(&str, &str)]) -> String {
    let records: Vec<_> = records
        .iter()
        .map(|(hash, status)| {
            json!({"lastModtimestamp": time, "signalType": "ImagePDQ", "hashValue": hash, "hashStatus": status})
        })
        .collect();
    json!({"count": records.len(), "nextSetTimestamp": time, "hasMoreRecords": false, "hashRecords": records})
        .to_string()
}

/// A list with everything that a table can carry.
pub(crate) fn rich_list() -> String {
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

/// Changes the manifest of a store, with its checksum.
pub(crate) fn edit_manifest(place: &Place, edit: impl FnOnce(&mut Value)) {
    let text = place.text("s/manifest");
    let mut manifest = serde_json::from_str(text.lines().next().unwrap()).unwrap();
    edit(&mut manifest);
    let json = manifest.to_string();
    let checksum = digest::of(json.as_bytes(), &[HashKind::Sha256])[0].to_hex();
    place.write("s/manifest", format!("{json}\n{checksum}\n"));
}

/// Asserts that a store has nothing but what its manifest names, and that all of it is sound.
#[track_caller]
pub(crate) fn is_sound(place: &Place) {
    place.run(&["store", "verify", "s"]).exits(0);
    for name in names(&place.at("s")) {
        let is_usual = name == "manifest" || name == "lock" || name.starts_with("segment-");
        assert!(is_usual || name.starts_with("withdrawn-"), "{name}");
    }
}

/// Runs the program so that it can write files of so many blocks at most.
pub(crate) fn run_limited(place: &Place, blocks: u32, arguments: &[&str]) -> Ran {
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
