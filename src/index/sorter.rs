//! Sorting more records than fit in memory: sorted runs on disk, then one merge.
//!
//! Records are byte strings ordered as bytes. Runs go to unnamed temporary files in the directory given, readable by
//! their owner only and gone with the process, whatever happens to it.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;
use std::fs::File;
use std::io::{self, BufWriter, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread::JoinHandle;

use rayon::slice::ParallelSliceMut;

/// Bytes of buffer for reading one run during a merge, more for records that are longer.
const RUN_BUFFER: usize = 256 << 10;
/// Runs merged at once; more are first merged into one. Bounds open files and buffers (32 MiB).
const MAX_RUNS: usize = 128;
/// Bytes of records that a thread fetches ahead.
const BATCH: usize = 1 << 20;
/// The bytes before a record in a run that tell its length.
const LEN_BYTES: usize = 4;

/// The first bytes of a record as numbers in the order of records, filled up with zeros: most comparisons need no more.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Prefix(u64, u64);

impl Prefix {
    fn of(record: &[u8]) -> Self {
        let mut bytes = [0; 16];
        let known = record.len().min(bytes.len());
        bytes[..known].copy_from_slice(&record[..known]);
        let numbers = bytes.as_chunks().0;
        Self(
            u64::from_be_bytes(numbers[0]),
            u64::from_be_bytes(numbers[1]),
        )
    }
}

/// A record in the arena, with its first bytes beside it.
#[derive(Clone, Copy)]
struct Slot {
    prefix: Prefix,
    start: u32,
    len: u32,
}

impl Slot {
    fn of<'a>(&self, arena: &'a [u8]) -> &'a [u8] {
        &arena[self.start as usize..][..self.len as usize]
    }
}

/// Records in memory.
#[derive(Default)]
struct Held {
    arena: Vec<u8>,
    slots: Vec<Slot>,
}

impl Held {
    fn order(arena: &[u8]) -> impl Fn(&Slot, &Slot) -> Ordering {
        |a, b| {
            let by_bytes = || a.of(arena).cmp(b.of(arena));
            a.prefix.cmp(&b.prefix).then_with(by_bytes)
        }
    }

    /// Writes all as one sorted run, and is empty.
    fn write_run(&mut self, directory: &Path) -> io::Result<File> {
        self.slots.sort_unstable_by(Self::order(&self.arena));
        let mut run = RunWriter::new(directory)?;
        for slot in &self.slots {
            run.write(slot.of(&self.arena))?;
        }
        self.arena.clear();
        self.slots.clear();
        run.finish()
    }
}

/// Collects records within a memory budget and gives them back in order.
pub(super) struct Sorter {
    directory: PathBuf,
    budget: usize,
    held: Held,
    /// The run that a thread writes meanwhile, and the memory that it is written from.
    spilling: Option<JoinHandle<io::Result<(File, Held)>>>,
    runs: Vec<File>,
    records: u64,
}

impl Sorter {
    /// Returns a sorter that holds about `budget` bytes before it writes a run to `directory`.
    pub(super) fn new(directory: &Path, budget: usize) -> Self {
        Self {
            directory: directory.to_path_buf(),
            // Positions in an arena, which is at most half of it, are 32 bits.
            budget: budget.clamp(64 << 10, 1 << 31),
            held: Held::default(),
            spilling: None,
            runs: Vec::new(),
            records: 0,
        }
    }

    /// Returns how many records were taken.
    pub(super) fn records(&self) -> u64 {
        self.records
    }

    /// Takes a record, of a few hundred kilobytes at most. No two records may be equal if their order is to be defined.
    pub(super) fn push(&mut self, record: &[u8]) -> io::Result<()> {
        let Held { arena, slots } = &self.held;
        let held = arena.len() + (slots.len() + 1) * size_of::<Slot>() + record.len();
        // Half of the budget is for what is being written.
        if !slots.is_empty() && held > self.budget / 2 {
            self.spill()?;
        }
        let Held { arena, slots } = &mut self.held;
        if slots.is_empty() {
            arena.clear();
        }
        let fits = |n: usize| u32::try_from(n).map_err(|_| io::ErrorKind::InvalidInput);
        slots.push(Slot {
            prefix: Prefix::of(record),
            start: fits(arena.len())?,
            len: fits(record.len())?,
        });
        arena.extend_from_slice(record);
        self.records += 1;
        Ok(())
    }

