//! The entry for a caller's dense matrix: it makes sure of the memory, has the matrix solved, and doubts the result.

use simd::Level;

use crate::assignment::Assignment;
use crate::cells::Cells;
use crate::certificate::{STRICT, certify};
use crate::copies::CopiesByType;
use crate::cost::Cost;
use crate::doubt::{Doubt, Pair, Verdict};
use crate::error::{Error, Result};
use crate::interrupt::Interrupt;
use crate::matrix::CostMatrix;
use crate::memory::{self, GiveBack, KEPT};
use crate::needs::{COST, verifying_takes};
use crate::options::AssignmentOptions;
use crate::outcome::{NONE, Outcome};
use crate::padding::Unpadded;
use crate::route::Route;
use crate::router::Solver;
use crate::sparse::SparseSolver;
use crate::state::State;

/// Solves matrices one after the other, keeping its memory.
#[derive(Debug, Default)]
pub struct AssignmentSolver {
    copies: CopiesByType,
    solver: Solver,
    /// The most bytes that a solve may have needed since memory was last given back, but for what looks after lost digits,
    /// of which nothing is kept.
    largest: u128,
}

impl AssignmentSolver {
    /// A solver that stops with [`Error::Interrupted`] once the flag is raised.
    #[must_use]
    pub fn with_interrupt(interrupt: Interrupt) -> Self {
        let mut solver = Self::default();
        solver.solver.state.interrupt = interrupt;
        solver
    }

    /// The most bytes that a solve may have needed since memory was last given back.
    #[doc(hidden)]
    #[must_use]
    pub fn largest(&self) -> u128 {
        self.largest
    }

    /// A solver that goes one way only, for tests.
    #[doc(hidden)]
    #[must_use]
    pub fn with_route(route: Route) -> Self {
        let mut solver = Self::default();
        solver.solver.route = route;
        solver
    }

