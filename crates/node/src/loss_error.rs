//! The errors of the loss in the words of JavaScript, where parts, options and normalisers have names of their own.

use std::sync::Arc;

use hungarian_loss::{Array, Error, Place, QueryPlace, TargetPlace, WeightOf};
use napi::bindgen_prelude::Object;

use crate::place::set;

/// What JavaScript calls the parts of a step: `outputs`, `outputs.encoder`.
pub type Names = Arc<[String]>;

/// The code of an error.
pub fn code(error: &Error) -> &'static str {
    match error {
        Error::Option { .. } | Error::Weight { .. } | Error::Normalizer { .. } => "OPTION",
        Error::Length { .. }
        | Error::Rows { .. }
        | Error::Missing { .. }
        | Error::Beside { .. }
        | Error::Offsets { .. }
        | Error::UnionQueries { .. } => "SHAPE",
        Error::Label { .. } | Error::Labels { .. } | Error::Value { .. } => "RANGE",
        Error::Matching { .. } | Error::FixedTwice { .. } => "RANGE",
        Error::Infeasible { .. } => "INFEASIBLE",
        Error::Part { property, .. } if property.starts_with("matching.") => "OPTION",
        Error::Positive { .. } | Error::PositiveSum { .. } => "RANGE",
        Error::Columns { .. } | Error::AbsentColumn { .. } | Error::AbsentNoObject { .. } => "RANGE",
        Error::WeightValue { .. } => "RANGE",
        Error::NotFinite { .. } => "NON_FINITE",
        Error::AddedCost { value, .. } if value.is_finite() => "RANGE",
        Error::AddedCost { .. } => "NON_FINITE",
        Error::Interrupted => "ABORTED",
        Error::Memory { .. } => "MEMORY",
        _ => "INTERNAL",
    }
}

/// What JavaScript calls the subject of an error.
pub fn argument(error: &Error, names: &Names) -> String {
    let part = |part: usize| names.get(part).map_or("outputs", String::as_str);
    match error {
        Error::Option { name: "options", .. } => "options".to_owned(),
        Error::Option { name, .. } => format!("options.{name}"),
        Error::Weight { of, term, .. } => match *of {
            WeightOf::Cost => format!("options.cost.{term}"),
            WeightOf::Loss => format!("options.weights.{term}"),
            WeightOf::Part(number) => format!("{}.weights.{term}", part(number)),
        },
        Error::Part { part: number, property, .. } => format!("{}.{property}", part(*number)),
        Error::Normalizer { name, .. } => format!("call.{}", normalizer(name)),
        Error::Length { array, .. }
        | Error::Rows { array, .. }
        | Error::Missing { array, .. }
        | Error::Beside { array, .. } => match *array {
            Array::Queries { part: number, field } => format!("{}.{field}", part(number)),
            Array::Targets { field } => format!("targets.{field}"),
            Array::Images => "targets".to_owned(),
            Array::Labels => "targets.labels".to_owned(),
            Array::Ignored => "targets.ignore".to_owned(),
            Array::Positives => "targets.positives".to_owned(),
            Array::Columns => "targets.columns".to_owned(),
            Array::TargetWeights => "targets.weights".to_owned(),
            Array::QueryWeights => "outputs.queryWeights".to_owned(),
            Array::LayerWeights { part: number } => format!("{}.layerWeights", part(number)),
            Array::Matchings => "matching".to_owned(),
            Array::Costs | Array::CostBlocks => "cost".to_owned(),
            Array::TargetOfQuery => "targetOfQuery".to_owned(),
            Array::Gradient { field } => format!("call.out.{field}"),
            Array::Normalizer { name } => format!("call.{}", normalizer(name)),
            _ => "outputs".to_owned(),
        },
        Error::Offsets { .. } => "targets".to_owned(),
        Error::Label { place, .. } | Error::Labels { place, .. } => format!("targets[{}].labels", place.image),
        Error::Positive { place, .. } | Error::PositiveSum { place, .. } => {
            format!("targets[{}].positives", place.image)
        }
        Error::Columns { image, .. } | Error::AbsentNoObject { image, .. } => format!("targets[{image}].columns"),
        Error::AbsentColumn { place, .. } => format!("targets[{}].columns", place.image),
        Error::WeightValue { place, .. } => match place {
            Place::Query(place) | Place::Image(place) | Place::Layer(place) => {
                format!("{}.queryWeights", part(place.part))
            }
            Place::Target(TargetPlace { image, .. }) | Place::Targets { image } => format!("targets[{image}].weights"),
        },
        Error::NotFinite { place, field, .. } | Error::Value { place, field, .. } => match place {
            Place::Query(place) | Place::Image(place) | Place::Layer(place) => format!("{}.{field}", part(place.part)),
            Place::Target(TargetPlace { image, .. }) | Place::Targets { image } => format!("targets[{image}].{field}"),
        },
        Error::Matching { place, .. } | Error::FixedTwice { place, .. } | Error::Infeasible { place, .. } => {
            format!("{}.matching", part(place.part))
        }
        Error::AddedCost { place, .. } => format!("{}.cost", part(place.part)),
        Error::UnionQueries { part: number, .. } | Error::Memory { part: Some(number), .. } => part(*number).to_owned(),
        _ => "outputs".to_owned(),
    }
}

