//! The kernels of the sigmoid kinds against their definitions in `f64`, and their bits at every level.

use super::general::{General, Numbers};
use super::soft::{self, Maximum, SoftLabel, SoftRule};
use super::*;
use crate::test_support::{Random, assert_close, bits, extent};

const KINDS: [Sigmoid; 7] = [
    Sigmoid::Focal { alpha: 0.25, gamma: 2.0 },
    Sigmoid::Focal { alpha: 0.4, gamma: 0.0 },
    Sigmoid::Varifocal { alpha: 0.75, gamma: 2.0, detach_weights: true },
    Sigmoid::Varifocal { alpha: 0.75, gamma: 1.3, detach_weights: false },
    Sigmoid::Mal { alpha: 1.0, gamma: 1.5, detach_weights: true },
    Sigmoid::IaBce { alpha: 0.25, gamma: 2.0, min_quality: 0.01 },
    Sigmoid::IaBce { alpha: 0.0, gamma: 0.5, min_quality: 0.0 },
];

fn kinds() -> impl Iterator<Item = Sigmoid> {
    KINDS.into_iter().step_by(extent(1, 2))
}

/// Loss and gradient of a pass and of the positives applied after it.
fn run(level: Level, kind: Sigmoid, logits: &[f32], cells: &[Cell], scale: f64) -> (f64, Vec<f32>) {
    let rule = Rule::new(kind);
    let mut gradient = vec![f32::NAN; logits.len()];
    let pass = rule.background(level, logits, scale, Some(&mut gradient));
    assert!(pass.finite);
    assert_eq!(pass.loss.to_bits(), rule.background(level, logits, scale, None).loss.to_bits());
    let gain = rule.apply_positives(level, logits, cells, scale, Some(&mut gradient));
    assert_eq!(gain.to_bits(), rule.apply_positives(level, logits, cells, scale, None).to_bits());
    (pass.loss + gain, gradient)
}

/// -ln σ(x), also where σ(x) rounds to 0 or 1.
fn nll(x: f64) -> f64 {
    (-x.abs()).exp().ln_1p() - x.min(0.0)
}

/// The definition: the value of a cell and its derivative.
fn exact(kind: Sigmoid, label: Option<f64>, x: f64) -> (f64, f64) {
    let (p, q) = ((-nll(x)).exp(), (-nll(-x)).exp());
    let background = |weight: f64, gamma: f64, slope: f64| {
        let factor = weight * p.powf(gamma);
        (factor * nll(-x), factor * (p + if q > 0.0 { slope * q * nll(-x) } else { 0.0 }))
    };
    let entropy = |log_t: f64, least: f64| {
        let (t, rest) = (log_t.exp().max(least), (-log_t.exp_m1()).min(1.0 - least));
        (t * nll(x) + rest * nll(-x), if x > 0.0 { rest - q } else { p - t })
    };
    match (kind, label) {
        (Sigmoid::Focal { alpha, gamma }, None) => background(1.0 - alpha, gamma, gamma),
        (Sigmoid::Focal { alpha, gamma }, Some(_)) => {
            let factor = alpha * q.powf(gamma);
            (factor * nll(x), -factor * (q + if p > 0.0 { gamma * p * nll(x) } else { 0.0 }))
        }
        (Sigmoid::Varifocal { .. }, Some(iou)) => {
            let (value, slope) = entropy(iou.ln(), 0.0);
            (iou * value, iou * slope)
        }
        (Sigmoid::Mal { gamma, .. }, Some(iou)) => entropy(gamma * iou.ln(), 0.0),
        (Sigmoid::Varifocal { alpha, gamma, detach_weights } | Sigmoid::Mal { alpha, gamma, detach_weights }, None) => {
            background(alpha, gamma, if detach_weights { 0.0 } else { gamma })
        }
        (Sigmoid::IaBce { alpha, min_quality, .. }, Some(iou)) => {
            entropy((1.0 - alpha) * iou.ln() - alpha * nll(x), min_quality)
        }
        (Sigmoid::IaBce { gamma, .. }, None) => background(1.0, gamma, gamma),
    }
}

