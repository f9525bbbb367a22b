//! Masks by cross-entropy, focal loss and dice: whole and by points, as planes and as factors of them.

use hungarian_loss::{Array, Error, LayerRule, Matching, Part, Scratch, query_fields, target_fields};
use proptest::prelude::*;

use crate::harness::case::Planes;
use crate::harness::reference::masks::{CANVAS, SIZE};
use crate::harness::{Case, Conditions, Random, Settings, Sketch, assert_near, threads};

check_families!(Just(vec!["masks"]));

const TERMS: [(&str, f64); 4] = [("class", 1.0), ("maskBce", 2.0), ("maskFocal", 20.0), ("maskDice", 3.0)];
const AREA: usize = SIZE[0] * SIZE[1];
const CHANNELS: usize = 5;

fn settings() -> Settings {
    Settings::new("focal", 3).weighted(&TERMS)
}

fn by_points(settings: Settings) -> Settings {
    settings.with("masks.costSampling", "points").with("masks.lossSampling", "points").with("masks.points", 9.0)
}

/// Four queries and two layers, and three images of 2, 0 and 3 targets.
fn sketch(settings: Settings) -> Sketch {
    Sketch::plain(settings, &["masks"], 2, 4, &[2, 0, 3])
}

fn place(name: &str) -> usize {
    query_fields().position(|field| field.name == name).expect("a field")
}

fn target_place(name: &str) -> usize {
    target_fields().position(|target| target.field.name == name).expect("a field")
}

/// A case of one stack with other tensors in place of its masks: name, width, axes and values of each.
fn replaced(mut case: Case, tensors: Vec<(&str, Vec<usize>, Vec<f32>)>) -> Case {
    let stack = &mut case.structure.stacks[0];
    stack.widths[place("masks")] = 0;
    case.tensors.pop();
    for (name, axes, values) in tensors {
        stack.widths[place(name)] = axes.iter().product();
        stack.axes[place(name)] = axes;
        case.tensors.push(values);
    }
    case
}

/// A case with random factors in place of its masks, and the same with their product.
fn factored(case: Case) -> [Case; 2] {
    let random = &mut Random::new(9);
    let (layers, rows, images) =
        (case.structure.stacks[0].layers, case.structure.stacks[0].rows, case.structure.images);
    let mut values = |count: usize| (0..count).map(|_| random.normal()).collect::<Vec<f32>>();
    let features = values(layers * images * CHANNELS * AREA);
    let queries = values(layers * images * rows * CHANNELS);
    let bias = values(layers);
    let mut dense = case.clone();
    let planes = dense.tensors.last_mut().expect("masks");
    for (at, value) in planes.iter_mut().enumerate() {
        let (row, pixel) = (at / AREA, at % AREA);
        let feature = |k: usize| features[(row / rows * CHANNELS + k) * AREA + pixel];
        let sum: f64 = (0..CHANNELS).map(|k| f64::from(feature(k)) * f64::from(queries[row * CHANNELS + k])).sum();
        *value = (sum + f64::from(bias[row / (rows * images)])) as f32;
    }
    let tensors = vec![
        ("maskFeatures", vec![CHANNELS, SIZE[0], SIZE[1]], features),
        ("maskQueries", vec![CHANNELS], queries),
        ("maskBias", vec![1], bias),
    ];
    [replaced(case, tensors), dense]
}

/// With the centres of a grid's pixels as points of cost and loss.
fn at_centres(mut case: Case, [height, width]: [usize; 2]) -> Case {
    let centre = |at: usize, length: usize| (at as f32 + 0.5) / length as f32;
    let points: Vec<f32> =
        (0..height * width).flat_map(|at| [centre(at % width, width), centre(at / width, height)]).collect();
    let (layers, images) = (case.structure.stacks[0].layers, case.structure.images);
    let pairs: usize = case.offsets.windows(2).map(|range| ((range[1] - range[0]) as usize).min(4)).sum();
    let stack = &mut case.structure.stacks[0];
    stack.widths[place("maskCostPoints")] = points.len();
    stack.widths[place("maskLossPoints")] = pairs * points.len();
    stack.axes[place("maskLossPoints")] = vec![pairs, height * width, 2];
    case.tensors.push(points.repeat(layers * images));
    case.tensors.push(points.repeat(layers * pairs));
    case.settings = by_points(case.settings).with("masks.points", (height * width) as f64);
    case
}

