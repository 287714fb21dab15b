//! `store export`: a list as a table.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use hashsieve::list::{MAX_LINE, format_time, is_other_kind, parse_time};
use hashsieve::{CorruptIndex, Entry, Store};
use tempfile::NamedTempFile;

use super::args::ExportArgs;
use super::{refuse_inside, unread};
use crate::failure::{Failure, Outcome};
use crate::progress::Progress;
use crate::report::{Report, counted, refuse_standard_output};

/// The columns, under names that the importer of tables knows.
const COLUMNS: [&str; 14] = [
    "id",
    "kind",
    "hash",
    "media_type",
    "submitter",
    "scheme",
    "region",
    "category",
    "status",
    "opinion",
    "quality",
    "tags",
    "first_seen",
    "updated",
];
/// The importer takes a row for broken that goes on for more lines than this.
const MAX_LINE_BREAKS: usize = 62;
/// What is told of entries with a row that the importer does not read.
const TOO_LONG: &str = "with a row over 64 KiB: in the table, but not read again";

pub(super) fn export(arguments: &ExportArgs, quiet: bool) -> Result<Outcome, Failure> {
    let directory = &arguments.directory;
    refuse_standard_output(Some(&arguments.output), "-o")?;
    refuse_inside(Some(&arguments.output), directory)?;
    let store = Store::open(directory).map_err(unread)?;
    let snapshot = store.snapshot();
    let name = &arguments.list;
    let mut lists = (0..).zip(snapshot.lists());
    let Some((position, list)) = lists.find(|(_, list)| list.descriptor.name == *name) else {
        return Err(Failure(format!(
            "the store has no list `{name}`; `hashsieve store status` shows the names"
        )));
    };
    let terms = &list.descriptor.terms;
    if terms.is_empty() {
        return Err(Failure(format!(
            "list `{name}` has no terms, so nobody can say that it may be written; if it may, say under which with \
             `hashsieve store set --terms`"
        )));
    }
    if *terms != arguments.terms {
        return Err(Failure(format!(
            "--terms are not those of list `{name}`, word for word; `hashsieve store status` shows them"
        )));
    }
    let at_output = |error: &dyn std::fmt::Display| Failure::at(&arguments.output, error);
    let output = Output::new(&arguments.output).map_err(|error| at_output(&error))?;
    let mut table = Table::new(output);
    table.begin().map_err(|error| at_output(&error))?;
    let mut progress = Progress::new(list.entries, "entries", quiet);
    let written = snapshot.for_each_entry(position, |entry| {
        table.entry(entry)?;
        if (table.entries + table.withdrawn).is_multiple_of(1 << 12) {
            let total = list.entries.max(table.entries);
            progress.set("writing", table.entries, total);
        }
        Ok(())
    });
    drop(progress);
    written.map_err(|stopped| match stopped {
        Stopped::Damaged(error) => Failure::at(directory, error),
        Stopped::Unwritten(error) => at_output(&error),
    })?;
    let Table {
        writer,
        entries,
        withdrawn,
        rows,
        lost,
        ..
    } = table;
    let output = writer.into_inner().map_err(|error| error.into_error());
    output
        .and_then(Output::finish)
        .map_err(|error| at_output(&error))?;
    let mut report = Report::new(None)?;
    report.text(&format!("table      {}", arguments.output.display()))?;
    report.text(&format!("list       {name}"))?;
    report.text(&format!("entries    {entries}"))?;
    report.text(&format!("withdrawn  {withdrawn}"))?;
    report.text(&format!("rows       {rows}"))?;
    for (what, count) in lost {
        let entries = counted(count, "entry", "entries");
        report.text(&format!("note       {entries} {what}"))?;
    }
    report.finish()?;
    Ok(Outcome::Done)
}

/// Why an export stopped.
enum Stopped {
    Damaged(CorruptIndex),
    Unwritten(csv::Error),
}

impl From<CorruptIndex> for Stopped {
    fn from(error: CorruptIndex) -> Self {
        Self::Damaged(error)
    }
}

impl From<csv::Error> for Stopped {
    fn from(error: csv::Error) -> Self {
        Self::Unwritten(error)
    }
}

/// A table that is being written.
struct Table<W: Write> {
    writer: csv::Writer<W>,
    entries: u64,
    withdrawn: u64,
    rows: u64,
    /// What a table cannot carry, and of how much.
    lost: BTreeMap<&'static str, u64>,
}

impl<W: Write> Table<W> {
    fn new(output: W) -> Self {
        Self {
            writer: csv::WriterBuilder::new()
                .buffer_capacity(1 << 16)
                .from_writer(output),
            entries: 0,
            withdrawn: 0,
            rows: 0,
            lost: BTreeMap::new(),
        }
    }

    fn begin(&mut self) -> Result<(), csv::Error> {
        self.writer.write_record(COLUMNS)
    }

    /// Writes an entry: a row for each of its hashes, or one without a hash if it is withdrawn.
    fn entry(&mut self, entry: &Entry) -> Result<(), csv::Error> {
        for (is_lost, what) in losses(entry) {
            if is_lost {
                *self.lost.entry(what).or_default() += 1;
            }
        }
        let mut row = row(entry);
        if !entry.status.matches() {
            self.withdrawn += 1;
            let is_long = self.row(&row)?;
            self.note_long(is_long);
            return Ok(());
        }
        self.entries += 1;
        let mut is_long = false;
        let hashes = entry.hashes.iter();
        let hashes = hashes.map(|hash| (hash.kind().name(), hash.to_hex()));
        let others = entry.other_hashes.iter();
        let others = others.map(|hash| (&*hash.kind, hash.value.clone()));
        for (kind, hash) in hashes.chain(others) {
            kind.clone_into(&mut row[1]);
            row[2] = hash;
            is_long |= self.row(&row)?;
        }
        self.note_long(is_long);
        Ok(())
    }

