//! One value of a list: what kind a word names, and whether a text is a hash that may be loaded.

use crate::hash::{HashKind, HashValue, MAX_HASH_LEN};

use super::error::{Degenerate, QuarantineReason};

/// Kinds that lists hold and that cannot be computed here, in the form of [`fold`].
const UNMATCHABLE: [(&str, &str); 18] = [
    ("photodna", "photodna"),
    ("pdna", "photodna"),
    ("tmk", "tmk"),
    ("tmkpdqf", "tmk"),
    ("vpdq", "vpdq"),
    ("netclean", "netclean"),
    ("videntifier", "videntifier"),
    ("ssvhpdna", "ssvh_pdna"),
    ("ssvhsaferhash", "ssvh_safer_hash"),
    ("saferhash", "safer_hash"),
    ("crc32", "crc32"),
    ("sha224", "sha224"),
    ("sha384", "sha384"),
    ("ssdeep", "ssdeep"),
    ("tlsh", "tlsh"),
    ("phash", "phash"),
    ("url", "url"),
    ("text", "text"),
];

/// The digests of a file of no bytes.
const EMPTY_MD5: &[u8] = &0xd41d_8cd9_8f00_b204_e980_0998_ecf8_427e_u128.to_be_bytes();
const EMPTY_SHA1: [u32; 5] = [
    0xda39_a3ee,
    0x5e6b_4b0d,
    0x3255_bfef,
    0x9560_1890,
    0xafd8_0709,
];
const EMPTY_SHA256: [u32; 8] = [
    0xe3b0_c442,
    0x98fc_1c14,
    0x9afb_f4c8,
    0x996f_b924,
    0x27ae_41e4,
    0x649b_934c,
    0xa495_991b,
    0x7852_b855,
];
const EMPTY_SHA512: [u32; 16] = [
    0xcf83_e135,
    0x7eef_b8bd,
    0xf154_2850,
    0xd66d_8007,
    0xd620_e405,
    0x0b57_15dc,
    0x83f4_a921,
    0xd36c_e9ce,
    0x47d0_d13c,
    0x5d85_f2b0,
    0xff83_18d2,
    0x877e_ec2f,
    0x63b9_31bd,
    0x4741_7a81,
    0xa538_327a,
    0xf927_da3e,
];

/// Returns whether a name is the usual one of a kind of hash that cannot be matched here, as `photodna` is. Of other names, plain
/// lines and tables do not know that they are kinds.
pub fn is_other_kind(name: &str) -> bool {
    UNMATCHABLE.iter().any(|(_, usual)| *usual == name)
}

/// Returns the usual name of a kind that cannot be matched here, given any of its names in the form of [`fold`].
pub(super) fn other_kind(folded: &str) -> Option<&'static str> {
    let found = UNMATCHABLE.iter().find(|(name, _)| *name == folded);
    found.map(|(_, usual)| *usual)
}

/// Returns the letters and digits of a name in lower case, so that `SHA-256`, `sha_256` and `Sha 256` are one.
pub(super) fn fold(name: &str) -> String {
    name.chars()
        .filter(|c| !matches!(c, '-' | '_' | ' ' | '\t'))
        .map(|c| c.to_ascii_lowercase())
        .collect()
}

/// A kind of hash that a list names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NamedKind {
    /// One that can be matched here.
    Known(HashKind),
    /// One that cannot, by its usual name.
    Other(&'static str),
}

/// Returns the kind that a word names, for example `pdq`, `SHA-256` or `HASH_MD5`.
pub(super) fn parse_kind(word: &str) -> Result<NamedKind, QuarantineReason> {
    // The plain name is by far the most frequent and needs no allocation.
    if let Ok(kind) = word.parse() {
        return Ok(NamedKind::Known(kind));
    }
    // So is a usual name in any case: a large file may name one in every record.
    let mut others = UNMATCHABLE.iter();
    if let Some((_, name)) = others.find(|(folded, _)| word.eq_ignore_ascii_case(folded)) {
        return Ok(NamedKind::Other(name));
    }
    let folded = fold(word);
    let name = folded.strip_prefix("hash").unwrap_or(&folded);
    // The names of classic kinds have underscores of their own.
    let mut kinds = HashKind::ALL.into_iter();
    if let Some(kind) = kinds.find(|kind| fold(kind.name()) == name) {
        return Ok(NamedKind::Known(kind));
    }
    other_kind(name)
        .map(NamedKind::Other)
        .ok_or(QuarantineReason::UnknownKind)
}

