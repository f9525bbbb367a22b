//! What is known of a column of a sparse matrix but its dual, which bids read by itself.

use crate::outcome::NONE;

/// A column, and the shortest path to it.
#[derive(Clone, Debug)]
pub(crate) struct ColumnState {
    /// Length of the shortest path to it, -infinity once scanned.
    pub distance: f64,
    /// The cost of the cell that leads here.
    pub cost: f64,
    /// The row that has it.
    pub row: u32,
    /// The row before it on its path.
    pub parent: u32,
}

impl Default for ColumnState {
    fn default() -> Self {
        Self { distance: f64::INFINITY, cost: f64::INFINITY, row: NONE, parent: NONE }
    }
}
