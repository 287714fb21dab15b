//! All that comes out of a list.

use hashsieve::Entry;
use hashsieve::list::{
    FeedPosition, ImportItem, ImportOptions, ImportReport, Importer, ListError, ListFormat,
    Quarantined,
};

#[path = "made_up.rs"]
mod made_up;

pub use made_up::{hash, hex};

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
                ..
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
