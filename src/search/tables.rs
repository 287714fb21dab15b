//! Multi-index tables: radius search that reads a few short runs instead of all hashes.
//!
//! **Chunks.** A hash is cut into `m` chunks ([`Chunks`]). Each chunk has a table, in which the hashes stand ordered by their
//! value of that chunk, a bucket for each value; so a table can tell all hashes whose chunk is within a radius of the
//! query's by looking into the buckets of that Hamming ball.
//!
//! **Pigeonholes.** Let `x_j` be the distance in chunk `j`, and let radii `t_j` (from -1, which skips a chunk) have
//! `sum(t_j + 1) >= T + 1`. If a hash is within `T`, the sum of the whole numbers `y_j = x_j - (t_j + 1)` is at most
//! `T - (T + 1) < 0`. So some `y_j` is negative, that is, `x_j <= t_j`: every match is in some ball (the general pigeonhole
//! principle: Qin et al., "GPH", ICDE 2018; multi-index hashing: Norouzi et al., TPAMI 2014).
//!
//! **Chains.** More is true (Qin and Xiao, "Pigeonring", VLDB 2018): numbers on a ring with a negative sum have a start
//! from which *every* partial sum is negative. Proof: take the partial sums `s_0 = 0, s_1, ...` of `y` from place 0 on, let
//! `S < 0` be the sum of all, and continue round and round, so that `s_(k + m) = s_k + S`. Start after the last place `k` in
//! `0..m` at which `s_k` is largest. For the `l` places that follow, up to `m`, `s_(k + l) < s_k`: before the end of the round
//! because `k` was the last largest, and after it because `s_(k + l) = s_(k + l - m) + S < s_(k + l - m) <= s_k`. So every
//! match has a start `i` with `x_i + ... + x_(i + l - 1) <= t_i + ... + t_(i + l - 1) + l - 1` for every `l`. Each entry of a
//! table carries as its *signature* the 16 bits that follow its chunk on the ring, and entries are left out whose chunk and
//! signature together are farther than the chain allows: nothing is lost, since a match's own start keeps it. Of random
//! hashes one in 400 is left.
//!
//! **Once.** A match may have several such starts. It is told at the first of them and nowhere else, which takes no memory
//! of what was told. Some memory of what was *found out* saves time: in families of near copies most hashes are met in six or
//! seven of sixteen chunks, and are looked at in the first of these only, as long as not too many others are met between.
//!
//! Signatures, ids and hashes stand in arrays of their own, since most entries are rejected by their signature and most of
//! the rest by the first half of their hash.
#![allow(
    clippy::cast_possible_truncation,
    reason = "ids have 32 bits, chunks and queries are few, and positions were compared with what is in memory"
)]

use std::ops::ControlFlow;

use super::Words;
use super::chunks::{Chunks, Cuts, MAX_CHUNKS};
use super::hashes::Hashes;
use super::plan::Radii;
use crate::simd::{MAX_QUERIES, Progress, Run, SimdLevel, Survivor, prefetch_item};

/// So many runs are collected before their signatures are read: those of eight queries at a radius of 1 in 16 chunks.
const RUNS: usize = MAX_QUERIES * 16 * 17;

/// So many entries are collected before their hashes are looked at.
const SURVIVORS: usize = 512;

/// So many survivors are of a family, which random hashes hardly are.
const FAMILY: usize = 64;

/// So many hashes that were looked at are remembered, each at a place of its own that others share. A power of two.
const KNOWN: usize = 1 << 14;

/// What a table holds that cannot be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Damage {
    /// An entry of the directory that begins at this one is less than the one before, or more than there are hashes.
    Directory(u64),
    /// There is no hash of the id that stands at this place.
    Id(u64),
    /// The hash of this id has bits past the last of its kind.
    Hash(u64),
}

/// The tables of one kind of hash, and the hashes.
#[derive(Clone, Copy)]
pub(crate) struct Tables<'a, const WORDS: usize> {
    pub(crate) chunks: &'a Chunks,
    /// For each chunk, where in its table the bucket of each value begins, and where the last ends.
    pub(crate) directories: &'a [[u8; 4]],
    /// For each chunk, the signatures of all hashes.
    pub(crate) signatures: &'a [[u8; 2]],
    /// For each chunk, the ids of all hashes.
    pub(crate) ids: &'a [[u8; 4]],
    pub(crate) hashes: Hashes<'a, WORDS>,
}

