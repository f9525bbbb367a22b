//! A step by its definition, in plain `f64`, for the matchings that were found.

use std::ops::Range;

use hungarian_loss::{Form, Matching, Part, Weights, describe, query_fields, target_fields, terms};

use super::case::{Case, Outcome, Planes, TensorPlace};
use super::reference::{
    ImageReference, LateReference, PairReference, REFERENCES, Row, Table, Terms, boxes, classes, of,
};
use super::settings::Settings;

/// The definition of a case's outcome.
pub struct Definition<'a> {
    case: &'a Case,
    targets: Table,
    /// Targets that take part in matchings.
    kept: usize,
    pub layers: Vec<DefinedLayer>,
}

/// A layer of a part, as it is reported.
pub struct DefinedLayer {
    /// Number of the part, and of the layer within it.
    pub part: usize,
    pub layer: usize,
    pub stack: usize,
    /// Number of the layer within the stack.
    pub row: usize,
    /// Those of the part.
    pub settings: Settings,
    /// Where its matching lies among all.
    pub matches: Range<usize>,
    /// What the class term looks at, and what all others do.
    pub own: Vec<i32>,
    pairs: Vec<i32>,
    /// Further pairs: the row among `[images, queries]`, and the target in its image.
    pub further: Vec<(usize, i32)>,
    /// What the terms are divided by, but for those between layers, where that is the number of pairs: of its own, and of those
    /// that the families use that follow the union matching; and whether these are that matching's, which divide all such families.
    own_count: f64,
    pair_count: f64,
    is_union: bool,
    /// Number of the layer that teaches, and the shares of means in what it does.
    teacher: Option<(usize, [f64; 2])>,
}

/// What a layer gives.
pub struct DefinedValues {
    /// In the order of all terms.
    pub terms: Vec<f64>,
    pub class_normalizer: f64,
    pub class_error: f64,
    pub cardinality_error: f64,
}

impl<'a> Definition<'a> {
    pub fn new(case: &'a Case, outcome: &Outcome) -> Self {
        let widths = case.fields.iter().map(|values| (values.len() / case.targets().max(1), &values[..]));
        let mut targets = Table::new(target_fields().map(|target| target.field.name), widths);
        for (place, target) in target_fields().enumerate().filter(|(place, _)| !case.planes[*place].is_empty()) {
            targets.set(place, &planes_of_targets(case, place, target.form), case.targets());
        }
        let kept = (0..case.targets()).filter(|&target| !case.is_ignored(target)).count();
        let mut definition = Self { case, targets, kept, layers: Vec::new() };
        definition.add_layers(outcome);
        definition.add_union();
        definition.add_teachers();
        definition
    }

