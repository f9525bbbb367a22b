//! The cost kernel: L1 of sixteen queries' points and one target's at a time, in `f32`.

use simd::{F32, LANES, Level, Simd, dispatch, i32x16, load, padded, prelude::*, store};

use super::values::Weighing;
use crate::terms::limits::LIMIT;

/// Splits `points`, `[queries, width]`, into columns, sixteen queries after sixteen, `[groups, width, 16]`. Returns whether
/// every coordinate is finite and within the limit; if not, the caller looks closer.
pub(super) fn lay_out(level: Level, points: &[f32], width: usize, columns: &mut Vec<f32>) -> bool {
    let width = width.max(1);
    let queries = points.len() / width;
    columns.resize(width * padded(queries), 0.0);
    dispatch!(level, simd => {
        for (rows, group) in points.chunks(width * LANES).zip(columns.chunks_exact_mut(width * LANES)) {
            transpose(rows, width, group);
        }
        is_sound(simd, points)
    })
}

/// Up to sixteen rows to columns; idle lanes are 0.
#[inline(always)]
fn transpose(rows: &[f32], width: usize, columns: &mut [f32]) {
    if rows.len() < columns.len() {
        columns.fill(0.0);
    }
    for (lane, row) in rows.chunks_exact(width).enumerate() {
        for (column, &value) in columns.chunks_exact_mut(LANES).zip(row) {
            column[lane] = value;
        }
    }
}

/// Whether all values are finite and within the limit.
#[inline(always)]
fn is_sound<S: Simd>(simd: S, values: &[f32]) -> bool {
    // the bits of a magnitude order as integers do, NaN above infinity above every number
    let mut largest = i32x16::splat(simd, 0);
    let steps = values.chunks_exact(LANES);
    let rest = steps.remainder();
    for step in steps {
        largest = largest.max(load(simd, step, 0).bitcast::<i32x16<S>>() & 0x7fff_ffff);
    }
    largest.simd_le(LIMIT.to_bits() as i32).all_true() && rest.iter().all(|value| value.abs() <= LIMIT)
}

/// Adds the weighted cost to a block, `[targets, padded queries]`. `columns`: see [`lay_out`]. `targets`: `[targets, width]`.
pub(super) fn add(
    level: Level,
    weighing: &Weighing<'_>,
    weight: f64,
    columns: &[f32],
    targets: &[f32],
    block: &mut [f32],
) {
    if weight == 0.0 || targets.is_empty() {
        return;
    }
    dispatch!(level, simd => match (weighing.dimensions, weighing.weights) {
        (3, None) => add_with::<_, 3, false>(simd, weighing, weight as f32, columns, targets, block),
        (3, Some(_)) => add_with::<_, 3, true>(simd, weighing, weight as f32, columns, targets, block),
        (_, None) => add_with::<_, 2, false>(simd, weighing, weight as f32, columns, targets, block),
        (_, Some(_)) => add_with::<_, 2, true>(simd, weighing, weight as f32, columns, targets, block),
    });
}

/// `D`: coordinates of a point. `W`: whether they have weights.
#[inline(always)]
fn add_with<S: Simd, const D: usize, const W: bool>(
    simd: S,
    weighing: &Weighing<'_>,
    weight: f32,
    columns: &[f32],
    targets: &[f32],
    block: &mut [f32],
) {
    let width = weighing.width;
    let stride = columns.len() / width;
    // sixteen queries stay near, whatever the number of targets
    for (group, columns) in columns.chunks_exact(width * LANES).enumerate() {
        for (target, row) in targets.chunks_exact(width).enumerate() {
            let l1 = l1::<S, D, W>(simd, weighing, columns, (target, row));
            let at = target * stride + group * LANES;
            // many points far apart, with the largest weights, would be infinite, which means that they may not be paired
            let cost = (l1 * weight).min(f32::MAX);
            store(load(simd, block, at) + cost, block, at);
        }
    }
}

