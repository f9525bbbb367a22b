//! What families ask of finite coordinates: not too large, and of normalised targets within the unit range.

use super::pair::Broken;

/// Largest magnitude of a coordinate: products of areas stay far inside the range of `f32`.
pub(super) const LIMIT: f32 = 1e9;

/// How far outside [0, 1] a normalised target may lie, for the rounding of its producer.
const NORMALIZED_SLACK: f32 = 1e-4;

/// The first coordinate beyond [`LIMIT`].
pub(super) fn too_large(row: &[f32], rule: &'static str) -> Option<Broken> {
    let at = row.iter().position(|value| value.abs() > LIMIT)?;
    Some(Broken { at, rule })
}

/// The first coordinate of a normalised target that lies outside [0, 1].
pub(super) fn outside_unit(row: &[f32], rule: &'static str) -> Option<Broken> {
    let allowed = -NORMALIZED_SLACK..=1.0 + NORMALIZED_SLACK;
    let at = row.iter().position(|value| !allowed.contains(value))?;
    Some(Broken { at, rule })
}
