//! The parts of a step as they come from TypeScript: flat numbers and the arrays that these point into.

use hungarian_loss::{LayerRule, LossWeights, Matching, Part, Weights};
use napi::bindgen_prelude::{Float32ArraySlice, Int32ArraySlice};
use napi_derive::napi;

use crate::error::{Failure, Result};

/// Numbers of a part: where its tensors lie (an index of [`NAMES`]), its first layer and how many it has, queries of its
/// tensors, its first query and the end, columns of its logits, groups, repetitions, whether it is class-agnostic, whether
/// it uses the union matching, divisor, weight, and the weights of class, l1, giou, iou, diou, ciou, fgl and
/// ddf.
const PER_PART: usize = 21;

/// Numbers of a layer's rule.
const PER_RULE: usize = 3;

const NAMES: [&str; 4] = ["outputs", "outputs.encoder", "outputs.denoising", "outputs.oneToMany"];

/// Splits what comes from TypeScript: first how many tensors there are and how many layers each of them holds, then the
/// parts.
pub fn split(numbers: &[f64]) -> Result<(&[f64], &[f64])> {
    let (&tensors, numbers) = numbers.split_first().ok_or_else(wrong)?;
    numbers.split_at_checked(tensors as usize).ok_or_else(wrong)
}

/// How layers are matched, where any of them is not matched optimally.
#[napi(object, object_to_js = false)]
pub struct Rules<'a> {
    /// For each layer of every part: kind (0 optimal, 1 given, 2 of another layer), the place in `given` or that layer's
    /// number, and the place in `added`, or -1.
    pub rules: Int32ArraySlice<'a>,
    /// Matchings, `[images, queries]` each.
    pub given: Int32ArraySlice<'a>,
    /// Costs, for each image `[queries, targets of the image]`.
    pub added: Float32ArraySlice<'a>,
}

/// What lies in [`Rules`].
#[derive(Clone, Copy)]
pub struct RuleSlices<'a> {
    pub rules: &'a [i32],
    pub given: &'a [i32],
    pub added: &'a [f32],
}

impl Rules<'_> {
    pub fn slices(&self) -> RuleSlices<'_> {
        RuleSlices { rules: &self.rules, given: &self.given, added: &self.added }
    }
}

impl<'a> RuleSlices<'a> {
    /// The rules of all layers, part after part. `images` and `total`: images and targets of the batch.
    pub fn read(self, parts: &[f64], images: usize, total: usize) -> Result<Vec<LayerRule<'a>>> {
        let Self { rules, given, added } = self;
        let layers = parts.chunks_exact(PER_PART).flat_map(|part| {
            let queries = (part[5] - part[4]) as usize;
            std::iter::repeat_n(queries, part[2] as usize)
        });
        let read = |(rule, queries): (&[i32], usize)| {
            let matching = match rule[0] {
                0 => Matching::Optimal,
                1 => Matching::Given(slice(given, rule[1], images * queries)?),
                _ => Matching::Of(rule[1] as usize),
            };
            let cost = if rule[2] < 0 { None } else { Some(slice(added, rule[2], queries * total)?) };
            Ok(LayerRule { matching, cost })
        };
        rules.chunks_exact(PER_RULE).zip(layers).map(read).collect()
    }
}

/// The parts; `rules` as [`RuleSlices::read`] gives them, or none where all layers are matched optimally.
pub fn parts<'a>(numbers: &[f64], mut rules: &'a [LayerRule<'a>]) -> Result<Vec<Part<'a>>> {
    let read = |part: &[f64]| {
        let size = |at: usize| part[at] as usize;
        let [class, l1, giou, iou, diou, ciou, fgl, ddf] = [13, 14, 15, 16, 17, 18, 19, 20].map(|at| part[at]);
        let of_part;
        (of_part, rules) =
            if rules.is_empty() { (rules, rules) } else { rules.split_at_checked(size(2)).ok_or_else(wrong)? };
        Ok(Part {
            name: NAMES.get(size(0)).copied().ok_or_else(wrong)?,
            layers: size(1)..size(1) + size(2),
            rows: size(3),
            queries: size(4)..size(5),
            classes: size(6),
            rules: of_part,
            groups: size(7),
            repeat: size(8),
            class_agnostic: part[9] != 0.0,
            union: part[10] != 0.0,
            divisor: part[11],
            weight: part[12],
            weights: Some(LossWeights { terms: Weights { class, l1, giou, iou, diou, ciou }, fgl, ddf }),
        })
    };
    numbers.chunks_exact(PER_PART).map(read).collect()
}

fn slice<T>(values: &[T], start: i32, length: usize) -> Result<&[T]> {
    let start = usize::try_from(start).map_err(|_| wrong())?;
    values.get(start..start + length).ok_or_else(wrong)
}

fn wrong() -> Failure {
    Failure::Binding("INTERNAL", "parts", "the numbers of the parts do not fit".to_owned())
}
