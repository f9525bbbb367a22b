//! The plan of a step: its parts and layers, laid out and checked once for as many batches as have the same structure.

use std::ops::Range;

use lsap::memory;

use super::part::{Matching, Part};
use super::score::Score;
use super::setup::{Active, Setup};
use crate::error::{Array, Error, Result};
use crate::field::{MAX_FIELDS, Owner, RowShapes};
use crate::shape::check_length;
use crate::terms::family::{Built, Presence};
use crate::terms::{
    CLASS, FAMILIES, LOGITS, OWNERS, QUERY_FIELDS, queries_of, query_field, targets_of, terms, terms_of,
};
use crate::weights::Weights;

/// Layers that lie one after the other in the same tensors.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stack {
    /// How many.
    pub layers: usize,
    /// Queries of each.
    pub rows: usize,
    /// The width of each field of the queries, in the order of [`query_fields`](crate::query_fields): 0 where the layers do
    /// not have it, as at the end of a shorter list.
    pub widths: Vec<usize>,
    /// For each field whose rows have several axes without a size of their own, the sizes of all of them; nothing for the
    /// others, as at the end of a shorter list. What is there for a field that the layers do not have counts for nothing, but
    /// of fields of pairs, of which there may be none.
    pub axes: Vec<Vec<usize>>,
}

impl Stack {
    /// Layers of rows that have no more than one axis without a size.
    #[must_use]
    pub fn of_rows(layers: usize, rows: usize, widths: Vec<usize>) -> Self {
        Self { layers, rows, widths, axes: Vec::new() }
    }
}

/// The structure of a step.
#[derive(Clone, Debug, PartialEq)]
pub struct Structure {
    /// Images of the batch, B.
    pub images: usize,
    /// The tensors: for each stack those of its fields, in their order, `[layers, images, rows, width]`; `[layers, images,
    /// width]` of those that images have a row of, and `[layers, width]` of those that layers have.
    pub stacks: Vec<Stack>,
    /// Every query of every layer belongs to exactly one part.
    pub parts: Vec<Part>,
    /// Whether the batch has each field of the targets, in the order of [`target_fields`](crate::target_fields).
    pub targets: Vec<bool>,
}

impl Structure {
    /// Refuses layers and tensors of which no memory has so many: all other sizes are products and sums of theirs.
    fn check_sizes(&self) -> Result<()> {
        let product =
            |sizes: &[usize]| sizes.iter().fold(1, |product: u128, &size| product.saturating_mul(size as u128));
        let sum = |numbers: &mut dyn Iterator<Item = u128>| numbers.fold(0, u128::saturating_add);
        let layers = sum(&mut self.stacks.iter().map(|stack| stack.layers as u128));
        let slots = sum(&mut self.parts.iter().map(|part| (part.layers.len() as u128).min(layers)));
        let laid_out = layers.saturating_mul((size_of::<Layer>() + MAX_FIELDS * size_of::<Vec<usize>>()) as u128);
        let laid_out = laid_out.saturating_add(slots.saturating_mul(size_of::<Slot>() as u128));
        let mut tensors = self.stacks.iter().map(|&Stack { layers, rows, ref widths, .. }| {
            let tensor = |(field, &width): (usize, &usize)| {
                let [images, rows] = rows_of(field, self.images, rows);
                product(&[layers, images, rows, size_of::<f32>(), width])
            };
            let least = product(&[layers, self.images, rows, size_of::<f32>()]);
            sum(&mut widths.iter().take(QUERY_FIELDS).enumerate().map(tensor)).max(least)
        });
        // of no images too, queries are counted
        let mut queries =
            self.stacks.iter().map(|&Stack { layers, rows, .. }| product(&[layers, self.images.max(1), rows]));
        let bytes = sum(&mut tensors).max(sum(&mut queries).saturating_mul(size_of::<i32>() as u128));
        memory::require("", if bytes > isize::MAX as u128 { bytes } else { laid_out }).map_err(Error::refused(None))
    }
}

