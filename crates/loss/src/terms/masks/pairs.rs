//! The terms of the pairs of an image, and their gradients by the logits or by the factors of them.

use lsap::Share;
use lsap::memory::{GiveBack, KEPT_TO_HELP};
use simd::Level;

use super::canvas::{Resize, Size};
use super::factored::{Matrix, Panel, product, project, shift, total};
use super::grid::{Reading, Taps, narrow};
use super::points::{Counts, least, take};
use super::prediction::Prediction;
use super::random::{Purpose, Stream, points};
use super::samples::Samples;
use super::sampling::Sampling;
use super::targets::{LabelMemory, Targets};
use super::values::{Active, Focal, Scales, gradient, values};
use super::{BIAS_FIELD, FEATURES, LOSS_POINTS, MASKS, MaskFamily, QUERIES};
use crate::terms::memory::Memory;
use crate::terms::pair::{PairOutputs, PairTerms, Pairs};

/// Memory of the loss. Holds nothing between images but its capacity.
#[derive(Debug, Default)]
pub(super) struct LossMemory {
    /// Of factors: the planes, `[pairs, pixels]`, then their gradients; `[pairs, channels]` of the queries, and by these.
    planes: Vec<f32>,
    queries: Vec<f32>,
    of_queries: Vec<f64>,
    /// Of products; a channel's, where gradients are added to others.
    panel: Panel,
    factors: Vec<f32>,
    plane: Vec<f32>,
    own: PairMemory,
}

/// Of a thread that computes the terms of a pair.
#[derive(Debug, Default)]
struct PairMemory {
    /// At the samples, then their gradients.
    logits: Vec<f32>,
    labels: LabelMemory,
    resize: Resize,
    taps: Taps,
    candidates: Vec<f32>,
    sampled: Vec<f32>,
    chosen: Vec<u32>,
    points: Vec<f32>,
    /// What points beyond the border lack of a bias.
    lacking: Vec<(u32, f32)>,
    scattered: Vec<f64>,
}

impl Memory for LossMemory {
    fn held(&self) -> usize {
        let Self { planes, queries, of_queries, panel, factors, plane, own } = self;
        let floats: usize = [planes, queries, factors, plane].map(Vec::capacity).iter().sum();
        4 * floats + 8 * of_queries.capacity() + panel.held() + own.held()
    }
}

impl PairMemory {
    fn held(&self) -> usize {
        let Self { logits, labels, resize, taps, candidates, sampled, chosen, points, lacking, scattered } = self;
        let floats: usize = [logits, candidates, sampled, points].map(Vec::capacity).iter().sum();
        let others = labels.held() + resize.held() + taps.held();
        4 * (floats + chosen.capacity()) + 8 * (lacking.capacity() + scattered.capacity()) + others
    }
}

impl GiveBack for PairMemory {
    fn give_back(&mut self) {
        if self.held() > KEPT_TO_HELP {
            *self = Self::default();
        }
    }
}

/// What all pairs of an image have in common.
struct Problem<'a> {
    family: &'a MaskFamily,
    pairs: &'a Pairs<'a>,
    targets: Targets<'a>,
    size: Size,
    bias: Option<f32>,
    active: Active,
    scales: Scales,
    form: Focal,
    has_gradient: bool,
}

/// A pair, and where its gradient goes.
struct Job<'a> {
    /// Among the pairs of the image.
    number: usize,
    query: usize,
    target: usize,
    /// The plane of the query, where it is not what `row` holds.
    plane: Option<&'a [f32]>,
    /// `[pixels]`, overwritten by the gradient; empty where there is none.
    row: &'a mut [f32],
    /// What is found: the terms, and the derivative by the bias.
    terms: [f64; 3],
    of_bias: f64,
}

