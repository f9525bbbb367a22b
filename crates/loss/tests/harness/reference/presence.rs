//! Presence by its definition: half the cross-entropy of an image's logit.

use super::super::settings::Settings;
use super::super::test_support::Random;
use super::{ImageReference, Reference, Row, Terms};

pub struct Presence;

impl Reference for Presence {
    fn name(&self) -> &'static str {
        "presence"
    }

    fn options(&self, _: &mut Random, settings: Settings) -> Settings {
        settings
    }

    fn query_width(&self, _: &Settings, _: usize) -> usize {
        1
    }

    fn query_row(&self, random: &mut Random, _: &Settings, _: usize) -> Vec<f32> {
        vec![3.0 * random.normal()]
    }

    fn terms(&self) -> Terms<'_> {
        Terms::Image(self)
    }
}

impl ImageReference for Presence {
    fn values(&self, image: Row<'_>, has_visible: bool) -> Vec<f64> {
        let x = image.field("presence")[0];
        let softplus = x.max(0.0) + (-x.abs()).exp().ln_1p();
        vec![0.5 * if has_visible { softplus - x } else { softplus }]
    }
}
