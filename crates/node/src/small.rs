//! Small matrices pass through memory that stays, since handing over arrays takes longer than solving them.
//!
//! JavaScript writes a matrix and its options to the memory and reads the result from it. The call itself has neither an
//! argument nor a result, and goes around napi's own wrapper, which notes what is borrowed: any of the three would take a
//! tenth of the time that solving does, or more. So panics are caught here, and an error is left for a second call to throw.

use std::cell::Cell;
use std::ffi::c_void;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::{ptr, slice};

use lsap::CostMatrix;
use napi::bindgen_prelude::{Env, Float64ArraySlice, JsValue, ToNapiValue, check_status, panic_to_error};
use napi::sys;
use napi_derive::napi;

use crate::assign::{SOLVER, assignment_options};
use crate::environment::level;
use crate::error::{Failure, Result};

/// Values before the costs.
const HEAD: usize = 6;

/// What the last value of a memory says when the call is over.
const SOLVED: f64 = 0.0;
const REFUSED: f64 = -1.0;

thread_local! {
    /// What the latest matrix of this JavaScript thread was refused for, until that is thrown.
    static REFUSAL: Cell<Option<Refusal>> = const { Cell::new(None) };
}

/// An error that waits to be thrown.
enum Refusal {
    Failure(Failure),
    /// A fault of ours: what the solver said when it panicked.
    Panic(napi::Error),
}

/// Memory of JavaScript's that the binding writes to, too. It is held by the function that has this as its data: were it held
/// here, a realm whose global leads to that function would never be given back.
struct Memory {
    values: *mut f64,
    length: usize,
}

/// The function that solves what a memory holds.
pub struct Exchange(sys::napi_value);

impl ToNapiValue for Exchange {
    unsafe fn to_napi_value(_: sys::napi_env, exchange: Self) -> napi::Result<sys::napi_value> {
        Ok(exchange.0)
    }
}

/// Gives the function that solves the matrix in a memory, which must never be transferred: rows, columns, 1 to maximise, 1 for
/// `partial`, the limit or NaN, 1 if duals are wanted; then the costs, row-major. They are replaced by the total, the column of
/// every row, or -1, and the duals of the rows and columns if they are wanted. The last value of the memory is 0 then; if it is
/// not, `raiseSmall` throws why.
#[napi(catch_unwind, ts_return_type = "() => void")]
pub fn create_exchange(env: Env, mut memory: Float64ArraySlice<'_>) -> napi::Result<Exchange> {
    let (env, array, length) = (env.raw(), memory.raw(), memory.len());
    // SAFETY: no value is read or written here.
    let values = unsafe { memory.as_mut() }.as_mut_ptr();
    let data = Box::into_raw(Box::new(Memory { values, length }));
    let mut function = ptr::null_mut();
    // SAFETY: the environment is open, as in any call. A function without a name has no characters. The finalizer takes back
    // what is given to it, once.
    let status = unsafe {
        match sys::napi_create_function(env, ptr::null(), 0, Some(assign), data.cast(), &mut function) {
            sys::Status::napi_ok => {
                sys::napi_add_finalizer(env, function, data.cast(), Some(finalize), ptr::null_mut(), ptr::null_mut())
            }
            status => status,
        }
    };
    check_status!(status).inspect_err(|_| {
        // SAFETY: made from a box above, and taken back by nobody else.
        drop(unsafe { Box::from_raw(data) });
    })?;
    // SAFETY: both values are of this call.
    check_status!(unsafe { sys::napi_set_named_property(env, function, c"memory".as_ptr(), array) })?;
    Ok(Exchange(function))
}

unsafe extern "C" fn finalize(_: sys::napi_env, data: *mut c_void, _: *mut c_void) {
    // SAFETY: made from a box in `create_exchange`.
    drop(unsafe { Box::from_raw(data.cast::<Memory>()) });
}

/// Solves the matrix in the memory of the function that JavaScript calls.
unsafe extern "C" fn assign(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    let mut data = ptr::null_mut();
    // SAFETY: what is not asked for is null.
    unsafe { sys::napi_get_cb_info(env, info, ptr::null_mut(), ptr::null_mut(), ptr::null_mut(), &mut data) };
    // SAFETY: the data of the function, which is being called, so that its finalizer has not run.
    let Some(&Memory { values, length }) = (unsafe { data.cast::<Memory>().as_ref() }) else { return ptr::null_mut() };
    // SAFETY: the function holds the array, whose buffer is never transferred; and JavaScript does nothing meanwhile.
    let memory = unsafe { slice::from_raw_parts_mut(values, length) };
    if let Some((state, memory)) = memory.split_last_mut() {
        let refusal = match catch_unwind(AssertUnwindSafe(|| solve(memory))) {
            Ok(solved) => solved.err().map(Refusal::Failure),
            Err(panic) => Some(Refusal::Panic(panic_to_error(panic))),
        };
        *state = if refusal.is_none() { SOLVED } else { REFUSED };
        if refusal.is_some() {
            REFUSAL.set(refusal);
        }
    }
    ptr::null_mut()
}

/// Throws what the latest matrix that was refused was refused for.
#[napi(catch_unwind, ts_return_type = "never")]
pub fn raise_small(env: Env) -> napi::Result<()> {
    Err(match REFUSAL.take() {
        Some(Refusal::Failure(failure)) => failure.into_js(&env),
        Some(Refusal::Panic(error)) => error,
        None => Failure::Binding("INTERNAL", "memory", "no matrix was refused".to_owned()).into_js(&env),
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
