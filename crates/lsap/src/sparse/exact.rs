//! The optimum where costs differ so much that sums of them lose digits.
//!
//! A solver's duals may grow to the size of the largest cost that it has to pay or to shun, and what they swallow no
//! longer counts: with a cell of 1e16, two small ones look alike. So the duals are made exact, each as a sum of several
//! numbers, and refined in rounds. The reduced costs c - u - v, exact but for one rounding, are the costs of the same
//! problem seen through a magnifying glass: those of the pairs are 0, and the others are not far below, by δ in all, so
//! no cell with a larger one than δ can be part of the optimum. The cells up to a small multiple of δ are solved anew, and
//! their duals, which are as small, are added to those before. Each round gains about forty digits of the binary system,
//! until δ is 0: then the pairs are optimal, proven without any rounding.
//!
//! Where columns stay free, one more than δ below 0 cannot: its dual is how much a set of pairs without it loses.
//!
//! At last come duals that are as small as can be, rounded: those of [`potentials`].
//!
//! Source: Gleixner, Steffy and Wolter 2016, "Iterative refinement for linear programming".

use crate::error::Result;
use crate::interrupt::Interrupt;
use crate::memory;
use crate::needs::COST;
use crate::outcome::{NONE, Outcome};
use crate::solution::Solution;
use crate::sparse::rows::{ListedCell, SparseRows};
use crate::sparse::state::SparseState;
use crate::sum::two_sum;

/// Rounds after which numbers of any size have given all their digits.
const ROUNDS: usize = 100;

/// A number as a sum of several of which none overlaps another, the smallest first.
#[derive(Clone, Debug, Default)]
struct Expansion(Vec<f64>);

impl Expansion {
    fn add(&mut self, value: f64) {
        let mut carried = value;
        self.0.retain_mut(|part| {
            (carried, *part) = two_sum(carried, *part);
            *part != 0.0
        });
        if carried != 0.0 {
            self.0.push(carried);
        }
    }

    /// The number, rounded; its sign is right.
    fn near(&self) -> f64 {
        self.0.iter().sum()
    }

    /// Becomes a cost less the duals.
    fn set_reduced(&mut self, cost: f64, [u, v]: [&Self; 2]) {
        self.0.clear();
        self.add(cost);
        u.0.iter().chain(&v.0).for_each(|part| self.add(-part));
    }
}

/// Exact duals and what they are nearly.
struct Duals {
    exact: Vec<Expansion>,
    near: Vec<f64>,
}

impl Duals {
    fn new(length: usize) -> Self {
        Self { exact: vec![Expansion::default(); length], near: vec![0.0; length] }
    }

    fn add(&mut self, at: usize, value: f64) {
        self.exact[at].add(value);
        self.near[at] = self.exact[at].near();
    }
}

/// The state of a refinement.
struct Refinement<'a> {
    matrix: &'a SparseRows,
    interrupt: &'a Interrupt,
    rows: Duals,
    columns: Duals,
    reduced: Expansion,
}

impl Refinement<'_> {
    /// A reduced cost, unless it is certain to be larger than `most`.
    #[inline]
    fn reduced(&mut self, row: usize, ListedCell { cost, column }: ListedCell, most: f64) -> Option<f64> {
        /// More than the roundings of the estimate make up.
        const ROUNDING: f64 = 8.0 * f64::EPSILON;
        let (u, v) = (self.rows.near[row], self.columns.near[column as usize]);
        let near = (cost - u) - v;
        if near - ROUNDING * (cost.abs() + u.abs() + v.abs()) > most {
            return None;
        }
        let duals = [&self.rows.exact[row], &self.columns.exact[column as usize]];
        let reduced = if duals.iter().all(|dual| dual.0.len() <= 1) {
            // three numbers: the first rounding is known, and makes no difference to the second if it is none
            let ((less, lost), v) = (two_sum(cost, -u), -v);
            let (reduced, error) = two_sum(less, v);
            if lost == 0.0 { reduced } else { reduced + (error + lost) }
        } else {
            self.reduced.set_reduced(cost, duals);
            self.reduced.near()
        };
        Some(reduced).filter(|&reduced| reduced <= most)
    }

    /// Makes the reduced costs of all pairs 0.
    fn fit_rows(&mut self, column_of_row: &[u32]) {
        for (row, &column) in column_of_row.iter().enumerate() {
            let cost = self.matrix.cost(row, column);
            let dual = &mut self.rows.exact[row];
            dual.set_reduced(cost, [&Expansion::default(), &self.columns.exact[column as usize]]);
            self.rows.near[row] = dual.near();
        }
    }

    /// By how much the pairs may be dearer than the optimum, rounded up.
    fn gap(&mut self, solution: &Solution) -> f64 {
        let mut gap = 0.0;
        for row in self.interrupt.guard(0..self.matrix.height()) {
            let matrix = self.matrix;
            let least = matrix.row(row).iter().filter_map(|&cell| self.reduced(row, cell, 0.0)).fold(0.0, f64::min);
            gap -= least;
        }
        if !is_square(self.matrix) {
            for (column, &dual) in self.columns.near.iter().enumerate() {
                // a free column's dual is to be 0, and no other may be above
                gap += if solution.row_of_column[column] == NONE { dual.abs() } else { dual.max(0.0) };
            }
        }
        gap * (1.0 + 1e-9)
    }
}

/// Bytes that the cells of a refinement take, at most: those of a round, and those of the transposed matrix.
fn cells_take(matrix: &SparseRows) -> u128 {
    2 * (size_of::<ListedCell>() * matrix.len()) as u128
}

