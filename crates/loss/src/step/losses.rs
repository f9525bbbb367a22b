//! Fourth stage: the loss of one image's pairs, term by term, with its gradient.

use lsap::memory::first;

use super::geometry::{Agreements, Over, Repeated, Scales, geometry, repeated};
use super::image::Image;
use super::jobs::Gradients;
use super::matching::Sorted;
use super::read::Read;
use super::setup::Setup;
use super::sums::Sums;
use crate::field::FieldRows;
use crate::terms::class::{PositiveInputs, RankInputs};
use crate::terms::image::WholeImage;
use crate::terms::memory::TermMemory;
use crate::terms::pair::{Measure, Pairs};
use crate::terms::{FAMILIES, LOGITS, QUERY_FIELDS, TERMS, queries_of, terms_of};

/// Memory of the stage. Holds nothing between images but its capacity.
#[derive(Debug, Default)]
pub(crate) struct LossBuffers {
    agreements: Agreements,
    ranks: Ranks,
    repeated: Repeated,
}

/// What the class term has of pairs where it ranks them, or measures them otherwise.
#[derive(Debug, Default)]
struct Ranks {
    /// How well each agrees.
    quality: Vec<f64>,
    /// What each is multiplied by for its rank.
    factors: Vec<f64>,
    memory: TermMemory,
    /// Of an image that lacks columns, the logits of those that it has.
    gathered: Vec<f32>,
}

/// For each family, what its terms in a layer are divided by.
pub(crate) type FamilyNormalizers = [f64; FAMILIES.len()];

impl LossBuffers {
    /// Bytes that grow with an image.
    pub fn held(&self) -> usize {
        self.agreements.held() + self.ranks.memory.held()
    }
}

/// Where the results of an image go.
pub(crate) struct ImageOutputs<'a, 'b> {
    pub gradients: Option<&'a mut Gradients<'b>>,
    /// `[queries]`: how well each pair agrees, written for the queries of pairs.
    pub quality: Option<&'a mut [f64]>,
}

/// The loss of an image that was read and matched.
pub(crate) fn image(
    setup: &Setup,
    image: &Image<'_>,
    read: Read<'_>,
    sorted: &Sorted,
    scales: &Scales,
    ImageOutputs { mut gradients, quality }: ImageOutputs<'_, '_>,
    LossBuffers { agreements, ranks, repeated: repetitions, .. }: &mut LossBuffers,
) -> Sums {
    let Sorted { pairs, numbers, left_out } = sorted;
    if let Some(gradients) = gradients.as_deref_mut() {
        // a late family that is active fills its own
        let late = setup.late(image.active()).map_or(0..0, |(family, _)| queries_of(family));
        let others = (LOGITS + 1..QUERY_FIELDS).filter(|field| !late.contains(field));
        others.for_each(|field| gradients[field].fill(0.0));
    }
    // of the union matching, geometric terms come later; what agrees is asked for now
    let is_union = image.part.union;
    let all = pairs_of(image, read.rows, pairs, numbers);
    let over = if is_union { Over::Own } else { Over::All };
    let (own_quality, factors) = rank(setup, image, &all, ranks);
    let weighing = (over, scales, factors);
    let own = gradients.as_deref_mut();
    let (mut terms, agreement) = repeated(setup, image, &all, weighing, own, (agreements, repetitions));
    if !is_union {
        keep(pairs, agreement, quality);
    }
    let inputs = PositiveInputs {
        logits: read.logits,
        targets: &image.targets.all,
        pairs,
        quality: own_quality.unwrap_or(agreement),
        factors,
        left_out,
        query_weights: image.query_weights,
        background: read.background.sum,
        losses: read.losses,
        scale: scales.0[0],
    };
    let by_columns = read.gradient;
    let by_logits = gradients.as_deref_mut().map(|gradients| match image.columns {
        None => &mut *gradients[LOGITS],
        Some(_) => &mut *by_columns,
    });
    let class = setup.class.positives(setup.level, inputs, by_logits, read.memory);
    if let Some(gradients) = gradients.as_deref_mut() {
        if let Some(columns) = image.columns {
            columns.scatter(by_columns, gradients[LOGITS]);
        }
        for &query in left_out {
            gradients[LOGITS][query * image.classes..][..image.classes].fill(0.0);
        }
    }
    whole(setup, image, scales, &mut terms, gradients.as_deref_mut());
    let is_gated = setup.gates_images && !has_visible(setup, image);
    if let Some(gradients) = gradients.filter(|_| is_gated) {
        gradients[LOGITS].fill(0.0);
    }
    let expected = {
        let kept = image.targets.kept.len();
        kept.saturating_mul(image.part.repeat_of(kept))
    };
    terms[0] = if is_gated { 0.0 } else { class.loss };
    let cardinality_error = read.background.objects.abs_diff(expected);
    Sums { terms, matched: pairs.len(), correct: class.correct, cardinality_error }
}

