//! Rows in which many costs are equal.
//!
//! A constant that stands for whatever does not matter, or a gate beyond which costs are cut off: then nearly all columns
//! tie for a row. Column reduction is no good start for such a matrix. It gives the columns duals that differ by what a
//! few rows have to offer, and all other rows compete for the columns in the order of these. If instead the rows choose
//! first, a column keeps the dual 0 until it is wanted twice, and a row that is left over meets a free column at the
//! distance of the first tie. Nor do a few candidates tell much of a row with more columns that are as cheap, so that the
//! rows are scanned as a whole.

use simd::{LANES, Simd, prelude::*};

use crate::cost::Cost;
use crate::scan::bits;
use crate::view::{CostRows, MatrixView};

/// Rows below which all are looked at, and the share of constant ones, one in so many, from which they are many there.
const FEW_ROWS: usize = 4 * LANES;
const SHARE_OF_FEW: usize = 4;

/// Rows that are looked at in larger matrices, and the share of constant ones from which they are many.
const ROWS: usize = 64;
const SHARE: usize = 20;

/// Changes from a cell to its neighbour in a whole row that leave it so few costs of its own.
const CHANGES: usize = 20;

/// Whether many rows are constant or, in larger matrices, most have few costs of their own.
#[inline(always)]
pub(crate) fn are_many<S: Simd, T: Cost>(simd: S, view: &MatrixView<'_, T>) -> bool {
    let &MatrixView { rows, columns, .. } = view;
    if rows < FEW_ROWS {
        return are_constant(simd, &mut view.clone());
    }
    let count = (rows / 8).clamp(ROWS / 4, ROWS);
    let (mut constant, mut changes) = (0, 0);
    for k in 0..count {
        let costs = view.row(k * rows / count);
        // here and there, since only some of a row may be padding
        let start = k * (columns - LANES) / (count - 1);
        let part = &costs[start..start + LANES];
        let changes_here = part.windows(2).filter(|pair| pair[0].value() != pair[1].value()).count();
        changes += if part[0].value() < f64::INFINITY { changes_here } else { LANES };
        constant += usize::from(changes_here == 0 && is_constant(simd, costs, columns));
    }
    SHARE * constant >= count || changes * columns <= CHANGES * count * (LANES - 1)
}

/// Whether a quarter of all rows are constant, which are few.
#[inline(always)]
pub(crate) fn are_constant<S: Simd, T: Cost, R: CostRows<T>>(simd: S, rows: &mut R) -> bool {
    let (height, columns) = (rows.rows(), rows.columns());
    let Some(last) = height.checked_sub(1) else { return false };
    // four show whether it is worth while to look at all
    let mut any = false;
    for row in [last, 0, 2 * last / 3, last / 3] {
        any |= is_constant(simd, rows.row(row), columns);
    }
    if !any {
        return false;
    }
    let mut missing = height.div_ceil(SHARE_OF_FEW);
    for row in 0..height {
        missing -= usize::from(is_constant(simd, rows.row(row), columns));
        if missing == 0 {
            return true;
        }
    }
    false
}

/// Whether at least half of a row has one cost, at its start or its end.
pub(crate) fn is_padding<T: Cost>(costs: &[T]) -> bool {
    let are_half = |value: f64| 2 * costs.iter().filter(|cost| cost.value() == value).count() >= costs.len();
    are_half(costs[0].value()) || are_half(costs[costs.len() - 1].value())
}

/// Whether the costs of a row are equal and may be chosen. `costs`: `[width]`, of which `columns` count.
#[inline(always)]
fn is_constant<S: Simd, T: Cost>(simd: S, costs: &[T], columns: usize) -> bool {
    let first = costs[0].value();
    if first != costs[columns - 1].value() || first == f64::INFINITY {
        return false;
    }
    for at in (0..columns).step_by(LANES) {
        let costs = T::load(simd, costs, at);
        let others = !bits([costs[0].simd_eq(first), costs[1].simd_eq(first)]);
        // what lies beyond the columns may be anything
        let counting = u64::MAX >> (64 - (columns - at).min(LANES));
        if others & counting != 0 {
            return false;
        }
    }
    true
}
