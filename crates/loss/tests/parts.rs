//! Every kind of part against the definition in `f64`: terms, central differences, matchings, and equal bits.

mod reference;
mod support;

use std::ops::Range;

use hungarian_loss::{
    ClassCost, Classification, Config, Criterion, Error, Ignore, Layer, LayerGradients, LayerRule, LayerTerms, Level,
    LossWeights, Matching, Normalizers, Overlap, Part, Predictions, Report, Scratch, Shape, Sigmoid, Targets, Weights,
};
use proptest::prelude::*;
use reference::{Reference, Values};
use support::{Numbers, assert_close};

const CLASSES: usize = 4;

/// What the parts of a step have.
#[derive(Clone, Debug)]
struct Kind {
    queries: usize,
    layers: usize,
    groups: usize,
    repeat: usize,
    class_agnostic: bool,
    /// Whether class-agnostic logits, where no other part shares them, have the columns of the first class alone.
    is_narrow: bool,
    divisor: f64,
    weight: f64,
    weights: Option<Weights>,
    rule: Rule,
    has_cost: bool,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Rule {
    Optimal,
    Given,
    OfFirst,
}

/// A step: a part of tensors of its own, then two that share theirs.
#[derive(Clone, Debug)]
struct Case {
    seed: u64,
    config: Config,
    union: bool,
    counts: Vec<u32>,
    ignoring: bool,
    kinds: Vec<Kind>,
}

fn kinds() -> impl Strategy<Value = Kind> {
    let rule = prop_oneof![Just(Rule::Optimal), Just(Rule::Given), Just(Rule::OfFirst)];
    let numbers = (1usize..4, 1usize..4, 1usize..4, 1usize..3, 0.5..2.0, 0.0..2.0);
    (numbers, rule, any::<[bool; 3]>(), prop::option::of(weights())).prop_map(
        |(numbers, rule, [class_agnostic, is_narrow, has_cost], weights)| {
            let (each, groups, layers, repeat, divisor, weight) = numbers;
            let queries = each * groups;
            Kind {
                queries,
                layers,
                groups,
                repeat,
                class_agnostic,
                is_narrow,
                divisor,
                weight,
                weights,
                rule,
                has_cost,
            }
        },
    )
}

/// Any terms.
fn weights() -> impl Strategy<Value = Weights> {
    prop::collection::vec(prop_oneof![Just(0.0), 0.5..3.0], 6).prop_map(|weights| {
        let [class, l1, giou, iou, diou, ciou] = weights[..] else { unreachable!("six weights") };
        Weights { class, l1, giou, iou, diou, ciou }
    })
}

/// Every kind of classification with every term.
fn configs() -> impl Strategy<Value = Config> {
    let kinds = [
        Sigmoid::Focal { alpha: 0.25, gamma: 2.0 },
        Sigmoid::Varifocal { alpha: 0.75, gamma: 2.0, detach_weights: true },
        Sigmoid::Mal { alpha: 1.0, gamma: 1.5, detach_weights: true },
        Sigmoid::IaBce { alpha: 0.25, gamma: 2.0, min_quality: 0.01 },
    ];
    (0..5usize, weights(), 0..=CLASSES, any::<bool>()).prop_map(move |(kind, weights, no_object_index, weighted)| {
        let mut config = Config::detr(CLASSES);
        if let Classification::Softmax(softmax) = &mut config.classification {
            softmax.no_object_index = no_object_index;
            softmax.class_weights = weighted.then(|| (0..CLASSES).map(|class| 0.5 + class as f64).collect());
        }
        if let Some(&sigmoid) = kinds.get(kind) {
            config.classification = Classification::Sigmoid(sigmoid);
            config.cost_class = ClassCost::Focal { alpha: 0.25, gamma: 2.0 };
        }
        config.weights = weights;
        config
    })
}

fn cases() -> impl Strategy<Value = Case> {
    let counts = prop::collection::vec(0u32..4, 1..4);
    (any::<u64>(), counts, prop::collection::vec(kinds(), 3), any::<[bool; 3]>(), configs()).prop_map(
        |(seed, counts, mut kinds, [union, ignoring, iou], mut config)| {
            config.normalized_boxes = false;
            config.ignore = Ignore { overlap: if iou { Overlap::Iou } else { Overlap::Iof }, threshold: 0.1 };
            kinds[2].layers = kinds[1].layers;
            Case { seed, config, union, counts, ignoring, kinds }
        },
    )
}

/// The arrays of a case.
struct Batch {
    images: usize,
    /// Logits, boxes and queries of each layer.
    layers: Vec<(Vec<f32>, Vec<f32>, usize)>,
    labels: Vec<i32>,
    boxes: Vec<f32>,
    offsets: Vec<u32>,
    ignores: Vec<u8>,
    /// For each part and layer, what is given and added.
    given: Vec<Vec<Vec<i32>>>,
    added: Vec<Vec<Vec<f32>>>,
}

/// What a call gives.
struct Outcome {
    report: Report,
    matches: Vec<i32>,
    gradients: Vec<(Vec<f32>, Vec<f32>)>,
}

impl Case {
    /// First layer and queries of a part, and queries of its tensors.
    fn place(&self, part: usize) -> (usize, Range<usize>, usize) {
        let [own, first, second] = [0, 1, 2].map(|k| self.kinds[k].queries);
        match part {
            0 => (0, 0..own, own),
            1 => (self.kinds[0].layers, 0..first, first + second),
            _ => (self.kinds[0].layers, first..first + second, first + second),
        }
    }

