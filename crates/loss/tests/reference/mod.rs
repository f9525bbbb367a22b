//! The loss and the matching cost by their definitions, in plain `f64`, for given matches.

use hungarian_loss::{
    BoxFormat, Cardinality, ClassCost, Classification, Config, LayerTerms, Normalization, Shape, Sigmoid, Softmax,
    Weights,
};

pub struct Reference<'a> {
    pub config: &'a Config,
    pub shape: Shape,
    /// The labels of each target.
    pub labels: Vec<&'a [i32]>,
    pub boxes: &'a [f32],
    pub offsets: &'a [u32],
    /// `[layers, images, queries]`: the target of each query, -1 for background, -2 for no part in the loss.
    pub matches: Vec<i32>,
    /// What the box terms, and but for the weighted mean the class term, are divided by.
    pub num_boxes: f64,
    /// The pairs of the box terms, `[images, queries]`, and what these are divided by, where they are others.
    pub union: Option<(Vec<i32>, f64)>,
    /// Added to the cost of the one image that there then is, `[queries, targets]`.
    pub added: Vec<f32>,
}

/// A layer's predictions.
#[derive(Clone, Copy)]
pub struct Values<'a> {
    pub logits: &'a [f64],
    pub boxes: &'a [f64],
}

impl Reference<'_> {
    fn target_box(&self, target: usize) -> [f64; 4] {
        std::array::from_fn(|k| f64::from(self.boxes[4 * target + k]))
    }

    /// The unweighted terms of a layer. What passes no gradient is computed from `fixed`.
    pub fn layer(&self, layer: usize, values: Values<'_>, fixed: Values<'_>) -> LayerTerms {
        let Shape { images, queries, classes } = self.shape;
        // published sigmoid criteria count as if the last class were no-object
        let no_object = softmax_of(self.config).map_or(classes - 1, |softmax| softmax.no_object_index);
        let mut sums = LayerTerms::default();
        let (mut matched, mut correct) = (0.0, 0.0);
        for image in 0..images {
            let targets = self.offsets[image] as usize..self.offsets[image + 1] as usize;
            let mut objects = 0.0f64;
            for query in 0..queries {
                let row = image * queries + query;
                let [x, fixed_x] = [values, fixed].map(|values| &values.logits[row * classes..][..classes]);
                let [p, fixed_p] = [values, fixed].map(|values| &values.boxes[4 * row..][..4]);
                let matched_to = self.matches[layer * images * queries + row];
                let is_left_out = matched_to == -2;
                let target = usize::try_from(matched_to).ok().map(|t| targets.start + t);
                let labels = target.map_or(&[][..], |t| self.labels[t]);
                let max = x.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                let largest = x.iter().position(|&v| v == max).unwrap();
                let is_published =
                    softmax_of(self.config).is_some() || self.config.cardinality == Cardinality::Published;
                let is_object = if is_published { largest != no_object } else { 1.0 / (1.0 + (-max).exp()) > 0.5 };
                objects += f64::from(u8::from(is_object));
                let iou = target.map_or(0.0, |t| self.overlap(fixed_p, &self.target_box(t)).iou);
                match &self.config.classification {
                    _ if is_left_out => {}
                    Classification::Softmax(softmax) => {
                        let label = labels.first().map_or(no_object, |&label| label as usize);
                        let weight = column_weight(softmax, label);
                        let sum: f64 = x.iter().map(|v| (v - max).exp()).sum();
                        sums.class += weight * (sum.ln() + max - x[label]);
                        sums.class_weight += weight;
                    }
                    Classification::Sigmoid(kind) => {
                        for class in 0..classes {
                            let labelled = labels.contains(&(class as i32));
                            sums.class += cell(*kind, labelled, iou, x[class], fixed_x[class]);
                        }
                    }
                }
                let box_target = self.union.as_ref().map_or(matched_to, |(pairs, _)| pairs[row]);
                if let Ok(target) = usize::try_from(box_target) {
                    let t = self.target_box(targets.start + target);
                    let (now, then) = (self.overlap(p, &t), self.overlap(fixed_p, &t));
                    sums.l1 += p.iter().zip(t).map(|(p, t)| (p - t).abs()).sum::<f64>();
                    sums.giou += 1.0 - now.giou;
                    sums.iou += 1.0 - now.iou;
                    sums.diou += 1.0 - now.diou;
                    sums.ciou += 1.0 - now.diou + then.alpha * now.v;
                }
                if target.is_some() {
                    matched += 1.0;
                    correct += f64::from(u8::from(labels.contains(&(largest as i32))));
                }
            }
            sums.cardinality_error += (objects - targets.len() as f64).abs();
        }
        let num_boxes = self.union.as_ref().map_or(self.num_boxes, |union| union.1);
        if softmax_of(self.config).is_none_or(|softmax| softmax.normalization == Normalization::NumBoxes) {
            sums.class_weight = self.num_boxes;
        }
        let distance = self.config.weights.diou > 0.0 || self.config.weights.ciou > 0.0;
        LayerTerms {
            class: if sums.class_weight > 0.0 { sums.class / sums.class_weight } else { 0.0 },
            l1: sums.l1 / num_boxes,
            giou: sums.giou / num_boxes,
            iou: sums.iou / num_boxes,
            diou: if distance { sums.diou / num_boxes } else { 0.0 },
            ciou: if distance { sums.ciou / num_boxes } else { 0.0 },
            class_error: 100.0 - 100.0 * correct / matched,
            cardinality_error: sums.cardinality_error / images as f64,
            class_weight: sums.class_weight,
            ..LayerTerms::default()
        }
    }

    pub fn total(&self, terms: &LayerTerms) -> f64 {
        let Weights { class, l1, giou, iou, diou, ciou } = self.config.weights;
        let overlap = giou * terms.giou + iou * terms.iou + diou * terms.diou + ciou * terms.ciou;
        class * terms.class + l1 * terms.l1 + overlap
    }

    fn overlap(&self, p: &[f64], t: &[f64]) -> Overlap {
        let corners = |b: &[f64]| match self.config.box_format {
            BoxFormat::Cxcywh => [b[0] - b[2] / 2.0, b[1] - b[3] / 2.0, b[0] + b[2] / 2.0, b[1] + b[3] / 2.0],
            BoxFormat::Xyxy => [b[0], b[1], b[2], b[3]],
        };
        let epsilon = self.config.box_epsilon;
        let (a, b) = (corners(p), corners(t));
        let size = |c: &[f64; 4]| [c[2] - c[0], c[3] - c[1]];
        let area = |c: &[f64; 4]| size(c)[0] * size(c)[1];
        let overlap: f64 = (0..2).map(|k| (a[k + 2].min(b[k + 2]) - a[k].max(b[k])).max(0.0)).product();
        let outer = [a[0].min(b[0]), a[1].min(b[1]), a[2].max(b[2]), a[3].max(b[3])];
        let union = area(&a) + area(&b) - overlap;
        let iou = overlap / (union + epsilon);
        let shift = |k: usize| (a[k] + a[k + 2] - b[k] - b[k + 2]) / 2.0;
        let diagonal = size(&outer)[0].powi(2) + size(&outer)[1].powi(2);
        let angle = |c: &[f64; 4]| (size(c)[0] / size(c)[1]).atan();
        let v = 4.0 / std::f64::consts::PI.powi(2) * (angle(&b) - angle(&a)).powi(2);
        Overlap {
            iou,
            giou: iou - (area(&outer) - union) / (area(&outer) + epsilon),
            diou: iou - (shift(0).powi(2) + shift(1).powi(2)) / (diagonal + epsilon),
            v,
            alpha: v / (1.0 - iou + v),
        }
    }

    fn class_cost(&self, x: &[f64], label: usize) -> f64 {
        let (alpha, gamma, epsilon) = match self.config.cost_class {
            ClassCost::Probability if softmax_of(self.config).is_some() => {
                return -x[label].exp() / x.iter().map(|v| v.exp()).sum::<f64>();
            }
            ClassCost::Probability => return -sigmoid(x[label]),
            ClassCost::Focal { alpha, gamma } => (alpha, gamma, 1e-8),
            ClassCost::LogSigmoid { alpha, gamma } => (alpha, gamma, 0.0),
        };
        let (p, q) = (sigmoid(x[label]), sigmoid(-x[label]));
        -alpha * q.powf(gamma) * (p + epsilon).ln() + (1.0 - alpha) * p.powf(gamma) * (q + epsilon).ln()
    }

    /// Total cost of an image's matches, and the least that any matching has.
    pub fn matching_totals(&self, layer: usize, image: usize, logits: &[f32], boxes: &[f32]) -> (f64, f64) {
        let Shape { queries, classes, .. } = self.shape;
        let targets: Vec<usize> = (self.offsets[image] as usize..self.offsets[image + 1] as usize).collect();
        let added = |query: usize, target: usize| {
            self.added.get(query * targets.len() + target - targets[0]).map_or(0.0, |&cost| f64::from(cost))
        };
        let cost = |query: usize, target: usize| {
            let row = image * queries + query;
            let x: Vec<f64> = logits[row * classes..][..classes].iter().map(|&v| f64::from(v)).collect();
            let p: Vec<f64> = boxes[4 * row..][..4].iter().map(|&v| f64::from(v)).collect();
            let t = self.target_box(target);
            let l1: f64 = p.iter().zip(t).map(|(p, t)| (p - t).abs()).sum();
            let o = self.overlap(&p, &t);
            let w = &self.config.cost;
            let class: f64 = self.labels[target].iter().map(|&label| self.class_cost(&x, label as usize)).sum();
            let overlap = w.giou * o.giou + w.iou * o.iou + w.diou * o.diou + w.ciou * (o.diou - o.alpha * o.v);
            w.class * class + w.l1 * l1 - overlap + added(query, target)
        };
        let matches = &self.matches[(layer * self.shape.images + image) * queries..][..queries];
        let matched = |(query, &target): (usize, &i32)| Some(cost(query, targets[usize::try_from(target).ok()?]));
        let pairs = matches.iter().enumerate().filter_map(matched);
        // the fewer of the two sides are all matched; dynamic programming over sets of targets
        let found: f64 = pairs.clone().sum();
        let mut best = vec![(0usize, 0.0f64); 1 << targets.len()];
        for query in 0..queries {
            for set in (1..best.len()).rev() {
                for k in (0..targets.len()).filter(|k| set >> k & 1 == 1) {
                    let (count, total) = best[set & !(1 << k)];
                    let offered = (count + 1, total + cost(query, targets[k]));
                    if offered.0 > best[set].0 || offered.0 == best[set].0 && offered.1 < best[set].1 {
                        best[set] = offered;
                    }
                }
            }
        }
        let (count, least) = best[best.len() - 1];
        assert_eq!(count, pairs.count(), "every query or every target is matched");
        (found, least)
    }
}

