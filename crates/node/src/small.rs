//! Small matrices pass through memory that stays, since handing over arrays takes longer than solving them.
//!
//! JavaScript writes a matrix and its options to the memory and reads the result from it; the call itself has nothing
//! to convert.

use lsap::CostMatrix;
use napi::bindgen_prelude::{Env, External, Float64Array};
use napi_derive::napi;

use crate::environment::level;
use crate::error::{Failure, Result};
use crate::{SOLVER, assignment_options};

/// Values before the costs.
const HEAD: usize = 6;

/// Memory that belongs to JavaScript and the binding both.
pub struct Exchange(Float64Array);

/// Prepares memory for `assignSmall`.
#[napi]
pub fn create_exchange(memory: Float64Array) -> External<Exchange> {
    External::new(Exchange(memory))
}

/// The assignment of the matrix in the memory: rows, columns, 1 to maximise, 1 for `partial`, the limit or NaN, 1 if
/// duals are wanted; then the costs, row-major. They are replaced by the total, the column of every row, or -1, and the
/// duals of the rows and columns if they are wanted.
#[napi(catch_unwind)]
pub fn assign_small(env: Env, exchange: &mut External<Exchange>) -> napi::Result<()> {
    // SAFETY: the array lives as long as the exchange, and JavaScript does nothing with it during the call.
    let memory = unsafe { exchange.0.as_mut() };
    solve(memory).map_err(|failure| failure.into_js(&env))
}

fn solve(memory: &mut [f64]) -> Result<()> {
    let too_small = || Failure::Binding("INTERNAL", "memory", "is too small for the matrix".to_owned());
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
