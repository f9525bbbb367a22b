//! Whether rounding may have misled a solver: asked of every result, at the cost of a few additions for each pair.
//!
//! Rounding matters where duals are much larger than what is paid ([`SUMS`], [`SHIFT`]): then a proof has to be tried. And
//! it matters where what is paid falls into two groups so far apart ([`DIGITS`]) that beside the costs of the one, those of
//! the other are lost. Neither does any harm to numbers so short that all sums of them are exact, as integers mostly are.

use crate::sum::two_sum;

/// How many times the sum of the costs the duals may make up.
const SUMS: f64 = 4096.0;

/// How many times the mean of the costs a dual may have been that has since come back.
const SHIFT: f64 = 4096.0;

/// How many times larger than the costs of one group the largest dual is, and than the costs of the other at most.
const DIGITS: f64 = (1u64 << 40) as f64;
const NEAR: f64 = (1u64 << 16) as f64;

/// What there is to say.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Verdict {
    /// Rounding has made no difference.
    Sound,
    /// It may have; a proof would show that it has not.
    Open,
    /// Costs have been lost beside others, even if the sum of all is as good as proven.
    Lost,
}

/// A pair's cost, and the duals of its row and its column.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pair {
    pub cost: f64,
    pub row: f64,
    pub column: f64,
}

/// What is noted of the pairs one by one.
#[derive(Debug)]
pub(crate) struct Doubt {
    limit: f64,
    shift: f64,
    count: f64,
    costs: f64,
    duals: f64,
    /// The smallest cost that is not 0, and the largest dual. Bits of numbers from 0 on are ordered as the numbers are, and are
    /// compared faster. Those of `smallest` are less 1, so that 0 wraps to the largest and never counts.
    smallest: u64,
    largest: u64,
}

impl Doubt {
    /// `limit`: what it costs to leave a row without a column, 0 where there is no limit. `shift`: how far from 0
    /// duals have been that came back since.
    pub fn new(limit: f64, shift: f64) -> Self {
        debug_assert!(shift.to_bits() <= f64::INFINITY.to_bits(), "{shift}");
        let (smallest, largest) = (f64::INFINITY.to_bits() - 1, shift.to_bits());
        Self { limit: limit.abs(), shift, count: 0.0, costs: 0.0, duals: 0.0, smallest, largest }
    }

    #[inline(always)]
    pub fn note(&mut self, Pair { cost, row, column }: Pair) {
        let (cost, row, column) = (cost.abs(), row.abs(), column.abs());
        self.count += 1.0;
        self.costs += cost + self.limit;
        self.duals += row + column;
        self.largest = self.largest.max(row.to_bits()).max(column.to_bits());
        self.smallest = self.smallest.min(cost.to_bits().wrapping_sub(1));
    }

    /// The largest dual, and the smallest cost that is not 0.
    #[inline(always)]
    fn extremes(&self) -> (f64, f64) {
        (f64::from_bits(self.largest), f64::from_bits(self.smallest + 1))
    }

    /// What there is to say of all. `pairs`: the same as noted.
    #[inline(always)]
    pub fn verdict(&self, pairs: impl Iterator<Item = Pair> + Clone) -> Verdict {
        let is_open = self.duals > SUMS * self.costs || self.has_come_back();
        let (largest, smallest) = self.extremes();
        if is_open || largest > DIGITS * smallest { self.look_again(is_open, pairs) } else { Verdict::Sound }
    }

    /// Whether duals have been so far from 0 that what they are now may be far off.
    #[inline(always)]
    fn has_come_back(&self) -> bool {
        self.shift * self.count > SHIFT * self.costs
    }

    #[cold]
    fn look_again(&self, is_open: bool, pairs: impl Iterator<Item = Pair> + Clone) -> Verdict {
        let (largest, smallest) = self.extremes();
        let is_between = |cost: f64| DIGITS * cost >= largest && NEAR * cost < largest;
        let is_lost = largest > DIGITS * smallest && !pairs.clone().any(|pair| is_between(pair.cost.abs()));
        if is_lost && !self.are_short(pairs.clone()) {
            Verdict::Lost
        } else if is_open && (self.has_come_back() || !self.are_short(pairs)) {
            // numbers that have lost digits are short, too
            Verdict::Open
        } else {
            Verdict::Sound
        }
    }

    /// Whether costs and duals are multiples of a unit of which the largest dual has no more than fit with room to spare.
    fn are_short(&self, mut pairs: impl Iterator<Item = Pair>) -> bool {
        // adding this rounds to multiples of 2^-40 of the largest
        let coarse = self.extremes().0 * 2f64.powi(12);
        let is_short = |value: f64| (value + coarse) - coarse == value;
        is_short(self.limit)
            && pairs.all(|Pair { cost, row, column }| {
                is_short(cost) && is_short(row) && is_short(column) && two_sum(row, column).1 == 0.0
            })
    }
}
