//! The pipeline: for every part, layer and image, matching cost → exact assignment → loss and gradients.
//!
//! Parts, layers and images are independent of each other but for the normalisers, so nothing larger than one image's
//! cost block ever exists; layers that take over another's matching come after it, and box terms of the union matching
//! after all; those of the edges' distributions follow. Every image of a layer is a job for whichever thread is free; terms
//! are summed in index order, in `f64`.

mod corners;

use std::borrow::Cow;
use std::ops::{Range, RangeInclusive};

use lsap::{Interrupt, Interruptible, Threads, memory, solving_takes};
use simd::{LANES, Level, dispatch, padded};

use crate::batch::{Corners, ImageTargets, Layer, Predictions, Targets, broken_rule, check_length, not_finite};
use crate::config::{BoxFormat, Config, Distribution, LossWeights, NonFinite, Weights};
use crate::cost::boxes::{self, Columns};
use crate::cost::{self, ClassTerm};
use crate::error::{BoxRule, COMPONENTS, Error, QueryPlace, Result};
use crate::ignore;
use crate::loss::boxes::{BoxTerms, Boxes};
use crate::loss::class::{self, Class, Logits, Pass, Purpose};
use crate::loss::distribution::Bins;
use crate::loss::{self, clamp};
use crate::part::{BACKGROUND, LEFT_OUT, Matching, Part};
use crate::scratch::{Clean, Scratch};
use crate::union;
use crate::view::{ImageView, Views};
use corners::Step;

/// Work that makes up for waking a thread, in logits to read.
const WORTH_A_THREAD: usize = 1 << 16;

/// Logits that take as long to read as a cell of a cost block takes to fill and to match.
const LOGITS_PER_CELL: usize = 2;

/// Those that take as long as the box terms of a pair.
const LOGITS_PER_PAIR: usize = 16;

/// Those that take as long as a bin of an edge in all terms.
const LOGITS_PER_BIN: usize = 2;

/// What a caller may divide by: beyond these, gradients of ordinary predictions leave the range of `f32`. They hold the
/// share of a worker among millions, and the sum of the largest weights.
const NORMALIZERS: RangeInclusive<f64> = 1e-12..=1e24;

/// A checked configuration, ready to run.
#[derive(Clone, Debug)]
pub struct Criterion {
    config: Config,
    level: Level,
    class: Class,
    bins: Bins,
    /// Shared ones, and how many of them at most; the caller's alone if absent.
    threads: Option<(Threads, usize)>,
}

/// Normalisers given by the caller, for a batch that is split over workers.
#[derive(Clone, Copy, Debug, Default)]
pub struct Normalizers<'a> {
    /// What the box terms are divided by, 1e-12 to 1e24 like the others; by default max(1, number of targets). Parts multiply it by their groups,
    /// repetitions and divisor.
    pub num_boxes: Option<f64>,
    /// What the box terms of the union matching are divided by; by default max(1, number of its pairs).
    pub union_boxes: Option<f64>,
    /// For each layer of all parts, what the class term is divided by; by default the sum of the weights of its
    /// queries, or in sigmoid classification the part's N, which a given `num_boxes` enters.
    pub class_weight: Option<&'a [f64]>,
    /// For each layer of all parts, in place of [`LayerCounts::distilled`]: `[layers, 2]`.
    pub distilled: Option<&'a [f64]>,
}

/// Where the gradients of one layer go, those of all parts that it holds.
#[derive(Debug)]
pub struct LayerGradients<'a> {
    /// `[images, queries, classes]`.
    pub logits: &'a mut [f32],
    /// `[images, queries, 4]`.
    pub boxes: &'a mut [f32],
    /// `[images, queries, 4, bins]`, or empty where the layer has no distributions.
    pub corners: &'a mut [f32],
}

/// Counts of the non-finite values met, all 0 unless [`NonFinite::Worst`] is set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NonFiniteCounts {
    /// Logits that are NaN or ±infinity.
    pub logits: usize,
    /// Box components that are.
    pub boxes: usize,
    /// Logits of edges that are.
    pub corners: usize,
    /// Components of references that are.
    pub references: usize,
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
    /// 1 - IoU, normalised.
    pub iou: f64,
    /// 1 - DIoU, normalised; 0 where neither DIoU nor CIoU has a weight.
    pub diou: f64,
    /// 1 - CIoU, normalised; 0 where neither DIoU nor CIoU has a weight.
    pub ciou: f64,
    /// Fine-grained localisation, normalised; 0 where the layer has no distributions.
    pub fgl: f64,
    /// Distillation, likewise; 0 for the last layer of a part, which teaches, and where it has no weight.
    pub ddf: f64,
    /// Percentage of matched queries whose largest logit is not a label of their target; NaN where nothing is matched.
    pub class_error: f64,
    /// Mean over images of |queries classified as objects - targets|. In sigmoid classification the published criteria count
    /// queries whose largest logit is not that of the last class.
    pub cardinality_error: f64,
    /// What the class term was divided by: the sum of the cross-entropy weights, the number of targets, or what the caller
    /// gave for it.
    pub class_weight: f64,
    /// What the batch itself has, whatever the caller gave.
    pub counts: LayerCounts,
}

/// What the divisors of a layer come from, before anything is clamped: numbers that add up where a batch is split.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct LayerCounts {
    /// The sum of the cross-entropy weights; or where the number of targets divides the class term, that number, multiplied
    /// as [`Normalizers::num_boxes`] is.
    pub class_weight: f64,
    /// The least that the class term is divided by, however small that sum is: the part's divisor, or 0 for the sum of
    /// weights.
    pub least_class_weight: f64,
    /// Queries that the layer's distillation takes: those of the box terms' pairs, and others. 0 for a part's last layer, and
    /// where no part weighs distillation.
    pub distilled: [usize; 2],
}

/// The result of [`Criterion::compute`].
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// Weighted sum of all terms of all layers.
    pub loss: f64,
    /// What the box terms were divided by, but for what parts multiply it by.
    pub num_boxes: f64,
    /// What the box terms of the union matching were divided by; 0 where no part uses it.
    pub union_boxes: f64,
    /// Targets that are not ignored.
    pub targets: usize,
    /// Pairs of the union matching.
    pub union_pairs: usize,
    /// What was left out.
    pub non_finite: NonFiniteCounts,
    /// One entry for each layer of all parts.
    pub layers: Vec<LayerTerms>,
}

/// The sums of one image.
#[derive(Clone, Copy, Debug, Default)]
struct ImageTerms {
    class: f64,
    boxes: BoxTerms,
    fgl: f64,
    ddf: f64,
    matched: usize,
    correct: usize,
    cardinality_error: usize,
}

/// One layer of a part, and where its matching lies.
#[derive(Clone)]
struct Slot<'a> {
    part: &'a Part<'a>,
    /// Within the part.
    layer: usize,
    /// Among those of the predictions.
    tensors: usize,
    /// Whether the edges of its boxes have distributions.
    has_corners: bool,
    /// `[images, queries]` among all matchings.
    matches: Range<usize>,
    /// Where the matching that it takes over lies.
    source: Option<Range<usize>>,
}

/// Layers whose images do not depend on each other.
#[derive(Clone, Copy, PartialEq)]
enum Stage {
    /// Those with a matching of their own, or one that is given.
    Own,
    /// Those that take over another's.
    TakenOver,
    /// Once all matchings are known, those whose box terms use the union of them.
    Union,
    /// Likewise those with distributions of edges.
    Corners,
}

