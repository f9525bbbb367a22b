//! A step under way: a criterion, the plan, one batch, and its targets as parts see them.

use lsap::Threads;

use super::fixed;
use super::image::Image;
use super::inputs::Inputs;
use super::losses::{FamilyNormalizers, Scales};
use super::part::Part;
use super::plan::{Layout, Slot};
use super::score::Further;
use super::setup::Setup;
use crate::batch::Views;
use crate::terms::{TERMS, terms_of};
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

    /// The pairs of an image beyond the first of each query.
    pub fn further_pairs(&self, slot: &Slot, image: usize) -> &'a [(usize, usize)] {
        self.further.map_or(&[], |further| further.of(slot, image))
    }

    /// Weights of a part's terms: its own, or else the criterion's.
    pub fn weights(&self, part: &Part) -> Weights {
        part.weights.unwrap_or(self.setup.weights)
    }

    /// How many pairs the matching of a layer has. `matches`: that matching, as far as it is known.
    pub fn pairs(&self, slot: usize, matches: &[i32]) -> usize {
        let slot = &self.layout.slots[slot];
        let part = &self.layout.parts[slot.part];
        let queries = part.queries.len();
        let images = 0..self.layout.images;
        if slot.is_fixed {
            let own = |image: usize| &matches[slot.matches_of(image, queries)];
            return images.map(|image| fixed::pairs(part, &self.views.image(image, false), own(image))).sum();
        }
        if slot.is_optimal() {
            return images.map(|image| part.pairs(self.views.count(image))).sum();
        }
        let is_pair = |image: usize, &target: &i32| {
            usize::try_from(target).is_ok_and(|target| !self.views.is_ignored(image, target))
        };
        let of =
            |image: usize| matches[slot.matches_of(image, queries)].iter().filter(move |target| is_pair(image, target));
        let further = |image: usize| self.further_pairs(slot, image).len();
        images.map(|image| of(image).count() + further(image)).sum()
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
