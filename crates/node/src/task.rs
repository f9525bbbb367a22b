//! Assignments off the event loop: on a copy of the matrix, in a thread of Node's pool, until done or interrupted.

use std::panic::{AssertUnwindSafe, catch_unwind};

use hungarian_loss::Scratch;
use lsap::memory::copy;
use lsap::{AssignmentOptions, AssignmentSolver, Cost, CostMatrix, Error, Interrupt, Level};
use napi::Task;
use napi::bindgen_prelude::{AsyncTask, Env, External, Float64Array, Int32Array};
use napi_derive::napi;

use crate::assignment_options;
use crate::environment::{level, threads};
use crate::error::{Failure, Result as Outcome};

/// A copy of a matrix that can be solved in any thread.
pub trait Solve: Send + Sized {
    /// Solves the matrix, frees it, and writes the column of every row and, unless there is no place for them, the duals;
    /// gives the total.
    fn solve(self, options: AssignmentOptions, interrupt: &Interrupt, places: Places<'_>) -> Result<f64, Error>;
}

/// Where a result goes: `[rows]`, and `[rows + columns]` or nothing.
pub type Places<'a> = (&'a mut [i32], &'a mut [f64]);

/// One solve, and the arrays of JavaScript that its result goes to.
pub struct AssignTask<M> {
    matrix: Option<M>,
    options: AssignmentOptions,
    interrupt: Interrupt,
    column_of_row: Int32Array,
    duals: Option<Float64Array>,
}

/// A copy of a dense matrix.
pub struct Block<T> {
    costs: Vec<T>,
    shape: [u32; 2],
    level: Level,
}

impl<T: Cost + Send> Solve for Block<T> {
    fn solve(self, options: AssignmentOptions, interrupt: &Interrupt, places: Places<'_>) -> Result<f64, Error> {
        let [rows, columns] = self.shape.map(|side| side as usize);
        let matrix = CostMatrix::new(&self.costs, rows, columns)?;
        let mut solver = AssignmentSolver::with_interrupt(interrupt.clone());
        let found = solver.solve(self.level, &matrix, options)?;
        found.write(places.0, places.1)?;
        Ok(found.total)
    }
}

impl<M: Solve> AssignTask<M> {
    /// A solve that an interrupt stops.
    pub fn new(
        matrix: M,
        options: AssignmentOptions,
        interrupt: &Interrupt,
        column_of_row: Int32Array,
        duals: Option<Float64Array>,
    ) -> Self {
        Self { matrix: Some(matrix), options, interrupt: interrupt.clone(), column_of_row, duals }
    }
}

impl<M: Solve> Task for AssignTask<M> {
    type Output = Outcome<f64>;
    type JsValue = f64;

    fn compute(&mut self) -> napi::Result<Self::Output> {
        let Self { matrix, options, interrupt, column_of_row, duals } = self;
        // SAFETY: JavaScript hands these arrays to nobody before the call is over (`src/assignment.ts` makes them itself).
        let places = unsafe { (column_of_row.as_mut(), duals.as_mut().map_or(&mut [][..], |duals| duals.as_mut())) };
        in_background(interrupt, |_| {
            matrix.take().ok_or(Error::Interrupted)?.solve(*options, interrupt, places).map_err(Failure::from)
        })
    }

    fn resolve(&mut self, env: Env, output: Self::Output) -> napi::Result<Self::JsValue> {
        output.map_err(|failure| failure.into_js(&env))
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

/// As `assignF64`, in another thread, on a copy of the matrix; the arrays must stay untouched until the promise is settled.
#[napi(catch_unwind, js_name = "assignAsyncF64", ts_return_type = "Promise<number>")]
pub fn assign_async_f64(
    env: Env,
    cost: &[f64],
    rows: u32,
    columns: u32,
    maximize: bool,
    partial: bool,
    cost_limit: f64,
    column_of_row: Int32Array,
    duals: Option<Float64Array>,
    interrupt: &External<Interrupt>,
) -> napi::Result<AsyncTask<AssignTask<Block<f64>>>> {
    let options = assignment_options(maximize, partial, cost_limit);
    task(cost, [rows, columns], options, interrupt, column_of_row, duals).map_err(|failure| failure.into_js(&env))
}

/// As `assignF32`, in another thread, on a copy of the matrix.
#[napi(catch_unwind, js_name = "assignAsyncF32", ts_return_type = "Promise<number>")]
pub fn assign_async_f32(
    env: Env,
    cost: &[f32],
    rows: u32,
    columns: u32,
    maximize: bool,
    partial: bool,
    cost_limit: f64,
    column_of_row: Int32Array,
    duals: Option<Float64Array>,
    interrupt: &External<Interrupt>,
) -> napi::Result<AsyncTask<AssignTask<Block<f32>>>> {
    let options = assignment_options(maximize, partial, cost_limit);
    task(cost, [rows, columns], options, interrupt, column_of_row, duals).map_err(|failure| failure.into_js(&env))
}

fn task<T: Cost + Send>(
    cost: &[T],
    shape: [u32; 2],
    options: AssignmentOptions,
    interrupt: &Interrupt,
    column_of_row: Int32Array,
    duals: Option<Float64Array>,
) -> Result<AsyncTask<AssignTask<Block<T>>>, Failure> {
    let mut block = Block { costs: Vec::new(), shape, level: level()? };
    copy("cost", cost, &mut block.costs)?;
    Ok(AsyncTask::new(AssignTask::new(block, options, interrupt, column_of_row, duals)))
}
