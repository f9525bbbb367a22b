//! Structures of a step that may not fit: stacks, parts, rules, widths and arrays of any sizes are refused, or computed.

use hungarian_loss::{
    Criterion, Inputs, LayerRule, Level, Matching, Normalizers, Part, Scratch, Stack, Structure, Targets, query_fields,
    target_fields,
};

use crate::bytes::Bytes;
use crate::loss_harness::reference::REFERENCES;
use crate::loss_harness::{Random, Settings};

/// Entries of arrays that are still computed with.
const LARGEST: usize = 1 << 12;

/// Makes an input of the bytes, and asserts what must hold of it.
pub fn run(data: &[u8]) {
    let bytes = &mut Bytes::new(data);
    let seed = u64::from(bytes.byte());
    let mask = bytes.byte();
    let families = REFERENCES.iter().enumerate().filter(|(k, _)| mask >> k & 1 == 1).map(|(_, family)| family.name());
    let families: Vec<_> = families.filter(|&family| family != "edges" || mask & 1 == 1).collect();
    let settings = Settings::random(&mut Random::new(seed), 1 + bytes.below(4), &families);
    let criterion = Criterion::new(Level::detect(), &settings.config()).expect("valid settings");
    let structure = structure(bytes, &settings);
    let Ok(plan) = criterion.plan(structure.clone()) else { return };
    let sizes = structure.stacks.iter().flat_map(|stack| {
        let widths = stack.widths.iter().take(query_fields().count()).filter(|&&width| width > 0);
        widths.map(|&width| size_of(&[stack.layers, structure.images, stack.rows, width]))
    });
    let mut lengths: Vec<_> = sizes.collect();
    if lengths.iter().any(|&length| length > LARGEST) || plan.reported_queries() > LARGEST || structure.images > LARGEST
    {
        return;
    }
    if bytes.rarely(8) && !lengths.is_empty() {
        let at = bytes.index(lengths.len());
        lengths[at] = lengths[at].saturating_add_signed(bytes.below(3) as isize - 1);
    }
    compute(bytes, &settings, &structure, &plan, &lengths);
}

/// Entries of a tensor, of which there may be none beside sizes of any magnitude.
fn size_of(shape: &[usize]) -> usize {
    if shape.contains(&0) { 0 } else { shape.iter().product() }
}

/// Sizes of which no memory has so many.
const HUGE: [usize; 5] = [usize::MAX, usize::MAX / 2, usize::MAX / 2 + 1, 1 << 62, 1 << 48];

/// A number that most often fits.
fn size(bytes: &mut Bytes<'_>, fitting: usize) -> usize {
    match bytes.byte() {
        240.. => bytes.pick(&HUGE),
        230..240 => bytes.below(9),
        _ => fitting,
    }
}

fn structure(bytes: &mut Bytes<'_>, settings: &Settings) -> Structure {
    let fields: Vec<_> = REFERENCES
        .iter()
        .flat_map(|family| {
            let settings = settings.clone();
            family.query_fields().enumerate().map(move |(k, (place, _))| (place, family.query_width(&settings, k)))
        })
        .collect();
    let stacks: Vec<_> = (0..bytes.below(4))
        .map(|_| {
            let mut widths = vec![0; query_fields().count()];
            widths[0] = size(bytes, settings.columns());
            let mask = bytes.byte();
            for (at, &(place, width)) in fields.iter().enumerate().filter(|(at, _)| mask >> (at % 8) & 1 == 1) {
                let _ = at;
                widths[place] = size(bytes, width);
            }
            widths.truncate(widths.len() - bytes.below(3));
            let (layers, rows) = (1 + bytes.below(2), bytes.below(5));
            Stack { layers: size(bytes, layers), rows: size(bytes, rows), widths }
        })
        .collect();
    let mut first_layer = 0usize;
    let mut parts = Vec::new();
    for stack in &stacks {
        let end = first_layer.saturating_add(stack.layers);
        let split = if bytes.flag() { stack.rows / 2 } else { 0 };
        for queries in [0..split, split..stack.rows].into_iter().filter(|queries| queries.end > 0) {
            let layers = size(bytes, first_layer)..size(bytes, end);
            parts.push(part(bytes, layers, queries));
        }
        first_layer = end;
    }
    let images = bytes.below(4);
    let targets = (0..bytes.below(target_fields().count() + 3)).map(|_| bytes.flag()).collect();
    Structure { images: size(bytes, images), stacks, parts, targets }
}

