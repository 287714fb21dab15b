//! Plain Rust, for every machine. Compilers turn it into whatever vectors a target always has.

use super::vector::{Divisor, LINE_LEN, Line, Vector};

/// The lanes of a plain vector: what 128-bit registers hold.
pub(super) const LANES: usize = 4;

#[derive(Clone, Copy)]
pub(super) struct Plain([f32; LANES]);

impl Plain {
    #[inline(always)]
    fn zip(self, other: Self, operation: impl Fn(f32, f32) -> f32) -> Self {
        let mut lanes = self.0;
        for (lane, value) in lanes.iter_mut().zip(other.0) {
            *lane = operation(*lane, value);
        }
        Self(lanes)
    }
}

impl Vector<LANES> for Plain {
    type Line = PlainLine;

    #[inline(always)]
    fn splat(value: f32) -> Self {
        Self([value; LANES])
    }

    #[inline(always)]
    fn load(from: &[f32; LANES]) -> Self {
        Self(*from)
    }

    #[inline(always)]
    fn store(self, to: &mut [f32; LANES]) {
        *to = self.0;
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        self.zip(other, |a, b| a + b)
    }

    #[inline(always)]
    fn subtract(self, other: Self) -> Self {
        self.zip(other, |a, b| a - b)
    }

    #[inline(always)]
    fn multiply(self, other: Self) -> Self {
        self.zip(other, |a, b| a * b)
    }

    #[inline(always)]
    fn divide(self, other: Self) -> Self {
        self.zip(other, |a, b| a / b)
    }

    #[inline(always)]
    fn divide_by(self, (divisor, _): (Self, Self)) -> Self {
        self.divide(divisor)
    }

    #[inline(always)]
    fn reciprocal(divisor: &Divisor) -> (Self, Self) {
        (Self::splat(divisor.value()), Self::splat(0.0))
    }

    #[inline(always)]
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        reason = "truncation is the operation; what it leaves is a small whole number"
    )]
    fn whole_magnitude(self) -> Self {
        Self(self.0.map(|lane| (lane as i32 as f32).abs()))
    }

    #[inline(always)]
    fn greater(self, other: Self) -> u32 {
        let mut mask = 0;
        for (i, (a, b)) in self.0.into_iter().zip(other.0).enumerate() {
            mask |= u32::from(a > b) << i;
        }
        mask
    }

    #[inline(always)]
    fn transpose(block: &mut [Self; LANES]) {
        let [a, b, c, d] = block.map(|row| row.0);
        *block = [
            Self([a[0], b[0], c[0], d[0]]),
            Self([a[1], b[1], c[1], d[1]]),
            Self([a[2], b[2], c[2], d[2]]),
            Self([a[3], b[3], c[3], d[3]]),
        ];
    }

    #[inline(always)]
    fn load_bytes(from: &[[u8; 4]; LANES]) -> Self {
        Self(from.map(f32::from_le_bytes))
    }

    #[inline(always)]
    fn weighted_byte(self, byte: usize, weight: f32) -> Self {
        let bytes = self.0.map(|four| f32::from(four.to_le_bytes()[byte]));
        Self(bytes).multiply(Self::splat(weight))
    }
}

#[derive(Clone, Copy)]
pub(super) struct PlainLine([u64; WORDS]);

/// The words of 64 bits on a line.
const WORDS: usize = LINE_LEN / 8;

impl PlainLine {
    #[inline(always)]
    fn zip(self, other: Self, operation: impl Fn(u64, u64) -> u64) -> Self {
        let mut words = self.0;
        for (word, other) in words.iter_mut().zip(other.0) {
            *word = operation(*word, other);
        }
        Self(words)
    }
}

/// Counts the bits of each 16 that are one.
#[inline(always)]
fn ones_of_sixteens(word: u64) -> u64 {
    let pairs = word - (word >> 1 & 0x5555_5555_5555_5555);
    let fours = (pairs & 0x3333_3333_3333_3333) + (pairs >> 2 & 0x3333_3333_3333_3333);
    let bytes = (fours + (fours >> 4)) & 0x0f0f_0f0f_0f0f_0f0f;
    (bytes + (bytes >> 8)) & 0x00ff_00ff_00ff_00ff
}

impl Line for PlainLine {
    #[inline(always)]
    fn load(from: &[u8; LINE_LEN]) -> Self {
        let mut words = [0; WORDS];
        for (word, bytes) in words.iter_mut().zip(from.as_chunks::<8>().0) {
            *word = u64::from_le_bytes(*bytes);
        }
        Self(words)
    }

    #[inline(always)]
    fn splat64(word: u64) -> Self {
        Self([word; WORDS])
    }

    #[inline(always)]
    fn splat16(word: u16) -> Self {
        Self([u64::from(word) * 0x0001_0001_0001_0001; WORDS])
    }

    #[inline(always)]
    fn xor(self, other: Self) -> Self {
        self.zip(other, |a, b| a ^ b)
    }

    #[inline(always)]
    fn ones(self) -> Self {
        self.zip(self, |a, _| u64::from(a.count_ones()))
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        self.zip(other, |a, b| a + b)
    }

    #[inline(always)]
    fn totals(self) -> Self {
        self
    }

    #[inline(always)]
    fn least(self, other: Self) -> Self {
        self.zip(other, u64::min)
    }

    #[inline(always)]
    fn at_most64(self, limit: u64) -> u8 {
        let mut mask = 0;
        for (i, total) in self.0.into_iter().enumerate() {
            mask |= u8::from(total <= limit) << i;
        }
        mask
    }

    #[inline(always)]
    fn at_most_ones16(self, limit: u16) -> u32 {
        // Adding what carries into bit 15 where a count is above the limit.
        let carry = 0x7fff - u64::from(limit.min(16));
        let carry = carry * 0x0001_0001_0001_0001;
        let mut mask = 0_u32;
        for (i, word) in self.0.into_iter().enumerate() {
            let above = (ones_of_sixteens(word) + carry) & 0x8000_8000_8000_8000;
            // The four bits side by side.
            let [four, ..] =
                ((above >> 15 | above >> 30 | above >> 45 | above >> 60) & 0xf).to_le_bytes();
            mask |= u32::from(four ^ 0xf) << (4 * i);
        }
        mask
    }
}
