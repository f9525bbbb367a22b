//! Assignments of dense matrices. Everywhere `columnOfRow` has -1 for a row without a column, and `costLimit` is NaN for
//! none.

use std::cell::RefCell;

use lsap::memory::{GiveBack, copy, reserve};
use lsap::{AssignmentOptions, AssignmentSolver, BatchOutputs, Cost, CostMatrix, Interrupt, Level, Matrix, verify};
use napi::bindgen_prelude::{AsyncTask, Env, External, Float64Array, Int32Array};
use napi_derive::napi;

use crate::disjoint::Arrays;
use crate::environment::{level, threads};
use crate::error::Result;
use crate::output::{Float64ArraySlice, Int32ArraySlice};
use crate::task::{AssignTask, ResultPlaces, Solve};
use crate::values::fill;

thread_local! {
    /// One for each JavaScript thread.
    pub static SOLVER: RefCell<AssignmentSolver> = RefCell::default();
}

/// The exports for one type of costs. The arithmetic is in `f64` for all.
macro_rules! exports {
    (
        $cost:tt, $assign:ident = $assign_js:tt, $batch:ident = $batch_js:tt, $in_background:ident = $in_background_js:tt,
        $verify:ident = $verify_js:tt
    ) => {
        /// The assignment of a matrix; returns the total. `columnOfRow`: `[rows]` and more, which are not touched. `duals`:
        /// `[rows + columns]`, or nothing where they are not wanted.
        #[napi(catch_unwind, js_name = $assign_js)]
        pub fn $assign(
            env: Env,
            cost: &[$cost],
            rows: u32,
            columns: u32,
            maximize: bool,
            partial: bool,
            cost_limit: f64,
            column_of_row: Int32ArraySlice<'_>,
            duals: Option<Float64ArraySlice<'_>>,
        ) -> napi::Result<f64> {
            assign(cost, [rows, columns], assignment_options(maximize, partial, cost_limit), column_of_row, duals)
                .map_err(|failure| failure.into_js(&env))
        }

        /// The assignments of many matrices, which lie one after the other. `shapes`: rows and columns of each by turns.
        /// `columnOfRow`, `duals`, `totals`: as for one, matrix after matrix.
        #[napi(catch_unwind, js_name = $batch_js)]
        pub fn $batch(
            env: Env,
            cost: &[$cost],
            shapes: &[u32],
            maximize: bool,
            partial: bool,
            cost_limit: f64,
            column_of_row: Int32ArraySlice<'_>,
            duals: Float64ArraySlice<'_>,
            totals: Float64ArraySlice<'_>,
        ) -> napi::Result<()> {
            assign_batch(cost, shapes, assignment_options(maximize, partial, cost_limit), column_of_row, duals, totals)
                .map_err(|failure| failure.into_js(&env))
        }

        /// The assignment of a copy of a matrix, in another thread; the arrays for the result must stay untouched until the
        /// promise is settled.
        #[napi(catch_unwind, js_name = $in_background_js, ts_return_type = "Promise<number>")]
        pub fn $in_background(
            env: Env,
            cost: &[$cost],
            rows: u32,
            columns: u32,
            maximize: bool,
            partial: bool,
            cost_limit: f64,
            column_of_row: Int32Array,
            duals: Option<Float64Array>,
            interrupt: &External<Interrupt>,
        ) -> napi::Result<AsyncTask<AssignTask<OwnedMatrix<$cost>>>> {
            let options = assignment_options(maximize, partial, cost_limit);
            assign_async(cost, [rows, columns], options, interrupt, column_of_row, duals)
                .map_err(|failure| failure.into_js(&env))
        }

        /// Checks an assignment of a matrix by its duals. `report`: 1 if proven optimal or else 0, total, bound, violation.
        #[napi(catch_unwind, js_name = $verify_js)]
        pub fn $verify(
            env: Env,
            cost: &[$cost],
            rows: u32,
            columns: u32,
            maximize: bool,
            cost_limit: f64,
            column_of_row: &[i32],
            duals: &[f64],
            report: Float64ArraySlice<'_>,
        ) -> napi::Result<()> {
            let options = assignment_options(maximize, false, cost_limit);
            let verify = || {
                let matrix = CostMatrix::new(cost, rows as usize, columns as usize)?;
                let mut arrays = Arrays::default();
                arrays.written([&*report]).read([cost]).read([column_of_row]).read([duals]).check("report")?;
                certify(&matrix, rows, options, column_of_row, duals, report)
            };
            verify().map_err(|failure| failure.into_js(&env))
        }
    };
}

exports!(
    f64,
    assign_f64 = "assignF64",
    assign_batch_f64 = "assignBatchF64",
    assign_async_f64 = "assignAsyncF64",
    verify_f64 = "verifyF64"
);
exports!(
    f32,
    assign_f32 = "assignF32",
    assign_batch_f32 = "assignBatchF32",
    assign_async_f32 = "assignAsyncF32",
    verify_f32 = "verifyF32"
);

