//! Points: K points of two or three coordinates for each query, such as keypoints or the vertices of a line, by L1.
//!
//! cost = λ · L1(q, t) and loss = Σ L1 over the pairs, with L1(q, t) = Σ_k [v_k > 0] Σ_d w_kd · |p_kd - t_kd|, where v is the
//! visibility of the target's points, as COCO has it, and w are weights of points or of coordinates (Yang et al. 2023,
//! "ED-Pose"; Liu et al. 2023, "GroupPose", Michel-liu/GroupPose, `keypoint_loss.py`; without v Liao et al. 2023, "MapTR",
//! hustvl/MapTR, `map_loss.py`; with w and without v Wang et al. 2021, "DETR3D", `detr3d_head.py`, `code_weights`).

mod cost;
mod pairs;
mod values;

use std::sync::Arc;

use simd::Level;

use super::divisor;
use super::family::{Built, Family, Places, TargetField, Term};
use super::pair::{Broken, CostInputs, Overlap, PairOutputs, PairTerms, Pairs, fill_class};
use crate::error::Result;
use crate::field::{Axis, Field, FieldRows};
use crate::option::{OptionInfo, Options, Values};
use pairs::Points;
use values::{POINT_FORMAT, Weighing, dimensions};

/// The family.
pub(super) const FAMILY: Family = Family {
    name: "points",
    queries: &[POINTS],
    targets: &[TargetField { field: POINTS, is_optional: false }, TargetField { field: VISIBILITY, is_optional: true }],
    terms: &[Term { name: "pointL1", in_cost: true, is_variant: false, needs_sigmoid: false }],
    options: &[&POINT_FORMAT, &POINT_WEIGHTS, &NORMALIZED_POINTS, &NORMALIZATION],
    has_quality: false,
    is_late: false,
    needs: None,
    build,
};

/// Of each point its coordinates, one point after the other.
const POINTS: Field = Field { name: "points", axes: &[Axis { name: "component", size: None }], has_gradient: true };

/// 0 for a point of a target that is not known, 1 or 2 for one that is. All are known in absence.
const VISIBILITY: Field =
    Field { name: "visibility", axes: &[Axis { name: "point", size: None }], has_gradient: false };

/// Weights of the points, or of all their coordinates; 1 in absence.
const POINT_WEIGHTS: OptionInfo = OptionInfo { name: "pointWeights", values: Values::List };

/// Whether targets must lie in [0, 1].
const NORMALIZED_POINTS: OptionInfo = OptionInfo::flag("normalizedPoints", true);

/// What the terms are divided by, where that is another than of other families.
const NORMALIZATION: OptionInfo = divisor::own("normalization.points");

fn build(options: &Options, places: Places<'_>) -> Result<Built> {
    let weights = options.numbers(&POINT_WEIGHTS).map(<[f64]>::to_vec);
    Ok(Built::Pair(Arc::new(PointFamily {
        queries: places.queries,
        targets: places.targets,
        dimensions: dimensions(options.word(&POINT_FORMAT)),
        cost_weights: weights.iter().flatten().map(|&weight| weight as f32).collect(),
        weights,
        are_normalized: options.flag(&NORMALIZED_POINTS),
    })))
}

/// Ready to run.
#[derive(Debug)]
struct PointFamily {
    /// Places of the points of queries, and of those of targets, which visibility follows.
    queries: usize,
    targets: usize,
    /// Coordinates of a point.
    dimensions: usize,
    weights: Option<Vec<f64>>,
    cost_weights: Vec<f32>,
    are_normalized: bool,
}

impl PointFamily {
    /// How the coordinates of the targets count.
    fn weighing<'a>(&'a self, targets: FieldRows<'a>) -> Weighing<'a> {
        Weighing {
            dimensions: self.dimensions,
            width: targets.width(self.targets),
            weights: self.weights.as_deref(),
            cost_weights: &self.cost_weights,
            visibility: targets.get(self.targets + 1),
        }
    }
}

impl PairTerms for PointFamily {
    fn query_width(&self, _: usize, given: usize) -> usize {
        values::width(self.dimensions, self.weights.as_deref(), given)
    }

    fn target_width(&self, index: usize, of_queries: usize) -> usize {
        if index == 0 { of_queries } else { of_queries / self.dimensions }
    }

    fn check_query(&self, _: usize, row: &[f32]) -> Option<Broken> {
        values::broken_rule(row)
    }

    fn check_target(&self, index: usize, row: &[f32]) -> Option<Broken> {
        if index == 0 {
            values::broken_rule(row).or_else(|| values::outside(row).filter(|_| self.are_normalized))
        } else {
            values::broken_visibility(row)
        }
    }

    fn lay_out(&self, level: Level, queries: FieldRows<'_>, layout: &mut Vec<f32>) -> bool {
        cost::lay_out(level, queries.get(self.queries), queries.width(self.queries), layout)
    }

    fn layout_width(&self, width: usize) -> usize {
        width
    }

    fn add_cost(&self, level: Level, inputs: &CostInputs<'_>, block: &mut [f32]) {
        if let Some(class) = &inputs.class {
            fill_class(class, inputs.queries, block);
        }
        let targets = inputs.targets.get(self.targets);
        cost::add(level, &self.weighing(inputs.targets), inputs.weights[0], inputs.layout, targets, block);
    }

    fn add_loss(&self, level: Level, pairs: &Pairs<'_>, out: PairOutputs<'_>) {
        let points = Points {
            predicted: pairs.queries.get(self.queries),
            targets: pairs.targets.get(self.targets),
            pairs: pairs.list,
        };
        let factors = if out.factors.only_overlaps { &[] } else { out.factors.values };
        let weighing = self.weighing(pairs.targets);
        out.sums[0] += pairs::matched(level, &weighing, points, out.scales[0], factors, out.gradient);
    }

    fn overlap(&self, _: Overlap, _: &[f32], _: &[f32]) -> Option<f64> {
        None
    }
}
