//! Rows that are equal, and columns that are: who pads a matrix to a square adds many of them.
//!
//! Equal rows cost the searches of [`dense`](super::dense) dear: a column that is reached belongs to one of them, the
//! columns of all others lie at the same distance, and each would have to be scanned to learn what the first one told.
//! [`Grouped`] shows a matrix in which they are known. A search then scans one row of each group, and all read the same
//! memory. Equal columns are the equal rows of the transposed matrix, which is not made: [`Tall`] reads it in place,
//! and gathers one column of each group.
//!
//! A few rows and columns tell whether it is worth while to look for groups at all. Rows that agree in sixteen columns
//! are compared as a whole, so that none are grouped that are not equal.

use super::block::{Block, Choices, Rows};
use super::dense::{Cheapest, Demand, NONE, Outcome, Path, Solver, cheapest};
use super::tall::Tall;
use super::{Cost, Interrupt};
use crate::simd::{LANES, Level, Simd, dispatch};

/// Size from which groups are looked for.
const SMALLEST: usize = 2 * LANES;

/// Rows that a row has for equals on average, itself included, from which their groups are used.
const WORTH: usize = 6;

/// Rows or columns that are looked at first.
const SAMPLE: usize = 32;

/// Groups with the same key that a row is compared with.
const KNOWN: usize = 4;

/// Which rows are equal.
#[derive(Debug, Default)]
pub(crate) struct Groups {
    /// The first row of each row's group.
    first: Vec<u32>,
    /// The next row of the same group, or [`NONE`].
    next: Vec<u32>,
    /// The first row of a group that holds at least half of all.
    majority: Option<u32>,
    /// The number of rows that each row equals, summed.
    weight: usize,
}

impl Groups {
    fn new(rows: usize) -> Self {
        Self { first: (0..rows as u32).collect(), next: vec![NONE; rows], majority: None, weight: rows }
    }

    /// The first row of a row's group.
    #[inline(always)]
    pub fn first(&self, row: usize) -> usize {
        self.first[row] as usize
    }

    /// The rows of a row's group.
    pub fn equals(&self, row: usize) -> impl Iterator<Item = usize> {
        let next = |row: &u32| Some(self.next[*row as usize]).filter(|&row| row != NONE);
        std::iter::successors(Some(self.first[row]), next).map(|row| row as usize)
    }

    /// Links the rows of each group, if the groups are large enough.
    fn if_worth(mut self, worth: usize) -> Option<Self> {
        let rows = self.first.len();
        let mut sizes = vec![0; rows];
        self.first.iter().for_each(|&first| sizes[first as usize] += 1);
        self.weight = sizes.iter().map(|size| size * size).sum();
        if self.weight < worth * rows || self.weight == rows {
            return None;
        }
        self.majority = sizes.iter().position(|&size| 2 * size >= rows).map(|row| row as u32);
        let mut last: Vec<u32> = (0..self.first.len() as u32).collect();
        for row in 0..self.first.len() {
            let first = self.first(row);
            if first != row {
                self.next[std::mem::replace(&mut last[first], row as u32) as usize] = row as u32;
            }
        }
        Some(self)
    }

    /// The first row of a group that holds at least half of all rows.
    pub fn majority(&self) -> Option<usize> {
        self.majority.map(|row| row as usize)
    }

    /// The equal rows of a block.
    fn of_rows<T: Cost>(block: &Block<'_, T>, worth: usize, solver: &Solver) -> Option<Self> {
        let cells = LANES.min(block.columns);
        let key = |row: usize| key(block.row(row)[..cells].iter().map(|cost| cost.value()));
        if worth > 1 && !is_promising(block.rows, key) {
            return None;
        }
        let interrupt = &solver.interrupt;
        let mut groups = Self::new(block.rows);
        let mut rows: Vec<(u64, u32)> = (0..block.rows).map(|row| (key(row), row as u32)).collect();
        rows.sort_unstable();
        let cells = |row: u32| &block.row(row as usize)[..block.columns];
        let mut known = Vec::new();
        for rows in interrupt.guard(rows.chunk_by(|one, other| one.0 == other.0)) {
            known.clear();
            for &(_, row) in interrupt.guard(rows) {
                match known.iter().rev().take(KNOWN).find(|&&first| are_equal(cells(first), cells(row))) {
                    Some(&first) => groups.first[row as usize] = first,
                    None => known.push(row),
                }
            }
        }
        groups.if_worth(worth)
    }