/// How many rows each layer of a stack has of a field: of so many images so many.
fn rows_of(field: usize, images: usize, rows: usize) -> [usize; 2] {
    match OWNERS[field] {
        Owner::Query => [images, rows],
        Owner::Image => [images, 1],
        Owner::Layer | Owner::Pair => [1, 1],
    }
}

/// Where the fields of a layer lie.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Layer {
    /// Its number in its stack.
    pub number: usize,
    /// The layer's first row in a tensor, of `[layers, images, rows]`.
    pub first: usize,
    /// Queries of an image.
    pub rows: usize,
    /// The tensor that holds each field.
    pub tensors: [Option<u32>; MAX_FIELDS],
    /// How long the rows of each field are; 0 where the layer does not have it.
    pub shapes: RowShapes,
    /// Columns of the logits.
    pub classes: usize,
    /// Values of each query, and of an image beside those of its queries: what there is to read.
    pub values: [usize; 2],
}

impl Layer {
    /// Which set of a family's fields it has, if any: that whose first field it has.
    pub fn set_of(&self, family: usize) -> Option<u8> {
        let fields = FAMILIES[family].queries;
        let is_first = |k: usize| fields.iter().position(|field| field.set == fields[k].set) == Some(k);
        let mut first = queries_of(family).enumerate().filter(|&(k, _)| is_first(k));
        first.find_map(|(k, place)| self.tensors[place].and(fields[k].set))
    }
}

/// One layer of a part, and where its matching lies.
#[derive(Clone, Debug)]
pub(crate) struct Slot {
    /// Number of the part.
    pub part: usize,
    /// Within the part.
    pub layer: usize,
    /// Among the layers of all stacks.
    pub tensors: usize,
    /// Families that take part.
    pub active: Active,
    /// `[images, queries]` among all matchings.
    pub matches: Range<usize>,
    /// Where the matching that it takes over lies.
    pub source: Option<Range<usize>>,
    /// Where its given matching lies among those that are.
    pub given: Option<usize>,
    /// Whether what is given are some pairs, around which the rest is to be solved.
    pub is_fixed: bool,
    /// How its pairs are chosen, where that is by score.
    pub score: Option<Score>,
    /// The slot that has its pairs beyond one for each query, if any has some.
    pub score_slot: Option<usize>,
    /// The most of those that a target has.
    pub most_further: usize,
    /// Queries of the slots before that have added costs; present where this has.
    pub cost: Option<usize>,
}

/// A structure that fits a criterion.
#[derive(Debug)]
pub(crate) struct Layout {
    pub images: usize,
    pub parts: Vec<Part>,
    pub layers: Vec<Layer>,
    pub slots: Vec<Slot>,
    /// Whether the batch has each field of the targets.
    pub has_targets: [bool; MAX_FIELDS],
    /// The length of each tensor, and the part and the field that it is named by.
    pub tensors: Vec<Tensor>,
    /// For each tensor whose gradient is wanted: itself, its field, and the slots that share each of its layers, in the order
    /// of their queries.
    pub gradients: Vec<GradientTensor>,
    /// Entries of all matchings: `[images, queries]` for every slot, one after the other.
    pub reported_queries: usize,
    /// Entries of all given matchings.
    pub given: usize,
    /// Queries of all slots with added costs.
    pub cost_queries: usize,
    /// For each part, the queries of those before that have weights; present where its queries have some.
    pub query_weights: Vec<Option<usize>>,
    /// Queries of all parts that have weights.
    pub weighed_queries: usize,
}

/// A tensor.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tensor {
    pub part: usize,
    pub field: usize,
    pub shape: [usize; 4],
}

/// A tensor that the loss has a gradient by.
#[derive(Clone, Debug)]
pub(crate) struct GradientTensor {
    pub tensor: usize,
    /// The place of its field.
    pub field: usize,
    /// For each of its layers the slots.
    pub slots: Vec<Vec<usize>>,
}

impl Tensor {
    /// The name of its field.
    pub fn name(&self) -> &'static str {
        query_field(self.field).name
    }

    /// How long a row is.
    pub fn width(&self) -> usize {
        self.shape[3]
    }
}

