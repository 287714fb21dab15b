//! Entries as bytes: the codes of an entry's record and the fields of its attributes.

use super::layout::QUALITY_UNKNOWN;
use crate::entry::{
    Classification, Entry, EntryStatus, KindOpinions, MediaType, Opinion, OtherHash,
};

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

const OPINION: u8 = 12;
const OTHER_HASH: u8 = 13;
const KIND_OPINIONS: u8 = 14;

/// The status code of a withdrawn entry.
pub(crate) const WITHDRAWN_CODE: u8 = 3;

/// The status code of a record.
pub(super) fn status_code(status: &EntryStatus) -> u8 {
    match status {
        EntryStatus::Active => 0,
        EntryStatus::Disputed => 1,
        EntryStatus::Other(_) => 2,
        EntryStatus::Withdrawn => WITHDRAWN_CODE,
    }
}

fn opinion_code(opinion: Opinion) -> u8 {
    match opinion {
        Opinion::Positive => 0,
        Opinion::Investigation => 1,
        Opinion::Disputed => 2,
        Opinion::Negative => 3,
    }
}

pub(super) fn media_type_code(media_type: MediaType) -> u8 {
    match media_type {
        MediaType::Image => 0,
        MediaType::Video => 1,
        MediaType::Unknown => 2,
    }
}

/// Appends one field of attributes.
fn write_field(tag: u8, value: &[u8], bytes: &mut Vec<u8>) {
    // Longer than 4 GiB cannot occur: what reads records bounds them, and the builder refuses longer ones.
    let len = u32::try_from(value.len()).unwrap_or(u32::MAX);
    bytes.push(tag);
    bytes.extend(len.to_le_bytes());
    bytes.extend(value);
}

/// Returns how many bytes [`write_other`] appends for a hash of a length.
pub(super) const fn other_len(hash_len: usize) -> usize {
    1 + size_of::<u32>() + hash_len
}

/// Appends a hash that cannot be matched: the name of its kind, a zero and its text.
pub(super) fn write_other(hash: &[u8], bytes: &mut Vec<u8>) {
    write_field(OTHER_HASH, hash, bytes);
}

/// Takes the hashes that cannot be matched out of attributes, and appends what is left to `rest`.
pub(super) fn split_others<'a>(
    mut attributes: &'a [u8],
    rest: &mut Vec<u8>,
    others: &mut Vec<&'a [u8]>,
) -> Result<(), &'static str> {
    while let Some((tag, value)) = next_field(&mut attributes)? {
        if tag == OTHER_HASH {
            others.push(value);
        } else {
            write_field(tag, value, rest);
        }
    }
    Ok(())
}

/// Returns, of attributes, when the source last changed the entry: all that is kept of what is withdrawn.
pub(super) fn time_of(mut attributes: &[u8]) -> Result<Option<i64>, &'static str> {
    while let Some((tag, value)) = next_field(&mut attributes)? {
        if tag == SOURCE_UPDATED {
            let bytes = value.try_into().map_err(|_| "a time of the wrong length")?;
            return Ok(Some(i64::from_le_bytes(bytes)));
        }
    }
    Ok(None)
}

/// Appends when the source last changed the entry, if that is known.
pub(super) fn write_time(time: Option<i64>, bytes: &mut Vec<u8>) {
    if let Some(time) = time {
        write_field(SOURCE_UPDATED, &time.to_le_bytes(), bytes);
    }
}

/// Appends an entry's attributes but its hashes. Fields that say nothing are left out, so that like entries share their bytes.
pub(super) fn write_attributes(entry: &Entry, bytes: &mut Vec<u8>) {
    let mut field = |tag: u8, value: &[u8]| write_field(tag, value, bytes);
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
    if entry.opinion != Opinion::Positive {
        field(OPINION, &[opinion_code(entry.opinion)]);
    }
    for opinions in &entry.kind_opinions {
        let mut value = opinions.positive.to_le_bytes().to_vec();
        value.extend(opinions.negative.to_le_bytes());
        value.extend(opinions.kind.as_bytes());
        field(KIND_OPINIONS, &value);
    }
}

/// Returns the entry that codes and attributes spell, without the hashes that can be matched, or what is wrong with them.
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
        WITHDRAWN_CODE => EntryStatus::Withdrawn,
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
            OPINION => {
                let mut all = Opinion::ALL.into_iter();
                let known = all.find(|&opinion| value == [opinion_code(opinion)]);
                entry.opinion = known.ok_or("unknown opinion")?;
            }
            OTHER_HASH => {
                let (kind, value) = text()?
                    .split_once('\0')
                    .map(|(kind, value)| (kind.to_owned(), value.to_owned()))
                    .ok_or("an unmatchable hash has no kind")?;
                entry.other_hashes.push(OtherHash { kind, value });
            }
            KIND_OPINIONS => {
                let short = "opinions of a kind have less than 8 bytes";
                let (positive, rest) = value.split_first_chunk().ok_or(short)?;
                let (negative, kind) = rest.split_first_chunk().ok_or(short)?;
                let kind = std::str::from_utf8(kind).map_err(|_| "an attribute is not UTF-8")?;
                entry.kind_opinions.push(KindOpinions {
                    kind: kind.to_owned(),
                    positive: u32::from_le_bytes(*positive),
                    negative: u32::from_le_bytes(*negative),
                });
            }
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
        entry.opinion = Opinion::Disputed;
        entry.kind_opinions = vec![KindOpinions {
            kind: "md5".to_owned(),
            positive: 2,
            negative: 1,
        }];
        entry
    }

    #[test]
    fn every_field_of_an_entry_survives() {
        let entry = full_entry();
        let mut attributes = Vec::new();
        write_attributes(&entry, &mut attributes);
        let codes = [
            status_code(&entry.status),
            media_type_code(entry.media_type),
            77,
        ];
        assert_eq!(
            read_entry("id".to_owned(), codes, &attributes),
            Ok(entry.clone())
        );
        // Hashes that cannot be matched are written by whoever knows which of them stand.
        let mut entry = entry;
        write_other(b"photodna\0aB/+=", &mut attributes);
        entry.add_other_hash("photodna", "aB/+=");
        let (mut rest, mut others) = (Vec::new(), Vec::new());
        split_others(&attributes, &mut rest, &mut others).unwrap();
        assert_eq!(others, [b"photodna\0aB/+="]);
        assert!(rest.len() < attributes.len());
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
        assert!(read_entry(String::new(), [4, 0, 0], &[]).is_err());
        assert!(read_entry(String::new(), [0, 3, 0], &[]).is_err());
        assert!(read_entry(String::new(), [0, 0, 101], &[]).is_err());
    }
}