    /// The equal columns of a block, as rows.
    fn of_columns<T: Cost>(block: &Block<'_, T>, worth: usize, solver: &Solver) -> Option<Self> {
        let step = (block.rows / LANES).max(1);
        let sampled = || (0..block.rows).step_by(step).take(LANES);
        if worth > 1 && !is_promising(block.columns, |column| key(sampled().map(|row| block.at(row, column)))) {
            return None;
        }
        let mut keys = vec![0; block.columns];
        for row in sampled() {
            for (key, cost) in keys.iter_mut().zip(block.row(row)) {
                *key = extended(*key, cost.value());
            }
        }
        let mut columns: Vec<(u64, u32)> = keys.into_iter().zip(0..).collect();
        columns.sort_unstable();
        let mut groups = Self::new(block.columns);
        for columns in columns.chunk_by(|one, other| one.0 == other.0) {
            columns.iter().for_each(|&(_, column)| groups.first[column as usize] = columns[0].1);
        }
        let mut runs = groups.runs();
        for row in solver.interrupt.guard(0..block.rows) {
            let costs = block.row(row);
            runs.retain(|&Run { first, start, end }| {
                let stays = costs[start].value() == costs[first].value() && is_constant(&costs[start..end]);
                if !stays {
                    groups.split(start..end);
                }
                stays
            });
        }
        groups.if_worth(worth)
    }

    /// What has to be compared: neighbours of one group, with its first.
    fn runs(&self) -> Vec<Run> {
        let mut runs: Vec<Run> = Vec::new();
        for (column, &first) in self.first.iter().enumerate() {
            match runs.last_mut() {
                Some(run) if run.first == first as usize && run.end == column => run.end += 1,
                _ => runs.push(Run { first: first as usize, start: column, end: column + 1 }),
            }
        }
        runs.retain(|run| run.end > run.first + 1);
        runs
    }

    /// Makes each of these rows a group of its own; the run with a group's first may hold others.
    fn split(&mut self, rows: std::ops::Range<usize>) {
        rows.for_each(|row| self.first[row] = row as u32);
    }
}

/// Neighbouring columns of one group.
struct Run {
    /// The group's first column.
    first: usize,
    start: usize,
    end: usize,
}

/// Whether some of the rows, or columns, that are looked at have the same key.
fn is_promising(count: usize, key: impl Fn(usize) -> u64) -> bool {
    /// Fewer may be chance.
    const EQUAL: usize = 1;
    // steps that neither go in step with what repeats nor meet a place twice
    let step = (0.618 * count as f64) as usize | 1;
    let mut keys = [(0, 0); SAMPLE];
    for (k, entry) in keys.iter_mut().enumerate() {
        // neighbours by twos
        let place = (k / 2 * step + k % 2) % count;
        *entry = (key(place), place);
    }
    keys.sort_unstable();
    keys.windows(2).filter(|pair| pair[0].0 == pair[1].0 && pair[0].1 != pair[1].1).count() >= EQUAL
}

/// A number that tells different values apart, most likely.
fn key(values: impl Iterator<Item = f64>) -> u64 {
    values.fold(0, extended)
}

/// A key with another value.
#[inline(always)]
fn extended(key: u64, value: f64) -> u64 {
    (key.rotate_left(23) ^ value.to_bits()).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

/// Whether two rows are equal.
fn are_equal<T: Cost>(one: &[T], other: &[T]) -> bool {
    const PART: usize = 8 * LANES;
    let parts = one.chunks(PART).zip(other.chunks(PART));
    let mut pairs = parts.map(|(one, other)| one.iter().zip(other));
    pairs.all(|pairs| pairs.fold(true, |same, (one, other)| same & (one.value() == other.value())))
}

/// Whether all costs are equal.
fn is_constant<T: Cost>(costs: &[T]) -> bool {
    are_equal(&costs[1..], &costs[..costs.len() - 1])
}

/// A matrix with rows that are known to be equal.
pub(super) struct Grouped<'a, R> {
    rows: &'a mut R,
    groups: &'a Groups,
}

