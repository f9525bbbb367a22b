//! The step from end to end: read → cost → match → losses for every image of every layer, then across layers, then the
//! report.
//!
//! Parts, layers and images are independent of each other but for the normalisers, so nothing larger than one image's cost
//! ever exists; layers that take over another's matching come after it, and geometric terms of the union matching after
//! all; late terms follow. Every image of a layer is a job for whichever thread is free; terms are summed in index order, in
//! `f64`.

use simd::padded;

use super::geometry::Scales;
use super::image::Image;
use super::inputs::Normalizers;
use super::jobs::{Gradients, Job, JobOutputs, jobs};
use super::late::{self, Matched};
use super::losses::{self, FamilyNormalizers, ImageOutputs};
use super::matching::{self, transpose};
use super::normalizer::{self, ClassNormalizer, Known, can_wait, divisor_of, image_weight, reciprocal};
use super::plan::Slot;
use super::pool::run;
use super::read::{self, Read};
use super::report::{LayerCounts, LayerReport, Report};
use super::scratch::Scratch;
use super::setup::Setup;
use super::step::Step;
use super::sums::{NonFiniteCounts, Sums};
use super::{by_score, cost, fixed, ignore, shared, union};
use crate::error::Result;
use crate::terms::class::Purpose;
use crate::terms::{FAMILIES, LOGITS};

/// Logits that take as long to read as a cell of a cost matrix takes to fill and to match.
const LOGITS_PER_CELL: usize = 2;

/// Those that take as long as the geometric terms of a pair.
const LOGITS_PER_PAIR: usize = 16;

/// Layers whose images do not depend on each other.
#[derive(Clone, Copy, PartialEq)]
enum Stage {
    /// Those with a matching of their own, or one that is given.
    Own,
    /// Those that take over another's.
    TakenOver,
}

impl Stage {
    /// Those that have layers, in their order.
    fn all(slots: &[Slot]) -> impl Iterator<Item = Self> {
        [Self::Own, Self::TakenOver].into_iter().filter(|stage| slots.iter().any(|slot| stage.takes(slot)))
    }

    fn takes(self, slot: &Slot) -> bool {
        slot.source.is_some() == (self == Self::TakenOver)
    }
}

/// The loss, its terms, the matches and the gradients of the loss.
///
/// `gradients`: one for each tensor that has one, or none. `matches`: written, `[images, queries]` of every layer.
///
/// # Errors
/// The first fault in the order of the jobs. Gradients and matches are then unspecified.
pub(crate) fn compute(
    step: &Step<'_>,
    given: Normalizers<'_>,
    gradients: &mut [&mut [f32]],
    matches: &mut [i32],
    scratch: &mut Scratch,
) -> Result<Report> {
    let (matches, further) = by_score::match_first(step, matches, scratch)?;
    let step = &Step { further: Some(&further), ..*step };
    if gradients.is_empty() || !shared::has_any(step.layout) {
        return compute_all(step, given, gradients, matches, scratch);
    }
    let mut copies = shared::copies(step.layout)?;
    let mut places = shared::places(gradients, &mut copies, step.layout);
    let report = compute_all(step, given, &mut places, matches, scratch)?;
    shared::add_up(gradients, &copies, step.layout);
    Ok(report)
}

