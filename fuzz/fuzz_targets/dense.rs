//! libFuzzer's program for [`fuzz::dense`].

#![no_main]

libfuzzer_sys::fuzz_target!(init: fuzz::say_level(), |data: &[u8]| fuzz::dense::run(data));
