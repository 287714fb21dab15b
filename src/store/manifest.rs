//! The manifest: which files make up a store, and what is known of its lists.
#![doc = ""]
#![doc = include_str!("FORMAT.md")]

use std::fs;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::error::StoreError;
use crate::entry::ListDescriptor;
use crate::list::ImportReport;

/// The version of the format that is written, and the newest that is read.
pub(super) const FORMAT: u64 = 1;
/// The file in the directory of a store.
pub(super) const MANIFEST: &str = "manifest";
/// The file that whoever changes a store holds a lock on.
pub(super) const LOCK: &str = "lock";
/// What segments are called, before their number.
const SEGMENT_PREFIX: &str = "segment-";
const SEGMENT_SUFFIX: &str = ".hsv";
/// What sets of withdrawn entries are called, before the numbers of their segment and of the change.
const WITHDRAWN_PREFIX: &str = "withdrawn-";
const WITHDRAWN_SUFFIX: &str = ".bits";
/// The most changes and segments that are counted: a thousand a second for more than a hundred thousand years.
const MAX_NUMBER: u64 = 1 << 52;

/// A day in seconds.
pub(super) const DAY: i64 = 86_400;

/// One list of a store: what is known of it besides its entries.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct StoredList {
    /// What its supplier says of it.
    pub descriptor: ListDescriptor,
    /// How many of its entries stand.
    pub entries: u64,
    /// Where its feed is to be fetched from on, in the form of the source.
    pub checkpoint: Option<String>,
    /// The time that the checkpoint stands for, in seconds since 1970 (UTC).
    pub checkpoint_time: Option<i64>,
    /// The format of its feed, by its name ([`ListFormat::name`](crate::list::ListFormat::name)), if it has one.
    pub feed: Option<String>,
    /// When it was last changed or found to be unchanged here, in seconds since 1970 (UTC): of a list with a feed, by all pages of a
    /// request or as a whole.
    pub checked_at: i64,
    /// After how many days without that it is out of date; for feeds, because the source forgets its withdrawals.
    pub stale_after_days: Option<u32>,
    /// What was read when it was last added to, applied or replaced.
    pub last_import: ImportReport,
}

impl StoredList {
    /// Returns whether the list is out of date at a time in seconds since 1970 (UTC).
    ///
    /// So is one whose time is more than a day in the future: by which clock it was, nobody knows.
    pub fn is_stale(&self, now: i64) -> bool {
        let limit = self.stale_after_days.map(|days| i64::from(days) * DAY);
        let age = now.saturating_sub(self.checked_at);
        limit.is_some_and(|limit| age > limit || age < -DAY)
    }
}

/// What the keeper of a store says of a list, besides what its supplier says. What is `None` stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ListSettings {
    /// Who supplies it. An empty text takes away what was said.
    pub source: Option<String>,
    /// The terms it was supplied under. An empty text takes away what was said.
    pub terms: Option<String>,
    /// After how many days without news it is out of date, `Some(None)` for never: for feeds, as long as their source tells of
    /// withdrawals.
    pub stale_after_days: Option<Option<u32>>,
}

impl ListSettings {
    pub(super) fn apply(&self, list: &mut StoredList) {
        let descriptor = &mut list.descriptor;
        for (old, new) in [
            (&mut descriptor.source, &self.source),
            (&mut descriptor.terms, &self.terms),
        ] {
            if let Some(new) = new {
                old.clone_from(new);
            }
        }
        if let Some(days) = self.stale_after_days {
            list.stale_after_days = days;
        }
    }
}

/// One segment of a store.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct SegmentRecord {
    pub(super) number: u64,
    /// The identity of its index.
    pub(super) identity: String,
    /// Which entries of it do not stand.
    pub(super) withdrawn: Option<WithdrawnRecord>,
}

/// After what the file is called that says which entries of a segment do not stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct WithdrawnRecord {
    /// The number of the change that last withdrew some.
    pub(super) change: u64,
    /// A random number: a store that is restored from a copy comes by the same numbers of changes again, with other entries.
    pub(super) tag: u64,
}

