//! Assignment over the listed cells of a sparse matrix, such as gated tracks and detections.
//!
//! [`SparseSolver`] is the entry. It sorts the allowed cells of a [`listing`] into [`rows`] of the shorter side, negated
//! if it maximises, and hands them to [`solver`], which warms up by [`auction`] where searches would take long.
//! [`partial`] comes first if not all rows need to be placed, and whether they can be is decided by [`matching`].

mod auction;
mod heap;
mod listing;
mod matching;
mod partial;
mod rows;
mod solver;

pub use listing::SparseMatrix;

use super::dense::{NONE, Outcome};
use super::{Assignment, AssignmentOptions, Cost, Interrupt, infeasible};
use crate::error::{Error, Result};
use rows::Rows;
use solver::Solver;

/// Pairs and duals, with rows on the shorter side.
#[derive(Debug, Default)]
struct Solution {
    column_of_row: Vec<u32>,
    row_of_column: Vec<u32>,
    /// `limit` for a row without a column.
    row_duals: Vec<f64>,
    column_duals: Vec<f64>,
}

impl Solution {
    fn clear(&mut self) {
        self.column_of_row.clear();
        self.row_of_column.clear();
        self.row_duals.clear();
        self.column_duals.clear();
    }

    /// Takes what a solver has left.
    fn read(&mut self, solver: &Solver, limit: f64) {
        self.clear();
        self.column_of_row.extend(&solver.column_of_row);
        self.row_of_column.extend(solver.columns.iter().map(|column| column.row));
        self.row_duals.extend(solver.column_of_row.iter().zip(&solver.cost_of_row).map(
            |(&column, cost)| match column {
                NONE => limit,
                column => (cost - solver.duals[column as usize]).min(limit),
            },
        ));
        self.column_duals.extend(&solver.duals);
    }
}

/// Solves sparse matrices one after the other, keeping its memory.
#[derive(Debug, Default)]
pub struct SparseSolver {
    matrix: Rows,
    spare: Rows,
    solver: Solver,
    solution: Solution,
}

impl SparseSolver {
    /// A solver that stops with [`Error::Interrupted`] once the flag is raised.
    #[must_use]
    pub fn with_interrupt(interrupt: Interrupt) -> Self {
        let mut solver = Self::default();
        solver.solver.interrupt = interrupt;
        solver
    }

    /// A solver that turns to scaling at once, for tests.
    #[doc(hidden)]
    #[must_use]
    pub fn scaling_at_once() -> Self {
        let mut solver = Self::default();
        solver.solver.scales_at_once = true;
        solver
    }

    /// Solves a matrix exactly; the order in which its cells are listed makes no difference.
    ///
    /// # Errors
    /// [`Error::RowStarts`], [`Error::RowIndex`], [`Error::ColumnIndex`], [`Error::ListedTwice`];
    /// [`Error::ListedCost`] for NaN and -infinity; [`Error::InfeasibleRows`] or [`Error::InfeasibleColumns`], unless
    /// `partial` or with a limit; [`Error::Interrupted`].
    pub fn solve<T: Cost>(
        &mut self,
        matrix: &SparseMatrix<'_, T>,
        options: AssignmentOptions,
    ) -> Result<Assignment<'_>> {
        options.check()?;
        let given = options.cost_limit.map(T::stored);
        let signed = |largest: f64| {
            let scale = scale_of(largest.max(given.unwrap_or(0.0).abs()));
            let sign = if options.maximize { -scale } else { scale };
            (sign, given.map_or(f64::INFINITY, |limit| limit * sign))
        };
        let is_transposed = matrix.rows > matrix.columns;
        let Self { matrix: cells, spare, solver, solution } = self;
        let (sign, limit) = matrix.read(is_transposed, signed, [cells, spare], &solver.interrupt)?;
        let outcome = if given.is_none() && options.partial {
            partial::solve(cells, spare, solver, solution);
            Outcome::Optimal
        } else if given.is_some()
            && partial::is_beyond(limit, cells)
            && partial::solve_within(limit, cells, spare, solver, solution)
        {
            Outcome::Optimal
        } else {
            solve(cells, spare, limit, solver, solution)
        };
        if solver.interrupt.is_raised() {
            return Err(Error::Interrupted); // what was left half done is of no use
        }
        if let Outcome::Infeasible(rows) = outcome {
            return Err(infeasible(rows, is_transposed));
        }
        if given.is_some() {
            solution.row_duals.iter_mut().for_each(|dual| *dual -= limit);
        }
        let Solution { column_of_row, row_of_column, row_duals, column_duals } = solution;
        let (short, long) = ((&column_of_row[..], &row_duals[..]), (&row_of_column[..], &column_duals[..]));
        let assignment = Assignment::new(short, long, is_transposed, sign);
        Ok(Assignment { total: matrix.total(assignment.column_of_row), ..assignment })
    }
}

/// Solves a matrix with at most as many rows as columns, of which all get a column or, with a limit, some stay without.
/// `spare` is for memory.
fn solve(matrix: &mut Rows, spare: &mut Rows, limit: f64, solver: &mut Solver, solution: &mut Solution) -> Outcome {
    let outcome = solver.solve(matrix, spare, limit);
    solution.read(solver, limit);
    outcome
}

/// A power of two that brings costs near the largest `f64` into a range where sums of them stay finite.
fn scale_of(magnitude: f64) -> f64 {
    const LARGE: f64 = 1e200;
    if magnitude > LARGE { 2.0f64.powi(-400) } else { 1.0 }
}
