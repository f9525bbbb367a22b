//! Late terms of one image: over the pairs that the geometric terms use, and against the layer that teaches.

use lsap::memory::held;

use super::jobs::Job;
use super::losses::FamilyNormalizers;
use super::matching::Sorted;
use super::step::Step;
use super::weighed::Weighed;
use crate::batch::{BACKGROUND, LEFT_OUT};
use crate::terms::late::{LatePairs, Taught};
use crate::terms::memory::TermMemory;
use crate::terms::{FAMILIES, LOGITS, gradient_fields, terms_of};

/// In place of a match: the query is not finite.
pub(crate) const UNSOUND: i32 = -3;

/// Memory of the stage. Holds nothing between images but its capacity.
#[derive(Debug, Default)]
pub(crate) struct DistillBuffers {
    sorted: Sorted,
    quality: Vec<f64>,
    queries: Vec<(usize, Option<f64>)>,
    weighed: Weighed,
    /// Of an image that lacks columns, the teacher's logits of those that it has.
    gathered: Vec<f32>,
    pub memory: TermMemory,
}

/// What a layer is taught.
#[derive(Clone, Copy)]
pub(crate) struct Distillation {
    /// The slot of the part's last layer.
    pub teacher: usize,
    /// What a query's loss is multiplied by, beyond its own weight, with and without a pair.
    pub weights: [f64; 2],
}

impl DistillBuffers {
    /// Bytes that grow with an image.
    pub fn held(&self) -> usize {
        self.memory.held() + held(&self.gathered)
    }
}

/// The terms of one image and their gradient.
pub(crate) fn image_losses(
    step: &Step<'_>,
    job: &mut Job<'_>,
    (roles, quality): (&[i32], &[f64]),
    normalizers: &FamilyNormalizers,
    distillation: Option<Distillation>,
    DistillBuffers { sorted, quality: of_pairs, queries, weighed, gathered, memory }: &mut DistillBuffers,
) {
    let image = step.image(job.slot, job.image);
    let Some((family, terms)) = step.setup.late(image.active()) else { return };
    let (level, slots) = (step.setup.level, &step.layout.slots);
    let place = |slot: usize| slots[slot].matches_of(image.image, image.queries);
    let (own, quality) = (&roles[place(job.slot)], &quality[place(job.slot)]);
    let place_of_gradient = gradient_fields(family).next().unwrap_or(LOGITS);
    let mut gradient = job.gradients.as_mut().map(|gradients| &mut *gradients[place_of_gradient]);
    if let Some(gradient) = &mut gradient {
        gradient.fill(0.0);
    }
    sorted.set(own, &[]);
    let known = FAMILIES[family]
        .needs
        .and_then(|needed| step.setup.pairs(image.active()).find(|&(k, _)| FAMILIES[k].name == needed));
    if let Some((_, needed)) = known {
        sorted.pairs.retain(|&(_, target)| needed.knows(image.targets.all.rows, target));
    }
    of_pairs.clear();
    of_pairs.extend(sorted.pairs.iter().map(|&(query, _)| quality[query]));
    let pairs =
        LatePairs { queries: image.rows, targets: image.targets.all.rows, list: &sorted.pairs, quality: of_pairs };
    let [over_pairs, over_layers] = [0, 1].map(|k| terms_of(family).start + k);
    let weights = step.weights(image.part);
    let divisor = step.image_divisors(image.part, image.image).map_or(1.0, |divisors| divisors[over_pairs]);
    let scale = image.part.weight_of(image.slot.layer) * weights.all()[over_pairs] / normalizers[family] / divisor;
    let targets = &image.targets.all;
    let sum = if targets.has_weights() {
        let out = (scale, gradient.as_deref_mut());
        weighed.add_pairs(level, terms, &pairs, |target| targets.weight(target), out, memory)
    } else {
        terms.add_pairs(level, &pairs, scale, gradient.as_deref_mut(), memory)
    };
    job.sums.terms[over_pairs] = sum / divisor;

    let Some(Distillation { teacher, weights: [paired, other] }) = distillation else { return };
    let last = step.image(teacher, image.image);
    queries.clear();
    queries.extend(taught(own, &roles[place(teacher)]).map(|(query, role)| match role {
        BACKGROUND => (query, None),
        _ => (query, Some(quality[query])),
    }));
    if let Some(columns) = last.columns {
        columns.gather(last.rows.get(LOGITS), gathered);
    }
    let logits = last.logits(&last.rows, gathered);
    let taught = Taught {
        teacher: last.rows,
        logits: logits.values,
        classes: logits.classes,
        queries,
        weights: [paired, other],
    };
    let scale = image.part.weight_of(image.slot.layer) * weights.all()[over_layers];
    job.sums.terms[over_layers] = terms.add_taught(level, image.rows, &taught, scale, gradient, memory);
}

/// The queries that a layer's distillation takes, with their roles there: those that have one, and are finite in the last
/// layer too.
pub(crate) fn taught<'a>(own: &'a [i32], last: &'a [i32]) -> impl Iterator<Item = (usize, i32)> + 'a {
    let all = own.iter().zip(last).enumerate();
    all.filter(|&(_, (&own, &last))| own > LEFT_OUT && last != UNSOUND).map(|(query, (&own, _))| (query, own))
}
