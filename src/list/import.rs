//! The importer: a list goes in as text, entries and the reasons for what is missing come out, one at a time.

use std::collections::VecDeque;
use std::fmt;
use std::io::BufRead;
use std::path::Path;

use crate::hash::HashKind;

use super::column_map::JsonMapping;
use super::error::{ListError, QuarantineReason, Quarantined};
use super::fields::{ColumnsUsed, CsvField};
use super::json_list::{JsonList, guess_json};
use super::lines::{Lines, read_line};
use super::mapped_json::Mapped;
use super::mapping::CsvMapping;
use super::ncmec::Page;
use super::report::{ImportReport, count};
use super::rows::{Meaning, Rows, guess_delimiter};
use super::stopncii::StopNcii;
use super::tech_against_terrorism::TechAgainstTerrorism;
use super::threatexchange::ThreatExchange;
use super::value::{NamedKind, parse_kind, parse_quality};
use super::vics::Vics;
use super::vpdq_json::VpdqJson;
use super::{csv, hex, hsh, icse, nsrl, vpdq};
use crate::entry::Entry;

/// The form a list is written in.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ListFormat {
    /// One record a line: a hash, or a kind, a space, colon or comma, and a hash; or a hash and a name as checksum programs
    /// print them. `#` begins a comment.
    HexLines {
        /// The kind of hashes before which none is named. Without it their length must tell, and 64 digits do not.
        kind: Option<HashKind>,
    },
    /// The `.hsh` files of the PDQ tools: `hash`, `hash,name` or `hash,quality,name`.
    Hsh,
    /// Fields between delimiters, with columns of any meaning.
    Csv(CsvMapping),
    /// A page of the feed of StopNCII, in JSON. Its entries are known by their hashes, so one that is withdrawn has its hash.
    StopNcii,
    /// A page of `threat_updates` of ThreatExchange, in JSON; also the hash-sharing database of GIFCT.
    ThreatExchange,
    /// A page of the hash list of Tech Against Terrorism, in JSON.
    TechAgainstTerrorism,
    /// VICS 1.3 or 2.0 of Project VIC, or CAID, in JSON; media alone or in cases.
    Vics {
        /// The region whose categories the file has, if its own word for it is not to be taken.
        region: Option<String>,
    },
    /// The PDQ hashes of the frames of a video as the vPDQ tools write them, in JSON.
    VpdqJson,
    /// A list in JSON, with fields of any meaning.
    Json(JsonMapping),
    /// A page of NCMEC's hash sharing service, version 2, in XML.
    Ncmec,
    /// An export of INTERPOL's ICSE database: a table with a header of its own.
    Icse,
    /// The reference data set of the National Software Reference Library, of files that are known rather than bad:
    /// `NSRLFile.txt` of version 2, or the table FILE of version 3 written as a table.
    Nsrl,
    /// The frames of a video as vPDQ writes them: `frame,quality,hash,timestamp`.
    VpdqText,
}

