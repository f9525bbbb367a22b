//! Exact linear sum assignment: of a matrix of costs, one cell in every row of the shorter side, no two in a column,
//! with the least total.
//!
//! [`AssignmentSolver`] is the entry for a caller's matrix. It reads the matrix where it lies (`block`) unless it
//! maximises, and hands it to `dense`, where many rows or columns are equal by way of `groups`. `dense` passes large ones
//! on to `lazy`, or to `partial` where not all rows can be placed; many matrices at once go through `batch`.
//! [`SparseSolver`] does so for a matrix of which only the allowed cells are listed. [`verify`] proves a result by its dual
//! variables.
//!
//! [`Threads`] and [`Interrupt`] serve whoever computes beside the solver, too.

#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod batch;
mod block;
mod candidates;
mod certificate;
mod dense;
mod doubt;
mod error;
mod groups;
mod interrupt;
mod lazy;
mod matrix;
#[doc(hidden)]
pub mod memory;
mod partial;
mod scaling;
mod sparse;
mod sum;
mod tall;
mod threads;
mod ties;
mod tiny;

pub use batch::BatchOutputs;
#[doc(hidden)]
pub use certificate::verifying_takes;
pub use certificate::{Certificate, verify};
#[doc(hidden)]
pub use dense::{Path, Solver};
#[doc(hidden)]
pub use error::Value;
pub use error::{Error, Result};
pub use interrupt::{Interrupt, Interruptible};
#[doc(hidden)]
pub use matrix::Cells;
pub use matrix::Matrix;
pub use simd::Level;
pub use sparse::{SparseMatrix, SparseSolver};
pub use threads::Threads;

use simd::{F64, LANES, Simd, dispatch, prelude::*};

use block::{Block, CHUNK};
use dense::{Demand, NONE, Outcome};
use doubt::{Doubt, Pair, Verdict};
use error::check_length;
use memory::{GiveBack, KEPT};
use tall::Tall;

/// A caller's matrix of costs, row-major.
#[derive(Clone, Copy, Debug)]
pub struct CostMatrix<'a, T> {
    costs: &'a [T],
    rows: usize,
    columns: usize,
}

/// A storage type of costs; the arithmetic is in `f64`.
pub trait Cost: Copy + Default {
    /// What forbids a cell.
    const FORBIDDEN: Self;

    /// The exact value.
    fn value(self) -> f64;

    /// The value of this type that is nearest to a limit, so that a cost compares with the limit as if both were stored
    /// alike; or the limit itself where this type has no finite value for it.
    fn stored(limit: f64) -> f64;

    /// The product with a power of two or its negative; what is forbidden stays so.
    fn times(self, factor: f64) -> Self;

    /// Sixteen values at `at`.
    #[doc(hidden)]
    fn load<S: Simd>(simd: S, costs: &[Self], at: usize) -> [F64<S>; 2];

    /// Eight values at `at`.
    #[doc(hidden)]
    fn load_half<S: Simd>(simd: S, costs: &[Self], at: usize) -> F64<S>;

    /// The memory for this type.
    #[doc(hidden)]
    fn memory(memories: &mut Memories) -> &mut Memory<Self>;
}

impl Cost for f32 {
    const FORBIDDEN: Self = Self::INFINITY;

    #[inline(always)]
    fn value(self) -> f64 {
        f64::from(self)
    }

    fn stored(limit: f64) -> f64 {
        let stored = limit as Self;
        if stored.is_finite() { f64::from(stored) } else { limit }
    }

    #[inline(always)]
    fn times(self, factor: f64) -> Self {
        if self == Self::FORBIDDEN { self } else { self * factor as Self }
    }

    #[inline(always)]
    fn load<S: Simd>(simd: S, costs: &[Self], at: usize) -> [F64<S>; 2] {
        let (low, high) = simd::load(simd, costs, at).widen();
        [low, high]
    }

    #[inline(always)]
    fn load_half<S: Simd>(simd: S, costs: &[Self], at: usize) -> F64<S> {
        simd::load_half(simd, costs, at)
    }

    fn memory(memories: &mut Memories) -> &mut Memory<Self> {
        &mut memories.of_f32
    }
}

impl Cost for f64 {
    const FORBIDDEN: Self = Self::INFINITY;

    #[inline(always)]
    fn value(self) -> f64 {
        self
    }

    fn stored(limit: f64) -> f64 {
        limit
    }

    #[inline(always)]
    fn times(self, factor: f64) -> Self {
        if self == Self::FORBIDDEN { self } else { self * factor }
    }

    #[inline(always)]
    fn load<S: Simd>(simd: S, costs: &[Self], at: usize) -> [F64<S>; 2] {
        simd::load_f64(simd, costs, at)
    }

