//! Finds known abuse images.
#![deny(unsafe_code)]

// Test support that integration tests and examples share names the crate as they do.
#[cfg(all(test, feature = "synthetic"))]
extern crate self as hashsieve;

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
#[cfg(feature = "synthetic")]
pub mod synthetic;

pub use decode::{
    Alpha, DecodeError, DecodeOptions, DecodeSummary, Decoder, Frame, Frames, ImageFormat,
    LimitKind, Limits, decode, for_each_frame, sniff,
};
pub use entry::{Classification, Entry, EntryStatus, ListDescriptor, MediaType};
pub use hash::{HashError, HashKind, HashValue, MAX_HASH_LEN, Pdq};
pub use index::{
    BuildError, BuildProgress, BuildSummary, CorruptIndex, DEFAULT_MEMORY_BUDGET, Index,
    IndexBuilder, IndexedEntry, IndexedList, OpenError, SearchError,
};
pub use pdq::{
    Dihedral, PDQ_MIN_SIDE, PDQ_PROFILE, PDQ_RECOMMENDED_MIN_QUALITY, PDQ_RECOMMENDED_THRESHOLD,
    PdqDihedral, PdqError, PdqHash, PdqHasher,
};
pub use pixels::{PixelBuffer, PixelFormat, Pixels, PixelsError};
pub use screen::{
    Action, EntryMatch, Evidence, KindPolicy, ListPolicy, MatchType, Policy, PolicyError, Screener,
    ScreenerError, Status, Verdict,
};
pub use search::Match;