    pub fn part(&self, layer: &DefinedLayer) -> &'a Part {
        &self.case.structure.parts[layer.part]
    }

    /// The queries of a layer, `[images, queries]`.
    pub fn queries(&self, layer: &DefinedLayer) -> Table {
        let values: Vec<_> =
            (0..query_fields().count()).map(|field| self.cut(layer, field, &self.case.tensors)).collect();
        let mut values = values;
        for image in 0..self.case.structure.images {
            let (columns, width) = (self.columns(layer, image), self.case.structure.stacks[layer.stack].widths[0]);
            let length = self.part(layer).queries.len() * width;
            for (at, x) in values[0][image * length..][..length].iter_mut().enumerate() {
                if !columns.contains(&(at % width)) {
                    *x = -1e30; // whatever it is
                }
            }
        }
        let widths = &self.case.structure.stacks[layer.stack].widths;
        Table::new(query_fields().map(|field| field.name), widths.iter().copied().zip(values.iter().map(Vec::as_slice)))
    }

    /// What belongs to a layer's queries of a field, `[images, queries, width]`, of all tensors or all gradients.
    pub fn cut(&self, layer: &DefinedLayer, field: usize, all: &[Vec<f32>]) -> Vec<f32> {
        let (stack, queries) = (&self.case.structure.stacks[layer.stack], &self.part(layer).queries);
        let is_it = |place: &TensorPlace| (place.stack, place.field) == (layer.stack, field);
        let places = self.case.places();
        let Some(tensor) = places.iter().position(is_it).filter(|&tensor| !all[tensor].is_empty()) else {
            return Vec::new();
        };
        let (images, width) = (self.case.structure.images, places[tensor].width);
        if places[tensor].is_of_image {
            let values = all[tensor][layer.row * images * width..][..images * width].to_vec();
            return if self.has_images(layer) { values } else { Vec::new() };
        }
        let values = &all[tensor][layer.row * images * stack.rows * width..][..images * stack.rows * width];
        let image = |image: usize| &values[image * stack.rows * width..][queries.start * width..queries.end * width];
        (0..images).flat_map(image).copied().collect()
    }

    /// The terms of a layer. `now`: its queries; what passes no gradient is computed from `fixed`.
    pub fn values(&self, layer: &DefinedLayer, now: &Table, fixed: &Table) -> DefinedValues {
        let mut sums = vec![0.0; terms().count()];
        let mut class_weight = 0.0;
        let (mut matched, mut correct, mut cardinality_error) = (0.0, 0.0, 0.0);
        let queries = self.part(layer).queries.len();
        let images = self.case.structure.images as f64;
        let mut labels_of_all = 0.0;
        for image in 0..self.case.structure.images {
            let mut objects = 0.0f64;
            let before = std::mem::replace(&mut sums, vec![0.0; terms().count()]);
            let rows = image * queries..(image + 1) * queries;
            let (mut soft, _) = self.soft_labels(layer, fixed, rows.clone(), &layer.own);
            let (_, mut factors) = self.soft_labels(layer, fixed, rows.clone(), &layer.pairs);
            soft.reverse();
            factors.reverse();
            let columns = self.columns(layer, image);
            let settings = layer.settings.restricted(&columns);
            let there = |x: &[f64]| columns.iter().map(|&column| x[column]).collect::<Vec<f64>>();
            for row in rows {
                let (query, fixed) = (now.row(row), fixed.row(row));
                let x = there(query.field("logits"));
                let own = self.target(image, layer.own[row]);
                let labels = own.map_or(Vec::new(), |target| self.positives(layer, target, &columns));
                let further: Vec<_> = layer.further_of(row).filter_map(|target| self.target(image, target)).collect();
                objects += f64::from(u8::from(classes::is_object(&settings, &x)));
                let own_soft = own.map_or(Vec::new(), |_| soft.pop().expect("one for each positive"));
                let further_soft: Vec<_> = further.iter().map(|_| soft.pop().expect("one for each positive")).collect();
                if layer.own[row] != -2 {
                    let background = self.query_weight(layer, row);
                    let of_query = |labels: &[(usize, f64)], quality: f64, soft: &[f64], weight: f64| {
                        let known = classes::Known { labels, quality, soft, weight, background };
                        classes::value(&settings, &known, &x, &there(fixed.field("logits")))
                    };
                    let nothing = of_query(&[], 0.0, &[], 1.0);
                    let of_pair = |target: usize, soft: &[f64]| {
                        let quality = self.quality(layer, fixed, target);
                        of_query(&self.positives(layer, target, &columns), quality, soft, self.weight(target))
                    };
                    match own {
                        None => sums[0] += nothing,
                        Some(own) if further.is_empty() => sums[0] += of_pair(own, &own_soft),
                        Some(own) => {
                            // of each label the pair with the greatest t, then the one that agrees best
                            let mut best: std::collections::BTreeMap<usize, ((f64, f64), f64)> = Default::default();
                            let softs = std::iter::once(&own_soft).chain(&further_soft);
                            for (&target, soft) in std::iter::once(&own).chain(&further).zip(softs) {
                                let (quality, weight) = (self.quality(layer, fixed, target), self.weight(target));
                                let agreement = self.measured(layer, fixed, target);
                                for (k, label) in self.positives(layer, target, &columns).into_iter().enumerate() {
                                    let fixed = there(fixed.field("logits"))[label.0];
                                    let t = classes::plain_label(&settings, quality, fixed) * label.1;
                                    let t = soft.get(k).copied().unwrap_or(t);
                                    let value =
                                        of_query(&[label], quality, soft.get(k..=k).unwrap_or_default(), weight);
                                    let lowest = (f64::NEG_INFINITY, 0.0);
                                    let known = best.entry(label.0).or_insert((lowest, 0.0));
                                    if (t, agreement) > known.0 {
                                        *known = ((t, agreement), value - nothing);
                                    }
                                }
                            }
                            sums[0] += nothing + best.values().map(|(_, gain)| gain).sum::<f64>();
                        }
                    }
                    if !settings.is_sigmoid() {
                        class_weight += classes::weight(&settings, &labels, background);
                    } else if own.is_some() || background > 0.0 {
                        class_weight += 1.0;
                    }
                }
                if own.is_some() {
                    matched += 1.0;
                    let largest = classes::largest(&x);
                    correct += f64::from(u8::from(labels.iter().any(|&(label, _)| label == largest)));
                }
                for target in self.target(image, layer.pairs[row]).into_iter().chain(further.iter().copied()) {
                    let factor = factors.pop().expect("one for each pair");
                    self.add_pair(layer, (query, fixed), (target, true), factor, &mut sums);
                }
                for target in self.target(image, layer.own[row]).into_iter().chain(further.iter().copied()) {
                    self.add_pair(layer, (query, fixed), (target, false), 1.0, &mut sums);
                }
                for target in further {
                    matched += 1.0;
                    let (labels, largest) = (self.positives(layer, target, &columns), classes::largest(&x));
                    correct += f64::from(u8::from(labels.iter().any(|&(label, _)| label == largest)));
                }
            }
            let mut seen = self.case.range(image).filter(|&target| !self.case.is_ignored(target));
            let has_boxes = self.pair_references(layer).any(|(name, _)| name == "boxes");
            let is_seen = |target| !has_boxes || boxes::is_visible(&layer.settings, self.targets.row(target));
            let has_visible = seen.any(is_seen);
            if layer.settings.flag("imageGate") && !has_visible {
                sums[0] = 0.0;
            }
            for (family, terms) in self.image_references(layer) {
                let values = terms.values(now.row(image), has_visible);
                let own = family_terms(family, &layer.settings.weights).zip(values);
                own.for_each(|((place, _), value)| sums[place] = value);
            }
            let kept = self.case.range(image).filter(|&target| !self.case.is_ignored(target));
            let of_target = |target: usize| match settings.is_sigmoid() {
                true => self.positives(layer, target, &columns).iter().map(|&(_, value)| value).sum(),
                false => 1.0,
            };
            let labels: f64 = kept.clone().map(of_target).sum();
            labels_of_all += labels;
            let kept = kept.count();
            if layer.settings.word("classification.normalization") == "per-image" {
                sums[0] /= self.copies_of(layer, labels);
            }
            for (place, family) in term_families() {
                let is_divided = layer.is_union && of(family).family().follows_union || of(family).is_of_images();
                if !is_divided && layer.settings.normalization(family) == "per-image" {
                    sums[place] /= self.copies_of(layer, kept as f64);
                }
            }
            sums.iter_mut().zip(before).for_each(|(sum, before)| *sum += before);
            cardinality_error += (objects - (kept * repeat_of(self.part(layer), kept)) as f64).abs();
        }
        let least_queries = layer.settings.number("classification.minQueries");
        let class_normalizer = match layer.settings.word("classification.normalization") {
            "weighted-mean" => class_weight,
            "num-kept-queries" => class_weight + 1e-6,
            "num-boxes" => self.normalizer(self.part(layer)),
            "num-pairs" => {
                (layer.own.iter().filter(|&&target| target >= 0).count() + layer.further.len()).max(1) as f64
            }
            "num-labels" => self.copies_of(layer, labels_of_all),
            "per-image" => images,
            _ => images * least_queries.max(queries as f64),
        };
        sums[0] = if class_normalizer > 0.0 { sums[0] / class_normalizer } else { 0.0 };
        for (place, family) in term_families() {
            let follows = of(family).family().follows_union;
            sums[place] /= match layer.settings.normalization(family) {
                _ if of(family).is_of_images() => images,
                _ if layer.is_union && follows => layer.pair_count.max(1.0),
                "num-boxes" => self.normalizer(self.part(layer)),
                "num-pairs" => layer.own_count.max(1.0),
                "num-queries" => images * queries as f64,
                _ => images,
            };
        }
        self.add_taught(layer, now, &mut sums);
        DefinedValues {
            terms: sums,
            class_normalizer,
            class_error: 100.0 - 100.0 * correct / matched,
            cardinality_error: cardinality_error / self.case.structure.images as f64,
        }
    }

    /// What a layer adds to the loss.
    pub fn total(&self, layer: &DefinedLayer, values: &DefinedValues) -> f64 {
        let weights = terms().map(|term| layer.settings.weights.get(term.name));
        let part = self.part(layer);
        let own = part.layer_weights.get(layer.layer).copied().unwrap_or(1.0);
        part.weight * own * weights.zip(&values.terms).map(|(weight, term)| weight * term).sum::<f64>()
    }

    /// The matching cost of a query and a target. `query`: among the layer's, `[images, queries]`. `takes_ignored`: whether
    /// ignored targets are like the others.
    pub fn cost(&self, layer: &DefinedLayer, queries: &Table, query: usize, target: usize, takes_ignored: bool) -> f64 {
        let row = queries.row(query);
        let columns = self.columns(layer, query / self.part(layer).queries.len());
        let x: Vec<f64> = columns.iter().map(|&column| row.field("logits")[column]).collect();
        let agreement = self.agreement(layer, queries, query, target, takes_ignored);
        let labels = self.positives(layer, target, &columns);
        let class = classes::cost_of(&layer.settings.restricted(&columns), &x, &labels, agreement);
        let mut cost = layer.settings.cost.get("class") * class;
        for (name, pair) in self.pair_references(layer) {
            let own = family_terms(name, &layer.settings.cost);
            let values = match pair.takes_mean(&layer.settings, self.targets.row(target)) {
                true => self.mean_costs(layer, pair, queries, query, takes_ignored),
                false => pair.costs(&layer.settings, row, self.targets.row(target)),
            };
            cost += own.zip(values).map(|((_, weight), value)| weight * value).sum::<f64>();
        }
        cost + self.added(layer, query, target)
    }

    /// What the pairs of a query's image cost on average, of the targets that do not take this mean; nothing where there is none.
    fn mean_costs(
        &self,
        layer: &DefinedLayer,
        pair: &dyn PairReference,
        queries: &Table,
        query: usize,
        takes_ignored: bool,
    ) -> Vec<f64> {
        let length = self.part(layer).queries.len();
        let image = query / length;
        let targets = self.case.range(image).filter(|&target| takes_ignored || !self.case.is_ignored(target));
        let known = targets.map(|target| self.targets.row(target));
        let known: Vec<_> = known.filter(|&target| !pair.takes_mean(&layer.settings, target)).collect();
        let rows = (image * length..(image + 1) * length).map(|query| queries.row(query));
        let pairs = rows.flat_map(|row| known.iter().map(move |&target| pair.costs(&layer.settings, row, target)));
        let mut sums = Vec::new();
        for values in pairs {
            sums.resize(values.len(), 0.0);
            sums.iter_mut().zip(values).for_each(|(sum, value)| *sum += value / (length * known.len()) as f64);
        }
        sums
    }

    /// How well a query and a target agree, where that can be said.
    fn agreement(
        &self,
        layer: &DefinedLayer,
        queries: &Table,
        query: usize,
        target: usize,
        takes_ignored: bool,
    ) -> Option<classes::Agreement> {
        let (_, pair) = self.pair_references(layer).find(|(_, pair)| pair.has_quality())?;
        let length = self.part(layer).queries.len();
        let image = query / length;
        let u = |query: usize, target: usize| {
            pair.raised_giou(&layer.settings, queries.row(query), self.targets.row(target))
        };
        let targets = self.case.range(image).filter(|&target| takes_ignored || !self.case.is_ignored(target));
        let all = targets.flat_map(|target| (image * length..(image + 1) * length).map(move |query| (query, target)));
        let greatest = all.map(|(query, target)| u(query, target)).fold(0.0, f64::max);
        let iou = pair.quality(&layer.settings, queries.row(query), self.targets.row(target));
        Some(classes::Agreement { iou, u: u(query, target), greatest })
    }

    /// Whether a query lies on an ignored target of its image.
    pub fn lies_on_ignored(&self, layer: &DefinedLayer, queries: &Table, query: usize) -> bool {
        let Some((_, pair)) = self.pair_references(layer).next() else { return false };
        let settings = &layer.settings;
        let (kind, threshold) = (settings.word("ignore.overlap"), settings.number("ignore.threshold"));
        let regions = self.case.range(query / self.part(layer).queries.len());
        regions.filter(|&target| self.case.is_ignored(target)).any(|target| {
            let overlap = pair.overlap(settings, kind, queries.row(query), self.targets.row(target));
            overlap.is_some_and(|overlap| overlap > threshold)
        })
    }

    /// The labels of a target, as a part sees them.
    pub fn labels(&self, layer: &DefinedLayer, target: usize) -> &'a [i32] {
        if self.part(layer).class_agnostic {
            return if layer.settings.no_object() == Some(0) { &[1] } else { &[0] };
        }
        match &self.case.label_offsets {
            None => &self.case.labels[target..=target],
            Some(offsets) => &self.case.labels[offsets[target] as usize..offsets[target + 1] as usize],
        }
    }

    /// The labels of a target as places among the columns of its image, with their values.
    fn positives(&self, layer: &DefinedLayer, target: usize, columns: &[usize]) -> Vec<(usize, f64)> {
        let first = self.case.label_offsets.as_ref().map_or(target, |offsets| offsets[target] as usize);
        let value = |k: usize| match self.part(layer).class_agnostic {
            true => 1.0,
            false => self.case.values.get(first + k).map_or(1.0, |&value| f64::from(value)),
        };
        let place = |label: i32| columns.iter().position(|&column| column == label as usize).expect("it is there");
        self.labels(layer, target).iter().enumerate().map(|(k, &label)| (place(label), value(k))).collect()
    }

    /// The columns that an image has.
    fn columns(&self, layer: &DefinedLayer, image: usize) -> Vec<usize> {
        let width = self.case.structure.stacks[layer.stack].widths[0];
        let all = 0..width;
        if self.case.columns.is_empty() || width != self.case.settings.columns() {
            return all.collect();
        }
        all.filter(|&column| self.case.columns[image * width + column] == 1).collect()
    }

    /// What the terms of a target's pairs are multiplied by.
    fn weight(&self, target: usize) -> f64 {
        self.case.weights.get(target).map_or(1.0, |&weight| f64::from(weight))
    }

    /// What a query's terms as background are multiplied by. `row`: among the layer's, `[images, queries]`.
    fn query_weight(&self, layer: &DefinedLayer, row: usize) -> f64 {
        let parts = &self.case.structure.parts;
        if !parts[layer.part].has_query_weights {
            return 1.0;
        }
        let before = parts[..layer.part].iter().filter(|part| part.has_query_weights);
        let first: usize = before.map(|part| part.queries.len() * self.case.structure.images).sum();
        f64::from(self.case.query_weights[first + row])
    }

    /// The number among all targets of one of an image.
    fn target(&self, image: usize, number: i32) -> Option<usize> {
        usize::try_from(number).ok().map(|target| self.case.range(image).start + target)
    }

    /// Whether the box of a target is known.
    pub fn is_known(&self, target: usize) -> bool {
        boxes::is_known(self.targets.row(target))
    }

    /// How well a pair agrees, where anything says so.
    pub fn quality(&self, layer: &DefinedLayer, query: Row<'_>, target: usize) -> f64 {
        let able = self.pair_references(layer).find(|(_, pair)| pair.has_quality());
        able.map_or(0.0, |(_, pair)| pair.quality(&layer.settings, query, self.targets.row(target)))
    }

    /// How well a pair agrees, by what the class term measures it.
    fn measured(&self, layer: &DefinedLayer, query: Row<'_>, target: usize) -> f64 {
        if !classes::takes_giou(&layer.settings) {
            return self.quality(layer, query, target);
        }
        let able = self.pair_references(layer).find(|(_, pair)| pair.has_quality());
        able.map_or(0.0, |(_, pair)| pair.raised_giou(&layer.settings, query, self.targets.row(target)))
    }

    fn has_fields(&self, layer: &DefinedLayer, family: usize) -> bool {
        let reference = REFERENCES[family];
        let has_targets = reference.target_fields().next().is_none_or(|(place, _)| self.case.structure.targets[place]);
        let widths = &self.case.structure.stacks[layer.stack].widths;
        has_targets && reference.query_fields().next().is_some_and(|(place, _)| widths[place] > 0)
    }

    /// The families over pairs that take part in a layer, with their names.
    fn pair_references(
        &self,
        layer: &DefinedLayer,
    ) -> impl Iterator<Item = (&'static str, &'static dyn PairReference)> {
        let active: Vec<_> = (0..REFERENCES.len()).filter(|&family| self.has_fields(layer, family)).collect();
        active.into_iter().filter_map(|family| match REFERENCES[family].terms() {
            Terms::Pair(pair) => Some((REFERENCES[family].name(), pair)),
            Terms::Late(_) | Terms::Image(_) => None,
        })
    }

    fn late_reference(&self, layer: &DefinedLayer) -> Option<(&'static str, &'static dyn LateReference)> {
        (0..REFERENCES.len()).filter(|&family| self.has_fields(layer, family)).find_map(|family| {
            match REFERENCES[family].terms() {
                Terms::Pair(_) | Terms::Image(_) => None,
                Terms::Late(late) => Some((REFERENCES[family].name(), late)),
            }
        })
    }

    /// Whether what images have counts in a layer: of parts that share it, in the first.
    fn has_images(&self, layer: &DefinedLayer) -> bool {
        let is_it = |other: &&DefinedLayer| (other.stack, other.row) == (layer.stack, layer.row);
        self.layers.iter().find(is_it).is_none_or(|first| first.part == layer.part)
    }

    /// The families of whole images that take part in a layer, with their names.
    fn image_references(&self, layer: &DefinedLayer) -> Vec<(&'static str, &'static dyn ImageReference)> {
        let active = (0..REFERENCES.len()).filter(|&family| self.has_fields(layer, family) && self.has_images(layer));
        let of_images = active.filter_map(|family| match REFERENCES[family].terms() {
            Terms::Image(terms) => Some((REFERENCES[family].name(), terms)),
            Terms::Pair(_) | Terms::Late(_) => None,
        });
        of_images.collect()
    }

    /// N of a part.
    fn normalizer(&self, part: &Part) -> f64 {
        let repeat = if part.adaptive { 1.0 } else { part.repeat as f64 };
        (self.kept as f64 * (part.groups as f64 * repeat)).max(1.0) * part.normalizer_factor
    }

    /// So many things, each counted once for every group and repetition, at least 1, times the factor of the part.
    fn copies_of(&self, layer: &DefinedLayer, count: f64) -> f64 {
        let part = self.part(layer);
        let repeat = if part.adaptive { 1 } else { part.repeat };
        (count * (part.groups * repeat) as f64).max(1.0) * part.normalizer_factor
    }

    /// What the caller adds to a cost.
    fn added(&self, layer: &DefinedLayer, query: usize, target: usize) -> f64 {
        let rule = |part: &Part, layer: usize| part.rules.get(layer).is_some_and(|rule| rule.has_cost);
        let part = self.part(layer);
        if !rule(part, layer.layer) {
            return 0.0;
        }
        let before = self.layers.iter().filter(|other| (other.part, other.layer) < (layer.part, layer.layer));
        let before = before.filter(|other| rule(self.part(other), other.layer));
        let queries: usize = before.map(|other| self.part(other).queries.len()).sum();
        let (image, length) = (query / part.queries.len(), part.queries.len());
        let range = self.case.range(image);
        let block = queries * self.case.targets() + length * range.start;
        f64::from(self.case.costs[block + query % length * range.len() + target - range.start])
    }

    /// The soft labels of the positives among some rows of an image, and the factors of their ranks. `matches`: of all rows.
    fn soft_labels(
        &self,
        layer: &DefinedLayer,
        fixed: &Table,
        rows: Range<usize>,
        matches: &[i32],
    ) -> (Vec<Vec<f64>>, Vec<f64>) {
        let image = rows.start / self.part(layer).queries.len().max(1);
        let columns = self.columns(layer, image);
        let able = self.pair_references(layer).find(|(_, pair)| pair.has_quality());
        let targets_of = |row: usize| {
            let all = std::iter::once(matches[row]).chain(layer.further_of(row));
            all.filter_map(|target| self.target(image, target)).map(move |target| (row, target)).collect::<Vec<_>>()
        };
        let positive = |(row, target): (usize, usize)| {
            let (query, known) = (fixed.row(row), self.targets.row(target));
            let quality = able.map_or(0.0, |(_, pair)| match classes::takes_giou(&layer.settings) {
                true => pair.raised_giou(&layer.settings, query, known),
                false => pair.quality(&layer.settings, query, known),
            });
            let labels = self.positives(layer, target, &columns);
            let x = columns.iter().map(|&column| query.field("logits")[column]).collect();
            classes::Positive { target, labels, quality, x }
        };
        classes::soft_labels(&layer.settings, &rows.flat_map(targets_of).map(positive).collect::<Vec<_>>())
    }

    /// The terms of a pair that follow the union matching, or those that do not. `factor`: of its rank.
    fn add_pair(
        &self,
        layer: &DefinedLayer,
        (now, fixed): (Row<'_>, Row<'_>),
        (target, follows): (usize, bool),
        factor: f64,
        sums: &mut [f64],
    ) {
        let (row, weight) = (self.targets.row(target), self.weight(target));
        let [for_l1, for_overlaps] = classes::rank_counts(&layer.settings);
        for (name, pair) in self.pair_references(layer).filter(|(name, _)| of(name).family().follows_union == follows) {
            let values = pair.values(&layer.settings, now, fixed, row);
            family_terms(name, &layer.settings.weights).zip(values).enumerate().for_each(|(k, ((place, _), value))| {
                // the first term of each such family is L1
                let counts = if k == 0 { for_l1 } else { for_overlaps };
                sums[place] += weight * if counts { factor * value } else { value };
            });
        }
        if let (Some((name, late)), true) = (self.late_reference(layer), follows) {
            let place = family_terms(name, &layer.settings.weights).next().expect("a term").0;
            sums[place] += weight * late.over_pair(&layer.settings, now, row, self.quality(layer, fixed, target));
        }
    }

    /// The term between layers: its mean over pairs and its mean over others, mixed by their shares.
    fn add_taught(&self, layer: &DefinedLayer, now: &Table, sums: &mut [f64]) {
        let Some((name, late)) = self.late_reference(layer) else { return };
        let (place, _) = family_terms(name, &layer.settings.weights).nth(1).expect("two terms");
        sums[place] = 0.0;
        let (Some((teacher, shares)), Some(numbers)) = (layer.teacher, self.taught(layer)) else { return };
        let (teacher, fixed) = (self.queries(&self.layers[teacher]), self.queries(layer));
        let queries = self.part(layer).queries.len();
        for (row, &pair) in layer.pairs.iter().enumerate() {
            let value = late.over_layers(&layer.settings, now.row(row), teacher.row(row));
            if let Some(target) = self.target(row / queries, pair) {
                sums[place] += shares[0] / numbers[0] * self.quality(layer, fixed.row(row), target) * value;
            } else if layer.own[row] != -2 {
                sums[place] += shares[1] / numbers[1] * late.weight_without_pair(teacher.row(row)) * value;
            }
        }
    }

    /// Queries with and without a pair that a layer is taught by, if it is and that has a weight.
    pub fn taught(&self, layer: &DefinedLayer) -> Option<[f64; 2]> {
        let (name, _) = self.late_reference(layer)?;
        let (_, weight) = family_terms(name, &layer.settings.weights).nth(1)?;
        (layer.teacher.is_some() && weight > 0.0).then(|| layer.taught())
    }

    fn add_layers(&mut self, outcome: &Outcome) {
        let structure = &self.case.structure;
        let owners =
            structure.stacks.iter().enumerate().flat_map(|(stack, info)| (0..info.layers).map(move |row| (stack, row)));
        let owners: Vec<_> = owners.collect();
        let mut start = 0;
        for (number, part) in structure.parts.iter().enumerate() {
            for layer in 0..part.layers.len() {
                let (stack, row) = owners[part.layers.start + layer];
                let matches = start..start + structure.images * part.queries.len();
                start = matches.end;
                let is_narrow = structure.stacks[stack].widths[0] != self.case.settings.columns();
                let mut settings = if is_narrow { self.case.settings.narrow() } else { self.case.settings.clone() };
                settings.weights = part.weights.unwrap_or(settings.weights);
                let own = &outcome.matches[matches.clone()];
                let queries = part.queries.len();
                let further = outcome.further.iter().filter(|pair| pair[0] == self.layers.len());
                let further: Vec<_> =
                    further.map(|&[_, image, query, target]| (image * queries + query, target as i32)).collect();
                let pair_count = (own.iter().filter(|&&target| target >= 0).count() + further.len()) as f64;
                self.layers.push(DefinedLayer {
                    part: number,
                    layer,
                    stack,
                    row,
                    settings,
                    own: own.to_vec(),
                    pairs: own.to_vec(),
                    further,
                    matches,
                    own_count: pair_count,
                    pair_count,
                    is_union: false,
                    teacher: None,
                });
            }
        }
    }

    /// The union matching, counted pair by pair.
    fn add_union(&mut self) {
        let parts = &self.case.structure.parts;
        let own: Vec<_> =
            self.layers.iter().filter(|layer| parts[layer.part].union).map(|layer| layer.own.clone()).collect();
        let Some(length) = own.first().map(Vec::len) else { return };
        let most = self.case.targets() as i32;
        let union = (0..length).map(|query| {
            let count = |target: i32| own.iter().filter(|own| own[query] == target).count();
            (0..most).filter(|&target| count(target) > 0).max_by_key(|&target| (count(target), -target)).unwrap_or(-1)
        });
        let union: Vec<_> = union.collect();
        let pairs = union.iter().filter(|&&target| target >= 0).count() as f64;
        for layer in self.layers.iter_mut().filter(|layer| parts[layer.part].union) {
            (layer.pairs, layer.pair_count, layer.is_union) = (union.clone(), pairs, true);
        }
    }

    /// Who teaches whom. Parts after the first take the shares of its last layer that is taught.
    fn add_teachers(&mut self) {
        let mut shares_of_first = None;
        for index in 0..self.layers.len() {
            let layer = &self.layers[index];
            let Some((_, late)) = self.late_reference(layer) else { continue };
            let last = self.part(layer).layers.len() - 1;
            if layer.layer == last {
                continue;
            }
            let own = late.shares(layer.taught());
            let shares = if layer.part == 0 { own } else { shares_of_first.unwrap_or(own) };
            shares_of_first = if layer.part == 0 { Some(own) } else { shares_of_first };
            self.layers[index].teacher = Some((index + last - self.layers[index].layer, shares));
        }
    }
}

