//! Rows in which many costs are equal.
//!
//! A constant that stands for whatever does not matter, a gate beyond which costs are cut off, or a few distinct values:
//! then most columns tie for a row. Column reduction is no good start for such a matrix. It gives the columns duals that
//! differ by what a few rows have to offer, and all other rows compete for the columns in the order of these. If instead
//! the rows choose first, a column keeps the dual 0 until it is wanted twice, and a row that is left over meets a free
//! column at the distance of the first tie. Nor do a few candidates tell much of a row with more columns that are as
//! cheap, so that the rows are scanned as a whole.

use super::Cost;
use super::block::{Block, Rows};
use crate::simd::LANES;

/// Rows below which only constant rows count: what else ties is dealt with before it is found.
const FEW_ROWS: usize = 4 * LANES;

/// Rows that are looked at, and neighbouring cells of each.
const ROWS: usize = 16;
const CELLS: usize = LANES;

/// Pairs of equal neighbours among all, in percent, from which ties are many.
const MANY: usize = 20;

/// Whether many rows are constant, or in larger matrices many neighbouring cells of rows equal.
pub(super) fn are_many<T: Cost>(block: &Block<'_, T>) -> bool {
    if block.rows < FEW_ROWS {
        return are_constant(&mut block.clone());
    }
    let cells = CELLS.min(block.columns);
    let mut equal = 0;
    for k in 0..ROWS {
        // here and there, since only some of a row may be padding
        let start = k * (block.columns - cells) / (ROWS - 1);
        let costs = &block.row(k * block.rows / ROWS)[start..start + cells];
        equal += equal_neighbours(costs);
    }
    100 * equal >= MANY * ROWS * (cells - 1)
}

/// Whether many of a row's neighbouring cells are equal.
pub(super) fn has_many<T: Cost>(costs: &[T]) -> bool {
    100 * equal_neighbours(costs) >= MANY * (costs.len() - 1)
}

fn equal_neighbours<T: Cost>(costs: &[T]) -> usize {
    let are_equal = |(one, other): (&T, &T)| one.value() == other.value() && one.value() < f64::INFINITY;
    costs.iter().zip(&costs[1..]).map(|pair| usize::from(are_equal(pair))).sum()
}

/// Whether at least a quarter of all rows are constant.
pub(super) fn are_constant<T: Cost, R: Rows<T>>(rows: &mut R) -> bool {
    let (height, columns) = (rows.rows(), rows.columns());
    let mut constant = 0;
    for row in 0..height {
        let costs = &rows.row(row)[..columns];
        let (first, last) = (costs[0].value(), costs[columns - 1].value());
        let is_constant = first == last && first < f64::INFINITY && costs.iter().all(|cost| cost.value() == first);
        constant += usize::from(is_constant);
    }
    4 * constant >= height
}
