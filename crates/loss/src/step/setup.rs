//! A criterion, ready to run.

use std::sync::Arc;

use lsap::memory;
use simd::Level;

use crate::config::{Config, IGNORE_OVERLAP, IGNORE_THRESHOLD, IMAGE_GATE, NON_FINITE};
use crate::error::{Error, Result};
use crate::terms::class::ClassTerm;
use crate::terms::divisor::{self, Divisor, NORMALIZATION};
use crate::terms::family::{Built, Family, Places};
use crate::terms::image::ImageTerms;
use crate::terms::late::LateTerms;
use crate::terms::pair::{Overlap, PairTerms};
use crate::terms::{FAMILIES, queries_of, target_fields, targets_of};
use crate::weights::Weights;

/// Which families take part in a layer.
pub(crate) type Active = [bool; FAMILIES.len()];

/// What all stages of a step compute with.
#[derive(Debug)]
pub(crate) struct Setup {
    pub level: Level,
    pub num_classes: usize,
    pub is_sigmoid: bool,
    /// Whether the class term depends on how well pairs agree; and its cost, on how well any query and target do.
    pub needs_quality: bool,
    pub needs_agreement_rows: bool,
    pub class: Arc<dyn ClassTerm>,
    families: Vec<Built>,
    /// The numbers of those of whole images, and of the late one.
    of_images: Vec<usize>,
    late: Option<usize>,
    pub cost: Weights,
    pub weights: Weights,
    /// Whether images without a visible target add nothing to the class term.
    pub gates_images: bool,
    /// Whether queries that are not finite are left out, rather than refused.
    pub leaves_out: bool,
    /// What the terms of each family are divided by.
    pub divisors: [Divisor; FAMILIES.len()],
    /// What is measured where a query lies on an ignored target, and above which value it is left out.
    pub ignore: (Overlap, f64),
}

impl Setup {
    /// Checks a configuration.
    pub fn new(level: Level, config: &Config) -> Result<Self> {
        config.check()?;
        let (kind, options) = (config.kind()?, &config.options);
        let target = |name: &str| target_fields().position(|target| target.field.name == name).unwrap_or(usize::MAX);
        let build = |(index, family): (usize, &&'static Family)| {
            let (queries, targets) = (queries_of(index).start, targets_of(index).start);
            (family.build)(options, Places { queries, targets, target: &target })
        };
        // a weight for each column of the logits
        memory::require("", (config.num_classes as u128 + 1) * size_of::<f64>() as u128)
            .map_err(Error::refused(None))?;
        let overlap = if options.word(&IGNORE_OVERLAP) == "iou" { Overlap::OverUnion } else { Overlap::OfQuery };
        let class = (kind.build)(options, config.num_classes);
        let families = FAMILIES.iter().enumerate().map(build).collect::<Result<Vec<_>>>()?;
        let divisor_of = |family: usize| {
            if let Built::Image(_) = families[family] {
                return Divisor::Batch;
            }
            let mut own = FAMILIES[family].options.iter();
            let own = own.find(|info| info.name.strip_prefix(divisor::OWN) == Some(FAMILIES[family].name));
            let word = own.and_then(|info| options.given_word(info));
            Divisor::of(word.unwrap_or(options.word(&NORMALIZATION)))
        };
        let divisors = std::array::from_fn(divisor_of);
        let of_images = (0..families.len()).filter(|&family| matches!(families[family], Built::Image(_))).collect();
        let late = families.iter().position(|family| matches!(family, Built::Late(_)));
        Ok(Self {
            level,
            num_classes: config.num_classes,
            is_sigmoid: kind.is_sigmoid,
            needs_quality: kind.needs_quality,
            needs_agreement_rows: class.pairwise_cost().is_some(),
            class,
            families,
            of_images,
            late,
            cost: config.cost,
            weights: config.weights,
            divisors,
            gates_images: options.flag(&IMAGE_GATE),
            leaves_out: options.word(&NON_FINITE) == "worst",
            ignore: (overlap, options.number(&IGNORE_THRESHOLD)),
        })
    }

    /// A family by its number.
    pub fn family(&self, index: usize) -> &Built {
        &self.families[index]
    }

    /// The families over pairs that are active, with their numbers.
    pub fn pairs<'a>(&'a self, active: &'a Active) -> impl Iterator<Item = (usize, &'a dyn PairTerms)> {
        self.families.iter().enumerate().filter_map(|(index, family)| match family {
            Built::Pair(terms) if active[index] => Some((index, &**terms)),
            _ => None,
        })
    }

    /// The family that is computed once all matchings are known, if it is active, with its number.
    pub fn late<'a>(&'a self, active: &Active) -> Option<(usize, &'a dyn LateTerms)> {
        match (self.late?, &self.families[self.late?]) {
            (index, Built::Late(terms)) if active[index] => Some((index, &**terms)),
            _ => None,
        }
    }

    /// The families of whole images that are active, likewise.
    pub fn images<'a>(&'a self, active: &'a Active) -> impl Iterator<Item = (usize, &'a dyn ImageTerms)> {
        self.of_images.iter().filter_map(|&index| match &self.families[index] {
            Built::Image(terms) if active[index] => Some((index, &**terms)),
            _ => None,
        })
    }

    /// Columns of the logits: one for each class, and with softmax one for no-object.
    pub fn logits_width(&self) -> usize {
        self.num_classes + usize::from(self.class.no_object().is_some())
    }

    /// Whether logits of this width fit: all columns, or where classes do not count also those of the first class alone.
    pub fn allows_width(&self, classes: usize, class_agnostic: bool) -> bool {
        let width = self.logits_width();
        classes == width || class_agnostic && classes == width - self.num_classes + 1
    }

    /// The labels that targets may have.
    pub fn known_labels(&self) -> KnownLabels {
        let no_object = self.class.no_object();
        let forbidden = no_object.filter(|_| !self.class.allows_no_object());
        KnownLabels { classes: self.num_classes, columns: self.logits_width(), no_object, forbidden }
    }

    /// The label of all targets where classes do not count: the first that is not no-object.
    pub fn agnostic_label(&self) -> i32 {
        i32::from(self.class.no_object() == Some(0))
    }
}

/// The labels that targets may have.
#[derive(Clone, Copy, Debug)]
pub(crate) struct KnownLabels {
    /// Object classes.
    pub classes: usize,
    columns: usize,
    pub no_object: Option<usize>,
    /// That of no-object, where targets may not have it.
    forbidden: Option<usize>,
}

impl KnownLabels {
    /// Whether a target may have this label.
    pub fn has(&self, label: i32) -> bool {
        usize::try_from(label).is_ok_and(|label| label < self.columns && self.forbidden != Some(label))
    }
}
