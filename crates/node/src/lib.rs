//! The binding: converts arguments, calls the core, writes results into arrays that JavaScript has allocated.
//!
//! No arithmetic happens here. Every export catches panics. Outputs never share memory with inputs or with each
//! other: `checkDisjoint` of the TypeScript layer (`src/gradients.ts`), the only caller, sees to that before every call.

#![allow(clippy::too_many_arguments, reason = "plain arguments are the cheapest to convert")]

mod background;
mod describe;
mod disjoint;
mod environment;
mod error;
mod loss;
mod options;
mod plan;
pub mod small;
pub mod sparse;
pub mod task;
mod values;

use std::cell::RefCell;

use lsap::memory::{GiveBack, reserve};
use lsap::{AssignmentOptions, AssignmentSolver, BatchOutputs, Cost, CostMatrix, Matrix, verify};
use napi::bindgen_prelude::{Env, Float64ArraySlice, Int32ArraySlice};
use napi_derive::napi;

use environment::{level, threads};
use error::Result;
use values::fill;

thread_local! {
    /// One for each JavaScript thread.
    static SOLVER: RefCell<AssignmentSolver> = RefCell::default();
}

/// Name of the instruction set in use: `avx512`, `avx2`, `sse2`, `neon`, `simd128` or `scalar`.
#[napi(catch_unwind)]
pub fn simd_level(env: Env) -> napi::Result<String> {
    level().map(|level| level.name().to_owned()).map_err(|failure| failure.into_js(&env))
}

/// The most threads that this process uses at once.
#[napi(catch_unwind)]
pub fn thread_count(env: Env) -> napi::Result<u32> {
    threads().map(|threads| threads.count() as u32).map_err(|failure| failure.into_js(&env))
}

/// The assignment of a matrix of `f64`; returns the total. `columnOfRow`: `[rows]` and more, which are not touched; -1 for
/// a row without a column. `duals`: `[rows + columns]`, or nothing where they are not wanted. `costLimit`: NaN for none.
#[napi(catch_unwind, js_name = "assignF64")]
pub fn assign_f64(
    env: Env,
    cost: &[f64],
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

/// As `assignF64`, for a matrix of `f32`; the arithmetic is in `f64` all the same.
#[napi(catch_unwind, js_name = "assignF32")]
pub fn assign_f32(
    env: Env,
    cost: &[f32],
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

/// The assignments of many matrices of `f64`, which lie one after the other. `shapes`: rows and columns of each by
/// turns. `columnOfRow`, `duals`, `totals`: as for `assignF64`, matrix after matrix.
#[napi(catch_unwind, js_name = "assignBatchF64")]
pub fn assign_batch_f64(
    env: Env,
    cost: &[f64],
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

/// As `assignBatchF64`, for matrices of `f32`.
#[napi(catch_unwind, js_name = "assignBatchF32")]
pub fn assign_batch_f32(
    env: Env,
    cost: &[f32],
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

fn assign_batch<T: Cost + Sync>(
    cost: &[T],
    shapes: &[u32],
    options: AssignmentOptions,
    mut column_of_row: Int32ArraySlice<'_>,
    mut duals: Float64ArraySlice<'_>,
    mut totals: Float64ArraySlice<'_>,
) -> Result<()> {
    let shapes: Vec<_> = shapes.chunks_exact(2).map(|shape| [shape[0] as usize, shape[1] as usize]).collect();
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

fn assignment_options(maximize: bool, partial: bool, cost_limit: f64) -> AssignmentOptions {
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

/// Checks an assignment of a matrix of `f64` by its duals. `report`: 1 if proven optimal or else 0, total, bound,
/// violation.
#[napi(catch_unwind, js_name = "verifyF64")]
pub fn verify_f64(
    env: Env,
    cost: &[f64],
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
        certify(&matrix, rows, options, column_of_row, duals, report)
    };
    verify().map_err(|failure| failure.into_js(&env))
}

/// As `verifyF64`, for a matrix of `f32`.
#[napi(catch_unwind, js_name = "verifyF32")]
pub fn verify_f32(
    env: Env,
    cost: &[f32],
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
        certify(&matrix, rows, options, column_of_row, duals, report)
    };
    verify().map_err(|failure| failure.into_js(&env))
}

fn certify(
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
    // SAFETY: as in `compute`.
    let report = unsafe { report.as_mut() };
    fill(report, [f64::from(u8::from(found.optimal)), found.total, found.bound, found.violation])
}
