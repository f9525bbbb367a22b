//! libFuzzer's program for [`fuzz::batch`].

#![no_main]

libfuzzer_sys::fuzz_target!(init: fuzz::say_level(), |data: &[u8]| fuzz::batch::run(data));
