//! Every way in which an input can be refused, one variant per rule, with place and value.

use std::fmt;

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
    /// A cell of a cost matrix is NaN or -infinity.
    Cost { row: usize, column: usize, value: f64 },
    /// The system refuses the memory that a call needs. `argument`: what needs most of it. `bytes`: how much, at most.
    Memory { argument: &'static str, bytes: u64 },
    /// A sparse cost matrix has more rows or columns than 31 bits can count.
    SparseSize { rows: usize, columns: usize },
    /// The row starts of a sparse cost matrix do not start at 0, fall, or end elsewhere than at the number of cells.
    RowStarts { index: usize, value: i32, cells: usize },
    /// A listed cell is of a row that does not exist.
    RowIndex { index: usize, row: i32, rows: usize },
    /// A listed cell is of a column that does not exist.
    ColumnIndex { index: usize, row: usize, column: i32, columns: usize },
    /// A listed cell is NaN or -infinity.
    ListedCost { index: usize, row: usize, column: usize, value: f64 },
    /// A cell is listed a second time.
    ListedTwice { index: usize, first: usize, row: usize, column: usize },
    /// No assignment covers the shorter side: these rows have fewer allowed columns between them than they are.
    InfeasibleRows { rows: Vec<usize>, columns: usize },
    /// As `InfeasibleRows`, for a matrix with more rows than columns.
    InfeasibleColumns { columns: Vec<usize>, rows: usize },
    /// Another thread stopped the solve.
    Interrupted,
    /// A matrix of a batch was refused.
    InBatch { index: usize, error: Box<Error> },
    /// An assignment to be verified uses a column twice or one that does not exist.
    Assignment { row: usize, column: i64, rule: &'static str },
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
            Self::Cost { row, column, value } => write!(
                f,
                "cost: {} at row {row}, column {column}; must be a number or Infinity (which forbids the pair)",
                Value(*value)
            ),
            Self::Memory { argument, bytes } => {
                write!(
                    f,
                    "{argument}: the system refuses the memory that is needed, up to {} MB",
                    bytes.div_ceil(1 << 20)
                )
            }
            Self::SparseSize { rows, columns } => {
                write!(f, "cost: {rows} rows and {columns} columns are too many for 32-bit indices")
            }
            Self::RowStarts { index, value, cells } => {
                write!(f, "cost.rowStarts[{index}]: must rise from 0 to the number of values, {cells}, got {value}")
            }
            Self::RowIndex { index, row, rows } => {
                write!(
                    f,
                    "cost.rowIndices[{index}]: must be below the number of rows, {rows}, and not negative, got {row}"
                )
            }
            Self::ColumnIndex { index, row, column, columns } => write!(
                f,
                "cost.columnIndices[{index}]: must be below the number of columns, {columns}, and not negative, got \
                 {column} in row {row}"
            ),
            Self::ListedCost { index, row, column, value } => write!(
                f,
                "cost.values[{index}]: {} at row {row}, column {column}; must be a number or Infinity (which forbids the \
                 pair)",
                Value(*value)
            ),
            Self::ListedTwice { index, first, row, column } => {
                write!(f, "cost.values[{index}]: row {row}, column {column} is listed already, as values[{first}]")
            }
            Self::InfeasibleRows { rows, columns } => write!(f, "cost: {}", Shortage("row", rows, "column", *columns)),
            Self::InfeasibleColumns { columns, rows } => {
                write!(f, "cost: {}", Shortage("column", columns, "row", *rows))
            }
            Self::Interrupted => f.write_str("cost: the solve was interrupted"),
            Self::InBatch { index, error } => write!(f, "matrix {index}: {error}"),
            Self::Assignment { row, column, rule } => {
                write!(f, "assignment: row {row} has column {column}, which {rule}")
            }
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

/// A value as JavaScript writes it.
struct Value(f64);

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            v if v == f64::INFINITY => f.write_str("Infinity"),
            v if v == f64::NEG_INFINITY => f.write_str("-Infinity"),
            v => write!(f, "{v}"),
        }
    }
}

/// What cannot be assigned, and how few places it has: `rows 1, 2 and 5 have only 2 allowed columns between them, …`.
struct Shortage<'a>(&'static str, &'a [usize], &'static str, usize);

impl fmt::Display for Shortage<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(noun, items, place, places) = *self;
        if let [item] = items {
            return write!(f, "{noun} {item} has no allowed {place}");
        }
        const SHOWN: usize = 10;
        write!(f, "{noun}s ")?;
        for (k, item) in items.iter().take(SHOWN).enumerate() {
            let joint = match k {
                0 => "",
                _ if k + 1 == items.len() => " and ",
                _ => ", ",
            };
            write!(f, "{joint}{item}")?;
        }
        if items.len() > SHOWN {
            write!(f, " and {} more", items.len() - SHOWN)?;
        }
        let plural = if places == 1 { "" } else { "s" };
        write!(f, " have only {places} allowed {place}{plural} between them, so they cannot all be assigned")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_name_the_place_the_rule_and_the_value() {
        let cases = [
            (Error::InfeasibleRows { rows: vec![3], columns: 0 }, "cost: row 3 has no allowed column"),
            (
                Error::Memory { argument: "outputs.oneToMany", bytes: (3 << 20) + 1 },
                "outputs.oneToMany: the system refuses the memory that is needed, up to 4 MB",
            ),
            (
                Error::UnionQueries { part: "outputs.encoder", queries: 9, first: "outputs", expected: 6 },
                "outputs.encoder: has 9 queries where outputs has 6; the union matching is of parts with the same \
                 queries (boxMatching: 'layer' has none)",
            ),
            (
                Error::InfeasibleRows { rows: vec![0, 2], columns: 1 },
                "cost: rows 0 and 2 have only 1 allowed column between them, so they cannot all be assigned",
            ),
            (
                Error::InfeasibleColumns { columns: (0..13).collect(), rows: 12 },
                "cost: columns 0, 1, 2, 3, 4, 5, 6, 7, 8, 9 and 3 more have only 12 allowed rows between them, so they \
                 cannot all be assigned",
            ),
            (
                Error::Cost { row: 1, column: 2, value: f64::NEG_INFINITY },
                "cost: -Infinity at row 1, column 2; must be a number or Infinity (which forbids the pair)",
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
