//! Changing a store: the lock, what is published, and what is cleaned up.

use std::fmt;
use std::fs::{self, File, TryLockError};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use super::bits::Bits;
use super::change::Change;
use super::error::StoreError;
use super::manifest::{
    LOCK, ListSettings, MANIFEST, Manifest, SegmentRecord, StoredList, WithdrawnRecord, is_ours,
    is_unpublished, put, segment_file, sync,
};
use super::options::{ChangeKind, ChangeOptions, ChangeSummary};
use super::snapshot::{Segment, Snapshot};
use super::{load, now};
use crate::entry::ListDescriptor;
use crate::index::{BuildProgress, DEFAULT_MEMORY_BUDGET, IndexBuilder, IndexOptions};

/// A store that is open for changes: the only one there is at a time, in any process.
///
/// Each change is published as a whole, with one rename. A process that is killed at any moment, or runs out of disk, leaves the
/// store as it was before the change or as it is after it; what else it left is removed when the store is next opened for
/// changes.
pub struct StoreWriter {
    pub(super) directory: PathBuf,
    pub(super) manifest: Manifest,
    pub(super) snapshot: Snapshot,
    /// Locked as long as the value lives; the system unlocks it when the process dies.
    _lock: File,
    /// Whether the manifest was put in place and it is not known to stay if the machine fails. Then what the manifest before it
    /// names must stay as well.
    is_unsynced: bool,
    /// The memory for sorting, in bytes, as the last change has it.
    pub(super) memory_budget: usize,
    /// After how many steps the next change is to fail, as if the process had been killed.
    #[cfg(test)]
    pub(super) fails_after: std::cell::Cell<Option<u32>>,
}

/// A segment that a change keeps, with the entries that no longer stand.
pub(super) struct Planned {
    pub(super) segment: Segment,
    pub(super) withdrawn: Bits,
    /// Whether that is more than the store has noted.
    pub(super) is_changed: bool,
}

impl StoreWriter {
    /// Makes an empty store, in a directory that is empty or not there, and opens it.
    ///
    /// # Errors
    /// [`StoreError::NotEmpty`], or [`StoreError::Io`] when the directory cannot be written.
    pub fn create(directory: impl Into<PathBuf>) -> Result<Self, StoreError> {
        let directory = directory.into();
        let lock = make(&directory)?;
        Self::with_lock(directory, lock)
    }

    /// Opens a store for changes, and removes what changes that were broken off left behind.
    ///
    /// # Errors
    /// [`StoreError::Locked`] when it is open for changes already, here or in another process; else as for
    /// [`Store::open`](crate::Store::open), and when the directory cannot be written.
    pub fn open(directory: impl Into<PathBuf>) -> Result<Self, StoreError> {
        let directory = directory.into();
        // Before anything is made in it.
        Manifest::read(&directory)?;
        let lock = lock(&directory)?;
        Self::with_lock(directory, lock)
    }

    fn with_lock(directory: PathBuf, lock: File) -> Result<Self, StoreError> {
        let manifest = Manifest::read(&directory)?;
        let snapshot = load(&directory, IndexOptions::default(), None)?;
        let mut writer = Self {
            directory,
            manifest,
            snapshot,
            _lock: lock,
            is_unsynced: true,
            memory_budget: DEFAULT_MEMORY_BUDGET,
            #[cfg(test)]
            fails_after: std::cell::Cell::new(None),
        };
        writer.sync()?;
        // What is left of changes that were broken off is no reason not to change the store.
        let _ = writer.remove_unnamed();
        Ok(writer)
    }

