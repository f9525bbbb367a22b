//! Steps of the loss: any families together, layers, parts, groups, repetitions, denoising, the union matching, ignored
//! targets and added costs; random values with edits of any kind, NaN among them.

use std::sync::LazyLock;

use hungarian_loss::{Error, Level, Matching, Part, Scratch, Threads};

use crate::bytes::Bytes;
use crate::loss_harness::reference::REFERENCES;
use crate::loss_harness::settings::random_weights;
use crate::loss_harness::sketch::{idle, layer_rules, optional};
use crate::loss_harness::{Case, Conditions, Extras, Outcome, Random, Settings, Sketch, SketchStack, checks};

static TWO: LazyLock<Threads> = LazyLock::new(|| Threads::new(2.try_into().expect("two")));

/// Values of which many are refused.
const SPECIAL: [f32; 16] = [
    0.0,
    1.0,
    0.5,
    -1.0,
    f32::NAN,
    f32::INFINITY,
    f32::NEG_INFINITY,
    f32::MAX,
    -f32::MAX,
    1e-45,
    1e9,
    -1e9,
    1e12,
    88.0,
    -104.0,
    1e20,
];

/// Makes an input of the bytes, and asserts what must hold of it.
pub fn run(data: &[u8]) {
    let bytes = &mut Bytes::new(data);
    let is_defined = bytes.rarely(16);
    let level = bytes.pick(&Level::available());
    let mut case = sketch(bytes).case();
    if is_defined {
        // against the definition, which is slow
        checks::terms_and_gradients(&case);
        checks::matchings(&case);
        checks::costs(&case);
        return;
    }
    for _ in 0..bytes.below(8) {
        edit(&mut case, bytes);
    }
    check(&case, level);
}

/// A step of one to three parts, the second and third of which share their tensors.
fn sketch(bytes: &mut Bytes<'_>) -> Sketch {
    let seed = u64::from(u16::from_le_bytes(bytes.array()));
    let mask = bytes.byte();
    let mut families = Vec::new();
    for (k, reference) in REFERENCES.iter().enumerate() {
        if mask >> k & 1 == 1 && reference.needs().iter().all(|name| families.contains(name)) {
            families.push(reference.name());
        }
    }
    let classes = 1 + bytes.below(5) + if bytes.rarely(16) { 30 } else { 0 };
    let random = &mut Random::new(!seed);
    let mut settings = Settings::random(random, classes, &families)
        .with("ignore.overlap", bytes.pick(&["iof", "iou"]))
        .with("ignore.threshold", 0.1)
        .with("nonFinite", bytes.pick(&["throw", "worst"]));
    if bytes.flag() && families.contains(&"boxes") {
        settings = settings.with("clampSizes", true);
    }
    let counts: Vec<_> = (0..1 + bytes.below(3)).map(|_| bytes.below(5)).collect();
    let mut parts: Vec<_> = (0..1 + bytes.below(3)).map(|_| PartChoice::of(bytes)).collect();
    if let [_, second, third] = &mut parts[..] {
        third.layers = second.layers;
    }
    let idle = if bytes.flag() { idle(&families) } else { Vec::new() };
    let stack = |layers, rows, columns, has_optional: bool| {
        let is_out = |name: &&str| !has_optional && optional(&families).contains(name);
        let families = families.iter().filter(|name| !is_out(name)).chain(&idle).copied().collect();
        SketchStack { layers, rows, columns, families }
    };
    let narrow = |choice: &PartChoice| match choice.class_agnostic && choice.is_narrow {
        true => settings.narrow_columns(),
        false => settings.columns(),
    };
    let queries: usize = parts.iter().skip(1).map(PartChoice::queries).sum();
    let mut stacks = vec![stack(parts[0].layers, parts[0].queries(), narrow(&parts[0]), parts[0].has_optional)];
    stacks.extend(parts.get(1).map(|part| stack(part.layers, queries, settings.columns(), part.has_optional)));
    let (mut first_query, mut made) = (0, vec![parts[0].part(0, 0)]);
    for part in &parts[1..] {
        made.push(part.part(parts[0].layers, first_query));
        first_query += part.queries();
    }
    made[0].union = bytes.flag();
    for (_, part) in parts.iter().zip(&mut made).filter(|(choice, _)| choice.has_own_weights) {
        part.weights = Some(random_weights(random, &families, settings.is_sigmoid(), false));
    }
    let labels = [1, if settings.is_sigmoid() { 1 + bytes.below(2) } else { 1 }];
    let ignored = bytes.pick(&[0.0, 0.0, 0.5]);
    Sketch { seed, settings, counts, families, stacks, parts: made, labels, ignored, extras: Extras::of(seed) }
}

