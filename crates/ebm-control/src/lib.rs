//! Equilibria, contraction and Lyapunov certificates of energy-based dynamical models.
#![forbid(unsafe_code)]
