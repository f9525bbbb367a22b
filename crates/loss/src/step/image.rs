//! One image of one layer of a part, as its stages see it.

use lsap::Share;

use super::inputs::Inputs;
use super::part::Part;
use super::plan::{Layout, Slot};
use super::setup::{Active, Setup};
use crate::batch::{Columns, ImageView, Views};
use crate::error::{QueryPlace, Result};
use crate::field::{FieldRows, Owner};
use crate::shape::not_finite;
use crate::terms::class::Logits;
use crate::terms::pair::At;
use crate::terms::{LOGITS, OWNERS, queries_of};

/// What an image is made with, before it is known who helps.
static ALONE: Share = Share::ALONE;

/// What is read of an image.
#[derive(Clone, Copy)]
pub(crate) struct Image<'a> {
    pub part: &'a Part,
    pub slot: &'a Slot,
    pub image: usize,
    /// Whether the matching is to be solved, rather than known.
    pub is_optimal: bool,
    pub queries: usize,
    /// Columns of the logits, absent ones included.
    pub classes: usize,
    /// Where it lies; the number of its first pair is known of jobs alone.
    pub at: At,
    /// The columns that the image has, where some are absent.
    pub columns: Option<&'a Columns>,
    /// `[queries]`: what the background's loss is multiplied by; absent where that is 1 for all.
    pub query_weights: Option<&'a [f32]>,
    /// Rows of the part's queries.
    pub rows: FieldRows<'a>,
    pub targets: ImageView<'a>,
    /// `[queries, targets]`, added to the cost.
    pub cost: Option<&'a [f32]>,
    /// Threads that may help.
    pub share: &'a Share,
}

impl<'a> Image<'a> {
    pub fn new(layout: &'a Layout, inputs: &'a Inputs<'a>, views: &'a Views<'_>, slot: &'a Slot, image: usize) -> Self {
        let part = &layout.parts[slot.part];
        let classes = layout.layers[slot.tensors].classes;
        Self {
            part,
            slot,
            image,
            is_optimal: slot.is_optimal(),
            queries: part.queries.len(),
            classes,
            at: At { seed: inputs.seed, part: slot.part, layer: slot.layer, image, first_pair: 0 },
            columns: views.columns(image, classes),
            query_weights: inputs.query_weights(layout, slot, image),
            rows: inputs.queries(layout, slot, image),
            targets: views.image(image, part.class_agnostic),
            cost: inputs.cost(layout, slot, image),
            share: &ALONE,
        }
    }

    /// Families that take part.
    pub fn active(&self) -> &'a Active {
        &self.slot.active
    }

    /// The logits of rows that are the image's own, or stand in for them. `gathered`: those of the columns that the image has,
    /// where some are absent.
    pub fn logits<'b>(&self, rows: &FieldRows<'b>, gathered: &'b [f32]) -> Logits<'b>
    where
        'a: 'b,
    {
        let Self { queries, classes, columns, .. } = *self;
        match columns {
            None => Logits { values: rows.get(LOGITS), queries, classes, columns },
            Some(own) => Logits { values: gathered, queries, classes: own.count(), columns },
        }
    }

    /// The first logit of a query that is NaN or infinite, and how many are, among the columns that there are.
    fn not_finite_logits(&self, query: usize) -> Option<(usize, usize)> {
        let row = self.rows.row(LOGITS, query);
        let Some(columns) = self.columns else { return not_finite(row) };
        let mut bad = (0..row.len()).filter(|&column| columns.has(column) && !row[column].is_finite());
        Some((bad.next()?, 1 + bad.count()))
    }

    /// The first value of a field that is NaN or infinite, and how many are.
    fn not_finite(&self, field: usize, query: usize) -> Option<(usize, usize)> {
        if field == LOGITS { self.not_finite_logits(query) } else { not_finite(self.rows.row(field, query)) }
    }

    pub fn place(&self, query: usize) -> QueryPlace {
        let query = self.part.queries.start + query;
        QueryPlace { part: self.slot.part, layer: self.slot.layer, image: self.image, query }
    }

    /// Whether all values of a query are finite that its matching depends on.
    pub fn is_finite(&self, setup: &Setup, query: usize) -> bool {
        let of_families = setup.pairs(self.active()).flat_map(|(family, _)| queries_of(family));
        std::iter::once(LOGITS).chain(of_families).all(|field| self.not_finite(field, query).is_none())
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
    let place = match OWNERS[field] {
        Owner::Query => Place::Query(place),
        Owner::Image => Place::Image(place),
        Owner::Layer | Owner::Pair => Place::Layer(place),
    };
    let axes = image.rows.axes(field);
    if let Some((at, bad)) = image.not_finite(field, query) {
        if setup.leaves_out && !info.is_given {
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
