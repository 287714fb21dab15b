//! What the fields of a record come to, wherever they stood: one entry, and the values that are kept out of it.

use super::error::QuarantineReason;
use super::fields::CsvField;
use super::import::Sink;
use super::time::parse_time;
use super::value::{NamedKind, parse_hash, parse_kind, parse_quality};
use super::words::Words;
use crate::entry::{Classification, Entry, EntryStatus, MediaType, Opinion};

/// What is known of all records of a list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Rules {
    /// The scheme of the classification where a record names none.
    pub(super) scheme: Option<String>,
    /// The region of the classification where a record names none.
    pub(super) region: Option<String>,
    pub(super) words: Words,
}

/// An entry being put together.
pub(super) struct Draft<'a> {
    rules: &'a Rules,
    line: u64,
    pub(super) entry: Entry,
    scheme: Option<String>,
    region: Option<String>,
    category: String,
    bad_hashes: u32,
}

impl<'a> Draft<'a> {
    /// Returns the draft of the record on or from a line.
    pub(super) fn new(rules: &'a Rules, line: u64) -> Self {
        Self {
            rules,
            line,
            entry: Entry::default(),
            scheme: rules.scheme.clone(),
            region: rules.region.clone(),
            category: String::new(),
            bad_hashes: 0,
        }
    }

    /// Takes the text of a field, without white space around it and not empty. `kind` is the word for the kind of the hash in
    /// [`CsvField::Hash`], empty if there is none. One bad value does not lose the rest.
    pub(super) fn put(
        &mut self,
        field: CsvField,
        label: &str,
        text: &str,
        kind: &str,
        sink: &mut Sink,
    ) {
        let entry = &mut self.entry;
        let refused = match field {
            CsvField::Hash | CsvField::HashOf(_) | CsvField::OtherHash(_) => {
                let kind = match field {
                    CsvField::HashOf(kind) => Ok(Some(NamedKind::Known(kind))),
                    CsvField::OtherHash(name) => Ok(Some(NamedKind::Other(name))),
                    _ if kind.is_empty() => Ok(None),
                    _ => parse_kind(kind).map(Some),
                };
                let added = match kind {
                    Ok(Some(NamedKind::Other(name))) => Ok(entry.add_other_hash(name, text)),
                    Ok(Some(NamedKind::Known(kind))) => {
                        parse_hash(Some(kind), text).map(|hash| entry.add_hash(hash))
                    }
                    Ok(None) => parse_hash(None, text).map(|hash| entry.add_hash(hash)),
                    Err(reason) => Err(reason),
                };
                match added {
                    Ok(added) => {
                        sink.report.repeated += u64::from(!added);
                        None
                    }
                    Err(reason) => Some(reason),
                }
            }
            CsvField::Kind => None,
            CsvField::EntryId => {
                text.clone_into(&mut entry.entry_id);
                None
            }
            CsvField::Category => {
                text.clone_into(&mut self.category);
                None
            }
            CsvField::Scheme => {
                self.scheme = Some(text.to_owned());
                None
            }
            CsvField::Region => {
                self.region = Some(text.to_owned());
                None
            }
            CsvField::Status => {
                entry.status = self.rules.words.status(text);
                None
            }
            CsvField::Opinion => {
                match self.rules.words.opinion(text) {
                    Some(opinion) => entry.opinion = opinion,
                    None => {
                        sink.unknown_value(CsvField::Opinion.name());
                        entry.tags.push(format!("opinion:{text}"));
                    }
                }
                None
            }
            CsvField::Quality => {
                entry.quality = parse_quality(text);
                entry
                    .quality
                    .is_none()
                    .then_some(QuarantineReason::BadQuality)
            }
            CsvField::Submitter => {
                entry.submitter = Some(text.to_owned());
                None
            }
            CsvField::Tags => {
                entry.tags.extend(parse_tags(text));
                None
            }
            CsvField::MediaType => {
                entry.media_type = MediaType::parse(text);
                if entry.media_type == MediaType::Unknown {
                    sink.unknown_value(CsvField::MediaType.name());
                }
                None
            }
            CsvField::Updated => {
                entry.source_updated = parse_time(text);
                entry
                    .source_updated
                    .is_none()
                    .then_some(QuarantineReason::BadTime)
            }
            CsvField::FirstSeen => {
                entry.first_seen = parse_time(text);
                entry
                    .first_seen
                    .is_none()
                    .then_some(QuarantineReason::BadTime)
            }
        };
        if let Some(reason) = refused {
            self.refuse(field, label, reason, sink);
        }
    }

    /// Keeps the value of a field out.
    pub(super) fn refuse(
        &mut self,
        field: CsvField,
        label: &str,
        reason: QuarantineReason,
        sink: &mut Sink,
    ) {
        self.bad_hashes += u32::from(field.is_hash());
        sink.quarantine(self.line, Some(label.to_owned()), reason);
    }

    /// Returns the entry, and whether it is known by its value alone; nothing if there is none, which the sink is told.
    ///
    /// `is_whole` says whether a record speaks for its entry as a whole, rather than for one hash of it.
    pub(super) fn finish(mut self, is_whole: bool, sink: &mut Sink) -> Option<(Entry, bool)> {
        if !self.complete(is_whole, sink) {
            sink.left_out(&self.entry.entry_id);
            return None;
        }
        sink.lacks_hashes = self.bad_hashes > 0;
        let by_value = self.entry.entry_id.is_empty();
        if by_value {
            self.entry.entry_id = format!("line-{}", self.line);
        }
        Some((self.entry, by_value))
    }

    /// Completes the entry, and returns whether there is one.
    fn complete(&mut self, is_whole: bool, sink: &mut Sink) -> bool {
        let entry = &mut self.entry;
        if !self.category.is_empty() {
            // Of two opinions the one that trusts less: a category that is none of ours is none whatever else is said.
            let of_category = self.rules.words.opinion_of_category(&self.category);
            entry.opinion = less_trusting(entry.opinion, of_category);
            entry.classification = Some(Classification {
                scheme: self.scheme.take(),
                region: self.region.take(),
                value: std::mem::take(&mut self.category),
            });
        }
        if entry.status == EntryStatus::Withdrawn {
            if entry.entry_id.is_empty() {
                sink.quarantine(self.line, None, QuarantineReason::WithdrawsNothing);
                return false;
            }
            if is_whole {
                // Whatever of its hashes the record repeats, and however well, the entry is withdrawn.
                entry.hashes.clear();
                entry.other_hashes.clear();
            } else if !entry.has_hash() && self.bad_hashes > 0 {
                // It was to withdraw one hash, and which is not known; it is quarantined already.
                return false;
            }
        } else if !entry.has_hash() {
            if self.bad_hashes == 0 {
                sink.quarantine(self.line, None, QuarantineReason::NoHash);
            }
            return false;
        }
        true
    }
}

/// Returns the one of two opinions that trusts an entry less.
fn less_trusting(a: Opinion, b: Opinion) -> Opinion {
    let rank = |opinion| Opinion::ALL.into_iter().position(|other| other == opinion);
    if rank(a) >= rank(b) { a } else { b }
}

fn parse_tags(text: &str) -> impl Iterator<Item = String> {
    text.split([';', '|'])
        .map(str::trim)
        .filter(|tag| !tag.is_empty())
        .map(str::to_owned)
}
