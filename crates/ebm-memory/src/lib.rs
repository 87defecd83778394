//! Associative memories as energy-based dynamical models.
#![forbid(unsafe_code)]
