//! CSV with mapped columns: what its rows say.

use std::io::BufRead;

use super::draft::{Draft, Rules};
use super::error::ListError;
use super::fields::{ColumnsUsed, CsvField, Place};
use super::import::Sink;
use super::lines::Lines;
use super::mapping::CsvMapping;
use super::rows::{Form, Meaning, Rows};
use super::value::fold;

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

/// What the columns of a table mean.
pub(super) struct Columns {
    places: Vec<Place>,
    rules: Rules,
    /// The number of fields of the header.
    header: Option<usize>,
    /// The last column that must not be missing.
    needed: Option<usize>,
    /// Where the kind of a hash stands.
    kind: Option<usize>,
    /// Whether a row has a column for each kind of hash, and so speaks for its entry as a whole, rather than one hash with
    /// its kind, and so speaks for this hash of the entry.
    is_row_an_entry: bool,
    /// Where the status stands in a table that this program wrote.
    own_status: Option<usize>,
    /// Where a row names the profile of its hashes.
    profile: Option<usize>,
}

/// Reads up to the first row and makes sure that the mapping fits the file.
pub(super) fn open<R: BufRead>(
    lines: &mut Lines<R>,
    mapping: &CsvMapping,
    sink: &mut Sink,
) -> Result<(Rows, Columns), ListError> {
    mapping.check()?;
    let form = Form {
        delimiter: mapping.delimiter(),
        has_header: mapping.has_header(),
        takes_any_bytes: false,
    };
    let (rows, line) = Rows::new(lines, form, sink)?;
    let names = match rows.header_len() {
        Some(_) => rows.cells(),
        None => Vec::new(),
    };
    let places = mapping.resolve(line, &names)?;
    let column = |wanted: &str| names.iter().position(|name| fold(name) == wanted);
    let is_own = OWN_COLUMNS.iter().all(|name| column(name).is_some());
    let of = |field: CsvField| {
        let found = places.iter().find(|place| place.field == field);
        found.map(|place| place.index)
    };
    let columns = Columns {
        rules: Rules {
            scheme: mapping.scheme().map(str::to_owned),
            region: mapping.region().map(str::to_owned),
            words: mapping.words().clone(),
        },
        header: rows.header_len(),
        needed: of(CsvField::Status).max(of(CsvField::Opinion)),
        kind: of(CsvField::Kind),
        is_row_an_entry: of(CsvField::Hash).is_none(),
        own_status: column("status").filter(|_| is_own),
        profile: column("profile"),
        places,
    };
    Ok((rows, columns))
}

impl Meaning for Columns {
    /// Makes an entry of a row. One bad value does not lose the rest.
    fn read(&self, row: &Rows, line: u64, sink: &mut Sink) {
        if let Some(reason) = row.wrong_field_count(self.needed) {
            sink.quarantine(line, None, reason);
            // Fields may have moved. Then this is no entry's id, or another's, and it does no harm to keep what is known of that.
            sink.left_out(self.id_column().map_or("", |column| row.cell(column)));
            return;
        }
        if let Some(status) = self.own_status.map(|index| row.cell(index)) {
            if status == OWN_LOW_QUALITY {
                sink.report.low_quality += 1;
                return;
            }
            if OWN_UNHASHED.contains(&status) && !self.has_hash(row) {
                sink.report.unhashed += 1;
                return;
            }
        }
        let kind = self.kind.map_or("", |index| row.cell(index));
        let mut draft = Draft::new(&self.rules, line);
        for place in &self.places {
            let text = row.cell(place.index);
            if !text.is_empty() {
                draft.put(place.field, &place.label, text, kind, sink);
            }
        }
        let Some((entry, by_value)) = draft.finish(self.is_row_an_entry, sink) else {
            return;
        };
        if let Some(profile) = self.profile.map(|index| row.cell(index))
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

    fn id_column(&self) -> Option<usize> {
        let mut places = self.places.iter();
        let place = places.find(|place| place.field == CsvField::EntryId)?;
        Some(place.index)
    }

    fn columns_used(&self) -> Option<ColumnsUsed> {
        let places = self.places.iter();
        let used: Vec<_> = places.map(|place| (place.field, place.index + 1)).collect();
        let is_unused = |number: &usize| used.iter().all(|(_, column)| column != number);
        Some(ColumnsUsed {
            unused: (1..=self.header.unwrap_or(0)).filter(is_unused).collect(),
            used,
        })
    }
}

impl Columns {
    /// Returns whether a column of hashes of a row holds anything.
    fn has_hash(&self, row: &Rows) -> bool {
        let mut hashes = self.places.iter().filter(|place| place.field.is_hash());
        hashes.any(|place| !row.cell(place.index).is_empty())
    }
}
