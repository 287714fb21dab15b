//! Maps in files, for lists in forms that only their members know: which column or field is what, and what words mean.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::draft::Rules;
use super::error::MappingError;
use super::fields::{Column, CsvField};
use super::import::ListFormat;
use super::mapping::{CsvMapping, parse_delimiter};
use super::value::fold;
use super::words::Words;
use crate::entry::{EntryStatus, Opinion};

/// The form of a list that a [`ColumnMap`] is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum MapFormat {
    /// A table.
    Csv,
    /// JSON records.
    Json,
}

impl MapFormat {
    /// Returns the name that maps have for it: `csv`, `json`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Json => "json",
        }
    }
}

/// Which column of a table, or field of JSON records, is what, and what the words in it mean: as a file says that goes with
/// a list.
///
/// It is deserialized, usually from TOML; an unknown key is an error. Only `format` and `columns` must be there.
///
/// | key | meaning |
/// |---|---|
/// | `format` | `csv` or `json` |
/// | `delimiter`, `header` | of a table: the character between fields (or `tab`, ...), and whether there is a header, `true` if not given |
/// | `records` | of JSON: the field of the outermost object that holds the array of records; if not given, the file is the array |
/// | `columns` | a field on the left, as [`CsvMapping::parse`] calls them; on the right a column of the header, its number, the path of a field in JSON, or several of these for hashes |
/// | `scheme`, `region` | of the category where a record names none |
/// | `negative_categories` | categories that the list is not of: opinion [`Opinion::Negative`] |
/// | `investigation_categories` | categories that are leads: opinion [`Opinion::Investigation`] |
/// | `status` | words of the list for `active`, `withdrawn` and `disputed`, beside the usual ones |
/// | `opinion` | words of the list for `positive`, `investigation`, `disputed` and `negative`, beside these |
///
/// A path goes through arrays to each of their elements. A key that has dots itself is found by them. Where `hash` and
/// `kind` lead to as many values, they go together one by one.
///
/// # Example
/// ```
/// use hashsieve::list::{ColumnMap, ListFormat};
/// let map: ColumnMap = toml::from_str(r#"
///     format = "csv"
///     delimiter = ";"
///     negative_categories = [0]
///
///     [columns]
///     id = "Ref"
///     md5 = ["MD5", "MD5 of thumbnail"]
///     category = 4
///
///     [status]
///     withdrawn = ["gone"]
/// "#)?;
/// let format = map.to_format()?;
/// # assert!(matches!(format, ListFormat::Csv(_)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ColumnMap {
    format: MapFormat,
    delimiter: Option<String>,
    header: Option<bool>,
    records: Option<String>,
    columns: BTreeMap<String, Names>,
    scheme: Option<String>,
    region: Option<String>,
    #[serde(default)]
    negative_categories: Vec<Word>,
    #[serde(default)]
    investigation_categories: Vec<Word>,
    #[serde(default)]
    status: StatusWords,
    #[serde(default)]
    opinion: OpinionWords,
}

/// One column, or several.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(
    untagged,
    expecting = "a name, a number from 1, or an array of such was expected"
)]
enum Names {
    One(Name),
    Many(Vec<Name>),
}

