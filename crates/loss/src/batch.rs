//! The inputs of one call: predictions of every decoder layer and ragged targets, checked once and then borrowed.

use crate::config::{BoxFormat, Config};
use crate::error::{BoxRule, COMPONENTS, Error, Result, TargetPlace};
use crate::part::{Part, check_cover};

/// Largest magnitude of a box component: products of areas stay far inside the range of `f32`.
pub(crate) const BOX_LIMIT: f32 = 1e9;

/// How far outside [0, 1] a normalised target may lie, for the rounding of its producer.
const NORMALIZED_SLACK: f32 = 1e-4;

/// The sizes that all layers of a part share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Images of the batch, B.
    pub images: usize,
    /// Queries of an image, Q.
    pub queries: usize,
    /// Columns of the logits, C: the object classes and, with softmax, no-object.
    pub classes: usize,
}

/// One decoder layer's predictions.
#[derive(Clone, Copy, Debug)]
pub struct Layer<'a> {
    /// `[images, queries, classes]`.
    pub logits: &'a [f32],
    /// `[images, queries, 4]`, in the configured format.
    pub boxes: &'a [f32],
    /// The distributions that the boxes' edges come from, if there are any.
    pub corners: Option<Corners<'a>>,
}

/// Boxes as distributions of their four edges (Peng et al. 2025, "D-FINE").
#[derive(Clone, Copy, Debug)]
pub struct Corners<'a> {
    /// `[images, queries, 4, bins]`: raw scores of the left, top, right and bottom edge.
    pub logits: &'a [f32],
    /// `[images, queries, 4]`, in the configured format: the boxes that the edges' distances start from.
    pub references: &'a [f32],
}

/// The predictions of all layers, and the parts they make up.
#[derive(Clone, Debug)]
pub struct Predictions<'a> {
    pub(crate) images: usize,
    pub(crate) layers: &'a [Layer<'a>],
    pub(crate) parts: Vec<Part<'a>>,
}

impl<'a> Predictions<'a> {
    /// Decoder layers that are matched one to one, the last being the final one. Checks the lengths; values are checked
    /// where they are first read.
    ///
    /// # Errors
    /// [`Error::Length`] where an array does not fit the shape.
    pub fn new(shape: Shape, layers: &'a [Layer<'a>]) -> Result<Self> {
        let parts = vec![Part::plain(layers.len(), shape.queries, shape.classes)];
        Self::of_parts(shape.images, layers, parts)
    }

    /// The layers of any parts. Every query of every layer belongs to exactly one part.
    ///
    /// # Errors
    /// [`Error::Length`] where an array does not fit, [`Error::Option`] where parts do not fit the layers.
    pub fn of_parts(images: usize, layers: &'a [Layer<'a>], parts: Vec<Part<'a>>) -> Result<Self> {
        for part in &parts {
            part.check(layers.len())?;
            for layer in &layers[part.layers.clone()] {
                check_length("outputs.logits", layer.logits.len(), &[images, part.rows, part.classes])?;
                check_length("outputs.boxes", layer.boxes.len(), &[images, part.rows, COMPONENTS])?;
            }
        }
        check_cover(&parts, layers.len())?;
        Ok(Self { images, layers, parts })
    }

    /// Layers of all parts, part after part: the order of everything that is reported.
    #[must_use]
    pub fn reported_layers(&self) -> usize {
        self.parts.iter().map(|part| part.layers.len()).sum()
    }

    /// Entries of all matchings: `[images, queries]` for every reported layer, one after the other.
    #[must_use]
    pub fn reported_queries(&self) -> usize {
        self.parts.iter().map(|part| part.layers.len() * self.images * part.queries.len()).sum()
    }
}

/// The ground truth of a batch: targets of all images one after the other.
#[derive(Clone, Copy, Debug)]
pub struct Targets<'a> {
    labels: &'a [i32],
    /// `[targets + 1]`: where each target's labels lie; one label for each target if absent.
    label_offsets: Option<&'a [u32]>,
    boxes: &'a [f32],
    offsets: &'a [u32],
    ignores: &'a [u8],
}

