//! Sigmoid classification: every logit is a binary decision of its own. One pass takes every cell as background; then the
//! few cells that a matched target labels get their own value.
//!
//! With p = σ(x), a background cell is worth p^γ · -ln(1 - p), times its weight. The value of a labelled cell depends on
//! the [`Positive`]; [`Sigmoid`] names the sources. [`general`] has the form with all numbers, of which these are rows. It is added as the difference to the
//! very number that the pass added, in `f64`, so that a confident match leaves nothing behind.

pub(super) mod general;
pub(super) mod soft;
#[cfg(test)]
mod tests;

use simd::math::{exp, ln, logistic};
use simd::{F32, F64, LANES, Level, Simd, dispatch, load, prelude::*, store};

/// Vectors that are handled together.
const STEP: usize = 4;

/// Above this, q · -ln q is 0 to all digits, and -ln q is not used in it, lest it overflow.
pub(super) const SATURATED: f32 = 100.0;

/// The smallest IoU above 0; smaller ones count as this.
pub(super) const SMALLEST: f32 = 1e-37;

/// A sum over all queries and classes, divided by the number of targets. With p = σ(logit), q the IoU of the matched
/// boxes and BCE(t) = -t·ln p - (1 - t)·ln(1 - p), a class that a query has no target for adds
/// weight · p^γ · -ln(1 - p), where weight and γ are named in the variants. Neither q nor t passes a gradient.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Sigmoid {
    /// Background weight 1 - α; a matched label adds α · (1 - p)^γ · -ln p. Lin et al. 2017, "Focal Loss for Dense
    /// Object Detection", as in fundamentalvision/Deformable-DETR, `sigmoid_focal_loss`.
    Focal {
        /// α, 0 to 1.
        alpha: f64,
        /// γ.
        gamma: f64,
    },
    /// Background weight α; a matched label adds q · BCE(q). Zhang et al. 2021, "VarifocalNet", as in
    /// lyuwenyu/RT-DETR, `loss_labels_vfl`.
    Varifocal {
        /// α.
        alpha: f64,
        /// γ.
        gamma: f64,
        /// Whether p^γ is a mere weight, without a gradient, as in that code.
        detach_weights: bool,
    },
    /// Background weight α, 1 in the published configurations; a matched label adds BCE(q^γ). Huang et al. 2025, "DEIM",
    /// section 3.2; Intellindust-AI-Lab/DEIM, `loss_labels_mal`.
    Mal {
        /// α.
        alpha: f64,
        /// γ.
        gamma: f64,
        /// Whether p^γ of the background is a mere weight, without a gradient, as in that code.
        detach_weights: bool,
    },
    /// Background weight 1; a matched label adds BCE(max(t, least)) with t = p^α · q^(1 - α). Cai et al. 2023, "Align-DETR", as
    /// in Atten4Vis/LW-DETR, `loss_labels` with `ia_bce_loss`.
    IaBce {
        /// α, 0 to 1.
        alpha: f64,
        /// γ.
        gamma: f64,
        /// The least t, 0 to 1; 0.01 in that code.
        min_quality: f64,
    },
}

/// What a sigmoid criterion of a name of its own computes, ready for the kernels.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rule {
    background: Background,
    positive: Positive,
}

/// What every cell is worth as background.
#[derive(Clone, Copy, Debug)]
struct Background {
    weight: f64,
    modulation: Modulation,
}

/// The factor p^γ.
#[derive(Clone, Copy, Debug)]
struct Modulation {
    gamma: f32,
    /// γ where the factor is differentiated, 0 where it is a mere weight.
    slope: f32,
}

/// What a labelled cell is worth, with q the IoU of the matched boxes.
#[derive(Clone, Copy, Debug)]
enum Positive {
    /// α · (1 - p)^γ · -ln p.
    Focal { alpha: f32 },
    /// q · BCE(q).
    Varifocal,
    /// BCE(q^γ).
    Mal { gamma: f32 },
    /// BCE(max(p^α · q^(1 - α), least)).
    IaBce { alpha: f32, least: f32 },
}

/// A labelled logit.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cell {
    /// Its place among the image's logits.
    pub at: usize,
    /// How well the pair agrees: the IoU of the matched boxes.
    pub quality: f64,
    /// How much the target has of the class, above 0 and at most 1.
    pub value: f32,
    /// What the cell's own value is multiplied by, and what the pass had it multiplied by.
    pub weight: f32,
    pub background: f32,
}

