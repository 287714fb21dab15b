//! `store add`, `apply` and `replace`: one change of one list each.

use std::mem::discriminant;
use std::path::{Path, PathBuf};

use hashsieve::list::{FeedPosition, ImportItem, ImportReport, ListFormat, format_time};
use hashsieve::{
    BuildError, Change, ChangeKind, ChangeOptions, ChangeSummary, DifferenceKind, ListSettings,
    StoreError, StoreWriter, StoredList,
};

use super::args::{AddArgs, ApplyArgs, ChangeArgs, ReplaceArgs};
use super::{after_change, refuse_inside, told, unchanged, unread};
use crate::failure::{Failure, Outcome};
use crate::import::{ListFile, check_files, describe, notes, tell_of_poor_hashes, unkept};
use crate::progress::Progress;
use crate::quarantine::Quarantine;
use crate::report::{Report, counted, may_be_hash, refuse_overwriting, tell};

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
    check_files(&arguments.import, lists)?;
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
    let mut read = ReadSoFar::new(list_of(&writer, &arguments.name).cloned());
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
    if read.known.is_none() && list_of(&writer, &arguments.name).is_some() {
        tell(format_args!(
            "list `{}` is new in this store",
            arguments.name
        ));
    }
    tell_of_poor_hashes(&read.report, read.low_quality);
    summarise(&mut report, directory, &arguments.name, &summary)
        .and_then(|()| read.write(kept_out, &summary, report))
        .map_err(after_change)?;
    match options.kind {
        ChangeKind::Apply => read.tell_what_to_fetch(has_more),
        ChangeKind::Replace => read.tell_what_may_be_missed(summary.removed),
        _ => {}
    }
    if summary.reinstated > 0 {
        let entries = counted(
            summary.reinstated,
            "entry that was withdrawn stands again",
            "entries that were withdrawn stand again",
        );
        tell(format_args!(
            "{entries}, among those added: withdraw again what must not match, and see that the source withdraws it"
        ));
    }
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
    Ok(Outcome::of(
        false,
        kept_out + summary.other_hashes_left_out + summary.superseded > 0,
    ))
}

/// Returns what a store has of a list, if it has it.
fn list_of<'a>(writer: &'a StoreWriter, name: &str) -> Option<&'a StoredList> {
    let mut lists = writer.snapshot().lists().iter();
    lists.find(|list| list.descriptor.name == name)
}

/// Returns whether a page ends later in its feed than what a store has of it.
fn is_beyond(page: &FeedPosition, known: Option<&StoredList>) -> bool {
    let Some(known) = known.filter(|known| known.checkpoint.is_some()) else {
        return true;
    };
    match page.checkpoint_time.zip(known.checkpoint_time) {
        Some((page, known)) => page > known,
        None => page.checkpoint != known.checkpoint,
    }
}

/// Says from where on to fetch what comes after what a store has of a feed.
fn place_of(list: &StoredList) -> String {
    let Some(checkpoint) = &list.checkpoint else {
        return from_the_beginning();
    };
    let time = list.checkpoint_time.and_then(format_time);
    let time = time.map_or_else(String::new, |time| format!(" ({time})"));
    format!("from `{checkpoint}`{time} on")
}

