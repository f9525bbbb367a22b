//! The criterion and its plans: the entry of the crate.

use std::sync::Arc;

use lsap::{Threads, memory};
use simd::Level;

use crate::batch::{Targets, Views};
use crate::config::Config;
use crate::error::{Array, Error, Result};
use crate::shape::check_length;
use crate::step::{
    Inputs, Layout, NonFiniteCounts, Normalizers, Report, Scratch, Setup, Step, Structure, bytes, compute, costs,
    match_targets,
};

/// A checked configuration, ready to run.
#[derive(Clone, Debug)]
pub struct Criterion {
    setup: Arc<Setup>,
    /// Shared ones, and how many of them at most; the caller's alone if absent.
    threads: Option<(Threads, usize)>,
}

/// A criterion with the structure of a step: what batches of one structure are computed by.
#[derive(Clone, Debug)]
pub struct Plan {
    criterion: Criterion,
    layout: Arc<Layout>,
}

impl Criterion {
    /// Checks the configuration.
    ///
    /// # Errors
    /// [`Error::Option`] or [`Error::Weight`] for a value outside its range.
    pub fn new(level: Level, config: &Config) -> Result<Self> {
        Ok(Self { setup: Arc::new(Setup::new(level, config)?), threads: None })
    }

    /// The same in up to `count` threads, where there is enough work: the caller's own and, of those that are shared,
    /// what is free. The bits of the results do not depend on it.
    #[must_use]
    pub fn with_threads(self, threads: Threads, count: usize) -> Self {
        Self { threads: Some((threads, count)), ..self }
    }

    /// Columns of the logits: one for each class, and with softmax one for no-object.
    #[must_use]
    pub fn logits_width(&self) -> usize {
        self.setup.logits_width()
    }

    /// Checks the structure of a step and lays it out.
    ///
    /// # Errors
    /// [`Error::Part`], [`Error::Weight`], [`Error::Length`], [`Error::Missing`] or [`Error::Beside`] for what does not fit.
    pub fn plan(&self, structure: Structure) -> Result<Plan> {
        let layout = Arc::new(Layout::new(&self.setup, structure)?);
        Ok(Plan { criterion: self.clone(), layout })
    }
}

impl Plan {
    /// Layers of all parts, part after part: the order of everything that is reported.
    #[must_use]
    pub fn reported_layers(&self) -> usize {
        self.layout.slots.len()
    }

    /// Entries of all matchings: `[images, queries]` for every reported layer, one after the other.
    #[must_use]
    pub fn reported_queries(&self) -> usize {
        self.layout.reported_queries
    }

    /// Entries that pairs take beyond the first of each query, where layers are matched by score: for each reported layer, or
    /// one that takes over its matching, and each image, query and target by turns, -1 where there is none, of as many pairs
    /// as k times its targets.
    #[must_use]
    pub fn further_pairs(&self, targets: &Targets<'_>) -> usize {
        let most: usize = self.layout.slots.iter().map(|slot| slot.most_further).sum();
        most.saturating_mul(2).saturating_mul(targets.total())
    }

    /// Places of the tensors that the loss has a gradient by, among all.
    pub fn gradient_tensors(&self) -> impl Iterator<Item = usize> {
        self.layout.gradients.iter().map(|gradient| gradient.tensor)
    }

    /// The loss, its terms, the matches and, if `gradients` is not empty, the gradients of the loss, every element of them.
    ///
    /// `gradients`: one as long as its tensor for each of [`Plan::gradient_tensors`]. `target_of_query`: written, of
    /// [`Plan::reported_queries`] entries: the matched target of each query, -1 for background, -2 for a query that is left
    /// out; then [`Plan::further_pairs`].
    ///
    /// # Errors
    /// The first fault in the order: lengths, labels, targets, given matchings and costs, predictions. Gradients and
    /// matches are then unspecified.
    pub fn compute(
        &self,
        inputs: &Inputs<'_>,
        normalizers: Normalizers<'_>,
        gradients: &mut [&mut [f32]],
        target_of_query: &mut [i32],
        scratch: &mut Scratch,
    ) -> Result<Report> {
        self.check(inputs, Some(target_of_query))?;
        let least_factor = self.layout.parts.iter().map(|part| part.normalizer_factor).fold(1.0, f64::min);
        normalizers.check(self.reported_layers(), least_factor)?;
        self.check_gradients(gradients)?;
        let views = self.views(inputs);
        compute(&self.step(inputs, &views), normalizers, gradients, target_of_query, scratch)
    }

