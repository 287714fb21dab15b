//! Exports of INTERPOL's ICSE database: a table with a fixed header and `;` between fields.
//!
//! The header is known from the reader in IPED (`iped-engine/src/main/java/iped/engine/hashdb/HashDBTool.java` of
//! sepinf-inc/IPED): `MD5;SHA1;PhotoDNA;Image ID;Is distributed;Victim identified;Offender identified;Series name;Number of
//! submissions;File Available;Media Type;Baseline`. Columns are found by their names, in any order, and any may be missing
//! but all of the hashes. An export holds what stands: what is no longer in it was taken out.

use std::io::BufRead;

use super::draft::{Draft, Rules};
use super::error::{ListError, QuarantineReason};
use super::fields::CsvField;
use super::import::Sink;
use super::lines::Lines;
use super::rows::{Form, Meaning, Rows};
use super::value::fold;
use crate::entry::Classification;
use crate::hash::HashKind;

/// The scheme of the classification of what is illegal nearly everywhere.
const SCHEME: &str = "interpol";

/// The value of that classification, and the tag of the same meaning.
const BASELINE: &str = "baseline";

/// The columns, by their names in the form of [`fold`].
const COLUMNS: [(&str, Column); 11] = [
    ("md5", Column::Field(CsvField::HashOf(HashKind::Md5))),
    ("sha1", Column::Field(CsvField::HashOf(HashKind::Sha1))),
    ("photodna", Column::Field(CsvField::OtherHash("photodna"))),
    ("imageid", Column::Field(CsvField::EntryId)),
    ("mediatype", Column::Field(CsvField::MediaType)),
    ("isdistributed", Column::Flag("is-distributed")),
    ("victimidentified", Column::Flag("victim-identified")),
    ("offenderidentified", Column::Flag("offender-identified")),
    ("baseline", Column::Flag(BASELINE)),
    ("seriesname", Column::Series),
    ("numberofsubmissions", Column::Submissions),
];

/// What a column holds.
#[derive(Clone, Copy)]
enum Column {
    Field(CsvField),
    /// Yes or no, and the tag of what is so.
    Flag(&'static str),
    Series,
    Submissions,
}

impl Column {
    fn label(self) -> &'static str {
        match self {
            Self::Field(field) => field.name(),
            Self::Flag(tag) => tag,
            Self::Series => "series",
            Self::Submissions => "submissions",
        }
    }
}

/// Where which column stands.
pub(super) struct Columns {
    places: Vec<(usize, Column)>,
    rules: Rules,
}

/// Returns whether these are the names of columns of an export.
pub(super) fn is_header(names: &[&str]) -> bool {
    let has = |wanted: &str| names.iter().any(|name| fold(name) == wanted);
    has("imageid") && has("baseline") && (has("md5") || has("sha1"))
}

/// Reads the header.
pub(super) fn open<R: BufRead>(
    lines: &mut Lines<R>,
    sink: &mut Sink,
) -> Result<(Rows, Columns), ListError> {
    let form = Form {
        delimiter: None,
        has_header: true,
        takes_any_bytes: false,
    };
    let (rows, line) = Rows::new(lines, form, sink)?;
    let names: Vec<String> = rows.cells().into_iter().map(fold).collect();
    let places: Vec<_> = COLUMNS
        .iter()
        .filter_map(|(name, column)| {
            let index = names.iter().position(|found| found == name)?;
            Some((index, *column))
        })
        .collect();
    let is_hash =
        |(_, column): &(usize, Column)| matches!(column, Column::Field(field) if field.is_hash());
    if !places.iter().any(is_hash) {
        return Err(ListError::NoHashColumn { line });
    }
    let rules = Rules::default();
    Ok((rows, Columns { places, rules }))
}

impl Meaning for Columns {
    fn id_column(&self) -> Option<usize> {
        let is_id = |column: &Column| matches!(column, Column::Field(CsvField::EntryId));
        let mut places = self.places.iter();
        let (index, _) = places.find(|(_, column)| is_id(column))?;
        Some(*index)
    }

    fn read(&self, row: &Rows, line: u64, sink: &mut Sink) {
        if let Some(reason) = row.wrong_field_count(None) {
            sink.quarantine(line, None, reason);
            sink.left_out(self.id_column().map_or("", |column| row.cell(column)));
            return;
        }
        let mut draft = Draft::new(&self.rules, line);
        for &(index, column) in &self.places {
            let text = row.cell(index);
            if text.is_empty() {
                continue;
            }
            match column {
                Column::Field(field) => draft.put(field, column.label(), text, "", sink),
                Column::Series => draft.entry.tags.push(format!("series:{text}")),
                Column::Submissions => match text.parse() {
                    Ok(count) => draft.entry.positive_opinions = count,
                    Err(_) => {
                        let label = Some(column.label().to_owned());
                        let field = "Number of submissions";
                        sink.quarantine(line, label, QuarantineReason::BadField { field });
                    }
                },
                Column::Flag(tag) => match parse_flag(text) {
                    Some(false) => {}
                    Some(true) => {
                        draft.entry.tags.push(tag.to_owned());
                        if tag == BASELINE {
                            draft.entry.classification = Some(Classification {
                                scheme: Some(SCHEME.to_owned()),
                                region: None,
                                value: BASELINE.to_owned(),
                            });
                        }
                    }
                    None => {
                        sink.unknown_value(tag);
                        draft.entry.tags.push(format!("{tag}:{text}"));
                    }
                },
            }
        }
        if let Some((entry, by_value)) = draft.finish(true, sink) {
            sink.hand_out(line, entry, by_value);
        }
    }
}

/// Returns what a flag says.
fn parse_flag(text: &str) -> Option<bool> {
    let is_any = |words: &[&str]| words.iter().any(|word| text.eq_ignore_ascii_case(word));
    if is_any(&["y", "yes", "t", "true"]) {
        Some(true)
    } else if is_any(&["n", "no", "f", "false"]) {
        Some(false)
    } else {
        None
    }
}
