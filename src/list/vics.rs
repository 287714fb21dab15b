//! VICS, the JSON of Project VIC, in versions 1.3 and 2.0, and in version 1.2 as CAID: files of up to several gigabytes.
//!
//! A file is all that its maker knows; nothing in it takes anything back, so a new file replaces the old one. What a
//! category means depends on the region, so scheme and region travel with it, and what a category says is that it is
//! not relevant, or not looked at yet, is no confirmed entry.

use serde::Deserialize;

use super::error::QuarantineReason;
use super::json::Shape;
use super::json_list::{Output, Records};
use super::json_value::{List, Object, Scalar, Words, parse_field, parse_record};
use super::value::{NamedKind, parse_kind};
use crate::entry::{Classification, Entry, MediaType, Opinion};
use crate::hash::HashKind;

const ARRAY: &str = "value";

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct Media<'a> {
    #[serde(borrow, rename = "MediaID")]
    media_id: Scalar<'a>,
    #[serde(borrow)]
    category: Scalar<'a>,
    #[serde(borrow, rename = "MD5")]
    md5: Scalar<'a>,
    #[serde(borrow, rename = "SHA1")]
    sha1: Scalar<'a>,
    #[serde(borrow, rename = "SHA256")]
    sha256: Scalar<'a>,
    #[serde(borrow, rename = "PhotoDNA")]
    photodna: Scalar<'a>,
    #[serde(borrow)]
    alternative_hashes: List<Object<'a, AlternativeHash<'a>>>,
    #[serde(borrow)]
    date_updated: Scalar<'a>,
    #[serde(borrow)]
    mime_type: Scalar<'a>,
    #[serde(borrow)]
    series: Scalar<'a>,
    #[serde(borrow)]
    tags: Words<'a>,
    #[serde(borrow)]
    victim_identified: Scalar<'a>,
    #[serde(borrow)]
    offender_identified: Scalar<'a>,
    #[serde(borrow)]
    is_distributed: Scalar<'a>,
    #[serde(borrow)]
    is_suspected: Scalar<'a>,
    #[serde(borrow)]
    self_generated: Scalar<'a>,
    #[serde(borrow)]
    is_precategorized: Scalar<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct AlternativeHash<'a> {
    #[serde(borrow)]
    hash_name: Scalar<'a>,
    #[serde(borrow)]
    hash_value: Scalar<'a>,
}

/// What a file says of itself, and its reader of it.
pub(super) struct Vics {
    scheme: &'static str,
    region: Option<String>,
    /// Whether the region was given by whoever reads the file, who knows better than its maker.
    is_given: bool,
}

impl Vics {
    pub(super) fn new(region: Option<&str>) -> Self {
        Self {
            scheme: "vics",
            region: region.map(str::to_owned),
            is_given: region.is_some(),
        }
    }

    /// Takes the version and the region from the address of the data model.
    fn read_context(&mut self, context: &str) {
        let Some((before, after)) = context.split_once(".xml") else {
            return;
        };
        self.scheme = match before.ends_with("/1.2") {
            true => "caid",
            false => "vics",
        };
        let mut parts = after.split('/');
        let profile = parts
            .nth(1)
            .filter(|part| !part.is_empty() && !part.starts_with('$'));
        if !self.is_given {
            self.region = profile.map(str::to_owned);
        }
    }

    /// Returns what the source holds of a file of this category.
    fn opinion(&self, category: Option<&str>, is_suspected: bool) -> Opinion {
        match category {
            Some("0") => Opinion::Negative,
            Some("8") if self.scheme == "caid" => Opinion::Negative,
            Some("5") | None => Opinion::Investigation,
            Some(_) if is_suspected => Opinion::Investigation,
            Some(_) => Opinion::Positive,
        }
    }
}

impl Records for Vics {
    fn shape(&self) -> Shape {
        Shape {
            // The files of cases hold cases, and these the media.
            inside: Some("Media"),
            ..Shape::of(ARRAY)
        }
    }

    fn field(&mut self, name: &str, value: &[u8]) {
        if matches!(
            name,
            "odata.metadata" | "@odata.context" | "@odata.metadata"
        ) && let Some(context) = parse_field(value).text()
        {
            self.read_context(context);
        }
    }

