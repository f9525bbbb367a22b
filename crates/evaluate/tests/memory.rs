//! Where the system refuses memory, an evaluation ends in an error and not the process; and what is much is given back. An
//! allocator counts.

#[path = "../../lsap/tests/support/allocator.rs"]
mod allocator;

use allocator::{held, limited};
use evaluate::{Detections, Error, Evaluation, GroundTruth, Inputs, Level, Scratch, Settings};
use lsap::memory::{GiveBack, KEPT};

/// Evaluates as many detections and targets of one class, all in one image or each in its own, with ever more memory. Gives the megabytes
/// that were enough.
fn enough(count: u32, images: u32, classes: usize) -> usize {
    let settings = Settings {
        classes,
        iou_thresholds: &[0.5],
        recall_thresholds: &[0.0, 0.5, 1.0],
        areas: &[[0.0, 1e10]; 2],
        max_detections: &[1, 100, 1_000_000],
        is_class_agnostic: classes == 1,
    };
    let evaluation = Evaluation::new(Level::detect(), settings).unwrap();
    let boxes: Vec<_> = (0..count).flat_map(|k| [f64::from(4 * k), 0.0, 3.0, 3.0]).collect();
    let (numbers, labels) = (vec![9.0; count as usize], vec![0; count as usize]);
    let offsets: Vec<_> = (0..=images).map(|image| count / images * image).collect();
    let (crowds, order) = (vec![0; count as usize], (0..images).collect::<Vec<_>>());
    let inputs = Inputs {
        detections: Detections { boxes: &boxes, scores: &numbers, labels: &labels, offsets: &offsets },
        targets: GroundTruth { boxes: &boxes, areas: &numbers, labels: &labels, crowds: &crowds, offsets: &offsets },
        order: &order,
    };
    let mut out = evaluation.outputs();
    for quarters in 0..512 {
        let mut scratch = Scratch::default();
        let run = || evaluation.run(&inputs, out.as_outputs(), None, &mut scratch);
        match limited(quarters << 18, run) {
            Ok(()) => {
                assert!(out.average_precision[0] > 0.99, "{}", out.average_precision[0]);
                return quarters / 4;
            }
            Err(error) => assert!(matches!(error, Error::Memory { .. }), "{error}"),
        }
    }
    panic!("128 MB are not enough");
}

#[test]
fn memory_that_is_refused_is_an_error() {
    assert!(enough(1 << 18, 1 << 18, 1) > 20);
    assert!(enough(1 << 12, 1, 1) < 10);
    assert!(enough(1 << 12, 1 << 12, 1 << 17) > 2);
}

#[test]
fn much_memory_is_given_back() {
    let before = held();
    let mut scratch = Scratch::default();
    let count = 1 << 20;
    let settings = Settings {
        classes: 1,
        iou_thresholds: &[0.5],
        recall_thresholds: &[1.0],
        areas: &[[0.0, 1e10]],
        max_detections: &[1],
        is_class_agnostic: false,
    };
    let evaluation = Evaluation::new(Level::detect(), settings).unwrap();
    let (boxes, numbers, labels) = (vec![1.0; 4 * count], vec![1.0; count], vec![0; count]);
    let offsets: Vec<_> = (0..=count as u32).collect();
    let (crowds, order) = (vec![0; count], (0..count as u32).collect::<Vec<_>>());
    let inputs = Inputs {
        detections: Detections { boxes: &boxes, scores: &numbers, labels: &labels, offsets: &offsets },
        targets: GroundTruth { boxes: &boxes, areas: &numbers, labels: &labels, crowds: &crowds, offsets: &offsets },
        order: &order,
    };
    let mut out = evaluation.outputs();
    let inputs_held = held() - before;
    evaluation.run(&inputs, out.as_outputs(), None, &mut scratch).unwrap();
    assert!(held() - before - inputs_held > KEPT as isize);
    scratch.give_back();
    assert!(held() - before - inputs_held < 1 << 16);
}
