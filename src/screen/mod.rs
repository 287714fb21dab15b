//! Screening: bytes to a verdict under a policy, with evidence. The library's main path.
//!
//! A verdict is a lead for people. Nothing here reports, blocks or stores anything.

mod check;
mod decide;
mod known;
mod picture;
mod plan;
mod policy;
mod screening;
mod verdict;

use std::collections::BTreeSet;
use std::fmt;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use arc_swap::ArcSwap;

pub use check::PolicyError;
pub use decide::{Candidate, Decision, DecisionOutcome, Suppression};
pub use plan::{SearchedIn, SearchedStore};
pub use policy::{
    Action, ClassificationPolicy, DisabledEntry, KindPolicy, KnownPolicy, ListPolicy, Policy,
};
pub use verdict::{EntryMatch, Evidence, MatchType, Status, SuppressedMatch, Verdict};

use crate::classic::ClassicHasher;
use crate::decode::{DecodeOptions, Decoder};
use crate::digest;
use crate::hash::{HashKind, HashValue};
use crate::index::{CorruptIndex, Index};
use crate::pdq::PdqHasher;
use crate::pixels::Pixels;
use crate::search::SearchBuffer;
use crate::store::{Snapshot, Store, StoreError};
use plan::{Followed, Plan, PlannedStore};
use screening::Screening;

/// Screens pictures against indexes and stores under a policy. One value serves any number of threads.
///
/// Each picture costs its decoding, its hashing and a search. Working memory is kept from picture to picture, one set
/// for each thread that is at work at a time: the largest decoded picture, and the rows that PDQ's filter needs of it. A picture of 12 megapixels would else cost two thirds as much again in fresh pages. Classic hashes are
/// computed only of the kinds that some index holds and the policy looks up; each costs more than PDQ
/// ([`ClassicHasher`](crate::ClassicHasher) says how much). The clock is read once a picture when some list can be out of date.
///
/// Of a store, what it holds when the screener is made is searched, until [`reload`](Self::reload) takes what is new. Threads go
/// on meanwhile, each picture with what there was when it began; they take no lock for it.
///
/// # Example
/// ```
/// use hashsieve::{ChangeOptions, Policy, Screener, Status, Store, StoreWriter};
/// # use hashsieve::{Entry, ListDescriptor, digest, HashKind};
/// # let directory = tempfile::tempdir()?;
/// # let path = directory.path().join("store");
/// # StoreWriter::create(&path)?;
/// # let mut entry = Entry::new("entry-1");
/// # entry.hashes = digest::of(b"upload", &[HashKind::Md5]);
/// # let list = || ListDescriptor { name: "example".into(), ..Default::default() };
/// # let mut writer = StoreWriter::open(&path)?;
/// # let mut change = writer.change(list(), ChangeOptions::add())?;
/// # change.add(&entry, false)?;
/// # change.commit()?;
/// let screener = Screener::new([Store::open(&path)?], Policy::default())?;
/// let verdict = screener.screen(b"upload");
/// assert_eq!(verdict.status, Status::Match);
/// assert_eq!(verdict.matches[0].entry, "entry-1");
///
/// // Elsewhere, as a rule in another process:
/// writer.withdraw("example", ["entry-1"])?;
///
/// assert!(screener.reload()?);
/// assert!(screener.screen(b"upload").matches.is_empty());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Screener {
    against: Vec<Against>,
    followed: Followed,
    options: DecodeOptions,
    plan: ArcSwap<Plan>,
    /// Held by the one thread that reloads.
    reloading: Mutex<()>,
    scratch: Mutex<Vec<Scratch>>,
}

/// What pictures are screened against.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Against {
    /// An index, which stays as it is.
    Index(Arc<Index>),
    /// A store, which may change.
    Store(Arc<Store>),
}

impl From<Index> for Against {
    fn from(index: Index) -> Self {
        Self::Index(Arc::new(index))
    }
}

impl From<Arc<Index>> for Against {
    fn from(index: Arc<Index>) -> Self {
        Self::Index(index)
    }
}

impl From<Store> for Against {
    fn from(store: Store) -> Self {
        Self::Store(Arc::new(store))
    }
}

