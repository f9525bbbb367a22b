//! A few candidates for every row: the columns of its smallest reduced costs c - v, and a bound on all others.
//!
//! Row reduction and shortest paths ask a row over and over for its cheapest columns, and a scan of the whole row is
//! bound by memory once the matrix exceeds the cache. The candidates answer from a few hundred bytes. They stay exact
//! without upkeep because the duals of columns only fall, so that c - v only rises: a bound that held when the row was
//! read holds ever after, and as long as the smallest candidate does not exceed it, no other column is cheaper. Where
//! the bound is passed, the row is read again.
//!
//! One pass finds the minima of [`GROUPS`] interleaved groups of columns; the twelfth smallest of them is a threshold
//! that at least twelve columns reach, and rarely more than twice as many. A second pass, over a row that is now in the
//! processor's cache, collects them. It starts at the diagonal, so that rows full of ties differ in what they collect.
//! They are kept in ascending order, so that most questions are answered by the first few.
//!
//! Sources: the k-cheapest core of Volgenant 1996, "Linear and semi-assignment problems: a core oriented approach";
//! the third-best tests of Bertsekas' auction codes, which rest on the same monotony.

use simd::{F64, LANES, Level, Simd, dispatch, load_f64, prelude::*};

use crate::cost::Cost;
use crate::view::MatrixView;

/// Interleaved groups of columns whose minima are taken.
const GROUPS: usize = 2 * LANES;

/// Columns that a row keeps at first, and at most.
const WANTED: usize = 12;
const KEPT: usize = 24;

/// The candidates of all rows.
#[derive(Debug, Default)]
pub(crate) struct Candidates {
    rows: Vec<CandidateRow>,
    /// [`KEPT`] places for each row.
    all: Vec<Candidate>,
    collected: Vec<Candidate>,
}

#[derive(Clone, Copy, Debug)]
struct CandidateRow {
    length: usize,
    /// No other column's reduced cost is below it; -infinity before the row is read.
    bound: f64,
}

/// A column and its cost.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Candidate {
    /// The reduced cost when the row was read, which is no more than it is now.
    pub least: f64,
    pub cost: f64,
    pub column: u32,
}

impl Candidate {
    /// The reduced cost.
    #[inline(always)]
    pub fn reduced(&self, duals: &[f64]) -> f64 {
        self.cost - duals[self.column as usize]
    }
}

/// The two smallest reduced costs of a row.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Smallest {
    /// +infinity if every cell is forbidden.
    pub first: f64,
    pub column: usize,
    /// The second, or a bound on it from below.
    pub second: f64,
}

impl Candidates {
    /// Forgets everything.
    pub fn reset(&mut self, rows: usize) {
        self.all.clear();
        self.all.resize(rows * KEPT, Candidate::default());
        self.rows.clear();
        self.rows.resize(rows, CandidateRow { length: 0, bound: f64::NEG_INFINITY });
    }

    /// No column that is no candidate has a reduced cost below it.
    pub fn bound(&self, row: usize) -> f64 {
        self.rows[row].bound
    }

    /// A row's candidates, those with the smallest [`Candidate::least`] first.
    #[inline(always)]
    pub fn of(&self, row: usize) -> &[Candidate] {
        &self.all[row * KEPT..][..self.rows[row].length]
    }

    /// Whether less than half of the candidates that a reading promises are still within the bound, so that a new
    /// reading is sure to find others.
    pub fn are_stale(&self, row: usize, duals: &[f64]) -> bool {
        let bound = self.rows[row].bound;
        let within = self.of(row).iter().filter(|candidate| candidate.reduced(duals) <= bound).count();
        2 * within < WANTED
    }

    /// The two smallest reduced costs among the candidates; the second is capped at the bound.
    pub fn smallest(&self, row: usize, duals: &[f64]) -> Smallest {
        let mut found = Smallest { first: f64::INFINITY, column: 0, second: f64::INFINITY };
        for candidate in self.of(row) {
            if candidate.least >= found.second {
                break;
            }
            let reduced = candidate.reduced(duals);
            if reduced < found.first {
                found = Smallest { first: reduced, column: candidate.column as usize, second: found.first };
            } else if reduced < found.second {
                found.second = reduced;
            }
        }
        found.second = found.second.min(self.rows[row].bound);
        found
    }

    /// Whether the smallest candidate is the smallest of the row.
    pub fn suffice(&self, row: usize, smallest: &Smallest) -> bool {
        let bound = self.rows[row].bound;
        smallest.first <= bound && bound > f64::NEG_INFINITY
    }

