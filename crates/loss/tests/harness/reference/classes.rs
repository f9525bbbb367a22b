//! The kinds of classification by their definitions, in plain `f64`.

use super::super::settings::Settings;
use super::super::test_support::Random;

/// The kinds; `has_quality`: whether pairs say how well they agree, which some kinds need.
pub fn kinds(has_quality: bool) -> &'static [&'static str] {
    const ALL: [&str; 9] =
        ["softmax", "softmax", "focal", "varifocal", "mal", "ia-bce", "sigmoid", "sigmoid", "sigmoid"];
    if has_quality { &ALL } else { &ALL[..3] }
}

/// Sets the options of a kind to random values. `has_quality`: as in [`kinds`].
pub fn options(random: &mut Random, settings: Settings, has_quality: bool) -> Settings {
    let (kind, classes) = (settings.kind, settings.classes);
    let mut unit = || f64::from(random.unit());
    let mut gamma = || match unit() {
        share if share < 0.4 => 2.0,
        share if share < 0.6 => 0.0,
        _ => 4.0 * unit(),
    };
    let gammas = [gamma(), gamma()];
    let (mut settings, flips) = (settings, [unit() < 0.5, unit() < 0.5, unit() < 0.5]);
    if kind == "softmax" {
        let class_weights: Vec<_> = (0..classes).map(|_| 0.1 + 2.9 * unit()).collect();
        let index = if flips[0] { classes } else { (unit() * (classes + 1) as f64) as usize };
        settings = settings
            .with("classification.noObjectIndex", index as f64)
            .with("classification.noObjectWeight", if unit() < 0.3 { 0.0 } else { unit() })
            .with("classification.gamma", if flips[1] { gammas[0] } else { 0.0 })
            .with(
                "classification.normalization",
                ["weighted-mean", "num-boxes", "num-queries"][(3.0 * unit()) as usize],
            );
        return if flips[2] { settings.with("classification.classWeights", class_weights) } else { settings };
    }
    settings = settings
        .with("cardinality", if flips[0] { "published" } else { "threshold" })
        .with("cost.classForm", ["focal", "log-sigmoid", "probability"][(3.0 * unit()) as usize])
        .with("cost.alpha", unit())
        .with("cost.gamma", gammas[1]);
    if has_quality && unit() < 0.3 {
        settings = settings
            .with("cost.classForm", "product")
            .with("cost.power", [4.0, 2.0, 1.0, 3.0 * unit()][(4.0 * unit()) as usize]);
    } else if has_quality && unit() < 0.3 {
        settings = settings
            .with("cost.modulation", [0.5, 1.0, 2.0 * unit()][(3.0 * unit()) as usize])
            .with("cost.modulationMaximum", ["none", "divide", "raise"][(3.0 * unit()) as usize]);
    }
    if unit() < 0.3 {
        let weights: Vec<_> = (0..classes).map(|_| 3.0 * unit()).collect();
        settings = settings.with("classification.classWeights", weights);
    }
    if (kind == "focal" || kind == "sigmoid") && unit() < 0.3 {
        let alpha: Vec<_> = (0..classes).map(|_| unit()).collect();
        settings = settings.with("classification.classAlpha", alpha);
    }
    if kind == "sigmoid" {
        return sigmoid_options(unit, settings, gammas);
    }
    settings = settings.with("classification.alpha", unit()).with("classification.gamma", gammas[0]);
    match kind {
        "varifocal" | "mal" => settings.with("classification.detachWeights", flips[1]),
        "ia-bce" => settings.with("classification.minQuality", 0.3 * unit()),
        _ => settings,
    }
}

/// Those of the kind with all numbers.
fn sigmoid_options(mut unit: impl FnMut() -> f64, settings: Settings, gammas: [f64; 2]) -> Settings {
    let power = |unit: &mut dyn FnMut() -> f64| [0.0, 1.0, 2.0, 3.0 * unit()][(4.0 * unit()) as usize];
    let [a, b] = [power(&mut unit), power(&mut unit)];
    settings
        .with("classification.positiveWeight", 3.0 * unit())
        .with("classification.positiveGamma", [0.0, 1.0, 2.0, 4.0 * unit()][(4.0 * unit()) as usize])
        .with("classification.weighByTarget", unit() < 0.3)
        .with("classification.negativeWeight", 3.0 * unit())
        .with("classification.negativeGamma", gammas[0])
        .with("classification.detachWeights", unit() < 0.3)
        .with("classification.probabilityPower", if unit() < 0.5 { 0.0 } else { a })
        .with("classification.qualityPower", b)
        .with("classification.quality", ["iou", "giou"][(2.0 * unit()) as usize])
        .with("classification.minQuality", if unit() < 0.5 { 0.0 } else { 0.3 * unit() })
        .with("classification.imageMaximum", ["none", "divide", "raise"][(3.0 * unit()) as usize])
        .with("classification.zeroIsNegative", unit() < 0.5)
        .with("classification.rankDecay", if unit() < 0.5 { 0.0 } else { 0.2 + 2.0 * unit() })
        .with("classification.rankTerms", ["all", "overlap", "none"][(3.0 * unit()) as usize])
}