fn part(bytes: &mut Bytes<'_>, layers: std::ops::Range<usize>, queries: std::ops::Range<usize>) -> Part {
    let count = layers.len().min(4);
    let rules = if bytes.flag() { size(bytes, count).min(8) } else { 0 };
    let rule = |_| LayerRule {
        matching: match bytes.below(4) {
            0 => Matching::Given,
            1 => Matching::Of(bytes.below(3)),
            _ => Matching::Optimal,
        },
        has_cost: bytes.flag(),
    };
    let rules = (0..rules).map(rule).collect();
    Part {
        rules,
        groups: size(bytes, 1),
        repeat: size(bytes, 1),
        class_agnostic: bytes.flag(),
        union: bytes.flag(),
        normalizer_factor: if bytes.rarely(16) { bytes.double() } else { 1.0 },
        weight: if bytes.rarely(16) { bytes.double() } else { 1.0 },
        ..Part::plain(layers, queries)
    }
}

/// Computes with arrays of about the right lengths.
fn compute(
    bytes: &mut Bytes<'_>,
    settings: &Settings,
    structure: &Structure,
    plan: &hungarian_loss::Plan,
    lengths: &[usize],
) {
    let tensors: Vec<_> = lengths.iter().map(|&length| vec![0.5f32; length]).collect();
    let tensors: Vec<_> = tensors.iter().map(Vec::as_slice).collect();
    let counts: Vec<_> = (0..size(bytes, structure.images).min(8)).map(|_| bytes.below(3) as u32).collect();
    let mut offsets = vec![0];
    counts.iter().for_each(|count| offsets.push(offsets[offsets.len() - 1] + count));
    let total = offsets[offsets.len() - 1] as usize;
    let labels = vec![i32::from(settings.no_object() == Some(0)); total];
    let mut fields = vec![Vec::new(); target_fields().count()];
    for family in REFERENCES {
        for (k, (place, _)) in family.target_fields().enumerate() {
            if structure.targets.get(place) == Some(&true) {
                let random = &mut Random::new(1);
                fields[place] = (0..total).flat_map(|_| family.target_row(random, settings, k)).collect();
            }
        }
    }
    let fields: Vec<_> = fields.iter().map(Vec::as_slice).collect();
    let Ok(targets) = Targets::new(&labels, None, &fields, &offsets, &[]) else { return };
    let given = vec![-1; size(bytes, plan.reported_queries()).min(LARGEST)];
    let costs = vec![0.0; bytes.below(64)];
    let inputs = Inputs { tensors: &tensors, given: &given, costs: &costs, query_weights: &[], targets };
    let mut gradients: Vec<_> = plan.gradient_tensors().map(|tensor| vec![f32::NAN; lengths[tensor]]).collect();
    let mut gradients: Vec<_> = gradients.iter_mut().map(Vec::as_mut_slice).collect();
    let mut matches = vec![0; size(bytes, plan.reported_queries()).min(LARGEST)];
    let normalizers = Normalizers {
        targets: bytes.rarely(4).then(|| bytes.double()),
        union_pairs: bytes.rarely(4).then(|| bytes.double()),
        ..Normalizers::default()
    };
    let scratch = &mut Scratch::default();
    if let Ok(report) = plan.compute(&inputs, normalizers, &mut gradients, &mut matches, scratch) {
        assert_eq!(report.layers.len(), plan.reported_layers());
        assert!(gradients.iter().all(|gradient| gradient.iter().all(|value| !value.is_nan())), "all is written");
    }
}
