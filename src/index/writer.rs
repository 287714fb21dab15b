//! Writing sections: to temporary files while they grow, then one after another into the index file.

use std::fs::{self, File};
use std::io::{self, BufWriter, Read, Seek, Write};
use std::path::Path;
use std::time::Duration;

use sha2::{Digest, Sha256};

use super::layout::{
    CHECKSUM_LEN, FILE_LEN_OFFSET, LINE_LEN, MAGIC, RESERVED_OFFSET, Role, SECTION_ALIGNMENT,
    SECTION_RECORD_LEN, SECTION_TABLE_OFFSET, Section, VERSION, words_of,
};
use super::sorter::Records;
use crate::hash::{HashKind, HashValue};

/// The most words that a perceptual hash has.
const MAX_WORDS: usize = 4;

/// How far a build has come, for a progress display.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BuildProgress {
    /// What is being done, in a few words.
    pub stage: &'static str,
    /// Units of this stage that are done.
    pub done: u64,
    /// Units this stage has.
    pub total: u64,
}

/// Tells of progress every 65,536 records and at the end.
pub(super) fn report(
    progress: &mut dyn FnMut(BuildProgress),
    stage: &'static str,
    done: &mut u64,
    total: u64,
) {
    *done += 1;
    if *done & 0xffff == 0 || *done == total {
        progress(BuildProgress {
            stage,
            done: *done,
            total,
        });
    }
}

/// A section on its way: its bytes in an unnamed temporary file.
pub(super) struct Spool {
    role: Role,
    kind: Option<HashKind>,
    file: BufWriter<File>,
    len: u64,
    pub(super) count: u64,
}

impl Spool {
    pub(super) fn new(directory: &Path, role: Role, kind: Option<HashKind>) -> io::Result<Self> {
        Ok(Self {
            role,
            kind,
            file: BufWriter::with_capacity(256 << 10, tempfile::tempfile_in(directory)?),
            len: 0,
            count: 0,
        })
    }

    /// Appends bytes that are no record of their own.
    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.len += bytes.len() as u64;
        self.file.write_all(bytes)
    }

    pub(super) fn write_record(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.count += 1;
        self.write(bytes)
    }

    /// Appends a text and returns its offset.
    pub(super) fn write_text(&mut self, bytes: &[u8]) -> io::Result<u64> {
        let offset = self.len;
        self.count += bytes.len() as u64;
        self.write(bytes)?;
        Ok(offset)
    }

    /// Returns the file, in which all bytes written stand.
    pub(super) fn flushed(&mut self) -> io::Result<&File> {
        self.file.flush()?;
        Ok(self.file.get_ref())
    }

    /// Returns the bytes written, from the first.
    fn into_reader(self) -> io::Result<File> {
        let mut file = self.file.into_inner().map_err(|error| error.into_error())?;
        file.rewind()?;
        Ok(file)
    }
}

/// Writes the three sections of a kind from its assertions in order: hash bytes, then the entry's position.
pub(super) fn write_kind(
    directory: &Path,
    kind: HashKind,
    mut records: Records,
    total: u64,
    progress: &mut dyn FnMut(BuildProgress),
) -> io::Result<[Spool; 3]> {
    let spool = |role| Spool::new(directory, role, Some(kind));
    let mut hashes = spool(Role::Hashes)?;
    let mut starts = spool(Role::AssertionStarts)?;
    let mut assertions = spool(Role::Assertions)?;
    let mut group = Group::new(kind);
    let mut last: Option<HashValue> = None;
    let mut done = 0;
    while let Some(record) = records.next()? {
        let (bytes, position) = record.split_at(kind.byte_len());
        if last.as_ref().is_none_or(|last| last.as_bytes() != bytes) {
            let value = HashValue::from_bytes(kind, bytes).map_err(io::Error::other)?;
            last = Some(value);
            starts.write_record(&position_bytes(assertions.count)?)?;
            hashes.count += 1;
            if kind.is_perceptual() {
                group.add(&value.words(), &mut hashes)?;
            } else {
                hashes.write(bytes)?;
            }
        }
        let mut position: [u8; 4] = position.try_into().map_err(io::Error::other)?;
        position.reverse();
        assertions.write_record(&position)?;
        report(progress, "sorting hashes", &mut done, total);
    }
    starts.write_record(&position_bytes(assertions.count)?)?;
    group.end(&mut hashes)?;
    Ok([hashes, starts, assertions])
}

/// Eight hashes on their way into a file, word by word.
struct Group {
    lines: [[u8; LINE_LEN]; MAX_WORDS],
    words: usize,
    len: usize,
}

impl Group {
    fn new(kind: HashKind) -> Self {
        Self {
            lines: [[0; LINE_LEN]; MAX_WORDS],
            words: words_of(kind),
            len: 0,
        }
    }

    fn add(&mut self, words: &[u64; MAX_WORDS], hashes: &mut Spool) -> io::Result<()> {
        for (line, word) in self.lines.iter_mut().zip(words) {
            line[self.len * 8..][..8].copy_from_slice(&word.to_le_bytes());
        }
        self.len += 1;
        if self.len == LINE_LEN / 8 {
            self.end(hashes)?;
        }
        Ok(())
    }