    /// Returns the store as it is, with what this value has published.
    pub fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }

    /// Begins a change of one list, which is made if there is none of its name.
    ///
    /// What is said of the list as a whole takes the place of what was said, but for texts that are empty.
    ///
    /// # Errors
    /// [`StoreError::Stale`] for [`ChangeKind::Apply`].
    pub fn change(
        &mut self,
        list: ListDescriptor,
        options: ChangeOptions,
    ) -> Result<Change<'_>, StoreError> {
        if options.kind == ChangeKind::Apply
            && let Some(stored) = self.manifest.list(&list.name)
        {
            let (stored, now) = (&self.manifest.lists[stored], now());
            if let Some(limit) = stored.stale_after_days
                && stored.is_stale(now)
            {
                let days = now.saturating_sub(stored.checked_at) / 86_400;
                return Err(StoreError::Stale { days, limit });
            }
        }
        Change::new(self, list, options)
    }

    /// Withdraws entries of a list by their ids. Those that the list does not have are counted
    /// ([`ChangeSummary::unseen`]) and remembered: an older record that comes later does not bring them.
    ///
    /// The withdrawal is of now: a record that the source changed later brings the entry back.
    ///
    /// # Errors
    /// [`StoreError::UnknownList`], or as for [`Change::commit`].
    pub fn withdraw<'a>(
        &mut self,
        list: &str,
        entry_ids: impl IntoIterator<Item = &'a str>,
    ) -> Result<ChangeSummary, StoreError> {
        let mut change = self.withdrawal(list)?;
        for id in entry_ids {
            change.withdraw(id)?;
        }
        change.commit()
    }

    /// Begins a withdrawal whose ids come one at a time, by [`Change::withdraw`]. What [`withdraw`](Self::withdraw) does at once.
    ///
    /// # Errors
    /// [`StoreError::UnknownList`].
    pub fn withdrawal(&mut self, list: &str) -> Result<Change<'_>, StoreError> {
        let position = self.known(list)?;
        let descriptor = self.manifest.lists[position].descriptor.clone();
        self.change(descriptor, ChangeOptions::withdraw())
    }

    /// Says something of a list that the store has, and returns whether anything is different.
    /// [`Change::describe`] does it together with a change.
    ///
    /// # Errors
    /// [`StoreError::UnknownList`], [`StoreError::Build`] when the texts are too long, or [`StoreError::Io`].
    pub fn describe(&mut self, list: &str, settings: &ListSettings) -> Result<bool, StoreError> {
        let position = self.known(list)?;
        let mut lists = self.manifest.lists.clone();
        settings.apply(&mut lists[position]);
        if lists == self.manifest.lists {
            return Ok(false);
        }
        // What no segment could hold would keep the store from being compacted.
        self.builder(0, &lists)?;
        let planned = self.planned();
        self.publish(lists, planned)?;
        let _ = self.remove_unnamed();
        Ok(true)
    }

    /// Removes a list and all its entries, which are physically gone when this returns.
    ///
    /// # Errors
    /// [`StoreError::UnknownList`], or as for [`Change::commit`].
    pub fn remove_list(
        &mut self,
        list: &str,
        progress: &mut dyn FnMut(BuildProgress),
    ) -> Result<(), StoreError> {
        let position = self.known(list)?;
        let number = u32::try_from(position).unwrap_or(u32::MAX);
        let mut planned = self.planned();
        for one in &mut planned {
            let Some(list) = one.segment.index_list(number) else {
                continue;
            };
            let entries = one.segment.index().entries_of(list);
            for entry in entries.map_err(one.segment.corrupt())? {
                one.is_changed |= one.withdrawn.insert(entry);
            }
        }
        // The list goes in the same change: an entry of a list that is not there would be damage.
        let mut lists = self.manifest.lists.clone();
        lists.remove(position);
        // Others stay as they are, with what is withdrawn in them.
        let has_list = |one: &Planned| {
            let list = one.segment.index_list(number);
            list.map_or(Ok(false), |list| {
                let entries = one.segment.index().entries_of(list);
                entries.map(|entries| !entries.is_empty())
            })
            .map_err(one.segment.corrupt())
        };
        let (mut kept, mut taken) = (Vec::new(), Vec::new());
        for one in planned {
            match has_list(&one)? {
                true => taken.push(one),
                false => kept.push(one),
            }
        }
        let mut damaged = None;
        kept.extend(self.rewritten(&lists, taken, &mut damaged, progress)?);
        if let Some(damaged) = damaged {
            return Err(damaged);
        }
        kept.sort_by_key(|one| one.segment.record.number);
        let planned = kept;
        self.publish(lists, planned)?;
        self.remove_unnamed()
    }

    /// Returns what builds a segment of all lists, whose positions in it are those in the store.
    pub(super) fn builder(
        &self,
        number: u64,
        lists: &[StoredList],
    ) -> Result<IndexBuilder, StoreError> {
        let path = segment_file(&self.directory, number);
        let mut builder = IndexBuilder::with_memory_budget(path, self.memory_budget);
        for list in lists {
            builder.add_list(list.descriptor.clone())?;
        }
        Ok(builder)
    }

    pub(super) fn known(&self, list: &str) -> Result<usize, StoreError> {
        let position = self.manifest.list(list);
        position.ok_or_else(|| StoreError::UnknownList {
            name: list.to_owned(),
        })
    }

    /// Returns the segments as they are.
    pub(super) fn planned(&self) -> Vec<Planned> {
        let segments = self.snapshot.segments().iter();
        let planned = segments.map(|segment| Planned {
            withdrawn: segment.withdrawn(),
            segment: segment.clone(),
            is_changed: false,
        });
        planned.collect()
    }

    /// Makes the store consist of these lists and segments. Segments of which no entry stands are left out.
    pub(super) fn publish(
        &mut self,
        lists: Vec<StoredList>,
        planned: Vec<Planned>,
    ) -> Result<(), StoreError> {
        let generation = self.manifest.generation + 1;
        let mut segments = Vec::new();
        for one in planned {
            let mut record = one.segment.record.clone();
            if one.is_changed {
                if one.withdrawn.count() == u64::from(one.withdrawn.len()) {
                    continue;
                }
                let mut tag = [0; 8];
                let drawn = getrandom::fill(&mut tag);
                drawn.map_err(|error| StoreError::io(&self.directory)(error.into()))?;
                record.withdrawn = Some(WithdrawnRecord {
                    change: generation,
                    tag: u64::from_le_bytes(tag),
                });
                if let Some(path) = record.withdrawn_file(&self.directory) {
                    self.step(&path)?;
                    put(&path, &one.withdrawn.to_bytes(one.segment.identity()))?;
                }
            }
            segments.push(record);
        }
        let mut manifest = Manifest {
            generation,
            lists,
            segments,
            ..self.manifest.clone()
        };
        self.step(&self.directory.join(MANIFEST))?;
        // Opened before it is published: what cannot be read must not become the store.
        let (options, earlier) = (IndexOptions::default(), Some(&self.snapshot));
        let snapshot = Snapshot::open(&self.directory, manifest.clone(), options, earlier)?;
        // Before the manifest names them.
        sync(&self.directory)?;
        self.step(&self.directory.join(MANIFEST))?;
        manifest.publish(&self.directory)?;
        // From here on the store is the new one, whatever fails.
        self.snapshot = snapshot.with_identity(&manifest.checksum);
        self.manifest = manifest;
        self.is_unsynced = true;
        self.step(&self.directory)?;
        self.sync()?;
        self.step(&self.directory)
    }

    /// Sees that the manifest stays if the machine fails.
    fn sync(&mut self) -> Result<(), StoreError> {
        sync(&self.directory)?;
        self.is_unsynced = false;
        Ok(())
    }

    /// Removes files that look like those of a store and that its manifest does not name. Readers that have them open keep them.
    pub(super) fn remove_unnamed(&self) -> Result<(), StoreError> {
        let io = StoreError::io(&self.directory);
        // What a manifest names that may come back after a failure, or that somebody else published, must stay.
        if self.is_unsynced || Manifest::read(&self.directory)?.checksum != self.manifest.checksum {
            return Ok(());
        }
        let mut named = Vec::new();
        for record in &self.manifest.segments {
            named.push(record.file(&self.directory));
            named.extend(record.withdrawn_file(&self.directory));
        }
        for entry in fs::read_dir(&self.directory).map_err(&io)? {
            let entry = entry.map_err(&io)?;
            let is_ours = entry.file_name().to_str().is_some_and(is_ours);
            let is_file = entry.file_type().is_ok_and(|kind| kind.is_file());
            if is_ours && is_file && !named.contains(&entry.path()) {
                match fs::remove_file(entry.path()) {
                    Err(error) if error.kind() != ErrorKind::NotFound => {
                        return Err(StoreError::io(&entry.path())(error));
                    }
                    _ => {}
                }
            }
        }
        Ok(())
    }

    /// Returns the number for a new segment, and its file.
    pub(super) fn next_segment(&mut self) -> u64 {
        let number = self.manifest.next_segment;
        self.manifest.next_segment += 1;
        number
    }

    /// Returns a segment that was just built, as one that a change adds.
    pub(super) fn opened(
        &self,
        number: u64,
        identity: &str,
        lists: &[StoredList],
    ) -> Result<Planned, StoreError> {
        let record = SegmentRecord {
            number,
            identity: identity.to_owned(),
            withdrawn: None,
        };
        let options = IndexOptions::default();
        let segment = Segment::open(&self.directory, &record, lists, options, None)?;
        Ok(Planned {
            withdrawn: segment.withdrawn(),
            segment,
            is_changed: false,
        })
    }

    /// Sees, before a file is put in place, that nobody else has changed the store: somebody may have taken the file of the lock away.
    /// In tests it also fails where a change is to be broken off.
    pub(super) fn step(&self, path: &Path) -> Result<(), StoreError> {
        if Manifest::read(&self.directory)?.checksum != self.manifest.checksum {
            return Err(StoreError::Locked {
                path: self.directory.clone(),
            });
        }
        #[cfg(test)]
        if let Some(left) = self.fails_after.get() {
            let Some(left) = left.checked_sub(1) else {
                return Err(StoreError::io(path)(ErrorKind::StorageFull.into()));
            };
            self.fails_after.set(Some(left));
        }
        let _ = path;
        Ok(())
    }
}

