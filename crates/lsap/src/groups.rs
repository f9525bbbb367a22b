//! Rows that are equal, and columns that are: who pads a matrix to a square adds many of them.
//!
//! Equal rows cost the searches of [`dense`](super::dense) dear: a column that is reached belongs to one of them, the
//! columns of all others lie at the same distance, and each would have to be scanned to learn what the first one told.
//! [`Grouped`] shows a matrix in which they are known. A search then scans one row of each group, and all read the same
//! memory. Where half of the rows are one group, they are placed first, all at once, and only the others are searched
//! for. Equal columns are the equal rows of the transposed matrix, which is not made: [`Tall`] reads it in place, and
//! gathers one column of each group.
//!
//! A few rows and columns tell whether it is worth while to look for groups at all. Rows are compared as a whole, so
//! that none are grouped that are not equal.

use simd::{LANES, Level, Simd, dispatch};

use super::block::{Block, Choices, Rows};
use super::dense::{Cheapest, Demand, NONE, Outcome, Path, Solver, cheapest};
use super::tall::Tall;
use super::{Cost, Interrupt, lazy, ties};
use std::ops::Range;

/// Rows from which groups are looked for.
const SMALLEST: usize = 2 * LANES;

/// The share of the rows, one in so many, from which a group is used; the same for a group that is padding; and the share
/// from which its rows come first.
const SHARE: usize = 8;
const SHARE_OF_PADDING: usize = 20;
const MAJORITY: usize = 2;

/// In large matrices groups are also used where a row has, on average, so many equals, itself included.
const EQUALS: usize = 6;

/// Rows, or columns, with the same key that one is compared with.
const KNOWN: usize = 4;

/// Which rows are equal.
#[derive(Debug)]
pub(crate) struct Groups {
    /// The first row of each row's group.
    first: Vec<u32>,
    /// The next row of the same group, or [`NONE`].
    next: Vec<u32>,
    /// The size of the group of which a row is the first, 0 for others.
    sizes: Vec<u32>,
    largest: usize,
    /// The number of rows that each row equals, summed.
    weight: usize,
}