    /// Has what is held written as one sorted run, by another thread.
    fn spill(&mut self) -> io::Result<()> {
        let spare = self.settle()?;
        let mut full = std::mem::replace(&mut self.held, spare);
        let directory = self.directory.clone();
        let spilling = std::thread::Builder::new().spawn(move || {
            let run = full.write_run(&directory)?;
            Ok((run, full))
        })?;
        self.spilling = Some(spilling);
        Ok(())
    }

    /// Waits for the run that is being written, if there is one, and returns the memory that it was written from.
    fn settle(&mut self) -> io::Result<Held> {
        let Some(spilling) = self.spilling.take() else {
            return Ok(Held::default());
        };
        let panicked = |_| io::Error::other("a thread that sorts panicked");
        let (run, spare) = spilling.join().map_err(panicked)??;
        self.runs.push(run);
        if self.runs.len() == MAX_RUNS {
            let mut records = Records::merge(std::mem::take(&mut self.runs))?;
            let mut merged = RunWriter::new(&self.directory)?;
            while let Some(record) = records.next()? {
                merged.write(record)?;
            }
            self.runs.push(merged.finish()?);
        }
        Ok(spare)
    }

    /// Returns the records in order, and is empty when these are dropped.
    pub(super) fn sorted(&mut self) -> io::Result<Records<'_>> {
        self.records = 0;
        if self.runs.is_empty() && self.spilling.is_none() {
            let Held { arena, slots } = &mut self.held;
            slots.par_sort_unstable_by(Held::order(arena));
            return Ok(Records(Source::Held {
                arena,
                slots: slots.drain(..),
            }));
        }
        self.spill()?;
        self.settle()?;
        // The memory is for the merge and for what its consumer holds.
        self.held = Held::default();
        Records::merge(std::mem::take(&mut self.runs))
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

/// A run that is read, with the record in it that is next.
struct Run {
    prefix: Prefix,
    file: File,
    buffer: Vec<u8>,
    /// Where the record and what follows it stand in the buffer.
    start: usize,
    len: usize,
    end: usize,
}

impl Run {
    /// Returns a run at its first record; none has no records.
    fn open(file: File) -> io::Result<Self> {
        let mut run = Self {
            prefix: Prefix(0, 0),
            file,
            buffer: vec![0; RUN_BUFFER],
            start: 0,
            len: 0,
            end: 0,
        };
        run.advance()?;
        Ok(run)
    }

    fn record(&self) -> &[u8] {
        &self.buffer[self.start..][..self.len]
    }

    /// Goes to the next record. `false` if there is none.
    fn advance(&mut self) -> io::Result<bool> {
        self.start += self.len;
        self.len = 0;
        if self.start == self.end && !self.fill(1)? {
            return Ok(false);
        }
        let cut = || io::Error::from(io::ErrorKind::UnexpectedEof);
        let available = self.fill(LEN_BYTES)?;
        let len = self.buffer[self.start..].first_chunk::<LEN_BYTES>();
        let len = len.filter(|_| available).ok_or_else(cut)?;
        let len = u32::from_le_bytes(*len) as usize;
        if !self.fill(LEN_BYTES + len)? {
            return Err(cut());
        }
        self.start += LEN_BYTES;
        self.len = len;
        self.prefix = Prefix::of(self.record());
        Ok(true)
    }

