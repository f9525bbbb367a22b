//! Sketches: what random cases are made of.

use hungarian_loss::{Form, LayerRule, Matching, Part, Stack, Structure, query_fields, target_fields};
use proptest::prelude::*;

use super::case::Case;
use super::reference::{REFERENCES, of};
use super::settings::Settings;
use super::test_support::Random;

/// Enough to make a case, and to be made simpler where one fails.
#[derive(Clone, Debug)]
pub struct Sketch {
    pub seed: u64,
    pub settings: Settings,
    /// Targets of each image.
    pub counts: Vec<usize>,
    /// Families whose fields the targets have.
    pub families: Vec<&'static str>,
    pub stacks: Vec<SketchStack>,
    pub parts: Vec<Part>,
    /// The least and the most labels of a target.
    pub labels: [usize; 2],
    /// The share of the targets that are ignored.
    pub ignored: f32,
    /// What few batches have.
    pub extras: Extras,
}

/// What few batches have.
#[derive(Clone, Copy, Debug, Default)]
pub struct Extras {
    /// Whether labels have values that are not 1.
    pub values: bool,
    /// Whether targets have weights.
    pub weights: bool,
    /// Whether images lack columns of the logits, which hold anything.
    pub columns: bool,
    /// Whether queries and layers have weights.
    pub queries: bool,
}

impl Extras {
    /// Every other sketch has some of them.
    pub fn of(seed: u64) -> Self {
        let bit = |k: u32| seed >> k & 5 == 5;
        Self { values: bit(20), weights: bit(24), columns: bit(28), queries: bit(32) }
    }
}

/// Layers that lie one after the other in the same tensors.
#[derive(Clone, Debug)]
pub struct SketchStack {
    pub layers: usize,
    pub rows: usize,
    /// Of the logits.
    pub columns: usize,
    /// Families whose fields the queries have.
    pub families: Vec<&'static str>,
}

