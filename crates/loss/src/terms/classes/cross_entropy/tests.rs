//! The kernels of softmax cross-entropy against its definition in `f64`, and their bits at every level.

use super::*;
use crate::test_support::{Random, assert_close, bits, extent};

/// Everything that the background pass gives, as bits and as numbers.
#[derive(Debug, PartialEq)]
struct BackgroundPass {
    gradient: Vec<f32>,
    nll: Vec<f64>,
    probabilities: Vec<f32>,
    objects: usize,
}

fn pass(level: Level, logits: &[f32], classes: usize, label: usize, wanted: &[usize]) -> BackgroundPass {
    let queries = logits.len() / classes;
    let (mut gradient, mut nll) = (vec![f32::NAN; logits.len()], vec![f64::NAN; padded(queries)]);
    let mut probabilities = vec![0.0; wanted.len() * padded(queries)];
    let mut out = BackgroundPlaces { nll: &mut nll, probabilities: &mut probabilities, classes: wanted };
    let mut rows = Rows { logits, gradient: &mut gradient, classes };
    let counts = background(level, &mut rows, label, 0.25, &mut out);
    assert!(counts.finite);
    BackgroundPass { gradient, nll, probabilities, objects: counts.objects }
}

/// The definition, in `f64`.
fn exact(row: &[f32], label: usize) -> (f64, Vec<f64>) {
    let max = row.iter().fold(f64::NEG_INFINITY, |m, &x| m.max(f64::from(x)));
    let e: Vec<f64> = row.iter().map(|&x| (f64::from(x) - max).exp()).collect();
    let sum: f64 = e.iter().sum();
    let others: f64 = e.iter().enumerate().filter(|&(k, _)| k != label).map(|(_, e)| e).sum();
    let nll = if others < e[label] { (others / e[label]).ln_1p() } else { sum.ln() + max - f64::from(row[label]) };
    let gradient = (0..row.len()).map(|k| if k == label { -others / sum } else { e[k] / sum }).collect();
    (nll, gradient)
}

#[test]
fn rows_of_every_shape_follow_the_definition_with_the_same_bits_at_every_level() {
    let mut random = Random::new(1);
    let widths = (1..=67).chain([80, 91, 92, 96, 112, 113, 128, 129, 144, 145, 200, 366]);
    for classes in widths.step_by(extent(1, 33)) {
        for queries in [0, 1, 2, 15, 16, 17, 33, 67].into_iter().step_by(extent(1, 5)) {
            let logits: Vec<f32> = (0..queries * classes).map(|_| random.normal() * 4.0).collect();
            let label = [0, classes - 1, random.below(classes)][random.below(3)];
            let wanted: Vec<usize> = (0..3.min(classes)).map(|_| random.below(classes)).collect();
            let mut passes = Level::available().into_iter().map(|l| pass(l, &logits, classes, label, &wanted));
            let first = passes.next().expect("a level");
            for other in passes {
                assert_eq!(bits(&first.gradient), bits(&other.gradient), "{queries}x{classes}");
                assert_eq!(first, other, "{queries}x{classes}");
            }
            let mut objects = 0;
            for (query, row) in logits.chunks_exact(classes).enumerate() {
                let (nll, gradient) = exact(row, label);
                assert_close(first.nll[query], nll, 5e-7);
                for k in 0..classes {
                    assert_close(4.0 * f64::from(first.gradient[query * classes + k]), gradient[k], 1e-6);
                }
                for (k, &class) in wanted.iter().enumerate() {
                    let p = if class == label { 1.0 + gradient[class] } else { gradient[class] };
                    let found = first.probabilities[k * padded(queries) + query];
                    assert!((4.0 * f64::from(found) - p).abs() < 1e-6, "p {found} {p}");
                }
                let largest = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
                objects += usize::from(row.iter().position(|&x| x == largest) != Some(label));
            }
            assert_eq!(first.objects, objects, "{queries}x{classes}");
        }
    }
}

