//! The class term of one image, of either family, at each stage of the pipeline.

use lsap::memory;
use simd::{LANES, Level, all_finite, padded};

use crate::batch::ImageTargets;
use crate::config::{Cardinality, ClassCost, Classification, Config, Normalization, Softmax};
use crate::cost;
use crate::loss::sigmoid::{self, Cell, Rule};
use crate::loss::softmax::{self, Job};
use crate::part::BACKGROUND;
use crate::scratch::Scratch;

/// The class term, ready to run.
#[derive(Clone, Debug)]
pub(crate) enum Class {
    Softmax {
        softmax: Softmax,
        /// Cross-entropy weight of every column of the logits.
        weights: Vec<f64>,
    },
    Sigmoid {
        rule: Rule,
        cost: ClassCost,
        cardinality: Cardinality,
    },
}

/// What the pass over an image's logits is for.
pub(crate) enum Purpose<'a> {
    /// The matching alone: what only the loss needs may be left out.
    Matching,
    /// The loss; a positive `scale` is what every query's background loss is multiplied by in `gradient`.
    Loss { scale: f32, gradient: Option<&'a mut [f32]> },
}

impl<'a> Purpose<'a> {
    pub fn scale(&self) -> f32 {
        match *self {
            Self::Matching => 1.0,
            Self::Loss { scale, .. } => scale,
        }
    }

    pub fn reborrow(&mut self) -> Purpose<'_> {
        match self {
            Self::Matching => Purpose::Matching,
            Self::Loss { scale, gradient } => Purpose::Loss { scale: *scale, gradient: gradient.as_deref_mut() },
        }
    }

    fn gradient(self) -> Option<&'a mut [f32]> {
        match self {
            Self::Matching => None,
            Self::Loss { gradient, .. } => gradient,
        }
    }
}

/// What the pass gives.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pass {
    /// Queries that count as objects: those whose first largest logit is not no-object, or in sigmoid classification as
    /// [`Cardinality`] says. Not counted for the matching alone.
    pub objects: usize,
    /// Whether every logit was finite; if not, nothing of the pass means anything.
    pub finite: bool,
}

/// The class term of an image.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ClassSum {
    /// Not yet divided by the normaliser.
    pub loss: f64,
    /// Matched queries whose first largest logit is a label of their target.
    pub correct: usize,
}

/// The logits of one image.
#[derive(Clone, Copy)]
pub(crate) struct Logits<'a> {
    /// `[queries, classes]`.
    pub values: &'a [f32],
    pub queries: usize,
    pub classes: usize,
}

/// What the class term of an image is computed from, once it is matched.
#[derive(Clone, Copy)]
pub(crate) struct Inputs<'a> {
    pub logits: Logits<'a>,
    pub targets: ImageTargets<'a>,
    /// What the term is multiplied by in the gradient.
    pub scale: f64,
}

/// Background scales at which probabilities times the scale keep their digits in `f32`.
const SAFE_SCALES: std::ops::RangeInclusive<f32> = 1e-20..=1e20;

impl Class {
    pub fn new(config: &Config) -> Self {
        match &config.classification {
            Classification::Softmax(softmax) => {
                Self::Softmax { softmax: softmax.clone(), weights: softmax.column_weights(config.num_classes) }
            }
            Classification::Sigmoid(kind) => {
                let Config { cost_class: cost, cardinality, .. } = *config;
                Self::Sigmoid { rule: Rule::new(*kind), cost, cardinality }
            }
        }
    }

    /// Sets the logits of a query that is left out such that its loss can be left out, and that it is no object.
    pub fn neutralize(&self, row: &mut [f32]) {
        /// Background to all digits, though above every other.
        const LEAST: f32 = -1e30;
        match self {
            Self::Softmax { softmax, .. } => {
                row.fill(0.0);
                row[no_object(softmax, row.len())] = 1.0;
            }
            Self::Sigmoid { .. } => {
                row.fill(f32::MIN);
                row.iter_mut().last().into_iter().for_each(|last| *last = LEAST);
            }
        }
    }