/// Working memory of searches by tables.
#[derive(Debug, Default)]
pub(crate) struct Workspace {
    /// Room for [`RUNS`], of which the first `len` are there.
    runs: Vec<Run>,
    len: usize,
    survivors: Vec<Survivor>,
    known: Vec<Known>,
    /// How many searches there were since nothing was known.
    searches: u32,
}

/// What was found out about a hash and a query of a search: from the lowest bit on the chunk in which it is told (6 bits), the
/// distance (10), the query (3), the search (13) and the id (32). No search is numbered 0.
#[derive(Clone, Copy, Debug, Default)]
struct Known(u64);

impl Known {
    /// In place of a chunk: it is not within the threshold.
    const FAR: usize = 63;
    /// After so many searches everything is forgotten.
    const SEARCHES: u32 = (1 << 13) - 1;

    fn new(id: u32, search: u32, query: usize, distance: u32, start: usize) -> Self {
        let key = u64::from(id) << 16 | u64::from(search) << 3 | query as u64;
        Self(key << 16 | u64::from(distance) << 6 | start as u64)
    }

    /// Whether it is about the same hash, search and query.
    fn is_of(self, other: Self) -> bool {
        self.0 >> 16 == other.0 >> 16
    }

    fn start(self) -> usize {
        (self.0 & 63) as usize
    }

    fn distance(self) -> u32 {
        (self.0 >> 6) as u32 & 1023
    }
}

impl Workspace {
    fn reserve(&mut self) {
        if self.known.is_empty() || self.searches == Known::SEARCHES {
            self.known.clear();
            self.known.resize(KNOWN, Known::default());
            self.searches = 0;
        }
        self.searches += 1;
        self.len = 0;
        self.runs.resize(RUNS, Run::default());
        self.survivors.resize(SURVIVORS, Survivor::default());
    }
}

/// What a search took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Buckets looked up.
    pub(crate) probes: u64,
    /// Entries in them, whose signatures are read.
    pub(crate) candidates: u64,
    /// Entries whose hashes were looked at.
    pub(crate) survivors: u64,
}

/// A query made ready.
#[derive(Debug)]
pub(crate) struct Query {
    pub(crate) words: Words,
    pub(crate) cuts: Cuts,
    pub(crate) threshold: u32,
    pub(crate) radii: Radii,
}

impl Query {
    /// A query that nothing can match.
    pub(crate) fn without_matches(words: Words, cuts: Cuts) -> Self {
        Self {
            words,
            cuts,
            threshold: 0,
            radii: Radii::NONE,
        }
    }
}

/// The query, by its position, and the chunk of a run, in one byte.
fn origin_of(query: usize, chunk: usize) -> u8 {
    const { assert!(MAX_QUERIES <= 8 && MAX_CHUNKS <= 32, "three bits and five") };
    (query * MAX_CHUNKS + chunk) as u8
}

fn query_and_chunk(origin: u8) -> (usize, usize) {
    let origin = usize::from(origin);
    (origin / MAX_CHUNKS, origin % MAX_CHUNKS)
}

/// The buckets of one chunk, on their way into the workspace.
struct Buckets<'a> {
    directory: &'a [[u8; 4]],
    hashes: u32,
    candidates: u64,
    are_damaged: bool,
}

impl Buckets<'_> {
    /// Writes the bucket of a value to the place of `runs` given, and returns the next place: the same where there is nothing
    /// in it. `run` is what all runs have in common, from the beginning of the table on.
    #[inline(always)]
    fn take(&mut self, value: usize, run: Run, runs: &mut [Run], place: usize) -> usize {
        let bounds = self.directory[value..].first_chunk::<2>();
        // A directory has one entry more than there are values.
        let [start, end] = bounds.map_or([u32::MAX; 2], |bounds| bounds.map(u32::from_le_bytes));
        // Without branches, which nobody could foresee: what is not to be kept is written over by the next.
        let is_sound = start <= end && end <= self.hashes;
        self.are_damaged |= !is_sound;
        let length = if is_sound { end - start } else { 0 };
        self.candidates += u64::from(length);
        runs[place] = run.at(start, length);
        place + usize::from(length > 0)
    }
}

