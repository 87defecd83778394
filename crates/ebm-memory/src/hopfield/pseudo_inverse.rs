//! The pseudo-inverse or projection rule: every pattern is a fixed point, up to
//! `N` linearly independent ones.
//!
//! ```text
//! W = Ξ Ξ⁺ = Q Qᵀ,      Q an orthonormal basis of span{ξ¹ … ξᴷ},      W ξ^μ = ξ^μ
//! zero diagonal:  hᵢ = (Ws)ᵢ − W_ii sᵢ,   ξᵢ hᵢ(ξ) = 1 − W_ii ≥ 0
//! ```
//!
//! Patterns enter one by one (Gram and Schmidt, twice, which is as good as
//! Householder's reflections) and may leave again. A pattern in the span of
//! those before it adds nothing to `W` and is recalled all the same.
//!
//! Sources: L. Personnaz, I. Guyon, G. Dreyfus, J. Physique Lett. 46, L359
//! (1985), doi:10.1051/jphyslet:01985004608035900; I. Kanter, H. Sompolinsky,
//! Phys. Rev. A 35, 380 (1987), doi:10.1103/PhysRevA.35.380, for the network
//! without self-couplings; the two passes: L. Giraud et al., Numer. Math. 101,
//! 87 (2005), doi:10.1007/s00211-005-0615-4.

use ebm_core::coupling::DenseCoupling;
use ebm_core::{Batch, linalg, validate};

use super::{HopfieldNetwork, LowRankHopfield};
use crate::{Error, Patterns, patterns};

/// A pattern whose part outside a span is shorter than this share of its
/// length lies in the span: far above the rounding of the two passes, far
/// below the distance of any ±1 pattern that is not constructed to be close.
const DEPENDENT: f64 = 1e-9;

/// The projection on the span of patterns, kept as an orthonormal basis.
///
/// ```
/// use ebm_memory::{Patterns, Projection, Recall};
/// let patterns = Patterns::random_signs(100, 50, 1)?; // the Hebb rule holds 14
/// let projection = Projection::new(&patterns)?;
/// assert_eq!(projection.rank(), 50);
/// let recalled = Recall::default().retrieve(&projection.network()?, patterns.as_batch())?;
/// assert!(recalled.reports().iter().all(|r| r.flips == 0));
/// # Ok::<(), ebm_memory::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(try_from = "crate::serialized::learned::ProjectionData"))]
pub struct Projection {
    /// `Q`, `N × r`.
    basis: Vec<f64>,
    /// A column for every pattern: `ξ^μ ∝ Σ_k c_k q_k`, with as many coefficients
    /// as the rank was when the pattern came; later ones are zero.
    coefficients: Vec<Vec<f64>>,
    dependent: Vec<usize>,
    dim: usize,
}

#[cfg(feature = "serde")]
impl TryFrom<crate::serialized::learned::ProjectionData> for Projection {
    type Error = Error;

    fn try_from(written: crate::serialized::learned::ProjectionData) -> Result<Self, Error> {
        let crate::serialized::learned::ProjectionData { basis, coefficients, dependent, dim } =
            written;
        let what = "basis of the patterns";
        let rank = Batch::new(&basis, dim)?.count();
        if rank > dim {
            return Err(ebm_core::Error::TooLarge { what, size: rank, limit: dim }.into());
        }
        validate::finite(what, &basis)?;
        let mut products = vec![0.0; rank * rank];
        if rank > 0 {
            linalg::multiply_transposed(&basis, &basis, &mut products, dim);
        }
        let off = |(index, p): (usize, &f64)| {
            let expected = if index % (rank + 1) == 0 { 1.0 } else { 0.0 };
            (p - expected).abs() > DEPENDENT
        };
        if let Some(index) = products.iter().enumerate().position(off) {
            let (what, expected, value) =
                ("products of the basis", "those of an orthonormal basis", { products[index] });
            return Err(ebm_core::Error::Entry { what, index, expected, value }.into());
        }
        let what = "coefficients of a pattern";
        for coefficients in &coefficients {
            if coefficients.len() > rank {
                let (size, limit) = (coefficients.len(), rank);
                return Err(ebm_core::Error::TooLarge { what, size, limit }.into());
            }
            validate::finite(what, coefficients)?;
        }
        let (what, bound) = ("dependent patterns", coefficients.len());
        validate::dimension(what, bound.saturating_sub(rank), dependent.len())?;
        if let Some(&index) = dependent.iter().find(|mu| **mu >= bound) {
            return Err(ebm_core::Error::OutOfRange { what, index, bound }.into());
        }
        if let Some(index) = dependent.windows(2).position(|pair| pair[0] >= pair[1]) {
            let (expected, value) = ("an order that ascends", dependent[index + 1] as f64);
            return Err(ebm_core::Error::Entry { what, index: index + 1, expected, value }.into());
        }
        if bound < rank {
            let what = "patterns of the basis";
            return Err(ebm_core::Error::Dimension { what, expected: rank, found: bound }.into());
        }
        Ok(Self { basis, coefficients, dependent, dim })
    }
}

