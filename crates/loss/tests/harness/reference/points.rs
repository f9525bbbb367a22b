//! Points by their definition: L1 over the coordinates of those that are visible.

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
}

fn dimensions(settings: &Settings) -> usize {
    if settings.word("pointFormat") == "xyz" { 3 } else { 2 }
}

fn l1(settings: &Settings, query: Row<'_>, target: Row<'_>) -> f64 {
    let (p, t, visibility) = (query.field("points"), target.field("points"), target.field("visibility"));
    let weights = settings.numbers("pointWeights");
    let mut sum = 0.0;
    for k in 0..p.len() {
        let point = k / dimensions(settings);
        let weight = match weights {
            None => 1.0,
            Some(weights) if weights.len() == p.len() => weights[k],
            Some(weights) => weights[point],
        };
        if visibility.is_empty() || visibility[point] > 0.0 {
            sum += weight * (p[k] - t[k]).abs();
        }
    }
    sum
}