/// What a part has.
struct PartChoice {
    layers: usize,
    /// Queries of a group, and groups.
    each: usize,
    groups: usize,
    repeat: usize,
    class_agnostic: bool,
    is_narrow: bool,
    has_own_weights: bool,
    has_cost: bool,
    has_optional: bool,
    matching: Matching,
    factor: f64,
    weight: f64,
}

impl PartChoice {
    fn of(bytes: &mut Bytes<'_>) -> Self {
        let flags = bytes.byte();
        let is = |bit: u8| flags >> bit & 1 == 1;
        Self {
            layers: 1 + bytes.below(3),
            each: 1 + bytes.below(4),
            groups: 1 + bytes.below(3),
            repeat: 1 + bytes.below(3),
            class_agnostic: is(0),
            is_narrow: is(1),
            has_own_weights: is(2),
            has_cost: is(3),
            has_optional: is(4),
            matching: bytes.pick(&[Matching::Optimal, Matching::Given, Matching::Of(0)]),
            factor: bytes.pick(&[1.0, 0.5, 2.0]),
            weight: bytes.pick(&[1.0, 0.0, 0.25]),
        }
    }

    fn queries(&self) -> usize {
        self.each * self.groups
    }

    fn part(&self, first_layer: usize, first_query: usize) -> Part {
        Part {
            rules: layer_rules(self.layers, self.matching, self.has_cost),
            groups: self.groups,
            repeat: self.repeat,
            class_agnostic: self.class_agnostic,
            normalizer_factor: self.factor,
            weight: self.weight,
            ..Part::plain(first_layer..first_layer + self.layers, first_query..first_query + self.queries())
        }
    }
}

/// Changes a value of some array, or an array's length.
fn edit(case: &mut Case, bytes: &mut Bytes<'_>) {
    let what = bytes.byte();
    let number = |bytes: &mut Bytes<'_>| match bytes.byte() {
        at if at < 192 => SPECIAL[usize::from(at) % SPECIAL.len()],
        _ => bytes.single(),
    };
    let set = |values: &mut Vec<f32>, bytes: &mut Bytes<'_>| match values.len() {
        0 => {}
        length => {
            let at = bytes.index(length);
            values[at] = number(bytes);
        }
    };
    match what % 16 {
        0..8 => {
            let at = bytes.index(case.tensors.len());
            set(&mut case.tensors[at], bytes);
        }
        8 | 9 => {
            let at = bytes.index(case.fields.len());
            set(&mut case.fields[at], bytes);
        }
        10 => set(&mut case.costs, bytes),
        11 if !case.labels.is_empty() => {
            let at = bytes.index(case.labels.len());
            case.labels[at] = i32::from(bytes.byte() as i8);
        }
        12 if !case.given.is_empty() => {
            let at = bytes.index(case.given.len());
            case.given[at] = i32::from(bytes.byte() as i8);
        }
        13 if !case.ignored.is_empty() => {
            let at = bytes.index(case.ignored.len());
            case.ignored[at] = bytes.byte();
        }
        14 if what > 200 => {
            let at = bytes.index(case.offsets.len());
            case.offsets[at] = u32::from(bytes.byte());
        }
        15 if what > 200 => {
            let arrays = case.tensors.len();
            match bytes.index(arrays + 4) {
                k if k < arrays => drop(case.tensors[k].pop()),
                k if k == arrays => case.labels.push(0),
                k if k == arrays + 1 => case.given.push(-1),
                k if k == arrays + 2 => drop(case.costs.pop()),
                _ => drop(case.fields[0].pop()),
            }
        }
        _ => {}
    }
}

