//! What an import came to, in numbers only.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::hash::{HashKind, Pdq};

use super::error::QuarantineReason;
use crate::entry::{Entry, EntryStatus};

/// Counts of an import. An importer keeps one while it reads; those of several files can be merged.
///
/// A record is left out when it yields no entry: `records - entries` of them were, of which `low_quality + unhashed` are no
/// loss.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct ImportReport {
    /// Lines read. When the import is over this is `headers + records + continued + comments + blank` in formats of lines;
    /// in JSON and XML, a record takes any number of lines, or many share one, and only the lines of the file are counted here.
    pub lines: u64,
    /// Header lines read as such.
    pub headers: u64,
    /// Lines, rows or elements that are or should be a record.
    pub records: u64,
    /// Lines that continue the row of a line before.
    pub continued: u64,
    /// Records that yielded an entry.
    pub entries: u64,
    /// Hashes in the entries.
    pub hashes: u64,
    /// Records, or values of a record, that were kept out.
    pub quarantined: u64,
    /// Lines that are comments.
    pub comments: u64,
    /// Lines without text, and rows without a value.
    pub blank: u64,
    /// Entries that their source took back. They do not match.
    pub withdrawn: u64,
    /// Entries whose status contradicts them. They match.
    pub disputed: u64,
    /// Entries whose status is a word not known here. They match; somebody should find out what the word means.
    pub unknown_status: u64,
    /// PDQ hashes in which other than 128 of the 256 bits are set: fewer in pictures with few distinct coefficients, flat
    /// or drawn ones, more in no PDQ hash ([`Pdq::count_ones`]).
    pub unusual_pdq: u64,
    /// Records left out of a table that `hashsieve hash` wrote, since their pictures hold too little to be listed.
    pub low_quality: u64,
    /// Records left out of such a table, since they only say why there is no hash.
    pub unhashed: u64,
    /// Hashes in the entries whose profile, in a column of that name, is of a JPEG's luma alone: they are not exact, and
    /// must not be shared.
    pub inexact: u64,
    /// Hashes that stood twice in one record and were kept once.
    pub repeated: u64,
    /// Hashes in the entries, by kind.
    pub by_kind: BTreeMap<HashKind, u64>,
    /// Hashes in the entries that cannot be matched here, by the name of their kind. They are kept.
    pub unmatchable: BTreeMap<String, u64>,
    /// Values that are not among those documented for their field, by the name of the field. They are kept as text.
    pub unknown_values: BTreeMap<String, u64>,
    /// What was kept out, by [`QuarantineReason::code`].
    pub by_reason: BTreeMap<String, u64>,
}

/// Counts one more under a name.
pub(super) fn count(counts: &mut BTreeMap<String, u64>, name: &str) {
    match counts.get_mut(name) {
        Some(count) => *count += 1,
        None => {
            counts.insert(name.to_owned(), 1);
        }
    }
}

impl ImportReport {
    /// Adds the counts of another import.
    pub fn merge(&mut self, other: &Self) {
        self.lines += other.lines;
        self.headers += other.headers;
        self.records += other.records;
        self.continued += other.continued;
        self.entries += other.entries;
        self.hashes += other.hashes;
        self.quarantined += other.quarantined;
        self.comments += other.comments;
        self.blank += other.blank;
        self.withdrawn += other.withdrawn;
        self.disputed += other.disputed;
        self.unknown_status += other.unknown_status;
        self.unusual_pdq += other.unusual_pdq;
        self.low_quality += other.low_quality;
        self.unhashed += other.unhashed;
        self.inexact += other.inexact;
        self.repeated += other.repeated;
        for (kind, count) in &other.by_kind {
            *self.by_kind.entry(*kind).or_default() += count;
        }
        for (counts, others) in [
            (&mut self.unmatchable, &other.unmatchable),
            (&mut self.unknown_values, &other.unknown_values),
            (&mut self.by_reason, &other.by_reason),
        ] {
            for (name, count) in others {
                *counts.entry(name.clone()).or_default() += count;
            }
        }
    }

    /// Counts an entry that is handed out.
    pub(super) fn add_entry(&mut self, entry: &Entry) {
        self.entries += 1;
        match entry.status {
            EntryStatus::Active => {}
            EntryStatus::Disputed => self.disputed += 1,
            EntryStatus::Withdrawn => self.withdrawn += 1,
            EntryStatus::Other(_) => self.unknown_status += 1,
        }
        for hash in &entry.other_hashes {
            // Names that lists make up are not counted one by one: there is no end to them.
            let name = if super::value::is_other_kind(&hash.kind) {
                &hash.kind
            } else {
                "other"
            };
            count(&mut self.unmatchable, name);
        }
        for hash in &entry.hashes {
            self.hashes += 1;
            *self.by_kind.entry(hash.kind()).or_default() += 1;
            if Pdq::try_from(*hash).is_ok_and(|pdq| pdq.count_ones() != Pdq::BITS / 2) {
                self.unusual_pdq += 1;
            }
        }
    }

    /// Counts something that was kept out.
    pub(super) fn add_quarantined(&mut self, reason: &QuarantineReason) {
        self.quarantined += 1;
        count(&mut self.by_reason, reason.code());
    }
}