impl<T: Cost, R: Rows<T>> Rows<T> for Grouped<'_, R> {
    fn rows(&self) -> usize {
        self.rows.rows()
    }

    fn columns(&self) -> usize {
        self.rows.columns()
    }

    #[inline(always)]
    fn row(&mut self, row: usize) -> &[T] {
        self.rows.row(self.groups.first(row))
    }

    #[inline(always)]
    fn at(&self, row: usize, column: usize) -> f64 {
        self.rows.at(self.groups.first(row), column)
    }

    fn groups(&self) -> Option<&Groups> {
        Some(self.groups)
    }

    fn is_ordinary(&self, level: Level, interrupt: &Interrupt) -> bool {
        let Some(block) = self.rows.block() else { return self.rows.is_ordinary(level, interrupt) };
        let mut firsts = (0..block.rows).filter(|&row| self.groups.first(row) == row);
        dispatch!(level, simd => firsts.all(|row| block.are_ordinary(simd, row..row + 1)))
    }

    #[inline(always)]
    fn choose<S: Simd>(&self, simd: S, duals: &[f64], choices: &mut Choices, interrupt: &Interrupt) -> bool {
        let Some(block) = self.rows.block() else { return self.rows.choose(simd, duals, choices, interrupt) };
        choices.reset(block.rows);
        for row in interrupt.guard(0..block.rows) {
            let first = self.groups.first(row);
            if first == row {
                if !block.are_ordinary(simd, row..row + 1) {
                    return false;
                }
                let Cheapest { column, first, second } = cheapest(simd, block.row(row), duals);
                choices.columns[row] = column as f64;
                choices.firsts[row] = first;
                choices.seconds[row] = second;
            } else {
                choices.columns[row] = choices.columns[first];
                choices.firsts[row] = choices.firsts[first];
                choices.seconds[row] = choices.seconds[first];
            }
        }
        true
    }
}

/// Solves a block with many equal rows, or a square one with many equal columns; or gives nothing, having done nothing,
/// where there are none or the usual way is as good. `gathered` and `places` are memory.
pub(super) fn solve<T: Cost>(
    solver: &mut Solver,
    level: Level,
    block: &Block<'_, T>,
    demand: Demand,
    gathered: &mut Vec<T>,
    places: &mut Vec<u32>,
) -> Option<Outcome> {
    let worth = worth(solver, block.rows)?;
    if looks_constant(block) {
        return None;
    }
    let rows = Groups::of_rows(block, worth, solver);
    let is_square = block.rows == block.columns;
    // of both, those that make fewer searches long
    let worth = rows.as_ref().map_or(worth, |rows| rows.weight / block.rows + 1);
    let outcome = if is_square && let Some(columns) = Groups::of_columns(block, worth, solver) {
        let outcome = solve_columns(solver, level, *block, &columns, demand, gathered, places);
        solver.transpose();
        outcome
    } else {
        let grouped = &mut Grouped { rows: &mut block.clone(), groups: &rows? };
        solve_grouped(solver, level, grouped, demand)
    };
    match outcome {
        // the usual way tells which rows have no columns, or does what can be done
        Outcome::Infeasible(_) => None,
        Outcome::Spent => {
            solver.is_hard = true;
            let outcome = solver.solve(level, &mut block.clone(), demand);
            solver.is_hard = false;
            Some(outcome)
        }
        _ => Some(outcome),
    }
}

/// Solves a matrix with more rows than columns, of which many are equal, or gives nothing.
pub(super) fn solve_tall<T: Cost>(
    solver: &mut Solver,
    level: Level,
    matrix: Block<'_, T>,
    demand: Demand,
    gathered: &mut Vec<T>,
    places: &mut Vec<u32>,
) -> Option<Outcome> {
    let columns = Groups::of_columns(&matrix, worth(solver, matrix.columns)?, solver)?;
    let outcome = solve_columns(solver, level, matrix, &columns, demand, gathered, places);
    (!matches!(outcome, Outcome::Infeasible(_) | Outcome::Spent)).then_some(outcome)
}

