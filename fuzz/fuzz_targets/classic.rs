//! Feeds the fuzzer's bytes to `bodies/classic.rs`, which says what is checked.
#![no_main]

#[path = "../bodies/classic.rs"]
mod classic;

libfuzzer_sys::fuzz_target!(|data: &[u8]| classic::body(data));