    /// Whether the term is divided by the number of targets, rather than by the sum of weights.
    pub fn is_divided_by_boxes(&self) -> bool {
        match self {
            Self::Softmax { softmax, .. } => softmax.normalization == Normalization::NumBoxes,
            Self::Sigmoid { .. } => true,
        }
    }

    /// The sum of the weights of an image's queries, where it does not depend on which targets find a query. `copies`: how
    /// many queries each target is meant to find.
    pub fn weight_before_matching(&self, queries: usize, targets: &ImageTargets<'_>, copies: usize) -> Option<f64> {
        let Self::Softmax { softmax, weights } = self else { return None };
        let weight = |target: usize| weights[targets.label(target)];
        let (count, pairs) = (targets.len(), targets.len().saturating_mul(copies));
        if pairs <= queries {
            let background = (queries - pairs) as f64 * softmax.no_object_weight;
            return Some((0..count).map(weight).sum::<f64>() * copies as f64 + background);
        }
        (1..count).all(|target| weight(target) == weight(0)).then(|| queries as f64 * weight(0))
    }

    /// The sum of the weights of an image's queries. `matches`: `[queries]`. `left_out`: those that have no part in the
    /// loss though they may be matched, ascending.
    pub fn weight(&self, targets: &ImageTargets<'_>, matches: &[i32], left_out: &[usize]) -> f64 {
        let Self::Softmax { softmax, weights } = self else { return 0.0 };
        let (mut sum, mut background) = (0.0, 0);
        for (query, &target) in matches.iter().enumerate() {
            match usize::try_from(target) {
                _ if left_out.binary_search(&query).is_ok() => {}
                Ok(target) => sum += weights[targets.label(target)],
                Err(_) => background += usize::from(target == BACKGROUND),
            }
        }
        sum + background as f64 * softmax.no_object_weight
    }

    /// What [`Class::read`] multiplies the background's loss by in the gradient, where it is to be `scale` times the class
    /// term.
    pub fn pass_scale(&self, scale: f64) -> f32 {
        match self {
            Self::Softmax { softmax, .. } => {
                let scale = (scale * softmax.no_object_weight) as f32;
                if SAFE_SCALES.contains(&scale) { scale } else { 1.0 }
            }
            Self::Sigmoid { .. } => scale as f32,
        }
    }

    /// The pass over an image's logits, every query as background. Leaves the gradient, and in `scratch` the background
    /// losses and the rows that the cost needs.
    pub fn read(&self, level: Level, logits: Logits<'_>, purpose: Purpose<'_>, scratch: &mut Scratch) -> Pass {
        let Logits { values, queries, classes } = logits;
        let stride = padded(queries);
        let Scratch { labels, class_rows, nll, tile, background, .. } = scratch;
        let class_rows = memory::first(class_rows, labels.rows() * stride);
        match self {
            Self::Softmax { softmax, .. } => {
                let mut out = softmax::Background {
                    nll: memory::first(nll, stride),
                    probabilities: class_rows,
                    classes: &labels.distinct,
                };
                let scale = purpose.scale();
                let mut rows = rows(logits, purpose.gradient(), tile);
                let pass = softmax::background(level, &mut rows, no_object(softmax, classes), scale, &mut out);
                Pass { objects: pass.objects, finite: pass.finite }
            }
            Self::Sigmoid { rule, cost, cardinality } => {
                cost::class::fill(level, *cost, values, classes, labels, stride, class_rows);
                let Purpose::Loss { scale, gradient } = purpose else {
                    return Pass { objects: 0, finite: all_finite(level, values) };
                };
                let pass = rule.background(level, values, f64::from(scale), gradient);
                *background = pass.loss;
                let objects = match cardinality {
                    Cardinality::Threshold => sigmoid::positive_rows(level, values, classes),
                    Cardinality::Published => values.chunks_exact(classes).filter(|row| beats_last(row)).count(),
                };
                Pass { objects, finite: pass.finite }
            }
        }
    }

