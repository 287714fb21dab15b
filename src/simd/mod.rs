//! Vector kernels, at the levels a processor may offer. The one room besides the index's map where `unsafe` is allowed.
//!
//! A kernel is written once, generic over a vector ([`vector::Vector`]); a level is a vector type and the instructions
//! its kernels are compiled for. Arithmetic is that of IEEE 754 in `f32`, in an order that does not depend on the level,
//! so all levels give the same bits, and tests compare them with `assert_eq!`.
//!
//! This room knows arrays of numbers and nothing else of the crate.

use std::fmt;
use std::str::FromStr;

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod filter;
mod hamming;
#[cfg(target_arch = "aarch64")]
mod neon;
mod scalar;
#[cfg(test)]
mod tests;
mod transform;
mod vector;

pub(crate) use filter::{Sample, UNIT};
pub(crate) use hamming::{GROUP, Groups, MAX_QUERIES, NearGroup, Progress, Run, Survivor};
pub(crate) use transform::{BLOCK_SIDE, Block, PLANE_SIDE, Plane, PlaneRow, Weights};
pub(crate) use vector::{Divisor, LINE_LEN, Position, ROWS, Sixteen, TILE};

/// The vector instructions that kernels use. Every level gives the same bits; they differ in speed only.
///
/// A value of this type proves that this machine has the instructions: there is no other way to get one than to ask.
///
/// # Example
/// ```
/// use hashsieve::{PdqHasher, SimdLevel};
/// assert_eq!(PdqHasher::new().level(), SimdLevel::best());
/// assert!(SimdLevel::available().any(|level| level.name() == "scalar"));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SimdLevel(Instructions);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Instructions {
    Scalar,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "x86_64")]
    Avx512,
    #[cfg(target_arch = "aarch64")]
    Neon,
}

impl SimdLevel {
    /// The plain level, which every machine has.
    pub const SCALAR: Self = Self(Instructions::Scalar);

    /// Returns the levels of this machine, from the plain to the fastest.
    pub fn available() -> impl DoubleEndedIterator<Item = Self> {
        let levels = [
            Some(Instructions::Scalar),
            #[cfg(target_arch = "x86_64")]
            (is_x86_feature_detected!("avx2")
                && is_x86_feature_detected!("fma")
                && is_x86_feature_detected!("popcnt"))
            .then_some(Instructions::Avx2),
            #[cfg(target_arch = "x86_64")]
            (is_x86_feature_detected!("avx512f")
                && is_x86_feature_detected!("avx512bw")
                && is_x86_feature_detected!("avx512dq")
                && is_x86_feature_detected!("avx512vl")
                && is_x86_feature_detected!("avx512bitalg")
                && is_x86_feature_detected!("avx512vpopcntdq")
                && is_x86_feature_detected!("popcnt"))
            .then_some(Instructions::Avx512),
            #[cfg(target_arch = "aarch64")]
            std::arch::is_aarch64_feature_detected!("neon").then_some(Instructions::Neon),
        ];
        levels.into_iter().flatten().map(Self)
    }

    /// Returns the fastest level of this machine.
    pub fn best() -> Self {
        Self::available().next_back().unwrap_or(Self::SCALAR)
    }

    /// Returns the stable name: `scalar`, `avx2`, `avx512` or `neon`.
    pub const fn name(self) -> &'static str {
        match self.0 {
            Instructions::Scalar => "scalar",
            #[cfg(target_arch = "x86_64")]
            Instructions::Avx2 => "avx2",
            #[cfg(target_arch = "x86_64")]
            Instructions::Avx512 => "avx512",
            #[cfg(target_arch = "aarch64")]
            Instructions::Neon => "neon",
        }
    }
}

impl Default for SimdLevel {
    /// The fastest level of this machine.
    fn default() -> Self {
        Self::best()
    }
}

impl fmt::Display for SimdLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A level that this machine does not have, or no level at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownSimdLevel;

impl fmt::Display for UnknownSimdLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("this machine has no such level; it has")?;
        for (i, level) in SimdLevel::available().enumerate() {
            write!(f, "{} {level}", if i == 0 { "" } else { "," })?;
        }
        Ok(())
    }
}

impl std::error::Error for UnknownSimdLevel {}

impl FromStr for SimdLevel {
    type Err = UnknownSimdLevel;

    /// Reads the name of a level that this machine has.
    fn from_str(name: &str) -> Result<Self, UnknownSimdLevel> {
        let mut levels = Self::available();
        levels.find(|l| l.name() == name).ok_or(UnknownSimdLevel)
    }
}

