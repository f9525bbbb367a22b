//! The pipeline: for every decoder layer and image, matching cost → exact assignment → loss and gradients.
//!
//! Layers and images are independent of each other but for the two normalisers, so nothing larger than one image's
//! cost block ever exists. Terms are summed over images in index order, in `f64`.

use crate::assign::block::Block;
use crate::assign::dense::Outcome;
use crate::batch::{ImageTargets, Layer, Predictions, Shape, Targets, broken_rule, check_length};
use crate::config::{BoxFormat, Config, NonFinite, Normalization};
use crate::cost::{self, ClassTerm, boxes};
use crate::error::{COMPONENTS, Error, QueryPlace, Result};
use crate::loss::boxes::{BoxScale, BoxTerms};
use crate::loss::{self, softmax};
use crate::scratch::{Scratch, reserve};
use crate::simd::{LANES, Level, dispatch, padded};

/// A checked configuration, ready to run.
#[derive(Clone, Debug)]
pub struct Criterion {
    config: Config,
    level: Level,
    /// Cross-entropy weight of every column of the logits.
    column_weights: Vec<f64>,
}

/// Normalisers given by the caller, for a batch that is split over workers.
#[derive(Clone, Copy, Debug, Default)]
pub struct Normalizers<'a> {
    /// What the box terms are divided by; by default max(1, number of targets).
    pub num_boxes: Option<f64>,
    /// For each layer, what the class term is divided by; by default the sum of the weights of its queries.
    pub class_weight: Option<&'a [f64]>,
}

/// Where the gradients of one layer go.
#[derive(Debug)]
pub struct LayerGradients<'a> {
    /// `[images, queries, classes]`.
    pub logits: &'a mut [f32],
    /// `[images, queries, 4]`.
    pub boxes: &'a mut [f32],
}

/// Counts of the non-finite values met, all 0 unless [`NonFinite::Worst`] is set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NonFiniteCounts {
    /// Logits that are NaN or ±infinity.
    pub logits: usize,
    /// Box components that are.
    pub boxes: usize,
    /// Cells of cost blocks that were filled with a cost above every finite one of the image.
    pub costs: usize,
}

/// The terms of one layer, unweighted.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct LayerTerms {
    /// Class term, normalised.
    pub class: f64,
    /// L1 term, normalised.
    pub l1: f64,
    /// 1 - GIoU, normalised.
    pub giou: f64,
    /// Percentage of matched queries whose largest logit is not their target's label; NaN where nothing is matched.
    pub class_error: f64,
    /// Mean over images of |queries classified as objects - targets|.
    pub cardinality_error: f64,
    /// Sum of the cross-entropy weights, or what the caller gave for it.
    pub class_weight: f64,
}

/// The result of [`Criterion::compute`].
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// Weighted sum of all terms of all layers.
    pub loss: f64,
    /// What the box terms were divided by.
    pub num_boxes: f64,
    /// What was left out.
    pub non_finite: NonFiniteCounts,
    /// One entry for each layer.
    pub layers: Vec<LayerTerms>,
}

/// The sums of one image.
#[derive(Clone, Copy, Debug, Default)]
struct ImageTerms {
    class: f64,
    boxes: BoxTerms,
    class_weight: f64,
    matched: usize,
    correct: usize,
    cardinality_error: usize,
}

/// One image of one layer.
#[derive(Clone, Copy)]
struct Image<'a> {
    layer: usize,
    image: usize,
    queries: usize,
    logits: &'a [f32],
    boxes: &'a [f32],
    targets: ImageTargets<'a>,
}

/// What the two terms of a layer are multiplied by in its gradient.
#[derive(Clone, Copy)]
struct Scales {
    /// Class term: weight / normaliser.
    class: f64,
    boxes: BoxScale,
}

impl Criterion {
    /// Checks the configuration.
    ///
    /// # Errors
    /// [`Error::Option`] for a value outside its range.
    pub fn new(level: Level, config: Config) -> Result<Self> {
        config.check()?;
        let column_weights = config.column_weights();
        Ok(Self { config, level, column_weights })
    }

