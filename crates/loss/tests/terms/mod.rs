//! The terms, family by family.

/// The checks that every case passes, for cases of one part whose queries have the fields of some families.
macro_rules! check_families {
    ($families:expr) => {
        proptest::proptest! {
            #![proptest_config($crate::harness::cases(200))]

            #[test]
            fn terms_and_gradients_follow_the_definition(sketch in $crate::harness::plain($families)) {
                $crate::harness::checks::terms_and_gradients(&sketch.case());
            }

            #[test]
            fn matchings_have_the_least_cost(sketch in $crate::harness::plain($families)) {
                $crate::harness::checks::matchings(&sketch.case());
                $crate::harness::checks::matching_alone(&sketch.case());
                $crate::harness::checks::costs(&sketch.case());
            }

            #[test]
            fn bits_are_the_same_at_every_level_and_in_threads(sketch in $crate::harness::plain($families)) {
                $crate::harness::checks::bits(&sketch.case());
            }

            #[test]
            fn images_alone_have_the_bits_of_the_whole_batch(sketch in $crate::harness::plain($families)) {
                $crate::harness::checks::images_alone(&sketch.case());
            }

            #[test]
            fn queries_that_are_not_finite_are_left_out_and_counted(
                sketch in $crate::harness::plain($families),
                at in 0.0..1.0,
                value in proptest::sample::select(vec![f32::NAN, f32::INFINITY, f32::NEG_INFINITY]),
            ) {
                $crate::harness::checks::not_finite(&sketch.case(), at, value);
            }
        }
    };
}

mod boxes;
mod classes;
mod edges;
mod masks;
mod points;
mod presence;
mod spans;

/// Any families together.
mod families {
    use crate::harness::subset;

    check_families!(subset());
}

#[test]
fn references_are_those_of_all_families_in_their_order() {
    let names = crate::harness::reference::REFERENCES.iter().map(|reference| reference.name());
    assert!(names.eq(hungarian_loss::describe().families.iter().map(|family| family.name)));
}
