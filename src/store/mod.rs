//! A store: hash lists that change, in a directory of immutable segments.
//!
//! A change never touches a segment that is there. It adds one with what is new, notes which entries of older segments no
//! longer stand, and publishes both with one rename: see `FORMAT.md`. Readers go on with what they have open until they
//! [reload](Store::reload).
//!
//! This room sees indexes and entries; never pixels, decoders or the wire formats of lists.

mod bits;
mod change;
mod commit;
mod compact;
mod difference;
mod error;
mod export;
mod manifest;
mod options;
mod removed;
mod snapshot;
mod status;
mod writer;

#[cfg(test)]
mod tests;

use std::fmt;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;

pub use change::Change;
pub use difference::{Difference, DifferenceKind};
pub use error::StoreError;
pub use manifest::{ListSettings, StoredList};
pub use options::{ChangeKind, ChangeOptions, ChangeSummary};
pub use removed::{FoundIn, Removed};
pub use snapshot::{Segment, Snapshot, StoredMatch};
pub use status::{ListCounts, StoreStatus};
pub use writer::StoreWriter;

use crate::index::IndexOptions;
use manifest::Manifest;

/// How often opening is tried again when the store changes meanwhile.
const ATTEMPTS: usize = 100;

/// A store that is open for reading. One value serves any number of threads, and any number of processes may have the store
/// open while one changes it.
///
/// [`snapshot`](Self::snapshot) gives the store as it was when it was last loaded, without a lock; [`reload`](Self::reload)
/// looks whether there is something newer. A snapshot that somebody holds stays as it is, also when its files are gone.
///
/// # Example
/// ```
/// use hashsieve::{ChangeOptions, Entry, ListDescriptor, Pdq, Store, StoreWriter};
/// # let directory = tempfile::tempdir()?;
/// # let path = directory.path().join("store");
/// StoreWriter::create(&path)?;
/// let store = Store::open(&path)?;
///
/// let mut writer = StoreWriter::open(&path)?;
/// let list = ListDescriptor { name: "example".into(), ..Default::default() };
/// let mut change = writer.change(list, ChangeOptions::add())?;
/// let mut entry = Entry::new("entry-1");
/// entry.add_hash(Pdq::from_words([1, 2, 3, 4]).into());
/// change.add(&entry, false)?;
/// assert_eq!(change.commit()?.added, 1);
///
/// assert!(store.reload()?);
/// let snapshot = store.snapshot();
/// let found = snapshot.within(&Pdq::from_words([1, 2, 3, 7]).into(), 31)?;
/// assert_eq!(found[0].distance, 2);
/// assert_eq!(snapshot.entry(&found[0])?.1.entry_id, "entry-1");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Store {
    directory: PathBuf,
    options: IndexOptions,
    current: ArcSwap<Snapshot>,
    /// Held by the one thread that reloads.
    reloading: Mutex<()>,
}

impl Store {
    /// Opens a store. Maps its segments and reads which of their entries are withdrawn, a bit an entry.
    ///
    /// # Errors
    /// [`StoreError`] when there is no store, or a file of it cannot be read, is damaged or is of a later version.
    pub fn open(directory: impl Into<PathBuf>) -> Result<Self, StoreError> {
        Self::open_with(directory, IndexOptions::default())
    }

    /// The same, with options for its segments.
    ///
    /// # Errors
    /// As for [`open`](Self::open).
    pub fn open_with(
        directory: impl Into<PathBuf>,
        options: IndexOptions,
    ) -> Result<Self, StoreError> {
        let directory = directory.into();
        let snapshot = load(&directory, options, None)?;
        Ok(Self {
            current: ArcSwap::from_pointee(snapshot),
            directory,
            options,
            reloading: Mutex::new(()),
        })
    }

    /// Returns the store as it was when it was last loaded. Takes no lock and does not wait.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.current.load_full()
    }

    /// Looks whether the store has changed, loads what is new, and returns whether there was anything.
    ///
    /// Reads the manifest, a few kilobytes, when nothing changed; else it maps new segments, reads which of their entries do not
    /// stand, and checks every byte of them ([`Index::verify`](crate::Index::verify)), so that a damaged one cannot come into use
    /// unnoticed: milliseconds after a small change, and seconds after tens of millions of entries were put together anew. Once it has
    /// returned, every snapshot is at least as new as the store was when it was called.
    ///
    /// # Errors
    /// As for [`open`](Self::open); the snapshot that was there stays. So a damaged new segment holds up all that is new in the
    /// store, withdrawals too, until the store is restored: without that segment entries could be missed, and with it mistaken.
    pub fn reload(&self) -> Result<bool, StoreError> {
        let _reloading = self
            .reloading
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let current = self.snapshot();
        if Manifest::read(&self.directory)?.checksum == current.identity() {
            return Ok(false);
        }
        let next = load(&self.directory, self.options, Some(&current))?;
        let is_new = next.identity() != current.identity();
        verify_new(&next, &current)?;
        self.current.store(Arc::new(next));
        Ok(is_new)
    }

    /// Returns the directory.
    pub fn directory(&self) -> &Path {
        &self.directory
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store")
            .field("directory", &self.directory)
            .field("snapshot", &self.snapshot())
            .finish_non_exhaustive()
    }
}

/// Opens the newest snapshot. Between reading the manifest and opening what it names, a change may remove files: then there is a
/// newer manifest.
fn load(
    directory: &Path,
    options: IndexOptions,
    earlier: Option<&Snapshot>,
) -> Result<Snapshot, StoreError> {
    let mut manifest = Manifest::read(directory)?;
    for _ in 0..ATTEMPTS {
        let checksum = manifest.checksum.clone();
        match Snapshot::open(directory, manifest, options, earlier) {
            Err(error) if is_missing(&error) => {
                manifest = Manifest::read(directory)?;
                if manifest.checksum == checksum {
                    return Err(error);
                }
            }
            opened => return opened,
        }
    }
    Err(StoreError::Damaged {
        path: directory.to_path_buf(),
        what: "files that its manifest names are missing again and again",
    })
}

/// Checks the segments that an earlier snapshot does not have.
fn verify_new(next: &Snapshot, current: &Snapshot) -> Result<(), StoreError> {
    let is_known = |segment: &Segment| {
        let mut known = current.segments().iter();
        known.any(|known| known.identity() == segment.identity())
    };
    for segment in next.segments().iter().filter(|segment| !is_known(segment)) {
        let verified = segment.index().verify();
        verified.map_err(segment.corrupt())?;
    }
    Ok(())
}

/// Returns whether a file was not there.
fn is_missing(error: &StoreError) -> bool {
    let source = match error {
        StoreError::Io { source, .. } => source,
        StoreError::Segment {
            source: crate::index::OpenError::Io(source),
            ..
        } => source,
        _ => return false,
    };
    source.kind() == ErrorKind::NotFound
}

/// Returns the time, in seconds since 1970 (UTC), by this machine's clock.
fn now() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| {
        i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
    })
}
