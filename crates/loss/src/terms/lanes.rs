//! Eight pairs at a time, one in each lane, in `f64`.

use simd::{F64, Simd, prelude::*};

/// Pairs that are handled together.
pub(super) const GROUP: usize = 8;

/// The nearest numbers that `f32` has: the derivative by a side of 1e-40 is about 1e40.
#[inline(always)]
pub(super) fn in_range<S: Simd>(simd: S, values: F64<S>) -> F64<S> {
    let largest = F64::splat(simd, f64::from(f32::MAX));
    values.min(largest).max(-largest)
}

/// The sum of the lanes that hold a pair.
pub(super) struct Counted<S: Simd>(F64<S>);

impl<S: Simd> Counted<S> {
    #[inline(always)]
    pub fn new(simd: S, count: usize) -> Self {
        let mut weights = [0.0; GROUP];
        weights[..count].fill(1.0);
        Self(F64::from_slice(simd, &weights))
    }

    /// With each pair multiplied by a factor.
    #[inline(always)]
    pub fn times(self, factors: F64<S>) -> Self {
        Self(self.0 * factors)
    }

    #[inline(always)]
    pub fn of(&self, values: F64<S>) -> f64 {
        (values * self.0).reduce_sum()
    }
}

/// The rows of queries and targets of up to eight pairs, as columns, of `N` components each. `idle`: what other lanes hold in
/// both.
#[inline(always)]
pub(super) fn gather<S: Simd, const N: usize>(
    simd: S,
    idle: &[[f64; GROUP]; N],
    [queries, targets]: [&[f32]; 2],
    pairs: &[(usize, usize)],
) -> [[F64<S>; N]; 2] {
    let (mut p, mut t) = (*idle, *idle);
    for (lane, &(query, target)) in pairs.iter().enumerate() {
        for k in 0..N {
            p[k][lane] = f64::from(queries[N * query + k]);
            t[k][lane] = f64::from(targets[N * target + k]);
        }
    }
    [columns(simd, &p), columns(simd, &t)]
}

/// Eight rows of `N` components, given as columns.
#[inline(always)]
pub(super) fn columns<S: Simd, const N: usize>(simd: S, values: &[[f64; GROUP]; N]) -> [F64<S>; N] {
    let mut columns = [F64::splat(simd, 0.0); N];
    for k in 0..N {
        columns[k] = F64::from_slice(simd, &values[k]);
    }
    columns
}

/// The values of a vector.
#[inline(always)]
pub(super) fn lanes<S: Simd>(vector: F64<S>) -> [f64; GROUP] {
    let mut lanes = [0.0; GROUP];
    vector.store_slice(&mut lanes);
    lanes
}

/// The factors of as many pairs as there are; 1 in idle lanes.
#[inline(always)]
pub(super) fn factor_lanes<S: Simd>(simd: S, factors: &[f64]) -> F64<S> {
    let mut lanes = [1.0; GROUP];
    lanes[..factors.len()].copy_from_slice(factors);
    F64::from_slice(simd, &lanes)
}

/// Σ |p - t| and its gradient, the signs.
pub(super) struct L1<S: Simd, const N: usize> {
    pub value: F64<S>,
    pub gradient: [F64<S>; N],
}

impl<S: Simd, const N: usize> L1<S, N> {
    #[inline(always)]
    pub fn new(simd: S, p: &[F64<S>; N], t: &[F64<S>; N]) -> Self {
        let (zero, one) = (F64::splat(simd, 0.0), F64::splat(simd, 1.0));
        let mut value = zero;
        let mut gradient = [zero; N];
        for k in 0..N {
            let difference = p[k] - t[k];
            value += difference.abs();
            gradient[k] = difference.simd_eq(zero).select(zero, one.copysign(difference));
        }
        Self { value, gradient }
    }
    /// With each pair multiplied by a factor.
    #[inline(always)]
    pub fn times(mut self, factors: F64<S>) -> Self {
        self.value *= factors;
        for k in 0..N {
            self.gradient[k] *= factors;
        }
        self
    }
}
