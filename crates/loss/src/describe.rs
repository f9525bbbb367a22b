//! What there is: families with their fields, terms and options, as data for the layers above.

use crate::config::{COMMON, MAX_CLASSES};
use crate::option::{LIMIT, OptionInfo};
use crate::terms::family::{Family, Kind};
use crate::terms::{FAMILIES, KINDS};

/// Everything that a criterion may have. Fields and terms have the places that [`query_fields`](crate::query_fields),
/// [`target_fields`](crate::target_fields) and [`terms`](crate::terms()) number.
#[derive(Debug)]
pub struct Description {
    /// The kinds of classification, the usual one first.
    pub kinds: &'static [&'static Kind],
    /// The families of terms, in the order of the results.
    pub families: &'static [&'static Family],
    /// Options of no family.
    pub options: &'static [&'static OptionInfo],
    /// The largest weight of a term, a class or a part. The least is 0.
    pub max_weight: f64,
    /// The most object classes. The fewest are 1.
    pub max_classes: usize,
}

/// What there is.
///
/// ```
/// let names: Vec<_> = hungarian_loss::terms().map(|term| term.name).collect();
/// assert_eq!(names[..3], ["class", "l1", "giou"]);
/// ```
#[must_use]
pub fn describe() -> Description {
    Description { kinds: KINDS, families: &FAMILIES, options: &COMMON, max_weight: LIMIT, max_classes: MAX_CLASSES }
}