/// Without fields of targets that may be absent.
fn plain_targets(mut case: Case) -> Case {
    for name in ["hasMask", "void"] {
        let place = target_place(name);
        case.structure.targets[place] = false;
        case.fields[place].clear();
        case.planes[place].clear();
    }
    case
}

#[track_caller]
fn assert_alike(a: &[f32], b: &[f32], tolerance: f64) {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).for_each(|(a, b)| assert_near(f64::from(*a), f64::from(*b), tolerance, "value"));
}

#[test]
fn factors_are_their_product_and_gradients_by_them_follow() {
    // pairs of different weights share the features of their image, and the bias
    for (settings, weights) in [
        (settings(), vec![]),
        (by_points(settings()), vec![]),
        (by_points(settings()).with("masks.outside", "border"), vec![]),
        (settings(), vec![0.5, 2.0, 3.0, 0.0, 0.25]),
        (by_points(settings()), vec![4.0, 1.0, 1.0, 0.5, 1.0]),
        (by_points(settings()).with("masks.outside", "border"), vec![4.0, 1.0, 1.0, 0.5, 1.0]),
    ] {
        let cases = factored(sketch(settings).case());
        let [factors, dense] = cases.map(|case| Case { weights: weights.clone(), ..case });
        let (found, expected) = (factors.run().expect("a valid case"), dense.run().expect("a valid case"));
        assert_eq!(found.matches, expected.matches);
        assert_near(found.report.loss, expected.report.loss, 1e-6, "loss");
        assert_alike(&factors.cost().expect("a valid case"), &dense.cost().expect("a valid case"), 1e-5);
        let [features, queries] = [1, 2].map(|tensor| &factors.tensors[tensor]);
        let by_planes = &expected.gradients[1];
        let (rows, images) = (4, 3);
        let mut by_features = vec![0.0; features.len()];
        let mut by_queries = vec![0.0; queries.len()];
        let mut by_bias = vec![0.0; 2];
        for (at, &slope) in by_planes.iter().enumerate() {
            let (row, pixel, slope) = (at / AREA, at % AREA, f64::from(slope));
            by_bias[row / (rows * images)] += slope;
            for k in 0..CHANNELS {
                let feature = (row / rows * CHANNELS + k) * AREA + pixel;
                by_features[feature] += slope * f64::from(queries[row * CHANNELS + k]);
                by_queries[row * CHANNELS + k] += slope * f64::from(features[feature]);
            }
        }
        for (found, expected) in found.gradients[1..].iter().zip([by_features, by_queries, by_bias]) {
            let expected: Vec<_> = expected.iter().map(|&value| value as f32).collect();
            assert_alike(found, &expected, 1e-5);
        }
    }
}

#[test]
fn a_whole_plane_is_a_point_at_the_centre_of_each_pixel() {
    let mut case = plain_targets(sketch(settings()).case());
    // predictions as large as the targets
    let random = &mut Random::new(4);
    let area = CANVAS[0] * CANVAS[1];
    let planes = (0..2 * 3 * 4 * area).map(|_| random.normal()).collect();
    let name = "masks";
    case = replaced(case, vec![(name, CANVAS.to_vec(), planes)]);
    let points = at_centres(case.clone(), CANVAS);
    let (whole, by_points) = (case.run().expect("a valid case"), points.run().expect("a valid case"));
    assert_eq!(whole.matches, by_points.matches);
    assert_near(by_points.report.loss, whole.report.loss, 1e-6, "loss");
    assert_alike(&points.cost().expect("a valid case"), &case.cost().expect("a valid case"), 1e-6);
    assert_alike(&by_points.gradients[1], &whole.gradients[1], 1e-6);
    let nearest = Case { settings: points.settings.clone().with("masks.targetSampling", "nearest"), ..points.clone() };
    assert_near(nearest.run().expect("a valid case").report.loss, whole.report.loss, 1e-6, "loss");
}

