//! Damped fixed-point iteration, which is Euler's method with a step chosen for
//! contraction rather than accuracy.
//!
//! ```text
//! x ← x + h F(x)
//! ```
//!
//! Where `F` contracts, the step and its rate can be certified. With `F`
//! `ℓ`-Lipschitz and strongly contracting at rate `c` in a Euclidean norm,
//! possibly weighted, `h = c/ℓ²` contracts by `√(1 − c²/ℓ²)`; for the gradient
//! flow of an energy with curvature between `c` and `ℓ`, `h = 2/(c + ℓ)`
//! contracts by `(ℓ − c)/(ℓ + c)`.
//!
//! Source: F. Bullo, *Contraction Theory for Dynamical Systems* (2022), ch. 3;
//! Y. Nesterov, *Introductory Lectures on Convex Optimization* (2004), § 2.1.5.

use crate::{Error, validate};

/// Damped fixed-point iteration.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub struct FixedPoint {
    /// Choice of the step.
    pub step: Step,
}

impl Default for FixedPoint {
    /// Starts from `h = 1` and backs off: one is the step at which a leaky
    /// network `ẋ = −x + φ(Wx + b)` becomes the map `x ← φ(Wx + b)`.
    fn default() -> Self {
        Self { step: Step::BackOff { first: 1.0 } }
    }
}

/// The step `h` of a [`FixedPoint`] iteration, in units of time.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub enum Step {
    /// `first`, halved whenever the residual runs away or stops falling.
    BackOff {
        /// First step, > 0.
        first: f64,
    },
    /// A step the caller knows to contract. Never changed.
    Given(f64),
    /// `h = c/ℓ²`, certified for a field that contracts at rate `c > 0` and has
    /// Lipschitz constant `ℓ ≥ c`, both in the same, possibly weighted, ℓ₂
    /// norm.
    Contracting {
        /// `c`.
        rate: f64,
        /// `ℓ`.
        lipschitz: f64,
    },
    /// `h = 2/(c + ℓ)`, certified for the gradient flow of an energy whose
    /// Hessian has eigenvalues in `[c, ℓ]`.
    Gradient {
        /// `c > 0`.
        convexity: f64,
        /// `ℓ ≥ c`.
        smoothness: f64,
    },
}

impl Step {
    /// `h`, and whether it may be reduced.
    pub(super) fn resolve(self) -> (f64, bool) {
        match self {
            Self::BackOff { first } => (first, true),
            Self::Given(h) => (h, false),
            Self::Contracting { rate, lipschitz } => (rate / lipschitz / lipschitz, false),
            Self::Gradient { convexity, smoothness } => (2.0 / (convexity + smoothness), false),
        }
    }

    /// Checks the constants.
    ///
    /// # Errors
    /// [`Error::Parameter`] unless they are positive and finite, and the upper
    /// one is not below the lower one.
    pub fn validate(&self) -> Result<(), Error> {
        let ordered = |what, lower: f64, upper: f64| {
            if upper >= lower {
                Ok(())
            } else {
                Err(Error::Parameter {
                    what,
                    expected: "at least the contraction rate",
                    value: upper,
                })
            }
        };
        match *self {
            Self::BackOff { first } => validate::positive("first step", first)?,
            Self::Given(h) => validate::positive("step", h)?,
            Self::Contracting { rate, lipschitz } => {
                validate::positive("contraction rate", rate)?;
                validate::positive("Lipschitz constant", lipschitz)?;
                ordered("Lipschitz constant", rate, lipschitz)?;
            }
            Self::Gradient { convexity, smoothness } => {
                validate::positive("convexity", convexity)?;
                validate::positive("smoothness", smoothness)?;
                ordered("smoothness", convexity, smoothness)?;
            }
        }
        // Extreme constants underflow.
        validate::positive("step", self.resolve().0)
    }
}
