//! Boxes whose edges are distributions, by their definitions.

use super::super::settings::Settings;
use super::super::test_support::Random;
use super::boxes::{center, random_box};
use super::classes::sigmoid;
use super::distribution::EdgeBins;
use super::{LateReference, Reference, Row, Terms};

pub struct Edges;

impl Reference for Edges {
    fn name(&self) -> &'static str {
        "edges"
    }

    fn needs(&self) -> &'static [&'static str] {
        &["boxes"]
    }

    fn options(&self, random: &mut Random, settings: Settings) -> Settings {
        let mut between = |least: f32, most: f32| f64::from(least + (most - least) * random.unit());
        settings
            .with("distribution.up", between(0.2, 1.5))
            .with("distribution.regScale", between(1.0, 6.0))
            .with("distribution.temperature", between(1.0, 6.0))
            .with("distribution.regMax", 2.0 * between(2.0, 7.0).floor())
    }

    fn query_width(&self, settings: &Settings, field: usize) -> usize {
        if field == 0 { 4 * (settings.number("distribution.regMax") as usize + 1) } else { 4 }
    }

    fn query_row(&self, random: &mut Random, settings: &Settings, field: usize) -> Vec<f32> {
        match field {
            0 => (0..self.query_width(settings, 0)).map(|_| 2.0 * random.normal()).collect(),
            _ => random_box(random, settings).to_vec(),
        }
    }

    fn terms(&self) -> Terms<'_> {
        Terms::Late(self)
    }
}

impl LateReference for Edges {
    fn over_pair(&self, settings: &Settings, query: Row<'_>, target: Row<'_>, quality: f64) -> f64 {
        if !super::boxes::is_known(target) {
            return 0.0;
        }
        let [reference, target] = [query.field("references"), target.field("boxes")].map(|b| center(settings, b));
        quality * bins(settings).localization(query.field("corners"), reference, target)
    }

    fn over_layers(&self, settings: &Settings, student: Row<'_>, teacher: Row<'_>) -> f64 {
        let [student, teacher] = [student, teacher].map(|row| row.field("corners"));
        // the published mean is over edges
        bins(settings).distillation(student, teacher, settings.number("distribution.temperature")) / 4.0
    }

    fn weight_without_pair(&self, teacher: Row<'_>) -> f64 {
        sigmoid(teacher.field("logits").iter().copied().fold(f64::NEG_INFINITY, f64::max))
    }

    fn shares(&self, numbers: [f64; 2]) -> [f64; 2] {
        let roots = numbers.map(|number| (4.0 * number).sqrt());
        roots.map(|root| if root > 0.0 { root / (roots[0] + roots[1]) } else { 0.0 })
    }
}

fn bins(settings: &Settings) -> EdgeBins {
    let number = |name| settings.number(name);
    EdgeBins::new(number("distribution.regMax") as usize, number("distribution.up"), number("distribution.regScale"))
}
