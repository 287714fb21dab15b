//! The feeds: StopNCII, ThreatExchange and Tech Against Terrorism, each with what may be taken back in it and how.

use hashsieve::list::{Degenerate, FeedPosition, ListFormat, QuarantineReason};
use hashsieve::{EntryStatus, HashKind, MediaType, Opinion};
use serde_json::{Value, json};

use crate::support::{VICS, hash, hex, import, sample, stopncii, tat, threatexchange};

// StopNCII.

#[test]
fn a_withdrawal_decided_by_status_is_applied() {
    let record = |status: &str| {
        json!([{"signalType": "ImagePDQ", "hashValue": hex(HashKind::Pdq, 1), "hashStatus": status,
                "caseNumbers": {"a": "Active"}}])
    };
    for (status, expected) in [
        ("Active", EntryStatus::Active),
        ("Withdrawn", EntryStatus::Withdrawn),
        ("Deleted", EntryStatus::Withdrawn),
        ("Active", EntryStatus::Active),
        ("Received", EntryStatus::Other("Received".to_owned())),
        ("Unknown", EntryStatus::Other("Unknown".to_owned())),
    ] {
        let imported = stopncii(record(status));
        let entry = &imported.entries[0];
        assert_eq!(entry.status, expected, "{status}");
        // The hash is the name, also of what is taken back.
        assert_eq!(entry.hashes, [hash(HashKind::Pdq, 1)]);
        assert_eq!(imported.by_value, [true]);
        assert_eq!(imported.ids(), ["record-1"]);
        assert_eq!(imported.unknown(), []);
        let withdrawn = u64::from(expected == EntryStatus::Withdrawn);
        assert_eq!(imported.report.withdrawn, withdrawn);
    }
}

#[test]
fn a_hash_without_an_active_case_is_withdrawn() {
    let record = |cases: Value| {
        json!([{"signalType": "VideoMD5", "hashValue": hex(HashKind::Md5, 1), "hashStatus": "Active",
                "caseNumbers": cases}])
    };
    for (cases, stands) in [
        (json!({}), true),
        (json!(null), true),
        (json!({"a": "Active", "b": "Withdrawn"}), true),
        (json!({"a": "Withdrawn"}), false),
        (
            json!({"a": "Withdrawn", "b": "Deleted", "c": "Received"}),
            false,
        ),
    ] {
        let imported = stopncii(record(cases));
        assert_eq!(imported.entries[0].status.matches(), stands);
        assert_eq!(imported.entries[0].hashes.len(), 1);
        assert_eq!(imported.unknown(), []);
    }
    // A state of a case that is not known may be one in which it stands.
    let imported = stopncii(record(json!({"a": "Withdrawn", "b": "Confirmed"})));
    assert!(imported.entries[0].status.matches());
    assert_eq!(imported.unknown(), [("caseNumbers", 1)]);
    assert_eq!(
        imported.entries[0].tags,
        ["case:a:Withdrawn", "case:b:Confirmed"]
    );
    for cases in [json!(["a"]), json!("a"), json!({"a": {}})] {
        let imported = stopncii(record(cases));
        assert!(imported.entries[0].status.matches());
        assert_eq!(imported.reasons(), [(1, Some("caseNumbers"), "bad_field")]);
    }
}

#[test]
fn regions_cases_and_feedback_travel_with_a_hash() {
    let imported = stopncii(json!([{
    "lastModtimestamp": 1_689_990_000, "signalType": "ImagePDQ", "hashValue": hex(HashKind::Pdq, 1),
    "hashStatus": "Active", "caseNumbers": {"c-1": "Active"}, "hashRegions": ["UK", "EU"],
    "CSPFeedbacks": [
        {"source": "One", "feedbackValue": "Blocked", "tags": ["x"]},
        {"source": "Two", "feedbackValue": "Blocked", "tags": []},
        {"source": "Three", "feedbackValue": "NotBlocked", "tags": null},
        {"source": "Four", "feedbackValue": "None"},
        {"source": "Five", "feedbackValue": "Pondering"},
    ]}]));
    assert_eq!(imported.reasons(), []);
    let entry = &imported.entries[0];
    assert_eq!(
        entry.tags,
        [
            "case:c-1:Active",
            "region:UK",
            "region:EU",
            "feedback:One:Blocked",
            "feedback-tag:One:x",
            "feedback:Two:Blocked",
            "feedback:Three:NotBlocked",
            "feedback:Four:None",
            "feedback:Five:Pondering",
        ]
    );
    assert_eq!((entry.positive_opinions, entry.negative_opinions), (2, 1));
    assert_eq!(imported.unknown(), [("feedbackValue", 1)]);
    assert_eq!(entry.source_updated, Some(1_689_990_000));
    // Few of these hashes were looked at by anybody.
    assert_eq!(entry.opinion, Opinion::Investigation);
}

