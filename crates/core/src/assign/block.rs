//! How the solvers see a matrix: rows on the shorter side, each readable in whole vectors.
//!
//! Nothing is copied that can be read where it lies. A vector that begins in a row may end in the next one; what it
//! finds there is harmless, because the duals of the places beyond the last column are -infinity, which makes their
//! reduced costs +infinity. Only the rows at the very end of the memory, where such a vector would reach beyond it, are
//! copied ([`Block`]). A matrix with more rows than columns is not transposed either: its columns, which the solvers
//! take for rows, are gathered one by one when a solver first asks for them ([`Tall`]).

use super::dense::{Cheapest, cheapest};
use super::{Cost, Interrupt};
use crate::simd::{F64, LANES, Simd, load_f64, padded, prelude::*};

/// Costs with rows on the shorter side.
pub(crate) trait Rows<T: Cost> {
    /// As many as, or fewer than, columns.
    fn rows(&self) -> usize;

    /// Columns that count.
    fn columns(&self) -> usize;

    /// Columns in whole vectors.
    fn width(&self) -> usize {
        padded(self.columns())
    }

    /// A row, `[width]`; beyond the columns there may be any number but NaN and -infinity.
    fn row(&mut self, row: usize) -> &[T];

    /// One cost.
    fn at(&self, row: usize, column: usize) -> f64;

    /// The matrix itself, if it is a block.
    fn block(&self) -> Option<&Block<'_, T>> {
        None
    }

    /// The cheapest column of every row. `duals`: those of the columns, 0.
    fn choose<S: Simd>(&self, simd: S, duals: &[f64], choices: &mut Choices, interrupt: &Interrupt);
}

/// What every row would like best.
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
    fn reset(&mut self, length: usize) {
        for values in [&mut self.columns, &mut self.firsts, &mut self.seconds] {
            values.clear();
            values.resize(length, f64::INFINITY);
        }
        self.second_columns.clear();
    }
}

/// A row-major matrix, read where it lies.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Block<'a, T> {
    costs: &'a [T],
    pub rows: usize,
    pub columns: usize,
    /// From the start of a row to the next.
    stride: usize,
    /// Columns in whole vectors.
    pub width: usize,
    /// Rows from which a whole vector can be read at the end.
    in_place: usize,
    /// Copies of the others, `[rows - in_place, width]`; where there are too few, the last is repeated.
    end: &'a [T],
}

impl<'a, T: Cost> Block<'a, T> {
    /// A matrix without gaps; `memory` is for the rows at its end.
    pub fn new(costs: &'a [T], rows: usize, columns: usize, memory: &'a mut Vec<T>) -> Self {
        let width = padded(columns);
        let in_place = match costs.len().checked_sub(width) {
            Some(room) if columns > 0 => (room / columns + 1).min(rows),
            _ => 0,
        };
        memory.clear();
        for row in costs[in_place * columns..].chunks_exact(columns.max(1)) {
            memory.extend_from_slice(row);
            memory.resize(memory.len() + width - columns, T::FORBIDDEN);
        }
        Self { costs, rows, columns, stride: columns, width, in_place, end: memory }
    }

    /// A matrix whose rows are padded to `stride`, a multiple of [`LANES`].
    pub fn padded(costs: &'a [T], rows: usize, columns: usize, stride: usize) -> Self {
        Self { costs, rows, columns, stride, width: stride, in_place: rows, end: &[] }
    }

    /// The same with rows of zeros besides, until there are as many rows as columns.
    pub fn squared<'b>(&'b self, memory: &'b mut Vec<T>) -> Block<'b, T> {
        memory.clear();
        memory.extend_from_slice(self.end);
        memory.resize(memory.len() + self.width, T::default());
        Block { rows: self.columns, end: memory, ..*self }
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

impl<T: Cost> Rows<T> for Block<'_, T> {
    fn rows(&self) -> usize {
        self.rows
    }

    fn columns(&self) -> usize {
        self.columns
    }

    #[inline(always)]
    fn row(&mut self, row: usize) -> &[T] {
        Block::row(self, row)
    }

    #[inline(always)]
    fn at(&self, row: usize, column: usize) -> f64 {
        Block::at(self, row, column)
    }

    fn block(&self) -> Option<&Block<'_, T>> {
        Some(self)
    }

    #[inline(always)]
    fn choose<S: Simd>(&self, simd: S, duals: &[f64], choices: &mut Choices, interrupt: &Interrupt) {
        choices.reset(self.rows);
        for row in interrupt.guard(0..self.rows) {
            let Cheapest { column, first, second } = cheapest(simd, Block::row(self, row), duals);
            choices.columns[row] = column as f64;
            choices.firsts[row] = first;
            choices.seconds[row] = second;
        }
    }
}

/// A matrix with more rows than columns, whose columns are the solver's rows.
#[derive(Debug)]
pub(crate) struct Tall<'a, T> {
    matrix: Block<'a, T>,
    /// The columns gathered so far, `[columns, padded rows]`.
    gathered: &'a mut [T],
    is_gathered: &'a mut Vec<bool>,
}

