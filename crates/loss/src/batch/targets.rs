//! The ground truth of a batch: targets of all images one after the other.

use std::ops::Range;

use crate::error::{Array, Error, Result};
use crate::field::{FieldRows, MAX_FIELDS, RowShapes, Source};
use crate::raster::{ImageRasters, Raster, Rasters, canvas};
use crate::shape::check_length;

/// The targets of all images.
#[derive(Clone, Copy, Debug)]
pub struct Targets<'a> {
    labels: &'a [i32],
    /// `[targets + 1]`: where each target's labels lie; one label for each target if absent.
    label_offsets: Option<&'a [u32]>,
    /// `[targets, width]` each; empty where the batch has none.
    fields: [&'a [f32]; MAX_FIELDS],
    shapes: RowShapes,
    rasters: Rasters<'a>,
    offsets: &'a [u32],
    ignored: &'a [u8],
    /// As long as the labels, or empty where all are 1.
    values: &'a [f32],
    /// `[targets]`, or empty where all are 1.
    weights: &'a [f32],
    /// `[images, columns]`, or empty where all images have all.
    columns: &'a [u8],
}

/// The targets of one image, or some of them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ImageTargets<'a> {
    /// Of all images, where `label_offsets` are given.
    labels: &'a [i32],
    /// `[targets + 1]`, or absent where every target has one label.
    label_offsets: Option<&'a [u32]>,
    /// Parallel to the labels; empty where all are 1.
    values: &'a [f32],
    /// One for each target; empty where all are 1.
    weights: &'a [f32],
    /// Their fields.
    pub rows: FieldRows<'a>,
}

impl<'a> Targets<'a> {
    /// Checks offsets.
    ///
    /// `labels`: `[targets]`, or with `label_offsets`, `[targets + 1]`, those of target `t` are
    /// `label_offsets[t]..label_offsets[t + 1]`. `fields`: `[targets, width]` in the order of [`crate::target_fields`], empty
    /// where there are none. `offsets`: `[images + 1]`; the targets of image `b` are `offsets[b]..offsets[b + 1]`.
    /// `ignored`: `[targets]`, 1 for those and 0 for the others, or empty for none. An ignored target is not matched; its
    /// label has no meaning.
    ///
    /// # Errors
    /// [`Error::Length`] or [`Error::Offsets`].
    pub fn new(
        labels: &'a [i32],
        label_offsets: Option<&'a [u32]>,
        fields: &[&'a [f32]],
        offsets: &'a [u32],
        ignored: &'a [u8],
    ) -> Result<Self> {
        let total = offsets.last().map_or(0, |&last| last as usize);
        check_offsets(offsets, total)?;
        match label_offsets {
            None => check_length(Array::Labels, labels.len(), &[total])?,
            Some(label_offsets) => {
                check_length(Array::Labels, label_offsets.len(), &[total + 1])?;
                check_offsets(label_offsets, labels.len())?;
            }
        }
        if !ignored.is_empty() {
            check_length(Array::Ignored, ignored.len(), &[total])?;
        }
        let (mut all, mut shapes) = ([&[][..]; MAX_FIELDS], RowShapes::NONE);
        for (place, values) in fields.iter().enumerate().filter(|(_, values)| !values.is_empty()) {
            (all[place], shapes.widths[place]) = (values, values.len() / total.max(1));
        }
        let (values, weights, columns) = (&[][..], &[][..], &[][..]);
        let rasters = [&[][..]; MAX_FIELDS];
        Ok(Self { labels, label_offsets, fields: all, shapes, rasters, offsets, ignored, values, weights, columns })
    }

    /// The same with a value for each label: how much its target has of that class, above 0 and at most 1. Empty where all
    /// are 1. In softmax classification a target may then have several labels.
    ///
    /// # Errors
    /// [`Error::Length`].
    pub fn with_values(self, values: &'a [f32]) -> Result<Self> {
        if !values.is_empty() {
            check_length(Array::Positives, values.len(), &[self.labels.len()])?;
        }
        Ok(Self { values, ..self })
    }

    /// The same with a weight for each target, from 0 to 1e12, which its pairs' terms are multiplied by. Empty where all are
    /// 1. What terms are divided by does not depend on it.
    ///
    /// # Errors
    /// [`Error::Length`].
    pub fn with_weights(self, weights: &'a [f32]) -> Result<Self> {
        if !weights.is_empty() {
            check_length(Array::TargetWeights, weights.len(), &[self.total()])?;
        }
        Ok(Self { weights, ..self })
    }

    /// The same where images lack columns of the logits: `[images, columns]`, 0 for those that are absent, otherwise 1. Empty
    /// where none is. What is absent is never read; it has no loss and no cost, and its gradient is 0.
    #[must_use]
    pub fn with_columns(self, columns: &'a [u8]) -> Self {
        Self { columns, ..self }
    }

    /// The same with planes of bytes.
    ///
    /// `rasters`: for each field in the order of [`crate::target_fields`] those of all images, or nothing.
    #[must_use]
    pub fn with_rasters(mut self, rasters: &[&'a [Raster<'a>]]) -> Self {
        self.rasters.iter_mut().zip(rasters).for_each(|(place, &own)| *place = own);
        self
    }

