//! After all matchings: terms over the pairs that the geometric terms use, and distillation from a part's last layer to its
//! earlier ones.
//!
//! In a layer's distillation, the mean over its pairs and the mean over its other queries are mixed by the shares that the
//! family gives them; further parts take those of the first part's last distilled layer, if there is one, as the published
//! code does for denoising queries (Peterande/D-FINE, `dfine_criterion.py`). Queries that the layer's matching leaves out
//! have no part unless they are paired, and those that are not finite have none at all.

use super::distill::{Distillation, UNSOUND, image_losses, taught};
use super::image::{Image, inspect};
use super::jobs::{Job, JobOutputs, jobs};
use super::losses::FamilyNormalizers;
use super::plan::Slot;
use super::pool::run;
use super::report::LayerReport;
use super::scratch::Scratch;
use super::step::Step;
use super::sums::NonFiniteCounts;
use crate::batch::BACKGROUND;
use crate::error::Result;
use crate::terms::late::LateTerms;
use crate::terms::{queries_of, terms_of};

/// Logits that take as long to read as a value of a field in all terms.
const LOGITS_PER_VALUE: usize = 2;

/// What the stage works on, once all matchings are known.
#[derive(Clone, Copy)]
pub(crate) struct Matched<'a> {
    /// `[images, queries]` of every layer.
    pub matches: &'a [i32],
    /// The union matching, `[images, queries]`, if there is one.
    pub union: Option<&'a [i32]>,
    /// What the caller gives in place of the numbers of queries that are taught, `[slots, 2]`.
    pub distilled: Option<&'a [f64]>,
}

/// Whether any layer is taught by the last one of its part.
pub(crate) fn distills(step: &Step<'_>) -> bool {
    let layout = step.layout;
    let weighs = |part: usize| {
        let weights = step.weights(&layout.parts[part]);
        layout
            .slots
            .iter()
            .filter(|slot| slot.part == part)
            .filter_map(|slot| step.setup.late(&slot.active))
            .any(|(family, _)| weights.all()[terms_of(family).start + 1] > 0.0)
    };
    let is_taught =
        |slot: &Slot| step.setup.late(&slot.active).is_some() && slot.layer + 1 < layout.parts[slot.part].layers.len();
    (0..layout.parts.len()).any(weighs) && layout.slots.iter().any(is_taught)
}

/// What the queries of all layers are to the terms, written like a matching: pairs of the matching that the geometric terms
/// use, others, and those that have no part. Counts the values that are not finite.
///
/// # Errors
/// A value that is refused.
pub(crate) fn roles(
    step: &Step<'_>,
    matched: &Matched<'_>,
    roles: &mut Vec<i32>,
    counts: &mut NonFiniteCounts,
    scratch: &mut Scratch,
) -> Result<()> {
    roles.clear();
    roles.extend_from_slice(matched.matches);
    let others_may_be = counts.fields.iter().sum::<usize>() > 0;
    let mut jobs =
        late_jobs(step, JobOutputs { gradients: &mut [], matches: roles, quality: &mut [], first_pairs: &[] });
    run(step.threads, &mut jobs, scratch, |job, scratch, _| {
        let image = step.image(job.slot, job.image);
        let Some((family, terms)) = step.setup.late(image.active()) else { return Ok(()) };
        if let Some(union) = matched.union.filter(|_| image.part.union) {
            for (role, &target) in job.matches.iter_mut().zip(&union[image.image * image.queries..]) {
                *role = if target >= 0 { target } else { BACKGROUND.min(*role) };
            }
        }
        if terms.is_sound(step.setup.level, image.rows, &mut scratch.distill.memory) && !others_may_be {
            return Ok(());
        }
        mark_unsound(step, &image, (family, terms), job)
    })?;
    jobs.iter().for_each(|job| counts.add(job.non_finite));
    Ok(())
}

