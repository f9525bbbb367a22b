//! The state of a dense solve: pairs, duals, and the memory of the search, kept from solve to solve.

use simd::padded;

use crate::cost::Cost;
use crate::interrupt::Interrupt;
use crate::outcome::NONE;
use crate::search::Search;
use crate::solution::Solution;
use crate::view::{Choices, CostRows, MatrixView};

/// The pairs and duals so far, and what the stages of a dense solve share.
#[derive(Debug, Default)]
pub(crate) struct State {
    pub column_of_row: Vec<u32>,
    pub row_of_column: Vec<u32>,
    /// Duals of the columns, at most 0, and 0 for a free one; -infinity beyond the last.
    pub column_duals: Vec<f64>,
    /// How far from 0 they have been before something was added to them, which may have cost digits.
    pub shift: f64,
    /// Duals of the rows, once all others are known.
    pub row_duals: Vec<f64>,
    /// +infinity for a column that is taken, 0 for a free one.
    pub taken: Vec<f64>,
    /// The two best columns of every row, where rows choose.
    pub choices: Choices,
    pub search: Search,
    pub free_rows: Vec<u32>,
    /// Whether it is known that not all rows can have columns.
    pub is_partial: bool,
    /// Those from which no free column can be reached.
    pub unassignable_rows: Vec<u32>,
    /// Once raised, every stage ends early; what it leaves is unspecified, to be discarded.
    pub interrupt: Interrupt,
}

impl State {
    /// Gives away what it has found.
    pub fn give(&mut self) -> Solution {
        let [column_of_row, row_of_column] = [&mut self.column_of_row, &mut self.row_of_column].map(std::mem::take);
        let [row_duals, mut column_duals] = [&mut self.row_duals, &mut self.column_duals].map(std::mem::take);
        column_duals.truncate(row_of_column.len());
        Solution { column_of_row, row_of_column, row_duals, column_duals }
    }

    /// Takes what another solver has found.
    pub fn take(&mut self, solution: Solution) {
        let Solution { column_of_row, row_of_column, row_duals, column_duals } = solution;
        (self.column_of_row, self.row_of_column) = (column_of_row, row_of_column);
        (self.row_duals, self.column_duals) = (row_duals, column_duals);
        self.shift = 0.0;
    }

    /// Forgets all pairs and sets every dual to 0.
    pub fn reset(&mut self, rows: usize, columns: usize) {
        self.column_of_row.clear();
        self.column_of_row.resize(rows, NONE);
        self.row_of_column.clear();
        self.row_of_column.resize(columns, NONE);
        self.column_duals.clear();
        self.column_duals.resize(columns, 0.0);
        self.column_duals.resize(padded(columns), f64::NEG_INFINITY);
        self.shift = 0.0;
        self.row_duals.clear();
        self.unassignable_rows.clear();
    }

    /// Makes a row and a column partners.
    pub fn pair(&mut self, row: usize, column: usize) {
        self.column_of_row[row] = column as u32;
        self.row_of_column[column] = row as u32;
    }

    /// Whether every column will be taken, so that the duals of the columns may begin anywhere.
    pub fn takes_all<T>(&self, view: &MatrixView<'_, T>) -> bool {
        view.rows == view.columns && !self.is_partial
    }

    /// Notes which columns are taken, for a search.
    pub fn note_taken(&mut self) {
        self.taken.clear();
        self.taken.extend(self.row_of_column.iter().map(|&row| if row == NONE { 0.0 } else { f64::INFINITY }));
        self.taken.resize(padded(self.row_of_column.len()), f64::INFINITY);
    }

    /// The duals of the rows, less the limit if there is one.
    pub fn complete_row_duals<T: Cost, R: CostRows<T>>(&mut self, rows: &R, limit: f64, unassigned: f64) {
        let duals = self.column_of_row.iter().enumerate().map(|(row, &column)| match column {
            NONE => unassigned,
            column => rows.at(row, column as usize) - self.column_duals[column as usize] - limit,
        });
        self.row_duals.extend(duals);
    }

    /// Makes the rows the columns of a square matrix and the other way round.
    pub fn transpose(&mut self) {
        std::mem::swap(&mut self.column_of_row, &mut self.row_of_column);
        std::mem::swap(&mut self.row_duals, &mut self.column_duals);
        self.row_duals.truncate(self.column_of_row.len());
        self.column_duals.resize(padded(self.row_of_column.len()), f64::NEG_INFINITY);
    }

    /// Duals of the rows and of the `columns` columns that are no padding.
    pub fn duals(&self, columns: usize) -> (&[f64], &[f64]) {
        (&self.row_duals, &self.column_duals[..columns])
    }
}
