//! Mapping a file into memory: the one place where this crate is `unsafe`.
#![allow(
    unsafe_code,
    reason = "mapping a file is unsafe by nature; the proof obligation is stated below"
)]

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use memmap2::{Mmap, MmapMut};

/// A file's bytes, mapped read-only.
#[derive(Debug)]
pub(super) struct MappedFile {
    map: Mmap,
}

impl MappedFile {
    /// Maps a file. O(1): pages are read when they are touched, and shared with other processes that map the file.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        Self::of(&open_regular(path)?)
    }

    /// Maps an open file.
    pub(super) fn of(file: &File) -> io::Result<Self> {
        // SAFETY: the map is read-only and private to this value, and it lives as long as every slice lent from it.
        // What no program can prove is that nobody changes the file meanwhile. Bytes that change under us are a data
        // race in the eyes of the language; in practice each read sees an old or a new byte. Every position read from
        // the map is checked at each use against lengths kept outside it, so no byte, whatever its value, leads out of
        // bounds. A file cut short under us ends the process with SIGBUS, as it does for every program that maps
        // files. This crate never changes an index in place (it publishes by rename, which leaves old maps whole), and
        // FORMAT.md asks the same of everybody else.
        let map = unsafe { Mmap::map(file)? };
        Ok(Self { map })
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.map
    }
}

fn open_regular(path: &Path) -> io::Result<File> {
    // Before opening, which would wait for ever at a pipe that nobody writes to.
    if !std::fs::metadata(path)?.is_file() {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "not a regular file",
        ));
    }
    File::open(path)
}

/// A copy of a file in memory of its own, in huge pages where the system gives them.
#[derive(Debug)]
pub(super) struct HugeCopy {
    map: Mmap,
}

impl HugeCopy {
    /// Reads a file. O(n); takes as much memory.
    pub(super) fn read(path: &Path) -> io::Result<Self> {
        let mut file = open_regular(path)?;
        let len = usize::try_from(file.metadata()?.len())
            .map_err(|_| io::Error::from(io::ErrorKind::OutOfMemory))?;
        // A map of no bytes is refused.
        let mut map = MmapMut::map_anon(len.max(1))?;
        // A system that has no huge pages gives others.
        #[cfg(target_os = "linux")]
        let _ = map.advise(memmap2::Advice::HugePage);
        file.read_exact(&mut map[..len])?;
        Ok(Self {
            map: map.make_read_only()?,
        })
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.map
    }
}
