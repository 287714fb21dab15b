//! Sorting more records than fit in memory: sorted runs on disk, then one merge.
//!
//! Records are byte strings ordered as bytes. Runs go to unnamed temporary files in the directory given, readable by
//! their owner only and gone with the process, whatever happens to it.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Read, Seek, Write};
use std::path::{Path, PathBuf};

use rayon::slice::ParallelSliceMut;

/// Bytes of buffer for reading one run during a merge.
const RUN_BUFFER: usize = 256 << 10;
/// Runs merged at once; more are first merged into one. Bounds open files and buffers (32 MiB).
const MAX_RUNS: usize = 128;

/// A record in the arena, with its first bytes beside it, so that most comparisons touch nothing else.
#[derive(Clone, Copy)]
struct Slot {
    prefix: u128,
    start: u32,
    len: u32,
}

/// Collects records within a memory budget and gives them back in order.
pub(super) struct Sorter {
    directory: PathBuf,
    budget: usize,
    arena: Vec<u8>,
    slots: Vec<Slot>,
    runs: Vec<File>,
    records: u64,
}

impl Sorter {
    /// Returns a sorter that holds about `budget` bytes before it writes a run to `directory`.
    pub(super) fn new(directory: &Path, budget: usize) -> Self {
        Self {
            directory: directory.to_path_buf(),
            // Positions in the arena are 32 bits.
            budget: budget.clamp(64 << 10, 1 << 31),
            arena: Vec::new(),
            slots: Vec::new(),
            runs: Vec::new(),
            records: 0,
        }
    }

    pub(super) fn records(&self) -> u64 {
        self.records
    }

    /// Takes a record, of a few hundred kilobytes at most. No two records may be equal if their order is to be defined.
    pub(super) fn push(&mut self, record: &[u8]) -> io::Result<()> {
        let held = self.arena.len() + (self.slots.len() + 1) * size_of::<Slot>();
        if !self.slots.is_empty() && held + record.len() > self.budget {
            self.spill()?;
        }
        let fits = |n: usize| u32::try_from(n).map_err(|_| io::ErrorKind::InvalidInput);
        let mut prefix = [0; 16];
        let known = record.len().min(prefix.len());
        prefix[..known].copy_from_slice(&record[..known]);
        self.slots.push(Slot {
            prefix: u128::from_be_bytes(prefix),
            start: fits(self.arena.len())?,
            len: fits(record.len())?,
        });
        self.arena.extend_from_slice(record);
        self.records += 1;
        Ok(())
    }

    fn sort(&mut self) {
        let arena = &self.arena;
        let bytes = |slot: &Slot| &arena[slot.start as usize..][..slot.len as usize];
        self.slots.par_sort_unstable_by(|a, b| {
            a.prefix.cmp(&b.prefix).then_with(|| bytes(a).cmp(bytes(b)))
        });
    }

    /// Writes what is held as one sorted run.
    fn spill(&mut self) -> io::Result<()> {
        if self.runs.len() == MAX_RUNS {
            let runs = std::mem::take(&mut self.runs);
            let mut merged = RunWriter::new(&self.directory)?;
            let mut records = Records::merge(runs, Vec::new(), Vec::new())?;
            while let Some(record) = records.next()? {
                merged.write(record)?;
            }
            self.runs.push(merged.finish()?);
        }
        self.sort();
        let mut run = RunWriter::new(&self.directory)?;
        for slot in &self.slots {
            run.write(&self.arena[slot.start as usize..][..slot.len as usize])?;
        }
        self.runs.push(run.finish()?);
        self.arena.clear();
        self.slots.clear();
        Ok(())
    }

    /// Returns the records in order.
    pub(super) fn finish(mut self) -> io::Result<Records> {
        self.sort();
        if !self.runs.is_empty() {
            self.spill()?;
            // The memory is for the merge and for what its consumer holds.
            self.arena = Vec::new();
            self.slots = Vec::new();
        }
        Records::merge(self.runs, self.arena, self.slots)
    }
}

struct RunWriter {
    file: BufWriter<File>,
}

