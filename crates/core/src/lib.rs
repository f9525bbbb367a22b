//! The Hungarian (set-prediction) loss of DETR: matching cost, exact assignment, loss and gradients.
//!
//! For every decoder layer and image, with queries q and targets t:
//!
//! 1. cost(q, t) = λ_class · -softmax(logits_q)\[label_t\] + λ_l1 · Σ|b_q - b_t| - λ_giou · GIoU(b_q, b_t);
//! 2. the assignment of targets to queries with the least total cost, exactly;
//! 3. loss = w_class · cross-entropy + w_l1 · Σ L1 / N + w_giou · Σ (1 - GIoU) / N, where every unmatched query has the
//!    label no-object with a small weight, and N is the number of targets in the batch, at least 1;
//! 4. the gradients of the loss by logits and boxes.
//!
//! Axes: layers L, images B, queries Q, classes C (the object classes and no-object), row-major. Inputs and gradients
//! are `f32`; sums, duals and box terms are `f64`. Every instruction set gives the same bits.
//!
//! Source: Carion et al. 2020, "End-to-End Object Detection with Transformers", and its code, facebookresearch/detr.

#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod assign;
mod batch;
mod config;
mod cost;
mod criterion;
mod error;
mod loss;
mod scratch;
mod simd;
#[cfg(test)]
mod test_support;

pub use assign::{
    Assignment, AssignmentOptions, AssignmentSolver, BatchOutputs, Certificate, Cost, CostMatrix, Interrupt, Matrix,
    SparseMatrix, SparseSolver, verify,
};
#[doc(hidden)]
pub use assign::{Cells, Path};
pub use batch::{Layer, Predictions, Shape, Targets};
pub use config::{BoxFormat, Classification, Config, NonFinite, Normalization, Weights};
pub use criterion::{Criterion, LayerGradients, LayerTerms, NonFiniteCounts, Normalizers, Report};
pub use error::{BoxRule, Error, QueryPlace, Result, TargetPlace};
pub use scratch::Scratch;
pub use simd::Level;
