//! No step takes more memory than it asks for beforehand, so that none can be refused half-way. An allocator counts.

#[path = "../../lsap/tests/support/allocator.rs"]
mod allocator;
#[allow(dead_code, unused_imports, reason = "most of it is for the other tests")]
mod harness;

use allocator::{assert_asked, limited, taken};
use hungarian_loss::{Error, LayerRule, Level, Matching, Normalizers, Part, Scratch};

use harness::{Case, Settings, Sketch};

/// A large case of one part.
struct Large(Sketch);

impl Large {
    /// Images of `count` targets each, and a part of all queries.
    fn new(settings: Settings, families: &[&'static str], part: Part, images: usize, count: usize) -> Self {
        let (layers, rows) = (part.layers.len(), part.queries.len());
        let plain = Sketch::plain(settings, families, layers, rows, &vec![count; images]);
        Self(Sketch { parts: vec![part], ..plain })
    }

    fn labels(mut self, count: usize) -> Self {
        self.0.labels = [count, count];
        self
    }

    fn ignoring(mut self) -> Self {
        self.0.ignored = 1.0 / 3.0;
        self
    }

    /// With costs added to each layer.
    fn added(mut self) -> Self {
        let layers = self.part().layers.len();
        self.part().rules = vec![LayerRule { matching: Matching::Optimal, has_cost: true }; layers];
        self
    }

    /// With given matchings of all layers but the first.
    fn given(mut self) -> Self {
        let matching = |layer| if layer == 0 { Matching::Optimal } else { Matching::Given };
        let layers = self.part().layers.len();
        self.part().rules = (0..layers).map(|layer| LayerRule { matching: matching(layer), has_cost: false }).collect();
        self
    }

    fn part(&mut self) -> &mut Part {
        &mut self.0.parts[0]
    }

    fn case(&self) -> Case {
        let mut case = self.0.case();
        // every query has a pair
        case.given.iter_mut().for_each(|target| *target = (*target).max(0));
        if case.settings.word("nonFinite") == "worst" {
            case.tensors[0][5] = f32::NAN;
        }
        case
    }

    #[track_caller]
    fn check(&self, what: &str) {
        let case = self.case();
        let what = format!("{what}: {:?}, {:?} targets", case.structure.stacks, self.0.counts);
        let plan = case.plan(Level::detect(), None).expect("a valid case");
        let mut matches = vec![0; plan.reported_queries()];
        let mut gradients: Vec<_> =
            plan.gradient_tensors().map(|tensor| vec![0.0; case.tensors[tensor].len()]).collect();
        let queries: usize = case.structure.parts.iter().map(|part| part.layers.len() * part.queries.len()).sum();
        let mut costs = vec![0.0; queries * case.targets()];
        let run = case.with_inputs(|inputs| {
            let asked = plan.needs(inputs);
            let check = |name: &str, (bytes, result): (usize, hungarian_loss::Result<()>)| {
                result.map(|()| assert_asked(bytes, asked, &format!("the {name} of {what}")))
            };
            let mut places: Vec<&mut [f32]> = gradients.iter_mut().map(Vec::as_mut_slice).collect();
            let none = Normalizers::default();
            check(
                "loss",
                taken(|| plan.compute(inputs, none, &mut places, &mut matches, &mut Scratch::default()).map(drop)),
            )?;
            check(
                "loss alone",
                taken(|| plan.compute(inputs, none, &mut [], &mut matches, &mut Scratch::default()).map(drop)),
            )?;
            check("matching", taken(|| plan.match_targets(inputs, &mut matches, &mut Scratch::default()).map(drop)))?;
            check("cost", taken(|| plan.cost(inputs, &mut costs, &mut Scratch::default()).map(drop)))
        });
        run.expect("a valid case");
    }
}

const BOXES: [(&str, f64); 3] = [("class", 1.0), ("l1", 5.0), ("giou", 2.0)];
const SPANS: [(&str, f64); 2] = [("class", 1.0), ("spanL1", 5.0)];
const POINTS: [(&str, f64); 2] = [("class", 1.0), ("pointL1", 5.0)];
const MASKS: [(&str, f64); 4] = [("class", 1.0), ("maskBce", 5.0), ("maskFocal", 1.0), ("maskDice", 5.0)];
const EDGES: [(&str, f64); 5] = [("class", 1.0), ("l1", 5.0), ("giou", 2.0), ("fgl", 0.15), ("ddf", 1.5)];

/// A number of object classes, a part, and how many targets an image has.
fn parts() -> [(usize, Part, usize); 8] {
    [
        (91, Part::plain(0..2, 0..900), 60),
        (1, Part::plain(0..1, 0..60), 9000),
        (1, Part::plain(0..1, 0..1200), 1200),
        (1, Part { groups: 4, ..Part::plain(0..2, 0..4000) }, 300),
        (1, Part { repeat: 6, ..Part::plain(0..1, 0..3000) }, 200),
        (1, Part { repeat: 30, groups: 3, ..Part::plain(0..1, 0..600) }, 50),
        (1, Part { repeat: 10_000_000, ..Part::plain(0..1, 0..900) }, 100),
        (19_999, Part::plain(0..1, 0..100), 20),
    ]
}

fn settings(kind: &'static str, classes: usize, non_finite: &str, clamp_sizes: bool) -> Settings {
    Settings::new(kind, classes)
        .with("normalizedBoxes", false)
        .with("nonFinite", non_finite)
        .with("clampSizes", clamp_sizes)
}

#[test]
fn a_loss_takes_what_it_asks_for() {
    for (classes, part, count) in parts() {
        for (non_finite, images) in [("throw", 2), ("worst", 1)] {
            let settings = settings("softmax", classes, non_finite, false).weighted(&BOXES);
            Large::new(settings, &["boxes"], part.clone(), images, count).check("plain");
        }
    }
}

#[test]
fn a_loss_of_any_kind_takes_what_it_asks_for() {
    for (non_finite, clamp_sizes) in [("throw", false), ("throw", true), ("worst", true)] {
        let with_boxes = |kind, classes, layers, queries, count| {
            let settings = settings(kind, classes, non_finite, clamp_sizes).weighted(&BOXES);
            Large::new(settings, &["boxes"], Part::plain(0..layers, 0..queries), 2, count)
        };
        let plain = |classes, layers, queries, count| with_boxes("softmax", classes, layers, queries, count);
        let focal = |classes, layers, queries, count| with_boxes("focal", classes, layers, queries, count);
        focal(91, 2, 900, 60).check("sigmoid");
        focal(1_000_000, 1, 4, 3).check("many classes");
        focal(60, 2, 900, 300).labels(30).check("several labels");
        focal(20_000, 1, 100, 90).labels(2000).check("many labels");
        focal(50_000, 1, 100, 5).labels(2).check("several labels of many classes");
        focal(2000, 2, 900, 3).labels(500).given().check("many labels, given");
        plain(20, 3, 900, 300).ignoring().check("ignored targets");
        focal(80, 1, 60, 9000).labels(40).ignoring().check("ignored targets of several labels");
        plain(20, 3, 900, 300).added().check("added costs");
        plain(20, 3, 9000, 30).given().check("given matchings");
        let edges = |reg_max: f64, layers, count| {
            let settings = settings("focal", 9, non_finite, clamp_sizes).weighted(&EDGES);
            let settings = settings.with("distribution.regMax", reg_max);
            Large::new(settings, &["boxes", "edges"], Part::plain(0..layers, 0..9000), 2, count)
        };
        edges(32.0, 3, 50).check("edges");
        let mut union = edges(32.0, 4, 500);
        union.part().union = true;
        union.check("edges, union");
        edges(8.0, 4, 50).given().check("edges, given");
        for (family, weights) in [("points", &POINTS), ("spans", &SPANS)] {
            let settings = settings("focal", 9, non_finite, false).weighted(weights);
            Large::new(settings, &[family], Part::plain(0..2, 0..9000), 2, 50).check(family);
        }
        for sampling in ["whole", "points"] {
            let mut settings = settings("focal", 9, non_finite, false).weighted(&MASKS);
            if sampling == "points" {
                settings = settings.with("masks.costSampling", "points").with("masks.lossSampling", "points");
            }
            Large::new(settings, &["masks"], Part::plain(0..2, 0..300), 2, 50).check(sampling);
        }
        let mut agnostic = focal(20, 2, 9000, 30).labels(9);
        agnostic.part().class_agnostic = true;
        agnostic.0.stacks[0].columns = 1;
        agnostic.check("class-agnostic");
    }
}

#[test]
fn memory_that_the_system_refuses_is_an_error() {
    let settings = settings("softmax", 91, "throw", false).weighted(&BOXES);
    let case = Large::new(settings, &["boxes"], Part::plain(0..1, 0..3000), 1, 3000).case();
    let error = limited(1 << 20, || case.run()).expect_err("36 MB are not to be had");
    assert!(matches!(error, Error::Memory { part: None, bytes: 36_000_000.. }), "{error}");
    assert!(case.run().is_ok());
}

#[test]
fn a_little_memory_that_the_system_refuses_is_an_error() {
    let settings = settings("softmax", 91, "throw", false).weighted(&BOXES);
    let case = Large::new(settings, &["boxes"], Part::plain(0..1, 0..600), 1, 600).case();
    let is_refused = |quarters: usize| match limited(quarters << 18, || case.run()) {
        Ok(_) => false,
        Err(error) => {
            assert!(matches!(error, Error::Memory { .. }), "{error}");
            true
        }
    };
    // what a case makes of itself is taken without asking
    let refused = (8..64).filter(|&quarters| is_refused(quarters)).count();
    assert!((1..56).contains(&refused), "{refused}");
}
