//! Any bytes as a hash list. The first byte chooses the format; the rest is the file.

use hashsieve::HashKind;
use hashsieve::list::{CsvMapping, ImportItem, ImportOptions, Importer, ListError, ListFormat};

/// Checks that an import ends, accounts for every line and shows neither id nor hash of an entry in its `Debug` output.
pub fn body(data: &[u8]) {
    let Some((&choice, file)) = data.split_first() else {
        return;
    };
    let format = match choice % 14 {
        0 => ListFormat::HexLines { kind: None },
        1 => ListFormat::HexLines {
            kind: Some(HashKind::Pdq),
        },
        2 => ListFormat::Hsh,
        3 => ListFormat::Csv(CsvMapping::default()),
        4 => ListFormat::StopNcii,
        5 => ListFormat::ThreatExchange,
        6 => ListFormat::TechAgainstTerrorism,
        7 => ListFormat::Vics { region: None },
        8 => ListFormat::VpdqJson,
        9 => ListFormat::Ncmec,
        10 => ListFormat::Icse,
        11 => ListFormat::Nsrl,
        12 => ListFormat::VpdqText,
        _ => ListFormat::guess(None, file),
    };
    let is_lines = matches!(
        format,
        ListFormat::HexLines { .. } | ListFormat::Hsh | ListFormat::Csv(_)
    );
    // Its records say all that there is to say of an entry, which may be that it has no hash any more.
    let may_be_empty = format == ListFormat::Ncmec;
    let Ok(mut importer) = Importer::new(file, &ImportOptions { format }) else {
        return;
    };
    let (mut entries, mut kept_out, mut is_whole) = (0, 0, true);
    for item in &mut importer {
        match item {
            Ok(ImportItem::Entry { entry, .. }) => {
                // A source may give its entries ids, never empty ones.
                assert!(!entry.entry_id.is_empty());
                assert!(may_be_empty || entry.has_hash() || !entry.status.matches());
                let told = format!("{entry:?}");
                // Shorter ids occur in the names of fields by chance.
                assert!(entry.entry_id.len() < 16 || !told.contains(&entry.entry_id));
                for hash in &entry.hashes {
                    assert!(!told.contains(&hash.to_hex()));
                }
                entries += 1;
            }
            Ok(ImportItem::Quarantined(one)) => {
                assert!(one.line >= 1);
                kept_out += 1;
            }
            Err(ListError::Truncated { .. } | ListError::WrongFormat { .. }) if !is_lines => {
                is_whole = false;
            }
            Err(_) => panic!("a slice can be read"),
        }
    }
    let report = importer.report();
    assert_eq!((report.entries, report.quarantined), (entries, kept_out));
    assert!(report.entries <= report.records);
    if is_lines {
        let accounted =
            report.headers + report.records + report.continued + report.comments + report.blank;
        assert_eq!(report.lines, accounted);
    } else if is_whole {
        let lines = file.split_inclusive(|byte| *byte == b'\n').count();
        assert_eq!(report.lines, lines as u64);
    }
}
