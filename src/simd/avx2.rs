//! AVX2 with fused multiply-add (which is for `divide_by` alone): 8 lanes.
#![allow(
    unsafe_code,
    reason = "vector instructions; kernels of this level run only after detection"
)]

use std::arch::x86_64::*;

use super::vector::{LINE_LEN, Line, Vector};

pub(super) const LANES: usize = 8;

#[derive(Clone, Copy)]
pub(super) struct Vector256(__m256);

/// An expression of this level's instructions.
macro_rules! avx2 {
    ($expression:expr) => {
        // SAFETY: the methods of `Vector256` are used only by kernels behind this level's entry points, which are
        // entered only when the processor has been seen to have these instructions. Loads and stores are through
        // references to arrays of exactly the bytes they touch.
        unsafe { $expression }
    };
}

impl Vector<LANES> for Vector256 {
    type Line = Line256;

    #[inline(always)]
    fn splat(value: f32) -> Self {
        Self(avx2!(_mm256_set1_ps(value)))
    }

    #[inline(always)]
    fn load(from: &[f32; LANES]) -> Self {
        Self(avx2!(_mm256_loadu_ps(from.as_ptr())))
    }

    #[inline(always)]
    fn store(self, to: &mut [f32; LANES]) {
        avx2!(_mm256_storeu_ps(to.as_mut_ptr(), self.0));
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        Self(avx2!(_mm256_add_ps(self.0, other.0)))
    }

    #[inline(always)]
    fn subtract(self, other: Self) -> Self {
        Self(avx2!(_mm256_sub_ps(self.0, other.0)))
    }

    #[inline(always)]
    fn multiply(self, other: Self) -> Self {
        Self(avx2!(_mm256_mul_ps(self.0, other.0)))
    }

    #[inline(always)]
    fn divide(self, other: Self) -> Self {
        Self(avx2!(_mm256_div_ps(self.0, other.0)))
    }

    #[inline(always)]
    fn divide_by(self, (high, low): (Self, Self)) -> Self {
        let rest = self.multiply(low);
        Self(avx2!(_mm256_fmadd_ps(self.0, high.0, rest.0)))
    }

    #[inline(always)]
    fn whole_magnitude(self) -> Self {
        Self(avx2!(_mm256_andnot_ps(
            _mm256_set1_ps(-0.0),
            _mm256_round_ps::<{ _MM_FROUND_TO_ZERO | _MM_FROUND_NO_EXC }>(self.0)
        )))
    }

    #[inline(always)]
    fn greater(self, other: Self) -> u32 {
        avx2!(_mm256_movemask_ps(_mm256_cmp_ps::<_CMP_GT_OQ>(
            self.0, other.0
        )))
        .cast_unsigned()
    }

    #[inline(always)]
    fn transpose(block: &mut [Self; LANES]) {
        // Pairs, fours, then whole 128-bit parts. Indices, since closures would not be compiled for this level.
        for i in (0..LANES).step_by(2) {
            let (a, b) = (block[i].0, block[i + 1].0);
            block[i].0 = avx2!(_mm256_unpacklo_ps(a, b));
            block[i + 1].0 = avx2!(_mm256_unpackhi_ps(a, b));
        }
        for i in (0..LANES).step_by(4) {
            let (a, b, c, d) = (block[i].0, block[i + 1].0, block[i + 2].0, block[i + 3].0);
            block[i].0 = avx2!(_mm256_shuffle_ps::<0x44>(a, c));
            block[i + 1].0 = avx2!(_mm256_shuffle_ps::<0xee>(a, c));
            block[i + 2].0 = avx2!(_mm256_shuffle_ps::<0x44>(b, d));
            block[i + 3].0 = avx2!(_mm256_shuffle_ps::<0xee>(b, d));
        }
        for i in 0..4 {
            let (a, b) = (block[i].0, block[i + 4].0);
            block[i].0 = avx2!(_mm256_permute2f128_ps::<0x20>(a, b));
            block[i + 4].0 = avx2!(_mm256_permute2f128_ps::<0x31>(a, b));
        }
    }

    #[inline(always)]
    fn load_bytes(from: &[[u8; 4]; LANES]) -> Self {
        Self(avx2!(_mm256_castsi256_ps(_mm256_loadu_si256(
            from.as_ptr().cast()
        ))))
    }

