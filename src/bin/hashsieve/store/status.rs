//! `store status` and `store verify`.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use hashsieve::list::{ImportReport, format_time};
use hashsieve::{HashKind, ListCounts, Store, StoredList};
use serde::Serialize;

use super::args::StatusArgs;
use super::unread;
use crate::failure::{Failure, Outcome};
use crate::progress::Progress;
use crate::report::{Report, by_name, counted, or_unknown, tell};

/// What `store status --json` prints.
#[derive(Serialize)]
struct Status<'a> {
    generation: u64,
    segments: u64,
    bytes: u64,
    entries_to_purge: u64,
    lists: Vec<ListStatus<'a>>,
}

#[derive(Serialize)]
struct ListStatus<'a> {
    name: &'a str,
    source: &'a str,
    version: &'a str,
    time: Option<i64>,
    terms: &'a str,
    entries: u64,
    withdrawn: u64,
    hashes: &'a BTreeMap<HashKind, u64>,
    other_hashes: &'a BTreeMap<String, u64>,
    categories: &'a BTreeMap<String, u64>,
    opinions: &'a BTreeMap<&'static str, u64>,
    unknown_status: u64,
    checked_at: i64,
    age_seconds: i64,
    checkpoint: Option<&'a str>,
    checkpoint_time: Option<i64>,
    stale_after_days: Option<u32>,
    stale: bool,
    last_import: &'a ImportReport,
}

impl<'a> ListStatus<'a> {
    fn new(list: &'a StoredList, counts: &'a ListCounts, now: i64) -> Self {
        let described = &list.descriptor;
        Self {
            name: &described.name,
            source: &described.source,
            version: &described.version,
            time: described.time,
            terms: &described.terms,
            entries: counts.entries,
            withdrawn: counts.withdrawn,
            hashes: &counts.hashes,
            other_hashes: &counts.other_hashes,
            categories: &counts.categories,
            opinions: &counts.opinions,
            unknown_status: counts.unknown_status,
            checked_at: list.checked_at,
            age_seconds: now.saturating_sub(list.checked_at),
            checkpoint: list.checkpoint.as_deref(),
            checkpoint_time: list.checkpoint_time,
            stale_after_days: list.stale_after_days,
            stale: list.is_stale(now),
            last_import: &list.last_import,
        }
    }

    fn write(&self, report: &mut Report) -> Result<(), Failure> {
        let time = |time: Option<i64>| {
            let time = time.map(|time| format_time(time).unwrap_or_else(|| time.to_string()));
            time.unwrap_or_else(|| "unknown".to_owned())
        };
        report.text(&format!("list       {}", self.name))?;
        let mut row = |what: &str, text: String| report.text(&format!("  {what:<11} {text}"));
        row("entries", self.entries.to_string())?;
        row("withdrawn", format!("{}, remembered", self.withdrawn))?;
        for (kind, count) in self.hashes {
            row(kind.name(), counted(*count, "hash", "hashes"))?;
        }
        for (kind, count) in self.other_hashes {
            let hashes = counted(*count, "hash", "hashes");
            row(kind, format!("{hashes}, not matchable here"))?;
        }
        for (category, count) in self.categories {
            row("category", format!("{category}: {count}"))?;
        }
        for (opinion, count) in self.opinions {
            row("opinion", format!("{opinion}: {count}"))?;
        }
        if self.unknown_status > 0 {
            let entries = counted(self.unknown_status, "entry", "entries");
            let text = format!("{entries} of a word not known here, matched all the same");
            row("status", text)?;
        }
        let read = self.last_import;
        row(
            "last import",
            format!(
                "{}, {} left out, {} quarantined{}",
                counted(read.records, "record", "records"),
                read.records - read.entries.min(read.records),
                counted(read.quarantined, "value or record", "values or records"),
                by_name(&read.by_reason)
            ),
        )?;
        if !read.unknown_values.is_empty() {
            let count: u64 = read.unknown_values.values().sum();
            let words = counted(count, "word not known here", "words not known here");
            let by_field = by_name(&read.unknown_values);
            row("", format!("{words}{by_field}"))?;
        }
        let checked = time(Some(self.checked_at));
        let age = match u64::try_from(self.age_seconds) {
            Ok(age) => format!("{} ago", span(age)),
            Err(_) => format!(
                "which is {} in the future: see that the clocks are right",
                span(self.age_seconds.unsigned_abs())
            ),
        };
        row("checked", format!("{checked}, {age}"))?;
        if let Some(checkpoint) = self.checkpoint {
            let at = time(self.checkpoint_time);
            row("checkpoint", format!("{checkpoint} ({at})"))?;
        }
        let stale = match self.stale_after_days {
            None => "never".to_owned(),
            Some(days) => {
                let days = counted(u64::from(days), "day", "days");
                let is_stale = if self.stale { ": it is" } else { "" };
                format!("after {days} without news{is_stale}")
            }
        };
        row("out of date", stale)?;
        row("source", or_unknown(self.source).to_owned())?;
        row("version", or_unknown(self.version).to_owned())?;
        row("time", time(self.time))?;
        row("terms", or_unknown(self.terms).to_owned())
    }
}

