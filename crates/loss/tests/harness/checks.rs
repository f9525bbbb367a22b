//! What holds for every case.

use hungarian_loss::{Level, Matching, Normalizers, Scratch, query_fields, terms};

use super::case::{Case, Conditions, Outcome, of_image};
use super::definition::{DefinedLayer, Definition, repeat_of};
use super::reference::Table;
use super::{assert_near, threads};

/// Terms, metrics and the loss follow the definition, and gradients its central differences.
pub fn terms_and_gradients(case: &Case) -> Outcome {
    let outcome = case.run().expect("a valid case");
    let definition = Definition::new(case, &outcome);
    let mut loss = 0.0;
    for (layer, found) in definition.layers.iter().zip(&outcome.report.layers) {
        let queries = definition.queries(layer);
        let values = definition.values(layer, &queries, &queries);
        for (term, (&found, &value)) in terms().zip(found.terms.iter().zip(&values.terms)) {
            // those without a weight may be left out
            if found != 0.0 || layer.settings.weights.get(term.name) > 0.0 {
                assert_near(found, value, 2e-6, term.name);
            }
        }
        assert_near(found.class_normalizer, values.class_normalizer, 1e-12, "class normaliser");
        assert_eq!(found.class_error.is_nan(), values.class_error.is_nan());
        assert!(found.class_error.is_nan() || (found.class_error - values.class_error).abs() < 1e-9, "class error");
        assert_near(found.cardinality_error, values.cardinality_error, 1e-12, "cardinality error");
        let pairs = layer.own.iter().filter(|&&target| target >= 0).count() + layer.further.len();
        assert_eq!(found.counts.pairs, pairs);
        if let Some(numbers) = definition.taught(layer) {
            assert_eq!(found.counts.distilled.map(|count| count as f64), numbers);
        }
        loss += definition.total(layer, &values);
        gradients(&definition, layer, &queries, &outcome);
    }
    assert_near(outcome.report.loss, loss, 1e-6, "loss");
    for (gradient, place) in outcome.gradients.iter().zip(case.places()) {
        assert!(gradient.iter().all(|value| value.is_finite()), "all of the gradient is written: {place:?}");
    }
    outcome
}

/// Some components of each gradient of a layer.
fn gradients(definition: &Definition<'_>, layer: &DefinedLayer, queries: &Table, outcome: &Outcome) {
    const STEP: f64 = 2e-7;
    const COMPONENTS: usize = 12;
    let total = |moved: &Table| definition.total(layer, &definition.values(layer, moved, queries));
    let here = total(queries);
    for (field, info) in query_fields().enumerate().filter(|(_, info)| info.has_gradient) {
        let gradient = definition.cut(layer, field, &outcome.gradients);
        for at in (0..gradient.len()).step_by(gradient.len() / COMPONENTS + 1) {
            let moved = |by: f64| {
                let mut moved = queries.clone();
                moved.values(field)[at] += by;
                total(&moved)
            };
            let sides = [(here - moved(-STEP)) / STEP, (moved(STEP) - here) / STEP];
            // where they differ so much, a kink lies between, and neither is the derivative
            if (sides[1] - sides[0]).abs() < 1e-2 * sides[0].abs().max(1.0) {
                // at a slight kink, such as that of |t - p|, each slope between those of both sides will do
                let found = f64::from(gradient[at]);
                let slope = found.clamp(sides[0].min(sides[1]), sides[0].max(sides[1]));
                assert_near(found, slope, 3e-6, &format!("gradient by {}[{at}]", info.name));
            }
        }
    }
}

/// Matchings are as given, or have the least total cost of all, group by group; no query is left out that should not be.
pub fn matchings(case: &Case) {
    let outcome = case.run().expect("a valid case");
    let definition = Definition::new(case, &outcome);
    for layer in &definition.layers {
        let (queries, length) = (definition.queries(layer), definition.part(layer).queries.len());
        let is_fixed = layer.matching(case) == Matching::Fixed;
        let given = matches!(layer.matching(case), Matching::Given | Matching::Fixed);
        let given = given.then(|| layer.given(case, &definition.layers));
        for image in 0..case.structure.images {
            let first = case.range(image).start;
            let matches = of_image(&outcome.matches[layer.matches.clone()], case.structure.images, image, length);
            for (place, &target) in matches.iter().enumerate() {
                let query = image * length + place;
                let lies_on = definition.lies_on_ignored(layer, &queries, query);
                match (&given, layer.matching(case)) {
                    (Some(given), _) => {
                        let expected = match given[query] {
                            // free queries are looked at below
                            -1 if is_fixed => match target {
                                target if target < 0 && lies_on => -2,
                                target => target.max(-1),
                            },
                            -3 if lies_on => -2,
                            -3 => -1,
                            -1 if lies_on => -2,
                            target if target >= 0 && case.is_ignored(first + target as usize) => -2,
                            other => other,
                        };
                        assert_eq!(target, expected, "a given matching is kept");
                    }
                    (None, Matching::Optimal) => {
                        assert_eq!(target == -2, target < 0 && lies_on, "unmatched on an ignored target is left out");
                    }
                    _ => {}
                }
            }
            if is_fixed || layer.matching(case) == Matching::Optimal {
                let fixed = given.as_ref().map(|given| &given[image * length..][..length]);
                least_cost(case, &definition, layer, &queries, (image, &matches), fixed);
            }
        }
    }
}

