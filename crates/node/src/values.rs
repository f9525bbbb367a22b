//! The numbers of a result, in one array that JavaScript allocates. `describe` names their places.

use hungarian_loss::{LayerCounts, LayerReport, NonFiniteCounts, Report, TERMS, query_fields};

use crate::error::{Failure, Result};

/// Names of the values before those of the layers; after them comes the number of values of each field that are not finite.
pub const HEAD: [&str; 6] = ["loss", "numBoxes", "unionBoxes", "targets", "unionPairs", "nonFinite.costs"];

/// Names of the values of a layer; before them come the terms.
pub const LAYER: [&str; 9] = [
    "classError",
    "cardinalityError",
    "classNormalizer",
    "classWeight",
    "leastClassWeight",
    "normalizer",
    "numPairs",
    "distilled.paired",
    "distilled.others",
];

/// Writes a whole report.
pub fn write_report(report: &Report, values: &mut [f64]) -> Result<()> {
    let Report { loss, target_normalizer, union_normalizer, targets, union_pairs, non_finite, layers } = report;
    let head = [*loss, *target_normalizer, *union_normalizer, *targets as f64, *union_pairs as f64];
    fill(values, head.into_iter().chain(counts(non_finite)).chain(layers.iter().flat_map(layer)))
}

/// Writes the counts of a report that has nothing else.
pub fn write_counts(non_finite: &NonFiniteCounts, values: &mut [f64]) -> Result<()> {
    let length = HEAD.len() + query_fields().count();
    let head = values.split_at_mut_checked(length).map_or(&mut [][..], |(head, _)| head);
    fill(head, [0.0; HEAD.len() - 1].into_iter().chain(counts(non_finite)))
}

fn counts(non_finite: &NonFiniteCounts) -> impl Iterator<Item = f64> {
    std::iter::once(non_finite.costs).chain(non_finite.fields).map(|count| count as f64)
}

fn layer(report: &LayerReport) -> impl Iterator<Item = f64> {
    let LayerReport { terms, class_error, cardinality_error, class_normalizer, normalizer, counts } = *report;
    let LayerCounts { class_weight, least_class_weight, pairs, distilled: [paired, others] } = counts;
    let terms: [f64; TERMS] = terms;
    let sums = [class_error, cardinality_error, class_normalizer, class_weight, least_class_weight, normalizer];
    terms.into_iter().chain(sums).chain([pairs, paired, others].map(|count| count as f64))
}

/// Writes all values, which must be as many as there are places.
pub fn fill<T>(places: &mut [T], values: impl IntoIterator<Item = T>) -> Result<()> {
    let wrong = || Failure::Binding("INTERNAL", "values", "an output array has the wrong length".to_owned());
    let mut values = values.into_iter();
    for place in places {
        *place = values.next().ok_or_else(wrong)?;
    }
    if values.next().is_some() {
        return Err(wrong());
    }
    Ok(())
}