    /// Writes a row, and returns whether it is too long to be read again.
    fn row(&mut self, row: &[String]) -> Result<bool, csv::Error> {
        self.rows += 1;
        self.writer.write_record(row)?;
        Ok(is_too_long(row))
    }

    fn note_long(&mut self, is_long: bool) {
        if is_long {
            *self.lost.entry(TOO_LONG).or_default() += 1;
        }
    }
}

/// Returns whether a row is longer than the importer takes, which counts the bytes as they are written.
fn is_too_long(row: &[String]) -> bool {
    let quotes = |field: &String| field.bytes().filter(|&byte| byte == b'"').count();
    let most = row.iter().map(|field| field.len() + quotes(field) + 3);
    if most.sum::<usize>() < MAX_LINE {
        return false;
    }
    let mut writer = csv::Writer::from_writer(Vec::new());
    let written = writer.write_record(row).is_ok().then_some(writer);
    let written = written.and_then(|writer| writer.into_inner().ok());
    let length = written.map_or(usize::MAX, |bytes| bytes.len() - 1);
    // A row of several lines must be shorter by one.
    let is_broken = row.iter().any(|field| field.contains('\n'));
    length + usize::from(is_broken) > MAX_LINE
}

/// Returns the row of an entry, without a hash.
fn row(entry: &Entry) -> [String; COLUMNS.len()] {
    let time = |time: Option<i64>| time.and_then(format_time).unwrap_or_default();
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let [scheme, region, category] = match &entry.classification {
        Some(said) => [text(&said.scheme), text(&said.region), said.value.clone()],
        None => Default::default(),
    };
    [
        entry.entry_id.clone(),
        String::new(),
        String::new(),
        entry.media_type.name().to_owned(),
        text(&entry.submitter),
        scheme,
        region,
        category,
        entry.status.as_str().to_owned(),
        entry.opinion.name().to_owned(),
        entry.quality.map_or_else(String::new, |q| q.to_string()),
        entry.tags.join(";"),
        time(entry.first_seen),
        time(entry.source_updated),
    ]
}

/// Returns what a table cannot carry, each with whether an entry has it.
fn losses(entry: &Entry) -> [(bool, &'static str); 7] {
    let opinions = entry.positive_opinions.max(entry.negative_opinions) > 0;
    let is_time_lost = |time: &Option<i64>| {
        time.is_some_and(|time| format_time(time).as_deref().and_then(parse_time) != Some(time))
    };
    let mut texts: Vec<&str> = vec![&entry.entry_id, entry.status.as_str()];
    texts.extend(entry.submitter.as_deref());
    texts.extend(entry.tags.iter().map(String::as_str));
    texts.extend(entry.other_hashes.iter().map(|hash| &*hash.value));
    if let Some(said) = &entry.classification {
        texts.extend(said.scheme.as_deref());
        texts.extend(said.region.as_deref());
        texts.push(&said.value);
    }
    let breaks = texts.iter().map(|text| text.matches('\n').count());
    let is_broken = breaks.sum::<usize>() > MAX_LINE_BREAKS;
    let is_text_lost =
        |text: &&str| text.trim() != *text || text.is_empty() || text.contains(['\0', '\r']);
    let is_kind_lost = |kind: &str| !is_other_kind(kind);
    [
        (
            opinions || !entry.kind_opinions.is_empty(),
            "of which is known how many members agree: not in the table",
        ),
        (
            entry.fetched_at.is_some(),
            "of which is known the time of fetching: not in the table",
        ),
        (
            is_time_lost(&entry.first_seen) || is_time_lost(&entry.source_updated),
            "with a time before 1970 or after 9999: not in the table",
        ),
        (
            entry.tags.iter().any(|tag| tag.contains([';', '|'])),
            "with ; or | in a tag, which is read as several",
        ),
        (
            is_broken || texts.iter().any(is_text_lost),
            "with a text that is empty, has white space at its ends, or very many lines: it may be read otherwise",
        ),
        (
            entry
                .other_hashes
                .iter()
                .any(|hash| is_kind_lost(&hash.kind)),
            "with a hash of a kind that only this list names so: in the table, but not read again",
        ),
        (
            entry.status.matches() && !entry.has_hash(),
            "without a hash: not in the table",
        ),
    ]
}

/// Where a table is written to.
enum Output {
    /// A file that only its owner can read, to be put in place when it is complete.
    Whole(NamedTempFile, PathBuf),
    /// What is no file, such as a pipe.
    Direct(File),
}

impl Output {
    fn new(path: &Path) -> io::Result<Self> {
        // What a link points to is replaced, not the link.
        let real = path.canonicalize();
        let path = real.as_deref().unwrap_or(path);
        if path.exists() && !path.is_file() {
            return Ok(Self::Direct(File::options().write(true).open(path)?));
        }
        let folder = match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        let file = tempfile::Builder::new()
            .prefix(".hashsieve-")
            .suffix(".unpublished")
            .tempfile_in(folder)?;
        Ok(Self::Whole(file, path.to_path_buf()))
    }

    fn finish(self) -> io::Result<()> {
        match self {
            Self::Whole(file, path) => {
                file.as_file().sync_all()?;
                file.persist(path).map_err(|error| error.error)?;
                Ok(())
            }
            Self::Direct(_) => Ok(()),
        }
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Whole(file, _) => file.write(bytes),
            Self::Direct(file) => file.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Whole(file, _) => file.flush(),
            Self::Direct(file) => file.flush(),
        }
    }
}
