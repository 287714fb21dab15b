//! Screening: bytes to a verdict under a policy, with evidence. The library's main path.
//!
//! A verdict is a lead for people. Nothing here reports, blocks or stores anything.

mod picture;
mod policy;
mod verdict;

use std::fmt;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

pub use policy::{Action, KindPolicy, ListPolicy, Policy, PolicyError};
pub use verdict::{EntryMatch, Evidence, MatchType, Status, Verdict};

use crate::classic::{CLASSIC_PROFILE, CLASSIC_PROFILE_JPEG_LUMA, ClassicHasher};
use crate::decode::{DecodeError, DecodeOptions, Decoder};
use crate::digest;
use crate::hash::Dihedral;
use crate::hash::{ClassicKind, HashKind, HashValue};
use crate::index::{CorruptIndex, Index, SearchError};
use crate::pdq::{PDQ_PROFILE, PDQ_PROFILE_JPEG_LUMA, PdqHasher};
use crate::pixels::Pixels;
use crate::search::SearchBuffer;

/// Screens pictures against indexes under a policy. One value serves any number of threads.
///
/// Each picture costs its decoding, its hashing and a search. Working memory is kept from picture to picture, one set
/// for each thread that is at work at a time: the largest decoded picture, and the rows that PDQ's filter needs of it. A picture of 12 megapixels would else cost two thirds as much again in fresh pages. Classic hashes are
/// computed only of the kinds that some index holds and the policy looks up; each costs more than PDQ
/// ([`ClassicHasher`](crate::ClassicHasher) says how much). The clock is read once a picture when the policy sets a
/// maximum age.
///
/// # Example
/// ```
/// use hashsieve::{Index, Policy, Screener, Status};
/// # use hashsieve::{Entry, IndexBuilder, ListDescriptor, digest, HashKind};
/// # let directory = tempfile::tempdir()?;
/// # let path = directory.path().join("index.hsv");
/// # let mut builder = IndexBuilder::new(&path);
/// # let list = builder.add_list(ListDescriptor { name: "example".into(), ..Default::default() })?;
/// # let mut entry = Entry::new("entry-1");
/// # entry.hashes = digest::of(b"upload", &[HashKind::Md5]);
/// # builder.add(list, &entry)?;
/// # builder.finish()?;
/// let screener = Screener::new(vec![Index::open(&path)?], Policy::default())?;
/// let verdict = screener.screen(b"upload");
/// assert_eq!(verdict.status, Status::Match);
/// assert_eq!(verdict.matches[0].entry, "entry-1");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Screener {
    indexes: Vec<Searched>,
    dihedral: bool,
    options: DecodeOptions,
    /// The digests that some list asks for.
    digest_kinds: Vec<HashKind>,
    /// The classic kinds that some list asks for; no other is computed.
    classic_kinds: Vec<ClassicKind>,
    scratch: Mutex<Vec<Scratch>>,
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

/// An index with what the policy says of its lists, by position.
struct Searched {
    index: Index,
    lists: Vec<SearchedList>,
    /// The kinds by which some list is matched and of which there are hashes.
    kinds: Vec<HashKind>,
}

struct SearchedList {
    name: Arc<str>,
    version: Arc<str>,
    policy: ListPolicy,
    /// Seconds since 1970 past which the list is out of date.
    expires: Option<i64>,
}

impl SearchedList {
    /// Returns how the list is matched by a kind, if it is.
    fn kind(&self, kind: HashKind) -> Option<&KindPolicy> {
        self.policy.kinds.get(&kind)
    }
}

/// Why a screener could not be made.
#[derive(Debug)]
#[non_exhaustive]
pub enum ScreenerError {
    /// The policy cannot be followed.
    Policy(PolicyError),
    /// An index is damaged.
    Corrupt(CorruptIndex),
}

