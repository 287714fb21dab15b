//! Entries as bytes: the codes of an entry's record and the fields of its attributes.

use super::layout::QUALITY_UNKNOWN;
use crate::entry::{Classification, Entry, EntryStatus, MediaType};

const SUBMITTER: u8 = 1;
const SCHEME: u8 = 2;
const REGION: u8 = 3;
const CLASSIFICATION: u8 = 4;
const TAG: u8 = 5;
const STATUS: u8 = 6;
const POSITIVE_OPINIONS: u8 = 7;
const NEGATIVE_OPINIONS: u8 = 8;
const FIRST_SEEN: u8 = 9;
const SOURCE_UPDATED: u8 = 10;
const FETCHED_AT: u8 = 11;

/// The status code of a record; a withdrawn entry has none.
pub(super) fn status_code(status: &EntryStatus) -> Option<u8> {
    match status {
        EntryStatus::Active => Some(0),
        EntryStatus::Disputed => Some(1),
        EntryStatus::Other(_) => Some(2),
        EntryStatus::Withdrawn => None,
    }
}

pub(super) fn media_type_code(media_type: MediaType) -> u8 {
    match media_type {
        MediaType::Image => 0,
        MediaType::Video => 1,
        MediaType::Unknown => 2,
    }
}

/// Appends an entry's attributes. Fields that say nothing are left out, so that like entries share their bytes.
pub(super) fn write_attributes(entry: &Entry, bytes: &mut Vec<u8>) {
    let mut field = |tag: u8, value: &[u8]| {
        // Longer than 4 GiB cannot occur: importers bound a record at 64 KiB and the sorter refuses it.
        let len = u32::try_from(value.len()).unwrap_or(u32::MAX);
        bytes.push(tag);
        bytes.extend(len.to_le_bytes());
        bytes.extend(value);
    };
    let mut text = |tag, value: &Option<String>| {
        if let Some(value) = value {
            field(tag, value.as_bytes());
        }
    };
    text(SUBMITTER, &entry.submitter);
    if let Some(Classification {
        scheme,
        region,
        value,
    }) = &entry.classification
    {
        text(SCHEME, scheme);
        text(REGION, region);
        field(CLASSIFICATION, value.as_bytes());
    }
    for tag in &entry.tags {
        field(TAG, tag.as_bytes());
    }
    if let EntryStatus::Other(status) = &entry.status {
        field(STATUS, status.as_bytes());
    }
    for (tag, count) in [
        (POSITIVE_OPINIONS, entry.positive_opinions),
        (NEGATIVE_OPINIONS, entry.negative_opinions),
    ] {
        if count != 0 {
            field(tag, &count.to_le_bytes());
        }
    }
    for (tag, time) in [
        (FIRST_SEEN, entry.first_seen),
        (SOURCE_UPDATED, entry.source_updated),
        (FETCHED_AT, entry.fetched_at),
    ] {
        if let Some(time) = time {
            field(tag, &time.to_le_bytes());
        }
    }
}

