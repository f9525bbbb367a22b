//! The solver for large matrices: shortest augmenting paths that read candidates instead of rows.
//!
//! 1. In a square matrix, column reduction: every column's dual is its smallest cost, and a row that has it takes it.
//! 2. Augmenting row reduction as in [`dense`](super::dense), on the [`Candidates`] of each row. Of columns that tie, a
//!    free one is taken.
//! 3. Dijkstra's algorithm for each row left, made *lazy*: a row that is reached offers paths to its candidates only.
//!    All its other columns lie at least at the distance that the bound of the candidates gives, so this distance
//!    enters the queue as an event of its own, at which the row is read again, or scanned as a whole if that would find
//!    no others. Nothing that is not nearer than the nearest free column found enters the queue,
//!    and at equal distances a free column ends the search, so most rows never see their event.
//! 4. The searches have a budget of work, about what one auction costs. Where it is spent, [`scaling`]
//!    finds better duals, from which steps 2 and 3 start again; where that has not helped, dense searches take over. In
//!    a rectangle scaled duals would not be valid, so that it is first made square by rows that may have any column for
//!    nothing.
//!
//! Every step is exact: the duals are those of an optimal assignment whatever the path that led there.
//!
//! Sources: Jonker and Volgenant 1987, "A shortest augmenting path algorithm for dense and sparse linear assignment
//! problems"; Volgenant 1996, "Linear and semi-assignment problems: a core oriented approach"; Bertsekas 1991, "Linear
//! Network Optimization", chapter 4.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use simd::{F64, LANES, Level, Simd, dispatch, load_f64, prelude::*};

use super::Cost;
use super::block::{Block, Rows};
use super::candidates::{Candidate, Candidates};
use super::dense::{NONE, Outcome, Path, Searches, Solver};
use super::scaling::{self, Scaling};

/// Cells from which the lazy search is the faster one, if the block is near square.
const CELLS: usize = 200_000;

/// Passes of augmenting row reduction, and rows that each may move for every free row.
const ROW_REDUCTIONS: usize = 2;
const MOVES: usize = 10;

/// The first budget, in percent of those after.
const FIRST_BUDGET: usize = 15;

/// Work of a step of the search, of an offer by a row scanned as a whole, and of choosing candidates, in cells scanned.
const STEP: usize = 80;
const OFFER: usize = 20;
const READING: usize = 200;

/// Times that the duals are scaled at most.
const SCALINGS: usize = 6;

/// Whether the lazy search is worth while.
pub(super) fn is_worth_while(rows: usize, columns: usize) -> bool {
    rows * columns >= CELLS && is_near_square(rows, columns)
}

/// Whether rows are at least two thirds of columns.
pub(super) fn is_near_square(rows: usize, columns: usize) -> bool {
    3 * rows >= 2 * columns
}

/// The memory of the lazy solver.
#[derive(Debug, Default)]
pub(super) struct Lazy {
    pub candidates: Candidates,
    search: Search,
}

/// One search for a shortest path, and what lasts from one to the next.
#[derive(Debug, Default)]
struct Search {
    /// Length of the shortest path to a column, -infinity once scanned, +infinity before it is reached.
    distance: Vec<f64>,
    /// The row before a column on its path.
    parent: Vec<u32>,
    /// What is subtracted from a row's c - v to give the length of a path through a row.
    offset: Vec<f64>,
    /// Rows whose candidates do not help: they are scanned as a whole.
    is_open: Vec<bool>,
    /// The search that last read a row.
    read_in: Vec<u32>,
    number: u32,
    queue: BinaryHeap<Event>,
    /// Columns no farther than the last one scanned.
    at_once: Vec<u32>,
    /// Columns reached.
    touched: Vec<u32>,
    /// Columns scanned and their distances.
    scanned: Vec<(u32, f64)>,
    /// What a scan of a whole row finds.
    offers: Vec<(u32, f64)>,
    /// Distance of the last column scanned.
    reach: f64,
    /// The nearest free column.
    end: u32,
    end_distance: f64,
    /// Work done since the budget was set, in cells scanned.
    work: usize,
}

