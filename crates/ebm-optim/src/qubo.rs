//! Quadratic unconstrained binary optimization.
//!
//! ```text
//! minimize   f(x) = c + Σᵢ qᵢ xᵢ + Σ_{i<j} Qᵢⱼ xᵢ xⱼ      over x ∈ {0, 1}ⁿ
//!
//! x = (1 + s) / 2:   Jᵢⱼ = −Qᵢⱼ/4,   hᵢ = −qᵢ/2 − ¼ Σⱼ Qᵢⱼ,
//!                    offset = c + ½ Σᵢ qᵢ + ¼ Σ_{i<j} Qᵢⱼ
//! ```
//!
//! so that `f(x) = H(s)` exactly. Source: A. Lucas, arXiv 1302.5843, §1.

use ebm_core::coupling::SparseCoupling;
use ebm_core::validate;

use crate::{Error, Ising};

/// A quadratic function of binary variables, to be minimized.
///
/// ```
/// use ebm_optim::Qubo;
/// // At most one of two, and two is worth more: −x₀ − 2x₁ + 4 x₀x₁.
/// let choice = Qubo::new(vec![-1.0, -2.0], &[(0, 1, 4.0)])?;
/// assert_eq!(choice.value(&[0, 1])?, -2.0);
/// let ising = choice.to_ising()?;
/// assert_eq!(ising.energy(&[-1, 1])?, -2.0);
/// # Ok::<(), ebm_optim::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Qubo {
    linear: Vec<f64>,
    quadratic: SparseCoupling<f64>,
    constant: f64,
}

impl Qubo {
    /// From the coefficients `qᵢ` of `xᵢ` (their number is the number of
    /// variables) and `(i, j, Qᵢⱼ)` of `xᵢ xⱼ`, each pair once.
    ///
    /// # Errors
    /// No variables, an index out of range, a pair given twice or with itself,
    /// a coefficient that is not finite.
    pub fn new(linear: Vec<f64>, quadratic: &[(usize, usize, f64)]) -> Result<Self, Error> {
        validate::finite("linear coefficients", &linear)?;
        let quadratic = SparseCoupling::from_edges(linear.len(), quadratic)?;
        Ok(Self { linear, quadratic, constant: 0.0 })
    }

    /// The same function plus a constant.
    ///
    /// # Errors
    /// A value that is not finite.
    pub fn with_constant(mut self, constant: f64) -> Result<Self, Error> {
        validate::finite("constant", &[constant])?;
        self.constant = constant;
        Ok(self)
    }

    /// Number of variables.
    #[must_use]
    pub fn variables(&self) -> usize {
        self.linear.len()
    }

    /// `q`.
    #[must_use]
    pub fn linear(&self) -> &[f64] {
        &self.linear
    }

    /// `(i, j, Qᵢⱼ)` with `i < j`, in row order.
    pub fn quadratic(&self) -> impl Iterator<Item = (usize, usize, f64)> {
        (0..self.variables()).flat_map(move |i| {
            let (neighbors, weights) = self.quadratic.neighbors(i);
            let first = neighbors.partition_point(|&j| j as usize <= i);
            neighbors[first..].iter().zip(&weights[first..]).map(move |(&j, &w)| (i, j as usize, w))
        })
    }

    /// `c`.
    #[must_use]
    pub fn constant(&self) -> f64 {
        self.constant
    }

    /// `f(x)`.
    ///
    /// # Errors
    /// Too many or too few values, or one that is neither 0 nor 1.
    pub fn value(&self, x: &[u8]) -> Result<f64, Error> {
        validate::dimension("binary values", self.variables(), x.len())?;
        if let Some(index) = x.iter().position(|&x| x > 1) {
            return Err(Error::Binary { index, value: x[index] });
        }
        let set = |i: usize| x[i] == 1;
        let linear: f64 =
            self.linear.iter().enumerate().filter(|&(i, _)| set(i)).map(|(_, q)| q).sum();
        let pairs: f64 =
            self.quadratic().filter(|&(i, j, _)| set(i) && set(j)).map(|(_, _, q)| q).sum();
        Ok(self.constant + linear + pairs)
    }