#[test]
fn gradients_at_points_are_differences_of_the_loss() {
    const STEP: f32 = 1.0 / 128.0;
    for outside in ["zeros", "border"] {
        let settings = settings().with("masks.outside", outside);
        let [factors, dense] = factored(sketch(settings).case());
        for case in [factors, dense] {
            let mut case = at_centres(case, [2, 5]);
            // the pairs stay what they are
            let matched = case.run().expect("a valid case");
            let rule = LayerRule { matching: Matching::Given, has_cost: false };
            case.structure.parts[0].rules = vec![rule; 2];
            case.given = matched.matches.clone();
            let loss = |tensors: &[Vec<f32>]| {
                Case { tensors: tensors.to_vec(), ..case.clone() }.run().expect("a valid case").report.loss
            };
            for (tensor, gradient) in matched.gradients.iter().enumerate().filter(|(_, all)| !all.is_empty()) {
                for at in (0..gradient.len()).step_by(gradient.len() / 9 + 1) {
                    let moved = |by: f32| {
                        let mut tensors = case.tensors.clone();
                        tensors[tensor][at] += by;
                        loss(&tensors)
                    };
                    let difference = (moved(STEP) - moved(-STEP)) / f64::from(2.0 * STEP);
                    assert_near(f64::from(gradient[at]), difference, 2e-3, "gradient");
                }
            }
        }
    }
}

#[test]
fn drawn_points_are_those_of_the_seed_whatever_the_threads() {
    let case = sketch(by_points(settings())).case();
    let run = |case: &Case, count: usize| {
        let shared = threads(count);
        let conditions = Conditions { threads: Some(&shared), ..Conditions::default() };
        case.run_under(&conditions, &mut Scratch::default()).expect("a valid case")
    };
    assert_eq!(run(&case, 1).bits(), run(&case, 2).bits());
    let other = Case { seed: case.seed + 1, ..case.clone() };
    assert_ne!(run(&case, 1).report.loss.to_bits(), run(&other, 1).report.loss.to_bits());
    let [factors, _] = factored(case);
    assert_eq!(run(&factors, 1).bits(), run(&factors, 2).bits());
}

#[test]
fn threads_that_help_with_an_image_change_no_bit() {
    const SIDES: [usize; 2] = [96, 80];
    let (queries, channels, area) = (40, 48, SIDES[0] * SIDES[1]);
    let random = &mut Random::new(11);
    let mut values = |count: usize| (0..count).map(|_| random.normal()).collect::<Vec<f32>>();
    let plain = |settings: Settings| Sketch::plain(settings, &["masks"], 1, queries, &[5]).case();
    let planes = |case: Case, values: Vec<f32>| replaced(case, vec![("masks", SIDES.to_vec(), values)]);
    let factors = |case: Case, [features, rows]: [Vec<f32>; 2]| {
        let features = ("maskFeatures", vec![channels, SIDES[0], SIDES[1]], features);
        replaced(case, vec![features, ("maskQueries", vec![channels], rows), ("maskBias", vec![1], vec![0.5])])
    };
    for settings in [settings(), by_points(settings()).with("masks.points", 300.0)] {
        let products = [values(channels * area), values(queries * channels)];
        for case in [planes(plain(settings.clone()), values(queries * area)), factors(plain(settings), products)] {
            let run = |count: usize| {
                let shared = threads(count);
                let conditions = Conditions { threads: Some(&shared), ..Conditions::default() };
                case.run_under(&conditions, &mut Scratch::default()).expect("a valid case")
            };
            let alone = run(1);
            assert!([2, 3, 8].iter().all(|&count| run(count).bits() == alone.bits()));
        }
    }
}

