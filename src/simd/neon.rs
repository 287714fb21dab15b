//! NEON, which every 64-bit ARM processor has: 4 lanes.
#![allow(
    unsafe_code,
    reason = "vector instructions, which every processor of this architecture has"
)]

use std::arch::aarch64::*;

use super::vector::{LINE_LEN, Line, Vector};

pub(super) const LANES: usize = 4;

#[derive(Clone, Copy)]
pub(super) struct Vector128(float32x4_t);

/// An expression of this level's instructions.
macro_rules! neon {
    ($expression:expr) => {
        // SAFETY: NEON is part of the architecture. Loads and stores are through references to arrays of exactly the
        // bytes they touch.
        unsafe { $expression }
    };
}

impl Vector<LANES> for Vector128 {
    type Line = Line128;

    #[inline(always)]
    fn splat(value: f32) -> Self {
        Self(neon!(vdupq_n_f32(value)))
    }

    #[inline(always)]
    fn load(from: &[f32; LANES]) -> Self {
        Self(neon!(vld1q_f32(from.as_ptr())))
    }

    #[inline(always)]
    fn store(self, to: &mut [f32; LANES]) {
        neon!(vst1q_f32(to.as_mut_ptr(), self.0));
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        Self(neon!(vaddq_f32(self.0, other.0)))
    }

    #[inline(always)]
    fn subtract(self, other: Self) -> Self {
        Self(neon!(vsubq_f32(self.0, other.0)))
    }

    #[inline(always)]
    fn multiply(self, other: Self) -> Self {
        Self(neon!(vmulq_f32(self.0, other.0)))
    }

    #[inline(always)]
    fn divide(self, other: Self) -> Self {
        Self(neon!(vdivq_f32(self.0, other.0)))
    }

    #[inline(always)]
    fn divide_by(self, (high, low): (Self, Self)) -> Self {
        let rest = self.multiply(low);
        Self(neon!(vfmaq_f32(rest.0, self.0, high.0)))
    }

    #[inline(always)]
    fn whole_magnitude(self) -> Self {
        Self(neon!(vabsq_f32(vrndq_f32(self.0))))
    }

    #[inline(always)]
    fn greater(self, other: Self) -> u32 {
        const BITS: [u32; LANES] = [1, 2, 4, 8];
        neon!(vaddvq_u32(vandq_u32(
            vcgtq_f32(self.0, other.0),
            vld1q_u32(BITS.as_ptr())
        )))
    }

    #[inline(always)]
    fn transpose(block: &mut [Self; LANES]) {
        let [a, b, c, d] = block.map(|row| row.0);
        let even = |x, y| neon!(vreinterpretq_f64_f32(vtrn1q_f32(x, y)));
        let odd = |x, y| neon!(vreinterpretq_f64_f32(vtrn2q_f32(x, y)));
        let (even_ab, odd_ab, even_cd, odd_cd) = (even(a, b), odd(a, b), even(c, d), odd(c, d));
        *block = [
            Self(neon!(vreinterpretq_f32_f64(vtrn1q_f64(even_ab, even_cd)))),
            Self(neon!(vreinterpretq_f32_f64(vtrn1q_f64(odd_ab, odd_cd)))),
            Self(neon!(vreinterpretq_f32_f64(vtrn2q_f64(even_ab, even_cd)))),
            Self(neon!(vreinterpretq_f32_f64(vtrn2q_f64(odd_ab, odd_cd)))),
        ];
    }

    #[inline(always)]
    fn load_bytes(from: &[[u8; 4]; LANES]) -> Self {
        Self(neon!(vreinterpretq_f32_u8(vld1q_u8(from.as_ptr().cast()))))
    }

    #[inline(always)]
    fn weighted_byte(self, byte: usize, weight: f32) -> Self {
        let packed = neon!(vreinterpretq_u32_f32(self.0));
        let shifted = match byte {
            0 => packed,
            1 => neon!(vshrq_n_u32::<8>(packed)),
            2 => neon!(vshrq_n_u32::<16>(packed)),
            _ => neon!(vshrq_n_u32::<24>(packed)),
        };
        let value = neon!(vandq_u32(shifted, vdupq_n_u32(0xff)));
        Self(neon!(vcvtq_f32_u32(value))).multiply(Self::splat(weight))
    }
}

#[derive(Clone, Copy)]
pub(super) struct Line128([uint8x16_t; LINE_LEN / 16]);

/// Repeats an expression for each part of a line.
macro_rules! parts {
    ($i:ident => $expression:expr) => {{
        let part = |$i: usize| $expression;
        [part(0), part(1), part(2), part(3)]
    }};
}

impl Line for Line128 {
    #[inline(always)]
    fn load(from: &[u8; LINE_LEN]) -> Self {
        Self(parts!(i => neon!(vld1q_u8(from[16 * i..].as_ptr()))))
    }

    #[inline(always)]
    fn splat64(word: u64) -> Self {
        Self([neon!(vreinterpretq_u8_u64(vdupq_n_u64(word))); 4])
    }

    #[inline(always)]
    fn splat16(word: u16) -> Self {
        Self([neon!(vreinterpretq_u8_u16(vdupq_n_u16(word))); 4])
    }

    #[inline(always)]
    fn xor(self, other: Self) -> Self {
        Self(parts!(i => neon!(veorq_u8(self.0[i], other.0[i]))))
    }

    #[inline(always)]
    fn ones(self) -> Self {
        Self(parts!(i => neon!(vcntq_u8(self.0[i]))))
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        Self(parts!(i => neon!(vaddq_u8(self.0[i], other.0[i]))))
    }

    #[inline(always)]
    fn totals(self) -> Self {
        Self(parts!(i => neon!(vreinterpretq_u8_u64(vpaddlq_u32(
            vpaddlq_u16(vpaddlq_u8(self.0[i]))
        )))))
    }

    #[inline(always)]
    fn least(self, other: Self) -> Self {
        // All parts of 16 bits but the lowest are zero in totals, and all ones or zero in what they are compared with.
        Self(parts!(i => neon!(vreinterpretq_u8_u16(vminq_u16(
            vreinterpretq_u16_u8(self.0[i]),
            vreinterpretq_u16_u8(other.0[i])
        )))))
    }

    #[inline(always)]
    fn at_most64(self, limit: u64) -> u8 {
        const BITS: [[u64; 2]; 4] = [[1, 2], [4, 8], [16, 32], [64, 128]];
        let masks = parts!(i => neon!(vaddvq_u64(vandq_u64(
            vcleq_u64(vreinterpretq_u64_u8(self.0[i]), vdupq_n_u64(limit)),
            vld1q_u64(BITS[i].as_ptr())
        ))));
        (masks[0] | masks[1] | masks[2] | masks[3]) as u8
    }

    #[inline(always)]
    fn at_most_ones16(self, limit: u16) -> u32 {
        const BITS: [u16; 8] = [1, 2, 4, 8, 16, 32, 64, 128];
        let masks = parts!(i => neon!(vaddvq_u16(vandq_u16(
            vcleq_u16(vpaddlq_u8(vcntq_u8(self.0[i])), vdupq_n_u16(limit)),
            vld1q_u16(BITS.as_ptr())
        ))));
        let mut mask = 0;
        for (i, part) in masks.into_iter().enumerate() {
            mask |= u32::from(part) << (8 * i);
        }
        mask
    }
}
