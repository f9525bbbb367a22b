//! The targets as the parts of a step see them: without those that are ignored, or all of one class.

use super::columns::Columns;
use super::targets::{ImageTargets, Targets};
use crate::field::{FieldRows, MAX_FIELDS, RowShapes, Source};

/// The views of one batch's targets, made once for a call; nothing is copied where no target is ignored.
pub(crate) struct Views<'a> {
    all: &'a Targets<'a>,
    kept: Option<Box<Kept>>,
    /// As many labels of the one class as there are targets; empty where no part needs them.
    agnostic: Vec<i32>,
    /// For each image, the columns that it has, where some are absent; empty where none is.
    columns: Vec<Option<Columns>>,
}

/// The targets that are not ignored, and the fields of those that are.
struct Kept {
    labels: Vec<i32>,
    label_offsets: Vec<u32>,
    values: Vec<f32>,
    weights: Vec<f32>,
    shapes: RowShapes,
    fields: [Vec<f32>; MAX_FIELDS],
    offsets: Vec<usize>,
    /// Each kept target's number within its image.
    index: Vec<usize>,
    ignored: [Vec<f32>; MAX_FIELDS],
    ignored_offsets: Vec<usize>,
}

/// One image's targets.
#[derive(Clone, Copy)]
pub(crate) struct ImageView<'a> {
    /// All of them, as numbered by the caller.
    pub all: ImageTargets<'a>,
    /// Those that take part in the matching.
    pub kept: ImageTargets<'a>,
    /// The number of each kept target among all; empty where all are kept.
    index: &'a [usize],
    /// The fields of the ignored ones.
    pub regions: FieldRows<'a>,
    /// `[targets]`: 1 for those that are ignored; empty where none are.
    ignored: &'a [u8],
}

impl<'a> Views<'a> {
    /// `agnostic`: the label that stands for all in class-agnostic parts, if there are any.
    pub fn new(all: &'a Targets<'a>, agnostic: Option<i32>) -> Self {
        let kept = all.ignored().contains(&1).then(|| Box::new(Kept::new(all)));
        let flags = all.columns().chunks_exact((all.columns().len() / all.images().max(1)).max(1));
        let agnostic = agnostic.map_or_else(Vec::new, |label| vec![label; all.total()]);
        Self { all, kept, agnostic, columns: flags.map(Columns::new).collect() }
    }

    /// Targets that take part in the matching.
    pub fn total(&self) -> usize {
        self.kept.as_ref().map_or(self.all.total(), |kept| kept.index.len())
    }

    /// Those of an image.
    pub fn count(&self, image: usize) -> usize {
        match &self.kept {
            None => self.all.range(image).len(),
            Some(kept) => kept.offsets[image + 1] - kept.offsets[image],
        }
    }

    /// The columns that an image has of logits so wide, where some are absent.
    pub fn columns(&self, image: usize, width: usize) -> Option<&Columns> {
        let columns = self.columns.get(image)?.as_ref();
        // of class-agnostic logits with fewer columns none is absent
        columns.filter(|columns| columns.width() == width)
    }

    /// Whether a target of an image is ignored.
    pub fn is_ignored(&self, image: usize, target: usize) -> bool {
        self.kept.is_some() && self.all.ignored().get(self.all.range(image).start + target) == Some(&1)
    }

    pub fn image(&self, image: usize, class_agnostic: bool) -> ImageView<'_> {
        let all = self.all.image(image);
        let view = match &self.kept {
            None => ImageView { all, kept: all, index: &[], regions: FieldRows::none(), ignored: &[] },
            Some(kept) => kept.image(image, all, &self.all.ignored()[self.all.range(image)]),
        };
        if !class_agnostic {
            return view;
        }
        ImageView { all: view.all.labelled(&self.agnostic), kept: view.kept.labelled(&self.agnostic), ..view }
    }
}

impl ImageView<'_> {
    /// The number among all targets of a kept one.
    pub fn number(&self, kept: usize) -> usize {
        if self.index.is_empty() { kept } else { self.index[kept] }
    }

    /// The place of a target, by its number among all, among those that take part in the matching, if it does.
    pub fn place(&self, number: usize) -> Option<usize> {
        if self.index.is_empty() && self.kept.len() == self.all.len() {
            return Some(number);
        }
        self.index.binary_search(&number).ok()
    }

    /// Whether any target is ignored.
    pub fn has_ignored(&self) -> bool {
        !self.ignored.is_empty()
    }

    pub fn is_ignored(&self, target: usize) -> bool {
        self.ignored.get(target) == Some(&1)
    }
}

impl Kept {
    fn new(all: &Targets<'_>) -> Self {
        let none = || std::array::from_fn(|_| Vec::new());
        let mut kept = Self {
            labels: Vec::new(),
            label_offsets: vec![0],
            values: Vec::new(),
            weights: Vec::new(),
            shapes: *all.shapes(),
            fields: none(),
            offsets: vec![0],
            index: Vec::new(),
            ignored: none(),
            ignored_offsets: vec![0],
        };
        let mut regions = 0;
        for image in 0..all.images() {
            let targets = all.image(image);
            for (target, &ignored) in all.ignored()[all.range(image)].iter().enumerate() {
                let places = if ignored == 1 { &mut kept.ignored } else { &mut kept.fields };
                for (field, place) in places.iter_mut().enumerate() {
                    place.extend_from_slice(targets.rows.row(field, target));
                }
                if ignored == 1 {
                    regions += 1;
                } else {
                    kept.labels.extend_from_slice(targets.labels(target));
                    if targets.has_values() {
                        kept.values.extend(targets.positives(target).map(|(_, value)| value));
                    }
                    if targets.has_weights() {
                        kept.weights.push(targets.weight(target) as f32);
                    }
                    kept.label_offsets.push(kept.labels.len() as u32);
                    kept.index.push(target);
                }
            }
            kept.offsets.push(kept.index.len());
            kept.ignored_offsets.push(regions);
        }
        kept
    }

    /// `all`: the image's targets. `ignored`: which of them are.
    fn image<'a>(&'a self, image: usize, all: ImageTargets<'a>, ignored: &'a [u8]) -> ImageView<'a> {
        let range = self.offsets[image]..self.offsets[image + 1];
        let regions = self.ignored_offsets[image]..self.ignored_offsets[image + 1];
        let rows = |fields, range| FieldRows::new(Source::Copies(fields), &self.shapes, range);
        let mut kept = rows(&self.fields, range.clone());
        if let Some(rasters) = all.rows.rasters() {
            kept = kept.with_rasters(rasters.of(&self.index[range.clone()]));
        }
        ImageView {
            all,
            kept: ImageTargets::new(&self.labels, Some(&self.label_offsets), kept, range.clone()).valued(
                range.start,
                &self.values,
                &self.weights,
            ),
            index: &self.index[range],
            regions: rows(&self.ignored, regions.clone()),
            ignored: if regions.is_empty() { &[] } else { ignored },
        }
    }
}
