//! exp, ln and the logistic function on sixteen `f32` lanes, from multiplications, additions and divisions alone.
//!
//! Each function takes `N` vectors and works breadth first: one step of all vectors before the next step, since a
//! single vector's long chain of dependent operations would leave the pipes idle. Polynomials are minimax fits
//! (linear programming on 4001 Chebyshev nodes); the tests below check the stated bounds over the whole range.

use super::{F32, F64, Simd, i32x16, prelude::*};

/// Adding and subtracting 1.5·2^23 rounds to the nearest integer and leaves it in the low bits.
const ROUND: f32 = 12_582_912.0;

/// Below this, `exp` gives e^-87 ≈ 1.6e-38, the last value whose result is a normal number.
const EXP_MIN: f32 = -87.0;

/// e^x for x from -700 to 0, in `f64` and of one number.
///
/// Relative error ≤ 4e-16 + 2e-16·|x|, exactly 1 at 0.
#[inline]
#[must_use]
pub fn exp_of(x: f64) -> f64 {
    /// ln 2, of which the first part has few digits, so that multiples of it are exact.
    const LN_2: [f64; 2] = [0.693_147_180_369_123_8, 1.908_214_929_270_587_7e-10];
    /// 1 / n! from n = 13 down.
    const TERMS: [f64; 14] = {
        let mut terms = [1.0; 14];
        let (mut n, mut factorial) = (1, 1.0);
        while n < 14 {
            factorial *= n as f64;
            terms[13 - n] = 1.0 / factorial;
            n += 1;
        }
        terms
    };
    let whole = (x * std::f64::consts::LOG2_E).round();
    let rest = (x - whole * LN_2[0]) - whole * LN_2[1];
    let power = TERMS.iter().fold(0.0, |sum, term| sum * rest + term);
    power * f64::from_bits(((1023 + whole as i64) as u64) << 52)
}

/// e^x for x ≤ 0.
///
/// Relative error ≤ 1.8e-7 + 9e-8·|x|, exactly 1 at 0; x below -87 counts as -87.
#[inline(always)]
#[expect(clippy::approx_constant, reason = "a coefficient of the fit, near ln 2 but not it")]
pub fn exp<S: Simd, const N: usize>(x: [F32<S>; N]) -> [F32<S>; N] {
    let (mut y, mut t, mut p) = (x, x, x);
    for i in 0..N {
        y[i] = x[i].max(EXP_MIN) * std::f32::consts::LOG2_E;
    }
    for i in 0..N {
        t[i] = y[i] + ROUND;
    }
    for i in 0..N {
        y[i] -= t[i] - ROUND; // e^x = 2^round(t) · 2^y with |y| ≤ 1/2
    }
    for i in 0..N {
        p[i] = y[i] * 1.326_47e-3 + 9.671_51e-3;
    }
    for i in 0..N {
        p[i] = p[i] * y[i] + 5.550_734e-2;
    }
    for i in 0..N {
        p[i] = p[i] * y[i] + 0.240_222_42;
    }
    for i in 0..N {
        p[i] = p[i] * y[i] + 0.693_147;
    }
    for i in 0..N {
        p[i] = p[i] * y[i] + 1.0;
    }
    for i in 0..N {
        let exponent = t[i].bitcast::<i32x16<S>>() << 23;
        p[i] = (p[i].bitcast::<i32x16<S>>() + exponent).bitcast();
    }
    p
}

