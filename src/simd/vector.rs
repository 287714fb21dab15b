//! What a level must offer: one vector of `f32`, and the few data types that kernels share.

/// The rows of a strip, which kernels take at a time.
pub(crate) const ROWS: usize = 32;

/// The positions in a block of a row.
pub(crate) const TILE: usize = 16;

/// One position in all rows of a strip.
#[derive(Clone, Copy, Debug, PartialEq)]
#[repr(C, align(64))]
pub(crate) struct Position(pub(crate) [f32; ROWS]);

impl Default for Position {
    fn default() -> Self {
        Self([0.0; ROWS])
    }
}

/// Sixteen positions of a row, on one cache line.
#[derive(Clone, Copy, Debug, PartialEq)]
#[repr(C, align(64))]
pub(crate) struct Sixteen(pub(crate) [f32; TILE]);

impl Default for Sixteen {
    fn default() -> Self {
        Self([0.0; TILE])
    }
}

/// A count of values to divide by, or infinity, which makes every quotient zero.
///
/// Division is by far the slowest instruction that the filter needs, so vector levels multiply instead:
/// `x / d` is `x * high + x * low` with one rounding for the smaller product and one, fused, for the rest. This is
/// Brisebarre, Muller and Raina, "Accelerating correctly rounded floating-point division when the divisor is known in
/// advance" (IEEE Transactions on Computers 53(8), 2004). It is used because it gives the bits of `/`: for every divisor
/// up to [`Divisor::LARGEST`] and every one of the 2^23 significands this was tried (a test does so again), and the
/// values divided stay far from where an exponent would run out.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Divisor {
    value: f32,
    high: f32,
    low: f32,
}

impl Divisor {
    /// The largest divisor for which vector levels give the bits of a division.
    pub(crate) const LARGEST: usize = 256;

    /// Makes every quotient of a finite value zero.
    pub(crate) const INFINITE: Self = Self {
        value: f32::INFINITY,
        high: 0.0,
        low: 0.0,
    };

    /// Returns the divisor `count`, not zero.
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        reason = "counts are far below 2^24; the reciprocal is meant to be rounded"
    )]
    pub(crate) const fn new(count: usize) -> Self {
        let exact = 1.0 / count as f64;
        let high = exact as f32;
        Self {
            value: count as f32,
            high,
            low: (exact - high as f64) as f32,
        }
    }

    /// Returns the divisor itself.
    pub(super) fn value(&self) -> f32 {
        self.value
    }

    /// Returns the reciprocal rounded to `f32`.
    pub(super) fn high(&self) -> f32 {
        self.high
    }

    /// Returns what the rounding left over.
    pub(super) fn low(&self) -> f32 {
        self.low
    }
}

/// A vector of `N` values of `f32`. Every method is the same arithmetic in each lane, rounded as IEEE 754 says.
///
/// All methods are `#[inline(always)]`, so that they become part of a kernel compiled for the level. Vectors must not
/// go through closures or iterator adapters that carry them (`array::map` is one): these are functions that are not
/// compiled for the level, and one that is not inlined costs twentyfold.
pub(super) trait Vector<const N: usize>: Copy {
    /// What kernels of searches use at this level.
    type Line: Line;
    fn splat(value: f32) -> Self;
    fn load(from: &[f32; N]) -> Self;
    fn store(self, to: &mut [f32; N]);
    fn add(self, other: Self) -> Self;
    fn subtract(self, other: Self) -> Self;
    fn multiply(self, other: Self) -> Self;
    fn divide(self, other: Self) -> Self;
    /// The bits of a division by a count; see [`Divisor`].
    fn divide_by(self, reciprocal: (Self, Self)) -> Self;
    /// A divisor as [`divide_by`](Self::divide_by) takes it.
    fn reciprocal(divisor: &Divisor) -> (Self, Self) {
        (Self::splat(divisor.high()), Self::splat(divisor.low()))
    }
    /// Drops the fraction and the sign. For values of less than 2^31.
    fn whole_magnitude(self) -> Self;
    /// Bit `i` says whether lane `i` is greater than that of `other`.
    fn greater(self, other: Self) -> u32;
    /// Exchanges rows and columns.
    fn transpose(block: &mut [Self; N]);
    /// Four bytes in each lane, whatever number they would be: for [`transpose`](Self::transpose) and
    /// [`weighted_byte`](Self::weighted_byte) only.
    fn load_bytes(from: &[[u8; 4]; N]) -> Self;
    /// `weight` times a byte, 0 to 3 in memory order, of each lane of what `load_bytes` loaded.
    fn weighted_byte(self, byte: usize, weight: f32) -> Self;
    /// Asks for a cache line that is read soon. Changes no result.
    fn prefetch(line: &u8) {
        let _ = line;
    }
}

/// The bytes of a cache line, which is what searches read at a time.
pub(crate) const LINE_LEN: usize = 64;

/// A line of eight words of 64 bits, or 32 of 16 bits, all little-endian.
pub(super) trait Line: Copy {
    fn load(from: &[u8; LINE_LEN]) -> Self;
    fn splat64(word: u64) -> Self;
    fn splat16(word: u16) -> Self;
    fn xor(self, other: Self) -> Self;
    /// Counts of the bits that are one, in parts of the words that suit the level. Up to four such counts may be added.
    fn ones(self) -> Self;
    /// Adds counts.
    fn add(self, other: Self) -> Self;
    /// Adds the counts of each word of 64 bits up.
    fn totals(self) -> Self;
    /// The lesser of each two totals.
    fn least(self, other: Self) -> Self;
    /// Bit `i` says whether total `i` is at most `limit`.
    fn at_most64(self, limit: u64) -> u8;
    /// Bit `i` says whether at most `limit` bits of 16-bit word `i` are one.
    fn at_most_ones16(self, limit: u16) -> u32;
    /// Loads 32 words of 16 bits.
    #[inline(always)]
    fn load_signatures(from: &[[u8; 2]; LINE_LEN / 2]) -> Self {
        let bytes = from.as_flattened().first_chunk();
        Self::load(bytes.expect("twice 32 bytes are 64"))
    }
}
