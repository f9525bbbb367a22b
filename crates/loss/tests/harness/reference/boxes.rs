//! Boxes by their definitions: L1 and the forms of IoU.

use std::f64::consts::PI;

use super::super::settings::Settings;
use super::super::test_support::Random;
use super::{PairReference, Reference, Row, Terms};

pub struct Boxes;

/// The forms of IoU of two boxes; CIoU is `diou - alpha * v`.
struct Overlaps {
    iou: f64,
    giou: f64,
    diou: f64,
    v: f64,
    alpha: f64,
}

impl Reference for Boxes {
    fn name(&self) -> &'static str {
        "boxes"
    }

    fn options(&self, random: &mut Random, settings: Settings) -> Settings {
        let epsilon = [0.0, 1e-6, f64::from(0.1 * random.unit())][random.below(3)];
        let settings = match random.below(3) {
            0 => settings.with("l1Format", ["cxcywh", "xyxy"][random.below(2)]),
            _ => settings,
        };
        settings
            .with("boxFormat", ["cxcywh", "xyxy"][random.below(2)])
            .with("boxEpsilon", epsilon)
            .with("boxEpsilonForm", ["add", "add", "clamp"][random.below(3)])
            .with("clampSizes", random.below(4) == 0)
            .with("normalizedBoxes", false)
            .with("unknownBoxCost", ["zero", "mean"][random.below(2)])
            .with("imageGate", random.below(4) == 0)
    }

    fn query_width(&self, _: &Settings, _: usize) -> usize {
        4
    }

    fn query_row(&self, random: &mut Random, settings: &Settings, _: usize) -> Vec<f32> {
        let mut row = random_box(random, settings);
        if settings.flag("clampSizes") && random.below(4) == 0 {
            row[2 + random.below(2)] -= 1.0;
        }
        row.to_vec()
    }

    fn target_row(&self, random: &mut Random, settings: &Settings, field: usize) -> Vec<f32> {
        if field > 0 { vec![f32::from(u8::from(random.below(3) > 0))] } else { random_box(random, settings).to_vec() }
    }

    fn terms(&self) -> Terms<'_> {
        Terms::Pair(self)
    }
}

impl PairReference for Boxes {
    fn values(&self, settings: &Settings, query: Row<'_>, fixed: Row<'_>, target: Row<'_>) -> Vec<f64> {
        if !is_known(target) {
            return vec![0.0; 5];
        }
        let raw = query.field("boxes");
        let [p, fixed] = [query, fixed].map(|row| clamped(settings, row.field("boxes")));
        let t = target.field("boxes");
        let compared = |b: &[f64]| match settings.given_word("l1Format") {
            Some("cxcywh") => center(settings, b),
            Some(_) => corners(settings, b),
            None => [b[0], b[1], b[2], b[3]],
        };
        // sides below 0 are none in the forms of IoU alone
        let l1 = compared(raw).iter().zip(compared(t)).map(|(p, t)| (p - t).abs()).sum();
        let (now, then) = (overlaps(settings, &p, t), overlaps(settings, &fixed, t));
        vec![l1, 1.0 - now.giou, 1.0 - now.iou, 1.0 - now.diou, 1.0 - now.diou + then.alpha * now.v]
    }

    fn costs(&self, settings: &Settings, query: Row<'_>, target: Row<'_>) -> Vec<f64> {
        let mut values = self.values(settings, query, query, target);
        if !is_known(target) {
            return values;
        }
        values[0] = query.field("boxes").iter().zip(target.field("boxes")).map(|(p, t)| (p - t).abs()).sum();
        values.into_iter().enumerate().map(|(term, value)| if term == 0 { value } else { value - 1.0 }).collect()
    }

    fn takes_mean(&self, settings: &Settings, target: Row<'_>) -> bool {
        settings.word("unknownBoxCost") == "mean" && !is_known(target)
    }

    fn has_quality(&self) -> bool {
        true
    }

    fn quality(&self, settings: &Settings, query: Row<'_>, target: Row<'_>) -> f64 {
        if !is_known(target) {
            return 1.0;
        }
        overlaps(settings, &clamped(settings, query.field("boxes")), target.field("boxes")).iou
    }

    fn raised_giou(&self, settings: &Settings, query: Row<'_>, target: Row<'_>) -> f64 {
        if !is_known(target) {
            return 1.0;
        }
        (overlaps(settings, &clamped(settings, query.field("boxes")), target.field("boxes")).giou + 1.0) / 2.0
    }