#[test]
fn parts_that_share_features_have_the_sum_of_their_gradients() {
    let [whole, _] = factored(sketch(settings()).case());
    let both = |case: &Case, weights: [f64; 2]| {
        let mut case = case.clone();
        let part = |queries, weight| Part { weight, ..Part::plain(0..2, queries) };
        case.structure.parts = vec![part(0..2, weights[0]), part(2..4, weights[1])];
        case.run().expect("a valid case")
    };
    let all = both(&whole, [1.0, 0.5]);
    let (first, second) = (both(&whole, [1.0, 0.0]), both(&whole, [0.0, 0.5]));
    for tensor in [1, 3] {
        let sum: Vec<f32> = first.gradients[tensor].iter().zip(&second.gradients[tensor]).map(|(a, b)| a + b).collect();
        assert!(sum.iter().any(|&value| value != 0.0));
        assert_alike(&all.gradients[tensor], &sum, 1e-6);
    }
}

#[test]
fn what_no_part_uses_has_a_gradient_of_plus_0() {
    // a layer without queries may be without a part
    let [mut case, _] = factored(Sketch::plain(settings(), &["masks"], 2, 0, &[2, 0, 3]).case());
    case.structure.parts = vec![Part::plain(0..1, 0..0)];
    let outcome = case.run().expect("a valid case");
    for gradient in &outcome.gradients[1..] {
        let second = &gradient[gradient.len() / 2..];
        assert!(second.iter().all(|value| value.to_bits() == 0), "{second:?}");
    }
}

#[test]
fn points_are_given_and_refused_where_they_are_not_finite_whatever_is_left_out() {
    let worst = |settings: Settings| settings.with("nonFinite", "worst");
    let case = at_centres(sketch(worst(by_points(settings()).with("masks.points", 4.0))).case(), [2, 2]);
    assert!(case.run().is_ok());
    for (name, message) in [
        ("maskCostPoints", "maskCostPoints of part 0: NaN at layer 0, image 0, point 1, coordinate 1; must be finite"),
        ("maskLossPoints", "maskLossPoints of part 0: NaN at layer 0, pair 0, point 1, coordinate 1; must be finite"),
    ] {
        let mut case = case.clone();
        let tensor = case.tensor(0, name);
        case.tensors[tensor][3] = f32::NAN;
        assert_eq!(case.run().expect_err("it is refused").to_string(), message);
    }
    // what a model predicts is left out
    let [mut case, _] = factored(sketch(worst(settings())).case());
    case.tensors[1][0] = f32::NAN;
    assert!(case.run().is_ok());
}

#[test]
fn images_without_targets_have_no_terms_and_no_gradient() {
    for settings in [settings(), by_points(settings())] {
        let [factors, dense] = factored(Sketch::plain(settings, &["masks"], 1, 4, &[0, 0]).case());
        for case in [factors, dense] {
            let outcome = case.run().expect("a valid case");
            assert_eq!(outcome.report.layers[0].terms[outcome.report.layers[0].terms.len() - 3..], [0.0; 3]);
            for gradient in &outcome.gradients[1..] {
                assert!(gradient.iter().all(|value| value.to_bits() == 0), "{gradient:?}");
            }
        }
    }
}

#[test]
fn extreme_logits_stay_finite_and_planes_of_one_row_or_column_are_planes() {
    for settings in [settings(), by_points(settings())] {
        let mut case = sketch(settings.clone()).case();
        case.tensors[1].iter_mut().enumerate().for_each(|(at, x)| *x = if at % 3 == 0 { 1e5 } else { -1e5 });
        let outcome = case.run().expect("a valid case");
        assert!(outcome.report.loss.is_finite() && outcome.gradients[1].iter().all(|value| value.is_finite()));
        for axes in [[1, AREA], [AREA, 1], [1, 1]] {
            let mut case = sketch(settings.clone()).case();
            let planes = case.tensors[1][..2 * 3 * 4 * axes[0] * axes[1]].to_vec();
            case = replaced(case, vec![("masks", axes.to_vec(), planes)]);
            assert!(case.run().expect("a valid case").report.loss.is_finite());
        }
    }
}

