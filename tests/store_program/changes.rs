//! Lists that are put in place, changed and taken out again, and what a store tells of them.

use std::fs;
use std::os::unix::fs::MetadataExt;

use hashsieve::HashKind;
use serde_json::{Value, json};

use crate::support::{
    counts, edit_manifest, found, found_pdq, is_sound, keys, md5, names, on_list, pdq, status,
    summary, table, with_list, with_store,
};

#[test]
fn a_list_is_put_in_place_changed_withdrawn_from_purged_and_gone() {
    let place = with_store();
    assert_eq!(names(&place.at("s")), ["lock", "manifest"]);
    let mode = |name: &str| fs::metadata(place.at(name)).unwrap().mode() & 0o777;
    assert_eq!((mode("s"), mode("s/manifest")), (0o700, 0o600));
    place.write("x.csv", table(0..20));
    let replace = [
        "x.csv",
        "--source",
        "Example",
        "--terms",
        "ours\nonly",
        "--list-version",
        "7",
        "--list-date",
        "2026-01-02",
    ];
    let ran = on_list(&place, "replace", &replace).exits(0);
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
    let ran = on_list(&place, "replace", &["x.csv", "-v"]).exits(0);
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

    let ran = on_list(&place, "withdraw", &["e1", "e2", "-v"]).exits(0);
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

    let ran = on_list(&place, "remove-list", &[]).exits(0);
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
        "x.csv",
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
    let ran = on_list(&place, "add", &add).exits(2);
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
fn what_is_known_of_a_list_is_set_without_changing_it() {
    let place = with_list(3);
    let set = |more: &[&str]| on_list(&place, "set", more);
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
    on_list(&place, "replace", &["x.csv"]).exits(0);
    assert_eq!(list("terms"), "t");
    let unknown = ["store", "set", "s", "--list", "y", "--terms", "t"];
    let ran = place.run(&unknown).exits(2);
    assert!(ran.stderr.contains("no list `y`"), "{}", ran.stderr);
    is_sound(&place);
}

#[test]
fn lists_without_ids_are_known_by_their_hashes_from_file_to_file() {
    let place = with_store();
    place.write("a.txt", format!("pdq {}\nmd5 {}\n", pdq(1), md5(2)));
    place.write(
        "b.txt",
        format!("md5 {}\n# moved\npdq {}\nmd5 {}\n", md5(3), pdq(1), md5(2)),
    );
    let ran = on_list(&place, "add", &["a.txt"]).exits(0);
    counts(&ran, &[("added", 2)]);
    let ran = on_list(&place, "add", &["b.txt"]).exits(0);
    counts(&ran, &[("added", 1), ("unchanged", 2)]);
    let ids = found_pdq(&place, 1);
    assert!(ids[0].starts_with("value-"), "{ids:?}");
    let ran = on_list(&place, "replace", &["b.txt"]).exits(0);
    counts(&ran, &[("unchanged", 3)]);
    on_list(&place, "withdraw", &[&ids[0]]).exits(0);
    assert_eq!(found_pdq(&place, 1), [""; 0]);
}

#[test]
fn a_list_that_shrinks_by_half_is_refused_unless_allowed() {
    let place = with_list(40);
    place.write("half.csv", table(0..20));
    let ran = on_list(&place, "replace", &["half.csv"]).exits(2);
    assert!(
        ran.stderr
            .contains("20 of 40 entries would be gone, more than 10 %"),
        "{}",
        ran.stderr
    );
    assert!(ran.stderr.contains("nothing was changed") && ran.stderr.contains("--shrink-limit"));
    assert_eq!(found_pdq(&place, 39), ["e39"]);
    assert_eq!(status(&place)["generation"], 1);
    let ran = on_list(&place, "replace", &["half.csv", "--shrink-limit", "50"]).exits(0);
    counts(&ran, &[("removed", 20), ("unchanged", 20)]);
    assert_eq!(found_pdq(&place, 39), [""; 0]);
    // Nothing is no list.
    for empty in ["", "id,pdq\n", "id,pdq\na,nonsense\n"] {
        place.write("empty.csv", empty);
        on_list(&place, "replace", &["empty.csv", "--shrink-limit", "100"]).exits(2);
        assert_eq!(status(&place)["lists"][0]["entries"], 20);
    }
}

#[test]
fn a_record_that_cannot_be_read_takes_no_entry_out_of_a_list_that_is_replaced() {
    let place = with_list(40);
    let text = table(0..38) + "e38,nonsense\n";
    place.write("worse.csv", &text);
    let ran = on_list(&place, "replace", &["worse.csv"]);
    counts(&ran.exits(2), &[("removed", 1), ("unchanged", 39)]);
    assert_eq!(found_pdq(&place, 38), ["e38"]);
    assert_eq!(found_pdq(&place, 39), [""; 0]);
}

#[test]
fn entries_that_stand_again_are_told() {
    let place = with_list(3);
    place
        .run(&["store", "withdraw", "s", "--list", "x", "e1"])
        .exits(0);
    place.write("all.csv", table(0..3));
    let ran = on_list(&place, "replace", &["all.csv"]).exits(0);
    counts(&ran, &[("added", 1), ("unchanged", 2)]);
    let told = "1 entry that was withdrawn stands again, among those added: withdraw again";
    assert!(ran.stderr.contains(told), "{}", ran.stderr);
    let ran = on_list(&place, "replace", &["all.csv"]).exits(0);
    assert!(!ran.stderr.contains("stands again"), "{}", ran.stderr);
}

#[test]
fn a_record_that_takes_the_place_of_another_of_its_file_says_what_is_left_out() {
    let place = with_store();
    let record = |number: u64| json!({"MediaID": 7, "MD5": md5(number), "Category": 1});
    let file = |records: &[Value]| json!({"odata.metadata": "x/1.3.xml/US", "value": records});
    place.write("twice.json", file(&[record(1), record(2)]).to_string());
    let ran = on_list(&place, "replace", &["twice.json"]).exits(2);
    counts(&ran, &[("added", 1)]);
    let told = "1 hash left out, since another record of its entry, none the later in time";
    assert!(ran.stdout.contains(told), "{}", ran.stdout);
    place.write("once.json", file(&[record(2), record(2)]).to_string());
    counts(
        &on_list(&place, "replace", &["once.json"]).exits(0),
        &[("unchanged", 1)],
    );
}
