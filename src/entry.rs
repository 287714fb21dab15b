//! What one record of a list says, whichever format it came in: the entry, its status and its list's description.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::hash::HashValue;

/// What kind of file an entry's hashes are of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum MediaType {
    /// A still picture; also what a list that names no type is taken for.
    #[default]
    Image,
    /// A video.
    Video,
    /// The list names a type that is neither.
    Unknown,
}

impl MediaType {
    /// Returns the stable lower-case name: `image`, `video`, `unknown`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Image => "image",
            Self::Video => "video",
            Self::Unknown => "unknown",
        }
    }

    /// Returns the type that a list's word stands for, in either case and with white space around it.
    ///
    /// Read are `image`, `photo`, `picture`, `video`, anything that begins with `image/` or `video/` (a MIME type)
    /// and nothing at all, which is the default. Any other word is [`MediaType::Unknown`].
    pub fn parse(text: &str) -> Self {
        let text = text.trim();
        let begins = |with: &str| matches!(text.get(..with.len()), Some(head) if head.eq_ignore_ascii_case(with));
        let is = |word: &str| text.eq_ignore_ascii_case(word);
        if text.is_empty() || is("image") || is("photo") || is("picture") || begins("image/") {
            Self::Image
        } else if is("video") || begins("video/") {
            Self::Video
        } else {
            Self::Unknown
        }
    }
}

/// What a list says an entry is, in the list's own words. Values of different schemes are never comparable.
///
/// The number 1 is one thing in one country's scheme and another elsewhere, so scheme and region travel with it.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Classification {
    /// The scheme that the value belongs to, if the list names one.
    pub scheme: Option<String>,
    /// The region or profile of the scheme, if the list names one.
    pub region: Option<String>,
    /// The value, as the list spells it.
    pub value: String,
}

impl fmt::Debug for Classification {
    /// Prints no text of the list.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Classification(..)")
    }
}

/// Whether an entry stands, in the words of its list. Only [`EntryStatus::Withdrawn`] stops it from matching.
///
/// A status this library does not know keeps matching: a hotline that introduces a new word must not switch off
/// its own list. The word is kept for policies to look at, and importers count it, so that somebody reads it.
#[derive(Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
#[non_exhaustive]
pub enum EntryStatus {
    /// The entry stands; also what a list that gives no status means.
    #[default]
    Active,
    /// Somebody contradicts the entry. It still matches; a policy may ask for less trust.
    Disputed,
    /// The entry was taken back. It must not match.
    Withdrawn,
    /// A word that is none of the above, as the list spells it. The entry matches.
    Other(String),
}

impl EntryStatus {
    /// Returns the status that a list's word stands for, in either case and with white space around it.
    ///
    /// `active`, `ok` and nothing at all are [`EntryStatus::Active`]; `withdrawn`, `deleted`, `removed` and `revoked` are
    /// [`EntryStatus::Withdrawn`]; `disputed` is [`EntryStatus::Disputed`]. Any other word is kept.
    ///
    /// # Example
    /// ```
    /// use hashsieve::EntryStatus;
    /// assert_eq!(EntryStatus::parse(" Deleted"), EntryStatus::Withdrawn);
    /// assert!(EntryStatus::parse("received").matches());
    /// ```
    pub fn parse(text: &str) -> Self {
        let text = text.trim();
        let is_any = |words: &[&str]| words.iter().any(|word| text.eq_ignore_ascii_case(word));
        if text.is_empty() || is_any(&["active", "ok"]) {
            Self::Active
        } else if is_any(&["withdrawn", "deleted", "removed", "revoked"]) {
            Self::Withdrawn
        } else if is_any(&["disputed"]) {
            Self::Disputed
        } else {
            Self::Other(text.to_owned())
        }
    }

    /// Returns the status as a word that [`EntryStatus::parse`] reads back: `active`, `disputed`, `withdrawn`, or
    /// the list's own.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Active => "active",
            Self::Disputed => "disputed",
            Self::Withdrawn => "withdrawn",
            Self::Other(text) => text,
        }
    }

    /// Returns whether an entry of this status may match: every status but [`EntryStatus::Withdrawn`].
    pub const fn matches(&self) -> bool {
        !matches!(self, Self::Withdrawn)
    }
}

impl fmt::Debug for EntryStatus {
    /// Prints the variant, and no text of the list.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Active => "Active",
            Self::Disputed => "Disputed",
            Self::Withdrawn => "Withdrawn",
            Self::Other(_) => "Other(..)",
        })
    }
}