impl Projection {
    /// The projection on the span of `patterns`, which need not be ±1.
    /// Takes `4 N K²` operations.
    ///
    /// # Errors
    /// If there is no memory for the basis.
    pub fn new(patterns: &Patterns) -> Result<Self, Error> {
        let mut projection = Self::empty(patterns.dim())?;
        for pattern in patterns.as_batch().columns() {
            projection.add(pattern)?;
        }
        Ok(projection)
    }

    /// The projection on zero, for patterns of length `dim` to come.
    ///
    /// # Errors
    /// If `dim` is zero.
    pub fn empty(dim: usize) -> Result<Self, Error> {
        if dim == 0 {
            return Err(ebm_core::Error::Empty { what: "patterns" }.into());
        }
        Ok(Self { basis: vec![], coefficients: vec![], dependent: vec![], dim })
    }

    /// Adds a pattern, in `8 N r` operations for rank `r`. Returns whether it
    /// was outside the span, that is, whether the projection changed.
    ///
    /// # Errors
    /// If the pattern has another length or is not finite, or there is no memory
    /// for it.
    pub fn add(&mut self, pattern: &[f64]) -> Result<bool, Error> {
        validate::dimension("pattern", self.dim, pattern.len())?;
        validate::finite("pattern", pattern)?;
        // A span has no scale; squares of very large or small entries do.
        let largest = pattern.iter().fold(0.0, |m: f64, x| m.max(x.abs()));
        let scale = if largest > 0.0 { exponent_of(largest) } else { 1.0 };
        let mut rest: Vec<f64> = pattern.iter().map(|x| x / scale).collect();
        let length = norm(&rest);
        let mut coefficients = vec![0.0; self.rank()];
        remove_span(&self.basis, &mut rest, &mut coefficients);
        let outside = norm(&rest);
        let independent = self.rank() < self.dim && outside > DEPENDENT * length;
        if independent {
            let bytes = self.dim.saturating_mul(size_of::<f64>());
            let what = "basis of the patterns";
            self.basis
                .try_reserve(self.dim)
                .map_err(|_| ebm_core::Error::Allocation { what, bytes })?;
            self.basis.extend(rest.iter().map(|x| x / outside));
            coefficients.push(outside);
        } else {
            self.dependent.push(self.coefficients.len());
        }
        self.coefficients.push(coefficients);
        Ok(independent)
    }

    /// Removes pattern `index`; those after it move up by one. Returns whether
    /// the projection changed: it does not where the pattern lies in the span
    /// of the others.
    ///
    /// The direction that only this pattern needs is found among the `K`
    /// coefficient vectors and reflected out of the basis, in `O(r K² + N r)`.
    ///
    /// # Errors
    /// If there is no such pattern.
    pub fn remove(&mut self, index: usize) -> Result<bool, Error> {
        let count = self.count();
        if index >= count {
            let what = "pattern to remove";
            return Err(ebm_core::Error::OutOfRange { what, index, bound: count }.into());
        }
        let rank = self.rank();
        let mut leaving = self.coefficients.remove(index);
        leaving.resize(rank, 0.0);
        // The others' span within ℝʳ, in the order in which they came.
        let (mut others, mut dependent) = (vec![], vec![]);
        for (mu, coefficients) in self.coefficients.iter().enumerate() {
            let mut rest = coefficients.clone();
            rest.resize(rank, 0.0);
            let length = norm(&rest);
            remove_span(&others, &mut rest, &mut vec![0.0; others.len() / rank.max(1)]);
            let outside = norm(&rest);
            if others.len() < rank * rank && outside > DEPENDENT * length {
                others.extend(rest.iter().map(|x| x / outside));
            } else {
                dependent.push(mu);
            }
        }
        self.dependent = dependent;
        let kept = others.len() / rank.max(1);
        if kept == rank {
            return Ok(false);
        }
        remove_span(&others, &mut leaving, &mut vec![0.0; kept]);
        let length = norm(&leaving);
        leaving.iter_mut().for_each(|x| *x /= length);
        self.drop_direction(leaving);
        Ok(true)
    }

