//! The terms against values of D-FINE's code, the definition and central differences.

#[path = "../../../tests/harness/reference/distribution.rs"]
mod distribution;
#[path = "../../../tests/harness/json.rs"]
mod json;

use simd::Level;

use super::bins::{Bins, DistilledEdges, EdgeTarget, Localization, Tiles, distillation_shares};
use crate::terms::boxes::BoxFormat;
use crate::test_support::{Random, assert_close, bits, extent};
use distribution::EdgeBins;
use json::Json;

const CASES: [&str; 3] = ["typical", "all_empty", "more_targets_than_queries"];

fn to_f32(values: &[f64]) -> Vec<f32> {
    values.iter().map(|&v| v as f32).collect()
}

fn row<const N: usize>(values: &[f32], row: usize) -> [f32; N] {
    values[N * row..][..N].try_into().expect("a whole row")
}

fn localization<'a>(corners: &'a [f32], targets: &'a [EdgeTarget]) -> Localization<'a> {
    Localization { corners, targets, format: BoxFormat::Cxcywh }
}

fn iou(p: [f32; 4], t: [f32; 4]) -> f64 {
    let corners = |b: [f32; 4]| {
        let b = b.map(f64::from);
        [b[0] - b[2] / 2.0, b[1] - b[3] / 2.0, b[0] + b[2] / 2.0, b[1] + b[3] / 2.0]
    };
    let (a, b) = (corners(p), corners(t));
    let overlap: f64 = (0..2).map(|k| (a[k + 2].min(b[k + 2]) - a[k].max(b[k])).max(0.0)).product();
    let area = |c: [f64; 4]| (c[2] - c[0]) * (c[3] - c[1]);
    overlap / (area(a) + area(b) - overlap)
}

/// Pairs of the union matching: row of the whole batch, and the target's box.
fn union_pairs(case: &Json, queries: usize) -> Vec<(usize, [f32; 4])> {
    let targets = case.at(&["inputs", "targets"]).list();
    let images = case.at(&["union_indices"]).list().iter().zip(targets).enumerate();
    images
        .flat_map(|(image, (pairs, targets))| {
            let boxes = to_f32(&targets.at(&["boxes"]).numbers());
            let pred = pairs.at(&["pred"]).numbers();
            let tgt = pairs.at(&["tgt"]).numbers();
            pred.into_iter()
                .zip(tgt)
                .map(move |(query, target)| (image * queries + query as usize, row(&boxes, target as usize)))
                .collect::<Vec<_>>()
        })
        .collect()
}

#[test]
fn terms_and_gradients_are_those_of_the_published_code() {
    for name in CASES.into_iter().take(extent(3, 1)) {
        let path = format!("{}/../../__test__/fixtures/golden/dfine/{name}.json", env!("CARGO_MANIFEST_DIR"));
        let case = Json::read(&path);
        let tensor = |name: &str| to_f32(&case.at(&["inputs", "tensors", name, "data"]).numbers());
        let param = |name: &str| case.at(&["params", name]).number();
        let weight = |name: &str| case.at(&["params", "weights", name]).number();
        let shape = case.at(&["inputs", "tensors", "main_logits", "shape"]).numbers();
        let [images, queries, classes] = [0, 1, 2].map(|k| shape[k] as usize);
        let bins = Bins::new(param("reg_max") as usize, param("up"), param("reg_scale"));
        let pairs = union_pairs(&case, queries);
        let count = (pairs.len() as f64).max(1.0);
        let tiles = &mut Tiles::default();
        let mut first: Option<Vec<Vec<u32>>> = None;
        for level in Level::available() {
            let mut found = Vec::new();
            for layer in ["main", "aux0"] {
                let (boxes, references) = (tensor(&format!("{layer}_boxes")), tensor(&format!("{layer}_ref")));
                let corners = tensor(&format!("{layer}_corners"));
                let quality = |r: usize, t: [f32; 4]| iou(row(&boxes, r), t);
                let targets: Vec<EdgeTarget> = pairs
                    .iter()
                    .map(|&(r, target)| EdgeTarget {
                        row: r,
                        reference: row(&references, r),
                        target,
                        weight: quality(r, target),
                    })
                    .collect();
                let mut gradient = vec![0.0; corners.len()];
                let scale = weight("loss_fgl") / count;
                let inputs = localization(&corners, &targets);
                let sum = bins.localization(level, &inputs, scale, Some(&mut gradient), tiles);
                let suffix = if layer == "main" { "" } else { "_aux_0" };
                let expected = case.at(&["losses", &format!("loss_fgl{suffix}")]).number();
                assert_close(sum / count, expected, 1e-6);

                if layer == "aux0" {
                    let logits = tensor("main_logits");
                    let numbers = [pairs.len(), images * queries - pairs.len()];
                    let shares = distillation_shares(numbers.map(|n| n as f64));
                    let [matched, unmatched] = [0, 1].map(|k| shares[k] / (4 * numbers[k]).max(1) as f64);
                    let mut weighted: Vec<(usize, f64)> = logits
                        .chunks_exact(classes)
                        .map(|x| x.iter().fold(f32::NEG_INFINITY, |m, &x| m.max(x)))
                        .map(|x| unmatched / (1.0 + f64::from(-x).exp()))
                        .enumerate()
                        .collect();
                    for target in &targets {
                        weighted[target.row].1 = matched * target.weight;
                    }
                    let teacher = tensor("main_corners");
                    let inputs = DistilledEdges {
                        student: &corners,
                        teacher: &teacher,
                        queries: &weighted,
                        temperature: param("ddf_temperature"),
                    };
                    let scale = weight("loss_ddf");
                    let sum = bins.distillation(level, &inputs, scale, Some(&mut gradient), tiles);
                    let expected = case.at(&["losses", "loss_ddf_aux_0"]).number();
                    assert_close(sum, expected, 1e-6);
                }
                let expected = case.at(&["grads", &format!("{layer}_corners")]).numbers();
                for (&found, expected) in gradient.iter().zip(expected) {
                    assert_close(f64::from(found), expected, 2e-6);
                }
                found.push(bits(&gradient));
            }
            assert_eq!(*first.get_or_insert_with(|| found.clone()), found, "{name}: levels differ");
        }
    }
}

