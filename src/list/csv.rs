//! CSV with mapped columns: rows put together from lines, so that an unclosed quote costs one line, not the file.
//!
//! A CSV parser that meets an unclosed quote reads to the next quote, wherever that is, and takes all between for one
//! field. Here a row begins as one line. Only when a quote is open at its end are following lines joined, within
//! limits, and only when the result is a proper row are they kept; else the first line alone is lost.

use std::io::{self, BufRead, Read};

use ::csv::{ByteRecord, ReaderBuilder, Terminator};

use super::error::{ListError, QuarantineReason};
use super::import::Sink;
use super::lines::{Line, Lines, MAX_LINE};
use super::mapping::{ColumnsUsed, CsvField, CsvMapping, Place};
use super::time::parse_time;
use super::value::{NamedKind, fold, parse_hash, parse_kind, parse_quality};
use crate::entry::{Classification, Entry, EntryStatus, MediaType};

/// The most lines that one row may span. Comments in lists have a few; an unclosed quote spans the file.
const MAX_ROW_LINES: usize = 64;

/// The columns by which the table is known that `hashsieve hash --format csv` writes.
const OWN_COLUMNS: [&str; 4] = ["path", "status", "kind", "hash"];

/// The status, in such a table, of a hash that is not worth listing.
const OWN_LOW_QUALITY: &str = "low_quality";

/// The statuses, in such a table, of files without a hash.
const OWN_UNHASHED: [&str; 6] = [
    "too_small",
    "unsupported",
    "truncated",
    "malformed",
    "over_limit",
    "unreadable",
];

/// How the names of profiles end whose hashes are not exact: `pdq-jpeg-luma-1` and that of the classic kinds.
const INEXACT_PROFILE: &str = "-jpeg-luma-1";

/// The rows of a file and what its columns mean.
pub(super) struct Rows {
    parser: Parser,
    places: Vec<Place>,
    /// The number of fields of the header.
    header: Option<usize>,
    /// The number of fields that a row over several lines must have: the header's, or else the first row's.
    width: Option<usize>,
    scheme: Option<String>,
    region: Option<String>,
    /// Where the status stands in a table that this program wrote.
    own_status: Option<usize>,
    /// Where a row names the profile of its hashes.
    profile: Option<usize>,
}

/// What a row turned out to be. The fields of a good one are in the parser.
enum Row {
    Good { line: u64 },
    Bad { line: u64, reason: QuarantineReason },
}

impl Rows {
    /// Reads up to the first row and makes sure that the mapping fits the file.
    pub(super) fn new<R: BufRead>(
        lines: &mut Lines<R>,
        mapping: &CsvMapping,
        sink: &mut Sink,
    ) -> Result<Self, ListError> {
        mapping.check()?;
        let first = skip_preface(lines, sink)?;
        let text = first.as_ref().and_then(|line| line.text().ok());
        let mut rows = Self {
            parser: Parser::new(mapping.delimiter_for(text.unwrap_or_default())),
            places: Vec::new(),
            header: None,
            width: None,
            scheme: mapping.scheme().map(str::to_owned),
            region: mapping.region().map(str::to_owned),
            own_status: None,
            profile: None,
        };
        let Some(first) = first else {
            return if mapping.has_header() {
                Err(ListError::NoHeader)
            } else {
                rows.places = mapping.resolve(0, &[])?;
                Ok(rows)
            };
        };
        if !mapping.has_header() {
            rows.places = mapping.resolve(first.number, &[])?;
            lines.take_back(vec![first]);
            return Ok(rows);
        }
        let line = match rows.read_row(lines, first, sink)? {
            Row::Good { line } => line,
            Row::Bad { line, reason } => return Err(ListError::BadHeader { line, reason }),
        };
        sink.report.headers += 1;
        let names: Vec<&str> = (0..rows.parser.record.len())
            .map(|index| rows.parser.cell(index))
            .collect();
        rows.places = mapping.resolve(line, &names)?;
        let column = |wanted: &str| names.iter().position(|name| fold(name) == wanted);
        if OWN_COLUMNS.iter().all(|name| column(name).is_some()) {
            rows.own_status = column("status");
        }
        rows.profile = column("profile");
        rows.header = Some(names.len());
        Ok(rows)
    }

