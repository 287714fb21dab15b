//! Any bytes as a hash list. The first byte chooses the format; the rest is the file.

use hashsieve::HashKind;
use hashsieve::list::{CsvMapping, ImportItem, ImportOptions, Importer, ListError, ListFormat};

/// Checks that an import ends, accounts for every line of formats with lines and shows neither id nor hash of an entry in its `Debug` output.
pub fn body(data: &[u8]) {
    let Some((&choice, file)) = data.split_first() else {
        return;
    };
    let format = match choice % 6 {
        0 => ListFormat::HexLines { kind: None },
        1 => ListFormat::HexLines {
            kind: Some(HashKind::Pdq),
        },
        2 => ListFormat::Hsh,
        3 => ListFormat::Csv(CsvMapping::default()),
        4 => ListFormat::Ncmec,
        _ => ListFormat::guess(None, file),
    };
    let has_lines = format != ListFormat::Ncmec;
    let Ok(mut importer) = Importer::new(file, &ImportOptions { format }) else {
        return;
    };
    let (mut entries, mut kept_out) = (0, 0);
    for item in &mut importer {
        let item = match item {
            Ok(item) => item,
            Err(ListError::Truncated { .. } | ListError::WrongFormat { .. }) => return,
            Err(_) => panic!("a slice can be read"),
        };
        match item {
            ImportItem::Entry { entry, .. } => {
                assert!(!entry.entry_id.is_empty());
                let told = format!("{entry:?}");
                // Shorter ids occur in the names of fields by chance.
                assert!(entry.entry_id.len() < 16 || !told.contains(&entry.entry_id));
                for hash in &entry.hashes {
                    assert!(!told.contains(&hash.to_hex()));
                }
                entries += 1;
            }
            ImportItem::Quarantined(one) => {
                assert!(one.line >= 1);
                kept_out += 1;
            }
        }
    }
    let report = importer.report();
    assert_eq!((report.entries, report.quarantined), (entries, kept_out));
    let accounted =
        report.headers + report.records + report.continued + report.comments + report.blank;
    assert!(!has_lines || report.lines == accounted);
}