impl From<Arc<Store>> for Against {
    fn from(store: Arc<Store>) -> Self {
        Self::Store(store)
    }
}

/// What one thread needs to decode and hash, kept from picture to picture.
struct Scratch {
    decoder: Decoder,
    hashers: Hashers,
}

/// What computes perceptual hashes and looks them up.
#[derive(Default)]
struct Hashers {
    pdq: PdqHasher,
    classic: ClassicHasher,
    search: SearchBuffer,
}

/// Why a screener could not be made.
#[derive(Debug)]
#[non_exhaustive]
pub enum ScreenerError {
    /// The policy cannot be followed.
    Policy(PolicyError),
    /// An index is damaged.
    Corrupt(CorruptIndex),
    /// A store cannot be read.
    Store(StoreError),
}

impl fmt::Display for ScreenerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Policy(error) => error.fmt(f),
            Self::Corrupt(error) => error.fmt(f),
            Self::Store(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for ScreenerError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Policy(error) => Some(error),
            Self::Corrupt(error) => Some(error),
            Self::Store(error) => Some(error),
        }
    }
}

impl From<PolicyError> for ScreenerError {
    fn from(error: PolicyError) -> Self {
        Self::Policy(error)
    }
}

impl From<CorruptIndex> for ScreenerError {
    fn from(error: CorruptIndex) -> Self {
        Self::Corrupt(error)
    }
}

impl From<StoreError> for ScreenerError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl Screener {
    /// Returns a screener over these indexes and stores, decoding with default options.
    ///
    /// Without any, every verdict is [`Status::IndexNotLoaded`], as it is when none holds a hash that the policy looks up. An
    /// index or a store that is given twice counts once, a store also where its path is spelled in two ways; an index that is a segment
    /// of a store given as well is searched as that, without what the store has withdrawn of it.
    ///
    /// Where an index or a segment with digests of several kinds has a [known](ListPolicy::known) list, it is gone through once, at some 10
    /// nanoseconds for each digest, and a bit is kept for each entry and kind, to know which digests a known entry has.
    ///
    /// Indexes are trusted to be undamaged: [`Index::open`] and [`Store::open`] check headers only, and a damaged hash does not
    /// match. Call [`Index::verify`] or [`Store::verify`] before, at least after copying a file.
    ///
    /// # Errors
    /// [`ScreenerError::Policy`] when the policy has a number out of range or names a list that is nowhere;
    /// [`ScreenerError::Corrupt`] when an index cannot describe its lists.
    pub fn new<A: Into<Against>>(
        against: impl IntoIterator<Item = A>,
        policy: Policy,
    ) -> Result<Self, ScreenerError> {
        Self::with_decode_options(against, policy, DecodeOptions::default())
    }

    /// The same, with options for decoding.
    ///
    /// # Errors
    /// As for [`new`](Self::new).
    pub fn with_decode_options<A: Into<Against>>(
        against: impl IntoIterator<Item = A>,
        policy: Policy,
        options: DecodeOptions,
    ) -> Result<Self, ScreenerError> {
        policy.check()?;
        let mut against: Vec<Against> = against.into_iter().map(Into::into).collect();
        let stores = PlannedStore::all(&against, &[]);
        // For good: when the store puts its segments together, this one would otherwise be searched with all that was withdrawn.
        against.retain(|one| match one {
            Against::Index(index) => {
                let identity = index.identity();
                !stores.iter().any(|store| store.has_segment(&identity))
            }
            Against::Store(_) => true,
        });
        let followed = Followed::new(policy);
        let plan = Plan::new(&against, stores, &followed, None);
        let plan = plan.map_err(|damaged| damaged.corrupt)?;
        plan.check_names(&followed)?;
        Ok(Self {
            plan: ArcSwap::from_pointee(plan),
            against,
            followed,
            options,
            reloading: Mutex::new(()),
            scratch: Mutex::new(Vec::new()),
        })
    }

