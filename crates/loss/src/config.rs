//! What to compute: the terms of the cost and of the loss, their weights and conventions.

use crate::error::{Error, Result};

/// The whole configuration of a [`Criterion`](crate::Criterion).
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// Object classes. The logits have one column for each, and with softmax one more, for no-object.
    pub num_classes: usize,
    /// The class term.
    pub classification: Classification,
    /// What a class adds to the matching cost.
    pub cost_class: ClassCost,
    /// Weights of the matching cost.
    pub cost: Weights,
    /// Weights of the loss terms in the total; a part may have its own.
    pub weights: Weights,
    /// What the four components of a box are.
    pub box_format: BoxFormat,
    /// Added to every area and squared length that a box term divides by, in cost and loss: 1e-6 in DAB-DETR and DINO,
    /// 0 in most others. With 0, a quotient whose divisor is 0 counts as 0.
    pub box_epsilon: f64,
    /// Whether predicted sides below 0 count as 0, rather than being refused. They then pass no gradient.
    pub clamp_sizes: bool,
    /// Whether targets must lie in [0, 1].
    pub normalized_boxes: bool,
    /// What to do with NaN and ±infinity in the predictions.
    pub non_finite: NonFinite,
    /// Which queries the cardinality error counts as objects in sigmoid classification.
    pub cardinality: Cardinality,
    /// Which queries lie on an ignored target.
    pub ignore: Ignore,
    /// The terms of layers whose edges are distributions.
    pub distribution: Distribution,
}

/// Edges as distributions over bins, and the weights of their terms (Peng et al. 2025, "D-FINE"). By default D-FINE's
/// values, with weights of 0.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Distribution {
    /// One less than the number of an edge's bins: an even number from 4 to 1024; 32 in D-FINE.
    pub reg_max: usize,
    /// Range of the bins' offsets, 0.001 to 1000: the ends lie at ∓2 · `up` · `reg_scale`; 0.5 in D-FINE.
    pub up: f64,
    /// In how many units a reference's side is divided, 0.001 to 1000; 4 in D-FINE.
    pub reg_scale: f64,
    /// T of the distillation, 0.001 to 1000; 5 in D-FINE.
    pub temperature: f64,
    /// Weight of fine-grained localisation; 0.15 in D-FINE. A part may have its own, here and below.
    pub fgl: f64,
    /// Weight of distillation, which needs sigmoid classification; 1.5 in D-FINE.
    pub ddf: f64,
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

/// The class term.
#[derive(Clone, Debug, PartialEq)]
pub enum Classification {
    /// Cross-entropy over the object classes and no-object.
    Softmax(Softmax),
    /// One binary decision for each class.
    Sigmoid(Sigmoid),
}

/// Softmax cross-entropy over the object classes and no-object (Carion et al. 2020, section 3.1).
#[derive(Clone, Debug, PartialEq)]
pub struct Softmax {
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

/// A sum over all queries and classes, divided by the number of targets. With p = σ(logit), q the IoU of the matched
/// boxes and BCE(t) = -t·ln p - (1 - t)·ln(1 - p), a class that a query has no target for adds
/// weight · p^γ · -ln(1 - p), where weight and γ are named in the variants. Neither q nor t passes a gradient.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Sigmoid {
    /// Background weight 1 - α; a matched label adds α · (1 - p)^γ · -ln p. Lin et al. 2017, "Focal Loss for Dense
    /// Object Detection", as in fundamentalvision/Deformable-DETR, `sigmoid_focal_loss`.
    Focal {
        /// α, 0 to 1.
        alpha: f64,
        /// γ.
        gamma: f64,
    },
    /// Background weight α; a matched label adds q · BCE(q). Zhang et al. 2021, "VarifocalNet", as in
    /// lyuwenyu/RT-DETR, `loss_labels_vfl`.
    Varifocal {
        /// α.
        alpha: f64,
        /// γ.
        gamma: f64,
        /// Whether p^γ is a mere weight, without a gradient, as in that code.
        detach_weights: bool,
    },
    /// Background weight α, 1 in the published configurations; a matched label adds BCE(q^γ). Huang et al. 2025, "DEIM",
    /// section 3.2; Intellindust-AI-Lab/DEIM, `loss_labels_mal`.
    Mal {
        /// α.
        alpha: f64,
        /// γ.
        gamma: f64,
        /// Whether p^γ of the background is a mere weight, without a gradient, as in that code.
        detach_weights: bool,
    },
    /// Background weight 1; a matched label adds BCE(max(t, least)) with t = p^α · q^(1 - α). Cai et al. 2023, "Align-DETR", as
    /// in Atten4Vis/LW-DETR, `loss_labels` with `ia_bce_loss`.
    IaBce {
        /// α, 0 to 1.
        alpha: f64,
        /// γ.
        gamma: f64,
        /// The least t, 0 to 1; 0.01 in that code.
        min_quality: f64,
    },
}