    /// Returns which columns are read.
    pub(super) fn columns_used(&self) -> ColumnsUsed {
        let used: Vec<_> = self
            .places
            .iter()
            .map(|place| (place.field, place.index + 1))
            .collect();
        let is_unused = |number: &usize| used.iter().all(|(_, column)| column != number);
        ColumnsUsed {
            unused: (1..=self.header.unwrap_or(0)).filter(is_unused).collect(),
            used,
        }
    }

    /// Reads one row into the sink, and returns whether there was one.
    pub(super) fn step<R: BufRead>(
        &mut self,
        lines: &mut Lines<R>,
        sink: &mut Sink,
    ) -> Result<bool, ListError> {
        let Some(first) = read_line(lines)? else {
            return Ok(false);
        };
        if is_blank(&first) {
            sink.report.blank += 1;
            lines.recycle(first);
            return Ok(true);
        }
        match self.read_row(lines, first, sink)? {
            Row::Bad { line, reason } => {
                sink.report.records += 1;
                sink.quarantine(line, None, reason);
            }
            Row::Good { .. } if self.parser.is_blank() => sink.report.blank += 1,
            Row::Good { line } => {
                sink.report.records += 1;
                self.read_entry(line, sink);
            }
        }
        Ok(true)
    }

    /// Puts together and parses the row that begins with a line.
    ///
    /// What comes after a row that does not end is handed back, so each line is looked at [`MAX_ROW_LINES`] times at
    /// most, and [`MAX_LINE`] bytes are held beside the lines handed back.
    fn read_row<R: BufRead>(
        &mut self,
        lines: &mut Lines<R>,
        first: Line,
        sink: &mut Sink,
    ) -> Result<Row, ListError> {
        let line = first.number;
        let bad = |reason| Ok(Row::Bad { line, reason });
        let text = match first.text() {
            Ok(text) => text,
            Err(reason) => return bad(reason),
        };
        let mut scan = QuoteScan::new(self.parser.delimiter);
        scan.line(text.as_bytes());
        if !scan.is_open() {
            let parsed = self.parser.parse(text.as_bytes());
            lines.recycle(first);
            return if parsed {
                self.width.get_or_insert(self.parser.record.len());
                Ok(Row::Good { line })
            } else {
                bad(QuarantineReason::UnclosedQuote)
            };
        }
        let mut joined = text.as_bytes().to_vec();
        let mut taken = Vec::new();
        let mut closed = false;
        while !closed && taken.len() + 1 < MAX_ROW_LINES {
            let Some(next) = read_line(lines)? else {
                break;
            };
            let fits = match next.text() {
                Ok(text) if joined.len() + text.len() < MAX_LINE => {
                    joined.push(b'\n');
                    joined.extend_from_slice(text.as_bytes());
                    scan.line(text.as_bytes());
                    true
                }
                _ => false,
            };
            taken.push(next);
            // Rows that each open a quote add a field a line, so this keeps a hostile file from being read 64 times.
            let too_wide = self.width.is_some_and(|width| scan.fields > width);
            if !fits || too_wide || scan.is_broken() {
                break;
            }
            closed = !scan.is_open();
        }
        // A stray quote may happen to be closed by one of a later row. Such a row rarely has the fields of a row.
        let is_row = closed
            && self.parser.parse(&joined)
            && self
                .width
                .is_none_or(|width| self.parser.record.len() == width);
        if is_row {
            self.width.get_or_insert(self.parser.record.len());
            sink.report.continued += taken.len() as u64;
            Ok(Row::Good { line })
        } else {
            lines.take_back(taken);
            bad(QuarantineReason::UnclosedQuote)
        }
    }

