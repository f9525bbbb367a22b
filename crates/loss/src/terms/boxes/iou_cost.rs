//! The forms of IoU in the matching cost by the loss' own `f64` definition: no published criterion has others than GIoU
//! there. Also L1 and GIoU, where boxes are not the first family of a batch.

use simd::{LANES, Level, dispatch, padded};

use super::cost::{COLUMNS, component};
use super::format::COMPONENTS;
use super::pairs::{agreement_of, weighted_loss};
use super::values::{BoxTerms, Geometry};
use crate::terms::pair::Measure;

/// Queries at a time.
const GROUP: usize = LANES / 2;

/// Adds λ · L1 and subtracts λ · IoU of each kind that has a weight. `columns`: see [`super::cost::lay_out`]. `targets`:
/// `[targets, 4]`. `block`: `[targets, padded queries]`, which has a cell.
pub(super) fn add(
    level: Level,
    geometry: Geometry,
    weights: &BoxTerms,
    columns: &[f32],
    targets: &[f32],
    block: &mut [f32],
) {
    let perfect = perfect(weights);
    let count = targets.len() / COMPONENTS;
    if perfect + weights.l1 == 0.0 || count == 0 {
        return;
    }
    let stride = block.len() / count;
    debug_assert_eq!(stride, padded(stride));
    dispatch!(level, simd => for (target, row) in block.chunks_exact_mut(stride.max(1)).enumerate() {
        let target_box = one_box(&targets[COMPONENTS * target..][..COMPONENTS]);
        for start in (0..stride).step_by(GROUP) {
            let loss = weighted_loss(simd, geometry, weights, &boxes_from(columns, start), &target_box);
            for (cost, loss) in row[start..start + GROUP].iter_mut().zip(loss) {
                *cost = (f64::from(*cost) - (perfect - loss)) as f32;
            }
        }
    });
}

/// λ · L1 less λ · IoU of each kind that has a weight, of one target with each of the queries that count, added up. `columns`: see
/// [`super::cost::lay_out`]. `target`: `[4]`.
pub(super) fn sum(
    level: Level,
    geometry: Geometry,
    weights: &BoxTerms,
    columns: &[f32],
    target: &[f32],
    counts: impl Fn(usize) -> bool,
) -> f64 {
    let (perfect, target_box) = (perfect(weights), one_box(target));
    let mut sum = 0.0;
    dispatch!(level, simd => for start in (0..columns.len() / COLUMNS).step_by(GROUP) {
        let loss = weighted_loss(simd, geometry, weights, &boxes_from(columns, start), &target_box);
        let counted = loss.into_iter().enumerate().filter(|(lane, _)| counts(start + lane));
        sum += counted.map(|(_, loss)| loss - perfect).sum::<f64>();
    });
    sum
}

/// How well every query agrees with one target. `columns`: see [`super::cost::lay_out`]. `out`: `[padded queries]`.
pub(super) fn agreement_row(
    level: Level,
    geometry: Geometry,
    measure: Measure,
    columns: &[f32],
    target: &[f32],
    out: &mut [f32],
) {
    let target_box = one_box(target);
    dispatch!(level, simd => for start in (0..out.len()).step_by(GROUP) {
        let values = agreement_of(simd, geometry, measure, &boxes_from(columns, start), &target_box);
        for (out, value) in out[start..start + GROUP].iter_mut().zip(values) {
            *out = value as f32;
        }
    });
}

/// The loss of a pair is 1 - IoU, so what is subtracted of its cost is this less the weighted loss.
fn perfect(weights: &BoxTerms) -> f64 {
    weights.giou + weights.iou + weights.diou + weights.ciou
}

/// Eight boxes from `start` on. `columns`: see [`super::cost::lay_out`].
#[inline(always)]
fn boxes_from(columns: &[f32], start: usize) -> [[f64; GROUP]; COMPONENTS] {
    let mut boxes = [[0.0; GROUP]; COMPONENTS];
    for k in 0..COMPONENTS {
        for (wide, &value) in boxes[k].iter_mut().zip(component(columns, k, start)) {
            *wide = f64::from(value);
        }
    }
    boxes
}

#[inline(always)]
fn one_box(row: &[f32]) -> [f32; COMPONENTS] {
    let mut own = [0.0; COMPONENTS];
    own.copy_from_slice(row);
    own
}
