//! Every way in which an input can be refused, one variant per rule, with place and value.
//!
//! An error speaks of fields, options, terms and numbers of parts, as this crate knows them. What a caller calls them, the
//! caller knows: [`Error::detail`] is the message without its subject.

use std::fmt;

use crate::field::Component;

/// The result of a checked call.
pub type Result<T> = std::result::Result<T, Error>;

/// A place in the predictions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueryPlace {
    /// Number of the part.
    pub part: usize,
    /// Layer of the part, the last being the final one.
    pub layer: usize,
    /// Image of the batch.
    pub image: usize,
    /// Query of the image, among all of the layer's.
    pub query: usize,
}

/// The place within the part.
impl fmt::Display for QueryPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "layer {}, image {}, query {}", self.layer, self.image, self.query)
    }
}

/// A place in the targets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TargetPlace {
    /// Image of the batch.
    pub image: usize,
    /// Target of the image.
    pub target: usize,
}

/// Whose value it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// A query's.
    Query(QueryPlace),
    /// That which all queries of an image have; the query means nothing.
    Image(QueryPlace),
    /// That which all images of a layer have; neither image nor query means anything.
    Layer(QueryPlace),
    /// A target's.
    Target(TargetPlace),
    /// That of an image's targets together.
    Targets {
        /// Image of the batch.
        image: usize,
    },
}

/// An array whose length does not fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Array {
    /// A field of the queries of a part.
    Queries {
        /// Number of the part.
        part: usize,
        /// Name of the field.
        field: &'static str,
    },
    /// A field of the targets.
    Targets {
        /// Name of the field.
        field: &'static str,
    },
    /// One entry for each image.
    Images,
    /// The places of the targets' labels.
    Labels,
    /// Which targets are ignored.
    Ignored,
    /// The values of labels.
    Positives,
    /// Which columns there are.
    Columns,
    /// The weights of targets.
    TargetWeights,
    /// The weights of queries.
    QueryWeights,
    /// What the layers of a part weigh.
    LayerWeights {
        /// Number of the part.
        part: usize,
    },
    /// Given matchings.
    Matchings,
    /// Added costs.
    Costs,
    /// Where the matching goes.
    TargetOfQuery,
    /// Where costs go.
    CostBlocks,
    /// Where the gradient by a field goes.
    Gradient {
        /// Name of the field.
        field: &'static str,
    },
    /// A normaliser with an entry for each layer.
    Normalizer {
        /// Its name.
        name: &'static str,
    },
    /// How the layers of a part are matched.
    Rules {
        /// Number of the part.
        part: usize,
    },
    /// The tensors of all layers.
    Tensors,
}

/// Where a weight of a term is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WeightOf {
    /// In the matching cost.
    Cost,
    /// In the loss.
    Loss,
    /// In the loss of a part.
    Part(usize),
}

