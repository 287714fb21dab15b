//! Pages of feeds: what they add and take back, in which order, and where a list stands in its feed.

use serde_json::json;

use crate::support::{
    Ran, by_value_page, counts, edit_manifest, found_pdq, names, on_list, page, pdq, record,
    status, with_store,
};

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
    let apply = || on_list(&place, "apply", &["1.json", "2.json"]);
    let ran = apply().exits(2);
    assert!(ran.stderr.contains("2.json: "), "{}", ran.stderr);
    assert!(ran.stderr.contains("nothing was changed"), "{}", ran.stderr);
    assert_eq!(ran.stdout, "");
    assert_eq!(status(&place)["lists"], json!([]));
    assert_eq!(names(&place.at("s")), ["lock", "manifest"]);
    place.write("2.json", whole);
    counts(&apply().exits(0), &[("added", 101)]);
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
    let ran = on_list(&place, "apply", &["1.json"]).exits(0);
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
fn an_entry_known_by_its_hash_is_withdrawn_and_comes_back() {
    let place = with_store();
    let statuses = ["Active", "Withdrawn", "Active"];
    for (time, status) in (1_700_000_000..).zip(statuses) {
        place.write("1.json", by_value_page(time, &[(&pdq(1), status)]));
        on_list(&place, "apply", &["1.json"]).exits(0);
        let is_active = status == "Active";
        assert_eq!(found_pdq(&place, 1).len(), usize::from(is_active));
        place.run(&["store", "purge", "s"]).exits(0);
        let input = format!("pdq {}\n", pdq(1));
        let verify = ["store", "verify-removed", "s", "-"];
        let ran = place.run_with(&verify, input.as_bytes());
        ran.exits(i32::from(is_active));
    }
}

#[test]
fn a_withdrawal_of_an_entry_never_seen_is_remembered() {
    let place = with_store();
    let apply = |name: &str| on_list(&place, "apply", &[name, "-v"]).exits(0);
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
    let apply = || on_list(&place, "apply", &["1.json"]);
    apply().exits(0);
    let ran = on_list(&place, "withdraw", &["1"]).exits(0);
    counts(&ran, &[("withdrawn", 1)]);
    counts(&apply().exits(0), &[("outdated", 1)]);
    assert_eq!(found_pdq(&place, 1), [""; 0]);
    let ran = on_list(&place, "replace", &["1.json", "-v"]).exits(0);
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
    let apply = |name: &str| on_list(&place, "apply", &[name]).exits(0);
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
    let apply = |pages: &[&str], more: &[&str]| on_list(&place, "apply", &[pages, more].concat());
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
    let apply = |pages: &[&str]| on_list(&place, "apply", pages);
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
    let replace = ["1.json", "--shrink-limit", "100"];
    let ran = on_list(&place, "replace", &replace).exits(2);
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
    let apply = |name: &str| on_list(&place, "apply", &[name]);
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
    on_list(&place, "remove-list", &[]).exits(0);
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
fn a_page_that_is_applied_again_names_no_place_that_is_past_what_was_left_out() {
    let place = with_store();
    let time = 1_700_000_000;
    let apply = |arguments: &[&str]| on_list(&place, "apply", arguments);
    let mut bad = record(2, 2, time + 9, true);
    bad["id"] = json!(null);
    place.write("1.json", page(time, false, &[record(1, 1, time, false)]));
    let good = record(3, 3, time + 9, false);
    place.write("2.json", page(time + 9, false, &[bad, good.clone()]));
    apply(&["1.json"]).exits(0);
    let ran = apply(&["2.json"]).exits(2);
    assert!(
        ran.stderr.contains("fetch again from `1700000000.5,1`"),
        "{}",
        ran.stderr
    );
    place.write("3.json", page(time + 20, false, &[good]));
    for again in [&["2.json"][..], &["2.json", "--allow-older"]] {
        let ran = apply(again).exits(2);
        let told = "the feed was known up to here before, so fetch again what these pages answered";
        assert!(ran.stderr.contains(told), "{}", ran.stderr);
        assert!(ran.stderr.contains("store replace"), "{}", ran.stderr);
        assert!(!ran.stderr.contains("17000000"), "{}", ran.stderr);
        apply(&["3.json"]).exits(0);
    }
    // Where nothing is known of a place all of the feed is what to fetch, however often.
    on_list(&place, "remove-list", &[]).exits(0);
    let without_place = place.text("2.json").replace("\"1700000009.5,1\"", "null");
    place.write("4.json", without_place);
    for _ in 0..2 {
        let ran = apply(&["4.json"]).exits(2);
        assert!(
            ran.stderr.contains("fetch again from the beginning"),
            "{}",
            ran.stderr
        );
    }
}

#[test]
fn a_list_that_is_out_of_date_is_told_and_takes_no_more_pages() {
    let place = with_store();
    let time = 1_700_000_000;
    place.write("1.json", page(time, false, &[record(1, 1, time, false)]));
    let apply = || on_list(&place, "apply", &["1.json", "--stale-after", "30"]);
    apply().exits(0);
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
    let ran = apply().exits(2);
    assert!(
        ran.stderr.contains("nothing was changed") && ran.stderr.contains("store replace"),
        "{}",
        ran.stderr
    );
    on_list(&place, "replace", &["1.json"]).exits(0);
    assert_eq!(status(&place)["lists"][0]["stale"], false);
    apply().exits(0);
}
