//! Which columns of the logits an image has: in open-vocabulary models each image has the tokens of its own caption, and in
//! federated data sets the classes that were looked for. Columns that it has not are never read.
//!
//! The class term works on the columns that there are, laid out one after the other, so that an image's loss has the bits that
//! it would have without the others.

/// The columns of an image, some of which are absent.
#[derive(Debug)]
pub(crate) struct Columns {
    /// Those that there are, ascending.
    existing: Vec<u32>,
    /// Of each column of the logits, its place among those, or `ABSENT`.
    places: Vec<u32>,
}

const ABSENT: u32 = u32::MAX;

impl Columns {
    /// By flags, one for each column, 1 for those that there are; nothing where there are all.
    pub fn new(flags: &[u8]) -> Option<Self> {
        if !flags.contains(&0) {
            return None;
        }
        let existing: Vec<u32> = (0..).zip(flags).filter(|&(_, &flag)| flag != 0).map(|(column, _)| column).collect();
        let mut places = vec![ABSENT; flags.len()];
        for (place, &column) in (0..).zip(&existing) {
            places[column as usize] = place;
        }
        Some(Self { existing, places })
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.existing.len()
    }

    /// All columns, absent ones included.
    pub fn width(&self) -> usize {
        self.places.len()
    }

    /// Whether there is a column.
    pub fn has(&self, column: usize) -> bool {
        self.places[column] != ABSENT
    }

    /// The place of a column that there is among those.
    #[inline]
    pub fn place(&self, column: usize) -> usize {
        self.places[column] as usize
    }

    /// Copies the columns that there are. `rows`: `[rows, width]`. `out`: becomes `[rows, count]`.
    pub fn gather(&self, rows: &[f32], out: &mut Vec<f32>) {
        out.clear();
        for row in rows.chunks_exact(self.width()) {
            out.extend(self.existing.iter().map(|&column| row[column as usize]));
        }
    }

    /// Writes the columns that there are, and 0 to the others. `values`: `[rows, count]`. `rows`: `[rows, width]`.
    pub fn scatter(&self, values: &[f32], rows: &mut [f32]) {
        rows.fill(0.0);
        for (row, values) in rows.chunks_exact_mut(self.width()).zip(values.chunks_exact(self.count())) {
            self.existing.iter().zip(values).for_each(|(&column, &value)| row[column as usize] = value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_that_there_are_keep_their_order_and_absent_ones_are_never_read() {
        assert!(Columns::new(&[1, 1, 1]).is_none());
        let columns = Columns::new(&[0, 1, 1, 0, 1]).expect("some are absent");
        let nan = f32::NAN;
        let mut gathered = vec![7.0];
        columns.gather(&[nan, 1.0, 2.0, nan, 3.0, nan, 4.0, 5.0, nan, 6.0], &mut gathered);
        assert_eq!(gathered, [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        let mut rows = [9.0; 10];
        columns.scatter(&gathered, &mut rows);
        assert_eq!(rows, [0.0, 1.0, 2.0, 0.0, 3.0, 0.0, 4.0, 5.0, 0.0, 6.0]);
        assert_eq!((columns.count(), columns.place(4), columns.has(3)), (3, 2, false));
    }
}
