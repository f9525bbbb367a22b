//! Softmax cross-entropy over the object classes and no-object, which every unmatched query has for its label (Carion et
//! al. 2020, section 3.1; facebookresearch/detr, `SetCriterion.loss_labels`).

use std::sync::Arc;

use lsap::memory::{first, held};
use simd::{LANES, Level, padded};

use super::combination::{Combination, SOFTMAX_LABELS, combine};
use super::cost::{MAX_GAMMA, SOFTMAX_FORM};
use super::cross_entropy::{self, Entry, Labelled, Rows};
use super::divisor;
use super::largest::is_largest;
use crate::batch::{BACKGROUND, Columns, ImageTargets, Labels};
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
        &GAMMA,
        &SOFTMAX_FORM,
        &SOFTMAX_LABELS,
    ],
    build: |options, classes| Arc::new(Softmax::new(options, classes)),
};

/// Weight of no-object in the cross-entropy; 0.1 in DETR.
const NO_OBJECT_WEIGHT: OptionInfo = OptionInfo::number("classification.noObjectWeight", 0.1, [0.0, LIMIT]);

/// Column of no-object among the logits.
const NO_OBJECT_INDEX: OptionInfo = OptionInfo { name: "classification.noObjectIndex", values: Values::Column };

/// Weight of each object class in the order of the ids, no-object left out.
const CLASS_WEIGHTS: OptionInfo = OptionInfo::per_class("classification.classWeights", LIMIT);

/// Whether a target may carry the no-object label, as the reference code permits.
const ALLOW_NO_OBJECT_LABELS: OptionInfo = OptionInfo::flag("classification.allowNoObjectLabels", false);

/// γ of the modulator (1 - p)^γ, p the probability of the query's own label; 0 for plain cross-entropy.
const GAMMA: OptionInfo = OptionInfo::number("classification.gamma", 0.0, [0.0, MAX_GAMMA]);

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
    gamma: f64,
}

#[derive(Default)]
struct SoftmaxBuffers {
    /// Sixteen rows of logits, where no gradient is wanted.
    tile: Vec<f32>,
    entries: Vec<Entry>,
    labelled: Vec<Labelled>,
    /// Losses of the labelled.
    nlls: Vec<f64>,
}

impl Memory for SoftmaxBuffers {
    fn held(&self) -> usize {
        held(&self.tile) + held(&self.entries) + held(&self.labelled) + held(&self.nlls)
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
            gamma: options.number(&GAMMA),
        }
    }

    /// The column of no-object among `classes` columns: beside the first class alone it is the last of two, unless it is the
    /// first of all. `columns`: as in [`Logits`].
    fn no_object_of(&self, classes: usize, columns: Option<&Columns>) -> usize {
        columns.map_or_else(|| self.no_object_index.min(classes - 1), |columns| columns.place(self.no_object_index))
    }

    /// The labels of a target, each with its weight times its value.
    fn weighted_values(&self, targets: &ImageTargets<'_>, target: usize) -> impl Iterator<Item = (usize, f64)> + Clone {
        targets.positives(target).map(|(label, value)| (label, self.weights[label] * f64::from(value)))
    }

    /// The label that a target has most of, weighted; the first of equal ones.
    fn heaviest(&self, targets: &ImageTargets<'_>, target: usize) -> usize {
        if let Some(label) = targets.only_label(target) {
            return label;
        }
        let shares = self.weighted_values(targets, target);
        shares
            .reduce(|most, share| if share.1 > most.1 { share } else { most })
            .map_or(self.no_object_index, |most| most.0)
    }

    /// The weight of a target's row: that of its label, or with values the sum of those of its labels, each times its value.
    #[inline]
    fn row_weight(&self, targets: &ImageTargets<'_>, target: usize) -> f64 {
        match targets.only_label(target) {
            Some(label) => self.weights[label],
            None => self.weighted_values(targets, target).map(|(_, share)| share).sum(),
        }
    }
}

impl ClassTerm for Softmax {
    fn no_object(&self) -> Option<usize> {
        Some(self.no_object_index)
    }

