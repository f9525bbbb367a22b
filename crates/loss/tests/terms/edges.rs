//! Fine-grained localisation, and distillation between layers.

use hungarian_loss::{Error, LayerRule, Matching, Part, Place, QueryPlace, Weights, terms};
use proptest::prelude::*;

use crate::harness::reference::of;
use crate::harness::{Case, Extras, Outcome, Random, Settings, Sketch, SketchStack, assert_near, cases, checks};

check_families!(Just(vec!["boxes", "edges"]));

/// A step of D-FINE: decoder layers whose tensors hold denoising queries first, and proposals without distributions.
#[derive(Clone, Debug)]
struct Decoder {
    sketch: Sketch,
    /// Decoder layers, and how many of them have no distributions, as D-FINE's first has none.
    layers: usize,
    plain: usize,
}

fn decoders() -> impl Strategy<Value = Decoder> {
    let sizes = (1usize..5, 0usize..4, 1usize..4);
    let counts = prop::collection::vec(0usize..4, 1..4);
    (any::<u64>().no_shrink(), sizes, counts, any::<[bool; 4]>()).prop_map(
        |(seed, (queries, noisy, layers), counts, [is_first_plain, union, ignoring, has_own_weights])| {
            let random = &mut Random::new(!seed);
            let kind = ["focal", "varifocal", "mal"][random.below(3)];
            let mut settings = Settings::new(kind, 3).weighted(&[("class", 1.0), ("l1", 5.0), ("giou", 2.0)]);
            for family in ["boxes", "edges"] {
                settings = of(family).options(random, settings);
            }
            let mut weigh = |weights: Weights| {
                let mut weight = || if random.below(4) == 0 { 0.0 } else { f64::from(0.1 + 1.9 * random.unit()) };
                weights.with("fgl", weight()).with("ddf", weight())
            };
            settings.weights = weigh(settings.weights);
            let own = weigh(settings.weights);
            let plain = usize::from(is_first_plain && layers > 1);
            let stack = |layers, rows, families: &[&'static str]| SketchStack {
                layers,
                rows,
                columns: 3,
                families: families.to_vec(),
            };
            let rows = noisy + queries;
            let stacks = vec![
                stack(plain, rows, &["boxes"]),
                stack(layers - plain, rows, &["boxes", "edges"]),
                stack(1, queries, &["boxes"]),
            ];
            let given = LayerRule { matching: Matching::Given, has_cost: false };
            let parts = vec![
                Part { union, weight: 0.25, ..Part::plain(0..layers, noisy..rows) },
                Part { union, ..Part::plain(layers..layers + 1, 0..queries) },
                Part {
                    rules: vec![given; layers],
                    normalizer_factor: 3.0,
                    weight: 1.5,
                    weights: has_own_weights.then_some(own),
                    ..Part::plain(0..layers, 0..noisy)
                },
            ];
            let ignored = if ignoring { 0.5 } else { 0.0 };
            let families = vec!["boxes", "edges"];
            let sketch = Sketch {
                seed,
                settings,
                counts,
                families,
                stacks,
                parts,
                labels: [1, 1],
                ignored,
                extras: Extras::of(seed),
            };
            Decoder { sketch, layers, plain }
        },
    )
}

/// A term's place.
fn place(name: &str) -> usize {
    terms().position(|term| term.name == name).expect("a term")
}

