//! Searching an index: radius, any, nearest, many queries at once.

use std::convert::Infallible;
use std::ops::ControlFlow;

use rayon::prelude::*;

use super::layout::{self, KindSections, words_of};
use super::{CorruptIndex, Index, SearchError};
use crate::hash::{Dihedral, HashError, HashKind, HashValue, Pdq};
use crate::search::{
    Damage, DihedralMatch, Explanation, Hashes, Match, SearchBuffer, Space, Tables, Words,
};

/// How many queries one thread of a batch takes at a time.
const QUERIES_AT_A_TIME: usize = 64;

/// Calls a function for the space of a kind, in which hashes have 1, 3 or 4 words.
macro_rules! in_space {
    ($index:expr, $kind:expr, $space:ident => $body:expr) => {
        match words_of($kind.kind) {
            1 => {
                let $space = $index.space::<1>($kind)?;
                $body
            }
            3 => {
                let $space = $index.space::<3>($kind)?;
                $body
            }
            4 => {
                let $space = $index.space::<4>($kind)?;
                $body
            }
            words => unreachable!("no perceptual kind has {words} words"),
        }
    };
}

impl Index {
    /// Returns every hash of the query's kind within `threshold` bits of it, inclusive, in ascending order of id.
    ///
    /// Exact for every threshold from 0 to the number of bits of the kind. Of millions of PDQ hashes, some tens of thousands
    /// are looked at for a threshold of 31; [`explain`](Self::explain) tells how many. Takes working memory anew; use
    /// [`for_each_within`](Self::for_each_within) where that matters.
    ///
    /// # Errors
    /// [`SearchError::Kind`] for a digest, which is looked up with [`find`](Self::find); [`SearchError::Corrupt`] when the
    /// index is damaged.
    ///
    /// # Example
    /// ```
    /// use hashsieve::{HashKind, Index, Pdq};
    /// # use hashsieve::{Entry, IndexBuilder, ListDescriptor};
    /// # let directory = tempfile::tempdir()?;
    /// # let path = directory.path().join("index.hsv");
    /// # let mut builder = IndexBuilder::new(&path);
    /// # let list = builder.add_list(ListDescriptor::default())?;
    /// # let mut entry = Entry::new("entry-1");
    /// # entry.add_hash(Pdq::from_words([1, 2, 3, 4]).into());
    /// # builder.add(list, &entry)?;
    /// # builder.finish()?;
    /// let index = Index::open(&path)?;
    /// let query = Pdq::from_words([1, 2, 3, 7]);
    /// for found in index.within(&query.into(), 31)? {
    ///     assert_eq!(found.distance, 2);
    ///     for entry in index.asserting(HashKind::Pdq, found.id)? {
    ///         assert_eq!(index.entry(entry?)?.entry.entry_id, "entry-1");
    ///     }
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn within(&self, query: &HashValue, threshold: u32) -> Result<Vec<Match>, SearchError> {
        let mut matches = Vec::new();
        let queries = std::slice::from_ref(query);
        let mut buffer = SearchBuffer::new();
        let _ = self.for_each_within(queries, threshold, &mut buffer, |_, found| {
            matches.push(found);
            ControlFlow::<Infallible>::Continue(())
        })?;
        matches.sort_unstable();
        Ok(matches)
    }

