//! Augmenting paths in a dense matrix: one shortest path for each row that is free.
//!
//! Each free row grows a tree of alternating paths by Dijkstra's algorithm over the reduced costs c - u - v until it meets a
//! free column; the pairs along the path are swapped and the duals of the scanned columns fall so that all reduced costs
//! stay non-negative. A search that runs out of columns has found a Hall violator: its rows have fewer allowed columns
//! between them than they are.
//!
//! With a limit, a row may also stay without a column at the cost of the limit: in the search that is one more place to
//! end, next to every row, which never has to be scanned since no other row can use it.
//!
//! Of rows that are known to be equal ([`groups`](crate::groups)), a search scans one: once it is reached, the columns of
//! the others have their final distances, and their rows have nothing else to offer.

use simd::{Level, Simd, dispatch};

use crate::cost::Cost;
use crate::outcome::{NONE, Searches};
use crate::search::{End, EndPlace, Search, relax};
use crate::state::State;
use crate::view::CostRows;

impl State {
    /// Finds a path for every free row, unless the work for the first half lets expect more than `patience` cells to be
    /// read.
    pub fn augment_all<T: Cost, R: CostRows<T>>(
        &mut self,
        level: Level,
        rows: &mut R,
        limit: f64,
        patience: usize,
    ) -> Searches {
        self.note_taken();
        let (count, mut work) = (self.free_rows.len(), 0usize);
        for k in 0..count {
            let row = self.free_rows[k] as usize;
            match dispatch!(level, simd => self.augment(simd, rows, row, limit)) {
                Some(_) if self.is_partial => self.unassignable_rows.push(row as u32),
                Some(violator) => return Searches::Infeasible(violator),
                None => {}
            }
            if self.interrupt.is_raised() {
                break;
            }
            work += (self.search.scanned.len() + 1) * rows.width();
            if (work / (k + 1)).saturating_mul(count) > patience && 2 * (k + 1) <= count {
                self.free_rows.drain(..=k);
                return Searches::Spent;
            }
        }
        Searches::Done
    }

    /// Finds the shortest path from a free row to a free column, or to a row that can better stay without one, and
    /// augments along it; or gives the rows between which there is none.
    #[inline(always)]
    fn augment<S: Simd, T: Cost, R: CostRows<T>>(
        &mut self,
        simd: S,
        rows: &mut R,
        start: usize,
        limit: f64,
    ) -> Option<Vec<usize>> {
        let search = &mut self.search;
        search.begin(start, &self.column_duals);
        while let Some(&(row, offset)) = search.reached.last() {
            // a column that is as near is better still, so that there are as many pairs as can be
            search.may_end_at(search.scanned.len(), (limit + offset).next_up());
            if self.interrupt.is_raised() {
                return None;
            }
            let (mut distance, mut column) = relax(simd, rows.row(row), search, &self.taken, offset);
            if search.end.distance > distance
                && let Some(groups) = rows.groups()
                && search.close(groups, row, &self.column_of_row)
            {
                (distance, column) = relax(simd, rows.row(row), search, &self.taken, offset);
            }
            if search.end.distance <= distance {
                break;
            }
            let row = self.row_of_column[column] as usize;
            let offset = distance - (rows.at(row, column) - self.column_duals[column]);
            search.scan(column, distance, row, offset);
        }
        let End { distance, place } = search.end;
        let length = if let EndPlace::Row(_) = place { distance.next_down() } else { distance };
        if length == f64::INFINITY {
            return Some(search.rows(&self.row_of_column));
        }
        let duals = std::mem::take(&mut self.column_duals);
        self.augment_along_path(rows, |column| duals[column]);
        self.column_duals = duals;
        for &(column, distance) in &self.search.scanned {
            self.column_duals[column] += distance - length;
        }
        for &(column, distance) in &self.search.closed {
            self.column_duals[column] += (distance - length).min(0.0);
        }
        None
    }

    /// Augments: swaps the pairs on the path of the search, on which every column comes after a row that offered it its
    /// distance: the last of them, since most long paths go from each row to the next. `dual`: that of a column in the
    /// search.
    pub fn augment_along_path<T: Cost, R: CostRows<T>>(&mut self, rows: &R, dual: impl Fn(usize) -> f64) {
        let Self { search: Search { scanned, reached, end, .. }, taken, column_of_row, row_of_column, .. } = self;
        let (mut before, mut last) = match end.place {
            EndPlace::Column(column) => {
                taken[column] = f64::INFINITY;
                (reached.len(), Some((column, end.distance)))
            }
            EndPlace::Row(k) => {
                column_of_row[reached[k].0] = NONE;
                (k, k.checked_sub(1).map(|k| scanned[k]))
            }
        };
        while let Some((column, distance)) = last {
            let dual = dual(column);
            let offered = |&(row, offset): &(usize, f64)| (rows.at(row, column) - dual) + offset == distance;
            before = reached[..before].iter().rposition(offered).expect("a row that offered the distance");
            let row = reached[before].0;
            column_of_row[row] = column as u32;
            row_of_column[column] = row as u32;
            last = before.checked_sub(1).map(|k| scanned[k]);
        }
    }
}
