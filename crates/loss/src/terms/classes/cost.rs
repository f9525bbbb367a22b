//! The class term of the matching cost in sigmoid classification, for each label that the targets of an image carry.

use simd::math::{ln, logistic};
use simd::{F32, LANES, Level, Simd, dispatch, load, prelude::*, store};

use super::binary::power;
use super::binary::soft::{MAXIMA, Maximum};
use super::combination::{ALL_COLUMNS, Combination, LABELS, combine};
use super::pairwise::{Focal, LARGEST, Pairwise};
use crate::batch::Labels;
use crate::error::{Error, Result, Value};
use crate::option::{OptionInfo, Options};
use crate::terms::class::PairwiseCost;
use crate::terms::pair::Measure;

/// What a class adds to the matching cost, before its weight.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum ClassCost {
    /// -p, of softmax or sigmoid.
    Probability,
    /// α · (1 - p)^γ · -ln(p + ε) - (1 - α) · p^γ · -ln(1 - p + ε), the form of Deformable DETR and its successors, which with
    /// an ε of 1e-8 saturates at |logit| of about 18. Sigmoid only.
    Focal {
        /// α, 0 to 1.
        alpha: f64,
        /// γ.
        gamma: f64,
        /// ε.
        epsilon: f64,
    },
    /// The same without ε, from the logits: what matching changes in the focal loss. It never saturates. Sigmoid only.
    LogSigmoid {
        /// α, 0 to 1.
        alpha: f64,
        /// γ.
        gamma: f64,
    },
    /// What depends on how well query and target agree, too. Sigmoid only.
    Pairwise(Pairwise),
}

/// The largest exponent: far above any use.
pub(super) const MAX_GAMMA: f64 = 100.0;

/// The form with softmax.
pub(super) const SOFTMAX_FORM: OptionInfo = OptionInfo::word("cost.classForm", &["probability"]);

/// The form with the sigmoid kinds.
pub(super) const FORM: OptionInfo =
    OptionInfo::word("cost.classForm", &["focal", "log-sigmoid", "probability", "product"]);

/// The exponent of the IoU in the product -p · IoU^power.
pub(super) const POWER: OptionInfo = OptionInfo::number("cost.power", 4.0, [0.0, MAX_GAMMA]);

/// β of the focal forms, which take p · u^β for p, with u = (GIoU + 1)/2; 0 for p itself.
pub(super) const MODULATION: OptionInfo = OptionInfo::number("cost.modulation", 0.0, [0.0, MAX_GAMMA]);

/// What the greatest u of the image does to all of them first.
pub(super) const MODULATION_MAXIMUM: OptionInfo = OptionInfo::word("cost.modulationMaximum", MAXIMA);

/// All options of the cost's class part in sigmoid classification.
pub(super) const OPTIONS: [&OptionInfo; 8] =
    [&FORM, &ALPHA, &GAMMA, &POWER, &MODULATION, &MODULATION_MAXIMUM, &EPSILON, &LABELS];

/// ε of the form `focal`; 1e-12 in the heads of mmdetection.
const EPSILON: OptionInfo = OptionInfo::number("cost.epsilon", 1e-8, [1e-12, 1e-3]);

/// α of the focal forms.
pub(super) const ALPHA: OptionInfo = OptionInfo::number("cost.alpha", 0.25, [0.0, 1.0]);

/// γ of the focal forms.
pub(super) const GAMMA: OptionInfo = OptionInfo::number("cost.gamma", 2.0, [0.0, MAX_GAMMA]);

