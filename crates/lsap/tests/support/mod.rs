//! Numbers for random cases.

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
}
