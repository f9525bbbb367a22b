//! The terms of boxes whose edges are distributions, once all matchings are known: fine-grained localisation of the
//! pairs that the box terms use, and distillation from a part's last layer to its earlier ones.
//!
//! In a layer's distillation, the mean over the edges of its pairs and the mean over those of its other queries are
//! mixed by [`distillation_shares`]; further parts take those of the first part's last distilled layer, if there is
//! one, as the published code does for denoising queries. Queries that the layer's matching leaves out have no part
//! unless they are paired, and those that are not finite have none at all.
//!
//! Source: Peng et al. 2025, "D-FINE"; Peterande/D-FINE, `dfine_criterion.py` (`loss_local`).

use super::{Criterion, Image, LayerGradients, NonFiniteCounts, Slot, images};
use crate::batch::{Corners, Predictions, broken_rule, check_length};
use crate::config::NonFinite;
use crate::cost::boxes::Columns;
use crate::error::{COMPONENTS, Error, Result};
use crate::loss::boxes::BoxTerms;
use crate::loss::distribution::{Distillation, EDGES, EdgeTarget, best_scores, distillation_shares};
use crate::part::LEFT_OUT;
use crate::scratch::Clean;
use crate::simd::all_finite;
use crate::view::Views;

/// The terms of one layer, normalised; 0 where it has no distributions.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct CornerTerms {
    pub fgl: f64,
    pub ddf: f64,
}

/// A step whose matchings are known.
pub(super) struct Step<'a> {
    pub predictions: &'a Predictions<'a>,
    pub slots: &'a [Slot<'a>],
    pub views: &'a Views<'a>,
    /// `[images, queries]` for each slot.
    pub target_of_query: &'a [i32],
    /// The union matching, `[images, queries]`, if there is one.
    pub union: Option<&'a [i32]>,
    /// For each slot, what its box terms are divided by.
    pub divisors: &'a [f64],
}

/// The rows of a layer that take part.
#[derive(Default)]
struct Active {
    /// Those with a target, weighted by the IoU with it.
    pairs: Vec<EdgeTarget>,
    others: Vec<usize>,
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

