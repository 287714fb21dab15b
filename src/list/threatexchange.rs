//! Pages of `threat_updates` of ThreatExchange, by which also the hash-sharing database of GIFCT is handed out.
//!
//! A record is the whole truth about one indicator, which has an id. It is taken back when it says so, and when nobody's
//! description of it is left. Its hash is then not needed: the duty is to forget it.

use std::collections::BTreeSet;

use serde::Deserialize;

use super::error::QuarantineReason;
use super::import::{FeedPosition, ListFormat};
use super::json::Shape;
use super::json_list::{Output, Records};
use super::json_value::{Edge, Object, Scalar, parse_record};
use super::value::{NamedKind, parse_kind};
use crate::entry::{Entry, EntryStatus, MediaType, Opinion};
use crate::hash::HashKind;

const ARRAY: &str = "data";

#[derive(Default, Deserialize)]
#[serde(default)]
struct Record<'a> {
    #[serde(borrow)]
    id: Scalar<'a>,
    #[serde(borrow)]
    indicator: Scalar<'a>,
    #[serde(borrow, rename = "type")]
    kind: Scalar<'a>,
    #[serde(borrow)]
    last_updated: Scalar<'a>,
    #[serde(borrow)]
    should_delete: Scalar<'a>,
    #[serde(borrow)]
    descriptors: Edge<Object<'a, Descriptor<'a>>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Descriptor<'a> {
    #[serde(borrow)]
    owner: Object<'a, Owner<'a>>,
    #[serde(borrow)]
    status: Scalar<'a>,
    #[serde(borrow)]
    added_on: Scalar<'a>,
    #[serde(borrow)]
    tags: Edge<Object<'a, Tag<'a>>>,
    #[serde(borrow)]
    reactions: Edge<Object<'a, Reaction<'a>>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Owner<'a> {
    #[serde(borrow)]
    id: Scalar<'a>,
    #[serde(borrow)]
    name: Scalar<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Tag<'a> {
    #[serde(borrow)]
    text: Scalar<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Reaction<'a> {
    #[serde(borrow)]
    key: Scalar<'a>,
    #[serde(borrow)]
    value: Scalar<'a>,
}

/// What the descriptors of an indicator come to.
#[derive(Default)]
struct Said {
    positive: bool,
    lead: bool,
    negative: bool,
    helpful: BTreeSet<String>,
    disagree: BTreeSet<String>,
}

impl Said {
    fn opinion(&self) -> Opinion {
        match (self.positive, self.lead, self.negative) {
            (false, false, true) => Opinion::Negative,
            (_, _, true) => Opinion::Disputed,
            (true, _, false) => Opinion::Positive,
            (false, _, false) => Opinion::Investigation,
        }
    }
}

/// What a page says of itself.
#[derive(Default)]
pub(super) struct ThreatExchange {
    /// The latest change in the page. The next request asks for what changed since.
    last_updated: Option<i64>,
    has_more: bool,
}

impl Records for ThreatExchange {
    fn shape(&self) -> Shape {
        Shape::of(ARRAY)
    }

    fn field(&mut self, name: &str, value: &[u8]) {
        #[derive(Default, Deserialize)]
        #[serde(default)]
        struct Paging<'a> {
            #[serde(borrow)]
            next: Scalar<'a>,
        }
        if name == "paging"
            && let Ok(paging) = parse_record::<Paging<'_>>(value, "paging")
        {
            self.has_more = !paging.next.is_empty();
        }
    }

    fn record(&mut self, bytes: &[u8], out: &mut Output<'_>) -> Result<(), QuarantineReason> {
        let record: Record<'_> = parse_record(bytes, ARRAY)?;
        let updated = out.time("last_updated", &record.last_updated);
        let descriptors = record.descriptors.0;
        let is_gone = descriptors.items.is_empty() && descriptors.is_whole;
        let is_withdrawn = out.flag("should_delete", &record.should_delete) || is_gone;
        let id = out.id(&record.id, is_withdrawn)?;
        self.last_updated = self.last_updated.max(updated);
        let mut entry = Entry::new(id);
        entry.source_updated = updated;
        if is_withdrawn {
            entry.status = EntryStatus::Withdrawn;
            out.entry(entry);
            return Ok(());
        }
        let mut said = Said::default();
        for descriptor in out.items("descriptors", descriptors) {
            match descriptor {
                Object::Fields(descriptor) => {
                    read_descriptor(descriptor, &mut said, &mut entry, out)
                }
                _ => out.bad_field("descriptors"),
            }
        }
        entry.opinion = said.opinion();
        entry.positive_opinions = count(&said.helpful);
        entry.negative_opinions = count(&said.disagree);
        let hash = record.indicator.text().ok_or(QuarantineReason::NoHash)?;
        if read_hash(&record.kind, hash, &mut entry, out)? {
            out.entry(entry);
        }
        Ok(())
    }

    fn position(&mut self) -> Option<FeedPosition> {
        let position = FeedPosition {
            checkpoint: self.last_updated.map(|seconds| seconds.to_string()),
            checkpoint_time: self.last_updated,
            has_more: self.has_more,
            feed: ListFormat::ThreatExchange.name(),
        };
        Some(position)
    }
}

