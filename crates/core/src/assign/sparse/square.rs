//! A square matrix in place of one that is not, or that has a limit, so that an auction can help.
//!
//! Next to the matrix stands its mirror: row j' for every column j, column i' for every row i, and a cell (j', i') of
//! cost 0 for every cell (i, j). What is free is paired with its own reflection: (j', j) at the cost of 0, and with a
//! limit (i, i') at that cost. Every assignment of the matrix can be completed in the mirror, at no other cost, by the
//! reflection of its pairs. Duals add up: u(i) + v(i') and v(j) + u(j') are those of row i and column j.
//!
//! Source: the construction is that of Gabow and Tarjan 1989, "Faster scaling algorithms for network problems", who
//! reduce matchings that need not be perfect to perfect ones.

use super::Solution;
use super::rows::{Cell, Rows};
use super::solver::{Searches, Solver};
use crate::assign::Interrupt;
use crate::assign::dense::NONE;

/// Solves a matrix that has an assignment of all rows, or a limit.
pub(super) fn solve(matrix: &Rows, limit: f64, interrupt: &Interrupt, solution: &mut Solution) {
    let (height, width) = (matrix.height(), matrix.width);
    let mut square = Rows::default();
    square.fill([height + width; 2], mirrored(matrix, limit), interrupt);
    let mut solver = Solver::default();
    (solver.interrupt, solver.scales_at_once) = (interrupt.clone(), true);
    let outcome = solver.solve(&mut square, f64::INFINITY);
    if interrupt.is_raised() {
        return;
    }
    debug_assert_eq!(outcome, Searches::Done, "what is free has its own reflection");
    let row_dual = |row: usize| solver.cost_of_row[row] - solver.duals[solver.column_of_row[row] as usize];
    let column = |row: usize| Some(solver.column_of_row[row]).filter(|&column| (column as usize) < width);
    let row = |column: usize| Some(solver.columns[column].row).filter(|&row| (row as usize) < height);
    solution.clear();
    for i in 0..height {
        solution.column_of_row.push(column(i).unwrap_or(NONE));
        let dual = row_dual(i) + solver.duals[width + i];
        solution.row_duals.push(column(i).map_or(limit, |_| dual.min(limit)));
    }
    for j in 0..width {
        solution.row_of_column.push(row(j).unwrap_or(NONE));
        let dual = solver.duals[j] + row_dual(height + j);
        solution.column_duals.push(row(j).map_or(0.0, |_| dual.min(0.0)));
    }
}

/// The cells of the matrix and of its mirror.
fn mirrored(matrix: &Rows, limit: f64) -> impl Iterator<Item = (u32, Cell)> + Clone {
    let (height, width) = (matrix.height() as u32, matrix.width as u32);
    let reflection = move |(row, cell): (u32, Cell)| (height + cell.column, Cell { cost: 0.0, column: width + row });
    let unplaced = (0..height).map(move |row| (row, Cell { cost: limit, column: width + row }));
    let free = (0..width).map(move |column| (height + column, Cell { cost: 0.0, column }));
    let may_leave = limit < f64::INFINITY;
    matrix.cells().chain(unplaced.filter(move |_| may_leave)).chain(free).chain(matrix.cells().map(reflection))
}
