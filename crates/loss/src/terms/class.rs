//! The class term: dense over all queries. One pass takes every query as background; then the few that are matched get
//! their label.

use std::fmt::Debug;

use simd::Level;

use super::memory::TermMemory;
use super::pair::{ClassCosts, Measure};
use crate::batch::{Columns, ImageTargets, Labels};

/// What the pass over an image's logits is for.
pub(crate) enum Purpose<'a> {
    /// The matching alone: what only the loss needs may be left out.
    Matching,
    /// The loss; a positive `scale` is what every query's background loss is multiplied by in `gradient`.
    Loss {
        /// As [`ClassTerm::pass_scale`] gives it.
        scale: f32,
        /// `[queries, classes]`.
        gradient: Option<&'a mut [f32]>,
    },
}

/// The logits of one image.
#[derive(Clone, Copy)]
pub(crate) struct Logits<'a> {
    /// `[queries, classes]`.
    pub values: &'a [f32],
    pub queries: usize,
    pub classes: usize,
    /// Where the image lacks columns, those that it has, which the values are of.
    pub columns: Option<&'a Columns>,
}

impl<'a> Logits<'a> {
    /// Those of a query.
    #[inline]
    pub fn row(&self, query: usize) -> &'a [f32] {
        &self.values[query * self.classes..][..self.classes]
    }

    /// The column of a label.
    #[inline]
    pub fn place(&self, label: usize) -> usize {
        self.columns.map_or(label, |columns| columns.place(label))
    }
}

/// Where the pass writes.
pub(crate) struct BackgroundOutputs<'a> {
    /// The loss of each query as background, padded, where it is not summed at once.
    pub losses: &'a mut [f64],
    /// What the cost needs: `[labels.rows(), padded queries]`.
    pub rows: &'a mut [f32],
}

/// What the pass over the background gives.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Background {
    /// Sum over the queries, where it is summed at once.
    pub sum: f64,
    /// Queries that count as objects. Not counted for the matching alone.
    pub objects: usize,
    /// Whether every logit was finite; if not, nothing of the pass means anything.
    pub is_finite: bool,
}

/// What the positives are computed from.
pub(crate) struct PositiveInputs<'a> {
    pub logits: Logits<'a>,
    pub targets: &'a ImageTargets<'a>,
    /// Query and target, in the order of the queries, of which one may have several pairs in sigmoid classification.
    pub pairs: &'a [(usize, usize)],
    /// `[pairs]`: how well each agrees by [`ClassTerm::measure`], where the kind needs that.
    pub quality: &'a [f64],
    /// `[pairs]`: of [`ClassTerm::rank`]; empty where there are none.
    pub factors: &'a [f64],
    /// Queries that have no part in the loss, ascending.
    pub left_out: &'a [usize],
    /// `[queries]`: what the background's loss is multiplied by; absent where that is 1 for all.
    pub query_weights: Option<&'a [f32]>,
    /// The sum of the pass.
    pub background: f64,
    /// Its losses. Those of pairs and of queries that are left out lose their meaning.
    pub losses: &'a mut [f64],
    /// What the term is multiplied by in the gradient.
    pub scale: f64,
}

/// Which pairs count less than the best of their target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RankScope {
    /// The class term alone.
    Class,
    /// The forms of IoU, too.
    Overlaps,
    /// All terms of the pairs.
    All,
}

/// What ranks are found from.
pub(crate) struct RankInputs<'a> {
    pub logits: Logits<'a>,
    pub targets: &'a ImageTargets<'a>,
    /// Query and target, in the order of the queries.
    pub pairs: &'a [(usize, usize)],
    /// `[pairs]`: how well each agrees.
    pub quality: &'a [f64],
}

/// A class cost that depends on how well query and target agree.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PairwiseCost {
    pub measure: Measure,
    /// Whether the image's greatest agreement counts.
    pub needs_greatest: bool,
}

/// What such a cost is computed from, for one target.
pub(crate) struct PairwiseInputs<'a> {
    /// The rows of [`ClassTerm::background`].
    pub rows: &'a [f32],
    pub labels: &'a Labels,
    pub target: usize,
    /// `[padded queries]`: how well each agrees with the target.
    pub agreement: &'a [f32],
    /// The greatest agreement of the image.
    pub greatest: f32,
    /// Of the class in the cost.
    pub weight: f64,
}

/// The class term of an image.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ClassSum {
    /// Not yet divided by the normaliser.
    pub loss: f64,
    /// Matched queries whose first largest logit is a label of their target.
    pub correct: usize,
}

