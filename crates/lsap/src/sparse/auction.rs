//! ε-scaling auction: duals near the optimum, from which few and short searches remain.
//!
//! Every row bids for its cheapest column: the column's dual falls by what the second cheapest costs more, and by ε so
//! that ties end too; the row that had the column bids again. Phases with ever smaller ε start from the duals of the
//! phase before. The pairs are forgotten: augmenting row reduction and the searches find exact ones under these duals,
//! so that ε and the number of bids decide on nothing but time. Source: Bertsekas 1988, "The auction algorithm: a
//! distributed relaxation method for the assignment problem"; Bertsekas and Castañon 1992.

use crate::outcome::NONE;
use crate::sparse::rows::{ListedCell, SparseRows};
use crate::sparse::state::{CheapestCell, SparseState};

/// What the range of reduced costs is divided by for the first ε.
const FIRST: f64 = 32.0;

/// What their typical range is divided by for the last one, times the number of rows.
const LAST: f64 = 10.0;

/// By how much ε falls from phase to phase.
const FACTOR: f64 = 8.0;

/// Bids of a phase for each row; more of them mean an ε too small for the duals, or rows that cannot all be placed.
const BIDS: usize = 60;

/// How far duals may grow: beyond, the costs would be lost in their rounding.
const GROWTH: f64 = 1e3;

impl SparseState {
    /// Lowers the duals by auction and forgets all pairs; gives whether every phase has ended with all rows placed, or
    /// out of the limit.
    pub(crate) fn hold_auction(&mut self, matrix: &mut SparseRows, limit: f64) -> bool {
        let ExcessSpread { range, typical } = self.spread(matrix, limit);
        if range == 0.0 {
            return true;
        }
        let before = self.duals.clone();
        let last = power_of_two(typical / matrix.height() as f64 / LAST);
        let mut epsilon = power_of_two(range / FIRST);
        let has_ended = loop {
            if epsilon == 0.0 || !self.hold_phase(matrix, epsilon, range, limit) {
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

    /// By how much the reduced costs of a row exceed its smallest, over a sample of the rows.
    fn spread(&self, matrix: &SparseRows, limit: f64) -> ExcessSpread {
        const SAMPLE: usize = 1 << 10;
        /// Multiples of the tenth part's: what is larger stands for a forbidden cell, or is rare.
        const CAP: f64 = 1e6;
        const RARE: f64 = 64.0;
        let reduced = |cell: &ListedCell| (cell.cost - self.duals[cell.column as usize]).min(limit);
        let mut excess = Vec::new();
        for row in (0..matrix.height()).step_by(matrix.height() / SAMPLE + 1) {
            let smallest = matrix.row(row).iter().map(reduced).fold(f64::INFINITY, f64::min);
            let others = matrix.row(row).iter().map(|cell| reduced(cell) - smallest);
            excess.extend(others.filter(|&excess| excess > 0.0));
        }
        if excess.is_empty() {
            return ExcessSpread { range: 0.0, typical: 0.0 };
        }
        let tenth = excess.len() / 10;
        let (_, &mut small, _) = excess.select_nth_unstable_by(tenth, f64::total_cmp);
        let largest = excess.iter().copied().fold(0.0, f64::max);
        ExcessSpread { range: largest.min(small * CAP), typical: largest.min(small * RARE) }
    }

    /// Lets rows bid until all have a column; gives whether they did so within the budget.
    fn hold_phase(&mut self, matrix: &mut SparseRows, epsilon: f64, range: f64, limit: f64) -> bool {
        self.forget_pairs();
        let mut bids = BIDS * matrix.height();
        for row in (0..matrix.height() as u32).rev() {
            let mut bidder = row;
            while bidder != NONE {
                let CheapestCell { cell, first, second } = self.cheapest(matrix, bidder as usize);
                if first > limit {
                    break;
                }
                if first == f64::INFINITY || bids == 0 || self.interrupt.is_raised() {
                    return false;
                }
                let second = second.min(limit);
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

/// How the reduced costs of rows spread.
struct ExcessSpread {
    /// What ε starts from.
    range: f64,
    /// What it ends near.
    typical: f64,
}

/// The power of two at or below a number, or 0 for the smallest: with it, duals of whole costs have few digits and stay
/// exact.
fn power_of_two(number: f64) -> f64 {
    f64::from_bits(number.to_bits() & f64::INFINITY.to_bits())
}

/// The largest magnitude of duals.
fn largest(duals: &[f64]) -> f64 {
    duals.iter().fold(0.0, |largest, dual| dual.abs().max(largest))
}
