//! Plans: what a structure must be, and what a plan says of it.

use std::ops::Range;

use hungarian_loss::{
    Array, Error, LayerRule, Level, Matching, Owner, Part, Stack, Structure, Value, WeightOf, Weights, query_fields,
    target_fields,
};

use crate::harness::{Case, Settings, Sketch};

const BOXES: [(&str, f64); 3] = [("class", 1.0), ("l1", 5.0), ("giou", 2.0)];

/// Two images and two layers of three queries with boxes, four classes, and a part of all.
fn case() -> Case {
    Sketch::plain(Settings::new("softmax", 4).weighted(&BOXES), &["boxes"], 2, 3, &[1, 2]).case()
}

/// The same with edges of five bins, which the settings weigh.
fn with_edges() -> Case {
    let weights = [&BOXES[..], &[("fgl", 0.15), ("ddf", 1.5)]].concat();
    let settings = Settings::new("focal", 4).weighted(&weights).with("distribution.regMax", 4.0);
    Sketch::plain(settings, &["boxes", "edges"], 2, 3, &[1, 2]).case()
}

/// What a changed structure is refused with.
fn refused_of(mut case: Case, change: impl Fn(&mut Case)) -> Error {
    assert!(case.plan(Level::detect(), None).is_ok(), "it is refused for nothing but the change");
    change(&mut case);
    case.plan(Level::detect(), None).map(drop).expect_err("it is refused")
}

fn refused(change: impl Fn(&mut Structure)) -> Error {
    refused_of(case(), |case| change(&mut case.structure))
}

/// The property and the value that a changed part is refused for.
fn refused_part(change: impl Fn(&mut Part)) -> (&'static str, f64) {
    match refused(|structure| change(&mut structure.parts[0])) {
        Error::Part { part: 0, property, value: Value::Number(value), .. } => (property, value),
        other => panic!("{other}"),
    }
}

/// The places of fields of queries, by name.
fn field(name: &str) -> usize {
    query_fields().position(|field| field.name == name).expect("a field")
}

#[test]
fn sizes_of_which_no_memory_has_so_many_are_refused() {
    let is_memory = |error: Error| matches!(error, Error::Memory { part: None, .. });
    for size in [usize::MAX, usize::MAX / 2, 1 << 62] {
        assert!(is_memory(refused(|structure| structure.images = size)), "{size} images");
        assert!(is_memory(refused(|structure| structure.stacks[0].rows = size)), "{size} rows");
        assert!(is_memory(refused(|structure| structure.stacks[0].layers = size)), "{size} layers");
        assert!(is_memory(refused(|structure| structure.stacks[0].widths[0] = size)), "{size} columns");
        let stack = |layers| Stack::of_rows(layers, 0, vec![]);
        assert!(is_memory(refused(|structure| structure.stacks.push(stack(size)))), "{size} layers of nothing");
    }
    // of layers each takes memory
    assert!(is_memory(refused(|structure| structure.stacks[0].layers = 1 << 48)));
    let mut idle = case();
    let weighed = |layers| Part { has_query_weights: true, ..Part::plain(layers, 0..usize::MAX) };
    idle.structure.parts.extend([weighed(0..0), weighed(0..0)]);
    assert!(idle.plan(Level::detect(), None).is_ok(), "a part of no layers has no queries, however many it asks for");
    let many = refused(|structure| structure.parts.extend([weighed(0..1), weighed(0..1)]));
    assert!(matches!(many, Error::Part { property: "queries", .. }), "more queries than can be counted");
    // of no images a row may be of any size, and is refused for its width, if at all
    for (field, info) in query_fields().enumerate() {
        let mut wide = case();
        wide.structure.images = 0;
        wide.structure.stacks[0].widths.resize(query_fields().count(), 0);
        wide.structure.stacks[0].widths[field] = usize::MAX;
        // where the tensor says it, any is right
        let planned = wide.plan(Level::detect(), None).map(drop);
        if matches!(info.owner, Owner::Layer | Owner::Pair) {
            // of which a layer of no images has a row all the same
            assert!(planned.is_err_and(is_memory), "field {field}");
            continue;
        }
        assert!(
            matches!(
                planned,
                Ok(()) | Err(Error::Length { .. } | Error::Rows { .. } | Error::Missing { .. } | Error::Beside { .. })
            ),
            "field {field}"
        );
    }
}

