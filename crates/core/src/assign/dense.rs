//! The dense solver: shortest augmenting paths over reduced costs.
//!
//! Every row first takes its cheapest column if that is free. Each row left over then grows a tree of alternating
//! paths by Dijkstra's algorithm over the reduced costs c - u - v until it meets a free column; the path is flipped
//! and the duals of the scanned columns fall so that all reduced costs stay non-negative. A search that runs out of
//! columns has found a Hall violator: its rows have fewer allowed columns between them than they are.
//!
//! Sources: Jonker and Volgenant 1987, "A shortest augmenting path algorithm for dense and sparse linear assignment
//! problems"; Crouse 2016, "On implementing 2D rectangular assignment algorithms".
//!
//! Ties go to a free column first, then to the lowest index, so a constant matrix gives the identity. A scanned column
//! carries the dual -infinity in the search, which keeps it out of every minimum without a mask.

use super::Cost;
use crate::simd::{F64, LANES, Level, Simd, dispatch, prelude::*};

/// No row, or no column.
const NONE: u32 = u32::MAX;

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

/// A storage type that the kernels can read.
pub(crate) trait Lanes: Cost {
    /// Sixteen costs, widened.
    fn load<S: Simd>(simd: S, row: &[Self], at: usize) -> [F64<S>; 2];
}

impl Lanes for f32 {
    #[inline(always)]
    fn load<S: Simd>(simd: S, row: &[Self], at: usize) -> [F64<S>; 2] {
        let (low, high) = crate::simd::load(simd, row, at).widen();
        [low, high]
    }
}

impl Lanes for f64 {
    #[inline(always)]
    fn load<S: Simd>(simd: S, row: &[Self], at: usize) -> [F64<S>; 2] {
        load(simd, row, at)
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

/// The solver's state, kept between solves for its memory.
#[derive(Debug, Default)]
pub(crate) struct Solver {
    pub(super) column_of_row: Vec<u32>,
    pub(super) row_of_column: Vec<u32>,
    /// Duals of the columns, at most 0, and 0 for a free one.
    pub(super) column_duals: Vec<f64>,
    /// Duals of the rows, where the solver that ran keeps them.
    pub(super) row_duals: Option<Vec<f64>>,
    /// +infinity for a column that is taken, 0 for a free one.
    taken: Vec<f64>,
    search: Search,
    free_rows: Vec<u32>,
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
        self.row_duals = None;
    }

    pub(super) fn pair(&mut self, row: usize, column: usize) {
        self.column_of_row[row] = column as u32;
        self.row_of_column[column] = row as u32;
    }

    /// Solves a block.
    pub fn solve<T: Lanes>(&mut self, level: Level, block: &Block<'_, T>) -> Outcome {
        self.reset(block);
        self.taken.clear();
        self.taken.resize(block.stride, 0.0);
        dispatch!(level, simd => self.take_cheapest(simd, block));
        for k in 0..self.free_rows.len() {
            let row = self.free_rows[k] as usize;
            if let Some(outcome) = dispatch!(level, simd => self.augment(simd, block, row)) {
                return outcome;
            }
        }
        Outcome::Optimal
    }

    /// Gives every row its cheapest column, the first row to ask having it; the others become free rows.
    #[inline(always)]
    fn take_cheapest<S: Simd, T: Lanes>(&mut self, simd: S, block: &Block<'_, T>) {
        self.free_rows.clear();
        for row in 0..block.rows {
            let column = cheapest(simd, block.row(row));
            if column < block.columns && self.row_of_column[column] == NONE {
                self.pair(row, column);
                self.taken[column] = f64::INFINITY;
            } else {
                self.free_rows.push(row as u32);
            }
        }
    }

    /// Finds the shortest path from a free row to a free column and flips it.
    #[inline(always)]
    fn augment<S: Simd, T: Lanes>(&mut self, simd: S, block: &Block<'_, T>, start: usize) -> Option<Outcome> {
        let search = &mut self.search;
        search.duals.clone_from(&self.column_duals);
        search.distance.clear();
        search.distance.resize(block.stride, f64::INFINITY);
        search.parent.resize(block.stride, 0.0);
        search.scanned.clear();
        // `offset`: what turns c - v into the length of the path that ends with it
        let (mut row, mut offset) = (start, 0.0);
        let nearest = loop {
            let nearest = relax(simd, block.row(row), search, &self.taken, row, offset);
            if nearest.distance == f64::INFINITY {
                let owners = search.scanned.iter().map(|&(column, _)| self.row_of_column[column as usize] as usize);
                return Some(Outcome::Infeasible(std::iter::once(start).chain(owners).collect()));
            }
            if nearest.free {
                break nearest;
            }
            let Nearest { distance, column, .. } = nearest;
            search.scanned.push((column as u32, distance));
            search.duals[column] = f64::NEG_INFINITY;
            search.distance[column] = f64::INFINITY;
            row = self.row_of_column[column] as usize;
            offset = distance - (block.at(row, column) - self.column_duals[column]);
        };
        for &(column, distance) in &search.scanned {
            self.column_duals[column as usize] += distance - nearest.distance;
        }
        self.taken[nearest.column] = f64::INFINITY;
        let mut column = nearest.column;
        loop {
            let row = self.search.parent[column] as usize;
            let previous = self.column_of_row[row];
            self.pair(row, column);
            if row == start {
                return None;
            }
            column = previous as usize;
        }
    }

    /// Duals of the rows and of the columns.
    pub fn into_duals<T: Cost>(mut self, block: &Block<'_, T>) -> (Vec<f64>, Vec<f64>) {
        self.column_duals.truncate(block.columns);
        let rows = self.row_duals.take().unwrap_or_else(|| {
            let dual = |row: usize| {
                let column = self.column_of_row[row] as usize;
                block.at(row, column) - self.column_duals[column]
            };
            (0..block.rows).map(dual).collect()
        });
        (rows, self.column_duals)
    }
}

#[inline(always)]
fn load<S: Simd>(simd: S, values: &[f64], at: usize) -> [F64<S>; 2] {
    [F64::from_slice(simd, &values[at..at + 8]), F64::from_slice(simd, &values[at + 8..at + LANES])]
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

/// Index of the smallest cost of a row, the lowest if there are several.
#[inline(always)]
fn cheapest<S: Simd, T: Lanes>(simd: S, row: &[T]) -> usize {
    let lane = F64::from_fn(
        simd,
        #[inline(always)]
        |i| i as f64,
    );
    let none = F64::splat(simd, f64::INFINITY);
    let (mut minimum, mut index) = ([none; 2], [none; 2]);
    for at in (0..row.len()).step_by(LANES) {
        let costs = T::load(simd, row, at);
        for k in 0..2 {
            let better = costs[k].simd_lt(minimum[k]);
            minimum[k] = better.select(costs[k], minimum[k]);
            index[k] = better.select(lane + (at + 8 * k) as f64, index[k]);
        }
    }
    reduce(simd, minimum, index).1
}

/// Offers every column the path through `row`; returns the nearest column that is not scanned.
#[inline(always)]
fn relax<S: Simd, T: Lanes>(
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
        let dual = load(simd, &search.duals, at);
        let old = load(simd, &search.distance, at);
        let parent = load(simd, &search.parent, at);
        let taken = load(simd, taken, at);
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
