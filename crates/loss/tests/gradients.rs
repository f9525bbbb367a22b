//! Gradients against central differences, and terms against the definition, in `f64`, over random configurations; and
//! the same bits however a batch is laid out.

mod reference;
mod support;

use hungarian_loss::{
    BoxFormat, Cardinality, ClassCost, Classification, Config, Criterion, Layer, LayerGradients, Level, NonFinite,
    Normalization, Normalizers, Predictions, Report, Scratch, Shape, Sigmoid, Softmax, Targets, Weights,
};
use proptest::prelude::*;
use reference::{Reference, Values};
use support::assert_close;

/// A batch with its configuration.
#[derive(Clone, Debug)]
struct Case {
    config: Config,
    shape: Shape,
    /// Logits and boxes of each layer.
    layers: Vec<(Vec<f32>, Vec<f32>)>,
    labels: Vec<i32>,
    /// `[targets + 1]`: where each target's labels lie.
    label_offsets: Vec<u32>,
    boxes: Vec<f32>,
    offsets: Vec<u32>,
}

/// What a call gives.
#[derive(Debug, PartialEq)]
struct Result {
    report: Report,
    matches: Vec<i32>,
    gradients: Vec<(Vec<f32>, Vec<f32>)>,
}

impl Case {
    fn run(&self, level: Level, normalizers: Normalizers<'_>) -> Result {
        let layers: Vec<_> = self.layers.iter().map(|(logits, boxes)| Layer { logits, boxes, corners: None }).collect();
        let mut gradients: Vec<_> =
            self.layers.iter().map(|(x, b)| (vec![f32::NAN; x.len()], vec![f32::NAN; b.len()])).collect();
        let mut places: Vec<_> =
            gradients.iter_mut().map(|(logits, boxes)| LayerGradients { logits, boxes, corners: &mut [] }).collect();
        let mut matches = vec![i32::MIN; self.layers.len() * self.shape.images * self.shape.queries];
        let report = Criterion::new(level, self.config.clone())
            .expect("a valid configuration")
            .compute(
                &Predictions::new(self.shape, &layers).expect("lengths fit"),
                &Targets::with_several_labels(&self.labels, &self.label_offsets, &self.boxes, &self.offsets)
                    .expect("lengths fit"),
                normalizers,
                &mut places,
                &mut matches,
                &mut Scratch::default(),
            )
            .expect("a valid batch");
        Result { report, matches, gradients }
    }

    fn targets(&self) -> usize {
        self.boxes.len() / 4
    }

    fn reference(&self, matches: &[i32]) -> Reference<'_> {
        Reference {
            config: &self.config,
            shape: self.shape,
            labels: self.label_offsets.windows(2).map(|w| &self.labels[w[0] as usize..w[1] as usize]).collect(),
            boxes: &self.boxes,
            offsets: &self.offsets,
            matches: matches.to_vec(),
            num_boxes: (self.targets() as f64).max(1.0),
            union: None,
            added: Vec::new(),
        }
    }

    /// One image of the batch, alone.
    fn image(&self, image: usize) -> Self {
        let (q, c) = (self.shape.queries, self.shape.classes);
        let range = self.offsets[image] as usize..self.offsets[image + 1] as usize;
        let label_offsets = &self.label_offsets[range.start..=range.end];
        let (first, last) = (label_offsets[0], label_offsets[range.len()]);
        Self {
            config: self.config.clone(),
            shape: Shape { images: 1, ..self.shape },
            layers: self
                .layers
                .iter()
                .map(|(x, b)| (x[image * q * c..][..q * c].to_vec(), b[image * q * 4..][..q * 4].to_vec()))
                .collect(),
            labels: self.labels[first as usize..last as usize].to_vec(),
            label_offsets: label_offsets.iter().map(|offset| offset - first).collect(),
            boxes: self.boxes[4 * range.start..4 * range.end].to_vec(),
            offsets: vec![0, range.len() as u32],
        }
    }
}

