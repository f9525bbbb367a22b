//! Spans by their definitions: L1 and the forms of IoU in one dimension.

use super::super::settings::Settings;
use super::super::test_support::Random;
use super::{PairReference, Reference, Row, Terms};

pub struct Spans;

impl Reference for Spans {
    fn name(&self) -> &'static str {
        "spans"
    }

    fn options(&self, random: &mut Random, settings: Settings) -> Settings {
        settings.with("spanFormat", ["cxw", "xx"][random.below(2)]).with("normalizedSpans", false)
    }

    fn query_width(&self, _: &Settings, _: usize) -> usize {
        2
    }

    fn query_row(&self, random: &mut Random, settings: &Settings, _: usize) -> Vec<f32> {
        random_span(random, settings)
    }

    fn target_row(&self, random: &mut Random, settings: &Settings, _: usize) -> Vec<f32> {
        random_span(random, settings)
    }

    fn terms(&self) -> Terms<'_> {
        Terms::Pair(self)
    }
}

impl PairReference for Spans {
    fn values(&self, settings: &Settings, query: Row<'_>, _: Row<'_>, target: Row<'_>) -> Vec<f64> {
        let (iou, giou) = overlaps(settings, query.field("spans"), target.field("spans"));
        vec![l1(query, target), 1.0 - giou, 1.0 - iou]
    }

    fn costs(&self, settings: &Settings, query: Row<'_>, target: Row<'_>) -> Vec<f64> {
        let (iou, giou) = overlaps(settings, query.field("spans"), target.field("spans"));
        vec![l1(query, target), -giou, -iou]
    }

    fn has_quality(&self) -> bool {
        true
    }

    fn quality(&self, settings: &Settings, query: Row<'_>, target: Row<'_>) -> f64 {
        overlaps(settings, query.field("spans"), target.field("spans")).0
    }

    fn raised_giou(&self, settings: &Settings, query: Row<'_>, target: Row<'_>) -> f64 {
        (overlaps(settings, query.field("spans"), target.field("spans")).1 + 1.0) / 2.0
    }

    fn overlap(&self, settings: &Settings, kind: &str, query: Row<'_>, region: Row<'_>) -> Option<f64> {
        let [a, b] = [query, region].map(|row| ends(settings, row.field("spans")));
        let both = common(a, b);
        let whole = if kind == "iof" { a[1] - a[0] } else { (a[1] - a[0]) + (b[1] - b[0]) - both };
        Some(if whole > 0.0 { both / whole } else { 0.0 })
    }
}

/// Of some width.
fn random_span(random: &mut Random, settings: &Settings) -> Vec<f32> {
    let [first, width] = [random.unit(), 0.05 + 0.5 * random.unit()];
    if settings.word("spanFormat") == "xx" { vec![first, first + width] } else { vec![first, width] }
}

fn l1(query: Row<'_>, target: Row<'_>) -> f64 {
    query.field("spans").iter().zip(target.field("spans")).map(|(p, t)| (p - t).abs()).sum()
}

fn ends(settings: &Settings, span: &[f64]) -> [f64; 2] {
    match settings.word("spanFormat") {
        "xx" => [span[0], span[1]],
        _ => [span[0] - span[1] / 2.0, span[0] + span[1] / 2.0],
    }
}

fn common(a: [f64; 2], b: [f64; 2]) -> f64 {
    (a[1].min(b[1]) - a[0].max(b[0])).max(0.0)
}

/// IoU and generalised IoU.
fn overlaps(settings: &Settings, p: &[f64], t: &[f64]) -> (f64, f64) {
    let [a, b] = [p, t].map(|span| ends(settings, span));
    let union = (a[1] - a[0]) + (b[1] - b[0]) - common(a, b);
    let hull = a[1].max(b[1]) - a[0].min(b[0]);
    let iou = common(a, b) / union;
    (iou, iou - (hull - union) / hull)
}
