//! JSON records of any form, read as a map says.

use std::borrow::Cow;

use serde_json::Value;

use super::column_map::JsonMapping;
use super::draft::Draft;
use super::error::QuarantineReason;
use super::fields::CsvField;
use super::import::Sink;
use super::json::Shape;
use super::json_list::{Output, Records};

/// A list whose fields a map describes.
pub(super) struct Mapped(pub(super) JsonMapping);

impl Records for Mapped {
    fn shape(&self) -> Shape {
        Shape {
            array: self.0.records.clone().map(Cow::Owned),
            inside: None,
        }
    }

    fn record(&mut self, bytes: &[u8], out: &mut Output<'_>) -> Result<(), QuarantineReason> {
        let value = serde_json::from_slice(bytes).map_err(|_| QuarantineReason::Malformed)?;
        let (line, sink) = out.parts();
        read_mapped(&value, &self.0, line, sink);
        Ok(())
    }
}

/// Reads a record into the sink, which has counted it. Time and memory: a few passes over the record for each field mapped.
///
/// One bad value does not lose the rest. A field that is to have one value and has several has none.
fn read_mapped(value: &Value, map: &JsonMapping, line: u64, sink: &mut Sink) {
    if !value.is_object() {
        sink.quarantine(line, None, QuarantineReason::Malformed);
        return;
    }
    let kinds = match map
        .fields
        .iter()
        .find(|(field, _)| *field == CsvField::Kind)
    {
        Some((_, path)) => found(value, path),
        None => Vec::new(),
    };
    let mut draft = Draft::new(&map.rules, line);
    let mut lone_hashes = 0;
    for (field, path) in &map.fields {
        let field = *field;
        let values = found(value, path);
        let bad = QuarantineReason::BadField {
            field: field.name(),
        };
        let may_be_many = field.is_hash() || matches!(field, CsvField::Tags | CsvField::Kind);
        if values.len() > 1 && !may_be_many {
            draft.refuse(field, path, bad, sink);
            continue;
        }
        if field == CsvField::Hash {
            lone_hashes = values.len();
            if kinds.len() > 1 && kinds.len() != values.len() {
                draft.refuse(field, path, QuarantineReason::UnknownKind, sink);
                continue;
            }
        }
        for (at, value) in values.iter().enumerate() {
            // One kind is that of all hashes.
            let kind = kinds.get(if kinds.len() == 1 { 0 } else { at });
            let kind = kind.map(|kind| text(kind));
            match (text(value), kind.unwrap_or(Some(String::new()))) {
                (Some(text), Some(kind)) => {
                    let text = text.trim();
                    if !text.is_empty() {
                        draft.put(field, path, text, kind.trim(), sink);
                    }
                }
                _ => draft.refuse(field, path, bad, sink),
            }
        }
    }
    // A record with one hash of any kind may be one of several of its entry, each of which has a record.
    if let Some((entry, by_value)) = draft.finish(lone_hashes != 1, sink) {
        sink.hand_out(line, entry, by_value);
    }
}

/// Returns what stands at the end of a path, going through arrays to each of their elements; nulls are left out.
///
/// Nulls in arrays stand for themselves, so that arrays of equal length stay so.
fn found<'a>(value: &'a Value, path: &str) -> Vec<&'a Value> {
    let mut values = Vec::new();
    collect(value, Some(path), &mut values);
    if let [Value::Null] = values[..] {
        values.clear();
    }
    values
}

/// Adds what stands at the end of a path; `None` at its end. Depth is that of the value, which its parser bounds.
fn collect<'a>(value: &'a Value, path: Option<&str>, values: &mut Vec<&'a Value>) {
    match (value, path) {
        (Value::Array(elements), _) => {
            for element in elements {
                collect(element, path, values);
            }
        }
        (value, None) => values.push(value),
        (Value::Object(fields), Some(path)) => {
            // The longest key first: one that has dots itself is meant by whoever writes them.
            if let Some(value) = fields.get(path) {
                collect(value, None, values);
                return;
            }
            let mut dots = path.rmatch_indices('.').map(|(at, _)| at);
            let split = dots.find_map(|at| Some((fields.get(&path[..at])?, &path[at + 1..])));
            if let Some((value, rest)) = split {
                collect(value, Some(rest), values);
            }
        }
        _ => {}
    }
}