impl From<String> for EntryStatus {
    fn from(text: String) -> Self {
        Self::parse(&text)
    }
}

impl From<EntryStatus> for String {
    fn from(status: EntryStatus) -> Self {
        match status {
            EntryStatus::Other(text) => text,
            known => known.as_str().to_owned(),
        }
    }
}

/// What a source holds of an entry on the whole. Whether it still says so is its [`EntryStatus`].
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Opinion {
    /// It is what the list is of; also what a list that gives no opinion means.
    #[default]
    Positive,
    /// It may be: nobody has confirmed it, or few have looked. A lead.
    Investigation,
    /// Members of the source contradict one another.
    Disputed,
    /// It is not what the list is of: a false alarm that the source keeps on record.
    Negative,
}

impl Opinion {
    /// Every opinion, the most damning first.
    pub const ALL: [Self; 4] = [
        Self::Positive,
        Self::Investigation,
        Self::Disputed,
        Self::Negative,
    ];

    /// Returns the stable lower-case name: `positive`, `investigation`, `disputed`, `negative`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Positive => "positive",
            Self::Investigation => "investigation",
            Self::Disputed => "disputed",
            Self::Negative => "negative",
        }
    }
}

/// A hash of a kind that cannot be computed, and so not matched, here: PhotoDNA and others.
///
/// It is kept with its entry, so that nothing a hotline supplied is lost, and is as confidential as any other.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct OtherHash {
    /// The usual name of the kind in lower case, for example `photodna`, or the list's own if it is not a usual one.
    pub kind: String,
    /// The value as the list spells it.
    pub value: String,
}

impl fmt::Debug for OtherHash {
    /// Prints no text of the list.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OtherHash(..)")
    }
}

/// How many members of a source agree with, and contradict, one kind of hash of an entry.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct KindOpinions {
    /// The name of the kind of hash, as in [`OtherHash::kind`] and [`HashKind::name`](crate::HashKind::name).
    pub kind: String,
    /// How many agree.
    pub positive: u32,
    /// How many contradict it.
    pub negative: u32,
}

impl fmt::Debug for KindOpinions {
    /// Prints no text of the list.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KindOpinions(..)")
    }
}

/// One entry of a list: what a source says about one file, under an identity of its own.
///
/// A source keeps one entry for a file and changes it. How records of one entry add up is the index builder's to say:
/// see [`IndexBuilder`](crate::IndexBuilder).
#[derive(Clone, Default, PartialEq)]
pub struct Entry {
    /// The source's own name for the entry, or `line-N` where it gives none. Never made from a hash: it is shown.
    pub entry_id: String,
    /// Who submitted the entry to the source, as the source names them.
    pub submitter: Option<String>,
    /// What kind of file the hashes are of.
    pub media_type: MediaType,
    /// The hashes of the file, none twice.
    pub hashes: Vec<HashValue>,
    /// Its hashes of kinds that cannot be matched here, none twice.
    pub other_hashes: Vec<OtherHash>,
    /// The PDQ quality of the file, 0 to 100, where the source gives it.
    pub quality: Option<u8>,
    /// What the source says the file is.
    pub classification: Option<Classification>,
    /// The source's tags, in its order.
    pub tags: Vec<String>,
    /// Whether the entry stands.
    pub status: EntryStatus,
    /// What the source holds of it on the whole.
    pub opinion: Opinion,
    /// How many members of the source agree with the entry.
    pub positive_opinions: u32,
    /// How many members of the source contradict it.
    pub negative_opinions: u32,
    /// The same for single kinds of hashes, where the source says so.
    pub kind_opinions: Vec<KindOpinions>,
    /// When the source first had the entry, in seconds since 1970 (UTC).
    pub first_seen: Option<i64>,
    /// When the source last changed the entry, in seconds since 1970 (UTC).
    pub source_updated: Option<i64>,
    /// When the entry was fetched from the source, in seconds since 1970 (UTC).
    pub fetched_at: Option<i64>,
}

impl Entry {
    /// Returns an active entry of an image with this id and nothing else.
    pub fn new(entry_id: impl Into<String>) -> Self {
        Self {
            entry_id: entry_id.into(),
            ..Self::default()
        }
    }

