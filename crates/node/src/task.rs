//! Assignments off the event loop: on a copy of the matrix, in a thread of Node's pool, until done or interrupted.

use std::panic::{AssertUnwindSafe, catch_unwind};

use hungarian_loss::Scratch;
use lsap::memory::GiveBack;
use lsap::{AssignmentOptions, Error, Interrupt, Interruptible};
use napi::Task;
use napi::bindgen_prelude::{Env, External, Float64Array, Int32Array};
use napi_derive::napi;

use crate::environment::threads;
use crate::error::{Failure, Result as Outcome};
use crate::output::Publish;

/// A copy of a matrix that can be solved in any thread.
pub trait Solve: Send + Sized {
    /// Solves the matrix, frees it, and writes the column of every row and, unless there is no place for them, the duals;
    /// gives the total.
    fn solve(self, options: AssignmentOptions, interrupt: &Interrupt, places: ResultPlaces<'_>) -> Result<f64, Error>;
}

/// Where a result goes: `[rows]`, and `[rows + columns]` or nothing.
pub type ResultPlaces<'a> = (&'a mut [i32], &'a mut [f64]);

/// One solve, and the arrays of JavaScript that its result goes to.
pub struct AssignTask<M> {
    matrix: Option<M>,
    options: AssignmentOptions,
    interrupt: Interrupt,
    column_of_row: Int32Array,
    duals: Option<Float64Array>,
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
        // SAFETY: JavaScript hands these arrays to nobody before the call is over (`src/assignment/` makes them itself), and they
        // do not overlap: the export has looked.
        let places = unsafe { (column_of_row.as_mut(), duals.as_mut().map_or(&mut [][..], |duals| duals.as_mut())) };
        in_background(interrupt, |_: &mut Scratch| {
            matrix.take().ok_or(Error::Interrupted)?.solve(*options, interrupt, places).map_err(Failure::from)
        })
    }

    fn resolve(&mut self, env: Env, output: Self::Output) -> napi::Result<Self::JsValue> {
        self.column_of_row.publish(&env);
        if let Some(duals) = &mut self.duals {
            duals.publish(&env);
        }
        output.map_err(|failure| failure.into_js(&env))
    }
}

/// Runs a call once a thread is free, with the memory that it computes with. What it refuses lies within, since the outer
/// error is napi's own, which has no place for ours.
pub fn in_background<M, T>(interrupt: &Interrupt, call: impl FnOnce(&mut M) -> Outcome<T>) -> napi::Result<Outcome<T>>
where
    M: Interruptible + GiveBack + Default + Send + 'static,
{
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
