//! The reductions that come before the searches of a sparse matrix, of which they leave few.
//!
//! *Column reduction*: every column's dual is its smallest cost, and the row that has it takes the column. A row without
//! a column takes its cheapest one if that is free. *Augmenting row reduction*: a row left over takes its cheapest column
//! all the same, whose dual falls by what the second cheapest costs more, so that the row that had it may look elsewhere;
//! and so on, within a budget.
//!
//! Source: Jonker and Volgenant 1987, "A shortest augmenting path algorithm for dense and sparse linear assignment
//! problems".

use crate::outcome::NONE;
use crate::sparse::column::ColumnState;
use crate::sparse::rows::{ListedCell, SparseRows};
use crate::sparse::state::{CheapestCell, SparseState, cheapest};

/// Passes of augmenting row reduction.
const ROW_REDUCTIONS: usize = 2;

/// Rows that a pass may move for each free row.
const MOVES: usize = 30;

impl SparseState {
    /// The pairs that duals suggest.
    pub fn pair_cheapest(&mut self, matrix: &mut SparseRows, limit: f64) {
        self.take_cheapest(matrix, limit);
        for _ in 0..ROW_REDUCTIONS {
            self.reduce_rows(matrix, limit);
        }
    }

    /// Column reduction.
    pub fn reduce_columns(&mut self, matrix: &SparseRows) {
        for row in 0..matrix.height() {
            for &ListedCell { cost, column } in matrix.row(row) {
                let place = &mut self.columns[column as usize];
                if cost < place.cost {
                    (place.cost, place.parent) = (cost, row as u32);
                }
            }
        }
        for column in 0..self.columns.len() {
            let ColumnState { cost, parent, .. } = self.columns[column];
            if parent == NONE {
                continue;
            }
            self.duals[column] = cost;
            if self.column_of_row[parent as usize] == NONE {
                self.pair(parent, ListedCell { cost, column: column as u32 });
            }
        }
    }

    /// Gives every row without a column its cheapest one, if that is free and worth it.
    fn take_cheapest(&mut self, matrix: &SparseRows, limit: f64) {
        self.free_rows.clear();
        for row in 0..matrix.height() {
            if self.column_of_row[row] != NONE || self.interrupt.is_raised() {
                continue;
            }
            let cells = matrix.row(row);
            let first = cheapest(cells, &self.duals).first;
            if first > limit {
                continue;
            }
            match self.free_cell(cells, first) {
                Some(cell) => self.pair(row as u32, cell),
                None => self.free_rows.push(row as u32),
            }
        }
    }

    /// Augmenting row reduction of the free rows; those that find no column of their own stay free, and those that
    /// better stay without one leave.
    fn reduce_rows(&mut self, matrix: &mut SparseRows, limit: f64) {
        let mut budget = MOVES * self.free_rows.len();
        let mut left = 0;
        for k in 0..self.free_rows.len() {
            let mut row = self.free_rows[k];
            loop {
                if self.interrupt.is_raised() {
                    return;
                }
                let CheapestCell { mut cell, first, second } = self.cheapest(matrix, row as usize);
                if first > limit {
                    break;
                }
                let stays = first == f64::INFINITY;
                let owner = |cell: ListedCell| self.columns[cell.column as usize].row;
                let second = second.min(limit);
                let dual = if stays { 0.0 } else { self.duals[cell.column as usize] };
                let lowered = dual - (second - first);
                // a tie may go in circles, a row without a second choice would never let go of its first, and the
                // dual may be so large that the difference is lost in it
                let is_strict = second < f64::INFINITY && lowered < dual;
                let mut settles = !stays && (owner(cell) == NONE || is_strict && budget > 0);
                if settles && is_strict {
                    self.duals[cell.column as usize] = lowered;
                } else if !settles
                    && !stays
                    && let Some(free) = self.free_cell(matrix.row(row as usize), first)
                {
                    (cell, settles) = (free, true);
                }
                if !settles {
                    self.free_rows[left] = row;
                    left += 1;
                    break;
                }
                let owner = self.columns[cell.column as usize].row;
                self.pair(row, cell);
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