    /// The matching alone; of the report, only the normalisers, the counts that these come from and `non_finite` mean
    /// anything.
    ///
    /// # Errors
    /// As [`Plan::compute`].
    pub fn match_targets(
        &self,
        inputs: &Inputs<'_>,
        target_of_query: &mut [i32],
        scratch: &mut Scratch,
    ) -> Result<Report> {
        self.check(inputs, Some(target_of_query))?;
        let views = self.views(inputs);
        match_targets(&self.step(inputs, &views), target_of_query, scratch)
    }

    /// The matching cost alone, with what the caller adds to it.
    ///
    /// `out`: for each layer of every part and each image one block `[queries, targets of the image]`, one after the
    /// other; ignored targets have a cost like the others, and repeated ones are not repeated.
    ///
    /// # Errors
    /// As [`Plan::compute`]; also for labels of ignored targets that name no class, since they have a cost here.
    pub fn cost(&self, inputs: &Inputs<'_>, out: &mut [f32], scratch: &mut Scratch) -> Result<NonFiniteCounts> {
        self.check(inputs, None)?;
        let has_ignored = inputs.targets.ignored().contains(&1);
        let inputs = Inputs { targets: inputs.targets.without_ignored(), ..*inputs };
        if has_ignored {
            inputs.check_labels(&self.criterion.setup)?;
        }
        let views = Views::new(&inputs.targets, Some(self.criterion.setup.agnostic_label()));
        let queries: usize = self.layout.slots.iter().map(|slot| self.layout.parts[slot.part].queries.len()).sum();
        check_length(Array::CostBlocks, out.len(), &[queries, inputs.targets.total()])?;
        costs(&self.step(&inputs, &views), out, scratch)
    }

    /// Bytes that a call takes, at most.
    #[doc(hidden)]
    #[must_use]
    pub fn needs(&self, inputs: &Inputs<'_>) -> u128 {
        let Criterion { setup, threads } = &self.criterion;
        bytes(setup, &self.layout, &inputs.targets, threads.as_ref())
    }

    fn check(&self, inputs: &Inputs<'_>, target_of_query: Option<&[i32]>) -> Result<()> {
        if let Some(places) = target_of_query {
            let length = self.reported_queries().saturating_add(self.further_pairs(&inputs.targets));
            check_length(Array::TargetOfQuery, places.len(), &[length])?;
        }
        inputs.check(&self.criterion.setup, &self.layout)?;
        memory::require("", self.needs(inputs)).map_err(Error::refused(None))
    }

    fn check_gradients(&self, gradients: &[&mut [f32]]) -> Result<()> {
        if gradients.is_empty() {
            return Ok(());
        }
        check_length(Array::Tensors, gradients.len(), &[self.layout.gradients.len()])?;
        for (values, gradient) in gradients.iter().zip(&self.layout.gradients) {
            let tensor = &self.layout.tensors[gradient.tensor];
            check_length(Array::Gradient { field: tensor.name() }, values.len(), &tensor.shape)?;
        }
        Ok(())
    }

    fn views<'a>(&self, inputs: &'a Inputs<'a>) -> Views<'a> {
        let agnostic = self.layout.parts.iter().any(|part| part.class_agnostic);
        Views::new(&inputs.targets, agnostic.then(|| self.criterion.setup.agnostic_label()))
    }

    fn step<'a>(&'a self, inputs: &'a Inputs<'a>, views: &'a Views<'a>) -> Step<'a> {
        let Criterion { setup, threads } = &self.criterion;
        Step { setup, layout: &self.layout, inputs, views, further: None, threads: threads.as_ref() }
    }
}