impl<'a, T: Cost> Tall<'a, T> {
    /// `gathered` and `is_gathered` are memory.
    pub fn new(matrix: Block<'a, T>, gathered: &'a mut Vec<T>, is_gathered: &'a mut Vec<bool>) -> Self {
        let cells = matrix.columns * padded(matrix.rows);
        if gathered.len() < cells {
            gathered.resize(cells, T::FORBIDDEN);
        }
        is_gathered.clear();
        is_gathered.resize(matrix.columns, false);
        Self { matrix, gathered, is_gathered }
    }
}

#[allow(clippy::misnamed_getters, reason = "the matrix's columns are the solver's rows")]
impl<T: Cost> Rows<T> for Tall<'_, T> {
    fn rows(&self) -> usize {
        self.matrix.columns
    }

    fn columns(&self) -> usize {
        self.matrix.rows
    }

    fn row(&mut self, row: usize) -> &[T] {
        let Block { costs, rows, stride, .. } = self.matrix;
        let width = padded(rows);
        let places = &mut self.gathered[row * width..][..width];
        if !std::mem::replace(&mut self.is_gathered[row], true) {
            let (places, padding) = places.split_at_mut(rows);
            for (place, cost) in places.iter_mut().zip(costs[row..].iter().step_by(stride)) {
                *place = *cost;
            }
            padding.fill(T::FORBIDDEN);
        }
        places
    }

    fn at(&self, row: usize, column: usize) -> f64 {
        self.matrix.at(column, row)
    }

    /// Reads the matrix row by row all the same; what no column gains from costs one comparison.
    #[inline(always)]
    fn choose<S: Simd>(&self, simd: S, _: &[f64], choices: &mut Choices, interrupt: &Interrupt) {
        choices.reset(self.matrix.width);
        choices.second_columns.resize(self.matrix.width, f64::INFINITY);
        let Choices { columns, firsts, seconds, second_columns } = choices;
        let width = self.matrix.width;
        // of one length, which spares the checks
        let (columns, firsts) = (&mut columns[..width], &mut firsts[..width]);
        let (seconds, second_columns) = (&mut seconds[..width], &mut second_columns[..width]);
        for row in interrupt.guard(0..self.matrix.rows) {
            let costs = &self.matrix.row(row)[..width];
            for at in (0..width / LANES).map(|block| block * LANES) {
                let cost = T::load(simd, costs, at);
                let second = load_f64(simd, seconds, at);
                let lower = [cost[0].simd_lt(second[0]), cost[1].simd_lt(second[1])];
                if !(lower[0] | lower[1]).any_true() {
                    continue;
                }
                let first = load_f64(simd, firsts, at);
                let column = load_f64(simd, columns, at);
                let second_column = load_f64(simd, second_columns, at);
                let row = F64::splat(simd, row as f64);
                for k in 0..2 {
                    let here = at + 8 * k..at + 8 * k + 8;
                    let lowest = cost[k].simd_lt(first[k]);
                    let after = lowest.select(column[k], lower[k].select(row, second_column[k]));
                    after.store_slice(&mut second_columns[here.clone()]);
                    second[k].min(first[k].max(cost[k])).store_slice(&mut seconds[here.clone()]);
                    lowest.select(row, column[k]).store_slice(&mut columns[here.clone()]);
                    first[k].min(cost[k]).store_slice(&mut firsts[here]);
                }
            }
        }
    }
}

/// A copy of a matrix with `convert` applied to every cost.
pub(super) fn convert<'a, T: Cost>(
    costs: &[T],
    memory: &'a mut Vec<T>,
    interrupt: &Interrupt,
    convert: impl Fn(T) -> T,
) -> &'a [T] {
    memory.clear();
    memory.reserve(costs.len());
    for part in interrupt.guard(costs.chunks(CHUNK)) {
        memory.extend(part.iter().map(|&cost| convert(cost)));
    }
    memory
}

/// A transposed copy with rows padded to whole vectors.
pub(super) fn transpose<'a, T: Cost>(
    costs: &[T],
    rows: usize,
    columns: usize,
    memory: &'a mut Vec<T>,
    interrupt: &Interrupt,
) -> Block<'a, T> {
    let stride = padded(rows);
    memory.clear();
    memory.resize(columns * stride, T::FORBIDDEN);
    // sixteen rows at a time, so that what is written to lies together
    for (group, rows) in interrupt.guard(costs.chunks(LANES * columns.max(1)).enumerate()) {
        for column in 0..columns {
            let places = &mut memory[column * stride + group * LANES..];
            for (place, row) in places.iter_mut().zip(rows.chunks_exact(columns)) {
                *place = row[column];
            }
        }
    }
    Block::padded(memory, columns, rows, stride)
}

/// Costs that are read between two looks at the interrupt.
pub(super) const CHUNK: usize = 1 << 20;
