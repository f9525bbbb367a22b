//! Points by their definition: L1 over the coordinates of those that are visible, and the similarity of these.

use super::super::settings::Settings;
use super::super::test_support::Random;
use super::{PairReference, Reference, Row, Terms};

/// Points of each query and target.
const COUNT: usize = 5;

pub struct Points;

impl Reference for Points {
    fn name(&self) -> &'static str {
        "points"
    }

    fn options(&self, random: &mut Random, settings: Settings) -> Settings {
        let settings = settings.with("pointFormat", ["xy", "xyz"][random.below(2)]);
        let width = COUNT * dimensions(&settings);
        let sigmas: Vec<_> = (0..COUNT).map(|_| 0.1 + f64::from(random.unit())).collect();
        let settings = if random.below(2) == 0 { settings.with("pointSigmas", sigmas) } else { settings };
        match [0, COUNT, width][random.below(3)] {
            0 => settings,
            count => settings.with("pointWeights", (0..count).map(|_| f64::from(random.unit())).collect::<Vec<_>>()),
        }
    }

    fn query_width(&self, settings: &Settings, _: usize) -> usize {
        COUNT * dimensions(settings)
    }

    fn query_row(&self, random: &mut Random, settings: &Settings, _: usize) -> Vec<f32> {
        (0..COUNT * dimensions(settings)).map(|_| random.unit()).collect()
    }

    fn target_row(&self, random: &mut Random, settings: &Settings, field: usize) -> Vec<f32> {
        match field {
            0 => self.query_row(random, settings, 0),
            2 => vec![random.unit()],
            _ => (0..COUNT).map(|_| random.below(3) as f32).collect(),
        }
    }

    fn terms(&self) -> Terms<'_> {
        Terms::Pair(self)
    }
}

impl PairReference for Points {
    fn values(&self, settings: &Settings, query: Row<'_>, _: Row<'_>, target: Row<'_>) -> Vec<f64> {
        vec![l1(settings, query, target)]
    }

    fn costs(&self, settings: &Settings, query: Row<'_>, target: Row<'_>) -> Vec<f64> {
        vec![l1(settings, query, target)]
    }

    fn has_quality(&self) -> bool {
        true
    }

    fn quality(&self, settings: &Settings, query: Row<'_>, target: Row<'_>) -> f64 {
        let (p, t, size) = (query.field("points"), target.field("points"), dimensions(settings));
        let known: Vec<_> = (0..p.len() / size).filter(|&k| is_known(target, k)).collect();
        let side = |axis: usize| {
            let values = || known.iter().map(|k| t[k * size + axis]);
            values().fold(f64::MIN, f64::max) - values().fold(f64::MAX, f64::min)
        };
        let similar = |&k: &usize| {
            let squared: f64 = (k * size..(k + 1) * size).map(|k| (p[k] - t[k]).powi(2)).sum();
            let sigma = settings.numbers("pointSigmas").map_or(1.0 / COUNT as f64, |all| all[k]);
            let area = target.field("pointAreas").first().copied().unwrap_or_else(|| 0.53 * side(0) * side(1));
            // a point that is far off is that similar all the same
            (-squared / (2.0 * (2.0 * sigma).powi(2) * (area + f64::EPSILON))).max(-80.0).exp()
        };
        if known.is_empty() { 1.0 } else { known.iter().map(similar).sum::<f64>() / known.len() as f64 }
    }
}

fn is_known(target: Row<'_>, point: usize) -> bool {
    target.field("visibility").get(point).is_none_or(|&visibility| visibility > 0.0)
}

fn dimensions(settings: &Settings) -> usize {
    if settings.word("pointFormat") == "xyz" { 3 } else { 2 }
}

fn l1(settings: &Settings, query: Row<'_>, target: Row<'_>) -> f64 {
    let (p, t) = (query.field("points"), target.field("points"));
    let weights = settings.numbers("pointWeights");
    let mut sum = 0.0;
    for k in 0..p.len() {
        let point = k / dimensions(settings);
        let weight = match weights {
            None => 1.0,
            Some(weights) if weights.len() == p.len() => weights[k],
            Some(weights) => weights[point],
        };
        if is_known(target, point) {
            sum += weight * (p[k] - t[k]).abs();
        }
    }
    sum
}