/// The same, where no two jobs write to the same gradient.
fn compute_all(
    step: &Step<'_>,
    given: Normalizers<'_>,
    gradients: &mut [&mut [f32]],
    matches: &mut [i32],
    scratch: &mut Scratch,
) -> Result<Report> {
    let (setup, layout) = (step.setup, step.layout);
    let slots = &layout.slots;
    let targets = step.views.total();
    let mut report = Report::new(targets, layout.images, slots.len());
    report.image_normalizer = given.images.unwrap_or(report.image_normalizer);
    report.target_normalizer = given.targets.unwrap_or(report.target_normalizer);
    let mut sums = vec![Sums::default(); slots.len()];
    let mut class = vec![ClassNormalizer::default(); slots.len()];
    let mut normalizers = vec![[1.0; FAMILIES.len()]; slots.len()];
    slots.iter().filter(|slot| Stage::Own.takes(slot)).for_each(|slot| take_over(step, slot, matches));
    let first_pairs = step.first_pairs(matches)?;
    let has_late = slots.iter().any(|slot| setup.late(&slot.active).is_some());
    let mut quality = std::mem::take(&mut scratch.quality);
    quality.resize(if has_late { matches.len() } else { 0 }, 0.0);
    for stage in Stage::all(slots) {
        for (index, slot) in slots.iter().enumerate().filter(|(_, slot)| stage.takes(slot)) {
            take_over(step, slot, matches);
            let pairs = step.pairs(index, matches);
            report.layers[index].counts.pairs = pairs;
            normalizers[index] = step.normalizers(index, &given, pairs);
            let own = before_matching(step, slot, pairs, matches);
            let divisor = divisor_of(setup, &layout.parts[slot.part], targets, &own, &given, index);
            class[index] = ClassNormalizer { divisor, ..own };
        }
        let scales = layer_scales(step, &normalizers, |index| class[index].divisor.unwrap_or(0.0));
        let out = JobOutputs {
            gradients: &mut *gradients,
            matches: &mut *matches,
            quality: &mut quality,
            first_pairs: &first_pairs,
        };
        let mut stage_jobs = jobs(layout, |slot| stage.takes(slot), |slot, image| work(step, slot, image), out);
        let first = run(step.threads, &mut stage_jobs, scratch, |job, scratch, share| {
            let image = step.image_of(job, share);
            let normalizer = class[job.slot];
            match normalizer.divisor {
                Some(_) => compute_image(step, &image, job, &scales[job.slot], scratch)?,
                None if can_wait(setup, &image, job.matches) => {}
                None => match_image(step, &image, job, scratch)?,
            }
            if normalizer.is_open {
                let left_out = if can_wait(setup, &image, job.matches) { &[][..] } else { scratch.read.left_out() };
                job.class_weight = image_weight(setup, &image, job.matches, left_out);
            }
            Ok(())
        });
        if let Err(fault) = first {
            // an image that waits may have one that comes before
            let waits = stage_jobs.iter().any(|job| class[job.slot].divisor.is_none());
            let all = if waits { match_all(step, &mut stage_jobs, scratch) } else { Ok(()) };
            return Err(all.err().unwrap_or(fault));
        }
        // which queries would count, and as what, was not known before: their loss is computed now
        let is_late = normalizer::close(setup, &stage_jobs, &mut class, given.class.is_some());
        for job in &stage_jobs {
            report.non_finite.add(job.non_finite);
            if is_late.get(job.slot) != Some(&true) {
                sums[job.slot].add(&job.sums);
            }
        }
        drop(stage_jobs);
        if is_late.contains(&true) {
            let scales = layer_scales(step, &normalizers, |index| class[index].divisor.unwrap_or(0.0));
            let out = JobOutputs {
                gradients: &mut *gradients,
                matches: &mut *matches,
                quality: &mut quality,
                first_pairs: &first_pairs,
            };
            let mut late_jobs = jobs(layout, |slot| stage.takes(slot), |slot, image| work(step, slot, image), out);
            late_jobs.retain(|job| is_late[job.slot]);
            run(step.threads, &mut late_jobs, scratch, |job, scratch, share| {
                let mut image = step.image_of(job, share);
                image.is_optimal &= can_wait(setup, &image, job.matches); // others are matched
                compute_image(step, &image, job, &scales[job.slot], scratch)
            })?;
            late_jobs.iter().for_each(|job| sums[job.slot].add(&job.sums));
        }
    }
    let union = union_matches(step, matches, &mut report)?;
    if let Some(union) = &union {
        report.union_normalizer = given.union_pairs.unwrap_or(report.union_normalizer);
        let out = JobOutputs {
            gradients: &mut *gradients,
            matches: &mut *matches,
            quality: &mut quality,
            first_pairs: &first_pairs,
        };
        union_losses(step, union, report.union_normalizer, out, &mut sums, scratch)?;
    }
    for (normalizers, slot) in normalizers.iter_mut().zip(slots) {
        if layout.parts[slot.part].union {
            divide_by_union(normalizers, report.union_normalizer);
        }
    }
    if has_late {
        let mut roles = std::mem::take(&mut scratch.roles);
        let matched = Matched { matches, union: union.as_deref(), distilled: given.distilled };
        late::roles(step, &matched, &mut roles, &mut report.non_finite, scratch)?;
        let distillations = late::distillations(step, &matched, &roles, &mut report.layers);
        let out = JobOutputs { gradients, matches, quality: &mut [], first_pairs: &[] };
        let late_jobs = late::losses(step, (&roles, &quality), &normalizers, &distillations, out, scratch)?;
        late_jobs.iter().for_each(|job| sums[job.slot].add(&job.sums));
        scratch.roles = roles;
    }
    scratch.quality = quality;
    for (index, (slot, layer)) in slots.iter().zip(&mut report.layers).enumerate() {
        let ClassNormalizer { sum, least, divisor, .. } = class[index];
        let counts = LayerCounts { class_weight: sum, least_class_weight: least, ..layer.counts };
        let (own, family) = (&sums[index], |family| setup.family(family));
        *layer = LayerReport::new(own, family, divisor.unwrap_or(sum), &normalizers[index], layout.images, counts);
        let part = &layout.parts[slot.part];
        report.loss += part.weight_of(slot.layer) * layer.total(&step.weights(part));
    }
    Ok(report)
}

