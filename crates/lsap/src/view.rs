//! How the solvers see a matrix: rows on the shorter side, each readable in whole vectors.
//!
//! Nothing is copied that can be read where it lies. A vector that begins in a row may end in the next one; what it
//! finds there is harmless, because the duals of the places beyond the last column are -infinity, which makes their
//! reduced costs +infinity. Only the rows at the very end of the memory, where such a vector would reach beyond it, are
//! copied ([`MatrixView`]). A matrix with more rows than columns is not transposed either
//! ([`transposed`](crate::transposed)).

use std::ops::Range;

use simd::{Level, Simd, dispatch, padded};

use crate::cost::Cost;
use crate::groups::Groups;
use crate::interrupt::Interrupt;
use crate::scan::{CHUNK, Cheapest, are_ordinary, cheapest};

/// A dense matrix of costs with rows on the shorter side.
pub(crate) trait CostRows<T: Cost> {
    /// Number of rows, ≤ `columns()`.
    fn rows(&self) -> usize;

    /// Number of columns that count.
    fn columns(&self) -> usize;

    /// Columns in whole vectors.
    fn width(&self) -> usize {
        padded(self.columns())
    }

    /// A row, `[width]`; beyond the columns there may be any number but NaN and -infinity.
    fn row(&mut self, row: usize) -> &[T];

    /// One cost.
    fn at(&self, row: usize, column: usize) -> f64;

    /// The matrix itself, if its rows are those of memory.
    fn view(&self) -> Option<&MatrixView<'_, T>> {
        None
    }

    /// Which rows are equal, if that is known.
    fn groups(&self) -> Option<&Groups> {
        None
    }

    /// Whether all costs are ordinary, see [`are_ordinary`].
    fn is_ordinary(&self, level: Level, interrupt: &Interrupt) -> bool;

    /// The cheapest column of every row; or gives false, and chooses none, where costs turn out not to be ordinary.
    /// `duals`: those of the columns, 0.
    fn choose<S: Simd>(&self, simd: S, duals: &[f64], choices: &mut Choices, interrupt: &Interrupt) -> bool;
}

/// Best and second-best column of every row.
#[derive(Debug, Default)]
pub(crate) struct Choices {
    /// Its cheapest column, the lowest if there are several; an integer.
    pub columns: Vec<f64>,
    /// The cost, +infinity if every cell is forbidden, when the column means nothing.
    pub firsts: Vec<f64>,
    /// The second smallest cost.
    pub seconds: Vec<f64>,
    /// Its column, where it was no trouble to note.
    pub second_columns: Vec<f64>,
}

impl Choices {
    pub fn reset(&mut self, length: usize) {
        for values in [&mut self.columns, &mut self.firsts, &mut self.seconds] {
            values.clear();
            values.resize(length, f64::INFINITY);
        }
        self.second_columns.clear();
    }
}

/// A row-major matrix, read where it lies.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MatrixView<'a, T> {
    pub costs: &'a [T],
    pub rows: usize,
    pub columns: usize,
    /// From the start of a row to the next.
    pub stride: usize,
    /// Columns in whole vectors.
    pub width: usize,
    /// Rows from which a whole vector can be read at the end.
    pub in_place: usize,
    /// Copies of the others, `[rows - in_place, width]`; where there are too few, the last is repeated.
    end: &'a [T],
    /// Whether all costs are known to be good for arithmetic.
    is_checked: bool,
}

impl<'a, T: Cost> MatrixView<'a, T> {
    /// A matrix without gaps; `memory` is for the rows at its end.
    pub fn new(costs: &'a [T], rows: usize, columns: usize, memory: &'a mut Vec<T>, is_checked: bool) -> Self {
        let width = padded(columns);
        debug_assert_eq!(costs.len(), rows * columns, "no gaps");
        // rows whose last vector would reach beyond the costs
        let gap = width - columns;
        let beyond = if gap <= columns { usize::from(gap > 0) } else { gap.div_ceil(columns.max(1)) };
        let in_place = rows.saturating_sub(beyond);
        memory.clear();
        for row in costs[in_place * columns..].chunks_exact(columns.max(1)) {
            memory.extend_from_slice(row);
            memory.resize(memory.len() + width - columns, T::default());
        }
        Self { costs, rows, columns, stride: columns, width, in_place, end: memory, is_checked }
    }

