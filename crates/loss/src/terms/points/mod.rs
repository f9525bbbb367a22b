//! Points: K points of two or three coordinates for each query, such as keypoints or the vertices of a line, by L1.
//!
//! cost = λ · L1(q, t) and loss = Σ L1 over the pairs, with L1(q, t) = Σ_k [v_k > 0] Σ_d w_kd · |p_kd - t_kd|, where v is the
//! visibility of the target's points, as COCO has it, and w are weights of points or of coordinates (Yang et al. 2023,
//! "ED-Pose"; Liu et al. 2023, "GroupPose", Michel-liu/GroupPose, `keypoint_loss.py`; without v Liao et al. 2023, "MapTR",
//! hustvl/MapTR, `map_loss.py`; with w and without v Wang et al. 2021, "DETR3D", `detr3d_head.py`, `code_weights`).
//!
//! How well a pair agrees: [`similarity`].

mod cost;
mod pairs;
mod similarity;
mod values;

use std::sync::Arc;

use simd::Level;

use super::divisor;
use super::family::{Built, Family, Places, Presence, TargetField, Term};
use super::memory::TermMemory;
use super::pair::{AgreementInputs, Broken, CostInputs, Overlap, PairOutputs, PairTerms, Pairs, fill_class, only};
use crate::error::{Error, Result};
use crate::field::{Axis, Field, FieldRows};
use crate::option::{OptionInfo, Options, Values};
use pairs::Points;
use similarity::Similarity;
use values::{POINT_FORMAT, Weighing, dimensions};

/// The family.
pub(super) const FAMILY: Family = Family {
    name: "points",
    queries: &[POINTS],
    targets: &[TargetField::rows(POINTS), TargetField::optional(VISIBILITY), TargetField::optional(AREAS)],
    terms: &[Term { name: "pointL1", in_cost: true, is_variant: false, needs_sigmoid: false }],
    options: &[&POINT_FORMAT, &POINT_WEIGHTS, &POINT_SIGMAS, &NORMALIZED_POINTS, &NORMALIZATION],
    has_quality: true,
    is_late: false,
    needs: None,
    presence: Presence::Everywhere,
    follows_union: true,
    build,
};

/// Of each point its coordinates, one point after the other.
const POINTS: Field = Field::row("points", &[Axis { name: "component", size: None }], true);

/// 0 for a point of a target that is not known, 1 or 2 for one that is. All are known in absence.
const VISIBILITY: Field = Field::row("visibility", &[Axis { name: "point", size: None }], false);

/// The area of a target, in the square of the points' unit; that of a share of the box around its known points in absence.
const AREAS: Field = Field::row("pointAreas", &[Axis { name: "area", size: Some(1) }], false);

/// Places of these two among the fields of targets.
const VISIBILITY_FIELD: usize = 1;
const AREAS_FIELD: usize = 2;

/// σ of each point in its similarity; in absence COCO's of 17 points, and 1 / K of another number.
const POINT_SIGMAS: OptionInfo = OptionInfo { name: "pointSigmas", values: Values::List };

/// Weights of the points, or of all their coordinates; 1 in absence.
const POINT_WEIGHTS: OptionInfo = OptionInfo { name: "pointWeights", values: Values::List };

/// Whether targets must lie in [0, 1].
const NORMALIZED_POINTS: OptionInfo = OptionInfo::flag("normalizedPoints", true);

/// What the terms are divided by, where that is another than of other families.
const NORMALIZATION: OptionInfo = divisor::own("normalization.points");

fn build(options: &Options, places: Places<'_>) -> Result<Built> {
    let weights = options.numbers(&POINT_WEIGHTS).map(<[f64]>::to_vec);
    let sigmas = options.numbers(&POINT_SIGMAS).map(<[f64]>::to_vec);
    let dimensions = dimensions(options.word(&POINT_FORMAT));
    if let (Some(weights), Some(sigmas)) = (&weights, &sigmas)
        && ![sigmas.len(), sigmas.len() * dimensions].contains(&weights.len())
    {
        let rule = format!("one number for each point, of which pointWeights has {}", weights.len());
        return Err(Error::Option { name: "pointSigmas", rule, value: (sigmas.len() as f64).into() });
    }
    Ok(Built::Pair(Arc::new(PointFamily {
        queries: places.queries,
        targets: places.targets,
        dimensions,
        cost_weights: weights.iter().flatten().map(|&weight| weight as f32).collect(),
        weights,
        sigmas,
        are_normalized: options.flag(&NORMALIZED_POINTS),
    })))
}

