//! Feeds the fuzzer's bytes to `bodies/pdq.rs`, which says what is checked.
#![no_main]

#[path = "../bodies/pdq.rs"]
mod pdq;

libfuzzer_sys::fuzz_target!(|data: &[u8]| pdq::body(data));
