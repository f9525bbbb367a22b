//! What the terms of boxes have in common: one number for each, and the geometry that they measure by.

use super::format::BoxFormat;

/// How boxes are measured.
#[derive(Clone, Copy, Debug)]
pub(super) struct Geometry {
    pub format: BoxFormat,
    /// Added to every area and squared length that is divided by.
    pub epsilon: f64,
    /// What the components are that L1 compares in the loss.
    pub l1: BoxFormat,
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