impl fmt::Debug for StoreWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoreWriter")
            .field("directory", &self.directory)
            .field("snapshot", &self.snapshot)
            .finish_non_exhaustive()
    }
}

/// Makes an empty store, and returns its lock.
fn make(directory: &Path) -> Result<File, StoreError> {
    let io = StoreError::io(directory);
    make_private(directory).map_err(&io)?;
    let names = || fs::read_dir(directory).map_err(&io);
    // What a process left that was killed while it made the store is no reason not to make it.
    let is_ours = |name: &str| name == LOCK || is_unpublished(name);
    let is_lock = |entry: io::Result<fs::DirEntry>| {
        entry.is_ok_and(|entry| entry.file_name().to_str().is_some_and(is_ours))
    };
    // Looked at before the lock is made, so that nothing is left in the directory of somebody else.
    let mut is_free = names()?.all(is_lock);
    if is_free {
        let lock = lock(directory)?;
        is_free = names()?.all(is_lock);
        if is_free {
            let mut key = [0; 16];
            getrandom::fill(&mut key).map_err(|error| io(error.into()))?;
            Manifest::new(key).publish(directory)?;
            sync(directory)?;
            // The name of the directory as well, if whoever makes it may read its parent.
            let parent = fs::canonicalize(directory).map_err(&io)?;
            let _ = parent.parent().map(sync);
            return Ok(lock);
        }
    }
    Err(StoreError::NotEmpty {
        path: directory.to_path_buf(),
    })
}

/// Makes a directory that only its owner can enter, unless it is there.
fn make_private(directory: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(directory)
}

/// Takes the lock of a store.
fn lock(directory: &Path) -> Result<File, StoreError> {
    let path = directory.join(LOCK);
    let io = StoreError::io(&path);
    let mut options = File::options();
    options.create(true).truncate(false).write(true);
    // Who cannot open it cannot lock it, and so not keep others from changing the store.
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(&path).map_err(&io)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StoreError::Locked {
            path: directory.to_path_buf(),
        }),
        Err(TryLockError::Error(error)) => Err(io(error)),
    }
}