/// Why an input was refused.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
#[expect(missing_docs, reason = "each variant's comment says what its fields are")]
pub enum Error {
    /// An option is unknown or outside its range.
    Option { name: &'static str, rule: String, value: Value },
    /// The weight of a term is outside its range.
    Weight { of: WeightOf, term: &'static str, rule: &'static str, value: f64 },
    /// A property of a part is outside its range.
    Part { part: usize, property: &'static str, rule: &'static str, value: Value },
    /// A normaliser is outside its range.
    Normalizer { name: &'static str, rule: &'static str, value: f64 },
    /// An array has another length than its shape says.
    Length { array: Array, expected: u64, actual: u64, shape: Vec<usize> },
    /// The rows of an array do not go with what else there is in a layer of its part.
    Rows { array: Array, layer: usize, rule: String },
    /// Queries or targets lack a field that the weights call for.
    Missing { array: Array, term: &'static str },
    /// Targets lack a field that another one of theirs means nothing without.
    Beside { array: Array, other: &'static str },
    /// The offsets of the targets do not start at 0, fall, or end elsewhere than at the number of targets.
    Offsets { index: usize, value: usize },
    /// A label is not the id of a class. `no_object`: the column of no-object, absent in sigmoid classification.
    Label { place: TargetPlace, value: i32, classes: usize, no_object: Option<usize> },
    /// A target has no label, the same label twice, or several where softmax classification allows one.
    Labels { place: TargetPlace, count: usize, rule: &'static str },
    /// The value of a label is not above 0 and at most 1.
    Positive { place: TargetPlace, column: i32, value: f32 },
    /// With softmax classification, the values of a target's labels sum to more than 1.
    PositiveSum { place: TargetPlace, value: f64 },
    /// The flags of an image's columns are none.
    Columns { image: usize, rule: &'static str, value: usize },
    /// An image has not the column of no-object.
    AbsentNoObject { image: usize, column: usize },
    /// A label names a column that the image has not.
    AbsentColumn { place: TargetPlace, value: i32 },
    /// The weight of a target or of a query is outside its range.
    WeightValue { place: Place, value: f32 },
    /// A value of a field is NaN or ±infinity.
    NotFinite { place: Place, field: &'static str, component: Component, value: f32 },
    /// A value of a field breaks one of its rules.
    Value { place: Place, field: &'static str, component: Component, value: f32, rule: &'static str },
    /// A given matching names a target that the image does not have.
    Matching { place: QueryPlace, value: i32, targets: usize },
    /// A target has more fixed pairs in a group of queries than it is repeated.
    FixedTwice { place: QueryPlace, target: usize, repeat: usize },
    /// Targets are left without a query, since some are excluded. `query`: the first of those in the group. `targets`: with
    /// their repetitions. `queries`: that may be matched.
    Infeasible { place: QueryPlace, targets: usize, queries: usize },
    /// An added cost is not finite or too large.
    AddedCost { place: QueryPlace, target: usize, value: f32 },
    /// A part of the union matching has other queries than the first one.
    UnionQueries { part: usize, queries: usize, first: usize, expected: usize },
    /// The system refuses the memory that a call needs. `part`: the one that needs most of it, if it is one.
    Memory { part: Option<usize>, bytes: u64 },
    /// Another thread stopped the call.
    Interrupted,
}

/// The value of an option that is refused.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A number, or what stands for one.
    Number(f64),
    /// A word.
    Word(String),
}

impl From<f64> for Value {
    fn from(value: f64) -> Self {
        Self::Number(value)
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::Word(value.to_owned())
    }
}

/// As messages have it.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(value) => write!(f, "{value}"),
            Self::Word(value) => write!(f, "'{value}'"),
        }
    }
}

impl Error {
    /// What memory that is refused means for a part, or for the whole batch.
    pub(crate) fn refused(part: Option<usize>) -> impl FnOnce(lsap::Error) -> Self {
        move |error| match error {
            lsap::Error::Memory { bytes, .. } => Self::Memory { part, bytes },
            _ => Self::Interrupted,
        }
    }

    /// The message without its subject.
    #[must_use]
    pub fn detail(&self) -> String {
        match self {
            Self::Option { rule, value, .. } => format!("must be {rule}, got {value}"),
            Self::Part { rule, value, .. } => format!("must be {rule}, got {value}"),
            Self::Weight { rule, value, .. } | Self::Normalizer { rule, value, .. } => {
                format!("must be {rule}, got {value}")
            }
            Self::Length { expected, actual, shape, .. } => {
                format!("expected {expected} values for {shape:?}, got {actual}")
            }
            Self::Rows { rule, .. } => rule.clone(),
            Self::Missing { term, .. } => format!("must be given, since the term {term} has a weight"),
            Self::Beside { other, .. } => format!("must be given beside {other}"),
            Self::Offsets { index, value } => format!(
                "must rise from 0 to the number of targets, with one entry more than images; entry {index} is {value}"
            ),
            Self::Label { value, classes, no_object, .. } => label_detail(*value, *classes, *no_object),
            Self::Labels { place, count, rule } => format!("target {} has {count} labels; {rule}", place.target),
            Self::Positive { place, column, value } => {
                let value = Number(f64::from(*value));
                format!(
                    "target {} has {value} at column {column}; must be a number above 0 and at most 1",
                    place.target
                )
            }
            Self::PositiveSum { place, value } => format!(
                "the values of target {} sum to {value}; with softmax classification they must sum to at most 1",
                place.target
            ),
            Self::Columns { rule, value, .. } => format!("{rule}, got {value}"),
            Self::AbsentNoObject { column, .. } => {
                format!("the column of no-object must be there, got 0 at column {column}")
            }
            Self::AbsentColumn { place, value } => {
                format!("target {} has column {value}, which the image has not", place.target)
            }
            Self::WeightValue { place, value } => {
                let value = Number(f64::from(*value));
                match place {
                    Place::Query(place) => format!(
                        "{value} at image {}, query {}; must be a number from 0 to 1e12",
                        place.image, place.query
                    ),
                    Place::Target(place) => {
                        format!("target {} has {value}; must be a number from 0 to 1e12", place.target)
                    }
                    Place::Image(_) | Place::Layer(_) | Place::Targets { .. } => {
                        format!("{value}; must be a number from 0 to 1e12")
                    }
                }
            }
            Self::NotFinite { place, component, value, .. } => {
                value_detail(place, component, Number(f64::from(*value)), "must be finite")
            }
            Self::Value { place, component, value, rule, .. } => value_detail(place, component, value, rule),
            Self::Matching { place, value, targets } => {
                format!("{value} at {place}; the image has {targets} targets")
            }
            Self::FixedTwice { place, target, repeat } => {
                let often = if *repeat == 1 { "one pair".to_owned() } else { format!("{repeat} pairs") };
                format!("target {target} is fixed again at {place}; it may have {often} in a group of queries")
            }
            Self::Infeasible { place, targets, queries } => format!(
                "with query {} of image {} excluded, {targets} targets have but {queries} queries that may be matched",
                place.query, place.image
            ),
            Self::AddedCost { place, target, value } => format!(
                "{} at {place}, target {target}; must be a number from -1e12 to 1e12",
                Number(f64::from(*value))
            ),
            Self::UnionQueries { queries, first, expected, .. } => format!(
                "has {queries} queries where part {first} has {expected}; the union matching is of parts with the same queries"
            ),
            Self::Memory { bytes, .. } => {
                format!("the system refuses the memory that is needed, up to {} MB", bytes.div_ceil(1 << 20))
            }
            Self::Interrupted => "the call was interrupted".to_owned(),
        }
    }

    /// What the message is about.
    fn subject(&self) -> String {
        match self {
            Self::Option { name, .. } | Self::Normalizer { name, .. } => (*name).to_owned(),
            Self::Weight { of, term, .. } => match of {
                WeightOf::Cost => format!("weight of {term} in the cost"),
                WeightOf::Loss => format!("weight of {term}"),
                WeightOf::Part(part) => format!("weight of {term} in part {part}"),
            },
            Self::Part { part, property, .. } => format!("{property} of part {part}"),
            Self::Length { array, .. }
            | Self::Rows { array, .. }
            | Self::Missing { array, .. }
            | Self::Beside { array, .. } => array.to_string(),
            Self::Offsets { .. } => "offsets".to_owned(),
            Self::Label { place, .. } | Self::Labels { place, .. } => {
                format!("label of target {} of image {}", place.target, place.image)
            }
            Self::Positive { place, .. } | Self::PositiveSum { place, .. } => {
                format!("positives of image {}", place.image)
            }
            Self::Columns { image, .. }
            | Self::AbsentNoObject { image, .. }
            | Self::AbsentColumn { place: TargetPlace { image, .. }, .. } => {
                format!("columns of image {image}")
            }
            Self::WeightValue { place, .. } => match place {
                Place::Query(place) | Place::Image(place) | Place::Layer(place) => {
                    format!("query weights of part {}", place.part)
                }
                Place::Target(TargetPlace { image, .. }) | Place::Targets { image } => {
                    format!("weights of the targets of image {image}")
                }
            },
            Self::NotFinite { place, field, .. } | Self::Value { place, field, .. } => match place {
                Place::Query(place) | Place::Image(place) | Place::Layer(place) => {
                    format!("{field} of part {}", place.part)
                }
                Place::Target(TargetPlace { image, .. }) | Place::Targets { image } => {
                    format!("{field} of the targets of image {image}")
                }
            },
            Self::Matching { place, .. } | Self::FixedTwice { place, .. } | Self::Infeasible { place, .. } => {
                format!("matching of part {}", place.part)
            }
            Self::AddedCost { place, .. } => format!("cost of part {}", place.part),
            Self::UnionQueries { part, .. } => format!("part {part}"),
            Self::Memory { part: Some(part), .. } => format!("part {part}"),
            Self::Memory { part: None, .. } | Self::Interrupted => "batch".to_owned(),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.subject(), self.detail())
    }
}

impl std::error::Error for Error {}

impl fmt::Display for Array {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Queries { part, field } => write!(f, "{field} of part {part}"),
            Self::Targets { field } => write!(f, "{field} of the targets"),
            Self::Images => f.write_str("images of the targets"),
            Self::Labels => f.write_str("labels of the targets"),
            Self::Ignored => f.write_str("ignored targets"),
            Self::Positives => f.write_str("values of the labels"),
            Self::Columns => f.write_str("columns of the images"),
            Self::TargetWeights => f.write_str("weights of the targets"),
            Self::QueryWeights => f.write_str("weights of the queries"),
            Self::LayerWeights { part } => write!(f, "layer weights of part {part}"),
            Self::Matchings => f.write_str("given matchings"),
            Self::Costs => f.write_str("added costs"),
            Self::TargetOfQuery => f.write_str("places of the matching"),
            Self::CostBlocks => f.write_str("places of the costs"),
            Self::Gradient { field } => write!(f, "gradient by {field}"),
            Self::Normalizer { name } => f.write_str(name),
            Self::Rules { part } => write!(f, "rules of part {part}"),
            Self::Tensors => f.write_str("tensors"),
        }
    }
}