/// A matched query of an image.
pub struct Positive<'a> {
    /// Its target.
    pub target: usize,
    pub labels: &'a [i32],
    /// How well the pair agrees, as the kind measures it.
    pub quality: f64,
    pub x: &'a [f64],
}

/// The soft label of each label of each positive of an image, and what each positive's rank makes of its pair's terms.
pub fn soft_labels(settings: &Settings, positives: &[Positive<'_>]) -> (Vec<Vec<f64>>, Vec<f64>) {
    if settings.kind != "sigmoid" {
        return (vec![Vec::new(); positives.len()], vec![1.0; positives.len()]);
    }
    let number = |name: &str| settings.number(&format!("classification.{name}"));
    let (a, b) = (number("probabilityPower"), number("qualityPower"));
    let soft = |positive: &Positive<'_>, label: i32| {
        (sigmoid(positive.x[label as usize]).powf(a) * positive.quality.powf(b)).max(number("minQuality"))
    };
    let all: Vec<Vec<f64>> =
        positives.iter().map(|positive| positive.labels.iter().map(|&label| soft(positive, label)).collect()).collect();
    let score = |k: usize| all[k].iter().copied().fold(0.0, f64::max);
    let tau = number("rankDecay");
    let factors: Vec<_> = (0..positives.len())
        .map(|k| {
            let same = (0..positives.len()).filter(|&j| j != k && positives[j].target == positives[k].target);
            let rank = same.filter(|&j| score(j) > score(k) || score(j) == score(k) && j < k).count();
            if tau > 0.0 { (-(rank as f64) / tau).exp() } else { 1.0 }
        })
        .collect();
    let greatest = all.iter().flatten().copied().fold(0.0, f64::max);
    let scale = scale(settings.word("classification.imageMaximum"), greatest);
    let scaled = all.iter().zip(&factors).map(|(labels, r)| labels.iter().map(|t| t * scale * r).collect()).collect();
    (scaled, factors)
}

/// What the greatest of an image makes of all.
fn scale(word: &str, greatest: f64) -> f64 {
    match word {
        "none" => 1.0,
        "divide" => 1.0 / (greatest + 1e-8),
        _ => (1.0 / (greatest + 1e-8)).max(1.0),
    }
}

/// Whether a pair's rank counts for its L1 and for its forms of IoU.
pub fn rank_counts(settings: &Settings) -> [bool; 2] {
    match settings.kind {
        "sigmoid" => {
            let word = settings.word("classification.rankTerms");
            [word == "all", word != "none"]
        }
        _ => [false; 2],
    }
}

/// By which agreement of pairs the kind goes: whether it is that of GIoU.
pub fn takes_giou(settings: &Settings) -> bool {
    settings.kind == "sigmoid" && settings.word("classification.quality") == "giou"
}

/// The class term of a query, not yet divided by anything. `labels`: of its target, none for background. `quality`: of
/// its pair; `soft`: of [`soft_labels`]. What passes no gradient is computed from `fixed`.
pub fn value(settings: &Settings, labels: &[i32], (quality, soft): (f64, &[f64]), x: &[f64], fixed: &[f64]) -> f64 {
    let Some(no_object) = settings.no_object() else {
        let cell = |class: usize| {
            let place = labels.iter().position(|&label| label as usize == class);
            let own = Cell { class, x: x[class], fixed: fixed[class], quality };
            let weight = settings.numbers("classification.classWeights").map_or(1.0, |weights| weights[class]);
            let t = place.map(|place| soft.get(place).copied());
            weight
                * if settings.kind == "sigmoid" {
                    general(settings, t.flatten(), &own)
                } else {
                    cell(settings, place.is_some(), &own)
                }
        };
        return (0..x.len()).map(cell).sum();
    };
    let label = labels.first().map_or(no_object, |&label| label as usize);
    let max = x.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let sum: f64 = x.iter().map(|v| (v - max).exp()).sum();
    let nll = sum.ln() + max - x[label];
    weight(settings, labels) * (-(-nll).exp_m1()).powf(settings.number("classification.gamma")) * nll
}

/// What a query adds to the sum of weights that divides softmax classification.
pub fn weight(settings: &Settings, labels: &[i32]) -> f64 {
    let no_object = settings.no_object().expect("softmax");
    let label = labels.first().map_or(no_object, |&label| label as usize);
    if label == no_object {
        return settings.number("classification.noObjectWeight");
    }
    let class = if label > no_object { label - 1 } else { label };
    settings.numbers("classification.classWeights").map_or(1.0, |weights| weights[class])
}

/// What the term is divided by: `weighted-mean`, the sum of those weights; `num-boxes`, N; or `num-queries`.
pub fn normalization(settings: &Settings) -> &str {
    if settings.is_sigmoid() { "num-boxes" } else { settings.word("classification.normalization") }
}

