//! What a hash is of: the kinds, their names and sizes.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::HashError;

/// What a hash is of: the algorithm that made it. It travels with every value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum HashKind {
    /// PDQ, 256 bits: perceptual, compared by Hamming distance.
    Pdq,
    /// MD5, 128 bits: digest of the file's bytes, compared for equality.
    Md5,
    /// SHA-1, 160 bits: digest of the file's bytes, compared for equality.
    Sha1,
    /// SHA-256, 256 bits: digest of the file's bytes, compared for equality.
    Sha256,
    /// SHA-512, 512 bits: digest of the file's bytes, compared for equality.
    Sha512,
    /// A hash of the crate `img_hash`, 40 to 256 bits: perceptual, compared by Hamming distance.
    Classic(ClassicKind),
}

impl HashKind {
    /// Every kind, in the order used by files and reports: PDQ and the digests, then [`ClassicKind::ALL`].
    pub const ALL: [Self; 5 + ClassicKind::ALL.len()] = {
        let mut all = [Self::Pdq; 5 + ClassicKind::ALL.len()];
        all[1] = Self::Md5;
        all[2] = Self::Sha1;
        all[3] = Self::Sha256;
        all[4] = Self::Sha512;
        let mut index = 0;
        while index < ClassicKind::ALL.len() {
            all[5 + index] = Self::Classic(ClassicKind::ALL[index]);
            index += 1;
        }
        all
    };

    /// Returns the stable lower-case name, for example `sha256` or `mean_8x8`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pdq => "pdq",
            Self::Md5 => "md5",
            Self::Sha1 => "sha1",
            Self::Sha256 => "sha256",
            Self::Sha512 => "sha512",
            Self::Classic(kind) => kind.name(),
        }
    }

    /// Returns the length of a value in bytes.
    pub const fn byte_len(self) -> usize {
        match self {
            Self::Md5 => 16,
            Self::Sha1 => 20,
            Self::Pdq | Self::Sha256 => 32,
            Self::Sha512 => 64,
            Self::Classic(kind) => kind.byte_len(),
        }
    }

    /// Returns the length of a value in bits, which is also the largest possible distance.
    pub const fn bits(self) -> u32 {
        match self {
            Self::Md5 => 128,
            Self::Sha1 => 160,
            Self::Pdq | Self::Sha256 => 256,
            Self::Sha512 => 512,
            Self::Classic(kind) => kind.bits(),
        }
    }

    /// Returns whether values are of pixels and compared by distance, rather than of bytes and compared for equality.
    pub const fn is_perceptual(self) -> bool {
        matches!(self, Self::Pdq | Self::Classic(_))
    }

    /// Returns the classic kind, if it is one.
    pub const fn classic(self) -> Option<ClassicKind> {
        match self {
            Self::Classic(kind) => Some(kind),
            _ => None,
        }
    }
}

impl fmt::Display for HashKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for HashKind {
    type Err = HashError;

    /// Reads a kind from its name, in either case.
    fn from_str(text: &str) -> Result<Self, HashError> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.name().eq_ignore_ascii_case(text))
            .ok_or(HashError::UnknownKind)
    }
}

impl From<ClassicKind> for HashKind {
    fn from(kind: ClassicKind) -> Self {
        Self::Classic(kind)
    }
}

impl Serialize for HashKind {
    /// Writes the name.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for HashKind {
    /// Reads the name, in lower case only.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Name;
        impl de::Visitor<'_> for Name {
            type Value = HashKind;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the name of a hash kind")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<HashKind, E> {
                let mut all = HashKind::ALL.into_iter();
                all.find(|kind| kind.name() == text)
                    .ok_or_else(|| E::custom(HashError::UnknownKind))
            }
        }
        deserializer.deserialize_str(Name)
    }
}

/// How a classic hash is made of a small grey copy of the picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ClassicAlgorithm {
    /// Each value against the mean of all ("aHash").
    Mean,
    /// Each value against its right neighbour ("dHash").
    Gradient,
    /// Each value against its lower neighbour.
    VerticalGradient,
    /// Each value of a grid of about half the side against its right and its lower neighbour.
    DoubleGradient,
    /// The sum of each block of pixels against the median of its band of four rows of blocks.
    Blockhash,
}

/// A kind of hash that the crate `img_hash` makes: algorithm, side, and whether a cosine transform (DCT) comes first.
///
/// There are 18, for `img_hash` ignores the transform for [`ClassicAlgorithm::Blockhash`]; nothing else can be held.
///
/// Bits: side times side, 64 or 256; [`ClassicAlgorithm::DoubleGradient`] has 40 (8x8) or 144 (16x16), since it compares
/// within a grid of 5x5 or 9x9.
///
/// # Example
/// ```
/// use hashsieve::{ClassicAlgorithm, ClassicKind, HashKind};
/// let kind = ClassicKind::new(ClassicAlgorithm::DoubleGradient, false, 8).unwrap();
/// assert_eq!((kind.name(), kind.bits()), ("double_gradient_8x8", 40));
/// assert_eq!("double_gradient_8x8".parse(), Ok(HashKind::Classic(kind)));
/// assert_eq!(ClassicKind::new(ClassicAlgorithm::Blockhash, true, 8), None);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ClassicKind {
    algorithm: ClassicAlgorithm,
    /// Never with blockhash.
    dct: bool,
    /// 8 or 16.
    side: u8,
}

