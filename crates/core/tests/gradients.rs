//! Gradients against central differences, and terms against the definition, in `f64`, over random configurations; and
//! the same bits however a batch is laid out.

mod reference;

use hungarian_loss::{
    BoxFormat, Config, Criterion, Layer, LayerGradients, Level, NonFinite, Normalization, Normalizers, Predictions,
    Report, Scratch, Shape, Targets, Weights,
};
use proptest::prelude::*;
use reference::Reference;

/// A batch with its configuration.
#[derive(Clone, Debug)]
struct Case {
    config: Config,
    shape: Shape,
    /// Logits and boxes of each layer.
    layers: Vec<(Vec<f32>, Vec<f32>)>,
    labels: Vec<i32>,
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
        let layers: Vec<_> = self.layers.iter().map(|(logits, boxes)| Layer { logits, boxes }).collect();
        let mut gradients: Vec<_> =
            self.layers.iter().map(|(x, b)| (vec![f32::NAN; x.len()], vec![f32::NAN; b.len()])).collect();
        let mut places: Vec<_> = gradients.iter_mut().map(|(logits, boxes)| LayerGradients { logits, boxes }).collect();
        let mut matches = vec![i32::MIN; self.layers.len() * self.shape.images * self.shape.queries];
        let report = Criterion::new(level, self.config.clone())
            .expect("a valid configuration")
            .compute(
                &Predictions::new(self.shape, &layers).expect("lengths fit"),
                &Targets::new(&self.labels, &self.boxes, &self.offsets).expect("lengths fit"),
                normalizers,
                &mut places,
                &mut matches,
                &mut Scratch::default(),
            )
            .expect("a valid batch");
        Result { report, matches, gradients }
    }

    fn reference(&self, matches: &[i32]) -> Reference<'_> {
        Reference {
            config: &self.config,
            shape: self.shape,
            labels: &self.labels,
            boxes: &self.boxes,
            offsets: &self.offsets,
            matches: matches.to_vec(),
            num_boxes: (self.labels.len() as f64).max(1.0),
            union: None,
            added: Vec::new(),
        }
    }

    /// One image of the batch, alone.
    fn image(&self, image: usize) -> Self {
        let (q, c) = (self.shape.queries, self.shape.classes);
        let range = self.offsets[image] as usize..self.offsets[image + 1] as usize;
        Self {
            config: self.config.clone(),
            shape: Shape { images: 1, ..self.shape },
            layers: self
                .layers
                .iter()
                .map(|(x, b)| (x[image * q * c..][..q * c].to_vec(), b[image * q * 4..][..q * 4].to_vec()))
                .collect(),
            labels: self.labels[range.clone()].to_vec(),
            boxes: self.boxes[4 * range.start..4 * range.end].to_vec(),
            offsets: vec![0, range.len() as u32],
        }
    }
}

fn configs() -> impl Strategy<Value = Config> {
    let weights = || (0.0..3.0, 0.0..6.0, 0.0..3.0).prop_map(|(class, l1, giou)| Weights { class, l1, giou });
    let switches = (any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>());
    (1usize..20, 0.0..1.0, prop_oneof![0.0..1.0, Just(0.0)], weights(), weights(), switches).prop_flat_map(
        |(classes, place, no_object_weight, cost, weights, (xyxy, by_boxes, weighted, last))| {
            prop::collection::vec(0.1..3.0, classes).prop_map(move |class_weights| {
                let mut config = Config::detr(classes);
                let class = &mut config.classification;
                class.no_object_index = if last { classes } else { (place * classes as f64) as usize };
                class.no_object_weight = no_object_weight;
                class.class_weights = Some(class_weights).filter(|_| weighted);
                class.normalization = if by_boxes { Normalization::NumBoxes } else { Normalization::WeightedMean };
                config.cost = cost;
                config.weights = weights;
                config.box_format = if xyxy { BoxFormat::Xyxy } else { BoxFormat::Cxcywh };
                config.normalized_boxes = false;
                config
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
            let numbers = layers * images * queries * (classes + 4) + targets * 5;
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
                let no_object = config.classification.no_object_index;
                let label = |v: f32| {
                    let k = (v * config.num_classes as f32) as usize;
                    (if k < no_object { k } else { k + 1 }) as i32
                };
                let layers = (0..layers)
                    .map(|_| {
                        let logits = take(images * queries * classes).iter().map(|v| 8.0 * v - 4.0).collect();
                        (logits, as_boxes(take(images * queries * 4)))
                    })
                    .collect();
                Case {
                    shape: Shape { images, queries, classes },
                    layers,
                    labels: take(targets).into_iter().map(label).collect(),
                    boxes: as_boxes(take(targets * 4)),
                    offsets: std::iter::once(0)
                        .chain(counts.iter().scan(0, |sum, n| {
                            *sum += n;
                            Some(*sum)
                        }))
                        .collect(),
                    config: config.clone(),
                }
            })
        },
    )
}

fn assert_close(actual: f64, expected: f64, tolerance: f64, what: &str) {
    let error = (actual - expected).abs() / expected.abs().max(1.0);
    assert!(error <= tolerance, "{what}: {actual} is not {expected}, off by {error}");
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
            let terms = reference.layer(layer, logits, boxes);
            let found = &result.report.layers[layer];
            assert_close(found.class, terms.class, 1e-6, "class");
            assert_close(found.l1, terms.l1, 1e-6, "l1");
            assert_close(found.giou, terms.giou, 1e-6, "giou");
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
                        let terms = if which == 0 {
                            reference.layer(layer, &values, boxes)
                        } else {
                            reference.layer(layer, logits, &values)
                        };
                        reference.total(&terms)
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
        // with the normalisers given, the whole batch is the same too, or differs by the order of two divisions
        let whole = case.run(Level::detect(), normalizers);
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