    #[inline(always)]
    fn load_half<S: Simd>(simd: S, costs: &[Self], at: usize) -> F64<S> {
        F64::from_slice(simd, &costs[at..at + LANES / 2])
    }

    fn memory(memories: &mut Memories) -> &mut Memory<Self> {
        &mut memories.of_f64
    }
}

/// Memory for copies of costs, of either type.
#[doc(hidden)]
#[derive(Debug, Default)]
pub struct Memories {
    of_f32: Memory<f32>,
    of_f64: Memory<f64>,
}

/// Memory for copies of costs.
#[doc(hidden)]
#[derive(Debug, Default)]
pub struct Memory<T> {
    /// A negated or scaled matrix.
    converted: Vec<T>,
    /// The last rows, padded.
    end: Vec<T>,
    /// A transposed matrix, or some columns of one.
    transposed: Vec<T>,
    /// Where the columns that are gathered lie.
    places: Vec<u32>,
}

impl<T: Cost> Memory<T> {
    /// Reserves what is as large as a matrix that is solved times `sign`, and makes sure of all else that solving takes;
    /// gives the sum of both in bytes.
    fn reserve(&mut self, matrix: &CostMatrix<'_, T>, sign: f64) -> Result<u128> {
        let needs = Needs::of(matrix, sign);
        memory::reserve(COST, &mut self.converted, needs.converted)?;
        memory::reserve(COST, &mut self.transposed, needs.transposed)?;
        memory::require(COST, needs.lines)?;
        Ok(needs.bytes::<T>())
    }
}

/// What solving takes, at most.
struct Needs {
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

    fn of<T>(&CostMatrix { costs, rows, columns }: &CostMatrix<'_, T>, sign: f64) -> Self {
        let converted = if sign == 1.0 { 0 } else { costs.len() as u128 };
        let transposed =
            if rows > columns { columns as u128 * (rows as u128).next_multiple_of(LANES as u128) } else { 0 };
        Self { converted, transposed, lines: Self::lines([rows, columns]) }
    }

    fn bytes<T>(&self) -> u128 {
        self.lines + (self.converted + self.transposed) * size_of::<T>() as u128
    }

    /// Bytes beside copies of the matrix.
    fn lines([rows, columns]: [usize; 2]) -> u128 {
        (rows as u128 + columns as u128) * Self::LINE + rows.min(columns) as u128 * Self::SHORT_LINE
    }
}

/// The argument that memory is needed for.
const COST: &str = "cost";

/// Bytes that solving a block takes beside the block, at most.
#[doc(hidden)]
#[must_use]
pub fn solving_takes(shape: [usize; 2]) -> u128 {
    Needs::lines(shape)
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

    /// Refuses NaN and -infinity; gives a power of two that brings costs near the largest `f64` into a range where sums
    /// of them stay finite.
    fn check(&self, level: Level, interrupt: &Interrupt) -> Result<f64> {
        let mut scale = 1.0;
        for (part, costs) in self.costs.chunks(CHUNK).enumerate() {
            if interrupt.is_raised() || dispatch!(level, simd => are_allowed(simd, costs)) {
                continue;
            }
            for (at, cost) in costs.iter().enumerate().map(|(at, cost)| (part * CHUNK + at, cost.value())) {
                if cost.is_nan() || cost == f64::NEG_INFINITY {
                    return Err(Error::Cost { row: at / self.columns, column: at % self.columns, value: cost });
                }
                if cost.abs() > LARGE && cost < f64::INFINITY {
                    scale = 2.0f64.powi(-400);
                }
            }
        }
        Ok(scale)
    }
}

/// Costs beyond are scaled.
const LARGE: f64 = 1e200;

