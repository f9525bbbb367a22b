//! Labels of the samples at which masks are compared, and which of them count.

use simd::{F32, LANES, Simd, load, prelude::*};

/// Labels of samples.
#[derive(Clone, Copy, Debug)]
pub(super) enum Labels<'a> {
    /// 0 or 1.
    Hard(&'a [u8]),
    /// 0 to 1.
    Soft(&'a [f32]),
}

impl Labels<'_> {
    /// Samples.
    pub fn len(&self) -> usize {
        match self {
            Self::Hard(labels) => labels.len(),
            Self::Soft(labels) => labels.len(),
        }
    }

    /// Writes those from `at` on to the start of `out`.
    #[inline(always)]
    pub fn copy(&self, at: usize, out: &mut [f32]) {
        let range = at..at + out.len();
        match self {
            Self::Hard(labels) => widen(&labels[range], out),
            Self::Soft(labels) => out.copy_from_slice(&labels[range]),
        }
    }
}

/// Samples with their labels.
#[derive(Clone, Copy, Debug)]
pub(super) struct Samples<'a> {
    pub labels: Labels<'a>,
    /// 1 where a sample counts, 0 where it is void; all of them count where this is absent.
    pub kept: Option<&'a [u8]>,
}

/// Bytes as numbers.
#[inline(always)]
pub(super) fn widen(bytes: &[u8], out: &mut [f32]) {
    for (out, &byte) in out.iter_mut().zip(bytes) {
        *out = f32::from(byte);
    }
}

/// Vectors of a [`Tile`].
pub(super) const STEP: usize = 4;

/// Some samples, side by side. Those beyond the last are void.
pub(super) struct Tile {
    pub logits: [f32; STEP * LANES],
    labels: [f32; STEP * LANES],
    kept: [f32; STEP * LANES],
}

/// A tile in vectors.
pub(super) struct Vectors<S: Simd> {
    pub x: [F32<S>; STEP],
    pub y: [F32<S>; STEP],
    /// 1 or 0; all 1 where every sample counts.
    pub kept: [F32<S>; STEP],
}

impl Tile {
    pub const LEN: usize = STEP * LANES;

    pub fn new() -> Self {
        Self { logits: [0.0; Self::LEN], labels: [0.0; Self::LEN], kept: [1.0; Self::LEN] }
    }

    /// The samples from `at` on. Returns how many of them there are.
    #[inline(always)]
    pub fn fill(&mut self, logits: &[f32], samples: &Samples<'_>, at: usize) -> usize {
        let count = Self::LEN.min(logits.len() - at);
        self.logits[..count].copy_from_slice(&logits[at..at + count]);
        samples.labels.copy(at, &mut self.labels[..count]);
        if let Some(kept) = samples.kept {
            widen(&kept[at..at + count], &mut self.kept[..count]);
        }
        if count < Self::LEN {
            self.logits[count..].fill(0.0);
            self.labels[count..].fill(0.0);
            self.kept[count..].fill(0.0);
        }
        count
    }

    #[inline(always)]
    pub fn vectors<S: Simd>(&self, simd: S) -> Vectors<S> {
        let zero = F32::splat(simd, 0.0);
        let mut vectors = Vectors { x: [zero; STEP], y: [zero; STEP], kept: [zero; STEP] };
        for i in 0..STEP {
            vectors.x[i] = load(simd, &self.logits, i * LANES);
            vectors.y[i] = load(simd, &self.labels, i * LANES);
            vectors.kept[i] = load(simd, &self.kept, i * LANES);
        }
        vectors
    }
}
