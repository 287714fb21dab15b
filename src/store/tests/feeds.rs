//! One test for each promise about the pages of feeds.

use super::*;

#[test]
fn a_feed_that_goes_backwards_or_was_left_too_long_is_refused() {
    let (_directory, mut writer) = new_store();
    let page = |writer: &mut StoreWriter, time: i64, options: ChangeOptions| {
        let mut change = writer.change(list("x"), options)?;
        change.add(&entry("a", &[pdq(1)]), false)?;
        let position = FeedPosition {
            checkpoint: Some(format!("at {time}")),
            checkpoint_time: Some(time),
            has_more: false,
            ..FeedPosition::default()
        };
        change.imported(&ImportReport::default(), Some(&position));
        change.commit()
    };
    page(&mut writer, 100, ChangeOptions::apply()).unwrap();
    let refused = page(&mut writer, 99, ChangeOptions::apply());
    assert!(matches!(
        refused,
        Err(StoreError::Backwards {
            stored: 100,
            page: 99
        })
    ));
    assert_eq!(
        writer.snapshot().lists()[0].checkpoint.as_deref(),
        Some("at 100")
    );
    let mut older = ChangeOptions::apply();
    older.allows_older = true;
    page(&mut writer, 99, older).unwrap();
    assert_eq!(
        writer.snapshot().lists()[0].checkpoint.as_deref(),
        Some("at 99")
    );
    let settings = ListSettings {
        stale_after_days: Some(Some(3)),
        ..ListSettings::default()
    };
    assert!(writer.describe("x", &settings).unwrap());
    assert!(!writer.describe("x", &settings).unwrap());
    page(&mut writer, 100, ChangeOptions::apply()).unwrap();
    let mut lists = writer.manifest.lists.clone();
    lists[0].checked_at -= 5 * 86_400;
    let planned = writer.planned();
    writer.publish(lists, planned).unwrap();
    assert!(writer.snapshot().lists()[0].is_stale(now()));
    let refused = page(&mut writer, 101, ChangeOptions::apply());
    assert!(matches!(
        refused,
        Err(StoreError::Stale { days: 5, limit: 3 })
    ));
    // A page without news still moves the checkpoint.
    change(&mut writer, "x", replace_any(), &[entry("a", &[pdq(1)])]).unwrap();
    let mut empty = writer.change(list("x"), ChangeOptions::apply()).unwrap();
    let position = FeedPosition {
        checkpoint: Some("next".to_owned()),
        checkpoint_time: Some(200),
        has_more: false,
        ..FeedPosition::default()
    };
    empty.imported(&ImportReport::default(), Some(&position));
    empty.commit().unwrap();
    assert_eq!(
        writer.snapshot().lists()[0].checkpoint.as_deref(),
        Some("next")
    );
    assert_eq!(ids(writer.snapshot(), &pdq(1)), ["a"]);
}

#[test]
fn pages_of_one_request_may_be_in_any_order_of_time_and_the_last_moves_the_checkpoint() {
    let (_directory, mut writer) = new_store();
    let apply = |writer: &mut StoreWriter, pages: &[(i64, bool)], allows_older| {
        let mut options = ChangeOptions::apply();
        options.allows_older = allows_older;
        let mut change = writer.change(list("x"), options)?;
        change.add(&entry("a", &[pdq(1)]), false)?;
        for &(time, has_more) in pages {
            let position = FeedPosition {
                checkpoint: (time != 0).then(|| time.to_string()),
                checkpoint_time: (time != 0).then_some(time),
                has_more,
                ..FeedPosition::default()
            };
            change.imported(&ImportReport::default(), Some(&position));
        }
        change.commit()?;
        Ok::<_, StoreError>(writer.snapshot().lists()[0].checkpoint_time)
    };
    // Later pages of the request are missing.
    assert_eq!(apply(&mut writer, &[(50, true)], false).unwrap(), None);
    let request = [(50, true), (70, true), (60, false)];
    assert_eq!(apply(&mut writer, &request, false).unwrap(), Some(70));
    // A page that does not say where it ends says nothing of it.
    assert_eq!(apply(&mut writer, &[(0, false)], false).unwrap(), Some(70));
    for backwards in [&[(60, false)][..], &[(90, false), (80, false)]] {
        let refused = apply(&mut writer, backwards, false);
        assert!(matches!(refused, Err(StoreError::Backwards { .. })));
        assert_eq!(writer.snapshot().lists()[0].checkpoint_time, Some(70));
    }
    assert_eq!(apply(&mut writer, &[(60, false)], true).unwrap(), Some(60));
}

