//! Solves off the event loop: on a copy of the matrix, in a thread of Node's pool, until done or interrupted.

use hungarian_loss::{AssignmentOptions, AssignmentSolver, Cost, CostMatrix, Error, Interrupt, Level};
use napi::Task;
use napi::bindgen_prelude::{AsyncTask, Env, External, Float64Array, Int32Array};
use napi_derive::napi;

use crate::error::Failure;
use crate::{assignment_options, level};

/// An assignment that was found in another thread.
#[napi(object, object_from_js = false)]
pub struct FoundAssignment {
    /// `[rows]`, -1 for a row without a column.
    pub column_of_row: Int32Array,
    /// `[rows + columns]`.
    pub duals: Float64Array,
    /// Sum of the assigned cells.
    pub total: f64,
}

/// One solve. The matrix is freed as soon as it ends.
pub struct AssignTask<T> {
    costs: Vec<T>,
    rows: usize,
    columns: usize,
    options: AssignmentOptions,
    level: Level,
    interrupt: Interrupt,
}

/// What a task hands from its thread to JavaScript's.
pub struct Solved {
    column_of_row: Vec<i32>,
    duals: Vec<f64>,
    total: f64,
}

impl<T: Cost> AssignTask<T> {
    fn solve(&mut self) -> Result<Solved, Error> {
        let costs = std::mem::take(&mut self.costs);
        let matrix = CostMatrix::new(&costs, self.rows, self.columns)?;
        let mut solver = AssignmentSolver::with_interrupt(self.interrupt.clone());
        let found = solver.solve(self.level, &matrix, self.options)?;
        let (mut column_of_row, mut duals) = (vec![-1; self.rows], vec![0.0; self.rows + self.columns]);
        found.write(&mut column_of_row, &mut duals)?;
        Ok(Solved { column_of_row, duals, total: found.total })
    }
}

impl<T: Cost + Send> Task for AssignTask<T> {
    // `compute` can only fail with napi's own error, which has no place for ours
    type Output = Result<Solved, Error>;
    type JsValue = FoundAssignment;

    fn compute(&mut self) -> napi::Result<Self::Output> {
        let solve = std::panic::AssertUnwindSafe(|| self.solve());
        std::panic::catch_unwind(solve).map_err(|_| napi::Error::from_reason("the solver panicked"))
    }

    fn resolve(&mut self, env: Env, output: Self::Output) -> napi::Result<Self::JsValue> {
        let Solved { column_of_row, duals, total } = output.map_err(|error| Failure::Core(error).into_js(&env))?;
        Ok(FoundAssignment { column_of_row: column_of_row.into(), duals: duals.into(), total })
    }
}

/// A flag that stops solves.
#[napi(catch_unwind)]
pub fn create_interrupt() -> External<Interrupt> {
    External::new(Interrupt::default())
}

/// Raises a flag.
#[napi(catch_unwind)]
pub fn raise_interrupt(interrupt: &External<Interrupt>) {
    interrupt.raise();
}

/// As `assignF64`, in another thread, on a copy of the matrix.
#[napi(catch_unwind, js_name = "assignAsyncF64", ts_return_type = "Promise<FoundAssignment>")]
pub fn assign_async_f64(
    env: Env,
    cost: &[f64],
    rows: u32,
    columns: u32,
    maximize: bool,
    partial: bool,
    cost_limit: f64,
    interrupt: &External<Interrupt>,
) -> napi::Result<AsyncTask<AssignTask<f64>>> {
    task(cost, [rows, columns], assignment_options(maximize, partial, cost_limit), interrupt)
        .map_err(|failure| failure.into_js(&env))
}

/// As `assignF32`, in another thread, on a copy of the matrix.
#[napi(catch_unwind, js_name = "assignAsyncF32", ts_return_type = "Promise<FoundAssignment>")]
pub fn assign_async_f32(
    env: Env,
    cost: &[f32],
    rows: u32,
    columns: u32,
    maximize: bool,
    partial: bool,
    cost_limit: f64,
    interrupt: &External<Interrupt>,
) -> napi::Result<AsyncTask<AssignTask<f32>>> {
    task(cost, [rows, columns], assignment_options(maximize, partial, cost_limit), interrupt)
        .map_err(|failure| failure.into_js(&env))
}

fn task<T: Cost + Send>(
    cost: &[T],
    [rows, columns]: [u32; 2],
    options: AssignmentOptions,
    interrupt: &Interrupt,
) -> Result<AsyncTask<AssignTask<T>>, Failure> {
    Ok(AsyncTask::new(AssignTask {
        costs: cost.to_vec(),
        rows: rows as usize,
        columns: columns as usize,
        options,
        level: level()?,
        interrupt: interrupt.clone(),
    }))
}
