//! The dense solver: shortest augmenting paths over reduced costs.
//!
//! 1. Every row takes its cheapest column if that is free. In a large square matrix, *column reduction* comes first:
//!    every column's dual is its smallest cost, and the row that has it takes the column; then *reduction transfer*
//!    lowers the dual of a row's column as far as the row's second choice permits.
//! 2. *Augmenting row reduction*: a row left over takes its cheapest column all the same, whose dual falls by what the
//!    second cheapest costs more, so that the row that had it may look elsewhere; and so on, within a budget.
//! 3. Each row still left grows a tree of alternating paths by Dijkstra's algorithm over the reduced costs c - u - v
//!    until it meets a free column; the path is flipped and the duals of the scanned columns fall so that all reduced
//!    costs stay non-negative. A search that runs out of columns has found a Hall violator: its rows have fewer
//!    allowed columns between them than they are.
//!
//! With a limit, a row may also stay without a column at the cost of the limit: in the search that is one more place to
//! end, next to every row, which never has to be scanned since no other row can use it.
//!
//! Sources: Jonker and Volgenant 1987, "A shortest augmenting path algorithm for dense and sparse linear assignment
//! problems"; Crouse 2016, "On implementing 2D rectangular assignment algorithms".
//!
//! Ties go to a free column first, then to the lowest index, so a constant matrix gives the identity. A scanned column
//! carries the dual -infinity in the search, which keeps it out of every minimum without a mask.

use super::lazy::{self, Lazy};
use super::{Cost, Interrupt};
use crate::simd::{F64, LANES, Level, Simd, dispatch, load_f64, prelude::*};

/// No row, or no column.
pub(super) const NONE: u32 = u32::MAX;

/// Size from which a square matrix gains from column reduction.
const COLUMN_REDUCTION: usize = 32;

/// Passes of augmenting row reduction.
const ROW_REDUCTIONS: usize = 2;

/// Costs with rows on the shorter side, each row padded with +infinity to whole vectors.
#[derive(Clone, Copy)]
pub(crate) struct Block<'a, T> {
    pub costs: &'a [T],
    pub rows: usize,
    pub columns: usize,
    pub stride: usize,
}

impl<'a, T: Cost> Block<'a, T> {
    pub fn row(&self, row: usize) -> &'a [T] {
        &self.costs[row * self.stride..][..self.stride]
    }

    pub fn at(&self, row: usize, column: usize) -> f64 {
        self.costs[row * self.stride + column].value()
    }
}

/// How a solve ended.
#[derive(Debug, PartialEq)]
pub(crate) enum Outcome {
    /// Every row has a column.
    Optimal,
    /// These rows, in search order, have fewer allowed columns between them than they are.
    Infeasible(Vec<usize>),
}

/// The way to an optimal assignment. All lead to one; which of several may differ.
#[doc(hidden)]
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Path {
    /// By the shape.
    #[default]
    Auto,
    /// Searches that scan rows as a whole.
    Dense,
    /// Searches over candidates.
    Lazy,
    /// The same, after scaling where the matrix is square.
    Scaling,
}

/// The solver's state, kept between solves for its memory.
#[derive(Debug, Default)]
pub(crate) struct Solver {
    pub(super) column_of_row: Vec<u32>,
    pub(super) row_of_column: Vec<u32>,
    /// Duals of the columns, at most 0, and 0 for a free one.
    pub(super) column_duals: Vec<f64>,
    /// Duals of the rows, once they are asked for; empty before.
    pub(super) row_duals: Vec<f64>,
    /// +infinity for a column that is taken, 0 for a free one.
    taken: Vec<f64>,
    search: Search,
    pub(super) free_rows: Vec<u32>,
    pub(super) lazy: Lazy,
    pub(super) path: Path,
    /// Once raised, every stage ends early and leaves nonsense behind.
    pub(super) interrupt: Interrupt,
}

/// One Dijkstra search.
#[derive(Debug, Default)]
struct Search {
    /// Duals of the columns, -infinity once scanned.
    duals: Vec<f64>,
    /// Length of the shortest path to a column, +infinity once scanned.
    distance: Vec<f64>,
    /// The row before a column on its path; exact in `f64`.
    parent: Vec<f64>,
    /// Scanned columns and their distances.
    scanned: Vec<(u32, f64)>,
}

