//! Weights: one number for each term.

use std::ops::Range;

use crate::error::{Error, Result, WeightOf};
use crate::option::{LIMIT, UP_TO_LIMIT};
use crate::terms::{TERMS, terms};

/// A weight for each term, in the order of [`terms`](crate::terms()); 0 leaves a term out.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Weights([f64; TERMS]);

impl Default for Weights {
    fn default() -> Self {
        Self([0.0; TERMS])
    }
}

impl Weights {
    /// Those of some terms by name; the others have 0.
    ///
    /// ```
    /// let weights = hungarian_loss::Weights::of(&[("class", 1.0), ("l1", 5.0), ("giou", 2.0)]);
    /// assert_eq!(weights.get("l1"), 5.0);
    /// ```
    ///
    /// # Panics
    /// Where there is no such term.
    #[must_use]
    pub fn of(named: &[(&str, f64)]) -> Self {
        named.iter().fold(Self::default(), |weights, &(name, weight)| weights.with(name, weight))
    }

    /// With another weight for a term.
    ///
    /// # Panics
    /// Where there is no such term.
    #[must_use]
    pub fn with(mut self, name: &str, weight: f64) -> Self {
        self.0[place(name)] = weight;
        self
    }

    /// Those of all terms, in their order; what is absent is 0.
    #[must_use]
    pub fn from_slice(values: &[f64]) -> Self {
        let mut weights = [0.0; TERMS];
        weights.iter_mut().zip(values).for_each(|(weight, &value)| *weight = value);
        Self(weights)
    }

    /// The weight of a term.
    ///
    /// # Panics
    /// Where there is no such term.
    #[must_use]
    pub fn get(&self, name: &str) -> f64 {
        self.0[place(name)]
    }

    /// The weight of the class term.
    pub(crate) fn class(&self) -> f64 {
        self.0[0]
    }

    /// The weights of some terms.
    pub(crate) fn range(&self, range: Range<usize>) -> &[f64] {
        &self.0[range]
    }

    /// All of them.
    pub(crate) fn all(&self) -> &[f64; TERMS] {
        &self.0
    }

    /// Checks all weights. `is_sigmoid`: whether classification is binary.
    pub(crate) fn check(&self, of: WeightOf, is_sigmoid: bool) -> Result<()> {
        for (term, &value) in terms().zip(&self.0) {
            let fail = |rule| Err(Error::Weight { of, term: term.name, rule, value });
            if !(0.0..=LIMIT).contains(&value) {
                return fail(UP_TO_LIMIT);
            }
            if value > 0.0 && of == WeightOf::Cost && !term.in_cost {
                return fail("0 in the cost");
            }
            if value > 0.0 && term.needs_sigmoid && !is_sigmoid {
                return fail("0 for softmax classification");
            }
        }
        Ok(())
    }
}

fn place(name: &str) -> usize {
    terms().position(|term| term.name == name).unwrap_or_else(|| panic!("there is no term {name}"))
}
