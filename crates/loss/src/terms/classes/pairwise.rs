//! Class costs that depend on how well query and target agree, which is known once their geometry is.
//!
//! - The product -p · IoU^power, which is meant to be the whole cost (Pu et al. 2023, "Rank-DETR", high-order matching cost;
//!   LeapLabTHU/Rank-DETR, `HighOrderMatcher`; Intellindust-AI-Lab/DEIMv2, `HungarianMatcher`).
//! - The focal cost of p · u^β, with u = (GIoU + 1)/2 (Liu et al. 2023, "Stable-DINO", position-modulated cost;
//!   facebookresearch/sam3, `BinaryHungarianMatcherV2` with `stable`). Where that is wanted, u is first raised or divided by the
//!   greatest of the image.

use simd::math::{exp, ln, logistic};
use simd::{F32, LANES, Level, Simd, dispatch, load, prelude::*, store};

use super::binary::soft::Maximum;
use super::binary::{exp_and_rest, log};
use super::combination::Combination;
use crate::terms::class::PairwiseInputs;

/// Costs of logits larger than this count as this, so that every weight keeps them finite in `f32`.
pub(super) const LARGEST: f32 = 1e20;

/// A form of the cost.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Pairwise {
    /// -p · q^power, q the IoU.
    Product {
        /// 0 to 100.
        power: f32,
    },
    /// The focal cost of p · u^β.
    Modulated {
        focal: Focal,
        /// β, 0 to 100.
        beta: f32,
        /// What the greatest u does.
        maximum: Maximum,
    },
}

/// The focal cost.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Focal {
    /// α, 0 to 1.
    pub alpha: f32,
    /// γ.
    pub gamma: f32,
    /// ε of its logarithms; absent in the exact form.
    pub epsilon: Option<f32>,
}

/// Adds the weighted cost of one target to its row, of several labels combined. `costs`: `[padded queries]`.
pub(super) fn add(
    level: Level,
    form: Pairwise,
    combination: Combination,
    inputs: &PairwiseInputs<'_>,
    costs: &mut [f32],
) {
    let stride = costs.len();
    let scale = match form {
        Pairwise::Product { .. } => 1.0,
        Pairwise::Modulated { maximum, .. } => maximum.scale(f64::from(inputs.greatest)) as f32,
    };
    let share = combination.share(inputs.labels.of_target(inputs.target).map(|(_, value)| value));
    for (label, value) in inputs.labels.of_target(inputs.target) {
        let weight = inputs.weight as f32 * (value * share);
        let logits = &inputs.rows[label * stride..][..stride];
        dispatch!(level, simd => for at in (0..stride).step_by(LANES) {
            let (x, agreement) = (load(simd, logits, at), load(simd, inputs.agreement, at));
            let cost = match form {
                Pairwise::Product { power } => product(simd, power, x, agreement),
                Pairwise::Modulated { focal, beta, .. } => modulated(simd, focal, beta, x, (agreement * scale).min(1.0)),
            };
            store(load(simd, costs, at) + cost * weight, costs, at);
        });
    }
}

#[inline(always)]
fn product<S: Simd>(simd: S, power: f32, x: F32<S>, quality: F32<S>) -> F32<S> {
    let square = quality * quality;
    let factor = if power == 4.0 {
        square * square
    } else if power == 2.0 {
        square
    } else if power == 1.0 {
        quality
    } else if power == 0.0 {
        F32::splat(simd, 1.0)
    } else {
        let [factor] = exp([log(simd, quality) * power]);
        quality.simd_gt(0.0).select(factor, F32::splat(simd, 0.0))
    };
    -(logistic(simd, [x]).p[0] * factor)
}