#[test]
fn plans_say_what_they_report_and_which_tensors_have_gradients() {
    let mut case = with_edges();
    case.structure.stacks.push(Stack::of_rows(1, 5, vec![4, 4]));
    case.structure.parts.push(Part::plain(2..3, 0..5));
    let plan = case.plan(Level::detect(), None).expect("it fits");
    assert_eq!((plan.reported_layers(), plan.reported_queries()), (3, 2 * (2 * 3 + 5)));
    // all but the references
    assert!(plan.gradient_tensors().eq([0, 1, 2, 4, 5]));
}

#[test]
fn widths_of_logits_are_the_columns_or_for_class_agnostic_parts_those_of_the_first_class() {
    for (columns, class_agnostic, fits) in
        [(5, false, true), (5, true, true), (2, true, true), (2, false, false), (1, true, false), (4, true, false)]
    {
        let mut case = case();
        case.structure.stacks[0].widths[0] = columns;
        case.structure.parts[0].class_agnostic = class_agnostic;
        match case.plan(Level::detect(), None) {
            Ok(_) => assert!(fits, "{columns} columns"),
            Err(Error::Length { array, expected, actual, shape }) => {
                assert!(!fits, "{columns} columns");
                assert_eq!(array, Array::Queries { part: 0, field: "logits" });
                assert_eq!((expected, actual, &shape[..]), (2 * 3 * 5, 2 * 3 * columns as u64, &[2, 3, 5][..]));
            }
            Err(other) => panic!("{other}"),
        }
    }
}

#[test]
fn widths_of_other_fields_are_those_that_their_family_needs() {
    let width = |case: Case, name: &'static str, width: usize| {
        let error = refused_of(case, |case| case.structure.stacks[0].widths[field(name)] = width);
        match &error {
            Error::Length { array: Array::Queries { part: 0, field }, expected, actual, .. } if *field == name => {
                (*expected, *actual)
            }
            other => panic!("{other}"),
        }
    };
    assert_eq!(width(case(), "boxes", 3), (2 * 3 * 4, 2 * 3 * 3));
    assert_eq!(width(with_edges(), "corners", 28), (2 * 3 * 20, 2 * 3 * 28));
    assert_eq!(width(with_edges(), "references", 5), (2 * 3 * 4, 2 * 3 * 5));
    assert_eq!(width(with_edges(), "references", 0), (2 * 3 * 4, 0), "corners have references");
    let error = refused(|structure| structure.stacks[0].widths[field("boxes")] = 3);
    assert_eq!(error.to_string(), "boxes of part 0: expected 24 values for [2, 3, 4], got 18");
    // references without corners
    assert_eq!(width(case(), "references", 4), (0, 2 * 3 * 4));
}

#[test]
fn widths_are_checked_though_there_are_no_images() {
    let error = refused(|structure| {
        structure.images = 0;
        structure.stacks[0].widths[field("boxes")] = 3;
    });
    let array = Array::Queries { part: 0, field: "boxes" };
    assert_eq!(error, Error::Length { array, expected: 4, actual: 3, shape: vec![4] });
}

#[test]
fn edges_of_earlier_layers_need_those_of_the_last_which_teaches() {
    let error = refused_of(with_edges(), |case| {
        let stack = Stack { layers: 1, ..case.structure.stacks[0].clone() };
        let plain = Stack { widths: stack.widths[..2].to_vec(), ..stack.clone() };
        case.structure.stacks = vec![stack, plain];
    });
    assert_eq!(error.to_string(), "corners of part 0: expected 120 values for [2, 3, 20], got 0");
}

