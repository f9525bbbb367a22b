//! The terms of edges' distributions by their definitions, in plain `f64`.

/// The offsets of the bins of an edge.
pub struct EdgeBins {
    offsets: Vec<f64>,
    reg_scale: f64,
}

impl EdgeBins {
    pub fn new(reg_max: usize, up: f64, reg_scale: f64) -> Self {
        let u = up * reg_scale;
        let step = (u + 1.0).powf(2.0 / (reg_max as f64 - 2.0));
        let right: Vec<f64> = (1..reg_max as i32 / 2).map(|i| step.powi(i) - 1.0).chain([2.0 * u]).collect();
        let offsets = right.iter().rev().map(|v| -v).chain([0.0]).chain(right.iter().copied()).collect();
        Self { offsets, reg_scale }
    }

    /// Localisation of the four edges of a query. `logits`: `[4, bins]`; boxes are centre and size.
    ///
    /// The weights of an edge's bins are hat functions over the offsets, constant beyond the ends.
    pub fn localization(&self, logits: &[f64], reference: [f64; 4], target: [f64; 4]) -> f64 {
        let offsets = &self.offsets;
        let last = offsets.len() - 1;
        let edge = |(edge, distance): (usize, f64)| -> f64 {
            let d = distance.clamp(offsets[0], offsets[last]);
            let weight = |bin: usize| {
                let rise = |a: usize| (d - offsets[a]) / (offsets[bin] - offsets[a]);
                let left = if bin > 0 { rise(bin - 1) } else { 1.0 };
                let right = if bin < last { rise(bin + 1) } else { 1.0 };
                left.min(right).clamp(0.0, 1.0)
            };
            (0..=last).map(|bin| weight(bin) * self.nll(logits, edge, 1.0, bin)).sum()
        };
        self.distances(reference, target).into_iter().enumerate().map(edge).sum()
    }

    /// T² · KL(teacher ‖ student) of the four edges of a query. Both: `[4, bins]`.
    pub fn distillation(&self, student: &[f64], teacher: &[f64], temperature: f64) -> f64 {
        let cell = |edge: usize, bin: usize| {
            let log_t = -self.nll(teacher, edge, 1.0 / temperature, bin);
            let log_s = -self.nll(student, edge, 1.0 / temperature, bin);
            temperature.powi(2) * log_t.exp() * (log_t - log_s)
        };
        (0..4).flat_map(|edge| (0..self.offsets.len()).map(move |bin| (edge, bin))).map(|(e, b)| cell(e, b)).sum()
    }

    /// -ln softmax(x · factor)[bin] of one edge.
    fn nll(&self, logits: &[f64], edge: usize, factor: f64, bin: usize) -> f64 {
        let x = &logits[edge * self.offsets.len()..][..self.offsets.len()];
        let max = x.iter().fold(f64::NEG_INFINITY, |m, &x| m.max(x * factor));
        x.iter().map(|x| (x * factor - max).exp()).sum::<f64>().ln() + max - x[bin] * factor
    }

    fn distances(&self, r: [f64; 4], t: [f64; 4]) -> [f64; 4] {
        let edges = [t[0] - t[2] / 2.0, t[1] - t[3] / 2.0, t[0] + t[2] / 2.0, t[1] + t[3] / 2.0];
        std::array::from_fn(|k| {
            let out = if k < 2 { r[k] - edges[k] } else { edges[k] - r[k - 2] };
            out / (r[k % 2 + 2] / self.reg_scale) - self.reg_scale / 2.0
        })
    }
}