    /// The planes of a field, of all images; empty where there are none.
    pub(crate) fn rasters(&self, place: usize) -> &'a [Raster<'a>] {
        self.rasters[place]
    }

    /// All targets of the batch.
    #[must_use]
    pub fn total(&self) -> usize {
        self.offsets[self.images()] as usize
    }

    /// Images of the batch.
    #[must_use]
    pub fn images(&self) -> usize {
        self.offsets.len() - 1
    }

    /// The least height and width that hold every plane of the batch.
    pub(crate) fn canvas(&self) -> [usize; 2] {
        let sizes = self.rasters.iter().map(|all| canvas(all));
        sizes.fold([0; 2], |[a, b], [height, width]| [a.max(height), b.max(width)])
    }

    /// Whether targets may have several labels.
    pub(crate) fn has_several_labels(&self) -> bool {
        self.label_offsets.is_some()
    }

    /// Whether labels have values.
    pub(crate) fn has_values(&self) -> bool {
        !self.values.is_empty()
    }

    /// `[images, columns]`: 0 for columns that are absent; empty where none is.
    pub(crate) fn columns(&self) -> &'a [u8] {
        self.columns
    }

    /// `[targets]`: what the terms of their pairs are multiplied by; empty where all are 1.
    pub(crate) fn weights(&self) -> &'a [f32] {
        self.weights
    }

    /// The values of a target's labels, numbered among all; empty where all are 1.
    pub(crate) fn values_of(&self, target: usize) -> &'a [f32] {
        match (self.values, self.label_offsets) {
            ([], _) => &[],
            (values, None) => &values[target..=target],
            (values, Some(offsets)) => &values[offsets[target] as usize..offsets[target + 1] as usize],
        }
    }

    /// Labels of all targets.
    pub(crate) fn labels(&self) -> usize {
        self.labels.len()
    }

    /// `[targets]`: 1 for those that are ignored; empty where none are.
    pub(crate) fn ignored(&self) -> &'a [u8] {
        self.ignored
    }

    /// The same, with none ignored.
    pub(crate) fn without_ignored(self) -> Self {
        Self { ignored: &[], ..self }
    }

    /// `[targets, width]` of a field.
    pub(crate) fn field(&self, place: usize) -> &'a [f32] {
        self.fields[place]
    }

    /// How long the rows of all fields are.
    pub(crate) fn shapes(&self) -> &RowShapes {
        &self.shapes
    }

    /// The labels of a target, numbered among all.
    pub(crate) fn labels_of(&self, target: usize) -> &'a [i32] {
        match self.label_offsets {
            None => &self.labels[target..=target],
            Some(offsets) => &self.labels[offsets[target] as usize..offsets[target + 1] as usize],
        }
    }

    /// Where the targets of an image lie among all.
    pub(crate) fn range(&self, image: usize) -> Range<usize> {
        self.offsets[image] as usize..self.offsets[image + 1] as usize
    }

    /// The targets of an image.
    pub(crate) fn image(&self, image: usize) -> ImageTargets<'_> {
        let range = self.range(image);
        let rows = FieldRows::new(Source::Arrays(&self.fields), &self.shapes, range.clone());
        let rows = rows.with_rasters(ImageRasters::new(&self.rasters, image));
        let first = range.start;
        ImageTargets::new(self.labels, self.label_offsets, rows, range).valued(first, self.values, self.weights)
    }
}

