//! Rows in which many costs are equal.
//!
//! A constant that stands for whatever does not matter, a gate beyond which costs are cut off, or a few distinct values:
//! then most columns tie for a row. Column reduction is no good start for such a matrix. It gives the columns duals that
//! differ by what a few rows have to offer, and all other rows compete for the columns in the order of these. If instead
//! the rows choose first, a column keeps the dual 0 until it is wanted twice, and a row that is left over meets a free
//! column at the distance of the first tie. Nor do a few candidates tell much of a row with more columns that are as
//! cheap, so that the rows are scanned as a whole.

use super::Cost;
use super::block::Block;
use crate::simd::LANES;

/// Rows that are looked at, and neighbouring cells of each.
const ROWS: usize = 16;
const CELLS: usize = LANES;

/// Pairs of equal neighbours among all, in percent, from which ties are many.
const MANY: usize = 20;

/// Whether many neighbouring cells are equal.
pub(super) fn are_many<T: Cost>(block: &Block<'_, T>) -> bool {
    let cells = CELLS.min(block.columns);
    let rows = ROWS.min(block.rows);
    let mut equal = 0;
    for k in 0..rows {
        let row = k * block.rows / rows;
        // here and there, since only some of a row may be padding
        let start = if block.columns > cells { (k * (block.columns / ROWS)) % (block.columns - cells) } else { 0 };
        let costs = &block.row(row)[start..start + cells];
        let are_equal = |pair: &&[T]| pair[0].value() == pair[1].value() && pair[0].value() < f64::INFINITY;
        equal += costs.windows(2).filter(are_equal).count();
    }
    100 * equal >= MANY * rows * (cells - 1).max(1)
}
