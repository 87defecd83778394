//! What steers a machine during a run.

use ebm_core::{Error, validate};

use crate::schedule::Schedule;

/// Coupling, locking and noise over a run, each any piecewise linear function
/// of the elapsed fraction: a constant, a ramp, [pulses](Schedule::pulses).
///
/// ```
/// use ebm_optim::{oscillator::Drive, schedule::Schedule};
/// // Locking switched on and off five times while the coupling rises.
/// let drive = Drive {
///     coupling: Schedule::ramp(1.0, 7.0)?,
///     locking: Schedule::pulses(5, 0.5, 0.0, 2.0)?,
///     ..Drive::default()
/// };
/// assert_eq!(drive.locking.at(0.95), 2.0);
/// # Ok::<(), ebm_optim::ebm_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Drive {
    /// Coupling strength `K`.
    pub coupling: Schedule,
    /// Strength `K_s` of the second-harmonic injection.
    pub locking: Schedule,
    /// Noise amplitude `σ`: the temperature is `σ²/2`.
    pub noise: Schedule,
}

impl Default for Drive {
    /// `K = 1`, `K_s` from 0 to 0.5 and `σ` from 0.85 to 0, the best of a scan
    /// over random, planar, toroidal and dense graphs with `K` in units of
    /// [`natural_strength`](super::natural_strength): noise that falls to zero
    /// anneals, and locking stronger than the couplings freezes what it finds
    /// first.
    fn default() -> Self {
        let ramp = |start, end| Schedule::ramp(start, end).unwrap_or_else(|_| unreachable!());
        Self { coupling: ramp(1.0, 1.0), locking: ramp(0.0, 0.5), noise: ramp(0.85, 0.0) }
    }
}

impl Drive {
    /// The same values throughout.
    ///
    /// # Errors
    /// A value that is negative or not finite.
    pub fn constant(coupling: f64, locking: f64, noise: f64) -> Result<Self, Error> {
        validate::non_negative("coupling strength K", coupling)?;
        validate::non_negative("locking strength K_s", locking)?;
        validate::non_negative("noise amplitude", noise)?;
        Ok(Self {
            coupling: Schedule::constant(coupling)?,
            locking: Schedule::constant(locking)?,
            noise: Schedule::constant(noise)?,
        })
    }

    /// The schedules with their names.
    pub(super) fn named(&self) -> [(&'static str, &Schedule); 3] {
        [
            ("coupling strength K", &self.coupling),
            ("locking strength K_s", &self.locking),
            ("noise amplitude", &self.noise),
        ]
    }

    /// No schedule may be negative anywhere.
    pub(super) fn validate(&self) -> Result<(), Error> {
        self.named().iter().try_for_each(|(what, schedule)| schedule.non_negative(what))
    }
}
