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
//! | union matching (Peng et al. 2025, D-FINE) | box terms use the pairs of all parts that take part |

use std::ops::Range;

use crate::batch::check_length;
use crate::config::LossWeights;
use crate::error::{Error, QueryPlace, Result};

/// In a matching: the query is background.
pub(crate) const BACKGROUND: i32 = -1;

/// In a matching: the query has no part in the loss.
pub(crate) const LEFT_OUT: i32 = -2;

/// Largest magnitude of an additional cost, as of a weight.
const COST_LIMIT: f32 = 1e12;

/// Where a layer's matching comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Matching<'a> {
    /// The assignment with the least total cost.
    #[default]
    Optimal,
    /// Given, `[images, queries]`: the target of each query, -1 for background, -2 to leave the query out.
    Given(&'a [i32]),
    /// That of another layer of the same part, which has its own.
    Of(usize),
}

/// How one layer of a part is matched.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct LayerRule<'a> {
    /// Where the matching comes from.
    pub matching: Matching<'a>,
    /// Added to the matching cost: for each image a block `[queries, targets of the image]`, one after the other.
    pub cost: Option<&'a [f32]>,
}

/// Some queries of some layers, which are matched alike.
#[derive(Clone, Debug, PartialEq)]
pub struct Part<'a> {
    /// Where its tensors lie, for messages: `outputs`, `outputs.encoder`.
    pub name: &'static str,
    /// Its layers among those of the predictions.
    pub layers: Range<usize>,
    /// Queries of its tensors.
    pub rows: usize,
    /// Which of them are its own.
    pub queries: Range<usize>,
    /// Columns of its logits: those of the configuration, or in a class-agnostic part also those of its first class alone:
    /// one, and with softmax one more for no-object, in the order that the two have in the configuration.
    pub classes: usize,
    /// One for each layer; empty where all are matched optimally.
    pub rules: &'a [LayerRule<'a>],
    /// In how many equal groups the queries are split, each matched by itself with all targets.
    pub groups: usize,
    /// How often every target is repeated.
    pub repeat: usize,
    /// Whether every target counts as of the first class.
    pub class_agnostic: bool,
    /// Whether the box terms use the union matching of all parts that say so.
    pub union: bool,
    /// What the normaliser is multiplied by, beyond groups and repetitions.
    pub divisor: f64,
    /// Weight in the total.
    pub weight: f64,
    /// Weights of its loss terms in place of the configuration's; the matching cost keeps its own.
    pub weights: Option<LossWeights>,
}

