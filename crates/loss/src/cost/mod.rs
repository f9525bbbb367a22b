//! The matching cost of every (query, target) pair of one image.
//!
//! cost = λ_class · c + λ_l1 · Σ|b_q - b_t| - λ_giou · GIoU(b_q, b_t), less the other forms of IoU where they have a weight
//! (Carion et al. 2020, section 3.1; facebookresearch/detr, `HungarianMatcher`). [`ClassCost`] says what c is.
//!
//! A block is target-major, `[targets, padded queries]`: the lanes are queries, and idle lanes hold +infinity.

pub(crate) mod boxes;
pub(crate) mod class;
pub(crate) mod iou;

use simd::{Level, dispatch};

use crate::batch::ImageTargets;
#[cfg(doc)]
use crate::config::ClassCost;
use crate::config::{BoxFormat, Config};

/// The class term of the targets' labels.
#[derive(Clone, Copy)]
pub(crate) struct ClassTerm<'a> {
    /// `[rows, padded queries]`.
    pub values: &'a [f32],
    /// Which of those rows each target uses.
    pub row_of_target: &'a [usize],
    /// What a value is multiplied by in the cost.
    pub weight: f32,
}

/// What the cost of one image is made of.
#[derive(Clone, Copy)]
pub(crate) struct Inputs<'a> {
    /// How many of the padded columns are real.
    pub queries: usize,
    pub columns: &'a boxes::Columns,
    pub class: ClassTerm<'a>,
    pub targets: ImageTargets<'a>,
}

/// Writes the block of one image.
pub(crate) fn fill(level: Level, config: &Config, inputs: &Inputs<'_>, block: &mut [f32]) {
    let weights = boxes::PairWeights {
        class: inputs.class.weight,
        l1: config.cost.l1 as f32,
        giou: config.cost.giou as f32,
        epsilon: config.box_epsilon as f32,
        exact_epsilon: config.box_epsilon,
    };
    dispatch!(level, simd => match config.box_format {
        BoxFormat::Cxcywh => boxes::fill::<_, boxes::Cxcywh>(simd, weights, inputs, block),
        BoxFormat::Xyxy => boxes::fill::<_, boxes::Xyxy>(simd, weights, inputs, block),
    });
    if config.cost.iou > 0.0 || config.cost.diou > 0.0 || config.cost.ciou > 0.0 {
        iou::add(level, config, inputs, block);
    }
}
