//! libFuzzer's program for [`fuzz::structure`].

#![no_main]

libfuzzer_sys::fuzz_target!(init: fuzz::say_level(), |data: &[u8]| fuzz::structure::run(data));
