//! Feeds the fuzzer's bytes to `bodies/index_search.rs`, which says what is checked.
#![no_main]

#[path = "../bodies/index_search.rs"]
mod index_search;

libfuzzer_sys::fuzz_target!(|data: &[u8]| index_search::body(data));
