//! L1 and the forms of IoU of matched pairs, with their gradients, in `f64`.
//!
//! L1 is the sum of |differences| of the four components, in the format that the boxes are given in, or in the other one;
//! sign(0) = 0. The others are in [`iou`](super::iou).

use simd::{F64, Level, Simd, dispatch, prelude::*};

use super::format::{BoxFormat, COMPONENTS};
use super::iou::{BoxComponents, BoxPair};
use super::values::{BoxTerms, Geometry};
use crate::terms::lanes::{Counted, GROUP, L1, columns, factor_lanes, gather, in_range, lanes};
use crate::terms::pair::{Measure, PairFactors};

/// What idle lanes hold in both boxes: the unit square or a square of side 1, whose terms are left out.
const IDLE: [[f64; GROUP]; COMPONENTS] = [[0.0; GROUP], [0.0; GROUP], [1.0; GROUP], [1.0; GROUP]];

/// The matched boxes of one image.
#[derive(Clone, Copy)]
pub(super) struct MatchedBoxes<'a> {
    /// `[queries, 4]`.
    pub predicted: &'a [f32],
    /// `[targets, 4]`.
    pub targets: &'a [f32],
    /// Query and target.
    pub pairs: &'a [(usize, usize)],
}

/// Where what is computed goes, and what pairs are multiplied by.
pub(super) struct Outputs<'a> {
    pub factors: PairFactors<'a>,
    /// `[pairs]`: the IoU of each, written.
    pub quality: &'a mut [f64],
    /// `[queries, 4]`.
    pub gradient: Option<&'a mut [f32]>,
}

/// Sums the terms over the matched pairs of one image, of DIoU and CIoU only those that `scale` weighs, and writes the
/// gradient of each matched query's box.
///
/// `scale`: what each term is multiplied by in the gradient.
pub(super) fn matched(
    level: Level,
    geometry: Geometry,
    boxes: MatchedBoxes<'_>,
    scale: &BoxTerms,
    out: Outputs<'_>,
) -> BoxTerms {
    dispatch!(level, simd => if out.factors.values.is_empty() {
        matched_with::<_, false>(simd, geometry, boxes, scale, out)
    } else {
        matched_with::<_, true>(simd, geometry, boxes, scale, out)
    })
}

/// `FACTORED`: whether pairs have factors.
#[inline(always)]
fn matched_with<S: Simd, const FACTORED: bool>(
    simd: S,
    geometry: Geometry,
    boxes: MatchedBoxes<'_>,
    scale: &BoxTerms,
    Outputs { factors, quality, mut gradient }: Outputs<'_>,
) -> BoxTerms {
    let MatchedBoxes { predicted, targets, pairs } = boxes;
    let mut terms = BoxTerms::default();
    for (group, (pairs, ious)) in pairs.chunks(GROUP).zip(quality.chunks_mut(GROUP)).enumerate() {
        let [p, t] = gather(simd, &IDLE, [predicted, targets], pairs);
        let mut l1 = l1_in(simd, geometry, &p, &t);
        let pair = BoxPair::new(simd, geometry, scale, &p, &t);
        let mut sum = Counted::new(simd, pairs.len());
        let mut factor = None;
        if FACTORED {
            let own = factor_lanes(simd, &factors.values[GROUP * group..][..pairs.len()]);
            if !factors.only_overlaps {
                l1 = l1.times(own);
            }
            factor = Some(own);
        }
        terms.l1 += sum.of(l1.value);
        if let Some(factor) = factor {
            sum = sum.times(factor);
        }
        terms.giou += sum.of(pair.giou_loss);
        terms.iou += sum.of(pair.iou_loss);
        if let Some(far) = &pair.distance {
            terms.diou += sum.of(far.diou_loss);
            terms.ciou += sum.of(far.ciou_loss);
        }
        ious.copy_from_slice(&lanes(pair.iou)[..pairs.len()]);
        if let Some(gradient) = &mut gradient {
            let mut slope = pair.gradient(simd, geometry.format, scale);
            if let Some(factor) = factor {
                for slope in &mut slope {
                    *slope *= factor;
                }
            }
            for k in 0..COMPONENTS {
                let lanes = lanes(in_range(simd, l1.gradient[k] * scale.l1 + slope[k]));
                for (&(query, _), value) in pairs.iter().zip(lanes) {
                    gradient[COMPONENTS * query + k] = value as f32;
                }
            }
        }
    }
    terms
}

