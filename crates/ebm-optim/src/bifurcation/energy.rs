//! The Hamiltonian of the adiabatic machine.
//!
//! ```text
//! E(x, y) = Σᵢ [a₀ yᵢ²/2 + K xᵢ⁴/4 + (a₀ − a) xᵢ²/2] − c₀ (xᵀJx/2 + hᵀx)
//! ẋ = ∂E/∂y,   ẏ = −∂E/∂x,     a₀ = 1
//! ```
//!
//! With `K = 0` it is that of the ballistic machine between its walls. Source:
//! H. Goto, K. Tatsumura, A. R. Dixon, DOI 10.1126/sciadv.aav2372.

use ebm_core::{Coupling, Energy, Gradient, Workspace, validate};

use crate::{Error, Ising};

/// The Hamiltonian at a fixed pump `a`; states are all positions `x`, then all
/// momenta `y`.
///
/// ```
/// use ebm_core::{Energy, Gradient};
/// use ebm_optim::{Ising, bifurcation::BifurcationEnergy};
/// let pair = Ising::from_couplings(2, &[(0, 1, -1.0)])?;
/// let energy = BifurcationEnergy::new(&pair, 1.0, 0.5, 1.0)?;
/// // Far above threshold the positions of least energy are ±√c₀, opposed.
/// let x = 0.5_f64.sqrt();
/// assert!(energy.gradient_at(&[x, -x, 0.0, 0.0]).iter().all(|g| g.abs() < 1e-12));
/// assert!(energy.energy_at(&[x, -x, 0.0, 0.0]) < energy.energy_at(&[x, x, 0.0, 0.0]));
/// # Ok::<(), ebm_optim::Error>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct BifurcationEnergy<'a> {
    problem: &'a Ising,
    kerr: f64,
    strength: f64,
    pump: f64,
}

impl<'a> BifurcationEnergy<'a> {
    /// The Hamiltonian with the Kerr coefficient `K`, the coupling strength `c₀`
    /// and the pump `a`.
    ///
    /// # Errors
    /// A coefficient or strength that is negative or not finite, a pump that is
    /// not finite.
    pub fn new(problem: &'a Ising, kerr: f64, strength: f64, pump: f64) -> Result<Self, Error> {
        validate::non_negative("Kerr coefficient", kerr)?;
        validate::non_negative("coupling strength c0", strength)?;
        validate::finite("pump", &[pump])?;
        Ok(Self { problem, kerr, strength, pump })
    }
}

impl Energy for BifurcationEnergy<'_> {
    fn dim(&self) -> usize {
        2 * self.problem.spins()
    }

    fn energy(&self, state: &[f64], ws: &mut Workspace) -> f64 {
        let (x, y) = state.split_at(self.problem.spins());
        let pairs = self.problem.couplings().quadratic(x, ws);
        let mut single = 0.0;
        for ((x, y), h) in x.iter().zip(y).zip(self.problem.fields()) {
            let square = x * x;
            single +=
                0.5 * y * y + 0.25 * self.kerr * square * square + 0.5 * (1.0 - self.pump) * square
                    - self.strength * h * x;
        }
        single - 0.5 * self.strength * pairs
    }
}

impl Gradient for BifurcationEnergy<'_> {
    fn gradient(&self, state: &[f64], out: &mut [f64], ws: &mut Workspace) {
        let n = self.problem.spins();
        let (x, y) = state.split_at(n);
        let (out_x, out_y) = out.split_at_mut(n);
        out_y.copy_from_slice(y);
        self.problem.couplings().apply(x, out_x, ws);
        for ((out, x), h) in out_x.iter_mut().zip(x).zip(self.problem.fields()) {
            *out = (self.kerr * x * x + 1.0 - self.pump) * x - self.strength * (*out + h);
        }
    }
}
