//! Memory that terms reuse from image to image and from call to call.

use std::any::Any;

/// Memory of one term. Holds nothing between calls but its capacity.
pub(crate) trait Memory: Any + Send + Default {
    /// Its bytes that grow with an image.
    fn held(&self) -> usize;
}

/// A place for the memory of whichever term runs: one thread serves criteria of all kinds.
#[derive(Default)]
pub(crate) struct TermMemory(Option<Held>);

struct Held {
    memory: Box<dyn Any + Send>,
    /// Gives its bytes.
    held: fn(&dyn Any) -> usize,
}

impl TermMemory {
    /// The memory of a term, made anew where another had the place.
    pub fn get<M: Memory>(&mut self) -> &mut M {
        if !self.0.as_ref().is_some_and(|slot| slot.memory.is::<M>()) {
            let held: fn(&dyn Any) -> usize = |memory| memory.downcast_ref().map_or(0, M::held);
            self.0 = Some(Held { memory: Box::<M>::default(), held });
        }
        let memory = self.0.as_mut().and_then(|slot| slot.memory.downcast_mut());
        memory.expect("it has just been made so")
    }

    /// Bytes of the memory.
    pub fn held(&self) -> usize {
        self.0.as_ref().map_or(0, |slot| (slot.held)(&*slot.memory))
    }
}

impl std::fmt::Debug for TermMemory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "TermMemory({} bytes)", self.held())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default)]
    struct First(Vec<u8>);

    #[derive(Default)]
    struct Second;

    impl Memory for First {
        fn held(&self) -> usize {
            self.0.capacity()
        }
    }

    impl Memory for Second {
        fn held(&self) -> usize {
            0
        }
    }

    #[test]
    fn what_the_last_term_has_used_is_kept() {
        let mut memory = TermMemory::default();
        memory.get::<First>().0.reserve_exact(100);
        assert_eq!((memory.get::<First>().0.capacity(), memory.held()), (100, 100));
        memory.get::<Second>();
        assert_eq!(memory.held(), 0);
        assert_eq!(memory.get::<First>().0.capacity(), 0);
    }
}