fn from_the_beginning() -> String {
    "from the beginning".to_owned()
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
struct ReadSoFar {
    /// What the store had of the list before.
    known: Option<StoredList>,
    report: ImportReport,
    low_quality: u64,
    /// Records that can be read and do not fit.
    unfit: u64,
    /// Those left out of which it is known of which entry they are.
    named: u64,
    /// Those that are known by their hashes alone, of which some cannot be read.
    lacking: u64,
    /// Where the last page stands in its feed.
    position: Option<FeedPosition>,
    /// Whether a page ends beyond what the store had of the feed.
    moves_on: bool,
}

impl ReadSoFar {
    fn new(known: Option<StoredList>) -> Self {
        Self {
            known,
            report: ImportReport::default(),
            low_quality: 0,
            unfit: 0,
            named: 0,
            lacking: 0,
            position: None,
            moves_on: false,
        }
    }

    /// Reads one file into a change.
    fn file(
        &mut self,
        file: &mut ListFile<'_>,
        change: &mut Change<'_>,
        kind: ChangeKind,
        quarantine: &mut Quarantine,
        quiet: bool,
    ) -> Result<(), Failure> {
        let (unfit, named, lacking) = (&mut self.unfit, &mut self.named, &mut self.lacking);
        let failed = |error: StoreError| Failure(error.to_string());
        self.low_quality += file.read(quarantine, quiet, &mut |item| {
            let left_out = match item {
                ImportItem::Entry {
                    entry,
                    by_value,
                    lacks_hashes,
                    ..
                } => {
                    // It is found by its hashes, and so is another entry without those that cannot be read.
                    *lacking += u64::from(*lacks_hashes && *by_value);
                    let added = match *lacks_hashes && !by_value {
                        true => change.add_incomplete(entry),
                        false => change.add(entry, *by_value),
                    };
                    match added {
                        Ok(()) => return Ok(true),
                        Err(StoreError::Build(BuildError::InvalidEntry { .. })) => {
                            *unfit += 1;
                            Some(&entry.entry_id).filter(|_| !by_value)
                        }
                        Err(error) => return Err(failed(error)),
                    }
                }
                ImportItem::Quarantined(kept_out) => kept_out.entry_id.as_ref(),
            };
            if let Some(id) = left_out {
                *named += u64::from(change.left_out(id).map_err(failed)?);
            }
            Ok(false)
        })?;
        self.report.merge(file.report());
        self.position = file.position().cloned();
        // Who adds single pages need not add all, so where they end says nothing of the list.
        let position = self.position.as_ref();
        let position = position.filter(|_| kind != ChangeKind::Add);
        self.moves_on |= position.is_some_and(|page| is_beyond(page, self.known.as_ref()));
        change.imported(file.report(), position);
        Ok(())
    }

    /// Returns how many records were left out.
    fn left_out(&self) -> u64 {
        self.report.records - self.report.entries + self.unfit
    }

    /// Returns of how many of these, and of records of which hashes are left out, the entry is not known. Rows that say themselves that they are of no use are none.
    fn unnamed(&self) -> u64 {
        let of_no_use = self.report.low_quality + self.report.unhashed;
        self.left_out().saturating_sub(of_no_use + self.named) + self.lacking
    }

    /// Tells from where to fetch records of a feed again that were left out.
    fn tell_what_to_fetch(&self, has_more: bool) {
        if self.left_out() == 0 {
            return;
        }
        let records = counted(self.left_out(), "record was", "records were");
        let told = format!("{records} left out, and a withdrawal may be among them");
        if !self.moves_on {
            // Where the store stood is the end of what has just been read, or is later.
            tell(format_args!(
                "{told}: the feed was known up to here before, so fetch again what these pages answered once they can be read, and \
                 apply with --allow-older; or fetch all of the feed and put it in place with `hashsieve store replace`; or \
                 withdraw by hand"
            ));
            return;
        }
        let place = self.known.as_ref();
        let place = place.map_or_else(from_the_beginning, place_of);
        let moves = if has_more {
            "the place in the feed will move on past these"
        } else {
            "the place in the feed is past these now"
        };
        tell(format_args!(
            "{told}: {moves}, so fetch again {place} once they can be read, and apply with --allow-older, or withdraw by hand"
        ));
    }

    /// Tells that entries may have been removed from a list only because records of them cannot be read.
    fn tell_what_may_be_missed(&self, removed: u64) {
        if removed == 0 || self.unnamed() == 0 {
            return;
        }
        let entries = counted(removed, "entry was", "entries were");
        let records = counted(
            self.unnamed(),
            "record was left out of which it is",
            "records were left out of which it is",
        );
        tell(format_args!(
            "{entries} removed, and {records} not known of which entry: what was removed may be what was left out; look at the \
             lines that are named, mend the file and replace again"
        ));
    }

    /// Writes what was read, and ends the report.
    fn write(
        &self,
        kept_out: u64,
        summary: &ChangeSummary,
        mut report: Report,
    ) -> Result<(), Failure> {
        let read = &self.report;
        report.text(&format!(
            "records    {} read, {} left out, {} withdrawn",
            read.records,
            self.left_out(),
            read.withdrawn
        ))?;
        let unkept = unkept(summary.other_hashes_left_out);
        let superseded = (summary.superseded > 0).then(|| {
            counted(
                summary.superseded,
                "hash left out, since another record of its entry, none the later in time, took the place of the one that has it",
                "hashes left out, since other records of their entries, none the later in time, took the place of those that have \
                 them",
            )
        });
        let notes = notes(read, kept_out, "store").into_iter();
        for note in notes.chain(unkept).chain(superseded) {
            report.text(&format!("note       {note}"))?;
        }
        report.finish()
    }
}

/// Publishes a change, and returns what it came to with the report on which its differences are, if they are wanted.
pub(super) fn commit(
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
                // An id that nobody has is as it was given, which may be by mistake.
                let id = match difference.kind == DifferenceKind::Unseen
                    && may_be_hash(difference.entry_id)
                {
                    true => "(not shown, since it may be a hash)",
                    false => difference.entry_id,
                };
                written = report.text(&format!("{kind} {id}"));
            }
        },
        &mut told(&mut progress),
    );
    drop(progress);
    let summary = committed.map_err(|error| unchanged(directory, before, &error))?;
    written.map_err(after_change)?;
    Ok((summary, report))
}

/// Writes what a change came to: the one place where its counts are named.
pub(super) fn summarise(
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
