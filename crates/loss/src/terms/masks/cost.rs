//! The cost kernel: the terms of all queries and targets of an image at the same M samples.
//!
//! A target's label y chooses, at each sample, between what the query is worth if that is 1, a, and if it is 0, b: the mean
//! terms are Σ(ya + (1 - y)b) / M, where a and b are -ln p and -ln(1 - p) of cross-entropy, α(1 - p)^γ · -ln p and
//! (1 - α)p^γ · -ln(1 - p) of focal (which is linear in y, as in the published matchers, so that it is the loss' for labels 0
//! and 1 alone). Dice is the same sum of 1 - p and p, divided by S + Y + 1. So the logits are looked at once per query,
//! whatever the number of targets.
//!
//! With s = 1 where a < b, otherwise 0, ya + (1 - y)b = min(a, b) + |a - b| · |y - s|: the sum of the first is the query's alone,
//! and the second takes little for each pair. Nothing cancels, since all are positive. They are added in `f32` within short
//! blocks, and these in `f64`.

use simd::math::logistic;
use simd::{F32, F64, LANES, Level, Simd, dispatch, load, prelude::*, store};

use super::samples::{STEP, Samples, widen};
use super::values::{Focal, modulate};

/// Samples of a block: each lane adds sixteen in `f32`.
const BLOCK: usize = 16 * LANES;

/// Queries whose sums are kept at a time.
pub(super) const GROUP: usize = 16;

/// What a sample is worth at most, so that a block of them stays finite.
const LARGEST: f32 = 1e37;

/// What the terms are multiplied by in the cost, none of them negative.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct CostWeights {
    pub bce: f64,
    pub focal: f64,
    pub dice: f64,
}

impl CostWeights {
    /// That of the mean terms together.
    fn mean(&self) -> f64 {
        self.bce + self.focal
    }
}

/// Memory of the kernel.
#[derive(Debug, Default)]
pub(super) struct Cost {
    /// Labels of a block, `[targets, BLOCK]`; 0 where a sample is void or missing.
    labels: Vec<f32>,
    /// ΣY of each target.
    areas: Vec<f64>,
    /// The sums of some queries and each target, `[GROUP, targets]`.
    sums: Vec<Sums>,
}

/// Of a query and a target.
#[derive(Clone, Copy, Debug, Default)]
struct Sums {
    /// Of the mean terms, with their shares in the weight.
    mean: f64,
    /// What dice misses.
    miss: f64,
}

/// What a query's logits are worth in a block, beyond what they are worth whatever the label.
struct Worth {
    mean: Sides,
    miss: Sides,
}

/// Of a term.
struct Sides {
    /// |a - b|.
    difference: [f32; BLOCK],
    /// The label that costs less: 1 where a < b, otherwise 0.
    better: [f32; BLOCK],
}

/// Sums over a query's samples, whatever their labels.
#[derive(Clone, Copy, Debug, Default)]
struct Totals {
    /// Σp.
    size: f64,
    /// Σ min(a, b) of the mean terms, and of what dice misses.
    mean: f64,
    miss: f64,
}

/// What the kernels are given.
struct Problem<'a> {
    weights: &'a CostWeights,
    focal: Focal,
    /// `[queries, samples]`.
    logits: &'a [f32],
    samples: &'a Samples<'a>,
    /// Of a query.
    count: usize,
    targets: usize,
}

impl Cost {
    /// Adds the weighted cost to a block, `[targets, stride]`. `logits`: `[queries, samples]`, finite. `samples`: the labels
    /// `[targets, samples]`, and which samples count, `[samples]`. Columns beyond the queries stay what they are. Where no sample
    /// counts, the cost is 0.
    #[expect(clippy::too_many_arguments, reason = "a kernel takes what it computes from, flat")]
    pub fn add(
        &mut self,
        level: Level,
        weights: &CostWeights,
        focal: Focal,
        logits: &[f32],
        samples: &Samples<'_>,
        targets: usize,
        block: &mut [f32],
        stride: usize,
    ) {
        let has_weight = weights.mean() != 0.0 || weights.dice != 0.0;
        if !has_weight || targets == 0 || logits.is_empty() {
            return;
        }
        let count = samples.labels.len() / targets;
        let problem = Problem { weights, focal, logits, samples, count, targets };
        self.labels.resize(targets * BLOCK, 0.0);
        dispatch!(level, simd => self.add_with(simd, &problem, block, stride));
    }

