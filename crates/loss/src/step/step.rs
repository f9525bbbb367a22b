//! A step under way: a criterion, the plan, one batch, and its targets as parts see them.

use lsap::Threads;

use super::image::Image;
use super::inputs::Inputs;
use super::jobs::Job;
use super::losses::{FamilyNormalizers, Scales};
use super::part::Part;
use super::plan::{Layout, Slot};
use super::setup::Setup;
use crate::batch::Views;
use crate::error::{Array, Error, Result};
use crate::field::{MAX_FIELDS, Owner};
use crate::terms::{OWNERS, TERMS, query_field, terms_of};
use crate::weights::Weights;

/// What all stages look at.
#[derive(Clone, Copy)]
pub(crate) struct Step<'a> {
    pub setup: &'a Setup,
    pub layout: &'a Layout,
    pub inputs: &'a Inputs<'a>,
    pub views: &'a Views<'a>,
    /// Shared ones, and how many of them at most; the caller's alone if absent.
    pub threads: Option<&'a (Threads, usize)>,
}

impl<'a> Step<'a> {
    /// An image of a layer.
    pub fn image(&self, slot: usize, image: usize) -> Image<'a> {
        Image::new(self.layout, self.inputs, self.views, &self.layout.slots[slot], image)
    }

    /// That of a job.
    pub fn image_of(&self, job: &Job<'_>) -> Image<'a> {
        let mut image = self.image(job.slot, job.image);
        image.at.first_pair = job.first_pair;
        image
    }

    /// For each layer and image the number of its first pair among all of the layer's, image by image and in the order of the
    /// queries; empty where nothing belongs to pairs.
    ///
    /// # Errors
    /// [`Error::Length`](crate::Error::Length) where there is something for more or fewer pairs.
    pub fn first_pairs(&self) -> Result<Vec<usize>> {
        let layout = self.layout;
        let of_pairs: Vec<_> = (0..MAX_FIELDS).filter(|&field| OWNERS[field] == Owner::Pair).collect();
        let has = |slot: &Slot| of_pairs.iter().any(|&field| layout.layers[slot.tensors].tensors[field].is_some());
        if !layout.slots.iter().any(has) {
            return Ok(Vec::new());
        }
        let mut first_pairs = vec![0; layout.slots.len() * layout.images];
        for tensors in 0..layout.layers.len() {
            let mut sharing: Vec<_> = (0..layout.slots.len()).filter(|&k| layout.slots[k].tensors == tensors).collect();
            sharing.sort_by_key(|&slot| layout.parts[layout.slots[slot].part].queries.start);
            let mut next = 0;
            for image in 0..layout.images {
                for &slot in &sharing {
                    first_pairs[slot * layout.images + image] = next;
                    next += self.pairs_of(&layout.slots[slot], image);
                }
            }
            let layer = &layout.layers[tensors];
            for &field in of_pairs.iter().filter(|&&field| layer.tensors[field].is_some()) {
                let ([count, rest @ ..], width) = (layer.shapes.axes[field], layer.shapes.widths[field]);
                if count != next {
                    let part = sharing.first().map_or(0, |&slot| layout.slots[slot].part);
                    let array = Array::Queries { part, field: query_field(field).name };
                    let shape = std::iter::once(next).chain(rest).collect();
                    let expected = (width / count.max(1) * next) as u64;
                    return Err(Error::Length { array, expected, actual: width as u64, shape });
                }
            }
        }
        Ok(first_pairs)
    }

    /// How many pairs the matching of an image has, before it is solved.
    fn pairs_of(&self, slot: &Slot, image: usize) -> usize {
        let part = &self.layout.parts[slot.part];
        if let Some(source) = &slot.source {
            let its = self.layout.slots.iter().find(|other| other.matches == *source);
            return its.map_or(0, |its| self.pairs_of(its, image));
        }
        let Some(given) = self.inputs.given(slot) else { return part.pairs(self.views.count(image)) };
        let own = &given[image * part.queries.len()..][..part.queries.len()];
        let is_pair = |target: i32| usize::try_from(target).is_ok_and(|target| !self.views.is_ignored(image, target));
        own.iter().filter(|&&target| is_pair(target)).count()
    }

    /// Weights of a part's terms: its own, or else the criterion's.
    pub fn weights(&self, part: &Part) -> Weights {
        part.weights.unwrap_or(self.setup.weights)
    }

    /// How many pairs the matching of a layer has. `matches`: that matching, where it is not to be solved.
    pub fn pairs(&self, slot: usize, matches: &[i32]) -> usize {
        let slot = &self.layout.slots[slot];
        let part = &self.layout.parts[slot.part];
        let queries = part.queries.len();
        let images = 0..self.layout.images;
        if slot.is_optimal() {
            return images.map(|image| part.pairs(self.views.count(image))).sum();
        }
        let is_pair = |image: usize, &target: &i32| {
            usize::try_from(target).is_ok_and(|target| !self.views.is_ignored(image, target))
        };
        let of =
            |image: usize| matches[slot.matches_of(image, queries)].iter().filter(move |target| is_pair(image, target));
        images.map(|image| of(image).count()).sum()
    }

    /// What the terms of a layer are multiplied by in the gradient. `class`: what the class term is multiplied by, beyond its
    /// weight. `normalizers`: what the terms of each family are divided by.
    pub fn scales(&self, slot: &Slot, class: f64, normalizers: &FamilyNormalizers) -> Scales {
        let part = &self.layout.parts[slot.part];
        let own = part.weight_of(slot.layer);
        let weights = self.weights(part);
        let mut scales = [0.0; TERMS];
        for (family, &normalizer) in normalizers.iter().enumerate() {
            for term in terms_of(family) {
                let weight = weights.all()[term];
                scales[term] = own * weight / normalizer;
                if weight > 0.0 {
                    // a part without a weight has the term in its report all the same; the gradient is 0 either way
                    scales[term] = scales[term].max(f64::MIN_POSITIVE);
                }
            }
        }
        scales[0] = own * weights.class() * class;
        Scales(scales)
    }
}