fn least_cost(
    case: &Case,
    definition: &Definition<'_>,
    layer: &DefinedLayer,
    queries: &Table,
    (image, matches): (usize, &[i32]),
    fixed: Option<&[i32]>,
) {
    let (part, range) = (definition.part(layer), case.range(image));
    let kept: Vec<_> = range.clone().filter(|&target| !case.is_ignored(target)).collect();
    let repeated: Vec<_> = (0..repeat_of(part, kept.len())).flat_map(|_| &kept).copied().collect();
    let each = part.queries.len() / part.groups;
    for group in 0..part.groups {
        let cost = |query: usize, target: usize| {
            definition.cost(layer, queries, image * matches.len() + group * each + query, target, false)
        };
        let fixed = fixed.map(|fixed| &fixed[group * each..][..each]);
        let is_free = |query: usize| fixed.is_none_or(|fixed| fixed[query] == -1);
        // what fixed pairs leave
        let mut repeated = repeated.clone();
        for target in fixed.into_iter().flatten().filter_map(|&target| usize::try_from(target).ok()) {
            if let Some(at) = repeated.iter().position(|&other| other == range.start + target) {
                repeated.remove(at);
            }
        }
        let matched = matches[group * each..][..each].iter().enumerate().filter(|&(query, _)| is_free(query));
        let matched = matched.filter_map(|(query, &target)| Some((query, range.start + usize::try_from(target).ok()?)));
        let pairs: Vec<_> = matched.collect();
        let found: f64 = pairs.iter().map(|&(query, target)| cost(query, target)).sum();
        // dynamic programming over sets of targets; the fewer of the two sides are all matched
        let mut best = vec![(0usize, 0.0f64); 1 << repeated.len()];
        for query in (0..each).filter(|&query| is_free(query)) {
            let costs: Vec<_> = repeated.iter().map(|&target| cost(query, target)).collect();
            for set in (1..best.len()).rev() {
                for k in (0..repeated.len()).filter(|k| set >> k & 1 == 1) {
                    let (count, total) = best[set & !(1 << k)];
                    let offered = (count + 1, total + costs[k]);
                    if offered.0 > best[set].0 || offered.0 == best[set].0 && offered.1 < best[set].1 {
                        best[set] = offered;
                    }
                }
            }
        }
        let (count, least) = best[best.len() - 1];
        assert_eq!(count, pairs.len(), "every query or every target is matched");
        assert_near(found, least, 1e-5, "total cost of the matching");
    }
}

