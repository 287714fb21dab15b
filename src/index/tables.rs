//! Building multi-index tables from hashes in order, in bounded memory, on all threads of the current `rayon` pool.

use std::io::{self, BufWriter, Write};
use std::ops::Range;

use rayon::prelude::*;
use tempfile::NamedTempFile;

use super::layout::{
    CHUNK_ORDER_OFFSET, HASHES_ARE_EVEN, LINE_LEN, POSITION_LEN, SIGNATURE_LEN, words_of,
};
use super::mapped::MappedFile;
use super::writer::{BuildProgress, Spool, at};
use crate::hash::HashKind;
use crate::search::{Chunks, Hashes, RING_WORDS, Ring, RingTable};

/// The bytes that an entry of a table takes while it is made: what it is made of, and itself.
const MADE_LEN: usize = size_of::<u64>() + SIGNATURE_LEN + POSITION_LEN;

const RINGS_BUFFER: usize = 256 << 10;

/// The fewest entries of a part: less would take too many passes over the hashes.
const FEWEST_ENTRIES: usize = 1 << 20;

/// Where the sections of the tables of a kind begin in the file.
#[derive(Clone, Copy, Debug)]
pub(super) struct TablePlaces {
    pub(super) chunks: u64,
    pub(super) directories: u64,
    pub(super) signatures: u64,
    pub(super) ids: u64,
    /// Where the file ends. What stands after it for a while is cut off.
    pub(super) end: u64,
}

