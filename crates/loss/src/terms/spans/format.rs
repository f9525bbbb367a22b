//! Spans: what their two components are, and which values they may have.

use crate::option::OptionInfo;
use crate::terms::limits::{outside_unit, too_large};
use crate::terms::pair::{Broken, Overlap};

/// Numbers of a span.
pub(super) const COMPONENTS: usize = 2;

const EXTENT: &str = "a span's width must not be negative";
const MAGNITUDE: &str = "a span's components must not exceed 1e9";
const NORMALIZED: &str =
    "normalised spans lie in [0, 1] (seconds? divide by the duration, or set normalizedSpans to false)";

/// What the two components of a span are: `cxw` centre and width; `xx` start and end.
pub(super) const SPAN_FORMAT: OptionInfo = OptionInfo::word("spanFormat", &["cxw", "xx"]);

/// What the two components of a span are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SpanFormat {
    /// Centre and width.
    Cxw,
    /// Start and end.
    Xx,
}

impl SpanFormat {
    /// The format of a [`SPAN_FORMAT`].
    pub fn new(word: &str) -> Self {
        if word == "xx" { Self::Xx } else { Self::Cxw }
    }

    /// The first rule that finite components break.
    pub fn broken_rule(self, values: &[f32]) -> Option<Broken> {
        if let Some(broken) = too_large(values, MAGNITUDE) {
            return Some(broken);
        }
        let width = match self {
            Self::Cxw => values[1],
            Self::Xx => values[1] - values[0],
        };
        (width < 0.0).then_some(Broken { at: 1, rule: EXTENT })
    }

    /// The overlap of a query with a region, 0 to 1; a quotient with denominator 0 counts as 0.
    pub fn overlap(self, overlap: Overlap, query: &[f32], region: &[f32]) -> f64 {
        let [q, r] = [query, region].map(|values| self.ends(values));
        let intersection = (q[1].min(r[1]) - q[0].max(r[0])).max(0.0);
        let divisor = match overlap {
            Overlap::OfQuery => q[1] - q[0],
            Overlap::OverUnion => (q[1] - q[0]) + (r[1] - r[0]) - intersection,
        };
        if divisor > 0.0 { intersection / divisor } else { 0.0 }
    }

    fn ends(self, values: &[f32]) -> [f64; 2] {
        let [a, b] = [0, 1].map(|k| f64::from(values[k]));
        match self {
            Self::Cxw => [a - b / 2.0, a + b / 2.0],
            Self::Xx => [a, b],
        }
    }
}

/// The component of normalised targets that lies outside [0, 1].
pub(super) fn outside(values: &[f32]) -> Option<Broken> {
    outside_unit(values, NORMALIZED)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overlap_is_over_the_querys_width_or_the_union() {
        let of = |kind, q: &[f32], r: &[f32]| SpanFormat::Cxw.overlap(kind, q, r);
        assert_eq!(of(Overlap::OfQuery, &[0.25, 0.5], &[0.5, 1.0]), 1.0);
        assert_eq!(of(Overlap::OverUnion, &[0.25, 0.5], &[0.5, 1.0]), 0.5);
        assert_eq!(of(Overlap::OfQuery, &[0.5, 0.0], &[0.5, 1.0]), 0.0, "no width");
        assert_eq!(SpanFormat::Xx.overlap(Overlap::OverUnion, &[0.0, 1.0], &[0.5, 1.5]), 1.0 / 3.0);
    }

    #[test]
    fn broken_rule_names_the_component() {
        assert_eq!(SpanFormat::Cxw.broken_rule(&[0.5, -0.1]), Some(Broken { at: 1, rule: EXTENT }));
        assert_eq!(SpanFormat::Xx.broken_rule(&[0.5, 0.4]), Some(Broken { at: 1, rule: EXTENT }));
        assert_eq!(SpanFormat::Xx.broken_rule(&[2e9, 0.4]), Some(Broken { at: 0, rule: MAGNITUDE }));
        assert_eq!(SpanFormat::Xx.broken_rule(&[-0.5, 0.4]), None);
        assert_eq!(outside(&[0.5, 1.2]), Some(Broken { at: 1, rule: NORMALIZED }));
    }
}