/// Ready to run.
#[derive(Debug)]
struct PointFamily {
    /// Places of the points of queries, and of those of targets, which visibility and areas follow.
    queries: usize,
    targets: usize,
    /// Coordinates of a point.
    dimensions: usize,
    weights: Option<Vec<f64>>,
    cost_weights: Vec<f32>,
    sigmas: Option<Vec<f64>>,
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
            visibility: targets.get(self.targets + VISIBILITY_FIELD),
        }
    }

    /// What the targets' similarity is measured by.
    fn similarity<'a>(&'a self, targets: FieldRows<'a>) -> Similarity<'a> {
        let areas = targets.get(self.targets + AREAS_FIELD);
        Similarity { weighing: self.weighing(targets), sigmas: self.sigmas.as_deref(), areas }
    }
}

impl PairTerms for PointFamily {
    fn query_width(&self, _: usize, given: usize) -> usize {
        let of_sigmas = self.sigmas.as_ref().map(|sigmas| sigmas.len().saturating_mul(self.dimensions));
        of_sigmas.unwrap_or_else(|| values::width(self.dimensions, self.weights.as_deref(), given))
    }

    fn target_width(&self, index: usize, of_queries: usize) -> usize {
        match index {
            VISIBILITY_FIELD => of_queries / self.dimensions,
            AREAS_FIELD => 1,
            _ => of_queries,
        }
    }

    fn check_query(&self, _: usize, row: &[f32]) -> Option<Broken> {
        values::broken_rule(row)
    }

    fn check_target(&self, index: usize, row: &[f32]) -> Option<Broken> {
        match index {
            VISIBILITY_FIELD => values::broken_visibility(row),
            AREAS_FIELD => values::broken_area(row, self.are_normalized),
            _ => values::broken_rule(row).or_else(|| values::outside(row).filter(|_| self.are_normalized)),
        }
    }

    fn knows(&self, targets: FieldRows<'_>, target: usize) -> bool {
        self.similarity(targets).known(target) > 0
    }

    fn lay_out(&self, level: Level, queries: FieldRows<'_>, layout: &mut Vec<f32>) -> bool {
        cost::lay_out(level, queries.get(self.queries), queries.width(self.queries), layout)
    }

    fn layout_width(&self, width: usize) -> usize {
        width
    }

    fn add_cost(&self, level: Level, inputs: &CostInputs<'_>, block: &mut [f32], _: &mut TermMemory) {
        if let Some(class) = &inputs.class {
            fill_class(class, inputs.queries, block);
        }
        let targets = inputs.targets.get(self.targets);
        cost::add(level, &self.weighing(inputs.targets), inputs.weights[0], inputs.layout, targets, block);
    }

    fn add_loss(&self, level: Level, pairs: &Pairs<'_>, out: PairOutputs<'_, '_>, _: &mut TermMemory) {
        let points = Points {
            predicted: pairs.queries.get(self.queries),
            targets: pairs.targets.get(self.targets),
            pairs: pairs.list,
        };
        let factors = if out.factors.only_overlaps { &[] } else { out.factors.values };
        let (weighing, gradient) = (self.weighing(pairs.targets), out.gradients.map(only));
        if out.asks_quality {
            similarity::of_pairs(&self.similarity(pairs.targets), points, out.quality);
        }
        out.sums[0] += pairs::matched(level, &weighing, points, out.scales[0], factors, gradient);
    }

    fn has_agreement_rows(&self) -> bool {
        true
    }

    fn agreement_row(&self, _: Level, inputs: &AgreementInputs<'_>, out: &mut [f32]) {
        let similarity = self.similarity(inputs.targets);
        let target = (inputs.target, inputs.targets.row(self.targets, inputs.target));
        similarity::of_row(&similarity, inputs.layout, target, out);
    }

    fn overlap(&self, _: Overlap, _: &[f32], _: &[f32]) -> Option<f64> {
        None
    }
}
