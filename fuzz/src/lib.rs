//! What holds of the solvers and of the loss whatever they are given. A target makes an input of any bytes, and asserts what
//! must hold of it: that it is refused for the right reason, or solved rightly. The programs of `fuzz_targets/` have libFuzzer
//! look for bytes that break it; `tests/corpus.rs` runs the targets on those that are kept.

#![forbid(unsafe_code)]

pub mod batch;
mod bytes;
mod costs;
pub mod dense;
mod judge;
pub mod proof;
pub mod sparse;
pub mod step;
pub mod structure;

#[allow(dead_code, unused_imports, reason = "no target uses all of it")]
#[path = "../../crates/loss/tests/harness/mod.rs"]
mod loss_harness;
#[path = "../../crates/lsap/tests/harness/mod.rs"]
mod lsap_harness;

/// A target: asserts what must hold of the input that these bytes make.
pub type Target = fn(&[u8]);

/// All targets by their names, which their corpora have too.
pub const TARGETS: [(&str, Target); 6] = [
    ("dense", dense::run),
    ("sparse", sparse::run),
    ("batch", batch::run),
    ("proof", proof::run),
    ("step", step::run),
    ("structure", structure::run),
];

/// Says by which instructions the targets run; what is recorded of a run has it.
pub fn say_level() {
    eprintln!("level: {}", lsap::Level::detect().name());
}
