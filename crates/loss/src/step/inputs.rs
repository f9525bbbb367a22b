//! The arrays of one batch, checked against the plan: lengths, labels, targets, given matchings and added costs. Predictions
//! are checked where they are first read.

use super::part::{IN_NORMALIZERS, NORMALIZERS, Part};
use super::plan::{Layout, Slot};
use super::rest;
use super::setup::{KnownLabels, Setup};
use crate::batch::{EXCLUDED, LEFT_OUT, Targets};
use crate::error::{Array, Error, Place, QueryPlace, Result, TargetPlace};
use crate::field::{Field, FieldRows, MAX_AXES, Source};
use crate::option::LIMIT;
use crate::raster::Raster;
use crate::shape::{check_length, not_finite};
use crate::terms::family::{Built, Form, TargetField};
use crate::terms::pair::Broken;
use crate::terms::{FAMILIES, queries_of, query_field, target_fields, targets_of};

/// The arrays of one batch.
#[derive(Clone, Copy, Debug)]
pub struct Inputs<'a> {
    /// The tensors of all stacks, in their order; see [`Structure`](crate::Structure).
    pub tensors: &'a [&'a [f32]],
    /// For each layer of every part whose matching is given, `[images, queries]`: the target of each query, -1 for
    /// background, -2 to leave the query out; one after the other. Where some pairs are fixed, -1 is a query that may be
    /// matched, and -3 one that is background whatever it costs.
    pub given: &'a [i32],
    /// For each layer of every part with added costs, and for each image, a block `[queries, targets of the image]`, from
    /// -1e12 to 1e12; one after the other.
    pub costs: &'a [f32],
    /// For each part that has them, `[images, queries]`: what each query's loss as background is multiplied by, from 0 to 1e12;
    /// one part after the other.
    pub query_weights: &'a [f32],
    /// The ground truth.
    pub targets: Targets<'a>,
    /// What random numbers are drawn from, where terms draw any: the same seed draws the same.
    pub seed: u64,
}

/// Normalisers given by the caller, for a batch that is split over workers. All are from 1e-12 to 1e24.
#[derive(Clone, Copy, Debug, Default)]
pub struct Normalizers<'a> {
    /// What the geometric terms are divided by where that is the number of targets; by default that, and at least 1. Parts
    /// multiply it by their groups, repetitions and factor.
    pub targets: Option<f64>,
    /// For each layer of all parts, what terms are divided by where that is its number of pairs; by default that, and at
    /// least 1.
    pub pairs: Option<&'a [f64]>,
    /// In place of the number of images B, where terms are divided by that or by B · Q; by default B, and at least 1.
    pub images: Option<f64>,
    /// What the geometric terms of the union matching are divided by; by default max(1, number of its pairs).
    pub union_pairs: Option<f64>,
    /// For each layer of all parts, what the class term is divided by; by default the sum of the weights of its queries, or
    /// in sigmoid classification the part's N, which a given number of targets enters.
    pub class: Option<&'a [f64]>,
    /// For each layer of all parts, in place of [`LayerCounts::distilled`](crate::LayerCounts::distilled): `[layers, 2]`, from
    /// 0 on.
    pub distilled: Option<&'a [f64]>,
}

impl<'a> Inputs<'a> {
    /// Checks everything but the predictions' values.
    pub(crate) fn check(&self, setup: &Setup, layout: &Layout) -> Result<()> {
        check_length(Array::Tensors, self.tensors.len(), &[layout.tensors.len()])?;
        for (values, tensor) in self.tensors.iter().zip(&layout.tensors) {
            let array = Array::Queries { part: tensor.part, field: query_field(tensor.field).name };
            check_length(array, values.len(), &tensor.shape)?;
        }
        check_length(Array::Images, self.targets.images(), &[layout.images])?;
        self.check_target_lengths(setup, layout)?;
        check_length(Array::Matchings, self.given.len(), &[layout.given])?;
        check_length(Array::Costs, self.costs.len(), &[layout.cost_queries, self.targets.total()])?;
        check_length(Array::QueryWeights, self.query_weights.len(), &[layout.images, layout.weighed_queries])?;
        self.check_labels(setup)?;
        self.check_columns(setup, layout)?;
        self.check_positives(setup)?;
        self.check_target_values(setup)?;
        self.check_weights(layout)?;
        layout.slots.iter().try_for_each(|slot| self.check_rule(layout, slot))
    }

