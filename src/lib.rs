//! Finds known abuse images: exact perceptual and cryptographic hashes of pictures, matched against hash lists that are
//! held in a memory-mapped index.
//!
//! ```text
//! list files --(list)--> entries --(IndexBuilder)--> index file --(Index::open)--+
//!                                                                                |
//! image bytes --(Decoder)--> Pixels --(PdqHasher, ClassicHasher)--> hashes --(Index::within)--> Match
//!      |                                                                         |
//!      +--(digest)--> md5, sha1, sha256, sha512 --(Index::find)-----------(Screener, Policy)--> Verdict
//! ```
//!
//! Most programs need [`Screener`] and [`Index`] only: bytes go in, a [`Verdict`] comes out. The other types are the
//! steps between, for those who do some of them elsewhere.
//!
//! Three promises hold throughout. A search finds every hash within the threshold. What could not be decided never
//! looks like "no match". No error, log line or `Debug` output contains a hash, an entry or a byte of a picture.
//!
//! The library never prints, reads the environment or starts threads; functions that use the current `rayon` pool say
//! so. `README.md` is the introduction, `ARCHITECTURE.md` the map of the code.
#![deny(unsafe_code)]

// Test support that integration tests and examples share names the crate as they do.
#[cfg(all(test, feature = "synthetic"))]
extern crate self as hashsieve;

mod classic;
mod decode;
pub mod digest;
mod entry;
mod hash;
mod index;
pub mod list;
mod pdq;
mod pixels;
mod screen;
mod search;
mod simd;
mod store;
#[cfg(feature = "synthetic")]
pub mod synthetic;

pub use classic::{
    CLASSIC_PROFILE, CLASSIC_PROFILE_JPEG_LUMA, ClassicError, ClassicHash, ClassicHasher,
};
pub use decode::{
    Alpha, DecodeError, DecodeOptions, DecodeSummary, Decoder, Frame, Frames, ImageFormat,
    LimitKind, Limits, decode, for_each_frame, sniff,
};
pub use entry::{
    Classification, Entry, EntryStatus, KindOpinions, ListDescriptor, MediaType, Opinion, OtherHash,
};
pub use hash::{
    ClassicAlgorithm, ClassicKind, Dihedral, HashError, HashKind, HashValue, MAX_HASH_LEN, Pdq,
};
pub use index::{
    BuildError, BuildProgress, BuildSummary, CorruptIndex, DEFAULT_MEMORY_BUDGET, Index,
    IndexBuilder, IndexOptions, IndexedEntry, IndexedList, OpenError, Residency, SearchError,
};
pub use pdq::{
    PDQ_MIN_SIDE, PDQ_PROFILE, PDQ_PROFILE_JPEG_LUMA, PDQ_RECOMMENDED_MIN_QUALITY,
    PDQ_RECOMMENDED_THRESHOLD, PdqDihedral, PdqError, PdqHash, PdqHasher,
};
pub use pixels::{PixelBuffer, PixelFormat, Pixels, PixelsError};
pub use screen::{
    Action, Against, Candidate, ClassificationPolicy, Decision, DecisionOutcome, DisabledEntry,
    EntryMatch, Evidence, KindPolicy, KnownPolicy, ListPolicy, MatchType, Policy, PolicyError,
    Screener, ScreenerError, SearchedIn, SearchedStore, Status, SuppressedMatch, Suppression,
    Verdict,
};
pub use search::{
    DihedralMatch, Explanation, Match, SearchBuffer, SearchMethod, UnknownSearchMethod,
};
pub use simd::{SimdLevel, UnknownSimdLevel};
pub use store::{
    Change, ChangeKind, ChangeOptions, ChangeSummary, Difference, DifferenceKind, FoundIn,
    ListCounts, ListSettings, Removed, Segment, Snapshot, Store, StoreError, StoreStatus,
    StoreWriter, StoredList, StoredMatch,
};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct ReadmeExamples;
