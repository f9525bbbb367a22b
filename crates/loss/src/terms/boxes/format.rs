//! Boxes: what their four components are, and which values they may have.

use crate::option::OptionInfo;
use crate::terms::limits::{outside_unit, too_large};
use crate::terms::pair::{Broken, Overlap};

/// Numbers of a box.
pub(crate) const COMPONENTS: usize = 4;

const EXTENT: &str = "width and height must not be negative";
const MAGNITUDE: &str = "a box's components must not exceed 1e9";
const NORMALIZED: &str = "normalised boxes lie in [0, 1] (pixels? divide by the image's width and height, or set \
                          normalizedBoxes to false)";

/// What is said of a predicted box.
pub(super) const PREDICTED_EXTENT: &str =
    "width and height must not be negative (with clampSizes: true such sides count as 0 in the forms of IoU)";

/// What the four components of a box are: `cxcywh` centre, width and height; `xyxy` the two corners.
pub(crate) const BOX_FORMAT: OptionInfo = OptionInfo::word("boxFormat", &["cxcywh", "xyxy"]);

/// What the four components of a box are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BoxFormat {
    /// Centre, width and height.
    Cxcywh,
    /// The two corners.
    Xyxy,
}

impl BoxFormat {
    /// The format of a [`BOX_FORMAT`].
    pub fn new(word: &str) -> Self {
        if word == "xyxy" { Self::Xyxy } else { Self::Cxcywh }
    }

    /// The first rule that finite components break.
    pub fn broken_rule(self, values: &[f32]) -> Option<Broken> {
        let values = components(values);
        if let Some(broken) = too_large(values, MAGNITUDE) {
            return Some(broken);
        }
        let axis = (0..2).find(|&axis| self.side(values, axis) < 0.0)?;
        Some(Broken { at: axis + 2, rule: EXTENT })
    }

    /// The side of a box on an axis.
    pub fn side(self, values: &[f32], axis: usize) -> f32 {
        match self {
            Self::Cxcywh => values[axis + 2],
            Self::Xyxy => values[axis + 2] - values[axis],
        }
    }

    /// Whether a rule is that of negative sides.
    pub fn is_extent(broken: &Broken) -> bool {
        broken.rule == EXTENT
    }

    /// The overlap of a query with a region, 0 to 1; a quotient with denominator 0 counts as 0, and so does a side below 0.
    pub fn overlap(self, overlap: Overlap, query: &[f32], region: &[f32]) -> f64 {
        let [q, r] = [query, region].map(|values| self.corners(values));
        let area = |c: [f64; 4]| (c[2] - c[0]) * (c[3] - c[1]);
        let side = |k: usize| (q[k + 2].min(r[k + 2]) - q[k].max(r[k])).max(0.0);
        let intersection = side(0) * side(1);
        let divisor = match overlap {
            Overlap::OfQuery => area(q),
            Overlap::OverUnion => area(q) + area(r) - intersection,
        };
        if divisor > 0.0 { intersection / divisor } else { 0.0 }
    }

    fn corners(self, values: &[f32]) -> [f64; 4] {
        let [a, b, c, d] = [0, 1, 2, 3].map(|k| f64::from(values[k]));
        match self {
            Self::Cxcywh => {
                let [w, h] = [c, d].map(|side| side.max(0.0) / 2.0);
                [a - w, b - h, a + w, b + h]
            }
            Self::Xyxy => [a, b, c.max(a), d.max(b)],
        }
    }
}

/// A row, whose length is known by now.
fn components(values: &[f32]) -> &[f32; COMPONENTS] {
    values.first_chunk().expect("rows have as many numbers as boxes")
}

/// The component of normalised targets that lies outside [0, 1].
pub(super) fn outside(values: &[f32]) -> Option<Broken> {
    outside_unit(components(values), NORMALIZED)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overlaps_are_over_the_querys_area_or_the_union() {
        let (small, large) = ([0.25, 0.25, 0.5, 0.5], [0.5, 0.5, 1.0, 1.0]);
        let of = |kind, q: &[f32], r: &[f32]| BoxFormat::Cxcywh.overlap(kind, q, r);
        assert_eq!(of(Overlap::OfQuery, &small, &large), 1.0);
        assert_eq!(of(Overlap::OfQuery, &large, &small), 0.25);
        assert_eq!(of(Overlap::OverUnion, &small, &large), 0.25);
        assert_eq!(of(Overlap::OfQuery, &[0.5, 0.5, 0.0, 0.0], &large), 0.0, "no area");
        assert_eq!(of(Overlap::OverUnion, &[0.5, 0.5, -1.0, -0.5], &large), 0.0, "sides below 0 are none");
        let corners = |q: &[f32], r: &[f32]| BoxFormat::Xyxy.overlap(Overlap::OverUnion, q, r);
        assert_eq!(corners(&[0.0, 0.0, 1.0, 1.0], &[0.5, 0.0, 1.5, 1.0]), 1.0 / 3.0);
        assert_eq!(corners(&[0.0, 0.0, 1.0, 1.0], &[2.0, 0.0, 3.0, 1.0]), 0.0);
    }
}
