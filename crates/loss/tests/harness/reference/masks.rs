//! Masks by their definition: binary cross-entropy, focal loss and dice, of planes of logits and of 0 and 1. The cost is over the
//! pixels of the prediction, the loss over those of the canvas.

use super::super::case::Planes;
use super::super::settings::Settings;
use super::super::test_support::Random;
use super::{PairReference, Reference, Row, Terms};

/// Height and width of predictions, and of targets.
pub const SIZE: [usize; 2] = [3, 4];
pub const CANVAS: [usize; 2] = [7, 5];

pub struct Masks;

impl Reference for Masks {
    fn name(&self) -> &'static str {
        "masks"
    }

    fn options(&self, random: &mut Random, settings: Settings) -> Settings {
        let settings = settings.with("masks.alpha", f64::from(random.unit()));
        match random.below(2) {
            0 => settings,
            _ => settings.with("masks.gamma", 3.0 * f64::from(random.unit())),
        }
    }

    fn query_width(&self, _: &Settings, field: usize) -> usize {
        // their factors, and points, have tests of their own
        if field == 0 { SIZE[0] * SIZE[1] } else { 0 }
    }

    fn query_axes(&self, field: usize) -> Vec<usize> {
        if field == 0 { SIZE.to_vec() } else { Vec::new() }
    }

    fn query_row(&self, random: &mut Random, _: &Settings, _: usize) -> Vec<f32> {
        (0..SIZE[0] * SIZE[1]).map(|_| 3.0 * random.normal()).collect()
    }

    fn target_row(&self, random: &mut Random, _: &Settings, _: usize) -> Vec<f32> {
        vec![random.below(2) as f32]
    }

    fn target_planes(&self, random: &mut Random, field: usize, count: usize) -> Planes {
        let [height, width] = CANVAS;
        let count = if field == 0 { count } else { 1 };
        let values = (0..count * height * width).map(|_| (random.below(3 + 2 * field) == 0) as u8).collect();
        Planes { values, height, width }
    }

    fn terms(&self) -> Terms<'_> {
        Terms::Pair(self)
    }
}

impl PairReference for Masks {
    fn values(&self, settings: &Settings, query: Row<'_>, _: Row<'_>, target: Row<'_>) -> Vec<f64> {
        if !has_mask(target) {
            return vec![0.0; 3];
        }
        let canvas = (0..CANVAS[0] * CANVAS[1]).filter(|&at| is_kept(target, at));
        let sample = |at: usize| {
            let [row, column] = [at / CANVAS[1], at % CANVAS[1]];
            (bilinear(query.field("masks"), SIZE, CANVAS, row, column), target.field("masks")[at])
        };
        let samples: Vec<_> = canvas.map(sample).collect();
        terms(settings, &samples, |x, y| focal(settings, x, y))
    }

    fn costs(&self, settings: &Settings, query: Row<'_>, target: Row<'_>) -> Vec<f64> {
        if !has_mask(target) {
            return vec![0.0; 3];
        }
        let at = |pixel: usize| {
            let [row, column] = [pixel / SIZE[1], pixel % SIZE[1]];
            row * CANVAS[0] / SIZE[0] * CANVAS[1] + column * CANVAS[1] / SIZE[1]
        };
        let kept = (0..SIZE[0] * SIZE[1]).filter(|&pixel| is_kept(target, at(pixel)));
        let samples: Vec<_> =
            kept.map(|pixel| (query.field("masks")[pixel], target.field("masks")[at(pixel)])).collect();
        terms(settings, &samples, |x, y| y * focal(settings, x, 1.0) + (1.0 - y) * focal(settings, x, 0.0))
    }
}

fn has_mask(target: Row<'_>) -> bool {
    target.field("hasMask").first().is_none_or(|&flag| flag > 0.0)
}

fn is_kept(target: Row<'_>, at: usize) -> bool {
    target.field("void").get(at).is_none_or(|&void| void == 0.0)
}

/// The three terms over samples of a logit and a label.
pub fn terms(_: &Settings, samples: &[(f64, f64)], focal: impl Fn(f64, f64) -> f64) -> Vec<f64> {
    let mean = |value: &dyn Fn(f64, f64) -> f64| {
        samples.iter().map(|&(x, y)| value(x, y)).sum::<f64>() / samples.len().max(1) as f64
    };
    let sum = |value: &dyn Fn(f64, f64) -> f64| samples.iter().map(|&(x, y)| value(x, y)).sum::<f64>();
    let overlap = sum(&|x, y| sigmoid(x) * y);
    let dice = 1.0 - (2.0 * overlap + 1.0) / (sum(&|x, _| sigmoid(x)) + sum(&|_, y| y) + 1.0);
    vec![mean(&cross_entropy), mean(&focal), if samples.is_empty() { 0.0 } else { dice }]
}

pub fn focal(settings: &Settings, x: f64, y: f64) -> f64 {
    let (alpha, gamma) = (settings.number("masks.alpha"), settings.number("masks.gamma"));
    let p = sigmoid(x);
    let agreement = p * y + (1.0 - p) * (1.0 - y);
    (alpha * y + (1.0 - alpha) * (1.0 - y)) * (1.0 - agreement).powf(gamma) * cross_entropy(x, y)
}

fn cross_entropy(x: f64, y: f64) -> f64 {
    x.max(0.0) - x * y + (-x.abs()).exp().ln_1p()
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

/// A plane enlarged to another size, at one of its pixels: between the nearest centres, and as they are beyond the outermost.
fn bilinear(plane: &[f64], from: [usize; 2], to: [usize; 2], row: usize, column: usize) -> f64 {
    let axis = |k: usize, at: usize| {
        let place = ((at as f64 + 0.5) * from[k] as f64 / to[k] as f64 - 0.5).max(0.0);
        let first = (place as usize).min(from[k] - 1);
        (first, (first + 1).min(from[k] - 1), place - first as f64)
    };
    let ((top, bottom, v), (left, right, u)) = (axis(0, row), axis(1, column));
    let value = |row: usize, column: usize| plane[row * from[1] + column];
    let line = |row: usize| (1.0 - u) * value(row, left) + u * value(row, right);
    (1.0 - v) * line(top) + v * line(bottom)
}
