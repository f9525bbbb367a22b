//! The solver's errors in the words of JavaScript: its arguments have other names there.

use lsap::Error;
use napi::bindgen_prelude::Object;

use crate::place::{indices, set};

/// The code of an error.
pub fn code(error: &Error) -> &'static str {
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
        Error::InBatch { error, .. } => code(error),
        _ => "INTERNAL",
    }
}

/// The argument at fault.
pub fn argument(error: &Error) -> String {
    match error {
        Error::Option { name, .. } => named(name).to_owned(),
        Error::Length { argument, .. } | Error::Memory { argument, .. } => named(argument).to_owned(),
        Error::Assignment { .. } => "assignment".to_owned(),
        Error::RowStarts { index, .. } => format!("cost.rowStarts[{index}]"),
        Error::RowIndex { index, .. } => format!("cost.rowIndices[{index}]"),
        Error::ColumnIndex { index, .. } => format!("cost.columnIndices[{index}]"),
        Error::ListedCost { index, .. } | Error::ListedTwice { index, .. } => format!("cost.values[{index}]"),
        Error::InBatch { error, .. } => argument(error),
        _ => "cost".to_owned(),
    }
}

/// What to say.
pub fn message(error: &Error) -> String {
    match error {
        Error::RowStarts { index, value, cells } => {
            format!("cost.rowStarts[{index}]: must rise from 0 to the number of values, {cells}, got {value}")
        }
        Error::ListedTwice { index, first, row, column } => {
            format!("cost.values[{index}]: row {row}, column {column} is listed already, as values[{first}]")
        }
        Error::InBatch { index, error } => format!("matrix {index}: {}", message(error)),
        Error::Option { name, .. } => renamed(error, name, named(name)),
        Error::Length { argument, .. } | Error::Memory { argument, .. } => renamed(error, argument, named(argument)),
        Error::RowIndex { .. } => renamed(error, "row_indices", "cost.rowIndices"),
        Error::ColumnIndex { .. } => renamed(error, "column_indices", "cost.columnIndices"),
        Error::ListedCost { .. } => renamed(error, "costs", "cost.values"),
        _ => error.to_string(),
    }
}

/// The solver's message, which begins with the argument's name, with another one in its place.
fn renamed(error: &Error, name: &str, other: &str) -> String {
    let message = error.to_string();
    message.strip_prefix(name).map_or_else(|| message.clone(), |rest| format!("{other}{rest}"))
}

/// An argument's name in JavaScript.
fn named(argument: &str) -> &str {
    match argument {
        "cost_limit" => "options.costLimit",
        "row_starts" => "cost.rowStarts",
        "row_indices" => "cost.rowIndices",
        "column_indices" => "cost.columnIndices",
        "column_of_row" => "columnOfRow",
        "row_duals" => "assignment.rowDuals",
        "column_duals" => "assignment.columnDuals",
        other => other,
    }
}

/// Adds the place as properties.
pub fn set_place(object: &mut Object<'_>, error: &Error) -> napi::Result<()> {
    match error {
        Error::Cost { row, column, .. }
        | Error::ListedCost { row, column, .. }
        | Error::ListedTwice { row, column, .. } => {
            set(object, "row", *row)?;
            set(object, "column", *column)
        }
        Error::InBatch { index, error } => {
            set(object, "matrix", *index)?;
            set_place(object, error)
        }
        Error::Assignment { row, .. } | Error::ColumnIndex { row, .. } => set(object, "row", *row),
        Error::InfeasibleRows { rows, .. } => object.set("rows", indices(rows)),
        Error::InfeasibleColumns { columns, .. } => object.set("columns", indices(columns)),
        _ => Ok(()),
    }
}