/// Writes the tables of a kind to their places in the file.
///
/// Memory: `budget` bytes, or what one thread takes at least where that is more: 14 MiB, and 4 bytes for every value of every
/// chunk, 4 to 19 MB for PDQ. Fewer threads work where the budget is not enough for all. The file is longer meanwhile by 40
/// bytes a hash, over which every part of a table that fits takes a pass.
pub(super) fn write_tables(
    file: &NamedTempFile,
    kind: HashKind,
    chunks: &Chunks,
    hashes: &mut Spool,
    places: TablePlaces,
    budget: usize,
    progress: &mut dyn FnMut(BuildProgress),
) -> io::Result<()> {
    // No type of hash has as many.
    let len = u32::try_from(hashes.count).map_err(io::Error::other)?;
    let of_values = chunks.directory_entries() * size_of::<u32>();
    let least = FEWEST_ENTRIES * MADE_LEN + of_values;
    let threads = rayon::current_num_threads().min((budget / least).max(1));
    let budget = budget.saturating_sub(threads * of_values);
    let parts = parts(chunks.count(), len as usize, budget, threads);
    let total = parts.len() as u64;
    let mut done = 0;
    let mut report = |more: usize| {
        done += more as u64;
        progress(BuildProgress {
            stage: "making tables",
            done,
            total,
        });
    };
    report(0);

    let counted = {
        let map = MappedFile::of(hashes.flushed()?)?;
        let lines = map.as_bytes().as_chunks().0;
        match words_of(kind) {
            1 => cut_all::<1>(file, lines, len, chunks, places.end, threads)?,
            3 => cut_all::<3>(file, lines, len, chunks, places.end, threads)?,
            _ => cut_all::<4>(file, lines, len, chunks, places.end, threads)?,
        }
    };
    let mut head = [0; CHUNK_ORDER_OFFSET];
    head[0] = u8::try_from(chunks.count()).map_err(io::Error::other)?;
    head[1] = if counted.are_even { HASHES_ARE_EVEN } else { 0 };
    let mut section = at(file, places.chunks)?;
    section.write_all(&head)?;
    section.write_all(chunks.order())?;

    let directory = starts(chunks, counted.values);
    let mut section = BufWriter::new(at(file, places.directories)?);
    for start in &directory {
        section.write_all(&start.to_le_bytes())?;
    }
    section.flush()?;

    let map = MappedFile::of(file.as_file())?;
    let rings = usize::try_from(places.end).ok();
    let rings = rings.and_then(|end| map.as_bytes().get(end..));
    let rings = rings.map_or(&[][..], |bytes| bytes.as_chunks().0);
    if rings.len() != len as usize {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    for parts in parts.chunks(threads) {
        parts.par_iter().try_for_each(|part| {
            let made = part.make(rings, chunks, &directory);
            let before = (part.chunk * rings.len() + part.positions.start) as u64;
            let signatures = at(file, places.signatures + before * SIGNATURE_LEN as u64)?;
            let ids = at(file, places.ids + before * POSITION_LEN as u64)?;
            made.write(&mut BufWriter::new(signatures), &mut BufWriter::new(ids))
        })?;
        report(parts.len());
    }
    drop(map);
    file.as_file().set_len(places.end)
}

/// Turns how many hashes have each value into where those begin.
fn starts(chunks: &Chunks, mut counts: Vec<u32>) -> Vec<u32> {
    for chunk in 0..chunks.count() {
        let (start, entries) = chunks.directory(chunk);
        let mut position = 0_u32;
        for count in &mut counts[start..start + entries] {
            position += std::mem::replace(count, position);
        }
    }
    counts
}

/// How many hashes have each value of each chunk, where the directories have them.
struct Counted {
    values: Vec<u32>,
    are_even: bool,
}

/// A hash on its ring, as bytes.
type RingBytes = [u8; RING_WORDS * 8];

/// Writes all hashes on their rings to a place of the file, and counts their values.
fn cut_all<const WORDS: usize>(
    file: &NamedTempFile,
    lines: &[[u8; LINE_LEN]],
    len: u32,
    chunks: &Chunks,
    place: u64,
    threads: usize,
) -> io::Result<Counted> {
    let missing = || io::Error::from(io::ErrorKind::UnexpectedEof);
    let hashes = Hashes::<WORDS>::grouped(lines, len).ok_or_else(missing)?;
    let threads = u32::try_from(threads).unwrap_or(u32::MAX);
    let each = len.div_ceil(threads).max(1);
    let starts: Vec<u32> = (0..len).step_by(each as usize).collect();
    let counted = starts.into_par_iter().map(|start| {
        let ids = start..len.min(start.saturating_add(each));
        let place = place + u64::from(start) * size_of::<RingBytes>() as u64;
        let mut output = BufWriter::with_capacity(RINGS_BUFFER, at(file, place)?);
        let counted = cut(&hashes, ids, chunks, &mut output)?;
        output.flush()?;
        Ok(counted)
    });
    let none = || Counted {
        values: Vec::new(),
        are_even: true,
    };
    counted.try_reduce(none, |mut one, other| {
        if one.values.is_empty() {
            return Ok(other);
        }
        for (count, more) in one.values.iter_mut().zip(&other.values) {
            *count += more;
        }
        one.are_even &= other.are_even;
        Ok(one)
    })
}

/// The same of some hashes.
fn cut<const WORDS: usize>(
    hashes: &Hashes<'_, WORDS>,
    ids: Range<u32>,
    chunks: &Chunks,
    output: &mut impl Write,
) -> io::Result<Counted> {
    let table = RingTable::new(chunks);
    let mut values = vec![0_u32; chunks.directory_entries()];
    let mut ones = 0;
    for id in ids {
        let words = hashes.get(id);
        // Whether the ones of all words are odd in number is told by those of their sum without carry.
        ones |= words.iter().fold(0, |all, word| all ^ word).count_ones() & 1;
        let ring = table.ring(chunks, &words);
        for chunk in 0..chunks.count() {
            let (value, _) = chunks.value_and_signature(&ring, chunk);
            values[chunks.directory(chunk).0 + value] += 1;
        }
        output.write_all(ring.map(u64::to_le_bytes).as_flattened())?;
    }
    Ok(Counted {
        values,
        are_even: ones == 0,
    })
}

/// What is made in one pass over the hashes: a range of positions in the table of a chunk.
struct PlannedPart {
    chunk: usize,
    positions: Range<usize>,
}

/// Cuts the tables into parts, in the order in which they stand in the file.
fn parts(chunks: usize, hashes: usize, budget: usize, threads: usize) -> Vec<PlannedPart> {
    let entries = (budget / threads / MADE_LEN).max(FEWEST_ENTRIES);
    // Parts of like length.
    let entries = hashes.div_ceil(hashes.div_ceil(entries).max(1)).max(1);
    let mut parts = Vec::new();
    for chunk in 0..chunks {
        for start in (0..hashes).step_by(entries) {
            let positions = start..hashes.min(start + entries);
            parts.push(PlannedPart { chunk, positions });
        }
    }
    parts
}

/// A range of entries of one chunk's table, put together by the upper half of the bits of their values: written at once to
/// where they go, they would miss the cache with nearly every entry.
struct Part<'a> {
    /// Where the entries of each value of the chunk begin.
    starts: &'a [u32],
    positions: Range<usize>,
    /// The bits of a value that are in the lower half.
    low_bits: usize,
    /// The upper halves of the values, and where their entries begin in `entries`.
    first_high: usize,
    high_starts: Vec<usize>,
    /// The lower half of a value, the signature (16 bits) and the id (32 bits); ids ascend among those of one upper half.
    entries: Vec<u64>,
}

