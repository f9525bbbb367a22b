//! D-FINE's terms against values of its code, the definition and central differences.

#[path = "reference/edges.rs"]
mod edges;
#[path = "reference/json.rs"]
mod json;
mod support;

use edges::Edges;
use hungarian_loss::{
    Bins, BoxFormat, Distillation, EdgeTarget, Error, Level, Localization, Tiles, distillation_shares,
};
use json::Json;
use proptest::prelude::*;
use support::assert_close;

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
    for name in CASES {
        let path = format!("{}/../../__test__/fixtures/golden/dfine/{name}.json", env!("CARGO_MANIFEST_DIR"));
        let case = Json::read(&path);
        let tensor = |name: &str| to_f32(&case.at(&["inputs", "tensors", name, "data"]).numbers());
        let param = |name: &str| case.at(&["params", name]).number();
        let weight = |name: &str| case.at(&["params", "weights", name]).number();
        let shape = case.at(&["inputs", "tensors", "main_logits", "shape"]).numbers();
        let [images, queries, classes] = [0, 1, 2].map(|k| shape[k] as usize);
        let bins = Bins::new(param("reg_max") as usize, param("up"), param("reg_scale")).expect("valid bins");
        let pairs = union_pairs(&case, queries);
        let count = (pairs.len() as f64).max(1.0);
        let tiles = &mut Tiles::default();
        let mut all_bits: Option<Vec<Vec<u32>>> = None;
        for level in Level::available() {
            let mut bits = Vec::new();
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
                let sum = bins
                    .localization(level, &localization(&corners, &targets), scale, Some(&mut gradient), tiles)
                    .expect("lengths fit");
                let suffix = if layer == "main" { "" } else { "_aux_0" };
                let expected = case.at(&["losses", &format!("loss_fgl{suffix}")]).number();
                assert_close(sum / count, expected, 1e-6, &format!("{name}, fgl of {layer}"));

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
                    let inputs = Distillation {
                        student: &corners,
                        teacher: &teacher,
                        queries: &weighted,
                        temperature: param("ddf_temperature"),
                    };
                    let scale = weight("loss_ddf");
                    let sum =
                        bins.distillation(level, &inputs, scale, Some(&mut gradient), tiles).expect("lengths fit");
                    let expected = case.at(&["losses", "loss_ddf_aux_0"]).number();
                    assert_close(sum, expected, 1e-6, &format!("{name}, ddf"));
                }
                let expected = case.at(&["grads", &format!("{layer}_corners")]).numbers();
                for (&found, expected) in gradient.iter().zip(expected) {
                    assert_close(f64::from(found), expected, 2e-6, &format!("{name}, gradient of {layer}"));
                }
                bits.push(gradient.iter().map(|g| g.to_bits()).collect());
            }
            assert_eq!(*all_bits.get_or_insert_with(|| bits.clone()), bits, "{name}: levels differ");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn gradients_are_the_central_differences(
        half in 2usize..17,
        spread in prop_oneof![0.01f32..0.1, 1.0f32..12.0],
        numbers in prop::collection::vec(-1.0f32..1.0, 2 * 5 * 4 * 33),
        boxes in prop::collection::vec((0.2f32..0.8, 0.2f32..0.8, 0.05f32..0.5, 0.05f32..0.5), 10),
        temperature in 1.0f64..6.0,
    ) {
        let reg_max = 2 * half;
        let bins = Bins::new(reg_max, 0.5, 4.0).expect("valid bins");
        let n = bins.count();
        let logits: Vec<f32> = numbers.iter().map(|v| v * spread).collect();
        let (student, teacher) = (&logits[..5 * 4 * n], &logits[5 * 4 * n..][..5 * 4 * n]);
        let weights = [0.3, 0.0, 1.0, 2.0, 0.7];
        let targets: Vec<EdgeTarget> = (0..4).map(|k| {
            let corner = |(x, y, w, h): (f32, f32, f32, f32)| [x, y, w, h];
            EdgeTarget { row: [4, 0, 2, 2][k], reference: corner(boxes[k]), target: corner(boxes[k + 4]), weight: weights[k] }
        }).collect();
        let queries: Vec<_> = weights.into_iter().enumerate().filter(|&(_, weight)| weight > 0.0).rev().collect();
        let inputs = Distillation { student, teacher, queries: &queries, temperature };
        let mut gradient = vec![0.0; student.len()];
        let (level, tiles) = (Level::detect(), &mut Tiles::default());
        let sums = [
            bins.localization(level, &localization(student, &targets), 0.5, Some(&mut gradient), tiles).expect("fits"),
            bins.distillation(level, &inputs, 0.25, Some(&mut gradient), tiles).expect("fits"),
        ];
        let wide: Vec<f64> = student.iter().map(|&v| f64::from(v)).collect();
        let wide_teacher: Vec<f64> = teacher.iter().map(|&v| f64::from(v)).collect();
        let edges = Edges::new(reg_max, 0.5, 4.0);
        let both = |values: &[f64]| -> [f64; 2] {
            let query = |values: &[f64], row: usize| values[4 * n * row..][..4 * n].to_vec();
            let localization = targets.iter().map(|t| {
                let (reference, target) = (t.reference.map(f64::from), t.target.map(f64::from));
                t.weight * edges.localization(&query(values, t.row), reference, target)
            });
            let distillation = weights.iter().enumerate().map(|(row, weight)| {
                weight * edges.distillation(&query(values, row), &query(&wide_teacher, row), temperature)
            });
            [localization.sum(), distillation.sum()]
        };
        let exact = both(&wide);
        assert_close(sums[0], exact[0], 1e-6, "localization");
        assert_close(sums[1], exact[1], 2e-6, "distillation");
        for at in (0..wide.len()).step_by(7) {
            let moved = |by: f64| {
                let mut values = wide.clone();
                values[at] += by;
                let [localization, distillation] = both(&values);
                0.5 * localization + 0.25 * distillation
            };
            let difference = (moved(1e-5) - moved(-1e-5)) / 2e-5;
            assert_close(f64::from(gradient[at]), difference, 3e-6, "gradient");
        }
    }
}

