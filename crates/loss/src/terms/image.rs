//! Terms of an image as a whole, whatever pairs it has.

use std::fmt::Debug;

use simd::Level;

use crate::field::FieldRows;

/// An image of a layer.
#[derive(Clone, Copy)]
pub(crate) struct WholeImage<'a> {
    /// All queries, with what belongs to the image and its layer.
    pub queries: FieldRows<'a>,
    /// Whether any target that takes part in the matching can be seen.
    pub has_visible: bool,
}

/// The terms. Where a value of the image's own fields is not finite, and is left out, it has none of them.
pub(crate) trait ImageTerms: Debug + Send + Sync {
    /// The width that the field `index` of the family's queries must have.
    fn query_width(&self, index: usize) -> usize;

    /// Each term is added to its sum. `scales`: what each is multiplied by in the gradient. `gradients`: of each of the
    /// family's fields, all rows, which are 0 and are written.
    fn add(
        &self,
        level: Level,
        image: &WholeImage<'_>,
        scales: &[f64],
        sums: &mut [f64],
        gradients: Option<&mut [&mut [f32]]>,
    );
}