/// ln x for normal, finite x > 0.
///
/// Error ≤ 1.5e-7 relative, or 4e-8 absolute where |ln x| < 0.3.
#[inline(always)]
pub fn ln<S: Simd, const N: usize>(x: [F32<S>; N]) -> [F32<S>; N] {
    /// The bits of √½: subtracting them splits x into m·2^k with m in [√½, √2).
    const SQRT_HALF: i32 = 0x3f35_04f3;
    let (mut f, mut z, mut k, mut p) = (x, x, x, x);
    for i in 0..N {
        let bits = x[i].bitcast::<i32x16<S>>();
        let e = (bits - SQRT_HALF) >> 23;
        f[i] = (bits - (e << 23)).bitcast::<F32<S>>() - 1.0;
        k[i] = e.to_float();
    }
    for i in 0..N {
        z[i] = f[i] * f[i];
    }
    for i in 0..N {
        p[i] = f[i] * -7.634_5e-2 + 0.127_615_78;
    }
    for i in 0..N {
        p[i] = p[i] * f[i] - 0.131_601_82;
    }
    for i in 0..N {
        p[i] = p[i] * f[i] + 0.142_017_58;
    }
    for i in 0..N {
        p[i] = p[i] * f[i] - 0.166_233_57;
    }
    for i in 0..N {
        p[i] = p[i] * f[i] + 0.200_012_27;
    }
    for i in 0..N {
        p[i] = p[i] * f[i] - 0.250_008_2;
    }
    for i in 0..N {
        p[i] = p[i] * f[i] + 0.333_333_3;
    }
    for i in 0..N {
        // ln 2 in two parts: the first has few enough bits that its product with k is exact
        p[i] = p[i] * f[i] * z[i] + k[i] * -2.121_944_4e-4 - z[i] * 0.5;
    }
    for i in 0..N {
        p[i] = f[i] + p[i] + k[i] * 0.693_359_4;
    }
    p
}

/// ln(1 + y) for 0 ≤ y, also accurate where 1 + y rounds.
///
/// Relative error ≤ 2.5e-7.
#[inline(always)]
pub fn ln_1p<S: Simd>(y: F32<S>) -> F32<S> {
    let u = y + 1.0;
    let [ln] = ln([u]);
    ln + (y - (u - 1.0)) / u
}

/// ln(1 + y) for 0 ≤ y ≤ 1, without a division.
///
/// Relative error ≤ 2e-7.
#[inline(always)]
fn ln_1p_unit<S: Simd, const N: usize>(y: [F32<S>; N]) -> [F32<S>; N] {
    let mut p = y;
    for i in 0..N {
        p[i] = y[i] * 5.253_458e-3 - 2.958_850_7e-2;
    }
    for coefficient in [7.836_167e-2, -0.136_747_7, 0.191_114_3, -0.248_443_7, 0.333_192_7, -0.499_995, 1.0] {
        for i in 0..N {
            p[i] = p[i] * y[i] + coefficient;
        }
    }
    for i in 0..N {
        p[i] *= y[i];
    }
    p
}

/// What is needed of a logit x.
pub struct Logistic<S: Simd, const N: usize> {
    /// p = σ(x).
    pub p: [F32<S>; N],
    /// q = σ(-x), which is 1 - p without the cancellation.
    pub q: [F32<S>; N],
    /// -ln p = ln(1 + e^-x).
    pub nll_p: [F32<S>; N],
    /// -ln q = ln(1 + e^x).
    pub nll_q: [F32<S>; N],
}

/// The logistic function and its logarithms, for any finite x.
///
/// Relative error ≤ 4e-7 + 9e-8·|x| for each; beyond |x| = 87, what vanishes stays at about 1.6e-38.
#[inline(always)]
pub fn logistic<S: Simd, const N: usize>(simd: S, x: [F32<S>; N]) -> Logistic<S, N> {
    let mut e = x;
    for i in 0..N {
        e[i] = -x[i].abs();
    }
    let e = exp(e);
    let tail = ln_1p_unit(e);
    let (mut p, mut q, mut nll_p, mut nll_q) = (x, x, x, x);
    for i in 0..N {
        let large = F32::splat(simd, 1.0) / (e[i] + 1.0);
        let small = e[i] * large;
        let positive = x[i].simd_ge(0.0);
        p[i] = positive.select(large, small);
        q[i] = positive.select(small, large);
        nll_p[i] = tail[i] - x[i].min(0.0);
        nll_q[i] = tail[i] + x[i].max(0.0);
    }
    Logistic { p, q, nll_p, nll_q }
}

