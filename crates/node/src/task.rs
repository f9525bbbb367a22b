//! Assignments off the event loop: on a copy of the matrix, in a thread of Node's pool, until done or interrupted.

use std::panic::{AssertUnwindSafe, catch_unwind};

use hungarian_loss::{
    Assignment, AssignmentOptions, AssignmentSolver, Cost, CostMatrix, Error, Interrupt, Level, Scratch,
};
use napi::Task;
use napi::bindgen_prelude::{AsyncTask, Env, External, Float64Array, Int32Array};
use napi_derive::napi;

use crate::assignment_options;
use crate::environment::{level, threads};
use crate::error::{Failure, Result as Outcome};

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

/// A copy of a matrix that can be solved in any thread.
pub trait Solve: Send + Sized {
    /// Solves the matrix and frees it.
    fn solve(self, options: AssignmentOptions, interrupt: &Interrupt) -> Result<Solved, Error>;
}

/// One solve.
pub struct AssignTask<M> {
    matrix: Option<M>,
    options: AssignmentOptions,
    interrupt: Interrupt,
}

/// What a task hands from its thread to JavaScript's.
pub struct Solved {
    column_of_row: Vec<i32>,
    duals: Vec<f64>,
    total: f64,
}

impl Solved {
    /// The result of a matrix of a shape.
    pub fn from(found: &Assignment<'_>, [rows, columns]: [u32; 2]) -> Result<Self, Error> {
        let (mut column_of_row, mut duals) = (vec![-1; rows as usize], vec![0.0; rows as usize + columns as usize]);
        found.write(&mut column_of_row, &mut duals)?;
        Ok(Self { column_of_row, duals, total: found.total })
    }
}

/// A copy of a dense matrix.
pub struct Block<T> {
    costs: Vec<T>,
    shape: [u32; 2],
    level: Level,
}

impl<T: Cost + Send> Solve for Block<T> {
    fn solve(self, options: AssignmentOptions, interrupt: &Interrupt) -> Result<Solved, Error> {
        let [rows, columns] = self.shape.map(|side| side as usize);
        let matrix = CostMatrix::new(&self.costs, rows, columns)?;
        let mut solver = AssignmentSolver::with_interrupt(interrupt.clone());
        Solved::from(&solver.solve(self.level, &matrix, options)?, self.shape)
    }
}

impl<M: Solve> AssignTask<M> {
    /// A solve that an interrupt stops.
    pub fn new(matrix: M, options: AssignmentOptions, interrupt: &Interrupt) -> Self {
        Self { matrix: Some(matrix), options, interrupt: interrupt.clone() }
    }
}

impl<M: Solve> Task for AssignTask<M> {
    type Output = Outcome<Solved>;
    type JsValue = FoundAssignment;

    fn compute(&mut self) -> napi::Result<Self::Output> {
        let Self { matrix, options, interrupt } = self;
        in_background(interrupt, |_| {
            matrix.take().ok_or(Error::Interrupted)?.solve(*options, interrupt).map_err(Failure::Core)
        })
    }

    fn resolve(&mut self, env: Env, output: Self::Output) -> napi::Result<Self::JsValue> {
        let Solved { column_of_row, duals, total } = output.map_err(|failure| failure.into_js(&env))?;
        Ok(FoundAssignment { column_of_row: column_of_row.into(), duals: duals.into(), total })
    }
}

/// Runs a call once a thread is free. What it refuses lies within, since the outer error is napi's own, which has no place
/// for ours.
pub fn in_background<T>(
    interrupt: &Interrupt,
    call: impl FnOnce(&mut Scratch) -> Outcome<T>,
) -> napi::Result<Outcome<T>> {
    let run = || threads()?.in_background(interrupt, call);
    catch_unwind(AssertUnwindSafe(run)).map_err(|_| napi::Error::from_reason("the core panicked"))
}

/// A flag that stops calls.
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
) -> napi::Result<AsyncTask<AssignTask<Block<f64>>>> {
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
) -> napi::Result<AsyncTask<AssignTask<Block<f32>>>> {
    task(cost, [rows, columns], assignment_options(maximize, partial, cost_limit), interrupt)
        .map_err(|failure| failure.into_js(&env))
}

fn task<T: Cost + Send>(
    cost: &[T],
    shape: [u32; 2],
    options: AssignmentOptions,
    interrupt: &Interrupt,
) -> Result<AsyncTask<AssignTask<Block<T>>>, Failure> {
    let block = Block { costs: cost.to_vec(), shape, level: level()? };
    Ok(AsyncTask::new(AssignTask::new(block, options, interrupt)))
}