    /// Bytes of its memory.
    pub fn held(&self) -> usize {
        self.labels.capacity() * size_of::<f32>()
            + self.areas.capacity() * size_of::<f64>()
            + self.sums.capacity() * size_of::<Sums>()
    }

    #[inline(always)]
    fn add_with<S: Simd>(&mut self, simd: S, problem: &Problem<'_>, block: &mut [f32], stride: usize) {
        let &Problem { weights, samples, count, targets, .. } = problem;
        let kept = samples.kept.map_or(count as f64, |kept| kept.iter().map(|&kept| f64::from(kept)).sum());
        let mean = if kept > 0.0 { weights.mean() / kept } else { 0.0 };
        let mut worth = Worth { mean: Sides::none(), miss: Sides::none() };
        for (group, logits) in problem.logits.chunks(GROUP * count).enumerate() {
            self.sums.clear();
            self.sums.resize(GROUP * targets, Sums::default());
            self.areas.clear();
            self.areas.resize(targets, 0.0);
            let mut totals = [Totals::default(); GROUP];
            for at in (0..count).step_by(BLOCK) {
                let length = BLOCK.min(count - at);
                self.fill_labels(simd, problem, at, length);
                for (k, logits) in logits.chunks_exact(count).enumerate() {
                    let kept = samples.kept.map(|kept| &kept[at..at + length]);
                    weigh(simd, problem, &logits[at..at + length], kept, &mut worth, &mut totals[k]);
                    let sums = &mut self.sums[k * targets..][..targets];
                    compare(simd, problem, &worth, &self.labels, length.div_ceil(LANES), sums);
                }
            }
            for (k, sums) in self.sums.chunks_exact(targets).take(logits.len() / count).enumerate() {
                for (target, (sums, area)) in sums.iter().zip(&self.areas).enumerate() {
                    let own = &totals[k];
                    let miss = (own.miss + sums.miss) / (own.size + area + 1.0);
                    let cost = mean * (own.mean + sums.mean) + weights.dice * miss;
                    // the largest weights would make it infinite, which means that a pair may not be matched
                    block[target * stride + group * GROUP + k] += cost.min(f64::from(f32::MAX)) as f32;
                }
            }
        }
    }

    /// The labels of a block, and their sums.
    #[inline(always)]
    fn fill_labels<S: Simd>(&mut self, simd: S, problem: &Problem<'_>, at: usize, length: usize) {
        let mut kept = [1.0; BLOCK];
        if let Some(bytes) = problem.samples.kept {
            widen(&bytes[at..at + length], &mut kept[..length]);
        }
        for (target, labels) in self.labels.chunks_exact_mut(BLOCK).enumerate() {
            problem.samples.labels.copy(target * problem.count + at, &mut labels[..length]);
            labels[length..].fill(0.0);
            let mut area = F64::splat(simd, 0.0);
            for at in (0..BLOCK).step_by(LANES) {
                let label = load(simd, labels, at) * load(simd, &kept, at);
                store(label, labels, at);
                let (low, high) = label.widen();
                area += low + high;
            }
            self.areas[target] += area.reduce_sum();
        }
    }
}

impl Sides {
    const fn none() -> Self {
        Self { difference: [0.0; BLOCK], better: [0.0; BLOCK] }
    }

    /// Keeps what some samples are worth by label, 1 and 0. Returns the lesser of both.
    #[inline(always)]
    fn put<S: Simd>(&mut self, simd: S, [one, zero]: [F32<S>; 2], at: usize) -> F32<S> {
        let better = one.simd_lt(zero).select(F32::splat(simd, 1.0), F32::splat(simd, 0.0));
        store(better, &mut self.better, at);
        store((one - zero).abs(), &mut self.difference, at);
        one.min(zero)
    }
}