/// Pairs that are chosen by score are those of the definition, where no score is too near to what it is compared with.
pub fn chosen_by_score(case: &Case) {
    const NEAR: f64 = 1e-5;
    let outcome = case.run().expect("a valid case");
    let definition = Definition::new(case, &outcome);
    for layer in &definition.layers {
        let Matching::Score(score) = layer.matching(case) else { continue };
        let (queries, part) = (definition.queries(layer), definition.part(layer));
        let (length, each) = (part.queries.len(), part.queries.len() / part.groups);
        for (image, group) in (0..case.structure.images).flat_map(|b| (0..part.groups).map(move |g| (b, g))) {
            let (range, first) = (case.range(image), image * length + group * each);
            let kept: Vec<_> = range.clone().filter(|&target| !case.is_ignored(target)).collect();
            let s = |query: usize, target: usize| {
                let row = queries.row(first + query);
                let labels = definition.labels(layer, target);
                let p = |&label: &i32| 1.0 / (1.0 + (-row.field("logits")[label as usize]).exp());
                let p = labels.iter().map(p).sum::<f64>() / labels.len() as f64;
                let quality = if definition.is_known(target) { definition.quality(layer, row, target) } else { 0.0 };
                score.class * p + score.overlap * quality
            };
            let mut expected = Vec::new();
            let mut is_near = false;
            if score.quantile {
                for &target in &kept {
                    let own: Vec<_> = (0..each).map(|query| s(query, target)).collect();
                    let mut sorted = own.clone();
                    sorted.sort_by(f64::total_cmp);
                    let place = (each as f64 - 1.0) * (1.0 - score.top / each as f64);
                    let between = |place: f64| {
                        let below = place as usize;
                        sorted[below] + (place - below as f64) * (sorted[(below + 1).min(each - 1)] - sorted[below])
                    };
                    let limit = if score.top > each as f64 { f64::NEG_INFINITY } else { between(place) };
                    let limit = limit.max(score.threshold);
                    let on_limit = place.fract() == 0.0 && own.contains(&limit);
                    is_near |= own.iter().any(|s| (s - limit).abs() < NEAR && !(on_limit && *s == limit));
                    expected.extend((0..each).filter(|&query| own[query] > limit).map(|query| (query, target)));
                }
            } else {
                for query in (0..each).filter(|_| !kept.is_empty()) {
                    let best = kept.iter().copied().reduce(|a, b| if s(query, b) > s(query, a) { b } else { a });
                    let best = best.expect("a target");
                    is_near |= kept.iter().any(|&t| t != best && (s(query, t) - s(query, best)).abs() < NEAR);
                    is_near |= (s(query, best) - score.threshold).abs() < NEAR;
                    expected.extend((s(query, best) >= score.threshold).then_some((query, best)));
                }
            }
            for &target in kept.iter().filter(|_| score.at_least_one) {
                let best = (0..each).reduce(|a, b| if s(b, target) > s(a, target) { b } else { a }).expect("a query");
                is_near |= (0..each).any(|query| query != best && (s(query, target) - s(best, target)).abs() < NEAR);
                if !expected.contains(&(best, target)) {
                    expected.push((best, target));
                }
            }
            for &target in kept.iter().filter(|_| !score.quantile) {
                let mut own: Vec<_> = expected.iter().filter(|pair| pair.1 == target).map(|pair| pair.0).collect();
                own.sort_by(|&a, &b| s(b, target).total_cmp(&s(a, target)));
                is_near |= own.windows(2).any(|pair| (s(pair[0], target) - s(pair[1], target)).abs() < NEAR);
                let out: Vec<_> = own.into_iter().skip(score.top.min(1e9) as usize).collect();
                expected.retain(|pair| pair.1 != target || !out.contains(&pair.0));
            }
            if is_near {
                continue;
            }
            expected.sort_unstable();
            let mut found = Vec::new();
            for query in 0..each {
                let own = layer.own[first + query];
                let all = std::iter::once(own).filter(|&target| target >= 0).chain(layer.further_of(first + query));
                found.extend(all.map(|target| (query, range.start + target as usize)));
            }
            assert!(found.is_sorted(), "by query, then target: {found:?}");
            assert_eq!(found, expected, "image {image}, group {group}");
        }
    }
}

/// The matching cost that is given out follows the definition, ignored targets like the others.
pub fn costs(case: &Case) {
    let outcome = case.run().expect("a valid case");
    let definition = Definition::new(case, &outcome);
    let blocks = case.cost().expect("a valid case");
    let mut cells = blocks.iter();
    for layer in &definition.layers {
        let (queries, length) = (definition.queries(layer), definition.part(layer).queries.len());
        for image in 0..case.structure.images {
            for query in image * length..(image + 1) * length {
                for target in case.range(image) {
                    let found = f64::from(*cells.next().expect("a cell for each query and target"));
                    assert_near(found, definition.cost(layer, &queries, query, target, true), 1e-5, "cost");
                }
            }
        }
    }
}

/// The matching alone finds the same matches and divides by the same.
pub fn matching_alone(case: &Case) {
    let outcome = case.run().expect("a valid case");
    let (report, matches) = case.match_under(&Conditions::default(), &mut Scratch::default()).expect("a valid case");
    assert_eq!(matches, outcome.matches);
    let normalizers = |report: &hungarian_loss::Report| {
        let layers = report.layers.iter().map(|layer| (layer.class_normalizer, layer.counts)).collect::<Vec<_>>();
        (report.target_normalizer, report.union_normalizer, report.targets, report.union_pairs, layers)
    };
    assert_eq!(normalizers(&report), normalizers(&outcome.report));
}

