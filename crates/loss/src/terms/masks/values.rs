//! The terms of a matched pair over M samples with logits x and labels y, 0 to 1, and their gradients.
//!
//! With p = σ(x) and r = p(1 - y) + (1 - p)y, by how much the sample is missed:
//!
//! - cross-entropy: the mean of -y·ln p - (1 - y)·ln(1 - p);
//! - focal: the mean of α_t · r^γ times that, α_t = αy + (1 - α)(1 - y). Lin et al. 2017, "Focal Loss for Dense Object
//!   Detection", as in facebookresearch/detr, `sigmoid_focal_loss`;
//! - dice: 1 - (2I + 1) / (S + Y + 1), where I = Σpy, S = Σp, Y = Σy, which is Σr / (S + Y + 1). Milletari et al. 2016,
//!   "V-Net", as in facebookresearch/detr, `dice_loss`.
//!
//! All are sums of positive numbers, so that a good mask loses no digits.

use simd::math::{Logistic, exp, ln, logistic};
use simd::{F32, F64, LANES, Level, Simd, dispatch, prelude::*, store};

use super::samples::{STEP, Samples, Tile, Vectors};

/// Above this, p(1 - p) · BCE is 0 to all digits, and BCE is not used in it, lest it overflow.
const SATURATED: f32 = 100.0;

/// What the focal term takes besides the samples.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Focal {
    /// Weight of a label 1, 0 to 1; that of a label 0 is 1 - α.
    pub alpha: f64,
    /// γ, no less than 0.
    pub gamma: f64,
}

impl Default for Focal {
    fn default() -> Self {
        Self { alpha: 0.25, gamma: 2.0 }
    }
}

/// Which terms are computed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Active {
    pub bce: bool,
    pub focal: bool,
    pub dice: bool,
}

/// The terms of a pair; those that are not active are 0.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Values {
    pub bce: f64,
    pub focal: f64,
    pub dice: f64,
    /// Samples that count.
    count: f64,
    /// 2I + 1.
    overlap: f64,
    /// S + Y + 1.
    total: f64,
}

/// What each term is multiplied by in the gradient.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Scales {
    pub bce: f64,
    pub focal: f64,
    pub dice: f64,
}

/// The terms of a pair. `logits`: `[samples]`, finite. Where no sample counts, all terms are 0.
pub(super) fn values(level: Level, active: Active, focal: Focal, logits: &[f32], samples: &Samples<'_>) -> Values {
    debug_assert_eq!(samples.labels.len(), logits.len());
    dispatch!(level, simd => if focal.gamma == 2.0 {
        values_with::<_, true>(simd, active, focal, logits, samples)
    } else {
        values_with::<_, false>(simd, active, focal, logits, samples)
    })
}

/// Replaces the logits by the gradient, Σ scale · dterm/dlogit; that of void samples is 0, and zeros are +0. `values`: what
/// [`values`] has given for them, with the terms active whose scale is not 0.
pub(super) fn gradient(
    level: Level,
    scales: &Scales,
    focal: Focal,
    values: &Values,
    logits: &mut [f32],
    samples: &Samples<'_>,
) {
    debug_assert_eq!(samples.labels.len(), logits.len());
    if values.count == 0.0 {
        logits.fill(0.0);
        return;
    }
    let slopes = Slopes::new(scales, focal, values);
    dispatch!(level, simd => if focal.gamma == 2.0 {
        gradient_with::<_, true>(simd, &slopes, logits, samples)
    } else {
        gradient_with::<_, false>(simd, &slopes, logits, samples)
    });
}

/// r, and BCE.
#[inline(always)]
fn compare<S: Simd>(l: &Logistic<S, STEP>, y: [F32<S>; STEP]) -> [[F32<S>; STEP]; 2] {
    let (mut miss, mut bce) = (y, y);
    for i in 0..STEP {
        let rest = -y[i] + 1.0;
        miss[i] = l.p[i] * rest + l.q[i] * y[i];
        bce[i] = l.nll_q[i] * rest + l.nll_p[i] * y[i];
    }
    [miss, bce]
}

