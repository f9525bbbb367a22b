//! Exact linear sum assignment: of a matrix of costs, one cell in every row of the shorter side, no two in a column,
//! with the least total.
//!
//! [`AssignmentSolver`] is the entry for a caller's matrix. It copies the matrix into a padded block with rows on the
//! shorter side, negated if it maximises, and hands it to [`dense`], which passes large ones on to [`lazy`], or to
//! [`partial`] where not all rows can be placed; many matrices at once go through [`batch`]. [`SparseSolver`] does so for
//! a matrix of which only the allowed cells are listed. [`verify`] proves a result by its dual variables.

mod batch;
mod candidates;
mod certificate;
pub(crate) mod dense;
mod interrupt;
mod lazy;
mod matrix;
mod partial;
mod scaling;
mod sparse;

pub use batch::BatchOutputs;
pub use certificate::{Certificate, verify};
pub use dense::Path;
pub use interrupt::Interrupt;
pub use matrix::{Cells, Matrix};
pub use sparse::{SparseMatrix, SparseSolver};

use crate::batch::check_length;
use crate::error::{Error, Result};
use crate::simd::{self, F64, LANES, Level, Simd, dispatch, padded, prelude::*};
use dense::{Block, NONE, Outcome};

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

    /// Sixteen values at `at`.
    #[doc(hidden)]
    fn load<S: Simd>(simd: S, costs: &[Self], at: usize) -> [F64<S>; 2];
}

impl Cost for f32 {
    #[inline(always)]
    fn value(self) -> f64 {
        f64::from(self)
    }

    #[inline(always)]
    fn load<S: Simd>(simd: S, costs: &[Self], at: usize) -> [F64<S>; 2] {
        let (low, high) = simd::load(simd, costs, at).widen();
        [low, high]
    }
}

impl Cost for f64 {
    #[inline(always)]
    fn value(self) -> f64 {
        self
    }

    #[inline(always)]
    fn load<S: Simd>(simd: S, costs: &[Self], at: usize) -> [F64<S>; 2] {
        simd::load_f64(simd, costs, at)
    }
}

impl<'a, T: Cost> CostMatrix<'a, T> {
    /// `costs`: `[rows, columns]`; +infinity forbids a cell. Values are checked where they are first read.
    ///
    /// # Errors
    /// [`Error::Length`].
    pub fn new(costs: &'a [T], rows: usize, columns: usize) -> Result<Self> {
        check_length("cost", costs.len(), &[rows, columns])?;
        Ok(Self { costs, rows, columns })
    }

    fn at(&self, row: usize, column: usize) -> f64 {
        self.costs[row * self.columns + column].value()
    }

    /// Refuses NaN and -infinity; gives the largest finite magnitude.
    fn check(&self, level: Level) -> Result<f64> {
        if let Some(largest) = dispatch!(level, simd => largest_magnitude(simd, self.costs)) {
            return Ok(largest);
        }
        let refused = |c: &T| c.value().is_nan() || c.value() == f64::NEG_INFINITY;
        let at = self.costs.iter().position(refused).unwrap_or_default();
        Err(Error::Cost { row: at / self.columns, column: at % self.columns, value: self.costs[at].value() })
    }
}

/// The largest finite magnitude of costs, or nothing where one is NaN or -infinity.
#[inline(always)]
fn largest_magnitude<S: Simd, T: Cost>(simd: S, costs: &[T]) -> Option<f64> {
    let (zero, infinity) = (F64::splat(simd, 0.0), F64::splat(simd, f64::INFINITY));
    let (mut largest, mut refused) = ([zero; 2], [zero; 2]);
    let whole = costs.len() / LANES * LANES;
    for at in (0..whole).step_by(LANES) {
        let costs = T::load(simd, costs, at);
        for k in 0..2 {
            // a comparison with NaN is false
            refused[k] = costs[k].simd_gt(-infinity).select(refused[k], infinity);
            let size = costs[k].abs();
            largest[k] = (size.simd_gt(largest[k]) & size.simd_lt(infinity)).select(size, largest[k]);
        }
    }
    let mut sound = (refused[0] + refused[1]).simd_eq(0.0).all_true();
    let mut magnitude = largest[0].max(largest[1]).reduce_max();
    for cost in &costs[whole..] {
        sound &= cost.value() > f64::NEG_INFINITY;
        magnitude = if cost.value().is_finite() { magnitude.max(cost.value().abs()) } else { magnitude };
    }
    sound.then_some(magnitude)
}

