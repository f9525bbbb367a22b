//! Planes of bytes that targets or images have, such as masks: borrowed as they are, image by image.

/// The planes of an image, one after the other, each `[height, width]`; of 0 and 1.
#[derive(Clone, Copy, Debug, Default)]
pub struct Raster<'a> {
    /// Row after row.
    pub values: &'a [u8],
    /// Rows of a plane.
    pub height: usize,
    /// Columns of a plane.
    pub width: usize,
}

/// The planes of a batch by field: those of each image; empty where the batch has none.
pub(crate) type Rasters<'a> = [&'a [Raster<'a>]; MAX_FIELDS];

/// The most fields that queries, or targets, may have.
pub(crate) const MAX_FIELDS: usize = 16;

/// The planes of the targets of an image, or of some of them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ImageRasters<'a> {
    all: &'a Rasters<'a>,
    image: usize,
    /// The number of each target among all of the image; empty where all are here.
    index: &'a [usize],
}

impl<'a> Raster<'a> {
    /// One of the planes.
    pub(crate) fn plane(self, number: usize) -> Self {
        let length = self.height * self.width;
        Self { values: &self.values[number * length..][..length], ..self }
    }
}

impl<'a> ImageRasters<'a> {
    pub fn new(all: &'a Rasters<'a>, image: usize) -> Self {
        Self { all, image, index: &[] }
    }

    /// Those of some targets. `index`: their numbers, where they are not all.
    pub fn of(self, index: &'a [usize]) -> Self {
        Self { index, ..self }
    }

    /// The plane of a target.
    pub fn of_target(&self, field: usize, target: usize) -> Raster<'a> {
        let number = if self.index.is_empty() { target } else { self.index[target] };
        self.all[field][self.image].plane(number)
    }

    /// The plane of the image, if it has one.
    pub fn of_image(&self, field: usize) -> Option<Raster<'a>> {
        self.all[field].get(self.image).copied().filter(|raster| !raster.values.is_empty())
    }

    /// The least height and width that hold every plane of the batch.
    pub fn canvas(&self, field: usize) -> [usize; 2] {
        canvas(self.all[field])
    }
}

/// The least height and width that hold all of some planes.
pub(crate) fn canvas(rasters: &[Raster<'_>]) -> [usize; 2] {
    rasters.iter().fold([0; 2], |[height, width], raster| [height.max(raster.height), width.max(raster.width)])
}
