//! What to compute: the terms of the cost and of the loss, their weights and conventions.

use crate::error::{Error, Result};

/// The whole configuration of a [`Criterion`](crate::Criterion).
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// Object classes; the logits have one column more, for no-object.
    pub num_classes: usize,
    /// The class term.
    pub classification: Classification,
    /// Weights of the matching cost.
    pub cost: Weights,
    /// Weights of the loss terms in the total.
    pub weights: Weights,
    /// What the four components of a box are.
    pub box_format: BoxFormat,
    /// Whether targets must lie in [0, 1].
    pub normalized_boxes: bool,
    /// What to do with NaN and ±infinity in the predictions.
    pub non_finite: NonFinite,
    /// Which queries lie on an ignored target.
    pub ignore: Ignore,
}

/// When an unmatched query lies on an ignored target and is left out: where their overlap exceeds the threshold.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ignore {
    /// What is measured.
    pub overlap: Overlap,
    /// From 0 to 1.
    pub threshold: f64,
}

/// How much of a query lies on an ignored target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overlap {
    /// Intersection over the query's area.
    Iof,
    /// Intersection over union.
    Iou,
}

/// Softmax cross-entropy over the object classes and no-object (Carion et al. 2020, section 3.1).
#[derive(Clone, Debug, PartialEq)]
pub struct Classification {
    /// Column of no-object among the logits.
    pub no_object_index: usize,
    /// Weight of no-object in the cross-entropy; 0.1 in DETR.
    pub no_object_weight: f64,
    /// Weight of each object class in the order of the ids, no-object left out; all 1 if absent.
    pub class_weights: Option<Vec<f64>>,
    /// What the weighted sum is divided by.
    pub normalization: Normalization,
    /// Whether a target may carry the no-object label, as the reference code permits.
    pub allow_no_object_labels: bool,
}

/// What the class term's weighted sum is divided by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Normalization {
    /// The sum of the weights over all queries of the batch: the published code.
    WeightedMean,
    /// The number of targets, as the box terms: the paper.
    NumBoxes,
}

/// One weight for each term.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Weights {
    /// Class term.
    pub class: f64,
    /// L1 distance of the boxes.
    pub l1: f64,
    /// Generalised IoU of the boxes.
    pub giou: f64,
}

/// What the four components of a box are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BoxFormat {
    /// Centre, width and height.
    Cxcywh,
    /// The two corners.
    Xyxy,
}

/// What to do with NaN and ±infinity in the predictions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NonFinite {
    /// Refuse the batch, naming the place.
    Throw,
    /// Give the query a cost above every finite one of its image, leave it out of the loss, and count it.
    Worst,
}

impl Config {
    /// DETR's published values (Carion et al. 2020; facebookresearch/detr, `main.py`).
    #[must_use]
    pub fn detr(num_classes: usize) -> Self {
        Self {
            num_classes,
            classification: Classification {
                no_object_index: num_classes,
                no_object_weight: 0.1,
                class_weights: None,
                normalization: Normalization::WeightedMean,
                allow_no_object_labels: false,
            },
            cost: Weights { class: 1.0, l1: 5.0, giou: 2.0 },
            weights: Weights { class: 1.0, l1: 5.0, giou: 2.0 },
            box_format: BoxFormat::Cxcywh,
            normalized_boxes: true,
            non_finite: NonFinite::Throw,
            ignore: Ignore { overlap: Overlap::Iof, threshold: 0.5 },
        }
    }

    /// Columns of the logits.
    #[must_use]
    pub fn logits_width(&self) -> usize {
        self.num_classes + 1
    }

    pub(crate) fn allows_label(&self, label: i32) -> bool {
        let Ok(label) = usize::try_from(label) else { return false };
        label <= self.num_classes
            && (label != self.classification.no_object_index || self.classification.allow_no_object_labels)
    }

    /// The label of all targets where classes do not count: the first that is not no-object.
    pub(crate) fn agnostic_label(&self) -> i32 {
        i32::from(self.classification.no_object_index == 0)
    }

    /// Checks every value.
    pub(crate) fn check(&self) -> Result<()> {
        /// Far above any use; products with the largest boxes stay finite.
        const LIMIT: f64 = 1e12;
        const WEIGHT: &str = "a number from 0 to 1e12";
        const MAX_CLASSES: usize = (1 << 24) - 1; // column numbers are exact in f32
        let option = |name, rule, value| Err(Error::Option { name, rule, value });
        if self.num_classes == 0 || self.num_classes > MAX_CLASSES {
            return option("options.numClasses", "an integer from 1 to 16777215", self.num_classes as f64);
        }
        let class = &self.classification;
        if class.no_object_index > self.num_classes {
            return option("options.classification.noObjectIndex", "at most numClasses", class.no_object_index as f64);
        }
        let weights = [
            ("options.classification.noObjectWeight", class.no_object_weight),
            ("options.cost.class", self.cost.class),
            ("options.cost.l1", self.cost.l1),
            ("options.cost.giou", self.cost.giou),
            ("options.weights.class", self.weights.class),
            ("options.weights.l1", self.weights.l1),
            ("options.weights.giou", self.weights.giou),
        ];
        let class_weights = class.class_weights.as_deref().unwrap_or_default();
        let class_weights = class_weights.iter().map(|&w| ("options.classification.classWeights", w));
        for (name, value) in weights.into_iter().chain(class_weights) {
            if !(0.0..=LIMIT).contains(&value) {
                return option(name, WEIGHT, value);
            }
        }
        if !(0.0..=1.0).contains(&self.ignore.threshold) {
            return option("options.ignore.threshold", "a number from 0 to 1", self.ignore.threshold);
        }
        match &class.class_weights {
            Some(weights) if weights.len() != self.num_classes => {
                option("options.classification.classWeights", "one weight for each class", weights.len() as f64)
            }
            _ => Ok(()),
        }
    }

    /// The cross-entropy weight of every column of the logits.
    pub(crate) fn column_weights(&self) -> Vec<f64> {
        let class = &self.classification;
        let mut columns = class.class_weights.clone().unwrap_or_else(|| vec![1.0; self.num_classes]);
        columns.insert(class.no_object_index, class.no_object_weight);
        columns
    }
}