#[test]
fn a_student_like_its_teacher_has_no_loss_and_no_gradient() {
    let bins = Bins::new(8, 0.5, 4.0).expect("valid bins");
    let logits: Vec<f32> = (0..2 * 4 * 9).map(|k| (k * 7 % 13) as f32 - 6.0).collect();
    let mut gradient = vec![0.0; logits.len()];
    let inputs = Distillation { student: &logits, teacher: &logits, queries: &[(0, 1.0), (1, 1.0)], temperature: 5.0 };
    let tiles = &mut Tiles::default();
    let sum = bins.distillation(Level::detect(), &inputs, 1.0, Some(&mut gradient), tiles).expect("fits");
    assert_eq!(sum, 0.0);
    assert!(gradient.iter().all(|&g| g == 0.0));
}

#[test]
fn extreme_logits_and_references_without_size_stay_finite() {
    let bins = Bins::new(8, 0.5, 4.0).expect("valid bins");
    let mut logits = vec![0.0; 4 * 9];
    (logits[0], logits[10], logits[20]) = (f32::MAX, f32::MIN, 1e30);
    let flipped: Vec<f32> = logits.iter().map(|x| -x).collect();
    let mut gradient = vec![0.0; logits.len()];
    let target = EdgeTarget { row: 0, reference: [0.5, 0.5, 0.0, 0.0], target: [0.4, 0.5, 0.2, 0.1], weight: 1.0 };
    let inputs = Distillation { student: &logits, teacher: &flipped, queries: &[(0, 1.0)], temperature: 5.0 };
    let level = Level::detect();
    let (tiles, targets) = (&mut Tiles::default(), [target]);
    let pairs = localization(&logits, &targets);
    let fgl = bins.localization(level, &pairs, 1.0, Some(&mut gradient), tiles).expect("fits");
    let ddf = bins.distillation(level, &inputs, 1.0, Some(&mut gradient), tiles).expect("fits");
    assert!(fgl.is_finite() && ddf.is_finite(), "{fgl}, {ddf}");
    assert!(gradient.iter().all(|g| g.is_finite()));
}