impl ListFormat {
    /// Returns the format that a file's name or its first bytes speak for; plain lines when neither does.
    ///
    /// `.hsh` and `.xml` decide. So does a `<` at the beginning: the one list in XML is NCMEC's, and what else begins so is no
    /// list, which is said when it is read. Of JSON, the names of the fields do, as far as the bytes go: those of the first
    /// record should be among them. Then the first line that is no comment does: the header of ICSE or NSRL, whatever
    /// the name; then `.csv` and `.tsv`; then a header with a usual name of a column of hashes, a line of vPDQ, `hash=`, or 64
    /// digits, a quality and a name. A few kilobytes are enough. Never fails: a wrong guess is seen in the [`ImportReport`] or
    /// is an error at once.
    pub fn guess(path: Option<&Path>, head: &[u8]) -> Self {
        let extension = path.and_then(Path::extension).and_then(|e| e.to_str());
        let is = |name: &str| extension.is_some_and(|e| e.eq_ignore_ascii_case(name));
        if is("hsh") {
            return Self::Hsh;
        }
        let head = head.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(head);
        if let Some(format) = guess_json(head) {
            return format;
        }
        if is("xml") || head.trim_ascii_start().starts_with(b"<") {
            return Self::Ncmec;
        }
        let first = head
            .split(|byte| *byte == b'\n')
            .map(<[u8]>::trim_ascii)
            .find(|line| !line.is_empty() && !line.starts_with(b"#"))
            .and_then(|line| std::str::from_utf8(line).ok())
            .unwrap_or_default();
        let names: Vec<&str> = first
            .split(char::from(guess_delimiter(first)))
            .map(|name| name.trim_matches(['"', ' ']))
            .collect();
        if icse::is_header(&names) {
            return Self::Icse;
        }
        if nsrl::is_header(&names) {
            return Self::Nsrl;
        }
        if is("csv") {
            return Self::Csv(CsvMapping::default());
        }
        if is("tsv") {
            let mut mapping = CsvMapping::default();
            mapping.set_delimiter(b'\t');
            return Self::Csv(mapping);
        }
        // A field as long as a hash is no name of a column: the line is `kind,hash`. So it is where a kind that may be
        // shorter is followed by no name.
        let is_pair = matches!(names[..], [kind, name]
            if matches!(parse_kind(kind), Ok(NamedKind::Other(_))) && CsvField::of_name(name).is_none());
        let is_header = !is_pair && names.iter().all(|name| name.len() < 32);
        if is_header && CsvMapping::from_header(&names).is_some() {
            return Self::Csv(CsvMapping::default());
        }
        if vpdq::is_line(first) {
            return Self::VpdqText;
        }
        // `64 digits,name` could be of sha256 as well; a quality in between is the PDQ tools' own.
        let mut fields = first.splitn(3, ',').map(str::trim);
        let has_quality = fields.next().is_some_and(|hash| hash.len() == 64)
            && fields.next().and_then(parse_quality).is_some()
            && fields.next().is_some();
        let is_hsh = first.starts_with("hash=") || has_quality;
        if is_hsh {
            Self::Hsh
        } else {
            Self::HexLines { kind: None }
        }
    }
}

impl ListFormat {
    /// Returns the stable lower-case name: `lines`, `csv`, `stopncii` and so on.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::HexLines { .. } => "lines",
            Self::Hsh => "hsh",
            Self::Csv(_) => "csv",
            Self::StopNcii => "stopncii",
            Self::ThreatExchange => "threatexchange",
            Self::TechAgainstTerrorism => "tat",
            Self::Vics { .. } => "vics",
            Self::VpdqJson => "vpdq-json",
            Self::Json(_) => "json",
            Self::Ncmec => "ncmec",
            Self::Icse => "icse",
            Self::Nsrl => "nsrl",
            Self::VpdqText => "vpdq",
        }
    }

    /// Returns whether a file of the format is a page of a feed, which says where in the feed it stands
    /// ([`Importer::position`]).
    pub const fn is_page(&self) -> bool {
        matches!(
            self,
            Self::StopNcii | Self::ThreatExchange | Self::TechAgainstTerrorism | Self::Ncmec
        )
    }

    /// Returns whether a record of the format is all of its entry: a hash that a later record leaves out is then taken back. In
    /// others a record may hold one hash of many.
    pub const fn has_whole_records(&self) -> bool {
        match self {
            Self::HexLines { .. }
            | Self::Hsh
            | Self::Csv(_)
            | Self::Json(_)
            | Self::VpdqJson
            | Self::VpdqText
            | Self::Nsrl => false,
            Self::Ncmec | Self::Icse => true,
            Self::StopNcii
            | Self::ThreatExchange
            | Self::TechAgainstTerrorism
            | Self::Vics { .. } => true,
        }
    }
}

/// How a list is to be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportOptions {
    /// The form it is written in.
    pub format: ListFormat,
}