/// Bytes that the rows and columns take, at most, up to a round and in it: each adds a number to every dual.
fn lines_take(matrix: &SparseRows, round: usize) -> u128 {
    /// But for the parts of the duals.
    const LINE: usize = 96;
    let parts = (round + 3).next_power_of_two();
    (matrix.height() as u128 + matrix.width as u128) * (LINE + parts * size_of::<f64>()) as u128
}

/// Makes the pairs of a solution, which has one for every row, exactly optimal, and its duals as small as can be.
///
/// # Errors
/// [`Error::Memory`](crate::Error::Memory).
pub(crate) fn refine(
    matrix: &SparseRows,
    spare: &mut SparseRows,
    solver: &mut SparseState,
    solution: &mut Solution,
) -> Result<()> {
    memory::require(COST, cells_take(matrix) + lines_take(matrix, 0))?;
    let interrupt = solver.interrupt.clone();
    let (height, width) = (matrix.height(), matrix.width);
    let mut refinement = Refinement {
        matrix,
        interrupt: &interrupt,
        rows: Duals::new(height),
        columns: Duals::new(width),
        reduced: Expansion::default(),
    };
    for (column, &dual) in solution.column_duals.iter().enumerate() {
        refinement.columns.add(column, dual);
    }
    let mut part = SparseRows::default();
    for round in interrupt.guard(0..ROUNDS) {
        memory::require(COST, lines_take(matrix, round))?;
        refinement.fit_rows(&solution.column_of_row);
        let gap = refinement.gap(solution);
        if gap == 0.0 || interrupt.is_raised() {
            break;
        }
        // what it costs to leave a column free
        let loss: Vec<f64> = match is_square(matrix) {
            true => vec![0.0; width],
            false => refinement.columns.near.iter().map(|dual| (-dual).min(2.0 * gap)).collect(),
        };
        part.begin([height, width], matrix.len());
        for row in interrupt.guard(0..height) {
            part.push(matrix.row(row).iter().filter_map(|&cell| {
                let reduced = refinement.reduced(row, cell, 8.0 * gap)?;
                Some(ListedCell { cost: reduced - loss[cell.column as usize], ..cell })
            }));
        }
        if interrupt.is_raised() {
            return Ok(()); // some rows may be missing
        }
        let outcome = solver.solve(&mut part, spare, f64::INFINITY);
        if interrupt.is_raised() {
            return Ok(());
        }
        debug_assert_eq!(outcome, Outcome::Optimal, "the pairs before are among the cells");
        solver.write_to(solution, f64::INFINITY);
        let duals = potentials(&part, solution, gap * f64::EPSILON * 32.0, &interrupt);
        for (column, dual) in duals.into_iter().enumerate() {
            refinement.columns.add(column, dual + loss[column]);
        }
    }
    let step = scale(matrix, &solution.column_of_row) / (height + 1) as f64;
    solution.column_duals = potentials(matrix, solution, step * f64::EPSILON, &interrupt);
    solution.row_duals.clear();
    for (row, &column) in solution.column_of_row.iter().enumerate() {
        solution.row_duals.push(matrix.cost(row, column) - solution.column_duals[column as usize]);
    }
    Ok(())
}

fn is_square(matrix: &SparseRows) -> bool {
    matrix.height() == matrix.width
}

/// Sum of the pairs' magnitudes and of how far each is above its row's least cost.
fn scale(matrix: &SparseRows, column_of_row: &[u32]) -> f64 {
    let of_row = |(row, &column): (usize, &u32)| {
        let cost = matrix.cost(row, column);
        matrix.row(row).iter().fold(cost.abs(), |most, cell| most.max(cost - cell.cost))
    };
    column_of_row.iter().enumerate().map(of_row).sum()
}

/// Duals of the columns, none above 0, that make optimal pairs tight: how much less a set of pairs with all rows would cost
/// if it were given the column besides. So no dual is farther from 0 than the pairs are above the least costs of
/// their rows, and costs that no pair has to do with do not matter. What would lower a dual by less than `step` is ignored.
///
/// Source: Bellman and Ford's shortest paths, with a queue, as in Johnson 1977, "Efficient algorithms for shortest paths
/// in sparse networks".
fn potentials(matrix: &SparseRows, solution: &Solution, step: f64, interrupt: &Interrupt) -> Vec<f64> {
    let height = matrix.height();
    let mut duals = vec![0.0; matrix.width];
    let mut queue: std::collections::VecDeque<usize> = (0..height).collect();
    let (mut is_queued, mut visits) = (vec![true; height], vec![0; height]);
    while let Some(row) = queue.pop_front() {
        is_queued[row] = false;
        visits[row] += 1;
        if interrupt.is_raised() {
            break;
        }
        let own = solution.column_of_row[row];
        let (cost, dual) = (matrix.cost(row, own), duals[own as usize]);
        for &ListedCell { cost: other, column } in matrix.row(row) {
            let lowered = (other - cost) + dual;
            if lowered >= duals[column as usize] - step {
                continue;
            }
            let owner = solution.row_of_column[column as usize];
            // a path to a free column, or one as long as all rows, can only be due to rounding
            if owner == NONE || visits[owner as usize] > height {
                continue;
            }
            duals[column as usize] = lowered;
            if !std::mem::replace(&mut is_queued[owner as usize], true) {
                queue.push_back(owner as usize);
            }
        }
    }
    duals
}
