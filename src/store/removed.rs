//! Showing that hashes are in no file of a store.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use memchr::memmem;

use super::Store;
use super::error::StoreError;
use super::manifest::Manifest;
use crate::hash::{HashKind, HashValue};

/// How much of a file is looked at a time.
const CHUNK: usize = 4 << 20;
/// How often a walk over the files begins anew when some are gone before they are read: a change removes files.
const ATTEMPTS: u32 = 100;
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
    /// Looked for are, of each value, and nowhere broken by line ends or other characters: its bytes in one piece; of a
    /// perceptual hash its words as an index holds them; its hexadecimal digits, whatever the case of each; base64, also of its
    /// URL-safe alphabet and where the value stands amid other bytes that were spelled together; of a sha1 its base32. And
    /// segments are searched for it. What is compressed, encrypted or spelled otherwise is not found.
    ///
    /// The store may be changed meanwhile: when a file that was there is gone before it is read, what it held may be in another,
    /// and all files are looked at again, up to a hundred times.
    ///
    /// O(bytes of the store) for each hash, some seconds for a store of 10 million; holds 16 MiB. Tells now and then how many of
    /// how many bytes are read.
    ///
    /// # Errors
    /// [`StoreError`] when a file cannot be read or files are gone again and again, or something in the directory is no regular file, such as a folder, a pipe or a
    /// device, into which nobody looks: then nothing is shown. A link is followed to the file that it leads to.
    pub fn verify_removed(
        &self,
        hashes: &[HashValue],
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<Removed, StoreError> {
        let spellings: Vec<_> = hashes.iter().map(Spellings::new).collect();
        let mut attempt = 1;
        loop {
            // What a change writes meanwhile may not be listed, nor what it removes.
            let before = Manifest::read(self.directory())?.checksum;
            let walked = self.walk(&spellings, progress);
            let is_as_before = Manifest::read(self.directory())?.checksum == before;
            match walked {
                Err(error) if attempt < ATTEMPTS && is_gone(&error) => attempt += 1,
                Ok(_) if attempt < ATTEMPTS && !is_as_before => attempt += 1,
                Ok(_) if !is_as_before => {
                    return Err(StoreError::Locked {
                        path: self.directory().to_path_buf(),
                    });
                }
                walked => {
                    let (mut removed, paths) = walked?;
                    self.find_in_segments(&paths, hashes, &mut removed)?;
                    return Ok(removed);
                }
            }
        }
    }

    /// Looks at every file once, and returns what is there and which files these were, in order.
    fn walk(
        &self,
        spellings: &[Spellings],
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<(Removed, Vec<PathBuf>), StoreError> {
        let mut removed = Removed::default();
        let io = StoreError::io(self.directory());
        let (mut paths, mut total) = (Vec::new(), 0);
        for entry in fs::read_dir(self.directory()).map_err(&io)? {
            let path = entry.map_err(&io)?.path();
            let metadata = fs::metadata(&path).and_then(|found| regular(&found).map(|()| found));
            total += metadata.map_err(StoreError::io(&path))?.len();
            paths.push(path);
        }
        paths.sort();
        for path in &paths {
            let mut read = |bytes| {
                removed.bytes += bytes;
                progress(removed.bytes, total.max(removed.bytes));
            };
            let found = look(path, spellings, &mut read).map_err(StoreError::io(path))?;
            removed.files += 1;
            if !found.is_empty() {
                let hashes = found.into_iter().collect();
                let path = path.clone();
                removed.found_in.push(FoundIn { path, hashes });
            }
        }
        Ok((removed, paths))
    }

    /// Searches the segments that are among these files: others are gone since the store was opened.
    fn find_in_segments(
        &self,
        files: &[PathBuf],
        hashes: &[HashValue],
        removed: &mut Removed,
    ) -> Result<(), StoreError> {
        let snapshot = self.snapshot();
        let segments = snapshot.segments().iter();
        let is_there = |path: &Path| files.iter().any(|file| file == path);
        for segment in segments.filter(|segment| is_there(segment.path())) {
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
    /// As they are.
    exact: Vec<memmem::Finder<'static>>,
    /// In lower case, to be found in bytes that were made so.
    any_case: Vec<memmem::Finder<'static>>,
    /// The words of a perceptual hash, of which the first is found and the others must follow it.
    first_word: Option<memmem::Finder<'static>>,
    other_words: Vec<[u8; 8]>,
    /// The length of the longest.
    reach: usize,
}

impl Spellings {
    fn new(hash: &HashValue) -> Self {
        let mut exact = vec![hash.as_bytes().to_vec()];
        for base64 in base64_of(hash.as_bytes()) {
            let url_safe = base64.replace('+', "-").replace('/', "_");
            if url_safe != base64 {
                exact.push(url_safe.into_bytes());
            }
            exact.push(base64.into_bytes());
        }
        let mut any_case = vec![hash.to_hex().into_bytes()];
        if hash.kind() == HashKind::Sha1 {
            let base32 = data_encoding::BASE32_NOPAD.encode(hash.as_bytes());
            any_case.push(base32.to_ascii_lowercase().into_bytes());
        }
        let spelled = exact.iter().chain(&any_case);
        let mut reach = spelled.map(Vec::len).max().unwrap_or(0);
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
        let finders = |spelled: Vec<Vec<u8>>| {
            let spelled = spelled.iter();
            let finders = spelled.map(|bytes| memmem::Finder::new(bytes).into_owned());
            finders.collect()
        };
        Self {
            exact: finders(exact),
            any_case: finders(any_case),
            first_word,
            other_words,
            reach,
        }
    }

    /// Returns whether the hash is in these bytes, which are given in lower case as well.
    fn is_in(&self, bytes: &[u8], lower: &[u8]) -> bool {
        let is_in = |finders: &[memmem::Finder<'_>], bytes: &[u8]| {
            let mut finders = finders.iter();
            finders.any(|finder| finder.find(bytes).is_some())
        };
        if is_in(&self.exact, bytes) || is_in(&self.any_case, lower) {
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

/// Returns the characters of base64 that are of a value alone, with none, one or two bytes before it in its group of three.
fn base64_of(value: &[u8]) -> [String; 3] {
    [0, 1, 2].map(|before| {
        let mut bytes = vec![0; before];
        bytes.extend_from_slice(value);
        let spelled = data_encoding::BASE64_NOPAD.encode(&bytes);
        // The first characters are of what stands before, and the last may be of what comes after as well.
        let (first, end) = ((before * 8).div_ceil(6), bytes.len() * 8 / 6);
        spelled[first..end].to_owned()
    })
}

/// Returns whether a file that was listed is there no more. A link that leads nowhere is there.
fn is_gone(error: &StoreError) -> bool {
    let StoreError::Io { path, source } = error else {
        return false;
    };
    let is_missing = |error: &io::Error| error.kind() == io::ErrorKind::NotFound;
    is_missing(source) && fs::symlink_metadata(path).is_err_and(|error| is_missing(&error))
}

/// Refuses what is no regular file: a pipe would wait for ever, a device has no end, and into a folder nobody looks.
fn regular(found: &fs::Metadata) -> io::Result<()> {
    if found.is_file() {
        return Ok(());
    }
    Err(io::Error::other(if found.is_dir() {
        "this is a folder, into which nothing looked: a store has none, so take it away"
    } else {
        "this is no regular file, so nothing looked into it: a store has no such thing, so take it away"
    }))
}

/// Returns which of the hashes are in a file, and tells of bytes that are read.
fn look(
    path: &Path,
    spellings: &[Spellings],
    read_bytes: &mut dyn FnMut(u64),
) -> io::Result<BTreeSet<usize>> {
    let reach = spellings.iter().map(|one| one.reach).max().unwrap_or(0);
    // Before opening, too: that alone waits for whoever writes into a pipe.
    regular(&fs::metadata(path)?)?;
    let mut file = File::open(path)?;
    regular(&file.metadata()?)?;
    let mut buffer = Vec::with_capacity(CHUNK + reach);
    let mut lower = Vec::with_capacity(CHUNK + reach);
    let mut found = BTreeSet::new();
    loop {
        let read = (&mut file).take(CHUNK as u64).read_to_end(&mut buffer)?;
        read_bytes(read as u64);
        lower.clear();
        lower.extend_from_slice(&buffer);
        lower.make_ascii_lowercase();
        for (number, one) in spellings.iter().enumerate() {
            if !found.contains(&number) && one.is_in(&buffer, &lower) {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::StoreWriter;

    fn value(kind: HashKind) -> HashValue {
        let bytes: Vec<u8> = (1..)
            .map(|n: u8| n.wrapping_mul(151) ^ 0xEB)
            .take(kind.byte_len())
            .collect();
        HashValue::from_bytes(kind, &bytes).unwrap()
    }

    /// Returns whether a value is found in a file of these bytes.
    fn finds(value: HashValue, bytes: &[u8]) -> bool {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        fs::write(&path, bytes).unwrap();
        let found = look(&path, &[Spellings::new(&value)], &mut |_| {}).unwrap();
        found.contains(&0)
    }

    fn kinds() -> [HashKind; 6] {
        let mean = "mean_8x8".parse().unwrap();
        [
            HashKind::Pdq,
            HashKind::Md5,
            HashKind::Sha1,
            HashKind::Sha256,
            HashKind::Sha512,
            mean,
        ]
    }

    #[test]
    fn hexadecimal_digits_are_found_whatever_the_case_of_each() {
        for kind in kinds() {
            let hex = value(kind).to_hex();
            let mixed = hex.char_indices().map(|(at, digit)| match at % 3 {
                0 => digit.to_ascii_uppercase(),
                _ => digit,
            });
            for spelled in [hex.clone(), hex.to_ascii_uppercase(), mixed.collect()] {
                assert!(finds(value(kind), format!("\u{e9}={spelled};").as_bytes()));
            }
            assert!(!finds(value(kind), &hex.as_bytes()[1..]));
        }
    }

    #[test]
    fn base64_is_found_at_every_place_of_a_larger_text_and_in_both_alphabets() {
        for kind in kinds() {
            for before in 0..7_usize {
                for after in 0..4_usize {
                    let mut bytes = vec![0xA7; before];
                    bytes.extend_from_slice(value(kind).as_bytes());
                    bytes.resize(bytes.len() + after, 0x35);
                    for alphabet in [
                        data_encoding::BASE64,
                        data_encoding::BASE64_NOPAD,
                        data_encoding::BASE64URL,
                        data_encoding::BASE64URL_NOPAD,
                    ] {
                        let text = alphabet.encode(&bytes);
                        assert!(finds(value(kind), text.as_bytes()), "{before} {after}");
                    }
                    // The value itself is looked for, not something like it.
                    bytes[before + 3] ^= 4;
                    let text = data_encoding::BASE64.encode(&bytes);
                    assert!(!finds(value(kind), text.as_bytes()), "{before} {after}");
                }
            }
        }
        let base32 = data_encoding::BASE32.encode(value(HashKind::Sha1).as_bytes());
        assert!(finds(value(HashKind::Sha1), base32.as_bytes()));
    }

    #[test]
    fn a_spelling_over_the_end_of_a_chunk_is_found() {
        let hash = value(HashKind::Sha512);
        let hex = hash.to_hex().to_ascii_uppercase();
        for cut in [1, hex.len() / 2, hex.len() - 1] {
            let mut bytes = vec![b'-'; CHUNK - cut];
            bytes.extend_from_slice(hex.as_bytes());
            bytes.extend_from_slice(&[b'-'; 100]);
            assert!(finds(hash, &bytes), "{cut}");
        }
    }

    #[test]
    fn a_file_that_a_change_removes_meanwhile_begins_the_walk_anew() {
        let directory = tempfile::tempdir().unwrap();
        let inside = directory.path().join("s");
        drop(StoreWriter::create(&inside).unwrap());
        let store = Store::open(&inside).unwrap();
        let hash = value(HashKind::Md5);
        let before = store.verify_removed(&[hash], &mut |_, _| {}).unwrap();
        // What the file that goes away held is in another, which a walk that went on would not have listed.
        let (gone, moved) = (inside.join("z"), inside.join("a"));
        fs::write(&gone, hash.to_hex()).unwrap();
        let removed = store.verify_removed(&[hash], &mut |_, _| {
            if fs::remove_file(&gone).is_ok() {
                fs::write(&moved, hash.to_hex()).unwrap();
            }
        });
        let removed = removed.unwrap();
        assert_eq!(removed.files, before.files + 1);
        assert_eq!(removed.found_in[0].path, moved);
    }

    #[test]
    fn a_walk_that_is_never_whole_ends_with_an_error() {
        let directory = tempfile::tempdir().unwrap();
        let inside = directory.path().join("s");
        drop(StoreWriter::create(&inside).unwrap());
        let store = Store::open(&inside).unwrap();
        let file = |number: u32| inside.join(format!("z{number}"));
        fs::write(file(0), "").unwrap();
        let mut number = 0;
        let removed = store.verify_removed(&[value(HashKind::Md5)], &mut |_, _| {
            fs::remove_file(file(number)).unwrap();
            number += 1;
            fs::write(file(number), "").unwrap();
        });
        let error = removed.unwrap_err();
        assert!(is_gone(&error), "{error}");
        assert!(number >= ATTEMPTS);
    }

    #[cfg(unix)]
    #[test]
    fn what_is_no_regular_file_is_an_error_and_a_link_is_followed() {
        let directory = tempfile::tempdir().unwrap();
        let (inside, outside) = (directory.path().join("s"), directory.path().join("list"));
        drop(StoreWriter::create(&inside).unwrap());
        let store = Store::open(&inside).unwrap();
        let hash = value(HashKind::Md5);
        fs::write(&outside, hash.to_hex()).unwrap();
        let verify = || store.verify_removed(&[hash], &mut |_, _| {});
        assert_eq!(verify().unwrap().found_in, []);
        let odd = inside.join("odd");
        std::os::unix::fs::symlink(&outside, &odd).unwrap();
        assert_eq!(verify().unwrap().found_in[0].path, odd);
        fs::remove_file(&odd).unwrap();
        let socket = std::os::unix::net::UnixListener::bind(&odd).unwrap();
        let error = verify().unwrap_err().to_string();
        assert!(error.contains("odd: this is no regular file"), "{error}");
        drop(socket);
        fs::remove_file(&odd).unwrap();
        for target in ["/dev/zero", "nowhere", "."] {
            std::os::unix::fs::symlink(target, &odd).unwrap();
            assert!(matches!(verify(), Err(StoreError::Io { .. })), "{target}");
            fs::remove_file(&odd).unwrap();
        }
        fs::create_dir(&odd).unwrap();
        let error = verify().unwrap_err().to_string();
        assert!(error.contains("odd: this is a folder"), "{error}");
    }
}
