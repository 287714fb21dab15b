//! Feeds the fuzzer's bytes to `bodies/index_open.rs`, which says what is checked.
#![no_main]

#[path = "../bodies/index_open.rs"]
mod index_open;

libfuzzer_sys::fuzz_target!(|data: &[u8]| index_open::body(data));
