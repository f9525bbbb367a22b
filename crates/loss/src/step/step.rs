//! A step under way: a criterion, the plan, one batch, and its targets as parts see them.

use lsap::{Share, Threads};

use super::further::Further;
use super::geometry::Scales;
use super::image::Image;
use super::inputs::Inputs;
use super::jobs::Job;
use super::losses::FamilyNormalizers;
use super::part::Part;
use super::plan::{Layer, Layout, Slot};
use super::rest;
use super::setup::Setup;
use crate::batch::Views;
use crate::error::{Array, Error, Result};
use crate::field::{MAX_AXES, MAX_FIELDS, Owner};
use crate::terms::{OWNERS, TERMS, query_field, terms_of};
use crate::weights::Weights;

/// What all stages look at.
#[derive(Clone, Copy)]
pub(crate) struct Step<'a> {
    pub setup: &'a Setup,
    pub layout: &'a Layout,
    pub inputs: &'a Inputs<'a>,
    pub views: &'a Views<'a>,
    /// The pairs beyond the first of each query, once layers are matched by score.
    pub further: Option<&'a Further>,
    /// Shared ones, and how many of them at most; the caller's alone if absent.
    pub threads: Option<&'a (Threads, usize)>,
}

impl<'a> Step<'a> {
    /// An image of a layer.
    pub fn image(&self, slot: usize, image: usize) -> Image<'a> {
        Image::new(self.layout, self.inputs, self.views, &self.layout.slots[slot], image)
    }

    /// That of a job. `share`: of the threads.
    pub fn image_of<'b>(&self, job: &Job<'_>, share: &'b Share) -> Image<'b>
    where
        'a: 'b,
    {
        let mut image: Image<'b> = self.image(job.slot, job.image);
        image.share = share;
        image.at.first_pair = job.first_pair;
        image
    }

    /// For each layer and image the number of its first pair among all of the layer's, image by image and in the order of the
    /// queries; empty where nothing belongs to pairs. `matches`: of all layers, as far as they are known.
    ///
    /// # Errors
    /// [`Error::Rows`](crate::Error::Rows) where there is something for more or fewer pairs.
    pub fn first_pairs(&self, matches: &[i32]) -> Result<Vec<usize>> {
        let layout = self.layout;
        // a tensor of no pairs has no values, but axes
        let of_pairs =
            |layer: &Layer, field: usize| OWNERS[field] == Owner::Pair && layer.shapes.axes[field] != [0; MAX_AXES];
        if !layout.layers.iter().any(|layer| (0..MAX_FIELDS).any(|field| of_pairs(layer, field))) {
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
                    next += self.pairs_of(&layout.slots[slot], image, matches);
                }
            }
            let own = &layout.layers[tensors];
            for field in (0..MAX_FIELDS).filter(|&field| of_pairs(own, field)) {
                let [count, ..] = own.shapes.axes[field];
                if count == next {
                    continue;
                }
                let (part, layer) = sharing.first().map_or((0, 0), |&k| (layout.slots[k].part, layout.slots[k].layer));
                let array = Array::Queries { part, field: query_field(field).name };
                let rule = format!("expected a row for each of the {next} pairs of layer {layer}, got {count}");
                return Err(Error::Rows { array, layer, rule });
            }
        }
        Ok(first_pairs)
    }

    /// How many pairs the matching of an image has. `matches`: of all layers, as far as they are known.
    fn pairs_of(&self, slot: &Slot, image: usize, matches: &[i32]) -> usize {
        let part = &self.layout.parts[slot.part];
        if let Some(source) = &slot.source {
            let its = self.layout.slots.iter().find(|other| other.matches == *source);
            return its.map_or(0, |its| self.pairs_of(its, image, matches));
        }
        let own = &matches[slot.matches_of(image, part.queries.len())];
        if slot.is_fixed {
            return rest::pairs(part, &self.views.image(image, false), own);
        }
        if slot.is_optimal() {
            return part.pairs(self.views.count(image));
        }
        let is_pair = |target: i32| usize::try_from(target).is_ok_and(|target| !self.views.is_ignored(image, target));
        own.iter().filter(|&&target| is_pair(target)).count() + self.further_pairs(slot, image).len()
    }

    /// The pairs of an image beyond the first of each query.
    pub fn further_pairs(&self, slot: &Slot, image: usize) -> &'a [(usize, usize)] {
        self.further.map_or(&[], |further| further.of(slot, image))
    }

    /// Weights of a part's terms: its own, or else the criterion's.
    pub fn weights(&self, part: &Part) -> Weights {
        part.weights.unwrap_or(self.setup.weights)
    }

    /// How many pairs the matching of a layer has. `matches`: of all layers, as far as they are known.
    pub fn pairs(&self, slot: usize, matches: &[i32]) -> usize {
        let slot = &self.layout.slots[slot];
        (0..self.layout.images).map(|image| self.pairs_of(slot, image, matches)).sum()
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
