//! What families ask of finite coordinates: not too large, and of normalised targets within the unit range.

use std::ops::RangeInclusive;

use super::pair::Broken;

/// Largest magnitude of a coordinate: products of areas stay far inside the range of `f32`.
pub(super) const LIMIT: f32 = 1e9;

/// How far outside [0, 1] what is normalised may lie, for the rounding of its producer.
const NORMALIZED_SLACK: f32 = 1e-4;

/// What may be normalised.
const NORMALIZED: RangeInclusive<f32> = -NORMALIZED_SLACK..=1.0 + NORMALIZED_SLACK;

/// The first coordinate beyond [`LIMIT`].
pub(super) fn too_large(row: &[f32], rule: &'static str) -> Option<Broken> {
    let at = row.iter().position(|value| value.abs() > LIMIT)?;
    Some(Broken { at, rule })
}

/// The first normalised coordinate that lies outside [0, 1].
pub(super) fn outside_unit(row: &[f32], rule: &'static str) -> Option<Broken> {
    let at = row.iter().position(|value| !NORMALIZED.contains(value))?;
    Some(Broken { at, rule })
}

/// Whether all coordinates lie in [0, 1]. All are looked at, which is sooner done than looking for the first.
pub(super) fn are_in_unit(row: &[f32]) -> bool {
    row.iter().fold(true, |all, value| all & NORMALIZED.contains(value))
}
