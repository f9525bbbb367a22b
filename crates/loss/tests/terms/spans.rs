//! L1 and the forms of IoU in one dimension.

use proptest::prelude::*;

check_families!(Just(vec!["spans"]));
