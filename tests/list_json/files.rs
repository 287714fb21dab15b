//! What holds of a file of any of the formats: where its records begin and end, and what is told of the rest.

use std::io::{self, BufReader, Read};

use hashsieve::HashKind;
use hashsieve::list::{
    ImportItem, ImportOptions, Importer, ListError, ListFormat, MAX_JSON_RECORD, QuarantineReason,
};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::support::{FORMATS, VICS, VICS_2_US, hash, hex, import, read, sample, vics_text};

/// A reader that gives few bytes at a time, and then fails if it is to.
struct Dribble<'a> {
    bytes: &'a [u8],
    step: usize,
    fails: bool,
}

impl Read for Dribble<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.step.min(self.bytes.len()).min(buffer.len());
        if count == 0 && self.fails {
            return Err(io::Error::other("the disk is gone"));
        }
        let (now, later) = self.bytes.split_at(count);
        buffer[..count].copy_from_slice(now);
        self.bytes = later;
        Ok(count)
    }
}

#[test]
fn one_line_and_many_lines_are_the_same_list() {
    for format in &FORMATS {
        let sample = sample(format);
        let one = import(format, &sample.to_string());
        let pretty = serde_json::to_string_pretty(&sample).unwrap();
        let many = import(format, &pretty);
        assert_eq!(one.entries, many.entries);
        assert_eq!(one.by_value, many.by_value);
        assert_eq!(one.position, many.position);
        assert_eq!(one.reasons(), many.reasons());
        assert!(one.lines.iter().all(|line| *line == 1));
        let first = many.lines[0];
        let text = pretty
            .lines()
            .nth(usize::try_from(first).unwrap() - 1)
            .unwrap();
        assert!(text.trim_start().starts_with(['{', '"']), "{text}");
        assert!(many.lines.is_sorted() && first > 1);
        let windows = import(
            format,
            &format!("\u{feff} {}\r\n", pretty.replace('\n', "\r\n")),
        );
        assert_eq!(windows.entries, many.entries);
        assert_eq!(windows.lines, many.lines);
    }
}

#[test]
fn how_a_reader_cuts_the_bytes_makes_no_difference() {
    for format in &FORMATS {
        let text = format!(
            "\u{feff}{}",
            serde_json::to_string_pretty(&sample(format)).unwrap()
        );
        let whole = import(format, &text);
        for step in [1, 2, 3, 7, 64] {
            let bytes = text.as_bytes();
            let options = ImportOptions {
                format: format.clone(),
            };
            let dribble = Dribble {
                bytes,
                step,
                fails: false,
            };
            // A buffer of one byte, so that the cuts come through.
            let reader = BufReader::with_capacity(1, dribble);
            let importer = Importer::new(reader, &options).unwrap();
            let items: Result<Vec<_>, _> = importer.collect();
            let entries = items.unwrap().into_iter().filter_map(|item| match item {
                ImportItem::Entry { entry, .. } => Some(entry),
                ImportItem::Quarantined(_) => None,
            });
            assert_eq!(entries.collect::<Vec<_>>(), whole.entries);
        }
    }
}

#[test]
fn a_file_cut_anywhere_is_an_error_and_no_whole_record_is_lost() {
    for format in &FORMATS {
        for text in [
            sample(format).to_string(),
            format!(
                "\u{feff}{}",
                serde_json::to_string_pretty(&sample(format)).unwrap()
            ),
        ] {
            let whole = import(format, &text);
            for cut in 0..text.len() {
                let imported = read(format, &text.as_bytes()[..cut]);
                let error = imported.error;
                assert!(
                    matches!(error, Some(ListError::Truncated { .. }))
                        // Half a byte order mark is no JSON.
                        || (1..3).contains(&cut) && text.starts_with('\u{feff}'),
                    "{cut}: {error:?}"
                );
                let count = imported.entries.len();
                assert_eq!(imported.entries, whole.entries[..count]);
                assert_eq!(imported.position, None);
            }
            let imported = import(format, &format!("{text}\n \n"));
            assert_eq!(imported.entries, whole.entries);
        }
    }
}

