//! Points: how many coordinates they have, which values are allowed, and how much each counts.

use crate::option::OptionInfo;
use crate::terms::limits::{LIMIT, outside_unit, too_large};
use crate::terms::pair::Broken;

const MAGNITUDE: &str = "a point's coordinates must not exceed 1e9";
const NORMALIZED: &str = "normalised points lie in [0, 1] (pixels or metres? divide by the size of the image or the \
                          range, or set normalizedPoints to false)";
const AREA: &str = "an area must be from 0 to 1e18";
const SHARE: &str = "an area must be from 0 to 1, the image's (pixels? divide by its width times its height, or set \
                     normalizedPoints to false)";
const VISIBILITY: &str = "visibility must be 0, 1 or 2";

/// The coordinates of a point.
pub(super) const POINT_FORMAT: OptionInfo = OptionInfo::word("pointFormat", &["xy", "xyz"]);

/// How many coordinates a point of a [`POINT_FORMAT`] has.
pub(super) fn dimensions(word: &str) -> usize {
    word.len()
}

/// The width that rows must have which have the width `given`: whole points, as many as there are weights for.
pub(super) fn width(dimensions: usize, weights: Option<&[f64]>, given: usize) -> usize {
    let points = |width: usize| width.div_ceil(dimensions).max(1).saturating_mul(dimensions);
    match weights.map(<[f64]>::len) {
        None => points(given),
        Some(count) if count == given => points(given),
        Some(count) => count.saturating_mul(dimensions),
    }
}

/// The first rule that finite coordinates break.
pub(super) fn broken_rule(row: &[f32]) -> Option<Broken> {
    too_large(row, MAGNITUDE)
}

/// The coordinate of normalised targets that lies outside [0, 1].
pub(super) fn outside(row: &[f32]) -> Option<Broken> {
    outside_unit(row, NORMALIZED)
}

/// What is no visibility.
pub(super) fn broken_visibility(row: &[f32]) -> Option<Broken> {
    let at = row.iter().position(|value| ![0.0, 1.0, 2.0].contains(value))?;
    Some(Broken { at, rule: VISIBILITY })
}

/// What is no area, of normalised points or of others.
pub(super) fn broken_area(row: &[f32], are_normalized: bool) -> Option<Broken> {
    let (most, rule) = if are_normalized { (1.0, SHARE) } else { (LIMIT * LIMIT, AREA) };
    let at = row.iter().position(|area| !(0.0..=most).contains(area))?;
    Some(Broken { at, rule })
}

/// How much each coordinate of a target counts.
#[derive(Clone, Copy, Debug)]
pub(super) struct Weighing<'a> {
    /// Coordinates of a point.
    pub dimensions: usize,
    /// Coordinates of a target.
    pub width: usize,
    /// One for each point, or one for each coordinate; 1 for all in absence.
    pub weights: Option<&'a [f64]>,
    /// The same for the cost; empty in absence.
    pub cost_weights: &'a [f32],
    /// `[targets, points]`; empty where all are visible.
    pub visibility: &'a [f32],
}

impl<'a> Weighing<'a> {
    /// Points of a target.
    #[inline(always)]
    pub fn points(&self) -> usize {
        self.width / self.dimensions
    }

    /// The visibility of a target's points, if there are any that may be hidden.
    #[inline(always)]
    pub fn visible(&self, target: usize) -> Option<&'a [f32]> {
        let points = self.points();
        (!self.visibility.is_empty()).then(|| &self.visibility[target * points..][..points])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn width_is_that_of_whole_points_with_a_weight_for_each_or_for_each_coordinate() {
        assert_eq!([0, 1, 4, 5].map(|given| width(2, None, given)), [2, 2, 4, 6]);
        assert_eq!([3, 4].map(|given| width(3, None, given)), [3, 6]);
        let weights = [1.0; 6];
        assert_eq!([12, 6, 8, 0].map(|given| width(2, Some(&weights), given)), [12, 6, 12, 12]);
        assert_eq!([2, 3].map(|given| width(3, Some(&weights[..3]), given)), [9, 3]);
    }

    #[test]
    fn broken_rules_name_the_coordinate() {
        assert_eq!(broken_rule(&[0.5, -2e9]), Some(Broken { at: 1, rule: MAGNITUDE }));
        assert_eq!(broken_rule(&[1e9, -1e9]), None);
        assert_eq!(outside(&[1.00005, 0.0, 1.001]), Some(Broken { at: 2, rule: NORMALIZED }));
        assert_eq!(broken_visibility(&[0.0, 1.0, 2.0, 3.0]), Some(Broken { at: 3, rule: VISIBILITY }));
        assert_eq!(broken_visibility(&[0.0, 0.5]), Some(Broken { at: 1, rule: VISIBILITY }));
        assert_eq!(broken_visibility(&[-1.0]), Some(Broken { at: 0, rule: VISIBILITY }));
        assert_eq!(broken_visibility(&[2.0, -0.0]), None);
        let is_broken = |are_normalized| move |area: f32| broken_area(&[area], are_normalized).is_some();
        assert_eq!([-1.0, 2e18, 0.0, 1e18].map(is_broken(false)), [true, true, false, false]);
        assert_eq!([-1e-9, 1.5, 0.0, 1.0].map(is_broken(true)), [true, true, false, false]);
    }
}
