//! Problems with integer couplings, in integers.
//!
//! ```text
//! H(s) = c + u (−½ Σᵢⱼ Aᵢⱼ sᵢ sⱼ − Σᵢ bᵢ sᵢ),     A, b integers,  u > 0 the unit
//! ```
//!
//! Solvers that count in integers neither drift nor round: gains stay exact
//! over any number of flips.

use crate::Ising;

/// The couplings and fields of an [`Ising`] problem as multiples of a unit.
#[derive(Debug, Clone, PartialEq)]
pub struct IntegerIsing {
    starts: Vec<u32>,
    columns: Vec<u32>,
    weights: Vec<i32>,
    fields: Vec<i32>,
    unit: f64,
    largest_field: i32,
}

/// Local fields stay below this, so that twice a gain fits `i32`.
const FIELD_LIMIT: f64 = (i32::MAX / 8) as f64;

impl IntegerIsing {
    /// The problem in integers, if its couplings and fields are multiples of
    /// some `2⁻ᵏ` (`k ≤ 16`, exactly) or `10⁻ᵏ` (`k ≤ 6`, to one part in 10¹²)
    /// and the local fields fit an `i32`.
    ///
    /// ```
    /// use ebm_optim::{IntegerIsing, Ising};
    /// let halves = Ising::from_couplings(3, &[(0, 1, 0.5), (1, 2, -1.5)])?;
    /// let integers = IntegerIsing::new(&halves).expect("multiples of a half");
    /// assert_eq!((integers.unit(), integers.neighbors(1).1), (0.5, &[1, -3][..]));
    /// # Ok::<(), ebm_optim::Error>(())
    /// ```
    #[must_use]
    pub fn new(problem: &Ising) -> Option<Self> {
        let n = problem.spins();
        let largest = Self::largest(problem);
        let values = || {
            let weights = (0..n).flat_map(|i| problem.couplings().neighbors(i).1);
            weights.chain(problem.fields()).copied()
        };
        let powers_of_two = (0..=16).map(|k| (f64::from(1_u32 << k), 0.0));
        let powers_of_ten = (1..=6).map(|k| (10_f64.powi(k), 1e-12));
        let grain = powers_of_two.chain(powers_of_ten).find(|&(grain, tolerance)| {
            largest * grain <= FIELD_LIMIT
                && values().all(|value| {
                    let scaled = value * grain;
                    (scaled - scaled.round()).abs() <= tolerance * scaled.abs()
                })
        })?;
        Some(Self::scaled(problem, grain.0, (largest * grain.0).round() as i32))
    }

    /// The problem in integers: exactly where [`new`](Self::new) finds a unit,
    /// otherwise rounded to multiples of a unit so small that the largest local
    /// field takes 28 bits.
    ///
    /// ```
    /// use ebm_optim::{IntegerIsing, Ising};
    /// let problem = Ising::from_couplings(3, &[(0, 1, 0.3), (1, 2, std::f64::consts::PI)])?;
    /// let integers = IntegerIsing::rounded(&problem);
    /// let coupling = f64::from(integers.neighbors(1).1[1]) * integers.unit();
    /// assert!((coupling - std::f64::consts::PI).abs() < 1e-7);
    /// # Ok::<(), ebm_optim::Error>(())
    /// ```
    #[must_use]
    pub fn rounded(problem: &Ising) -> Self {
        if let Some(exact) = Self::new(problem) {
            return exact;
        }
        let largest = Self::largest(problem);
        // Rounding adds at most half a unit a coupling; a power of two makes the
        // unit exact. The range of exponents keeps the unit a normal number.
        let exponent = (FIELD_LIMIT / 2.0).log2().floor() - largest.log2().ceil();
        let grain = exponent.clamp(-1000.0, 1000.0).exp2();
        Self::scaled(problem, grain, FIELD_LIMIT as i32)
    }

    fn largest(problem: &Ising) -> f64 {
        let row_bound = |i: usize| {
            let (_, weights) = problem.couplings().neighbors(i);
            weights.iter().map(|w| w.abs()).sum::<f64>() + problem.fields()[i].abs()
        };
        (0..problem.spins()).map(row_bound).fold(0.0, f64::max)
    }