/// One image of one layer of a part.
#[derive(Clone, Copy)]
struct Image<'a> {
    part: &'a Part<'a>,
    layer: usize,
    image: usize,
    /// Whether the matching is to be solved, rather than known.
    is_optimal: bool,
    queries: usize,
    logits: &'a [f32],
    boxes: &'a [f32],
    corners: Option<Corners<'a>>,
    targets: ImageView<'a>,
    /// `[queries, targets]`, added to the cost.
    cost: Option<&'a [f32]>,
}

/// One image of one layer, where its results go, and what it adds to the sums.
struct Job<'a> {
    /// Number of the layer among those of all parts.
    slot: usize,
    image: Image<'a>,
    /// How long it takes, in logits to read.
    work: usize,
    gradient: Option<LayerGradients<'a>>,
    matches: &'a mut [i32],
    terms: ImageTerms,
    class_weight: f64,
    non_finite: NonFiniteCounts,
    fault: Option<Error>,
}

/// What the class term of a layer is divided by.
#[derive(Clone, Copy, Default)]
struct ClassWeight {
    /// What the batch itself has: see [`LayerCounts`].
    sum: f64,
    least: f64,
    /// What divides it; absent where that is a sum that is not known yet.
    divisor: Option<f64>,
    /// Whether the sum is found only when the images are matched.
    is_open: bool,
}

/// What the two terms of a layer are multiplied by in its gradient.
#[derive(Clone, Copy)]
struct Scales {
    /// Class term: weight / normaliser.
    class: f64,
    boxes: BoxTerms,
}

impl Criterion {
    /// Checks the configuration.
    ///
    /// # Errors
    /// [`Error::Option`] for a value outside its range.
    pub fn new(level: Level, config: Config) -> Result<Self> {
        config.check()?;
        let class = Class::new(&config);
        let Distribution { reg_max, up, reg_scale, .. } = config.distribution;
        let bins = Bins::new(reg_max, up, reg_scale)?;
        Ok(Self { config, level, class, bins, threads: None })
    }

    /// The same in up to `count` threads, where there is enough work: the caller's own and, of those that are shared,
    /// what is free. The bits of the results do not depend on it.
    #[must_use]
    pub fn with_threads(self, threads: Threads, count: usize) -> Self {
        Self { threads: Some((threads, count)), ..self }
    }

