//! Flags of targets that say whether these have what a family compares: 1 for those that have, 0 for others. Where a batch has
//! no flags, all have.

use super::family::TargetField;
use super::pair::Broken;
use crate::field::{Axis, Field, FieldRows};

/// A field of them.
pub(super) const fn field(name: &'static str) -> TargetField {
    TargetField::optional(Field::row(name, &[Axis { name: "flag", size: Some(1) }], false))
}

/// Whether a target's is 1. `place`: of the field.
#[inline]
pub(super) fn is_set(targets: FieldRows<'_>, place: usize, target: usize) -> bool {
    // most batches have none
    targets.width(place) == 0 || targets.get(place)[target] > 0.0
}

/// A value that is none of the two.
pub(super) fn broken(row: &[f32], rule: &'static str) -> Option<Broken> {
    let at = row.iter().position(|&flag| flag != 0.0 && flag != 1.0)?;
    Some(Broken { at, rule })
}
