//! Reading lists: what `index build`, `store` and `list check` do alike.

use std::fs::File;
use std::io::{self, BufReader, Chain, Cursor, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use hashsieve::list::{
    ColumnMap, ColumnsUsed, CsvMapping, FeedPosition, ImportItem, ImportOptions, ImportReport,
    Importer, ListFormat, MappingError, parse_time,
};
use hashsieve::{
    Entry, HashKind, ListDescriptor, PDQ_PROFILE_JPEG_LUMA, PDQ_RECOMMENDED_MIN_QUALITY, sniff,
};

use crate::failure::Failure;
use crate::list_args::{DescribeArgs, ImportArgs, ListFormatArg, MAX_LIST_NAME};
use crate::progress::Progress;
use crate::quarantine::{LeftOut, Quarantine};
use crate::report::{by_name, counted, may_be_hash, refuse_standard_output, tell};
use crate::toml_file;

/// How much of a list is looked at to find out how it is written.
const HEAD: u64 = 1 << 16;
/// What an index begins with (`src/index/FORMAT.md`).
const INDEX_MAGIC: &[u8] = b"\x89HSV\r\n\x1a\n";

/// Returns what is known of a list as a whole.
pub(crate) fn describe(arguments: &DescribeArgs, name: String) -> Result<ListDescriptor, Failure> {
    if name.len() > MAX_LIST_NAME {
        return Err(Failure(format!(
            "a list would have a name of {} bytes, and {MAX_LIST_NAME} are the most: give another with --name",
            name.len()
        )));
    }
    let time = match &arguments.list_date {
        None => None,
        Some(text) => Some(parse_time(text).ok_or_else(|| {
            Failure(format!(
                "--list-date {text}: not YYYY-MM-DD, YYYY-MM-DDTHH:MM:SSZ or seconds since 1970"
            ))
        })?),
    };
    Ok(ListDescriptor {
        name,
        source: arguments.source.clone(),
        version: arguments.list_version.clone(),
        time,
        terms: arguments.terms.clone(),
    })
}

/// A list file that is being read.
pub(crate) struct ListFile<'a> {
    path: &'a Path,
    format: ListFormat,
    columns: Option<ColumnsUsed>,
    importer: Importer<BufReader<Chain<Cursor<Vec<u8>>, Counting>>>,
    length: u64,
    /// How many bytes are read.
    read: Arc<AtomicU64>,
}

impl<'a> ListFile<'a> {
    /// Opens a list, and finds out how it is written.
    pub(crate) fn open(arguments: &ImportArgs, path: &'a Path) -> Result<Self, Failure> {
        let at = |error: &dyn std::fmt::Display| Failure::at(path, error);
        let (source, length) = open(path).map_err(|error| at(&error))?;
        let (mut reader, read) = Counting::new(source);
        let head = head_of(&mut reader).map_err(|error| at(&error))?;
        if let Some(what) = no_list(&head) {
            return Err(Failure::at(path, what));
        }
        let format = format_of(arguments, path, &head)?;
        let reader = BufReader::with_capacity(1 << 16, Cursor::new(head).chain(reader));
        let options = ImportOptions {
            format: format.clone(),
        };
        let importer = Importer::new(reader, &options).map_err(|error| {
            match may_be_hash(&error.to_string()) {
                true => at(&"a column that the map names is not there, and may be a hash, so it is not shown"),
                false => at(&error),
            }
        })?;
        Ok(Self {
            path,
            format,
            columns: importer.columns_used(),
            importer,
            length,
            read,
        })
    }

    pub(crate) fn format(&self) -> &ListFormat {
        &self.format
    }

    /// Returns which columns are read, if it is a table.
    pub(crate) fn columns(&self) -> Option<&ColumnsUsed> {
        self.columns.as_ref()
    }

    /// Returns the counts so far.
    pub(crate) fn report(&self) -> &ImportReport {
        self.importer.report()
    }

    /// Returns where the page stands in its feed; `None` for what is no page of a feed. Of use when it is read.
    pub(crate) fn position(&self) -> Option<&FeedPosition> {
        self.importer.position()
    }