proptest! {
    #![proptest_config(cases(300))]

    #[test]
    fn decoders_follow_the_definition_and_all_else_is_as_without_edges(decoder in decoders()) {
        let case = decoder.sketch.case();
        let outcome = checks::terms_and_gradients(&case);
        let mut own = 0.0;
        for (index, layer) in outcome.report.layers.iter().enumerate() {
            let (part, number) = match index.checked_sub(decoder.layers) {
                None => (0, index),
                Some(0) => (1, decoder.layers),
                Some(noisy) => (2, noisy - 1),
            };
            let part = &case.structure.parts[part];
            let [fgl, ddf] = ["fgl", "ddf"].map(|name| (part.weights.unwrap_or(case.settings.weights).get(name), layer.terms[place(name)]));
            if !(decoder.plain..decoder.layers).contains(&number) {
                prop_assert_eq!((fgl.1, ddf.1), (0.0, 0.0));
            }
            let weight = part.weight * part.layer_weights.get(number - part.layers.start).unwrap_or(&1.0);
            own += weight * (fgl.0 * fgl.1 + ddf.0 * ddf.1);
        }
        let plain = case.without(&["corners", "references"]);
        let without = plain.run().expect("a valid case");
        assert_near(outcome.report.loss, without.report.loss + own, 1e-12, "loss");
        prop_assert_eq!(outcome.matches, without.matches);
        let is_shared = |tensor: usize| case.places()[tensor].field < 2;
        let shared = outcome.gradients.iter().enumerate().filter(|(tensor, _)| is_shared(*tensor));
        prop_assert!(shared.map(|(_, gradient)| gradient).eq(&without.gradients));
    }

    #[test]
    fn decoders_have_the_same_bits_at_every_level_and_in_threads(decoder in decoders()) {
        checks::bits(&decoder.sketch.case());
        checks::images_alone(&decoder.sketch.case());
        checks::matching_alone(&decoder.sketch.case());
    }

    #[test]
    fn queries_with_one_value_that_is_not_finite_have_no_part(
        decoder in decoders(),
        at in 0.0..1.0,
        field in proptest::sample::select(vec!["logits", "boxes", "corners", "references"]),
        is_last in any::<bool>(),
    ) {
        // of absent columns nothing is counted
        let extras = Extras { columns: false, ..decoder.sketch.extras };
        let mut case = Sketch { extras, ..decoder.sketch.clone() }.case();
        case.settings = case.settings.with("nonFinite", "worst");
        if is_last {
            // what such a query teaches others shows without localisation
            case.settings.weights = case.settings.weights.with("fgl", 0.0);
            let own = case.structure.parts[2].weights.map(|weights| weights.with("fgl", 0.0));
            case.structure.parts[2].weights = own;
        }
        let (images, rows) = (case.structure.images, case.structure.stacks[1].rows);
        let taught = decoder.layers - decoder.plain;
        let layer = if is_last { taught - 1 } else { 0 };
        let row = (at * (images * rows) as f64) as usize;
        let tensor = case.tensor(1, field);
        let width = case.places()[tensor].width;
        case.tensors[tensor][(layer * images * rows + row) * width + 1] = f32::NAN;
        let Outcome { report, gradients, .. } = case.run().expect("it is left out");
        let mut expected = [0; 4];
        expected[case.places()[tensor].field] = 1;
        prop_assert_eq!(report.non_finite.fields[..4].to_vec(), expected);
        prop_assert!(report.loss.is_finite());
        prop_assert!(gradients.iter().flatten().all(|value| value.is_finite()));
        let corners = case.tensor(1, "corners");
        let width = case.places()[corners].width;
        for layer in if is_last { 0..taught } else { 0..1 } {
            let own = &gradients[corners][(layer * images * rows + row) * width..][..width];
            prop_assert!(own.iter().all(|&value| value == 0.0), "layer {}", layer);
        }
    }
}

/// One image with a target, two layers of two queries, and bins for an edge.
fn small() -> Case {
    let weights = [("class", 2.0), ("l1", 5.0), ("giou", 2.0), ("fgl", 0.15), ("ddf", 1.5)];
    let settings = Settings::new("focal", 3).weighted(&weights);
    let settings = settings.with("distribution.regMax", 4.0).with("normalizedBoxes", false);
    Sketch::plain(settings, &["boxes", "edges"], 2, 2, &[1]).case()
}

/// What a changed case is refused with.
fn refused(change: impl Fn(&mut Case)) -> Error {
    let mut case = small();
    change(&mut case);
    case.run().expect_err("it is refused")
}

#[test]
fn corners_and_references_that_are_not_finite_or_no_boxes_are_refused_with_their_place() {
    assert!(small().run().is_ok());
    let corners = small().tensor(0, "corners");
    let references = small().tensor(0, "references");
    let place = QueryPlace { part: 0, layer: 1, image: 0, query: 1 };
    let error = refused(|case| case.tensors[corners][3 * 20 + 7] = f32::NEG_INFINITY);
    assert_eq!(
        error.to_string(),
        "corners of part 0: -Infinity at layer 1, image 0, query 1, edge 1, bin 2; must be finite"
    );
    assert!(matches!(error, Error::NotFinite { place: Place::Query(found), field: "corners", .. } if found == place));
    let error = refused(|case| case.tensors[references][3 * 4 + 2] = f32::NAN);
    assert_eq!(
        error.to_string(),
        "references of part 0: NaN at layer 1, image 0, query 1, component 2; must be finite"
    );
    let error = refused(|case| case.tensors[references][3 * 4 + 3] = -0.5);
    assert_eq!(
        error.to_string(),
        "references of part 0: -0.5 at layer 1, image 0, query 1, component 3; width and height must not be negative"
    );
}

#[test]
fn options_of_the_distribution_are_refused_outside_their_ranges() {
    let option = |name, value: f64| match refused(|case| case.settings = case.settings.clone().with(name, value)) {
        Error::Option { name, .. } => name,
        other => panic!("{other}"),
    };
    assert_eq!(option("distribution.regMax", 5.0), "distribution.regMax");
    assert_eq!(option("distribution.regMax", 2.0), "distribution.regMax");
    assert_eq!(option("distribution.up", 0.0), "distribution.up");
    assert_eq!(option("distribution.regScale", f64::NAN), "distribution.regScale");
    assert_eq!(option("distribution.temperature", 0.0), "distribution.temperature");
}

#[test]
fn distillation_needs_sigmoid_classification() {
    let error = refused(|case| {
        case.settings = Settings::new("softmax", 2).weighted(&[("ddf", 1.5)]);
    });
    assert_eq!(error.to_string(), "weight of ddf: must be 0 for softmax classification, got 1.5");
}
