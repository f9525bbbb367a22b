//! A step: plan → read → cost → match → losses → across layers → report, each a file and a value.

mod by_score;
mod choice;
mod cost;
mod distill;
mod divisor;
mod fixed;
mod further;
mod geometry;
mod ignore;
mod image;
mod inputs;
mod jobs;
mod late;
mod losses;
mod matching;
mod needs;
mod normalizer;
mod part;
mod plan;
mod pool;
mod read;
mod report;
mod rest;
mod run;
mod score;
mod scratch;
mod setup;
mod shared;
#[expect(clippy::module_inception, reason = "the step under way is one room of the step")]
mod step;
mod sums;
mod union;
mod weighed;

pub use inputs::{Inputs, Normalizers};
pub(crate) use needs::bytes;
pub use part::{LayerRule, Matching, Part};
pub(crate) use plan::Layout;
pub use plan::{Stack, Structure};
pub use report::{LayerCounts, LayerReport, Report};
pub(crate) use run::{compute, costs, match_targets};
pub use score::{SCORE_OPTIONS, Score};
pub use scratch::Scratch;
pub(crate) use setup::Setup;
pub(crate) use step::Step;
pub use sums::NonFiniteCounts;
