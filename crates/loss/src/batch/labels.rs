//! The distinct labels of one image's targets.

use lsap::memory::held;

use super::columns::Columns;
use super::targets::ImageTargets;

/// Each label once, and the distinct rows of class costs that follow.
#[derive(Debug, Default)]
pub(crate) struct Labels {
    /// Each label once, in order of first use.
    pub distinct: Vec<usize>,
    /// Which row each target has: that of its label in `distinct`, or where it has several, one of its own after those.
    pub row_of_target: Vec<usize>,
    /// Places in `distinct` of the labels of the targets that have several, or one whose value is not 1, with these values, one
    /// target after the other.
    members: Vec<(usize, f32)>,
    /// Where in `members` each of those ends.
    ends: Vec<usize>,
    /// Index of a label in `distinct`, or `NONE`; all `NONE` between calls.
    slots: Vec<u32>,
}

impl Labels {
    const NONE: u32 = u32::MAX;

    /// Takes the labels of an image's targets, each below `classes`; of an image that lacks columns, their places among those that
    /// it has.
    pub fn set(&mut self, targets: &ImageTargets<'_>, classes: usize, columns: Option<&Columns>) {
        self.distinct.clear();
        self.row_of_target.clear();
        self.members.clear();
        self.ends.clear();
        if self.slots.len() < classes {
            self.slots.resize(classes, Self::NONE);
        }
        for target in 0..targets.len() {
            if let (Some(label), None) = (targets.only_label(target), columns) {
                let row = self.slot(label);
                self.row_of_target.push(row);
                continue;
            }
            let place = |label: usize| columns.map_or(label, |columns| columns.place(label));
            let mut positives = targets.positives(target).map(|(label, value)| (place(label), value));
            match (positives.clone().next(), targets.labels(target).len()) {
                (Some((label, 1.0)), 1) => {
                    let row = self.slot(label);
                    self.row_of_target.push(row);
                }
                _ => {
                    positives.by_ref().for_each(|(label, value)| {
                        let slot = self.slot(label);
                        self.members.push((slot, value));
                    });
                    self.row_of_target.push(usize::MAX);
                    self.ends.push(self.members.len());
                }
            }
        }
        let own_rows = self.row_of_target.iter_mut().filter(|row| **row == usize::MAX);
        for (k, row) in own_rows.enumerate() {
            *row = self.distinct.len() + k;
        }
        for &label in &self.distinct {
            self.slots[label] = Self::NONE;
        }
    }

    /// Bytes of its memory.
    pub fn held(&self) -> usize {
        let Self { distinct, row_of_target, members, ends, slots } = self;
        [distinct, row_of_target, ends].map(held).iter().sum::<usize>() + held(members) + held(slots)
    }

    /// Rows of class costs.
    pub fn rows(&self) -> usize {
        self.distinct.len() + self.ends.len()
    }

    /// The labels, as places in `distinct`, with their values, of each target that has several, or one whose value is not 1.
    pub fn sets(&self) -> impl Iterator<Item = &[(usize, f32)]> {
        let starts = std::iter::once(&0).chain(&self.ends);
        starts.zip(&self.ends).map(|(&start, &end)| &self.members[start..end])
    }

    /// The labels of a target, as places in `distinct`, with their values.
    pub fn of_target(&self, target: usize) -> impl Iterator<Item = (usize, f32)> {
        let row = self.row_of_target[target];
        let (single, several) = match row.checked_sub(self.distinct.len()) {
            None => (Some((row, 1.0)), &[][..]),
            Some(set) => {
                let start = set.checked_sub(1).map_or(0, |before| self.ends[before]);
                (None, &self.members[start..self.ends[set]])
            }
        };
        single.into_iter().chain(several.iter().copied())
    }

    fn slot(&mut self, label: usize) -> usize {
        if self.slots[label] == Self::NONE {
            self.slots[label] = self.distinct.len() as u32;
            self.distinct.push(label);
        }
        self.slots[label] as usize
    }
}
