//! The numbers of a result, in one array that JavaScript allocates. `describe` names their places.

use hungarian_loss::{LayerCounts, LayerReport, NonFiniteCounts, Report};

use crate::error::{Failure, Result};

/// Names of the values before those of the layers; after them comes the number of values of each field that are not finite.
pub const HEAD: [&str; 7] = ["loss", "numBoxes", "unionBoxes", "numImages", "targets", "unionPairs", "nonFinite.costs"];

/// Names of the values of a layer; before them come the terms, after them what divides those of each family.
pub const LAYER: [&str; 8] = [
    "classError",
    "cardinalityError",
    "classNormalizer",
    "classWeight",
    "leastClassWeight",
    "numPairs",
    "distilled.paired",
    "distilled.others",
];

/// Writes a whole report.
pub fn write_report(report: &Report, values: &mut [f64]) -> Result<()> {
    let Report { loss, target_normalizer, union_normalizer, image_normalizer, .. } = report;
    let Report { targets, union_pairs, non_finite, layers, .. } = report;
    let counts = [*targets as f64, *union_pairs as f64];
    let head = [*loss, *target_normalizer, *union_normalizer, *image_normalizer, counts[0], counts[1]];
    let mut rest = write_head(head, non_finite, values)?;
    for report in layers {
        rest = write_layer(report, rest)?;
    }
    if rest.is_empty() { Ok(()) } else { Err(wrong_length()) }
}

/// Writes the counts of a report that has nothing else.
pub fn write_counts(non_finite: &NonFiniteCounts, values: &mut [f64]) -> Result<()> {
    write_head([0.0; HEAD.len() - 1], non_finite, values).map(|_| ())
}

/// Gives the places that are left.
fn write_head<'a>(
    head: [f64; HEAD.len() - 1],
    NonFiniteCounts { fields, costs }: &NonFiniteCounts,
    values: &'a mut [f64],
) -> Result<&'a mut [f64]> {
    let rest = write(&head, values)?;
    let rest = write(&[*costs as f64], rest)?;
    write(&fields.map(|count| count as f64), rest)
}

fn write_layer<'a>(report: &LayerReport, values: &'a mut [f64]) -> Result<&'a mut [f64]> {
    let LayerReport { terms, class_error, cardinality_error, class_normalizer, normalizers, counts } = *report;
    let LayerCounts { class_weight, least_class_weight, pairs, distilled } = counts;
    let [pairs, paired, others] = [pairs, distilled[0], distilled[1]].map(|count| count as f64);
    let sums = [class_error, cardinality_error, class_normalizer, class_weight, least_class_weight];
    let rest = write(&terms, values)?;
    let rest = write(&sums, rest)?;
    let rest = write(&[pairs, paired, others], rest)?;
    write(&normalizers, rest)
}

/// Writes the first values, and gives the places that are left.
fn write<'a>(values: &[f64], places: &'a mut [f64]) -> Result<&'a mut [f64]> {
    let (own, rest) = places.split_at_mut_checked(values.len()).ok_or_else(wrong_length)?;
    own.copy_from_slice(values);
    Ok(rest)
}

fn wrong_length() -> Failure {
    Failure::Binding("INTERNAL", "values", "an output array has the wrong length".to_owned())
}

/// Writes all values, which must be as many as there are places.
pub fn fill<T>(places: &mut [T], values: impl IntoIterator<Item = T>) -> Result<()> {
    let mut values = values.into_iter();
    for place in places {
        *place = values.next().ok_or_else(wrong_length)?;
    }
    if values.next().is_some() {
        return Err(wrong_length());
    }
    Ok(())
}