/// Adds the terms to their sums, and writes the gradients of the pairs.
pub(super) fn add(
    family: &MaskFamily,
    level: Level,
    pairs: &Pairs<'_>,
    out: PairOutputs<'_, '_>,
    memory: &mut LossMemory,
) {
    let Sampling { alpha, gamma, .. } = family.sampling;
    let &[bce, focal, dice] = out.scales else { return };
    let active = Active { bce: bce > 0.0, focal: focal > 0.0, dice: dice > 0.0 };
    let Some(targets) = Targets::new(pairs.targets, family.targets) else { return };
    if !(active.bce || active.focal || active.dice) {
        return;
    }
    let prediction = Prediction::new(pairs.queries, family.queries);
    let size = Prediction::size(&pairs.queries, family.queries);
    let area = size.area();
    let mut gradients = out.gradients;
    let known = || {
        let all = pairs.list.iter().enumerate().map(|(place, &(query, target))| (pairs.number(place), query, target));
        all.filter(|&(_, _, target)| family.knows(pairs.targets, target))
    };
    multiply(level, pairs.share, prediction, known().map(|(_, query, _)| query), area, memory);
    let LossMemory { planes, queries: factors, of_queries, panel, factors: of_channel, plane, own } = memory;
    let problem = Problem {
        family,
        pairs,
        targets,
        size,
        bias: prediction.bias(),
        active,
        scales: Scales { bce, focal, dice },
        form: Focal { alpha, gamma },
        has_gradient: gradients.is_some(),
    };
    let job =
        |(number, query, target), plane, row| Job { number, query, target, plane, row, terms: [0.0; 3], of_bias: 0.0 };
    let mut jobs: Vec<Job<'_>> = match prediction {
        Prediction::Planes(all) => {
            let mut rows =
                gradients.as_deref_mut().map(|gradients| gradients[MASKS].chunks_exact_mut(area).enumerate());
            let of_pair = |pair: (usize, usize, usize)| {
                let query = pair.1;
                let row = rows.as_mut().map(|rows| rows.find(|&(row, _)| row == query).expect("a query comes once").1);
                job(pair, Some(&all[query * area..][..area]), row.unwrap_or_default())
            };
            known().map(of_pair).collect()
        }
        Prediction::Factors { .. } => {
            known().zip(planes.chunks_exact_mut(area)).map(|(pair, row)| job(pair, None, row)).collect()
        }
    };
    pairs.share.each(own, &mut jobs, |memory, job| add_pair(&problem, level, job, memory));
    let mut of_bias = 0.0;
    for job in jobs {
        out.sums.iter_mut().zip(job.terms).for_each(|(sum, term)| *sum += term);
        of_bias += job.of_bias;
    }
    if let (Some(gradients), Prediction::Factors { features, channels, .. }) = (gradients, prediction)
        && !planes.is_empty()
    {
        let count = factors.len() / channels;
        of_queries.resize(factors.len(), 0.0);
        project(level, pairs.share, features, planes, area, of_queries);
        for ((_, query, _), row) in known().zip(of_queries.chunks_exact(channels)) {
            narrow(row, &mut gradients[QUERIES][query * channels..][..channels]);
        }
        if out.is_further {
            add_product(level, factors, planes, channels, (panel, of_channel, plane), &mut *gradients[FEATURES]);
            of_bias += gradients[BIAS_FIELD].first().map_or(0.0, |&value| f64::from(value));
        } else {
            let own = Matrix { values: factors, rows: channels, columns: count, is_transposed: true };
            product(level, pairs.share, &own, planes, 0.0, panel, &mut *gradients[FEATURES]);
        }
        if !gradients[BIAS_FIELD].is_empty() {
            narrow(&[of_bias], gradients[BIAS_FIELD]);
        }
    }
}

/// The terms of a pair, and its gradient by the logits of its plane.
fn add_pair(problem: &Problem<'_>, level: Level, job: &mut Job<'_>, memory: &mut PairMemory) {
    let &Problem { family, targets, size, bias, active, form, .. } = problem;
    let PairMemory { logits, labels, resize, taps, candidates, sampled, chosen, points, lacking, scattered } = memory;
    lacking.clear();
    let own = job.plane.unwrap_or(job.row);
    let by_points = family.sampling.loss_by_points;
    let (own_labels, kept) = if by_points {
        let place = (job.number, job.query);
        draw(
            family,
            level,
            problem.pairs,
            place,
            (own, bias, size),
            taps,
            (candidates, sampled, chosen, points, lacking),
        );
        lay_out(family, level, taps, points, size);
        logits.resize(taps.len(), 0.0);
        taps.gather(level, own, logits);
        if bias.is_some() {
            taps.lacking(lacking);
        }
        let is_nearest = family.sampling.is_nearest;
        let has_void = targets.lay_out(level, points, family.sampling.target_reading(), labels);
        targets.read_points(level, &Share::ALONE, &[job.target], is_nearest, labels);
        labels.read(is_nearest, has_void)
    } else {
        resize.set(size, targets.canvas);
        logits.resize(targets.canvas.area(), 0.0);
        resize.forward(level, own, logits);
        targets.on_canvas(job.target, labels)
    };
    if let Some(bias) = bias {
        shift(bias, lacking, logits);
    }
    let samples = Samples { labels: own_labels, kept };
    let found = values(level, active, form, logits, &samples);
    job.terms = [found.bce, found.focal, found.dice];
    if !problem.has_gradient {
        return;
    }
    gradient(level, &problem.scales, form, &found, logits, &samples);
    if bias.is_some() {
        let lack = |&(sample, lack): &(u32, f32)| f64::from(logits[sample as usize]) * f64::from(lack);
        job.of_bias = total(level, logits) + lacking.iter().map(lack).sum::<f64>();
    }
    if by_points {
        scattered.clear();
        scattered.resize(size.area(), 0.0);
        taps.scatter(logits, scattered);
        narrow(scattered, job.row);
    } else {
        resize.backward(level, logits, job.row);
    }
}