impl Groups {
    /// From the first row of each row's group.
    fn new(first: Vec<u32>) -> Self {
        let rows = first.len();
        let (mut next, mut last, mut sizes) = (vec![NONE; rows], vec![0; rows], vec![0u32; rows]);
        for (row, &first) in first.iter().enumerate() {
            let first = first as usize;
            if first != row {
                next[last[first] as usize] = row as u32;
            }
            last[first] = row as u32;
            sizes[first] += 1;
        }
        let largest = (0..rows).rev().max_by_key(|&row| sizes[row]).unwrap_or(0);
        let weight = sizes.iter().map(|&size| size as usize * size as usize).sum();
        Self { first, next, sizes, largest, weight }
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

    /// The first row of the largest group.
    pub fn largest(&self) -> usize {
        self.largest
    }

    /// The first row of each group and how many it holds.
    fn sizes(&self) -> impl Iterator<Item = (usize, usize)> {
        self.sizes.iter().enumerate().map(|(first, &size)| (first, size as usize))
    }

    /// The first row of a group that holds at least half of all rows.
    pub fn majority(&self) -> Option<usize> {
        Some(self.largest).filter(|&largest| self.sizes[largest] as usize * MAJORITY >= self.first.len())
    }

    /// Whether groups, each with its first row and its size, are of use. `rows`: all of them; `columns`: as many as there
    /// are; `is_padding`: whether a row looks constant.
    fn are_of_use(
        solver: &Solver,
        rows: usize,
        columns: usize,
        groups: impl Iterator<Item = (usize, usize)>,
        is_padding: impl Fn(usize) -> bool,
    ) -> bool {
        let ((first, largest), weight) = groups.fold(((0, 0), 0), |(largest, weight), (first, size)| {
            (if size > largest.1 { (first, size) } else { largest }, weight + size * size)
        });
        match solver.path {
            Path::Grouped => largest > 1,
            _ if largest * SHARE >= rows => true,
            _ if largest * SHARE_OF_PADDING >= rows && is_padding(first) => true,
            _ => lazy::is_worth_while(rows, columns) && weight >= EQUALS * rows,
        }
    }

    /// The equal rows of a block, where they are of use.
    fn of_rows<T: Cost>(block: &Block<'_, T>, solver: &Solver) -> Option<Self> {
        let &Block { rows, columns, .. } = block;
        let places = places(columns);
        let agree = |one, other| places.iter().all(|&column| block.at(one, column) == block.at(other, column));
        if solver.path != Path::Grouped && !is_promising(rows, |row| block.at(row, columns / 2), agree) {
            return None;
        }
        let key = |row: usize| places.iter().fold(0, |key, &column| extended(key, block.at(row, column)));
        let mut keys: Vec<(u64, u32)> = (0..rows as u32).map(|row| (key(row as usize), row)).collect();
        keys.sort_unstable();
        let is_padding = |row| places.iter().all(|&column| block.at(row, column) == block.at(row, 0));
        if !Self::are_of_use(solver, rows, columns, alike(&keys), is_padding) {
            return None;
        }
        let mut first: Vec<u32> = (0..rows as u32).collect();
        let cells = |row: u32| &block.row(row as usize)[..columns];
        let mut known: Vec<u32> = Vec::new();
        for rows in keys.chunk_by(|one, other| one.0 == other.0) {
            known.clear();
            for &(_, row) in solver.interrupt.guard(rows) {
                let found = known.iter().rev().take(KNOWN).position(|&first| are_equal(cells(first), cells(row)));
                // those that are met most are looked at first
                let last = found.map_or(row, |found| known.remove(known.len() - 1 - found));
                first[row as usize] = last;
                known.push(last);
            }
        }
        let groups = Self::new(first);
        Self::are_of_use(solver, rows, columns, groups.sizes(), is_padding).then_some(groups)
    }

    /// The equal columns of a block, as rows, where they are of use.
    fn of_columns<T: Cost>(block: &Block<'_, T>, solver: &Solver) -> Option<Self> {
        let &Block { rows, columns, .. } = block;
        let places = places(rows);
        let agree = |one, other| places.iter().all(|&row| block.at(row, one) == block.at(row, other));
        if solver.path != Path::Grouped && !is_promising(columns, |column| block.at(rows / 2, column), agree) {
            return None;
        }
        let mut keys: Vec<(u64, u32)> = (0..columns as u32).map(|column| (0, column)).collect();
        for row in places {
            keys.iter_mut().zip(block.row(row)).for_each(|((key, _), cost)| *key = extended(*key, cost.value()));
        }
        keys.sort_unstable();
        let is_padding = |column| places.iter().all(|&row| block.at(row, column) == block.at(0, column));
        if !Self::are_of_use(solver, columns, rows, alike(&keys), is_padding) {
            return None;
        }
        let mut first = vec![0; columns];
        for columns in keys.chunk_by(|one, other| one.0 == other.0) {
            columns.iter().for_each(|&(_, column)| first[column as usize] = columns[0].1);
        }
        let mut runs = runs(&first);
        for row in solver.interrupt.guard(0..rows) {
            let costs = block.row(row);
            runs.retain(|Run { first: column, columns }| {
                let stays = costs[*column].value() == costs[columns.start].value() && are_one(&costs[columns.clone()]);
                if !stays {
                    columns.clone().for_each(|column| first[column] = column as u32);
                }
                stays
            });
        }
        let groups = Self::new(first);
        Self::are_of_use(solver, columns, rows, groups.sizes(), is_padding).then_some(groups)
    }
}

/// The first of the rows with each key, and how many they are. `keys`: sorted, each with its row.
fn alike(keys: &[(u64, u32)]) -> impl Iterator<Item = (usize, usize)> {
    keys.chunk_by(|one, other| one.0 == other.0).map(|alike| (alike[0].1 as usize, alike.len()))
}

/// Neighbouring columns that may be equal, and the first column that they may equal.
struct Run {
    first: usize,
    columns: Range<usize>,
}

/// What has to be compared. `first`: the first column of each column's group.
fn runs(first: &[u32]) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    for (column, &first) in first.iter().enumerate() {
        let first = first as usize;
        match runs.last_mut() {
            Some(run) if run.first == first && run.columns.end == column => run.columns.end += 1,
            _ => runs.push(Run { first, columns: column..column + 1 }),
        }
    }
    runs.retain(|run| run.columns.end > run.first + 1);
    runs
}