#[test]
fn cells_of_every_length_follow_the_definition_with_the_same_bits_at_every_level() {
    let mut random = Random::new(5);
    for kind in kinds() {
        for count in (0..=70).chain([127, 128, 129, 1000]).step_by(extent(1, 70)) {
            let logits: Vec<f32> = (0..count).map(|_| random.normal() * 4.0).collect();
            let ious = [0.0, 1.0, 0.5, 1e-300, 0.9999999];
            let cells: Vec<Cell> = (0..count)
                .filter(|k| k % 3 == 1)
                .map(|at| Cell::plain(at, if at % 2 == 0 { ious[at % 5] } else { f64::from(random.unit()) }))
                .collect();
            let mut results = Level::available().into_iter().map(|l| run(l, kind, &logits, &cells, 0.5));
            let (loss, gradient) = results.next().expect("a level");
            for (other_loss, other) in results {
                assert_eq!((loss.to_bits(), bits(&gradient)), (other_loss.to_bits(), bits(&other)), "{kind:?} {count}");
            }
            let mut sum = 0.0;
            for (at, &x) in logits.iter().enumerate() {
                let label = cells.iter().find(|cell| cell.at == at).map(|cell| cell.quality);
                let (value, slope) = exact(kind, label, f64::from(x));
                sum += value;
                assert_close(f64::from(gradient[at]), 0.5 * slope, 1e-6);
            }
            assert_close(loss, sum, 1e-6);
        }
    }
}

#[test]
fn confident_matches_leave_nothing_of_the_background_behind() {
    // the background value of the labelled cell is a million times what remains of the loss
    for x in [12.0, 40.0, 87.0, 200.0].into_iter().step_by(extent(1, 3)) {
        let cells = [Cell::plain(7, 1.0)];
        let mut logits = [-x; 20];
        logits[7] = x;
        for kind in kinds() {
            let (loss, gradient) = run(Level::detect(), kind, &logits, &cells, 1.0);
            let values = logits.iter().enumerate().map(|(at, &x)| {
                let (value, slope) = exact(kind, (at == 7).then_some(1.0), f64::from(x));
                assert!((f64::from(gradient[at]) - slope).abs() <= 1e-5 * slope.abs() + 1e-37, "{kind:?}: {slope}");
                value
            });
            let exact: f64 = values.sum();
            assert!((loss - exact).abs() <= 1e-5 * exact + 1e-12, "{kind:?}, logits of {x}: {loss} is not {exact}");
        }
    }
}

#[test]
fn values_of_every_finite_logit_are_finite() {
    let extremes = [f32::MAX, f32::MIN, 1e30, -1e30, 104.0, -104.0, 88.0, -88.0, f32::MIN_POSITIVE, 0.0, -0.0];
    let cells: Vec<Cell> = (0..22).step_by(2).map(|at| Cell::plain(at, [0.0, 0.3, 1.0][at % 3])).collect();
    let logits: Vec<f32> = extremes.iter().flat_map(|&x| [x, x]).collect();
    for kind in kinds() {
        for level in Level::available() {
            let rule = Rule::new(kind);
            let mut gradient = vec![f32::NAN; logits.len()];
            let pass = rule.background(level, &logits, 1.0, Some(&mut gradient));
            let gain = rule.apply_positives(level, &logits, &cells, 1.0, Some(&mut gradient));
            assert!((pass.loss + gain).is_finite(), "{kind:?}");
            for (at, &x) in logits.iter().enumerate() {
                let label = cells.iter().find(|cell| cell.at == at).map(|cell| cell.quality);
                let (_, slope) = exact(kind, label, f64::from(x));
                assert_close(f64::from(gradient[at]), slope, 2e-6);
            }
        }
    }
}

#[test]
fn logits_that_are_not_finite_are_noticed_wherever_they_are() {
    let rule = Rule::new(KINDS[0]);
    for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        for at in [0, 63, 64, 127, 128, 140].into_iter().step_by(extent(1, 3)) {
            let mut logits = vec![0.5; 141];
            logits[at] = bad;
            for level in Level::available() {
                assert!(!rule.background(level, &logits, 1.0, None).finite, "{bad} at {at}");
            }
        }
    }
}

#[test]
fn a_row_is_positive_wherever_its_logit_above_0_is() {
    let mut random = Random::new(6);
    for classes in (1..=70).chain([80, 91, 128, 365]).step_by(extent(1, 14)) {
        let mut logits: Vec<f32> = (0..23 * classes).map(|_| -random.unit()).collect();
        let mut expected = 0;
        for row in logits.chunks_exact_mut(classes) {
            let value = [1e-40, 3.0, f32::MAX, 0.0, -0.0, f32::MIN][random.below(6)];
            row[random.below(classes)] = value;
            expected += usize::from(value > 0.0);
        }
        for level in Level::available() {
            assert_eq!(positive_rows(level, &logits, classes), expected, "{classes} classes");
            assert_eq!(positive_rows(level, &[], classes), 0);
        }
    }
}

