//! `store verify-removed`: showing that hashes are gone.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::Path;

use hashsieve::list::{ImportItem, ImportOptions, Importer, ListFormat};
use hashsieve::{HashValue, Store};

use super::args::VerifyRemovedArgs;
use super::unread;
use crate::failure::{Failure, Outcome};
use crate::import::Quarantine;
use crate::progress::Progress;
use crate::report::{Report, counted, tell};

pub(super) fn verify(arguments: &VerifyRemovedArgs, quiet: bool) -> Result<Outcome, Failure> {
    let store = Store::open(&arguments.directory).map_err(unread)?;
    let (lines, hashes, undecided) = read(arguments)?;
    if hashes.is_empty() {
        let why = "no hash can be read of it, so nothing was looked for";
        return Err(Failure::at(&arguments.file, why));
    }
    let mut progress = Progress::new(0, "bytes", quiet);
    let removed = store.verify_removed(&hashes, &mut |done, total| {
        progress.set("looking", done, total);
    });
    drop(progress);
    let removed = removed.map_err(|error| {
        Failure(format!(
            "{error}; so it is not known whether the hashes are gone"
        ))
    })?;
    let mut report = Report::new(None)?;
    report.text(&format!("store      {}", arguments.directory.display()))?;
    let count = counted(hashes.len() as u64, "hash", "hashes");
    report.text(&format!("looked for {count}"))?;
    let files = counted(removed.files, "file", "files");
    report.text(&format!("read       {files}, {} bytes", removed.bytes))?;
    for file in &removed.found_in {
        for line in file.hashes.iter().filter_map(|&hash| lines.get(hash)) {
            let name = file.path.file_name().unwrap_or_default().to_string_lossy();
            report.text(&format!("found      that of line {line} in {name}"))?;
        }
    }
    let is_found = !removed.found_in.is_empty();
    if !is_found {
        report.text("found      none")?;
    }
    report.finish()?;
    if is_found {
        tell(
            "what is withdrawn is in the files until `hashsieve store purge`; what stands has to be withdrawn first",
        );
    }
    if undecided > 0 {
        let lines = counted(undecided, "line is", "lines are");
        tell(format_args!(
            "{lines} no hash to look for, so nothing is said of them"
        ));
    }
    Ok(Outcome::of(is_found, undecided > 0))
}

/// Reads hashes, each with its line, and counts the lines that are none.
fn read(arguments: &VerifyRemovedArgs) -> Result<(Vec<u64>, Vec<HashValue>, u64), Failure> {
    let path = &arguments.file;
    let at = |error: &dyn std::fmt::Display| Failure::at(path, error);
    let reader: Box<dyn BufRead> = if path == Path::new("-") {
        Box::new(io::stdin().lock())
    } else {
        Box::new(BufReader::new(
            File::open(path).map_err(|error| at(&error))?,
        ))
    };
    let format = ListFormat::HexLines {
        kind: arguments.kind,
    };
    let importer = Importer::new(reader, &ImportOptions { format });
    let importer = importer.map_err(|error| at(&error))?;
    let (mut lines, mut hashes) = (Vec::new(), Vec::new());
    let mut quarantine = Quarantine::new(None)?;
    for item in importer {
        match item.map_err(|error| at(&error))? {
            ImportItem::Entry { line, entry, .. } if entry.other_hashes.is_empty() => {
                hashes.extend(&entry.hashes);
                lines.resize(hashes.len(), line);
            }
            ImportItem::Entry { line, .. } => {
                let reason = "a hash of a kind that cannot be looked for here";
                quarantine.take(path, line, "", reason)?;
            }
            ImportItem::Quarantined(kept_out) => {
                let reason = kept_out.reason.to_string();
                quarantine.take(path, kept_out.line, "", &reason)?;
            }
        }
    }
    Ok((lines, hashes, quarantine.finish()?))
}