/// L1 in the format that it compares, and its gradient by the components as they are.
#[inline(always)]
fn l1_in<S: Simd>(simd: S, geometry: Geometry, p: &BoxComponents<S>, t: &BoxComponents<S>) -> L1<S, COMPONENTS> {
    if geometry.l1 == geometry.format {
        return L1::new(simd, p, t);
    }
    let half = F64::splat(simd, 0.5);
    match geometry.format {
        BoxFormat::Cxcywh => {
            let corners = |b: &BoxComponents<S>| {
                let [w, h] = [b[2] * half, b[3] * half];
                [b[0] - w, b[1] - h, b[0] + w, b[1] + h]
            };
            let L1 { value, gradient: g } = L1::new(simd, &corners(p), &corners(t));
            L1 { value, gradient: [g[0] + g[2], g[1] + g[3], (g[2] - g[0]) * half, (g[3] - g[1]) * half] }
        }
        BoxFormat::Xyxy => {
            let centre = |b: &BoxComponents<S>| [(b[0] + b[2]) * half, (b[1] + b[3]) * half, b[2] - b[0], b[3] - b[1]];
            let L1 { value, gradient: g } = L1::new(simd, &centre(p), &centre(t));
            let [x, y] = [g[0] * half, g[1] * half];
            L1 { value, gradient: [x - g[2], y - g[3], x + g[2], y + g[3]] }
        }
    }
}

/// How well each pair agrees. `out`: `[pairs]`, written.
pub(super) fn agreement(
    level: Level,
    geometry: Geometry,
    MatchedBoxes { predicted, targets, pairs }: MatchedBoxes<'_>,
    measure: Measure,
    out: &mut [f64],
) {
    dispatch!(level, simd => for (pairs, out) in pairs.chunks(GROUP).zip(out.chunks_mut(GROUP)) {
        let [p, t] = gather(simd, &IDLE, [predicted, targets], pairs);
        let values = measured(simd, geometry, measure, &p, &t);
        out.copy_from_slice(&lanes(values)[..pairs.len()]);
    });
}

/// How well eight boxes agree with one target.
#[inline(always)]
pub(super) fn agreement_of<S: Simd>(
    simd: S,
    geometry: Geometry,
    measure: Measure,
    boxes: &[[f64; GROUP]; COMPONENTS],
    target: &[f32; COMPONENTS],
) -> [f64; GROUP] {
    lanes(measured(simd, geometry, measure, &columns(simd, boxes), &splat(simd, target)))
}

#[inline(always)]
fn measured<S: Simd>(
    simd: S,
    geometry: Geometry,
    measure: Measure,
    p: &BoxComponents<S>,
    t: &BoxComponents<S>,
) -> F64<S> {
    let pair = BoxPair::new(simd, geometry, &BoxTerms::default(), p, t);
    let value = match measure {
        Measure::Overlap => pair.iou,
        Measure::Giou => F64::splat(simd, 1.0) - pair.giou_loss * 0.5,
    };
    value.max(F64::splat(simd, 0.0)).min(F64::splat(simd, 1.0))
}

/// 1 - (1 - GIoU) of eight pairs of boxes given as columns: the definition, for the matching cost's special cases.
#[inline(always)]
pub(super) fn giou<S: Simd>(
    simd: S,
    geometry: Geometry,
    boxes: &[[f64; GROUP]; COMPONENTS],
    target: &[f32; COMPONENTS],
) -> F64<S> {
    let (p, t) = (columns(simd, boxes), splat(simd, target));
    F64::splat(simd, 1.0) - BoxPair::new(simd, geometry, &BoxTerms::default(), &p, &t).giou_loss
}