    fn is_narrow(&self, part: usize) -> bool {
        part == 0 && self.kinds[0].class_agnostic && self.kinds[0].is_narrow
    }

    /// Columns of a part's logits.
    fn width(&self, part: usize) -> usize {
        self.config.logits_width() - if self.is_narrow(part) { CLASSES - 1 } else { 0 }
    }

    fn no_object(&self) -> Option<usize> {
        match &self.config.classification {
            Classification::Softmax(softmax) => Some(softmax.no_object_index),
            Classification::Sigmoid(_) => None,
        }
    }

    /// The configuration that a part has by itself.
    fn config(&self, part: usize) -> Config {
        let mut config = self.config.clone();
        config.weights = self.kinds[part].weights.unwrap_or(config.weights);
        if self.is_narrow(part) {
            config.num_classes = 1;
            if let Classification::Softmax(softmax) = &mut config.classification {
                softmax.no_object_index = if softmax.no_object_index == 0 { 0 } else { 1 };
                softmax.class_weights = softmax.class_weights.as_ref().map(|weights| vec![weights[0]]);
            }
        }
        config
    }

    /// The labels of all targets as a part sees them.
    fn labels(&self, part: usize, batch: &Batch) -> Vec<i32> {
        let first = i32::from(self.no_object() == Some(0));
        if self.kinds[part].class_agnostic { vec![first; batch.labels.len()] } else { batch.labels.clone() }
    }

    fn batch(&self) -> Batch {
        let mut numbers = Numbers(self.seed);
        let images = self.counts.len();
        let total = self.counts.iter().sum::<u32>() as usize;
        let shared = self.kinds[1].queries + self.kinds[2].queries;
        let rows = std::iter::repeat_n((self.kinds[0].queries, self.width(0)), self.kinds[0].layers)
            .chain(std::iter::repeat_n((shared, self.width(1)), self.kinds[1].layers));
        let layers = rows
            .map(|(q, width)| {
                let logits = (0..images * q * width).map(|_| 8.0 * numbers.unit() - 4.0).collect();
                (logits, numbers.boxes(images * q), q)
            })
            .collect();
        let given = |numbers: &mut Numbers, kind: &Kind| -> Vec<Vec<i32>> {
            let targets = |n: &mut Numbers, count: u32| n.below(count as usize + 2) as i32 - 2;
            let layer = |numbers: &mut Numbers| {
                let image = |&count: &u32| (0..kind.queries).map(|_| targets(numbers, count)).collect::<Vec<_>>();
                self.counts.iter().flat_map(image).collect()
            };
            (0..kind.layers).map(|_| layer(numbers)).collect()
        };
        let added = |numbers: &mut Numbers, kind: &Kind| -> Vec<Vec<f32>> {
            (0..kind.layers).map(|_| (0..kind.queries * total).map(|_| 4.0 * numbers.unit()).collect()).collect()
        };
        let label = |class: usize| class + usize::from(self.no_object().is_some_and(|no_object| class >= no_object));
        Batch {
            images,
            layers,
            labels: (0..total).map(|_| label(numbers.below(CLASSES)) as i32).collect(),
            boxes: numbers.boxes(total),
            offsets: std::iter::once(0)
                .chain(self.counts.iter().scan(0, |sum, n| {
                    *sum += n;
                    Some(*sum)
                }))
                .collect(),
            ignores: if self.ignoring { (0..total).map(|_| numbers.below(2) as u8).collect() } else { Vec::new() },
            given: self.kinds.iter().map(|kind| given(&mut numbers, kind)).collect(),
            added: self.kinds.iter().map(|kind| added(&mut numbers, kind)).collect(),
        }
    }