#[test]
fn a_list_has_one_feed_and_what_is_added_by_hand_is_no_news_of_it() {
    let page = |feed: &'static str, time: i64| FeedPosition {
        checkpoint: Some(time.to_string()),
        checkpoint_time: Some(time),
        feed,
        ..FeedPosition::default()
    };
    let (_directory, mut writer) = new_store();
    let apply = |writer: &mut StoreWriter, position: &FeedPosition| {
        let mut change = writer.change(list("x"), ChangeOptions::apply()).unwrap();
        change.add(&entry("a", &[pdq(1)]), false).unwrap();
        change.imported(&ImportReport::default(), Some(position));
        change.commit()
    };
    apply(&mut writer, &page("one", 1_000)).unwrap();
    assert!(matches!(
        apply(&mut writer, &page("other", 2_000)),
        Err(StoreError::OtherFeed { page: "other", .. })
    ));
    writer.manifest.lists[0].checked_at = 7;
    change(
        &mut writer,
        "x",
        ChangeOptions::add(),
        &[entry("b", &[pdq(2)])],
    )
    .unwrap();
    assert_eq!(writer.snapshot().lists()[0].checked_at, 7);
    // A page that is not the last of its request is no news either.
    let mut part = page("one", 3_000);
    part.has_more = true;
    apply(&mut writer, &part).unwrap();
    assert_eq!(writer.snapshot().lists()[0].checked_at, 7);
    apply(&mut writer, &page("one", 3_000)).unwrap();
    assert!(writer.snapshot().lists()[0].checked_at > 7);
    // Whatever takes the place of the list ends its feed.
    change(&mut writer, "x", replace_any(), &[entry("b", &[pdq(2)])]).unwrap();
    assert_eq!(writer.snapshot().lists()[0].checkpoint, None);
    apply(&mut writer, &page("other", 2_000)).unwrap();
}

#[test]
fn a_page_of_which_nothing_can_be_read_is_no_empty_page() {
    let (_directory, mut writer) = new_store();
    for (records, is_taken) in [(2, false), (0, true)] {
        let report = ImportReport {
            records,
            ..ImportReport::default()
        };
        let mut change = writer.change(list("x"), ChangeOptions::apply()).unwrap();
        change.imported(&report, Some(&FeedPosition::default()));
        match change.commit() {
            Ok(_) => assert!(is_taken),
            Err(error) => assert!(!is_taken && matches!(error, StoreError::NoEntries)),
        }
    }
}

#[test]
fn pages_among_which_is_one_of_which_nothing_can_be_read_change_nothing() {
    let (_directory, mut writer) = new_store();
    let mut change = writer.change(list("x"), ChangeOptions::apply()).unwrap();
    change.add(&entry("a", &[md5(1)]), false).unwrap();
    let mut report = ImportReport::default();
    (report.records, report.entries) = (1, 1);
    change.imported(&report, None);
    report.entries = 0;
    change.imported(&report, None);
    assert!(matches!(change.commit(), Err(StoreError::NoEntries)));
    assert_eq!(ids(writer.snapshot(), &md5(1)), Vec::<String>::new());
}

#[test]
fn a_feed_that_has_only_begun_is_not_out_of_date() {
    let (_directory, mut writer) = new_store();
    for number in 0..2 {
        let mut change = writer.change(list("x"), ChangeOptions::apply()).unwrap();
        let id = number.to_string();
        change.add(&entry(&id, &[md5(number)]), false).unwrap();
        change.describe(&ListSettings {
            stale_after_days: Some(Some(30)),
            ..ListSettings::default()
        });
        let position = FeedPosition {
            checkpoint: Some("1000".to_owned()),
            checkpoint_time: Some(1000),
            has_more: true,
            feed: "tat",
        };
        change.imported(&ImportReport::default(), Some(&position));
        change.commit().unwrap();
        let stored = &writer.snapshot().lists()[0];
        assert!(stored.checkpoint.is_none() && !stored.is_stale(now()));
    }
}
