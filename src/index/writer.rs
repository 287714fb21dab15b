//! Writing sections: to temporary files while they grow, then one after another into the index file.

use std::fs::{self, File};
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::time::Duration;

use rayon::prelude::*;
use sha2::{Digest, Sha256};
use tempfile::NamedTempFile;

use super::layout::{
    CHECKSUM_LEN, FILE_LEN_OFFSET, LINE_LEN, MAGIC, RESERVED_OFFSET, Role, SECTION_ALIGNMENT,
    SECTION_RECORD_LEN, SECTION_TABLE_OFFSET, Section, VERSION, words_of,
};
use super::sorter::Records;
use super::tables::{TablePlaces, write_tables};
use crate::hash::{HashKind, HashValue};
use crate::search::Chunks;

/// The most words that a perceptual hash has.
const MAX_WORDS: usize = 4;

/// The bytes of a section that are copied, and summed, between two reports of progress.
const SEALED_TOGETHER: u64 = 16 << 20;
const SEAL_BUFFER: usize = 256 << 10;

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
    records: Records<'_>,
    total: u64,
    progress: &mut dyn FnMut(BuildProgress),
) -> io::Result<[Spool; 3]> {
    let spool = |role| Spool::new(directory, role, Some(kind));
    let mut hashes = spool(Role::Hashes)?;
    let mut starts = spool(Role::AssertionStarts)?;
    let mut assertions = spool(Role::Assertions)?;
    let mut group = Group::new(kind);
    let mut last: Vec<u8> = Vec::with_capacity(kind.byte_len());
    let mut done = 0;
    records.for_each(|record| {
        let (bytes, position) = record.split_at(kind.byte_len());
        if last != bytes {
            last.clear();
            last.extend(bytes);
            starts.write_record(&position_bytes(assertions.count)?)?;
            hashes.count += 1;
            if kind.is_perceptual() {
                let value = HashValue::from_bytes(kind, bytes).map_err(io::Error::other)?;
                group.add(&value.words(), &mut hashes)?;
            } else {
                hashes.write(bytes)?;
            }
        }
        let mut position: [u8; 4] = position.try_into().map_err(io::Error::other)?;
        position.reverse();
        report(progress, "sorting hashes", &mut done, total);
        assertions.write_record(&position)
    })?;
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

/// A section with its place in the file, and where its bytes are until they are there.
struct Planned {
    section: Section,
    spool: Option<Spool>,
}

/// Tables that are to be made: of which section, where their sections begin among all, and how hashes are cut.
struct PlannedTables {
    hashes: usize,
    first: usize,
    chunks: Chunks,
}

/// Returns all sections with their places, those of tables too.
fn plan(spools: Vec<Spool>) -> io::Result<(Vec<Planned>, Vec<PlannedTables>)> {
    let mut planned: Vec<Planned> = Vec::new();
    let mut tables = Vec::new();
    let mut hashes = 0;
    for spool in spools {
        let (role, kind) = (spool.role, spool.kind);
        if role == Role::Hashes {
            hashes = planned.len();
        }
        let section = |role, count| Section {
            role,
            kind,
            offset: 0,
            len: 0,
            count,
            checksum: [0; CHECKSUM_LEN],
        };
        planned.push(Planned {
            section: section(role, spool.count),
            spool: Some(spool),
        });
        // Tables follow the last section of their kind.
        let Some(kind) = kind.filter(|kind| role == Role::Assertions && kind.is_perceptual())
        else {
            continue;
        };
        let count = planned[hashes].section.count;
        let Some(chunks) = Chunks::chosen(kind.bits() as usize, count) else {
            continue;
        };
        let entries = count * chunks.count() as u64;
        let sections = [
            (Role::Chunks, chunks.order().len() as u64),
            (Role::Directories, chunks.directory_entries() as u64),
            (Role::Signatures, entries),
            (Role::TableIds, entries),
        ];
        tables.push(PlannedTables {
            hashes,
            first: planned.len(),
            chunks,
        });
        planned.extend(sections.map(|(role, count)| Planned {
            section: section(role, count),
            spool: None,
        }));
    }
    let mut end = header_len(planned.len()) as u64;
    for Planned { section, .. } in &mut planned {
        section.len = section.expected_len().ok_or(io::ErrorKind::FileTooLarge)?;
        section.offset = end.next_multiple_of(SECTION_ALIGNMENT);
        end = section.offset + section.len;
    }
    Ok((planned, tables))
}

/// Writes tables, sections and at last the header, without which the file is no index, and returns the identity.
///
/// Memory: `budget` bytes for tables, or what they take at least, and 256 KiB for each thread.
pub(super) fn write_file(
    file: &NamedTempFile,
    spools: Vec<Spool>,
    budget: usize,
    progress: &mut dyn FnMut(BuildProgress),
) -> io::Result<String> {
    let (mut planned, tables) = plan(spools)?;
    let end = planned
        .last()
        .map_or(0, |last| last.section.offset + last.section.len);
    file.as_file().set_len(end)?;
    for PlannedTables {
        hashes,
        first,
        chunks,
    } in tables
    {
        let offset = |role: usize| planned[first + role].section.offset;
        let places = TablePlaces {
            chunks: offset(0),
            directories: offset(1),
            signatures: offset(2),
            ids: offset(3),
            end,
        };
        if let Planned {
            section: Section {
                kind: Some(kind), ..
            },
            spool: Some(spool),
        } = &mut planned[hashes]
        {
            write_tables(file, *kind, &chunks, spool, places, budget, progress)?;
        }
    }
    let sections = planned.into_iter().map(Unsealed::new);
    let sections: Vec<Unsealed> = sections.collect::<io::Result<_>>()?;
    let sections = std::thread::scope(|scope| {
        // What tables are written already has most of the way to the disk behind it when the rest is.
        let early = std::thread::Builder::new().spawn_scoped(scope, || file.as_file().sync_data());
        let sealed = seal(file, sections, progress);
        let panicked = |_| io::Error::other("a thread that flushes panicked");
        early?.join().map_err(panicked)?.and(sealed)
    })?;
    let header = header_bytes(&sections, end);
    at(file, 0)?.write_all(&header)?;
    let identity = &header[header.len() - CHECKSUM_LEN..];
    Ok(data_encoding::HEXLOWER.encode(identity))
}

/// Brings all sections to their places, and returns them with their checksums.
fn seal(
    file: &NamedTempFile,
    mut sections: Vec<Unsealed>,
    progress: &mut dyn FnMut(BuildProgress),
) -> io::Result<Vec<Section>> {
    let total = sections.iter().map(|unsealed| unsealed.section.len).sum();
    let mut done = 0;
    while done < total {
        done += sections
            .par_iter_mut()
            .map(|section| section.seal_some(file))
            .try_reduce(|| 0, |one, other| Ok(one + other))?;
        progress(BuildProgress {
            stage: "writing the index",
            done,
            total,
        });
    }
    Ok(sections.into_iter().map(Unsealed::sealed).collect())
}

/// A section that is being copied to its place, or is there, and whose checksum is being computed.
struct Unsealed {
    section: Section,
    /// Where its bytes are, if they are not in the file.
    source: Option<File>,
    done: u64,
    checksum: Sha256,
}

impl Unsealed {
    fn new(planned: Planned) -> io::Result<Self> {
        let len = planned.spool.as_ref().map(|spool| spool.len);
        if len.is_some_and(|len| len != planned.section.len) {
            return Err(io::ErrorKind::InvalidData.into());
        }
        Ok(Self {
            section: planned.section,
            source: planned.spool.map(Spool::into_reader).transpose()?,
            done: 0,
            checksum: Sha256::new(),
        })
    }

    /// Goes on for a bounded number of bytes, and returns how many that were.
    fn seal_some(&mut self, file: &NamedTempFile) -> io::Result<u64> {
        let end = self.section.len.min(self.done + SEALED_TOGETHER);
        let begin = self.done;
        if begin == end {
            return Ok(0);
        }
        let mut place = at(file, self.section.offset + begin)?;
        let mut buffer = vec![0; SEAL_BUFFER];
        while self.done < end {
            let left = usize::try_from(end - self.done).unwrap_or(usize::MAX);
            let len = left.min(SEAL_BUFFER);
            let bytes = &mut buffer[..len];
            match &mut self.source {
                Some(source) => {
                    source.read_exact(bytes)?;
                    // The checksum is of bytes that were written: the write comes first.
                    place.write_all(bytes)?;
                }
                None => place.read_exact(bytes)?,
            }
            self.checksum.update(&*bytes);
            self.done += len as u64;
        }
        Ok(end - begin)
    }

    fn sealed(mut self) -> Section {
        self.section.checksum = self.checksum.finalize().into();
        self.section
    }
}

/// Returns a handle of its own on the file, at an offset, for one of several threads.
pub(super) fn at(file: &NamedTempFile, offset: u64) -> io::Result<File> {
    let mut file = file.reopen()?;
    file.seek(SeekFrom::Start(offset))?;
    Ok(file)
}

/// Returns the length of the header of a file with so many sections.
fn header_len(sections: usize) -> usize {
    SECTION_TABLE_OFFSET + sections * SECTION_RECORD_LEN + CHECKSUM_LEN
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