/// What happens at a distance.
#[derive(Clone, Copy, Debug)]
struct Event {
    distance: f64,
    /// A column to scan, or a row to read again plus `ROW`.
    what: u32,
}

const ROW: u32 = 1 << 31;

impl Ord for Event {
    /// The nearest is the greatest, columns before rows.
    fn cmp(&self, other: &Self) -> Ordering {
        other.distance.total_cmp(&self.distance).then(other.what.cmp(&self.what))
    }
}

impl PartialOrd for Event {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Event {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Event {}

/// Solves a block.
pub(super) fn solve<T: Cost>(solver: &mut Solver, level: Level, block: &Block<'_, T>) -> Outcome {
    if solver.takes_all(block) {
        if solver.reduce_columns(level, block).is_none() {
            return Outcome::Unchecked;
        }
        if solver.free_rows.is_empty() {
            return Outcome::Optimal;
        }
    } else if !block.is_ordinary(level, &solver.interrupt) {
        return Outcome::Unchecked;
    } else if solver.path == Path::Scaling && !solver.is_partial {
        return solve_hard(solver, level, block);
    } else {
        solver.free_rows.clear();
        solver.free_rows.extend(0..block.rows as u32);
    }
    let scales = solver.path == Path::Scaling;
    with_lazy(solver, |solver, lazy| lazy.solve(solver, level, block, scales))
}

/// Solves a block for which shortest paths alone would take too long, whatever the solver has found so far.
pub(super) fn solve_hard<T: Cost>(solver: &mut Solver, level: Level, block: &Block<'_, T>) -> Outcome {
    with_lazy(solver, |solver, lazy| {
        if block.rows == block.columns {
            lazy.solve(solver, level, block, true)
        } else {
            lazy.solve_squared(solver, level, block)
        }
    })
}

fn with_lazy<R>(solver: &mut Solver, run: impl FnOnce(&mut Solver, &mut Lazy) -> R) -> R {
    let mut lazy = std::mem::take(&mut solver.lazy);
    let result = run(solver, &mut lazy);
    solver.lazy = lazy;
    result
}

/// Augmenting row reduction of the free rows; those that find no column of their own stay free.
fn reduce_rows<T: Cost>(solver: &mut Solver, candidates: &mut Candidates, level: Level, block: &Block<'_, T>) {
    let mut budget = MOVES * solver.free_rows.len();
    let mut left = 0;
    for k in 0..solver.free_rows.len() {
        let mut row = solver.free_rows[k] as usize;
        loop {
            if solver.interrupt.is_raised() {
                return;
            }
            let duals = &mut solver.column_duals;
            let mut smallest = candidates.smallest(row, duals);
            while !candidates.suffice(row, &smallest) && candidates.bound(row) < f64::INFINITY {
                candidates.read(level, block, row, duals);
                smallest = candidates.smallest(row, duals);
            }
            let mut column = smallest.column;
            let lowered = duals[column] - (smallest.second - smallest.first);
            // the duals may be so large that the difference is lost in them
            let is_strict = smallest.second < f64::INFINITY && lowered < duals[column];
            let owners = &solver.row_of_column;
            let is_free = |column: usize| owners[column] == NONE;
            let mut settles = smallest.first < f64::INFINITY && (is_free(column) || is_strict && budget > 0);
            if settles && is_strict {
                duals[column] = lowered;
            } else if !settles && smallest.first < f64::INFINITY {
                let mut tied = candidates.of(row).iter().take_while(|candidate| candidate.least <= smallest.first);
                let serves = |candidate: &&Candidate| {
                    is_free(candidate.column as usize) && candidate.reduced(duals) == smallest.first
                };
                if let Some(free) = tied.find(serves) {
                    (column, settles) = (free.column as usize, true);
                }
            }
            if !settles {
                solver.free_rows[left] = row as u32;
                left += 1;
                break;
            }
            let owner = solver.row_of_column[column];
            solver.pair(row, column);
            if owner == NONE {
                break;
            }
            solver.column_of_row[owner as usize] = NONE;
            budget -= 1;
            row = owner as usize;
        }
    }
    solver.free_rows.truncate(left);
}

impl Lazy {
    /// Finds columns for the free rows. `scales`: scale the duals at once.
    fn solve<T: Cost>(&mut self, solver: &mut Solver, level: Level, block: &Block<'_, T>, scales: bool) -> Outcome {
        self.candidates.reset(block.rows);
        self.search.reset(block);
        let mut scaling = Scaling::default();
        let takes_all = solver.takes_all(block);
        let mut may_scale = takes_all;
        if scales && may_scale {
            may_scale = scaling.run(solver, &mut self.candidates, level, block);
        }
        loop {
            for _ in 0..ROW_REDUCTIONS {
                reduce_rows(solver, &mut self.candidates, level, block);
            }
            if solver.interrupt.is_raised() {
                return Outcome::Optimal;
            }
            let percent = if takes_all && scaling.runs == 0 { FIRST_BUDGET } else { 100 };
            let budget = scaling::cost(block.rows, block.columns) / 100 * percent;
            match self.augment_all(solver, level, block, budget) {
                Searches::Done => return Outcome::Optimal,
                Searches::Infeasible(rows) => return Outcome::Infeasible(rows),
                Searches::Spent if may_scale => {
                    may_scale = scaling.run(solver, &mut self.candidates, level, block) && scaling.runs < SCALINGS;
                    self.search.is_open.fill(false);
                }
                Searches::Spent if !takes_all && !solver.is_partial => return self.solve_squared(solver, level, block),
                Searches::Spent => {
                    let outcome = solver.augment_all(level, &mut block.clone(), f64::INFINITY, usize::MAX);
                    return match outcome {
                        Searches::Infeasible(rows) => Outcome::Infeasible(rows),
                        _ => Outcome::Optimal,
                    };
                }
            }
        }
    }

