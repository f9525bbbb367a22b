//! The terms of all families over the pairs of an image, and how well each pair agrees.

use lsap::memory::first;

use super::image::Image;
use super::jobs::Gradients;
use super::setup::Setup;
use super::weighed::Weighed;
use crate::field::MAX_FIELDS;
use crate::terms::class::RankScope;
use crate::terms::memory::TermMemory;
use crate::terms::pair::{PairFactors, PairOutputs, Pairs};
use crate::terms::{FAMILIES, TERMS, queries_of, terms_of};

/// What each term of a layer is multiplied by in its gradient: part weight · weight / normaliser.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scales(pub [f64; TERMS]);

impl Scales {
    /// Of an image whose terms are divided by numbers of its own, too.
    pub fn divided(mut self, divisors: &[f64; TERMS]) -> Self {
        self.0.iter_mut().zip(divisors).for_each(|(scale, divisor)| *scale /= divisor);
        self
    }
}

/// How well each pair agrees; and what further families say of it.
#[derive(Debug, Default)]
pub(crate) struct Agreements {
    quality: Vec<f64>,
    spare: Vec<f64>,
    memory: TermMemory,
    weighed: Weighed,
}

impl Agreements {
    /// Bytes that grow with an image.
    pub fn held(&self) -> usize {
        self.memory.held()
    }
}

/// Where queries have several pairs, how well all agree, and gradients of those beyond each query's first; see [`repeated`].
#[derive(Debug, Default)]
pub(crate) struct Repeated {
    round: Vec<(usize, usize)>,
    factors: Vec<f64>,
    quality: Vec<f64>,
    numbers: Vec<usize>,
    gradients: [Vec<f32>; MAX_FIELDS],
}

/// Whose terms are computed over some pairs.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Over {
    /// Those of all families, over a layer's own pairs.
    All,
    /// Over its own pairs too, those of families that do not follow the union matching; of the others, how well pairs agree.
    Own,
    /// Those of families that follow it, over its pairs.
    Union,
}

/// Whose terms, what they are multiplied by in the gradient, and the pairs' factors by rank.
pub(crate) type Weighing<'a> = (Over, &'a Scales, &'a [f64]);

/// The terms of the families over the pairs, and how well each pair agrees, by the first family that says so.
pub(crate) fn geometry<'a>(
    setup: &Setup,
    image: &Image<'_>,
    pairs: &Pairs<'_>,
    (over, scales, factors): Weighing<'_>,
    mut gradients: Option<&mut Gradients<'_>>,
    Agreements { quality, spare, memory, weighed }: &'a mut Agreements,
) -> ([f64; TERMS], &'a [f64]) {
    let factors = match setup.class.rank_scope() {
        None | Some(RankScope::Class) => PairFactors::default(),
        Some(scope) => PairFactors { values: factors, only_overlaps: scope == RankScope::Overlaps },
    };
    let mut sums = [0.0; TERMS];
    // of a query's targets of one class, the one that agrees best decides, whatever the kind
    let has_further = image.slot.most_further > 0;
    let asks_quality = setup.needs_quality || has_further || setup.late(image.active()).is_some();
    let mut is_known = false;
    for (family, terms) in setup.pairs(image.active()) {
        let follows = FAMILIES[family].follows_union;
        if over == Over::Union && !follows {
            continue;
        }
        let counts = over != Over::Own || !follows;
        let says = FAMILIES[family].has_quality && !is_known;
        is_known |= says;
        let out = PairOutputs {
            factors,
            scales: &scales.0[terms_of(family)],
            sums: &mut sums[terms_of(family)],
            quality: first(if says { &mut *quality } else { &mut *spare }, pairs.list.len()),
            asks_quality: asks_quality && says,
            gradients: gradients.as_deref_mut().filter(|_| counts).map(|all| &mut all[queries_of(family)]),
            is_further: false,
        };
        if image.targets.all.has_weights() {
            let weight = |target| image.targets.all.weight(target);
            weighed.add_loss(setup.level, terms, pairs, weight, out, memory);
        } else {
            terms.add_loss(setup.level, pairs, out, memory);
        }
        if !counts {
            sums[terms_of(family)].fill(0.0);
        }
    }
    (sums, first(quality, pairs.list.len()))
}

/// The terms of all families over pairs of which a query may have several, by ascending query. Each family writes the
/// gradient of a query once, so first each query's first pair is computed, then its second, and what further ones give is
/// added.
pub(crate) fn repeated<'a>(
    setup: &Setup,
    image: &Image<'_>,
    pairs: &Pairs<'_>,
    (over, scales, factors): Weighing<'_>,
    mut gradients: Option<&mut Gradients<'_>>,
    (agreements, repetitions): (&'a mut Agreements, &'a mut Repeated),
) -> ([f64; TERMS], &'a [f64]) {
    let is_first = |k: usize| k == 0 || pairs.list[k - 1].0 != pairs.list[k].0;
    if (0..pairs.list.len()).all(is_first) {
        return geometry(setup, image, pairs, (over, scales, factors), gradients, agreements);
    }
    let Repeated { round, factors: own_factors, quality, numbers, gradients: copies } = repetitions;
    let mut sums = [0.0; TERMS];
    quality.clear();
    quality.resize(pairs.list.len(), 0.0);
    // which of its query's pairs each one is
    let number = |k: usize| (1..=k).take_while(|&back| pairs.list[k - back].0 == pairs.list[k].0).count();
    for turn in 0.. {
        let places = || (0..pairs.list.len()).filter(|&k| number(k) == turn);
        round.clear();
        round.extend(places().map(|k| pairs.list[k]));
        if round.is_empty() {
            break;
        }
        own_factors.clear();
        own_factors.extend(places().filter_map(|k| factors.get(k)));
        numbers.clear();
        numbers.extend(places().map(|k| pairs.number(k)));
        let (list, weighing) = (Pairs { list: round, numbers, ..*pairs }, (over, scales, &own_factors[..]));
        let (terms, agreement) = match gradients.as_deref_mut() {
            Some(gradients) if turn > 0 => {
                for (copy, own) in copies.iter_mut().zip(gradients.iter()).skip(1) {
                    copy.clear();
                    copy.resize(own.len(), 0.0);
                }
                let mut places = copies.each_mut().map(Vec::as_mut_slice);
                let found = geometry(setup, image, &list, weighing, Some(&mut places), agreements);
                for (copy, own) in copies.iter_mut().zip(gradients.iter_mut()).skip(1) {
                    // a sum beyond the range of f32 is its largest number, and no zero is negative
                    let sum = |own: f32, other: f32| (own + other).clamp(f32::MIN, f32::MAX) + 0.0;
                    own.iter_mut().zip(&*copy).for_each(|(own, &other)| *own = sum(*own, other));
                }
                found
            }
            own => geometry(setup, image, &list, weighing, own, agreements),
        };
        sums.iter_mut().zip(terms).for_each(|(sum, term)| *sum += term);
        places().zip(agreement).for_each(|(k, &value)| quality[k] = value);
    }
    (sums, quality)
}