    /// Solves a matrix exactly; ties are broken the same way on every level.
    ///
    /// # Errors
    /// [`Error::Cost`] for NaN and -infinity; [`Error::InfeasibleRows`] or [`Error::InfeasibleColumns`], unless
    /// `partial` or with a limit; [`Error::Memory`]; [`Error::Interrupted`].
    pub fn solve<T: Cost>(
        &mut self,
        level: Level,
        matrix: &CostMatrix<'_, T>,
        options: AssignmentOptions,
    ) -> Result<Assignment<'_>> {
        options.check()?;
        let options = AssignmentOptions { cost_limit: options.cost_limit.map(T::stored), ..options };
        let mut sign = if options.maximize { -1.0 } else { 1.0 };
        let transposed = matrix.rows > matrix.columns;
        let Self { solver, copies, largest } = self;
        let copies = T::copies(copies);
        *largest = (*largest).max(copies.reserve(matrix, sign)?);
        let mut outcome = solver.solve_matrix(level, matrix, sign, false, options, copies);
        if outcome == Outcome::Unchecked {
            sign *= matrix.check(level, &solver.state.interrupt)?;
            *largest = (*largest).max(copies.reserve(matrix, sign)?);
            outcome = solver.solve_matrix(level, matrix, sign, true, options, copies);
        }
        if self.solver.is_interrupted() {
            return Err(Error::Interrupted); // what it has found is to be discarded
        }
        if let Outcome::Infeasible(rows) = outcome {
            return Err(Error::infeasible(rows, transposed));
        }
        let (mut total, verdict) = self.judge(matrix, sign, options);
        if verdict != Verdict::Sound {
            if !self.is_right(verdict, matrix, sign, options)? && !self.solve_unpadded(level, matrix, sign, options)? {
                self.solve_again(matrix, sign, options)?;
            }
            total = self.judge(matrix, sign, options).0;
        }
        Ok(Assignment { total, ..self.found(matrix, sign) })
    }

    /// Whether what the solver has found is right, after what was said of it.
    fn is_right<T: Cost>(
        &self,
        verdict: Verdict,
        matrix: &CostMatrix<'_, T>,
        sign: f64,
        options: AssignmentOptions,
    ) -> Result<bool> {
        match verdict {
            Verdict::Sound => Ok(true),
            Verdict::Open => is_proven(&self.found(matrix, sign), matrix, options),
            Verdict::Lost => Ok(false),
        }
    }

    /// Solves a matrix in which digits have been lost without its padding. Whether that is there, and was all that was
    /// wrong.
    #[cold]
    fn solve_unpadded<T: Cost>(
        &mut self,
        level: Level,
        matrix: &CostMatrix<'_, T>,
        sign: f64,
        options: AssignmentOptions,
    ) -> Result<bool> {
        if options.partial || options.cost_limit.is_some() {
            return Ok(false); // padding may then go without partners
        }
        let Some(unpadded) = Unpadded::of(matrix, &self.solver.state.interrupt)? else { return Ok(false) };
        let rest = unpadded.matrix();
        let outcome = self.solver.solve_matrix(level, &rest, sign, true, options, T::copies(&mut self.copies));
        if self.solver.is_interrupted() {
            return Err(Error::Interrupted);
        }
        debug_assert_eq!(outcome, Outcome::Optimal, "as many cells are allowed as before");
        let (_, verdict) = self.judge(&rest, sign, options);
        let is_right = self.is_right(verdict, &rest, sign, options)?;
        unpadded.put_back(&mut self.solver.state, sign);
        // beside padding that is not so large that it swallows them, duals of the rest may lack digits
        let (_, verdict) = self.judge(matrix, sign, options);
        Ok(is_right && (verdict == Verdict::Lost || self.is_right(verdict, matrix, sign, options)?))
    }

    /// Solves a matrix in which digits have been lost once more.
    #[cold]
    fn solve_again<T: Cost>(
        &mut self,
        matrix: &CostMatrix<'_, T>,
        sign: f64,
        options: AssignmentOptions,
    ) -> Result<()> {
        let mut solution = self.solver.state.give();
        let mut again = SparseSolver::with_interrupt(self.solver.state.interrupt.clone());
        again.improve(matrix, sign, options, &mut solution)?;
        self.solver.state.take(solution);
        Ok(())
    }

    /// What the solver has found, without the total.
    fn found<T>(&self, matrix: &CostMatrix<'_, T>, sign: f64) -> Assignment<'_> {
        let State { column_of_row, row_of_column, .. } = &self.solver.state;
        let (short_duals, long_duals) = self.solver.state.duals(matrix.rows.max(matrix.columns));
        let (short, long) = ((&column_of_row[..], short_duals), (&row_of_column[..], long_duals));
        Assignment::new(short, long, matrix.rows > matrix.columns, sign)
    }

    /// The total of what the solver has found, and what rounding may have done to it.
    fn judge<T: Cost>(&self, matrix: &CostMatrix<'_, T>, sign: f64, options: AssignmentOptions) -> (f64, Verdict) {
        let found = self.found(matrix, sign);
        let pairs = || {
            let pairs = found.column_of_row.iter().zip(found.row_duals).enumerate();
            pairs.filter(|&(_, (&column, _))| column != NONE).map(|(at, (&column, &row))| Pair {
                cost: matrix.at(at, column as usize),
                row,
                column: found.column_duals[column as usize],
            })
        };
        let scaled = |pair: Pair| Pair { cost: pair.cost * sign, ..pair };
        let limit = options.cost_limit.map_or(0.0, |limit| limit * sign);
        let mut doubt = Doubt::new(limit, self.solver.state.shift);
        let mut total = 0.0;
        for pair in pairs() {
            total += pair.cost;
            doubt.note(scaled(pair));
        }
        (total, doubt.verdict(pairs().map(scaled)))
    }
}

impl GiveBack for AssignmentSolver {
    /// What is left has no interrupt.
    fn give_back(&mut self) {
        if self.largest > KEPT as u128 {
            *self = Self::default();
        }
    }
}

/// Whether the duals prove the assignment.
#[cold]
fn is_proven(found: &Assignment<'_>, matrix: &impl Cells, options: AssignmentOptions) -> Result<bool> {
    memory::require(COST, verifying_takes(matrix.rows(), matrix.columns()))?;
    let columns: Vec<_> = found.columns_of_rows().collect();
    let duals: [Vec<f64>; 2] = [found.row_duals().collect(), found.column_duals().collect()];
    let proof = certify(matrix, options, &columns, [&duals[0], &duals[1]], STRICT);
    Ok(proof.is_ok_and(|proof| proof.optimal))
}
