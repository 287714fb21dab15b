//! `hashsieve list check`: what it tells of a list, without a store.

use serde_json::json;

use crate::support::{Place, keys, md5, page, record, rich_list};

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
    let left_out = &checked["left_out"][0];
    assert_eq!(keys(left_out), ["column", "line", "reason", "record"]);
    assert_eq!(
        (&left_out["line"], &left_out["record"]),
        (&json!(61), &json!(null))
    );
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
fn a_list_of_which_no_entry_can_be_read_is_not_called_good() {
    let place = Place::new();
    place.write("empty.csv", "");
    place.write("header.csv", "id,md5\n");
    place.write("comment.txt", "# nothing today\n");
    place.run(&["store", "init", "s"]).exits(0);
    for name in ["header.csv", "comment.txt"] {
        for json in [&[][..], &["--json"]] {
            let ran = place
                .run(&[&["list", "check", name], json].concat())
                .exits(2);
            let told = format!("{name}: no entry can be read, so `hashsieve store add`");
            assert!(ran.stderr.starts_with(&told), "{}", ran.stderr);
        }
        for command in ["add", "replace"] {
            place
                .run(&["store", command, "s", name, "--name", "x"])
                .exits(2);
        }
    }
    place.run(&["list", "check", "empty.csv"]).exits(2);
    // A page says itself that it is whole, and one of withdrawals alone is a list.
    place.write("1.json", page(1_700_000_000, false, &[]));
    place.run(&["list", "check", "1.json"]).exits(0);
    place.write("gone.csv", "id,md5,status\na,,withdrawn\n");
    place.run(&["list", "check", "gone.csv"]).exits(0);
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
