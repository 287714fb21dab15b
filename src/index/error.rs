//! What can go wrong with an index file: opening it, reading it, building it.

use std::fmt;
use std::io;
use std::path::PathBuf;

/// Something in an index file is not as the format says. Nothing read from it can be relied on: rebuild it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CorruptIndex {
    /// The section, under its name in the format; `header` for what stands before the sections.
    pub section: &'static str,
    /// The record in that section, counted from 0; in `header` and for whole sections, 0.
    pub record: u64,
    /// What is wrong.
    pub what: &'static str,
}

impl CorruptIndex {
    pub(crate) fn new(section: &'static str, record: u64, what: &'static str) -> Self {
        Self {
            section,
            record,
            what,
        }
    }
}

impl fmt::Display for CorruptIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            section,
            record,
            what,
        } = self;
        write!(
            f,
            "the index is damaged: {section}, record {record}: {what}; build it again from its lists"
        )
    }
}

impl std::error::Error for CorruptIndex {}

/// Why an index could not be opened.
#[derive(Debug)]
#[non_exhaustive]
pub enum OpenError {
    /// The file could not be read or mapped.
    Io(io::Error),
    /// The file does not begin as an index does.
    NotAnIndex,
    /// The file is of a version of the format that this library does not read.
    UnsupportedVersion {
        /// The version found.
        found: u16,
        /// The newest version this library reads.
        newest: u16,
    },
    /// The file uses features of the format that this library does not know.
    UnknownFlags {
        /// The flags found.
        found: u16,
    },
    /// The file is shorter or longer than its header says: it was cut or appended to.
    WrongLength {
        /// The length the header calls for, in bytes.
        expected: u64,
        /// The length of the file, in bytes.
        found: u64,
    },
    /// The header breaks a rule of the format.
    Corrupt(CorruptIndex),
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => write!(f, "cannot read the index: {error}"),
            Self::NotAnIndex => {
                write!(
                    f,
                    "not a hashsieve index; `hashsieve index build` makes one"
                )
            }
            Self::UnsupportedVersion { found, newest } => write!(
                f,
                "the index has format version {found} but versions up to {newest} are known here; use a newer \
                 hashsieve or build the index again"
            ),
            Self::UnknownFlags { found } => write!(
                f,
                "the index has flags {found:#06x}, which are unknown here; use a newer hashsieve"
            ),
            Self::WrongLength { expected, found } => write!(
                f,
                "the index should have {expected} bytes but has {found}; copy or build it again"
            ),
            Self::Corrupt(corrupt) => corrupt.fmt(f),
        }
    }
}

impl std::error::Error for OpenError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io(error) => Some(error),
            Self::Corrupt(corrupt) => Some(corrupt),
            _ => None,
        }
    }
}

impl From<CorruptIndex> for OpenError {
    fn from(corrupt: CorruptIndex) -> Self {
        Self::Corrupt(corrupt)
    }
}

/// Why an index could not be built. An index that was at the destination before is still there, unchanged.
#[derive(Debug)]
#[non_exhaustive]
pub enum BuildError {
    /// A file could not be written or read.
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// An entry does not fit the format: its id is empty, longer than 4096 bytes or holds a zero byte, or the rest of it
    /// is longer than 256 KiB.
    InvalidEntry {
        /// The position of the list among those given.
        list: u32,
        /// The position of the entry among those added, counted from 0.
        entry: u64,
    },
    /// A list has the name of one that was added already; policies and verdicts tell lists by their names.
    NameTaken {
        /// The position of that list among those given.
        list: u32,
    },
    /// An entry names a list that was not added.
    UnknownList {
        /// The position given.
        list: u32,
    },
    /// An index from which entries were to be taken is damaged.
    Corrupt(CorruptIndex),
    /// There is more of something than the format can count.
    TooMany {
        /// Of what.
        what: &'static str,
        /// The most there can be.
        limit: u64,
    },
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io { path, source } => write!(f, "{}: {source}", path.display()),
            Self::InvalidEntry { list, entry } => write!(
                f,
                "entry {entry} of list {list} does not fit: its id is empty, too long or holds a zero byte, or its \
                 attributes are too long"
            ),
            Self::NameTaken { list } => write!(
                f,
                "two lists have the name of list {list}; give each a name of its own, or add their entries to one"
            ),
            Self::UnknownList { list } => {
                write!(f, "an entry names list {list}, which was not added")
            }
            Self::Corrupt(error) => error.fmt(f),
            Self::TooMany { what, limit } => write!(
                f,
                "more than {limit} {what} do not fit in one index; build several"
            ),
        }
    }
}

impl std::error::Error for BuildError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io { source, .. } => Some(source),
            Self::Corrupt(error) => Some(error),
            _ => None,
        }
    }
}

impl From<CorruptIndex> for BuildError {
    fn from(error: CorruptIndex) -> Self {
        Self::Corrupt(error)
    }
}
