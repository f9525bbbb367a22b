//! The core's errors as JavaScript errors with a code, the argument at fault, and the place as own properties.

use hungarian_loss::{Error, QueryPlace, TargetPlace};
use napi::JsError;
use napi::bindgen_prelude::{Env, JsValue, Object, ToNapiValue};

use crate::solver_error;

/// The result of an export before it is thrown.
pub type Result<T> = std::result::Result<T, Failure>;

/// An error on its way to JavaScript.
pub enum Failure {
    /// Refused by the core.
    Core(Error),
    /// Refused by the binding: code, argument, message.
    Binding(&'static str, &'static str, String),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Core(error)
    }
}

impl From<lsap::Error> for Failure {
    fn from(error: lsap::Error) -> Self {
        Self::Core(error.into())
    }
}

impl Failure {
    /// A value that an option does not have.
    pub fn option(argument: &'static str, message: String) -> Self {
        Self::Binding("OPTION", argument, message)
    }

    /// The JavaScript error to throw or to reject with.
    pub fn into_js(self, env: &Env) -> napi::Error {
        let (code, argument, message) = match &self {
            Self::Core(error) => (code(error), argument(error), message(error)),
            Self::Binding(code, argument, message) => (*code, (*argument).to_owned(), message.clone()),
        };
        let create = || {
            let value = JsError::from(napi::Error::new(code, message)).into_unknown(*env);
            let mut object = value.coerce_to_object()?;
            object.set("argument", argument)?;
            if let Self::Core(error) = &self {
                set_place(&mut object, error)?;
            }
            Ok(napi::Error::from(object.to_unknown()))
        };
        create().unwrap_or_else(|fault: napi::Error| fault)
    }
}

fn code(error: &Error) -> &'static str {
    match error {
        Error::Option { .. } => "OPTION",
        Error::Length { .. } | Error::Offsets { .. } | Error::UnionQueries { .. } => "SHAPE",
        Error::Label { .. }
        | Error::Labels { .. }
        | Error::TargetBox { .. }
        | Error::Box { .. }
        | Error::Matching { .. } => "RANGE",
        Error::TargetBoxNotFinite { .. }
        | Error::LogitNotFinite { .. }
        | Error::BoxNotFinite { .. }
        | Error::CornerNotFinite { .. } => "NON_FINITE",
        Error::AddedCost { value, .. } => {
            if value.is_finite() {
                "RANGE"
            } else {
                "NON_FINITE"
            }
        }
        Error::Solver(error) => solver_error::code(error),
        _ => "INTERNAL",
    }
}

fn message(error: &Error) -> String {
    if let Error::Solver(error) = error { solver_error::message(error) } else { error.to_string() }
}

fn argument(error: &Error) -> String {
    match error {
        Error::Option { name, .. } => (*name).to_owned(),
        Error::Length { argument, .. } => (*argument).to_owned(),
        Error::Label { place, .. } | Error::Labels { place, .. } => format!("targets[{}].labels", place.image),
        Error::TargetBoxNotFinite { place, .. } | Error::TargetBox { place, .. } => {
            format!("targets[{}].boxes", place.image)
        }
        Error::LogitNotFinite { place, .. } => format!("{}.logits", place.part),
        Error::BoxNotFinite { place, tensor, .. } | Error::Box { place, tensor, .. } => {
            format!("{}.{tensor}", place.part)
        }
        Error::CornerNotFinite { place, .. } => format!("{}.corners", place.part),
        Error::Matching { place, .. } => format!("{}.matching", place.part),
        Error::AddedCost { place, .. } => format!("{}.cost", place.part),
        Error::UnionQueries { part, .. } => (*part).to_owned(),
        Error::Offsets { .. } => "targets".to_owned(),
        Error::Solver(error) => solver_error::argument(error),
        _ => String::new(),
    }
}

fn set_place(object: &mut Object<'_>, error: &Error) -> napi::Result<()> {
    match error {
        Error::Label { place, .. }
        | Error::Labels { place, .. }
        | Error::TargetBoxNotFinite { place, .. }
        | Error::TargetBox { place, .. } => {
            let TargetPlace { image, target } = *place;
            set(object, "image", image)?;
            set(object, "target", target)
        }
        Error::LogitNotFinite { place, .. }
        | Error::BoxNotFinite { place, .. }
        | Error::CornerNotFinite { place, .. }
        | Error::Box { place, .. }
        | Error::Matching { place, .. } => set_query(object, place),
        Error::AddedCost { place, target, .. } => {
            set_query(object, place)?;
            set(object, "target", *target)
        }
        Error::Solver(error) => solver_error::set_place(object, error),
        _ => Ok(()),
    }
}

fn set_query(object: &mut Object<'_>, place: &QueryPlace) -> napi::Result<()> {
    set(object, "layer", place.layer)?;
    set(object, "image", place.image)?;
    set(object, "query", place.query)
}

/// Sets a property to an index.
pub fn set(object: &mut Object<'_>, name: &str, index: usize) -> napi::Result<()> {
    object.set(name, index as f64)
}

/// A list of indices.
pub fn indices(values: &[usize]) -> impl ToNapiValue {
    values.iter().map(|&k| k as f64).collect::<Vec<_>>()
}
