//! `store verify-removed`: showing that hashes are gone.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufReader, Cursor, Read};
use std::path::Path;

use hashsieve::list::{ImportItem, ImportOptions, Importer, ListFormat};
use hashsieve::{HashKind, HashValue, Index, Segment, Snapshot, Store};

use super::args::VerifyRemovedArgs;
use super::{is_segment, unread};
use crate::failure::{Failure, Outcome};
use crate::import::{head_of, open};
use crate::progress::Progress;
use crate::quarantine::{LeftOut, Quarantine};
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
    let snapshot = store.snapshot();
    let mut wheres = BTreeSet::new();
    for file in &removed.found_in {
        let found = file.hashes.iter().filter_map(|&hash| hashes.get(hash));
        wheres.extend(found.map(|hash| Where::of(&snapshot, &file.path, hash)));
    }
    for place in wheres {
        tell(place.advice());
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
    let (mut source, _) = open(path).map_err(|error| at(&error))?;
    let head = head_of(&mut source).map_err(|error| at(&error))?;
    let format = format_of(arguments, &head);
    let reader = BufReader::with_capacity(1 << 16, Cursor::new(head).chain(source));
    let importer = Importer::new(reader, &ImportOptions { format });
    let importer = importer.map_err(|error| at(&error))?;
    let (mut lines, mut hashes) = (Vec::new(), Vec::new());
    let mut quarantine = Quarantine::without_file();
    for item in importer {
        match item.map_err(|error| at(&error))? {
            ImportItem::Entry { line, entry, .. } if entry.other_hashes.is_empty() => {
                hashes.extend(&entry.hashes);
                lines.resize(hashes.len(), line);
            }
            ImportItem::Entry { line, .. } => {
                let reason = "a hash of a kind that cannot be looked for here";
                quarantine.take(path, LeftOut::of_line(line, reason))?;
            }
            ImportItem::Quarantined(kept_out) => {
                quarantine.take(path, kept_out.into())?;
            }
        }
    }
    Ok((lines, hashes, quarantine.finish()?))
}

/// Returns how hashes to look for are written: in lines or a table, as `hash` writes them.
fn format_of(arguments: &VerifyRemovedArgs, head: &[u8]) -> ListFormat {
    let kind = arguments.kind;
    match ListFormat::guess(Some(&arguments.file), head) {
        ListFormat::Hsh if kind.is_none_or(|kind| kind == HashKind::Pdq) => ListFormat::Hsh,
        ListFormat::Csv(mapping) => ListFormat::Csv(mapping),
        _ => ListFormat::HexLines { kind },
    }
}

/// Where a hash was found that should be gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Where {
    /// An entry that stands has it.
    Standing,
    /// It is in a segment and of no entry that stands, or in a file that no longer counts.
    Withdrawn,
    /// It is in a text of an entry, such as its id.
    Text,
    /// It is in what is said of lists.
    Manifest,
    /// It is in a file that is none of a store.
    Foreign,
}

impl Where {
    fn of(snapshot: &Snapshot, path: &Path, hash: &HashValue) -> Self {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let is_link = fs::symlink_metadata(path).is_ok_and(|found| found.is_symlink());
        if is_link {
            return Self::Foreign;
        }
        if name == "manifest" {
            return Self::Manifest;
        }
        if !is_segment(path) {
            let is_usual = name.starts_with("withdrawn-") || name.starts_with(".hashsieve-");
            return if is_usual {
                Self::Withdrawn
            } else {
                Self::Foreign
            };
        }
        let identity = Index::open(path).map(|index| index.identity());
        let mut segments = snapshot.segments().iter();
        let is_here = |segment: &&Segment| {
            Some(segment.index().identity()) == identity.as_ref().ok().cloned()
        };
        let Some(segment) = segments.find(is_here) else {
            return Self::Withdrawn;
        };
        let Ok(Some(position)) = segment.index().find(hash) else {
            return Self::Text;
        };
        let asserting = segment.index().asserting(hash.kind(), position);
        let stands = asserting.is_ok_and(|mut entries| {
            entries.any(|entry| entry.is_ok_and(|entry| segment.stands(entry)))
        });
        if stands {
            Self::Standing
        } else {
            Self::Withdrawn
        }
    }

    /// Says what takes it away.
    fn advice(self) -> &'static str {
        match self {
            Self::Standing => {
                "what stands has to be withdrawn first, with `hashsieve store withdraw`, and is then in the files until `hashsieve \
                 store purge`"
            }
            Self::Withdrawn => "what is withdrawn is in the files until `hashsieve store purge`",
            Self::Text => {
                "what is in a segment and no hash of an entry is in its id or another text of it. If `hashsieve store purge` does \
                 not take it away, the entry stands or is remembered as withdrawn: put files without it in place of the list with \
                 `hashsieve store replace` and purge again, or remove the list with `hashsieve store remove-list`"
            }
            Self::Manifest => {
                "what is in the manifest is in a name, a source, terms, a checkpoint or counts of a list: `hashsieve store set` \
                 says another source and other terms, `hashsieve store remove-list` removes all"
            }
            Self::Foreign => {
                "what is in a file that is none of the store, or behind a link, no command takes away: remove the file, and what \
                 a link leads to"
            }
        }
    }
}