/// What a class adds to the matching cost, before its weight.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ClassCost {
    /// -p, of softmax or sigmoid.
    Probability,
    /// α · (1 - p)^γ · -ln(p + 1e-8) - (1 - α) · p^γ · -ln(1 - p + 1e-8), the form of Deformable DETR and its successors, which
    /// saturates at |logit| of about 18. Sigmoid only.
    Focal {
        /// α, 0 to 1.
        alpha: f64,
        /// γ.
        gamma: f64,
    },
    /// The same without 1e-8, from the logits: what matching changes in the focal loss. It never saturates. Sigmoid only.
    LogSigmoid {
        /// α, 0 to 1.
        alpha: f64,
        /// γ.
        gamma: f64,
    },
}

/// What the class term's weighted sum is divided by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Normalization {
    /// The sum of the weights over all queries of the batch: the published code.
    WeightedMean,
    /// The number of targets, as the box terms: the paper.
    NumBoxes,
}

/// One weight for each term; 0 by default, which leaves a term out.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Weights {
    /// Class term.
    pub class: f64,
    /// L1 distance of the boxes.
    pub l1: f64,
    /// Generalised IoU of the boxes (Rezatofighi et al. 2019).
    pub giou: f64,
    /// Plain IoU of the boxes.
    pub iou: f64,
    /// Distance IoU of the boxes (Zheng et al. 2020, "Distance-IoU Loss").
    pub diou: f64,
    /// Complete IoU of the boxes, from the same paper.
    pub ciou: f64,
}

/// One weight for each term of the loss.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct LossWeights {
    /// Of the terms that the matching cost may have, too.
    pub terms: Weights,
    /// As [`Distribution::fgl`].
    pub fgl: f64,
    /// As [`Distribution::ddf`].
    pub ddf: f64,
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

/// Which queries count as objects in the cardinality error of sigmoid classification, which has no no-object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cardinality {
    /// Those with a probability above 0.5, so a logit above 0, as in huggingface/transformers' losses of such models.
    Threshold,
    /// Those whose first largest logit is not that of the last class, as if that column still meant no-object: the
    /// published criteria, which keep DETR's `loss_cardinality`.
    Published,
}

impl Classification {
    pub(crate) fn softmax(&self) -> Option<&Softmax> {
        if let Self::Softmax(softmax) = self { Some(softmax) } else { None }
    }
}

impl Config {
    /// DETR's published values (Carion et al. 2020; facebookresearch/detr, `main.py`).
    #[must_use]
    pub fn detr(num_classes: usize) -> Self {
        let weights = Weights { class: 1.0, l1: 5.0, giou: 2.0, ..Weights::default() };
        Self {
            num_classes,
            classification: Classification::Softmax(Softmax {
                no_object_index: num_classes,
                no_object_weight: 0.1,
                class_weights: None,
                normalization: Normalization::WeightedMean,
                allow_no_object_labels: false,
            }),
            cost_class: ClassCost::Probability,
            cost: weights,
            weights,
            box_format: BoxFormat::Cxcywh,
            box_epsilon: 0.0,
            clamp_sizes: false,
            normalized_boxes: true,
            non_finite: NonFinite::Throw,
            cardinality: Cardinality::Threshold,
            ignore: Ignore { overlap: Overlap::Iof, threshold: 0.5 },
            distribution: Distribution::default(),
        }
    }