/// Looks at every value of an image that did not look sound.
fn mark_unsound(
    step: &Step<'_>,
    image: &Image<'_>,
    (family, terms): (usize, &dyn LateTerms),
    job: &mut Job<'_>,
) -> Result<()> {
    for (query, role) in job.matches.iter_mut().enumerate() {
        let mut bad = 0;
        for (k, field) in queries_of(family).enumerate() {
            let count = inspect(step.setup, image, field, query, |row| terms.check_query(k, row))?;
            job.non_finite.fields[field] += count;
            bad += count;
        }
        if bad > 0 || !image.is_finite(step.setup, query) {
            *role = UNSOUND;
        }
    }
    Ok(())
}

/// What each layer is taught, if it is. Counts the queries that are.
pub(crate) fn distillations(
    step: &Step<'_>,
    matched: &Matched<'_>,
    roles: &[i32],
    layers: &mut [LayerReport],
) -> Vec<Option<Distillation>> {
    let layout = step.layout;
    let mut all = vec![None; layout.slots.len()];
    if !distills(step) {
        return all;
    }
    let (mut first, mut known_shares) = (0, None);
    for part in &layout.parts {
        let end = first + part.layers.len();
        let teacher = end.saturating_sub(1);
        for index in first..teacher {
            let Some((family, terms)) = step.setup.late(&layout.slots[index].active) else { continue };
            let counted = &mut layers[index].counts.distilled;
            let [own, last] = [index, teacher].map(|slot| &roles[layout.slots[slot].matches.clone()]);
            taught(own, last).for_each(|(_, role)| counted[usize::from(role == BACKGROUND)] += 1);
            let numbers = match matched.distilled {
                Some(given) => [given[2 * index], given[2 * index + 1]],
                None => counted.map(|n| n as f64),
            };
            let own = terms.shares(numbers);
            let shares = if first == 0 { *known_shares.insert(own) } else { known_shares.unwrap_or(own) };
            let mean = |k: usize| if numbers[k] > 0.0 { shares[k] / numbers[k] } else { 0.0 };
            let is_weighed = step.weights(part).all()[terms_of(family).start + 1] > 0.0;
            all[index] = is_weighed.then_some(Distillation { teacher, weights: [0, 1].map(mean) });
        }
        first = end;
    }
    all
}

/// The terms of all layers. Writes every element of the gradients. `normalizers`: for each layer, what the terms of each family
/// are divided by. `quality`: `[images, queries]` of every layer.
///
/// # Errors
/// [`Error::Interrupted`](crate::Error::Interrupted).
pub(crate) fn losses<'a>(
    step: &Step<'_>,
    (roles, quality): (&[i32], &[f64]),
    normalizers: &[FamilyNormalizers],
    distillations: &[Option<Distillation>],
    out: JobOutputs<'a, '_>,
    scratch: &mut Scratch,
) -> Result<Vec<Job<'a>>> {
    let mut jobs = late_jobs(step, out);
    run(step.threads, &mut jobs, scratch, |job, scratch, _| {
        let normalizers = &normalizers[job.slot];
        image_losses(step, job, (roles, quality), normalizers, distillations[job.slot], &mut scratch.distill);
        Ok(())
    })?;
    Ok(jobs)
}

/// Jobs for the layers that have the terms.
fn late_jobs<'a>(step: &Step<'_>, out: JobOutputs<'a, '_>) -> Vec<Job<'a>> {
    let work = |slot: &Slot, _| {
        let layer = &step.layout.layers[slot.tensors];
        let first = step.setup.late(&slot.active).and_then(|(family, _)| layer.tensors[queries_of(family).start]);
        let width = first.map_or(0, |tensor| step.layout.tensors[tensor as usize].width());
        LOGITS_PER_VALUE * width * step.layout.parts[slot.part].queries.len()
    };
    jobs(step.layout, |slot| step.setup.late(&slot.active).is_some(), work, out)
}
