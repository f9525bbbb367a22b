//! What queries have of masks: planes of logits, or the factors of them.

use super::canvas::Size;
use super::{BIAS_FIELD, FEATURES, MASKS, QUERIES, size_of_plane};
use crate::field::FieldRows;

/// The masks of an image's queries.
#[derive(Clone, Copy)]
pub(super) enum Prediction<'a> {
    /// `[queries, height, width]`.
    Planes(&'a [f32]),
    /// Features `[channels, height, width]` of the image, a row of `[queries, channels]` for each query, and a bias, if there is one.
    Factors { features: &'a [f32], queries: &'a [f32], channels: usize, bias: Option<f32> },
}

impl<'a> Prediction<'a> {
    /// Those of some rows. `first`: the place of the family's first field.
    pub fn new(rows: FieldRows<'a>, first: usize) -> Self {
        if rows.width(first + MASKS) > 0 {
            return Self::Planes(rows.get(first + MASKS));
        }
        Self::Factors {
            features: rows.get(first + FEATURES),
            queries: rows.get(first + QUERIES),
            channels: rows.width(first + QUERIES),
            bias: rows.get(first + BIAS_FIELD).first().copied(),
        }
    }

    /// How large a plane is.
    pub fn size(rows: &FieldRows<'_>, first: usize) -> Size {
        let [height, width] = size_of_plane(&[rows.axes(first + MASKS), rows.axes(first + FEATURES)]);
        Size::new(height, width)
    }

    /// What is added to each logit of a product, if anything is.
    pub fn bias(self) -> Option<f32> {
        match self {
            Self::Planes(_) => None,
            Self::Factors { bias, .. } => bias,
        }
    }
}
