//! Plain Rust, for every machine. Compilers turn it into whatever vectors a target always has.

use super::vector::{Divisor, Vector};

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