    /// The configuration.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The loss, its terms, the matches and, if `gradients` is not empty, the gradients of the loss, every element of them.
    ///
    /// `query_of_target`: `[layers, targets]`, written: the matched query of each target, or -1.
    ///
    /// # Errors
    /// The first fault in the order: labels, target boxes, predictions. Gradients and matches are then unspecified.
    pub fn compute(
        &self,
        predictions: &Predictions<'_>,
        targets: &Targets<'_>,
        normalizers: Normalizers<'_>,
        gradients: &mut [LayerGradients<'_>],
        query_of_target: &mut [i32],
        scratch: &mut Scratch,
    ) -> Result<Report> {
        let shape = predictions.shape;
        self.check(predictions, targets)?;
        check_length("queryOfTarget", query_of_target.len(), &[predictions.layers.len(), targets.total()])?;
        self.check_normalizers(predictions, normalizers)?;
        if !gradients.is_empty() {
            check_length("call.out", gradients.len(), &[predictions.layers.len()])?;
        }
        for gradient in gradients.iter() {
            check_length("call.out.logits", gradient.logits.len(), &[shape.images, shape.queries, shape.classes])?;
            check_length("call.out.boxes", gradient.boxes.len(), &[shape.images, shape.queries, COMPONENTS])?;
        }
        let num_boxes = normalizers.num_boxes.unwrap_or((targets.total() as f64).max(1.0));
        let known_class_weight = match self.config.classification.normalization {
            Normalization::NumBoxes => Some(num_boxes),
            Normalization::WeightedMean => self.class_weight_before_matching(shape, targets),
        };
        let mut report = Report { loss: 0.0, num_boxes, non_finite: NonFiniteCounts::default(), layers: Vec::new() };
        for (index, layer) in predictions.layers.iter().enumerate() {
            let given = normalizers.class_weight.map(|weights| weights[index]);
            let class_weight = given.or(known_class_weight);
            let weights = &self.config.weights;
            let scales = Scales {
                class: weights.class * reciprocal(class_weight.unwrap_or(1.0)),
                boxes: BoxScale { l1: weights.l1 / num_boxes, giou: weights.giou / num_boxes },
            };
            let mut gradient = gradients.get_mut(index);
            let matches = &mut query_of_target[index * targets.total()..][..targets.total()];
            let mut sums = ImageTerms::default();
            for image in images(shape, index, layer, targets) {
                let gradient = gradient.as_mut().map(|g| image_gradient(shape, g, image.image));
                let matches = &mut matches[targets.range(image.image)];
                let terms = self.image_loss(&image, scales, gradient, matches, scratch, &mut report.non_finite)?;
                sums.add(&terms);
            }
            if let (None, Some(gradient)) = (class_weight, gradient) {
                // the weights of the matched targets were not known before: divide now
                scale(gradient.logits, reciprocal(sums.class_weight) as f32);
            }
            let terms = sums.normalized(class_weight.unwrap_or(sums.class_weight), num_boxes, shape.images);
            report.loss += weights.class * terms.class + weights.l1 * terms.l1 + weights.giou * terms.giou;
            report.layers.push(terms);
        }
        Ok(report)
    }

    /// The matching alone; of the report, only `num_boxes`, `non_finite` and each layer's `class_weight` mean anything.
    ///
    /// # Errors
    /// As [`Criterion::compute`].
    pub fn match_targets(
        &self,
        predictions: &Predictions<'_>,
        targets: &Targets<'_>,
        query_of_target: &mut [i32],
        scratch: &mut Scratch,
    ) -> Result<Report> {
        let shape = predictions.shape;
        self.check(predictions, targets)?;
        check_length("queryOfTarget", query_of_target.len(), &[predictions.layers.len(), targets.total()])?;
        let num_boxes = (targets.total() as f64).max(1.0);
        let mut report = Report { loss: 0.0, num_boxes, non_finite: NonFiniteCounts::default(), layers: Vec::new() };
        for (index, layer) in predictions.layers.iter().enumerate() {
            let matches = &mut query_of_target[index * targets.total()..][..targets.total()];
            let mut sums = ImageTerms::default();
            for image in images(shape, index, layer, targets) {
                self.prepare(&image, 1.0, None, scratch, &mut report.non_finite)?;
                self.assign(&image, &mut matches[targets.range(image.image)], scratch);
                sums.class_weight += self.class_weight(&image, &scratch.pairs);
            }
            let class_weight = match self.config.classification.normalization {
                Normalization::NumBoxes => num_boxes,
                Normalization::WeightedMean => sums.class_weight,
            };
            report.layers.push(LayerTerms { class_weight, ..LayerTerms::default() });
        }
        Ok(report)
    }

    /// The matching cost alone.
    ///
    /// `out`: for each layer and image one block `[queries, targets of the image]`, one after the other.
    ///
    /// # Errors
    /// As [`Criterion::compute`].
    pub fn cost(
        &self,
        predictions: &Predictions<'_>,
        targets: &Targets<'_>,
        out: &mut [f32],
        scratch: &mut Scratch,
    ) -> Result<NonFiniteCounts> {
        let shape = predictions.shape;
        self.check(predictions, targets)?;
        check_length("cost", out.len(), &[predictions.layers.len(), shape.queries, targets.total()])?;
        let mut counts = NonFiniteCounts::default();
        let mut rest = out;
        for (index, layer) in predictions.layers.iter().enumerate() {
            for image in images(shape, index, layer, targets) {
                self.prepare(&image, 1.0, None, scratch, &mut counts)?;
                let block;
                (block, rest) = rest.split_at_mut(shape.queries * image.targets.len());
                transpose(&scratch.block, padded(shape.queries), block, image.targets.len());
            }
        }
        Ok(counts)
    }

    /// Shapes that must agree with each other and with the configuration, then the targets' values.
    fn check(&self, predictions: &Predictions<'_>, targets: &Targets<'_>) -> Result<()> {
        let shape = predictions.shape;
        check_length("targets", targets.images(), &[shape.images])?;
        check_length("outputs.logits", shape.classes, &[self.config.logits_width()])?;
        targets.check(&self.config)
    }

    fn check_normalizers(&self, predictions: &Predictions<'_>, given: Normalizers<'_>) -> Result<()> {
        let positive = |name, value: f64| {
            if value > 0.0 && value.is_finite() {
                Ok(())
            } else {
                Err(Error::Option { name, rule: "a positive number", value })
            }
        };
        if let Some(num_boxes) = given.num_boxes {
            positive("call.numBoxes", num_boxes)?;
        }
        if let Some(weights) = given.class_weight {
            check_length("call.classWeight", weights.len(), &[predictions.layers.len()])?;
            weights.iter().try_for_each(|&w| positive("call.classWeight", w))?;
        }
        Ok(())
    }

    /// The sum of the weights of all queries, where it does not depend on which targets find a query.
    fn class_weight_before_matching(&self, shape: Shape, targets: &Targets<'_>) -> Option<f64> {
        let background = self.config.classification.no_object_weight;
        let mut sum = 0.0;
        for image in 0..shape.images {
            let labels = targets.image(image).labels;
            let weight = |label: &i32| self.column_weights[*label as usize];
            if labels.len() <= shape.queries {
                sum += labels.iter().map(weight).sum::<f64>() + (shape.queries - labels.len()) as f64 * background;
            } else if labels.iter().all(|label| weight(label) == weight(&labels[0])) {
                sum += shape.queries as f64 * weight(&labels[0]);
            } else {
                return None;
            }
        }
        Some(sum)
    }

    /// The sum of the weights of an image's queries.
    fn class_weight(&self, image: &Image<'_>, pairs: &[(usize, usize)]) -> f64 {
        let matched: f64 = pairs.iter().map(|&(_, t)| self.column_weights[image.targets.labels[t] as usize]).sum();
        matched + (image.queries - pairs.len()) as f64 * self.config.classification.no_object_weight
    }

    /// All three stages for one image.
    fn image_loss(
        &self,
        image: &Image<'_>,
        scales: Scales,
        mut gradient: Option<LayerGradients<'_>>,
        matches: &mut [i32],
        scratch: &mut Scratch,
        counts: &mut NonFiniteCounts,
    ) -> Result<ImageTerms> {
        let background = self.config.classification.no_object_weight;
        let background_scale = (scales.class * background) as f32;
        let pass_scale = if SAFE_SCALES.contains(&background_scale) { background_scale } else { 1.0 };
        let logits_gradient = gradient.as_mut().map(|g| &mut *g.logits);
        let objects = self.prepare(image, pass_scale, logits_gradient, scratch, counts)?;
        self.assign(image, matches, scratch);
        let class_weight = self.class_weight(image, &scratch.pairs);

        let Scratch { pairs, jobs, matched, nll, tile, clean, .. } = scratch;
        let image = image.without(clean);
        let left_out = &clean.left_out;
        pairs.retain(|(query, _)| left_out.binary_search(query).is_err());
        if let Some(gradient) = &mut gradient {
            if pass_scale != background_scale {
                scale(gradient.logits, background_scale);
            }
            for &query in left_out {
                gradient.logits[query * self.config.logits_width()..][..self.config.logits_width()].fill(0.0);
            }
            gradient.boxes.fill(0.0);
        }

        jobs.clear();
        jobs.extend(pairs.iter().map(|&(query, target)| {
            let label = image.targets.labels[target] as usize;
            softmax::Job { query, label, weight: (scales.class * self.column_weights[label]) as f32 }
        }));
        let matched = reserve(matched, jobs.len());
        let mut rows = self.rows(&image, gradient.as_mut().map(|g| &mut *g.logits), tile);
        softmax::matched(self.level, &mut rows, jobs, matched);
        for &query in jobs.iter().map(|job| &job.query).chain(left_out) {
            nll[query] = 0.0;
        }
        let unmatched: f64 = nll[..image.queries].iter().sum();
        let class = jobs.iter().zip(&*matched).map(|(job, m)| self.column_weights[job.label] * m.nll).sum::<f64>();

        let boxes = loss::boxes::matched(
            self.level,
            self.config.box_format,
            image.boxes,
            image.targets.boxes,
            pairs,
            scales.boxes,
            gradient.map(|g| g.boxes),
        );
        Ok(ImageTerms {
            class: class + background * unmatched,
            boxes,
            class_weight,
            matched: jobs.len(),
            correct: matched.iter().filter(|m| m.correct).count(),
            cardinality_error: objects.abs_diff(image.targets.len()),
        })
    }

    /// First stage: the background pass and the cost block, in `scratch.block`. Gives how many queries have an object
    /// class for their largest logit.
    ///
    /// `scale`: what every query's background loss is multiplied by in `gradient`; positive.
    fn prepare(
        &self,
        image: &Image<'_>,
        scale: f32,
        mut gradient: Option<&mut [f32]>,
        scratch: &mut Scratch,
        counts: &mut NonFiniteCounts,
    ) -> Result<usize> {
        scratch.labels.set(image.targets.labels, self.config.logits_width());
        scratch.clean.left_out.clear();
        let mut pass = self.read(image, scale, gradient.as_deref_mut(), scratch);
        if !pass.finite && self.inspect(image, scratch, counts)? {
            let mut clean = std::mem::take(&mut scratch.clean);
            pass = self.read(&image.without(&clean), scale, gradient, scratch);
            std::mem::swap(&mut clean, &mut scratch.clean);
        }
        let Scratch { labels, columns, probabilities, block, clean, .. } = scratch;
        let stride = padded(image.queries);
        let block = reserve(block, image.targets.len() * stride);
        let class = ClassTerm { probabilities, row_of_target: &labels.index, scale };
        let inputs = cost::Inputs { queries: image.queries, columns, class, targets: image.targets };
        cost::fill(self.level, self.config.box_format, &self.config.cost, &inputs, block);
        if !clean.left_out.is_empty() {
            counts.costs += fill_with_worst(block, stride, image.queries, &clean.left_out);
        }
        Ok(pass.objects)
    }

    /// Reads an image's predictions: box columns, background losses and the targets' class probabilities.
    fn read(
        &self,
        image: &Image<'_>,
        scale: f32,
        gradient: Option<&mut [f32]>,
        scratch: &mut Scratch,
    ) -> softmax::BackgroundCounts {
        let Scratch { labels, columns, probabilities, nll, tile, .. } = scratch;
        let sound = dispatch!(self.level, simd => match self.config.box_format {
            BoxFormat::Cxcywh => columns.set::<_, boxes::Cxcywh>(simd, image.boxes),
            BoxFormat::Xyxy => columns.set::<_, boxes::Xyxy>(simd, image.boxes),
        });
        let stride = padded(image.queries);
        let mut background = softmax::Background {
            nll: reserve(nll, stride),
            probabilities: reserve(probabilities, labels.distinct.len() * stride),
            classes: &labels.distinct,
        };
        let mut rows = self.rows(image, gradient, tile);
        let no_object = self.config.classification.no_object_index;
        let pass = softmax::background(self.level, &mut rows, no_object, scale, &mut background);
        softmax::BackgroundCounts { finite: pass.finite && sound, ..pass }
    }

    fn rows<'a>(
        &self,
        image: &Image<'a>,
        gradient: Option<&'a mut [f32]>,
        tile: &'a mut Vec<f32>,
    ) -> softmax::Rows<'a> {
        let classes = self.config.logits_width();
        let gradient = gradient.unwrap_or_else(|| reserve(tile, LANES * classes));
        softmax::Rows { logits: image.logits, gradient, classes }
    }

    /// Looks at every value of an image that did not look sound. Returns whether queries must be left out, which are
    /// then listed, with a clean copy of the image, in `scratch.clean`.
    fn inspect(&self, image: &Image<'_>, scratch: &mut Scratch, counts: &mut NonFiniteCounts) -> Result<bool> {
        let classes = self.config.logits_width();
        let throws = self.config.non_finite == NonFinite::Throw;
        let place = |query| QueryPlace { layer: image.layer, image: image.image, query };
        let clean = &mut scratch.clean;
        for query in 0..image.queries {
            let logits = &image.logits[query * classes..][..classes];
            let bad = logits.iter().filter(|x| !x.is_finite()).count();
            if bad > 0 && throws {
                let class = logits.iter().position(|x| !x.is_finite()).unwrap_or_default();
                return Err(Error::LogitNotFinite { place: place(query), class, value: logits[class] });
            }
            counts.logits += bad;
            if bad > 0 {
                clean.left_out.push(query);
            }
        }
        for query in 0..image.queries {
            let values = &image.boxes[query * COMPONENTS..][..COMPONENTS];
            let bad = values.iter().filter(|x| !x.is_finite()).count();
            if bad > 0 && throws {
                let component = values.iter().position(|x| !x.is_finite()).unwrap_or_default();
                return Err(Error::BoxNotFinite { place: place(query), component, value: values[component] });
            }
            counts.boxes += bad;
            if bad > 0 {
                clean.left_out.push(query);
            } else if let Some((component, rule)) = broken_rule(values, self.config.box_format) {
                return Err(Error::Box { place: place(query), component, value: values[component], rule });
            }
        }
        clean.left_out.sort_unstable();
        clean.left_out.dedup();
        clean.logits.clear();
        clean.logits.extend_from_slice(image.logits);
        clean.boxes.clear();
        clean.boxes.extend_from_slice(image.boxes);
        for &query in &clean.left_out {
            clean.logits[query * classes..][..classes].fill(0.0);
            clean.boxes[query * COMPONENTS..][..COMPONENTS].fill(0.0);
        }
        Ok(!clean.left_out.is_empty())
    }

    /// Second stage: solves the cost block. Writes the query of each target, or -1, and `scratch.pairs`.
    fn assign(&self, image: &Image<'_>, matches: &mut [i32], scratch: &mut Scratch) {
        let Scratch { block, transposed, solver, pairs, .. } = scratch;
        let (queries, targets) = (image.queries, image.targets.len());
        let stride = padded(queries);
        let mut costs = if targets <= queries {
            Block::padded(&block[..targets * stride], targets, queries, stride)
        } else {
            let wide = padded(targets);
            let transposed = reserve(transposed, queries * wide);
            transposed.fill(f32::INFINITY);
            transpose(&block[..targets * stride], stride, transposed, wide);
            Block::padded(transposed, queries, targets, wide)
        };
        let outcome = solver.solve(self.level, &mut costs, None);
        debug_assert_eq!(outcome, Outcome::Optimal, "matching costs are finite");
        pairs.clear();
        for (target, place) in matches.iter_mut().enumerate() {
            let query = if targets <= queries { solver.column_of(target) } else { solver.row_of(target) };
            *place = query.map_or(-1, |q| q as i32);
            pairs.extend(query.map(|q| (q as usize, target)));
        }
    }
}

