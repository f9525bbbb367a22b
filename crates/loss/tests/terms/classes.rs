//! The class term where queries have nothing else.

use proptest::prelude::*;

check_families!(Just(Vec::new()));
