//! Inputs: lengths, labels, values, given matchings, costs and normalisers, each refused with its place; and in which order.

use hungarian_loss::{
    Array, Error, LayerRule, Level, Matching, Normalizers, Part, Place, QueryPlace, Scratch, TargetPlace,
};

use crate::harness::{Case, Conditions, Settings, Sketch, SketchStack};

const BOXES: [(&str, f64); 3] = [("class", 1.0), ("l1", 5.0), ("giou", 2.0)];

/// Images of two, no and one targets; two layers of three queries, the second of which has a given matching, and costs.
fn case() -> Case {
    case_of("softmax")
}

fn case_of(kind: &'static str) -> Case {
    let settings = Settings::new(kind, 4).weighted(&BOXES);
    let mut sketch = Sketch::plain(settings, &["boxes"], 2, 3, &[2, 0, 1]);
    sketch.parts[0].rules = vec![
        LayerRule { matching: Matching::Optimal, has_cost: false },
        LayerRule { matching: Matching::Given, has_cost: true },
    ];
    let mut case = sketch.case();
    case.fields[0] = [[0.5, 0.5, 0.2, 0.3], [0.1, 0.2, 0.1, 0.2], [0.25, 0.75, 0.5, 0.5]].concat();
    case.labels = vec![0, 3, 1];
    case.given = vec![0, 1, -1, -1, -2, -1, -2, 0, -1];
    case
}

/// What a changed case is refused with.
fn refused(change: impl Fn(&mut Case)) -> Error {
    refused_of(case(), change)
}

fn refused_of(mut case: Case, change: impl Fn(&mut Case)) -> Error {
    assert!(case.run().is_ok(), "it is refused for nothing but the change");
    change(&mut case);
    case.run().expect_err("it is refused")
}

fn length(array: Array, expected: u64, actual: u64, shape: &[usize]) -> Error {
    Error::Length { array, expected, actual, shape: shape.to_vec() }
}

/// The same with fixed pairs in the place of the given matching.
fn fixed(given: &[i32]) -> Case {
    let mut case = case();
    case.structure.parts[0].rules[1].matching = Matching::Fixed;
    case.given = given.to_vec();
    case
}

#[test]
fn fixed_pairs_must_be_possible_and_leave_queries_for_all_targets() {
    assert!(fixed(&[1, -1, -3, -3, -2, -1, -2, -1, -3]).run().is_ok());
    let refused = |given: &[i32]| fixed(given).run().expect_err("it is refused");
    let place = |image, query| QueryPlace { part: 0, layer: 1, image, query };
    let error = refused(&[1, -1, 1, -1, -1, -1, -1, -1, -1]);
    assert_eq!(error, Error::FixedTwice { place: place(0, 2), target: 1, repeat: 1 });
    let text = "matching of part 0: target 1 is fixed again at layer 1, image 0, query 2; it may have one pair in a group of queries";
    assert_eq!(error.to_string(), text);
    let error = refused(&[-1, -3, -2, -1, -1, -1, -1, -1, -1]);
    assert_eq!(error, Error::Infeasible { place: place(0, 1), targets: 2, queries: 1 });
    let text = "matching of part 0: with query 1 of image 0 excluded, 2 targets have but 1 queries that may be matched";
    assert_eq!(error.to_string(), text);
    // as if they were not there
    assert!(fixed(&[-1, -2, -2, -1, -1, -1, -1, -1, -1]).run().is_ok());
    let error = refused(&[-4, -1, -1, -1, -1, -1, -1, -1, -1]);
    assert_eq!(error, Error::Matching { place: place(0, 0), value: -4, targets: 2 });
    let error = refused(&[2, -1, -1, -1, -1, -1, -1, -1, -1]);
    assert_eq!(error, Error::Matching { place: place(0, 0), value: 2, targets: 2 });
}

#[test]
fn lengths_of_tensors_are_those_of_the_plan() {
    let queries = |field| Array::Queries { part: 0, field };
    let error = refused(|case| case.tensors[0].truncate(89));
    assert_eq!(error, length(queries("logits"), 90, 89, &[2, 3, 3, 5]));
    assert_eq!(error.to_string(), "logits of part 0: expected 90 values for [2, 3, 3, 5], got 89");
    let error = refused(|case| case.tensors[1].push(0.0));
    assert_eq!(error, length(queries("boxes"), 72, 73, &[2, 3, 3, 4]));
    let error = refused(|case| drop(case.tensors.pop()));
    assert_eq!(error, length(Array::Tensors, 2, 1, &[2]));
}