/// Loss and gradient by the kernels of all numbers. `soft`: t of each cell.
fn run_general(level: Level, rule: &General, logits: &[f32], classes: usize, cells: &[Cell]) -> (f64, Vec<f32>) {
    let mut gradient = vec![f32::NAN; logits.len()];
    let mut soft = Vec::new();
    rule.numbers().soft.fill(level, logits, cells, &mut soft);
    let pass = rule.background(level, logits, classes, 0.5, Some(&mut gradient));
    assert!(pass.finite);
    let gain = rule.apply_positives(level, logits, classes, (cells, &soft), 0.5, Some(&mut gradient));
    assert_eq!(gain.to_bits(), rule.apply_positives(level, logits, classes, (cells, &soft), 0.5, None).to_bits());
    (pass.loss + gain, gradient)
}

#[test]
fn kinds_with_a_name_are_rows_of_the_numbers_also_where_each_class_has_a_weight_of_1() {
    let mut random = Random::new(7);
    for kind in kinds() {
        for classes in [1, 7, 16, 37].into_iter().step_by(extent(1, 2)) {
            let logits: Vec<f32> = (0..extent(23, 1) * classes).map(|_| random.normal() * 4.0).collect();
            let places = (0..logits.len()).step_by(classes.max(3));
            let cells: Vec<Cell> = places.map(|at| Cell::plain(at, f64::from(random.unit()))).collect();
            let (loss, gradient) = run(Level::detect(), kind, &logits, &cells, 0.5);
            for weights in [None, Some(vec![1.0; classes])] {
                let rule = General::new(Numbers::of(kind), None, weights.as_deref());
                let mut first = None;
                for level in Level::available() {
                    let (general, slopes) = run_general(level, &rule, &logits, classes, &cells);
                    let found = (general.to_bits(), bits(&slopes));
                    assert_eq!(*first.get_or_insert_with(|| found.clone()), found, "{kind:?}, {}", level.name());
                    assert_close(general, loss, 1e-6);
                    for (slope, expected) in slopes.iter().zip(&gradient) {
                        assert_close(f64::from(*slope), f64::from(*expected), 1e-6);
                    }
                }
            }
        }
    }
}

/// Quality focal loss with another exponent.
fn quality_focal(gamma: f64, soft: SoftRule) -> Numbers {
    let base = Numbers::of(Sigmoid::Mal { alpha: 1.0, gamma: 2.0, detach_weights: false });
    Numbers { positive_gamma: gamma, soft, ..base }
}

#[test]
fn at_p_equal_to_t_and_at_extreme_logits_all_is_finite_and_the_modulator_passes_nothing() {
    let extremes = [1e5, -1e5, f32::MAX, f32::MIN, 88.0, -88.0, 0.0];
    for (gamma, t) in [(1.0, 0.5), (2.0, 0.5), (1.5, 0.5), (0.5, 0.5), (3.0, 1.0), (1.0, 0.0)] {
        let soft = SoftRule { probability_power: 0.0, quality_power: 1.0, floor: 0.0, maximum: Maximum::None };
        let rule = General::new(quality_focal(gamma, soft), None, Some(&[2.0]));
        let cells: Vec<Cell> = (0..extremes.len()).map(|at| Cell::plain(at, t)).collect();
        for level in Level::available() {
            let (loss, gradient) = run_general(level, &rule, &extremes, 1, &cells);
            assert!(loss.is_finite() && gradient.iter().all(|slope| slope.is_finite()), "{gamma}, {t}: {gradient:?}");
            if t == 0.5 {
                assert_eq!(gradient[6], 0.0, "σ(0) is t");
            }
        }
    }
}

#[test]
fn t_is_p_itself_where_nothing_else_counts() {
    // of a modulator |t - p|^γ of a small γ a last digit would be a third
    let logits = [-9.5, -2.25, -0.1, 0.3, 1.7, 6.125, 1e-20, 0.7];
    for quality_power in [0.0, 1.0, 2.0, 0.3] {
        let soft = SoftRule { probability_power: 1.0, quality_power, floor: 0.0, maximum: Maximum::None };
        let rule = General::new(quality_focal(0.06, soft), None, None);
        let cells: Vec<Cell> = (0..logits.len()).map(|at| Cell::plain(at, 1.0)).collect();
        for level in Level::available() {
            let (loss, gradient) = run_general(level, &rule, &logits, 1, &cells);
            assert!(
                loss.abs() < 1e-6 && gradient.iter().all(|slope| slope.abs() < 1e-6),
                "{quality_power}: {loss}, {gradient:?}"
            );
        }
    }
}