    /// Solves a block with fewer rows than columns as a square one, with rows that may have any column for nothing.
    fn solve_squared<T: Cost>(&mut self, solver: &mut Solver, level: Level, block: &Block<'_, T>) -> Outcome {
        let mut memory = Vec::new();
        let square = block.squared(&mut memory);
        solver.reset(square.rows, square.columns);
        solver.reduce_columns(level, &square);
        let outcome = self.solve(solver, level, &square, true);
        solver.column_of_row.truncate(block.rows);
        let mut highest = f64::NEG_INFINITY;
        for (row, dual) in solver.row_of_column.iter_mut().zip(&solver.column_duals) {
            if *row >= block.rows as u32 {
                *row = NONE;
                highest = highest.max(*dual);
            }
        }
        solver.shift = highest.abs();
        // the columns left over all have the highest dual, which is 0 in a rectangle
        solver.column_duals.iter_mut().for_each(|dual| *dual = (*dual - highest).min(0.0));
        outcome
    }

    /// Finds a path for every free row, as long as the budget lasts.
    fn augment_all<T: Cost>(
        &mut self,
        solver: &mut Solver,
        level: Level,
        block: &Block<'_, T>,
        budget: usize,
    ) -> Searches {
        /// So few rows are finished even if that takes `OVERRUN` budgets, as is a search that has begun.
        const LAST: usize = 2;
        const OVERRUN: usize = 4;
        self.search.work = 0;
        let rows = solver.free_rows.len();
        for k in 0..rows {
            let row = solver.free_rows[k] as usize;
            let is_spent = self.search.work > budget && rows - k > LAST;
            let end = if is_spent {
                Searches::Spent
            } else {
                self.augment(solver, level, block, row, budget.saturating_mul(OVERRUN))
            };
            match end {
                Searches::Done => {}
                Searches::Spent => {
                    solver.free_rows.drain(..k);
                    return Searches::Spent;
                }
                Searches::Infeasible(_) if solver.is_partial => solver.left_out.push(row as u32),
                Searches::Infeasible(rows) => return Searches::Infeasible(rows),
            }
        }
        Searches::Done
    }

