//! Boxes whose four edges are distributions over bins: fine-grained localisation of the pairs, and distillation from a
//! part's last layer to its earlier ones (Peng et al. 2025, "D-FINE"; Peterande/D-FINE, `dfine_criterion.py`,
//! `loss_local`).

mod bins;
#[cfg(test)]
mod tests;
mod tile;

use std::sync::Arc;

use lsap::memory::{first, held};
use simd::{LANES, Level, all_finite, dispatch};

use super::boxes::{BOX_FORMAT, BoxFormat, COMPONENTS, TARGET_BOXES, lay_out};
use super::divisor;
use super::family::{Built, Family, Places, Term};
use super::late::{LatePairs, LateTerms, Taught};
use super::memory::{Memory, TermMemory};
use super::pair::Broken;
use crate::error::Result;
use crate::field::{Axis, Field, FieldRows};
use crate::option::{OptionInfo, Options, Values};
use bins::{Bins, DistilledEdges, EdgeTarget, Localization, Tiles, distillation_shares};
use tile::{EDGES, best_scores};

/// The family. Its targets are the boxes'.
pub(super) const FAMILY: Family = Family {
    name: "edges",
    queries: &[CORNERS, REFERENCES],
    targets: &[],
    terms: &[
        Term { name: "fgl", in_cost: false, is_variant: false, needs_sigmoid: false },
        Term { name: "ddf", in_cost: false, is_variant: false, needs_sigmoid: true },
    ],
    options: &[&REG_MAX, &UP, &REG_SCALE, &TEMPERATURE, &NORMALIZATION],
    has_quality: false,
    is_late: true,
    needs: Some("boxes"),
    build,
};

/// Raw scores of the bins of the left, top, right and bottom edge.
const CORNERS: Field = Field {
    name: "corners",
    axes: &[Axis { name: "edge", size: Some(EDGES) }, Axis { name: "bin", size: None }],
    has_gradient: true,
};

/// The boxes that the edges' distances start from, in the configured format.
const REFERENCES: Field =
    Field { name: "references", axes: &[Axis { name: "component", size: Some(COMPONENTS) }], has_gradient: false };

/// One less than the number of an edge's bins; 32 in D-FINE.
const REG_MAX: OptionInfo =
    OptionInfo { name: "distribution.regMax", values: Values::Even { default: 32, least: 4, most: 1024 } };

/// Range of the bins' offsets: the ends lie at ∓2 · `up` · `regScale`; 0.5 in D-FINE.
const UP: OptionInfo = OptionInfo::number("distribution.up", 0.5, SIZES);

/// In how many units a reference's side is divided; 4 in D-FINE.
const REG_SCALE: OptionInfo = OptionInfo::number("distribution.regScale", 4.0, SIZES);

/// T of the distillation; 5 in D-FINE.
const TEMPERATURE: OptionInfo = OptionInfo::number("distribution.temperature", 5.0, SIZES);

/// What the terms are divided by, where that is another than of other families.
const NORMALIZATION: OptionInfo = divisor::own("normalization.edges");

const SIZES: [f64; 2] = [0.001, 1000.0];

fn build(options: &Options, places: Places<'_>) -> Result<Built> {
    Ok(Built::Late(Arc::new(Edges {
        corners: places.queries,
        references: places.queries + 1,
        targets: (places.target)(TARGET_BOXES),
        format: BoxFormat::new(options.word(&BOX_FORMAT)),
        bins: Bins::new(options.number(&REG_MAX) as usize, options.number(&UP), options.number(&REG_SCALE)),
        temperature: options.number(&TEMPERATURE),
    })))
}

/// Ready to run.
#[derive(Debug)]
struct Edges {
    /// Places of the fields.
    corners: usize,
    references: usize,
    targets: usize,
    format: BoxFormat,
    bins: Bins,
    temperature: f64,
}

#[derive(Default)]
struct EdgeBuffers {
    /// The pairs of an image with the boxes that their edges' distances are measured by.
    edges: Vec<EdgeTarget>,
    /// Queries that are taught, with the weights of their edges.
    queries: Vec<(usize, f64)>,
    /// Teachers' class scores.
    scores: Vec<f32>,
    /// Sixteen edges each.
    tiles: Tiles,
    references: Vec<f32>,
}

impl Memory for EdgeBuffers {
    fn held(&self) -> usize {
        held(&self.edges) + held(&self.queries) + held(&self.scores) + held(&self.references)
    }
}

impl LateTerms for Edges {
    fn query_width(&self, index: usize) -> usize {
        if index == 0 { EDGES * self.bins.count() } else { COMPONENTS }
    }

    fn is_sound(&self, level: Level, queries: FieldRows<'_>, memory: &mut TermMemory) -> bool {
        let columns = &mut memory.get::<EdgeBuffers>().references;
        all_finite(level, queries.get(self.corners))
            && lay_out(level, self.format, queries.get(self.references), columns)
    }

    fn check_query(&self, index: usize, row: &[f32]) -> Option<Broken> {
        if index == 0 { None } else { self.format.broken_rule(row) }
    }

    fn add_pairs(
        &self,
        level: Level,
        pairs: &LatePairs<'_>,
        scale: f64,
        gradient: Option<&mut [f32]>,
        memory: &mut TermMemory,
    ) -> f64 {
        let EdgeBuffers { edges, tiles, .. } = memory.get();
        edges.clear();
        edges.extend(pairs.list.iter().zip(pairs.quality).map(|(&(row, target), &weight)| EdgeTarget {
            row,
            reference: box_at(pairs.queries.get(self.references), row),
            target: box_at(pairs.targets.get(self.targets), target),
            weight,
        }));
        let inputs = Localization { corners: pairs.queries.get(self.corners), targets: edges, format: self.format };
        self.bins.localization(level, &inputs, scale, gradient, tiles)
    }

    fn add_taught(
        &self,
        level: Level,
        queries: FieldRows<'_>,
        taught: &Taught<'_>,
        scale: f64,
        gradient: Option<&mut [f32]>,
        memory: &mut TermMemory,
    ) -> f64 {
        let EdgeBuffers { queries: weighted, scores, tiles, .. } = memory.get();
        let scores = first(scores, taught.logits.len() / taught.classes);
        dispatch!(level, simd => best_scores(simd, taught.logits, taught.classes, scores));
        // the mean over the edges of such queries
        let [paired, other] = taught.weights.map(|weight| weight / EDGES as f64);
        weighted.clear();
        weighted.extend(taught.queries.iter().map(|&(query, quality)| match quality {
            Some(quality) => (query, paired * quality),
            None => (query, other * f64::from(scores[query])),
        }));
        let (student, teacher) = (queries.get(self.corners), taught.teacher.get(self.corners));
        let inputs = DistilledEdges { student, teacher, queries: weighted, temperature: self.temperature };
        self.bins.distillation(level, &inputs, scale, gradient, tiles)
    }

    fn shares(&self, numbers: [f64; 2]) -> [f64; 2] {
        distillation_shares(numbers)
    }

    fn needs(&self, queries: usize) -> u128 {
        /// For a query whose edges are distributions.
        const QUERY: u128 = 256;
        queries as u128 * QUERY + 3 * (LANES * self.bins.count() * size_of::<f32>()) as u128
    }
}

fn box_at(boxes: &[f32], row: usize) -> [f32; COMPONENTS] {
    std::array::from_fn(|k| boxes[COMPONENTS * row + k])
}
