//! Any number of threads gives the bits, and the faults, of one.

mod support;

use std::num::NonZeroUsize;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use hungarian_loss::{
    Classification, Config, Corners, Criterion, Distribution, Interrupt, Layer, LayerGradients, LayerRule, Level,
    Matching, NonFinite, Normalizers, Part, Predictions, Report, Result, Scratch, Sigmoid, Targets, Threads,
};
use proptest::prelude::*;
use support::Numbers;

/// Enough for [`COUNTS`] threads to be worth waking.
const LOGITS: usize = 1 << 20;
const COUNTS: [usize; 3] = [2, 3, 8];
/// Bins of an edge's distribution.
const BINS: usize = 5;

/// Two parts that share two layers, the second of which may take over the first one's matching.
#[derive(Clone, Debug)]
struct Case {
    seed: u64,
    is_softmax: bool,
    ignores: bool,
    takes_over: bool,
    union: bool,
    wants_gradients: bool,
    has_corners: bool,
    non_finite: NonFinite,
    queries: [usize; 2],
    width: usize,
}

fn cases() -> impl Strategy<Value = Case> {
    (any::<u64>(), any::<[bool; 6]>(), [20_usize..60, 0_usize..40], 3_usize..90).prop_map(
        |(seed, [is_softmax, ignores, takes_over, union, wants_gradients, has_corners], queries, width)| Case {
            seed,
            is_softmax,
            ignores,
            takes_over,
            union,
            wants_gradients,
            has_corners,
            non_finite: NonFinite::Throw,
            queries,
            width,
        },
    )
}

/// The numbers of a case.
struct Batch {
    images: usize,
    layers: Vec<Tensors>,
    labels: Vec<i32>,
    boxes: Vec<f32>,
    offsets: Vec<u32>,
    ignores: Vec<u8>,
}

struct Tensors {
    logits: Vec<f32>,
    boxes: Vec<f32>,
    /// Of the edges, and where these start from; empty where they have no distributions.
    corners: [Vec<f32>; 2],
}

impl Tensors {
    fn layer(&self) -> Layer<'_> {
        let Self { logits, boxes, corners: [corners, references] } = self;
        let has_any = !corners.is_empty();
        Layer { logits, boxes, corners: has_any.then_some(Corners { logits: corners, references }) }
    }
}

/// All that a call gives, for comparing bit for bit.
#[derive(Debug, PartialEq)]
struct Outcome {
    report: String,
    matches: Vec<i32>,
    /// By logits, boxes and corners.
    gradients: Vec<[Vec<u32>; 3]>,
}

impl Case {
    fn batch(&self) -> Batch {
        let numbers = &mut Numbers(self.seed);
        let rows = self.queries.iter().sum::<usize>();
        let images = LOGITS.div_ceil(2 * rows * self.width);
        let edges = if self.has_corners { images * rows } else { 0 };
        let layers = numbers.list(2, |r| Tensors {
            logits: r.list(images * rows * self.width, |r| 8.0 * r.unit() - 4.0),
            boxes: r.boxes(images * rows),
            corners: [r.list(4 * BINS * edges, |r| 8.0 * r.unit() - 4.0), r.boxes(edges)],
        });
        let mut offsets = vec![0];
        for image in 0..images {
            offsets.push(offsets[image] + numbers.below(6) as u32);
        }
        let total = offsets[images] as usize;
        let labels = numbers.list(total, |r| r.below(self.width - 1) as i32);
        let ignores = if self.ignores { numbers.list(total, |r| u8::from(r.unit() < 0.2)) } else { Vec::new() };
        Batch { images, layers, labels, boxes: numbers.boxes(total), offsets, ignores }
    }

    /// Some of whose edges' logits are NaN.
    fn with_bad_edges(&self, places: &[u32]) -> Batch {
        let mut batch = self.batch();
        for &place in places {
            let [corners, _] = &mut batch.layers[place as usize % 2].corners;
            let logit = place as usize % corners.len();
            corners[logit] = f32::NAN;
        }
        batch
    }

