//! The core's errors as JavaScript errors with a code, the argument at fault, and the place as own properties.

use std::sync::Arc;

use hungarian_loss::{Array, Error, Place, QueryPlace, TargetPlace, WeightOf};
use napi::JsError;
use napi::bindgen_prelude::{Env, JsValue, Object, ToNapiValue};

/// The result of an export before it is thrown.
pub type Result<T> = std::result::Result<T, Failure>;

/// An error on its way to JavaScript.
pub enum Failure {
    /// Refused by the solver.
    Solver(lsap::Error),
    /// Refused by the loss, whose parts have these names.
    Loss(Error, Names),
    /// Refused by the binding: code, argument, message.
    Binding(&'static str, &'static str, String),
}

/// What JavaScript calls the parts of a step: `outputs`, `outputs.encoder`.
pub type Names = Arc<[String]>;

impl From<lsap::Error> for Failure {
    fn from(error: lsap::Error) -> Self {
        Self::Solver(error)
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
            Self::Solver(error) => (solver_code(error), solver_argument(error), error.to_string()),
            Self::Loss(error, names) => {
                let argument = argument(error, names);
                let message = match error {
                    Error::Label { place, .. } => format!("{argument}[{}]: {}", place.target, error.detail()),
                    _ => format!("{argument}: {}", detail(error, names)),
                };
                (code(error), argument, message)
            }
            Self::Binding(code, argument, message) => (*code, (*argument).to_owned(), message.clone()),
        };
        let create = || {
            let value = JsError::from(napi::Error::new(code, message)).into_unknown(*env);
            let mut object = value.coerce_to_object()?;
            object.set("argument", argument)?;
            match &self {
                Self::Solver(error) => set_solver_place(&mut object, error)?,
                Self::Loss(error, _) => set_place(&mut object, error)?,
                Self::Binding(..) => {}
            }
            Ok(napi::Error::from(object.to_unknown()))
        };
        create().unwrap_or_else(|fault: napi::Error| fault)
    }
}

fn code(error: &Error) -> &'static str {
    match error {
        Error::Option { .. } | Error::Weight { .. } | Error::Normalizer { .. } => "OPTION",
        Error::Length { .. } | Error::Missing { .. } | Error::Offsets { .. } | Error::UnionQueries { .. } => "SHAPE",
        Error::Label { .. } | Error::Labels { .. } | Error::Value { .. } | Error::Matching { .. } => "RANGE",
        Error::NotFinite { .. } => "NON_FINITE",
        Error::AddedCost { value, .. } if value.is_finite() => "RANGE",
        Error::AddedCost { .. } => "NON_FINITE",
        Error::Interrupted => "ABORTED",
        Error::Memory { .. } => "MEMORY",
        _ => "INTERNAL",
    }
}

/// What JavaScript calls the subject of an error.
fn argument(error: &Error, names: &Names) -> String {
    let part = |part: usize| names.get(part).map_or("outputs", String::as_str);
    match error {
        Error::Option { name: "options", .. } => "options".to_owned(),
        Error::Option { name, .. } => format!("options.{name}"),
        Error::Weight { of, term, .. } => match *of {
            WeightOf::Cost => format!("options.cost.{term}"),
            WeightOf::Loss => format!("options.weights.{term}"),
            WeightOf::Part(number) => format!("{}.weights.{term}", part(number)),
        },
        Error::Part { part: number, property, .. } => format!("{}.{property}", part(*number)),
        Error::Normalizer { name, .. } => format!("call.{}", normalizer(name)),
        Error::Length { array, .. } | Error::Missing { array, .. } => match *array {
            Array::Queries { part: number, field } => format!("{}.{field}", part(number)),
            Array::Targets { field } => format!("targets.{field}"),
            Array::Images => "targets".to_owned(),
            Array::Labels => "targets.labels".to_owned(),
            Array::Ignored => "targets.ignore".to_owned(),
            Array::Matchings => "matching".to_owned(),
            Array::Costs | Array::CostBlocks => "cost".to_owned(),
            Array::TargetOfQuery => "targetOfQuery".to_owned(),
            Array::Gradient { field } => format!("call.out.{field}"),
            Array::Normalizer { name } => format!("call.{}", normalizer(name)),
            _ => "outputs".to_owned(),
        },
        Error::Offsets { .. } => "targets".to_owned(),
        Error::Label { place, .. } | Error::Labels { place, .. } => format!("targets[{}].labels", place.image),
        Error::NotFinite { place, field, .. } | Error::Value { place, field, .. } => match place {
            Place::Query(place) => format!("{}.{field}", part(place.part)),
            Place::Target(place) => format!("targets[{}].{field}", place.image),
        },
        Error::Matching { place, .. } => format!("{}.matching", part(place.part)),
        Error::AddedCost { place, .. } => format!("{}.cost", part(place.part)),
        Error::UnionQueries { part: number, .. } | Error::Memory { part: Some(number), .. } => part(*number).to_owned(),
        _ => "outputs".to_owned(),
    }
}

