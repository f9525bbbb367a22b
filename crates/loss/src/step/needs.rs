//! The memory that a call takes, at most, asked for before it begins.

use lsap::Threads;
use simd::LANES;

use super::part::{Matching, Part};
use super::plan::{Layer, Layout};
use super::setup::Setup;
use super::shared;
use crate::batch::Targets;
use crate::field::Owner;
use crate::terms::family::Built;
use crate::terms::pair::{Largest, Needs};
use crate::terms::{FAMILIES, OWNERS, queries_of};

/// The most that any image has.
#[derive(Clone, Copy)]
struct Crowd {
    targets: usize,
    /// Labels of all its targets.
    labels: usize,
    /// Whether targets may have several, and how many one has.
    several: bool,
    most: usize,
    /// Height and width that hold all planes of its targets.
    canvas: [usize; 2],
    /// Whether images may lack columns.
    has_columns: bool,
}

/// Bytes that a call takes, at most.
pub(crate) fn bytes(setup: &Setup, layout: &Layout, targets: &Targets<'_>, threads: Option<&(Threads, usize)>) -> u128 {
    /// For an image of a layer, and for a target.
    const JOB: u128 = 1024;
    const TARGET: u128 = 256;
    /// For a label of a target that may have several, and for a query of a layer.
    const LABEL: u128 = 64;
    const QUERY: u128 = 32;
    let largest = Crowd::of(targets);
    let of_parts = (0..layout.parts.len()).map(|part| image_bytes(setup, layout, part, &largest));
    let Needs { own: of_image, helper } = of_parts.fold(Needs::default(), Needs::max);
    let layers = layout.slots.len();
    let jobs = layers as u128 * (layout.images as u128 + 1);
    let most = threads.map_or(1, |(threads, count)| threads.count().min(*count));
    let threads = most.min(layers * layout.images);
    let helpers = if threads > 0 { most - 1 } else { 0 };
    let labels = if targets.has_several_labels() { targets.labels() as u128 } else { 0 };
    let columns = targets.columns().len() as u128 * size_of::<[u32; 2]>() as u128;
    threads as u128 * of_image
        + helpers as u128 * helper
        + jobs * JOB
        + targets.total() as u128 * TARGET
        + labels * LABEL
        + columns
        + layout.reported_queries as u128 * QUERY
        + shared::bytes(layout)
}

/// Bytes that threads take for an image of a part, at most.
fn image_bytes(setup: &Setup, layout: &Layout, part: usize, largest: &Crowd) -> Needs {
    /// For a query, and for each of its targets and classes.
    const QUERY: u128 = 256;
    /// For a label of an image, and for one of a query's target.
    const LABEL: u128 = 64;
    const VALUE: u128 = size_of::<f32>() as u128;
    let own: &Part = &layout.parts[part];
    let layers = &layout.layers[own.layers.clone()];
    let has = |matching: Matching| (0..own.layers.len()).any(|layer| own.rule(layer).matching == matching);
    let (is_optimal, is_fixed) = (has(Matching::Optimal) || has(Matching::Fixed), has(Matching::Fixed));
    let Crowd { targets, labels, several, most, ref has_columns, .. } = *largest;
    let (queries, targets) = (own.queries.len() as u128 + LANES as u128, if is_optimal { targets } else { 0 });
    let group = own.queries.len() / own.groups;
    // where every query takes the nearest target, nothing is solved
    let repeat = if own.repeat < group { own.repeat } else { 1 };
    let rows = targets as u128 * repeat as u128;
    let rows = if own.adaptive { rows.min(group as u128) } else { rows };
    let is_copied = own.groups > 1 || repeat > 1 || is_fixed;
    let across = (group as u128 + LANES as u128) * (rows + LANES as u128);
    let copies = if is_copied { across } else { 0 } + if rows > group as u128 { across } else { 0 };
    let classes = layers.iter().map(|layer| layer.classes).max().unwrap_or(0);
    // a row for each label, and one for each target that has several
    let class_rows = classes.min(labels) + if several { targets } else { 0 };
    let is_by_score = own.rules.iter().any(|rule| matches!(rule.matching, Matching::Score(_)));
    // scores and pairs of a target and a query
    let of_scores = if is_by_score { largest.targets as u128 * queries * 64 } else { 0 };
    let cells = (targets + class_rows) as u128 * queries + copies;
    let (mut layouts, mut copied, mut late) = (0, 0, 0);
    let (mut shared, mut helper) = (0, 0);
    for family in 0..FAMILIES.len() {
        // rows of a family need not be alike in all layers
        let width_of = |field: usize| layers.iter().map(|layer| layer.shapes.widths[field]).max().unwrap_or(0) as u128;
        let width: u128 = queries_of(family).map(width_of).sum();
        match setup.family(family) {
            Built::Pair(terms) if width > 0 => {
                layouts += terms.layout_width(width as usize) as u128;
                let of_queries = |&field: &usize| OWNERS[field] == Owner::Query;
                let each: u128 = queries_of(family).filter(of_queries).map(width_of).sum();
                (copied, shared) = (copied + each, shared + width - each);
                let of_layer = |layer: &Layer| {
                    let fields = queries_of(family);
                    let (widths, axes) = (&layer.shapes.widths[fields.clone()], &layer.shapes.axes[fields]);
                    let queries = own.queries.len();
                    terms.needs(&Largest { queries, targets: largest.targets, widths, axes, canvas: largest.canvas })
                };
                let most = layers.iter().map(of_layer).fold(Needs::default(), Needs::max);
                (late, helper) = (late + most.own, most.helper.max(helper));
            }
            Built::Late(terms) if width > 0 => late += terms.needs(own.queries.len()),
            _ => {}
        }
    }
    let copied = if setup.leaves_out { queries * (classes as u128 + copied) + shared } else { 0 };
    // the columns that an image has, and the gradient by them
    let copied = copied + if *has_columns { 2 * queries * classes as u128 } else { 0 };
    // where labels are looked up, and sixteen rows
    let lookup = ((1 + LANES) * classes) as u128;
    let of_labels = if several { (labels as u128 + queries * most as u128) * LABEL } else { 0 };
    let solver = lsap::solving_takes([group, usize::try_from(rows).unwrap_or(usize::MAX)]);
    let values = (cells + queries * layouts + copied + lookup) * VALUE;
    Needs { own: values + queries * QUERY + late + of_labels + of_scores + solver, helper }
}

impl Crowd {
    fn of(targets: &Targets<'_>) -> Self {
        let (several, canvas) = (targets.has_several_labels(), targets.canvas());
        let has_columns = !targets.columns().is_empty();
        let mut crowd = Self { targets: 0, labels: 0, several, most: 1, canvas, has_columns };
        for range in (0..targets.images()).map(|image| targets.range(image)) {
            crowd.targets = crowd.targets.max(range.len());
            if crowd.several {
                let counts = range.map(|target| targets.labels_of(target).len());
                crowd.labels = crowd.labels.max(counts.clone().sum());
                crowd.most = counts.fold(crowd.most, usize::max);
            } else {
                crowd.labels = crowd.targets;
            }
        }
        crowd
    }
}