    fn allows_no_object(&self) -> bool {
        self.allows_no_object
    }

    fn gamma_against_values(&self) -> Option<f64> {
        (self.gamma != 0.0).then_some(self.gamma)
    }

    fn neutralize(&self, row: &mut [f32], columns: Option<&Columns>) {
        row.fill(0.0);
        row[self.no_object_of(row.len(), columns)] = 1.0;
    }

    fn divisor(&self) -> ClassDivisor {
        self.divisor
    }

    fn count(&self, targets: &ImageTargets<'_>) -> f64 {
        targets.len() as f64
    }

    fn weight_before_matching(&self, queries: usize, targets: &ImageTargets<'_>, copies: usize) -> Option<f64> {
        let weight = |target: usize| self.row_weight(targets, target);
        let (count, pairs) = (targets.len(), targets.len().saturating_mul(copies));
        if pairs <= queries {
            let background = (queries - pairs) as f64 * self.no_object_weight;
            return Some((0..count).map(weight).sum::<f64>() * copies as f64 + background);
        }
        (1..count).all(|target| weight(target) == weight(0)).then(|| queries as f64 * weight(0))
    }

    fn weight(
        &self,
        targets: &ImageTargets<'_>,
        matches: &[i32],
        left_out: &[usize],
        query_weights: Option<&[f32]>,
    ) -> f64 {
        let (mut sum, mut background) = (0.0, 0.0);
        for (query, &target) in matches.iter().enumerate() {
            match usize::try_from(target) {
                _ if left_out.binary_search(&query).is_ok() => {}
                Ok(target) => sum += self.row_weight(targets, target),
                Err(_) if target == BACKGROUND => {
                    background += query_weights.map_or(1.0, |weights| f64::from(weights[query]));
                }
                Err(_) => {}
            }
        }
        sum + background * self.no_object_weight
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
        let (scale, mut gradient) = match purpose {
            Purpose::Matching => (1.0, None),
            Purpose::Loss { scale, gradient } => (scale, gradient),
        };
        let mut out = cross_entropy::BackgroundPlaces {
            nll: &mut out.losses[..padded(logits.queries)],
            probabilities: out.rows,
            classes: &labels.distinct,
        };
        let mut rows = rows(logits, gradient.as_deref_mut(), &mut memory.get::<SoftmaxBuffers>().tile);
        let no_object = self.no_object_of(logits.classes, logits.columns);
        let pass = cross_entropy::background(level, &mut rows, no_object, scale, &mut out);
        if logits.queries > 0 {
            combine(labels, Combination::Sum, padded(logits.queries), out.probabilities);
        }
        if self.gamma > 0.0 {
            cross_entropy::focus(level, self.gamma, &mut out.nll[..logits.queries], |query, slope| {
                if let Some(gradient) = &mut gradient {
                    let row = &mut gradient[query * logits.classes..][..logits.classes];
                    row.iter_mut().for_each(|value| *value *= slope);
                }
            });
        }
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
        let PositiveInputs { logits, targets, pairs, left_out, losses, query_weights, scale, .. } = inputs;
        let SoftmaxBuffers { tile, entries, labelled, nlls } = memory.get();
        let background = (scale * self.no_object_weight) as f32;
        if let Some(gradient) = gradient.as_deref_mut()
            && !SAFE_SCALES.contains(&background)
        {
            gradient.iter_mut().for_each(|value| *value *= background);
        }
        entries.clear();
        entries.extend(pairs.iter().map(|&(query, target)| {
            // the label that a row has most of
            let label = self.heaviest(targets, target);
            let weight = scale * targets.weight(target) * self.row_weight(targets, target);
            Entry { query, label: logits.place(label), weight: weight as f32 }
        }));
        let labelled = first(labelled, entries.len());
        cross_entropy::labelled(level, &mut rows(logits, gradient.as_deref_mut(), tile), entries, labelled);
        if self.gamma > 0.0 {
            nlls.clear();
            nlls.extend(labelled.iter().map(|row| row.nll));
            cross_entropy::focus(level, self.gamma, nlls, |k, slope| {
                if let Some(gradient) = &mut gradient {
                    let row = &mut gradient[entries[k].query * logits.classes..][..logits.classes];
                    row.iter_mut().for_each(|value| *value *= slope);
                }
            });
            labelled.iter_mut().zip(&*nlls).for_each(|(row, &nll)| row.nll = nll);
        }
        if let Some(weights) = query_weights {
            weigh(losses, weights, gradient.as_deref_mut(), logits.classes, pairs);
        }
        for &query in entries.iter().map(|entry| &entry.query).chain(left_out) {
            losses[query] = 0.0;
        }
        let unmatched: f64 = losses[..logits.queries].iter().sum();
        let (mut own, mut correct) = (0.0, 0);
        for ((&(query, target), entry), row) in pairs.iter().zip(&*entries).zip(&*labelled) {
            let mut value = self.row_weight(targets, target) * row.nll;
            let mut is_correct = row.is_largest;
            if targets.has_values() {
                let gradient = gradient.as_deref_mut().map(|all| &mut all[query * logits.classes..][..logits.classes]);
                let shares =
                    Shares { logits: logits.row(query), label: entry.label, scale: scale * targets.weight(target) };
                let positives =
                    self.weighted_values(targets, target).map(|(label, share)| (logits.place(label), share));
                value += shares.spread(positives.clone(), gradient);
                is_correct |= is_largest(shares.logits, positives.map(|(column, _)| column));
            }
            own += if targets.has_weights() { targets.weight(target) * value } else { value };
            correct += usize::from(is_correct);
        }
        ClassSum { loss: own + self.no_object_weight * unmatched, correct }
    }
}