fn count(ids: &BTreeSet<String>) -> u32 {
    u32::try_from(ids.len()).unwrap_or(u32::MAX)
}

/// Takes what one member says of the indicator.
fn read_descriptor(
    descriptor: Descriptor<'_>,
    said: &mut Said,
    entry: &mut Entry,
    out: &mut Output<'_>,
) {
    if let Object::Fields(owner) = &descriptor.owner
        && let Some(owner) = owner.id.id().or_else(|| owner.name.id())
    {
        match &entry.submitter {
            None => entry.submitter = Some(owner),
            Some(first) if *first == owner => {}
            Some(_) => add_tag(entry, format!("owner:{owner}")),
        }
    }
    match descriptor.status.text() {
        Some("MALICIOUS") => said.positive = true,
        Some("NON_MALICIOUS") => said.negative = true,
        Some("SUSPICIOUS" | "UNKNOWN") | None => said.lead = true,
        Some(other) => {
            said.lead = true;
            out.unknown("status");
            add_tag(entry, format!("status:{other}"));
        }
    }
    if let Some(added) = out.time("added_on", &descriptor.added_on) {
        entry.first_seen = Some(entry.first_seen.map_or(added, |first| first.min(added)));
    }
    for tag in out.items("tags", descriptor.tags.0) {
        let text = match &tag {
            Object::Fields(tag) => tag.text.text(),
            Object::Text(text) => Some(&**text),
            Object::Other => None,
        };
        match text {
            Some(text) => add_tag(entry, text.to_owned()),
            None => out.bad_field("tags"),
        }
    }
    for reaction in out.items("reactions", descriptor.reactions.0) {
        let Object::Fields(reaction) = reaction else {
            out.bad_field("reactions");
            continue;
        };
        let ids = match reaction.key.text() {
            Some("HELPFUL") => &mut said.helpful,
            Some("DISAGREE_WITH_TAGS") => &mut said.disagree,
            _ => continue,
        };
        let value = reaction.value.spelled().unwrap_or_default();
        let each = value.split(',').map(str::trim).filter(|id| !id.is_empty());
        ids.extend(each.map(str::to_owned));
    }
}

/// Adds a tag. Members repeat each other's; only among very many, which nobody has, are repetitions not looked for.
fn add_tag(entry: &mut Entry, tag: String) {
    if entry.tags.len() > 256 || !entry.tags.contains(&tag) {
        entry.tags.push(tag);
    }
}

/// Adds the hash, and returns whether it is one.
fn read_hash(
    kind: &Scalar<'_>,
    hash: &str,
    entry: &mut Entry,
    out: &mut Output<'_>,
) -> Result<bool, QuarantineReason> {
    let word = kind.text();
    let word = word.ok_or(QuarantineReason::BadField { field: "type" })?;
    let name = word.strip_prefix("HASH_").unwrap_or(word);
    let (is_video, name) = match name.strip_prefix("VIDEO_") {
        Some(name) => (true, name),
        None => (false, name),
    };
    let kind = match name {
        "URI" => Some(NamedKind::Other("url")),
        _ => parse_kind(name).ok(),
    };
    let has_tag = |wanted: &str| entry.tags.iter().any(|tag| tag == wanted);
    entry.media_type = match kind {
        Some(NamedKind::Known(HashKind::Pdq)) => MediaType::Image,
        Some(NamedKind::Other("tmk" | "vpdq")) => MediaType::Video,
        Some(NamedKind::Other("url" | "text")) => MediaType::Unknown,
        _ if is_video => MediaType::Video,
        _ if has_tag("media_type_video") && !has_tag("media_type_photo") => MediaType::Video,
        Some(_) => MediaType::Image,
        None => MediaType::Unknown,
    };
    Ok(match kind {
        Some(kind) => out.hash("indicator", kind, hash, entry),
        None => {
            out.unknown("type");
            entry.add_other_hash(word, hash);
            true
        }
    })
}
