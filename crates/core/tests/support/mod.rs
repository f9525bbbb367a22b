//! Numbers for random cases, and how results are compared.

#![allow(dead_code, reason = "no test uses all of it")]

/// Numbers in [0, 1), the same for the same seed.
pub struct Numbers(pub u64);

impl Numbers {
    pub fn unit(&mut self) -> f32 {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        ((self.0 >> 40) as f32) / (1 << 24) as f32
    }

    pub fn below(&mut self, n: usize) -> usize {
        (f64::from(self.unit()) * n as f64) as usize
    }

    pub fn list<T>(&mut self, n: usize, mut make: impl FnMut(&mut Self) -> T) -> Vec<T> {
        (0..n).map(|_| make(self)).collect()
    }

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