#[test]
fn lengths_of_targets_are_those_of_the_offsets() {
    let error = refused(|case| case.fields[0].truncate(11));
    assert_eq!(error, length(Array::Targets { field: "boxes" }, 12, 11, &[3, 4]));
    let error = refused(|case| case.fields.clear());
    assert_eq!(error.to_string(), "boxes of the targets: expected 12 values for [3, 4], got 0");
    assert_eq!(refused(|case| case.labels.push(0)), length(Array::Labels, 3, 4, &[3]));
    assert_eq!(refused(|case| case.ignored = vec![0; 2]), length(Array::Ignored, 3, 2, &[3]));
    assert_eq!(refused(|case| case.offsets = vec![0, 2, 3]), length(Array::Images, 3, 2, &[3]));
    let labels = |case: &mut Case| case.label_offsets = Some(vec![0, 1, 3]);
    assert_eq!(refused_of(case_of("focal"), labels), length(Array::Labels, 4, 3, &[4]));
}

#[test]
fn offsets_rise_from_0_to_the_number_of_targets() {
    let offsets = |offsets: &'static [u32]| match refused(|case| case.offsets = offsets.to_vec()) {
        Error::Offsets { index, value } => (index, value),
        other => panic!("{other}"),
    };
    assert_eq!(offsets(&[1, 2, 2, 3]), (0, 1));
    assert_eq!(offsets(&[0, 2, 1, 3]), (2, 1));
    assert_eq!(offsets(&[]), (0, 0));
    let labels = |case: &mut Case| case.label_offsets = Some(vec![0, 1, 2, 4]);
    let error = refused_of(case_of("focal"), labels);
    assert_eq!(error, Error::Offsets { index: 3, value: 4 });
    assert_eq!(
        error.to_string(),
        "offsets: must rise from 0 to the number of targets, with one entry more than images; entry 3 is 4"
    );
}

#[test]
fn lengths_of_given_matchings_and_costs_are_those_of_their_layers() {
    assert_eq!(refused(|case| case.given.truncate(8)), length(Array::Matchings, 9, 8, &[9]));
    assert_eq!(refused(|case| case.costs.truncate(8)), length(Array::Costs, 9, 8, &[3, 3]));
}

#[test]
fn lengths_of_places_for_results_are_those_of_the_plan() {
    let case = case();
    let plan = case.plan(Level::detect(), None).expect("a valid case");
    let scratch = &mut Scratch::default();
    let (mut logits, mut boxes, none) = (vec![0.0; 90], vec![0.0; 72], Normalizers::default());
    let mut compute = |gradients: &mut [&mut [f32]], matches: usize| {
        let mut matches = vec![0; matches];
        case.with_inputs(|inputs| plan.compute(inputs, none, gradients, &mut matches, scratch)).map(drop)
    };
    assert_eq!(compute(&mut [&mut logits, &mut boxes], 18), Ok(()));
    assert_eq!(compute(&mut [], 18), Ok(()));
    let gradient = Array::Gradient { field: "boxes" };
    assert_eq!(compute(&mut [&mut logits, &mut boxes[1..]], 18), Err(length(gradient, 72, 71, &[2, 3, 3, 4])));
    assert_eq!(compute(&mut [&mut logits], 18), Err(length(Array::Tensors, 2, 1, &[2])));
    assert_eq!(compute(&mut [], 17), Err(length(Array::TargetOfQuery, 18, 17, &[18])));
    let matched = case.with_inputs(|inputs| plan.match_targets(inputs, &mut [0; 19], scratch)).map(drop);
    assert_eq!(matched, Err(length(Array::TargetOfQuery, 18, 19, &[18])));
    let costs = case.with_inputs(|inputs| plan.cost(inputs, &mut [0.0; 17], scratch)).map(drop);
    assert_eq!(costs, Err(length(Array::CostBlocks, 18, 17, &[6, 3])));
}

