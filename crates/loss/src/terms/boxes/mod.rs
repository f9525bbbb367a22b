//! Boxes: L1 and the forms of IoU, in the matching cost and in the loss.
//!
//! cost = λ_l1 · Σ|b_q - b_t| - λ_giou · GIoU(b_q, b_t), less the other forms of IoU where they have a weight (Carion et al.
//! 2020, section 3.1; facebookresearch/detr, `HungarianMatcher`); loss = Σ L1 and Σ (1 - GIoU) over the pairs, and the like.

mod cost;
mod format;
mod iou;
mod iou_cost;
mod pairs;
mod values;

pub(super) use format::{BOX_FORMAT, BoxFormat, COMPONENTS};

use std::sync::Arc;

use simd::{Level, dispatch};

use super::family::{Built, Family, Places, Presence, TargetField, Term};
use super::memory::TermMemory;
use super::pair::{
    AgreementInputs, Broken, ClassCosts, CostInputs, Measure, Overlap, PairFactors, PairOutputs, PairTerms, Pairs,
    fill_class, only,
};
use super::{divisor, flags};
use crate::field::{Axis, Field, FieldRows};
use crate::option::{OptionInfo, Options};
use pairs::MatchedBoxes;
use values::{BoxTerms, Geometry};

/// The family.
pub(super) const FAMILY: Family = Family {
    name: "boxes",
    queries: &[BOXES],
    targets: &[TargetField::rows(BOXES), flags::field("hasBox")],
    terms: &[term("l1"), term("giou"), variant("iou"), variant("diou"), variant("ciou")],
    options: &[
        &BOX_FORMAT,
        &BOX_EPSILON,
        &BOX_EPSILON_FORM,
        &CLAMP_SIZES,
        &NORMALIZED_BOXES,
        &L1_FORMAT,
        &UNKNOWN_BOX_COST,
        &NORMALIZATION,
    ],
    has_quality: true,
    is_late: false,
    needs: None,
    presence: Presence::Everywhere,
    follows_union: true,
    build,
};

/// The place of the flags among the fields of targets.
const HAS_BOX: usize = 1;

/// The name of the targets' boxes.
pub(super) const TARGET_BOXES: &str = BOXES.name;

const BOXES: Field = Field::row("boxes", &[Axis { name: "component", size: Some(COMPONENTS) }], true);

/// Added to every area and squared length that a term divides by, in cost and loss: 1e-6 in DAB-DETR and DINO, 0 in most
/// others. With 0, a quotient whose divisor is 0 counts as 0.
const BOX_EPSILON: OptionInfo = OptionInfo::number("boxEpsilon", 0.0, [0.0, 1.0]);

/// Whether that is added, or the least that divides, 1e-7 in RF-DETR: a smaller one counts as this, and passes no gradient.
const BOX_EPSILON_FORM: OptionInfo = OptionInfo::word("boxEpsilonForm", &["add", CLAMP]);
const CLAMP: &str = "clamp";

/// Whether predicted sides below 0 count as 0 in the forms of IoU, which then pass no gradient by them, rather than being refused.
/// L1 takes them as they are, and so trains them to be sides again (roboflow/rf-detr 1.11, `box_ops.py` and `criterion.py`).
const CLAMP_SIZES: OptionInfo = OptionInfo::flag("clampSizes", false);

/// Whether targets must lie in [0, 1].
const NORMALIZED_BOXES: OptionInfo = OptionInfo::flag("normalizedBoxes", true);

/// What L1 compares in the loss, centre and size or two corners; in absence what the boxes are given in, as the cost always
/// does. In google-research/scenic, `owl_vit`, the cost has the one and the loss the other.
const L1_FORMAT: OptionInfo = OptionInfo::word("l1Format", &["cxcywh", "xyxy"]);

/// What a target whose box is not known costs in the terms of boxes: nothing, or what the image's pairs with known boxes cost on
/// average (IDEA-Research/MaskDINO, `matcher.py`, `panoptic_on`).
const UNKNOWN_BOX_COST: OptionInfo = OptionInfo::word("unknownBoxCost", &["zero", MEAN]);
const MEAN: &str = "mean";

/// What the terms are divided by, where that is another than of other families.
const NORMALIZATION: OptionInfo = divisor::own("normalization.boxes");

const fn term(name: &'static str) -> Term {
    Term { name, in_cost: true, is_variant: false, needs_sigmoid: false }
}

/// Another form of IoU.
const fn variant(name: &'static str) -> Term {
    Term { is_variant: true, ..term(name) }
}

