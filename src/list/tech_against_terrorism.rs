//! The hash list of the Terrorist Content Analytics Platform of Tech Against Terrorism, page by page.
//!
//! An entry is known by its id: two ids may have one hash, and taking back one of them leaves the other.

use serde::Deserialize;

use super::error::QuarantineReason;
use super::import::{FeedPosition, ListFormat};
use super::json::Shape;
use super::json_list::{Output, Records};
use super::json_value::{Scalar, parse_field, parse_record};
use super::value::parse_kind;
use crate::entry::{Entry, EntryStatus, MediaType};

const ARRAY: &str = "results";
const IDEOLOGIES: [&str; 2] = ["islamist", "far-right"];
const IMAGES: [&str; 10] = [
    "jpg", "jpeg", "jfif", "png", "gif", "webp", "bmp", "tif", "tiff", "heic",
];
const VIDEOS: [&str; 10] = [
    "mp4", "m4v", "mov", "avi", "mkv", "webm", "wmv", "flv", "mpg", "mpeg",
];

#[derive(Default, Deserialize)]
#[serde(default)]
struct Record<'a> {
    #[serde(borrow)]
    id: Scalar<'a>,
    #[serde(borrow)]
    hash_digest: Scalar<'a>,
    #[serde(borrow)]
    algorithm: Scalar<'a>,
    #[serde(borrow)]
    ideology: Scalar<'a>,
    #[serde(borrow)]
    file_type: Scalar<'a>,
    #[serde(borrow)]
    deleted: Scalar<'a>,
    #[serde(borrow)]
    created_on: Scalar<'a>,
    #[serde(borrow)]
    updated_on: Scalar<'a>,
}

/// What a page says of itself.
#[derive(Default)]
pub(super) struct TechAgainstTerrorism {
    position: FeedPosition,
}

impl Records for TechAgainstTerrorism {
    fn shape(&self) -> Shape {
        Shape::of(ARRAY)
    }

    fn field(&mut self, name: &str, value: &[u8]) {
        let value = parse_field(value);
        match name {
            "checkpoint" => {
                self.position.checkpoint = value.id();
                // `1724856487.709035,10594`: the time and the id of the last change.
                let time = value.text().and_then(|text| text.split(',').next());
                let time = time.map(|time| Scalar::Text(time.into()).time());
                self.position.checkpoint_time = time.and_then(Result::ok).flatten();
            }
            "next" => self.position.has_more = !value.is_empty(),
            _ => {}
        }
    }

    fn record(&mut self, bytes: &[u8], out: &mut Output<'_>) -> Result<(), QuarantineReason> {
        let record: Record<'_> = parse_record(bytes, ARRAY)?;
        let is_withdrawn = out.flag("deleted", &record.deleted);
        let id = out.id(&record.id, is_withdrawn)?;
        let mut entry = Entry::new(id);
        entry.source_updated = out.time("updated_on", &record.updated_on);
        if is_withdrawn {
            entry.status = EntryStatus::Withdrawn;
            out.entry(entry);
            return Ok(());
        }
        entry.first_seen = out.time("created_on", &record.created_on);
        if let Some(ideology) = record.ideology.spelled() {
            if !IDEOLOGIES.contains(&&*ideology) {
                out.unknown("ideology");
            }
            entry.tags.push(format!("ideology:{ideology}"));
        }
        entry.media_type = media_type(record.file_type.text(), &mut entry);
        let hash = record.hash_digest.text().ok_or(QuarantineReason::NoHash)?;
        let field = "algorithm";
        let algorithm = record.algorithm.text();
        let algorithm = algorithm.ok_or(QuarantineReason::BadField { field })?;
        let is_hash = match parse_kind(algorithm) {
            Ok(kind) => out.hash("hash_digest", kind, hash, &mut entry),
            Err(_) => {
                out.unknown(field);
                entry.add_other_hash(algorithm, hash);
                true
            }
        };
        if is_hash {
            out.entry(entry);
        }
        Ok(())
    }

    fn position(&mut self) -> Option<FeedPosition> {
        Some(FeedPosition {
            feed: ListFormat::TechAgainstTerrorism.name(),
            ..std::mem::take(&mut self.position)
        })
    }
}

/// Returns what a file is by the ending of its name or its MIME type; the word becomes a tag when it is neither picture nor
/// video.
fn media_type(word: Option<&str>, entry: &mut Entry) -> MediaType {
    let Some(word) = word else {
        return MediaType::default();
    };
    let ending = word.trim_start_matches('.');
    let is_any = |endings: &[&str]| endings.iter().any(|one| ending.eq_ignore_ascii_case(one));
    if is_any(&IMAGES) {
        return MediaType::Image;
    }
    if is_any(&VIDEOS) {
        return MediaType::Video;
    }
    let parsed = MediaType::parse(word);
    if parsed == MediaType::Unknown {
        entry.tags.push(format!("file-type:{word}"));
    }
    parsed
}