#[cfg(test)]
impl Cell {
    /// One of a target that has all of the class, where nothing is weighed.
    pub fn plain(at: usize, quality: f64) -> Self {
        Self { at, quality, value: 1.0, weight: 1.0, background: 1.0 }
    }
}

/// What the pass over all cells gives.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pass {
    /// Sum over all cells, weighted.
    pub loss: f64,
    /// Whether every logit was finite; if not, nothing of the pass means anything.
    pub finite: bool,
}

impl Rule {
    pub fn new(kind: Sigmoid) -> Self {
        let (weight, gamma, detached, positive) = match kind {
            Sigmoid::Focal { alpha, gamma } => (1.0 - alpha, gamma, false, Positive::Focal { alpha: alpha as f32 }),
            Sigmoid::Varifocal { alpha, gamma, detach_weights } => (alpha, gamma, detach_weights, Positive::Varifocal),
            Sigmoid::Mal { alpha, gamma, detach_weights } => {
                (alpha, gamma, detach_weights, Positive::Mal { gamma: gamma as f32 })
            }
            Sigmoid::IaBce { alpha, gamma, min_quality } => {
                (1.0, gamma, false, Positive::IaBce { alpha: alpha as f32, least: min_quality as f32 })
            }
        };
        Self { background: Background::new(weight, gamma, detached), positive }
    }

    /// Every cell as background: writes weight · `scale` · its derivative to `gradient`, which is as long as `logits` or
    /// absent.
    pub fn background(&self, level: Level, logits: &[f32], scale: f64, gradient: Option<&mut [f32]>) -> Pass {
        self.background.pass(level, logits, scale, gradient)
    }

    /// Replaces the background value of labelled cells, all of value 1, by their own; gives Σ(positive - background). Writes `scale` · the derivative of each cell to `gradient`.
    pub fn apply_positives(
        &self,
        level: Level,
        logits: &[f32],
        cells: &[Cell],
        scale: f64,
        gradient: Option<&mut [f32]>,
    ) -> f64 {
        dispatch!(level, simd => if self.background.modulation.gamma == 2.0 {
            apply_positives_with::<_, true>(simd, self, logits, cells, scale, gradient)
        } else {
            apply_positives_with::<_, false>(simd, self, logits, cells, scale, gradient)
        })
    }
}

impl Background {
    fn new(weight: f64, gamma: f64, detached: bool) -> Self {
        let gamma = gamma as f32;
        Self { weight, modulation: Modulation { gamma, slope: if detached { 0.0 } else { gamma } } }
    }

    /// As [`Rule::background`].
    fn pass(&self, level: Level, logits: &[f32], scale: f64, gradient: Option<&mut [f32]>) -> Pass {
        let weight = (self.weight * scale) as f32;
        let Pass { loss, finite } = dispatch!(level, simd => if self.modulation.gamma == 2.0 {
            background_with::<_, true>(simd, self.modulation, logits, weight, gradient)
        } else {
            background_with::<_, false>(simd, self.modulation, logits, weight, gradient)
        });
        Pass { loss: self.weight * loss, finite }
    }
}

/// How many rows have a logit above 0, so a probability above 0.5. `logits`: `[rows, classes]`.
pub(super) fn positive_rows(level: Level, logits: &[f32], classes: usize) -> usize {
    dispatch!(level, simd => positive_rows_with(simd, logits, classes))
}

#[inline(always)]
fn positive_rows_with<S: Simd>(simd: S, logits: &[f32], classes: usize) -> usize {
    /// Of logits without any bias, most rows have one above 0 among these.
    const FIRST: usize = 4;
    simd.vectorize(
        #[inline(always)]
        || {
            let mut count = 0;
            for row in logits.chunks_exact(classes) {
                let (first, rest) = row.split_at(FIRST.min(classes));
                let found = first.iter().any(|&x| x > 0.0) || any_positive(simd, row, rest);
                count += usize::from(found);
            }
            count
        },
    )
}