fn softmax(classes: usize) -> impl Strategy<Value = Classification> {
    let switches = (any::<bool>(), any::<bool>(), any::<bool>());
    let class_weights = prop::collection::vec(0.1..3.0, classes);
    (0..=classes, prop_oneof![0.0..1.0, Just(0.0)], class_weights, switches).prop_map(
        move |(place, no_object_weight, class_weights, (by_boxes, weighted, last))| {
            Classification::Softmax(Softmax {
                no_object_index: if last { classes } else { place },
                no_object_weight,
                class_weights: Some(class_weights).filter(|_| weighted),
                normalization: if by_boxes { Normalization::NumBoxes } else { Normalization::WeightedMean },
                allow_no_object_labels: false,
            })
        },
    )
}

fn gamma() -> impl Strategy<Value = f64> {
    prop_oneof![Just(2.0), Just(0.0), 0.0..4.0]
}

fn sigmoid() -> impl Strategy<Value = Classification> {
    (0..4, 0.0..1.0, gamma(), any::<bool>(), 0.0..0.3).prop_map(|(kind, alpha, gamma, detach_weights, min_quality)| {
        Classification::Sigmoid(match kind {
            0 => Sigmoid::Focal { alpha, gamma },
            1 => Sigmoid::Varifocal { alpha, gamma, detach_weights },
            2 => Sigmoid::Mal { alpha, gamma, detach_weights },
            _ => Sigmoid::IaBce { alpha, gamma, min_quality },
        })
    })
}

fn class_cost() -> impl Strategy<Value = ClassCost> {
    (0..3, 0.0..1.0, gamma()).prop_map(|(form, alpha, gamma)| match form {
        0 => ClassCost::Probability,
        1 => ClassCost::Focal { alpha, gamma },
        _ => ClassCost::LogSigmoid { alpha, gamma },
    })
}

/// Each term with a weight or without.
fn weights() -> impl Strategy<Value = Weights> {
    let weight = |largest: f64| prop_oneof![3 => 0.0..largest, 1 => Just(0.0)];
    let rare = || prop_oneof![0.0..3.0, Just(0.0)];
    (weight(3.0), weight(6.0), weight(3.0), rare(), rare(), rare())
        .prop_map(|(class, l1, giou, iou, diou, ciou)| Weights { class, l1, giou, iou, diou, ciou })
}

fn configs() -> impl Strategy<Value = Config> {
    let epsilon = prop_oneof![Just(0.0), Just(1e-6), 0.0..0.1];
    let cardinality = prop_oneof![Just(Cardinality::Threshold), Just(Cardinality::Published)];
    (1usize..20, any::<bool>(), class_cost(), weights(), weights(), any::<bool>(), epsilon, cardinality).prop_flat_map(
        |(classes, is_softmax, cost_class, cost, weights, xyxy, box_epsilon, cardinality)| {
            let kind = if is_softmax { softmax(classes).boxed() } else { sigmoid().boxed() };
            kind.prop_map(move |classification| Config {
                cost_class: if is_softmax { ClassCost::Probability } else { cost_class },
                classification,
                cost,
                weights,
                box_format: if xyxy { BoxFormat::Xyxy } else { BoxFormat::Cxcywh },
                box_epsilon,
                cardinality,
                normalized_boxes: false,
                ..Config::detr(classes)
            })
        },
    )
}

