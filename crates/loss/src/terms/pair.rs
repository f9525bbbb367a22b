//! Terms over the matched pairs of an image, which may take part in the matching cost.

use std::fmt::Debug;

use lsap::Share;
use simd::Level;

use super::memory::TermMemory;
use crate::field::{FieldRows, MAX_AXES};

/// What is measured where a query lies on an ignored target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Overlap {
    /// Intersection over the query's size.
    OfQuery,
    /// Intersection over union.
    OverUnion,
}

/// By what the agreement of a query and a target is measured, 0 to 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Measure {
    /// The family's own: IoU.
    #[default]
    Overlap,
    /// (GIoU + 1) / 2; the family's own where it has no GIoU.
    Giou,
}

/// What the terms of each pair are multiplied by, beyond their scales, in sums and in gradients.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct PairFactors<'a> {
    /// `[pairs]`, 0 to 1; empty where all are 1.
    pub values: &'a [f64],
    /// Whether they are for the forms of IoU alone, and not for L1.
    pub only_overlaps: bool,
}

/// A value that a family refuses, though it is finite.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Broken {
    /// Which of the row's values.
    pub at: usize,
    /// The rule that it breaks.
    pub rule: &'static str,
}

/// The classes' part of the matching cost.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ClassCosts<'a> {
    /// `[rows, padded queries]`.
    pub values: &'a [f32],
    /// Which of those rows each target uses.
    pub row_of_target: &'a [usize],
    /// What a value is multiplied by in the cost.
    pub weight: f32,
}

/// Which image of which layer terms are computed for, and what they draw random numbers from.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct At {
    /// Of the call.
    pub seed: u64,
    pub part: usize,
    /// Within the part.
    pub layer: usize,
    pub image: usize,
    /// The first of the image's pairs among those of the layer.
    pub first_pair: usize,
}

/// What the cost of an image is made of.
#[derive(Clone, Copy)]
pub(crate) struct CostInputs<'a> {
    pub at: At,
    /// Threads that may help.
    pub share: &'a Share,
    /// How many of the padded columns are real.
    pub queries: usize,
    /// All queries.
    pub rows: FieldRows<'a>,
    /// Those of them that are left out, in ascending order: what their rows hold means nothing.
    pub left_out: &'a [usize],
    /// As [`PairTerms::lay_out`] left it.
    pub layout: &'a [f32],
    /// Those that take part in the matching.
    pub targets: FieldRows<'a>,
    /// One for each of the family's terms.
    pub weights: &'a [f64],
    /// Where the family is the first: what the block does not hold yet.
    pub class: Option<ClassCosts<'a>>,
}

/// The matched pairs of an image.
#[derive(Clone, Copy)]
pub(crate) struct Pairs<'a> {
    pub at: At,
    /// Threads that may help.
    pub share: &'a Share,
    /// All queries.
    pub queries: FieldRows<'a>,
    /// All targets.
    pub targets: FieldRows<'a>,
    /// Query and target, in the order of the queries, of which each comes once where there are gradients.
    pub list: &'a [(usize, usize)],
    /// The number of each among the pairs of the image, of which some may be left out here; empty where none are.
    pub numbers: &'a [usize],
}

impl Pairs<'_> {
    /// The number of one of them among the pairs of the image.
    pub fn number(&self, at: usize) -> usize {
        self.numbers.get(at).copied().unwrap_or(at)
    }
}

/// What the agreement of all queries with one target is measured by.
#[derive(Clone, Copy)]
pub(crate) struct AgreementInputs<'a> {
    /// As [`PairTerms::lay_out`] left it.
    pub layout: &'a [f32],
    /// Those that take part in the matching, and which of them.
    pub targets: FieldRows<'a>,
    pub target: usize,
    pub measure: Measure,
}

/// Where the terms of an image go.
pub(crate) struct PairOutputs<'a, 'b> {
    /// What the terms of each pair are multiplied by, of families that have such.
    pub factors: PairFactors<'a>,
    /// What each term is multiplied by in the gradient.
    pub scales: &'a [f64],
    /// Each term is added to its sum.
    pub sums: &'a mut [f64],
    /// `[pairs]`: how well each pair agrees, 0 to 1, where the family says that.
    pub quality: &'a mut [f64],
    /// Whether anything asks for that; if not, it may stay as it is.
    pub asks_quality: bool,
    /// Of each of the family's fields, all rows, empty where there is none; those of the pairs are written, and what pairs
    /// share is added to.
    pub gradients: Option<&'a mut [&'b mut [f32]]>,
    /// Whether other pairs of the image went before, so that what pairs share may already have their gradient; otherwise it is 0.
    pub is_further: bool,
}

/// The gradient of a family that has it by its first field alone.
pub(crate) fn only<'a>(gradients: &'a mut [&mut [f32]]) -> &'a mut [f32] {
    gradients[0]
}

/// The largest image that terms are computed for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Largest<'a> {
    pub queries: usize,
    pub targets: usize,
    /// The widths and axes of the fields of the family's queries.
    pub widths: &'a [usize],
    pub axes: &'a [[usize; MAX_AXES]],
    /// Height and width that hold all planes of the targets.
    pub canvas: [usize; 2],
}