#[test]
fn labels_are_ids_of_classes_but_for_ignored_targets() {
    for value in [-1, 4, 5, i32::MAX, i32::MIN] {
        let error = refused(|case| case.labels[2] = value);
        let place = TargetPlace { image: 2, target: 0 };
        assert_eq!(error, Error::Label { place, value, classes: 4, no_object: Some(4) });
        let mut ignoring = case();
        (ignoring.labels[2], ignoring.ignored, ignoring.given[7]) = (value, vec![0, 0, 1], -1);
        assert!(ignoring.run().is_ok());
        // they have a cost, but for which they would need no label
        assert_eq!(ignoring.cost(), Err(Error::Label { place, value, classes: 4, no_object: Some(4) }));
    }
    let error = refused_of(case_of("focal"), |case| case.labels[1] = 4);
    let place = TargetPlace { image: 0, target: 1 };
    assert_eq!(error, Error::Label { place, value: 4, classes: 4, no_object: None });
    let mut allowing = case();
    allowing.labels[1] = 4;
    allowing.settings = allowing.settings.with("classification.allowNoObjectLabels", true);
    assert!(allowing.run().is_ok());
    let first = |case: &mut Case| case.settings = case.settings.clone().with("classification.noObjectIndex", 0.0);
    let error = refused(first);
    assert_eq!(
        error,
        Error::Label { place: TargetPlace { image: 0, target: 0 }, value: 0, classes: 4, no_object: Some(0) }
    );
}

#[test]
fn labels_are_several_only_with_sigmoid_classification_and_no_two_the_same() {
    let several = |kind, labels: &'static [i32], offsets: [u32; 4]| {
        let change = |case: &mut Case| {
            (case.labels, case.label_offsets) = (labels.to_vec(), Some(offsets.to_vec()));
        };
        match refused_of(case_of(kind), change) {
            Error::Labels { place, count, rule } => (place.image, place.target, count, rule),
            other => panic!("{other}"),
        }
    };
    let two = "softmax classification takes one, sigmoid classification several";
    assert_eq!(several("softmax", &[0, 3, 1, 2], [0, 1, 3, 4]), (0, 1, 2, two));
    assert_eq!(several("focal", &[0, 3, 3, 2], [0, 1, 3, 4]), (0, 1, 2, "no two may be the same"));
    assert_eq!(several("focal", &[0, 0, 1, 2, 3, 3, 1], [0, 1, 6, 7]), (0, 1, 5, "no two may be the same"));
    assert_eq!(several("focal", &[0, 3], [0, 1, 2, 2]), (2, 0, 0, "every target needs at least one"));
    let none = |case: &mut Case| (case.labels, case.label_offsets) = (vec![0, 3], Some(vec![0, 1, 2, 2]));
    assert_eq!(
        refused_of(case_of("focal"), none).to_string(),
        "label of target 0 of image 2: target 0 has 0 labels; every target needs at least one"
    );
}

#[test]
fn boxes_of_targets_are_finite_and_within_their_rules() {
    let message = |at: usize, value: f32| refused(|case| case.fields[0][at] = value).to_string();
    assert_eq!(
        message(7, f32::NAN),
        "boxes of the targets of image 0: target 1 has NaN at component 3; must be finite"
    );
    assert_eq!(
        message(8, f32::INFINITY),
        "boxes of the targets of image 2: target 0 has Infinity at component 0; must be finite"
    );
    assert_eq!(
        message(2, -0.25),
        "boxes of the targets of image 0: target 0 has -0.25 at component 2; width and height must not be negative"
    );
    assert_eq!(
        message(9, 2e9),
        "boxes of the targets of image 2: target 0 has 2000000000 at component 1; a box's components must not exceed 1e9"
    );
    assert_eq!(
        message(4, 1.5),
        "boxes of the targets of image 0: target 1 has 1.5 at component 0; normalised boxes lie in [0, 1] (pixels? divide by \
         the image's width and height, or set normalizedBoxes to false)"
    );
    let place = Place::Target(TargetPlace { image: 0, target: 1 });
    let error = refused(|case| case.fields[0][4] = 1.5);
    assert!(matches!(error, Error::Value { place: found, field: "boxes", value: 1.5, .. } if found == place));
    let mut pixels = case();
    pixels.fields[0][4] = 1.5;
    pixels.settings = pixels.settings.with("normalizedBoxes", false);
    assert!(pixels.run().is_ok());
}