    /// Makes an entry of the row in the parser. One bad value does not lose the rest.
    fn read_entry(&self, line: u64, sink: &mut Sink) {
        if let Some(reason) = self.wrong_field_count() {
            sink.quarantine(line, None, reason);
            return;
        }
        if let Some(status) = self.own_status.map(|index| self.parser.cell(index)) {
            if status == OWN_LOW_QUALITY {
                sink.report.low_quality += 1;
                return;
            }
            if OWN_UNHASHED.contains(&status) && !self.has_hash() {
                sink.report.unhashed += 1;
                return;
            }
        }
        let mut entry = Entry::default();
        let (mut scheme, mut region, mut category) = (self.scheme.clone(), self.region.clone(), "");
        let mut bad_hashes = 0_u32;
        for place in &self.places {
            let text = self.parser.cell(place.index);
            if text.is_empty() {
                continue;
            }
            let mut refuse = |reason| sink.quarantine(line, Some(place.label.clone()), reason);
            match place.field {
                CsvField::Hash | CsvField::HashOf(_) => {
                    let added = match self.kind_of(place.field) {
                        Ok(Some(NamedKind::Other(name))) => Ok(entry.add_other_hash(name, text)),
                        Ok(Some(NamedKind::Known(kind))) => {
                            parse_hash(Some(kind), text).map(|hash| entry.add_hash(hash))
                        }
                        Ok(None) => parse_hash(None, text).map(|hash| entry.add_hash(hash)),
                        Err(reason) => Err(reason),
                    };
                    match added {
                        Ok(added) => sink.report.repeated += u64::from(!added),
                        Err(reason) => {
                            bad_hashes += 1;
                            refuse(reason);
                        }
                    }
                }
                CsvField::Kind => {}
                CsvField::EntryId => entry.entry_id = text.to_owned(),
                CsvField::Category => category = text,
                CsvField::Scheme => scheme = Some(text.to_owned()),
                CsvField::Region => region = Some(text.to_owned()),
                CsvField::Status => entry.status = EntryStatus::parse(text),
                CsvField::Quality => {
                    entry.quality = parse_quality(text);
                    if entry.quality.is_none() {
                        refuse(QuarantineReason::BadQuality);
                    }
                }
                CsvField::Submitter => entry.submitter = Some(text.to_owned()),
                CsvField::Tags => entry.tags = parse_tags(text),
                CsvField::MediaType => entry.media_type = MediaType::parse(text),
                CsvField::Updated => {
                    entry.source_updated = parse_time(text);
                    if entry.source_updated.is_none() {
                        refuse(QuarantineReason::BadTime);
                    }
                }
            }
        }
        if !category.is_empty() {
            entry.classification = Some(Classification {
                scheme,
                region,
                value: category.to_owned(),
            });
        }
        if entry.status == EntryStatus::Withdrawn {
            if entry.entry_id.is_empty() {
                sink.quarantine(line, None, QuarantineReason::WithdrawsNothing);
                return;
            }
            if self.is_row_an_entry() {
                // Whatever of its hashes the row repeats, and however well, the entry is withdrawn.
                entry.hashes.clear();
                entry.other_hashes.clear();
            } else if !entry.has_hash() && bad_hashes > 0 {
                // It was to withdraw one hash, and which is not known; it is quarantined already.
                return;
            }
        } else if !entry.has_hash() {
            if bad_hashes == 0 {
                sink.quarantine(line, None, QuarantineReason::NoHash);
            }
            return;
        }
        let by_value = entry.entry_id.is_empty();
        if by_value {
            entry.entry_id = format!("line-{line}");
        }
        if let Some(profile) = self.profile.map(|index| self.parser.cell(index))
            && profile.ends_with(INEXACT_PROFILE)
        {
            sink.report.inexact += entry.hashes.len() as u64;
        }
        if by_value {
            sink.entry_by_value(line, entry);
        } else {
            sink.entry(line, entry);
        }
    }

