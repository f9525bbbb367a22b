//! L1 of matched points with its gradient, in `f64`, eight coordinates of a pair at a time.

use simd::{F64, Level, Simd, dispatch, load_half, prelude::*};

use super::values::Weighing;
use crate::terms::lanes::{GROUP, L1, in_range, lanes};

/// The matched points of one image.
#[derive(Clone, Copy)]
pub(super) struct Points<'a> {
    /// `[queries, width]`.
    pub predicted: &'a [f32],
    /// `[targets, width]`.
    pub targets: &'a [f32],
    /// Query and target.
    pub pairs: &'a [(usize, usize)],
}

/// Sums the term over the matched pairs of one image, and writes the gradient of each matched query's points.
///
/// `scale`: what the term is multiplied by in the gradient, `[queries, width]`. `factors`: what each pair is multiplied by;
/// empty where all are 1.
pub(super) fn matched(
    level: Level,
    weighing: &Weighing<'_>,
    points: Points<'_>,
    scale: f64,
    factors: &[f64],
    gradient: Option<&mut [f32]>,
) -> f64 {
    dispatch!(level, simd => match weighing.dimensions {
        3 => matched_with::<_, 3>(simd, weighing, points, scale, factors, gradient),
        _ => matched_with::<_, 2>(simd, weighing, points, scale, factors, gradient),
    })
}

/// `D`: coordinates of a point.
#[inline(always)]
fn matched_with<S: Simd, const D: usize>(
    simd: S,
    weighing: &Weighing<'_>,
    Points { predicted, targets, pairs }: Points<'_>,
    scale: f64,
    factors: &[f64],
    mut gradient: Option<&mut [f32]>,
) -> f64 {
    let width = weighing.width;
    let is_even = weighing.weights.is_none() && weighing.visibility.is_empty();
    let (zero, one) = (F64::splat(simd, 0.0), F64::splat(simd, 1.0));
    let mut sum = zero;
    for (k, &(query, target)) in pairs.iter().enumerate() {
        let factor = factors.get(k).copied();
        let (p, t) = (&predicted[query * width..][..width], &targets[target * width..][..width]);
        for start in (0..width).step_by(GROUP) {
            let count = GROUP.min(width - start);
            let mut weight = if is_even { one } else { weights::<S, D>(simd, weighing, target, start, count) };
            if let Some(factor) = factor {
                weight *= factor;
            }
            let l1 = L1::new(simd, &[eight(simd, p, start, count)], &[eight(simd, t, start, count)]);
            sum += l1.value * weight;
            if let Some(gradient) = &mut gradient {
                // 0 is added so that none is -0
                let slopes = lanes(in_range(simd, l1.gradient[0] * (weight * scale) + zero));
                let places = &mut gradient[query * width + start..][..count];
                for (place, slope) in places.iter_mut().zip(slopes) {
                    *place = slope as f32;
                }
            }
        }
    }
    sum.reduce_sum()
}

/// Eight coordinates of a row, `count` of which there are; 0 for the others.
#[inline(always)]
fn eight<S: Simd>(simd: S, row: &[f32], start: usize, count: usize) -> F64<S> {
    if count == GROUP {
        return load_half(simd, row, start);
    }
    let mut rest = [0.0; GROUP];
    rest[..count].copy_from_slice(&row[start..]);
    load_half(simd, &rest, 0)
}

/// How much `count` coordinates of a target count.
#[inline(always)]
fn weights<S: Simd, const D: usize>(
    simd: S,
    weighing: &Weighing<'_>,
    target: usize,
    start: usize,
    count: usize,
) -> F64<S> {
    let mut weights = [0.0; GROUP];
    match weighing.weights {
        None => weights[..count].fill(1.0),
        Some(all) if all.len() == weighing.width => weights[..count].copy_from_slice(&all[start..][..count]),
        Some(all) => {
            for k in 0..count {
                weights[k] = all[(start + k) / D];
            }
        }
    }
    if let Some(visible) = weighing.visible(target) {
        for k in 0..count {
            if visible[(start + k) / D] == 0.0 {
                weights[k] = 0.0;
            }
        }
    }
    F64::from_slice(simd, &weights)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_support::{Random, assert_close, bits, extent};

    #[test]
    fn matched_points_of_every_number_follow_the_definition_with_the_same_bits_at_every_level() {
        let mut random = Random::new(5);
        for dimensions in [2, 3] {
            for points in (1..=19).step_by(extent(1, 6)) {
                let width = dimensions * points;
                let mut row = |count: usize| (0..count * width).map(|_| random.unit()).collect::<Vec<f32>>();
                let (predicted, targets) = (row(3), row(2));
                let per_coordinate: Vec<f64> = (0..width).map(|k| k as f64 * 0.25).collect();
                let visibility: Vec<f32> = (0..2 * points).map(|k| (k % 3) as f32).collect();
                for weights in [None, Some(&per_coordinate[..points]), Some(&per_coordinate[..])] {
                    for visibility in [&[][..], &visibility] {
                        let weighing = Weighing { dimensions, width, weights, cost_weights: &[], visibility };
                        check(&weighing, &predicted, &targets);
                    }
                }
            }
        }
    }

    /// Pairs of three queries and two targets.
    fn check(weighing: &Weighing<'_>, predicted: &[f32], targets: &[f32]) {
        let pairs = &[(0, 1), (2, 0)];
        let points = Points { predicted, targets, pairs };
        let all = Level::available().into_iter().map(|level| {
            let mut gradient = vec![0.0; predicted.len()];
            let sum = matched(level, weighing, points, 0.5, &[], Some(&mut gradient));
            assert_eq!(matched(level, weighing, points, 0.5, &[], None).to_bits(), sum.to_bits());
            (sum, gradient)
        });
        let all: Vec<_> = all.collect();
        let (sum, gradient) = &all[0];
        for (other, others) in &all {
            assert_eq!((other.to_bits(), bits(others)), (sum.to_bits(), bits(gradient)), "{weighing:?}");
        }
        let Weighing { dimensions, width, weights, visibility, .. } = *weighing;
        let (mut expected, mut slopes) = (0.0, vec![0.0; predicted.len()]);
        for (query, target) in pairs {
            for k in 0..width {
                let weight = match weights {
                    None => 1.0,
                    Some(weights) if weights.len() == width => weights[k],
                    Some(weights) => weights[k / dimensions],
                };
                let is_visible = visibility.get(target * width / dimensions + k / dimensions).is_none_or(|&v| v > 0.0);
                let weight = if is_visible { weight } else { 0.0 };
                let difference = f64::from(predicted[query * width + k]) - f64::from(targets[target * width + k]);
                expected += weight * difference.abs();
                slopes[query * width + k] = (0.5 * weight * difference.signum()) as f32 + 0.0;
            }
        }
        assert_close(*sum, expected, 1e-12);
        assert_eq!(bits(gradient), bits(&slopes), "{weighing:?}");
    }

    #[test]
    fn equal_points_have_no_gradient_and_large_ones_stay_in_the_range_of_f32() {
        let weights = [1e12];
        let weighing =
            Weighing { dimensions: 2, width: 2, weights: Some(&weights), cost_weights: &[], visibility: &[] };
        let points = Points { predicted: &[0.5, -1e9], targets: &[0.5, 1e9], pairs: &[(0, 0)] };
        let mut gradient = [7.0; 2];
        let sum = matched(Level::detect(), &weighing, points, 1e36, &[], Some(&mut gradient));
        assert_eq!((sum, gradient), (2e21, [0.0, -f32::MAX]));
    }
}
