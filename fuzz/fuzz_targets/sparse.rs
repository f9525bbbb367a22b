//! libFuzzer's program for [`fuzz::sparse`].

#![no_main]

libfuzzer_sys::fuzz_target!(init: fuzz::say_level(), |data: &[u8]| fuzz::sparse::run(data));
