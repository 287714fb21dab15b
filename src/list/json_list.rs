//! Lists in JSON: which pieces of a file go to which format, and what the formats have in common.

use std::io::BufRead;

use memchr::{memchr2, memmem};

use super::error::{ListError, QuarantineReason};
use super::import::{FeedPosition, ListFormat, Sink};
use super::json::{Json, Piece, Shape};
use super::json_value::{List, Scalar};
use super::value::{NamedKind, parse_hash};
use crate::entry::Entry;
use crate::hash::HashKind;

/// A format of lists in JSON: what its records and its other fields mean.
pub(super) trait Records: Send + Sync {
    /// Returns where the records stand.
    fn shape(&self) -> Shape;

    /// Takes note of a field beside the records, whose value is not looked at yet.
    fn field(&mut self, name: &str, value: &[u8]) {
        let _ = (name, value);
    }

    /// Turns a record into an entry, or tells why not.
    fn record(&mut self, bytes: &[u8], out: &mut Output<'_>) -> Result<(), QuarantineReason>;

    /// Returns where the page stands in its feed, once all of it is read.
    fn position(&mut self) -> Option<FeedPosition> {
        None
    }
}

/// Where the entry of one record goes, and what is wrong with it.
pub(super) struct Output<'a> {
    line: u64,
    sink: &'a mut Sink,
    /// The id of the record's entry, as soon as it is known.
    entry_id: String,
    /// The fields told already not to be of their form. A field with a list in it could be told very often.
    told: Vec<&'static str>,
}

impl Output<'_> {
    /// Returns the number of the record in its file, counted from 1.
    pub(super) fn number(&self) -> u64 {
        self.sink.report.records
    }

    /// Returns the line that the record begins on, and the sink.
    pub(super) fn parts(&mut self) -> (u64, &mut Sink) {
        (self.line, self.sink)
    }

    /// Takes note of the id of the record's entry, which is not lost with what else the record says.
    pub(super) fn names(&mut self, entry_id: &str) {
        entry_id.clone_into(&mut self.entry_id);
    }

    /// Returns the id of a record, or why there must be one: without it nothing is taken back, and nothing ever can be.
    pub(super) fn id(
        &mut self,
        value: &Scalar<'_>,
        is_withdrawn: bool,
    ) -> Result<String, QuarantineReason> {
        let id = value.id().ok_or(match is_withdrawn {
            true => QuarantineReason::WithdrawsNothing,
            false => QuarantineReason::BadField { field: "id" },
        })?;
        self.names(&id);
        Ok(id)
    }

    /// Takes note that hashes were kept out of the entry that is handed out next.
    pub(super) fn lacks_hashes(&mut self) {
        self.sink.lacks_hashes = true;
    }

    /// Hands out an entry that its source names.
    pub(super) fn entry(&mut self, entry: Entry) {
        self.sink.entry(self.line, entry);
    }

    /// Hands out an entry that its source knows by its hash alone.
    pub(super) fn entry_by_value(&mut self, entry: Entry) {
        self.sink.entry_by_value(self.line, entry);
    }

    /// Tells that one value of the record is kept out.
    pub(super) fn refuse(&mut self, field: &'static str, reason: QuarantineReason) {
        let line = self.line;
        self.sink.quarantine(line, Some(field.to_owned()), reason);
    }

    /// Tells that a field is not of its documented form.
    pub(super) fn bad_field(&mut self, field: &'static str) {
        if !self.told.contains(&field) {
            self.told.push(field);
            self.refuse(field, QuarantineReason::BadField { field });
        }
    }

    /// Counts a word that is not among those documented for a field.
    pub(super) fn unknown(&mut self, field: &'static str) {
        self.sink.unknown_value(field);
    }

    /// Returns a time in seconds since 1970, if the field has one.
    pub(super) fn time(&mut self, field: &'static str, value: &Scalar<'_>) -> Option<i64> {
        value.time().unwrap_or_else(|reason| {
            self.refuse(field, reason);
            None
        })
    }

    /// Returns a truth value; no, if the field has none.
    pub(super) fn flag(&mut self, field: &'static str, value: &Scalar<'_>) -> bool {
        value.flag().unwrap_or_else(|| {
            self.bad_field(field);
            false
        })
    }

    /// Returns the items of a list.
    pub(super) fn items<T>(&mut self, field: &'static str, list: List<T>) -> Vec<T> {
        if !list.is_whole {
            self.bad_field(field);
        }
        list.items
    }

    /// Adds the hash that a text spells, and returns whether it is one.
    pub(super) fn hash(
        &mut self,
        field: &'static str,
        kind: NamedKind,
        text: &str,
        entry: &mut Entry,
    ) -> bool {
        let added = match kind {
            NamedKind::Known(kind) => parse_hash(Some(kind), text).map(|hash| entry.add_hash(hash)),
            NamedKind::Other(name) => Ok(entry.add_other_hash(name, text)),
        };
        match added {
            Ok(added) => self.sink.report.repeated += u64::from(!added),
            Err(reason) => self.refuse(field, reason),
        }
        added.is_ok()
    }
}