#[test]
fn kinds_of_signals_are_kept_whether_they_can_be_matched_or_not() {
    let record = |kind: &str, value: &str| json!({"signalType": kind, "hashValue": value, "hashStatus": "Active"});
    let imported = stopncii(json!([
        record("ImagePDQ", &hex(HashKind::Pdq, 1).to_uppercase()),
        record("VideoMD5", &hex(HashKind::Md5, 2)),
        record("VideoTMK", "QUJD"),
        record("Text", "some words"),
        record("URL", "https://example.com/"),
        record("Unknown", "x"),
        record("ImageFuture", "y"),
    ]));
    let types: Vec<MediaType> = imported.entries.iter().map(|e| e.media_type).collect();
    assert_eq!(
        types[..3],
        [MediaType::Image, MediaType::Video, MediaType::Video]
    );
    assert!(types[3..].iter().all(|one| *one == MediaType::Unknown));
    assert_eq!(imported.entries[0].hashes, [hash(HashKind::Pdq, 1)]);
    assert_eq!(imported.entries[1].hashes, [hash(HashKind::Md5, 2)]);
    let others: Vec<&str> = imported.entries[2..]
        .iter()
        .map(|entry| entry.other_hashes[0].kind.as_str())
        .collect();
    assert_eq!(others, ["tmk", "text", "url", "Unknown", "ImageFuture"]);
    assert_eq!(imported.unknown(), [("signalType", 1)]);
}

#[test]
fn a_pdq_of_zeros_and_a_pdq_of_another_length_are_quarantined_alone() {
    let record =
        |value: &str| json!({"signalType": "ImagePDQ", "hashValue": value, "hashStatus": "Active"});
    let imported = stopncii(json!([
        record(&"0".repeat(64)),
        record(&hex(HashKind::Md5, 1)),
        record(&"0".repeat(32)),
        record(""),
        {"signalType": "ImagePDQ", "hashStatus": "Active"},
        {"hashValue": hex(HashKind::Pdq, 1), "hashStatus": "Active"},
        {"signalType": "ImagePDQ", "hashStatus": "Withdrawn"},
        record(&hex(HashKind::Pdq, 2)),
    ]));
    assert_eq!(imported.ids(), ["record-8"]);
    assert_eq!(
        imported.reasons(),
        [
            (1, Some("hashValue"), "degenerate"),
            (2, Some("hashValue"), "bad_hash"),
            (3, Some("hashValue"), "bad_hash"),
            (4, None, "no_hash"),
            (5, None, "no_hash"),
            (6, None, "bad_field"),
            (7, None, "withdraws_nothing"),
        ]
    );
    assert!(matches!(
        imported.kept_out[0].reason,
        QuarantineReason::Degenerate {
            what: Degenerate::AllZero,
            ..
        }
    ));
}

#[test]
fn an_unknown_status_matches_and_is_counted() {
    let record = |status: Value| json!({"signalType": "ImagePDQ", "hashValue": hex(HashKind::Pdq, 1), "hashStatus": status});
    let imported = stopncii(json!([
        record(json!("UnderReview")),
        record(json!(2)),
        record(json!(null)),
    ]));
    let statuses: Vec<&str> = imported
        .entries
        .iter()
        .map(|entry| entry.status.as_str())
        .collect();
    assert_eq!(statuses, ["UnderReview", "2", "active"]);
    assert_eq!(imported.unknown(), [("hashStatus", 2)]);
    assert_eq!(imported.report.unknown_status, 2);
    assert_eq!(imported.reasons(), [(3, Some("hashStatus"), "bad_field")]);
}

