//! The Hungarian (set-prediction) loss of DETR and its family: matching cost, exact assignment, loss and gradients.
//!
//! For every decoder layer and image, with queries q and targets t:
//!
//! 1. cost(q, t) = λ_class · c + Σ λ · d, where c is a cost of the class, for DETR -softmax(logits_q)\[label_t\], and d are
//!    the costs of geometric terms, for DETR Σ|b_q - b_t| and -GIoU(b_q, b_t);
//! 2. the assignment of targets to queries with the least total cost, exactly;
//! 3. loss = w_class · class term + Σ w · term / N, where N is the number of targets in the batch, at least 1. The class term
//!    is, for DETR, a cross-entropy in which every unmatched query has the label no-object with a small weight, and for its
//!    successors a binary loss of every query and class. [`describe`] lists all terms, their fields and options;
//! 4. the gradients of the loss by logits and by the fields of each family of terms.
//!
//! Axes: layers L, images B, queries Q, classes C (the object classes and, with softmax, no-object), row-major. Inputs and
//! gradients are `f32`; sums, duals and geometric terms are `f64`. Every instruction set gives the same bits.
//!
//! Source: Carion et al. 2020, "End-to-End Object Detection with Transformers", and its code, facebookresearch/detr; the
//! variants name theirs.
//!
//! ```
//! use hungarian_loss::{Config, Criterion, Inputs, Level, Normalizers, Part, Scratch, Stack, Structure, Targets};
//!
//! // one image, two queries, three classes and no-object
//! let criterion = Criterion::new(Level::detect(), &Config::detr(3))?;
//! let plan = criterion.plan(Structure {
//!     images: 1,
//!     stacks: vec![Stack::of_rows(1, 2, vec![4, 4])],
//!     parts: vec![Part::plain(0..1, 0..2)],
//!     targets: vec![true],
//! })?;
//! let (logits, boxes) = ([0.0, 2.0, 0.0, 0.0, 0.0, 0.0, 0.0, 3.0], [0.5, 0.5, 0.2, 0.2, 0.1, 0.1, 0.1, 0.1]);
//! let target_boxes: &[f32] = &[0.5, 0.5, 0.2, 0.3];
//! let targets = Targets::new(&[1], None, &[target_boxes], &[0, 1], &[])?;
//! let inputs = Inputs { tensors: &[&logits, &boxes], given: &[], costs: &[], query_weights: &[], targets, seed: 0 };
//! let (mut by_logits, mut by_boxes, mut matches) = ([0.0; 8], [0.0; 8], [0; 2]);
//! let gradients: &mut [&mut [f32]] = &mut [&mut by_logits, &mut by_boxes];
//! let report =
//!     plan.compute(&inputs, Normalizers::default(), gradients, &mut matches, &mut Scratch::default())?;
//! assert_eq!(matches, [0, -1]);
//! assert!(report.loss > 0.0 && by_boxes[3] < 0.0);
//! # Ok::<(), hungarian_loss::Error>(())
//! ```

#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod batch;
mod config;
mod criterion;
mod describe;
mod error;
mod field;
mod option;
mod raster;
mod shape;
mod step;
mod terms;
#[cfg(test)]
mod test_support;
mod weights;

pub use batch::Targets;
pub use config::Config;
pub use criterion::{Criterion, Plan};
pub use describe::{Description, describe};
pub use error::{Array, Error, Place, QueryPlace, Result, TargetPlace, Value, WeightOf};
pub use field::{Axis, Component, Field, Owner};
pub use lsap::{Interrupt, Threads};
pub use option::{OptionInfo, OptionValue, Options, Values};
pub use raster::Raster;
pub use simd::Level;
pub use step::{
    Inputs, LayerCounts, LayerReport, LayerRule, Matching, NonFiniteCounts, Normalizers, Part, Report, SCORE_OPTIONS,
    Score, Scratch, Stack, Structure,
};
pub use terms::family::{Family, Form, Kind, Presence, TargetField, Term};
pub use terms::{TERMS, query_fields, target_fields, terms};
pub use weights::Weights;
