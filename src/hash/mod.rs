//! Hash values: their kinds, text forms and distance. This room never sees pixels or files.
//!
//! Text in, canonical bytes inside, lower-case hexadecimal out, most significant byte first, as the reference
//! tools print it. Besides hexadecimal in either case, [`HashKind::Pdq`] is read from base64 (43 or 44 characters) and
//! [`HashKind::Sha1`] from base32 (32 characters), because some services send those, and every [`HashKind::Classic`]
//! from base64, with or without padding, because `img_hash` writes that.
//!
//! A classic hash has its bytes in the order of `img_hash`: bit `i` of the hash is bit `i % 8`, counted from the lowest,
//! of byte `i / 8`, and the first byte is printed first.
//!
//! No `Debug` output or error of this module contains a hash: lists are confidential.

mod dihedral;
mod kind;

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use data_encoding::{BASE32_NOPAD, BASE64_NOPAD, Encoding, HEXLOWER, HEXLOWER_PERMISSIVE};

pub use dihedral::Dihedral;
pub use kind::{ClassicAlgorithm, ClassicKind, HashKind};

/// The largest number of bytes in a hash of any kind (sha512).
pub const MAX_HASH_LEN: usize = 64;

/// Why a text or a value is not the hash it is taken for. It never contains the text itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum HashError {
    /// The text or byte string has the wrong length for its kind.
    WrongLength {
        /// The kind asked for.
        kind: HashKind,
        /// The length expected, in the unit given.
        expected: usize,
        /// The length found.
        found: usize,
        /// `characters` for text, `bytes` for bytes.
        unit: &'static str,
    },
    /// A character is no digit of the encoding.
    WrongDigit {
        /// The kind asked for.
        kind: HashKind,
        /// The encoding that the length speaks for: `hexadecimal`, `base64` or `base32`.
        encoding: &'static str,
        /// Where the character stands, counted in bytes from 0.
        position: usize,
    },
    /// A value of one kind stands where another is needed.
    WrongKind {
        /// The kind needed.
        expected: HashKind,
        /// The kind of the value.
        found: HashKind,
    },
    /// Distance is asked of a digest, which has none.
    NoDistance {
        /// The kind of the values.
        kind: HashKind,
    },
    /// A name is not that of a kind.
    UnknownKind,
}

impl fmt::Display for HashError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WrongLength {
                kind,
                expected,
                found,
                unit,
            } => write!(f, "a {kind} has {expected} {unit} but {found} were given"),
            Self::WrongDigit {
                kind,
                encoding,
                position,
            } => write!(f, "position {position} of a {kind} is no {encoding} digit"),
            Self::WrongKind { expected, found } => {
                write!(f, "a {expected} is needed but a {found} was given")
            }
            Self::NoDistance { kind } => write!(
                f,
                "{kind} values are compared for equality and have no distance"
            ),
            Self::UnknownKind => write!(
                f,
                "unknown hash kind; known are pdq, md5, sha1, sha256 and sha512, mean, gradient, vertical_gradient and \
                 double_gradient, each with or without _dct, and blockhash, these with _8x8 or _16x16 at the end"
            ),
        }
    }
}

impl std::error::Error for HashError {}

/// A hash of any kind, with its kind.
///
/// Ordered by kind, then by bytes, most significant first, which is also the order of their hexadecimal forms.
///
/// # Example
/// ```
/// use hashsieve::{HashKind, HashValue};
/// let value = HashValue::parse(HashKind::Md5, "D41D8CD98F00B204E9800998ECF8427E")?;
/// assert_eq!(value.to_hex(), "d41d8cd98f00b204e9800998ecf8427e");
/// assert_eq!(value.kind(), HashKind::Md5);
/// # Ok::<(), hashsieve::HashError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct HashValue {
    kind: HashKind,
    /// Bytes past the kind's length are zero, so that derived equality and order are those of the value.
    bytes: [u8; MAX_HASH_LEN],
}

