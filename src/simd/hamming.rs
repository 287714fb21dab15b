//! Hamming distances of many hashes, and of the 16-bit signatures of a multi-index table. Generic over the line.

#![allow(
    clippy::cast_possible_truncation,
    clippy::needless_range_loop,
    reason = "positions were compared with what is in memory, and lines are short; indices, since iterator adapters that carry vectors are not compiled for a level"
)]

use super::prefetch_item;
use super::vector::{LINE_LEN, Line, Vector};

/// The hashes of a group, which lie word by word: eight first words on one line of 64 bytes, and so on.
pub(crate) const GROUP: usize = 8;

/// The most queries that one scan takes.
pub(crate) const MAX_QUERIES: usize = 8;

/// The signatures on a line.
const SIGNATURES: usize = LINE_LEN / 2;

/// How many runs ahead signatures are asked for: 4 to 24 took the same time at 10 million hashes, 48 a fifth more. Asking when
/// a run is found was as fast there and slower by a quarter at one million, since directories then wait behind signatures.
const RUNS_AHEAD: usize = 16;

/// The most lines of a run that are asked for ahead; what follows is read in order, which processors foresee.
const LINES_AHEAD: usize = 8;

/// Groups of hashes: word `w` of the hashes of group `g` is line `g * group_stride + w * word_stride`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Groups<'a> {
    pub(crate) lines: &'a [[u8; LINE_LEN]],
    pub(crate) group_stride: usize,
    pub(crate) word_stride: usize,
}

/// Hashes of a group that may be near a query: bit `i` of the mask speaks for hash `i`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct NearGroup {
    pub(crate) group: u32,
    pub(crate) query: u8,
    pub(crate) mask: u8,
}

/// Finds the hashes of groups `*next..end` whose first `words` words differ from a query's in at most `limit` bits.
///
/// Goes on until `near` may be too short for what another group has, tells in `next` with which group to go on, and returns
/// how many were found. Groups ascend.
///
/// # Panics
/// If a group has no line, or there are more queries than [`MAX_QUERIES`], or `near` has less room than there are queries.
#[inline(always)]
pub(super) fn scan_groups<const N: usize, V: Vector<N>>(
    groups: &Groups<'_>,
    next: &mut u32,
    end: u32,
    words: usize,
    queries: &[[u64; 4]],
    limit: u32,
    near: &mut [NearGroup],
) -> usize {
    assert!(queries.len() <= MAX_QUERIES && queries.len() <= near.len());
    match (words, queries.len()) {
        (1, 1) => scan_by::<N, V, 1, 1>(groups, next, end, queries, limit, near),
        (2, 1) => scan_by::<N, V, 2, 1>(groups, next, end, queries, limit, near),
        (3, 1) => scan_by::<N, V, 3, 1>(groups, next, end, queries, limit, near),
        (4, 1) => scan_by::<N, V, 4, 1>(groups, next, end, queries, limit, near),
        (1, _) => scan_by::<N, V, 1, MAX_QUERIES>(groups, next, end, queries, limit, near),
        (2, _) => scan_by::<N, V, 2, MAX_QUERIES>(groups, next, end, queries, limit, near),
        (3, _) => scan_by::<N, V, 3, MAX_QUERIES>(groups, next, end, queries, limit, near),
        (4, _) => scan_by::<N, V, 4, MAX_QUERIES>(groups, next, end, queries, limit, near),
        _ => unreachable!("hashes that are searched have one to four words"),
    }
}

#[inline(always)]
fn scan_by<const N: usize, V: Vector<N>, const WORDS: usize, const QUERIES: usize>(
    groups: &Groups<'_>,
    next: &mut u32,
    end: u32,
    queries: &[[u64; 4]],
    limit: u32,
    near: &mut [NearGroup],
) -> usize {
    // Fewer queries than `QUERIES` are filled up with the first, and what is found of it again is left out.
    let mut wanted = [[V::Line::splat64(0); WORDS]; QUERIES];
    for query in 0..QUERIES {
        for word in 0..WORDS {
            let words = queries.get(query).unwrap_or(&queries[0]);
            wanted[query][word] = V::Line::splat64(words[word]);
        }
    }
    let limit = u64::from(limit);
    let mut found = 0;
    while *next < end && near.len() - found >= queries.len() {
        let group = *next;
        *next += 1;
        let mut stored = [wanted[0][0]; WORDS];
        for word in 0..WORDS {
            let line = group as usize * groups.group_stride + word * groups.word_stride;
            stored[word] = V::Line::load(&groups.lines[line]);
        }
        let mut distances = [stored[0]; QUERIES];
        let mut least = V::Line::splat64(u64::MAX);
        for query in 0..QUERIES {
            let mut ones = stored[0].xor(wanted[query][0]).ones();
            for word in 1..WORDS {
                ones = ones.add(stored[word].xor(wanted[query][word]).ones());
            }
            distances[query] = ones.totals();
            least = least.least(distances[query]);
        }
        if least.at_most64(limit) == 0 {
            continue;
        }
        for query in 0..queries.len().min(QUERIES) {
            let mask = distances[query].at_most64(limit);
            if mask != 0 {
                near[found] = NearGroup {
                    group,
                    query: query as u8,
                    mask,
                };
                found += 1;
            }
        }
    }
    found
}

