//! The errors of the evaluation in the words of JavaScript.

use evaluate::{Error, Place, Side};
use napi::bindgen_prelude::Object;

use crate::place::set;

/// The code of an error.
pub fn code(error: &Error) -> &'static str {
    match error {
        Error::Setting { .. } => "OPTION",
        Error::Length { .. } | Error::Offsets { .. } | Error::Count { .. } => "SHAPE",
        Error::Label { .. } => "RANGE",
        Error::Value { value, .. } if value.is_finite() => "RANGE",
        Error::Value { .. } => "NON_FINITE",
        Error::Memory { .. } => "MEMORY",
        Error::Interrupted => "ABORTED",
        _ => "INTERNAL",
    }
}

/// What JavaScript calls the subject of an error.
pub fn argument(error: &Error) -> String {
    let entry = |place: &Place| format!("{}[{}]", side(place.side), place.image);
    match error {
        Error::Setting { name, .. } => format!("options.{}", setting(name)),
        Error::Length { side: of, .. } | Error::Offsets { side: of, .. } | Error::Count { side: of, .. } => {
            side(*of).to_owned()
        }
        Error::Label { place, .. } => format!("{}.labels", entry(place)),
        Error::Value { place, field, .. } => format!("{}.{field}", entry(place)),
        Error::Memory { argument: "targets", .. } => side(Side::Targets).to_owned(),
        Error::Memory { argument, .. } => (*argument).to_owned(),
        Error::OutputLength { name, .. } => (*name).to_owned(),
        _ => "detections".to_owned(),
    }
}

/// What to say.
pub fn message(error: &Error) -> String {
    format!("{}: {}", argument(error), error.detail())
}

/// Sets the place of an error.
pub fn set_place(object: &mut Object<'_>, error: &Error) -> napi::Result<()> {
    let (Error::Label { place, .. } | Error::Value { place, .. }) = error else { return Ok(()) };
    set(object, "image", place.image)?;
    set(object, if place.side == Side::Detections { "detection" } else { "target" }, place.index)
}

fn side(side: Side) -> &'static str {
    match side {
        Side::Detections => "detections",
        Side::Targets => "groundTruth",
    }
}

/// What JavaScript calls a setting.
fn setting(name: &str) -> &str {
    match name {
        "classes" => "numClasses",
        "iou_thresholds" => "iouThresholds",
        "recall_thresholds" => "recallThresholds",
        "max_detections" => "maxDetections",
        _ => name,
    }
}
