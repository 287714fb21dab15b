//! Why a store cannot be read or changed.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use crate::hash::HashKind;
use crate::index::{BuildError, CorruptIndex, OpenError};
use crate::list::format_time;

/// What is wrong with a file of a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct StoreDamage {
    pub(super) what: &'static str,
}

/// What to do about a store that is damaged.
const AFTER_DAMAGE: &str = "restore the store from a copy, or make it anew from its lists";

/// Why a store could not be read or changed. A store that could not be changed is as it was.
#[derive(Debug)]
#[non_exhaustive]
pub enum StoreError {
    /// A file could not be read or written.
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The directory holds no store.
    NotAStore {
        /// The directory.
        path: PathBuf,
    },
    /// A store cannot be made here: the directory holds something already.
    NotEmpty {
        /// The directory.
        path: PathBuf,
    },
    /// The store was written by a later version of this library.
    UnsupportedVersion {
        /// The version of its format.
        found: u64,
        /// The newest that is read.
        newest: u64,
    },
    /// A file of the store is damaged.
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        what: &'static str,
    },
    /// A segment cannot be opened.
    Segment {
        /// The file.
        path: PathBuf,
        /// Why.
        source: OpenError,
    },
    /// A segment is damaged.
    Corrupt {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: CorruptIndex,
    },
    /// Somebody else is changing the store.
    Locked {
        /// The directory.
        path: PathBuf,
    },
    /// A segment could not be written.
    Build(BuildError),
    /// The store has no list of this name. The name is the caller's own.
    UnknownList {
        /// The name.
        name: String,
    },
    /// There is no entry to put into the store: a list that could not be fetched must not look like an empty one.
    NoEntries,
    /// A list would lose so many of its entries that a mistake is likelier.
    Shrinks {
        /// How many would be gone.
        removed: u64,
        /// How many there are.
        entries: u64,
        /// The largest part that may be gone without being asked for, in percent.
        limit_percent: u8,
    },
    /// A list would lose so many of its hashes of one kind that a mistake is likelier: a column that is no longer found.
    LosesHashes {
        /// The kind.
        kind: HashKind,
        /// How many would be gone.
        removed: u64,
        /// How many there are.
        hashes: u64,
        /// The largest part that may be gone without being asked for, in percent.
        limit_percent: u8,
    },
    /// A page is of another feed than the list has.
    OtherFeed {
        /// The format of the feed that the list has.
        stored: String,
        /// That of the page.
        page: &'static str,
    },
    /// A page of a feed is older than what the store has of that feed.
    Backwards {
        /// The time up to which the store has the feed, in seconds since 1970 (UTC).
        stored: i64,
        /// That of the page.
        page: i64,
    },
    /// The store has a feed up to a time from which on the source no longer tells of every withdrawal.
    Stale {
        /// How many days ago that was.
        days: i64,
        /// After how many days the source stops telling.
        limit: u32,
    },
}

