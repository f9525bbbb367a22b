//! The core's errors as JavaScript errors with a code, the argument at fault, and the place as own properties.

use hungarian_loss::Error;
use napi::JsError;
use napi::bindgen_prelude::{Env, JsValue};

use crate::loss_error::Names;
use crate::{evaluation_error, loss_error, solver_error};

/// The result of an export before it is thrown.
pub type Result<T> = std::result::Result<T, Failure>;

/// An error on its way to JavaScript.
pub enum Failure {
    /// Refused by the solver.
    Solver(lsap::Error),
    /// Refused by the loss, whose parts have these names.
    Loss(Error, Names),
    /// Refused by the evaluation.
    Evaluation(evaluate::Error),
    /// Refused by the binding: code, argument, message.
    Binding(&'static str, &'static str, String),
}

impl From<lsap::Error> for Failure {
    fn from(error: lsap::Error) -> Self {
        Self::Solver(error)
    }
}

impl From<evaluate::Error> for Failure {
    fn from(error: evaluate::Error) -> Self {
        Self::Evaluation(error)
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
            Self::Solver(error) => {
                (solver_error::code(error), solver_error::argument(error), solver_error::message(error))
            }
            Self::Loss(error, names) => {
                (loss_error::code(error), loss_error::argument(error, names), loss_error::message(error, names))
            }
            Self::Evaluation(error) => {
                (evaluation_error::code(error), evaluation_error::argument(error), evaluation_error::message(error))
            }
            Self::Binding(code, argument, message) => (*code, (*argument).to_owned(), message.clone()),
        };
        let create = || {
            let value = JsError::from(napi::Error::new(code, message)).into_unknown(*env);
            let mut object = value.coerce_to_object()?;
            object.set("argument", argument)?;
            match &self {
                Self::Solver(error) => solver_error::set_place(&mut object, error)?,
                Self::Loss(error, _) => loss_error::set_place(&mut object, error)?,
                Self::Evaluation(error) => evaluation_error::set_place(&mut object, error)?,
                Self::Binding(..) => {}
            }
            Ok(napi::Error::from_unknown_without_coercion(object.to_unknown()))
        };
        create().unwrap_or_else(|fault: napi::Error| fault)
    }
}