/// The nearest column of a search step.
#[derive(Clone, Copy)]
struct Nearest {
    distance: f64,
    column: usize,
    free: bool,
}

/// The row that stays without a column at the end of the shortest such path.
#[derive(Clone, Copy)]
struct Leaving {
    distance: f64,
    row: usize,
}

impl Solver {
    /// The column of a row.
    pub fn column_of(&self, row: usize) -> Option<u32> {
        Some(self.column_of_row[row]).filter(|&k| k != NONE)
    }

    /// The row of a column.
    pub fn row_of(&self, column: usize) -> Option<u32> {
        Some(self.row_of_column[column]).filter(|&k| k != NONE)
    }

    /// Forgets all pairs and sets every dual to 0.
    pub(super) fn reset<T>(&mut self, block: &Block<'_, T>) {
        self.column_of_row.clear();
        self.column_of_row.resize(block.rows, NONE);
        self.row_of_column.clear();
        self.row_of_column.resize(block.columns, NONE);
        self.column_duals.clear();
        self.column_duals.resize(block.stride, 0.0);
        self.row_duals.clear();
    }

    pub(super) fn pair(&mut self, row: usize, column: usize) {
        self.column_of_row[row] = column as u32;
        self.row_of_column[column] = row as u32;
    }

    /// Solves a block.
    pub fn solve<T: Cost>(&mut self, level: Level, block: &Block<'_, T>) -> Outcome {
        self.reset(block);
        let is_lazy = match self.path {
            Path::Auto => lazy::is_worth_while(block),
            Path::Dense => false,
            Path::Lazy | Path::Scaling => block.rows > 0,
        };
        if is_lazy { lazy::solve(self, level, block) } else { self.solve_dense(level, block) }
    }

    fn solve_dense<T: Cost>(&mut self, level: Level, block: &Block<'_, T>) -> Outcome {
        if block.rows == block.columns && block.rows >= COLUMN_REDUCTION {
            let chosen_once = self.reduce_columns(level, block);
            dispatch!(level, simd => self.transfer_reduction(simd, block, &chosen_once));
        } else {
            dispatch!(level, simd => self.take_cheapest(simd, block, f64::INFINITY));
        }
        for _ in 0..ROW_REDUCTIONS {
            if self.free_rows.is_empty() {
                return Outcome::Optimal;
            }
            dispatch!(level, simd => self.reduce_rows(simd, block));
        }
        self.augment_all(level, block, f64::INFINITY)
    }

    /// Solves a block in which a row may also stay without a column, at the cost of `limit`.
    pub fn solve_limited<T: Cost>(&mut self, level: Level, block: &Block<'_, T>, limit: f64) {
        self.reset(block);
        dispatch!(level, simd => self.take_cheapest(simd, block, limit));
        let outcome = self.augment_all(level, block, limit);
        debug_assert_eq!(outcome, Outcome::Optimal, "every row can stay without a column");
    }

    /// Finds a path for every free row.
    pub(super) fn augment_all<T: Cost>(&mut self, level: Level, block: &Block<'_, T>, limit: f64) -> Outcome {
        self.taken.clear();
        self.taken.extend(self.row_of_column.iter().map(|&row| if row == NONE { 0.0 } else { f64::INFINITY }));
        self.taken.resize(block.stride, 0.0);
        for k in 0..self.free_rows.len() {
            let row = self.free_rows[k] as usize;
            if let Some(outcome) = dispatch!(level, simd => self.augment(simd, block, row, limit)) {
                return outcome;
            }
        }
        Outcome::Optimal
    }

    /// Gives every row its cheapest column, the first row to ask having it; the others become free rows. A row for
    /// which every column costs more than the limit has no use for one, now or later.
    #[inline(always)]
    fn take_cheapest<S: Simd, T: Cost>(&mut self, simd: S, block: &Block<'_, T>, limit: f64) {
        self.free_rows.clear();
        for row in 0..block.rows {
            let column = cheapest(simd, block.row(row), None).column;
            if limit < f64::INFINITY && (column >= block.columns || block.at(row, column) > limit) {
                continue;
            }
            if column < block.columns && self.row_of_column[column] == NONE {
                self.pair(row, column);
            } else {
                self.free_rows.push(row as u32);
            }
        }
    }