/// Multiplies the factors of some queries, if there are any, all at once, so that the features are read but once: their planes,
/// without the bias, go to `planes`, and their rows to `queries`.
fn multiply(
    level: Level,
    share: &Share,
    prediction: Prediction<'_>,
    known: impl Iterator<Item = usize>,
    area: usize,
    memory: &mut LossMemory,
) {
    let Prediction::Factors { features, queries, channels, .. } = prediction else { return };
    memory.queries.clear();
    let mut count = 0;
    for query in known {
        memory.queries.extend_from_slice(&queries[query * channels..][..channels]);
        count += 1;
    }
    memory.planes.resize(count * area, 0.0);
    let own = Matrix { values: &memory.queries, rows: count, columns: channels, is_transposed: false };
    product(level, share, &own, features, 0.0, &mut memory.panel, &mut memory.planes);
}

/// Adds to the gradient by the features, channel by channel, so that a single plane is all the memory it takes. `queries`:
/// `[pairs, channels]`; `planes`: `[pairs, pixels]`; `out`: `[channels, pixels]`.
fn add_product(
    level: Level,
    queries: &[f32],
    planes: &[f32],
    channels: usize,
    (panel, factors, plane): (&mut Panel, &mut Vec<f32>, &mut Vec<f32>),
    out: &mut [f32],
) {
    let count = queries.len() / channels;
    plane.resize(planes.len() / count, 0.0);
    for (channel, row) in out.chunks_exact_mut(plane.len()).enumerate() {
        factors.clear();
        factors.extend(queries.iter().skip(channel).step_by(channels));
        let own = Matrix { values: factors, rows: 1, columns: count, is_transposed: false };
        product(level, &Share::ALONE, &own, planes, 0.0, panel, plane);
        // a sum beyond the range of f32 is its largest number, and no zero is negative
        row.iter_mut().zip(&*plane).for_each(|(sum, &value)| *sum = (*sum + value).clamp(f32::MIN, f32::MAX) + 0.0);
    }
}

/// Points of a prediction.
fn lay_out(family: &MaskFamily, level: Level, taps: &mut Taps, points: &[f32], size: Size) {
    taps.lay_out(level, points, size, size, Reading::Bilinear(family.sampling.outside));
}

/// Candidates, their logits, those that are chosen, and all points that are; what candidates lack of a bias.
type ChoiceMemory<'a> =
    (&'a mut Vec<f32>, &'a mut Vec<f32>, &'a mut Vec<u32>, &'a mut Vec<f32>, &'a mut Vec<(u32, f32)>);

/// The points of a pair: given, or chosen from candidates that are given or drawn. `number`: of the pair among those of its
/// image. `plane`: of its query, with what is added to each logit.
fn draw(
    family: &MaskFamily,
    level: Level,
    pairs: &Pairs<'_>,
    (number, query): (usize, usize),
    (plane, bias, size): (&[f32], Option<f32>, Size),
    taps: &mut Taps,
    (candidates, sampled, chosen, out, lacking): ChoiceMemory<'_>,
) {
    let draws = family.sampling.loss_points([size.height, size.width]);
    let Counts { drawn: many, kept, .. } = draws;
    let at = pairs.at;
    let field = family.queries + LOSS_POINTS;
    let [_, each, _] = pairs.queries.axes(field);
    let given = pairs.queries.get(field);
    out.clear();
    if given.is_empty() {
        let stream = |purpose| Stream {
            seed: at.seed,
            purpose,
            part: at.part as u32,
            layer: at.layer as u32,
            image: at.image as u32,
            row: query as u32,
        };
        candidates.resize(2 * draws.draws(), 0.0);
        points(level, &stream(Purpose::Candidates), &mut candidates[..2 * many]);
        points(level, &stream(Purpose::Fresh), &mut candidates[2 * many..]);
    } else {
        let own = &given[2 * each * (at.first_pair + number)..][..2 * each];
        if each == draws.points() {
            out.extend_from_slice(own);
            return;
        }
        candidates.clear();
        candidates.extend_from_slice(own);
    }
    let (first, rest) = candidates.split_at(2 * many);
    lay_out(family, level, taps, first, size);
    sampled.resize(many, 0.0);
    taps.gather(level, plane, sampled);
    if let Some(bias) = bias.filter(|&bias| bias != 0.0) {
        taps.lacking(lacking);
        shift(bias, lacking, sampled);
    }
    least(sampled, kept, chosen);
    take(first, chosen, out);
    out.extend_from_slice(rest);
}
