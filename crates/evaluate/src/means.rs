//! Means over classes and thresholds, of what is evaluated: -1 stands for what is not, and for the mean of nothing.
//!
//! Sums have the order of numpy's pairwise summation (`pairwise_sum` in `numpy/_core/src/umath/loops_utils.h.src`), so that
//! the bits are those of the reference.

use lsap::memory::reserve;

use crate::error::Result;
use crate::outputs::Outputs;
use crate::settings::Settings;

/// What is summed in eight strands; more is halved.
const BLOCK: usize = 128;

/// Sum in numpy's order.
fn sum(values: &[f64]) -> f64 {
    if values.len() < 8 {
        return values.iter().fold(0.0, |sum, value| sum + value);
    }
    if values.len() > BLOCK {
        let middle = values.len() / 2 / 8 * 8;
        return sum(&values[..middle]) + sum(&values[middle..]);
    }
    let mut strands = [0.0; 8];
    strands.copy_from_slice(&values[..8]);
    let mut eights = values[8..].chunks_exact(8);
    for eight in eights.by_ref() {
        for k in 0..8 {
            strands[k] += eight[k];
        }
    }
    let [a, b, c, d, e, f, g, h] = strands;
    eights.remainder().iter().fold(((a + b) + (c + d)) + ((e + f) + (g + h)), |sum, value| sum + value)
}

/// Mean; -1 of nothing.
pub(crate) fn mean(values: &[f64]) -> f64 {
    if values.is_empty() { -1.0 } else { sum(values) / values.len() as f64 }
}

/// Averages over all classes, the first row of either table. `out.targets` says what is evaluated.
///
/// # Errors
/// [`crate::Error::Memory`].
pub(crate) fn over_classes(settings: &Settings<'_>, out: &mut Outputs<'_>) -> Result<()> {
    let Settings { iou_thresholds, recall_thresholds, areas, max_detections, .. } = settings;
    let [thresholds, areas, maxima] = [iou_thresholds.len(), areas.len(), max_detections.len()];
    let classes = settings.result_classes();
    let (mut values, mut evaluated) = (Vec::new(), Vec::new());
    reserve("options", &mut evaluated, classes as u128)?;
    reserve("options", &mut values, (thresholds * recall_thresholds.len()) as u128 * classes as u128)?;
    for area in 0..areas {
        evaluated.clear();
        evaluated.extend((0..classes).filter(|class| out.targets[class * areas + area] > 0));
        values.clear();
        for row in out.precision.chunks_exact(classes * areas) {
            values.extend(evaluated.iter().map(|class| row[class * areas + area]));
        }
        let averages = &mut out.average_precision[area * (1 + thresholds)..][..1 + thresholds];
        averages[0] = mean(&values);
        let each = recall_thresholds.len() * evaluated.len();
        for (threshold, average) in averages[1..].iter_mut().enumerate() {
            *average = mean(&values[threshold * each..][..each]);
        }
        for maximum in 0..maxima {
            values.clear();
            for row in out.recall.chunks_exact(classes * areas * maxima) {
                values.extend(evaluated.iter().map(|class| row[(class * areas + area) * maxima + maximum]));
            }
            out.average_recall[area * maxima + maximum] = mean(&values);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_of_integers_are_exact_at_every_length() {
        for length in (0..600).step_by(if cfg!(miri) { 13 } else { 1 }) {
            let values: Vec<_> = (0..length).map(f64::from).collect();
            assert_eq!(sum(&values), (0..length).map(f64::from).sum());
        }
    }

    #[test]
    fn the_mean_of_nothing_is_minus_one() {
        assert_eq!(mean(&[]), -1.0);
        assert_eq!(mean(&[0.25, 0.75]), 0.5);
    }
}