/// Whether any of the `rest` of a row is above 0.
#[inline(always)]
fn any_positive<S: Simd>(simd: S, row: &[f32], rest: &[f32]) -> bool {
    let Some(last) = row.len().checked_sub(LANES) else { return rest.iter().any(|&x| x > 0.0) };
    let positive = |at: usize| load(simd, row, at).simd_gt(0.0).any_true();
    (0..last).step_by(LANES).any(positive) || positive(last)
}

/// Sixteen labelled cells.
#[derive(Default)]
struct Lanes {
    x: [f32; LANES],
    iou: [f32; LANES],
    /// 1 - IoU.
    miss: [f32; LANES],
    /// What the background pass had, unweighted.
    background: [f32; LANES],
    value: [f32; LANES],
    slope: [f32; LANES],
}

/// p^γ · -ln(1 - p) and its derivative.
#[inline(always)]
fn modulated<S: Simd, const N: usize, const SQUARE: bool>(
    simd: S,
    modulation: Modulation,
    x: [F32<S>; N],
) -> [[F32<S>; N]; 2] {
    let l = logistic(simd, x);
    let factor = power::<S, N, SQUARE>(modulation.gamma, l.p, l.nll_p);
    let (mut value, mut slope) = (x, x);
    for i in 0..N {
        value[i] = factor[i] * l.nll_q[i];
        slope[i] = factor[i] * (l.p[i] + l.q[i] * l.nll_q[i].min(SATURATED) * modulation.slope);
    }
    [value, slope]
}

/// p^γ from p and -ln p; `SQUARE`: γ is 2.
#[inline(always)]
pub(super) fn power<S: Simd, const N: usize, const SQUARE: bool>(
    gamma: f32,
    mut p: [F32<S>; N],
    mut nll: [F32<S>; N],
) -> [F32<S>; N] {
    for i in 0..N {
        p[i] *= p[i];
        nll[i] *= -gamma;
    }
    if SQUARE { p } else { exp(nll) }
}

#[inline(always)]
fn background_with<S: Simd, const SQUARE: bool>(
    simd: S,
    modulation: Modulation,
    logits: &[f32],
    weight: f32,
    mut gradient: Option<&mut [f32]>,
) -> Pass {
    let zero = F32::splat(simd, 0.0);
    let mut sums = CellSums { value: [F64::splat(simd, 0.0); 2], probe: zero };
    let mut at = 0;
    while at + STEP * LANES <= logits.len() {
        let mut x = [zero; STEP];
        for i in 0..STEP {
            x[i] = load(simd, logits, at + LANES * i);
        }
        let [value, slope] = modulated::<S, STEP, SQUARE>(simd, modulation, x);
        for i in 0..STEP {
            sums.add(x[i], value[i]);
        }
        if let Some(gradient) = &mut gradient {
            for i in 0..STEP {
                store(slope[i] * weight, gradient, at + LANES * i);
            }
        }
        at += STEP * LANES;
    }
    while at < logits.len() {
        let count = LANES.min(logits.len() - at);
        // idle lanes hold a logit whose value and derivative vanish
        let mut tile = [f32::MIN; LANES];
        tile[..count].copy_from_slice(&logits[at..at + count]);
        let x = load(simd, &tile, 0);
        let [[value], [slope]] = modulated::<S, 1, SQUARE>(simd, modulation, [x]);
        store(value, &mut tile, 0);
        tile[count..].fill(0.0);
        sums.add(zero, load(simd, &tile, 0));
        for &x in &logits[at..at + count] {
            sums.probe += x;
        }
        if let Some(gradient) = &mut gradient {
            store(slope * weight, &mut tile, 0);
            gradient[at..at + count].copy_from_slice(&tile[..count]);
        }
        at += count;
    }
    let loss = (sums.value[0] + sums.value[1]).reduce_sum();
    // a sum of finite logits can overflow: then the caller looks closer
    Pass { loss, finite: sums.probe.abs().simd_lt(f32::INFINITY).all_true() }
}

/// Running sums of the pass.
struct CellSums<S: Simd> {
    value: [F64<S>; 2],
    probe: F32<S>,
}

impl<S: Simd> CellSums<S> {
    /// Each value is widened before it is added, so that [`Rule::apply_positives`] can take it away again.
    #[inline(always)]
    fn add(&mut self, x: F32<S>, value: F32<S>) {
        self.probe += x;
        let (low, high) = value.widen();
        self.value[0] += low;
        self.value[1] += high;
    }
}