fn cases() -> impl Strategy<Value = Case> {
    (configs(), 1usize..4, 1usize..20, 1usize..3, prop::collection::vec(0u32..7, 1..4)).prop_flat_map(
        |(config, _, queries, layers, counts)| {
            let images = counts.len();
            let classes = config.logits_width();
            let targets = counts.iter().sum::<u32>() as usize;
            let numbers = layers * images * queries * (classes + 4) + targets * 6;
            prop::collection::vec(0.0f32..1.0, numbers).prop_map(move |numbers| {
                let mut numbers = numbers.into_iter();
                let mut take = |n: usize| numbers.by_ref().take(n).collect::<Vec<_>>();
                let format = config.box_format;
                let as_boxes = |values: Vec<f32>| -> Vec<f32> {
                    let size = |v: f32| 0.05 + 0.5 * v;
                    let chunks = values.chunks_exact(4);
                    let boxes = chunks.map(|v| match format {
                        BoxFormat::Cxcywh => [v[0], v[1], size(v[2]), size(v[3])],
                        BoxFormat::Xyxy => [v[0], v[1], v[0] + size(v[2]), v[1] + size(v[3])],
                    });
                    boxes.flatten().collect()
                };
                let no_object = match &config.classification {
                    Classification::Softmax(softmax) => Some(softmax.no_object_index),
                    Classification::Sigmoid(_) => None,
                };
                // one label each, or up to three where several are allowed
                let labels_of = |place: f32, number: f32| -> Vec<i32> {
                    let first = (place * config.num_classes as f32) as usize;
                    match no_object {
                        Some(k) => vec![(if first < k { first } else { first + 1 }) as i32],
                        None => {
                            let count = 1 + (number * 3.0) as usize;
                            (0..count.min(classes)).map(|i| ((first + i) % classes) as i32).collect()
                        }
                    }
                };
                let layers = (0..layers)
                    .map(|_| {
                        let logits = take(images * queries * classes).iter().map(|v| 8.0 * v - 4.0).collect();
                        (logits, as_boxes(take(images * queries * 4)))
                    })
                    .collect();
                let (places, counts_of_labels) = (take(targets), take(targets));
                let labels: Vec<_> = places.iter().zip(counts_of_labels).map(|(&p, n)| labels_of(p, n)).collect();
                Case {
                    shape: Shape { images, queries, classes },
                    layers,
                    label_offsets: running_sum(labels.iter().map(|labels| labels.len() as u32)),
                    labels: labels.concat(),
                    boxes: as_boxes(take(targets * 4)),
                    offsets: running_sum(counts.iter().copied()),
                    config: config.clone(),
                }
            })
        },
    )
}

