//! What can be wrong with a list: with one record, which is quarantined, or with the whole, which is an error.
//!
//! Nothing here holds a text of the list. What is named is a line, a position, a number, a kind, or a column by the
//! name that the caller's mapping has for it.

use std::fmt;
use std::io;

use crate::hash::{HashError, HashKind};

/// Why a value is a hash that must not be loaded although it is well formed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Degenerate {
    /// All bits are zero: a placeholder, or the PDQ hash of a picture without content. A live feed once held some.
    AllZero,
    /// The digest of a file of no bytes: it would match every empty upload.
    EmptyFile,
    /// All bits but a sixteenth, or fewer, are alike: the classic hash of a flat or nearly empty picture, which many
    /// pictures have that show nothing of each other.
    NearlyConstant,
}

/// Why a record, or one value of it, was kept out. It never contains the value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum QuarantineReason {
    /// The line is longer than the limit.
    LineTooLong {
        /// The limit, in bytes.
        limit: usize,
    },
    /// The line or record is not UTF-8.
    NotUtf8 {
        /// Where it stops being so, counted in bytes from 0.
        position: usize,
    },
    /// The line contains a zero byte, as UTF-16 text and damaged files do.
    NulByte {
        /// Where it stands, counted in bytes from 0.
        position: usize,
    },
    /// The record has no hash.
    NoHash,
    /// The record is withdrawn but names no entry, so there is nothing that it could take back.
    WithdrawsNothing,
    /// No kind is named and the length is that of more than one: 64 digits are a pdq, a sha256 or a classic hash of most
    /// 16x16 kinds.
    AmbiguousKind {
        /// The number of characters.
        length: usize,
    },
    /// No kind is named and no kind has this length.
    NoKindOfLength {
        /// The number of characters.
        length: usize,
    },
    /// A kind is named that is not known.
    UnknownKind,
    /// The value is no hash of its kind.
    Hash {
        /// The kind it should be of.
        kind: HashKind,
        /// The number of characters it has.
        length: usize,
        /// Where the first wrong character stands, counted in bytes from 0; `None` when the length is wrong.
        position: Option<usize>,
    },
    /// The value is a hash, but one that must not be matched.
    Degenerate {
        /// Its kind.
        kind: HashKind,
        /// What it is.
        what: Degenerate,
    },
    /// The line has text besides a kind and a hash.
    ExtraText,
    /// A quoted field does not end, or not where a field may end.
    UnclosedQuote,
    /// The row has more fields than the header, or so few that its status is missing.
    FieldCount {
        /// The number of fields of the header.
        expected: usize,
        /// The number of fields of the row.
        found: usize,
    },
    /// The record is longer than the limit.
    RecordTooLong {
        /// The limit, in bytes.
        limit: usize,
    },
    /// The record is not of the form that its format documents: a field is missing, or of another type.
    BadField {
        /// The field, as the format calls it.
        field: &'static str,
    },
    /// The record is not well formed.
    Malformed,
    /// The quality is not a whole number from 0 to 100. The entry is kept without one.
    BadQuality,
    /// The time is neither seconds since 1970 nor a date of the form `2024-02-29T12:00:00Z`. The entry is kept
    /// without one.
    BadTime,
}

impl QuarantineReason {
    /// Returns a stable word for the reason, for counting: `ambiguous_kind`, `unclosed_quote` and so on.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::LineTooLong { .. } => "line_too_long",
            Self::NotUtf8 { .. } => "not_utf8",
            Self::NulByte { .. } => "nul_byte",
            Self::NoHash => "no_hash",
            Self::WithdrawsNothing => "withdraws_nothing",
            Self::AmbiguousKind { .. } => "ambiguous_kind",
            Self::NoKindOfLength { .. } => "no_kind_of_length",
            Self::UnknownKind => "unknown_kind",
            Self::Hash { .. } => "bad_hash",
            Self::Degenerate { .. } => "degenerate",
            Self::ExtraText => "extra_text",
            Self::UnclosedQuote => "unclosed_quote",
            Self::FieldCount { .. } => "field_count",
            Self::RecordTooLong { .. } => "record_too_long",
            Self::BadField { .. } => "bad_field",
            Self::Malformed => "malformed",
            Self::BadQuality => "bad_quality",
            Self::BadTime => "bad_time",
        }
    }

    /// Returns the reason for which a text of this many characters is no hash of this kind.
    pub(super) const fn of_hash(kind: HashKind, length: usize, error: HashError) -> Self {
        let position = match error {
            HashError::WrongDigit { position, .. } => Some(position),
            _ => None,
        };
        Self::Hash {
            kind,
            length,
            position,
        }
    }
}

