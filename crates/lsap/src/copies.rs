//! Memory for copies of costs, kept from solve to solve.

/// Memory for copies of costs of either type.
#[doc(hidden)]
#[derive(Debug, Default)]
pub struct CopiesByType {
    pub(crate) of_f32: Copies<f32>,
    pub(crate) of_f64: Copies<f64>,
}

/// Memory for copies of costs.
#[doc(hidden)]
#[derive(Debug, Default)]
pub struct Copies<T> {
    /// A negated or scaled matrix.
    pub(crate) converted: Vec<T>,
    /// The last rows, padded.
    pub(crate) end: Vec<T>,
    /// A transposed matrix, or some columns of one.
    pub(crate) transposed: Vec<T>,
    /// Where the columns that are gathered lie.
    pub(crate) places: Vec<u32>,
}