    /// Takes what is new in the stores, and returns whether there was anything. Once it has returned, every picture is screened
    /// against stores at least as new as they were when it was called.
    ///
    /// Costs what [`Store::reload`] does, and more for new segments with known lists ([`new`](Self::new) says what); other threads are not held up. Of lists that are new, [`Policy::default`] holds unless the policy names them; that a list
    /// which the policy names is gone is no error: [`missing_lists`](Self::missing_lists) tells of it.
    ///
    /// # Errors
    /// [`ScreenerError::Store`] or [`ScreenerError::Corrupt`] when a store cannot be read, the first of several. What was searched of
    /// it before still is; what is new in the others counts all the same.
    pub fn reload(&self) -> Result<bool, ScreenerError> {
        let _reloading = self
            .reloading
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let mut failed = None;
        for against in &self.against {
            if let Against::Store(store) = against
                && let Err(error) = store.reload()
            {
                failed.get_or_insert(ScreenerError::Store(error));
            }
        }
        // A store that others use as well may have been loaded by them.
        let plan = self.plan.load();
        let mut before_these: Vec<Option<Arc<Snapshot>>> = vec![None; plan.stores.len()];
        loop {
            let mut stores = PlannedStore::all(&self.against, &plan.stores);
            for (store, before) in stores.iter_mut().zip(&before_these) {
                if let Some(before) = before {
                    store.snapshot = Arc::clone(before);
                }
            }
            let mut pairs = stores.iter().zip(&plan.stores);
            if pairs.all(|(now, before)| now.is_same(before)) {
                return failed.map_or(Ok(false), Err);
            }
            match Plan::new(&self.against, stores, &self.followed, Some(&plan)) {
                Ok(next) => {
                    self.plan.store(Arc::new(next));
                    return failed.map_or(Ok(true), Err);
                }
                Err(damaged) => {
                    let error = failed.unwrap_or(ScreenerError::Corrupt(damaged.corrupt));
                    // Of this store what was searched before, if that is not what is damaged.
                    let place = damaged.store.and_then(|store| {
                        let before = plan.stores.get(store)?;
                        Some((before_these.get_mut(store)?, before))
                    });
                    let Some((place @ None, before)) = place else {
                        return Err(error);
                    };
                    *place = Some(Arc::clone(&before.snapshot));
                    failed = Some(error);
                }
            }
        }
    }

