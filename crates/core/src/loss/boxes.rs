//! L1 and generalised IoU of matched pairs, with their gradients, in `f64`.
//!
//! - L1 is the sum of |differences| of the four components, in whichever format the boxes are given.
//! - GIoU = I/U - (H - U)/H, where I is the area of the overlap, U of the union and H of the smallest enclosing box;
//!   its loss is 1 - GIoU (Rezatofighi et al. 2019, "Generalized Intersection over Union").
//!
//! Conventions, which are those of the reference code under torch 2.15: sign(0) = 0; equal operands of min and max get
//! half of the gradient each; an overlap of exactly 0 (touching boxes) passes none. Where the reference divides by
//! zero, a quotient with denominator 0 counts as 0, as it does in the implementations that add an ε to it: two
//! coincident points have GIoU 0, two different ones -1, and neither passes a gradient through that quotient.

use crate::config::BoxFormat;
use crate::error::COMPONENTS;
use crate::simd::{F64, Level, Simd, dispatch, prelude::*};

/// Pairs that are handled together, one in each lane.
const GROUP: usize = 8;

/// What idle lanes hold in both boxes: the unit square or a square of side 1, whose terms are 0 against itself.
const IDLE: [[f64; GROUP]; COMPONENTS] = [[0.0; GROUP], [0.0; GROUP], [1.0; GROUP], [1.0; GROUP]];

/// Eight boxes, as columns.
type Columns<S> = [F64<S>; COMPONENTS];

/// The two terms, summed over pairs.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct BoxTerms {
    pub l1: f64,
    pub giou: f64,
}

/// Weights of the two terms in the gradient, already divided by the normaliser.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BoxScale {
    pub l1: f64,
    pub giou: f64,
}

/// Sums both terms over the matched pairs of one image and writes the gradient of each matched query's box.
///
/// `pairs`: query and target. `boxes`, `gradient`: `[queries, 4]`; `targets`: `[targets, 4]`.
pub(crate) fn matched(
    level: Level,
    format: BoxFormat,
    boxes: &[f32],
    targets: &[f32],
    pairs: &[(usize, usize)],
    scale: BoxScale,
    gradient: Option<&mut [f32]>,
) -> BoxTerms {
    dispatch!(level, simd => matched_with(simd, format, boxes, targets, pairs, scale, gradient))
}

#[inline(always)]
fn matched_with<S: Simd>(
    simd: S,
    format: BoxFormat,
    boxes: &[f32],
    targets: &[f32],
    pairs: &[(usize, usize)],
    scale: BoxScale,
    mut gradient: Option<&mut [f32]>,
) -> BoxTerms {
    let mut terms = BoxTerms::default();
    for pairs in pairs.chunks(GROUP) {
        let (mut p, mut t) = (IDLE, IDLE);
        for (lane, &(query, target)) in pairs.iter().enumerate() {
            for k in 0..COMPONENTS {
                p[k][lane] = f64::from(boxes[COMPONENTS * query + k]);
                t[k][lane] = f64::from(targets[COMPONENTS * target + k]);
            }
        }
        let (p, t) = (columns(simd, &p), columns(simd, &t));
        let l1 = L1::new(simd, &p, &t);
        let giou = Giou::new(simd, format, &p, &t);
        terms.l1 += l1.value.reduce_sum();
        terms.giou += giou.loss.reduce_sum();
        if let Some(gradient) = &mut gradient {
            let (sign, slope) = (l1.gradient, giou.gradient(simd, format));
            for k in 0..COMPONENTS {
                let mut lanes = [0.0; GROUP];
                (sign[k] * scale.l1 + slope[k] * scale.giou).store_slice(&mut lanes);
                for (&(query, _), value) in pairs.iter().zip(lanes) {
                    gradient[COMPONENTS * query + k] = value as f32;
                }
            }
        }
    }
    terms
}

/// 1 - (1 - GIoU) of eight pairs of boxes given as columns: the definition, for the matching cost's special cases.
#[inline(always)]
pub(crate) fn giou<S: Simd>(
    simd: S,
    format: BoxFormat,
    boxes: &[[f64; GROUP]; COMPONENTS],
    target: &[f32; COMPONENTS],
) -> F64<S> {
    let mut t = [F64::splat(simd, 0.0); COMPONENTS];
    for k in 0..COMPONENTS {
        t[k] = F64::splat(simd, f64::from(target[k]));
    }
    let p = columns(simd, boxes);
    F64::splat(simd, 1.0) - Giou::new(simd, format, &p, &t).loss
}