    /// Takes the unit vector `Q u` out of the basis: a reflection turns `u`
    /// into the last axis, which is cut off.
    fn drop_direction(&mut self, mut u: Vec<f64>) {
        let rank = u.len();
        // v = u ∓ e_r, with the sign that does not cancel.
        let sign = if u[rank - 1] < 0.0 { -1.0 } else { 1.0 };
        u[rank - 1] += sign;
        let scale = 2.0 / u.iter().map(|x| x * x).sum::<f64>();
        let mut along = vec![0.0; self.dim];
        linalg::multiply(&self.basis, &u, &mut along, self.dim);
        for (column, v) in self.basis.chunks_exact_mut(self.dim).zip(&u) {
            column.iter_mut().zip(&along).for_each(|(q, a)| *q -= scale * v * a);
        }
        self.basis.truncate(self.dim * (rank - 1));
        for c in &mut self.coefficients {
            c.resize(rank, 0.0);
            let along: f64 = c.iter().zip(&u).map(|(c, v)| c * v).sum();
            c.iter_mut().zip(&u).for_each(|(c, v)| *c -= scale * v * along);
            c.truncate(rank - 1);
        }
    }

    /// Length `N` of the patterns.
    #[must_use]
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// Number `K` of patterns, dependent ones included.
    #[must_use]
    pub fn count(&self) -> usize {
        self.coefficients.len()
    }

    /// Dimension `r` of their span.
    #[must_use]
    pub fn rank(&self) -> usize {
        self.basis.len() / self.dim
    }

    /// The patterns, by position, that lie in the span of those before them.
    #[must_use]
    pub fn dependent(&self) -> &[usize] {
        &self.dependent
    }

    /// `Q`, one basis vector a column.
    #[must_use]
    pub fn basis(&self) -> Batch<'_> {
        Batch::new(&self.basis, self.dim).expect("whole columns")
    }

    /// `W = Q Qᵀ` with its diagonal, as a dense matrix.
    ///
    /// # Errors
    /// If an `N × N` matrix does not fit into memory.
    pub fn coupling(&self) -> Result<DenseCoupling, Error> {
        self.dense(false)
    }

    /// The Hopfield network of the projection: `W` without its diagonal. For
    /// patterns to be added and removed in operation,
    /// [`low_rank_network`](Self::low_rank_network) builds no matrix.
    ///
    /// # Errors
    /// As [`coupling`](Self::coupling).
    pub fn network(&self) -> Result<HopfieldNetwork, Error> {
        HopfieldNetwork::new(self.dense(true)?)
    }

    /// The same network by its basis, without an `N × N` matrix.
    ///
    /// # Errors
    /// If there is no pattern other than zero, or no memory for a copy of the
    /// basis.
    pub fn low_rank_network(&self) -> Result<LowRankHopfield, Error> {
        LowRankHopfield::new(self.basis(), &vec![self.dim as f64; self.rank()])
    }

    fn dense(&self, zero_diagonal: bool) -> Result<DenseCoupling, Error> {
        let n = self.dim;
        let mut entries = patterns::allocate_for("coupling matrix", n, n)?;
        entries.resize(n * n, 0.0);
        if self.rank() > 0 {
            linalg::add_outer(1.0, &self.basis, &self.basis, &mut entries, self.rank());
        }
        // At full rank W = I: rounding must not couple neurons.
        let rounding = 4.0 * (n + self.rank()) as f64 * f64::EPSILON;
        entries.iter_mut().filter(|w| w.abs() <= rounding).for_each(|w| *w = 0.0);
        if zero_diagonal {
            entries.iter_mut().step_by(n + 1).for_each(|w| *w = 0.0);
        }
        // The product may round W_ij and W_ji differently.
        Ok(DenseCoupling::symmetrized(n, entries, 1e-12)?)
    }
}

