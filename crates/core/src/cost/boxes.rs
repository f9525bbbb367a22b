//! The cost kernel: class, L1 and GIoU terms of sixteen queries against one or two targets at a time.
//!
//! With signed overlaps o on each axis, the enclosing box's side is w + w' - o, and for centre-size boxes
//! o = min(w, w', (w + w')/2 - |Δ|), whose only rounding is relative: no corner is formed, so that tiny boxes far from
//! the origin keep their digits. Both quotients of GIoU share one division. Where its denominator is too small for
//! `f32`, or zero, the lanes are computed again by the loss' own `f64` definition, zero-size conventions included.

use super::ClassTerm;
use crate::batch::{BOX_LIMIT, ImageTargets};
use crate::config::BoxFormat;
use crate::error::COMPONENTS;
use crate::loss;
use crate::simd::{F32, LANES, Simd, f32x4, i32x16, lane_index, load, padded, prelude::*, store};

/// Columns of a box: the four components, the two sides, half of them, and the area.
const COLUMNS: usize = 7;

/// Below this product of union and hull, quotients in `f32` lose digits to underflow.
const SMALLEST: f32 = 1e-30;

/// The boxes of one image as columns, padded to whole vectors.
#[derive(Debug, Default)]
pub(crate) struct Columns {
    values: Vec<f32>,
    stride: usize,
}

/// Weights of the three terms; `class` includes the sign and undoes the probabilities' scale.
#[derive(Clone, Copy)]
pub(crate) struct PairWeights {
    pub class: f32,
    pub l1: f32,
    pub giou: f32,
}

/// Sixteen boxes, or one box in every lane.
type Boxes<S> = [F32<S>; COLUMNS];

/// A box format: what its columns are and how two boxes overlap.
pub(crate) trait Format {
    const FORMAT: BoxFormat;

    /// The two sides.
    fn sides<S: Simd>(components: &[F32<S>; COMPONENTS]) -> [F32<S>; 2];

    /// Signed overlap on an axis: negative where the boxes are apart.
    fn overlap<S: Simd>(p: &Boxes<S>, t: &Boxes<S>, distance: &[F32<S>; COMPONENTS], axis: usize) -> F32<S>;
}

/// Centre and size.
pub(crate) struct Cxcywh;

/// Two corners.
pub(crate) struct Xyxy;

impl Format for Cxcywh {
    const FORMAT: BoxFormat = BoxFormat::Cxcywh;

    #[inline(always)]
    fn sides<S: Simd>(components: &[F32<S>; COMPONENTS]) -> [F32<S>; 2] {
        [components[2], components[3]]
    }

    #[inline(always)]
    fn overlap<S: Simd>(p: &Boxes<S>, t: &Boxes<S>, distance: &[F32<S>; COMPONENTS], axis: usize) -> F32<S> {
        let side = 4 + axis;
        ((p[side] + t[side]) * 0.5 - distance[axis]).min(p[side].min(t[side]))
    }
}

impl Format for Xyxy {
    const FORMAT: BoxFormat = BoxFormat::Xyxy;

    #[inline(always)]
    fn sides<S: Simd>(components: &[F32<S>; COMPONENTS]) -> [F32<S>; 2] {
        [components[2] - components[0], components[3] - components[1]]
    }

    #[inline(always)]
    fn overlap<S: Simd>(p: &Boxes<S>, t: &Boxes<S>, _: &[F32<S>; COMPONENTS], axis: usize) -> F32<S> {
        p[axis + 2].min(t[axis + 2]) - p[axis].max(t[axis])
    }
}

#[inline(always)]
fn with_sides<S: Simd, F: Format>(components: &[F32<S>; COMPONENTS]) -> Boxes<S> {
    let [c0, c1, c2, c3] = *components;
    let [w, h] = F::sides(components);
    [c0, c1, c2, c3, w, h, w * h]
}

impl Columns {
    /// Splits `boxes`, `[queries, 4]`, into columns. Returns whether every component is finite, within the limit, and
    /// no side is negative; if not, the caller looks closer.
    #[inline(always)]
    pub fn set<S: Simd, F: Format>(&mut self, simd: S, boxes: &[f32]) -> bool {
        let queries = boxes.len() / COMPONENTS;
        self.stride = padded(queries);
        self.values.resize(COLUMNS * self.stride, 0.0);
        // the bits of a magnitude order as integers do, NaN above infinity above every number
        let mut largest = i32x16::splat(simd, 0);
        let mut smallest = F32::splat(simd, 0.0);
        let mut tail = [0.0; COMPONENTS * LANES];
        for start in (0..queries).step_by(LANES) {
            let rest = &boxes[COMPONENTS * start..];
            let group = if let Some((group, _)) = rest.split_at_checked(COMPONENTS * LANES) {
                group
            } else {
                tail[..rest.len()].copy_from_slice(rest);
                tail[rest.len()..].fill(0.0);
                &tail
            };
            let components = deinterleave(simd, group);
            for component in components {
                largest = largest.max(component.bitcast::<i32x16<S>>() & 0x7fff_ffff);
            }
            let columns = with_sides::<S, F>(&components);
            smallest = smallest.min(columns[4].min(columns[5]));
            for (k, column) in columns.into_iter().enumerate() {
                store(column, &mut self.values, k * self.stride + start);
            }
        }
        largest.simd_le(BOX_LIMIT.to_bits() as i32).all_true() && smallest.simd_ge(0.0).all_true()
    }

