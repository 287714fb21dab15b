//! What pictures are matched against: indexes and stores, opened and, unless told not to, checked.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use hashsieve::{Against, CorruptIndex, Entry, HashKind, Index, Segment, Store};

use crate::failure::Failure;
use crate::progress::Progress;
use crate::store::is_segment;

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
        if is_in_store(path) {
            let why = "this is a part of a store, which alone knows what of it still stands: give the folder of the store";
            return Err(Failure::at(path, why));
        }
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

/// Returns whether a file is a segment of a store, by its name and what is beside it: the store may be damaged.
fn is_in_store(path: &Path) -> bool {
    let Ok(real) = path.canonicalize() else {
        return false;
    };
    is_segment(&real) && real.with_file_name("manifest").is_file()
}

/// Returns whether any has hashes of a kind.
pub(crate) fn has_kind(against: &[Against], kind: HashKind) -> bool {
    against.iter().any(|against| match against {
        Against::Index(index) => index.kinds().any(|held| held == kind),
        Against::Store(store) => store.snapshot().kinds().contains(&kind),
        _ => false,
    })
}

/// An index, or a segment of a store.
enum Part {
    Index(Arc<Index>),
    Segment(Segment),
}

impl Part {
    fn index(&self) -> &Index {
        match self {
            Self::Index(index) => index,
            Self::Segment(segment) => segment.index(),
        }
    }

    fn stands(&self, entry: u32) -> bool {
        match self {
            Self::Index(_) => true,
            Self::Segment(segment) => segment.stands(entry),
        }
    }
}

/// Returns the indexes, and the segments that stores have now.
fn parts(against: &[Against]) -> Vec<Part> {
    let mut parts = Vec::new();
    for against in against {
        match against {
            Against::Index(index) => parts.push(Part::Index(Arc::clone(index))),
            Against::Store(store) => {
                let segments = store.snapshot();
                parts.extend(segments.segments().iter().cloned().map(Part::Segment));
            }
            _ => {}
        }
    }
    parts
}

fn damaged(error: CorruptIndex) -> Failure {
    Failure(error.to_string())
}

/// Calls a function for every entry that stands, with the name of its list, and tells how many have been read.
pub(crate) fn for_each_entry(
    against: &[Against],
    quiet: bool,
    mut each: impl FnMut(&str, &Entry),
) -> Result<(), Failure> {
    let mut progress = Progress::new(0, "entries", quiet);
    for part in parts(against) {
        let index = part.index();
        let lists = index.lists().map_err(damaged)?;
        let total = index.entries();
        for position in (0..total).filter(|&entry| part.stands(entry)) {
            if position.is_multiple_of(1 << 14) {
                progress.set("reading entries", position.into(), total.into());
            }
            let entry = index.entry(position).map_err(damaged)?;
            if let Some(list) = lists.get(entry.list as usize) {
                each(&list.descriptor.name, &entry.entry);
            }
        }
    }
    Ok(())
}

/// Returns the kinds of hashes that entries of each list assert and that stand. O(assertions).
pub(crate) fn kinds_of_lists(
    against: &[Against],
) -> Result<BTreeMap<String, BTreeSet<HashKind>>, Failure> {
    let mut all = BTreeMap::<String, BTreeSet<HashKind>>::new();
    for part in parts(against) {
        let index = part.index();
        let lists = index.lists().map_err(damaged)?;
        for kind in index.kinds() {
            let mut has_kind = vec![false; lists.len()];
            let stands = |entry| part.stands(entry);
            let counted = index.for_each_assertion(kind, stands, |_, entry| {
                if let Some(has_kind) = has_kind.get_mut(index.list_of(entry)? as usize) {
                    *has_kind = true;
                }
                Ok::<(), CorruptIndex>(())
            });
            counted.map_err(damaged)?;
            let having = lists.iter().zip(has_kind).filter(|(_, has_kind)| *has_kind);
            for (list, _) in having {
                let name = list.descriptor.name.clone();
                all.entry(name).or_default().insert(kind);
            }
        }
    }
    Ok(all)
}
