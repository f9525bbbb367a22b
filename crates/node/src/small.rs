//! Small matrices pass through memory that stays, since handing over arrays takes longer than solving them.
//!
//! JavaScript writes a matrix and its options to the memory and reads the result from it. The call itself has neither an
//! argument nor a result, and goes around napi's own wrapper, which notes what is borrowed: any of the three would take a
//! tenth of the time that solving does, or more. So the memory that a matrix waits in says so itself, and says what became of
//! it; panics are caught here; and an error is left for a second call to throw.

use std::cell::RefCell;
use std::ffi::c_void;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;

use lsap::CostMatrix;
use napi::bindgen_prelude::{Env, Float64Array, ToNapiValue, check_status, panic_to_error};
use napi::sys;
use napi_derive::napi;

use crate::assign::{SOLVER, assignment_options};
use crate::environment::level;
use crate::error::{Failure, Result};

/// Values before the costs.
const HEAD: usize = 6;

/// What the last value of a memory says: that a matrix waits in it, or that it is solved. Where it was refused, this is the
/// number of the memory among those of its thread, less one with the sign turned.
const WAITING: f64 = 1.0;
const SOLVED: f64 = 0.0;

thread_local! {
    /// The exchanges of this JavaScript thread, as long as JavaScript holds their functions.
    static SLOTS: RefCell<Vec<Option<Slot>>> = const { RefCell::new(Vec::new()) };
}

/// What belongs to an exchange.
struct Slot {
    memory: Float64Array,
    /// What the latest matrix was refused for, until that is thrown.
    refusal: Option<Refusal>,
}

/// An error that waits to be thrown.
enum Refusal {
    Failure(Failure),
    /// A fault of ours: what the solver said when it panicked.
    Panic(napi::Error),
}

/// Memory that belongs to JavaScript and the binding both: its place among those of its thread. To JavaScript it is the
/// function that solves what waits there.
pub struct Exchange(usize);

impl Drop for Exchange {
    fn drop(&mut self) {
        // what a thread that ends has left is gone already
        let _ = SLOTS.try_with(|slots| slots.borrow_mut()[self.0].take());
    }
}

impl ToNapiValue for Exchange {
    unsafe fn to_napi_value(env: sys::napi_env, exchange: Self) -> napi::Result<sys::napi_value> {
        let mut function = ptr::null_mut();
        // SAFETY: napi hands over an environment that is open; a function without a name has no characters.
        check_status!(unsafe {
            sys::napi_create_function(env, ptr::null(), 0, Some(assign), ptr::null_mut(), &mut function)
        })?;
        let exchange = Box::into_raw(Box::new(exchange));
        // SAFETY: the finalizer takes back what is given to it, once.
        let status = unsafe {
            sys::napi_add_finalizer(env, function, exchange.cast(), Some(finalize), ptr::null_mut(), ptr::null_mut())
        };
        check_status!(status).inspect_err(|_| {
            // SAFETY: made from a box above, and given to nobody.
            drop(unsafe { Box::from_raw(exchange) });
        })?;
        Ok(function)
    }
}

unsafe extern "C" fn finalize(_: sys::napi_env, exchange: *mut c_void, _: *mut c_void) {
    // SAFETY: made from a box in `to_napi_value`.
    drop(unsafe { Box::from_raw(exchange.cast::<Exchange>()) });
}

/// Prepares memory for small matrices, which must never be transferred. Gives the function that solves what waits in it: rows,
/// columns, 1 to maximise, 1 for `partial`, the limit or NaN, 1 if duals are wanted; then the costs, row-major; the last value
/// is 1. They are replaced by the total, the column of every row, or -1, and the duals of the rows and columns if they are
/// wanted, and the last value by 0; or if that is anything else, `raiseSmall` of it throws why.
#[napi(catch_unwind, ts_return_type = "() => void")]
pub fn create_exchange(memory: Float64Array) -> Exchange {
    SLOTS.with_borrow_mut(|slots| {
        let place = slots.iter().position(Option::is_none).unwrap_or(slots.len());
        slots.resize_with(slots.len().max(place + 1), || None);
        slots[place] = Some(Slot { memory, refusal: None });
        Exchange(place)
    })
}

/// Solves whatever waits in the memories of this thread, as JavaScript calls it: to ask whose function was called would take
/// longer than to look at all of them, of which there is one for each realm.
unsafe extern "C" fn assign(_: sys::napi_env, _: sys::napi_callback_info) -> sys::napi_value {
    SLOTS.with_borrow_mut(|slots| {
        for (place, slot) in slots.iter_mut().enumerate() {
            let Some(Slot { memory, refusal }) = slot else { continue };
            // SAFETY: the array is held, its buffer is never transferred, and JavaScript does nothing with it during the call.
            let Some((state, memory)) = (unsafe { memory.as_mut() }).split_last_mut() else { continue };
            if *state != WAITING {
                continue;
            }
            *refusal = match catch_unwind(AssertUnwindSafe(|| solve(memory))) {
                Ok(solved) => solved.err().map(Refusal::Failure),
                Err(panic) => Some(Refusal::Panic(panic_to_error(panic))),
            };
            *state = if refusal.is_none() { SOLVED } else { -1.0 - place as f64 };
        }
    });
    ptr::null_mut()
}

/// Throws what a matrix was refused for. `state`: the last value of its memory.
#[napi(catch_unwind, ts_return_type = "never")]
pub fn raise_small(env: Env, state: f64) -> napi::Result<()> {
    let place = (-1.0 - state) as usize;
    let refusal = SLOTS.with_borrow_mut(|slots| slots.get_mut(place)?.as_mut()?.refusal.take());
    Err(match refusal {
        Some(Refusal::Failure(failure)) => failure.into_js(&env),
        Some(Refusal::Panic(error)) => error,
        None => Failure::Binding("INTERNAL", "state", "no matrix was refused".to_owned()).into_js(&env),
    })
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
