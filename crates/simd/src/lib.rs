//! Vectors that give the same bits on every instruction set: sixteen `f32` ([`F32`]) or eight `f64` ([`F64`]), whatever the
//! processor has, found out once ([`Level::detect`]), with an exp, an ln and a logistic function of their own ([`math`]).
//!
//! A kernel is generic over [`Simd`] and written once, with plain multiplications and additions, and sums in one fixed order.
//! [`dispatch!`] enters it at one level; it is used once per stage, never in a loop. Functions that a kernel calls, closures
//! too, need `#[inline(always)]`: what is not inlined is not compiled for the level's instructions.
//!
//! ```
//! use simd::{F32, LANES, Level, Simd, dispatch, load, prelude::*};
//!
//! /// Sum of squares. `values`: whole vectors.
//! #[inline(always)]
//! fn squares<S: Simd>(simd: S, values: &[f32]) -> f32 {
//!     let mut sum = F32::splat(simd, 0.0);
//!     for at in (0..values.len()).step_by(LANES) {
//!         let value = load(simd, values, at);
//!         sum += value * value;
//!     }
//!     sum.reduce_sum()
//! }
//!
//! let values: Vec<f32> = (0..48).map(|k| k as f32 * 0.1).collect();
//! let sums = Level::available().into_iter().map(|level| dispatch!(level, simd => squares(simd, &values)));
//! let sums: Vec<_> = sums.map(f32::to_bits).collect();
//! assert!(sums.iter().all(|&sum| sum == sums[0]));
//! ```

#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod math;

#[doc(hidden)]
pub use fearless_simd;
pub use fearless_simd::{Simd, f32x4, i32x16, prelude};

use fearless_simd::{f32x8, f32x16, f64x8};
use prelude::*;

/// Lanes of [`F32`].
pub const LANES: usize = 16;

/// Sixteen `f32`, on every level.
pub type F32<S> = f32x16<S>;

/// Eight `f64`, on every level.
pub type F64<S> = f64x8<S>;

/// The instruction set that the kernels run on. Every level gives the same bits.
///
/// Each architecture has a lowest level that all its processors share (SSE2 on x86-64, NEON on AArch64, plain code on
/// those without vectors), which stands for "no more than the baseline".
#[derive(Clone, Copy, Debug)]
pub struct Level(#[doc(hidden)] pub fearless_simd::Level);

impl Level {
    /// The best level of this processor.
    #[must_use]
    pub fn detect() -> Self {
        Self::available()[0]
    }

    /// Every level that this processor can run, the best first; the last is the architecture's baseline.
    #[must_use]
    pub fn available() -> Vec<Self> {
        use fearless_simd::Level as L;
        let best = L::new();
        #[cfg(target_arch = "x86_64")]
        let levels = [best.as_avx512().map(L::Avx512), best.as_avx2().map(L::Avx2), best.as_sse2().map(L::Sse2)];
        #[cfg(not(target_arch = "x86_64"))]
        let levels = [Some(best)];
        levels.into_iter().flatten().map(Self).collect()
    }

    /// The level of this name, if this processor has it; `fallback` is the architecture's baseline.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        let mut levels = Self::available();
        if name == "fallback" { levels.pop() } else { levels.into_iter().find(|level| level.name() == name) }
    }

    /// `avx512`, `avx2`, `sse2`, `neon`, `simd128` or `scalar`.
    #[must_use]
    pub fn name(self) -> &'static str {
        use fearless_simd::Level as L;
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            L::Avx512(_) => "avx512",
            #[cfg(target_arch = "x86_64")]
            L::Avx2(_) => "avx2",
            #[cfg(target_arch = "x86_64")]
            L::Sse2(_) => "sse2",
            #[cfg(target_arch = "aarch64")]
            L::Neon(_) => "neon",
            #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
            L::WasmSimd128(_) => "simd128",
            _ => "scalar",
        }
    }
}