#[test]
fn predictions_are_finite_and_within_their_rules() {
    // layer 1, image 2, query 1
    let row = (3 + 2) * 3 + 1;
    let place = Place::Query(QueryPlace { part: 0, layer: 1, image: 2, query: 1 });
    let error = refused(|case| case.tensors[0][row * 5 + 3] = f32::NEG_INFINITY);
    assert_eq!(error.to_string(), "logits of part 0: -Infinity at layer 1, image 2, query 1, class 3; must be finite");
    assert!(matches!(error, Error::NotFinite { place: found, field: "logits", .. } if found == place));
    let message = |at: usize, value: f32| refused(|case| case.tensors[1][row * 4 + at] = value).to_string();
    assert_eq!(message(1, f32::NAN), "boxes of part 0: NaN at layer 1, image 2, query 1, component 1; must be finite");
    assert_eq!(
        message(3, -0.5),
        "boxes of part 0: -0.5 at layer 1, image 2, query 1, component 3; width and height must not be negative (with \
         clampSizes: true such sides count as 0 in the forms of IoU)"
    );
    assert_eq!(
        message(0, -2e9),
        "boxes of part 0: -2000000000 at layer 1, image 2, query 1, component 0; a box's components must not exceed 1e9"
    );
    let mut clamped = case();
    clamped.tensors[1][row * 4 + 3] = -0.5;
    clamped.settings = clamped.settings.with("clampSizes", true);
    assert!(clamped.run().is_ok());
}

#[test]
fn predictions_are_placed_by_the_query_among_all_of_the_layer() {
    let settings = Settings::new("softmax", 4).weighted(&BOXES);
    let columns = settings.columns();
    let plain = Sketch::plain(settings, &["boxes"], 1, 3, &[1]);
    let stack = SketchStack { layers: 2, rows: 7, columns, families: vec!["boxes"] };
    let parts = vec![Part::plain(0..1, 0..3), Part::plain(1..3, 0..2), Part::plain(1..3, 2..7)];
    let mut case = Sketch { stacks: vec![plain.stacks[0].clone(), stack], parts, ..plain }.case();
    let logits = case.tensor(1, "logits");
    case.tensors[logits][(7 + 4) * columns] = f32::NAN;
    let error = case.run().expect_err("it is refused");
    assert_eq!(error.to_string(), "logits of part 2: NaN at layer 1, image 0, query 4, class 0; must be finite");
}

#[test]
fn faults_are_found_in_the_order_of_lengths_labels_targets_matchings_costs_and_predictions() {
    let mut case = case();
    case.tensors[1][0] = f32::NAN;
    case.tensors[0][7] = f32::NAN;
    case.costs[8] = f32::NAN;
    case.given[8] = 9;
    case.fields[0][11] = f32::NAN;
    case.labels[2] = 9;
    case.ignored = vec![0; 2];
    let mut next = |mend: fn(&mut Case)| {
        let error = case.run().expect_err("a fault is left");
        mend(&mut case);
        error
    };
    assert!(matches!(next(|case| case.ignored.clear()), Error::Length { array: Array::Ignored, .. }));
    assert!(matches!(next(|case| case.labels[2] = 1), Error::Label { .. }));
    assert!(matches!(next(|case| case.fields[0][11] = 0.5), Error::NotFinite { place: Place::Target(_), .. }));
    assert!(matches!(next(|case| case.given[8] = -1), Error::Matching { .. }));
    assert!(matches!(next(|case| case.costs[8] = 0.0), Error::AddedCost { .. }));
    assert!(matches!(next(|case| case.tensors[0][7] = 0.0), Error::NotFinite { field: "logits", .. }));
    assert!(matches!(next(|case| case.tensors[1][0] = 0.0), Error::NotFinite { field: "boxes", .. }));
    assert!(case.run().is_ok());
}

#[test]
fn matchings_that_are_given_name_targets_of_the_image_or_none() {
    let error = refused(|case| case.given[4] = 0);
    assert_eq!(error.to_string(), "matching of part 0: 0 at layer 1, image 1, query 1; the image has 0 targets");
    let place = |image, query| QueryPlace { part: 0, layer: 1, image, query };
    assert_eq!(refused(|case| case.given[2] = 2), Error::Matching { place: place(0, 2), value: 2, targets: 2 });
    assert_eq!(refused(|case| case.given[6] = -3), Error::Matching { place: place(2, 0), value: -3, targets: 1 });
    assert_eq!(
        refused(|case| case.given[0] = i32::MIN),
        Error::Matching { place: place(0, 0), value: i32::MIN, targets: 2 }
    );
}

