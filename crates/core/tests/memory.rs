//! No call takes more memory than it asks for beforehand, so that none can be refused half-way; and what is much is given
//! back. An allocator counts.

mod support;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use hungarian_loss::memory::{GiveBack, KEPT};
use hungarian_loss::{
    AssignmentOptions, AssignmentSolver, Config, Corners, Cost, CostMatrix, Criterion, Distribution, Error, Layer,
    LayerGradients, LayerRule, Level, Matching, NonFinite, Normalizers, Part, Path, Predictions, Result, Scratch,
    SparseMatrix, SparseSolver, Targets, verify, verifying_takes,
};
use support::Numbers;

/// Bytes that are granted without asking.
const GRANTED: usize = 4 << 20;

/// What is not worth a question.
const SMALL: u128 = 1 << 16;

thread_local! {
    /// Bytes that this thread has, and the most that it has had.
    static HELD: Cell<isize> = const { Cell::new(0) };
    static MOST: Cell<isize> = const { Cell::new(0) };
    /// How many it may have.
    static LIMIT: Cell<isize> = const { Cell::new(isize::MAX) };
}

struct Counting;

/// Whether a piece of memory is that which is asked for and given back at once: no other bytes are so many.
fn is_asked_for(layout: Layout, size: usize) -> bool {
    layout.align() == 1 && size > GRANTED
}

fn count(layout: Layout, size: usize, times: isize) {
    if is_asked_for(layout, size) {
        return;
    }
    let held = HELD.get() + size as isize * times;
    HELD.set(held);
    MOST.set(MOST.get().max(held));
}

/// Whether there is no room for so many bytes more. What is granted without asking lies beyond the limit.
fn is_refused(layout: Layout, size: usize) -> bool {
    let granted = if is_asked_for(layout, size) { 0 } else { GRANTED };
    HELD.get() + size as isize > LIMIT.get().saturating_add(granted as isize)
}

