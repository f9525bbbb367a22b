//! Any number of threads gives the bits, and the faults, of one.

use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use hungarian_loss::{Error, Interrupt, LayerRule, Matching, Part, Result, Scratch, Threads};
use proptest::prelude::*;

use crate::harness::{Case, Conditions, Extras, Random, Settings, Sketch, SketchStack, cases, threads};

/// Enough for [`COUNTS`] threads to be worth waking.
const LOGITS: usize = 1 << 20;
const COUNTS: [usize; 3] = [2, 3, 8];

/// Two parts that share two layers, the second of which may take over the first one's matching.
#[derive(Clone, Copy, Debug)]
struct Large {
    seed: u64,
    is_softmax: bool,
    ignores: bool,
    takes_over: bool,
    union: bool,
    wants_gradients: bool,
    has_edges: bool,
    leaves_out: bool,
    queries: [usize; 2],
    columns: usize,
}

const PLAIN: Large = Large {
    seed: 1,
    is_softmax: true,
    ignores: true,
    takes_over: true,
    union: false,
    wants_gradients: true,
    has_edges: true,
    leaves_out: false,
    queries: [30, 20],
    columns: 40,
};

fn large() -> impl Strategy<Value = Large> {
    (any::<u64>(), any::<[bool; 6]>(), [20_usize..60, 0_usize..40], 3_usize..90).prop_map(
        |(seed, [is_softmax, ignores, takes_over, union, wants_gradients, has_edges], queries, columns)| Large {
            seed,
            is_softmax,
            ignores,
            takes_over,
            union,
            wants_gradients,
            has_edges,
            queries,
            columns,
            ..PLAIN
        },
    )
}

impl Large {
    fn case(&self) -> Case {
        let weights = [("class", 1.0), ("l1", 5.0), ("giou", 2.0), ("fgl", 0.15)];
        let settings = match self.is_softmax {
            true => Settings::new("softmax", self.columns - 1).weighted(&weights),
            false => Settings::new("focal", self.columns).weighted(&[&weights[..], &[("ddf", 1.5)]].concat()),
        };
        let settings = settings
            .with("distribution.regMax", 4.0)
            .with("normalizedBoxes", false)
            .with("nonFinite", if self.leaves_out { "worst" } else { "throw" });
        let rows = self.queries.iter().sum::<usize>();
        let images = LOGITS.div_ceil(2 * rows * self.columns);
        let random = &mut Random::new(self.seed);
        let families = if self.has_edges { vec!["boxes", "edges"] } else { vec!["boxes"] };
        let rule = |matching| LayerRule { matching, has_cost: false };
        let second = if self.takes_over { Matching::Of(0) } else { Matching::Optimal };
        let parts = vec![
            Part { union: self.union, ..Part::plain(0..2, 0..self.queries[0]) },
            Part { rules: vec![rule(Matching::Optimal), rule(second)], ..Part::plain(0..2, self.queries[0]..rows) },
        ];
        let sketch = Sketch {
            seed: self.seed,
            settings,
            counts: (0..images).map(|_| random.below(6)).collect(),
            families: vec!["boxes"],
            stacks: vec![SketchStack { layers: 2, rows, columns: self.columns, families }],
            parts,
            labels: [1, 1],
            ignored: if self.ignores { 0.2 } else { 0.0 },
            extras: Extras::default(),
        };
        sketch.case()
    }

    /// With NaN at some places of a field.
    fn with_bad(&self, field: &str, places: &[u32]) -> Case {
        let mut case = self.case();
        let tensor = case.tensor(0, field);
        let length = case.tensors[tensor].len();
        places.iter().for_each(|&place| case.tensors[tensor][place as usize % length] = f32::NAN);
        case
    }

    /// All that the calls give, as bits.
    fn run(&self, case: &Case, threads: Option<&Threads>, scratch: &mut Scratch) -> Result<(String, Vec<Vec<u32>>)> {
        let conditions = Conditions { threads, gradients: self.wants_gradients, ..Conditions::default() };
        let outcome = case.run_under(&conditions, scratch)?;
        let (matched, matches) = case.match_under(&conditions, scratch)?;
        assert_eq!(matches, outcome.matches, "the matching alone finds the same");
        let (report, matches, gradients) = outcome.bits();
        Ok((format!("{report} {matched:?} {matches:?}"), gradients))
    }
}

