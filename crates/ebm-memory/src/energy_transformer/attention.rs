//! The attention energy.
//!
//! ```text
//! K_h = W^K_h G,    Q_h = W^Q_h G                       Y × N, head h
//! S_h = β K_hᵀ Q_h,    P_h = softmax of every column of S_h, token B = C left out
//! E(G) = −(1/β) Σ_h Σ_C ln Σ_{B≠C} exp(S_h)_BC
//! ∂E/∂G = −Σ_h (W^K_hᵀ Q_h P_hᵀ + W^Q_hᵀ K_h P_h)
//! ```
//!
//! The second term of the derivative is attention with the keys as values; the
//! first, how a token is pulled by those that attend to it, is what makes the
//! whole a gradient.
//!
//! Source: B. Hoover et al., arXiv:2302.07253.

use ebm_core::random::{fill_normal, stream};
use ebm_core::vector_math::{log_sum_exp, softmax_in_place};
use ebm_core::{Curvature, Energy, Gradient, Workspace, linalg, validate};

use crate::{Error, patterns};

/// The shape of an attention.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub struct Attention {
    /// Number `N` of tokens, ≥ 2.
    pub tokens: usize,
    /// Length `D` of a token.
    pub dim: usize,
    /// Number `H` of heads.
    pub heads: usize,
    /// Length `Y` of keys and queries.
    pub head_dim: usize,
}

/// The energy of multi-head attention of `N` tokens, a function of the
/// activations `G`, one token after the other.
///
/// ```
/// use ebm_memory::ebm_core::{Energy, check::finite_difference};
/// use ebm_memory::energy_transformer::{Attention, AttentionEnergy};
/// let shape = Attention { tokens: 5, dim: 4, heads: 2, head_dim: 3 };
/// let energy = AttentionEnergy::random(shape, 0.5, 1)?;
/// let g: Vec<f64> = (0..20).map(|i| (i as f64).sin()).collect();
/// assert!(finite_difference::gradient(&energy, &g)?.relative < 1e-9);
/// # Ok::<(), ebm_memory::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(try_from = "crate::serialized::learned::AttentionData"))]
pub struct AttentionEnergy {
    shape: Attention,
    beta: f64,
    /// `W^K_h`, column-major `Y × D`, head after head.
    keys: Vec<f64>,
    /// `W^Q_h`, likewise.
    queries: Vec<f64>,
}

impl AttentionEnergy {
    /// From the matrices `W^K_h` and `W^Q_h`, `Y × D` column by column, head
    /// after head, at `β = 1/√Y`.
    ///
    /// # Errors
    /// If there are fewer than two tokens, another size is zero or too large, or
    /// the matrices do not have `H·Y·D` finite entries each.
    pub fn new(shape: Attention, keys: Vec<f64>, queries: Vec<f64>) -> Result<Self, Error> {
        let size = shape.check()?;
        for (what, matrix) in [("key matrices", &keys), ("query matrices", &queries)] {
            validate::dimension(what, size, matrix.len())?;
            validate::finite(what, matrix)?;
        }
        let beta = 1.0 / (shape.head_dim as f64).sqrt();
        Ok(Self { shape, beta, keys, queries })
    }

    /// Independent normal weights of standard deviation `scale ≥ 0`; the
    /// matrices of head `h` come from streams `2h` and `2h + 1` of `seed`.
    ///
    /// # Errors
    /// As [`new`](Self::new), and if the scale is negative or not finite.
    pub fn random(shape: Attention, scale: f64, seed: u64) -> Result<Self, Error> {
        validate::non_negative("scale of the weights", scale)?;
        let size = shape.check()?;
        let block = shape.head_dim * shape.dim;
        let draw = |first: u64| -> Result<Vec<f64>, Error> {
            let mut weights =
                patterns::allocate_for("weights of the attention", block, shape.heads)?;
            weights.resize(size, 0.0);
            for (h, head) in (0..).zip(weights.chunks_exact_mut(block)) {
                fill_normal(&mut stream(seed, 2 * h + first), head);
                head.iter_mut().for_each(|w| *w *= scale);
            }
            Ok(weights)
        };
        Self::new(shape, draw(0)?, draw(1)?)
    }

