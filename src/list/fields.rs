//! What a column of a table, or a field of a record, may hold.

use crate::hash::{ClassicKind, HashKind};

use super::value::{fold, other_kind};

/// The fields that [`CsvMapping::parse`] knows, for messages.
pub(super) const FIELD_NAMES: &str = "hash, kind, pdq, md5, sha1, sha256, sha512, classic kinds such as mean_8x8, other kinds such as photodna, id, \
     category, scheme, region, status, opinion, quality, submitter, tags, media_type, updated, first_seen, scheme_is, region_is, \
     delimiter and header";

/// What a column of a CSV file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CsvField {
    /// A hash of this kind. Any number of columns may be.
    HashOf(HashKind),
    /// A hash of the kind that [`CsvField::Kind`] names in the same row, or else that its length speaks for.
    Hash,
    /// A hash of a kind that cannot be matched here, by the usual name of the kind, for example `photodna`. Any number of
    /// columns may be.
    OtherHash(&'static str),
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
    /// What the source holds of the entry.
    Opinion,
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
    /// When the source first had the entry.
    FirstSeen,
}

/// The fields but those of classic and other kinds, the name of each, and the columns that are taken for it where no mapping
/// is given, the best first. A field of a classic or other kind has the kind's name, and so has its column.
pub(super) const FIELDS: [(CsvField, &str, &[&str]); 19] = [
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
    (CsvField::Opinion, "opinion", &["opinion"]),
    (CsvField::Quality, "quality", &["quality"]),
    (CsvField::Submitter, "submitter", &["submitter", "source"]),
    (CsvField::Tags, "tags", &["tags"]),
    (CsvField::MediaType, "media_type", &["media_type"]),
    (CsvField::Updated, "updated", &["updated"]),
    (CsvField::FirstSeen, "first_seen", &["first_seen"]),
];

impl CsvField {
    /// Returns the name that [`CsvMapping::parse`](super::CsvMapping::parse) has for the field.
    pub fn name(self) -> &'static str {
        match self {
            Self::HashOf(kind) => return kind.name(),
            Self::OtherHash(name) => return name,
            _ => {}
        }
        let found = FIELDS.iter().find(|(field, ..)| *field == self);
        found.map_or("hash", |(_, name, _)| name)
    }

    /// Returns the field of this name.
    pub(super) fn of_name(word: &str) -> Option<Self> {
        let folded = fold(word);
        if folded == "entryid" {
            return Some(Self::EntryId);
        }
        let found = FIELDS.iter().find(|(_, name, _)| fold(name) == folded);
        let found = found.map(|(field, ..)| *field);
        found
            .or_else(|| Self::of_classic(&folded))
            .or_else(|| other_kind(&folded).map(Self::OtherHash))
    }

    /// Returns the field of the classic kind of this name, in the form of [`fold`].
    pub(super) fn of_classic(folded: &str) -> Option<Self> {
        let mut kinds = ClassicKind::ALL.into_iter().map(HashKind::from);
        kinds
            .find(|kind| fold(kind.name()) == folded)
            .map(Self::HashOf)
    }

    /// Returns the field of the other kind that a column of this name, in the form of [`fold`], is taken for where no mapping
    /// is given: a kind by which a file can be known, and whose name is not also a usual name of something else.
    pub(super) fn of_other_column(folded: &str) -> Option<Self> {
        let name = other_kind(folded)?;
        (!matches!(name, "crc32" | "url" | "text")).then_some(Self::OtherHash(name))
    }

    /// Returns whether a column of this field holds hashes.
    pub(super) fn is_hash(self) -> bool {
        matches!(self, Self::Hash | Self::HashOf(_) | Self::OtherHash(_))
    }

    /// Returns whether there may be several columns of this field in one row.
    pub(super) fn may_repeat(self) -> bool {
        matches!(self, Self::HashOf(_) | Self::OtherHash(_))
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
    pub(super) fn label(&self) -> String {
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

/// Where in a row a field stands.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) field: CsvField,
    /// Counted from 0.
    pub(super) index: usize,
    /// What messages call the column: the mapping's word, never the file's.
    pub(super) label: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_is_known_by_its_name() {
        for (field, name, _) in FIELDS {
            assert_eq!(field.name(), name);
            assert_eq!(CsvField::of_name(name), Some(field));
            assert!(FIELD_NAMES.contains(name), "{name}");
        }
    }

    #[test]
    fn other_kinds_are_fields_by_any_of_their_names_and_columns_by_those_that_say_enough() {
        for name in ["PhotoDNA", "pdna", "photo_dna"] {
            let field = CsvField::of_name(name);
            assert_eq!(field, Some(CsvField::OtherHash("photodna")));
            assert_eq!(CsvField::of_other_column(&fold(name)), field);
        }
        assert_eq!(
            CsvField::of_name("CRC32"),
            Some(CsvField::OtherHash("crc32"))
        );
        for name in ["crc32", "url", "text", "comment"] {
            assert_eq!(CsvField::of_other_column(name), None);
        }
    }
}