impl Layout {
    /// Checks a structure and lays it out.
    pub fn new(setup: &Setup, structure: Structure) -> Result<Self> {
        structure.check_sizes()?;
        let Structure { images, stacks, mut parts, targets } = structure;
        let total_layers = stacks.iter().map(|stack| stack.layers).sum();
        for (index, part) in parts.iter().enumerate() {
            part.check(index, total_layers, setup.is_sigmoid)?;
        }
        // of no layer a part has no queries, however many it asks for
        parts.iter_mut().filter(|part| part.layers.is_empty()).for_each(|part| part.queries = 0..0);
        let mut layout = Self {
            images,
            parts,
            layers: Vec::with_capacity(total_layers),
            slots: Vec::new(),
            has_targets: std::array::from_fn(|field| targets.get(field) == Some(&true)),
            tensors: Vec::new(),
            gradients: Vec::new(),
            reported_queries: 0,
            given: 0,
            cost_queries: 0,
            query_weights: Vec::new(),
            weighed_queries: 0,
        };
        layout.add_stacks(&stacks);
        layout.check_parts(setup)?;
        layout.check_cover()?;
        layout.add_query_weights();
        Self::check_targets(&targets)?;
        layout.add_slots(setup, &targets)?;
        layout.add_gradients(&stacks);
        Ok(layout)
    }

    fn add_stacks(&mut self, stacks: &[Stack]) {
        for &Stack { layers, rows, ref widths, ref axes } in stacks {
            let first_layer = self.layers.len();
            let part = self.parts.iter().position(|part| part.layers.contains(&first_layer)).unwrap_or(0);
            let (mut tensors, mut shapes) = ([None; MAX_FIELDS], RowShapes { owners: &OWNERS, ..RowShapes::NONE });
            let is_there = |field: usize| widths.get(field).is_some_and(|&width| width > 0);
            for (field, sizes) in axes.iter().take(QUERY_FIELDS).enumerate() {
                // rows of no pairs have axes, but no values
                if !is_there(field) && OWNERS[field] != Owner::Pair {
                    continue;
                }
                shapes.axes[field].iter_mut().zip(sizes).for_each(|(axis, &size)| *axis = size);
            }
            for (field, &width) in widths.iter().take(QUERY_FIELDS).enumerate().filter(|&(_, &width)| width > 0) {
                tensors[field] = Some(self.tensors.len() as u32);
                shapes.widths[field] = width;
                let [images, rows] = rows_of(field, self.images, rows);
                self.tensors.push(Tensor { part, field, shape: [layers, images, rows, width] });
            }
            let classes = widths.first().copied().unwrap_or(0);
            let mut values = [0_usize; 2];
            for (field, &width) in shapes.widths.iter().enumerate() {
                let of = usize::from(OWNERS[field] != Owner::Query);
                values[of] = values[of].saturating_add(width);
            }
            let first = |number: usize| number * (self.images * rows);
            let layer = |number: usize| Layer { number, first: first(number), rows, tensors, shapes, classes, values };
            self.layers.extend((0..layers).map(layer));
        }
    }

    /// The widths of the fields that each part's layers have.
    fn check_parts(&self, setup: &Setup) -> Result<()> {
        for (index, part) in self.parts.iter().enumerate() {
            let layers = &self.layers[part.layers.clone()];
            for (number, layer) in layers.iter().enumerate() {
                self.check_fields(setup, [index, number], layer)?;
            }
            let Some(last) = layers.last() else { continue };
            for (family, info) in FAMILIES.iter().enumerate() {
                let first = queries_of(family).start;
                let is_late = info.is_late;
                if is_late && last.tensors[first].is_none() && layers.iter().any(|layer| layer.tensors[first].is_some())
                {
                    let array = Array::Queries { part: index, field: info.queries[0].name };
                    return check_length(array, 0, &[self.images, last.rows, self.width(layers, first)]);
                }
            }
        }
        Ok(())
    }

