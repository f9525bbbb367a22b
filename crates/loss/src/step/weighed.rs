//! Pairs whose targets have weights: those of one weight are computed together, so that no family knows of weights.

use simd::Level;

use crate::terms::late::{LatePairs, LateTerms};
use crate::terms::memory::TermMemory;
use crate::terms::pair::{PairFactors, PairOutputs, PairTerms, Pairs};

/// Memory of what pairs of one weight are put together in. Holds nothing between images but its capacity.
#[derive(Debug, Default)]
pub(crate) struct Weighed {
    /// The weight of each pair's target, and the pair's place among all.
    order: Vec<(f64, usize)>,
    list: Vec<(usize, usize)>,
    numbers: Vec<usize>,
    quality: Vec<f64>,
    factors: Vec<f64>,
    scales: Vec<f64>,
    sums: Vec<f64>,
}

impl Weighed {
    /// As [`PairTerms::add_loss`], with each pair multiplied by the weight of its target.
    pub fn add_loss(
        &mut self,
        level: Level,
        terms: &dyn PairTerms,
        pairs: &Pairs<'_>,
        weight: impl Fn(usize) -> f64,
        PairOutputs { factors, scales, sums, quality, asks_quality, mut gradients, is_further }: PairOutputs<'_, '_>,
        memory: &mut TermMemory,
    ) {
        self.sort(pairs.list, weight);
        let Self { order, list, numbers, quality: of_list, factors: of_pairs, scales: weighed, sums: added } = self;
        for (turn, group) in order.chunk_by(|a, b| a.0 == b.0).enumerate() {
            let weight = group[0].0;
            list.clear();
            list.extend(group.iter().map(|&(_, at)| pairs.list[at]));
            numbers.clear();
            numbers.extend(group.iter().map(|&(_, at)| pairs.number(at)));
            of_list.clear();
            of_list.resize(group.len(), 0.0);
            weighed.clear();
            weighed.extend(scales.iter().map(|scale| scale * weight));
            added.clear();
            added.resize(sums.len(), 0.0);
            of_pairs.clear();
            of_pairs.extend(group.iter().filter_map(|&(_, at)| factors.values.get(at).copied()));
            let out = PairOutputs {
                factors: PairFactors { values: of_pairs, ..factors },
                scales: weighed,
                sums: added,
                quality: of_list,
                asks_quality,
                gradients: gradients.as_deref_mut(),
                is_further: is_further || turn > 0,
            };
            terms.add_loss(level, &Pairs { list, numbers, ..*pairs }, out, memory);
            sums.iter_mut().zip(&*added).for_each(|(sum, value)| *sum += weight * value);
            group.iter().zip(&*of_list).for_each(|(&(_, at), &value)| quality[at] = value);
        }
    }

    /// As [`LateTerms::add_pairs`], likewise.
    pub fn add_pairs(
        &mut self,
        level: Level,
        terms: &dyn LateTerms,
        pairs: &LatePairs<'_>,
        weight: impl Fn(usize) -> f64,
        (scale, mut gradient): (f64, Option<&mut [f32]>),
        memory: &mut TermMemory,
    ) -> f64 {
        self.sort(pairs.list, weight);
        let Self { order, list, quality, .. } = self;
        let mut sum = 0.0;
        for group in order.chunk_by(|a, b| a.0 == b.0) {
            let weight = group[0].0;
            list.clear();
            list.extend(group.iter().map(|&(_, at)| pairs.list[at]));
            quality.clear();
            quality.extend(group.iter().map(|&(_, at)| pairs.quality[at]));
            let own = LatePairs { list, quality, ..*pairs };
            sum += weight * terms.add_pairs(level, &own, scale * weight, gradient.as_deref_mut(), memory);
        }
        sum
    }

    /// Pairs by the weight of their target, and those of one weight in their order.
    fn sort(&mut self, list: &[(usize, usize)], weight: impl Fn(usize) -> f64) {
        self.order.clear();
        self.order.extend(list.iter().enumerate().map(|(at, &(_, target))| (weight(target), at)));
        self.order.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    }
}
