//! The most pairs, whatever they cost: Hopcroft and Karp's algorithm.
//!
//! Each phase measures how many pairs lie between a free row and every row, by breadth, then augments along shortest paths
//! that share no row as long as there are any. At most about √rows phases are needed. Source: Hopcroft and Karp 1973, "An
//! n^5/2 algorithm for maximum matchings in bipartite graphs".

use crate::interrupt::Interrupt;
use crate::outcome::NONE;
use crate::sparse::rows::SparseRows;

/// Pairs of rows and columns.
pub(crate) struct LargestMatching {
    pub column_of_row: Vec<u32>,
    row_of_column: Vec<u32>,
    /// Pairs between a free row and this one; `NONE` for a row that no alternating path reaches.
    levels: Vec<u32>,
    /// How many of a row's cells the present phase has tried.
    tried: Vec<u32>,
    queue: Vec<u32>,
}

/// Rows that have fewer allowed columns between them than they are, if there are such.
pub(crate) fn violator(matrix: &SparseRows, interrupt: &Interrupt) -> Option<Vec<usize>> {
    let mut matching = LargestMatching::largest(matrix, interrupt);
    let free = matching.column_of_row.iter().position(|&column| column == NONE)?;
    matching.measure(matrix, free as u32..free as u32 + 1, interrupt);
    Some(matching.queue.iter().map(|&row| row as usize).collect())
}

impl LargestMatching {
    /// A matching of the most pairs.
    pub fn largest(matrix: &SparseRows, interrupt: &Interrupt) -> Self {
        let height = matrix.height();
        let mut matching = Self {
            column_of_row: vec![NONE; height],
            row_of_column: vec![NONE; matrix.width],
            levels: vec![NONE; height],
            tried: vec![0; height],
            queue: Vec::new(),
        };
        matching.take_free_columns(matrix, interrupt);
        while matching.measure(matrix, 0..height as u32, interrupt) {
            matching.tried.fill(0);
            for row in 0..height as u32 {
                if matching.column_of_row[row as usize] == NONE {
                    matching.augment(matrix, row, interrupt);
                }
            }
        }
        matching
    }

    /// Whether an alternating path leads from a free row to this one.
    pub fn is_crowded(&self, row: usize) -> bool {
        self.levels[row] != NONE
    }

    fn pair(&mut self, row: u32, column: u32) {
        self.column_of_row[row as usize] = column;
        self.row_of_column[column as usize] = row;
    }

    fn take_free_columns(&mut self, matrix: &SparseRows, interrupt: &Interrupt) {
        for row in (0..matrix.height()).take_while(|_| !interrupt.is_raised()) {
            let mut columns = matrix.row(row).iter().map(|cell| cell.column);
            if let Some(column) = columns.find(|&column| self.row_of_column[column as usize] == NONE) {
                self.pair(row as u32, column);
            }
        }
    }

    /// Measures the levels of all rows from the free ones among `starts`; gives whether a free column was reached.
    fn measure(&mut self, matrix: &SparseRows, starts: std::ops::Range<u32>, interrupt: &Interrupt) -> bool {
        self.levels.fill(NONE);
        self.queue.clear();
        for row in starts {
            if self.column_of_row[row as usize] == NONE {
                self.levels[row as usize] = 0;
                self.queue.push(row);
            }
        }
        let mut reaches = false;
        let mut next = 0;
        while let Some(&row) = self.queue.get(next) {
            if interrupt.is_raised() {
                return false;
            }
            next += 1;
            for cell in matrix.row(row as usize) {
                let owner = self.row_of_column[cell.column as usize];
                if owner == NONE {
                    reaches = true;
                } else if self.levels[owner as usize] == NONE {
                    self.levels[owner as usize] = self.levels[row as usize] + 1;
                    self.queue.push(owner);
                }
            }
        }
        reaches
    }

    /// Augments along a path of rising levels from a free row to a free column, if there is one.
    fn augment(&mut self, matrix: &SparseRows, start: u32, interrupt: &Interrupt) {
        // rows of the path; the last cell that each has tried leads to the next
        self.queue.clear();
        self.queue.push(start);
        while let Some(&row) = self.queue.last() {
            if interrupt.is_raised() {
                return;
            }
            let tried = &mut self.tried[row as usize];
            let Some(cell) = matrix.row(row as usize).get(*tried as usize) else {
                self.queue.pop();
                continue;
            };
            *tried += 1;
            let owner = self.row_of_column[cell.column as usize];
            if owner == NONE {
                for k in 0..self.queue.len() {
                    let row = self.queue[k];
                    let cell = matrix.row(row as usize)[self.tried[row as usize] as usize - 1];
                    self.pair(row, cell.column);
                }
                return;
            }
            if self.levels[owner as usize] == self.levels[row as usize] + 1 {
                self.queue.push(owner);
            }
        }
    }
}
