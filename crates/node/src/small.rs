//! Small matrices pass through memory that stays, since handing over arrays takes longer than solving them.
//!
//! JavaScript writes a matrix and its options to the memory and reads the result from it. The call itself has no argument,
//! not even the environment: with one, napi notes what is borrowed, which takes as long as solving. So the memory that a
//! matrix waits in says so itself, and an error is left for a second call to throw.

use std::cell::{Cell, RefCell};

use lsap::CostMatrix;
use napi::bindgen_prelude::{Env, External, Float64Array};
use napi_derive::napi;

use crate::assign::{SOLVER, assignment_options};
use crate::environment::level;
use crate::error::{Failure, Result};

/// Values before the costs.
const HEAD: usize = 6;

thread_local! {
    /// The memory of each exchange of this JavaScript thread, as long as JavaScript holds the exchange.
    static MEMORIES: RefCell<Vec<Option<Float64Array>>> = RefCell::default();
    /// What the last call was refused for.
    static FAILURE: Cell<Option<Failure>> = Cell::default();
}

/// Memory that belongs to JavaScript and the binding both: its place among those of its thread.
pub struct Exchange(usize);

impl Drop for Exchange {
    fn drop(&mut self) {
        // what a thread that ends has left is gone already
        let _ = MEMORIES.try_with(|memories| memories.borrow_mut()[self.0].take());
    }
}

/// Prepares memory for `assignSmall`, as long as the exchange is held. Its last value is 1 while a matrix waits in it.
#[napi(catch_unwind)]
pub fn create_exchange(memory: Float64Array) -> External<Exchange> {
    MEMORIES.with_borrow_mut(|memories| {
        let place = memories.iter().position(Option::is_none).unwrap_or(memories.len());
        memories.resize_with(memories.len().max(place + 1), || None);
        memories[place] = Some(memory);
        External::new(Exchange(place))
    })
}

/// The assignment of the matrix that waits: rows, columns, 1 to maximise, 1 for `partial`, the limit or NaN, 1 if duals are
/// wanted; then the costs, row-major. They are replaced by the total, the column of every row, or -1, and the duals of the
/// rows and columns if they are wanted. Whether there is one; if not, `raiseSmall` throws why.
#[napi(catch_unwind)]
pub fn assign_small() -> bool {
    let solved = MEMORIES.with_borrow_mut(|memories| {
        for memory in memories.iter_mut().flatten() {
            // SAFETY: the array lives as long as the exchange, and JavaScript does nothing with it during the call.
            let Some((waits, memory)) = (unsafe { memory.as_mut() }).split_last_mut() else { continue };
            if std::mem::replace(waits, 0.0) == 1.0 {
                return solve(memory);
            }
        }
        Err(too_small())
    });
    solved.map_err(|failure| FAILURE.set(Some(failure))).is_ok()
}

/// Throws what the last call of `assignSmall` was refused for.
#[napi(catch_unwind)]
pub fn raise_small(env: Env) -> napi::Result<()> {
    FAILURE.take().map_or(Ok(()), |failure| Err(failure.into_js(&env)))
}

fn too_small() -> Failure {
    Failure::Binding("INTERNAL", "memory", "is too small for the matrix".to_owned())
}

fn solve(memory: &mut [f64]) -> Result<()> {
    let &[rows, columns, maximize, partial, limit, wants_duals]: &[f64; HEAD] =
        memory.first_chunk().ok_or_else(too_small)?;
    let (rows, columns) = (rows as usize, columns as usize);
    let options = assignment_options(maximize == 1.0, partial == 1.0, limit);
    SOLVER.with_borrow_mut(|solver| {
        let costs = memory.get(HEAD..HEAD + rows * columns).ok_or_else(too_small)?;
        let found = solver.solve(level()?, &CostMatrix::new(costs, rows, columns)?, options)?;
        let (total, places) = memory.split_first_mut().ok_or_else(too_small)?;
        let (column_of_row, duals) = places.split_at_mut_checked(rows).ok_or_else(too_small)?;
        *total = found.total;
        for (place, column) in column_of_row.iter_mut().zip(found.columns_of_rows()) {
            *place = column.map_or(-1.0, |column| column as f64);
        }
        if wants_duals == 1.0 {
            let duals = duals.get_mut(..rows + columns).ok_or_else(too_small)?;
            for (place, dual) in duals.iter_mut().zip(found.row_duals().chain(found.column_duals())) {
                *place = dual;
            }
        }
        Ok(())
    })
}
