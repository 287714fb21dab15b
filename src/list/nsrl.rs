//! The reference data set of the National Software Reference Library: files that are known, not files that are bad.
//!
//! It is a list of what may be passed over, and "known" is not "harmless". What to do with it is for a policy to say; its
//! entries have the tag `nsrl` and are positive, since they are what the list is of.
//!
//! Read are `NSRLFile.txt` of version 2, with the header `"SHA-1","MD5","CRC32","FileName","FileSize","ProductCode",
//! "OpSystemCode","SpecialCode"`, and of version 3, which is a database, its table FILE as a table with the names of its
//! columns: `sha256,sha1,md5,file_name,...`.
//!
//! A file has a row for each product that it is part of, so it is known by its hashes alone. CRC32 is not kept: 32 bits name
//! no file, since files that share them are found in any large collection and made in a second.

use std::io::BufRead;

use super::draft::{Draft, Rules};
use super::error::ListError;
use super::fields::CsvField;
use super::import::Sink;
use super::lines::Lines;
use super::rows::{Form, Meaning, Rows};
use super::value::fold;
use crate::entry::MediaType;
use crate::hash::HashKind;

/// The kinds of the columns of hashes, each named as its kind.
const KINDS: [HashKind; 3] = [HashKind::Sha256, HashKind::Sha1, HashKind::Md5];

/// Where which column stands.
pub(super) struct Columns {
    hashes: Vec<(usize, HashKind)>,
    /// Where it is said that a file is malicious or otherwise special.
    special: Option<usize>,
    rules: Rules,
}

/// Returns whether these are the names of columns of the data set.
pub(super) fn is_header(names: &[&str]) -> bool {
    let has = |wanted: &str| names.iter().any(|name| fold(name) == wanted);
    has("sha1") && has("md5") && has("filename") && (has("productcode") || has("packageid"))
}

/// Reads the header.
pub(super) fn open<R: BufRead>(
    lines: &mut Lines<R>,
    sink: &mut Sink,
) -> Result<(Rows, Columns), ListError> {
    let form = Form {
        delimiter: None,
        has_header: true,
        // File names are of any encoding, and are not read.
        takes_any_bytes: true,
    };
    let (rows, line) = Rows::new(lines, form, sink)?;
    let names: Vec<String> = rows.cells().into_iter().map(fold).collect();
    let position = |wanted: &str| names.iter().position(|name| name == wanted);
    let hashes: Vec<_> = KINDS
        .into_iter()
        .filter_map(|kind| Some((position(kind.name())?, kind)))
        .collect();
    if hashes.is_empty() {
        return Err(ListError::NoHashColumn { line });
    }
    let columns = Columns {
        hashes,
        special: position("specialcode"),
        rules: Rules::default(),
    };
    Ok((rows, columns))
}

impl Meaning for Columns {
    fn read(&self, row: &Rows, line: u64, sink: &mut Sink) {
        let mut draft = Draft::new(&self.rules, line);
        // Files of any type are known.
        draft.entry.media_type = MediaType::Unknown;
        for &(index, kind) in &self.hashes {
            let text = row.cell(index);
            if !text.is_empty() {
                draft.put(CsvField::HashOf(kind), kind.name(), text, "", sink);
            }
        }
        draft.entry.tags.push("nsrl".to_owned());
        // A delimiter in a file name moves what comes after it. That a hash was moved, is seen from what is in its place.
        let special = self.special.filter(|_| row.header_len() == Some(row.len()));
        let special = special.map_or("", |index| row.cell(index));
        if !special.is_empty() {
            draft.entry.tags.push(format!("nsrl-special:{special}"));
        }
        if let Some((entry, by_value)) = draft.finish(true, sink) {
            sink.hand_out(line, entry, by_value);
        }
    }
}
