//! Plain lines: a hash, or a kind and a hash.

use crate::hash::HashKind;

use super::error::QuarantineReason;
use super::value::{NamedKind, parse_hash, parse_kind};
use crate::entry::Entry;

/// Returns the entry on a line that is neither blank nor a comment.
///
/// A kind comes first, and white space, a colon or a comma after it. What the line says goes before the `kind` of the
/// list. The form of checksum programs, a hash, a space, a space or an asterisk and a name, is read with the name as the
/// entry's id, also after a kind. Any other text after a hash is refused rather than dropped: it might be a second hash.
pub(super) fn parse_line(
    line: u64,
    text: &str,
    kind: Option<HashKind>,
) -> Result<(Entry, bool), QuarantineReason> {
    let text = text.trim();
    let (kind, text) = match text.split_once(is_separator) {
        None => (kind, text),
        Some((word, rest)) => {
            let rest = rest.trim_matches(is_separator);
            if word.len() >= 32 {
                return parse_checksum(text, kind).ok_or(QuarantineReason::ExtraText)?;
            }
            match (parse_kind(word), kind) {
                (Ok(NamedKind::Known(named)), _) => (Some(named), rest),
                (Ok(NamedKind::Other(name)), _) => return other_hash(line, name, rest),
                // Classic hashes may be shorter than the names of kinds.
                (Err(unknown), Some(HashKind::Classic(_))) => {
                    return parse_checksum(text, kind).ok_or(unknown)?;
                }
                (Err(unknown), _) => return Err(unknown),
            }
        }
    };
    if kind.is_some()
        && let Some(entry) = parse_checksum(text, kind)
    {
        return entry;
    }
    let mut entry = Entry::new(format!("line-{line}"));
    entry.add_hash(parse_hash(kind, lone(text)?)?);
    Ok((entry, true))
}

/// Returns the entry of a hash that cannot be matched here.
fn other_hash(line: u64, name: &str, text: &str) -> Result<(Entry, bool), QuarantineReason> {
    let mut entry = Entry::new(format!("line-{line}"));
    entry.add_other_hash(name, lone(text)?);
    Ok((entry, true))
}

/// Returns a text that should be one word, if it is.
fn lone(text: &str) -> Result<&str, QuarantineReason> {
    if text.is_empty() {
        return Err(QuarantineReason::NoHash);
    }
    if text.contains(is_separator) {
        return Err(QuarantineReason::ExtraText);
    }
    Ok(text)
}

fn is_separator(c: char) -> bool {
    c.is_whitespace() || matches!(c, ':' | ',')
}

/// Returns the entry of a line as `sha256sum` prints it, if it is one.
fn parse_checksum(
    text: &str,
    kind: Option<HashKind>,
) -> Option<Result<(Entry, bool), QuarantineReason>> {
    let (hash, name) = text.split_once(' ')?;
    let name = name.strip_prefix([' ', '*'])?.trim();
    if name.is_empty() {
        return None;
    }
    Some(parse_hash(kind, hash).map(|hash| {
        let mut entry = Entry::new(name);
        entry.add_hash(hash);
        (entry, false)
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind_of(text: &str, kind: Option<HashKind>) -> Result<HashKind, QuarantineReason> {
        parse_line(7, text, kind).map(|(entry, by_value)| {
            assert_eq!(entry.entry_id, "line-7");
            assert!(by_value);
            entry.hashes[0].kind()
        })
    }

    #[test]
    fn a_kind_may_stand_before_the_hash() {
        let hash = "5a".repeat(32);
        for text in [
            format!("pdq {hash}"),
            format!("PDQ:{hash}"),
            format!("pdq,\t{hash} "),
        ] {
            assert_eq!(
                kind_of(&text, Some(HashKind::Sha256)),
                Ok(HashKind::Pdq),
                "{text}"
            );
        }
        assert_eq!(kind_of(&hash, Some(HashKind::Sha256)), Ok(HashKind::Sha256));
    }

    #[test]
    fn the_form_of_checksum_programs_names_the_entry() {
        let hash = "5a".repeat(16);
        for text in [format!("{hash}  a name.jpg"), format!("{hash} *a name.jpg")] {
            let (entry, by_value) = parse_line(7, &text, None).unwrap();
            assert_eq!(entry.entry_id, "a name.jpg");
            assert!(!by_value);
            assert_eq!(entry.hashes[0].kind(), HashKind::Md5);
        }
        let sixty_four = "5a".repeat(32);
        let text = format!("{sixty_four}  name");
        assert!(matches!(
            parse_line(7, &text, None),
            Err(QuarantineReason::AmbiguousKind { .. })
        ));
        assert!(parse_line(7, &text, Some(HashKind::Sha256)).is_ok());
    }

    #[test]
    fn short_hashes_have_the_form_of_checksum_programs_too() {
        let mean: HashKind = "mean_8x8".parse().unwrap();
        let hash = "5a".repeat(8);
        for (text, kind) in [
            (format!("{hash}  a name.jpg"), Some(mean)),
            (format!("{hash} *a name.jpg"), Some(mean)),
            (format!("mean_8x8 {hash}  a name.jpg"), None),
            (format!("mean_8x8:{hash} *a name.jpg"), Some(HashKind::Pdq)),
        ] {
            let (entry, _) = parse_line(7, &text, kind).unwrap();
            assert_eq!(entry.entry_id, "a name.jpg", "{text}");
            assert_eq!(entry.hashes[0].kind(), mean, "{text}");
        }
        let text = format!("{hash} name");
        assert_eq!(
            parse_line(7, &text, Some(mean)),
            Err(QuarantineReason::UnknownKind)
        );
        let text = format!("{hash}  name");
        assert_eq!(
            parse_line(7, &text, Some(HashKind::Pdq)),
            Err(QuarantineReason::UnknownKind)
        );
    }

    #[test]
    fn text_besides_a_kind_and_a_hash_is_refused() {
        let hash = "5a".repeat(16);
        for text in [
            format!("{hash} name.jpg"),
            format!("md5 {hash} name"),
            format!("{hash},{hash}"),
        ] {
            assert_eq!(
                kind_of(&text, None),
                Err(QuarantineReason::ExtraText),
                "{text}"
            );
        }
        assert_eq!(
            kind_of("md5", None),
            Err(QuarantineReason::NoKindOfLength { length: 3 })
        );
        assert_eq!(
            kind_of("md5: ", Some(HashKind::Md5)),
            Err(QuarantineReason::NoHash)
        );
        assert_eq!(
            kind_of("unheard_of abc", None),
            Err(QuarantineReason::UnknownKind)
        );
        assert_eq!(
            parse_line(7, "photodna abc def", None),
            Err(QuarantineReason::ExtraText)
        );
    }

    #[test]
    fn a_hash_that_cannot_be_matched_is_kept_as_it_is_spelled() {
        let (entry, _) = parse_line(7, "PhotoDNA: aB/+=", None).unwrap();
        assert!(entry.hashes.is_empty());
        assert_eq!(entry.other_hashes[0].kind, "photodna");
        assert_eq!(entry.other_hashes[0].value, "aB/+=");
    }
}