/// The message without its subject, in JavaScript's words.
fn detail(error: &Error, names: &Names) -> String {
    match error {
        Error::UnionQueries { queries, first, expected, .. } => {
            let first = names.get(*first).map_or("outputs", String::as_str);
            format!(
                "has {queries} queries where {first} has {expected}; the union matching is of parts with the same queries \
                 (boxMatching: 'layer' has none)"
            )
        }
        _ => error.detail(),
    }
}

/// What JavaScript calls a normaliser.
fn normalizer(name: &str) -> &str {
    match name {
        "targets" => "numBoxes",
        "pairs" => "numPairs",
        "images" => "numImages",
        "union pairs" => "unionBoxes",
        "class" => "classNormalizer",
        "distilled" => "distilledQueries",
        _ => name,
    }
}

/// What to say.
pub fn message(error: &Error, names: &Names) -> String {
    let argument = argument(error, names);
    match error {
        Error::Label { place, .. } => format!("{argument}[{}]: {}", place.target, error.detail()),
        _ => format!("{argument}: {}", detail(error, names)),
    }
}

/// Sets the place of an error.
pub fn set_place(object: &mut Object<'_>, error: &Error) -> napi::Result<()> {
    match error {
        Error::Label { place, .. } | Error::Labels { place, .. } => set_target(object, place),
        Error::Positive { place, .. } | Error::PositiveSum { place, .. } => set_target(object, place),
        Error::AbsentColumn { place, .. } => set_target(object, place),
        Error::Columns { image, .. } | Error::AbsentNoObject { image, .. } => set(object, "image", *image),
        Error::WeightValue { place: Place::Query(place), .. } => set_query(object, place),
        Error::WeightValue { place: Place::Target(place), .. } => set_target(object, place),
        Error::NotFinite { place, .. } | Error::Value { place, .. } => match place {
            Place::Query(place) => set_query(object, place),
            Place::Image(place) => set_image(object, place),
            Place::Layer(place) => set(object, "layer", place.layer),
            Place::Target(place) => set_target(object, place),
            Place::Targets { image } => set(object, "image", *image),
        },
        Error::Matching { place, .. } | Error::Infeasible { place, .. } => set_query(object, place),
        Error::FixedTwice { place, target, .. } => {
            set_query(object, place)?;
            set(object, "target", *target)
        }
        Error::AddedCost { place, target, .. } => {
            set_query(object, place)?;
            set(object, "target", *target)
        }
        Error::Rows { layer, .. } => set(object, "layer", *layer),
        _ => Ok(()),
    }
}

fn set_target(object: &mut Object<'_>, place: &TargetPlace) -> napi::Result<()> {
    set(object, "image", place.image)?;
    set(object, "target", place.target)
}

fn set_query(object: &mut Object<'_>, place: &QueryPlace) -> napi::Result<()> {
    set_image(object, place)?;
    set(object, "query", place.query)
}

fn set_image(object: &mut Object<'_>, place: &QueryPlace) -> napi::Result<()> {
    set(object, "layer", place.layer)?;
    set(object, "image", place.image)
}
