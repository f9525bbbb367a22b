//! Better duals for hard matrices: the auction with ε-scaling, as a warm start.
//!
//! Rows bid for columns: a free row takes its cheapest column and lowers the column's dual by what its second choice
//! costs more, and by ε besides, so that no tie goes in circles; the row that had the column becomes free. When no row
//! is free, every pair is within ε of its row's cheapest column. Phases start over with a smaller ε and the duals of
//! the phase before. Where costs are much alike, of low rank or a product i·j, this moves duals in long strides that
//! shortest paths would make in small ones. The pairs are then dropped and only the duals kept, which are valid as any
//! are in a square matrix: exact row reduction and shortest paths finish from there.
//!
//! Bids read the [`Candidates`]; a row whose candidates fail too often is scanned as a whole for the rest of a phase.
//! Bids are bounded, so that matrices without an assignment, or an ε lost in the rounding of the duals, end too. The
//! duals are then put back, as they are if they have grown so far that they would swallow the digits of the costs.
//!
//! Sources: Bertsekas 1988, "The auction algorithm: a distributed relaxation method for the assignment problem";
//! Bertsekas and Eckstein 1988, "Dual coordinate step methods for linear network flow problems" (ε-scaling).

use simd::{Level, dispatch};

use crate::candidates::{Candidates, Smallest};
use crate::cost::Cost;
use crate::outcome::NONE;
use crate::route::scaling_work;
use crate::scan::{Cheapest, cheapest};
use crate::state::State;
use crate::view::MatrixView;

/// The first ε is the range of reduced costs divided by this; then each is a fraction of the one before; the last is
/// the range divided by `LAST` and the number of rows.
const FIRST: f64 = 32.0;
const FACTOR: f64 = 8.0;
const LAST: f64 = 100.0;

/// Work that scaling may do, in multiples of [`scaling_work`].
const PATIENCE: usize = 20;

/// How far duals may grow: beyond, the costs would be lost in their rounding.
const GROWTH: f64 = 1e3;

/// Bids that candidates must serve before they are read again, lest the row be scanned from then on.
const USES: u16 = 4;

/// The state between runs.
#[derive(Debug, Default)]
pub(crate) struct Scaling {
    /// Runs so far.
    pub runs: usize,
    /// The last ε.
    epsilon: f64,
}

/// A row as one phase sees it.
#[derive(Clone, Copy, Debug)]
struct Bidder {
    /// Bids since its candidates were read.
    uses: u16,
    /// Whether it is scanned as a whole.
    scans_whole_row: bool,
}

impl Scaling {
    /// Finds better duals; all rows are free afterwards. Gives whether it did, within its bounds.
    pub fn run<T: Cost>(
        &mut self,
        state: &mut State,
        candidates: &mut Candidates,
        level: Level,
        view: &MatrixView<'_, T>,
    ) -> bool {
        let before = state.column_duals.clone();
        let columns = view.columns;
        let CostSpread { low, range, near } = spread(state, view);
        let sound = largest(&before[..columns]).max(low.abs()).max(near);
        // below this, ε would be lost in the rounding of the duals
        let smallest = (largest(&before[..columns]) + low.abs() + range) * 1e-13 + f64::MIN_POSITIVE;
        let first = if self.runs == 0 { range / FIRST } else { self.epsilon / FACTOR }.max(smallest);
        let last = if self.runs == 0 { range / (LAST * view.rows as f64) } else { first }.max(smallest);
        let mut auction = Auction {
            bidders: vec![Bidder { uses: USES, scans_whole_row: false }; view.rows],
            epsilon: first,
            work: scaling_work(view.rows, view.columns).saturating_mul(PATIENCE),
        };
        self.runs += 1;
        let is_done = loop {
            if !auction.phase(state, candidates, level, view) {
                break false;
            }
            if auction.epsilon <= last {
                break true;
            }
            auction.epsilon = (auction.epsilon / FACTOR).max(last);
        };
        self.epsilon = auction.epsilon;
        let is_sound = is_done && largest(&state.column_duals[..columns]) <= sound * GROWTH;
        if !is_sound {
            // bounds hold for falling duals only
            state.column_duals = before;
            candidates.reset(view.rows);
        }
        free_all(state);
        is_sound
    }
}

/// How reduced costs spread.
struct CostSpread {
    /// The smallest.
    low: f64,
    /// What ε starts from.
    range: f64,
    /// The range that the columns next to each row's cheapest suggest.
    near: f64,
}

