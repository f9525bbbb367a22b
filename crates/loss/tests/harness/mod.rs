//! What the tests share: cases of any fields, made from one seeded generator; families by their definitions in `f64`; and
//! checks that hold for every case.

pub mod case;
pub mod checks;
pub mod definition;
pub mod reference;
pub mod settings;
pub mod sketch;
#[expect(dead_code, reason = "the crate's own module, of which this needs the generator")]
#[path = "../../src/test_support.rs"]
mod test_support;

pub use case::{Case, Conditions, Outcome};
pub use settings::Settings;
pub use sketch::{Extras, Sketch, SketchStack, plain, subset};
pub(crate) use test_support::Random;

use hungarian_loss::Threads;
use proptest::prelude::ProptestConfig;

/// For properties of so many random cases.
pub fn cases(count: u32) -> ProptestConfig {
    ProptestConfig { cases: count, failure_persistence: None, ..ProptestConfig::default() }
}

/// So many threads.
pub fn threads(count: usize) -> Threads {
    Threads::new(count.try_into().expect("at least one"))
}

/// Compares within a tolerance that is relative above 1, and absolute below.
#[track_caller]
pub fn assert_near(actual: f64, expected: f64, tolerance: f64, what: &str) {
    let error = (actual - expected).abs() / expected.abs().max(1.0);
    assert!(error <= tolerance, "{what}: {actual} is not {expected}, off by {error}");
}
