//! Which pairs are chosen, by the scores of a group of queries; see [`score`](super::score).

use lsap::memory::held;

use super::score::Score;

/// Memory of the stage. Holds nothing between images but its capacity.
#[derive(Debug, Default)]
pub(crate) struct ScoreBuffers {
    /// `[targets, queries]` of a group.
    pub scores: Vec<f64>,
    /// `[queries]`: of a label.
    pub probabilities: Vec<f32>,
    pub list: Vec<(usize, usize)>,
    pub quality: Vec<f64>,
    sorted: Vec<f64>,
    order: Vec<usize>,
    pub chosen: Vec<(usize, usize)>,
}

impl ScoreBuffers {
    /// Bytes that grow with an image.
    pub fn held(&self) -> usize {
        held(&self.scores) + held(&self.list) + held(&self.quality) + held(&self.chosen)
    }

    /// The pairs of a group by its scores, by ascending query, then target. `each`: queries of the group. `is_sound`: whether one
    /// may be paired.
    pub fn choose(&mut self, score: &Score, each: usize, is_sound: impl Fn(usize) -> bool) {
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