#[test]
fn fields_that_a_weight_calls_for_are_missed() {
    let missing = |case: Case, change: fn(&mut Case)| match refused_of(case, change) {
        Error::Missing { array, term } => (array, term),
        other => panic!("{other}"),
    };
    let queries = Array::Queries { part: 0, field: "boxes" };
    let targets = Array::Targets { field: "boxes" };
    let without = |case: &mut Case| case.structure.stacks[0].widths.truncate(1);
    assert_eq!(missing(case(), without), (queries, "l1"));
    assert_eq!(missing(case(), |case| case.structure.targets = vec![false]), (targets, "l1"));
    assert_eq!(missing(case(), |case| case.structure.targets.clear()), (targets, "l1"));
    let in_cost = |case: &mut Case| {
        case.settings.weights = Weights::of(&[("class", 1.0)]);
        case.settings.cost = Weights::of(&[("ciou", 1.0)]);
        case.structure.stacks[0].widths.truncate(1);
    };
    assert_eq!(missing(case(), in_cost), (queries, "ciou"), "by the cost");
    let in_part = |case: &mut Case| {
        (case.settings.weights, case.settings.cost) = (Weights::default(), Weights::default());
        case.structure.parts[0].weights = Some(Weights::of(&[("iou", 1.0)]));
        case.structure.stacks[0].widths.truncate(1);
    };
    assert_eq!(missing(case(), in_part), (queries, "iou"), "by the part");
    let quality = |case: &mut Case| {
        case.settings = Settings::new("varifocal", 5).weighted(&[("class", 1.0)]);
        case.structure.stacks[0].widths.truncate(1);
    };
    assert_eq!(missing(case(), quality), (queries, "class"), "by the kind, which looks at how well pairs agree");
    let no_boxes = |case: &mut Case| {
        case.settings.weights = Weights::of(&[("fgl", 1.0)]);
        case.settings.cost = Weights::default();
        case.structure.targets = vec![false];
    };
    assert_eq!(missing(with_edges(), no_boxes), (targets, "fgl"), "by edges, whose targets are boxes");
    let error = refused(|structure| structure.targets.clear());
    assert_eq!(error.to_string(), "boxes of the targets: must be given, since the term l1 has a weight");
}

#[test]
fn fields_without_weights_may_be_absent_from_queries_or_targets_or_both() {
    for (queries, targets) in [(true, false), (false, true), (false, false)] {
        let mut case = case();
        let weights = Weights::of(&[("class", 1.0)]);
        (case.settings.weights, case.settings.cost) = (weights, weights);
        if !queries {
            case = case.without(&["boxes"]);
        }
        if !targets {
            (case.structure.targets, case.fields) = (vec![false; target_fields().count()], Vec::new());
        }
        let outcome = case.run().expect("it fits");
        assert_eq!(outcome.report.layers.len(), 2);
        assert!(outcome.report.layers.iter().all(|layer| layer.terms[1..].iter().all(|&term| term == 0.0)));
        assert!(outcome.gradients.iter().skip(1).flatten().all(|&value| value == 0.0), "all of it is written");
        assert!(outcome.gradients[0].iter().any(|&value| value != 0.0));
    }
}

