//! One-to-many by score: how well a query suits a target is s = class · p + overlap · q, with p the probability of the
//! target's label (of several labels, their mean) and q how well the pair agrees, as the IoU of boxes. A target may have several
//! queries, and a query several targets.
//!
//! | `quantile` | pairs |
//! | --- | --- |
//! | yes | of each target the queries with s above the threshold and above the (1 - k/Q) quantile of all queries' s, between two of them linearly: facebookresearch/sam3, `sam3/train/matcher.py`, `BinaryOneToManyMatcher` |
//! | no | each query with its best target, where s reaches the threshold; of each target the k best of these: Visual-AI/Mr.DETR, `one2manyMatcherDAC.py`; jozhang97/DETA, `models/assigner.py` |
//!
//! With `at_least_one`, each target's best query is among its pairs, too, whatever its s and whichever other target it suits.
//! Among equal scores the first query, and the first target, is the better. Queries that are not finite have no pair; to the quantile they count with the score 0, the least there is.

use lsap::memory::{held, reserve};
use simd::math::logistic;
use simd::{F32, LANES, Level, Simd, dispatch, load, store};

use super::image::Image;
use super::jobs::{JobOutputs, jobs};
use super::plan::Slot;
use super::pool::run;
use super::read;
use super::scratch::Scratch;
use super::setup::Setup;
use super::step::Step;
use super::sums::NonFiniteCounts;
use crate::batch::BACKGROUND;
use crate::error::{Error, Result};
use crate::field::FieldRows;
use crate::option::{LIMIT, OptionInfo};
use crate::terms::class::Purpose;
use crate::terms::pair::{Measure, Pairs};
use crate::terms::{FAMILIES, LOGITS};

/// How pairs are chosen by score.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Score {
    /// What the probability of the label is multiplied by, 0 to 1e12; 0.3 in SAM 3.
    pub class: f64,
    /// What the overlap is multiplied by, 0 to 1e12; 0.7 in SAM 3.
    pub overlap: f64,
    /// The most queries of a target, k, at least 1; infinity for any number.
    pub top: f64,
    /// Whether k is a quantile of each target's scores, and a query may have every target.
    pub quantile: bool,
    /// The score of a pair, 0 to 1e12; 0.4 in SAM 3.
    pub threshold: f64,
    /// Whether each target has its best query in any case.
    pub at_least_one: bool,
}

/// What the numbers of a [`Score`] may be, in the order of its fields.
pub const SCORE_OPTIONS: [&OptionInfo; 6] = [
    &OptionInfo::number("class", 0.3, [0.0, LIMIT]),
    &OptionInfo::number("overlap", 0.7, [0.0, LIMIT]),
    &OptionInfo::number("topK", f64::INFINITY, [1.0, f64::INFINITY]),
    &OptionInfo::flag("quantile", false),
    &OptionInfo::number("threshold", 0.4, [0.0, LIMIT]),
    &OptionInfo::flag("atLeastOne", false),
];

impl Score {
    /// Of its numbers, in the order of [`SCORE_OPTIONS`]; NaN for those that are absent, which is refused.
    #[must_use]
    pub fn from_slice(values: &[f64]) -> Self {
        let value = |place: usize| values.get(place).copied().unwrap_or(f64::NAN);
        Self {
            class: value(0),
            overlap: value(1),
            top: value(2),
            quantile: value(3) > 0.0,
            threshold: value(4),
            at_least_one: value(5) > 0.0,
        }
    }

    /// The first number that is outside its range, with its name.
    pub(crate) fn fault(&self) -> Option<(&'static str, &'static str, f64)> {
        const UP_TO_LIMIT: &str = crate::option::UP_TO_LIMIT;
        let weights = [
            ("matching.class", self.class),
            ("matching.overlap", self.overlap),
            ("matching.threshold", self.threshold),
        ];
        let outside = weights.into_iter().find(|(_, value)| !(0.0..=LIMIT).contains(value));
        let fault = outside.map(|(name, value)| (name, UP_TO_LIMIT, value));
        let is_top = self.top >= 1.0 && (self.top.is_infinite() || self.top.fract() == 0.0);
        fault.or_else(|| (!is_top).then_some(("matching.topK", "an integer from 1 on", self.top)))
    }