impl StoreError {
    /// Returns what says that a file could not be read or written.
    pub(super) fn io(path: &Path) -> impl Fn(io::Error) -> Self + '_ {
        |source| Self::Io {
            path: path.to_path_buf(),
            source,
        }
    }

    /// Returns what says that a segment is damaged.
    pub(super) fn corrupt(path: &Path) -> impl Fn(CorruptIndex) -> Self + '_ {
        |source| Self::Corrupt {
            path: path.to_path_buf(),
            source,
        }
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io { path, source } => write!(f, "{}: {source}", path.display()),
            Self::NotAStore { path } => write!(
                f,
                "{}: no store is here; `hashsieve store init` makes one",
                path.display()
            ),
            Self::NotEmpty { path } => write!(
                f,
                "{}: the directory is not empty; a store needs one of its own",
                path.display()
            ),
            Self::UnsupportedVersion { found, newest } => write!(
                f,
                "the store has format {found} and this version of hashsieve reads up to {newest}: use a newer hashsieve"
            ),
            Self::Damaged { path, what } => {
                write!(f, "{}: damaged: {what}; {AFTER_DAMAGE}", path.display())
            }
            Self::Corrupt { path, source }
            | Self::Segment {
                path,
                source: OpenError::Corrupt(source),
            } => write!(
                f,
                "{}: damaged: {}, record {}: {}; {AFTER_DAMAGE}",
                path.display(),
                source.section,
                source.record,
                source.what
            ),
            Self::Segment { path, source } => {
                let advice = after_open(source);
                write!(f, "{}: {source}{advice}", path.display())
            }
            Self::Locked { path } => write!(
                f,
                "{}: somebody else is changing this store; wait until they are done",
                path.display()
            ),
            Self::Build(error) => error.fmt(f),
            Self::UnknownList { name } => write!(
                f,
                "the store has no list `{name}`; `hashsieve store status` shows the names"
            ),
            Self::NoEntries => f.write_str(
                "no entry can be read, so nothing was changed: a list that could not be fetched is not an empty list",
            ),
            Self::Shrinks {
                removed,
                entries,
                limit_percent,
            } => write!(
                f,
                "{removed} of {entries} entries would be gone, more than {limit_percent} %, so nothing was changed: look \
                 whether the file is whole, and if it is, allow more with --shrink-limit"
            ),
            Self::LosesHashes {
                kind,
                removed,
                hashes,
                limit_percent,
            } => write!(
                f,
                "{removed} of {hashes} {kind} hashes would be gone, more than {limit_percent} %, so nothing was changed: look \
                 whether their column is still read, and allow more (`--shrink-limit`) if they are meant to go"
            ),
            Self::OtherFeed { stored, page } => write!(
                f,
                "the list has a feed of format {stored} and this page is of {page}, so nothing was changed: a list has one feed; \
                 look at the list's name, or put all of it in place of the list (`store replace`)"
            ),
            Self::Backwards { stored, page } => {
                let time = |time| format_time(time).unwrap_or_else(|| format!("{time} s"));
                write!(
                    f,
                    "a page ends at {} and this feed is known up to {} already, so nothing was changed: fetch from the \
                     checkpoint on and give pages in order, or allow older ones with --allow-older",
                    time(*page),
                    time(*stored)
                )
            }
            Self::Stale { days, limit } => write!(
                f,
                "the store has this feed up to {days} days ago, and the source tells of withdrawals for {limit} days only, so \
                 nothing was changed: fetch the whole list and put it in place with `hashsieve store replace`"
            ),
        }
    }
}

/// Returns what to do about a segment that cannot be opened, after a semicolon: what is not damaged needs no copy.
fn after_open(error: &OpenError) -> String {
    let advice = match error {
        OpenError::Io(error) => match error.kind() {
            io::ErrorKind::NotFound => AFTER_DAMAGE,
            io::ErrorKind::PermissionDenied => {
                "files of a store are for their owner: be the user who made it"
            }
            _ => return String::new(),
        },
        OpenError::UnsupportedVersion { .. } | OpenError::UnknownFlags { .. } => {
            return String::new();
        }
        OpenError::NotAnIndex | OpenError::WrongLength { .. } | OpenError::Corrupt(_) => {
            AFTER_DAMAGE
        }
    };
    format!("; {advice}")
}

impl std::error::Error for StoreError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io { source, .. } => Some(source),
            Self::Segment { source, .. } => Some(source),
            Self::Corrupt { source, .. } => Some(source),
            Self::Build(error) => Some(error),
            _ => None,
        }
    }
}

impl From<BuildError> for StoreError {
    fn from(error: BuildError) -> Self {
        Self::Build(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_is_advised_where_a_segment_is_damaged_and_not_where_it_may_not_be_read() {
        let told = |source: OpenError| {
            let path = PathBuf::from("segment");
            StoreError::Segment { path, source }.to_string()
        };
        let io = |kind: io::ErrorKind| told(OpenError::Io(kind.into()));
        let wrong_length = OpenError::WrongLength {
            expected: 2,
            found: 1,
        };
        for damaged in [
            io(io::ErrorKind::NotFound),
            told(OpenError::NotAnIndex),
            told(wrong_length),
        ] {
            assert!(damaged.ends_with(AFTER_DAMAGE), "{damaged}");
        }
        let later = OpenError::UnsupportedVersion {
            found: 9,
            newest: 1,
        };
        for sound in [
            io(io::ErrorKind::PermissionDenied),
            io(io::ErrorKind::Interrupted),
            told(later),
            told(OpenError::UnknownFlags { found: 8 }),
        ] {
            assert!(!sound.contains(AFTER_DAMAGE), "{sound}");
        }
        let forbidden = io(io::ErrorKind::PermissionDenied);
        assert!(forbidden.contains("be the user who made it"), "{forbidden}");
    }
}