    /// The configuration.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The loss, its terms, the matches and, if `gradients` is not empty, the gradients of the loss, every element of them.
    ///
    /// `gradients`: one entry for each layer of the predictions. `target_of_query`: written, `[images, queries]` for each
    /// layer of every part: the matched target of each query, -1 for background, -2 for a query that is left out.
    ///
    /// # Errors
    /// The first fault in the order: shapes, labels, target boxes, given matchings and costs, predictions. Gradients and
    /// matches are then unspecified.
    pub fn compute(
        &self,
        predictions: &Predictions<'_>,
        targets: &Targets<'_>,
        normalizers: Normalizers<'_>,
        gradients: &mut [LayerGradients<'_>],
        target_of_query: &mut [i32],
        scratch: &mut Scratch,
    ) -> Result<Report> {
        let (views, slots) = self.check(predictions, targets, Some(target_of_query))?;
        check_normalizers(predictions, normalizers)?;
        check_gradients(predictions, gradients)?;
        let mut report = Report::new(&views, slots.len());
        report.num_boxes = normalizers.num_boxes.unwrap_or(report.num_boxes);
        let mut sums = vec![ImageTerms::default(); slots.len()];
        let mut class_weights = vec![ClassWeight::default(); slots.len()];
        for stage in Stage::all(&slots) {
            for (index, slot) in stage.of(&slots) {
                slot.take_over(target_of_query);
                let matches = &target_of_query[slot.matches.clone()];
                class_weights[index] = self.class_weight(slot, &views, predictions, matches);
                if let Some(given) = normalizers.class_weight {
                    class_weights[index].divisor = Some(given[index]);
                } else if self.class.is_divided_by_boxes() {
                    class_weights[index].divisor = Some(slot.part.num_boxes(normalizers.num_boxes, views.total()));
                }
            }
            let loss = |job: &mut Job<'_>, divisor: f64, scratch: &mut Scratch| -> Result<()> {
                let num_boxes = job.image.part.num_boxes(normalizers.num_boxes, views.total());
                let scales = self.scales(job.image.part, divisor, num_boxes);
                let gradient = job.gradient.as_mut().map(LayerGradients::reborrow);
                let counts = &mut job.non_finite;
                job.terms = self.image_loss(&job.image, scales, gradient, job.matches, scratch, counts)?;
                Ok(())
            };
            let mut jobs = stage.jobs(predictions, &slots, &views, gradients, target_of_query);
            let first = self.run(&mut jobs, scratch, |job, scratch| {
                let class_weight = class_weights[job.slot];
                match class_weight.divisor {
                    Some(divisor) => loss(job, divisor, scratch)?,
                    None if self.can_wait(&job.image, job.matches) => scratch.clean.left_out.clear(),
                    None => self.match_job(job, scratch)?,
                }
                if class_weight.is_open {
                    job.class_weight = self.image_weight(&job.image, job.matches, &scratch.clean.left_out);
                }
                Ok(())
            });
            if let Err(fault) = first {
                // an image that waits may have one that comes before
                let waits = jobs.iter().any(|job| class_weights[job.slot].divisor.is_none());
                let all = if waits {
                    self.run(&mut jobs, scratch, |job, scratch| self.match_job(job, scratch))
                } else {
                    Ok(())
                };
                return Err(all.err().unwrap_or(fault));
            }
            // which queries would count, and as what, was not known before: their loss is computed now
            let is_late = self.count_weights(&jobs, &mut class_weights, normalizers.class_weight.is_some());
            for job in &jobs {
                report.non_finite.add(job.non_finite);
                if is_late.get(job.slot) != Some(&true) {
                    sums[job.slot].add(&job.terms);
                }
            }
            if is_late.contains(&true) {
                let mut jobs = stage.jobs(predictions, &slots, &views, gradients, target_of_query);
                jobs.retain(|job| is_late[job.slot]);
                self.run(&mut jobs, scratch, |job, scratch| {
                    job.image.is_optimal &= self.can_wait(&job.image, job.matches); // others are matched
                    loss(job, class_weights[job.slot].sum, scratch)
                })?;
                jobs.iter().for_each(|job| sums[job.slot].add(&job.terms));
            }
        }
        let mut union = None;
        if slots.iter().any(|slot| slot.part.union) {
            let are_finite = report.non_finite == NonFiniteCounts::default();
            let matches = union.insert(union_matches(&slots, predictions, target_of_query, are_finite)?);
            report.count_union(matches);
            report.union_boxes = normalizers.union_boxes.unwrap_or(report.union_boxes);
            let mut jobs = Stage::Union.jobs(predictions, &slots, &views, gradients, target_of_query);
            self.run(&mut jobs, scratch, |job, scratch| {
                self.union_loss(job, matches, report.union_boxes, scratch);
                Ok(())
            })?;
            jobs.iter().for_each(|job| sums[job.slot].add(&job.terms));
        }
        let box_divisor = |slot: &Slot<'_>| match slot.part.union {
            true => report.union_boxes,
            false => slot.part.num_boxes(normalizers.num_boxes, views.total()),
        };
        let divisors: Vec<_> = slots.iter().map(box_divisor).collect();
        let (slots, views, union, divisors) = (&slots[..], &views, union.as_deref(), &divisors[..]);
        let step = Step { predictions, slots, views, union, divisors, distilled: normalizers.distilled };
        self.corner_loss(&step, gradients, target_of_query, &mut sums, &mut report, scratch)?;
        for (index, (slot, terms)) in slots.iter().zip(&mut report.layers).enumerate() {
            let ClassWeight { sum, least, divisor, .. } = class_weights[index];
            let counts = LayerCounts { class_weight: sum, least_class_weight: least, ..terms.counts };
            let class_weight = divisor.unwrap_or(sum);
            *terms = sums[index].normalized(class_weight, divisors[index], predictions.images, counts);
            report.loss += slot.part.weight * terms.total(&self.weights(slot.part));
        }
        Ok(report)
    }

    /// The matching alone; of the report, only the divisors, the counts that these come from and `non_finite` mean anything.
    ///
    /// # Errors
    /// As [`Criterion::compute`].
    pub fn match_targets(
        &self,
        predictions: &Predictions<'_>,
        targets: &Targets<'_>,
        target_of_query: &mut [i32],
        scratch: &mut Scratch,
    ) -> Result<Report> {
        let (views, slots) = self.check(predictions, targets, Some(target_of_query))?;
        let mut report = Report::new(&views, slots.len());
        let mut class_weights = vec![ClassWeight::default(); slots.len()];
        for stage in Stage::all(&slots) {
            for (index, slot) in stage.of(&slots) {
                slot.take_over(target_of_query);
                let matches = &target_of_query[slot.matches.clone()];
                class_weights[index] = self.class_weight(slot, &views, predictions, matches);
            }
            let mut jobs = stage.jobs(predictions, &slots, &views, &mut [], target_of_query);
            self.run(&mut jobs, scratch, |job, scratch| {
                self.match_job(job, scratch)?;
                if class_weights[job.slot].is_open {
                    job.class_weight = self.image_weight(&job.image, job.matches, &scratch.clean.left_out);
                }
                Ok(())
            })?;
            self.count_weights(&jobs, &mut class_weights, false);
            jobs.iter().for_each(|job| report.non_finite.add(job.non_finite));
        }
        for (layer, ClassWeight { sum, least, .. }) in report.layers.iter_mut().zip(class_weights) {
            layer.class_weight = sum.max(least);
            layer.counts = LayerCounts { class_weight: sum, least_class_weight: least, ..LayerCounts::default() };
        }
        let mut union = None;
        if slots.iter().any(|slot| slot.part.union) {
            let are_finite = report.non_finite == NonFiniteCounts::default();
            let matches = union.insert(union_matches(&slots, predictions, target_of_query, are_finite)?);
            report.count_union(matches);
        }
        if self.distills(predictions, &slots) {
            let (slots, views, union) = (&slots[..], &views, union.as_deref());
            let step = Step { predictions, slots, views, union, divisors: &[], distilled: None };
            self.count_distilled(&step, target_of_query, &mut report, scratch)?;
        }
        Ok(report)
    }

    /// The matching cost alone, with what the caller adds to it.
    ///
    /// `out`: for each layer of every part and each image one block `[queries, targets of the image]`, one after the
    /// other; ignored targets have a cost like the others, and repeated ones are not repeated.
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
        self.check(predictions, targets, None)?;
        let views = Views::new(targets.ignoring(&[])?, Some(self.config.agnostic_label()));
        let slots = slots(predictions);
        let queries: usize = slots.iter().map(|slot| slot.part.queries.len()).sum();
        check_length("cost", out.len(), &[queries, targets.total()])?;
        let mut counts = NonFiniteCounts::default();
        let mut rest = out;
        for slot in &slots {
            for image in images(predictions, slot, &views) {
                let image = Image { is_optimal: true, ..image };
                self.read_checked(&image, Purpose::Matching, scratch, &mut counts)?;
                self.fill_cost(&image, Purpose::Matching.scale(), scratch, &mut counts);
                let block;
                (block, rest) = rest.split_at_mut(image.queries * image.targets.kept.len());
                transpose(&scratch.block, padded(image.queries), block, image.targets.kept.len());
            }
        }
        Ok(counts)
    }

    /// Runs jobs, in several threads where there is enough work.
    ///
    /// # Errors
    /// The first in the order of the jobs; [`lsap::Error::Interrupted`].
    fn run(
        &self,
        jobs: &mut [Job<'_>],
        scratch: &mut Scratch,
        work: impl Fn(&mut Job<'_>, &mut Scratch) -> Result<()> + Sync,
    ) -> Result<()> {
        let interrupt = scratch.interrupt.clone();
        let is_stopped = || interrupt.as_ref().is_some_and(Interrupt::is_raised);
        let run = |scratch: &mut Scratch, job: &mut Job<'_>| {
            if let Some(interrupt) = &interrupt {
                scratch.solver.set_interrupt(Some(interrupt.clone()));
            }
            job.fault = if is_stopped() { Some(lsap::Error::Interrupted.into()) } else { work(job, scratch).err() };
            if interrupt.is_some() {
                scratch.solver.set_interrupt(None);
            }
            job.fault.is_none()
        };
        match &self.threads {
            Some((threads, count)) => {
                let work: usize = jobs.iter().map(|job| job.work).sum();
                let count = (work / WORTH_A_THREAD).min(*count).min(jobs.len());
                threads.each(count, interrupt.is_some(), scratch, jobs, run);
            }
            None => drop(jobs.iter_mut().all(|job| run(scratch, job))),
        }
        jobs.iter_mut().find_map(|job| job.fault.take()).map_or(Ok(()), Err)
    }

    /// Shapes that must agree with each other and with the configuration, then the targets' values, then given matchings
    /// and costs.
    fn check<'a, 'b>(
        &self,
        predictions: &'a Predictions<'_>,
        targets: &Targets<'b>,
        target_of_query: Option<&[i32]>,
    ) -> Result<(Views<'b>, Vec<Slot<'a>>)> {
        check_length("targets", targets.images(), &[predictions.images])?;
        for part in &predictions.parts {
            if !self.config.allows_width(part.classes, part.class_agnostic) {
                check_length("outputs.logits", part.classes, &[self.config.logits_width()])?;
            }
            if let Some(weights) = part.weights.filter(|weights| weights.ddf > 0.0 && self.config.no_object().is_some())
            {
                let rule = "0 for softmax classification";
                return Err(Error::Option { name: "parts.weights.ddf", rule, value: weights.ddf });
            }
        }
        self.check_corners(predictions)?;
        if let Some(places) = target_of_query {
            check_length("targetOfQuery", places.len(), &[predictions.reported_queries()])?;
        }
        targets.check(&self.config)?;
        let counts = predictions.parts.iter().any(|part| !part.rules.is_empty());
        let counts: Vec<_> = (0..if counts { targets.images() } else { 0 }).map(|b| targets.range(b).len()).collect();
        predictions.parts.iter().try_for_each(|part| part.check_rules(&counts))?;
        memory::require("outputs", self.needs(predictions, targets))?;
        let agnostic = predictions.parts.iter().any(|part| part.class_agnostic);
        Ok((Views::new(*targets, agnostic.then(|| self.config.agnostic_label())), slots(predictions)))
    }

    /// Bytes that a call takes, at most.
    #[doc(hidden)]
    #[must_use]
    pub fn needs(&self, predictions: &Predictions<'_>, targets: &Targets<'_>) -> u128 {
        /// For an image of a layer, and for a target.
        const JOB: u128 = 512;
        const TARGET: u128 = 256;
        /// For a label of a target that may have several, and for a query of a layer.
        const LABEL: u128 = 64;
        const ROLE: u128 = 24;
        let largest = Crowd::of(targets);
        let of_image = predictions.parts.iter().map(|part| self.image_needs(part, predictions, &largest));
        let of_image = of_image.max().unwrap_or(0);
        let jobs = predictions.reported_layers() as u128 * (predictions.images as u128 + 1);
        let images = predictions.reported_layers() * predictions.images;
        let threads =
            self.threads.as_ref().map_or(1, |(threads, count)| threads.count().min(*count).min(images)) as u128;
        let labels = if targets.has_several_labels() { targets.labels() as u128 } else { 0 };
        threads * of_image
            + jobs * JOB
            + targets.total() as u128 * TARGET
            + labels * LABEL
            + predictions.reported_queries() as u128 * ROLE
    }

    /// Bytes that a thread takes for an image of a part, at most.
    fn image_needs(&self, part: &Part<'_>, predictions: &Predictions<'_>, largest: &Crowd) -> u128 {
        /// For a query, and for each of its targets and classes.
        const QUERY: u128 = 256;
        /// For a query whose edges are distributions.
        const EDGES: u128 = 256;
        /// For a label of an image, and for one of a query's target.
        const LABEL: u128 = 64;
        const VALUE: u128 = size_of::<f32>() as u128;
        let is_optimal = (0..part.layers.len()).any(|layer| part.rule(layer).matching == Matching::Optimal);
        let Crowd { targets, labels, several, most } = *largest;
        let (queries, targets) = (part.queries.len() as u128 + LANES as u128, if is_optimal { targets } else { 0 });
        let group = part.queries.len() / part.groups;
        // where every query takes the nearest target, nothing is solved
        let repeat = if part.repeat < group { part.repeat } else { 1 };
        let rows = targets as u128 * repeat as u128;
        let is_copied = part.groups > 1 || repeat > 1;
        let across = (group as u128 + LANES as u128) * (rows + LANES as u128);
        let copies = if is_copied { across } else { 0 } + if rows > group as u128 { across } else { 0 };
        // a row for each label, and one for each target that has several
        let class_rows = part.classes.min(labels) + if several { targets } else { 0 };
        let cells = (targets + class_rows) as u128 * queries + copies;
        let may_copy = self.config.clamp_sizes || self.config.non_finite == NonFinite::Worst;
        let clean = if may_copy { queries * (part.classes + COMPONENTS) as u128 } else { 0 };
        // where labels are looked up, and sixteen rows
        let classes = ((1 + LANES) * part.classes) as u128;
        let has_corners = predictions.layers[part.layers.clone()].iter().any(|layer| layer.corners.is_some());
        let edges = if has_corners { queries * EDGES + 3 * (LANES * self.bins.count()) as u128 * VALUE } else { 0 };
        let of_labels = if several { (labels as u128 + queries * most as u128) * LABEL } else { 0 };
        let solver = solving_takes([group, usize::try_from(rows).unwrap_or(usize::MAX)]);
        (cells + clean + classes) * VALUE + queries * QUERY + edges + of_labels + solver
    }

    /// Weights of a part's terms, but for the part's own.
    fn weights(&self, part: &Part<'_>) -> LossWeights {
        part.weights.unwrap_or_else(|| self.config.loss_weights())
    }

    /// What the terms of a part are multiplied by in the gradient.
    fn scales(&self, part: &Part<'_>, class_weight: f64, num_boxes: f64) -> Scales {
        let weights = &self.weights(part).terms;
        Scales {
            class: part.weight * weights.class * reciprocal(class_weight),
            boxes: BoxTerms::of(weights).map(|weight| part.weight * weight / num_boxes),
        }
    }

    /// What is known of a layer's class weight before its images are read. `matches`: where they are not to be solved, those
    /// of the layer.
    fn class_weight(
        &self,
        slot: &Slot<'_>,
        views: &Views<'_>,
        predictions: &Predictions<'_>,
        matches: &[i32],
    ) -> ClassWeight {
        let (part, queries) = (slot.part, slot.part.queries.len());
        if self.class.is_divided_by_boxes() {
            let sum = part.targets(views.total());
            return ClassWeight { sum, least: part.divisor, divisor: None, is_open: false };
        }
        let image = |image: usize| {
            let view = views.image(image, part.class_agnostic);
            self.weight_before_matching(part, &view, slot.is_optimal(), &matches[image * queries..][..queries])
        };
        let divisor: Option<f64> = (0..predictions.images).map(image).sum();
        // that a query is left out shows only when it is read
        let is_open = divisor.is_none() || self.config.non_finite == NonFinite::Worst;
        ClassWeight { sum: divisor.unwrap_or(0.0), least: 0.0, divisor, is_open }
    }

    /// The sum of the weights of an image's queries, where it depends on nothing that is not known yet. `matches`: where
    /// they are not to be solved.
    fn weight_before_matching(
        &self,
        part: &Part<'_>,
        targets: &ImageView<'_>,
        is_optimal: bool,
        matches: &[i32],
    ) -> Option<f64> {
        if !targets.ignored.is_empty() {
            return None;
        }
        match is_optimal {
            true => self.class.weight_before_matching(part.queries.len(), &targets.all, part.copies()),
            false => Some(self.class.weight(&targets.all, matches, &[])),
        }
    }

    /// Whether an image of a layer whose divisor is not known has nothing to add to it but what is.
    fn can_wait(&self, image: &Image<'_>, matches: &[i32]) -> bool {
        self.config.non_finite == NonFinite::Throw
            && self.weight_before_matching(image.part, &image.targets, image.is_optimal, matches).is_some()
    }

    /// The same once the image is matched, added in the same order. `left_out`: queries that are not finite.
    fn image_weight(&self, image: &Image<'_>, matches: &[i32], left_out: &[usize]) -> f64 {
        let before = self.weight_before_matching(image.part, &image.targets, image.is_optimal, matches);
        match before.filter(|_| left_out.is_empty()) {
            Some(weight) => weight,
            None => self.class.weight(&image.targets.all, matches, left_out),
        }
    }

    /// Adds up what was open, once all images of a stage are matched. Gives for each layer whether it was divided by
    /// another sum, or not at all yet; nothing if none was open.
    fn count_weights(&self, jobs: &[Job<'_>], class_weights: &mut [ClassWeight], is_given: bool) -> Vec<bool> {
        if !class_weights.iter().any(|weight| weight.is_open) {
            return Vec::new();
        }
        let mut is_late = vec![false; class_weights.len()];
        let mut sums = vec![0.0; class_weights.len()];
        jobs.iter().for_each(|job| sums[job.slot] += job.class_weight);
        for (slot, class_weight) in class_weights.iter_mut().enumerate().filter(|(_, weight)| weight.is_open) {
            class_weight.is_open = false;
            class_weight.sum = sums[slot];
            if !is_given && class_weight.divisor != Some(sums[slot]) {
                class_weight.divisor = Some(sums[slot]);
                is_late[slot] = true;
            }
        }
        is_late
    }

    /// The matching of one image alone.
    fn match_job(&self, job: &mut Job<'_>, scratch: &mut Scratch) -> Result<()> {
        self.match_image(&job.image, Purpose::Matching, job.matches, scratch, &mut job.non_finite)?;
        Ok(())
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
        let pass_scale = self.class.pass_scale(scales.class);
        let logits_gradient = gradient.as_mut().map(|g| &mut *g.logits);
        let purpose = Purpose::Loss { scale: pass_scale, gradient: logits_gradient };
        let objects = self.match_image(image, purpose, matches, scratch, counts)?;

        // taken out while the scratch is lent to the stages
        let clean = std::mem::take(&mut scratch.clean);
        let used = image.without(&clean);
        sort_out(matches, &clean.left_out, &mut scratch.pairs, &mut scratch.left_out);
        if let Some(gradient) = &mut gradient {
            gradient.boxes.fill(0.0);
        }
        let own_boxes = gradient.as_mut().map(|g| &mut *g.boxes).filter(|_| !image.part.union);
        let ious = memory::first(&mut scratch.ious, scratch.pairs.len());
        let boxes = self.box_loss(&used, &scratch.pairs, &scales.boxes, ious, own_boxes);
        let inputs = class::Inputs { logits: used.logits(), targets: used.targets.all, scale: scales.class };
        let logits_gradient = gradient.as_mut().map(|g| &mut *g.logits);
        let class = self.class.matched(self.level, &inputs, logits_gradient, scratch);
        if let Some(gradient) = &mut gradient {
            let classes = image.part.classes;
            for &query in &scratch.left_out {
                gradient.logits[query * classes..][..classes].fill(0.0);
            }
            self.mend_gradient(image, gradient.boxes, &scratch.pairs);
        }
        scratch.clean = clean;
        Ok(ImageTerms {
            class: class.loss,
            boxes: if image.part.union { BoxTerms::default() } else { boxes },
            matched: scratch.pairs.len(),
            correct: class.correct,
            cardinality_error: objects.abs_diff(image.targets.kept.len().saturating_mul(image.part.repeat)),
            ..ImageTerms::default()
        })
    }

    /// Box terms and IoU of an image's pairs.
    fn box_loss(
        &self,
        image: &Image<'_>,
        pairs: &[(usize, usize)],
        scale: &BoxTerms,
        ious: &mut [f64],
        gradient: Option<&mut [f32]>,
    ) -> BoxTerms {
        let boxes = Boxes { predicted: image.boxes, targets: image.targets.all.boxes, pairs };
        loss::boxes::matched(self.level, &self.config, boxes, scale, ious, gradient)
    }

    /// Turns the gradient by boxes with clamped sides into that by the image's own.
    fn mend_gradient(&self, image: &Image<'_>, gradient: &mut [f32], pairs: &[(usize, usize)]) {
        if self.config.clamp_sizes {
            for &(query, _) in pairs {
                let place = query * COMPONENTS..(query + 1) * COMPONENTS;
                clamp::mend_gradient(&image.boxes[place.clone()], self.config.box_format, &mut gradient[place]);
            }
        }
    }

    /// The box terms of an image by the union matching: `[images, queries]`, divided by `union_boxes` in the gradient.
    fn union_loss(&self, job: &mut Job<'_>, matches: &[i32], union_boxes: f64, scratch: &mut Scratch) {
        let Scratch { pairs, left_out, ious, clean, .. } = scratch;
        let image = &job.image;
        sort_out(&matches[image.image * image.queries..][..image.queries], &[], pairs, left_out);
        pairs.retain(|&(query, _)| image.is_finite(query));
        let scale = self.scales(image.part, 1.0, union_boxes).boxes;
        let mut gradient = job.gradient.as_mut().map(|gradient| &mut *gradient.boxes);
        let ious = memory::first(ious, pairs.len());
        job.terms.boxes = self.box_loss(&self.clamped(image, clean), pairs, &scale, ious, gradient.as_deref_mut());
        if let Some(gradient) = gradient {
            self.mend_gradient(image, gradient, pairs);
        }
    }

    /// The image with its boxes' sides clamped, where they are to be.
    fn clamped<'a>(&self, image: &Image<'a>, clean: &'a mut Clean) -> Image<'a> {
        if !self.config.clamp_sizes {
            return *image;
        }
        clean.boxes.clear();
        clean.boxes.extend_from_slice(image.boxes);
        clamp::clamp(&mut clean.boxes, self.config.box_format);
        Image { boxes: &clean.boxes, ..*image }
    }

    /// The first two stages for one image: reads the predictions and writes the target of each query. Gives how many
    /// queries have an object class for their largest logit, if the purpose is the loss.
    fn match_image(
        &self,
        image: &Image<'_>,
        purpose: Purpose<'_>,
        matches: &mut [i32],
        scratch: &mut Scratch,
        counts: &mut NonFiniteCounts,
    ) -> Result<usize> {
        let scale = purpose.scale();
        let objects = self.read_checked(image, purpose, scratch, counts)?;
        if image.is_optimal {
            self.fill_cost(image, scale, scratch, counts);
            self.assign(image, matches, scratch)?;
        }
        ignore::mark(
            self.config.box_format,
            self.config.ignore,
            image.without(&scratch.clean).boxes,
            &image.targets,
            matches,
        );
        Ok(objects)
    }

    /// Reads an image's predictions, without the queries that are not finite.
    fn read_checked(
        &self,
        image: &Image<'_>,
        mut purpose: Purpose<'_>,
        scratch: &mut Scratch,
        counts: &mut NonFiniteCounts,
    ) -> Result<usize> {
        let targets = if image.is_optimal { image.targets.kept } else { ImageTargets::default() };
        scratch.labels.set(&targets, image.part.classes);
        let (stride, rows) = (padded(image.queries), scratch.labels.rows());
        memory::first_rows(image.part.name, &mut scratch.class_rows, [rows, stride])?;
        memory::first_rows(image.part.name, &mut scratch.block, [targets.len(), stride])?;
        scratch.clean.in_use = false;
        scratch.clean.left_out.clear();
        let mut pass = self.read(image, purpose.reborrow(), scratch);
        if !pass.finite && self.inspect(image, scratch, counts)? {
            let mut clean = std::mem::take(&mut scratch.clean);
            pass = self.read(&image.without(&clean), purpose, scratch);
            std::mem::swap(&mut clean, &mut scratch.clean);
        }
        Ok(pass.objects)
    }

    /// Fills `scratch.block`, `[targets, padded queries]`.
    fn fill_cost(&self, image: &Image<'_>, scale: f32, scratch: &mut Scratch, counts: &mut NonFiniteCounts) {
        let Scratch { labels, columns, class_rows, block, clean, .. } = scratch;
        let stride = padded(image.queries);
        let targets = image.targets.kept;
        let block = memory::first(block, targets.len() * stride);
        let weight = self.class.cost_weight(self.config.cost.class, scale);
        let class = ClassTerm { values: class_rows, row_of_target: &labels.row_of_target, weight };
        let inputs = cost::Inputs { queries: image.queries, columns, class, targets };
        cost::fill(self.level, &self.config, &inputs, block);
        if let Some(added) = image.cost {
            let width = image.targets.all.len();
            for (row, costs) in block.chunks_exact_mut(stride.max(1)).enumerate() {
                let target = image.targets.number(row);
                for (query, cost) in costs[..image.queries].iter_mut().enumerate() {
                    *cost += added[query * width + target];
                }
            }
        }
        if !clean.left_out.is_empty() {
            counts.costs += fill_with_worst(block, stride, image.queries, &clean.left_out);
        }
    }

    /// Reads an image's predictions: box columns, background losses and what the cost needs of the logits.
    fn read(&self, image: &Image<'_>, purpose: Purpose<'_>, scratch: &mut Scratch) -> Pass {
        let sound = self.lay_out(&mut scratch.columns, image.boxes);
        let pass = self.class.read(self.level, image.logits(), purpose, scratch);
        Pass { finite: pass.finite && sound, ..pass }
    }

    /// Splits boxes into columns. Returns whether every one is finite and within the rules; if not, look closer.
    fn lay_out(&self, columns: &mut Columns, boxes: &[f32]) -> bool {
        dispatch!(self.level, simd => match self.config.box_format {
            BoxFormat::Cxcywh => columns.set::<_, boxes::Cxcywh>(simd, boxes),
            BoxFormat::Xyxy => columns.set::<_, boxes::Xyxy>(simd, boxes),
        })
    }

    /// Looks at every value of an image that did not look sound. Returns whether a clean copy, made in `scratch.clean`,
    /// must stand in for it, since queries are left out or sides clamped.
    fn inspect(&self, image: &Image<'_>, scratch: &mut Scratch, counts: &mut NonFiniteCounts) -> Result<bool> {
        let classes = image.part.classes;
        let clean = &mut scratch.clean;
        for query in 0..image.queries {
            let logits = &image.logits[query * classes..][..classes];
            if let Some((class, bad)) = not_finite(logits) {
                if self.config.non_finite == NonFinite::Throw {
                    return Err(Error::LogitNotFinite { place: image.place(query), class, value: logits[class] });
                }
                counts.logits += bad;
                clean.left_out.push(query);
            }
        }
        for query in 0..image.queries {
            let values = &image.boxes[query * COMPONENTS..][..COMPONENTS];
            let bad = self.inspect_box(image.place(query), "boxes", values, self.config.clamp_sizes)?;
            counts.boxes += bad;
            if bad > 0 {
                clean.left_out.push(query);
            }
        }
        if clean.left_out.is_empty() && !self.config.clamp_sizes {
            return Ok(false);
        }
        clean.left_out.sort_unstable();
        clean.left_out.dedup();
        clean.logits.clear();
        clean.logits.extend_from_slice(image.logits);
        clean.boxes.clear();
        clean.boxes.extend_from_slice(image.boxes);
        for &query in &clean.left_out {
            self.class.neutralize(&mut clean.logits[query * classes..][..classes]);
            clean.boxes[query * COMPONENTS..][..COMPONENTS].fill(0.0);
        }
        let clamped = self.config.clamp_sizes && clamp::clamp(&mut clean.boxes, self.config.box_format);
        clean.in_use = clamped || !clean.left_out.is_empty();
        Ok(clean.in_use)
    }

    /// How many components of a box are not finite; where all are, it must be a box, but for its sides if they are clamped.
    fn inspect_box(&self, place: QueryPlace, tensor: &'static str, values: &[f32], is_clamped: bool) -> Result<usize> {
        if let Some((component, bad)) = not_finite(values) {
            return match self.config.non_finite {
                NonFinite::Throw => Err(Error::BoxNotFinite { place, tensor, component, value: values[component] }),
                NonFinite::Worst => Ok(bad),
            };
        }
        match broken_rule(values, self.config.box_format) {
            Some((component, rule)) if !(is_clamped && rule == BoxRule::Extent) => {
                Err(Error::Box { place, tensor, component, value: values[component], rule })
            }
            _ => Ok(0),
        }
    }

    /// Second stage: solves the cost block, group by group. Writes the target of each query, or -1.
    ///
    /// # Errors
    /// [`lsap::Error::Memory`]; [`lsap::Error::Interrupted`].
    fn assign(&self, image: &Image<'_>, matches: &mut [i32], scratch: &mut Scratch) -> Result<()> {
        let targets = &image.targets;
        let (kept, repeat, groups) = (targets.kept.len(), image.part.repeat, image.part.groups);
        let queries = image.queries / groups;
        if kept == 0 || queries == 0 {
            matches.fill(BACKGROUND);
            return Ok(());
        }
        let stride = padded(image.queries);
        let Scratch { block, grouped, transposed, solver, .. } = scratch;
        let block = &block[..kept * stride];
        if repeat > 1 && repeat >= queries {
            nearest_targets(block, stride, matches);
            matches.iter_mut().for_each(|target| *target = targets.number(*target as usize) as i32);
            return Ok(());
        }
        let rows = kept * repeat;
        for (group, matches) in chunks(matches, queries).take(groups).enumerate() {
            let (costs, stride) = if repeat == 1 && groups == 1 {
                (block, stride)
            } else {
                let wide = padded(queries);
                let out = memory::first_rows(image.part.name, grouped, [rows, wide])?;
                copy_group(block, stride, group * queries..(group + 1) * queries, out, wide);
                (&*out, wide)
            };
            let is_solved = if rows <= queries {
                solver.solve_block(self.level, costs, [rows, queries], stride)
            } else {
                let wide = padded(rows);
                let transposed = memory::first_rows(image.part.name, transposed, [queries, wide])?;
                transposed.fill(f32::INFINITY);
                transpose(costs, stride, transposed, wide);
                solver.solve_block(self.level, transposed, [queries, rows], wide)
            };
            if solver.is_interrupted() {
                return Err(lsap::Error::Interrupted.into()); // what was left half done is of no use
            }
            debug_assert!(is_solved, "matching costs are finite");
            matches.fill(BACKGROUND);
            for row in 0..rows {
                let query = if rows <= queries { solver.column_of(row) } else { solver.row_of(row) };
                if let Some(query) = query {
                    matches[query as usize] = targets.number(row % kept) as i32;
                }
            }
        }
        Ok(())
    }
}

/// The most that any image has.
#[derive(Clone, Copy)]
struct Crowd {
    targets: usize,
    /// Labels of all its targets.
    labels: usize,
    /// Whether targets may have several, and how many one has.
    several: bool,
    most: usize,
}

impl Crowd {
    fn of(targets: &Targets<'_>) -> Self {
        let mut crowd = Self { targets: 0, labels: 0, several: targets.has_several_labels(), most: 1 };
        for image in (0..targets.images()).map(|image| targets.image(image)) {
            let counts = (0..image.len()).map(|target| image.labels(target).len());
            let labels = if crowd.several { counts.clone().sum() } else { image.len() };
            crowd.most = if crowd.several { counts.fold(crowd.most, usize::max) } else { 1 };
            (crowd.targets, crowd.labels) = (crowd.targets.max(image.len()), crowd.labels.max(labels));
        }
        crowd
    }
}

impl<'a> Image<'a> {
    /// The image with the clean copy of its predictions, if there is one.
    fn without<'b>(&self, clean: &'b Clean) -> Image<'b>
    where
        'a: 'b,
    {
        if !clean.in_use {
            return *self;
        }
        Image { logits: &clean.logits, boxes: &clean.boxes, ..*self }
    }

    fn logits(&self) -> Logits<'a> {
        Logits { values: self.logits, queries: self.queries, classes: self.part.classes }
    }

    fn place(&self, query: usize) -> QueryPlace {
        let query = self.part.queries.start + query;
        QueryPlace { part: self.part.name, layer: self.layer, image: self.image, query }
    }

    /// Whether a query's values all are.
    fn is_finite(&self, query: usize) -> bool {
        is_finite(self.logits, self.boxes, self.part.classes, query)
    }
}

