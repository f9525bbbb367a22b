//! The forms of IoU of pairs of boxes, as losses 1 - IoU, with their gradients, in `f64`.
//!
//! With the areas I of the overlap, U of the union and H of the smallest enclosing box, c the diagonal of the latter, ρ
//! the distance of the centres, and θ = atan(w / h) of either box:
//!
//! - IoU = I/U;
//! - GIoU = I/U - (H - U)/H (Rezatofighi et al. 2019, "Generalized Intersection over Union");
//! - DIoU = I/U - ρ²/c², CIoU = DIoU - α·v with v = 4/π² · (θ' - θ)² and α = v / (1 - I/U + v), which passes no gradient
//!   (Zheng et al. 2020, "Distance-IoU Loss"; torchvision's `complete_box_iou_loss`).
//!
//! An ε is added to U, H and c² where they divide (and to U and H throughout, since they cancel in H - U). Or it is the least
//! that divides: then a smaller U, H or c² passes no gradient by that division (roboflow/rf-detr 1.11, `box_ops.py`).
//!
//! A predicted side below 0 counts as 0, and passes no gradient: that of a size is 0, and that of a second corner goes to the first,
//! whose place it took. At exactly 0 it passes.
//!
//! Conventions, which are those of the reference code under torch 2.15: equal operands of min and max get half of the
//! gradient each; an overlap of exactly 0 (touching boxes) passes none. Where the reference divides by zero, a quotient
//! with denominator 0 counts as 0, as it does in the implementations that add an ε to it: two coincident points have
//! IoU, GIoU, DIoU and CIoU 0, two different ones GIoU -1, and neither passes a gradient through that quotient. The angle
//! θ of a point is 0.

use simd::{F64, Simd, math, prelude::*};

use super::format::{BoxFormat, COMPONENTS};
use super::values::{BoxTerms, Geometry};
use crate::terms::axis::{Intervals, reciprocal};

/// Eight boxes, as columns.
pub(super) type BoxComponents<S> = [F64<S>; COMPONENTS];

/// Eight pairs of boxes: the losses with what their gradients need.
pub(super) struct BoxPair<S: Simd> {
    pub iou: F64<S>,
    pub iou_loss: F64<S>,
    pub giou_loss: F64<S>,
    /// Absent where DIoU and CIoU have no weight.
    pub distance: Option<Distance<S>>,
    axes: [Intervals<S>; 2],
    /// By axis the predicted side as it is, which may be below 0.
    sides: [F64<S>; 2],
    /// The greatest side that passes no gradient. A clamp passes none at its end, as PyTorch's from 2.15 on.
    greatest_clamped: f64,
    union: F64<S>,
    per_union: F64<S>,
    per_hull: F64<S>,
    /// Union and hull where what divides has a least.
    clamped: Option<[Clamped<S>; 2]>,
}

/// What divides where it has a least.
struct Clamped<S: Simd> {
    divisor: F64<S>,
    /// 1 where it is the value itself, otherwise 0: a clamp passes no gradient.
    share: F64<S>,
}

impl<S: Simd> Clamped<S> {
    #[inline(always)]
    fn new(simd: S, geometry: Geometry, value: F64<S>) -> Self {
        let (least, zero) = (F64::splat(simd, geometry.epsilon), F64::splat(simd, 0.0));
        let share = value.simd_ge(least).select(F64::splat(simd, 1.0), zero);
        Self { divisor: value.max(least), share }
    }
}

/// What DIoU and CIoU have beyond IoU.
pub(super) struct Distance<S: Simd> {
    pub diou_loss: F64<S>,
    pub ciou_loss: F64<S>,
    /// ρ² / c², where the gradient by c counts.
    ratio: F64<S>,
    /// 1 / c².
    per_diagonal: F64<S>,
    /// Centre of the predicted box less that of the target, on each axis.
    shift: [F64<S>; 2],
    /// Derivatives of α·v by width and height.
    by_side: [F64<S>; 2],
}

