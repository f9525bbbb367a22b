//! The sparse solver: shortest augmenting paths over the listed cells.
//!
//! 1. In a square matrix, *column reduction*: every column's dual is its smallest cost, and the row that has it takes
//!    the column; where that leaves many rows free, an [auction](crate::sparse::auction) moves the duals near the optimum.
//!    A row without a column takes its cheapest one if that is free.
//! 2. *Augmenting row reduction*: a row left over takes its cheapest column all the same, whose dual falls by what the
//!    second cheapest costs more, so that the row that had it may look elsewhere; and so on, within a budget.
//! 3. Each row still left grows a tree of alternating paths by Dijkstra's algorithm, with a heap, over the reduced
//!    costs c - u - v. The nearest free column so far bounds the search: what lies farther is never pushed. Columns at
//!    the distance just reached are scanned at once, past the heap. Only distances that were touched are reset.
//!
//! In a matrix that is not square or has a limit, a free column must have the dual 0, and the others none above. So the
//! duals start from 0, without column reduction. If the searches then take long, an auction follows here too, after
//! which some free columns have duals below 0: each searches as a row does, in the transposed matrix, for a row or for a
//! column that may become free instead of it.
//!
//! With a limit, a row may also stay without a column at the cost of the limit, which to the search is one more place
//! to end next to every row.
//!
//! A search that runs out of columns has found a Hall violator: its rows have fewer allowed columns between them than
//! they are. Ties go to a free column first, then to the first one met.
//!
//! Sources: Jonker and Volgenant 1987, "A shortest augmenting path algorithm for dense and sparse linear assignment
//! problems"; Volgenant 1996, "Linear and semi-assignment problems: a core oriented approach".

use crate::outcome::{NONE, Outcome};
use crate::sparse::column::ColumnState;
use crate::sparse::matching;
use crate::sparse::rows::{ListedCell, SparseRows};
use crate::sparse::search::SearchEnd;
use crate::sparse::state::{SparseState, cheapest};

/// The part of the rows that column reduction may leave free before an auction pays.
const FEW_FREE: usize = 16;

/// What the searches of a matrix that is not square, or has a limit, may scan before an auction pays, in multiples of its
/// cells.
const PATIENCE: usize = 8;

impl SparseState {
    /// Solves a matrix with at most as many rows as columns. A row may stay without a column at the cost of `limit`,
    /// which no cell exceeds.
    pub fn solve(&mut self, matrix: &mut SparseRows, spare: &mut SparseRows, limit: f64) -> Outcome {
        self.reset(matrix);
        if matrix.height() == matrix.width && limit == f64::INFINITY {
            self.solve_square(matrix)
        } else {
            self.solve_any(matrix, spare, limit)
        }
    }

    /// Solves a square matrix of which every row gets a column, whatever the duals.
    fn solve_square(&mut self, matrix: &mut SparseRows) -> Outcome {
        self.reduce_columns(matrix);
        let free = self.column_of_row.iter().filter(|&&column| column == NONE).count();
        let is_hard = free * FEW_FREE > matrix.height() || self.scales_at_once;
        // bids without an end are a sign that rows cannot all be placed
        let is_doubtful = is_hard && !self.hold_auction(matrix, f64::INFINITY);
        if is_doubtful && let Some(violator) = matching::violator(matrix, &self.interrupt) {
            return Outcome::Infeasible(violator);
        }
        self.pair_cheapest(matrix, f64::INFINITY);
        self.augment_all(matrix, f64::INFINITY, usize::MAX).unwrap_or(Outcome::Optimal)
    }

    /// Solves a matrix in which a free column has the dual 0, and no column a larger one.
    fn solve_any(&mut self, matrix: &mut SparseRows, spare: &mut SparseRows, limit: f64) -> Outcome {
        self.pair_cheapest(matrix, limit);
        let patience = if self.scales_at_once { 0 } else { PATIENCE * (matrix.len() + matrix.height()) };
        if let Some(outcome) = self.augment_all(matrix, limit, patience) {
            return outcome;
        }
        let is_complete = limit == f64::INFINITY;
        if is_complete && let Some(violator) = matching::violator(matrix, &self.interrupt) {
            return Outcome::Infeasible(violator);
        }
        self.reset(matrix);
        self.hold_auction(matrix, limit);
        self.shift = self.duals.iter().fold(0.0, |most, dual| dual.abs().max(most));
        if is_complete {
            let largest = self.duals.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            self.duals.iter_mut().for_each(|dual| *dual -= largest);
            self.forget_candidates(matrix);
        }
        self.pair_cheapest(matrix, limit);
        self.place_columns(matrix, spare, limit);
        self.augment_all(matrix, limit, usize::MAX).unwrap_or(Outcome::Optimal)
    }