    /// Tells which columns of a table are read, so that a column of hashes under an unusual name is not missed unnoticed.
    pub(crate) fn tell_columns(&self) {
        let Some(columns) = &self.columns else { return };
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
            self.path.display(),
            used.join(", ")
        ));
    }

    /// Reads the list to its end, and returns how many of its pdq hashes are of too low a quality. `take` gets all that comes out
    /// of the list, and says of an entry whether it fits.
    pub(crate) fn read(
        &mut self,
        quarantine: &mut Quarantine,
        quiet: bool,
        take: &mut dyn FnMut(&ImportItem) -> Result<bool, Failure>,
    ) -> Result<u64, Failure> {
        let mut progress = Progress::new(self.length, "bytes", quiet);
        let mut low_quality = 0;
        let mut items = 0_u32;
        for item in &mut self.importer {
            let item = item.map_err(|error| Failure::at(self.path, error))?;
            let is_taken = take(&item)?;
            match item {
                ImportItem::Entry { entry, .. } if is_taken => {
                    low_quality += low_quality_pdq(&entry);
                }
                ImportItem::Entry { line, .. } => {
                    let reason = "the entry's id is empty, too long or holds a zero byte, or its texts are too long";
                    quarantine.take(self.path, LeftOut::of_line(line, reason))?;
                }
                ImportItem::Quarantined(kept_out) => {
                    quarantine.take(self.path, kept_out.into())?;
                }
            }
            items = items.wrapping_add(1);
            if items.is_multiple_of(1 << 12) {
                let read = self.read.load(Ordering::Relaxed);
                progress.set("reading lists", read, self.length.max(read));
            }
        }
        Ok(low_quality)
    }
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

fn format_of(arguments: &ImportArgs, path: &Path, head: &[u8]) -> Result<ListFormat, Failure> {
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
    let map: ColumnMap = toml_file::read(file).map_err(|Failure(why)| {
        Failure(format!(
            "{why}; --columns is for a file that says which column is what, as the README shows"
        ))
    })?;
    map.to_format().map_err(|error| match &error {
        MappingError::UnknownField { field } if !toml_file::is_name(field) => {
            Failure::at(file, "[columns] has a field that is not known")
        }
        _ if may_be_hash(&error.to_string()) => Failure::at(
            file,
            "a column or word in it cannot be used, and may be a hash, so it is not shown",
        ),
        _ => Failure::at(file, error),
    })
}

/// Opens a list, which is standard input if its name is `-`, and says how long it is, if that is known.
pub(crate) fn open(path: &Path) -> io::Result<(Box<dyn Read>, u64)> {
    if is_standard_input(path) {
        return Ok((Box::new(io::stdin()), 0));
    }
    let file = File::open(path)?;
    let found = file.metadata()?;
    if found.is_dir() {
        return Err(io::Error::other("this is a folder, not a list"));
    }
    Ok((Box::new(file), found.len()))
}

/// Returns the beginning of a list, also of one from a pipe, which hands out little at a time.
pub(crate) fn head_of(reader: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    reader.take(HEAD).read_to_end(&mut head)?;
    Ok(head)
}

fn is_standard_input(path: &Path) -> bool {
    path == Path::new("-")
}

/// Sees that files can be read one after another, and what is left out written down: standard input can be read once, and is not
/// for other files than lists.
pub(crate) fn check_files(arguments: &ImportArgs, lists: &[PathBuf]) -> Result<(), Failure> {
    refuse_standard_output(arguments.quarantine.as_deref(), "--quarantine")?;
    if arguments.columns.as_deref().is_some_and(is_standard_input) {
        let why = "--columns -: name a file: standard input is for lists";
        return Err(Failure(why.to_owned()));
    }
    if lists.iter().filter(|path| is_standard_input(path)).count() > 1 {
        let why = "- is given twice, and standard input can be read once";
        return Err(Failure(why.to_owned()));
    }
    Ok(())
}

/// Returns what a file is by its first bytes, if that is no list for certain, and what to do.
fn no_list(head: &[u8]) -> Option<String> {
    const OTHERS: [(&[u8], &str); 9] = [
        (
            INDEX_MAGIC,
            "an index of hashsieve, not a list: `hashsieve scan --against` takes it as it is",
        ),
        (
            b"PK\x03\x04",
            "a zip archive or a spreadsheet, not a list: take the list out of it, or save the sheet as CSV",
        ),
        (
            b"\x1f\x8b",
            "a file compressed with gzip, not a list: uncompress it, or give `-` and the output of `zcat`",
        ),
        (
            b"\xFD7zXZ\0",
            "a file compressed with xz, not a list: uncompress it, or give `-` and the output of `xzcat`",
        ),
        (
            b"\x28\xB5\x2F\xFD",
            "a file compressed with zstd, not a list: uncompress it, or give `-` and the output of `zstdcat`",
        ),
        (
            b"SQLite format 3\0",
            "an SQLite database, not a list: write the table out of it as CSV",
        ),
        (b"%PDF-", "a PDF document, not a list"),
        (
            b"\xFF\xFE",
            "text in UTF-16, which is not read: save it as UTF-8",
        ),
        (
            b"\xFE\xFF",
            "text in UTF-16, which is not read: save it as UTF-8",
        ),
    ];
    let mut others = OTHERS.iter();
    if let Some((_, what)) = others.find(|(magic, _)| head.starts_with(magic)) {
        return Some(format!("this is {what}"));
    }
    // So few bytes may also be the beginning of a word.
    let format = sniff(head).filter(|_| head.len() >= 18)?;
    let name = format.name().to_ascii_uppercase();
    Some(format!(
        "this is a picture ({name}), not a list: `hashsieve hash` makes a list of pictures"
    ))
}

