//! One search for a shortest augmenting path in a dense matrix: Dijkstra's algorithm over reduced costs.
//!
//! A row that is scanned writes nothing but the distances, without a branch: which row a column is reached from is asked
//! only of the few columns on the path, at the end. A scanned column carries the dual -infinity in the search, as the places
//! beyond the last column always do, which keeps it out of every minimum without a mask. Ties go to a free column first,
//! then to the lowest index.

use simd::{F64, LANES, Simd, load_f64, prelude::*, store_f64};

use crate::cost::Cost;
use crate::groups::Groups;
use crate::outcome::NONE;
use crate::scan::{position, reduced};

/// One Dijkstra search.
#[derive(Debug, Default)]
pub(crate) struct Search {
    /// Duals of the columns, -infinity once scanned.
    duals: Vec<f64>,
    /// Length of the shortest path to a column, +infinity once scanned.
    pub distance: Vec<f64>,
    /// Scanned columns and their distances.
    pub scanned: Vec<(usize, f64)>,
    /// Columns that need no scan since they belong to equals of a row that is reached, and their distances.
    pub closed: Vec<(usize, f64)>,
    /// The rows reached, the first by none and each other by one more scanned column, with what turns c - v into the
    /// length of the path that ends with it.
    pub reached: Vec<(usize, f64)>,
    pub end: End,
}

/// Where a search ends if it meets nothing nearer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct End {
    pub distance: f64,
    pub place: EndPlace,
}

/// A place where a search may end.
#[derive(Clone, Copy, Debug)]
pub(crate) enum EndPlace {
    /// A free column.
    Column(usize),
    /// A reached row that stays without a column.
    Row(usize),
}

impl Default for End {
    fn default() -> Self {
        Self { distance: f64::INFINITY, place: EndPlace::Column(0) }
    }
}

impl Search {
    /// Forgets all and begins at a row. `duals`: those of the columns.
    pub fn begin(&mut self, start: usize, duals: &[f64]) {
        self.scanned.clear();
        self.closed.clear();
        self.reached.clear();
        self.reached.push((start, 0.0));
        self.reopen(duals);
    }

    /// Goes on over the columns with these duals, to which the rows reached have offered nothing yet.
    pub fn reopen(&mut self, duals: &[f64]) {
        self.duals.clear();
        self.duals.extend_from_slice(duals);
        self.distance.clear();
        self.distance.resize(duals.len(), f64::INFINITY);
        self.end = End::default();
    }

    /// Lets the search end at a reached row that stays without a column, if nothing nearer is known.
    pub fn may_end_at(&mut self, reached: usize, distance: f64) {
        if distance < self.end.distance {
            self.end = End { distance, place: EndPlace::Row(reached) };
        }
    }

    /// Notes that a column has its final distance, by which its row is reached.
    pub fn scan(&mut self, column: usize, distance: f64, row: usize, offset: f64) {
        self.scanned.push((column, distance));
        self.reached.push((row, offset));
        self.leave(column);
    }

    /// Offers a column nothing from here on.
    fn leave(&mut self, column: usize) {
        self.duals[column] = f64::NEG_INFINITY;
        self.distance[column] = f64::INFINITY;
    }

    /// Closes the columns of a row's equals; gives whether there were any. All lie at the distance at which the row is
    /// reached, since equal rows that have columns have equal duals, so that theirs are final; and what their rows
    /// would offer the row offers already.
    pub fn close(&mut self, groups: &Groups, row: usize, column_of_row: &[u32]) -> bool {
        let before = self.closed.len();
        for column in groups.equals(row).map(|row| column_of_row[row]).filter(|&column| column != NONE) {
            let column = column as usize;
            if self.duals[column] > f64::NEG_INFINITY {
                self.closed.push((column, self.distance[column]));
                self.leave(column);
            }
        }
        self.closed.len() > before
    }

    /// The rows that were reached, or need not be.
    pub fn rows(&self, row_of_column: &[u32]) -> Vec<usize> {
        let closed = self.closed.iter().map(|&(column, _)| row_of_column[column] as usize);
        self.reached.iter().map(|&(row, _)| row).chain(closed).collect()
    }
}

/// Offers every column the path through a row; returns the nearest column that is not scanned and its distance, which mean
/// nothing beyond the end. If it is free, or a free one is as near, the search ends there.
#[inline(always)]
pub(crate) fn relax<S: Simd, T: Cost>(
    simd: S,
    costs: &[T],
    search: &mut Search,
    taken: &[f64],
    offset: f64,
) -> (f64, usize) {
    let mut nearest = F64::splat(simd, f64::INFINITY);
    let mut nearest_free = nearest;
    // of one length, which spares the checks
    let width = costs.len();
    let (duals, distances, taken) = (&search.duals[..width], &mut search.distance[..width], &taken[..width]);
    for at in (0..width / LANES).map(|block| block * LANES) {
        let cost = reduced(simd, &costs[at..at + LANES], &duals[at..at + LANES]);
        let (old, taken) = (load_f64(simd, distances, at), load_f64(simd, taken, at));
        let distance = [old[0].min(cost[0] + offset), old[1].min(cost[1] + offset)];
        store_f64(distance, distances, at);
        nearest = nearest.min(distance[0].min(distance[1]));
        nearest_free = nearest_free.min((distance[0] + taken[0]).min(distance[1] + taken[1]));
    }
    let (distance, free) = (nearest.reduce_min(), nearest_free.reduce_min());
    if distance >= search.end.distance {
        return (distance, 0);
    }
    let column = if free > distance {
        position(
            width,
            distance,
            #[inline(always)]
            |at| load_f64(simd, distances, at),
        )
    } else {
        position(
            width,
            distance,
            #[inline(always)]
            |at| {
                let (distance, taken) = (load_f64(simd, distances, at), load_f64(simd, taken, at));
                [distance[0] + taken[0], distance[1] + taken[1]]
            },
        )
    };
    let column = column.unwrap_or_default();
    if free <= distance {
        search.end = End { distance, place: EndPlace::Column(column) };
    }
    (distance, column)
}
