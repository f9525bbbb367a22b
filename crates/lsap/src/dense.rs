//! The dense solver: shortest augmenting paths over reduced costs.
//!
//! 1. Every row takes its cheapest column; of several that want the same, the one that would lose most by its second
//!    choice gets it, and the column's dual falls by that loss. In a square matrix, unless [`ties`] speak against it,
//!    *column reduction* comes first instead: every column's dual is its smallest cost, and the row that has it takes the
//!    column; then *reduction transfer* lowers the dual of a row's column as far as the row's second choice permits.
//! 2. *Augmenting row reduction*: a row left over takes its cheapest column all the same, whose dual falls by what the
//!    second cheapest costs more, so that the row that had it may look elsewhere; and so on, within a budget.
//! 3. Each row still left grows a tree of alternating paths by Dijkstra's algorithm over the reduced costs c - u - v
//!    until it meets a free column; the path is flipped and the duals of the scanned columns fall so that all reduced
//!    costs stay non-negative. A row that is scanned writes nothing but the distances, without a branch: which row a
//!    column is reached from is asked only of the few columns on the path, at the end. A search that runs out of columns
//!    has found a Hall violator: its rows have fewer allowed columns between them than they are.
//! 4. Where the first searches show that all of them would take too long, [`lazy`] takes over, beginning with scaling.
//!
//! Of rows that are known to be equal ([`groups`]), a search scans one: once it is reached, the columns of the others have
//! their final distances, and their rows have nothing else to offer.
//!
//! With a limit, a row may also stay without a column at the cost of the limit: in the search that is one more place to
//! end, next to every row, which never has to be scanned since no other row can use it.
//!
//! Sources: Jonker and Volgenant 1987, "A shortest augmenting path algorithm for dense and sparse linear assignment
//! problems"; Crouse 2016, "On implementing 2D rectangular assignment algorithms".
//!
//! Ties go to a free column first, then to the lowest index, so a constant matrix gives the identity. A scanned column
//! carries the dual -infinity in the search, as the places beyond the last column always do, which keeps it out of every
//! minimum without a mask.

use simd::{F64, LANES, Level, Simd, dispatch, load_f64, padded, prelude::*, store_f64};

use super::block::{Block, Choices, FIRST_ROWS, Rows, rows_at_a_time};
use super::groups::{self, Groups};
use super::lazy::{self, Lazy};
use super::partial;
use super::scaling;
use super::sparse::Solution;
use super::ties;
use super::tiny::{self, bits};
use super::{Cost, Interrupt};

/// No row, or no column.
pub(super) const NONE: u32 = u32::MAX;

/// Passes of augmenting row reduction.
const ROW_REDUCTIONS: usize = 2;

/// Size from which a square matrix may turn out to need scaling, and the work, in multiples of what that costs, that
/// shows it.
const HARD: usize = 100;
const PATIENCE: usize = 3;

/// How the searches ended.
pub(super) enum Searches {
    Done,
    /// They would take too long; the rows left are free.
    Spent,
    /// These rows have fewer allowed columns between them than they are.
    Infeasible(Vec<usize>),
}

/// What a solve is to find.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Demand {
    /// A column for every row.
    Complete,
    /// As many pairs as there can be.
    Partial,
    /// The pairs that are worth it: a row may also stay without a column at this cost.
    Limited(f64),
}

/// How a solve ended.
#[derive(Debug, PartialEq)]
pub(crate) enum Outcome {
    /// Every row has a column.
    Optimal,
    /// These rows, in search order, have fewer allowed columns between them than they are.
    Infeasible(Vec<usize>),
    /// Some costs are not ordinary, see [`Block::are_ordinary`]: they have to be checked first.
    Unchecked,
    /// Searches among rows in groups would take too long, see [`groups`].
    Spent,
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
    /// The same, after scaling.
    Scaling,
    /// Searches that scan rows as a whole, in which rows choose first even where the matrix is square.
    RowsFirst,
    /// The same, with equal rows or columns in groups wherever there are any.
    Grouped,
}

/// The state of a solve, kept for its memory.
#[derive(Debug, Default)]
pub struct Solver {
    pub(super) column_of_row: Vec<u32>,
    pub(super) row_of_column: Vec<u32>,
    /// Duals of the columns, at most 0, and 0 for a free one; -infinity beyond the last.
    pub(super) column_duals: Vec<f64>,
    /// How far from 0 they have been before something was added to them, which may have cost digits.
    pub(super) shift: f64,
    /// Duals of the rows, once all others are known.
    pub(super) row_duals: Vec<f64>,
    /// +infinity for a column that is taken, 0 for a free one.
    pub(super) taken: Vec<f64>,
    choices: Choices,
    pub(super) search: Search,
    pub(super) free_rows: Vec<u32>,
    /// Whether it is known that not all rows can have columns.
    pub(super) is_partial: bool,
    /// Those from which no free column can be reached.
    pub(super) left_out: Vec<u32>,
    pub(super) lazy: Lazy,
    pub(super) path: Path,
    /// What stops a solve.
    pub interrupt: Interrupt,
}

