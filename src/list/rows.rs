//! Rows of fields between delimiters, put together from lines, so that an unclosed quote costs one line, not the file.
//!
//! A CSV parser that meets an unclosed quote reads to the next quote, wherever that is, and takes all between for one
//! field. Here a row begins as one line. Only when a quote is open at its end are following lines joined, within
//! limits, and only when the result is a proper row are they kept; else the first line alone is lost.
//!
//! What a row says is a [`Meaning`], and not of this file.

use std::io::{self, BufRead, Read};

use ::csv::{ByteRecord, ReaderBuilder, Terminator};

use super::error::{ListError, QuarantineReason};
use super::fields::ColumnsUsed;
use super::import::Sink;
use super::lines::{Line, Lines, MAX_LINE, read_line};

/// The most lines that one row may span. Comments in lists have a few; an unclosed quote spans the file.
const MAX_ROW_LINES: usize = 64;

/// What the rows of a file say.
pub(super) trait Meaning: Send + Sync {
    /// Reads a row into the sink, which has counted it as a record.
    fn read(&self, row: &Rows, line: u64, sink: &mut Sink);

    /// Returns the column of the entries' ids, if there is one.
    fn id_column(&self) -> Option<usize> {
        None
    }

    /// Returns which columns are read, where that is a matter of names.
    fn columns_used(&self) -> Option<ColumnsUsed> {
        None
    }
}

/// How the rows of a file are written.
#[derive(Clone, Copy)]
pub(super) struct Form {
    /// The byte between fields; without it, the one that the first line has most of is taken.
    pub(super) delimiter: Option<u8>,
    pub(super) has_header: bool,
    /// Whether a row need not be UTF-8. A field that is not is empty then.
    pub(super) takes_any_bytes: bool,
}

/// The rows of a file.
pub(super) struct Rows {
    parser: Parser,
    takes_any_bytes: bool,
    /// The number of fields of the header.
    header: Option<usize>,
    /// The number of fields that a row over several lines must have: the header's, or else the first row's.
    width: Option<usize>,
}

/// What a row turned out to be. The fields of a good one are in the parser.
enum Row {
    Good {
        line: u64,
    },
    Bad {
        line: u64,
        reason: QuarantineReason,
        /// Its first line, as far as it can be read.
        text: String,
    },
}

impl Rows {
    /// Reads up to the first row, and that as well if it is the header, whose names are then the fields of the row.
    ///
    /// Returns the number of the first row's line as well; 0 if there is none.
    pub(super) fn new<R: BufRead>(
        lines: &mut Lines<R>,
        form: Form,
        sink: &mut Sink,
    ) -> Result<(Self, u64), ListError> {
        let first = skip_preface(lines, sink)?;
        let delimiter = form.delimiter.unwrap_or_else(|| {
            let text = first.as_ref().and_then(|line| line.text().ok());
            guess_delimiter(text.unwrap_or_default())
        });
        let mut rows = Self {
            parser: Parser::new(delimiter),
            takes_any_bytes: form.takes_any_bytes,
            header: None,
            width: None,
        };
        let line = match first {
            None if form.has_header => return Err(ListError::NoHeader),
            None => 0,
            Some(first) if !form.has_header => {
                let line = first.number;
                lines.take_back(vec![first]);
                line
            }
            Some(first) => match rows.read_row(lines, first, sink)? {
                Row::Good { line } => {
                    sink.report.headers += 1;
                    rows.header = Some(rows.len());
                    line
                }
                Row::Bad { line, reason, .. } => {
                    return Err(ListError::BadHeader { line, reason });
                }
            },
        };
        Ok((rows, line))
    }

