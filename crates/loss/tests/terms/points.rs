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
    assert!(matches!(case.run(), Err(Error::Missing { array: Array::Targets { field: "points" }, .. })));
}
