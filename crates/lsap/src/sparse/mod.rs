//! Assignment over the listed cells of a sparse matrix, such as gated tracks and detections.
//!
//! [`SparseSolver`] is the entry. It sorts the allowed cells of a [`listing`] into [`rows`] of the shorter side, negated
//! if it maximises, and hands them to [`solver`], which warms up by [`auction`] where searches would take long.
//! [`partial`] comes first if not all rows need to be placed, and whether they can be is decided by [`matching`]. Where
//! digits may have been lost, of a dense matrix too, [`exact`] has the last word.

mod auction;
mod exact;
mod heap;
mod listing;
mod matching;
mod partial;
mod rows;
mod solver;

pub use listing::SparseMatrix;

use super::certificate::{STRICT, certify};
use super::dense::{NONE, Outcome};
use super::doubt::{Doubt, Pair, Verdict};
use super::{Assignment, AssignmentOptions, COST, Cost, CostMatrix, Interrupt, infeasible, verifying_takes};
use crate::error::{Error, Result};
use crate::memory::{self, GiveBack, KEPT};
use rows::{Cell, Rows};
use solver::Solver;

/// Pairs and duals, with rows on the shorter side.
#[derive(Debug, Default)]
pub(super) struct Solution {
    pub column_of_row: Vec<u32>,
    pub row_of_column: Vec<u32>,
    /// `limit` for a row without a column.
    pub row_duals: Vec<f64>,
    pub column_duals: Vec<f64>,
}

/// When digits that sums may have lost are [looked after](exact).
#[derive(Clone, Copy, Debug, PartialEq)]
enum Care {
    IfInDoubt,
    Always,
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

/// Bytes that solving takes, at most, for a matrix with so many listed cells, but for what looks after lost digits.
fn solving_takes([rows, columns]: [usize; 2], cells: usize) -> u128 {
    /// For a row or a column, and for a cell.
    const LINE: u128 = 128;
    const CELL: u128 = 64;
    (rows as u128 + columns as u128) * LINE + cells as u128 * CELL
}

/// Solves sparse matrices one after the other, keeping its memory.
#[derive(Debug, Default)]
pub struct SparseSolver {
    matrix: Rows,
    spare: Rows,
    solver: Solver,
    solution: Solution,
    /// The most bytes that a solve may have needed since memory was last given back, but for what looks after lost digits,
    /// of which nothing is kept.
    largest: u128,
}

impl SparseSolver {
    /// A solver that stops with [`Error::Interrupted`] once the flag is raised.
    #[must_use]
    pub fn with_interrupt(interrupt: Interrupt) -> Self {
        let mut solver = Self::default();
        solver.solver.interrupt = interrupt;
        solver
    }

    /// The most bytes that a solve may have needed since memory was last given back.
    #[doc(hidden)]
    #[must_use]
    pub fn largest(&self) -> u128 {
        self.largest
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
    /// `partial` or with a limit; [`Error::Memory`]; [`Error::Interrupted`].
    pub fn solve<T: Cost>(
        &mut self,
        matrix: &SparseMatrix<'_, T>,
        options: AssignmentOptions,
    ) -> Result<Assignment<'_>> {
        options.check()?;
        self.largest = self.largest.max(matrix.needs());
        let given = options.cost_limit.map(T::stored);
        let signed = |largest: f64| {
            let scale = scale_of(largest.max(given.unwrap_or(0.0).abs()));
            let sign = if options.maximize { -scale } else { scale };
            (sign, given.map_or(f64::INFINITY, |limit| limit * sign))
        };
        let is_transposed = matrix.rows > matrix.columns;
        let Self { matrix: cells, spare, solver, .. } = self;
        let (sign, limit) = matrix.read(is_transposed, signed, [cells, spare], &solver.interrupt)?;
        let outcome = self.run(limit, options)?;
        let Self { solver, solution, .. } = self;
        if solver.interrupt.is_raised() {
            return Err(Error::Interrupted); // what was left half done is of no use
        }
        if let Outcome::Infeasible(rows) = outcome {
            return Err(infeasible(rows, is_transposed));
        }
        let Solution { column_of_row, row_of_column, row_duals, column_duals } = solution;
        let (short, long) = ((&column_of_row[..], &row_duals[..]), (&row_of_column[..], &column_duals[..]));
        let assignment = Assignment::new(short, long, is_transposed, sign);
        Ok(Assignment { total: matrix.total(assignment.column_of_row), ..assignment })
    }

