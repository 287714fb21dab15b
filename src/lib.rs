//! Finds known abuse images.
#![deny(unsafe_code)]

pub mod digest;
mod hash;
mod pixels;

pub use hash::{HashError, HashKind, HashValue, MAX_HASH_LEN, Pdq};
pub use pixels::{PixelBuffer, PixelFormat, Pixels, PixelsError};
