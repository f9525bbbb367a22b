//! Overlap and hull of eight pairs of intervals, in `f64`: what the forms of IoU are made of, axis by axis.
//!
//! Conventions, which are those of the reference code under torch 2.15: equal operands of min and max get half of the
//! gradient each; an overlap of exactly 0 (touching intervals) passes none. A quotient with denominator 0 counts as 0, as it
//! does in the implementations that add an ε to it.

use simd::{F64, Simd, prelude::*};

/// One axis of a pair: lengths, and their derivatives at the two predicted ends.
pub(super) struct Intervals<S: Simd> {
    pub length: F64<S>,
    pub target_length: F64<S>,
    pub overlap: F64<S>,
    pub overlap_slope: [F64<S>; 2],
    pub hull: F64<S>,
    pub hull_slope: [F64<S>; 2],
}

impl<S: Simd> Intervals<S> {
    /// `p`, `t`: the two ends of what is predicted and of the target.
    #[inline(always)]
    pub fn new(simd: S, p: [F64<S>; 2], t: [F64<S>; 2]) -> Self {
        let (zero, half, one) = (F64::splat(simd, 0.0), F64::splat(simd, 0.5), F64::splat(simd, 1.0));
        let signed = p[1].min(t[1]) - p[0].max(t[0]);
        let meets = signed.simd_gt(zero).select(one, zero);
        // the share of the predicted end in min or max: 1, ½ at equality, or 0
        let equal = [p[0].simd_eq(t[0]), p[1].simd_eq(t[1])];
        let inner = [p[0].simd_gt(t[0]), p[1].simd_lt(t[1])];
        let mut share = [zero; 2];
        for end in 0..2 {
            share[end] = equal[end].select(half, inner[end].select(one, zero));
        }
        Self {
            length: p[1] - p[0],
            target_length: t[1] - t[0],
            overlap: signed.max(zero),
            overlap_slope: [-(share[0] * meets), share[1] * meets],
            hull: p[1].max(t[1]) - p[0].min(t[0]),
            hull_slope: [share[0] - one, one - share[1]],
        }
    }
}

/// Below this, a length, an area or a squared length is 0 but for ε: the least side above 0 that ends in `f32` give is 2^-150.
const SMALLEST: f64 = 1e-200;

/// 1 / x for x > 0, and 0 for 0, also where an ε too small to divide by stands for it.
#[inline(always)]
pub(super) fn reciprocal<S: Simd>(simd: S, x: F64<S>) -> F64<S> {
    let (zero, one) = (F64::splat(simd, 0.0), F64::splat(simd, 1.0));
    x.simd_gt(SMALLEST).select(one / x, zero)
}