/// The forms of IoU of two boxes; CIoU is `diou - alpha * v`.
struct Overlap {
    iou: f64,
    giou: f64,
    diou: f64,
    v: f64,
    alpha: f64,
}

fn softmax_of(config: &Config) -> Option<&Softmax> {
    match &config.classification {
        Classification::Softmax(softmax) => Some(softmax),
        Classification::Sigmoid(_) => None,
    }
}

fn column_weight(softmax: &Softmax, label: usize) -> f64 {
    if label == softmax.no_object_index {
        return softmax.no_object_weight;
    }
    let index = if label > softmax.no_object_index { label - 1 } else { label };
    softmax.class_weights.as_ref().map_or(1.0, |weights| weights[index])
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

/// What one logit adds to a sigmoid criterion.
fn cell(kind: Sigmoid, labelled: bool, iou: f64, x: f64, fixed_x: f64) -> f64 {
    let (p, q) = (sigmoid(x), sigmoid(-x));
    let entropy = |t: f64| -t * p.ln() - (1.0 - t) * q.ln();
    let weight = |detached: bool| if detached { sigmoid(fixed_x) } else { p };
    match (kind, labelled) {
        (Sigmoid::Focal { alpha, gamma }, true) => -alpha * q.powf(gamma) * p.ln(),
        (Sigmoid::Focal { alpha, gamma }, false) => -(1.0 - alpha) * p.powf(gamma) * q.ln(),
        (Sigmoid::Varifocal { .. }, true) => iou * entropy(iou),
        (Sigmoid::Mal { gamma, .. }, true) => entropy(iou.powf(gamma)),
        (
            Sigmoid::Varifocal { alpha, gamma, detach_weights } | Sigmoid::Mal { alpha, gamma, detach_weights },
            false,
        ) => -alpha * weight(detach_weights).powf(gamma) * q.ln(),
        (Sigmoid::IaBce { alpha, min_quality, .. }, true) => {
            entropy((sigmoid(fixed_x).powf(alpha) * iou.powf(1.0 - alpha)).max(min_quality))
        }
        (Sigmoid::IaBce { gamma, .. }, false) => -p.powf(gamma) * q.ln(),
    }
}