/// One Dijkstra search.
#[derive(Debug, Default)]
pub(super) struct Search {
    /// Duals of the columns, -infinity once scanned.
    duals: Vec<f64>,
    /// Length of the shortest path to a column, +infinity once scanned.
    distance: Vec<f64>,
    /// Scanned columns and their distances.
    pub scanned: Vec<(usize, f64)>,
    /// Columns that need no scan since they belong to equals of a row that is reached, and their distances.
    closed: Vec<(usize, f64)>,
    /// The rows reached, the first by none and each other by one more scanned column, with what turns c - v into the
    /// length of the path that ends with it.
    pub reached: Vec<(usize, f64)>,
    pub end: End,
}

/// Where a search ends if it meets nothing nearer.
#[derive(Clone, Copy, Debug)]
pub(super) struct End {
    pub distance: f64,
    pub place: Place,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Place {
    /// A free column.
    Column(usize),
    /// A reached row that stays without a column.
    Row(usize),
}

impl Default for End {
    fn default() -> Self {
        Self { distance: f64::INFINITY, place: Place::Column(0) }
    }
}

impl Search {
    /// Forgets all and begins at a row. `duals`: those of the columns.
    pub fn begin(&mut self, start: usize, duals: &[f64]) {
        self.scanned.clear();
        self.closed.clear();
        self.reached.clear();
        self.reached.push((start, 0.0));
        self.open(duals);
    }

    /// Goes on over the columns with these duals, to which the rows reached have offered nothing yet.
    pub fn open(&mut self, duals: &[f64]) {
        self.duals.clear();
        self.duals.extend_from_slice(duals);
        self.distance.clear();
        self.distance.resize(duals.len(), f64::INFINITY);
        self.end = End::default();
    }

    /// Lets the search end at a reached row that stays without a column, if nothing nearer is known.
    pub fn may_end_at(&mut self, reached: usize, distance: f64) {
        if distance < self.end.distance {
            self.end = End { distance, place: Place::Row(reached) };
        }
    }

    /// Notes that a column has its final distance, by which its row is reached.
    pub fn scan(&mut self, column: usize, distance: f64, row: usize, offset: f64) {
        self.scanned.push((column, distance));
        self.reached.push((row, offset));
        self.leave(column);
    }

    /// Offers a column nothing from here on.
    fn leave(&mut self, column: usize) {
        self.duals[column] = f64::NEG_INFINITY;
        self.distance[column] = f64::INFINITY;
    }

    /// Closes the columns of a row's equals; gives whether there were any. All lie at the distance at which the row is
    /// reached, since equal rows that have columns have equal duals, so that theirs are final; and what their rows
    /// would offer the row offers already.
    fn close(&mut self, groups: &Groups, row: usize, column_of_row: &[u32]) -> bool {
        let before = self.closed.len();
        for column in groups.equals(row).map(|row| column_of_row[row]).filter(|&column| column != NONE) {
            let column = column as usize;
            if self.duals[column] > f64::NEG_INFINITY {
                self.closed.push((column, self.distance[column]));
                self.leave(column);
            }
        }
        self.closed.len() > before
    }

    /// The rows that were reached, or need not be.
    fn rows(&self, row_of_column: &[u32]) -> Vec<usize> {
        let closed = self.closed.iter().map(|&(column, _)| row_of_column[column] as usize);
        self.reached.iter().map(|&(row, _)| row).chain(closed).collect()
    }
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

    /// Gives away what it has found.
    pub(super) fn give(&mut self) -> Solution {
        let [column_of_row, row_of_column] = [&mut self.column_of_row, &mut self.row_of_column].map(std::mem::take);
        let [row_duals, mut column_duals] = [&mut self.row_duals, &mut self.column_duals].map(std::mem::take);
        column_duals.truncate(row_of_column.len());
        Solution { column_of_row, row_of_column, row_duals, column_duals }
    }

