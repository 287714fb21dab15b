//! The program, as people meet it: the real binary in temporary folders, its output, exit codes and files.
//!
//! All pictures are synthetic, all hashes are theirs or seeded random bytes.

mod bench;
mod hash;
mod index;
mod lists;
mod output;
mod scan;
pub mod support;
mod walking;
