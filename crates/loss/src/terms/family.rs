//! What describes a family of terms: its fields, its terms, its options, and how it is made ready.

use std::sync::Arc;

use super::class::ClassTerm;
use super::image::ImageTerms;
use super::late::LateTerms;
use super::pair::PairTerms;
use crate::error::Result;
use crate::field::Field;
use crate::option::{OptionInfo, Options};

/// A term of the loss.
#[derive(Debug)]
pub struct Term {
    /// Its name, as in `weights.l1` and in the results.
    pub name: &'static str,
    /// Whether the matching cost may have it, too.
    pub in_cost: bool,
    /// Whether it is another form of the term before it: forms of one measure are summed before they join the loss.
    pub is_variant: bool,
    /// Whether it needs binary classification.
    pub needs_sigmoid: bool,
}

/// What is computed from some fields over matched pairs.
#[derive(Debug)]
pub struct Family {
    /// Its name.
    pub name: &'static str,
    /// Fields of the queries. Where a layer has the family, it has all fields of one set of them.
    pub queries: &'static [Field],
    /// Fields of the targets. Where a batch has the first, it has all of them but those that are optional.
    pub targets: &'static [TargetField],
    /// Its terms.
    pub terms: &'static [Term],
    /// Its options.
    pub options: &'static [&'static OptionInfo],
    /// Whether it says how well a pair agrees.
    pub has_quality: bool,
    /// Whether its terms are computed once all matchings are known.
    pub is_late: bool,
    /// Which layers must have its fields where one of its terms has a weight.
    pub presence: Presence,
    /// Whether its terms are over the pairs of the union matching in parts that use it; otherwise over the layer's own, and
    /// divided as in a part without.
    pub follows_union: bool,
    /// A family before it whose fields layers and targets must have where terms of this one count.
    pub needs: Option<&'static str>,
    /// Makes it ready. Options are within their ranges.
    pub(crate) build: fn(&Options, Places<'_>) -> Result<Built>,
}

/// Which layers must have the fields of a family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// All.
    Everywhere,
    /// The last one of the first part.
    Finally,
    /// None: their terms count where layers have them.
    Anywhere,
}

/// A field of the targets.
#[derive(Debug)]
pub struct TargetField {
    /// The field.
    pub field: Field,
    /// Whether it may be absent where the family's others are there.
    pub is_optional: bool,
    /// What it is made of.
    pub form: Form,
}

/// What a field of the targets is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A row of numbers for each target.
    Row,
    /// A plane of bytes, 0 or 1, for each target; those of an image have one size.
    Planes,
    /// A plane of bytes for the whole image, where it has one.
    Plane,
}

impl TargetField {
    /// One that has rows of numbers wherever targets have the family.
    pub(crate) const fn rows(field: Field) -> Self {
        Self { field, is_optional: false, form: Form::Row }
    }

    /// The same where it may be absent.
    pub(crate) const fn optional(field: Field) -> Self {
        Self { field, is_optional: true, form: Form::Row }
    }
}

/// A kind of classification, of which a criterion has one. Its field is the logits.
#[derive(Debug)]
pub struct Kind {
    /// Its name, as in `classification.kind`.
    pub name: &'static str,
    /// Whether it decides for each class by itself, without a column for no-object.
    pub is_sigmoid: bool,
    /// Whether the values of positives depend on how well their pairs agree.
    pub needs_quality: bool,
    /// Its options.
    pub options: &'static [&'static OptionInfo],
    /// Makes it ready. `classes`: the object classes. Options are within their ranges.
    pub(crate) build: fn(&Options, classes: usize) -> Arc<dyn ClassTerm>,
}

/// A family that is ready to run.
#[derive(Clone, Debug)]
pub(crate) enum Built {
    /// Of terms over the pairs of an image, with a cost.
    Pair(Arc<dyn PairTerms>),
    /// Of terms that are computed once all matchings are known.
    Late(Arc<dyn LateTerms>),
    /// Of terms that an image has as a whole, whatever its pairs.
    Image(Arc<dyn ImageTerms>),
}

/// Where the fields of a family lie among all.
#[derive(Clone, Copy)]
pub(crate) struct Places<'a> {
    /// The first of its fields of queries.
    pub queries: usize,
    /// The first of its fields of targets.
    pub targets: usize,
    /// The place of any field of targets, by name.
    pub target: &'a dyn Fn(&str) -> usize,
}