#[test]
fn gradients_are_the_central_differences() {
    const STEP: f64 = 1e-5;
    let random = &mut Random::new(7);
    for round in 0..extent(60, 1) {
        let reg_max = 4 + 2 * random.below(15);
        let spread = if round % 2 == 0 { 0.01 + 0.09 * random.unit() } else { 1.0 + 11.0 * random.unit() };
        let temperature = f64::from(1.0 + 5.0 * random.unit());
        let bins = Bins::new(reg_max, 0.5, 4.0);
        let n = bins.count();
        let mut logits = || -> Vec<f32> { (0..5 * 4 * n).map(|_| spread * (2.0 * random.unit() - 1.0)).collect() };
        let (student, teacher) = (logits(), logits());
        let mut random_box = || [0.2, 0.2, 0.05, 0.05].map(|least| least + 0.5 * random.unit());
        let weights = [0.3, 0.0, 1.0, 2.0, 0.7];
        let targets: Vec<_> = [4, 0, 2, 2]
            .into_iter()
            .zip(weights)
            .map(|(row, weight)| EdgeTarget { row, reference: random_box(), target: random_box(), weight })
            .collect();
        let queries: Vec<_> = weights.into_iter().enumerate().filter(|&(_, weight)| weight > 0.0).rev().collect();
        let inputs = DistilledEdges { student: &student, teacher: &teacher, queries: &queries, temperature };
        let mut gradient = vec![0.0; student.len()];
        let (level, tiles) = (Level::detect(), &mut Tiles::default());
        let sums = [
            bins.localization(level, &localization(&student, &targets), 0.5, Some(&mut gradient), tiles),
            bins.distillation(level, &inputs, 0.25, Some(&mut gradient), tiles),
        ];
        let wide = |values: &[f32]| values.iter().map(|&value| f64::from(value)).collect::<Vec<_>>();
        let (student, teacher) = (wide(&student), wide(&teacher));
        let edges = EdgeBins::new(reg_max, 0.5, 4.0);
        let both = |values: &[f64]| -> [f64; 2] {
            let query = |values: &[f64], row: usize| values[4 * n * row..][..4 * n].to_vec();
            let localization = targets.iter().map(|t| {
                let (reference, target) = (t.reference.map(f64::from), t.target.map(f64::from));
                t.weight * edges.localization(&query(values, t.row), reference, target)
            });
            let distillation = weights.iter().enumerate().map(|(row, weight)| {
                weight * edges.distillation(&query(values, row), &query(&teacher, row), temperature)
            });
            [localization.sum(), distillation.sum()]
        };
        let exact = both(&student);
        assert_close(sums[0], exact[0], 1e-6);
        assert_close(sums[1], exact[1], 2e-6);
        for at in (0..student.len()).step_by(extent(7, 61)) {
            let moved = |by: f64| {
                let mut values = student.clone();
                values[at] += by;
                let [localization, distillation] = both(&values);
                0.5 * localization + 0.25 * distillation
            };
            assert_close(f64::from(gradient[at]), (moved(STEP) - moved(-STEP)) / (2.0 * STEP), 3e-6);
        }
    }
}