#[test]
fn logits_at_the_end_of_the_range_have_their_distribution_at_any_temperature() {
    let bins = Bins::new(4, 0.5, 4.0).expect("valid bins");
    let (level, tiles) = (Level::detect(), &mut Tiles::default());
    for temperature in [0.001, 0.5, 1.0, 5.0, 1000.0] {
        for top in [1e30, 1e34, 1e36, f32::MAX] {
            // the first bin, the only one of two that are far apart, the middle of a rise, and no preference
            let teacher =
                [[top, 0.0, 0.0, 0.0, 0.0], [top, -top, 0.0, 0.0, 0.0], [-top, top / 2.0, top, 0.0, 0.0], [0.0; 5]];
            let (teacher, student) = (teacher.concat(), vec![0.0; 20]);
            let mut gradient = vec![0.0; 20];
            let inputs = Distillation { student: &student, teacher: &teacher, queries: &[(0, 1.0)], temperature };
            let sum = bins.distillation(level, &inputs, 1.0, Some(&mut gradient), tiles).expect("fits");
            let name = format!("T {temperature}, logits {top}");
            assert_close(sum / temperature.powi(2), 3.0 * 5f64.ln(), 1e-6, &name);
            for (edge, best) in [(0, 0), (1, 0), (2, 2)] {
                for bin in 0..5 {
                    let expected = temperature * (0.2 - f64::from(u8::from(bin == best)));
                    assert_close(f64::from(gradient[5 * edge + bin]), expected, 1e-6, &name);
                }
            }
            assert!(gradient[15..].iter().all(|&g| g.abs() < 1e-6), "{name}: {gradient:?}");
            let same = Distillation { student: &teacher, ..inputs };
            assert_eq!(bins.distillation(level, &same, 1.0, None, tiles).expect("fits"), 0.0, "{name}");
        }
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    assert!(matches!(Bins::new(7, 0.5, 4.0), Err(Error::Option { name: "options.distribution.regMax", .. })));
    assert!(matches!(Bins::new(8, 0.0, 4.0), Err(Error::Option { name: "options.distribution.up", .. })));
    assert!(matches!(Bins::new(8, 0.5, f64::NAN), Err(Error::Option { name: "options.distribution.regScale", .. })));
    let bins = Bins::new(8, 0.5, 4.0).expect("valid bins");
    let target = EdgeTarget { row: 1, reference: [0.5; 4], target: [0.5; 4], weight: 1.0 };
    let (level, tiles) = (Level::detect(), &mut Tiles::default());
    let beyond = bins.localization(level, &localization(&[0.0; 36], &[target]), 1.0, None, tiles);
    assert!(matches!(beyond, Err(Error::Length { expected: 72, actual: 36, .. })));
    let inputs = Distillation { student: &[0.0; 35], teacher: &[0.0; 36], queries: &[(0, 1.0)], temperature: 5.0 };
    assert!(matches!(bins.distillation(level, &inputs, 1.0, None, tiles), Err(Error::Length { .. })));
    let inputs = Distillation { student: &[0.0; 36], teacher: &[0.0; 36], queries: &[(1, 1.0)], temperature: 5.0 };
    assert!(matches!(bins.distillation(level, &inputs, 1.0, None, tiles), Err(Error::Length { expected: 72, .. })));
}

#[test]
fn the_shares_are_as_the_roots_of_the_numbers() {
    assert_eq!(distillation_shares([0.0, 0.0]), [0.0, 0.0]);
    assert_eq!(distillation_shares([0.0, 5.0]), [0.0, 1.0]);
    assert_eq!(distillation_shares([1.0, 4.0]), [1.0 / 3.0, 2.0 / 3.0]);
}
