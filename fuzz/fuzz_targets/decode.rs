//! Feeds the fuzzer's bytes to `bodies/decode.rs`, which says what is checked.
#![no_main]

#[path = "../bodies/decode.rs"]
mod decode;

libfuzzer_sys::fuzz_target!(|data: &[u8]| decode::body(data));