/// The weighted sum of the losses of eight boxes with one target.
#[inline(always)]
pub(super) fn weighted_loss<S: Simd>(
    simd: S,
    geometry: Geometry,
    weights: &BoxTerms,
    boxes: &[[f64; GROUP]; COMPONENTS],
    target: &[f32; COMPONENTS],
) -> [f64; GROUP] {
    let (p, t) = (columns(simd, boxes), splat(simd, target));
    let mut loss = BoxPair::new(simd, geometry, weights, &p, &t).weighted(weights);
    if weights.l1 > 0.0 {
        loss += L1::new(simd, &p, &t).value * weights.l1;
    }
    lanes(loss)
}

/// One box in every lane.
#[inline(always)]
fn splat<S: Simd>(simd: S, values: &[f32; COMPONENTS]) -> BoxComponents<S> {
    let mut columns = [F64::splat(simd, 0.0); COMPONENTS];
    for k in 0..COMPONENTS {
        columns[k] = F64::splat(simd, f64::from(values[k]));
    }
    columns
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::terms::boxes::format::BoxFormat;
    use crate::test_support::{Random, assert_close, bits, extent};

    const SCALE: BoxTerms = BoxTerms { l1: 5.0, giou: 2.0, iou: 0.5, diou: 0.25, ciou: 1.5 };

    fn out<'a>(quality: &'a mut [f64], gradient: &'a mut [f32]) -> Outputs<'a> {
        Outputs { factors: PairFactors::default(), quality, gradient: Some(gradient) }
    }

    fn run(level: Level, format: BoxFormat, boxes: &[f32], targets: &[f32]) -> (BoxTerms, Vec<f32>) {
        let pairs: Vec<_> = (0..boxes.len() / COMPONENTS).map(|k| (k, k)).collect();
        let (mut gradient, mut ious) = (vec![0.0; boxes.len()], vec![f64::NAN; pairs.len()]);
        let geometry = Geometry { format, epsilon: 0.0, clamps: false, l1: format, clamps_sides: false };
        let boxes = MatchedBoxes { predicted: boxes, targets, pairs: &pairs };
        let terms = matched(level, geometry, boxes, &SCALE, out(&mut ious, &mut gradient));
        assert_close(ious.iter().map(|iou| 1.0 - iou).sum(), terms.iou, 1e-14);
        (terms, gradient)
    }

    #[test]
    fn pairs_of_every_number_have_the_same_bits_at_every_level_and_the_sum_of_single_ones() {
        let mut random = Random::new(4);
        for format in [BoxFormat::Cxcywh, BoxFormat::Xyxy] {
            for count in (0..=extent(67, 18)).step_by(extent(1, 9)) {
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
                let mut sum = [0.0; 5];
                for (k, (p, t)) in boxes.chunks_exact(4).zip(targets.chunks_exact(4)).enumerate() {
                    let (single, slope) = run(Level::detect(), format, p, t);
                    for (sum, value) in sum.iter_mut().zip(single.values()) {
                        *sum += value;
                    }
                    assert_eq!(bits(&slope), bits(&gradient[4 * k..4 * k + 4]));
                }
                for (value, sum) in terms.values().into_iter().zip(sum) {
                    assert_close(value, sum, 1e-14);
                }
            }
        }
    }

    #[test]
    fn losses_and_gradients_are_finite_for_the_smallest_sides_and_every_epsilon() {
        // a side of 1e-40 has a derivative of about 1e40, which f32 does not hold
        let sides = [0.0, 1e-45, 1e-42, 1e-40, 1e-39, 1e-30, 1e-20, 1e-10, 0.5];
        let corners: Vec<[f32; 4]> = [0.0, 1e-45, 0.25]
            .into_iter()
            .flat_map(|x| sides.into_iter().flat_map(move |w| sides.into_iter().map(move |h| [x, 0.0, x + w, h])))
            .step_by(extent(1, 60))
            .collect();
        let scale = BoxTerms { l1: 5e12, giou: 1e12, iou: 1e12, diou: 1e12, ciou: 1e12 };
        for box_format in [BoxFormat::Cxcywh, BoxFormat::Xyxy] {
            let boxes: Vec<[f32; 4]> = match box_format {
                BoxFormat::Xyxy => corners.clone(),
                BoxFormat::Cxcywh => corners.iter().map(|b| [b[0], b[1], b[2] - b[0], b[3]]).collect(),
            };
            let pairs: Vec<_> =
                (0..boxes.len()).flat_map(|p| [(p, p), (p, (7 * p + 3) % boxes.len()), (p, 0)]).collect();
            let boxes = boxes.concat();
            for box_epsilon in [0.0, f64::from_bits(1), 1e-300, 1e-200, 1e-150, 1e-80, 1e-20, 1e-6, 1.0] {
                let mut first = [None, None];
                let all = [false, true]
                    .into_iter()
                    .flat_map(|clamps| Level::available().into_iter().map(move |level| (clamps, level)));
                for (clamps, level) in all {
                    let (format, epsilon, l1) = (box_format, box_epsilon, BoxFormat::Xyxy);
                    let geometry = Geometry { format, epsilon, clamps, l1, clamps_sides: false };
                    let (mut ious, mut gradient) = (vec![f64::NAN; pairs.len()], vec![f32::NAN; boxes.len()]);
                    let inputs = MatchedBoxes { predicted: &boxes, targets: &boxes, pairs: &pairs };
                    let terms = matched(level, geometry, inputs, &scale, out(&mut ious, &mut gradient));
                    let BoxTerms { l1, giou, iou, diou, ciou } = terms;
                    assert!(
                        [l1, giou, iou, diou, ciou].iter().all(|term| term.is_finite()),
                        "ε {box_epsilon}: {terms:?}"
                    );
                    assert!(ious.iter().all(|iou| (0.0..1.0 + 1e-12).contains(iou)), "ε {box_epsilon}");
                    assert!(gradient.iter().all(|g| g.is_finite()), "ε {box_epsilon}");
                    let found = (terms, bits(&gradient));
                    let first = &mut first[usize::from(clamps)];
                    assert_eq!(*first.get_or_insert_with(|| found.clone()), found, "ε {box_epsilon}");
                }
            }
        }
    }

    #[test]
    fn a_gradient_beyond_the_range_is_its_largest_number() {
        // IoU 1 / 2 by the width: half of the derivative -1 / w of the loss, up to signs
        let (terms, gradient) = run(Level::detect(), BoxFormat::Xyxy, &[0.0, 0.0, 5e-41, 0.5], &[0.0, 0.0, 1e-40, 0.5]);
        assert_close(terms.iou, 0.5, 1e-4);
        assert_eq!(gradient[2], f32::MIN);
        let (_, gradient) = run(Level::detect(), BoxFormat::Xyxy, &[0.0, 0.0, 5e-31, 0.5], &[0.0, 0.0, 1e-30, 0.5]);
        assert!(f32::MIN < gradient[2] && gradient[2] < -1e30, "within the range it is itself: {}", gradient[2]);
    }

    #[test]
    fn boxes_without_area_have_the_documented_values_and_finite_gradients() {
        let losses = |p: [f32; 4], t: [f32; 4]| {
            let (terms, gradient) = run(Level::detect(), BoxFormat::Cxcywh, &p, &t);
            assert!(gradient.iter().all(|g| g.is_finite()), "{gradient:?}");
            terms
        };
        let giou_loss = |p, t| losses(p, t).giou;
        let point = [0.5, 0.5, 0.0, 0.0];
        let BoxTerms { l1, iou, diou, ciou, .. } = losses(point, point);
        assert_eq!([l1, iou, diou, ciou], [0.0, 1.0, 1.0, 1.0], "coincident points: all forms of IoU are 0");
        assert_eq!(giou_loss(point, point), 1.0, "coincident points: GIoU 0");
        assert_eq!(giou_loss(point, [0.25, 0.25, 0.0, 0.0]), 2.0, "two points: GIoU -1");
        assert_eq!(giou_loss(point, [0.5, 0.5, 0.5, 0.5]), 1.0, "a point within a box: GIoU 0");
        assert_eq!(giou_loss([0.5, 0.5, 0.25, 0.0], [0.5, 0.5, 0.25, 0.0]), 1.0, "coincident lines: GIoU 0");
    }
}