    /// `index`, `number`: of the part, and of the layer within it.
    fn check_fields(&self, setup: &Setup, [index, number]: [usize; 2], layer: &Layer) -> Result<()> {
        let part = &self.parts[index];
        let width_of = |field: usize| layer.shapes.widths[field];
        let fail = |field: usize, expected: usize| {
            let array = Array::Queries { part: index, field: query_field(field).name };
            let [images, rows] = rows_of(field, self.images, layer.rows);
            check_length(array, images * rows * width_of(field), &[images, rows, expected])
                .and_then(|()| check_length(array, width_of(field), &[expected]))
        };
        if !setup.allows_width(layer.classes, part.class_agnostic) {
            return fail(LOGITS, setup.logits_width());
        }
        for family in 0..FAMILIES.len() {
            let fields = queries_of(family);
            let set = layer.set_of(family);
            for (k, field) in fields.clone().enumerate() {
                let info = &FAMILIES[family].queries[k];
                let has = layer.tensors[field].is_some();
                if set.is_none() || info.set.is_some_and(|own| set != Some(own)) {
                    if has && info.set.is_none() {
                        let rule = format!("must be absent where the layer has no {}", FAMILIES[family].name);
                        let array = Array::Queries { part: index, field: query_field(field).name };
                        return Err(Error::Rows { array, layer: number, rule });
                    }
                    if has {
                        return fail(field, 0);
                    }
                    continue;
                }
                if info.open_axes() == 1 && info.set.is_none() {
                    // layers may differ in what belongs to no set
                    let known: usize = info.axes.iter().filter_map(|axis| axis.size).product();
                    let rest = width_of(field) % known.max(1);
                    if rest > 0 {
                        return fail(
                            field,
                            width_of(field).checked_add(known - rest).unwrap_or(width_of(field) - rest),
                        );
                    }
                    continue;
                }
                if info.open_axes() > 1 {
                    // and in such rows
                    let product = layer.shapes.axes[field][..info.axes.len()].iter().product();
                    let fits = info.axes.iter().zip(layer.shapes.axes[field]);
                    let mut fits = fits.filter_map(|(axis, size)| Some(axis.size? == size));
                    if info.set.is_some() && !has || has && (width_of(field) != product || !fits.all(|fits| fits)) {
                        return fail(field, product).and_then(|()| fail(field, 0));
                    }
                    continue;
                }
                // targets have but one width, so all layers have that of the first
                let expected = match setup.family(family) {
                    Built::Pair(terms) => terms.query_width(k, self.width(&self.layers, field)),
                    Built::Late(terms) => terms.query_width(k),
                    Built::Image(terms) => terms.query_width(k),
                };
                if width_of(field) != expected && (has || info.set.is_some()) {
                    return fail(field, expected);
                }
            }
            if let (Built::Pair(terms), true) = (setup.family(family), set.is_some()) {
                let RowShapes { widths, axes, .. } = &layer.shapes;
                if let Some((k, rule)) = terms.misfit(&widths[fields.clone()], &axes[fields.clone()]) {
                    let field = query_field(fields.start + k).name;
                    return Err(Error::Rows { array: Array::Queries { part: index, field }, layer: number, rule });
                }
            }
        }
        Ok(())
    }

    /// The width of a field in the first layer that has it.
    fn width(&self, layers: &[Layer], field: usize) -> usize {
        let tensor = layers.iter().find_map(|layer| layer.tensors[field]);
        tensor.map_or(0, |tensor| self.tensors[tensor as usize].width())
    }

    /// Refuses parts that share queries, or leave some without a part, whose gradient would then be unspecified.
    fn check_cover(&self) -> Result<()> {
        for (index, layer) in self.layers.iter().enumerate() {
            let mut parts: Vec<_> =
                (0..self.parts.len()).filter(|&part| self.parts[part].layers.contains(&index)).collect();
            parts.sort_by_key(|&part| (self.parts[part].queries.start, self.parts[part].queries.end));
            let rule = "such that every query of a layer belongs to exactly one";
            let fail = |part: usize, value: usize| {
                Err(Error::Part { part, property: "queries", rule, value: (value as f64).into() })
            };
            let mut next = 0;
            for &part in &parts {
                let Range { start, end } = self.parts[part].queries;
                if start != next {
                    return fail(part, start);
                }
                next = end;
            }
            if next != layer.rows {
                return fail(parts.last().copied().unwrap_or(0), next);
            }
        }
        Ok(())
    }

