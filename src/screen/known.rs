//! Files that known lists have: which of their entries a file agrees with in every digest that they have.

use std::collections::BTreeMap;
use std::ops::Range;

use super::plan::Plan;
use super::screening::{Known, Screening};
use crate::digest;
use crate::hash::{HashKind, HashValue};
use crate::index::{CorruptIndex, Index, SearchError};

/// Which kinds of digests the entries of known lists of one index have, a bit for each entry and kind. Empty where the index has
/// digests of one kind alone: an entry that is found by it has no other.
#[derive(Default)]
pub(super) struct KnownDigests {
    /// The known lists, by their places in the index.
    lists: Vec<u32>,
    kinds: Vec<(HashKind, Vec<u64>)>,
}

impl KnownDigests {
    /// Goes through all digests of an index. O(assertions), at some 10 nanoseconds each; the digests themselves are not read.
    pub(super) fn of(index: &Index, lists: Vec<u32>) -> Result<Self, CorruptIndex> {
        let digests: Vec<_> = index.kinds().filter(|kind| !kind.is_perceptual()).collect();
        if digests.len() < 2 {
            return Ok(Self {
                lists,
                kinds: Vec::new(),
            });
        }
        let of_lists = lists.iter().map(|&list| index.entries_of(list));
        let ranges: Vec<Range<u32>> = of_lists.collect::<Result<_, _>>()?;
        let mut kinds = Vec::new();
        for kind in digests {
            let mut bits = vec![0_u64; index.entries().div_ceil(64) as usize];
            for id in 0..index.len(kind) {
                for entry in index.asserting(kind, id)? {
                    let entry = entry?;
                    if ranges.iter().any(|range| range.contains(&entry)) {
                        // Every position that an index gives is below the number of its entries.
                        if let Some(word) = bits.get_mut(entry as usize / 64) {
                            *word |= 1 << (entry % 64);
                        }
                    }
                }
            }
            kinds.push((kind, bits));
        }
        Ok(Self { lists, kinds })
    }

    /// Returns whether entries of all these lists were looked at.
    pub(super) fn covers(&self, lists: &[u32]) -> bool {
        lists.iter().all(|list| self.lists.contains(list))
    }

    /// Returns the kinds of digests that an entry of these lists has.
    fn of_entry(&self, entry: u32) -> impl Iterator<Item = HashKind> + '_ {
        let has = move |bits: &[u64]| {
            let word = bits.get(entry as usize / 64);
            word.is_some_and(|word| word >> (entry % 64) & 1 == 1)
        };
        let having = self.kinds.iter().filter(move |(_, bits)| has(bits));
        having.map(|(kind, _)| *kind)
    }
}

/// Says how much a digest proves, in an order.
pub(super) fn strength(kind: HashKind) -> u8 {
    match kind {
        HashKind::Md5 => 0,
        HashKind::Sha1 => 1,
        _ => 2,
    }
}

/// The digests of a file, computed when they are first asked for, and which entries have them.
struct File<'a> {
    bytes: &'a [u8],
    digests: BTreeMap<HashKind, Option<HashValue>>,
    /// The entries that assert the digest of a kind, in order, by what is searched and kind.
    having: BTreeMap<(usize, HashKind), Vec<u32>>,
}

impl File<'_> {
    /// Returns whether an entry has the file's digest of a kind.
    fn agrees(
        &mut self,
        plan: &Plan,
        (searched, entry, kind): (usize, u32, HashKind),
    ) -> Result<bool, SearchError> {
        let having = match self.having.entry((searched, kind)) {
            std::collections::btree_map::Entry::Occupied(having) => having.into_mut(),
            std::collections::btree_map::Entry::Vacant(vacant) => {
                let compute = || digest::of(self.bytes, &[kind]).pop();
                let digest = self.digests.entry(kind).or_insert_with(compute);
                let index = plan.searched[searched].index();
                let mut having = Vec::new();
                if let Some(digest) = digest
                    && let Some(id) = index.find(digest)?
                {
                    having = index.asserting(kind, id)?.collect::<Result<_, _>>()?;
                }
                vacant.insert(having)
            }
        };
        Ok(having.binary_search(&entry).is_ok())
    }
}

impl Screening {
    /// Says which known lists have the file, from what was found of its digests one by one: an entry has it only if it has every
    /// digest that the entry has. Those that agree in a stronger digest come first.
    ///
    /// O(h log h) for the h entries found, beside digests of kinds that were not looked up.
    pub(super) fn settle_file(&mut self, plan: &Plan, bytes: &[u8], digests: &[HashValue]) {
        let mut hits = std::mem::take(&mut self.fresh_known);
        hits.sort_unstable_by_key(|hit| (hit.searched, hit.entry, hit.kind));
        let digests = digests.iter().map(|digest| (digest.kind(), Some(*digest)));
        let mut file = File {
            bytes,
            digests: digests.collect(),
            having: BTreeMap::new(),
        };
        // The best of each list, by the place of the list in the plan.
        let mut best = BTreeMap::<usize, Known>::new();
        for hits in hits.chunk_by(|a, b| (a.searched, a.entry) == (b.searched, b.entry)) {
            let Some(&Known {
                searched, entry, ..
            }) = hits.first()
            else {
                continue;
            };
            let has = &plan.searched[searched].known_digests;
            let unseen = |kind: &HashKind| hits.iter().all(|hit| hit.kind != *kind);
            let others: Vec<_> = has.of_entry(entry).filter(unseen).collect();
            let mut agrees = Ok(true);
            for &kind in &others {
                if matches!(agrees, Ok(true)) {
                    agrees = file.agrees(plan, (searched, entry, kind));
                }
            }
            match agrees {
                Ok(true) => {}
                Ok(false) => continue,
                Err(error) => {
                    // Where an index is damaged nothing is suppressed.
                    self.note(Err(error));
                    continue;
                }
            }
            let kinds = hits.iter().map(|hit| hit.kind).chain(others);
            let Some(kind) = kinds.max_by_key(|&kind| (strength(kind), kind)) else {
                continue;
            };
            let known = Known {
                distance: 0,
                searched,
                entry,
                kind,
            };
            let Ok(list) = plan.position_of_list(&plan.searched[searched], entry) else {
                continue;
            };
            let so_far = best.entry(list).or_insert(known);
            if strength(known.kind) > strength(so_far.kind) {
                *so_far = known;
            }
        }
        self.known_file = best.into_values().collect();
        self.known_file
            .sort_by_key(|known| std::cmp::Reverse(strength(known.kind)));
    }
}
