//! Classification by one binary decision for each class.

use std::sync::Arc;

use lsap::memory::held;
use simd::{Level, all_finite, padded};

use super::binary::{self, Cell, Rule, Sigmoid};
use super::cost::{self, ClassCost, MAX_GAMMA};
use super::divisor;
use crate::batch::{Columns, ImageTargets, Labels};
use crate::option::{LIMIT, OptionInfo, Options};
use crate::terms::class::{
    Background, BackgroundOutputs, ClassDivisor, ClassSum, ClassTerm, Logits, PositiveInputs, Purpose,
};
use crate::terms::family::Kind;
use crate::terms::memory::{Memory, TermMemory};

/// Of Deformable DETR and its successors.
pub(super) const FOCAL: Kind = Kind {
    name: "focal",
    is_sigmoid: true,
    needs_quality: false,
    options: &[
        &FOCAL_ALPHA,
        &FOCAL_GAMMA,
        &CARDINALITY,
        &divisor::SIGMOID,
        &divisor::MIN_QUERIES,
        &cost::FORM,
        &cost::ALPHA,
        &cost::GAMMA,
    ],
    build: |options, _| {
        let (alpha, gamma) = (options.number(&FOCAL_ALPHA), options.number(&FOCAL_GAMMA));
        Arc::new(Binary::new(Sigmoid::Focal { alpha, gamma }, options))
    },
};

/// Of RT-DETR and D-FINE.
pub(super) const VARIFOCAL: Kind = Kind {
    name: "varifocal",
    is_sigmoid: true,
    needs_quality: true,
    options: &[
        &VARIFOCAL_ALPHA,
        &VARIFOCAL_GAMMA,
        &DETACH_WEIGHTS,
        &CARDINALITY,
        &divisor::SIGMOID,
        &divisor::MIN_QUERIES,
        &cost::FORM,
        &cost::ALPHA,
        &cost::GAMMA,
    ],
    build: |options, _| {
        let (alpha, gamma) = (options.number(&VARIFOCAL_ALPHA), options.number(&VARIFOCAL_GAMMA));
        let detach_weights = options.flag(&DETACH_WEIGHTS);
        Arc::new(Binary::new(Sigmoid::Varifocal { alpha, gamma, detach_weights }, options))
    },
};

/// Of DEIM.
pub(super) const MAL: Kind = Kind {
    name: "mal",
    is_sigmoid: true,
    needs_quality: true,
    options: &[
        &MAL_ALPHA,
        &MAL_GAMMA,
        &DETACH_WEIGHTS,
        &CARDINALITY,
        &divisor::SIGMOID,
        &divisor::MIN_QUERIES,
        &cost::FORM,
        &cost::ALPHA,
        &cost::GAMMA,
    ],
    build: |options, _| {
        let (alpha, gamma) = (options.number(&MAL_ALPHA), options.number(&MAL_GAMMA));
        let detach_weights = options.flag(&DETACH_WEIGHTS);
        Arc::new(Binary::new(Sigmoid::Mal { alpha, gamma, detach_weights }, options))
    },
};

/// Of LW-DETR.
pub(super) const IA_BCE: Kind = Kind {
    name: "ia-bce",
    is_sigmoid: true,
    needs_quality: true,
    options: &[
        &FOCAL_ALPHA,
        &FOCAL_GAMMA,
        &MIN_QUALITY,
        &CARDINALITY,
        &divisor::SIGMOID,
        &divisor::MIN_QUERIES,
        &cost::FORM,
        &cost::ALPHA,
        &cost::GAMMA,
    ],
    build: |options, _| {
        let (alpha, gamma) = (options.number(&FOCAL_ALPHA), options.number(&FOCAL_GAMMA));
        let min_quality = options.number(&MIN_QUALITY);
        Arc::new(Binary::new(Sigmoid::IaBce { alpha, gamma, min_quality }, options))
    },
};

const ALPHA: &str = "classification.alpha";
const GAMMA: &str = "classification.gamma";
const FOCAL_ALPHA: OptionInfo = OptionInfo::number(ALPHA, 0.25, [0.0, 1.0]);
const FOCAL_GAMMA: OptionInfo = OptionInfo::number(GAMMA, 2.0, [0.0, MAX_GAMMA]);
const VARIFOCAL_ALPHA: OptionInfo = OptionInfo::number(ALPHA, 0.75, [0.0, LIMIT]);
const VARIFOCAL_GAMMA: OptionInfo = OptionInfo::number(GAMMA, 2.0, [0.0, MAX_GAMMA]);
const MAL_ALPHA: OptionInfo = OptionInfo::number(ALPHA, 1.0, [0.0, LIMIT]);
const MAL_GAMMA: OptionInfo = OptionInfo::number(GAMMA, 1.5, [0.0, MAX_GAMMA]);

/// Whether the background's p^γ is a mere weight, without a gradient.
const DETACH_WEIGHTS: OptionInfo = OptionInfo::flag("classification.detachWeights", true);

/// The least t of [`Sigmoid::IaBce`].
const MIN_QUALITY: OptionInfo = OptionInfo::number("classification.minQuality", 0.01, [0.0, 1.0]);

