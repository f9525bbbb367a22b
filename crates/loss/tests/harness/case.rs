//! A case: the structure of a step, its arrays by field, and what is computed from them.

use hungarian_loss::{
    Criterion, Inputs, LayerReport, Level, Matching, Normalizers, Owner, Plan, Raster, Report, Result, Scratch,
    Structure, Targets, Threads, query_fields,
};

use super::settings::Settings;
use super::test_support::bits;

/// All that a call is made with.
#[derive(Clone, Debug)]
pub struct Case {
    pub settings: Settings,
    pub structure: Structure,
    /// Those of all stacks, in their order.
    pub tensors: Vec<Vec<f32>>,
    pub labels: Vec<i32>,
    /// `[targets + 1]`, where targets may have several labels.
    pub label_offsets: Option<Vec<u32>>,
    /// Of the targets, in the order of their places.
    pub fields: Vec<Vec<f32>>,
    pub offsets: Vec<u32>,
    pub ignored: Vec<u8>,
    pub given: Vec<i32>,
    pub costs: Vec<f32>,
    /// Of the targets' fields that are made of planes, in the order of their places: those of each image.
    pub planes: Vec<Vec<Planes>>,
    pub seed: u64,
    /// A value for each label, a weight for each target, which columns each image has, and weights of queries; empty for none.
    pub values: Vec<f32>,
    pub weights: Vec<f32>,
    pub columns: Vec<u8>,
    pub query_weights: Vec<f32>,
}

/// The planes of an image.
#[derive(Clone, Debug, Default)]
pub struct Planes {
    pub values: Vec<u8>,
    pub height: usize,
    pub width: usize,
}

/// How a case is run.
pub struct Conditions<'a> {
    pub level: Level,
    pub threads: Option<&'a Threads>,
    pub normalizers: Normalizers<'a>,
    /// Whether gradients are wanted.
    pub gradients: bool,
}

impl Default for Conditions<'_> {
    fn default() -> Self {
        Self { level: Level::detect(), threads: None, normalizers: Normalizers::default(), gradients: true }
    }
}

/// What a call gives.
#[derive(Clone, Debug)]
pub struct Outcome {
    pub report: Report,
    pub matches: Vec<i32>,
    /// Pairs beyond the first of each query: slot, image, query and target.
    pub further: Vec<[usize; 4]>,
    /// By each tensor; empty where there is none.
    pub gradients: Vec<Vec<f32>>,
}

/// A tensor of a case.
#[derive(Clone, Debug)]
pub struct TensorPlace {
    pub stack: usize,
    /// The place of its field.
    pub field: usize,
    pub width: usize,
    /// Whether each image has but one row.
    pub is_of_image: bool,
}

impl TensorPlace {
    /// Values of an image in a layer, which has so many queries.
    pub fn length(&self, rows: usize) -> usize {
        if self.is_of_image { self.width } else { rows * self.width }
    }
}

impl Planes {
    /// As the library takes them.
    pub fn raster(&self) -> Raster<'_> {
        Raster { values: &self.values, height: self.height, width: self.width }
    }
}

impl Outcome {
    /// For comparing bit for bit: numbers as text tell all but the digits of NaN.
    pub fn bits(&self) -> (String, &[i32], Vec<Vec<u32>>) {
        (
            format!("{:?} {:?}", self.report, self.further),
            &self.matches,
            self.gradients.iter().map(|values| bits(values)).collect(),
        )
    }
}

impl Case {
    /// The plan of its structure.
    pub fn plan(&self, level: Level, threads: Option<&Threads>) -> Result<Plan> {
        let criterion = Criterion::new(level, &self.settings.config())?;
        let criterion = match threads {
            Some(threads) => criterion.with_threads(threads.clone(), threads.count()),
            None => criterion,
        };
        criterion.plan(self.structure.clone())
    }

