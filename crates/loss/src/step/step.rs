//! A step under way: a criterion, the plan, one batch, and its targets as parts see them.

use lsap::Threads;

use super::image::Image;
use super::inputs::Inputs;
use super::losses::Scales;
use super::part::Part;
use super::plan::Layout;
use super::setup::Setup;
use crate::batch::Views;
use crate::terms::TERMS;
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

    /// Weights of a part's terms, but for the part's own.
    pub fn weights(&self, part: &Part) -> Weights {
        part.weights.unwrap_or(self.setup.weights)
    }

    /// What the terms of a part are multiplied by in the gradient. `class`: what the class term is multiplied by, beyond its
    /// weight. `normalizer`: what geometric terms are divided by.
    pub fn scales(&self, part: &Part, class: f64, normalizer: f64) -> Scales {
        let weights = self.weights(part);
        let mut scales = [0.0; TERMS];
        for (scale, weight) in scales.iter_mut().zip(weights.all()) {
            *scale = part.weight * weight / normalizer;
        }
        scales[0] = part.weight * weights.class() * class;
        Scales(scales)
    }
}
