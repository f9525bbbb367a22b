//! The evaluation of detections, on the event loop and, from a copy of all that is read, off it.

use std::cell::RefCell;

use evaluate::{Detections, Evaluation, GroundTruth, Inputs, Interrupt, Outputs, Scratch, Settings};
use lsap::memory::{GiveBack, copy};
use napi::Task;
use napi::bindgen_prelude::{AsyncTask, Env, External, Float64Array, Int32Array};
use napi_derive::napi;

use crate::disjoint::Arrays;
use crate::environment::{level, threads};
use crate::error::Result;
use crate::output::{Float64ArraySlice, Int32ArraySlice, Publish};
use crate::task::in_background;

thread_local! {
    /// One for each JavaScript thread.
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

/// What is to blame where the places of a result share memory.
const PLACES: &str = "precision";

/// What is evaluated.
#[napi(object, object_to_js = false)]
pub struct EvaluationSettings {
    /// How many classes there are.
    pub num_classes: u32,
    /// Rising.
    pub iou_thresholds: Vec<f64>,
    /// Rising.
    pub recall_thresholds: Vec<f64>,
    /// Least and largest area of each range.
    pub areas: Vec<f64>,
    /// Rising.
    pub max_detections: Vec<u32>,
    /// Whether all are of one class.
    pub is_class_agnostic: bool,
    /// In how many threads classes may be evaluated at once, at least 1.
    pub threads: u32,
}

/// The settings as the core takes them.
struct CoreSettings {
    areas: Vec<[f64; 2]>,
    max_detections: Vec<usize>,
    given: EvaluationSettings,
}

impl CoreSettings {
    fn new(given: EvaluationSettings) -> Self {
        let areas = given.areas.chunks_exact(2).map(|range| [range[0], range[1]]).collect();
        let max_detections = given.max_detections.iter().map(|&most| most as usize).collect();
        Self { areas, max_detections, given }
    }

    fn run(&self, inputs: &Inputs<'_>, outputs: Outputs<'_>, scratch: &mut Scratch) -> Result<()> {
        let Self { areas, max_detections, given } = self;
        let settings = Settings {
            classes: given.num_classes as usize,
            iou_thresholds: &given.iou_thresholds,
            recall_thresholds: &given.recall_thresholds,
            areas,
            max_detections,
            is_class_agnostic: given.is_class_agnostic,
        };
        let threads = threads()?;
        let count = threads.count().min(given.threads as usize);
        Ok(Evaluation::new(level()?, settings)?.run(inputs, outputs, Some((threads, count)), scratch)?)
    }
}

/// Evaluates the detections of all images.
///
/// `order`: the images in the order in which they count. Of detections and targets the entries of all images, one image after
/// the other, and where those of each image begin, `[images + 1]`; boxes are left, top, width and height.
///
/// `precision`, `scores`: `[IoU thresholds, recall thresholds, classes, areas]`. `recall`: `[IoU thresholds, classes, areas, maxima]`.
/// `averagePrecision`: `[1 + classes, areas, 1 + IoU thresholds]`; `averageRecall`: `[1 + classes, areas, maxima]`; either first of all
/// classes. `targets`: `[classes, areas]`.
#[napi(catch_unwind)]
pub fn evaluate_detections(
    env: Env,
    settings: EvaluationSettings,
    order: &[u32],
    boxes: &[f64],
    box_scores: &[f64],
    labels: &[i32],
    offsets: &[u32],
    target_boxes: &[f64],
    target_areas: &[f64],
    target_labels: &[i32],
    target_crowds: &[u8],
    target_offsets: &[u32],
    mut precision: Float64ArraySlice<'_>,
    mut scores: Float64ArraySlice<'_>,
    mut recall: Float64ArraySlice<'_>,
    mut average_precision: Float64ArraySlice<'_>,
    mut average_recall: Float64ArraySlice<'_>,
    mut targets: Int32ArraySlice<'_>,
) -> napi::Result<()> {
    let inputs = Inputs {
        detections: Detections { boxes, scores: box_scores, labels, offsets },
        targets: GroundTruth {
            boxes: target_boxes,
            areas: target_areas,
            labels: target_labels,
            crowds: target_crowds,
            offsets: target_offsets,
        },
        order,
    };
    let run = || {
        let mut arrays = Arrays::default();
        arrays
            .written([&*precision, &*scores, &*recall, &*average_precision, &*average_recall])
            .written([&*targets])
            .read([boxes, box_scores, target_boxes, target_areas])
            .read([labels, target_labels])
            .read([offsets, target_offsets, order])
            .read([target_crowds])
            .check(PLACES)?;
        // SAFETY: nothing else reads or writes these arrays during the call, and they overlap nothing of it, as was just checked.
        let outputs = unsafe {
            Outputs {
                precision: precision.as_mut(),
                scores: scores.as_mut(),
                recall: recall.as_mut(),
                average_precision: average_precision.as_mut(),
                average_recall: average_recall.as_mut(),
                targets: targets.as_mut(),
            }
        };
        SCRATCH.with_borrow_mut(|scratch| {
            let done = CoreSettings::new(settings).run(&inputs, outputs, scratch);
            scratch.give_back();
            done
        })
    };
    run().map_err(|failure| failure.into_js(&env))
}

/// A copy of what an evaluation reads.
#[derive(Default)]
struct Snapshot {
    order: Vec<u32>,
    boxes: Vec<f64>,
    scores: Vec<f64>,
    labels: Vec<i32>,
    offsets: Vec<u32>,
    target_boxes: Vec<f64>,
    target_areas: Vec<f64>,
    target_labels: Vec<i32>,
    target_crowds: Vec<u8>,
    target_offsets: Vec<u32>,
}

impl Snapshot {
    fn inputs(&self) -> Inputs<'_> {
        Inputs {
            detections: Detections {
                boxes: &self.boxes,
                scores: &self.scores,
                labels: &self.labels,
                offsets: &self.offsets,
            },
            targets: GroundTruth {
                boxes: &self.target_boxes,
                areas: &self.target_areas,
                labels: &self.target_labels,
                crowds: &self.target_crowds,
                offsets: &self.target_offsets,
            },
            order: &self.order,
        }
    }
}