/// What a query's logits are worth; adds to its totals.
#[inline(always)]
fn weigh<S: Simd>(
    simd: S,
    problem: &Problem<'_>,
    logits: &[f32],
    kept: Option<&[u8]>,
    worth: &mut Worth,
    totals: &mut Totals,
) {
    if problem.focal.gamma == 2.0 {
        weigh_with::<S, true>(simd, problem, logits, kept, worth, totals);
    } else {
        weigh_with::<S, false>(simd, problem, logits, kept, worth, totals);
    }
}

#[inline(always)]
fn weigh_with<S: Simd, const SQUARE: bool>(
    simd: S,
    problem: &Problem<'_>,
    logits: &[f32],
    kept: Option<&[u8]>,
    worth: &mut Worth,
    totals: &mut Totals,
) {
    let zero = F32::splat(simd, 0.0);
    let Problem { weights, focal, .. } = problem;
    let (share, gamma) = ((weights.bce / weights.mean()) as f32, focal.gamma as f32);
    let alphas = [focal.alpha, 1.0 - focal.alpha].map(|alpha| (alpha * weights.focal / weights.mean()) as f32);
    let mut x = [0.0; BLOCK];
    x[..logits.len()].copy_from_slice(logits);
    // what is void or missing is worth nothing
    let is_whole = logits.len() == BLOCK && kept.is_none();
    let mut counts = [0.0; BLOCK];
    match kept {
        Some(kept) => widen(kept, &mut counts[..logits.len()]),
        None => counts[..logits.len()].fill(1.0),
    }
    let none = [F64::splat(simd, 0.0); 2];
    let (mut size, mut least_mean, mut least_miss) = (none, none, none);
    for first in (0..logits.len()).step_by(STEP * LANES) {
        let mut vectors = [zero; STEP];
        for i in 0..STEP {
            vectors[i] = load(simd, &x, first + i * LANES);
        }
        let l = logistic(simd, vectors);
        let (mut p, mut q) = (l.p, l.q);
        let mut mean = [[zero; STEP]; 2];
        if weights.mean() != 0.0 {
            for i in 0..STEP {
                mean[0][i] = l.nll_p[i] * share;
                mean[1][i] = l.nll_q[i] * share;
            }
        }
        if weights.focal != 0.0 {
            let factors = [modulate::<S, STEP, SQUARE>(gamma, q), modulate::<S, STEP, SQUARE>(gamma, p)];
            for i in 0..STEP {
                mean[0][i] += factors[0][i] * l.nll_p[i] * alphas[0];
                mean[1][i] += factors[1][i] * l.nll_q[i] * alphas[1];
            }
        }
        if !is_whole {
            for i in 0..STEP {
                let count = load(simd, &counts, first + i * LANES);
                p[i] *= count;
                q[i] *= count;
                mean[0][i] *= count;
                mean[1][i] *= count;
            }
        }
        for i in 0..STEP {
            let at = first + i * LANES;
            add(&mut least_mean, worth.mean.put(simd, mean.map(|mean| mean[i].min(LARGEST)), at));
            add(&mut least_miss, worth.miss.put(simd, [q[i], p[i]], at));
            add(&mut size, p[i]);
        }
    }
    let sum = |[low, high]: [F64<S>; 2]| (low + high).reduce_sum();
    totals.size += sum(size);
    totals.mean += sum(least_mean);
    totals.miss += sum(least_miss);
}

#[inline(always)]
fn add<S: Simd>(sums: &mut [F64<S>; 2], values: F32<S>) {
    let (low, high) = values.widen();
    sums[0] += low;
    sums[1] += high;
}

/// Adds the sums of a query and all targets. `steps`: the vectors of a block that hold samples.
#[inline(always)]
fn compare<S: Simd>(simd: S, problem: &Problem<'_>, worth: &Worth, labels: &[f32], steps: usize, sums: &mut [Sums]) {
    let weights = problem.weights;
    match (weights.mean() != 0.0, weights.dice != 0.0) {
        // both cost less by the same labels, those of the sign of the logit
        (true, true) if weights.focal == 0.0 => {
            compare_with::<S, true, true, true>(simd, worth, labels, steps, sums);
        }
        (true, true) => compare_with::<S, true, true, false>(simd, worth, labels, steps, sums),
        (true, false) => compare_with::<S, true, false, false>(simd, worth, labels, steps, sums),
        (false, _) => compare_with::<S, false, true, false>(simd, worth, labels, steps, sums),
    }
}

