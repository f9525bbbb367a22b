//! Fields: the named tensors of queries and of targets.
//!
//! A step knows tensors by their place in a list of fields, never by name. Which fields there are, the families of terms
//! say ([`crate::terms`]).

use std::fmt;
use std::ops::Range;

/// The most fields that queries, or targets, may have.
pub(crate) const MAX_FIELDS: usize = 8;

/// A tensor that every query, or every target, has a row of.
#[derive(Debug)]
pub struct Field {
    /// Its name: `boxes`.
    pub name: &'static str,
    /// The axes of a row, the last of them contiguous. Of an axis without a size, the tensor says how long it is; at most one
    /// has none.
    pub axes: &'static [Axis],
    /// Whether the loss has a gradient by it; a family has at most one such field.
    pub has_gradient: bool,
}

/// An axis of a field's rows.
#[derive(Clone, Copy, Debug)]
pub struct Axis {
    /// What an entry is, in the singular: `class`, `component`.
    pub name: &'static str,
    /// Its length, where all tensors have the same.
    pub size: Option<usize>,
}

/// Some rows of all fields: the queries or targets of an image.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FieldRows<'a> {
    source: Source<'a>,
    /// The width of each field; 0 where there is none.
    widths: &'a [usize; MAX_FIELDS],
    /// The first row, in what the source has of each field.
    first: usize,
    /// How many rows.
    pub count: usize,
}

/// Where the rows of fields lie.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Source<'a> {
    /// An array for each field.
    Arrays(&'a [&'a [f32]; MAX_FIELDS]),
    /// Copies, of which each field has one.
    Copies(&'a [Vec<f32>; MAX_FIELDS]),
    /// Tensors, and which of them holds each field.
    Tensors(&'a [&'a [f32]], &'a [Option<u32>; MAX_FIELDS]),
}

impl<'a> FieldRows<'a> {
    /// The rows of a range.
    pub fn new(source: Source<'a>, widths: &'a [usize; MAX_FIELDS], rows: Range<usize>) -> Self {
        Self { source, widths, first: rows.start, count: rows.len() }
    }

    /// No rows.
    pub fn none() -> Self {
        Self { source: Source::Tensors(&[], &[None; MAX_FIELDS]), widths: &[0; MAX_FIELDS], first: 0, count: 0 }
    }

    /// The same rows from copies that begin with them.
    pub fn copied(self, copies: &'a [Vec<f32>; MAX_FIELDS]) -> Self {
        Self { source: Source::Copies(copies), first: 0, ..self }
    }

    /// The width of a field; 0 where there is none.
    #[inline]
    pub fn width(&self, field: usize) -> usize {
        self.widths[field]
    }

    /// The rows of a field, one after the other; empty where there is none.
    #[inline]
    pub fn get(&self, field: usize) -> &'a [f32] {
        let values = match self.source {
            Source::Arrays(arrays) => arrays[field],
            Source::Copies(copies) => &copies[field],
            Source::Tensors(tensors, places) => places[field].map_or(&[][..], |place| tensors[place as usize]),
        };
        let width = self.widths[field];
        &values[self.first * width..][..self.count * width]
    }

    /// One row of a field.
    #[inline]
    pub fn row(&self, field: usize, index: usize) -> &'a [f32] {
        let width = self.widths[field];
        &self.get(field)[index * width..][..width]
    }
}

/// Where in a row a value lies: an index for each axis.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Component(Vec<(&'static str, usize)>);

impl Field {
    /// Which entry of a row of `width` values is the one at `at`.
    pub(crate) fn component(&self, width: usize, at: usize) -> Component {
        let known: usize = self.axes.iter().filter_map(|axis| axis.size).product();
        let mut rest = at;
        let mut indices: Vec<_> = self
            .axes
            .iter()
            .rev()
            .map(|axis| {
                let size = axis.size.unwrap_or(width / known.max(1)).max(1);
                let index = rest % size;
                rest /= size;
                (axis.name, index)
            })
            .collect();
        indices.reverse();
        Component(indices)
    }
}

/// As messages name it: `edge 1, bin 4`.
impl fmt::Display for Component {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (k, (name, index)) in self.0.iter().enumerate() {
            write!(f, "{}{name} {index}", if k == 0 { "" } else { ", " })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_component_has_an_index_for_each_axis() {
        const EDGES: &[Axis] = &[Axis { name: "edge", size: Some(4) }, Axis { name: "bin", size: None }];
        let field = Field { name: "corners", axes: EDGES, has_gradient: true };
        assert_eq!(field.component(4 * 33, 2 * 33 + 5).to_string(), "edge 2, bin 5");
    }
}