    fn check_target_lengths(&self, setup: &Setup, layout: &Layout) -> Result<()> {
        let total = self.targets.total();
        let of_queries = |family: usize| {
            let first = queries_of(family).start;
            layout.tensors.iter().find(|tensor| tensor.field == first).map_or(0, |tensor| tensor.width())
        };
        for family in 0..FAMILIES.len() {
            let Built::Pair(terms) = setup.family(family) else { continue };
            for (k, field) in targets_of(family).enumerate() {
                let info = &FAMILIES[family].targets[k];
                if info.form != Form::Row {
                    let images = if layout.has_targets[field] { layout.images } else { 0 };
                    self.check_raster_lengths([field, targets_of(family).start], info, images)?;
                    continue;
                }
                let values = self.targets.field(field);
                let is_absent = values.is_empty() && !layout.has_targets[field];
                if !is_absent {
                    let width = terms.target_width(k, of_queries(family));
                    let name = target_fields().nth(field).map_or("", |target| target.field.name);
                    check_length(Array::Targets { field: name }, values.len(), &[total, width])?;
                }
            }
        }
        Ok(())
    }

    /// Checks every label, so that a wrong id is never reported as a bad box.
    pub(crate) fn check_labels(&self, setup: &Setup) -> Result<()> {
        let known = setup.known_labels();
        for image in 0..self.targets.images() {
            let range = self.targets.range(image);
            for target in range.clone().filter(|&target| self.targets.ignored().get(target) != Some(&1)) {
                let place = TargetPlace { image, target: target - range.start };
                check_labels(self.targets.labels_of(target), &known, self.targets.has_values(), place)?;
            }
        }
        Ok(())
    }

    /// Checks the flags of columns: that there are all that are spoken of.
    fn check_columns(&self, setup: &Setup, layout: &Layout) -> Result<()> {
        let (columns, width) = (self.targets.columns(), setup.logits_width());
        if columns.is_empty() {
            return Ok(());
        }
        check_length(Array::Columns, columns.len(), &[self.targets.images(), width])?;
        let is_whole = |part: &Part| {
            let mut layers = layout.layers[part.layers.clone()].iter();
            part.class_agnostic && layers.any(|layer| layer.classes == width)
        };
        let agnostic = layout.parts.iter().any(is_whole).then(|| setup.agnostic_label());
        for (image, flags) in columns.chunks_exact(width).enumerate() {
            let is_absent = |column: i32| flags[column as usize] == 0;
            if let Some(&flag) = flags.iter().find(|&&flag| flag > 1) {
                return Err(Error::Columns { image, rule: "must be 0 or 1", value: usize::from(flag) });
            }
            if !flags.contains(&1) {
                return Err(Error::Columns { image, rule: "at least one column must be there", value: 0 });
            }
            if let Some(column) = setup.class.no_object().filter(|&column| is_absent(column as i32)) {
                return Err(Error::AbsentNoObject { image, column });
            }
            let range = self.targets.range(image);
            for target in range.clone().filter(|&target| self.targets.ignored().get(target) != Some(&1)) {
                let place = TargetPlace { image, target: target - range.start };
                let mut labels = self.targets.labels_of(target).iter().chain(agnostic.as_ref());
                if let Some(&value) = labels.find(|&&label| is_absent(label)) {
                    return Err(Error::AbsentColumn { place, value });
                }
            }
        }
        Ok(())
    }

