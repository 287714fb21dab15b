//! Building multi-index tables from hashes in order, in bounded memory, on all threads of the current `rayon` pool.

use std::io;
use std::ops::Range;
use std::path::Path;

use rayon::prelude::*;

use super::layout::{
    CHUNK_ORDER_OFFSET, HASHES_ARE_EVEN, POSITION_LEN, Role, SIGNATURE_LEN, words_of,
};
use super::mapped::MappedFile;
use super::writer::{BuildProgress, Spool};
use crate::hash::HashKind;
use crate::search::{Chunks, Hashes, Ring, RingTable};

/// The bytes of an entry of a table.
const ENTRY_LEN: usize = SIGNATURE_LEN + POSITION_LEN;

/// The fewest entries of a part: less would take too many passes over the hashes.
const FEWEST_ENTRIES: usize = 1 << 20;

/// The most chunks whose tables one thread makes in one pass over the hashes.
const CHUNKS_TOGETHER: usize = 4;

/// Writes the sections of the tables of a kind, if there are enough hashes for tables to be of use.
///
/// Memory: `budget` bytes, or what one thread takes at least where that is more: 6 MiB, and 4 bytes for every value of every
/// chunk, 4 to 19 MB for PDQ. Fewer threads work where the budget is not enough for all. Every part of a table that fits takes
/// a pass over all hashes, which lie in a file.
pub(super) fn write_tables(
    directory: &Path,
    kind: HashKind,
    hashes: &mut Spool,
    budget: usize,
    progress: &mut dyn FnMut(BuildProgress),
) -> io::Result<Option<[Spool; 4]>> {
    let Some(chunks) = Chunks::chosen(kind.bits() as usize, hashes.count) else {
        return Ok(None);
    };
    // No type of hash has as many.
    let len = u32::try_from(hashes.count).map_err(io::Error::other)?;
    let file = MappedFile::of(hashes.flushed()?)?;
    let lines = file.as_bytes().as_chunks().0;
    let missing = || io::Error::from(io::ErrorKind::UnexpectedEof);
    let spools = Spools::new(directory, kind)?;
    match words_of(kind) {
        1 => {
            let hashes = Hashes::<1>::grouped(lines, len).ok_or_else(missing)?;
            write_tables_of(&hashes, &chunks, budget, spools, progress)
        }
        3 => {
            let hashes = Hashes::<3>::grouped(lines, len).ok_or_else(missing)?;
            write_tables_of(&hashes, &chunks, budget, spools, progress)
        }
        _ => {
            let hashes = Hashes::<4>::grouped(lines, len).ok_or_else(missing)?;
            write_tables_of(&hashes, &chunks, budget, spools, progress)
        }
    }
    .map(Some)
}

/// The sections of tables on their way.
struct Spools {
    chunks: Spool,
    directories: Spool,
    signatures: Spool,
    ids: Spool,
}

impl Spools {
    fn new(directory: &Path, kind: HashKind) -> io::Result<Self> {
        let spool = |role| Spool::new(directory, role, Some(kind));
        Ok(Self {
            chunks: spool(Role::Chunks)?,
            directories: spool(Role::Directories)?,
            signatures: spool(Role::Signatures)?,
            ids: spool(Role::TableIds)?,
        })
    }
}