#[test]
fn costs_that_are_added_are_finite_and_not_too_large() {
    let error = refused(|case| case.costs[3] = f32::NAN);
    assert_eq!(
        error.to_string(),
        "cost of part 0: NaN at layer 1, image 0, query 1, target 1; must be a number from -1e12 to 1e12"
    );
    let place = QueryPlace { part: 0, layer: 1, image: 2, query: 2 };
    assert_eq!(refused(|case| case.costs[8] = -2e12), Error::AddedCost { place, target: 0, value: -2e12 });
    assert!(matches!(refused(|case| case.costs[0] = f32::INFINITY), Error::AddedCost { .. }));
    for value in [-9.9e11, 9.9e11] {
        let mut case = case();
        case.costs[0] = value;
        assert!(case.run().is_ok());
    }
}

#[test]
fn unions_are_of_parts_with_the_same_queries() {
    let settings = Settings::new("softmax", 4).weighted(&BOXES);
    let mut sketch = Sketch::plain(settings, &["boxes"], 1, 5, &[1]);
    let part = |queries| Part { union: true, ..Part::plain(0..1, queries) };
    sketch.parts = vec![part(0..3), part(3..5)];
    let error = sketch.case().run().expect_err("it is refused");
    assert_eq!(error, Error::UnionQueries { part: 1, queries: 2, first: 0, expected: 3 });
}

/// With normalisers.
fn with(case: &Case, normalizers: Normalizers<'_>) -> Result<(), Error> {
    let conditions = Conditions { normalizers, ..Conditions::default() };
    let outcome = case.run_under(&conditions, &mut Scratch::default())?;
    assert!(outcome.report.loss.is_finite(), "{normalizers:?}");
    assert!(outcome.gradients.iter().flatten().all(|value| value.is_finite()), "{normalizers:?}");
    Ok(())
}

#[test]
fn normalizers_are_refused_beyond_what_gradients_can_hold() {
    let mut union = case();
    union.structure.parts[0].union = true;
    let name = |value: f64, place: usize| {
        let layers = [1.0, value];
        let normalizers = match place {
            0 => Normalizers { targets: Some(value), ..Normalizers::default() },
            1 => Normalizers { union_pairs: Some(value), ..Normalizers::default() },
            2 => Normalizers { class: Some(&layers), ..Normalizers::default() },
            _ => Normalizers { pairs: Some(&layers), ..Normalizers::default() },
        };
        match with(&union, normalizers) {
            Ok(()) => None,
            Err(Error::Normalizer { name, rule: "a number from 1e-12 to 1e24", .. }) => Some(name),
            Err(other) => panic!("{other}"),
        }
    };
    for (place, expected) in ["targets", "union pairs", "class", "pairs"].into_iter().enumerate() {
        for value in [1e-12, 1.0, 1e24] {
            assert_eq!(name(value, place), None);
        }
        for value in [5e-324, 1e-13, 1e25, 0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert_eq!(name(value, place), Some(expected), "{value}");
        }
    }
    let mut part = case();
    part.structure.parts[0].normalizer_factor = 0.5;
    let of_targets = |n| with(&part, Normalizers { targets: Some(n), ..Normalizers::default() });
    assert!(of_targets(2e-12).is_ok());
    assert!(matches!(of_targets(1.5e-12), Err(Error::Normalizer { name: "targets", value: 0.75e-12, .. })));
}

#[test]
fn normalizers_of_layers_have_an_entry_for_each() {
    let class = Normalizers { class: Some(&[1.0]), ..Normalizers::default() };
    let error = with(&case(), class).expect_err("it is refused");
    assert_eq!(error, length(Array::Normalizer { name: "class" }, 2, 1, &[2]));
    let pairs = Normalizers { pairs: Some(&[1.0; 3]), ..Normalizers::default() };
    let error = with(&case(), pairs).expect_err("it is refused");
    assert_eq!(error, length(Array::Normalizer { name: "pairs" }, 2, 3, &[2]));
    let distilled = |numbers: &[f64]| with(&case(), Normalizers { distilled: Some(numbers), ..Normalizers::default() });
    assert_eq!(distilled(&[0.0, 1.0, 5e30, 2.0]), Ok(()));
    assert_eq!(distilled(&[1.0; 3]), Err(length(Array::Normalizer { name: "distilled" }, 4, 3, &[2, 2])));
    for value in [-1.0, f64::INFINITY] {
        let error = Error::Normalizer { name: "distilled", rule: "a number from 0 on", value };
        assert_eq!(distilled(&[0.0, value, 0.0, 0.0]), Err(error));
    }
    assert!(distilled(&[f64::NAN; 4]).is_err());
}
