//! `hashsieve index`: building, describing and checking index files.

use std::path::{Path, PathBuf};

use hashsieve::list::{ImportItem, ImportReport, format_time};
use hashsieve::{
    BuildError, BuildProgress, BuildSummary, HashKind, Index, IndexBuilder, ListDescriptor,
};
use serde::Serialize;

use crate::args::{BuildArgs, InfoArgs, VerifyArgs};
use crate::failure::{Failure, Outcome};
use crate::import::{ListFile, check_files, describe, notes, tell_of_poor_hashes, unkept};
use crate::progress::Progress;
use crate::quarantine::Quarantine;
use crate::report::{Report, counted, or_unknown, refuse_overwriting, refuse_standard_output};
use crate::store::refuse_in_store;

pub(crate) fn build(arguments: &BuildArgs, quiet: bool) -> Result<Outcome, Failure> {
    let failed = |error: BuildError| Failure(error.to_string());
    let inputs = || {
        let lists = arguments.lists.iter().map(PathBuf::as_path);
        lists.chain(arguments.import.inputs())
    };
    let output = arguments.output.as_path();
    refuse_standard_output(Some(output), "-o")?;
    check_files(&arguments.import, &arguments.lists)?;
    if arguments.name.is_none() && arguments.lists.iter().any(|path| path == Path::new("-")) {
        let why = "- is standard input, which has no name for a list: give one with --name";
        return Err(Failure(why.to_owned()));
    }
    refuse_overwriting(Some(output), inputs())?;
    let kept_out = arguments.import.quarantine.as_deref();
    refuse_overwriting(kept_out, inputs().chain([output]))?;
    refuse_in_store(Some(output))?;
    refuse_in_store(kept_out)?;
    let mut quarantine = Quarantine::new(kept_out)?;
    let budget = usize::from(arguments.memory) << 20;
    let mut builder = IndexBuilder::with_memory_budget(&arguments.output, budget);
    let mut total = ImportReport::default();
    let mut low_quality = 0;
    let mut names = Vec::new();
    let mut one_list = None;
    for path in &arguments.lists {
        let list = match one_list {
            Some(list) => list,
            None => {
                let stem = path.file_stem().unwrap_or_default().to_string_lossy();
                let name = arguments.name.clone();
                let name = name.unwrap_or_else(|| stem.into_owned());
                let descriptor = describe(&arguments.describe, name)?;
                if names.contains(&descriptor.name) {
                    let name = &descriptor.name;
                    return Err(Failure(format!(
                        "two lists would be named `{name}`: rename a file, build indexes of their own, or make one list \
                         of all files with --name"
                    )));
                }
                names.push(descriptor.name.clone());
                builder.add_list(descriptor).map_err(failed)?
            }
        };
        if arguments.name.is_some() {
            one_list = Some(list);
        }
        let mut file = ListFile::open(&arguments.import, path)?;
        file.tell_columns();
        low_quality += file.read(&mut quarantine, quiet, &mut |item| {
            let ImportItem::Entry { entry, .. } = item else {
                return Ok(false);
            };
            match builder.add(list, entry) {
                Ok(()) => Ok(true),
                Err(BuildError::InvalidEntry { .. }) => Ok(false),
                Err(error) => Err(failed(error)),
            }
        })?;
        total.merge(file.report());
        // A failed download must not become a list that silently matches nothing. A page of a feed says itself that it is
        // whole, and others of its feed may have entries.
        let is_last = path.as_path() == arguments.lists[arguments.lists.len() - 1];
        let may_be_empty = file.format().is_page() && arguments.name.is_some();
        if (file.report().entries == 0 && !may_be_empty) || (is_last && total.entries == 0) {
            quarantine.finish()?;
            let why =
                "no entry can be read; nothing was written, and an index that was there still is";
            return Err(Failure::at(path, why));
        }
    }
    let mut progress = Progress::new(0, "records", quiet);
    let summary = builder.finish_with(&mut |BuildProgress {
                                                stage, done, total, ..
                                            }| {
        progress.set(stage, done, total);
    });
    drop(progress);
    let summary = summary.map_err(failed)?;
    let kept_out = quarantine.finish()?;
    tell_of_poor_hashes(&total, low_quality);
    summarise(arguments, &total, &summary, kept_out)?;
    Ok(Outcome::of(
        false,
        kept_out + summary.other_hashes_left_out > 0,
    ))
}

