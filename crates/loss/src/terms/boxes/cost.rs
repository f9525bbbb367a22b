//! The cost kernel: class, L1 and GIoU terms of sixteen queries against one target at a time.
//!
//! With signed overlaps o on each axis, the enclosing box's side is w + w' - o, and for centre-size boxes
//! o = min(w, w', (w + w')/2 - |Δ|), whose only rounding is relative: no corner is formed, so that tiny boxes far from
//! the origin keep their digits. Both quotients of GIoU share one division. Where its denominator is too small for `f32`, or
//! zero, the lanes are computed again by the loss' own `f64` definition, zero-size conventions included. A predicted side below
//! 0 is 0 in all of this, while L1 takes the components as they are.

use simd::{F32, LANES, Simd, f32x4, i32x16, load, padded, prelude::*, store};

use super::format::COMPONENTS;
use super::pairs;
use super::values::{BoxTerms, Geometry};
use crate::terms::limits::LIMIT;
use crate::terms::pair::ClassCosts;

/// Columns of a box: the four components, the two sides, and the area.
pub(super) const COLUMNS: usize = 7;

/// Below this product of union and hull, quotients in `f32` lose digits to underflow.
const SMALLEST: f32 = 1e-30;

/// Sixteen boxes as columns.
const GROUP: usize = COLUMNS * LANES;

/// What the cost of one image is made of.
#[derive(Clone, Copy)]
pub(super) struct BoxCostInputs<'a> {
    /// How many of the padded columns are real.
    pub queries: usize,
    /// As [`lay_out`] leaves them.
    pub columns: &'a [f32],
    pub class: &'a ClassCosts<'a>,
    /// `[targets, 4]`.
    pub targets: &'a [f32],
}

/// Weights of the three terms, and what is added to the areas that GIoU divides by.
#[derive(Clone, Copy)]
pub(super) struct PairWeights {
    pub class: f32,
    pub l1: f32,
    pub giou: f32,
    pub epsilon: f32,
    /// A union below this is left to the exact form: where ε is the least that divides, and nowhere otherwise.
    pub least: f32,
    /// For where `f32` would lose digits.
    pub geometry: Geometry,
}

impl PairWeights {
    pub fn new(weights: &BoxTerms, class: f32, geometry: Geometry) -> Self {
        let (l1, giou) = (weights.l1 as f32, weights.giou as f32);
        /// No product of union and hull above is below [`SMALLEST`].
        const LEAST: f32 = 1e-12;
        let least = if geometry.clamps { (geometry.epsilon as f32).max(LEAST) } else { 0.0 };
        Self { class, l1, giou, epsilon: geometry.added() as f32, least, geometry }
    }
}

/// Sixteen boxes, or one box in every lane.
type BoxColumns<S> = [F32<S>; COLUMNS];

/// A box format: what its columns are and how two boxes overlap.
pub(super) trait Format {
    /// The two sides.
    fn sides<S: Simd>(components: &[F32<S>; COMPONENTS]) -> [F32<S>; 2];

    /// Signed overlap on an axis: negative where the boxes are apart.
    fn overlap<S: Simd>(p: &BoxColumns<S>, t: &BoxColumns<S>, distance: &[F32<S>; COMPONENTS], axis: usize) -> F32<S>;
}

/// Centre and size.
pub(super) struct Cxcywh;

/// Two corners.
pub(super) struct Xyxy;

impl Format for Cxcywh {
    #[inline(always)]
    fn sides<S: Simd>(components: &[F32<S>; COMPONENTS]) -> [F32<S>; 2] {
        [components[2], components[3]]
    }

    #[inline(always)]
    fn overlap<S: Simd>(p: &BoxColumns<S>, t: &BoxColumns<S>, distance: &[F32<S>; COMPONENTS], axis: usize) -> F32<S> {
        let side = 4 + axis;
        ((p[side] + t[side]) * 0.5 - distance[axis]).min(p[side].min(t[side]))
    }
}