#[test]
fn parts_are_refused_for_properties_outside_their_ranges() {
    assert_eq!(refused_part(|part| part.layers = 0..3), ("layers", 3.0));
    assert_eq!(refused_part(|part| part.layers = Range { start: 2, end: 1 }), ("layers", 1.0));
    assert_eq!(refused_part(|part| part.queries = Range { start: 3, end: 0 }), ("queries", 0.0));
    assert_eq!(refused_part(|part| part.groups = 2), ("groups", 2.0));
    assert_eq!(refused_part(|part| part.groups = 0), ("groups", 0.0));
    assert_eq!(refused_part(|part| part.repeat = 0), ("repeat", 0.0));
    for factor in [0.0, -1.0, 1e-13, 8.3e-317, 1e25, f64::INFINITY] {
        assert_eq!(refused_part(|part| part.normalizer_factor = factor), ("normaliser's factor", factor));
    }
    assert_eq!(refused_part(|part| part.normalizer_factor = f64::NAN).0, "normaliser's factor");
    assert_eq!(refused_part(|part| part.weight = f64::NAN).0, "weight");
    assert_eq!(refused_part(|part| part.weight = -1.0), ("weight", -1.0));
    assert_eq!(refused_part(|part| part.weight = 2e12), ("weight", 2e12));
    let error = refused(|structure| structure.parts[0].groups = 2);
    assert_eq!(error.to_string(), "groups of part 0: must be a divisor of the number of queries, got 2");
}

#[test]
fn weights_of_a_part_are_refused_as_those_of_the_settings() {
    let weight = |name: &'static str, value: f64| match refused(|structure| {
        structure.parts[0].weights = Some(Weights::of(&[(name, value)]))
    }) {
        Error::Weight { of: WeightOf::Part(0), term, rule, .. } if term == name => rule,
        other => panic!("{other}"),
    };
    let range = "a number from 0 to 1e12";
    assert_eq!(weight("ciou", -1.0), range);
    assert_eq!(weight("ciou", f64::INFINITY), range);
    assert_eq!(weight("fgl", f64::NAN), range);
    assert_eq!(weight("ddf", -1.0), range);
    assert_eq!(weight("ddf", 1.0), "0 for softmax classification");
    let error = refused(|structure| structure.parts[0].weights = Some(Weights::of(&[("ddf", 1.0)])));
    assert_eq!(error.to_string(), "weight of ddf in part 0: must be 0 for softmax classification, got 1");
}

#[test]
fn rules_are_one_for_each_layer_and_lead_to_a_layer_with_a_matching_of_its_own() {
    let rules = |all: &'static [Matching]| {
        let rule = |&matching| LayerRule { matching, has_cost: false };
        refused(|structure| structure.parts[0].rules = all.iter().map(rule).collect())
    };
    const WRONG: &[[Matching; 2]] = &[
        [Matching::Of(0), Matching::Optimal],
        [Matching::Optimal, Matching::Of(2)],
        [Matching::Of(1), Matching::Of(0)],
        [Matching::Of(usize::MAX), Matching::Given],
    ];
    for all in WRONG {
        let error = rules(all);
        assert!(matches!(error, Error::Part { part: 0, property: "rules", .. }), "{error}");
    }
    let error = rules(&[Matching::Optimal, Matching::Of(7)]);
    assert_eq!(error.to_string(), "rules of part 0: must be a layer with a matching of its own, got 7");
    let array = Array::Rules { part: 0 };
    assert_eq!(rules(&[Matching::Given]), Error::Length { array, expected: 2, actual: 1, shape: vec![2] });
}

#[test]
fn queries_belong_to_exactly_one_part() {
    assert_eq!(refused_part(|part| part.queries = 0..2), ("queries", 2.0));
    assert_eq!(refused_part(|part| part.queries = 0..4), ("queries", 4.0));
    assert_eq!(refused_part(|part| part.queries = 1..3), ("queries", 1.0));
    assert_eq!(refused_part(|part| part.layers = 0..1), ("queries", 0.0), "of no part in the second layer");
    let second = |queries: Range<usize>| refused(|structure| structure.parts.push(Part::plain(0..2, queries.clone())));
    assert!(matches!(second(2..3), Error::Part { part: 1, property: "queries", value: Value::Number(2.0), .. }));
    assert_eq!(
        second(0..3).to_string(),
        "queries of part 1: must be such that every query of a layer belongs to exactly one, got 0"
    );
}