#[test]
fn the_position_of_a_page_is_told() {
    let position = |format: &ListFormat| {
        let position = import(format, &sample(format).to_string()).position;
        position.map(|p| (p.checkpoint, p.checkpoint_time, p.has_more))
    };
    let text = |text: &str| Some(text.to_owned());
    assert_eq!(
        position(&ListFormat::StopNcii),
        Some((text("1690000000"), Some(1_690_000_000), true))
    );
    // The latest change of the page, whichever record has it.
    assert_eq!(
        position(&ListFormat::ThreatExchange),
        Some((text("1600000007"), Some(1_600_000_007), true))
    );
    assert_eq!(
        position(&ListFormat::TechAgainstTerrorism),
        Some((text("1724856487.709035,10594"), Some(1_724_856_487), true))
    );
    assert_eq!(position(&VICS), None);
    assert_eq!(position(&ListFormat::VpdqJson), None);
    let nothing = |format: &ListFormat| {
        let mut position = FeedPosition::default();
        position.feed = format.name();
        Some(position)
    };
    let last = import(
        &ListFormat::StopNcii,
        "{\"hashRecords\":[],\"hasMoreRecords\":false,\"nextSetTimestamp\":null}",
    );
    assert_eq!(last.position, nothing(&ListFormat::StopNcii));
    for text in [
        "{\"data\":[]}",
        "{\"data\":[],\"paging\":{\"next\":null}}",
        "{\"data\":[],\"paging\":7}",
    ] {
        let last = import(&ListFormat::ThreatExchange, text);
        assert_eq!(last.position, nothing(&ListFormat::ThreatExchange));
    }
    for next in ["null", "\"\""] {
        let text = format!("{{\"results\":[],\"next\":{next}}}");
        let last = import(&ListFormat::TechAgainstTerrorism, &text);
        assert_eq!(last.position, nothing(&ListFormat::TechAgainstTerrorism));
    }
}

// ThreatExchange.

/// Returns a record with descriptors.
fn indicator(kind: &str, value: &str, descriptors: Value) -> Value {
    json!({"id": "1001", "indicator": value, "type": kind, "last_updated": 1_600_000_000, "should_delete": false,
           "descriptors": {"data": descriptors}})
}

#[test]
fn an_indicator_without_descriptors_is_withdrawn_as_is_one_to_be_deleted() {
    let hash = hex(HashKind::Pdq, 1);
    let with = |name: &str, value: Value| {
        let mut record = indicator("HASH_PDQ", &hash, json!([{"status": "MALICIOUS"}]));
        record[name] = value;
        record
    };
    let imported = threatexchange(json!([
        with("should_delete", json!(true)),
        with("should_delete", json!("true")),
        with("descriptors", json!({"data": []})),
        with("descriptors", json!({})),
        with("descriptors", json!(null)),
        with("descriptors", json!([])),
        {"id": 1001, "should_delete": true},
        {"id": "1001"},
        // A hash that is broken does not keep what is taken back.
        {"id": "1001", "should_delete": true, "type": "HASH_PDQ", "indicator": "broken", "descriptors": "x"},
    ]));
    assert_eq!(imported.entries.len(), 9);
    assert_eq!(imported.reasons(), []);
    for entry in &imported.entries {
        assert_eq!(entry.status, EntryStatus::Withdrawn);
        assert_eq!(entry.entry_id, "1001");
        assert!(!entry.has_hash());
    }
    assert!(imported.by_value.iter().all(|by_value| !by_value));
}

#[test]
fn descriptors_that_cannot_be_read_withdraw_nothing() {
    for descriptors in [
        json!("x"),
        json!(7),
        json!({"data": "x"}),
        json!({"data": [7]}),
    ] {
        let mut record = indicator("HASH_MD5", &hex(HashKind::Md5, 1), json!(null));
        record["descriptors"] = descriptors;
        let imported = threatexchange(json!([record]));
        assert_eq!(imported.entries[0].status, EntryStatus::Active);
        assert_eq!(imported.entries[0].opinion, Opinion::Investigation);
        assert_eq!(imported.reasons(), [(1, Some("descriptors"), "bad_field")]);
    }
}

#[test]
fn an_indicator_without_an_id_is_kept_out() {
    let mut record = indicator("HASH_MD5", &hex(HashKind::Md5, 1), json!([{}]));
    record["id"] = json!(null);
    let imported = threatexchange(json!([record, {"should_delete": true}]));
    assert!(imported.entries.is_empty());
    assert_eq!(
        imported.reasons(),
        [(1, None, "bad_field"), (2, None, "withdraws_nothing")]
    );
}