impl ClassCost {
    /// The form that the options of a sigmoid kind say.
    pub fn new(options: &Options) -> Self {
        let (alpha, gamma) = (options.number(&ALPHA), options.number(&GAMMA));
        let (form, beta) = (options.word(&FORM), options.number(&MODULATION));
        let epsilon = options.number(&EPSILON);
        let focal = |is_exact: bool| Focal {
            alpha: alpha as f32,
            gamma: gamma as f32,
            epsilon: (!is_exact).then_some(epsilon as f32),
        };
        let modulated = |is_exact| {
            let maximum = Maximum::of(options.word(&MODULATION_MAXIMUM));
            Self::Pairwise(Pairwise::Modulated { focal: focal(is_exact), beta: beta as f32, maximum })
        };
        match form {
            "probability" => Self::Probability,
            "product" => Self::Pairwise(Pairwise::Product { power: options.number(&POWER) as f32 }),
            "log-sigmoid" if beta > 0.0 => modulated(true),
            "log-sigmoid" => Self::LogSigmoid { alpha, gamma },
            _ if beta > 0.0 => modulated(false),
            _ => Self::Focal { alpha, gamma, epsilon },
        }
    }

    /// What it needs to know of queries and targets beyond the logits.
    pub fn pairwise(&self) -> Option<PairwiseCost> {
        match *self {
            Self::Pairwise(Pairwise::Product { .. }) => {
                Some(PairwiseCost { measure: Measure::Overlap, needs_greatest: false })
            }
            Self::Pairwise(Pairwise::Modulated { maximum, .. }) => {
                Some(PairwiseCost { measure: Measure::Giou, needs_greatest: maximum != Maximum::None })
            }
            _ => None,
        }
    }
}

/// The class part of the cost.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct CostForm {
    pub form: ClassCost,
    pub combination: Combination,
}

impl CostForm {
    /// What the options of a sigmoid kind say.
    pub fn new(options: &Options) -> Self {
        Self { form: ClassCost::new(options), combination: Combination::of(options.word(&LABELS)) }
    }
}

/// Refuses a combination that the form of the cost has no meaning for.
pub(super) fn check(options: &Options) -> Result<()> {
    let form = ClassCost::new(options);
    if options.word(&LABELS) != ALL_COLUMNS || matches!(form, ClassCost::Focal { .. } | ClassCost::LogSigmoid { .. }) {
        return Ok(());
    }
    let rule =
        "'sum' or 'mean' where cost.classForm is not 'focal' or 'log-sigmoid' without cost.modulation".to_owned();
    Err(Error::Option { name: LABELS.name, rule, value: Value::Word(ALL_COLUMNS.to_owned()) })
}

/// Vectors that are handled together.
const STEP: usize = 4;

/// Writes a row of costs for each distinct label and each set of labels, combined as the form says. Of what depends on pairs, the
/// rows of labels are their logits.
///
/// `logits`: `[queries, classes]`. `out`: `[labels.rows(), padded queries]`, row by row as `labels` numbers them.
pub(super) fn fill(
    level: Level,
    CostForm { form, combination }: CostForm,
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
        ClassCost::Probability => dispatch!(level, simd => transform::<_, true, PROBABILITY>(simd, [0.0; 3], single)),
        ClassCost::Focal { .. } | ClassCost::LogSigmoid { .. } => focal(level, form, None, single),
        ClassCost::Pairwise(_) => {
            single.iter_mut().for_each(|x| *x = x.clamp(-LARGEST, LARGEST));
            sets.fill(0.0);
            return;
        }
    }
    combine(labels, combination, stride, out);
    if combination == Combination::AllColumns {
        add_background(level, form, logits, classes, out, stride);
    }
}

/// Adds to each row what each query costs as background, so that rows of labels, which have what these change, are the cost over
/// all columns.
fn add_background(level: Level, form: ClassCost, logits: &[f32], classes: usize, rows: &mut [f32], stride: usize) {
    /// Columns at a time.
    const TILE: usize = 8 * LANES;
    for (query, row) in logits.chunks_exact(classes).enumerate() {
        let mut sum = 0.0;
        for columns in row.chunks(TILE) {
            // idle lanes hold a logit whose cost vanishes
            let mut tile = [-LARGEST; TILE];
            tile[..columns.len()].copy_from_slice(columns);
            focal(level, form, Some(0.0), &mut tile);
            sum += tile[..columns.len()].iter().map(|&cost| f64::from(cost)).sum::<f64>();
        }
        let alpha = match form {
            ClassCost::Focal { alpha, .. } | ClassCost::LogSigmoid { alpha, .. } => alpha,
            ClassCost::Probability | ClassCost::Pairwise(_) => return,
        };
        let background = (-sum * (1.0 - alpha)) as f32;
        rows.iter_mut().skip(query).step_by(stride).for_each(|cost| *cost += background);
    }
}

