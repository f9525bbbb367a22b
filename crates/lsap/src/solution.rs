//! Pairs and duals by themselves, which pass from one solver to another.

/// Pairs and duals, with rows on the shorter side.
#[derive(Debug, Default)]
pub(crate) struct Solution {
    pub column_of_row: Vec<u32>,
    pub row_of_column: Vec<u32>,
    /// `limit` for a row without a column.
    pub row_duals: Vec<f64>,
    pub column_duals: Vec<f64>,
}

impl Solution {
    /// Forgets all, but not its memory.
    pub fn clear(&mut self) {
        self.column_of_row.clear();
        self.row_of_column.clear();
        self.row_duals.clear();
        self.column_duals.clear();
    }
}
