//! What pictures are matched against: indexes and stores, opened and, unless told not to, checked.

use std::path::PathBuf;

use hashsieve::{Against, Entry, HashKind, Index, Store};

use crate::failure::Failure;
use crate::progress::Progress;

/// Opens indexes and stores, a folder being a store, and, if wanted, checks every byte of them: a search of a damaged one would miss
/// matches without a word.
pub(crate) fn open(
    paths: &[PathBuf],
    is_verified: bool,
    quiet: bool,
) -> Result<Vec<Against>, Failure> {
    let open = |path: &PathBuf| {
        let mut progress = Progress::new(0, "bytes", quiet);
        if path.is_dir() {
            // A store's errors name the file that they are of.
            let failed = |error: hashsieve::StoreError| Failure(error.to_string());
            let store = Store::open(path).map_err(failed)?;
            if is_verified {
                let verified = store
                    .verify(&mut |done, total| progress.set("checking the store", done, total));
                verified.map_err(failed)?;
            }
            return Ok(Against::from(store));
        }
        let at = |error: &dyn std::fmt::Display| Failure::at(path, error);
        let index = Index::open(path).map_err(|error| at(&error))?;
        if is_verified {
            let verified = index
                .verify_with(&mut |done, total| progress.set("checking the index", done, total));
            verified.map_err(|error| at(&error))?;
        }
        Ok(Against::from(index))
    };
    paths.iter().map(open).collect()
}

/// Returns whether any has hashes of a kind.
pub(crate) fn has_kind(against: &[Against], kind: HashKind) -> bool {
    against.iter().any(|against| match against {
        Against::Index(index) => index.kinds().any(|held| held == kind),
        Against::Store(store) => store.snapshot().kinds().contains(&kind),
        _ => false,
    })
}

/// Calls a function for every entry that stands, with the name of its list, and tells how many have been read.
pub(crate) fn for_each_entry(
    against: &[Against],
    quiet: bool,
    mut each: impl FnMut(&str, &Entry),
) -> Result<(), Failure> {
    let damaged = |error: hashsieve::CorruptIndex| Failure(error.to_string());
    let mut progress = Progress::new(0, "entries", quiet);
    let mut read = |index: &Index, stands: &dyn Fn(u32) -> bool| {
        let lists = index.lists().map_err(damaged)?;
        let total = index.entries();
        for position in (0..total).filter(|&entry| stands(entry)) {
            if position.is_multiple_of(1 << 14) {
                progress.set("reading entries", position.into(), total.into());
            }
            let entry = index.entry(position).map_err(damaged)?;
            if let Some(list) = lists.get(entry.list as usize) {
                each(&list.descriptor.name, &entry.entry);
            }
        }
        Ok(())
    };
    for against in against {
        match against {
            Against::Index(index) => read(index, &|_| true)?,
            Against::Store(store) => {
                for segment in store.snapshot().segments() {
                    read(segment.index(), &|entry| segment.stands(entry))?;
                }
            }
            _ => {}
        }
    }
    Ok(())
}
