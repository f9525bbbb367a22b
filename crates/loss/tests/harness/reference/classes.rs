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
                ["weighted-mean", "weighted-mean", "num-boxes", "num-queries", "num-pairs", "per-image"]
                    [(6.0 * unit()) as usize],
            )
            .with("classification.minQueries", (30.0 * unit()).floor());
        return if flips[2] { settings.with("classification.classWeights", class_weights) } else { settings };
    }
    settings = settings
        .with(
            "classification.normalization",
            ["num-boxes", "num-pairs", "num-labels", "num-queries", "num-kept-queries", "per-image"]
                [(6.0 * unit()) as usize],
        )
        .with("classification.minQueries", (30.0 * unit()).floor())
        .with("cardinality", if flips[0] { "published" } else { "threshold" })
        .with("cost.classForm", ["focal", "log-sigmoid", "probability"][(3.0 * unit()) as usize])
        .with("cost.alpha", unit())
        .with("cost.gamma", gammas[1]);
    settings = settings.with("cost.labels", ["sum", "mean"][(2.0 * unit()) as usize]);
    if unit() < 0.3 {
        settings = settings.with("cost.epsilon", [1e-12, 1e-8, 1e-4][(3.0 * unit()) as usize]);
    }
    if settings.word("cost.classForm") != "probability" && unit() < 0.3 {
        settings = settings.with("cost.labels", "all-columns");
    } else if has_quality && unit() < 0.3 {
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
pub struct Positive {
    /// Its target.
    pub target: usize,
    /// Its labels with their values.
    pub labels: Vec<(usize, f64)>,
    /// How well the pair agrees, as the kind measures it.
    pub quality: f64,
    pub x: Vec<f64>,
}

/// The soft label of each label of each positive of an image, and what each positive's rank makes of its pair's terms.
pub fn soft_labels(settings: &Settings, positives: &[Positive]) -> (Vec<Vec<f64>>, Vec<f64>) {
    if settings.kind != "sigmoid" {
        return (vec![Vec::new(); positives.len()], vec![1.0; positives.len()]);
    }
    let number = |name: &str| settings.number(&format!("classification.{name}"));
    let (a, b) = (number("probabilityPower"), number("qualityPower"));
    let soft = |positive: &Positive, label: usize| {
        (sigmoid(positive.x[label]).powf(a) * positive.quality.powf(b)).max(number("minQuality"))
    };
    let all: Vec<Vec<f64>> =
        positives.iter().map(|positive| positive.labels.iter().map(|own| soft(positive, own.0)).collect()).collect();
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
    let scaled = all.iter().zip(&factors).zip(positives).map(|((labels, r), positive)| {
        labels.iter().zip(&positive.labels).map(|(t, own)| t * scale * r * own.1).collect()
    });
    (scaled.collect(), factors)
}

/// t of a kind without soft labels of its own: what its positives are drawn to, by how well the pair agrees.
pub fn plain_label(settings: &Settings, quality: f64, x: f64) -> f64 {
    let number = |name: &str| settings.number(&format!("classification.{name}"));
    match settings.kind {
        "varifocal" => quality,
        "mal" => quality.powf(number("gamma")),
        "ia-bce" => (sigmoid(x).powf(number("alpha")) * quality.powf(1.0 - number("alpha"))).max(number("minQuality")),
        _ => 1.0,
    }
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

/// What is known of a query besides its logits.
pub struct Known<'a> {
    /// The labels of its target with their values; none for background.
    pub labels: &'a [(usize, f64)],
    /// Of its pair.
    pub quality: f64,
    /// Of [`soft_labels`].
    pub soft: &'a [f64],
    /// What the values of its labels are multiplied by, and those of background.
    pub weight: f64,
    pub background: f64,
}

/// The class term of a query, not yet divided by anything. What passes no gradient is computed from `fixed`.
pub fn value(settings: &Settings, known: &Known<'_>, x: &[f64], fixed: &[f64]) -> f64 {
    let Known { labels, quality, soft, weight, background } = *known;
    if settings.is_sigmoid() {
        let cell = |class: usize| {
            let place = labels.iter().position(|&(label, _)| label == class);
            let value = place.map(|place| labels[place].1);
            let own = Cell { class, x: x[class], fixed: fixed[class], quality, value };
            let of_class = settings.numbers("classification.classWeights").map_or(1.0, |weights| weights[class]);
            let t = place.and_then(|place| soft.get(place).copied());
            let is_negative = settings.kind == "sigmoid"
                && settings.flag("classification.zeroIsNegative")
                && t.is_none_or(|t| t == 0.0);
            let counts = if place.is_none() || is_negative { background } else { weight };
            of_class
                * counts
                * if settings.kind == "sigmoid" { general(settings, t, &own) } else { cell(settings, &own) }
        };
        return (0..x.len()).map(cell).sum();
    }
    let max = x.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let sum: f64 = x.iter().map(|v| (v - max).exp()).sum();
    let nll = |label: usize| sum.ln() + max - x[label];
    let focused = |nll: f64| (-(-nll).exp_m1()).powf(settings.number("classification.gamma")) * nll;
    if labels.is_empty() {
        let no_object = settings.no_object().expect("softmax");
        return background * label_weight(settings, no_object) * focused(nll(no_object));
    }
    weight
        * labels.iter().map(|&(label, value)| label_weight(settings, label) * value * focused(nll(label))).sum::<f64>()
}

/// What a query adds to the sum of weights that divides softmax classification. `background`: as in [`Known`].
pub fn weight(settings: &Settings, labels: &[(usize, f64)], background: f64) -> f64 {
    if labels.is_empty() {
        return background * settings.number("classification.noObjectWeight");
    }
    labels.iter().map(|&(label, value)| label_weight(settings, label) * value).sum()
}

/// The weight of a column in softmax classification.
fn label_weight(settings: &Settings, label: usize) -> f64 {
    let no_object = settings.no_object().expect("softmax");
    if label == no_object {
        return settings.number("classification.noObjectWeight");
    }
    let class = if label > no_object { label - 1 } else { label };
    settings.numbers("classification.classWeights").map_or(1.0, |weights| weights[class])
}

/// The class term of the matching cost of a target's labels with their values.
pub fn cost_of(settings: &Settings, x: &[f64], labels: &[(usize, f64)], agreement: Option<Agreement>) -> f64 {
    let sum = labels.iter().map(|&(label, value)| value * cost(settings, x, label, agreement)).sum::<f64>();
    match settings.word("cost.labels") {
        "mean" => sum / labels.iter().map(|&(_, value)| value).sum::<f64>(),
        "all-columns" => {
            let value = |column: usize| labels.iter().find(|own| own.0 == column).map_or(0.0, |own| own.1);
            let [of_label, of_background] = [true, false].map(|is_label| {
                move |column: usize| focal_cost(settings, sigmoid(x[column]), sigmoid(-x[column]), is_label)
            });
            let of = |column: usize| value(column) * of_label(column) + (1.0 - value(column)) * of_background(column);
            (0..x.len()).map(of).sum()
        }
        _ => sum,
    }
}

/// The part of the focal cost that a label has, or background. `q`: 1 - p.
fn focal_cost(settings: &Settings, p: f64, q: f64, is_label: bool) -> f64 {
    let epsilon = if settings.word("cost.classForm") == "focal" { settings.number("cost.epsilon") } else { 0.0 };
    let (alpha, gamma) = (settings.number("cost.alpha"), settings.number("cost.gamma"));
    match is_label {
        true => -alpha * q.powf(gamma) * (p + epsilon).ln(),
        false => -(1.0 - alpha) * p.powf(gamma) * (q + epsilon).ln(),
    }
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
fn cost(settings: &Settings, x: &[f64], label: usize, agreement: Option<Agreement>) -> f64 {
    if !settings.is_sigmoid() {
        return -x[label].exp() / x.iter().map(|v| v.exp()).sum::<f64>();
    }
    match settings.word("cost.classForm") {
        "probability" => return -sigmoid(x[label]),
        "product" => {
            let iou = agreement.expect("it was asked for").iou;
            return -sigmoid(x[label]) * iou.powf(settings.number("cost.power"));
        }
        _ => {}
    }
    let (mut p, mut q) = (sigmoid(x[label]), sigmoid(-x[label]));
    let beta = settings.number("cost.modulation");
    if beta > 0.0 {
        let Agreement { u, greatest, .. } = agreement.expect("it was asked for");
        let u = (u * scale(settings.word("cost.modulationMaximum"), greatest)).min(1.0);
        p *= u.powf(beta);
        q = 1.0 - p;
    }
    focal_cost(settings, p, q, true) - focal_cost(settings, p, q, false)
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
    /// How much a target has of the class, where it is labelled.
    value: Option<f64>,
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
fn cell(settings: &Settings, &Cell { class, x, fixed, quality, value }: &Cell) -> f64 {
    let (p, q) = (sigmoid(x), sigmoid(-x));
    let (alpha, gamma) = (settings.number("classification.alpha"), settings.number("classification.gamma"));
    let alpha = if settings.kind == "focal" { class_alpha(settings, class).unwrap_or(alpha) } else { alpha };
    let entropy = |t: f64| -t * p.ln() - (1.0 - t) * q.ln();
    match (settings.kind, value) {
        ("focal", Some(v)) => {
            (alpha * v + (1.0 - alpha) * (1.0 - v))
                * (if v == 1.0 { q } else { (v - p).abs() }).powf(gamma)
                * entropy(v)
        }
        ("focal", None) => -(1.0 - alpha) * p.powf(gamma) * q.ln(),
        ("varifocal", Some(v)) => quality * v * entropy(quality * v),
        ("mal", Some(v)) => entropy(quality.powf(gamma) * v),
        ("varifocal" | "mal", None) => {
            let is_detached = settings.flag("classification.detachWeights");
            -alpha * (if is_detached { sigmoid(fixed) } else { p }).powf(gamma) * q.ln()
        }
        ("ia-bce", Some(v)) => {
            let least = settings.number("classification.minQuality");
            entropy((sigmoid(fixed).powf(alpha) * quality.powf(1.0 - alpha)).max(least) * v)
        }
        ("ia-bce", None) => -p.powf(gamma) * q.ln(),
        (other, _) => panic!("there is no kind {other}"),
    }
}