    fn rules<'a>(&self, batch: &'a Batch) -> Vec<Vec<LayerRule<'a>>> {
        let rule = |part: usize, layer: usize| LayerRule {
            matching: match self.kinds[part].rule {
                Rule::Optimal => Matching::Optimal,
                Rule::Given => Matching::Given(&batch.given[part][layer]),
                Rule::OfFirst if layer == 0 => Matching::Optimal,
                Rule::OfFirst => Matching::Of(0),
            },
            cost: self.kinds[part].has_cost.then(|| &batch.added[part][layer][..]),
        };
        (0..3).map(|part| (0..self.kinds[part].layers).map(|layer| rule(part, layer)).collect()).collect()
    }

    fn run(&self, batch: &Batch, level: Level) -> Outcome {
        let layers: Vec<_> =
            batch.layers.iter().map(|(logits, boxes, _)| Layer { logits, boxes, corners: None }).collect();
        let rules = self.rules(batch);
        let parts: Vec<_> = (0..3)
            .map(|k| {
                let (first, queries, rows) = self.place(k);
                let kind = &self.kinds[k];
                Part {
                    name: "outputs",
                    layers: first..first + kind.layers,
                    rows,
                    queries,
                    classes: self.width(k),
                    rules: &rules[k],
                    groups: kind.groups,
                    repeat: kind.repeat,
                    class_agnostic: kind.class_agnostic,
                    union: self.union && k == 0,
                    divisor: kind.divisor,
                    weight: kind.weight,
                    weights: kind.weights.map(|terms| LossWeights { terms, ..LossWeights::default() }),
                }
            })
            .collect();
        let predictions = Predictions::of_parts(batch.images, &layers, parts).expect("parts fit");
        let mut gradients: Vec<_> =
            batch.layers.iter().map(|(x, b, _)| (vec![f32::NAN; x.len()], vec![f32::NAN; b.len()])).collect();
        let mut places: Vec<_> =
            gradients.iter_mut().map(|(logits, boxes)| LayerGradients { logits, boxes, corners: &mut [] }).collect();
        let mut matches = vec![i32::MIN; predictions.reported_queries()];
        let targets = Targets::new(&batch.labels, &batch.boxes, &batch.offsets).expect("lengths fit");
        let targets = targets.ignoring(&batch.ignores).expect("lengths fit");
        let criterion = Criterion::new(level, self.config.clone()).expect("a valid configuration");
        let scratch = &mut Scratch::default();
        let normalizers = Normalizers::default();
        let report = criterion
            .compute(&predictions, &targets, normalizers, &mut places, &mut matches, scratch)
            .expect("a valid batch");
        let mut again = vec![i32::MIN; matches.len()];
        let matched = criterion.match_targets(&predictions, &targets, &mut again, scratch).expect("a valid batch");
        assert_eq!(again, matches, "match_targets finds the same");
        let divisors = |report: &Report| (report.num_boxes, report.union_boxes, report.targets, report.union_pairs);
        assert_eq!(divisors(&matched), divisors(&report));
        for (a, b) in matched.layers.iter().zip(&report.layers) {
            assert_eq!((a.class_weight, a.counts), (b.class_weight, b.counts), "match_targets divides by the same");
        }
        Outcome { report, matches, gradients }
    }
}

/// The queries `range` of `rows`, of every image.
fn cut(values: &[f32], rows: usize, width: usize, range: &Range<usize>) -> Vec<f32> {
    let images = values.chunks_exact(rows * width);
    images.flat_map(|image| &image[range.start * width..range.end * width]).copied().collect()
}

fn wide(values: &[f32]) -> Vec<f64> {
    values.iter().map(|&v| f64::from(v)).collect()
}

