//! Which column of a CSV file is what: given by the user, or read off a header that uses the usual names.

use crate::hash::{ClassicKind, HashKind};

use super::error::{ListError, MappingError};
use super::value::fold;

/// The fields that [`CsvMapping::parse`] knows, for messages.
pub(super) const FIELD_NAMES: &str = "hash, kind, pdq, md5, sha1, sha256, sha512, classic kinds such as mean_8x8, id, category, scheme, region, status, \
     quality, submitter, tags, media_type, updated, scheme_is, region_is, delimiter and header";

/// What a column of a CSV file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CsvField {
    /// A hash of this kind. Any number of columns may be.
    HashOf(HashKind),
    /// A hash of the kind that [`CsvField::Kind`] names in the same row, or else that its length speaks for.
    Hash,
    /// The kind of the hash in [`CsvField::Hash`].
    Kind,
    /// The source's own name for the entry.
    EntryId,
    /// The value of the classification.
    Category,
    /// The scheme of the classification.
    Scheme,
    /// The region of the classification.
    Region,
    /// The status of the entry.
    Status,
    /// The PDQ quality, 0 to 100.
    Quality,
    /// Who submitted the entry.
    Submitter,
    /// Tags, with `;` or `|` between them.
    Tags,
    /// The kind of file.
    MediaType,
    /// When the source last changed the entry.
    Updated,
}

/// The fields but those of classic kinds, the name of each, and the columns that are taken for it where no mapping is
/// given, the best first. A field of a classic kind has the kind's name, and so has its column.
const FIELDS: [(CsvField, &str, &[&str]); 17] = [
    (CsvField::HashOf(HashKind::Pdq), "pdq", &["pdq", "pdq_hash"]),
    (CsvField::HashOf(HashKind::Md5), "md5", &["md5", "md5_hash"]),
    (
        CsvField::HashOf(HashKind::Sha1),
        "sha1",
        &["sha1", "sha1_hash"],
    ),
    (
        CsvField::HashOf(HashKind::Sha256),
        "sha256",
        &["sha256", "sha256_hash"],
    ),
    (
        CsvField::HashOf(HashKind::Sha512),
        "sha512",
        &["sha512", "sha512_hash"],
    ),
    (CsvField::Hash, "hash", &["hash"]),
    (CsvField::Kind, "kind", &["kind", "hash_type", "algorithm"]),
    (CsvField::EntryId, "id", &["entry_id", "id", "path"]),
    (
        CsvField::Category,
        "category",
        &["category", "classification"],
    ),
    (CsvField::Scheme, "scheme", &["scheme"]),
    (CsvField::Region, "region", &["region"]),
    (CsvField::Status, "status", &["status"]),
    (CsvField::Quality, "quality", &["quality"]),
    (CsvField::Submitter, "submitter", &["submitter", "source"]),
    (CsvField::Tags, "tags", &["tags"]),
    (CsvField::MediaType, "media_type", &["media_type"]),
    (CsvField::Updated, "updated", &["updated"]),
];

impl CsvField {
    /// Returns the name that [`CsvMapping::parse`] has for the field.
    pub fn name(self) -> &'static str {
        if let Self::HashOf(kind) = self {
            return kind.name();
        }
        let found = FIELDS.iter().find(|(field, ..)| *field == self);
        found.map_or("hash", |(_, name, _)| name)
    }

    /// Returns the field of this name.
    fn of_name(word: &str) -> Option<Self> {
        let folded = fold(word);
        if folded == "entryid" {
            return Some(Self::EntryId);
        }
        let found = FIELDS.iter().find(|(_, name, _)| fold(name) == folded);
        let found = found.map(|(field, ..)| *field);
        found.or_else(|| Self::of_classic(&folded))
    }

    /// Returns the field of the classic kind of this name, in the form of [`fold`].
    fn of_classic(folded: &str) -> Option<Self> {
        let mut kinds = ClassicKind::ALL.into_iter().map(HashKind::from);
        kinds
            .find(|kind| fold(kind.name()) == folded)
            .map(Self::HashOf)
    }

    /// Returns whether a column of this field holds hashes.
    pub(super) fn is_hash(self) -> bool {
        matches!(self, Self::Hash | Self::HashOf(_))
    }
}

/// A column of a CSV file.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Column {
    /// The column of this name in the header; case, spaces, `-` and `_` make no difference.
    Name(String),
    /// The column of this number, counted from 1.
    Number(usize),
}

impl Column {
    /// Returns what messages call the column.
    fn label(&self) -> String {
        match self {
            Self::Name(name) => name.clone(),
            Self::Number(number) => number.to_string(),
        }
    }
}

