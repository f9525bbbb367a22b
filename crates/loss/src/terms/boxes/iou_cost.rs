//! The forms of IoU in the matching cost by the loss' own `f64` definition: no published criterion has others than GIoU
//! there. Also L1 and GIoU, where boxes are not the first family of a batch.

use simd::{LANES, Level, dispatch, padded};

use super::cost::component;
use super::format::COMPONENTS;
use super::pairs::{agreement_of, weighted_loss};
use super::values::{BoxTerms, Geometry};
use crate::terms::pair::Measure;

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
    const GROUP: usize = LANES / 2;
    // the loss of a pair is 1 - IoU, so what is subtracted is this less the weighted loss
    let perfect = weights.giou + weights.iou + weights.diou + weights.ciou;
    let count = targets.len() / COMPONENTS;
    if perfect + weights.l1 == 0.0 || count == 0 {
        return;
    }
    let stride = block.len() / count;
    debug_assert_eq!(stride, padded(stride));
    dispatch!(level, simd => for (target, row) in block.chunks_exact_mut(stride.max(1)).enumerate() {
        let mut target_box = [0.0; COMPONENTS];
        target_box.copy_from_slice(&targets[COMPONENTS * target..][..COMPONENTS]);
        for start in (0..stride).step_by(GROUP) {
            let mut boxes = [[0.0; GROUP]; COMPONENTS];
            for k in 0..COMPONENTS {
                for (wide, &value) in boxes[k].iter_mut().zip(component(columns, k, start)) {
                    *wide = f64::from(value);
                }
            }
            let loss = weighted_loss(simd, geometry, weights, &boxes, &target_box);
            for (cost, loss) in row[start..start + GROUP].iter_mut().zip(loss) {
                *cost = (f64::from(*cost) - (perfect - loss)) as f32;
            }
        }
    });
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
    let mut target_box = [0.0; COMPONENTS];
    target_box.copy_from_slice(target);
    dispatch!(level, simd => for start in (0..out.len()).step_by(LANES / 2) {
        let mut boxes = [[0.0; LANES / 2]; COMPONENTS];
        for k in 0..COMPONENTS {
            for (wide, &value) in boxes[k].iter_mut().zip(component(columns, k, start)) {
                *wide = f64::from(value);
            }
        }
        let values = agreement_of(simd, geometry, measure, &boxes, &target_box);
        for (out, value) in out[start..start + LANES / 2].iter_mut().zip(values) {
            *out = value as f32;
        }
    });
}
