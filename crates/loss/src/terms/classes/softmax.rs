//! Softmax cross-entropy over the object classes and no-object, which every unmatched query has for its label (Carion et
//! al. 2020, section 3.1; facebookresearch/detr, `SetCriterion.loss_labels`).

use std::sync::Arc;

use lsap::memory::{first, held};
use simd::{LANES, Level, padded};

use super::cost::SOFTMAX_FORM;
use super::cross_entropy::{self, Entry, Labelled, Rows};
use super::divisor;
use crate::batch::{BACKGROUND, ImageTargets, Labels};
use crate::option::{LIMIT, OptionInfo, Options, Values};
use crate::terms::class::{
    Background, BackgroundOutputs, ClassDivisor, ClassSum, ClassTerm, Logits, PositiveInputs, Purpose,
};
use crate::terms::family::Kind;
use crate::terms::memory::{Memory, TermMemory};

/// The kind.
pub(super) const KIND: Kind = Kind {
    name: "softmax",
    is_sigmoid: false,
    needs_quality: false,
    options: &[
        &NO_OBJECT_WEIGHT,
        &NO_OBJECT_INDEX,
        &CLASS_WEIGHTS,
        &divisor::SOFTMAX,
        &divisor::MIN_QUERIES,
        &ALLOW_NO_OBJECT_LABELS,
        &SOFTMAX_FORM,
    ],
    build: |options, classes| Arc::new(Softmax::new(options, classes)),
};

/// Weight of no-object in the cross-entropy; 0.1 in DETR.
const NO_OBJECT_WEIGHT: OptionInfo = OptionInfo::number("classification.noObjectWeight", 0.1, [0.0, LIMIT]);

/// Column of no-object among the logits.
const NO_OBJECT_INDEX: OptionInfo = OptionInfo { name: "classification.noObjectIndex", values: Values::Column };

/// Weight of each object class in the order of the ids, no-object left out.
const CLASS_WEIGHTS: OptionInfo = OptionInfo { name: "classification.classWeights", values: Values::PerClass };

/// Whether a target may carry the no-object label, as the reference code permits.
const ALLOW_NO_OBJECT_LABELS: OptionInfo = OptionInfo::flag("classification.allowNoObjectLabels", false);

/// Background scales at which probabilities times the scale keep their digits in `f32`.
const SAFE_SCALES: std::ops::RangeInclusive<f32> = 1e-20..=1e20;

/// Ready to run.
#[derive(Debug)]
struct Softmax {
    no_object_index: usize,
    no_object_weight: f64,
    /// Cross-entropy weight of every column of the logits.
    weights: Vec<f64>,
    divisor: ClassDivisor,
    allows_no_object: bool,
}

#[derive(Default)]
struct SoftmaxBuffers {
    /// Sixteen rows of logits, where no gradient is wanted.
    tile: Vec<f32>,
    entries: Vec<Entry>,
    labelled: Vec<Labelled>,
}

impl Memory for SoftmaxBuffers {
    fn held(&self) -> usize {
        held(&self.tile) + held(&self.entries) + held(&self.labelled)
    }
}

impl Softmax {
    fn new(options: &Options, classes: usize) -> Self {
        let index = options.number(&NO_OBJECT_INDEX);
        let no_object_index = if index.is_nan() { classes } else { index as usize };
        let no_object_weight = options.number(&NO_OBJECT_WEIGHT);
        let mut weights = Vec::with_capacity(classes + 1);
        match options.numbers(&CLASS_WEIGHTS) {
            Some(given) => weights.extend_from_slice(given),
            None => weights.resize(classes, 1.0),
        }
        weights.insert(no_object_index, no_object_weight);
        Self {
            no_object_index,
            no_object_weight,
            weights,
            divisor: divisor::divisor(options, &divisor::SOFTMAX),
            allows_no_object: options.flag(&ALLOW_NO_OBJECT_LABELS),
        }
    }

    /// The column of no-object among `classes` columns: beside the first class alone it is the last of two, unless it is the
    /// first of all.
    fn no_object_of(&self, classes: usize) -> usize {
        self.no_object_index.min(classes - 1)
    }
}

impl ClassTerm for Softmax {
    fn no_object(&self) -> Option<usize> {
        Some(self.no_object_index)
    }

    fn allows_no_object(&self) -> bool {
        self.allows_no_object
    }

    fn neutralize(&self, row: &mut [f32]) {
        row.fill(0.0);
        row[self.no_object_of(row.len())] = 1.0;
    }

