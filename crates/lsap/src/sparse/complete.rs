//! A sparse matrix of which every row gets a column: solved, doubted, and refined where digits may have been lost.

use crate::certificate::{STRICT, certify};
use crate::doubt::{Doubt, Pair, Verdict};
use crate::error::Result;
use crate::memory;
use crate::needs::{COST, verifying_takes};
use crate::options::AssignmentOptions;
use crate::outcome::{NONE, Outcome};
use crate::solution::Solution;
use crate::sparse::exact;
use crate::sparse::rows::SparseRows;
use crate::sparse::state::SparseState;

/// When digits that sums may have lost are [looked after](exact).
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Care {
    IfInDoubt,
    Always,
}

/// Solves a matrix with at most as many rows as columns, of which all get a column. `spare` is for memory.
pub(crate) fn solve(
    matrix: &mut SparseRows,
    spare: &mut SparseRows,
    care: Care,
    solver: &mut SparseState,
    solution: &mut Solution,
) -> Result<Outcome> {
    let outcome = solver.solve(matrix, spare, f64::INFINITY);
    solver.write_to(solution, f64::INFINITY);
    let may_refine = outcome == Outcome::Optimal && !solver.interrupt.is_raised();
    if may_refine && (care == Care::Always || is_in_doubt(matrix, solver.shift, solution)?) {
        exact::refine(matrix, spare, solver, solution)?;
    }
    Ok(outcome)
}

/// Whether rounding has misled the solver, whose duals have been `shift` from 0.
pub(crate) fn is_in_doubt(matrix: &SparseRows, shift: f64, solution: &Solution) -> Result<bool> {
    let Solution { column_of_row, row_duals, column_duals, .. } = solution;
    let pairs = || {
        let places = column_of_row.iter().enumerate().filter(|&(_, &column)| column != NONE);
        places.map(|(row, &column)| Pair {
            cost: matrix.cost(row, column),
            row: row_duals[row],
            column: column_duals[column as usize],
        })
    };
    let mut doubt = Doubt::new(0.0, shift);
    pairs().for_each(|pair| doubt.note(pair));
    let is_proven = || -> Result<bool> {
        memory::require(COST, verifying_takes(matrix.height(), matrix.width))?;
        let columns: Vec<_> = column_of_row.iter().map(|&k| Some(k as usize).filter(|_| k != NONE)).collect();
        let proof = certify(matrix, AssignmentOptions::default(), &columns, [row_duals, column_duals], STRICT);
        Ok(proof.is_ok_and(|proof| proof.optimal))
    };
    Ok(match doubt.verdict(pairs()) {
        Verdict::Sound => false,
        Verdict::Open => !is_proven()?,
        Verdict::Lost => true,
    })
}