/// r^γ; `SQUARE`: γ is 2.
#[inline(always)]
pub(super) fn modulate<S: Simd, const N: usize, const SQUARE: bool>(gamma: f32, miss: [F32<S>; N]) -> [F32<S>; N] {
    let mut factor = miss;
    if SQUARE {
        for i in 0..N {
            factor[i] *= miss[i];
        }
        return factor;
    }
    let mut power = ln(miss);
    for i in 0..N {
        // of what rounding has put above 1, the logarithm is above 0
        power[i] = power[i].min(0.0) * gamma;
    }
    exp(power)
}

/// α_t.
#[inline(always)]
fn balance<S: Simd>(alpha: f32, y: F32<S>) -> F32<S> {
    y * alpha + (-y + 1.0) * (1.0 - alpha)
}

#[inline(always)]
fn values_with<S: Simd, const SQUARE: bool>(
    simd: S,
    active: Active,
    focal: Focal,
    logits: &[f32],
    samples: &Samples<'_>,
) -> Values {
    let zero = [F64::splat(simd, 0.0); 2];
    let (mut bces, mut focals, mut misses, mut hits, mut totals, mut counts) = (zero, zero, zero, zero, zero, zero);
    let mut tile = Tile::new();
    let mut at = 0;
    while at < logits.len() {
        tile.fill(logits, samples, at);
        let Vectors { x, y, kept } = tile.vectors(simd);
        let l = logistic(simd, x);
        let [miss, bce] = compare(&l, y);
        if active.bce {
            for i in 0..STEP {
                add(&mut bces, bce[i] * kept[i]);
            }
        }
        if active.focal {
            let factor = modulate::<S, STEP, SQUARE>(focal.gamma as f32, miss);
            for i in 0..STEP {
                add(&mut focals, balance(focal.alpha as f32, y[i]) * factor[i] * bce[i] * kept[i]);
            }
        }
        if active.dice {
            for i in 0..STEP {
                add(&mut misses, miss[i] * kept[i]);
                add(&mut hits, l.p[i] * y[i] * kept[i]);
                add(&mut totals, (l.p[i] + y[i]) * kept[i]);
            }
        }
        add(&mut counts, (kept[0] + kept[1]) + (kept[2] + kept[3]));
        at += Tile::LEN;
    }
    let sum = |sums: [F64<S>; 2]| (sums[0] + sums[1]).reduce_sum();
    let (count, overlap, total) = (sum(counts), 2.0 * sum(hits) + 1.0, sum(totals) + 1.0);
    let mean = |value: f64| if count > 0.0 { value / count } else { 0.0 };
    Values { bce: mean(sum(bces)), focal: mean(sum(focals)), dice: sum(misses) / total, count, overlap, total }
}

/// Adds in `f64`.
#[inline(always)]
fn add<S: Simd>(sums: &mut [F64<S>; 2], values: F32<S>) {
    let (low, high) = values.widen();
    sums[0] += low;
    sums[1] += high;
}

/// What the derivatives of a sample are multiplied by.
struct Slopes {
    bce: f32,
    focal: f32,
    alpha: f32,
    gamma: f32,
    /// That of dice by p, at the labels 0 and 1.
    dice: [f32; 2],
}

impl Slopes {
    fn new(scales: &Scales, focal: Focal, values: &Values) -> Self {
        let Values { count, overlap, total, dice, .. } = *values;
        Self {
            bce: (scales.bce / count) as f32,
            focal: (scales.focal / count) as f32,
            alpha: focal.alpha as f32,
            gamma: focal.gamma as f32,
            dice: [scales.dice * overlap / (total * total), -scales.dice * (1.0 + dice) / total]
                .map(|slope| slope as f32),
        }
    }
}