#[test]
fn confident_rows_keep_all_their_digits() {
    for classes in [2, 11, 16, 92, 200].into_iter().take(extent(5, 3)) {
        for confidence in [1.0f32, 8.0, 20.0, 40.0, 80.0].into_iter().step_by(extent(1, 4)) {
            for label in [0, classes / 2, classes - 1] {
                let mut logits = vec![0.0f32; 17 * classes];
                logits.iter_mut().skip(label).step_by(classes).for_each(|x| *x = confidence);
                for level in Level::available() {
                    let found = pass(level, &logits, classes, label, &[]);
                    let (nll, gradient) = exact(&logits[..classes], label);
                    assert_close(found.nll[16], nll, 8e-6);
                    let relative = f64::from(found.gradient[16 * classes + label]) * 4.0 / gradient[label] - 1.0;
                    assert!(relative.abs() < 8e-6, "{classes} classes, logit {confidence}: off by {relative}");
                }
            }
        }
    }
}

#[test]
fn a_query_counts_as_an_object_by_its_first_largest_logit() {
    let rows = [[3.0, 3.0, 1.0], [1.0, 3.0, 3.0], [0.0, 0.0, 0.0], [1.0, 2.0, 4.0]].concat();
    for level in Level::available() {
        assert_eq!(pass(level, &rows, 3, 2, &[]).objects, 3);
        assert_eq!(pass(level, &rows, 3, 1, &[]).objects, 3);
        assert_eq!(pass(level, &rows, 3, 0, &[]).objects, 2);
    }
}

#[test]
fn logits_that_are_not_finite_are_noticed_wherever_they_are() {
    for classes in [3, 16, 40, 92, 150].into_iter().take(extent(5, 2)) {
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            for at in [0, classes - 1, 20 * classes - 1, 9 * classes + classes / 2].into_iter().step_by(extent(1, 3)) {
                let mut logits = vec![0.5; 20 * classes];
                logits[at] = bad;
                let mut gradient = vec![0.0; logits.len()];
                let mut rows = Rows { logits: &logits, gradient: &mut gradient, classes };
                for level in Level::available() {
                    let mut out = BackgroundPlaces { nll: &mut [0.0; 32], probabilities: &mut [], classes: &[] };
                    assert!(!background(level, &mut rows, classes - 1, 1.0, &mut out).finite);
                }
            }
        }
    }
}

#[test]
fn matched_rows_take_their_own_label_and_weight() {
    let mut random = Random::new(2);
    for classes in [2, 11, 15, 16, 31, 92, 128, 300].into_iter().step_by(extent(1, 4)) {
        let logits: Vec<f32> = (0..40 * classes).map(|_| random.normal() * 3.0).collect();
        let entries: Vec<Entry> = (0..37)
            .map(|k| Entry { query: (k * 7) % 40, label: random.below(classes), weight: 0.5 + random.unit() })
            .collect();
        let mut first: Option<Vec<u32>> = None;
        for level in Level::available() {
            let mut gradient = vec![0.0; logits.len()];
            let mut found = vec![Labelled::default(); entries.len()];
            labelled(level, &mut Rows { logits: &logits, gradient: &mut gradient, classes }, &entries, &mut found);
            for (entry, found) in entries.iter().zip(&found) {
                let row = &logits[entry.query * classes..][..classes];
                let (nll, exact) = exact(row, entry.label);
                assert_close(found.nll, nll, 5e-7);
                assert_eq!(found.is_largest, row.iter().all(|&x| x <= row[entry.label]));
                for (k, &slope) in exact.iter().enumerate() {
                    let value = f64::from(gradient[entry.query * classes + k]);
                    assert_close(value, slope * f64::from(entry.weight), 1e-6);
                }
            }
            assert_eq!(*first.get_or_insert_with(|| bits(&gradient)), bits(&gradient));
        }
    }
}
