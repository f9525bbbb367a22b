//! Every way in which an input can be refused, one variant per rule, with place and value.

use std::fmt;

use lsap::Value;

/// The result of a checked call.
pub type Result<T> = std::result::Result<T, Error>;

/// A place in one image's predictions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueryPlace {
    /// Where the part's tensors lie: `outputs`, `outputs.encoder`.
    pub part: &'static str,
    /// Decoder layer, the last being the final one.
    pub layer: usize,
    /// Image of the batch.
    pub image: usize,
    /// Query of the image.
    pub query: usize,
}

/// The place within the part.
impl fmt::Display for QueryPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "layer {}, image {}, query {}", self.layer, self.image, self.query)
    }
}

/// A place in one image's targets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TargetPlace {
    /// Image of the batch.
    pub image: usize,
    /// Target of the image.
    pub target: usize,
}

/// Why an input was refused.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
#[expect(missing_docs, reason = "each variant's comment says what its fields are")]
pub enum Error {
    /// An option is outside its range.
    Option { name: &'static str, rule: &'static str, value: f64 },
    /// An array has another length than its shape says.
    Length { argument: &'static str, expected: u64, actual: u64, shape: Vec<usize> },
    /// The offsets of the targets do not start at 0, fall, or end elsewhere than at the number of targets.
    Offsets { index: usize, value: usize },
    /// A label is not the id of a class. `no_object`: the column of no-object, absent in sigmoid classification.
    Label { place: TargetPlace, value: i32, classes: usize, no_object: Option<usize> },
    /// A target has no label, the same label twice, or several where softmax classification allows one.
    Labels { place: TargetPlace, count: usize, rule: &'static str },
    /// A target's box holds NaN or ±infinity.
    TargetBoxNotFinite { place: TargetPlace, component: usize, value: f32 },
    /// A target's box breaks a rule of its format.
    TargetBox { place: TargetPlace, component: usize, value: f32, rule: BoxRule },
    /// A logit is NaN or ±infinity.
    LogitNotFinite { place: QueryPlace, class: usize, value: f32 },
    /// A box of a query holds NaN or ±infinity. `tensor`: `boxes` or `references`.
    BoxNotFinite { place: QueryPlace, tensor: &'static str, component: usize, value: f32 },
    /// A box of a query breaks a rule of its format. `tensor`: `boxes` or `references`.
    Box { place: QueryPlace, tensor: &'static str, component: usize, value: f32, rule: BoxRule },
    /// A logit of an edge's distribution is NaN or ±infinity.
    CornerNotFinite { place: QueryPlace, edge: usize, bin: usize, value: f32 },
    /// A given matching names a target that the image does not have.
    Matching { place: QueryPlace, value: i32, targets: usize },
    /// An added cost is not finite or too large.
    AddedCost { place: QueryPlace, target: usize, value: f32 },
    /// A part of the union matching has other queries than the first one.
    UnionQueries { part: &'static str, queries: usize, first: &'static str, expected: usize },
    /// The solver refused its matrix, the system memory, or another thread stopped the call.
    Solver(lsap::Error),
}

/// What a box must satisfy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BoxRule {
    /// Width and height are not negative (`xyxy`: the second corner is not before the first).
    Extent,
    /// With normalised boxes, every component of a target lies in [0, 1].
    Normalized,
    /// No component is larger than 1e9, so that areas stay in range.
    Magnitude,
}

/// Box components by index.
pub(crate) const COMPONENTS: usize = 4;

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Option { name, rule, value } => write!(f, "{name}: must be {rule}, got {value}"),
            Self::Length { argument, expected, actual, shape } => {
                write!(f, "{argument}: expected {expected} values for {shape:?}, got {actual}")
            }
            Self::Offsets { index, value } => write!(
                f,
                "offsets: must rise from 0 to the number of targets, with one entry more than images; entry {index} is {value}"
            ),
            Self::Label { place, value, classes, no_object } => {
                write!(f, "targets[{}].labels[{}]: {value} is not a class id; ", place.image, place.target)?;
                let last = no_object.is_none_or(|k| k == *classes);
                match *no_object {
                    Some(0) => write!(f, "allowed are 1 to {classes}")?,
                    Some(k) if !last => write!(f, "allowed are 0 to {classes} without {k}")?,
                    _ => write!(f, "allowed are 0 to {}", *classes as i64 - 1)?,
                }
                if no_object.is_some_and(|k| *value == k as i32) {
                    write!(f, ", since {value} means no-object")?;
                }
                if *value >= *classes as i32 && last {
                    write!(f, " (the ids may be 1-based: then subtract 1, or set numClasses to the largest id + 1)")?;
                }
                Ok(())
            }
            Self::Labels { place, count, rule } => {
                write!(f, "targets[{}].labels: target {} has {count} labels; {rule}", place.image, place.target)
            }
            Self::TargetBoxNotFinite { place, component, value } => write!(
                f,
                "targets[{}].boxes: target {} has {} at component {component}; must be finite",
                place.image,
                place.target,
                Value(f64::from(*value))
            ),
            Self::TargetBox { place, component, value, rule } => write!(
                f,
                "targets[{}].boxes: target {} has {value} at component {component}; {rule}",
                place.image, place.target
            ),
            Self::LogitNotFinite { place, class, value } => write!(
                f,
                "{}.logits: {} at {place}, class {class}; must be finite",
                place.part,
                Value(f64::from(*value))
            ),
            Self::BoxNotFinite { place, tensor, component, value } => write!(
                f,
                "{}.{tensor}: {} at {place}, component {component}; must be finite",
                place.part,
                Value(f64::from(*value))
            ),
            Self::Box { place, tensor, component, value, rule } => {
                write!(f, "{}.{tensor}: {value} at {place}, component {component}; {rule}", place.part)?;
                match (rule, *tensor) {
                    (BoxRule::Extent, "boxes") => f.write_str(" (with clampSizes: true such sides count as 0)"),
                    _ => Ok(()),
                }
            }
            Self::CornerNotFinite { place, edge, bin, value } => write!(
                f,
                "{}.corners: {} at {place}, edge {edge}, bin {bin}; must be finite",
                place.part,
                Value(f64::from(*value))
            ),
            Self::Matching { place, value, targets } => {
                write!(f, "{}.matching: {value} at {place}; the image has {targets} targets", place.part)
            }
            Self::AddedCost { place, target, value } => write!(
                f,
                "{}.cost: {} at {place}, target {target}; must be a number from -1e12 to 1e12",
                place.part,
                Value(f64::from(*value))
            ),
            Self::UnionQueries { part, queries, first, expected } => write!(
                f,
                "{part}: has {queries} queries where {first} has {expected}; the union matching is of parts with the same \
                 queries (boxMatching: 'layer' has none)"
            ),
            Self::Solver(error) => error.fmt(f),
        }
    }
}

