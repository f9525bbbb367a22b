//! One lazy search for a shortest augmenting path: a queue of columns to scan and rows to read again.
//!
//! A column enters the queue with its distance, and a row with the distance that the bound of its candidates gives. Columns
//! at the distance just reached wait past the queue. Only distances that were touched are reset.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use simd::{F64, LANES, Simd, load_f64, prelude::*};

use crate::cost::Cost;
use crate::outcome::NONE;
use crate::state::State;
use crate::view::MatrixView;

/// One search for a shortest path, and what lasts from one to the next.
#[derive(Debug, Default)]
pub(crate) struct LazySearch {
    /// Length of the shortest path to a column, -infinity once scanned, +infinity before it is reached.
    pub distance: Vec<f64>,
    /// The row before a column on its path.
    pub parent: Vec<u32>,
    /// What is subtracted from a row's c - v to give the length of a path through a row.
    pub offset: Vec<f64>,
    /// Rows whose candidates do not help: they are scanned as a whole.
    pub scans_whole_row: Vec<bool>,
    /// The search that last read a row.
    pub read_in: Vec<u32>,
    pub number: u32,
    pub queue: BinaryHeap<Event>,
    /// Columns no farther than the last one scanned.
    pub at_once: Vec<u32>,
    /// Columns reached.
    pub touched: Vec<u32>,
    /// Columns scanned and their distances.
    pub scanned: Vec<(u32, f64)>,
    /// What a scan of a whole row finds.
    pub offers: Vec<(u32, f64)>,
    /// Distance of the last column scanned.
    pub reach: f64,
    /// The nearest free column.
    pub end: u32,
    pub end_distance: f64,
    /// Work done since the budget was set, in cells scanned.
    pub work: usize,
}

/// What happens at a distance.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Event {
    pub distance: f64,
    /// A column to scan, or a row to read again plus `ROW`.
    pub what: u32,
}

pub(crate) const ROW: u32 = 1 << 31;

impl Ord for Event {
    /// The nearest is the greatest, columns before rows.
    fn cmp(&self, other: &Self) -> Ordering {
        other.distance.total_cmp(&self.distance).then(other.what.cmp(&self.what))
    }
}

impl PartialOrd for Event {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Event {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Event {}

impl LazySearch {
    pub fn reset<T>(&mut self, view: &MatrixView<'_, T>) {
        self.distance.clear();
        self.distance.resize(view.width, f64::INFINITY);
        self.parent.clear();
        self.parent.resize(view.width, NONE);
        self.offset.clear();
        self.offset.resize(view.rows, 0.0);
        self.scans_whole_row.clear();
        self.scans_whole_row.resize(view.rows, false);
        self.read_in.clear();
        self.read_in.resize(view.rows, 0);
        self.number = 0;
        self.forget();
    }

    pub fn begin(&mut self) {
        self.number += 1;
        self.reach = f64::NEG_INFINITY;
        self.end = NONE;
        self.end_distance = f64::INFINITY;
    }

    /// Forgets a search, in time proportional to what it reached.
    pub fn forget(&mut self) {
        for &column in &self.touched {
            self.distance[column as usize] = f64::INFINITY;
        }
        self.touched.clear();
        self.scanned.clear();
        self.queue.clear();
        self.at_once.clear();
    }

    /// Offers a column a path.
    #[inline(always)]
    pub fn offer(&mut self, state: &State, row: usize, column: usize, distance: f64) {
        if distance >= self.end_distance || distance >= self.distance[column] {
            return;
        }
        if self.distance[column] == f64::INFINITY {
            self.touched.push(column as u32);
        }
        self.parent[column] = row as u32;
        if state.row_of_column[column] == NONE {
            self.distance[column] = distance;
            self.end_distance = distance;
            self.end = column as u32;
        } else if distance <= self.reach {
            self.distance[column] = f64::NEG_INFINITY;
            self.at_once.push(column as u32);
        } else {
            self.distance[column] = distance;
            self.queue.push(Event { distance, what: column as u32 });
        }
    }

    /// The next column to scan or row to read, or nothing once the nearest free column is known or none is left.
    pub fn next(&mut self) -> Option<Event> {
        if self.end_distance <= self.reach {
            return None;
        }
        if let Some(column) = self.at_once.pop() {
            self.scanned.push((column, self.reach));
            return Some(Event { distance: self.reach, what: column });
        }
        loop {
            let event = self.queue.pop().filter(|event| event.distance < self.end_distance)?;
            if event.what & ROW != 0 {
                self.reach = self.reach.max(event.distance);
                return Some(event);
            }
            let distance = &mut self.distance[event.what as usize];
            // a column that has been offered a shorter path since has another event
            if *distance == event.distance {
                *distance = f64::NEG_INFINITY;
                self.reach = self.reach.max(event.distance);
                self.scanned.push((event.what, self.reach));
                return Some(event);
            }
        }
    }
}

/// The columns to which a row offers a path shorter than theirs and than `end`.
#[inline(always)]
pub(crate) fn nearer<S: Simd, T: Cost>(
    simd: S,
    costs: &[T],
    duals: &[f64],
    distance: &[f64],
    offset: f64,
    end: f64,
    offers: &mut Vec<(u32, f64)>,
) {
    offers.clear();
    let limit = F64::splat(simd, end);
    for at in (0..costs.len()).step_by(LANES) {
        let cost = T::load(simd, costs, at);
        let dual = load_f64(simd, duals, at);
        let old = load_f64(simd, distance, at);
        let offered = [(cost[0] - dual[0]) - offset, (cost[1] - dual[1]) - offset];
        let low = offered[0].simd_lt(old[0].min(limit));
        let high = offered[1].simd_lt(old[1].min(limit));
        if !(low | high).any_true() {
            continue;
        }
        let mut lanes = low.to_bitmask() | high.to_bitmask() << 8;
        while lanes != 0 {
            let column = at + lanes.trailing_zeros() as usize;
            offers.push((column as u32, (costs[column].value() - duals[column]) - offset));
            lanes &= lanes - 1;
        }
    }
}