impl Format for Xyxy {
    #[inline(always)]
    fn sides<S: Simd>(components: &[F32<S>; COMPONENTS]) -> [F32<S>; 2] {
        [components[2] - components[0], components[3] - components[1]]
    }

    #[inline(always)]
    fn overlap<S: Simd>(p: &BoxColumns<S>, t: &BoxColumns<S>, _: &[F32<S>; COMPONENTS], axis: usize) -> F32<S> {
        p[axis + 2].max(p[axis]).min(t[axis + 2]) - p[axis].max(t[axis])
    }
}

/// The columns of boxes with these sides.
#[inline(always)]
fn with_sides<S: Simd>(components: &[F32<S>; COMPONENTS], [w, h]: [F32<S>; 2]) -> BoxColumns<S> {
    let [c0, c1, c2, c3] = *components;
    [c0, c1, c2, c3, w, h, w * h]
}

/// Splits `boxes`, `[queries, 4]`, into columns, sixteen boxes after sixteen, `[groups, COLUMNS, 16]`. Returns whether every component is finite, within the limit, and
/// no side is negative; if not, the caller looks closer.
#[inline(always)]
pub(super) fn lay_out<S: Simd, F: Format>(simd: S, boxes: &[f32], columns: &mut Vec<f32>) -> bool {
    let queries = boxes.len() / COMPONENTS;
    columns.resize(COLUMNS * padded(queries), 0.0);
    // the bits of a magnitude order as integers do, NaN above infinity above every number
    let mut largest = i32x16::splat(simd, 0);
    let mut smallest = F32::splat(simd, 0.0);
    let mut tail = [0.0; COMPONENTS * LANES];
    for (boxes, group) in boxes.chunks(COMPONENTS * LANES).zip(columns.chunks_exact_mut(GROUP)) {
        let boxes = if boxes.len() == tail.len() {
            boxes
        } else {
            tail[..boxes.len()].copy_from_slice(boxes);
            &tail
        };
        let components = deinterleave(simd, boxes);
        for component in components {
            largest = largest.max(component.bitcast::<i32x16<S>>() & 0x7fff_ffff);
        }
        let mut sides = F::sides(&components);
        smallest = smallest.min(sides[0].min(sides[1]));
        for side in &mut sides {
            *side = side.simd_lt(0.0).select(F32::splat(simd, 0.0), *side);
        }
        for (k, column) in with_sides(&components, sides).into_iter().enumerate() {
            store(column, group, LANES * k);
        }
    }
    largest.simd_le(LIMIT.to_bits() as i32).all_true() && smallest.simd_ge(0.0).all_true()
}

