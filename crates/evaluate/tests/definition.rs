//! The evaluation against a separate definition, which goes through every image, threshold and range by itself, and then through
//! all places of all curves; the same bits at every level and with any number of threads; what is refused.

use std::num::NonZeroUsize;

use evaluate::{
    Detections, Error, Evaluation, Field, GroundTruth, Inputs, Interrupt, Level, OutputMemory, Place, Scratch,
    Settings, Side, Threads,
};
use proptest::prelude::*;

/// A detection or a target.
#[derive(Clone, Copy, Debug)]
struct Object {
    bounds: [f64; 4],
    label: i32,
    /// Of a detection its score, of a target its area.
    value: f64,
    is_crowd: bool,
}

/// What is found in an image, and what is there.
type Image = [Vec<Object>; 2];

#[derive(Clone, Debug)]
struct Owned {
    classes: usize,
    iou: Vec<f64>,
    recall: Vec<f64>,
    areas: Vec<[f64; 2]>,
    most: Vec<usize>,
    is_class_agnostic: bool,
}

impl Owned {
    fn settings(&self) -> Settings<'_> {
        Settings {
            classes: self.classes,
            iou_thresholds: &self.iou,
            recall_thresholds: &self.recall,
            areas: &self.areas,
            max_detections: &self.most,
            is_class_agnostic: self.is_class_agnostic,
        }
    }
}

/// All images, packed.
#[derive(Clone, Default)]
struct Packed {
    boxes: [Vec<f64>; 2],
    values: [Vec<f64>; 2],
    labels: [Vec<i32>; 2],
    crowds: Vec<u8>,
    offsets: [Vec<u32>; 2],
    order: Vec<u32>,
}

impl Packed {
    fn new(images: &[Image]) -> Self {
        let mut packed =
            Self { offsets: [vec![0], vec![0]], order: (0..images.len() as u32).collect(), ..Self::default() };
        for image in images {
            for (side, objects) in image.iter().enumerate() {
                for object in objects {
                    packed.boxes[side].extend(object.bounds);
                    packed.values[side].push(object.value);
                    packed.labels[side].push(object.label);
                }
                packed.offsets[side].push(packed.labels[side].len() as u32);
            }
            packed.crowds.extend(image[1].iter().map(|target| u8::from(target.is_crowd)));
        }
        packed
    }

    fn inputs(&self) -> Inputs<'_> {
        let Self { boxes, values, labels, crowds, offsets, order } = self;
        Inputs {
            detections: Detections { boxes: &boxes[0], scores: &values[0], labels: &labels[0], offsets: &offsets[0] },
            targets: GroundTruth {
                boxes: &boxes[1],
                areas: &values[1],
                labels: &labels[1],
                crowds,
                offsets: &offsets[1],
            },
            order,
        }
    }
}

fn run(level: Level, settings: &Owned, packed: &Packed, threads: Option<(&Threads, usize)>) -> OutputMemory {
    let evaluation = Evaluation::new(level, settings.settings()).unwrap();
    let mut out = evaluation.outputs();
    evaluation.run(&packed.inputs(), out.as_outputs(), threads, &mut Scratch::default()).unwrap();
    out
}

fn iou(d: &[f64; 4], g: &[f64; 4], is_crowd: bool) -> f64 {
    let side = |k: usize| (d[k + 2] + d[k]).min(g[k + 2] + g[k]) - d[k].max(g[k]);
    let (w, h) = (side(0), side(1));
    if w <= 0.0 || h <= 0.0 {
        return 0.0;
    }
    let (da, ga, i) = (d[2] * d[3], g[2] * g[3], w * h);
    i / if is_crowd { da } else { da + ga - i }
}