    fn criterion(&self, threads: Option<&Threads>) -> Criterion {
        let classification = Classification::Sigmoid(Sigmoid::Focal { alpha: 0.25, gamma: 2.0 });
        let distribution = Distribution { reg_max: BINS - 1, fgl: 0.15, ..Distribution::default() };
        let (normalized_boxes, non_finite) = (false, self.non_finite);
        let config = Config { normalized_boxes, non_finite, distribution, ..Config::detr(self.width - 1) };
        let taught = Distribution { ddf: 1.5, ..distribution };
        let config = match self.is_softmax {
            true => config,
            false => Config { num_classes: self.width, classification, distribution: taught, ..config },
        };
        let criterion = Criterion::new(Level::detect(), config).expect("a valid configuration");
        match threads {
            Some(threads) => criterion.with_threads(threads.clone(), threads.count()),
            None => criterion,
        }
    }

    fn run(&self, batch: &Batch, threads: Option<&Threads>, scratch: &mut Scratch) -> Result<Outcome> {
        let criterion = self.criterion(threads);
        let layers: Vec<_> = batch.layers.iter().map(Tensors::layer).collect();
        let rule = |matching| LayerRule { matching, cost: None };
        let second = if self.takes_over { Matching::Of(0) } else { Matching::Optimal };
        let rules = [rule(Matching::Optimal), rule(second)];
        let rows = self.queries.iter().sum();
        let first = Part { rows, queries: 0..self.queries[0], union: self.union, ..Part::plain(2, rows, self.width) };
        let other = Part { rows, queries: self.queries[0]..rows, rules: &rules, ..Part::plain(2, rows, self.width) };
        let predictions = Predictions::of_parts(batch.images, &layers, vec![first, other])?;
        let targets = Targets::new(&batch.labels, &batch.boxes, &batch.offsets)?.ignoring(&batch.ignores)?;
        let mut matches = vec![i32::MIN; predictions.reported_queries()];
        let wanted = if self.wants_gradients { 2 } else { 0 };
        let blank = |values: &Vec<f32>| vec![f32::NAN; values.len()];
        let mut gradients: Vec<_> =
            batch.layers[..wanted].iter().map(|t| [&t.logits, &t.boxes, &t.corners[0]].map(blank)).collect();
        let mut places: Vec<_> =
            gradients.iter_mut().map(|[logits, boxes, corners]| LayerGradients { logits, boxes, corners }).collect();
        let normalizers = Normalizers::default();
        let report = criterion.compute(&predictions, &targets, normalizers, &mut places, &mut matches, scratch)?;
        let mut again = vec![i32::MIN; matches.len()];
        let matched = criterion.match_targets(&predictions, &targets, &mut again, scratch)?;
        assert_eq!(again, matches, "match_targets finds the same");
        let bits = |values: Vec<f32>| values.into_iter().map(f32::to_bits).collect();
        let gradients = gradients.into_iter().map(|all| all.map(bits)).collect();
        Ok(Outcome { report: shown(&report) + &shown(&matched), matches, gradients })
    }
}

/// The numbers in full, NaN included.
fn shown(report: &Report) -> String {
    format!("{report:?}")
}

fn shared(threads: usize) -> Threads {
    Threads::new(NonZeroUsize::new(threads).expect("at least one"))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_number_of_threads_gives_the_same_bits(case in cases()) {
        let batch = case.batch();
        same_bits(&case, &batch)?;
    }

    #[test]
    fn any_number_of_threads_finds_the_same_fault_first(case in cases(), places in prop::collection::vec(any::<u32>(), 1..6)) {
        let mut batch = case.batch();
        for place in places {
            let logits = &mut batch.layers[place as usize % 2].logits;
            let logit = place as usize % logits.len();
            logits[logit] = f32::NAN;
        }
        same_fault(&case, &batch, "LogitNotFinite")?;
    }

    #[test]
    fn any_number_of_threads_finds_the_same_fault_of_edges_first(case in cases(), places in prop::collection::vec(any::<u32>(), 1..6)) {
        let case = Case { has_corners: true, ..case };
        let batch = case.with_bad_edges(&places);
        same_fault(&case, &batch, "CornerNotFinite")?;
        // where they are left out, the sums tell which
        let case = Case { non_finite: NonFinite::Worst, ..case };
        same_bits(&case, &batch)?;
    }
}

