//! The sigmoid kind with all its numbers, of which the other kinds are rows.
//!
//! With p = σ(x), BCE(x, t) = -t·ln p - (1 - t)·ln(1 - p) and t of [`SoftRule`], a labelled cell is worth
//! w⁺ · |t - p|^γ⁺ · BCE(x, t), any other cell w⁻ · p^γ⁻ · BCE(x, 0). The gradient of a labelled cell is
//! w⁺ · [|t - p|^γ⁺ · (p - t) + γ⁺ · |t - p|^(γ⁺ - 1) · sgn(p - t) · p(1 - p) · BCE], of which the second part falls away where
//! the modulators are mere weights. At p = t it is 0. Where the target has a value v of the class, t is multiplied by it, and
//! w⁺ of focal loss is α · v + (1 - α) · (1 - v).
//!
//! | criterion | w⁺ | γ⁺ | t | w⁻ | γ⁻ | live |
//! | --- | --- | --- | --- | --- | --- | --- |
//! | focal (Lin et al. 2017) | α | 2 | 1 | 1 - α | 2 | yes |
//! | varifocal (RT-DETR) | t | 0 | IoU | 0.75 | 2 | no |
//! | MAL (DEIM) | 1 | 0 | IoU^1.5 | 1 | 1.5 | no |
//! | IA-BCE (LW-DETR) | 1 | 0 | max(0.01, p^0.25 · IoU^0.75) | 1 | 2 | yes |
//! | the same with ranks (Align-DETR) | 1 | 0 | that times e^(-rank/1.5) | 1 | 2 | yes |
//! | quality focal (Li et al. 2020; Co-DETR, open-mmlab/mmdetection) | 1 | 2 | IoU | 1 | 2 | yes |
//! | position-supervised (Stable-DINO) | 0.25 | 2 | IoU², raised by the image's greatest | 0.75 | 2 | yes |
//! | GIoU-aware focal (Rank-DETR) | 0.25 | 2 | (GIoU + 1)/2 | 0.75 | 2 | yes |

use simd::math::{exp, ln, logistic};
use simd::{F32, F64, LANES, Level, Simd, dispatch, load, load_f64, padded, prelude::*, store};

use super::soft::{SoftLabel, SoftRule};
use super::{Background, Cell, Modulation, Pass, SATURATED, SMALLEST, Sigmoid, modulated};
use crate::batch::Columns;

/// What distinguishes the sigmoid criteria.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Numbers {
    /// w⁺ of a labelled cell, and whether t multiplies it.
    pub positive_weight: f64,
    pub weighs_by_target: bool,
    /// Whether the weight of a cell lies between w⁺ and w⁻ as its value does between 1 and 0, as α_t of focal loss.
    pub blends_weights: bool,
    /// γ⁺.
    pub positive_gamma: f64,
    /// w⁻ of every other cell.
    pub negative_weight: f64,
    /// γ⁻.
    pub negative_gamma: f64,
    /// Whether |t - p|^γ⁺ and p^γ⁻ are mere weights, without a gradient.
    pub detach_weights: bool,
    pub soft: SoftRule,
    /// Whether a labelled cell with a t of 0 counts like any other cell.
    pub zero_is_negative: bool,
}

/// The numbers, ready for the kernels.
#[derive(Debug)]
pub(crate) struct General {
    numbers: Numbers,
    background: Background,
    /// Weights of each class, labelled and not, whole vectors; absent where all classes weigh the same.
    classes: Option<[Vec<f64>; 2]>,
}

/// Sixteen labelled cells.
#[derive(Default)]
struct Lanes {
    x: [f32; LANES],
    t: [f32; LANES],
    rest: [f32; LANES],
    /// What the background pass had, unweighted.
    background: [f32; LANES],
    value: [f32; LANES],
    slope: [f32; LANES],
}

impl Numbers {
    /// Those of a kind that has a name of its own.
    pub fn of(kind: Sigmoid) -> Self {
        let soft = |a: f64, b: f64, floor: f64| SoftRule {
            probability_power: a,
            quality_power: b,
            floor,
            maximum: Default::default(),
        };
        let base = Self {
            positive_weight: 1.0,
            weighs_by_target: false,
            blends_weights: false,
            positive_gamma: 0.0,
            negative_weight: 1.0,
            negative_gamma: 0.0,
            detach_weights: false,
            soft: soft(0.0, 0.0, 0.0),
            zero_is_negative: false,
        };
        match kind {
            Sigmoid::Focal { alpha, gamma } => Self {
                positive_weight: alpha,
                positive_gamma: gamma,
                blends_weights: true,
                negative_weight: 1.0 - alpha,
                negative_gamma: gamma,
                ..base
            },
            Sigmoid::Varifocal { alpha, gamma, detach_weights } => Self {
                weighs_by_target: true,
                negative_weight: alpha,
                negative_gamma: gamma,
                detach_weights,
                soft: soft(0.0, 1.0, 0.0),
                ..base
            },
            Sigmoid::Mal { alpha, gamma, detach_weights } => Self {
                negative_weight: alpha,
                negative_gamma: gamma,
                detach_weights,
                soft: soft(0.0, gamma, 0.0),
                ..base
            },
            Sigmoid::IaBce { alpha, gamma, min_quality } => {
                Self { negative_gamma: gamma, soft: soft(alpha, 1.0 - alpha, min_quality), ..base }
            }
        }
    }
}