/// Which queries count as objects: those with a probability above 0.5, so a logit above 0, as in huggingface/transformers'
/// losses of such models; or those whose first largest logit is not that of the last class, as if that column still meant
/// no-object: the published criteria, which keep DETR's `loss_cardinality`.
const CARDINALITY: OptionInfo = OptionInfo::word("cardinality", &["threshold", PUBLISHED]);
const PUBLISHED: &str = "published";

/// Ready to run.
#[derive(Debug)]
struct Binary {
    rule: Rule,
    cost: ClassCost,
    divisor: ClassDivisor,
    is_published_cardinality: bool,
}

/// Labelled logits.
#[derive(Default)]
struct SigmoidBuffers(Vec<Cell>);

impl Memory for SigmoidBuffers {
    fn held(&self) -> usize {
        held(&self.0)
    }
}

impl Binary {
    fn new(kind: Sigmoid, options: &Options) -> Self {
        Self {
            rule: Rule::new(kind),
            cost: ClassCost::new(options),
            divisor: divisor::divisor(options, &divisor::SIGMOID),
            is_published_cardinality: options.word(&CARDINALITY) == PUBLISHED,
        }
    }
}

impl ClassTerm for Binary {
    fn no_object(&self) -> Option<usize> {
        None
    }

    fn neutralize(&self, row: &mut [f32], _: Option<&Columns>) {
        /// Background to all digits, though above every other.
        const LEAST: f32 = -1e30;
        row.fill(f32::MIN);
        row.iter_mut().last().into_iter().for_each(|last| *last = LEAST);
    }

    fn divisor(&self) -> ClassDivisor {
        self.divisor
    }

    fn count(&self, targets: &ImageTargets<'_>) -> f64 {
        (0..targets.len()).map(|target| targets.labels(target).len()).sum::<usize>() as f64
    }

    fn weight_before_matching(&self, _: usize, _: &ImageTargets<'_>, _: usize) -> Option<f64> {
        None
    }

    fn weight(&self, _: &ImageTargets<'_>, _: &[i32], _: &[usize], _: Option<&[f32]>) -> f64 {
        0.0
    }

    fn pass_scale(&self, scale: f64) -> f32 {
        scale as f32
    }

    fn background(
        &self,
        level: Level,
        logits: Logits<'_>,
        labels: &Labels,
        purpose: Purpose<'_>,
        out: BackgroundOutputs<'_>,
        _: &mut TermMemory,
    ) -> Background {
        let Logits { values, queries, classes, .. } = logits;
        cost::fill(level, self.cost, values, classes, labels, padded(queries), out.rows);
        let Purpose::Loss { scale, gradient } = purpose else {
            return Background { is_finite: all_finite(level, values), ..Background::default() };
        };
        let pass = self.rule.background(level, values, f64::from(scale), gradient);
        let objects = if self.is_published_cardinality {
            values.chunks_exact(classes).filter(|row| beats_last(row)).count()
        } else {
            binary::positive_rows(level, values, classes)
        };
        Background { sum: pass.loss, objects, is_finite: pass.finite }
    }

    fn cost_weight(&self, weight: f64, _: f32) -> f32 {
        weight as f32
    }

    fn positives(
        &self,
        level: Level,
        inputs: PositiveInputs<'_>,
        gradient: Option<&mut [f32]>,
        memory: &mut TermMemory,
    ) -> ClassSum {
        let PositiveInputs { logits, targets, pairs, quality, left_out, mut background, scale, .. } = inputs;
        let SigmoidBuffers(cells) = memory.get();
        let row = |query: usize| &logits.values[query * logits.classes..][..logits.classes];
        let mut correct = 0;
        cells.clear();
        for (k, &(query, target)) in pairs.iter().enumerate() {
            let labels = targets.labels(target);
            let quality = quality.get(k).copied().unwrap_or(0.0);
            cells.extend(labels.iter().map(|&label| Cell { at: query * logits.classes + label as usize, quality }));
            correct += usize::from(is_largest(row(query), labels));
        }
        if pairs.windows(2).any(|pairs| pairs[0].0 == pairs[1].0) {
            best_of_each(cells);
        }
        for &query in left_out {
            background -= self.rule.background(level, row(query), scale, None).loss;
        }
        let gain = self.rule.apply_positives(level, logits.values, cells, scale, gradient);
        ClassSum { loss: background + gain, correct }
    }
}

/// Keeps of several labels of a logit that whose pair agrees best: a cell has one value (SAM 3 keeps the one that is written
/// last, which is no rule).
fn best_of_each(cells: &mut Vec<Cell>) {
    cells.sort_by(|a, b| a.at.cmp(&b.at).then(b.quality.total_cmp(&a.quality)));
    cells.dedup_by_key(|cell| cell.at);
}

/// Whether the first largest logit is not the last one.
fn beats_last(row: &[f32]) -> bool {
    row.split_last().is_some_and(|(last, others)| others.iter().any(|x| x >= last))
}

/// Whether the first largest logit is one of the labels.
fn is_largest(row: &[f32], labels: &[i32]) -> bool {
    let own = labels.iter().map(|&label| row[label as usize]).fold(f32::NEG_INFINITY, f32::max);
    let larger = row.iter().filter(|&&x| x > own).count();
    larger == 0 && row.iter().position(|&x| x == own).is_some_and(|first| labels.contains(&(first as i32)))
}