    /// Finds the shortest path from a free row to a free column and flips it. Where the work would pass
    /// the limit, nothing has changed.
    fn augment<T: Cost>(
        &mut self,
        solver: &mut Solver,
        level: Level,
        block: &Block<'_, T>,
        start: usize,
        limit: usize,
    ) -> Searches {
        self.search.begin();
        let mut row = start;
        self.search.offset[row] = 0.0;
        loop {
            self.relax(solver, level, block, row);
            let Some(event) = self.search.next() else { break };
            if solver.interrupt.is_raised() {
                self.search.forget();
                return Searches::Done;
            }
            if self.search.work > limit {
                self.search.forget();
                return Searches::Spent;
            }
            if event.what & ROW == 0 {
                let column = event.what as usize;
                row = solver.row_of_column[column] as usize;
                let reduced = block.at(row, column) - solver.column_duals[column];
                self.search.offset[row] = reduced - self.search.reach;
                self.search.work += STEP;
            } else {
                row = (event.what & !ROW) as usize;
                self.widen(solver, level, block, row);
            }
        }
        let search = &mut self.search;
        if search.end == NONE {
            let owners = search.scanned.iter().map(|&(column, _)| solver.row_of_column[column as usize] as usize);
            let violator = std::iter::once(start).chain(owners).collect();
            search.forget();
            return Searches::Infeasible(violator);
        }
        for &(column, distance) in &search.scanned {
            solver.column_duals[column as usize] += distance - search.end_distance;
        }
        let mut column = search.end as usize;
        loop {
            let row = search.parent[column] as usize;
            let previous = solver.column_of_row[row];
            solver.pair(row, column);
            if row == start {
                break;
            }
            column = previous as usize;
        }
        search.forget();
        Searches::Done
    }

    /// Offers the columns that a row shows the paths through it, and queues the row's next reading.
    fn relax<T: Cost>(&mut self, solver: &Solver, level: Level, block: &Block<'_, T>, row: usize) {
        let Self { candidates, search } = self;
        let offset = search.offset[row];
        let duals = &solver.column_duals;
        if search.is_open[row] {
            let mut offers = std::mem::take(&mut search.offers);
            let (distance, end) = (&search.distance, search.end_distance);
            dispatch!(level, simd => nearer(simd, block.row(row), duals, distance, offset, end, &mut offers));
            for &(column, distance) in &offers {
                search.offer(solver, row, column as usize, distance);
            }
            search.work += block.columns / 2 + OFFER * offers.len();
            search.offers = offers;
            return;
        }
        if candidates.bound(row) == f64::NEG_INFINITY {
            search.read_in[row] = search.number;
            candidates.read(level, block, row, duals);
        }
        for candidate in candidates.of(row) {
            if candidate.least - offset >= search.end_distance {
                break;
            }
            search.offer(solver, row, candidate.column as usize, candidate.reduced(duals) - offset);
        }
        let next = candidates.bound(row) - offset;
        if next < search.end_distance {
            search.queue.push(Event { distance: next, what: row as u32 | ROW });
        }
    }