impl General {
    /// `alpha`: of each class, by which labelled cells are multiplied, and others by 1 - α. `weights`: of each class, by which
    /// all its cells are multiplied.
    pub fn new(numbers: Numbers, alpha: Option<&[f64]>, weights: Option<&[f64]>) -> Self {
        let count = alpha.or(weights).map(<[f64]>::len);
        let classes = count.map(|count| {
            let of = |side: &dyn Fn(f64) -> f64| {
                let weight = |class: usize| {
                    alpha.map_or(1.0, |alpha| side(alpha[class])) * weights.map_or(1.0, |weights| weights[class])
                };
                let mut all: Vec<f64> = (0..count).map(weight).collect();
                all.resize(padded(count), 0.0);
                all
            };
            let [mut positive, mut negative] = [of(&|alpha| alpha), of(&|alpha| 1.0 - alpha)];
            positive.iter_mut().for_each(|weight| *weight *= numbers.positive_weight);
            negative.iter_mut().for_each(|weight| *weight *= numbers.negative_weight);
            [positive, negative]
        });
        let background = Background::new(numbers.negative_weight, numbers.negative_gamma, numbers.detach_weights);
        Self { numbers, background, classes }
    }

    pub fn numbers(&self) -> &Numbers {
        &self.numbers
    }

    /// The same for the columns that an image has, where columns have weights of their own.
    pub fn of_columns(&self, columns: &Columns) -> Option<Self> {
        let gather = |weights: &Vec<f64>| {
            let mut own = vec![0.0; padded(columns.count())];
            for (column, &weight) in
                weights[..columns.width()].iter().enumerate().filter(|&(column, _)| columns.has(column))
            {
                own[columns.place(column)] = weight;
            }
            own
        };
        let classes = self.classes.as_ref()?.each_ref().map(gather);
        Some(Self { classes: Some(classes), ..*self })
    }

    /// As [`super::Rule::background`]. `classes`: columns of the logits.
    pub fn background(
        &self,
        level: Level,
        logits: &[f32],
        classes: usize,
        scale: f64,
        gradient: Option<&mut [f32]>,
    ) -> Pass {
        let Some([_, weights]) = &self.classes else { return self.background.pass(level, logits, scale, gradient) };
        let modulation = self.background.modulation;
        dispatch!(level, simd => if modulation.gamma == 2.0 {
            background_with::<_, true>(simd, modulation, logits, (classes, weights), scale, gradient)
        } else {
            background_with::<_, false>(simd, modulation, logits, (classes, weights), scale, gradient)
        })
    }

    /// As [`super::Rule::apply_positives`]. `soft`: t of each cell.
    pub fn apply_positives(
        &self,
        level: Level,
        logits: &[f32],
        classes: usize,
        (cells, soft): (&[Cell], &[SoftLabel]),
        scale: f64,
        gradient: Option<&mut [f32]>,
    ) -> f64 {
        dispatch!(level, simd => if self.background.modulation.gamma == 2.0 {
            apply_positives_with::<_, true>(simd, self, logits, classes, (cells, soft), scale, gradient)
        } else {
            apply_positives_with::<_, false>(simd, self, logits, classes, (cells, soft), scale, gradient)
        })
    }

    /// Weights of a labelled cell and of any other of a class.
    #[inline(always)]
    fn weights(&self, class: usize) -> [f64; 2] {
        match &self.classes {
            Some([positive, negative]) => [positive[class], negative[class]],
            None => [self.numbers.positive_weight, self.numbers.negative_weight],
        }
    }
}

