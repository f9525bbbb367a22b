//! What the geometric terms of a layer are divided by: for each family a number that is known before the images are read,
//! and with `per-image` another one for each image.

use super::inputs::Normalizers;
use super::losses::FamilyNormalizers;
use super::part::Part;
use super::step::Step;
use crate::terms::class::ClassDivisor;
use crate::terms::divisor::Divisor;
use crate::terms::{FAMILIES, TERMS, terms_of};

impl Part {
    /// What the terms of an image with so many things of its own are divided by: that number, counted as N is, at least 1.
    fn of_image(&self, count: f64) -> f64 {
        (count * self.counted() as f64).max(1.0) * self.normalizer_factor
    }
}

impl Step<'_> {
    /// What the geometric terms of a layer are divided by, by its own matching; those of the union matching are divided by
    /// its pairs.
    pub fn normalizers(&self, slot: usize, given: &Normalizers<'_>, pairs: usize) -> FamilyNormalizers {
        let part = &self.layout.parts[self.layout.slots[slot].part];
        let images = given.images.unwrap_or_else(|| (self.layout.images as f64).max(1.0));
        let by_targets = part.normalizer(given.targets, self.views.total());
        self.setup.divisors.map(|divisor| match divisor {
            Divisor::Targets => by_targets,
            Divisor::Pairs => given.pairs.map_or((pairs as f64).max(1.0), |pairs| pairs[slot]),
            Divisor::Queries => images * (part.queries.len() as f64).max(1.0),
            Divisor::Images | Divisor::Batch => images,
        })
    }

    /// What each term of an image is divided by beyond the normalisers of its layer; nothing where that is 1 for all.
    pub fn image_divisors(&self, part: &Part, image: usize) -> Option<[f64; TERMS]> {
        let of_class = self.setup.class.divisor() == ClassDivisor::Images;
        let has_own = |family: usize| {
            self.setup.divisors[family] == Divisor::Images && !(part.union && FAMILIES[family].follows_union)
        };
        let of_families = (0..FAMILIES.len()).any(has_own);
        if !of_class && !of_families {
            return None;
        }
        let mut divisors = [1.0; TERMS];
        let targets = self.views.image(image, part.class_agnostic).kept;
        if of_class {
            divisors[0] = part.of_image(self.setup.class.count(&targets));
        }
        for family in (0..FAMILIES.len()).filter(|&family| has_own(family)) {
            divisors[terms_of(family)].fill(part.of_image(targets.len() as f64));
        }
        Some(divisors)
    }
}
