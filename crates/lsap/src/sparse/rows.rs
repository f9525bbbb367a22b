//! The allowed cells of a matrix by rows, sorted by a counting sort.

use std::ops::Range;

use crate::interrupt::Interrupt;

/// A cell of a row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct ListedCell {
    pub cost: f64,
    pub column: u32,
}

/// A matrix in compressed rows that holds only allowed cells.
#[derive(Debug, Default)]
pub(crate) struct SparseRows {
    /// Number of columns.
    pub width: usize,
    /// `[rows + 1]`: where each row's cells start.
    starts: Vec<usize>,
    cells: Vec<ListedCell>,
}

impl SparseRows {
    /// Number of rows.
    pub fn height(&self) -> usize {
        self.starts.len().saturating_sub(1)
    }

    /// Number of cells.
    pub fn len(&self) -> usize {
        self.cells.len()
    }

    fn range(&self, row: usize) -> Range<usize> {
        self.starts[row]..self.starts[row + 1]
    }

    /// The cells of a row.
    pub fn row(&self, row: usize) -> &[ListedCell] {
        &self.cells[self.range(row)]
    }

    /// The cells of a row, whose order is free.
    pub fn row_mut(&mut self, row: usize) -> &mut [ListedCell] {
        let range = self.range(row);
        &mut self.cells[range]
    }

    /// The cost of a cell, +infinity if it is not among them.
    pub fn cost(&self, row: usize, column: u32) -> f64 {
        self.row(row).iter().find(|cell| cell.column == column).map_or(f64::INFINITY, |cell| cell.cost)
    }

    /// All cells with their rows, in order of rows.
    pub fn cells(&self) -> impl Iterator<Item = (u32, ListedCell)> + Clone {
        (0..self.height()).flat_map(move |row| self.row(row).iter().map(move |&cell| (row as u32, cell)))
    }

    /// All cells of the transposed matrix, in order of its columns.
    pub fn transposed(&self) -> impl Iterator<Item = (u32, ListedCell)> + Clone {
        self.cells().map(|(row, ListedCell { cost, column })| (column, ListedCell { cost, column: row }))
    }

    /// Takes cells in any order; within a row they stay in the order given. What an interrupt leaves behind is some
    /// matrix of this size.
    pub fn fill(
        &mut self,
        [height, width]: [usize; 2],
        cells: impl Iterator<Item = (u32, ListedCell)> + Clone,
        interrupt: &Interrupt,
    ) {
        let cells = cells.take_while(|_| !interrupt.is_raised());
        self.width = width;
        self.starts.clear();
        self.starts.resize(height + 1, 0);
        for (row, _) in cells.clone() {
            self.starts[row as usize + 1] += 1;
        }
        let mut sum = 0;
        for start in &mut self.starts {
            sum += *start;
            *start = sum;
        }
        self.make_room(sum);
        self.cells.resize(sum, ListedCell { cost: 0.0, column: 0 });
        // each row's start runs to its end, which is the start of the next
        for (row, cell) in cells {
            let place = &mut self.starts[row as usize];
            self.cells[*place] = cell;
            *place += 1;
        }
        self.starts.rotate_right(1);
        self.starts[0] = 0;
    }

    /// Has no rows yet, but room for so many cells of those that [`SparseRows::push`] adds.
    pub fn begin(&mut self, [height, width]: [usize; 2], cells: usize) {
        self.width = width;
        self.starts.clear();
        self.starts.reserve_exact(height + 1);
        self.starts.push(0);
        self.cells.clear();
        self.make_room(cells);
    }

    /// Adds the next row.
    pub fn push(&mut self, cells: impl Iterator<Item = ListedCell>) {
        self.cells.extend(cells);
        self.starts.push(self.cells.len());
    }

    /// Makes room for so many cells and no more; the old ones may be lost.
    fn make_room(&mut self, cells: usize) {
        if self.cells.capacity() < cells {
            self.cells = Vec::new(); // not both at once
            self.cells.reserve_exact(cells);
        }
    }

    /// Drops all cells that cost more than `limit`.
    pub fn drop_dearer(&mut self, limit: f64, interrupt: &Interrupt) {
        let mut kept = 0;
        for row in 0..self.height() {
            if interrupt.is_raised() {
                return;
            }
            let range = self.range(row);
            self.starts[row] = kept;
            for at in range {
                let cell = self.cells[at];
                self.cells[kept] = cell;
                kept += usize::from(cell.cost <= limit);
            }
        }
        self.cells.truncate(kept);
        if let Some(end) = self.starts.last_mut() {
            *end = kept;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{ListedCell, SparseRows};
    use crate::interrupt::Interrupt;

    fn cell(row: u32, column: u32, cost: f64) -> (u32, ListedCell) {
        (row, ListedCell { cost, column })
    }

    #[test]
    fn a_transpose_has_its_rows_in_order_and_twice_is_the_same() {
        let cells = [cell(0, 2, 1.0), cell(0, 0, 2.0), cell(2, 1, 3.0), cell(2, 2, 4.0)];
        let (mut given, mut turned, mut back) = (SparseRows::default(), SparseRows::default(), SparseRows::default());
        let never = Interrupt::default();
        given.fill([4, 3], cells.into_iter(), &never);
        turned.fill([3, 4], given.transposed(), &never);
        let expected = [cell(0, 0, 2.0), cell(1, 2, 3.0), cell(2, 0, 1.0), cell(2, 2, 4.0)];
        assert_eq!(turned.cells().collect::<Vec<_>>(), expected);
        back.fill([4, 3], turned.transposed(), &never);
        let expected = [cell(0, 0, 2.0), cell(0, 2, 1.0), cell(2, 1, 3.0), cell(2, 2, 4.0)];
        assert_eq!(back.cells().collect::<Vec<_>>(), expected);
        assert_eq!((back.height(), back.row(1).len(), back.row(3).len()), (4, 0, 0));
    }

    #[test]
    fn rows_that_are_pushed_are_those_that_are_filled_in() {
        let cells = [cell(0, 1, 5.0), cell(1, 0, 1.0), cell(1, 1, 7.0)];
        let (mut filled, mut pushed) = (SparseRows::default(), SparseRows::default());
        filled.fill([3, 2], cells.into_iter(), &Interrupt::default());
        pushed.begin([3, 2], 3);
        (0..3).for_each(|row| pushed.push(filled.row(row).iter().copied()));
        assert_eq!(pushed.cells().collect::<Vec<_>>(), cells);
        assert_eq!((pushed.height(), pushed.width, pushed.row(2).len()), (3, 2, 0));
    }

    #[test]
    fn cells_dearer_than_a_limit_are_dropped() {
        let mut rows = SparseRows::default();
        let never = Interrupt::default();
        let cells = [cell(0, 1, 5.0), cell(1, 0, 1.0), cell(1, 1, 7.0), cell(2, 0, 9.0)];
        rows.fill([3, 2], cells.into_iter(), &never);
        rows.drop_dearer(5.0, &never);
        assert_eq!(rows.cells().collect::<Vec<_>>(), [cell(0, 1, 5.0), cell(1, 0, 1.0)]);
        assert_eq!((rows.height(), rows.row(2).len()), (3, 0));
    }
}
