//! Masks by cross-entropy, focal loss and dice.

use proptest::prelude::*;

check_families!(Just(vec!["masks"]));
