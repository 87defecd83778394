//! Rank-two relaxation: spins become unit vectors in the plane, the best line
//! through them gives spins back, and the search goes on from there.
//!
//! ```text
//! minimize  f(θ) = −½ Σᵢⱼ Jᵢⱼ cos(θᵢ − θⱼ) − Σᵢ hᵢ cos θᵢ
//! ```
//!
//! the energy of an oscillator network without locking. One step of a replica:
//! its state as angles 0 and π, perturbed; descent of `f`; Procedure-CUT (the
//! [best angle](crate::oscillator::ReadOut::BestAngle)); descent by flips of
//! single spins and of coupled pairs. Where the result differs from the state,
//! the differences fall into clusters without couplings between them, each with
//! its own change of energy: those that do not raise it are taken.
//!
//! The descent is by coordinates, each to the minimum in the field of the others
//! and somewhat beyond: no step size, no line search, no sine.
//!
//! Sources: S. Burer, R. D. C. Monteiro and Y. Zhang, SIAM J. Optim. 12, 503
//! (2002); coordinate descent: P.-W. Wang, W.-C. Chang and J. Z. Kolter, arXiv
//! 1706.00476; clusters: D. Whitley, D. Hains and A. Howe, *Tunneling between
//! optima: partition crossover for the traveling salesman problem* (GECCO 2009).

mod local_search;
mod relaxation;

pub use relaxation::RankTwoRelaxation;