#[inline(always)]
fn modulated<S: Simd>(simd: S, focal: Focal, beta: f32, x: F32<S>, u: F32<S>) -> F32<S> {
    let Focal { alpha, gamma, epsilon } = focal;
    let l = logistic(simd, [x]);
    let log_factor = log(simd, u) * beta;
    let (factor, rest) = exp_and_rest(simd, log_factor);
    let p = l.p[0] * factor;
    // 1 - p·f
    let q = l.q[0] + l.p[0] * rest;
    let nll_p = (l.nll_p[0] - log_factor).min(LARGEST);
    let [log_q] = ln([q.max(f32::MIN_POSITIVE)]);
    // where p·f is p itself, the logarithm has all its digits
    let nll_q = rest.simd_gt(0.0).select(-log_q, l.nll_q[0]);
    let (hit, miss) = if gamma == 2.0 {
        (p * p, q * q)
    } else {
        let [hit] = exp([nll_p * -gamma]);
        let [miss] = exp([nll_q * -gamma]);
        (hit, miss)
    };
    let (nll_p, nll_q) = match epsilon {
        None => (nll_p, nll_q),
        Some(epsilon) => {
            let [log_p, log_q] = ln([p + epsilon, q + epsilon]);
            (-log_p, -log_q)
        }
    };
    miss * nll_p * alpha - hit * nll_q * (1.0 - alpha)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::{Labels, Targets};
    use crate::test_support::{Random, assert_close, bits, extent};
    use simd::padded;

    const FOCAL: Focal = Focal { alpha: 0.25, gamma: 2.0, epsilon: Some(1e-8) };

    /// The definition of one label's cost.
    fn exact(form: Pairwise, x: f64, agreement: f64, greatest: f64) -> f64 {
        let p = 1.0 / (1.0 + (-x).exp());
        match form {
            Pairwise::Product { power } => -p * agreement.powf(f64::from(power)),
            Pairwise::Modulated { focal: Focal { alpha, gamma, epsilon }, beta, maximum } => {
                let [alpha, gamma, beta] = [alpha, gamma, beta].map(f64::from);
                let epsilon = epsilon.map_or(0.0, f64::from);
                let p = p * (agreement * maximum.scale(greatest)).min(1.0).powf(beta);
                let positive = -alpha * (1.0 - p).powf(gamma) * (p + epsilon).ln();
                positive + (1.0 - alpha) * p.powf(gamma) * (1.0 - p + epsilon).ln()
            }
        }
    }

    #[test]
    fn costs_follow_the_definition_with_the_same_bits_at_every_level_and_of_several_labels_are_summed() {
        let mut random = Random::new(9);
        let product = [0.0, 1.0, 2.0, 4.0, 1.5].map(|power| Pairwise::Product { power });
        let focal = [FOCAL, Focal { alpha: 0.6, gamma: 1.3, epsilon: None }];
        let modulated = focal.into_iter().flat_map(|focal| {
            let maxima = [Maximum::None, Maximum::Divide, Maximum::Raise];
            maxima.map(|maximum| Pairwise::Modulated { focal, beta: 0.5, maximum })
        });
        let targets = Targets::new(&[3, 0, 3], Some(&[0, 1, 3]), &[], &[0, 2], &[]).expect("lengths fit");
        let mut labels = Labels::default();
        labels.set(&targets.image(0), 5, None);
        assert!(labels.of_target(0).eq([(0, 1.0)]) && labels.of_target(1).eq([(1, 1.0), (0, 1.0)]));
        for form in product.into_iter().chain(modulated).step_by(extent(1, 2)) {
            for queries in [1, 16, 37].into_iter().step_by(extent(1, 2)) {
                let stride = padded(queries);
                let rows: Vec<f32> = (0..labels.rows() * stride).map(|_| random.normal() * 3.0).collect();
                let agreement: Vec<f32> = (0..stride).map(|_| 0.8 * random.unit()).collect();
                for target in 0..2 {
                    let mut first = None;
                    for level in Level::available() {
                        let inputs = PairwiseInputs {
                            rows: &rows,
                            labels: &labels,
                            target,
                            agreement: &agreement,
                            greatest: 0.8,
                            weight: 2.0,
                        };
                        let mut costs = vec![1.0; stride];
                        add(level, form, Combination::Sum, &inputs, &mut costs);
                        assert_eq!(*first.get_or_insert_with(|| bits(&costs)), bits(&costs), "{form:?}");
                        for query in 0..queries {
                            let x = |label: usize| f64::from(rows[label * stride + query]);
                            let one = |(label, _)| exact(form, x(label), agreement[query].into(), f64::from(0.8f32));
                            let sum: f64 = labels.of_target(target).map(one).sum();
                            assert_close(f64::from(costs[query]), 1.0 + 2.0 * sum, 3e-6);
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn costs_of_extreme_logits_and_agreements_are_finite() {
        let mut labels = Labels::default();
        let targets = Targets::new(&[0], None, &[], &[0, 1], &[]).expect("lengths fit");
        labels.set(&targets.image(0), 1, None);
        let rows: Vec<f32> = (0..LANES).map(|k| [1e20, -1e20, 1e5, -1e5][k % 4]).collect();
        let agreement: Vec<f32> = (0..LANES).map(|k| [0.0, 1.0, 1e-30, 0.5][k / 4]).collect();
        let exact = Focal { epsilon: None, ..FOCAL };
        let modulated = |focal| Pairwise::Modulated { focal, beta: 2.0, maximum: Maximum::Raise };
        for form in [Pairwise::Product { power: 4.0 }, modulated(FOCAL), modulated(exact)] {
            for greatest in [0.0, 1.0] {
                let (labels, target, weight) = (&labels, 0, 1e12);
                let inputs = PairwiseInputs { rows: &rows, labels, target, agreement: &agreement, greatest, weight };
                let mut costs = [0.0; LANES];
                add(Level::detect(), form, Combination::Sum, &inputs, &mut costs);
                assert!(costs.iter().all(|cost| cost.is_finite()), "{form:?}: {costs:?}");
            }
        }
    }
}
