//! The matching cost of every (query, target) pair of one image.
//!
//! cost = λ_class · c + λ_l1 · Σ|b_q - b_t| - λ_giou · GIoU(b_q, b_t) with c = -softmax(logits_q)[label_t]
//! (Carion et al. 2020, section 3.1; facebookresearch/detr, `HungarianMatcher`).
//!
//! A block is target-major, `[targets, padded queries]`: the lanes are queries, and idle lanes hold +infinity.

pub(crate) mod boxes;

use crate::batch::ImageTargets;
use crate::config::{BoxFormat, Weights};
use crate::simd::{Level, dispatch};

/// Probabilities of the targets' classes, as the background pass leaves them.
#[derive(Clone, Copy)]
pub(crate) struct ClassTerm<'a> {
    /// `[distinct labels, padded queries]`.
    pub probabilities: &'a [f32],
    /// Which of those rows each target uses.
    pub row_of_target: &'a [usize],
    /// What a probability was multiplied by.
    pub scale: f32,
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
pub(crate) fn fill(level: Level, format: BoxFormat, weights: &Weights, inputs: &Inputs<'_>, block: &mut [f32]) {
    let weights = boxes::PairWeights {
        class: (-weights.class / f64::from(inputs.class.scale)) as f32,
        l1: weights.l1 as f32,
        giou: weights.giou as f32,
    };
    dispatch!(level, simd => match format {
        BoxFormat::Cxcywh => boxes::fill::<_, boxes::Cxcywh>(simd, weights, inputs, block),
        BoxFormat::Xyxy => boxes::fill::<_, boxes::Xyxy>(simd, weights, inputs, block),
    });
}
