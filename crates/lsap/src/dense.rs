//! The dense solver: reductions, then a shortest augmenting path for each row that they leave free.
//!
//! 1. The rows [choose](crate::choice). In a square matrix, unless [`ties`](crate::ties) speak against it,
//!    [column reduction](crate::reduce) comes first instead.
//! 2. Augmenting row reduction of the rows that are left over.
//! 3. Each row still left is [augmented](crate::augment). Where the first searches show that all of them would take too
//!    long, the matrix is [`Hard`](Outcome::Hard), for the router to go another way.
//!
//! Sources: Jonker and Volgenant 1987, "A shortest augmenting path algorithm for dense and sparse linear assignment
//! problems"; Crouse 2016, "On implementing 2D rectangular assignment algorithms".

use simd::{Level, dispatch};

use crate::cost::Cost;
use crate::groups::Groups;
use crate::majority;
use crate::outcome::{Outcome, Searches};
use crate::state::State;
use crate::view::CostRows;

/// Passes of augmenting row reduction.
const ROW_REDUCTIONS: usize = 2;

/// Finds the pairs and the duals of the columns. `rows_first`: whether rows choose although the matrix is square.
/// `patience`: the cells that the searches may be expected to scan.
pub(crate) fn solve<T: Cost, R: CostRows<T>>(
    state: &mut State,
    level: Level,
    rows: &mut R,
    rows_first: bool,
    patience: usize,
) -> Outcome {
    let square = rows.view().filter(|view| state.takes_all(view) && !rows_first);
    if let Some(view) = square {
        let Some(chosen_once) = state.reduce_columns(level, view) else { return Outcome::Unchecked };
        if !state.free_rows.is_empty() {
            dispatch!(level, simd => state.transfer_reduction(simd, view, &chosen_once));
        }
    } else if let Some(row) = rows.groups().and_then(Groups::majority) {
        if !rows.is_ordinary(level, &state.interrupt) {
            return Outcome::Unchecked;
        }
        majority::place(state, rows, row);
    } else {
        if !state.choose(level, rows) {
            return Outcome::Unchecked;
        }
        state.take_cheapest(f64::INFINITY);
    }
    if state.free_rows.is_empty() {
        return Outcome::Optimal;
    }
    state.note_taken();
    for _ in 0..ROW_REDUCTIONS {
        dispatch!(level, simd => state.reduce_rows(simd, rows));
    }
    match state.augment_all(level, rows, f64::INFINITY, patience) {
        Searches::Spent => Outcome::Hard,
        Searches::Infeasible(rows) => Outcome::Infeasible(rows),
        Searches::Done => Outcome::Optimal,
    }
}

/// The same where a row may also stay without a column at the cost of `limit`.
pub(crate) fn solve_limited<T: Cost, R: CostRows<T>>(
    state: &mut State,
    level: Level,
    rows: &mut R,
    limit: f64,
) -> Outcome {
    if !state.choose(level, rows) {
        return Outcome::Unchecked;
    }
    state.take_cheapest(limit);
    state.augment_all(level, rows, limit, usize::MAX);
    Outcome::Optimal
}
