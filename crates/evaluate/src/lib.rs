//! Evaluation of detections as COCO has it: average precision and recall at thresholds of IoU, by class and by area.
//!
//! For every class, at every threshold of IoU and for every range of areas:
//!
//! 1. the detections of an image, best score first and no more than the largest maximum, take one target each: of those
//!    whose IoU reaches the threshold, the one with the largest that is free; of equal ones the later. Targets that are to be
//!    ignored, since they are crowds or of another area, are taken only where no other is left; a crowd by any number of
//!    detections. With a crowd the area of the overlap is divided by that of the detection;
//! 2. a detection is right if it took a target, wrong if it took none, and does not count if it took an ignored one, or none
//!    and is of another area itself;
//! 3. in the order of scores, of all images together, precision is the share of right ones among those so far that count,
//!    made falling from the last to the first, and recall the share of targets found. Precision is sampled where recall
//!    first reaches each of the recall thresholds;
//! 4. average precision is the mean of these samples over thresholds and classes, average recall that of the last recall.
//!
//! Everything is `f64`, and every number has the bits that pycocotools 2.0 gives, on every instruction set and with any
//! number of threads. The one difference: an annotation with the id 0 counts like any other, where pycocotools takes a match
//! with it for none.
//!
//! Source: Lin et al. 2014, "Microsoft COCO: Common Objects in Context", and its code, cocodataset/cocoapi
//! (`pycocotools/cocoeval.py`, `common/maskApi.c`).
//!
//! ```
//! use evaluate::{Detections, Evaluation, GroundTruth, Inputs, Level, Outputs, Scratch, Settings};
//!
//! let settings = Settings {
//!     classes: 1,
//!     iou_thresholds: &[0.5, 0.75],
//!     recall_thresholds: &[0.0, 0.5, 1.0],
//!     areas: &[[0.0, 1e10]],
//!     max_detections: &[1, 100],
//!     is_class_agnostic: false,
//! };
//! // one image with two targets, one of which is found
//! let detections = Detections {
//!     boxes: &[0.0, 0.0, 10.0, 10.0, 50.0, 50.0, 10.0, 10.0],
//!     scores: &[0.9, 0.8],
//!     labels: &[0, 0],
//!     offsets: &[0, 2],
//! };
//! let targets = GroundTruth {
//!     boxes: &[0.0, 0.0, 10.0, 10.0, 20.0, 0.0, 10.0, 10.0],
//!     areas: &[100.0, 100.0],
//!     labels: &[0, 0],
//!     crowds: &[0, 0],
//!     offsets: &[0, 2],
//! };
//! let evaluation = Evaluation::new(Level::detect(), settings)?;
//! let mut memory = evaluation.outputs();
//! let inputs = Inputs { detections, targets, order: &[0] };
//! evaluation.run(&inputs, memory.as_outputs(), None, &mut Scratch::default())?;
//! assert_eq!(memory.recall, [0.5, 0.5, 0.5, 0.5]); // with one detection and with both, at either threshold
//! let best = 1.0 / (1.0 + f64::EPSILON); // what is divided by has that added
//! assert_eq!(memory.precision, [best, best, 0.0, best, best, 0.0]);
//! assert_eq!(memory.average_precision[0], best * 2.0 / 3.0);
//! # Ok::<(), evaluate::Error>(())
//! ```
//!
//! # Within
//!
//! `error` → `settings`, `inputs`, `outputs` (what is given, checked) → `buckets` (by class, in order of images), `overlap` (IoU),
//! `matching` (which target a detection takes), `curve` (precision and recall) → `scratch` → `class`, which has them one after
//! the other → `means` → `evaluation`, the entry, which shares classes among threads.

#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod buckets;
mod class;
mod curve;
mod error;
mod evaluation;
mod inputs;
mod matching;
mod means;
mod outputs;
mod overlap;
mod scratch;
mod settings;

pub use error::{Error, Field, Place, Result, Side};
pub use evaluation::Evaluation;
pub use inputs::{Detections, GroundTruth, Inputs, LARGEST};
pub use lsap::{Interrupt, Threads};
pub use outputs::{OutputMemory, Outputs};
pub use scratch::Scratch;
pub use settings::Settings;
pub use simd::Level;
