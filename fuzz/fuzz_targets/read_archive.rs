//! See `tests/fuzz/read_archive.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| pinrail_tests::fuzz::run("read_archive", data));
