//! Feeds the fuzzer's bytes to `bodies/hash_parse.rs`, which says what is checked.
#![no_main]

#[path = "../bodies/hash_parse.rs"]
mod hash_parse;

libfuzzer_sys::fuzz_target!(|data: &[u8]| hash_parse::body(data));