    /// Returns every hash within `threshold` bits of a picture, however it was turned or reflected: of its eight PDQ hashes,
    /// which are given in the order of [`Dihedral::ALL`]. A hash may be near several of them, and is there for each.
    ///
    /// In ascending order of id, distance and transform. Takes less than eight searches: what these read from memory is on its
    /// way together.
    ///
    /// # Errors
    /// As for [`within`](Self::within).
    ///
    /// # Example
    /// ```
    /// use hashsieve::{Dihedral, PdqHasher, SearchBuffer};
    /// # use hashsieve::{Entry, Index, IndexBuilder, ListDescriptor, PixelFormat, Pixels};
    /// # let directory = tempfile::tempdir()?;
    /// # let path = directory.path().join("index.hsv");
    /// # let bytes: Vec<u8> = (0..256 * 256_u32).map(|i| ((i % 256) * (i / 256) / 99) as u8).collect();
    /// # let pixels = Pixels::new(PixelFormat::Luma8, 256, 256, 256, &bytes)?;
    /// # let mut builder = IndexBuilder::new(&path);
    /// # let list = builder.add_list(ListDescriptor::default())?;
    /// # let mut entry = Entry::new("entry-1");
    /// # entry.add_hash(PdqHasher::new().hash(&pixels)?.hash.into());
    /// # builder.add(list, &entry)?;
    /// # builder.finish()?;
    /// # let index = Index::open(&path)?;
    /// let picture = PdqHasher::new().dihedral(&pixels)?;
    /// let found = index.within_dihedral(&picture.hashes, 31, &mut SearchBuffer::new())?;
    /// assert_eq!((found[0].transform, found[0].distance), (Dihedral::Original, 0));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn within_dihedral(
        &self,
        hashes: &[Pdq; Dihedral::ALL.len()],
        threshold: u32,
        buffer: &mut SearchBuffer,
    ) -> Result<Vec<DihedralMatch>, SearchError> {
        let mut matches = Vec::new();
        let queries = hashes.map(HashValue::from);
        let _ = self.for_each_within(&queries, threshold, buffer, |query, found| {
            matches.push(DihedralMatch {
                id: found.id,
                distance: found.distance,
                transform: Dihedral::ALL[query],
            });
            ControlFlow::<Infallible>::Continue(())
        })?;
        matches.sort_unstable();
        Ok(matches)
    }

    /// Returns whether any hash of the query's kind is within `threshold` bits of it: the question at an upload.
    ///
    /// Ends at the first match. Costs as much as [`within`](Self::within) where there is none.
    ///
    /// # Errors
    /// As for [`within`](Self::within).
    pub fn any_within(
        &self,
        query: &HashValue,
        threshold: u32,
        buffer: &mut SearchBuffer,
    ) -> Result<bool, SearchError> {
        let queries = std::slice::from_ref(query);
        let found =
            self.for_each_within(queries, threshold, buffer, |_, _| ControlFlow::Break(()))?;
        Ok(found.is_break())
    }

    /// Returns the `count` nearest hashes of the query's kind within `limit` bits of it, in ascending order of distance, and
    /// of id where distances are equal.
    ///
    /// Small thresholds are tried first, so near hashes are found as fast as by [`within`](Self::within); if there are fewer
    /// than `count`, all hashes are scanned.
    ///
    /// # Errors
    /// As for [`within`](Self::within).
    pub fn nearest(
        &self,
        query: &HashValue,
        count: usize,
        limit: u32,
        buffer: &mut SearchBuffer,
    ) -> Result<Vec<Match>, SearchError> {
        let mut nearest = Vec::new();
        let Some(kind) = self.searched(std::slice::from_ref(query))? else {
            return Ok(nearest);
        };
        let words: Words = query.words();
        let done = in_space!(self, kind, space => space.nearest(&words, count, limit, buffer, &mut nearest));
        done.map_err(corrupt)?;
        Ok(nearest)
    }

    /// Calls `found(query, match)` once for every match of any number of queries, which are named by their position, and
    /// stops when it breaks.
    ///
    /// One call for the eight dihedral hashes of a picture takes less than eight: what they read from memory is on its way
    /// together. Nothing is allocated once the buffer has been used. Matches come in no order that means anything, but for
    /// one index, one level and one set of queries always in the same.
    ///
    /// # Errors
    /// As for [`within`](Self::within), and [`SearchError::Kind`] when the queries are not all of one kind; nothing has
    /// been found then.
    ///
    /// # Example
    /// ```
    /// use std::ops::ControlFlow;
    /// use hashsieve::{Dihedral, SearchBuffer};
    /// # use hashsieve::{Entry, Index, IndexBuilder, ListDescriptor, PdqHasher, PixelFormat, Pixels};
    /// # let directory = tempfile::tempdir()?;
    /// # let path = directory.path().join("index.hsv");
    /// # let bytes: Vec<u8> = (0..256 * 256_u32).map(|i| ((i % 256) * (i / 256) / 99) as u8).collect();
    /// # let pixels = Pixels::new(PixelFormat::Luma8, 256, 256, 256, &bytes)?;
    /// # let mut hasher = PdqHasher::new();
    /// # let mut builder = IndexBuilder::new(&path);
    /// # let list = builder.add_list(ListDescriptor::default())?;
    /// # let mut entry = Entry::new("entry-1");
    /// # entry.add_hash(hasher.hash(&pixels)?.hash.into());
    /// # builder.add(list, &entry)?;
    /// # builder.finish()?;
    /// # let index = Index::open(&path)?;
    /// // All eight rotations and reflections of a picture in one call; a query's place tells which it is.
    /// let queries = hasher.dihedral(&pixels)?.hashes.map(Into::into);
    /// let mut buffer = SearchBuffer::new();
    /// let found = index.for_each_within(&queries, 31, &mut buffer, |query, found| {
    ///     ControlFlow::Break((Dihedral::ALL[query], found.distance))
    /// })?;
    /// assert_eq!(found, ControlFlow::Break((Dihedral::Original, 0)));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn for_each_within<B>(
        &self,
        queries: &[HashValue],
        threshold: u32,
        buffer: &mut SearchBuffer,
        mut found: impl FnMut(usize, Match) -> ControlFlow<B>,
    ) -> Result<ControlFlow<B>, SearchError> {
        let Some(kind) = self.searched(queries)? else {
            return Ok(ControlFlow::Continue(()));
        };
        // On the stack, some queries at a time.
        let mut words: [Words; QUERIES_AT_A_TIME] = [[0; 4]; QUERIES_AT_A_TIME];
        for (number, queries) in queries.chunks(QUERIES_AT_A_TIME).enumerate() {
            let words = &mut words[..queries.len()];
            for (words, query) in words.iter_mut().zip(queries) {
                *words = query.words();
            }
            let mut found = |query, id, distance| {
                found(number * QUERIES_AT_A_TIME + query, Match { id, distance })
            };
            let done =
                in_space!(self, kind, space => space.within(words, threshold, buffer, &mut found));
            let done = done.map_err(corrupt)?;
            if done.is_break() {
                return Ok(done);
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    /// Calls `found(query, entry, match)` for every entry that asserts a match of its list's own threshold, and stops when it
    /// breaks. One search serves all lists.
    ///
    /// `thresholds` has a threshold for each list, by its position in [`lists`](Self::lists), or none where the list is not
    /// asked; lists past its end are not asked either. Otherwise as [`for_each_within`](Self::for_each_within).
    ///
    /// # Errors
    /// As for [`for_each_within`](Self::for_each_within), and [`SearchError::Corrupt`] when the entries of a match cannot be
    /// read. Those of all other matches have been told all the same.
    pub fn for_each_entry_within<B>(
        &self,
        queries: &[HashValue],
        thresholds: &[Option<u32>],
        buffer: &mut SearchBuffer,
        mut found: impl FnMut(usize, u32, Match) -> ControlFlow<B>,
    ) -> Result<ControlFlow<B>, SearchError> {
        let largest = thresholds.iter().flatten().max();
        let Some((threshold, query)) = largest.zip(queries.first()) else {
            return Ok(ControlFlow::Continue(()));
        };
        let mut damage = None;
        let done = self.for_each_within(queries, *threshold, buffer, |number, one| {
            let entries = match self.asserting(query.kind(), one.id) {
                Ok(entries) => entries,
                Err(corrupt) => {
                    damage.get_or_insert(corrupt);
                    return ControlFlow::Continue(());
                }
            };
            for entry in entries {
                match entry.and_then(|entry| Ok((entry, self.list_of(entry)?))) {
                    Ok((entry, list)) => {
                        let threshold = thresholds.get(list as usize).copied().flatten();
                        if threshold.is_some_and(|threshold| one.distance <= threshold) {
                            found(number, entry, one)?;
                        }
                    }
                    Err(corrupt) => {
                        damage.get_or_insert(corrupt);
                    }
                }
            }
            ControlFlow::Continue(())
        })?;
        match damage {
            Some(corrupt) => Err(corrupt.into()),
            None => Ok(done),
        }
    }

    /// Returns the matches of many queries, each as from [`within`](Self::within), using the current `rayon` pool.
    ///
    /// # Errors
    /// As for [`within`](Self::within), for the first query that fails.
    pub fn within_batch(
        &self,
        queries: &[HashValue],
        threshold: u32,
    ) -> Result<Vec<Vec<Match>>, SearchError> {
        // Here, so that it does not depend on how queries are shared out.
        self.searched(queries)?;
        let parts: Vec<Result<_, SearchError>> = queries
            .par_chunks(QUERIES_AT_A_TIME)
            .map_init(SearchBuffer::new, |buffer, queries| {
                let mut matches = vec![Vec::new(); queries.len()];
                let _ = self.for_each_within(queries, threshold, buffer, |query, found| {
                    matches[query].push(found);
                    ControlFlow::<Infallible>::Continue(())
                })?;
                for matches in &mut matches {
                    matches.sort_unstable();
                }
                Ok(matches)
            })
            .collect();
        // The first in order, not the first to come.
        let parts: Vec<Vec<Vec<Match>>> = parts.into_iter().collect::<Result<_, _>>()?;
        Ok(parts.into_iter().flatten().collect())
    }

    /// Searches as [`within`](Self::within) does, and tells how it was done and how much was looked at.
    ///
    /// `None` when there is no hash of the query's kind.
    ///
    /// # Errors
    /// As for [`within`](Self::within).
    ///
    /// # Example
    /// ```
    /// use hashsieve::{Pdq, SearchMethod};
    /// # use hashsieve::{Entry, Index, IndexBuilder, ListDescriptor};
    /// # let directory = tempfile::tempdir()?;
    /// # let path = directory.path().join("index.hsv");
    /// # let mut builder = IndexBuilder::new(&path);
    /// # let list = builder.add_list(ListDescriptor::default())?;
    /// # let mut entry = Entry::new("entry-1");
    /// # entry.add_hash(Pdq::from_words([1, 2, 3, 4]).into());
    /// # builder.add(list, &entry)?;
    /// # builder.finish()?;
    /// # let index = Index::open(&path)?;
    /// let explained = index.explain(&Pdq::from_words([1, 2, 3, 7]).into(), 31)?;
    /// let explained = explained.expect("there are PDQ hashes");
    /// // So few are scanned.
    /// assert_eq!((explained.method, explained.candidates, explained.matches), (SearchMethod::Flat, 1, 1));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn explain(
        &self,
        query: &HashValue,
        threshold: u32,
    ) -> Result<Option<Explanation>, SearchError> {
        let Some(kind) = self.searched(std::slice::from_ref(query))? else {
            return Ok(None);
        };
        let words: Words = query.words();
        let mut buffer = SearchBuffer::new();
        let explained =
            in_space!(self, kind, space => space.explain(&words, threshold, &mut buffer));
        Ok(Some(explained.map_err(corrupt)?))
    }

    /// Returns how many bytes of the index are hashes of a kind and what makes them searchable, without what lists say of them.
    pub fn search_bytes(&self, kind: HashKind) -> u64 {
        let Some(kind) = self.kind(kind) else {
            return 0;
        };
        let tables = kind.tables.iter();
        let sections = tables.flat_map(|tables| {
            [
                &tables.chunks,
                &tables.directories,
                &tables.signatures,
                &tables.ids,
            ]
        });
        let tables: u64 = sections.map(|section| section.len).sum();
        kind.hashes.len + tables
    }

    /// Returns the sections of the kind of queries, which must be one and perceptual; `None` if there is nothing to do.
    fn searched(&self, queries: &[HashValue]) -> Result<Option<&KindSections>, HashError> {
        let Some(first) = queries.first() else {
            return Ok(None);
        };
        let expected = first.kind();
        if !expected.is_perceptual() {
            return Err(HashError::NoDistance { kind: expected });
        }
        let mut kinds = queries.iter().map(HashValue::kind);
        if let Some(found) = kinds.find(|&kind| kind != expected) {
            return Err(HashError::WrongKind { expected, found });
        }
        Ok(self.kind(expected))
    }

    /// Returns what is searched of a kind, of which hashes must have `WORDS` words.
    fn space<'a, const WORDS: usize>(
        &'a self,
        kind: &'a KindSections,
    ) -> Result<Space<'a, WORDS>, CorruptIndex> {
        let hashes = self.hashes::<WORDS>(kind)?;
        let tables = kind.tables.as_ref();
        Ok(Space {
            hashes,
            bits: kind.kind.bits(),
            tables: tables.map(|tables| Tables {
                chunks: &tables.cut,
                directories: self.section(&tables.directories).as_chunks().0,
                signatures: self.section(&tables.signatures).as_chunks().0,
                ids: self.section(&tables.ids).as_chunks().0,
                hashes,
            }),
            is_even: tables.is_some_and(|tables| tables.hashes_are_even),
            level: self.level,
            method: self.method,
        })
    }

    /// Returns the hashes of a perceptual kind, of which there must be `WORDS` words each.
    pub(super) fn hashes<const WORDS: usize>(
        &self,
        kind: &KindSections,
    ) -> Result<Hashes<'_, WORDS>, CorruptIndex> {
        let (lines, _) = self.section(&kind.hashes).as_chunks();
        let len = self.len(kind.kind);
        let hashes = if self.layout.version == 1 {
            Hashes::columns(lines, len)
        } else {
            Hashes::grouped(lines, len)
        };
        // `Layout::read` compared the length of the section with the count.
        hashes.ok_or_else(|| CorruptIndex::new("hashes", 0, "there is no such hash"))
    }

    /// Returns the words of a hash of a perceptual kind, if there is one of this id.
    pub(super) fn words_at(&self, kind: &KindSections, id: u32) -> Option<Words> {
        fn padded<const WORDS: usize>(hashes: &Hashes<'_, WORDS>, id: u32) -> Words {
            let mut words = [0; 4];
            words[..WORDS].copy_from_slice(&hashes.get(id));
            words
        }
        if id >= self.len(kind.kind) {
            return None;
        }
        Some(match words_of(kind.kind) {
            1 => padded(&self.hashes::<1>(kind).ok()?, id),
            3 => padded(&self.hashes::<3>(kind).ok()?, id),
            _ => padded(&self.hashes::<4>(kind).ok()?, id),
        })
    }
}

/// Says what is wrong with a kind's tables, without saying what they hold.
fn corrupt(damage: Damage) -> CorruptIndex {
    match damage {
        Damage::Directory(entry) => {
            let what = "an entry is less than the one before or more than there are hashes";
            CorruptIndex::new(layout::Role::Directories.name(), entry, what)
        }
        Damage::Hash(id) => {
            let what = "the hash has bits past the last of its kind";
            CorruptIndex::new(layout::Role::Hashes.name(), id, what)
        }
        Damage::Id(entry) => CorruptIndex::new(
            layout::Role::TableIds.name(),
            entry,
            "there is no such hash",
        ),
    }
}