impl SegmentRecord {
    pub(super) fn file(&self, directory: &Path) -> PathBuf {
        segment_file(directory, self.number)
    }

    pub(super) fn withdrawn_file(&self, directory: &Path) -> Option<PathBuf> {
        let WithdrawnRecord { change, tag } = self.withdrawn?;
        let number = self.number;
        Some(directory.join(format!(
            "{WITHDRAWN_PREFIX}{number:08}-{change:08}-{tag:016x}{WITHDRAWN_SUFFIX}"
        )))
    }
}

pub(super) fn segment_file(directory: &Path, number: u64) -> PathBuf {
    directory.join(format!("{SEGMENT_PREFIX}{number:08}{SEGMENT_SUFFIX}"))
}

/// Returns whether a file is called as files of a store are that a manifest names, or that are on their way to that.
pub(super) fn is_ours(name: &str) -> bool {
    let is = |prefix, suffix| name.starts_with(prefix) && name.ends_with(suffix);
    is(SEGMENT_PREFIX, SEGMENT_SUFFIX)
        || is(WITHDRAWN_PREFIX, WITHDRAWN_SUFFIX)
        || is_unpublished(name)
}

/// Returns whether a file is called as files are that are being written.
pub(super) fn is_unpublished(name: &str) -> bool {
    name.starts_with(".hashsieve-") && name.ends_with(".unpublished")
}

/// What a store consists of. Published as a whole, by rename.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Manifest {
    pub(super) format: u64,
    /// Counts the changes of the store.
    pub(super) generation: u64,
    pub(super) next_segment: u64,
    /// By this, entries that a source knows by their hash alone get ids that say nothing without it.
    pub(super) key: String,
    pub(super) lists: Vec<StoredList>,
    /// The oldest first.
    pub(super) segments: Vec<SegmentRecord>,
    /// The SHA-256 of its line of JSON, in hexadecimal: two manifests that have the same are the same.
    #[serde(skip)]
    pub(super) checksum: String,
}

/// What is read first, so that a later format is known as such whatever else it has.
#[derive(Deserialize)]
struct Version {
    format: u64,
}

impl Manifest {
    /// Returns the manifest of a new store.
    pub(super) fn new(key: [u8; 16]) -> Self {
        Self {
            format: FORMAT,
            generation: 0,
            next_segment: 1,
            key: data_encoding::HEXLOWER.encode(&key),
            lists: Vec::new(),
            segments: Vec::new(),
            checksum: String::new(),
        }
    }

    /// Reads the manifest of a store.
    pub(super) fn read(directory: &Path) -> Result<Self, StoreError> {
        let path = directory.join(MANIFEST);
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error)
                if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) =>
            {
                return Err(StoreError::NotAStore {
                    path: directory.to_path_buf(),
                });
            }
            Err(error) if error.kind() == ErrorKind::InvalidData => {
                return Err(damaged(&path, "it is no text"));
            }
            Err(error) => return Err(StoreError::io(&path)(error)),
        };
        Self::parse(&path, &text)
    }

    /// Reads the text of a manifest: a line of JSON, and a line with its SHA-256.
    fn parse(path: &Path, text: &str) -> Result<Self, StoreError> {
        let mut lines = text.lines();
        let (Some(json), Some(checksum), None) = (lines.next(), lines.next(), lines.next()) else {
            return Err(damaged(path, "it does not have two lines"));
        };
        if data_encoding::HEXLOWER.encode(&Sha256::digest(json)) != checksum {
            return Err(damaged(path, "it does not have its checksum"));
        }
        let Ok(version) = serde_json::from_str::<Version>(json) else {
            return Err(damaged(path, "it does not name its format"));
        };
        if version.format != FORMAT {
            return Err(StoreError::UnsupportedVersion {
                found: version.format,
                newest: FORMAT,
            });
        }
        // The message of the parser might repeat a text.
        let manifest = serde_json::from_str::<Self>(json);
        let mut manifest = manifest.map_err(|_| damaged(path, "it is not as its format says"))?;
        if manifest.generation > MAX_NUMBER || manifest.next_segment > MAX_NUMBER {
            return Err(damaged(
                path,
                "it counts more changes than there can have been",
            ));
        }
        checksum.clone_into(&mut manifest.checksum);
        Ok(manifest)
    }

    /// Puts the manifest in place of whatever is there. The store then is what it says, also if the machine fails once
    /// [`sync`] has flushed the directory.
    pub(super) fn publish(&mut self, directory: &Path) -> Result<(), StoreError> {
        let path = directory.join(MANIFEST);
        let io = StoreError::io(&path);
        let json = serde_json::to_string(self).map_err(|error| io(error.into()))?;
        let checksum = data_encoding::HEXLOWER.encode(&Sha256::digest(&json));
        put(&path, format!("{json}\n{checksum}\n").as_bytes())?;
        self.checksum = checksum;
        Ok(())
    }

    /// Returns the key by which ids are made of hashes.
    pub(super) fn key(&self) -> &[u8] {
        self.key.as_bytes()
    }

    /// Returns the position of a list.
    pub(super) fn list(&self, name: &str) -> Option<usize> {
        let mut lists = self.lists.iter();
        lists.position(|list| list.descriptor.name == name)
    }
}

