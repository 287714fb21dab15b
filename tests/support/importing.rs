//! What tests of importers share: made-up hashes, and all that comes out of a list.

use hashsieve::list::{
    FeedPosition, ImportItem, ImportOptions, ImportReport, Importer, ListError, ListFormat,
    Quarantined,
};
use hashsieve::{Entry, HashKind, HashValue};

/// Returns a made-up hash, another for each number.
pub fn hash(kind: HashKind, number: u64) -> HashValue {
    let mut state = number + 1;
    let bytes: Vec<u8> = (0..kind.byte_len())
        .map(|_| {
            // splitmix64
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            mixed.to_le_bytes()[7]
        })
        .collect();
    HashValue::from_bytes(kind, &bytes).unwrap()
}

/// Returns the same in hexadecimal.
pub fn hex(kind: HashKind, number: u64) -> String {
    hash(kind, number).to_hex()
}

/// All that comes out of a list.
#[derive(Debug, Default)]
pub struct Imported {
    /// The entries, in order.
    pub entries: Vec<Entry>,
    /// The line of each entry.
    pub lines: Vec<u64>,
    /// Whether each is known by its hash alone.
    pub by_value: Vec<bool>,
    /// What was kept out, in order.
    pub kept_out: Vec<Quarantined>,
    /// The counts.
    pub report: ImportReport,
    /// Where a page stands in its feed.
    pub position: Option<FeedPosition>,
    /// The error it ended in.
    pub error: Option<ListError>,
    /// All of it as `Debug` and `Display` say it.
    pub printed: String,
}

impl Imported {
    /// Returns the ids of the entries.
    pub fn ids(&self) -> Vec<&str> {
        self.entries.iter().map(|entry| &*entry.entry_id).collect()
    }

    /// Returns the line, column and reason of what was kept out.
    pub fn reasons(&self) -> Vec<(u64, Option<&str>, &'static str)> {
        let kept_out = self.kept_out.iter();
        kept_out
            .map(|item| (item.line, item.column.as_deref(), item.reason.code()))
            .collect()
    }
}

/// Imports a list to its end or to an error.
pub fn import(format: ListFormat, text: &[u8]) -> Imported {
    let mut out = Imported::default();
    let mut importer = match Importer::new(text, &ImportOptions { format }) {
        Ok(importer) => importer,
        Err(error) => {
            out.printed = format!("{error} {error:?}");
            out.error = Some(error);
            return out;
        }
    };
    for item in &mut importer {
        out.printed += &format!("{item:?}\n");
        match item {
            Ok(ImportItem::Entry {
                line,
                entry,
                by_value,
            }) => {
                out.entries.push(entry);
                out.lines.push(line);
                out.by_value.push(by_value);
            }
            Ok(ImportItem::Quarantined(kept_out)) => {
                out.printed += &format!("{kept_out}\n");
                out.kept_out.push(kept_out);
            }
            Err(error) => {
                out.printed += &format!("{error}\n");
                out.error = Some(error);
            }
        }
    }
    assert!(importer.next().is_none());
    out.report = importer.report().clone();
    out.position = importer.position().cloned();
    out.printed += &format!("{importer:?} {:?}", out.report);
    assert_eq!(out.report.entries, out.entries.len() as u64);
    assert_eq!(out.report.quarantined, out.kept_out.len() as u64);
    out
}
