//! The solver for large matrices: shortest augmenting paths that read candidates instead of rows.
//!
//! 1. In a square matrix, column reduction: every column's dual is its smallest cost, and a row that has it takes it.
//! 2. Augmenting row reduction as in [`dense`](crate::dense), on the [`Candidates`] of each row. Of columns that tie, a
//!    free one is taken.
//! 3. Dijkstra's algorithm for each row left, made *lazy*: a row that is reached offers paths to its candidates only.
//!    All its other columns lie at least at the distance that the bound of the candidates gives, so this distance
//!    enters the queue as an event of its own, at which the row is read again, or scanned as a whole if that would find
//!    no others. Nothing that is not nearer than the nearest free column found enters the queue,
//!    and at equal distances a free column ends the search, so most rows never see their event.
//! 4. The searches have a budget of work, about what one auction costs. Where it is spent,
//!    [`scaling`](crate::scaling) finds better duals, from which steps 2 and 3 start again; where that has not helped,
//!    dense searches take over. In a rectangle scaled duals would not be valid, so that it is first made square by rows
//!    that may have any column for nothing.
//!
//! Every step is exact: the duals are those of an optimal assignment whatever the path that led there.
//!
//! Sources: Jonker and Volgenant 1987, "A shortest augmenting path algorithm for dense and sparse linear assignment
//! problems"; Volgenant 1996, "Linear and semi-assignment problems: a core oriented approach"; Bertsekas 1991, "Linear
//! Network Optimization", chapter 4.

use simd::{Level, dispatch};

use crate::candidates::{Candidate, Candidates};
use crate::cost::Cost;
use crate::lazy_search::{Event, LazySearch, ROW, nearer};
use crate::outcome::{NONE, Outcome, Searches};
use crate::route::scaling_work;
use crate::scaling::Scaling;
use crate::state::State;
use crate::view::{CostRows, MatrixView};

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

/// The memory of the lazy solver.
#[derive(Debug, Default)]
pub(crate) struct Lazy {
    candidates: Candidates,
    search: LazySearch,
}

/// Solves a matrix. `scales`: scale the duals at once.
pub(crate) fn solve<T: Cost>(
    state: &mut State,
    lazy: &mut Lazy,
    level: Level,
    view: &MatrixView<'_, T>,
    scales: bool,
) -> Outcome {
    if state.takes_all(view) {
        if state.reduce_columns(level, view).is_none() {
            return Outcome::Unchecked;
        }
        if state.free_rows.is_empty() {
            return Outcome::Optimal;
        }
    } else if !view.is_ordinary(level, &state.interrupt) {
        return Outcome::Unchecked;
    } else if scales && !state.is_partial {
        return solve_hard(state, lazy, level, view);
    } else {
        state.free_rows.clear();
        state.free_rows.extend(0..view.rows as u32);
    }
    lazy.solve(state, level, view, scales)
}

/// Solves a matrix for which shortest paths alone would take too long, whatever has been found so far.
pub(crate) fn solve_hard<T: Cost>(
    state: &mut State,
    lazy: &mut Lazy,
    level: Level,
    view: &MatrixView<'_, T>,
) -> Outcome {
    if view.rows == view.columns {
        lazy.solve(state, level, view, true)
    } else {
        lazy.solve_squared(state, level, view)
    }
}

/// Augmenting row reduction of the free rows; those that find no column of their own stay free.
fn reduce_rows<T: Cost>(state: &mut State, candidates: &mut Candidates, level: Level, view: &MatrixView<'_, T>) {
    let mut budget = MOVES * state.free_rows.len();
    let mut left = 0;
    for k in 0..state.free_rows.len() {
        let mut row = state.free_rows[k] as usize;
        loop {
            if state.interrupt.is_raised() {
                return;
            }
            let duals = &mut state.column_duals;
            let mut smallest = candidates.smallest(row, duals);
            while !candidates.suffice(row, &smallest) && candidates.bound(row) < f64::INFINITY {
                candidates.read(level, view, row, duals);
                smallest = candidates.smallest(row, duals);
            }
            let mut column = smallest.column;
            let lowered = duals[column] - (smallest.second - smallest.first);
            // the duals may be so large that the difference is lost in them
            let is_strict = smallest.second < f64::INFINITY && lowered < duals[column];
            let owners = &state.row_of_column;
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
                state.free_rows[left] = row as u32;
                left += 1;
                break;
            }
            let owner = state.row_of_column[column];
            state.pair(row, column);
            if owner == NONE {
                break;
            }
            state.column_of_row[owner as usize] = NONE;
            budget -= 1;
            row = owner as usize;
        }
    }
    state.free_rows.truncate(left);
}

