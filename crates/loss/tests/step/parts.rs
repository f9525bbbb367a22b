//! Parts: groups, repetitions, denoising, class-agnostic parts, the union matching, ignored targets, rules and costs.

use hungarian_loss::{Matching, Part};
use proptest::prelude::*;

use crate::harness::settings::random_weights;
use crate::harness::sketch::{idle, layer_rules, optional};
use crate::harness::{Case, Extras, Random, Settings, Sketch, SketchStack, assert_near, cases, checks, subset};

/// What a random part has.
#[derive(Clone, Debug)]
struct RandomPart {
    layers: usize,
    /// Queries of a group, and groups.
    each: usize,
    groups: usize,
    repeat: usize,
    adaptive: bool,
    class_agnostic: bool,
    /// Whether class-agnostic logits, where no other part shares them, have the columns of the first class alone.
    is_narrow: bool,
    factor: f64,
    weight: f64,
    has_own_weights: bool,
    matching: Matching,
    has_cost: bool,
    /// Whether its layers have the fields of families that are optional.
    has_optional: bool,
}

impl RandomPart {
    fn queries(&self) -> usize {
        self.each * self.groups
    }

    fn part(&self, first_layer: usize, first_query: usize) -> Part {
        Part {
            rules: layer_rules(self.layers, self.matching, self.has_cost),
            groups: self.groups,
            repeat: self.repeat,
            adaptive: self.adaptive,
            class_agnostic: self.class_agnostic,
            normalizer_factor: self.factor,
            weight: self.weight,
            ..Part::plain(first_layer..first_layer + self.layers, first_query..first_query + self.queries())
        }
    }
}

fn random_parts() -> impl Strategy<Value = RandomPart> {
    let matching =
        prop_oneof![Just(Matching::Optimal), Just(Matching::Given), Just(Matching::Of(0)), Just(Matching::Fixed)];
    let numbers = (1usize..4, 1usize..4, 1usize..4, 1usize..3, 0.5..2.0, 0.0..2.0);
    (numbers, matching, any::<[bool; 6]>()).prop_map(|(numbers, matching, flags)| {
        let (each, groups, layers, repeat, factor, weight) = numbers;
        let [class_agnostic, is_narrow, has_own_weights, has_cost, has_optional, adaptive] = flags;
        RandomPart {
            layers,
            each,
            groups,
            repeat,
            adaptive,
            class_agnostic,
            is_narrow,
            factor,
            weight,
            has_own_weights,
            matching,
            has_cost,
            has_optional,
        }
    })
}

/// A step of a part with tensors of its own, then two that share theirs.
fn steps() -> impl Strategy<Value = Sketch> {
    let counts = prop::collection::vec(0usize..4, 1..4);
    let parts = prop::collection::vec(random_parts(), 3);
    (any::<u64>().no_shrink(), subset(), 1usize..5, counts, parts, any::<[bool; 3]>()).prop_map(
        |(seed, families, classes, counts, mut parts, [union, ignoring, has_idle])| {
            parts[2].layers = parts[1].layers;
            let random = &mut Random::new(!seed);
            let overlap = ["iof", "iou"][random.below(2)];
            let settings = Settings::random(random, classes, &families);
            let settings = settings.with("ignore.overlap", overlap).with("ignore.threshold", 0.1);
            // fields of queries that targets have no counterpart to
            let idle = if has_idle { idle(&families) } else { Vec::new() };
            let stack = |layers, rows, is_narrow: bool, has_optional: bool| {
                let is_out = |name: &&str| !has_optional && optional(&families).contains(name);
                SketchStack {
                    layers,
                    rows,
                    columns: if is_narrow { settings.narrow_columns() } else { settings.columns() },
                    families: families.iter().filter(|name| !is_out(name)).chain(&idle).copied().collect(),
                }
            };
            let [first, second, third] = &parts[..] else { unreachable!("three parts") };
            let is_narrow = first.class_agnostic && first.is_narrow;
            let stacks = vec![
                stack(first.layers, first.queries(), is_narrow, first.has_optional),
                stack(second.layers, second.queries() + third.queries(), false, second.has_optional),
            ];
            let mut made = vec![
                Part { union, ..first.part(0, 0) },
                second.part(first.layers, 0),
                third.part(first.layers, second.queries()),
            ];
            for (_, made) in parts.iter().zip(&mut made).filter(|(part, _)| part.has_own_weights) {
                made.weights = Some(random_weights(random, &families, settings.is_sigmoid(), false));
            }
            let labels = [1, if settings.is_sigmoid() { 1 + random.below(2) } else { 1 }];
            let ignored = if ignoring { 0.5 } else { 0.0 };
            Sketch { seed, settings, counts, families, stacks, parts: made, labels, ignored, extras: Extras::of(seed) }
        },
    )
}

proptest! {
    #![proptest_config(cases(300))]

    #[test]
    fn terms_and_gradients_follow_the_definition(sketch in steps()) {
        checks::terms_and_gradients(&sketch.case());
    }

    #[test]
    fn matchings_are_as_given_or_have_the_least_cost(sketch in steps()) {
        checks::matchings(&sketch.case());
        checks::matching_alone(&sketch.case());
        checks::costs(&sketch.case());
    }

    #[test]
    fn bits_are_the_same_at_every_level_and_in_threads(sketch in steps()) {
        checks::bits(&sketch.case());
    }

    #[test]
    fn images_alone_have_the_bits_of_the_whole_batch(sketch in steps()) {
        checks::images_alone(&sketch.case());
    }
}

#[test]
fn a_part_without_a_weight_reports_the_same_terms() {
    let weights = [("class", 1.0), ("l1", 5.0), ("giou", 2.0), ("iou", 1.0), ("diou", 1.0), ("ciou", 1.0)];
    let settings = Settings::new("softmax", 4).weighted(&weights);
    let case = Sketch::plain(settings, &["boxes"], 1, 5, &[3, 1]).case();
    let mut without = case.clone();
    without.structure.parts[0].weight = 0.0;
    assert_eq!(without.layer().terms, case.layer().terms);
    let outcome = without.run().expect("a valid case");
    assert_eq!(outcome.report.loss, 0.0);
    assert!(outcome.gradients.iter().flatten().all(|&value| value == 0.0));
}

/// The matching of two targets, each repeated, with three queries whose boxes are at those of the second target.
fn repeated(repeat: usize) -> (Case, Vec<i32>) {
    let settings = Settings::new("softmax", 4).weighted(&[("class", 1.0), ("l1", 5.0), ("giou", 2.0)]);
    let mut sketch = Sketch::plain(settings, &["boxes"], 1, 3, &[2]);
    sketch.parts[0].repeat = repeat;
    let mut case = sketch.case();
    case.tensors = vec![vec![0.0; 3 * 5], [[0.7, 0.7, 0.2, 0.2]; 3].concat()];
    (case.labels, case.fields[0]) = (vec![0, 0], vec![0.3, 0.3, 0.2, 0.2, 0.7, 0.7, 0.2, 0.2]);
    let matches = case.run().expect("a valid case").matches;
    (case, matches)
}

#[test]
fn repetitions_beyond_the_queries_take_no_more_memory_than_can_be_matched() {
    let (_, matches) = repeated(1);
    assert_eq!(matches.iter().filter(|&&target| target >= 0).count(), 2);
    for repeat in [3, 4, 1 << 31, usize::MAX] {
        let (case, matches) = repeated(repeat);
        assert_eq!(matches, [1, 1, 1], "every query has the nearest target");
        assert_near(case.layer().terms[1], 0.0, 1e-6, "l1");
    }
}
