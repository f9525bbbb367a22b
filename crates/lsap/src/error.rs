//! Every way in which a solver refuses its input, one variant per rule, with place and value. Arguments have the names that
//! they have in this crate; whoever passes errors on under other names translates them.

use std::fmt;

/// The result of a checked call.
pub type Result<T> = std::result::Result<T, Error>;

/// Why an input was refused, or a call ended early.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
#[expect(missing_docs, reason = "each variant's comment says what its fields are")]
pub enum Error {
    /// An option of [`AssignmentOptions`](crate::AssignmentOptions) is outside its range.
    Option { name: &'static str, rule: &'static str, value: f64 },
    /// An array has another length than its shape says.
    Length { argument: &'static str, expected: u64, actual: u64, shape: Vec<usize> },
    /// A cell of a cost matrix is NaN or -infinity.
    Cost { row: usize, column: usize, value: f64 },
    /// The system refuses the memory that a call needs. `argument`: what needs most of it. `bytes`: how much, at most.
    Memory { argument: &'static str, bytes: u64 },
    /// A sparse cost matrix has more rows or columns than 31 bits can count.
    SparseSize { rows: usize, columns: usize },
    /// The row starts of a sparse cost matrix do not start at 0, fall, or end elsewhere than at the number of cells.
    RowStarts { index: usize, value: i32, cells: usize },
    /// A listed cell is of a row that does not exist.
    RowIndex { index: usize, row: i32, rows: usize },
    /// A listed cell is of a column that does not exist.
    ColumnIndex { index: usize, row: usize, column: i32, columns: usize },
    /// A listed cell is NaN or -infinity.
    ListedCost { index: usize, row: usize, column: usize, value: f64 },
    /// A cell is listed a second time.
    ListedTwice { index: usize, first: usize, row: usize, column: usize },
    /// No assignment covers the shorter side: these rows have fewer allowed columns between them than they are.
    InfeasibleRows { rows: Vec<usize>, columns: usize },
    /// As `InfeasibleRows`, for a matrix with more rows than columns.
    InfeasibleColumns { columns: Vec<usize>, rows: usize },
    /// Another thread stopped the solve.
    Interrupted,
    /// A matrix of a batch was refused.
    InBatch { index: usize, error: Box<Error> },
    /// An assignment to be verified uses a column twice or one that does not exist.
    Assignment { row: usize, column: i64, rule: &'static str },
}

impl Error {
    /// The error that names a Hall violator, of rows or, if `transposed`, of columns.
    pub(crate) fn infeasible(mut violator: Vec<usize>, transposed: bool) -> Self {
        violator.sort_unstable();
        let reachable = violator.len() - 1;
        if transposed {
            Self::InfeasibleColumns { columns: violator, rows: reachable }
        } else {
            Self::InfeasibleRows { rows: violator, columns: reachable }
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Option { name, rule, value } => write!(f, "{name}: must be {rule}, got {value}"),
            Self::Length { argument, expected, actual, shape } => {
                write!(f, "{argument}: expected {expected} values for {shape:?}, got {actual}")
            }
            Self::Cost { row, column, value } => write!(
                f,
                "cost: {} at row {row}, column {column}; must be a number or Infinity (which forbids the pair)",
                Shown(*value)
            ),
            Self::Memory { argument, bytes } => {
                write!(
                    f,
                    "{argument}: the system refuses the memory that is needed, up to {} MB",
                    bytes.div_ceil(1 << 20)
                )
            }
            Self::SparseSize { rows, columns } => {
                write!(f, "cost: {rows} rows and {columns} columns are too many for 32-bit indices")
            }
            Self::RowStarts { index, value, cells } => {
                write!(f, "row_starts[{index}]: must rise from 0 to the number of costs, {cells}, got {value}")
            }
            Self::RowIndex { index, row, rows } => {
                write!(f, "row_indices[{index}]: must be below the number of rows, {rows}, and not negative, got {row}")
            }
            Self::ColumnIndex { index, row, column, columns } => write!(
                f,
                "column_indices[{index}]: must be below the number of columns, {columns}, and not negative, got \
                 {column} in row {row}"
            ),
            Self::ListedCost { index, row, column, value } => write!(
                f,
                "costs[{index}]: {} at row {row}, column {column}; must be a number or Infinity (which forbids the \
                 pair)",
                Shown(*value)
            ),
            Self::ListedTwice { index, first, row, column } => {
                write!(f, "costs[{index}]: row {row}, column {column} is listed already, as costs[{first}]")
            }
            Self::InfeasibleRows { rows, columns } => write!(f, "cost: {}", Shortage("row", rows, "column", *columns)),
            Self::InfeasibleColumns { columns, rows } => {
                write!(f, "cost: {}", Shortage("column", columns, "row", *rows))
            }
            Self::Interrupted => f.write_str("cost: the solve was interrupted"),
            Self::InBatch { index, error } => write!(f, "matrix {index}: {error}"),
            Self::Assignment { row, column, rule } => {
                write!(f, "assignment: row {row} has column {column}, which {rule}")
            }
        }
    }
}

impl std::error::Error for Error {}

/// Compares a length with a shape's product.
#[inline]
pub(crate) fn check_length(argument: &'static str, actual: usize, shape: &[usize]) -> Result<()> {
    let expected = shape.iter().try_fold(1, |product: usize, &size| product.checked_mul(size));
    if expected == Some(actual) { Ok(()) } else { check_wide_length(argument, actual, shape) }
}

/// The same in 128 bits, so that no product of two sizes wraps.
#[cold]
fn check_wide_length(argument: &'static str, actual: usize, shape: &[usize]) -> Result<()> {
    let expected: u128 = shape.iter().map(|&n| n as u128).product();
    if expected == actual as u128 {
        return Ok(());
    }
    let expected = u64::try_from(expected).unwrap_or(u64::MAX);
    Err(Error::Length { argument, expected, actual: actual as u64, shape: shape.to_vec() })
}

/// A number in a message, where an infinity is written out.
#[doc(hidden)]
pub struct Shown(pub f64);

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            v if v == f64::INFINITY => f.write_str("Infinity"),
            v if v == f64::NEG_INFINITY => f.write_str("-Infinity"),
            v => write!(f, "{v}"),
        }
    }
}

