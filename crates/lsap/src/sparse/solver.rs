//! The sparse solver: shortest augmenting paths over the listed cells.
//!
//! 1. In a square matrix, *column reduction*: every column's dual is its smallest cost, and the row that has it takes
//!    the column; where that leaves many rows free, an [auction](super::auction) moves the duals near the optimum.
//!    A row without a column takes its cheapest one if that is free.
//! 2. *Augmenting row reduction*: a row left over takes its cheapest column all the same, whose dual falls by what the
//!    second cheapest costs more, so that the row that had it may look elsewhere; and so on, within a budget.
//! 3. Each row still left grows a tree of alternating paths by Dijkstra's algorithm, with a heap, over the reduced
//!    costs c - u - v. The nearest free column so far bounds the search: what lies farther is never pushed. Columns at
//!    the distance just reached are scanned at once, past the heap. Only distances that were touched are reset.
//!
//! In a matrix that is not square or has a limit, a free column must have the dual 0, and the others none above. So the
//! duals start from 0, without column reduction. If the searches then take long, an auction follows here too, after
//! which some free columns have duals below 0: each searches as a row does, in the transposed matrix, for a row or for a
//! column that may become free instead of it.
//!
//! With a limit, a row may also stay without a column at the cost of the limit, which to the search is one more place
//! to end next to every row.
//!
//! Steps 1 and 2 read the *candidates* of a row: its few cells of the least reduced cost, kept in front of the others,
//! and a bound on the others. Duals only fall, so the bound holds until the row is read again, and a row whose two
//! cheapest candidates lie within it need look no further.
//!
//! A search that runs out of columns has found a Hall violator: its rows have fewer allowed columns between them than
//! they are. Ties go to a free column first, then to the first one met.
//!
//! Sources: Jonker and Volgenant 1987, "A shortest augmenting path algorithm for dense and sparse linear assignment
//! problems"; Volgenant 1996, "Linear and semi-assignment problems: a core oriented approach".

use super::heap::Heap;
use super::matching;
use super::rows::{Cell, Rows};
use crate::Interrupt;
use crate::dense::{NONE, Outcome};

/// Candidates of a row.
const CANDIDATES: usize = 8;

/// Passes of augmenting row reduction.
const ROW_REDUCTIONS: usize = 2;

/// Rows that a pass may move for each free row.
const MOVES: usize = 30;

/// The part of the rows that column reduction may leave free before an auction pays.
const FEW_FREE: usize = 16;

/// What the searches of a matrix that is not square, or has a limit, may scan before an auction pays, in multiples of its
/// cells.
const PATIENCE: usize = 8;

/// The solver's state, kept between solves for its memory.
#[derive(Debug, Default)]
pub(super) struct Solver {
    pub column_of_row: Vec<u32>,
    /// What every row's column costs.
    pub cost_of_row: Vec<f64>,
    /// Duals of the columns, apart since bids read nothing else.
    pub duals: Vec<f64>,
    pub columns: Vec<Column>,
    /// How far from 0 the duals have been before something was added to them, which may have cost digits.
    pub shift: f64,
    /// Bounds on the reduced costs of what is no candidate; -infinity for a row that was not read.
    bounds: Vec<f64>,
    reading: Vec<(f64, Cell)>,
    free_rows: Vec<u32>,
    search: Search,
    /// Whether to turn to scaling at once, for tests.
    pub scales_at_once: bool,
    /// Once raised, every stage ends early and leaves nonsense behind.
    pub interrupt: Interrupt,
}

/// What else is known of a column.
#[derive(Clone, Debug)]
pub(super) struct Column {
    /// Length of the shortest path to it, -infinity once scanned.
    distance: f64,
    /// The cost of the cell that leads here.
    cost: f64,
    /// The row that has it.
    pub row: u32,
    /// The row before it on its path.
    parent: u32,
}

impl Default for Column {
    fn default() -> Self {
        Self { distance: f64::INFINITY, cost: f64::INFINITY, row: NONE, parent: NONE }
    }
}