impl Sketch {
    /// One part of all queries of one stack.
    pub fn plain(settings: Settings, families: &[&'static str], layers: usize, rows: usize, counts: &[usize]) -> Self {
        let columns = settings.columns();
        Self {
            seed: 1,
            settings,
            counts: counts.to_vec(),
            families: families.to_vec(),
            stacks: vec![SketchStack { layers, rows, columns, families: families.to_vec() }],
            parts: vec![Part::plain(0..layers, 0..rows)],
            labels: [1, 1],
            ignored: 0.0,
            extras: Extras::default(),
        }
    }

    /// The case with random arrays.
    pub fn case(&self) -> Case {
        let random = &mut Random::new(self.seed);
        let (images, total) = (self.counts.len(), self.counts.iter().sum());
        let (mut stacks, mut tensors) = (Vec::new(), Vec::new());
        for SketchStack { layers, rows, columns, families } in &self.stacks {
            let count = layers * images * rows;
            let mut widths = vec![0; query_fields().count()];
            let mut axes = vec![Vec::new(); widths.len()];
            widths[0] = *columns;
            tensors.push((0..count * columns).map(|_| 2.0 * random.normal()).collect());
            for reference in REFERENCES.iter().filter(|reference| families.contains(&reference.name())) {
                for (k, (place, _)) in reference.query_fields().enumerate() {
                    widths[place] = reference.query_width(&self.settings, k);
                    if widths[place] == 0 {
                        continue;
                    }
                    axes[place] = reference.query_axes(k);
                    let row = |_| reference.query_row(random, &self.settings, k);
                    let count = if reference.is_of_images() { layers * images } else { count };
                    tensors.push((0..count).flat_map(row).collect());
                }
            }
            stacks.push(Stack { axes, ..Stack::of_rows(*layers, *rows, widths) });
        }
        let mut fields = vec![Vec::new(); target_fields().count()];
        let mut has_targets = vec![false; fields.len()];
        let mut planes = vec![Vec::new(); fields.len()];
        for reference in REFERENCES.iter().filter(|reference| self.families.contains(&reference.name())) {
            for (k, (place, info)) in reference.target_fields().enumerate() {
                if !info.is_optional || random.below(2) == 0 {
                    has_targets[place] = true;
                    if info.form != Form::Row {
                        planes[place] =
                            self.counts.iter().map(|&count| reference.target_planes(random, k, count)).collect();
                        continue;
                    }
                    fields[place] = (0..total).flat_map(|_| reference.target_row(random, &self.settings, k)).collect();
                }
            }
        }
        let settings = &self.settings;
        let takes_values = settings.is_sigmoid() || settings.number("classification.gamma") == 0.0;
        let has_values = self.extras.values && takes_values;
        let labels: Vec<_> = (0..total).map(|_| self.labels(random, has_values)).collect();
        let has_sets = self.labels != [1, 1] || has_values;
        let value = |random: &mut Random| if random.below(3) == 0 { 1.0 } else { 0.05 + 0.95 * random.unit() };
        let mut values = Vec::new();
        for own in labels.iter().filter(|_| has_values) {
            let most = if settings.is_sigmoid() { 1.0 } else { own.len() as f32 };
            values.extend(own.iter().map(|_| value(random) / most));
        }
        let is_ignored = |_| u8::from(random.unit() < self.ignored);
        let ignored = if self.ignored > 0.0 { (0..total).map(is_ignored).collect() } else { Vec::new() };
        let (mut given, mut costs) = (Vec::new(), Vec::new());
        for part in &self.parts {
            for rule in &part.rules {
                if rule.matching == Matching::Given {
                    let all = self.counts.iter().flat_map(|&count| std::iter::repeat_n(count, part.queries.len()));
                    given.extend(all.map(|count| random.below(count + 2) as i32 - 2));
                }
                if rule.matching == Matching::Fixed {
                    let mut first = 0;
                    for &count in &self.counts {
                        given.extend(fixed(random, part, count, ignored.get(first..first + count).unwrap_or_default()));
                        first += count;
                    }
                }
                if rule.has_cost {
                    costs.extend((0..part.queries.len() * total).map(|_| 4.0 * random.unit()));
                }
            }
        }
        let label_offsets = running_sum(labels.iter().map(Vec::len));
        let mut parts = self.parts.clone();
        let mut query_weights = Vec::new();
        for part in parts.iter_mut().filter(|_| self.extras.queries) {
            part.has_query_weights = random.below(3) > 0;
            part.layer_weights = part.layers.clone().map(|_| f64::from(2.0 * random.unit())).collect();
            let count = if part.has_query_weights { images * part.queries.len() } else { 0 };
            query_weights.extend((0..count).map(|_| if random.below(3) == 0 { 3.0 * random.unit() } else { 1.0 }));
        }
        let weight = |_| if random.below(3) == 0 { 1.0 } else { 2.0 * random.unit() };
        let weights = if self.extras.weights { (0..total).map(weight).collect() } else { Vec::new() };
        let mut columns = Vec::new();
        if self.extras.columns {
            columns = self.columns(random, &labels);
            self.spoil_absent(random, &columns, &stacks, &mut tensors);
        }
        Case {
            settings: self.settings.clone(),
            structure: Structure { images, stacks, parts, targets: has_targets },
            tensors,
            label_offsets: Some(label_offsets).filter(|_| has_sets),
            labels: labels.concat(),
            fields,
            offsets: running_sum(self.counts.iter().copied()),
            ignored,
            given,
            costs,
            planes,
            seed: self.seed,
            values,
            weights,
            columns,
            query_weights,
        }
    }

    /// Which columns each image has: those that its targets and settings speak of, and some others.
    fn columns(&self, random: &mut Random, labels: &[Vec<i32>]) -> Vec<u8> {
        let width = self.settings.columns();
        let no_object = self.settings.no_object();
        let agnostic = usize::from(no_object == Some(0));
        let mut all = Vec::new();
        let mut next = 0;
        for &count in &self.counts {
            let own = &labels[next..next + count];
            next += count;
            let share = 1 + random.below(4);
            let flag = |column: usize| {
                let is_named = own.iter().flatten().any(|&label| label as usize == column);
                is_named || Some(column) == no_object || column == agnostic || random.below(4) < share
            };
            all.extend((0..width).map(flag).map(u8::from));
        }
        all
    }

    /// Puts anything where columns are absent.
    fn spoil_absent(&self, random: &mut Random, columns: &[u8], stacks: &[Stack], tensors: &mut [Vec<f32>]) {
        const ANYTHING: [f32; 5] = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 37.5, f32::MAX];
        let width = self.settings.columns();
        let mut next = 0;
        for stack in stacks {
            if stack.widths[0] == width {
                let length = (stack.rows * width).max(1);
                for (image, logits) in tensors[next].chunks_exact_mut(length).enumerate() {
                    let flags = &columns[image % self.counts.len() * width..][..width];
                    for (at, x) in logits.iter_mut().enumerate().filter(|(at, _)| flags[at % width] == 0) {
                        *x = ANYTHING[(at + random.below(ANYTHING.len())) % ANYTHING.len()];
                    }
                }
            }
            next += stack.widths.iter().filter(|&&width| width > 0).count();
        }
    }