#[inline(always)]
fn apply_positives_with<S: Simd, const SQUARE: bool>(
    simd: S,
    rule: &Rule,
    logits: &[f32],
    cells: &[Cell],
    scale: f64,
    mut gradient: Option<&mut [f32]>,
) -> f64 {
    let mut gain = 0.0;
    for cells in cells.chunks(LANES) {
        let mut lanes = Lanes::default();
        for (lane, cell) in cells.iter().enumerate() {
            lanes.x[lane] = logits[cell.at];
            lanes.iou[lane] = cell.quality as f32;
            lanes.miss[lane] = (1.0 - cell.quality) as f32;
        }
        positive_lanes::<S, SQUARE>(simd, rule, &mut lanes);
        for (lane, cell) in cells.iter().enumerate() {
            let background = rule.background.weight * f64::from(lanes.background[lane]);
            gain += f64::from(lanes.value[lane]) * f64::from(cell.weight) - background * f64::from(cell.background);
            if let Some(gradient) = &mut gradient {
                gradient[cell.at] = (f64::from(lanes.slope[lane]) * scale * f64::from(cell.weight)) as f32;
            }
        }
    }
    gain
}

#[inline(always)]
fn positive_lanes<S: Simd, const SQUARE: bool>(simd: S, rule: &Rule, lanes: &mut Lanes) {
    let x = load(simd, &lanes.x, 0);
    let [[background], _] = modulated::<S, 1, SQUARE>(simd, rule.background.modulation, [x]);
    store(background, &mut lanes.background, 0);
    let (iou, miss) = (load(simd, &lanes.iou, 0), load(simd, &lanes.miss, 0));
    let (value, slope) = match rule.positive {
        Positive::Focal { alpha } => {
            let [[value], [slope]] = modulated::<S, 1, SQUARE>(simd, rule.background.modulation, [-x]);
            (value * alpha, slope * -alpha)
        }
        Positive::Varifocal => {
            let (value, slope) = cross_entropy(simd, x, iou, miss);
            (value * iou, slope * iou)
        }
        Positive::Mal { gamma } => {
            let (t, rest) = exp_and_rest(simd, log(simd, iou) * gamma);
            cross_entropy(simd, x, t, rest)
        }
        Positive::IaBce { alpha, least } => {
            let [nll] = logistic(simd, [x]).nll_p;
            let (t, rest) = exp_and_rest(simd, log(simd, iou) * (1.0 - alpha) - nll * alpha);
            cross_entropy(simd, x, t.max(least), rest.min(1.0 - least))
        }
    };
    store(value, &mut lanes.value, 0);
    store(slope, &mut lanes.slope, 0);
}

/// The logarithm of an IoU; of 0, a number whose every multiple is as good as -infinity, and whose product with 0 is 0.
#[inline(always)]
pub(super) fn log<S: Simd>(simd: S, iou: F32<S>) -> F32<S> {
    let [log] = ln([iou.max(SMALLEST)]);
    iou.simd_gt(0.0).select(log, F32::splat(simd, f32::MIN))
}

/// e^y and 1 - e^y for y ≤ 0 (above, which only rounding gives, as for 0), the latter with all its digits near 0 too.
#[inline(always)]
pub(super) fn exp_and_rest<S: Simd>(simd: S, y: F32<S>) -> (F32<S>, F32<S>) {
    let y = y.min(0.0);
    let [t] = exp([y]);
    let series = -y * (y * (y * (y * 0.25 + 1.0) * (1.0 / 3.0) + 1.0) * 0.5 + 1.0);
    (t, y.simd_gt(-0.03).select(series, F32::splat(simd, 1.0) - t))
}

/// -t·ln p - (1 - t)·ln(1 - p) and its derivative p - t, of which the side that does not cancel is taken. `rest`: 1 - t.
#[inline(always)]
fn cross_entropy<S: Simd>(simd: S, x: F32<S>, t: F32<S>, rest: F32<S>) -> (F32<S>, F32<S>) {
    let l = logistic(simd, [x]);
    let value = t * l.nll_p[0] + rest * l.nll_q[0];
    (value, x.simd_ge(0.0).select(rest - l.q[0], l.p[0] - t))
}