/// Of sixteen queries and one target, whose coordinates are `row`.
#[inline(always)]
fn l1<S: Simd, const D: usize, const W: bool>(
    simd: S,
    weighing: &Weighing<'_>,
    columns: &[f32],
    (target, row): (usize, &[f32]),
) -> F32<S> {
    let visible = weighing.visible(target);
    let weights = weighing.cost_weights;
    let is_shared = weights.len() < weighing.width;
    let mut sums = [F32::splat(simd, 0.0); D];
    let points = columns.chunks_exact(D * LANES).zip(row.chunks_exact(D));
    for (point, (columns, target)) in points.enumerate() {
        if visible.is_some_and(|visible| visible[point] == 0.0) {
            continue;
        }
        for d in 0..D {
            let distance = (load(simd, columns, d * LANES) - target[d]).abs();
            sums[d] += if W { distance * weights[if is_shared { point } else { point * D + d }] } else { distance };
        }
    }
    let mut sum = sums[0];
    for d in 1..D {
        sum += sums[d];
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_support::{Random, assert_close, bits, extent};

    fn block(level: Level, weighing: &Weighing<'_>, weight: f64, points: &[f32], targets: &[f32]) -> Vec<f32> {
        let (queries, count) = (points.len() / weighing.width, targets.len() / weighing.width);
        // what an image before has left is no part of the cost
        let mut columns = vec![f32::NAN; 2000];
        assert!(lay_out(level, points, weighing.width, &mut columns));
        let mut block = vec![0.25; count * padded(queries)];
        block.chunks_exact_mut(padded(queries).max(1)).for_each(|row| row[queries..].fill(f32::INFINITY));
        add(level, weighing, weight, &columns, targets, &mut block);
        block
    }

    fn narrow(weights: Option<&[f64]>) -> Vec<f32> {
        weights.iter().copied().flatten().map(|&weight| weight as f32).collect()
    }

    #[test]
    fn costs_of_every_length_follow_the_definition_with_the_same_bits_at_every_level() {
        let mut random = Random::new(3);
        for (dimensions, points) in [(2, 1), (2, 5), (2, 17), (3, 1), (3, 7)] {
            let width = dimensions * points;
            let per_coordinate: Vec<f64> = (0..width).map(|k| k as f64 * 0.25).collect();
            for queries in [0, 1, 15, 16, 17, 33, 48].into_iter().step_by(extent(1, 4)) {
                for count in [0, 1, 3] {
                    let mut row = |count: usize| (0..count * width).map(|_| random.unit()).collect::<Vec<f32>>();
                    let (predicted, targets) = (row(queries), row(count));
                    let visibility: Vec<f32> = (0..count * points).map(|k| (k % 3) as f32).collect();
                    for weights in [None, Some(&per_coordinate[..points]), Some(&per_coordinate[..])] {
                        for visibility in [&[][..], &visibility] {
                            let cost_weights = &narrow(weights)[..];
                            let weighing = Weighing { dimensions, width, weights, cost_weights, visibility };
                            check(&weighing, &predicted, &targets);
                        }
                    }
                }
            }
        }
    }

    fn check(weighing: &Weighing<'_>, predicted: &[f32], targets: &[f32]) {
        let Weighing { dimensions, width, weights, visibility, .. } = *weighing;
        let mut blocks = Level::available().into_iter().map(|level| block(level, weighing, 3.0, predicted, targets));
        let first = blocks.next().expect("a level");
        for other in blocks {
            assert_eq!(bits(&first), bits(&other), "{weighing:?}");
        }
        let stride = padded(predicted.len() / width);
        for (target, t) in targets.chunks_exact(width).enumerate() {
            for (query, p) in predicted.chunks_exact(width).enumerate() {
                let term = |k: usize| {
                    let weight = match weights {
                        None => 1.0,
                        Some(weights) if weights.len() == width => weights[k],
                        Some(weights) => weights[k / dimensions],
                    };
                    let place = target * width / dimensions + k / dimensions;
                    let is_visible = visibility.get(place).is_none_or(|&v| v > 0.0);
                    if is_visible { weight * (f64::from(p[k]) - f64::from(t[k])).abs() } else { 0.0 }
                };
                let expected = 0.25 + 3.0 * (0..width).map(term).sum::<f64>();
                assert_close(f64::from(first[target * stride + query]), expected, 2e-6);
            }
            let idle = &first[target * stride + predicted.len() / width..][..stride - predicted.len() / width];
            assert!(idle.iter().all(|&cost| cost == f32::INFINITY), "idle lanes are never the cheapest");
        }
    }

    #[test]
    fn lay_out_tells_whether_a_coordinate_must_be_looked_at() {
        let is_sound = |at: usize, value: f32| {
            let mut points = [0.5; 42];
            points[at] = value;
            let found = Level::available().into_iter().map(|level| lay_out(level, &points, 6, &mut Vec::new()));
            let found: Vec<_> = found.collect();
            assert!(found.iter().all(|&sound| sound == found[0]));
            found[0]
        };
        for at in [0, 31, 32, 41] {
            for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 1.1e9, -2e9] {
                assert!(!is_sound(at, bad), "{bad} at {at}");
            }
            assert!(is_sound(at, 1e9) && is_sound(at, -1e9));
        }
    }

    #[test]
    fn costs_are_finite_whatever_the_weights() {
        let points = extent(200_000, 20);
        let (weights, width) = (vec![2e17 / points as f64; points], 2 * points);
        let cost_weights = &narrow(Some(&weights));
        let weighing = Weighing { dimensions: 2, width, weights: Some(&weights), cost_weights, visibility: &[] };
        let costs = block(Level::detect(), &weighing, 1e12, &vec![1e9; width], &vec![-1e9; width]);
        assert_eq!(costs[0], f32::MAX);
    }
}
