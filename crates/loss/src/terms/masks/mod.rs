//! Masks: a plane of logits for each query, by binary cross-entropy, focal loss and dice over samples of it.
//!
//! Over M samples with logits x, p = σ(x), and labels y from 0 to 1:
//!
//! - `maskBce` = Σ BCE(x, y) / M, BCE(x, y) = ln(1 + eˣ) - x·y (Cheng et al. 2022, "Mask2Former"; facebookresearch/Mask2Former,
//!   `mask2former/modeling/{criterion,matcher}.py`);
//! - `maskFocal` = Σ α_t (1 - p_t)^γ BCE(x, y) / M, α_t = αy + (1 - α)(1 - y), p_t = py + (1 - p)(1 - y) (Carion et al. 2020,
//!   "DETR", `models/segmentation.py`; Cheng et al. 2021, "MaskFormer", `mask_former/modeling/{criterion,matcher}.py`);
//! - `maskDice` = 1 - (2 Σ py + 1) / (Σ p + Σ y + 1) (Milletari et al. 2016; in all of these).
//!
//! The loss is their sum over the pairs. The cost has the same three, of which focal is linear in y: Σ (f⁻ + (f⁺ - f⁻)y) / M with
//! the values f of either label.
//!
//! A layer has the logits, `masks`, or factors of them, whose product they are: `maskFeatures` of the image, `maskQueries` and
//! `maskBias`, logit = ⟨features, query⟩ + bias (roboflow/rf-detr, `rfdetr/models/heads/segmentation.py`).
//!
//! Which samples: [`sampling`].

mod canvas;
mod cost;
mod factored;
mod grid;
mod matching;
mod pairs;
mod points;
mod prediction;
mod random;
mod samples;
mod sampling;
mod targets;
mod values;

use std::sync::Arc;

use simd::Level;

use super::family::{Built, Family, Form, Places, Presence, TargetField, Term};
use super::flags;
use super::limits;
use super::memory::TermMemory;
use super::pair::{Broken, CostInputs, Largest, Needs, Overlap, PairOutputs, PairTerms, Pairs, fill_class};
use crate::error::Result;
use crate::field::{Axis, Field, FieldRows, MAX_AXES, Owner};
use crate::option::Options;
use sampling::Sampling;
use targets::HAS_MASK;

/// The family.
pub(super) const FAMILY: Family = Family {
    name: "masks",
    queries: &[
        plane("masks", &[ROW, COLUMN], Owner::Query, Some(0)),
        plane("maskFeatures", &[CHANNEL, ROW, COLUMN], Owner::Image, Some(1)),
        Field { set: Some(1), ..Field::row("maskQueries", &[CHANNEL], true) },
        Field { owner: Owner::Layer, set: None, ..Field::row("maskBias", &[BIAS], true) },
        points("maskCostPoints", &[POINT, COORDINATE], Owner::Image),
        points("maskLossPoints", &[PAIR, POINT, COORDINATE], Owner::Pair),
    ],
    targets: &[
        TargetField { form: Form::Planes, ..TargetField::rows(plane("masks", &[ROW, COLUMN], Owner::Query, Some(0))) },
        flags::field("hasMask"),
        TargetField { form: Form::Plane, ..TargetField::optional(Field::row("void", &[ROW, COLUMN], false)) },
    ],
    terms: &[term("maskBce"), term("maskFocal"), term("maskDice")],
    options: &sampling::OPTIONS,
    has_quality: false,
    is_late: false,
    needs: None,
    presence: Presence::Finally,
    follows_union: false,
    build,
};

const ROW: Axis = Axis { name: "row", size: None };
const COLUMN: Axis = Axis { name: "column", size: None };
const CHANNEL: Axis = Axis { name: "channel", size: None };
const BIAS: Axis = Axis { name: "bias", size: Some(1) };
const PAIR: Axis = Axis { name: "pair", size: None };
const POINT: Axis = Axis { name: "point", size: None };
const COORDINATE: Axis = Axis { name: "coordinate", size: Some(2) };

const fn plane(name: &'static str, axes: &'static [Axis], owner: Owner, set: Option<u8>) -> Field {
    Field { owner, set, ..Field::row(name, axes, true) }
}

const fn points(name: &'static str, axes: &'static [Axis], owner: Owner) -> Field {
    Field { has_gradient: false, is_given: true, ..plane(name, axes, owner, None) }
}

const fn term(name: &'static str) -> Term {
    Term { name, in_cost: true, is_variant: false, needs_sigmoid: false }
}

fn build(options: &Options, places: Places<'_>) -> Result<Built> {
    let sampling = Sampling::new(options);
    Ok(Built::Pair(Arc::new(MaskFamily { queries: places.queries, targets: places.targets, sampling })))
}

/// Ready to run.
#[derive(Debug)]
struct MaskFamily {
    /// Places of the first fields.
    queries: usize,
    targets: usize,
    sampling: Sampling,
}

impl PairTerms for MaskFamily {
    fn query_width(&self, index: usize, given: usize) -> usize {
        if index == BIAS_FIELD { 1 } else { given }
    }

    fn target_width(&self, _: usize, _: usize) -> usize {
        1
    }

