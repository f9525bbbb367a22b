//! Exact sums of `f64`.
//!
//! [`Sum`] holds a sum of any numbers without any rounding: one long integer, in units of the smallest `f64`. Source:
//! Kulisch and Miranker 1986, "The arithmetic of the digital computer: a new approach". [`two_sum`] gives a sum and its
//! rounding error. Source: Knuth 1969, "The art of computer programming", volume 2.

use std::cmp::Ordering;

/// As many as the 2098 bits of a finite number take, with a sign and 100 bits for carries and [`Sum::shifted`].
const LIMBS: usize = 35;

/// Bits of a limb.
const BITS: usize = 64;

/// A sum and what was rounded off: together they are `a + b` exactly, as long as nothing overflows.
#[inline(always)]
pub(crate) fn two_sum(a: f64, b: f64) -> (f64, f64) {
    let sum = a + b;
    let from_b = sum - a;
    (sum, (a - (sum - from_b)) + (b - from_b))
}

/// An exact sum: an integer in two's complement, the lowest limb first, times 2^-1074.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sum([u64; LIMBS]);

impl Sum {
    pub const ZERO: Self = Self([0; LIMBS]);

    /// The sum of finite numbers.
    pub fn of(values: impl IntoIterator<Item = f64>) -> Self {
        let mut sum = Self::ZERO;
        values.into_iter().for_each(|value| sum.add(value));
        sum
    }

    /// Adds a finite number.
    pub fn add(&mut self, value: f64) {
        debug_assert!(value.is_finite(), "{value}");
        let bits = value.to_bits();
        let (exponent, fraction) = ((bits >> 52) as usize & 0x7ff, bits & ((1 << 52) - 1));
        let (digits, place) = if exponent == 0 { (fraction, 0) } else { (fraction | 1 << 52, exponent - 1) };
        let digits = u128::from(digits) << (place % BITS);
        let parts = [digits as u64, (digits >> BITS) as u64];
        let is_negative = value.is_sign_negative();
        let mut carries = false;
        for (k, limb) in self.0[place / BITS..].iter_mut().enumerate() {
            let part = parts.get(k).copied().unwrap_or(0);
            if k >= parts.len() && !carries {
                break;
            }
            let operation = if is_negative { u64::overflowing_sub } else { u64::overflowing_add };
            let (once, first) = operation(*limb, part);
            let (twice, second) = operation(once, u64::from(carries));
            (*limb, carries) = (twice, first || second);
        }
    }

    /// The opposite.
    fn negated(&self) -> Self {
        let mut carries = true;
        Self(self.0.map(|limb| {
            let (limb, carried) = (!limb).overflowing_add(u64::from(carries));
            carries = carried;
            limb
        }))
    }

    /// This less another sum.
    pub fn minus(&self, other: &Self) -> Self {
        let mut result = *self;
        let mut carries = true;
        for (limb, other) in result.0.iter_mut().zip(&other.0) {
            let (once, first) = limb.overflowing_add(!other);
            let (twice, second) = once.overflowing_add(u64::from(carries));
            (*limb, carries) = (twice, first || second);
        }
        result
    }

    /// This times 2 to the power of `bits`, fewer than 64.
    pub fn shifted(&self, bits: usize) -> Self {
        let mut below = 0;
        Self(self.0.map(|limb| {
            let wide = u128::from(limb) << bits | u128::from(below);
            below = (wide >> BITS) as u64;
            wide as u64
        }))
    }

    /// How it compares with 0.
    pub fn sign(&self) -> Ordering {
        if self.0[LIMBS - 1] >> (BITS - 1) == 1 {
            Ordering::Less
        } else if self.0.iter().any(|&limb| limb != 0) {
            Ordering::Greater
        } else {
            Ordering::Equal
        }
    }

    /// The largest `f64` that does not exceed it.
    pub fn below(&self) -> f64 {
        match self.sign() {
            Ordering::Equal => 0.0,
            Ordering::Greater => self.magnitude(false),
            Ordering::Less => -self.negated().magnitude(true),
        }
    }

    /// The smallest `f64` that it does not exceed.
    pub fn above(&self) -> f64 {
        -self.negated().below()
    }

