//! First pairs by the rows' choice: every row takes its cheapest column. Of several that want the same, the one that would
//! lose most by its second choice gets it, and the column's dual falls by that loss.

use simd::{Level, dispatch};

use crate::cost::Cost;
use crate::outcome::NONE;
use crate::state::State;
use crate::view::{Choices, CostRows};

impl State {
    /// Notes the two cheapest columns of every row; gives false where costs turn out not to be ordinary.
    pub fn choose<T: Cost, R: CostRows<T>>(&mut self, level: Level, rows: &R) -> bool {
        let Self { column_duals, choices, interrupt, .. } = self;
        dispatch!(level, simd => rows.choose(simd, column_duals, choices, interrupt))
    }

    /// Gives every column to the row that chose it, or of several to the one with the largest gap, the others become
    /// free rows; then lowers the columns' duals by the gaps. A row for which every column costs more than the limit
    /// has no use for one, now or later.
    pub fn take_cheapest(&mut self, limit: f64) {
        self.free_rows.clear();
        let Choices { columns, firsts, seconds, second_columns } = &self.choices;
        for row in 0..self.column_of_row.len() {
            let first = firsts[row];
            if first > limit || first == f64::INFINITY && limit < f64::INFINITY {
                continue;
            }
            let mut loser = row as u32;
            if first < f64::INFINITY {
                let column = columns[row] as usize;
                let owner = self.row_of_column[column];
                if owner == NONE || seconds[row] - first > seconds[owner as usize] - firsts[owner as usize] {
                    self.column_of_row[row] = column as u32;
                    self.row_of_column[column] = row as u32;
                    loser = owner;
                }
            }
            if loser != NONE {
                self.column_of_row[loser as usize] = NONE;
                self.free_rows.push(loser);
            }
        }
        for (row, &column) in self.column_of_row.iter().enumerate() {
            let gap = seconds[row].min(limit) - firsts[row];
            if column != NONE && gap < f64::INFINITY {
                self.column_duals[column as usize] -= gap;
            }
        }
        if !second_columns.is_empty() && limit == f64::INFINITY {
            self.take_second();
        }
    }

    /// Gives the free rows the second cheapest columns that are free, where their first ones now cost no less.
    fn take_second(&mut self) {
        let Choices { columns, firsts, seconds, second_columns } = &self.choices;
        let mut left = 0;
        for k in 0..self.free_rows.len() {
            let row = self.free_rows[k] as usize;
            let (second, column) = (seconds[row], second_columns[row] as usize);
            let is_best = second < f64::INFINITY && second <= firsts[row] - self.column_duals[columns[row] as usize];
            if is_best && self.row_of_column[column] == NONE {
                self.column_of_row[row] = column as u32;
                self.row_of_column[column] = row as u32;
            } else {
                self.free_rows[left] = row as u32;
                left += 1;
            }
        }
        self.free_rows.truncate(left);
    }
}