/// Whether all costs are +infinity or can be used as they are.
#[inline(always)]
fn are_allowed<S: Simd, T: Cost>(simd: S, costs: &[T]) -> bool {
    let whole = costs.len() / LANES * LANES;
    let vectors_are = (0..whole).step_by(LANES).all(
        #[inline(always)]
        |at| {
            let costs = T::load(simd, costs, at);
            let [low, high] = costs.map(
                #[inline(always)]
                |cost| cost.abs().simd_le(LARGE) | cost.simd_eq(f64::INFINITY),
            );
            (low & high).all_true()
        },
    );
    vectors_are && costs[whole..].iter().all(|cost| cost.value().abs() <= LARGE || cost.value() == f64::INFINITY)
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

impl<'a> Assignment<'a> {
    /// From the partners and duals of the shorter side and of the longer one, which is that of the rows if `transposed`.
    fn new(short: (&'a [u32], &'a [f64]), long: (&'a [u32], &'a [f64]), transposed: bool, sign: f64) -> Self {
        let ((column_of_row, row_duals), (_, column_duals)) = if transposed { (long, short) } else { (short, long) };
        Self { column_of_row, row_duals, column_duals, sign, total: 0.0 }
    }

    /// The column of every row.
    pub fn columns_of_rows(&self) -> impl Iterator<Item = Option<usize>> {
        self.column_of_row.iter().map(|&column| Some(column as usize).filter(|_| column != NONE))
    }

    /// Whether the duals prove the assignment.
    #[cold]
    fn is_proven(&self, matrix: &impl Cells, options: AssignmentOptions) -> Result<bool> {
        memory::require(COST, verifying_takes(matrix.rows(), matrix.columns()))?;
        let columns: Vec<_> = self.columns_of_rows().collect();
        let duals: [Vec<f64>; 2] = [self.row_duals().collect(), self.column_duals().collect()];
        let proof = certificate::certify(matrix, options, &columns, [&duals[0], &duals[1]], certificate::STRICT);
        Ok(proof.is_ok_and(|proof| proof.optimal))
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
    memories: Memories,
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
        solver.solver.interrupt = interrupt;
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
    pub fn with_path(path: Path) -> Self {
        let mut solver = Self::default();
        solver.solver.path = path;
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
        let Self { solver, memories, largest } = self;
        let memory = T::memory(memories);
        *largest = (*largest).max(memory.reserve(matrix, sign)?);
        let mut outcome = run(solver, level, matrix, sign, false, options, memory);
        if outcome == Outcome::Unchecked {
            sign *= matrix.check(level, &solver.interrupt)?;
            *largest = (*largest).max(memory.reserve(matrix, sign)?);
            outcome = run(solver, level, matrix, sign, true, options, memory);
        }
        if self.solver.interrupt.is_raised() {
            return Err(Error::Interrupted); // what was left half done is of no use
        }
        if let Outcome::Infeasible(rows) = outcome {
            return Err(infeasible(rows, transposed));
        }
        let (mut total, verdict) = self.judge(matrix, sign, options);
        if verdict != Verdict::Sound {
            if verdict == Verdict::Lost || !self.found(matrix, sign).is_proven(matrix, options)? {
                self.solve_again(matrix, sign, options)?;
            }
            total = self.judge(matrix, sign, options).0;
        }
        Ok(Assignment { total, ..self.found(matrix, sign) })
    }

    /// Solves a matrix in which digits have been lost once more.
    #[cold]
    fn solve_again<T: Cost>(
        &mut self,
        matrix: &CostMatrix<'_, T>,
        sign: f64,
        options: AssignmentOptions,
    ) -> Result<()> {
        let mut solution = self.solver.give();
        let mut again = SparseSolver::with_interrupt(self.solver.interrupt.clone());
        again.solve_again(matrix, sign, options, &mut solution)?;
        self.solver.take(solution);
        Ok(())
    }

    /// What the solver has found, without the total.
    fn found<T>(&self, matrix: &CostMatrix<'_, T>, sign: f64) -> Assignment<'_> {
        let Solver { column_of_row, row_of_column, .. } = &self.solver;
        let (short_duals, long_duals) = self.solver.duals(matrix.rows.max(matrix.columns));
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
        let mut doubt = Doubt::new(limit, self.solver.shift);
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

/// Gives the solver the matrix, times `sign`, in the form that suits its shape.
fn run<T: Cost>(
    solver: &mut Solver,
    level: Level,
    matrix: &CostMatrix<'_, T>,
    sign: f64,
    is_checked: bool,
    options: AssignmentOptions,
    memory: &mut Memory<T>,
) -> Outcome {
    let CostMatrix { costs, rows, columns } = *matrix;
    let Memory { converted, end, transposed, places } = memory;
    let costs = match sign {
        1.0 => costs,
        _ => block::convert(costs, converted, &solver.interrupt, |cost| cost.times(sign)),
    };
    if solver.interrupt.is_raised() {
        return Outcome::Optimal;
    }
    let demand = match options.cost_limit {
        Some(limit) => Demand::Limited(limit * sign),
        None if options.partial => Demand::Partial,
        None => Demand::Complete,
    };
    if rows <= columns {
        let mut block = Block::new(costs, rows, columns, end, is_checked);
        let grouped = groups::solve(solver, level, &block, demand, transposed, places);
        grouped.unwrap_or_else(|| solver.solve(level, &mut block, demand))
    } else if matches!(demand, Demand::Limited(_)) || !solver.wants_block(columns, rows) {
        let matrix = Block::new(costs, rows, columns, end, is_checked);
        let grouped = groups::solve_tall(solver, level, matrix, demand, transposed, places);
        grouped.unwrap_or_else(|| solver.solve(level, &mut Tall::new(matrix, transposed, places), demand))
    } else {
        let mut block = block::transpose(costs, rows, columns, transposed, is_checked, &solver.interrupt);
        let grouped = groups::solve(solver, level, &block, demand, &mut Vec::new(), places);
        grouped.unwrap_or_else(|| solver.solve(level, &mut block, demand))
    }
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