impl HopfieldNetwork {
    /// Stores ±1 patterns by the pseudo-inverse rule without self-couplings.
    /// Linearly dependent patterns are fixed points as well. Patterns that span
    /// all of `ℝᴺ` leave no coupling: every state is then a fixed point, and
    /// nothing is recalled. See [`Projection`] for the rank, for the rule with its
    /// diagonal and for adding and removing patterns.
    ///
    /// # Errors
    /// If an entry is not ±1, or an `N × N` matrix does not fit into memory.
    pub fn pseudo_inverse(patterns: &Patterns) -> Result<Self, Error> {
        patterns.check_signs()?;
        Projection::new(patterns)?.network()
    }
}

/// Subtracts from `x` its part in the span of the orthonormal columns of
/// `basis`, twice, and writes the coefficients of that part.
fn remove_span(basis: &[f64], x: &mut [f64], coefficients: &mut [f64]) {
    if basis.is_empty() {
        return;
    }
    let mut pass = vec![0.0; coefficients.len()];
    coefficients.fill(0.0);
    for _ in 0..2 {
        linalg::multiply_transposed(basis, x, &mut pass, x.len());
        linalg::add_multiply(-1.0, basis, &pass, x, x.len());
        coefficients.iter_mut().zip(&pass).for_each(|(c, p)| *c += p);
    }
}

/// The power of two at or below a positive number, so that division by it does
/// not round.
fn exponent_of(x: f64) -> f64 {
    // Subnormal numbers have no exponent of their own.
    f64::from_bits(x.to_bits() & f64::INFINITY.to_bits()).max(f64::MIN_POSITIVE)
}

fn norm(x: &[f64]) -> f64 {
    x.iter().map(|x| x * x).sum::<f64>().sqrt()
}

#[cfg(test)]
mod tests {
    use ebm_core::{Coupling, Gradient, Workspace};
    use proptest::prelude::*;

    use super::*;
    use crate::Recall;

    fn entries(projection: &Projection) -> Vec<f64> {
        let (coupling, n) = (projection.coupling().unwrap(), projection.dim());
        (0..n).flat_map(|j| coupling.column(j)[..n].to_vec()).collect()
    }

    fn distance(a: &[f64], b: &[f64]) -> f64 {
        a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
    }

    #[test]
    fn is_the_projection_and_keeps_the_patterns() {
        let patterns = Patterns::random_signs(60, 40, 3).unwrap();
        let coupling = Projection::new(&patterns).unwrap().coupling().unwrap();
        let ws = &mut Workspace::new();
        let mut out = vec![0.0; 60];
        for pattern in patterns.as_batch().columns() {
            coupling.apply(pattern, &mut out, ws);
            assert!(distance(&out, pattern) < 1e-12);
        }
        // W² = W on anything.
        let x = Patterns::random_signs(60, 1, 4).unwrap();
        coupling.apply(x.pattern(0), &mut out, ws);
        let mut twice = vec![0.0; 60];
        coupling.apply(&out, &mut twice, ws);
        assert!(distance(&out, &twice) < 1e-13);
    }

    #[test]
    fn patterns_that_span_everything_leave_no_coupling() {
        for (n, count) in [(4, 6), (8, 8), (20, 30), (50, 50), (50, 60), (200, 300)] {
            let patterns = Patterns::random_signs(n, count, 5).unwrap();
            let projection = Projection::new(&patterns).unwrap();
            let recalled =
                Recall::default().retrieve(&projection.network().unwrap(), patterns.as_batch());
            let flips: usize = recalled.unwrap().reports().iter().map(|r| r.flips).sum();
            assert_eq!(flips, 0, "{count} patterns of {n}");
            if projection.rank() == n {
                let coupling = projection.network().unwrap();
                let coupling = coupling.coupling();
                assert!((0..n).all(|j| coupling.column(j)[..n].iter().all(|w| *w == 0.0)));
            }
        }
    }

    #[test]
    fn orthogonal_patterns_give_the_hebb_rule() {
        let data = [[1.0, 1.0, 1.0, 1.0], [1.0, -1.0, 1.0, -1.0]].concat();
        let patterns = Patterns::new(data, 4).unwrap();
        let (a, b) = (
            HopfieldNetwork::pseudo_inverse(&patterns).unwrap(),
            HopfieldNetwork::hebb(&patterns).unwrap(),
        );
        for j in 0..4 {
            assert!(distance(a.coupling().column(j), b.coupling().column(j)) < 1e-15);
        }
    }