#[inline(always)]
fn compare_with<S: Simd, const MEAN: bool, const DICE: bool, const ALIKE: bool>(
    simd: S,
    worth: &Worth,
    labels: &[f32],
    steps: usize,
    sums: &mut [Sums],
) {
    let pairs = labels.chunks_exact(2 * BLOCK).zip(sums.chunks_exact_mut(2));
    for (labels, sums) in pairs {
        tile::<S, 2, MEAN, DICE, ALIKE>(simd, worth, labels, steps, sums);
    }
    if let (labels, [sum]) = (labels.chunks_exact(2 * BLOCK).remainder(), sums.chunks_exact_mut(2).into_remainder()) {
        tile::<S, 1, MEAN, DICE, ALIKE>(simd, worth, labels, steps, std::slice::from_mut(sum));
    }
}

/// One query and `N` targets. `ALIKE`: whether both terms cost less by the same labels.
#[inline(always)]
fn tile<S: Simd, const N: usize, const MEAN: bool, const DICE: bool, const ALIKE: bool>(
    simd: S,
    worth: &Worth,
    labels: &[f32],
    steps: usize,
    sums: &mut [Sums],
) {
    let zero = F32::splat(simd, 0.0);
    let (mut mean, mut miss) = ([zero; N], [zero; N]);
    for step in 0..steps {
        let at = step * LANES;
        for n in 0..N {
            let label = load(simd, labels, n * BLOCK + at);
            let off = |sides: &Sides| (label - load(simd, &sides.better, at)).abs();
            if MEAN {
                mean[n] += off(&worth.mean) * load(simd, &worth.mean.difference, at);
            }
            if DICE {
                let off = off(if ALIKE { &worth.mean } else { &worth.miss });
                miss[n] += off * load(simd, &worth.miss.difference, at);
            }
        }
    }
    for n in 0..N {
        if MEAN {
            sums[n].mean += total(mean[n]);
        }
        if DICE {
            sums[n].miss += total(miss[n]);
        }
    }
}

#[inline(always)]
fn total<S: Simd>(values: F32<S>) -> f64 {
    let (low, high) = values.widen();
    (low + high).reduce_sum()
}

#[cfg(test)]
mod tests {
    use simd::padded;

    use super::super::samples::Labels;
    use super::super::values::{Active, values};
    use super::*;
    use crate::test_support::{Random, bits, extent};

    const WEIGHTS: [CostWeights; 7] = [
        CostWeights { bce: 5.0, focal: 0.0, dice: 5.0 },
        CostWeights { bce: 0.0, focal: 20.0, dice: 1.0 },
        CostWeights { bce: 2.0, focal: 3.0, dice: 4.0 },
        CostWeights { bce: 2.0, focal: 0.0, dice: 0.0 },
        CostWeights { bce: 0.0, focal: 2.0, dice: 0.0 },
        CostWeights { bce: 0.0, focal: 0.0, dice: 2.0 },
        CostWeights { bce: 0.0, focal: 0.0, dice: 0.0 },
    ];

    /// An image.
    struct Case {
        queries: usize,
        targets: usize,
        count: usize,
        logits: Vec<f32>,
        hard: Vec<u8>,
        soft: Vec<f32>,
        void: Vec<u8>,
    }

    impl Case {
        fn new(random: &mut Random, queries: usize, targets: usize, count: usize) -> Self {
            let soft = |random: &mut Random| [0.0, 1.0, random.unit()][random.below(3)];
            Self {
                queries,
                targets,
                count,
                logits: (0..queries * count).map(|_| 4.0 * random.normal()).collect(),
                hard: (0..targets * count).map(|_| random.below(2) as u8).collect(),
                soft: (0..targets * count).map(|_| soft(random)).collect(),
                void: (0..count).map(|_| u8::from(random.below(4) > 0)).collect(),
            }
        }