/// Overlap of a query with a region, by its definition.
fn overlap(q: &[f32], r: &[f32], kind: Overlap) -> f64 {
    let end = |v: &[f32], k: usize, sign: f64| f64::from(v[k]) + sign * f64::from(v[k + 2]) / 2.0;
    let side = |k| (end(q, k, 1.0).min(end(r, k, 1.0)) - end(q, k, -1.0).max(end(r, k, -1.0))).max(0.0);
    let area = |v: &[f32]| f64::from(v[2]) * f64::from(v[3]);
    let both = side(0) * side(1);
    both / if kind == Overlap::Iof { area(q) } else { area(q) + area(r) - both }
}

/// The union matching, counted pair by pair.
fn union(layers: &[&[i32]], queries: usize) -> Vec<i32> {
    (0..queries)
        .map(|query| {
            let count = |target: i32| layers.iter().filter(|layer| layer[query] == target).count();
            let best = (0..16).max_by_key(|&target| (count(target), -target)).unwrap();
            if count(best) == 0 { -1 } else { best }
        })
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_part_follows_its_definition(case in cases()) {
        let batch = case.batch();
        let outcome = case.run(&batch, Level::detect());
        let is_ignored = |target: usize| batch.ignores.get(target) == Some(&1);
        let kept = (0..batch.labels.len()).filter(|&target| !is_ignored(target)).count() as f64;
        let (mut slot, mut entry, mut loss) = (0, 0, 0.0);
        for (part, kind) in case.kinds.iter().enumerate() {
            let (first, range, rows) = case.place(part);
            let length = batch.images * kind.queries;
            let all = &outcome.matches[entry..entry + kind.layers * length];
            let (config, width, labels) = (case.config(part), case.width(part), case.labels(part, &batch));
            let shape = Shape { images: batch.images, queries: kind.queries, classes: width };
            let num_boxes = (kept * (kind.groups * kind.repeat) as f64).max(1.0) * kind.divisor;
            let union = (case.union && part == 0).then(|| {
                let layers: Vec<_> = all.chunks_exact(length).collect();
                let pairs = union(&layers, length);
                let count = pairs.iter().filter(|&&target| target >= 0).count() as f64;
                (pairs, count.max(1.0))
            });
            let reference = Reference {
                config: &config,
                shape,
                labels: labels.chunks(1).collect(),
                boxes: &batch.boxes,
                offsets: &batch.offsets,
                matches: all.to_vec(),
                num_boxes,
                union,
                added: Vec::new(),
            };
            for layer in 0..kind.layers {
                let (logits, boxes, _) = &batch.layers[first + layer];
                let (logits, boxes) = (cut(logits, rows, width, &range), cut(boxes, rows, 4, &range));
                let (x, b) = (wide(&logits), wide(&boxes));
                let total = |terms: &LayerTerms| kind.weight * reference.total(terms);
                let fixed = Values { logits: &x, boxes: &b };
                let terms = reference.layer(layer, fixed, fixed);
                let found = &outcome.report.layers[slot];
                assert_close(found.class, terms.class, 1e-6, "class");
                assert_close(found.l1, terms.l1, 1e-6, "l1");
                assert_close(found.giou, terms.giou, 1e-6, "giou");
                assert_close(found.iou, terms.iou, 1e-6, "iou");
                assert_close(found.diou, terms.diou, 1e-6, "diou");
                assert_close(found.ciou, terms.ciou, 1e-6, "ciou");
                assert_close(found.class_weight, terms.class_weight, 1e-12, "class weight");
                loss += total(&terms);
                let gradient = &outcome.gradients[first + layer];
                let gradient = (cut(&gradient.0, rows, width, &range), cut(&gradient.1, rows, 4, &range));
                const STEP: f64 = 1e-6;
                for (which, (values, gradient)) in [(&x, &gradient.0), (&b, &gradient.1)].into_iter().enumerate() {
                    for at in (0..values.len()).step_by(values.len() / 8 + 1) {
                        let shifted = |by: f64| {
                            let mut values = values.clone();
                            values[at] += by;
                            let (x, b) = if which == 0 { (&values, &b) } else { (&x, &values) };
                            total(&reference.layer(layer, Values { logits: x, boxes: b }, fixed))
                        };
                        let difference = (shifted(STEP) - shifted(-STEP)) / (2.0 * STEP);
                        assert_close(f64::from(gradient[at]), difference, 3e-6, "gradient");
                    }
                }
                let matches = &all[layer * length..][..length];
                check_matching(&case, &batch, (part, layer), &labels, (&logits, &boxes), matches);
                slot += 1;
            }
            entry += kind.layers * length;
        }
        assert_close(outcome.report.loss, loss, 1e-6, "loss");
    }

    #[test]
    fn every_level_gives_the_same_bits(case in cases()) {
        let batch = case.batch();
        let all: Vec<_> = Level::available()
            .into_iter()
            .map(|level| {
                let Outcome { report, matches, gradients } = case.run(&batch, level);
                format!("{report:?} {matches:?} {gradients:?}")
            })
            .collect();
        prop_assert!(all.windows(2).all(|pair| pair[0] == pair[1]));
    }
}