/// The forms of [`ClassCost`].
const PROBABILITY: u8 = 0;
const REFERENCE: u8 = 1;
const EXACT: u8 = 2;

/// The focal forms. `alpha`: in place of the form's own.
fn focal(level: Level, form: ClassCost, alpha: Option<f32>, values: &mut [f32]) {
    let with = |own: f64, gamma: f64, epsilon: f64| [alpha.unwrap_or(own as f32), gamma as f32, epsilon as f32];
    match form {
        ClassCost::Focal { alpha, gamma, epsilon } => focal_of::<REFERENCE>(level, with(alpha, gamma, epsilon), values),
        ClassCost::LogSigmoid { alpha, gamma } => focal_of::<EXACT>(level, with(alpha, gamma, 0.0), values),
        ClassCost::Probability | ClassCost::Pairwise(_) => {}
    }
}

fn focal_of<const FORM: u8>(level: Level, numbers: [f32; 3], values: &mut [f32]) {
    dispatch!(level, simd => if numbers[1] == 2.0 {
        transform::<_, true, FORM>(simd, numbers, values)
    } else {
        transform::<_, false, FORM>(simd, numbers, values)
    });
}

/// Turns logits into costs, in place. `numbers`: α, γ and ε.
#[inline(always)]
fn transform<S: Simd, const SQUARE: bool, const FORM: u8>(simd: S, numbers: [f32; 3], values: &mut [f32]) {
    let steps = values.len() / (STEP * LANES);
    for step in 0..steps {
        transform_at::<S, STEP, SQUARE, FORM>(simd, numbers, values, step * STEP * LANES);
    }
    for at in (steps * STEP * LANES..values.len()).step_by(LANES) {
        transform_at::<S, 1, SQUARE, FORM>(simd, numbers, values, at);
    }
}

#[inline(always)]
fn transform_at<S: Simd, const N: usize, const SQUARE: bool, const FORM: u8>(
    simd: S,
    [alpha, gamma, epsilon]: [f32; 3],
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
            (log_p[i], log_q[i]) = (l.p[i] + epsilon, l.q[i] + epsilon);
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
    use crate::test_support::{Random, assert_close, bits, extent};
    use simd::padded;

    const FORMS: [ClassCost; 5] = [
        ClassCost::Probability,
        ClassCost::Focal { alpha: 0.25, gamma: 2.0, epsilon: 1e-8 },
        ClassCost::Focal { alpha: 0.6, gamma: 0.7, epsilon: 1e-12 },
        ClassCost::LogSigmoid { alpha: 0.25, gamma: 2.0 },
        ClassCost::LogSigmoid { alpha: 0.6, gamma: 0.7 },
    ];

    fn rows(level: Level, form: ClassCost, logits: &[f32], classes: usize, labels: &Labels) -> Vec<f32> {
        let stride = padded(logits.len() / classes);
        let mut out = vec![f32::NAN; labels.rows() * stride];
        let form = CostForm { form, combination: Combination::Sum };
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
            ClassCost::Focal { alpha, gamma, epsilon } => cost(alpha, gamma, -(p + epsilon).ln(), -(q + epsilon).ln()),
            ClassCost::LogSigmoid { alpha, gamma } => cost(alpha, gamma, nll_p, nll_q),
            ClassCost::Pairwise(_) => unreachable!("it has no cost by itself"),
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
            for queries in (0..=33).chain([64, 65]).step_by(extent(1, 33)) {
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