impl<S: Simd> BoxPair<S> {
    /// `weights` decides whether DIoU and CIoU are computed.
    #[inline(always)]
    pub fn new(simd: S, geometry: Geometry, weights: &BoxTerms, p: &BoxComponents<S>, t: &BoxComponents<S>) -> Self {
        let (format, epsilon) = (geometry.format, geometry.added());
        let one = F64::splat(simd, 1.0);
        let sides = [side(format, p, 0), side(format, p, 1)];
        let p = &with_sides_from_0(simd, format, p, &sides);
        let ends = [[ends(format, p, 0), ends(format, t, 0)], [ends(format, p, 1), ends(format, t, 1)]];
        let axes = [Intervals::new(simd, ends[0][0], ends[0][1]), Intervals::new(simd, ends[1][0], ends[1][1])];
        let overlap = axes[0].overlap * axes[1].overlap;
        let hull = axes[0].hull * axes[1].hull + epsilon;
        let areas = axes[0].length * axes[1].length + axes[0].target_length * axes[1].target_length;
        let union = areas - overlap + epsilon;
        let clamped =
            geometry.clamps.then_some([Clamped::new(simd, geometry, union), Clamped::new(simd, geometry, hull)]);
        let (per_union, per_hull) = match &clamped {
            Some([union, hull]) => (reciprocal(simd, union.divisor), reciprocal(simd, hull.divisor)),
            None => (reciprocal(simd, union), reciprocal(simd, hull)),
        };
        let iou = overlap * per_union;
        let iou_loss = one - iou;
        let giou_loss = iou_loss + (hull - union) * per_hull;
        let wanted = weights.diou > 0.0 || weights.ciou > 0.0;
        let distance = wanted.then_some((ends, &axes)).map(
            #[inline(always)]
            |(ends, axes)| Distance::new(simd, geometry, iou_loss, &ends, axes),
        );
        let greatest_clamped = if geometry.clamps_sides { 0.0 } else { f64::NEG_INFINITY };
        Self { iou, iou_loss, giou_loss, distance, axes, sides, greatest_clamped, union, per_union, per_hull, clamped }
    }

    /// The weighted sum of the losses.
    #[inline(always)]
    pub fn weighted(&self, weights: &BoxTerms) -> F64<S> {
        let sum = self.iou_loss * weights.iou + self.giou_loss * weights.giou;
        match &self.distance {
            Some(far) => sum + far.diou_loss * weights.diou + far.ciou_loss * weights.ciou,
            None => sum,
        }
    }

    /// Gradient of [`BoxPair::weighted`] by the predicted box's components.
    #[inline(always)]
    pub fn gradient(&self, simd: S, format: BoxFormat, weights: &BoxTerms) -> BoxComponents<S> {
        let all = weights.iou + weights.giou + weights.diou + weights.ciou;
        let mut of_union = self.iou * self.per_union * all;
        let mut by_hull = self.union * self.per_hull * self.per_hull * weights.giou;
        if let Some([union, hull]) = &self.clamped {
            of_union *= union.share;
            let fixed = F64::splat(simd, 1.0) - hull.share;
            by_hull = by_hull * hull.share + self.per_hull * fixed * weights.giou;
        }
        let by_union = of_union - self.per_hull * weights.giou;
        let by_overlap = -(self.per_union * all) - by_union;
        let mut gradient = [F64::splat(simd, 0.0); COMPONENTS];
        for axis in 0..2 {
            let (this, other) = (&self.axes[axis], &self.axes[1 - axis]);
            let mut by_hull_side = by_hull * other.hull;
            let area = by_union * other.length;
            let (mut start, mut stop) = (-area, area);
            if let Some(far) = &self.distance {
                let weight = weights.diou + weights.ciou;
                by_hull_side -= far.ratio * far.per_diagonal * this.hull * (2.0 * weight);
                let (center, side) = (far.shift[axis] * far.per_diagonal * weight, far.by_side[axis] * weights.ciou);
                start += center - side;
                stop += center + side;
            }
            start += by_overlap * other.overlap * this.overlap_slope[0] + by_hull_side * this.hull_slope[0];
            stop += by_overlap * other.overlap * this.overlap_slope[1] + by_hull_side * this.hull_slope[1];
            let (is_clamped, zero) = (self.sides[axis].simd_le(self.greatest_clamped), F64::splat(simd, 0.0));
            let (first, second) = match format {
                BoxFormat::Cxcywh => (start + stop, (stop - start) * 0.5),
                BoxFormat::Xyxy => (is_clamped.select(start + stop, start), stop),
            };
            (gradient[axis], gradient[axis + 2]) = (first, is_clamped.select(zero, second));
        }
        gradient
    }
}

