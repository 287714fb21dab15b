//! VICS and CAID, and the frames of vPDQ: files that take nothing back.

use hashsieve::list::{ListError, ListFormat, MAX_JSON_RECORD};
use hashsieve::{HashKind, MediaType, Opinion};
use serde_json::{Value, json};

use crate::support::{CAID, VICS, VICS_1_3, VICS_2_US, hash, hex, import, read, vics, vics_text};

// VICS and CAID.

#[test]
fn every_tolerance_that_vics_files_need_is_there() {
    let imported = vics(
        VICS_1_3,
        json!([
            {"MediaID": 123, "Category": 1, "MD5": hex(HashKind::Md5, 1).to_uppercase(),
             "SHA1": hex(HashKind::Sha1, 1).to_uppercase(), "MediaSize": "488", "VictimIdentified": true,
             "OffenderIdentified": null, "IsDistributed": "True", "IsSuspected": "False", "SelfGenerated": "true",
             "IsPrecategorized": false, "Series": "Some series", "Tags": "one; two,three", "MimeType": "video/mp4",
             "DateUpdated": "2020-01-01T00:00:00Z", "Comments": null, "Exifs": [],
             "AlternativeHashes": [{"HashName": "PhotoDNA", "HashValue": "QUJD"}]},
            {"MediaID": "m-2", "Category": "2", "MD5": hex(HashKind::Md5, 2), "MediaSize": 488,
             "SHA256": hex(HashKind::Sha256, 2), "PhotoDNA": "4142", "Tags": ["a", "b"], "AlternativeHashes": null,
             "DateUpdated": "0001-01-01T00:00:00", "MimeType": "image/jpeg", "IsPrecategorized": "True"},
            {"MD5": hex(HashKind::Md5, 3), "Category": null},
            {"MediaID": "", "MD5": hex(HashKind::Md5, 4)},
            {"MediaID": 0, "MD5": hex(HashKind::Md5, 5)},
        ]),
    );
    assert_eq!(imported.reasons(), []);
    assert_eq!(
        imported.ids(),
        ["123", "m-2", "record-3", "record-4", "record-5"]
    );
    assert_eq!(imported.by_value, [false, false, true, true, true]);
    let first = &imported.entries[0];
    assert_eq!(
        first.hashes,
        [hash(HashKind::Md5, 1), hash(HashKind::Sha1, 1)]
    );
    assert_eq!(first.other_hashes[0].kind, "photodna");
    assert_eq!(first.other_hashes[0].value, "QUJD");
    assert_eq!(
        first.tags,
        [
            "victim-identified",
            "distributed",
            "self-generated",
            "series:Some series",
            "one",
            "two",
            "three"
        ]
    );
    assert_eq!(first.media_type, MediaType::Video);
    assert_eq!(first.source_updated, Some(1_577_836_800));
    let second = &imported.entries[1];
    assert_eq!(
        second.hashes,
        [hash(HashKind::Md5, 2), hash(HashKind::Sha256, 2)]
    );
    assert_eq!(second.other_hashes[0].value, "4142");
    assert_eq!(second.tags, ["precategorized", "a", "b"]);
    assert_eq!(second.source_updated, None);
    assert_eq!(imported.report.unmatchable["photodna"], 2);
    assert!(imported.position.is_none());
}

