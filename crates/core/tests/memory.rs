//! No call takes more memory than it asks for beforehand, so that none can be refused half-way; and what is much is given
//! back. An allocator counts.

mod support;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use hungarian_loss::{
    AssignmentOptions, AssignmentSolver, Config, Cost, CostMatrix, Criterion, Error, GiveBack, KEPT, Layer,
    LayerGradients, Level, NonFinite, Normalizers, Part, Path, Predictions, Scratch, SparseMatrix, SparseSolver,
    Targets, verify, verifying_takes,
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

// SAFETY: the system's allocator does all the work.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
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

#[test]
fn a_loss_takes_what_it_asks_for() {
    for (part, count) in parts() {
        for (non_finite, images) in [(NonFinite::Throw, 2), (NonFinite::Worst, 1)] {
            let config = Config { non_finite, ..Config::detr(part.classes - 1) };
            let criterion = Criterion::new(Level::detect(), config).unwrap();
            let mut numbers = Numbers(3);
            let queries = images * part.rows;
            let mut logits = numbers.logits(queries * part.classes);
            let boxes = numbers.boxes(queries);
            if non_finite == NonFinite::Worst {
                logits[5] = f32::NAN;
            }
            let layers = vec![Layer { logits: &logits, boxes: &boxes, corners: None }; part.layers.len()];
            let classes = part.classes;
            let predictions = Predictions::of_parts(images, &layers, vec![part.clone()]).unwrap();
            let labels = numbers.list(images * count, |numbers| numbers.below(classes - 1) as i32);
            let target_boxes = numbers.boxes(images * count).iter().map(|value| value.min(0.99)).collect::<Vec<_>>();
            let offsets: Vec<u32> = (0..=images).map(|image| (image * count) as u32).collect();
            let targets = Targets::new(&labels, &target_boxes, &offsets).unwrap();
            let mut matches = vec![0; predictions.reported_queries()];
            let mut gradients = vec![(vec![0.0; logits.len()], vec![0.0; boxes.len()]); layers.len()];
            let asked = criterion.needs(&predictions, &targets);
            let what = format!("{} of {} queries, {} classes, {count} targets", layers.len(), part.rows, part.classes);
            let (computing, result) = taken(|| {
                let mut places: Vec<_> = gradients
                    .iter_mut()
                    .map(|(logits, boxes)| LayerGradients { logits, boxes, corners: &mut [] })
                    .collect();
                let none = Normalizers::default();
                criterion.compute(&predictions, &targets, none, &mut places, &mut matches, &mut Scratch::default())
            });
            result.unwrap();
            assert_asked(computing, asked, &format!("the loss of {what}"));
            let (matching, result) =
                taken(|| criterion.match_targets(&predictions, &targets, &mut matches, &mut Scratch::default()));
            result.unwrap();
            assert_asked(matching, asked, &format!("the matching of {what}"));
            let mut costs = vec![0.0; layers.len() * part.rows * targets.total()];
            let (costing, result) =
                taken(|| criterion.cost(&predictions, &targets, &mut costs, &mut Scratch::default()));
            result.unwrap();
            assert_asked(costing, asked, &format!("the cost of {what}"));
        }
    }
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
