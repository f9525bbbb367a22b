//! Classification by one binary decision for each class.

use std::sync::Arc;

use lsap::memory::held;
use simd::{Level, all_finite, padded};

use super::binary::general::{General, Numbers};
use super::binary::soft::{self, MAXIMA, Maximum, SoftLabel, SoftRule};
use super::binary::{self, Cell, Pass, Rule, Sigmoid};
use super::cost::{self, ClassCost, CostForm, MAX_GAMMA};
use super::divisor;
use super::largest::is_largest;
use super::pairwise;
use crate::batch::{BACKGROUND, Columns, ImageTargets, Labels};
use crate::option::{LIMIT, OptionInfo, Options};
use crate::terms::class::{
    Background, BackgroundOutputs, ClassDivisor, ClassSum, ClassTerm, Logits, PairwiseCost, PairwiseInputs,
    PositiveInputs, Purpose, RankInputs, RankScope,
};
use crate::terms::family::Kind;
use crate::terms::memory::{Memory, TermMemory};
use crate::terms::pair::Measure;

/// Of Deformable DETR and its successors.
pub(super) const FOCAL: Kind = Kind {
    name: "focal",
    is_sigmoid: true,
    needs_quality: false,
    options: &with_common::<3, { 3 + COMMON }>([&FOCAL_ALPHA, &FOCAL_GAMMA, &CLASS_ALPHA]),
    build: |options, _| {
        let (alpha, gamma) = (options.number(&FOCAL_ALPHA), options.number(&FOCAL_GAMMA));
        Arc::new(Binary::row(Sigmoid::Focal { alpha, gamma }, options))
    },
};

/// Of RT-DETR and D-FINE.
pub(super) const VARIFOCAL: Kind = Kind {
    name: "varifocal",
    is_sigmoid: true,
    needs_quality: true,
    options: &with_common::<3, { 3 + COMMON }>([&VARIFOCAL_ALPHA, &VARIFOCAL_GAMMA, &DETACH_WEIGHTS]),
    build: |options, _| {
        let (alpha, gamma) = (options.number(&VARIFOCAL_ALPHA), options.number(&VARIFOCAL_GAMMA));
        let detach_weights = options.flag(&DETACH_WEIGHTS);
        Arc::new(Binary::row(Sigmoid::Varifocal { alpha, gamma, detach_weights }, options))
    },
};

/// Of DEIM.
pub(super) const MAL: Kind = Kind {
    name: "mal",
    is_sigmoid: true,
    needs_quality: true,
    options: &with_common::<3, { 3 + COMMON }>([&MAL_ALPHA, &MAL_GAMMA, &DETACH_WEIGHTS]),
    build: |options, _| {
        let (alpha, gamma) = (options.number(&MAL_ALPHA), options.number(&MAL_GAMMA));
        let detach_weights = options.flag(&DETACH_WEIGHTS);
        Arc::new(Binary::row(Sigmoid::Mal { alpha, gamma, detach_weights }, options))
    },
};

/// Of LW-DETR.
pub(super) const IA_BCE: Kind = Kind {
    name: "ia-bce",
    is_sigmoid: true,
    needs_quality: true,
    options: &with_common::<3, { 3 + COMMON }>([&FOCAL_ALPHA, &FOCAL_GAMMA, &MIN_QUALITY]),
    build: |options, _| {
        let (alpha, gamma) = (options.number(&FOCAL_ALPHA), options.number(&FOCAL_GAMMA));
        let min_quality = options.number(&MIN_QUALITY);
        Arc::new(Binary::row(Sigmoid::IaBce { alpha, gamma, min_quality }, options))
    },
};

