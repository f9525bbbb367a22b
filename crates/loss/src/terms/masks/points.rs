//! Importance sampling: many points are drawn, of which those are kept where the prediction is least certain, and some more are
//! drawn besides. Kirillov et al. 2020, "PointRend", as in facebookresearch/detectron2, `get_uncertain_point_coords_with_randomness`.

use super::canvas::Size;

/// How many points a mask is compared at, and where they come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Counts {
    /// Drawn to choose from: ⌊points · oversample⌋.
    pub drawn: usize,
    /// Of these kept, those of the least |logit|: ⌊points · importance⌋.
    pub kept: usize,
    /// Taken as they are drawn, so that kept and fresh are all points.
    pub fresh: usize,
}

impl Counts {
    /// `oversample`: no less than 1. `importance`: the share of the points that is chosen, 0 to 1. Where that is none, there is
    /// nothing to choose from either.
    pub fn new(points: usize, oversample: f64, importance: f64) -> Self {
        let kept = ((points as f64 * importance) as usize).min(points);
        let drawn = ((points as f64 * oversample) as usize).max(kept);
        Self { drawn: if kept > 0 { drawn } else { 0 }, kept, fresh: points - kept }
    }

    /// All that are drawn for a mask.
    pub fn draws(&self) -> usize {
        self.drawn + self.fresh
    }

    /// Those that a mask is compared at.
    pub fn points(&self) -> usize {
        self.kept + self.fresh
    }
}

/// Chooses the `count` of least |logit|, of equal ones those that come first. `chosen`: their places, ascending. Takes time
/// that grows with the number of logits, whatever these are.
pub(super) fn least(logits: &[f32], count: usize, chosen: &mut Vec<u32>) {
    chosen.clear();
    if count >= logits.len() {
        chosen.extend(0..logits.len() as u32);
        return;
    }
    if count == 0 {
        return;
    }
    let (threshold, mut ties) = threshold(logits, count);
    chosen.reserve(count);
    for (place, &logit) in logits.iter().enumerate() {
        let key = key(logit);
        if key < threshold || (key == threshold && ties > 0) {
            ties -= usize::from(key == threshold);
            chosen.push(place as u32);
        }
    }
}

/// Orders magnitudes as their numbers are.
fn key(logit: f32) -> u32 {
    logit.to_bits() & 0x7fff_ffff
}

/// The greatest key among the `count` least, and how many of those have it. Finds its bits from the highest down.
fn threshold(logits: &[f32], count: usize) -> (u32, usize) {
    /// Shifts of the digits of a key, whose 31 bits are 11, 10 and 10.
    const DIGITS: [u32; 3] = [20, 10, 0];
    let (mut known, mut left) = (0, count);
    let mut above = 31;
    for shift in DIGITS {
        let mut counts = [0; 1 << 11];
        for &logit in logits {
            let key = key(logit);
            if key >> above == known >> above {
                counts[(key >> shift) as usize & ((1 << (above - shift)) - 1)] += 1;
            }
        }
        let mut digit = 0;
        while left > counts[digit] {
            left -= counts[digit];
            digit += 1;
        }
        known |= (digit as u32) << shift;
        above = shift;
    }
    (known, left)
}

/// Appends the chosen of some points, `[points, 2]`.
pub(super) fn take(points: &[f32], chosen: &[u32], out: &mut Vec<f32>) {
    out.extend(chosen.iter().flat_map(|&place| {
        let at = 2 * place as usize;
        [points[at], points[at + 1]]
    }));
}

/// Memory to put points in order.
#[derive(Debug, Default)]
pub(super) struct Order {
    places: Vec<u32>,
    by_columns: Vec<f32>,
    points: Vec<f32>,
}

impl Order {
    /// Puts points, `[points, 2]`, in the order of the pixels of a raster in which they lie, so that its memory is read from its
    /// start to its end; those of one pixel stay in theirs.
    pub fn by_pixel(&mut self, points: &[f32], size: Size) -> &[f32] {
        let Self { places, by_columns, points: out } = self;
        sort_by::<0>(points, size.width, places, by_columns);
        sort_by::<1>(by_columns, size.height, places, out);
        out
    }

    /// Its bytes.
    pub fn held(&self) -> usize {
        4 * (self.places.capacity() + self.by_columns.capacity() + self.points.capacity())
    }
}