    /// Adds a hash unless the entry has it already, and returns whether it was added.
    ///
    /// O(n) in the hashes of the entry, which are a handful.
    pub fn add_hash(&mut self, hash: HashValue) -> bool {
        let new = !self.hashes.contains(&hash);
        if new {
            self.hashes.push(hash);
        }
        new
    }

    /// Adds a hash of a kind that cannot be matched here unless the entry has it already, and returns whether it was added.
    ///
    /// O(n) in such hashes of the entry, which are a handful.
    pub fn add_other_hash(&mut self, kind: impl Into<String>, value: impl Into<String>) -> bool {
        let hash = OtherHash {
            kind: kind.into(),
            value: value.into(),
        };
        let new = !self.other_hashes.contains(&hash);
        if new {
            self.other_hashes.push(hash);
        }
        new
    }

    /// Returns whether the entry has a hash of any kind, matchable here or not.
    pub fn has_hash(&self) -> bool {
        !self.hashes.is_empty() || !self.other_hashes.is_empty()
    }

    /// Returns what the source holds of the entry, where a status that contradicts it counts as well.
    pub fn opinion(&self) -> Opinion {
        match (self.opinion, &self.status) {
            (Opinion::Negative, _) => Opinion::Negative,
            (_, EntryStatus::Disputed) => Opinion::Disputed,
            (opinion, _) => opinion,
        }
    }
}

impl fmt::Debug for Entry {
    /// Prints how much there is of what, and no text of the list.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entry")
            .field("media_type", &self.media_type)
            .field("hashes", &self.hashes.len())
            .field("other_hashes", &self.other_hashes.len())
            .field("status", &self.status)
            .finish_non_exhaustive()
    }
}

/// What a list is as a whole. Results name it, so that a match can be traced to a version.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ListDescriptor {
    /// The name the list goes by here.
    pub name: String,
    /// Who supplies it, and which of their environments it is of.
    pub source: String,
    /// The source's own version of it.
    pub version: String,
    /// The list's own date, in seconds since 1970 (UTC).
    pub time: Option<i64>,
    /// The terms it was supplied under: purpose, licence, retention.
    pub terms: String,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hash::HashKind;

    #[test]
    fn only_a_withdrawn_entry_stops_matching() {
        for word in ["withdrawn", "DELETED", " Removed ", "revoked"] {
            assert_eq!(EntryStatus::parse(word), EntryStatus::Withdrawn);
            assert!(!EntryStatus::parse(word).matches());
        }
        for word in ["", " ", "Active", "OK"] {
            assert_eq!(EntryStatus::parse(word), EntryStatus::Active);
        }
        for word in ["", " ", "Active", "disputed", "received", "brand new word"] {
            assert!(EntryStatus::parse(word).matches(), "{word}");
        }
    }

    #[test]
    fn an_unknown_status_is_kept_as_it_is_spelled() {
        let status = EntryStatus::parse(" Under Review ");
        assert_eq!(status, EntryStatus::Other("Under Review".to_owned()));
        let json = serde_json::to_string(&status).unwrap();
        assert_eq!(json, "\"Under Review\"");
        assert_eq!(serde_json::from_str::<EntryStatus>(&json).unwrap(), status);
    }

    #[test]
    fn media_types_are_read_from_words_and_mime_types() {
        assert_eq!(MediaType::parse(""), MediaType::Image);
        assert_eq!(MediaType::parse("Photo"), MediaType::Image);
        assert_eq!(MediaType::parse("image/png"), MediaType::Image);
        assert_eq!(MediaType::parse("VIDEO/mp4"), MediaType::Video);
        assert_eq!(MediaType::parse("text"), MediaType::Unknown);
    }

    #[test]
    fn an_entry_keeps_one_of_equal_hashes() {
        let hash = HashValue::from_bytes(HashKind::Md5, &[7; 16]).unwrap();
        let mut entry = Entry::new("a");
        assert!(entry.add_hash(hash));
        assert!(!entry.add_hash(hash));
        assert_eq!(entry.hashes.len(), 1);
    }

    #[test]
    fn debug_output_holds_no_text_of_the_list() {
        let mut entry = Entry::new("secret-id");
        entry.status = EntryStatus::Other("secret-status".to_owned());
        entry.classification = Some(Classification {
            scheme: None,
            region: None,
            value: "secret-value".to_owned(),
        });
        let debug = format!("{entry:?} {:?} {:?}", entry.status, entry.classification);
        assert!(!debug.contains("secret"), "{debug}");
    }
}
