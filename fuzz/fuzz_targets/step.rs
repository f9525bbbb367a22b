//! libFuzzer's program for [`fuzz::step`].

#![no_main]

libfuzzer_sys::fuzz_target!(init: fuzz::say_level(), |data: &[u8]| fuzz::step::run(data));