/// One Dijkstra search.
#[derive(Debug, Default)]
struct Search {
    heap: Heap,
    /// Columns to be scanned at the distance just reached.
    tight: Vec<u32>,
    /// Scanned columns and their distances.
    scanned: Vec<(u32, f64)>,
    /// Columns whose distance is to be reset.
    touched: Vec<u32>,
    /// The distance up to which all is scanned.
    reached: f64,
    /// Where it ends as far as is known.
    end: End,
    /// What is not nearer than this is of no use.
    horizon: f64,
    /// Cells scanned since the first search.
    work: usize,
}

/// An end of a search.
#[derive(Clone, Copy, Debug, Default)]
enum End {
    #[default]
    Nowhere,
    /// A free column and its distance.
    At(u32, f64),
    /// A row that stays without its column, and the distance.
    Leaving(u32, f64),
}

/// The smallest reduced cost of a row.
#[derive(Clone, Copy)]
pub(super) struct Cheapest {
    pub cell: Cell,
    /// It.
    pub first: f64,
    /// The second smallest.
    pub second: f64,
}

/// The two smallest reduced costs of some cells.
#[inline(always)]
fn cheapest(cells: &[Cell], duals: &[f64]) -> Cheapest {
    let mut found = Cheapest { cell: Cell { cost: 0.0, column: NONE }, first: f64::INFINITY, second: f64::INFINITY };
    for &cell in cells {
        let reduced = cell.cost - duals[cell.column as usize];
        if reduced < found.second {
            if reduced < found.first {
                found = Cheapest { cell, first: reduced, second: found.first };
            } else {
                found.second = reduced;
            }
        }
    }
    found
}

impl Solver {
    /// Solves a matrix with at most as many rows as columns. A row may stay without a column at the cost of `limit`,
    /// which no cell exceeds.
    pub fn solve(&mut self, matrix: &mut Rows, spare: &mut Rows, limit: f64) -> Outcome {
        self.reset(matrix);
        if matrix.height() == matrix.width && limit == f64::INFINITY {
            self.solve_square(matrix)
        } else {
            self.solve_any(matrix, spare, limit)
        }
    }

    /// Solves a square matrix of which every row gets a column, whatever the duals.
    fn solve_square(&mut self, matrix: &mut Rows) -> Outcome {
        self.reduce_columns(matrix);
        let free = self.column_of_row.iter().filter(|&&column| column == NONE).count();
        let is_hard = free * FEW_FREE > matrix.height() || self.scales_at_once;
        // bids without an end are a sign that rows cannot all be placed
        let is_doubtful = is_hard && !self.hold_auction(matrix, f64::INFINITY);
        if is_doubtful && let Some(violator) = matching::violator(matrix, &self.interrupt) {
            return Outcome::Infeasible(violator);
        }
        self.pair_cheapest(matrix, f64::INFINITY);
        self.augment_all(matrix, f64::INFINITY, usize::MAX).unwrap_or(Outcome::Optimal)
    }

    /// Solves a matrix in which a free column has the dual 0, and no column a larger one.
    fn solve_any(&mut self, matrix: &mut Rows, spare: &mut Rows, limit: f64) -> Outcome {
        self.pair_cheapest(matrix, limit);
        let patience = if self.scales_at_once { 0 } else { PATIENCE * (matrix.len() + matrix.height()) };
        if let Some(outcome) = self.augment_all(matrix, limit, patience) {
            return outcome;
        }
        let is_complete = limit == f64::INFINITY;
        if is_complete && let Some(violator) = matching::violator(matrix, &self.interrupt) {
            return Outcome::Infeasible(violator);
        }
        self.reset(matrix);
        self.hold_auction(matrix, limit);
        self.shift = self.duals.iter().fold(0.0, |most, dual| dual.abs().max(most));
        if is_complete {
            let largest = self.duals.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            self.duals.iter_mut().for_each(|dual| *dual -= largest);
            self.forget_candidates(matrix);
        }
        self.pair_cheapest(matrix, limit);
        self.place_columns(matrix, spare, limit);
        self.augment_all(matrix, limit, usize::MAX).unwrap_or(Outcome::Optimal)
    }

