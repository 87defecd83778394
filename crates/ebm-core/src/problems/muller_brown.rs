//! The Müller–Brown surface: three wells joined by two passes.
//!
//! ```text
//! E(x, y) = Σₖ Aₖ exp[aₖ(x − xₖ)² + bₖ(x − xₖ)(y − yₖ) + cₖ(y − yₖ)²]
//! ```
//!
//! Source: K. Müller and L. D. Brown, *Location of saddle points and minimum
//! energy paths by a constrained simplex optimization procedure*, Theoretica
//! Chimica Acta 53, 75 (1979), with its constants.

use crate::{Curvature, Energy, Gradient, Workspace};

const AMPLITUDE: [f64; 4] = [-200.0, -100.0, -170.0, 15.0];
const XX: [f64; 4] = [-1.0, -1.0, -6.5, 0.7];
const XY: [f64; 4] = [0.0, 0.0, 11.0, 0.6];
const YY: [f64; 4] = [-10.0, -10.0, -6.5, 0.7];
const X0: [f64; 4] = [1.0, 0.0, -0.5, -1.0];
const Y0: [f64; 4] = [0.0, 0.5, 1.5, 1.0];

/// The Müller–Brown surface in the plane, in the energy units of its paper.
///
/// Its stationary points are [`MINIMA`](Self::MINIMA) and
/// [`SADDLES`](Self::SADDLES). The deepest well, far from the origin, is
/// reached from the others only through both passes, which makes the surface a
/// standard test of samplers and path finders.
///
/// ```
/// use ebm_core::{Energy, problems::MullerBrown};
/// let deepest = MullerBrown.energy_at(&MullerBrown::MINIMA[0]);
/// assert!((deepest + 146.699_517).abs() < 1e-6);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MullerBrown;

impl MullerBrown {
    /// The three minima `(x, y)`, deepest first; energies −146.6995, −108.1667
    /// and −80.7678. Accurate to the last digit given.
    pub const MINIMA: [[f64; 2]; 3] = [
        [-0.558_223_634_633_0, 1.441_725_841_804_6],
        [0.623_499_404_930_8, 0.028_037_758_528_6],
        [-0.050_010_822_998_2, 0.466_694_104_871_9],
    ];

    /// The two saddles of index one, higher first; energies −40.6648 and
    /// −72.2489. Accurate to the last digit given.
    pub const SADDLES: [[f64; 2]; 2] =
        [[-0.822_001_558_732_7, 0.624_312_802_814_9], [0.212_486_582_000_8, 0.292_988_325_107_3]];
}

/// One Gaussian term at a point: its value and the derivatives of its exponent.
struct Term {
    value: f64,
    dx: f64,
    dy: f64,
}

fn terms(p: &[f64]) -> [Term; 4] {
    std::array::from_fn(|k| {
        let (x, y) = (p[0] - X0[k], p[1] - Y0[k]);
        Term {
            value: AMPLITUDE[k] * (XX[k] * x * x + XY[k] * x * y + YY[k] * y * y).exp(),
            dx: 2.0 * XX[k] * x + XY[k] * y,
            dy: XY[k] * x + 2.0 * YY[k] * y,
        }
    })
}

impl Energy for MullerBrown {
    fn dim(&self) -> usize {
        2
    }
    fn energy(&self, x: &[f64], _: &mut Workspace) -> f64 {
        terms(x).iter().map(|t| t.value).sum()
    }
}

impl Gradient for MullerBrown {
    fn gradient(&self, x: &[f64], out: &mut [f64], ws: &mut Workspace) {
        self.energy_gradient(x, out, ws);
    }
    fn energy_gradient(&self, x: &[f64], out: &mut [f64], _: &mut Workspace) -> f64 {
        let terms = terms(x);
        out[0] = terms.iter().map(|t| t.value * t.dx).sum();
        out[1] = terms.iter().map(|t| t.value * t.dy).sum();
        terms.iter().map(|t| t.value).sum()
    }
}

impl Curvature for MullerBrown {
    fn hessian_vec(&self, x: &[f64], v: &[f64], out: &mut [f64], ws: &mut Workspace) {
        let (hessian, ws) = ws.take(4);
        self.hessian(x, hessian, ws);
        out[0] = hessian[0] * v[0] + hessian[2] * v[1];
        out[1] = hessian[1] * v[0] + hessian[3] * v[1];
    }
    fn hessian(&self, x: &[f64], out: &mut [f64], _: &mut Workspace) {
        out.fill(0.0);
        for (k, t) in terms(x).iter().enumerate() {
            out[0] += t.value * (t.dx * t.dx + 2.0 * XX[k]);
            out[1] += t.value * (t.dx * t.dy + XY[k]);
            out[3] += t.value * (t.dy * t.dy + 2.0 * YY[k]);
        }
        out[2] = out[1];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Newton's method from a published point; returns the stationary point.
    fn polish(mut p: [f64; 2]) -> [f64; 2] {
        for _ in 0..20 {
            let g = MullerBrown.gradient_at(&p);
            let mut h = [0.0; 4];
            MullerBrown.hessian(&p, &mut h, &mut Workspace::new());
            let det = h[0] * h[3] - h[1] * h[2];
            p[0] -= (h[3] * g[0] - h[2] * g[1]) / det;
            p[1] -= (h[0] * g[1] - h[1] * g[0]) / det;
        }
        p
    }

    fn determinant(p: &[f64]) -> f64 {
        let mut h = [0.0; 4];
        MullerBrown.hessian(p, &mut h, &mut Workspace::new());
        h[0] * h[3] - h[1] * h[2]
    }

    #[test]
    fn stationary_points_are_exact() {
        for p in MullerBrown::MINIMA.iter().chain(&MullerBrown::SADDLES) {
            let q = polish(*p);
            assert!((p[0] - q[0]).abs() < 2e-13 && (p[1] - q[1]).abs() < 2e-13, "{p:?} {q:.16?}");
        }
    }

    #[test]
    fn stationary_points_have_their_published_energies() {
        let minima = [-146.699_517_21, -108.166_724_12, -80.767_818_13];
        let saddles = [-40.664_843_51, -72.248_940_11];
        for (p, e) in MullerBrown::MINIMA.iter().zip(minima) {
            assert!((MullerBrown.energy_at(p) - e).abs() < 1e-7, "{}", MullerBrown.energy_at(p));
            assert!(determinant(p) > 0.0);
        }
        for (p, e) in MullerBrown::SADDLES.iter().zip(saddles) {
            assert!((MullerBrown.energy_at(p) - e).abs() < 1e-7, "{}", MullerBrown.energy_at(p));
            assert!(determinant(p) < 0.0);
        }
    }
}
