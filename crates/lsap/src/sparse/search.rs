//! One search for a shortest augmenting path over listed cells: Dijkstra's algorithm with a heap.
//!
//! The nearest free column so far bounds the search: what lies farther is never pushed. Columns at the distance just
//! reached are scanned at once, past the heap. Ties go to a free column first, then to the first one met.

use crate::outcome::NONE;
use crate::sparse::column::ColumnState;
use crate::sparse::heap::Heap;
use crate::sparse::rows::ListedCell;

/// One Dijkstra search.
#[derive(Debug, Default)]
pub(crate) struct SparseSearch {
    heap: Heap,
    /// Columns to be scanned at the distance just reached.
    pub tight: Vec<u32>,
    /// Scanned columns and their distances.
    pub scanned: Vec<(u32, f64)>,
    /// Columns whose distance is to be reset.
    pub touched: Vec<u32>,
    /// The distance up to which all is scanned.
    pub reached: f64,
    /// Where it ends as far as is known.
    pub end: SearchEnd,
    /// What is not nearer than this is of no use.
    horizon: f64,
    /// Cells scanned since the first search.
    pub work: usize,
}

/// An end of a search.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) enum SearchEnd {
    #[default]
    Nowhere,
    /// A free column and its distance.
    At(u32, f64),
    /// A row that stays without its column, and the distance.
    Leaving(u32, f64),
}

impl SparseSearch {
    pub fn begin(&mut self) {
        self.heap.clear();
        self.tight.clear();
        self.scanned.clear();
        self.touched.clear();
        // a first distance may be negative, since the start's own dual is left out
        self.reached = f64::NEG_INFINITY;
        self.end = SearchEnd::Nowhere;
        self.horizon = f64::INFINITY;
    }

    /// Offers to end with a row that stays without its column. A free column at the same distance is better still.
    pub fn may_leave(&mut self, row: u32, distance: f64) {
        if distance < self.horizon {
            self.end = SearchEnd::Leaving(row, distance);
            self.horizon = distance.next_up();
        }
    }

    /// Offers the columns of `row` the path through it.
    #[inline]
    pub fn relax(&mut self, cells: &[ListedCell], duals: &[f64], columns: &mut [ColumnState], row: u32, offset: f64) {
        self.work += cells.len();
        for &ListedCell { cost, column: index } in cells {
            let offered = (cost - duals[index as usize]) + offset;
            if offered >= self.horizon {
                continue;
            }
            let column = &mut columns[index as usize];
            if offered >= column.distance {
                continue;
            }
            if column.distance == f64::INFINITY {
                self.touched.push(index);
            }
            (column.distance, column.parent, column.cost) = (offered, row, cost);
            if column.row == NONE {
                self.end = SearchEnd::At(index, offered);
                self.horizon = offered;
            } else if offered <= self.reached {
                column.distance = f64::NEG_INFINITY;
                self.tight.push(index);
            } else {
                self.heap.push(offered, index);
            }
        }
    }

    /// The next column to scan, if any is nearer than the end.
    pub fn next(&mut self, columns: &mut [ColumnState]) -> Option<u32> {
        if self.horizon <= self.reached {
            return None;
        }
        let column = match self.tight.pop() {
            Some(column) => column,
            None => self.pop(columns)?,
        };
        self.scanned.push((column, self.reached));
        Some(column)
    }

    /// The nearest column of the heap whose entry is not out of date.
    fn pop(&mut self, columns: &mut [ColumnState]) -> Option<u32> {
        loop {
            let (distance, index) = self.heap.pop().filter(|&(distance, _)| distance < self.horizon)?;
            let column = &mut columns[index as usize];
            if column.distance == distance {
                column.distance = f64::NEG_INFINITY;
                self.reached = distance;
                return Some(index);
            }
        }
    }
}
