//! `hashsieve index`: building, describing and checking index files.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use hashsieve::list::{
    ColumnMap, ColumnsUsed, CsvMapping, ImportItem, ImportOptions, ImportReport, Importer,
    ListFormat, format_time, parse_time,
};
use hashsieve::{
    BuildError, BuildProgress, BuildSummary, Entry, HashKind, Index, IndexBuilder, ListDescriptor,
    PDQ_PROFILE_JPEG_LUMA, PDQ_RECOMMENDED_MIN_QUALITY,
};
use serde::Serialize;

use crate::args::{BuildArgs, InfoArgs, ListFormatArg, VerifyArgs};
use crate::failure::{Failure, Outcome};
use crate::progress::Progress;
use crate::report::{Report, counted, refuse_overwriting, tell};

/// How many records that were left out are named on standard error when no file is to hold them all.
const NAMED: u64 = 10;

pub(crate) fn build(arguments: &BuildArgs, quiet: bool) -> Result<Outcome, Failure> {
    let failed = |error: BuildError| Failure(error.to_string());
    let lists = || arguments.lists.iter().map(PathBuf::as_path);
    let output = arguments.output.as_path();
    refuse_overwriting(Some(output), lists())?;
    refuse_overwriting(arguments.quarantine.as_deref(), lists().chain([output]))?;
    let mut quarantine = Quarantine::new(arguments.quarantine.as_deref())?;
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
                let descriptor = describe(arguments, path)?;
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
        let read = import(arguments, path, list, &mut builder, &mut quarantine, quiet)?;
        low_quality += read.low_quality;
        total.merge(&read.report);
        // A failed download must not become a list that silently matches nothing. A page of a feed says itself that it is
        // whole, and others of its feed may have entries.
        let is_last = path.as_path() == arguments.lists[arguments.lists.len() - 1];
        let may_be_empty = read.is_page && arguments.name.is_some();
        if (read.report.entries == 0 && !may_be_empty) || (is_last && total.entries == 0) {
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
    if low_quality > 0 {
        let hashes = counted(low_quality, "pdq hash is", "pdq hashes are");
        tell(format_args!(
            "{hashes} of quality below {PDQ_RECOMMENDED_MIN_QUALITY}: without a policy no picture of such quality is matched, \
             and such hashes are near those of unrelated pictures; better leave them out"
        ));
    }
    if total.inexact > 0 {
        let hashes = counted(total.inexact, "hash is", "hashes are");
        tell(format_args!(
            "{hashes} of luma alone (profile {PDQ_PROFILE_JPEG_LUMA} or its like): not exact, and not to be shared"
        ));
    }
    summarise(arguments, &total, &summary, kept_out)?;
    Ok(Outcome::of(false, kept_out > 0))
}

fn describe(arguments: &BuildArgs, path: &Path) -> Result<ListDescriptor, Failure> {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let time = match &arguments.list_date {
        None => None,
        Some(text) => Some(parse_time(text).ok_or_else(|| {
            Failure(format!(
                "--list-date {text}: not YYYY-MM-DD, YYYY-MM-DDTHH:MM:SSZ or seconds since 1970"
            ))
        })?),
    };
    Ok(ListDescriptor {
        name: arguments.name.clone().unwrap_or_else(|| stem.into_owned()),
        source: arguments.source.clone(),
        version: arguments.list_version.clone(),
        time,
        terms: arguments.terms.clone(),
    })
}

/// What was read of one list file.
struct ListRead {
    report: ImportReport,
    /// How many pdq hashes are of too low a quality.
    low_quality: u64,
    /// Whether it is a page of a feed.
    is_page: bool,
}

/// Adds the entries of one list file.
fn import(
    arguments: &BuildArgs,
    path: &Path,
    list: u32,
    builder: &mut IndexBuilder,
    quarantine: &mut Quarantine,
    quiet: bool,
) -> Result<ListRead, Failure> {
    let at = |error: &dyn std::fmt::Display| Failure::at(path, error);
    let file = File::open(path).map_err(|error| at(&error))?;
    let length = file.metadata().map_err(|error| at(&error))?.len();
    let (reader, read) = Counting::new(file);
    let mut reader = BufReader::with_capacity(1 << 16, reader);
    let format = format(
        arguments,
        path,
        reader.fill_buf().map_err(|error| at(&error))?,
    )?;
    let mut importer =
        Importer::new(reader, &ImportOptions { format }).map_err(|error| at(&error))?;
    if let Some(columns) = importer.columns_used() {
        tell_columns(path, &columns);
    }
    let mut progress = Progress::new(length, "bytes", quiet);
    let mut low_quality = 0;
    let mut items = 0_u32;
    for item in &mut importer {
        match item.map_err(|error| at(&error))? {
            ImportItem::Entry { line, entry, .. } => match builder.add(list, &entry) {
                Ok(()) => low_quality += low_quality_pdq(&entry),
                Err(BuildError::InvalidEntry { .. }) => {
                    let reason = "the entry's id is empty, too long or holds a zero byte, or its texts are too long";
                    quarantine.take(path, line, "", reason)?;
                }
                Err(error) => return Err(Failure(error.to_string())),
            },
            ImportItem::Quarantined(kept_out) => {
                let column = kept_out.column.as_deref().unwrap_or_default();
                quarantine.take(path, kept_out.line, column, &kept_out.reason.to_string())?;
            }
        }
        items = items.wrapping_add(1);
        if items.is_multiple_of(1 << 12) {
            progress.set("reading lists", read.load(Ordering::Relaxed), length);
        }
    }
    Ok(ListRead {
        report: importer.report().clone(),
        low_quality,
        is_page: importer.position().is_some(),
    })
}

/// Returns how many pdq hashes of an entry that matches are of a quality at which they say too little.
fn low_quality_pdq(entry: &Entry) -> u64 {
    let is_low = |quality| quality < PDQ_RECOMMENDED_MIN_QUALITY;
    if !entry.status.matches() || !entry.quality.is_some_and(is_low) {
        return 0;
    }
    let pdq = entry.hashes.iter().filter(|h| h.kind() == HashKind::Pdq);
    pdq.count() as u64
}

/// Tells which columns of a table are read, so that a column of hashes under an unusual name is not missed unnoticed.
fn tell_columns(path: &Path, columns: &ColumnsUsed) {
    let used = columns
        .used
        .iter()
        .map(|(field, number)| format!("{} from {number}", field.name()));
    let used: Vec<_> = used.collect();
    let unused: Vec<_> = columns.unused.iter().map(usize::to_string).collect();
    let unused = if unused.is_empty() {
        String::new()
    } else {
        format!("; not read: {}", unused.join(", "))
    };
    tell(format_args!(
        "{}: columns: {}{unused}",
        path.display(),
        used.join(", ")
    ));
}

fn format(arguments: &BuildArgs, path: &Path, head: &[u8]) -> Result<ListFormat, Failure> {
    let mapping = match (&arguments.map, &arguments.columns) {
        (None, None) => None,
        (Some(map), _) => {
            let mapping = CsvMapping::parse(map);
            let mapping = mapping.map_err(|error| Failure(format!("--map: {error}")))?;
            Some(ListFormat::Csv(mapping))
        }
        (None, Some(file)) => Some(read_columns(file)?),
    };
    let guess = ListFormat::guess(Some(path), head);
    let is_lines = matches!(guess, ListFormat::HexLines { .. } | ListFormat::Hsh);
    let text = head.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(head);
    let is_json = matches!(text.trim_ascii_start().first(), Some(b'{' | b'['));
    let is_for_lines = matches!(
        arguments.format,
        ListFormatArg::Auto | ListFormatArg::Lines | ListFormatArg::Hsh
    );
    if is_json && is_lines && is_for_lines && mapping.is_none() {
        let why = "this looks like JSON, but not of a format of lists that is known here (stopncii, threatexchange, tat, vics, \
                   vpdq-json); name it with --format if it is one of them, or give plain lines or a table, as `hash` writes \
                   as text or with --format csv";
        return Err(Failure::at(path, why));
    }
    let format = match (arguments.format, mapping) {
        (ListFormatArg::Auto, Some(mapped)) => mapped,
        (ListFormatArg::Csv, Some(ListFormat::Csv(mapping))) => ListFormat::Csv(mapping),
        (_, Some(_)) => {
            let message =
                "--map is for tables, and --columns says what it is for: leave --format out";
            return Err(Failure(message.to_owned()));
        }
        (ListFormatArg::Auto, None) => guess,
        (ListFormatArg::Lines, None) => ListFormat::HexLines { kind: None },
        (ListFormatArg::Hsh, None) => ListFormat::Hsh,
        (ListFormatArg::Csv, None) => ListFormat::Csv(CsvMapping::default()),
        (ListFormatArg::Ncmec, None) => ListFormat::Ncmec,
        (ListFormatArg::Icse, None) => ListFormat::Icse,
        (ListFormatArg::Nsrl, None) => ListFormat::Nsrl,
        (ListFormatArg::Vpdq, None) => ListFormat::VpdqText,
        (ListFormatArg::StopNcii, None) => ListFormat::StopNcii,
        (ListFormatArg::ThreatExchange, None) => ListFormat::ThreatExchange,
        (ListFormatArg::TechAgainstTerrorism, None) => ListFormat::TechAgainstTerrorism,
        (ListFormatArg::Vics, None) => ListFormat::Vics { region: None },
        (ListFormatArg::VpdqJson, None) => ListFormat::VpdqJson,
    };
    let (kind, region) = (arguments.kind, &arguments.region);
    if region.is_some() && !matches!(format, ListFormat::Vics { .. }) {
        return Err(Failure::at(
            path,
            "--region is for VICS files, and this is none",
        ));
    }
    Ok(match format {
        ListFormat::HexLines { .. } => ListFormat::HexLines { kind },
        // A `.hsh` file is of PDQ hashes; who says otherwise means plain lines.
        ListFormat::Hsh
            if arguments.format == ListFormatArg::Auto
                && kind.is_some_and(|kind| kind != HashKind::Pdq) =>
        {
            ListFormat::HexLines { kind }
        }
        ListFormat::Vics { .. } => ListFormat::Vics {
            region: region.clone(),
        },
        other => other,
    })
}

/// Reads a file that says which column is what.
fn read_columns(file: &Path) -> Result<ListFormat, Failure> {
    let text = std::fs::read_to_string(file).map_err(|error| Failure::at(file, error))?;
    let map: ColumnMap = toml::from_str(&text).map_err(|error| Failure::at(file, error))?;
    map.to_format().map_err(|error| Failure::at(file, error))
}

/// A reader that says how far it has come.
struct Counting {
    file: File,
    read: Arc<AtomicU64>,
}

impl Counting {
    fn new(file: File) -> (Self, Arc<AtomicU64>) {
        let read = Arc::new(AtomicU64::new(0));
        let counting = Self {
            file,
            read: Arc::clone(&read),
        };
        (counting, read)
    }
}

impl Read for Counting {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.file.read(buffer)?;
        self.read.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}

/// Where it is written down what was left out, and why: never the value itself.
struct Quarantine {
    file: Option<Report>,
    count: u64,
}

impl Quarantine {
    fn new(path: Option<&Path>) -> Result<Self, Failure> {
        let mut file = match path {
            Some(path) => Some(Report::new(Some(path))?),
            None => None,
        };
        if let Some(file) = &mut file {
            file.csv(["file", "line", "column", "reason"])?;
        }
        Ok(Self { file, count: 0 })
    }

    fn take(&mut self, path: &Path, line: u64, column: &str, reason: &str) -> Result<(), Failure> {
        self.count += 1;
        if let Some(file) = &mut self.file {
            let (path, line) = (path.to_string_lossy(), line.to_string());
            return file.csv([&*path, &line, column, reason]);
        }
        if self.count <= NAMED {
            let column = if column.is_empty() {
                String::new()
            } else {
                format!("column {column}: ")
            };
            tell(format_args!("{}:{line}: {column}{reason}", path.display()));
        } else if self.count == NAMED + 1 {
            tell("and more; --quarantine FILE writes all of them down");
        }
        Ok(())
    }

    fn finish(self) -> Result<u64, Failure> {
        if let Some(file) = self.file {
            file.finish()?;
        }
        Ok(self.count)
    }
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
            "{:<9} {count} hashes, {assertions} times asserted",
            kind.name()
        ))?;
    }
    let no_loss = import.low_quality + import.unhashed;
    let values = kept_out.saturating_sub(import.records - import.entries - no_loss);
    for (count, what) in [
        (
            import.continued,
            "lines taken as going on with a quoted text of the line before",
        ),
        (
            values,
            "values left out of records that are in the index without them",
        ),
        (
            import.low_quality,
            "rows left out for their status low_quality",
        ),
        (
            import.unhashed,
            "rows left out that only say why a file has no hash",
        ),
        (
            import.unknown_status,
            "entries of a status not known here, which match",
        ),
        (
            import.unknown_values.values().sum(),
            "words not known here in fields that have a set of words; kept as they are",
        ),
        (
            import.unusual_pdq,
            "pdq hashes without 128 of 256 bits set: of flat or simply drawn pictures, or no pdq hashes at all",
        ),
    ] {
        if count > 0 {
            report.text(&format!("note      {count} {what}"))?;
        }
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
                "{:<9} {} hashes, {} times asserted",
                kind.kind.name(),
                kind.hashes,
                kind.assertions
            ))?;
        }
        for list in &info.lists {
            let described = &list.descriptor;
            report.text(&format!(
                "list      {}: {} entries; source {}; version {}; time {}; terms {}",
                described.name,
                list.entries,
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

fn or_unknown(text: &str) -> &str {
    if text.is_empty() { "unknown" } else { text }
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