    /// Returns whether a column of hashes of this row holds anything.
    fn has_hash(&self) -> bool {
        let mut hashes = self.places.iter().filter(|place| place.field.is_hash());
        hashes.any(|place| !self.parser.cell(place.index).is_empty())
    }

    /// Returns whether a row has a column for each kind of hash, and so speaks for its entry as a whole, rather than one
    /// hash with its kind, and so speaks for this hash of the entry.
    fn is_row_an_entry(&self) -> bool {
        self.places
            .iter()
            .all(|place| place.field != CsvField::Hash)
    }

    /// Returns the kind of the hash in a column of this row; `None` where its length must tell.
    fn kind_of(&self, field: CsvField) -> Result<Option<NamedKind>, QuarantineReason> {
        if let CsvField::HashOf(kind) = field {
            return Ok(Some(NamedKind::Known(kind)));
        }
        let place = self
            .places
            .iter()
            .find(|place| place.field == CsvField::Kind);
        match place.map(|place| self.parser.cell(place.index)) {
            None | Some("") => Ok(None),
            Some(word) => parse_kind(word).map(Some),
        }
    }

    /// Returns why the number of fields makes the row unsafe to read, if so.
    ///
    /// Surplus fields mean that a delimiter inside a text moved the others, the status among them. Programs leave out
    /// empty fields at the end of a row, which is harmless unless the status is one of them: it may have been cut off.
    fn wrong_field_count(&self) -> Option<QuarantineReason> {
        let expected = self.header?;
        let found = self.parser.record.len();
        let has_surplus = (expected..found).any(|index| !self.parser.cell(index).is_empty());
        let lacks_status = self
            .places
            .iter()
            .any(|place| place.field == CsvField::Status && place.index >= found);
        (has_surplus || lacks_status).then_some(QuarantineReason::FieldCount { expected, found })
    }
}

/// Returns the first line that is neither blank nor a comment.
///
/// Comments are looked for only here: further down, `#` may begin an entry's id, and a row must not vanish silently.
fn skip_preface<R: BufRead>(
    lines: &mut Lines<R>,
    sink: &mut Sink,
) -> Result<Option<Line>, ListError> {
    while let Some(line) = read_line(lines)? {
        if is_blank(&line) {
            sink.report.blank += 1;
        } else if line
            .bytes
            .as_ref()
            .is_some_and(|bytes| bytes.starts_with(b"#"))
        {
            sink.report.comments += 1;
        } else {
            return Ok(Some(line));
        }
    }
    Ok(None)
}

/// Returns the next line, or the error that an importer hands out.
pub(super) fn read_line<R: BufRead>(lines: &mut Lines<R>) -> Result<Option<Line>, ListError> {
    lines.next().map_err(|source| ListError::Io {
        line: lines.number() + 1,
        source,
    })
}

fn is_blank(line: &Line) -> bool {
    line.bytes
        .as_ref()
        .is_some_and(|bytes| bytes.trim_ascii().is_empty())
}

fn parse_tags(text: &str) -> Vec<String> {
    text.split([';', '|'])
        .map(str::trim)
        .filter(|tag| !tag.is_empty())
        .map(str::to_owned)
        .collect()
}

/// Follows quotes through the lines of a row, by the same rules as the parser, and finds where the row ends.
struct QuoteScan {
    delimiter: u8,
    state: QuoteState,
    /// The number of fields begun.
    fields: usize,
    broken: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum QuoteState {
    FieldStart,
    Plain,
    Quoted,
    /// After a quote inside quotes: the end of the field, or the first half of a doubled quote.
    QuoteInQuoted,
}

impl QuoteScan {
    fn new(delimiter: u8) -> Self {
        Self {
            delimiter,
            state: QuoteState::FieldStart,
            fields: 1,
            broken: false,
        }
    }

    /// Returns whether a quoted field is open.
    fn is_open(&self) -> bool {
        self.state == QuoteState::Quoted
    }