/// What a class term is divided by.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum ClassDivisor {
    /// The sum of the weights of all queries.
    Weights,
    /// The number of targets, as geometric terms are.
    Targets,
    /// The number of pairs of the layer.
    Pairs,
    /// The number of labels of all targets, as [`ClassTerm::count`] has it.
    Labels,
    /// The number of queries.
    Queries {
        /// The fewest that an image counts as.
        least: f64,
    },
    /// The number of queries that have a part in the term, as the weights of them all.
    KeptQueries,
    /// Each image by its own [`ClassTerm::count`], then by the number of images.
    Images,
}

impl ClassDivisor {
    /// What divides the term where the queries' weights have a sum.
    pub fn of_sum(self, sum: f64) -> f64 {
        /// So that nothing is divided by 0 (facebookresearch/sam3, `IABCEMdetr` with `weak_loss`).
        const NEVER_ZERO: f64 = 1e-6;
        if self == Self::KeptQueries { sum + NEVER_ZERO } else { sum }
    }
}

/// A kind of classification.
pub(crate) trait ClassTerm: Debug + Send + Sync {
    /// The column of no-object, if there is one.
    fn no_object(&self) -> Option<usize>;

    /// Whether a target may have the label of no-object.
    fn allows_no_object(&self) -> bool {
        false
    }

    /// The γ with which labels cannot have values that are not 1, if they cannot.
    fn gamma_against_values(&self) -> Option<f64> {
        None
    }

    /// Sets the logits of a query that is left out such that its loss can be left out, and that it is no object. `columns`: as in
    /// [`Logits`].
    fn neutralize(&self, row: &mut [f32], columns: Option<&Columns>);

    /// What the term is divided by.
    fn divisor(&self) -> ClassDivisor;

    /// How many things of an image's targets a class term is about: labels in sigmoid classification, otherwise targets.
    fn count(&self, targets: &ImageTargets<'_>) -> f64;

    /// The sum of the weights of an image's queries, where it does not depend on which targets find a query. `copies`: how
    /// many queries each target is meant to find.
    fn weight_before_matching(&self, queries: usize, targets: &ImageTargets<'_>, copies: usize) -> Option<f64>;

    /// The sum of the weights of an image's queries. `matches`: `[queries]`. `left_out`: those that have no part in the loss
    /// though they may be matched, ascending. `query_weights`: as in [`PositiveInputs`].
    fn weight(
        &self,
        targets: &ImageTargets<'_>,
        matches: &[i32],
        left_out: &[usize],
        query_weights: Option<&[f32]>,
    ) -> f64;

    /// What [`ClassTerm::background`] multiplies the background's loss by in the gradient, where it is to be `scale` times
    /// the class term.
    fn pass_scale(&self, scale: f64) -> f32;

    /// The pass over an image's logits, every query as background. Writes the whole gradient.
    fn background(
        &self,
        level: Level,
        logits: Logits<'_>,
        labels: &Labels,
        purpose: Purpose<'_>,
        out: BackgroundOutputs<'_>,
        memory: &mut TermMemory,
    ) -> Background;

    /// By what the agreement of pairs is measured.
    fn measure(&self) -> Measure {
        Measure::Overlap
    }

    /// Whether pairs count by their rank among those of the same target.
    fn rank_scope(&self) -> Option<RankScope> {
        None
    }

    /// By what each pair is multiplied for its rank. `factors`: written.
    fn rank(&self, _: Level, _: &RankInputs<'_>, _: &mut TermMemory, factors: &mut Vec<f64>) {
        factors.clear();
    }

    /// What the cost needs to know of every query and target, if anything. Where it does, [`ClassTerm::cost_weight`] is 0.
    fn pairwise_cost(&self) -> Option<PairwiseCost> {
        None
    }

    /// Adds the weighted cost of one target. `costs`: `[padded queries]`.
    fn add_pairwise_cost(&self, _: Level, _: &PairwiseInputs<'_>, _costs: &mut [f32]) {}

    /// What the rows of a pass with this scale are multiplied by in the cost. `weight`: of the class in the cost.
    fn cost_weight(&self, weight: f64, scale: f32) -> f32;

    /// Gives the pairs their labels, and takes the loss of what is left out away: the whole term of the image. `gradient` is
    /// that of [`ClassTerm::background`], with the [`ClassTerm::pass_scale`] of the inputs' scale.
    fn positives(
        &self,
        level: Level,
        inputs: PositiveInputs<'_>,
        gradient: Option<&mut [f32]>,
        memory: &mut TermMemory,
    ) -> ClassSum;
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
}

/// The rows of [`ClassTerm::background`] as the cost takes them.
pub(crate) fn class_costs<'a>(
    term: &dyn ClassTerm,
    values: &'a [f32],
    labels: &'a Labels,
    weight: f64,
    scale: f32,
) -> ClassCosts<'a> {
    ClassCosts { values, row_of_target: &labels.row_of_target, weight: term.cost_weight(weight, scale) }
}
