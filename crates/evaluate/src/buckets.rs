//! Entries sorted into classes, and within a class in the order of images, then as they are given.

use lsap::memory::reserve;

use crate::error::{Error, Result};
use crate::inputs::Entries;

/// An entry of a class.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Its number among all.
    pub index: u32,
    /// Its image, by its place in the order.
    pub image: u32,
}

/// Entries by class.
#[derive(Debug, Default)]
pub(crate) struct Buckets {
    entries: Vec<Entry>,
    /// `[classes + 1]`.
    starts: Vec<usize>,
}

impl Buckets {
    /// Sorts entries by their labels; where they are all of one class, that has within an image those of smaller labels
    /// first.
    ///
    /// # Errors
    /// [`Error::Memory`].
    pub fn new(entries: Entries<'_>, order: &[u32], classes: usize, is_class_agnostic: bool) -> Result<Self> {
        let count = entries.count();
        let (mut sorted, mut starts) = (Vec::new(), Vec::new());
        let argument = if entries.side == crate::error::Side::Targets { "targets" } else { "detections" };
        reserve(argument, &mut sorted, count as u128)?;
        reserve(argument, &mut starts, classes as u128 + 1)?;
        sorted.resize(count, Entry::default());
        starts.resize(classes + 1, 0);
        for &label in entries.labels {
            starts[label as usize + 1] += 1;
        }
        accumulate(&mut starts);
        // each start moves to the next one's place, from where it is shifted back
        for (image, &given) in order.iter().enumerate() {
            let [from, to] = [0, 1].map(|k| entries.offsets[given as usize + k]);
            for index in from..to {
                let place = &mut starts[entries.labels[index as usize] as usize];
                sorted[*place] = Entry { index, image: image as u32 };
                *place += 1;
            }
        }
        starts.copy_within(0..classes, 1);
        starts[0] = 0;
        if !is_class_agnostic {
            return Ok(Self { entries: sorted, starts });
        }
        Ok(Self { entries: by_image(argument, &sorted, order.len())?, starts: vec![0, count] })
    }

    /// The entries of a class.
    pub fn class(&self, class: usize) -> &[Entry] {
        &self.entries[self.starts[class]..self.starts[class + 1]]
    }
}

/// The entries of each image together, in the order in which they come.
fn by_image(argument: &'static str, entries: &[Entry], images: usize) -> std::result::Result<Vec<Entry>, Error> {
    let (mut sorted, mut places) = (Vec::new(), Vec::new());
    reserve(argument, &mut sorted, entries.len() as u128)?;
    reserve(argument, &mut places, images as u128 + 1)?;
    sorted.resize(entries.len(), Entry::default());
    places.resize(images + 1, 0usize);
    for entry in entries {
        places[entry.image as usize + 1] += 1;
    }
    accumulate(&mut places);
    for &entry in entries {
        let place = &mut places[entry.image as usize];
        sorted[*place] = entry;
        *place += 1;
    }
    Ok(sorted)
}

fn accumulate(counts: &mut [usize]) {
    let mut sum = 0;
    for count in counts {
        sum += *count;
        *count = sum;
    }
}
