//! Predicted sides below 0, clamped: width and height, or the second corner to the first, count as what max(side, 0)
//! gives. As max does, they pass no gradient: that of a size is 0, and that of a second corner goes to the first, whose
//! place it took. At exactly 0 nothing is clamped.

use super::format::{BoxFormat, COMPONENTS};

/// Clamps the sides of `boxes`, `[queries, 4]`. Returns whether any was below 0.
pub(super) fn clamp(boxes: &mut [f32], format: BoxFormat) -> bool {
    let mut clamped = false;
    for values in boxes.chunks_exact_mut(COMPONENTS) {
        for axis in 0..2 {
            if is_negative(values, format, axis) {
                values[axis + 2] = if format == BoxFormat::Cxcywh { 0.0 } else { values[axis] };
                clamped = true;
            }
        }
    }
    clamped
}

/// Turns the gradient by a clamped box into that by the box as it was given.
pub(super) fn backward(values: &[f32], format: BoxFormat, gradient: &mut [f32]) {
    for axis in 0..2 {
        if is_negative(values, format, axis) {
            if format == BoxFormat::Xyxy {
                gradient[axis] = (gradient[axis] + gradient[axis + 2]).clamp(-f32::MAX, f32::MAX);
            }
            gradient[axis + 2] = 0.0;
        }
    }
}

fn is_negative(values: &[f32], format: BoxFormat, axis: usize) -> bool {
    match format {
        BoxFormat::Cxcywh => values[axis + 2] < 0.0,
        BoxFormat::Xyxy => values[axis + 2] < values[axis],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_below_0_become_0_and_lose_their_gradient() {
        let given = [0.5, 0.5, -0.25, 0.5, 0.5, 0.5, 0.0, -0.0, 0.5, 0.5, 0.1, -1e-30];
        let mut boxes = given;
        assert!(clamp(&mut boxes, BoxFormat::Cxcywh));
        assert_eq!(boxes, [0.5, 0.5, 0.0, 0.5, 0.5, 0.5, 0.0, -0.0, 0.5, 0.5, 0.1, 0.0]);
        assert!(!clamp(&mut boxes, BoxFormat::Cxcywh));
        let mut gradient = [1.0, 2.0, 3.0, 4.0];
        backward(&given[..4], BoxFormat::Cxcywh, &mut gradient);
        assert_eq!(gradient, [1.0, 2.0, 0.0, 4.0]);
        backward(&given[4..8], BoxFormat::Cxcywh, &mut gradient);
        assert_eq!(gradient, [1.0, 2.0, 0.0, 4.0], "at 0 nothing is clamped");
    }

    #[test]
    fn a_second_corner_before_the_first_moves_there_and_so_does_its_gradient() {
        let given = [0.5, 0.25, 0.25, 0.5];
        let mut boxes = given;
        assert!(clamp(&mut boxes, BoxFormat::Xyxy));
        assert_eq!(boxes, [0.5, 0.25, 0.5, 0.5]);
        let mut gradient = [1.0, 2.0, 3.0, 4.0];
        backward(&given, BoxFormat::Xyxy, &mut gradient);
        assert_eq!(gradient, [4.0, 2.0, 0.0, 4.0]);
        let mut gradient = [f32::MAX, 2.0, f32::MAX, 4.0];
        backward(&given, BoxFormat::Xyxy, &mut gradient);
        assert_eq!(gradient, [f32::MAX, 2.0, 0.0, 4.0], "the sum stays in range");
    }
}