/// Some of `count` places, at least two, wherever padding may be.
fn places(count: usize) -> [usize; 8] {
    let last = count - 1;
    let [second, third] = [last / 3, 2 * last / 3];
    [0, 1, second, second + 1, third, third + 1, last - 1, last]
}

/// Whether two of some of the rows, or columns, agree as far as one looks. `value`: the first value that one looks at.
fn is_promising(count: usize, value: impl Fn(usize) -> f64, agree: impl Fn(usize, usize) -> bool) -> bool {
    const MOST: usize = 32;
    let sample = (count / 8).clamp(8, MOST).min(count);
    // steps that do not go in step with what repeats; neighbours by twos
    let step = (0.618 * count as f64) as usize | 1;
    let (mut places, mut values) = ([0; MOST], [0.0; MOST]);
    let mut place = 0;
    for k in 0..sample {
        places[k] = (place + k % 2) % count;
        values[k] = value(places[k]);
        place = if k % 2 == 1 { (place + step) % count } else { place };
        for other in (0..k).filter(|&other| values[other] == values[k]) {
            if places[other] != places[k] && agree(places[other], places[k]) {
                return true;
            }
        }
    }
    false
}

/// A key that tells different values apart, most likely, with another value.
#[inline(always)]
fn extended(key: u64, value: f64) -> u64 {
    (key.rotate_left(23) ^ value.to_bits()).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

/// Whether two rows are equal.
fn are_equal<T: Cost>(one: &[T], other: &[T]) -> bool {
    const PART: usize = 8 * LANES;
    let mut parts = one.chunks(PART).zip(other.chunks(PART));
    parts.all(|(one, other)| {
        one.iter().zip(other).fold(true, |same, (one, other)| same & (one.value() == other.value()))
    })
}

/// Whether all costs are one.
fn are_one<T: Cost>(costs: &[T]) -> bool {
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

    fn block(&self) -> Option<&Block<'_, T>> {
        self.rows.block()
    }

    fn groups(&self) -> Option<&Groups> {
        Some(self.groups)
    }

    fn is_ordinary(&self, level: Level, interrupt: &Interrupt) -> bool {
        let Some(block) = self.rows.block() else { return self.rows.is_ordinary(level, interrupt) };
        let firsts = (0..block.rows).filter(|&row| self.groups.first(row) == row);
        interrupt.guard(firsts).all(|row| dispatch!(level, simd => block.are_ordinary(simd, row..row + 1)))
    }

    #[inline(always)]
    fn choose<S: Simd>(&self, simd: S, duals: &[f64], choices: &mut Choices, interrupt: &Interrupt) -> bool {
        let Some(block) = self.rows.block() else { return self.rows.choose(simd, duals, choices, interrupt) };
        choices.reset(block.rows);
        for row in interrupt.guard(0..block.rows) {
            let equal = self.groups.first(row);
            if equal < row {
                choices.columns[row] = choices.columns[equal];
                choices.firsts[row] = choices.firsts[equal];
                choices.seconds[row] = choices.seconds[equal];
                continue;
            }
            if !block.are_ordinary(simd, row..row + 1) {
                return false;
            }
            let Cheapest { column, first, second } = cheapest(simd, block.row(row), duals);
            choices.columns[row] = column as f64;
            choices.firsts[row] = first;
            choices.seconds[row] = second;
        }
        true
    }
}

/// Solves a block with many equal rows, or a square one with many equal columns; or gives nothing, having done nothing,
/// where there are none. `gathered` and `places` are memory.
pub(super) fn solve<T: Cost>(
    solver: &mut Solver,
    level: Level,
    block: &Block<'_, T>,
    demand: Demand,
    gathered: &mut Vec<T>,
    places: &mut Vec<u32>,
) -> Option<Outcome> {
    if !looks_for_groups(solver, block.rows) || looks_constant(block) {
        return None;
    }
    let rows = Groups::of_rows(block, solver);
    // of both, those that make fewer searches long; most often one look suffices
    let weight = rows.as_ref().map_or(0, |rows| rows.weight);
    let is_square = block.rows == block.columns && 2 * SHARE * weight < block.rows * block.rows;
    let columns = is_square.then(|| Groups::of_columns(block, solver)).flatten();
    if let Some(columns) = columns.filter(|columns| columns.weight > weight) {
        let outcome = solve_columns(solver, level, *block, &columns, demand, gathered, places);
        solver.transpose();
        return outcome;
    }
    solve_grouped(solver, level, &mut Grouped { rows: &mut block.clone(), groups: &rows? }, demand)
}