    fn add_query_weights(&mut self) {
        for part in &self.parts {
            let own = part.has_query_weights.then_some(self.weighed_queries);
            self.weighed_queries += own.map_or(0, |_| part.queries.len());
            self.query_weights.push(own);
        }
    }

    /// Refuses targets that lack what a family's other fields mean nothing without.
    fn check_targets(targets: &[bool]) -> Result<()> {
        let has = |field: usize| targets.get(field) == Some(&true);
        for (family, info) in FAMILIES.iter().enumerate() {
            let fields = || targets_of(family).zip(info.targets);
            let Some((_, other)) = fields().find(|&(field, _)| has(field)) else { continue };
            if let Some((_, target)) = fields().find(|&(field, target)| !target.is_optional && !has(field)) {
                let array = Array::Targets { field: target.field.name };
                return Err(Error::Beside { array, other: other.field.name });
            }
        }
        Ok(())
    }

    fn add_slots(&mut self, setup: &Setup, targets: &[bool]) -> Result<()> {
        let mut start = 0;
        for (index, part) in self.parts.iter().enumerate() {
            let length = self.images * part.queries.len();
            let first = start;
            for layer in 0..part.layers.len() {
                let rule = part.rule(layer);
                let source = match rule.matching {
                    Matching::Of(source) => Some(first + source * length..first + (source + 1) * length),
                    _ => None,
                };
                let (score_slot, score) = match rule.matching {
                    Matching::Score(score) => (Some(self.slots.len()), Some(score)),
                    Matching::Of(source) => (Some(self.slots.len() + source - layer), None),
                    _ => (None, None),
                };
                // the rule of the layer whose pairs it has
                let chosen = match rule.matching {
                    Matching::Of(source) => part.rule(source).matching,
                    own => own,
                };
                let most_further = match chosen {
                    Matching::Score(score) => part.groups * score.most(part.queries.len() / part.groups),
                    _ => 0,
                };
                let is_fixed = rule.matching == Matching::Fixed;
                let given = (is_fixed || rule.matching == Matching::Given).then_some(self.given);
                let cost = rule.has_cost.then_some(self.cost_queries);
                self.given += given.map_or(0, |_| length);
                self.cost_queries += cost.map_or(0, |_| part.queries.len());
                let tensors = part.layers.start + layer;
                let active = self.active(setup, (index, layer), &self.layers[tensors], targets)?;
                if score_slot.is_some() && most_further > 0 && setup.late(&active).is_some() {
                    let rule = "absent in a layer with terms that take one target of a query";
                    return Err(Error::Part { part: index, property: "matching.by", rule, value: "score".into() });
                }
                let matches = start..start + length;
                self.slots.push(Slot {
                    part: index,
                    layer,
                    tensors,
                    active,
                    matches,
                    source,
                    given,
                    is_fixed,
                    score,
                    score_slot,
                    most_further,
                    cost,
                });
                start += length;
            }
        }
        self.reported_queries = start;
        Ok(())
    }