    /// The Ising problem with `H(s) = f((1 + s)/2)`. Exact for integer
    /// coefficients up to 2⁵⁰.
    ///
    /// # Errors
    /// Coefficients whose magnitudes sum to infinity.
    pub fn to_ising(&self) -> Result<Ising, Error> {
        let couplings: Vec<_> = self.quadratic().map(|(i, j, q)| (i, j, -0.25 * q)).collect();
        let total: f64 = self.quadratic().map(|(_, _, q)| q).sum();
        let field = |i: usize| {
            let row: f64 = self.quadratic.neighbors(i).1.iter().sum();
            // 0 − x, so that no field is −0.
            0.0 - (0.5 * self.linear[i] + 0.25 * row)
        };
        let fields = (0..self.variables()).map(field).collect();
        let offset = self.constant + 0.5 * self.linear.iter().sum::<f64>() + 0.25 * total;
        Ising::from_couplings(self.variables(), &couplings)?
            .with_fields(fields)?
            .with_offset(offset)
    }

    /// The function with `f((1 + s)/2) = H(s)`.
    ///
    /// # Errors
    /// Coefficients beyond the largest finite number.
    pub fn from_ising(problem: &Ising) -> Result<Self, Error> {
        // s = 2x − 1:  −J ss' = −4J xx' + 2J x + 2J x' − J,   −h s = −2h x + h.
        let quadratic: Vec<_> = problem.pairs().map(|(i, j, w)| (i, j, -4.0 * w)).collect();
        let linear = (0..problem.spins()).map(|i| {
            let row: f64 = problem.couplings().neighbors(i).1.iter().sum();
            2.0 * (row - problem.fields()[i])
        });
        let constant = problem.offset() + problem.fields().iter().sum::<f64>()
            - problem.pairs().map(|(_, _, w)| w).sum::<f64>();
        Self::new(linear.collect(), &quadratic)?.with_constant(constant)
    }
}

/// Spins `s = 2x − 1` of binary values.
///
/// # Errors
/// A value that is neither 0 nor 1.
pub fn spins_of_binary(x: &[u8]) -> Result<Vec<i8>, Error> {
    let spin = |(index, &value): (usize, &u8)| match value {
        0 => Ok(-1),
        1 => Ok(1),
        _ => Err(Error::Binary { index, value }),
    };
    x.iter().enumerate().map(spin).collect()
}

/// Binary values `x = (1 + s)/2` of spins.
///
/// # Errors
/// A spin that is not ±1.
pub fn binary_of_spins(spins: &[i8]) -> Result<Vec<u8>, Error> {
    let binary = |(index, &value): (usize, &i8)| match value {
        -1 => Ok(0),
        1 => Ok(1),
        _ => Err(Error::Spin { index, value }),
    };
    spins.iter().enumerate().map(binary).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn values_agree_in_both_forms_exactly(
            linear in prop::collection::vec(-20_i32..20, 6),
            quadratic in prop::collection::vec(-20_i32..20, 15),
            constant in -9_i32..9,
        ) {
            let pairs: Vec<_> = (0..6)
                .flat_map(|i| (i + 1..6).map(move |j| (i, j)))
                .zip(&quadratic)
                .map(|((i, j), &q)| (i, j, f64::from(q)))
                .collect();
            let linear = linear.iter().map(|&q| f64::from(q)).collect();
            let qubo = Qubo::new(linear, &pairs).unwrap().with_constant(constant.into()).unwrap();
            let ising = qubo.to_ising().unwrap();
            let back = Qubo::from_ising(&ising).unwrap();
            for bits in 0..64_u8 {
                let x: Vec<u8> = (0..6).map(|i| bits >> i & 1).collect();
                let value = qubo.value(&x).unwrap();
                let spins = spins_of_binary(&x).unwrap();
                prop_assert_eq!(ising.energy(&spins).unwrap(), value);
                prop_assert_eq!(back.value(&x).unwrap(), value);
                prop_assert_eq!(binary_of_spins(&spins).unwrap(), x);
            }
        }
    }

    #[test]
    fn rejects_what_is_not_binary() {
        let one = Qubo::new(vec![1.0], &[]).unwrap();
        assert_eq!(one.value(&[2]).unwrap_err().to_string(), "value 0 is 2, expected 0 or 1");
        assert!(one.value(&[0, 1]).is_err());
        assert!(Qubo::new(vec![], &[]).is_err());
        assert!(Qubo::new(vec![f64::NAN], &[]).is_err());
        assert!(one.with_constant(f64::INFINITY).is_err());
        assert!(spins_of_binary(&[0, 3]).is_err());
        assert!(binary_of_spins(&[0]).is_err());
    }
}
