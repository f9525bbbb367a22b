//! A matrix with more rows than columns, whose columns are the solver's rows: read where it lies, never transposed.
//!
//! The two best rows of every column are found with the columns across the lanes of vectors. Among the first rows, where
//! nearly each one offers some column less than it knows, all are offered to a few columns whose best and second best
//! stay in registers. The rows after that are offered four at a time, and one comparison shows whether any of them is of
//! interest. A column is gathered only when a search asks for it.

use std::ops::Range;

use simd::{F64, LANES, Level, Simd, padded, prelude::*};

use crate::cost::Cost;
use crate::interrupt::Interrupt;
use crate::outcome::NONE;
use crate::scan::{FIRST_ROWS, rows_at_a_time};
use crate::view::{Choices, CostRows, MatrixView};

/// Columns in a vector.
const HALF: usize = LANES / 2;

/// Columns of the caller's matrix as the solver's rows; gathered on demand.
#[derive(Debug)]
pub(crate) struct TransposedView<'a, T> {
    matrix: MatrixView<'a, T>,
    /// The columns gathered so far, in the order in which they were asked for, `[.., padded rows]`.
    gathered: &'a mut Vec<T>,
    /// The place of each among them, [`NONE`] for the others.
    places: &'a mut Vec<u32>,
}

impl<'a, T: Cost> TransposedView<'a, T> {
    /// `gathered` and `places` are memory.
    pub fn new(matrix: MatrixView<'a, T>, gathered: &'a mut Vec<T>, places: &'a mut Vec<u32>) -> Self {
        gathered.clear();
        places.clear();
        places.resize(matrix.columns, NONE);
        Self { matrix, gathered, places }
    }
}

#[allow(clippy::misnamed_getters, reason = "the matrix's columns are the solver's rows")]
impl<T: Cost> CostRows<T> for TransposedView<'_, T> {
    fn rows(&self) -> usize {
        self.matrix.columns
    }

    fn columns(&self) -> usize {
        self.matrix.rows
    }

    fn row(&mut self, row: usize) -> &[T] {
        let MatrixView { costs, rows, stride, .. } = self.matrix;
        let width = padded(rows);
        let Self { gathered, places, .. } = self;
        if places[row] == NONE {
            places[row] = (gathered.len() / width) as u32;
            gathered.extend(costs[row..].iter().step_by(stride).take(rows));
            gathered.resize(gathered.len().next_multiple_of(width), T::FORBIDDEN);
        }
        &gathered[places[row] as usize * width..][..width]
    }

    fn at(&self, row: usize, column: usize) -> f64 {
        self.matrix.at(column, row)
    }

    fn is_ordinary(&self, level: Level, interrupt: &Interrupt) -> bool {
        self.matrix.is_ordinary(level, interrupt)
    }

    #[inline(always)]
    fn choose<S: Simd>(&self, simd: S, _: &[f64], choices: &mut Choices, interrupt: &Interrupt) -> bool {
        choices.reset(self.matrix.width);
        choices.second_columns.resize(self.matrix.width, f64::INFINITY);
        let MatrixView { rows, in_place, .. } = self.matrix;
        let at_a_time = rows_at_a_time(self.matrix.columns);
        for row in interrupt.guard((0..rows).step_by(at_a_time)) {
            let next = row + at_a_time;
            if !self.matrix.are_ordinary(simd, row..next.min(rows)) {
                return false;
            }
            if row < FIRST_ROWS || next > in_place {
                self.offer_all(simd, row..next.min(rows), choices);
            } else {
                self.offer_some(simd, row..next, choices);
            }
        }
        true
    }
}

impl<T: Cost> TransposedView<'_, T> {
    /// Offers rows to every column.
    #[inline(always)]
    fn offer_all<S: Simd>(&self, simd: S, rows: Range<usize>, choices: &mut Choices) {
        let MatrixView { costs, width, stride, in_place, .. } = self.matrix;
        for at in (0..width).step_by(HALF) {
            let mut best = Best::load(simd, choices, at);
            let mut number = F64::splat(simd, rows.start as f64);
            for row in rows.start..rows.end.min(in_place) {
                best.offer(T::load_half(simd, costs, row * stride + at), number);
                number += 1.0;
            }
            for row in rows.start.max(in_place)..rows.end {
                best.offer(T::load_half(simd, self.matrix.row(row), at), number);
                number += 1.0;
            }
            best.store(choices, at);
        }
    }

    /// Offers rows to the columns that they are better for. They are a multiple of four and lie in place.
    #[inline(always)]
    fn offer_some<S: Simd>(&self, simd: S, rows: Range<usize>, choices: &mut Choices) {
        let MatrixView { costs, width, stride, .. } = self.matrix;
        for at in (0..width).step_by(HALF) {
            let mut second = F64::from_slice(simd, &choices.seconds[at..at + HALF]);
            for row in rows.clone().step_by(4) {
                let here = row * stride + at;
                let cost = |k: usize| T::load_half(simd, costs, here + k * stride);
                let least = cost(0).min(cost(1)).min(cost(2).min(cost(3)));
                if !least.simd_lt(second).any_true() {
                    continue;
                }
                let mut best = Best::load(simd, choices, at);
                for k in 0..4 {
                    best.offer(cost(k), F64::splat(simd, (row + k) as f64));
                }
                best.store(choices, at);
                second = best.seconds;
            }
        }
    }
}

/// The best and second-best rows of eight columns.
struct Best<S: Simd> {
    rows: F64<S>,
    firsts: F64<S>,
    seconds: F64<S>,
    second_rows: F64<S>,
}

impl<S: Simd> Best<S> {
    #[inline(always)]
    fn load(simd: S, choices: &Choices, at: usize) -> Self {
        let Choices { columns, firsts, seconds, second_columns } = choices;
        Self {
            rows: F64::from_slice(simd, &columns[at..at + HALF]),
            firsts: F64::from_slice(simd, &firsts[at..at + HALF]),
            seconds: F64::from_slice(simd, &seconds[at..at + HALF]),
            second_rows: F64::from_slice(simd, &second_columns[at..at + HALF]),
        }
    }

    #[inline(always)]
    fn store(&self, choices: &mut Choices, at: usize) {
        let Choices { columns, firsts, seconds, second_columns } = choices;
        self.rows.store_slice(&mut columns[at..at + HALF]);
        self.firsts.store_slice(&mut firsts[at..at + HALF]);
        self.seconds.store_slice(&mut seconds[at..at + HALF]);
        self.second_rows.store_slice(&mut second_columns[at..at + HALF]);
    }

    #[inline(always)]
    fn offer(&mut self, cost: F64<S>, row: F64<S>) {
        let (is_first, is_second) = (cost.simd_lt(self.firsts), cost.simd_lt(self.seconds));
        self.second_rows = is_first.select(self.rows, is_second.select(row, self.second_rows));
        self.rows = is_first.select(row, self.rows);
        self.seconds = self.seconds.min(self.firsts.max(cost));
        self.firsts = self.firsts.min(cost);
    }
}