/// How well a query and a target agree.
#[derive(Clone, Copy)]
pub struct Agreement {
    pub iou: f64,
    /// (GIoU + 1) / 2, and the greatest of the image.
    pub u: f64,
    pub greatest: f64,
}

/// The class term of the matching cost, of one label. `agreement`: where anything says so.
pub fn cost(settings: &Settings, x: &[f64], label: usize, agreement: Option<Agreement>) -> f64 {
    if !settings.is_sigmoid() {
        return -x[label].exp() / x.iter().map(|v| v.exp()).sum::<f64>();
    }
    let epsilon = match settings.word("cost.classForm") {
        "probability" => return -sigmoid(x[label]),
        "product" => {
            let iou = agreement.expect("it was asked for").iou;
            return -sigmoid(x[label]) * iou.powf(settings.number("cost.power"));
        }
        "focal" => 1e-8,
        _ => 0.0,
    };
    let (alpha, gamma) = (settings.number("cost.alpha"), settings.number("cost.gamma"));
    let (mut p, mut q) = (sigmoid(x[label]), sigmoid(-x[label]));
    let beta = settings.number("cost.modulation");
    if beta > 0.0 {
        let Agreement { u, greatest, .. } = agreement.expect("it was asked for");
        let u = (u * scale(settings.word("cost.modulationMaximum"), greatest)).min(1.0);
        p *= u.powf(beta);
        q = 1.0 - p;
    }
    -alpha * q.powf(gamma) * (p + epsilon).ln() + (1.0 - alpha) * p.powf(gamma) * (q + epsilon).ln()
}

/// Whether a query counts as an object.
pub fn is_object(settings: &Settings, x: &[f64]) -> bool {
    // published sigmoid criteria count as if the last class were no-object
    let no_object = settings.no_object().unwrap_or(x.len() - 1);
    if settings.is_sigmoid() && settings.word("cardinality") == "threshold" {
        return x.iter().any(|&v| sigmoid(v) > 0.5);
    }
    largest(x) != no_object
}

/// The first largest logit.
pub fn largest(x: &[f64]) -> usize {
    let max = x.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    x.iter().position(|&v| v == max).expect("a logit")
}

pub fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

/// A logit of a sigmoid criterion.
struct Cell {
    class: usize,
    x: f64,
    fixed: f64,
    quality: f64,
}

/// α of a class, where classes have such.
fn class_alpha(settings: &Settings, class: usize) -> Option<f64> {
    settings.numbers("classification.classAlpha").map(|alpha| alpha[class])
}

/// What one logit adds to the kind with all numbers. `t`: of a labelled one.
fn general(settings: &Settings, t: Option<f64>, cell: &Cell) -> f64 {
    let number = |name: &str| settings.number(&format!("classification.{name}"));
    let flag = |name: &str| settings.flag(&format!("classification.{name}"));
    let p = sigmoid(cell.x);
    let modulator = if flag("detachWeights") { sigmoid(cell.fixed) } else { p };
    let alpha = class_alpha(settings, cell.class);
    match t.filter(|&t| t > 0.0 || !flag("zeroIsNegative")) {
        Some(t) => {
            let weight = number("positiveWeight") * alpha.unwrap_or(1.0) * if flag("weighByTarget") { t } else { 1.0 };
            let entropy = -t * p.ln() - (1.0 - t) * sigmoid(-cell.x).ln();
            weight * (t - modulator).abs().powf(number("positiveGamma")) * entropy
        }
        None => {
            let weight = number("negativeWeight") * alpha.map_or(1.0, |alpha| 1.0 - alpha);
            -weight * modulator.powf(number("negativeGamma")) * sigmoid(-cell.x).ln()
        }
    }
}

/// What one logit adds to a sigmoid criterion.
fn cell(settings: &Settings, is_labelled: bool, &Cell { class, x, fixed, quality }: &Cell) -> f64 {
    let (p, q) = (sigmoid(x), sigmoid(-x));
    let (alpha, gamma) = (settings.number("classification.alpha"), settings.number("classification.gamma"));
    let alpha = if settings.kind == "focal" { class_alpha(settings, class).unwrap_or(alpha) } else { alpha };
    let entropy = |t: f64| -t * p.ln() - (1.0 - t) * q.ln();
    match (settings.kind, is_labelled) {
        ("focal", true) => -alpha * q.powf(gamma) * p.ln(),
        ("focal", false) => -(1.0 - alpha) * p.powf(gamma) * q.ln(),
        ("varifocal", true) => quality * entropy(quality),
        ("mal", true) => entropy(quality.powf(gamma)),
        ("varifocal" | "mal", false) => {
            let is_detached = settings.flag("classification.detachWeights");
            -alpha * (if is_detached { sigmoid(fixed) } else { p }).powf(gamma) * q.ln()
        }
        ("ia-bce", true) => {
            let least = settings.number("classification.minQuality");
            entropy((sigmoid(fixed).powf(alpha) * quality.powf(1.0 - alpha)).max(least))
        }
        ("ia-bce", false) => -p.powf(gamma) * q.ln(),
        (other, _) => panic!("there is no kind {other}"),
    }
}
