//! Showing that hashes are in no file of a store.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use memchr::memmem;

use super::Store;
use super::error::StoreError;
use super::snapshot::Snapshot;
use crate::hash::HashValue;

/// How much of a file is looked at a time.
const CHUNK: usize = 8 << 20;
/// Words of one perceptual hash stand this far apart in an index.
const WORD_DISTANCE: usize = 64;

/// What was looked at for hashes that should be gone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Removed {
    /// The files that were read to their ends: all in the directory of the store, whatever they are.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// The files that hold one of the hashes, in any spelling.
    pub found_in: Vec<FoundIn>,
}

/// A file that holds hashes which should be gone.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FoundIn {
    /// The file.
    pub path: PathBuf,
    /// Which of the hashes, by their positions among those looked for, ascending.
    pub hashes: Vec<usize>,
}

impl Store {
    /// Looks for hashes in every file of the directory, whatever it is, and says where one is.
    ///
    /// Looked for are the bytes of a value, in one piece and in words as an index holds them, its hexadecimal spelling in either
    /// case, and base64; and segments are searched for it. O(bytes of the store) for each hash, some seconds for a store of 10
    /// million; holds 16 MiB. Tells now and then how many of how many bytes are read.
    ///
    /// # Errors
    /// [`StoreError`] when a file cannot be read: then nothing is shown.
    pub fn verify_removed(
        &self,
        hashes: &[HashValue],
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<Removed, StoreError> {
        let mut removed = Removed::default();
        let spellings: Vec<_> = hashes.iter().map(Spellings::new).collect();
        let io = StoreError::io(self.directory());
        let (mut paths, mut total) = (Vec::new(), 0);
        for entry in fs::read_dir(self.directory()).map_err(&io)? {
            let entry = entry.map_err(&io)?;
            total += entry.metadata().map_err(&io)?.len();
            paths.push(entry.path());
        }
        paths.sort();
        for path in paths {
            let mut read = |bytes| {
                removed.bytes += bytes;
                progress(removed.bytes, total.max(removed.bytes));
            };
            let found = look(&path, &spellings, &mut read).map_err(StoreError::io(&path))?;
            removed.files += 1;
            if !found.is_empty() {
                let hashes = found.into_iter().collect();
                removed.found_in.push(FoundIn { path, hashes });
            }
        }
        self.find_in_segments(&self.snapshot(), hashes, &mut removed)?;
        Ok(removed)
    }

    fn find_in_segments(
        &self,
        snapshot: &Snapshot,
        hashes: &[HashValue],
        removed: &mut Removed,
    ) -> Result<(), StoreError> {
        for segment in snapshot.segments() {
            let path = segment.path();
            for (number, hash) in hashes.iter().enumerate() {
                let found = segment
                    .index()
                    .find(hash)
                    .map_err(|_| StoreError::Damaged {
                        path: path.to_path_buf(),
                        what: "it cannot be searched",
                    })?;
                if found.is_some() {
                    removed.add(path, number);
                }
            }
        }
        Ok(())
    }
}

impl Removed {
    /// Notes that a file holds one of the hashes.
    fn add(&mut self, path: &Path, number: usize) {
        let mut known = self.found_in.iter_mut();
        match known.find(|found| found.path == path) {
            Some(found) => {
                if let Err(at) = found.hashes.binary_search(&number) {
                    found.hashes.insert(at, number);
                }
            }
            None => self.found_in.push(FoundIn {
                path: path.to_path_buf(),
                hashes: vec![number],
            }),
        }
    }
}

/// How a hash may stand in a file.
struct Spellings {
    whole: Vec<memmem::Finder<'static>>,
    /// The words of a perceptual hash, of which the first is found and the others must follow it.
    first_word: Option<memmem::Finder<'static>>,
    other_words: Vec<[u8; 8]>,
    /// The length of the longest.
    reach: usize,
}

impl Spellings {
    fn new(hash: &HashValue) -> Self {
        let hex = hash.to_hex();
        let spelled = [
            hash.as_bytes().to_vec(),
            hex.to_ascii_uppercase().into_bytes(),
            data_encoding::BASE64_NOPAD
                .encode(hash.as_bytes())
                .into_bytes(),
            hex.into_bytes(),
        ];
        let mut reach = spelled.iter().map(Vec::len).max().unwrap_or(0);
        let (mut first_word, mut other_words) = (None, Vec::new());
        if hash.kind().is_perceptual() {
            let count = hash.kind().byte_len().div_ceil(8);
            let mut words = hash
                .words::<4>()
                .into_iter()
                .take(count)
                .map(u64::to_le_bytes);
            first_word = words
                .next()
                .map(|word| memmem::Finder::new(&word).into_owned());
            other_words = words.collect();
            reach = reach.max(count * WORD_DISTANCE);
        }
        let whole = spelled
            .iter()
            .map(|bytes| memmem::Finder::new(bytes).into_owned());
        Self {
            whole: whole.collect(),
            first_word,
            other_words,
            reach,
        }
    }

    fn is_in(&self, bytes: &[u8]) -> bool {
        if self.whole.iter().any(|finder| finder.find(bytes).is_some()) {
            return true;
        }
        let others_follow = |at: usize| {
            let mut words = (1..).zip(&self.other_words);
            words.all(|(number, word)| {
                let start = at + number * WORD_DISTANCE;
                bytes.get(start..start + word.len()) == Some(word)
            })
        };
        let first = self.first_word.iter();
        first
            .flat_map(|finder| finder.find_iter(bytes))
            .any(others_follow)
    }
}

/// Returns which of the hashes are in a file, and tells of bytes that are read.
fn look(
    path: &Path,
    spellings: &[Spellings],
    read_bytes: &mut dyn FnMut(u64),
) -> std::io::Result<BTreeSet<usize>> {
    let reach = spellings.iter().map(|one| one.reach).max().unwrap_or(0);
    let mut file = File::open(path)?;
    let mut buffer = Vec::with_capacity(CHUNK + reach);
    let mut found = BTreeSet::new();
    loop {
        let read = (&mut file).take(CHUNK as u64).read_to_end(&mut buffer)?;
        read_bytes(read as u64);
        for (number, one) in spellings.iter().enumerate() {
            if !found.contains(&number) && one.is_in(&buffer) {
                found.insert(number);
            }
        }
        if read == 0 {
            return Ok(found);
        }
        // What stands over the end of this chunk is whole in the next.
        let kept = buffer.len().saturating_sub(reach);
        buffer.drain(..kept);
    }
}
