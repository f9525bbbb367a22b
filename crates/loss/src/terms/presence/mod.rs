//! Presence: one logit x for each image, whether there is anything to be found in it at all.
//!
//! `presence` = ½ BCE(x, y), BCE(x, y) = ln(1 + eˣ) - x·y, where y is 1 if any target of the image can be seen, otherwise 0;
//! a focal loss with α = ½ and γ = 0. The loss is its mean over the images (Carion et al. 2025, "SAM 3"; facebookresearch/sam3,
//! `sam3/train/loss/loss_fns.py`, `IABCEMdetr` with `use_presence`).

use std::sync::Arc;

use simd::math::logistic;
use simd::{LANES, Level, Simd, dispatch, load, store};

use super::family::{Built, Family, Places, Presence, Term};
use super::image::{ImageTerms, WholeImage};
use crate::error::Result;
use crate::field::{Axis, Field, Owner};
use crate::option::Options;

/// The family. Targets have nothing of their own for it.
pub(super) const FAMILY: Family = Family {
    name: "presence",
    queries: &[Field {
        owner: Owner::Image,
        ..Field::row("presence", &[Axis { name: "presence", size: Some(1) }], true)
    }],
    targets: &[],
    terms: &[Term { name: "presence", in_cost: false, is_variant: false, needs_sigmoid: false }],
    options: &[],
    has_quality: false,
    is_late: false,
    needs: None,
    presence: Presence::Anywhere,
    follows_union: false,
    build,
};

/// α of the focal loss.
const ALPHA: f64 = 0.5;

fn build(_: &Options, places: Places<'_>) -> Result<Built> {
    Ok(Built::Image(Arc::new(PresenceTerm { logit: places.queries })))
}

/// Ready to run.
#[derive(Debug)]
struct PresenceTerm {
    /// Place of the field.
    logit: usize,
}

impl ImageTerms for PresenceTerm {
    fn query_width(&self, _: usize) -> usize {
        1
    }

    fn add(
        &self,
        level: Level,
        image: &WholeImage<'_>,
        scales: &[f64],
        sums: &mut [f64],
        gradients: Option<&mut [&mut [f32]]>,
    ) {
        // with x of the label's sign, BCE is -ln σ(x)
        let sign = if image.has_visible { 1.0 } else { -1.0 };
        let x = image.queries.get(self.logit)[0] * sign;
        let (nll, miss) = dispatch!(level, simd => decision(simd, x));
        sums[0] += ALPHA * nll;
        if let Some(gradients) = gradients {
            let slope = -f64::from(sign) * ALPHA * miss * scales[0];
            gradients[0][0] = slope.clamp(-f64::from(f32::MAX), f64::from(f32::MAX)) as f32 + 0.0;
        }
    }
}

/// -ln σ(x) and 1 - σ(x).
#[inline]
fn decision<S: Simd>(simd: S, x: f32) -> (f64, f64) {
    let values = [x; LANES];
    let l = logistic(simd, [load(simd, &values, 0)]);
    let (mut nll, mut miss) = ([0.0; LANES], [0.0; LANES]);
    store(l.nll_p[0], &mut nll, 0);
    store(l.q[0], &mut miss, 0);
    (f64::from(nll[0]), f64::from(miss[0]))
}