#[test]
fn a_category_travels_with_scheme_and_region_and_decides_the_opinion() {
    let record = |category: Value| json!([{"MediaID": 1, "MD5": hex(HashKind::Md5, 1), "Category": category}]);
    let of = |context: &str, category: Value| {
        let entry = vics(context, record(category)).entries.remove(0);
        (
            entry.opinion,
            entry
                .classification
                .map(|c| (c.scheme.unwrap(), c.region, c.value)),
        )
    };
    let class = |scheme: &str, region: Option<&str>, value: &str| {
        Some((
            scheme.to_owned(),
            region.map(str::to_owned),
            value.to_owned(),
        ))
    };
    for (category, opinion) in [
        (json!(0), Opinion::Negative),
        (json!(1), Opinion::Positive),
        (json!(4), Opinion::Positive),
        (json!(5), Opinion::Investigation),
        (json!(8), Opinion::Positive),
    ] {
        let value = category.to_string();
        assert_eq!(
            of(VICS_1_3, category),
            (opinion, class("vics", None, &value))
        );
    }
    assert_eq!(of(VICS_1_3, json!(null)), (Opinion::Investigation, None));
    assert_eq!(
        of(CAID, json!(8)),
        (Opinion::Negative, class("caid", None, "8"))
    );
    assert_eq!(
        of(CAID, json!(1)),
        (Opinion::Positive, class("caid", None, "1"))
    );
    assert_eq!(
        of(VICS_2_US, json!("1")),
        (Opinion::Positive, class("vics", Some("US"), "1"))
    );
    // A region that is given goes before that of the file.
    let given = ListFormat::Vics {
        region: Some("Canada".to_owned()),
    };
    for context in [VICS_1_3, VICS_2_US] {
        let imported = import(&given, &vics_text(context, &record(json!(1))));
        let classification = imported.entries[0].classification.as_ref().unwrap();
        assert_eq!(classification.region.as_deref(), Some("Canada"));
    }
    let imported = vics(VICS_1_3, record(json!("A1")));
    assert_eq!(imported.unknown(), [("Category", 1)]);
    assert_eq!(imported.entries[0].opinion, Opinion::Positive);
    let imported = vics(VICS_1_3, record(json!([1])));
    assert_eq!(imported.reasons(), [(1, Some("Category"), "bad_field")]);
    assert_eq!(imported.entries[0].opinion, Opinion::Investigation);
}

#[test]
fn what_is_only_suspected_is_a_lead() {
    let record = |category: u8| json!([{"MediaID": 1, "MD5": hex(HashKind::Md5, 1), "Category": category, "IsSuspected": "True"}]);
    for (category, opinion) in [(1, Opinion::Investigation), (0, Opinion::Negative)] {
        let entry = vics(VICS_1_3, record(category)).entries.remove(0);
        assert_eq!((entry.opinion, &*entry.tags[0]), (opinion, "suspected"));
    }
}

#[test]
fn media_in_cases_are_read_one_by_one() {
    let media = |n: u64| json!({"MediaID": n, "MD5": hex(HashKind::Md5, n), "Category": 1});
    let many: Vec<Value> = (10..3000).map(media).collect();
    let cases = format!(
        "[{{\"CaseID\":\"c\",\"Note\":{{\"Media\":[1]}},\"Media\" :\n [{},{},broken],\"Contact\":[{{\"Media\":[{}]}}]}},\
         {{\"CaseNumber\":\"Media\",\"Media\":[],\"Media\":{}}},{},{{\"x\":\"{}\",\"Media\":[{}]}},{{\"CaseID\":\"e\"}}]",
        media(1),
        media(2),
        media(3),
        Value::Array(many),
        // An element without media is taken for one.
        media(4),
        "y".repeat(MAX_JSON_RECORD * 2),
        media(5),
    );
    let text = format!("{{\"odata.metadata\":\"x/1.3.xml#Cases\",\"value\":{cases}}}");
    let imported = import(&VICS, &text);
    let mut expected = vec![1, 2];
    expected.extend(10..3000);
    expected.extend([4, 5]);
    let expected: Vec<String> = expected.iter().map(u64::to_string).collect();
    assert_eq!(imported.ids(), expected);
    assert_eq!(
        imported.reasons(),
        [(3, None, "malformed"), (2996, None, "no_hash")]
    );
    for cut in (0..300).chain([100_000, text.len() - 1]) {
        let imported = read(&VICS, &text.as_bytes()[..cut]);
        assert!(matches!(imported.error, Some(ListError::Truncated { .. })));
    }
}

