//! One image of one layer of a part, as its stages see it.

use super::inputs::Inputs;
use super::part::Part;
use super::plan::{Layout, Slot};
use super::setup::{Active, Setup};
use crate::batch::{ImageView, Views};
use crate::error::{QueryPlace, Result};
use crate::field::FieldRows;
use crate::shape::not_finite;
use crate::terms::class::Logits;
use crate::terms::pair::At;
use crate::terms::{LOGITS, queries_of};

/// What is read of an image.
#[derive(Clone, Copy)]
pub(crate) struct Image<'a> {
    pub part: &'a Part,
    pub slot: &'a Slot,
    pub image: usize,
    /// Whether the matching is to be solved, rather than known.
    pub is_optimal: bool,
    pub queries: usize,
    /// Columns of the logits.
    pub classes: usize,
    /// Where it lies; the number of its first pair is known of jobs alone.
    pub at: At,
    /// Rows of the part's queries.
    pub rows: FieldRows<'a>,
    pub targets: ImageView<'a>,
    /// `[queries, targets]`, added to the cost.
    pub cost: Option<&'a [f32]>,
}

impl<'a> Image<'a> {
    pub fn new(layout: &'a Layout, inputs: &'a Inputs<'a>, views: &'a Views<'_>, slot: &'a Slot, image: usize) -> Self {
        let part = &layout.parts[slot.part];
        Self {
            part,
            slot,
            image,
            is_optimal: slot.is_optimal(),
            queries: part.queries.len(),
            classes: layout.layers[slot.tensors].classes,
            at: At { seed: inputs.seed, part: slot.part, layer: slot.layer, image, first_pair: 0 },
            rows: inputs.queries(layout, slot, image),
            targets: views.image(image, part.class_agnostic),
            cost: inputs.cost(layout, slot, image),
        }
    }

    /// Families that take part.
    pub fn active(&self) -> &'a Active {
        &self.slot.active
    }

    /// The image's own logits, or those that stand in for them.
    pub fn logits<'b>(&self, rows: &FieldRows<'b>) -> Logits<'b> {
        Logits { values: rows.get(LOGITS), queries: self.queries, classes: self.classes }
    }

    pub fn place(&self, query: usize) -> QueryPlace {
        let query = self.part.queries.start + query;
        QueryPlace { part: self.slot.part, layer: self.slot.layer, image: self.image, query }
    }

    /// Whether all values of a query are finite that its matching depends on.
    pub fn is_finite(&self, setup: &Setup, query: usize) -> bool {
        let of_families = setup.pairs(self.active()).flat_map(|(family, _)| queries_of(family));
        std::iter::once(LOGITS).chain(of_families).all(|field| not_finite(self.rows.row(field, query)).is_none())
    }
}

/// Looks at a row of a field: how many values are not finite. Where all are, they must be within the rules.
///
/// # Errors
/// A value that is refused.
pub(crate) fn inspect(
    setup: &Setup,
    image: &Image<'_>,
    field: usize,
    query: usize,
    broken: impl Fn(&[f32]) -> Option<crate::terms::pair::Broken>,
) -> Result<usize> {
    use crate::error::{Error, Place};
    let row = image.rows.row(field, query);
    let info = crate::terms::query_field(field);
    let place = image.place(query);
    let place = if image.rows.is_own(field) { Place::Query(place) } else { Place::Image(place) };
    let axes = image.rows.axes(field);
    if let Some((at, bad)) = not_finite(row) {
        if setup.leaves_out {
            return Ok(bad);
        }
        let component = info.component(row.len(), axes, at);
        return Err(Error::NotFinite { place, field: info.name, component, value: row[at] });
    }
    match broken(row) {
        Some(broken) => {
            let component = info.component(row.len(), axes, broken.at);
            Err(Error::Value { place, field: info.name, component, value: row[broken.at], rule: broken.rule })
        }
        None => Ok(0),
    }
}
