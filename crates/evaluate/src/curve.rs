//! Precision where recall first reaches each recall threshold, of one class in one range of areas, while detections come in
//! the order of their scores.
//!
//! With r right ones among n that count, precision is r / (n + ε), where ε is 2^-52, and recall r / targets. Precision is made
//! falling: it is the largest from there on. Between two right ones it only falls, so that the places of right ones, and the
//! first of all, are enough.

/// Distance of 1 and the next number, as the reference adds it to the divisor.
const SPACING: f64 = f64::EPSILON;

/// For each recall threshold, how many right ones first reach it: the smallest n with n / `targets` >= threshold, 0 where any place does.
/// `targets`: at least 1.
pub(crate) fn places(thresholds: &[f64], targets: u32, places: &mut Vec<u32>) {
    let recall = |right: u32| f64::from(right) / f64::from(targets);
    places.clear();
    places.extend(thresholds.iter().map(|&threshold| {
        if threshold <= 0.0 {
            return 0;
        }
        let mut right = ((threshold * f64::from(targets)) as u32).clamp(1, targets);
        while right > 1 && recall(right - 1) >= threshold {
            right -= 1;
        }
        while recall(right) < threshold {
            right += 1;
        }
        right
    }));
}

/// How far the detections have come at one threshold of IoU.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Progress {
    /// Right ones.
    right: u32,
    /// Those that do not count at this threshold.
    pub ignored: u32,
    /// Recall thresholds that are reached.
    reached: u32,
}

/// The samples of one threshold of IoU.
pub(crate) struct Samples<'a> {
    /// `[recall thresholds]`.
    pub precision: &'a mut [f64],
    /// `[recall thresholds]`: the scores of the places.
    pub scores: &'a mut [f64],
}

impl Progress {
    /// Begins with the first detection of all, if there is one, whose place is the one that a threshold of 0 has.
    pub fn start(places: &[u32], first_score: Option<f64>, samples: &mut Samples<'_>) -> Self {
        samples.precision.fill(0.0);
        samples.scores.fill(0.0);
        let reached = places.iter().take_while(|&&place| place == 0).count();
        if let Some(score) = first_score {
            samples.scores[..reached].fill(score);
        }
        Self { reached: reached as u32, ..Self::default() }
    }

    /// Takes a right one. `counted`: detections so far that count, this one among them.
    pub fn add(&mut self, counted: u32, score: f64, places: &[u32], samples: &mut Samples<'_>) {
        self.right += 1;
        let mut reached = self.reached as usize;
        while reached < places.len() && places[reached] <= self.right {
            samples.scores[reached] = score;
            reached += 1;
        }
        self.reached = reached as u32;
        if reached > 0 {
            let precision = f64::from(self.right) / (f64::from(counted) + SPACING);
            let last = &mut samples.precision[reached - 1];
            if precision > *last {
                *last = precision;
            }
        }
    }
}

/// Makes precision falling.
pub(crate) fn finish(precision: &mut [f64]) {
    let mut largest = 0.0;
    for value in precision.iter_mut().rev() {
        if *value > largest {
            largest = *value;
        }
        *value = largest;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_those_of_a_search_in_all_recalls() {
        let thresholds: Vec<_> = (0..=100).map(|k| if k == 100 { 1.0 } else { 0.01 * f64::from(k) }).collect();
        for targets in (1..400u32).step_by(if cfg!(miri) { 57 } else { 1 }) {
            let mut found = Vec::new();
            places(&thresholds, targets, &mut found);
            for (&threshold, place) in thresholds.iter().zip(found) {
                let first = (1..=targets).find(|&right| f64::from(right) / f64::from(targets) >= threshold).unwrap();
                assert_eq!(place, if threshold == 0.0 { 0 } else { first }, "{threshold} of {targets}");
            }
        }
    }
}