/// The matching alone; of the report, only the normalisers, the counts that these come from and `non_finite` mean anything.
///
/// # Errors
/// As [`compute`].
pub(crate) fn match_targets(step: &Step<'_>, matches: &mut [i32], scratch: &mut Scratch) -> Result<Report> {
    let (matches, further) = by_score::match_first(step, matches, scratch)?;
    let step = &Step { further: Some(&further), ..*step };
    let (setup, layout) = (step.setup, step.layout);
    let slots = &layout.slots;
    let mut report = Report::new(step.views.total(), layout.images, slots.len());
    let mut class = vec![ClassNormalizer::default(); slots.len()];
    for stage in Stage::all(slots) {
        for (index, slot) in slots.iter().enumerate().filter(|(_, slot)| stage.takes(slot)) {
            take_over(step, slot, matches);
            let pairs = step.pairs(index, matches);
            report.layers[index].counts.pairs = pairs;
            report.layers[index].normalizers = step.normalizers(index, &Normalizers::default(), pairs);
            class[index] = before_matching(step, slot, pairs, matches);
        }
        let out = JobOutputs { gradients: &mut [], matches: &mut *matches, quality: &mut [], first_pairs: &[] };
        let mut stage_jobs = jobs(layout, |slot| stage.takes(slot), |slot, image| work(step, slot, image), out);
        run(step.threads, &mut stage_jobs, scratch, |job, scratch, share| {
            let image = step.image_of(job, share);
            match_image(step, &image, job, scratch)?;
            if class[job.slot].is_open {
                job.class_weight = image_weight(setup, &image, job.matches, scratch.read.left_out());
            }
            Ok(())
        })?;
        normalizer::close(setup, &stage_jobs, &mut class, false);
        stage_jobs.iter().for_each(|job| report.non_finite.add(job.non_finite));
    }
    for (layer, ClassNormalizer { sum, least, .. }) in report.layers.iter_mut().zip(class) {
        layer.class_normalizer = setup.class.divisor().of_sum(sum.max(least));
        layer.counts = LayerCounts { class_weight: sum, least_class_weight: least, ..layer.counts };
    }
    let union = union_matches(step, matches, &mut report)?;
    for (layer, slot) in report.layers.iter_mut().zip(slots) {
        if layout.parts[slot.part].union {
            divide_by_union(&mut layer.normalizers, report.union_normalizer);
        }
    }
    if late::distills(step) {
        let mut roles = std::mem::take(&mut scratch.roles);
        let matched = Matched { matches, union: union.as_deref(), distilled: None };
        late::roles(step, &matched, &mut roles, &mut report.non_finite, scratch)?;
        late::distillations(step, &matched, &roles, &mut report.layers);
        scratch.roles = roles;
    }
    Ok(report)
}