/// The component `k` of eight boxes from `start` on.
#[inline(always)]
pub(super) fn component(columns: &[f32], k: usize, start: usize) -> &[f32] {
    &columns[start / LANES * GROUP + k * LANES + start % LANES..][..LANES / 2]
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

/// The block of one image.
#[inline(always)]
pub(super) fn fill<S: Simd, F: Format>(simd: S, weights: PairWeights, inputs: &BoxCostInputs<'_>, block: &mut [f32]) {
    let stride = padded(inputs.queries);
    for (target, costs) in block.chunks_exact_mut(stride.max(1)).enumerate() {
        let class = &inputs.class.values[inputs.class.row_of_target[target] * stride..][..stride];
        if weights.geometry.clamps {
            fill_row::<S, F, true>(simd, weights, inputs, target, class, costs);
        } else {
            fill_row::<S, F, false>(simd, weights, inputs, target, class, costs);
        }
        costs[inputs.queries..].fill(f32::INFINITY);
    }
}

/// The row of one target. `class`: its class term, unweighted. `CLAMPS`: whether what divides has a least.
#[inline(always)]
fn fill_row<S: Simd, F: Format, const CLAMPS: bool>(
    simd: S,
    weights: PairWeights,
    inputs: &BoxCostInputs<'_>,
    target: usize,
    class: &[f32],
    costs: &mut [f32],
) {
    let zero = F32::splat(simd, 0.0);
    let mut components = [zero; COMPONENTS];
    for c in 0..COMPONENTS {
        components[c] = F32::splat(simd, inputs.targets[COMPONENTS * target + c]);
    }
    let t = with_sides(&components, F::sides(&components));
    let groups = inputs.columns.chunks_exact(GROUP).zip(class.chunks_exact(LANES));
    for ((columns, class), costs) in groups.zip(costs.chunks_exact_mut(LANES)) {
        let mut p = [zero; COLUMNS];
        for k in 0..COLUMNS {
            p[k] = load(simd, columns, LANES * k);
        }
        let mut distance = [zero; COMPONENTS];
        for c in 0..COMPONENTS {
            distance[c] = (p[c] - t[c]).abs();
        }
        let l1 = (distance[0] + distance[1]) + (distance[2] + distance[3]);
        let signed = [F::overlap(&p, &t, &distance, 0), F::overlap(&p, &t, &distance, 1)];
        let hull = (p[4] + t[4] - signed[0]) * (p[5] + t[5] - signed[1]) + weights.epsilon;
        let overlap = signed[0].max(0.0) * signed[1].max(0.0);
        let union = p[6] + t[6] - overlap + weights.epsilon;
        let denominator = union * hull;
        // I/U + U/H - 1
        let mut giou = (overlap * hull + union * union) / denominator - 1.0;
        // the hull is no smaller than the union
        let lost = if CLAMPS { union.simd_lt(weights.least) } else { denominator.simd_lt(SMALLEST) };
        if lost.any_true() {
            giou = lost.select(exact_giou::<S, F>(simd, weights.geometry, &p, inputs.targets, target), giou);
        }
        let cost = load(simd, class, 0) * weights.class + l1 * weights.l1 - giou * weights.giou;
        store(cost, costs, 0);
    }
}

/// GIoU of sixteen queries and one target by the loss' definition.
#[inline(always)]
fn exact_giou<S: Simd, F: Format>(
    simd: S,
    geometry: Geometry,
    p: &BoxColumns<S>,
    targets: &[f32],
    target: usize,
) -> F32<S> {
    let mut halves = [[[0.0; 8]; COMPONENTS]; 2];
    for k in 0..COMPONENTS {
        let (low, high) = p[k].widen();
        low.store_slice(&mut halves[0][k]);
        high.store_slice(&mut halves[1][k]);
    }
    let mut t = [0.0; COMPONENTS];
    t.copy_from_slice(&targets[COMPONENTS * target..][..COMPONENTS]);
    let low = pairs::giou(simd, geometry, &halves[0], &t);
    low.narrow(pairs::giou(simd, geometry, &halves[1], &t))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::terms::boxes::format::BoxFormat;
    use crate::terms::boxes::iou_cost;
    use crate::test_support::{Random, assert_close, bits, extent};
    use simd::{Level, dispatch};

    /// What a cost is measured by.
    #[derive(Clone, Copy)]
    struct CostConfig {
        geometry: Geometry,
        weights: BoxTerms,
    }

    /// DETR's, and one with an ε and every form of IoU.
    fn configs(format: BoxFormat) -> [CostConfig; 3] {
        let usual = BoxTerms { l1: 5.0, giou: 2.0, ..BoxTerms::default() };
        let every = BoxTerms { iou: 0.5, diou: 1.0, ciou: 1.5, ..usual };
        [(0.0, false, usual), (1e-6, false, every), (1e-3, true, every)].map(|(epsilon, clamps, weights)| CostConfig {
            geometry: Geometry { format, epsilon, clamps, l1: format, clamps_sides: false },
            weights,
        })
    }

    fn block(level: Level, config: &CostConfig, boxes: &[f32], targets: &[f32]) -> Vec<f32> {
        let (queries, count) = (boxes.len() / COMPONENTS, targets.len() / COMPONENTS);
        let CostConfig { geometry, weights } = *config;
        let mut columns = Vec::new();
        let probabilities: Vec<f32> = (0..padded(queries)).map(|q| q as f32 / 1e3).collect();
        let row_of_target = vec![0; count];
        let class = &ClassCosts { values: &probabilities, row_of_target: &row_of_target, weight: -2.0 };
        let mut block = vec![f32::NAN; count * padded(queries)];
        let pair_weights = PairWeights::new(&weights, class.weight, geometry);
        let sound = dispatch!(level, simd => match geometry.format {
            BoxFormat::Cxcywh => lay_out::<_, Cxcywh>(simd, boxes, &mut columns),
            BoxFormat::Xyxy => lay_out::<_, Xyxy>(simd, boxes, &mut columns),
        });
        assert!(sound);
        let inputs = &BoxCostInputs { queries, columns: &columns, class, targets };
        dispatch!(level, simd => match geometry.format {
            BoxFormat::Cxcywh => fill::<_, Cxcywh>(simd, pair_weights, inputs, &mut block),
            BoxFormat::Xyxy => fill::<_, Xyxy>(simd, pair_weights, inputs, &mut block),
        });
        let others = BoxTerms { l1: 0.0, giou: 0.0, ..weights };
        iou_cost::add(level, geometry, &others, &columns, targets, &mut block);
        block
    }

    /// The definition, in `f64`.
    fn exact(config: &CostConfig, query: usize, p: &[f32], t: &[f32]) -> f64 {
        let corners = |b: &[f32]| {
            let b: Vec<f64> = b.iter().map(|&v| f64::from(v)).collect();
            match config.geometry.format {
                BoxFormat::Cxcywh => [b[0] - b[2] / 2.0, b[1] - b[3] / 2.0, b[0] + b[2] / 2.0, b[1] + b[3] / 2.0],
                BoxFormat::Xyxy => [b[0], b[1], b[2], b[3]],
            }
        };
        let (a, b) = (corners(p), corners(t));
        let area = |c: &[f64; 4]| (c[2] - c[0]) * (c[3] - c[1]);
        let side = |k: usize| (a[k + 2].min(b[k + 2]) - a[k].max(b[k])).max(0.0);
        let size = |c: &[f64; 4]| [c[2] - c[0], c[3] - c[1]];
        let outer = size(&[a[0].min(b[0]), a[1].min(b[1]), a[2].max(b[2]), a[3].max(b[3])]);
        let overlap = side(0) * side(1);
        let union = area(&a) + area(&b) - overlap;
        let hull = outer[0] * outer[1];
        let quotient = |x: f64, y: f64| if y == 0.0 { 0.0 } else { x / y };
        let Geometry { epsilon, clamps, .. } = config.geometry;
        let divisor = |x: f64| if clamps { x.max(epsilon) } else { x + epsilon };
        let iou = quotient(overlap, divisor(union));
        let giou = iou - quotient(hull - union, divisor(hull));
        let shift = |k: usize| (a[k] + a[k + 2] - b[k] - b[k + 2]) / 2.0;
        let diagonal = divisor(outer[0].powi(2) + outer[1].powi(2));
        let diou = iou - quotient(shift(0).powi(2) + shift(1).powi(2), diagonal);
        let angle = |c: &[f64; 4]| size(c)[0].atan2(size(c)[1]);
        let v = ((angle(&a) - angle(&b)) * 2.0 / std::f64::consts::PI).powi(2);
        let ciou = diou - quotient(v * v, 1.0 - iou + v);
        let l1: f64 = p.iter().zip(t).map(|(&p, &t)| (f64::from(p) - f64::from(t)).abs()).sum();
        let cost = &config.weights;
        let others = cost.iou * iou + cost.diou * diou + cost.ciou * ciou;
        5.0 * l1 - 2.0 * giou - others - query as f64 / 1e3 / 0.5
    }

    fn check(format: BoxFormat, boxes: &[f32], targets: &[f32]) {
        configs(format).iter().for_each(|config| check_with(config, boxes, targets));
    }

    fn check_with(config: &CostConfig, boxes: &[f32], targets: &[f32]) {
        let (queries, count) = (boxes.len() / COMPONENTS, targets.len() / COMPONENTS);
        let mut blocks = Level::available().into_iter().map(|level| block(level, config, boxes, targets));
        let first = blocks.next().expect("a level");
        for other in blocks {
            assert_eq!(bits(&first), bits(&other), "{queries} queries, {count} targets");
        }
        for target in 0..count {
            let row = &first[target * padded(queries)..][..padded(queries)];
            for (query, p) in boxes.chunks_exact(COMPONENTS).enumerate() {
                let value = exact(config, query, p, &targets[COMPONENTS * target..][..COMPONENTS]);
                assert_close(f64::from(row[query]), value, 2e-6);
            }
            assert!(row[queries..].iter().all(|&c| c == f32::INFINITY), "idle lanes are never the cheapest");
        }
    }

    fn random_box(random: &mut Random, format: BoxFormat, size: f32) -> [f32; 4] {
        let (x, y, w, h) = (random.unit(), random.unit(), random.unit() * size, random.unit() * size);
        match format {
            BoxFormat::Cxcywh => [x, y, w, h],
            BoxFormat::Xyxy => [x, y, x + w, y + h],
        }
    }

    #[test]
    fn costs_of_every_length_follow_the_definition_with_the_same_bits_at_every_level() {
        let mut random = Random::new(3);
        for format in [BoxFormat::Cxcywh, BoxFormat::Xyxy] {
            for queries in (0..=extent(67, 18)).step_by(extent(1, 18)) {
                for targets in [0, 1, 2, 3, 6].into_iter().step_by(extent(1, 3)) {
                    let size = if format == BoxFormat::Cxcywh { [0.5, 1e-6][random.below(2)] } else { 0.5 };
                    let boxes: Vec<f32> = (0..queries).flat_map(|_| random_box(&mut random, format, size)).collect();
                    let other: Vec<f32> = (0..targets).flat_map(|_| random_box(&mut random, format, size)).collect();
                    check(format, &boxes, &other);
                }
            }
        }
    }

    #[test]
    fn boxes_without_size_follow_the_loss() {
        let point = [0.5, 0.5, 0.0, 0.0];
        let boxes =
            [point, [0.25, 0.5, 0.0, 0.0], [0.5, 0.5, 0.25, 0.0], [0.5, 0.5, 0.25, 0.25], [0.5, 0.5, 1e-25, 1e-25]];
        check(BoxFormat::Cxcywh, &boxes.concat(), &[point, [0.5, 0.5, 1e-20, 1e-20]].concat());
        check(BoxFormat::Xyxy, &[[0.5; 4], [0.25, 0.5, 0.25, 0.5]].concat(), &[0.5; 4]);
    }

    #[test]
    fn an_epsilon_below_the_digits_of_f32_counts_where_areas_are_as_small() {
        let boxes = [[0.5, 0.5, 1e-8, 1e-8], [0.5, 0.5, 1e-9, 2e-9], [0.5, 0.5, 0.0, 0.0], [0.25, 0.5, 0.0, 0.0]];
        for box_epsilon in [1e-16, 1e-18, 1e-40, 1e-300, f64::from_bits(1)] {
            let [mut config, ..] = configs(BoxFormat::Cxcywh);
            config.geometry.epsilon = box_epsilon;
            check_with(&config, &boxes.concat(), &boxes.concat());
        }
    }

    #[test]
    fn the_largest_boxes_stay_finite() {
        let boxes = [[-LIMIT, LIMIT, LIMIT, LIMIT], [LIMIT, -LIMIT, LIMIT, LIMIT]];
        check(BoxFormat::Cxcywh, &boxes.concat(), &boxes.concat());
    }

    #[test]
    fn values_that_no_box_has_are_noticed() {
        for (at, value) in
            [(0, f32::NAN), (5, f32::INFINITY), (8, f32::NEG_INFINITY), (3, -0.1), (6, -1e-30), (68, 2e9)]
        {
            let mut boxes = vec![0.5; 4 * 18];
            boxes[at] = value;
            for level in Level::available() {
                let sound = dispatch!(level, simd => lay_out::<_, Cxcywh>(simd, &boxes, &mut Vec::new()));
                assert!(!sound, "{value} at {at}");
            }
        }
    }
}