    fn misfit(&self, widths: &[usize], axes: &[[usize; MAX_AXES]]) -> Option<(usize, String)> {
        let channels = axes[FEATURES][0];
        if widths[FEATURES] > 0 && widths[QUERIES] != channels {
            let (given, [_, _, last]) = (widths[QUERIES], axes[FEATURES]);
            let hint = if given == last { "; are the features [B, height, width, K]? transpose them" } else { "" };
            let rule = "numbers for each query, one for each channel of maskFeatures";
            return Some((QUERIES, format!("expected {channels} {rule}, got {given}{hint}")));
        }
        if widths[BIAS_FIELD] > 0 && widths[FEATURES] == 0 {
            return Some((BIAS_FIELD, "must be absent where there are no maskFeatures".to_owned()));
        }
        if widths[COST_POINTS] > 0 && !self.sampling.cost_by_points {
            return Some((COST_POINTS, "must be absent where masks.costSampling is 'grid'".to_owned()));
        }
        let [_, given, _] = axes[LOSS_POINTS];
        if axes[LOSS_POINTS] == [0; MAX_AXES] {
            return None;
        }
        if !self.sampling.loss_by_points {
            return Some((LOSS_POINTS, "must be absent where masks.lossSampling is 'canvas'".to_owned()));
        }
        let draws = self.sampling.loss_points(size_of_plane(axes));
        let (points, all) = (draws.points(), draws.draws());
        let or = if all == points { String::new() } else { format!(", or {all} with all candidates") };
        let rule =
            || format!("expected {points} points for each pair{or}, as the options of masks have it, got {given}");
        (![points, all].contains(&given)).then(|| (LOSS_POINTS, rule()))
    }

    fn check_query(&self, index: usize, row: &[f32]) -> Option<Broken> {
        let rule = "it must be from 0 to 1, a part of the width or the height";
        POINTS.contains(&index).then(|| limits::outside_unit(row, rule)).flatten()
    }

    fn check_target(&self, _: usize, row: &[f32]) -> Option<Broken> {
        flags::broken(row, "hasMask must be 0 or 1")
    }

    fn check_plane(&self, index: usize, value: u8) -> Option<&'static str> {
        match value {
            0 | 1 => None,
            255 => Some("it must be 0 or 1 (divide by 255)"),
            _ if index == targets::PLANES => {
                Some("it must be 0 or 1 (ids in one map? each object has a mask of its own: where the map is its id)")
            }
            _ => Some("it must be 0 or 1"),
        }
    }

    fn knows(&self, targets: FieldRows<'_>, target: usize) -> bool {
        flags::is_set(targets, self.targets + HAS_MASK, target)
    }

    fn lay_out(&self, level: Level, queries: FieldRows<'_>, _: &mut Vec<f32>) -> bool {
        (0..FIELDS).all(|field| simd::all_finite(level, queries.get(self.queries + field)))
            && POINTS.iter().all(|&field| limits::are_in_unit(queries.get(self.queries + field)))
    }

    fn layout_width(&self, _: usize) -> usize {
        0
    }

    fn add_cost(&self, level: Level, inputs: &CostInputs<'_>, block: &mut [f32], memory: &mut TermMemory) {
        if let Some(class) = &inputs.class {
            fill_class(class, inputs.queries, block);
        }
        matching::add(self, level, inputs, block, memory.get());
    }

    fn add_loss(&self, level: Level, pairs: &Pairs<'_>, out: PairOutputs<'_, '_>, memory: &mut TermMemory) {
        pairs::add(self, level, pairs, out, memory.get());
    }

    fn needs(&self, largest: &Largest<'_>) -> Needs {
        let &Largest { queries, targets, widths, axes, canvas: [height, width] } = largest;
        if widths[MASKS] == 0 && widths[FEATURES] == 0 {
            return Needs::default();
        }
        let size = size_of_plane(axes);
        let [area, canvas] = [size[0] * size[1], height * width].map(|pixels| pixels as u128);
        let (channels, queries, targets) = (axes[FEATURES][0] as u128, queries as u128, targets as u128);
        let given = (widths[COST_POINTS] / 2).max(self.sampling.cost_points(size));
        let samples = if self.sampling.cost_by_points { given as u128 } else { area };
        let counts = self.sampling.loss_points(size);
        let by_points = self.sampling.loss_by_points;
        let (draws, canvas) = if by_points { ((counts.draws() + counts.points()) as u128, 0) } else { (0, canvas) };
        let parts = matching::QUERIES_OF_PRODUCTS as u128;
        let cost = (channels + 2 * targets) * 4 * samples + 4 * targets * (queries + parts) + 64 * samples;
        // of factors, the plane and the gradients of each pair, of which a query has one at a time
        let factors = if channels > 0 { queries * (4 * area + 12 * channels) } else { queries.min(targets) * area * 4 };
        // the logits of some queries; the panels of products, either way
        let panels = 8 * (channels + queries) * (2 * parts + channels.min(queries)) * u128::from(channels > 0);
        // labels and sums of the kernel of the cost
        let blocks = 2 * targets * 1288 + 4096;
        let sides = (height + width + size[0] + size[1]) as u128;
        let of_pair = 16 * area + 128 * draws + 16 * canvas + 64 * sides;
        let helper = 8 * parts.min(queries) * samples + panels + blocks + of_pair;
        Needs { own: 2 * cost + factors + helper, helper }
    }

    fn overlap(&self, _: Overlap, _: &[f32], _: &[f32]) -> Option<f64> {
        None
    }
}

/// The places of the fields of queries within the family.
const MASKS: usize = 0;
const FEATURES: usize = 1;
const QUERIES: usize = 2;
const BIAS_FIELD: usize = 3;
const COST_POINTS: usize = 4;
const LOSS_POINTS: usize = 5;
const FIELDS: usize = 6;
const POINTS: [usize; 2] = [COST_POINTS, LOSS_POINTS];

/// Height and width of a prediction. `axes`: of the family's fields.
fn size_of_plane(axes: &[[usize; MAX_AXES]]) -> [usize; 2] {
    match axes[MASKS] {
        [0, ..] => [axes[FEATURES][1], axes[FEATURES][2]],
        [height, width, _] => [height, width],
    }
}