impl PlannedPart {
    fn make<'a>(&self, rings: &[RingBytes], chunks: &Chunks, directory: &'a [u32]) -> Part<'a> {
        let (start, entries) = chunks.directory(self.chunk);
        let starts = &directory[start..start + entries];
        let low_bits = chunks.width(self.chunk) / 2;
        let Range { start, end } = self.positions.clone();
        // The first and the last value that there are entries of in the part, of which others may be in the parts beside it.
        let value_at = |position| starts.partition_point(|&start| start as usize <= position) - 1;
        let (first, last) = (value_at(start), value_at(end - 1));
        let mut others_of_first = start - starts[first] as usize;
        let mut left_of_last = end - start.max(starts[last] as usize);
        let begin = |high: usize| {
            let value = (high << low_bits).clamp(first, last + 1);
            (starts[value] as usize).clamp(start, end) - start
        };
        let first_high = first >> low_bits;
        let high_starts: Vec<usize> = (first_high..=(last >> low_bits) + 1).map(begin).collect();

        let mut next = high_starts.clone();
        let mut entries = vec![0; end - start];
        for (id, ring) in (0_u32..).zip(rings) {
            let (value, signature) = chunks.value_and_signature(&ring_of(ring), self.chunk);
            if value < first || value > last {
                continue;
            }
            if value == first && others_of_first > 0 {
                others_of_first -= 1;
                continue;
            }
            if value == last {
                if left_of_last == 0 {
                    continue;
                }
                left_of_last -= 1;
            }
            let next = &mut next[(value >> low_bits) - first_high];
            let low = (value & ((1 << low_bits) - 1)) as u64;
            entries[*next] = low << 48 | u64::from(signature) << 32 | u64::from(id);
            *next += 1;
        }
        Part {
            starts,
            positions: self.positions.clone(),
            low_bits,
            first_high,
            high_starts,
            entries,
        }
    }
}

fn ring_of(bytes: &RingBytes) -> Ring {
    let mut ring = [0; RING_WORDS];
    for (word, bytes) in ring.iter_mut().zip(bytes.as_chunks().0) {
        *word = u64::from_le_bytes(*bytes);
    }
    ring
}