impl Stage {
    /// Those of the matching that have layers, in their order.
    fn all(slots: &[Slot<'_>]) -> impl Iterator<Item = Self> {
        [Self::Own, Self::TakenOver].into_iter().filter(|stage| stage.of(slots).next().is_some())
    }

    /// Its layers with their numbers.
    fn of<'a, 'b>(self, slots: &'b [Slot<'a>]) -> impl Iterator<Item = (usize, &'b Slot<'a>)> {
        slots.iter().enumerate().filter(move |(_, slot)| self.has(slot))
    }

    fn has(self, slot: &Slot<'_>) -> bool {
        match self {
            Self::Own => slot.source.is_none(),
            Self::TakenOver => slot.source.is_some(),
            Self::Union => slot.part.union,
            Self::Corners => slot.has_corners,
        }
    }

    /// How long an image takes, in logits to read.
    fn work(self, image: &Image<'_>) -> usize {
        let repeat = image.part.repeat.min(image.queries);
        let cells = if image.is_optimal { image.targets.kept.len() * repeat } else { 0 };
        match self {
            Self::Own | Self::TakenOver => image.queries * (image.part.classes + LOGITS_PER_CELL * cells),
            Self::Union => image.queries + LOGITS_PER_PAIR * image.targets.kept.len(),
            Self::Corners => LOGITS_PER_BIN * image.corners.map_or(0, |corners| corners.logits.len()),
        }
    }

