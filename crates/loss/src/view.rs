//! The targets as the parts of a step see them: without those that are ignored, or all of one class.

use crate::batch::{ImageTargets, Targets};
use crate::error::COMPONENTS;

/// The views of one batch's targets, made once for a call; nothing is copied where no target is ignored.
pub(crate) struct Views<'a> {
    all: Targets<'a>,
    kept: Option<Kept>,
    /// As many labels of the one class as there are targets; empty where no part needs them.
    agnostic: Vec<i32>,
}

/// The targets that are not ignored, and the boxes of those that are.
#[derive(Default)]
struct Kept {
    labels: Vec<i32>,
    label_offsets: Vec<u32>,
    boxes: Vec<f32>,
    offsets: Vec<usize>,
    /// Each kept target's number within its image.
    index: Vec<usize>,
    ignored: Vec<f32>,
    ignored_offsets: Vec<usize>,
}

/// One image's targets.
#[derive(Clone, Copy)]
pub(crate) struct ImageView<'a> {
    /// All of them, as numbered by the caller.
    pub all: ImageTargets<'a>,
    /// Those that take part in the matching.
    pub kept: ImageTargets<'a>,
    /// The number of each kept target among all; empty where all are kept.
    index: &'a [usize],
    /// Boxes of the ignored ones, `[ignored, 4]`.
    pub ignored: &'a [f32],
    ignores: &'a [u8],
}

impl<'a> Views<'a> {
    /// `agnostic`: the label that stands for all in class-agnostic parts, if there are any.
    pub fn new(all: Targets<'a>, agnostic: Option<i32>) -> Self {
        let kept = all.ignores().contains(&1).then(|| Kept::new(&all));
        Self { all, kept, agnostic: agnostic.map_or_else(Vec::new, |label| vec![label; all.total()]) }
    }

    /// Targets that take part in the matching.
    pub fn total(&self) -> usize {
        self.kept.as_ref().map_or(self.all.total(), |kept| kept.index.len())
    }

    pub fn image(&self, image: usize, class_agnostic: bool) -> ImageView<'_> {
        let all = self.all.image(image);
        let (kept, index, ignored): (_, &[usize], &[f32]) = match &self.kept {
            None => (all, &[], &[]),
            Some(kept) => {
                let range = kept.offsets[image]..kept.offsets[image + 1];
                let ignored = COMPONENTS * kept.ignored_offsets[image]..COMPONENTS * kept.ignored_offsets[image + 1];
                let boxes = &kept.boxes[COMPONENTS * range.start..COMPONENTS * range.end];
                let label_offsets = Some(&kept.label_offsets[range.start..=range.end]);
                let targets = ImageTargets { labels: &kept.labels, label_offsets, boxes };
                (targets, &kept.index[range], &kept.ignored[ignored])
            }
        };
        let ignores = if ignored.is_empty() { &[][..] } else { &self.all.ignores()[self.all.range(image)] };
        let [all, kept] = [all, kept].map(|targets: ImageTargets<'_>| match class_agnostic {
            true => ImageTargets { labels: &self.agnostic[..targets.len()], label_offsets: None, boxes: targets.boxes },
            false => targets,
        });
        ImageView { all, kept, index, ignored, ignores }
    }
}

impl ImageView<'_> {
    /// The number among all targets of a kept one.
    pub fn number(&self, kept: usize) -> usize {
        if self.index.is_empty() { kept } else { self.index[kept] }
    }

    pub fn is_ignored(&self, target: usize) -> bool {
        self.ignores.get(target) == Some(&1)
    }
}

impl Kept {
    fn new(all: &Targets<'_>) -> Self {
        let mut kept = Self { label_offsets: vec![0], offsets: vec![0], ignored_offsets: vec![0], ..Self::default() };
        for image in 0..all.images() {
            let targets = all.image(image);
            let ignores = &all.ignores()[all.range(image)];
            for (target, values) in targets.boxes.chunks_exact(COMPONENTS).enumerate() {
                if ignores[target] == 1 {
                    kept.ignored.extend_from_slice(values);
                } else {
                    kept.labels.extend_from_slice(targets.labels(target));
                    kept.label_offsets.push(kept.labels.len() as u32);
                    kept.boxes.extend_from_slice(values);
                    kept.index.push(target);
                }
            }
            kept.offsets.push(kept.index.len());
            kept.ignored_offsets.push(kept.ignored.len() / COMPONENTS);
        }
        kept
    }
}