    /// Takes what another solver has found.
    pub(super) fn take(&mut self, solution: Solution) {
        let Solution { column_of_row, row_of_column, row_duals, column_duals } = solution;
        (self.column_of_row, self.row_of_column) = (column_of_row, row_of_column);
        (self.row_duals, self.column_duals) = (row_duals, column_duals);
        self.shift = 0.0;
    }

    /// Forgets all pairs and sets every dual to 0.
    pub(super) fn reset(&mut self, rows: usize, columns: usize) {
        self.column_of_row.clear();
        self.column_of_row.resize(rows, NONE);
        self.row_of_column.clear();
        self.row_of_column.resize(columns, NONE);
        self.column_duals.clear();
        self.column_duals.resize(columns, 0.0);
        self.column_duals.resize(padded(columns), f64::NEG_INFINITY);
        self.shift = 0.0;
        self.row_duals.clear();
        self.left_out.clear();
    }

    pub(super) fn pair(&mut self, row: usize, column: usize) {
        self.column_of_row[row] = column as u32;
        self.row_of_column[column] = row as u32;
    }

    /// Solves a block of finite costs, far from the largest `f64`, with at most as many rows as columns. `stride`: where
    /// the next row begins, a multiple of [`LANES`]; what lies between is +infinity. Whether all rows have columns then.
    pub fn solve_block<T: Cost>(
        &mut self,
        level: Level,
        costs: &[T],
        [rows, columns]: [usize; 2],
        stride: usize,
    ) -> bool {
        let mut block = Block::padded(costs, rows, columns, stride, true);
        self.solve(level, &mut block, Demand::Complete) == Outcome::Optimal
    }

    /// Solves a matrix.
    pub(crate) fn solve<T: Cost, R: Rows<T>>(&mut self, level: Level, rows: &mut R, demand: Demand) -> Outcome {
        self.is_partial = false;
        let mut outcome = self.pair_up(level, rows, demand);
        if demand == Demand::Partial && matches!(outcome, Outcome::Infeasible(_)) {
            self.is_partial = true;
            outcome = self.pair_up(level, rows, demand);
        }
        if outcome == Outcome::Optimal && !self.interrupt.is_raised() {
            match demand {
                Demand::Limited(limit) => self.complete_row_duals(rows, limit, 0.0),
                _ if self.is_partial => partial::solve(self, level, rows),
                _ => self.complete_row_duals(rows, 0.0, 0.0),
            }
        }
        outcome
    }

    /// Finds the pairs and the duals of the columns.
    fn pair_up<T: Cost, R: Rows<T>>(&mut self, level: Level, rows: &mut R, demand: Demand) -> Outcome {
        self.reset(rows.rows(), rows.columns());
        let may_be_constant = rows.groups().is_none() && !matches!(demand, Demand::Limited(_));
        let block = rows.block().filter(|_| may_be_constant);
        if let Some(block) = block.filter(|block| is_constant(block, &self.interrupt)) {
            if !dispatch!(level, simd => block.are_ordinary(simd, 0..1)) {
                return Outcome::Unchecked;
            }
            (0..block.rows).for_each(|row| self.pair(row, row));
            return Outcome::Optimal;
        }
        let is_tiny = self.path == Path::Auto && rows.width() == LANES && !self.is_partial;
        if is_tiny && !matches!(demand, Demand::Limited(_)) {
            if !rows.is_ordinary(level, &self.interrupt) {
                return Outcome::Unchecked;
            }
            if dispatch!(level, simd => tiny::solve(simd, self, rows)) {
                return Outcome::Optimal;
            }
            self.reset(rows.rows(), rows.columns());
        }
        match (demand, rows.block(), rows.groups()) {
            (Demand::Limited(limit), ..) => self.solve_limited(level, rows, limit),
            (_, Some(block), Some(groups)) => {
                let rows_first = groups::go_first(level, groups, block);
                self.solve_dense(level, rows, rows_first)
            }
            (_, Some(block), _) if self.rows_go_first(level, block) => self.solve_dense(level, rows, true),
            (_, Some(block), _) if self.is_lazy(block.rows, block.columns) => lazy::solve(self, level, block),
            _ => self.solve_dense(level, rows, false),
        }
    }

    /// Whether the rows of a block choose before the columns do, although it is square, and are scanned as a whole,
    /// although it is large.
    fn rows_go_first<T: Cost>(&self, level: Level, block: &Block<'_, T>) -> bool {
        let is_lazy = self.is_lazy(block.rows, block.columns);
        match self.path {
            Path::Auto => {
                let may_pay = !self.is_partial && (self.takes_all(block) || is_lazy);
                may_pay && dispatch!(level, simd => ties::are_many(simd, block))
            }
            Path::RowsFirst | Path::Grouped => true,
            Path::Dense | Path::Lazy | Path::Scaling => false,
        }
    }

