//! The feed of StopNCII: pages of hashes that people asked platforms to watch for, each with the state of their cases.
//!
//! A record is the whole truth about one hash, which is also its name: there is no id. So an entry that is taken back
//! keeps its hash here, unlike those of other feeds, for whoever keeps the list to know which one that is.
//!
//! Few hashes of this feed were looked at by anybody but those who submitted them, so all of them are leads.

use serde::Deserialize;

use super::error::QuarantineReason;
use super::import::{FeedPosition, ListFormat};
use super::json::Shape;
use super::json_list::{Output, Records};
use super::json_value::{List, Names, Object, Scalar, parse_field, parse_record};
use super::value::NamedKind;
use crate::entry::{Entry, EntryStatus, MediaType, Opinion};
use crate::hash::HashKind;

const ARRAY: &str = "hashRecords";
const STATUSES: [&str; 5] = ["Received", "Active", "Withdrawn", "Deleted", "Unknown"];
const FEEDBACK: [&str; 7] = [
    "None",
    "QualityUnknown",
    "PendingReview",
    "Blocked",
    "NotBlocked",
    "Withdrawn",
    "Deleted",
];

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Record<'a> {
    #[serde(borrow, rename = "lastModtimestamp")]
    last_modified: Scalar<'a>,
    #[serde(borrow)]
    signal_type: Scalar<'a>,
    #[serde(borrow)]
    hash_value: Scalar<'a>,
    #[serde(borrow)]
    hash_status: Scalar<'a>,
    #[serde(borrow)]
    case_numbers: Names<'a>,
    #[serde(borrow)]
    hash_regions: List<Scalar<'a>>,
    #[serde(borrow, rename = "CSPFeedbacks")]
    feedback: List<Object<'a, Feedback<'a>>>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Feedback<'a> {
    #[serde(borrow)]
    source: Scalar<'a>,
    #[serde(borrow)]
    feedback_value: Scalar<'a>,
    #[serde(borrow)]
    tags: List<Scalar<'a>>,
}

/// What a page says of itself.
#[derive(Default)]
pub(super) struct StopNcii {
    position: FeedPosition,
}

impl Records for StopNcii {
    fn shape(&self) -> Shape {
        Shape::of(ARRAY)
    }

    fn field(&mut self, name: &str, value: &[u8]) {
        let value = parse_field(value);
        match name {
            "nextSetTimestamp" => {
                self.position.checkpoint = value.id();
                self.position.checkpoint_time = value.time().unwrap_or_default();
            }
            "hasMoreRecords" => self.position.has_more = value.flag().unwrap_or_default(),
            _ => {}
        }
    }

    fn record(&mut self, bytes: &[u8], out: &mut Output<'_>) -> Result<(), QuarantineReason> {
        let record: Record<'_> = parse_record(bytes, ARRAY)?;
        let mut entry = Entry::new(format!("record-{}", out.number()));
        entry.opinion = Opinion::Investigation;
        entry.status = status(&record.hash_status, out);
        let cases_stand = read_cases(&record.case_numbers, &mut entry, out);
        if !cases_stand {
            entry.status = EntryStatus::Withdrawn;
        }
        for region in out.items("hashRegions", record.hash_regions) {
            match region.spelled() {
                Some(region) => entry.tags.push(format!("region:{region}")),
                None => out.bad_field("hashRegions"),
            }
        }
        for feedback in out.items("CSPFeedbacks", record.feedback) {
            match feedback {
                Object::Fields(feedback) => read_feedback(feedback, &mut entry, out),
                _ => out.bad_field("CSPFeedbacks"),
            }
        }
        entry.source_updated = out.time("lastModtimestamp", &record.last_modified);
        let Some(hash) = record.hash_value.text() else {
            return Err(match entry.status {
                EntryStatus::Withdrawn => QuarantineReason::WithdrawsNothing,
                _ => QuarantineReason::NoHash,
            });
        };
        if read_hash(&record.signal_type, hash, &mut entry, out)? {
            out.entry_by_value(entry);
        }
        Ok(())
    }

