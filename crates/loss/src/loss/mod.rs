//! The terms of the loss, each with its value and gradient side by side.

pub(crate) mod boxes;
pub(crate) mod clamp;
pub(crate) mod class;
pub(crate) mod distribution;
pub(crate) mod iou;
pub(crate) mod sigmoid;
pub(crate) mod softmax;
