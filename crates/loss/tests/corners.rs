//! The terms of edges' distributions within a step: by their definition, against central differences, with equal bits
//! at every level, and of what is not finite none.

#[path = "reference/edges.rs"]
mod edges;
mod support;

use std::ops::Range;

use edges::Edges;
use hungarian_loss::{
    BoxFormat, BoxRule, ClassCost, Classification, Config, Corners, Criterion, Distribution, Error, Layer,
    LayerGradients, LayerRule, Level, LossWeights, Matching, NonFinite, Normalizers, Part, Predictions, QueryPlace,
    Report, Result, Scratch, Sigmoid, Targets, Weights,
};
use proptest::prelude::*;
use support::{Numbers, assert_close};

const CLASSES: usize = 3;

fn boxes(numbers: &mut Numbers, n: usize, format: BoxFormat) -> Vec<f32> {
    let mut boxes = numbers.boxes(n);
    if format == BoxFormat::Xyxy {
        boxes.chunks_exact_mut(4).for_each(|b| (b[2], b[3]) = (b[0] + b[2], b[1] + b[3]));
    }
    boxes
}

/// A step: decoder layers whose tensors hold denoising queries first, and proposals without distributions.
#[derive(Clone, Debug)]
struct Case {
    seed: u64,
    config: Config,
    counts: Vec<u32>,
    queries: usize,
    noisy: usize,
    layers: usize,
    /// Whether the first of several layers has no distributions.
    plain_first: bool,
    union: bool,
    ignoring: bool,
    weights: [f64; 2],
    /// Weights of localisation and distillation that the denoising queries have for themselves.
    own: Option<[f64; 2]>,
}

fn cases() -> impl Strategy<Value = Case> {
    let bins = (2usize..7, 0.2..1.5, 1.0..6.0, 1.0..6.0);
    let weight = || prop_oneof![3 => 0.1..2.0, 1 => Just(0.0)];
    let config =
        (bins, weight(), weight(), any::<bool>()).prop_map(|((half, up, reg_scale, temperature), fgl, ddf, xyxy)| {
            Config {
                classification: Classification::Sigmoid(Sigmoid::Varifocal {
                    alpha: 0.75,
                    gamma: 2.0,
                    detach_weights: true,
                }),
                cost_class: ClassCost::Focal { alpha: 0.25, gamma: 2.0 },
                weights: Weights { class: 1.0, l1: 5.0, giou: 2.0, ..Weights::default() },
                box_format: if xyxy { BoxFormat::Xyxy } else { BoxFormat::Cxcywh },
                normalized_boxes: false,
                distribution: Distribution { reg_max: 2 * half, up, reg_scale, temperature, fgl, ddf },
                ..Config::detr(CLASSES)
            }
        });
    let sizes = (1usize..5, 0usize..4, 1usize..4);
    let counts = prop::collection::vec(0u32..4, 1..4);
    let own = prop::option::of([weight(), weight()]);
    (any::<u64>(), config, counts, sizes, any::<[bool; 3]>(), [0.1..2.0, 0.1..2.0], own).prop_map(
        |(seed, config, counts, (queries, noisy, layers), [plain_first, union, ignoring], weights, own)| Case {
            seed,
            config,
            counts,
            queries,
            noisy,
            layers,
            plain_first,
            union,
            ignoring,
            weights,
            own,
        },
    )
}

struct Tensors {
    logits: Vec<f32>,
    boxes: Vec<f32>,
    corners: Vec<f32>,
    references: Vec<f32>,
}

struct Batch {
    tensors: Vec<Tensors>,
    labels: Vec<i32>,
    boxes: Vec<f32>,
    offsets: Vec<u32>,
    ignores: Vec<u8>,
    /// Matching of the denoising queries.
    given: Vec<i32>,
}

#[derive(Debug)]
struct Outcome {
    report: Report,
    matches: Vec<i32>,
    /// By logits, boxes and corners of each layer.
    gradients: Vec<[Vec<f32>; 3]>,
}

impl Case {
    fn images(&self) -> usize {
        self.counts.len()
    }

    /// Logits of the four edges of a query.
    fn width(&self) -> usize {
        4 * (self.config.distribution.reg_max + 1)
    }