#[test]
fn hashes_of_empty_files_and_broken_ones_are_kept_out_of_vics() {
    let empty = hashsieve::digest::of(b"", &[HashKind::Md5, HashKind::Sha1]);
    let imported = vics(
        VICS_1_3,
        json!([
            {"MediaID": 1, "MediaSize": "0", "MD5": empty[0].to_hex(), "SHA1": empty[1].to_hex()},
            {"MediaID": 2, "MD5": "broken", "SHA1": hex(HashKind::Sha1, 2)},
            {"MediaID": 3, "MD5": "", "SHA1": null},
            {"MediaID": 4, "MD5": 7},
            {"MediaID": [], "MD5": hex(HashKind::Md5, 5), "VictimIdentified": "perhaps", "Series": [], "Tags": 7,
             "DateUpdated": "01/02/2024"},
            {"MediaID": 6, "AlternativeHashes": [{"HashName": "SHA-256", "HashValue": hex(HashKind::Sha256, 6)},
                {"HashName": "Odd", "HashValue": "x"}, {"HashName": "MD5", "HashValue": ""}, {"HashName": "MD5", "HashValue": "x"}]},
            {"MediaID": 7, "MD5": hex(HashKind::Md5, 7), "AlternativeHashes": "x"},
            {"MediaID": 8, "MD5": hex(HashKind::Md5, 8), "AlternativeHashes": [7]},
        ]),
    );
    assert_eq!(imported.ids(), ["2", "record-5", "6", "7", "8"]);
    assert_eq!(imported.entries[0].hashes, [hash(HashKind::Sha1, 2)]);
    assert_eq!(imported.entries[2].hashes, [hash(HashKind::Sha256, 6)]);
    assert_eq!(imported.entries[2].other_hashes[0].kind, "Odd");
    assert_eq!(imported.unknown(), [("HashName", 1)]);
    assert_eq!(
        imported.reasons(),
        [
            (1, Some("MD5"), "degenerate"),
            (1, Some("SHA1"), "degenerate"),
            (2, Some("MD5"), "bad_hash"),
            (3, None, "no_hash"),
            (4, Some("MD5"), "bad_field"),
            (5, Some("VictimIdentified"), "bad_field"),
            (5, Some("Series"), "bad_field"),
            (5, Some("Tags"), "bad_field"),
            (5, Some("DateUpdated"), "bad_time"),
            (5, Some("MediaID"), "bad_field"),
            (6, Some("AlternativeHashes"), "bad_hash"),
            (7, Some("AlternativeHashes"), "bad_field"),
            (8, Some("AlternativeHashes"), "bad_field"),
        ]
    );
}

// vPDQ.

#[test]
fn frames_are_read_as_texts_and_as_objects() {
    let pdq = |n| hex(HashKind::Pdq, n);
    let text = json!([
        format!("{},100,0.033", pdq(1)),
        format!(" {} , 49 , 1 ", pdq(2).to_uppercase()),
        {"pdq": pdq(3), "quality": 77, "timestamp": 1.5},
        {"hash": pdq(4), "quality": "7"},
        format!("{},101,x", pdq(5)),
        format!("{},1", pdq(6)),
        format!("{},1,2,3", pdq(7)),
        format!("{},1,2", "0".repeat(64)),
        {"quality": 1},
        7,
        {"pdq": pdq(11), "quality": [], "timestamp": true},
    ]);
    let imported = import(&ListFormat::VpdqJson, &text.to_string());
    assert_eq!(
        imported.ids(),
        [
            "frame-1", "frame-2", "frame-3", "frame-4", "frame-5", "frame-11"
        ]
    );
    assert!(imported.by_value.iter().all(|by_value| *by_value));
    for (number, entry) in (1..).zip(&imported.entries[..5]) {
        assert_eq!(entry.hashes, [hash(HashKind::Pdq, number)]);
        assert_eq!(entry.media_type, MediaType::Video);
    }
    let qualities: Vec<_> = imported.entries.iter().map(|entry| entry.quality).collect();
    assert_eq!(
        qualities,
        [Some(100), Some(49), Some(77), Some(7), None, None]
    );
    let tags: Vec<_> = imported.entries.iter().map(|e| e.tags.join(" ")).collect();
    assert_eq!(
        tags,
        [
            "timestamp:0.033",
            "timestamp:1",
            "timestamp:1.5",
            "",
            "",
            ""
        ]
    );
    assert_eq!(
        imported.reasons(),
        [
            (5, Some("quality"), "bad_quality"),
            (5, Some("timestamp"), "bad_field"),
            (6, None, "malformed"),
            (7, None, "malformed"),
            (8, None, "degenerate"),
            (9, None, "no_hash"),
            (10, None, "bad_field"),
            (11, Some("quality"), "bad_quality"),
            (11, Some("timestamp"), "bad_field"),
        ]
    );
}