impl Lazy {
    /// Finds columns for the free rows. `scales`: scale the duals at once.
    fn solve<T: Cost>(&mut self, state: &mut State, level: Level, view: &MatrixView<'_, T>, scales: bool) -> Outcome {
        self.candidates.reset(view.rows);
        self.search.reset(view);
        let mut scaling = Scaling::default();
        let takes_all = state.takes_all(view);
        let mut may_scale = takes_all;
        if scales && may_scale {
            may_scale = scaling.run(state, &mut self.candidates, level, view);
        }
        loop {
            for _ in 0..ROW_REDUCTIONS {
                reduce_rows(state, &mut self.candidates, level, view);
            }
            if state.interrupt.is_raised() {
                return Outcome::Optimal;
            }
            let percent = if takes_all && scaling.runs == 0 { FIRST_BUDGET } else { 100 };
            let budget = scaling_work(view.rows, view.columns) / 100 * percent;
            match self.augment_all(state, level, view, budget) {
                Searches::Done => return Outcome::Optimal,
                Searches::Infeasible(rows) => return Outcome::Infeasible(rows),
                Searches::Spent if may_scale => {
                    may_scale = scaling.run(state, &mut self.candidates, level, view) && scaling.runs < SCALINGS;
                    self.search.scans_whole_row.fill(false);
                }
                Searches::Spent if !takes_all && !state.is_partial => return self.solve_squared(state, level, view),
                Searches::Spent => {
                    let outcome = state.augment_all(level, &mut view.clone(), f64::INFINITY, usize::MAX);
                    return match outcome {
                        Searches::Infeasible(rows) => Outcome::Infeasible(rows),
                        _ => Outcome::Optimal,
                    };
                }
            }
        }
    }

    /// Solves a matrix with fewer rows than columns as a square one, with rows that may have any column for nothing.
    fn solve_squared<T: Cost>(&mut self, state: &mut State, level: Level, view: &MatrixView<'_, T>) -> Outcome {
        let mut memory = Vec::new();
        let square = view.squared(&mut memory);
        state.reset(square.rows, square.columns);
        state.reduce_columns(level, &square);
        let outcome = self.solve(state, level, &square, true);
        state.column_of_row.truncate(view.rows);
        let mut highest = f64::NEG_INFINITY;
        for (row, dual) in state.row_of_column.iter_mut().zip(&state.column_duals) {
            if *row >= view.rows as u32 {
                *row = NONE;
                highest = highest.max(*dual);
            }
        }
        state.shift = highest.abs();
        // the columns left over all have the highest dual, which is 0 in a rectangle
        state.column_duals.iter_mut().for_each(|dual| *dual = (*dual - highest).min(0.0));
        outcome
    }

    /// Finds a path for every free row, as long as the budget lasts.
    fn augment_all<T: Cost>(
        &mut self,
        state: &mut State,
        level: Level,
        view: &MatrixView<'_, T>,
        budget: usize,
    ) -> Searches {
        /// So few rows are finished even if that takes `OVERRUN` budgets, as is a search that has begun.
        const LAST: usize = 2;
        const OVERRUN: usize = 4;
        self.search.work = 0;
        let rows = state.free_rows.len();
        for k in 0..rows {
            let row = state.free_rows[k] as usize;
            let is_spent = self.search.work > budget && rows - k > LAST;
            let end = if is_spent {
                Searches::Spent
            } else {
                self.augment(state, level, view, row, budget.saturating_mul(OVERRUN))
            };
            match end {
                Searches::Done => {}
                Searches::Spent => {
                    state.free_rows.drain(..k);
                    return Searches::Spent;
                }
                Searches::Infeasible(_) if state.is_partial => state.unassignable_rows.push(row as u32),
                Searches::Infeasible(rows) => return Searches::Infeasible(rows),
            }
        }
        Searches::Done
    }