    /// Writes the group, if there is any of it; what is missing is zero.
    fn end(&mut self, hashes: &mut Spool) -> io::Result<()> {
        if self.len > 0 {
            hashes.write(self.lines[..self.words].as_flattened())?;
            self.lines = [[0; LINE_LEN]; MAX_WORDS];
            self.len = 0;
        }
        Ok(())
    }
}

fn position_bytes(position: u64) -> io::Result<[u8; 4]> {
    let position = u32::try_from(position).map_err(io::Error::other)?;
    Ok(position.to_le_bytes())
}

/// Writes header and sections and returns the identity. The header goes last, so that a file without it is no index.
pub(super) fn write_file(
    file: &mut File,
    spools: Vec<Spool>,
    progress: &mut dyn FnMut(BuildProgress),
) -> io::Result<String> {
    let table_len = spools.len() * SECTION_RECORD_LEN;
    let header_len = SECTION_TABLE_OFFSET + table_len + CHECKSUM_LEN;
    let total: u64 = spools.iter().map(|spool| spool.len).sum();
    let mut written = 0;
    let mut end = header_len as u64;
    let mut sections = Vec::with_capacity(spools.len());
    let mut output = BufWriter::with_capacity(1 << 20, &mut *file);
    output.write_all(&vec![0; header_len])?;
    let mut buffer = vec![0; 1 << 20];
    for spool in spools {
        let offset = end.next_multiple_of(SECTION_ALIGNMENT);
        for _ in end..offset {
            output.write_all(&[0])?;
        }
        let (role, kind, len, count) = (spool.role, spool.kind, spool.len, spool.count);
        let mut reader = spool.into_reader()?;
        let mut checksum = Sha256::new();
        loop {
            let read = match reader.read(&mut buffer) {
                Ok(0) => break,
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            // The checksum is of bytes that were written: the write comes first.
            output.write_all(&buffer[..read])?;
            checksum.update(&buffer[..read]);
            written += read as u64;
            progress(BuildProgress {
                stage: "writing the index",
                done: written,
                total,
            });
        }
        end = offset + len;
        sections.push(Section {
            role,
            kind,
            offset,
            len,
            count,
            checksum: checksum.finalize().into(),
        });
    }
    output.flush()?;
    drop(output);
    let header = header_bytes(&sections, end);
    file.rewind()?;
    file.write_all(&header)?;
    let identity = &header[header_len - CHECKSUM_LEN..];
    Ok(data_encoding::HEXLOWER.encode(identity))
}

/// Returns the header of a file with these sections.
pub(super) fn header_bytes(sections: &[Section], file_len: u64) -> Vec<u8> {
    let mut header = Vec::new();
    header.extend(MAGIC);
    header.extend(VERSION.to_le_bytes());
    header.extend(0_u16.to_le_bytes());
    // The format has at most 451 sections.
    header.extend(
        u32::try_from(sections.len())
            .unwrap_or(u32::MAX)
            .to_le_bytes(),
    );
    debug_assert_eq!(header.len(), FILE_LEN_OFFSET, "the format says so");
    header.extend(file_len.to_le_bytes());
    debug_assert_eq!(header.len(), RESERVED_OFFSET, "the format says so");
    header.resize(SECTION_TABLE_OFFSET, 0);
    for section in sections {
        section.write(&mut header);
    }
    let checksum = Sha256::digest(&header);
    header.extend(checksum);
    header
}

/// How the names of unpublished index files begin.
pub(super) const TEMPORARY_PREFIX: &str = ".hashsieve-";
/// How they end.
pub(super) const TEMPORARY_SUFFIX: &str = ".unpublished";
/// Younger files are left alone, also without a lock: their owner may be about to take it.
const ABANDONED_AFTER: Duration = Duration::from_secs(60);

/// Removes unpublished index files whose builds were killed: they hold hashes, and nobody else would remove them.
///
/// Whatever goes wrong here must not stop a build; such a file is met again by the next one.
pub(super) fn remove_abandoned(directory: &Path) {
    let Ok(content) = fs::read_dir(directory) else {
        return;
    };
    for member in content.flatten() {
        let name = member.file_name();
        let name = name.to_string_lossy();
        let named = name.starts_with(TEMPORARY_PREFIX) && name.ends_with(TEMPORARY_SUFFIX);
        let is_file = member.file_type().is_ok_and(|kind| kind.is_file());
        let modified = member.metadata().and_then(|metadata| metadata.modified());
        let age = modified.map(|modified| modified.elapsed().unwrap_or_default());
        if named && is_file && age.is_ok_and(|age| age >= ABANDONED_AFTER) {
            let unowned = File::open(member.path()).is_ok_and(|file| file.try_lock().is_ok());
            if unowned {
                let _ = fs::remove_file(member.path());
            }
        }
    }
}

/// Flushes a directory, so that a rename in it outlasts a crash.
pub(super) fn sync_directory(directory: &Path) -> io::Result<()> {
    // Windows cannot open a directory as a file; its rename is flushed with the file system's journal.
    if cfg!(unix) {
        File::open(directory)?.sync_all()?;
    }
    Ok(())
}