#[inline(always)]
fn columns<S: Simd>(simd: S, values: &[[f64; GROUP]; COMPONENTS]) -> Columns<S> {
    let mut columns = [F64::splat(simd, 0.0); COMPONENTS];
    for k in 0..COMPONENTS {
        columns[k] = F64::from_slice(simd, &values[k]);
    }
    columns
}

/// Σ |p - t| and its gradient, the signs.
struct L1<S: Simd> {
    value: F64<S>,
    gradient: Columns<S>,
}

impl<S: Simd> L1<S> {
    #[inline(always)]
    fn new(simd: S, p: &Columns<S>, t: &Columns<S>) -> Self {
        let (zero, one) = (F64::splat(simd, 0.0), F64::splat(simd, 1.0));
        let mut value = zero;
        let mut gradient = [zero; COMPONENTS];
        for k in 0..COMPONENTS {
            let difference = p[k] - t[k];
            value += difference.abs();
            gradient[k] = difference.simd_eq(zero).select(zero, one.copysign(difference));
        }
        Self { value, gradient }
    }
}

/// One axis of a pair: lengths, and their derivatives at the two ends of the predicted box.
struct Axis<S: Simd> {
    length: F64<S>,
    target_length: F64<S>,
    overlap: F64<S>,
    overlap_slope: [F64<S>; 2],
    hull: F64<S>,
    hull_slope: [F64<S>; 2],
}

impl<S: Simd> Axis<S> {
    /// `p`, `t`: the two ends of the predicted and of the target box.
    #[inline(always)]
    fn new(simd: S, p: [F64<S>; 2], t: [F64<S>; 2]) -> Self {
        let (zero, half, one) = (F64::splat(simd, 0.0), F64::splat(simd, 0.5), F64::splat(simd, 1.0));
        let signed = p[1].min(t[1]) - p[0].max(t[0]);
        let meets = signed.simd_gt(zero).select(one, zero);
        // the share of the predicted end in min or max: 1, ½ at equality, or 0
        let equal = [p[0].simd_eq(t[0]), p[1].simd_eq(t[1])];
        let inner = [p[0].simd_gt(t[0]), p[1].simd_lt(t[1])];
        let mut share = [zero; 2];
        for end in 0..2 {
            share[end] = equal[end].select(half, inner[end].select(one, zero));
        }
        Self {
            length: p[1] - p[0],
            target_length: t[1] - t[0],
            overlap: signed.max(zero),
            overlap_slope: [-(share[0] * meets), share[1] * meets],
            hull: p[1].max(t[1]) - p[0].min(t[0]),
            hull_slope: [share[0] - one, one - share[1]],
        }
    }
}

/// 1 - GIoU with what its gradient needs.
struct Giou<S: Simd> {
    loss: F64<S>,
    axes: [Axis<S>; 2],
    /// Derivatives of the loss by the overlap's area, by the predicted area, and by the hull's area.
    slopes: [F64<S>; 3],
}

impl<S: Simd> Giou<S> {
    #[inline(always)]
    fn new(simd: S, format: BoxFormat, p: &Columns<S>, t: &Columns<S>) -> Self {
        let (zero, one) = (F64::splat(simd, 0.0), F64::splat(simd, 1.0));
        let axes = [
            Axis::new(simd, ends(format, p, 0), ends(format, t, 0)),
            Axis::new(simd, ends(format, p, 1), ends(format, t, 1)),
        ];
        let overlap = axes[0].overlap * axes[1].overlap;
        let hull = axes[0].hull * axes[1].hull;
        let union = axes[0].length * axes[1].length + axes[0].target_length * axes[1].target_length - overlap;
        let per_union = union.simd_gt(zero).select(one / union, zero);
        let per_hull = hull.simd_gt(zero).select(one / hull, zero);
        // loss = 1 - I/U + (H - U)/H
        let loss = one - overlap * per_union + (hull - union) * per_hull;
        let by_union = overlap * per_union * per_union - per_hull;
        Self { loss, axes, slopes: [-per_union - by_union, by_union, union * per_hull * per_hull] }
    }