impl RunWriter {
    fn new(directory: &Path) -> io::Result<Self> {
        let file = tempfile::tempfile_in(directory)?;
        Ok(Self {
            file: BufWriter::with_capacity(RUN_BUFFER, file),
        })
    }

    fn write(&mut self, record: &[u8]) -> io::Result<()> {
        let len = u32::try_from(record.len()).map_err(|_| io::ErrorKind::InvalidInput)?;
        self.file.write_all(&len.to_le_bytes())?;
        self.file.write_all(record)
    }

    fn finish(self) -> io::Result<File> {
        let mut file = self.file.into_inner().map_err(|error| error.into_error())?;
        file.rewind()?;
        Ok(file)
    }
}

/// Records in order, from memory or from runs.
pub(super) struct Records {
    arena: Vec<u8>,
    slots: std::vec::IntoIter<Slot>,
    runs: Vec<BufReader<File>>,
    /// The next record of each run that has one, smallest first.
    heads: BinaryHeap<Reverse<(Vec<u8>, usize)>>,
    current: Vec<u8>,
}

impl Records {
    fn merge(runs: Vec<File>, arena: Vec<u8>, slots: Vec<Slot>) -> io::Result<Self> {
        let mut records = Self {
            arena,
            slots: slots.into_iter(),
            runs: runs
                .into_iter()
                .map(|run| BufReader::with_capacity(RUN_BUFFER, run))
                .collect(),
            heads: BinaryHeap::new(),
            current: Vec::new(),
        };
        for run in 0..records.runs.len() {
            records.refill(run, Vec::new())?;
        }
        Ok(records)
    }

    fn refill(&mut self, run: usize, mut record: Vec<u8>) -> io::Result<()> {
        let file = &mut self.runs[run];
        if file.fill_buf()?.is_empty() {
            return Ok(());
        }
        let mut len = [0; 4];
        file.read_exact(&mut len)?;
        record.resize(u32::from_le_bytes(len) as usize, 0);
        file.read_exact(&mut record)?;
        self.heads.push(Reverse((record, run)));
        Ok(())
    }

    /// Returns the next record, or `None` after the last.
    pub(super) fn next(&mut self) -> io::Result<Option<&[u8]>> {
        if self.runs.is_empty() {
            let slot = self.slots.next();
            return Ok(slot.map(|slot| &self.arena[slot.start as usize..][..slot.len as usize]));
        }
        let Some(Reverse((record, run))) = self.heads.pop() else {
            return Ok(None);
        };
        let spent = std::mem::replace(&mut self.current, record);
        self.refill(run, spent)?;
        Ok(Some(&self.current))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sorted(records: &[Vec<u8>], budget: usize) -> Vec<Vec<u8>> {
        let directory = tempfile::tempdir().unwrap();
        let mut sorter = Sorter::new(directory.path(), 0);
        sorter.budget = budget;
        for record in records {
            sorter.push(record).unwrap();
        }
        assert_eq!(sorter.records(), records.len() as u64);
        let mut sorted = sorter.finish().unwrap();
        let mut output = Vec::new();
        while let Some(record) = sorted.next().unwrap() {
            output.push(record.to_vec());
        }
        output
    }

    #[test]
    fn more_runs_than_are_merged_at_once_come_out_in_order() {
        let records: Vec<Vec<u8>> = (0_u32..5000)
            .map(|i| i.wrapping_mul(2_654_435_761).to_be_bytes().to_vec())
            .collect();
        let mut expected = records.clone();
        expected.sort();
        // Ten records a run: some 500 runs.
        assert_eq!(sorted(&records, 10 * (size_of::<Slot>() + 4)), expected);
    }

    proptest! {
        #[test]
        fn any_budget_gives_the_same_order(
            records in prop::collection::vec(prop::collection::vec(0_u8..4, 0..24), 0..200),
            budget in 1_usize..4000,
        ) {
            let mut expected = records.clone();
            expected.sort();
            prop_assert_eq!(sorted(&records, budget), expected);
        }
    }
}
