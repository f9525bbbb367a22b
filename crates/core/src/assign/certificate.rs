//! Proof of optimality by dual variables.
//!
//! If u_i + v_j ≤ c_ij for every allowed cell, then any k pairs cost at least the k smallest u plus the k smallest v.
//! A result whose total meets that bound is optimal among all assignments of k pairs; that no assignment has more
//! pairs is checked by searching for an augmenting path (Berge's theorem). Duals that violate the inequality by ε still
//! give the bound less k·ε, so the check relies on nothing but the matrix.
//!
//! With a limit l, if moreover u_i + v_j ≤ c_ij - l and no dual is above 0, then no set of pairs has a smaller sum of
//! c - l than the sum of all duals.

use super::{AssignmentOptions, Cells, Matrix};
use crate::error::{Error, Result};

/// What [`verify`] found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Certificate {
    /// Whether the result is proven optimal.
    pub optimal: bool,
    /// Sum of the assigned cells.
    pub total: f64,
    /// No assignment of as many pairs has a smaller total (a larger one, when maximising); with a limit, no set of
    /// pairs has a smaller (larger) sum of cost - limit than this has with as many pairs.
    pub bound: f64,
    /// Largest excess of `row dual + column dual` over a cost, 0 if there is none.
    pub violation: f64,
}

/// Relative tolerance for the rounding of the duals.
const TOLERANCE: f64 = 1e-10;

/// Checks an assignment and its duals against the matrix, dense or sparse; `options` as they were for the solution.
///
/// # Errors
/// As when the matrix is solved, but it is never infeasible; [`Error::Length`] or [`Error::Assignment`] if the lists do
/// not describe an assignment of this matrix.
pub fn verify(
    matrix: &impl Matrix,
    options: AssignmentOptions,
    column_of_row: &[Option<usize>],
    row_duals: &[f64],
    column_duals: &[f64],
) -> Result<Certificate> {
    let matrix = matrix.read()?;
    crate::batch::check_length("assignment.rowIndices", column_of_row.len(), &[matrix.rows()])?;
    crate::batch::check_length("assignment.rowDuals", row_duals.len(), &[matrix.rows()])?;
    crate::batch::check_length("assignment.columnDuals", column_duals.len(), &[matrix.columns()])?;
    let mut row_of_column = vec![None; matrix.columns()];
    for (row, column) in column_of_row.iter().enumerate() {
        let Some(column) = *column else { continue };
        let refuse = |rule| Err(Error::Assignment { row, column: column as i64, rule });
        match row_of_column.get_mut(column) {
            None => return refuse("does not exist"),
            Some(Some(_)) => return refuse("another row has too"),
            Some(free) => *free = Some(row),
        }
    }
    let sign = if options.maximize { -1.0 } else { 1.0 };
    // halved, so that no sum of two of the largest numbers overflows
    let half = |value: f64| value * 0.5 * sign;
    let limit = half(options.cost_limit.unwrap_or(0.0));
    let mut violation = 0.0;
    for row in 0..matrix.rows() {
        for (column, cost) in matrix.cells(row) {
            let excess = half(row_duals[row]) + half(column_duals[column]) - (half(cost) - limit);
            if excess.is_nan() || excess > violation {
                violation = excess;
            }
        }
    }
    let pairs = row_of_column.iter().flatten().count();
    let assigned = column_of_row.iter().enumerate().filter_map(|(row, &column)| Some(matrix.cost(row, column?)));
    let total = assigned.clone().fold(0.0, |sum, cost| sum + cost); // `sum` would give -0 for none
    let halved = |duals: &[f64]| -> Vec<f64> { duals.iter().map(|&dual| half(dual)).collect() };
    let (mut rows, mut columns) = (halved(row_duals), halved(column_duals));
    let mut terms = pairs;
    if options.cost_limit.is_some() {
        violation =
            rows.iter().chain(&columns).fold(violation, |v, &dual| if dual.is_nan() { dual } else { v.max(dual) });
        terms += rows.len() + columns.len();
    } else {
        for duals in [&mut rows, &mut columns] {
            duals.sort_unstable_by(f64::total_cmp);
            duals.truncate(pairs);
        }
    }
    let sum = |values: &[f64]| values.iter().fold(0.0, |sum, value| sum + value);
    let bound = sum(&rows) + sum(&columns) - violation * terms as f64 + limit * pairs as f64;
    let half_total: f64 = assigned.map(half).sum();
    let scale = rows.iter().chain(&columns).fold(half(total).abs().max(limit.abs()), |a, d| a.max(d.abs()));
    let slack = TOLERANCE * scale;
    let tight = half_total - bound <= slack * terms.max(1) as f64 && violation <= slack;
    Ok(Certificate {
        optimal: tight
            && is_allowed(&matrix, column_of_row)
            && (options.cost_limit.is_some() || is_largest(&matrix, column_of_row, &row_of_column)),
        total,
        bound: bound * 2.0 * sign + 0.0, // never -0
        violation: violation * 2.0,
    })
}

/// Whether no pair is forbidden.
fn is_allowed(matrix: &impl Cells, column_of_row: &[Option<usize>]) -> bool {
    let mut pairs = column_of_row.iter().enumerate();
    pairs.all(|(row, column)| column.is_none_or(|column| matrix.cost(row, column) != f64::INFINITY))
}

/// Whether no assignment of allowed cells has more pairs (Berge's theorem: there is no augmenting path).
fn is_largest(matrix: &impl Cells, column_of_row: &[Option<usize>], row_of_column: &[Option<usize>]) -> bool {
    let mut open: Vec<usize> = (0..matrix.rows()).filter(|&row| column_of_row[row].is_none()).collect();
    let mut reached = vec![false; matrix.columns()];
    while let Some(row) = open.pop() {
        for (column, _) in matrix.cells(row) {
            if !reached[column] {
                reached[column] = true;
                match row_of_column[column] {
                    Some(owner) => open.push(owner),
                    None => return false,
                }
            }
        }
    }
    true
}
