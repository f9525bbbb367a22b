//! The soft label t of a labelled cell: what its probability p is compared with.
//!
//! t = max(floor, p^a · q^b), with q how well the pair agrees; then, where that is wanted, divided by the greatest t of the
//! image, so that its best pair has a t of 1 (tianrun-chen/RF-DETR and roboflow/rf-detr, `position_supervised_loss`;
//! IDEA-Research/Stable-DINO, `StableDINOCriterion`); then times r = e^(-rank/τ), where rank counts the queries of the same
//! target with a greater t (Cai et al. 2023, "Align-DETR", section 3.3). It passes no gradient.

use simd::math::{exp, logistic};
use simd::{F32, LANES, Level, Simd, dispatch, load, prelude::*, store};

use super::{Cell, exp_and_rest, log};

/// Added to the greatest t of an image before it divides.
const EPSILON: f64 = 1e-8;

/// What is done with the greatest t of an image.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Maximum {
    /// Nothing.
    #[default]
    None,
    /// t / (greatest + 1e-8).
    Divide,
    /// t · max(1, 1 / (greatest + 1e-8)).
    Raise,
}

/// The names of [`Maximum`].
pub(crate) const MAXIMA: &[&str] = &["none", "divide", "raise"];

impl Maximum {
    /// By its name.
    pub fn of(word: &str) -> Self {
        match word {
            "divide" => Self::Divide,
            "raise" => Self::Raise,
            _ => Self::None,
        }
    }

    /// What values of which this is the greatest are multiplied by.
    pub fn scale(self, greatest: f64) -> f64 {
        match self {
            Self::None => 1.0,
            Self::Divide => 1.0 / (greatest + EPSILON),
            Self::Raise => (1.0 / (greatest + EPSILON)).max(1.0),
        }
    }
}

/// How t comes about.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct SoftRule {
    /// a, of p.
    pub probability_power: f64,
    /// b, of q.
    pub quality_power: f64,
    /// The least t, 0 to 1.
    pub floor: f64,
    pub maximum: Maximum,
}

/// t, and 1 - t with all its digits.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct SoftLabel {
    pub t: f64,
    pub rest: f64,
}

impl SoftLabel {
    fn new(t: f64, rest: f64) -> Self {
        Self { t: t.clamp(0.0, 1.0), rest: rest.clamp(0.0, 1.0) }
    }

    /// t times a factor from 0 to 1.
    pub fn times(self, factor: f64) -> Self {
        Self { t: self.t * factor, rest: self.rest * factor + (1.0 - factor) }
    }
}

impl SoftRule {
    /// t of each cell, all of one image, before any rank counts.
    pub fn fill(&self, level: Level, logits: &[f32], cells: &[Cell], out: &mut Vec<SoftLabel>) {
        out.clear();
        let miss = |cell: &Cell| 1.0 - cell.quality;
        match (self.probability_power, self.quality_power) {
            (0.0, 0.0) => out.resize(cells.len(), SoftLabel { t: 1.0, rest: 0.0 }),
            (0.0, 1.0) => out.extend(cells.iter().map(|cell| SoftLabel::new(cell.quality, miss(cell)))),
            (0.0, 2.0) => {
                let square =
                    |cell: &Cell| SoftLabel::new(cell.quality * cell.quality, miss(cell) * (1.0 + cell.quality));
                out.extend(cells.iter().map(square));
            }
            (a, b) => dispatch!(level, simd => powers(simd, [a as f32, b as f32], logits, cells, out)),
        }
        for label in &mut *out {
            *label = SoftLabel { t: label.t.max(self.floor), rest: label.rest.min(1.0 - self.floor) };
        }
        let greatest = out.iter().fold(0.0, |greatest: f64, label| greatest.max(label.t));
        let divisor = greatest + EPSILON;
        let divides = match self.maximum {
            Maximum::None => false,
            Maximum::Divide => true,
            Maximum::Raise => divisor < 1.0,
        };
        if divides {
            for label in out {
                let rest = (greatest - label.t + EPSILON) / divisor;
                *label = SoftLabel::new(label.t / divisor, rest);
            }
        }
    }
}

#[inline(always)]
fn powers<S: Simd>(simd: S, [a, b]: [f32; 2], logits: &[f32], cells: &[Cell], out: &mut Vec<SoftLabel>) {
    for cells in cells.chunks(LANES) {
        let (mut x, mut quality) = ([0.0; LANES], [0.0; LANES]);
        for (lane, cell) in cells.iter().enumerate() {
            (x[lane], quality[lane]) = (logits[cell.at], cell.quality as f32);
        }
        let l = logistic(simd, [load(simd, &x, 0)]);
        let q = load(simd, &quality, 0);
        let (mut t, mut rest) = exp_and_rest(simd, log(simd, q) * b - l.nll_p[0] * a);
        if a == 1.0 {
            // p itself where nothing else counts, so that |t - p| is 0
            let is_alone = if b == 0.0 { q.simd_eq(q) } else { q.simd_eq(1.0) };
            (t, rest) = (is_alone.select(l.p[0], t), is_alone.select(l.q[0], rest));
        }
        store(t, &mut x, 0);
        store(rest, &mut quality, 0);
        out.extend((0..cells.len()).map(|lane| {
            // of a quality of 0 the power leaves the least number that exp gives
            let is_none = cells[lane].quality <= 0.0 && b > 0.0;
            if is_none { SoftLabel { t: 0.0, rest: 1.0 } } else { SoftLabel::new(x[lane].into(), quality[lane].into()) }
        }));
    }
}

/// r = e^(-rank/τ) of each pair: among the pairs of a target, the greatest score has rank 0, and of equal ones the first.
///
/// `pairs`: query and target, in the order of the queries. `scores`: `[pairs]`. `order`: scratch memory. `factors`: written.
pub(crate) fn rank_factors(
    level: Level,
    tau: f64,
    pairs: &[(usize, usize)],
    scores: &[f64],
    order: &mut Vec<usize>,
    factors: &mut Vec<f64>,
) {
    order.clear();
    order.extend(0..pairs.len());
    order.sort_unstable_by(|&a, &b| {
        let by_score = scores[b].total_cmp(&scores[a]);
        pairs[a].1.cmp(&pairs[b].1).then(by_score).then(a.cmp(&b))
    });
    factors.clear();
    factors.resize(pairs.len(), 1.0);
    let mut rank = 0;
    for (place, &pair) in order.iter().enumerate() {
        let is_same = place > 0 && pairs[order[place - 1]].1 == pairs[pair].1;
        rank = if is_same { rank + 1 } else { 0 };
        factors[pair] = rank as f64;
    }
    dispatch!(level, simd => for ranks in factors.chunks_mut(LANES) {
        decay(simd, tau, ranks);
    });
}

/// Ranks to factors, sixteen at most.
#[inline(always)]
fn decay<S: Simd>(simd: S, tau: f64, ranks: &mut [f64]) {
    let mut tile = [0.0; LANES];
    for (y, &rank) in tile.iter_mut().zip(&*ranks) {
        *y = -(rank / tau) as f32;
    }
    let y: F32<S> = load(simd, &tile, 0);
    let [factors] = exp([y]);
    store(factors, &mut tile, 0);
    ranks.iter_mut().zip(tile).for_each(|(factor, value)| *factor = f64::from(value));
}
