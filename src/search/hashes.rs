//! Where hashes lie: word by word in groups of eight, or in columns as the first version of the format had them.
#![allow(clippy::cast_possible_truncation, reason = "a group has 8 hashes")]

use super::Words;
use crate::simd::{GROUP, Groups, LINE_LEN};

/// Hashes of `WORDS` words, as little-endian bytes: a line of 64 bytes has one word of eight hashes that follow one
/// another, a group.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hashes<'a, const WORDS: usize> {
    groups: Groups<'a>,
    len: u32,
}

impl<'a, const WORDS: usize> Hashes<'a, WORDS> {
    /// Returns a view of hashes of which the words of a group are on lines that follow one another. `None` if there are
    /// not lines for as many.
    pub(crate) fn grouped(lines: &'a [[u8; LINE_LEN]], len: u32) -> Option<Self> {
        let groups = Groups {
            lines,
            group_stride: WORDS,
            word_stride: 1,
        };
        (lines.len() == (len as usize).div_ceil(GROUP) * WORDS).then_some(Self { groups, len })
    }

    /// Returns a view of hashes whose first words all stand before all second words, and so on.
    pub(crate) fn columns(lines: &'a [[u8; LINE_LEN]], len: u32) -> Option<Self> {
        let word_stride = (len as usize).div_ceil(GROUP);
        let groups = Groups {
            lines,
            group_stride: 1,
            word_stride,
        };
        (lines.len() == word_stride * WORDS).then_some(Self { groups, len })
    }

    pub(crate) fn len(&self) -> u32 {
        self.len
    }

    pub(crate) fn groups(&self) -> &Groups<'a> {
        &self.groups
    }

    /// Returns the number of groups, of which the last may not be full.
    pub(crate) fn group_count(&self) -> u32 {
        self.len.div_ceil(GROUP as u32)
    }

    /// Returns the line of a word of a hash. The id must be less than [`len`](Self::len) for it to be there.
    #[inline]
    pub(crate) fn line(&self, id: u32, word: usize) -> Option<&'a [u8; LINE_LEN]> {
        let group = id as usize / GROUP;
        let groups = &self.groups;
        groups
            .lines
            .get(group * groups.group_stride + word * groups.word_stride)
    }

    /// Returns a word of a hash; zero if there is no such hash.
    #[inline]
    pub(crate) fn word(&self, id: u32, word: usize) -> u64 {
        let words = self.line(id, word).map(|line| line.as_chunks::<8>().0);
        words.map_or(0, |words| u64::from_le_bytes(words[id as usize % GROUP]))
    }

    /// Returns the words of a hash; zeros if there is no such hash.
    #[inline]
    pub(crate) fn get(&self, id: u32) -> [u64; WORDS] {
        let mut words = [0; WORDS];
        for (number, word) in words.iter_mut().enumerate() {
            *word = self.word(id, number);
        }
        words
    }

    /// Returns the distance between a hash and a query.
    #[inline]
    pub(crate) fn distance(&self, id: u32, query: &Words) -> u32 {
        let words = self.get(id);
        let differ = words.iter().zip(query).map(|(a, b)| (a ^ b).count_ones());
        differ.sum()
    }
}
