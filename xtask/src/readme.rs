//! Compiles and runs the snippets of the README and of the guide as documentation tests.
#![doc = include_str!("../../README.md")]

#[cfg(doctest)]
#[doc = include_str!("../../docs/guide/boltzmann-machines.md")]
mod boltzmann_machines {}

#[cfg(doctest)]
#[doc = include_str!("../../docs/guide/certificates.md")]
mod certificates {}

#[cfg(doctest)]
#[doc = include_str!("../../docs/guide/couplings.md")]
mod couplings {}

#[cfg(doctest)]
#[doc = include_str!("../../docs/guide/energies-and-flows.md")]
mod energies_and_flows {}

#[cfg(doctest)]
#[doc = include_str!("../../docs/guide/integrators.md")]
mod integrators {}

#[cfg(doctest)]
#[doc = include_str!("../../docs/guide/ising-machines.md")]
mod ising_machines {}

#[cfg(doctest)]
#[doc = include_str!("../../docs/guide/memories.md")]
mod memories {}

#[cfg(doctest)]
#[doc = include_str!("../../docs/guide/reproducing.md")]
mod reproducing {}