/// A row whose label stands for all of its labels, before these have their shares.
struct Shares<'a> {
    logits: &'a [f32],
    /// The column that the row was computed with.
    label: usize,
    /// What the gradient is multiplied by.
    scale: f64,
}

impl Shares<'_> {
    /// Gives each label its share u, in a row that has been computed with the sum U of them for the one: of the gradient U · p -
    /// u in place of U · p - U at the one and U · p elsewhere. Gives what Σ u · -ln p has beyond U · -ln p of the one.
    fn spread(&self, shares: impl Iterator<Item = (usize, f64)> + Clone, gradient: Option<&mut [f32]>) -> f64 {
        let at = |column: usize| f64::from(self.logits[column]);
        if let Some(gradient) = gradient {
            let others: f64 = shares.clone().filter(|&(column, _)| column != self.label).map(|(_, share)| share).sum();
            for (column, share) in shares.clone() {
                let by = if column == self.label { others } else { -share };
                gradient[column] = (f64::from(gradient[column]) + self.scale * by) as f32;
            }
        }
        shares.map(|(column, share)| share * (at(self.label) - at(column))).sum()
    }
}

/// Multiplies the losses of queries as background and the gradients of those without a pair by their weights.
fn weigh(
    losses: &mut [f64],
    weights: &[f32],
    mut gradient: Option<&mut [f32]>,
    classes: usize,
    pairs: &[(usize, usize)],
) {
    let mut pairs = pairs.iter().map(|&(query, _)| query).peekable();
    for (query, &weight) in weights.iter().enumerate() {
        if pairs.next_if_eq(&query).is_some() {
            continue;
        }
        losses[query] *= f64::from(weight);
        if let Some(gradient) = &mut gradient {
            gradient[query * classes..][..classes].iter_mut().for_each(|slope| *slope *= weight);
        }
    }
}

/// The logits with room for sixteen rows where no gradient is wanted.
fn rows<'a>(logits: Logits<'a>, gradient: Option<&'a mut [f32]>, tile: &'a mut Vec<f32>) -> Rows<'a> {
    let gradient = gradient.unwrap_or_else(|| first(tile, LANES * logits.classes));
    Rows { logits: logits.values, gradient, classes: logits.classes }
}
