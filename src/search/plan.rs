//! The planner: how far to look in each chunk, and whether a flat scan is faster.
#![allow(
    clippy::cast_possible_truncation,
    reason = "radii and chunks are small; estimates are cut"
)]

use super::chunks::{Chunks, MAX_CHUNK_BITS, MAX_CHUNKS};

/// What a bucket costs in nanoseconds, to look it up and to begin reading it.
const PROBE: f64 = 8.0;
/// What an entry costs whose signature is read.
const CANDIDATE: f64 = 0.12;
/// What a hash costs in a flat scan, for one query alone and for one of several.
const SCANNED: f64 = 0.35;
const SCANNED_TOGETHER: f64 = 0.2;

/// Returns what a flat scan costs for one of so many queries.
pub(crate) fn cost_of_scan(hashes: u32, queries: usize) -> f64 {
    f64::from(hashes)
        * if queries < 4 {
            SCANNED
        } else {
            SCANNED_TOGETHER
        }
}

/// Returns what tables cost for a query that looks into so many buckets, with so many entries.
pub(crate) fn cost_of_tables(probes: f64, candidates: f64) -> f64 {
    probes * PROBE + candidates * CANDIDATE
}

/// What an entry costs that is there beyond what random hashes would be: most such are of families of near copies, and have
/// their ids read and, the first time, their hashes looked at. 28 ns were measured in families of up to 10 thousand.
const OF_FAMILY: f64 = 25.0;

/// Returns how many entries there may be in so many buckets, of which so many are expected, before they cost more than `cost`.
pub(crate) fn candidates_for(cost: f64, probes: f64, expected: f64) -> u64 {
    let left = (cost - cost_of_tables(probes, expected)).max(0.0);
    (expected + left / OF_FAMILY) as u64
}

/// How far to look in each chunk; -1 for not at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Radii([i8; MAX_CHUNKS]);

impl Radii {
    /// No chunk is looked into.
    pub(crate) const NONE: Self = Self([-1; MAX_CHUNKS]);

    /// Returns radii that find everything within `threshold`, as equal as can be.
    ///
    /// Where some must be larger than others, those are of the chunks in whose buckets a query meets the fewest entries,
    /// which `own_bucket` tells of a chunk: whether a chunk is common shows there.
    pub(crate) fn chosen(
        chunks: &Chunks,
        threshold: u32,
        mut own_bucket: impl FnMut(usize) -> u32,
    ) -> Self {
        let count = chunks.count();
        // `sum(radius + 1)` must be at least `threshold + 1`.
        let (each, more) = (
            (threshold as usize + 1) / count,
            (threshold as usize + 1) % count,
        );
        let mut radii = [-1; MAX_CHUNKS];
        for radius in &mut radii[..count] {
            *radius = each as i8 - 1;
        }
        if more > 0 {
            let mut sizes = [0; MAX_CHUNKS];
            for (chunk, size) in sizes.iter_mut().enumerate().take(count) {
                *size = own_bucket(chunk);
            }
            let mut by_size: [u8; MAX_CHUNKS] = std::array::from_fn(|chunk| chunk as u8);
            let key = |chunk: &u8| (sizes[usize::from(*chunk)], *chunk);
            by_size[..count].select_nth_unstable_by_key(more - 1, key);
            for chunk in &by_size[..more] {
                radii[usize::from(*chunk)] += 1;
            }
        }
        Self(radii)
    }

    /// Returns the radius in a chunk.
    #[inline]
    pub(crate) fn of(&self, chunk: usize) -> i8 {
        self.0[chunk]
    }

    /// Returns the most bits in which a chunk and the signature after it may differ together.
    pub(crate) fn chain_limit(&self, chunks: &Chunks, chunk: usize) -> u8 {
        let mut sum = i32::from(self.0[chunk]);
        let mut next = chunk;
        for _ in 0..chunks.chunks_in_signature(chunk) {
            next = if next + 1 == chunks.count() {
                0
            } else {
                next + 1
            };
            sum += i32::from(self.0[next]) + 1;
        }
        // A signature has 16 bits; the chunk takes its own off.
        sum.clamp(0, 255) as u8
    }

    /// Returns how many buckets are looked into.
    pub(crate) fn probes(&self, chunks: &Chunks) -> u64 {
        (0..chunks.count())
            .map(|chunk| ball(chunks.width(chunk), self.0[chunk]))
            .sum()
    }

    /// Returns how many entries these hold if hashes are random.
    pub(crate) fn expected_candidates(&self, chunks: &Chunks, hashes: u32) -> f64 {
        let per_chunk = (0..chunks.count()).map(|chunk| {
            let width = chunks.width(chunk);
            ball(width, self.0[chunk]) as f64 / (1_u64 << width) as f64
        });
        f64::from(hashes) * per_chunk.sum::<f64>()
    }
}

/// How many values of so many bits are within a radius of one, by both.
const BALLS: [[u64; MAX_CHUNK_BITS + 1]; MAX_CHUNK_BITS + 1] = {
    let mut balls = [[0; MAX_CHUNK_BITS + 1]; MAX_CHUNK_BITS + 1];
    let mut width = 0;
    while width <= MAX_CHUNK_BITS {
        let (mut at_distance, mut sum, mut radius) = (1, 0, 0);
        while radius <= MAX_CHUNK_BITS {
            sum += at_distance;
            balls[width][radius] = sum;
            at_distance = at_distance * (width.saturating_sub(radius)) as u64 / (radius as u64 + 1);
            radius += 1;
        }
        width += 1;
    }
    balls
};

/// Returns how many values of `width` bits are within `radius` of one.
fn ball(width: usize, radius: i8) -> u64 {
    match usize::try_from(radius) {
        Ok(radius) => BALLS[width][radius.min(MAX_CHUNK_BITS)],
        Err(_) => 0,
    }
}