    /// What the rows that [`Class::read`] leaves with this scale are multiplied by in the cost.
    pub fn cost_weight(&self, weight: f64, scale: f32) -> f32 {
        match self {
            Self::Softmax { .. } => (-weight / f64::from(scale)) as f32,
            Self::Sigmoid { .. } => weight as f32,
        }
    }

    /// Gives the pairs of `scratch` their labels, and takes the loss of its `left_out` away: the whole term of the
    /// image. `gradient` is that of [`Class::read`], with the [`Class::pass_scale`] of the inputs' scale.
    pub fn matched(
        &self,
        level: Level,
        inputs: &Inputs<'_>,
        gradient: Option<&mut [f32]>,
        scratch: &mut Scratch,
    ) -> ClassSum {
        match self {
            Self::Softmax { softmax, weights } => softmax_matched(level, softmax, weights, inputs, gradient, scratch),
            Self::Sigmoid { rule, .. } => sigmoid_matched(level, rule, inputs, gradient, scratch),
        }
    }
}

fn softmax_matched(
    level: Level,
    softmax: &Softmax,
    weights: &[f64],
    inputs: &Inputs<'_>,
    mut gradient: Option<&mut [f32]>,
    scratch: &mut Scratch,
) -> ClassSum {
    let Inputs { logits, targets, scale } = *inputs;
    let Scratch { pairs, jobs, matched, nll, tile, left_out, .. } = scratch;
    let background = (scale * softmax.no_object_weight) as f32;
    if let Some(gradient) = gradient.as_deref_mut()
        && !SAFE_SCALES.contains(&background)
    {
        gradient.iter_mut().for_each(|value| *value *= background);
    }
    jobs.clear();
    jobs.extend(pairs.iter().map(|&(query, target)| {
        let label = targets.label(target);
        Job { query, label, weight: (scale * weights[label]) as f32 }
    }));
    let matched = memory::first(matched, jobs.len());
    softmax::matched(level, &mut rows(logits, gradient, tile), jobs, matched);
    for &query in jobs.iter().map(|job| &job.query).chain(&*left_out) {
        nll[query] = 0.0;
    }
    let unmatched: f64 = nll[..logits.queries].iter().sum();
    let labelled = jobs.iter().zip(&*matched).map(|(job, m)| weights[job.label] * m.nll).sum::<f64>();
    ClassSum {
        loss: labelled + softmax.no_object_weight * unmatched,
        correct: matched.iter().filter(|m| m.correct).count(),
    }
}

fn sigmoid_matched(
    level: Level,
    rule: &Rule,
    inputs: &Inputs<'_>,
    gradient: Option<&mut [f32]>,
    scratch: &mut Scratch,
) -> ClassSum {
    let Inputs { logits, targets, scale } = *inputs;
    let Scratch { pairs, ious, cells, background, left_out, .. } = scratch;
    let mut correct = 0;
    cells.clear();
    for (&(query, target), &iou) in pairs.iter().zip(&*ious) {
        let labels = targets.labels(target);
        cells.extend(labels.iter().map(|&label| Cell { at: query * logits.classes + label as usize, iou }));
        correct += usize::from(is_largest(&logits.values[query * logits.classes..][..logits.classes], labels));
    }
    for &query in &*left_out {
        let row = &logits.values[query * logits.classes..][..logits.classes];
        *background -= rule.background(level, row, scale, None).loss;
    }
    ClassSum { loss: *background + rule.mend(level, logits.values, cells, scale, gradient), correct }
}

/// The column of no-object among `classes` columns: beside the first class alone it is the last of two, unless it is the
/// first of all.
fn no_object(softmax: &Softmax, classes: usize) -> usize {
    softmax.no_object_index.min(classes - 1)
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

/// The logits as softmax takes them, with room for sixteen rows where no gradient is wanted.
fn rows<'a>(logits: Logits<'a>, gradient: Option<&'a mut [f32]>, tile: &'a mut Vec<f32>) -> softmax::Rows<'a> {
    let gradient = gradient.unwrap_or_else(|| memory::first(tile, LANES * logits.classes));
    softmax::Rows { logits: logits.values, gradient, classes: logits.classes }
}