/// What comes out of a list: an entry, or why there is none.
#[derive(Clone, Debug, PartialEq)]
#[expect(
    clippy::large_enum_variant,
    reason = "nearly all items are entries, and they are handed out one at a time"
)]
pub enum ImportItem {
    /// An entry.
    Entry {
        /// The line it stands on or begins on, counted from 1.
        line: u64,
        /// What the record says.
        entry: Entry,
        /// Whether the list names the entry by its hash alone. Its id is then its place in the file, `line-N` or the like,
        /// which is another one in the next file: who keeps entries from file to file has to know them by their hashes.
        by_value: bool,
        /// Whether the record names hashes that cannot be read or must not be matched. They were kept out before, and an entry that
        /// is kept from file to file may have had them: [`Change::add_incomplete`](crate::Change::add_incomplete).
        lacks_hashes: bool,
    },
    /// A record, or one value of an entry that comes after it, was kept out.
    Quarantined(Quarantined),
}

/// Where a page of a feed stands in the feed, as the page itself says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct FeedPosition {
    /// What to ask the source for next time, in its own form; to be kept only once every page up to it is stored.
    pub checkpoint: Option<String>,
    /// The time that the checkpoint stands for, in seconds since 1970 (UTC).
    pub checkpoint_time: Option<i64>,
    /// Whether the source has more pages for the request that this page answers.
    pub has_more: bool,
    /// The name of the feed's format ([`ListFormat::name`]).
    pub feed: &'static str,
}

/// Items that are ready, and the counts so far.
#[derive(Default)]
pub(super) struct Sink {
    items: VecDeque<ImportItem>,
    /// Whether hashes were kept out of the entry that is handed out next.
    pub(super) lacks_hashes: bool,
    pub(super) report: ImportReport,
    /// What pages of feeds say of themselves.
    pub(super) position: Option<FeedPosition>,
    /// Whether records are better found by their number than by their line.
    pub(super) is_numbered: bool,
}

impl Sink {
    /// Returns what is ready.
    #[cfg(test)]
    pub(super) fn into_items(self) -> VecDeque<ImportItem> {
        self.items
    }

    /// Hands out an entry that its source names.
    pub(super) fn entry(&mut self, line: u64, entry: Entry) {
        self.hand_out(line, entry, false);
    }

    /// Hands out an entry that its source knows by its hash alone.
    pub(super) fn entry_by_value(&mut self, line: u64, entry: Entry) {
        self.hand_out(line, entry, true);
    }

    pub(super) fn hand_out(&mut self, line: u64, entry: Entry, by_value: bool) {
        self.report.add_entry(&entry);
        self.items.push_back(ImportItem::Entry {
            line,
            entry,
            by_value,
            lacks_hashes: std::mem::take(&mut self.lacks_hashes),
        });
    }

    /// Counts a value of a field that is not among those documented. It is kept as text or passed over, never fatal.
    pub(super) fn unknown_value(&mut self, field: &str) {
        count(&mut self.report.unknown_values, field);
    }

    pub(super) fn quarantine(
        &mut self,
        line: u64,
        column: Option<String>,
        reason: QuarantineReason,
    ) {
        self.report.add_quarantined(&reason);
        let record = self.is_numbered.then_some(self.report.records);
        self.items.push_back(ImportItem::Quarantined(Quarantined {
            line,
            record,
            column,
            entry_id: None,
            reason,
        }));
    }

    /// Says of which entry the record is that was quarantined last, and of which nothing is handed out.
    pub(super) fn left_out(&mut self, entry_id: &str) {
        if let Some(ImportItem::Quarantined(last)) = self.items.back_mut()
            && !entry_id.is_empty()
        {
            last.entry_id = Some(entry_id.to_owned());
        }
    }
}

/// A list of some format, from its reader on.
enum State<R> {
    Hex {
        lines: Lines<R>,
        kind: Option<HashKind>,
    },
    Hsh {
        lines: Lines<R>,
    },
    Vpdq {
        lines: Lines<R>,
    },
    /// A table, whatever its columns.
    Table {
        lines: Lines<R>,
        rows: Box<Rows>,
        meaning: Box<dyn Meaning>,
    },
    Json(JsonList<R>),
    Ncmec(Box<Page<R>>),
    Over,
}

