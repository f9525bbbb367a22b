//! Families of terms by their definitions, in plain `f64`. A new family is a file with its [`Reference`], and a line of
//! [`REFERENCES`].

pub mod boxes;
pub mod classes;
pub mod distribution;
mod edges;
pub mod masks;
mod points;
mod presence;
mod spans;

use hungarian_loss::{Family, Field, TargetField, describe, query_fields, target_fields};

use super::case::Planes;
use super::settings::Settings;
use super::test_support::Random;

/// All families, in the order of the results.
pub const REFERENCES: &[&dyn Reference] =
    &[&boxes::Boxes, &edges::Edges, &spans::Spans, &points::Points, &masks::Masks, &presence::Presence];

/// A family: its random options and rows, and its terms.
pub trait Reference: Sync {
    fn name(&self) -> &'static str;

    /// Families whose fields its terms look at, too.
    fn needs(&self) -> &'static [&'static str] {
        &[]
    }

    /// Sets its options to random values.
    fn options(&self, random: &mut Random, settings: Settings) -> Settings;

    /// The width of a field of the queries. `field`: among the family's.
    fn query_width(&self, settings: &Settings, field: usize) -> usize;

    /// The sizes of a row's axes, where several have none of their own.
    fn query_axes(&self, _field: usize) -> Vec<usize> {
        Vec::new()
    }

    /// The planes of a field of the targets that is made of such, for so many targets of an image.
    fn target_planes(&self, _random: &mut Random, _field: usize, _count: usize) -> Planes {
        unreachable!("{} has no planes", self.name())
    }

    /// A row of a field of the queries.
    fn query_row(&self, random: &mut Random, settings: &Settings, field: usize) -> Vec<f32>;

    /// A row of a field of the targets.
    fn target_row(&self, _random: &mut Random, _settings: &Settings, _field: usize) -> Vec<f32> {
        unreachable!("{} has no targets of its own", self.name())
    }

    fn terms(&self) -> Terms<'_>;
}

/// When a family's terms are computed.
#[derive(Clone, Copy)]
pub enum Terms<'a> {
    /// With each pair.
    Pair(&'a dyn PairReference),
    /// Once all matchings are known.
    Late(&'a dyn LateReference),
    /// For each image, whatever its pairs.
    Image(&'a dyn ImageReference),
}

/// Terms over pairs, which may take part in the matching cost. All give a number for each of the family's terms.
pub trait PairReference {
    /// The terms of a pair. What passes no gradient is computed from `fixed`.
    fn values(&self, settings: &Settings, query: Row<'_>, fixed: Row<'_>, target: Row<'_>) -> Vec<f64>;

    /// What they are in the cost.
    fn costs(&self, settings: &Settings, query: Row<'_>, target: Row<'_>) -> Vec<f64>;

    /// Whether a target costs what all pairs with targets of its image that do not cost on average, rather than what its own do.
    fn takes_mean(&self, _settings: &Settings, _target: Row<'_>) -> bool {
        false
    }

    /// Whether the family says how well a pair agrees.
    fn has_quality(&self) -> bool {
        false
    }

    /// How well a pair agrees, 0 to 1.
    fn quality(&self, _settings: &Settings, _query: Row<'_>, _target: Row<'_>) -> f64 {
        unreachable!("it does not say so")
    }

    /// (GIoU + 1) / 2 of a pair, or its quality where there is no GIoU.
    fn raised_giou(&self, settings: &Settings, query: Row<'_>, target: Row<'_>) -> f64 {
        self.quality(settings, query, target)
    }

    /// The part of a query that lies on an ignored target, if that means something. `kind`: as in the option.
    fn overlap(&self, _settings: &Settings, _kind: &str, _query: Row<'_>, _region: Row<'_>) -> Option<f64> {
        None
    }
}

/// A term over pairs, and one between the layers of a part.
pub trait LateReference {
    /// The first term of a pair that agrees so well. `quality`: 0 to 1.
    fn over_pair(&self, settings: &Settings, query: Row<'_>, target: Row<'_>, quality: f64) -> f64;

    /// The second term of a query, but for its weight.
    fn over_layers(&self, settings: &Settings, student: Row<'_>, teacher: Row<'_>) -> f64;

    /// The weight of a query without a pair in the second term.
    fn weight_without_pair(&self, teacher: Row<'_>) -> f64;

    /// The shares of the means over queries with and without a pair, of which there are so many.
    fn shares(&self, numbers: [f64; 2]) -> [f64; 2];
}

/// Terms of an image as a whole.
pub trait ImageReference {
    /// A number for each of the family's terms. `image`: the rows of what images have.
    fn values(&self, image: Row<'_>, has_visible: bool) -> Vec<f64>;
}

/// Rows of named fields, of queries or of targets.
#[derive(Clone, Debug)]
pub struct Table {
    /// Name and width of each field, and its values.
    fields: Vec<(&'static str, usize, Vec<f64>)>,
}

/// One row of each field.
#[derive(Clone, Copy)]
pub struct Row<'a> {
    table: &'a Table,
    index: usize,
}

impl Table {
    /// From the values of fields, empty where there are none.
    pub fn new<'a>(
        names: impl Iterator<Item = &'static str>,
        values: impl Iterator<Item = (usize, &'a [f32])>,
    ) -> Self {
        let wide = |values: &[f32]| values.iter().map(|&value| f64::from(value)).collect();
        Self { fields: names.zip(values).map(|(name, (width, values))| (name, width, wide(values))).collect() }
    }

    /// Sets the values of a field, of as many rows as the others have.
    pub fn set(&mut self, place: usize, values: &[f32], rows: usize) {
        let wide = values.iter().map(|&value| f64::from(value)).collect();
        (self.fields[place].1, self.fields[place].2) = (values.len() / rows.max(1), wide);
    }

    pub fn row(&self, index: usize) -> Row<'_> {
        Row { table: self, index }
    }

    /// The values of a field, to be changed.
    pub fn values(&mut self, place: usize) -> &mut Vec<f64> {
        &mut self.fields[place].2
    }
}

impl<'a> Row<'a> {
    /// Empty where there is no such field.
    pub fn field(&self, name: &str) -> &'a [f64] {
        let (_, width, values) = self.table.fields.iter().find(|(known, ..)| *known == name).expect("a field");
        if values.is_empty() { &[] } else { &values[self.index * width..][..*width] }
    }
}

impl dyn Reference {
    /// How the library describes it.
    pub fn family(&self) -> &'static Family {
        describe().families.iter().find(|family| family.name == self.name()).expect("a family")
    }

    pub fn is_late(&self) -> bool {
        matches!(self.terms(), Terms::Late(_))
    }

    /// Whether an image has its fields, rather than each query.
    pub fn is_of_images(&self) -> bool {
        matches!(self.terms(), Terms::Image(_))
    }

    /// Its fields of queries with their places among all.
    pub fn query_fields(&self) -> impl Iterator<Item = (usize, &'static Field)> {
        let names = self.family().queries;
        query_fields().enumerate().filter(|(_, field)| names.iter().any(|own| own.name == field.name))
    }

    /// Its fields of targets with their places among all.
    pub fn target_fields(&self) -> impl Iterator<Item = (usize, &'static TargetField)> {
        let names = self.family().targets;
        target_fields().enumerate().filter(|(_, target)| names.iter().any(|own| own.field.name == target.field.name))
    }
}

/// The reference of a family.
pub fn of(name: &str) -> &'static dyn Reference {
    *REFERENCES.iter().find(|reference| reference.name() == name).unwrap_or_else(|| panic!("there is no {name}"))
}
