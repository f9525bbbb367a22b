//! One class: its detections in the order of their scores, each with the target that it takes, and the curves that come of it.

use simd::Level;

use crate::buckets::{Buckets, Entry};
use crate::curve::{self, Progress, Samples};
use crate::error::{Error, Result};
use crate::inputs::Inputs;
use crate::matching::{self, BITS, Kind, first_bits};
use crate::overlap::{self, Corners};
use crate::scratch::{ClassSizes, ImageState, Scratch};
use crate::settings::Settings;

/// 1 as a threshold: rounding must not take a perfect match away.
const PERFECT: f64 = 1.0 - 1e-10;

/// So many detections are taken between two looks at whether the call is to end.
const BETWEEN_LOOKS: usize = 1024;

/// What all classes share.
pub(crate) struct Context<'a> {
    pub level: Level,
    pub settings: Settings<'a>,
    pub inputs: &'a Inputs<'a>,
    pub detections: &'a Buckets,
    pub targets: &'a Buckets,
}

/// A class, and where its results go.
pub(crate) struct ClassJob<'a> {
    pub class: usize,
    /// `[areas, IoU thresholds, recall thresholds]`.
    pub precision: &'a mut [f64],
    /// Likewise.
    pub scores: &'a mut [f64],
    /// `[areas, IoU thresholds, maxima]`.
    pub recall: &'a mut [f64],
    /// `[areas]`: targets that count.
    pub targets: &'a mut [i32],
    pub fault: Option<Error>,
}

impl ClassJob<'_> {
    /// Evaluates the class. What has no targets that count stays -1.
    ///
    /// # Errors
    /// [`Error::Memory`], [`Error::Interrupted`].
    pub fn run(&mut self, context: &Context<'_>, scratch: &mut Scratch) -> Result<()> {
        let Settings { iou_thresholds, recall_thresholds, areas, max_detections, .. } = context.settings;
        self.precision.fill(-1.0);
        self.scores.fill(-1.0);
        self.recall.fill(-1.0);
        let targets = context.targets.class(self.class);
        let detections = context.detections.class(self.class);
        scratch.prepare(&ClassSizes {
            detections: detections.len(),
            targets: targets.len(),
            images: context.inputs.order.len(),
            areas: areas.len(),
            thresholds: iou_thresholds.len(),
            maxima: max_detections.len(),
        })?;
        read_targets(context, targets, scratch);
        for (area, count) in self.targets.iter_mut().enumerate() {
            *count = scratch.ignored.iter().filter(|&&ignored| ignored >> area & 1 == 0).count() as i32;
        }
        if self.targets.iter().all(|&count| count == 0) {
            return Ok(());
        }
        lay_out_images(targets, scratch);
        sort_detections(context, detections, scratch);
        scratch.places.clear();
        for &count in &*self.targets {
            curve::places(recall_thresholds, count.max(1) as u32, &mut scratch.area_places);
            scratch.places.extend_from_slice(&scratch.area_places);
        }
        let mut ended = Ok(());
        for first in (0..iou_thresholds.len()).step_by(BITS) {
            detections.iter().for_each(|entry| scratch.images[entry.image as usize].rank = 0);
            ended = self.match_all(context, first, detections, scratch);
            if ended.is_err() {
                break;
            }
        }
        for entry in targets.iter().chain(detections) {
            scratch.images[entry.image as usize] = ImageState::default();
        }
        ended?;
        self.finish(context, scratch);
        Ok(())
    }

    /// Goes through the detections for up to [`BITS`] thresholds from `first` on.
    fn match_all(
        &mut self,
        context: &Context<'_>,
        first: usize,
        detections: &[Entry],
        scratch: &mut Scratch,
    ) -> Result<()> {
        let Settings { iou_thresholds, recall_thresholds, areas, max_detections, .. } = context.settings;
        let (all_thresholds, samples) = (iou_thresholds.len(), recall_thresholds.len());
        let thresholds = &iou_thresholds[first..all_thresholds.min(first + BITS)];
        let caps: [f64; BITS] = std::array::from_fn(|k| thresholds.get(k).map_or(f64::INFINITY, |t| t.min(PERFECT)));
        let caps = &caps[..thresholds.len()];
        let all = first_bits(thresholds.len());
        let count = scratch.ignored.len();
        scratch.taken.clear();
        scratch.taken.resize(areas.len() * count, 0);
        scratch.uncounted.clear();
        scratch.uncounted.resize(areas.len(), 0);
        let score_of = |number: u32| context.inputs.detections.scores[detections[number as usize].index as usize];
        let first_score = scratch.sorted.first().map(|&(_, number)| score_of(number));
        scratch.progress.clear();
        for area in 0..areas.len() {
            let places = &scratch.places[area * samples..][..samples];
            for threshold in first..first + thresholds.len() {
                let is_evaluated = self.targets[area] > 0;
                let mut own = self.samples(area * all_thresholds + threshold, samples);
                scratch.progress.push(if is_evaluated {
                    Progress::start(places, first_score, &mut own)
                } else {
                    Progress::default()
                });
            }
        }
        let most = context.settings.most_detections();
        let mut seen = 0;
        for at in 0..scratch.sorted.len() {
            if at % BETWEEN_LOOKS == 0 && scratch.is_stopped() {
                return Err(Error::Interrupted);
            }
            let (_, number) = scratch.sorted[at];
            let entry = detections[number as usize];
            let image = &mut scratch.images[entry.image as usize];
            let ImageState { from, to, rank } = *image;
            if rank as usize >= most {
                continue;
            }
            image.rank += 1;
            seen += 1;
            let detection = Corners::new(&context.inputs.detections.boxes[4 * entry.index as usize..][..4]);
            let range = [from as usize, to as usize];
            let Scratch { columns, ious, candidates, reached, .. } = scratch;
            overlap::candidates(context.level, detection, columns, range, caps[0], ious, candidates);
            matching::sort(candidates, caps, reached);
            for (area, &[low, high]) in areas.iter().enumerate() {
                if self.targets[area] == 0 {
                    continue;
                }
                let is_outside = detection.area < low || detection.area > high;
                if scratch.reached.is_empty() {
                    scratch.uncounted[area] += u32::from(is_outside);
                    continue;
                }
                let Scratch { columns, ignored, taken, reached, .. } = scratch;
                let kind = |target: u32| Kind {
                    is_ignored: ignored[target as usize] >> area & 1 == 1,
                    is_crowd: columns.is_crowd(target as usize),
                };
                let verdict = matching::take(reached, all, kind, &mut taken[area * count..][..count]);
                let uncounted = verdict.ignored | if is_outside { verdict.left } else { 0 };
                let Scratch { uncounted: in_area, progress, places, found, .. } = scratch;
                let progress = &mut progress[area * thresholds.len()..][..thresholds.len()];
                if uncounted == all {
                    in_area[area] += 1;
                } else {
                    bits_of(uncounted).for_each(|threshold| progress[threshold].ignored += 1);
                }
                if verdict.right == 0 {
                    continue;
                }
                let (score, places) = (score_of(number), &places[area * samples..][..samples]);
                let maximum = max_detections.partition_point(|&most| most <= rank as usize);
                for threshold in bits_of(verdict.right) {
                    let row = area * all_thresholds + first + threshold;
                    found[row * max_detections.len() + maximum] += 1;
                    let counted = seen - in_area[area] - progress[threshold].ignored;
                    progress[threshold].add(counted, score, places, &mut self.samples(row, samples));
                }
            }
        }
        Ok(())
    }

    /// The samples of a range of areas and a threshold of IoU.
    fn samples(&mut self, row: usize, samples: usize) -> Samples<'_> {
        let places = row * samples..(row + 1) * samples;
        Samples { precision: &mut self.precision[places.clone()], scores: &mut self.scores[places] }
    }

    /// Makes precision falling, and recall of counts.
    fn finish(&mut self, context: &Context<'_>, scratch: &Scratch) {
        let Settings { iou_thresholds, recall_thresholds, max_detections, .. } = context.settings;
        let (thresholds, samples, maxima) = (iou_thresholds.len(), recall_thresholds.len(), max_detections.len());
        for (area, &count) in self.targets.iter().enumerate().filter(|&(_, &count)| count > 0) {
            for row in area * thresholds..(area + 1) * thresholds {
                curve::finish(&mut self.precision[row * samples..][..samples]);
                let mut right = 0;
                for place in row * maxima..(row + 1) * maxima {
                    right += scratch.found[place];
                    self.recall[place] = f64::from(right) / f64::from(count);
                }
            }
        }
    }
}

