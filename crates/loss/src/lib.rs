//! The Hungarian (set-prediction) loss of DETR and its family: matching cost, exact assignment, loss and gradients.
//!
//! For every decoder layer and image, with queries q and targets t:
//!
//! 1. cost(q, t) = λ_class · c + λ_l1 · Σ|b_q - b_t| - λ_giou · GIoU(b_q, b_t), where c is of one of the forms of
//!    [`ClassCost`], for DETR -softmax(logits_q)\[label_t\];
//! 2. the assignment of targets to queries with the least total cost, exactly;
//! 3. loss = w_class · class term + w_l1 · Σ L1 / N + w_giou · Σ (1 - GIoU) / N, where N is the number of targets in the
//!    batch, at least 1. The class term is, for DETR, a cross-entropy in which every unmatched query has the label no-object
//!    with a small weight, and for its successors a binary loss of every query and class ([`Sigmoid`]). IoU, DIoU and CIoU
//!    may take part as GIoU does, and where a layer gives the edges' distributions, the terms of D-FINE ([`Bins`]);
//! 4. the gradients of the loss by logits, boxes and the logits of edges.
//!
//! Axes: layers L, images B, queries Q, classes C (the object classes and, with softmax, no-object), row-major. Inputs and
//! gradients are `f32`; sums, duals and box terms are `f64`. Every instruction set gives the same bits.
//!
//! Source: Carion et al. 2020, "End-to-End Object Detection with Transformers", and its code, facebookresearch/detr; the
//! variants name theirs.

#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod batch;
mod config;
mod cost;
mod criterion;
mod error;
mod ignore;
mod loss;
mod part;
mod scratch;
#[cfg(test)]
mod test_support;
mod union;
mod view;

pub use batch::{Corners, Layer, Predictions, Shape, Targets};
pub use config::{
    BoxFormat, Cardinality, ClassCost, Classification, Config, Distribution, Ignore, LossWeights, NonFinite,
    Normalization, Overlap, Sigmoid, Softmax, Weights,
};
pub use criterion::{Criterion, LayerCounts, LayerGradients, LayerTerms, NonFiniteCounts, Normalizers, Report};
pub use error::{BoxRule, Error, QueryPlace, Result, TargetPlace};
pub use loss::distribution::{Bins, Distillation, EdgeTarget, Localization, Tiles, distillation_shares};
pub use lsap::{Interrupt, Threads};
pub use part::{LayerRule, Matching, Part};
pub use scratch::Scratch;
pub use simd::Level;