#[test]
fn what_members_say_is_kept_with_an_indicator() {
    let imported = threatexchange(json!([indicator(
        "HASH_PDQ",
        &hex(HashKind::Pdq, 1),
        json!([
            {"id": "2002", "owner": {"id": "3003", "name": "Org"}, "status": "MALICIOUS",
             "tags": {"data": [{"text": "media_type_photo"}, {"text": "label"}]}, "added_on": "2020-07-01T18:31:15+0000",
             "reactions": [{"key": "HELPFUL", "value": "111,222"}, {"key": "DISAGREE_WITH_TAGS", "value": "333"}]},
            {"id": "2003", "owner": {"id": "3004"}, "status": "MALICIOUS", "tags": {"data": [{"text": "label"}]},
             "added_on": "2020-06-01T00:00:00+0000", "reactions": [{"key": "HELPFUL", "value": "222, 444"}]},
            {"id": "2004", "owner": {"id": "3003"}, "tags": ["plain"], "added_on": "soon"},
        ])
    )]));
    let entry = &imported.entries[0];
    assert_eq!(entry.entry_id, "1001");
    assert_eq!(entry.submitter.as_deref(), Some("3003"));
    assert_eq!(
        entry.tags,
        ["media_type_photo", "label", "owner:3004", "plain"]
    );
    assert_eq!(entry.opinion, Opinion::Positive);
    assert_eq!((entry.positive_opinions, entry.negative_opinions), (3, 1));
    assert_eq!(entry.first_seen, Some(1_590_969_600));
    assert_eq!(entry.source_updated, Some(1_600_000_000));
    assert_eq!(entry.media_type, MediaType::Image);
    assert_eq!(imported.reasons(), [(1, Some("added_on"), "bad_time")]);
}

#[test]
fn opinions_are_of_four_kinds() {
    let opinion = |statuses: &[&str]| {
        let each: Vec<Value> = statuses.iter().map(|s| json!({"status": s})).collect();
        let record = indicator("HASH_MD5", &hex(HashKind::Md5, 1), json!(each));
        let imported = threatexchange(json!([record]));
        (
            imported.entries[0].opinion,
            imported.report.unknown_values.len(),
        )
    };
    for (statuses, expected) in [
        (&["MALICIOUS"][..], Opinion::Positive),
        (&["UNKNOWN", "MALICIOUS"], Opinion::Positive),
        (&["SUSPICIOUS"], Opinion::Investigation),
        (&["UNKNOWN"], Opinion::Investigation),
        (&["NON_MALICIOUS"], Opinion::Negative),
        (&["NON_MALICIOUS", "NON_MALICIOUS"], Opinion::Negative),
        (&["MALICIOUS", "NON_MALICIOUS"], Opinion::Disputed),
        (&["NON_MALICIOUS", "SUSPICIOUS"], Opinion::Disputed),
    ] {
        assert_eq!(opinion(statuses), (expected, 0), "{statuses:?}");
    }
    assert_eq!(opinion(&["WORRYING"]), (Opinion::Investigation, 1));
}

#[test]
fn types_of_indicators_say_kind_and_media_type() {
    let md5 = hex(HashKind::Md5, 1);
    let of = |kind: &str, value: &str, tag: &str| {
        let descriptors = json!([{"tags": {"data": [{"text": tag}]}}]);
        let imported = threatexchange(json!([indicator(kind, value, descriptors)]));
        let entry = &imported.entries[0];
        let kind = match (entry.hashes.first(), entry.other_hashes.first()) {
            (Some(hash), None) => hash.kind().name().to_owned(),
            (None, Some(other)) => other.kind.clone(),
            _ => panic!("one hash"),
        };
        (kind, entry.media_type, imported.report.unknown_values.len())
    };
    for (kind, number, tag, expected) in [
        ("HASH_PDQ", HashKind::Pdq, "", MediaType::Image),
        (
            "HASH_MD5",
            HashKind::Md5,
            "media_type_video",
            MediaType::Video,
        ),
        (
            "HASH_MD5",
            HashKind::Md5,
            "media_type_photo",
            MediaType::Image,
        ),
        ("HASH_MD5", HashKind::Md5, "", MediaType::Image),
        ("HASH_VIDEO_MD5", HashKind::Md5, "", MediaType::Video),
        ("HASH_SHA1", HashKind::Sha1, "", MediaType::Image),
        (
            "HASH_SHA256",
            HashKind::Sha256,
            "media_type_video",
            MediaType::Video,
        ),
        ("HASH_VIDEO_SHA256", HashKind::Sha256, "", MediaType::Video),
    ] {
        let found = of(
            kind,
            &hex(number, 1),
            if tag.is_empty() { "x" } else { tag },
        );
        assert_eq!(found, (number.name().to_owned(), expected, 0), "{kind}");
    }
    for (kind, name, expected) in [
        ("HASH_TMK", "tmk", MediaType::Video),
        ("HASH_VPDQ", "vpdq", MediaType::Video),
        ("URI", "url", MediaType::Unknown),
        ("TEXT", "text", MediaType::Unknown),
    ] {
        assert_eq!(of(kind, &md5, "x"), (name.to_owned(), expected, 0));
    }
    assert_eq!(
        of("HASH_FUTURE", &md5, "x"),
        ("HASH_FUTURE".to_owned(), MediaType::Unknown, 1)
    );
}

