//! Reading everything: the check that every byte of an index is as the format says.

use rayon::prelude::*;
use sha2::{Digest, Sha256};

use super::Index;
use super::error::CorruptIndex;
use super::layout::{KindSections, POSITION_LEN, SIGNATURE_LEN, Section, TableSections, words_of};
use super::record::WITHDRAWN_CODE;
use crate::search::{Hashes, RingTable};

/// The zeros after a directory.
const FILLING: usize = 15;

/// How many bytes are summed between two reports of progress.
const STEP: usize = 16 << 20;

impl Index {
    /// Reads the whole index and checks all of it: section checksums, padding, order, positions and texts.
    ///
    /// O(n); reads every byte. [`open`](Self::open) checks the header only, so run this after copying an index
    /// or when a disk is in doubt.
    ///
    /// # Errors
    /// [`CorruptIndex`] for the first thing that is wrong.
    pub fn verify(&self) -> Result<(), CorruptIndex> {
        self.verify_with(&mut |_, _| {})
    }

    /// The same, telling now and then how many of how many bytes are checked.
    ///
    /// # Errors
    /// As for [`verify`](Self::verify).
    pub fn verify_with(&self, progress: &mut dyn FnMut(u64, u64)) -> Result<(), CorruptIndex> {
        let total = self.file_bytes();
        let mut done = 0;
        let mut end = None;
        for section in self.layout.sections() {
            self.check_padding(end, section)?;
            end = Some(section.range().end);
            let mut checksum = Sha256::new();
            for part in self.section(section).chunks(STEP) {
                checksum.update(part);
                done += part.len() as u64;
                progress(done, total);
            }
            if section.checksum != *checksum.finalize() {
                let what = "the section does not have its checksum";
                return Err(CorruptIndex::new(section.role.name(), 0, what));
            }
        }
        self.check_entries()?;
        for kind in &self.layout.kinds {
            self.check_kind(kind)?;
        }
        progress(total, total);
        Ok(())
    }

    /// Checks the bytes between the section before, or the header, and this one.
    fn check_padding(&self, end: Option<usize>, section: &Section) -> Result<(), CorruptIndex> {
        let start = section.range().start;
        // The header's padding begins after its checksum, less than one alignment before the first section.
        let end = end.unwrap_or_else(|| self.layout.header_len());
        let padding = self.bytes.as_slice().get(end..start).unwrap_or(&[1]);
        if padding.iter().any(|&byte| byte != 0) {
            let what = "padding before the section is not zero";
            return Err(CorruptIndex::new(section.role.name(), 0, what));
        }
        Ok(())
    }

    /// Checks that entries are readable, in order, and as many for each list as its record says.
    fn check_entries(&self) -> Result<(), CorruptIndex> {
        let lists = self.lists()?;
        let mut counts = vec![0_u32; lists.len()];
        let mut last: Option<(u32, String)> = None;
        for position in 0..self.entries() {
            let read = self.entry(position)?;
            let key = (read.list, read.entry.entry_id);
            let wrong = |what| CorruptIndex::new("entries", u64::from(position), what);
            if last.as_ref().is_some_and(|last| *last >= key) {
                return Err(wrong("entries are not in ascending order"));
            }
            if let Some(count) = counts.get_mut(read.list as usize) {
                *count += 1;
            }
            last = Some(key);
        }
        for ((number, list), count) in (0..).zip(&lists).zip(counts) {
            if list.entries != count {
                let what = "the list does not have as many entries as its record says";
                return Err(CorruptIndex::new("lists", number, what));
            }
        }
        Ok(())
    }

    /// Checks that the hashes of a kind ascend, that each is asserted, and that all assertions are used once.
    fn check_kind(&self, kind: &KindSections) -> Result<(), CorruptIndex> {
        let mut last = None;
        for id in 0..self.len(kind.kind) {
            let hash = self.hash_at(kind, id)?;
            if last.is_some_and(|last| last >= hash) {
                let what = "hashes are not in ascending order";
                return Err(CorruptIndex::new("hashes", u64::from(id), what));
            }
            last = Some(hash);
            let mut last_entry = None;
            for entry in self.asserting(kind.kind, id)? {
                let entry = entry?;
                if self.raw_entry(entry)?.codes[0] == WITHDRAWN_CODE {
                    let what = "a withdrawn entry asserts a hash";
                    return Err(CorruptIndex::new("assertions", u64::from(entry), what));
                }
                let entry = Some(entry);
                if last_entry >= entry {
                    let what = "entries of a hash are not in ascending order";
                    return Err(CorruptIndex::new("assertion starts", u64::from(id), what));
                }
                last_entry = entry;
            }
        }
        if kind.kind.is_perceptual() {
            self.check_group_padding(kind)?;
            if let Some(tables) = &kind.tables {
                self.check_tables(kind, tables)?;
            }
        }
        // Each start is the end before it, so the first and the last decide whether nothing is left over.
        let (starts, _) = self.section(&kind.starts).as_chunks::<POSITION_LEN>();
        let bounds = starts.first().zip(starts.last());
        let bounds =
            bounds.map(|(first, last)| (u32::from_le_bytes(*first), u32::from_le_bytes(*last)));
        if bounds != Some((0, self.assertions(kind.kind))) {
            let what = "the starts do not cover all assertions";
            return Err(CorruptIndex::new("assertion starts", 0, what));
        }
        Ok(())
    }