#[test]
fn a_failing_reader_is_an_error_with_its_line() {
    for format in &FORMATS {
        let text = serde_json::to_string_pretty(&sample(format)).unwrap();
        let dribble = Dribble {
            bytes: &text.as_bytes()[..text.len() - 2],
            step: 100,
            fails: true,
        };
        let imported = read(format, dribble);
        let whole = import(format, &text);
        assert_eq!(imported.entries, whole.entries);
        let error = imported.error.unwrap().to_string();
        assert!(
            error.ends_with(": cannot be read: the disk is gone"),
            "{error}"
        );
    }
}

#[test]
fn a_file_of_another_format_is_an_error() {
    let what = |format: &ListFormat, text: &str| {
        let imported = read(format, text.as_bytes());
        match imported.error {
            Some(ListError::WrongFormat { line, what }) => (line, what),
            other => panic!("{text}: {other:?}"),
        }
    };
    for format in &FORMATS {
        for text in ["<html>", "\n\nnot found", "\u{fffd}", "7"] {
            assert_eq!(what(format, text).1, "this is no JSON text");
        }
    }
    let no_field = "the JSON text has no field with the records of this format";
    assert_eq!(
        what(&ListFormat::StopNcii, "{\"error\":\n\"expired\"}"),
        (2, no_field)
    );
    assert_eq!(what(&VICS, "{}").1, no_field);
    let shape = "the JSON text is not built as this format is";
    assert_eq!(what(&VICS, "[]").1, shape);
    assert_eq!(what(&ListFormat::VpdqJson, "{}").1, shape);
    let no_array = "the field that holds the records is no array";
    for value in ["{}", "7", "\"x\"", "true"] {
        let text = format!("{{\"data\":{value}}}");
        assert_eq!(what(&ListFormat::ThreatExchange, &text).1, no_array);
    }
    let broken = "the JSON text is not well formed";
    for text in [
        "{7}",
        "{\"a\" 7}",
        "{\"a\":}",
        "{\"a\":,\"data\":[]}",
        "{[]}",
    ] {
        assert_eq!(what(&ListFormat::ThreatExchange, text).1, broken);
    }
    let more = "there is more after the end of the JSON text";
    assert_eq!(what(&ListFormat::VpdqJson, "[] x").1, more);
    assert_eq!(
        what(&ListFormat::ThreatExchange, "{\"data\":[]}{\"data\":[]}").1,
        more
    );
    let long = format!("{{\"{}\":1,\"data\":[]}}", "a".repeat(100_000));
    assert_eq!(
        what(&ListFormat::ThreatExchange, &long).1,
        "a name in the JSON text is too long"
    );
}

#[test]
fn no_records_are_a_list_of_none() {
    for text in [
        "{\"data\":[]}",
        "{\"data\":null}",
        "{ \"data\" : [ ] , \"x\" : [[1,2],{}] }",
    ] {
        let imported = import(&ListFormat::ThreatExchange, text);
        assert_eq!(imported.report.records, 0);
        assert!(imported.position.is_some());
    }
    assert_eq!(import(&ListFormat::VpdqJson, "[]").report.records, 0);
}