    fn record(&mut self, bytes: &[u8], out: &mut Output<'_>) -> Result<(), QuarantineReason> {
        let media: Media<'_> = parse_record(bytes, ARRAY)?;
        // 0 is what programs write that give no ids. Taken for one, it would make one entry of a whole file.
        let id = media.media_id.id().filter(|id| id != "0");
        out.names(id.as_deref().unwrap_or_default());
        let mut entry = Entry::default();
        let mut bad_hashes = 0_u32;
        for (field, kind, value) in [
            ("MD5", NamedKind::Known(HashKind::Md5), &media.md5),
            ("SHA1", NamedKind::Known(HashKind::Sha1), &media.sha1),
            ("SHA256", NamedKind::Known(HashKind::Sha256), &media.sha256),
            ("PhotoDNA", NamedKind::Other("photodna"), &media.photodna),
        ] {
            if let Some(text) = value.text() {
                bad_hashes += u32::from(!out.hash(field, kind, text, &mut entry));
            } else if !value.is_empty() {
                bad_hashes += 1;
                out.bad_field(field);
            }
        }
        bad_hashes += u32::from(!media.alternative_hashes.is_whole);
        for hash in out.items("AlternativeHashes", media.alternative_hashes) {
            bad_hashes += u32::from(!alternative_hash(hash, &mut entry, out));
        }
        if !entry.has_hash() {
            return match bad_hashes {
                0 => Err(QuarantineReason::NoHash),
                // They are quarantined already.
                _ => Ok(()),
            };
        }
        for (field, tag, value) in [
            (
                "VictimIdentified",
                "victim-identified",
                &media.victim_identified,
            ),
            (
                "OffenderIdentified",
                "offender-identified",
                &media.offender_identified,
            ),
            ("IsDistributed", "distributed", &media.is_distributed),
            ("IsSuspected", "suspected", &media.is_suspected),
            ("SelfGenerated", "self-generated", &media.self_generated),
            (
                "IsPrecategorized",
                "precategorized",
                &media.is_precategorized,
            ),
        ] {
            if out.flag(field, value) {
                entry.tags.push(tag.to_owned());
            }
        }
        match media.series.spelled() {
            Some(series) => entry.tags.push(format!("series:{series}")),
            None if media.series.is_empty() => {}
            None => out.bad_field("Series"),
        }
        read_tags(media.tags, &mut entry, out);
        if let Some(mime_type) = media.mime_type.text() {
            entry.media_type = MediaType::parse(mime_type);
        }
        entry.source_updated = out.time("DateUpdated", &media.date_updated);
        let is_suspected = media.is_suspected.flag().unwrap_or_default();
        let category = category(&media.category, out);
        entry.opinion = self.opinion(category.as_deref(), is_suspected);
        entry.classification = category.map(|value| Classification {
            scheme: Some(self.scheme.to_owned()),
            region: self.region.clone(),
            value,
        });
        if bad_hashes > 0 {
            out.lacks_hashes();
        }
        match id {
            Some(id) => {
                entry.entry_id = id;
                out.entry(entry);
            }
            None => {
                if !media.media_id.is_empty() && media.media_id.id().is_none() {
                    out.bad_field("MediaID");
                }
                entry.entry_id = format!("record-{}", out.number());
                out.entry_by_value(entry);
            }
        }
        Ok(())
    }
}

/// Returns the category as text, if there is one.
fn category(value: &Scalar<'_>, out: &mut Output<'_>) -> Option<String> {
    let category = value.spelled();
    match &category {
        None if value.is_empty() => {}
        None => out.bad_field("Category"),
        Some(word) if matches!(word.as_bytes(), [b'0'..=b'9']) => {}
        Some(_) => out.unknown("Category"),
    }
    category.map(Into::into)
}

/// Adds a hash of another kind, and returns whether it is one.
fn alternative_hash(
    hash: Object<'_, AlternativeHash<'_>>,
    entry: &mut Entry,
    out: &mut Output<'_>,
) -> bool {
    let Object::Fields(hash) = hash else {
        out.bad_field("AlternativeHashes");
        return false;
    };
    let (Some(name), Some(value)) = (hash.hash_name.text(), hash.hash_value.text()) else {
        let is_empty = hash.hash_value.is_empty();
        if !is_empty {
            out.bad_field("AlternativeHashes");
        }
        return is_empty;
    };
    match parse_kind(name) {
        Ok(kind) => out.hash("AlternativeHashes", kind, value, entry),
        Err(_) => {
            out.unknown("HashName");
            entry.add_other_hash(name, value);
            true
        }
    }
}

/// Takes the tags of a text, with commas or semicolons between them, or of an array.
fn read_tags(tags: Words<'_>, entry: &mut Entry, out: &mut Output<'_>) {
    let mut add = |text: &str| {
        let each = text.split([';', ',']).map(str::trim);
        let each = each.filter(|tag| !tag.is_empty());
        entry.tags.extend(each.map(str::to_owned));
    };
    match tags {
        Words::None => {}
        Words::Text(text) => add(&text),
        Words::List(list) => {
            for tag in out.items("Tags", list) {
                match tag.spelled() {
                    Some(tag) => add(&tag),
                    None if tag.is_empty() => {}
                    None => out.bad_field("Tags"),
                }
            }
        }
        Words::Other => out.bad_field("Tags"),
    }
}
