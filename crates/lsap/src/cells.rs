//! What a proof needs to read of a matrix, however it is stored.

use simd::Level;

use crate::cost::Cost;
use crate::error::Result;
use crate::interrupt::Interrupt;
use crate::matrix::CostMatrix;

/// A matrix of costs, dense or sparse.
pub trait Matrix {
    /// Checks the matrix and gives its cells.
    ///
    /// # Errors
    /// Whatever is wrong with the matrix.
    #[doc(hidden)]
    fn read(&self) -> Result<impl Cells>;

    /// A limit as the matrix would store it, see [`Cost::stored`].
    #[doc(hidden)]
    fn stored(&self, limit: f64) -> f64;
}

/// The cells of a matrix that is sound.
#[doc(hidden)]
pub trait Cells {
    /// Number of rows.
    fn rows(&self) -> usize;

    /// Number of columns.
    fn columns(&self) -> usize;

    /// The allowed cells of a row, each with its column and its cost.
    fn cells(&self, row: usize) -> impl Iterator<Item = (usize, f64)>;

    /// The cost of a cell, +infinity if it is forbidden.
    fn cost(&self, row: usize, column: usize) -> f64;
}

impl<T: Cost> Matrix for CostMatrix<'_, T> {
    fn read(&self) -> Result<impl Cells> {
        self.check(Level::detect(), &Interrupt::default())?;
        Ok(*self)
    }

    fn stored(&self, limit: f64) -> f64 {
        T::stored(limit)
    }
}

impl<T: Cost> Cells for CostMatrix<'_, T> {
    fn rows(&self) -> usize {
        self.rows
    }

    fn columns(&self) -> usize {
        self.columns
    }

    fn cells(&self, row: usize) -> impl Iterator<Item = (usize, f64)> {
        let costs = &self.costs[row * self.columns..][..self.columns];
        costs.iter().map(|cost| cost.value()).enumerate().filter(|&(_, cost)| cost != f64::INFINITY)
    }

    fn cost(&self, row: usize, column: usize) -> f64 {
        self.at(row, column)
    }
}
