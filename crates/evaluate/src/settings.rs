//! What is evaluated: classes, thresholds, ranges of areas, maxima of detections.

use crate::error::{Error, Result};

/// The most values of each list of thresholds, areas and maxima.
const MOST: [usize; 4] = [1000, 10_000, 64, 64];

/// What is evaluated.
#[derive(Clone, Copy, Debug)]
pub struct Settings<'a> {
    /// How many classes there are, at least 1.
    pub classes: usize,
    /// Thresholds of IoU, above 0 and at most 1, rising; 1 is taken for 1 - 1e-10.
    pub iou_thresholds: &'a [f64],
    /// Where precision is sampled, 0 to 1, rising.
    pub recall_thresholds: &'a [f64],
    /// Least and largest area of each range, both of them within it.
    pub areas: &'a [[f64; 2]],
    /// How many detections of a class in an image count at most, rising. Precision is with the last.
    pub max_detections: &'a [usize],
    /// Whether all are of one class, whatever their labels.
    pub is_class_agnostic: bool,
}

impl Settings<'_> {
    /// How many classes the results have.
    #[must_use]
    pub fn result_classes(&self) -> usize {
        if self.is_class_agnostic { 1 } else { self.classes }
    }

    /// The most detections of a class in an image.
    pub(crate) fn most_detections(&self) -> usize {
        self.max_detections.last().copied().unwrap_or_default()
    }

    /// Refuses settings that mean nothing.
    pub(crate) fn check(&self) -> Result<()> {
        let wrong = |name, rule, value| Err(Error::Setting { name, rule, value });
        let Self { classes, iou_thresholds, recall_thresholds, areas, max_detections, .. } = *self;
        if classes == 0 {
            return wrong("classes", "at least 1", 0.0);
        }
        let lists = [
            ("iou_thresholds", iou_thresholds.len()),
            ("recall_thresholds", recall_thresholds.len()),
            ("areas", areas.len()),
            ("max_detections", max_detections.len()),
        ];
        for ((name, length), most) in lists.into_iter().zip(MOST) {
            if length == 0 || length > most {
                return wrong(name, "a list that is neither empty nor too long", length as f64);
            }
        }
        if let Some(&value) = iou_thresholds.iter().find(|&&value| !(value > 0.0 && value <= 1.0)) {
            return wrong("iou_thresholds", "numbers above 0 and at most 1", value);
        }
        if let Some(&value) = recall_thresholds.iter().find(|value| !(0.0..=1.0).contains(*value)) {
            return wrong("recall_thresholds", "numbers from 0 to 1", value);
        }
        for (name, list) in [("iou_thresholds", iou_thresholds), ("recall_thresholds", recall_thresholds)] {
            if let Some(pair) = list.windows(2).find(|pair| pair[0] >= pair[1]) {
                return wrong(name, "rising", pair[1]);
            }
        }
        if let Some(&[low, high]) = areas.iter().find(|[low, high]| !(*low >= 0.0 && low <= high && high.is_finite())) {
            return wrong("areas", "pairs of numbers from 0 on, the larger last", if low >= 0.0 { high } else { low });
        }
        if let Some(pair) = max_detections.windows(2).find(|pair| pair[0] >= pair[1]) {
            return wrong("max_detections", "rising", pair[1] as f64);
        }
        match max_detections[0] {
            0 => wrong("max_detections", "at least 1", 0.0),
            _ => Ok(()),
        }
    }
}
