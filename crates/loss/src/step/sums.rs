//! What an image of a layer adds up to, and a layer.

use crate::terms::{QUERY_FIELDS, TERMS};

/// The sums of an image or of a layer.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sums {
    /// Each term, not yet divided by its normaliser.
    pub terms: [f64; TERMS],
    pub matched: usize,
    pub correct: usize,
    pub cardinality_error: usize,
}

/// Counts of the non-finite values met, all 0 unless the option `nonFinite` is `worst`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NonFiniteCounts {
    /// Values of each field of the queries that are NaN or ±infinity, in the order of
    /// [`query_fields`](crate::query_fields).
    pub fields: [usize; QUERY_FIELDS],
    /// Cells of cost matrices that were filled with a cost above every finite one of the image.
    pub costs: usize,
}

impl Sums {
    /// Divides each term.
    pub fn divide(&mut self, divisors: &[f64; TERMS]) {
        self.terms.iter_mut().zip(divisors).for_each(|(term, divisor)| *term /= divisor);
    }

    pub fn add(&mut self, other: &Self) {
        self.terms.iter_mut().zip(other.terms).for_each(|(sum, value)| *sum += value);
        self.matched += other.matched;
        self.correct += other.correct;
        // of targets that are repeated without end
        self.cardinality_error = self.cardinality_error.saturating_add(other.cardinality_error);
    }
}