    /// Deformable DETR's published values (Zhu et al. 2021; fundamentalvision/Deformable-DETR, `main.py`).
    #[must_use]
    pub fn deformable_detr(num_classes: usize) -> Self {
        let weights = Weights { class: 2.0, l1: 5.0, giou: 2.0, ..Weights::default() };
        Self {
            classification: Classification::Sigmoid(Sigmoid::Focal { alpha: 0.25, gamma: 2.0 }),
            cost_class: ClassCost::Focal { alpha: 0.25, gamma: 2.0 },
            cost: weights,
            weights,
            ..Self::detr(num_classes)
        }
    }

    /// Weights of the loss terms.
    pub(crate) fn loss_weights(&self) -> LossWeights {
        LossWeights { terms: self.weights, fgl: self.distribution.fgl, ddf: self.distribution.ddf }
    }

    /// Columns of the logits.
    #[must_use]
    pub fn logits_width(&self) -> usize {
        self.num_classes + usize::from(self.no_object().is_some())
    }

    /// Whether logits of this width fit: all columns, or where classes do not count also those of the first class alone.
    pub(crate) fn allows_width(&self, classes: usize, class_agnostic: bool) -> bool {
        let width = self.logits_width();
        classes == width || class_agnostic && classes == width - self.num_classes + 1
    }

    /// The column of no-object, if there is one.
    pub(crate) fn no_object(&self) -> Option<usize> {
        self.classification.softmax().map(|softmax| softmax.no_object_index)
    }

    pub(crate) fn allows_label(&self, label: i32) -> bool {
        let Ok(label) = usize::try_from(label) else { return false };
        let no_object = self.classification.softmax().filter(|softmax| !softmax.allow_no_object_labels);
        label < self.logits_width() && no_object.is_none_or(|softmax| label != softmax.no_object_index)
    }

    /// The label of all targets where classes do not count: the first that is not no-object.
    pub(crate) fn agnostic_label(&self) -> i32 {
        i32::from(self.no_object() == Some(0))
    }

    /// Checks every value.
    pub(crate) fn check(&self) -> Result<()> {
        const MAX_CLASSES: usize = (1 << 24) - 1; // column numbers are exact in f32
        if self.num_classes == 0 || self.num_classes > MAX_CLASSES {
            return option("options.numClasses", "an integer from 1 to 16777215", self.num_classes as f64);
        }
        self.cost.check([
            "options.cost.class",
            "options.cost.l1",
            "options.cost.giou",
            "options.cost.iou",
            "options.cost.diou",
            "options.cost.ciou",
        ])?;
        self.weights.check([
            "options.weights.class",
            "options.weights.l1",
            "options.weights.giou",
            "options.weights.iou",
            "options.weights.diou",
            "options.weights.ciou",
        ])?;
        between("options.boxEpsilon", self.box_epsilon, 1.0)?;
        between("options.ignore.threshold", self.ignore.threshold, 1.0)?;
        self.distribution.check(self.no_object().is_some())?;
        match &self.classification {
            Classification::Softmax(softmax) => softmax.check(self.num_classes)?,
            Classification::Sigmoid(sigmoid) => sigmoid.check()?,
        }
        match self.cost_class {
            ClassCost::Probability => Ok(()),
            ClassCost::Focal { .. } | ClassCost::LogSigmoid { .. } if self.no_object().is_some() => {
                option("options.cost.classForm", "'probability' for softmax classification", f64::NAN)
            }
            ClassCost::Focal { alpha, gamma } | ClassCost::LogSigmoid { alpha, gamma } => {
                between("options.cost.alpha", alpha, 1.0)?;
                between("options.cost.gamma", gamma, GAMMA_LIMIT)
            }
        }
    }
}

impl Default for Distribution {
    fn default() -> Self {
        Self { reg_max: 32, up: 0.5, reg_scale: 4.0, temperature: 5.0, fgl: 0.0, ddf: 0.0 }
    }
}

