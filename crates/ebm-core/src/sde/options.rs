//! How to integrate a stochastic equation: step, refinement and seed.

use super::brownian::{check_level, width};
use crate::{Error, validate};

/// Step, refinement and seed of a run.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub struct Options {
    /// Base step, in units of time, > 0. It is shortened so that a whole number
    /// of steps makes up the span; one longer than the span is cut to it.
    pub step: f64,
    /// How many times the base step is halved. Runs that differ in the level
    /// alone follow the same Brownian path. At most
    /// [`MAX_LEVEL`](super::MAX_LEVEL).
    pub level: u32,
    /// Seed of the Brownian paths.
    pub seed: u64,
    /// Stream of the first trajectory; trajectory `j` draws from stream
    /// `first_stream + j`, modulo 2⁶⁴.
    pub first_stream: u64,
    /// Most steps, after refinement, that a run may take.
    pub max_steps: usize,
}

impl Default for Options {
    /// Steps of 0.01, a hundredth of the relaxation time of a field of unit
    /// scale, not halved; seed 0. At most 10⁹ steps: a step chosen too small by a
    /// slip is an error at once, not a run of days.
    fn default() -> Self {
        Self { step: 0.01, level: 0, seed: 0, first_stream: 0, max_steps: 1_000_000_000 }
    }
}

impl Options {
    /// Checks every field; the integrators call it first.
    ///
    /// # Errors
    /// [`Error::Parameter`] unless `step` is finite and positive and `level` is
    /// at most [`MAX_LEVEL`](super::MAX_LEVEL).
    pub fn validate(&self) -> Result<(), Error> {
        validate::positive("step", self.step)?;
        check_level(self.level)
    }
}

/// The times of a run: `start + i h`, the last one exactly the end.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Grid {
    start: f64,
    end: f64,
    /// Base step, after fitting it to the span.
    pub(super) base: f64,
    /// Step after refinement.
    pub(super) h: f64,
    /// Number of refined steps.
    pub(super) steps: usize,
}

impl Grid {
    pub(super) fn new((start, end): (f64, f64), options: &Options) -> Result<Self, Error> {
        options.validate()?;
        validate::span(start, end)?;
        let (step, length) = (options.step, end - start);
        // A span of a whole number of steps may miss that number by rounding.
        let slack = 1e-9;
        let base_steps = (length / step * (1.0 - slack)).ceil().max(1.0);
        let steps = base_steps * (1_u64 << options.level) as f64;
        // Beyond 2⁵² the times of the grid are no longer distinct.
        let limit = usize::try_from(1_u64 << 52).unwrap_or(usize::MAX).min(options.max_steps);
        if steps > limit as f64 {
            let expected = "at most max_steps and 2^52";
            return Err(Error::Parameter { what: "number of steps", expected, value: steps });
        }
        let base = length / base_steps;
        let h = width(base, options.level);
        if start + h <= start || end - h >= end {
            let expected = "larger than the spacing of floating-point times in the span";
            return Err(Error::Parameter { what: "step after refinement", expected, value: h });
        }
        Ok(Self { start, end, base, h, steps: steps as usize })
    }

    pub(super) fn time(&self, index: usize) -> f64 {
        if index == self.steps { self.end } else { self.start + self.h * index as f64 }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_input_panics_and_every_accepted_grid_moves(
            start: f64, end: f64, step: f64, level: u32, near in 0.0..1.0, fine in 0_u32..=40,
        ) {
            let spans = [(start, end), (start, start + near), (near, near + step.abs())];
            for (span, level) in spans.into_iter().zip([level, fine, fine]) {
                for step in [step, near * 1e-3] {
                    let options = Options { step, level, ..Options::default() };
                    if let Ok(grid) = Grid::new(span, &options) {
                        prop_assert!(grid.steps >= 1 && grid.h > 0.0);
                        prop_assert!(grid.time(0) < grid.time(1));
                        prop_assert!(grid.time(grid.steps - 1) < grid.time(grid.steps));
                        prop_assert_eq!(grid.time(grid.steps), span.1);
                    }
                }
            }
        }
    }

    #[test]
    fn the_grid_fills_the_span() -> Result<(), Error> {
        for (span, step, level, steps) in [
            ((0.0, 1.0), 0.1, 0, 10),
            ((0.0, 0.3), 0.1, 2, 12),
            ((-1.0, 1.0), 0.3, 0, 7),
            ((0.0, 1.0), 1.0, 3, 8),
            ((0.0, 1.0), 2.5, 1, 2),
        ] {
            let grid = Grid::new(span, &Options { step, level, ..Options::default() })?;
            assert_eq!((grid.steps, grid.time(0), grid.time(steps)), (steps, span.0, span.1));
            assert!(grid.base <= step * (1.0 + 1e-9));
            assert!((grid.time(steps - 1) + grid.h - span.1).abs() < 1e-14);
        }
        Ok(())
    }

    #[test]
    fn bad_input_is_rejected() {
        let grid = |span, step, level| {
            Grid::new(span, &Options { step, level, ..Options::default() }).map(|_| ())
        };
        for step in [0.0, -0.1, f64::NAN, f64::INFINITY] {
            assert!(matches!(grid((0.0, 1.0), step, 0), Err(Error::Parameter { .. })), "{step}");
        }
        for span in [(1.0, 1.0), (1.0, 0.0), (f64::NAN, 1.0), (0.0, f64::INFINITY)] {
            assert!(matches!(grid(span, 0.1, 0), Err(Error::Span { .. })), "{span:?}");
        }
        let refused =
            |found, name| matches!(found, Err(Error::Parameter { what, .. }) if what == name);
        assert!(refused(grid((0.0, 1.0), 0.1, 33), "refinement level"));
        for (span, step) in [((0.0, 1.0), 1e-300), ((0.0, 1.0), 1e-12), ((-1e308, 1e308), 1.0)] {
            assert!(refused(grid(span, step, 0), "number of steps"), "{span:?} {step}");
        }
        let budget = |max_steps| {
            Grid::new(
                (0.0, 1.0),
                &Options { step: 0.25, level: 1, max_steps, ..Options::default() },
            )
        };
        assert!(budget(8).is_ok());
        assert!(matches!(budget(7), Err(Error::Parameter { value: 8.0, .. })));
        assert!(matches!(grid((1e17, 1e17 + 64.0), 1.0, 0), Err(Error::Parameter { .. })));
    }

    #[cfg(feature = "serde")]
    #[test]
    fn options_survive_a_file() -> Result<(), serde_json::Error> {
        let options =
            Options { step: 0.1, level: 3, seed: u64::MAX, first_stream: 5, max_steps: 9 };
        let text = serde_json::to_string(&options)?;
        assert_eq!(serde_json::from_str::<Options>(&text)?, options);
        let unknown = text.replace("level", "levels");
        assert!(serde_json::from_str::<Options>(&unknown).is_err());
        Ok(())
    }
}