/// Asks for the cache line on which a value begins, which is read soon. Changes no result.
#[allow(unsafe_code, reason = "asking for a line is an instruction")]
#[inline(always)]
pub(crate) fn prefetch_item<T>(item: &T) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: every processor of this architecture has the instruction, and it changes nothing.
    unsafe {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        _mm_prefetch::<_MM_HINT_T0>(std::ptr::from_ref(item).cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = item;
}

/// Makes each kernel a method of [`SimdLevel`], with an entry point for each level.
macro_rules! kernels {
    ($($(#[$attribute:meta])* $module:ident::$name:ident($($argument:ident: $type:ty),* $(,)?) $(-> $result:ty)?;)*) => {
        /// Kernels compiled for AVX2.
        #[cfg(target_arch = "x86_64")]
        mod avx2_kernels {
            use crate::simd::avx2::{LANES, Vector256};
            use crate::simd::*;
            $(
                $(#[$attribute])*
                #[target_feature(enable = "avx2,fma,popcnt")]
                pub(super) fn $name($($argument: $type),*) $(-> $result)? {
                    $module::$name::<LANES, Vector256>($($argument),*)
                }
            )*
        }

        /// Kernels compiled for AVX-512.
        #[cfg(target_arch = "x86_64")]
        mod avx512_kernels {
            use crate::simd::avx512::{LANES, Vector512};
            use crate::simd::*;
            $(
                $(#[$attribute])*
                #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512bitalg,avx512vpopcntdq,popcnt")]
                pub(super) fn $name($($argument: $type),*) $(-> $result)? {
                    $module::$name::<LANES, Vector512>($($argument),*)
                }
            )*
        }

        #[allow(
            unsafe_code,
            clippy::too_many_arguments,
            reason = "entering a kernel takes the proof that its instructions are there, and kernels take what they need"
        )]
        impl SimdLevel {
            $(
                $(#[$attribute])*
                #[doc = concat!("See [`", stringify!($module), "::", stringify!($name), "`].")]
                #[inline]
                pub(crate) fn $name(self, $($argument: $type),*) $(-> $result)? {
                    match self.0 {
                        Instructions::Scalar => {
                            $module::$name::<{ scalar::LANES }, scalar::Plain>($($argument),*)
                        }
                        #[cfg(target_arch = "x86_64")]
                        Instructions::Avx2 => {
                            // SAFETY: a value of this level exists only where its instructions were detected.
                            unsafe { avx2_kernels::$name($($argument),*) }
                        }
                        #[cfg(target_arch = "x86_64")]
                        Instructions::Avx512 => {
                            // SAFETY: a value of this level exists only where its instructions were detected.
                            unsafe { avx512_kernels::$name($($argument),*) }
                        }
                        #[cfg(target_arch = "aarch64")]
                        Instructions::Neon => {
                            $module::$name::<{ neon::LANES }, neon::Vector128>($($argument),*)
                        }
                    }
                }
            )*
        }
    };
}

kernels! {
    filter::luma(
        rows: &[&[u8]; ROWS],
        bytes_per_pixel: usize,
        first: usize,
        columns: &mut [Position],
    );
    filter::prefetch(rows: &[&[u8]; ROWS], from: usize, to: usize);
    filter::box_along_rows(
        sums: &mut Position,
        columns: &[Position],
        window: usize,
        divisors: &[Divisor],
        rows: &mut [Sixteen],
        starts: &[usize; ROWS],
    );
    filter::box_along_columns(
        sums: &mut [Sixteen],
        rows: &[Sixteen],
        entering: &[usize; ROWS],
        leaving: &[usize; ROWS],
        divisors: &[Divisor],
        columns: &mut [Position],
    );
    filter::sample_along_rows(
        sums: &mut Position,
        columns: &[Position],
        window: usize,
        first: usize,
        samples: &[Sample],
        out: &mut [Position],
    );
    filter::transpose(
        columns: &[Position; PLANE_SIDE],
        rows: &mut [PlaneRow],
        places: &[usize; ROWS],
    );
    filter::sample_along_columns(
        sums: &mut PlaneRow,
        rows: &[PlaneRow],
        entering: &[usize; ROWS],
        leaving: &[usize; ROWS],
        first: usize,
        samples: &[Sample],
        out: &mut [PlaneRow],
    );
    hamming::scan_groups(
        groups: &Groups<'_>,
        next: &mut u32,
        end: u32,
        words: usize,
        queries: &[[u64; 4]],
        limit: u32,
        near: &mut [NearGroup],
    ) -> usize;
    hamming::near_signatures(
        signatures: &[[u8; 2]],
        runs: &[Run],
        progress: &mut Progress,
        survivors: &mut [Survivor],
    ) -> usize;
    transform::widen(bytes: &[[u8; PLANE_SIDE]; PLANE_SIDE], plane: &mut Plane);
    transform::gradient_sum(plane: &Plane) -> u32;
    transform::transform(plane: &Plane, weights: &Weights) -> Block;
    transform::bits_above_median(block: &Block) -> [u64; 4];
    #[cfg(test)]
    filter::quotients(values: &mut [f32], divisor: &Divisor);
}