/// A reader that says how far it has come.
struct Counting {
    source: Box<dyn Read>,
    read: Arc<AtomicU64>,
}

impl Counting {
    fn new(source: Box<dyn Read>) -> (Self, Arc<AtomicU64>) {
        let read = Arc::new(AtomicU64::new(0));
        let counting = Self {
            source,
            read: Arc::clone(&read),
        };
        (counting, read)
    }
}

impl Read for Counting {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.source.read(buffer)?;
        self.read.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}

/// Tells of hashes that better were in no list.
pub(crate) fn tell_of_poor_hashes(import: &ImportReport, low_quality: u64) {
    if low_quality > 0 {
        let hashes = counted(low_quality, "pdq hash is", "pdq hashes are");
        tell(format_args!(
            "{hashes} of quality below {PDQ_RECOMMENDED_MIN_QUALITY}: without a policy no picture of such quality is matched, \
             and such hashes are near those of unrelated pictures; better leave them out"
        ));
    }
    if import.inexact > 0 {
        let hashes = counted(import.inexact, "hash is", "hashes are");
        tell(format_args!(
            "{hashes} of luma alone (profile {PDQ_PROFILE_JPEG_LUMA} or its like): not exact, and not to be shared"
        ));
    }
}

/// Returns what somebody should know of an import, of which so many values and records were left out. `place` is where the rest
/// is now.
pub(crate) fn notes(import: &ImportReport, kept_out: u64, place: &str) -> Vec<String> {
    let no_loss = import.low_quality + import.unhashed;
    let values = kept_out.saturating_sub(import.records - import.entries - no_loss);
    let unknown_values = import.unknown_values.values().sum();
    let all = [
        (
            import.continued,
            "line taken as going on with a quoted text of the line before".to_owned(),
            "lines taken as going on with a quoted text of the line before".to_owned(),
        ),
        (
            values,
            format!("value left out of a record that is in the {place} without it"),
            format!("values left out of records that are in the {place} without them"),
        ),
        (
            import.low_quality,
            "row left out for its status low_quality".to_owned(),
            "rows left out for their status low_quality".to_owned(),
        ),
        (
            import.unhashed,
            "row left out that only says why a file has no hash".to_owned(),
            "rows left out that only say why a file has no hash".to_owned(),
        ),
        (
            import.unknown_status,
            "entry of a status not known here, which matches".to_owned(),
            "entries of a status not known here, which match".to_owned(),
        ),
        (
            unknown_values,
            format!(
                "word not known here in a field that has a set of words; kept as it is{}",
                by_name(&import.unknown_values)
            ),
            format!(
                "words not known here in fields that have a set of words; kept as they are{}",
                by_name(&import.unknown_values)
            ),
        ),
        (
            import.unusual_pdq,
            "pdq hash without 128 of 256 bits set: of a flat or simply drawn picture, or no pdq hash at all".to_owned(),
            "pdq hashes without 128 of 256 bits set: of flat or simply drawn pictures, or no pdq hashes at all".to_owned(),
        ),
    ];
    let notes = all.into_iter().filter(|(count, ..)| *count > 0);
    notes
        .map(|(count, one, many)| counted(count, &one, &many))
        .collect()
}

/// Returns what somebody should know of hashes that were left out when the records of an entry were put together, if any were.
pub(crate) fn unkept(other_hashes_left_out: u64) -> Option<String> {
    (other_hashes_left_out > 0).then(|| {
        counted(
            other_hashes_left_out,
            "hash left out that cannot be matched here, since its entry has over 256 KiB of such",
            "hashes left out that cannot be matched here, since their entries have over 256 KiB of such",
        )
    })
}
