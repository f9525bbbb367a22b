//! What the terms of boxes have in common: one number for each, and the geometry that they measure by.

use super::format::BoxFormat;

/// How boxes are measured.
#[derive(Clone, Copy, Debug)]
pub(super) struct Geometry {
    pub format: BoxFormat,
    /// Added to every area and squared length that is divided by, or the least that divides.
    pub epsilon: f64,
    /// Whether it is the least that divides.
    pub clamps: bool,
    /// What the components are that L1 compares in the loss.
    pub l1: BoxFormat,
    /// Whether predicted sides are clamped to 0, rather than known to be no less.
    pub clamps_sides: bool,
}

impl Geometry {
    /// What is added to what divides.
    #[inline(always)]
    pub fn added(&self) -> f64 {
        if self.clamps { 0.0 } else { self.epsilon }
    }
}

/// One number for each term of a box.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct BoxTerms {
    pub l1: f64,
    pub giou: f64,
    pub iou: f64,
    pub diou: f64,
    pub ciou: f64,
}

impl BoxTerms {
    /// From the numbers of the terms in the family's order.
    pub fn of(values: &[f64]) -> Self {
        Self { l1: values[0], giou: values[1], iou: values[2], diou: values[3], ciou: values[4] }
    }

    /// In the family's order.
    pub fn values(&self) -> [f64; 5] {
        let Self { l1, giou, iou, diou, ciou } = *self;
        [l1, giou, iou, diou, ciou]
    }
}