impl<S: Simd> Distance<S> {
    /// `ends`: for each axis those of the predicted and of the target box.
    #[inline(always)]
    fn new(
        simd: S,
        geometry: Geometry,
        iou_loss: F64<S>,
        ends: &[[[F64<S>; 2]; 2]; 2],
        axes: &[Intervals<S>; 2],
    ) -> Self {
        /// 4 / π².
        const SCALE: f64 = 4.0 / (std::f64::consts::PI * std::f64::consts::PI);
        let zero = F64::splat(simd, 0.0);
        let mut shift = [zero; 2];
        for axis in 0..2 {
            let [p, t] = &ends[axis];
            shift[axis] = ((p[0] - t[0]) + (p[1] - t[1])) * 0.5;
        }
        let diagonal = axes[0].hull * axes[0].hull + axes[1].hull * axes[1].hull + geometry.added();
        let clamped = geometry.clamps.then(
            #[inline(always)]
            || Clamped::new(simd, geometry, diagonal),
        );
        let per_diagonal = reciprocal(simd, clamped.as_ref().map_or(diagonal, |clamped| clamped.divisor));
        let mut ratio = (shift[0] * shift[0] + shift[1] * shift[1]) * per_diagonal;
        let diou_loss = iou_loss + ratio;
        if let Some(clamped) = clamped {
            ratio *= clamped.share;
        }
        let [w, h] = [axes[0].length, axes[1].length];
        let turn = math::angle(simd, w, h) - math::angle(simd, axes[0].target_length, axes[1].target_length);
        let v = turn * turn * SCALE;
        let alpha = v * reciprocal(simd, iou_loss + v);
        let slope = alpha * turn * reciprocal(simd, w * w + h * h) * (2.0 * SCALE);
        Self {
            diou_loss,
            ciou_loss: diou_loss + alpha * v,
            ratio,
            per_diagonal,
            shift,
            by_side: [slope * h, -(slope * w)],
        }
    }
}

/// The sides on an axis.
#[inline(always)]
fn side<S: Simd>(format: BoxFormat, b: &BoxComponents<S>, axis: usize) -> F64<S> {
    match format {
        BoxFormat::Cxcywh => b[axis + 2],
        BoxFormat::Xyxy => b[axis + 2] - b[axis],
    }
}

/// The boxes with sides of 0 where they are below.
#[inline(always)]
fn with_sides_from_0<S: Simd>(
    simd: S,
    format: BoxFormat,
    b: &BoxComponents<S>,
    sides: &[F64<S>; 2],
) -> BoxComponents<S> {
    let mut clamped = *b;
    for axis in 0..2 {
        let nothing = match format {
            BoxFormat::Cxcywh => F64::splat(simd, 0.0),
            BoxFormat::Xyxy => b[axis],
        };
        clamped[axis + 2] = sides[axis].simd_lt(0.0).select(nothing, b[axis + 2]);
    }
    clamped
}

/// Where the boxes begin and end on an axis.
#[inline(always)]
fn ends<S: Simd>(format: BoxFormat, b: &BoxComponents<S>, axis: usize) -> [F64<S>; 2] {
    let (first, second) = (b[axis], b[axis + 2]);
    match format {
        BoxFormat::Cxcywh => [first - second * 0.5, first + second * 0.5],
        BoxFormat::Xyxy => [first, second],
    }
}
