//! The parts of a step: which queries of which layers are matched how, against which view of the targets, and what
//! their loss is divided by and its terms weigh.
//!
//! Every training scheme of the DETR family is a list of parts:
//!
//! | scheme | part |
//! | --- | --- |
//! | decoder layers (Carion et al. 2020) | all queries, optimal matching |
//! | two-stage encoder output (Zhu et al. 2021) | its own queries, often class-agnostic, at times with a single column |
//! | denoising (Li et al. 2022, DN-DETR; Zhang et al. 2023, DINO) | matching given, N multiplied by the groups |
//! | one-to-many branch (Jia et al. 2023, H-DETR) | targets repeated, a weight of its own |
//! | groups of queries (Chen et al. 2023, Group DETR) | queries split in groups |
//! | union matching (Peng et al. 2025, D-FINE) | geometric terms use the pairs of all parts that take part |

use std::ops::{Range, RangeInclusive};

use crate::error::{Array, Error, Result, WeightOf};
use crate::option::{LIMIT, UP_TO_LIMIT};
use crate::shape::check_length;
use crate::weights::Weights;

use super::score::Score;

/// What may be divided by: beyond these, gradients of ordinary predictions leave the range of `f32`. They hold the share of a
/// worker among millions, and the sum of the largest weights.
pub(crate) const NORMALIZERS: RangeInclusive<f64> = 1e-12..=1e24;

/// What is said of a number in [`NORMALIZERS`].
pub(crate) const IN_NORMALIZERS: &str = "a number from 1e-12 to 1e24";

/// Where a layer's matching comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Matching {
    /// The assignment with the least total cost.
    #[default]
    Optimal,
    /// Given with the batch.
    Given,
    /// Some pairs are given with the batch; of what these leave, the assignment with the least total cost
    /// (timmeinhardt/trackformer, `models/matcher.py`; megvii-research/MOTR, `models/motr.py`). In each group every target may
    /// be given as often as it is repeated.
    Fixed,
    /// Chosen by how well queries suit targets, several for each. Takes sigmoid classification and a part of pairs of its own;
    /// repetitions are then a mere factor of N.
    Score(Score),
    /// That of another layer of the same part, which has its own.
    Of(usize),
}

/// How one layer of a part is matched.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct LayerRule {
    /// Where the matching comes from.
    pub matching: Matching,
    /// Whether the batch brings costs that are added to the matching cost.
    pub has_cost: bool,
}

/// Some queries of some layers, which are matched alike.
#[derive(Clone, Debug, PartialEq)]
pub struct Part {
    /// Its layers among those of all stacks.
    pub layers: Range<usize>,
    /// Which of the layers' queries are its own.
    pub queries: Range<usize>,
    /// One for each layer; empty where all are matched optimally.
    pub rules: Vec<LayerRule>,
    /// In how many equal groups the queries are split, each matched by itself with all targets.
    pub groups: usize,
    /// How often every target is repeated.
    pub repeat: usize,
    /// Whether that is less where an image has many targets: min(⌊Q/2/n⌋, `repeat`) with Q queries of a group and n targets, so
    /// that at most half of the queries find a target, and none where n is above that (Cai et al. 2023, "Align-DETR"; detrex,
    /// `MixedMatcher`). Then N does not count repetitions.
    pub adaptive: bool,
    /// Whether every target counts as of the first class. Its logits then may have the columns of that class alone: one, and
    /// with softmax one more for no-object, in the order that the two have in the configuration.
    pub class_agnostic: bool,
    /// Whether the geometric terms use the union matching of all parts that say so.
    pub union: bool,
    /// What the normaliser is multiplied by, beyond groups and repetitions; from 1e-12 to 1e24, as normalisers are.
    pub normalizer_factor: f64,
    /// Whether pairs have ranks among those of their target where the class term gives them any. Those of denoising queries have none
    /// in the published code (IDEA-Research/detrex, `projects/align_detr/criterion`).
    pub is_ranked: bool,
    /// Whether a batch brings weights of its queries; see [`Inputs`](crate::Inputs).
    pub has_query_weights: bool,
    /// Weight in the total.
    pub weight: f64,
    /// One for each layer, in the total, which the part's own multiplies; empty where all are 1.
    pub layer_weights: Vec<f64>,
    /// Weights of its loss terms in place of the configuration's; the matching cost keeps its own.
    pub weights: Option<Weights>,
}

impl Part {
    /// All queries of all layers, matched one to one: DETR's own scheme.
    #[must_use]
    pub fn plain(layers: Range<usize>, queries: Range<usize>) -> Self {
        Self {
            layers,
            queries,
            rules: Vec::new(),
            groups: 1,
            repeat: 1,
            adaptive: false,
            class_agnostic: false,
            union: false,
            normalizer_factor: 1.0,
            is_ranked: true,
            has_query_weights: false,
            weight: 1.0,
            layer_weights: Vec::new(),
            weights: None,
        }
    }

