//! After all matchings: terms over the pairs that the geometric terms use, and distillation from a part's last layer to its
//! earlier ones.
//!
//! In a layer's distillation, the mean over its pairs and the mean over its other queries are mixed by the shares that the
//! family gives them; further parts take those of the first part's last distilled layer, if there is one, as the published
//! code does for denoising queries (Peterande/D-FINE, `dfine_criterion.py`). Queries that the layer's matching leaves out
//! have no part unless they are paired, and those that are not finite have none at all.

use super::image::{Image, inspect};
use super::jobs::{Job, JobOutputs, jobs, run};
use super::matching::Sorted;
use super::report::{LayerReport, NonFiniteCounts};
use super::step::Step;
use crate::batch::{BACKGROUND, LEFT_OUT};
use crate::error::Result;
use crate::scratch::Scratch;
use crate::terms::late::{LatePairs, LateTerms, Taught};
use crate::terms::memory::Slot as TermMemory;
use crate::terms::{LOGITS, queries_of, terms_of};

/// In place of a match: the query is not finite.
const UNSOUND: i32 = -3;

/// Logits that take as long to read as a value of a field in all terms.
const LOGITS_PER_VALUE: usize = 2;

/// Memory of the stage. Holds nothing between images but its capacity.
#[derive(Debug, Default)]
pub(crate) struct Buffers {
    sorted: Sorted,
    quality: Vec<f64>,
    queries: Vec<(usize, Option<f64>)>,
    memory: TermMemory,
}

/// What a layer is taught.
#[derive(Clone, Copy)]
pub(crate) struct Distillation {
    /// The slot of the part's last layer.
    teacher: usize,
    /// What a query's loss is multiplied by, beyond its own weight, with and without a pair.
    weights: [f64; 2],
}

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

impl Buffers {
    /// Bytes that grow with an image.
    pub fn held(&self) -> usize {
        self.memory.held()
    }
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
    let is_taught = |slot: &super::plan::Slot| {
        step.setup.late(&slot.active).is_some() && slot.layer + 1 < layout.parts[slot.part].layers.len()
    };
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
    let mut jobs = late_jobs(step, JobOutputs { gradients: &mut [], matches: roles, quality: &mut [] });
    run(step.threads, &mut jobs, scratch, |job, scratch| {
        let image = step.image(job.slot, job.image);
        let Some((family, terms)) = step.setup.late(image.active()) else { return Ok(()) };
        if let Some(union) = matched.union.filter(|_| image.part.union) {
            for (role, &target) in job.matches.iter_mut().zip(&union[image.image * image.queries..]) {
                *role = if target >= 0 { target } else { BACKGROUND.min(*role) };
            }
        }
        if terms.is_sound(step.setup.level, &image.fields, &mut scratch.late.memory) && !others_may_be {
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

/// The terms of all layers. Writes every element of the gradients. `normalizers`: for each layer, what geometric terms are
/// divided by. `quality`: `[images, queries]` of every layer.
///
/// # Errors
/// [`Error::Interrupted`](crate::Error::Interrupted).
pub(crate) fn losses<'a>(
    step: &Step<'_>,
    (roles, quality): (&[i32], &[f64]),
    normalizers: &[f64],
    distillations: &[Option<Distillation>],
    out: JobOutputs<'a, '_>,
    scratch: &mut Scratch,
) -> Result<Vec<Job<'a>>> {
    let mut jobs = late_jobs(step, out);
    run(step.threads, &mut jobs, scratch, |job, scratch| {
        image_losses(step, job, (roles, quality), normalizers[job.slot], distillations[job.slot], &mut scratch.late);
        Ok(())
    })?;
    Ok(jobs)
}

/// The terms of one image and their gradient.
fn image_losses(
    step: &Step<'_>,
    job: &mut Job<'_>,
    (roles, quality): (&[i32], &[f64]),
    normalizer: f64,
    distillation: Option<Distillation>,
    Buffers { sorted, quality: of_pairs, queries, memory }: &mut Buffers,
) {
    let image = step.image(job.slot, job.image);
    let Some((family, terms)) = step.setup.late(image.active()) else { return };
    let (level, slots) = (step.setup.level, &step.layout.slots);
    let place = |slot: usize| slots[slot].matches_of(image.image, image.queries);
    let (own, quality) = (&roles[place(job.slot)], &quality[place(job.slot)]);
    let mut gradient = job.gradients.as_mut().map(|gradients| &mut *gradients[1 + family]);
    if let Some(gradient) = &mut gradient {
        gradient.fill(0.0);
    }
    sorted.set(own, &[]);
    of_pairs.clear();
    of_pairs.extend(sorted.pairs.iter().map(|&(query, _)| quality[query]));
    let pairs = LatePairs {
        queries: &image.fields,
        targets: &image.targets.all.fields,
        list: &sorted.pairs,
        quality: of_pairs,
    };
    let [over_pairs, over_layers] = [0, 1].map(|k| terms_of(family).start + k);
    let weights = step.weights(image.part);
    let scale = image.part.weight * weights.all()[over_pairs] / normalizer;
    job.sums.terms[over_pairs] = terms.add_pairs(level, &pairs, scale, gradient.as_deref_mut(), memory);

    let Some(Distillation { teacher, weights: [paired, other] }) = distillation else { return };
    let last = step.image(teacher, image.image);
    queries.clear();
    queries.extend(taught(own, &roles[place(teacher)]).map(|(query, role)| match role {
        BACKGROUND => (query, None),
        _ => (query, Some(quality[query])),
    }));
    let taught = Taught {
        teacher: &last.fields,
        logits: last.fields[LOGITS],
        classes: last.classes,
        queries,
        weights: [paired, other],
    };
    let scale = image.part.weight * weights.all()[over_layers];
    job.sums.terms[over_layers] = terms.add_taught(level, &image.fields, &taught, scale, gradient, memory);
}

/// Jobs for the layers that have the terms.
fn late_jobs<'a>(step: &Step<'_>, out: JobOutputs<'a, '_>) -> Vec<Job<'a>> {
    let work = |slot: &super::plan::Slot, _| {
        let layer = &step.layout.layers[slot.tensors];
        let first = step.setup.late(&slot.active).and_then(|(family, _)| layer.tensors[queries_of(family).start]);
        let width = first.map_or(0, |tensor| step.layout.tensors[tensor as usize].shape[3]);
        LOGITS_PER_VALUE * width * step.layout.parts[slot.part].queries.len()
    };
    jobs(step.layout, |slot| step.setup.late(&slot.active).is_some(), work, out)
}

/// The queries that a layer's distillation takes, with their roles there: those that have one, and are finite in the last
/// layer too.
fn taught<'a>(own: &'a [i32], last: &'a [i32]) -> impl Iterator<Item = (usize, i32)> + 'a {
    let all = own.iter().zip(last).enumerate();
    all.filter(|&(_, (&own, &last))| own > LEFT_OUT && last != UNSOUND).map(|(query, (&own, _))| (query, own))
}