    #[inline(always)]
    fn weighted_byte(self, byte: usize, weight: f32) -> Self {
        let packed = avx2!(_mm256_castps_si256(self.0));
        // Bytes 1 and 2 stay where they are: they are then 2^8 and 2^16 times as large, and the weight as much smaller,
        // which changes no bit of the product.
        let (value, weight) = match byte {
            0 => (
                avx2!(_mm256_and_si256(packed, _mm256_set1_epi32(0xff))),
                weight,
            ),
            1 => (
                avx2!(_mm256_and_si256(packed, _mm256_set1_epi32(0xff00))),
                weight / 256.0,
            ),
            2 => (
                avx2!(_mm256_and_si256(packed, _mm256_set1_epi32(0x00ff_0000))),
                weight / 65536.0,
            ),
            _ => (avx2!(_mm256_srli_epi32::<24>(packed)), weight),
        };
        Self(avx2!(_mm256_cvtepi32_ps(value))).multiply(Self::splat(weight))
    }

    #[inline(always)]
    fn prefetch(line: &u8) {
        avx2!(_mm_prefetch::<_MM_HINT_T0>(std::ptr::from_ref(line).cast()));
    }
}

#[derive(Clone, Copy)]
pub(super) struct Line256([__m256i; 2]);

/// Counts the bits of each byte that are one, by its halves.
#[inline(always)]
fn ones_of_bytes(bytes: __m256i) -> __m256i {
    avx2!({
        let counts = _mm256_setr_epi8(
            0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4, 0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2,
            3, 3, 4,
        );
        let half = _mm256_set1_epi8(0x0f);
        let low = _mm256_and_si256(bytes, half);
        let high = _mm256_and_si256(_mm256_srli_epi16::<4>(bytes), half);
        _mm256_add_epi8(
            _mm256_shuffle_epi8(counts, low),
            _mm256_shuffle_epi8(counts, high),
        )
    })
}

impl Line for Line256 {
    #[inline(always)]
    fn load(from: &[u8; LINE_LEN]) -> Self {
        Self(avx2!([
            _mm256_loadu_si256(from.as_ptr().cast()),
            _mm256_loadu_si256(from[LINE_LEN / 2..].as_ptr().cast()),
        ]))
    }

    #[inline(always)]
    fn splat64(word: u64) -> Self {
        Self(avx2!([_mm256_set1_epi64x(word.cast_signed()); 2]))
    }

    #[inline(always)]
    fn splat16(word: u16) -> Self {
        Self(avx2!([_mm256_set1_epi16(word.cast_signed()); 2]))
    }

    #[inline(always)]
    fn xor(self, other: Self) -> Self {
        let (Self(a), Self(b)) = (self, other);
        Self(avx2!([
            _mm256_xor_si256(a[0], b[0]),
            _mm256_xor_si256(a[1], b[1])
        ]))
    }

    #[inline(always)]
    fn ones(self) -> Self {
        Self([ones_of_bytes(self.0[0]), ones_of_bytes(self.0[1])])
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        let (Self(a), Self(b)) = (self, other);
        Self(avx2!([
            _mm256_add_epi8(a[0], b[0]),
            _mm256_add_epi8(a[1], b[1])
        ]))
    }

    #[inline(always)]
    fn totals(self) -> Self {
        let zero = avx2!(_mm256_setzero_si256());
        Self(avx2!([
            _mm256_sad_epu8(self.0[0], zero),
            _mm256_sad_epu8(self.0[1], zero)
        ]))
    }

    #[inline(always)]
    fn least(self, other: Self) -> Self {
        // All parts of 16 bits but the lowest are zero in totals, and all ones or zero in what they are compared with.
        let (Self(a), Self(b)) = (self, other);
        Self(avx2!([
            _mm256_min_epu16(a[0], b[0]),
            _mm256_min_epu16(a[1], b[1])
        ]))
    }

    #[inline(always)]
    fn at_most64(self, limit: u64) -> u8 {
        let limit = Self::splat64(limit).0[0];
        let above = avx2!([
            _mm256_movemask_pd(_mm256_castsi256_pd(_mm256_cmpgt_epi64(self.0[0], limit))),
            _mm256_movemask_pd(_mm256_castsi256_pd(_mm256_cmpgt_epi64(self.0[1], limit))),
        ]);
        let [above, ..] = (above[0] | above[1] << 4).to_le_bytes();
        !above
    }

    #[inline(always)]
    fn at_most_ones16(self, limit: u16) -> u32 {
        let limit = Self::splat16(limit).0[0];
        let pairs = avx2!(_mm256_set1_epi8(1));
        let above = avx2!([
            _mm256_cmpgt_epi16(_mm256_maddubs_epi16(ones_of_bytes(self.0[0]), pairs), limit),
            _mm256_cmpgt_epi16(_mm256_maddubs_epi16(ones_of_bytes(self.0[1]), pairs), limit),
        ]);
        // Packing takes turns between the halves of both, which the permutation undoes.
        let bytes = avx2!(_mm256_permute4x64_epi64::<0b11_01_10_00>(
            _mm256_packs_epi16(above[0], above[1])
        ));
        !avx2!(_mm256_movemask_epi8(bytes)).cast_unsigned()
    }
}