/// The matching cost alone, with what the caller adds to it.
///
/// `out`: for each layer of every part and each image one block `[queries, targets of the image]`, one after the other;
/// repeated targets are not repeated.
///
/// # Errors
/// As [`compute`].
pub(crate) fn costs(step: &Step<'_>, out: &mut [f32], scratch: &mut Scratch) -> Result<NonFiniteCounts> {
    let mut counts = NonFiniteCounts::default();
    let mut rest = out;
    for slot in 0..step.layout.slots.len() {
        for number in 0..step.layout.images {
            let image = Image { is_optimal: true, ..step.image(slot, number) };
            let read = read::read(step.setup, &image, Purpose::Matching, &mut scratch.read, &mut counts)?;
            let matrix = cost::cost(step.setup, &image, &read, &mut scratch.cost, &mut counts)?;
            let targets = image.targets.kept.len();
            let block;
            (block, rest) = rest.split_at_mut(image.queries * targets);
            transpose(matrix.cells, padded(image.queries), block, targets);
        }
    }
    Ok(counts)
}

/// Puts the normaliser of the union matching in the place of those of the families that follow it.
fn divide_by_union(normalizers: &mut FamilyNormalizers, union: f64) {
    let families = normalizers.iter_mut().zip(FAMILIES);
    families.filter(|(_, family)| family.follows_union).for_each(|(normalizer, _)| *normalizer = union);
}

/// What the terms of each layer are multiplied by in their gradients. `divisor`: of a layer's class term. `normalizers`: for
/// each layer, what geometric terms are divided by.
fn layer_scales(step: &Step<'_>, normalizers: &[FamilyNormalizers], divisor: impl Fn(usize) -> f64) -> Vec<Scales> {
    let slots = step.layout.slots.iter().zip(normalizers).enumerate();
    slots.map(|(index, (slot, own))| step.scales(slot, reciprocal(divisor(index)), own)).collect()
}

/// All stages for one image.
fn compute_image(
    step: &Step<'_>,
    image: &Image<'_>,
    job: &mut Job<'_>,
    scales: &Scales,
    scratch: &mut Scratch,
) -> Result<()> {
    let setup = step.setup;
    let divisors = step.image_divisors(image.part, image.image);
    let scales = divisors.as_ref().map_or(*scales, |divisors| scales.divided(divisors));
    let scale = setup.class.pass_scale(scales.0[0]);
    let gradient = job.gradients.as_mut().map(|gradients: &mut Gradients<'_>| &mut *gradients[LOGITS]);
    let purpose = Purpose::Loss { scale, gradient };
    let Scratch { read, cost, solve, sorted, losses, .. } = scratch;
    let read = find(setup, image, purpose, job.matches, (read, cost, solve), &mut job.non_finite)?;
    sorted.set(job.matches, read.left_out);
    sorted.add(step.further_pairs(image.slot, image.image));
    let out = ImageOutputs { gradients: job.gradients.as_mut(), quality: job.quality.as_deref_mut() };
    job.sums = losses::image(setup, image, read, sorted, &scales, out, losses);
    divisors.iter().for_each(|divisors| job.sums.divide(divisors));
    Ok(())
}

/// The matching of one image alone.
fn match_image(step: &Step<'_>, image: &Image<'_>, job: &mut Job<'_>, scratch: &mut Scratch) -> Result<()> {
    let Scratch { read, cost, solve, .. } = scratch;
    find(step.setup, image, Purpose::Matching, job.matches, (read, cost, solve), &mut job.non_finite)?;
    Ok(())
}

fn match_all(step: &Step<'_>, jobs: &mut [Job<'_>], scratch: &mut Scratch) -> Result<()> {
    run(step.threads, jobs, scratch, |job, scratch, share| match_image(step, &step.image_of(job, share), job, scratch))
}