#[test]
fn rubbish_between_records_costs_no_record() {
    let record =
        |n: u64| json!({"id": n, "hash_digest": hex(HashKind::Md5, n), "algorithm": "MD5"});
    let text = format!(
        "{{\"count\":\"[{{\",\"results\":[{},rubbish, {} {},,\n 7, \"text\", null, [[{}]], {{\"id\":4,}}, {}}}, nan{}, ],\"x\":[]}}",
        record(1),
        record(2),
        // Without a comma before it: nothing is lost, so nothing is told.
        record(3),
        record(4),
        record(5),
        record(6),
    );
    let imported = import(&ListFormat::TechAgainstTerrorism, &text);
    assert_eq!(imported.ids(), ["1", "2", "3", "5", "6"]);
    let reasons: Vec<_> = imported.reasons().iter().map(|r| (r.0, r.2)).collect();
    assert_eq!(
        reasons,
        [
            (2, "malformed"),
            (5, "malformed"),
            (6, "bad_field"),
            (7, "bad_field"),
            (8, "bad_field"),
            (9, "bad_field"),
            (10, "malformed"),
            (12, "malformed"),
            (13, "malformed"),
        ]
    );
    assert_eq!(imported.kept_out[1].line, 1);
    assert_eq!(imported.kept_out[2].line, 2);
    assert_eq!(
        imported.kept_out[2].to_string(),
        "line 2, record 6: the field results is missing or not of its documented form"
    );
}

#[test]
fn a_record_with_brackets_that_do_not_balance_never_passes_for_a_whole_file() {
    let record = |n: u64| {
        json!({"id": n, "hash_digest": hex(HashKind::Md5, n), "algorithm": "MD5"}).to_string()
    };
    for broken in [
        &record(2)[..record(2).len() - 1],
        &format!("{}]", record(2)),
        &format!("{{{}", record(2)),
        &record(2).replacen('"', "", 1),
    ] {
        let text = format!("{{\"results\":[{},{broken},{}]}}", record(1), record(3));
        let imported = read(&ListFormat::TechAgainstTerrorism, text.as_bytes());
        assert_eq!(imported.entries[0].entry_id, "1");
        assert!(imported.error.is_some() || !imported.kept_out.is_empty());
    }
}

#[test]
fn a_record_over_the_limit_is_skipped_and_told() {
    let record = |len: usize| {
        let record = |note: &str| {
            format!(
                "{{\"note\":\"{note}\",\"id\":7,\"algorithm\":\"MD5\",\"hash_digest\":\"{}\"}}",
                hex(HashKind::Md5, 7)
            )
        };
        let others = record("").len();
        record(&"\\\\".repeat(len)[..(len - others) & !1])
    };
    let good = record(200);
    for (len, fits) in [
        (MAX_JSON_RECORD, true),
        (MAX_JSON_RECORD + 2, false),
        (MAX_JSON_RECORD * 3, false),
    ] {
        let text = format!("{{\"results\":[{good},\n{},{good}]}}", record(len));
        let imported = import(&ListFormat::TechAgainstTerrorism, &text);
        assert_eq!(imported.entries.len(), 2 + usize::from(fits), "{len}");
        assert_eq!(imported.report.records, 3);
        if !fits {
            assert_eq!(imported.reasons(), [(2, None, "record_too_long")]);
            assert_eq!(imported.kept_out[0].line, 2);
        }
    }
    // Rubbish of any length, and a field beside the records.
    let long = "x".repeat(MAX_JSON_RECORD * 2);
    let text = format!("{{\"y\":[\"{long}\"],\"results\":[{long},{good}],\"next\":\"{long}\"}}");
    let imported = import(&ListFormat::TechAgainstTerrorism, &text);
    assert_eq!(imported.reasons(), [(1, None, "record_too_long")]);
    assert_eq!(imported.ids(), ["7"]);
}

#[test]
fn deep_nesting_is_refused() {
    for depth in [100, 10_000, 100_000] {
        for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
            let (open, close) = (open.repeat(depth), close.repeat(depth));
            let deep = format!("{{\"id\":1,\"x\":{open}0{close}}}");
            let good = json!({"id": 2, "deleted": true});
            let text = format!("{{\"x\":{open}1{close},\"results\":[{deep},{good}]}}");
            let imported = import(&ListFormat::TechAgainstTerrorism, &text);
            assert_eq!(imported.reasons(), [(1, None, "malformed")], "{depth}");
            assert_eq!(imported.ids(), ["2"]);
        }
    }
}

