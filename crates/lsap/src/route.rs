//! Which way a dense matrix goes, and the sizes that decide it.

/// The way to an optimal assignment. All lead to one; which of several may differ.
#[doc(hidden)]
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Route {
    /// By the shape.
    #[default]
    Auto,
    /// Searches that scan rows as a whole.
    Dense,
    /// Searches over candidates.
    Lazy,
    /// The same, after scaling.
    Scaling,
    /// Searches that scan rows as a whole, in which rows choose first even where the matrix is square.
    RowsFirst,
    /// The same, with equal rows or columns in groups wherever there are any.
    Grouped,
}

/// Cells from which the lazy search is the faster one, if the matrix is near square.
const CELLS: usize = 200_000;

/// Size from which a square matrix may turn out to need scaling.
const HARD: usize = 100;

/// Whether the lazy search is worth while.
pub(crate) fn is_lazy_worth_while(rows: usize, columns: usize) -> bool {
    rows * columns >= CELLS && is_near_square(rows, columns)
}

/// Whether rows are at least two thirds of columns.
fn is_near_square(rows: usize, columns: usize) -> bool {
    3 * rows >= 2 * columns
}

/// Whether shortest paths alone might take too long.
pub(crate) fn may_be_hard(rows: usize, columns: usize) -> bool {
    rows >= HARD && is_near_square(rows, columns)
}

/// Work that one run of [scaling](crate::scaling) usually takes, in cells scanned.
pub(crate) fn scaling_work(rows: usize, columns: usize) -> usize {
    4 * rows * (columns + 200)
}