/// The message without its subject, in JavaScript's words.
fn detail(error: &Error, names: &Names) -> String {
    match error {
        Error::UnionQueries { queries, first, expected, .. } => {
            let first = names.get(*first).map_or("outputs", String::as_str);
            format!(
                "has {queries} queries where {first} has {expected}; the union matching is of parts with the same queries \
                 (boxMatching: 'layer' has none)"
            )
        }
        _ => error.detail(),
    }
}

/// What JavaScript calls a normaliser.
fn normalizer(name: &str) -> &str {
    match name {
        "targets" => "numBoxes",
        "pairs" => "numPairs",
        "union pairs" => "unionBoxes",
        "class" => "classNormalizer",
        "distilled" => "distilledQueries",
        _ => name,
    }
}

fn solver_code(error: &lsap::Error) -> &'static str {
    use lsap::Error;
    match error {
        Error::Option { .. } => "OPTION",
        Error::Length { .. } | Error::SparseSize { .. } | Error::RowStarts { .. } => "SHAPE",
        Error::Assignment { .. } | Error::RowIndex { .. } | Error::ColumnIndex { .. } | Error::ListedTwice { .. } => {
            "RANGE"
        }
        Error::Cost { .. } | Error::ListedCost { .. } => "NON_FINITE",
        Error::InfeasibleRows { .. } | Error::InfeasibleColumns { .. } => "INFEASIBLE",
        Error::Interrupted => "ABORTED",
        Error::Memory { .. } => "MEMORY",
        Error::InBatch { error, .. } => solver_code(error),
        _ => "INTERNAL",
    }
}

fn solver_argument(error: &lsap::Error) -> String {
    use lsap::Error;
    match error {
        Error::Option { name, .. } => (*name).to_owned(),
        Error::Length { argument, .. } | Error::Memory { argument, .. } => (*argument).to_owned(),
        Error::Assignment { .. } => "assignment".to_owned(),
        Error::RowStarts { index, .. } => format!("cost.rowStarts[{index}]"),
        Error::RowIndex { index, .. } => format!("cost.rowIndices[{index}]"),
        Error::ColumnIndex { index, .. } => format!("cost.columnIndices[{index}]"),
        Error::ListedCost { index, .. } | Error::ListedTwice { index, .. } => format!("cost.values[{index}]"),
        Error::InBatch { error, .. } => solver_argument(error),
        _ => "cost".to_owned(),
    }
}

fn set_place(object: &mut Object<'_>, error: &Error) -> napi::Result<()> {
    match error {
        Error::Label { place, .. } | Error::Labels { place, .. } => set_target(object, place),
        Error::NotFinite { place, .. } | Error::Value { place, .. } => match place {
            Place::Query(place) => set_query(object, place),
            Place::Target(place) => set_target(object, place),
        },
        Error::Matching { place, .. } => set_query(object, place),
        Error::AddedCost { place, target, .. } => {
            set_query(object, place)?;
            set(object, "target", *target)
        }
        _ => Ok(()),
    }
}

fn set_target(object: &mut Object<'_>, place: &TargetPlace) -> napi::Result<()> {
    set(object, "image", place.image)?;
    set(object, "target", place.target)
}

fn set_solver_place(object: &mut Object<'_>, error: &lsap::Error) -> napi::Result<()> {
    use lsap::Error;
    match error {
        Error::Cost { row, column, .. }
        | Error::ListedCost { row, column, .. }
        | Error::ListedTwice { row, column, .. } => {
            set(object, "row", *row)?;
            set(object, "column", *column)
        }
        Error::InBatch { index, error } => {
            set(object, "matrix", *index)?;
            set_solver_place(object, error)
        }
        Error::Assignment { row, .. } | Error::ColumnIndex { row, .. } => set(object, "row", *row),
        Error::InfeasibleRows { rows, .. } => object.set("rows", indices(rows)),
        Error::InfeasibleColumns { columns, .. } => object.set("columns", indices(columns)),
        _ => Ok(()),
    }
}

fn set_query(object: &mut Object<'_>, place: &QueryPlace) -> napi::Result<()> {
    set(object, "layer", place.layer)?;
    set(object, "image", place.image)?;
    set(object, "query", place.query)
}

fn set(object: &mut Object<'_>, name: &str, index: usize) -> napi::Result<()> {
    object.set(name, index as f64)
}

fn indices(values: &[usize]) -> impl ToNapiValue {
    values.iter().map(|&k| k as f64).collect::<Vec<_>>()
}