    /// Finds the shortest path from a free row to a free column and augments along it. Where the work
    /// would pass the limit, nothing has changed.
    fn augment<T: Cost>(
        &mut self,
        state: &mut State,
        level: Level,
        view: &MatrixView<'_, T>,
        start: usize,
        limit: usize,
    ) -> Searches {
        self.search.begin();
        let mut row = start;
        self.search.offset[row] = 0.0;
        loop {
            self.relax(state, level, view, row);
            let Some(event) = self.search.next() else { break };
            if state.interrupt.is_raised() {
                self.search.forget();
                return Searches::Done;
            }
            if self.search.work > limit {
                self.search.forget();
                return Searches::Spent;
            }
            if event.what & ROW == 0 {
                let column = event.what as usize;
                row = state.row_of_column[column] as usize;
                let reduced = view.at(row, column) - state.column_duals[column];
                self.search.offset[row] = reduced - self.search.reach;
                self.search.work += STEP;
            } else {
                row = (event.what & !ROW) as usize;
                self.expand_row(state, level, view, row);
            }
        }
        let search = &mut self.search;
        if search.end == NONE {
            let owners = search.scanned.iter().map(|&(column, _)| state.row_of_column[column as usize] as usize);
            let violator = std::iter::once(start).chain(owners).collect();
            search.forget();
            return Searches::Infeasible(violator);
        }
        for &(column, distance) in &search.scanned {
            state.column_duals[column as usize] += distance - search.end_distance;
        }
        let mut column = search.end as usize;
        loop {
            let row = search.parent[column] as usize;
            let previous = state.column_of_row[row];
            state.pair(row, column);
            if row == start {
                break;
            }
            column = previous as usize;
        }
        search.forget();
        Searches::Done
    }

    /// Offers the columns that a row shows the paths through it, and queues the row's next reading.
    fn relax<T: Cost>(&mut self, state: &State, level: Level, view: &MatrixView<'_, T>, row: usize) {
        let Self { candidates, search } = self;
        let offset = search.offset[row];
        let duals = &state.column_duals;
        if search.scans_whole_row[row] {
            let mut offers = std::mem::take(&mut search.offers);
            let (distance, end) = (&search.distance, search.end_distance);
            dispatch!(level, simd => nearer(simd, view.row(row), duals, distance, offset, end, &mut offers));
            for &(column, distance) in &offers {
                search.offer(state, row, column as usize, distance);
            }
            search.work += view.columns / 2 + OFFER * offers.len();
            search.offers = offers;
            return;
        }
        if candidates.bound(row) == f64::NEG_INFINITY {
            search.read_in[row] = search.number;
            candidates.read(level, view, row, duals);
        }
        for candidate in candidates.of(row) {
            if candidate.least - offset >= search.end_distance {
                break;
            }
            search.offer(state, row, candidate.column as usize, candidate.reduced(duals) - offset);
        }
        let next = candidates.bound(row) - offset;
        if next < search.end_distance {
            search.queue.push(Event { distance: next, what: row as u32 | ROW });
        }
    }

    /// Re-reads a row's candidates, or marks it for whole-row scans if that would find the same ones.
    fn expand_row<T: Cost>(&mut self, state: &State, level: Level, view: &MatrixView<'_, T>, row: usize) {
        let Self { candidates, search } = self;
        let duals = &state.column_duals;
        // within a search the duals stand still, so that another reading would find the same candidates
        if search.read_in[row] == search.number || !candidates.are_stale(row, duals) {
            search.scans_whole_row[row] = true;
        } else {
            search.read_in[row] = search.number;
            search.work += view.columns + READING;
            candidates.read(level, view, row, duals);
        }
    }
}