    /// Those of one target. `has_values`: whether they have, so that there may be several.
    fn labels(&self, random: &mut Random, has_values: bool) -> Vec<i32> {
        let Settings { classes, .. } = self.settings;
        let range = if has_values { [1, 3] } else { self.labels };
        let [least, most] = range.map(|count| count.min(classes));
        let count = least + random.below(most - least + 1);
        let (first, step) = (random.below(classes), classes / count);
        let no_object = self.settings.no_object();
        let column = |class: usize| class + usize::from(no_object.is_some_and(|column| class >= column));
        (0..count).map(|k| column((first + k * step) % classes) as i32).collect()
    }
}

/// Random fixed pairs of an image, queries that are left out, and excluded ones as far as targets do not lack them.
fn fixed(random: &mut Random, part: &Part, count: usize, ignored: &[u8]) -> Vec<i32> {
    let is_ignored = |target: usize| ignored.get(target) == Some(&1);
    let (each, kept) = (part.queries.len() / part.groups, (0..count).filter(|&target| !is_ignored(target)).count());
    let repeat = super::definition::repeat_of(part, kept);
    let mut all = Vec::new();
    for _ in 0..part.groups {
        let mut group = vec![-1; each];
        for query in 0..each {
            let target = random.below(count.max(1));
            let often = group.iter().filter(|&&other| other == target as i32).count();
            let takes_part =
                group.iter().filter(|&&other| other == -1 || other >= 0 && !is_ignored(other as usize)).count();
            group[query] = match random.below(6) {
                0 | 1 if count > 0 && (is_ignored(target) || often < repeat) => target as i32,
                2 => -2,
                _ => continue,
            };
            if group[query] >= 0 && is_ignored(group[query] as usize) && takes_part <= kept * repeat {
                group[query] = -1;
            }
        }
        for query in 0..each {
            let takes_part =
                group.iter().filter(|&&other| other == -1 || other >= 0 && !is_ignored(other as usize)).count();
            if group[query] == -1 && takes_part > kept * repeat && random.below(2) == 0 {
                group[query] = -3;
            }
        }
        all.extend(group);
    }
    all
}

/// Cases of one part with the fields of some families, under any settings.
pub fn plain(families: impl Strategy<Value = Vec<&'static str>>) -> impl Strategy<Value = Sketch> {
    let counts = prop::collection::vec(0usize..7, 1..4);
    let sizes = (1usize..20, 1usize..20, 1usize..4);
    (any::<u64>().no_shrink(), families, sizes, counts).prop_map(|(seed, families, (classes, rows, layers), counts)| {
        let settings = Settings::random(&mut Random::new(!seed), classes, &families);
        let labels = if settings.is_sigmoid() && seed % 2 == 0 { [1, 3] } else { [1, 1] };
        Sketch { seed, labels, extras: Extras::of(seed), ..Sketch::plain(settings, &families, layers, rows, &counts) }
    })
}

/// Any families that may be together.
pub fn subset() -> impl Strategy<Value = Vec<&'static str>> {
    prop::collection::vec(any::<bool>(), REFERENCES.len()).prop_map(|chosen| {
        let mut names = Vec::new();
        for (reference, is_chosen) in REFERENCES.iter().zip(chosen) {
            if is_chosen && reference.needs().iter().all(|name| names.contains(name)) {
                names.push(reference.name());
            }
        }
        names
    })
}

/// Those of some families that layers may be without, though their terms have weights.
pub fn optional(families: &[&'static str]) -> Vec<&'static str> {
    families.iter().copied().filter(|name| of(name).is_late()).collect()
}

/// Rules of so many layers that are matched alike; one that would take over its own matching has an optimal one.
pub fn layer_rules(layers: usize, matching: Matching, has_cost: bool) -> Vec<LayerRule> {
    let of = |layer| if matching == Matching::Of(layer) { Matching::Optimal } else { matching };
    (0..layers).map(|layer| LayerRule { matching: of(layer), has_cost }).collect()
}

/// Other families, that need none of these.
pub fn idle(families: &[&'static str]) -> Vec<&'static str> {
    let others = REFERENCES.iter().filter(|reference| !reference.is_late() && !families.contains(&reference.name()));
    others.map(|reference| reference.name()).collect()
}

/// 0, and the sum after each number.
fn running_sum(numbers: impl Iterator<Item = usize>) -> Vec<u32> {
    let sums = numbers.scan(0, |sum, number| {
        *sum += number as u32;
        Some(*sum)
    });
    std::iter::once(0).chain(sums).collect()
}
