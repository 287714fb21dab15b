//! A set of positions in a segment: one bit an entry, in memory and as a file.

use sha2::{Digest, Sha256};

use super::error::StoreDamage;

const MAGIC: &[u8; 8] = b"HSVBITS1";
const IDENTITY_LEN: usize = 32;
const COUNT_OFFSET: usize = MAGIC.len() + IDENTITY_LEN;
const WORDS_OFFSET: usize = COUNT_OFFSET + 8;
const CHECKSUM_LEN: usize = 32;

/// Some of the numbers below a bound. An eighth of a byte each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Bits {
    words: Vec<u64>,
    len: u32,
}

impl Bits {
    /// Returns the empty set of numbers below `len`.
    pub(super) fn new(len: u32) -> Self {
        Self {
            words: vec![0; (len as usize).div_ceil(64)],
            len,
        }
    }

    /// Returns whether a number is in the set. No number from the bound on is.
    #[inline]
    pub(super) fn contains(&self, number: u32) -> bool {
        let word = self.words.get(number as usize / 64);
        word.is_some_and(|word| word >> (number % 64) & 1 == 1)
    }

    /// Puts a number into the set, and returns whether it is new there. Numbers from the bound on are not taken.
    pub(super) fn insert(&mut self, number: u32) -> bool {
        if number >= self.len {
            return false;
        }
        match self.words.get_mut(number as usize / 64) {
            Some(word) if *word >> (number % 64) & 1 == 0 => {
                *word |= 1 << (number % 64);
                true
            }
            _ => false,
        }
    }

    /// Returns the bound.
    pub(super) fn len(&self) -> u32 {
        self.len
    }

    /// Returns how many numbers are in the set. O(bound).
    pub(super) fn count(&self) -> u64 {
        let ones = self.words.iter().map(|word| u64::from(word.count_ones()));
        ones.sum()
    }

    /// Returns the file that holds the set, for the segment of this identity. `FORMAT.md` tells its layout.
    pub(super) fn to_bytes(&self, identity: &[u8; IDENTITY_LEN]) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(WORDS_OFFSET + self.words.len() * 8 + CHECKSUM_LEN);
        bytes.extend(MAGIC);
        bytes.extend(identity);
        bytes.extend(u64::from(self.len).to_le_bytes());
        for word in &self.words {
            bytes.extend(word.to_le_bytes());
        }
        let checksum = Sha256::digest(&bytes);
        bytes.extend(checksum);
        bytes
    }

    /// Returns the set that a file holds for the segment of this identity and number of entries.
    pub(super) fn from_bytes(
        bytes: &[u8],
        identity: &[u8; IDENTITY_LEN],
        len: u32,
    ) -> Result<Self, StoreDamage> {
        let wrong = |what| Err(StoreDamage { what });
        let words = (len as usize).div_ceil(64);
        if bytes.len() != WORDS_OFFSET + words * 8 + CHECKSUM_LEN {
            return wrong("it is not as long as its segment has entries");
        }
        let (content, checksum) = bytes.split_at(bytes.len() - CHECKSUM_LEN);
        if *Sha256::digest(content) != *checksum {
            return wrong("it does not have its checksum");
        }
        if !content.starts_with(MAGIC) {
            return wrong("it is no file of withdrawn entries");
        }
        if content[MAGIC.len()..COUNT_OFFSET] != *identity
            || content[COUNT_OFFSET..WORDS_OFFSET] != u64::from(len).to_le_bytes()
        {
            return wrong("it is of another segment");
        }
        let (chunks, _) = content[WORDS_OFFSET..].as_chunks::<8>();
        let words: Vec<u64> = chunks
            .iter()
            .map(|chunk| u64::from_le_bytes(*chunk))
            .collect();
        let past_end = match len % 64 {
            0 => 0,
            used => words.last().map_or(0, |word| word >> used),
        };
        if past_end != 0 {
            return wrong("it names entries past the last");
        }
        Ok(Self { words, len })
    }
}

/// A set that also tells how many of its numbers are below another. Three sixteenths of a byte for each number below the bound.
pub(super) struct Ranked {
    bits: Bits,
    /// How many numbers are in the words before each.
    before: Vec<u32>,
}

impl Ranked {
    /// Counts a set.
    pub(super) fn new(bits: Bits) -> Self {
        let mut count = 0;
        let before = bits.words.iter().map(|word| {
            let before = count;
            count += word.count_ones();
            before
        });
        Self {
            before: before.collect(),
            bits,
        }
    }

    /// Returns whether a number is in the set.
    #[inline]
    pub(super) fn contains(&self, number: u32) -> bool {
        self.bits.contains(number)
    }

    /// Returns how many numbers of the set are below a number. O(1).
    #[inline]
    pub(super) fn below(&self, number: u32) -> u32 {
        let at = number as usize / 64;
        match (self.bits.words.get(at), self.before.get(at)) {
            (Some(word), Some(before)) => before + (word & ((1 << (number % 64)) - 1)).count_ones(),
            _ => self.before.last().map_or(0, |before| {
                before + self.bits.words.last().map_or(0, |word| word.count_ones())
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn some() -> Bits {
        let mut bits = Bits::new(131);
        for number in [0, 1, 63, 64, 100, 130] {
            assert!(bits.insert(number));
        }
        bits
    }

    #[test]
    fn a_set_holds_what_was_put_in_and_nothing_past_its_bound() {
        let mut bits = some();
        assert!(!bits.insert(64));
        assert!(!bits.insert(131));
        assert!(!bits.contains(131));
        assert!(!bits.contains(u32::MAX));
        let held: Vec<u32> = (0..200).filter(|&number| bits.contains(number)).collect();
        assert_eq!(held, [0, 1, 63, 64, 100, 130]);
        assert_eq!(bits.count(), 6);
    }

    #[test]
    fn a_set_tells_how_many_of_its_numbers_are_below_another() {
        let bits = some();
        let ranked = Ranked::new(bits.clone());
        for number in 0..300 {
            let below = (0..number).filter(|&below| bits.contains(below)).count();
            assert_eq!(ranked.below(number) as usize, below, "{number}");
            assert_eq!(ranked.contains(number), bits.contains(number));
        }
        assert_eq!(Ranked::new(Bits::new(0)).below(7), 0);
    }

    #[test]
    fn a_set_survives_as_a_file_and_damage_of_any_byte_is_noticed() {
        let bits = some();
        let bytes = bits.to_bytes(&[7; 32]);
        assert_eq!(Bits::from_bytes(&bytes, &[7; 32], 131).unwrap(), bits);
        assert!(Bits::from_bytes(&bytes, &[8; 32], 131).is_err());
        assert!(Bits::from_bytes(&bytes, &[7; 32], 130).is_err());
        for at in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[at] ^= 1;
            assert!(Bits::from_bytes(&damaged, &[7; 32], 131).is_err(), "{at}");
            assert!(
                Bits::from_bytes(&bytes[..at], &[7; 32], 131).is_err(),
                "{at}"
            );
        }
    }
}