    /// Reads one row and lets its meaning be read into the sink. Returns whether there was one.
    pub(super) fn step<R: BufRead>(
        &mut self,
        lines: &mut Lines<R>,
        meaning: &dyn Meaning,
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
            Row::Bad { line, reason, text } => {
                sink.report.records += 1;
                sink.quarantine(line, None, reason);
                if let Some(column) = meaning.id_column() {
                    // Quotes that do not close may have moved the fields, as for `wrong_field_count`.
                    let mut fields = text.split(char::from(self.parser.delimiter));
                    let id = fields.nth(column).unwrap_or_default();
                    sink.left_out(id.trim().trim_matches('"'));
                }
            }
            Row::Good { .. } if self.parser.is_blank() => sink.report.blank += 1,
            Row::Good { line } => {
                sink.report.records += 1;
                meaning.read(self, line, sink);
            }
        }
        Ok(true)
    }

    /// Returns the number of fields of the row.
    pub(super) fn len(&self) -> usize {
        self.parser.record.len()
    }

    /// Returns the number of fields of the header; nothing where there is none.
    pub(super) fn header_len(&self) -> Option<usize> {
        self.header
    }

    /// Returns a field of the row without the white space around it; nothing where the row is too short.
    pub(super) fn cell(&self, index: usize) -> &str {
        self.parser.cell(index)
    }

    /// Returns the fields of the row.
    pub(super) fn cells(&self) -> Vec<&str> {
        (0..self.len()).map(|index| self.cell(index)).collect()
    }

    /// Returns why the number of fields makes the row unsafe to read, if so. `needed` is the last column that an empty field
    /// must not be taken for.
    ///
    /// Surplus fields mean that a delimiter inside a text moved the others, the status among them. Programs leave out
    /// empty fields at the end of a row, which is harmless unless the status is one of them: it may have been cut off.
    pub(super) fn wrong_field_count(&self, needed: Option<usize>) -> Option<QuarantineReason> {
        let expected = self.header?;
        let found = self.len();
        let has_surplus = (expected..found).any(|index| !self.cell(index).is_empty());
        let lacks_needed = needed.is_some_and(|index| index >= found);
        (has_surplus || lacks_needed).then_some(QuarantineReason::FieldCount { expected, found })
    }

    fn bytes_of<'a>(&self, line: &'a Line) -> Result<&'a [u8], QuarantineReason> {
        match &line.bytes {
            Some(bytes) if self.takes_any_bytes => Ok(bytes),
            _ => line.text().map(str::as_bytes),
        }
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
        let bad = |reason, first: &Line| {
            let bytes = first.bytes.as_deref().unwrap_or_default();
            let text = String::from_utf8_lossy(bytes).into_owned();
            Ok(Row::Bad { line, reason, text })
        };
        let text = match self.bytes_of(&first) {
            Ok(text) => text,
            Err(reason) => return bad(reason, &first),
        };
        let mut scan = QuoteScan::new(self.parser.delimiter);
        scan.line(text);
        if !scan.is_open() {
            if !self.parser.parse(text) {
                return bad(QuarantineReason::UnclosedQuote, &first);
            }
            lines.recycle(first);
            self.width.get_or_insert(self.parser.record.len());
            return Ok(Row::Good { line });
        }
        let mut joined = text.to_vec();
        let mut taken = Vec::new();
        let mut closed = false;
        while !closed && taken.len() + 1 < MAX_ROW_LINES {
            let Some(next) = read_line(lines)? else {
                break;
            };
            let fits = match self.bytes_of(&next) {
                Ok(text) if joined.len() + text.len() < MAX_LINE => {
                    joined.push(b'\n');
                    joined.extend_from_slice(text);
                    scan.line(text);
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
            bad(QuarantineReason::UnclosedQuote, &first)
        }
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

fn is_blank(line: &Line) -> bool {
    line.bytes
        .as_ref()
        .is_some_and(|bytes| bytes.trim_ascii().is_empty())
}

/// Returns the usual delimiter that a line has most of outside quotes; the comma when it has none.
pub(super) fn guess_delimiter(line: &str) -> u8 {
    let candidates = [b',', b';', b'\t', b'|'];
    let mut counts = [0_usize; 4];
    let mut quoted = false;
    for byte in line.bytes() {
        if byte == b'"' {
            quoted = !quoted;
        } else if !quoted && let Some(index) = candidates.iter().position(|c| *c == byte) {
            counts[index] += 1;
        }
    }
    let mut best = 0;
    for index in 1..candidates.len() {
        if counts[index] > counts[best] {
            best = index;
        }
    }
    candidates[best]
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
        // A row is UTF-8 and is cut at ASCII bytes only, so its fields are, unless the rows may be of any bytes.
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
    fn the_delimiter_is_guessed_from_the_header() {
        assert_eq!(guess_delimiter("a;b;c"), b';');
        assert_eq!(guess_delimiter("a\tb,c\td"), b'\t');
        assert_eq!(guess_delimiter("\"a;b;c\",d"), b',');
        assert_eq!(guess_delimiter("a"), b',');
    }

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