/// Runs `$body` with `$simd` bound to the token of `$level`, compiled for that level's instructions.
#[macro_export]
macro_rules! dispatch {
    ($level:expr, $simd:ident => $body:expr) => {{
        use $crate::fearless_simd::{Level as L, Simd as _};
        match $level.0 {
            #[cfg(target_arch = "x86_64")]
            L::Avx512($simd) => $simd.vectorize(
                #[inline(always)]
                || $body,
            ),
            #[cfg(target_arch = "x86_64")]
            L::Avx2($simd) => $simd.vectorize(
                #[inline(always)]
                || $body,
            ),
            #[cfg(target_arch = "x86_64")]
            L::Sse2($simd) => $simd.vectorize(
                #[inline(always)]
                || $body,
            ),
            #[cfg(target_arch = "aarch64")]
            L::Neon($simd) => $simd.vectorize(
                #[inline(always)]
                || $body,
            ),
            #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
            L::WasmSimd128($simd) => $simd.vectorize(
                #[inline(always)]
                || $body,
            ),
            #[cfg(not(any(
                target_arch = "x86_64",
                target_arch = "aarch64",
                all(target_arch = "wasm32", target_feature = "simd128")
            )))]
            L::Fallback($simd) => $simd.vectorize(
                #[inline(always)]
                || $body,
            ),
            _ => unreachable!("a level that `Level::available` does not list"),
        }
    }};
}

/// Sixteen values at `at`.
#[inline(always)]
pub fn load<S: Simd>(simd: S, values: &[f32], at: usize) -> F32<S> {
    F32::from_slice(simd, &values[at..at + LANES])
}

/// Eight values at `at`, widened.
#[inline(always)]
pub fn load_half<S: Simd>(simd: S, values: &[f32], at: usize) -> F64<S> {
    let (low, high) = f32x8::from_slice(simd, &values[at..at + LANES / 2]).widen();
    low.combine(high)
}

/// Sixteen `f64` at `at`.
#[inline(always)]
pub fn load_f64<S: Simd>(simd: S, values: &[f64], at: usize) -> [F64<S>; 2] {
    let middle = at + LANES / 2;
    [F64::from_slice(simd, &values[at..middle]), F64::from_slice(simd, &values[middle..at + LANES])]
}

/// Writes sixteen values at `at`.
#[inline(always)]
pub fn store<S: Simd>(vector: F32<S>, values: &mut [f32], at: usize) {
    vector.store_slice(&mut values[at..at + LANES]);
}

/// Writes sixteen `f64` at `at`.
#[inline(always)]
pub fn store_f64<S: Simd>(vectors: [F64<S>; 2], values: &mut [f64], at: usize) {
    let middle = at + LANES / 2;
    vectors[0].store_slice(&mut values[at..middle]);
    vectors[1].store_slice(&mut values[middle..at + LANES]);
}

/// Whether no value is NaN or ±infinity.
pub fn all_finite(level: Level, values: &[f32]) -> bool {
    dispatch!(level, simd => all_finite_with(simd, values))
}

#[inline(always)]
fn all_finite_with<S: Simd>(simd: S, values: &[f32]) -> bool {
    const STEP: usize = 4 * LANES;
    // 0 · x is 0 for finite x alone
    let mut probes = [F32::splat(simd, 0.0); 4];
    let mut steps = values.chunks_exact(STEP);
    for step in steps.by_ref() {
        for k in 0..4 {
            probes[k] += load(simd, step, LANES * k) * 0.0;
        }
    }
    let probe = (probes[0] + probes[1]) + (probes[2] + probes[3]);
    probe.simd_eq(0.0).all_true() && steps.remainder().iter().all(|value| value.is_finite())
}

/// 0, 1, …, 15.
#[inline(always)]
pub fn lane_index<S: Simd>(simd: S) -> F32<S> {
    F32::from_fn(
        simd,
        #[inline(always)]
        |i| i as f32,
    )
}

/// `n` rounded up to whole vectors.
pub fn padded(n: usize) -> usize {
    n.next_multiple_of(LANES)
}