#[test]
fn a_record_that_is_not_utf8_is_quarantined() {
    let mut bytes = b"{\"results\":[{\"note\":\"\xff\",\"id\":1,\"deleted\":true},".to_vec();
    bytes.extend(b"{\"id\":2,\"deleted\":true},{\"id\":3,\"x\":\"\0\",\"deleted\":true}],");
    bytes.extend(b"\"\xfe\":\"\xff\"}");
    let imported = read(&ListFormat::TechAgainstTerrorism, &bytes[..]);
    assert!(imported.error.is_none());
    assert_eq!(imported.ids(), ["2"]);
    let reasons: Vec<_> = imported.kept_out.iter().map(|item| item.reason).collect();
    assert_eq!(
        reasons,
        [
            QuarantineReason::NotUtf8 { position: 9 },
            QuarantineReason::Malformed
        ]
    );
}

#[test]
fn escapes_in_texts_are_read() {
    let hex = hex(HashKind::Md5, 1);
    let escaped: String = hex.bytes().map(|b| format!("\\u{b:04x}")).collect();
    let text = format!(
        "{{\"\\u0072esults\":[{{\"id\":\"a\\\"\\\\\",\"algorithm\":\"M\\u0044\\u0035\",\"hash\\u005fdigest\":\"{escaped}\"}}]}}"
    );
    let imported = import(&ListFormat::TechAgainstTerrorism, &text);
    assert_eq!(imported.ids(), ["a\"\\"]);
    assert_eq!(imported.entries[0].hashes, [hash(HashKind::Md5, 1)]);
}

#[test]
fn formats_are_guessed_from_their_names_of_fields() {
    for format in &FORMATS {
        for text in [
            sample(format).to_string(),
            format!(
                "\u{feff}\r\n {}",
                serde_json::to_string_pretty(&sample(format)).unwrap()
            ),
        ] {
            assert_eq!(ListFormat::guess(None, text.as_bytes()), *format);
        }
    }
    let objects = json!([{"hash": hex(HashKind::Pdq, 1), "quality": 1, "timestamp": 0}]);
    let guess = |text: &str| ListFormat::guess(None, text.as_bytes());
    assert_eq!(guess(&objects.to_string()), ListFormat::VpdqJson);
    assert_eq!(guess(&vics_text(VICS_2_US, &json!([]))), VICS);
    let lines = ListFormat::HexLines { kind: None };
    for text in [
        "{",
        "[",
        "{}",
        "[[]]",
        "[\"",
        "[\"a,b,c\"]",
        "{\"path\":\"x\",\"hash\":\"y\"}",
    ] {
        assert_eq!(guess(text), lines, "{text}");
    }
}