    fn batch(&self) -> Batch {
        let mut numbers = Numbers(self.seed);
        let format = self.config.box_format;
        let total = self.counts.iter().sum::<u32>() as usize;
        let tensors = (0..=self.layers).map(|layer| {
            let proposals = layer == self.layers;
            let rows = self.images() * if proposals { self.queries } else { self.noisy + self.queries };
            let plain = proposals || self.plain_first && layer == 0 && self.layers > 1;
            let edges = if plain { 0 } else { rows };
            Tensors {
                logits: numbers.logits(rows * CLASSES),
                boxes: boxes(&mut numbers, rows, format),
                corners: numbers.logits(edges * self.width()),
                references: boxes(&mut numbers, edges, format),
            }
        });
        let tensors = tensors.collect();
        let offsets = std::iter::once(0).chain(self.counts.iter().scan(0, |sum, n| {
            *sum += n;
            Some(*sum)
        }));
        Batch {
            tensors,
            labels: (0..total).map(|_| numbers.below(CLASSES) as i32).collect(),
            boxes: boxes(&mut numbers, total, format),
            offsets: offsets.collect(),
            ignores: if self.ignoring { (0..total).map(|_| numbers.below(2) as u8).collect() } else { Vec::new() },
            given: self
                .counts
                .iter()
                .flat_map(|&n| (0..self.noisy).map(|_| numbers.below(n as usize + 2) as i32 - 2).collect::<Vec<_>>())
                .collect(),
        }
    }