proptest! {
    #![proptest_config(cases(24))]

    #[test]
    fn bits_are_the_same_in_any_number_of_threads(large in large()) {
        same_bits(&large, &large.case());
    }

    #[test]
    fn faults_are_the_same_in_any_number_of_threads(
        large in large(),
        places in prop::collection::vec(any::<u32>(), 1..6),
    ) {
        same_fault(&large, "logits", &places);
    }

    #[test]
    fn faults_of_edges_are_the_same_in_any_number_of_threads(
        large in large(),
        places in prop::collection::vec(any::<u32>(), 1..6),
    ) {
        let large = Large { has_edges: true, ..large };
        same_fault(&large, "corners", &places);
        // where they are left out, the sums tell which
        let large = Large { leaves_out: true, ..large };
        same_bits(&large, &large.with_bad("corners", &places));
    }
}

fn same_bits(large: &Large, case: &Case) {
    let scratch = &mut Scratch::default();
    let alone = large.run(case, None, scratch).expect("a valid case");
    for count in COUNTS {
        let found = large.run(case, Some(&threads(count)), scratch).expect("a valid case");
        assert!(found == alone, "{count} threads give other bits");
    }
}

/// Compares faults as text, since NaN is not equal to itself.
fn same_fault(large: &Large, field: &str, places: &[u32]) {
    let (case, scratch) = (large.with_bad(field, places), &mut Scratch::default());
    let mut fault = |threads: Option<&Threads>| {
        let error = large.run(&case, threads, scratch).expect_err("a value is NaN");
        assert!(matches!(error, Error::NotFinite { field: found, .. } if found == field), "{error}");
        format!("{error:?}")
    };
    let alone = fault(None);
    for count in COUNTS {
        assert_eq!(fault(Some(&threads(count))), alone, "{count} threads");
    }
}

#[test]
fn threads_are_shared_by_many_calls_at_once_which_have_the_same_bits() {
    let case = PLAIN.case();
    let alone = PLAIN.run(&case, None, &mut Scratch::default()).expect("a valid case");
    let shared = threads(2);
    let check = |found: Result<(String, Vec<Vec<u32>>)>| {
        assert!(found.expect("a valid case") == alone, "a call among many gives other bits");
    };
    for _ in 0..3 {
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| check(PLAIN.run(&case, Some(&shared), &mut Scratch::default())));
                scope.spawn(|| {
                    check(shared.in_background(&Interrupt::default(), |s| PLAIN.run(&case, Some(&shared), s)));
                });
            }
            check(PLAIN.run(&case, Some(&shared), &mut Scratch::default()));
        });
    }
}

#[test]
fn calls_in_the_background_are_no_more_at_once_than_there_are_threads() {
    let (shared, running, most) = (threads(2), AtomicUsize::new(0), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| {
                shared.in_background(&Interrupt::default(), |_: &mut Scratch| {
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
fn calls_in_the_background_end_once_they_are_interrupted() {
    let (case, shared, interrupt) = (PLAIN.case(), threads(2), Interrupt::default());
    interrupt.raise();
    let stopped = shared.in_background(&interrupt, |scratch| PLAIN.run(&case, Some(&shared), scratch));
    assert_eq!(stopped.map(|_| ()), Err(Error::Interrupted));
    let after = shared.in_background(&Interrupt::default(), |scratch| PLAIN.run(&case, Some(&shared), scratch));
    assert!(after.is_ok(), "the next call is not stopped");
}

#[test]
fn calls_that_wait_for_a_thread_end_once_they_are_interrupted() {
    const LONG: Duration = Duration::from_secs(20);
    let (shared, case, started) = (threads(1), PLAIN.case(), Barrier::new(2));
    let (interrupt, over, ended) = (Interrupt::default(), AtomicBool::new(false), AtomicBool::new(false));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            shared.in_background(&Interrupt::default(), |_: &mut Scratch| {
                started.wait();
                let since = Instant::now();
                while !over.load(Ordering::Relaxed) && since.elapsed() < LONG {
                    std::thread::yield_now();
                }
                ended.store(true, Ordering::Relaxed);
            });
        });
        started.wait();
        let waits = scope.spawn(|| shared.in_background(&interrupt, |scratch| PLAIN.run(&case, None, scratch)));
        std::thread::sleep(Duration::from_millis(20));
        interrupt.raise();
        let stopped = waits.join().expect("no panic");
        assert!(!ended.load(Ordering::Relaxed), "it waited for the other call");
        over.store(true, Ordering::Relaxed);
        assert_eq!(stopped.map(|_| ()), Err(Error::Interrupted));
    });
}
