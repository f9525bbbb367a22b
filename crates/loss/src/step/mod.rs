//! A step: plan → read → cost → match → losses → across layers → report, each a file and a value.

pub(crate) mod cost;
mod ignore;
mod image;
mod inputs;
mod jobs;
pub(crate) mod late;
pub(crate) mod losses;
pub(crate) mod matching;
mod needs;
mod normalizer;
mod part;
mod plan;
pub(crate) mod read;
mod report;
mod run;
mod setup;
#[expect(clippy::module_inception, reason = "the step under way is one room of the step")]
mod step;
mod union;

pub use inputs::{Inputs, Normalizers};
pub(crate) use needs::bytes;
pub use part::{LayerRule, Matching, Part};
pub(crate) use plan::Layout;
pub use plan::{Stack, Structure};
pub use report::{LayerCounts, LayerReport, NonFiniteCounts, Report};
pub(crate) use run::{compute, costs, match_targets};
pub(crate) use setup::Setup;
pub(crate) use step::Step;