#[test]
fn the_greatest_of_an_image_divides_or_raises_and_t_keeps_the_digits_of_both_sides() {
    let cells = [0.5, 0.25, 0.0].map(|quality| Cell::plain(0, quality));
    let mut soft = Vec::new();
    let mut fill = |quality_power: f64, maximum: Maximum, cells: &[Cell]| {
        let rule = SoftRule { probability_power: 0.0, quality_power, floor: 0.0, maximum };
        rule.fill(Level::detect(), &[0.0], cells, &mut soft);
        soft.clone()
    };
    for maximum in [Maximum::Divide, Maximum::Raise] {
        let found = fill(1.0, maximum, &cells);
        assert_eq!(found.iter().map(|label| label.t).collect::<Vec<_>>(), [0.5, 0.25, 0.0].map(|t| t / (0.5 + 1e-8)));
        assert_close(found[0].rest / (1e-8 / (0.5 + 1e-8)), 1.0, 1e-12);
    }
    let perfect = [Cell::plain(0, 1.0)];
    assert_eq!(fill(1.0, Maximum::Raise, &perfect)[0], SoftLabel { t: 1.0, rest: 0.0 });
    assert!(fill(1.0, Maximum::Divide, &perfect)[0].t < 1.0);
    assert_eq!(fill(1.0, Maximum::Divide, &[]), []);
    for (power, t) in [(0.0, 1.0), (1.0, 0.5), (2.0, 0.25), (3.0, 0.125)] {
        let label = fill(power, Maximum::None, &cells[..1])[0];
        assert_close(label.t, t, 1e-6);
        assert_close(label.rest, 1.0 - t, 1e-6);
    }
    assert_eq!(fill(3.0, Maximum::None, &cells[2..])[0], SoftLabel { t: 0.0, rest: 1.0 });
}

#[test]
fn ranks_are_among_the_pairs_of_a_target_and_ties_go_to_the_first() {
    let pairs = [(0, 1), (2, 0), (3, 1), (5, 1), (6, 0)];
    let scores = [0.5, 0.1, 0.9, 0.5, 0.1];
    let (mut order, mut factors) = (Vec::new(), Vec::new());
    for level in Level::available() {
        soft::rank_factors(level, 1.5, &pairs, &scores, &mut order, &mut factors);
        for (factor, rank) in factors.iter().zip([1.0, 0.0, 0.0, 2.0, 1.0]) {
            assert_close(*factor, f64::exp(-rank / 1.5), 1e-6);
        }
    }
    soft::rank_factors(Level::detect(), 1.5, &[], &[], &mut order, &mut factors);
    assert_eq!(factors, []);
}

#[test]
fn a_class_has_its_own_weights_and_cells_without_a_label_in_effect_are_background() {
    let soft = SoftRule { probability_power: 0.0, quality_power: 1.0, floor: 0.0, maximum: Maximum::None };
    let numbers = Numbers { zero_is_negative: true, ..quality_focal(2.0, soft) };
    let (alpha, weights) = ([0.25, 1.0], [3.0, 0.5]);
    let rule = General::new(numbers, Some(&alpha), Some(&weights));
    let logits = [0.3, -0.2, 1.0, 0.7];
    let cells = [Cell::plain(0, 0.8), Cell::plain(3, 0.0)];
    let (loss, _) = run_general(Level::detect(), &rule, &logits, 2, &cells);
    let sigmoid = |x: f32| 1.0 / (1.0 + (-f64::from(x)).exp());
    let background = |at: usize| {
        let class = at % 2;
        weights[class] * (1.0 - alpha[class]) * sigmoid(logits[at]).powi(2) * nll(-f64::from(logits[at]))
    };
    let x = f64::from(logits[0]);
    let entropy = 0.8 * nll(x) + 0.2 * nll(-x);
    let labelled = 3.0 * 0.25 * (0.8 - sigmoid(logits[0])).powi(2) * entropy;
    assert_close(loss, labelled + background(1) + background(2) + background(3), 1e-6);
}