    /// The terms of all slots. Writes every element of the gradients by the edges' logits.
    pub(super) fn corner_loss(
        &self,
        step: &Step<'_>,
        gradients: &mut [LayerGradients<'_>],
        counts: &mut NonFiniteCounts,
    ) -> Result<Vec<CornerTerms>> {
        let mut terms = vec![CornerTerms::default(); step.slots.len()];
        if step.predictions.layers.iter().all(|layer| layer.corners.is_none()) {
            return Ok(terms);
        }
        for gradient in &mut *gradients {
            gradient.corners.fill(0.0);
        }
        let unsound: Vec<_> = step.slots.iter().map(|slot| self.unsound(step, slot, counts)).collect::<Result<_>>()?;
        let mut first = 0;
        let mut known_shares = None;
        for part in &step.predictions.parts {
            let slots = first..first + part.layers.len();
            let teacher = slots.end.saturating_sub(1);
            let mut scores = Vec::new();
            for index in slots {
                let slot = &step.slots[index];
                let Some(corners) = step.corners(slot) else { continue };
                let active = self.active(step, index, &unsound[index]);
                let mut gradient = gradients.get_mut(slot.tensors).map(|gradient| &mut *gradient.corners);
                terms[index].fgl =
                    self.localization(slot, corners, &active.pairs, step.divisors[index], gradient.as_deref_mut())?;
                if index == teacher {
                    continue;
                }
                let active = active.without(&unsound[teacher]);
                let own = distillation_shares(active.pairs.len(), active.others.len());
                let shares = if first == 0 { *known_shares.insert(own) } else { known_shares.unwrap_or(own) };
                if self.weights(part).ddf == 0.0 {
                    continue;
                }
                if scores.is_empty() {
                    scores = self.best_scores(step, &step.slots[teacher]);
                }
                let queries = active.weighted(shares, &scores);
                terms[index].ddf = self.distillation(step, [slot, &step.slots[teacher]], &queries, gradient)?;
            }
            first += part.layers.len();
        }
        Ok(terms)
    }

    fn localization(
        &self,
        slot: &Slot<'_>,
        corners: Corners<'_>,
        pairs: &[EdgeTarget],
        divisor: f64,
        gradient: Option<&mut [f32]>,
    ) -> Result<f64> {
        let scale = slot.part.weight * self.weights(slot.part).fgl / divisor;
        let format = self.config.box_format;
        Ok(self.bins.localization(self.level, format, corners.logits, pairs, scale, gradient)? / divisor)
    }

    fn distillation(
        &self,
        step: &Step<'_>,
        [student, teacher]: [&Slot<'_>; 2],
        queries: &[(usize, f64)],
        gradient: Option<&mut [f32]>,
    ) -> Result<f64> {
        let (Some(student), Some(teacher), part) = (step.corners(student), step.corners(teacher), student.part) else {
            return Ok(0.0);
        };
        let temperature = self.config.distribution.temperature;
        let inputs = Distillation { student: student.logits, teacher: teacher.logits, queries, temperature };
        self.bins.distillation(self.level, &inputs, part.weight * self.weights(part).ddf, gradient)
    }

    /// σ of the largest logit of every row of a slot's tensors; 0 for rows of other parts.
    fn best_scores(&self, step: &Step<'_>, slot: &Slot<'_>) -> Vec<f32> {
        let mut scores = vec![0.0; step.predictions.images * slot.part.rows];
        for image in images(step.predictions, slot, step.views) {
            best_scores(self.level, image.logits, image.part.classes, &mut scores[image.rows()]);
        }
        scores
    }

    /// The rows of a slot that take part. `unsound`: those that are not finite.
    fn active(&self, step: &Step<'_>, index: usize, unsound: &[usize]) -> Active {
        let slot = &step.slots[index];
        let own = &step.target_of_query[slot.matches.clone()];
        let paired = step.union.filter(|_| slot.part.union).unwrap_or(own);
        let references = step.corners(slot).map_or(&[][..], |corners| corners.references);
        let mut active = Active::default();
        let (mut pairs, mut ious, mut clean) = (Vec::new(), Vec::new(), Clean::default());
        for image in images(step.predictions, slot, step.views) {
            let matches = image.image * image.queries..(image.image + 1) * image.queries;
            let first = image.rows().start;
            pairs.clear();
            for (query, (&target, &own)) in paired[matches.clone()].iter().zip(&own[matches]).enumerate() {
                if unsound.binary_search(&(first + query)).is_ok() {
                    continue;
                }
                match usize::try_from(target) {
                    Ok(target) => pairs.push((query, target)),
                    Err(_) if own != LEFT_OUT => active.others.push(first + query),
                    Err(_) => {}
                }
            }
            ious.resize(pairs.len(), 0.0);
            self.box_loss(&self.clamped(&image, &mut clean), &pairs, &BoxTerms::default(), &mut ious, None);
            active.pairs.extend(pairs.iter().zip(&ious).map(|(&(query, target), &weight)| EdgeTarget {
                row: first + query,
                reference: box_at(references, first + query),
                target: box_at(image.targets.all.boxes, target),
                weight,
            }));
        }
        active
    }

    /// The rows of a slot, ascending, whose values are not all finite in all tensors. Counts what was not counted
    /// before.
    fn unsound(&self, step: &Step<'_>, slot: &Slot<'_>, counts: &mut NonFiniteCounts) -> Result<Vec<usize>> {
        let mut rows = Vec::new();
        let Some(corners) = step.corners(slot) else { return Ok(rows) };
        let others_may_be = counts.logits + counts.boxes > 0;
        let width = EDGES * self.bins.count();
        let mut columns = Columns::default();
        for image in images(step.predictions, slot, step.views) {
            let range = image.rows();
            let logits = &corners.logits[range.start * width..range.end * width];
            let references = &corners.references[range.start * COMPONENTS..range.end * COMPONENTS];
            let sound = all_finite(self.level, logits) && self.lay_out(&mut columns, references);
            if sound && !others_may_be {
                continue;
            }
            for (query, row) in range.enumerate() {
                let edges = self.inspect_edges(&image, query, &corners, counts)?;
                let reference = self.inspect_reference(&image, query, &corners, counts)?;
                if !(edges && reference && image.is_finite(query)) {
                    rows.push(row);
                }
            }
        }
        Ok(rows)
    }

    /// Whether the scores of a query's edges are finite.
    fn inspect_edges(
        &self,
        image: &Image<'_>,
        query: usize,
        corners: &Corners<'_>,
        counts: &mut NonFiniteCounts,
    ) -> Result<bool> {
        let width = EDGES * self.bins.count();
        let logits = &corners.logits[(image.rows().start + query) * width..][..width];
        let Some(at) = logits.iter().position(|x| !x.is_finite()) else { return Ok(true) };
        if self.config.non_finite == NonFinite::Throw {
            let (edge, bin) = (at / self.bins.count(), at % self.bins.count());
            return Err(Error::CornerNotFinite { place: image.place(query), edge, bin, value: logits[at] });
        }
        counts.corners += logits.iter().filter(|x| !x.is_finite()).count();
        Ok(false)
    }

    /// Whether the box that a query's edges start from is finite; if so, it must be a box.
    fn inspect_reference(
        &self,
        image: &Image<'_>,
        query: usize,
        corners: &Corners<'_>,
        counts: &mut NonFiniteCounts,
    ) -> Result<bool> {
        let tensor = "references";
        let reference = box_at(corners.references, image.rows().start + query);
        if let Some(component) = reference.iter().position(|x| !x.is_finite()) {
            if self.config.non_finite == NonFinite::Throw {
                let (place, value) = (image.place(query), reference[component]);
                return Err(Error::BoxNotFinite { place, tensor, component, value });
            }
            counts.references += reference.iter().filter(|x| !x.is_finite()).count();
            return Ok(false);
        }
        match broken_rule(&reference, self.config.box_format) {
            None => Ok(true),
            Some((component, rule)) => {
                let (place, value) = (image.place(query), reference[component]);
                Err(Error::Box { place, tensor, component, value, rule })
            }
        }
    }
}

impl<'a> Step<'a> {
    fn corners(&self, slot: &Slot<'_>) -> Option<Corners<'a>> {
        self.predictions.layers[slot.tensors].corners
    }
}

impl Active {
    /// Those that are not among some rows, which ascend.
    fn without(mut self, rows: &[usize]) -> Self {
        if !rows.is_empty() {
            self.pairs.retain(|pair| rows.binary_search(&pair.row).is_err());
            self.others.retain(|row| rows.binary_search(row).is_err());
        }
        self
    }

    /// Rows with the weight of each of their edges.
    fn weighted(&self, shares: [f64; 2], scores: &[f32]) -> Vec<(usize, f64)> {
        let numbers = [self.pairs.len(), self.others.len()];
        let [paired, other] = [0, 1].map(|k| shares[k] / (EDGES * numbers[k]).max(1) as f64);
        let pairs = self.pairs.iter().map(|pair| (pair.row, paired * pair.weight));
        pairs.chain(self.others.iter().map(|&row| (row, other * f64::from(scores[row])))).collect()
    }
}

fn box_at(boxes: &[f32], row: usize) -> [f32; COMPONENTS] {
    std::array::from_fn(|k| boxes[COMPONENTS * row + k])
}
