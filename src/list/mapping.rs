//! Which column of a CSV file is what: given by the user, or read off a header that uses the usual names.

use super::error::{ListError, MappingError};
use super::fields::{Column, CsvField, FIELDS, Place};
use super::value::fold;
use super::words::Words;

/// Which column of a CSV file is what.
///
/// A mapping without columns, [`CsvMapping::default`], reads them off the header: `hash`, `kind`, `pdq`, `md5`,
/// `sha1`, `sha256`, `sha512`, the names of classic and other kinds (`photodna`, ...), `id` or `entry_id` or else `path`, `category`, `source`, `status`, `quality`
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
    /// What words of the file mean that are not usual ones.
    words: Words,
}

impl Default for CsvMapping {
    fn default() -> Self {
        Self {
            columns: Vec::new(),
            has_header: true,
            delimiter: None,
            scheme: None,
            region: None,
            words: Words::default(),
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
            let other = || CsvField::of_other_column(folded);
            if let Some(field) = CsvField::of_classic(folded).or_else(other) {
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

    /// Says what the words of the file mean.
    pub(super) fn set_words(&mut self, words: Words) -> &mut Self {
        self.words = words;
        self
    }

    pub(super) fn words(&self) -> &Words {
        &self.words
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

    pub(super) fn has(&self, wanted: CsvField) -> bool {
        self.columns.iter().any(|(field, _)| *field == wanted)
    }

    pub(super) fn has_hash(&self) -> bool {
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
            if repeated && !field.may_repeat() {
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

    pub(super) fn delimiter(&self) -> Option<u8> {
        self.delimiter
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

/// Returns whether a byte can stand between fields without being mistaken for something else.
fn is_delimiter(byte: u8) -> bool {
    byte.is_ascii() && !byte.is_ascii_alphanumeric() && !matches!(byte, b'"' | b'\n' | b'\r' | 0)
}

pub(super) fn parse_delimiter(text: &str) -> Result<u8, MappingError> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hash::{ClassicKind, HashKind};

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
            ("photo=1", unknown("photo")),
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
                CsvField::Category,
                CsvField::OtherHash("photodna"),
            ]
        );
        assert_eq!(CsvMapping::from_header(&["kind", "id"]), None);
        assert_eq!(CsvMapping::from_header(&["url", "text", "crc32"]), None);
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
}