/// 0, and the sum after each number.
fn running_sum(numbers: impl Iterator<Item = u32>) -> Vec<u32> {
    let sums = numbers.scan(0, |sum, n| {
        *sum += n;
        Some(*sum)
    });
    std::iter::once(0).chain(sums).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn terms_follow_the_definition_and_gradients_the_central_differences(case in cases()) {
        let result = case.run(Level::detect(), Normalizers::default());
        let reference = case.reference(&result.matches);
        let wide: Vec<(Vec<f64>, Vec<f64>)> = case
            .layers
            .iter()
            .map(|(x, b)| (x.iter().map(|&v| f64::from(v)).collect(), b.iter().map(|&v| f64::from(v)).collect()))
            .collect();
        let mut loss = 0.0;
        for (layer, (logits, boxes)) in wide.iter().enumerate() {
            let fixed = Values { logits, boxes };
            let terms = reference.layer(layer, fixed, fixed);
            let found = &result.report.layers[layer];
            assert_close(found.class, terms.class, 1e-6, "class");
            assert_close(found.l1, terms.l1, 1e-6, "l1");
            assert_close(found.giou, terms.giou, 1e-6, "giou");
            assert_close(found.iou, terms.iou, 1e-6, "iou");
            assert_close(found.diou, terms.diou, 1e-6, "diou");
            assert_close(found.ciou, terms.ciou, 1e-6, "ciou");
            assert_close(found.class_weight, terms.class_weight, 1e-12, "class weight");
            prop_assert_eq!(found.class_error.is_nan(), terms.class_error.is_nan());
            prop_assert!(found.class_error.is_nan() || (found.class_error - terms.class_error).abs() < 1e-9);
            assert_close(found.cardinality_error, terms.cardinality_error, 1e-12, "cardinality error");
            loss += reference.total(&terms);
            // a few components of each gradient
            const STEP: f64 = 1e-6;
            for (which, (values, gradient)) in
                [(logits, &result.gradients[layer].0), (boxes, &result.gradients[layer].1)].into_iter().enumerate()
            {
                for at in (0..values.len()).step_by(values.len() / 12 + 1) {
                    let shifted = |by: f64| {
                        let mut values = values.clone();
                        values[at] += by;
                        let values = if which == 0 {
                            Values { logits: &values, boxes }
                        } else {
                            Values { logits, boxes: &values }
                        };
                        reference.total(&reference.layer(layer, values, fixed))
                    };
                    let difference = (shifted(STEP) - shifted(-STEP)) / (2.0 * STEP);
                    assert_close(f64::from(gradient[at]), difference, 3e-6, "gradient");
                }
            }
        }
        assert_close(result.report.loss, loss, 1e-6, "loss");
    }

    #[test]
    fn matches_cost_the_least(case in cases()) {
        let result = case.run(Level::detect(), Normalizers::default());
        let reference = case.reference(&result.matches);
        for (layer, (logits, boxes)) in case.layers.iter().enumerate() {
            for image in 0..case.shape.images {
                let (found, best) = reference.matching_totals(layer, image, logits, boxes);
                assert_close(found, best, 1e-5, "matching total");
            }
        }
    }

    #[test]
    fn every_level_gives_the_same_bits(case in cases()) {
        let mut results = Level::available().into_iter().map(|level| case.run(level, Normalizers::default()));
        let first = results.next().expect("a level");
        for other in results {
            // compared as text, since NaN is not equal to itself
            prop_assert_eq!(format!("{first:?}"), format!("{other:?}"));
        }
    }

    #[test]
    fn images_alone_give_the_bits_of_the_whole_batch(case in cases()) {
        let whole = case.run(Level::detect(), Normalizers::default());
        let weights: Vec<f64> = whole.report.layers.iter().map(|layer| layer.class_weight).collect();
        prop_assume!(weights.iter().all(|&w| w > 0.0));
        let normalizers = Normalizers {
            num_boxes: Some(whole.report.num_boxes),
            class_weight: Some(&weights),
            ..Normalizers::default()
        };
        let given = case.run(Level::detect(), normalizers);
        prop_assert_eq!(&given.gradients, &whole.gradients, "nor does it matter whether they are given");
        let (q, c) = (case.shape.queries, case.shape.classes);
        for image in 0..case.shape.images {
            let alone = case.image(image).run(Level::detect(), normalizers);
            for layer in 0..case.layers.len() {
                let (logits, boxes) = &whole.gradients[layer];
                prop_assert_eq!(&alone.gradients[layer].0[..], &logits[image * q * c..][..q * c]);
                prop_assert_eq!(&alone.gradients[layer].1[..], &boxes[image * q * 4..][..q * 4]);
                let first = (layer * case.shape.images + image) * q;
                prop_assert_eq!(&alone.matches[layer * q..][..q], &whole.matches[first..][..q]);
            }
        }
    }

    #[test]
    fn queries_that_are_not_finite_are_left_out_and_counted(case in cases(), at in 0.0..1.0, bad in 0..3) {
        let mut case = case;
        case.config.non_finite = NonFinite::Worst;
        let (q, c) = (case.shape.queries, case.shape.classes);
        let query = (at * (case.shape.images * q) as f64) as usize;
        let image = query / q;
        let value = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY][bad as usize];
        case.layers[0].0[query * c] = value;
        case.layers[0].1[query * 4 + 1] = value;
        let result = case.run(Level::detect(), Normalizers::default());
        let targets = (case.offsets[image + 1] - case.offsets[image]) as usize;
        let counts = result.report.non_finite;
        prop_assert_eq!((counts.logits, counts.boxes, counts.costs), (1, 1, targets));
        prop_assert!(result.report.loss.is_finite());
        for (logits, boxes) in &result.gradients {
            prop_assert!(logits.iter().chain(boxes).all(|g| g.is_finite()));
        }
        prop_assert!(result.gradients[0].0[query * c..][..c].iter().all(|&g| g == 0.0));
        prop_assert!(result.gradients[0].1[query * 4..][..4].iter().all(|&g| g == 0.0));
        // such a query is matched only where targets leave no choice
        let matched = result.matches[query] >= 0;
        prop_assert!(!matched || targets >= q);
    }
}