fn value_detail(place: &Place, component: &Component, value: impl fmt::Display, rule: &str) -> String {
    match place {
        Place::Query(place) => format!("{value} at {place}, {component}; {rule}"),
        Place::Image(place) => {
            format!("{value} at layer {}, image {}, {component}; {rule}", place.layer, place.image)
        }
        Place::Layer(place) => format!("{value} at layer {}, {component}; {rule}", place.layer),
        Place::Target(place) => format!("target {} has {value} at {component}; {rule}", place.target),
        Place::Targets { .. } => format!("{value} at {component}; {rule}"),
    }
}

fn label_detail(value: i32, classes: usize, no_object: Option<usize>) -> String {
    let is_last = no_object.is_none_or(|k| k == classes);
    let mut text = match no_object {
        Some(0) => format!("{value} is not a class id; allowed are 1 to {classes}"),
        Some(k) if !is_last => format!("{value} is not a class id; allowed are 0 to {classes} without {k}"),
        _ => format!("{value} is not a class id; allowed are 0 to {}", classes as i64 - 1),
    };
    if no_object.is_some_and(|k| value == k as i32) {
        text += &format!(", since {value} means no-object");
    }
    if value >= classes as i32 && is_last {
        text += " (the ids may be 1-based: then subtract 1, or set numClasses to the largest id + 1)";
    }
    text
}

