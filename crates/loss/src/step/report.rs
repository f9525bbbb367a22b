//! The result of a step: sums in the order of layers, divided by their normalisers.

use super::normalizer::reciprocal;
use super::sums::{NonFiniteCounts, Sums};
use crate::terms::family::Built;
use crate::terms::{FAMILIES, TERMS, terms, terms_of};
use crate::weights::Weights;

/// One layer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LayerReport {
    /// The terms, unweighted and normalised, in the order of [`terms`](crate::terms()). Of geometric terms those without any
    /// weight may be 0 where they take time to compute; terms over layers are 0 for the last layer of a part, which teaches.
    pub terms: [f64; TERMS],
    /// Percentage of matched queries whose largest logit is not a label of their target; NaN where nothing is matched.
    pub class_error: f64,
    /// Mean over images of |queries classified as objects - targets|.
    pub cardinality_error: f64,
    /// What the class term was divided by: the sum of the cross-entropy weights, another number that the configuration names, or
    /// what the caller gave for it.
    pub class_normalizer: f64,
    /// What the terms of each family were divided by, in the order of [`describe`](crate::describe()). Where each image is divided
    /// by a number of its own, that comes before this.
    pub normalizers: [f64; FAMILIES.len()],
    /// What the batch itself has, whatever the caller gave.
    pub counts: LayerCounts,
}

/// What the normalisers of a layer come from, before anything is clamped: numbers that add up where a batch is split.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct LayerCounts {
    /// The sum of the cross-entropy weights; or where another number divides the class term, that number, those of targets and
    /// labels multiplied as [`Normalizers::targets`](crate::Normalizers::targets) is.
    pub class_weight: f64,
    /// The least that the class term is divided by, however small that sum is: the part's factor for targets and labels, 1 for
    /// pairs, otherwise 0.
    pub least_class_weight: f64,
    /// Pairs of the matching, those of queries that are not finite included.
    pub pairs: usize,
    /// Queries that the layer's distillation takes: those of the geometric terms' pairs, and others. 0 for a part's last
    /// layer, and where no part weighs distillation.
    pub distilled: [usize; 2],
}

/// The result of a step.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// Weighted sum of all terms of all layers.
    pub loss: f64,
    /// What the geometric terms were divided by, but for what parts multiply it by.
    pub target_normalizer: f64,
    /// What stood for the number of images where terms are divided by that, or by the number of queries.
    pub image_normalizer: f64,
    /// What the geometric terms of the union matching were divided by; 0 where no part uses it.
    pub union_normalizer: f64,
    /// Targets that are not ignored.
    pub targets: usize,
    /// Pairs of the union matching.
    pub union_pairs: usize,
    /// What was left out.
    pub non_finite: NonFiniteCounts,
    /// One entry for each layer of all parts.
    pub layers: Vec<LayerReport>,
}

impl Default for LayerReport {
    fn default() -> Self {
        let counts = LayerCounts::default();
        Self {
            terms: [0.0; TERMS],
            class_error: 0.0,
            cardinality_error: 0.0,
            class_normalizer: 0.0,
            normalizers: [0.0; FAMILIES.len()],
            counts,
        }
    }
}

impl NonFiniteCounts {
    pub(crate) fn add(&mut self, other: Self) {
        self.fields.iter_mut().zip(other.fields).for_each(|(sum, count)| *sum += count);
        self.costs += other.costs;
    }
}

impl Report {
    /// Of a batch with so many targets, images and layers, before anything is computed.
    pub(crate) fn new(targets: usize, images: usize, layers: usize) -> Self {
        Self {
            loss: 0.0,
            target_normalizer: (targets as f64).max(1.0),
            image_normalizer: (images as f64).max(1.0),
            union_normalizer: 0.0,
            targets,
            union_pairs: 0,
            non_finite: NonFiniteCounts::default(),
            layers: vec![LayerReport::default(); layers],
        }
    }

    /// Counts the pairs of the union matching.
    pub(crate) fn count_union(&mut self, matches: &[i32]) {
        self.union_pairs = matches.iter().filter(|&&target| target >= 0).count();
        self.union_normalizer = (self.union_pairs as f64).max(1.0);
    }
}

impl LayerReport {
    /// The terms of a layer. `family`: of each number. `normalizers`: of each family.
    pub(crate) fn new<'a>(
        sums: &Sums,
        family: impl Fn(usize) -> &'a Built,
        class_normalizer: f64,
        normalizers: &[f64; FAMILIES.len()],
        images: usize,
        counts: LayerCounts,
    ) -> Self {
        let mut terms = sums.terms;
        terms[0] *= reciprocal(class_normalizer);
        for (index, &normalizer) in normalizers.iter().enumerate() {
            // terms over layers have weights of their own
            let divided = match family(index) {
                Built::Pair(_) | Built::Image(_) => terms_of(index),
                Built::Late(_) => terms_of(index).start..terms_of(index).start + 1,
            };
            terms[divided].iter_mut().for_each(|term| *term /= normalizer);
        }
        Self {
            terms,
            class_error: 100.0 - 100.0 * sums.correct as f64 / sums.matched as f64,
            cardinality_error: sums.cardinality_error as f64 / images.max(1) as f64,
            class_normalizer,
            normalizers: *normalizers,
            counts,
        }
    }

    /// The weighted sum. Forms of one measure are summed before they join it.
    pub(crate) fn total(&self, weights: &Weights) -> f64 {
        let mut weighted = terms().zip(weights.all().iter().zip(&self.terms)).peekable();
        let mut total: Option<f64> = None;
        while let Some((_, (weight, term))) = weighted.next() {
            let mut sum = weight * term;
            while let Some((_, (weight, term))) = weighted.next_if(|(info, _)| info.is_variant) {
                sum += weight * term;
            }
            total = Some(total.map_or(sum, |total| total + sum));
        }
        total.unwrap_or(0.0)
    }
}
