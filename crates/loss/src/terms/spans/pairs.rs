//! L1 and the forms of IoU of pairs of spans, with their gradients, in `f64`; the cost is made of the same definition.

use simd::{F64, LANES, Level, Simd, dispatch, padded, prelude::*};

use super::format::{COMPONENTS, SpanFormat};
use crate::terms::axis::{Intervals, reciprocal};
use crate::terms::lanes::{Counted, GROUP, L1, columns, factor_lanes, gather, in_range, lanes};
use crate::terms::pair::{Measure, PairFactors};

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

/// Where what is computed goes, and what pairs are multiplied by.
pub(super) struct Outputs<'a> {
    pub factors: PairFactors<'a>,
    /// `[pairs]`: the IoU of each, written.
    pub quality: &'a mut [f64],
    /// `[queries, 2]`.
    pub gradient: Option<&'a mut [f32]>,
}

/// Sums the terms over the matched pairs of one image, and writes the gradient of each matched query's span.
///
/// `scale`: what each term is multiplied by in the gradient.
pub(super) fn matched(
    level: Level,
    format: SpanFormat,
    spans: MatchedSpans<'_>,
    scale: &SpanTerms,
    out: Outputs<'_>,
) -> SpanTerms {
    dispatch!(level, simd => if out.factors.values.is_empty() {
        matched_with::<_, false>(simd, format, spans, scale, out)
    } else {
        matched_with::<_, true>(simd, format, spans, scale, out)
    })
}

/// `FACTORED`: whether pairs have factors.
#[inline(always)]
fn matched_with<S: Simd, const FACTORED: bool>(
    simd: S,
    format: SpanFormat,
    MatchedSpans { predicted, targets, pairs }: MatchedSpans<'_>,
    scale: &SpanTerms,
    Outputs { factors, quality, mut gradient }: Outputs<'_>,
) -> SpanTerms {
    let mut terms = SpanTerms::default();
    for (group, (pairs, ious)) in pairs.chunks(GROUP).zip(quality.chunks_mut(GROUP)).enumerate() {
        let [p, t] = gather(simd, &IDLE, [predicted, targets], pairs);
        let mut l1 = L1::new(simd, &p, &t);
        let pair = SpanPair::new(simd, format, &p, &t);
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
        ious.copy_from_slice(&lanes(pair.iou)[..pairs.len()]);
        if let Some(gradient) = &mut gradient {
            let mut slope = pair.gradient(format, scale);
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

/// How well each pair agrees. `out`: `[pairs]`, written.
pub(super) fn agreement(
    level: Level,
    format: SpanFormat,
    MatchedSpans { predicted, targets, pairs }: MatchedSpans<'_>,
    measure: Measure,
    out: &mut [f64],
) {
    dispatch!(level, simd => for (pairs, out) in pairs.chunks(GROUP).zip(out.chunks_mut(GROUP)) {
        let [p, t] = gather(simd, &IDLE, [predicted, targets], pairs);
        let values = measured(simd, format, measure, &p, &t);
        out.copy_from_slice(&lanes(values)[..pairs.len()]);
    });
}

/// How well every query agrees with one target. `columns`: see [`lay_out`]. `out`: `[padded queries]`, written.
pub(super) fn agreement_row(
    level: Level,
    format: SpanFormat,
    measure: Measure,
    columns: &[f32],
    target: &[f32],
    out: &mut [f32],
) {
    let stride = out.len();
    dispatch!(level, simd => for start in (0..stride).step_by(GROUP) {
        let p = wide_columns(simd, columns, stride, start);
        let t = [F64::splat(simd, f64::from(target[0])), F64::splat(simd, f64::from(target[1]))];
        let values = lanes(measured(simd, format, measure, &p, &t));
        for (out, value) in out[start..start + GROUP].iter_mut().zip(values) {
            *out = value as f32;
        }
    });
}

#[inline(always)]
fn measured<S: Simd>(
    simd: S,
    format: SpanFormat,
    measure: Measure,
    p: &SpanComponents<S>,
    t: &SpanComponents<S>,
) -> F64<S> {
    let pair = SpanPair::new(simd, format, p, t);
    let value = match measure {
        Measure::Overlap => pair.iou,
        Measure::Giou => F64::splat(simd, 1.0) - pair.giou_loss * 0.5,
    };
    value.max(F64::splat(simd, 0.0)).min(F64::splat(simd, 1.0))
}

/// Eight queries of the columns.
#[inline(always)]
fn wide_columns<S: Simd>(simd: S, columns: &[f32], stride: usize, start: usize) -> SpanComponents<S> {
    let mut wide = [[0.0; GROUP]; COMPONENTS];
    for k in 0..COMPONENTS {
        for (wide, &value) in wide[k].iter_mut().zip(&columns[k * stride + start..]) {
            *wide = f64::from(value);
        }
    }
    self::columns(simd, &wide)
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
        let p = wide_columns(simd, columns, stride, start);
        let pair = SpanPair::new(simd, format, &p, &t);
        let one = F64::splat(simd, 1.0);
        let iou = pair.iou * weights.iou + (one - pair.giou_loss) * weights.giou;
        let cost = lanes(L1::new(simd, &p, &t).value * weights.l1 - iou);
        for (cell, cost) in row[start..start + GROUP].iter_mut().zip(cost) {
            *cell = (f64::from(*cell) + cost) as f32;
        }
    }
}

/// Where spans begin and end.
#[inline(always)]
fn ends<S: Simd>(format: SpanFormat, span: &SpanComponents<S>) -> [F64<S>; 2] {
    match format {
        SpanFormat::Cxw => [span[0] - span[1] * 0.5, span[0] + span[1] * 0.5],
        SpanFormat::Xx => *span,
    }
}