    /// The main part, the proposals and the denoising queries; `rules` of the last.
    fn parts<'a>(&self, rules: &'a [LayerRule<'a>]) -> Vec<Part<'a>> {
        let rows = self.noisy + self.queries;
        let main = Part {
            queries: self.noisy..rows,
            union: self.union,
            weight: self.weights[0],
            ..Part::plain(self.layers, rows, CLASSES)
        };
        let proposals =
            Part { layers: self.layers..self.layers + 1, union: self.union, ..Part::plain(0, self.queries, CLASSES) };
        let noisy = Part {
            queries: 0..self.noisy,
            rules,
            divisor: 3.0,
            weight: self.weights[1],
            weights: self.own.map(|[fgl, ddf]| LossWeights { terms: self.config.weights, fgl, ddf }),
            ..Part::plain(self.layers, rows, CLASSES)
        };
        vec![main, proposals, noisy]
    }

    fn run(&self, batch: &Batch, level: Level, with_corners: bool) -> Result<Outcome> {
        let layers: Vec<_> = batch
            .tensors
            .iter()
            .map(|Tensors { logits, boxes, corners, references }| {
                let has_any = with_corners && !corners.is_empty();
                Layer { logits, boxes, corners: has_any.then_some(Corners { logits: corners, references }) }
            })
            .collect();
        let rules = vec![LayerRule { matching: Matching::Given(&batch.given), cost: None }; self.layers];
        let predictions = Predictions::of_parts(self.images(), &layers, self.parts(&rules))?;
        let blank = |length: usize| vec![f32::NAN; length];
        let mut gradients: Vec<_> = batch
            .tensors
            .iter()
            .map(|t| [t.logits.len(), t.boxes.len(), if with_corners { t.corners.len() } else { 0 }].map(blank))
            .collect();
        let mut places: Vec<_> =
            gradients.iter_mut().map(|[logits, boxes, corners]| LayerGradients { logits, boxes, corners }).collect();
        let mut matches = vec![i32::MIN; predictions.reported_queries()];
        let targets = Targets::new(&batch.labels, &batch.boxes, &batch.offsets)?.ignoring(&batch.ignores)?;
        let report = Criterion::new(level, self.config.clone())?.compute(
            &predictions,
            &targets,
            Normalizers::default(),
            &mut places,
            &mut matches,
            &mut Scratch::default(),
        )?;
        Ok(Outcome { report, matches, gradients })
    }

    /// Localisation and distillation of one layer's queries `range`, for given logits of its edges.
    fn definition(&self, batch: &Batch, found: &Outcome, slot: &Slot, corners: &[f64]) -> [f64; 2] {
        let Distribution { reg_max, up, reg_scale, temperature, .. } = self.config.distribution;
        let edges = Edges::new(reg_max, up, reg_scale);
        let rows = self.noisy + self.queries;
        let tensors = &batch.tensors[slot.layer];
        let teacher = &batch.tensors[self.layers - 1];
        let teacher_corners: Vec<f64> = teacher.corners.iter().map(|&v| f64::from(v)).collect();
        let (mut localization, mut means, mut numbers) = (0.0, [0.0; 2], [0.0; 2]);
        for image in 0..self.images() {
            for (place, query) in slot.queries.clone().enumerate() {
                let row = image * rows + query;
                let at = image * slot.queries.len() + place;
                let logits = &corners[row * self.width()..][..self.width()];
                let distillation =
                    edges.distillation(logits, &teacher_corners[row * self.width()..][..self.width()], temperature);
                if let Ok(target) = usize::try_from(slot.pairs[at]) {
                    let target = center(self.config.box_format, &batch.boxes, batch.offsets[image] as usize + target);
                    let iou = iou(center(self.config.box_format, &tensors.boxes, row), target);
                    let reference = center(self.config.box_format, &tensors.references, row);
                    localization += iou * edges.localization(logits, reference, target);
                    means[0] += iou * distillation;
                    numbers[0] += 4.0;
                } else if found.matches[slot.matches.start + at] != -2 {
                    let x = &teacher.logits[row * CLASSES..][..CLASSES];
                    let max = x.iter().fold(f32::NEG_INFINITY, |a, &b| a.max(b));
                    means[1] += distillation / (1.0 + f64::from(-max).exp());
                    numbers[1] += 4.0;
                }
            }
        }
        let roots = slot.numbers.unwrap_or(numbers).map(f64::sqrt);
        let mixed: f64 = (0..2).filter(|&k| numbers[k] > 0.0).map(|k| roots[k] * means[k] / numbers[k]).sum();
        let is_taught = slot.layer + 1 < self.layers && slot.terms[1] > 0.0 && mixed > 0.0;
        [localization / slot.divisor, if is_taught { mixed / (roots[0] + roots[1]) } else { 0.0 }]
    }

    /// Edges of the pairs, and of the other queries, in a slot's distillation.
    fn numbers(&self, found: &Outcome, slot: &Slot) -> [f64; 2] {
        let own = &found.matches[slot.matches.clone()];
        let count = |paired: bool| {
            let counts = |&(&pair, &own): &(&i32, &i32)| if paired { pair >= 0 } else { pair < 0 && own != -2 };
            4.0 * slot.pairs.iter().zip(own).filter(counts).count() as f64
        };
        [count(true), count(false)]
    }

    /// All layers with distributions, those of the main part first.
    fn slots(&self, batch: &Batch, found: &Outcome) -> Vec<Slot> {
        let (images, rows) = (self.images(), self.noisy + self.queries);
        let kept = batch.labels.len() - batch.ignores.iter().filter(|&&ignore| ignore == 1).count();
        let num_boxes = (kept as f64).max(1.0);
        let length = images * self.queries;
        let union = (0..length).map(|at| {
            let offered: Vec<i32> = (0..=self.layers).map(|layer| found.matches[layer * length + at]).collect();
            let count = |target: i32| offered.iter().filter(|&&other| other == target).count();
            (0..4).filter(|&target| count(target) > 0).max_by_key(|&target| (count(target), -target)).unwrap_or(-1)
        });
        let union: Vec<i32> = union.collect();
        let union_boxes = (union.iter().filter(|&&target| target >= 0).count() as f64).max(1.0);
        let usual = [self.config.distribution.fgl, self.config.distribution.ddf];
        let mut slots = Vec::new();
        let mut numbers = None;
        for layer in 0..self.layers {
            let matches = layer * length..(layer + 1) * length;
            let (pairs, divisor) = match self.union {
                true => (union.clone(), union_boxes),
                false => (found.matches[matches.clone()].to_vec(), num_boxes),
            };
            let queries = self.noisy..rows;
            let (weight, terms) = (self.weights[0], usual);
            let slot = Slot { report: layer, layer, queries, matches, pairs, divisor, weight, terms, numbers: None };
            if !batch.tensors[layer].corners.is_empty() {
                numbers = if layer + 1 < self.layers { Some(self.numbers(found, &slot)) } else { numbers };
                slots.push(slot);
            }
        }
        for layer in (0..self.layers).filter(|&layer| !batch.tensors[layer].corners.is_empty()) {
            let noisy = images * self.noisy;
            let first = (self.layers + 1) * length + layer * noisy;
            slots.push(Slot {
                report: self.layers + 1 + layer,
                layer,
                queries: 0..self.noisy,
                matches: first..first + noisy,
                pairs: found.matches[first..first + noisy].to_vec(),
                divisor: 3.0 * num_boxes,
                weight: self.weights[1],
                terms: self.own.unwrap_or(usual),
                numbers,
            });
        }
        slots
    }
}

/// One layer of a part, which has distributions.
struct Slot {
    /// Among those that are reported.
    report: usize,
    layer: usize,
    queries: Range<usize>,
    matches: Range<usize>,
    /// What the box terms use.
    pairs: Vec<i32>,
    divisor: f64,
    weight: f64,
    /// Weights of localisation and distillation.
    terms: [f64; 2],
    /// What distillation is mixed by, where not by its own numbers.
    numbers: Option<[f64; 2]>,
}

/// A box as centre and size.
fn center(format: BoxFormat, boxes: &[f32], row: usize) -> [f64; 4] {
    let b: [f64; 4] = std::array::from_fn(|k| f64::from(boxes[4 * row + k]));
    match format {
        BoxFormat::Cxcywh => b,
        BoxFormat::Xyxy => [(b[0] + b[2]) / 2.0, (b[1] + b[3]) / 2.0, b[2] - b[0], b[3] - b[1]],
    }
}

fn iou(p: [f64; 4], t: [f64; 4]) -> f64 {
    let end = |b: [f64; 4], k: usize, sign: f64| b[k] + sign * b[k + 2] / 2.0;
    let side = |k| (end(p, k, 1.0).min(end(t, k, 1.0)) - end(p, k, -1.0).max(end(t, k, -1.0))).max(0.0);
    let overlap = side(0) * side(1);
    overlap / (p[2] * p[3] + t[2] * t[3] - overlap)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn terms_follow_the_definition_and_gradients_the_central_differences(case in cases()) {
        let batch = case.batch();
        let found = case.run(&batch, Level::detect(), true).expect("a valid batch");
        let slots = case.slots(&batch, &found);
        let mut loss = 0.0;
        for slot in &slots {
            let (terms, [fgl, ddf]) = (&found.report.layers[slot.report], slot.terms);
            let corners: Vec<f64> = batch.tensors[slot.layer].corners.iter().map(|&v| f64::from(v)).collect();
            let [localization, distillation] = case.definition(&batch, &found, slot, &corners);
            assert_close(terms.fgl, localization, 1e-6, "fgl");
            assert_close(terms.ddf, distillation, 2e-6, "ddf");
            loss += slot.weight * (fgl * terms.fgl + ddf * terms.ddf);
            let (rows, width) = (case.noisy + case.queries, case.width());
            for image in 0..case.images() {
                let [start, end] = [slot.queries.start, slot.queries.end].map(|query| (image * rows + query) * width);
                for at in (start..end).step_by(width * slot.queries.len() / 6 + 1) {
                    let total = |by: f64| {
                        let mut corners = corners.clone();
                        corners[at] += by;
                        let [localization, distillation] = case.definition(&batch, &found, slot, &corners);
                        slot.weight * (fgl * localization + ddf * distillation)
                    };
                    let difference = (total(1e-5) - total(-1e-5)) / 2e-5;
                    assert_close(f64::from(found.gradients[slot.layer][2][at]), difference, 3e-6, "gradient");
                }
            }
        }
        // everything else is as without distributions
        let plain = case.run(&batch, Level::detect(), false).expect("a valid batch");
        assert_close(found.report.loss, plain.report.loss + loss, 1e-12, "loss");
        prop_assert_eq!(found.matches, plain.matches);
        for (found, plain) in found.gradients.iter().zip(&plain.gradients) {
            prop_assert_eq!(&found[..2], &plain[..2]);
        }
        let reported: Vec<_> = slots.iter().map(|slot| slot.report).collect();
        for (layer, terms) in found.report.layers.iter().enumerate() {
            prop_assert!(reported.contains(&layer) || terms.fgl == 0.0 && terms.ddf == 0.0);
        }
    }

    #[test]
    fn every_level_gives_the_same_bits(case in cases()) {
        let batch = case.batch();
        let run = |level| format!("{:?}", case.run(&batch, level, true).expect("a valid batch"));
        let all: Vec<_> = Level::available().into_iter().map(run).collect();
        prop_assert!(all.windows(2).all(|pair| pair[0] == pair[1]));
    }

    #[test]
    fn queries_that_are_not_finite_have_no_part(
        case in cases(),
        at in 0.0..1.0,
        tensor in 0usize..4,
        last in any::<bool>(),
    ) {
        let mut case = Case { plain_first: false, ..case };
        case.config.non_finite = NonFinite::Worst;
        if last {
            // what such a query teaches others shows without localisation
            case.config.distribution.fgl = 0.0;
            case.own = case.own.map(|[_, ddf]| [0.0, ddf]);
        }
        let mut batch = case.batch();
        let layer = if last { case.layers - 1 } else { 0 };
        let rows = case.images() * (case.noisy + case.queries);
        let row = (at * rows as f64) as usize;
        let tensors = &mut batch.tensors[layer];
        let values = [&mut tensors.logits, &mut tensors.boxes, &mut tensors.corners, &mut tensors.references];
        let values = values.into_iter().nth(tensor).expect("one of four");
        let width = values.len() / rows;
        values[row * width + 1] = f32::NAN;
        let Outcome { report, gradients, .. } = case.run(&batch, Level::detect(), true).expect("it is left out");
        let counts = report.non_finite;
        let found = [counts.logits, counts.boxes, counts.corners, counts.references];
        prop_assert_eq!(found, [0, 1, 2, 3].map(|k| usize::from(k == tensor)));
        prop_assert!(report.loss.is_finite());
        prop_assert!(gradients.iter().flatten().flatten().all(|value| value.is_finite()));
        for gradients in &gradients[if last { 0..case.layers } else { 0..1 }] {
            prop_assert!(gradients[2][row * case.width()..][..case.width()].iter().all(|&value| value == 0.0));
        }
    }
}

/// One image, two layers of two queries, with one value replaced.
fn refused(change: impl Fn(&mut Case, &mut Batch)) -> Error {
    let config = Config {
        distribution: Distribution { reg_max: 4, fgl: 0.15, ddf: 1.5, ..Distribution::default() },
        ..Config::deformable_detr(CLASSES)
    };
    let mut case = Case {
        seed: 1,
        config,
        counts: vec![1],
        queries: 2,
        noisy: 0,
        layers: 2,
        plain_first: false,
        union: false,
        ignoring: false,
        weights: [1.0; 2],
        own: None,
    };
    case.config.normalized_boxes = false;
    let mut batch = case.batch();
    change(&mut case, &mut batch);
    case.run(&batch, Level::detect(), true).expect_err("it is refused")
}

#[test]
fn what_is_not_finite_or_does_not_fit_is_refused_with_the_rule_and_the_place() {
    let place = QueryPlace { part: "outputs", layer: 1, image: 0, query: 1 };
    let error = refused(|_, batch| batch.tensors[1].corners[20 + 7] = f32::NEG_INFINITY);
    assert_eq!(error, Error::CornerNotFinite { place, edge: 1, bin: 2, value: f32::NEG_INFINITY });
    assert_eq!(
        error.to_string(),
        "outputs.corners: -Infinity at layer 1, image 0, query 1, edge 1, bin 2; must be finite"
    );
    let error = refused(|_, batch| batch.tensors[1].references[6] = f32::NAN);
    assert!(matches!(error, Error::BoxNotFinite { tensor: "references", component: 2, .. }), "{error}");
    let error = refused(|_, batch| batch.tensors[1].references[7] = -0.5);
    let rule = BoxRule::Extent;
    assert_eq!(error, Error::Box { place, tensor: "references", component: 3, value: -0.5, rule });
    let length = |error: Error| match error {
        Error::Length { argument, expected, actual, .. } => (argument, expected, actual),
        other => panic!("{other}"),
    };
    assert_eq!(length(refused(|_, batch| batch.tensors[0].corners.truncate(39))), ("outputs.corners", 40, 39));
    assert_eq!(length(refused(|_, batch| batch.tensors[0].references.truncate(7))), ("outputs.references", 8, 7));
    assert_eq!(length(refused(|case, _| case.config.distribution.reg_max = 6)), ("outputs.corners", 56, 40));
    assert_eq!(length(refused(|_, batch| batch.tensors[1].corners.clear())), ("outputs.corners", 40, 0));
    let name = |error: Error| match error {
        Error::Option { name, .. } => name,
        other => panic!("{other}"),
    };
    assert_eq!(name(refused(|case, _| case.config.distribution.reg_max = 5)), "options.distribution.regMax");
    assert_eq!(name(refused(|case, _| case.config.distribution.temperature = 0.0)), "options.distribution.temperature");
    assert_eq!(name(refused(|case, _| case.config.distribution.fgl = -1.0)), "options.weights.fgl");
    assert_eq!(name(refused(|case, _| case.config.distribution.ddf = f64::NAN)), "options.weights.ddf");
    let softmax = |case: &mut Case, _: &mut Batch| {
        case.config = Config { distribution: case.config.distribution, ..Config::detr(CLASSES) };
    };
    assert_eq!(name(refused(softmax)), "options.weights.ddf");
}