impl Part<'_> {
    /// All queries of all layers, matched one to one: DETR's own scheme.
    #[must_use]
    pub fn plain(layers: usize, queries: usize, classes: usize) -> Self {
        Self {
            name: "outputs",
            layers: 0..layers,
            rows: queries,
            queries: 0..queries,
            classes,
            rules: &[],
            groups: 1,
            repeat: 1,
            class_agnostic: false,
            union: false,
            divisor: 1.0,
            weight: 1.0,
            weights: None,
        }
    }

    pub(crate) fn rule(&self, layer: usize) -> LayerRule<'_> {
        self.rules.get(layer).copied().unwrap_or_default()
    }

    /// How many queries each target is meant to find where the matching is optimal.
    pub(crate) fn copies(&self) -> usize {
        self.groups.saturating_mul(self.repeat)
    }

    /// The number of targets, multiplied as N is, before anything is clamped.
    pub(crate) fn targets(&self, targets: usize) -> f64 {
        targets as f64 * self.copies() as f64 * self.divisor
    }

    /// N of this part: max(1, number of targets, counted once for every group and repetition), times the divisor; or
    /// what the caller gave for the batch, multiplied likewise.
    pub(crate) fn num_boxes(&self, given: Option<f64>, targets: usize) -> f64 {
        let copies = self.copies() as f64;
        given.map_or((targets as f64 * copies).max(1.0), |n| n * copies) * self.divisor
    }

    /// Checks what does not depend on values.
    pub(crate) fn check(&self, layers: usize) -> Result<()> {
        let option = |name, rule, value| Err(Error::Option { name, rule, value });
        if self.layers.start > self.layers.end || self.layers.end > layers {
            return option("parts.layers", "a range of layers", self.layers.end as f64);
        }
        if self.queries.start > self.queries.end || self.queries.end > self.rows {
            return option("parts.queries", "a range of queries", self.queries.end as f64);
        }
        if self.groups == 0 || !self.queries.len().is_multiple_of(self.groups) {
            return option("parts.groups", "a divisor of the number of queries", self.groups as f64);
        }
        if self.repeat == 0 {
            return option("parts.repeat", "at least 1", 0.0);
        }
        if !(self.divisor > 0.0 && self.divisor.is_finite()) {
            return option("parts.divisor", "a positive number", self.divisor);
        }
        if !(0.0..=1e12).contains(&self.weight) {
            return option("parts.weight", "a number from 0 to 1e12", self.weight);
        }
        self.weights.map_or(Ok(()), |weights| weights.check())?;
        if !self.rules.is_empty() {
            check_length("parts.rules", self.rules.len(), &[self.layers.len()])?;
        }
        for rule in self.rules {
            if let Matching::Of(source) = rule.matching
                && self.rules.get(source).is_none_or(|rule| matches!(rule.matching, Matching::Of(_)))
            {
                return option("parts.rules", "a layer with a matching of its own", source as f64);
            }
        }
        Ok(())
    }

    /// Checks given matchings and costs; `counts`: targets of each image.
    pub(crate) fn check_rules(&self, counts: &[usize]) -> Result<()> {
        let (queries, total) = (self.queries.len(), counts.iter().sum());
        for (layer, rule) in self.rules.iter().enumerate() {
            let place = |image, query| QueryPlace { part: self.name, layer, image, query: self.queries.start + query };
            if let Matching::Given(targets) = rule.matching {
                check_length("matching", targets.len(), &[counts.len(), queries])?;
                for (at, &value) in targets.iter().enumerate() {
                    let (image, query) = (at / queries, at % queries);
                    if value < LEFT_OUT || usize::try_from(value).is_ok_and(|target| target >= counts[image]) {
                        return Err(Error::Matching { place: place(image, query), value, targets: counts[image] });
                    }
                }
            }
            let Some(mut rest) = rule.cost else { continue };
            check_length("cost", rest.len(), &[queries, total])?;
            for (image, &targets) in counts.iter().enumerate() {
                let block;
                (block, rest) = rest.split_at(queries * targets);
                if let Some(at) = block.iter().position(|cost| cost.is_nan() || cost.abs() > COST_LIMIT) {
                    let place = place(image, at / targets);
                    return Err(Error::AddedCost { place, target: at % targets, value: block[at] });
                }
            }
        }
        Ok(())
    }
}

/// Refuses parts that share queries, or leave some without a part, whose gradient would then be unspecified.
pub(crate) fn check_cover(parts: &[Part<'_>], layers: usize) -> Result<()> {
    for layer in 0..layers {
        let mut ranges: Vec<_> = parts.iter().filter(|part| part.layers.contains(&layer)).collect();
        ranges.sort_by_key(|part| (part.queries.start, part.queries.end));
        let rows = ranges.first().map_or(usize::MAX, |part| part.rows);
        let mut next = 0;
        for part in ranges {
            if part.queries.start != next || part.rows != rows {
                let rule = "such that every query of a layer belongs to exactly one";
                return Err(Error::Option { name: "parts.queries", rule, value: part.queries.start as f64 });
            }
            next = part.queries.end;
        }
        if next != rows {
            let rule = "such that every query of a layer belongs to exactly one";
            return Err(Error::Option { name: "parts.queries", rule, value: next as f64 });
        }
    }
    Ok(())
}