    pub fn with_inputs<T>(&self, call: impl FnOnce(&Inputs<'_>) -> Result<T>) -> Result<T> {
        let tensors: Vec<_> = self.tensors.iter().map(Vec::as_slice).collect();
        let fields: Vec<_> = self.fields.iter().map(Vec::as_slice).collect();
        let label_offsets = self.label_offsets.as_deref();
        let planes: Vec<Vec<_>> =
            self.planes.iter().map(|planes| planes.iter().map(Planes::raster).collect()).collect();
        let planes: Vec<_> = planes.iter().map(Vec::as_slice).collect();
        let targets = Targets::new(&self.labels, label_offsets, &fields, &self.offsets, &self.ignored)?;
        let targets = targets.with_rasters(&planes);
        let targets = targets.with_values(&self.values)?.with_weights(&self.weights)?.with_columns(&self.columns);
        call(&Inputs {
            tensors: &tensors,
            given: &self.given,
            costs: &self.costs,
            query_weights: &self.query_weights,
            targets,
            seed: self.seed,
        })
    }

    /// The loss with its gradients.
    pub fn run(&self) -> Result<Outcome> {
        self.run_under(&Conditions::default(), &mut Scratch::default())
    }

    pub fn run_under(&self, conditions: &Conditions<'_>, scratch: &mut Scratch) -> Result<Outcome> {
        let plan = self.plan(conditions.level, conditions.threads)?;
        let wanted: Vec<_> = if conditions.gradients { plan.gradient_tensors().collect() } else { Vec::new() };
        let length = |tensor: usize| self.tensors.get(tensor).map_or(0, Vec::len);
        let mut written: Vec<_> = wanted.iter().map(|&tensor| vec![f32::NAN; length(tensor)]).collect();
        let mut places: Vec<_> = written.iter_mut().map(Vec::as_mut_slice).collect();
        let mut matches = vec![i32::MIN; self.entries(&plan)?];
        let compute =
            |inputs: &Inputs<'_>| plan.compute(inputs, conditions.normalizers, &mut places, &mut matches, scratch);
        let report = self.with_inputs(compute)?;
        let mut gradients = vec![Vec::new(); self.tensors.len()];
        wanted.into_iter().zip(written).for_each(|(tensor, gradient)| gradients[tensor] = gradient);
        let (matches, further) = self.split(&plan, matches);
        Ok(Outcome { report, matches, further, gradients })
    }

    /// Entries of matchings and of further pairs.
    fn entries(&self, plan: &Plan) -> Result<usize> {
        self.with_inputs(|inputs| Ok(plan.reported_queries() + plan.further_pairs(&inputs.targets)))
    }

    /// Tells matchings from further pairs.
    fn split(&self, plan: &Plan, mut matches: Vec<i32>) -> (Vec<i32>, Vec<[usize; 4]>) {
        let tail = matches.split_off(plan.reported_queries());
        let (mut further, mut slot, mut rest) = (Vec::new(), 0, &tail[..]);
        for part in &self.structure.parts {
            for layer in 0..part.layers.len() {
                let rule = |layer: usize| part.rules.get(layer).map_or(Matching::Optimal, |rule| rule.matching);
                let most = match (rule(layer), part.queries.len() / part.groups) {
                    (Matching::Of(source), each) => most_of(rule(source), each),
                    (own, each) => most_of(own, each),
                };
                for image in 0..self.structure.images {
                    let (own, others) = rest.split_at(2 * part.groups * most * self.range(image).len());
                    let pairs = own.chunks_exact(2).filter(|pair| pair[0] >= 0);
                    further.extend(pairs.map(|pair| [slot, image, pair[0] as usize, pair[1] as usize]));
                    rest = others;
                }
                slot += 1;
            }
        }
        assert!(rest.is_empty());
        (matches, further)
    }

    /// The matching alone.
    pub fn match_under(&self, conditions: &Conditions<'_>, scratch: &mut Scratch) -> Result<(Report, Vec<i32>)> {
        let plan = self.plan(conditions.level, conditions.threads)?;
        let mut matches = vec![i32::MIN; self.entries(&plan)?];
        let report = self.with_inputs(|inputs| plan.match_targets(inputs, &mut matches, scratch))?;
        Ok((report, self.split(&plan, matches).0))
    }

    /// The matching cost of all layers and images.
    pub fn cost(&self) -> Result<Vec<f32>> {
        let plan = self.plan(Level::detect(), None)?;
        let queries: usize = self.structure.parts.iter().map(|part| part.layers.len() * part.queries.len()).sum();
        let mut blocks = vec![f32::NAN; queries * self.targets()];
        self.with_inputs(|inputs| plan.cost(inputs, &mut blocks, &mut Scratch::default()))?;
        Ok(blocks)
    }

    /// The report of the only layer that there is.
    pub fn layer(&self) -> LayerReport {
        let report = self.run().expect("a valid case").report;
        assert_eq!(report.layers.len(), 1);
        report.layers[0]
    }

    pub fn targets(&self) -> usize {
        self.offsets.last().map_or(0, |&total| total as usize)
    }

    /// The targets of an image among all.
    pub fn range(&self, image: usize) -> std::ops::Range<usize> {
        self.offsets[image] as usize..self.offsets[image + 1] as usize
    }

    pub fn is_ignored(&self, target: usize) -> bool {
        self.ignored.get(target) == Some(&1)
    }

    /// Where the tensors lie.
    pub fn places(&self) -> Vec<TensorPlace> {
        let stacks = self.structure.stacks.iter().enumerate();
        let all = stacks.flat_map(|(stack, info)| {
            let widths = info.widths.iter().enumerate().filter(|(_, width)| **width > 0);
            let is_of_image = |field| query_fields().nth(field).is_some_and(|known| known.owner == Owner::Image);
            widths.map(move |(field, &width)| TensorPlace { stack, field, width, is_of_image: is_of_image(field) })
        });
        all.collect()
    }

    /// The tensor of a field, by its name, in a stack.
    pub fn tensor(&self, stack: usize, field: &str) -> usize {
        let place = query_fields().position(|known| known.name == field).expect("a field");
        let is_it = |found: &TensorPlace| (found.stack, found.field) == (stack, place);
        self.places().iter().position(is_it).unwrap_or_else(|| panic!("there is no {field} in stack {stack}"))
    }

    /// The same without some fields of queries.
    pub fn without(&self, fields: &[&str]) -> Self {
        let is_out = |field: usize| query_fields().nth(field).is_some_and(|known| fields.contains(&known.name));
        let mut case = self.clone();
        let kept = self.places().into_iter().zip(&self.tensors).filter(|(place, _)| !is_out(place.field));
        case.tensors = kept.map(|(_, values)| values.clone()).collect();
        for stack in &mut case.structure.stacks {
            let widths = stack.widths.iter_mut().enumerate().filter(|(field, _)| is_out(*field));
            widths.for_each(|(_, width)| *width = 0);
        }
        case
    }

    /// One image, alone.
    pub fn image(&self, image: usize) -> Self {
        let (images, range) = (self.structure.images, self.range(image));
        let total = self.targets();
        let mut case = self.clone();
        case.structure.images = 1;
        for ((values, all), place) in case.tensors.iter_mut().zip(&self.tensors).zip(self.places()) {
            let length = place.length(self.structure.stacks[place.stack].rows);
            *values = of_image(all, images, image, length);
        }
        case.offsets = vec![0, range.len() as u32];
        match &self.label_offsets {
            None => case.labels = self.labels[range.clone()].to_vec(),
            Some(offsets) => {
                let own = &offsets[range.start..=range.end];
                case.labels = self.labels[own[0] as usize..own[range.len()] as usize].to_vec();
                case.label_offsets = Some(own.iter().map(|offset| offset - own[0]).collect());
            }
        }
        for field in &mut case.fields {
            let width = field.len() / total.max(1);
            *field = field[range.start * width..range.end * width].to_vec();
        }
        case.planes.iter_mut().for_each(|all| *all = all.get(image).cloned().into_iter().collect());
        if !self.ignored.is_empty() {
            case.ignored = self.ignored[range.clone()].to_vec();
        }
        if !self.values.is_empty() {
            let label = |target: usize| self.label_offsets.as_ref().map_or(target, |offsets| offsets[target] as usize);
            case.values = self.values[label(range.start)..label(range.end)].to_vec();
        }
        if !self.weights.is_empty() {
            case.weights = self.weights[range.clone()].to_vec();
        }
        if !self.columns.is_empty() {
            case.columns = of_image(&self.columns, images, image, self.columns.len() / images);
        }
        case.query_weights.clear();
        let mut weights = &self.query_weights[..];
        for part in self.structure.parts.iter().filter(|part| part.has_query_weights) {
            let own;
            (own, weights) = weights.split_at(images * part.queries.len());
            case.query_weights.extend_from_slice(&own[image * part.queries.len()..][..part.queries.len()]);
        }
        (case.given, case.costs) = (Vec::new(), Vec::new());
        let (mut given, mut costs) = (&self.given[..], &self.costs[..]);
        for part in &self.structure.parts {
            let queries = part.queries.len();
            for rule in &part.rules {
                if matches!(rule.matching, Matching::Given | Matching::Fixed) {
                    let layer;
                    (layer, given) = given.split_at(images * queries);
                    case.given.extend_from_slice(&layer[image * queries..][..queries]);
                }
                if rule.has_cost {
                    let layer;
                    (layer, costs) = costs.split_at(queries * total);
                    case.costs.extend_from_slice(&layer[queries * range.start..queries * range.end]);
                }
            }
        }
        case
    }
}

/// The most pairs of a target that a rule allows.
fn most_of(matching: Matching, queries: usize) -> usize {
    match matching {
        Matching::Score(score) => score.top.min(queries as f64) as usize,
        _ => 0,
    }
}

/// What an image has of values that are as many for each image of each layer.
pub fn of_image<T: Clone>(values: &[T], images: usize, image: usize, length: usize) -> Vec<T> {
    let layers = values.chunks_exact((images * length).max(1));
    layers.flat_map(|layer| &layer[image * length..][..length]).cloned().collect()
}
