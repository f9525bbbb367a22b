//! Presence, one logit for each image.

use proptest::prelude::*;

use crate::harness::{Settings, Sketch, assert_near};

check_families!(prop::sample::select(vec![vec!["presence"], vec!["boxes", "presence"]]));

#[test]
fn an_image_without_a_visible_target_is_negative_and_has_the_mean_of_both() {
    let settings = Settings::new("focal", 3).weighted(&[("class", 1.0), ("presence", 20.0)]);
    let mut case = Sketch::plain(settings, &["presence"], 1, 4, &[2, 0, 1]).case();
    let place = case.tensor(0, "presence");
    case.tensors[place] = vec![0.0, 200.0, -3.0];
    case.ignored = vec![0, 0, 1]; // so that the third has none, either
    let outcome = case.run().expect("a valid case");
    let term = outcome.report.layers[0].terms.last().copied().expect("a term");
    let low = (-3f64).exp().ln_1p();
    assert_near(term, (0.5 * 2f64.ln() + 100.0 + 0.5 * low) / 3.0, 1e-6, "presence");
    let low = 1.0 / (1.0 + 3f64.exp());
    for (found, expected) in outcome.gradients[place].iter().zip([-0.25, 0.5, 0.5 * low]) {
        assert_near(f64::from(*found), 20.0 / 3.0 * expected, 1e-6, "gradient");
    }
}