/// One layer's matching: as given, or of the least total group by group; and no more left out than should be.
fn check_matching(
    case: &Case,
    batch: &Batch,
    (part, layer): (usize, usize),
    labels: &[i32],
    (logits, boxes): (&[f32], &[f32]),
    matches: &[i32],
) {
    let (kind, config) = (&case.kinds[part], case.config(part));
    let (queries, width) = (kind.queries, case.width(part));
    for image in 0..batch.images {
        let targets = batch.offsets[image] as usize..batch.offsets[image + 1] as usize;
        let is_ignored = |target: usize| batch.ignores.get(targets.start + target) == Some(&1);
        let matches = &matches[image * queries..][..queries];
        for (query, &target) in matches.iter().enumerate() {
            let q = &boxes[4 * (image * queries + query)..][..4];
            let regions = (0..targets.len()).filter(|&target| is_ignored(target));
            let mut overlaps =
                regions.map(|t| overlap(q, &batch.boxes[4 * (targets.start + t)..][..4], case.config.ignore.overlap));
            let lies_on = overlaps.any(|overlap| overlap > case.config.ignore.threshold);
            if kind.rule == Rule::Given {
                let given = batch.given[part][layer][image * queries + query];
                let expected = match given {
                    -1 if lies_on => -2,
                    target if target >= 0 && is_ignored(target as usize) => -2,
                    other => other,
                };
                assert_eq!(target, expected, "a given matching is kept");
            } else if kind.rule == Rule::Optimal {
                assert_eq!(target == -2, target < 0 && lies_on, "unmatched queries on an ignored target are left out");
            }
        }
        if kind.rule == Rule::OfFirst && layer > 0 || kind.rule == Rule::Given {
            continue;
        }
        let kept: Vec<_> = (0..targets.len()).filter(|&target| !is_ignored(target)).collect();
        let repeated: Vec<_> = (0..kind.repeat).flat_map(|_| &kept).copied().collect();
        let each = queries / kind.groups;
        for group in 0..kind.groups {
            let first = image * queries + group * each;
            let numbers = |target: i32| kept.iter().position(|&t| t as i32 == target).map_or(-1, |k| k as i32);
            let added = if kind.has_cost {
                let before = targets.start * queries;
                let cell = |query: usize, target: usize| {
                    batch.added[part][layer][before + (group * each + query) * targets.len() + target]
                };
                (0..each).flat_map(|query| repeated.iter().map(move |&target| cell(query, target))).collect()
            } else {
                Vec::new()
            };
            let reference = Reference {
                config: &config,
                shape: Shape { images: 1, queries: each, classes: width },
                labels: repeated.iter().map(|&t| &labels[targets.start + t..=targets.start + t]).collect(),
                boxes: &repeated
                    .iter()
                    .flat_map(|&t| &batch.boxes[4 * (targets.start + t)..][..4])
                    .copied()
                    .collect::<Vec<_>>(),
                offsets: &[0, repeated.len() as u32],
                matches: matches[group * each..][..each].iter().map(|&target| numbers(target)).collect(),
                num_boxes: 1.0,
                union: None,
                added,
            };
            let (x, b) = (&logits[first * width..][..each * width], &boxes[4 * first..][..4 * each]);
            let (found, best) = reference.matching_totals(0, 0, x, b);
            assert_close(found, best, 1e-5, "matching total");
        }
    }
}