/// Reads the boxes of a class' targets, and in which ranges of areas each is ignored.
fn read_targets(context: &Context<'_>, targets: &[Entry], scratch: &mut Scratch) {
    let given = &context.inputs.targets;
    let Scratch { columns, ignored, .. } = scratch;
    for entry in targets {
        let index = entry.index as usize;
        let is_crowd = given.crowds[index] != 0;
        columns.push(&given.boxes[4 * index..][..4], is_crowd);
        let area = given.areas[index];
        let is_ignored = |&[low, high]: &[f64; 2]| is_crowd || area < low || area > high;
        let bits = context.settings.areas.iter().enumerate();
        ignored.push(bits.fold(0, |bits, (k, range)| bits | u64::from(is_ignored(range)) << k));
    }
    columns.pad();
}

/// Where the targets of each image lie among those of the class.
fn lay_out_images(targets: &[Entry], scratch: &mut Scratch) {
    let images = &mut scratch.images;
    for (number, entry) in targets.iter().enumerate() {
        let image = &mut images[entry.image as usize];
        if image.to == 0 {
            image.from = number as u32;
        }
        image.to = number as u32 + 1;
    }
}

/// Sorts the detections of a class: the best score first, of equal ones those of the earlier image, then the earlier.
fn sort_detections(context: &Context<'_>, detections: &[Entry], scratch: &mut Scratch) {
    let scores = context.inputs.detections.scores;
    let keys = detections.iter().map(|entry| descending(scores[entry.index as usize]));
    scratch.sorted.extend(keys.zip(0..));
    scratch.sorted.sort_unstable();
}

/// Integers in the order in which numbers fall.
fn descending(score: f64) -> u64 {
    let bits = (score + 0.0).to_bits(); // -0 is 0
    !(if bits >> 63 == 1 { !bits } else { bits | 1 << 63 })
}

/// The places of the bits that are set.
fn bits_of(mut bits: u64) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let place = bits.trailing_zeros() as usize;
        bits &= bits.wrapping_sub(1);
        (place < BITS).then_some(place)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_in_the_order_in_which_scores_fall() {
        let scores = [f64::MAX, 1.0, 0.5, f64::MIN_POSITIVE, 0.0, -0.5, -1.0, f64::MIN];
        assert!(scores.windows(2).all(|pair| descending(pair[0]) < descending(pair[1])));
        assert_eq!(descending(0.0), descending(-0.0));
    }

    #[test]
    fn bits_are_listed_from_the_lowest() {
        assert!(bits_of(0).next().is_none());
        assert!(bits_of(0b1010).eq([1, 3]));
        assert!(bits_of(u64::MAX).eq(0..64));
    }
}
