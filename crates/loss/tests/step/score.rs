//! One-to-many by score: which pairs there are, and what comes of queries with several.

use hungarian_loss::{Error, LayerRule, Matching, Part, Score};
use proptest::prelude::*;

use crate::harness::sketch::Extras;
use crate::harness::{Case, Random, Settings, Sketch, SketchStack, assert_near, cases, checks};

const SAM: Score = Score { class: 0.3, overlap: 0.7, top: 2.0, quantile: true, threshold: 0.1, at_least_one: false };

/// A rule of matching by score.
fn by_score(score: Score) -> LayerRule {
    LayerRule { matching: Matching::Score(score), has_cost: false }
}

/// Random settings of a sigmoid kind.
fn sigmoid(seed: u64, classes: usize, families: &[&str]) -> Settings {
    let all = (0..).map(|k| Settings::random(&mut Random::new(seed ^ (k << 32)), classes, families));
    all.into_iter().find(Settings::is_sigmoid).expect("one of many")
}

/// Two parts that share their queries, the first of which has two layers matched by score, or one that takes over the other's.
fn steps() -> impl Strategy<Value = Sketch> {
    let families = prop_oneof![Just(vec!["boxes"]), Just(vec!["spans"]), Just(vec!["boxes", "points"])];
    let scores = (0.0..1.0, 0.0..1.0, 1u32..5, 0.0..0.6, any::<[bool; 4]>());
    let counts = prop::collection::vec(0usize..5, 1..4);
    let sizes = (1usize..5, 1usize..4, 1usize..3, 1usize..3);
    (any::<u64>().no_shrink(), families, scores, counts, sizes).prop_map(|(seed, families, score, counts, sizes)| {
        let (class, overlap, top, threshold, [quantile, at_least_one, takes_over, ignores]) = score;
        let top = if top == 4 { f64::INFINITY } else { f64::from(top) };
        let score = Score { class, overlap, top, quantile, threshold, at_least_one };
        let (each, groups, repeat, classes) = sizes;
        let settings = sigmoid(seed, classes, &families).with("ignore.threshold", 0.1);
        let first = each * groups;
        let second =
            if takes_over { LayerRule { matching: Matching::Of(0), has_cost: false } } else { by_score(score) };
        let parts = vec![
            Part { rules: vec![by_score(score), second], groups, repeat, ..Part::plain(0..2, 0..first) },
            Part::plain(0..2, first..first + 2),
        ];
        let columns = settings.columns();
        let stack = SketchStack { layers: 2, rows: first + 2, columns, families: families.clone() };
        let ignored = if ignores { 0.3 } else { 0.0 };
        Sketch {
            seed,
            settings,
            counts,
            families,
            stacks: vec![stack],
            parts,
            labels: [1, 2],
            ignored,
            extras: Extras::of(seed),
        }
    })
}

proptest! {
    #![proptest_config(cases(200))]

    #[test]
    fn pairs_are_those_of_the_definition(sketch in steps()) {
        checks::chosen_by_score(&sketch.case());
        checks::matching_alone(&sketch.case());
    }

    #[test]
    fn terms_and_gradients_follow_the_definition(sketch in steps()) {
        checks::terms_and_gradients(&sketch.case());
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

/// Three queries, two targets, whose boxes lie on each other.
fn small(score: Score) -> Case {
    let settings = Settings::new("ia-bce", 2).weighted(&[("class", 1.0), ("l1", 5.0), ("giou", 2.0)]);
    let mut sketch = Sketch::plain(settings, &["boxes"], 1, 3, &[2]);
    sketch.parts[0].rules = vec![by_score(score)];
    let mut case = sketch.case();
    case.tensors[1] = [[0.5, 0.5, 0.2, 0.2], [0.5, 0.5, 0.2, 0.3], [0.1, 0.1, 0.1, 0.1]].concat();
    (case.labels, case.fields[0]) = (vec![0, 0], vec![0.5, 0.5, 0.2, 0.2, 0.5, 0.5, 0.2, 0.25]);
    case
}

#[test]
fn a_query_with_two_targets_counts_in_both() {
    let outcome = small(SAM).run().expect("a valid case");
    assert_eq!((outcome.matches, outcome.further), (vec![0, 0, -1], vec![[0, 0, 0, 1], [0, 0, 1, 1]]));
    assert_eq!(outcome.report.layers[0].counts.pairs, 4);
    // 0 + 0.05 + 0.1 + 0.05, of two targets
    assert_near(outcome.report.layers[0].terms[1], 0.1, 1e-6, "l1");
    let boxes = &outcome.gradients[1];
    assert!(boxes[3] < 0.0 && boxes[7] > 0.0, "{boxes:?}");
}

#[test]
fn queries_that_are_not_finite_have_no_pair() {
    let mut case = small(Score { class: 0.0, at_least_one: true, ..SAM });
    case.settings = case.settings.with("nonFinite", "worst");
    case.tensors[1][1] = f32::NAN;
    let outcome = case.run().expect("it is left out");
    assert_eq!((outcome.matches, outcome.further), (vec![-1, 0, -1], vec![[0, 0, 1, 1]]));
    assert_eq!((outcome.report.non_finite.fields[1], outcome.report.non_finite.costs), (1, 0));
    assert!(outcome.gradients.iter().flatten().all(|value| value.is_finite()));
    case.settings = case.settings.with("nonFinite", "throw");
    assert!(matches!(case.run(), Err(Error::NotFinite { .. })));
}

#[test]
fn what_cannot_be_is_refused() {
    let refused = |change: &dyn Fn(&mut Case)| {
        let mut case = small(SAM);
        change(&mut case);
        case.run().expect_err("it is refused").to_string()
    };
    let scored = |score: Score| refused(&|case| case.structure.parts[0].rules = vec![by_score(score)]);
    let weight = "must be a number from 0 to 1e12, got NaN";
    assert_eq!(scored(Score { threshold: f64::NAN, ..SAM }), format!("matching.threshold of part 0: {weight}"));
    assert_eq!(scored(Score { class: f64::NAN, ..SAM }), format!("matching.class of part 0: {weight}"));
    for top in [0.0, 1.5, f64::NAN, -1.0] {
        let message = scored(Score { top, ..SAM });
        assert_eq!(message, format!("matching.topK of part 0: must be an integer from 1 on, got {top}"));
    }
    assert!(refused(&|case| case.structure.parts[0].union = true).contains("union matching"));
    let softmax = |case: &mut Case| {
        let settings = Settings::new("softmax", 1).weighted(&[("class", 1.0), ("l1", 5.0), ("giou", 2.0)]);
        case.settings = settings;
    };
    assert!(refused(&softmax).contains("softmax classification"));
}
