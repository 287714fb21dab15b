//! Files that are no lists, do not go together or hold what is no hash: each has an outcome, and nothing is lost.

use serde_json::json;

use crate::support::{
    by_value_page, counts, found_pdq, is_sound, md5, on_list, page, pdq, record, status, table,
    with_list, with_store,
};

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
        let ran = on_list(&place, command, files).exits(2);
        assert!(
            ran.stderr.contains("nothing was changed"),
            "{command} {files:?}: {}",
            ran.stderr
        );
    }
    assert_eq!(status(&place)["lists"], json!([]));
    // Pages may be added and be a list; where they end is known of a list only.
    let ran = on_list(&place, "add", &["tat.json"]).exits(0);
    assert!(ran.stderr.contains("store apply"), "{}", ran.stderr);
    assert_eq!(status(&place)["lists"][0]["checkpoint"], json!(null));
    on_list(&place, "replace", &["tat.json"]).exits(0);
    assert_eq!(status(&place)["lists"][0]["checkpoint_time"], time);
    place.run(&["store", "add", "s", "x.csv"]).exits(2);
    place
        .run(&["store", "add", "s", "x.csv", "--name", ""])
        .exits(2);
    is_sound(&place);
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
    let ran = on_list(&place, "add", &["x.txt"]).exits(2);
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
fn hashes_that_cannot_be_matched_stop_no_change_however_many_one_entry_has() {
    let place = with_store();
    let text: String = (0..2000).map(|i| format!("video,{i:0288}\n")).collect();
    place.write("frames.csv", format!("id,photodna\n{text}"));
    let ran = on_list(&place, "add", &["frames.csv"]).exits(2);
    counts(&ran, &[("added", 1)]);
    let told = " hashes left out that cannot be matched here, since their entries have over 256 KiB of such\n";
    assert!(ran.stdout.contains(told), "{}", ran.stdout);
}
