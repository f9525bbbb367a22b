//! Ignore regions: background queries that lie on an ignored target have no part in the loss.
//!
//! A query is left out if it is unmatched and its overlap with any ignored target exceeds the threshold. The overlap is
//! the intersection over the query's area (as pycocotools measures detections against crowd regions, and as the
//! assigners of mmdetection measure `gt_bboxes_ignore` with `ignore_wrt_candidates`), or over the union.

use crate::config::{BoxFormat, Ignore, Overlap};
use crate::error::COMPONENTS;
use crate::part::{BACKGROUND, LEFT_OUT};
use crate::view::ImageView;

/// Marks the queries to be left out. `boxes`: `[queries, 4]`. `matches`: `[queries]`.
pub(crate) fn mark(format: BoxFormat, rule: Ignore, boxes: &[f32], targets: &ImageView<'_>, matches: &mut [i32]) {
    if targets.ignored.is_empty() {
        return;
    }
    for (target, values) in matches.iter_mut().zip(boxes.chunks_exact(COMPONENTS)) {
        let lies_on = |region: &[f32]| overlap(format, rule.overlap, values, region) > rule.threshold;
        let is_left_out = match usize::try_from(*target) {
            Ok(number) => targets.is_ignored(number),
            Err(_) => *target == BACKGROUND && targets.ignored.chunks_exact(COMPONENTS).any(lies_on),
        };
        if is_left_out {
            *target = LEFT_OUT;
        }
    }
}

/// Overlap of a query with a region, 0 to 1; a quotient with denominator 0 counts as 0.
fn overlap(format: BoxFormat, overlap: Overlap, query: &[f32], region: &[f32]) -> f64 {
    let [q, r] = [query, region].map(|values| corners(format, values));
    let area = |c: [f64; 4]| (c[2] - c[0]) * (c[3] - c[1]);
    let side = |k: usize| (q[k + 2].min(r[k + 2]) - q[k].max(r[k])).max(0.0);
    let intersection = side(0) * side(1);
    let divisor = match overlap {
        Overlap::Iof => area(q),
        Overlap::Iou => area(q) + area(r) - intersection,
    };
    if divisor > 0.0 { intersection / divisor } else { 0.0 }
}

fn corners(format: BoxFormat, values: &[f32]) -> [f64; 4] {
    let [a, b, c, d] = [0, 1, 2, 3].map(|k| f64::from(values[k]));
    match format {
        BoxFormat::Cxcywh => [a - c / 2.0, b - d / 2.0, a + c / 2.0, b + d / 2.0],
        BoxFormat::Xyxy => [a, b, c, d],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overlaps_are_over_the_querys_area_or_the_union() {
        let (small, large) = ([0.25, 0.25, 0.5, 0.5], [0.5, 0.5, 1.0, 1.0]);
        let of = |kind, q: &[f32], r: &[f32]| overlap(BoxFormat::Cxcywh, kind, q, r);
        assert_eq!(of(Overlap::Iof, &small, &large), 1.0);
        assert_eq!(of(Overlap::Iof, &large, &small), 0.25);
        assert_eq!(of(Overlap::Iou, &small, &large), 0.25);
        assert_eq!(of(Overlap::Iof, &[0.5, 0.5, 0.0, 0.0], &large), 0.0, "no area");
        assert_eq!(overlap(BoxFormat::Xyxy, Overlap::Iou, &[0.0, 0.0, 1.0, 1.0], &[0.5, 0.0, 1.5, 1.0]), 1.0 / 3.0);
        assert_eq!(overlap(BoxFormat::Xyxy, Overlap::Iou, &[0.0, 0.0, 1.0, 1.0], &[2.0, 0.0, 3.0, 1.0]), 0.0);
    }
}