    /// Checks the values of labels.
    fn check_positives(&self, setup: &Setup) -> Result<()> {
        /// What a row of softmax may exceed 1 by, which is taken for rounding.
        const ROUNDING: f64 = 1e-4;
        if !self.targets.has_values() {
            return Ok(());
        }
        if let Some(gamma) = setup.class.gamma_against_values() {
            let (name, rule) = ("classification.gamma", "0 where targets have values of several classes".to_owned());
            return Err(Error::Option { name, rule, value: gamma.into() });
        }
        for image in 0..self.targets.images() {
            let range = self.targets.range(image);
            for target in range.clone().filter(|&target| self.targets.ignored().get(target) != Some(&1)) {
                let place = TargetPlace { image, target: target - range.start };
                let (labels, values) = (self.targets.labels_of(target), self.targets.values_of(target));
                if let Some(k) = values.iter().position(|&value| !(value > 0.0 && value <= 1.0)) {
                    let column = labels[k];
                    return Err(Error::Positive { place, column, value: values[k] });
                }
                let sum: f64 = values.iter().map(|&value| f64::from(value)).sum();
                if !setup.is_sigmoid && sum > 1.0 + ROUNDING {
                    return Err(Error::PositiveSum { place, value: sum });
                }
            }
        }
        Ok(())
    }

    /// Checks the weights of targets and of queries.
    fn check_weights(&self, layout: &Layout) -> Result<()> {
        let is_weight = |weight: f32| (0.0..=LIMIT).contains(&f64::from(weight));
        if let Some(at) = self.targets.weights().iter().position(|&weight| !is_weight(weight)) {
            let image = (0..layout.images).find(|&image| self.targets.range(image).contains(&at)).unwrap_or(0);
            let place = Place::Target(TargetPlace { image, target: at - self.targets.range(image).start });
            return Err(Error::WeightValue { place, value: self.targets.weights()[at] });
        }
        for slot in layout.slots.iter().filter(|slot| slot.layer == 0) {
            let part = &layout.parts[slot.part];
            for image in 0..layout.images {
                let Some(weights) = self.query_weights(layout, slot, image) else { break };
                if let Some(at) = weights.iter().position(|&weight| !is_weight(weight)) {
                    let query = part.queries.start + at;
                    let place = Place::Query(QueryPlace { part: slot.part, layer: 0, image, query });
                    return Err(Error::WeightValue { place, value: weights[at] });
                }
            }
        }
        Ok(())
    }

