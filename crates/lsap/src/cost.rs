//! A storage type of costs. The arithmetic is in `f64`, whichever it is.

use simd::{F64, LANES, Simd, load_f64, prelude::*};

use crate::copies::{Copies, CopiesByType};

/// Costs beyond are scaled, so that sums of them stay finite.
pub(crate) const LARGE: f64 = 1e200;

/// What costs are multiplied by if the largest is of this magnitude: a power of two that brings those near the largest
/// `f64` into a range where sums of them stay finite.
pub(crate) fn scale_of(magnitude: f64) -> f64 {
    if magnitude > LARGE { 2.0f64.powi(-400) } else { 1.0 }
}

/// A storage type of costs; the arithmetic is in `f64`.
pub trait Cost: Copy + Default {
    /// What forbids a cell.
    const FORBIDDEN: Self;

    /// The exact value.
    fn value(self) -> f64;

    /// The value of this type that is nearest to a limit, so that a cost compares with the limit as if both were stored
    /// alike; or the limit itself where this type has no finite value for it.
    fn stored(limit: f64) -> f64;

    /// The product with a power of two or its negative; what is forbidden stays so.
    fn times(self, factor: f64) -> Self;

    /// Sixteen values at `at`.
    #[doc(hidden)]
    fn load<S: Simd>(simd: S, costs: &[Self], at: usize) -> [F64<S>; 2];

    /// Eight values at `at`.
    #[doc(hidden)]
    fn load_half<S: Simd>(simd: S, costs: &[Self], at: usize) -> F64<S>;

    /// The memory for copies of this type.
    #[doc(hidden)]
    fn copies(all: &mut CopiesByType) -> &mut Copies<Self>;
}

impl Cost for f32 {
    const FORBIDDEN: Self = Self::INFINITY;

    #[inline(always)]
    fn value(self) -> f64 {
        f64::from(self)
    }

    fn stored(limit: f64) -> f64 {
        let stored = limit as Self;
        if stored.is_finite() { f64::from(stored) } else { limit }
    }

    #[inline(always)]
    fn times(self, factor: f64) -> Self {
        if self == Self::FORBIDDEN { self } else { self * factor as Self }
    }

    #[inline(always)]
    fn load<S: Simd>(simd: S, costs: &[Self], at: usize) -> [F64<S>; 2] {
        let (low, high) = simd::load(simd, costs, at).widen();
        [low, high]
    }

    #[inline(always)]
    fn load_half<S: Simd>(simd: S, costs: &[Self], at: usize) -> F64<S> {
        simd::load_half(simd, costs, at)
    }

    fn copies(all: &mut CopiesByType) -> &mut Copies<Self> {
        &mut all.of_f32
    }
}

impl Cost for f64 {
    const FORBIDDEN: Self = Self::INFINITY;

    #[inline(always)]
    fn value(self) -> f64 {
        self
    }

    fn stored(limit: f64) -> f64 {
        limit
    }

    #[inline(always)]
    fn times(self, factor: f64) -> Self {
        if self == Self::FORBIDDEN { self } else { self * factor }
    }

    #[inline(always)]
    fn load<S: Simd>(simd: S, costs: &[Self], at: usize) -> [F64<S>; 2] {
        load_f64(simd, costs, at)
    }

    #[inline(always)]
    fn load_half<S: Simd>(simd: S, costs: &[Self], at: usize) -> F64<S> {
        F64::from_slice(simd, &costs[at..at + LANES / 2])
    }

    fn copies(all: &mut CopiesByType) -> &mut Copies<Self> {
        &mut all.of_f64
    }
}