    /// Lets a row show more columns than it did.
    fn widen<T: Cost>(&mut self, solver: &Solver, level: Level, block: &Block<'_, T>, row: usize) {
        let Self { candidates, search } = self;
        let duals = &solver.column_duals;
        // within a search the duals stand still, so that another reading would find the same candidates
        if search.read_in[row] == search.number || !candidates.are_stale(row, duals) {
            search.is_open[row] = true;
        } else {
            search.read_in[row] = search.number;
            search.work += block.columns + READING;
            candidates.read(level, block, row, duals);
        }
    }
}

impl Search {
    fn reset<T>(&mut self, block: &Block<'_, T>) {
        self.distance.clear();
        self.distance.resize(block.width, f64::INFINITY);
        self.parent.clear();
        self.parent.resize(block.width, NONE);
        self.offset.clear();
        self.offset.resize(block.rows, 0.0);
        self.is_open.clear();
        self.is_open.resize(block.rows, false);
        self.read_in.clear();
        self.read_in.resize(block.rows, 0);
        self.number = 0;
        self.forget();
    }

    fn begin(&mut self) {
        self.number += 1;
        self.reach = f64::NEG_INFINITY;
        self.end = NONE;
        self.end_distance = f64::INFINITY;
    }

    /// Forgets a search, in time proportional to what it reached.
    fn forget(&mut self) {
        for &column in &self.touched {
            self.distance[column as usize] = f64::INFINITY;
        }
        self.touched.clear();
        self.scanned.clear();
        self.queue.clear();
        self.at_once.clear();
    }

    /// Offers a column a path.
    #[inline(always)]
    fn offer(&mut self, solver: &Solver, row: usize, column: usize, distance: f64) {
        if distance >= self.end_distance || distance >= self.distance[column] {
            return;
        }
        if self.distance[column] == f64::INFINITY {
            self.touched.push(column as u32);
        }
        self.parent[column] = row as u32;
        if solver.row_of_column[column] == NONE {
            self.distance[column] = distance;
            self.end_distance = distance;
            self.end = column as u32;
        } else if distance <= self.reach {
            self.distance[column] = f64::NEG_INFINITY;
            self.at_once.push(column as u32);
        } else {
            self.distance[column] = distance;
            self.queue.push(Event { distance, what: column as u32 });
        }
    }

    /// The next column to scan or row to read, or nothing once the nearest free column is known or none is left.
    fn next(&mut self) -> Option<Event> {
        if self.end_distance <= self.reach {
            return None;
        }
        if let Some(column) = self.at_once.pop() {
            self.scanned.push((column, self.reach));
            return Some(Event { distance: self.reach, what: column });
        }
        loop {
            let event = self.queue.pop().filter(|event| event.distance < self.end_distance)?;
            if event.what & ROW != 0 {
                self.reach = self.reach.max(event.distance);
                return Some(event);
            }
            let distance = &mut self.distance[event.what as usize];
            // a column that has been offered a shorter path since has another event
            if *distance == event.distance {
                *distance = f64::NEG_INFINITY;
                self.reach = self.reach.max(event.distance);
                self.scanned.push((event.what, self.reach));
                return Some(event);
            }
        }
    }
}

/// The columns to which a row offers a path shorter than theirs and than `end`.
#[inline(always)]
fn nearer<S: Simd, T: Cost>(
    simd: S,
    costs: &[T],
    duals: &[f64],
    distance: &[f64],
    offset: f64,
    end: f64,
    offers: &mut Vec<(u32, f64)>,
) {
    offers.clear();
    let limit = F64::splat(simd, end);
    for at in (0..costs.len()).step_by(LANES) {
        let cost = T::load(simd, costs, at);
        let dual = load_f64(simd, duals, at);
        let old = load_f64(simd, distance, at);
        let offered = [(cost[0] - dual[0]) - offset, (cost[1] - dual[1]) - offset];
        let low = offered[0].simd_lt(old[0].min(limit));
        let high = offered[1].simd_lt(old[1].min(limit));
        if !(low | high).any_true() {
            continue;
        }
        let mut lanes = low.to_bitmask() | high.to_bitmask() << 8;
        while lanes != 0 {
            let column = at + lanes.trailing_zeros() as usize;
            offers.push((column as u32, (costs[column].value() - duals[column]) - offset));
            lanes &= lanes - 1;
        }
    }
}
