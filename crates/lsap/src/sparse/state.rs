//! The state of a sparse solve, kept between solves for its memory, with the candidates of its rows.
//!
//! The *candidates* of a row are its few cells of the least reduced cost, kept in front of the others, with a bound on the
//! others. Duals only fall, so the bound holds until the row is read again, and a row whose two cheapest candidates lie
//! within it need look no further.
//!
//! Source: Volgenant 1996, "Linear and semi-assignment problems: a core oriented approach".

use crate::interrupt::Interrupt;
use crate::outcome::NONE;
use crate::solution::Solution;
use crate::sparse::column::ColumnState;
use crate::sparse::rows::{ListedCell, SparseRows};
use crate::sparse::search::SparseSearch;

/// Candidates of a row.
const CANDIDATES: usize = 8;

/// The solver's state, kept between solves for its memory.
#[derive(Debug, Default)]
pub(crate) struct SparseState {
    pub column_of_row: Vec<u32>,
    /// What every row's column costs.
    pub cost_of_row: Vec<f64>,
    /// Duals of the columns, apart since bids read nothing else.
    pub duals: Vec<f64>,
    pub columns: Vec<ColumnState>,
    /// How far from 0 the duals have been before something was added to them, which may have cost digits.
    pub shift: f64,
    /// Bounds on the reduced costs of what is no candidate; -infinity for a row that was not read.
    bounds: Vec<f64>,
    reading: Vec<(f64, ListedCell)>,
    pub free_rows: Vec<u32>,
    pub search: SparseSearch,
    /// Whether to turn to scaling at once, for tests.
    pub scales_at_once: bool,
    /// Once raised, every stage ends early; what it leaves is unspecified, to be discarded.
    pub interrupt: Interrupt,
}

/// The smallest reduced cost of a row.
#[derive(Clone, Copy)]
pub(crate) struct CheapestCell {
    pub cell: ListedCell,
    /// It.
    pub first: f64,
    /// The second smallest.
    pub second: f64,
}

/// The two smallest reduced costs of some cells.
#[inline(always)]
pub(crate) fn cheapest(cells: &[ListedCell], duals: &[f64]) -> CheapestCell {
    let mut found =
        CheapestCell { cell: ListedCell { cost: 0.0, column: NONE }, first: f64::INFINITY, second: f64::INFINITY };
    for &cell in cells {
        let reduced = cell.cost - duals[cell.column as usize];
        if reduced < found.second {
            if reduced < found.first {
                found = CheapestCell { cell, first: reduced, second: found.first };
            } else {
                found.second = reduced;
            }
        }
    }
    found
}

impl SparseState {
    pub fn reset(&mut self, matrix: &SparseRows) {
        self.column_of_row.clear();
        self.column_of_row.resize(matrix.height(), NONE);
        self.cost_of_row.clear();
        self.cost_of_row.resize(matrix.height(), f64::INFINITY);
        self.duals.clear();
        self.duals.resize(matrix.width, 0.0);
        self.columns.clear();
        self.columns.resize(matrix.width, ColumnState::default());
        self.shift = 0.0;
        self.forget_candidates(matrix);
    }

    /// Forgets the bounds, which hold for falling duals only.
    pub fn forget_candidates(&mut self, matrix: &SparseRows) {
        self.bounds.clear();
        self.bounds.resize(matrix.height(), f64::NEG_INFINITY);
    }

    pub fn forget_pairs(&mut self) {
        self.column_of_row.fill(NONE);
        self.columns.iter_mut().for_each(|column| column.row = NONE);
    }

    pub fn pair(&mut self, row: u32, cell: ListedCell) {
        self.column_of_row[row as usize] = cell.column;
        self.cost_of_row[row as usize] = cell.cost;
        self.columns[cell.column as usize].row = row;
    }

    /// The first cell of this reduced cost whose column is free.
    pub fn free_cell(&self, cells: &[ListedCell], reduced: f64) -> Option<ListedCell> {
        let serves = |cell: &ListedCell| {
            let column = cell.column as usize;
            cell.cost - self.duals[column] == reduced && self.columns[column].row == NONE
        };
        cells.iter().copied().find(serves)
    }

    /// The two smallest reduced costs of a row.
    #[inline]
    pub fn cheapest(&mut self, matrix: &mut SparseRows, row: usize) -> CheapestCell {
        let cells = matrix.row_mut(row);
        if cells.len() <= CANDIDATES {
            return cheapest(cells, &self.duals);
        }
        let found = cheapest(&cells[..CANDIDATES], &self.duals);
        if found.second <= self.bounds[row] {
            return found;
        }
        self.bounds[row] = read(cells, &self.duals, &mut self.reading);
        cheapest(&cells[..CANDIDATES], &self.duals)
    }

    /// Writes what has been found. `limit`: the dual of a row without a column.
    pub fn write_to(&self, solution: &mut Solution, limit: f64) {
        solution.clear();
        solution.column_of_row.extend(&self.column_of_row);
        solution.row_of_column.extend(self.columns.iter().map(|column| column.row));
        solution.row_duals.extend(self.column_of_row.iter().zip(&self.cost_of_row).map(
            |(&column, cost)| match column {
                NONE => limit,
                column => (cost - self.duals[column as usize]).min(limit),
            },
        ));
        solution.column_duals.extend(&self.duals);
    }
}

/// Moves a row's candidates to its front; gives the bound on the others.
fn read(cells: &mut [ListedCell], duals: &[f64], reading: &mut Vec<(f64, ListedCell)>) -> f64 {
    reading.clear();
    reading.extend(cells.iter().map(|&cell| (cell.cost - duals[cell.column as usize], cell)));
    let order = |a: &(f64, ListedCell), b: &(f64, ListedCell)| a.0.total_cmp(&b.0).then(a.1.column.cmp(&b.1.column));
    let (_, &mut (bound, _), _) = reading.select_nth_unstable_by(CANDIDATES, order);
    for (place, (_, cell)) in cells.iter_mut().zip(reading) {
        *place = *cell;
    }
    bound
}