/// Whether a query's runs stand in the workspace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Collected {
    /// All of them.
    All,
    /// None: they hold more entries than was allowed.
    TooMany,
}

impl<const WORDS: usize> Tables<'_, WORDS> {
    /// Returns how many entries the bucket has that a query falls into. Zero where the directory is damaged.
    pub(crate) fn own_bucket(&self, cuts: &Cuts, chunk: usize) -> u32 {
        let (start, _) = self.chunks.directory(chunk);
        let place = start + cuts[chunk].0 as usize;
        let bounds = self.directories.get(place..place + 2);
        bounds.map_or(0, |bounds| {
            u32::from_le_bytes(bounds[1]).saturating_sub(u32::from_le_bytes(bounds[0]))
        })
    }

    /// Asks for the lines of directories in which a query's buckets are found.
    pub(crate) fn ask_for_directories(&self, cuts: &Cuts) {
        for (chunk, (value, _)) in cuts.iter().enumerate().take(self.chunks.count()) {
            let value = *value as usize;
            let (start, entries) = self.chunks.directory(chunk);
            let Some(directory) = self.directories.get(start..start + entries) else {
                return;
            };
            if let Some(entry) = directory.get(value) {
                prefetch_item(entry);
            }
            // Values that differ in the lowest four bits are on the same line.
            for bit in 4..self.chunks.width(chunk) {
                if let Some(entry) = directory.get(value ^ (1 << bit)) {
                    prefetch_item(entry);
                }
            }
        }
    }

    /// Calls `found(query, id, distance)` once for every query and every hash within its threshold, in no order that means
    /// anything, and `too_many(query)` for queries whose buckets hold more than `most` entries, which are left out.
    ///
    /// No allocation once the workspace has its room. Ends early when `found` breaks.
    ///
    /// # Errors
    /// [`Damage`], at the first sign of it; what was found before was told.
    #[allow(
        clippy::too_many_arguments,
        reason = "what a search takes; there is one caller"
    )]
    pub(crate) fn search<B>(
        &self,
        level: SimdLevel,
        queries: &[Query],
        most: u64,
        workspace: &mut Workspace,
        counts: &mut Counts,
        too_many: &mut impl FnMut(usize),
        found: &mut impl FnMut(usize, u32, u32) -> ControlFlow<B>,
    ) -> Result<ControlFlow<B>, Damage> {
        workspace.reserve();
        for (number, query) in queries.iter().enumerate() {
            let probes = query.radii.probes(self.chunks);
            if probes > RUNS as u64 {
                let done = self.read(level, queries, workspace, counts, found)?;
                if done.is_break() {
                    return Ok(done);
                }
                if most < u64::MAX && self.count(query, workspace)? > most {
                    too_many(number);
                    continue;
                }
                // In pieces.
                let mut pieces = |workspace: &mut Workspace, counts: &mut Counts| {
                    self.read(level, queries, workspace, counts, found)
                };
                let done = self.collect_by(number, query, workspace, counts, &mut pieces)?;
                if done.is_break() {
                    return Ok(done);
                }
                continue;
            }
            if workspace.len as u64 + probes > RUNS as u64 {
                let done = self.read(level, queries, workspace, counts, found)?;
                if done.is_break() {
                    return Ok(done);
                }
            }
            if self.collect(number, query, most, workspace, counts)? == Collected::TooMany {
                too_many(number);
            }
        }
        self.read(level, queries, workspace, counts, found)
    }

    /// Counts the entries that a query's buckets hold, with a workspace that is empty and is so again.
    fn count(&self, query: &Query, workspace: &mut Workspace) -> Result<u64, Damage> {
        let mut counts = Counts::default();
        // What was collected is counted already, and not kept.
        let mut forget = |workspace: &mut Workspace, _: &mut Counts| {
            workspace.len = 0;
            Ok(ControlFlow::<()>::Continue(()))
        };
        let _ = self.collect_by(0, query, workspace, &mut counts, &mut forget)?;
        workspace.len = 0;
        Ok(counts.candidates)
    }

    /// Collects all runs of a query, for which there must be room, unless they hold too many entries.
    fn collect(
        &self,
        number: usize,
        query: &Query,
        most: u64,
        workspace: &mut Workspace,
        counts: &mut Counts,
    ) -> Result<Collected, Damage> {
        let before = (workspace.len, *counts);
        let mut never = |_: &mut Workspace, _: &mut Counts| Ok(ControlFlow::<()>::Continue(()));
        let _ = self.collect_by(number, query, workspace, counts, &mut never)?;
        if counts.candidates - before.1.candidates > most {
            workspace.len = before.0;
            *counts = before.1;
            return Ok(Collected::TooMany);
        }
        Ok(Collected::All)
    }

    /// Collects the runs of a query, and calls `full` whenever there is no room for more.
    fn collect_by<B>(
        &self,
        number: usize,
        query: &Query,
        workspace: &mut Workspace,
        counts: &mut Counts,
        full: &mut impl FnMut(&mut Workspace, &mut Counts) -> Result<ControlFlow<B>, Damage>,
    ) -> Result<ControlFlow<B>, Damage> {
        for chunk in 0..self.chunks.count() {
            let radius = query.radii.of(chunk);
            if radius < 0 {
                continue;
            }
            let (value, signature) = query.cuts[chunk];
            let value = value as usize;
            let width = self.chunks.width(chunk);
            let (directory_start, directory_len) = self.chunks.directory(chunk);
            let directory = &self.directories[directory_start..directory_start + directory_len];
            let table = chunk as u64 * u64::from(self.hashes.len());
            let limit = query.radii.chain_limit(self.chunks, chunk);
            let mut buckets = Buckets {
                directory,
                hashes: self.hashes.len(),
                candidates: 0,
                are_damaged: false,
            };
            let run = |distance: i8| {
                let limit = limit.saturating_sub(distance as u8);
                Run::new(table, signature, limit, origin_of(number, chunk))
            };
            if workspace.len + width + 1 > RUNS {
                let done = full(workspace, counts)?;
                if done.is_break() {
                    return Ok(done);
                }
            }
            let mut place = buckets.take(value, run(0), &mut workspace.runs, workspace.len);
            if radius >= 1 {
                let run = run(1);
                for bit in 0..width {
                    place = buckets.take(value ^ (1 << bit), run, &mut workspace.runs, place);
                }
            }
            workspace.len = place;
            for distance in 2..=radius {
                let run = run(distance);
                // All values at this distance, in ascending order of the bits that differ.
                let mut difference = (1_usize << distance) - 1;
                while difference >> width == 0 {
                    if workspace.len == RUNS {
                        let done = full(workspace, counts)?;
                        if done.is_break() {
                            return Ok(done);
                        }
                    }
                    let (bucket, len) = (value ^ difference, workspace.len);
                    workspace.len = buckets.take(bucket, run, &mut workspace.runs, len);
                    // The next number with as many ones: the lowest run of ones moves its highest up and the others down.
                    let lowest = difference & difference.wrapping_neg();
                    let moved = difference + lowest;
                    difference = moved | ((moved ^ difference) >> 2) >> lowest.trailing_zeros();
                }
            }
            if buckets.are_damaged {
                return Err(Damage::Directory(directory_start as u64));
            }
            counts.candidates += buckets.candidates;
        }
        counts.probes += query.radii.probes(self.chunks);
        Ok(ControlFlow::Continue(()))
    }

    /// Reads the signatures of all runs collected, then ids, then hashes.
    fn read<B>(
        &self,
        level: SimdLevel,
        queries: &[Query],
        workspace: &mut Workspace,
        counts: &mut Counts,
        found: &mut impl FnMut(usize, u32, u32) -> ControlFlow<B>,
    ) -> Result<ControlFlow<B>, Damage> {
        let mut progress = Progress::default();
        while (progress.run as usize) < workspace.len {
            let count = level.near_signatures(
                self.signatures,
                &workspace.runs[..workspace.len],
                &mut progress,
                &mut workspace.survivors,
            );
            counts.survivors += count as u64;
            let survivors = &mut workspace.survivors[..count];
            let known = (&mut workspace.known[..], workspace.searches);
            let done = self.look_at(queries, &workspace.runs, survivors, known, found)?;
            if done.is_break() {
                return Ok(done);
            }
        }
        workspace.len = 0;
        Ok(ControlFlow::Continue(()))
    }

    /// Tells of the survivors whose hashes are within the threshold.
    fn look_at<B>(
        &self,
        queries: &[Query],
        runs: &[Run],
        survivors: &mut [Survivor],
        (known, search): (&mut [Known], u32),
        found: &mut impl FnMut(usize, u32, u32) -> ControlFlow<B>,
    ) -> Result<ControlFlow<B>, Damage> {
        // Where many are near there is a family of copies, all words of which will be wanted.
        let wanted = if survivors.len() < FAMILY {
            WORDS.min(2)
        } else {
            WORDS
        };
        // Three passes, so that what they wait for is on its way together.
        for survivor in survivors.iter() {
            if let Some(id) = self.ids.get(survivor.position as usize) {
                prefetch_item(id);
            }
        }
        let mut unknown = 0;
        for number in 0..survivors.len() {
            let survivor = survivors[number];
            let id = self.ids.get(survivor.position as usize);
            let id = id.map_or(u32::MAX, |id| u32::from_le_bytes(*id));
            if id >= self.hashes.len() {
                return Err(Damage::Id(survivor.position));
            }
            let (number, chunk) = query_and_chunk(runs[survivor.run as usize].origin());
            let of_this = Known::new(id, search, number, 0, Known::FAR);
            let place = known[id as usize % KNOWN];
            if place.is_of(of_this) {
                if place.start() == chunk {
                    let done = found(number, id, place.distance());
                    if done.is_break() {
                        return Ok(done);
                    }
                }
                continue;
            }
            for word in 0..wanted {
                if let Some(line) = self.hashes.line(id, word) {
                    prefetch_item(line);
                }
            }
            survivors[unknown] = Survivor {
                position: u64::from(id),
                run: survivor.run,
            };
            unknown += 1;
        }
        for survivor in &survivors[..unknown] {
            let (number, chunk) = query_and_chunk(runs[survivor.run as usize].origin());
            let query = &queries[number];
            let id = survivor.position as u32;
            let place = &mut known[id as usize % KNOWN];
            *place = Known::new(id, search, number, 0, Known::FAR);
            let mut difference = [0; WORDS];
            let mut distance = 0;
            for (word, difference) in difference.iter_mut().enumerate() {
                *difference = self.hashes.word(id, word) ^ query.words[word];
                distance += difference.count_ones();
                if distance > query.threshold {
                    break;
                }
            }
            if distance > query.threshold {
                continue;
            }
            let start = self.first_start(query, &difference);
            let start = start.ok_or(Damage::Hash(u64::from(id)))?;
            *place = Known::new(id, search, number, distance, start);
            if start == chunk {
                let done = found(number, id, distance);
                if done.is_break() {
                    return Ok(done);
                }
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    /// Returns the first chunk from which a match's whole chain is as it must be. `None` if the difference has bits that no
    /// chunk has, or is farther than the threshold.
    fn first_start(&self, query: &Query, difference: &[u64; WORDS]) -> Option<usize> {
        let count = self.chunks.count();
        // How much is left in each chunk: negative where the distance is within the radius.
        let mut over = [0_i32; MAX_CHUNKS];
        for (chunk, over) in over.iter_mut().enumerate().take(count) {
            *over = -i32::from(query.radii.of(chunk)) - 1;
        }
        for (number, word) in difference.iter().enumerate() {
            let mut word = *word;
            while word != 0 {
                let bit = number * 64 + word.trailing_zeros() as usize;
                *over.get_mut(self.chunks.chunk_of(bit))? += 1;
                word &= word - 1;
            }
        }
        // `sums[k]` is what chunks before `k` have together. A chain from `start` is as it must be if no later sum comes up to
        // `sums[start]`, neither before the end of the round nor after it, where each is once more with that of the whole.
        let mut sums = [0_i32; MAX_CHUNKS + 1];
        for chunk in 0..count {
            sums[chunk + 1] = sums[chunk] + over[chunk];
        }
        let whole = sums[count];
        let mut highest_after = [i32::MIN; MAX_CHUNKS + 1];
        for chunk in (0..count).rev() {
            highest_after[chunk] = highest_after[chunk + 1].max(sums[chunk + 1]);
        }
        let mut highest_before = i32::MIN;
        for start in 0..count {
            if highest_after[start] < sums[start] && highest_before < sums[start] - whole {
                return Some(start);
            }
            highest_before = highest_before.max(sums[start + 1]);
        }
        None
    }
}