// SAFETY: the system's allocator does all the work.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if is_refused(layout, layout.size()) {
            return std::ptr::null_mut();
        }
        count(layout, layout.size(), 1);
        // SAFETY: as this function's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        count(layout, layout.size(), -1);
        // SAFETY: as this function's.
        unsafe { System.dealloc(place, layout) }
    }

    unsafe fn realloc(&self, place: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        if is_refused(layout, size) {
            return std::ptr::null_mut();
        }
        // both exist for a moment
        count(layout, size, 1);
        count(layout, layout.size(), -1);
        // SAFETY: as this function's.
        unsafe { System.realloc(place, layout, size) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// The most bytes that a call adds to those that are there.
fn taken<T>(call: impl FnOnce() -> T) -> (usize, T) {
    let before = HELD.get();
    MOST.set(before);
    let result = call();
    ((MOST.get() - before) as usize, result)
}

/// A call that has so many bytes beside those that are there.
fn limited<T>(bytes: usize, call: impl FnOnce() -> T) -> T {
    LIMIT.set(HELD.get() + bytes as isize);
    let result = call();
    LIMIT.set(isize::MAX);
    result
}

/// With ever more memory, a call is refused and then succeeds; a process that ends meanwhile fails the test. Gives the
/// megabytes that were enough.
#[track_caller]
fn assert_refusals_are_errors(what: &str, mut call: impl FnMut() -> Result<()>) -> usize {
    for megabytes in (2..256).step_by(3) {
        match limited(megabytes << 20, &mut call) {
            Ok(()) => return megabytes,
            Err(error) => assert!(matches!(error, Error::Memory { .. }), "{what}: {error}"),
        }
    }
    panic!("{what}: 256 MB are not enough");
}

#[track_caller]
fn assert_asked(taken: usize, asked: u128, what: &str) {
    assert!(taken as u128 <= asked + SMALL, "{what}: took {taken} bytes, asked for {asked}");
}

/// Costs that are hard for searches, or random, with some forbidden cells and some huge ones.
fn costs(kind: usize, rows: usize, columns: usize) -> Vec<f64> {
    let mut numbers = Numbers(kind as u64 + 1);
    let cells = (0..rows).flat_map(|row| (0..columns).map(move |column| (row, column)));
    cells
        .map(|(row, column)| match kind {
            0 => f64::from(numbers.unit()),
            1 => ((row + 1) * (column + 1)) as f64,
            2 => (numbers.below(3) as f64) - 1.0,
            3 if numbers.below(columns.min(rows).max(2)) > 8 => f64::INFINITY,
            3 => f64::from(numbers.unit()),
            _ => 1e300 * f64::from(numbers.unit()),
        })
        .collect()
}

fn all_options() -> impl Iterator<Item = AssignmentOptions> {
    [false, true].into_iter().flat_map(|maximize| {
        [(false, None), (true, None), (false, Some(0.4))].map(|(partial, cost_limit)| AssignmentOptions {
            maximize,
            partial,
            cost_limit,
        })
    })
}

fn check_solves<T: Cost>(shape: [usize; 2], kind: usize, path: Path, costs: &[T]) {
    let [rows, columns] = shape;
    let matrix = CostMatrix::new(costs, rows, columns).unwrap();
    for options in all_options() {
        let mut solver = AssignmentSolver::with_path(path);
        let (taken, _) = taken(|| solver.solve(Level::detect(), &matrix, options).is_ok());
        assert_asked(taken, solver.largest(), &format!("{shape:?}, costs {kind}, {path:?}, {options:?}"));
    }
}

#[test]
fn solving_takes_what_it_asks_for() {
    let shapes = [
        [1, 400_000],
        [400_000, 1],
        [3, 90_000],
        [90_000, 3],
        [20, 9000],
        [9000, 20],
        [600, 600],
        [500, 550],
        [550, 500],
    ];
    for shape in shapes {
        for kind in 0..5 {
            let costs = costs(kind, shape[0], shape[1]);
            for path in [Path::Auto, Path::Dense, Path::Lazy, Path::Scaling] {
                // the ways that a shape does not take by itself are slow on it
                if path == Path::Auto || kind == 0 && shape[0].abs_diff(shape[1]) < 100 {
                    check_solves(shape, kind, path, &costs);
                }
            }
            let single: Vec<f32> = costs.iter().map(|&cost| cost as f32).collect();
            check_solves(shape, kind, Path::Auto, &single);
        }
    }
}

#[test]
fn solving_listed_cells_takes_what_it_asks_for() {
    for (rows, columns, each) in [(60_000, 60_000, 1), (9000, 20_000, 9), (1000, 1000, 90), (1, 500_000, 9)] {
        let mut numbers = Numbers(7);
        let cells: Vec<[i32; 2]> = (0..rows)
            .flat_map(|row| (0..each).map(move |k| [row as i32, ((row + k * 977) % columns) as i32]))
            .collect();
        for is_sorted in [true, false] {
            let mut cells = cells.clone();
            if !is_sorted {
                cells.reverse();
            }
            let row_indices: Vec<i32> = cells.iter().map(|cell| cell[0]).collect();
            let column_indices: Vec<i32> = cells.iter().map(|cell| cell[1]).collect();
            let costs = numbers.list(cells.len(), |numbers| f64::from(numbers.unit()));
            let matrix = SparseMatrix::from_cells([rows, columns], &row_indices, &column_indices, &costs).unwrap();
            for options in all_options() {
                let mut solver = SparseSolver::default();
                let (taken, _) = taken(|| solver.solve(&matrix, options).is_ok());
                assert_asked(taken, solver.largest(), &format!("{rows}, {columns}, {each}, {is_sorted}, {options:?}"));
            }
            let (none, duals) = (vec![None; rows], [vec![0.0; rows], vec![0.0; columns]]);
            let (taken, _) =
                taken(|| verify(&matrix, AssignmentOptions::default(), &none, &duals[0], &duals[1]).is_ok());
            let mut solver = SparseSolver::default();
            let _ = solver.solve(&matrix, AssignmentOptions::default());
            assert_asked(taken, solver.largest() + verifying_takes(rows, columns), "the proof of a sparse matrix");
        }
    }
}

#[test]
fn verifying_takes_what_it_asks_for() {
    for [rows, columns] in [[1, 400_000], [400_000, 1], [900, 1000]] {
        let costs = costs(0, rows, columns);
        let matrix = CostMatrix::new(&costs, rows, columns).unwrap();
        let mut solver = AssignmentSolver::default();
        let found = solver.solve(Level::detect(), &matrix, AssignmentOptions::default()).unwrap();
        let pairs: Vec<_> = found.columns_of_rows().collect();
        let duals: [Vec<f64>; 2] = [found.row_duals().collect(), found.column_duals().collect()];
        let (taken, found) =
            taken(|| verify(&matrix, AssignmentOptions::default(), &pairs, &duals[0], &duals[1]).unwrap());
        assert!(found.optimal);
        assert_asked(taken, verifying_takes(rows, columns), &format!("{rows}, {columns}"));
    }
}

/// A part, and how many targets an image has.
fn parts() -> [(Part<'static>, usize); 8] {
    [
        (Part::plain(2, 900, 92), 60),
        (Part::plain(1, 60, 2), 9000),
        (Part::plain(1, 1200, 2), 1200),
        (Part { groups: 4, ..Part::plain(2, 4000, 2) }, 300),
        (Part { repeat: 6, ..Part::plain(1, 3000, 2) }, 200),
        (Part { repeat: 30, groups: 3, ..Part::plain(1, 600, 2) }, 50),
        (Part { repeat: 10_000_000, ..Part::plain(1, 900, 2) }, 100),
        (Part::plain(1, 100, 20_000), 20),
    ]
}

/// A batch of images and what is computed from it.
struct Step {
    config: Config,
    part: Part<'static>,
    images: usize,
    /// Targets of an image, and labels of each.
    count: usize,
    labels: usize,
    /// Whether every third target is ignored.
    ignores: bool,
    /// Whether the edges are distributions.
    corners: bool,
    /// Whether costs are added, and whether the layers but the first are matched as given.
    added: bool,
    given: bool,
}

impl Step {
    fn new(config: Config, part: Part<'static>, images: usize, count: usize) -> Self {
        Self { config, part, images, count, labels: 1, ignores: false, corners: false, added: false, given: false }
    }

    #[track_caller]
    fn check(&self, what: &str) {
        let Self { config, part, images, count, labels: each, .. } = self;
        let (images, count, each, classes) = (*images, *count, *each, part.classes);
        let what =
            format!("{what}: {} of {} queries, {classes} classes, {count} targets", part.layers.len(), part.rows);
        let criterion = Criterion::new(Level::detect(), config.clone()).unwrap();
        let mut numbers = Numbers(3);
        let queries = images * part.rows;
        let mut logits = numbers.logits(queries * classes);
        let boxes = numbers.boxes(queries);
        if config.non_finite == NonFinite::Worst {
            logits[5] = f32::NAN;
        }
        let bins = if self.corners { config.distribution.reg_max + 1 } else { 0 };
        let edges = numbers.logits(queries * 4 * bins);
        let corners = Some(Corners { logits: &edges, references: &boxes }).filter(|_| self.corners);
        let layers = vec![Layer { logits: &logits, boxes: &boxes, corners }; part.layers.len()];
        let total = images * count;
        let added = vec![1.0; part.rows * total];
        let given = numbers.list(queries, |numbers| numbers.below(count) as i32);
        let cost = Some(&added[..]).filter(|_| self.added);
        let rules: Vec<_> = (0..part.layers.len())
            .map(|layer| match self.given && layer > 0 {
                true => LayerRule { matching: Matching::Given(&given), cost: None },
                false => LayerRule { matching: Matching::Optimal, cost },
            })
            .collect();
        let ruled = Part { rules: if self.added || self.given { &rules } else { &[] }, ..part.clone() };
        let predictions = Predictions::of_parts(images, &layers, vec![ruled]).unwrap();
        let objects = config.num_classes;
        let labels: Vec<i32> = (0..total)
            .flat_map(|_| (0..each).map(|k| k * (objects / each)).collect::<Vec<_>>())
            .map(|first| (first + numbers.below(objects / each)) as i32)
            .collect();
        let label_offsets: Vec<u32> = (0..=total).map(|target| (target * each) as u32).collect();
        let target_boxes = numbers.boxes(total).iter().map(|value| value.min(0.99)).collect::<Vec<_>>();
        let offsets: Vec<u32> = (0..=images).map(|image| (image * count) as u32).collect();
        let targets = match each {
            1 => Targets::new(&labels, &target_boxes, &offsets),
            _ => Targets::with_several_labels(&labels, &label_offsets, &target_boxes, &offsets),
        };
        let ignores: Vec<u8> = (0..total).map(|target| u8::from(self.ignores && target % 3 == 0)).collect();
        let targets = targets.unwrap().ignoring(&ignores).unwrap();
        let mut matches = vec![0; predictions.reported_queries()];
        let mut gradients =
            vec![(vec![0.0; logits.len()], vec![0.0; boxes.len()], vec![0.0; edges.len()]); layers.len()];
        let asked = criterion.needs(&predictions, &targets);
        let (computing, result) = taken(|| {
            let mut places: Vec<_> = gradients
                .iter_mut()
                .map(|(logits, boxes, corners)| LayerGradients { logits, boxes, corners })
                .collect();
            let none = Normalizers::default();
            criterion.compute(&predictions, &targets, none, &mut places, &mut matches, &mut Scratch::default())
        });
        result.unwrap();
        assert_asked(computing, asked, &format!("the loss of {what}"));
        let (computing, result) = taken(|| {
            let none = Normalizers::default();
            criterion.compute(&predictions, &targets, none, &mut [], &mut matches, &mut Scratch::default())
        });
        result.unwrap();
        assert_asked(computing, asked, &format!("the loss alone of {what}"));
        let (matching, result) =
            taken(|| criterion.match_targets(&predictions, &targets, &mut matches, &mut Scratch::default()));
        result.unwrap();
        assert_asked(matching, asked, &format!("the matching of {what}"));
        let mut costs = vec![0.0; layers.len() * part.rows * targets.total()];
        let (costing, result) = taken(|| criterion.cost(&predictions, &targets, &mut costs, &mut Scratch::default()));
        result.unwrap();
        assert_asked(costing, asked, &format!("the cost of {what}"));
    }
}

#[test]
fn a_loss_takes_what_it_asks_for() {
    for (part, count) in parts() {
        for (non_finite, images) in [(NonFinite::Throw, 2), (NonFinite::Worst, 1)] {
            let config = Config { non_finite, ..Config::detr(part.classes - 1) };
            Step::new(config, part.clone(), images, count).check("plain");
        }
    }
}

#[test]
fn a_loss_of_any_kind_takes_what_it_asks_for() {
    for (non_finite, clamp_sizes) in [(NonFinite::Throw, false), (NonFinite::Throw, true), (NonFinite::Worst, true)] {
        let detr = |classes| Config { non_finite, clamp_sizes, ..Config::detr(classes) };
        let sigmoid = |classes| Config { non_finite, clamp_sizes, ..Config::deformable_detr(classes) };
        let plain = |config: Config, layers, queries, count| {
            let classes = config.logits_width();
            Step::new(config, Part::plain(layers, queries, classes), 2, count)
        };
        plain(sigmoid(91), 2, 900, 60).check("sigmoid");
        plain(sigmoid(1_000_000), 1, 4, 3).check("many classes");
        Step { labels: 30, ..plain(sigmoid(60), 2, 900, 300) }.check("several labels");
        Step { labels: 2000, ..plain(sigmoid(20_000), 1, 100, 90) }.check("many labels");
        Step { labels: 2, ..plain(sigmoid(50_000), 1, 100, 5) }.check("several labels of many classes");
        Step { labels: 500, given: true, ..plain(sigmoid(2000), 2, 900, 3) }.check("many labels, given");
        Step { ignores: true, ..plain(detr(20), 3, 900, 300) }.check("ignored targets");
        Step { ignores: true, labels: 40, ..plain(sigmoid(80), 1, 60, 9000) }
            .check("ignored targets of several labels");
        Step { added: true, ..plain(detr(20), 3, 900, 300) }.check("added costs");
        Step { given: true, ..plain(detr(20), 3, 9000, 30) }.check("given matchings");
        let distribution = Distribution { fgl: 0.15, ddf: 1.5, ..Distribution::default() };
        let dfine = |classes| Config { distribution, ..sigmoid(classes) };
        Step { corners: true, ..plain(dfine(9), 3, 9000, 50) }.check("corners");
        let mut step = Step { corners: true, ..plain(dfine(9), 4, 9000, 500) };
        step.part.union = true;
        step.check("corners, union");
        let mut step = Step { corners: true, given: true, ..plain(dfine(9), 4, 9000, 50) };
        step.config.distribution.reg_max = 8;
        step.check("corners, given");
        let mut step = Step { labels: 9, ..plain(sigmoid(20), 2, 9000, 30) };
        (step.part.class_agnostic, step.part.classes) = (true, 1);
        step.check("class-agnostic");
    }
}

/// Costs whose digits are lost beside those of the first row and the first column.
fn lost(rows: usize, columns: usize) -> Vec<f64> {
    let mut numbers = Numbers(5);
    let is_huge = |at: usize| at < columns || at.is_multiple_of(columns);
    (0..rows * columns).map(|at| if is_huge(at) { 1e17 } else { 0.0 } + f64::from(numbers.unit())).collect()
}

#[test]
fn memory_refused_to_what_looks_after_lost_digits_is_an_error() {
    for [rows, columns] in [[600, 600], [550, 600], [600, 550]] {
        let costs = lost(rows, columns);
        let matrix = CostMatrix::new(&costs, rows, columns).unwrap();
        let cells = || (0..rows as i32).flat_map(|row| (0..columns as i32).map(move |column| (row, column)));
        let (row_indices, column_indices): (Vec<i32>, Vec<i32>) = cells().unzip();
        let listed = SparseMatrix::from_cells([rows, columns], &row_indices, &column_indices, &costs).unwrap();
        for options in all_options() {
            let what = format!("{rows} × {columns}, {options:?}");
            let enough = assert_refusals_are_errors(&what, || {
                AssignmentSolver::default().solve(Level::detect(), &matrix, options).map(|_| ())
            });
            if options.cost_limit.is_none() {
                assert!(enough << 20 > rows * columns * 16, "{what}: the cells were not listed");
            }
            assert_refusals_are_errors(&what, || SparseSolver::default().solve(&listed, options).map(|_| ()));
        }
    }
}

#[test]
fn memory_refused_to_a_proof_is_an_error() {
    let columns = 400_000;
    let mut numbers = Numbers(5);
    let is_small = |at: usize| [0, 1, columns].contains(&at);
    let costs: Vec<f64> =
        (0..2 * columns).map(|at| if is_small(at) { 1e-5 } else { 1e4 } * (1.0 + f64::from(numbers.unit()))).collect();
    let matrix = CostMatrix::new(&costs, 2, columns).unwrap();
    let none = AssignmentOptions::default();
    // the solver's own
    let solve = || AssignmentSolver::default().solve(Level::detect(), &matrix, none).map(|_| ());
    let enough = assert_refusals_are_errors("a doubtful result", solve);
    assert!(enough << 20 > columns * 128, "there was no proof");
    let mut solver = AssignmentSolver::default();
    let found = solver.solve(Level::detect(), &matrix, none).unwrap();
    let pairs: Vec<_> = found.columns_of_rows().collect();
    let duals: [Vec<f64>; 2] = [found.row_duals().collect(), found.column_duals().collect()];
    assert_refusals_are_errors("a proof", || verify(&matrix, none, &pairs, &duals[0], &duals[1]).map(|_| ()));
}

#[test]
fn what_no_machine_has_is_refused_before_anything_is_done() {
    let huge = (1 << 31) - 1;
    let none = AssignmentOptions::default();
    let solve = |rows, columns| {
        let matrix = CostMatrix::<f64>::new(&[], rows, columns).unwrap();
        AssignmentSolver::default().solve(Level::detect(), &matrix, none).map(|_| ()).unwrap_err()
    };
    for error in [solve(0, 1 << 50), solve(1 << 50, 0), solve(usize::MAX, 0)] {
        assert!(matches!(error, Error::Memory { argument: "cost", .. }), "{error}");
    }
    let matrix = SparseMatrix::<f64>::from_cells([huge, huge], &[], &[], &[]).unwrap();
    let (taken, refused) = taken(|| SparseSolver::default().solve(&matrix, none).map(|_| ()).unwrap_err());
    assert!(matches!(refused, Error::Memory { argument: "cost", .. }), "{refused}");
    assert!(taken < GRANTED);
}

#[test]
fn much_memory_is_given_back_and_little_is_kept() {
    let maximize = AssignmentOptions { maximize: true, ..AssignmentOptions::default() };
    let before = HELD.get();
    let held = || (HELD.get() - before) as usize;
    let mut solver = AssignmentSolver::default();
    let mut solve = |rows: usize, columns: usize| {
        let costs = vec![1.0; rows * columns];
        solver.solve(Level::detect(), &CostMatrix::new(&costs, rows, columns).unwrap(), maximize).unwrap();
        drop(costs);
        let own = held();
        solver.give_back();
        own
    };
    assert!(solve(3000, 3000) > KEPT);
    assert!(held() < 1000);
    let little = solve(300, 300);
    assert_eq!(held(), little);
    assert!(little > 300 * 300 * 8);
    let many = solve(1_500_000, 6);
    assert!(many > KEPT);
    assert!(held() < 1000);
}
