//! The `.hsh` files of the PDQ tools: a PDQ hash and, after the first comma, whatever its maker wrote there.
//!
//! The reference reader is `pdq/cpp/io/hashio.cpp` of facebook/ThreatExchange. It stops the program at a bad line;
//! here a bad line is quarantined, and comments, blank lines, CRLF and a missing last newline are read.

use crate::hash::HashKind;

use super::error::QuarantineReason;
use super::value::{parse_hash, parse_quality};
use crate::entry::Entry;

/// Returns the entry on a line that is neither blank nor a comment.
///
/// `record` counts such lines from 1, the bad ones too. A hash without metadata is called `idx=N` after it, as the
/// reference does, and is known by its value alone. Metadata of the form `quality,name`, which `pdq-photo-hasher` writes, is
/// taken apart.
pub(super) fn parse_line(record: u64, text: &str) -> Result<(Entry, bool), QuarantineReason> {
    let (hash, metadata) = text.split_once(',').unwrap_or((text, ""));
    let hash = hash.trim();
    let hash = hash.strip_prefix("hash=").unwrap_or(hash);
    let hash = parse_hash(Some(HashKind::Pdq), hash)?;
    let (quality, name) = match metadata.split_once(',') {
        Some((head, rest)) => match parse_quality(head.trim()) {
            Some(quality) => (Some(quality), rest),
            None => (None, metadata),
        },
        None => (None, metadata),
    };
    let name = name.trim();
    let mut entry = if name.is_empty() {
        Entry::new(format!("idx={record}"))
    } else {
        Entry::new(name)
    };
    entry.quality = quality;
    entry.add_hash(hash);
    Ok((entry, name.is_empty()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_is_a_name_or_a_quality_and_a_name() {
        let hash = "5a".repeat(32);
        for (metadata, quality, name) in [
            ("", None, "idx=3"),
            (",", None, "idx=3"),
            (",a.png", None, "a.png"),
            (",87,a, b.png", Some(87), "a, b.png"),
            (",100,", Some(100), "idx=3"),
            (",101,a.png", None, "101,a.png"),
            (",+7,a.png", None, "+7,a.png"),
            (",87", None, "87"),
        ] {
            for prefix in ["", "hash="] {
                let (entry, by_value) =
                    parse_line(3, &format!("{prefix}{hash}{metadata}")).unwrap();
                assert_eq!(entry.quality, quality, "{metadata}");
                assert_eq!(entry.entry_id, name, "{metadata}");
                assert_eq!(by_value, name == "idx=3");
                assert_eq!(entry.hashes[0].to_hex(), hash);
            }
        }
    }

    #[test]
    fn a_hash_that_is_no_pdq_is_refused() {
        assert_eq!(
            parse_line(1, "5a5a,a.png"),
            Err(QuarantineReason::Hash {
                kind: HashKind::Pdq,
                length: 4,
                position: None
            })
        );
    }
}
