//! How well points agree: object keypoint similarity, which passes no gradient.
//!
//! OKS = Σ_k [v_k > 0] exp(-d_k² / (2 (2σ_k)² A)) / Σ_k [v_k > 0], with the distance d of a point, its σ, and the area A of the target
//! (Lin et al. 2014, "Microsoft COCO"; cocodataset/cocoapi, `cocoeval.py`, `computeOks`; as quality of the class term in DETRPose,
//! Janampa & Pattichis 2025). A target without any known point agrees as well as can be.

use simd::LANES;
use simd::math::exp_of;

use super::pairs::Points;
use super::values::Weighing;

/// Those of COCO's 17 points of a person.
const COCO: [f64; 17] = [
    0.026, 0.025, 0.025, 0.035, 0.035, 0.079, 0.079, 0.072, 0.072, 0.062, 0.062, 0.107, 0.107, 0.087, 0.087, 0.089,
    0.089,
];

/// An exponent counts as at most that, so that no logarithm of a similarity is infinite, not even in single precision.
const LARGEST: f64 = 80.0;

/// What a person covers of the box around it, as open-mmlab/mmpose takes it where data have no areas.
const SHARE_OF_BOX: f64 = 0.53;

/// What similarity is measured by.
#[derive(Clone, Copy, Debug)]
pub(super) struct Similarity<'a> {
    pub weighing: Weighing<'a>,
    /// One for each point; in absence COCO's where there are as many points, otherwise 1 / K (ultralytics/ultralytics, `loss.py`).
    pub sigmas: Option<&'a [f64]>,
    /// `[targets]`; empty where the points' own box stands for them.
    pub areas: &'a [f32],
}

impl Similarity<'_> {
    /// By what a point's squared distance is multiplied in the exponent, sign aside.
    fn factor(&self, point: usize, area: f64) -> f64 {
        let points = self.weighing.points();
        let sigma = match self.sigmas {
            Some(all) => all[point],
            None if points == COCO.len() => COCO[point],
            None => 1.0 / points as f64,
        };
        // COCO adds as much to the area; and a point that must be exactly there is, or is not
        1.0 / (8.0 * sigma * sigma * (area + f64::EPSILON)).max(f64::from(f32::MIN_POSITIVE))
    }

    /// The area of a target, whose coordinates are `row`.
    fn area(&self, target: usize, row: &[f32]) -> f64 {
        if let Some(&area) = self.areas.get(target) {
            return f64::from(area);
        }
        let points = row.chunks_exact(self.weighing.dimensions).enumerate();
        let known = points.filter(|&(point, _)| self.is_known(target, point)).map(|(_, point)| point);
        let mut ends = [[f64::INFINITY, f64::NEG_INFINITY]; 2];
        for point in known {
            for (end, &value) in ends.iter_mut().zip(point) {
                *end = [end[0].min(f64::from(value)), end[1].max(f64::from(value))];
            }
        }
        SHARE_OF_BOX * ends.map(|[low, high]| (high - low).max(0.0)).iter().product::<f64>()
    }

    /// Whether a point of a target is known.
    #[inline(always)]
    fn is_known(&self, target: usize, point: usize) -> bool {
        self.weighing.visible(target).is_none_or(|visible| visible[point] != 0.0)
    }

    /// How many points of a target are known.
    pub fn known(&self, target: usize) -> usize {
        (0..self.weighing.points()).filter(|&point| self.is_known(target, point)).count()
    }
}

/// How similar a point is at a squared distance.
#[inline(always)]
fn similar(squared: f64, factor: f64) -> f64 {
    exp_of(-(squared * factor).min(LARGEST))
}

/// The square of the difference of two coordinates.
#[inline(always)]
fn squared(p: f32, t: f32) -> f64 {
    let difference = f64::from(p) - f64::from(t);
    difference * difference
}

/// How well each pair agrees. `out`: `[pairs]`, written.
pub(super) fn of_pairs(similarity: &Similarity<'_>, points: Points<'_>, out: &mut [f64]) {
    let Weighing { dimensions, width, .. } = similarity.weighing;
    for (&(query, target), out) in points.pairs.iter().zip(out) {
        let (p, t) = (&points.predicted[width * query..][..width], &points.targets[width * target..][..width]);
        let area = similarity.area(target, t);
        let (mut sum, mut count) = (0.0, 0.0);
        let each = p.chunks_exact(dimensions).zip(t.chunks_exact(dimensions)).enumerate();
        for (point, (p, t)) in each.filter(|&(point, _)| similarity.is_known(target, point)) {
            let distance = p.iter().zip(t).fold(0.0, |sum, (&p, &t)| sum + squared(p, t));
            sum += similar(distance, similarity.factor(point, area));
            count += 1.0;
        }
        *out = if count > 0.0 { sum / count } else { 1.0 };
    }
}