fn write_tables_of<const WORDS: usize>(
    hashes: &Hashes<'_, WORDS>,
    chunks: &Chunks,
    budget: usize,
    mut spools: Spools,
    progress: &mut dyn FnMut(BuildProgress),
) -> io::Result<[Spool; 4]> {
    let rings = RingTable::new(chunks);
    // What each takes at least: a part, and where the next entries go, or counts.
    let of_values = chunks.directory_entries() * size_of::<u32>();
    let least = FEWEST_ENTRIES * ENTRY_LEN + of_values;
    let threads = rayon::current_num_threads().min((budget / least).max(1));
    let budget = budget.saturating_sub(threads * of_values);
    let counted = count(hashes, chunks, &rings, threads);

    let mut head = [0; CHUNK_ORDER_OFFSET];
    head[0] = u8::try_from(chunks.count()).map_err(io::Error::other)?;
    head[1] = if counted.are_even { HASHES_ARE_EVEN } else { 0 };
    spools.chunks.write(&head)?;
    spools.chunks.write(chunks.order())?;
    spools.chunks.count = chunks.order().len() as u64;

    let mut directory = vec![[0; POSITION_LEN]; chunks.directory_entries()];
    for chunk in 0..chunks.count() {
        let (start, entries) = chunks.directory(chunk);
        let values = &counted.values[start..start + entries];
        let mut position = 0_u32;
        for (entry, count) in directory[start..].iter_mut().zip(values) {
            *entry = position.to_le_bytes();
            position += count;
        }
    }
    spools.directories.write(directory.as_flattened())?;
    spools.directories.count = directory.len() as u64;

    let parts = parts(chunks.count(), hashes.len() as usize, budget, threads);
    let total = parts.len() as u64;
    let mut done = 0;
    for parts in parts.chunks(threads) {
        let made: Vec<Vec<Part>> = parts
            .par_iter()
            .map(|part| part.make(hashes, chunks, &rings, &directory))
            .collect();
        for part in made.iter().flatten() {
            spools.signatures.write(part.signatures.as_flattened())?;
            spools.signatures.count += part.signatures.len() as u64;
            spools.ids.write(part.ids.as_flattened())?;
            spools.ids.count += part.ids.len() as u64;
        }
        done += parts.len() as u64;
        progress(BuildProgress {
            stage: "making tables",
            done,
            total,
        });
    }
    Ok([
        spools.chunks,
        spools.directories,
        spools.signatures,
        spools.ids,
    ])
}

/// How many hashes have each value of each chunk, where the directories have them.
struct Counted {
    values: Vec<u32>,
    are_even: bool,
}

fn count<const WORDS: usize>(
    hashes: &Hashes<'_, WORDS>,
    chunks: &Chunks,
    rings: &RingTable,
    threads: usize,
) -> Counted {
    let each = hashes
        .len()
        .div_ceil(u32::try_from(threads).unwrap_or(u32::MAX))
        .max(1);
    let starts: Vec<u32> = (0..hashes.len()).step_by(each as usize).collect();
    let counted = starts.into_par_iter().map(|start| {
        let mut values = vec![0_u32; chunks.directory_entries()];
        let mut ones = 0;
        for id in start..hashes.len().min(start.saturating_add(each)) {
            let words = hashes.get(id);
            // Whether the ones of all words are odd in number is told by those of their sum without carry.
            ones |= words.iter().fold(0, |all, word| all ^ word).count_ones() & 1;
            let ring = rings.ring(chunks, &words);
            for chunk in 0..chunks.count() {
                let (value, _) = chunks.value_and_signature(&ring, chunk);
                values[chunks.directory(chunk).0 + value] += 1;
            }
        }
        Counted {
            values,
            are_even: ones == 0,
        }
    });
    let none = || Counted {
        values: Vec::new(),
        are_even: true,
    };
    counted.reduce(none, |mut one, other| {
        if one.values.is_empty() {
            return other;
        }
        for (count, more) in one.values.iter_mut().zip(&other.values) {
            *count += more;
        }
        one.are_even &= other.are_even;
        one
    })
}

/// What is made in one pass over the hashes: a range of positions in the tables of some chunks.
struct PlannedPart {
    chunks: Range<usize>,
    positions: Range<usize>,
}