    #[test]
    fn dependent_patterns_are_reported_and_change_nothing() {
        let patterns = Patterns::random_signs(20, 3, 1).unwrap();
        let mut projection = Projection::new(&patterns).unwrap();
        let before = entries(&projection);
        let negative: Vec<f64> = patterns.pattern(1).iter().map(|x| -x).collect();
        assert!(!projection.add(&negative).unwrap());
        assert_eq!((projection.rank(), projection.count()), (3, 4));
        assert_eq!(projection.dependent(), [3]);
        assert_eq!(entries(&projection), before);
        // Its twin may then go without loss, and the copy takes its place.
        assert!(!projection.remove(1).unwrap());
        assert!(projection.dependent().is_empty());
        assert_eq!(entries(&projection), before);
        assert!(projection.remove(2).unwrap());
        assert_eq!(projection.rank(), 2);
    }

    #[test]
    fn more_patterns_than_neurons_give_the_identity() {
        let projection = Projection::new(&Patterns::random_signs(8, 40, 2).unwrap()).unwrap();
        assert_eq!((projection.rank(), projection.dependent().len()), (8, 32));
        let identity: Vec<f64> = (0..64).map(|k| f64::from(k % 9 == 0)).collect();
        assert!(distance(&entries(&projection), &identity) < 1e-13);
    }

    #[test]
    fn dense_and_low_rank_forms_agree() {
        let projection = Projection::new(&Patterns::random_signs(30, 7, 2).unwrap()).unwrap();
        let (dense, low) = (projection.network().unwrap(), projection.low_rank_network().unwrap());
        let x = Patterns::random_signs(30, 1, 9).unwrap();
        let (mut a, mut b) = (vec![0.0; 30], vec![0.0; 30]);
        let ws = &mut Workspace::new();
        dense.coupling().apply(x.pattern(0), &mut a, ws);
        low.gradient(x.pattern(0), &mut b, ws);
        b.iter_mut().for_each(|b| *b = -*b);
        assert!(distance(&a, &b) < 1e-13);
    }

    #[test]
    fn the_size_of_patterns_does_not_matter() {
        let patterns = Patterns::spherical(20, 5, 1).unwrap();
        let expected = Projection::new(&patterns).unwrap();
        // Powers of two, so that nothing rounds.
        for power in [-1000, -600, 600, 1020] {
            let scale = 2f64.powi(power);
            let data = patterns.as_batch().as_slice().iter().map(|x| scale * x).collect();
            let scaled = Projection::new(&Patterns::new(data, 20).unwrap()).unwrap();
            assert_eq!((scaled.rank(), scaled.basis()), (5, expected.basis()), "{power}");
        }
    }

    #[test]
    fn rejects_bad_patterns() {
        assert!(Projection::empty(0).is_err());
        let mut projection = Projection::empty(3).unwrap();
        assert!(projection.add(&[1.0; 2]).is_err());
        assert!(projection.add(&[1.0, f64::NAN, 1.0]).is_err());
        assert!(projection.remove(0).is_err());
        assert!(projection.low_rank_network().is_err());
        assert!(!projection.add(&[0.0; 3]).unwrap());
        assert_eq!(projection.dependent(), [0]);
        assert!(!projection.remove(0).unwrap());
        assert_eq!(projection.count(), 0);
        assert!(entries(&projection).iter().all(|w| *w == 0.0));
        let half = Patterns::new(vec![1.0, 0.5], 2).unwrap();
        assert!(HopfieldNetwork::pseudo_inverse(&half).is_err());
    }

    proptest! {
        #[test]
        fn removing_is_as_never_having_added(
            seed: u64, n in 2_usize..16, count in 1_usize..20, index in 0_usize..20,
        ) {
            let index = index % count;
            let patterns = Patterns::random_signs(n, count, seed).unwrap();
            let mut projection = Projection::new(&patterns).unwrap();
            let rank = projection.rank();
            let changed = projection.remove(index).unwrap();
            let mut others = Projection::empty(n).unwrap();
            for mu in (0..count).filter(|mu| *mu != index) {
                others.add(patterns.pattern(mu)).unwrap();
            }
            prop_assert_eq!(projection.rank(), others.rank());
            prop_assert_eq!(projection.dependent(), others.dependent());
            prop_assert_eq!(changed, others.rank() < rank);
            prop_assert!(distance(&entries(&projection), &entries(&others)) < 1e-10);
        }
    }
}