#[inline(always)]
fn gradient_with<S: Simd, const SQUARE: bool>(simd: S, slopes: &Slopes, logits: &mut [f32], samples: &Samples<'_>) {
    let zero = F32::splat(simd, 0.0);
    let mut tile = Tile::new();
    let mut at = 0;
    while at < logits.len() {
        let count = tile.fill(logits, samples, at);
        let Vectors { x, y, kept } = tile.vectors(simd);
        let l = logistic(simd, x);
        let mut gradient = [zero; STEP];
        if slopes.bce != 0.0 || slopes.focal != 0.0 {
            let [miss, bce] = compare(&l, y);
            let mut difference = [zero; STEP];
            for i in 0..STEP {
                // p - y, of whose two forms the one that does not cancel is taken
                difference[i] = x[i].simd_ge(0.0).select(-y[i] + 1.0 - l.q[i], l.p[i] - y[i]);
                gradient[i] += difference[i] * slopes.bce;
            }
            if slopes.focal != 0.0 {
                let factor = modulate::<S, STEP, SQUARE>(slopes.gamma, miss);
                for i in 0..STEP {
                    let spread = l.p[i] * l.q[i] / miss[i];
                    let turn = (y[i] * -2.0 + 1.0) * spread * bce[i].min(SATURATED) * slopes.gamma;
                    let weight = balance(slopes.alpha, y[i]) * factor[i];
                    gradient[i] += weight * (difference[i] + turn) * slopes.focal;
                }
            }
        }
        if slopes.dice != [0.0; 2] {
            for i in 0..STEP {
                let slope = (-y[i] + 1.0) * slopes.dice[0] + y[i] * slopes.dice[1];
                gradient[i] += slope * (l.p[i] * l.q[i]);
            }
        }
        for i in 0..STEP {
            // a negative zero becomes +0
            let gradient = kept[i].simd_gt(0.0).select(gradient[i] + 0.0, zero);
            store(gradient, &mut tile.logits, i * LANES);
        }
        logits[at..at + count].copy_from_slice(&tile.logits[..count]);
        at += count;
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples::Labels;
    use super::*;
    use crate::test_support::{Random, assert_close, bits, extent};

    const LENGTHS: [usize; 12] = [0, 1, 2, 15, 16, 17, 33, 63, 64, 65, 130, 1000];

    const FOCALS: [Focal; 6] = [
        Focal { alpha: 0.25, gamma: 2.0 },
        Focal { alpha: 0.9, gamma: 0.0 },
        Focal { alpha: 0.5, gamma: 0.5 },
        Focal { alpha: 0.0, gamma: 1.0 },
        Focal { alpha: 1.0, gamma: 1.5 },
        Focal { alpha: 0.25, gamma: 3.0 },
    ];

    const ALL: Active = Active { bce: true, focal: true, dice: true };

    /// The terms by their definitions, in `f64`.
    fn exact(focal: Focal, logits: &[f64], labels: &[f64], kept: &[u8]) -> [f64; 3] {
        let (mut bces, mut focals, mut count, mut i, mut total) = (0.0, 0.0, 0.0, 0.0, 0.0);
        for ((&x, &y), _) in logits.iter().zip(labels).zip(kept).filter(|(_, kept)| **kept == 1) {
            let (p, q) = (1.0 / (1.0 + (-x).exp()), 1.0 / (1.0 + x.exp()));
            let softplus = |x: f64| x.max(0.0) + (-x.abs()).exp().ln_1p();
            let bce = y * softplus(-x) + (1.0 - y) * softplus(x);
            let alpha = focal.alpha * y + (1.0 - focal.alpha) * (1.0 - y);
            bces += bce;
            focals += alpha * (p * (1.0 - y) + q * y).powf(focal.gamma) * bce;
            count += 1.0;
            i += p * y;
            total += p + y;
        }
        let mean = |sum: f64| if count > 0.0 { sum / count } else { 0.0 };
        [mean(bces), mean(focals), 1.0 - (2.0 * i + 1.0) / (total + 1.0)]
    }

    /// Some samples.
    struct Case {
        logits: Vec<f32>,
        hard: Vec<u8>,
        soft: Vec<f32>,
        void: Vec<u8>,
        all: Vec<u8>,
    }

    impl Case {
        fn new(random: &mut Random, count: usize, spread: f32) -> Self {
            let soft = |random: &mut Random| [0.0, 1.0, random.unit(), random.unit()][random.below(4)];
            Self {
                logits: (0..count).map(|_| spread * random.normal()).collect(),
                hard: (0..count).map(|_| random.below(2) as u8).collect(),
                soft: (0..count).map(|_| soft(random)).collect(),
                void: (0..count).map(|_| u8::from(random.below(4) > 0)).collect(),
                all: vec![1; count],
            }
        }

        /// With labels of both kinds, and with and without void samples.
        fn each(&self, mut check: impl FnMut(Samples<'_>, &[f64], &[u8])) {
            let wide: [Vec<f64>; 2] = [
                self.hard.iter().map(|&label| f64::from(label)).collect(),
                self.soft.iter().map(|&label| f64::from(label)).collect(),
            ];
            for (labels, wide) in [Labels::Hard(&self.hard), Labels::Soft(&self.soft)].into_iter().zip(&wide) {
                check(Samples { labels, kept: None }, wide, &self.all);
                check(Samples { labels, kept: Some(&self.void) }, wide, &self.void);
            }
        }

        fn wide(&self) -> Vec<f64> {
            self.logits.iter().map(|&x| f64::from(x)).collect()
        }
    }

    fn values_of(active: Active, focal: Focal, logits: &[f32], samples: &Samples<'_>) -> Values {
        let mut all = Level::available().into_iter().map(|level| values(level, active, focal, logits, samples));
        let first = all.next().expect("a level");
        let numbers = |v: &Values| [v.bce, v.focal, v.dice, v.count, v.overlap, v.total].map(f64::to_bits);
        all.for_each(|other| assert_eq!(numbers(&first), numbers(&other)));
        first
    }

    fn gradient_of(scales: &Scales, focal: Focal, logits: &[f32], samples: &Samples<'_>) -> Vec<f32> {
        let values = values_of(ALL, focal, logits, samples);
        let mut all = Level::available().into_iter().map(|level| {
            let mut out = logits.to_vec();
            gradient(level, scales, focal, &values, &mut out, samples);
            out
        });
        let first = all.next().expect("a level");
        all.for_each(|other| assert_eq!(bits(&first), bits(&other)));
        first
    }

    #[track_caller]
    fn assert_relative(actual: f64, expected: f64, tolerance: f64) {
        let error = (actual - expected).abs();
        assert!(error <= tolerance * expected.abs(), "{actual} is not {expected}: off by {error}");
    }

    #[test]
    fn terms_of_every_length_follow_the_definition_with_the_same_bits_at_every_level() {
        let mut random = Random::new(21);
        for count in LENGTHS.into_iter().step_by(extent(1, 6)) {
            for (focal, spread) in FOCALS.into_iter().zip([0.5, 2.0, 8.0, 3.0, 1.0, 4.0]).step_by(extent(1, 2)) {
                let case = Case::new(&mut random, count, spread);
                case.each(|samples, labels, kept| {
                    let found = values_of(ALL, focal, &case.logits, &samples);
                    let expected = exact(focal, &case.wide(), labels, kept);
                    for (found, expected) in [found.bce, found.focal, found.dice].into_iter().zip(expected) {
                        assert_close(found, expected, 5e-7);
                    }
                });
            }
        }
    }

    #[test]
    fn a_million_samples_lose_no_digits() {
        let mut random = Random::new(22);
        let mut case = Case::new(&mut random, extent(1_000_003, 403), 3.0);
        for (x, &label) in case.logits.iter_mut().zip(&case.hard) {
            // a mask that is nearly right, whose terms are small
            *x = if label == 1 { 12.0 + *x } else { *x - 12.0 };
        }
        let samples = Samples { labels: Labels::Hard(&case.hard), kept: None };
        let labels: Vec<f64> = case.hard.iter().map(|&label| f64::from(label)).collect();
        let found = values_of(ALL, Focal::default(), &case.logits, &samples);
        let [bce, focal, _] = exact(Focal::default(), &case.wide(), &labels, &case.all);
        assert_relative(found.bce, bce, 1e-6);
        assert_relative(found.focal, focal, 1e-6);
        // what the definition loses itself, the sum of what is missed does not
        let missed = |(&x, &y): (&f64, &f64)| 1.0 / (1.0 + (x * (2.0 * y - 1.0)).exp());
        let misses: f64 = case.wide().iter().zip(&labels).map(missed).sum();
        assert_relative(found.dice, misses / found.total, 1e-6);
    }

    #[test]
    fn gradients_follow_central_differences_with_the_same_bits_at_every_level() {
        const STEP: f64 = 1e-5;
        let mut random = Random::new(23);
        let scales = [
            Scales { bce: 2.0, focal: 0.0, dice: 0.0 },
            Scales { bce: 0.0, focal: 20.0, dice: 0.0 },
            Scales { bce: 0.0, focal: 0.0, dice: 5.0 },
            Scales { bce: 5.0, focal: 3.0, dice: 5.0 },
        ];
        for count in [1, 15, 16, 17, 33, 70].into_iter().step_by(extent(1, 3)) {
            for focal in FOCALS.into_iter().step_by(extent(1, 3)) {
                let case = Case::new(&mut random, count, 2.0);
                case.each(|samples, labels, kept| {
                    for scales in scales.iter().step_by(extent(1, 3)) {
                        let found = gradient_of(scales, focal, &case.logits, &samples);
                        let total = |k: usize, by: f64| {
                            let mut logits = case.wide();
                            logits[k] += by;
                            let [bce, focal, dice] = exact(focal, &logits, labels, kept);
                            scales.bce * bce + scales.focal * focal + scales.dice * dice
                        };
                        for (k, &found) in found.iter().enumerate() {
                            let expected = (total(k, STEP) - total(k, -STEP)) / (2.0 * STEP);
                            assert_close(f64::from(found), expected, 2e-6);
                        }
                    }
                });
            }
        }
    }

    #[test]
    fn the_gradient_of_dice_keeps_its_digits_where_nothing_overlaps() {
        let count = extent(200_000, 200);
        let hard: Vec<u8> = (0..count).map(|k| u8::from(k % 2 == 0)).collect();
        let logits: Vec<f32> = hard.iter().map(|&label| if label == 1 { -20.0 } else { 20.0 }).collect();
        let samples = Samples { labels: Labels::Hard(&hard), kept: None };
        let found = gradient_of(&Scales { dice: 1e12, ..Scales::default() }, Focal::default(), &logits, &samples);
        let half = count as f64 / 2.0;
        let p = 1.0 / (1.0 + 20f64.exp());
        let (total, overlap) = (half * p + half * (1.0 - p) + half + 1.0, 2.0 * half * p + 1.0);
        let spread = 1e12 * p * (1.0 - p);
        assert_relative(f64::from(found[0]), spread * (overlap / total - 2.0) / total, 4e-6);
        assert_relative(f64::from(found[1]), spread * overlap / (total * total), 4e-6);
    }

    #[test]
    fn enormous_logits_have_finite_terms_and_gradients() {
        let logits = [1e5, -1e5, 1e5, -1e5, f32::MAX, f32::MIN, f32::MAX, f32::MIN, 0.0];
        let soft = [0.0, 1.0, 1.0, 0.0, 0.0, 1.0, 1.0, 0.5, 0.5];
        let samples = Samples { labels: Labels::Soft(&soft), kept: None };
        let scales = Scales { bce: 1.0, focal: 1.0, dice: 1.0 };
        for focal in FOCALS {
            let found = values_of(ALL, focal, &logits, &samples);
            assert!(found.bce.is_finite() && found.focal.is_finite() && (0.0..=1.0).contains(&found.dice));
            assert!(gradient_of(&scales, focal, &logits, &samples).iter().all(|g| g.is_finite()));
            let found = values_of(ALL, focal, &logits[..4], &Samples { labels: Labels::Soft(&soft[..4]), kept: None });
            assert_relative(found.bce, 5e4, 1e-7);
            assert_relative(found.focal, 2.5e4, 1e-6);
            assert_relative(found.dice, 1.0 - 3.0 / 5.0, 1e-7);
        }
        let bce = Scales { bce: 9.0, ..Scales::default() };
        let found = gradient_of(&bce, Focal::default(), &logits, &samples);
        for (&found, expected) in found.iter().zip([1.0, -1.0, 0.0, 0.0, 1.0, -1.0, 0.0, -0.5, 0.0]) {
            assert_close(f64::from(found), expected, 1e-7);
        }
    }

    #[test]
    fn terms_that_are_not_active_are_0_and_change_no_other() {
        let mut random = Random::new(24);
        let case = Case::new(&mut random, extent(100, 20), 2.0);
        let samples = Samples { labels: Labels::Soft(&case.soft), kept: Some(&case.void) };
        let all = values_of(ALL, Focal::default(), &case.logits, &samples);
        for bits in 0..8 {
            let active = Active { bce: bits & 1 > 0, focal: bits & 2 > 0, dice: bits & 4 > 0 };
            let found = values_of(active, Focal::default(), &case.logits, &samples);
            assert_eq!(found.bce, if active.bce { all.bce } else { 0.0 });
            assert_eq!(found.focal, if active.focal { all.focal } else { 0.0 });
            assert_eq!(found.dice, if active.dice { all.dice } else { 0.0 });
        }
    }

    #[test]
    fn void_samples_are_as_if_they_were_not_there() {
        let mut random = Random::new(25);
        let count = extent(200, 40);
        let case = Case::new(&mut random, count, 2.0);
        let kept = |k: &usize| case.void[*k] == 1;
        let logits: Vec<f32> = (0..count).filter(kept).map(|k| case.logits[k]).collect();
        let soft: Vec<f32> = (0..count).filter(kept).map(|k| case.soft[k]).collect();
        let scales = Scales { bce: 5.0, focal: 3.0, dice: 5.0 };
        let focal = Focal::default();
        let with = Samples { labels: Labels::Soft(&case.soft), kept: Some(&case.void) };
        let without = Samples { labels: Labels::Soft(&soft), kept: None };
        let (a, b) = (values_of(ALL, focal, &case.logits, &with), values_of(ALL, focal, &logits, &without));
        assert_close(a.bce, b.bce, 1e-14);
        assert_close(a.focal, b.focal, 1e-14);
        assert_close(a.dice, b.dice, 1e-14);
        let found = gradient_of(&scales, focal, &case.logits, &with);
        let mut expected = gradient_of(&scales, focal, &logits, &without).into_iter();
        for (k, g) in found.into_iter().enumerate() {
            if case.void[k] == 1 {
                assert_close(f64::from(g), f64::from(expected.next().expect("as many")), 1e-9);
            } else {
                assert_eq!(g.to_bits(), 0, "exactly +0");
            }
        }
    }

    #[test]
    fn where_no_sample_counts_all_is_0() {
        for count in [0, 1, 16, 40] {
            let (logits, hard, kept) = (vec![1.0; count], vec![1; count], vec![0; count]);
            let samples = Samples { labels: Labels::Hard(&hard), kept: Some(&kept) };
            let found = values_of(ALL, Focal::default(), &logits, &samples);
            assert_eq!([found.bce, found.focal, found.dice], [0.0; 3]);
            let scales = Scales { bce: 1.0, focal: 1.0, dice: 1.0 };
            let found = gradient_of(&scales, Focal::default(), &logits, &samples);
            assert!(found.iter().all(|g| g.to_bits() == 0));
        }
    }

    #[test]
    fn without_scales_the_gradient_is_plus_0() {
        let samples = Samples { labels: Labels::Soft(&[0.25, 1.0, 0.0]), kept: None };
        let found = gradient_of(&Scales::default(), Focal::default(), &[1.0, -30.0, 2.0], &samples);
        assert_eq!(bits(&found), [0; 3]);
    }
}
