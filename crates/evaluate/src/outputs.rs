//! Where results go.

use crate::error::{Error, Result};
use crate::settings::Settings;

/// Names of the arrays, in the order of the fields.
const NAMES: [&str; 6] = ["precision", "scores", "recall", "average_precision", "average_recall", "targets"];

/// Where results go. With T thresholds of IoU, R of recall, K classes, A ranges of areas and M maxima of detections. -1 stands where
/// there are no targets that count.
#[derive(Debug)]
pub struct Outputs<'a> {
    /// `[T, R, K, A]`: precision, with the largest maximum.
    pub precision: &'a mut [f64],
    /// `[T, R, K, A]`: the score from which on recall reaches the threshold; 0 where it never does.
    pub scores: &'a mut [f64],
    /// `[T, K, A, M]`: the share of targets that are found.
    pub recall: &'a mut [f64],
    /// `[1 + K, A, 1 + T]`: average precision, first of all classes, then of each; first over all thresholds, then at each.
    pub average_precision: &'a mut [f64],
    /// `[1 + K, A, M]`: average recall, first of all classes, then of each.
    pub average_recall: &'a mut [f64],
    /// `[K, A]`: how many targets count.
    pub targets: &'a mut [i32],
}

/// Results in memory of their own.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "as those of `Outputs`")]
pub struct OutputMemory {
    pub precision: Vec<f64>,
    pub scores: Vec<f64>,
    pub recall: Vec<f64>,
    pub average_precision: Vec<f64>,
    pub average_recall: Vec<f64>,
    pub targets: Vec<i32>,
}

impl OutputMemory {
    pub(crate) fn new(settings: &Settings<'_>) -> Self {
        let [precision, scores, recall, average_precision, average_recall, targets] = lengths(settings);
        let zeros = |length| vec![0.0; length as usize];
        Self {
            precision: zeros(precision),
            scores: zeros(scores),
            recall: zeros(recall),
            average_precision: zeros(average_precision),
            average_recall: zeros(average_recall),
            targets: vec![0; targets as usize],
        }
    }

    /// To be written to.
    pub fn as_outputs(&mut self) -> Outputs<'_> {
        let Self { precision, scores, recall, average_precision, average_recall, targets } = self;
        Outputs { precision, scores, recall, average_precision, average_recall, targets }
    }
}

impl Outputs<'_> {
    /// Compares lengths with the settings.
    pub(crate) fn check(&self, settings: &Settings<'_>) -> Result<()> {
        let Self { precision, scores, recall, average_precision, average_recall, targets } = self;
        let numbers = [precision, scores, recall, average_precision, average_recall].map(|array| array.len());
        let actual = numbers.into_iter().chain([targets.len()]);
        for ((name, expected), actual) in NAMES.into_iter().zip(lengths(settings)).zip(actual) {
            if expected != actual as u128 {
                let expected = u64::try_from(expected).unwrap_or(u64::MAX);
                return Err(Error::OutputLength { name, expected, actual: actual as u64 });
            }
        }
        Ok(())
    }
}

/// How long each array is.
fn lengths(settings: &Settings<'_>) -> [u128; 6] {
    let Settings { iou_thresholds, recall_thresholds, areas, max_detections, .. } = settings;
    let [t, r, a, m] = [iou_thresholds.len(), recall_thresholds.len(), areas.len(), max_detections.len()];
    let [t, r, a, m, k] = [t, r, a, m, settings.result_classes()].map(|length| length as u128);
    [t * r * k * a, t * r * k * a, t * k * a * m, (1 + k) * a * (1 + t), (1 + k) * a * m, k * a]
}