impl Part<'_> {
    #[expect(clippy::cast_possible_truncation, reason = "entries are taken apart")]
    fn write(&self, signatures: &mut impl Write, ids: &mut impl Write) -> io::Result<()> {
        let mut next = vec![0; 1 << self.low_bits];
        let mut placed_signatures = Vec::new();
        let mut placed_ids = Vec::new();
        for (high, bounds) in (self.first_high..).zip(self.high_starts.windows(2)) {
            let begin = self.positions.start + bounds[0];
            for (next, start) in next.iter_mut().zip(&self.starts[high << self.low_bits..]) {
                *next = (*start as usize).saturating_sub(begin);
            }
            let entries = &self.entries[bounds[0]..bounds[1]];
            placed_signatures.resize(entries.len(), [0; SIGNATURE_LEN]);
            placed_ids.resize(entries.len(), [0; POSITION_LEN]);
            for entry in entries {
                let next = &mut next[(entry >> 48) as usize];
                // Hashes ascend by id within a bucket.
                placed_signatures[*next] = ((entry >> 32) as u16).to_le_bytes();
                placed_ids[*next] = (*entry as u32).to_le_bytes();
                *next += 1;
            }
            signatures.write_all(placed_signatures.as_flattened())?;
            ids.write_all(placed_ids.as_flattened())?;
        }
        signatures.flush()?;
        ids.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Some hashes of one word, in groups.
    fn lines(count: u32) -> Vec<[u8; 64]> {
        let words = (0..count.next_multiple_of(8)).map(|id| {
            let word = u64::from(id + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            if id < count { word } else { 0 }
        });
        let bytes: Vec<u8> = words.flat_map(u64::to_le_bytes).collect();
        bytes.as_chunks().0.to_vec()
    }

    #[test]
    fn parts_follow_one_another_and_hold_every_place_once() {
        for (hashes, budget, threads) in [
            (1, 0, 1),
            (20_000, 0, 2),
            (3_000_000, 0, 2),
            (3_000_000, 1 << 30, 2),
            (2 * FEWEST_ENTRIES, 0, 3),
            (2 * FEWEST_ENTRIES + 1, 0, 3),
        ] {
            let mut next = (0, 0);
            for part in parts(14, hashes, budget, threads) {
                assert_eq!((part.chunk, part.positions.start), next);
                let most = (budget / threads / MADE_LEN).max(FEWEST_ENTRIES);
                assert!((1..=most).contains(&part.positions.len()));
                next = if part.positions.end == hashes {
                    (part.chunk + 1, 0)
                } else {
                    (part.chunk, part.positions.end)
                };
            }
            assert_eq!(next, (14, 0));
        }
    }

    #[test]
    fn parts_made_alone_are_the_table_in_the_order_of_values_and_ids() {
        let lines = lines(1001);
        let hashes = Hashes::<1>::grouped(&lines, 1001).unwrap();
        for chunk_bits in [16, 4] {
            // With chunks of four bits every value has entries in several parts.
            let order: Vec<u8> = Chunks::chosen(64, 20_000).unwrap().order().to_vec();
            let chunks = Chunks::new(&order, 64 / chunk_bits).unwrap();
            let mut rings = Vec::new();
            let mut values = cut(&hashes, 0..500, &chunks, &mut rings).unwrap().values;
            let more = cut(&hashes, 500..1001, &chunks, &mut rings).unwrap().values;
            for (count, more) in values.iter_mut().zip(more) {
                *count += more;
            }
            let directory = starts(&chunks, values);
            let mut expected: Vec<(u32, u32, u16)> = (0..1001)
                .map(|id| {
                    let mut words = [0; 4];
                    words[0] = hashes.get(id)[0];
                    let (value, signature) = chunks.cuts(&words)[2];
                    (value, id, signature)
                })
                .collect();
            expected.sort_unstable();
            let make = |positions: Range<usize>| {
                let planned = PlannedPart {
                    chunk: 2,
                    positions,
                };
                let (mut signatures, mut ids) = (Vec::new(), Vec::new());
                let part = planned.make(rings.as_chunks().0, &chunks, &directory);
                part.write(&mut signatures, &mut ids).unwrap();
                (signatures, ids)
            };
            for cuts in [
                &[0, 1001][..],
                &[0, 1, 1001],
                &[0, 500, 1000, 1001],
                &[0, 300, 310, 311, 1001],
            ] {
                let (mut signatures, mut ids) = (Vec::new(), Vec::new());
                for cut in cuts.windows(2) {
                    let part = make(cut[0]..cut[1]);
                    signatures.extend(part.0);
                    ids.extend(part.1);
                }
                let made = ids.as_chunks().0.iter().zip(signatures.as_chunks().0);
                let made = made.map(|(id, signature)| {
                    (u32::from_le_bytes(*id), u16::from_le_bytes(*signature))
                });
                assert!(
                    made.eq(expected.iter().map(|one| (one.1, one.2))),
                    "{cuts:?}"
                );
                assert_eq!(ids.len(), 4 * expected.len());
            }
        }
    }
}