impl HashValue {
    /// Returns the value with these canonical bytes, most significant first.
    ///
    /// # Errors
    /// [`HashError::WrongLength`] when the length is not that of the kind.
    pub fn from_bytes(kind: HashKind, bytes: &[u8]) -> Result<Self, HashError> {
        let expected = kind.byte_len();
        if bytes.len() != expected {
            return Err(HashError::WrongLength {
                kind,
                expected,
                found: bytes.len(),
                unit: "bytes",
            });
        }
        let mut padded = [0; MAX_HASH_LEN];
        padded[..expected].copy_from_slice(bytes);
        Ok(Self {
            kind,
            bytes: padded,
        })
    }

    /// Returns the value that a text spells: hexadecimal in either case, base64 for PDQ and classic kinds, base32 for
    /// sha1.
    ///
    /// The text is taken as it is; trim white space first.
    ///
    /// # Errors
    /// [`HashError::WrongLength`] or [`HashError::WrongDigit`] with the position. Never panics.
    pub fn parse(kind: HashKind, text: &str) -> Result<Self, HashError> {
        let length = kind.byte_len();
        // Padding goes before decoding: padded decoders also take padding in the middle. No kind needs more than one.
        let base64_len = BASE64_NOPAD.encode_len(length);
        let is_padded = base64_len % 4 == 3 && text.len() == base64_len + 1;
        let digits = match text.strip_suffix('=') {
            Some(digits) if is_padded && kind.is_perceptual() => digits,
            _ => text,
        };
        let (name, encoding) = match other_encoding(kind, digits.len()) {
            Some(other) => other,
            None if digits.len() == 2 * length => ("hexadecimal", HEXLOWER_PERMISSIVE),
            None => {
                return Err(HashError::WrongLength {
                    kind,
                    expected: 2 * length,
                    found: text.len(),
                    unit: "characters",
                });
            }
        };
        let mut bytes = [0; MAX_HASH_LEN];
        let wrong_digit = |position| HashError::WrongDigit {
            kind,
            encoding: name,
            position,
        };
        // Without padding, a text of one of these lengths spells exactly the bytes of the kind.
        let fits = encoding.decode_len(digits.len()) == Ok(length);
        if !fits {
            return Err(wrong_digit(0));
        }
        encoding
            .decode_mut(digits.as_bytes(), &mut bytes[..length])
            .map_err(|partial| wrong_digit(partial.error.position))?;
        Ok(Self { kind, bytes })
    }

    /// Returns the kind.
    pub const fn kind(&self) -> HashKind {
        self.kind
    }

    /// Returns the canonical bytes, most significant first, as many as the kind has.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.kind.byte_len()]
    }

    /// Returns the lower-case hexadecimal form, most significant digit first.
    ///
    /// There is no `Display`: a hash is printed where somebody means to.
    pub fn to_hex(&self) -> String {
        HEXLOWER.encode(self.as_bytes())
    }

    /// Returns the number of bits that are set.
    pub fn count_ones(&self) -> u32 {
        self.bytes.iter().map(|byte| byte.count_ones()).sum()
    }

    /// Returns whether all bits but a sixteenth, or fewer, are alike.
    ///
    /// Such a classic hash says next to nothing of its picture: flat pictures and pictures with a single small object
    /// share a handful of them, whatever they show. Lists of them are not loaded, and pictures that have one are not
    /// looked up by it.
    pub fn is_nearly_constant(&self) -> bool {
        let (bits, ones) = (self.kind.bits(), self.count_ones());
        ones.min(bits - ones) <= bits / 16
    }

    /// Returns the value as a number of `WORDS` words, the lowest first, its first byte being the most significant.
    ///
    /// # Panics
    /// If the value has more bytes than `WORDS` words.
    pub(crate) fn words<const WORDS: usize>(&self) -> [u64; WORDS] {
        let mut words = [0; WORDS];
        for (position, &byte) in self.as_bytes().iter().rev().enumerate() {
            words[position / 8] |= u64::from(byte) << (position % 8 * 8);
        }
        words
    }

    /// Returns the value of a kind from such a number, or `None` if the number has bits past those of the kind.
    pub(crate) fn from_words<const WORDS: usize>(
        kind: HashKind,
        words: [u64; WORDS],
    ) -> Option<Self> {
        let mut value = Self {
            kind,
            bytes: [0; MAX_HASH_LEN],
        };
        let len = kind.byte_len();
        for (position, byte) in words.iter().flat_map(|word| word.to_le_bytes()).enumerate() {
            match len.checked_sub(position + 1) {
                Some(index) => value.bytes[index] = byte,
                None if byte != 0 => return None,
                None => {}
            }
        }
        Some(value)
    }

    /// Returns the Hamming distance between two values of one perceptual kind: the number of bits that differ.
    ///
    /// # Errors
    /// [`HashError::WrongKind`] when the kinds differ, [`HashError::NoDistance`] for digests.
    pub fn distance(&self, other: &Self) -> Result<u32, HashError> {
        if self.kind != other.kind {
            return Err(HashError::WrongKind {
                expected: self.kind,
                found: other.kind,
            });
        }
        if !self.kind.is_perceptual() {
            return Err(HashError::NoDistance { kind: self.kind });
        }
        Ok(self
            .bytes
            .iter()
            .zip(&other.bytes)
            .map(|(a, b)| (a ^ b).count_ones())
            .sum())
    }
}

