//! Every way in which an input can be refused, one variant per rule, with place and value.

use std::fmt;

/// The result of a checked call.
pub type Result<T> = std::result::Result<T, Error>;

/// Whose array it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The detections'.
    Detections,
    /// The targets'.
    Targets,
}

/// A field of either side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// x, y, width and height.
    Boxes,
    /// The detections' scores.
    Scores,
    /// The targets' areas.
    Areas,
    /// Classes.
    Labels,
    /// Which targets are crowds.
    Crowds,
    /// Where the entries of each image begin.
    Offsets,
}

/// A detection or a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Which of the two.
    pub side: Side,
    /// Image, as it is given.
    pub image: usize,
    /// Entry of the image.
    pub index: usize,
}

/// Why an input was refused, or a call ended early.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
#[expect(missing_docs, reason = "each variant's comment says what its fields are")]
pub enum Error {
    /// A setting is outside its range.
    Setting { name: &'static str, rule: &'static str, value: f64 },
    /// An array of the inputs has another length than the others say.
    Length { side: Side, field: Field, expected: u64, actual: u64 },
    /// An array for the results has another length than the settings say.
    OutputLength { name: &'static str, expected: u64, actual: u64 },
    /// Offsets do not rise from 0 to the number of entries.
    Offsets { side: Side, image: usize },
    /// The order of the images does not name each of them once.
    Order { index: usize },
    /// There are more entries than 32 bits can count.
    Count { side: Side, count: u64 },
    /// A label is none of the classes.
    Label { place: Place, label: i32, classes: usize },
    /// A value is NaN, infinite or outside its range.
    Value { place: Place, field: Field, rule: &'static str, value: f64 },
    /// The system refuses the memory that a call needs, of which `argument` needs most.
    Memory { argument: &'static str, bytes: u64 },
    /// Another thread stopped the call.
    Interrupted,
}

impl From<lsap::Error> for Error {
    /// What the shared tools for memory refuse.
    fn from(error: lsap::Error) -> Self {
        match error {
            lsap::Error::Memory { argument, bytes } => Self::Memory { argument, bytes },
            _ => Self::Interrupted,
        }
    }
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Detections => "detections",
            Self::Targets => "targets",
        })
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Boxes => "boxes",
            Self::Scores => "scores",
            Self::Areas => "areas",
            Self::Labels => "labels",
            Self::Crowds => "crowds",
            Self::Offsets => "offsets",
        })
    }
}

impl Error {
    /// The message without its subject.
    #[must_use]
    pub fn detail(&self) -> String {
        match self {
            Self::Setting { rule, value, .. } => format!("must be {rule}, got {value}"),
            Self::Length { expected, actual, .. } | Self::OutputLength { expected, actual, .. } => {
                format!("expected {expected} values, got {actual}")
            }
            Self::Offsets { image, .. } => {
                format!("must rise from 0 to the number of entries, and do not at image {image}")
            }
            Self::Order { index } => format!("must name each image once, and does not at place {index}"),
            Self::Count { count, .. } => format!("{count} entries are too many for 32-bit indices"),
            Self::Label { label, classes, place } => {
                let Place { index, .. } = place;
                format!("must be from 0 to {}, got {label} at index {index}", classes.saturating_sub(1))
            }
            Self::Value { rule, value, place, .. } => {
                let Place { index, .. } = place;
                format!("must be {rule}, got {} at index {index}", lsap::Shown(*value))
            }
            Self::Memory { bytes, .. } => {
                format!("the system refuses the memory that is needed, up to {} MB", bytes.div_ceil(1 << 20))
            }
            Self::Interrupted => "the evaluation was interrupted".to_owned(),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let detail = self.detail();
        match self {
            Self::Setting { name, .. } | Self::OutputLength { name, .. } => write!(f, "{name}: {detail}"),
            Self::Length { side, field, .. } => write!(f, "{side}.{field}: {detail}"),
            Self::Offsets { side, .. } => write!(f, "{side}.offsets: {detail}"),
            Self::Order { .. } => write!(f, "order: {detail}"),
            Self::Count { side, .. } => write!(f, "{side}: {detail}"),
            Self::Label { place: Place { side, image, .. }, .. } => write!(f, "{side}[{image}].labels: {detail}"),
            Self::Value { place: Place { side, image, .. }, field, .. } => {
                write!(f, "{side}[{image}].{field}: {detail}")
            }
            Self::Memory { argument, .. } => write!(f, "{argument}: {detail}"),
            Self::Interrupted => f.write_str(&detail),
        }
    }
}

impl std::error::Error for Error {}
