//! NEON, which every 64-bit ARM processor has: 4 lanes.
#![allow(
    unsafe_code,
    reason = "vector instructions, which every processor of this architecture has"
)]

use std::arch::aarch64::*;

use super::vector::Vector;

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