/// Cuts the tables into parts, in the order in which they stand in the file.
fn parts(chunks: usize, hashes: usize, budget: usize, threads: usize) -> Vec<PlannedPart> {
    let entries = (budget / threads / ENTRY_LEN).max(FEWEST_ENTRIES);
    let mut parts = Vec::new();
    if entries >= hashes {
        let together = (entries / hashes.max(1)).clamp(1, CHUNKS_TOGETHER);
        for start in (0..chunks).step_by(together) {
            parts.push(PlannedPart {
                chunks: start..chunks.min(start + together),
                positions: 0..hashes,
            });
        }
    } else {
        for chunk in 0..chunks {
            for start in (0..hashes).step_by(entries) {
                parts.push(PlannedPart {
                    chunks: chunk..chunk + 1,
                    positions: start..hashes.min(start + entries),
                });
            }
        }
    }
    parts
}

/// A range of entries of one chunk's table.
struct Part {
    signatures: Vec<[u8; SIGNATURE_LEN]>,
    ids: Vec<[u8; POSITION_LEN]>,
}

impl PlannedPart {
    fn make<const WORDS: usize>(
        &self,
        hashes: &Hashes<'_, WORDS>,
        chunks: &Chunks,
        rings: &RingTable,
        directory: &[[u8; POSITION_LEN]],
    ) -> Vec<Part> {
        let mut made: Vec<(Vec<u32>, Part)> = self
            .chunks
            .clone()
            .map(|chunk| {
                let (start, entries) = chunks.directory(chunk);
                let next = directory[start..start + entries].iter();
                let part = Part {
                    signatures: vec![[0; SIGNATURE_LEN]; self.positions.len()],
                    ids: vec![[0; POSITION_LEN]; self.positions.len()],
                };
                (next.map(|next| u32::from_le_bytes(*next)).collect(), part)
            })
            .collect();
        for id in 0..hashes.len() {
            let ring: Ring = rings.ring(chunks, &hashes.get(id));
            for (chunk, (next, part)) in self.chunks.clone().zip(&mut made) {
                let (value, signature) = chunks.value_and_signature(&ring, chunk);
                // Hashes ascend by id within a bucket.
                let position = next[value] as usize;
                next[value] += 1;
                let place = position.wrapping_sub(self.positions.start);
                if let Some(entry) = part.signatures.get_mut(place) {
                    *entry = signature.to_le_bytes();
                    part.ids[place] = id.to_le_bytes();
                }
            }
        }
        made.into_iter().map(|(_, part)| part).collect()
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
                assert_eq!((part.chunks.start, part.positions.start), next);
                let entries = part.positions.len() * part.chunks.len();
                assert!(
                    entries
                        <= (budget / threads / ENTRY_LEN)
                            .max(FEWEST_ENTRIES)
                            .max(hashes.min(FEWEST_ENTRIES))
                );
                next = if part.positions.end == hashes {
                    (part.chunks.end, 0)
                } else {
                    (part.chunks.start, part.positions.end)
                };
            }
            assert_eq!(next, (14, 0));
        }
    }

    #[test]
    fn parts_made_alone_are_the_table_made_whole() {
        let lines = lines(1001);
        let hashes = Hashes::<1>::grouped(&lines, 1001).unwrap();
        let chunks = Chunks::chosen(64, 20_000).unwrap();
        let rings = RingTable::new(&chunks);
        let counted = count(&hashes, &chunks, &rings, 3);
        let mut directory = vec![[0; POSITION_LEN]; chunks.directory_entries()];
        let (start, entries) = chunks.directory(2);
        let mut position = 0_u32;
        for (entry, count) in directory[start..start + entries]
            .iter_mut()
            .zip(&counted.values[start..])
        {
            *entry = position.to_le_bytes();
            position += count;
        }
        assert_eq!(position, 1001);
        let make = |positions: Range<usize>| {
            let part = PlannedPart {
                chunks: 2..3,
                positions,
            };
            let part = part
                .make(&hashes, &chunks, &rings, &directory)
                .pop()
                .unwrap();
            (part.signatures, part.ids)
        };
        let whole = make(0..1001);
        for cut in [1, 500, 1000] {
            let ((mut signatures, mut ids), rest) = (make(0..cut), make(cut..1001));
            signatures.extend(rest.0);
            ids.extend(rest.1);
            assert_eq!((signatures, ids), whole);
        }
    }
}
