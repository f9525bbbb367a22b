//! Memory that is written to must not be read, or written to, through another slice of the same call: that is what makes
//! the exports' `unsafe` sound. TypeScript says it with better words beforehand.

use crate::error::{Failure, Result};

/// Up to so many arrays are compared one by one; more are sorted.
const FEW: usize = 16;

/// Addresses of an array: the first, and that behind the last.
type Extent = (usize, usize);

/// The arrays of a call.
pub struct Arrays {
    /// The first of them are written to.
    spans: Vec<Extent>,
    written: usize,
}

impl Default for Arrays {
    fn default() -> Self {
        Self { spans: Vec::with_capacity(FEW), written: 0 }
    }
}

impl Arrays {
    /// Those that are written to.
    pub fn written<'a, T: 'a>(&mut self, arrays: impl IntoIterator<Item = &'a [T]>) -> &mut Self {
        self.read(arrays);
        self.written = self.spans.len();
        self
    }

    /// Those that are read; after all that are written to.
    pub fn read<'a, T: 'a>(&mut self, arrays: impl IntoIterator<Item = &'a [T]>) -> &mut Self {
        let spans = arrays.into_iter().filter(|array| !array.is_empty()).map(|array| {
            let range = array.as_ptr_range();
            (range.start as usize, range.end as usize)
        });
        self.spans.extend(spans);
        self
    }

    /// Refuses arrays of which one is written to and another overlaps it.
    pub fn check(&mut self) -> Result<()> {
        let overlap = |a: Extent, b: Extent| a.0 < b.1 && b.0 < a.1;
        let is_shared = if self.spans.len() <= FEW {
            let (spans, written) = (&self.spans, self.written);
            (0..written).any(|at| spans[at + 1..].iter().any(|&other| overlap(spans[at], other)))
        } else {
            let mut spans: Vec<_> = self.spans.iter().enumerate().map(|(k, &span)| (span, k < self.written)).collect();
            spans.sort_unstable();
            // the furthest end so far, of all arrays and of those that are written to
            let (mut end, mut written_end) = (0, 0);
            spans.iter().any(|&((start, stop), is_written)| {
                let is_shared = start < written_end || is_written && start < end;
                end = end.max(stop);
                written_end = if is_written { written_end.max(stop) } else { written_end };
                is_shared
            })
        };
        if is_shared {
            let message = "an array that is written to shares memory with another of the call";
            return Err(Failure::Binding("RANGE", "call.out", message.to_owned()));
        }
        Ok(())
    }
}