    fn scaled(problem: &Ising, grain: f64, largest_field: i32) -> Self {
        let n = problem.spins();
        let integer = |value: &f64| (value * grain).round() as i32;
        let (mut starts, mut columns, mut weights) = (vec![0], vec![], vec![]);
        for i in 0..n {
            let (neighbors, row) = problem.couplings().neighbors(i);
            let stored = neighbors.iter().zip(row.iter().map(integer)).filter(|(_, w)| *w != 0);
            for (j, w) in stored {
                columns.push(*j);
                weights.push(w);
            }
            starts.push(columns.len() as u32);
        }
        let fields: Vec<i32> = problem.fields().iter().map(integer).collect();
        Self { starts, columns, weights, fields, unit: 1.0 / grain, largest_field }
    }

    /// Number of spins.
    #[must_use]
    pub fn spins(&self) -> usize {
        self.fields.len()
    }

    /// `u`.
    #[must_use]
    pub fn unit(&self) -> f64 {
        self.unit
    }

    /// `b`.
    #[must_use]
    pub fn fields(&self) -> &[i32] {
        &self.fields
    }

    /// The largest `Σⱼ |Aᵢⱼ| + |bᵢ|`: no local field is larger in magnitude.
    #[must_use]
    pub fn largest_field(&self) -> i32 {
        self.largest_field
    }

    /// Spins coupled to spin `i`, increasing, and the couplings `Aᵢⱼ ≠ 0`.
    ///
    /// # Panics
    /// If `i` is not below the number of spins, as slice indexing does.
    #[must_use]
    pub fn neighbors(&self, i: usize) -> (&[u32], &[i32]) {
        let row = self.starts[i] as usize..self.starts[i + 1] as usize;
        (&self.columns[row.clone()], &self.weights[row])
    }

    /// The local field `Σⱼ Aᵢⱼ sⱼ + bᵢ`, in units of `u`.
    ///
    /// # Panics
    /// As [`neighbors`](Self::neighbors), and if there are too few spins.
    #[must_use]
    pub fn local_field(&self, spins: &[i8], i: usize) -> i32 {
        let (neighbors, weights) = self.neighbors(i);
        let pairs = neighbors.iter().zip(weights);
        self.fields[i] + pairs.map(|(&j, w)| w * i32::from(spins[j as usize])).sum::<i32>()
    }

    /// `(H(s) − c) / u`.
    ///
    /// # Panics
    /// If there are too few spins.
    #[must_use]
    pub fn energy(&self, spins: &[i8]) -> i64 {
        let twice = |i: usize| {
            i64::from(spins[i])
                * (i64::from(self.local_field(spins, i)) + i64::from(self.fields[i]))
        };
        -(0..self.spins()).map(twice).sum::<i64>() / 2
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn energies_agree(
            weights in prop::collection::vec(-300_i32..300, 15),
            fields in prop::collection::vec(-300_i32..300, 6),
            grain in prop::sample::select(vec![1.0, 2.0, 8.0, 10.0, 1000.0]),
            bits in 0..64_u8,
        ) {
            let pairs: Vec<_> = (0..6)
                .flat_map(|i| (i + 1..6).map(move |j| (i, j)))
                .zip(&weights)
                .map(|((i, j), &w)| (i, j, f64::from(w) / grain))
                .collect();
            let fields = fields.iter().map(|&h| f64::from(h) / grain).collect();
            let problem = Ising::from_couplings(6, &pairs).unwrap().with_fields(fields).unwrap();
            let integers = IntegerIsing::new(&problem).unwrap();
            let spins: Vec<i8> = (0..6).map(|i| if bits >> i & 1 == 1 { 1 } else { -1 }).collect();
            let energy = integers.energy(&spins) as f64 * integers.unit();
            prop_assert!((energy - problem.energy(&spins).unwrap()).abs() < 1e-9 * problem.energy_bound().max(1.0));
            for i in 0..6 {
                let field = f64::from(integers.local_field(&spins, i)) * integers.unit();
                prop_assert!((field - problem.local_field(&spins, i).unwrap()).abs() < 1e-9);
                prop_assert!(integers.local_field(&spins, i).abs() <= integers.largest_field());
            }
        }
    }

    #[test]
    fn refuses_what_does_not_fit() {
        let with = |w: f64| IntegerIsing::new(&Ising::from_couplings(2, &[(0, 1, w)]).unwrap());
        assert!(with(std::f64::consts::PI).is_none());
        assert!(with(1e12).is_none());
        assert!(with(1e8).is_some());
        // A coupling of zero is none.
        assert_eq!(with(0.0).unwrap().neighbors(0).0.len(), 0);
    }
}
