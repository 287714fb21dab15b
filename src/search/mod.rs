//! Exact radius search over hashes in memory. This room never sees files, maps or pixels.
//!
//! Two methods give the same matches: the flat scan ([`flat`]) looks at every hash, multi-index tables ([`tables`]) at few;
//! [`plan`] chooses. How many words a hash has (1, 3 and 4 occur) is known when compiling.
//!
//! Distances and thresholds are Hamming distances; a threshold is inclusive, as in PDQ's reference (FAISS's `radius`
//! is not: there it is a strict bound).

mod chunks;
mod flat;
mod hashes;
mod plan;
mod tables;

#[cfg(test)]
mod tests;

use std::collections::BinaryHeap;
use std::convert::Infallible;
use std::fmt;
use std::ops::ControlFlow;
use std::str::FromStr;

use crate::hash::Dihedral;
use crate::simd::{MAX_QUERIES, NearGroup, SimdLevel};
pub(crate) use chunks::{Chunks, FEWEST_HASHES, RING_WORDS, Ring, RingTable};
pub(crate) use hashes::Hashes;
use plan::Radii;
use tables::{Counts, Query, Workspace};
pub(crate) use tables::{Damage, Tables};

/// The words of a hash of any kind that is searched, with zeros after the last.
pub(crate) type Words = [u64; 4];

/// One hash within the threshold of a query.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Match {
    /// The position of the hash among the distinct hashes of its kind, in ascending order of the hashes.
    pub id: u32,
    /// The number of bits by which it differs from the query.
    pub distance: u32,
}

/// One hash within the threshold of one of the eight PDQ hashes of a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DihedralMatch {
    /// The position of the hash among the distinct PDQ hashes, in ascending order of the hashes.
    pub id: u32,
    /// The number of bits by which it differs from the hash of the picture under the transform.
    pub distance: u32,
    /// What was done to the picture.
    pub transform: Dihedral,
}

/// How hashes are searched. Both methods find the same; they differ in time only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SearchMethod {
    /// Every hash is looked at. Best for few hashes, for wide thresholds, and for queries within large families.
    Flat,
    /// Multi-index tables: short runs of entries that share a part with the query, or nearly.
    Mih,
}

impl SearchMethod {
    /// Returns the stable name: `flat` or `mih`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Flat => "flat",
            Self::Mih => "mih",
        }
    }
}

impl fmt::Display for SearchMethod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A word that is the name of no search method.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownSearchMethod;

impl fmt::Display for UnknownSearchMethod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("unknown search method; known are flat and mih")
    }
}

impl std::error::Error for UnknownSearchMethod {}

impl FromStr for SearchMethod {
    type Err = UnknownSearchMethod;

    /// Reads a name.
    fn from_str(name: &str) -> Result<Self, UnknownSearchMethod> {
        let methods = [Self::Flat, Self::Mih];
        let named = methods.into_iter().find(|method| method.name() == name);
        named.ok_or(UnknownSearchMethod)
    }
}

/// Working memory of searches, about 250 KB, kept from search to search so that they allocate nothing.
#[derive(Default)]
pub struct SearchBuffer {
    workspace: Workspace,
    near: Vec<NearGroup>,
    queries: Vec<Query>,
    /// The queries, by their position, for which tables cost more than a scan.
    left: Vec<usize>,
    counts: Counts,
}

impl SearchBuffer {
    /// Returns a buffer that takes its memory at the first search.
    pub fn new() -> Self {
        Self::default()
    }
}

impl fmt::Debug for SearchBuffer {
    /// Prints nothing of what was searched for.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SearchBuffer").finish_non_exhaustive()
    }
}

/// What a search of one query does, and what it found: see [`Index::explain`](crate::Index::explain).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Explanation {
    /// The method that was chosen.
    pub method: SearchMethod,
    /// The hashes of the query's kind.
    pub hashes: u32,
    /// For tables, the largest distance looked for in each chunk; -1 where a chunk is not looked into.
    pub radii: Vec<i8>,
    /// For tables, the buckets looked up.
    pub buckets: u64,
    /// The entries whose signatures were read, or, in a scan, all hashes.
    pub candidates: u64,
    /// The hashes that were looked at, some more than once.
    pub compared: u64,
    /// The matches.
    pub matches: u64,
}

/// Everything of one kind that is searched.
#[derive(Clone, Copy)]
pub(crate) struct Space<'a, const WORDS: usize> {
    pub(crate) hashes: Hashes<'a, WORDS>,
    /// The number of bits of a hash.
    pub(crate) bits: u32,
    pub(crate) tables: Option<Tables<'a, WORDS>>,
    /// Whether all hashes have an even number of ones, as genuine PDQ hashes do.
    pub(crate) is_even: bool,
    pub(crate) level: SimdLevel,
    /// The method to use where there is a choice; the planner's if none.
    pub(crate) method: Option<SearchMethod>,
}