    #[inline(always)]
    fn at<S: Simd>(&self, simd: S, start: usize) -> Boxes<S> {
        let mut boxes = [F32::splat(simd, 0.0); COLUMNS];
        for k in 0..COLUMNS {
            boxes[k] = load(simd, &self.values, k * self.stride + start);
        }
        boxes
    }
}

/// Sixteen boxes from rows to columns.
#[inline(always)]
fn deinterleave<S: Simd>(simd: S, rows: &[f32]) -> [F32<S>; COMPONENTS] {
    let mut quarters = [[f32x4::splat(simd, 0.0); COMPONENTS]; 4];
    for k in 0..4 {
        quarters[k] = f32x4::load_four_interleaved(simd, &rows[LANES * k..LANES * (k + 1)]);
    }
    let mut columns = [F32::splat(simd, 0.0); COMPONENTS];
    for k in 0..COMPONENTS {
        let low = quarters[0][k].combine(quarters[1][k]);
        columns[k] = low.combine(quarters[2][k].combine(quarters[3][k]));
    }
    columns
}

/// The block of one image, two targets at a time.
#[inline(always)]
pub(crate) fn fill<S: Simd, F: Format>(
    simd: S,
    weights: PairWeights,
    queries: usize,
    columns: &Columns,
    class: ClassTerm<'_>,
    targets: ImageTargets<'_>,
    block: &mut [f32],
) {
    let pairs = targets.len() / 2 * 2;
    for first in (0..pairs).step_by(2) {
        fill_rows::<S, F, 2>(simd, weights, queries, columns, class, targets, first, block);
    }
    if pairs < targets.len() {
        fill_rows::<S, F, 1>(simd, weights, queries, columns, class, targets, pairs, block);
    }
}

/// `K` rows of the block, from target `first` on.
#[inline(always)]
#[expect(clippy::too_many_arguments, reason = "an inlined part of `fill`")]
fn fill_rows<S: Simd, F: Format, const K: usize>(
    simd: S,
    weights: PairWeights,
    queries: usize,
    columns: &Columns,
    class: ClassTerm<'_>,
    targets: ImageTargets<'_>,
    first: usize,
    block: &mut [f32],
) {
    let stride = columns.stride;
    let zero = F32::splat(simd, 0.0);
    let mut rows = [[zero; COLUMNS]; K];
    let mut probabilities = [class.probabilities; K];
    for k in 0..K {
        let mut components = [zero; COMPONENTS];
        for c in 0..COMPONENTS {
            components[c] = F32::splat(simd, targets.boxes[COMPONENTS * (first + k) + c]);
        }
        rows[k] = with_sides::<S, F>(&components);
        probabilities[k] = &class.probabilities[class.row_of_target[first + k] * stride..][..stride];
    }
    for start in (0..stride).step_by(LANES) {
        let p = columns.at(simd, start);
        for k in 0..K {
            let t = &rows[k];
            let mut distance = [zero; COMPONENTS];
            for c in 0..COMPONENTS {
                distance[c] = (p[c] - t[c]).abs();
            }
            let l1 = (distance[0] + distance[1]) + (distance[2] + distance[3]);
            let signed = [F::overlap(&p, t, &distance, 0), F::overlap(&p, t, &distance, 1)];
            let hull = (p[4] + t[4] - signed[0]) * (p[5] + t[5] - signed[1]);
            let overlap = signed[0].max(0.0) * signed[1].max(0.0);
            let union = p[6] + t[6] - overlap;
            let denominator = union * hull;
            // I/U + U/H - 1
            let mut giou = (overlap * hull + union * union) / denominator - 1.0;
            let lost = denominator.simd_lt(SMALLEST);
            if lost.any_true() {
                giou = lost.select(exact_giou::<S, F>(simd, &p, targets, first + k), giou);
            }
            let cost = load(simd, probabilities[k], start) * weights.class + l1 * weights.l1 - giou * weights.giou;
            let idle = lane_index(simd) + start as f32;
            let cost = idle.simd_lt(queries as f32).select(cost, F32::splat(simd, f32::INFINITY));
            store(cost, block, (first + k) * stride + start);
        }
    }
}

/// GIoU of sixteen queries and one target by the loss' definition.
#[inline(always)]
fn exact_giou<S: Simd, F: Format>(simd: S, p: &Boxes<S>, targets: ImageTargets<'_>, target: usize) -> F32<S> {
    let mut halves = [[[0.0; 8]; COMPONENTS]; 2];
    for k in 0..COMPONENTS {
        let (low, high) = p[k].widen();
        low.store_slice(&mut halves[0][k]);
        high.store_slice(&mut halves[1][k]);
    }
    let mut t = [0.0; COMPONENTS];
    t.copy_from_slice(&targets.boxes[COMPONENTS * target..][..COMPONENTS]);
    let low = loss::boxes::giou(simd, F::FORMAT, &halves[0], &t);
    low.narrow(loss::boxes::giou(simd, F::FORMAT, &halves[1], &t))
}
