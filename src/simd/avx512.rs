//! AVX-512 (foundation, byte-and-word, doubleword-and-quadword, vector-length, population counts): 16 lanes.
#![allow(
    unsafe_code,
    reason = "vector instructions; kernels of this level run only after detection"
)]

use std::arch::x86_64::*;

use super::vector::{LINE_LEN, Line, Vector};

pub(super) const LANES: usize = 16;

#[derive(Clone, Copy)]
pub(super) struct Vector512(__m512);

/// An expression of this level's instructions.
macro_rules! avx512 {
    ($expression:expr) => {
        // SAFETY: the methods of `Vector512` are used only by kernels behind this level's entry points, which are
        // entered only when the processor has been seen to have these instructions. Loads and stores are through
        // references to arrays of exactly the bytes they touch.
        unsafe { $expression }
    };
}

impl Vector<LANES> for Vector512 {
    type Line = Line512;

    #[inline(always)]
    fn splat(value: f32) -> Self {
        Self(avx512!(_mm512_set1_ps(value)))
    }

    #[inline(always)]
    fn load(from: &[f32; LANES]) -> Self {
        Self(avx512!(_mm512_loadu_ps(from.as_ptr())))
    }

    #[inline(always)]
    fn store(self, to: &mut [f32; LANES]) {
        avx512!(_mm512_storeu_ps(to.as_mut_ptr(), self.0));
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        Self(avx512!(_mm512_add_ps(self.0, other.0)))
    }

    #[inline(always)]
    fn subtract(self, other: Self) -> Self {
        Self(avx512!(_mm512_sub_ps(self.0, other.0)))
    }

    #[inline(always)]
    fn multiply(self, other: Self) -> Self {
        Self(avx512!(_mm512_mul_ps(self.0, other.0)))
    }

    #[inline(always)]
    fn divide(self, other: Self) -> Self {
        Self(avx512!(_mm512_div_ps(self.0, other.0)))
    }

    #[inline(always)]
    fn divide_by(self, (high, low): (Self, Self)) -> Self {
        let rest = self.multiply(low);
        Self(avx512!(_mm512_fmadd_ps(self.0, high.0, rest.0)))
    }

    #[inline(always)]
    fn whole_magnitude(self) -> Self {
        Self(avx512!(_mm512_abs_ps(_mm512_roundscale_ps::<
            { _MM_FROUND_TO_ZERO | _MM_FROUND_NO_EXC },
        >(self.0))))
    }

    #[inline(always)]
    fn greater(self, other: Self) -> u32 {
        u32::from(avx512!(_mm512_cmp_ps_mask::<_CMP_GT_OQ>(self.0, other.0)))
    }

    #[inline(always)]
    fn transpose(block: &mut [Self; LANES]) {
        // Pairs, fours, then whole 128-bit parts, twice. Indices, since closures would not be compiled for this level.
        for i in (0..LANES).step_by(2) {
            let (a, b) = (block[i].0, block[i + 1].0);
            block[i].0 = avx512!(_mm512_unpacklo_ps(a, b));
            block[i + 1].0 = avx512!(_mm512_unpackhi_ps(a, b));
        }
        for i in (0..LANES).step_by(4) {
            let (a, b) = (block[i].pairs(), block[i + 1].pairs());
            let (c, d) = (block[i + 2].pairs(), block[i + 3].pairs());
            block[i] = Self::of_pairs(avx512!(_mm512_unpacklo_pd(a, c)));
            block[i + 1] = Self::of_pairs(avx512!(_mm512_unpackhi_pd(a, c)));
            block[i + 2] = Self::of_pairs(avx512!(_mm512_unpacklo_pd(b, d)));
            block[i + 3] = Self::of_pairs(avx512!(_mm512_unpackhi_pd(b, d)));
        }
        for i in 0..4 {
            let (a, b, c, d) = (block[i].0, block[i + 4].0, block[i + 8].0, block[i + 12].0);
            block[i].0 = avx512!(_mm512_shuffle_f32x4::<0x88>(a, b));
            block[i + 4].0 = avx512!(_mm512_shuffle_f32x4::<0xdd>(a, b));
            block[i + 8].0 = avx512!(_mm512_shuffle_f32x4::<0x88>(c, d));
            block[i + 12].0 = avx512!(_mm512_shuffle_f32x4::<0xdd>(c, d));
        }
        for i in 0..4 {
            let (a, b, c, d) = (block[i].0, block[i + 4].0, block[i + 8].0, block[i + 12].0);
            block[i].0 = avx512!(_mm512_shuffle_f32x4::<0x88>(a, c));
            block[i + 4].0 = avx512!(_mm512_shuffle_f32x4::<0x88>(b, d));
            block[i + 8].0 = avx512!(_mm512_shuffle_f32x4::<0xdd>(a, c));
            block[i + 12].0 = avx512!(_mm512_shuffle_f32x4::<0xdd>(b, d));
        }
    }