impl<R> State<R> {
    fn table(lines: Lines<R>, rows: Rows, meaning: impl Meaning + 'static) -> Self {
        Self::Table {
            lines,
            rows: Box::new(rows),
            meaning: Box::new(meaning),
        }
    }
}

/// An iterator over a list, in the order of its lines.
///
/// Memory is bounded whatever the file: one row, and at most 64 lines ahead when a quote is open; of JSON, one record of at
/// most [`MAX_JSON_RECORD`](super::MAX_JSON_RECORD) bytes. A bad record never stops a list: it comes out as
/// [`ImportItem::Quarantined`] and the next one is read. After an error there is nothing. JSON that ends in the middle is
/// such an error, which comes after all records that are whole.
///
/// Two records of one entry id are two items. Files with a row for each hash of an entry exist, so whoever stores the
/// entries of one file has to join them, and replace only what older files said.
///
/// # Example
/// ```
/// use hashsieve::HashKind;
/// use hashsieve::list::{ImportItem, ImportOptions, Importer, ListFormat};
/// let text = "# a made-up list\npdq 5555555555555555555555555555555555555555555555555555555555555555\nnonsense\n";
/// let options = ImportOptions { format: ListFormat::HexLines { kind: None } };
/// let mut importer = Importer::new(text.as_bytes(), &options)?;
/// for item in &mut importer {
///     match item? {
///         ImportItem::Entry { line, entry, .. } => {
///             assert_eq!(line, 2);
///             assert_eq!(entry.hashes[0].kind(), HashKind::Pdq);
///         }
///         ImportItem::Quarantined(kept_out) => assert_eq!(kept_out.line, 3),
///     }
/// }
/// assert_eq!(importer.report().entries, 1);
/// assert_eq!(importer.report().quarantined, 1);
/// # Ok::<(), hashsieve::list::ListError>(())
/// ```
pub struct Importer<R> {
    state: State<R>,
    sink: Sink,
}

impl<R: BufRead> Importer<R> {
    /// Returns an importer of what a reader gives. The header of a CSV file is read at once.
    ///
    /// # Errors
    /// [`ListError`] when the reader fails, or the header cannot be read or does not fit the mapping.
    pub fn new(reader: R, options: &ImportOptions) -> Result<Self, ListError> {
        let mut sink = Sink::default();
        let state = match &options.format {
            ListFormat::HexLines { kind } => State::Hex {
                lines: Lines::new(reader),
                kind: *kind,
            },
            ListFormat::Hsh => State::Hsh {
                lines: Lines::new(reader),
            },
            ListFormat::Csv(mapping) => {
                let mut lines = Lines::new(reader);
                let (rows, columns) = csv::open(&mut lines, mapping, &mut sink)?;
                State::table(lines, rows, columns)
            }
            ListFormat::StopNcii => {
                State::Json(JsonList::new(reader, StopNcii::default(), &mut sink))
            }
            ListFormat::ThreatExchange => {
                State::Json(JsonList::new(reader, ThreatExchange::default(), &mut sink))
            }
            ListFormat::TechAgainstTerrorism => {
                let records = TechAgainstTerrorism::default();
                State::Json(JsonList::new(reader, records, &mut sink))
            }
            ListFormat::Vics { region } => {
                let records = Vics::new(region.as_deref());
                State::Json(JsonList::new(reader, records, &mut sink))
            }
            ListFormat::VpdqJson => State::Json(JsonList::new(reader, VpdqJson, &mut sink)),
            ListFormat::Json(mapping) => {
                State::Json(JsonList::new(reader, Mapped(mapping.clone()), &mut sink))
            }
            ListFormat::Icse => {
                let mut lines = Lines::new(reader);
                let (rows, columns) = icse::open(&mut lines, &mut sink)?;
                State::table(lines, rows, columns)
            }
            ListFormat::Nsrl => {
                let mut lines = Lines::new(reader);
                let (rows, columns) = nsrl::open(&mut lines, &mut sink)?;
                State::table(lines, rows, columns)
            }
            ListFormat::VpdqText => State::Vpdq {
                lines: Lines::new(reader),
            },
            ListFormat::Ncmec => State::Ncmec(Box::new(Page::new(reader, &mut sink))),
        };
        Ok(Self { state, sink })
    }