    /// Reads until so many bytes follow the start. `false` if the file ends before.
    fn fill(&mut self, wanted: usize) -> io::Result<bool> {
        if self.end - self.start >= wanted {
            return Ok(true);
        }
        self.buffer.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        if wanted > self.buffer.len() {
            self.buffer.resize(wanted, 0);
        }
        while self.end < wanted {
            match self.file.read(&mut self.buffer[self.end..]) {
                Ok(0) => return Ok(false),
                Ok(read) => self.end += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }
}

impl Ord for Run {
    fn cmp(&self, other: &Self) -> Ordering {
        let by_bytes = || self.record().cmp(other.record());
        self.prefix.cmp(&other.prefix).then_with(by_bytes)
    }
}

impl PartialOrd for Run {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Run {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Run {}

/// Records in order.
pub(super) struct Records<'a>(Source<'a>);

/// Where records are taken from.
enum Source<'a> {
    Held {
        arena: &'a [u8],
        slots: std::vec::Drain<'a, Slot>,
    },
    Merged {
        /// Smallest record first.
        runs: BinaryHeap<Reverse<Run>>,
        /// Whether the first run's record was given out.
        begun: bool,
    },
}

impl Records<'_> {
    /// Returns the records of runs, each of which has one at least.
    fn merge(runs: Vec<File>) -> io::Result<Self> {
        let runs = runs.into_iter().map(|run| Run::open(run).map(Reverse));
        Ok(Self(Source::Merged {
            runs: runs.collect::<io::Result<_>>()?,
            begun: false,
        }))
    }

    /// Gives all records to `take`, in order, while another thread fetches those that follow.
    pub(super) fn for_each<E>(
        mut self,
        mut take: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E>
    where
        E: From<io::Error>,
    {
        let (to_taker, batches) = mpsc::sync_channel::<io::Result<Batch>>(1);
        std::thread::scope(|scope| {
            std::thread::Builder::new().spawn_scoped(scope, move || {
                loop {
                    let batch = Batch::fill(&mut self);
                    let is_last = !matches!(&batch, Ok(batch) if !batch.ends.is_empty());
                    // The taker may have failed and gone.
                    if to_taker.send(batch).is_err() || is_last {
                        break;
                    }
                }
            })?;
            for batch in batches {
                let batch = batch?;
                let mut start = 0;
                for end in batch.ends {
                    take(&batch.bytes[start..end])?;
                    start = end;
                }
            }
            Ok(())
        })
    }

    /// Returns the next record, or `None` after the last.
    pub(super) fn next(&mut self) -> io::Result<Option<&[u8]>> {
        match &mut self.0 {
            Source::Held { arena, slots } => Ok(slots.next().map(|slot| slot.of(arena))),
            Source::Merged { runs, begun } => {
                if std::mem::replace(begun, true)
                    && let Some(mut first) = runs.peek_mut()
                    && !first.0.advance()?
                {
                    PeekMut::pop(first);
                }
                Ok(runs.peek().map(|Reverse(run)| run.record()))
            }
        }
    }
}

/// Records one after another.
#[derive(Default)]
struct Batch {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Batch {
    /// Returns the next records, up to a mebibyte or one; none after the last.
    fn fill(records: &mut Records<'_>) -> io::Result<Self> {
        let mut batch = Self::default();
        while batch.bytes.len() < BATCH {
            let Some(record) = records.next()? else { break };
            batch.bytes.extend_from_slice(record);
            batch.ends.push(batch.bytes.len());
        }
        Ok(batch)
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
        let mut output = Vec::new();
        let taken = sorter.sorted().unwrap().for_each(|record| {
            output.push(record.to_vec());
            Ok::<(), io::Error>(())
        });
        taken.unwrap();
        assert_eq!(sorter.records(), 0);
        // It may be used once more.
        sorter.push(b"one more").unwrap();
        let mut again = sorter.sorted().unwrap();
        assert_eq!(again.next().unwrap(), Some(&b"one more"[..]));
        assert_eq!(again.next().unwrap(), None);
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
        assert_eq!(sorted(&records, 20 * (size_of::<Slot>() + 4)), expected);
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