    /// The pairs that duals suggest.
    fn pair_cheapest(&mut self, matrix: &mut Rows, limit: f64) {
        self.take_cheapest(matrix, limit);
        for _ in 0..ROW_REDUCTIONS {
            self.reduce_rows(matrix, limit);
        }
    }

    /// Raises the dual of every free column to 0, or finds a row for it: the columns search as the rows of the
    /// transposed matrix do, where to stay free costs 0.
    fn place_columns(&mut self, matrix: &mut Rows, spare: &mut Rows, limit: f64) {
        let is_low = |column: &u32| {
            let column = *column as usize;
            self.columns[column].row == NONE && self.duals[column] < 0.0
        };
        let free: Vec<u32> = (0..matrix.width as u32).filter(is_low).collect();
        if free.is_empty() {
            return;
        }
        spare.fill([matrix.width, matrix.height()], matrix.transposed(), &self.interrupt);
        let mut turned = Self { interrupt: self.interrupt.clone(), ..Self::default() };
        turned.reset(spare);
        turned.free_rows = free;
        for row in 0..matrix.height() {
            let (column, cost) = (self.column_of_row[row], self.cost_of_row[row]);
            if column == NONE {
                let first = cheapest(matrix.row(row), &self.duals).first;
                // a row without cells stays where it is
                turned.duals[row] = if first < f64::INFINITY { first.min(limit) } else { 0.0 };
            } else {
                turned.duals[row] = cost - self.duals[column as usize];
                turned.pair(column, Cell { cost, column: row as u32 });
            }
        }
        turned.augment_all(spare, 0.0, usize::MAX);
        self.forget_pairs();
        for column in 0..matrix.width {
            let (row, cost) = (turned.column_of_row[column], turned.cost_of_row[column]);
            self.duals[column] = 0.0;
            if row != NONE {
                self.duals[column] = (cost - turned.duals[row as usize]).min(0.0);
                self.pair(row, Cell { cost, column: column as u32 });
            }
        }
        let is_left = |row: &u32| self.column_of_row[*row as usize] == NONE;
        self.free_rows = (0..matrix.height() as u32).filter(is_left).collect();
    }

    fn reset(&mut self, matrix: &Rows) {
        self.column_of_row.clear();
        self.column_of_row.resize(matrix.height(), NONE);
        self.cost_of_row.clear();
        self.cost_of_row.resize(matrix.height(), f64::INFINITY);
        self.duals.clear();
        self.duals.resize(matrix.width, 0.0);
        self.columns.clear();
        self.columns.resize(matrix.width, Column::default());
        self.shift = 0.0;
        self.forget_candidates(matrix);
    }

    /// Forgets the bounds, which hold for falling duals only.
    pub(super) fn forget_candidates(&mut self, matrix: &Rows) {
        self.bounds.clear();
        self.bounds.resize(matrix.height(), f64::NEG_INFINITY);
    }

    pub(super) fn forget_pairs(&mut self) {
        self.column_of_row.fill(NONE);
        self.columns.iter_mut().for_each(|column| column.row = NONE);
    }

    fn pair(&mut self, row: u32, cell: Cell) {
        self.column_of_row[row as usize] = cell.column;
        self.cost_of_row[row as usize] = cell.cost;
        self.columns[cell.column as usize].row = row;
    }

    /// Column reduction.
    fn reduce_columns(&mut self, matrix: &Rows) {
        for row in 0..matrix.height() {
            for &Cell { cost, column } in matrix.row(row) {
                let place = &mut self.columns[column as usize];
                if cost < place.cost {
                    (place.cost, place.parent) = (cost, row as u32);
                }
            }
        }
        for column in 0..self.columns.len() {
            let Column { cost, parent, .. } = self.columns[column];
            if parent == NONE {
                continue;
            }
            self.duals[column] = cost;
            if self.column_of_row[parent as usize] == NONE {
                self.pair(parent, Cell { cost, column: column as u32 });
            }
        }
    }