    #[inline(always)]
    fn load_bytes(from: &[[u8; 4]; LANES]) -> Self {
        Self(avx512!(_mm512_castsi512_ps(_mm512_loadu_si512(
            from.as_ptr().cast()
        ))))
    }

    #[inline(always)]
    fn weighted_byte(self, byte: usize, weight: f32) -> Self {
        let packed = avx512!(_mm512_castps_si512(self.0));
        // Bytes 1 and 2 stay where they are: they are then 2^8 and 2^16 times as large, and the weight as much smaller,
        // which changes no bit of the product.
        let (value, weight) = match byte {
            0 => (
                avx512!(_mm512_and_si512(packed, _mm512_set1_epi32(0xff))),
                weight,
            ),
            1 => (
                avx512!(_mm512_and_si512(packed, _mm512_set1_epi32(0xff00))),
                weight / 256.0,
            ),
            2 => (
                avx512!(_mm512_and_si512(packed, _mm512_set1_epi32(0x00ff_0000))),
                weight / 65536.0,
            ),
            _ => (avx512!(_mm512_srli_epi32::<24>(packed)), weight),
        };
        Self(avx512!(_mm512_cvtepi32_ps(value))).multiply(Self::splat(weight))
    }

    #[inline(always)]
    fn prefetch(line: &u8) {
        avx512!(_mm_prefetch::<_MM_HINT_T0>(std::ptr::from_ref(line).cast()));
    }
}

impl Vector512 {
    #[inline(always)]
    fn pairs(self) -> __m512d {
        avx512!(_mm512_castps_pd(self.0))
    }

    #[inline(always)]
    fn of_pairs(pairs: __m512d) -> Self {
        Self(avx512!(_mm512_castpd_ps(pairs)))
    }
}

#[derive(Clone, Copy)]
pub(super) struct Line512(__m512i);

impl Line for Line512 {
    #[inline(always)]
    fn load(from: &[u8; LINE_LEN]) -> Self {
        Self(avx512!(_mm512_loadu_si512(from.as_ptr().cast())))
    }

    #[inline(always)]
    fn splat64(word: u64) -> Self {
        Self(avx512!(_mm512_set1_epi64(word.cast_signed())))
    }

    #[inline(always)]
    fn splat16(word: u16) -> Self {
        Self(avx512!(_mm512_set1_epi16(word.cast_signed())))
    }

    #[inline(always)]
    fn xor(self, other: Self) -> Self {
        Self(avx512!(_mm512_xor_si512(self.0, other.0)))
    }

    #[inline(always)]
    fn ones(self) -> Self {
        Self(avx512!(_mm512_popcnt_epi64(self.0)))
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        Self(avx512!(_mm512_add_epi64(self.0, other.0)))
    }

    #[inline(always)]
    fn totals(self) -> Self {
        self
    }

    #[inline(always)]
    fn least(self, other: Self) -> Self {
        Self(avx512!(_mm512_min_epu64(self.0, other.0)))
    }

    #[inline(always)]
    fn at_most64(self, limit: u64) -> u8 {
        avx512!(_mm512_cmple_epu64_mask(self.0, Self::splat64(limit).0))
    }

    #[inline(always)]
    fn at_most_ones16(self, limit: u16) -> u32 {
        avx512!(_mm512_cmple_epu16_mask(
            _mm512_popcnt_epi16(self.0),
            Self::splat16(limit).0
        ))
    }
}
