//! `store add`, `apply`, `replace` and `withdraw`: one change of one list each.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::mem::discriminant;
use std::path::{Path, PathBuf};

use hashsieve::list::{FeedPosition, ImportReport, ListFormat};
use hashsieve::{
    BuildError, Change, ChangeKind, ChangeOptions, ChangeSummary, ListSettings, StoreError,
    StoreWriter,
};

use super::args::{AddArgs, ApplyArgs, ChangeArgs, ReplaceArgs, WithdrawArgs};
use super::{after_change, refuse_inside, told, unchanged, unread};
use crate::failure::{Failure, Outcome};
use crate::import::{ListFile, Quarantine, describe, notes, tell_of_poor_hashes};
use crate::progress::Progress;
use crate::report::{Report, counted, refuse_overwriting, tell};

/// The longest line of a file of ids that is read. No id is nearly as long.
const MAX_ID_LINE: usize = 1 << 16;

pub(super) fn add(arguments: &AddArgs, quiet: bool) -> Result<Outcome, Failure> {
    let mut options = ChangeOptions::add();
    options.reinstates = arguments.reinstate;
    let AddArgs {
        directory,
        lists,
        change,
        ..
    } = arguments;
    make(directory, lists, change, options, quiet)
}

pub(super) fn apply(arguments: &ApplyArgs, quiet: bool) -> Result<Outcome, Failure> {
    let mut options = ChangeOptions::apply();
    options.allows_older = arguments.allow_older;
    let ApplyArgs {
        directory,
        pages,
        change,
        ..
    } = arguments;
    make(directory, pages, change, options, quiet)
}

pub(super) fn replace(arguments: &ReplaceArgs, quiet: bool) -> Result<Outcome, Failure> {
    let mut options = ChangeOptions::replace();
    options.shrink_limit_percent = arguments.shrink_limit;
    let ReplaceArgs {
        directory,
        lists,
        change,
        ..
    } = arguments;
    make(directory, lists, change, options, quiet)
}

/// Makes one change of all files.
fn make(
    directory: &Path,
    lists: &[PathBuf],
    arguments: &ChangeArgs,
    mut options: ChangeOptions,
    quiet: bool,
) -> Result<Outcome, Failure> {
    let quarantine = arguments.import.quarantine.as_deref();
    let inputs = lists.iter().map(PathBuf::as_path);
    refuse_overwriting(quarantine, inputs.chain(arguments.import.inputs()))?;
    refuse_inside(quarantine, directory)?;
    let descriptor = describe(&arguments.describe, arguments.name.clone())?;
    let mut settings = ListSettings::default();
    settings.stale_after_days = arguments.stale_after.map(Some);
    options.memory_budget = usize::from(arguments.memory) << 20;
    // Before anything is read, so that it is known at once if somebody else is changing the store.
    let mut writer = StoreWriter::open(directory).map_err(unread)?;
    let before = writer.snapshot().generation();
    let mut quarantine = Quarantine::new(quarantine)?;
    let mut read = ReadSoFar::default();
    let broken_off = |Failure(why)| Failure(format!("{why}; nothing was changed"));
    let Some(path) = lists.first() else {
        return Err(Failure("there is no list".to_owned()));
    };
    let first = ListFile::open(&arguments.import, path).map_err(broken_off)?;
    let format = first.format().clone();
    if options.kind == ChangeKind::Apply && !format.is_page() {
        let why = "this is no page of a feed, so nothing was changed: `hashsieve store add` adds what it says to the list, \
                   `hashsieve store replace` puts it in place of the list";
        return Err(Failure::at(path, why));
    }
    options.whole_records = format.has_whole_records();
    let change = writer.change(descriptor, options);
    let mut change = change.map_err(|error| unchanged(directory, before, &error))?;
    change.describe(&settings);
    let mut next = Some(first);
    for path in lists {
        let mut file = match next.take() {
            Some(first) => first,
            None => ListFile::open(&arguments.import, path).map_err(broken_off)?,
        };
        if let Some(why) = cannot_be_together(options.kind, &format, file.format()) {
            return Err(Failure::at(path, why));
        }
        file.tell_columns();
        read.file(&mut file, &mut change, options.kind, &mut quarantine, quiet)
            .map_err(broken_off)?;
        // A failed download must not pass for a list. A page of a feed says itself that it is whole.
        if file.report().entries == 0 && !file.format().is_page() {
            quarantine.finish()?;
            let why = "no entry can be read, so nothing was changed: a list that could not be fetched is not an empty list";
            return Err(Failure::at(path, why));
        }
    }
    let kept_out = quarantine.finish().map_err(broken_off)?;
    let has_more = read
        .position
        .as_ref()
        .is_some_and(|position| position.has_more);
    if options.kind == ChangeKind::Replace && has_more {
        let why = "the last page says that there are more of its request, so these are not the whole list and nothing was \
                   changed: give all pages, in order";
        return Err(Failure(why.to_owned()));
    }
    let (summary, mut report) = commit(change, directory, before, arguments.verbose, quiet)?;
    tell_of_poor_hashes(&read.report, read.low_quality);
    summarise(&mut report, directory, &arguments.name, &summary)
        .and_then(|()| read.write(kept_out, report))
        .map_err(after_change)?;
    if options.kind == ChangeKind::Apply && has_more {
        tell(
            "the last page says that there are more of its request: the place in the feed stays where it was until they are \
             applied",
        );
    }
    if options.kind == ChangeKind::Add && format.is_page() {
        tell(
            "pages of a feed were added without their place in it; `hashsieve store apply` keeps it",
        );
    }
    Ok(Outcome::of(false, kept_out > 0))
}

