//! Assignments of sparse matrices. Everywhere `columnIndices` and `cost` have one entry for each listed cell; `rowList` is
//! where each row's cells start, `[rows + 1]`, or with `byCells` the row of each cell.

use std::cell::RefCell;

use lsap::memory::{GiveBack, copy};
use lsap::{AssignmentOptions, Cost, Interrupt, SparseMatrix, SparseSolver};
use napi::bindgen_prelude::{AsyncTask, Env, External, Float64Array, Int32Array};
use napi_derive::napi;

use crate::assign::{PLACES, assignment_options, certify};
use crate::disjoint::Arrays;
use crate::error::{Failure, Result};
use crate::output::{Float64ArraySlice, Int32ArraySlice};
use crate::task::{AssignTask, ResultPlaces, Solve};

thread_local! {
    /// One for each JavaScript thread.
    static SOLVER: RefCell<SparseSolver> = RefCell::default();
}

/// A matrix as it comes from JavaScript.
fn matrix<'a, T: Cost>(
    cost: &'a [T],
    column_indices: &'a [i32],
    row_list: &'a [i32],
    by_cells: bool,
    [rows, columns]: [u32; 2],
) -> lsap::Result<SparseMatrix<'a, T>> {
    let shape = [rows as usize, columns as usize];
    if by_cells {
        SparseMatrix::from_cells(shape, row_list, column_indices, cost)
    } else {
        SparseMatrix::from_rows(shape, row_list, column_indices, cost)
    }
}

/// The exports for one type of costs.
macro_rules! exports {
    ($cost:tt, $assign:ident = $assign_js:tt, $in_background:ident = $in_background_js:tt, $verify:ident = $verify_js:tt) => {
        /// The assignment of a sparse matrix; the rest as for a dense one.
        #[napi(catch_unwind, js_name = $assign_js)]
        pub fn $assign(
            env: Env,
            cost: &[$cost],
            column_indices: &[i32],
            row_list: &[i32],
            by_cells: bool,
            rows: u32,
            columns: u32,
            maximize: bool,
            partial: bool,
            cost_limit: f64,
            column_of_row: Int32ArraySlice<'_>,
            duals: Option<Float64ArraySlice<'_>>,
        ) -> napi::Result<f64> {
            let options = assignment_options(maximize, partial, cost_limit);
            let assign = || {
                let matrix = matrix(cost, column_indices, row_list, by_cells, [rows, columns])?;
                let mut arrays = Arrays::default();
                arrays.written([&*column_of_row]).written(duals.as_deref());
                arrays.read([column_indices, row_list]).read([cost]).check(PLACES)?;
                assign(&matrix, options, column_of_row, duals)
            };
            assign().map_err(|failure| failure.into_js(&env))
        }

        /// The same in another thread, on a copy of the matrix; the arrays for the result must stay untouched until the
        /// promise is settled.
        #[napi(catch_unwind, js_name = $in_background_js, ts_return_type = "Promise<number>")]
        pub fn $in_background(
            env: Env,
            cost: &[$cost],
            column_indices: &[i32],
            row_list: &[i32],
            by_cells: bool,
            rows: u32,
            columns: u32,
            maximize: bool,
            partial: bool,
            cost_limit: f64,
            column_of_row: Int32Array,
            duals: Option<Float64Array>,
            interrupt: &External<Interrupt>,
        ) -> napi::Result<AsyncTask<AssignTask<OwnedSparseMatrix<$cost>>>> {
            let options = assignment_options(maximize, partial, cost_limit);
            let task = || {
                Arrays::default().written([&*column_of_row]).written(duals.as_deref()).check(PLACES)?;
                let matrix = OwnedSparseMatrix::copy(cost, column_indices, row_list, by_cells, [rows, columns])?;
                Ok(AsyncTask::new(AssignTask::new(matrix, options, interrupt, column_of_row, duals)))
            };
            task().map_err(|failure: Failure| failure.into_js(&env))
        }

        /// Checks an assignment of a sparse matrix; the rest as for a dense one.
        #[napi(catch_unwind, js_name = $verify_js)]
        pub fn $verify(
            env: Env,
            cost: &[$cost],
            column_indices: &[i32],
            row_list: &[i32],
            by_cells: bool,
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
                let matrix = matrix(cost, column_indices, row_list, by_cells, [rows, columns])?;
                let mut arrays = Arrays::default();
                arrays.written([&*report]).read([column_indices, row_list, column_of_row]).read([duals]).read([cost]);
                arrays.check("report")?;
                certify(&matrix, rows, options, column_of_row, duals, report)
            };
            verify().map_err(|failure| failure.into_js(&env))
        }
    };
}

exports!(
    f64,
    assign_sparse_f64 = "assignSparseF64",
    assign_sparse_async_f64 = "assignSparseAsyncF64",
    verify_sparse_f64 = "verifySparseF64"
);
exports!(
    f32,
    assign_sparse_f32 = "assignSparseF32",
    assign_sparse_async_f32 = "assignSparseAsyncF32",
    verify_sparse_f32 = "verifySparseF32"
);

fn assign<T: Cost>(
    matrix: &SparseMatrix<'_, T>,
    options: AssignmentOptions,
    mut column_of_row: Int32ArraySlice<'_>,
    mut duals: Option<Float64ArraySlice<'_>>,
) -> Result<f64> {
    // SAFETY: as in `compute`; the export has looked.
    let (column_of_row, duals) =
        unsafe { (column_of_row.as_mut(), duals.as_mut().map_or(&mut [][..], |duals| duals.as_mut())) };
    SOLVER.with_borrow_mut(|solver| {
        let found = solver.solve(matrix, options);
        let total = found.and_then(|found| found.write(column_of_row, duals).map(|()| found.total));
        solver.give_back();
        Ok(total?)
    })
}

/// A copy of a matrix.
pub struct OwnedSparseMatrix<T> {
    costs: Vec<T>,
    column_indices: Vec<i32>,
    row_list: Vec<i32>,
    by_cells: bool,
    shape: [u32; 2],
}

impl<T: Cost + Send> Solve for OwnedSparseMatrix<T> {
    fn solve(self, options: AssignmentOptions, interrupt: &Interrupt, places: ResultPlaces<'_>) -> lsap::Result<f64> {
        let Self { costs, column_indices, row_list, by_cells, shape } = &self;
        let matrix = matrix(costs, column_indices, row_list, *by_cells, *shape)?;
        let mut solver = SparseSolver::with_interrupt(interrupt.clone());
        let found = solver.solve(&matrix, options)?;
        found.write(places.0, places.1)?;
        Ok(found.total)
    }
}

impl<T: Cost> OwnedSparseMatrix<T> {
    fn copy(cost: &[T], column_indices: &[i32], row_list: &[i32], by_cells: bool, shape: [u32; 2]) -> Result<Self> {
        let mut matrix = Self { costs: Vec::new(), column_indices: Vec::new(), row_list: Vec::new(), by_cells, shape };
        copy("cost", cost, &mut matrix.costs)?;
        copy("cost", column_indices, &mut matrix.column_indices)?;
        copy("cost", row_list, &mut matrix.row_list)?;
        Ok(matrix)
    }
}