    /// All images of its layers, layer after layer. `gradients`: none where they are not wanted.
    fn jobs<'a>(
        self,
        predictions: &'a Predictions<'_>,
        slots: &[Slot<'a>],
        views: &'a Views<'_>,
        gradients: &'a mut [LayerGradients<'_>],
        target_of_query: &'a mut [i32],
    ) -> Vec<Job<'a>> {
        let mut gradients = split_gradients(predictions, slots, gradients);
        let mut jobs = Vec::with_capacity(slots.len() * predictions.images);
        for ((slot, at), matches) in slots.iter().zip(0..).zip(split_matches(slots, target_of_query)) {
            let queries = slot.part.queries.len();
            let images = images(predictions, slot, views).filter(|_| self.has(slot));
            jobs.extend(images.zip(chunks(matches, queries)).map(|(image, matches)| Job {
                slot: at,
                gradient: gradients.get_mut(at * predictions.images + image.image).and_then(Option::take),
                work: self.work(&image),
                image,
                matches,
                terms: ImageTerms::default(),
                class_weight: 0.0,
                non_finite: NonFiniteCounts::default(),
                fault: None,
            }));
        }
        jobs
    }
}

impl Slot<'_> {
    fn is_optimal(&self) -> bool {
        self.part.rule(self.layer).matching == Matching::Optimal
    }

    /// Where an image's matching lies.
    fn matches_of(&self, image: usize) -> Range<usize> {
        let (first, queries) = (self.matches.start, self.part.queries.len());
        first + image * queries..first + (image + 1) * queries
    }

    /// Writes the layer's matching where it is known.
    fn take_over(&self, target_of_query: &mut [i32]) {
        if let Some(source) = &self.source {
            target_of_query.copy_within(source.clone(), self.matches.start);
        } else if let Matching::Given(targets) = self.part.rule(self.layer).matching {
            target_of_query[self.matches.clone()].copy_from_slice(targets);
        }
    }
}