/// Returns why two files cannot be in one change, if so.
fn cannot_be_together(
    kind: ChangeKind,
    first: &ListFormat,
    other: &ListFormat,
) -> Option<&'static str> {
    if kind == ChangeKind::Apply && discriminant(first) != discriminant(other) {
        return Some(
            "this is no page of the feed that the first page is of, so nothing was changed: a list has one feed",
        );
    }
    (first.has_whole_records() != other.has_whole_records()).then_some(
        "in this file and the first, records are of different sorts, so nothing was changed: in one, a record is all of its \
         entry, in the other it adds to it; make two changes",
    )
}

/// What was read of all files of a change.
#[derive(Default)]
struct ReadSoFar {
    report: ImportReport,
    low_quality: u64,
    /// Where the last page stands in its feed.
    position: Option<FeedPosition>,
}

impl ReadSoFar {
    /// Reads one file into a change.
    fn file(
        &mut self,
        file: &mut ListFile<'_>,
        change: &mut Change<'_>,
        kind: ChangeKind,
        quarantine: &mut Quarantine,
        quiet: bool,
    ) -> Result<(), Failure> {
        self.low_quality += file.read(quarantine, quiet, &mut |entry, by_value| match change
            .add(entry, by_value)
        {
            Ok(()) => Ok(true),
            Err(StoreError::Build(BuildError::InvalidEntry { .. })) => Ok(false),
            Err(error) => Err(Failure(error.to_string())),
        })?;
        self.report.merge(file.report());
        self.position = file.position().cloned();
        // Who adds single pages need not add all, so where they end says nothing of the list.
        let position = self.position.as_ref();
        let position = position.filter(|_| kind != ChangeKind::Add);
        change.imported(file.report(), position);
        Ok(())
    }

    /// Writes what was read, and ends the report.
    fn write(&self, kept_out: u64, mut report: Report) -> Result<(), Failure> {
        let read = &self.report;
        report.text(&format!(
            "records    {} read, {} left out, {} withdrawn",
            read.records,
            read.records - read.entries,
            read.withdrawn
        ))?;
        for note in notes(read, kept_out, "store") {
            report.text(&format!("note       {note}"))?;
        }
        report.finish()
    }
}

/// Publishes a change, and returns what it came to with the report on which its differences are, if they are wanted.
fn commit(
    change: Change<'_>,
    directory: &Path,
    before: u64,
    verbose: bool,
    quiet: bool,
) -> Result<(ChangeSummary, Report), Failure> {
    let mut report = Report::new(None)?;
    let mut written = Ok(());
    let mut progress = Progress::new(0, "records", quiet);
    let committed = change.commit_with(
        &mut |difference| {
            if verbose && written.is_ok() {
                let kind = difference.kind.name();
                written = report.text(&format!("{kind} {}", difference.entry_id));
            }
        },
        &mut told(&mut progress),
    );
    drop(progress);
    let summary = committed.map_err(|error| unchanged(directory, before, &error))?;
    written.map_err(after_change)?;
    Ok((summary, report))
}

