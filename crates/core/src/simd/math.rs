//! exp and ln on sixteen `f32` lanes, from multiplications and additions alone.
//!
//! Each function takes `N` vectors and works breadth first: one step of all vectors before the next step, since a
//! single vector's long chain of dependent operations would leave the pipes idle. Polynomials are minimax fits
//! (linear programming on 4001 Chebyshev nodes); `tests/math.rs` checks the stated bounds over the whole range.

use super::{F32, Simd, i32x16, prelude::*};

/// Adding and subtracting 1.5·2^23 rounds to the nearest integer and leaves it in the low bits.
const ROUND: f32 = 12_582_912.0;

/// Below this, `exp` gives e^-87 ≈ 1.6e-38, the last value whose result is a normal number.
const EXP_MIN: f32 = -87.0;

/// e^x for x ≤ 0.
///
/// Relative error ≤ 1.8e-7 + 9e-8·|x|, exactly 1 at 0; x below -87 counts as -87.
#[inline(always)]
pub(crate) fn exp<S: Simd, const N: usize>(x: [F32<S>; N]) -> [F32<S>; N] {
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
        p[i] = p[i] * y[i] + 0.693_146_98;
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
pub(crate) fn ln<S: Simd, const N: usize>(x: [F32<S>; N]) -> [F32<S>; N] {
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
        p[i] = p[i] * f[i] - 0.250_008_21;
    }
    for i in 0..N {
        p[i] = p[i] * f[i] + 0.333_333_32;
    }
    for i in 0..N {
        // ln 2 in two parts: the first has few enough bits that its product with k is exact
        p[i] = p[i] * f[i] * z[i] + k[i] * -2.121_944_4e-4 - z[i] * 0.5;
    }
    for i in 0..N {
        p[i] = f[i] + p[i] + k[i] * 0.693_359_375;
    }
    p
}

/// ln(1 + y) for 0 ≤ y, also accurate where 1 + y rounds.
///
/// Relative error ≤ 2.5e-7.
#[inline(always)]
pub(crate) fn ln_1p<S: Simd>(y: F32<S>) -> F32<S> {
    let u = y + 1.0;
    let [ln] = ln([u]);
    ln + (y - (u - 1.0)) / u
}
