//! What a solve has found.

use crate::error::{Result, check_length};
use crate::outcome::NONE;

/// An optimal assignment, to be read from the solver that found it.
#[derive(Clone, Copy, Debug)]
pub struct Assignment<'a> {
    pub(crate) column_of_row: &'a [u32],
    pub(crate) row_duals: &'a [f64],
    pub(crate) column_duals: &'a [f64],
    /// What the costs were multiplied by.
    pub(crate) sign: f64,
    /// Sum of the assigned cells, in row order.
    pub total: f64,
}

impl<'a> Assignment<'a> {
    /// From the partners and duals of the shorter side and of the longer one, which is that of the rows if `transposed`.
    pub(crate) fn new(
        short: (&'a [u32], &'a [f64]),
        long: (&'a [u32], &'a [f64]),
        transposed: bool,
        sign: f64,
    ) -> Self {
        let ((column_of_row, row_duals), (_, column_duals)) = if transposed { (long, short) } else { (short, long) };
        Self { column_of_row, row_duals, column_duals, sign, total: 0.0 }
    }

    /// The column of every row.
    pub fn columns_of_rows(&self) -> impl Iterator<Item = Option<usize>> {
        self.column_of_row.iter().map(|&column| Some(column as usize).filter(|_| column != NONE))
    }

    /// Writes the column of every row, or -1, and, unless `duals` is empty, the duals of the rows, then of the columns.
    ///
    /// # Errors
    /// [`Error::Length`](crate::Error::Length) where an array has not as many places.
    pub fn write(&self, column_of_row: &mut [i32], duals: &mut [f64]) -> Result<()> {
        check_length("column_of_row", column_of_row.len(), &[self.column_of_row.len()])?;
        for (place, column) in column_of_row.iter_mut().zip(self.columns_of_rows()) {
            *place = column.map_or(-1, |column| column as i32);
        }
        if !duals.is_empty() {
            check_length("duals", duals.len(), &[self.row_duals.len() + self.column_duals.len()])?;
            for (place, dual) in duals.iter_mut().zip(self.row_duals().chain(self.column_duals())) {
                *place = dual;
            }
        }
        Ok(())
    }

    /// Dual variable of every row.
    pub fn row_duals(&self) -> impl Iterator<Item = f64> {
        self.row_duals.iter().map(|dual| dual / self.sign)
    }

    /// Dual variable of every column. In minimisation `row + column ≤ cost` everywhere, with equality where assigned;
    /// with a limit `row + column ≤ cost - limit`, none above 0, and 0 for what is unassigned.
    pub fn column_duals(&self) -> impl Iterator<Item = f64> {
        self.column_duals.iter().map(|dual| dual / self.sign)
    }
}
