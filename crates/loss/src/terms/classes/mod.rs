//! The kinds of classification.

mod binary;
mod combination;
mod cost;
mod cross_entropy;
mod divisor;
mod largest;
mod pairwise;
mod sigmoid;
mod softmax;

use super::family::Kind;
use crate::error::Result;
use crate::field::{Axis, Field};
use crate::option::Options;

/// A logit for each class, and with softmax one for no-object.
pub(crate) const LOGITS: Field =
    Field { name: "logits", axes: &[Axis { name: "class", size: None }], has_gradient: true };

/// Refuses options of a kind that have no meaning together.
pub(crate) fn check(kind: &Kind, options: &Options) -> Result<()> {
    if kind.is_sigmoid { cost::check(options) } else { Ok(()) }
}

/// All kinds, the usual one first.
pub(super) const KINDS: [&Kind; 6] =
    [&softmax::KIND, &sigmoid::FOCAL, &sigmoid::VARIFOCAL, &sigmoid::MAL, &sigmoid::IA_BCE, &sigmoid::SIGMOID];