/// Gives the rows of a row's group the columns that are the cheapest for them, whose duals fall to what the next one
/// costs; all other rows become free rows. Of columns that are as cheap they get those that others want least.
pub(super) fn place<T: Cost, R: Rows<T>>(solver: &mut Solver, rows: &mut R, row: usize) {
    let (height, columns) = (rows.rows(), rows.columns());
    let costs: Vec<f64> = rows.row(row)[..columns].iter().map(|cost| cost.value()).collect();
    let (mut members, mut others) = (Vec::new(), Vec::new());
    if let Some(groups) = rows.groups() {
        members.extend(groups.equals(row));
        others.extend((0..height).filter(|&other| groups.first(other) == other && other != row));
    }
    let cost = |column: &u32| costs[*column as usize];
    let mut order: Vec<u32> = (0..columns as u32).filter(|column| cost(column) < f64::INFINITY).collect();
    let count = members.len().min(order.len());
    if count < order.len() {
        order.select_nth_unstable_by(count, |one, other| cost(one).total_cmp(&cost(other)));
    }
    let next = order.get(count).or(order.iter().max_by(|one, other| cost(one).total_cmp(&cost(other)))).map_or(0.0, cost);
    let mut tied: Vec<u32> = order.iter().copied().filter(|column| cost(column) == next).collect();
    order.retain(|column| cost(column) < next);
    if order.len() + tied.len() > count {
        let mut least = vec![f64::INFINITY; columns];
        for &other in &others {
            if solver.interrupt.is_raised() {
                return;
            }
            for (least, cost) in least.iter_mut().zip(rows.row(other)) {
                *least = if cost.value() < *least { cost.value() } else { *least };
            }
        }
        let least = |column: &u32| least[*column as usize];
        tied.sort_unstable_by(|one, other| least(other).total_cmp(&least(one)).then(one.cmp(other)));
        tied.truncate(count - order.len());
    }
    order.extend(tied);
    order.sort_unstable();
    for (member, column) in members.into_iter().zip(order) {
        solver.pair(member, column as usize);
        solver.column_duals[column as usize] = cost(&column) - next;
    }
    solver.free_rows.clear();
    solver.free_rows.extend((0..height as u32).filter(|&row| solver.column_of_row[row as usize] == NONE));
}

/// The mean size of a row's group from which groups of so many rows are used, if they are.
fn worth(solver: &Solver, rows: usize) -> Option<usize> {
    match solver.path {
        Path::Auto if rows >= SMALLEST => Some(WORTH),
        Path::Grouped if rows > 0 => Some(1),
        _ => None,
    }
}

fn solve_columns<T: Cost>(
    solver: &mut Solver,
    level: Level,
    matrix: Block<'_, T>,
    groups: &Groups,
    demand: Demand,
    gathered: &mut Vec<T>,
    places: &mut Vec<u32>,
) -> Outcome {
    let mut columns = Tall::new(matrix, gathered, places);
    solve_grouped(solver, level, &mut Grouped { rows: &mut columns, groups }, demand)
}

fn solve_grouped<T: Cost, R: Rows<T>>(
    solver: &mut Solver,
    level: Level,
    rows: &mut Grouped<'_, R>,
    demand: Demand,
) -> Outcome {
    solver.solve(level, rows, if demand == Demand::Partial { Demand::Complete } else { demand })
}

/// Whether a matrix is likely to be constant, which is best seen by the solver.
fn looks_constant<T: Cost>(block: &Block<'_, T>) -> bool {
    let mut rows = (0..block.rows).step_by((block.rows / LANES).max(1)).chain([block.rows - 1]);
    let value = block.at(0, 0);
    rows.all(|row| block.at(row, 0) == value && is_constant(&block.row(row)[..block.columns]))
}