/// Returns the hash that a text spells, of the kind given or else of the kind that its length speaks for.
pub(super) fn parse_hash(
    kind: Option<HashKind>,
    text: &str,
) -> Result<HashValue, QuarantineReason> {
    let length = text.len();
    let kind = match (kind, length) {
        (Some(kind), _) => kind,
        (None, 0) => return Err(QuarantineReason::NoHash),
        (None, 32) => HashKind::Md5,
        (None, 40) => HashKind::Sha1,
        (None, 128) => HashKind::Sha512,
        (None, 64) => return Err(QuarantineReason::AmbiguousKind { length }),
        (None, _) => return Err(QuarantineReason::NoKindOfLength { length }),
    };
    let hash = HashValue::parse(kind, text)
        .map_err(|error| QuarantineReason::of_hash(kind, length, error))?;
    match degenerate(&hash) {
        Some(what) => Err(QuarantineReason::Degenerate { kind, what }),
        None => Ok(hash),
    }
}

/// Returns the quality that a text spells: a whole number from 0 to 100.
pub(super) fn parse_quality(text: &str) -> Option<u8> {
    // `parse` would take a sign.
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let quality = text.parse().ok()?;
    (digits && quality <= 100).then_some(quality)
}

/// Returns why a hash must not be loaded, if so.
fn degenerate(hash: &HashValue) -> Option<Degenerate> {
    let bytes = hash.as_bytes();
    if bytes == &[0; MAX_HASH_LEN][..bytes.len()] {
        return Some(Degenerate::AllZero);
    }
    let empty_file = match hash.kind() {
        HashKind::Classic(_) if hash.is_nearly_constant() => {
            return Some(Degenerate::NearlyConstant);
        }
        HashKind::Pdq | HashKind::Classic(_) => false,
        HashKind::Md5 => bytes == EMPTY_MD5,
        HashKind::Sha1 => is_words(bytes, &EMPTY_SHA1),
        HashKind::Sha256 => is_words(bytes, &EMPTY_SHA256),
        HashKind::Sha512 => is_words(bytes, &EMPTY_SHA512),
    };
    empty_file.then_some(Degenerate::EmptyFile)
}

/// Returns whether the bytes are these words, most significant byte first.
fn is_words(bytes: &[u8], words: &[u32]) -> bool {
    let (chunks, rest) = bytes.as_chunks::<4>();
    rest.is_empty()
        && chunks.len() == words.len()
        && chunks
            .iter()
            .zip(words)
            .all(|(chunk, word)| u32::from_be_bytes(*chunk) == *word)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hash::{ClassicAlgorithm, ClassicKind};

    fn mean_8x8() -> HashKind {
        let kind = ClassicKind::new(ClassicAlgorithm::Mean, false, 8);
        kind.unwrap().into()
    }

    #[test]
    fn kinds_are_known_by_their_usual_spellings() {
        for (word, kind) in [
            ("pdq", HashKind::Pdq),
            ("PDQ", HashKind::Pdq),
            ("HASH_PDQ", HashKind::Pdq),
            ("sha-1", HashKind::Sha1),
            ("SHA_256", HashKind::Sha256),
            ("Sha 512", HashKind::Sha512),
            ("mean_8x8", mean_8x8()),
            ("HASH_Mean-8x8", mean_8x8()),
        ] {
            assert_eq!(parse_kind(word), Ok(NamedKind::Known(kind)), "{word}");
        }
        assert_eq!(parse_kind("PhotoDNA"), Ok(NamedKind::Other("photodna")));
        assert_eq!(parse_kind("sha3"), Err(QuarantineReason::UnknownKind));
        assert_eq!(parse_kind(""), Err(QuarantineReason::UnknownKind));
    }

    #[test]
    fn a_hash_of_zeros_is_degenerate_in_every_kind() {
        for kind in HashKind::ALL {
            let text = "0".repeat(2 * kind.byte_len());
            assert_eq!(
                parse_hash(Some(kind), &text),
                Err(QuarantineReason::Degenerate {
                    kind,
                    what: Degenerate::AllZero
                })
            );
        }
    }

    #[test]
    fn a_nearly_constant_classic_hash_is_degenerate() {
        for (text, degenerate) in [
            ("ffffffffffffffff", true),
            ("fffffffffffffff0", true),
            ("0100000000000000", true),
            ("0f00000000000000", true),
            ("1f00000000000000", false),
            ("f8ffffffffff3fff", false),
        ] {
            let expected = QuarantineReason::Degenerate {
                kind: mean_8x8(),
                what: Degenerate::NearlyConstant,
            };
            let parsed = parse_hash(Some(mean_8x8()), text);
            assert_eq!(parsed.err(), degenerate.then_some(expected), "{text}");
        }
    }

    #[test]
    fn sixty_four_digits_without_a_kind_are_ambiguous() {
        let text = "5a".repeat(32);
        assert_eq!(
            parse_hash(None, &text),
            Err(QuarantineReason::AmbiguousKind { length: 64 })
        );
        assert!(parse_hash(Some(HashKind::Pdq), &text).is_ok());
        for length in [32, 40, 128] {
            assert!(parse_hash(None, &"5a".repeat(length / 2)).is_ok());
        }
    }
}