    /// The most pairs of a target among so many queries of a group.
    pub(crate) fn most(&self, queries: usize) -> usize {
        // what is beyond the queries saturates
        (self.top as usize).min(queries)
    }
}

/// The pairs beyond the first of each query, of all images of the layers that are matched by score.
#[derive(Debug, Default)]
pub(crate) struct Further {
    /// `[slots, images]`: query and target, in their order; empty where no layer is matched by score.
    pairs: Vec<Vec<(usize, usize)>>,
    images: usize,
}

impl Further {
    /// Those of an image of a layer, or of the layer whose matching it takes over.
    pub fn of(&self, slot: &Slot, image: usize) -> &[(usize, usize)] {
        slot.score_slot.and_then(|slot| self.pairs.get(slot * self.images + image)).map_or(&[], Vec::as_slice)
    }

    /// Writes them where they are reported; see [`Plan::further_pairs`](crate::Plan::further_pairs).
    pub fn write(&self, step: &Step<'_>, out: &mut [i32]) {
        out.fill(BACKGROUND);
        let mut rest = out;
        for slot in &step.layout.slots {
            for image in 0..step.layout.images {
                let length = 2 * slot.most_further * step.inputs.targets.range(image).len();
                let own;
                (own, rest) = std::mem::take(&mut rest).split_at_mut(length);
                for (place, &(query, target)) in own.chunks_exact_mut(2).zip(self.of(slot, image)) {
                    place.copy_from_slice(&[query as i32, target as i32]);
                }
            }
        }
    }
}

/// Memory of the stage. Holds nothing between images but its capacity.
#[derive(Debug, Default)]
pub(crate) struct ScoreBuffers {
    /// `[targets, queries]` of a group.
    scores: Vec<f64>,
    /// `[queries]`: of a label.
    probabilities: Vec<f32>,
    list: Vec<(usize, usize)>,
    quality: Vec<f64>,
    sorted: Vec<f64>,
    order: Vec<usize>,
    chosen: Vec<(usize, usize)>,
}

impl ScoreBuffers {
    /// Bytes that grow with an image.
    pub fn held(&self) -> usize {
        held(&self.scores) + held(&self.list) + held(&self.quality) + held(&self.chosen)
    }
}

/// Matches the layers whose pairs are chosen by score: writes the first target of each of their queries, and gives the further
/// pairs.
///
/// # Errors
/// A value that is refused; [`Error::Memory`]; [`Error::Interrupted`].
pub(crate) fn match_layers(step: &Step<'_>, matches: &mut [i32], scratch: &mut Scratch) -> Result<Further> {
    let (layout, images) = (step.layout, step.layout.images);
    if layout.slots.iter().all(|slot| slot.score.is_none()) {
        return Ok(Further::default());
    }
    let out = JobOutputs { gradients: &mut [], matches, quality: &mut [], first_pairs: &[] };
    let work = |slot: &Slot, image| layout.parts[slot.part].queries.len() * (1 + LANES * step.views.count(image));
    let mut score_jobs = jobs(layout, |slot| slot.score.is_some(), work, out);
    run(step.threads, &mut score_jobs, scratch, |job, scratch| {
        let image = step.image(job.slot, job.image);
        job.further = match_image(step.setup, &image, job.matches, scratch)?;
        Ok(())
    })?;
    let mut pairs = vec![Vec::new(); layout.slots.len() * images];
    score_jobs.into_iter().for_each(|job| pairs[job.slot * images + job.image] = job.further);
    Ok(Further { pairs, images })
}

/// The pairs of an image.
fn match_image(
    setup: &Setup,
    image: &Image<'_>,
    matches: &mut [i32],
    Scratch { read, score: buffers, .. }: &mut Scratch,
) -> Result<Vec<(usize, usize)>> {
    let Some(score) = image.slot.score else { return Ok(Vec::new()) };
    // counted when the image is read for the loss
    let read = read::read(setup, image, Purpose::Matching, read, &mut NonFiniteCounts::default())?;
    matches.fill(BACKGROUND);
    let each = image.queries / image.part.groups;
    let targets = &image.targets;
    let mut further = Vec::new();
    if each == 0 || targets.kept.len() == 0 {
        return Ok(further);
    }
    for group in 0..image.part.groups {
        let first = group * each;
        fill(setup, image, &score, (&read.rows, read.left_out), first..first + each, buffers)?;
        buffers.choose(&score, each, |query| read.left_out.binary_search(&(first + query)).is_err());
        for &(query, target) in &buffers.chosen {
            let number = targets.number(target);
            let place = &mut matches[first + query];
            if *place == BACKGROUND {
                *place = number as i32;
            } else {
                further.push((first + query, number));
            }
        }
    }
    Ok(further)
}