impl Report {
    fn new(views: &Views<'_>, layers: usize) -> Self {
        let targets = views.total();
        Self {
            loss: 0.0,
            num_boxes: (targets as f64).max(1.0),
            union_boxes: 0.0,
            targets,
            union_pairs: 0,
            non_finite: NonFiniteCounts::default(),
            layers: vec![LayerTerms::default(); layers],
        }
    }

    /// Counts the pairs of the union matching.
    fn count_union(&mut self, matches: &[i32]) {
        self.union_pairs = matches.iter().filter(|&&target| target >= 0).count();
        self.union_boxes = (self.union_pairs as f64).max(1.0);
    }
}

impl NonFiniteCounts {
    fn add(&mut self, other: Self) {
        self.logits += other.logits;
        self.boxes += other.boxes;
        self.corners += other.corners;
        self.references += other.references;
        self.costs += other.costs;
    }
}

impl LayerGradients<'_> {
    fn reborrow(&mut self) -> LayerGradients<'_> {
        LayerGradients { logits: self.logits, boxes: self.boxes, corners: self.corners }
    }
}

impl<'a> LayerGradients<'a> {
    /// Takes the first queries away.
    fn split_off(&mut self, queries: usize) -> Self {
        let rows = (self.boxes.len() / COMPONENTS).max(1);
        let split = |values: &mut &'a mut [f32]| {
            let all = std::mem::take(values);
            let own;
            (own, *values) = all.split_at_mut(all.len() / rows * queries);
            own
        };
        Self { logits: split(&mut self.logits), boxes: split(&mut self.boxes), corners: split(&mut self.corners) }
    }
}