impl Names {
    fn all(&self) -> &[Name] {
        match self {
            Self::One(name) => std::slice::from_ref(name),
            Self::Many(names) => names,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged, expecting = "a name or a number from 1 was expected")]
enum Name {
    Number(usize),
    Text(String),
}

/// A word of a list, which may be a number.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged, expecting = "a text or a whole number was expected")]
enum Word {
    Number(i64),
    Text(String),
}

impl Word {
    fn text(&self) -> String {
        match self {
            Self::Number(number) => number.to_string(),
            Self::Text(text) => text.clone(),
        }
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct StatusWords {
    active: Vec<Word>,
    withdrawn: Vec<Word>,
    disputed: Vec<Word>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct OpinionWords {
    positive: Vec<Word>,
    investigation: Vec<Word>,
    disputed: Vec<Word>,
    negative: Vec<Word>,
}

/// Which field of JSON records is what; made by [`ColumnMap::to_json`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JsonMapping {
    /// The field of the outermost object that holds the array of records; `None`: the file is the array.
    pub(super) records: Option<String>,
    /// The fields and the path of each.
    pub(super) fields: Vec<(CsvField, String)>,
    pub(super) rules: Rules,
}

impl ColumnMap {
    /// Returns the form of the list that the map is for.
    pub fn format(&self) -> MapFormat {
        self.format
    }

    /// Checks what can be checked without a list. O(n) in the length of the map.
    ///
    /// # Errors
    /// [`MappingError`] that says what is at fault.
    pub fn check(&self) -> Result<(), MappingError> {
        self.to_format().map(drop)
    }

    /// Returns the format of lists that the map spells.
    ///
    /// # Errors
    /// [`MappingError`] that says what is at fault.
    pub fn to_format(&self) -> Result<ListFormat, MappingError> {
        Ok(match self.format {
            MapFormat::Csv => ListFormat::Csv(self.to_csv()?),
            MapFormat::Json => ListFormat::Json(self.to_json()?),
        })
    }

    /// Returns the mapping of columns that a map of format `csv` spells.
    ///
    /// # Errors
    /// [`MappingError`] that says what is at fault, or that the map is for JSON.
    pub fn to_csv(&self) -> Result<CsvMapping, MappingError> {
        self.refuse("format", self.format != MapFormat::Csv)?;
        self.refuse("records", self.records.is_some())?;
        let mut mapping = CsvMapping::default();
        for (field, names) in self.fields()? {
            for name in names {
                let column = match name {
                    Name::Number(number) => Column::Number(*number),
                    Name::Text(name) => Column::Name(name.clone()),
                };
                mapping.column(field, column);
            }
        }
        if let Some(delimiter) = &self.delimiter {
            mapping.set_delimiter(parse_delimiter(delimiter)?);
        }
        mapping.set_header(self.header.unwrap_or(true));
        if let Some(scheme) = &self.scheme {
            mapping.set_scheme(scheme);
        }
        if let Some(region) = &self.region {
            mapping.set_region(region);
        }
        mapping.set_words(self.words()?);
        if !mapping.has_hash() && !mapping.has(CsvField::Kind) {
            // Without any column the mapping would be read off the header.
            return Err(MappingError::NoHashField);
        }
        mapping.check()?;
        Ok(mapping)
    }

    /// Returns the mapping of fields that a map of format `json` spells.
    ///
    /// # Errors
    /// [`MappingError`] that says what is at fault, or that the map is for tables.
    pub fn to_json(&self) -> Result<JsonMapping, MappingError> {
        self.refuse("format", self.format != MapFormat::Json)?;
        self.refuse("delimiter", self.delimiter.is_some())?;
        self.refuse("header", self.header.is_some())?;
        let mut fields: Vec<(CsvField, String)> = Vec::new();
        for (field, names) in self.fields()? {
            for name in names {
                let path = match name {
                    Name::Text(path) => path,
                    Name::Number(_) => return Err(self.not_for("a column's number")),
                };
                check_path(path)?;
                let repeated = fields.iter().any(|(other, _)| *other == field);
                if repeated && !field.may_repeat() {
                    let field = field.name();
                    return Err(MappingError::RepeatedField { field });
                }
                fields.push((field, path.clone()));
            }
        }
        let has = |wanted: CsvField| fields.iter().any(|(field, _)| *field == wanted);
        if has(CsvField::Kind) && !has(CsvField::Hash) {
            return Err(MappingError::KindWithoutHash);
        }
        if !fields.iter().any(|(field, _)| field.is_hash()) {
            return Err(MappingError::NoHashField);
        }
        Ok(JsonMapping {
            records: self.records.clone(),
            fields,
            rules: Rules {
                scheme: self.scheme.clone(),
                region: self.region.clone(),
                words: self.words()?,
            },
        })
    }

    /// Returns the fields and what is said of each.
    fn fields(&self) -> Result<Vec<(CsvField, &[Name])>, MappingError> {
        let field = |(name, names): (&String, _)| {
            let unknown = || MappingError::UnknownField {
                field: name.clone(),
            };
            let field = CsvField::of_name(name).ok_or_else(unknown)?;
            Ok((field, Names::all(names)))
        };
        self.columns.iter().map(field).collect()
    }

    fn words(&self) -> Result<Words, MappingError> {
        let mut words = Words::default();
        let check = |word: &Word, is_new: bool| match is_new {
            true => Ok(()),
            false => Err(MappingError::RepeatedWord { word: word.text() }),
        };
        for (list, status) in [
            (&self.status.active, EntryStatus::Active),
            (&self.status.withdrawn, EntryStatus::Withdrawn),
            (&self.status.disputed, EntryStatus::Disputed),
        ] {
            for word in list {
                check(word, words.add_status(&word.text(), status.clone()))?;
            }
        }
        for (list, opinion) in [
            (&self.opinion.positive, Opinion::Positive),
            (&self.opinion.investigation, Opinion::Investigation),
            (&self.opinion.disputed, Opinion::Disputed),
            (&self.opinion.negative, Opinion::Negative),
        ] {
            for word in list {
                check(word, words.add_opinion(&word.text(), opinion))?;
            }
        }
        for (list, opinion) in [
            (&self.negative_categories, Opinion::Negative),
            (&self.investigation_categories, Opinion::Investigation),
        ] {
            for word in list {
                check(word, words.add_category(&word.text(), opinion))?;
            }
        }
        Ok(words)
    }

    fn refuse(&self, key: &'static str, is_wrong: bool) -> Result<(), MappingError> {
        if is_wrong {
            return Err(self.not_for(key));
        }
        Ok(())
    }

    fn not_for(&self, key: &'static str) -> MappingError {
        let format = self.format.name();
        MappingError::NotForFormat { key, format }
    }
}

/// Refuses a path with nothing before, between or after its dots.
fn check_path(path: &str) -> Result<(), MappingError> {
    if path.split('.').any(|step| fold(step).is_empty()) {
        return Err(MappingError::BadPath {
            path: path.to_owned(),
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(text: &str) -> Result<(), MappingError> {
        toml::from_str::<ColumnMap>(text).unwrap().check()
    }

    #[test]
    fn what_is_wrong_with_a_map_is_said() {
        let unknown = || MappingError::UnknownField {
            field: "photo".to_owned(),
        };
        let not_for = |key, format| MappingError::NotForFormat { key, format };
        let repeated_word = |word: &str| MappingError::RepeatedWord {
            word: word.to_owned(),
        };
        for (head, columns, error) in [
            ("csv", "photo = 1", unknown()),
            ("json", "photo = 'a'", unknown()),
            ("csv", "id = 1", MappingError::NoHashField),
            ("csv", "", MappingError::NoHashField),
            ("json", "", MappingError::NoHashField),
            ("csv", "kind = 1", MappingError::KindWithoutHash),
            (
                "json",
                "kind = 'a'\nmd5 = 'b'",
                MappingError::KindWithoutHash,
            ),
            (
                "csv",
                "md5 = 1\nid = [2, 3]",
                MappingError::RepeatedField { field: "id" },
            ),
            (
                "json",
                "md5 = 'a'\nid = ['b', 'c']",
                MappingError::RepeatedField { field: "id" },
            ),
            ("csv", "md5 = 0", MappingError::ColumnZero { field: "md5" }),
            ("json", "md5 = 1", not_for("a column's number", "json")),
            (
                "json",
                "md5 = 'a..b'",
                MappingError::BadPath {
                    path: "a..b".to_owned(),
                },
            ),
            (
                "csv",
                "md5 = 1\n[status]\nactive = ['x']\nwithdrawn = ['X ']",
                repeated_word("X "),
            ),
            (
                "csv",
                "md5 = 1\n[opinion]\npositive = [1]\nnegative = ['1']",
                repeated_word("1"),
            ),
        ] {
            let text = format!("format = '{head}'\n[columns]\n{columns}\n");
            assert_eq!(checked(&text), Err(error), "{text}");
        }
        for (text, error) in [
            ("format = 'csv'\nrecords = 'a'", not_for("records", "csv")),
            ("format = 'json'\nheader = true", not_for("header", "json")),
            (
                "format = 'json'\ndelimiter = ';'",
                not_for("delimiter", "json"),
            ),
            (
                "format = 'csv'\ndelimiter = 'xx'",
                MappingError::BadDelimiter,
            ),
            (
                "format = 'csv'\nheader = false",
                MappingError::NameWithoutHeader {
                    column: "a".to_owned(),
                },
            ),
            (
                "format = 'csv'\nnegative_categories = [3]\ninvestigation_categories = ['3']",
                repeated_word("3"),
            ),
        ] {
            let text = format!("{text}\n[columns]\nmd5 = 'a'\n");
            assert_eq!(checked(&text), Err(error), "{text}");
        }
    }

    #[test]
    fn what_is_not_known_is_refused_when_read() {
        for text in [
            "",
            "format = 'csv'",
            "format = 'xml'\n[columns]\n",
            "format = 'csv'\ncolumn = 1\n[columns]\n",
            "format = 'csv'\n[columns]\nmd5 = true\n",
            "format = 'csv'\n[columns]\nmd5 = -1\n",
            "format = 'csv'\n[columns]\n[status]\nlive = ['x']\n",
            "format = 'csv'\n[columns]\n[opinion]\ngood = ['x']\n",
        ] {
            assert!(toml::from_str::<ColumnMap>(text).is_err(), "{text}");
        }
    }
}