    /// Checks that what fills the last hashes up to a whole group is zero.
    fn check_group_padding(&self, kind: &KindSections) -> Result<(), CorruptIndex> {
        fn is_zero<const WORDS: usize>(hashes: &Hashes<'_, WORDS>) -> bool {
            (hashes.len()..=u32::MAX)
                .take_while(|id| id % 8 != 0)
                .all(|id| hashes.get(id) == [0; WORDS])
        }
        let is_zero = match words_of(kind.kind) {
            1 => is_zero(&self.hashes::<1>(kind)?),
            3 => is_zero(&self.hashes::<3>(kind)?),
            _ => is_zero(&self.hashes::<4>(kind)?),
        };
        if is_zero {
            return Ok(());
        }
        let what = "what fills the last group up is not zero";
        Err(CorruptIndex::new("hashes", 0, what))
    }

    /// Checks that a kind's tables are those of its hashes: every bucket, signature and id, and nothing else.
    fn check_tables(
        &self,
        kind: &KindSections,
        tables: &TableSections,
    ) -> Result<(), CorruptIndex> {
        match words_of(kind.kind) {
            1 => self.check_tables_of::<1>(kind, tables),
            3 => self.check_tables_of::<3>(kind, tables),
            _ => self.check_tables_of::<4>(kind, tables),
        }
    }

    fn check_tables_of<const WORDS: usize>(
        &self,
        kind: &KindSections,
        tables: &TableSections,
    ) -> Result<(), CorruptIndex> {
        let hashes = self.hashes::<WORDS>(kind)?;
        let chunks = &tables.cut;
        let rings = RingTable::new(chunks);
        let directories = self
            .section(&tables.directories)
            .as_chunks::<POSITION_LEN>()
            .0;
        let signatures = self
            .section(&tables.signatures)
            .as_chunks::<SIGNATURE_LEN>()
            .0;
        let ids = self.section(&tables.ids).as_chunks::<POSITION_LEN>().0;
        let len = hashes.len() as usize;
        let odd =
            |hash: [u64; WORDS]| hash.iter().map(|word| word.count_ones()).sum::<u32>() % 2 == 1;
        if tables.hashes_are_even && (0..hashes.len()).any(|id| odd(hashes.get(id))) {
            let what = "a hash has an odd number of ones where all are said to have an even one";
            return Err(CorruptIndex::new("chunks", 0, what));
        }
        // Tables are made by one walk over the hashes, and so they are checked by one.
        let checked: Vec<Result<(), CorruptIndex>> = (0..chunks.count())
            .into_par_iter()
            .map(|chunk| {
                let (start, entries) = chunks.directory(chunk);
                let wrong =
                    |entry: usize, what| CorruptIndex::new("directories", entry as u64, what);
                let directory = &directories[start..start + entries];
                let mut next: Vec<u32> = directory.iter().map(|e| u32::from_le_bytes(*e)).collect();
                let ends = next.clone();
                if next[0] != 0 || ends[entries - 1] as usize != len {
                    return Err(wrong(
                        start,
                        "the buckets of a chunk do not hold all hashes",
                    ));
                }
                let filling = directories[start + entries..].iter().take(FILLING);
                if filling.flatten().any(|&byte| byte != 0) {
                    return Err(wrong(
                        start + entries,
                        "what fills a directory up is not zero",
                    ));
                }
                let (signatures, ids) = (
                    &signatures[chunk * len..][..len],
                    &ids[chunk * len..][..len],
                );
                for id in 0..hashes.len() {
                    let ring = rings.ring(chunks, &hashes.get(id));
                    let (value, signature) = chunks.value_and_signature(&ring, chunk);
                    let place = next[value] as usize;
                    next[value] = next[value].saturating_add(1);
                    if ids.get(place) != Some(&id.to_le_bytes()) {
                        let entry = (chunk * len + place) as u64;
                        return Err(CorruptIndex::new(
                            "table ids",
                            entry,
                            "the hash is of another bucket",
                        ));
                    }
                    if signatures.get(place) != Some(&signature.to_le_bytes()) {
                        let entry = (chunk * len + place) as u64;
                        let what = "the signature is not that of the hash";
                        return Err(CorruptIndex::new("signatures", entry, what));
                    }
                }
                match (0..entries - 1).find(|&value| next[value] != ends[value + 1]) {
                    Some(value) => Err(wrong(
                        start + value,
                        "a bucket does not hold just its hashes",
                    )),
                    None => Ok(()),
                }
            })
            .collect();
        checked.into_iter().collect()
    }
}