    /// Whether every column will be taken, so that the duals of the columns may begin anywhere.
    pub(super) fn takes_all<T>(&self, block: &Block<'_, T>) -> bool {
        block.rows == block.columns && !self.is_partial
    }

    /// Whether a block of that size goes the lazy way.
    fn is_lazy(&self, rows: usize, columns: usize) -> bool {
        match self.path {
            Path::Auto => lazy::is_worth_while(rows, columns),
            Path::Dense | Path::RowsFirst | Path::Grouped => false,
            Path::Lazy | Path::Scaling => rows > 0,
        }
    }

    /// Whether a matrix of that size should be a block.
    pub(super) fn wants_block(&self, rows: usize, columns: usize) -> bool {
        self.is_lazy(rows, columns) || self.path == Path::Auto && may_be_hard(rows, columns)
    }

    fn solve_dense<T: Cost, R: Rows<T>>(&mut self, level: Level, rows: &mut R, rows_first: bool) -> Outcome {
        let square = rows.block().filter(|block| self.takes_all(block) && !rows_first);
        if let Some(block) = square {
            let Some(chosen_once) = self.reduce_columns(level, block) else { return Outcome::Unchecked };
            if !self.free_rows.is_empty() {
                dispatch!(level, simd => self.transfer_reduction(simd, block, &chosen_once));
            }
        } else if let Some(row) = rows.groups().and_then(Groups::majority) {
            if !rows.is_ordinary(level, &self.interrupt) {
                return Outcome::Unchecked;
            }
            groups::place(self, rows, row);
        } else {
            if !self.choose(level, rows) {
                return Outcome::Unchecked;
            }
            self.take_cheapest(f64::INFINITY);
        }
        if self.free_rows.is_empty() {
            return Outcome::Optimal;
        }
        self.note_taken();
        for _ in 0..ROW_REDUCTIONS {
            dispatch!(level, simd => self.reduce_rows(simd, rows));
        }
        let (height, width) = (rows.rows(), rows.columns());
        let may_turn = rows.block().is_some() || rows.groups().is_some();
        let patience = if self.path == Path::Auto && !self.is_partial && may_turn && may_be_hard(height, width) {
            PATIENCE * scaling::cost(height, width)
        } else {
            usize::MAX
        };
        match (self.augment_all(level, rows, f64::INFINITY, patience), rows.block()) {
            (Searches::Spent, Some(block)) => lazy::solve_hard(self, level, block),
            (Searches::Spent, None) => Outcome::Spent,
            (Searches::Infeasible(rows), _) => Outcome::Infeasible(rows),
            (Searches::Done, _) => Outcome::Optimal,
        }
    }

    fn solve_limited<T: Cost, R: Rows<T>>(&mut self, level: Level, rows: &mut R, limit: f64) -> Outcome {
        if !self.choose(level, rows) {
            return Outcome::Unchecked;
        }
        self.take_cheapest(limit);
        self.augment_all(level, rows, limit, usize::MAX);
        Outcome::Optimal
    }

    fn choose<T: Cost, R: Rows<T>>(&mut self, level: Level, rows: &R) -> bool {
        let Self { column_duals, choices, interrupt, .. } = self;
        dispatch!(level, simd => rows.choose(simd, column_duals, choices, interrupt))
    }

    pub(super) fn note_taken(&mut self) {
        self.taken.clear();
        self.taken.extend(self.row_of_column.iter().map(|&row| if row == NONE { 0.0 } else { f64::INFINITY }));
        self.taken.resize(padded(self.row_of_column.len()), f64::INFINITY);
    }

    /// Finds a path for every free row, unless the work for the first half lets expect more than `patience` cells to be
    /// read.
    pub(super) fn augment_all<T: Cost, R: Rows<T>>(
        &mut self,
        level: Level,
        rows: &mut R,
        limit: f64,
        patience: usize,
    ) -> Searches {
        self.note_taken();
        let (count, mut work) = (self.free_rows.len(), 0usize);
        for k in 0..count {
            let row = self.free_rows[k] as usize;
            match dispatch!(level, simd => self.augment(simd, rows, row, limit)) {
                Some(_) if self.is_partial => self.left_out.push(row as u32),
                Some(violator) => return Searches::Infeasible(violator),
                None => {}
            }
            if self.interrupt.is_raised() {
                break;
            }
            work += (self.search.scanned.len() + 1) * rows.width();
            if (work / (k + 1)).saturating_mul(count) > patience && 2 * (k + 1) <= count {
                self.free_rows.drain(..=k);
                return Searches::Spent;
            }
        }
        Searches::Done
    }