/// What cannot be assigned, and how few places it has: `rows 1, 2 and 5 have only 2 allowed columns between them, …`.
struct Shortage<'a>(&'static str, &'a [usize], &'static str, usize);

impl fmt::Display for Shortage<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(noun, items, place, places) = *self;
        if let [item] = items {
            return write!(f, "{noun} {item} has no allowed {place}");
        }
        const SHOWN: usize = 10;
        write!(f, "{noun}s ")?;
        for (k, item) in items.iter().take(SHOWN).enumerate() {
            let joint = match k {
                0 => "",
                _ if k + 1 == items.len() => " and ",
                _ => ", ",
            };
            write!(f, "{joint}{item}")?;
        }
        if items.len() > SHOWN {
            write!(f, " and {} more", items.len() - SHOWN)?;
        }
        let plural = if places == 1 { "" } else { "s" };
        write!(f, " have only {places} allowed {place}{plural} between them, so they cannot all be assigned")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_name_the_place_the_rule_and_the_value() {
        let cases = [
            (Error::InfeasibleRows { rows: vec![3], columns: 0 }, "cost: row 3 has no allowed column"),
            (
                Error::Memory { argument: "costs", bytes: (3 << 20) + 1 },
                "costs: the system refuses the memory that is needed, up to 4 MB",
            ),
            (
                Error::InfeasibleRows { rows: vec![0, 2], columns: 1 },
                "cost: rows 0 and 2 have only 1 allowed column between them, so they cannot all be assigned",
            ),
            (
                Error::InfeasibleColumns { columns: (0..13).collect(), rows: 12 },
                "cost: columns 0, 1, 2, 3, 4, 5, 6, 7, 8, 9 and 3 more have only 12 allowed rows between them, so they \
                 cannot all be assigned",
            ),
            (
                Error::Cost { row: 1, column: 2, value: f64::NEG_INFINITY },
                "cost: -Infinity at row 1, column 2; must be a number or Infinity (which forbids the pair)",
            ),
        ];
        for (error, message) in cases {
            assert_eq!(error.to_string(), message);
        }
    }
}
