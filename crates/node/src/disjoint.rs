//! Memory that is written to must not be read, or written to, through another slice of the same call: that is what makes
//! the exports' `unsafe` sound. TypeScript says it with better words beforehand.

use crate::error::{Failure, Result};

/// Up to so many arrays are compared one by one; more are sorted.
const FEW: usize = 16;

/// Addresses of an array: the first, and that behind the last.
type Extent = (usize, usize);

/// The arrays of a call, first those that are written to.
pub struct Arrays {
    few: [Extent; FEW],
    /// All of them, once they are more than a few.
    all: Vec<Extent>,
    count: usize,
    written: usize,
}

impl Default for Arrays {
    fn default() -> Self {
        Self { few: [(0, 0); FEW], all: Vec::new(), count: 0, written: 0 }
    }
}

impl Arrays {
    /// Those that are written to.
    pub fn written<'a, T: 'a>(&mut self, arrays: impl IntoIterator<Item = &'a [T]>) -> &mut Self {
        self.read(arrays);
        self.written = self.count;
        self
    }

    /// Those that are read; after all that are written to.
    pub fn read<'a, T: 'a>(&mut self, arrays: impl IntoIterator<Item = &'a [T]>) -> &mut Self {
        for array in arrays.into_iter().filter(|array| !array.is_empty()) {
            let range = array.as_ptr_range();
            self.push((range.start as usize, range.end as usize));
        }
        self
    }

    fn push(&mut self, extent: Extent) {
        match self.few.get_mut(self.count) {
            Some(place) => *place = extent,
            None => {
                if self.all.is_empty() {
                    self.all.extend(self.few);
                }
                self.all.push(extent);
            }
        }
        self.count += 1;
    }

    /// Refuses arrays of which one is written to and another overlaps it. `argument`: what is to blame.
    pub fn check(&self, argument: &'static str) -> Result<()> {
        let is_shared = match self.few.get(..self.count) {
            Some(few) => is_any_shared(few, self.written),
            None => is_neighbour_shared(&self.all, self.written),
        };
        if is_shared {
            let message = "an array that is written to shares memory with another of the call";
            return Err(Failure::Binding("RANGE", argument, message.to_owned()));
        }
        Ok(())
    }
}

/// Compares each of those that are written to, the first, with all after it.
fn is_any_shared(extents: &[Extent], written: usize) -> bool {
    let overlap = |a: Extent, b: Extent| a.0 < b.1 && b.0 < a.1;
    (0..written).any(|at| extents[at + 1..].iter().any(|&other| overlap(extents[at], other)))
}

/// Sorts them, so that those which overlap come one after the other.
fn is_neighbour_shared(extents: &[Extent], written: usize) -> bool {
    let mut extents: Vec<_> = extents.iter().enumerate().map(|(k, &extent)| (extent, k < written)).collect();
    extents.sort_unstable();
    // the furthest end so far, of all arrays and of those that are written to
    let (mut end, mut written_end) = (0, 0);
    extents.iter().any(|&((start, stop), is_written)| {
        let is_shared = start < written_end || is_written && start < end;
        end = end.max(stop);
        written_end = if is_written { written_end.max(stop) } else { written_end };
        is_shared
    })
}