    /// What the background's loss of a layer's queries is multiplied by in an image, where the part has such weights.
    pub(crate) fn query_weights(&self, layout: &Layout, slot: &Slot, image: usize) -> Option<&'a [f32]> {
        let queries = layout.parts[slot.part].queries.len();
        let start = layout.query_weights[slot.part]? * layout.images + image * queries;
        Some(&self.query_weights[start..][..queries])
    }

    fn check_target_values(&self, setup: &Setup) -> Result<()> {
        for family in 0..FAMILIES.len() {
            let Built::Pair(terms) = setup.family(family) else { continue };
            for ((index, place), info) in targets_of(family).enumerate().zip(FAMILIES[family].targets) {
                self.check_rasters(place, info, |value| terms.check_plane(index, value))?;
                let values = self.targets.field(place);
                if values.is_empty() {
                    continue;
                }
                let rows = values.chunks_exact(self.targets.shapes().widths[place]);
                if !simd::all_finite(setup.level, values) || !terms.targets_hold(index, rows) {
                    self.check_target_field(place, &info.field, |row| terms.check_target(index, row))?;
                }
            }
        }
        Ok(())
    }

    /// Checks how many values planes have. `first`: the family's first field, whose planes are as large. `images`: that have
    /// them.
    fn check_raster_lengths(&self, [place, first]: [usize; 2], info: &TargetField, images: usize) -> Result<()> {
        let (array, rasters) = (Array::Targets { field: info.field.name }, self.targets.rasters(place));
        check_length(array, rasters.len(), &[images])?;
        for (image, &Raster { values, height, width }) in rasters.iter().enumerate() {
            let planes = self.targets.rasters(first).get(image).filter(|planes| planes.height * planes.width > 0);
            if let Some(planes) = planes.filter(|_| !values.is_empty()) {
                // those of an image are of one size
                let [expected, actual] = [[planes.height, planes.width], [height, width]];
                if expected != actual {
                    return check_length(array, values.len(), &expected)
                        .and_then(|()| check_length(array, width, &[planes.width]));
                }
            }
            match info.form {
                Form::Plane if values.is_empty() => {}
                Form::Plane => check_length(array, values.len(), &[height, width])?,
                Form::Planes | Form::Row => {
                    check_length(array, values.len(), &[self.targets.range(image).len(), height, width])?;
                }
            }
        }
        Ok(())
    }

    /// Checks that planes hold nothing but 0 and 1. `broken`: the rule that another value breaks.
    fn check_rasters(
        &self,
        place: usize,
        TargetField { field, form, .. }: &TargetField,
        broken: impl Fn(u8) -> Option<&'static str>,
    ) -> Result<()> {
        for (image, raster) in self.targets.rasters(place).iter().enumerate() {
            if raster.values.iter().fold(0, |most, &value| most.max(value)) <= 1 {
                continue;
            }
            let found = raster.values.iter().enumerate().find_map(|(at, &value)| Some((at, value, broken(value)?)));
            let Some((at, value, rule)) = found else { continue };
            let (length, value) = (raster.height * raster.width, f32::from(value));
            let place = match form {
                Form::Plane => Place::Targets { image },
                Form::Planes | Form::Row => Place::Target(TargetPlace { image, target: at / length }),
            };
            let component = field.component(length, [raster.height, raster.width, 0], at % length);
            return Err(Error::Value { place, field: field.name, component, value, rule });
        }
        Ok(())
    }

    fn check_target_field(&self, place: usize, field: &Field, broken: impl Fn(&[f32]) -> Option<Broken>) -> Result<()> {
        let width = self.targets.shapes().widths[place];
        for image in 0..self.targets.images() {
            let range = self.targets.range(image);
            for target in range.clone() {
                let row = &self.targets.field(place)[target * width..][..width];
                let place = Place::Target(TargetPlace { image, target: target - range.start });
                if let Some((at, _)) = not_finite(row) {
                    let (component, value) = (field.component(width, [0; MAX_AXES], at), row[at]);
                    return Err(Error::NotFinite { place, field: field.name, component, value });
                }
                if let Some(Broken { at, rule }) = broken(row) {
                    let (component, value) = (field.component(width, [0; MAX_AXES], at), row[at]);
                    return Err(Error::Value { place, field: field.name, component, value, rule });
                }
            }
        }
        Ok(())
    }

    /// Checks the matching and the costs that are given for a layer.
    fn check_rule(&self, layout: &Layout, slot: &Slot) -> Result<()> {
        let part = &layout.parts[slot.part];
        let queries = part.queries.len();
        let place = |image, query| {
            let query = part.queries.start + query;
            QueryPlace { part: slot.part, layer: slot.layer, image, query }
        };
        if let Some(matching) = self.given(slot) {
            for (at, &value) in matching.iter().enumerate() {
                let (image, query) = (at / queries, at % queries);
                let targets = self.targets.range(image).len();
                let least = if slot.is_fixed { EXCLUDED } else { LEFT_OUT };
                if value < least || usize::try_from(value).is_ok_and(|target| target >= targets) {
                    return Err(Error::Matching { place: place(image, query), value, targets });
                }
            }
            for (image, own) in matching.chunks_exact(queries.max(1)).enumerate().filter(|_| slot.is_fixed) {
                let range = self.targets.range(image);
                let is_ignored = |target: usize| self.targets.ignored().get(range.start + target) == Some(&1);
                rest::check(part, range.len(), is_ignored, own, |query| place(image, query))?;
            }
        }
        for image in 0..layout.images {
            let Some(block) = self.cost(layout, slot, image) else { break };
            if let Some(at) = block.iter().position(|cost| cost.is_nan() || f64::from(cost.abs()) > LIMIT) {
                let targets = self.targets.range(image).len();
                let place = place(image, at / targets);
                return Err(Error::AddedCost { place, target: at % targets, value: block[at] });
            }
        }
        Ok(())
    }

    /// The matching that is given for a layer, `[images, queries]`.
    pub(crate) fn given(&self, slot: &Slot) -> Option<&'a [i32]> {
        slot.given.map(|start| &self.given[start..][..slot.matches.len()])
    }

    /// The costs that are added for an image of a layer, `[queries, targets]`.
    pub(crate) fn cost(&self, layout: &Layout, slot: &Slot, image: usize) -> Option<&'a [f32]> {
        let queries = layout.parts[slot.part].queries.len();
        let range = self.targets.range(image);
        let start = slot.cost? * self.targets.total() + queries * range.start;
        Some(&self.costs[start..][..queries * range.len()])
    }

    /// The queries that a layer has of one image for a part.
    pub(crate) fn queries<'b>(&'b self, layout: &'b Layout, slot: &Slot, image: usize) -> FieldRows<'b> {
        let (layer, part) = (&layout.layers[slot.tensors], &layout.parts[slot.part]);
        let first = layer.first + image * layer.rows;
        let range = first + part.queries.start..first + part.queries.end;
        let rows = FieldRows::new(Source::Tensors(self.tensors, &layer.tensors), &layer.shapes, range);
        rows.of(layer.number * layout.images + image, layer.number)
    }
}