    /// Column reduction of a square matrix; rows that no column chose become free rows. Gives the rows that just one
    /// column chose.
    pub(super) fn reduce_columns<T: Cost>(&mut self, level: Level, block: &Block<'_, T>) -> Vec<bool> {
        let rows_of_minima = &mut self.search.parent;
        rows_of_minima.resize(block.stride, 0.0);
        let duals = &mut self.column_duals;
        duals.fill(f64::INFINITY);
        dispatch!(level, simd => column_minima(simd, block, duals, rows_of_minima));
        // a column without any allowed cell keeps the dual 0, as padding does
        duals.iter_mut().filter(|dual| **dual == f64::INFINITY).for_each(|dual| *dual = 0.0);
        let mut chosen_once = vec![false; block.rows];
        for column in 0..block.columns {
            let row = self.search.parent[column] as usize;
            if block.at(row, column) == f64::INFINITY {
                continue;
            }
            if self.column_of_row[row] == NONE {
                self.pair(row, column);
                chosen_once[row] = true;
            } else {
                chosen_once[row] = false;
            }
        }
        self.free_rows.clear();
        self.free_rows.extend((0..block.rows as u32).filter(|&row| self.column_of_row[row as usize] == NONE));
        chosen_once
    }

    /// Reduction transfer from the rows that just one column chose.
    #[inline(always)]
    fn transfer_reduction<S: Simd, T: Cost>(&mut self, simd: S, block: &Block<'_, T>, chosen_once: &[bool]) {
        for row in (0..block.rows).filter(|&row| chosen_once[row]) {
            let Cheapest { column, gap, .. } = cheapest(simd, block.row(row), Some(&self.column_duals));
            if column == self.column_of_row[row] as usize && gap < f64::INFINITY {
                self.column_duals[column] -= gap;
            }
        }
    }

    /// Augmenting row reduction of the free rows; those that find no column of their own stay free.
    #[inline(always)]
    fn reduce_rows<S: Simd, T: Cost>(&mut self, simd: S, block: &Block<'_, T>) {
        /// Rows that may be moved for each free row.
        const BUDGET: usize = 3;
        let mut budget = BUDGET * self.free_rows.len();
        let mut left = 0;
        for k in 0..self.free_rows.len() {
            let mut row = self.free_rows[k];
            loop {
                let Cheapest { column, gap, .. } = cheapest(simd, block.row(row as usize), Some(&self.column_duals));
                let owner = self.row_of_column.get(column).copied();
                // a tie may go in circles, and a row without a second column would never let go of its first
                let settles = gap > 0.0 && gap < f64::INFINITY && budget > 0;
                let Some(owner) = owner.filter(|&owner| settles || owner == NONE) else {
                    self.free_rows[left] = row;
                    left += 1;
                    break;
                };
                if gap < f64::INFINITY {
                    self.column_duals[column] -= gap;
                }
                self.pair(row as usize, column);
                if owner == NONE {
                    break;
                }
                self.column_of_row[owner as usize] = NONE;
                budget -= 1;
                row = owner;
            }
        }
        self.free_rows.truncate(left);
    }