/// What is to blame where the places of a result share memory.
pub const PLACES: &str = "columnOfRow";

/// The options of a solve. `cost_limit`: NaN for none.
pub fn assignment_options(maximize: bool, partial: bool, cost_limit: f64) -> AssignmentOptions {
    AssignmentOptions { maximize, partial, cost_limit: Some(cost_limit).filter(|limit| !limit.is_nan()) }
}

fn assign<T: Cost>(
    cost: &[T],
    [rows, columns]: [u32; 2],
    options: AssignmentOptions,
    mut column_of_row: Int32ArraySlice<'_>,
    mut duals: Option<Float64ArraySlice<'_>>,
) -> Result<f64> {
    let matrix = CostMatrix::new(cost, rows as usize, columns as usize)?;
    let mut arrays = Arrays::default();
    arrays.written([&*column_of_row]).written(duals.as_deref()).read([cost]).check(PLACES)?;
    // SAFETY: as in `compute`.
    let (column_of_row, duals) =
        unsafe { (column_of_row.as_mut(), duals.as_mut().map_or(&mut [][..], |duals| duals.as_mut())) };
    let column_of_row = column_of_row.get_mut(..rows as usize).unwrap_or_default();
    SOLVER.with_borrow_mut(|solver| {
        let found = solver.solve(level()?, &matrix, options);
        let total = found.and_then(|found| found.write(column_of_row, duals).map(|()| found.total));
        solver.give_back();
        Ok(total?)
    })
}

fn assign_batch<T: Cost + Sync>(
    cost: &[T],
    shapes: &[u32],
    options: AssignmentOptions,
    mut column_of_row: Int32ArraySlice<'_>,
    mut duals: Float64ArraySlice<'_>,
    mut totals: Float64ArraySlice<'_>,
) -> Result<()> {
    let shapes: Vec<_> = shapes.chunks_exact(2).map(|shape| [shape[0] as usize, shape[1] as usize]).collect();
    let mut arrays = Arrays::default();
    arrays.written([&*column_of_row]).written([&*duals, &*totals]).read([cost]).check(PLACES)?;
    // SAFETY: as in `compute`.
    let outputs = unsafe {
        BatchOutputs { column_of_row: column_of_row.as_mut(), duals: duals.as_mut(), totals: totals.as_mut() }
    };
    SOLVER.with_borrow_mut(|solver| {
        let solved = solver.solve_batch(level()?, threads()?, cost, &shapes, options, outputs);
        solver.give_back();
        Ok(solved?)
    })
}

/// A copy of a dense matrix.
pub struct OwnedMatrix<T> {
    costs: Vec<T>,
    shape: [u32; 2],
    level: Level,
}

impl<T: Cost + Send> Solve for OwnedMatrix<T> {
    fn solve(self, options: AssignmentOptions, interrupt: &Interrupt, places: ResultPlaces<'_>) -> lsap::Result<f64> {
        let [rows, columns] = self.shape.map(|side| side as usize);
        let matrix = CostMatrix::new(&self.costs, rows, columns)?;
        let mut solver = AssignmentSolver::with_interrupt(interrupt.clone());
        let found = solver.solve(self.level, &matrix, options)?;
        found.write(places.0, places.1)?;
        Ok(found.total)
    }
}

fn assign_async<T: Cost + Send>(
    cost: &[T],
    shape: [u32; 2],
    options: AssignmentOptions,
    interrupt: &Interrupt,
    column_of_row: Int32Array,
    duals: Option<Float64Array>,
) -> Result<AsyncTask<AssignTask<OwnedMatrix<T>>>> {
    Arrays::default().written([&*column_of_row]).written(duals.as_deref()).check(PLACES)?;
    let mut matrix = OwnedMatrix { costs: Vec::new(), shape, level: level()? };
    copy("cost", cost, &mut matrix.costs)?;
    Ok(AsyncTask::new(AssignTask::new(matrix, options, interrupt, column_of_row, duals)))
}

/// Proves an assignment by its duals, or fails to.
pub fn certify(
    matrix: &impl Matrix,
    rows: u32,
    options: AssignmentOptions,
    column_of_row: &[i32],
    duals: &[f64],
    mut report: Float64ArraySlice<'_>,
) -> Result<()> {
    let mut columns_of_rows = Vec::new();
    reserve("cost", &mut columns_of_rows, column_of_row.len() as u128)?;
    columns_of_rows.extend(column_of_row.iter().map(|&column| usize::try_from(column).ok()));
    let (row_duals, column_duals) = duals.split_at(duals.len().min(rows as usize));
    let found = verify(matrix, options, &columns_of_rows, row_duals, column_duals)?;
    // SAFETY: as in `compute`; the export has looked.
    let report = unsafe { report.as_mut() };
    fill(report, [f64::from(u8::from(found.optimal)), found.total, found.bound, found.violation])
}
