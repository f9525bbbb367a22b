//! Fields: the named tensors of queries and of targets.
//!
//! A step knows tensors by their place in a list of fields, never by name. Which fields there are, the families of terms
//! say ([`crate::terms`]).

use std::fmt;
use std::ops::Range;

use crate::raster::ImageRasters;
pub(crate) use crate::raster::MAX_FIELDS;

/// The most axes of a row.
pub(crate) const MAX_AXES: usize = 3;

/// A tensor that every query, or every target, has a row of; or every image or layer.
#[derive(Debug)]
pub struct Field {
    /// Its name: `boxes`.
    pub name: &'static str,
    /// The axes of a row, three at most, the last of them contiguous. Of an axis without a size, the tensor says how long it
    /// is; where several have none, the structure of the step says how long each is.
    pub axes: &'static [Axis],
    /// Whether the loss has a gradient by it.
    pub has_gradient: bool,
    /// What has a row of it.
    pub owner: Owner,
    /// Whether the caller chooses its values, as those of targets, and no model predicts them: so they are refused where they are not
    /// finite, whatever is done with predictions that are not.
    pub is_given: bool,
    /// Which set of the family's fields it belongs to: a layer has all fields of one set, or of none. Without a set it may be
    /// absent where the others are there.
    pub set: Option<u8>,
}

/// What has a row of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// Each query; or of a field of the targets, each target.
    Query,
    /// Each image, for all its queries.
    Image,
    /// Each layer, for all its images.
    Layer,
    /// Each pair of a layer's matching, image by image and in the order of the queries; the first axis says how many there
    /// are. To whoever reads rows it is one of the layer.
    Pair,
}

/// An axis of a field's rows.
#[derive(Clone, Copy, Debug)]
pub struct Axis {
    /// What an entry is, in the singular: `class`, `component`.
    pub name: &'static str,
    /// Its length, where all tensors have the same.
    pub size: Option<usize>,
}

/// How long the rows of all fields are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RowShapes {
    /// The width of each field; 0 where there is none.
    pub widths: [usize; MAX_FIELDS],
    /// The sizes of the axes of those whose rows have several without one; 0 for the others.
    pub axes: [[usize; MAX_AXES]; MAX_FIELDS],
    /// What has a row of each.
    pub owners: &'static [Owner; MAX_FIELDS],
}

impl RowShapes {
    /// None of any field, each of which a query has a row of.
    pub const NONE: Self =
        Self { widths: [0; MAX_FIELDS], axes: [[0; MAX_AXES]; MAX_FIELDS], owners: &[Owner::Query; MAX_FIELDS] };
}

/// Some rows of all fields: the queries or targets of an image, and what belongs to the image and its layer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FieldRows<'a> {
    source: Source<'a>,
    shapes: &'a RowShapes,
    /// The first row, in what the source has of each field; of fields that images or layers have, the only one.
    first: usize,
    of_image: usize,
    of_layer: usize,
    /// How many rows.
    pub count: usize,
    rasters: Option<ImageRasters<'a>>,
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
    pub fn new(source: Source<'a>, shapes: &'a RowShapes, rows: Range<usize>) -> Self {
        Self { source, shapes, first: rows.start, of_image: 0, of_layer: 0, count: rows.len(), rasters: None }
    }

    /// The same with planes of bytes.
    pub fn with_rasters(self, rasters: ImageRasters<'a>) -> Self {
        Self { rasters: Some(rasters), ..self }
    }

    /// Their planes of bytes, if any may have such.
    pub fn rasters(&self) -> Option<ImageRasters<'a>> {
        self.rasters
    }

    /// The same with the rows that an image and a layer have in what the source has of each field.
    pub fn of(self, image: usize, layer: usize) -> Self {
        Self { of_image: image, of_layer: layer, ..self }
    }

    /// No rows.
    pub fn none() -> Self {
        Self::new(Source::Tensors(&[], &[None; MAX_FIELDS]), &RowShapes::NONE, 0..0)
    }

    /// The same rows from copies that begin with them.
    pub fn copied(self, copies: &'a [Vec<f32>; MAX_FIELDS]) -> Self {
        Self { source: Source::Copies(copies), first: 0, of_image: 0, of_layer: 0, ..self }
    }

    /// The width of a field; 0 where there is none.
    #[inline]
    pub fn width(&self, field: usize) -> usize {
        self.shapes.widths[field]
    }

    /// The sizes of the axes of a field's rows, where several have none of their own.
    #[inline]
    pub fn axes(&self, field: usize) -> [usize; MAX_AXES] {
        self.shapes.axes[field]
    }

    /// The rows of a field, one after the other, or the only one; empty where there is none.
    #[inline]
    pub fn get(&self, field: usize) -> &'a [f32] {
        let values = match self.source {
            Source::Arrays(arrays) => arrays[field],
            Source::Copies(copies) => &copies[field],
            Source::Tensors(tensors, places) => places[field].map_or(&[][..], |place| tensors[place as usize]),
        };
        let width = self.width(field);
        match self.shapes.owners[field] {
            Owner::Query => &values[self.first * width..][..self.count * width],
            Owner::Image => &values[self.of_image * width..][..width],
            Owner::Layer | Owner::Pair => &values[self.of_layer * width..][..width],
        }
    }

    /// One row of a field: a query's or target's own, or that of its image or layer.
    #[inline]
    pub fn row(&self, field: usize, index: usize) -> &'a [f32] {
        let width = self.width(field);
        match self.shapes.owners[field] {
            Owner::Query => &self.get(field)[index * width..][..width],
            Owner::Image | Owner::Layer | Owner::Pair => self.get(field),
        }
    }

    /// Whether queries have rows of their own of a field.
    #[inline]
    pub fn is_own(&self, field: usize) -> bool {
        self.shapes.owners[field] == Owner::Query
    }
}

/// Where in a row a value lies: an index for each axis.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Component(Vec<(&'static str, usize)>);

impl Field {
    /// One that every query or target has a row of, with the family's others.
    pub(crate) const fn row(name: &'static str, axes: &'static [Axis], has_gradient: bool) -> Self {
        Self { name, axes, has_gradient, owner: Owner::Query, is_given: false, set: Some(0) }
    }

    /// Axes of a row that have no size.
    pub(crate) fn open_axes(&self) -> usize {
        self.axes.iter().filter(|axis| axis.size.is_none()).count()
    }

    /// Which entry of a row of `width` values is the one at `at`. `sizes`: of the axes, where several have none.
    pub(crate) fn component(&self, width: usize, sizes: [usize; MAX_AXES], at: usize) -> Component {
        let known: usize = self.axes.iter().filter_map(|axis| axis.size).product();
        let has_sizes = self.open_axes() > 1;
        let mut rest = at;
        let mut indices: Vec<_> = self
            .axes
            .iter()
            .enumerate()
            .rev()
            .map(|(k, axis)| {
                let open = if has_sizes { sizes[k] } else { width / known.max(1) };
                let size = axis.size.unwrap_or(open).max(1);
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
        let field = Field::row("corners", EDGES, true);
        assert_eq!(field.component(4 * 33, [0; MAX_AXES], 2 * 33 + 5).to_string(), "edge 2, bin 5");
        const PLANE: &[Axis] = &[Axis { name: "row", size: None }, Axis { name: "column", size: None }];
        assert_eq!(Field::row("plane", PLANE, true).component(12, [3, 4, 0], 9).to_string(), "row 2, column 1");
    }
}