/// Returns a value as text, nothing for null; `None` for an object.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::Null => Some(String::new()),
        Value::String(text) => Some(text.clone()),
        Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
        Value::Array(_) | Value::Object(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::column_map::ColumnMap;
    use super::super::import::ImportItem;
    use super::*;
    use crate::entry::{Entry, EntryStatus, MediaType, Opinion};
    use crate::hash::{HashKind, HashValue};

    fn hash(kind: HashKind, byte: u8) -> HashValue {
        HashValue::from_bytes(kind, &vec![byte; kind.byte_len()]).unwrap()
    }

    fn hex(kind: HashKind, byte: u8) -> String {
        hash(kind, byte).to_hex()
    }

    fn read(map: &str, value: &Value) -> (Vec<(Entry, bool)>, Vec<String>) {
        let text = format!("format = 'json'\n{map}");
        let map = toml::from_str::<ColumnMap>(&text).unwrap();
        let mut sink = Sink::default();
        read_mapped(value, &map.to_json().unwrap(), 7, &mut sink);
        let (mut entries, mut kept_out) = (Vec::new(), Vec::new());
        for item in sink.into_items() {
            match item {
                ImportItem::Entry {
                    line,
                    entry,
                    by_value,
                    ..
                } => {
                    assert_eq!(line, 7);
                    entries.push((entry, by_value));
                }
                ImportItem::Quarantined(item) => kept_out.push(item.to_string()),
            }
        }
        (entries, kept_out)
    }

    #[test]
    fn fields_are_found_by_their_paths() {
        let map = "scheme = 'example'\nnegative_categories = [3]\n[columns]\nid = 'ref.no'\nmd5 = 'digests.md5'\n\
                   photodna = 'digests.pdna'\ncategory = 'class'\nstatus = 'state'\nopinion = 'view'\nquality = 'q'\n\
                   tags = 'labels'\nmedia_type = 'mime'\nupdated = 'when.changed'\nfirst_seen = 'odata.added'\n\
                   submitter = 'by'\n[status]\nactive = ['live']\n[opinion]\ninvestigation = ['lead']\n";
        let value = json!({
            "ref": {"no": 12}, "digests": [{"md5": hex(HashKind::Md5, 1), "pdna": null}, {"md5": hex(HashKind::Md5, 2), "pdna": "AAAA"}],
            "class": 2, "state": "LIVE", "view": "lead", "q": 80, "labels": ["x", "y;z"], "mime": "video/mp4",
            "when": {"changed": "2024-02-29"}, "odata.added": 5, "by": " somebody ", "more": {"unread": true}
        });
        let (entries, kept_out) = read(map, &value);
        assert_eq!(kept_out, Vec::<String>::new());
        let (entry, by_value) = &entries[0];
        assert!(!by_value);
        assert_eq!(entry.entry_id, "12");
        assert_eq!(
            entry.hashes,
            [hash(HashKind::Md5, 1), hash(HashKind::Md5, 2)]
        );
        assert_eq!(entry.other_hashes[0].kind, "photodna");
        assert_eq!(entry.classification.as_ref().unwrap().value, "2");
        assert_eq!(entry.status, EntryStatus::Active);
        assert_eq!(entry.opinion, Opinion::Investigation);
        assert_eq!(entry.quality, Some(80));
        assert_eq!(entry.tags, ["x", "y", "z"]);
        assert_eq!(entry.media_type, MediaType::Video);
        assert_eq!(entry.source_updated, Some(1_709_164_800));
        assert_eq!(entry.first_seen, Some(5));
        assert_eq!(entry.submitter.as_deref(), Some("somebody"));
        let mut value = value;
        value["class"] = json!("3");
        assert_eq!(read(map, &value).0[0].0.opinion, Opinion::Negative);
    }

    #[test]
    fn kinds_go_with_their_hashes() {
        let map = "[columns]\nhash = 'h.value'\nkind = 'h.type'\n";
        let (md5, pdq) = (hex(HashKind::Md5, 1), hex(HashKind::Pdq, 2));
        let value = json!({"h": [{"type": "MD5", "value": md5}, {"type": "pdq", "value": pdq}, {"type": "PhotoDNA", "value": "A"}]});
        let (entries, _) = read(map, &value);
        assert_eq!(
            entries[0].0.hashes,
            [hash(HashKind::Md5, 1), hash(HashKind::Pdq, 2)]
        );
        assert_eq!(entries[0].0.other_hashes.len(), 1);
        assert!(entries[0].1);
        let value = json!({"h": {"type": "pdq", "value": [pdq, hex(HashKind::Pdq, 3)]}});
        assert_eq!(read(map, &value).0[0].0.hashes.len(), 2);
        // Without a kind for each it cannot be told which is whose.
        let value =
            json!({"h": [{"type": "pdq", "value": [pdq, md5]}, {"type": "md5", "value": [md5]}]});
        let (entries, kept_out) = read(map, &value);
        assert_eq!((entries.len(), kept_out.len()), (0, 1));
        let value = json!({"h": [{"type": "pdq", "value": null}, {"type": "md5", "value": md5}]});
        assert_eq!(read(map, &value).0[0].0.hashes, [hash(HashKind::Md5, 1)]);
    }

    #[test]
    fn one_bad_value_is_kept_out_and_the_rest_is_not() {
        let map =
            "[columns]\nid = 'id'\nmd5 = 'md5'\nsha1 = 'sha1'\nquality = 'q'\nsubmitter = 'by'\n";
        let value = json!({"id": ["secret", "secret"], "md5": "secret", "sha1": hex(HashKind::Sha1, 1), "q": 1.5, "by": {"name": "secret"}});
        let (entries, kept_out) = read(map, &value);
        assert_eq!(entries[0].0.entry_id, "line-7");
        assert_eq!(kept_out.len(), 4);
        assert!(!kept_out.concat().contains("secret"));
        for value in [json!([]), json!("secret"), json!(null)] {
            let (entries, kept_out) = read(map, &value);
            assert_eq!((entries.len(), kept_out.len()), (0, 1));
        }
        let (entries, kept_out) = read(map, &json!({}));
        assert_eq!((entries.len(), kept_out.len()), (0, 1));
    }

    #[test]
    fn a_withdrawn_record_withdraws_what_it_speaks_of() {
        let map = "[columns]\nid = 'id'\nmd5 = 'md5'\nhash = 'h'\nstatus = 's'\n";
        let value = json!({"id": 1, "s": "deleted", "md5": hex(HashKind::Md5, 1)});
        let (entry, _) = &read(map, &value).0[0];
        assert_eq!(entry.status, EntryStatus::Withdrawn);
        assert!(!entry.has_hash());
        let value = json!({"id": 1, "s": "deleted", "h": hex(HashKind::Md5, 1)});
        assert!(read(map, &value).0[0].0.has_hash());
    }
}