    /// Improves the solution of a dense matrix, times `sign`, in which a solver has lost digits; the shorter side has the
    /// rows.
    ///
    /// # Errors
    /// [`Error::Memory`]; [`Error::Interrupted`].
    pub(super) fn solve_again<T: Cost>(
        &mut self,
        matrix: &CostMatrix<'_, T>,
        sign: f64,
        options: AssignmentOptions,
        found: &mut Solution,
    ) -> Result<()> {
        let limit = options.cost_limit.map_or(f64::INFINITY, |limit| limit * sign);
        let CostMatrix { costs, rows, columns } = *matrix;
        let cells = (0..rows).flat_map(|row| {
            let costs = costs[row * columns..][..columns].iter().enumerate();
            let allowed = costs.filter(|(_, cost)| cost.value() != f64::INFINITY);
            allowed.map(move |(column, cost)| (row as u32, Cell { cost: cost.value() * sign, column: column as u32 }))
        });
        let allowed = cells.filter(|(_, cell)| cell.cost <= limit);
        let count = self.solver.interrupt.guard(allowed.clone()).count();
        memory::require(COST, solving_takes([rows, columns], count))?;
        let across = |(row, cell): (u32, Cell)| (cell.column, Cell { column: row, ..cell });
        if rows <= columns {
            self.matrix.fill([rows, columns], allowed, &self.solver.interrupt);
        } else {
            self.matrix.fill([columns, rows], allowed.map(across), &self.solver.interrupt);
        }
        if options.cost_limit.is_none() && !found.column_of_row.contains(&NONE) {
            exact::refine(&self.matrix, &mut self.spare, &mut self.solver, found)?;
        } else {
            self.run(limit, options)?;
            std::mem::swap(&mut self.solution, found);
        }
        if self.solver.interrupt.is_raised() { Err(Error::Interrupted) } else { Ok(()) }
    }

    /// Solves the matrix that has been read. `limit`: that of the options with the matrix's sign, or +infinity.
    fn run(&mut self, limit: f64, options: AssignmentOptions) -> Result<Outcome> {
        let Self { matrix, spare, solver, solution, .. } = self;
        if options.cost_limit.is_none() {
            if options.partial {
                partial::solve(matrix, spare, solver, solution)?;
                return Ok(Outcome::Optimal);
            }
            return solve(matrix, spare, Care::IfInDoubt, solver, solution);
        }
        if !(partial::is_beyond(limit, matrix) && partial::solve_within(limit, matrix, spare, solver, solution)?) {
            solver.solve(matrix, spare, limit);
            solution.read(solver, limit);
        }
        solution.row_duals.iter_mut().for_each(|dual| *dual -= limit);
        Ok(Outcome::Optimal)
    }
}

impl GiveBack for SparseSolver {
    /// What is left has no interrupt.
    fn give_back(&mut self) {
        if self.largest > KEPT as u128 {
            *self = Self::default();
        }
    }
}

/// Solves a matrix with at most as many rows as columns, of which all get a column. `spare` is for memory.
fn solve(
    matrix: &mut Rows,
    spare: &mut Rows,
    care: Care,
    solver: &mut Solver,
    solution: &mut Solution,
) -> Result<Outcome> {
    let outcome = solver.solve(matrix, spare, f64::INFINITY);
    solution.read(solver, f64::INFINITY);
    let may_refine = outcome == Outcome::Optimal && !solver.interrupt.is_raised();
    if may_refine && (care == Care::Always || is_in_doubt(matrix, solver.shift, solution)?) {
        exact::refine(matrix, spare, solver, solution)?;
    }
    Ok(outcome)
}

/// Whether rounding has misled the solver, whose duals have been `shift` from 0.
fn is_in_doubt(matrix: &Rows, shift: f64, solution: &Solution) -> Result<bool> {
    let Solution { column_of_row, row_duals, column_duals, .. } = solution;
    let pairs = || {
        let places = column_of_row.iter().enumerate().filter(|&(_, &column)| column != NONE);
        places.map(|(row, &column)| Pair {
            cost: matrix.cost(row, column),
            row: row_duals[row],
            column: column_duals[column as usize],
        })
    };
    let mut doubt = Doubt::new(0.0, shift);
    pairs().for_each(|pair| doubt.note(pair));
    let is_proven = || -> Result<bool> {
        memory::require(COST, verifying_takes(matrix.height(), matrix.width))?;
        let columns: Vec<_> = column_of_row.iter().map(|&k| Some(k as usize).filter(|_| k != NONE)).collect();
        let proof = certify(matrix, AssignmentOptions::default(), &columns, [row_duals, column_duals], STRICT);
        Ok(proof.is_ok_and(|proof| proof.optimal))
    };
    Ok(match doubt.verdict(pairs()) {
        Verdict::Sound => false,
        Verdict::Open => !is_proven()?,
        Verdict::Lost => true,
    })
}

/// A power of two that brings costs near the largest `f64` into a range where sums of them stay finite.
fn scale_of(magnitude: f64) -> f64 {
    const LARGE: f64 = 1e200;
    if magnitude > LARGE { 2.0f64.powi(-400) } else { 1.0 }
}