        fn each(&self, mut check: impl FnMut(Samples<'_>)) {
            for labels in [Labels::Hard(&self.hard), Labels::Soft(&self.soft)] {
                check(Samples { labels, kept: None });
                check(Samples { labels, kept: Some(&self.void) });
            }
        }

        fn block(&self, weights: &CostWeights, focal: Focal, samples: &Samples<'_>) -> Vec<f32> {
            let stride = padded(self.queries);
            let mut cost = Cost::default();
            let mut all = Level::available().into_iter().map(|level| {
                let mut block = vec![0.0; self.targets * stride];
                block.chunks_exact_mut(stride.max(1)).for_each(|row| row[self.queries..].fill(f32::INFINITY));
                cost.add(level, weights, focal, &self.logits, samples, self.targets, &mut block, stride);
                block
            });
            let first = all.next().expect("a level");
            all.for_each(|other| assert_eq!(bits(&first), bits(&other)));
            first
        }

        fn label(&self, samples: &Samples<'_>, target: usize, k: usize) -> f64 {
            match samples.labels {
                Labels::Hard(labels) => f64::from(labels[target * self.count + k]),
                Labels::Soft(labels) => f64::from(labels[target * self.count + k]),
            }
        }

        /// The definition: the terms in `f64`, of which focal is linear in the label.
        fn exact(
            &self,
            weights: &CostWeights,
            focal: Focal,
            samples: &Samples<'_>,
            query: usize,
            target: usize,
        ) -> f64 {
            let softplus = |x: f64| x.max(0.0) + (-x.abs()).exp().ln_1p();
            let (mut bce, mut fl, mut count, mut miss, mut total) = (0.0, 0.0, 0.0, 0.0, 1.0);
            for k in (0..self.count).filter(|&k| samples.kept.is_none_or(|kept| kept[k] == 1)) {
                let x = f64::from(self.logits[query * self.count + k]);
                let y = self.label(samples, target, k);
                let (p, q) = (1.0 / (1.0 + (-x).exp()), 1.0 / (1.0 + x.exp()));
                bce += y * softplus(-x) + (1.0 - y) * softplus(x);
                fl += y * focal.alpha * q.powf(focal.gamma) * softplus(-x)
                    + (1.0 - y) * (1.0 - focal.alpha) * p.powf(focal.gamma) * softplus(x);
                count += 1.0;
                miss += p * (1.0 - y) + q * y;
                total += p + y;
            }
            let mean = if count > 0.0 { (weights.bce * bce + weights.focal * fl) / count } else { 0.0 };
            mean + weights.dice * miss / total
        }
    }

    #[track_caller]
    fn assert_relative(actual: f32, expected: f64, tolerance: f64) {
        let error = (f64::from(actual) - expected).abs();
        assert!(error <= tolerance * expected.abs(), "{actual} is not {expected}: off by {error}");
    }

    #[test]
    fn costs_of_every_length_follow_the_definition_with_the_same_bits_at_every_level() {
        let mut random = Random::new(31);
        let sizes = [
            (0, 3, 20),
            (3, 0, 20),
            (3, 2, 0),
            (1, 1, 1),
            (2, 3, 15),
            (15, 2, 16),
            (16, 1, 17),
            (17, 3, 33),
            (5, 4, 255),
            (4, 3, 256),
            (3, 2, 257),
            (2, 5, 1000),
        ];
        for (queries, targets, count) in sizes.into_iter().take(extent(12, 5)) {
            let case = Case::new(&mut random, queries, targets, count);
            for (k, weights) in WEIGHTS.iter().enumerate().step_by(extent(1, 4)) {
                let focal = Focal { alpha: 0.25, gamma: [2.0, 2.0, 1.5, 0.0][k % 4] };
                case.each(|samples| {
                    let block = case.block(weights, focal, &samples);
                    for (target, costs) in block.chunks_exact(padded(queries).max(1)).enumerate() {
                        assert!(costs[queries..].iter().all(|&cost| cost == f32::INFINITY), "idle lanes");
                        for (query, &cost) in costs[..queries].iter().enumerate() {
                            let expected = case.exact(weights, focal, &samples, query, target);
                            assert_relative(cost, expected, 1e-6);
                        }
                    }
                });
            }
        }
    }

