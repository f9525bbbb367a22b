//! Spans: intervals of one dimension, such as moments of a video, by L1 and the forms of IoU.
//!
//! cost = λ_l1 · Σ|s_q - s_t| - λ_giou · GIoU(s_q, s_t) - λ_iou · IoU(s_q, s_t); loss = Σ L1, Σ (1 - GIoU) and Σ (1 - IoU)
//! over the pairs, where GIoU = I/U - (H - U)/H with the lengths I of the overlap, U of the union and H of the hull (Lei et
//! al. 2021, "QVHighlights"; jayleicn/moment_detr, `span_utils.py`).

mod format;
mod pairs;

use std::sync::Arc;

use simd::Level;

use super::divisor;
use super::family::{Built, Family, Places, Presence, TargetField, Term};
use super::memory::TermMemory;
use super::pair::{
    AgreementInputs, Broken, CostInputs, Measure, Overlap, PairOutputs, PairTerms, Pairs, fill_class, only,
};
use crate::error::Result;
use crate::field::{Axis, Field, FieldRows};
use crate::option::{OptionInfo, Options};
use format::{COMPONENTS, SPAN_FORMAT, SpanFormat};
use pairs::{MatchedSpans, SpanTerms};

/// The family.
pub(super) const FAMILY: Family = Family {
    name: "spans",
    queries: &[SPANS],
    targets: &[TargetField::rows(SPANS)],
    terms: &[term("spanL1"), term("spanGiou"), Term { is_variant: true, ..term("spanIou") }],
    options: &[&SPAN_FORMAT, &NORMALIZED_SPANS, &NORMALIZATION],
    has_quality: true,
    is_late: false,
    needs: None,
    presence: Presence::Everywhere,
    follows_union: true,
    build,
};

const SPANS: Field = Field::row("spans", &[Axis { name: "component", size: Some(COMPONENTS) }], true);

/// Whether targets must lie in [0, 1].
const NORMALIZED_SPANS: OptionInfo = OptionInfo::flag("normalizedSpans", true);

/// What the terms are divided by, where that is another than of other families.
const NORMALIZATION: OptionInfo = divisor::own("normalization.spans");

const fn term(name: &'static str) -> Term {
    Term { name, in_cost: true, is_variant: false, needs_sigmoid: false }
}

fn build(options: &Options, places: Places<'_>) -> Result<Built> {
    Ok(Built::Pair(Arc::new(SpanFamily {
        queries: places.queries,
        targets: places.targets,
        format: SpanFormat::new(options.word(&SPAN_FORMAT)),
        are_normalized: options.flag(&NORMALIZED_SPANS),
    })))
}

/// Ready to run.
#[derive(Debug)]
struct SpanFamily {
    /// Places of the two fields.
    queries: usize,
    targets: usize,
    format: SpanFormat,
    are_normalized: bool,
}

impl SpanFamily {
    /// The spans of pairs.
    fn matched<'a>(&self, pairs: &Pairs<'a>) -> MatchedSpans<'a> {
        let (predicted, targets) = (pairs.queries.get(self.queries), pairs.targets.get(self.targets));
        MatchedSpans { predicted, targets, pairs: pairs.list }
    }
}

impl PairTerms for SpanFamily {
    fn query_width(&self, _: usize, _: usize) -> usize {
        COMPONENTS
    }

    fn target_width(&self, _: usize, _: usize) -> usize {
        COMPONENTS
    }

    fn check_query(&self, _: usize, row: &[f32]) -> Option<Broken> {
        self.format.broken_rule(row)
    }

    fn check_target(&self, _: usize, row: &[f32]) -> Option<Broken> {
        self.format.broken_rule(row).or_else(|| format::outside(row).filter(|_| self.are_normalized))
    }

    fn lay_out(&self, level: Level, queries: FieldRows<'_>, layout: &mut Vec<f32>) -> bool {
        let spans = queries.get(self.queries);
        pairs::lay_out(spans, layout);
        simd::all_finite(level, spans)
            && spans.chunks_exact(COMPONENTS).all(|row| self.format.broken_rule(row).is_none())
    }

    fn layout_width(&self, _: usize) -> usize {
        COMPONENTS
    }

    fn add_cost(&self, level: Level, inputs: &CostInputs<'_>, block: &mut [f32], _: &mut TermMemory) {
        let targets = inputs.targets.get(self.targets);
        if let Some(class) = &inputs.class {
            fill_class(class, inputs.queries, block);
        }
        pairs::add_cost(level, self.format, &SpanTerms::of(inputs.weights), inputs.layout, targets, block);
    }

    fn add_loss(&self, level: Level, pairs: &Pairs<'_>, out: PairOutputs<'_, '_>, _: &mut TermMemory) {
        let scale = SpanTerms::of(out.scales);
        let gradient = out.gradients.map(only);
        let out_of = pairs::Outputs { factors: out.factors, quality: out.quality, gradient };
        let terms = pairs::matched(level, self.format, self.matched(pairs), &scale, out_of);
        out.sums.iter_mut().zip(terms.values()).for_each(|(sum, value)| *sum += value);
    }

    fn agreement(&self, level: Level, pairs: &Pairs<'_>, measure: Measure, out: &mut [f64]) {
        pairs::agreement(level, self.format, self.matched(pairs), measure, out);
    }

    fn has_agreement_rows(&self) -> bool {
        true
    }

    fn agreement_row(&self, level: Level, inputs: &AgreementInputs<'_>, out: &mut [f32]) {
        let target = &inputs.targets.get(self.targets)[COMPONENTS * inputs.target..][..COMPONENTS];
        pairs::agreement_row(level, self.format, inputs.measure, inputs.layout, target, out);
    }

    fn overlap(&self, overlap: Overlap, query: &[f32], region: &[f32]) -> Option<f64> {
        Some(self.format.overlap(overlap, query, region))
    }
}