/// Returns how long so many seconds are, in the largest unit of which there are two.
fn span(seconds: u64) -> String {
    let (length, one, many) = match seconds {
        172_800.. => (86_400, "day", "days"),
        7_200.. => (3_600, "hour", "hours"),
        120.. => (60, "minute", "minutes"),
        _ => (1, "second", "seconds"),
    };
    counted(seconds / length, one, many)
}

pub(super) fn status(arguments: &StatusArgs, quiet: bool) -> Result<Outcome, Failure> {
    let store = Store::open(&arguments.directory).map_err(unread)?;
    let snapshot = store.snapshot();
    let mut progress = Progress::new(0, "entries", quiet);
    let counts = snapshot.status(&mut |done, total| progress.set("counting", done, total));
    drop(progress);
    let counts = counts.map_err(|error| Failure::at(&arguments.directory, error))?;
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = since.map_or(0, |since| {
        i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
    });
    let lists = snapshot.lists().iter().zip(&counts.lists);
    let status = Status {
        generation: counts.generation,
        segments: counts.segments,
        bytes: counts.bytes,
        entries_to_purge: counts.entries_to_purge,
        lists: lists
            .map(|(list, counts)| ListStatus::new(list, counts, now))
            .collect(),
    };
    let mut report = Report::new(None)?;
    if arguments.json {
        report.json(&status)?;
    } else {
        report.text(&format!("store      {}", arguments.directory.display()))?;
        report.text(&format!("generation {}", status.generation))?;
        report.text(&format!("segments   {}", status.segments))?;
        report.text(&format!("size       {} bytes", status.bytes))?;
        let to_purge = counted(status.entries_to_purge, "entry", "entries");
        report.text(&format!("to purge   {to_purge}"))?;
        for list in &status.lists {
            list.write(&mut report)?;
        }
    }
    report.finish()?;
    let mut stale = status.lists.iter().filter(|list| list.stale).peekable();
    let is_stale = stale.peek().is_some();
    for list in stale {
        tell(format_args!(
            "list `{}` is out of date: no news for {}, and its limit is {}; fetch all of it and put it in place with `hashsieve \
             store replace`, since its source may have forgotten withdrawals",
            list.name,
            span(list.age_seconds.unsigned_abs()),
            counted(
                list.stale_after_days.unwrap_or_default().into(),
                "day",
                "days"
            )
        ));
    }
    Ok(Outcome::of(false, is_stale))
}

pub(super) fn verify(directory: &Path, quiet: bool) -> Result<Outcome, Failure> {
    let store = Store::open(directory).map_err(unread)?;
    let mut progress = Progress::new(0, "bytes", quiet);
    let verified = store.verify(&mut |done, total| progress.set("verifying", done, total));
    drop(progress);
    verified.map_err(unread)?;
    let mut report = Report::new(None)?;
    report.text(&format!("{}: sound", directory.display()))?;
    report.finish()?;
    Ok(Outcome::Done)
}
