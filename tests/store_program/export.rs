//! Lists as `store export` writes them: without loss, and under their own terms only.

use std::fs;
use std::os::unix::fs::MetadataExt;

use serde_json::json;

use crate::support::{
    counts, is_sound, on_list, pdq, rich_list, run_limited, summary, with_list, with_store,
};

#[test]
fn an_exported_list_is_read_back_without_loss() {
    let place = with_store();
    place.write("x.csv", rich_list());
    let terms = "members only; until 2027";
    let ran = on_list(&place, "add", &["x.csv", "--terms", terms]).exits(0);
    counts(&ran, &[("added", 54), ("unseen", 1)]);
    on_list(&place, "withdraw", &["n10"]).exits(0);
    let ran = on_list(&place, "export", &["--terms", terms, "-o", "out.csv"]).exits(0);
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
    on_list(&place, "apply", &["1.json", "--terms", "t"]).exits(0);
    let ran = on_list(&place, "export", &["--terms", "t", "-o", "out.csv"]).exits(0);
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
fn a_row_that_is_too_long_to_be_read_again_is_told() {
    let place = with_store();
    let indicator = |id: u64, length: usize| {
        let tags = (0..10).map(|n| json!({"text": format!("{n:0>width$}", width = length / 10)}));
        let tags: Vec<_> = tags.collect();
        let descriptor = json!({"id": "5", "owner": {"id": "3", "name": "Member"}, "status": "MALICIOUS",
            "tags": {"data": tags}, "added_on": "2020-07-01T18:31:15+0000"});
        json!({"id": id.to_string(), "indicator": pdq(id), "type": "HASH_PDQ", "last_updated": 1_600_000_000,
            "should_delete": false, "descriptors": {"data": [descriptor]}})
    };
    let page = json!({"data": [indicator(1, 60_000), indicator(2, 66_000)], "paging": {}});
    place.write("1.json", page.to_string());
    on_list(&place, "apply", &["1.json", "--terms", "t"]).exits(0);
    let ran = on_list(&place, "export", &["--terms", "t", "-o", "out.csv"]).exits(0);
    let told = "note       1 entry with a row over 64 KiB: in the table, but not read again\n";
    assert!(ran.stdout.contains(told), "{}", ran.stdout);
    let ran = place.run(&["list", "check", "out.csv"]).exits(2);
    assert!(ran.stdout.contains("entries    1\n"), "{}", ran.stdout);
}

#[test]
fn a_list_is_exported_under_its_own_terms_only() {
    let place = with_list(5);
    let export =
        |terms: &str, output: &str| on_list(&place, "export", &["--terms", terms, "-o", output]);
    let ran = export("", "out.csv").exits(2);
    assert!(ran.stderr.contains("store set --terms"), "{}", ran.stderr);
    on_list(&place, "set", &["--terms", "members only"]).exits(0);
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
