//! Which rows are equal. Who pads a matrix to a square adds many of them.
//!
//! Equal rows cost the searches dear: a column that is reached belongs to one of them, the columns of all others lie at the
//! same distance, and each would have to be scanned to learn what the first one told. Where groups are known, a search
//! scans one row of each.

use crate::outcome::NONE;

/// The share of the rows, one in so many, from which a group comes first.
const MAJORITY: usize = 2;

/// Which rows are equal.
#[derive(Debug)]
pub(crate) struct Groups {
    /// The first row of each row's group.
    first: Vec<u32>,
    /// The next row of the same group, or [`NONE`].
    next: Vec<u32>,
    /// The size of the group of which a row is the first, 0 for others.
    sizes: Vec<u32>,
    largest: usize,
    /// The number of rows that each row equals, summed.
    pub weight: usize,
}

impl Groups {
    /// From the first row of each row's group.
    pub fn new(first: Vec<u32>) -> Self {
        let rows = first.len();
        let (mut next, mut last, mut sizes) = (vec![NONE; rows], vec![0; rows], vec![0u32; rows]);
        for (row, &first) in first.iter().enumerate() {
            let first = first as usize;
            if first != row {
                next[last[first] as usize] = row as u32;
            }
            last[first] = row as u32;
            sizes[first] += 1;
        }
        let largest = (0..rows).rev().max_by_key(|&row| sizes[row]).unwrap_or(0);
        let weight = sizes.iter().map(|&size| size as usize * size as usize).sum();
        Self { first, next, sizes, largest, weight }
    }

    /// The first row of a row's group.
    #[inline(always)]
    pub fn first(&self, row: usize) -> usize {
        self.first[row] as usize
    }

    /// The rows of a row's group.
    pub fn equals(&self, row: usize) -> impl Iterator<Item = usize> {
        let next = |row: &u32| Some(self.next[*row as usize]).filter(|&row| row != NONE);
        std::iter::successors(Some(self.first[row]), next).map(|row| row as usize)
    }

    /// The first row of the largest group.
    pub fn largest(&self) -> usize {
        self.largest
    }

    /// The first row of each group and how many it holds.
    pub fn sizes(&self) -> impl Iterator<Item = (usize, usize)> {
        self.sizes.iter().enumerate().map(|(first, &size)| (first, size as usize))
    }

    /// The first row of a group that holds at least half of all rows.
    pub fn majority(&self) -> Option<usize> {
        Some(self.largest).filter(|&largest| self.sizes[largest] as usize * MAJORITY >= self.first.len())
    }
}
