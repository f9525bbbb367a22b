//! IoU, DIoU and CIoU in the matching cost, by the loss' own `f64` definition: no published criterion has them there.

use simd::{LANES, Level, dispatch, padded};

use super::Inputs;
use crate::config::Config;
use crate::error::COMPONENTS;
use crate::loss::boxes::{BoxTerms, weighted_loss};

/// Subtracts λ · IoU of each kind that has a weight from the cells of a block.
pub(crate) fn add(level: Level, config: &Config, inputs: &Inputs<'_>, block: &mut [f32]) {
    const GROUP: usize = LANES / 2;
    let weights = BoxTerms { l1: 0.0, giou: 0.0, ..BoxTerms::of(&config.cost) };
    // the loss of a pair is 1 - IoU, so what is subtracted is this less the weighted loss
    let perfect = weights.iou + weights.diou + weights.ciou;
    let stride = padded(inputs.queries);
    dispatch!(level, simd => for (target, row) in block.chunks_exact_mut(stride.max(1)).enumerate() {
        let mut target_box = [0.0; COMPONENTS];
        target_box.copy_from_slice(&inputs.targets.boxes[COMPONENTS * target..][..COMPONENTS]);
        for start in (0..stride).step_by(GROUP) {
            let mut boxes = [[0.0; GROUP]; COMPONENTS];
            for k in 0..COMPONENTS {
                for (wide, &value) in boxes[k].iter_mut().zip(inputs.columns.component(k, start)) {
                    *wide = f64::from(value);
                }
            }
            let loss = weighted_loss(simd, config.box_format, config.box_epsilon, &weights, &boxes, &target_box);
            for (cost, loss) in row[start..start + GROUP].iter_mut().zip(loss) {
                *cost = (f64::from(*cost) - (perfect - loss)) as f32;
            }
        }
    });
}
