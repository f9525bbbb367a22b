//! The most pairs, and of those the least total, where forbidden cells leave no complete assignment.
//!
//! Once every row that a shortest path can place is placed, the *unassignable* rows remain: all columns that they can
//! reach belong to rows that need them too, so one row for each of them must do without. That is a search with a limit M,
//! at which any row may stay without a column, for an M that outweighs all costs. Instead of a number, M is a second
//! place of the costs. The columns that an unassignable row reaches get the dual v - M and are *big-M columns* from then
//! on, and what is known of them is v; their rows' duals are u + M. Neither ever changes by another M.
//!
//! So for every unassignable row there are two searches. The first finds all other columns that can be reached, by their
//! distances; there is no free one among them. The second goes on over the big-M columns, whose paths are all longer by M,
//! and ends at the row of either kind that can best stay without a column, which is as far away by M as well.
//!
//! At the end M becomes the least number that makes the duals valid: u + v ≤ c, with equality at the pairs, every free row
//! at the largest u and every free column at the largest v, which proves that no other pairs, as many, are cheaper.

use simd::{Level, Simd, dispatch};

use crate::cost::Cost;
use crate::outcome::NONE;
use crate::search::relax;
use crate::state::State;
use crate::view::CostRows;

/// Decides about the unassignable rows, and completes the duals.
pub(crate) fn solve<T: Cost, R: CostRows<T>>(state: &mut State, level: Level, rows: &mut R) {
    let mut big_m_duals = vec![f64::NEG_INFINITY; rows.width()];
    state.note_taken();
    let duals = state.column_duals[..rows.columns()].iter();
    state.shift = duals.fold(state.shift, |most, dual| most.max(dual.abs()));
    for start in std::mem::take(&mut state.unassignable_rows) {
        dispatch!(level, simd => leave_one_out(simd, state, rows, &mut big_m_duals, start as usize));
        if state.interrupt.is_raised() {
            return;
        }
    }
    complete_duals(state, rows, &big_m_duals);
}

/// Finds the row that can best stay without a column so that `start` has one, or the start itself.
/// `big_m_duals`: the duals v of the big-M columns, -infinity for all others, whose own duals are those of the state.
#[inline(always)]
fn leave_one_out<S: Simd, T: Cost, R: CostRows<T>>(
    simd: S,
    state: &mut State,
    rows: &mut R,
    big_m_duals: &mut [f64],
    start: usize,
) {
    let State { search, column_duals, row_of_column, taken, interrupt, .. } = state;
    search.begin(start, column_duals);
    while let Some(&(row, offset)) = search.reached.last() {
        let (distance, column) = relax(simd, rows.row(row), search, taken, offset);
        if distance == f64::INFINITY || interrupt.is_raised() {
            break;
        }
        let row = row_of_column[column] as usize;
        search.scan(column, distance, row, distance - (rows.at(row, column) - column_duals[column]));
    }
    let ordinary = search.scanned.len();
    search.reopen(big_m_duals);
    let mut nearest = (f64::INFINITY, 0);
    for k in 0..=ordinary {
        let (row, offset) = search.reached[k];
        search.may_end_at(k, offset);
        nearest = relax(simd, rows.row(row), search, taken, offset);
    }
    while nearest.0 < search.end.distance && !interrupt.is_raised() {
        let (distance, column) = nearest;
        let row = row_of_column[column] as usize;
        let offset = distance - (rows.at(row, column) - big_m_duals[column]);
        search.scan(column, distance, row, offset);
        search.may_end_at(search.scanned.len(), offset);
        nearest = relax(simd, rows.row(row), search, taken, offset);
    }
    let duals = std::mem::take(column_duals);
    state.augment_along_path(rows, |column| {
        if big_m_duals[column] > f64::NEG_INFINITY { big_m_duals[column] } else { duals[column] }
    });
    state.column_duals = duals;
    let State { search, column_duals, shift, .. } = state;
    for (k, &(column, distance)) in search.scanned.iter().enumerate() {
        if k < ordinary {
            big_m_duals[column] = std::mem::replace(&mut column_duals[column], f64::NEG_INFINITY);
        }
        big_m_duals[column] += distance - search.end.distance;
        *shift = shift.max(big_m_duals[column].abs());
    }
}

/// Gives all duals their values.
fn complete_duals<T: Cost, R: CostRows<T>>(state: &mut State, rows: &mut R, big_m_duals: &[f64]) {
    let columns = rows.columns();
    let big_m_columns: Vec<usize> = (0..columns).filter(|&column| big_m_duals[column] > f64::NEG_INFINITY).collect();
    let mut outweighs = big_m_columns.iter().fold(0.0, |most: f64, &column| most.max(big_m_duals[column]));
    for row in state.interrupt.guard(0..rows.rows()) {
        let column = state.column_of_row[row];
        if column == NONE || big_m_duals[column as usize] > f64::NEG_INFINITY {
            continue;
        }
        let dual = rows.at(row, column as usize) - state.column_duals[column as usize];
        outweighs = outweighs.max(dual);
        for &column in &big_m_columns {
            outweighs = outweighs.max(dual + big_m_duals[column] - rows.at(row, column));
        }
    }
    state.shift = state.shift.max(outweighs);
    for column in big_m_columns {
        state.column_duals[column] = big_m_duals[column] - outweighs;
    }
    state.complete_row_duals(rows, 0.0, outweighs);
}