impl fmt::Debug for HashValue {
    /// Prints the kind only.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HashValue({}, ..)", self.kind)
    }
}

/// The text form besides hexadecimal that some services use, if there is one for a text this long.
fn other_encoding(kind: HashKind, length: usize) -> Option<(&'static str, Encoding)> {
    if kind.is_perceptual() && length == BASE64_NOPAD.encode_len(kind.byte_len()) {
        Some(("base64", BASE64_NOPAD))
    } else if kind == HashKind::Sha1 && length == 32 {
        Some(("base32", BASE32_NOPAD))
    } else {
        None
    }
}

/// A PDQ hash: 256 bits, held as four words for fast distance.
///
/// Bit `k` stands for the transform's row `k / 16` and column `k % 16`; it is bit `k % 64` of word `k / 64`. The
/// hexadecimal form and the bytes begin with bit 255.
///
/// # Example
/// ```
/// use hashsieve::Pdq;
/// let zero = Pdq::from_words([0; 4]);
/// let one = Pdq::from_words([0, 0, 0, 1 << 63]);
/// assert_eq!(zero.distance(&one), 1);
/// assert!(one.to_hex().starts_with("80"));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Pdq {
    words: [u64; 4],
}

impl Pdq {
    /// The largest possible distance.
    pub const BITS: u32 = 256;

    /// Returns the hash with these words; bit 0 is the lowest bit of `words[0]`.
    pub const fn from_words(words: [u64; 4]) -> Self {
        Self { words }
    }

    /// Returns the four words; bit 0 is the lowest bit of word 0.
    pub const fn words(&self) -> [u64; 4] {
        self.words
    }

    /// Returns the hash with these bytes, bit 255 first.
    pub fn from_bytes(bytes: &[u8; 32]) -> Self {
        let (chunks, _) = bytes.as_chunks::<8>();
        let mut words = [0; 4];
        for (word, chunk) in words.iter_mut().rev().zip(chunks) {
            *word = u64::from_be_bytes(*chunk);
        }
        Self { words }
    }

    /// Returns the bytes, bit 255 first.
    pub fn to_bytes(&self) -> [u8; 32] {
        let mut bytes = [0; 32];
        let (chunks, _) = bytes.as_chunks_mut::<8>();
        for (chunk, word) in chunks.iter_mut().zip(self.words.iter().rev()) {
            *chunk = word.to_be_bytes();
        }
        bytes
    }

    /// Returns the hash that a text of 64 hexadecimal digits or of base64 spells.
    ///
    /// # Errors
    /// As for [`HashValue::parse`].
    pub fn parse(text: &str) -> Result<Self, HashError> {
        Self::try_from(HashValue::parse(HashKind::Pdq, text)?)
    }

    /// Returns 64 lower-case hexadecimal digits, bit 255 first, as the reference prints them.
    pub fn to_hex(&self) -> String {
        HEXLOWER.encode(&self.to_bytes())
    }

    /// Returns the Hamming distance: the number of bits that differ, 0 to 256.
    pub fn distance(&self, other: &Self) -> u32 {
        self.words
            .iter()
            .zip(&other.words)
            .map(|(a, b)| (a ^ b).count_ones())
            .sum()
    }