/// The planes of a field as rows of the targets, which have all that of their image where it has but one. All are of one size.
fn planes_of_targets(case: &Case, place: usize, form: Form) -> Vec<f32> {
    let images = case.planes[place].iter().zip(case.offsets.windows(2));
    let of_image = |(planes, range): (&Planes, &[u32])| {
        let repeat = if form == Form::Plane { (range[1] - range[0]) as usize } else { 1 };
        planes.values.repeat(repeat)
    };
    images.flat_map(of_image).map(f32::from).collect()
}

/// Places of all terms but the class term, each with the name of its family.
fn term_families() -> impl Iterator<Item = (usize, &'static str)> {
    let families = describe().families.iter().flat_map(|family| family.terms.iter().map(|_| family.name));
    (1..).zip(families)
}

/// How often each of an image's targets is repeated.
pub fn repeat_of(part: &Part, targets: usize) -> usize {
    let half = part.queries.len() / part.groups / 2;
    if part.adaptive && targets > 0 { part.repeat.min(half / targets) } else { part.repeat }
}

/// Places of a family's terms among all, with their weights.
fn family_terms(family: &str, weights: &Weights) -> impl Iterator<Item = (usize, f64)> {
    let own = describe().families.iter().find(|known| known.name == family).expect("a family").terms;
    let all = terms().enumerate().filter(|(_, term)| own.iter().any(|known| known.name == term.name));
    all.map(|(place, term)| (place, weights.get(term.name)))
}