/// Background scales at which probabilities times the scale keep their digits in `f32`.
const SAFE_SCALES: std::ops::RangeInclusive<f32> = 1e-20..=1e20;

impl<'a> Image<'a> {
    /// The image with the clean copy of its predictions, if there is one.
    fn without<'b>(&self, clean: &'b crate::scratch::Clean) -> Image<'b>
    where
        'a: 'b,
    {
        if clean.left_out.is_empty() {
            return *self;
        }
        Image { logits: &clean.logits, boxes: &clean.boxes, ..*self }
    }
}

impl ImageTerms {
    fn add(&mut self, other: &Self) {
        self.class += other.class;
        self.boxes.l1 += other.boxes.l1;
        self.boxes.giou += other.boxes.giou;
        self.class_weight += other.class_weight;
        self.matched += other.matched;
        self.correct += other.correct;
        self.cardinality_error += other.cardinality_error;
    }

    fn normalized(&self, class_weight: f64, num_boxes: f64, images: usize) -> LayerTerms {
        LayerTerms {
            class: self.class * reciprocal(class_weight),
            l1: self.boxes.l1 / num_boxes,
            giou: self.boxes.giou / num_boxes,
            class_error: 100.0 - 100.0 * self.correct as f64 / self.matched as f64,
            cardinality_error: self.cardinality_error as f64 / images.max(1) as f64,
            class_weight,
        }
    }
}