    /// Gives every row without a column its cheapest one, if that is free and worth it.
    fn take_cheapest(&mut self, matrix: &Rows, limit: f64) {
        self.free_rows.clear();
        for row in 0..matrix.height() {
            if self.column_of_row[row] != NONE || self.interrupt.is_raised() {
                continue;
            }
            let cells = matrix.row(row);
            let first = cheapest(cells, &self.duals).first;
            if first > limit {
                continue;
            }
            match self.free_cell(cells, first) {
                Some(cell) => self.pair(row as u32, cell),
                None => self.free_rows.push(row as u32),
            }
        }
    }

    /// The first cell of this reduced cost whose column is free.
    fn free_cell(&self, cells: &[Cell], reduced: f64) -> Option<Cell> {
        let serves = |cell: &Cell| {
            let column = cell.column as usize;
            cell.cost - self.duals[column] == reduced && self.columns[column].row == NONE
        };
        cells.iter().copied().find(serves)
    }

    /// Augmenting row reduction of the free rows; those that find no column of their own stay free, and those that
    /// better stay without one leave.
    fn reduce_rows(&mut self, matrix: &mut Rows, limit: f64) {
        let mut budget = MOVES * self.free_rows.len();
        let mut left = 0;
        for k in 0..self.free_rows.len() {
            let mut row = self.free_rows[k];
            loop {
                if self.interrupt.is_raised() {
                    return;
                }
                let Cheapest { mut cell, first, second } = self.cheapest(matrix, row as usize);
                if first > limit {
                    break;
                }
                let stays = first == f64::INFINITY;
                let owner = |cell: Cell| self.columns[cell.column as usize].row;
                let second = second.min(limit);
                let dual = if stays { 0.0 } else { self.duals[cell.column as usize] };
                let lowered = dual - (second - first);
                // a tie may go in circles, a row without a second choice would never let go of its first, and the
                // dual may be so large that the difference is lost in it
                let is_strict = second < f64::INFINITY && lowered < dual;
                let mut settles = !stays && (owner(cell) == NONE || is_strict && budget > 0);
                if settles && is_strict {
                    self.duals[cell.column as usize] = lowered;
                } else if !settles
                    && !stays
                    && let Some(free) = self.free_cell(matrix.row(row as usize), first)
                {
                    (cell, settles) = (free, true);
                }
                if !settles {
                    self.free_rows[left] = row;
                    left += 1;
                    break;
                }
                let owner = self.columns[cell.column as usize].row;
                self.pair(row, cell);
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

    /// The two smallest reduced costs of a row.
    #[inline]
    pub(super) fn cheapest(&mut self, matrix: &mut Rows, row: usize) -> Cheapest {
        let cells = matrix.row_mut(row);
        if cells.len() <= CANDIDATES {
            return cheapest(cells, &self.duals);
        }
        let found = cheapest(&cells[..CANDIDATES], &self.duals);
        if found.second <= self.bounds[row] {
            return found;
        }
        self.bounds[row] = read(cells, &self.duals, &mut self.reading);
        cheapest(&cells[..CANDIDATES], &self.duals)
    }

    /// Finds a path for every free row; nothing where the budget does not last.
    fn augment_all(&mut self, matrix: &Rows, limit: f64, budget: usize) -> Option<Outcome> {
        self.search.work = 0;
        for k in 0..self.free_rows.len() {
            if self.search.work > budget {
                return None;
            }
            let row = self.free_rows[k];
            if !self.augment(matrix, row, limit) {
                let owners = self.search.scanned.iter().map(|&(column, _)| self.columns[column as usize].row as usize);
                return Some(Outcome::Infeasible(std::iter::once(row as usize).chain(owners).collect()));
            }
        }
        Some(Outcome::Optimal)
    }

    /// Finds the shortest path from a free row to a free column, or to a row that can better stay without one, and
    /// flips it; gives whether there is one.
    fn augment(&mut self, matrix: &Rows, start: u32, limit: f64) -> bool {
        self.search.begin();
        // `offset`: what turns c - v into the length of the path that ends with it
        let (mut row, mut offset) = (start, 0.0);
        loop {
            self.search.may_leave(row, limit + offset);
            self.search.relax(matrix.row(row as usize), &self.duals, &mut self.columns, row, offset);
            let Some(column) = self.search.next(&mut self.columns) else { break };
            if self.interrupt.is_raised() {
                return true;
            }
            row = self.columns[column as usize].row;
            offset = self.search.reached - (self.cost_of_row[row as usize] - self.duals[column as usize]);
        }
        for &column in &self.search.touched {
            self.columns[column as usize].distance = f64::INFINITY;
        }
        let (mut column, length) = match self.search.end {
            End::Nowhere => return false,
            End::At(column, length) => (column, length),
            End::Leaving(row, length) => (std::mem::replace(&mut self.column_of_row[row as usize], NONE), length),
        };
        for &(column, scanned) in &self.search.scanned {
            self.duals[column as usize] += (scanned - length).min(0.0);
        }
        // a start that stays without a column leaves nothing to flip
        while column != NONE {
            let Column { cost, parent, .. } = self.columns[column as usize];
            let previous = self.column_of_row[parent as usize];
            self.pair(parent, Cell { cost, column });
            column = previous;
        }
        true
    }
}

/// Moves a row's candidates to its front; gives the bound on the others.
fn read(cells: &mut [Cell], duals: &[f64], reading: &mut Vec<(f64, Cell)>) -> f64 {
    reading.clear();
    reading.extend(cells.iter().map(|&cell| (cell.cost - duals[cell.column as usize], cell)));
    let order = |a: &(f64, Cell), b: &(f64, Cell)| a.0.total_cmp(&b.0).then(a.1.column.cmp(&b.1.column));
    let (_, &mut (bound, _), _) = reading.select_nth_unstable_by(CANDIDATES, order);
    for (place, (_, cell)) in cells.iter_mut().zip(reading) {
        *place = *cell;
    }
    bound
}

impl Search {
    fn begin(&mut self) {
        self.heap.clear();
        self.tight.clear();
        self.scanned.clear();
        self.touched.clear();
        // a first distance may be negative, since the start's own dual is left out
        self.reached = f64::NEG_INFINITY;
        self.end = End::Nowhere;
        self.horizon = f64::INFINITY;
    }

    /// Offers to end with a row that stays without its column. A free column at the same distance is better still.
    fn may_leave(&mut self, row: u32, distance: f64) {
        if distance < self.horizon {
            self.end = End::Leaving(row, distance);
            self.horizon = distance.next_up();
        }
    }

    /// Offers the columns of `row` the path through it.
    #[inline]
    fn relax(&mut self, cells: &[Cell], duals: &[f64], columns: &mut [Column], row: u32, offset: f64) {
        self.work += cells.len();
        for &Cell { cost, column: index } in cells {
            let offered = (cost - duals[index as usize]) + offset;
            if offered >= self.horizon {
                continue;
            }
            let column = &mut columns[index as usize];
            if offered >= column.distance {
                continue;
            }
            if column.distance == f64::INFINITY {
                self.touched.push(index);
            }
            (column.distance, column.parent, column.cost) = (offered, row, cost);
            if column.row == NONE {
                self.end = End::At(index, offered);
                self.horizon = offered;
            } else if offered <= self.reached {
                column.distance = f64::NEG_INFINITY;
                self.tight.push(index);
            } else {
                self.heap.push(offered, index);
            }
        }
    }

    /// The next column to scan, if any is nearer than the end.
    fn next(&mut self, columns: &mut [Column]) -> Option<u32> {
        if self.horizon <= self.reached {
            return None;
        }
        let column = match self.tight.pop() {
            Some(column) => column,
            None => self.pop(columns)?,
        };
        self.scanned.push((column, self.reached));
        Some(column)
    }

    /// The nearest column of the heap whose entry is not out of date.
    fn pop(&mut self, columns: &mut [Column]) -> Option<u32> {
        loop {
            let (distance, index) = self.heap.pop().filter(|&(distance, _)| distance < self.horizon)?;
            let column = &mut columns[index as usize];
            if column.distance == distance {
                column.distance = f64::NEG_INFINITY;
                self.reached = distance;
                return Some(index);
            }
        }
    }
}