    /// Returns whether a closing quote was followed by something other than the end of its field, which is no error
    /// within a line but the mark of a wrong guess across lines.
    fn is_broken(&self) -> bool {
        self.broken
    }

    /// Follows one more line.
    fn line(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.state = match self.state {
                QuoteState::FieldStart if byte == b'"' => QuoteState::Quoted,
                QuoteState::Quoted if byte == b'"' => QuoteState::QuoteInQuoted,
                QuoteState::Quoted => QuoteState::Quoted,
                QuoteState::QuoteInQuoted if byte == b'"' => QuoteState::Quoted,
                _ if byte == self.delimiter => {
                    self.fields += 1;
                    QuoteState::FieldStart
                }
                QuoteState::FieldStart | QuoteState::Plain => QuoteState::Plain,
                QuoteState::QuoteInQuoted => {
                    self.broken = true;
                    QuoteState::Plain
                }
            };
        }
    }
}

/// The parser of fields, fed one row at a time. It is built once: its tables take longer to make than a row to parse.
struct Parser {
    delimiter: u8,
    reader: ::csv::Reader<Feed>,
    record: ByteRecord,
}

impl Parser {
    fn new(delimiter: u8) -> Self {
        Self {
            delimiter,
            reader: Self::reader(delimiter),
            record: ByteRecord::new(),
        }
    }

    fn reader(delimiter: u8) -> ::csv::Reader<Feed> {
        ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .delimiter(delimiter)
            // A lone `\r` is no line end to `Lines`, so it must be none here.
            .terminator(Terminator::Any(b'\n'))
            .from_reader(Feed::default())
    }

    /// Takes apart one whole row, given without its end, and returns whether it is one.
    fn parse(&mut self, row: &[u8]) -> bool {
        self.reader.get_mut().fill(row);
        let parsed = matches!(self.reader.read_byte_record(&mut self.record), Ok(true));
        // The parser saw the end of its input, which is for good, or stopped early: start it afresh.
        if !parsed || self.reader.get_ref().has_rest() {
            self.reader = Self::reader(self.delimiter);
            return false;
        }
        true
    }

    /// Returns a field without the white space around it; nothing where the row is too short.
    fn cell(&self, index: usize) -> &str {
        // The row is UTF-8 and is cut at ASCII bytes only, so its fields are.
        self.record
            .get(index)
            .and_then(|bytes| std::str::from_utf8(bytes).ok())
            .unwrap_or_default()
            .trim()
    }

    fn is_blank(&self) -> bool {
        self.record
            .iter()
            .all(|field| field.trim_ascii().is_empty())
    }
}

/// The input of the parser: one row at a time.
#[derive(Default)]
struct Feed {
    row: Vec<u8>,
    position: usize,
}

impl Feed {
    fn fill(&mut self, row: &[u8]) {
        self.row.clear();
        self.row.extend_from_slice(row);
        self.row.push(b'\n');
        self.position = 0;
    }

    fn has_rest(&self) -> bool {
        self.position < self.row.len()
    }
}

impl Read for Feed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = (&self.row[self.position..]).read(buffer)?;
        self.position += count;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_quote_within_a_plain_field_opens_nothing() {
        let mut scan = QuoteScan::new(b',');
        scan.line(b"a,5\" disk,\"x\"\"y\"");
        assert!(!scan.is_open() && !scan.is_broken());
        assert_eq!(scan.fields, 3);
    }

    proptest! {
        #[test]
        fn the_scan_and_the_parser_agree_on_where_a_row_ends(rows in prop::collection::vec("[a\", \r]{0,12}", 1..6)) {
            let mut parser = Parser::new(b',');
            for row in rows {
                // Blank lines never reach the parser, which would skip them.
                if row.trim().is_empty() {
                    continue;
                }
                let mut scan = QuoteScan::new(b',');
                scan.line(row.as_bytes());
                let parsed = parser.parse(row.as_bytes());
                if !scan.is_open() {
                    prop_assert!(parsed);
                }
            }
        }
    }
}
