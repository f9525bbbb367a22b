//! L1 and the forms of IoU.

use proptest::prelude::*;

check_families!(Just(vec!["boxes"]));
