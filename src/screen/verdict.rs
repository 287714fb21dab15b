//! What screening says: the verdict, its matches, and the record of evidence.

use std::fmt;
use std::sync::Arc;

use serde::Serialize;

use super::decide::Suppression;
use super::plan::SearchedIn;
use super::policy::Action;
use crate::decode::DecodeError;
use crate::entry::{Classification, EntryStatus, Opinion};
use crate::hash::Dihedral;
use crate::hash::HashKind;

/// What came of screening one input. Only [`Status::NoMatch`] says that everything asked for was looked at and nothing
/// was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Status {
    /// At least one entry matches. Where that is only observed it decides nothing of what could not be looked at:
    /// [`Verdict::undecided`] says why.
    Match,
    /// Every hash that the policy asks for was made and looked up, and none matches.
    NoMatch,
    /// Entries match, and the policy lets none of them count: [`Verdict::suppressed`] says why, one by one. Everything asked for
    /// was looked at. It says nothing of what the picture shows.
    Suppressed,
    /// No match; but a picture or frame holds too little structure for a list's minimum quality, or for a classic hash
    /// ([`ClassicHash::degenerate`](crate::ClassicHash::degenerate)).
    LowQuality,
    /// No match; but a picture has fewer rows or columns than a hash that was to be looked up needs.
    TooSmall,
    /// No match among digests; the format, or a feature of it, cannot be decoded here.
    Unsupported,
    /// No match in what is there; the file ends before its pictures do.
    Truncated,
    /// No match in what could be read; the file is damaged.
    Malformed,
    /// No match in what was looked at; the file is over a limit.
    OverLimit,
    /// No match; but a list that was looked at is older than the policy, or its store, allows.
    ListOutOfDate,
    /// No index is loaded, or none holds a hash that the policy looks up for this input, so nothing was looked up.
    IndexNotLoaded,
    /// An index is damaged; what it lacks could not be looked up.
    IndexDamaged,
}

impl Status {
    /// Returns the stable name used in reports, for example `no_match`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Match => "match",
            Self::NoMatch => "no_match",
            Self::Suppressed => "suppressed",
            Self::LowQuality => "low_quality",
            Self::TooSmall => "too_small",
            Self::Unsupported => "unsupported",
            Self::Truncated => "truncated",
            Self::Malformed => "malformed",
            Self::OverLimit => "over_limit",
            Self::ListOutOfDate => "list_out_of_date",
            Self::IndexNotLoaded => "index_not_loaded",
            Self::IndexDamaged => "index_damaged",
        }
    }

    /// Returns whether this alone answers the question: a match, or for certain no match that counts. Whoever acts on it asks
    /// [`Verdict::is_decided`], for an input of which not everything could be looked at may match a list on trial.
    pub const fn is_decided(self) -> bool {
        matches!(self, Self::Match | Self::NoMatch | Self::Suppressed)
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl From<&DecodeError> for Status {
    fn from(error: &DecodeError) -> Self {
        match error {
            DecodeError::Unsupported { .. } => Self::Unsupported,
            DecodeError::Truncated { .. } => Self::Truncated,
            DecodeError::OverLimit { .. } => Self::OverLimit,
            DecodeError::Malformed { .. } => Self::Malformed,
        }
    }
}

/// How a match came about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum MatchType {
    /// The file's bytes have the digest of the entry: it is the same file.
    Exact,
    /// The picture has a perceptual hash within the threshold of the entry's: it looks alike. A lead, not a proof.
    Near,
}

impl MatchType {
    /// Returns the stable lower-case name: `exact` or `near`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::Near => "near",
        }
    }
}

/// One entry that an input matches, at its smallest distance.
#[derive(Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct EntryMatch {
    /// The list's name.
    pub list: String,
    /// The list's version, as its source states it.
    pub list_version: String,
    /// The entry's id in that list.
    pub entry: String,
    /// Who submitted the entry, if the list says so.
    pub submitter: Option<String>,
    /// What the list says the entry is, in its own words.
    pub classification: Option<Classification>,
    /// The entry's status.
    pub entry_status: EntryStatus,
    /// What the list holds of the entry on the whole.
    pub opinion: Opinion,
    /// The kind of hash that matches.
    pub kind: HashKind,
    /// Whether the file is the same or the picture looks alike.
    pub match_type: MatchType,
    /// The number of bits that differ; 0 for digests.
    pub distance: u32,
    /// The largest distance that would have matched under the policy; none for digests.
    pub threshold: Option<u32>,
    /// The PDQ quality of the picture that was looked up, 0 to 100; none for digests and classic kinds.
    pub quality: Option<u8>,
    /// Which rotation or reflection of the picture matches, for classic kinds always the original; none for digests.
    pub transform: Option<Dihedral>,
    /// The frame that matches, counted from 0; none for digests.
    pub frame: Option<u32>,
    /// Which of the policy's rules for classifications of the list holds, counted from 1, if one does.
    pub rule: Option<usize>,
    /// What the policy asks for, or would if the match counted.
    pub action: Action,
}

impl fmt::Debug for EntryMatch {
    /// Prints how close the match is, and nothing of the entry.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EntryMatch")
            .field("kind", &self.kind)
            .field("distance", &self.distance)
            .field("action", &self.action)
            .finish_non_exhaustive()
    }
}