/// Signatures that stand one after another, and what is asked of them. In two words, since so many are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Run {
    start: u64,
    /// From the lowest bit on: length (32 bits), signature (16), limit (8), origin (8).
    rest: u64,
}

impl Run {
    /// Returns a run of no length at a start. `limit` is the most bits in which a signature may differ, `origin` whatever the
    /// caller wants to know of the run again.
    #[inline(always)]
    pub(crate) fn new(start: u64, signature: u16, limit: u8, origin: u8) -> Self {
        let rest = u64::from(signature) << 32 | u64::from(limit) << 48 | u64::from(origin) << 56;
        Self { start, rest }
    }

    /// Returns the run that begins so much later and is so long. It must have no length yet.
    #[inline(always)]
    pub(crate) fn at(self, offset: u32, length: u32) -> Self {
        Self {
            start: self.start + u64::from(offset),
            rest: self.rest | u64::from(length),
        }
    }

    #[inline(always)]
    pub(super) fn start(self) -> u64 {
        self.start
    }

    #[inline(always)]
    pub(super) fn length(self) -> u32 {
        self.rest as u32
    }

    #[inline(always)]
    pub(super) fn signature(self) -> u16 {
        (self.rest >> 32) as u16
    }

    #[inline(always)]
    pub(super) fn limit(self) -> u8 {
        (self.rest >> 48) as u8
    }

    #[inline(always)]
    pub(crate) fn origin(self) -> u8 {
        (self.rest >> 56) as u8
    }
}

/// A signature that is near enough: where it stands, and the number of the run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Survivor {
    pub(crate) position: u64,
    pub(crate) run: u32,
}

/// How far [`near_signatures`] has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Progress {
    pub(crate) run: u32,
    pub(crate) offset: u32,
}

/// Finds the signatures of runs that are near enough, from `progress` on.
///
/// Goes on until all runs are done or `survivors` may be too short for what another line of signatures has, tells in
/// `progress` where to go on, and returns how many were found.
///
/// # Panics
/// If a run is not among the signatures, or `survivors` has room for less than 32.
#[inline(always)]
pub(super) fn near_signatures<const N: usize, V: Vector<N>>(
    signatures: &[[u8; 2]],
    runs: &[Run],
    progress: &mut Progress,
    survivors: &mut [Survivor],
) -> usize {
    assert!(survivors.len() >= SIGNATURES);
    let mut found = 0;
    // Kept here and told at the end, so that it stays in registers.
    let Progress {
        mut run,
        mut offset,
    } = *progress;
    if *progress == Progress::default() {
        for run in &runs[..runs.len().min(RUNS_AHEAD)] {
            ask_for(signatures, run);
        }
    }
    'all: while let Some(this) = runs.get(run as usize) {
        if let Some(ahead) = runs.get(run as usize + RUNS_AHEAD) {
            ask_for(signatures, ahead);
        }
        let rest = &signatures[this.start() as usize..];
        assert!(this.length() as usize <= rest.len());
        let wanted = V::Line::splat16(this.signature());
        while offset < this.length() {
            if survivors.len() - found < SIGNATURES {
                break 'all;
            }
            let rest = &rest[offset as usize..];
            let left = this.length() - offset;
            let line = match rest.first_chunk::<SIGNATURES>() {
                Some(line) => V::Line::load_signatures(line),
                // At the very end of all signatures.
                None => {
                    let mut line = [[0; 2]; SIGNATURES];
                    line[..rest.len()].copy_from_slice(rest);
                    V::Line::load_signatures(&line)
                }
            };
            let mut mask = line.xor(wanted).at_most_ones16(u16::from(this.limit()));
            if left < SIGNATURES as u32 {
                mask &= (1 << left) - 1;
            }
            while mask != 0 {
                survivors[found] = Survivor {
                    position: this.start() + u64::from(offset + mask.trailing_zeros()),
                    run,
                };
                found += 1;
                mask &= mask - 1;
            }
            // A run may have nearly as many as a number can count.
            offset = offset.saturating_add(SIGNATURES as u32);
        }
        run += 1;
        offset = 0;
    }
    *progress = Progress { run, offset };
    found
}

/// Asks for the lines of a run, as many as are worth it.
#[inline(always)]
fn ask_for(signatures: &[[u8; 2]], run: &Run) {
    let start = run.start() as usize;
    let last = start + (run.length() as usize).min(LINES_AHEAD * SIGNATURES);
    let mut at = start;
    // Most runs begin in the middle of a line, so that even a short one may end on the next.
    while at + SIGNATURES < last {
        if let Some(signature) = signatures.get(at) {
            prefetch_item(signature);
        }
        at += SIGNATURES;
    }
    if let (Some(first), Some(last)) = (signatures.get(at), signatures.get(last.wrapping_sub(1))) {
        prefetch_item(first);
        prefetch_item(last);
    }
}