    /// Returns the names of lists that the policy uses, wherever they stand in it, and that nothing which is searched has now; in
    /// order, each once.
    ///
    /// Usually there are none, since [`new`](Self::new) refuses such a policy. Somebody may remove a list from its store later: from
    /// the [`reload`](Self::reload) on that takes this, inputs are judged without it, and no status says so. Ask after each reload,
    /// and tell whoever keeps the policy. Where nothing has any list, all names are told. O(names x lists); takes no lock.
    ///
    /// # Example
    /// ```
    /// use hashsieve::{ChangeOptions, Policy, Screener, Store, StoreWriter};
    /// # use hashsieve::{Entry, ListDescriptor, digest, HashKind};
    /// # let directory = tempfile::tempdir()?;
    /// # let path = directory.path().join("store");
    /// # let mut writer = StoreWriter::create(&path)?;
    /// # for name in ["hotline", "own"] {
    /// #     let mut entry = Entry::new("entry-1");
    /// #     entry.hashes = digest::of(b"upload", &[HashKind::Md5]);
    /// #     let list = ListDescriptor { name: name.into(), ..Default::default() };
    /// #     let mut change = writer.change(list, ChangeOptions::add())?;
    /// #     change.add(&entry, false)?;
    /// #     change.commit()?;
    /// # }
    /// let policy: Policy = toml::from_str("[lists.hotline]\naction = 'block'")?;
    /// let screener = Screener::new([Store::open(&path)?], policy)?;
    /// assert!(screener.missing_lists().is_empty());
    ///
    /// writer.remove_list("hotline", &mut |_| {})?;
    /// screener.reload()?;
    /// assert_eq!(screener.missing_lists(), ["hotline"]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn missing_lists(&self) -> Vec<String> {
        let plan = self.plan.load();
        let missing: BTreeSet<&String> = plan.missing_names(&self.followed).collect();
        missing.into_iter().cloned().collect()
    }

    /// Returns the verdict on a file's bytes: digests first, then, if a list asks for it, every picture in the file.
    ///
    /// Pictures are looked up one after another, and a match in one is kept when a later one cannot be decoded. Never
    /// panics, whatever the bytes.
    pub fn screen(&self, bytes: &[u8]) -> Verdict {
        let plan = &*self.plan.load();
        let has_kinds = !plan.digest_kinds.is_empty() || plan.is_by_picture();
        let mut screening = Screening::new(has_kinds);
        if !plan.digest_kinds.is_empty() {
            let digests = digest::of(bytes, &plan.digest_kinds);
            for digest in &digests {
                screening.look_up_digest(plan, digest);
            }
            screening.settle_file(plan, bytes, &digests);
        }
        if plan.is_by_picture() {
            self.with_scratch(|Scratch { decoder, hashers }| {
                let decoded = decoder.for_each_frame(bytes, |frame| {
                    screening.luma_only = frame.luma_only;
                    plan.look_up_picture(hashers, &frame.pixels, frame.number, &mut screening);
                    ControlFlow::Continue(())
                });
                if let Err(error) = decoded {
                    screening.decode_error = Some(error);
                }
            });
        }
        screening.verdict(plan, lists_out_of_date(plan))
    }

    /// Returns the verdict on a picture that the caller has decoded. Digests are not looked at: there is no file.
    ///
    /// For formats that this library does not decode, and for frames of videos. They are taken to be decoded as the
    /// profile [`PDQ_PROFILE`](crate::PDQ_PROFILE) says.
    pub fn screen_pixels(&self, pixels: &Pixels<'_>) -> Verdict {
        let plan = &*self.plan.load();
        let mut screening = Screening::new(plan.is_by_picture());
        self.with_scratch(|scratch| {
            plan.look_up_picture(&mut scratch.hashers, pixels, 0, &mut screening);
        });
        screening.verdict(plan, lists_out_of_date(plan))
    }

    /// Returns a record of how a verdict on these bytes came about. O(n): the bytes are digested, and the clock is read.
    pub fn evidence(&self, bytes: &[u8], verdict: Verdict) -> Evidence {
        let digests = digest::of(bytes, &[HashKind::Sha256]);
        Evidence {
            hashsieve_version: env!("CARGO_PKG_VERSION"),
            profile: verdict.profile,
            classic_profile: verdict.classic_profile,
            exif_orientation_applied: self.options.apply_exif_orientation,
            dihedral: self.followed.dihedral,
            policy_sha256: self.followed.sha256.clone(),
            searched_in: SearchedIn::clone(&verdict.searched_in),
            input_bytes: bytes.len() as u64,
            input_sha256: digests.iter().map(HashValue::to_hex).collect(),
            made_at: SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .map_or(0, |since| since.as_secs()),
            viewed_by_human: false,
            verdict,
        }
    }

    /// Runs with working memory that is kept for the next picture.
    fn with_scratch<T>(&self, work: impl FnOnce(&mut Scratch) -> T) -> T {
        let pool = || self.scratch.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = pool().pop();
        let mut scratch = kept.unwrap_or_else(|| Scratch {
            decoder: Decoder::new(self.options),
            hashers: Hashers::default(),
        });
        let result = work(&mut scratch);
        pool().push(scratch);
        result
    }
}

/// Returns the names of the lists that are asked for something, or suppress something, and are out of date for it.
fn lists_out_of_date(plan: &Plan) -> Vec<String> {
    if plan.lists.iter().all(|list| list.fresh.is_none()) {
        return Vec::new();
    }
    // A clock before 1970 or far in the future cannot show that a list is young enough.
    let since = SystemTime::now().duration_since(UNIX_EPOCH).ok();
    let now = since.and_then(|since| i64::try_from(since.as_secs()).ok());
    let out_of_date = plan.lists.iter().filter(|list| {
        let is_matched = HashKind::ALL
            .into_iter()
            .any(|kind| list.policy.has_kind(kind));
        is_matched && list.is_out_of_date(now)
    });
    out_of_date.map(|list| list.name.to_string()).collect()
}

impl fmt::Debug for Screener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Screener")
            .field("against", &self.against)
            .field("dihedral", &self.followed.dihedral)
            .finish_non_exhaustive()
    }
}