    /// The same energy at inverse temperature `beta`.
    ///
    /// # Errors
    /// If `beta` is not a finite number above zero.
    pub fn with_beta(self, beta: f64) -> Result<Self, Error> {
        validate::positive("beta", beta)?;
        Ok(Self { beta, ..self })
    }

    /// The shape.
    #[must_use]
    pub fn shape(&self) -> Attention {
        self.shape
    }

    /// Inverse temperature `β`.
    #[must_use]
    pub fn beta(&self) -> f64 {
        self.beta
    }

    /// A number below `E` wherever every token has `‖g_B‖ ≤ radius`:
    /// `−N Σ_h (ln(N−1)/β + radius² ‖W^K_h‖ ‖W^Q_h‖)`, in Frobenius norms.
    #[must_use]
    pub fn lower_bound(&self, radius: f64) -> f64 {
        let tokens = self.shape.tokens as f64;
        let norm = |w: &[f64]| w.iter().map(|w| w * w).sum::<f64>().sqrt();
        let head =
            |(wk, wq)| (tokens - 1.0).ln() / self.beta + radius * radius * norm(wk) * norm(wq);
        -tokens * self.heads().map(head).sum::<f64>()
    }

    /// `(W^K_h, W^Q_h)` of every head.
    fn heads(&self) -> impl Iterator<Item = (&[f64], &[f64])> {
        let block = self.shape.head_dim * self.shape.dim;
        self.keys.chunks_exact(block).zip(self.queries.chunks_exact(block))
    }

    /// `K`, `Q` and `S` of one head, the diagonal of `S` at −∞.
    fn scores(
        &self,
        (wk, wq): (&[f64], &[f64]),
        g: &[f64],
        k: &mut [f64],
        q: &mut [f64],
        s: &mut [f64],
    ) {
        let Attention { tokens, head_dim, .. } = self.shape;
        linalg::multiply(wk, g, k, head_dim);
        linalg::multiply(wq, g, q, head_dim);
        linalg::multiply_transposed(k, q, s, head_dim);
        s.iter_mut().for_each(|s| *s *= self.beta);
        s.iter_mut().step_by(tokens + 1).for_each(|s| *s = f64::NEG_INFINITY);
    }
}

impl Attention {
    /// `H·Y·D`, if nothing is zero or too large.
    fn check(&self) -> Result<usize, Error> {
        let Self { tokens, dim, heads, head_dim } = *self;
        if tokens < 2 {
            let value = tokens as f64;
            let expected = "at least 2: a token does not attend to itself";
            return Err(
                ebm_core::Error::Parameter { what: "number of tokens", expected, value }.into()
            );
        }
        for (what, size) in
            [("token", dim), ("list of heads", heads), ("key of an attention head", head_dim)]
        {
            if size == 0 {
                return Err(ebm_core::Error::Empty { what }.into());
            }
        }
        let limit = isize::MAX as usize / size_of::<f64>();
        let product = |a: usize, b: usize| a.checked_mul(b).filter(|size| *size <= limit);
        let weights = product(heads, head_dim).and_then(|size| product(size, dim));
        // The scores, keys and states must be addressable, too.
        let fits = [(tokens, tokens), (tokens, head_dim), (tokens, dim)];
        match weights {
            Some(size) if fits.iter().all(|(a, b)| product(*a, *b).is_some()) => Ok(size),
            _ => {
                let size = heads.saturating_mul(head_dim).saturating_mul(dim.max(tokens));
                Err(ebm_core::Error::TooLarge { what: "attention", size, limit }.into())
            }
        }
    }
}

fn subtract(x: &[f64], y: &mut [f64]) {
    for (y, x) in y.iter_mut().zip(x) {
        *y -= x;
    }
}

impl Energy for AttentionEnergy {
    fn dim(&self) -> usize {
        self.shape.dim * self.shape.tokens
    }

    fn energy(&self, g: &[f64], ws: &mut Workspace) -> f64 {
        let Attention { tokens, head_dim, .. } = self.shape;
        let (k, ws) = ws.take(head_dim * tokens);
        let (q, ws) = ws.take(head_dim * tokens);
        let (s, _) = ws.take(tokens * tokens);
        let mut energy = 0.0;
        for head in self.heads() {
            self.scores(head, g, k, q, s);
            energy -= s.chunks_exact(tokens).map(log_sum_exp).sum::<f64>() / self.beta;
        }
        energy
    }
}