/// A number that may be infinite.
struct Number(f64);

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            v if v == f64::INFINITY => f.write_str("Infinity"),
            v if v == f64::NEG_INFINITY => f.write_str("-Infinity"),
            v => write!(f, "{v}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_name_the_place_the_rule_and_the_value() {
        let label = |value, no_object| Error::Label {
            place: TargetPlace { image: 1, target: 0 },
            value,
            classes: 3,
            no_object,
        };
        let cases = [
            (
                Error::Memory { part: Some(3), bytes: (3 << 20) + 1 },
                "part 3: the system refuses the memory that is needed, up to 4 MB",
            ),
            (
                Error::UnionQueries { part: 1, queries: 9, first: 0, expected: 6 },
                "part 1: has 9 queries where part 0 has 6; the union matching is of parts with the same queries",
            ),
            (
                label(3, Some(3)),
                "label of target 0 of image 1: 3 is not a class id; allowed are 0 to 2, since 3 means no-object (the ids \
                 may be 1-based: then subtract 1, or set numClasses to the largest id + 1)",
            ),
            (
                label(3, None),
                "label of target 0 of image 1: 3 is not a class id; allowed are 0 to 2 (the ids may be 1-based: then \
                 subtract 1, or set numClasses to the largest id + 1)",
            ),
            (
                label(0, Some(0)),
                "label of target 0 of image 1: 0 is not a class id; allowed are 1 to 3, since 0 means no-object",
            ),
            (
                Error::Weight { of: WeightOf::Cost, term: "class", rule: "a number from 0 to 1e12", value: -1.0 },
                "weight of class in the cost: must be a number from 0 to 1e12, got -1",
            ),
        ];
        for (error, message) in cases {
            assert_eq!(error.to_string(), message);
        }
    }
}