impl<'a> Targets<'a> {
    /// Checks lengths and offsets.
    ///
    /// `labels`: `[targets]`. `boxes`: `[targets, 4]`. `offsets`: `[images + 1]`; the targets of image `b` are
    /// `offsets[b]..offsets[b + 1]`.
    ///
    /// # Errors
    /// [`Error::Length`] or [`Error::Offsets`].
    pub fn new(labels: &'a [i32], boxes: &'a [f32], offsets: &'a [u32]) -> Result<Self> {
        check_length("targets.boxes", boxes.len(), &[labels.len(), COMPONENTS])?;
        check_offsets(offsets, labels.len())?;
        Ok(Self { labels, label_offsets: None, boxes, offsets, ignores: &[] })
    }

    /// As [`Targets::new`], for targets with several labels each: those of target `t` are
    /// `label_offsets[t]..label_offsets[t + 1]`, with as many targets as boxes.
    ///
    /// # Errors
    /// [`Error::Length`] or [`Error::Offsets`].
    pub fn with_several_labels(
        labels: &'a [i32],
        label_offsets: &'a [u32],
        boxes: &'a [f32],
        offsets: &'a [u32],
    ) -> Result<Self> {
        let total = boxes.len() / COMPONENTS;
        check_length("targets.boxes", boxes.len(), &[total, COMPONENTS])?;
        check_length("targets.labels", label_offsets.len(), &[total + 1])?;
        check_offsets(label_offsets, labels.len())?;
        check_offsets(offsets, total)?;
        Ok(Self { labels, label_offsets: Some(label_offsets), boxes, offsets, ignores: &[] })
    }

    /// The same targets, some of them to be ignored. `ignores`: `[targets]`, 1 for those and 0 for the others, or empty
    /// for none. An ignored target is not matched; its label has no meaning.
    ///
    /// # Errors
    /// [`Error::Length`].
    pub fn ignoring(self, ignores: &'a [u8]) -> Result<Self> {
        if !ignores.is_empty() {
            check_length("targets.ignore", ignores.len(), &[self.total()])?;
        }
        Ok(Self { ignores, ..self })
    }

    /// Whether targets may have several labels.
    pub(crate) fn has_several_labels(&self) -> bool {
        self.label_offsets.is_some()
    }

    /// Labels of all targets.
    pub(crate) fn labels(&self) -> usize {
        self.labels.len()
    }

    /// As given to [`Targets::ignoring`].
    pub(crate) fn ignores(&self) -> &'a [u8] {
        self.ignores
    }

    /// All targets of the batch.
    #[must_use]
    pub fn total(&self) -> usize {
        self.boxes.len() / COMPONENTS
    }

    /// Images of the batch.
    #[must_use]
    pub fn images(&self) -> usize {
        self.offsets.len() - 1
    }

    /// Where the targets of an image lie among all.
    pub(crate) fn range(&self, image: usize) -> std::ops::Range<usize> {
        self.offsets[image] as usize..self.offsets[image + 1] as usize
    }

    /// The targets of an image.
    pub(crate) fn image(&self, image: usize) -> ImageTargets<'a> {
        let range = self.range(image);
        let boxes = &self.boxes[COMPONENTS * range.start..COMPONENTS * range.end];
        match self.label_offsets {
            None => ImageTargets { labels: &self.labels[range], label_offsets: None, boxes },
            Some(all) => {
                ImageTargets { labels: self.labels, label_offsets: Some(&all[range.start..=range.end]), boxes }
            }
        }
    }

    /// Checks all values: first every label, then every box, so that a wrong id is never reported as a bad box.
    pub(crate) fn check(&self, config: &Config) -> Result<()> {
        for image in 0..self.images() {
            let (targets, first) = (self.image(image), self.range(image).start);
            for target in (0..targets.len()).filter(|target| self.ignores.get(first + target) != Some(&1)) {
                check_labels(targets.labels(target), config, TargetPlace { image, target })?;
            }
        }
        for image in 0..self.images() {
            for (target, values) in self.image(image).boxes.chunks_exact(COMPONENTS).enumerate() {
                check_target_box(values, config, TargetPlace { image, target })?;
            }
        }
        Ok(())
    }
}