impl LayerTerms {
    /// The weighted sum.
    fn total(&self, weights: &LossWeights) -> f64 {
        let LossWeights { terms: Weights { class, l1, giou, iou, diou, ciou }, fgl, ddf } = *weights;
        let overlap = giou * self.giou + iou * self.iou + diou * self.diou + ciou * self.ciou;
        class * self.class + l1 * self.l1 + overlap + fgl * self.fgl + ddf * self.ddf
    }
}

impl ImageTerms {
    fn add(&mut self, other: &Self) {
        self.class += other.class;
        self.boxes.add(&other.boxes);
        self.fgl += other.fgl;
        self.ddf += other.ddf;
        self.matched += other.matched;
        self.correct += other.correct;
        self.cardinality_error += other.cardinality_error;
    }

    fn normalized(&self, class_weight: f64, num_boxes: f64, images: usize, counts: LayerCounts) -> LayerTerms {
        let BoxTerms { l1, giou, iou, diou, ciou } = self.boxes.map(|sum| sum / num_boxes);
        LayerTerms {
            class: self.class * reciprocal(class_weight),
            l1,
            giou,
            iou,
            diou,
            ciou,
            fgl: self.fgl / num_boxes,
            ddf: self.ddf,
            class_error: 100.0 - 100.0 * self.correct as f64 / self.matched as f64,
            cardinality_error: self.cardinality_error as f64 / images.max(1) as f64,
            class_weight,
            counts,
        }
    }
}

/// All layers of all parts.
fn slots<'a>(predictions: &'a Predictions<'_>) -> Vec<Slot<'a>> {
    let mut slots = Vec::with_capacity(predictions.reported_layers());
    let mut start = 0;
    for part in predictions.parts.iter() {
        let length = predictions.images * part.queries.len();
        let first = start;
        for layer in 0..part.layers.len() {
            let source = match part.rule(layer).matching {
                Matching::Of(source) => Some(first + source * length..first + (source + 1) * length),
                Matching::Optimal | Matching::Given(_) => None,
            };
            let matches = start..start + length;
            let tensors = part.layers.start + layer;
            let has_corners = predictions.layers[tensors].corners.is_some();
            slots.push(Slot { part, layer, tensors, has_corners, matches, source });
            start += length;
        }
    }
    slots
}

/// The matchings of all layers.
fn split_matches<'a>(slots: &[Slot<'_>], target_of_query: &'a mut [i32]) -> impl Iterator<Item = &'a mut [i32]> {
    let mut rest = target_of_query;
    slots.iter().map(move |slot| {
        let matches;
        (matches, rest) = std::mem::take(&mut rest).split_at_mut(slot.matches.len());
        matches
    })
}

/// The gradients of all images of all layers, `[layers, images]`, or nothing where none are wanted: every query of the
/// tensors belongs to one part.
fn split_gradients<'a>(
    predictions: &Predictions<'_>,
    slots: &[Slot<'_>],
    gradients: &'a mut [LayerGradients<'_>],
) -> Vec<Option<LayerGradients<'a>>> {
    let images = if gradients.is_empty() { 0 } else { predictions.images };
    let mut split: Vec<_> = (0..slots.len() * images).map(|_| None).collect();
    if images == 0 {
        return split;
    }
    let mut order: Vec<_> = (0..slots.len()).collect();
    order.sort_by_key(|&index| {
        let Slot { tensors, part, .. } = &slots[index];
        (*tensors, part.queries.start, part.queries.end)
    });
    let mut groups = order.chunk_by(|&a, &b| slots[a].tensors == slots[b].tensors).peekable();
    for (tensors, gradient) in gradients.iter_mut().enumerate() {
        let Some(sharing) = groups.next_if(|sharing| slots[sharing[0]].tensors == tensors) else { continue };
        let mut rest = gradient.reborrow();
        for image in 0..images {
            for &index in sharing {
                split[index * images + image] = Some(rest.split_off(slots[index].part.queries.len()));
            }
        }
    }
    split
}

