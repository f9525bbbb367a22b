//! ε-scaling auction: duals near the optimum for a square matrix, from which few and short searches remain.
//!
//! Every row bids for its cheapest column: the column's dual falls by what the second cheapest costs more, and by ε so
//! that ties end too; the row that had the column bids again. Phases with ever smaller ε start from the duals of the
//! phase before. The pairs are forgotten: augmenting row reduction and the searches find exact ones under these duals,
//! so that ε and the number of bids decide on nothing but time. Source: Bertsekas 1988, "The auction algorithm: a
//! distributed relaxation method for the assignment problem"; Bertsekas and Castañon 1992.

use super::rows::Rows;
use super::solver::{Cheapest, Solver};
use crate::assign::dense::NONE;

/// What the range of the reduced costs is divided by for the first ε.
const FIRST: f64 = 32.0;

/// What it is divided by for the last one, times the number of rows.
const LAST: f64 = 10.0;

/// By how much ε falls from phase to phase.
const FACTOR: f64 = 8.0;

/// Bids of a phase for each row; more of them mean an ε too small for the duals, or rows that cannot all be placed.
const BIDS: usize = 60;

/// How far duals may grow: beyond, the costs would be lost in their rounding.
const GROWTH: f64 = 1e3;

impl Solver {
    /// Lowers the duals by auction and forgets all pairs; gives whether every phase has ended with all rows placed.
    pub(super) fn hold_auction(&mut self, matrix: &mut Rows) -> bool {
        let range = self.range(matrix);
        if range == 0.0 {
            return true;
        }
        let before = self.duals.clone();
        let last = range / matrix.height() as f64 / LAST;
        let mut epsilon = range / FIRST;
        let has_ended = loop {
            if epsilon == 0.0 || !self.hold_phase(matrix, epsilon, range) {
                break epsilon == 0.0;
            }
            if epsilon <= last {
                break true;
            }
            epsilon = (epsilon / FACTOR).max(last);
        };
        if largest(&self.duals) > GROWTH * largest(&before).max(range) {
            self.duals = before;
            self.forget_candidates(matrix);
        }
        self.forget_pairs();
        has_ended
    }

    /// The largest reduced cost; where a few huge numbers stand for forbidden cells, one that they do not decide.
    fn range(&self, matrix: &Rows) -> f64 {
        const SAMPLE: usize = 1 << 12;
        const CAP: f64 = 64.0;
        let reduced = || matrix.cells().map(|(_, cell)| cell.cost - self.duals[cell.column as usize]);
        let largest = reduced().fold(0.0, f64::max);
        let mut sample: Vec<f64> = reduced().step_by(matrix.len() / SAMPLE + 1).filter(|&cost| cost > 0.0).collect();
        if sample.is_empty() {
            return largest;
        }
        let tenth = sample.len() / 10;
        let (_, &mut small, _) = sample.select_nth_unstable_by(tenth, f64::total_cmp);
        largest.min(small * CAP)
    }

    /// Lets rows bid until all have a column; gives whether they did so within the budget.
    fn hold_phase(&mut self, matrix: &mut Rows, epsilon: f64, range: f64) -> bool {
        self.forget_pairs();
        let mut bids = BIDS * matrix.height();
        for row in (0..matrix.height() as u32).rev() {
            let mut bidder = row;
            while bidder != NONE {
                let Cheapest { cell, first, second } = self.cheapest(matrix, bidder as usize);
                if first == f64::INFINITY || bids == 0 || self.interrupt.is_raised() {
                    return false;
                }
                let gap = if second < f64::INFINITY { second - first } else { range };
                let column = cell.column as usize;
                self.duals[column] -= gap + epsilon;
                bidder = std::mem::replace(&mut self.columns[column].row, bidder);
                bids -= 1;
            }
        }
        true
    }
}

/// The largest magnitude of duals.
fn largest(duals: &[f64]) -> f64 {
    duals.iter().fold(0.0, |largest, dual| dual.abs().max(largest))
}