impl fmt::Display for QuarantineReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LineTooLong { limit } => write!(f, "the line is longer than {limit} bytes"),
            Self::NotUtf8 { position } => {
                write!(f, "not UTF-8 from byte {position} of the line or record")
            }
            Self::NulByte { position } => write!(f, "byte {position} of the line is zero"),
            Self::WithdrawsNothing => {
                f.write_str("the record is withdrawn but has no id to say which entry that is")
            }
            Self::NoHash => f.write_str("the record has no hash"),
            Self::AmbiguousKind { length } => write!(
                f,
                "{length} digits are a pdq, a sha256 or a classic hash of a _16x16 kind: name the kind of the list (--kind) or \
                 of the record"
            ),
            Self::NoKindOfLength { length } => write!(
                f,
                "no kind of hash has {length} hexadecimal digits and none is named"
            ),
            Self::UnknownKind => f.write_str("the kind named is not known"),
            Self::Hash {
                kind,
                position: Some(position),
                ..
            } => write!(f, "position {position} of the {kind} is no digit of it"),
            Self::Hash {
                kind,
                length,
                position: None,
            } => write!(
                f,
                "a {kind} has {} hexadecimal digits but there are {length} characters",
                2 * kind.byte_len()
            ),
            Self::Degenerate { kind, what } => match what {
                Degenerate::AllZero => write!(f, "the {kind} is zero throughout"),
                Degenerate::EmptyFile => {
                    write!(f, "the {kind} is that of an empty file, which anybody has")
                }
                Degenerate::NearlyConstant => write!(
                    f,
                    "the {kind} is nearly the same bit throughout: that of a picture without content"
                ),
            },
            Self::ExtraText => f.write_str("the line has text besides a kind and a hash"),
            Self::UnclosedQuote => f.write_str("a quoted field is not closed"),
            Self::FieldCount { expected, found } => write!(
                f,
                "the row has {found} fields but the header has {expected}"
            ),
            Self::RecordTooLong { limit } => write!(f, "the record is longer than {limit} bytes"),
            Self::BadField { field } => {
                write!(
                    f,
                    "the field {field} is missing or not of its documented form"
                )
            }
            Self::Malformed => f.write_str("the record is not well formed"),
            Self::BadQuality => f.write_str("the quality is no whole number from 0 to 100"),
            Self::BadTime => f.write_str(
                "the time is neither seconds since 1970 nor of the form 2024-02-29T12:00:00Z",
            ),
        }
    }
}

/// A record, or one value of it, that was kept out of the list: where it stands and why.
#[derive(Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Quarantined {
    /// The line it stands on or begins on, counted from 1.
    pub line: u64,
    /// The number of the record, counted from 1, in formats in which lines say little: JSON and XML.
    pub record: Option<u64>,
    /// The column or field, as the mapping or the format calls it, where one value rather than the whole record is at fault.
    pub column: Option<String>,
    /// The id of the entry that the record is of, if all of the record is kept out and its id can be read: what the list said of
    /// the entry before may still stand ([`Change::left_out`](crate::Change::left_out)). Of a record with several bad values, the
    /// last has it.
    pub entry_id: Option<String>,
    /// Why it was kept out.
    pub reason: QuarantineReason,
}

impl fmt::Debug for Quarantined {
    /// Prints no text of the list.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Quarantined")
            .field("line", &self.line)
            .field("record", &self.record)
            .field("column", &self.column)
            .field("reason", &self.reason)
            .finish_non_exhaustive()
    }
}

impl fmt::Display for Quarantined {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}", self.line)?;
        if let Some(record) = self.record {
            write!(f, ", record {record}")?;
        }
        f.write_str(": ")?;
        if let Some(column) = &self.column {
            write!(f, "column {column}: ")?;
        }
        self.reason.fmt(f)
    }
}

/// Why a list cannot be read at all, or no further.
#[derive(Debug)]
#[non_exhaustive]
pub enum ListError {
    /// The reader failed.
    Io {
        /// The line that could not be read, counted from 1.
        line: u64,
        /// What the reader said.
        source: io::Error,
    },
    /// The mapping of columns cannot be used with any file.
    Mapping(MappingError),
    /// There should be a header and there is no line.
    NoHeader,
    /// The header cannot be read.
    BadHeader {
        /// The line it stands on, counted from 1.
        line: u64,
        /// What is wrong with it.
        reason: QuarantineReason,
    },
    /// The mapping asks for a column that the header does not have.
    NoColumn {
        /// The line of the header, counted from 1.
        line: u64,
        /// The column as the mapping calls it.
        column: String,
    },
    /// The mapping asks for a column that the header has more than once.
    RepeatedColumn {
        /// The line of the header, counted from 1.
        line: u64,
        /// The column as the mapping calls it.
        column: String,
    },
    /// The file ends in the middle. It is to be fetched again: what is missing may be a withdrawal.
    Truncated {
        /// The line at which it ends, counted from 1.
        line: u64,
    },
    /// The file is not of the format.
    WrongFormat {
        /// The line at which this shows, counted from 1.
        line: u64,
        /// What is wrong.
        what: &'static str,
    },
    /// No mapping is given and no column of the header is known to hold hashes.
    NoHashColumn {
        /// The line of the header, counted from 1.
        line: u64,
    },
}

