//! The reductions that come before the searches of a dense matrix, of which they leave few.
//!
//! *Column reduction* of a square matrix: every column's dual is its smallest cost, and the row that has it takes the
//! column; then *reduction transfer* lowers the dual of a row's column as far as the row's second choice permits.
//! *Augmenting row reduction*: a row left over takes its cheapest column all the same, whose dual falls by what the second
//! cheapest costs more, so that the row that had it may look elsewhere; and so on, within a budget.
//!
//! Source: Jonker and Volgenant 1987, "A shortest augmenting path algorithm for dense and sparse linear assignment
//! problems".

use simd::{F64, LANES, Level, Simd, dispatch, load_f64, prelude::*, store_f64};

use crate::cost::Cost;
use crate::interrupt::Interrupt;
use crate::outcome::NONE;
use crate::scan::{Cheapest, FIRST_ROWS, cheapest, rows_at_a_time, tied};
use crate::state::State;
use crate::view::{CostRows, MatrixView};

impl State {
    /// Column reduction of a square matrix; rows that no column chose become free rows. Gives the rows that just one
    /// column chose, or nothing where costs turn out not to be ordinary.
    pub fn reduce_columns<T: Cost>(&mut self, level: Level, view: &MatrixView<'_, T>) -> Option<Vec<bool>> {
        let rows_of_minima = &mut self.search.distance;
        rows_of_minima.resize(view.width, 0.0);
        let duals = &mut self.column_duals;
        duals.fill(f64::INFINITY);
        if !dispatch!(level, simd => column_minima(simd, view, duals, rows_of_minima, &self.interrupt)) {
            return None;
        }
        duals[view.columns..].fill(f64::NEG_INFINITY);
        let mut chosen_once = vec![false; view.rows];
        for column in 0..view.columns {
            if self.column_duals[column] == f64::INFINITY {
                self.column_duals[column] = 0.0; // no cell of the column is allowed
                continue;
            }
            let row = self.search.distance[column] as usize;
            if self.column_of_row[row] == NONE {
                self.pair(row, column);
                chosen_once[row] = true;
            } else {
                chosen_once[row] = false;
            }
        }
        self.free_rows.clear();
        self.free_rows.extend((0..view.rows as u32).filter(|&row| self.column_of_row[row as usize] == NONE));
        Some(chosen_once)
    }

    /// Reduction transfer from the rows that just one column chose.
    #[inline(always)]
    pub fn transfer_reduction<S: Simd, T: Cost>(&mut self, simd: S, view: &MatrixView<'_, T>, chosen_once: &[bool]) {
        for row in self.interrupt.guard((0..view.rows).filter(|&row| chosen_once[row])) {
            let Cheapest { column, first, second } = cheapest(simd, view.row(row), &self.column_duals);
            if column == self.column_of_row[row] as usize && second < f64::INFINITY {
                self.column_duals[column] -= second - first;
            }
        }
    }

    /// Augmenting row reduction of the free rows; those that find no column of their own stay free.
    #[inline(always)]
    pub fn reduce_rows<S: Simd, T: Cost, R: CostRows<T>>(&mut self, simd: S, rows: &mut R) {
        /// Rows that may be moved for each free row.
        const BUDGET: usize = 3;
        let mut budget = BUDGET * self.free_rows.len();
        let mut left = 0;
        for k in 0..self.free_rows.len() {
            let mut row = self.free_rows[k];
            loop {
                if self.interrupt.is_raised() {
                    return;
                }
                let costs = rows.row(row as usize);
                let Cheapest { mut column, first, second } = cheapest(simd, costs, &self.column_duals);
                let gap = second - first;
                let is_free = |column: usize| self.row_of_column[column] == NONE;
                // a tie may go in circles, and a row without a second column would never let go of its first
                let mut settles = gap > 0.0 && gap < f64::INFINITY && budget > 0;
                if !settles && first < f64::INFINITY && !is_free(column) && gap == 0.0 {
                    column = tied(simd, costs, &self.column_duals, &self.taken, first).unwrap_or(column);
                }
                settles |= first < f64::INFINITY && is_free(column);
                if !settles {
                    self.free_rows[left] = row;
                    left += 1;
                    break;
                }
                if gap < f64::INFINITY {
                    self.column_duals[column] -= gap;
                }
                let owner = self.row_of_column[column];
                self.pair(row as usize, column);
                self.taken[column] = f64::INFINITY;
                if owner == NONE {
                    break;
                }
                self.column_of_row[owner as usize] = NONE;
                budget -= 1;
                row = owner;
            }
        }
        self.free_rows.truncate(left);
    }
}

/// Lowers each column's minimum by the matrix's costs and notes the row it is from, the lowest if there are several; or
/// gives false where costs turn out not to be ordinary.
#[inline(always)]
fn column_minima<S: Simd, T: Cost>(
    simd: S,
    view: &MatrixView<'_, T>,
    minima: &mut [f64],
    rows: &mut [f64],
    interrupt: &Interrupt,
) -> bool {
    let at_a_time = rows_at_a_time(view.width);
    for first in interrupt.guard((0..view.rows).step_by(at_a_time)) {
        let group = first..(first + at_a_time).min(view.rows);
        if !view.are_ordinary(simd, group.clone()) {
            return false;
        }
        if first < FIRST_ROWS {
            for at in (0..view.width).step_by(LANES) {
                lower(simd, group.clone().map(|row| (row, view.row(row))), at, minima, rows);
            }
            continue;
        }
        for first in group.clone().step_by(4) {
            let four: [usize; 4] = std::array::from_fn(|k| (first + k).min(group.end - 1));
            let four = four.map(|row| (row, view.row(row)));
            for at in (0..view.width).step_by(LANES) {
                let mut least = T::load(simd, four[0].1, at);
                for (_, costs) in &four[1..] {
                    let costs = T::load(simd, costs, at);
                    least = [least[0].min(costs[0]), least[1].min(costs[1])];
                }
                let old = load_f64(simd, minima, at);
                if (least[0].simd_lt(old[0]) | least[1].simd_lt(old[1])).any_true() {
                    lower(simd, four, at, minima, rows);
                }
            }
        }
    }
    true
}

/// Lowers the minima of the columns at `at` by the costs of some rows.
#[inline(always)]
fn lower<'a, S: Simd, T: Cost + 'a>(
    simd: S,
    offers: impl IntoIterator<Item = (usize, &'a [T])>,
    at: usize,
    minima: &mut [f64],
    rows: &mut [f64],
) {
    let (mut least, mut from) = (load_f64(simd, minima, at), load_f64(simd, rows, at));
    for (row, costs) in offers {
        let (row, costs) = (F64::splat(simd, row as f64), T::load(simd, costs, at));
        for k in 0..2 {
            let lower = costs[k].simd_lt(least[k]);
            from[k] = lower.select(row, from[k]);
            least[k] = lower.select(costs[k], least[k]);
        }
    }
    store_f64(least, minima, at);
    store_f64(from, rows, at);
}