    /// The value, which is positive, rounded up or down.
    fn magnitude(&self, up: bool) -> f64 {
        let top = self.0.iter().rposition(|&limb| limb != 0).unwrap_or(0);
        let length = top * BITS + (BITS - self.0[top].leading_zeros() as usize);
        // the lowest bit that a number of this length has
        let low = length.saturating_sub(53);
        let bit = |at: usize| self.0[at / BITS] >> (at % BITS) & 1;
        let mut digits = (low..length).rev().fold(0, |digits, at| digits << 1 | bit(at));
        digits += u64::from(up && (0..low).any(|at| bit(at) == 1));
        // the bits of a number are its digits, of which the highest counts as an exponent of 1, and the exponent above
        let value = f64::from_bits(digits.saturating_add((low.min(2046) as u64) << 52).min(f64::INFINITY.to_bits()));
        if up { value } else { value.min(f64::MAX) }
    }
}

#[cfg(test)]
mod tests {
    use super::{Sum, two_sum};
    use proptest::prelude::*;
    use std::cmp::Ordering;

    const SMALLEST: f64 = f64::from_bits(1);

    #[test]
    fn a_sum_of_one_number_is_that_number() {
        for value in [0.0, SMALLEST, f64::MIN_POSITIVE, 1.0, 0.1, 1e300, f64::MAX, f64::MIN_POSITIVE - SMALLEST] {
            for value in [value, -value] {
                let sum = Sum::of([value]);
                assert_eq!((sum.below(), sum.above()), (value, value));
                assert_eq!(sum.sign(), value.partial_cmp(&0.0).expect("a number"));
            }
        }
    }

    #[test]
    fn nothing_is_lost_between_the_largest_and_the_smallest_number() {
        let sum = Sum::of([f64::MAX, SMALLEST, -f64::MAX]);
        assert_eq!((sum.below(), sum.above()), (SMALLEST, SMALLEST));
        let sum = Sum::of([f64::MAX, -SMALLEST]);
        assert_eq!((sum.below(), sum.above()), (f64::MAX.next_down(), f64::MAX));
        let sum = Sum::of([-f64::MAX, SMALLEST]);
        assert_eq!((sum.below(), sum.above()), (-f64::MAX, (-f64::MAX).next_up()));
        let sum = Sum::of([f64::MAX; 1000]);
        assert_eq!((sum.below(), sum.above()), (f64::MAX, f64::INFINITY));
        let sum = Sum::of([-f64::MAX, -f64::MAX]);
        assert_eq!((sum.below(), sum.above()), (f64::NEG_INFINITY, -f64::MAX));
        let sum = Sum::of([f64::MAX, 1e292]); // half a unit in the last place, and more
        assert_eq!((sum.below(), sum.above()), (f64::MAX, f64::INFINITY));
    }

    #[test]
    fn shifting_multiplies_by_a_power_of_two() {
        for value in [0.1, -0.1, SMALLEST, -1e300] {
            assert_eq!(Sum::of([value]).shifted(20).below(), value * f64::from(1 << 20));
        }
        assert_eq!(Sum::of([-f64::MAX]).shifted(40).sign(), Ordering::Less);
    }

    /// Any finite number.
    fn number() -> impl Strategy<Value = f64> {
        any::<u64>().prop_map(f64::from_bits).prop_filter("finite", |value| value.is_finite())
    }

    proptest! {
        #[test]
        fn sums_do_not_depend_on_order_and_opposites_cancel(values in prop::collection::vec(number(), 0..20)) {
            let sum = Sum::of(values.iter().copied());
            let back = Sum::of(values.iter().rev().copied());
            prop_assert_eq!(sum.minus(&back).sign(), Ordering::Equal);
            let nothing = Sum::of(values.iter().chain(&values.iter().map(|v| -v).collect::<Vec<_>>()).copied());
            prop_assert_eq!(nothing.sign(), Ordering::Equal);
            prop_assert!(sum.below() <= sum.above());
            prop_assert!(sum.below() == sum.above() || sum.below().next_up() == sum.above());
            for (bound, side) in [(sum.below(), Ordering::Less), (sum.above(), Ordering::Greater)] {
                if bound.is_finite() {
                    prop_assert_ne!(Sum::of([bound]).minus(&sum).sign(), side.reverse());
                }
            }
        }

        #[test]
        fn two_numbers_are_their_rounded_sum_and_its_error(a in number(), b in number()) {
            let (sum, error) = two_sum(a, b);
            prop_assume!(sum.is_finite() && error.is_finite());
            prop_assert_eq!(Sum::of([a, b, -sum, -error]).sign(), Ordering::Equal);
        }
    }
}
