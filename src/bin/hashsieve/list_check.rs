//! `hashsieve list check`: what would be read of a list, and what would not.

use std::collections::BTreeMap;
use std::path::Path;

use hashsieve::list::{ColumnsUsed, FeedPosition, ImportItem, ImportReport, format_time};
use hashsieve::{HashKind, IndexBuilder, ListCounts};
use serde::Serialize;

use crate::failure::{Failure, Outcome};
use crate::import::{ListFile, check_files, notes, tell_of_poor_hashes};
use crate::list_args::CheckArgs;
use crate::quarantine::{LeftOut, Quarantine};
use crate::report::{Report, counted, refuse_overwriting, tell};
use crate::store::refuse_in_store;

/// What `list check --json` prints.
#[derive(Serialize)]
struct Checked<'a> {
    file: String,
    format: &'static str,
    records: u64,
    entries: u64,
    withdrawn: u64,
    hashes: &'a BTreeMap<HashKind, u64>,
    other_hashes: &'a BTreeMap<String, u64>,
    categories: &'a BTreeMap<String, u64>,
    opinions: &'a BTreeMap<&'static str, u64>,
    unknown_status: u64,
    unknown_values: &'a BTreeMap<String, u64>,
    columns: Option<Columns>,
    feed: Option<Feed<'a>>,
    quarantined: u64,
    by_reason: &'a BTreeMap<String, u64>,
    left_out: &'a [LeftOut],
    report: &'a ImportReport,
    error: Option<String>,
}

#[derive(Serialize)]
struct Columns {
    used: Vec<UsedColumn>,
    unused: Vec<usize>,
}

#[derive(Serialize)]
struct UsedColumn {
    field: &'static str,
    column: usize,
}

impl Columns {
    fn new(columns: &ColumnsUsed) -> Self {
        let used = columns.used.iter();
        let used = used.map(|&(field, column)| UsedColumn {
            field: field.name(),
            column,
        });
        Self {
            used: used.collect(),
            unused: columns.unused.clone(),
        }
    }
}

#[derive(Serialize)]
struct Feed<'a> {
    checkpoint: Option<&'a str>,
    checkpoint_time: Option<i64>,
    has_more: bool,
}

impl<'a> Feed<'a> {
    fn new(position: &'a FeedPosition) -> Self {
        Self {
            checkpoint: position.checkpoint.as_deref(),
            checkpoint_time: position.checkpoint_time,
            has_more: position.has_more,
        }
    }
}

pub(crate) fn check(arguments: &CheckArgs, quiet: bool) -> Result<Outcome, Failure> {
    let path = arguments.file.as_path();
    check_files(&arguments.import, &[])?;
    let quarantine = arguments.import.quarantine.as_deref();
    refuse_overwriting(quarantine, arguments.import.inputs().chain([path]))?;
    refuse_in_store(quarantine)?;
    let mut quarantine = Quarantine::held(quarantine)?;
    let mut file = ListFile::open(&arguments.import, path)?;
    let mut counts = ListCounts::default();
    let read = file.read(&mut quarantine, quiet, &mut |item| {
        let ImportItem::Entry { entry, .. } = item else {
            return Ok(false);
        };
        let fits = IndexBuilder::fits(entry);
        if fits {
            counts.add(entry);
        }
        Ok(fits)
    });
    let (kept_out, left_out) = quarantine.finish_held()?;
    let import = file.report();
    let checked = Checked {
        file: path.to_string_lossy().into_owned(),
        format: file.format().name(),
        records: import.records,
        entries: counts.entries,
        withdrawn: counts.withdrawn,
        hashes: &counts.hashes,
        other_hashes: &counts.other_hashes,
        categories: &counts.categories,
        opinions: &counts.opinions,
        unknown_status: counts.unknown_status,
        unknown_values: &import.unknown_values,
        columns: file.columns().map(Columns::new),
        feed: file.position().map(Feed::new),
        quarantined: kept_out,
        by_reason: &import.by_reason,
        left_out: &left_out,
        report: import,
        error: read.as_ref().err().map(|Failure(why)| why.clone()),
    };
    let mut report = Report::new(None)?;
    if arguments.json {
        report.json(&checked)?;
    } else {
        checked.write(&mut report, path)?;
    }
    report.finish()?;
    // Why a list breaks off is also said as any command says why it stopped.
    tell_of_poor_hashes(import, read?);
    let is_refused = import.entries == 0 && !file.format().is_page();
    if is_refused {
        tell(format_args!(
            "{}: no entry can be read, so `hashsieve store add` and `hashsieve store replace` would refuse it: see that it is the \
             list, whole, and of this format",
            path.display()
        ));
    }
    Ok(Outcome::of(false, kept_out > 0 || is_refused))
}

impl Checked<'_> {
    fn write(&self, report: &mut Report, path: &Path) -> Result<(), Failure> {
        report.text(&format!("list       {}", path.display()))?;
        report.text(&format!("format     {}", self.format))?;
        report.text(&format!("records    {}", self.records))?;
        report.text(&format!("entries    {}", self.entries))?;
        report.text(&format!("withdrawn  {}", self.withdrawn))?;
        for (kind, count) in self.hashes {
            let hashes = counted(*count, "hash", "hashes");
            report.text(&format!("{:<10} {hashes}", kind.name()))?;
        }
        for (kind, count) in self.other_hashes {
            let hashes = counted(*count, "hash", "hashes");
            report.text(&format!("{kind:<10} {hashes}, not matchable here"))?;
        }
        for (category, count) in self.categories {
            report.text(&format!("category   {category}: {count}"))?;
        }
        for (opinion, count) in self.opinions {
            report.text(&format!("opinion    {opinion}: {count}"))?;
        }
        for (field, count) in self.unknown_values {
            let words = counted(*count, "word not known here", "words not known here");
            report.text(&format!("unknown    {field}: {words}"))?;
        }
        if self.unknown_status > 0 {
            let entries = counted(self.unknown_status, "entry", "entries");
            report.text(&format!(
                "unknown    status: {entries} of a word not known here, which match"
            ))?;
        }
        if let Some(columns) = &self.columns {
            for UsedColumn { field, column } in &columns.used {
                report.text(&format!("column     {column}: {field}"))?;
            }
            for column in &columns.unused {
                report.text(&format!("column     {column}: not read"))?;
            }
        }
        if let Some(feed) = &self.feed {
            let time = feed.checkpoint_time;
            let time = time.and_then(format_time);
            let more = if feed.has_more {
                "there are more pages"
            } else {
                "the last page"
            };
            report.text(&format!(
                "feed       up to {}; {more}",
                time.as_deref().unwrap_or("an unknown time")
            ))?;
        }
        for note in notes(self.report, self.quarantined, "list") {
            report.text(&format!("note       {note}"))?;
        }
        for (reason, count) in self.by_reason {
            report.text(&format!("reason     {reason}: {count}"))?;
        }
        for left_out in self.left_out {
            report.text(&format!("line {left_out}"))?;
        }
        let told = self.left_out.len() as u64;
        if told < self.quarantined {
            report.text(&format!(
                "and {} more; --quarantine FILE writes all of them down",
                self.quarantined - told
            ))?;
        }
        Ok(())
    }
}