/// The geometric terms of an image by the union matching, `[queries]`.
pub(crate) fn of_union(
    setup: &Setup,
    image: &Image<'_>,
    matches: &[i32],
    scales: &Scales,
    ImageOutputs { gradients, quality }: ImageOutputs<'_, '_>,
    (sorted, buffers): (&mut Sorted, &mut LossBuffers),
) -> Sums {
    sorted.set(matches, &[]);
    sorted.pairs.retain(|&(query, _)| image.is_finite(setup, query));
    let pairs = &sorted.pairs;
    let all = pairs_of(image, image.rows, pairs, &[]);
    let LossBuffers { agreements, ranks, .. } = buffers;
    let (_, factors) = rank(setup, image, &all, ranks);
    let weighing = (Over::Union, scales, factors);
    let (terms, agreement) = geometry(setup, image, &all, weighing, gradients, agreements);
    keep(pairs, agreement, quality);
    Sums { terms, ..Sums::default() }
}

/// The terms that the image has as a whole, where what they are of is finite.
fn whole(
    setup: &Setup,
    image: &Image<'_>,
    scales: &Scales,
    sums: &mut [f64; TERMS],
    mut gradients: Option<&mut Gradients<'_>>,
) {
    for (family, terms) in setup.images(image.active()) {
        if !queries_of(family).all(|field| simd::all_finite(setup.level, image.rows.get(field))) {
            continue;
        }
        let inputs = WholeImage { queries: image.rows, has_visible: has_visible(setup, image) };
        let own = gradients.as_deref_mut().map(|all| &mut all[queries_of(family)]);
        terms.add(setup.level, &inputs, &scales.0[terms_of(family)], &mut sums[terms_of(family)], own);
    }
}

/// Whether any target that takes part in the matching can be seen.
fn has_visible(setup: &Setup, image: &Image<'_>) -> bool {
    let targets = image.targets.kept;
    let is_visible =
        |target: usize| setup.pairs(image.active()).all(|(_, terms)| terms.is_visible(targets.rows, target));
    (0..targets.len()).any(is_visible)
}

/// The pairs of an image with the fields of both sides.
fn pairs_of<'a>(
    image: &Image<'a>,
    queries: FieldRows<'a>,
    list: &'a [(usize, usize)],
    numbers: &'a [usize],
) -> Pairs<'a> {
    Pairs { at: image.at, share: image.share, queries, targets: image.targets.all.rows, list, numbers }
}

/// How well pairs agree as the class term measures it, and their factors by rank, where it asks for these; no factors where
/// all are 1.
fn rank<'a>(
    setup: &Setup,
    image: &Image<'_>,
    pairs: &Pairs<'_>,
    Ranks { quality, factors, memory, gathered }: &'a mut Ranks,
) -> (Option<&'a [f64]>, &'a [f64]) {
    let (measure, is_ranked) = (setup.class.measure(), image.part.is_ranked && setup.class.rank_scope().is_some());
    if measure == Measure::Overlap && !is_ranked {
        return (None, &[]);
    }
    let quality = first(quality, pairs.list.len());
    let able = setup.pairs(image.active()).find(|(family, _)| FAMILIES[*family].has_quality);
    if let Some((_, terms)) = able {
        terms.agreement(setup.level, pairs, measure, quality);
    }
    factors.clear();
    if is_ranked {
        // those of pairs are finite, so no copy stands in for them
        if let Some(columns) = image.columns {
            columns.gather(image.rows.get(LOGITS), gathered);
        }
        let (logits, targets) = (image.logits(&image.rows, gathered), &image.targets.all);
        let inputs = RankInputs { logits, targets, pairs: pairs.list, quality };
        setup.class.rank(setup.level, &inputs, memory, factors);
    }
    (Some(quality), factors)
}

/// Keeps the agreement of the pairs for later, by query.
fn keep(pairs: &[(usize, usize)], agreement: &[f64], quality: Option<&mut [f64]>) {
    if let Some(quality) = quality {
        pairs.iter().zip(agreement).for_each(|(&(query, _), &value)| quality[query] = value);
    }
}
