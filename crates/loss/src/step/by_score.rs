//! Layers whose pairs are chosen by score are matched before all others: the scores of each image, and what is chosen by them.
//! The formula and its sources: [`score`](super::score).

use lsap::memory::reserve;
use simd::math::logistic;
use simd::{F32, LANES, Level, Simd, dispatch, load, store};

use super::choice::ScoreBuffers;
use super::further::Further;
use super::image::Image;
use super::jobs::{JobOutputs, jobs};
use super::plan::Slot;
use super::pool::run;
use super::read;
use super::score::Score;
use super::scratch::Scratch;
use super::setup::Setup;
use super::step::Step;
use super::sums::NonFiniteCounts;
use crate::batch::BACKGROUND;
use crate::error::{Error, Result};
use crate::field::FieldRows;
use crate::terms::class::Purpose;
use crate::terms::pair::{Measure, Pairs};
use crate::terms::{FAMILIES, LOGITS};

/// Matches the layers whose pairs are chosen by score, before all others. `matches`: of every layer, then the places of further
/// pairs, which are written. Gives the former and those pairs.
///
/// # Errors
/// As [`match_layers`].
pub(crate) fn match_first<'a>(
    step: &Step<'_>,
    matches: &'a mut [i32],
    scratch: &mut Scratch,
) -> Result<(&'a mut [i32], Further)> {
    let (matches, places) = matches.split_at_mut(step.layout.reported_queries);
    let further = match_layers(step, matches, scratch)?;
    write(&further, step, places);
    Ok((matches, further))
}

/// Matches the layers whose pairs are chosen by score: writes the first target of each of their queries, and gives the further
/// pairs.
///
/// # Errors
/// A value that is refused; [`Error::Memory`]; [`Error::Interrupted`].
fn match_layers(step: &Step<'_>, matches: &mut [i32], scratch: &mut Scratch) -> Result<Further> {
    let (layout, images) = (step.layout, step.layout.images);
    if layout.slots.iter().all(|slot| slot.score.is_none()) {
        return Ok(Further::default());
    }
    let out = JobOutputs { gradients: &mut [], matches, quality: &mut [], first_pairs: &[] };
    let work = |slot: &Slot, image| layout.parts[slot.part].queries.len() * (1 + LANES * step.views.count(image));
    let mut score_jobs = jobs(layout, |slot| slot.score.is_some(), work, out);
    run(step.threads, &mut score_jobs, scratch, |job, scratch, _| {
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
            let pairs =
                Pairs { at: image.at, share: image.share, queries: *rows, targets: kept.rows, list, numbers: &[] };
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

/// Writes the further pairs where they are reported; see [`Plan::further_pairs`](crate::Plan::further_pairs).
fn write(further: &Further, step: &Step<'_>, out: &mut [i32]) {
    out.fill(BACKGROUND);
    let mut rest = out;
    for slot in &step.layout.slots {
        for image in 0..step.layout.images {
            let length = 2 * slot.most_further * step.inputs.targets.range(image).len();
            let own;
            (own, rest) = std::mem::take(&mut rest).split_at_mut(length);
            for (place, &(query, target)) in own.chunks_exact_mut(2).zip(further.of(slot, image)) {
                place.copy_from_slice(&[query as i32, target as i32]);
            }
        }
    }
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