    /// A matrix whose rows are padded to `stride`, a multiple of [`LANES`](simd::LANES).
    pub fn padded(costs: &'a [T], rows: usize, columns: usize, stride: usize, is_checked: bool) -> Self {
        Self { costs, rows, columns, stride, width: stride, in_place: rows, end: &[], is_checked }
    }

    /// Whether all costs of these rows are ordinary, see [`are_ordinary`].
    /// Who reads a matrix first asks before it reads a row, which is in the processor's cache by then, so that nothing
    /// is fetched from memory just to be checked.
    #[inline(always)]
    pub fn are_ordinary<S: Simd>(&self, simd: S, rows: Range<usize>) -> bool {
        let last = self.costs.len();
        self.is_checked
            || are_ordinary(simd, &self.costs[(rows.start * self.stride).min(last)..(rows.end * self.stride).min(last)])
    }

    /// The same with rows of zeros besides, until there are as many rows as columns.
    pub fn squared<'b>(&'b self, memory: &'b mut Vec<T>) -> MatrixView<'b, T> {
        memory.clear();
        memory.extend_from_slice(self.end);
        memory.resize(memory.len() + self.width, T::default());
        MatrixView { rows: self.columns, end: memory, is_checked: true, ..*self }
    }

    /// A row, `[width]`.
    #[inline(always)]
    pub fn row(&self, row: usize) -> &'a [T] {
        match row.checked_sub(self.in_place) {
            None => &self.costs[row * self.stride..][..self.width],
            Some(row) => &self.end[(row * self.width).min(self.end.len() - self.width)..][..self.width],
        }
    }

    /// One cost.
    #[inline(always)]
    pub fn at(&self, row: usize, column: usize) -> f64 {
        self.row(row)[column].value()
    }
}

impl<T: Cost> CostRows<T> for MatrixView<'_, T> {
    fn rows(&self) -> usize {
        self.rows
    }

    fn columns(&self) -> usize {
        self.columns
    }

    #[inline(always)]
    fn row(&mut self, row: usize) -> &[T] {
        MatrixView::row(self, row)
    }

    #[inline(always)]
    fn at(&self, row: usize, column: usize) -> f64 {
        MatrixView::at(self, row, column)
    }

    fn view(&self) -> Option<&MatrixView<'_, T>> {
        Some(self)
    }

    fn is_ordinary(&self, level: Level, interrupt: &Interrupt) -> bool {
        let parts = self.costs.chunks(CHUNK).filter(|_| !self.is_checked);
        interrupt.guard(parts).all(|costs| dispatch!(level, simd => are_ordinary(simd, costs)))
    }

    #[inline(always)]
    fn choose<S: Simd>(&self, simd: S, duals: &[f64], choices: &mut Choices, interrupt: &Interrupt) -> bool {
        choices.reset(self.rows);
        for row in interrupt.guard(0..self.rows) {
            if !self.are_ordinary(simd, row..row + 1) {
                return false;
            }
            let Cheapest { column, first, second } = cheapest(simd, MatrixView::row(self, row), duals);
            choices.columns[row] = column as f64;
            choices.firsts[row] = first;
            choices.seconds[row] = second;
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_lie_in_place_as_far_as_whole_vectors_can_be_read() {
        // under Miri, which takes a thousand times as long, just beyond one vector
        let most = if cfg!(miri) { 18 } else { 40 };
        for (rows, columns) in (0..most).flat_map(|rows| (1..most).map(move |columns| (rows, columns))) {
            let costs: Vec<f64> = (0..rows * columns).map(|cost| cost as f64).collect();
            let mut memory = Vec::new();
            let view = MatrixView::new(&costs, rows, columns, &mut memory, true);
            let fits = |row: &usize| row * columns + view.width <= costs.len();
            assert_eq!(view.in_place, (0..rows).filter(fits).count(), "{rows} × {columns}");
            for row in 0..rows {
                assert_eq!(view.row(row)[..columns], costs[row * columns..][..columns], "{rows} × {columns}");
            }
        }
    }
}