    /// What a layer weighs in the total.
    pub(crate) fn weight_of(&self, layer: usize) -> f64 {
        self.layer_weights.get(layer).map_or(self.weight, |own| self.weight * own)
    }

    /// How a layer is matched.
    pub(crate) fn rule(&self, layer: usize) -> LayerRule {
        self.rules.get(layer).copied().unwrap_or_default()
    }

    /// How often N counts each target.
    pub(crate) fn counted(&self) -> usize {
        self.groups.saturating_mul(if self.adaptive { 1 } else { self.repeat })
    }

    /// How often each target of an image with so many is repeated.
    pub(crate) fn repeat_of(&self, targets: usize) -> usize {
        let queries = self.queries.len() / self.groups;
        match (queries / 2).checked_div(targets) {
            Some(most) if self.adaptive => most.min(self.repeat),
            _ => self.repeat,
        }
    }

    /// How many queries each target of an image with so many is meant to find where the matching is optimal.
    pub(crate) fn copies(&self, targets: usize) -> usize {
        self.groups.saturating_mul(self.repeat_of(targets))
    }

    /// How many pairs an optimal matching has of an image with so many targets.
    pub(crate) fn pairs(&self, targets: usize) -> usize {
        let queries = self.queries.len() / self.groups;
        self.groups * targets.saturating_mul(self.repeat_of(targets)).min(queries)
    }

    /// The number of targets, multiplied as N is, before anything is clamped.
    pub(crate) fn targets(&self, targets: usize) -> f64 {
        targets as f64 * self.counted() as f64 * self.normalizer_factor
    }

    /// N of this part: max(1, number of targets, counted once for every group and repetition), times the factor; or what
    /// the caller gave for the batch, multiplied likewise.
    pub(crate) fn normalizer(&self, given: Option<f64>, targets: usize) -> f64 {
        let copies = self.counted() as f64;
        given.map_or((targets as f64 * copies).max(1.0), |n| n * copies) * self.normalizer_factor
    }

    /// Checks what does not depend on the tensors. `part`: its number. `layers`: of all stacks.
    pub(crate) fn check(&self, part: usize, layers: usize, is_sigmoid: bool) -> Result<()> {
        let fail = |property, rule, value: f64| Err(Error::Part { part, property, rule, value: value.into() });
        let by_score = |rule| Err(Error::Part { part, property: "matching.by", rule, value: "score".into() });
        if self.layers.start > self.layers.end || self.layers.end > layers {
            return fail("layers", "a range of layers", self.layers.end as f64);
        }
        if self.queries.start > self.queries.end {
            return fail("queries", "a range of queries", self.queries.end as f64);
        }
        if self.groups == 0 || !self.queries.len().is_multiple_of(self.groups) {
            return fail("groups", "a divisor of the number of queries", self.groups as f64);
        }
        if self.repeat == 0 {
            return fail("repeat", "at least 1", 0.0);
        }
        if !NORMALIZERS.contains(&self.normalizer_factor) {
            return fail("normaliser's factor", IN_NORMALIZERS, self.normalizer_factor);
        }
        if !(0.0..=LIMIT).contains(&self.weight) {
            return fail("weight", UP_TO_LIMIT, self.weight);
        }
        if !self.layer_weights.is_empty() {
            check_length(Array::LayerWeights { part }, self.layer_weights.len(), &[self.layers.len()])?;
        }
        if let Some(&weight) = self.layer_weights.iter().find(|weight| !(0.0..=LIMIT).contains(*weight)) {
            return fail("layer weight", UP_TO_LIMIT, weight);
        }
        self.weights.map_or(Ok(()), |weights| weights.check(WeightOf::Part(part), is_sigmoid))?;
        if !self.rules.is_empty() {
            check_length(Array::Rules { part }, self.rules.len(), &[self.layers.len()])?;
        }
        for rule in &self.rules {
            if let Matching::Of(source) = rule.matching
                && self.rules.get(source).is_none_or(|rule| matches!(rule.matching, Matching::Of(_)))
            {
                return fail("rules", "a layer with a matching of its own", source as f64);
            }
            let Matching::Score(score) = rule.matching else { continue };
            if let Some((property, rule, value)) = score.fault() {
                return fail(property, rule, value);
            }
            if !is_sigmoid {
                return by_score("absent with softmax classification, since a query may have several targets");
            }
            if self.union {
                return by_score("absent where geometric terms use the union matching, of one target a query");
            }
        }
        Ok(())
    }
}
