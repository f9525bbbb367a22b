//! The terms of boxes whose edges are distributions, once all matchings are known: fine-grained localisation of the
//! pairs that the box terms use, and distillation from a part's last layer to its earlier ones.
//!
//! In a layer's distillation, the mean over the edges of its pairs and the mean over those of its other queries are
//! mixed by [`distillation_shares`]; further parts take those of the first part's last distilled layer, if there is
//! one, as the published code does for denoising queries. Queries that the layer's matching leaves out have no part
//! unless they are paired, and those that are not finite have none at all.
//!
//! Source: Peng et al. 2025, "D-FINE"; Peterande/D-FINE, `dfine_criterion.py` (`loss_local`).

use lsap::memory;
use simd::all_finite;

use super::{Criterion, Image, ImageTerms, Job, LayerGradients, Report, Slot, Stage, rows_of_image, sort_out};
use crate::batch::{Corners, Predictions, check_length, not_finite};
use crate::config::NonFinite;
use crate::error::{COMPONENTS, Error, Result};
use crate::loss::boxes::BoxTerms;
use crate::loss::distribution::{Distillation, EDGES, EdgeTarget, Localization, best_scores, distillation_shares};
use crate::part::{BACKGROUND, LEFT_OUT};
use crate::scratch::Scratch;
use crate::view::Views;

/// In place of a match: the query is not finite.
const UNSOUND: i32 = -3;

/// A step whose matchings are known.
pub(super) struct Step<'a> {
    pub predictions: &'a Predictions<'a>,
    pub slots: &'a [Slot<'a>],
    pub views: &'a Views<'a>,
    /// The union matching, `[images, queries]`, if there is one.
    pub union: Option<&'a [i32]>,
    /// For each slot, what its box terms are divided by.
    pub divisors: &'a [f64],
    /// What the caller gives in place of the numbers of queries that are taught, `[slots, 2]`.
    pub distilled: Option<&'a [f64]>,
}

/// What a layer is taught.
#[derive(Clone, Copy)]
struct Lesson {
    /// The slot of the part's last layer.
    teacher: usize,
    /// What an edge's loss is multiplied by, beyond its own weight, where it has a target and where it has none.
    weights: [f64; 2],
}

impl Criterion {
    /// Checks the sizes of the distributions, and that the last layer of a part has some where an earlier one has.
    pub(super) fn check_corners(&self, predictions: &Predictions<'_>) -> Result<()> {
        for part in &predictions.parts {
            let layers = &predictions.layers[part.layers.clone()];
            let (images, rows) = (predictions.images, part.rows);
            let shape = [images, rows, EDGES, self.bins.count()];
            let all = || layers.iter().filter_map(|layer| layer.corners);
            for Corners { logits, references } in all() {
                check_length("outputs.corners", logits.len(), &shape)?;
                check_length("outputs.references", references.len(), &[images, rows, COMPONENTS])?;
            }
            if all().next().is_some() && layers.last().is_some_and(|teacher| teacher.corners.is_none()) {
                check_length("outputs.corners", 0, &shape)?;
            }
        }
        Ok(())
    }

