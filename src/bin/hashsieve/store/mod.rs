//! `hashsieve store`: lists that change, in a directory.

pub(crate) mod args;
mod change;
mod export;
mod removed;
mod status;
mod withdraw;

use std::path::Path;

use hashsieve::{BuildProgress, ListSettings, Snapshot, Store, StoreError, StoreWriter};

use crate::failure::{Failure, Outcome};
use crate::progress::Progress;
use crate::report::{Report, counted};
use args::{RemoveListArgs, SetArgs, StoreArgs, StoreCommand};

pub(crate) fn run(arguments: &StoreArgs, quiet: bool) -> Result<Outcome, Failure> {
    let directory = arguments.command.directory();
    if directory.is_file() {
        let why = "this is a file, and a store is a directory: the store comes first, and lists and other files after it";
        return Err(Failure::at(directory, why));
    }
    match &arguments.command {
        StoreCommand::Init(init) => create(&init.directory),
        StoreCommand::Add(add) => change::add(add, quiet),
        StoreCommand::Apply(apply) => change::apply(apply, quiet),
        StoreCommand::Replace(replace) => change::replace(replace, quiet),
        StoreCommand::Withdraw(withdraw) => withdraw::withdraw(withdraw, quiet),
        StoreCommand::Set(set) => describe(set),
        StoreCommand::RemoveList(remove) => remove_list(remove, quiet),
        StoreCommand::Compact(compact) => rewrite(&compact.directory, quiet, StoreWriter::compact),
        StoreCommand::Purge(purge) => rewrite(&purge.directory, quiet, StoreWriter::purge),
        StoreCommand::Status(status) => status::status(status, quiet),
        StoreCommand::Verify(verify) => status::verify(&verify.directory, quiet),
        StoreCommand::VerifyRemoved(verify) => removed::verify(verify, quiet),
        StoreCommand::Export(export) => export::export(export, quiet),
    }
}

/// Returns the failure of what only reads a store.
fn unread(error: impl std::fmt::Display) -> Failure {
    Failure(error.to_string())
}

/// Returns the failure of a change, which says whether the store has it after all. `before` is the generation that the change
/// was made to.
fn unchanged(directory: &Path, before: u64, error: &StoreError) -> Failure {
    let says_so = matches!(
        error,
        StoreError::NoEntries
            | StoreError::Shrinks { .. }
            | StoreError::Backwards { .. }
            | StoreError::Stale { .. }
            | StoreError::UnknownList { .. }
    );
    let outcome = match Store::open(directory) {
        _ if says_so => "",
        Ok(store) if store.snapshot().generation() == before => "; the store is as it was",
        // What failed is what comes after publishing: flushing, cleaning up.
        Ok(_) => "; but the change is in the store",
        Err(_) => "",
    };
    Failure(format!("{error}{outcome}"))
}

/// Adds to a failure that comes after a change that the change is made.
fn after_change(Failure(why): Failure) -> Failure {
    Failure(format!("{why}; the change is in the store"))
}

fn create(directory: &Path) -> Result<Outcome, Failure> {
    StoreWriter::create(directory).map_err(unread)?;
    let mut report = Report::new(None)?;
    report.text(&format!("{}: an empty store", directory.display()))?;
    report.finish().map_err(after_change)?;
    Ok(Outcome::Done)
}

fn describe(arguments: &SetArgs) -> Result<Outcome, Failure> {
    let mut settings = ListSettings::default();
    settings.source.clone_from(&arguments.source);
    settings.terms.clone_from(&arguments.terms);
    settings.stale_after_days = arguments.stale_after.map(|days| days.0);
    let mut writer = StoreWriter::open(&arguments.directory).map_err(unread)?;
    let before = writer.snapshot().generation();
    let is_changed = writer
        .describe(&arguments.list, &settings)
        .map_err(|error| unchanged(&arguments.directory, before, &error))?;
    let what = if is_changed { "set" } else { "set so already" };
    let mut report = Report::new(None)?;
    report.text(&format!("{}: {what}", arguments.list))?;
    report.finish().map_err(after_change)?;
    Ok(Outcome::Done)
}

