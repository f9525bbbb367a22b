//! A caller's sparse matrix: only listed cells are allowed. It is checked as it is read.

use crate::cells::{Cells, Matrix};
use crate::cost::Cost;
use crate::error::{Error, Result, check_length};
use crate::interrupt::Interrupt;
use crate::memory;
use crate::needs::{COST, listed_solving_takes};
use crate::sparse::rows::{ListedCell, SparseRows};

/// A caller's matrix of costs of which the allowed cells are listed; +infinity forbids a cell too.
///
/// Indices are 32-bit with a sign, as Int32Array and SciPy hold them. They and the costs are checked where the matrix is
/// first read.
#[derive(Clone, Copy, Debug)]
pub struct SparseMatrix<'a, T> {
    pub(crate) rows: usize,
    pub(crate) columns: usize,
    rows_of_cells: RowsOfCells<'a>,
    column_indices: &'a [i32],
    costs: &'a [T],
}

/// How the rows of the cells are told.
#[derive(Clone, Copy, Debug)]
enum RowsOfCells<'a> {
    /// `[rows + 1]`: where each row's cells start.
    Starts(&'a [i32]),
    /// One for each cell.
    Indices(&'a [i32]),
}

/// What reading a matrix tells.
pub(crate) struct Reading {
    /// The largest finite magnitude of a cost.
    pub largest: f64,
    /// Whether cells are listed in order of rows, and of columns within a row, none twice.
    is_sorted: bool,
    /// Whether a listed cell is +infinity.
    forbids: bool,
}

impl<'a, T: Cost> SparseMatrix<'a, T> {
    /// A matrix in compressed rows (CSR). `row_starts`: `[rows + 1]`, rising from 0 to the number of cells; row i lists
    /// the cells `row_starts[i]..row_starts[i + 1]`, its columns in any order. `column_indices`, `costs`: one for each
    /// cell.
    ///
    /// # Errors
    /// [`Error::SparseSize`], [`Error::Length`].
    pub fn from_rows(
        shape: [usize; 2],
        row_starts: &'a [i32],
        column_indices: &'a [i32],
        costs: &'a [T],
    ) -> Result<Self> {
        check_length("row_starts", row_starts.len(), &[shape[0].saturating_add(1)])?;
        Self::new(shape, RowsOfCells::Starts(row_starts), column_indices, costs)
    }

    /// A matrix as a list of cells in any order (COO). `row_indices`, `column_indices`, `costs`: one for each cell.
    ///
    /// # Errors
    /// [`Error::SparseSize`], [`Error::Length`].
    pub fn from_cells(
        shape: [usize; 2],
        row_indices: &'a [i32],
        column_indices: &'a [i32],
        costs: &'a [T],
    ) -> Result<Self> {
        check_length("row_indices", row_indices.len(), &[costs.len()])?;
        Self::new(shape, RowsOfCells::Indices(row_indices), column_indices, costs)
    }

    fn new(
        [rows, columns]: [usize; 2],
        rows_of_cells: RowsOfCells<'a>,
        column_indices: &'a [i32],
        costs: &'a [T],
    ) -> Result<Self> {
        check_length("column_indices", column_indices.len(), &[costs.len()])?;
        if rows.max(columns) > i32::MAX as usize {
            return Err(Error::SparseSize { rows, columns });
        }
        Ok(Self { rows, columns, rows_of_cells, column_indices, costs })
    }

    /// Bytes that solving takes, at most, but for what looks after lost digits.
    pub(crate) fn needs(&self) -> u128 {
        listed_solving_takes([self.rows, self.columns], self.costs.len())
    }

    /// Reads the allowed cells, times `sign(largest)` and no dearer than `limit(largest)`, into rows, with columns in
    /// order, or into rows of the transposed matrix. `spare` is for memory.
    pub(crate) fn read(
        &self,
        is_transposed: bool,
        signed: impl Fn(f64) -> (f64, f64),
        [rows, spare]: [&mut SparseRows; 2],
        interrupt: &Interrupt,
    ) -> Result<(f64, f64)> {
        self.check_starts(interrupt)?;
        memory::require(COST, self.needs())?;
        let Reading { largest, is_sorted, forbids } = self.check_cells(interrupt)?;
        let (sign, limit) = signed(largest);
        let along = |(row, cell): (u32, ListedCell)| (row, cell);
        let across = |(row, cell): (u32, ListedCell)| (cell.column, ListedCell { column: row, ..cell });
        let (near, far) = ([self.rows, self.columns], [self.columns, self.rows]);
        match (is_sorted, is_transposed) {
            (true, false) => rows.fill(near, self.cells(sign).map(along), interrupt),
            (true, true) => rows.fill(far, self.cells(sign).map(across), interrupt),
            (false, false) => spare.fill(far, self.cells(sign).map(across), interrupt),
            (false, true) => spare.fill(near, self.cells(sign).map(along), interrupt),
        }
        if !is_sorted {
            rows.fill(if is_transposed { far } else { near }, spare.transposed(), interrupt);
            self.check_once(rows, is_transposed, interrupt)?;
        }
        if forbids || limit < f64::INFINITY {
            rows.drop_dearer(limit.min(f64::MAX), interrupt);
        }
        if interrupt.is_raised() {
            return Err(Error::Interrupted);
        }
        Ok((sign, limit))
    }

    /// The rows and places of all cells, in the order listed.
    fn places(&self) -> impl Iterator<Item = (u32, usize)> + Clone {
        let (starts, indices): (&[i32], &[i32]) = match self.rows_of_cells {
            RowsOfCells::Starts(starts) => (starts, &[]),
            RowsOfCells::Indices(indices) => (&[], indices),
        };
        let by_rows = starts.windows(2).enumerate();
        let by_rows =
            by_rows.flat_map(|(row, ends)| (ends[0] as usize..ends[1] as usize).map(move |at| (row as u32, at)));
        by_rows.chain(indices.iter().enumerate().map(|(at, &row)| (row as u32, at)))
    }

    /// All cells, times `sign` where they are finite.
    fn cells(&self, sign: f64) -> impl Iterator<Item = (u32, ListedCell)> + Clone {
        self.places().map(move |(row, at)| {
            let cost = self.costs[at].value();
            let cost = if cost == f64::INFINITY { cost } else { cost * sign };
            (row, ListedCell { cost, column: self.column_indices[at] as u32 })
        })
    }

    /// Sum of the cells that a list of the columns of rows chooses, in order of rows.
    pub(crate) fn total(&self, column_of_row: &[u32]) -> f64 {
        let mut costs = vec![0.0; column_of_row.len()];
        for (row, at) in self.places() {
            if column_of_row[row as usize] == self.column_indices[at] as u32 {
                costs[row as usize] = self.costs[at].value();
            }
        }
        costs.iter().fold(0.0, |sum, cost| sum + cost)
    }

    /// Refuses starts that do not rise from 0 to the number of cells.
    fn check_starts(&self, interrupt: &Interrupt) -> Result<()> {
        let RowsOfCells::Starts(starts) = self.rows_of_cells else { return Ok(()) };
        let (last, cells) = (self.rows, self.costs.len());
        let fits = |k: usize| match k {
            0 => starts[0] == 0 && (last > 0 || cells == 0),
            _ => starts[k - 1] <= starts[k] && (k < last || starts[k] as usize == cells),
        };
        match (0..=last).take_while(|_| !interrupt.is_raised()).find(|&k| !fits(k)) {
            Some(index) => Err(Error::RowStarts { index, value: starts[index], cells }),
            None if interrupt.is_raised() => Err(Error::Interrupted),
            None => Ok(()),
        }
    }

    /// Refuses indices that do not exist, NaN and -infinity.
    fn check_cells(&self, interrupt: &Interrupt) -> Result<Reading> {
        let mut reading = Reading { largest: 0.0, is_sorted: true, forbids: false };
        let mut last = None;
        for (row, index) in self.places().take_while(|_| !interrupt.is_raised()) {
            let (column, value) = (self.column_indices[index], self.costs[index].value());
            if row as usize >= self.rows {
                return Err(Error::RowIndex { index, row: row as i32, rows: self.rows });
            }
            if !usize::try_from(column).is_ok_and(|column| column < self.columns) {
                return Err(Error::ColumnIndex { index, row: row as usize, column, columns: self.columns });
            }
            if value.is_nan() || value == f64::NEG_INFINITY {
                return Err(Error::ListedCost { index, row: row as usize, column: column as usize, value });
            }
            if value == f64::INFINITY {
                reading.forbids = true;
            } else {
                reading.largest = reading.largest.max(value.abs());
            }
            let place = Some((row, column));
            reading.is_sorted &= last < place;
            last = place;
        }
        if interrupt.is_raised() { Err(Error::Interrupted) } else { Ok(reading) }
    }

    /// Refuses a cell that is listed twice; `rows` has them side by side.
    fn check_once(&self, rows: &SparseRows, is_transposed: bool, interrupt: &Interrupt) -> Result<()> {
        for k in (0..rows.height()).take_while(|_| !interrupt.is_raised()) {
            let Some(pair) = rows.row(k).windows(2).find(|pair| pair[0].column == pair[1].column) else { continue };
            let (k, across) = (k as u32, pair[0].column);
            let (row, column) = if is_transposed { (across, k) } else { (k, across) };
            let listed = |&(own, at): &(u32, usize)| own == row && self.column_indices[at] as u32 == column;
            let mut places = self.places().filter(listed).map(|(_, at)| at);
            let first = places.next().unwrap_or_default();
            let index = places.next().unwrap_or_default();
            return Err(Error::ListedTwice { index, first, row: row as usize, column: column as usize });
        }
        Ok(())
    }
}

impl<T: Cost> Matrix for SparseMatrix<'_, T> {
    fn read(&self) -> Result<impl Cells> {
        let (mut rows, mut spare) = (SparseRows::default(), SparseRows::default());
        let as_it_is = |_| (1.0, f64::INFINITY);
        SparseMatrix::read(self, false, as_it_is, [&mut rows, &mut spare], &Interrupt::default())?;
        Ok(rows)
    }

    fn stored(&self, limit: f64) -> f64 {
        T::stored(limit)
    }
}

impl Cells for SparseRows {
    fn rows(&self) -> usize {
        self.height()
    }

    fn columns(&self) -> usize {
        self.width
    }

    fn cells(&self, row: usize) -> impl Iterator<Item = (usize, f64)> {
        self.row(row).iter().map(|cell| (cell.column as usize, cell.cost))
    }

    fn cost(&self, row: usize, column: usize) -> f64 {
        Self::cost(self, row, column as u32)
    }
}