/// Two layers of three queries, and a part of them.
fn refused(change: impl Fn(&mut Part<'_>), rule: Option<LayerRule<'_>>) -> Error {
    let (logits, boxes) = (vec![0.0; 2 * 3 * 5], vec![0.5; 2 * 3 * 4]);
    let layers = [Layer { logits: &logits, boxes: &boxes, corners: None }];
    let rules: Vec<_> = rule.into_iter().collect();
    let mut part = Part { rules: &rules, ..Part::plain(1, 3, 5) };
    change(&mut part);
    let targets = Targets::new(&[0, 1], &[0.5; 8], &[0, 2, 2]).expect("lengths fit");
    let run = || {
        let predictions = Predictions::of_parts(2, &layers, vec![part.clone()])?;
        let criterion = Criterion::new(Level::detect(), Config::detr(CLASSES))?;
        let (matches, scratch) = (&mut [0; 6], &mut Scratch::default());
        criterion.compute(&predictions, &targets, Normalizers::default(), &mut [], matches, scratch)
    };
    run().expect_err("it is refused")
}

#[test]
fn only_class_agnostic_parts_may_have_the_columns_of_the_first_class_alone() {
    for (classes, class_agnostic, fits) in
        [(5, false, true), (5, true, true), (2, true, true), (2, false, false), (1, true, false), (4, true, false)]
    {
        let (logits, boxes) = (vec![0.0; 3 * classes], vec![0.5; 3 * 4]);
        let layers = [Layer { logits: &logits, boxes: &boxes, corners: None }];
        let parts = vec![Part { class_agnostic, ..Part::plain(1, 3, classes) }];
        let predictions = Predictions::of_parts(1, &layers, parts).expect("lengths fit");
        let targets = Targets::new(&[3], &[0.5; 4], &[0, 1]).expect("lengths fit");
        let criterion = Criterion::new(Level::detect(), Config::detr(CLASSES)).expect("a valid configuration");
        let (matches, scratch) = (&mut [0; 3], &mut Scratch::default());
        match criterion.compute(&predictions, &targets, Normalizers::default(), &mut [], matches, scratch) {
            Ok(_) => assert!(fits, "{classes} columns"),
            Err(Error::Length { argument: "outputs.logits", expected: 5, .. }) => assert!(!fits, "{classes} columns"),
            Err(other) => panic!("{other}"),
        }
    }
}

#[test]
fn parts_that_do_not_fit_are_refused_with_the_rule_and_the_place() {
    let name = |error: Error| match error {
        Error::Option { name, .. } => name,
        other => panic!("{other}"),
    };
    assert_eq!(name(refused(|part| part.groups = 2, None)), "parts.groups");
    assert_eq!(name(refused(|part| part.groups = 0, None)), "parts.groups");
    assert_eq!(name(refused(|part| part.repeat = 0, None)), "parts.repeat");
    assert_eq!(name(refused(|part| part.divisor = 0.0, None)), "parts.divisor");
    assert_eq!(name(refused(|part| part.weight = f64::NAN, None)), "parts.weight");
    let weights = |ciou| Some(LossWeights { terms: Weights { ciou, ..Weights::default() }, ..LossWeights::default() });
    let edges = |fgl, ddf| Some(LossWeights { fgl, ddf, ..LossWeights::default() });
    assert_eq!(name(refused(|part| part.weights = edges(f64::NAN, 0.0), None)), "parts.weights.fgl");
    assert_eq!(name(refused(|part| part.weights = edges(0.0, -1.0), None)), "parts.weights.ddf");
    assert_eq!(name(refused(|part| part.weights = edges(0.0, 1.0), None)), "parts.weights.ddf", "softmax has none");
    assert_eq!(name(refused(|part| part.weights = weights(-1.0), None)), "parts.weights.ciou");
    assert_eq!(name(refused(|part| part.weights = weights(f64::INFINITY), None)), "parts.weights.ciou");
    assert_eq!(name(refused(|part| part.queries = 0..2, None)), "parts.queries");
    assert_eq!(name(refused(|part| part.queries = 1..4, None)), "parts.queries");
    assert_eq!(name(refused(|part| part.layers = 0..2, None)), "parts.layers");
    let of = |matching| Some(LayerRule { matching, cost: None });
    assert_eq!(name(refused(|_| (), of(Matching::Of(0)))), "parts.rules");
    assert_eq!(name(refused(|_| (), of(Matching::Of(7)))), "parts.rules");
    let error = refused(|_| (), of(Matching::Given(&[0, 1, -2, -1, 0, -1])));
    assert_eq!(error.to_string(), "outputs.matching: 0 at layer 0, image 1, query 1; the image has 0 targets");
    let error = refused(|_| (), of(Matching::Given(&[0, 1, -3, -1, -1, -1])));
    assert!(matches!(error, Error::Matching { value: -3, .. }), "{error}");
    assert!(matches!(refused(|_| (), of(Matching::Given(&[0]))), Error::Length { .. }));
    let cost = |cost| Some(LayerRule { matching: Matching::Optimal, cost: Some(cost) });
    let error = refused(|_| (), cost(&[0.0, 0.0, 0.0, f32::NAN, 0.0, 0.0]));
    assert_eq!(
        error.to_string(),
        "outputs.cost: NaN at layer 0, image 0, query 1, target 1; must be a number from -1e12 to 1e12"
    );
    assert!(matches!(refused(|_| (), cost(&[0.0; 5])), Error::Length { .. }));
}

/// The matching of two targets, each repeated, with three queries whose boxes are at those of the second target.
fn repeated(repeat: usize) -> (Vec<i32>, f64) {
    let (logits, boxes) = (vec![0.0; 3 * 5], [[0.7, 0.7, 0.2, 0.2]; 3].concat());
    let layers = [Layer { logits: &logits, boxes: &boxes, corners: None }];
    let parts = vec![Part { repeat, ..Part::plain(1, 3, 5) }];
    let predictions = Predictions::of_parts(1, &layers, parts).expect("lengths fit");
    let targets = Targets::new(&[0, 0], &[0.3, 0.3, 0.2, 0.2, 0.7, 0.7, 0.2, 0.2], &[0, 2]).expect("lengths fit");
    let criterion = Criterion::new(Level::detect(), Config::detr(CLASSES)).expect("a valid configuration");
    let (mut matches, scratch) = (vec![0; 3], &mut Scratch::default());
    let report = criterion
        .compute(&predictions, &targets, Normalizers::default(), &mut [], &mut matches, scratch)
        .expect("it is sound");
    (matches, report.layers[0].l1)
}

#[test]
fn targets_repeated_beyond_the_queries_take_no_more_memory_than_can_be_matched() {
    assert_eq!(repeated(1).0.iter().filter(|&&target| target >= 0).count(), 2);
    for repeat in [3, 4, 1 << 31, usize::MAX] {
        let (matches, l1) = repeated(repeat);
        assert_eq!(matches, [1, 1, 1], "every query has the nearest target");
        assert_close(l1, 0.0, 1e-6, "l1");
    }
}

#[test]
fn normalizers_are_refused_beyond_what_gradients_can_hold() {
    let (logits, boxes) = (vec![0.0; 5], vec![0.5; 4]);
    let layers = [Layer { logits: &logits, boxes: &boxes, corners: None }];
    let predictions = Predictions::of_parts(1, &layers, vec![Part::plain(1, 1, 5)]).expect("lengths fit");
    let targets = Targets::new(&[1], &[0.4; 4], &[0, 1]).expect("lengths fit");
    let criterion = Criterion::new(Level::detect(), Config::detr(CLASSES)).expect("a valid configuration");
    let compute = |value: f64| {
        let (mut x, mut b) = (vec![0.0; 5], vec![0.0; 4]);
        let gradients = &mut [LayerGradients { logits: &mut x, boxes: &mut b, corners: &mut [] }];
        let normalizers =
            Normalizers { num_boxes: Some(value), union_boxes: None, class_weight: Some(&[value]), distilled: None };
        let (matches, scratch) = (&mut [0], &mut Scratch::default());
        let report = criterion.compute(&predictions, &targets, normalizers, gradients, matches, scratch)?;
        assert!(report.loss.is_finite() && x.iter().chain(&b).all(|value| value.is_finite()), "finite with {value}");
        Ok(())
    };
    for value in [1e-12, 1.0, 1e24] {
        assert_eq!(compute(value), Ok(()));
    }
    for value in [5e-324, 1e-13, 1e25, 0.0, -1.0, f64::NAN, f64::INFINITY] {
        assert!(matches!(compute(value), Err(Error::Option { name: "call.numBoxes", .. })), "{value}");
    }
}
