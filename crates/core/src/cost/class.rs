//! The class term of the matching cost in sigmoid classification, for each label that the targets of an image carry.

use crate::config::ClassCost;
use crate::loss::sigmoid::power;
use crate::scratch::Labels;
use crate::simd::math::{ln, logistic};
use crate::simd::{F32, LANES, Level, Simd, dispatch, load, prelude::*, store};

/// Vectors that are handled together.
const STEP: usize = 4;

/// Keeps the logarithms of Deformable DETR's cost finite.
const EPSILON: f32 = 1e-8;

/// Costs of logits larger than this count as this, so that every weight keeps them finite in `f32`.
const LARGEST: f32 = 1e20;

/// Writes a row of costs for each distinct label and each distinct set of labels; of a set, the sum.
///
/// `logits`: `[queries, classes]`. `out`: `[labels.rows(), padded queries]`, row by row as `labels` numbers them.
pub(crate) fn fill(
    level: Level,
    form: ClassCost,
    logits: &[f32],
    classes: usize,
    labels: &Labels,
    stride: usize,
    out: &mut [f32],
) {
    if stride == 0 {
        return;
    }
    for (&label, row) in labels.distinct.iter().zip(out.chunks_exact_mut(stride)) {
        for (value, query) in row.iter_mut().zip(logits.chunks_exact(classes)) {
            *value = query[label];
        }
        row[logits.len() / classes..].fill(0.0);
    }
    let (single, sets) = out.split_at_mut(labels.distinct.len() * stride);
    match form {
        ClassCost::Probability => dispatch!(level, simd => transform::<_, true, PROBABILITY>(simd, 0.0, 0.0, single)),
        ClassCost::Focal { alpha, gamma } => focal::<REFERENCE>(level, alpha as f32, gamma as f32, single),
        ClassCost::LogSigmoid { alpha, gamma } => focal::<EXACT>(level, alpha as f32, gamma as f32, single),
    }
    for (set, row) in labels.sets().zip(sets.chunks_exact_mut(stride)) {
        row.fill(0.0);
        for &label in set {
            let addend = &single[label * stride..][..stride];
            row.iter_mut().zip(addend).for_each(|(sum, value)| *sum += value);
        }
    }
}

/// The forms of [`ClassCost`].
const PROBABILITY: u8 = 0;
const REFERENCE: u8 = 1;
const EXACT: u8 = 2;

fn focal<const FORM: u8>(level: Level, alpha: f32, gamma: f32, values: &mut [f32]) {
    dispatch!(level, simd => if gamma == 2.0 {
        transform::<_, true, FORM>(simd, alpha, gamma, values)
    } else {
        transform::<_, false, FORM>(simd, alpha, gamma, values)
    });
}

/// Turns logits into costs, in place.
#[inline(always)]
fn transform<S: Simd, const SQUARE: bool, const FORM: u8>(simd: S, alpha: f32, gamma: f32, values: &mut [f32]) {
    let steps = values.len() / (STEP * LANES);
    for step in 0..steps {
        transform_at::<S, STEP, SQUARE, FORM>(simd, alpha, gamma, values, step * STEP * LANES);
    }
    for at in (steps * STEP * LANES..values.len()).step_by(LANES) {
        transform_at::<S, 1, SQUARE, FORM>(simd, alpha, gamma, values, at);
    }
}

#[inline(always)]
fn transform_at<S: Simd, const N: usize, const SQUARE: bool, const FORM: u8>(
    simd: S,
    alpha: f32,
    gamma: f32,
    values: &mut [f32],
    at: usize,
) {
    let mut x = [F32::splat(simd, 0.0); N];
    for i in 0..N {
        x[i] = load(simd, values, at + LANES * i).max(-LARGEST).min(LARGEST);
    }
    let l = logistic(simd, x);
    if FORM == PROBABILITY {
        for i in 0..N {
            store(-l.p[i], values, at + LANES * i);
        }
        return;
    }
    let hit = power::<S, N, SQUARE>(gamma, l.p, l.nll_p);
    let miss = power::<S, N, SQUARE>(gamma, l.q, l.nll_q);
    let (mut log_p, mut log_q) = (l.nll_p, l.nll_q);
    if FORM == REFERENCE {
        for i in 0..N {
            (log_p[i], log_q[i]) = (l.p[i] + EPSILON, l.q[i] + EPSILON);
        }
        (log_p, log_q) = (ln(log_p), ln(log_q));
        for i in 0..N {
            (log_p[i], log_q[i]) = (-log_p[i], -log_q[i]);
        }
    }
    for i in 0..N {
        let cost = miss[i] * log_p[i] * alpha - hit[i] * log_q[i] * (1.0 - alpha);
        store(cost, values, at + LANES * i);
    }
}
