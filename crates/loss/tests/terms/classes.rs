//! The class term where queries have nothing else.

use proptest::prelude::*;

use crate::harness::{Settings, Sketch};

check_families!(Just(Vec::new()));

#[test]
fn a_batch_without_labels_has_0_of_them() {
    let settings = Settings::new("focal", 3).with("classification.normalization", "num-labels");
    let case = Sketch::plain(settings.weighted(&[("class", 1.0)]), &[], 1, 4, &[0, 0]).case();
    let outcome = case.run().expect("a valid case");
    assert_eq!(outcome.report.layers[0].counts.class_weight.to_bits(), 0, "+0");
}