#[test]
fn pixels_that_are_void_change_nothing() {
    for settings in [settings(), by_points(settings()).with("masks.targetSampling", "nearest")] {
        let mut case = plain_targets(sketch(settings).case());
        let void = target_place("void");
        case.structure.targets[void] = true;
        let [height, width] = CANVAS;
        let mut random = Random::new(8);
        let values: Vec<u8> = (0..height * width).map(|_| random.below(2) as u8).collect();
        case.planes[void] = vec![Planes { values: values.clone(), height, width }; 3];
        let before = case.run().expect("a valid case");
        let masks = &mut case.planes[target_place("masks")];
        for planes in masks {
            let cells = planes.values.iter_mut().enumerate();
            cells.filter(|(at, _)| values[at % (height * width)] == 1).for_each(|(_, value)| *value = 1 - *value);
        }
        assert_eq!(case.run().expect("a valid case").bits(), before.bits());
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    let error = |case: &Case| case.run().expect_err("it does not fit");
    let mut case = plain_targets(sketch(settings()).case());
    case.planes[target_place("masks")][2].values[CANVAS[0] * CANVAS[1] + CANVAS[1] + 2] = 7;
    let message = "masks of the targets of image 2: target 1 has 7 at row 1, column 2; it must be 0 or 1 (ids in one map? each object has a mask of its own: where the map is its id)";
    assert_eq!(error(&case).to_string(), message);
    let mut case = plain_targets(sketch(settings()).case());
    case.planes[target_place("masks")][0].values.pop();
    assert!(matches!(error(&case), Error::Length { array: Array::Targets { field: "masks" }, .. }));
    let mut case = sketch(settings()).case();
    case.structure.stacks[0].axes[place("masks")] = vec![3, 5];
    assert!(matches!(error(&case), Error::Length { array: Array::Queries { field: "masks", .. }, .. }));
    let [mut case, _] = factored(sketch(settings()).case());
    case.tensors[1][3 * AREA + 6] = f32::NAN;
    let message = "maskFeatures of part 0: NaN at layer 0, image 0, channel 3, row 1, column 2; must be finite";
    assert_eq!(error(&case).to_string(), message);
    let mut case = at_centres(sketch(settings()).case(), [2, 2]);
    case.structure.stacks[0].axes[place("maskLossPoints")] = vec![4, 5, 2];
    let message = "maskLossPoints of part 0: expected 4 points for each pair, or 13 with all candidates, as the options of masks \
                   have it, got 5";
    assert_eq!(error(&case).to_string(), message);
    case.structure.stacks[0].axes[place("maskLossPoints")] = vec![0, 4, 2];
    case.structure.stacks[0].widths[place("maskLossPoints")] = 0;
    case.tensors.pop();
    let message = "maskLossPoints of part 0: expected a row for each of the 5 pairs of layer 0, got 0";
    assert_eq!(error(&case).to_string(), message);
    let mut case = at_centres(sketch(settings()).case(), [2, 2]);
    case.tensors.last_mut().expect("points of pairs")[5] = 1.5;
    let message = "maskLossPoints of part 0: 1.5 at layer 0, pair 0, point 2, coordinate 1; it must be from 0 to 1, a part of \
                   the width or the height";
    assert_eq!(error(&case).to_string(), message);
    // the last layer must have masks, others need not
    let case = sketch(settings()).case().without(&["masks"]);
    assert!(matches!(error(&case), Error::Missing { array: Array::Queries { field: "masks", .. }, .. }));
}