/// How to read a matrix.
#[derive(Clone, Copy, Debug, Default)]
pub struct AssignmentOptions {
    /// Find the largest total; +infinity still forbids.
    pub maximize: bool,
    /// Where no assignment covers the shorter side: the most pairs, and of those the least total, instead of an error.
    pub partial: bool,
    /// Leave pairs dearer than this (when maximising: cheaper) unassigned: of all sets of pairs, the one with the least
    /// sum of cost - limit, with as many pairs as that permits. Every set is then feasible, and `partial` has no
    /// meaning.
    pub cost_limit: Option<f64>,
}

impl AssignmentOptions {
    fn check(&self) -> Result<()> {
        let refused = self.cost_limit.filter(|limit| !limit.is_finite());
        refused.map_or(Ok(()), |value| Err(Error::Option { name: "options.costLimit", rule: "a finite number", value }))
    }
}

/// An optimal assignment, to be read from the solver that found it.
#[derive(Clone, Copy, Debug)]
pub struct Assignment<'a> {
    column_of_row: &'a [u32],
    row_duals: &'a [f64],
    column_duals: &'a [f64],
    /// What the costs were multiplied by.
    sign: f64,
    /// Sum of the assigned cells, in row order.
    pub total: f64,
}

impl Assignment<'_> {
    /// The column of every row.
    pub fn columns_of_rows(&self) -> impl Iterator<Item = Option<usize>> {
        self.column_of_row.iter().map(|&column| Some(column as usize).filter(|_| column != NONE))
    }

    /// Writes the column of every row, or -1, and, unless `duals` is empty, the duals of the rows, then of the columns.
    ///
    /// # Errors
    /// [`Error::Length`] where an array has not as many places.
    pub fn write(&self, column_of_row: &mut [i32], duals: &mut [f64]) -> Result<()> {
        check_length("columnOfRow", column_of_row.len(), &[self.column_of_row.len()])?;
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

/// Solves matrices one after the other, keeping its memory.
#[derive(Debug, Default)]
pub struct AssignmentSolver {
    costs: Vec<f64>,
    solver: dense::Solver,
    rows: usize,
    columns: usize,
    /// Whether the block's rows are the matrix's columns.
    transposed: bool,
    /// What the costs were multiplied by.
    sign: f64,
}

impl AssignmentSolver {
    /// A solver that stops with [`Error::Interrupted`] once the flag is raised.
    #[must_use]
    pub fn with_interrupt(interrupt: Interrupt) -> Self {
        let mut solver = Self::default();
        solver.solver.interrupt = interrupt;
        solver
    }

    /// A solver that goes one way only, for tests.
    #[doc(hidden)]
    #[must_use]
    pub fn with_path(path: Path) -> Self {
        let mut solver = Self::default();
        solver.solver.path = path;
        solver
    }

    /// Solves a matrix exactly; ties are broken the same way on every level.
    ///
    /// # Errors
    /// [`Error::Cost`] for NaN and -infinity; [`Error::InfeasibleRows`] or [`Error::InfeasibleColumns`], unless
    /// `partial` or with a limit; [`Error::Interrupted`].
    pub fn solve<T: Cost>(
        &mut self,
        level: Level,
        matrix: &CostMatrix<'_, T>,
        options: AssignmentOptions,
    ) -> Result<Assignment<'_>> {
        options.check()?;
        let scale = scale_of(matrix.check(level)?.max(options.cost_limit.unwrap_or(0.0).abs()));
        self.sign = if options.maximize { -scale } else { scale };
        (self.rows, self.columns) = (matrix.rows, matrix.columns);
        self.transposed = matrix.rows > matrix.columns;
        let (short, long) = if self.transposed { (self.columns, self.rows) } else { (self.rows, self.columns) };
        let stride = padded(long);
        self.pack(matrix, stride, short);
        let block = Block { costs: &self.costs, rows: short, columns: long, stride };
        let outcome = match options.cost_limit {
            Some(limit) => {
                self.solver.solve_limited(level, &block, limit * self.sign);
                Outcome::Optimal
            }
            None => self.solver.solve(level, &block),
        };
        match outcome {
            _ if self.solver.interrupt.is_raised() => {}
            Outcome::Optimal => {}
            Outcome::Infeasible(_) if options.partial => partial::solve(&block, &mut self.solver),
            Outcome::Infeasible(rows) => return Err(infeasible(rows, self.transposed)),
        }
        if self.solver.interrupt.is_raised() {
            return Err(Error::Interrupted); // what was left half done is of no use
        }
        let limit = options.cost_limit.unwrap_or(0.0) * self.sign;
        self.solver.complete_row_duals(&block, limit);
        self.solver.row_duals.iter_mut().for_each(|dual| *dual -= limit);
        let dense::Solver { column_of_row, row_of_column, .. } = &self.solver;
        let (short_duals, long_duals) = self.solver.duals(long);
        let (column_of_row, row_duals, column_duals) = if self.transposed {
            (row_of_column, long_duals, short_duals)
        } else {
            (column_of_row, short_duals, long_duals)
        };
        let mut assignment = Assignment { column_of_row, row_duals, column_duals, sign: self.sign, total: 0.0 };
        let pairs = assignment.columns_of_rows().enumerate();
        assignment.total = pairs.fold(0.0, |sum, (row, column)| column.map_or(sum, |c| sum + matrix.at(row, c)));
        Ok(assignment)
    }

    /// Copies a matrix into the block, times `sign` where it is finite.
    fn pack<T: Cost>(&mut self, matrix: &CostMatrix<'_, T>, stride: usize, short: usize) {
        self.costs.clear();
        self.costs.resize(short * stride, f64::INFINITY);
        let sign = self.sign;
        if sign == 1.0 {
            self.copy(matrix, stride, |cost| cost);
        } else {
            self.copy(matrix, stride, |cost| if cost == f64::INFINITY { cost } else { cost * sign });
        }
    }

    fn copy<T: Cost>(&mut self, matrix: &CostMatrix<'_, T>, stride: usize, convert: impl Fn(f64) -> f64) {
        if self.transposed {
            // sixteen rows at a time, so that what is written to lies together
            for (group, rows) in matrix.costs.chunks(LANES * matrix.columns.max(1)).enumerate() {
                for column in 0..matrix.columns {
                    let places = &mut self.costs[column * stride + group * LANES..];
                    for (place, row) in places.iter_mut().zip(rows.chunks_exact(matrix.columns)) {
                        *place = convert(row[column].value());
                    }
                }
            }
        } else {
            let rows = matrix.costs.chunks_exact(matrix.columns.max(1));
            for (places, costs) in self.costs.chunks_exact_mut(stride.max(1)).zip(rows) {
                for (place, cost) in places.iter_mut().zip(costs) {
                    *place = convert(cost.value());
                }
            }
        }
    }
}

/// A power of two that brings costs near the largest `f64` into a range where sums of them stay finite.
fn scale_of(magnitude: f64) -> f64 {
    const LARGE: f64 = 1e200;
    if magnitude > LARGE { 2.0f64.powi(-400) } else { 1.0 }
}

/// The error that names a Hall violator, of rows or, if `transposed`, of columns.
fn infeasible(mut violator: Vec<usize>, transposed: bool) -> Error {
    violator.sort_unstable();
    let reachable = violator.len() - 1;
    if transposed {
        Error::InfeasibleColumns { columns: violator, rows: reachable }
    } else {
        Error::InfeasibleRows { rows: violator, columns: reachable }
    }
}
