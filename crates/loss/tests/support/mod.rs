//! Numbers for random cases, and how results are compared.

#![allow(dead_code, reason = "no test uses all of it")]

#[path = "../../../lsap/tests/support/mod.rs"]
mod numbers;

pub use numbers::Numbers;

impl Numbers {
    /// From -4 to 4.
    pub fn logits(&mut self, n: usize) -> Vec<f32> {
        self.list(n, |numbers| 8.0 * numbers.unit() - 4.0)
    }

    /// Boxes as centre and size.
    pub fn boxes(&mut self, n: usize) -> Vec<f32> {
        self.list(n, |r| [r.unit(), r.unit(), 0.05 + 0.5 * r.unit(), 0.05 + 0.5 * r.unit()]).concat()
    }
}

/// Compares within a tolerance that is relative above 1.
#[track_caller]
pub fn assert_close(actual: f64, expected: f64, tolerance: f64, what: &str) {
    let error = (actual - expected).abs() / expected.abs().max(1.0);
    assert!(error <= tolerance, "{what}: {actual} is not {expected}, off by {error}");
}