impl<const WORDS: usize> Space<'_, WORDS> {
    /// Calls `found(query, id, distance)` once for every query, by its position, and every hash within the threshold.
    ///
    /// In no order that means anything, but always the same. Ends early when `found` breaks.
    pub(crate) fn within<B>(
        &self,
        queries: &[Words],
        threshold: u32,
        buffer: &mut SearchBuffer,
        found: &mut impl FnMut(usize, u32, u32) -> ControlFlow<B>,
    ) -> Result<ControlFlow<B>, Damage> {
        buffer.counts = Counts::default();
        let cost_of_scan = plan::cost_of_scan(self.hashes.len(), queries.len());
        let tables = self.tables.as_ref().filter(|_| threshold < self.bits);
        let tables = tables.filter(|tables| match self.method {
            Some(method) => method == SearchMethod::Mih,
            None => {
                let radii = Radii::chosen(tables.chunks, threshold, |_| 0);
                let probes = radii.probes(tables.chunks) as f64;
                let candidates = radii.expected_candidates(tables.chunks, self.hashes.len());
                plan::cost_of_tables(probes, candidates) < cost_of_scan
            }
        });
        let Some(tables) = tables else {
            buffer.counts.candidates = u64::from(self.hashes.len());
            let groups = 0..self.hashes.group_count();
            let near = &mut buffer.near;
            return Ok(flat::scan(
                self.level,
                &self.hashes,
                groups,
                queries,
                threshold,
                near,
                found,
            ));
        };
        for (number, together) in queries.chunks(MAX_QUERIES).enumerate() {
            let first = number * MAX_QUERIES;
            let mut found = |query: usize, id, distance| found(first + query, id, distance);
            let done = self.within_tables(
                tables,
                together,
                threshold,
                cost_of_scan,
                buffer,
                &mut found,
            )?;
            if done.is_break() {
                return Ok(done);
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    /// The same by tables, for a few queries; by a scan for those for which tables hold too much.
    fn within_tables<B>(
        &self,
        tables: &Tables<'_, WORDS>,
        queries: &[Words],
        threshold: u32,
        cost_of_scan: f64,
        buffer: &mut SearchBuffer,
        found: &mut impl FnMut(usize, u32, u32) -> ControlFlow<B>,
    ) -> Result<ControlFlow<B>, Damage> {
        buffer.queries.clear();
        buffer.left.clear();
        let mut most = u64::MAX;
        for words in queries {
            let cuts = tables.chunks.cuts(words);
            tables.ask_for_directories(&cuts);
            let ones: u32 = words.iter().map(|word| word.count_ones()).sum();
            // Between hashes of an even number of ones all distances are even, and odd if one of both is odd.
            let threshold = if self.is_even && threshold % 2 != ones % 2 {
                let Some(threshold) = threshold.checked_sub(1) else {
                    // An odd distance is not 0. The query keeps its place, since matches name it by that.
                    buffer.queries.push(Query::without_matches(*words, cuts));
                    continue;
                };
                threshold
            } else {
                threshold
            };
            let radii = Radii::chosen(tables.chunks, threshold, |chunk| {
                tables.own_bucket(&cuts, chunk)
            });
            if self.method.is_none() {
                let probes = radii.probes(tables.chunks) as f64;
                let expected = radii.expected_candidates(tables.chunks, self.hashes.len());
                most = most.min(plan::candidates_for(cost_of_scan, probes, expected));
            }
            buffer.queries.push(Query {
                words: *words,
                cuts,
                threshold,
                radii,
            });
        }
        let (level, left) = (self.level, &mut buffer.left);
        let mut too_many = |query| left.push(query);
        let (workspace, counts) = (&mut buffer.workspace, &mut buffer.counts);
        let done = tables.search(
            level,
            &buffer.queries,
            most,
            workspace,
            counts,
            &mut too_many,
            found,
        )?;
        if done.is_break() {
            return Ok(done);
        }
        if !buffer.left.is_empty() {
            buffer.counts.candidates += u64::from(self.hashes.len()) * buffer.left.len() as u64;
            let mut together = [[0; 4]; MAX_QUERIES];
            for (words, query) in together.iter_mut().zip(&buffer.left) {
                *words = queries[*query];
            }
            let left = &buffer.left;
            let mut found = |query: usize, id, distance| found(left[query], id, distance);
            let groups = 0..self.hashes.group_count();
            let together = &together[..left.len()];
            let near = &mut buffer.near;
            return Ok(flat::scan(
                level,
                &self.hashes,
                groups,
                together,
                threshold,
                near,
                &mut found,
            ));
        }
        Ok(ControlFlow::Continue(()))
    }

    /// Puts the `count` nearest hashes within `limit` into `nearest`, in ascending order of distance, then id.
    ///
    /// Looks within small thresholds first, and scans when these do not hold enough. Memory for `count` matches at most.
    pub(crate) fn nearest(
        &self,
        query: &Words,
        count: usize,
        limit: u32,
        buffer: &mut SearchBuffer,
        nearest: &mut Vec<Match>,
    ) -> Result<(), Damage> {
        nearest.clear();
        let count = count.min(self.hashes.len() as usize);
        let limit = limit.min(self.bits);
        if count == 0 {
            return Ok(());
        }
        let mut threshold = FIRST_THRESHOLD.min(limit);
        if let Some(tables) = self
            .tables
            .filter(|_| self.method != Some(SearchMethod::Flat))
        {
            let cost_of_scan = plan::cost_of_scan(self.hashes.len(), 1);
            loop {
                let radii = Radii::chosen(tables.chunks, threshold, |_| 0);
                let probes = radii.probes(tables.chunks) as f64;
                let candidates = radii.expected_candidates(tables.chunks, self.hashes.len());
                if plan::cost_of_tables(probes, candidates) > cost_of_scan / 2.0 {
                    break;
                }
                // The farthest of the nearest so far on top, so that memory is bounded by what is asked for.
                let mut heap = BinaryHeap::with_capacity(count.min(MOST_RESERVED));
                let mut keep = |_, id, distance| {
                    keep_nearest(&mut heap, count, Match { id, distance });
                    ControlFlow::<Infallible>::Continue(())
                };
                let _ = self.within(std::slice::from_ref(query), threshold, buffer, &mut keep)?;
                if heap.len() == count || threshold == limit {
                    take_nearest(heap, nearest);
                    return Ok(());
                }
                threshold = (threshold * 2 + 1).min(limit);
            }
        }
        let mut heap = BinaryHeap::with_capacity(count.min(MOST_RESERVED));
        let groups = self.hashes.group_count();
        let blocks = (0..groups).step_by(NEAREST_BLOCK as usize);
        for start in blocks {
            let farthest = heap.peek().filter(|_| heap.len() == count);
            let threshold =
                farthest.map_or(limit, |(distance, _): &(u32, u32)| (*distance).min(limit));
            let mut keep = |_, id, distance| {
                keep_nearest(&mut heap, count, Match { id, distance });
                ControlFlow::<Infallible>::Continue(())
            };
            let block = start..groups.min(start + NEAREST_BLOCK);
            let near = &mut buffer.near;
            let query = std::slice::from_ref(query);
            let _ = flat::scan(
                self.level,
                &self.hashes,
                block,
                query,
                threshold,
                near,
                &mut keep,
            );
        }
        take_nearest(heap, nearest);
        Ok(())
    }

    /// Searches for one query and tells how.
    pub(crate) fn explain(
        &self,
        query: &Words,
        threshold: u32,
        buffer: &mut SearchBuffer,
    ) -> Result<Explanation, Damage> {
        let mut matches = 0;
        let mut count = |_, _, _| {
            matches += 1;
            ControlFlow::<Infallible>::Continue(())
        };
        buffer.queries.clear();
        buffer.left.clear();
        let _ = self.within(std::slice::from_ref(query), threshold, buffer, &mut count)?;
        let counts = buffer.counts;
        // A scan looks at no bucket, or gave up on what the buckets held.
        let query = buffer.queries.first().filter(|_| buffer.left.is_empty());
        let chunks = self.tables.map(|tables| tables.chunks);
        Ok(match (query, chunks) {
            (Some(query), Some(chunks)) => Explanation {
                method: SearchMethod::Mih,
                hashes: self.hashes.len(),
                radii: (0..chunks.count())
                    .map(|chunk| query.radii.of(chunk))
                    .collect(),
                buckets: counts.probes,
                candidates: counts.candidates,
                compared: counts.survivors,
                matches,
            },
            _ => Explanation {
                method: SearchMethod::Flat,
                hashes: self.hashes.len(),
                radii: Vec::new(),
                buckets: 0,
                candidates: counts.candidates,
                compared: u64::from(self.hashes.len()),
                matches,
            },
        })
    }
}

/// Within so many bits the nearest are looked for first.
const FIRST_THRESHOLD: u32 = 15;

/// So many groups are scanned for the nearest before the threshold is taken anew.
const NEAREST_BLOCK: u32 = 1024;

/// Room for so many of the nearest is taken at once.
const MOST_RESERVED: usize = 1024;

fn keep_nearest(heap: &mut BinaryHeap<(u32, u32)>, count: usize, new: Match) {
    let key = (new.distance, new.id);
    if heap.len() < count {
        heap.push(key);
    } else if let Some(mut farthest) = heap.peek_mut()
        && key < *farthest
    {
        *farthest = key;
    }
}

fn take_nearest(heap: BinaryHeap<(u32, u32)>, nearest: &mut Vec<Match>) {
    let sorted = heap.into_sorted_vec().into_iter();
    nearest.extend(sorted.map(|(distance, id)| Match { id, distance }));
}