fn check(case: &Case, level: Level) {
    let run = |conditions: &Conditions<'_>| case.run_under(conditions, &mut Scratch::default());
    let result = run(&Conditions::default());
    let others =
        [Conditions { level, ..Conditions::default() }, Conditions { threads: Some(&TWO), ..Conditions::default() }];
    for other in &others {
        assert_same(&result, &run(other), other.level.name());
    }
    let matched = case.match_under(&Conditions { level, ..Conditions::default() }, &mut Scratch::default());
    match (&result, &matched) {
        (Ok(outcome), Ok((_, matches))) => assert_eq!(outcome.matches, *matches, "the matching alone"),
        (Err(error), Err(other)) => assert_eq!(format!("{error:?}"), format!("{other:?}"), "the matching alone"),
        // what a matching does not need it does not look at
        (Err(_), Ok(_)) => {}
        (Ok(_), Err(error)) => panic!("the matching alone is refused: {error}"),
    }
    match result {
        Ok(outcome) => {
            is_finite(case, &outcome);
            is_matching(case, &outcome);
            match case.cost() {
                Ok(costs) => assert!(costs.iter().all(|cost| !cost.is_nan()), "a cost is NaN"),
                // of ignored targets, which have no label anywhere else
                Err(Error::Label { place, .. }) => {
                    assert!(case.is_ignored(case.range(place.image).start + place.target), "{place:?}");
                }
                Err(error) => panic!("the costs of a valid case are refused: {error}"),
            }
            checks::images_alone(case);
        }
        Err(Error::Memory { .. } | Error::Interrupted) => panic!("nobody has refused memory"),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

fn assert_same(a: &Result<Outcome, Error>, b: &Result<Outcome, Error>, what: &str) {
    let are_same = match (a, b) {
        (Ok(a), Ok(b)) => a.bits() == b.bits(),
        (Err(a), Err(b)) => format!("{a:?}") == format!("{b:?}"),
        _ => false,
    };
    assert!(are_same, "{what}: {a:?} is not {b:?}");
}

/// Loss, terms and gradients are numbers.
fn is_finite(case: &Case, outcome: &Outcome) {
    assert!(outcome.report.loss.is_finite(), "loss {}", outcome.report.loss);
    for layer in &outcome.report.layers {
        assert!(layer.terms.iter().all(|term| term.is_finite()), "{:?}", layer.terms);
    }
    for (gradient, place) in outcome.gradients.iter().zip(case.places()) {
        assert!(gradient.iter().all(|value| value.is_finite()), "gradient: {place:?}");
    }
}

/// Matches name targets that the image has and that are not ignored; optimal ones each at most as often as it is repeated in
/// each group.
fn is_matching(case: &Case, outcome: &Outcome) {
    let mut rest = &outcome.matches[..];
    for part in &case.structure.parts {
        let (queries, each) = (part.queries.len(), part.queries.len() / part.groups);
        for layer in 0..part.layers.len() {
            for image in 0..case.structure.images {
                let own;
                (own, rest) = rest.split_at(queries);
                let range = case.range(image);
                let is_optimal = part.rules.get(layer).is_none_or(|rule| rule.matching == Matching::Optimal);
                for group in own.chunks(each) {
                    let mut times = vec![0; range.len()];
                    for &target in group.iter().filter(|&&target| target >= 0) {
                        assert!(!case.is_ignored(range.start + target as usize), "an ignored target is matched");
                        times[target as usize] += 1;
                    }
                    assert!(!is_optimal || times.iter().all(|&times| times <= part.repeat), "{times:?}");
                }
            }
        }
    }
    assert!(rest.is_empty());
}