/// Bits are the same at every level, in any number of threads, and without gradients.
pub fn bits(case: &Case) {
    let outcome = case.run().expect("a valid case");
    let run = |conditions: Conditions<'_>| case.run_under(&conditions, &mut Scratch::default()).expect("a valid case");
    for level in Level::available() {
        let other = run(Conditions { level, ..Conditions::default() });
        assert!(other.bits() == outcome.bits(), "{}: {other:?} is not {outcome:?}", level.name());
    }
    for count in [1, 2] {
        let shared = threads(count);
        let other = run(Conditions { threads: Some(&shared), ..Conditions::default() });
        assert!(other.bits() == outcome.bits(), "{count} threads: {other:?} is not {outcome:?}");
    }
    let alone = run(Conditions { gradients: false, ..Conditions::default() });
    assert_eq!((alone.bits().0, alone.matches), (outcome.bits().0, outcome.matches), "without gradients");
}

/// Images alone have the bits of the whole batch, given what that is divided by.
pub fn images_alone(case: &Case) {
    let whole = case.run().expect("a valid case");
    let report = &whole.report;
    let class: Vec<_> = report.layers.iter().map(|layer| layer.class_normalizer).collect();
    if class.contains(&0.0) {
        return; // nothing that a caller may divide by
    }
    let distilled: Vec<_> = report.layers.iter().flat_map(|layer| layer.counts.distilled.map(|n| n as f64)).collect();
    let pairs: Vec<_> = report.layers.iter().map(|layer| (layer.counts.pairs as f64).max(1.0)).collect();
    let normalizers = Normalizers {
        targets: Some(report.target_normalizer),
        pairs: Some(&pairs),
        images: Some(case.structure.images as f64),
        union_pairs: Some(report.union_normalizer).filter(|&pairs| pairs > 0.0),
        class: Some(&class),
        distilled: Some(&distilled),
    };
    let run = |case: &Case| {
        let conditions = Conditions { normalizers, ..Conditions::default() };
        case.run_under(&conditions, &mut Scratch::default()).expect("a valid case")
    };
    let given = run(case);
    assert_eq!(given.gradients, whole.gradients, "nor does it matter whether they are given");
    let images = case.structure.images;
    for image in 0..images {
        let alone = run(&case.image(image));
        for ((alone, whole), place) in alone.gradients.iter().zip(&whole.gradients).zip(case.places()) {
            let length = place.length(case.structure.stacks[place.stack].rows);
            assert_eq!(*alone, of_image(whole, images, image, length), "{place:?}");
        }
        let mut start = 0;
        let matches = case.structure.parts.iter().flat_map(|part| {
            let length = images * part.queries.len() * part.layers.len();
            start += length;
            of_image(&whole.matches[start - length..start], images, image, part.queries.len())
        });
        assert!(matches.eq(alone.matches.iter().copied()), "matches");
    }
}

/// A query all of whose fields have a value that is not finite is left out, and each is counted. The case has one part.
/// `at`: which query of the first layer, 0 to 1.
pub fn not_finite(case: &Case, at: f64, value: f32) {
    let mut case = case.clone();
    case.settings = case.settings.with("nonFinite", "worst");
    // of absent columns nothing is counted, whatever they hold
    case.columns.clear();
    case.tensors.iter_mut().flatten().filter(|x| !x.is_finite()).for_each(|x| *x = 0.5);
    let (images, rows) = (case.structure.images, case.structure.stacks[0].rows);
    let query = (at * (images * rows) as f64) as usize;
    let (image, targets) = (query / rows, case.range(query / rows).len());
    for (place, tensor) in case.places().into_iter().zip(&mut case.tensors) {
        let row = if place.is_of_image { image } else { query };
        tensor[row * place.width + place.width / 2] = value;
    }
    let Outcome { report, matches, gradients, .. } = case.run().expect("it is left out");
    let mut expected = vec![0; query_fields().count()];
    case.places().iter().for_each(|place| expected[place.field] = 1);
    assert_eq!(report.non_finite.fields[..], expected, "values of each field");
    assert_eq!(report.non_finite.costs, targets);
    assert!(report.loss.is_finite());
    for (gradient, place) in gradients.iter().zip(case.places()) {
        assert!(gradient.iter().all(|value| value.is_finite()), "{place:?}");
        let row = if place.is_of_image { image } else { query };
        let mut own = gradient.iter().skip(row * place.width).take(place.width);
        assert!(own.all(|&value| value == 0.0), "{place:?}");
    }
    // such a query is matched only where targets leave no choice
    assert!(matches[query] < 0 || targets >= rows, "query {query} of image {image}");
}