fn build(options: &Options, places: Places<'_>) -> crate::error::Result<Built> {
    let format = BoxFormat::new(options.word(&BOX_FORMAT));
    let geometry = Geometry {
        format,
        epsilon: options.number(&BOX_EPSILON),
        clamps: options.word(&BOX_EPSILON_FORM) == CLAMP,
        l1: options.given_word(&L1_FORMAT).map_or(format, BoxFormat::new),
        clamps_sides: options.flag(&CLAMP_SIZES),
    };
    Ok(Built::Pair(Arc::new(BoxFamily {
        queries: places.queries,
        targets: places.targets,
        geometry,
        are_normalized: options.flag(&NORMALIZED_BOXES),
        takes_mean: options.word(&UNKNOWN_BOX_COST) == MEAN,
    })))
}

/// Splits `boxes`, `[queries, 4]`, into columns. Returns whether every one is finite and within the rules; if not, look
/// closer.
pub(super) fn lay_out(level: Level, format: BoxFormat, boxes: &[f32], columns: &mut Vec<f32>) -> bool {
    dispatch!(level, simd => match format {
        BoxFormat::Cxcywh => cost::lay_out::<_, cost::Cxcywh>(simd, boxes, columns),
        BoxFormat::Xyxy => cost::lay_out::<_, cost::Xyxy>(simd, boxes, columns),
    })
}

/// Ready to run.
#[derive(Debug)]
struct BoxFamily {
    /// Places of the boxes of queries and of targets.
    queries: usize,
    targets: usize,
    geometry: Geometry,
    are_normalized: bool,
    /// Whether a target without a box costs what others do on average.
    takes_mean: bool,
}

impl BoxFamily {
    /// The cost of targets whose boxes are known: `[targets, 4]`.
    fn add_block(&self, level: Level, inputs: &CostInputs<'_>, targets: &[f32], block: &mut [f32]) {
        let weights = BoxTerms::of(inputs.weights);
        match &inputs.class {
            Some(class) => {
                let pair_weights = cost::PairWeights::new(&weights, class.weight, self.geometry);
                let inputs = cost::BoxCostInputs { queries: inputs.queries, columns: inputs.layout, class, targets };
                dispatch!(level, simd => match self.geometry.format {
                    BoxFormat::Cxcywh => cost::fill::<_, cost::Cxcywh>(simd, pair_weights, &inputs, block),
                    BoxFormat::Xyxy => cost::fill::<_, cost::Xyxy>(simd, pair_weights, &inputs, block),
                });
                let weights = BoxTerms { l1: 0.0, giou: 0.0, ..weights };
                iou_cost::add(level, self.geometry, &weights, inputs.columns, targets, block);
            }
            // where another family comes first, no fused pass is to be had
            None => iou_cost::add(level, self.geometry, &weights, inputs.layout, targets, block),
        }
    }

    /// What a pair with a target whose box is known costs on average, of all queries that are not left out; 0 where there is none.
    fn mean_cost(&self, level: Level, inputs: &CostInputs<'_>) -> f64 {
        let (weights, boxes) = (BoxTerms::of(inputs.weights), inputs.targets.get(self.targets));
        let known = (0..inputs.targets.count).filter(|&target| self.knows(inputs.targets, target));
        let count = known.clone().count() * (inputs.queries - inputs.left_out.len());
        let queries = |query: usize| query < inputs.queries && inputs.left_out.binary_search(&query).is_err();
        let of = |target: usize| {
            let target = &boxes[COMPONENTS * target..][..COMPONENTS];
            iou_cost::sum(level, self.geometry, &weights, inputs.layout, target, queries)
        };
        known.map(of).sum::<f64>() / count.max(1) as f64
    }

    /// The boxes of pairs.
    fn matched<'a>(&self, pairs: &Pairs<'a>) -> MatchedBoxes<'a> {
        let (predicted, targets) = (pairs.queries.get(self.queries), pairs.targets.get(self.targets));
        MatchedBoxes { predicted, targets, pairs: pairs.list }
    }

    /// The terms of pairs whose targets' boxes are known.
    fn add_known(&self, level: Level, pairs: &Pairs<'_>, out: PairOutputs<'_, '_>) {
        let scale = BoxTerms::of(out.scales);
        let gradient = out.gradients.map(only);
        let out_of = pairs::Outputs { factors: out.factors, quality: out.quality, gradient };
        let terms = pairs::matched(level, self.geometry, self.matched(pairs), &scale, out_of);
        out.sums.iter_mut().zip(terms.values()).for_each(|(sum, value)| *sum += value);
    }
}

impl PairTerms for BoxFamily {
    fn query_width(&self, _: usize, _: usize) -> usize {
        COMPONENTS
    }

    fn target_width(&self, index: usize, _: usize) -> usize {
        if index == HAS_BOX { 1 } else { COMPONENTS }
    }

