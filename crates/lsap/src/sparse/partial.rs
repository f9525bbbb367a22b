//! The most pairs, and of those the least total, where the listed cells leave no complete assignment.
//!
//! Every largest set of pairs falls into two parts that share no pair. The *crowded* rows are those that alternating
//! paths reach from a row left free; all columns that they list are taken, by crowded rows. So of the crowded part every
//! column has a pair, and of the rest every row: two complete assignments, of which each is solved on its own. What the
//! other rows may list among the crowded columns is never a pair. Source: Dulmage and Mendelsohn 1958, "Coverings of
//! bipartite graphs".
//!
//! The duals of the crowded part are put beyond those of the rest, by adding a constant to its rows and taking it from
//! its columns: then row + column ≤ cost holds between the parts too, every free row has the largest dual of a row
//! and every free column the largest of a column, which proves that no other assignment of as many pairs costs less.

use crate::error::Result;
use crate::outcome::{NONE, Outcome};
use crate::solution::Solution;
use crate::sparse::complete::{self, Care};
use crate::sparse::matching::LargestMatching;
use crate::sparse::rows::{ListedCell, SparseRows};
use crate::sparse::state::SparseState;

/// Solves a matrix with at most as many rows as columns.
///
/// # Errors
/// [`Error::Memory`](crate::Error::Memory), here and below.
pub(crate) fn solve(
    matrix: &mut SparseRows,
    spare: &mut SparseRows,
    solver: &mut SparseState,
    solution: &mut Solution,
) -> Result<()> {
    for care in [Care::IfInDoubt, Care::Always] {
        if let Some(parts) = solve_parts(matrix, spare, care, solver, solution)? {
            parts.move_apart(solution, parts.distance(matrix, solution));
        }
        // what was good enough for a part may be too coarse for the whole
        if solver.interrupt.is_raised() || !complete::is_in_doubt(matrix, 0.0, solution)? {
            break;
        }
    }
    Ok(())
}

/// The same with a limit that [is beyond](is_beyond) all that a pair can cost: then no set of pairs is better than the
/// largest, and sums with the limit, in which digits would be lost, are not needed. Gives whether the duals keep to the
/// limit.
pub(crate) fn solve_within(
    limit: f64,
    matrix: &mut SparseRows,
    spare: &mut SparseRows,
    solver: &mut SparseState,
    solution: &mut Solution,
) -> Result<bool> {
    let parts = solve_parts(matrix, spare, Care::IfInDoubt, solver, solution)?;
    let is_crowded = |column: usize| parts.as_ref().is_some_and(|parts| parts.columns.is_crowded[column]);
    let rest = (0..matrix.width).filter(|&column| !is_crowded(column)).map(|column| solution.column_duals[column]);
    let largest = rest.fold(f64::NEG_INFINITY, f64::max);
    if largest.is_finite() {
        // the largest dual of a column must be 0
        for row in 0..matrix.height() {
            let is_crowded = parts.as_ref().is_some_and(|parts| parts.rows.is_crowded[row]);
            solution.row_duals[row] += if is_crowded { 0.0 } else { largest };
        }
        for column in 0..matrix.width {
            solution.column_duals[column] -= if is_crowded(column) { 0.0 } else { largest };
        }
    }
    let keeps = parts.as_ref().is_none_or(|parts| parts.distance(matrix, solution) <= limit);
    if let Some(parts) = &parts {
        parts.move_apart(solution, limit);
    }
    Ok(keeps && solution.row_duals.iter().all(|&dual| dual <= limit))
}

/// Whether a limit exceeds what the longest path that adds a pair can cost.
pub(crate) fn is_beyond(limit: f64, matrix: &SparseRows) -> bool {
    let costs = || matrix.cells().map(|(_, cell)| cell.cost);
    let (least, most) = costs().fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), cost| (a.min(cost), b.max(cost)));
    limit > most + (most - least) * matrix.height() as f64
}

/// Solves both parts, or all at once and gives nothing if no row needs to stay free.
fn solve_parts(
    matrix: &mut SparseRows,
    spare: &mut SparseRows,
    care: Care,
    solver: &mut SparseState,
    solution: &mut Solution,
) -> Result<Option<Parts>> {
    let matching = LargestMatching::largest(matrix, &solver.interrupt);
    if !matching.column_of_row.contains(&NONE) {
        complete::solve(matrix, spare, care, solver, solution)?;
        return Ok(None);
    }
    let parts = Parts::new(matrix, &matching);
    solution.clear();
    solution.column_of_row.resize(matrix.height(), NONE);
    solution.row_duals.resize(matrix.height(), 0.0);
    solution.row_of_column.resize(matrix.width, NONE);
    solution.column_duals.resize(matrix.width, 0.0);
    for is_crowded in [true, false] {
        parts.solve(matrix, spare, is_crowded, care, solver, solution)?;
    }
    Ok(Some(parts))
}