    fn position(&mut self) -> Option<FeedPosition> {
        Some(FeedPosition {
            feed: ListFormat::StopNcii.name(),
            ..std::mem::take(&mut self.position)
        })
    }
}

/// Returns the status of a record. A word that is not documented may be one for hashes that stand, so it withdraws nothing.
fn status(value: &Scalar<'_>, out: &mut Output<'_>) -> EntryStatus {
    let Some(word) = value.spelled() else {
        out.bad_field("hashStatus");
        return EntryStatus::Active;
    };
    if !is_any(&word, &STATUSES) {
        out.unknown("hashStatus");
    }
    EntryStatus::parse(&word)
}

/// Takes the cases into the tags, and returns whether the hash stands by them: there is none, or one is active.
///
/// A hash may be of several cases, each taken back by the person who opened it. A state that is not documented may be
/// one in which a case stands.
fn read_cases(cases: &Names<'_>, entry: &mut Entry, out: &mut Output<'_>) -> bool {
    if cases.is_wrong {
        out.bad_field("caseNumbers");
    }
    let mut stand = cases.items.is_empty();
    for (case, state) in &cases.items {
        let Some(state) = state.spelled() else {
            out.bad_field("caseNumbers");
            stand = true;
            continue;
        };
        let is_known = is_any(&state, &STATUSES);
        if !is_known {
            out.unknown("caseNumbers");
        }
        stand |= match EntryStatus::parse(&state) {
            EntryStatus::Active => true,
            EntryStatus::Withdrawn => false,
            _ => !is_known,
        };
        entry.tags.push(format!("case:{case}:{state}"));
    }
    stand
}

/// Takes what a platform says of the hash into tags and counts.
fn read_feedback(feedback: Feedback<'_>, entry: &mut Entry, out: &mut Output<'_>) {
    let source = feedback.source.spelled().unwrap_or_default();
    match feedback.feedback_value.spelled() {
        Some(value) => {
            if !is_any(&value, &FEEDBACK) {
                out.unknown("feedbackValue");
            }
            let is = |word: &str| value.eq_ignore_ascii_case(word);
            entry.positive_opinions += u32::from(is("Blocked"));
            entry.negative_opinions += u32::from(is("NotBlocked"));
            entry.tags.push(format!("feedback:{source}:{value}"));
        }
        None => out.bad_field("feedbackValue"),
    }
    for tag in out.items("tags", feedback.tags) {
        match tag.spelled() {
            Some(tag) => entry.tags.push(format!("feedback-tag:{source}:{tag}")),
            None => out.bad_field("tags"),
        }
    }
}

/// Adds the hash, and returns whether it is one.
fn read_hash(
    signal_type: &Scalar<'_>,
    hash: &str,
    entry: &mut Entry,
    out: &mut Output<'_>,
) -> Result<bool, QuarantineReason> {
    let field = "signalType";
    let word = signal_type.spelled();
    let word = word.ok_or(QuarantineReason::BadField { field })?;
    let (kind, media_type) = match &*word {
        "ImagePDQ" => (NamedKind::Known(HashKind::Pdq), MediaType::Image),
        "VideoMD5" => (NamedKind::Known(HashKind::Md5), MediaType::Video),
        "VideoTMK" => (NamedKind::Other("tmk"), MediaType::Video),
        "Text" => (NamedKind::Other("text"), MediaType::Unknown),
        "URL" => (NamedKind::Other("url"), MediaType::Unknown),
        _ => {
            if word != "Unknown" {
                out.unknown(field);
            }
            entry.media_type = MediaType::Unknown;
            entry.add_other_hash(word, hash);
            return Ok(true);
        }
    };
    entry.media_type = media_type;
    Ok(out.hash("hashValue", kind, hash, entry))
}

fn is_any(word: &str, words: &[&str]) -> bool {
    words.iter().any(|known| word.eq_ignore_ascii_case(known))
}