impl fmt::Display for ScreenerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Policy(error) => error.fmt(f),
            Self::Corrupt(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for ScreenerError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Policy(error) => Some(error),
            Self::Corrupt(error) => Some(error),
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

impl Screener {
    /// Returns a screener over these indexes, decoding with default options.
    ///
    /// Without an index every verdict is [`Status::IndexNotLoaded`], as it is when no index holds a hash that the policy
    /// looks up. An index that is given twice counts once.
    ///
    /// The indexes are trusted to be undamaged: [`Index::open`] checks their headers only, and a damaged hash does not
    /// match. Call [`Index::verify`] before, at least after copying a file.
    ///
    /// # Errors
    /// [`ScreenerError::Policy`] when the policy has a number out of range or names a list that no index has;
    /// [`ScreenerError::Corrupt`] when an index cannot describe its lists.
    pub fn new(indexes: Vec<Index>, policy: Policy) -> Result<Self, ScreenerError> {
        Self::with_decode_options(indexes, policy, DecodeOptions::default())
    }

    /// The same, with options for decoding.
    ///
    /// # Errors
    /// As for [`new`](Self::new).
    pub fn with_decode_options(
        indexes: Vec<Index>,
        policy: Policy,
        options: DecodeOptions,
    ) -> Result<Self, ScreenerError> {
        policy.check()?;
        let mut searched: Vec<Searched> = Vec::with_capacity(indexes.len());
        for index in indexes {
            if searched
                .iter()
                .any(|other| other.index.identity() == index.identity())
            {
                continue;
            }
            let mut lists = Vec::new();
            for list in index.lists()? {
                let described = list.descriptor;
                let policy = policy.for_list(&described.name).clone();
                let max_age = policy.max_age_days.map(|days| i64::from(days) * 86_400);
                lists.push(SearchedList {
                    // A list without a date cannot show that it is young enough.
                    expires: max_age.map(|age| {
                        described
                            .time
                            .map_or(i64::MIN, |time| time.saturating_add(age))
                    }),
                    name: described.name.into(),
                    version: described.version.into(),
                    policy,
                });
            }
            let kinds = index.kinds();
            let kinds = kinds.filter(|&kind| lists.iter().any(|list| list.kind(kind).is_some()));
            searched.push(Searched {
                kinds: kinds.collect(),
                index,
                lists,
            });
        }
        let known = |name: &str| {
            let mut lists = searched.iter().flat_map(|searched| &searched.lists);
            lists.any(|list| *list.name == *name)
        };
        if let Some(name) = policy.lists.keys().find(|name| !known(name)) {
            // Without any index there is nothing to compare names with, and every verdict says so.
            if !searched.is_empty() {
                return Err(PolicyError::UnknownList { name: name.clone() }.into());
            }
        }
        let wanted = |kind: &HashKind| searched.iter().any(|one| one.kinds.contains(kind));
        let wanted: Vec<_> = HashKind::ALL.into_iter().filter(wanted).collect();
        Ok(Self {
            classic_kinds: wanted.iter().filter_map(|kind| kind.classic()).collect(),
            digest_kinds: wanted.into_iter().filter(|k| !k.is_perceptual()).collect(),
            indexes: searched,
            dihedral: policy.dihedral,
            options,
            scratch: Mutex::new(Vec::new()),
        })
    }

    /// Returns the verdict on a file's bytes: digests first, then, if a list asks for it, every picture in the file.
    ///
    /// Pictures are looked up one after another, and a match in one is kept when a later one cannot be decoded. Never
    /// panics, whatever the bytes.
    pub fn screen(&self, bytes: &[u8]) -> Verdict {
        let mut screening = Screening {
            looked_up: !self.digest_kinds.is_empty() || self.is_by_picture(),
            ..Screening::default()
        };
        if !self.digest_kinds.is_empty() {
            for digest in digest::of(bytes, &self.digest_kinds) {
                self.look_up_digest(&digest, &mut screening);
            }
        }
        if self.is_by_picture() {
            self.with_scratch(|Scratch { decoder, hashers }| {
                let decoded = decoder.for_each_frame(bytes, |frame| {
                    screening.luma_only = frame.luma_only;
                    self.look_up_picture(hashers, &frame.pixels, frame.number, &mut screening);
                    ControlFlow::Continue(())
                });
                if let Err(error) = decoded {
                    screening.decode_error = Some(error);
                }
            });
        }
        self.verdict(screening)
    }

    /// Returns the verdict on a picture that the caller has decoded. Digests are not looked at: there is no file.
    ///
    /// For formats that this library does not decode, and for frames of videos. They are taken to be decoded as the
    /// profile [`PDQ_PROFILE`] says.
    pub fn screen_pixels(&self, pixels: &Pixels<'_>) -> Verdict {
        let mut screening = Screening {
            looked_up: self.is_by_picture(),
            ..Screening::default()
        };
        self.with_scratch(|scratch| {
            self.look_up_picture(&mut scratch.hashers, pixels, 0, &mut screening);
        });
        self.verdict(screening)
    }

    /// Returns a record of how a verdict on these bytes came about. O(n): the bytes are digested, and the clock is read.
    pub fn evidence(&self, bytes: &[u8], verdict: Verdict) -> Evidence {
        let digests = digest::of(bytes, &[HashKind::Sha256]);
        Evidence {
            hashsieve_version: env!("CARGO_PKG_VERSION"),
            profile: verdict.profile,
            classic_profile: verdict.classic_profile,
            exif_orientation_applied: self.options.apply_exif_orientation,
            dihedral: self.dihedral,
            indexes: self
                .indexes
                .iter()
                .map(|searched| searched.index.identity())
                .collect(),
            input_bytes: bytes.len() as u64,
            input_sha256: digests.iter().map(HashValue::to_hex).collect(),
            made_at: SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .map_or(0, |since| since.as_secs()),
            viewed_by_human: false,
            verdict,
        }
    }

    /// Whether any list is matched by what a picture looks like.
    fn is_by_picture(&self) -> bool {
        self.is_by_pdq() || !self.classic_kinds.is_empty()
    }

    fn is_by_pdq(&self) -> bool {
        let mut indexes = self.indexes.iter();
        indexes.any(|searched| searched.kinds.contains(&HashKind::Pdq))
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

    fn look_up_digest(&self, digest: &HashValue, screening: &mut Screening) {
        for (number, searched) in self.indexes.iter().enumerate() {
            let looked_up = searched.index.find(digest).and_then(|id| {
                let Some(id) = id else { return Ok(()) };
                for entry in searched.index.asserting(digest.kind(), id)? {
                    let entry = entry?;
                    let list = searched.index.list_of(entry)?;
                    if searched.lists[list as usize]
                        .policy
                        .kinds
                        .contains_key(&digest.kind())
                    {
                        screening.found.push(Found {
                            index: number,
                            entry,
                            kind: digest.kind(),
                            distance: 0,
                            picture: None,
                        });
                    }
                }
                Ok(())
            });
            screening.note(looked_up);
        }
    }

    fn verdict(&self, screening: Screening) -> Verdict {
        let mut screening = screening;
        let mut matches = Vec::with_capacity(screening.found.len());
        for found in std::mem::take(&mut screening.found) {
            match self.describe(&found) {
                Ok(described) => matches.push(described),
                Err(corrupt) => screening.note(Err(SearchError::Corrupt(corrupt))),
            }
        }
        matches.sort_by(|a: &EntryMatch, b| {
            let key = |m: &EntryMatch| (m.match_type, m.distance, m.kind);
            let names = || (&a.list, &a.entry).cmp(&(&b.list, &b.entry));
            key(a).cmp(&key(b)).then_with(names)
        });
        let lists_out_of_date = self.lists_out_of_date();
        let status = if !screening.looked_up {
            Status::IndexNotLoaded
        } else if !matches.is_empty() {
            Status::Match
        } else if screening.damage.is_some() {
            Status::IndexDamaged
        } else if let Some(error) = &screening.decode_error {
            error.into()
        } else if !lists_out_of_date.is_empty() {
            // Before what is the picture's fault: callers may let a flat picture pass, but not with an old list.
            Status::ListOutOfDate
        } else if let Some((status, _)) = &screening.unhashed {
            *status
        } else if screening.low_quality_frames > 0 {
            Status::LowQuality
        } else {
            Status::NoMatch
        };
        let text = |error: Option<&dyn fmt::Display>| error.map(ToString::to_string);
        let nothing = "no index holds a hash that the policy looks up here";
        let nothing = (!screening.looked_up).then_some(&nothing as &dyn fmt::Display);
        let damage = screening.damage.as_ref().map(|e| e as &dyn fmt::Display);
        let decode_error = screening
            .decode_error
            .as_ref()
            .map(|e| e as &dyn fmt::Display);
        let unhashed = screening.unhashed.as_ref();
        let unhashed = unhashed.map(|(_, problem)| problem as &dyn fmt::Display);
        Verdict {
            status,
            action: matches.iter().map(|found| found.action).max(),
            matches,
            problem: text(nothing.or(damage).or(decode_error).or(unhashed)),
            frames: screening.frames,
            profile: screening.by_pdq.then_some(if screening.luma_only {
                PDQ_PROFILE_JPEG_LUMA
            } else {
                PDQ_PROFILE
            }),
            classic_profile: screening.by_classic.then_some(if screening.luma_only {
                CLASSIC_PROFILE_JPEG_LUMA
            } else {
                CLASSIC_PROFILE
            }),
            low_quality_frames: screening.low_quality_frames,
            lists_out_of_date,
        }
    }

    fn describe(&self, found: &Found) -> Result<EntryMatch, CorruptIndex> {
        let searched = &self.indexes[found.index];
        let read = searched.index.entry(found.entry)?;
        let list = &searched.lists[read.list as usize];
        let (frame, transform, quality) = match found.picture {
            Some((frame, transform, quality)) => (Some(frame), Some(transform), quality),
            None => (None, None, None),
        };
        Ok(EntryMatch {
            list: list.name.to_string(),
            list_version: list.version.to_string(),
            entry: read.entry.entry_id,
            submitter: read.entry.submitter,
            classification: read.entry.classification,
            entry_status: read.entry.status,
            kind: found.kind,
            match_type: if found.kind.is_perceptual() {
                MatchType::Near
            } else {
                MatchType::Exact
            },
            distance: found.distance,
            threshold: list
                .kind(found.kind)
                .filter(|_| found.kind.is_perceptual())
                .map(|policy| policy.threshold(found.kind)),
            quality,
            transform,
            frame,
            action: list.policy.action,
        })
    }

    fn lists_out_of_date(&self) -> Vec<String> {
        let all = || self.indexes.iter().flat_map(|searched| &searched.lists);
        if all().all(|list| list.expires.is_none()) {
            return Vec::new();
        }
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        // A clock before 1970 or far in the future cannot show that a list is young enough.
        let now = since.map_or(i64::MAX, |since| {
            i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
        });
        all()
            .filter(|list| !list.policy.kinds.is_empty())
            .filter(|list| list.expires.is_some_and(|expires| now > expires))
            .map(|list| list.name.to_string())
            .collect()
    }
}

impl fmt::Debug for Screener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Screener")
            .field("indexes", &self.indexes.len())
            .field("dihedral", &self.dihedral)
            .finish_non_exhaustive()
    }
}