    fn overlap(&self, settings: &Settings, kind: &str, query: Row<'_>, region: Row<'_>) -> Option<f64> {
        let [a, b] =
            [&clamped(settings, query.field("boxes"))[..], region.field("boxes")].map(|b| corners(settings, b));
        let both = intersection(&a, &b);
        let whole = if kind == "iof" { area(&a) } else { area(&a) + area(&b) - both };
        Some(if whole > 0.0 { both / whole } else { 0.0 })
    }
}

/// Whether a target's box has an area, or may have one.
pub fn is_visible(settings: &Settings, target: Row<'_>) -> bool {
    !is_known(target) || size(&corners(settings, target.field("boxes"))).iter().all(|&side| side > 0.0)
}

/// Whether a target's box is known.
pub fn is_known(target: Row<'_>) -> bool {
    target.field("hasBox").first().is_none_or(|&flag| flag > 0.0)
}

/// Within the image, with sides of some length.
pub fn random_box(random: &mut Random, settings: &Settings) -> [f32; 4] {
    let [x, y, w, h] =
        [0.0, 0.0, 0.05, 0.05].map(|least| if least > 0.0 { 0.5 * random.unit() + least } else { random.unit() });
    if settings.word("boxFormat") == "xyxy" { [x, y, x + w, y + h] } else { [x, y, w, h] }
}

/// A box as centre and size.
pub fn center(settings: &Settings, b: &[f64]) -> [f64; 4] {
    let [x0, y0, x1, y1] = corners(settings, b);
    [(x0 + x1) / 2.0, (y0 + y1) / 2.0, x1 - x0, y1 - y0]
}

/// With sides below 0 as 0, where that is wanted.
fn clamped(settings: &Settings, b: &[f64]) -> [f64; 4] {
    let least = match (settings.flag("clampSizes"), settings.word("boxFormat")) {
        (false, _) => [f64::NEG_INFINITY; 2],
        (true, "cxcywh") => [0.0; 2],
        (true, _) => [b[0], b[1]],
    };
    [b[0], b[1], b[2].max(least[0]), b[3].max(least[1])]
}

fn corners(settings: &Settings, b: &[f64]) -> [f64; 4] {
    if settings.word("boxFormat") == "xyxy" {
        return [b[0], b[1], b[2], b[3]];
    }
    [b[0] - b[2] / 2.0, b[1] - b[3] / 2.0, b[0] + b[2] / 2.0, b[1] + b[3] / 2.0]
}

fn size(c: &[f64; 4]) -> [f64; 2] {
    [c[2] - c[0], c[3] - c[1]]
}

fn area(c: &[f64; 4]) -> f64 {
    size(c)[0] * size(c)[1]
}

fn intersection(a: &[f64; 4], b: &[f64; 4]) -> f64 {
    (0..2).map(|k| (a[k + 2].min(b[k + 2]) - a[k].max(b[k])).max(0.0)).product()
}

fn overlaps(settings: &Settings, p: &[f64], t: &[f64]) -> Overlaps {
    let epsilon = settings.number("boxEpsilon");
    let (a, b) = (corners(settings, p), corners(settings, t));
    let outer = [a[0].min(b[0]), a[1].min(b[1]), a[2].max(b[2]), a[3].max(b[3])];
    let overlap = intersection(&a, &b);
    let union = area(&a) + area(&b) - overlap;
    let divisor = |x: f64| if settings.word("boxEpsilonForm") == "clamp" { x.max(epsilon) } else { x + epsilon };
    let iou = overlap / divisor(union);
    let shift = |k: usize| (a[k] + a[k + 2] - b[k] - b[k + 2]) / 2.0;
    let diagonal = size(&outer)[0].powi(2) + size(&outer)[1].powi(2);
    let angle = |c: &[f64; 4]| size(c)[0].atan2(size(c)[1]);
    let v = 4.0 / PI.powi(2) * (angle(&b) - angle(&a)).powi(2);
    Overlaps {
        iou,
        giou: iou - (area(&outer) - union) / divisor(area(&outer)),
        diou: iou - (shift(0).powi(2) + shift(1).powi(2)) / divisor(diagonal),
        v,
        alpha: v / (1.0 - iou + v),
    }
}