impl Normalizers<'_> {
    /// Checks lengths and ranges, of the targets' also as parts multiply it. `layers`: of all parts. `least_factor`: theirs.
    pub(crate) fn check(&self, layers: usize, least_factor: f64) -> Result<()> {
        let positive = |name, value: f64| {
            if NORMALIZERS.contains(&value) {
                Ok(())
            } else {
                Err(Error::Normalizer { name, rule: IN_NORMALIZERS, value })
            }
        };
        self.targets.map_or(Ok(()), |n| positive(TARGETS, n).and_then(|()| positive(TARGETS, n * least_factor)))?;
        self.union_pairs.map_or(Ok(()), |n| positive(UNION_PAIRS, n))?;
        self.images.map_or(Ok(()), |n| positive(IMAGES, n))?;
        if let Some(numbers) = self.distilled {
            check_length(Array::Normalizer { name: DISTILLED }, numbers.len(), &[layers, 2])?;
            if let Some(&value) = numbers.iter().find(|n| !(n.is_finite() && **n >= 0.0)) {
                return Err(Error::Normalizer { name: DISTILLED, rule: "a number from 0 on", value });
            }
        }
        if let Some(pairs) = self.pairs {
            check_length(Array::Normalizer { name: PAIRS }, pairs.len(), &[layers])?;
            pairs.iter().try_for_each(|&n| positive(PAIRS, n))?;
        }
        let Some(class) = self.class else { return Ok(()) };
        check_length(Array::Normalizer { name: CLASS }, class.len(), &[layers])?;
        class.iter().try_for_each(|&n| positive(CLASS, n))
    }
}

/// Names of the normalisers.
const TARGETS: &str = "targets";
const PAIRS: &str = "pairs";
const UNION_PAIRS: &str = "union pairs";
const IMAGES: &str = "images";
const CLASS: &str = "class";
const DISTILLED: &str = "distilled";

/// Refuses what are no labels of a target.
fn check_labels(labels: &[i32], known: &KnownLabels, has_values: bool, place: TargetPlace) -> Result<()> {
    let KnownLabels { classes, no_object, .. } = *known;
    if let Some(&value) = labels.iter().find(|&&value| !known.has(value)) {
        return Err(Error::Label { place, value, classes, no_object });
    }
    let fault = |rule| Err(Error::Labels { place, count: labels.len(), rule });
    match labels.len() {
        0 => fault("every target needs at least one"),
        1 => Ok(()),
        _ if no_object.is_some() && !has_values => {
            fault("softmax classification takes one, sigmoid classification several")
        }
        n if n > classes || are_repeated(labels) => fault("no two may be the same"),
        _ => Ok(()),
    }
}

/// Whether any label stands there twice. Those of maps ascend.
fn are_repeated(labels: &[i32]) -> bool {
    let ascend = labels.windows(2).all(|pair| pair[0] < pair[1]);
    !ascend && (1..labels.len()).any(|k| labels[..k].contains(&labels[k]))
}
