//! How much memory a solve takes, at most, so that it can ask beforehand.

use simd::LANES;

use crate::copies::Copies;
use crate::cost::Cost;
use crate::error::Result;
use crate::matrix::CostMatrix;
use crate::memory;

/// The argument that memory is needed for.
pub(crate) const COST: &str = "cost";

/// What solving takes, at most.
pub(crate) struct Needs {
    /// Costs of a copy that is converted.
    converted: u128,
    /// Costs of a copy that is transposed, or gathered column by column.
    transposed: u128,
    /// Bytes of all else, which grows with the sides.
    lines: u128,
}

impl Needs {
    /// Bytes for a row or a column: duals, partners, distances, lists that may have doubled.
    const LINE: u128 = 80;
    /// Bytes for one of the shorter side: also its candidates, and the events of a search.
    const SHORT_LINE: u128 = 2048;

    pub fn of<T>(&CostMatrix { costs, rows, columns }: &CostMatrix<'_, T>, sign: f64) -> Self {
        let converted = if sign == 1.0 { 0 } else { costs.len() as u128 };
        let transposed =
            if rows > columns { columns as u128 * (rows as u128).next_multiple_of(LANES as u128) } else { 0 };
        Self { converted, transposed, lines: Self::lines([rows, columns]) }
    }

    pub fn bytes<T>(&self) -> u128 {
        self.lines + (self.converted + self.transposed) * size_of::<T>() as u128
    }

    /// Bytes beside copies of the matrix.
    fn lines([rows, columns]: [usize; 2]) -> u128 {
        (rows as u128 + columns as u128) * Self::LINE + rows.min(columns) as u128 * Self::SHORT_LINE
    }
}

impl<T: Cost> Copies<T> {
    /// Reserves what is as large as a matrix that is solved times `sign`, and makes sure of all else that solving takes;
    /// gives the sum of both in bytes.
    pub(crate) fn reserve(&mut self, matrix: &CostMatrix<'_, T>, sign: f64) -> Result<u128> {
        let needs = Needs::of(matrix, sign);
        memory::reserve(COST, &mut self.converted, needs.converted)?;
        memory::reserve(COST, &mut self.transposed, needs.transposed)?;
        memory::require(COST, needs.lines)?;
        Ok(needs.bytes::<T>())
    }
}

/// Bytes that solving a matrix takes beside the matrix, at most.
#[doc(hidden)]
#[must_use]
pub fn solving_takes(shape: [usize; 2]) -> u128 {
    Needs::lines(shape)
}

/// Bytes that solving takes, at most, for a matrix with so many listed cells, but for what looks after lost digits.
pub(crate) fn listed_solving_takes([rows, columns]: [usize; 2], cells: usize) -> u128 {
    /// For a row or a column, and for a cell.
    const LINE: u128 = 128;
    const CELL: u128 = 64;
    (rows as u128 + columns as u128) * LINE + cells as u128 * CELL
}

/// Bytes that a proof takes beside the matrix, at most, with the lists of pairs and duals.
#[doc(hidden)]
pub fn verifying_takes(rows: usize, columns: usize) -> u128 {
    /// For a row or a column.
    const LINE: u128 = 160;
    (rows as u128 + columns as u128) * LINE
}
