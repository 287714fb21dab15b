//! Hashes for measuring searches: of no picture, but with as many ones as those of pictures have.

use hashsieve::Pdq;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use crate::args::MatchData;
use crate::progress::Progress;

/// How many hashes a dihedral query has.
pub(crate) const DIHEDRAL: usize = 8;

const BITS: u32 = 256;

/// What is searched in and searched for.
pub(crate) struct Data {
    pub(crate) hashes: Vec<Pdq>,
    pub(crate) queries: Vec<Pdq>,
    random: ChaCha8Rng,
}

/// What a planted query must find.
pub(crate) struct Planted {
    pub(crate) hash: Pdq,
    pub(crate) distance: u32,
}

impl Data {
    /// Returns so many hashes.
    pub(crate) fn new(seed: u64, data: MatchData, count: u32, progress: &mut Progress) -> Self {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let mut hashes = Vec::with_capacity(count as usize);
        while hashes.len() < count as usize {
            if hashes.len() % 65_536 < 16 {
                progress.set("making hashes", hashes.len() as u64, count.into());
            }
            match data {
                MatchData::Random => hashes.push(balanced(&mut random)),
                MatchData::Clustered => {
                    let centre = correlated(&mut random);
                    let left = count as usize - hashes.len();
                    for _ in 0..family(&mut random, count).min(left) {
                        let distance = 2 * below(&mut random, 13);
                        hashes.push(at_distance(&mut random, centre, distance));
                    }
                }
            }
        }
        Self {
            hashes,
            queries: Vec::new(),
            random,
        }
    }

    /// Makes queries of so many hashes each, every second of which has one within the threshold of a hash: its first.
    ///
    /// Returns what these must find, in their order, those first.
    pub(crate) fn plant(
        &mut self,
        queries: usize,
        per_query: usize,
        threshold: u32,
    ) -> Vec<Planted> {
        let random = &mut self.random;
        let mut planted = Vec::new();
        for number in 0..queries {
            for part in 0..per_query {
                if number < queries.div_ceil(2) && part == 0 && !self.hashes.is_empty() {
                    let which = below(random, u32::try_from(self.hashes.len()).unwrap_or(u32::MAX));
                    let hash = self.hashes[which as usize];
                    // Between hashes with as many ones distances are even.
                    let distance = 2 * below(random, threshold.min(BITS) / 2 + 1);
                    self.queries.push(at_distance(random, hash, distance));
                    planted.push(Planted { hash, distance });
                } else {
                    self.queries.push(balanced(random));
                }
            }
        }
        planted
    }
}

/// Returns an even draw below `count`.
fn below(random: &mut ChaCha8Rng, count: u32) -> u32 {
    let drawn = (u64::from(random.next_u32()) * u64::from(count)) >> 32;
    u32::try_from(drawn).unwrap_or(0)
}

/// Returns a hash of which half the bits, whichever, are ones, as they are in every genuine PDQ hash.
fn balanced(random: &mut ChaCha8Rng) -> Pdq {
    let mut words = [(); 4].map(|()| random.next_u64());
    let mut ones: u32 = words.iter().map(|word| word.count_ones()).sum();
    while ones != BITS / 2 {
        let bit = below(random, BITS);
        let mask = 1 << (bit % 64);
        let word = &mut words[(bit / 64) as usize];
        let is_one = *word & mask != 0;
        if is_one == (ones > BITS / 2) {
            *word ^= mask;
            ones = if is_one { ones - 1 } else { ones + 1 };
        }
    }
    Pdq::from_words(words)
}

/// Returns a hash with bits that go with those two rows and two columns before, as those of pictures do.
fn correlated(random: &mut ChaCha8Rng) -> Pdq {
    const SIDE: usize = 16;
    let mut values = [[0_i64; SIDE]; SIDE];
    for row in 0..SIDE {
        for column in 0..SIDE {
            // Four bytes are normal enough.
            let drawn = random.next_u32().to_le_bytes().map(i64::from);
            let mut value = 1000 * (drawn.iter().sum::<i64>() - 510);
            if row >= 2 {
                value += values[row - 2][column] * 2 / 10;
            }
            if column >= 2 {
                value += values[row][column - 2] * 2 / 10;
            }
            values[row][column] = value;
        }
    }
    let mut order: Vec<usize> = (0..SIDE * SIDE).collect();
    order.sort_unstable_by_key(|bit| (values[bit / SIDE][bit % SIDE], *bit));
    let mut words = [0_u64; 4];
    for bit in &order[SIDE * SIDE / 2..] {
        words[bit / 64] |= 1 << (bit % 64);
    }
    Pdq::from_words(words)
}

/// Returns the size of a family of near copies: one in `s` families has more than about `s` members, up to a thousandth of
/// all.
fn family(random: &mut ChaCha8Rng, count: u32) -> usize {
    let drawn = f64::from(random.next_u32()) / f64::from(u32::MAX);
    let most = f64::from(count) / 1000.0;
    let size = (1.0 / drawn.max(1e-9)).min(most.max(1.0));
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a number from 1 to a thousandth of 2^32"
    )]
    let size = size as usize;
    size.max(1)
}

/// Returns a hash so many bits away, an even number, with as many ones.
fn at_distance(random: &mut ChaCha8Rng, hash: Pdq, distance: u32) -> Pdq {
    let original = hash.words();
    let mut words = original;
    let (mut ones, mut zeros) = (distance / 2, distance / 2);
    while ones + zeros > 0 {
        let bit = below(random, BITS);
        let (word, mask) = ((bit / 64) as usize, 1 << (bit % 64));
        if words[word] & mask != original[word] & mask {
            continue;
        }
        let left = if words[word] & mask != 0 {
            &mut ones
        } else {
            &mut zeros
        };
        if *left > 0 {
            *left -= 1;
            words[word] ^= mask;
        }
    }
    Pdq::from_words(words)
}
