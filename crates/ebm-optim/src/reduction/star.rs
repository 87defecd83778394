//! What is left of a spin once its best value is taken: couplings and fields
//! of its neighbors.
//!
//! ```text
//! max_{s = ±1} s (Jₐa + J_b b + J_c c + h) = |Jₐa + J_b b + J_c c + h|
//!     = k + Σ kₓ x + Σ kₓᵧ xy + k_abc abc      over a, b, c = ±1
//! ```
//!
//! Eight values, eight coefficients. The cubic one vanishes with at most two
//! neighbors and without a field; then the spin is replaced by pairs exactly.
//! The zero-temperature limit of the decoration and star-triangle
//! transformations: M. E. Fisher, Phys. Rev. 113, 969 (1959),
//! doi:10.1103/PhysRev.113.969.

/// The coefficients of the maximum over the spin in the middle.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Star {
    pub(super) constant: f64,
    /// `kₐ, k_b, k_c`.
    pub(super) fields: [f64; 3],
    /// `k_ab, k_bc, k_ca`.
    pub(super) couplings: [f64; 3],
}

impl Star {
    /// `None` if the cubic coefficient does not vanish. Absent neighbors have
    /// weight zero.
    pub(super) fn new([a, b, c]: [f64; 3], field: f64) -> Option<Self> {
        // Patterns of signs up to a common one: +++, −++, +−+, ++−.
        let sums = [a + b + c, b + c - a, a + c - b, a + b - c];
        let even = sums.map(|x| 0.25 * (0.5 * (x + field).abs() + 0.5 * (x - field).abs()));
        let odd = sums.map(|x| 0.25 * (0.5 * (x + field).abs() - 0.5 * (x - field).abs()));
        let ([e, ea, eb, ec], [o, oa, ob, oc]) = (even, odd);
        // In this order the coefficients of an absent neighbor cancel exactly.
        let cubic = (o - oc) - (oa + ob);
        (cubic == 0.0).then_some(Self {
            constant: (e + ec) + (ea + eb),
            fields: [(o - oa) + (ob + oc), (o - ob) + (oa + oc), (o - oc) + (oa + ob)],
            couplings: [(e + ec) - (ea + eb), (e - ec) + (ea - eb), (e - ec) - (ea - eb)],
        })
    }

    /// Are all coefficients multiples of `1 / grain`?
    pub(super) fn is_multiple(&self, grain: f64) -> bool {
        let whole = |k: &f64| (k * grain).fract() == 0.0;
        whole(&self.constant) && self.fields.iter().chain(&self.couplings).all(whole)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(weights: [f64; 3], field: f64, star: &Star) {
        for bits in 0..8_u8 {
            let [a, b, c] = [1, 2, 4].map(|bit| if bits & bit == 0 { 1.0 } else { -1.0 });
            let value = (weights[0] * a + weights[1] * b + weights[2] * c + field).abs();
            let [ka, kb, kc] = star.fields;
            let [kab, kbc, kca] = star.couplings;
            let pairs = kab * a * b + kbc * b * c + kca * c * a;
            let sum = star.constant + ka * a + kb * b + kc * c + pairs;
            assert!((value - sum).abs() < 1e-14, "{weights:?} {field} at {bits:b}");
        }
    }

    proptest! {
        #[test]
        fn represents_up_to_two_neighbors(
            a in -1.0..1.0_f64, b in -1.0..1.0_f64, field in -1.0..1.0_f64,
        ) {
            check([a, b, 0.0], field, &Star::new([a, b, 0.0], field).unwrap());
            check([a, 0.0, 0.0], field, &Star::new([a, 0.0, 0.0], field).unwrap());
            check([0.0; 3], field, &Star::new([0.0; 3], field).unwrap());
            let star = Star::new([a, b, 0.0], field).unwrap();
            prop_assert_eq!((star.fields[2], star.couplings[1], star.couplings[2]), (0.0, 0.0, 0.0));
        }

        #[test]
        fn represents_three_without_a_field(
            a in -1.0..1.0_f64, b in -1.0..1.0_f64, c in -1.0..1.0_f64,
        ) {
            let star = Star::new([a, b, c], 0.0).unwrap();
            check([a, b, c], 0.0, &star);
            prop_assert_eq!(star.fields, [0.0; 3]);
        }

        #[test]
        fn integers_are_decided_exactly(
            weights in prop::array::uniform3(-4_i32..=4), field in -4_i32..=4,
        ) {
            let [a, b, c] = weights;
            let cubic: i32 = (0..8)
                .map(|bits| {
                    let [x, y, z] = [1, 2, 4].map(|bit| if bits & bit == 0 { 1 } else { -1 });
                    x * y * z * (a * x + b * y + c * z + field).abs()
                })
                .sum();
            let star = Star::new(weights.map(f64::from), f64::from(field));
            prop_assert_eq!(star.is_some(), cubic == 0);
            if let Some(star) = star {
                check(weights.map(f64::from), f64::from(field), &star);
                prop_assert!(star.is_multiple(4.0));
            }
        }
    }
}
