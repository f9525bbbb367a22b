//! The loss and the matching cost by their definitions, in plain `f64`, for given matches.

use hungarian_loss::{BoxFormat, Config, LayerTerms, Normalization, Shape};

pub struct Reference<'a> {
    pub config: &'a Config,
    pub shape: Shape,
    pub labels: &'a [i32],
    pub boxes: &'a [f32],
    pub offsets: &'a [u32],
    /// `[layers, images, queries]`: the target of each query, -1 for background, -2 for no part in the loss.
    pub matches: Vec<i32>,
    /// What the box terms, and with `NumBoxes` the class term, are divided by.
    pub num_boxes: f64,
    /// The pairs of the box terms, `[images, queries]`, and what these are divided by, where they are others.
    pub union: Option<(Vec<i32>, f64)>,
    /// Added to the cost of the one image that there then is, `[queries, targets]`.
    pub added: Vec<f32>,
}

impl Reference<'_> {
    fn target_box(&self, target: usize) -> [f64; 4] {
        std::array::from_fn(|k| f64::from(self.boxes[4 * target + k]))
    }

    fn weight(&self, label: usize) -> f64 {
        let class = &self.config.classification;
        if label == class.no_object_index {
            return class.no_object_weight;
        }
        let index = if label > class.no_object_index { label - 1 } else { label };
        class.class_weights.as_ref().map_or(1.0, |weights| weights[index])
    }

    /// The unweighted terms of a layer.
    pub fn layer(&self, layer: usize, logits: &[f64], boxes: &[f64]) -> LayerTerms {
        let Shape { images, queries, classes } = self.shape;
        let no_object = self.config.classification.no_object_index;
        let (mut class, mut class_weight, mut l1, mut giou) = (0.0, 0.0, 0.0, 0.0);
        let (mut matched, mut correct, mut cardinality) = (0.0, 0.0, 0.0);
        for image in 0..images {
            let targets = self.offsets[image] as usize..self.offsets[image + 1] as usize;
            let mut objects = 0.0f64;
            for query in 0..queries {
                let row = image * queries + query;
                let x = &logits[row * classes..][..classes];
                let matched_to = self.matches[layer * images * queries + row];
                let target = usize::try_from(matched_to).ok().map(|t| targets.start + t);
                let label = target.map_or(no_object, |t| self.labels[t] as usize);
                let max = x.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                let largest = x.iter().position(|&v| v == max).unwrap();
                objects += f64::from(u8::from(largest != no_object));
                let sum: f64 = x.iter().map(|v| (v - max).exp()).sum();
                if matched_to != -2 {
                    class += self.weight(label) * (sum.ln() + max - x[label]);
                    class_weight += self.weight(label);
                }
                let box_target = self.union.as_ref().map_or(matched_to, |(pairs, _)| pairs[row]);
                if let Ok(target) = usize::try_from(box_target) {
                    let (p, t) = (&boxes[4 * row..][..4], self.target_box(targets.start + target));
                    l1 += p.iter().zip(t).map(|(p, t)| (p - t).abs()).sum::<f64>();
                    giou += 1.0 - self.giou(p, &t);
                }
                if target.is_some() {
                    matched += 1.0;
                    correct += f64::from(u8::from(largest == label));
                }
            }
            cardinality += (objects - targets.len() as f64).abs();
        }
        let box_divisor = self.union.as_ref().map_or(self.num_boxes, |union| union.1);
        if self.config.classification.normalization == Normalization::NumBoxes {
            class_weight = self.num_boxes;
        }
        LayerTerms {
            class: if class_weight > 0.0 { class / class_weight } else { 0.0 },
            l1: l1 / box_divisor,
            giou: giou / box_divisor,
            class_error: 100.0 - 100.0 * correct / matched,
            cardinality_error: cardinality / images as f64,
            class_weight,
        }
    }

    pub fn total(&self, terms: &LayerTerms) -> f64 {
        let w = &self.config.weights;
        w.class * terms.class + w.l1 * terms.l1 + w.giou * terms.giou
    }

    fn giou(&self, p: &[f64], t: &[f64]) -> f64 {
        let corners = |b: &[f64]| match self.config.box_format {
            BoxFormat::Cxcywh => [b[0] - b[2] / 2.0, b[1] - b[3] / 2.0, b[0] + b[2] / 2.0, b[1] + b[3] / 2.0],
            BoxFormat::Xyxy => [b[0], b[1], b[2], b[3]],
        };
        let (a, b) = (corners(p), corners(t));
        let area = |c: &[f64; 4]| (c[2] - c[0]) * (c[3] - c[1]);
        let overlap: f64 = (0..2).map(|k| (a[k + 2].min(b[k + 2]) - a[k].max(b[k])).max(0.0)).product();
        let hull: f64 = (0..2).map(|k| a[k + 2].max(b[k + 2]) - a[k].min(b[k])).product();
        let union = area(&a) + area(&b) - overlap;
        overlap / union - (hull - union) / hull
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
            let sum: f64 = x.iter().map(|v| v.exp()).sum();
            let p: Vec<f64> = boxes[4 * row..][..4].iter().map(|&v| f64::from(v)).collect();
            let t = self.target_box(target);
            let l1: f64 = p.iter().zip(t).map(|(p, t)| (p - t).abs()).sum();
            let w = &self.config.cost;
            let class = x[self.labels[target] as usize].exp() / sum;
            -w.class * class + w.l1 * l1 - w.giou * self.giou(&p, &t) + added(query, target)
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