    /// Raises the dual of every free column to 0, or finds a row for it: the columns search as the rows of the
    /// transposed matrix do, where to stay free costs 0.
    fn place_columns(&mut self, matrix: &mut SparseRows, spare: &mut SparseRows, limit: f64) {
        let is_low = |column: &u32| {
            let column = *column as usize;
            self.columns[column].row == NONE && self.duals[column] < 0.0
        };
        let free: Vec<u32> = (0..matrix.width as u32).filter(is_low).collect();
        if free.is_empty() {
            return;
        }
        spare.fill([matrix.width, matrix.height()], matrix.transposed(), &self.interrupt);
        let mut turned = Self::default();
        turned.interrupt = self.interrupt.clone();
        turned.reset(spare);
        turned.free_rows = free;
        for row in 0..matrix.height() {
            let (column, cost) = (self.column_of_row[row], self.cost_of_row[row]);
            if column == NONE {
                let first = cheapest(matrix.row(row), &self.duals).first;
                // a row without cells stays where it is
                turned.duals[row] = if first < f64::INFINITY { first.min(limit) } else { 0.0 };
            } else {
                turned.duals[row] = cost - self.duals[column as usize];
                turned.pair(column, ListedCell { cost, column: row as u32 });
            }
        }
        turned.augment_all(spare, 0.0, usize::MAX);
        self.forget_pairs();
        for column in 0..matrix.width {
            let (row, cost) = (turned.column_of_row[column], turned.cost_of_row[column]);
            self.duals[column] = 0.0;
            if row != NONE {
                self.duals[column] = (cost - turned.duals[row as usize]).min(0.0);
                self.pair(row, ListedCell { cost, column: column as u32 });
            }
        }
        let is_left = |row: &u32| self.column_of_row[*row as usize] == NONE;
        self.free_rows = (0..matrix.height() as u32).filter(is_left).collect();
    }

    /// Finds a path for every free row; nothing where the budget does not last.
    fn augment_all(&mut self, matrix: &SparseRows, limit: f64, budget: usize) -> Option<Outcome> {
        self.search.work = 0;
        for k in 0..self.free_rows.len() {
            if self.search.work > budget {
                return None;
            }
            let row = self.free_rows[k];
            if !self.augment(matrix, row, limit) {
                let owners = self.search.scanned.iter().map(|&(column, _)| self.columns[column as usize].row as usize);
                return Some(Outcome::Infeasible(std::iter::once(row as usize).chain(owners).collect()));
            }
        }
        Some(Outcome::Optimal)
    }

    /// Finds the shortest path from a free row to a free column, or to a row that can better stay without one, and
    /// augments along it; gives whether there is one.
    fn augment(&mut self, matrix: &SparseRows, start: u32, limit: f64) -> bool {
        self.search.begin();
        // `offset`: what turns c - v into the length of the path that ends with it
        let (mut row, mut offset) = (start, 0.0);
        loop {
            self.search.may_leave(row, limit + offset);
            self.search.relax(matrix.row(row as usize), &self.duals, &mut self.columns, row, offset);
            let Some(column) = self.search.next(&mut self.columns) else { break };
            if self.interrupt.is_raised() {
                return true;
            }
            row = self.columns[column as usize].row;
            offset = self.search.reached - (self.cost_of_row[row as usize] - self.duals[column as usize]);
        }
        for &column in &self.search.touched {
            self.columns[column as usize].distance = f64::INFINITY;
        }
        let (mut column, length) = match self.search.end {
            SearchEnd::Nowhere => return false,
            SearchEnd::At(column, length) => (column, length),
            SearchEnd::Leaving(row, length) => (std::mem::replace(&mut self.column_of_row[row as usize], NONE), length),
        };
        for &(column, scanned) in &self.search.scanned {
            self.duals[column as usize] += (scanned - length).min(0.0);
        }
        // a start that stays without a column leaves no path to augment along
        while column != NONE {
            let ColumnState { cost, parent, .. } = self.columns[column as usize];
            let previous = self.column_of_row[parent as usize];
            self.pair(parent, ListedCell { cost, column });
            column = previous;
        }
        true
    }
}
