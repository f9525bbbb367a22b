//! Choices that are read from bytes; where these end, every choice is the first one.

/// What is left of an input.
pub struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    pub fn new(data: &'a [u8]) -> Self {
        Self(data)
    }

    pub fn byte(&mut self) -> u8 {
        let Some((&first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        first
    }

    pub fn array<const N: usize>(&mut self) -> [u8; N] {
        std::array::from_fn(|_| self.byte())
    }

    pub fn flag(&mut self) -> bool {
        self.byte() & 1 == 1
    }

    /// Once in so many bytes.
    pub fn rarely(&mut self, once_in: u8) -> bool {
        self.byte() % once_in == once_in - 1
    }

    /// Below `n`, which is at most 256.
    pub fn below(&mut self, n: usize) -> usize {
        usize::from(self.byte()) % n
    }

    /// Below `n`, which may be large.
    pub fn index(&mut self, n: usize) -> usize {
        if n <= 256 { self.below(n) } else { usize::from(u16::from_le_bytes(self.array())) % n }
    }

    pub fn pick<T: Clone>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())].clone()
    }

    /// Any number, NaN and infinities among them.
    pub fn double(&mut self) -> f64 {
        f64::from_le_bytes(self.array())
    }

    /// Any number, NaN and infinities among them.
    pub fn single(&mut self) -> f32 {
        f32::from_le_bytes(self.array())
    }
}
