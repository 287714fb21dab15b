//! The flat scan: every hash is looked at, in blocks that stay in the cache while all queries pass over them.
#![allow(
    clippy::cast_possible_truncation,
    reason = "ids have 32 bits, and a group has 8"
)]

use std::ops::{ControlFlow, Range};

use super::Words;
use super::hashes::Hashes;
use crate::simd::{GROUP, MAX_QUERIES, NearGroup, SimdLevel};

/// How many groups a block has: the first two words of their hashes are 64 KiB, a fraction of a usual second-level cache.
const BLOCK: u32 = 512;

/// Up to this threshold two words, 128 bits, reject all but one in ten thousand random hashes.
const FIRST_WORDS_UP_TO: u32 = 44;

/// Groups that may be near, before they are looked at.
const NEAR_GROUPS: usize = 128;

/// Calls `found(query, id, distance)` for every query, by its position, and every hash of some groups within a threshold.
///
/// Matches of one query come in ascending order of id; those of several queries are interleaved. O(hashes x queries); no
/// allocation once `near` has its room. Ends early when `found` breaks.
pub(super) fn scan<const WORDS: usize, B>(
    level: SimdLevel,
    hashes: &Hashes<'_, WORDS>,
    groups: Range<u32>,
    queries: &[Words],
    threshold: u32,
    near: &mut Vec<NearGroup>,
    found: &mut impl FnMut(usize, u32, u32) -> ControlFlow<B>,
) -> ControlFlow<B> {
    near.resize(NEAR_GROUPS, NearGroup::default());
    let words = if threshold <= FIRST_WORDS_UP_TO {
        WORDS.min(2)
    } else {
        WORDS
    };
    let mut start = groups.start;
    while start < groups.end {
        let end = groups.end.min(start + BLOCK);
        for (number, together) in queries.chunks(MAX_QUERIES).enumerate() {
            let mut next = start;
            while next < end {
                let all = hashes.groups();
                let count =
                    level.scan_groups(all, &mut next, end, words, together, threshold, near);
                for one in &near[..count] {
                    let query = number * MAX_QUERIES + usize::from(one.query);
                    let mut mask = one.mask;
                    while mask != 0 {
                        let id = one.group * GROUP as u32 + mask.trailing_zeros();
                        mask &= mask - 1;
                        let distance = hashes.distance(id, &queries[query]);
                        // The last group may be filled up with zeros.
                        if distance <= threshold && id < hashes.len() {
                            found(query, id, distance)?;
                        }
                    }
                }
            }
        }
        start = end;
    }
    ControlFlow::Continue(())
}