fn same_bits(case: &Case, batch: &Batch) -> std::result::Result<(), TestCaseError> {
    let scratch = &mut Scratch::default();
    let alone = case.run(batch, None, scratch).expect("a valid batch");
    for threads in COUNTS {
        let found = case.run(batch, Some(&shared(threads)), scratch).expect("a valid batch");
        prop_assert!(found == alone, "{threads} threads give other bits");
    }
    Ok(())
}

/// Compares faults without their values, since NaN is not equal to itself.
fn same_fault(case: &Case, batch: &Batch, name: &str) -> std::result::Result<(), TestCaseError> {
    let scratch = &mut Scratch::default();
    let mut fault = |threads: Option<usize>| {
        let found = case.run(batch, threads.map(shared).as_ref(), scratch);
        format!("{:?}", found.expect_err("a value is NaN"))
    };
    let alone = fault(None);
    prop_assert!(alone.starts_with(name), "{alone}");
    for threads in COUNTS {
        prop_assert_eq!(&fault(Some(threads)), &alone);
    }
    Ok(())
}

const PLAIN: Case = Case {
    seed: 1,
    is_softmax: true,
    ignores: true,
    takes_over: true,
    union: false,
    wants_gradients: true,
    has_corners: true,
    non_finite: NonFinite::Throw,
    queries: [30, 20],
    width: 40,
};

#[test]
fn many_calls_at_once_share_the_threads_and_give_the_same_bits() {
    let batch = PLAIN.batch();
    let alone = PLAIN.run(&batch, None, &mut Scratch::default()).expect("a valid batch");
    let threads = shared(2);
    let check = |found: Result<Outcome>| {
        assert!(found.expect("a valid batch") == alone, "a call among many gives other bits");
    };
    for _ in 0..3 {
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| check(PLAIN.run(&batch, Some(&threads), &mut Scratch::default())));
                scope.spawn(|| {
                    check(threads.in_background(&Interrupt::default(), |s| PLAIN.run(&batch, Some(&threads), s)));
                });
            }
            check(PLAIN.run(&batch, Some(&threads), &mut Scratch::default()));
        });
    }
}

#[test]
fn no_more_calls_are_in_the_background_at_once_than_there_are_threads() {
    let (threads, running, most) = (shared(2), AtomicUsize::new(0), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| {
                threads.in_background(&Interrupt::default(), |_: &mut Scratch| {
                    most.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    std::thread::sleep(Duration::from_millis(20));
                    running.fetch_sub(1, Ordering::SeqCst);
                });
            });
        }
    });
    assert_eq!(most.into_inner(), 2);
}

#[test]
fn a_call_in_the_background_ends_once_it_is_interrupted() {
    let batch = PLAIN.batch();
    let interrupt = Interrupt::default();
    let threads = shared(2);
    interrupt.raise();
    let stopped = threads.in_background(&interrupt, |scratch| PLAIN.run(&batch, Some(&threads), scratch));
    assert_eq!(stopped.map(|_| ()), Err(lsap::Error::Interrupted.into()));
    let after = threads.in_background(&Interrupt::default(), |scratch| PLAIN.run(&batch, Some(&threads), scratch));
    assert!(after.is_ok(), "the next call is not stopped");
}

#[test]
fn a_call_that_waits_for_a_thread_ends_once_it_is_interrupted() {
    const LONG: Duration = Duration::from_secs(20);
    let (threads, batch, started) = (shared(1), PLAIN.batch(), Barrier::new(2));
    let (interrupt, over, ended) = (Interrupt::default(), AtomicBool::new(false), AtomicBool::new(false));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            threads.in_background(&Interrupt::default(), |_: &mut Scratch| {
                started.wait();
                let since = Instant::now();
                while !over.load(Ordering::Relaxed) && since.elapsed() < LONG {
                    std::thread::yield_now();
                }
                ended.store(true, Ordering::Relaxed);
            });
        });
        started.wait();
        let waits = scope.spawn(|| threads.in_background(&interrupt, |scratch| PLAIN.run(&batch, None, scratch)));
        std::thread::sleep(Duration::from_millis(20));
        interrupt.raise();
        let stopped = waits.join().expect("no panic");
        assert!(!ended.load(Ordering::Relaxed), "it waited for the other call");
        over.store(true, Ordering::Relaxed);
        assert_eq!(stopped.map(|_| ()), Err(lsap::Error::Interrupted.into()));
    });
}