fn summarise(
    report: &mut Report,
    directory: &Path,
    list: &str,
    summary: &ChangeSummary,
) -> Result<(), Failure> {
    report.text(&format!("store      {}", directory.display()))?;
    report.text(&format!("list       {list}"))?;
    for (what, count) in [
        ("added", summary.added),
        ("changed", summary.changed),
        ("withdrawn", summary.withdrawn),
        ("unseen", summary.unseen),
        ("removed", summary.removed),
        ("unchanged", summary.unchanged),
        ("outdated", summary.outdated),
        ("entries", summary.entries),
        ("generation", summary.generation),
    ] {
        report.text(&format!("{what:<10} {count}"))?;
    }
    Ok(())
}

pub(super) fn withdraw(arguments: &WithdrawArgs, quiet: bool) -> Result<Outcome, Failure> {
    let directory = &arguments.directory;
    let mut writer = StoreWriter::open(directory).map_err(unread)?;
    let before = writer.snapshot().generation();
    let failed = |error: StoreError| unchanged(directory, before, &error);
    let mut change = writer.withdrawal(&arguments.list).map_err(failed)?;
    let mut refused = 0;
    for (number, id) in (1..).zip(&arguments.entry_ids) {
        if !one_is_withdrawn(&mut change, id).map_err(failed)? {
            refused += 1;
            tell(format_args!(
                "id {number}: empty, too long or with a zero byte"
            ));
        }
    }
    if let Some(path) = &arguments.from {
        refused += withdraw_from(path, &mut change, |error| {
            Failure(format!("{error}; nothing was changed"))
        })?;
    }
    let (summary, mut report) = commit(change, directory, before, arguments.verbose, quiet)?;
    summarise(&mut report, directory, &arguments.list, &summary)
        .and_then(|()| report.finish())
        .map_err(after_change)?;
    if summary.unseen > 0 {
        let ids = counted(summary.unseen, "id names", "ids name");
        tell(format_args!(
            "{ids} no entry that stood: never seen, or withdrawn before; see that they are spelled as `scan` spells them"
        ));
    }
    Ok(Outcome::of(false, refused > 0))
}

/// Withdraws one entry. Returns whether there can be one of this id.
fn one_is_withdrawn(change: &mut Change<'_>, id: &str) -> Result<bool, StoreError> {
    match change.withdraw(id) {
        Ok(()) => Ok(true),
        Err(StoreError::Build(BuildError::InvalidEntry { .. })) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Withdraws the entries that a file names, one a line, and returns how many lines name none.
fn withdraw_from(
    path: &Path,
    change: &mut Change<'_>,
    failed: impl Fn(String) -> Failure,
) -> Result<u64, Failure> {
    let at = |error: &dyn std::fmt::Display| failed(format!("{}: {error}", path.display()));
    let mut reader: Box<dyn BufRead> = if path == Path::new("-") {
        Box::new(io::stdin().lock())
    } else {
        let file = File::open(path).map_err(|error| at(&error))?;
        Box::new(BufReader::with_capacity(1 << 16, file))
    };
    let mut line = Vec::new();
    let mut refused = 0;
    for number in 1_u64.. {
        if !next_line(&mut reader, &mut line).map_err(|error| at(&error))? {
            break;
        }
        if number == 1 && line.starts_with(b"\xEF\xBB\xBF") {
            line.drain(..3);
        }
        if line.is_empty() {
            continue;
        }
        let is_withdrawn = match std::str::from_utf8(&line) {
            Ok(id) => one_is_withdrawn(change, id).map_err(|error| at(&error))?,
            Err(_) => false,
        };
        if !is_withdrawn {
            refused += 1;
            tell(format_args!(
                "{}:{number}: no id: too long, with a zero byte, or not UTF-8",
                path.display()
            ));
        }
    }
    Ok(refused)
}

/// Reads a line without its end, and of a line that is too long the beginning, which is too long as well. Returns whether there
/// was one.
fn next_line(reader: &mut dyn BufRead, line: &mut Vec<u8>) -> io::Result<bool> {
    line.clear();
    let limit = MAX_ID_LINE as u64;
    reader.take(limit).read_until(b'\n', line)?;
    if line.is_empty() {
        return Ok(false);
    }
    if line.len() == MAX_ID_LINE && !line.ends_with(b"\n") {
        reader.skip_until(b'\n')?;
    }
    for end in [b'\n', b'\r'] {
        if line.last() == Some(&end) {
            line.pop();
        }
    }
    Ok(true)
}