/// Which columns of a CSV file are read, and which are not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ColumnsUsed {
    /// The fields that are read and the numbers of their columns, counted from 1.
    pub used: Vec<(CsvField, usize)>,
    /// The numbers of the columns of the header that nothing is read from.
    pub unused: Vec<usize>,
}

/// Which column of a CSV file is what.
///
/// A mapping without columns, [`CsvMapping::default`], reads them off the header: `hash`, `kind`, `pdq`, `md5`,
/// `sha1`, `sha256`, `sha512`, the names of classic kinds, `id` or `entry_id` or else `path`, `category`, `source`, `status`, `quality`
/// and some more. A header with `path`, `status`, `kind` and `hash` is that of `hashsieve hash --format csv`: its rows of
/// status `low_quality`, and those that say why there is no hash, are left out and counted.
///
/// # Example
/// ```
/// use hashsieve::list::CsvMapping;
/// let mapping = CsvMapping::parse("pdq=PDQ Hash,id=Ref,category=4,delimiter=;")?;
/// assert!(mapping.has_header());
/// # Ok::<(), hashsieve::list::MappingError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CsvMapping {
    columns: Vec<(CsvField, Column)>,
    has_header: bool,
    /// `None`: the one that the first line has most of.
    delimiter: Option<u8>,
    scheme: Option<String>,
    region: Option<String>,
}

impl Default for CsvMapping {
    fn default() -> Self {
        Self {
            columns: Vec::new(),
            has_header: true,
            delimiter: None,
            scheme: None,
            region: None,
        }
    }
}

impl CsvMapping {
    /// Returns the mapping that a text of the form `field=column,field=column` spells.
    ///
    /// A column is a number, counted from 1, or a name of the header. Besides the fields there are `delimiter`, one
    /// character or `tab`, `comma`, `semicolon`, `pipe`, `space`; `header`, `yes` or `no`; `scheme_is` and
    /// `region_is`, the scheme and region of every classification in a file that has no column for them.
    ///
    /// # Errors
    /// [`MappingError`] that says which part is at fault.
    pub fn parse(text: &str) -> Result<Self, MappingError> {
        let mut mapping = Self::default();
        for (index, part) in text.split(',').enumerate() {
            let pair = part
                .split_once('=')
                .map(|(field, value)| (field.trim(), value.trim()))
                .filter(|(field, value)| !field.is_empty() && !value.is_empty());
            let Some((field, value)) = pair else {
                // A lone white space is a delimiter that trimming took away.
                return Err(if part.trim_start().starts_with("delimiter=") {
                    MappingError::BadDelimiter
                } else {
                    MappingError::NotAPair { part: index + 1 }
                });
            };
            match fold(field).as_str() {
                "delimiter" => mapping.delimiter = Some(parse_delimiter(value)?),
                "header" => {
                    mapping.has_header = match value {
                        "yes" => true,
                        "no" => false,
                        _ => return Err(MappingError::BadHeaderFlag),
                    }
                }
                "schemeis" => mapping.scheme = Some(value.to_owned()),
                "regionis" => mapping.region = Some(value.to_owned()),
                _ => {
                    let known =
                        CsvField::of_name(field).ok_or_else(|| MappingError::UnknownField {
                            field: field.to_owned(),
                        })?;
                    let column = match value.parse() {
                        Ok(number) => Column::Number(number),
                        Err(_) => Column::Name(value.to_owned()),
                    };
                    mapping.columns.push((known, column));
                }
            }
        }
        mapping.check()?;
        Ok(mapping)
    }

    /// Returns the mapping that a header of usual names speaks for, or `None` when it has no column of hashes.
    pub fn from_header(names: &[&str]) -> Option<Self> {
        let folded: Vec<String> = names.iter().map(|name| fold(name.trim())).collect();
        let mut mapping = Self::default();
        for (field, _, usual) in FIELDS {
            let found = usual.iter().find(|name| folded.contains(&fold(name)));
            if let Some(name) = found {
                mapping
                    .columns
                    .push((field, Column::Name((*name).to_owned())));
            }
        }
        for (name, folded) in names.iter().zip(&folded) {
            if let Some(field) = CsvField::of_classic(folded) {
                let column = Column::Name(name.trim().to_owned());
                mapping.columns.push((field, column));
            }
        }
        if !mapping.has(CsvField::Hash) {
            mapping
                .columns
                .retain(|(field, _)| *field != CsvField::Kind);
        }
        mapping.has_hash().then_some(mapping)
    }

    /// Says that a column holds a field.
    pub fn column(&mut self, field: CsvField, column: Column) -> &mut Self {
        self.columns.push((field, column));
        self
    }

    /// Sets the byte between fields; without it, the one of `,` `;` tab `|` that the first line has most of is taken.
    pub fn set_delimiter(&mut self, delimiter: u8) -> &mut Self {
        self.delimiter = Some(delimiter);
        self
    }