/// Solves a matrix that has many equal columns and more rows than columns, or gives nothing.
pub(super) fn solve_tall<T: Cost>(
    solver: &mut Solver,
    level: Level,
    matrix: Block<'_, T>,
    demand: Demand,
    gathered: &mut Vec<T>,
    places: &mut Vec<u32>,
) -> Option<Outcome> {
    if !looks_for_groups(solver, matrix.columns) {
        return None;
    }
    let columns = Groups::of_columns(&matrix, solver)?;
    solve_columns(solver, level, matrix, &columns, demand, gathered, places)
}

fn looks_for_groups(solver: &Solver, rows: usize) -> bool {
    match solver.path {
        Path::Auto => rows >= SMALLEST,
        Path::Grouped => rows > 1,
        _ => false,
    }
}

/// Whether a matrix is likely to be constant, which the solver sees best.
fn looks_constant<T: Cost>(block: &Block<'_, T>) -> bool {
    let value = block.at(0, 0);
    let are_one = |row: usize| block.at(row, 0) == value && are_one(&block.row(row)[..block.columns]);
    block.at(block.rows - 1, block.columns - 1) == value && places(block.rows).into_iter().all(are_one)
}

fn solve_columns<T: Cost>(
    solver: &mut Solver,
    level: Level,
    matrix: Block<'_, T>,
    groups: &Groups,
    demand: Demand,
    gathered: &mut Vec<T>,
    places: &mut Vec<u32>,
) -> Option<Outcome> {
    let mut columns = Tall::new(matrix, gathered, places);
    solve_grouped(solver, level, &mut Grouped { rows: &mut columns, groups }, demand)
}

/// Gives nothing where not all rows can have columns, or searches would take too long: the usual way then tells which
/// rows these are, or does what can be done.
fn solve_grouped<T: Cost, R: Rows<T>>(
    solver: &mut Solver,
    level: Level,
    rows: &mut Grouped<'_, R>,
    demand: Demand,
) -> Option<Outcome> {
    let demand = if demand == Demand::Partial { Demand::Complete } else { demand };
    Some(solver.solve(level, rows, demand))
        .filter(|outcome| !matches!(outcome, Outcome::Infeasible(_) | Outcome::Spent))
}

/// Whether rows choose before columns do, for a block with equal rows: the usual reasons, or that the largest group is
/// padding.
pub(super) fn go_first<T: Cost>(level: Level, groups: &Groups, block: &Block<'_, T>) -> bool {
    groups.majority().is_some()
        || dispatch!(level, simd => ties::are_many(simd, block))
        || ties::is_padding(&block.row(groups.largest())[..block.columns])
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
    let by_cost = |one: &u32, other: &u32| cost(one).total_cmp(&cost(other));
    let mut cheap: Vec<u32> = (0..columns as u32).filter(|column| cost(column) < f64::INFINITY).collect();
    let count = members.len().min(cheap.len());
    if count < cheap.len() {
        cheap.select_nth_unstable_by(count, by_cost);
    }
    let next = cheap.get(count).or(cheap.iter().max_by(|one, other| by_cost(one, other))).map_or(0.0, cost);
    let mut tied: Vec<u32> = cheap.iter().copied().filter(|column| cost(column) == next).collect();
    cheap.retain(|column| cost(column) < next);
    if cheap.len() + tied.len() > count {
        let mut least = vec![f64::INFINITY; columns];
        for &other in solver.interrupt.guard(&others) {
            for (least, cost) in least.iter_mut().zip(rows.row(other)) {
                *least = if cost.value() < *least { cost.value() } else { *least };
            }
        }
        let least = |column: &u32| least[*column as usize];
        tied.sort_unstable_by(|one, other| least(other).total_cmp(&least(one)).then(one.cmp(other)));
        tied.truncate(count - cheap.len());
    }
    cheap.extend(tied);
    cheap.sort_unstable();
    for (member, column) in members.into_iter().zip(cheap) {
        solver.pair(member, column as usize);
        solver.column_duals[column as usize] = cost(&column) - next;
    }
    solver.free_rows.clear();
    solver.free_rows.extend((0..height as u32).filter(|&row| solver.column_of_row[row as usize] == NONE));
}
