//! No step takes more memory than it asks for beforehand, so that none can be refused half-way. An allocator counts.

#[path = "../../lsap/tests/support/allocator.rs"]
mod allocator;
mod support;

use allocator::{assert_asked, taken};
use hungarian_loss::{
    Config, Corners, Criterion, Distribution, Layer, LayerGradients, LayerRule, Level, Matching, NonFinite,
    Normalizers, Part, Predictions, Scratch, Targets,
};
use support::Numbers;

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
