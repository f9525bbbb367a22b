//! What environment variables decide for all calls of the process, read once.

use std::num::NonZeroUsize;
use std::sync::OnceLock;

use lsap::{Level, Threads};
use napi::bindgen_prelude::Env;
use napi_derive::napi;

use crate::error::{Failure, Result};

/// Forces a level, for support cases.
const LEVEL: &str = "HUNGARIAN_LOSS_SIMD";

/// Says how many threads the process may use; WebAssembly has one, whatever it says.
const THREADS: &str = "HUNGARIAN_LOSS_THREADS";

/// More are refused, as a slip.
const MOST_THREADS: usize = 1024;

/// A variable's value, or the text that has none.
type Setting<T> = OnceLock<std::result::Result<T, String>>;

/// The level that all calls use.
pub fn level() -> Result<Level> {
    static SETTING: Setting<Level> = OnceLock::new();
    setting(&SETTING, LEVEL, Level::from_name, Level::detect).copied().map_err(|given| {
        let known: Vec<_> = Level::available().iter().map(|level| level.name()).collect();
        Failure::option(LEVEL, format!("{LEVEL}: this processor has {} and fallback, got {given}", known.join(", ")))
    })
}

/// Name of the instruction set in use: `avx512`, `avx2`, `sse2`, `neon`, `simd128` or `scalar`.
#[napi(catch_unwind)]
pub fn simd_level(env: Env) -> napi::Result<String> {
    level().map(|level| level.name().to_owned()).map_err(|failure| failure.into_js(&env))
}

/// The most threads that this process uses at once.
#[napi(catch_unwind)]
pub fn thread_count(env: Env) -> napi::Result<u32> {
    threads().map(|threads| threads.count() as u32).map_err(|failure| failure.into_js(&env))
}

/// The threads that all calls share.
pub fn threads() -> Result<&'static Threads> {
    static SETTING: Setting<Threads> = OnceLock::new();
    let parse = |text: &str| text.parse::<NonZeroUsize>().ok().filter(|count| count.get() <= MOST_THREADS);
    let limited = |count| if cfg!(target_family = "wasm") { NonZeroUsize::MIN } else { count };
    setting(&SETTING, THREADS, |text| parse(text).map(limited).map(Threads::new), Threads::default).map_err(|given| {
        Failure::option(THREADS, format!("{THREADS}: must be an integer from 1 to {MOST_THREADS}, got {given}"))
    })
}

/// The value of a variable; where it is absent or empty, the usual one.
fn setting<T>(
    setting: &'static Setting<T>,
    variable: &str,
    parse: impl FnOnce(&str) -> Option<T>,
    usual: impl FnOnce() -> T,
) -> std::result::Result<&'static T, &'static str> {
    let read = || match std::env::var_os(variable).map(|text| text.to_string_lossy().into_owned()) {
        Some(text) if !text.is_empty() => parse(&text).ok_or(text),
        _ => Ok(usual()),
    };
    setting.get_or_init(read).as_ref().map_err(String::as_str)
}