    /// Which families take part in a layer: those whose fields queries and targets have. Refuses the absence of fields of
    /// which a term has a weight.
    fn active(&self, setup: &Setup, place: (usize, usize), layer: &Layer, targets: &[bool]) -> Result<Active> {
        let part = place.0;
        let is_final = place.0 == 0 && place.1 + 1 == self.parts[0].layers.len();
        let mut active = [false; FAMILIES.len()];
        // of parts that share a layer's images, the first has the terms that are theirs as a whole
        let of_image = |family: usize| matches!(setup.family(family), Built::Image(_));
        let number = self.parts[part].layers.start + place.1;
        let is_first = self.parts[..part].iter().all(|other| !other.layers.contains(&number));
        let weights = self.parts[part].weights.unwrap_or(setup.weights);
        for (family, info) in FAMILIES.iter().enumerate() {
            let has_queries = layer.set_of(family).is_some();
            let has_targets = targets_of(family).next().is_none_or(|field| targets.get(field) == Some(&true));
            active[family] = has_queries && has_targets && (!of_image(family) || is_first);
            let counts = |weights: &Weights| terms_of(family).find(|&term| weights.all()[term] > 0.0);
            if let Some(needed) = info.needs.filter(|_| active[family]) {
                let needed = FAMILIES.iter().position(|family| family.name == needed).unwrap_or(family);
                active[family] = active[needed];
                if let (false, Some(term)) = (active[needed], counts(&weights)) {
                    let has_queries = layer.set_of(needed).is_some();
                    return Err(missing(part, needed, has_queries, term));
                }
            }
            let may_lack = match info.presence {
                Presence::Everywhere => false,
                // targets that lack what queries have are missed wherever that is
                Presence::Finally => !is_final && !has_queries,
                Presence::Anywhere => true,
            };
            if active[family] || may_lack {
                continue;
            }
            if let Some(term) = counts(&weights).or_else(|| counts(&setup.cost)) {
                return Err(missing(part, family, has_queries, term));
            }
        }
        let has_quality = (0..FAMILIES.len()).any(|family| active[family] && FAMILIES[family].has_quality);
        let has_rows = || setup.pairs(&active).any(|(_, terms)| terms.has_agreement_rows());
        let needs_rows = setup.needs_agreement_rows && !has_rows();
        if needs_rows || !has_quality && (setup.needs_quality || setup.late(&active).is_some()) {
            let family = FAMILIES.into_iter().find(|family| family.has_quality).unwrap_or(FAMILIES[0]);
            let array = Array::Queries { part, field: family.queries[0].name };
            return Err(Error::Missing { array, term: CLASS.name });
        }
        Ok(active)
    }

    fn add_gradients(&mut self, stacks: &[Stack]) {
        let mut first_layer = 0;
        let mut tensors = self.tensors.iter().enumerate();
        for stack in stacks {
            let fields = stack.widths.iter().take(QUERY_FIELDS).filter(|&&width| width > 0).count();
            let mut slots: Vec<Vec<usize>> = vec![Vec::new(); stack.layers];
            for (index, slot) in self.slots.iter().enumerate() {
                if let Some(sharing) = slot.tensors.checked_sub(first_layer).and_then(|layer| slots.get_mut(layer)) {
                    sharing.push(index);
                }
            }
            for sharing in &mut slots {
                sharing.sort_by_key(|&index| {
                    let queries = &self.parts[self.slots[index].part].queries;
                    (queries.start, queries.end)
                });
            }
            for (tensor, &Tensor { field, .. }) in tensors.by_ref().take(fields) {
                if query_field(field).has_gradient {
                    self.gradients.push(GradientTensor { tensor, field, slots: slots.clone() });
                }
            }
            first_layer += stack.layers;
        }
    }
}

impl Slot {
    /// Whether its matching, or the rest of it, is to be solved, rather than known.
    pub fn is_optimal(&self) -> bool {
        self.source.is_none() && self.score.is_none() && (self.given.is_none() || self.is_fixed)
    }

    /// Where an image's matching lies. `queries`: of the part.
    pub fn matches_of(&self, image: usize, queries: usize) -> Range<usize> {
        let first = self.matches.start + image * queries;
        first..first + queries
    }
}

/// Refuses the absence of a family's first field, of the targets where queries have theirs. `term`: which needs it.
fn missing(part: usize, family: usize, has_queries: bool, term: usize) -> Error {
    let info = FAMILIES[family];
    let array = match has_queries {
        false => Array::Queries { part, field: info.queries[0].name },
        true => Array::Targets { field: info.targets[0].field.name },
    };
    Error::Missing { array, term: terms().nth(term).map_or("", |term| term.name) }
}
