//! Finds known abuse images.
#![deny(unsafe_code)]

pub mod digest;
mod hash;
mod pdq;
mod pixels;

pub use hash::{HashError, HashKind, HashValue, MAX_HASH_LEN, Pdq};
pub use pdq::{
    Dihedral, PDQ_MIN_SIDE, PDQ_PROFILE, PDQ_RECOMMENDED_MIN_QUALITY, PDQ_RECOMMENDED_THRESHOLD,
    PdqDihedral, PdqError, PdqHash, PdqHasher,
};
pub use pixels::{PixelBuffer, PixelFormat, Pixels, PixelsError};