impl ClassicKind {
    /// Every kind, in the order used by files and reports.
    pub const ALL: [Self; 18] = {
        use ClassicAlgorithm::{Blockhash, DoubleGradient, Gradient, Mean, VerticalGradient};
        const fn kind(algorithm: ClassicAlgorithm, dct: bool, side: u8) -> ClassicKind {
            ClassicKind {
                algorithm,
                dct,
                side,
            }
        }
        [
            kind(Mean, false, 8),
            kind(Mean, false, 16),
            kind(Mean, true, 8),
            kind(Mean, true, 16),
            kind(Gradient, false, 8),
            kind(Gradient, false, 16),
            kind(Gradient, true, 8),
            kind(Gradient, true, 16),
            kind(VerticalGradient, false, 8),
            kind(VerticalGradient, false, 16),
            kind(VerticalGradient, true, 8),
            kind(VerticalGradient, true, 16),
            kind(DoubleGradient, false, 8),
            kind(DoubleGradient, false, 16),
            kind(DoubleGradient, true, 8),
            kind(DoubleGradient, true, 16),
            kind(Blockhash, false, 8),
            kind(Blockhash, false, 16),
        ]
    };

    /// Returns the kind of this algorithm, with or without its DCT step, at this side; `None` where there is none.
    pub fn new(algorithm: ClassicAlgorithm, dct: bool, side: u8) -> Option<Self> {
        let wanted = Self {
            algorithm,
            dct,
            side,
        };
        Self::ALL.contains(&wanted).then_some(wanted)
    }

    /// Returns the algorithm.
    pub const fn algorithm(self) -> ClassicAlgorithm {
        self.algorithm
    }

    /// Returns whether the grey copy goes through a DCT before its values are compared.
    pub const fn has_dct(self) -> bool {
        self.dct
    }

    /// Returns the side: 8 or 16.
    pub const fn side(self) -> u8 {
        self.side
    }

    /// Returns the stable lower-case name, for example `vertical_gradient_dct_16x16`.
    pub const fn name(self) -> &'static str {
        use ClassicAlgorithm::{Blockhash, DoubleGradient, Gradient, Mean, VerticalGradient};
        match (self.algorithm, self.dct, self.side == 8) {
            (Mean, false, true) => "mean_8x8",
            (Mean, false, false) => "mean_16x16",
            (Mean, true, true) => "mean_dct_8x8",
            (Mean, true, false) => "mean_dct_16x16",
            (Gradient, false, true) => "gradient_8x8",
            (Gradient, false, false) => "gradient_16x16",
            (Gradient, true, true) => "gradient_dct_8x8",
            (Gradient, true, false) => "gradient_dct_16x16",
            (VerticalGradient, false, true) => "vertical_gradient_8x8",
            (VerticalGradient, false, false) => "vertical_gradient_16x16",
            (VerticalGradient, true, true) => "vertical_gradient_dct_8x8",
            (VerticalGradient, true, false) => "vertical_gradient_dct_16x16",
            (DoubleGradient, false, true) => "double_gradient_8x8",
            (DoubleGradient, false, false) => "double_gradient_16x16",
            (DoubleGradient, true, true) => "double_gradient_dct_8x8",
            (DoubleGradient, true, false) => "double_gradient_dct_16x16",
            (Blockhash, _, true) => "blockhash_8x8",
            (Blockhash, _, false) => "blockhash_16x16",
        }
    }

    /// Returns the length of a value in bits, which is also the largest possible distance: 40, 64, 144 or 256.
    pub const fn bits(self) -> u32 {
        let side = self.side as u32;
        match self.algorithm {
            // Two comparisons of each value of half a grid and one more row and column.
            ClassicAlgorithm::DoubleGradient => 2 * (side / 2) * (side / 2 + 1),
            _ => side * side,
        }
    }

    /// Returns the length of a value in bytes: 5, 8, 18 or 32.
    pub const fn byte_len(self) -> usize {
        (self.bits() / 8) as usize
    }
}

impl fmt::Display for ClassicKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl fmt::Debug for ClassicKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ClassicKind({})", self.name())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_are_unique_and_read_back_in_either_case() {
        let names: BTreeSet<_> = HashKind::ALL.map(HashKind::name).into();
        assert_eq!(names.len(), HashKind::ALL.len());
        for kind in HashKind::ALL {
            assert_eq!(kind.name().parse(), Ok(kind));
            assert_eq!(kind.name().to_uppercase().parse(), Ok(kind));
            assert_eq!(kind.byte_len() * 8, kind.bits() as usize);
        }
    }

    #[test]
    fn the_order_of_kinds_is_that_of_the_list_of_all() {
        assert!(HashKind::ALL.is_sorted());
        assert_eq!(HashKind::ALL[0], HashKind::Pdq);
        assert_eq!(HashKind::ALL[5].name(), "mean_8x8");
    }

    #[test]
    fn only_what_img_hash_offers_can_be_held() {
        use ClassicAlgorithm::{Blockhash, Mean};
        assert_eq!(ClassicKind::new(Blockhash, true, 16), None);
        for side in [0, 7, 9, 32, 255] {
            assert_eq!(ClassicKind::new(Mean, false, side), None);
        }
        for kind in ClassicKind::ALL {
            let again = ClassicKind::new(kind.algorithm(), kind.has_dct(), kind.side());
            assert_eq!(again, Some(kind));
        }
    }

    #[test]
    fn serde_writes_and_reads_names_also_as_keys() {
        let all: std::collections::BTreeMap<HashKind, u8> =
            HashKind::ALL.map(|kind| (kind, 1)).into();
        let json = serde_json::to_string(&all).unwrap();
        assert!(json.starts_with("{\"pdq\":1,\"md5\":1,"), "{json}");
        assert!(json.contains("\"blockhash_16x16\":1"), "{json}");
        assert_eq!(
            serde_json::from_str::<std::collections::BTreeMap<HashKind, u8>>(&json).unwrap(),
            all
        );
        let wrong = serde_json::from_str::<HashKind>("\"blockhash_dct_8x8\"");
        assert!(wrong.unwrap_err().to_string().contains("unknown hash kind"));
    }
}
