//! Arrays of JavaScript's that exports write to.
//!
//! Natively they are JavaScript's own memory, and the types are napi's. WebAssembly has a memory of its own, so that there an
//! export writes to a copy, which goes back to JavaScript when the export is done with it.

use napi::bindgen_prelude::{Env, Float32Array, Float64Array, Int32Array};

#[cfg(target_family = "wasm")]
pub use copies::{Float32ArraySlice, Float64ArraySlice, Int32ArraySlice};
#[cfg(not(target_family = "wasm"))]
pub use napi::bindgen_prelude::{Float32ArraySlice, Float64ArraySlice, Int32ArraySlice};

/// Arrays that a call off the event loop has written to.
pub trait Publish {
    /// Lets JavaScript see what was written.
    fn publish(&mut self, env: &Env);
}

macro_rules! publish {
    ($($array:ident),*) => {
        $(impl Publish for $array {
            #[cfg_attr(not(target_family = "wasm"), expect(unused_variables, reason = "it is JavaScript's memory already"))]
            fn publish(&mut self, env: &Env) {
                #[cfg(target_family = "wasm")]
                self.sync(env);
            }
        })*
    };
}

publish!(Float32Array, Float64Array, Int32Array);

#[cfg(target_family = "wasm")]
mod copies {
    use std::ops::Deref;

    use napi::bindgen_prelude::{FromNapiValue, TypeName, ValidateNapiValue};
    use napi::{Result, ValueType, bindgen_prelude as theirs, sys};

    unsafe extern "C" {
        /// Copies bytes of an array between JavaScript's memory and this one.
        fn emnapi_sync_memory(
            env: sys::napi_env,
            js_to_wasm: bool,
            array: *mut sys::napi_value,
            offset: usize,
            bytes: usize,
        ) -> sys::napi_status;
    }

    macro_rules! slices {
        ($($slice:ident of $number:ty),*) => {
            $(
                /// As napi's type of this name, whose values JavaScript has once this is dropped, if it was written to.
                pub struct $slice<'a> {
                    copy: theirs::$slice<'a>,
                    env: sys::napi_env,
                    array: sys::napi_value,
                    is_written: bool,
                }

                impl $slice<'_> {
                    /// The values, to be written to.
                    ///
                    /// # Safety
                    /// As of napi's: nothing else may read or write the array meanwhile.
                    pub unsafe fn as_mut(&mut self) -> &mut [$number] {
                        self.is_written = true;
                        // SAFETY: the caller's.
                        unsafe { self.copy.as_mut() }
                    }
                }

                impl Drop for $slice<'_> {
                    fn drop(&mut self) {
                        if self.is_written && !self.copy.is_empty() {
                            // SAFETY: slices end within the call that brought the array. Without an array of that kind
                            // nothing is copied, so the status says nothing new.
                            let _ = unsafe { emnapi_sync_memory(self.env, false, &mut self.array, 0, size_of_val(&*self.copy)) };
                        }
                    }
                }

                impl Deref for $slice<'_> {
                    type Target = [$number];

                    fn deref(&self) -> &[$number] {
                        &self.copy
                    }
                }

                impl FromNapiValue for $slice<'_> {
                    unsafe fn from_napi_value(env: sys::napi_env, array: sys::napi_value) -> Result<Self> {
                        // SAFETY: the caller's.
                        let copy = unsafe { theirs::$slice::from_napi_value(env, array) }?;
                        Ok(Self { copy, env, array, is_written: false })
                    }
                }

                impl TypeName for $slice<'_> {
                    fn type_name() -> &'static str {
                        theirs::$slice::type_name()
                    }

                    fn value_type() -> ValueType {
                        theirs::$slice::value_type()
                    }
                }

                impl ValidateNapiValue for $slice<'_> {
                    unsafe fn validate(env: sys::napi_env, array: sys::napi_value) -> Result<sys::napi_value> {
                        // SAFETY: the caller's.
                        unsafe { theirs::$slice::validate(env, array) }
                    }
                }
            )*
        };
    }

    slices!(Float32ArraySlice of f32, Float64ArraySlice of f64, Int32ArraySlice of i32);
}