/// One evaluation, and the arrays of JavaScript that its result goes to.
pub struct EvaluationTask {
    settings: CoreSettings,
    snapshot: Snapshot,
    /// Precision, scores, recall, average precision, average recall.
    numbers: [Float64Array; 5],
    targets: Int32Array,
    interrupt: Interrupt,
}

impl EvaluationTask {
    fn run(&mut self, scratch: &mut Scratch) -> Result<()> {
        let Self { settings, snapshot, numbers, targets, .. } = self;
        // SAFETY: JavaScript hands these arrays to nobody before the call is over (`src/evaluate/` makes them itself), and they do
        // not overlap: the export has looked.
        let outputs = unsafe {
            let [precision, scores, recall, average_precision, average_recall] =
                numbers.each_mut().map(|array| array.as_mut());
            Outputs { precision, scores, recall, average_precision, average_recall, targets: targets.as_mut() }
        };
        settings.run(&snapshot.inputs(), outputs, scratch)
    }
}

impl Task for EvaluationTask {
    type Output = Result<()>;
    type JsValue = ();

    fn compute(&mut self) -> napi::Result<Self::Output> {
        let interrupt = self.interrupt.clone();
        let done = in_background(&interrupt, |scratch: &mut Scratch| self.run(scratch));
        self.snapshot = Snapshot::default();
        done
    }

    fn resolve(&mut self, env: Env, output: Self::Output) -> napi::Result<Self::JsValue> {
        self.numbers.iter_mut().for_each(|array| array.publish(&env));
        self.targets.publish(&env);
        output.map_err(|failure| failure.into_js(&env))
    }
}

/// As `evaluateDetections`, in another thread: what is read is copied before this returns; the arrays for the result must stay
/// untouched until the promise is settled.
#[napi(catch_unwind, ts_return_type = "Promise<void>")]
pub fn evaluate_detections_async(
    env: Env,
    settings: EvaluationSettings,
    order: &[u32],
    boxes: &[f64],
    box_scores: &[f64],
    labels: &[i32],
    offsets: &[u32],
    target_boxes: &[f64],
    target_areas: &[f64],
    target_labels: &[i32],
    target_crowds: &[u8],
    target_offsets: &[u32],
    precision: Float64Array,
    scores: Float64Array,
    recall: Float64Array,
    average_precision: Float64Array,
    average_recall: Float64Array,
    targets: Int32Array,
    interrupt: &External<Interrupt>,
) -> napi::Result<AsyncTask<EvaluationTask>> {
    let numbers = [precision, scores, recall, average_precision, average_recall];
    let take_snapshot = || -> Result<Snapshot> {
        let mut arrays = Arrays::default();
        arrays.written(numbers.iter().map(|array| &**array)).written([&*targets]).check(PLACES)?;
        let mut snapshot = Snapshot::default();
        copy("detections", order, &mut snapshot.order)?;
        copy("detections", boxes, &mut snapshot.boxes)?;
        copy("detections", box_scores, &mut snapshot.scores)?;
        copy("detections", labels, &mut snapshot.labels)?;
        copy("detections", offsets, &mut snapshot.offsets)?;
        copy("groundTruth", target_boxes, &mut snapshot.target_boxes)?;
        copy("groundTruth", target_areas, &mut snapshot.target_areas)?;
        copy("groundTruth", target_labels, &mut snapshot.target_labels)?;
        copy("groundTruth", target_crowds, &mut snapshot.target_crowds)?;
        copy("groundTruth", target_offsets, &mut snapshot.target_offsets)?;
        Ok(snapshot)
    };
    let snapshot = take_snapshot().map_err(|failure| failure.into_js(&env))?;
    let (settings, interrupt) = (CoreSettings::new(settings), Interrupt::clone(interrupt));
    Ok(AsyncTask::new(EvaluationTask { settings, snapshot, numbers, targets, interrupt }))
}