    /// Gives every column to the row that chose it, or of several to the one with the largest gap, the others become
    /// free rows; then lowers the columns' duals by the gaps. A row for which every column costs more than the limit
    /// has no use for one, now or later.
    fn take_cheapest(&mut self, limit: f64) {
        self.free_rows.clear();
        let Choices { columns, firsts, seconds, second_columns } = &self.choices;
        for row in 0..self.column_of_row.len() {
            let first = firsts[row];
            if first > limit || first == f64::INFINITY && limit < f64::INFINITY {
                continue;
            }
            let mut loser = row as u32;
            if first < f64::INFINITY {
                let column = columns[row] as usize;
                let owner = self.row_of_column[column];
                if owner == NONE || seconds[row] - first > seconds[owner as usize] - firsts[owner as usize] {
                    self.column_of_row[row] = column as u32;
                    self.row_of_column[column] = row as u32;
                    loser = owner;
                }
            }
            if loser != NONE {
                self.column_of_row[loser as usize] = NONE;
                self.free_rows.push(loser);
            }
        }
        for (row, &column) in self.column_of_row.iter().enumerate() {
            let gap = seconds[row].min(limit) - firsts[row];
            if column != NONE && gap < f64::INFINITY {
                self.column_duals[column as usize] -= gap;
            }
        }
        if !second_columns.is_empty() && limit == f64::INFINITY {
            self.take_second();
        }
    }

    /// Gives the free rows the second cheapest columns that are free, where their first ones now cost no less.
    fn take_second(&mut self) {
        let Choices { columns, firsts, seconds, second_columns } = &self.choices;
        let mut left = 0;
        for k in 0..self.free_rows.len() {
            let row = self.free_rows[k] as usize;
            let (second, column) = (seconds[row], second_columns[row] as usize);
            let is_best = second < f64::INFINITY && second <= firsts[row] - self.column_duals[columns[row] as usize];
            if is_best && self.row_of_column[column] == NONE {
                self.column_of_row[row] = column as u32;
                self.row_of_column[column] = row as u32;
            } else {
                self.free_rows[left] = row as u32;
                left += 1;
            }
        }
        self.free_rows.truncate(left);
    }

    /// Column reduction of a square matrix; rows that no column chose become free rows. Gives the rows that just one
    /// column chose, or nothing where costs turn out not to be ordinary.
    pub(super) fn reduce_columns<T: Cost>(&mut self, level: Level, block: &Block<'_, T>) -> Option<Vec<bool>> {
        let rows_of_minima = &mut self.search.distance;
        rows_of_minima.resize(block.width, 0.0);
        let duals = &mut self.column_duals;
        duals.fill(f64::INFINITY);
        if !dispatch!(level, simd => column_minima(simd, block, duals, rows_of_minima, &self.interrupt)) {
            return None;
        }
        duals[block.columns..].fill(f64::NEG_INFINITY);
        let mut chosen_once = vec![false; block.rows];
        for column in 0..block.columns {
            if self.column_duals[column] == f64::INFINITY {
                self.column_duals[column] = 0.0; // no cell of the column is allowed
                continue;
            }
            let row = self.search.distance[column] as usize;
            if self.column_of_row[row] == NONE {
                self.pair(row, column);
                chosen_once[row] = true;
            } else {
                chosen_once[row] = false;
            }
        }
        self.free_rows.clear();
        self.free_rows.extend((0..block.rows as u32).filter(|&row| self.column_of_row[row as usize] == NONE));
        Some(chosen_once)
    }

    /// Reduction transfer from the rows that just one column chose.
    #[inline(always)]
    fn transfer_reduction<S: Simd, T: Cost>(&mut self, simd: S, block: &Block<'_, T>, chosen_once: &[bool]) {
        for row in self.interrupt.guard((0..block.rows).filter(|&row| chosen_once[row])) {
            let Cheapest { column, first, second } = cheapest(simd, block.row(row), &self.column_duals);
            if column == self.column_of_row[row] as usize && second < f64::INFINITY {
                self.column_duals[column] -= second - first;
            }
        }
    }

