//! `hashsieve store` and `hashsieve list check`, as people meet them: the real binary in temporary folders.
//!
//! All hashes, ids and lists are made up.
#![cfg(unix)]

mod bad_input;
mod changes;
mod check;
mod command_line;
mod export;
mod feeds;
pub mod support;
mod upkeep;
mod withdrawing;