    /// Gradient of the loss by the predicted box's components.
    #[inline(always)]
    fn gradient(&self, simd: S, format: BoxFormat) -> Columns<S> {
        let [by_overlap, by_area, by_hull] = self.slopes;
        let mut gradient = [F64::splat(simd, 0.0); COMPONENTS];
        for axis in 0..2 {
            let (this, other) = (&self.axes[axis], &self.axes[1 - axis]);
            let mut end = [F64::splat(simd, 0.0); 2];
            for side in 0..2 {
                end[side] = by_overlap * other.overlap * this.overlap_slope[side]
                    + by_hull * other.hull * this.hull_slope[side];
            }
            let area = by_area * other.length;
            let (start, stop) = (end[0] - area, end[1] + area);
            (gradient[axis], gradient[axis + 2]) = match format {
                BoxFormat::Cxcywh => (start + stop, (stop - start) * 0.5),
                BoxFormat::Xyxy => (start, stop),
            };
        }
        gradient
    }
}

/// Where the boxes begin and end on an axis.
#[inline(always)]
fn ends<S: Simd>(format: BoxFormat, b: &Columns<S>, axis: usize) -> [F64<S>; 2] {
    let (first, second) = (b[axis], b[axis + 2]);
    match format {
        BoxFormat::Cxcywh => [first - second * 0.5, first + second * 0.5],
        BoxFormat::Xyxy => [first, second],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_support::{Random, assert_close, bits};

    const SCALE: BoxScale = BoxScale { l1: 5.0, giou: 2.0 };

    fn run(level: Level, format: BoxFormat, boxes: &[f32], targets: &[f32]) -> (BoxTerms, Vec<f32>) {
        let pairs: Vec<_> = (0..boxes.len() / COMPONENTS).map(|k| (k, k)).collect();
        let mut gradient = vec![0.0; boxes.len()];
        let terms = matched(level, format, boxes, targets, &pairs, SCALE, Some(&mut gradient));
        (terms, gradient)
    }

    #[test]
    fn every_number_of_pairs_gives_the_same_bits_at_every_level_and_the_sum_of_single_pairs() {
        let mut random = Random::new(4);
        for format in [BoxFormat::Cxcywh, BoxFormat::Xyxy] {
            for count in 0..=67 {
                let mut boxes = || -> Vec<f32> {
                    (0..count)
                        .flat_map(|_| {
                            let (x, y, w, h) = (random.unit(), random.unit(), random.unit(), random.unit());
                            match format {
                                BoxFormat::Cxcywh => [x, y, w, h],
                                BoxFormat::Xyxy => [x, y, x + w, y + h],
                            }
                        })
                        .collect()
                };
                let (boxes, targets) = (boxes(), boxes());
                let mut results = Level::available().into_iter().map(|level| run(level, format, &boxes, &targets));
                let (terms, gradient) = results.next().expect("a level");
                for (other_terms, other) in results {
                    assert_eq!((terms, bits(&gradient)), (other_terms, bits(&other)), "{count} pairs");
                }
                let mut sum = BoxTerms::default();
                for (k, (p, t)) in boxes.chunks_exact(4).zip(targets.chunks_exact(4)).enumerate() {
                    let (single, slope) = run(Level::detect(), format, p, t);
                    sum.l1 += single.l1;
                    sum.giou += single.giou;
                    assert_eq!(bits(&slope), bits(&gradient[4 * k..4 * k + 4]));
                }
                assert_close(terms.l1, sum.l1, 1e-14);
                assert_close(terms.giou, sum.giou, 1e-14);
            }
        }
    }

    #[test]
    fn boxes_without_area_have_the_documented_values_and_finite_gradients() {
        let giou_loss = |p: [f32; 4], t: [f32; 4]| {
            let (terms, gradient) = run(Level::detect(), BoxFormat::Cxcywh, &p, &t);
            assert!(gradient.iter().all(|g| g.is_finite()), "{gradient:?}");
            terms.giou
        };
        let point = [0.5, 0.5, 0.0, 0.0];
        assert_eq!(giou_loss(point, point), 1.0, "coincident points: GIoU 0");
        assert_eq!(giou_loss(point, [0.25, 0.25, 0.0, 0.0]), 2.0, "two points: GIoU -1");
        assert_eq!(giou_loss(point, [0.5, 0.5, 0.5, 0.5]), 1.0, "a point within a box: GIoU 0");
        assert_eq!(giou_loss([0.5, 0.5, 0.25, 0.0], [0.5, 0.5, 0.25, 0.0]), 1.0, "coincident lines: GIoU 0");
    }
}