/// The scores of a group of queries. `rows`: of the image, and which of these are not finite.
fn fill(
    setup: &Setup,
    image: &Image<'_>,
    score: &Score,
    (rows, left_out): (&FieldRows<'_>, &[usize]),
    queries: std::ops::Range<usize>,
    buffers: &mut ScoreBuffers,
) -> Result<()> {
    let ScoreBuffers { scores, probabilities, list, quality, .. } = buffers;
    let (each, kept) = (queries.len(), image.targets.kept);
    scores.clear();
    let length = kept.len() as u128 * each as u128;
    reserve("", scores, length).map_err(Error::refused(Some(image.slot.part)))?;
    scores.resize(length as usize, 0.0);
    let logits = rows.get(LOGITS);
    for (target, scores) in scores.chunks_exact_mut(each).enumerate() {
        if score.class > 0.0 {
            let labels = kept.labels(target);
            for &label in labels {
                probabilities.clear();
                probabilities.extend(queries.clone().map(|query| logits[query * image.classes + label as usize]));
                sigmoid(setup.level, probabilities);
                let weight = score.class / labels.len() as f64;
                scores.iter_mut().zip(&*probabilities).for_each(|(score, &p)| *score += weight * f64::from(p));
            }
        }
        let able = setup.pairs(image.active()).find(|&(family, _)| FAMILIES[family].has_quality);
        let able = able.filter(|(_, terms)| score.overlap > 0.0 && terms.knows(kept.rows, target));
        if let Some((_, terms)) = able {
            list.clear();
            list.extend(queries.clone().map(|query| (query, target)));
            quality.resize(each, 0.0);
            let pairs = Pairs { at: image.at, queries: *rows, targets: kept.rows, list, numbers: &[] };
            terms.agreement(setup.level, &pairs, Measure::Overlap, quality);
            scores.iter_mut().zip(&*quality).for_each(|(value, q)| *value += score.overlap * q);
        }
        for &query in left_out {
            if let Some(place) = query.checked_sub(queries.start).filter(|&place| place < each) {
                scores[place] = 0.0;
            }
        }
    }
    Ok(())
}

impl ScoreBuffers {
    /// The pairs of a group by its scores, by ascending query, then target. `each`: queries of the group. `is_sound`: whether one
    /// may be paired.
    fn choose(&mut self, score: &Score, each: usize, is_sound: impl Fn(usize) -> bool) {
        let Self { scores, sorted, order, chosen, .. } = self;
        let columns = || scores.chunks_exact(each).enumerate();
        chosen.clear();
        if score.quantile {
            for (target, own) in columns() {
                let limit = quantile(own, score.top, sorted).max(score.threshold);
                let above = (0..each).filter(|&query| own[query] > limit && is_sound(query));
                chosen.extend(above.map(|query| (query, target)));
            }
        } else {
            for query in (0..each).filter(|&query| is_sound(query)) {
                let best = columns().map(|(target, own)| (target, own[query]));
                let best = best.reduce(|best, other| if other.1 > best.1 { other } else { best });
                chosen.extend(best.filter(|&(_, s)| s >= score.threshold).map(|(target, _)| (query, target)));
            }
        }
        if score.at_least_one {
            for (target, own) in columns() {
                let sound = (0..each).filter(|&query| is_sound(query));
                let best = sound.reduce(|best, other| if own[other] > own[best] { other } else { best });
                if let Some(query) = best.filter(|&query| !chosen.contains(&(query, target))) {
                    chosen.push((query, target));
                }
            }
        }
        let most = score.most(each);
        if !score.quantile && most < each {
            for (target, own) in columns() {
                order.clear();
                order.extend(chosen.iter().filter(|pair| pair.1 == target).map(|pair| pair.0));
                if order.len() > most {
                    order.sort_unstable_by(|&a, &b| own[b].total_cmp(&own[a]).then(a.cmp(&b)));
                    let last = &order[most..];
                    chosen.retain(|&(query, other)| other != target || !last.contains(&query));
                }
            }
        }
        chosen.sort_unstable();
    }
}

/// The (1 - k/Q) quantile of the scores of a target, between two of them linearly; -infinity where k is above Q.
fn quantile(scores: &[f64], top: f64, sorted: &mut Vec<f64>) -> f64 {
    let queries = scores.len() as f64;
    if top > queries {
        return f64::NEG_INFINITY;
    }
    sorted.clear();
    sorted.extend_from_slice(scores);
    sorted.sort_unstable_by(f64::total_cmp);
    let place = (queries - 1.0) * (1.0 - top / queries);
    let below = place.floor();
    let [low, high] = [below, place.ceil()].map(|at| sorted[at as usize]);
    low + (place - below) * (high - low)
}

/// σ of each value.
fn sigmoid(level: Level, values: &mut [f32]) {
    dispatch!(level, simd => sigmoid_with(simd, values));
}

#[inline(always)]
fn sigmoid_with<S: Simd>(simd: S, values: &mut [f32]) {
    simd.vectorize(
        #[inline(always)]
        || {
            for values in values.chunks_mut(LANES) {
                let mut tile = [0.0; LANES];
                tile[..values.len()].copy_from_slice(values);
                let x: F32<S> = load(simd, &tile, 0);
                store(logistic(simd, [x]).p[0], &mut tile, 0);
                values.copy_from_slice(&tile[..values.len()]);
            }
        },
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAM: Score =
        Score { class: 0.3, overlap: 0.7, top: 2.0, quantile: true, threshold: 0.4, at_least_one: false };

    fn chosen(score: &Score, scores: &[&[f64]]) -> Vec<(usize, usize)> {
        let mut buffers = ScoreBuffers { scores: scores.concat(), ..ScoreBuffers::default() };
        buffers.choose(score, scores[0].len(), |_| true);
        buffers.chosen
    }

    #[test]
    fn a_query_may_have_two_targets_and_equal_scores_at_the_limit_have_none() {
        let scores: [&[f64]; 2] = [&[0.9, 0.8, 0.1, 0.5], &[0.7, 0.2, 0.6, 0.41]];
        assert_eq!(chosen(&SAM, &scores), [(0, 0), (0, 1), (1, 0), (2, 1)]);
        assert_eq!(chosen(&SAM, &[&[0.8; 4]]), []);
        // of three equal ones the limit is one: none is above
        assert_eq!(chosen(&SAM, &[&[0.8, 0.8, 0.1, 0.8]]), []);
        assert_eq!(chosen(&Score { at_least_one: true, ..SAM }, &[&[0.8; 4]]), [(0, 0)]);
    }

    #[test]
    fn the_threshold_is_exclusive_with_the_quantile_and_inclusive_without() {
        let scores: [&[f64]; 1] = [&[0.4, 0.1, 0.5, 0.2]];
        assert_eq!(chosen(&SAM, &scores), [(2, 0)]);
        assert_eq!(chosen(&Score { quantile: false, ..SAM }, &scores), [(0, 0), (2, 0)]);
    }

    #[test]
    fn without_the_quantile_queries_take_their_best_target_of_which_each_has_its_k_best() {
        let score = Score { quantile: false, top: 1.0, at_least_one: true, ..SAM };
        // the second target's best query suits the first better: it has both
        let scores: [&[f64]; 2] = [&[0.9, 0.6, 0.5, 0.1], &[0.3, 0.2, 0.1, 0.05]];
        assert_eq!(chosen(&score, &scores), [(0, 0), (0, 1)]);
        assert_eq!(chosen(&Score { at_least_one: false, ..score }, &scores), [(0, 0)]);
        let all = Score { top: f64::INFINITY, at_least_one: false, ..score };
        assert_eq!(chosen(&all, &scores), [(0, 0), (1, 0), (2, 0)]);
    }

    #[test]
    fn the_quantile_lies_between_scores_linearly() {
        let mut memory = Vec::new();
        let mut of = |top| quantile(&[0.4, 0.1, 0.2, 0.8, 0.3], top, &mut memory);
        // (5 - 1)(1 - 2/5) = 2.4
        assert!((of(2.0) - 0.34).abs() < 1e-15);
        assert_eq!((of(5.0), of(6.0)), (0.1, f64::NEG_INFINITY));
    }
}
