//! Inner loops that are compiled for each instruction set and chosen at run
//! time. Each is checked against a plain form.

pub(crate) mod byte_bifurcation;
pub(crate) mod coherent;
pub(crate) mod dense;
pub(crate) mod discrete_bifurcation;
pub(crate) mod half_bytes;
pub(crate) mod kicks;
pub(crate) mod oscillator;
pub(crate) mod rank_two;
pub(crate) mod rows;
pub(crate) mod sign_panels;
pub(crate) mod sign_sums;
pub(crate) mod sign_tables;
pub(crate) mod spin_fields;
pub(crate) mod sweep;
pub(crate) mod weight_panels;
pub(crate) mod weighted_sums;
