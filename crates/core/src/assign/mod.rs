//! Exact linear sum assignment: of a matrix of costs, one cell in every row of the shorter side, no two in a column,
//! with the least total.
//!
//! [`Assignment::solve`] is the entry for a caller's matrix. It copies the matrix into a padded block with rows on the
//! shorter side, negated if it maximises, and hands it to [`dense`], or to [`partial`] where not all rows can be
//! placed. [`verify`] proves a result by its dual variables.

mod certificate;
pub(crate) mod dense;
mod partial;

pub use certificate::{Certificate, verify};

use crate::batch::check_length;
use crate::error::{Error, Result};
use crate::simd::{Level, padded};
use dense::{Block, Outcome};

/// A caller's matrix of costs, row-major.
#[derive(Clone, Copy, Debug)]
pub struct CostMatrix<'a, T> {
    costs: &'a [T],
    rows: usize,
    columns: usize,
}

/// A storage type of costs; the arithmetic is in `f64`.
pub trait Cost: Copy {
    /// The exact value.
    fn value(self) -> f64;
}

impl Cost for f32 {
    fn value(self) -> f64 {
        f64::from(self)
    }
}

impl Cost for f64 {
    fn value(self) -> f64 {
        self
    }
}

impl<'a, T: Cost> CostMatrix<'a, T> {
    /// `costs`: `[rows, columns]`; +infinity forbids a cell.
    ///
    /// # Errors
    /// [`Error::Length`], or [`Error::Cost`] for NaN and -infinity.
    pub fn new(costs: &'a [T], rows: usize, columns: usize) -> Result<Self> {
        check_length("cost", costs.len(), &[rows, columns])?;
        let refused = |c: &T| c.value().is_nan() || c.value() == f64::NEG_INFINITY;
        if let Some(at) = costs.iter().position(refused) {
            return Err(Error::Cost { row: at / columns, column: at % columns, value: costs[at].value() });
        }
        Ok(Self { costs, rows, columns })
    }

    fn at(&self, row: usize, column: usize) -> f64 {
        self.costs[row * self.columns + column].value()
    }

    /// Largest finite magnitude.
    fn magnitude(&self) -> f64 {
        self.costs.iter().map(|c| c.value().abs()).filter(|c| c.is_finite()).fold(0.0, f64::max)
    }
}

/// How to read a matrix.
#[derive(Clone, Copy, Debug, Default)]
pub struct AssignmentOptions {
    /// Find the largest total; +infinity still forbids.
    pub maximize: bool,
    /// Where no assignment covers the shorter side: the most pairs, and of those the least total, instead of an error.
    pub partial: bool,
}

/// An optimal assignment.
#[derive(Clone, Debug, PartialEq)]
pub struct Assignment {
    /// The column of every row.
    pub column_of_row: Vec<Option<usize>>,
    /// Sum of the assigned cells, in row order.
    pub total: f64,
    /// Dual variable of every row.
    pub row_duals: Vec<f64>,
    /// Dual variable of every column. In minimisation `row + column ≤ cost` everywhere, with equality where assigned.
    pub column_duals: Vec<f64>,
}

impl Assignment {
    /// Solves a matrix exactly; ties are broken the same way on every level.
    ///
    /// # Errors
    /// [`Error::InfeasibleRows`] or [`Error::InfeasibleColumns`], unless `partial`.
    pub fn solve<T: Cost>(level: Level, matrix: &CostMatrix<'_, T>, options: AssignmentOptions) -> Result<Self> {
        let transposed = matrix.rows > matrix.columns;
        let (short, long) = if transposed { (matrix.columns, matrix.rows) } else { (matrix.rows, matrix.columns) };
        let scale = scale_of(matrix.magnitude());
        let sign = if options.maximize { -scale } else { scale };
        let stride = padded(long);
        let mut costs = vec![f64::INFINITY; short * stride];
        for row in 0..matrix.rows {
            for column in 0..matrix.columns {
                let at = if transposed { column * stride + row } else { row * stride + column };
                let cost = matrix.at(row, column);
                costs[at] = if cost == f64::INFINITY { cost } else { cost * sign };
            }
        }
        let block = Block { costs: &costs, rows: short, columns: long, stride };
        let mut solver = dense::Solver::default();
        match solver.solve(level, &block) {
            Outcome::Optimal => {}
            Outcome::Infeasible(_) if options.partial => partial::solve(&block, &mut solver),
            Outcome::Infeasible(mut rows) => {
                rows.sort_unstable();
                let reachable = rows.len() - 1;
                return Err(if transposed {
                    Error::InfeasibleColumns { columns: rows, rows: reachable }
                } else {
                    Error::InfeasibleRows { rows, columns: reachable }
                });
            }
        }
        let column_of = |row: usize| {
            let found = if transposed { solver.row_of(row) } else { solver.column_of(row) };
            found.map(|k| k as usize)
        };
        let column_of_row: Vec<_> = (0..matrix.rows).map(column_of).collect();
        let assigned = column_of_row.iter().enumerate().filter_map(|(row, &c)| Some(matrix.at(row, c?)));
        let total = assigned.fold(0.0, |sum, cost| sum + cost); // `sum` would give -0 for none
        let (mut row_duals, mut column_duals) = solver.into_duals(&block);
        if transposed {
            std::mem::swap(&mut row_duals, &mut column_duals);
        }
        for dual in row_duals.iter_mut().chain(&mut column_duals) {
            *dual /= sign;
        }
        Ok(Self { column_of_row, total, row_duals, column_duals })
    }
}

/// A power of two that brings costs near the largest `f64` into a range where sums of them stay finite.
fn scale_of(magnitude: f64) -> f64 {
    const LARGE: f64 = 1e200;
    if magnitude > LARGE { 2.0f64.powi(-400) } else { 1.0 }
}