    /// Augmenting row reduction of the free rows; those that find no column of their own stay free.
    #[inline(always)]
    fn reduce_rows<S: Simd, T: Cost, R: Rows<T>>(&mut self, simd: S, rows: &mut R) {
        /// Rows that may be moved for each free row.
        const BUDGET: usize = 3;
        let mut budget = BUDGET * self.free_rows.len();
        let mut left = 0;
        for k in 0..self.free_rows.len() {
            let mut row = self.free_rows[k];
            loop {
                if self.interrupt.is_raised() {
                    return;
                }
                let costs = rows.row(row as usize);
                let Cheapest { mut column, first, second } = cheapest(simd, costs, &self.column_duals);
                let gap = second - first;
                let is_free = |column: usize| self.row_of_column[column] == NONE;
                // a tie may go in circles, and a row without a second column would never let go of its first
                let mut settles = gap > 0.0 && gap < f64::INFINITY && budget > 0;
                if !settles && first < f64::INFINITY && !is_free(column) && gap == 0.0 {
                    column = tied(simd, costs, &self.column_duals, &self.taken, first).unwrap_or(column);
                }
                settles |= first < f64::INFINITY && is_free(column);
                if !settles {
                    self.free_rows[left] = row;
                    left += 1;
                    break;
                }
                if gap < f64::INFINITY {
                    self.column_duals[column] -= gap;
                }
                let owner = self.row_of_column[column];
                self.pair(row as usize, column);
                self.taken[column] = f64::INFINITY;
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
    /// flips it; or gives the rows between which there is none.
    #[inline(always)]
    fn augment<S: Simd, T: Cost, R: Rows<T>>(
        &mut self,
        simd: S,
        rows: &mut R,
        start: usize,
        limit: f64,
    ) -> Option<Vec<usize>> {
        let search = &mut self.search;
        search.begin(start, &self.column_duals);
        while let Some(&(row, offset)) = search.reached.last() {
            // a column that is as near is better still, so that there are as many pairs as can be
            search.may_end_at(search.scanned.len(), (limit + offset).next_up());
            if self.interrupt.is_raised() {
                return None;
            }
            let (mut distance, mut column) = relax(simd, rows.row(row), search, &self.taken, offset);
            if search.end.distance > distance
                && let Some(groups) = rows.groups()
                && search.close(groups, row, &self.column_of_row)
            {
                (distance, column) = relax(simd, rows.row(row), search, &self.taken, offset);
            }
            if search.end.distance <= distance {
                break;
            }
            let row = self.row_of_column[column] as usize;
            let offset = distance - (rows.at(row, column) - self.column_duals[column]);
            search.scan(column, distance, row, offset);
        }
        let End { distance, place } = search.end;
        let length = if let Place::Row(_) = place { distance.next_down() } else { distance };
        if length == f64::INFINITY {
            return Some(search.rows(&self.row_of_column));
        }
        let duals = std::mem::take(&mut self.column_duals);
        self.flip(rows, |column| duals[column]);
        self.column_duals = duals;
        for &(column, distance) in &self.search.scanned {
            self.column_duals[column] += distance - length;
        }
        for &(column, distance) in &self.search.closed {
            self.column_duals[column] += (distance - length).min(0.0);
        }
        None
    }

    /// Swaps the pairs on the path of the search, on which every column comes after a row that offered it its distance:
    /// the last of them, since most long paths go from each row to the next. `dual`: that of a column in the search.
    pub(super) fn flip<T: Cost, R: Rows<T>>(&mut self, rows: &R, dual: impl Fn(usize) -> f64) {
        let Self { search: Search { scanned, reached, end, .. }, taken, column_of_row, row_of_column, .. } = self;
        let (mut before, mut last) = match end.place {
            Place::Column(column) => {
                taken[column] = f64::INFINITY;
                (reached.len(), Some((column, end.distance)))
            }
            Place::Row(k) => {
                column_of_row[reached[k].0] = NONE;
                (k, k.checked_sub(1).map(|k| scanned[k]))
            }
        };
        while let Some((column, distance)) = last {
            let dual = dual(column);
            let offered = |&(row, offset): &(usize, f64)| (rows.at(row, column) - dual) + offset == distance;
            before = reached[..before].iter().rposition(offered).expect("a row that offered the distance");
            let row = reached[before].0;
            column_of_row[row] = column as u32;
            row_of_column[column] = row as u32;
            last = before.checked_sub(1).map(|k| scanned[k]);
        }
    }

    /// The duals of the rows, less the limit if there is one.
    pub(super) fn complete_row_duals<T: Cost, R: Rows<T>>(&mut self, rows: &R, limit: f64, unassigned: f64) {
        let duals = self.column_of_row.iter().enumerate().map(|(row, &column)| match column {
            NONE => unassigned,
            column => rows.at(row, column as usize) - self.column_duals[column as usize] - limit,
        });
        self.row_duals.extend(duals);
    }

    /// Makes the rows the columns of a square matrix and the other way round.
    pub(super) fn transpose(&mut self) {
        std::mem::swap(&mut self.column_of_row, &mut self.row_of_column);
        std::mem::swap(&mut self.row_duals, &mut self.column_duals);
        self.row_duals.truncate(self.column_of_row.len());
        self.column_duals.resize(padded(self.row_of_column.len()), f64::NEG_INFINITY);
    }

    /// Duals of the rows and of the `columns` columns that are no padding.
    pub(crate) fn duals(&self, columns: usize) -> (&[f64], &[f64]) {
        (&self.row_duals, &self.column_duals[..columns])
    }
}

/// Whether all cells have the same cost and may be chosen.
fn is_constant<T: Cost>(block: &Block<'_, T>, interrupt: &Interrupt) -> bool {
    let Some(last) = block.rows.checked_sub(1) else { return false };
    let first = block.at(0, 0);
    let has_first = |row: usize| {
        let costs = &block.row(row)[..block.columns];
        costs.iter().fold(true, |same, cost| same & (cost.value() == first))
    };
    first < f64::INFINITY && first == block.at(last, block.columns - 1) && interrupt.guard(0..block.rows).all(has_first)
}

/// Whether shortest paths alone might take too long.
fn may_be_hard(rows: usize, columns: usize) -> bool {
    rows >= HARD && lazy::is_near_square(rows, columns)
}

/// Lowers each column's minimum by the block's costs and notes the row it is from, the lowest if there are several; or
/// gives false where costs turn out not to be ordinary.
#[inline(always)]
fn column_minima<S: Simd, T: Cost>(
    simd: S,
    block: &Block<'_, T>,
    minima: &mut [f64],
    rows: &mut [f64],
    interrupt: &Interrupt,
) -> bool {
    let at_a_time = rows_at_a_time(block.width);
    for first in interrupt.guard((0..block.rows).step_by(at_a_time)) {
        let group = first..(first + at_a_time).min(block.rows);
        if !block.are_ordinary(simd, group.clone()) {
            return false;
        }
        if first < FIRST_ROWS {
            for at in (0..block.width).step_by(LANES) {
                lower(simd, group.clone().map(|row| (row, block.row(row))), at, minima, rows);
            }
            continue;
        }
        for first in group.clone().step_by(4) {
            let four: [usize; 4] = std::array::from_fn(|k| (first + k).min(group.end - 1));
            let four = four.map(|row| (row, block.row(row)));
            for at in (0..block.width).step_by(LANES) {
                let mut least = T::load(simd, four[0].1, at);
                for (_, costs) in &four[1..] {
                    let costs = T::load(simd, costs, at);
                    least = [least[0].min(costs[0]), least[1].min(costs[1])];
                }
                let old = load_f64(simd, minima, at);
                if (least[0].simd_lt(old[0]) | least[1].simd_lt(old[1])).any_true() {
                    lower(simd, four, at, minima, rows);
                }
            }
        }
    }
    true
}

/// Lowers the minima of the columns at `at` by the costs of some rows.
#[inline(always)]
fn lower<'a, S: Simd, T: Cost + 'a>(
    simd: S,
    offers: impl IntoIterator<Item = (usize, &'a [T])>,
    at: usize,
    minima: &mut [f64],
    rows: &mut [f64],
) {
    let (mut least, mut from) = (load_f64(simd, minima, at), load_f64(simd, rows, at));
    for (row, costs) in offers {
        let (row, costs) = (F64::splat(simd, row as f64), T::load(simd, costs, at));
        for k in 0..2 {
            let lower = costs[k].simd_lt(least[k]);
            from[k] = lower.select(row, from[k]);
            least[k] = lower.select(costs[k], least[k]);
        }
    }
    store_f64(least, minima, at);
    store_f64(from, rows, at);
}

/// The smallest cost of a row.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cheapest {
    /// Its column, the lowest if there are several.
    pub column: usize,
    /// It, less the dual; +infinity if every cell is forbidden, when the column means nothing.
    pub first: f64,
    /// The second smallest, less its dual.
    pub second: f64,
}

/// The smallest cost of a row less the duals.
#[inline(always)]
pub(super) fn cheapest<S: Simd, T: Cost>(simd: S, row: &[T], duals: &[f64]) -> Cheapest {
    let none = F64::splat(simd, f64::INFINITY);
    let (mut minimum, mut second) = ([none; 2], [none; 2]);
    let (row, duals) = (&row[..duals.len()], &duals[..row.len()]);
    for at in (0..row.len() / LANES).map(|block| block * LANES) {
        let costs = reduced(simd, &row[at..at + LANES], &duals[at..at + LANES]);
        for k in 0..2 {
            second[k] = second[k].min(minimum[k].max(costs[k]));
            minimum[k] = minimum[k].min(costs[k]);
        }
    }
    let first = minimum[0].min(minimum[1]).reduce_min();
    let column = position(
        row.len(),
        first,
        #[inline(always)]
        |at| reduced(simd, &row[at..at + LANES], &duals[at..at + LANES]),
    );
    // in the lanes of the first its second counts, in the others the first; of several lanes, each is the other's second
    let is_first = [minimum[0].simd_eq(first), minimum[1].simd_eq(first)];
    let low = is_first[0].select(second[0], minimum[0]);
    let high = is_first[1].select(second[1], minimum[1]);
    let winners = bits(is_first);
    let second = if winners & (winners - 1) == 0 { low.min(high).reduce_min() } else { first };
    Cheapest { column: column.unwrap_or_default(), first, second }
}

/// Sixteen costs less the duals.
#[inline(always)]
fn reduced<S: Simd, T: Cost>(simd: S, costs: &[T], duals: &[f64]) -> [F64<S>; 2] {
    let (costs, duals) = (T::load(simd, costs, 0), load_f64(simd, duals, 0));
    [costs[0] - duals[0], costs[1] - duals[1]]
}

/// The first free column with this cost less the dual.
#[inline(always)]
fn tied<S: Simd, T: Cost>(simd: S, row: &[T], duals: &[f64], taken: &[f64], value: f64) -> Option<usize> {
    let (duals, taken) = (&duals[..row.len()], &taken[..row.len()]);
    position(
        row.len(),
        value,
        #[inline(always)]
        |at| {
            let costs = reduced(simd, &row[at..at + LANES], &duals[at..at + LANES]);
            let taken = load_f64(simd, taken, at);
            [costs[0] + taken[0], costs[1] + taken[1]]
        },
    )
}

/// The first place of a value among those that `sixteen` gives from a place on.
#[inline(always)]
fn position<S: Simd>(length: usize, value: f64, sixteen: impl Fn(usize) -> [F64<S>; 2]) -> Option<usize> {
    for at in (0..length / LANES).map(|block| block * LANES) {
        let values = sixteen(at);
        let found = [values[0].simd_eq(value), values[1].simd_eq(value)];
        if (found[0] | found[1]).any_true() {
            return Some(at + bits(found).trailing_zeros() as usize);
        }
    }
    None
}

/// Offers every column the path through a row; returns the nearest column that is not scanned and its distance, which mean
/// nothing beyond the end. If it is free, or a free one is as near, the search ends there.
#[inline(always)]
pub(super) fn relax<S: Simd, T: Cost>(
    simd: S,
    costs: &[T],
    search: &mut Search,
    taken: &[f64],
    offset: f64,
) -> (f64, usize) {
    let mut nearest = F64::splat(simd, f64::INFINITY);
    let mut nearest_free = nearest;
    // of one length, which spares the checks
    let width = costs.len();
    let (duals, distances, taken) = (&search.duals[..width], &mut search.distance[..width], &taken[..width]);
    for at in (0..width / LANES).map(|block| block * LANES) {
        let cost = reduced(simd, &costs[at..at + LANES], &duals[at..at + LANES]);
        let (old, taken) = (load_f64(simd, distances, at), load_f64(simd, taken, at));
        let distance = [old[0].min(cost[0] + offset), old[1].min(cost[1] + offset)];
        store_f64(distance, distances, at);
        nearest = nearest.min(distance[0].min(distance[1]));
        nearest_free = nearest_free.min((distance[0] + taken[0]).min(distance[1] + taken[1]));
    }
    let (distance, free) = (nearest.reduce_min(), nearest_free.reduce_min());
    if distance >= search.end.distance {
        return (distance, 0);
    }
    let column = if free > distance {
        position(
            width,
            distance,
            #[inline(always)]
            |at| load_f64(simd, distances, at),
        )
    } else {
        position(
            width,
            distance,
            #[inline(always)]
            |at| {
                let (distance, taken) = (load_f64(simd, distances, at), load_f64(simd, taken, at));
                [distance[0] + taken[0], distance[1] + taken[1]]
            },
        )
    };
    let column = column.unwrap_or_default();
    if free <= distance {
        search.end = End { distance, place: Place::Column(column) };
    }
    (distance, column)
}