/// The images of a layer with their targets.
fn images<'a>(
    shape: Shape,
    index: usize,
    layer: &'a Layer<'a>,
    targets: &'a Targets<'a>,
) -> impl Iterator<Item = Image<'a>> {
    let (logits, boxes) = (shape.queries * shape.classes, shape.queries * COMPONENTS);
    (0..shape.images).map(move |image| Image {
        layer: index,
        image,
        queries: shape.queries,
        logits: &layer.logits[image * logits..][..logits],
        boxes: &layer.boxes[image * boxes..][..boxes],
        targets: targets.image(image),
    })
}

fn image_gradient<'a>(shape: Shape, layer: &'a mut LayerGradients<'_>, image: usize) -> LayerGradients<'a> {
    let (logits, boxes) = (shape.queries * shape.classes, shape.queries * COMPONENTS);
    LayerGradients {
        logits: &mut layer.logits[image * logits..][..logits],
        boxes: &mut layer.boxes[image * boxes..][..boxes],
    }
}

/// 1/x, and 0 for 0: a class term without any weight is 0.
fn reciprocal(x: f64) -> f64 {
    if x == 0.0 { 0.0 } else { 1.0 / x }
}

fn scale(values: &mut [f32], factor: f32) {
    for value in values {
        *value *= factor;
    }
}

/// `out`: `[columns, out_stride]` from `block`: `[rows, stride]`, for as many rows as there are and whole out rows.
fn transpose(block: &[f32], stride: usize, out: &mut [f32], out_stride: usize) {
    if out_stride == 0 {
        return;
    }
    for (column, out) in out.chunks_exact_mut(out_stride).enumerate() {
        for (value, row) in out.iter_mut().zip(block.chunks_exact(stride)) {
            *value = row[column];
        }
    }
}

/// Gives the queries that are left out a cost above every cost of the others, so that they are matched last. Returns
/// the number of cells.
fn fill_with_worst(block: &mut [f32], stride: usize, queries: usize, left_out: &[usize]) -> usize {
    let kept = |query: &usize| left_out.binary_search(query).is_err();
    let costs = block.chunks_exact(stride).flat_map(|row| (0..queries).filter(kept).map(|query| row[query]));
    let worst = costs.map(f32::abs).fold(0.0, f32::max);
    let above = (2.0 * worst + 1.0).min(f32::MAX);
    for row in block.chunks_exact_mut(stride) {
        for &query in left_out {
            row[query] = above;
        }
    }
    block.len() / stride.max(1) * left_out.len()
}
