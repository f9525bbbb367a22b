//! The modulator (1 - p)^γ of softmax focal loss, p the probability of a query's own label (Lin et al. 2017, with softmax in
//! place of the sigmoid).
//!
//! With n = -ln p, a query's loss becomes (1 - p)^γ · n, and its gradient is that of n times
//! (1 - p)^γ + γ · p · (1 - p)^(γ - 1) · n, which is 0 at p = 1 for any γ above 0.

use simd::math::{exp, ln};
use simd::{F32, LANES, Level, Simd, dispatch, load, prelude::*, store};

use crate::terms::classes::binary::{SATURATED, SMALLEST, exp_and_rest};

/// Turns the losses of queries into modulated ones, and gives to `each` the place of every query with what its gradient is
/// multiplied by. `gamma`: above 0.
pub(crate) fn focus(level: Level, gamma: f64, losses: &mut [f64], mut each: impl FnMut(usize, f32)) {
    for (group, losses) in losses.chunks_mut(LANES).enumerate() {
        let (mut factors, mut slopes) = ([0.0; LANES], [0.0; LANES]);
        factors.iter_mut().zip(&*losses).for_each(|(lane, &loss)| *lane = loss as f32);
        dispatch!(level, simd => modulators(simd, gamma as f32, &mut factors, &mut slopes));
        for (lane, loss) in losses.iter_mut().enumerate() {
            *loss *= f64::from(factors[lane]);
            each(group * LANES + lane, slopes[lane]);
        }
    }
}

/// `factors`: n, then (1 - p)^γ.
#[inline(always)]
fn modulators<S: Simd>(simd: S, gamma: f32, factors: &mut [f32; LANES], slopes: &mut [f32; LANES]) {
    let zero = F32::splat(simd, 0.0);
    let n = load(simd, factors, 0);
    let (p, rest) = exp_and_rest(simd, -n);
    let factor = if gamma == 2.0 {
        rest * rest
    } else if gamma == 1.0 {
        rest
    } else {
        let [log] = ln([rest.max(SMALLEST)]);
        let [factor] = exp([log * gamma]);
        factor
    };
    let apart = rest.simd_gt(zero);
    let factor = apart.select(factor, zero);
    let per = apart.select(factor / rest, zero);
    store(factor, factors, 0);
    store(factor + per * p * n.min(SATURATED) * gamma, slopes, 0);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_support::{Random, assert_close};

    #[test]
    fn losses_and_slopes_follow_the_definition_with_the_same_bits_at_every_level() {
        let mut random = Random::new(8);
        let special = [0.0, 1e-30, 1e-9, 1e-3, 90.0, 1e30];
        let given: Vec<f64> =
            (0..67).map(|k| if k < special.len() { special[k] } else { f64::from(random.unit() * 6.0) }).collect();
        for gamma in [0.5, 1.0, 1.7, 2.0, 5.0] {
            let mut first = None;
            for level in Level::available() {
                let (mut losses, mut slopes) = (given.clone(), vec![f32::NAN; given.len()]);
                focus(level, gamma, &mut losses, |at, slope| slopes[at] = slope);
                for (k, &n) in given.iter().enumerate() {
                    let (p, rest) = ((-n).exp(), -(-n).exp_m1());
                    assert_close(losses[k], rest.powf(gamma) * n, 1e-6);
                    let slope = if n > 0.0 { gamma * p * rest.powf(gamma - 1.0) * n } else { 0.0 };
                    assert_close(f64::from(slopes[k]), rest.powf(gamma) + slope, 1e-6);
                }
                let found = format!("{losses:?} {slopes:?}");
                assert_eq!(*first.get_or_insert_with(|| found.clone()), found);
            }
        }
    }
}
