//! Second stage: the matching cost of every (query, target) pair of one image.
//!
//! cost = λ_class · c, and what each family adds. A matrix is target-major, `[targets, padded queries]`: the lanes are
//! queries, and idle lanes hold +infinity. No larger one ever exists than that of one image.

use lsap::memory::{first, first_rows, held};
use simd::padded;

use super::image::Image;
use super::read::Read;
use super::setup::Setup;
use super::sums::NonFiniteCounts;
use crate::error::{Error, Result};
use crate::terms::class::{PairwiseCost, PairwiseInputs, class_costs};
use crate::terms::memory::TermMemory;
use crate::terms::pair::{AgreementInputs, CostInputs, fill_class};
use crate::terms::terms_of;

/// Memory of the stage. Holds nothing between images but its capacity.
#[derive(Debug, Default)]
pub(crate) struct CostBuffers {
    cells: Vec<f32>,
    /// `[padded queries]`: how well each agrees with one target.
    agreement: Vec<f32>,
    memory: TermMemory,
}

/// The cost of one image.
#[derive(Clone, Copy)]
pub(crate) struct CostBlock<'a> {
    /// `[targets that take part, stride]`.
    pub cells: &'a [f32],
    pub stride: usize,
}

impl CostBuffers {
    /// Bytes that grow with an image.
    pub fn held(&self) -> usize {
        held(&self.cells) + held(&self.agreement) + self.memory.held()
    }
}

/// Computes the cost of an image that was read.
///
/// # Errors
/// [`Error::Memory`].
pub(crate) fn cost<'a>(
    setup: &Setup,
    image: &Image<'_>,
    read: &Read<'_>,
    CostBuffers { cells, agreement, memory }: &'a mut CostBuffers,
    counts: &mut NonFiniteCounts,
) -> Result<CostBlock<'a>> {
    let stride = padded(image.queries);
    let targets = image.targets.kept;
    let cells = first_rows("", cells, [targets.len(), stride]).map_err(Error::refused(Some(image.slot.part)))?;
    let class = class_costs(&*setup.class, read.class_rows, read.labels, setup.cost.class(), read.scale);
    let mut class = Some(class);
    for (family, terms) in setup.pairs(image.active()) {
        let weights = setup.cost.range(terms_of(family));
        if class.is_some() || weights.iter().any(|&weight| weight > 0.0) {
            let inputs = CostInputs {
                at: image.at,
                share: image.share,
                queries: image.queries,
                rows: read.rows,
                left_out: read.left_out,
                layout: &read.layouts[family],
                targets: targets.rows,
                weights,
                class: class.take(),
            };
            terms.add_cost(setup.level, &inputs, cells, memory);
        }
    }
    if let Some(class) = class {
        fill_class(&class, image.queries, cells);
    }
    if let Some(form) = setup.class.pairwise_cost().filter(|_| stride > 0) {
        add_pairwise(setup, image, read, form, first(agreement, stride), cells);
    }
    if let Some(added) = image.cost {
        let width = image.targets.all.len();
        for (row, costs) in cells.chunks_exact_mut(stride.max(1)).enumerate() {
            let target = image.targets.number(row);
            for (query, cost) in costs[..image.queries].iter_mut().enumerate() {
                *cost += added[query * width + target];
            }
        }
    }
    if !read.left_out.is_empty() {
        counts.costs += fill_with_worst(cells, stride, image.queries, read.left_out);
    }
    Ok(CostBlock { cells, stride })
}

/// Adds the class costs that depend on how well query and target agree.
fn add_pairwise(
    setup: &Setup,
    image: &Image<'_>,
    read: &Read<'_>,
    form: PairwiseCost,
    agreement: &mut [f32],
    cells: &mut [f32],
) {
    let mut able = setup.pairs(image.active()).filter(|(_, terms)| terms.has_agreement_rows());
    let Some((family, terms)) = able.next() else { return };
    let targets = image.targets.kept.rows;
    let layout = &read.layouts[family];
    let mut greatest = 0.0;
    if form.needs_greatest {
        for target in 0..image.targets.kept.len() {
            let inputs = AgreementInputs { layout, targets, target, measure: form.measure };
            terms.agreement_row(setup.level, &inputs, agreement);
            for &query in read.left_out {
                agreement[query] = 0.0;
            }
            greatest = agreement[..image.queries].iter().copied().fold(greatest, f32::max);
        }
    }
    for (target, costs) in cells.chunks_exact_mut(agreement.len()).enumerate() {
        let inputs = AgreementInputs { layout, targets, target, measure: form.measure };
        terms.agreement_row(setup.level, &inputs, agreement);
        let weight = setup.cost.class();
        let (rows, labels) = (read.class_rows, read.labels);
        let inputs = PairwiseInputs { rows, labels, target, agreement, greatest, weight };
        setup.class.add_pairwise_cost(setup.level, &inputs, costs);
    }
}

/// Gives the queries that are left out a cost above every cost of the others, so that they are matched last. Returns
/// the number of cells.
fn fill_with_worst(cells: &mut [f32], stride: usize, queries: usize, left_out: &[usize]) -> usize {
    let kept = |query: &usize| left_out.binary_search(query).is_err();
    let costs = cells.chunks_exact(stride).flat_map(|row| (0..queries).filter(kept).map(|query| row[query]));
    let worst = costs.map(f32::abs).fold(0.0, f32::max);
    let above = (2.0 * worst + 1.0).min(f32::MAX);
    for row in cells.chunks_exact_mut(stride) {
        for &query in left_out {
            row[query] = above;
        }
    }
    cells.len() / stride.max(1) * left_out.len()
}
