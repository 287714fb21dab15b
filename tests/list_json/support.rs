//! What the tests of lists in JSON share: made-up hashes, small files of each format, and a list read to its end.

use std::io::{BufReader, Read};

use hashsieve::list::{
    FeedPosition, ImportItem, ImportOptions, ImportReport, Importer, ListError, ListFormat,
    Quarantined,
};
use hashsieve::{Entry, HashKind};
use serde_json::{Value, json};

#[path = "../support/made_up.rs"]
mod made_up;

pub(crate) use made_up::{hash, hex};

pub(crate) const VICS: ListFormat = ListFormat::Vics { region: None };
pub(crate) const FORMATS: [ListFormat; 5] = [
    ListFormat::StopNcii,
    ListFormat::ThreatExchange,
    ListFormat::TechAgainstTerrorism,
    VICS,
    ListFormat::VpdqJson,
];

/// Everything that comes out of a list.
pub(crate) struct Imported {
    pub(crate) entries: Vec<Entry>,
    /// Whether each is known by its value alone.
    pub(crate) by_value: Vec<bool>,
    pub(crate) lines: Vec<u64>,
    pub(crate) kept_out: Vec<Quarantined>,
    pub(crate) report: ImportReport,
    pub(crate) position: Option<FeedPosition>,
    pub(crate) error: Option<ListError>,
}

impl Imported {
    pub(crate) fn ids(&self) -> Vec<&str> {
        let ids = self.entries.iter().map(|entry| entry.entry_id.as_str());
        ids.collect()
    }

    /// Record, field and reason of all that was kept out.
    pub(crate) fn reasons(&self) -> Vec<(u64, Option<&str>, &'static str)> {
        let each = self.kept_out.iter().map(|item| {
            let record = item.record.unwrap();
            (record, item.column.as_deref(), item.reason.code())
        });
        each.collect()
    }

    pub(crate) fn unknown(&self) -> Vec<(&str, u64)> {
        let each = self.report.unknown_values.iter();
        each.map(|(field, count)| (field.as_str(), *count))
            .collect()
    }
}

pub(crate) fn read(format: &ListFormat, reader: impl Read) -> Imported {
    let options = ImportOptions {
        format: format.clone(),
    };
    let mut importer = Importer::new(BufReader::new(reader), &options).unwrap();
    let mut imported = Imported {
        entries: Vec::new(),
        by_value: Vec::new(),
        lines: Vec::new(),
        kept_out: Vec::new(),
        report: ImportReport::default(),
        position: None,
        error: None,
    };
    for item in &mut importer {
        match item {
            Ok(ImportItem::Entry {
                line,
                entry,
                by_value,
                ..
            }) => {
                imported.entries.push(entry);
                imported.by_value.push(by_value);
                imported.lines.push(line);
            }
            Ok(ImportItem::Quarantined(quarantined)) => imported.kept_out.push(quarantined),
            Err(error) => imported.error = Some(error),
        }
    }
    assert!(importer.next().is_none());
    imported.report = importer.report().clone();
    imported.position = importer.position().cloned();
    let report = &imported.report;
    assert_eq!(report.entries, imported.entries.len() as u64);
    assert_eq!(report.quarantined, imported.kept_out.len() as u64);
    assert!(report.entries <= report.records);
    imported
}

/// Reads a list that is whole.
pub(crate) fn import(format: &ListFormat, text: &str) -> Imported {
    let imported = read(format, text.as_bytes());
    assert!(imported.error.is_none(), "{:?}", imported.error);
    assert_eq!(
        imported.report.lines,
        text.split_inclusive('\n').count() as u64
    );
    imported
}

pub(crate) fn stopncii(records: Value) -> Imported {
    let page = json!({"count": 1, "hashRecords": records});
    import(&ListFormat::StopNcii, &page.to_string())
}

pub(crate) fn threatexchange(records: Value) -> Imported {
    let page = json!({"data": records, "paging": {}});
    import(&ListFormat::ThreatExchange, &page.to_string())
}

pub(crate) fn tat(records: Value) -> Imported {
    let page = json!({"count": 1, "next": null, "results": records});
    import(&ListFormat::TechAgainstTerrorism, &page.to_string())
}