    /// Reads until there is an item or nothing is left, and returns whether there may be more.
    fn step(&mut self) -> Result<bool, ListError> {
        let sink = &mut self.sink;
        let (more, lines) = match &mut self.state {
            State::Json(list) => {
                let more = list.step(sink);
                // Also of a file that breaks off.
                sink.report.lines = list.lines();
                return more;
            }
            State::Table {
                lines,
                rows,
                meaning,
            } => (rows.step(lines, &**meaning, sink)?, lines.number()),
            State::Hex { lines, kind } => {
                let more = step_line(lines, sink, |_, line, text| {
                    hex::parse_line(line, text, *kind)
                });
                (more?, lines.number())
            }
            State::Hsh { lines } => {
                let more = step_line(lines, sink, |sink, _, text| {
                    hsh::parse_line(sink.report.records, text)
                });
                (more?, lines.number())
            }
            State::Vpdq { lines } => (step_line(lines, sink, vpdq::parse_line)?, lines.number()),
            State::Ncmec(page) => {
                let more = page.step(sink);
                // A page that is cut has lines, too.
                sink.report.lines = page.lines();
                (more?, page.lines())
            }
            State::Over => return Ok(false),
        };
        sink.report.lines = lines;
        Ok(more)
    }
}

impl<R> Importer<R> {
    /// Returns which columns of a CSV file are read and which are not; `None` for other formats and at the end.
    ///
    /// Worth showing to whoever builds an index: a column of hashes under an unusual name is not read.
    pub fn columns_used(&self) -> Option<ColumnsUsed> {
        match &self.state {
            State::Table { meaning, .. } => meaning.columns_used(),
            _ => None,
        }
    }

    /// Returns where the page stands in its feed; `None` for files that are no page of a feed. Of use at the end only.
    pub fn position(&self) -> Option<&FeedPosition> {
        self.sink.position.as_ref()
    }

    /// Returns the counts so far; of the whole list once the iterator is at its end.
    pub fn report(&self) -> &ImportReport {
        &self.sink.report
    }
}

/// Reads one line of a format that has one record a line. `parse` gets the sink, which has counted the record, and the number
/// of the line, and returns the entry and whether it is known by its value alone.
fn step_line<R: BufRead>(
    lines: &mut Lines<R>,
    sink: &mut Sink,
    parse: impl FnOnce(&mut Sink, u64, &str) -> Result<(Entry, bool), QuarantineReason>,
) -> Result<bool, ListError> {
    let Some(line) = read_line(lines)? else {
        return Ok(false);
    };
    let number = line.number;
    match line.text().map(str::trim) {
        Ok("") => sink.report.blank += 1,
        Ok(text) if text.starts_with('#') => sink.report.comments += 1,
        text => {
            sink.report.records += 1;
            match text.and_then(|text| parse(sink, number, text)) {
                Ok((entry, by_value)) => sink.hand_out(number, entry, by_value),
                Err(reason) => sink.quarantine(number, None, reason),
            }
        }
    }
    lines.recycle(line);
    Ok(true)
}

impl<R: BufRead> Iterator for Importer<R> {
    type Item = Result<ImportItem, ListError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(item) = self.sink.items.pop_front() {
                return Some(Ok(item));
            }
            match self.step() {
                Ok(true) => {}
                Ok(false) => {
                    self.state = State::Over;
                    return None;
                }
                Err(error) => {
                    self.state = State::Over;
                    return Some(Err(error));
                }
            }
        }
    }
}

impl<R: BufRead> std::iter::FusedIterator for Importer<R> {}

impl<R> fmt::Debug for Importer<R> {
    /// Prints the counts, and no text of the list.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Importer")
            .field("report", &self.sink.report)
            .finish_non_exhaustive()
    }
}