impl fmt::Display for ListError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io { line, source } => write!(f, "line {line}: cannot be read: {source}"),
            Self::Mapping(error) => error.fmt(f),
            Self::NoHeader => f.write_str("the file has no header"),
            Self::BadHeader { line, reason } => write!(f, "line {line}: header: {reason}"),
            Self::NoColumn { line, column } => {
                write!(f, "line {line}: the header has no column {column}")
            }
            Self::RepeatedColumn { line, column } => {
                write!(
                    f,
                    "line {line}: the header has more than one column {column}; give its number instead"
                )
            }
            Self::Truncated { line } => write!(
                f,
                "line {line}: the file ends in the middle; fetch it again, for what is missing may be a withdrawal"
            ),
            Self::WrongFormat { line, what } => write!(f, "line {line}: {what}"),
            Self::NoHashColumn { line } => write!(
                f,
                "line {line}: no column of the header is known to hold hashes; say which do with a mapping such as \
                 pdq=3,id=1"
            ),
        }
    }
}

impl std::error::Error for ListError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io { source, .. } => Some(source),
            Self::Mapping(error) => Some(error),
            _ => None,
        }
    }
}

impl From<MappingError> for ListError {
    fn from(error: MappingError) -> Self {
        Self::Mapping(error)
    }
}

/// Why a mapping of columns cannot be used. The texts in it are the caller's own, not the list's.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MappingError {
    /// A part of the text is not of the form `field=column`.
    NotAPair {
        /// Which part, counted from 1.
        part: usize,
    },
    /// A field is not known.
    UnknownField {
        /// The field asked for.
        field: String,
    },
    /// A field that may have one column was given two.
    RepeatedField {
        /// The field.
        field: &'static str,
    },
    /// No column is said to hold a hash.
    NoHashField,
    /// A column of kinds is given but none of hashes to go with it.
    KindWithoutHash,
    /// Columns are counted from 1.
    ColumnZero {
        /// The field.
        field: &'static str,
    },
    /// A column is named but the file has no header; only numbers will do.
    NameWithoutHeader {
        /// The column asked for.
        column: String,
    },
    /// The delimiter is not one ASCII character, or is one that has a meaning of its own.
    BadDelimiter,
    /// `header` is neither `yes` nor `no`.
    BadHeaderFlag,
    /// A key of a map says something that lists of its format do not have.
    NotForFormat {
        /// The key.
        key: &'static str,
        /// The format.
        format: &'static str,
    },
    /// A word of a list is given two meanings.
    RepeatedWord {
        /// The word, as the map spells it.
        word: String,
    },
    /// A path to a field of JSON has an empty step.
    BadPath {
        /// The path asked for.
        path: String,
    },
}

impl fmt::Display for MappingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAPair { part } => write!(
                f,
                "part {part} of the column mapping is not of the form field=column"
            ),
            Self::UnknownField { field } => write!(
                f,
                "column mapping: unknown field {field}; known are {}",
                super::fields::FIELD_NAMES
            ),
            Self::RepeatedField { field } => {
                write!(f, "column mapping: {field} is given more than once")
            }
            Self::NoHashField => f.write_str(
                "column mapping: no column holds a hash; give hash, pdq, md5, sha1, sha256, sha512 or a classic kind \
                 such as mean_8x8",
            ),
            Self::KindWithoutHash => {
                f.write_str("column mapping: kind is given but the column hash it speaks of is not")
            }
            Self::ColumnZero { field } => {
                write!(f, "column mapping: {field}: columns are counted from 1")
            }
            Self::NameWithoutHeader { column } => write!(
                f,
                "column mapping: {column} is a name but the file has no header; give the column's number"
            ),
            Self::BadDelimiter => f.write_str(
                "column mapping: the delimiter must be one ASCII character (or tab, comma, semicolon, pipe, space) \
                 and no quote, letter, digit or line end",
            ),
            Self::BadHeaderFlag => f.write_str("column mapping: header is yes or no"),
            Self::NotForFormat { key: "format", format } => {
                write!(f, "column map: the format {format} is not one to be read here")
            }
            Self::NotForFormat { key, format } => {
                write!(f, "column map: {key} has no meaning in the format {format}")
            }
            Self::RepeatedWord { word } => {
                write!(f, "column map: the word {word} is given two meanings")
            }
            Self::BadPath { path } => write!(
                f,
                "column map: the path {path} has nothing before, between or after its dots"
            ),
        }
    }
}

impl std::error::Error for MappingError {}