impl Gradient for AttentionEnergy {
    fn gradient(&self, g: &[f64], out: &mut [f64], ws: &mut Workspace) {
        self.energy_gradient(g, out, ws);
    }

    fn energy_gradient(&self, g: &[f64], out: &mut [f64], ws: &mut Workspace) -> f64 {
        let Attention { tokens, dim, head_dim, .. } = self.shape;
        let (k, ws) = ws.take(head_dim * tokens);
        let (q, ws) = ws.take(head_dim * tokens);
        let (s, ws) = ws.take(tokens * tokens);
        let (pulled, ws) = ws.take(head_dim * tokens);
        let (part, _) = ws.take(dim * tokens);
        let mut energy = 0.0;
        out.fill(0.0);
        for (wk, wq) in self.heads() {
            self.scores((wk, wq), g, k, q, s);
            for column in s.chunks_exact_mut(tokens) {
                energy -= softmax_in_place(column) / self.beta;
            }
            // W^Qᵀ K P, then W^Kᵀ Q Pᵀ.
            linalg::multiply(k, s, pulled, head_dim);
            linalg::multiply_transposed(wq, pulled, part, head_dim);
            subtract(part, out);
            pulled.fill(0.0);
            linalg::add_outer(1.0, q, s, pulled, tokens);
            linalg::multiply_transposed(wk, pulled, part, head_dim);
            subtract(part, out);
        }
        energy
    }
}

/// With a dot for the derivative along `V`: `Ṡ = β(K̇ᵀQ + KᵀQ̇)` and
/// `Ṗ = P ∘ (Ṡ − 1 (P·Ṡ))` column by column.
impl Curvature for AttentionEnergy {
    fn hessian_vec(&self, g: &[f64], v: &[f64], out: &mut [f64], ws: &mut Workspace) {
        let Attention { tokens, dim, head_dim, .. } = self.shape;
        let size = head_dim * tokens;
        let (k, ws) = ws.take(size);
        let (q, ws) = ws.take(size);
        let (k_dot, ws) = ws.take(size);
        let (q_dot, ws) = ws.take(size);
        let (p, ws) = ws.take(tokens * tokens);
        let (p_dot, ws) = ws.take(tokens * tokens);
        let (other, ws) = ws.take(tokens * tokens);
        let (pulled, ws) = ws.take(size);
        let (part, _) = ws.take(dim * tokens);
        out.fill(0.0);
        for (wk, wq) in self.heads() {
            self.scores((wk, wq), g, k, q, p);
            p.chunks_exact_mut(tokens).for_each(|column| {
                softmax_in_place(column);
            });
            linalg::multiply(wk, v, k_dot, head_dim);
            linalg::multiply(wq, v, q_dot, head_dim);
            linalg::multiply_transposed(k_dot, q, p_dot, head_dim);
            linalg::multiply_transposed(k, q_dot, other, head_dim);
            for (column, (p, other)) in p_dot
                .chunks_exact_mut(tokens)
                .zip(p.chunks_exact(tokens).zip(other.chunks_exact(tokens)))
            {
                for (s, other) in column.iter_mut().zip(other) {
                    *s = self.beta * (*s + other);
                }
                let mean: f64 = column.iter().zip(p).map(|(s, p)| s * p).sum();
                for (s, p) in column.iter_mut().zip(p) {
                    *s = p * (*s - mean);
                }
            }
            linalg::multiply(k_dot, p, pulled, head_dim);
            linalg::add_multiply(1.0, k, p_dot, pulled, head_dim);
            linalg::multiply_transposed(wq, pulled, part, head_dim);
            subtract(part, out);
            pulled.fill(0.0);
            linalg::add_outer(1.0, q_dot, p, pulled, tokens);
            linalg::add_outer(1.0, q, p_dot, pulled, tokens);
            linalg::multiply_transposed(wk, pulled, part, head_dim);
            subtract(part, out);
        }
    }
}
