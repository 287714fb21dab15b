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

#[test]
fn entries_that_are_removed_beside_records_of_which_it_is_not_known_of_whom_they_are_are_told() {
    let place = with_list(20);
    let replace = |list: String| {
        place.write("y.csv", list);
        let replace = ["y.csv", "--shrink-limit", "50"];
        on_list(&place, "replace", &replace)
    };
    let told = "were removed, and ";
    // A record that cannot be read at all: of the entries that are gone one may be its.
    let bad = format!("e18,{}\n", "0".repeat(1 << 17));
    let ran = replace(table(0..18) + &bad).exits(2);
    counts(&ran, &[("removed", 2), ("unchanged", 18)]);
    let whole = "2 entries were removed, and 1 record was left out of which it is not known of which entry: what was removed may \
                 be what was left out; look at the lines that are named, mend the file and replace again\n";
    assert!(ran.stderr.ends_with(whole), "{}", ran.stderr);
    // One of a known entry stays; and where nothing is removed there is nothing to miss.
    let ran = replace(table(0..15) + "e16,none,none\n").exits(2);
    counts(&ran, &[("removed", 2), ("unchanged", 16)]);
    assert!(!ran.stderr.contains(told), "{}", ran.stderr);
    let ran = replace(table(0..17) + &bad).exits(2);
    assert!(!ran.stderr.contains(told), "{}", ran.stderr);
    // Rows that say themselves that they are of no use are of no entry.
    let header = "id,pdq,status\n";
    let rows: String = (0..10).map(|n| format!("e{n},{},\n", pdq(n))).collect();
    let list = format!("{header}{rows}e16,{},low_quality\n", pdq(16));
    place.write("y.csv", list);
    let options = ["y.csv", "--shrink-limit", "100"];
    let ran = on_list(&place, "replace", &options).exits(0);
    assert!(!ran.stderr.contains(told), "{}", ran.stderr);
}

#[test]
fn a_list_that_is_given_as_a_map_of_columns_is_not_shown() {
    let place = with_store();
    place.write("x.csv", table(0..3));
    place.write("x.txt", format!("{}\n", pdq(1)));
    let long = pdq(2);
    for (map, told) in [
        (table(0..3), "map.toml: line 1, column "),
        (format!("{}\n", pdq(1)), "map.toml: line 1, column "),
        (format!("{long} = 1\n"), "a key that is not known, expected"),
        (
            format!("format = \"{long}\"\n"),
            "line 1, column 10: a word that is not known, expected",
        ),
        (format!("format = {{ {long} = 1 }}\n"), "map.toml: line 1"),
        (
            format!("format = \"csv\"\n[columns]\n{long} = \"md5\"\n"),
            "[columns] has a field that is not known",
        ),
        (
            "format = \"csv\"\ncolums = 1\n".to_owned(),
            "unknown field `colums`",
        ),
        (
            "format = \"csv\"\n[columns]\nmd6 = \"md5\"\n".to_owned(),
            "unknown field md6",
        ),
        (
            format!("format = \"csv\"\n[columns]\nmd5 = \"{long}\"\n"),
            "a column that the map names is not there, and may be a hash",
        ),
        (
            format!(
                "format = \"csv\"\n[columns]\nmd5 = \"md5\"\n[words.opinion]\n{long} = \"positive\"\n"
            ),
            "map.toml",
        ),
    ] {
        place.write("map.toml", map);
        let ran = on_list(&place, "add", &["x.csv", "--columns", "map.toml"]).exits(2);
        assert!(ran.stderr.contains(told), "{told}: {}", ran.stderr);
        for hash in [pdq(0), pdq(1), pdq(2), md5(0), md5(1)] {
            assert!(!ran.stderr.contains(&hash[..16]), "{}", ran.stderr);
        }
    }
}

#[test]
fn a_bad_record_of_json_is_named_by_its_number_since_all_may_be_on_one_line() {
    let place = with_store();
    let records = [
        (&*pdq(1), "Active"),
        ("12", "Active"),
        (&*pdq(2), "Active"),
        ("34", "Active"),
    ];
    place.write("1.json", by_value_page(1_700_000_000, &records));
    let ran = on_list(&place, "apply", &["1.json"]).exits(2);
    for told in [
        "1.json:1: record 2: column hashValue: a pdq has",
        "1.json:1: record 4: column hashValue: a pdq has",
    ] {
        assert!(ran.stderr.contains(told), "{}", ran.stderr);
    }
    on_list(&place, "apply", &["1.json", "--quarantine", "q.csv"]).exits(2);
    let table = place.text("q.csv");
    let rows: Vec<_> = table.lines().collect();
    assert_eq!(rows[0], "file,line,column,reason,record");
    assert!(
        rows[1].starts_with("1.json,1,hashValue,") && rows[1].ends_with(",2"),
        "{table}"
    );
    let ran = place.run(&["list", "check", "1.json"]).exits(2);
    let told = "\nline 1: record 4: column hashValue: ";
    assert!(ran.stdout.contains(told), "{}", ran.stdout);
    let ran = place.run(&["list", "check", "1.json", "--json"]).exits(2);
    assert_eq!(ran.json()[0]["left_out"][1]["record"], 4);
}

#[test]
fn records_whose_entries_cannot_be_told_from_their_places_or_hashes_are_told_when_entries_are_removed()
 {
    let place = with_store();
    let told =
        "1 entry was removed, and 1 record was left out of which it is not known of which entry";
    // A comma in a title moves the fields, so that the id is in another place.
    let rows = |last: &str| {
        let rows: String = (0..19).map(|i| format!("t,e{i},{}\n", md5(i))).collect();
        format!("title,id,md5\n{rows}{last}\n")
    };
    place.write("a.csv", rows(&format!("t,e19,{}", md5(19))));
    on_list(&place, "add", &["a.csv"]).exits(0);
    place.write("b.csv", rows(&format!("Smith, John,e19,{}", md5(19))));
    let ran = on_list(&place, "replace", &["b.csv"]).exits(2);
    assert!(ran.stderr.contains(told), "{}", ran.stderr);
    // An entry that is known by its hashes is another one without those that cannot be read.
    let rows = |last: String| {
        let rows: String = (0..19)
            .map(|i| format!("{},{}\n", pdq(i), md5(i)))
            .collect();
        format!("pdq,md5\n{rows}{last}\n")
    };
    place.write("c.csv", rows(format!("{},{}", pdq(19), md5(19))));
    on_list(&place, "replace", &["c.csv", "--shrink-limit", "100"]).exits(0);
    place.write("d.csv", rows(format!("{},bad", pdq(19))));
    let ran = on_list(&place, "replace", &["d.csv"]).exits(2);
    counts(&ran, &[("added", 1), ("removed", 1), ("unchanged", 19)]);
    assert!(ran.stderr.contains(told), "{}", ran.stderr);
}