#[test]
fn a_student_like_its_teacher_has_no_loss_and_no_gradient() {
    let bins = Bins::new(8, 0.5, 4.0);
    let logits: Vec<f32> = (0..2 * 4 * 9).map(|k| (k * 7 % 13) as f32 - 6.0).collect();
    let mut gradient = vec![0.0; logits.len()];
    let inputs =
        DistilledEdges { student: &logits, teacher: &logits, queries: &[(0, 1.0), (1, 1.0)], temperature: 5.0 };
    let tiles = &mut Tiles::default();
    let sum = bins.distillation(Level::detect(), &inputs, 1.0, Some(&mut gradient), tiles);
    assert_eq!(sum, 0.0);
    assert!(gradient.iter().all(|&g| g == 0.0));
}

#[test]
fn extreme_logits_and_references_without_size_stay_finite() {
    let bins = Bins::new(8, 0.5, 4.0);
    let mut logits = vec![0.0; 4 * 9];
    (logits[0], logits[10], logits[20]) = (f32::MAX, f32::MIN, 1e30);
    let flipped: Vec<f32> = logits.iter().map(|x| -x).collect();
    let mut gradient = vec![0.0; logits.len()];
    let target = EdgeTarget { row: 0, reference: [0.5, 0.5, 0.0, 0.0], target: [0.4, 0.5, 0.2, 0.1], weight: 1.0 };
    let inputs = DistilledEdges { student: &logits, teacher: &flipped, queries: &[(0, 1.0)], temperature: 5.0 };
    let level = Level::detect();
    let (tiles, targets) = (&mut Tiles::default(), [target]);
    let pairs = localization(&logits, &targets);
    let fgl = bins.localization(level, &pairs, 1.0, Some(&mut gradient), tiles);
    let ddf = bins.distillation(level, &inputs, 1.0, Some(&mut gradient), tiles);
    assert!(fgl.is_finite() && ddf.is_finite(), "{fgl}, {ddf}");
    assert!(gradient.iter().all(|g| g.is_finite()));
}

#[test]
fn logits_at_the_end_of_the_range_have_their_distribution_at_any_temperature() {
    let bins = Bins::new(4, 0.5, 4.0);
    let (level, tiles) = (Level::detect(), &mut Tiles::default());
    for temperature in [0.001, 0.5, 1.0, 5.0, 1000.0] {
        for top in [1e30, 1e34, 1e36, f32::MAX] {
            // the first bin, the only one of two that are far apart, the middle of a rise, and no preference
            let teacher =
                [[top, 0.0, 0.0, 0.0, 0.0], [top, -top, 0.0, 0.0, 0.0], [-top, top / 2.0, top, 0.0, 0.0], [0.0; 5]];
            let (teacher, student) = (teacher.concat(), vec![0.0; 20]);
            let mut gradient = vec![0.0; 20];
            let inputs = DistilledEdges { student: &student, teacher: &teacher, queries: &[(0, 1.0)], temperature };
            let sum = bins.distillation(level, &inputs, 1.0, Some(&mut gradient), tiles);
            let name = format!("T {temperature}, logits {top}");
            assert_close(sum / temperature.powi(2), 3.0 * 5f64.ln(), 1e-6);
            for (edge, best) in [(0, 0), (1, 0), (2, 2)] {
                for bin in 0..5 {
                    let expected = temperature * (0.2 - f64::from(u8::from(bin == best)));
                    assert_close(f64::from(gradient[5 * edge + bin]), expected, 1e-6);
                }
            }
            assert!(gradient[15..].iter().all(|&g| g.abs() < 1e-6), "{name}: {gradient:?}");
            let same = DistilledEdges { student: &teacher, ..inputs };
            assert_eq!(bins.distillation(level, &same, 1.0, None, tiles), 0.0, "{name}");
        }
    }
}

#[test]
fn shares_are_as_the_roots_of_the_numbers() {
    assert_eq!(distillation_shares([0.0, 0.0]), [0.0, 0.0]);
    assert_eq!(distillation_shares([0.0, 5.0]), [0.0, 1.0]);
    assert_eq!(distillation_shares([1.0, 4.0]), [1.0 / 3.0, 2.0 / 3.0]);
}
