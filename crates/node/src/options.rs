//! The criterion's options as they come from TypeScript, which has resolved every default.

use hungarian_loss::{
    BoxFormat, Cardinality, ClassCost, Classification, Config, Distribution, Ignore, NonFinite, Normalization, Overlap,
    Sigmoid, Softmax, Weights,
};
use napi_derive::napi;

use crate::error::{Failure, Result};

/// A resolved configuration.
#[napi(object, object_to_js = false)]
pub struct CriterionOptions {
    pub num_classes: f64,
    pub classification: ClassificationOptions,
    pub cost: TermWeights,
    pub class_cost: ClassCostOptions,
    pub weights: TermWeights,
    pub box_format: String,
    pub box_epsilon: f64,
    pub clamp_sizes: bool,
    pub normalized_boxes: bool,
    pub non_finite: String,
    pub cardinality: String,
    pub ignore: IgnoreOptions,
    pub distribution: DistributionOptions,
    pub threads: u32,
}

/// The class term; which fields are there depends on `kind`.
#[napi(object, object_to_js = false)]
pub struct ClassificationOptions {
    pub kind: String,
    pub no_object_index: Option<f64>,
    pub no_object_weight: Option<f64>,
    pub class_weights: Option<Vec<f64>>,
    pub normalization: Option<String>,
    pub allow_no_object_labels: Option<bool>,
    pub alpha: Option<f64>,
    pub gamma: Option<f64>,
    pub detach_weights: Option<bool>,
    pub min_quality: Option<f64>,
}

/// The class' part of the cost.
#[napi(object, object_to_js = false)]
pub struct ClassCostOptions {
    pub form: String,
    pub alpha: f64,
    pub gamma: f64,
}

/// The overlap of queries with ignored targets.
#[napi(object, object_to_js = false)]
pub struct IgnoreOptions {
    pub overlap: String,
    pub threshold: f64,
}

/// Edges as distributions, and the weights of their terms.
#[napi(object, object_to_js = false)]
pub struct DistributionOptions {
    pub reg_max: f64,
    pub up: f64,
    pub reg_scale: f64,
    pub temperature: f64,
    pub fgl: f64,
    pub ddf: f64,
}

/// One weight for each term.
#[napi(object, object_to_js = false)]
pub struct TermWeights {
    pub class: f64,
    pub l1: f64,
    pub giou: f64,
    pub iou: f64,
    pub diou: f64,
    pub ciou: f64,
}

impl CriterionOptions {
    pub fn into_config(self) -> Result<Config> {
        Ok(Config {
            num_classes: self.num_classes as usize,
            classification: self.classification.into_classification()?,
            cost_class: self.class_cost.into_class_cost()?,
            cost: self.cost.into_weights(),
            weights: self.weights.into_weights(),
            box_format: choice(
                "options.boxFormat",
                &self.box_format,
                &[("cxcywh", BoxFormat::Cxcywh), ("xyxy", BoxFormat::Xyxy)],
            )?,
            box_epsilon: self.box_epsilon,
            clamp_sizes: self.clamp_sizes,
            normalized_boxes: self.normalized_boxes,
            non_finite: choice(
                "options.nonFinite",
                &self.non_finite,
                &[("throw", NonFinite::Throw), ("worst", NonFinite::Worst)],
            )?,
            cardinality: choice(
                "options.cardinality",
                &self.cardinality,
                &[("threshold", Cardinality::Threshold), ("published", Cardinality::Published)],
            )?,
            ignore: Ignore {
                overlap: choice(
                    "options.ignore.overlap",
                    &self.ignore.overlap,
                    &[("iof", Overlap::Iof), ("iou", Overlap::Iou)],
                )?,
                threshold: self.ignore.threshold,
            },
            distribution: self.distribution.into_distribution(),
        })
    }
}

impl ClassificationOptions {
    fn into_classification(self) -> Result<Classification> {
        const KIND: &str = "options.classification.kind";
        let (alpha, gamma) = (self.alpha.unwrap_or(f64::NAN), self.gamma.unwrap_or(f64::NAN));
        let detach_weights = self.detach_weights.unwrap_or(true);
        let min_quality = self.min_quality.unwrap_or(f64::NAN);
        let sigmoid = [
            ("focal", Sigmoid::Focal { alpha, gamma }),
            ("varifocal", Sigmoid::Varifocal { alpha, gamma, detach_weights }),
            ("mal", Sigmoid::Mal { alpha, gamma, detach_weights }),
            ("ia-bce", Sigmoid::IaBce { alpha, gamma, min_quality }),
        ];
        if self.kind != "softmax" {
            return Ok(Classification::Sigmoid(choice(KIND, &self.kind, &sigmoid)?));
        }
        Ok(Classification::Softmax(Softmax {
            no_object_index: self.no_object_index.unwrap_or(f64::NAN) as usize,
            no_object_weight: self.no_object_weight.unwrap_or(f64::NAN),
            class_weights: self.class_weights,
            normalization: choice(
                "options.classification.normalization",
                self.normalization.as_deref().unwrap_or_default(),
                &[("weighted-mean", Normalization::WeightedMean), ("num-boxes", Normalization::NumBoxes)],
            )?,
            allow_no_object_labels: self.allow_no_object_labels.unwrap_or(false),
        }))
    }
}

impl ClassCostOptions {
    fn into_class_cost(self) -> Result<ClassCost> {
        let Self { form, alpha, gamma } = self;
        let forms = [
            ("probability", ClassCost::Probability),
            ("focal", ClassCost::Focal { alpha, gamma }),
            ("log-sigmoid", ClassCost::LogSigmoid { alpha, gamma }),
        ];
        choice("options.cost.classForm", &form, &forms)
    }
}

impl DistributionOptions {
    fn into_distribution(self) -> Distribution {
        let Self { reg_max, up, reg_scale, temperature, fgl, ddf } = self;
        Distribution { reg_max: reg_max as usize, up, reg_scale, temperature, fgl, ddf }
    }
}

impl TermWeights {
    fn into_weights(self) -> Weights {
        let Self { class, l1, giou, iou, diou, ciou } = self;
        Weights { class, l1, giou, iou, diou, ciou }
    }
}

fn choice<T: Copy>(argument: &'static str, name: &str, choices: &[(&str, T)]) -> Result<T> {
    let found = choices.iter().find(|(known, _)| *known == name);
    found.map(|&(_, value)| value).ok_or_else(|| {
        let known: Vec<_> = choices.iter().map(|(known, _)| format!("'{known}'")).collect();
        Failure::option(argument, format!("{argument}: must be {}, got '{name}'", known.join(" or ")))
    })
}