/// How well every query agrees with one target, whose coordinates are `row`. `columns`: see [`super::cost::lay_out`]. `out`: `[padded
/// queries]`, written.
pub(super) fn of_row(similarity: &Similarity<'_>, columns: &[f32], (target, row): (usize, &[f32]), out: &mut [f32]) {
    let Weighing { dimensions, width, .. } = similarity.weighing;
    let (count, area) = (similarity.known(target), similarity.area(target, row));
    for (columns, out) in columns.chunks_exact(width * LANES).zip(out.chunks_exact_mut(LANES)) {
        let mut sums = [0.0; LANES];
        let points = columns.chunks_exact(dimensions * LANES).zip(row.chunks_exact(dimensions)).enumerate();
        for (point, (columns, t)) in points.filter(|&(point, _)| similarity.is_known(target, point)) {
            let factor = similarity.factor(point, area);
            for (lane, sum) in sums.iter_mut().enumerate() {
                let each = columns.chunks_exact(LANES).zip(t);
                let distance = each.fold(0.0, |sum, (column, &t)| sum + squared(column[lane], t));
                *sum += similar(distance, factor);
            }
        }
        for (out, sum) in out.iter_mut().zip(sums) {
            *out = if count > 0 { (sum / count as f64) as f32 } else { 1.0 };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::cost::lay_out;
    use super::*;
    use crate::test_support::{Random, assert_close, extent};
    use simd::Level;

    /// The definition.
    fn exact(similarity: &Similarity<'_>, p: &[f32], t: &[f32], target: usize) -> f64 {
        let Weighing { dimensions, visibility, .. } = similarity.weighing;
        let points = t.len() / dimensions;
        let known: Vec<_> =
            (0..points).filter(|k| visibility.get(target * points + k).is_none_or(|&v| v > 0.0)).collect();
        let of = |k: &usize| {
            let at = k * dimensions..(k + 1) * dimensions;
            let squared: f64 = at.map(|k| (f64::from(p[k]) - f64::from(t[k])).powi(2)).sum();
            let sigma =
                similarity.sigmas.map_or(if points == 17 { COCO[*k] } else { 1.0 / points as f64 }, |all| all[*k]);
            let side = |axis: usize| {
                let of_axis = || known.iter().map(|k| f64::from(t[k * dimensions + axis]));
                of_axis().fold(f64::MIN, f64::max) - of_axis().fold(f64::MAX, f64::min)
            };
            let area = similarity.areas.get(target).map_or_else(|| 0.53 * side(0) * side(1), |&area| f64::from(area));
            (-squared / (2.0 * (2.0 * sigma).powi(2) * (area + f64::EPSILON))).max(-LARGEST).exp()
        };
        if known.is_empty() { 1.0 } else { known.iter().map(of).sum::<f64>() / known.len() as f64 }
    }

    #[test]
    fn pairs_and_rows_of_every_number_of_points_follow_the_definition() {
        let mut random = Random::new(11);
        for (dimensions, points) in
            [(2, 1), (2, 5), (2, 16), (2, 17), (3, 4), (2, 33)].into_iter().step_by(extent(1, 3))
        {
            let width = dimensions * points;
            let mut row = |count: usize| (0..count * width).map(|_| random.unit()).collect::<Vec<f32>>();
            let targets = row(3);
            let near: Vec<f32> =
                row(19).iter().enumerate().map(|(k, x)| targets[k % (3 * width)] + 0.1 * (x - 0.5)).collect();
            let visibility: Vec<f32> = (0..3 * points).map(|k| if k < points { 0.0 } else { (k % 3) as f32 }).collect();
            let sigmas: Vec<f64> = (0..points).map(|k| 0.02 + 0.01 * k as f64).collect();
            for visibility in [&[][..], &visibility] {
                for (sigmas, areas) in [(None, &[][..]), (Some(&sigmas[..]), &[0.3, 0.02, 0.5])] {
                    let weighing = Weighing { dimensions, width, weights: None, cost_weights: &[], visibility };
                    check(&Similarity { weighing, sigmas, areas }, &near, &targets);
                }
            }
        }
    }

    fn check(similarity: &Similarity<'_>, predicted: &[f32], targets: &[f32]) {
        let width = similarity.weighing.width;
        let (queries, count) = (predicted.len() / width, targets.len() / width);
        let pairs: Vec<_> = (0..queries).flat_map(|query| (0..count).map(move |target| (query, target))).collect();
        let mut list = vec![f64::NAN; pairs.len()];
        of_pairs(similarity, Points { predicted, targets, pairs: &pairs }, &mut list);
        let mut columns = Vec::new();
        lay_out(Level::detect(), predicted, width, &mut columns);
        let mut rows = vec![f32::NAN; count * simd::padded(queries)];
        for (target, out) in rows.chunks_exact_mut(simd::padded(queries)).enumerate() {
            of_row(similarity, &columns, (target, &targets[width * target..][..width]), out);
        }
        for (&(query, target), &found) in pairs.iter().zip(&list) {
            let (p, t) = (&predicted[width * query..][..width], &targets[width * target..][..width]);
            let expected = exact(similarity, p, t, target);
            assert_close(found, expected, 1e-13);
            assert_close(f64::from(rows[simd::padded(queries) * target + query]), expected, 1e-7);
        }
        assert!(rows.iter().all(|value| (0.0..=1.0).contains(value)), "idle places too");
    }

    #[test]
    fn points_of_no_area_agree_where_they_are_equal_and_nowhere_else() {
        let weighing = Weighing { dimensions: 2, width: 2, weights: None, cost_weights: &[], visibility: &[] };
        for (sigmas, areas) in [(None, &[][..]), (Some(&[0.0][..]), &[0.5]), (Some(&[1e12]), &[0.0])] {
            let similarity = Similarity { weighing, sigmas, areas };
            let of = |p: &[f32]| {
                let mut out = [f64::NAN];
                let points = Points { predicted: p, targets: &[0.5, 0.5], pairs: &[(0, 0)] };
                of_pairs(&similarity, points, &mut out);
                out[0]
            };
            assert_close(of(&[0.5, 0.5]), 1.0, 0.0);
            let elsewhere = if sigmas == Some(&[1e12][..]) { 1.0 } else { 0.0 };
            assert!((of(&[0.75, 0.5]) - elsewhere).abs() < 1e-6);
            assert!((of(&[1e9, -1e9]) - elsewhere).abs() < 1.0 + 1e-6 && of(&[1e9, -1e9]).is_finite());
        }
    }
}