/// Bytes of memory for an image, at most.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Needs {
    /// Of the thread whose image it is.
    pub own: u128,
    /// Of each that helps it ([`Share`]).
    pub helper: u128,
}

impl Needs {
    /// What is enough for either.
    pub fn max(self, other: Self) -> Self {
        Self { own: self.own.max(other.own), helper: self.helper.max(other.helper) }
    }
}

/// The terms of one geometry. Called once for each image and stage; the kernels within are generic.
pub(crate) trait PairTerms: Debug + Send + Sync {
    /// The width that the field `index` of the family's queries must have in all layers where the first has the width `given`.
    fn query_width(&self, index: usize, given: usize) -> usize;

    /// Likewise of the targets, where the first field of the queries has the width `of_queries`.
    fn target_width(&self, index: usize, of_queries: usize) -> usize;

    /// A field of the family's queries whose rows do not go with those of the others, or with how samples are taken, and the rule
    /// that they break. `widths`, `axes`: of each; a field that a layer lacks has neither.
    fn misfit(&self, _widths: &[usize], _axes: &[[usize; MAX_AXES]]) -> Option<(usize, String)> {
        None
    }

    /// The rule that a finite row of a field of the queries breaks.
    fn check_query(&self, index: usize, row: &[f32]) -> Option<Broken>;

    /// The rule that a finite row of a field of the targets breaks.
    fn check_target(&self, index: usize, row: &[f32]) -> Option<Broken>;

    /// Whether a target has what the terms compare; if not, it has no term, costs nothing, and a pair of it agrees as well as can
    /// be. `targets`: the rows of which it is one.
    fn knows(&self, _targets: FieldRows<'_>, _target: usize) -> bool {
        true
    }

    /// Whether a target can be seen at all, as a box without any area cannot.
    fn is_visible(&self, _targets: FieldRows<'_>, _target: usize) -> bool {
        true
    }

    /// The rule that a value of a plane of the targets breaks. `index`: of the field.
    fn check_plane(&self, _index: usize, value: u8) -> Option<&'static str> {
        (value > 1).then_some("it must be 0 or 1")
    }

    /// Whether no row of a field of the targets breaks a rule.
    fn targets_hold(&self, index: usize, rows: std::slice::ChunksExact<'_, f32>) -> bool {
        rows.into_iter().all(|row| self.check_target(index, row).is_none())
    }

    /// Lays out an image's queries for the cost. False where some value must be looked at.
    fn lay_out(&self, level: Level, queries: FieldRows<'_>, layout: &mut Vec<f32>) -> bool;

    /// How many values [`PairTerms::lay_out`] keeps of a query, at most, where its rows are `width` wide.
    fn layout_width(&self, width: usize) -> usize;

    /// Adds the weighted cost to a block, `[targets, padded queries]`, of a stride that is not 0; where the family is the
    /// first, writes it, and +infinity in idle columns.
    fn add_cost(&self, level: Level, inputs: &CostInputs<'_>, block: &mut [f32], memory: &mut TermMemory);

    /// The terms of the pairs.
    fn add_loss(&self, level: Level, pairs: &Pairs<'_>, out: PairOutputs<'_, '_>, memory: &mut TermMemory);

    /// Memory for an image of such queries, of which each has `layout_width` values already.
    fn needs(&self, _largest: &Largest<'_>) -> Needs {
        Needs::default()
    }

    /// How well each pair agrees, where the family says that. `out`: `[pairs]`, written.
    fn agreement(&self, level: Level, pairs: &Pairs<'_>, _: Measure, out: &mut [f64]) {
        /// More terms than a family has.
        const ROOM: usize = 16;
        let (scales, mut sums) = ([0.0; ROOM], [0.0; ROOM]);
        let factors = PairFactors::default();
        let out = PairOutputs {
            factors,
            scales: &scales,
            sums: &mut sums,
            quality: out,
            asks_quality: true,
            gradients: None,
            is_further: false,
        };
        self.add_loss(level, pairs, out, &mut TermMemory::default());
    }

    /// Whether [`PairTerms::agreement_row`] says anything.
    fn has_agreement_rows(&self) -> bool {
        false
    }

    /// How well every query agrees with one target. `out`: `[padded queries]`, written; what idle places hold means nothing,
    /// but is from 0 to 1.
    fn agreement_row(&self, _: Level, _: &AgreementInputs<'_>, out: &mut [f32]) {
        out.fill(0.0);
    }

    /// The part of a query that lies on an ignored target, 0 to 1; `None` where that means nothing.
    fn overlap(&self, overlap: Overlap, query: &[f32], region: &[f32]) -> Option<f64>;
}

/// Writes the classes' part to a block where a family does not do so in one pass with its own.
pub(crate) fn fill_class(class: &ClassCosts<'_>, queries: usize, block: &mut [f32]) {
    let stride = block.len() / class.row_of_target.len().max(1);
    for (&row, costs) in class.row_of_target.iter().zip(block.chunks_exact_mut(stride.max(1))) {
        let values = &class.values[row * stride..][..stride];
        for (cost, value) in costs.iter_mut().zip(values) {
            *cost = value * class.weight;
        }
        costs[queries..].fill(f32::INFINITY);
    }
}