impl Distribution {
    /// Checks what [`Bins`](crate::Bins) does not.
    fn check(&self, is_softmax: bool) -> Result<()> {
        if !(1e-3..=1e3).contains(&self.temperature) {
            return option("options.distribution.temperature", "a number from 0.001 to 1000", self.temperature);
        }
        between("options.weights.fgl", self.fgl, LIMIT)?;
        between("options.weights.ddf", self.ddf, LIMIT)?;
        if is_softmax && self.ddf > 0.0 {
            return option("options.weights.ddf", "0 for softmax classification", self.ddf);
        }
        Ok(())
    }
}

impl Weights {
    fn check(&self, names: [&'static str; 6]) -> Result<()> {
        let values = [self.class, self.l1, self.giou, self.iou, self.diou, self.ciou];
        names.into_iter().zip(values).try_for_each(|(name, value)| between(name, value, LIMIT))
    }
}

impl LossWeights {
    /// Checks the weights of a part.
    pub(crate) fn check(&self) -> Result<()> {
        self.terms.check([
            "parts.weights.class",
            "parts.weights.l1",
            "parts.weights.giou",
            "parts.weights.iou",
            "parts.weights.diou",
            "parts.weights.ciou",
        ])?;
        between("parts.weights.fgl", self.fgl, LIMIT)?;
        between("parts.weights.ddf", self.ddf, LIMIT)
    }
}

impl Softmax {
    fn check(&self, num_classes: usize) -> Result<()> {
        const CLASS_WEIGHTS: &str = "options.classification.classWeights";
        if self.no_object_index > num_classes {
            return option("options.classification.noObjectIndex", "at most numClasses", self.no_object_index as f64);
        }
        between("options.classification.noObjectWeight", self.no_object_weight, LIMIT)?;
        match &self.class_weights {
            Some(weights) if weights.len() != num_classes => {
                option(CLASS_WEIGHTS, "one weight for each class", weights.len() as f64)
            }
            Some(weights) => weights.iter().try_for_each(|&weight| between(CLASS_WEIGHTS, weight, LIMIT)),
            None => Ok(()),
        }
    }

    /// The cross-entropy weight of every column of the logits.
    pub(crate) fn column_weights(&self, num_classes: usize) -> Vec<f64> {
        let mut columns = self.class_weights.clone().unwrap_or_else(|| vec![1.0; num_classes]);
        columns.insert(self.no_object_index, self.no_object_weight);
        columns
    }
}

impl Sigmoid {
    fn check(&self) -> Result<()> {
        let (alpha, largest_alpha, gamma) = match *self {
            Self::Focal { alpha, gamma } | Self::IaBce { alpha, gamma, .. } => (alpha, 1.0, gamma),
            Self::Varifocal { alpha, gamma, .. } | Self::Mal { alpha, gamma, .. } => (alpha, LIMIT, gamma),
        };
        between("options.classification.alpha", alpha, largest_alpha)?;
        between("options.classification.gamma", gamma, GAMMA_LIMIT)?;
        match *self {
            Self::IaBce { min_quality, .. } => between("options.classification.minQuality", min_quality, 1.0),
            _ => Ok(()),
        }
    }
}

/// Far above any use; products with the largest boxes stay finite.
const LIMIT: f64 = 1e12;

/// The largest exponent: far above any use.
const GAMMA_LIMIT: f64 = 100.0;

fn option(name: &'static str, rule: &'static str, value: f64) -> Result<()> {
    Err(Error::Option { name, rule, value })
}

/// Refuses what is not from 0 to `largest`, one of three limits.
fn between(name: &'static str, value: f64, largest: f64) -> Result<()> {
    if (0.0..=largest).contains(&value) {
        return Ok(());
    }
    let rule = match largest {
        1.0 => "a number from 0 to 1",
        GAMMA_LIMIT => "a number from 0 to 100",
        _ => "a number from 0 to 1e12",
    };
    option(name, rule, value)
}