/// atan(x / y) for x, y ≥ 0, of eight `f64`; π/2 where only y is 0, and 0 where both are.
///
/// Relative error ≤ 4e-16. Source of the rational function: Moshier, Cephes, `atan.c`.
#[inline(always)]
pub fn angle<S: Simd>(simd: S, x: F64<S>, y: F64<S>) -> F64<S> {
    use std::f64::consts::{FRAC_PI_2, FRAC_PI_4};
    const P: [f64; 5] = [
        -0.875_060_860_003_190_4,
        -16.157_537_187_333_65,
        -75.008_557_923_147_05,
        -122.886_668_449_013_6,
        -64.850_219_049_420_25,
    ];
    const Q: [f64; 5] = [
        24.858_464_901_423_062,
        165.027_009_831_698_85,
        432.881_060_491_290_3,
        485.390_399_635_913_7,
        194.550_657_148_261_4,
    ];
    /// tan(π/8).
    const MIDDLE: f64 = 0.414_213_562_373_095_05;
    let (zero, one) = (F64::splat(simd, 0.0), F64::splat(simd, 1.0));
    let steep = x.simd_gt(y);
    let (low, high) = (steep.select(y, x), steep.select(x, y));
    let ratio = high.simd_gt(zero).select(low / high, zero);
    let upper = ratio.simd_gt(MIDDLE);
    let t = upper.select((ratio - one) / (ratio + one), ratio);
    let z = t * t;
    let (mut p, mut q) = (F64::splat(simd, P[0]), z + Q[0]);
    for k in 1..5 {
        p = p * z + P[k];
        q = q * z + Q[k];
    }
    let angle = upper.select(F64::splat(simd, FRAC_PI_4), zero) + (t + t * z * (p / q));
    steep.select(F64::splat(simd, FRAC_PI_2) - angle, angle)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{LANES, Level, dispatch, load, store};

    /// Applies a kernel to many values at every level and checks that the bits agree.
    macro_rules! at_every_level {
        ($values:expr, |$simd:ident, $x:ident| $kernel:expr) => {{
            let values: &[f32] = $values;
            let mut results = Level::available().into_iter().map(|level| {
                let mut out = vec![0.0; values.len()];
                dispatch!(level, $simd => for at in (0..values.len()).step_by(LANES) {
                    let $x = load($simd, values, at);
                    store($kernel, &mut out, at);
                });
                out
            });
            let first = results.next().expect("at least one level");
            for other in results {
                assert!(first.iter().zip(&other).all(|(a, b)| a.to_bits() == b.to_bits()), "levels differ");
            }
            first
        }};
    }

    /// Every 61st number from 0 to `largest`; under Miri, which takes a thousand times as long, every four millionth.
    fn magnitudes(largest: f32) -> Vec<f32> {
        let step = if cfg!(miri) { 4_000_037 } else { 61 };
        let mut values: Vec<f32> = (0..=largest.to_bits()).step_by(step).map(f32::from_bits).collect();
        values.resize(values.len().next_multiple_of(LANES), largest);
        values
    }

    #[test]
    fn exp_keeps_its_bound_from_0_to_minus_87() {
        let x: Vec<f32> = magnitudes(87.0).into_iter().map(|x| -x).collect();
        let y = at_every_level!(&x, |simd, x| exp([x])[0]);
        for (&x, &y) in x.iter().zip(&y) {
            let exact = f64::from(x).exp();
            let bound = 1.8e-7 + 9e-8 * f64::from(x.abs());
            assert!((f64::from(y) / exact - 1.0).abs() <= bound, "exp({x}) = {y}, exactly {exact}");
        }
        assert_eq!(y[0], 1.0);
    }

    #[test]
    fn exp_of_anything_smaller_is_a_tiny_normal_number() {
        let x = [-87.0, -88.0, -1e3, -1e30, f32::MIN, f32::NEG_INFINITY, -100.0, -0.0];
        let x = [x, x].concat();
        let y = at_every_level!(&x, |simd, x| exp([x])[0]);
        assert!(y[..7].iter().all(|&other| other == y[0] && other.is_normal()));
        assert_eq!(y[7], 1.0);
    }

    #[test]
    fn exp_gives_the_same_bits_however_many_vectors_it_takes() {
        let x: Vec<f32> = (0..4 * LANES).map(|i| -0.37 * i as f32).collect();
        let one = at_every_level!(&x, |simd, x| exp([x])[0]);
        let four = at_every_level!(&x, |simd, x| exp([x * 0.5, x, x - 1.0, x])[3]);
        assert_eq!(one, four);
    }

    #[test]
    fn ln_keeps_its_bound_over_all_normal_numbers() {
        let mut x = magnitudes(f32::MAX);
        x.iter_mut().filter(|x| !x.is_normal()).for_each(|x| *x = 1.0);
        let y = at_every_level!(&x, |simd, x| ln([x])[0]);
        for (&x, &y) in x.iter().zip(&y) {
            let exact = f64::from(x).ln();
            let error = (f64::from(y) - exact).abs();
            assert!(error <= (1.5e-7 * exact.abs()).max(4e-8), "ln({x}) = {y}, exactly {exact}");
        }
    }

    #[test]
    fn ln_1p_keeps_its_bound_from_0_to_the_largest_number() {
        let y = magnitudes(1e38);
        let result = at_every_level!(&y, |simd, y| ln_1p(y));
        for (&y, &result) in y.iter().zip(&result) {
            let exact = f64::from(y).ln_1p();
            // the smallest subnormal numbers have no relative precision
            let bound = (2.5e-7 * exact).max(1e-45);
            assert!((f64::from(result) - exact).abs() <= bound, "ln(1 + {y}) = {result}, exactly {exact}");
        }
    }

    #[test]
    fn the_logistic_function_keeps_its_bounds_over_all_finite_numbers() {
        let mut x = magnitudes(f32::MAX);
        x.iter_mut().skip(1).step_by(2).for_each(|x| *x = -*x);
        let parts = |k: usize| {
            at_every_level!(&x, |simd, x| {
                let l = logistic(simd, [x]);
                [l.p[0], l.q[0], l.nll_p[0], l.nll_q[0]][k]
            })
        };
        let found = [parts(0), parts(1), parts(2), parts(3)];
        for (i, &x) in x.iter().enumerate() {
            let x = f64::from(x);
            let small = (-x.abs()).exp();
            let (tail, large) = (small.ln_1p(), 1.0 / (1.0 + small));
            let (p, q) = if x >= 0.0 { (large, small * large) } else { (small * large, large) };
            for (found, exact) in found.iter().zip([p, q, tail - x.min(0.0), tail + x.max(0.0)]) {
                let error = (f64::from(found[i]) - exact).abs();
                let bound = (4e-7 + 9e-8 * x.abs().min(87.0)) * exact + if x.abs() > 87.0 { 2e-38 } else { 0.0 };
                assert!(error <= bound, "{x} gives {}, exactly {exact}", found[i]);
            }
        }
        assert_eq!((found[0][0], found[1][0]), (0.5, 0.5));
    }

    #[test]
    fn the_angle_keeps_its_bound_over_all_ratios() {
        let sizes: Vec<f64> =
            (-40..=40).step_by(if cfg!(miri) { 5 } else { 1 }).map(|k| 1.37f64.powi(k)).chain([0.0]).collect();
        let pairs: Vec<[f64; 2]> = sizes.iter().flat_map(|&x| sizes.iter().map(move |&y| [x, y])).collect();
        for level in Level::available() {
            for group in pairs.chunks_exact(8) {
                let side = |k: usize| -> Vec<f64> { group.iter().map(|pair| pair[k]).collect() };
                let mut found = [0.0; 8];
                dispatch!(level, simd => {
                    let (x, y) = (F64::from_slice(simd, &side(0)), F64::from_slice(simd, &side(1)));
                    angle(simd, x, y).store_slice(&mut found);
                });
                for (&[x, y], found) in group.iter().zip(found) {
                    let exact = x.atan2(y);
                    assert!((found - exact).abs() <= 4e-16 * exact, "{x} / {y}: {found} is not {exact}");
                }
            }
        }
    }

    #[test]
    fn the_levels_of_this_processor_are_all_tested() {
        let levels: Vec<_> = Level::available().iter().map(|level| level.name()).collect();
        #[cfg(target_arch = "x86_64")]
        {
            assert_eq!(levels.last(), Some(&"sse2"));
            assert_eq!(levels.contains(&"avx2"), is_x86_feature_detected!("avx2"));
        }
        assert!(!levels.is_empty());
    }

    #[test]
    fn exp_of_one_number_is_near_and_1_at_0() {
        assert_eq!((exp_of(0.0), exp_of(-0.0)), (1.0, 1.0));
        for k in (0..70_000).step_by(if cfg!(miri) { 701 } else { 1 }) {
            let x = -f64::from(k) * 0.01 - f64::from(k % 97) * 1e-5;
            let (found, expected) = (exp_of(x.max(-700.0)), x.max(-700.0).exp());
            assert!((found / expected - 1.0).abs() <= 4e-16 - 2e-16 * x, "{x}: {found} {expected}");
        }
    }
}
