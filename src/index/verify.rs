//! Reading everything: the check that every byte of an index is as the format says.

use sha2::{Digest, Sha256};

use super::Index;
use super::error::CorruptIndex;
use super::layout::{KindSections, POSITION_LEN, Section, words_of};

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
                let entry = Some(entry?);
                if last_entry >= entry {
                    let what = "entries of a hash are not in ascending order";
                    return Err(CorruptIndex::new("assertion starts", u64::from(id), what));
                }
                last_entry = entry;
            }
        }
        if kind.kind.is_perceptual() {
            self.check_column_padding(kind)?;
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

    fn check_column_padding(&self, kind: &KindSections) -> Result<(), CorruptIndex> {
        let (words, _) = self.section(&kind.hashes).as_chunks::<8>();
        let count = self.len(kind.kind) as usize;
        for column in words.chunks_exact((words.len() / words_of(kind.kind)).max(1)) {
            if column.iter().skip(count).any(|word| *word != [0; 8]) {
                return Err(CorruptIndex::new(
                    "hashes",
                    0,
                    "padding of a column is not zero",
                ));
            }
        }
        Ok(())
    }
}
