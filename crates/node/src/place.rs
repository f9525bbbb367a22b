//! The place of an error, as properties of its JavaScript object.

use napi::bindgen_prelude::{Object, ToNapiValue};

/// Sets a place.
pub fn set(object: &mut Object<'_>, name: &str, index: usize) -> napi::Result<()> {
    object.set(name, index as f64)
}

/// Places, as numbers of JavaScript.
pub fn indices(values: &[usize]) -> impl ToNapiValue {
    values.iter().map(|&k| k as f64).collect::<Vec<_>>()
}