/// Lines of a matrix, rows or columns, in two parts.
struct Lines {
    /// Whether a line is in the crowded part.
    is_crowded: Vec<bool>,
    /// Its place in its part.
    places: Vec<u32>,
}

impl Lines {
    fn new(is_crowded: Vec<bool>) -> Self {
        let mut sizes = [0; 2];
        let place = |&crowded: &bool| {
            let size = &mut sizes[usize::from(crowded)];
            *size += 1;
            *size - 1
        };
        let places = is_crowded.iter().map(place).collect();
        Self { is_crowded, places }
    }

    /// The lines of a part, in order.
    fn of(&self, crowded: bool) -> Vec<u32> {
        (0..self.places.len() as u32).filter(|&line| self.is_crowded[line as usize] == crowded).collect()
    }
}

/// A matrix in two parts.
struct Parts {
    rows: Lines,
    columns: Lines,
}

impl Parts {
    fn new(matrix: &SparseRows, matching: &LargestMatching) -> Self {
        let rows: Vec<bool> = (0..matrix.height()).map(|row| matching.is_crowded(row)).collect();
        let mut columns = vec![false; matrix.width];
        for row in (0..matrix.height()).filter(|&row| rows[row]) {
            matrix.row(row).iter().for_each(|cell| columns[cell.column as usize] = true);
        }
        Self { rows: Lines::new(rows), columns: Lines::new(columns) }
    }

    /// Solves a part and puts its pairs and duals into the whole.
    fn solve(
        &self,
        matrix: &SparseRows,
        spare: &mut SparseRows,
        is_crowded: bool,
        care: Care,
        solver: &mut SparseState,
        whole: &mut Solution,
    ) -> Result<()> {
        let (rows, columns) = (self.rows.of(is_crowded), self.columns.of(is_crowded));
        let is_inside = |(row, cell): &(u32, ListedCell)| {
            [self.rows.is_crowded[*row as usize], self.columns.is_crowded[cell.column as usize]] == [is_crowded; 2]
        };
        let place = |(row, ListedCell { cost, column }): (u32, ListedCell)| {
            let (row, column) = (self.rows.places[row as usize], self.columns.places[column as usize]);
            // of the crowded part the columns are fewer
            if is_crowded { (column, ListedCell { cost, column: row }) } else { (row, ListedCell { cost, column }) }
        };
        let sides = if is_crowded { [columns.len(), rows.len()] } else { [rows.len(), columns.len()] };
        let (mut part, mut inner) = (SparseRows::default(), Solution::default());
        part.fill(sides, matrix.cells().filter(is_inside).map(place), &solver.interrupt);
        let outcome = complete::solve(&mut part, spare, care, solver, &mut inner)?;
        if solver.interrupt.is_raised() {
            return Ok(());
        }
        debug_assert_eq!(outcome, Outcome::Optimal, "the matching has placed the shorter side");
        if is_crowded {
            std::mem::swap(&mut inner.column_of_row, &mut inner.row_of_column);
            std::mem::swap(&mut inner.row_duals, &mut inner.column_duals);
        }
        let name = |lines: &[u32], place: u32| if place == NONE { NONE } else { lines[place as usize] };
        for (k, &row) in rows.iter().enumerate() {
            whole.column_of_row[row as usize] = name(&columns, inner.column_of_row[k]);
            whole.row_duals[row as usize] = inner.row_duals[k];
        }
        for (k, &column) in columns.iter().enumerate() {
            whole.row_of_column[column as usize] = name(&rows, inner.row_of_column[k]);
            whole.column_duals[column as usize] = inner.column_duals[k];
        }
        Ok(())
    }

    /// How far the duals of the crowded part must be from the others at least.
    fn distance(&self, matrix: &SparseRows, whole: &Solution) -> f64 {
        let Solution { row_duals, column_duals, .. } = whole;
        let mut distance = f64::NEG_INFINITY;
        for row in (0..matrix.height()).filter(|&row| !self.rows.is_crowded[row]) {
            distance = distance.max(row_duals[row]);
            for &ListedCell { cost, column } in matrix.row(row) {
                if self.columns.is_crowded[column as usize] {
                    distance = distance.max(row_duals[row] + column_duals[column as usize] - cost);
                }
            }
        }
        let crowded = self.columns.of(true);
        crowded.iter().fold(distance, |distance, &column| distance.max(column_duals[column as usize]))
    }

    /// Moves the duals of the crowded part apart from the others.
    fn move_apart(&self, whole: &mut Solution, distance: f64) {
        if distance.is_finite() {
            self.rows.of(true).iter().for_each(|&row| whole.row_duals[row as usize] += distance);
            self.columns.of(true).iter().for_each(|&column| whole.column_duals[column as usize] -= distance);
        }
    }
}