/// The targets of one image.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ImageTargets<'a> {
    pub labels: &'a [i32],
    /// `[targets + 1]`, or absent where every target has one label.
    pub label_offsets: Option<&'a [u32]>,
    pub boxes: &'a [f32],
}

impl<'a> ImageTargets<'a> {
    /// Targets with one label each.
    #[cfg(test)]
    pub fn new(labels: &'a [i32], boxes: &'a [f32]) -> Self {
        Self { labels, label_offsets: None, boxes }
    }

    pub fn len(&self) -> usize {
        self.boxes.len() / COMPONENTS
    }

    /// The labels of a target, at least one.
    pub fn labels(&self, target: usize) -> &'a [i32] {
        match self.label_offsets {
            None => &self.labels[target..=target],
            Some(offsets) => &self.labels[offsets[target] as usize..offsets[target + 1] as usize],
        }
    }

    /// The first label of a target, the only one in softmax classification.
    pub fn label(&self, target: usize) -> usize {
        self.labels(target)[0] as usize
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

fn check_labels(labels: &[i32], config: &Config, place: TargetPlace) -> Result<()> {
    if let Some(&value) = labels.iter().find(|&&value| !config.allows_label(value)) {
        return Err(Error::Label { place, value, classes: config.num_classes, no_object: config.no_object() });
    }
    let fault = |rule| Err(Error::Labels { place, count: labels.len(), rule });
    match labels.len() {
        0 => fault("every target needs at least one"),
        1 => Ok(()),
        _ if config.no_object().is_some() => fault("softmax classification takes one, sigmoid classification several"),
        n if n > config.num_classes || (1..n).any(|k| labels[..k].contains(&labels[k])) => {
            fault("no two may be the same")
        }
        _ => Ok(()),
    }
}

fn check_target_box(values: &[f32], config: &Config, place: TargetPlace) -> Result<()> {
    if let Some(component) = values.iter().position(|v| !v.is_finite()) {
        return Err(Error::TargetBoxNotFinite { place, component, value: values[component] });
    }
    if let Some((component, rule)) = broken_rule(values, config.box_format) {
        return Err(Error::TargetBox { place, component, value: values[component], rule });
    }
    let allowed = -NORMALIZED_SLACK..=1.0 + NORMALIZED_SLACK;
    if config.normalized_boxes
        && let Some(component) = values.iter().position(|v| !allowed.contains(v))
    {
        return Err(Error::TargetBox { place, component, value: values[component], rule: BoxRule::Normalized });
    }
    Ok(())
}

/// The first value that is NaN or infinite, and how many are; nothing where all are finite.
pub(crate) fn not_finite(values: &[f32]) -> Option<(usize, usize)> {
    let first = values.iter().position(|x| !x.is_finite())?;
    Some((first, values[first..].iter().filter(|x| !x.is_finite()).count()))
}

/// The first rule, other than being finite, that a box breaks, with the component at fault.
pub(crate) fn broken_rule(values: &[f32], format: BoxFormat) -> Option<(usize, BoxRule)> {
    if let Some(component) = values.iter().position(|v| v.abs() > BOX_LIMIT) {
        return Some((component, BoxRule::Magnitude));
    }
    let extent = |axis: usize| match format {
        BoxFormat::Cxcywh => values[axis + 2],
        BoxFormat::Xyxy => values[axis + 2] - values[axis],
    };
    (0..2).find(|&axis| extent(axis) < 0.0).map(|axis| (axis + 2, BoxRule::Extent))
}

/// Compares a length with a shape's product, in 128 bits so that no product can wrap.
pub(crate) fn check_length(argument: &'static str, actual: usize, shape: &[usize]) -> Result<()> {
    let expected: u128 = shape.iter().map(|&n| n as u128).product();
    if expected == actual as u128 {
        return Ok(());
    }
    let expected = u64::try_from(expected).unwrap_or(u64::MAX);
    Err(Error::Length { argument, expected, actual: actual as u64, shape: shape.to_vec() })
}