    fn divisor(&self) -> ClassDivisor {
        self.divisor
    }

    fn count(&self, targets: &ImageTargets<'_>) -> f64 {
        targets.len() as f64
    }

    fn weight_before_matching(&self, queries: usize, targets: &ImageTargets<'_>, copies: usize) -> Option<f64> {
        let weight = |target: usize| self.weights[targets.label(target)];
        let (count, pairs) = (targets.len(), targets.len().saturating_mul(copies));
        if pairs <= queries {
            let background = (queries - pairs) as f64 * self.no_object_weight;
            return Some((0..count).map(weight).sum::<f64>() * copies as f64 + background);
        }
        (1..count).all(|target| weight(target) == weight(0)).then(|| queries as f64 * weight(0))
    }

    fn weight(&self, targets: &ImageTargets<'_>, matches: &[i32], left_out: &[usize]) -> f64 {
        let (mut sum, mut background) = (0.0, 0);
        for (query, &target) in matches.iter().enumerate() {
            match usize::try_from(target) {
                _ if left_out.binary_search(&query).is_ok() => {}
                Ok(target) => sum += self.weights[targets.label(target)],
                Err(_) => background += usize::from(target == BACKGROUND),
            }
        }
        sum + background as f64 * self.no_object_weight
    }

    fn pass_scale(&self, scale: f64) -> f32 {
        let scale = (scale * self.no_object_weight) as f32;
        if SAFE_SCALES.contains(&scale) { scale } else { 1.0 }
    }

    fn background(
        &self,
        level: Level,
        logits: Logits<'_>,
        labels: &Labels,
        purpose: Purpose<'_>,
        out: BackgroundOutputs<'_>,
        memory: &mut TermMemory,
    ) -> Background {
        let (scale, gradient) = match purpose {
            Purpose::Matching => (1.0, None),
            Purpose::Loss { scale, gradient } => (scale, gradient),
        };
        let mut out = cross_entropy::BackgroundPlaces {
            nll: &mut out.losses[..padded(logits.queries)],
            probabilities: out.rows,
            classes: &labels.distinct,
        };
        let mut rows = rows(logits, gradient, &mut memory.get::<SoftmaxBuffers>().tile);
        let no_object = self.no_object_of(logits.classes);
        let pass = cross_entropy::background(level, &mut rows, no_object, scale, &mut out);
        Background { sum: 0.0, objects: pass.objects, is_finite: pass.finite }
    }

    fn cost_weight(&self, weight: f64, scale: f32) -> f32 {
        (-weight / f64::from(scale)) as f32
    }

    fn positives(
        &self,
        level: Level,
        inputs: PositiveInputs<'_>,
        mut gradient: Option<&mut [f32]>,
        memory: &mut TermMemory,
    ) -> ClassSum {
        let PositiveInputs { logits, targets, pairs, left_out, losses, scale, .. } = inputs;
        let SoftmaxBuffers { tile, entries, labelled } = memory.get();
        let background = (scale * self.no_object_weight) as f32;
        if let Some(gradient) = gradient.as_deref_mut()
            && !SAFE_SCALES.contains(&background)
        {
            gradient.iter_mut().for_each(|value| *value *= background);
        }
        entries.clear();
        entries.extend(pairs.iter().map(|&(query, target)| {
            let label = targets.label(target);
            Entry { query, label, weight: (scale * self.weights[label]) as f32 }
        }));
        let labelled = first(labelled, entries.len());
        cross_entropy::labelled(level, &mut rows(logits, gradient, tile), entries, labelled);
        for &query in entries.iter().map(|entry| &entry.query).chain(left_out) {
            losses[query] = 0.0;
        }
        let unmatched: f64 = losses[..logits.queries].iter().sum();
        let own = entries.iter().zip(&*labelled).map(|(entry, row)| self.weights[entry.label] * row.nll).sum::<f64>();
        ClassSum {
            loss: own + self.no_object_weight * unmatched,
            correct: labelled.iter().filter(|row| row.is_largest).count(),
        }
    }
}

/// The logits with room for sixteen rows where no gradient is wanted.
fn rows<'a>(logits: Logits<'a>, gradient: Option<&'a mut [f32]>, tile: &'a mut Vec<f32>) -> Rows<'a> {
    let gradient = gradient.unwrap_or_else(|| first(tile, LANES * logits.classes));
    Rows { logits: logits.values, gradient, classes: logits.classes }
}
