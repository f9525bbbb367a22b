//! The entry for a sparse matrix, of which only the listed cells may be chosen, such as gated tracks and detections.
//!
//! It sorts the allowed cells of a [`listing`](crate::sparse::listing) into [`rows`](crate::sparse::rows) of the shorter
//! side, negated if it maximises, and has them solved.

use crate::assignment::Assignment;
use crate::cost::{Cost, scale_of};
use crate::error::{Error, Result};
use crate::interrupt::Interrupt;
use crate::matrix::CostMatrix;
use crate::memory::{self, GiveBack, KEPT};
use crate::needs::{COST, listed_solving_takes};
use crate::options::AssignmentOptions;
use crate::outcome::{NONE, Outcome};
use crate::solution::Solution;
use crate::sparse::complete::{self, Care};
use crate::sparse::listing::SparseMatrix;
use crate::sparse::rows::{ListedCell, SparseRows};
use crate::sparse::state::SparseState;
use crate::sparse::{exact, partial};

/// Solves sparse matrices one after the other, keeping its memory.
#[derive(Debug, Default)]
pub struct SparseSolver {
    matrix: SparseRows,
    spare: SparseRows,
    state: SparseState,
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
        solver.state.interrupt = interrupt;
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
        solver.state.scales_at_once = true;
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
        let Self { matrix: cells, spare, state, .. } = self;
        let (sign, limit) = matrix.read(is_transposed, signed, [cells, spare], &state.interrupt)?;
        let outcome = self.run(limit, options)?;
        let Self { state, solution, .. } = self;
        if state.interrupt.is_raised() {
            return Err(Error::Interrupted); // what it has found is to be discarded
        }
        if let Outcome::Infeasible(rows) = outcome {
            return Err(Error::infeasible(rows, is_transposed));
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
    pub(crate) fn improve<T: Cost>(
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
            allowed.map(move |(column, cost)| {
                (row as u32, ListedCell { cost: cost.value() * sign, column: column as u32 })
            })
        });
        let allowed = cells.filter(|(_, cell)| cell.cost <= limit);
        let count = self.state.interrupt.guard(allowed.clone()).count();
        memory::require(COST, listed_solving_takes([rows, columns], count))?;
        let across = |(row, cell): (u32, ListedCell)| (cell.column, ListedCell { column: row, ..cell });
        if rows <= columns {
            self.matrix.fill([rows, columns], allowed, &self.state.interrupt);
        } else {
            self.matrix.fill([columns, rows], allowed.map(across), &self.state.interrupt);
        }
        if options.cost_limit.is_none() && !found.column_of_row.contains(&NONE) {
            exact::refine(&self.matrix, &mut self.spare, &mut self.state, found)?;
        } else {
            self.run(limit, options)?;
            std::mem::swap(&mut self.solution, found);
        }
        if self.state.interrupt.is_raised() { Err(Error::Interrupted) } else { Ok(()) }
    }

    /// Solves the matrix that has been read. `limit`: that of the options with the matrix's sign, or +infinity.
    fn run(&mut self, limit: f64, options: AssignmentOptions) -> Result<Outcome> {
        let Self { matrix, spare, state, solution, .. } = self;
        if options.cost_limit.is_none() {
            if options.partial {
                partial::solve(matrix, spare, state, solution)?;
                return Ok(Outcome::Optimal);
            }
            return complete::solve(matrix, spare, Care::IfInDoubt, state, solution);
        }
        if !(partial::is_beyond(limit, matrix) && partial::solve_within(limit, matrix, spare, state, solution)?) {
            state.solve(matrix, spare, limit);
            state.write_to(solution, limit);
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
