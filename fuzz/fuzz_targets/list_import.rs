//! Feeds the fuzzer's bytes to `bodies/list_import.rs`, which says what is checked.
#![no_main]

#[path = "../bodies/list_import.rs"]
mod list_import;

libfuzzer_sys::fuzz_target!(|data: &[u8]| list_import::body(data));