fn summarise(
    arguments: &BuildArgs,
    import: &ImportReport,
    summary: &BuildSummary,
    kept_out: u64,
) -> Result<(), Failure> {
    let mut report = Report::new(None)?;
    report.text(&format!("index     {}", arguments.output.display()))?;
    report.text(&format!("identity  {}", summary.identity))?;
    report.text(&format!("size      {} bytes", summary.file_bytes))?;
    report.text(&format!("lists     {}", summary.lists))?;
    report.text(&format!(
        "records   {} read, {} left out, {} withdrawn",
        import.records,
        import.records - import.entries,
        import.withdrawn
    ))?;
    report.text(&format!("entries   {}", summary.entries))?;
    for (kind, count) in &summary.hashes {
        let assertions = summary.assertions.get(kind).copied().unwrap_or_default();
        report.text(&format!(
            "{:<9} {}, {} asserted",
            kind.name(),
            counted(*count, "hash", "hashes"),
            counted(assertions, "time", "times")
        ))?;
    }
    let unkept = unkept(summary.other_hashes_left_out);
    for note in notes(import, kept_out, "index").into_iter().chain(unkept) {
        report.text(&format!("note      {note}"))?;
    }
    report.finish()
}

/// What `index info --json` prints.
#[derive(Serialize)]
struct Info {
    identity: String,
    file_bytes: u64,
    entries: u32,
    kinds: Vec<KindInfo>,
    lists: Vec<ListInfo>,
}

#[derive(Serialize)]
struct KindInfo {
    kind: HashKind,
    hashes: u32,
    assertions: u32,
}

#[derive(Serialize)]
struct ListInfo {
    #[serde(flatten)]
    descriptor: ListDescriptor,
    entries: u32,
}

pub(crate) fn info(arguments: &InfoArgs) -> Result<Outcome, Failure> {
    let path = &arguments.file;
    let index = Index::open(path).map_err(|error| Failure::at(path, error))?;
    let lists = index.lists().map_err(|error| Failure::at(path, error))?;
    let info = Info {
        identity: index.identity(),
        file_bytes: index.file_bytes(),
        entries: index.entries(),
        kinds: index
            .kinds()
            .map(|kind| KindInfo {
                kind,
                hashes: index.len(kind),
                assertions: index.assertions(kind),
            })
            .collect(),
        lists: lists
            .into_iter()
            .map(|list| ListInfo {
                entries: list.entries,
                descriptor: list.descriptor,
            })
            .collect(),
    };
    let mut report = Report::new(None)?;
    if arguments.json {
        report.json(&info)?;
    } else {
        report.text(&format!("identity  {}", info.identity))?;
        report.text(&format!("size      {} bytes", info.file_bytes))?;
        report.text(&format!("entries   {}", info.entries))?;
        for kind in &info.kinds {
            report.text(&format!(
                "{:<9} {}, {} asserted",
                kind.kind.name(),
                counted(kind.hashes.into(), "hash", "hashes"),
                counted(kind.assertions.into(), "time", "times")
            ))?;
        }
        for list in &info.lists {
            let described = &list.descriptor;
            report.text(&format!(
                "list      {}: {}; source {}; version {}; time {}; terms {}",
                described.name,
                counted(list.entries.into(), "entry", "entries"),
                or_unknown(&described.source),
                or_unknown(&described.version),
                described.time.map_or("unknown".to_owned(), |time| {
                    format_time(time).unwrap_or_else(|| time.to_string())
                }),
                or_unknown(&described.terms),
            ))?;
        }
    }
    report.finish()?;
    Ok(Outcome::Done)
}

pub(crate) fn verify(arguments: &VerifyArgs, quiet: bool) -> Result<Outcome, Failure> {
    let path = &arguments.file;
    let index = Index::open(path).map_err(|error| Failure::at(path, error))?;
    let mut progress = Progress::new(index.file_bytes(), "bytes", quiet);
    let verified = index.verify_with(&mut |done, total| progress.set("verifying", done, total));
    drop(progress);
    verified.map_err(|error| Failure::at(path, error))?;
    let mut report = Report::new(None)?;
    report.text(&format!("{}: sound", path.display()))?;
    report.finish()?;
    Ok(Outcome::Done)
}
