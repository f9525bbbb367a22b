//! Which samples of a prediction the terms are over, by the conventions of the published code.
//!
//! | | cost | loss |
//! | --- | --- | --- |
//! | DETR, MaskFormer | `grid`: every pixel of the prediction, the target by its nearest pixel, ⌊i · h / H⌋ | `canvas`: every pixel of the canvas, the prediction bilinear, clamped to its edges |
//! | Mask2Former, Mask DINO, EoMT | `points`, drawn for each image | `points`, drawn for each pair |
//! | RF-DETR, EdgeCrafter | `points`, drawn for each layer | `points`, likewise |
//!
//! The canvas has the greatest height and width of the batch's targets, which lie in its corner; what is beside them is
//! background. A point (x, y) of 0 to 1 lies at the pixel x · W - ½, y · H - ½ of a plane. Of the candidates that are drawn for a
//! pair, `oversampling` for each point, those with the least absolute logit are kept, as many as `importance` says, and the
//! rest is drawn anew (Kirillov et al. 2020, "PointRend"; facebookresearch/detectron2, `point_features.py`).

use super::grid::{Outside, Reading};
use super::points::Counts;
use crate::option::{OptionInfo, Options};
use crate::terms::divisor;

/// Over which samples the cost is.
const COST_SAMPLING: OptionInfo = OptionInfo::word("masks.costSampling", &["grid", "points"]);

/// Over which samples the loss is.
const LOSS_SAMPLING: OptionInfo = OptionInfo::word("masks.lossSampling", &["canvas", "points"]);

/// How many points there are: `masks.points`, or a sixteenth of the prediction's pixels, rounded down, and in the loss at least
/// its height (roboflow/rf-detr, `criterion.py`).
const POINT_COUNT: OptionInfo = OptionInfo::word("masks.pointCount", &["fixed", "sixteenth"]);

/// That number; 12544 in Mask2Former. What is behind the decimal point does not count.
const POINTS: OptionInfo = OptionInfo::number("masks.points", 12544.0, [1.0, 16_777_216.0]);

/// Whether each image has its own points in the cost, or all images of a layer the same.
const POINT_SETS: OptionInfo = OptionInfo::word("masks.pointSets", &["image", "batch"]);

/// What a prediction is at points between its outermost pixels' centres and its border: mixed with zeros, or as at the border.
const OUTSIDE: OptionInfo = OptionInfo::word("masks.outside", &["zeros", "border"]);

/// How a target is read at a point: bilinear, with zeros outside; or its nearest pixel, of two the one of an even number.
const TARGET_SAMPLING: OptionInfo = OptionInfo::word("masks.targetSampling", &["bilinear", "nearest"]);

/// Candidates for each point of a pair.
const OVERSAMPLING: OptionInfo = OptionInfo::number("masks.oversampling", 3.0, [1.0, 100.0]);

/// The share of a pair's points that are chosen from the candidates.
const IMPORTANCE: OptionInfo = OptionInfo::number("masks.importance", 0.75, [0.0, 1.0]);

/// α of `maskFocal`, the weight of a label of 1; that of 0 is 1 - α.
const ALPHA: OptionInfo = OptionInfo::number("masks.alpha", 0.25, [0.0, 1.0]);

/// γ of `maskFocal`.
const GAMMA: OptionInfo = OptionInfo::number("masks.gamma", 2.0, [0.0, 10.0]);

const NORMALIZATION: OptionInfo = divisor::own("normalization.masks");

/// All options of the family.
pub(super) const OPTIONS: [&OptionInfo; 12] = [
    &COST_SAMPLING,
    &LOSS_SAMPLING,
    &POINT_COUNT,
    &POINTS,
    &POINT_SETS,
    &OUTSIDE,
    &TARGET_SAMPLING,
    &OVERSAMPLING,
    &IMPORTANCE,
    &ALPHA,
    &GAMMA,
    &NORMALIZATION,
];

/// How samples are taken.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sampling {
    /// Whether the cost, and the loss, are over points.
    pub cost_by_points: bool,
    pub loss_by_points: bool,
    /// Points, where their number does not follow from the prediction.
    fixed: Option<usize>,
    /// Whether all images of a layer have the same points in the cost.
    pub is_shared: bool,
    /// What predictions, and targets that are read at their nearest pixel, are beyond their border.
    pub outside: Outside,
    /// Whether targets are read at their nearest pixel.
    pub is_nearest: bool,
    oversampling: f64,
    importance: f64,
    /// Of `maskFocal`.
    pub alpha: f64,
    pub gamma: f64,
}

impl Sampling {
    pub fn new(options: &Options) -> Self {
        let is = |info: &OptionInfo, word: &str| options.word(info) == word;
        Self {
            cost_by_points: is(&COST_SAMPLING, "points"),
            loss_by_points: is(&LOSS_SAMPLING, "points"),
            fixed: (!is(&POINT_COUNT, "sixteenth")).then(|| options.number(&POINTS) as usize),
            is_shared: is(&POINT_SETS, "batch"),
            outside: if is(&OUTSIDE, "border") { Outside::Border } else { Outside::Zero },
            is_nearest: is(&TARGET_SAMPLING, "nearest"),
            oversampling: options.number(&OVERSAMPLING),
            importance: options.number(&IMPORTANCE),
            alpha: options.number(&ALPHA),
            gamma: options.number(&GAMMA),
        }
    }

    /// How targets are read at points.
    pub fn target_reading(&self) -> Reading {
        if self.is_nearest { Reading::Nearest(self.outside) } else { Reading::Bilinear(Outside::Zero) }
    }

    /// Points of the cost, of a prediction of this height and width.
    pub fn cost_points(&self, [height, width]: [usize; 2]) -> usize {
        self.fixed.unwrap_or((height * width / 16).max(1))
    }

    /// Points of a pair.
    pub fn loss_points(&self, [height, width]: [usize; 2]) -> Counts {
        let points = self.fixed.unwrap_or((height * width / 16).max(height));
        Counts::new(points, self.oversampling, self.importance)
    }
}
