//! Detections and targets of all images, packed one image after the other, and the checks of their values.

use crate::error::{Error, Field, Place, Result, Side};

/// The largest magnitude of a component of a box.
pub const LARGEST: f64 = 1e9;

/// What was detected.
#[derive(Clone, Copy, Debug)]
pub struct Detections<'a> {
    /// `[n, 4]`: left, top, width and height.
    pub boxes: &'a [f64],
    /// `[n]`: finite, the best largest.
    pub scores: &'a [f64],
    /// `[n]`: classes, from 0.
    pub labels: &'a [i32],
    /// `[images + 1]`: where the detections of each image begin.
    pub offsets: &'a [u32],
}

/// What there is to be found.
#[derive(Clone, Copy, Debug)]
pub struct GroundTruth<'a> {
    /// `[n, 4]`: left, top, width and height.
    pub boxes: &'a [f64],
    /// `[n]`: the areas that ranges are compared with, as annotated; one below 0 lies in no range.
    pub areas: &'a [f64],
    /// `[n]`: classes, from 0.
    pub labels: &'a [i32],
    /// `[n]`: 1 for a crowd, which any number of detections may lie in, and which none must find; else 0.
    pub crowds: &'a [u8],
    /// `[images + 1]`: where the targets of each image begin.
    pub offsets: &'a [u32],
}

/// All images.
#[derive(Clone, Copy, Debug)]
pub struct Inputs<'a> {
    /// What was detected in each.
    pub detections: Detections<'a>,
    /// What is there.
    pub targets: GroundTruth<'a>,
    /// `[images]`: the images in the order in which they count, which decides between equal scores.
    pub order: &'a [u32],
}

/// What both sides have.
#[derive(Clone, Copy)]
pub(crate) struct Entries<'a> {
    pub side: Side,
    pub boxes: &'a [f64],
    pub labels: &'a [i32],
    pub offsets: &'a [u32],
}

impl<'a> Inputs<'a> {
    pub(crate) fn detected(&self) -> Entries<'a> {
        let Detections { boxes, labels, offsets, .. } = self.detections;
        Entries { side: Side::Detections, boxes, labels, offsets }
    }

    pub(crate) fn given(&self) -> Entries<'a> {
        let GroundTruth { boxes, labels, offsets, .. } = self.targets;
        Entries { side: Side::Targets, boxes, labels, offsets }
    }

    /// Compares lengths, and looks at every value.
    pub(crate) fn check(&self, classes: usize) -> Result<()> {
        let images = self.order.len();
        let Self { detections, targets, .. } = self;
        for entries in [self.detected(), self.given()] {
            entries.check_lengths(images)?;
        }
        let (detected, given) = (self.detected(), self.given());
        detected.check_length(Field::Scores, detections.scores.len())?;
        given.check_length(Field::Areas, targets.areas.len())?;
        given.check_length(Field::Crowds, targets.crowds.len())?;
        detected.check_values(classes)?;
        given.check_values(classes)?;
        detected.check_each(Field::Scores, "a finite number", detections.scores, f64::is_finite)?;
        given.check_each(Field::Areas, "a finite number", targets.areas, f64::is_finite)
    }
}

impl Entries<'_> {
    pub fn count(&self) -> usize {
        self.labels.len()
    }

    fn check_lengths(&self, images: usize) -> Result<()> {
        let Self { side, labels, offsets, boxes } = *self;
        let length = |field, expected: usize, actual: usize| {
            if expected == actual {
                return Ok(());
            }
            Err(Error::Length { side, field, expected: expected as u64, actual: actual as u64 })
        };
        if u32::try_from(labels.len()).is_err() || labels.len() > i32::MAX as usize {
            return Err(Error::Count { side, count: labels.len() as u64 });
        }
        length(Field::Offsets, images + 1, offsets.len())?;
        length(Field::Boxes, 4 * labels.len(), boxes.len())?;
        let rises = |image: usize| offsets[image] <= offsets[image + 1];
        if let Some(image) = (0..images).find(|&image| !rises(image)) {
            return Err(Error::Offsets { side, image });
        }
        if offsets[0] != 0 || offsets[images] as usize != labels.len() {
            return Err(Error::Offsets { side, image: if offsets[0] == 0 { images } else { 0 } });
        }
        Ok(())
    }

    fn check_length(&self, field: Field, actual: usize) -> Result<()> {
        let expected = self.count();
        if expected == actual {
            return Ok(());
        }
        Err(Error::Length { side: self.side, field, expected: expected as u64, actual: actual as u64 })
    }

    /// Labels and boxes.
    fn check_values(&self, classes: usize) -> Result<()> {
        let is_class = |label: i32| usize::try_from(label).is_ok_and(|label| label < classes);
        if let Some(at) = self.labels.iter().position(|&label| !is_class(label)) {
            return Err(Error::Label { place: self.place(at), label: self.labels[at], classes });
        }
        self.check_boxes()
    }

    /// Sides may be below 0: such a box overlaps nothing.
    fn check_boxes(&self) -> Result<()> {
        let is_within = |value: &f64| value.abs() <= LARGEST;
        match self.boxes.iter().position(|value| !is_within(value)) {
            None => Ok(()),
            Some(at) => {
                let (rule, value) = ("a number from -1e9 to 1e9", self.boxes[at]);
                Err(Error::Value { place: self.place(at / 4), field: Field::Boxes, rule, value })
            }
        }
    }

    fn check_each(
        &self,
        field: Field,
        rule: &'static str,
        values: &[f64],
        is_sound: impl Fn(f64) -> bool,
    ) -> Result<()> {
        match values.iter().position(|&value| !is_sound(value)) {
            None => Ok(()),
            Some(at) => Err(Error::Value { place: self.place(at), field, rule, value: values[at] }),
        }
    }

    /// Where an entry of all stands.
    fn place(&self, at: usize) -> Place {
        let image = self.offsets.partition_point(|&offset| offset as usize <= at).saturating_sub(1);
        Place { side: self.side, image, index: at - self.offsets[image] as usize }
    }
}