fn damaged(path: &Path, what: &'static str) -> StoreError {
    StoreError::Damaged {
        path: path.to_path_buf(),
        what,
    }
}

/// Writes a file so that it is there whole or not at all, readable by its owner only. Whether it stays if the machine fails is for
/// [`sync`] to say.
pub(super) fn put(path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    let directory = path.parent().unwrap_or(Path::new("."));
    let io = StoreError::io(path);
    let mut file = tempfile::Builder::new()
        .prefix(".hashsieve-")
        .suffix(".unpublished")
        .tempfile_in(directory)
        .map_err(&io)?;
    file.write_all(bytes).map_err(&io)?;
    file.as_file().sync_all().map_err(&io)?;
    file.persist(path).map_err(|error| io(error.error))?;
    Ok(())
}

/// Flushes a directory, so that what was renamed in it stays so.
pub(super) fn sync(directory: &Path) -> Result<(), StoreError> {
    let io = StoreError::io(directory);
    let file = fs::File::open(directory).map_err(&io)?;
    file.sync_all().map_err(io)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn some() -> Manifest {
        let mut manifest = Manifest::new([7; 16]);
        manifest.lists.push(StoredList {
            descriptor: ListDescriptor {
                name: "a\nb".to_owned(),
                ..ListDescriptor::default()
            },
            ..StoredList::default()
        });
        manifest.segments.push(SegmentRecord {
            number: 3,
            identity: "i".to_owned(),
            withdrawn: Some(WithdrawnRecord { change: 9, tag: 7 }),
        });
        manifest
    }

    #[test]
    fn a_manifest_survives_and_damage_of_any_byte_is_noticed() {
        let directory = tempfile::tempdir().unwrap();
        let mut published = some();
        published.publish(directory.path()).unwrap();
        assert_eq!(Manifest::read(directory.path()).unwrap(), published);
        let path = directory.path().join(MANIFEST);
        let bytes = fs::read(&path).unwrap();
        for at in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[at] ^= 1;
            fs::write(&path, &damaged).unwrap();
            // The line end at the end of the file says nothing.
            assert!(
                Manifest::read(directory.path()).is_err() || at + 1 == bytes.len(),
                "{at}"
            );
            fs::write(&path, &bytes[..at]).unwrap();
            assert!(
                Manifest::read(directory.path()).is_err() || at + 1 == bytes.len(),
                "{at}"
            );
        }
    }

    #[test]
    fn a_store_of_a_later_format_is_refused_as_such() {
        let json = "{\"format\":2,\"unheard\":1}";
        let checksum = data_encoding::HEXLOWER.encode(&Sha256::digest(json));
        let read = Manifest::parse(Path::new("x"), &format!("{json}\n{checksum}\n"));
        assert!(matches!(
            read,
            Err(StoreError::UnsupportedVersion {
                found: 2,
                newest: 1
            })
        ));
    }
}
