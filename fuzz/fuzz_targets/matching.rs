//! See `tests/fuzz/matching.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| pinrail_tests::fuzz::run("matching", data));