    /// Whether any layer is taught by the last one of its part.
    pub(super) fn distills(&self, predictions: &Predictions<'_>, slots: &[Slot<'_>]) -> bool {
        predictions.parts.iter().any(|part| self.weights(part).ddf > 0.0)
            && slots.iter().any(|slot| slot.has_corners && slot.layer + 1 < slot.part.layers.len())
    }

    /// Adds the terms of all slots to their sums, and counts what is not finite and what is distilled. Writes every element
    /// of the gradients by the edges' logits.
    pub(super) fn corner_loss(
        &self,
        step: &Step<'_>,
        gradients: &mut [LayerGradients<'_>],
        target_of_query: &mut [i32],
        sums: &mut [ImageTerms],
        report: &mut Report,
        scratch: &mut Scratch,
    ) -> Result<()> {
        let Step { predictions, slots, views, .. } = *step;
        if !slots.iter().any(|slot| slot.has_corners) {
            return Ok(());
        }
        let mut roles = std::mem::take(&mut scratch.roles);
        self.all_roles(step, target_of_query, &mut roles, report, scratch)?;
        let lessons = self.lessons(step, &roles, report);
        let mut jobs = Stage::Corners.jobs(predictions, slots, views, gradients, target_of_query);
        self.run(&mut jobs, scratch, |job, scratch| self.corner_terms(job, step, &roles, lessons[job.slot], scratch))?;
        jobs.iter().for_each(|job| sums[job.slot].add(&job.terms));
        scratch.roles = roles;
        Ok(())
    }

    /// Counts what [`Criterion::corner_loss`] does, without any terms.
    pub(super) fn count_distilled(
        &self,
        step: &Step<'_>,
        target_of_query: &[i32],
        report: &mut Report,
        scratch: &mut Scratch,
    ) -> Result<()> {
        let mut roles = std::mem::take(&mut scratch.roles);
        self.all_roles(step, target_of_query, &mut roles, report, scratch)?;
        self.lessons(step, &roles, report);
        scratch.roles = roles;
        Ok(())
    }

    /// What the queries of all layers are to the terms, as a matching.
    fn all_roles(
        &self,
        step: &Step<'_>,
        target_of_query: &[i32],
        roles: &mut Vec<i32>,
        report: &mut Report,
        scratch: &mut Scratch,
    ) -> Result<()> {
        roles.clear();
        roles.extend_from_slice(target_of_query);
        let counts = &mut report.non_finite;
        let others_may_be = counts.logits + counts.boxes > 0;
        let mut jobs = Stage::Corners.jobs(step.predictions, step.slots, step.views, &mut [], roles);
        self.run(&mut jobs, scratch, |job, scratch| self.find_roles(job, step.union, others_may_be, scratch))?;
        jobs.iter().for_each(|job| counts.add(job.non_finite));
        Ok(())
    }

    /// Turns an image's matches into what the terms take its queries for: pairs of the matching that the box terms use,
    /// others, and those that have no part. Counts the values that are not finite and were not counted before.
    fn find_roles(
        &self,
        job: &mut Job<'_>,
        union: Option<&[i32]>,
        others_may_be: bool,
        scratch: &mut Scratch,
    ) -> Result<()> {
        let (image, roles) = (&job.image, &mut *job.matches);
        let Some(corners) = image.corners else { return Ok(()) };
        if let Some(union) = union.filter(|_| image.part.union) {
            for (role, &target) in roles.iter_mut().zip(&union[image.image * image.queries..]) {
                *role = if target >= 0 { target } else { BACKGROUND.min(*role) };
            }
        }
        let sound = all_finite(self.level, corners.logits) && self.lay_out(&mut scratch.columns, corners.references);
        if sound && !others_may_be {
            return Ok(());
        }
        for (query, role) in roles.iter_mut().enumerate() {
            let edges = self.inspect_edges(image, query, &corners)?;
            let reference = box_at(corners.references, query);
            let components = self.inspect_box(image.place(query), "references", &reference, false)?;
            job.non_finite.corners += edges;
            job.non_finite.references += components;
            if edges + components > 0 || !image.is_finite(query) {
                *role = UNSOUND;
            }
        }
        Ok(())
    }

    /// What each slot is taught, if it is. Counts the queries that are.
    fn lessons(&self, step: &Step<'_>, roles: &[i32], report: &mut Report) -> Vec<Option<Lesson>> {
        let mut lessons = vec![None; step.slots.len()];
        if !self.distills(step.predictions, step.slots) {
            return lessons;
        }
        let (mut first, mut known_shares) = (0, None);
        for part in &step.predictions.parts {
            let end = first + part.layers.len();
            let teacher = end.saturating_sub(1);
            for index in (first..teacher).filter(|&index| step.slots[index].has_corners) {
                let counted = &mut report.layers[index].counts.distilled;
                let [own, last] = [index, teacher].map(|slot| &roles[step.slots[slot].matches.clone()]);
                taught(own, last).for_each(|(_, role)| counted[usize::from(role == BACKGROUND)] += 1);
                let numbers = match step.distilled {
                    Some(given) => [given[2 * index], given[2 * index + 1]],
                    None => counted.map(|n| n as f64),
                };
                let own = distillation_shares(numbers);
                let shares = if first == 0 { *known_shares.insert(own) } else { known_shares.unwrap_or(own) };
                let mean = |k: usize| if numbers[k] > 0.0 { shares[k] / (EDGES as f64 * numbers[k]) } else { 0.0 };
                let weights = [0, 1].map(mean);
                lessons[index] = (self.weights(part).ddf > 0.0).then_some(Lesson { teacher, weights });
            }
            first = end;
        }
        lessons
    }

    /// The terms of one image and their gradient.
    fn corner_terms(
        &self,
        job: &mut Job<'_>,
        step: &Step<'_>,
        roles: &[i32],
        lesson: Option<Lesson>,
        scratch: &mut Scratch,
    ) -> Result<()> {
        let (image, slots) = (&job.image, step.slots);
        let Some(corners) = image.corners else { return Ok(()) };
        let roles_in = |slot: usize| &roles[slots[slot].matches_of(image.image)];
        let mut gradient = job.gradient.as_mut().map(|gradient| &mut *gradient.corners);
        if let Some(gradient) = &mut gradient {
            gradient.fill(0.0);
        }
        self.pair_edges(image, &corners, roles_in(job.slot), scratch);
        let Scratch { edges, taught: queries, scores, tiles, .. } = scratch;
        let (weights, format) = (self.weights(image.part), self.config.box_format);
        let inputs = Localization { corners: corners.logits, targets: edges, format };
        let scale = image.part.weight * weights.fgl / step.divisors[job.slot];
        job.terms.fgl = self.bins.localization(self.level, &inputs, scale, gradient.as_deref_mut(), tiles)?;

        let Some(Lesson { teacher, weights: [paired, other] }) = lesson else { return Ok(()) };
        let last = rows_of_image(step.predictions, image.part, slots[teacher].tensors, image.image);
        let scores = memory::first(scores, image.queries);
        best_scores(self.level, last.logits, image.part.classes, scores);
        let mut pairs = edges.iter();
        queries.clear();
        queries.extend(taught(roles_in(job.slot), roles_in(teacher)).map(|(query, role)| match role {
            BACKGROUND => (query, other * f64::from(scores[query])),
            _ => (query, paired * pairs.find(|pair| pair.row == query).map_or(0.0, |pair| pair.weight)),
        }));
        let teacher = last.corners.map_or(&[][..], |corners| corners.logits);
        let temperature = self.config.distribution.temperature;
        let inputs = Distillation { student: corners.logits, teacher, queries, temperature };
        let scale = image.part.weight * weights.ddf;
        job.terms.ddf = self.bins.distillation(self.level, &inputs, scale, gradient, tiles)?;
        Ok(())
    }

    /// Fills `scratch.edges` with an image's pairs, weighted by their IoU.
    fn pair_edges(&self, image: &Image<'_>, corners: &Corners<'_>, roles: &[i32], scratch: &mut Scratch) {
        let Scratch { pairs, left_out, ious, clean, edges, .. } = scratch;
        sort_out(roles, &[], pairs, left_out);
        let ious = memory::first(ious, pairs.len());
        self.box_loss(&self.clamped(image, clean), pairs, &BoxTerms::default(), ious, None);
        edges.clear();
        edges.extend(pairs.iter().zip(ious).map(|(&(row, target), &mut weight)| EdgeTarget {
            row,
            reference: box_at(corners.references, row),
            target: box_at(image.targets.all.boxes, target),
            weight,
        }));
    }

    /// How many scores of a query's edges are not finite.
    fn inspect_edges(&self, image: &Image<'_>, query: usize, corners: &Corners<'_>) -> Result<usize> {
        let width = EDGES * self.bins.count();
        let logits = &corners.logits[query * width..][..width];
        let Some((at, bad)) = not_finite(logits) else { return Ok(0) };
        if self.config.non_finite == NonFinite::Worst {
            return Ok(bad);
        }
        let (edge, bin) = (at / self.bins.count(), at % self.bins.count());
        Err(Error::CornerNotFinite { place: image.place(query), edge, bin, value: logits[at] })
    }
}

/// The queries that a layer's distillation takes, with their roles there: those that have one, and are finite in the last
/// layer too.
fn taught<'a>(own: &'a [i32], last: &'a [i32]) -> impl Iterator<Item = (usize, i32)> + 'a {
    let all = own.iter().zip(last).enumerate();
    all.filter(|&(_, (&own, &last))| own > LEFT_OUT && last != UNSOUND).map(|(query, (&own, _))| (query, own))
}

fn box_at(boxes: &[f32], row: usize) -> [f32; COMPONENTS] {
    std::array::from_fn(|k| boxes[COMPONENTS * row + k])
}