// Tech Against Terrorism.

#[test]
fn two_ids_of_one_hash_are_two_entries() {
    let record = |id: u64, deleted: bool| json!({"id": id, "hash_digest": hex(HashKind::Sha256, 1), "algorithm": "SHA256", "deleted": deleted});
    let imported = tat(json!([record(1, false), record(2, false), record(1, true)]));
    assert_eq!(imported.ids(), ["1", "2", "1"]);
    assert_eq!(imported.entries[1].hashes, [hash(HashKind::Sha256, 1)]);
    assert_eq!(imported.entries[2].status, EntryStatus::Withdrawn);
    assert!(!imported.entries[2].has_hash());
    assert!(imported.by_value.iter().all(|by_value| !by_value));
}

#[test]
fn a_deleted_record_gets_through_whatever_else_is_wrong_with_it() {
    let imported = tat(json!([
        {"id": 1, "deleted": true},
        {"id": "2", "deleted": "True", "hash_digest": "broken", "algorithm": "FUTURE"},
        {"id": 3, "deleted": true, "hash_digest": [], "algorithm": {"a": 1}, "created_on": {}, "ideology": 7},
        {"deleted": true},
    ]));
    assert_eq!(imported.ids(), ["1", "2", "3"]);
    assert_eq!(imported.report.withdrawn, 3);
    assert_eq!(imported.reasons(), [(4, None, "withdraws_nothing")]);
}

#[test]
fn labels_times_and_all_algorithms_are_kept() {
    let record = |id: u64, kind: HashKind, algorithm: &str, file_type: &str| {
        json!({"id": id, "hash_digest": hex(kind, id), "algorithm": algorithm, "ideology": "far-right",
               "file_type": file_type, "deleted": false, "created_on": 1_724_850_000.9, "updated_on": "1724856487.709035",
               "a field of tomorrow": [1]})
    };
    let imported = tat(json!([
        record(1, HashKind::Md5, "MD5", "jpg"),
        record(2, HashKind::Sha256, "SHA256", "MP4"),
        record(3, HashKind::Sha512, "SHA512", "image/png"),
        record(4, HashKind::Pdq, "PDQ", "pdf"),
        record(5, HashKind::Pdq, "FUTURE", ".webm"),
        {"id": 6, "hash_digest": hex(HashKind::Md5, 6), "algorithm": "MD5", "ideology": "other", "deleted": "maybe",
         "updated_on": -1},
        {"id": 7, "hash_digest": "x", "algorithm": "MD5"},
        {"id": 8, "hash_digest": "x"},
        {"id": 9, "algorithm": "MD5"},
        {"hash_digest": hex(HashKind::Md5, 9), "algorithm": "MD5"},
    ]));
    assert_eq!(imported.ids(), ["1", "2", "3", "4", "5", "6"]);
    let entry = &imported.entries[0];
    assert_eq!(entry.tags, ["ideology:far-right"]);
    assert_eq!(entry.first_seen, Some(1_724_850_000));
    assert_eq!(entry.source_updated, Some(1_724_856_487));
    assert_eq!(imported.entries[2].hashes, [hash(HashKind::Sha512, 3)]);
    let types: Vec<MediaType> = imported.entries.iter().map(|e| e.media_type).collect();
    use MediaType::{Image, Unknown, Video};
    assert_eq!(types, [Image, Video, Image, Unknown, Video, Image]);
    assert_eq!(
        imported.entries[3].tags,
        ["ideology:far-right", "file-type:pdf"]
    );
    assert_eq!(imported.entries[4].other_hashes[0].kind, "FUTURE");
    assert_eq!(imported.unknown(), [("algorithm", 1), ("ideology", 1)]);
    assert_eq!(
        imported.reasons(),
        [
            (6, Some("deleted"), "bad_field"),
            (6, Some("updated_on"), "bad_time"),
            (7, Some("hash_digest"), "bad_hash"),
            (8, None, "bad_field"),
            (9, None, "no_hash"),
            (10, None, "bad_field"),
        ]
    );
}