/// Returns the entry that codes and attributes spell, without its hashes, or what is wrong with them.
pub(super) fn read_entry(
    entry_id: String,
    codes: [u8; 3],
    mut attributes: &[u8],
) -> Result<Entry, &'static str> {
    let mut entry = Entry::new(entry_id);
    let [status, media_type, quality] = codes;
    entry.status = match status {
        0 => EntryStatus::Active,
        1 => EntryStatus::Disputed,
        2 => EntryStatus::Other(String::new()),
        _ => return Err("unknown status"),
    };
    entry.media_type = match media_type {
        0 => MediaType::Image,
        1 => MediaType::Video,
        2 => MediaType::Unknown,
        _ => return Err("unknown media type"),
    };
    entry.quality = match quality {
        QUALITY_UNKNOWN => None,
        0..=100 => Some(quality),
        _ => return Err("quality above 100"),
    };
    let (mut scheme, mut region) = (None, None);
    while let Some((tag, value)) = next_field(&mut attributes)? {
        let text = || {
            let text = std::str::from_utf8(value);
            text.map(str::to_owned)
                .map_err(|_| "an attribute is not UTF-8")
        };
        let count = || {
            let bytes = value.try_into();
            bytes
                .map(u32::from_le_bytes)
                .map_err(|_| "a count has not 4 bytes")
        };
        let time = || {
            let bytes = value.try_into();
            bytes
                .map(i64::from_le_bytes)
                .map_err(|_| "a time has not 8 bytes")
        };
        match tag {
            SUBMITTER => entry.submitter = Some(text()?),
            SCHEME => scheme = Some(text()?),
            REGION => region = Some(text()?),
            CLASSIFICATION => {
                entry.classification = Some(Classification {
                    scheme: scheme.take(),
                    region: region.take(),
                    value: text()?,
                });
            }
            TAG => entry.tags.push(text()?),
            STATUS if status == 2 => entry.status = EntryStatus::Other(text()?),
            POSITIVE_OPINIONS => entry.positive_opinions = count()?,
            NEGATIVE_OPINIONS => entry.negative_opinions = count()?,
            FIRST_SEEN => entry.first_seen = Some(time()?),
            SOURCE_UPDATED => entry.source_updated = Some(time()?),
            FETCHED_AT => entry.fetched_at = Some(time()?),
            _ => {}
        }
    }
    Ok(entry)
}

/// Takes a field off the front of attributes.
fn next_field<'a>(attributes: &mut &'a [u8]) -> Result<Option<(u8, &'a [u8])>, &'static str> {
    let Some((&tag, rest)) = attributes.split_first() else {
        return Ok(None);
    };
    let cut = "attributes end inside a field";
    let (len, rest) = rest.split_first_chunk::<4>().ok_or(cut)?;
    let len = usize::try_from(u32::from_le_bytes(*len)).map_err(|_| cut)?;
    let (value, rest) = rest.split_at_checked(len).ok_or(cut)?;
    *attributes = rest;
    Ok(Some((tag, value)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn full_entry() -> Entry {
        let mut entry = Entry::new("id");
        entry.submitter = Some("member 42".to_owned());
        entry.classification = Some(Classification {
            scheme: Some("scheme".to_owned()),
            region: Some("region".to_owned()),
            value: "A1".to_owned(),
        });
        entry.tags = vec!["one".to_owned(), String::new(), "three".to_owned()];
        entry.status = EntryStatus::Other("under review".to_owned());
        entry.media_type = MediaType::Video;
        entry.quality = Some(77);
        entry.positive_opinions = 3;
        entry.negative_opinions = 1;
        entry.first_seen = Some(-1);
        entry.source_updated = Some(1_700_000_000);
        entry.fetched_at = Some(0);
        entry
    }

    #[test]
    fn every_field_of_an_entry_survives() {
        let entry = full_entry();
        let mut attributes = Vec::new();
        write_attributes(&entry, &mut attributes);
        let codes = [
            status_code(&entry.status).unwrap(),
            media_type_code(entry.media_type),
            77,
        ];
        assert_eq!(
            read_entry("id".to_owned(), codes, &attributes),
            Ok(entry.clone())
        );
        // A later version's tag is passed over.
        attributes.extend([200, 1, 0, 0, 0, 9]);
        assert_eq!(read_entry("id".to_owned(), codes, &attributes), Ok(entry));
    }

    #[test]
    fn attributes_cut_anywhere_never_panic() {
        let mut attributes = Vec::new();
        write_attributes(&full_entry(), &mut attributes);
        let cut = (0..attributes.len())
            .map(|len| read_entry(String::new(), [2, 0, 255], &attributes[..len]));
        assert!(cut.filter(Result::is_err).count() > attributes.len() / 2);
    }

    #[test]
    fn unknown_codes_are_refused() {
        assert!(read_entry(String::new(), [3, 0, 0], &[]).is_err());
        assert!(read_entry(String::new(), [0, 3, 0], &[]).is_err());
        assert!(read_entry(String::new(), [0, 0, 101], &[]).is_err());
    }
}