impl DefinedLayer {
    /// Queries with and without a pair, of those that are not left out.
    fn taught(&self) -> [f64; 2] {
        let all = self.pairs.iter().zip(&self.own);
        let paired = all.clone().filter(|&(&pair, _)| pair >= 0).count();
        let others = all.filter(|&(&pair, &own)| pair < 0 && own != -2).count();
        [paired as f64, others as f64]
    }

    /// The targets of a row beyond the first.
    pub fn further_of(&self, row: usize) -> impl Iterator<Item = i32> {
        self.further.iter().filter(move |pair| pair.0 == row).map(|pair| pair.1)
    }

    /// How its matching comes about.
    pub fn matching(&self, case: &Case) -> Matching {
        case.structure.parts[self.part].rules.get(self.layer).map_or(Matching::Optimal, |rule| rule.matching)
    }

    /// Its given matching, among all that are given.
    pub fn given(&self, case: &Case, all: &[Self]) -> Vec<i32> {
        let length = |layer: &Self| layer.matches.len();
        let before = all.iter().filter(|other| (other.part, other.layer) < (self.part, self.layer));
        let start: usize =
            before.filter(|other| matches!(other.matching(case), Matching::Given | Matching::Fixed)).map(length).sum();
        case.given[start..start + length(self)].to_vec()
    }
}
