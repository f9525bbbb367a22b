//! The class term of the matching cost in sigmoid classification, for each label that the targets of an image carry.

use simd::math::{ln, logistic};
use simd::{F32, LANES, Level, Simd, dispatch, load, prelude::*, store};

use super::binary::power;
use crate::batch::Labels;
use crate::option::{OptionInfo, Options};

/// What a class adds to the matching cost, before its weight.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum ClassCost {
    /// -p, of softmax or sigmoid.
    Probability,
    /// α · (1 - p)^γ · -ln(p + 1e-8) - (1 - α) · p^γ · -ln(1 - p + 1e-8), the form of Deformable DETR and its successors, which
    /// saturates at |logit| of about 18. Sigmoid only.
    Focal {
        /// α, 0 to 1.
        alpha: f64,
        /// γ.
        gamma: f64,
    },
    /// The same without 1e-8, from the logits: what matching changes in the focal loss. It never saturates. Sigmoid only.
    LogSigmoid {
        /// α, 0 to 1.
        alpha: f64,
        /// γ.
        gamma: f64,
    },
}

/// The largest exponent: far above any use.
pub(super) const MAX_GAMMA: f64 = 100.0;

/// The form with softmax.
pub(super) const SOFTMAX_FORM: OptionInfo = OptionInfo::word("cost.classForm", &["probability"]);

/// The form with the sigmoid kinds.
pub(super) const FORM: OptionInfo = OptionInfo::word("cost.classForm", &["focal", "log-sigmoid", "probability"]);

/// α of the focal forms.
pub(super) const ALPHA: OptionInfo = OptionInfo::number("cost.alpha", 0.25, [0.0, 1.0]);

/// γ of the focal forms.
pub(super) const GAMMA: OptionInfo = OptionInfo::number("cost.gamma", 2.0, [0.0, MAX_GAMMA]);

impl ClassCost {
    /// The form that the options of a sigmoid kind say.
    pub fn new(options: &Options) -> Self {
        let (alpha, gamma) = (options.number(&ALPHA), options.number(&GAMMA));
        match options.word(&FORM) {
            "probability" => Self::Probability,
            "log-sigmoid" => Self::LogSigmoid { alpha, gamma },
            _ => Self::Focal { alpha, gamma },
        }
    }
}

/// Vectors that are handled together.
const STEP: usize = 4;

/// Keeps the logarithms of Deformable DETR's cost finite.
const EPSILON: f32 = 1e-8;

/// Costs of logits larger than this count as this, so that every weight keeps them finite in `f32`.
const LARGEST: f32 = 1e20;

/// Writes a row of costs for each distinct label and each distinct set of labels; of a set, the sum.
///
/// `logits`: `[queries, classes]`. `out`: `[labels.rows(), padded queries]`, row by row as `labels` numbers them.
pub(super) fn fill(
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
        for &(label, value) in set {
            let addend = &single[label * stride..][..stride];
            row.iter_mut().zip(addend).for_each(|(sum, cost)| *sum += cost * value);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::Targets;
    use crate::test_support::{Random, assert_close, bits};
    use simd::padded;

    const FORMS: [ClassCost; 5] = [
        ClassCost::Probability,
        ClassCost::Focal { alpha: 0.25, gamma: 2.0 },
        ClassCost::Focal { alpha: 0.6, gamma: 0.7 },
        ClassCost::LogSigmoid { alpha: 0.25, gamma: 2.0 },
        ClassCost::LogSigmoid { alpha: 0.6, gamma: 0.7 },
    ];

    fn rows(level: Level, form: ClassCost, logits: &[f32], classes: usize, labels: &Labels) -> Vec<f32> {
        let stride = padded(logits.len() / classes);
        let mut out = vec![f32::NAN; labels.rows() * stride];
        fill(level, form, logits, classes, labels, stride, &mut out);
        out
    }

    /// The definition.
    fn exact(form: ClassCost, x: f64) -> f64 {
        let tail = (-x.abs()).exp().ln_1p();
        let (nll_p, nll_q) = (tail - x.min(0.0), tail + x.max(0.0));
        let (p, q) = ((-nll_p).exp(), (-nll_q).exp());
        let cost = |alpha: f64, gamma: f64, log_p: f64, log_q: f64| {
            alpha * q.powf(gamma) * log_p - (1.0 - alpha) * p.powf(gamma) * log_q
        };
        match form {
            ClassCost::Probability => -p,
            ClassCost::Focal { alpha, gamma } => cost(alpha, gamma, -(p + 1e-8).ln(), -(q + 1e-8).ln()),
            ClassCost::LogSigmoid { alpha, gamma } => cost(alpha, gamma, nll_p, nll_q),
        }
    }

    #[test]
    fn costs_of_labels_and_of_sets_follow_the_definition_for_every_number_of_queries_at_every_level() {
        let mut random = Random::new(6);
        let classes = 5;
        let label_offsets = [0, 1, 3, 4, 7];
        let targets = Targets::new(&[3, 0, 3, 0, 4, 1, 3], Some(&label_offsets), &[], &[0, 4], &[]);
        let targets = targets.expect("lengths fit");
        let targets = targets.image(0);
        let mut labels = Labels::default();
        labels.set(&targets, classes, None);
        assert_eq!((labels.rows(), labels.distinct.len()), (6, 4));
        for form in FORMS {
            for queries in (0..=33).chain([64, 65]) {
                let logits: Vec<f32> = (0..queries * classes).map(|_| random.normal() * 5.0).collect();
                let mut found =
                    Level::available().into_iter().map(|level| rows(level, form, &logits, classes, &labels));
                let first = found.next().expect("a level");
                for other in found {
                    assert_eq!(bits(&first), bits(&other));
                }
                for (target, &row) in labels.row_of_target.iter().enumerate() {
                    for query in 0..queries {
                        let x = |label: &i32| f64::from(logits[query * classes + *label as usize]);
                        let sum: f64 = targets.labels(target).iter().map(|label| exact(form, x(label))).sum();
                        assert_close(f64::from(first[row * padded(queries) + query]), sum, 2e-6);
                    }
                }
            }
        }
    }

    #[test]
    fn saturated_logits_have_finite_costs_of_which_only_the_published_form_loses_sight() {
        let logits = [f32::MAX, 1e10, 200.0, 100.0, -100.0, -200.0, -1e10, f32::MIN];
        let targets = Targets::new(&[0], None, &[], &[0, 1], &[]).expect("lengths fit");
        let mut labels = Labels::default();
        labels.set(&targets.image(0), 1, None);
        for form in FORMS {
            for level in Level::available() {
                let row = &rows(level, form, &logits, 1, &labels)[..logits.len()];
                assert!(row.iter().all(|cost| (cost * 1e12).is_finite()), "{form:?}: {row:?}");
                let rises = row.windows(2).all(|pair| pair[0] < pair[1]);
                assert_eq!(rises, matches!(form, ClassCost::LogSigmoid { .. }), "{form:?}: {row:?}");
            }
        }
    }
}
