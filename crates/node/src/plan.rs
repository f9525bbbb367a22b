//! Criteria and plans: what is made once for as many batches as have the same options and structure.

use std::sync::Arc;

use hungarian_loss::{
    Criterion, Error, Form, LayerRule, Matching, Part, Plan, Raster, Score, Stack, Structure, Weights, target_fields,
};
use napi::bindgen_prelude::{Env, External};
use napi_derive::napi;

use crate::environment::{level, threads};
use crate::error::{Failure, Result};
use crate::loss_error::Names;
use crate::options::CriterionOptions;

/// A plan, and what JavaScript calls its parts.
#[derive(Clone)]
pub struct NamedPlan {
    /// What the core needs to know of a step.
    pub plan: Plan,
    /// One name for each part.
    pub names: Names,
    /// Whether batches have each field of the targets, and what it is made of.
    targets: Arc<[(bool, Form)]>,
}

/// The planes of bytes of a batch's targets.
pub struct Planes<'a> {
    /// Those of each field that batches have, image after image.
    all: Vec<Raster<'a>>,
    /// Where those of each field of the targets lie; nothing where there are none at all.
    places: Vec<std::ops::Range<usize>>,
}

/// The fields of a batch, as slices.
pub struct Fields<'a> {
    /// The tensors, then one for each field of the targets, empty where the batch has none.
    all: Vec<&'a [f32]>,
    tensors: usize,
}

impl NamedPlan {
    /// Tells the tensors from the fields of the targets, of which only those are given that batches have.
    pub fn fields<'a>(&self, mut given: impl ExactSizeIterator<Item = &'a [f32]>) -> Result<Fields<'a>> {
        let is_row = |&(has, form): &(bool, Form)| has && form == Form::Row;
        let of_targets = self.targets.iter().filter(|field| is_row(field)).count();
        let Some(tensors) = given.len().checked_sub(of_targets) else {
            return Err(Failure::Binding("INTERNAL", "fields", "there are fewer fields than the plan has".to_owned()));
        };
        let mut all = Vec::with_capacity(tensors + self.targets.len());
        all.extend(given.by_ref().take(tensors));
        let next = |field| if is_row(field) { given.next().unwrap_or_default() } else { &[] };
        all.extend(self.targets.iter().map(next));
        Ok(Fields { all, tensors })
    }

    /// The planes of all images, field after field. `sizes`: height and width of each.
    pub fn planes<'a>(&self, given: impl ExactSizeIterator<Item = &'a [u8]>, sizes: &[u32]) -> Result<Planes<'a>> {
        if given.len() == 0 && sizes.is_empty() {
            return Ok(Planes { all: Vec::new(), places: Vec::new() });
        }
        let fields = self.targets.iter().filter(|&&(has, form)| has && form != Form::Row).count();
        let images = given.len().checked_div(fields).unwrap_or(0);
        if images * fields != given.len() || sizes.len() != 2 * given.len() {
            return Err(Failure::Binding("INTERNAL", "planes", "they are not those of the plan".to_owned()));
        }
        let raster =
            |(values, size): (&'a [u8], &[u32])| Raster { values, height: size[0] as usize, width: size[1] as usize };
        let all = given.zip(sizes.chunks_exact(2)).map(raster).collect();
        let mut next = 0;
        let of_field = |&(has, form): &(bool, Form)| {
            let first = next;
            next += if has && form != Form::Row { images } else { 0 };
            first..next
        };
        Ok(Planes { all, places: self.targets.iter().map(of_field).collect() })
    }
}

impl<'a> Planes<'a> {
    /// Those of each field of the targets, image after image.
    pub fn fields(&self) -> Vec<&[Raster<'a>]> {
        self.places.iter().map(|range| &self.all[range.clone()]).collect()
    }

    /// The values of all.
    pub fn all(&self) -> impl Iterator<Item = &'a [u8]> {
        self.all.iter().map(|raster| raster.values)
    }
}

impl<'a> Fields<'a> {
    /// All of them.
    pub fn all(&self) -> impl Iterator<Item = &'a [f32]> {
        self.all.iter().copied()
    }

    /// Those of the queries, of each stack that has them, stack after stack.
    pub fn tensors(&self) -> &[&'a [f32]] {
        &self.all[..self.tensors]
    }

    /// Those of the targets, image after image.
    pub fn targets(&self) -> &[&'a [f32]] {
        &self.all[self.tensors..]
    }
}

/// The structure of a step.
#[napi(object, object_to_js = false)]
pub struct StepStructure {
    /// How many images the batch has.
    pub images: u32,
    /// What the tensors hold.
    pub stacks: Vec<StackStructure>,
    /// What is matched and weighed on its own.
    pub parts: Vec<PartStructure>,
    /// Whether the batch has each field of the targets, in the order of the description.
    pub targets: Vec<bool>,
}

/// Layers that lie one after the other in the same tensors, `[layers, images, rows, width]`.
#[napi(object, object_to_js = false)]
pub struct StackStructure {
    /// How many layers.
    pub layers: u32,
    /// How many queries each layer has.
    pub rows: u32,
    /// The width of each field, in the order of the description; 0 for those without a tensor.
    pub widths: Vec<u32>,
    /// For each field whose rows have several axes without a size of their own, the sizes of all of them; none for the others.
    pub axes: Vec<Vec<u32>>,
}