    /// Sets whether the first line is a header. It is unless this says otherwise.
    pub fn set_header(&mut self, has_header: bool) -> &mut Self {
        self.has_header = has_header;
        self
    }

    /// Sets the scheme of the classification in rows that name none.
    ///
    /// A category is a bare number in most files and means nothing without its scheme.
    pub fn set_scheme(&mut self, scheme: impl Into<String>) -> &mut Self {
        self.scheme = Some(scheme.into());
        self
    }

    /// Sets the region of the classification in rows that name none.
    pub fn set_region(&mut self, region: impl Into<String>) -> &mut Self {
        self.region = Some(region.into());
        self
    }

    /// Returns whether the first line is a header.
    pub fn has_header(&self) -> bool {
        self.has_header
    }

    pub(super) fn scheme(&self) -> Option<&str> {
        self.scheme.as_deref()
    }

    pub(super) fn region(&self) -> Option<&str> {
        self.region.as_deref()
    }

    fn has(&self, wanted: CsvField) -> bool {
        self.columns.iter().any(|(field, _)| *field == wanted)
    }

    fn has_hash(&self) -> bool {
        self.columns.iter().any(|(field, _)| field.is_hash())
    }

    /// Checks what can be checked without a file.
    pub(super) fn check(&self) -> Result<(), MappingError> {
        if self.delimiter.is_some_and(|byte| !is_delimiter(byte)) {
            return Err(MappingError::BadDelimiter);
        }
        let automatic = self.columns.is_empty() && self.has_header;
        if !automatic && !self.has_hash() {
            // Of the two complaints the one that says more.
            return Err(if self.has(CsvField::Kind) {
                MappingError::KindWithoutHash
            } else {
                MappingError::NoHashField
            });
        }
        if self.has(CsvField::Kind) && !self.has(CsvField::Hash) {
            return Err(MappingError::KindWithoutHash);
        }
        for (index, (field, column)) in self.columns.iter().enumerate() {
            let repeated = self.columns[..index]
                .iter()
                .any(|(other, _)| other == field);
            // Several columns may hold hashes of one kind; for all else there would be two answers to one question.
            if repeated && !matches!(field, CsvField::HashOf(_)) {
                return Err(MappingError::RepeatedField {
                    field: field.name(),
                });
            }
            match column {
                Column::Number(0) => {
                    return Err(MappingError::ColumnZero {
                        field: field.name(),
                    });
                }
                Column::Name(name) if !self.has_header => {
                    return Err(MappingError::NameWithoutHeader {
                        column: name.clone(),
                    });
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Returns the byte between fields, guessed from the first line where the mapping does not say.
    pub(super) fn delimiter_for(&self, first_line: &str) -> u8 {
        self.delimiter
            .unwrap_or_else(|| guess_delimiter(first_line))
    }

    /// Returns where in a row each field stands.
    pub(super) fn resolve(&self, line: u64, header: &[&str]) -> Result<Vec<Place>, ListError> {
        let automatic;
        let columns = if self.columns.is_empty() {
            automatic = Self::from_header(header).ok_or(ListError::NoHashColumn { line })?;
            &automatic.columns
        } else {
            &self.columns
        };
        let folded: Vec<String> = header.iter().map(|name| fold(name.trim())).collect();
        let place = |(field, column): &(CsvField, Column)| {
            let label = column.label();
            let index = match column {
                Column::Number(number) if self.has_header && *number > header.len() => None,
                Column::Number(number) => number.checked_sub(1),
                Column::Name(name) => {
                    let name = fold(name);
                    let mut found = (0..folded.len()).filter(|index| folded[*index] == name);
                    let first = found.next();
                    if found.next().is_some() {
                        let column = label;
                        return Err(ListError::RepeatedColumn { line, column });
                    }
                    first
                }
            };
            match index {
                Some(index) => Ok(Place {
                    field: *field,
                    index,
                    label,
                }),
                None => Err(ListError::NoColumn {
                    line,
                    column: label,
                }),
            }
        };
        columns.iter().map(place).collect()
    }
}

/// Where in a row a field stands.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) field: CsvField,
    /// Counted from 0.
    pub(super) index: usize,
    /// What messages call the column: the mapping's word, never the file's.
    pub(super) label: String,
}

/// Returns whether a byte can stand between fields without being mistaken for something else.
fn is_delimiter(byte: u8) -> bool {
    byte.is_ascii() && !byte.is_ascii_alphanumeric() && !matches!(byte, b'"' | b'\n' | b'\r' | 0)
}

fn parse_delimiter(text: &str) -> Result<u8, MappingError> {
    let byte = match (fold(text).as_str(), text.as_bytes()) {
        ("tab", _) => b'\t',
        ("comma", _) => b',',
        ("semicolon", _) => b';',
        ("pipe", _) => b'|',
        ("space", _) => b' ',
        (_, [byte]) => *byte,
        _ => return Err(MappingError::BadDelimiter),
    };
    if is_delimiter(byte) {
        Ok(byte)
    } else {
        Err(MappingError::BadDelimiter)
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mapping_is_read_from_one_line_of_text() {
        let mapping =
            CsvMapping::parse("pdq=PDQ Hash, id = Ref,category=4,delimiter=;,scheme_is=example")
                .unwrap();
        let mut expected = CsvMapping::default();
        expected
            .column(
                CsvField::HashOf(HashKind::Pdq),
                Column::Name("PDQ Hash".to_owned()),
            )
            .column(CsvField::EntryId, Column::Name("Ref".to_owned()))
            .column(CsvField::Category, Column::Number(4))
            .set_delimiter(b';')
            .set_scheme("example");
        assert_eq!(mapping, expected);
    }

    #[test]
    fn what_is_wrong_with_a_mapping_is_said() {
        let unknown = |field: &str| MappingError::UnknownField {
            field: field.to_owned(),
        };
        for (text, error) in [
            ("", MappingError::NotAPair { part: 1 }),
            ("pdq=1,", MappingError::NotAPair { part: 2 }),
            ("pdq=1,id", MappingError::NotAPair { part: 2 }),
            ("photodna=1", unknown("photodna")),
            ("id=1", MappingError::NoHashField),
            ("kind=1", MappingError::KindWithoutHash),
            ("kind=1,pdq=2", MappingError::KindWithoutHash),
            ("header=no", MappingError::NoHashField),
            ("pdq=1,header=maybe", MappingError::BadHeaderFlag),
            ("pdq=0", MappingError::ColumnZero { field: "pdq" }),
            (
                "pdq=1,id=2,id=3",
                MappingError::RepeatedField { field: "id" },
            ),
            (
                "pdq=Hash,header=no",
                MappingError::NameWithoutHeader {
                    column: "Hash".to_owned(),
                },
            ),
            ("pdq=1,delimiter=\"", MappingError::BadDelimiter),
            ("pdq=1,delimiter=ab", MappingError::BadDelimiter),
            ("pdq=1,delimiter=,", MappingError::BadDelimiter),
            ("pdq=1,delimiter=a", MappingError::BadDelimiter),
        ] {
            assert_eq!(CsvMapping::parse(text), Err(error), "{text}");
        }
        for text in [
            "pdq=1,pdq=2",
            "delimiter=tab",
            "pdq=1,delimiter=\t;,id=2".replace("\t;", "tab").as_str(),
            "hash=1,kind=2,header=no",
        ] {
            assert!(CsvMapping::parse(text).is_ok(), "{text}");
        }
    }

    #[test]
    fn every_field_is_known_by_its_name() {
        for (field, name, _) in FIELDS {
            assert_eq!(field.name(), name);
            assert_eq!(CsvField::of_name(name), Some(field));
            assert!(FIELD_NAMES.contains(name), "{name}");
        }
    }

    #[test]
    fn usual_headers_need_no_mapping() {
        let mapping =
            CsvMapping::from_header(&["MD5", "SHA-1", "PhotoDNA", "ID", "Category"]).unwrap();
        let fields: Vec<CsvField> = mapping.columns.iter().map(|(field, _)| *field).collect();
        assert_eq!(
            fields,
            [
                CsvField::HashOf(HashKind::Md5),
                CsvField::HashOf(HashKind::Sha1),
                CsvField::EntryId,
                CsvField::Category
            ]
        );
        assert_eq!(CsvMapping::from_header(&["kind", "id"]), None);
    }

    #[test]
    fn a_column_of_a_classic_kind_is_known_by_the_name_of_the_kind() {
        for kind in ClassicKind::ALL {
            let field = CsvField::HashOf(kind.into());
            assert_eq!(field.name(), kind.name());
            assert_eq!(CsvField::of_name(kind.name()), Some(field));
            let header = kind.name().replace('_', " ").to_uppercase();
            let mapping = CsvMapping::from_header(&["id", &header]).unwrap();
            assert!(mapping.has(field), "{header}");
            let text = format!("{}=2", kind.name());
            assert!(CsvMapping::parse(&text).unwrap().has(field), "{text}");
        }
    }

    #[test]
    fn the_delimiter_is_guessed_from_the_header() {
        assert_eq!(guess_delimiter("a;b;c"), b';');
        assert_eq!(guess_delimiter("a\tb,c\td"), b'\t');
        assert_eq!(guess_delimiter("\"a;b;c\",d"), b',');
        assert_eq!(guess_delimiter("a"), b',');
    }
}