/// Of an image's detections, the best first: score, whether it is right, whether it does not count. And how many targets count.
fn judge(
    detections: &[Object],
    targets: &[Object],
    threshold: f64,
    [low, high]: [f64; 2],
    most: usize,
) -> (Vec<(f64, bool, bool)>, usize) {
    let is_outside = |area: f64| area < low || area > high;
    let mut detections = detections.to_vec();
    detections.sort_by(|a, b| b.value.total_cmp(&a.value));
    detections.truncate(most);
    let mut targets: Vec<_> =
        targets.iter().map(|target| (*target, target.is_crowd || is_outside(target.value), false)).collect();
    targets.sort_by_key(|&(_, is_ignored, _)| is_ignored);
    let mut judged = Vec::new();
    for detection in &detections {
        let (mut best, mut found) = (threshold.min(1.0 - 1e-10), None);
        for k in 0..targets.len() {
            let (target, is_ignored, is_taken) = targets[k];
            if is_taken && !target.is_crowd {
                continue;
            }
            if found.is_some_and(|found: usize| !targets[found].1) && is_ignored {
                break;
            }
            let overlap = iou(&detection.bounds, &target.bounds, target.is_crowd);
            if overlap >= best {
                (best, found) = (overlap, Some(k));
            }
        }
        let is_ignored = match found {
            Some(k) => {
                targets[k].2 = true;
                targets[k].1
            }
            None => is_outside(detection.bounds[2] * detection.bounds[3]),
        };
        judged.push((detection.value, found.is_some() && !is_ignored, is_ignored));
    }
    (judged, targets.iter().filter(|(_, is_ignored, _)| !is_ignored).count())
}

/// Precision, scores and recall, by the definition.
fn define(settings: &Owned, images: &[Image]) -> [Vec<f64>; 3] {
    let Owned { classes, iou, recall, areas, most, is_class_agnostic } = settings;
    let classes = if *is_class_agnostic { 1 } else { *classes };
    let (t, r, a, m) = (iou.len(), recall.len(), areas.len(), most.len());
    let mut precision = vec![-1.0; t * r * classes * a];
    let (mut scores, mut recalls) = (precision.clone(), vec![-1.0; t * classes * a * m]);
    for class in 0..classes {
        let of_class = |objects: &[Object]| -> Vec<Object> {
            let mut own: Vec<_> =
                objects.iter().filter(|o| *is_class_agnostic || o.label as usize == class).copied().collect();
            own.sort_by_key(|object| object.label);
            own
        };
        for (ti, &threshold) in iou.iter().enumerate() {
            for (ai, &range) in areas.iter().enumerate() {
                for (mi, &maximum) in most.iter().enumerate() {
                    let (mut all, mut count) = (Vec::new(), 0);
                    for [found, there] in images {
                        let (mut judged, targets) =
                            judge(&of_class(found), &of_class(there), threshold, range, most[m - 1]);
                        judged.truncate(maximum);
                        all.extend(judged);
                        count += targets;
                    }
                    if count == 0 {
                        continue;
                    }
                    all.sort_by(|a, b| b.0.total_cmp(&a.0));
                    let (mut right, mut wrong) = (0.0, 0.0);
                    let (mut rc, mut pr) = (Vec::new(), Vec::new());
                    for &(_, is_right, is_ignored) in &all {
                        right += f64::from(u8::from(is_right));
                        wrong += f64::from(u8::from(!is_right && !is_ignored));
                        rc.push(right / count as f64);
                        pr.push(right / (wrong + right + f64::EPSILON));
                    }
                    recalls[((ti * classes + class) * a + ai) * m + mi] = rc.last().copied().unwrap_or(0.0);
                    if mi + 1 < m {
                        continue;
                    }
                    for (ri, &least) in recall.iter().enumerate() {
                        let place = ((ti * r + ri) * classes + class) * a + ai;
                        let at = rc.iter().position(|&value| value >= least);
                        precision[place] = at.map_or(0.0, |at| pr[at..].iter().fold(0.0, |m: f64, &p| m.max(p)));
                        scores[place] = at.map_or(0.0, |at| all[at].0);
                    }
                }
            }
        }
    }
    [precision, scores, recalls]
}

fn object() -> impl Strategy<Value = Object> {
    let sides = (0..10, 0..10, -1..7, -1..7);
    (sides, 0..3, -1..6, prop::bool::weighted(0.15)).prop_map(|((x, y, w, h), label, value, is_crowd)| Object {
        bounds: [x, y, w, h].map(f64::from),
        label,
        value: f64::from(value) * 4.0,
        is_crowd,
    })
}