/// Some queries of some layers.
#[napi(object, object_to_js = false)]
pub struct PartStructure {
    /// What messages call it: `outputs.encoder`.
    pub name: String,
    /// The first of its layers among those of all stacks, and how many it has.
    pub first_layer: u32,
    /// How many layers it has.
    pub layers: u32,
    /// Its queries: from the first to before the end.
    pub first_query: u32,
    /// Where its queries end.
    pub end_query: u32,
    /// How each layer is matched; absent where all are matched optimally.
    pub rules: Option<Vec<RuleStructure>>,
    /// Into how many groups of equal size its queries are divided, each with a matching of its own.
    pub groups: u32,
    /// How often each target is repeated, and whether that is less where an image has many.
    pub repeat: u32,
    /// See the core's part.
    pub adaptive: bool,
    /// Whether all targets count as of the first class.
    pub class_agnostic: bool,
    /// Whether its geometric terms take part in the union matching.
    pub union: bool,
    /// What the number of targets is multiplied by, beyond its groups and repetitions.
    pub normalizer_factor: f64,
    /// What its loss is multiplied by.
    pub weight: f64,
    /// One for each layer, which that multiplies; absent where all are 1.
    pub layer_weights: Option<Vec<f64>>,
    /// See the core's part.
    pub is_ranked: bool,
    /// Whether each batch brings weights of its queries.
    pub has_query_weights: bool,
    /// One for each term, in the order of the description.
    pub weights: Vec<f64>,
}

/// How a layer is matched.
#[napi(object, object_to_js = false)]
pub struct RuleStructure {
    /// Whether its matching is given with each batch.
    pub is_given: bool,
    /// Whether some of its pairs are, and the rest is matched optimally.
    pub is_fixed: bool,
    /// Where its pairs are chosen by score: the numbers of the rule, in the order of the description.
    pub score: Option<Vec<f64>>,
    /// The layer of the part whose matching it takes over.
    pub from: Option<u32>,
    /// Whether each batch brings costs to be added.
    pub has_cost: bool,
}

/// Checks a configuration and prepares it.
#[napi(catch_unwind)]
pub fn create_criterion(env: Env, options: CriterionOptions) -> napi::Result<External<Criterion>> {
    let create = || {
        let count = options.threads as usize;
        let criterion = Criterion::new(level()?, &options.into_config());
        let criterion = criterion.map_err(|error| match error {
            // of all options this alone decides how much it takes
            Error::Memory { .. } => {
                Failure::Binding("MEMORY", "options.numClasses", format!("options.numClasses: {}", error.detail()))
            }
            error => Failure::Loss(error, Names::default()),
        })?;
        Ok(External::new(criterion.with_threads(threads()?.clone(), count)))
    };
    create().map_err(|failure: Failure| failure.into_js(&env))
}

/// Checks the structure of a step and lays it out, for as many calls as have the same.
#[napi(catch_unwind)]
pub fn create_plan(
    env: Env,
    criterion: &External<Criterion>,
    structure: StepStructure,
) -> napi::Result<External<NamedPlan>> {
    let create = || -> Result<_> {
        let forms = target_fields().map(|target| target.form);
        let targets = structure.targets.iter().copied().zip(forms).collect();
        let names: Names = structure.parts.iter().map(|part| part.name.clone()).collect::<Vec<_>>().into();
        let plan = criterion.plan(structure.into_core()).map_err(|error| Failure::Loss(error, Arc::clone(&names)))?;
        Ok(External::new(NamedPlan { plan, names, targets }))
    };
    create().map_err(|failure: Failure| failure.into_js(&env))
}

impl StepStructure {
    fn into_core(self) -> Structure {
        let sizes = |sizes: Vec<u32>| sizes.into_iter().map(|size| size as usize).collect();
        let stack = |StackStructure { layers, rows, widths, axes }: StackStructure| Stack {
            layers: layers as usize,
            rows: rows as usize,
            widths: sizes(widths),
            axes: axes.into_iter().map(sizes).collect(),
        };
        Structure {
            images: self.images as usize,
            stacks: self.stacks.into_iter().map(stack).collect(),
            parts: self.parts.into_iter().map(PartStructure::into_core).collect(),
            targets: self.targets,
        }
    }
}

impl PartStructure {
    fn into_core(self) -> Part {
        let rule = |RuleStructure { is_given, is_fixed, score, from, has_cost }: RuleStructure| LayerRule {
            matching: match from {
                _ if is_given => Matching::Given,
                _ if is_fixed => Matching::Fixed,
                None if score.is_some() => Matching::Score(Score::from_slice(&score.unwrap_or_default())),
                Some(layer) => Matching::Of(layer as usize),
                None => Matching::Optimal,
            },
            has_cost,
        };
        let first_layer = self.first_layer as usize;
        Part {
            layers: first_layer..first_layer + self.layers as usize,
            queries: self.first_query as usize..self.end_query as usize,
            rules: self.rules.unwrap_or_default().into_iter().map(rule).collect(),
            groups: self.groups as usize,
            repeat: self.repeat as usize,
            adaptive: self.adaptive,
            class_agnostic: self.class_agnostic,
            union: self.union,
            normalizer_factor: self.normalizer_factor,
            weight: self.weight,
            layer_weights: self.layer_weights.unwrap_or_default(),
            is_ranked: self.is_ranked,
            has_query_weights: self.has_query_weights,
            weights: Some(Weights::from_slice(&self.weights)),
        }
    }
}
