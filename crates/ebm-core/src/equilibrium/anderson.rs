//! Anderson acceleration: the next state is extrapolated from the last few, by
//! the combination that makes the linearly predicted residual smallest.
//!
//! ```text
//! γ = argmin ‖F(x) − ΔF γ‖₂,      x ← x + h F(x) − (ΔX + h ΔF) γ
//! ```
//!
//! The columns of `ΔX` and `ΔF` are the last differences of states and
//! residuals. On a linear problem this is GMRES; near an equilibrium it
//! converges where the plain iteration diverges.
//!
//! Source: D. G. Anderson, *Iterative procedures for nonlinear integral
//! equations*, J. ACM 12 (1965); H. F. Walker and P. Ni, *Anderson acceleration
//! for fixed-point iterations*, SIAM J. Numer. Anal. 49 (2011).

use crate::vector::{axpy, dot, norm};
use crate::{Error, validate};

/// Anderson acceleration of `x + h F(x)`.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub struct Anderson {
    /// Number of past differences kept, ≥ 1; at most the dimension is used.
    pub memory: usize,
    /// First `h`, > 0; halved at every restart, which is when the residual
    /// runs away or stops falling.
    pub damping: f64,
}

impl Default for Anderson {
    /// Eight differences: a longer memory rarely pays, and eight cost less
    /// than one product with a dense coupling of a few hundred units. `h = 1`
    /// as for [`FixedPoint`](super::FixedPoint).
    fn default() -> Self {
        Self { memory: 8, damping: 1.0 }
    }
}

impl Anderson {
    /// Checks the fields.
    ///
    /// # Errors
    /// [`Error::Parameter`] unless `memory ≥ 1` and `damping > 0`.
    pub fn validate(&self) -> Result<(), Error> {
        if self.memory == 0 {
            return Err(Error::Parameter { what: "memory", expected: "at least 1", value: 0.0 });
        }
        validate::positive("damping", self.damping)
    }
}

/// A difference whose part independent of the newer ones is below this, relative
/// to its length, is left out: its coefficient would be noise.
const INDEPENDENT: f64 = 1e-8;

/// The past of one iteration.
#[derive(Debug)]
pub(super) struct History {
    /// State and residual of the last call, once there was one.
    last_x: Vec<f64>,
    last_f: Vec<f64>,
    started: bool,
    /// Ring of differences, one a row of length `n`.
    dx: Vec<f64>,
    df: Vec<f64>,
    filled: usize,
    next: usize,
}

/// Scratch that the iterations of a batch share.
#[derive(Debug)]
pub(super) struct Scratch {
    memory: usize,
    /// Orthonormal rows of length `n`.
    q: Vec<f64>,
    /// Upper triangle, column-major.
    r: Vec<f64>,
    gamma: Vec<f64>,
    chosen: Vec<usize>,
}

impl Scratch {
    pub(super) fn new(n: usize, memory: usize) -> Self {
        let memory = memory.min(n);
        Self {
            memory,
            q: vec![0.0; memory * n],
            r: vec![0.0; memory * memory],
            gamma: vec![0.0; memory],
            chosen: vec![0; memory],
        }
    }
}

impl History {
    pub(super) fn new(n: usize, memory: usize) -> Self {
        let ring = vec![0.0; memory.min(n) * n];
        Self {
            last_x: vec![0.0; n],
            last_f: vec![0.0; n],
            started: false,
            dx: ring.clone(),
            df: ring,
            filled: 0,
            next: 0,
        }
    }

    /// Forgets the past.
    pub(super) fn clear(&mut self) {
        self.filled = 0;
        self.next = 0;
        self.started = false;
    }

    /// Replaces `x`, whose residual is `f`, by the next state.
    pub(super) fn advance(&mut self, x: &mut [f64], f: &[f64], h: f64, scratch: &mut Scratch) {
        self.remember(x, f, scratch.memory);
        let rank = self.factorize(x.len(), scratch);
        let n = x.len();
        let Scratch { memory, q, r, gamma, chosen } = scratch;
        for j in (0..rank).rev() {
            let mut sum = dot(&q[j * n..(j + 1) * n], f);
            for k in j + 1..rank {
                sum -= r[j + k * *memory] * gamma[k];
            }
            gamma[j] = sum / r[j + j * *memory];
        }
        axpy(h, f, x);
        for (gamma, slot) in gamma.iter().zip(&chosen[..rank]) {
            let row = slot * n..(slot + 1) * n;
            axpy(-gamma, &self.dx[row.clone()], x);
            axpy(-gamma * h, &self.df[row], x);
        }
    }

    /// Stores the differences from the last state, and this one as the last.
    fn remember(&mut self, x: &[f64], f: &[f64], memory: usize) {
        let n = x.len();
        if self.started {
            let row = self.next * n..(self.next + 1) * n;
            for ((d, x), last) in self.dx[row.clone()].iter_mut().zip(x).zip(&self.last_x) {
                *d = x - last;
            }
            for ((d, f), last) in self.df[row].iter_mut().zip(f).zip(&self.last_f) {
                *d = f - last;
            }
            self.next = (self.next + 1) % memory;
            self.filled = (self.filled + 1).min(memory);
        }
        self.started = true;
        self.last_x.copy_from_slice(x);
        self.last_f.copy_from_slice(f);
    }

    /// QR factorization of the residual differences, newest first, by
    /// Gram–Schmidt run twice. Returns the number of columns kept.
    fn factorize(&self, n: usize, scratch: &mut Scratch) -> usize {
        let Scratch { memory, q, r, chosen, .. } = scratch;
        let memory = *memory;
        let mut rank = 0;
        for age in 1..=self.filled {
            let slot = (self.next + memory - age) % memory;
            let (done, rest) = q.split_at_mut(rank * n);
            let v = &mut rest[..n];
            v.copy_from_slice(&self.df[slot * n..(slot + 1) * n]);
            let size = norm(v);
            let column = &mut r[rank * memory..(rank + 1) * memory];
            column.fill(0.0);
            for _ in 0..2 {
                for (q, r) in done.chunks_exact(n).zip(&mut *column) {
                    let projection = dot(q, v);
                    *r += projection;
                    axpy(-projection, q, v);
                }
            }
            let length = norm(v);
            if length > INDEPENDENT * size {
                for v in v {
                    *v /= length;
                }
                column[rank] = length;
                chosen[rank] = slot;
                rank += 1;
            }
        }
        rank
    }
}