    /// Returns the number of bits that are set: those whose coefficient is above the median of the 256.
    ///
    /// That is 128 unless coefficients equal the median, and then fewer. So it is in flat pictures and in drawn ones with
    /// few distinct coefficients, such as checkerboards; hardly ever in photographs. No PDQ hash has more.
    pub fn count_ones(&self) -> u32 {
        self.words.iter().map(|word| word.count_ones()).sum()
    }
}

impl fmt::Debug for Pdq {
    /// Prints the kind only.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pdq(..)")
    }
}

/// In the order of the bytes, most significant first, which is also that of the hexadecimal forms and of [`HashValue`].
impl Ord for Pdq {
    fn cmp(&self, other: &Self) -> Ordering {
        self.words.iter().rev().cmp(other.words.iter().rev())
    }
}

impl PartialOrd for Pdq {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl FromStr for Pdq {
    type Err = HashError;

    /// As [`Pdq::parse`].
    fn from_str(text: &str) -> Result<Self, HashError> {
        Self::parse(text)
    }
}

impl From<Pdq> for HashValue {
    fn from(pdq: Pdq) -> Self {
        let mut bytes = [0; MAX_HASH_LEN];
        bytes[..32].copy_from_slice(&pdq.to_bytes());
        Self {
            kind: HashKind::Pdq,
            bytes,
        }
    }
}

impl TryFrom<HashValue> for Pdq {
    type Error = HashError;