/// An entry that an input matches and that does not count.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct SuppressedMatch {
    /// The match, as it would be if it counted.
    #[serde(rename = "match")]
    pub found: EntryMatch,
    /// Why it does not count.
    pub suppression: Suppression,
}

/// What screening says of one input.
///
/// It is confidential: matches name lists and entries. What an uploader may be shown is at most one outcome that is
/// the same for every refused upload.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Verdict {
    /// What came of it. A match found before an input turned out damaged is a match; `undecided` and `problem` say the rest.
    pub status: Status,
    /// The status that the input would have without the matches that count, if that answers nothing: none if it is
    /// [`Status::NoMatch`] or [`Status::Suppressed`]. A stronger match may be in what could not be looked at, or in a list that is
    /// out of date.
    pub undecided: Option<Status>,
    /// The strongest action that a match asks for; none without a match.
    pub action: Option<Action>,
    /// The entries that match: exact before near, then by distance, kind, list and entry. One for each entry and kind,
    /// at its smallest distance.
    ///
    /// There is no other bound: all entries that match are here or in `suppressed`, however many. Meanwhile some dozens of bytes are
    /// kept for each, and for each hash of a picture at most twice as many ways to match as there are such entries, or 65,536. The record of
    /// an entry is read once for the rules of its list, if it has any, and once for the verdict.
    pub matches: Vec<EntryMatch>,
    /// The entries that match and do not count, in the same order, each with the reason.
    pub suppressed: Vec<SuppressedMatch>,
    /// Why the input could not be decided, or not fully, beside low quality, which `low_quality_frames` tells: everything that stood
    /// in the way, and which lists are out of date. Holds no byte of the input.
    pub problem: Option<String>,
    /// How many pictures were hashed: the frames of an animation that differ, else 1; 0 if none could be.
    pub frames: u32,
    /// The name and version of the way from the file to its PDQ hashes: [`PDQ_PROFILE`](crate::PDQ_PROFILE), or
    /// [`PDQ_PROFILE_JPEG_LUMA`](crate::PDQ_PROFILE_JPEG_LUMA) where a JPEG was decoded so. None if none was computed.
    pub profile: Option<&'static str>,
    /// The same of classic hashes: [`CLASSIC_PROFILE`](crate::CLASSIC_PROFILE) or
    /// [`CLASSIC_PROFILE_JPEG_LUMA`](crate::CLASSIC_PROFILE_JPEG_LUMA).
    pub classic_profile: Option<&'static str>,
    /// How many of them hold too little structure for a list's minimum quality, or for a classic hash.
    pub low_quality_frames: u32,
    /// The lists that were looked at and are older than the policy, or the store, allows.
    pub lists_out_of_date: Vec<String>,
    /// What was searched.
    #[serde(skip)]
    pub(super) searched_in: Arc<SearchedIn>,
}

impl Verdict {
    /// Returns whether the question was answered: everything was looked at, or something matches that asks for more than to be
    /// observed, which what was not looked at would not make less.
    pub fn is_decided(&self) -> bool {
        let asks_for_something = self.action.is_some_and(|action| action > Action::Observe);
        self.status.is_decided() && (self.undecided.is_none() || asks_for_something)
    }
}

/// A record of how a verdict came about, to be kept with a report. Confidential.
///
/// It never holds a picture or a hash of a list, beyond the input's own SHA-256. Nothing is sent anywhere by making one.
#[derive(Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Evidence {
    /// The version of this library.
    pub hashsieve_version: &'static str,
    /// The name and version of the way from file to PDQ hash, as in the verdict.
    pub profile: Option<&'static str>,
    /// The same of classic hashes.
    pub classic_profile: Option<&'static str>,
    /// Whether EXIF orientation was applied before hashing.
    pub exif_orientation_applied: bool,
    /// Whether rotations and reflections were looked up.
    pub dihedral: bool,
    /// The SHA-256 of the policy that was followed, written as JSON by this version of the library, so that it can be told whether two
    /// records are of one policy.
    pub policy_sha256: String,
    /// What was searched.
    #[serde(flatten)]
    pub searched_in: SearchedIn,
    /// The length of the input in bytes.
    pub input_bytes: u64,
    /// The SHA-256 of the input, so that the record can be tied to the file.
    pub input_sha256: String,
    /// When the record was made, in seconds since 1970 (UTC), by this machine's clock.
    pub made_at: u64,
    /// Whether a person has looked at the match. Always false here: whoever looks sets it.
    pub viewed_by_human: bool,
    /// The verdict.
    pub verdict: Verdict,
}

impl fmt::Debug for Evidence {
    /// Prints the verdict without its entries, and no digest of the input: of an exact match it is a hash of a list.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Evidence")
            .field("hashsieve_version", &self.hashsieve_version)
            .field("profile", &self.profile)
            .field("searched_in", &self.searched_in)
            .field("input_bytes", &self.input_bytes)
            .field("viewed_by_human", &self.viewed_by_human)
            .field("verdict", &self.verdict)
            .finish_non_exhaustive()
    }
}
