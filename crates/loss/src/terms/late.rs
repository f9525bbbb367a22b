//! Terms that are computed once all matchings are known, since they weigh pairs of the matching that the geometry uses, or
//! compare the layers of a part with its last one, which teaches them.

use std::fmt::Debug;

use simd::Level;

use super::memory::TermMemory;
use super::pair::Broken;
use crate::field::FieldRows;

/// Queries and their pairs in one image of a layer.
#[derive(Clone, Copy)]
pub(crate) struct LatePairs<'a> {
    /// All queries.
    pub queries: FieldRows<'a>,
    /// All targets.
    pub targets: FieldRows<'a>,
    /// Query and target, in the order of the queries.
    pub list: &'a [(usize, usize)],
    /// `[pairs]`: how well each pair agrees, 0 to 1.
    pub quality: &'a [f64],
}

/// What a layer is taught.
#[derive(Clone, Copy)]
pub(crate) struct Taught<'a> {
    /// All queries of the layer that teaches.
    pub teacher: FieldRows<'a>,
    /// Its logits, `[queries, classes]`.
    pub logits: &'a [f32],
    /// Columns of those.
    pub classes: usize,
    /// Each query that takes part, in their order, and the quality of its pair, or nothing where it has none.
    pub queries: &'a [(usize, Option<f64>)],
    /// What an entry's loss is multiplied by, beyond its own weight, with and without a pair: 1 / number of such queries, and
    /// their share.
    pub weights: [f64; 2],
}

/// Terms over pairs and over layers. The first of the family's terms is over pairs, the second over layers.
pub(crate) trait LateTerms: Debug + Send + Sync {
    /// The width that the field `index` of the family's queries must have.
    fn query_width(&self, index: usize) -> usize;

    /// Whether every value of an image's queries is finite and within the rules; if not, look closer.
    fn is_sound(&self, level: Level, queries: FieldRows<'_>, memory: &mut TermMemory) -> bool;

    /// The rule that a finite row of a field of the queries breaks.
    fn check_query(&self, index: usize, row: &[f32]) -> Option<Broken>;

    /// The sum of the first term over the pairs; `scale` times its derivative is added to the gradient.
    fn add_pairs(
        &self,
        level: Level,
        pairs: &LatePairs<'_>,
        scale: f64,
        gradient: Option<&mut [f32]>,
        memory: &mut TermMemory,
    ) -> f64;

    /// The sum of the second term over the queries that are taught; `scale` times its derivative is added to the gradient.
    fn add_taught(
        &self,
        level: Level,
        queries: FieldRows<'_>,
        taught: &Taught<'_>,
        scale: f64,
        gradient: Option<&mut [f32]>,
        memory: &mut TermMemory,
    ) -> f64;

    /// The shares of the means over queries with and without a pair, of which there are so many.
    fn shares(&self, numbers: [f64; 2]) -> [f64; 2];

    /// Bytes of memory for an image of so many queries, at most.
    fn needs(&self, queries: usize) -> u128;
}