impl fmt::Display for BoxRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Extent => "width and height must not be negative",
            Self::Normalized => {
                "normalised boxes lie in [0, 1] (pixels? divide by the image's width and height, or set normalizedBoxes to false)"
            }
            Self::Magnitude => "a box's components must not exceed 1e9",
        })
    }
}

impl std::error::Error for Error {}

impl From<lsap::Error> for Error {
    fn from(error: lsap::Error) -> Self {
        Self::Solver(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_name_the_place_the_rule_and_the_value() {
        let cases = [
            (
                Error::UnionQueries { part: "outputs.encoder", queries: 9, first: "outputs", expected: 6 },
                "outputs.encoder: has 9 queries where outputs has 6; the union matching is of parts with the same \
                 queries (boxMatching: 'layer' has none)",
            ),
            (
                Error::Label { place: TargetPlace { image: 1, target: 0 }, value: 3, classes: 3, no_object: Some(3) },
                "targets[1].labels[0]: 3 is not a class id; allowed are 0 to 2, since 3 means no-object (the ids may be \
                 1-based: then subtract 1, or set numClasses to the largest id + 1)",
            ),
            (
                Error::Label { place: TargetPlace { image: 1, target: 0 }, value: 3, classes: 3, no_object: None },
                "targets[1].labels[0]: 3 is not a class id; allowed are 0 to 2 (the ids may be 1-based: then subtract 1, or \
                 set numClasses to the largest id + 1)",
            ),
            (
                Error::Label { place: TargetPlace { image: 0, target: 4 }, value: 0, classes: 3, no_object: Some(0) },
                "targets[0].labels[4]: 0 is not a class id; allowed are 1 to 3, since 0 means no-object",
            ),
        ];
        for (error, message) in cases {
            assert_eq!(error.to_string(), message);
        }
    }
}