    /// Reads a row anew.
    pub fn read<T: Cost>(&mut self, level: Level, view: &MatrixView<'_, T>, row: usize, duals: &[f64]) {
        let costs = view.row(row);
        let threshold = threshold(dispatch!(level, simd => group_minima(simd, costs, duals)));
        let limit = if threshold.tied { KEPT } else { usize::MAX };
        let diagonal = row / LANES * LANES;
        self.collected.clear();
        let collected = &mut self.collected;
        dispatch!(level, simd => {
            collect(simd, costs, duals, diagonal..costs.len(), threshold.value, limit, collected);
            collect(simd, costs, duals, 0..diagonal, threshold.value, limit, collected);
        });
        let mut bound = if threshold.value == f64::MAX { f64::INFINITY } else { threshold.value };
        let from_diagonal = |candidate: &Candidate| candidate.column.wrapping_sub(diagonal as u32);
        let order = |a: &Candidate, b: &Candidate| {
            a.least.total_cmp(&b.least).then_with(|| from_diagonal(a).cmp(&from_diagonal(b)))
        };
        if self.collected.len() > KEPT && !threshold.tied {
            bound = self.collected.select_nth_unstable_by(KEPT, order).1.least;
        }
        self.collected.truncate(KEPT);
        if !threshold.tied {
            self.collected.sort_unstable_by(order);
        }
        self.all[row * KEPT..][..self.collected.len()].copy_from_slice(&self.collected);
        self.rows[row] = CandidateRow { length: self.collected.len(), bound };
    }
}

/// What candidates must not exceed.
#[derive(Clone, Copy)]
struct Threshold {
    value: f64,
    /// Whether it is the row's minimum, of which there may be many.
    tied: bool,
}

/// The [`WANTED`]-th smallest of the groups' minima.
fn threshold(mut minima: [f64; GROUPS]) -> Threshold {
    let (smaller, value, _) = minima.select_nth_unstable_by(WANTED - 1, f64::total_cmp);
    let smallest = smaller.iter().copied().fold(f64::INFINITY, f64::min);
    Threshold { value: value.min(f64::MAX), tied: smallest >= *value && *value < f64::INFINITY }
}

/// The smallest reduced cost of each group of columns.
#[inline(always)]
fn group_minima<S: Simd, T: Cost>(simd: S, costs: &[T], duals: &[f64]) -> [f64; GROUPS] {
    let none = F64::splat(simd, f64::INFINITY);
    let mut minima = [none; 4];
    let mut at = 0;
    while at + GROUPS <= costs.len() {
        for half in 0..2 {
            let cost = T::load(simd, costs, at + half * LANES);
            let dual = load_f64(simd, duals, at + half * LANES);
            for k in 0..2 {
                minima[2 * half + k] = minima[2 * half + k].min(cost[k] - dual[k]);
            }
        }
        at += GROUPS;
    }
    if at < costs.len() {
        let cost = T::load(simd, costs, at);
        let dual = load_f64(simd, duals, at);
        for k in 0..2 {
            minima[k] = minima[k].min(cost[k] - dual[k]);
        }
    }
    let mut out = [0.0; GROUPS];
    for k in 0..4 {
        minima[k].store_slice(&mut out[8 * k..8 * k + 8]);
    }
    out
}

/// Appends the columns whose reduced costs do not exceed the threshold, and stops once there are `limit`.
#[inline(always)]
fn collect<S: Simd, T: Cost>(
    simd: S,
    costs: &[T],
    duals: &[f64],
    columns: std::ops::Range<usize>,
    threshold: f64,
    limit: usize,
    collected: &mut Vec<Candidate>,
) {
    let threshold = F64::splat(simd, threshold);
    for at in columns.step_by(LANES) {
        let cost = T::load(simd, costs, at);
        let dual = load_f64(simd, duals, at);
        let low = (cost[0] - dual[0]).simd_le(threshold);
        let high = (cost[1] - dual[1]).simd_le(threshold);
        if !(low | high).any_true() {
            continue;
        }
        let mut lanes = low.to_bitmask() | high.to_bitmask() << 8;
        while lanes != 0 {
            let column = at + lanes.trailing_zeros() as usize;
            let cost = costs[column].value();
            collected.push(Candidate { least: cost - duals[column], cost, column: column as u32 });
            lanes &= lanes - 1;
        }
        if collected.len() >= limit {
            return;
        }
    }
}
