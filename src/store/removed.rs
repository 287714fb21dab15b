//! Showing that hashes are in no file of a store.

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
    pub found_in: Vec<PathBuf>,
}

impl Store {
    /// Looks for hashes in every file of the directory, whatever it is, and says where one is.
    ///
    /// Looked for are the bytes of a value, in one piece and in words as an index holds them, its hexadecimal spelling in either
    /// case, and base64; and segments are searched for it. O(bytes of the store) for each hash, some seconds for a store of 10
    /// million; holds 16 MiB.
    ///
    /// # Errors
    /// [`StoreError`] when a file cannot be read: then nothing is shown.
    pub fn verify_removed(&self, hashes: &[HashValue]) -> Result<Removed, StoreError> {
        let mut removed = Removed::default();
        let spellings: Vec<_> = hashes.iter().map(Spellings::new).collect();
        let io = StoreError::io(self.directory());
        let mut paths = Vec::new();
        for entry in fs::read_dir(self.directory()).map_err(&io)? {
            paths.push(entry.map_err(&io)?.path());
        }
        paths.sort();
        for path in paths {
            let found =
                look(&path, &spellings, &mut removed.bytes).map_err(StoreError::io(&path))?;
            removed.files += 1;
            if found {
                removed.found_in.push(path);
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
            for hash in hashes {
                let found = segment
                    .index()
                    .find(hash)
                    .map_err(|_| StoreError::Damaged {
                        path: path.to_path_buf(),
                        what: "it cannot be searched",
                    })?;
                if found.is_some() && !removed.found_in.iter().any(|known| known == path) {
                    removed.found_in.push(path.to_path_buf());
                }
            }
        }
        Ok(())
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

/// Returns whether one of the hashes is in a file, and adds up its bytes.
fn look(path: &Path, spellings: &[Spellings], bytes: &mut u64) -> std::io::Result<bool> {
    let reach = spellings.iter().map(|one| one.reach).max().unwrap_or(0);
    let mut file = File::open(path)?;
    let mut buffer = Vec::with_capacity(CHUNK + reach);
    let mut found = false;
    loop {
        let read = (&mut file).take(CHUNK as u64).read_to_end(&mut buffer)?;
        *bytes += read as u64;
        found |= spellings.iter().any(|one| one.is_in(&buffer));
        if read == 0 {
            return Ok(found);
        }
        // What stands over the end of this chunk is whole in the next.
        let kept = buffer.len().saturating_sub(reach);
        buffer.drain(..kept);
    }
}