/// The images of a layer with their targets.
fn images<'a>(
    predictions: &'a Predictions<'_>,
    slot: &Slot<'a>,
    views: &'a Views<'_>,
) -> impl Iterator<Item = Image<'a>> {
    let Slot { part, layer, tensors, .. } = *slot;
    let rule = part.rule(layer);
    let (is_optimal, queries) = (rule.matching == Matching::Optimal, part.queries.len());
    let mut costs = rule.cost;
    (0..predictions.images).map(move |image| {
        let targets = views.image(image, part.class_agnostic);
        let cost = costs.map(|all| all.split_at(queries * targets.all.len()));
        costs = cost.map(|(_, rest)| rest);
        let Layer { logits, boxes, corners } = rows_of_image(predictions, part, tensors, image);
        Image {
            part,
            layer,
            image,
            is_optimal,
            queries,
            logits,
            boxes,
            corners,
            targets,
            cost: cost.map(|(block, _)| block),
        }
    })
}

/// What the tensors of a layer hold of one image for a part.
fn rows_of_image<'a>(predictions: &'a Predictions<'_>, part: &Part<'_>, tensors: usize, image: usize) -> Layer<'a> {
    let (all, first) = (predictions.images * part.rows, image * part.rows);
    let rows = |values: &'a [f32]| {
        let width = values.len() / all.max(1);
        &values[(first + part.queries.start) * width..(first + part.queries.end) * width]
    };
    let Layer { logits, boxes, corners } = predictions.layers[tensors];
    let corners =
        corners.map(|Corners { logits, references }| Corners { logits: rows(logits), references: rows(references) });
    Layer { logits: rows(logits), boxes: rows(boxes), corners }
}

/// Splits what belongs to images, or groups, of `length` entries each; endless where these have none.
fn chunks(values: &mut [i32], length: usize) -> impl Iterator<Item = &mut [i32]> {
    let mut rest = values;
    std::iter::from_fn(move || {
        let chunk;
        (chunk, rest) = std::mem::take(&mut rest).split_at_mut_checked(length)?;
        Some(chunk)
    })
}

/// Lists the matched queries with their targets, and the queries that are left out, here or for their values.
fn sort_out(matches: &[i32], not_finite: &[usize], pairs: &mut Vec<(usize, usize)>, left_out: &mut Vec<usize>) {
    pairs.clear();
    left_out.clear();
    left_out.extend_from_slice(not_finite);
    for (query, &target) in matches.iter().enumerate() {
        match usize::try_from(target) {
            Ok(target) if not_finite.binary_search(&query).is_err() => pairs.push((query, target)),
            Err(_) if target == LEFT_OUT => left_out.push(query),
            _ => {}
        }
    }
}

/// The union matching, `[images, queries]`. A pair counts in the layers where its query is finite.
fn union_matches(
    slots: &[Slot<'_>],
    predictions: &Predictions<'_>,
    target_of_query: &[i32],
    are_finite: bool,
) -> Result<Vec<i32>> {
    let images = predictions.images;
    let slots: Vec<_> = slots.iter().filter(|slot| slot.part.union).collect();
    let (first, queries) = (slots[0].part.name, slots[0].part.queries.len());
    for Slot { part, .. } in &slots {
        if part.queries.len() != queries {
            return Err(Error::UnionQueries { part: part.name, queries: part.queries.len(), first, expected: queries });
        }
    }
    let layers = slots.iter().map(|slot| match &target_of_query[slot.matches.clone()] {
        all if are_finite => Cow::Borrowed(all),
        all => Cow::Owned(finite_pairs(predictions, slot, all)),
    });
    let layers: Vec<_> = layers.collect();
    let mut out = vec![BACKGROUND; images * queries];
    for (image, out) in out.chunks_exact_mut(queries.max(1)).enumerate() {
        let layers: Vec<_> = layers.iter().map(|layer| &layer[image * queries..][..queries]).collect();
        union::merge(&layers, out);
    }
    Ok(out)
}

/// A layer's matching, `[images, queries]`, with queries that are not finite as background.
fn finite_pairs(predictions: &Predictions<'_>, slot: &Slot<'_>, matches: &[i32]) -> Vec<i32> {
    let Slot { part, tensors, .. } = *slot;
    let queries = part.queries.len();
    let mut finite = matches.to_vec();
    for (image, matches) in finite.chunks_exact_mut(queries.max(1)).enumerate() {
        let Layer { logits, boxes, .. } = rows_of_image(predictions, part, tensors, image);
        for (query, target) in matches.iter_mut().enumerate() {
            if !is_finite(logits, boxes, part.classes, query) {
                *target = BACKGROUND;
            }
        }
    }
    finite
}

/// Whether all values of a query are finite. `logits`: `[queries, classes]`. `boxes`: `[queries, 4]`.
fn is_finite(logits: &[f32], boxes: &[f32], classes: usize, query: usize) -> bool {
    let row = &logits[query * classes..][..classes];
    row.iter().chain(&boxes[query * COMPONENTS..][..COMPONENTS]).all(|value| value.is_finite())
}

fn check_normalizers(predictions: &Predictions<'_>, given: Normalizers<'_>) -> Result<()> {
    let positive = |name, value: f64| {
        if NORMALIZERS.contains(&value) {
            Ok(())
        } else {
            Err(Error::Option { name, rule: "a number from 1e-12 to 1e24", value })
        }
    };
    given.num_boxes.map_or(Ok(()), |n| positive("call.numBoxes", n))?;
    given.union_boxes.map_or(Ok(()), |n| positive("call.unionBoxes", n))?;
    if let Some(numbers) = given.distilled {
        check_length("call.distilledQueries", numbers.len(), &[predictions.reported_layers(), 2])?;
        if let Some(&value) = numbers.iter().find(|n| !(n.is_finite() && **n >= 0.0)) {
            return Err(Error::Option { name: "call.distilledQueries", rule: "a number from 0 on", value });
        }
    }
    let Some(weights) = given.class_weight else { return Ok(()) };
    check_length("call.classWeight", weights.len(), &[predictions.reported_layers()])?;
    weights.iter().try_for_each(|&w| positive("call.classWeight", w))
}

fn check_gradients(predictions: &Predictions<'_>, gradients: &[LayerGradients<'_>]) -> Result<()> {
    if gradients.is_empty() {
        return Ok(());
    }
    check_length("call.out", gradients.len(), &[predictions.layers.len()])?;
    for (gradient, layer) in gradients.iter().zip(predictions.layers) {
        check_length("call.out.logits", gradient.logits.len(), &[layer.logits.len()])?;
        check_length("call.out.boxes", gradient.boxes.len(), &[layer.boxes.len()])?;
        let corners = layer.corners.map_or(0, |corners| corners.logits.len());
        check_length("call.out.corners", gradient.corners.len(), &[corners])?;
    }
    Ok(())
}

/// 1/x, and 0 for 0: a class term without any weight is 0.
fn reciprocal(x: f64) -> f64 {
    if x == 0.0 { 0.0 } else { 1.0 / x }
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

/// The columns of one group, and every row as often as targets are repeated. `out`: `[repeat × rows, out_stride]`.
fn copy_group(block: &[f32], stride: usize, columns: Range<usize>, out: &mut [f32], out_stride: usize) {
    if out_stride == 0 {
        return;
    }
    let rows = block.chunks_exact(stride).map(|row| &row[columns.clone()]);
    for (out, row) in out.chunks_exact_mut(out_stride).zip(rows.cycle()) {
        out[..row.len()].copy_from_slice(row);
        out[row.len()..].fill(f32::INFINITY);
    }
}

/// The row with the least cost of every column, the first of equal ones: the best matching where every target may have
/// all queries. `block`: `[rows, stride]`, at least one row. `out`: `[columns]`.
fn nearest_targets(block: &[f32], stride: usize, out: &mut [i32]) {
    out.fill(0);
    for (target, row) in block.chunks_exact(stride).enumerate().skip(1) {
        for (query, best) in out.iter_mut().enumerate() {
            if row[query] < block[*best as usize * stride + query] {
                *best = target as i32;
            }
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