    /// Finds the shortest path from a free row to a free column, or to a row that can better stay without one, and
    /// flips it.
    #[inline(always)]
    fn augment<S: Simd, T: Cost>(
        &mut self,
        simd: S,
        block: &Block<'_, T>,
        start: usize,
        limit: f64,
    ) -> Option<Outcome> {
        let search = &mut self.search;
        search.duals.clone_from(&self.column_duals);
        search.distance.clear();
        search.distance.resize(block.stride, f64::INFINITY);
        search.parent.resize(block.stride, 0.0);
        search.scanned.clear();
        // `offset`: what turns c - v into the length of the path that ends with it
        let (mut row, mut offset) = (start, 0.0);
        let mut leaving = Leaving { distance: f64::INFINITY, row };
        let (length, end) = loop {
            if limit + offset < leaving.distance {
                leaving = Leaving { distance: limit + offset, row };
            }
            if self.interrupt.is_raised() {
                return Some(Outcome::Optimal);
            }
            let nearest = relax(simd, block.row(row), search, &self.taken, row, offset);
            if leaving.distance < nearest.distance {
                break (leaving.distance, None);
            }
            if nearest.distance == f64::INFINITY {
                let owners = search.scanned.iter().map(|&(column, _)| self.row_of_column[column as usize] as usize);
                return Some(Outcome::Infeasible(std::iter::once(start).chain(owners).collect()));
            }
            if nearest.free {
                break (nearest.distance, Some(nearest.column));
            }
            let Nearest { distance, column, .. } = nearest;
            search.scanned.push((column as u32, distance));
            search.duals[column] = f64::NEG_INFINITY;
            search.distance[column] = f64::INFINITY;
            row = self.row_of_column[column] as usize;
            offset = distance - (block.at(row, column) - self.column_duals[column]);
        };
        for &(column, distance) in &search.scanned {
            self.column_duals[column as usize] += distance - length;
        }
        let mut column = match end {
            Some(column) => {
                self.taken[column] = f64::INFINITY;
                column as u32
            }
            None => std::mem::replace(&mut self.column_of_row[leaving.row], NONE),
        };
        // a start that stays without a column leaves nothing to flip
        while column != NONE {
            let row = self.search.parent[column as usize] as usize;
            let previous = self.column_of_row[row];
            self.pair(row, column as usize);
            column = previous;
        }
        None
    }

    /// Fills in the duals of the rows, where the solver that ran has not kept them; `unassigned` for a row without a
    /// column.
    pub fn complete_row_duals<T: Cost>(&mut self, block: &Block<'_, T>, unassigned: f64) {
        if self.row_duals.is_empty() {
            let duals = self.column_of_row.iter().enumerate().map(|(row, &column)| match column {
                NONE => unassigned,
                column => block.at(row, column as usize) - self.column_duals[column as usize],
            });
            self.row_duals.extend(duals);
        }
    }

    /// Duals of the rows and of the `columns` columns that are no padding.
    pub fn duals(&self, columns: usize) -> (&[f64], &[f64]) {
        (&self.row_duals, &self.column_duals[..columns])
    }
}

/// The smallest of the lanes' minima and its lowest index.
#[inline(always)]
fn reduce<S: Simd>(simd: S, minimum: [F64<S>; 2], index: [F64<S>; 2]) -> (f64, usize) {
    let smallest = minimum[0].min(minimum[1]).reduce_min();
    let none = F64::splat(simd, f64::INFINITY);
    let low = minimum[0].simd_eq(smallest).select(index[0], none);
    let high = minimum[1].simd_eq(smallest).select(index[1], none);
    (smallest, low.min(high).reduce_min() as usize)
}

/// Lowers each column's minimum by the block's costs and notes the row it is from, the lowest if there are several.
#[inline(always)]
fn column_minima<S: Simd, T: Cost>(simd: S, block: &Block<'_, T>, minima: &mut [f64], rows: &mut [f64]) {
    // four rows at a time, since few of them lower anything
    let whole = block.rows / 4 * 4;
    for first in (0..whole).step_by(4) {
        let costs = [block.row(first), block.row(first + 1), block.row(first + 2), block.row(first + 3)];
        for at in (0..block.stride).step_by(LANES) {
            let mut smallest = T::load(simd, costs[0], at);
            for row in 1..4 {
                let cost = T::load(simd, costs[row], at);
                smallest = [smallest[0].min(cost[0]), smallest[1].min(cost[1])];
            }
            let old = load_f64(simd, minima, at);
            if (smallest[0].simd_lt(old[0]) | smallest[1].simd_lt(old[1])).any_true() {
                for row in 0..4 {
                    lower(simd, costs[row], first + row, at, minima, rows);
                }
            }
        }
    }
    for row in whole..block.rows {
        for at in (0..block.stride).step_by(LANES) {
            lower(simd, block.row(row), row, at, minima, rows);
        }
    }
}

