//! L1 and the forms of IoU of pairs of spans, with their gradients, in `f64`; the cost is made of the same definition.

use simd::{F64, LANES, Level, Simd, dispatch, padded, prelude::*};

use super::format::{COMPONENTS, SpanFormat};
use crate::terms::axis::{Intervals, reciprocal};
use crate::terms::lanes::{Counted, GROUP, L1, in_range, lanes};

/// One number for each term of a span.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct SpanTerms {
    pub l1: f64,
    pub giou: f64,
    pub iou: f64,
}

impl SpanTerms {
    /// From the numbers of the terms in the family's order.
    pub fn of(values: &[f64]) -> Self {
        Self { l1: values[0], giou: values[1], iou: values[2] }
    }

    /// In the family's order.
    pub fn values(&self) -> [f64; 3] {
        [self.l1, self.giou, self.iou]
    }
}

/// The matched spans of one image.
#[derive(Clone, Copy)]
pub(super) struct MatchedSpans<'a> {
    /// `[queries, 2]`.
    pub predicted: &'a [f32],
    /// `[targets, 2]`.
    pub targets: &'a [f32],
    /// Query and target.
    pub pairs: &'a [(usize, usize)],
}

/// What idle lanes hold in both spans, whose terms are left out.
const IDLE: [[f64; GROUP]; COMPONENTS] = [[0.0; GROUP], [1.0; GROUP]];

/// Eight spans, as columns.
type SpanComponents<S> = [F64<S>; COMPONENTS];

/// Eight pairs of spans: the losses with what their gradients need.
struct SpanPair<S: Simd> {
    iou: F64<S>,
    iou_loss: F64<S>,
    giou_loss: F64<S>,
    axis: Intervals<S>,
    union: F64<S>,
    per_union: F64<S>,
    per_hull: F64<S>,
}

impl<S: Simd> SpanPair<S> {
    #[inline(always)]
    fn new(simd: S, format: SpanFormat, p: &SpanComponents<S>, t: &SpanComponents<S>) -> Self {
        let axis = Intervals::new(simd, ends(format, p), ends(format, t));
        let union = axis.length + axis.target_length - axis.overlap;
        let (per_union, per_hull) = (reciprocal(simd, union), reciprocal(simd, axis.hull));
        let iou = axis.overlap * per_union;
        let iou_loss = F64::splat(simd, 1.0) - iou;
        let giou_loss = iou_loss + (axis.hull - union) * per_hull;
        Self { iou, iou_loss, giou_loss, axis, union, per_union, per_hull }
    }

    /// Gradient of the weighted losses by the predicted components.
    #[inline(always)]
    fn gradient(&self, format: SpanFormat, weights: &SpanTerms) -> SpanComponents<S> {
        let Intervals { overlap_slope, hull_slope, .. } = &self.axis;
        let all = weights.iou + weights.giou;
        let by_union = self.iou * self.per_union * all - self.per_hull * weights.giou;
        let by_overlap = -(self.per_union * all) - by_union;
        let by_hull = self.union * self.per_hull * self.per_hull * weights.giou;
        let start = by_overlap * overlap_slope[0] + by_hull * hull_slope[0] - by_union;
        let stop = by_overlap * overlap_slope[1] + by_hull * hull_slope[1] + by_union;
        match format {
            SpanFormat::Cxw => [start + stop, (stop - start) * 0.5],
            SpanFormat::Xx => [start, stop],
        }
    }
}

/// Sums the terms over the matched pairs of one image, and writes the gradient of each matched query's span.
///
/// `scale`: what each term is multiplied by in the gradient. `ious`: `[pairs]`, written. `gradient`: `[queries, 2]`.
pub(super) fn matched(
    level: Level,
    format: SpanFormat,
    spans: MatchedSpans<'_>,
    scale: &SpanTerms,
    ious: &mut [f64],
    gradient: Option<&mut [f32]>,
) -> SpanTerms {
    dispatch!(level, simd => matched_with(simd, format, spans, scale, ious, gradient))
}