fn remove_list(arguments: &RemoveListArgs, quiet: bool) -> Result<Outcome, Failure> {
    let mut writer = StoreWriter::open(&arguments.directory).map_err(unread)?;
    let before = writer.snapshot().generation();
    let lists = writer.snapshot().lists().iter();
    let mut of_name = lists.filter(|list| list.descriptor.name == arguments.list);
    let entries = of_name.next().map_or(0, |list| list.entries);
    let mut progress = Progress::new(0, "records", quiet);
    let removed = writer.remove_list(&arguments.list, &mut told(&mut progress));
    drop(progress);
    removed.map_err(|error| unchanged(&arguments.directory, before, &error))?;
    let mut report = Report::new(None)?;
    let entries = counted(entries, "entry", "entries");
    report.text(&format!("{}: removed, with {entries}", arguments.list))?;
    report.finish().map_err(after_change)?;
    Ok(Outcome::Done)
}

/// Compacts or purges a store, and tells what came of it.
fn rewrite(
    directory: &Path,
    quiet: bool,
    work: impl FnOnce(&mut StoreWriter, &mut dyn FnMut(BuildProgress)) -> Result<(), StoreError>,
) -> Result<Outcome, Failure> {
    let mut writer = StoreWriter::open(directory).map_err(unread)?;
    let generation = writer.snapshot().generation();
    let before = Size::of(writer.snapshot());
    let mut progress = Progress::new(0, "records", quiet);
    let done = work(&mut writer, &mut told(&mut progress));
    drop(progress);
    done.map_err(|error| unchanged(directory, generation, &error))?;
    let after = Size::of(writer.snapshot());
    let mut report = Report::new(None)?;
    report.text(&format!("store      {}", directory.display()))?;
    report.text(&format!(
        "segments   {}, {} before",
        after.segments, before.segments
    ))?;
    report.text(&format!(
        "size       {} bytes, {} before",
        after.bytes, before.bytes
    ))?;
    let erased = (before.not_standing - after.not_standing) as u64;
    let erased = counted(erased, "entry", "entries");
    report.text(&format!("erased     {erased}"))?;
    report.text(&format!("generation {}", writer.snapshot().generation()))?;
    report.finish().map_err(after_change)?;
    Ok(Outcome::Done)
}

/// How large a store is.
struct Size {
    segments: usize,
    bytes: u64,
    /// Entries in the files that no longer stand.
    not_standing: usize,
}

impl Size {
    fn of(snapshot: &Snapshot) -> Self {
        let segments = snapshot.segments();
        let not_standing = segments.iter().map(|segment| {
            let entries = 0..segment.index().entries();
            entries.filter(|&entry| !segment.stands(entry)).count()
        });
        Self {
            segments: segments.len(),
            bytes: segments.iter().map(|one| one.index().file_bytes()).sum(),
            not_standing: not_standing.sum(),
        }
    }
}

/// Returns what shows the progress of sorting and writing.
fn told(progress: &mut Progress) -> impl FnMut(BuildProgress) + '_ {
    |now| progress.set(now.stage, now.done, now.total)
}

/// Returns whether a file has the name of a segment.
pub(crate) fn is_segment(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.starts_with("segment-") && name.ends_with(".hsv")
}

/// Returns whether a folder is the directory of a store, which may be damaged.
fn is_store(folder: &Path) -> bool {
    let has_segment = || {
        let mut members = folder.read_dir().into_iter().flatten().flatten();
        members.any(|member| is_segment(&member.path()))
    };
    folder.join("manifest").is_file() && (folder.join("lock").is_file() || has_segment())
}

/// Refuses an output in the directory of any store.
pub(crate) fn refuse_in_store(output: Option<&Path>) -> Result<(), Failure> {
    let Some(output) = output else { return Ok(()) };
    // Where the name stands, and where it leads if it is a link.
    let real = output.canonicalize().ok();
    for folder in real
        .iter()
        .filter_map(|real| real.parent())
        .chain([folder_of(output)])
    {
        if is_store(folder) {
            refuse_inside(Some(output), folder)?;
        }
    }
    Ok(())
}

/// Returns the folder in which the name of a file stands.
fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// Refuses an output among the files of a store: whoever looks there for what is gone would find it.
fn refuse_inside(output: Option<&Path>, directory: &Path) -> Result<(), Failure> {
    let Some(output) = output else { return Ok(()) };
    let folder = folder_of(output);
    let Ok(store) = directory.canonicalize() else {
        // There is none, which is said when it is opened.
        return Ok(());
    };
    // Where the name stands, and where it leads if it is a link.
    let real = output.canonicalize().unwrap_or_default();
    let is_inside = folder.canonicalize().is_ok_and(|folder| folder == store);
    if is_inside || real.starts_with(&store) {
        let why = "would be in the directory of the store, which is for its own files";
        return Err(Failure::at(output, why));
    }
    Ok(())
}
