//! L1 of points with weights and visibility.

use hungarian_loss::{Array, Error, Part, target_fields};
use proptest::prelude::*;

use crate::harness::{Case, Settings, Sketch};

check_families!(Just(vec!["points"]));

const VISIBILITY: &str = "visibility";

/// Five points of two coordinates for each of four queries, and for three targets of two images.
fn sketch() -> Sketch {
    Sketch::plain(focal(), &["points"], 1, 4, &[1, 2])
}

fn focal() -> Settings {
    Settings::new("focal", 3).weighted(&[("pointL1", 1.0)])
}

/// The array of a field of the targets.
fn field<'a>(case: &'a mut Case, name: &str) -> &'a mut Vec<f32> {
    let place = target_fields().position(|target| target.field.name == name).expect("a field");
    case.structure.targets[place] = true;
    &mut case.fields[place]
}

fn message(case: &Case) -> String {
    case.run().map_or_else(|error| error.to_string(), |_| String::new())
}

#[test]
fn values_that_are_refused_are_named() {
    let points = |settings: Settings, value: f32| {
        let mut case = Sketch { settings, ..sketch() }.case();
        field(&mut case, "points")[17] = value;
        message(&case)
    };
    assert!(points(focal(), 1.5).contains("target 0 has 1.5 at component 7; normalised points lie in [0, 1]"));
    let far = points(focal().with("normalizedPoints", false), 2e9);
    assert!(far.contains("target 0 has 2000000000 at component 7; a point's coordinates must not exceed 1e9"), "{far}");
    assert_eq!(points(focal().with("normalizedPoints", false), 1e9), "");
    let visibility = |value: f32| {
        let mut case = sketch().case();
        *field(&mut case, VISIBILITY) = vec![1.0; 15];
        field(&mut case, VISIBILITY)[7] = value;
        message(&case)
    };
    for value in [1.5, -1.0] {
        let expected = format!("target 0 has {value} at point 2; visibility must be 0, 1 or 2");
        assert!(visibility(value).contains(&expected), "{}", visibility(value));
    }
    assert!(visibility(f32::NAN).contains("target 0 has NaN at point 2"));
    assert_eq!(visibility(2.0), "");
}

#[test]
fn rows_have_whole_points_as_many_as_there_are_weights() {
    let found = |settings: Settings| Case { settings, ..sketch().case() }.run();
    for (settings, expected) in [
        (focal().with("pointFormat", "xyz"), 12),
        (focal().with("pointWeights", vec![1.0; 4]), 8),
        (focal().with("pointWeights", vec![1.0; 11]), 22),
    ] {
        let found = found(settings);
        assert!(matches!(&found, Err(Error::Length { shape, .. }) if shape.last() == Some(&expected)), "{found:?}");
    }
    assert!(found(focal().with("pointWeights", vec![1.0; 5])).is_ok());
    assert!(found(focal().with("pointWeights", vec![1.0; 10])).is_ok());
}

#[test]
fn layers_and_targets_have_the_same_number_of_points() {
    let plain = sketch();
    let stacks = vec![plain.stacks[0].clone(), plain.stacks[0].clone()];
    let parts = vec![Part::plain(0..1, 0..4), Part::plain(1..2, 0..4)];
    let two = Sketch { stacks, parts, ..plain }.case();
    assert!(two.run().is_ok());
    let shape_of = |case: &Case| match case.run() {
        Err(Error::Length { shape, .. }) => shape,
        other => panic!("{other:?}"),
    };
    let mut wide = two.clone();
    let tensor = wide.tensor(1, "points");
    let place = wide.places()[tensor].field;
    wide.structure.stacks[1].widths[place] = 12;
    wide.tensors[tensor] = vec![0.5; 2 * 4 * 12];
    assert_eq!(shape_of(&wide), [2, 4, 10]);
    let mut more = two.clone();
    *field(&mut more, "points") = vec![0.5; 3 * 12];
    assert_eq!(shape_of(&more), [3, 10]);
    let mut fewer = two;
    *field(&mut fewer, VISIBILITY) = vec![1.0; 3 * 10];
    assert_eq!(shape_of(&fewer), [3, 5]);
}

#[test]
fn visibility_needs_points() {
    let mut case = Sketch::plain(Settings::new("focal", 3), &[], 1, 4, &[1, 2]).case();
    *field(&mut case, VISIBILITY) = vec![1.0; 15];
    assert!(matches!(
        case.run(),
        Err(Error::Beside { array: Array::Targets { field: "points" }, other: "visibility" })
    ));
}

#[test]
fn sigmas_are_as_many_as_points_and_areas_are_none_below_0() {
    let found = |settings: Settings| Case { settings, ..sketch().case() }.run();
    assert!(found(focal().with("pointSigmas", vec![0.1; 5])).is_ok());
    let error = found(focal().with("pointSigmas", vec![0.1; 4]));
    assert!(matches!(&error, Err(Error::Length { shape, .. }) if shape.last() == Some(&8)), "{error:?}");
    let both = focal().with("pointSigmas", vec![0.1; 5]);
    assert!(found(both.clone().with("pointWeights", vec![1.0; 10])).is_ok());
    let error = found(both.with("pointWeights", vec![1.0; 4])).expect_err("they differ");
    let rule = "pointSigmas: must be one number for each point, of which pointWeights has 4, got 5";
    assert_eq!(error.to_string(), rule);
    let area = |value: f32| {
        let mut case = sketch().case();
        *field(&mut case, "pointAreas") = vec![0.5, 0.5, value];
        message(&case)
    };
    assert!(area(-0.5).contains("target 1 has -0.5 at area 0; an area must be from 0 to 1, "), "{}", area(-0.5));
    assert!(area(1.5).contains("target 1 has 1.5 at area 0; an area must be from 0 to 1, "), "{}", area(1.5));
    assert!(area(f32::NAN).contains("must be finite"), "{}", area(f32::NAN));
    assert_eq!(area(0.0), "");
}

#[test]
fn points_say_how_well_pairs_agree_where_there_are_no_boxes() {
    let similar = |shift: f32| {
        let settings = Settings::new("varifocal", 3).weighted(&[("class", 1.0), ("pointL1", 1.0)]);
        let mut case = Sketch::plain(settings, &["points"], 1, 1, &[1]).case();
        case.tensors[0].fill(0.0);
        let points: Vec<f32> = (0..10).map(|k| 0.1 * k as f32).collect();
        case.tensors[1] = points.iter().map(|x| x + shift).collect();
        *field(&mut case, "points") = points;
        *field(&mut case, "pointAreas") = vec![0.25];
        *field(&mut case, VISIBILITY) = vec![2.0, 0.0, 1.0, 1.0, 0.0];
        case.run().expect("a valid case").report.layers[0].terms[0]
    };
    // what is not matched is the same, and a cell of logit 0 has a loss of q · ln 2
    let difference = (similar(0.0) - similar(0.1)) / std::f64::consts::LN_2;
    let exact = 1.0 - (-0.02f64 / (2.0 * 0.16 * 0.25)).exp();
    assert!((difference - exact).abs() < 1e-5, "{difference} {exact}");
}