    fn check_query(&self, _: usize, row: &[f32]) -> Option<Broken> {
        let broken = self.geometry.format.broken_rule(row)?;
        match BoxFormat::is_extent(&broken) {
            true if self.geometry.clamps_sides => None,
            true => Some(Broken { rule: format::PREDICTED_EXTENT, ..broken }),
            false => Some(broken),
        }
    }

    #[inline]
    fn check_target(&self, index: usize, row: &[f32]) -> Option<Broken> {
        if index == HAS_BOX {
            return flags::broken(row, "hasBox must be 0 or 1");
        }
        let outside = || format::outside(row).filter(|_| self.are_normalized);
        self.geometry.format.broken_rule(row).or_else(outside)
    }

    fn lay_out(&self, level: Level, queries: FieldRows<'_>, layout: &mut Vec<f32>) -> bool {
        lay_out(level, self.geometry.format, queries.get(self.queries), layout)
    }

    fn layout_width(&self, _: usize) -> usize {
        cost::COLUMNS
    }

    fn knows(&self, targets: FieldRows<'_>, target: usize) -> bool {
        flags::is_set(targets, self.targets + HAS_BOX, target)
    }

    fn is_visible(&self, targets: FieldRows<'_>, target: usize) -> bool {
        let row = targets.row(self.targets, target);
        !self.knows(targets, target) || (0..2).all(|axis| self.geometry.format.side(row, axis) > 0.0)
    }

    fn add_cost(&self, level: Level, inputs: &CostInputs<'_>, block: &mut [f32], _: &mut TermMemory) {
        let targets = inputs.targets.get(self.targets);
        if (0..inputs.targets.count).all(|target| self.knows(inputs.targets, target)) {
            self.add_block(level, inputs, targets, block);
            return;
        }
        let stride = block.len() / inputs.targets.count;
        let of_unknown = if self.takes_mean { self.mean_cost(level, inputs) as f32 } else { 0.0 };
        for (target, row) in block.chunks_exact_mut(stride.max(1)).enumerate() {
            let class =
                inputs.class.map(|all| ClassCosts { row_of_target: &all.row_of_target[target..=target], ..all });
            let inputs = CostInputs { class, ..*inputs };
            if self.knows(inputs.targets, target) {
                self.add_block(level, &inputs, &targets[COMPONENTS * target..][..COMPONENTS], row);
            } else {
                if let Some(class) = &inputs.class {
                    fill_class(class, inputs.queries, row);
                }
                row.iter_mut().for_each(|cost| *cost += of_unknown);
            }
        }
    }

    fn add_loss(&self, level: Level, pairs: &Pairs<'_>, out: PairOutputs<'_, '_>, _: &mut TermMemory) {
        let is_known = |pair: &&(usize, usize)| self.knows(pairs.targets, pair.1);
        if pairs.list.iter().all(|pair| is_known(&pair)) {
            self.add_known(level, pairs, out);
            return;
        }
        let list: Vec<_> = pairs.list.iter().filter(is_known).copied().collect();
        let PairOutputs { factors, scales, sums, quality, asks_quality, gradients, is_further } = out;
        let mut own = vec![0.0; list.len()];
        let of_known = factors.values.iter().zip(pairs.list).filter(|(_, pair)| is_known(pair));
        let values: Vec<_> = of_known.map(|(&factor, _)| factor).collect();
        let factors = PairFactors { values: &values, ..factors };
        let known = PairOutputs { factors, scales, sums, quality: &mut own, asks_quality, gradients, is_further };
        self.add_known(level, &Pairs { list: &list, ..*pairs }, known);
        // nothing says that the others agree any less than they can
        let mut own = own.into_iter().peekable();
        for (place, pair) in quality.iter_mut().zip(pairs.list) {
            *place = own.next_if(|_| is_known(&pair)).unwrap_or(1.0);
        }
    }

    fn agreement(&self, level: Level, pairs: &Pairs<'_>, measure: Measure, out: &mut [f64]) {
        pairs::agreement(level, self.geometry, self.matched(pairs), measure, out);
        let all = out.iter_mut().zip(pairs.list);
        all.filter(|(_, pair)| !self.knows(pairs.targets, pair.1)).for_each(|(place, _)| *place = 1.0);
    }

    fn has_agreement_rows(&self) -> bool {
        true
    }

    fn agreement_row(&self, level: Level, inputs: &AgreementInputs<'_>, out: &mut [f32]) {
        if !self.knows(inputs.targets, inputs.target) {
            out.fill(1.0);
            return;
        }
        let target = &inputs.targets.get(self.targets)[COMPONENTS * inputs.target..][..COMPONENTS];
        iou_cost::agreement_row(level, self.geometry, inputs.measure, inputs.layout, target, out);
    }

    fn overlap(&self, overlap: Overlap, query: &[f32], region: &[f32]) -> Option<f64> {
        Some(self.geometry.format.overlap(overlap, query, region))
    }
}