/// Lowers the minima of the columns at `at` by a row's costs.
#[inline(always)]
fn lower<S: Simd, T: Cost>(simd: S, costs: &[T], row: usize, at: usize, minima: &mut [f64], rows: &mut [f64]) {
    let row = F64::splat(simd, row as f64);
    let cost = T::load(simd, costs, at);
    let old = load_f64(simd, minima, at);
    let old_rows = load_f64(simd, rows, at);
    for k in 0..2 {
        let here = at + 8 * k;
        let smaller = cost[k].simd_lt(old[k]);
        smaller.select(cost[k], old[k]).store_slice(&mut minima[here..here + 8]);
        smaller.select(row, old_rows[k]).store_slice(&mut rows[here..here + 8]);
    }
}

/// The smallest cost of a row.
pub(super) struct Cheapest {
    /// Its column, the lowest if there are several; beyond all columns if every cell is forbidden.
    pub column: usize,
    /// It, less the dual.
    pub first: f64,
    /// By how much the second smallest exceeds it.
    pub gap: f64,
}

/// The smallest cost of a row less the duals, which are 0 if not given.
#[inline(always)]
pub(super) fn cheapest<S: Simd, T: Cost>(simd: S, row: &[T], duals: Option<&[f64]>) -> Cheapest {
    let lane = F64::from_fn(
        simd,
        #[inline(always)]
        |i| i as f64,
    );
    let none = F64::splat(simd, f64::INFINITY);
    let (mut minimum, mut second, mut index) = ([none; 2], [none; 2], [none; 2]);
    for at in (0..row.len()).step_by(LANES) {
        let mut costs = T::load(simd, row, at);
        if let Some(duals) = duals {
            let duals = load_f64(simd, duals, at);
            costs = [costs[0] - duals[0], costs[1] - duals[1]];
        }
        for k in 0..2 {
            let better = costs[k].simd_lt(minimum[k]);
            second[k] = second[k].min(better.select(minimum[k], costs[k]));
            minimum[k] = better.select(costs[k], minimum[k]);
            index[k] = better.select(lane + (at + 8 * k) as f64, index[k]);
        }
    }
    let (smallest, column) = reduce(simd, minimum, index);
    // in the lane of the winner its second counts, in the others the first
    let mut rest = none;
    for k in 0..2 {
        rest = rest.min(index[k].simd_eq(column as f64).select(second[k], minimum[k]));
    }
    Cheapest { column, first: smallest, gap: rest.reduce_min() - smallest }
}

/// Offers every column the path through `row`; returns the nearest column that is not scanned.
#[inline(always)]
fn relax<S: Simd, T: Cost>(
    simd: S,
    costs: &[T],
    search: &mut Search,
    taken: &[f64],
    row: usize,
    offset: f64,
) -> Nearest {
    let lane = F64::from_fn(
        simd,
        #[inline(always)]
        |i| i as f64,
    );
    let none = F64::splat(simd, f64::INFINITY);
    let row = F64::splat(simd, row as f64);
    let (mut minimum, mut index) = ([none; 2], [none; 2]);
    let (mut free_minimum, mut free_index) = ([none; 2], [none; 2]);
    for at in (0..costs.len()).step_by(LANES) {
        let cost = T::load(simd, costs, at);
        let dual = load_f64(simd, &search.duals, at);
        let old = load_f64(simd, &search.distance, at);
        let parent = load_f64(simd, &search.parent, at);
        let taken = load_f64(simd, taken, at);
        for k in 0..2 {
            let here = at + 8 * k;
            let offered = (cost[k] - dual[k]) + offset;
            let shorter = offered.simd_lt(old[k]);
            let distance = shorter.select(offered, old[k]);
            distance.store_slice(&mut search.distance[here..here + 8]);
            shorter.select(row, parent[k]).store_slice(&mut search.parent[here..here + 8]);
            let column = lane + here as f64;
            let better = distance.simd_lt(minimum[k]);
            minimum[k] = better.select(distance, minimum[k]);
            index[k] = better.select(column, index[k]);
            let free = distance + taken[k];
            let better = free.simd_lt(free_minimum[k]);
            free_minimum[k] = better.select(free, free_minimum[k]);
            free_index[k] = better.select(column, free_index[k]);
        }
    }
    let (distance, column) = reduce(simd, minimum, index);
    let (free_distance, free_column) = reduce(simd, free_minimum, free_index);
    if free_distance == distance {
        Nearest { distance, column: free_column, free: true }
    } else {
        Nearest { distance, column, free: false }
    }
}