/// Measures some rows.
///
/// The range of all costs would mislead where a huge number stands for a forbidden cell, so it is capped at a multiple
/// of the one that the distances of the rows' nearest columns suggest.
fn spread<T: Cost>(state: &State, view: &MatrixView<'_, T>) -> CostSpread {
    const SAMPLE: usize = 64;
    const NEIGHBOUR: usize = 3;
    const CAP: f64 = 16.0;
    let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
    let mut gaps = Vec::new();
    for row in (0..view.rows).step_by((view.rows / SAMPLE).max(1)) {
        let costs = view.row(row)[..view.columns].iter();
        let reduced = costs.zip(&state.column_duals).map(|(cost, dual)| cost.value() - dual);
        let mut reduced: Vec<f64> = reduced.filter(|&reduced| reduced < f64::INFINITY).collect();
        low = reduced.iter().copied().fold(low, f64::min);
        high = reduced.iter().copied().fold(high, f64::max);
        if reduced.len() > NEIGHBOUR {
            let (smaller, neighbour, _) = reduced.select_nth_unstable_by(NEIGHBOUR, f64::total_cmp);
            gaps.push(*neighbour - smaller.iter().copied().fold(f64::INFINITY, f64::min));
        }
    }
    if low > high {
        return CostSpread { low: 0.0, range: 0.0, near: 0.0 };
    }
    gaps.sort_unstable_by(f64::total_cmp);
    let near = gaps.get(gaps.len() / 2).map_or(0.0, |gap| gap * view.columns as f64);
    let range = if near > 0.0 { (high - low).min(near * CAP) } else { high - low };
    CostSpread { low, range, near }
}

/// The largest magnitude of duals.
fn largest(duals: &[f64]) -> f64 {
    duals.iter().fold(0.0, |largest, dual| dual.abs().max(largest))
}

/// Frees all rows and columns.
fn free_all(state: &mut State) {
    state.column_of_row.fill(NONE);
    state.row_of_column.fill(NONE);
    state.free_rows.clear();
    state.free_rows.extend(0..state.column_of_row.len() as u32);
}

struct Auction {
    bidders: Vec<Bidder>,
    epsilon: f64,
    /// Work that is left, in cells.
    work: usize,
}

impl Auction {
    /// One phase, in which every row bids until it has a column; gives whether the work sufficed
    /// and nobody interrupted.
    fn phase<T: Cost>(
        &mut self,
        state: &mut State,
        candidates: &mut Candidates,
        level: Level,
        view: &MatrixView<'_, T>,
    ) -> bool {
        /// What a bid costs, in cells.
        const BID: usize = 50;
        for bidder in &mut self.bidders {
            bidder.scans_whole_row = false;
        }
        free_all(state);
        for start in 0..view.rows {
            let mut row = start;
            loop {
                let Smallest { first, column, second } = self.choose(state, candidates, level, view, row);
                if first == f64::INFINITY || self.work < BID || state.interrupt.is_raised() {
                    return false;
                }
                self.work -= BID;
                let gap = if second < f64::INFINITY { second - first } else { 0.0 };
                state.column_duals[column] -= gap + self.epsilon;
                let owner = state.row_of_column[column];
                state.pair(row, column);
                if owner == NONE {
                    break;
                }
                state.column_of_row[owner as usize] = NONE;
                row = owner as usize;
            }
        }
        true
    }

    /// A row's cheapest column, from its candidates where they serve.
    fn choose<T: Cost>(
        &mut self,
        state: &State,
        candidates: &mut Candidates,
        level: Level,
        view: &MatrixView<'_, T>,
        row: usize,
    ) -> Smallest {
        let duals = &state.column_duals;
        let bidder = &mut self.bidders[row];
        if !bidder.scans_whole_row {
            let smallest = candidates.smallest(row, duals);
            if candidates.suffice(row, &smallest) || candidates.bound(row) == f64::INFINITY {
                bidder.uses = bidder.uses.saturating_add(1);
                return smallest;
            }
            if bidder.uses >= USES {
                bidder.uses = 0;
                self.work = self.work.saturating_sub(view.columns);
                candidates.read(level, view, row, duals);
                return candidates.smallest(row, duals);
            }
            bidder.scans_whole_row = true;
            bidder.uses = USES;
        }
        self.work = self.work.saturating_sub(view.columns / 2);
        let Cheapest { column, first, second } = dispatch!(level, simd => cheapest(simd, view.row(row), duals));
        Smallest { first, column, second }
    }
}
