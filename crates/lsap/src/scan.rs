//! Passes over the reduced costs c - v of one row, sixteen at a time: its two cheapest columns, and where a value stands.

use simd::{F64, LANES, Simd, load_f64, prelude::*};

use crate::cost::Cost;

/// Costs that are read between two looks at the interrupt.
pub(crate) const CHUNK: usize = 1 << 20;

/// Rows that are read column by column at a time, a multiple of four: so many stay in the processor's first cache.
pub(crate) fn rows_at_a_time(columns: usize) -> usize {
    const COSTS: usize = 3072;
    (COSTS / columns.max(1)).max(1).next_multiple_of(4)
}

/// Rows that are offered to every column; of later ones most offer no column less than it knows.
pub(crate) const FIRST_ROWS: usize = 128;

/// The smallest cost of a row.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cheapest {
    /// Its column, the lowest if there are several.
    pub column: usize,
    /// It, less the dual; +infinity if every cell is forbidden, when the column means nothing.
    pub first: f64,
    /// The second smallest, less its dual.
    pub second: f64,
}

/// The smallest cost of a row less the duals.
#[inline(always)]
pub(crate) fn cheapest<S: Simd, T: Cost>(simd: S, row: &[T], duals: &[f64]) -> Cheapest {
    let none = F64::splat(simd, f64::INFINITY);
    let (mut minimum, mut second) = ([none; 2], [none; 2]);
    let (row, duals) = (&row[..duals.len()], &duals[..row.len()]);
    for at in (0..row.len() / LANES).map(|block| block * LANES) {
        let costs = reduced(simd, &row[at..at + LANES], &duals[at..at + LANES]);
        for k in 0..2 {
            second[k] = second[k].min(minimum[k].max(costs[k]));
            minimum[k] = minimum[k].min(costs[k]);
        }
    }
    let first = minimum[0].min(minimum[1]).reduce_min();
    let column = position(
        row.len(),
        first,
        #[inline(always)]
        |at| reduced(simd, &row[at..at + LANES], &duals[at..at + LANES]),
    );
    // in the lanes of the first its second counts, in the others the first; of several lanes, each is the other's second
    let is_first = [minimum[0].simd_eq(first), minimum[1].simd_eq(first)];
    let low = is_first[0].select(second[0], minimum[0]);
    let high = is_first[1].select(second[1], minimum[1]);
    let winners = bits(is_first);
    // there are none where a cost is NaN, which whoever asks finds out
    let second = if winners & winners.wrapping_sub(1) == 0 { low.min(high).reduce_min() } else { first };
    Cheapest { column: column.unwrap_or_default(), first, second }
}

/// Sixteen costs less the duals.
#[inline(always)]
pub(crate) fn reduced<S: Simd, T: Cost>(simd: S, costs: &[T], duals: &[f64]) -> [F64<S>; 2] {
    let (costs, duals) = (T::load(simd, costs, 0), load_f64(simd, duals, 0));
    [costs[0] - duals[0], costs[1] - duals[1]]
}

/// The first free column with this cost less the dual.
#[inline(always)]
pub(crate) fn tied<S: Simd, T: Cost>(simd: S, row: &[T], duals: &[f64], taken: &[f64], value: f64) -> Option<usize> {
    let (duals, taken) = (&duals[..row.len()], &taken[..row.len()]);
    position(
        row.len(),
        value,
        #[inline(always)]
        |at| {
            let costs = reduced(simd, &row[at..at + LANES], &duals[at..at + LANES]);
            let taken = load_f64(simd, taken, at);
            [costs[0] + taken[0], costs[1] + taken[1]]
        },
    )
}

/// The first place of a value among those that `sixteen` gives from a place on.
#[inline(always)]
pub(crate) fn position<S: Simd>(length: usize, value: f64, sixteen: impl Fn(usize) -> [F64<S>; 2]) -> Option<usize> {
    for at in (0..length / LANES).map(|block| block * LANES) {
        let values = sixteen(at);
        let found = [values[0].simd_eq(value), values[1].simd_eq(value)];
        if (found[0] | found[1]).any_true() {
            return Some(at + bits(found).trailing_zeros() as usize);
        }
    }
    None
}

/// One bit for each of sixteen lanes.
#[inline(always)]
pub(crate) fn bits<S: Simd, M: SimdMask<S>>(lanes: [M; 2]) -> u64 {
    lanes[0].to_bitmask() | lanes[1].to_bitmask() << 8
}

/// Whether costs are ordinary: finite and so far from the largest `f64` that their squares have a finite sum.
#[inline(always)]
pub(crate) fn are_ordinary<S: Simd, T: Cost>(simd: S, costs: &[T]) -> bool {
    let mut sums = [F64::splat(simd, 0.0); 2];
    let whole = costs.len() / LANES * LANES;
    for at in (0..whole).step_by(LANES) {
        let costs = T::load(simd, costs, at);
        for k in 0..2 {
            sums[k] += costs[k] * costs[k];
        }
    }
    let rest: f64 = costs[whole..].iter().map(|cost| cost.value() * cost.value()).sum();
    (sums[0] + sums[1]).simd_lt(f64::INFINITY).all_true() && rest < f64::INFINITY
}
