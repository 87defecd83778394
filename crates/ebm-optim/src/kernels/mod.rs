//! Inner loops that are compiled for each instruction set and chosen at run
//! time. Each is checked against a plain form.

pub(crate) mod oscillator;
pub(crate) mod sweep;