#[test]
fn nothing_that_is_printed_repeats_the_list() {
    let secret = "5ec4e7";
    let fields = [
        "hashRecords",
        "signalType",
        "hashValue",
        "hashStatus",
        "caseNumbers",
        "hashRegions",
        "CSPFeedbacks",
        "source",
        "feedbackValue",
        "lastModtimestamp",
        "tags",
        "data",
        "id",
        "indicator",
        "type",
        "last_updated",
        "should_delete",
        "descriptors",
        "owner",
        "status",
        "added_on",
        "reactions",
        "results",
        "hash_digest",
        "algorithm",
        "ideology",
        "file_type",
        "deleted",
        "created_on",
        "updated_on",
        "value",
        "MediaID",
        "Category",
        "MD5",
        "SHA1",
        "PhotoDNA",
        "AlternativeHashes",
        "DateUpdated",
        "MimeType",
        "Series",
        "Tags",
        "VictimIdentified",
        "pdq",
        "hash",
        "quality",
        "timestamp",
        "checkpoint",
        "nextSetTimestamp",
    ];
    let object = |value: &Value| -> Value {
        let pairs = fields
            .iter()
            .map(|name| ((*name).to_owned(), value.clone()));
        Value::Object(pairs.collect())
    };
    let text = json!(secret);
    let list = json!([secret, {"x": secret}, object(&text)]);
    let mut printed = String::new();
    for format in &FORMATS {
        for value in [&text, &list, &object(&text), &object(&list)] {
            let records = json!([object(value), value, {secret: secret}]);
            let page = match format {
                ListFormat::VpdqJson => records,
                _ => object(&records),
            };
            for text in [page.to_string(), page.to_string().replace("}", "},x")] {
                let options = ImportOptions {
                    format: format.clone(),
                };
                let mut importer = Importer::new(text.as_bytes(), &options).unwrap();
                for item in &mut importer {
                    printed += &format!("{item:?}\n");
                    match item {
                        Ok(ImportItem::Quarantined(kept_out)) => {
                            printed += &format!("{kept_out}\n")
                        }
                        Ok(ImportItem::Entry { .. }) => {}
                        Err(error) => printed += &format!("{error}\n"),
                    }
                }
                let report = serde_json::to_string(importer.report()).unwrap();
                printed += &format!("{importer:?} {report}\n");
            }
        }
    }
    assert!(printed.contains("line 1, record 1: column "), "{printed}");
    assert!(!printed.contains(secret), "{printed}");
}

fn formats() -> impl Strategy<Value = ListFormat> {
    prop::sample::select(FORMATS.to_vec())
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(format in formats(), bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        for start in ["", "{\"results\":[", "{\"value\":[", "{\"data\":[", "{\"hashRecords\":[", "["] {
            read(&format, &[start.as_bytes(), &bytes].concat()[..]);
        }
    }

    #[test]
    fn texts_made_of_what_json_is_made_of_never_panic(
        format in formats(),
        pieces in prop::collection::vec(prop::sample::select(vec![
            "{", "}", "[", "]", ",", ":", "\"", "\\", "\n", " ", "null", "true", "-1e9", "99999999999999999999", "\u{e9}", "\0",
            "\"id\":1", "\"deleted\":true", "\"MD5\":\"0123456789abcdef0123456789abcdef\"", "\"Media\":[", "\"value\":[",
            "\"hashStatus\":\"Withdrawn\"", "\"descriptors\":", "\"data\":[", "\"tags\":", "\"caseNumbers\":{",
        ]), 0..120),
    ) {
        for start in ["", "{\"results\":[", "{\"value\":[", "{\"data\":[", "{\"hashRecords\":[", "["] {
            let text = format!("{start}{}", pieces.concat());
            let imported = read(&format, text.as_bytes());
            if imported.error.is_none() {
                prop_assert_eq!(imported.report.lines, text.split_inclusive('\n').count() as u64);
            }
            for entry in &imported.entries {
                prop_assert!(!entry.entry_id.is_empty());
                prop_assert!(entry.has_hash() || !entry.status.matches());
            }
        }
    }

    #[test]
    fn every_good_record_comes_out_whatever_balanced_rubbish_stands_between(
        rubbish in prop::collection::vec("[a-z0-9:. -]{0,12}|\\{[a-z\":,\\[\\] ]{0,6}\\}", 1..20),
    ) {
        let balanced = rubbish.iter().filter(|text| {
            text.matches('"').count() % 2 == 0 && !text.contains(['[', ']'])
        });
        let balanced: Vec<&String> = balanced.collect();
        let mut text = "{\"results\":[".to_owned();
        for (number, rubbish) in balanced.iter().enumerate() {
            text += &format!("{rubbish},{{\"id\":{number},\"deleted\":true}},");
        }
        text += "]}";
        let imported = read(&ListFormat::TechAgainstTerrorism, text.as_bytes());
        prop_assert!(imported.error.is_none());
        prop_assert_eq!(imported.entries.len(), balanced.len());
    }
}
