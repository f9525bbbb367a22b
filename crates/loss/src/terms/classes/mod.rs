//! The kinds of classification.

mod binary;
mod cost;
mod cross_entropy;
mod divisor;
mod sigmoid;
mod softmax;

use super::family::Kind;
use crate::field::{Axis, Field};

/// A logit for each class, and with softmax one for no-object.
pub(crate) const LOGITS: Field =
    Field { name: "logits", axes: &[Axis { name: "class", size: None }], has_gradient: true };

/// All kinds, the usual one first.
pub(super) const KINDS: [&Kind; 5] =
    [&softmax::KIND, &sigmoid::FOCAL, &sigmoid::VARIFOCAL, &sigmoid::MAL, &sigmoid::IA_BCE];
