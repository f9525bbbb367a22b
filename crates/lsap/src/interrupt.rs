//! How another thread stops a solve.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Memory of calls that can be stopped.
pub trait Interruptible {
    /// What stops the calls that compute with this memory from now on; nothing if absent.
    fn set_interrupt(&mut self, interrupt: Option<Interrupt>);
}

/// A flag, shared by its clones. A solver looks at it before each scan of a row; once it is raised, every stage ends
/// early, and its outputs are unspecified: discard them.
#[derive(Clone, Debug, Default)]
pub struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// Stops the solves that hold a clone, now and later.
    pub fn raise(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// The items of a stage's loop, as long as the flag is not raised.
    #[inline(always)]
    pub(crate) fn guard<T>(&self, items: impl IntoIterator<Item = T>) -> impl Iterator<Item = T> {
        items.into_iter().take_while(|_| !self.is_raised())
    }

    /// Whether the flag is raised.
    #[must_use]
    #[inline(always)]
    pub fn is_raised(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