#[inline(always)]
fn matched_with<S: Simd>(
    simd: S,
    format: SpanFormat,
    MatchedSpans { predicted, targets, pairs }: MatchedSpans<'_>,
    scale: &SpanTerms,
    ious: &mut [f64],
    mut gradient: Option<&mut [f32]>,
) -> SpanTerms {
    let mut terms = SpanTerms::default();
    for (pairs, ious) in pairs.chunks(GROUP).zip(ious.chunks_mut(GROUP)) {
        let (mut p, mut t) = (IDLE, IDLE);
        for (lane, &(query, target)) in pairs.iter().enumerate() {
            for k in 0..COMPONENTS {
                p[k][lane] = f64::from(predicted[COMPONENTS * query + k]);
                t[k][lane] = f64::from(targets[COMPONENTS * target + k]);
            }
        }
        let (p, t) = (columns(simd, &p), columns(simd, &t));
        let l1 = L1::new(simd, &p, &t);
        let pair = SpanPair::new(simd, format, &p, &t);
        let sum = Counted::new(simd, pairs.len());
        terms.l1 += sum.of(l1.value);
        terms.giou += sum.of(pair.giou_loss);
        terms.iou += sum.of(pair.iou_loss);
        ious.copy_from_slice(&lanes(pair.iou)[..pairs.len()]);
        if let Some(gradient) = &mut gradient {
            let slope = pair.gradient(format, scale);
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

/// Splits spans, `[queries, 2]`, into columns, `[2, padded queries]`.
pub(super) fn lay_out(spans: &[f32], columns: &mut Vec<f32>) {
    let stride = padded(spans.len() / COMPONENTS);
    columns.clear();
    columns.resize(COMPONENTS * stride, 0.0);
    for (query, span) in spans.chunks_exact(COMPONENTS).enumerate() {
        for (k, &value) in span.iter().enumerate() {
            columns[k * stride + query] = value;
        }
    }
}

/// Adds the weighted cost to a block, `[targets, padded queries]`. `columns`: see [`lay_out`]. `targets`: `[targets, 2]`.
pub(super) fn add_cost(
    level: Level,
    format: SpanFormat,
    weights: &SpanTerms,
    columns: &[f32],
    targets: &[f32],
    block: &mut [f32],
) {
    let stride = columns.len() / COMPONENTS;
    debug_assert_eq!(stride % LANES, 0);
    dispatch!(level, simd => for (row, target) in block.chunks_exact_mut(stride.max(1)).zip(targets.chunks_exact(COMPONENTS)) {
        add_row(simd, format, weights, columns, target, row);
    });
}

/// The row of one target.
#[inline(always)]
fn add_row<S: Simd>(
    simd: S,
    format: SpanFormat,
    weights: &SpanTerms,
    columns: &[f32],
    target: &[f32],
    row: &mut [f32],
) {
    let stride = row.len();
    let t = [F64::splat(simd, f64::from(target[0])), F64::splat(simd, f64::from(target[1]))];
    for start in (0..stride).step_by(GROUP) {
        let mut wide = [[0.0; GROUP]; COMPONENTS];
        for k in 0..COMPONENTS {
            for (wide, &value) in wide[k].iter_mut().zip(&columns[k * stride + start..]) {
                *wide = f64::from(value);
            }
        }
        let p = self::columns(simd, &wide);
        let pair = SpanPair::new(simd, format, &p, &t);
        let one = F64::splat(simd, 1.0);
        let iou = pair.iou * weights.iou + (one - pair.giou_loss) * weights.giou;
        let cost = lanes(L1::new(simd, &p, &t).value * weights.l1 - iou);
        for (cell, cost) in row[start..start + GROUP].iter_mut().zip(cost) {
            *cell = (f64::from(*cell) + cost) as f32;
        }
    }
}

#[inline(always)]
fn columns<S: Simd>(simd: S, values: &[[f64; GROUP]; COMPONENTS]) -> SpanComponents<S> {
    [F64::from_slice(simd, &values[0]), F64::from_slice(simd, &values[1])]
}

/// Where spans begin and end.
#[inline(always)]
fn ends<S: Simd>(format: SpanFormat, span: &SpanComponents<S>) -> [F64<S>; 2] {
    match format {
        SpanFormat::Cxw => [span[0] - span[1] * 0.5, span[0] + span[1] * 0.5],
        SpanFormat::Xx => *span,
    }
}
