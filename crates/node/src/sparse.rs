//! Assignments of sparse matrices. Everywhere `columnIndices` and `cost` have one entry for each listed cell; `rowList` is
//! where each row's cells start, `[rows + 1]`, or with `byCells` the row of each cell.

use std::cell::RefCell;

use hungarian_loss::{AssignmentOptions, Cost, Interrupt, SparseMatrix, SparseSolver};
use napi::bindgen_prelude::{AsyncTask, Env, External, Float64ArraySlice, Int32ArraySlice};
use napi_derive::napi;

use crate::assignment_options;
use crate::certify;
use crate::error::Result;
use crate::task::{AssignTask, Solve, Solved};

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
) -> hungarian_loss::Result<SparseMatrix<'a, T>> {
    let shape = [rows as usize, columns as usize];
    if by_cells {
        SparseMatrix::from_cells(shape, row_list, column_indices, cost)
    } else {
        SparseMatrix::from_rows(shape, row_list, column_indices, cost)
    }
}

/// The assignment of a sparse matrix of `f64`; the rest as for `assignF64`.
#[napi(catch_unwind, js_name = "assignSparseF64")]
pub fn assign_sparse_f64(
    env: Env,
    cost: &[f64],
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
    let assign =
        || assign(&matrix(cost, column_indices, row_list, by_cells, [rows, columns])?, options, column_of_row, duals);
    assign().map_err(|failure| failure.into_js(&env))
}

/// As `assignSparseF64`, for a matrix of `f32`.
#[napi(catch_unwind, js_name = "assignSparseF32")]
pub fn assign_sparse_f32(
    env: Env,
    cost: &[f32],
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
    let assign =
        || assign(&matrix(cost, column_indices, row_list, by_cells, [rows, columns])?, options, column_of_row, duals);
    assign().map_err(|failure| failure.into_js(&env))
}

fn assign<T: Cost>(
    matrix: &SparseMatrix<'_, T>,
    options: AssignmentOptions,
    mut column_of_row: Int32ArraySlice<'_>,
    mut duals: Option<Float64ArraySlice<'_>>,
) -> Result<f64> {
    // SAFETY: as in `compute`.
    let (column_of_row, duals) =
        unsafe { (column_of_row.as_mut(), duals.as_mut().map_or(&mut [][..], |duals| duals.as_mut())) };
    SOLVER.with_borrow_mut(|solver| {
        let found = solver.solve(matrix, options)?;
        found.write(column_of_row, duals)?;
        Ok(found.total)
    })
}

/// A copy of a matrix.
pub struct Cells<T> {
    costs: Vec<T>,
    column_indices: Vec<i32>,
    row_list: Vec<i32>,
    by_cells: bool,
    shape: [u32; 2],
}

impl<T: Cost + Send> Solve for Cells<T> {
    fn solve(self, options: AssignmentOptions, interrupt: &Interrupt) -> hungarian_loss::Result<Solved> {
        let Self { costs, column_indices, row_list, by_cells, shape } = &self;
        let matrix = matrix(costs, column_indices, row_list, *by_cells, *shape)?;
        let mut solver = SparseSolver::with_interrupt(interrupt.clone());
        Solved::from(&solver.solve(&matrix, options)?, *shape)
    }
}

/// As `assignSparseF64`, in another thread, on a copy of the matrix.
#[napi(catch_unwind, js_name = "assignSparseAsyncF64", ts_return_type = "Promise<FoundAssignment>")]
pub fn assign_sparse_async_f64(
    cost: &[f64],
    column_indices: &[i32],
    row_list: &[i32],
    by_cells: bool,
    rows: u32,
    columns: u32,
    maximize: bool,
    partial: bool,
    cost_limit: f64,
    interrupt: &External<Interrupt>,
) -> AsyncTask<AssignTask<Cells<f64>>> {
    let cells = copy(cost, column_indices, row_list, by_cells, [rows, columns]);
    AsyncTask::new(AssignTask::new(cells, assignment_options(maximize, partial, cost_limit), interrupt))
}

/// As `assignSparseF32`, in another thread, on a copy of the matrix.
#[napi(catch_unwind, js_name = "assignSparseAsyncF32", ts_return_type = "Promise<FoundAssignment>")]
pub fn assign_sparse_async_f32(
    cost: &[f32],
    column_indices: &[i32],
    row_list: &[i32],
    by_cells: bool,
    rows: u32,
    columns: u32,
    maximize: bool,
    partial: bool,
    cost_limit: f64,
    interrupt: &External<Interrupt>,
) -> AsyncTask<AssignTask<Cells<f32>>> {
    let cells = copy(cost, column_indices, row_list, by_cells, [rows, columns]);
    AsyncTask::new(AssignTask::new(cells, assignment_options(maximize, partial, cost_limit), interrupt))
}

fn copy<T: Cost>(cost: &[T], column_indices: &[i32], row_list: &[i32], by_cells: bool, shape: [u32; 2]) -> Cells<T> {
    let (costs, column_indices, row_list) = (cost.to_vec(), column_indices.to_vec(), row_list.to_vec());
    Cells { costs, column_indices, row_list, by_cells, shape }
}

/// Checks an assignment of a sparse matrix of `f64`; the rest as for `verifyF64`.
#[napi(catch_unwind, js_name = "verifySparseF64")]
pub fn verify_sparse_f64(
    env: Env,
    cost: &[f64],
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
        certify(&matrix, rows, options, column_of_row, duals, report)
    };
    verify().map_err(|failure| failure.into_js(&env))
}

/// As `verifySparseF64`, for a matrix of `f32`.
#[napi(catch_unwind, js_name = "verifySparseF32")]
pub fn verify_sparse_f32(
    env: Env,
    cost: &[f32],
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
        certify(&matrix, rows, options, column_of_row, duals, report)
    };
    verify().map_err(|failure| failure.into_js(&env))
}