/// Row by row, where classes have weights of their own. `weights`: `[padded classes]`.
#[inline(always)]
fn background_with<S: Simd, const SQUARE: bool>(
    simd: S,
    modulation: Modulation,
    logits: &[f32],
    (classes, weights): (usize, &[f64]),
    scale: f64,
    mut gradient: Option<&mut [f32]>,
) -> Pass {
    let mut sums = [F64::splat(simd, 0.0); 2];
    let mut probe = F32::splat(simd, 0.0);
    for (row, logits) in logits.chunks_exact(classes).enumerate() {
        for start in (0..classes).step_by(LANES) {
            let count = LANES.min(classes - start);
            // idle lanes hold a logit whose value and derivative vanish
            let mut tile = [f32::MIN; LANES];
            tile[..count].copy_from_slice(&logits[start..start + count]);
            let x = load(simd, &tile, 0);
            let [[value], [slope]] = modulated::<S, 1, SQUARE>(simd, modulation, [x]);
            let weight = load_f64(simd, weights, start);
            store(value, &mut tile, 0);
            tile[count..].fill(0.0);
            let (low, high) = load(simd, &tile, 0).widen();
            sums[0] += low * weight[0];
            sums[1] += high * weight[1];
            tile[..count].copy_from_slice(&logits[start..start + count]);
            probe += load(simd, &tile, 0);
            if let Some(gradient) = &mut gradient {
                let weight = (weight[0] * scale).narrow(weight[1] * scale);
                store(slope * weight, &mut tile, 0);
                gradient[row * classes + start..][..count].copy_from_slice(&tile[..count]);
            }
        }
    }
    Pass { loss: (sums[0] + sums[1]).reduce_sum(), finite: probe.abs().simd_lt(f32::INFINITY).all_true() }
}

#[inline(always)]
fn apply_positives_with<S: Simd, const SQUARE: bool>(
    simd: S,
    rule: &General,
    logits: &[f32],
    classes: usize,
    (cells, soft): (&[Cell], &[SoftLabel]),
    scale: f64,
    mut gradient: Option<&mut [f32]>,
) -> f64 {
    let numbers = &rule.numbers;
    let mut gain = 0.0;
    for (cells, soft) in cells.chunks(LANES).zip(soft.chunks(LANES)) {
        let mut lanes = Lanes::default();
        for (lane, (cell, label)) in cells.iter().zip(soft).enumerate() {
            lanes.x[lane] = logits[cell.at];
            (lanes.t[lane], lanes.rest[lane]) = (label.t as f32, label.rest as f32);
        }
        positive_lanes::<S, SQUARE>(simd, rule, &mut lanes);
        for (lane, (cell, label)) in cells.iter().zip(soft).enumerate() {
            if numbers.zero_is_negative && label.t == 0.0 {
                continue; // the pass has made it what it is
            }
            let [mut positive, negative] = rule.weights(cell.at % classes);
            if numbers.blends_weights {
                let value = f64::from(cell.value);
                positive = positive * value + negative * (1.0 - value);
            }
            if numbers.weighs_by_target {
                positive *= label.t;
            }
            let background = negative * f64::from(lanes.background[lane]);
            gain += positive * f64::from(lanes.value[lane]) * f64::from(cell.weight)
                - background * f64::from(cell.background);
            if let Some(gradient) = &mut gradient {
                gradient[cell.at] = (f64::from(lanes.slope[lane]) * positive * scale * f64::from(cell.weight)) as f32;
            }
        }
    }
    gain
}

#[inline(always)]
fn positive_lanes<S: Simd, const SQUARE: bool>(simd: S, rule: &General, lanes: &mut Lanes) {
    let zero = F32::splat(simd, 0.0);
    let x = load(simd, &lanes.x, 0);
    let [[background], _] = modulated::<S, 1, SQUARE>(simd, rule.background.modulation, [x]);
    store(background, &mut lanes.background, 0);
    let (t, rest) = (load(simd, &lanes.t, 0), load(simd, &lanes.rest, 0));
    let l = logistic(simd, [x]);
    let entropy = t * l.nll_p[0] + rest * l.nll_q[0];
    // p - t, of which the side that does not cancel is taken
    let difference = x.simd_ge(0.0).select(rest - l.q[0], l.p[0] - t);
    let gamma = rule.numbers.positive_gamma as f32;
    if gamma == 0.0 {
        store(entropy, &mut lanes.value, 0);
        store(difference, &mut lanes.slope, 0);
        return;
    }
    let distance = difference.abs();
    let apart = distance.simd_gt(zero);
    let factor = if gamma == 2.0 {
        distance * distance
    } else {
        let [log] = ln([distance.max(SMALLEST)]);
        let [factor] = exp([log * gamma]);
        apart.select(factor, zero)
    };
    store(factor * entropy, &mut lanes.value, 0);
    let mut slope = factor * difference;
    if !rule.numbers.detach_weights {
        // factor / distance, with the sign of the difference
        let per =
            if gamma == 2.0 { difference } else { apart.select(factor / distance, zero) * sign(simd, difference) };
        slope += per * (l.p[0] * l.q[0] * entropy.min(SATURATED)) * gamma;
    }
    store(slope, &mut lanes.slope, 0);
}

/// ±1.
#[inline(always)]
fn sign<S: Simd>(simd: S, x: F32<S>) -> F32<S> {
    F32::splat(simd, 1.0).copysign(x)
}
