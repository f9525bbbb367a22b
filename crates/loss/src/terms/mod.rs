//! The terms of the loss: the class term, and families of terms over fields. This list is the only file that names them.

mod axis;
mod boxes;
pub(crate) mod class;
mod classes;
pub(crate) mod divisor;
mod edges;
pub(crate) mod family;
mod flags;
pub(crate) mod image;
mod lanes;
pub(crate) mod late;
mod limits;
mod masks;
pub(crate) mod memory;
pub(crate) mod pair;
mod points;
mod presence;
mod spans;

use std::ops::Range;

use crate::field::{Field, MAX_FIELDS, Owner};
use family::{Family, Kind, TargetField, Term};

/// All families. Their order is that of the results, and of sums: it is part of the bits.
pub(crate) const FAMILIES: [&Family; 6] =
    [&boxes::FAMILY, &edges::FAMILY, &spans::FAMILY, &points::FAMILY, &masks::FAMILY, &presence::FAMILY];

pub(crate) use classes::check as check_class_options;

/// All kinds of classification, the usual one first.
pub(crate) const KINDS: &[&Kind] = &classes::KINDS;

/// The class term, which comes before those of all families.
pub(crate) const CLASS: Term = Term { name: "class", in_cost: true, is_variant: false, needs_sigmoid: false };

/// Terms of the loss.
pub const TERMS: usize = PLACES[FAMILIES.len() - 1].terms.1;

/// Fields of queries.
pub(crate) const QUERY_FIELDS: usize = PLACES[FAMILIES.len() - 1].queries.1;

/// The place of the logits among them.
pub(crate) const LOGITS: usize = 0;

const _: () = assert!(QUERY_FIELDS <= MAX_FIELDS && PLACES[FAMILIES.len() - 1].targets.1 <= MAX_FIELDS);

/// A step has room for one late family: `late.rs` of the step would pass over a second one.
const _: () = {
    let (mut late, mut k) = (0, 0);
    while k < FAMILIES.len() {
        late += FAMILIES[k].is_late as usize;
        k += 1;
    }
    assert!(late <= 1);
};

/// Where the fields and terms of each family lie among all.
const PLACES: [FamilyRanges; FAMILIES.len()] = {
    let mut places = [FamilyRanges { queries: (1, 1), targets: (0, 0), terms: (1, 1) }; FAMILIES.len()];
    let mut ends = (1, 0, 1);
    let mut k = 0;
    while k < FAMILIES.len() {
        let starts = ends;
        let Family { queries, targets, terms, .. } = FAMILIES[k];
        ends = (starts.0 + queries.len(), starts.1 + targets.len(), starts.2 + terms.len());
        places[k] =
            FamilyRanges { queries: (starts.0, ends.0), targets: (starts.1, ends.1), terms: (starts.2, ends.2) };
        k += 1;
    }
    places
};

/// Where a family's fields and terms begin and end.
#[derive(Clone, Copy)]
struct FamilyRanges {
    queries: (usize, usize),
    targets: (usize, usize),
    terms: (usize, usize),
}

/// The places of a family's fields of queries among all.
pub(crate) const fn queries_of(family: usize) -> Range<usize> {
    PLACES[family].queries.0..PLACES[family].queries.1
}

/// The places of a family's fields of targets among all.
pub(crate) const fn targets_of(family: usize) -> Range<usize> {
    PLACES[family].targets.0..PLACES[family].targets.1
}

/// The places of a family's terms among all.
pub(crate) const fn terms_of(family: usize) -> Range<usize> {
    PLACES[family].terms.0..PLACES[family].terms.1
}

/// All terms, in the order of the results.
pub fn terms() -> impl Iterator<Item = &'static Term> {
    std::iter::once(&CLASS).chain(FAMILIES.into_iter().flat_map(|family| family.terms))
}

/// All fields of queries, in the order of their places.
pub fn query_fields() -> impl Iterator<Item = &'static Field> {
    std::iter::once(&classes::LOGITS).chain(FAMILIES.into_iter().flat_map(|family| family.queries))
}

/// All fields of targets, in the order of their places.
pub fn target_fields() -> impl Iterator<Item = &'static TargetField> {
    FAMILIES.into_iter().flat_map(|family| family.targets)
}

/// The field of queries at a place.
pub(crate) fn query_field(place: usize) -> &'static Field {
    query_fields().nth(place).expect("places come from the list")
}

/// The places of the fields that a family has gradients by.
pub(crate) fn gradient_fields(family: usize) -> impl Iterator<Item = usize> {
    queries_of(family).zip(FAMILIES[family].queries).filter(|(_, field)| field.has_gradient).map(|(place, _)| place)
}

/// What has a row of each field of the queries.
pub(crate) const OWNERS: [Owner; MAX_FIELDS] = {
    let mut owners = [Owner::Query; MAX_FIELDS];
    let mut family = 0;
    while family < FAMILIES.len() {
        let (fields, first) = (FAMILIES[family].queries, PLACES[family].queries.0);
        let mut k = 0;
        while k < fields.len() {
            owners[first + k] = fields[k].owner;
            k += 1;
        }
        family += 1;
    }
    owners
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::field::MAX_AXES;

    #[test]
    fn names_are_unique_and_rows_have_few_axes() {
        let unique = |mut names: Vec<&str>| {
            let count = names.len();
            names.sort_unstable();
            names.dedup();
            assert_eq!(names.len(), count, "{names:?}");
        };
        unique(terms().map(|term| term.name).collect());
        unique(query_fields().map(|field| field.name).collect());
        unique(target_fields().map(|target| target.field.name).collect());
        unique(KINDS.iter().map(|kind| kind.name).collect());
        assert!(query_fields().all(|field| field.axes.len() <= MAX_AXES));
        assert_eq!((terms().count(), query_fields().count()), (TERMS, QUERY_FIELDS));
    }
}