/// Sorts by one coordinate, in steps of which there are so many; of equal ones, the first come first.
fn sort_by<const COORDINATE: usize>(points: &[f32], steps: usize, places: &mut Vec<u32>, out: &mut Vec<f32>) {
    let last = steps.saturating_sub(1);
    let step = |point: &[f32]| ((point[COORDINATE] * steps as f32) as usize).min(last);
    places.clear();
    places.resize(last + 2, 0);
    points.chunks_exact(2).for_each(|point| places[step(point) + 1] += 1);
    for step in 1..=last {
        places[step] += places[step - 1];
    }
    out.resize(points.len(), 0.0);
    for point in points.chunks_exact(2) {
        let place = &mut places[step(point)];
        out[2 * *place as usize..][..2].copy_from_slice(point);
        *place += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_support::{Random, extent};

    /// By sorting, which keeps the order of equal ones.
    fn exact(logits: &[f32], count: usize) -> Vec<u32> {
        let mut places: Vec<u32> = (0..logits.len() as u32).collect();
        places.sort_by(|&a, &b| logits[a as usize].abs().total_cmp(&logits[b as usize].abs()));
        places.truncate(count);
        places.sort_unstable();
        places
    }

    fn check(logits: &[f32], count: usize) {
        let mut chosen = vec![7; 3];
        least(logits, count, &mut chosen);
        assert_eq!(chosen, exact(logits, count), "{count} of {logits:?}");
    }

    #[test]
    fn the_least_certain_are_chosen_in_their_order() {
        let mut random = Random::new(51);
        for length in [0usize, 1, 2, 15, 16, 17, 33, 300] {
            for spread in [1e-30, 0.01, 1.0, 1e5] {
                let logits: Vec<f32> = (0..length).map(|_| spread * random.normal()).collect();
                for count in [0, 1, length / 2, length.saturating_sub(1), length, length + 3] {
                    check(&logits, count);
                }
            }
        }
    }

    #[test]
    fn of_equal_ones_the_first_are_chosen() {
        let mut random = Random::new(52);
        for _ in 0..extent(200, 10) {
            let values = [0.0, -0.0, 0.5, -0.5, 1.0, f32::MAX, f32::MIN, f32::from_bits(1)];
            let logits: Vec<f32> = (0..40).map(|_| values[random.below(8)]).collect();
            for count in [1, 7, 20, 39] {
                check(&logits, count);
            }
        }
    }

    #[test]
    fn neighbouring_numbers_are_told_apart() {
        let logits: Vec<f32> = (0..3000).map(|k| f32::from_bits(0x3f80_0000 + (k * 7919) % 3000)).collect();
        for count in [1, 1023, 1024, 1025, 2999].into_iter().step_by(extent(1, 2)) {
            check(&logits, count);
        }
    }

    #[test]
    fn counts_are_those_of_the_published_code() {
        let counts = Counts::new(12_544, 3.0, 0.75);
        assert_eq!(counts, Counts { drawn: 37_632, kept: 9408, fresh: 3136 });
        assert_eq!((counts.draws(), counts.points()), (40_768, 12_544));
        assert_eq!(Counts::new(5, 2.5, 0.75), Counts { drawn: 12, kept: 3, fresh: 2 });
        assert_eq!(Counts::new(5, 3.0, 0.0), Counts { drawn: 0, kept: 0, fresh: 5 });
        assert_eq!(Counts::new(5, 1.0, 1.0), Counts { drawn: 5, kept: 5, fresh: 0 });
        assert_eq!(Counts::new(0, 3.0, 0.75).draws(), 0);
    }

    #[test]
    fn points_go_by_pixels_and_those_of_one_stay_in_order() {
        let mut random = Random::new(53);
        let mut order = Order::default();
        for (count, height, width) in
            [(0, 0, 0), (3, 0, 5), (0, 4, 4), (1, 1, 1), (40, 1, 3), (500, 7, 9), (64, 300, 2)]
        {
            let mut points: Vec<f32> = (0..2 * count).map(|_| random.unit()).collect();
            points.iter_mut().step_by(7).for_each(|value| *value = [0.0, 1.0, -1.0, 2.0][random.below(4)]);
            let step = |value: f32, steps: usize| ((value * steps as f32).max(0.0) as usize).min(steps.max(1) - 1);
            let mut expected: Vec<&[f32]> = points.chunks_exact(2).collect();
            expected.sort_by_key(|point| (step(point[1], height), step(point[0], width)));
            assert_eq!(order.by_pixel(&points, Size { height, width }), expected.concat());
        }
    }

    #[test]
    fn chosen_points_are_appended() {
        let mut out = vec![9.0];
        take(&[0.0, 0.1, 1.0, 1.1, 2.0, 2.1], &[0, 2], &mut out);
        assert_eq!(out, [9.0, 0.0, 0.1, 2.0, 2.1]);
    }
}