pub(crate) const VICS_1_3: &str = "http://github.com/ICMEC/ProjectVic/DataModels/1.3.xml#Media";
pub(crate) const CAID: &str = "http://github.com/ICMEC/ProjectVic/DataModels/1.2.xml#Media";
pub(crate) const VICS_2_US: &str =
    "http://github.com/VICSDATAMODEL/ProjectVic/DataModels/2.0.xml/US/$metadata#Media";

/// Returns a file of VICS. Its fields are put together here, for the order of them matters.
pub(crate) fn vics_text(context: &str, records: &Value) -> String {
    let name = match context.contains("2.0") {
        true => "@odata.context",
        false => "odata.metadata",
    };
    format!("{{\"{name}\":\"{context}\",\"value\":{records}}}")
}

pub(crate) fn vics(context: &str, records: Value) -> Imported {
    import(&VICS, &vics_text(context, &records))
}

/// A small file of each format, with a withdrawal in it where the format has any.
pub(crate) fn sample(format: &ListFormat) -> Value {
    let pdq = |number| hex(HashKind::Pdq, number);
    match format {
        ListFormat::StopNcii => json!({
            "count": 3, "nextPageToken": "x", "nextSetTimestamp": 1_690_000_000, "hasMoreRecords": true,
            "hashRecords": [
                {"lastModtimestamp": 1_689_990_000, "signalType": "ImagePDQ", "hashValue": pdq(1),
                 "hashStatus": "Active", "caseNumbers": {"a-1": "Active"}, "hashRegions": ["UK"],
                 "CSPFeedbacks": [{"source": "Some", "feedbackValue": "Blocked", "tags": ["x]}\"\\"]}]},
                {"signalType": "VideoMD5", "hashValue": hex(HashKind::Md5, 2), "hashStatus": "Withdrawn"},
                {"signalType": "ImagePDQ", "hashValue": "broken", "hashStatus": "Active"},
            ],
        }),
        ListFormat::ThreatExchange => json!({
            "data": [
                {"id": "1001", "indicator": pdq(1), "type": "HASH_PDQ", "last_updated": 1_600_000_000,
                 "should_delete": false, "descriptors": {"data": [
                    {"id": "2002", "owner": {"id": "3003", "name": "Org [{"}, "status": "MALICIOUS",
                     "tags": {"data": [{"text": "media_type_photo"}]}}]}},
                {"id": "1002", "type": "HASH_PDQ", "last_updated": 1_600_000_007, "should_delete": true},
            ],
            "paging": {"next": "https://example.com/next"},
        }),
        ListFormat::TechAgainstTerrorism => json!({
            "checkpoint": "1724856487.709035,10594", "count": 2, "next": "https://example.com/?x", "previous": null,
            "results": [
                {"id": 10593, "hash_digest": pdq(1), "algorithm": "PDQ", "ideology": "far-right", "file_type": "jpg",
                 "deleted": false, "created_on": 1_724_850_000.1, "updated_on": 1_724_856_487.709_035},
                {"id": 10594, "hash_digest": pdq(2), "algorithm": "PDQ", "deleted": true},
            ],
        }),
        ListFormat::Vics { .. } => json!({
            "odata.metadata": VICS_1_3,
            "value": [
                {"odata.id": "x", "MediaID": 123, "Category": 1, "MD5": hex(HashKind::Md5, 1).to_uppercase(),
                 "SHA1": hex(HashKind::Sha1, 1), "MediaSize": "488", "Exifs": [], "Comments": "a \"quoted\" [text",
                 "AlternativeHashes": [{"HashName": "PhotoDNA", "HashValue": "QUJD"}],
                 "MediaFiles": [{"FileName": "}]", "Unallocated": false}]},
                {"MediaID": "m-2", "Category": 0, "SHA1": hex(HashKind::Sha1, 2)},
            ],
        }),
        _ => json!([
            format!("{},100,0.033", pdq(1)),
            {"pdq": pdq(2), "quality": 77, "timestamp": 1.5},
        ]),
    }
}
