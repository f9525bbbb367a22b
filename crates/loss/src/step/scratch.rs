//! Memory that the stages reuse from image to image and from call to call.

use lsap::memory::{GiveBack, KEPT, held};
use lsap::{Interrupt, Interruptible};

use super::{choice, cost, distill, losses, matching, read};

/// Buffers of one thread. Holds nothing between calls but its capacity.
#[derive(Debug, Default)]
pub struct Scratch {
    /// What stops the call, in [`lsap::Threads::in_background`].
    pub(crate) interrupt: Option<Interrupt>,
    pub(crate) read: read::ReadBuffers,
    pub(crate) cost: cost::CostBuffers,
    pub(crate) solve: matching::MatchBuffers,
    pub(crate) score: choice::ScoreBuffers,
    pub(crate) sorted: matching::Sorted,
    pub(crate) losses: losses::LossBuffers,
    pub(crate) distill: distill::DistillBuffers,
    /// Of a whole step: what each query is to late terms, and how well each pair agrees.
    pub(crate) roles: Vec<i32>,
    pub(crate) quality: Vec<f64>,
}

impl GiveBack for Scratch {
    fn give_back(&mut self) {
        let Self { read, cost, solve, score, losses, distill, roles, quality, .. } = &*self;
        // the others grow with the queries, far less than these
        let stages = read.held() + cost.held() + solve.held() + score.held() + losses.held() + distill.held();
        let bytes = stages + held(roles) + held(quality);
        if bytes > KEPT {
            *self = Self { interrupt: self.interrupt.take(), ..Self::default() };
        }
    }
}

impl Interruptible for Scratch {
    fn set_interrupt(&mut self, interrupt: Option<Interrupt>) {
        self.interrupt = interrupt;
    }
}