    fn try_from(value: HashValue) -> Result<Self, HashError> {
        match (value.kind, value.as_bytes().first_chunk::<32>()) {
            (HashKind::Pdq, Some(bytes)) => Ok(Self::from_bytes(bytes)),
            (found, _) => Err(HashError::WrongKind {
                expected: HashKind::Pdq,
                found,
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PDQ: &str = "f8f8f0cee0f4a84f06370a22038f63f0b36e2ed596621e1d33e6b39c4e9c9b22";

    #[test]
    fn hex_is_read_in_either_case_and_written_lower() {
        let value = HashValue::parse(HashKind::Pdq, &PDQ.to_uppercase()).unwrap();
        assert_eq!(value.to_hex(), PDQ);
        assert_eq!(Pdq::parse(PDQ).unwrap().to_hex(), PDQ);
    }

    #[test]
    fn the_first_hex_digit_holds_bit_255() {
        let mut text = "0".repeat(64);
        text.replace_range(..1, "8");
        assert_eq!(Pdq::parse(&text).unwrap().words(), [0, 0, 0, 1 << 63]);
    }

    #[test]
    fn pdq_is_read_from_base64_and_sha1_from_base32() {
        let value = HashValue::parse(HashKind::Pdq, PDQ).unwrap();
        let padded = format!("{}=", BASE64_NOPAD.encode(value.as_bytes()));
        assert_eq!(padded.len(), 44);
        assert_eq!(HashValue::parse(HashKind::Pdq, &padded), Ok(value));
        assert_eq!(
            HashValue::parse(HashKind::Pdq, padded.trim_end_matches('=')),
            Ok(value)
        );
        let sha1 =
            HashValue::parse(HashKind::Sha1, "da39a3ee5e6b4b0d3255bfef95601890afd80709").unwrap();
        let base32 = BASE32_NOPAD.encode(sha1.as_bytes());
        assert_eq!(HashValue::parse(HashKind::Sha1, &base32), Ok(sha1));
    }

    #[test]
    fn base64_has_its_padding_at_the_end_and_nothing_else() {
        let value = HashValue::parse(HashKind::Pdq, PDQ).unwrap();
        let digits = BASE64_NOPAD.encode(value.as_bytes());
        // 44 digits would be 33 bytes; padding in the middle is found by some decoders to end a first part.
        for wrong in [
            format!("{digits}A"),
            format!("{}=={}", &digits[..22], &digits[22..42]),
            format!("={digits}"),
            format!("{}==", &digits[..42]),
        ] {
            assert_eq!(wrong.len(), 44);
            let parsed = HashValue::parse(HashKind::Pdq, &wrong);
            assert!(parsed.is_err(), "{parsed:?}");
        }
        let short = format!("{}=", "A".repeat(31));
        assert!(HashValue::parse(HashKind::Sha1, &short).is_err());
    }

    #[test]
    fn a_wrong_digit_is_placed() {
        let mut text = PDQ.to_owned();
        text.replace_range(17..18, "g");
        assert_eq!(
            HashValue::parse(HashKind::Pdq, &text),
            Err(HashError::WrongDigit {
                kind: HashKind::Pdq,
                encoding: "hexadecimal",
                position: 17
            })
        );
    }

    #[test]
    fn a_wrong_length_says_what_was_expected() {
        assert_eq!(
            HashValue::parse(HashKind::Md5, &PDQ[..31]),
            Err(HashError::WrongLength {
                kind: HashKind::Md5,
                expected: 32,
                found: 31,
                unit: "characters"
            })
        );
    }

    #[test]
    fn kinds_do_not_mix() {
        let pdq = HashValue::parse(HashKind::Pdq, PDQ).unwrap();
        let sha256 = HashValue::parse(HashKind::Sha256, PDQ).unwrap();
        assert_ne!(pdq, sha256);
        assert_eq!(
            pdq.distance(&sha256),
            Err(HashError::WrongKind {
                expected: HashKind::Pdq,
                found: HashKind::Sha256
            })
        );
        assert_eq!(
            sha256.distance(&sha256),
            Err(HashError::NoDistance {
                kind: HashKind::Sha256
            })
        );
        assert!(Pdq::try_from(sha256).is_err());
    }

    #[test]
    fn no_debug_output_or_error_holds_a_digit_of_the_hash() {
        let value = HashValue::parse(HashKind::Pdq, PDQ).unwrap();
        let debug = format!("{value:?} {:?}", Pdq::parse(PDQ).unwrap());
        assert!(!debug.contains("f8"), "{debug}");
        let error = HashValue::parse(HashKind::Md5, PDQ)
            .unwrap_err()
            .to_string();
        assert!(!error.contains("f8"), "{error}");
    }

    proptest! {
        #[test]
        fn every_value_of_every_kind_survives_its_text(bytes in prop::array::uniform32(any::<u8>()), index in 0..HashKind::ALL.len()) {
            let kind = HashKind::ALL[index];
            let doubled = [bytes, bytes].concat();
            let value = HashValue::from_bytes(kind, &doubled[..kind.byte_len()]).unwrap();
            prop_assert_eq!(HashValue::parse(kind, &value.to_hex()), Ok(value));
            prop_assert_eq!(kind.name().parse::<HashKind>(), Ok(kind));
        }

        #[test]
        fn word_distance_is_byte_distance(a in prop::array::uniform32(any::<u8>()), b in prop::array::uniform32(any::<u8>())) {
            let (a, b) = (Pdq::from_bytes(&a), Pdq::from_bytes(&b));
            let bytewise = HashValue::from(a).distance(&HashValue::from(b)).unwrap();
            prop_assert_eq!(a.distance(&b), bytewise);
            prop_assert_eq!(Pdq::try_from(HashValue::from(a)), Ok(a));
        }

        #[test]
        fn a_pdq_is_ordered_and_read_as_its_value_is(a in prop::array::uniform32(0..3_u8), b in prop::array::uniform32(0..3_u8)) {
            let (a, b) = (Pdq::from_bytes(&a), Pdq::from_bytes(&b));
            prop_assert_eq!(a.cmp(&b), HashValue::from(a).cmp(&HashValue::from(b)));
            prop_assert_eq!(a.cmp(&b), a.to_hex().cmp(&b.to_hex()));
            prop_assert_eq!(a.to_hex().parse::<Pdq>(), Ok(a));
            let base64 = BASE64_NOPAD.encode(&a.to_bytes());
            prop_assert_eq!(base64.parse::<Pdq>(), Ok(a));
            prop_assert_eq!(base64[1..].parse::<Pdq>().err(), HashValue::parse(HashKind::Pdq, &base64[1..]).err());
        }

        #[test]
        fn no_text_makes_parsing_panic(text in "\\PC{0,140}", index in 0..HashKind::ALL.len()) {
            let _ = HashValue::parse(HashKind::ALL[index], &text);
        }
    }
}