impl<'a> ImageTargets<'a> {
    /// With the values of all labels and the weights of all targets that they are some of; either may be empty. `first`: which of
    /// all is the first of them.
    pub fn valued(self, first: usize, values: &'a [f32], weights: &'a [f32]) -> Self {
        let own = |all: &'a [f32]| if all.is_empty() { all } else { &all[first..first + self.len()] };
        // where targets have several labels, offsets are those of all
        let values = if self.label_offsets.is_some() { values } else { own(values) };
        Self { values, weights: own(weights), ..self }
    }

    /// Some of many targets. `labels`, `label_offsets`: those of all. `rows`: those of the range.
    pub fn new(labels: &'a [i32], label_offsets: Option<&'a [u32]>, rows: FieldRows<'a>, range: Range<usize>) -> Self {
        let (labels, label_offsets) = match label_offsets {
            None => (&labels[range], None),
            Some(all) => (labels, Some(&all[range.start..=range.end])),
        };
        Self { labels, label_offsets, values: &[], weights: &[], rows }
    }

    /// No targets.
    pub fn none() -> Self {
        Self { labels: &[], label_offsets: None, values: &[], weights: &[], rows: FieldRows::none() }
    }

    /// The same targets with one label each.
    pub fn labelled(self, labels: &'a [i32]) -> Self {
        Self { labels: &labels[..self.len()], label_offsets: None, values: &[], ..self }
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.rows.count
    }

    /// The labels of a target, at least one.
    #[inline]
    pub fn labels(&self, target: usize) -> &'a [i32] {
        match self.label_offsets {
            None => &self.labels[target..=target],
            Some(offsets) => &self.labels[offsets[target] as usize..offsets[target + 1] as usize],
        }
    }

    /// The label of a target, where each has one and these have no values.
    #[inline]
    pub fn only_label(&self, target: usize) -> Option<usize> {
        (self.label_offsets.is_none() && self.values.is_empty()).then(|| self.labels[target] as usize)
    }

    /// The labels of a target with their values.
    #[inline]
    pub fn positives(&self, target: usize) -> impl Iterator<Item = (usize, f32)> + Clone + 'a {
        let values = match (self.values, self.label_offsets) {
            ([], _) => &[][..],
            (values, None) => &values[target..=target],
            (values, Some(offsets)) => &values[offsets[target] as usize..offsets[target + 1] as usize],
        };
        let value = move |k: usize| values.get(k).copied().unwrap_or(1.0);
        self.labels(target).iter().enumerate().map(move |(k, &label)| (label as usize, value(k)))
    }

    /// Whether labels have values.
    pub fn has_values(&self) -> bool {
        !self.values.is_empty()
    }

    /// What the terms of a target's pairs are multiplied by.
    #[inline]
    pub fn weight(&self, target: usize) -> f64 {
        self.weights.get(target).map_or(1.0, |&weight| f64::from(weight))
    }

    /// Whether targets have weights.
    pub fn has_weights(&self) -> bool {
        !self.weights.is_empty()
    }
}

fn check_offsets(offsets: &[u32], total: usize) -> Result<()> {
    let mut previous = 0;
    for (index, &offset) in offsets.iter().enumerate() {
        if offset < previous || index == 0 && offset != 0 {
            return Err(Error::Offsets { index, value: offset as usize });
        }
        previous = offset;
    }
    if offsets.is_empty() || previous as usize != total {
        return Err(Error::Offsets { index: offsets.len().saturating_sub(1), value: previous as usize });
    }
    Ok(())
}