    #[test]
    fn many_samples_lose_no_digits_where_a_mask_is_nearly_right() {
        let mut random = Random::new(32);
        let mut case = Case::new(&mut random, 2, 2, extent(300_001, 301));
        for (x, &label) in case.logits.iter_mut().zip(&case.hard) {
            // the first query is right about the first target, the second about the second
            *x = if label == 1 { 9.0 + *x } else { *x - 9.0 };
        }
        for weights in &WEIGHTS[..extent(3, 1)] {
            let samples = Samples { labels: Labels::Hard(&case.hard), kept: None };
            let block = case.block(weights, Focal::default(), &samples);
            for (query, target) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
                let expected = case.exact(weights, Focal::default(), &samples, query, target);
                assert_relative(block[target * padded(2) + query], expected, 1e-6);
            }
        }
    }

    #[test]
    fn the_cost_of_a_pair_is_its_loss_at_the_same_samples() {
        let mut random = Random::new(33);
        let count = extent(700, 10);
        let case = Case::new(&mut random, 3, 2, count);
        let active = Active { bce: true, focal: true, dice: true };
        case.each(|samples| {
            for (query, logits) in case.logits.chunks_exact(count).enumerate() {
                for target in 0..2 {
                    let labels = match samples.labels {
                        Labels::Hard(labels) => Labels::Hard(&labels[target * count..][..count]),
                        Labels::Soft(labels) => Labels::Soft(&labels[target * count..][..count]),
                    };
                    // focal only where labels are 0 or 1
                    let focal = if matches!(samples.labels, Labels::Hard(_)) { 3.0 } else { 0.0 };
                    let weights = CostWeights { bce: 2.0, focal, dice: 5.0 };
                    let loss =
                        values(Level::detect(), active, Focal::default(), logits, &Samples { labels, ..samples });
                    let expected = 2.0 * loss.bce + focal * loss.focal + 5.0 * loss.dice;
                    let block = case.block(&weights, Focal::default(), &samples);
                    assert_relative(block[target * padded(3) + query], expected, 5e-7);
                }
            }
        });
    }

    #[test]
    fn hard_labels_cost_what_soft_ones_do_bit_for_bit() {
        let mut random = Random::new(34);
        let mut case = Case::new(&mut random, 5, 3, extent(600, 40));
        case.soft = case.hard.iter().map(|&label| f32::from(label)).collect();
        let costs = |labels| case.block(&WEIGHTS[2], Focal::default(), &Samples { labels, kept: None });
        assert_eq!(bits(&costs(Labels::Hard(&case.hard))), bits(&costs(Labels::Soft(&case.soft))));
    }

    #[test]
    fn costs_are_added_and_finite_whatever_logits_and_weights() {
        let logits = [1e5, -1e5, f32::MAX, f32::MIN, 1e30, 0.0];
        let soft = [0.0, 1.0, 0.0, 1.0, 0.5, 0.5];
        let samples = Samples { labels: Labels::Soft(&soft), kept: None };
        for weight in [1.0, 1e12] {
            for gamma in [0.0, 2.0] {
                let weights = CostWeights { bce: weight, focal: weight, dice: weight };
                let focal = Focal { alpha: 0.25, gamma };
                let mut block = [1.0; LANES];
                Cost::default().add(Level::detect(), &weights, focal, &logits, &samples, 1, &mut block, LANES);
                assert!(block[0].is_finite() && block[0] > 1.0);
                assert_eq!(block[1..], [1.0; LANES - 1]);
            }
        }
        let weights = CostWeights { bce: 2.0, ..CostWeights::default() };
        let samples = Samples { labels: Labels::Hard(&[0, 1]), kept: None };
        let mut block = [1.0; LANES];
        let mut cost = Cost::default();
        cost.add(Level::detect(), &weights, Focal::default(), &logits[..2], &samples, 1, &mut block, LANES);
        assert_eq!(block[0], 200_001.0);
        assert!(cost.held() > 0);
    }
}