fn images() -> impl Strategy<Value = Vec<Image>> {
    let image = (prop::collection::vec(object(), 0..12), prop::collection::vec(object(), 0..14));
    prop::collection::vec(image.prop_map(|(found, there)| [found, there]), 0..6)
}

fn settings() -> impl Strategy<Value = Owned> {
    let many: Vec<f64> = (1..=70).map(|k| f64::from(k) / 70.0).collect();
    let iou = prop::sample::select(vec![vec![0.5], vec![0.25, 0.5, 1.0], many]);
    let recall = prop::sample::select(vec![vec![0.0, 0.5, 1.0], vec![0.1, 0.2, 0.9], vec![1.0]]);
    let areas = prop::sample::select(vec![vec![[0.0, 1e10]], vec![[0.0, 8.0], [8.0, 8.0], [9.0, 1e5]]]);
    let most = prop::sample::select(vec![vec![1, 2, 100], vec![3]]);
    (iou, recall, areas, most, any::<bool>()).prop_map(|(iou, recall, areas, most, is_class_agnostic)| Owned {
        classes: 3,
        iou,
        recall,
        areas,
        most,
        is_class_agnostic,
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn every_number_is_that_of_the_definition(settings in settings(), images in images()) {
        let packed = Packed::new(&images);
        let found = run(Level::detect(), &settings, &packed, None);
        let [precision, scores, recall] = define(&settings, &images);
        prop_assert_eq!(&found.precision, &precision);
        prop_assert_eq!(&found.scores, &scores);
        prop_assert_eq!(&found.recall, &recall);
        for level in Level::available() {
            prop_assert_eq!(&run(level, &settings, &packed, None), &found);
        }
    }

    #[test]
    fn the_order_of_images_is_that_of_the_order(settings in settings(), images in images()) {
        let expected = run(Level::detect(), &settings, &Packed::new(&images), None);
        let reversed: Vec<_> = images.iter().rev().cloned().collect();
        let mut packed = Packed::new(&reversed);
        packed.order.reverse();
        prop_assert_eq!(run(Level::detect(), &settings, &packed, None), expected);
    }
}

/// COCO's settings.
fn usual(classes: usize) -> Owned {
    Owned {
        classes,
        iou: (0..10).map(|k| 0.5 + 0.05 * f64::from(k)).collect(),
        recall: (0..101).map(|k| f64::from(k) / 100.0).collect(),
        areas: vec![[0.0, 1e10], [0.0, 1024.0]],
        most: vec![1, 10, 100],
        is_class_agnostic: false,
    }
}

/// Many images of many classes, with scores that tie.
fn many(count: u32) -> Packed {
    let object = |k: u32| Object {
        bounds: [k % 37, k * 7 % 41, 5 + k % 11, 5 + k % 13].map(f64::from),
        label: (k * 13 % 200) as i32,
        value: f64::from(k * 31 % 97),
        is_crowd: k.is_multiple_of(53),
    };
    let image = |i: u32| [(30 * i..30 * i + 30).map(object).collect(), (30 * i + 3..30 * i + 28).map(object).collect()];
    Packed::new(&(0..count).map(image).collect::<Vec<_>>())
}

#[test]
fn threads_make_no_difference() {
    let (settings, packed) = (usual(200), many(800));
    let expected = run(Level::detect(), &settings, &packed, None);
    assert!(expected.average_precision[0] > 0.0);
    let threads = Threads::new(NonZeroUsize::new(4).unwrap());
    for count in [1, 2, 4] {
        assert_eq!(run(Level::detect(), &settings, &packed, Some((&threads, count))), expected);
    }
}

#[test]
fn an_interrupt_stops_it_on_any_number_of_threads() {
    let (settings, packed) = (usual(200), many(100));
    let threads = Threads::new(NonZeroUsize::new(2).unwrap());
    let interrupt = Interrupt::default();
    interrupt.raise();
    let evaluation = Evaluation::new(Level::detect(), settings.settings()).unwrap();
    let mut out = evaluation.outputs();
    let stopped = threads.in_background(&interrupt, |scratch: &mut Scratch| {
        evaluation.run(&packed.inputs(), out.as_outputs(), Some((&threads, 2)), scratch)
    });
    assert_eq!(stopped, Err(Error::Interrupted));
}

/// The error of inputs that one change makes wrong.
fn refused(change: impl Fn(&mut Packed)) -> Error {
    let settings = usual(3);
    let target = Object { bounds: [0.0, 0.0, 4.0, 4.0], label: 1, value: 0.5, is_crowd: false };
    let mut packed = Packed::new(&[[vec![], vec![target]], [vec![target; 2], vec![target]]]);
    change(&mut packed);
    let evaluation = Evaluation::new(Level::detect(), settings.settings()).unwrap();
    evaluation.run(&packed.inputs(), evaluation.outputs().as_outputs(), None, &mut Scratch::default()).unwrap_err()
}

#[test]
fn what_is_wrong_is_refused_with_its_place() {
    let place = Place { side: Side::Detections, image: 1, index: 1 };
    for value in [f64::NAN, f64::INFINITY, -2e9, 2e9] {
        let error = refused(|packed| packed.boxes[0][7] = value);
        let Error::Value { place: found, field, .. } = error else { panic!("{error}") };
        assert_eq!((found, field), (place, Field::Boxes));
        assert!(error.to_string().starts_with("detections[1].boxes: must be a number from -1e9 to 1e9"), "{error}");
    }
    assert_eq!(refused(|packed| packed.labels[0][1] = 3), Error::Label { place, label: 3, classes: 3 });
    let error = refused(|packed| packed.values[0][1] = f64::NEG_INFINITY);
    assert_eq!(error.to_string(), "detections[1].scores: must be a finite number, got -Infinity at index 1");
    let error = refused(|packed| packed.values[1][1] = f64::INFINITY);
    assert_eq!(error.to_string(), "targets[1].areas: must be a finite number, got Infinity at index 0");
    assert_eq!(
        refused(|packed| packed.offsets[0] = vec![0, 2, 1]),
        Error::Offsets { side: Side::Detections, image: 1 }
    );
    assert_eq!(refused(|packed| packed.offsets[1] = vec![0, 1, 1]), Error::Offsets { side: Side::Targets, image: 2 });
    assert_eq!(refused(|packed| packed.order = vec![1, 1]), Error::Order { index: 1 });
    let error = refused(|packed| packed.crowds.truncate(1));
    assert_eq!(error.to_string(), "targets.crowds: expected 2 values, got 1");
}

#[test]
fn settings_that_mean_nothing_are_refused() {
    let name = |change: &dyn Fn(&mut Owned)| {
        let mut settings = usual(3);
        change(&mut settings);
        match Evaluation::new(Level::detect(), settings.settings()) {
            Err(Error::Setting { name, .. }) => name,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(name(&|settings| settings.classes = 0), "classes");
    assert_eq!(name(&|settings| settings.iou = vec![0.0]), "iou_thresholds");
    assert_eq!(name(&|settings| settings.iou = vec![0.5, 0.5]), "iou_thresholds");
    assert_eq!(name(&|settings| settings.recall = vec![f64::NAN]), "recall_thresholds");
    assert_eq!(name(&|settings| settings.recall.clear()), "recall_thresholds");
    assert_eq!(name(&|settings| settings.areas = vec![[2.0, 1.0]]), "areas");
    assert_eq!(name(&|settings| settings.areas = vec![[0.0, 1.0]; 65]), "areas");
    assert_eq!(name(&|settings| settings.most = vec![0, 1]), "max_detections");
    assert_eq!(name(&|settings| settings.most = vec![2, 1]), "max_detections");
}

#[test]
fn outputs_of_another_length_are_refused() {
    let (settings, packed) = (usual(3), many(1));
    let evaluation = Evaluation::new(Level::detect(), settings.settings()).unwrap();
    let mut out = evaluation.outputs();
    out.recall.pop();
    let error = evaluation.run(&packed.inputs(), out.as_outputs(), None, &mut Scratch::default());
    assert_eq!(error, Err(Error::OutputLength { name: "recall", expected: 180, actual: 179 }));
}