/// All numbers, of which the other kinds are rows; by default plain cross-entropy with the IoU. Of QFL, Stable-DINO,
/// Rank-DETR, Align-DETR and others, see [`general`].
pub(super) const SIGMOID: Kind = Kind {
    name: "sigmoid",
    is_sigmoid: true,
    needs_quality: true,
    options: &with_common::<15, { 15 + COMMON }>([
        &POSITIVE_WEIGHT,
        &POSITIVE_GAMMA,
        &WEIGH_BY_TARGET,
        &NEGATIVE_WEIGHT,
        &NEGATIVE_GAMMA,
        &LIVE_WEIGHTS,
        &PROBABILITY_POWER,
        &QUALITY_POWER,
        &QUALITY,
        &NO_MIN_QUALITY,
        &IMAGE_MAXIMUM,
        &ZERO_IS_NEGATIVE,
        &RANK_DECAY,
        &RANK_TERMS,
        &CLASS_ALPHA,
    ]),
    build: |options, _| Arc::new(Binary::general(options)),
};

/// How many options all kinds have.
const COMMON: usize = 4 + cost::OPTIONS.len();

/// The options of a kind, and those of all.
const fn with_common<const N: usize, const ALL: usize>(own: [&'static OptionInfo; N]) -> [&'static OptionInfo; ALL] {
    let mut all = [&CARDINALITY; ALL];
    let mut k = 0;
    while k < ALL {
        all[k] = match k {
            k if k < N => own[k],
            k if k == N => &CLASS_WEIGHTS,
            k if k == N + 1 => &CARDINALITY,
            k if k == N + 2 => &divisor::SIGMOID,
            k if k == N + 3 => &divisor::MIN_QUERIES,
            k => cost::OPTIONS[k - N - 4],
        };
        k += 1;
    }
    all
}

/// w⁺.
const POSITIVE_WEIGHT: OptionInfo = OptionInfo::number("classification.positiveWeight", 1.0, [0.0, LIMIT]);

/// γ⁺ of |t - p|^γ⁺.
const POSITIVE_GAMMA: OptionInfo = OptionInfo::number("classification.positiveGamma", 0.0, [0.0, MAX_GAMMA]);

/// Whether t multiplies w⁺, as in varifocal loss.
const WEIGH_BY_TARGET: OptionInfo = OptionInfo::flag("classification.weighByTarget", false);

/// w⁻.
const NEGATIVE_WEIGHT: OptionInfo = OptionInfo::number("classification.negativeWeight", 1.0, [0.0, LIMIT]);

/// γ⁻ of p^γ⁻.
const NEGATIVE_GAMMA: OptionInfo = OptionInfo::number("classification.negativeGamma", 2.0, [0.0, MAX_GAMMA]);

/// Whether |t - p|^γ⁺ and p^γ⁻ are mere weights, without a gradient.
const LIVE_WEIGHTS: OptionInfo = OptionInfo::flag("classification.detachWeights", false);

/// a and b of t = p^a · q^b.
const PROBABILITY_POWER: OptionInfo = OptionInfo::number("classification.probabilityPower", 0.0, [0.0, MAX_GAMMA]);
const QUALITY_POWER: OptionInfo = OptionInfo::number("classification.qualityPower", 1.0, [0.0, MAX_GAMMA]);

/// q: the IoU of the pair, or (GIoU + 1)/2.
const QUALITY: OptionInfo = OptionInfo::word("classification.quality", &["iou", "giou"]);

/// The least t.
const NO_MIN_QUALITY: OptionInfo = OptionInfo::number("classification.minQuality", 0.0, [0.0, 1.0]);

/// What the greatest t of the image does to all of them.
const IMAGE_MAXIMUM: OptionInfo = OptionInfo::word("classification.imageMaximum", MAXIMA);

/// Whether a labelled cell with a t of 0 counts like any other cell, as in RF-DETR's position-supervised loss.
const ZERO_IS_NEGATIVE: OptionInfo = OptionInfo::flag("classification.zeroIsNegative", false);

/// τ of r = e^(-rank/τ), by which t is multiplied; 0 for no such factor.
const RANK_DECAY: OptionInfo = OptionInfo::number("classification.rankDecay", 0.0, [0.0, LIMIT]);

/// Which terms of a pair r multiplies beyond t: all, as in Align-DETR; the forms of IoU, as in Mr. DETR; or none.
const RANK_TERMS: OptionInfo = OptionInfo::word("classification.rankTerms", &["all", "overlap", "none"]);

/// α of each class, by which its labelled cells are multiplied, and its others by 1 - α.
const CLASS_ALPHA: OptionInfo = OptionInfo::per_class("classification.classAlpha", 1.0);

/// Weight of each class, by which all its cells are multiplied.
const CLASS_WEIGHTS: OptionInfo = OptionInfo::per_class("classification.classWeights", LIMIT);

const ALPHA: &str = "classification.alpha";
const GAMMA: &str = "classification.gamma";
const FOCAL_ALPHA: OptionInfo = OptionInfo::number(ALPHA, 0.25, [0.0, 1.0]);
const FOCAL_GAMMA: OptionInfo = OptionInfo::number(GAMMA, 2.0, [0.0, MAX_GAMMA]);
const VARIFOCAL_ALPHA: OptionInfo = OptionInfo::number(ALPHA, 0.75, [0.0, LIMIT]);
const VARIFOCAL_GAMMA: OptionInfo = OptionInfo::number(GAMMA, 2.0, [0.0, MAX_GAMMA]);
const MAL_ALPHA: OptionInfo = OptionInfo::number(ALPHA, 1.0, [0.0, LIMIT]);
const MAL_GAMMA: OptionInfo = OptionInfo::number(GAMMA, 1.5, [0.0, MAX_GAMMA]);

/// Whether the background's p^γ is a mere weight, without a gradient.
const DETACH_WEIGHTS: OptionInfo = OptionInfo::flag("classification.detachWeights", true);

/// The least t of [`Sigmoid::IaBce`].
const MIN_QUALITY: OptionInfo = OptionInfo::number("classification.minQuality", 0.01, [0.0, 1.0]);

/// Which queries count as objects: those with a probability above 0.5, so a logit above 0, as in huggingface/transformers'
/// losses of such models; or those whose first largest logit is not that of the last class, as if that column still meant
/// no-object: the published criteria, which keep DETR's `loss_cardinality`.
const CARDINALITY: OptionInfo = OptionInfo::word("cardinality", &["threshold", PUBLISHED]);
const PUBLISHED: &str = "published";

/// Ready to run.
#[derive(Debug)]
struct Binary {
    rule: AnyRule,
    /// What takes the place of the kernels of a named kind where labels have values.
    valued: Option<General>,
    cost: CostForm,
    divisor: ClassDivisor,
    is_published_cardinality: bool,
    measure: Measure,
    /// τ, and which terms the factor is for.
    rank: Option<(f64, RankScope)>,
}

/// What cells are worth.
#[derive(Debug)]
enum AnyRule {
    /// By the kernels of the kinds with names.
    Row(Rule),
    /// By those of all numbers.
    General(General),
}

/// Labelled logits.
#[derive(Default)]
struct SigmoidBuffers {
    cells: Vec<Cell>,
    soft: Vec<SoftLabel>,
    scores: Vec<f64>,
    order: Vec<usize>,
}

impl Memory for SigmoidBuffers {
    fn held(&self) -> usize {
        held(&self.cells) + held(&self.soft) + held(&self.scores) + held(&self.order)
    }
}

impl AnyRule {
    fn background(
        &self,
        level: Level,
        logits: &[f32],
        classes: usize,
        scale: f64,
        gradient: Option<&mut [f32]>,
    ) -> Pass {
        match self {
            Self::Row(rule) => rule.background(level, logits, scale, gradient),
            Self::General(rule) => rule.background(level, logits, classes, scale, gradient),
        }
    }
}

impl AnyRule {
    /// The same for the columns that an image has, where that is another rule.
    fn of_columns(&self, columns: Option<&Columns>) -> Option<Self> {
        match self {
            Self::Row(_) => None,
            Self::General(rule) => rule.of_columns(columns?).map(Self::General),
        }
    }
}

impl Binary {
    /// One of the kinds with names.
    fn row(kind: Sigmoid, options: &Options) -> Self {
        // focal alone has such a list
        let alpha = options.numbers(&CLASS_ALPHA);
        let weights = options.numbers(&CLASS_WEIGHTS);
        let rule = if alpha.is_none() && weights.is_none() {
            AnyRule::Row(Rule::new(kind))
        } else {
            let numbers = Numbers::of(kind);
            let bare = Numbers { positive_weight: 1.0, negative_weight: 1.0, ..numbers };
            AnyRule::General(General::new(if alpha.is_some() { bare } else { numbers }, alpha, weights))
        };
        let valued = matches!(rule, AnyRule::Row(_)).then(|| General::new(Numbers::of(kind), None, None));
        Self { valued, ..Self::new(rule, options) }
    }

    /// The kind with all numbers.
    fn general(options: &Options) -> Self {
        let numbers = Numbers {
            positive_weight: options.number(&POSITIVE_WEIGHT),
            weighs_by_target: options.flag(&WEIGH_BY_TARGET),
            blends_weights: false,
            positive_gamma: options.number(&POSITIVE_GAMMA),
            negative_weight: options.number(&NEGATIVE_WEIGHT),
            negative_gamma: options.number(&NEGATIVE_GAMMA),
            detach_weights: options.flag(&LIVE_WEIGHTS),
            soft: SoftRule {
                probability_power: options.number(&PROBABILITY_POWER),
                quality_power: options.number(&QUALITY_POWER),
                floor: options.number(&NO_MIN_QUALITY),
                maximum: Maximum::of(options.word(&IMAGE_MAXIMUM)),
            },
            zero_is_negative: options.flag(&ZERO_IS_NEGATIVE),
        };
        let rule = General::new(numbers, options.numbers(&CLASS_ALPHA), options.numbers(&CLASS_WEIGHTS));
        let tau = options.number(&RANK_DECAY);
        let scope = match options.word(&RANK_TERMS) {
            "none" => RankScope::Class,
            "overlap" => RankScope::Overlaps,
            _ => RankScope::All,
        };
        Self {
            measure: if options.word(&QUALITY) == "giou" { Measure::Giou } else { Measure::Overlap },
            rank: (tau > 0.0).then_some((tau, scope)),
            ..Self::new(AnyRule::General(rule), options)
        }
    }

    fn new(rule: AnyRule, options: &Options) -> Self {
        Self {
            rule,
            valued: None,
            cost: CostForm::new(options),
            divisor: divisor::divisor(options, &divisor::SIGMOID),
            is_published_cardinality: options.word(&CARDINALITY) == PUBLISHED,
            measure: Measure::Overlap,
            rank: None,
        }
    }
}

/// The labelled cells of pairs, one pair after the other. `query_weights`: of the background.
fn list_cells(
    cells: &mut Vec<Cell>,
    logits: Logits<'_>,
    targets: &ImageTargets<'_>,
    pairs: &[(usize, usize)],
    quality: &[f64],
    query_weights: Option<&[f32]>,
) {
    cells.clear();
    for (k, &(query, target)) in pairs.iter().enumerate() {
        let quality = quality.get(k).copied().unwrap_or(0.0);
        let weight = targets.weight(target) as f32; // as it was given
        let background = query_weights.map_or(1.0, |weights| weights[query]);
        cells.extend(targets.positives(target).map(|(label, value)| {
            let at = query * logits.classes + logits.place(label);
            Cell { at, quality, value, weight, background }
        }));
    }
}

impl ClassTerm for Binary {
    fn no_object(&self) -> Option<usize> {
        None
    }

    fn neutralize(&self, row: &mut [f32], _: Option<&Columns>) {
        /// Background to all digits, though above every other.
        const LEAST: f32 = -1e30;
        row.fill(f32::MIN);
        row.iter_mut().last().into_iter().for_each(|last| *last = LEAST);
    }

    fn divisor(&self) -> ClassDivisor {
        self.divisor
    }

    fn count(&self, targets: &ImageTargets<'_>) -> f64 {
        let values = (0..targets.len()).flat_map(|target| targets.positives(target));
        values.map(|(_, value)| f64::from(value)).sum()
    }

    fn weight_before_matching(&self, queries: usize, _: &ImageTargets<'_>, _: usize) -> Option<f64> {
        Some(queries as f64)
    }

    fn weight(&self, _: &ImageTargets<'_>, matches: &[i32], left_out: &[usize], query_weights: Option<&[f32]>) -> f64 {
        let is_kept = |query: usize, target: i32| match target {
            _ if left_out.binary_search(&query).is_ok() => false,
            BACKGROUND => query_weights.is_none_or(|weights| weights[query] > 0.0),
            target => target >= 0,
        };
        matches.iter().enumerate().filter(|&(query, &target)| is_kept(query, target)).count() as f64
    }

    fn pass_scale(&self, scale: f64) -> f32 {
        scale as f32
    }

    fn background(
        &self,
        level: Level,
        logits: Logits<'_>,
        labels: &Labels,
        purpose: Purpose<'_>,
        out: BackgroundOutputs<'_>,
        _: &mut TermMemory,
    ) -> Background {
        let Logits { values, queries, classes, .. } = logits;
        cost::fill(level, self.cost, values, classes, labels, padded(queries), out.rows);
        let Purpose::Loss { scale, gradient } = purpose else {
            return Background { is_finite: all_finite(level, values), ..Background::default() };
        };
        let of_columns = self.rule.of_columns(logits.columns);
        let rule = of_columns.as_ref().unwrap_or(&self.rule);
        let pass = rule.background(level, values, classes, f64::from(scale), gradient);
        let objects = if self.is_published_cardinality {
            values.chunks_exact(classes).filter(|row| beats_last(row)).count()
        } else {
            binary::positive_rows(level, values, classes)
        };
        Background { sum: pass.loss, objects, is_finite: pass.finite }
    }

    fn measure(&self) -> Measure {
        self.measure
    }

    fn rank_scope(&self) -> Option<RankScope> {
        self.rank.map(|(_, scope)| scope)
    }

    fn rank(&self, level: Level, inputs: &RankInputs<'_>, memory: &mut TermMemory, factors: &mut Vec<f64>) {
        let (Some((tau, _)), AnyRule::General(rule)) = (self.rank, &self.rule) else { return };
        let RankInputs { logits, targets, pairs, quality } = *inputs;
        let SigmoidBuffers { cells, soft, scores, order } = memory.get();
        list_cells(cells, logits, targets, pairs, quality, None);
        rule.numbers().soft.fill(level, logits.values, cells, soft);
        let mut next = 0;
        scores.clear();
        scores.extend(pairs.iter().map(|&(_, target)| {
            let own = &soft[next..next + targets.labels(target).len()];
            next += own.len();
            own.iter().fold(0.0, |best: f64, label| best.max(label.t))
        }));
        soft::rank_factors(level, tau, pairs, scores, order, factors);
    }

    fn pairwise_cost(&self) -> Option<PairwiseCost> {
        self.cost.form.pairwise()
    }

    fn add_pairwise_cost(&self, level: Level, inputs: &PairwiseInputs<'_>, costs: &mut [f32]) {
        if let ClassCost::Pairwise(form) = self.cost.form {
            pairwise::add(level, form, self.cost.combination, inputs, costs);
        }
    }

    fn cost_weight(&self, weight: f64, _: f32) -> f32 {
        if self.pairwise_cost().is_some() { 0.0 } else { weight as f32 }
    }

    fn positives(
        &self,
        level: Level,
        inputs: PositiveInputs<'_>,
        mut gradient: Option<&mut [f32]>,
        memory: &mut TermMemory,
    ) -> ClassSum {
        let PositiveInputs { logits, targets, pairs, quality, factors, left_out, query_weights, .. } = inputs;
        let (mut background, scale) = (inputs.background, inputs.scale);
        let SigmoidBuffers { cells, soft, .. } = memory.get();
        let of_columns = self.rule.of_columns(logits.columns);
        let rule = of_columns.as_ref().unwrap_or(&self.rule);
        list_cells(cells, logits, targets, pairs, quality, query_weights);
        let has_repeated = pairs.windows(2).any(|pairs| pairs[0].0 == pairs[1].0);
        let is_correct = |&&(query, target): &&(usize, usize)| {
            is_largest(logits.row(query), targets.positives(target).map(|(label, _)| logits.place(label)))
        };
        let correct = pairs.iter().filter(is_correct).count();
        let loss_of = |query: usize| rule.background(level, logits.row(query), logits.classes, scale, None).loss;
        let weighed = query_weights.into_iter().flatten().enumerate().filter(|&(_, &weight)| weight != 1.0);
        for (query, &weight) in weighed {
            background += (f64::from(weight) - 1.0) * loss_of(query);
            if let Some(gradient) = &mut gradient {
                gradient[query * logits.classes..][..logits.classes].iter_mut().for_each(|slope| *slope *= weight);
            }
        }
        for &query in left_out {
            let weight = query_weights.map_or(1.0, |weights| f64::from(weights[query]));
            background -= weight * loss_of(query);
        }
        let is_plain = matches!(rule, AnyRule::Row(_)) && (self.valued.is_none() || !targets.has_values());
        if has_repeated && is_plain {
            // t rises with how well the pair agrees
            keep_greatest(cells, None);
        }
        let gain = match (rule, &self.valued) {
            (AnyRule::Row(rule), None) => rule.apply_positives(level, logits.values, cells, scale, gradient),
            (AnyRule::Row(rule), _) if !targets.has_values() => {
                rule.apply_positives(level, logits.values, cells, scale, gradient)
            }
            (AnyRule::General(rule), _) | (AnyRule::Row(_), Some(rule)) => {
                rule.numbers().soft.fill(level, logits.values, cells, soft);
                if !factors.is_empty() {
                    let of_cells = pairs.iter().zip(factors);
                    let of_cells =
                        of_cells.flat_map(|(&(_, target), &factor)| targets.labels(target).iter().map(move |_| factor));
                    soft.iter_mut().zip(of_cells).for_each(|(label, factor)| *label = label.times(factor));
                }
                if targets.has_values() {
                    soft.iter_mut().zip(&*cells).for_each(|(label, cell)| *label = label.times(f64::from(cell.value)));
                }
                if has_repeated {
                    keep_greatest(cells, Some(soft));
                }
                rule.apply_positives(level, logits.values, logits.classes, (cells, soft), scale, gradient)
            }
        };
        // rounding may take away more than is left of certain cells
        ClassSum { loss: (background + gain).max(0.0), correct }
    }
}

/// Keeps of several labels of a logit, which the pairs of a query bring, that of the greatest t, of equal ones that whose pair
/// agrees best, and of these the first: a cell has but one value (facebookresearch/sam3 keeps the one that is written last, which
/// is no rule). `soft`: parallel to the cells; in absence, t rises with how well the pair agrees.
fn keep_greatest(cells: &mut Vec<Cell>, soft: Option<&mut Vec<SoftLabel>>) {
    let label = |k: usize| soft.as_deref().and_then(|soft| soft.get(k)).copied().unwrap_or_default();
    let mut all: Vec<(Cell, SoftLabel)> = cells.iter().enumerate().map(|(k, &cell)| (cell, label(k))).collect();
    all.sort_by(|(a, of_a), (b, of_b)| {
        a.at.cmp(&b.at).then(of_b.t.total_cmp(&of_a.t)).then(b.quality.total_cmp(&a.quality))
    });
    all.dedup_by_key(|(cell, _)| cell.at);
    cells.clear();
    cells.extend(all.iter().map(|&(cell, _)| cell));
    if let Some(soft) = soft {
        soft.clear();
        soft.extend(all.iter().map(|&(_, label)| label));
    }
}

/// Whether the first largest logit is not the last one.
fn beats_last(row: &[f32]) -> bool {
    row.split_last().is_some_and(|(last, others)| others.iter().any(|x| x >= last))
}