/// The first three stages for one image: reads the predictions and writes the target of each query.
fn find<'a>(
    setup: &Setup,
    image: &Image<'a>,
    purpose: Purpose<'_>,
    matches: &mut [i32],
    (read, cost, solve): (&'a mut read::ReadBuffers, &mut cost::CostBuffers, &mut matching::MatchBuffers),
    counts: &mut NonFiniteCounts,
) -> Result<Read<'a>> {
    let read = read::read(setup, image, purpose, read, counts)?;
    if image.is_optimal {
        let cost = cost::cost(setup, image, &read, cost, counts)?;
        if image.slot.is_fixed {
            fixed::solve(setup.level, image, cost, matches, solve)?;
        } else {
            matching::solve(setup.level, image, cost, matches, solve)?;
        }
    }
    ignore::mark(setup, image, &read.rows, matches);
    Ok(read)
}

/// The union matching, if any part uses it; its pairs are counted.
fn union_matches(step: &Step<'_>, matches: &[i32], report: &mut Report) -> Result<Option<Vec<i32>>> {
    let union = union::union(step, matches, report.non_finite == NonFiniteCounts::default())?;
    union.iter().for_each(|matches| report.count_union(matches));
    Ok(union)
}

/// The geometric terms of the parts that use the union matching.
fn union_losses(
    step: &Step<'_>,
    union: &[i32],
    normalizer: f64,
    out: JobOutputs<'_, '_>,
    sums: &mut [Sums],
    scratch: &mut Scratch,
) -> Result<()> {
    let layout = step.layout;
    let takes = |slot: &Slot| layout.parts[slot.part].union;
    let work = |slot: &Slot, image| layout.parts[slot.part].queries.len() + LOGITS_PER_PAIR * step.views.count(image);
    let mut union_jobs = jobs(layout, takes, work, out);
    run(step.threads, &mut union_jobs, scratch, |job, scratch, share| {
        let image = step.image_of(job, share);
        let scales = step.scales(image.slot, 1.0, &[normalizer; FAMILIES.len()]);
        let own = &union[image.image * image.queries..][..image.queries];
        let Scratch { sorted, losses, .. } = scratch;
        let out = ImageOutputs { gradients: job.gradients.as_mut(), quality: job.quality.as_deref_mut() };
        job.sums = losses::of_union(step.setup, &image, own, &scales, out, (sorted, losses));
        Ok(())
    })?;
    union_jobs.iter().for_each(|job| sums[job.slot].add(&job.sums));
    Ok(())
}

/// Writes a layer's matching as far as it is known.
fn take_over(step: &Step<'_>, slot: &Slot, matches: &mut [i32]) {
    if let Some(source) = &slot.source {
        matches.copy_within(source.clone(), slot.matches.start);
    } else if let Some(given) = step.inputs.given(slot) {
        matches[slot.matches.clone()].copy_from_slice(given);
    }
}

/// What is known of a layer's class normaliser before its images are read.
fn before_matching(step: &Step<'_>, slot: &Slot, pairs: usize, matches: &[i32]) -> ClassNormalizer {
    let part = &step.layout.parts[slot.part];
    let known = Known::of(slot, slot.is_optimal());
    let image = |image| {
        let query_weights = step.inputs.query_weights(step.layout, slot, image);
        (step.views.image(image, part.class_agnostic), known, query_weights)
    };
    let images = (0..step.layout.images).map(image);
    ClassNormalizer::new(step.setup, part, step.views.total(), pairs, images, &matches[slot.matches.clone()])
}

/// How long an image takes, in logits to read. Masks and what else is read count as these do.
fn work(step: &Step<'_>, slot: &Slot, image: usize) -> usize {
    let part = &step.layout.parts[slot.part];
    let queries = part.queries.len();
    let cells = if slot.is_optimal() { step.views.count(image) * part.repeat.min(queries) } else { 0 };
    let [of_query, of_image] = step.layout.layers[slot.tensors].values;
    queries * (of_query + LOGITS_PER_CELL * cells) + of_image
}