/// What has been found so far about one input.
#[derive(Default)]
struct Screening {
    /// Whether there was anything to look up in.
    looked_up: bool,
    found: Vec<Found>,
    frames: u32,
    /// Whether the frames looked at are of a JPEG's stored luma alone.
    luma_only: bool,
    /// Whether a picture was hashed by PDQ, and by a classic hash.
    by_pdq: bool,
    by_classic: bool,
    low_quality_frames: u32,
    /// Why a picture has no hash of some kind that was to be looked up: the status that this is, and in words.
    unhashed: Option<(Status, String)>,
    decode_error: Option<DecodeError>,
    damage: Option<SearchError>,
}

/// One way in which one entry matches.
struct Found {
    index: usize,
    entry: u32,
    kind: HashKind,
    distance: u32,
    /// Frame, transform and PDQ quality of the picture; none for a digest, no quality for a classic kind.
    picture: Option<(u32, Dihedral, Option<u8>)>,
}

impl Screening {
    fn note(&mut self, result: Result<(), SearchError>) {
        if let Err(error) = result {
            self.damage.get_or_insert(error);
        }
    }
}

/// So many ways are collected before those of one entry are put together.
const ENOUGH: usize = 1 << 16;

/// Keeps the closest way in which each entry matches, of those the first frame and transform, so that a long animation
/// or a wide threshold holds no more than one for each entry, and some.
fn keep_closest(found: &mut Vec<Found>) {
    let what = |found: &Found| (found.index, found.entry, found.kind);
    found.sort_unstable_by_key(|found| (what(found), found.distance, found.picture));
    found.dedup_by_key(|found| what(found));
}
