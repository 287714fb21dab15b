//! Integer draws from a seeded ChaCha8 stream: the same on every machine and in every build.

use std::fmt;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// A seeded source of integers.
///
/// The key is laid out here, not by the generator's crate, so that an update of the crate cannot change the pictures.
pub(super) struct Random {
    stream: ChaCha8Rng,
}

impl Random {
    /// Returns the stream of `seed` for one `purpose`, so that equal seeds of different purposes share nothing.
    pub(super) fn new(seed: u64, purpose: u8) -> Self {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&seed.to_le_bytes());
        key[8] = purpose;
        Self {
            stream: ChaCha8Rng::from_seed(key),
        }
    }

    /// Returns an even draw from `0..count`, or 0 when `count` is 0.
    ///
    /// Multiply and shift, without rejection: the bias is below `count / 2^32`, and one draw is always one word.
    pub(super) fn below(&mut self, count: u32) -> u32 {
        ((u64::from(self.stream.next_u32()) * u64::from(count)) >> 32) as u32
    }

    /// Returns an even draw from `low..=high`; `low` when the range is empty.
    pub(super) fn between(&mut self, low: i64, high: i64) -> i64 {
        let count = u32::try_from(high - low + 1).unwrap_or(0);
        low + i64::from(self.below(count))
    }

    /// Returns an even draw of one byte from `low..=high`.
    pub(super) fn byte(&mut self, low: u8, high: u8) -> u8 {
        let step = self.below(u32::from(high.saturating_sub(low)) + 1);
        low.saturating_add((step & 0xff) as u8)
    }

    /// Returns true once in `count` draws.
    pub(super) fn one_in(&mut self, count: u32) -> bool {
        self.below(count) == 0
    }

    /// Makes `bytes` hold at least `length` even bytes.
    ///
    /// The length is rounded up to whole words, so that what follows does not depend on how the crate treats a part of
    /// one.
    pub(super) fn fill(&mut self, bytes: &mut Vec<u8>, length: usize) {
        bytes.resize(length.next_multiple_of(4), 0);
        self.stream.fill_bytes(bytes);
    }
}

impl fmt::Debug for Random {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Random(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_stay_in_their_ranges_and_reach_both_ends() {
        let mut random = Random::new(1, 2);
        let mut seen = [false; 4];
        for _ in 0..200 {
            seen[random.below(4) as usize] = true;
            assert!((-3..=5).contains(&random.between(-3, 5)));
            assert!((250..=255).contains(&random.byte(250, 255)));
        }
        assert_eq!(seen, [true; 4]);
        assert_eq!((random.below(0), random.between(7, 6)), (0, 7));
    }

    #[test]
    fn seeds_and_purposes_give_streams_of_their_own() {
        let word = |seed, purpose| Random::new(seed, purpose).below(u32::MAX);
        assert_eq!(word(1, 1), word(1, 1));
        assert_ne!(word(1, 1), word(2, 1));
        assert_ne!(word(1, 1), word(1, 2));
    }
}