/// A list of one of these formats, from its reader on.
pub(super) struct JsonList<R> {
    json: Json<R>,
    records: Box<dyn Records>,
}

impl<R: BufRead> JsonList<R> {
    /// Returns a reader of such a list.
    pub(super) fn new(reader: R, records: impl Records + 'static, sink: &mut Sink) -> Self {
        sink.is_numbered = true;
        Self {
            json: Json::new(reader, records.shape()),
            records: Box::new(records),
        }
    }

    /// Returns the number of lines that were read.
    pub(super) fn lines(&self) -> u64 {
        self.json.lines()
    }

    /// Reads one piece into the sink, and returns whether there was one.
    pub(super) fn step(&mut self, sink: &mut Sink) -> Result<bool, ListError> {
        match self.json.next()? {
            Piece::Field { name, value } => self.records.field(name, value),
            Piece::Record { line, bytes } => {
                sink.report.records += 1;
                let before = sink.report.entries;
                let mut out = Output {
                    line,
                    sink: &mut *sink,
                    entry_id: String::new(),
                    told: Vec::new(),
                };
                let read = self.records.record(bytes, &mut out);
                let entry_id = out.entry_id;
                if let Err(reason) = read {
                    sink.quarantine(line, None, reason);
                }
                if sink.report.entries == before {
                    sink.left_out(&entry_id);
                }
            }
            Piece::Bad { line, reason } => {
                sink.report.records += 1;
                sink.quarantine(line, None, reason);
            }
            Piece::End => {
                sink.position = self.records.position();
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// Returns the format that the head of a JSON file speaks for, if it does.
pub(super) fn guess_json(head: &[u8]) -> Option<ListFormat> {
    let text = head.trim_ascii_start();
    let has = |name: &str| memmem::find(text, format!("\"{name}\"").as_bytes()).is_some();
    match text.first()? {
        b'{' if has("hashRecords") => Some(ListFormat::StopNcii),
        b'{' if ["odata.metadata", "@odata.context", "@odata.metadata"]
            .into_iter()
            .any(has) =>
        {
            Some(ListFormat::Vics { region: None })
        }
        b'{' if has("results") && (has("hash_digest") || has("checkpoint")) => {
            Some(ListFormat::TechAgainstTerrorism)
        }
        b'{' if has("data") && (has("descriptors") || has("indicator") || has("should_delete")) => {
            Some(ListFormat::ThreatExchange)
        }
        b'[' => {
            let first = text[1..].trim_ascii_start();
            let is_frame = match first.first()? {
                b'"' => {
                    let end = memchr2(b'"', b'\\', &first[1..])?;
                    let mut parts = first[1..][..end].split(|byte| *byte == b',');
                    let pdq = std::str::from_utf8(parts.next()?).ok()?;
                    parse_hash(Some(HashKind::Pdq), pdq.trim()).is_ok() && parts.count() == 2
                }
                b'{' => (has("pdq") || has("hash")) && has("quality") && has("timestamp"),
                _ => false,
            };
            is_frame.then_some(ListFormat::VpdqJson)
        }
        _ => None,
    }
}
