//! The most pairs, and of those the least total, where forbidden cells leave no complete assignment.
//!
//! Once every row that a shortest path can place is placed, the rows that are *left out* remain: all columns that they can
//! reach belong to rows that need them too, so one row for each of them must do without. That is a search with a limit M,
//! at which any row may stay without a column, for an M that outweighs all costs. Instead of a number, M is a second
//! place of the costs. The columns that a left-out row reaches get the dual v - M and are *deep* from then on, and what is
//! known of them is v; their rows' duals are u + M. Neither ever changes by another M.
//!
//! So for every row left out there are two searches. The first finds all columns that can be reached and are not deep, by
//! their distances; there is no free one among them. The second goes on over the deep columns, whose paths are all longer
//! by M, and ends at the row of either kind that can best stay without a column, which is as far away by M as well.
//!
//! At the end M becomes the least number that makes the duals valid: u + v ≤ c, with equality at the pairs, every free row
//! at the largest u and every free column at the largest v, which proves that no other pairs, as many, are cheaper.

use simd::{Level, Simd, dispatch};

use super::Cost;
use super::block::Rows;
use super::dense::{NONE, Solver, relax};

/// Decides about the rows that are left out, and completes the duals.
pub(super) fn solve<T: Cost, R: Rows<T>>(solver: &mut Solver, level: Level, rows: &mut R) {
    let mut deep = vec![f64::NEG_INFINITY; rows.width()];
    solver.note_taken();
    let duals = solver.column_duals[..rows.columns()].iter();
    solver.shift = duals.fold(solver.shift, |most, dual| most.max(dual.abs()));
    for start in std::mem::take(&mut solver.left_out) {
        dispatch!(level, simd => leave_one_out(simd, solver, rows, &mut deep, start as usize));
        if solver.interrupt.is_raised() {
            return;
        }
    }
    complete_duals(solver, rows, &deep);
}

/// Finds the row that can best stay without a column so that `start` has one, or the start itself.
/// `deep`: the duals v of the deep columns, -infinity for all others, whose own duals are those of the solver.
#[inline(always)]
fn leave_one_out<S: Simd, T: Cost, R: Rows<T>>(
    simd: S,
    solver: &mut Solver,
    rows: &mut R,
    deep: &mut [f64],
    start: usize,
) {
    let Solver { search, column_duals, row_of_column, taken, interrupt, .. } = solver;
    search.begin(start, column_duals);
    while let Some(&(row, offset)) = search.reached.last() {
        let (distance, column) = relax(simd, rows.row(row), search, taken, offset);
        if distance == f64::INFINITY || interrupt.is_raised() {
            break;
        }
        let row = row_of_column[column] as usize;
        search.scan(column, distance, row, distance - (rows.at(row, column) - column_duals[column]));
    }
    let shallow = search.scanned.len();
    search.open(deep);
    let mut nearest = (f64::INFINITY, 0);
    for k in 0..=shallow {
        let (row, offset) = search.reached[k];
        search.may_end_at(k, offset);
        nearest = relax(simd, rows.row(row), search, taken, offset);
    }
    while nearest.0 < search.end.distance && !interrupt.is_raised() {
        let (distance, column) = nearest;
        let row = row_of_column[column] as usize;
        let offset = distance - (rows.at(row, column) - deep[column]);
        search.scan(column, distance, row, offset);
        search.may_end_at(search.scanned.len(), offset);
        nearest = relax(simd, rows.row(row), search, taken, offset);
    }
    let duals = std::mem::take(column_duals);
    solver.flip(rows, |column| if deep[column] > f64::NEG_INFINITY { deep[column] } else { duals[column] });
    solver.column_duals = duals;
    let Solver { search, column_duals, shift, .. } = solver;
    for (k, &(column, distance)) in search.scanned.iter().enumerate() {
        if k < shallow {
            deep[column] = std::mem::replace(&mut column_duals[column], f64::NEG_INFINITY);
        }
        deep[column] += distance - search.end.distance;
        *shift = shift.max(deep[column].abs());
    }
}

/// Gives all duals their values.
fn complete_duals<T: Cost, R: Rows<T>>(solver: &mut Solver, rows: &mut R, deep: &[f64]) {
    let columns = rows.columns();
    let deep_columns: Vec<usize> = (0..columns).filter(|&column| deep[column] > f64::NEG_INFINITY).collect();
    let mut outweighs = deep_columns.iter().fold(0.0, |most: f64, &column| most.max(deep[column]));
    for row in solver.interrupt.guard(0..rows.rows()) {
        let column = solver.column_of_row[row];
        if column == NONE || deep[column as usize] > f64::NEG_INFINITY {
            continue;
        }
        let dual = rows.at(row, column as usize) - solver.column_duals[column as usize];
        outweighs = outweighs.max(dual);
        for &column in &deep_columns {
            outweighs = outweighs.max(dual + deep[column] - rows.at(row, column));
        }
    }
    solver.shift = solver.shift.max(outweighs);
    for column in deep_columns {
        solver.column_duals[column] = deep[column] - outweighs;
    }
    solver.complete_row_duals(rows, 0.0, outweighs);
}
