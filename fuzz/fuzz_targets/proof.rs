//! libFuzzer's program for [`fuzz::proof`].

#![no_main]

libfuzzer_sys::fuzz_target!(init: fuzz::say_level(), |data: &[u8]| fuzz::proof::run(data));
