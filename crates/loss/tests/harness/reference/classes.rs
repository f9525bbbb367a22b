//! The kinds of classification by their definitions, in plain `f64`.

use super::super::settings::Settings;
use super::super::test_support::Random;

/// The kinds; `has_quality`: whether pairs say how well they agree, which some kinds need.
pub fn kinds(has_quality: bool) -> &'static [&'static str] {
    const ALL: [&str; 6] = ["softmax", "softmax", "focal", "varifocal", "mal", "ia-bce"];
    if has_quality { &ALL } else { &ALL[..3] }
}

/// Sets the options of a kind to random values.
pub fn options(random: &mut Random, settings: Settings) -> Settings {
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
            .with(
                "classification.normalization",
                ["weighted-mean", "weighted-mean", "num-boxes", "num-queries", "num-pairs", "per-image"]
                    [(6.0 * unit()) as usize],
            )
            .with("classification.minQueries", (30.0 * unit()).floor());
        return if flips[2] { settings.with("classification.classWeights", class_weights) } else { settings };
    }
    settings = settings
        .with("classification.alpha", unit())
        .with("classification.gamma", gammas[0])
        .with(
            "classification.normalization",
            ["num-boxes", "num-pairs", "num-labels", "num-queries", "per-image"][(5.0 * unit()) as usize],
        )
        .with("classification.minQueries", (30.0 * unit()).floor())
        .with("cardinality", if flips[0] { "published" } else { "threshold" })
        .with("cost.classForm", ["focal", "log-sigmoid", "probability"][(3.0 * unit()) as usize])
        .with("cost.alpha", unit())
        .with("cost.gamma", gammas[1]);
    match kind {
        "varifocal" | "mal" => settings.with("classification.detachWeights", flips[1]),
        "ia-bce" => settings.with("classification.minQuality", 0.3 * unit()),
        _ => settings,
    }
}

/// The class term of a query, not yet divided by anything. `labels`: of its target, none for background. `quality`: of
/// its pair. What passes no gradient is computed from `fixed`.
pub fn value(settings: &Settings, labels: &[i32], quality: f64, x: &[f64], fixed: &[f64]) -> f64 {
    let Some(no_object) = settings.no_object() else {
        let is_labelled = |class: usize| labels.contains(&(class as i32));
        return (0..x.len()).map(|class| cell(settings, is_labelled(class), quality, x[class], fixed[class])).sum();
    };
    let label = labels.first().map_or(no_object, |&label| label as usize);
    let max = x.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let sum: f64 = x.iter().map(|v| (v - max).exp()).sum();
    weight(settings, labels) * (sum.ln() + max - x[label])
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

/// The class term of the matching cost, of one label.
pub fn cost(settings: &Settings, x: &[f64], label: usize) -> f64 {
    if !settings.is_sigmoid() {
        return -x[label].exp() / x.iter().map(|v| v.exp()).sum::<f64>();
    }
    let epsilon = match settings.word("cost.classForm") {
        "probability" => return -sigmoid(x[label]),
        "focal" => 1e-8,
        _ => 0.0,
    };
    let (alpha, gamma) = (settings.number("cost.alpha"), settings.number("cost.gamma"));
    let (p, q) = (sigmoid(x[label]), sigmoid(-x[label]));
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

/// What one logit adds to a sigmoid criterion.
fn cell(settings: &Settings, is_labelled: bool, quality: f64, x: f64, fixed: f64) -> f64 {
    let (p, q) = (sigmoid(x), sigmoid(-x));
    let (alpha, gamma) = (settings.number("classification.alpha"), settings.number("classification.gamma"));
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
