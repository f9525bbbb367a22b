//! What a matching by score has beyond one target for each query.

use super::plan::Slot;

/// The pairs beyond the first of each query, of all images of the layers that are matched by score.
#[derive(Debug, Default)]
pub(crate) struct Further {
    /// `[slots, images]`: query and target, in their order; empty where no layer is matched by score.
    pub pairs: Vec<Vec<(usize, usize)>>,
    pub images: usize,
}

impl Further {
    /// Those of an image of a layer, or of the layer whose matching it takes over.
    pub fn of(&self, slot: &Slot, image: usize) -> &[(usize, usize)] {
        slot.score_slot.and_then(|slot| self.pairs.get(slot * self.images + image)).map_or(&[], Vec::as_slice)
    }
}
